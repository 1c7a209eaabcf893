"""PReLU: the activation that learns the slope of its negative side."""

from __future__ import annotations

import random

from ..checks.settings import flag, integer, number
from ..errors import ShapeError
from .layer import Layer, Values
from .matrix import Matrix, Vector
from .random_streams import stream


class PReLU(Layer):
    """Y = X where X > 0, else slope ∘ X: a leaky ReLU whose slopes are trained.

    Each column has a slope of its own, or all have one if `shared`; training starts from `initial`.
    Source: He, Zhang, Ren and Sun, Delving deep into rectifiers (2015), equation 1.

    >>> PReLU(2, initial=0.1).forward([[-10.0, 10.0]])
    [[-1.0, 10.0]]
    """

    def __init__(
        self, columns: int | None = None, shared: bool = False, initial: float = 0.25
    ) -> None:
        self.columns = None if columns is None else integer("PReLU", "columns", columns, least=1)
        self.shared = flag("PReLU", "shared", shared)
        self.initial = number("PReLU", "initial", initial)
        self.slope: Vector = []
        self.dslope: Vector = []

    def build(self, inputs: int | None, rng: random.Random) -> int | None:
        columns = self.columns or inputs
        if not (columns or self.shared) or inputs not in (None, columns):
            mend = "; write PReLU(columns)" if columns is None else ""
            raise ShapeError(f"PReLU needs {columns or 'a number of'} columns, got {inputs}{mend}")
        self.columns = columns
        if not self.slope:
            count = 1 if self.shared else columns or 0
            self.slope, self.dslope = [self.initial] * count, [0.0] * count
        return columns

    def slopes(self, columns: int) -> Vector:
        """Return the slope of each of so many columns."""
        return self.slope * columns if self.shared else self.slope

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        if not self.slope:
            self.build(len(X[0]), stream(0))
        self.X, a = X, self.slopes(len(X[0]))
        return [[x if x > 0.0 else a_j * x for x, a_j in zip(row, a)] for row in X]

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX = dY where X > 0, else slope ∘ dY; store dslope = Σ dY ∘ X where X ≤ 0.

        y = slope · x there, so ∂y/∂x = slope and ∂y/∂slope = x, summed over all rows (and columns,
        if they share the slope).
        """
        terms = [
            [0.0 if x > 0.0 else dy * x for dy, x in zip(dy_row, row)]
            for dy_row, row in zip(dY, self.X)
        ]
        sums = [sum(column) for column in zip(*terms)]
        self.dslope = [sum(sums)] if self.shared else sums
        a = self.slopes(len(dY[0]))
        return [
            [dy if x > 0.0 else a_j * dy for dy, x, a_j in zip(dy_row, row, a)]
            for dy_row, row in zip(dY, self.X)
        ]

    def parameters(self) -> dict[str, Values]:
        return {"slope": self.slope}

    def gradients(self) -> dict[str, Values]:
        return {"slope": self.dslope}

    def shapes(self) -> dict[str, tuple[int, int]]:
        return {"slope": (1, 1 if self.shared else self.columns or 0)}

    def settings(self) -> dict[str, object]:
        return {"columns": self.columns, "shared": self.shared, "initial": self.initial}
