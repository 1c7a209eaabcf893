"""Layers of sequences whose rows are looked up or summed up: tables by kind or place, summaries."""

from __future__ import annotations

from typing import Callable

from ..plans import LayerPlan
from .constants import Constants
from .exponentials import MAGIC
from .layout import Layout
from .machine import ARENA, VECTOR_BYTES, At, Machine, vectors_of
from .products import ArenaRows, Weights

# Integer registers: rows that are read and written, a row of W, what a kind is; counters.
_FROM, _TO, _PLACE, _KIND, _STEPS, _SEQUENCES = 1, 2, 4, 5, 10, 11
_MAGIC_BITS = 0x4338 << 48  # those of MAGIC, which is 2**52 + 2**51: an integer is added to them


class TablePasses:
    """Writes what Embedding or Positions does with `rows` rows, in sequences of `steps`."""

    def __init__(
        self, machine: Machine, constants: Constants, layout: Layout, rows: int, steps: int,
        plan: LayerPlan, W: Weights,
    ) -> None:  # fmt: skip
        self.machine, self.constants = machine, constants
        self.rows, self.steps, self.plan, self.W = rows, steps, plan, W
        self.by_kind = plan.kind == "Embedding"
        self.number = layout.place(VECTOR_BYTES, "the number of a kind") if self.by_kind else 0

    def forward(self, x: ArenaRows, y: ArenaRows) -> None:
        """y = the row of W, and for Positions y = x + the row of W"""
        m, kinds = self.machine, x
        m.comment(f"forward through {self.plan.kind}")

        def one(w: At, v: int) -> None:
            m.vload(0, w)
            if not self.by_kind:
                m.vadd(0, 0, At(_FROM, v))
            m.vstore(At(_TO, v), 0)

        self._each(kinds, x, y, self.W.offset, one)

    def backward(self, x: ArenaRows, d: ArenaRows, into: int, add: bool, keeps: bool) -> None:
        """Subtract each row of d from the row of W at `into`; or with `add`, add it there.

        keeps: whether there are derivatives of other sequences to add to
        """
        m = self.machine
        m.comment(f"backward through {self.plan.kind}: dW = d, by row")
        if add and not keeps:
            m.vzero(0)
            m.move(_TO, ARENA)
            m.add_constant(_TO, into)
            with m.loop(_STEPS, self.W.size // VECTOR_BYTES):
                m.vstore(At(_TO, 0), 0)
                m.add_constant(_TO, VECTOR_BYTES)
        combine = m.vadd if add else m.vsub

        def one(w: At, v: int) -> None:
            m.vload(0, w)
            combine(0, 0, At(_FROM, v))
            m.vstore(w, 0)

        self._each(x, d, d, into, one)

    def _each(
        self, kinds: ArenaRows, x: ArenaRows, y: ArenaRows, table: int,
        one: Callable[[At, int], None],
    ) -> None:  # fmt: skip
        """Write `one` for each vector of each row: where it is in the table, and in a row."""
        m, W = self.machine, self.W
        at = [W.column(v * VECTOR_BYTES) for v in range(vectors_of(self.plan.outputs))]
        self._begin(_FROM, x)
        self._begin(_TO, y)
        if self.by_kind:
            self._begin(_KIND, kinds)
        with m.loop(_SEQUENCES, self.rows // self.steps):
            if not self.by_kind:
                m.move(_PLACE, ARENA)
                m.add_constant(_PLACE, table)
            with m.loop(_STEPS, self.steps):
                if self.by_kind:
                    self._find_row(table)
                for v, place in enumerate(at):
                    one(At(_PLACE, place), v * VECTOR_BYTES)
                if not self.by_kind:
                    m.add_constant(_PLACE, W.row_bytes)
                m.add_constant(_FROM, x.stride)
                m.add_constant(_TO, y.stride)
                if self.by_kind:
                    m.add_constant(_KIND, kinds.stride)

    def _find_row(self, table: int) -> None:
        """_PLACE = the address of the row whose number is in the row at _KIND."""
        m, number = self.machine, At(ARENA, self.number)
        m.vload(0, At(_KIND, 0))
        m.vadd(0, 0, self.constants.at(MAGIC))
        m.vstore_first(number, 0)
        m.load(_PLACE, number)
        m.set(3, -_MAGIC_BITS)
        m.add(_PLACE, 3)
        m.multiply(_PLACE, _PLACE, self.W.row_bytes)
        m.add(_PLACE, ARENA)
        m.add_constant(_PLACE, table)

    def _begin(self, register: int, rows: ArenaRows) -> None:
        self.machine.move(register, ARENA)
        self.machine.add_constant(register, rows.offset)


class SummaryPasses:
    """Writes what LastStep, MeanSteps or MaxSteps does: one row for each sequence of `steps`."""

    def __init__(
        self, machine: Machine, constants: Constants, sequences: int, steps: int, plan: LayerPlan
    ) -> None:
        self.machine, self.constants = machine, constants
        self.sequences, self.steps, self.plan = sequences, steps, plan

    def forward(self, x: ArenaRows, y: ArenaRows) -> None:
        m, kind = self.machine, self.plan.kind
        m.comment(f"forward through {kind}")

        def one(v: int) -> None:
            if kind == "LastStep":
                m.vload(0, At(_FROM, (self.steps - 1) * x.stride + v))
                m.vstore(At(_TO, v), 0)
                return
            m.vload(0, At(_FROM, v))
            self._over_steps(x, None, v, 1, lambda at, _: self._join(at))
            if kind == "MeanSteps":
                m.vmul(0, 0, self.constants.at(1.0 / self.steps))
            m.vstore(At(_TO, v), 0)

        self._each(x, y, one)

    def backward(self, x: ArenaRows, y: ArenaRows, d: ArenaRows, below: ArenaRows) -> None:
        """Write the derivatives by all steps, for d by their one row."""
        m, kind = self.machine, self.plan.kind
        m.comment(f"backward through {kind}")
        top, done, d_in, mask, zero = 0, 1, 2, 3, 4

        def one(v: int) -> None:
            m.vload(d_in, At(_TO, v))
            m.vzero(zero)
            if kind == "MeanSteps":
                m.vmul(d_in, d_in, self.constants.at(1.0 / self.steps))
            if kind == "MaxSteps":
                m.vload(top, At(_TO, y.offset - d.offset + v))
                m.vzero(done)

            def share(at: At, to: At) -> None:
                if kind != "MaxSteps":
                    m.vstore(to, d_in if kind == "MeanSteps" else zero)
                    return
                # Of equal numbers the first: none before it was as large.
                m.vat_most(mask, top, at)
                m.vselect(mask, done, zero, mask)
                m.vor(done, done, mask)
                m.vand(mask, mask, d_in)
                m.vstore(to, mask)

            self._over_steps(x, below, v, 0, share)
            if kind == "LastStep":
                m.vstore(At(_KIND, (self.steps - 1) * below.stride + v), d_in)

        assert y.stride == d.stride
        self._each(x, d, one, below)

    def _join(self, at: At) -> None:
        m = self.machine
        if self.plan.kind == "MeanSteps":
            m.vadd(0, 0, at)
        else:
            m.vload(1, at)
            m.vmax(0, 1, 0)

    def _each(
        self, x: ArenaRows, y: ArenaRows, one: Callable[[int], None], below: ArenaRows | None = None
    ) -> None:
        """Write `one` for each vector of a row; _FROM and _KIND are at a sequence's first row."""
        m = self.machine
        moving = [(_FROM, x, self.steps), (_TO, y, 1)]
        if below:
            moving.append((_KIND, below, self.steps))
        for register, rows, _ in moving:
            m.move(register, ARENA)
            m.add_constant(register, rows.offset)
        with m.loop(_SEQUENCES, self.sequences):
            for v in range(vectors_of(self.plan.outputs)):
                one(v * VECTOR_BYTES)
            for register, rows, count in moving:
                m.add_constant(register, count * rows.stride)

    def _over_steps(
        self, x: ArenaRows, below: ArenaRows | None, v: int, first: int,
        body: Callable[[At, At], None],
    ) -> None:  # fmt: skip
        """Write a loop over steps from the first on: where the vector is in x, and below."""
        m, count = self.machine, self.steps - first
        if not count:
            return
        m.move(_PLACE, _FROM)
        m.add_constant(_PLACE, first * x.stride + v)
        if below:
            m.move(3, _KIND)
            m.add_constant(3, v)
        with m.loop(_STEPS, count):
            body(At(_PLACE, 0), At(3, 0))
            m.add_constant(_PLACE, x.stride)
            if below:
                m.add_constant(3, below.stride)
