"""Normalization: layers that keep the numbers inside a network centred and of similar size.

All subtract a mean and divide by a standard deviation: those of each row in `LayerNorm`, of groups
of its columns in `GroupNorm`, and of each column of the batch in `BatchNorm`.
"""

from __future__ import annotations

import random
from math import sqrt
from typing import Mapping

from ..checks.settings import integer, number
from ..errors import ShapeError
from .layer import Layer, Values
from .matrix import Matrix, Row, Vector, column_sums, multiply, transpose
from .random_streams import stream


class _Normalization(Layer):
    """What all normalizations share: a scale `gamma` and a shift `beta` per column."""

    def __init__(self, columns: int | None = None, eps: float = 1e-5) -> None:
        name = type(self).__name__
        self.columns = None if columns is None else integer(name, "columns", columns, least=1)
        self.eps = number(name, "eps", eps, above=0)
        self.gamma: Vector = []
        self.beta: Vector = []
        self.dgamma: Vector = []
        self.dbeta: Vector = []

    def build(self, inputs: int | None, rng: random.Random) -> int:
        columns = self.columns or inputs
        if columns is None or inputs not in (None, columns):
            name = type(self).__name__
            mend = f"; write {name}(columns)" if columns is None else ""
            raise ShapeError(f"{name} needs {columns or 'a number of'} columns, got {inputs}{mend}")
        self.columns = columns
        if not self.gamma:
            self.gamma, self.beta = [1.0] * columns, [0.0] * columns
            self.dgamma, self.dbeta = [0.0] * columns, [0.0] * columns
        return columns

    def parameters(self) -> dict[str, Values]:
        return {"gamma": self.gamma, "beta": self.beta}

    def gradients(self) -> dict[str, Values]:
        return {"gamma": self.dgamma, "beta": self.dbeta}

    def shapes(self) -> dict[str, tuple[int, int]]:
        names = [*self.parameters(), *self.buffers()]
        return dict.fromkeys(names, (1, self.columns or 0))

    def scale_and_shift(self, X_hat: Matrix) -> Matrix:
        """Return Y = γ ∘ X̂ + β for each row."""
        self.X_hat = X_hat
        return [[g * x + b for g, x, b in zip(self.gamma, row, self.beta)] for row in X_hat]

    def scale_backward(self, dY: Matrix) -> Matrix:
        """Return dX̂ = γ ∘ dY; store dγ = Σ dY ∘ X̂ and dβ = Σ dY, summed over the rows."""
        self.dgamma = column_sums(multiply(dY, self.X_hat))
        self.dbeta = column_sums(dY)
        return [[g * dy for g, dy in zip(self.gamma, row)] for row in dY]


def _standardized(x: Row, eps: float) -> tuple[Vector, float, float, float]:
    """Return ((x − μ) / √(σ² + ε), μ, σ², 1 / √(σ² + ε)) with μ and σ² the mean and variance."""
    mean = sum(x) / len(x)
    variance = sum([(x_i - mean) * (x_i - mean) for x_i in x]) / len(x)
    inverse = 1.0 / sqrt(variance + eps)
    return [(x_i - mean) * inverse for x_i in x], mean, variance, inverse


def _standardized_backward(x_hat: Row, dx_hat: Row, inverse: float) -> Vector:
    """Return dx: (dx̂ − mean(dx̂) − x̂ mean(dx̂ ∘ x̂)) / √(σ² + ε).

    x̂ = (x − μ)/√(σ² + ε) depends on x directly, through μ and through σ²: a term for each.
    Source: Ioffe and Szegedy (2015), section 3.
    """
    n = len(x_hat)
    mean = sum(dx_hat) / n
    slope = sum([d * x for d, x in zip(dx_hat, x_hat)]) / n
    return [(d - mean - x * slope) * inverse for d, x in zip(dx_hat, x_hat)]


class LayerNorm(_Normalization):
    """Y = γ ∘ (x − μ) / √(σ² + ε) + β, with μ and σ² the mean and variance of each row x.

    Source: Ba, Kiros and Hinton (2016).
    """

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        if not self.gamma:
            self.build(len(X[0]), stream(0))
        results = [_standardized(x, self.eps) for x in X]
        self.inverses = [inverse for _, _, _, inverse in results]
        return self.scale_and_shift([x_hat for x_hat, _, _, _ in results])

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        return [
            _standardized_backward(x_hat, dx_hat, inverse)
            for x_hat, dx_hat, inverse in zip(self.X_hat, self.scale_backward(dY), self.inverses)
        ]

    def settings(self) -> dict[str, object]:
        return {"columns": self.columns, "eps": self.eps}


class GroupNorm(_Normalization):
    """Y = γ ∘ (x − μ) / √(σ² + ε) + β, with μ and σ² of each of `groups` equal parts of a row x.

    One group is `LayerNorm`. Source: Wu and He (2018).
    """

    def __init__(self, groups: int = 1, columns: int | None = None, eps: float = 1e-5) -> None:
        self.groups = integer("GroupNorm", "groups", groups, least=1)
        super().__init__(columns, eps)
        self._check_groups(self.columns or groups)

    def _check_groups(self, columns: int) -> None:
        if columns % self.groups:
            raise ShapeError(
                f"GroupNorm needs a number of columns that {self.groups} groups divide, got "
                f"{columns}"
            )

    def build(self, inputs: int | None, rng: random.Random) -> int:
        self._check_groups(self.columns or inputs or self.groups)
        return super().build(inputs, rng)

    def _in_groups(self, X: Matrix) -> Matrix:
        """Return each group of columns as a row of its own."""
        size = len(X[0]) // self.groups
        return [x[k : k + size] for x in X for k in range(0, len(x), size)]

    def _in_rows(self, parts: Matrix) -> Matrix:
        """Return groups of columns as whole rows again."""
        g = self.groups
        return [[x for part in parts[k : k + g] for x in part] for k in range(0, len(parts), g)]

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        if not self.gamma:
            self.build(len(X[0]), stream(0))
        results = [_standardized(x, self.eps) for x in self._in_groups(X)]
        self.inverses = [inverse for _, _, _, inverse in results]
        return self.scale_and_shift(self._in_rows([x_hat for x_hat, _, _, _ in results]))

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        dX_hat = self._in_groups(self.scale_backward(dY))
        parts = zip(self._in_groups(self.X_hat), dX_hat, self.inverses)
        return self._in_rows([_standardized_backward(*part) for part in parts])

    def settings(self) -> dict[str, object]:
        return {"groups": self.groups, "columns": self.columns, "eps": self.eps}


class BatchNorm(_Normalization):
    """Y = γ ∘ (x − μ) / √(σ² + ε) + β, with μ and σ² the mean and variance of each column x.

    In training they are the batch's; outside training, running averages of them, which move by
    `momentum` towards each batch's (the variance with n − 1, as in PyTorch).
    Source: Ioffe and Szegedy (2015).
    """

    least_rows = 2
    least_values: Mapping[str, float] = {"running_variance": 0.0}

    def __init__(
        self, columns: int | None = None, momentum: float = 0.1, eps: float = 1e-5
    ) -> None:
        self.momentum = number("BatchNorm", "momentum", momentum, least=0, most=1)
        self.running_mean: Vector = []
        self.running_variance: Vector = []
        super().__init__(columns, eps)

    def build(self, inputs: int | None, rng: random.Random) -> int:
        columns = super().build(inputs, rng)
        if not self.running_mean:
            self.running_mean, self.running_variance = [0.0] * columns, [1.0] * columns
        return columns

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        if not self.gamma:
            self.build(len(X[0]), stream(0))
        self.training = training
        if not training:
            means = self.running_mean
            self.inverses = inverses = [1.0 / sqrt(v + self.eps) for v in self.running_variance]
            return self.scale_and_shift(
                [[(x - m) * i for x, m, i in zip(row, means, inverses)] for row in X]
            )
        n = len(X)
        if n < 2:
            raise ShapeError(
                f"BatchNorm needs at least 2 rows in a batch to train, got {n}: choose a "
                "batch_size that does not leave a single row over, or use LayerNorm"
            )
        results = [_standardized(column, self.eps) for column in zip(*X)]
        self.inverses = [inverse for _, _, _, inverse in results]
        for j, (_, mean, variance, _) in enumerate(results):
            self.running_mean[j] += self.momentum * (mean - self.running_mean[j])
            unbiased = variance * n / (n - 1)
            self.running_variance[j] += self.momentum * (unbiased - self.running_variance[j])
        return self.scale_and_shift(transpose([x_hat for x_hat, _, _, _ in results]))

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        dX_hat = self.scale_backward(dY)
        if not self.training:
            return [[d * i for d, i in zip(row, self.inverses)] for row in dX_hat]
        return transpose(
            [
                _standardized_backward(x_hat, dx_hat, inverse)
                for x_hat, dx_hat, inverse in zip(
                    transpose(self.X_hat), transpose(dX_hat), self.inverses
                )
            ]
        )

    def buffers(self) -> dict[str, Values]:
        return {"running_mean": self.running_mean, "running_variance": self.running_variance}

    def settings(self) -> dict[str, object]:
        return {"columns": self.columns, "momentum": self.momentum, "eps": self.eps}


NORMALIZATION_LAYERS: tuple[type[Layer], ...] = (BatchNorm, LayerNorm, GroupNorm)
