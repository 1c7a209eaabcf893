"""The tensors of a language model by the names of GPT-2, as nanoGPT and transformers keep them.

Both have wte and wpe, blocks h.0, h.1, … of ln_1, attn, ln_2 and mlp, ln_f and lm_head. The
matrices of transformers are inputs × outputs, and its GELU is the one with tanh; those of nanoGPT
are outputs × inputs, as PyTorch's Linear has them, and it has GELU itself.
Source: Radford, Wu, Child and others, Language models are unsupervised multitask learners (2019);
A. Karpathy, nanoGPT, model.py.
"""

from __future__ import annotations

import re
from typing import Callable, Sequence, TypeVar

from ..checks.words import excerpt, listed
from ..errors import FormatError
from ..lesson.activation_layers import GELU
from ..lesson.layer import Layer
from ..lesson.layers import Dense
from ..lesson.matrix import Matrix, Vector
from ..lesson.more_activations import TanhGELU
from ..lesson.network import Sequential
from ..lesson.normalization import LayerNorm
from ..lesson.residual import Residual
from ..lesson.sequences import Embedding, Positions
from . import assembly
from .sequence_tensors import Tensors

T = TypeVar("T")
EPS = 1e-5  # of all their LayerNorms
_MASKS = re.compile(r".*\bh\.[0-9]+\.attn\.(bias|masked_bias)")


def is_mask(name: str) -> bool:
    """Return whether a tensor only says which steps attention hides: all later ones."""
    return _MASKS.fullmatch(name) is not None


def gpt(where: str, tensors: Tensors, heads: int) -> Sequential:
    """Return the network of a language model, whose heads no tensor tells.

    Raises FormatError for a tensor that is missing, left over, or of another shape.
    """
    return _Gpt(where, tensors, heads).network()


class _Gpt:
    """The tensors that are left, without what their names begin with."""

    def __init__(self, where: str, tensors: Tensors, heads: int) -> None:
        firsts = [name[: -len("wte.weight")] for name in tensors if name.endswith("wte.weight")]
        if len(firsts) != 1:
            raise FormatError(
                f"{where} needs one tensor whose name ends in wte.weight for a model with heads, "
                f"got {listed(list(tensors))}"
            )
        self.where, self.heads = where, heads
        first = firsts[0]
        before = first[: -len("transformer.")] if first.endswith("transformer.") else first
        self.left = {
            name[len(first) :] if name.startswith(first) else name[len(before) :]: tensor
            for name, tensor in tensors.items()
            if name.startswith(before)
        }
        if len(self.left) != len(tensors):
            other = next(name for name in tensors if not name.startswith(before))
            raise FormatError(f"{where} has no place for the tensor {excerpt(other)}")
        shape = self.left["wte.weight"][0]
        self.kinds, self.width = shape if len(shape) == 2 else (0, 0)
        # nanoGPT has outputs × inputs
        packed = self.left.get("h.0.attn.c_attn.weight", ((0, 0), []))[0]
        self.turned = packed == (3 * self.width, self.width)

    def network(self) -> Sequential:
        """Return the network; all tensors need to be used."""
        n = self.width
        wte = self.rows("wte.weight", self.kinds, n)
        most = self.left.get("wpe.weight", ((0,), []))[0][0]
        wpe = self.rows("wpe.weight", most, n)
        layers: list[Layer] = [
            self.made("wte", lambda: Embedding(self.kinds, n, weights=wte)),
            self.made("wpe", lambda: Positions(most, n, weights=wpe)),
        ]
        blocks = 0
        while f"h.{blocks}.ln_1.weight" in self.left:
            layers += self.block(f"h.{blocks}.")
            blocks += 1
        layers.append(self.norm("ln_f"))
        # Without a head of its own, the model takes the table of kinds.
        if "lm_head.weight" in self.left:
            wte = self.rows("lm_head.weight", self.kinds, n)
        layers.append(assembly.dense(f"{self.where}: lm_head", wte, None, transposed=True))
        if self.left:
            raise FormatError(
                f"{self.where} has no place for the tensors {listed(list(self.left))}"
            )
        return assembly.assembled(self.where, layers)

    def block(self, name: str) -> list[Layer]:
        """Return attention and two Dense layers, each in a sum and after a LayerNorm."""
        n = self.width
        ones = [self.norm(f"{name}ln_1"), self.attention(f"{name}attn.")]
        wide = self.left.get(f"{name}mlp.c_fc.weight", ((0, 0), []))[0][0 if self.turned else -1]
        twos = [
            self.norm(f"{name}ln_2"),
            self.dense(f"{name}mlp.c_fc", n, wide),
            GELU() if self.turned else TanhGELU(),
            self.dense(f"{name}mlp.c_proj", wide, n),
        ]
        return [Residual(*ones), Residual(*twos)]

    def attention(self, name: str) -> Layer:
        n = self.width
        packed, output = self.dense(f"{name}c_attn", n, 3 * n), self.dense(f"{name}c_proj", n, n)
        thirds = (0, n, 2 * n)
        weights = [*([row[k : k + n] for row in packed.W] for k in thirds), output.W]
        biases = [*(packed.b[k : k + n] or None for k in thirds), output.b or None]
        return assembly.attention(f"{self.where}: {name[:-1]}", self.heads, True, weights, biases)

    def norm(self, name: str) -> LayerNorm:
        gamma, beta = self.vector(f"{name}.weight"), None
        if f"{name}.bias" in self.left:
            beta = self.vector(f"{name}.bias")
        return assembly.layer_norm(f"{self.where}: {name}", self.width, gamma, beta, EPS)

    def dense(self, name: str, inputs: int, outputs: int) -> Dense:
        sides = (outputs, inputs) if self.turned else (inputs, outputs)
        W = self.rows(f"{name}.weight", *sides)
        b = self.vector(f"{name}.bias", outputs) if f"{name}.bias" in self.left else None
        return assembly.dense(f"{self.where}: {name}", W, b, self.turned)

    def made(self, name: str, make: Callable[[], T]) -> T:
        return assembly.built(f"{self.where}: {name}", make)

    def vector(self, name: str, size: int | None = None) -> Vector:
        return self.numbers(name, (size or self.width,))

    def rows(self, name: str, count: int, width: int) -> Matrix:
        values = self.numbers(name, (count, width))
        return [values[i : i + width] for i in range(0, len(values), width)]

    def numbers(self, name: str, wanted: Sequence[int]) -> Vector:
        if name not in self.left:
            raise FormatError(f"{self.where} needs the tensor {name!r}, got {listed([*self.left])}")
        shape, values = self.left.pop(name)
        if shape != tuple(wanted) or 0 in shape:
            raise FormatError(f"{self.where} needs {name} of shape {tuple(wanted)}, got {shape}")
        return values
