"""Parameters: the numbers that training changes, as a layer's own matrices and vectors."""

from __future__ import annotations

from typing import NamedTuple

from .layer import Values
from .matrix import Matrix


class Parameter(NamedTuple):
    """Numbers that training changes: their name, the layer's own list, and their derivatives."""

    name: str
    value: Values
    gradient: Values

    @property
    def is_matrix(self) -> bool:
        """Whether the value is a matrix, such as weights, rather than a vector, such as a bias."""
        return rows_of(self.value) is self.value

    def rows(self) -> Matrix:
        """Return the value as a list of rows; a vector is one row."""
        return rows_of(self.value)

    def gradient_rows(self) -> Matrix:
        """Return the gradient as a list of rows, in the value's shape."""
        return rows_of(self.gradient)


def rows_of(value: Values) -> Matrix:
    """Return a matrix as it is, a vector as a matrix of one row."""
    if value and isinstance(value[0], list):
        return value
    return [value]  # type: ignore[list-item]


def copy_values(value: Values) -> Values:
    """Return a copy of a matrix or a vector that shares no list with it."""
    rows = rows_of(value)
    return [list(row) for row in rows] if rows is value else list(rows[0])


def count_values(value: Values) -> int:
    """Return how many numbers a matrix or a vector has."""
    return sum(map(len, rows_of(value)))
