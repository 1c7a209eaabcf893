"""The inputs of the packed engine, converted to integers once for the data set, without zeros."""

from __future__ import annotations

from itertools import compress
from math import ceil, dist, frexp, inf, log2, sqrt
from operator import itemgetter
from typing import Any, NamedTuple, Sequence

from ...lesson.matrix import Matrix, Vector
from .lanes import whole_numbers

# Inputs that are all multiples of 1 over one of these scales are kept exactly: truth tables and
# one-hot columns (1), 4-bit pixels (15, 16), 8-bit pixels (255, 256), numbers with few digits.
EXACT_SCALES = (1, 2, 4, 5, 8, 10, 15, 16, 20, 50, 100, 128, 255, 256)
EXACT_LIMIT = 2.0**10  # the largest integer that an exact scale may lead to
SAME = 2.0**-40  # how far from a multiple a float may be by rounding alone
MOST_DISTINCT = 4096  # data with more distinct numbers than this gets no exact scale

# Other inputs are rounded to 2^-14 times a power of two that fits their range: 14 bits take 8-12%
# more time than 12 (a wider lane) for a quarter of the error. The finest column should still have
# AIM steps from its least to its greatest number, and needs NEED; MOST_BITS is what lanes can hold.
INPUT_BITS = 14
MOST_BITS = 18
AIM = 2048
NEED = 32

# Below this share of nonzero numbers it pays to pick them, and the rows of weights that belong to
# them, out of each row: 27 + 90 ns for a product with its picking, against 90 (30 lanes).
SPARSE = 0.75
LEAST_COLUMNS = 8
LEAST_ONES = 4


MOST_KEPT = 1 << 16  # the most numbers to keep from one training to the next: a few MB


class SparseRow(NamedTuple):
    """One row of inputs without zeros; ones, which need no multiplication, are listed apart."""

    pick: Any
    values: tuple[int, ...]
    positions: Sequence[int]
    pick_ones: Any | None
    ones: Sequence[int]


class Inputs:
    """Rows x as integers round(x · scale), and their bounds.

    rows:   a `SparseRow` for each row if `sparse`, otherwise a tuple of all its integers
    norm:   the largest |x̂|₂ of a row, where x̂ = round(x · scale) / scale
    top:    the largest size of an integer
    error:  the largest |x̂ − x|; 0 on an exact scale (except for the rounding of floats)
    coarse: why this scale cannot represent the numbers well enough, or None
    """

    def __init__(self, X: Matrix, scale: int | None = None, most_bits: int = MOST_BITS) -> None:
        self.columns = len(X[0])
        zeros = (0.0,) * self.columns
        largest = max([max(max(x), -min(x)) for x in X])
        self.coarse: str | None = None
        exact = _exact_scale(X, largest, EXACT_SCALES if scale is None else (scale,))
        self.scale = exact or scale or self._fitting_scale(X, largest, most_bits)
        self.error = 0.0 if exact else 0.5 / self.scale
        self.top = max(1, round(largest * self.scale + 0.5))
        # math.dist is good to a few 2^-53 of its result.
        longest = max([dist(x, zeros) for x in X])
        self.norm = (longest + sqrt(self.columns) * self.error) * (1.0 + SAME)
        if not self.norm < inf or self.top >= 1 << 30:
            self.coarse = f"the inputs reach {largest:.3g}"
            self.rows: list[Any] = []
            return
        absent = sum([x.count(0.0) for x in X])
        enough = self.columns >= LEAST_COLUMNS
        self.sparse = enough and absent > (1.0 - SPARSE) * self.columns * len(X)
        self.rows = [
            _sparse_row(x, self.scale) if self.sparse else whole_numbers(x, self.scale) for x in X
        ]

    def _fitting_scale(self, X: Matrix, largest: float, most_bits: int) -> int:
        """Return the power of two by which to multiply inputs that have no exact scale.

        A column of range r gets r · scale steps; rounding is off by at most half a step.
        """
        ranges = [max(column) - min(column) for column in zip(*X)]
        narrowest = min([r for r in ranges if r] or [1.0])
        whole_bits = frexp(largest)[1]
        bits = INPUT_BITS - max(0, whole_bits - 4)
        bits = max(bits, ceil(log2(AIM) - log2(min(narrowest, AIM))))  # a range may be infinite
        bits = max(0, min(bits, most_bits, 29 - whole_bits))
        if narrowest * (1 << bits) < NEED:
            self.coarse = (
                f"an input column has a range of only {narrowest:.3g}, while others reach "
                f"{largest:.3g} (scale the columns to similar sizes)"
            )
        return 1 << bits


class _Latest(NamedTuple):
    """The inputs bound last, and what they were made from, in tuples that nobody can change."""

    X: tuple[tuple[float, ...], ...]
    most_bits: int
    inputs: Inputs


_latest: list[_Latest] = []


def training_inputs(X: Matrix, most_bits: int) -> Inputs:
    """Return the inputs for a data set; if it equals the latest small one, they are made already.

    A page that trains live calls `fit` with the same data again and again.
    """
    if len(X) * len(X[0]) > MOST_KEPT:
        return Inputs(X, most_bits=most_bits)
    given = tuple(map(tuple, X))
    for latest in _latest:
        if latest.most_bits == most_bits and given == latest.X:
            return latest.inputs
    inputs = Inputs(X, most_bits=most_bits)
    _latest[:] = [_Latest(given, most_bits, inputs)]
    return inputs


def _exact_scale(X: Matrix, largest: float, scales: Sequence[int]) -> int | None:
    """Return the first of the scales that turns all inputs into integers, or None."""
    distinct = set()
    for x in X:
        distinct.update(x)
        if len(distinct) > MOST_DISTINCT:
            return None
    for scale in scales:
        if largest * scale < EXACT_LIMIT and all(
            abs(v * scale - round(v * scale)) <= SAME for v in distinct
        ):
            return scale
    return None


def _sparse_row(x: Vector, scale: int) -> SparseRow:
    positions = list(compress(range(len(x)), x))
    values = whole_numbers(list(filter(None, x)), scale)
    ones: list[int] = []
    if scale == 1 and values.count(1) >= LEAST_ONES:
        pairs = list(zip(positions, values))
        ones = [k for k, v in pairs if v == 1]
        positions = [k for k, v in pairs if v != 1]
        values = tuple([v for v in values if v != 1])
    # An itemgetter of fewer than two positions returns no tuple; a product with 0 adds nothing.
    padding = [0] * (2 - len(positions))
    positions += padding
    return SparseRow(
        itemgetter(*positions),
        (*values, *padding),
        positions,
        itemgetter(*ones) if ones else None,
        ones,
    )
