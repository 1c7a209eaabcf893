"""Matrix products: forward, backward and update of a Dense layer, in blocks of registers.

A block keeps up to 12 vectors of the result in registers while it runs over the terms of its sums,
so that each number it loads serves several multiplications. Weights are stored in panels of 16
columns, one panel after another, so that a block reads memory in order:

    panel p:  row 0: columns 16 p ... 16 p + 15;  row 1: ...

Rows of activations and deltas are stored one after another, padded with zeros to whole vectors.
Source of the blocking: K. Goto and R. van de Geijn, Anatomy of high-performance matrix
multiplication (2008).
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, NamedTuple

from .machine import ARENA, LANES, VECTOR_BYTES, At, Machine

# Integer registers of the kernels.
_A, _B, _C, _D, _TERMS = 4, 5, 6, 7, 8
_PANEL, _COLUMN, _PANELS, _BLOCKS = 1, 2, 10, 11

_LAST = 15  # the vector register that holds an operand for several multiplications
_ACCUMULATORS = 12
PANEL_VECTORS = 4
PANEL_BYTES = PANEL_VECTORS * VECTOR_BYTES
UNROLLED = 64  # the most multiplications that are written out instead of looped over


class ArenaRows(NamedTuple):
    """Rows of numbers in the arena: where the first begins, and bytes from one to the next."""

    offset: int
    stride: int

    def row(self, number: int) -> int:
        return self.offset + number * self.stride


class Weights(NamedTuple):
    """The weights of a Dense layer, inputs × outputs, in panels; and its bias, if it has one."""

    inputs: int
    outputs: int
    offset: int
    bias: int | None = None

    @property
    def vectors(self) -> int:
        """How many vectors hold one row."""
        return -(-self.outputs // LANES)

    @property
    def row_bytes(self) -> int:
        """Bytes from one row of a panel to the next."""
        return min(self.vectors, PANEL_VECTORS) * VECTOR_BYTES

    @property
    def panel_bytes(self) -> int:
        return -(-self.inputs // LANES) * LANES * self.row_bytes

    @property
    def panels(self) -> int:
        return -(-self.vectors // PANEL_VECTORS)

    @property
    def size(self) -> int:
        """Bytes of all panels."""
        return self.panels * self.panel_bytes

    def vector(self, number: int) -> int:
        """Return where a vector of the first row is, counted from the first panel."""
        return number // PANEL_VECTORS * self.panel_bytes + number % PANEL_VECTORS * VECTOR_BYTES


def blocks(count: int, most: int) -> list[tuple[int, int]]:
    """Return (size, times) of blocks that add up to `count`, at most `most` each, all about alike.

    >>> blocks(10, 3)
    [(3, 2), (2, 2)]
    """
    number = -(-count // most)
    size, larger = divmod(count, number)
    parts = [(size + 1, larger), (size, number - larger)]
    return [part for part in parts if part[1]]


class Products:
    """Writes the products of one batch of `rows` rows."""

    def __init__(self, machine: Machine, rows: int) -> None:
        self.machine, self.rows = machine, rows

    def forward(self, W: Weights, X: ArenaRows, Z: ArenaRows) -> None:
        """Z = X W + b"""
        m = self.machine
        for first, count, groups in self._groups(W):
            rows = blocks(self.rows, _most_rows(count))
            with self._panels(W, first, count, groups) as moving:
                still = len(rows) == 1 and rows[0][1] == 1
                x = self._cursor(_A, X.offset, still)
                z = self._cursor(_C, Z.offset + first * VECTOR_BYTES, still, moving and _COLUMN)
                for size, times in rows:
                    with m.loop(_BLOCKS, times):
                        self._forward_block(W, X, Z, first, count, size, x, z, moving)
                        if not still:
                            m.add_constant(_A, size * X.stride)
                            m.add_constant(_C, size * Z.stride)

    def _forward_block(
        self, W: Weights, X: ArenaRows, Z: ArenaRows, first: int, count: int, rows: int, x: At,
        z: At, moving: bool,
    ) -> None:  # fmt: skip
        m = self.machine
        sums = [[r * count + v for v in range(count)] for r in range(rows)]
        for v in range(count):
            if W.bias is None:
                m.vzero(sums[0][v])
            else:
                at = W.bias + (first + v) * VECTOR_BYTES
                m.vload(sums[0][v], At(ARENA, at, _COLUMN if moving else None))
            for r in range(1, rows):
                m.vmove(sums[r][v], sums[0][v])
        columns = [W.vector(first + v) - (W.vector(first) if moving else 0) for v in range(count)]
        written_out = W.inputs * rows * count <= UNROLLED
        if written_out and not moving:
            w = At(ARENA, W.offset)
        else:
            w = self._cursor(_B, W.offset + (W.vector(first) if moving else 0), False,
                             _PANEL if moving else 0)  # fmt: skip
        if not written_out:
            m.move(_D, x.base)
            m.add_constant(_D, x.offset)
            x = At(_D, 0)

        def term(k: int) -> None:
            broadcast = [rows * count + r for r in range(rows)]
            for r in range(rows):
                m.vbroadcast(broadcast[r], x.plus(r * X.stride + 8 * k))
            for v in range(count):
                at = w.plus(columns[v] + k * W.row_bytes)
                if rows == 1:
                    m.fma(sums[0][v], broadcast[0], at)
                    continue
                m.vload(_LAST, at)
                for r in range(rows):
                    m.fma(sums[r][v], broadcast[r], _LAST)

        if written_out:
            for k in range(W.inputs):
                term(k)
        else:
            with m.loop(_TERMS, W.inputs):
                term(0)
                m.add_constant(_D, 8)
                m.add_constant(_B, W.row_bytes)
        for r in range(rows):
            for v in range(count):
                m.vstore(z.plus(r * Z.stride + v * VECTOR_BYTES), sums[r][v])

    def update(self, W: Weights, X: ArenaRows, D: ArenaRows, into: int, add: bool) -> None:
        """Subtract Xᵀ D from the weights at `into`; or with `add`, store it there, in panels."""
        m = self.machine
        for first, count, groups in self._groups(W, for_update=True):
            inputs = blocks(W.inputs, min(_most_rows(count), 6))
            with self._panels(W, first, count, groups) as moving:
                still = len(inputs) == 1 and inputs[0][1] == 1
                x = self._cursor(_A, X.offset, still)
                start = into + W.vector(first)
                w = self._cursor(_C, start, still and not moving, moving and _PANEL)
                for size, times in inputs:
                    with m.loop(_BLOCKS, times):
                        self._update_block(W, X, D, first, count, size, x, w, moving, add)
                        if not still:
                            m.add_constant(_A, 8 * size)
                            m.add_constant(_C, size * W.row_bytes)

    def _update_block(
        self, W: Weights, X: ArenaRows, D: ArenaRows, first: int, count: int, size: int, x: At,
        w: At, moving: bool, add: bool,
    ) -> None:  # fmt: skip
        m = self.machine
        sums = [[i * count + v for v in range(count)] for i in range(size)]
        columns = [W.vector(first + v) - W.vector(first) for v in range(count)]
        for i in range(size):
            for v in range(count):
                if add:
                    m.vzero(sums[i][v])
                else:
                    m.vload(sums[i][v], w.plus(i * W.row_bytes + columns[v]))
        written_out = self.rows * size * count <= UNROLLED
        d = D.offset + first * VECTOR_BYTES
        if written_out and not moving:
            delta = At(ARENA, d)
        else:
            delta = self._cursor(_B, d, False, moving and _COLUMN)
        if not written_out:
            m.move(_D, x.base)
            m.add_constant(_D, x.offset)
            x = At(_D, 0)
        change = m.fma if add else m.fnma

        def term(s: int) -> None:
            broadcast = [size * count + i for i in range(size)]
            for i in range(size):
                m.vbroadcast(broadcast[i], x.plus(s * X.stride + 8 * i))
            for v in range(count):
                at = delta.plus(s * D.stride + v * VECTOR_BYTES)
                if size == 1:
                    change(sums[0][v], broadcast[0], at)
                    continue
                m.vload(_LAST, at)
                for i in range(size):
                    change(sums[i][v], broadcast[i], _LAST)

        if written_out:
            for s in range(self.rows):
                term(s)
        else:
            with m.loop(_TERMS, self.rows):
                term(0)
                m.add_constant(_D, X.stride)
                m.add_constant(_B, D.stride)
        for i in range(size):
            for v in range(count):
                m.vstore(w.plus(i * W.row_bytes + columns[v]), sums[i][v])

    def backward(self, W: Weights, D: ArenaRows, E: ArenaRows) -> None:
        """E = D Wᵀ: sums over a row of weights, whose lanes are added up at the end."""
        m = self.machine
        groups = -(-W.inputs // LANES)
        rows = blocks(self.rows, 3)
        still = len(rows) == 1 and rows[0][1] == 1
        w = self._cursor(_B, W.offset, groups == 1)
        if groups > 1:
            m.set(_COLUMN, 0)
        with m.loop(_PANELS, groups):
            d = self._cursor(_A, D.offset, still)
            e = self._cursor(_C, E.offset, still and groups == 1, groups > 1 and _COLUMN)
            for size, times in rows:
                with m.loop(_BLOCKS, times):
                    self._backward_block(W, D, E, size, w, d, e)
                    if not still:
                        m.add_constant(_A, size * D.stride)
                        m.add_constant(_C, size * E.stride)
            if groups > 1:
                m.add_constant(_B, LANES * W.row_bytes)
                m.add_constant(_COLUMN, VECTOR_BYTES)

    def _backward_block(
        self, W: Weights, D: ArenaRows, E: ArenaRows, rows: int, w: At, d: At, e: At
    ) -> None:
        m = self.machine
        sums = [[r * LANES + i for i in range(LANES)] for r in range(rows)]
        deltas = [rows * LANES + r for r in range(rows)]

        def term(vector: int, w_at: int, d_at: int) -> None:
            for r in range(rows):
                m.vload(deltas[r], d.plus(r * D.stride + d_at))
            for i in range(LANES):
                m.vload(_LAST, w.plus(w_at + i * W.row_bytes))
                for r in range(rows):
                    if vector == 0:
                        m.vmul(sums[r][i], deltas[r], _LAST)
                    else:
                        m.fma(sums[r][i], deltas[r], _LAST)

        if W.vectors * rows * LANES <= UNROLLED or W.panels == 1:
            for v in range(W.vectors):
                term(v, W.vector(v), v * VECTOR_BYTES)
        else:
            for row in sums:
                for a in row:
                    m.vzero(a)
            m.move(_D, w.base)
            m.add_constant(_D, w.offset)
            m.move(_PANEL, d.base)
            m.add_constant(_PANEL, d.offset)
            w, d = At(_D, 0), At(_PANEL, 0)
            full, rest = divmod(W.vectors, PANEL_VECTORS)
            with m.loop(_TERMS, full):
                for v in range(PANEL_VECTORS):
                    term(1, v * VECTOR_BYTES, v * VECTOR_BYTES)
                m.add_constant(_D, W.panel_bytes)
                m.add_constant(_PANEL, PANEL_BYTES)
            for v in range(rest):
                term(1, v * VECTOR_BYTES, v * VECTOR_BYTES)
        for r in range(rows):
            m.vsums(*sums[r])
            m.vstore(e.plus(r * E.stride), sums[r][0])

    def sum_rows(self, vectors: int, D: ArenaRows, into: int, add: bool) -> None:
        """Subtract the sum of the rows of D from the row at `into`; or with `add`, store it."""
        m = self.machine
        for first in range(0, vectors, _ACCUMULATORS):
            count = min(_ACCUMULATORS, vectors - first)
            offset = first * VECTOR_BYTES
            for v in range(count):
                if add:
                    m.vzero(v)
                else:
                    m.vload(v, At(ARENA, into + offset + v * VECTOR_BYTES))
            combine = m.vadd if add else m.vsub
            looped = self.rows * count > UNROLLED
            d = self._cursor(_A, D.offset + offset, not looped)
            with m.loop(_TERMS, self.rows if looped else 1):
                for s in range(1 if looped else self.rows):
                    for v in range(count):
                        combine(v, v, d.plus(s * D.stride + v * VECTOR_BYTES))
                if looped:
                    m.add_constant(_A, D.stride)
            for v in range(count):
                m.vstore(At(ARENA, into + offset + v * VECTOR_BYTES), v)

    def _groups(self, W: Weights, for_update: bool = False) -> list[tuple[int, int, int]]:
        """Return (first vector, vectors, repetitions) of the groups of columns of a block.

        Whole panels are repeated in a loop; single rows take several panels at once.
        """
        at_once = PANEL_VECTORS
        if self.rows == 1 and not for_update:
            at_once = _ACCUMULATORS
        if W.vectors <= at_once:
            return [(0, W.vectors, 1)]
        full, rest = divmod(W.vectors, at_once)
        groups = [(0, at_once, full)] if full else []
        return groups + ([(full * at_once, rest, 1)] if rest else [])

    @contextmanager
    def _panels(self, W: Weights, first: int, count: int, groups: int) -> Iterator[bool]:
        """Loop over groups of columns; registers _PANEL and _COLUMN then move along."""
        m = self.machine
        if groups == 1:
            yield False
            return
        m.set(_PANEL, 0)
        m.set(_COLUMN, 0)
        with m.loop(_PANELS, groups):
            yield True
            m.add_constant(_PANEL, count // PANEL_VECTORS * W.panel_bytes)
            m.add_constant(_COLUMN, count * VECTOR_BYTES)

    def _cursor(self, register: int, offset: int, still: bool, plus: int = 0) -> At:
        """Return an address that can move: in a register, unless it stands still."""
        if still and not plus:
            return At(ARENA, offset)
        self.machine.move(register, ARENA)
        self.machine.add_constant(register, offset)
        if plus:
            self.machine.add(register, plus)
        return At(register, 0)


def _most_rows(vectors: int) -> int:
    """Return how many rows of a result with so many vectors fit into the registers.

    Each row also needs a register for its factor, and one more holds the other factor.
    """
    return max(1, min(15 // (vectors + 1), _ACCUMULATORS // vectors)) if vectors < 12 else 1


__all__ = ["PANEL_BYTES", "ArenaRows", "Products", "Weights", "blocks"]
