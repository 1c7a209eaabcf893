"""RMSNorm: normalization by the size of a row alone, as in language models."""

from __future__ import annotations

import random
from math import sqrt

from ..checks.settings import flag, integer, number
from ..errors import ShapeError
from .layer import Layer, Values
from .matrix import Matrix, Vector, column_sums, multiply
from .random_streams import stream


class RMSNorm(Layer):
    """Y = γ ∘ x / √(mean(x²) + ε) for each row x: LayerNorm without a mean and a shift.

    γ, a factor for each column, is trained; there is none if `gain` is False.
    Source: Zhang and Sennrich, Root mean square layer normalization (2019), equation 4.

    >>> RMSNorm(eps=1e-20, gain=False).forward([[4.0, -4.0]])
    [[1.0, -1.0]]
    """

    def __init__(self, eps: float = 1e-5, gain: bool = True, columns: int | None = None) -> None:
        self.columns = None if columns is None else integer("RMSNorm", "columns", columns, least=1)
        self.eps = number("RMSNorm", "eps", eps, above=0)
        self.gain = flag("RMSNorm", "gain", gain)
        self.gamma: Vector = []
        self.dgamma: Vector = []

    def build(self, inputs: int | None, rng: random.Random) -> int | None:
        columns = self.columns or inputs
        if (self.gain and columns is None) or inputs not in (None, columns):
            mend = "; write RMSNorm(columns=...)" if columns is None else ""
            raise ShapeError(
                f"RMSNorm needs {columns or 'a number of'} columns, got {inputs}{mend}"
            )
        self.columns = columns
        if self.gain and not self.gamma:
            self.gamma, self.dgamma = [1.0] * (columns or 0), [0.0] * (columns or 0)
        return columns

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        if self.gain and not self.gamma:
            self.build(len(X[0]), stream(0))
        self.inverses = [1.0 / sqrt(sum([x * x for x in row]) / len(row) + self.eps) for row in X]
        self.X_hat = [[x * inverse for x in row] for row, inverse in zip(X, self.inverses)]
        if not self.gain:
            return self.X_hat
        return [[g * x for g, x in zip(self.gamma, row)] for row in self.X_hat]

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX = (dX̂ − x̂ mean(dX̂ ∘ x̂)) / √(mean(x²) + ε); store dγ = Σ dY ∘ X̂.

        dX̂ = γ ∘ dY. x̂ = x r with r = 1/√(mean(x²) + ε) depends on x directly and through r, whose
        derivative by xᵢ is −r³ xᵢ / n = −r² x̂ᵢ / n.
        """
        if self.gain:
            self.dgamma = column_sums(multiply(dY, self.X_hat))
            dY = [[g * dy for g, dy in zip(self.gamma, row)] for row in dY]
        dX = []
        for x_hat, dx_hat, inverse in zip(self.X_hat, dY, self.inverses):
            slope = sum([d * x for d, x in zip(dx_hat, x_hat)]) / len(x_hat)
            dX.append([(d - x * slope) * inverse for d, x in zip(dx_hat, x_hat)])
        return dX

    def parameters(self) -> dict[str, Values]:
        return {"gamma": self.gamma} if self.gain else {}

    def gradients(self) -> dict[str, Values]:
        return {"gamma": self.dgamma} if self.gain else {}

    def shapes(self) -> dict[str, tuple[int, int]]:
        return {"gamma": (1, self.columns or 0)} if self.gain else {}

    def settings(self) -> dict[str, object]:
        return {"eps": self.eps, "gain": self.gain, "columns": self.columns}
