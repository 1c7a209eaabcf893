"""Products with inputs that are mostly zeros: images, one-hot columns, words.

Such a table is kept as three arrays: for each number that is not 0, the distance in bytes of its
row of weights from the first, and the number; and for each row of the table, where its numbers
begin and how many pairs of them there are. An odd one is paired with a 0.
"""

from __future__ import annotations

from array import array
from contextlib import contextmanager
from itertools import compress
from typing import Iterator, NamedTuple

from ...lesson.matrix import Matrix
from . import layout as at
from .machine import ARENA, VECTOR_BYTES, WIDE_BYTES, At, Machine
from .products import ArenaRows, Kit, Weights, kit_for

# The share of numbers that are not 0 up to which it pays. A product with every number takes about
# 0.5 cycles a vector, twice, in a block of rows; with single numbers about 0.7 and 2.
MOST_NOT_ZERO = 0.3
LEAST_INPUTS = 16
ROWS_LOOKED_AT = 500

# Integer registers: offsets of a row's record and of its result, and what the loops need.
_RECORD, _RESULT, _SECOND, _DISTANCES, _VALUES, _WEIGHTS, _FIRST, _PAIRS, _ROWS = (
    1, 2, 3, 4, 5, 6, 7, 8, 11,
)  # fmt: skip
RECORD_BYTES = 32  # addresses of a row's distances and values, and how many pairs it has


class SparseRows(NamedTuple):
    """A table of mostly zeros: see above."""

    rows: array[int]
    distances: array[int]
    values: array[float]


def sparse_rows(X: Matrix, W: Weights) -> SparseRows | None:
    """Return a table without its zeros, if it has enough of them to pay.

    Some rows, evenly spaced, are looked at to find out.
    """
    some = X[:: max(1, len(X) // ROWS_LOOKED_AT)]
    zeros = sum([row.count(0.0) for row in some])
    numbers = W.inputs * len(some)
    if W.inputs < LEAST_INPUTS or numbers - zeros > MOST_NOT_ZERO * numbers:
        return None
    steps = tuple(range(0, W.inputs * W.row_bytes, W.row_bytes))
    rows: list[int] = []
    distances: list[int] = []
    values: list[float] = []
    for row in X:
        start = len(values)
        distances += compress(steps, row)
        values += filter(None, row)
        if (len(values) - start) % 2:
            distances.append(0)
            values.append(0.0)
        rows += (8 * start, (len(values) - start) // 2)
    return SparseRows(array("q", rows), array("q", distances), array("d", values))


class SparseProducts:
    """Writes products with a batch of `rows` rows, whose records are in a table."""

    def __init__(self, machine: Machine, rows: int, records: ArenaRows) -> None:
        self.machine, self.rows, self.records = machine, rows, records

    def gather(self, row_number: int, order_step: int, base: int) -> None:
        """Write the record of one row; the registers hold its number in the table, and scratch.

        order_step: the register with the offset of the record; base: a free register
        """
        m = self.machine
        to = At(ARENA, self.records.offset, order_step if self.rows > 1 else None)
        m.multiply(_VALUES, row_number, 16)
        m.load(base, At(ARENA, at.INPUTS))
        m.add(_VALUES, base)
        m.load(base, At(_VALUES, 8))
        m.store(to.plus(16), base)
        m.load(_FIRST, At(_VALUES, 0))
        for k, place in enumerate((at.DISTANCES, at.VALUES)):
            m.load(base, At(ARENA, place))
            m.add(base, _FIRST)
            m.store(to.plus(8 * k), base)

    def forward(self, W: Weights, Z: ArenaRows) -> None:
        """Z = X W + b, from the numbers of X that are not 0"""
        kit = kit_for(self.machine, W)
        add = self.machine.wadd if kit.size == WIDE_BYTES else self.machine.vadd
        for first, count in _groups(W, kit, 8):
            sums = list(range(count))
            others = sums if count > 6 else list(range(count, 2 * count))
            factors = (2 * count, 2 * count + 1) if others is not sums else (count, count + 1)
            with self._each_row(W, kit, first, Z.stride):
                for v in sums:
                    if W.bias is None:
                        kit.zero(v)
                    else:
                        kit.load(v, At(ARENA, W.bias + (first + v) * kit.size))
                for v in others if others is not sums else ():
                    kit.zero(v)
                with self._each_pair():
                    for k, index, into in ((0, _FIRST, sums), (1, _SECOND, others)):
                        kit.broadcast(factors[k], At(_VALUES, 8 * k))
                        for v in range(count):
                            kit.fma(into[v], factors[k], _weight(W, kit, first, v, index))
                result = At(ARENA, Z.offset + first * kit.size, self._result)
                for v in sums:
                    if others is not sums:
                        add(v, v, others[v])
                    kit.store(result.plus(v * kit.size), v)

    def update(self, W: Weights, D: ArenaRows, into: int, add: bool) -> None:
        """Subtract Xᵀ D from the weights at `into`, or with `add`, store it there, in panels."""
        m, kit = self.machine, kit_for(self.machine, W)
        if add:
            m.vzero(0)
            m.set(_FIRST, 0)
            with m.loop(_PAIRS, W.size // VECTOR_BYTES):
                m.vstore(At(ARENA, into, _FIRST), 0)
                m.add_constant(_FIRST, VECTOR_BYTES)
        change = kit.fma if add else kit.fnma
        for first, count in _groups(W, kit, 6):
            deltas, weights = range(count), range(count, 2 * count)
            factors = (2 * count, 2 * count + 1)
            with self._each_row(W, kit, first, D.stride, into):
                delta = At(ARENA, D.offset + first * kit.size, self._result)
                for v in deltas:
                    kit.load(v, delta.plus(v * kit.size))
                with self._each_pair():
                    for k, index in enumerate((_FIRST, _SECOND)):
                        kit.broadcast(factors[k], At(_VALUES, 8 * k))
                        for v in range(count):
                            kit.load(weights[v], _weight(W, kit, first, v, index))
                        for v in range(count):
                            change(weights[v], factors[k], deltas[v])
                        for v in range(count):
                            kit.store(_weight(W, kit, first, v, index), weights[v])

    @property
    def _result(self) -> int | None:
        return _RESULT if self.rows > 1 else None

    @contextmanager
    def _each_row(
        self, W: Weights, kit: Kit, first: int, step: int, start: int | None = None
    ) -> Iterator[None]:
        """Loop over the rows, with registers at its numbers and at the first weight."""
        m = self.machine
        m.move(_WEIGHTS, ARENA)
        m.add_constant(
            _WEIGHTS, (W.offset if start is None else start) + W.column(first * kit.size)
        )
        several = self.rows > 1
        if several:
            m.set(_RECORD, 0)
            m.set(_RESULT, 0)
        with m.loop(_ROWS, self.rows):
            record = At(ARENA, self.records.offset, _RECORD if several else None)
            m.load(_DISTANCES, record)
            m.load(_VALUES, record.plus(8))
            m.load(_PAIRS, record.plus(16))
            yield
            if several:
                m.add_constant(_RECORD, RECORD_BYTES)
                m.add_constant(_RESULT, step)

    @contextmanager
    def _each_pair(self) -> Iterator[None]:
        """Loop over pairs of numbers, with their distances in registers."""
        m = self.machine
        with m.block() as block:
            m.leave_if_zero(_PAIRS, block)
            with m.loop(_PAIRS):
                m.load(_FIRST, At(_DISTANCES, 0))
                m.load(_SECOND, At(_DISTANCES, 8))
                yield
                m.add_constant(_DISTANCES, 16)
                m.add_constant(_VALUES, 16)


def _groups(W: Weights, kit: Kit, most: int) -> list[tuple[int, int]]:
    """Return (first vector, vectors) of the groups of columns that are worked on at once."""
    vectors = W.bytes // kit.size
    return [(first, min(most, vectors - first)) for first in range(0, vectors, most)]


def _weight(W: Weights, kit: Kit, first: int, v: int, index: int) -> At:
    """Return the address of a vector in the row of weights that is so far from the first."""
    column = W.column((first + v) * kit.size) - W.column(first * kit.size)
    return At(_WEIGHTS, column, index)
