"""Attention: each step of a sequence takes from the others what it asks for."""

from __future__ import annotations

import random
from math import sqrt
from typing import Mapping, Sequence

from ..checks.settings import flag, integer
from ..errors import SettingError, ShapeError
from .activations import softmax, softmax_backward
from .composite import Composite
from .layer import Layer, Step
from .layers import Dense
from .matrix import Matrix, Rows, Vector, add, matmul, scale, transpose
from .sequences import SequenceLayer

NAMES = ("query", "key", "value", "output")


class MultiHeadAttention(Composite, SequenceLayer):
    """Y = (H₁ … Hₕ) W_output + b, where each head H = softmax(Q Kᵀ / √d) V mixes the steps.

    Q, K and V are X W + b for weights of the query, the key and the value: what a step looks for,
    by what it is found, and what it hands over. The `width` columns of each are divided among the
    `heads`, d columns each. If `causal`, a step takes only from itself and those before it.

    `weights` are the four matrices, width × width (inputs × outputs), of query, key, value and
    output; without them, each is drawn as that of a `Dense`. `bias` is whether there are biases.
    Source: Vaswani, Shazeer, Parmar and others, Attention is all you need (2017), section 3.2.

    >>> one = [[1.0, 0.0], [0.0, 1.0]]
    >>> layer = MultiHeadAttention(2, 1, causal=True, weights=[one] * 4)
    >>> layer.forward([[0.0, 0.0], [2.0, 4.0]])[0]
    [0.0, 0.0]
    """

    def __init__(
        self,
        width: int,
        heads: int,
        causal: bool = False,
        bias: bool = True,
        weights: Sequence[Rows] | None = None,
    ) -> None:
        self.width = self.inputs = integer("MultiHeadAttention", "width", width, least=1)
        self.heads = integer("MultiHeadAttention", "heads", heads, least=1)
        self.causal = flag("MultiHeadAttention", "causal", causal)
        self.bias = flag("MultiHeadAttention", "bias", bias)
        if width % heads:
            raise SettingError(
                f"MultiHeadAttention needs a width that its heads divide, got {width} and {heads}"
            )
        given = [None] * 4 if weights is None else list(weights)
        if len(given) != 4:
            raise ShapeError(
                "MultiHeadAttention needs four matrices as weights, for query, key, value and "
                f"output, got {len(given)}"
            )
        self.parts: Mapping[str, Dense] = {
            name: Dense(width, width, bias=bias, weights=W) for name, W in zip(NAMES, given)
        }

    def build(self, inputs: int | None, rng: random.Random) -> int:
        if inputs not in (None, self.width):
            raise ShapeError(f"{self!r} needs {self.width} columns, got {inputs}")
        for part in self.parts.values():
            part.build(self.width, rng)
        return self.width

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        Q, K, V = (self.parts[name].forward(X) for name in NAMES[:3])
        self.found: list[tuple[int, int, int, Matrix, Matrix, Matrix, Matrix]] = []
        mixed: Matrix = []
        d = self.width // self.heads
        for start, end in self.runs(X):
            heads = []
            for c in range(0, self.width, d):
                q, k, v = ([row[c : c + d] for row in M[start:end]] for M in (Q, K, V))
                A = self.shares(q, k)
                self.found.append((start, end, c, q, k, v, A))
                heads.append(matmul(A, v))
            mixed += [[h for part in parts for h in part] for parts in zip(*heads)]
        return self.parts["output"].forward(mixed)

    def shares(self, q: Matrix, k: Matrix) -> Matrix:
        """Return A = softmax(Q Kᵀ / √d), row by row: how much each step takes from each other."""
        S = scale(matmul(q, transpose(k)), 1.0 / sqrt(len(q[0])))
        if not self.causal:
            return [softmax(s) for s in S]
        return [softmax(s[: t + 1]) + [0.0] * (len(s) - t - 1) for t, s in enumerate(S)]

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX, the sum of what comes back through the queries, the keys and the values.

        H = A V, so dV = Aᵀ dH and dA = dH Vᵀ. S = Q Kᵀ / √d and A = softmax(S), so with
        softmax's derivative dS, dQ = dS K / √d and dK = dSᵀ Q / √d. Where A is 0 because a step
        comes later, so is dS.
        """
        dM = self.parts["output"].backward(dY)
        dQ, dK, dV = ([[0.0] * self.width for _ in dM] for _ in range(3))
        factor = 1.0 / sqrt(self.width // self.heads)
        for start, end, c, q, k, v, A in self.found:
            d = len(q[0])
            dH = [row[c : c + d] for row in dM[start:end]]
            dA = matmul(dH, transpose(v))
            dS = scale([softmax_backward(a, da) for a, da in zip(A, dA)], factor)
            found = matmul(dS, k), matmul(transpose(dS), q), matmul(transpose(A), dH)
            for whole, part in zip((dQ, dK, dV), found):
                for row, numbers in zip(whole[start:end], part):
                    row[c : c + d] = numbers
        dX = self.parts["query"].backward(dQ, wants_dX)
        for name, dZ in (("key", dK), ("value", dV)):
            back = self.parts[name].backward(dZ, wants_dX)
            dX = add(dX, back) if wants_dX else dX
        return dX

    def stepper(self) -> Step:
        """Return a function that keeps the keys and values of all steps so far."""
        if not self.causal:
            raise SettingError(
                f"{self!r} attends to later steps, so it cannot take them one by one; causal=True"
            )
        K: Matrix = []
        V: Matrix = []
        d = self.width // self.heads

        def take(x: Vector) -> Vector:
            Q, key, value = (self.parts[name].forward([x]) for name in NAMES[:3])
            K.extend(key)
            V.extend(value)
            mixed: Vector = []
            for c in range(0, self.width, d):
                q, k, v = ([row[c : c + d] for row in M] for M in (Q, K, V))
                a = softmax(scale(matmul(q, transpose(k)), 1.0 / sqrt(d))[0])
                mixed += matmul([a], v)[0]
            return self.parts["output"].forward([mixed])[0]

        return take

    def settings(self) -> dict[str, object]:
        return {
            "width": self.width, "heads": self.heads, "causal": self.causal, "bias": self.bias
        }  # fmt: skip

    def __repr__(self) -> str:
        others = (", causal=True" if self.causal else "") + ("" if self.bias else ", bias=False")
        return f"MultiHeadAttention({self.width}, {self.heads}{others})"


ATTENTION_LAYERS: tuple[type[Layer], ...] = (MultiHeadAttention,)
