"""A table as a network takes it, which several estimators can share."""

from __future__ import annotations

from typing import NamedTuple, Sequence

from ..lesson.matrix import Matrix, Vector
from ..preprocessing import TableEncoder
from .targets import Targets


class Prepared(NamedTuple):
    """A table as a network takes it.

    encoder, targets: have learned from the rows to train on, and from all targets
    X, T, weights:    the encoded rows, their targets, and the weight of each row or None
    kept, apart:      the numbers of the rows to train on, and of those for early stopping
    """

    encoder: TableEncoder
    targets: Targets
    X: Matrix
    T: Matrix
    weights: Vector | None
    kept: list[int]
    apart: list[int]
    seed: int
    arrays: bool

    def part(self, numbers: Sequence[int]) -> tuple[Matrix, Matrix, Vector | None]:
        """Return rows, targets and weights of some rows, by their numbers."""
        X, T, weights = self.X, self.T, self.weights
        if len(numbers) == len(X):
            return X, T, weights
        some = None if weights is None else [weights[i] for i in numbers]
        return [X[i] for i in numbers], [T[i] for i in numbers], some
