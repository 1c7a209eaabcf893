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
from typing import Callable, Iterator, NamedTuple

from .machine import (
    ARENA,
    LANES,
    VECTOR_BYTES,
    VECTORS,
    WIDE_BYTES,
    WIDE_VECTORS,
    At,
    Machine,
    Operand,
    vectors_of,
)

# Integer registers of the kernels.
_A, _B, _C, _D, _TERMS = 4, 5, 6, 7, 8
_PANEL, _COLUMN, _PANELS, _BLOCKS = 1, 2, 10, 11

PANEL_BYTES = 4 * VECTOR_BYTES
UNROLLED = 64  # the most multiplications that are written out instead of looped over


class Kit(NamedTuple):
    """The instructions of a kernel: on vectors, or on wide ones.

    size:  bytes of a vector; registers: how many there are; `sums`: how many of them hold sums
    """

    size: int
    registers: int
    sums: int
    load: Callable[[int, At], None]
    store: Callable[[At, int], None]
    broadcast: Callable[[int, At], None]
    zero: Callable[[int], None]
    move: Callable[[int, int], None]
    multiply: Callable[[int, int, Operand], None]
    fma: Callable[[int, int, Operand], None]
    fnma: Callable[[int, int, Operand], None]

    @property
    def last(self) -> int:
        """The register that holds an operand for several multiplications."""
        return self.registers - 1

    @property
    def panel(self) -> int:
        """How many vectors are as wide as a panel."""
        return PANEL_BYTES // self.size

    def most_rows(self, vectors: int) -> int:
        """Return how many rows of a result with so many vectors fit into the registers.

        Each row also needs a register for its factor, and one more holds the other factor.
        """
        if vectors > self.panel:
            return 1
        return max(1, min(self.last // (vectors + 1), self.sums // vectors))


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
    def bytes(self) -> int:
        """The bytes of one row of results."""
        return padded_bytes(self.outputs)

    @property
    def row_bytes(self) -> int:
        """Bytes from one row of a panel to the next."""
        return min(self.bytes, PANEL_BYTES)

    @property
    def panel_bytes(self) -> int:
        return vectors_of(self.inputs) * LANES * self.row_bytes

    @property
    def panels(self) -> int:
        return -(-self.bytes // PANEL_BYTES)

    @property
    def size(self) -> int:
        """Bytes of all panels."""
        return self.panels * self.panel_bytes

    def column(self, byte: int) -> int:
        """Return where a byte of the first row is, counted from the first panel."""
        return byte // PANEL_BYTES * self.panel_bytes + byte % PANEL_BYTES


def padded_bytes(columns: int) -> int:
    """Return the bytes of a row: whole vectors, and whole wide ones if it has more than 12 columns.

    >>> padded_bytes(3), padded_bytes(10), padded_bytes(17)
    (32, 96, 192)
    """
    vectors = vectors_of(columns)
    return VECTOR_BYTES * (vectors + (vectors > 3 and vectors % 2))


def blocks(count: int, most: int) -> list[tuple[int, int]]:
    """Return (size, times) of blocks that add up to `count`, at most `most` each, all about alike.

    >>> blocks(10, 3)
    [(3, 2), (2, 2)]
    """
    number = -(-count // most)
    size, larger = divmod(count, number)
    parts = [(size + 1, larger), (size, number - larger)]
    return [part for part in parts if part[1]]


def kit_for(m: Machine, W: Weights, wide: bool = True) -> Kit:
    """Return the widest kit that the machine has and the rows of the weights fill."""
    return _kit(m, wide and m.wide and W.row_bytes == PANEL_BYTES)


def _kit(m: Machine, wide: bool) -> Kit:
    if wide:
        return Kit(WIDE_BYTES, WIDE_VECTORS, 24, m.wload, m.wstore, m.wbroadcast, m.wzero,
                   m.wmove, m.wmul, m.wfma, m.wfnma)  # fmt: skip
    return Kit(VECTOR_BYTES, VECTORS, 12, m.vload, m.vstore, m.vbroadcast, m.vzero,
               m.vmove, m.vmul, m.fma, m.fnma)  # fmt: skip


class Products:
    """Writes the products of one batch of `rows` rows.

    keeps: whether what is stored with `add` is added to what was there
    """

    def __init__(self, machine: Machine, rows: int, keeps: bool = False) -> None:
        self.machine, self.rows, self.keeps = machine, rows, keeps

    def forward(self, W: Weights, X: ArenaRows, Z: ArenaRows) -> None:
        """Z = X W + b"""
        m, kit = self.machine, kit_for(self.machine, W)
        at_once = kit.panel if self.rows > 1 else kit.panel * (kit.sums // kit.panel)
        for first, count, groups in _groups(W.bytes // kit.size, at_once):
            rows = blocks(self.rows, kit.most_rows(count))
            with self._panels(W, kit, count, groups) as moving:
                still = len(rows) == 1 and rows[0][1] == 1
                x = self._cursor(_A, X.offset, still)
                z = self._cursor(_C, Z.offset + first * kit.size, still, moving and _COLUMN)
                for size, times in rows:
                    with m.loop(_BLOCKS, times):
                        self._forward_block(kit, W, X, Z, first, count, size, x, z, moving)
                        if not still:
                            m.add_constant(_A, size * X.stride)
                            m.add_constant(_C, size * Z.stride)

    def _forward_block(
        self, kit: Kit, W: Weights, X: ArenaRows, Z: ArenaRows, first: int, count: int, rows: int,
        x: At, z: At, moving: bool,
    ) -> None:  # fmt: skip
        m = self.machine
        sums = [[r * count + v for v in range(count)] for r in range(rows)]
        for v in range(count):
            if W.bias is None:
                kit.zero(sums[0][v])
            else:
                at = W.bias + (first + v) * kit.size
                kit.load(sums[0][v], At(ARENA, at, _COLUMN if moving else None))
            for r in range(1, rows):
                kit.move(sums[r][v], sums[0][v])
        start = W.column(first * kit.size)
        columns = [W.column((first + v) * kit.size) - start for v in range(count)]
        written_out = W.inputs * rows * count <= UNROLLED
        w = self._cursor(_B, W.offset + start, written_out and not moving, moving and _PANEL)
        if not written_out:
            x = self._moved(_D, x)

        def term(k: int) -> None:
            factors = [rows * count + r for r in range(rows)]
            for r in range(rows):
                kit.broadcast(factors[r], x.plus(r * X.stride + 8 * k))
            for v in range(count):
                at = w.plus(columns[v] + k * W.row_bytes)
                if rows == 1:
                    kit.fma(sums[0][v], factors[0], at)
                    continue
                kit.load(kit.last, at)
                for r in range(rows):
                    kit.fma(sums[r][v], factors[r], kit.last)

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
                kit.store(z.plus(r * Z.stride + v * kit.size), sums[r][v])

    def update(self, W: Weights, X: ArenaRows, D: ArenaRows, into: int, add: bool) -> None:
        """Subtract Xᵀ D from the weights at `into`; or with `add`, store it there, in panels."""
        m, kit = self.machine, kit_for(self.machine, W)
        for first, count, groups in _groups(W.bytes // kit.size, kit.panel):
            inputs = blocks(W.inputs, min(kit.most_rows(count), 10))
            with self._panels(W, kit, count, groups) as moving:
                still = len(inputs) == 1 and inputs[0][1] == 1
                x = self._cursor(_A, X.offset, still)
                start = into + W.column(first * kit.size)
                w = self._cursor(_C, start, still and not moving, moving and _PANEL)
                for size, times in inputs:
                    with m.loop(_BLOCKS, times):
                        self._update_block(kit, W, X, D, first, count, size, x, w, moving, add)
                        if not still:
                            m.add_constant(_A, 8 * size)
                            m.add_constant(_C, size * W.row_bytes)

    def _update_block(
        self, kit: Kit, W: Weights, X: ArenaRows, D: ArenaRows, first: int, count: int, size: int,
        x: At, w: At, moving: bool, add: bool,
    ) -> None:  # fmt: skip
        m = self.machine
        sums = [[i * count + v for v in range(count)] for i in range(size)]
        for i in range(size):
            for v in range(count):
                if add and not self.keeps:
                    kit.zero(sums[i][v])
                else:
                    kit.load(sums[i][v], w.plus(i * W.row_bytes + v * kit.size))
        written_out = self.rows * size * count <= UNROLLED
        start = D.offset + first * kit.size
        delta = self._cursor(_B, start, written_out and not moving, moving and _COLUMN)
        if not written_out:
            x = self._moved(_D, x)
        change = kit.fma if add else kit.fnma

        def term(s: int) -> None:
            factors = [size * count + i for i in range(size)]
            for i in range(size):
                kit.broadcast(factors[i], x.plus(s * X.stride + 8 * i))
            for v in range(count):
                at = delta.plus(s * D.stride + v * kit.size)
                if size == 1:
                    change(sums[0][v], factors[0], at)
                    continue
                kit.load(kit.last, at)
                for i in range(size):
                    change(sums[i][v], factors[i], kit.last)

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
                kit.store(w.plus(i * W.row_bytes + v * kit.size), sums[i][v])

    def backward(self, W: Weights, D: ArenaRows, E: ArenaRows) -> None:
        """E = D Wᵀ: sums over a row of weights, whose lanes are added up at the end.

        To add up the lanes of wide vectors takes longer, which pays only for long sums.
        """
        m = self.machine
        kit = kit_for(m, W, wide=W.panels > 2)
        groups = vectors_of(W.inputs)
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
                    self._backward_block(kit, W, D, E, size, w, d, e)
                    if not still:
                        m.add_constant(_A, size * D.stride)
                        m.add_constant(_C, size * E.stride)
            if groups > 1:
                m.add_constant(_B, LANES * W.row_bytes)
                m.add_constant(_COLUMN, VECTOR_BYTES)

    def _backward_block(
        self, kit: Kit, W: Weights, D: ArenaRows, E: ArenaRows, rows: int, w: At, d: At, e: At
    ) -> None:
        m = self.machine
        sums = [[r * LANES + i for i in range(LANES)] for r in range(rows)]
        deltas = [rows * LANES + r for r in range(rows)]

        def term(begins: bool, w_at: int, d_at: int) -> None:
            for r in range(rows):
                kit.load(deltas[r], d.plus(r * D.stride + d_at))
            for i in range(LANES):
                kit.load(kit.last, w.plus(w_at + i * W.row_bytes))
                for r in range(rows):
                    if begins:
                        kit.multiply(sums[r][i], deltas[r], kit.last)
                    else:
                        kit.fma(sums[r][i], deltas[r], kit.last)

        vectors = W.bytes // kit.size
        if vectors * rows * LANES <= UNROLLED or W.panels == 1:
            for v in range(vectors):
                term(v == 0, W.column(v * kit.size), v * kit.size)
        else:
            for row in sums:
                for a in row:
                    kit.zero(a)
            w, d = self._moved(_D, w), self._moved(_PANEL, d)
            full, rest = divmod(vectors, kit.panel)
            with m.loop(_TERMS, full):
                for v in range(kit.panel):
                    term(False, v * kit.size, v * kit.size)
                m.add_constant(_D, W.panel_bytes)
                m.add_constant(_PANEL, PANEL_BYTES)
            for v in range(rest):
                term(False, v * kit.size, v * kit.size)
        for r in range(rows):
            if kit.size == WIDE_BYTES:
                for a in sums[r]:
                    m.wfold(a, VECTORS - 1)
            m.vsums(*sums[r])
            m.vstore(e.plus(r * E.stride), sums[r][0])

    def sum_rows(self, vectors: int, D: ArenaRows, into: int, add: bool) -> None:
        """Subtract the sum of the rows of D from the row at `into`; or with `add`, store it."""
        m, most = self.machine, 12
        for first in range(0, vectors, most):
            count = min(most, vectors - first)
            offset = first * VECTOR_BYTES
            for v in range(count):
                if add and not self.keeps:
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

    @contextmanager
    def _panels(self, W: Weights, kit: Kit, count: int, groups: int) -> Iterator[bool]:
        """Loop over groups of columns; registers _PANEL and _COLUMN then move along."""
        m = self.machine
        if groups == 1:
            yield False
            return
        m.set(_PANEL, 0)
        m.set(_COLUMN, 0)
        with m.loop(_PANELS, groups):
            yield True
            m.add_constant(_PANEL, count // kit.panel * W.panel_bytes)
            m.add_constant(_COLUMN, count * kit.size)

    def _cursor(self, register: int, offset: int, still: bool, plus: int = 0) -> At:
        """Return an address that can move: in a register, unless it stands still."""
        if still and not plus:
            return At(ARENA, offset)
        self.machine.move(register, ARENA)
        self.machine.add_constant(register, offset)
        if plus:
            self.machine.add(register, plus)
        return At(register, 0)

    def _moved(self, register: int, at: At) -> At:
        """Return an address in another register, which can move on its own."""
        self.machine.move(register, at.base)
        self.machine.add_constant(register, at.offset)
        return At(register, 0)


def _groups(vectors: int, at_once: int) -> list[tuple[int, int, int]]:
    """Return (first vector, vectors, repetitions) of groups; those of `at_once` are repeated."""
    if vectors <= at_once:
        return [(0, vectors, 1)]
    full, rest = divmod(vectors, at_once)
    return [(0, at_once, full), *([(full * at_once, rest, 1)] if rest else [])]
