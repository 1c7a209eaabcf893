"""Matrices as lists of rows, and the few operations that a neural network needs.

A matrix A of n rows and m columns is a list of n lists of m numbers; `A[i][j]` is row i, column j.
"""

from __future__ import annotations

from operator import mul
from typing import Callable, List, Sequence

from ..errors import ShapeError

Vector = List[float]
Matrix = List[List[float]]
Row = Sequence[float]
Rows = Sequence[Sequence[float]]

dot: Callable[[Row, Row], float]
try:
    from math import sumprod as dot  # type: ignore[attr-defined,no-redef,unused-ignore]
except ImportError:  # Python before 3.12

    def dot(a: Row, b: Row) -> float:
        """Return a · b = Σᵢ aᵢ bᵢ for two rows of equal length.

        >>> dot([1.0, 2.0], [3.0, 4.0])
        11.0
        """
        return sum(map(mul, a, b), 0.0)


def shape(A: Rows) -> tuple[int, int]:
    """Return (rows, columns) of A.

    Raises ShapeError if a row differs from the first in length, or is not a row.

    >>> shape([[1, 2, 3], [4, 5, 6]])
    (2, 3)
    """
    if len(A) == 0:
        return 0, 0
    try:
        lengths = list(map(len, A))
    except TypeError:
        i = next(i for i, row in enumerate(A) if not hasattr(row, "__len__"))
        raise ShapeError(
            f"a matrix needs rows of numbers, got {A[i]!r} as row {i}; did you mean [[...]]?"
        ) from None
    columns = lengths[0]
    if lengths.count(columns) < len(lengths):
        i = next(i for i, length in enumerate(lengths) if length != columns)
        raise ShapeError(
            f"a matrix needs rows of equal length, got {columns} columns in row 0 "
            f"and {lengths[i]} in row {i}"
        )
    return len(A), columns


def zeros(rows: int, columns: int) -> Matrix:
    """Return a matrix of `rows` rows and `columns` columns of 0.0.

    >>> zeros(2, 3)
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    return [[0.0] * columns for _ in range(rows)]


def identity(n: int) -> Matrix:
    """Return the n × n identity matrix I, for which I A = A I = A.

    >>> identity(2)
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return [[float(i == j) for j in range(n)] for i in range(n)]


def transpose(A: Rows) -> Matrix:
    """Return Aᵀ, the matrix whose rows are A's columns: (Aᵀ)ᵢⱼ = Aⱼᵢ.

    Raises ShapeError if A's rows differ in length.

    >>> transpose([[1, 2, 3], [4, 5, 6]])
    [[1, 4], [2, 5], [3, 6]]
    """
    shape(A)
    return [list(column) for column in zip(*A)]


def matmul(A: Rows, B: Rows) -> Matrix:
    """Return the product A B, of shape (rows of A, columns of B): (A B)ᵢⱼ = Σₖ Aᵢₖ Bₖⱼ.

    Raises ShapeError unless A has as many columns as B has rows.

    >>> matmul([[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]])
    [[13.0, 16.0]]
    """
    (n, k), (k_B, m) = shape(A), shape(B)
    if k != k_B:
        mend = "; did you mean transpose(B)?" if k == m else ""
        raise ShapeError(
            "matmul needs as many columns in A as rows in B, "
            f"got A ({n}, {k}) and B ({k_B}, {m}){mend}"
        )
    columns_of_B = list(zip(*B))
    return [[dot(row, column) for column in columns_of_B] for row in A]


def elementwise(f: Callable[[float], float], A: Rows) -> Matrix:
    """Return the matrix of f(Aᵢⱼ), in A's shape.

    >>> elementwise(abs, [[-1.0, 2.0]])
    [[1.0, 2.0]]
    """
    return [[f(a) for a in row] for row in A]


def _same_shape(name: str, A: Rows, B: Rows) -> None:
    if shape(A) != shape(B):
        raise ShapeError(f"{name} needs matrices of equal shape, got A {shape(A)} and B {shape(B)}")


def add(A: Rows, B: Rows) -> Matrix:
    """Return A + B, element by element. Raises ShapeError unless the shapes are equal.

    >>> add([[1.0, 2.0]], [[10.0, 20.0]])
    [[11.0, 22.0]]
    """
    _same_shape("add", A, B)
    return [[a + b for a, b in zip(x, y)] for x, y in zip(A, B)]


def subtract(A: Rows, B: Rows) -> Matrix:
    """Return A − B, element by element. Raises ShapeError unless the shapes are equal.

    >>> subtract([[11.0, 22.0]], [[10.0, 20.0]])
    [[1.0, 2.0]]
    """
    _same_shape("subtract", A, B)
    return [[a - b for a, b in zip(x, y)] for x, y in zip(A, B)]


def multiply(A: Rows, B: Rows) -> Matrix:
    """Return A ∘ B, the element-by-element (Hadamard) product, not the matrix product.

    Raises ShapeError unless the shapes are equal.

    >>> multiply([[1.0, 2.0]], [[3.0, 4.0]])
    [[3.0, 8.0]]
    """
    _same_shape("multiply", A, B)
    return [[a * b for a, b in zip(x, y)] for x, y in zip(A, B)]


def scale(A: Rows, factor: float) -> Matrix:
    """Return factor · A.

    >>> scale([[1.0, 2.0]], 3.0)
    [[3.0, 6.0]]
    """
    return [[factor * a for a in row] for row in A]


def add_row(A: Rows, row: Row) -> Matrix:
    """Return A with `row` added to each of its rows: Aᵢⱼ + rowⱼ.

    Raises ShapeError unless `row` is as long as A has columns.

    >>> add_row([[1.0, 2.0], [3.0, 4.0]], [10.0, 20.0])
    [[11.0, 22.0], [13.0, 24.0]]
    """
    if len(A) and shape(A)[1] != len(row):
        raise ShapeError(
            "add_row needs a row as long as A has columns, "
            f"got A {shape(A)} and a row of {len(row)}"
        )
    return [[a + r for a, r in zip(x, row)] for x in A]


def column_sums(A: Rows) -> Vector:
    """Return the sum of each column of A: Σᵢ Aᵢⱼ. Raises ShapeError if A's rows differ in length.

    >>> column_sums([[1.0, 2.0], [3.0, 4.0]])
    [4.0, 6.0]
    """
    shape(A)
    return [sum(column) for column in zip(*A)]
