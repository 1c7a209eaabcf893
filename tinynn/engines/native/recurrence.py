"""Recurrent steps: a product with U and the program of a cell, row after row.

All that a step works on lies in one place: it is copied there before, and what the way back needs
is copied away. The program is that of formulas/cells.py. A gate's columns fill whole vectors. Where
it has fewer, the others are zeros, and stay it: their weights are zeros, and the derivatives by
what is beside the numbers of a row, too.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, Sequence

from ...formulas.cells import CELLS
from ...formulas.expressions import names, parsed
from ...formulas.programs import Program
from ..plans import LayerPlan
from .constants import Constants
from .layout import Layout
from .machine import ARENA, VECTOR_BYTES, At, Machine
from .parameters import before_last_gate
from .products import ArenaRows, Products, Weights
from .row_vectors import Places, RowProgram, Walk

_FROM, _TO, _VECTORS, _STEPS = 1, 2, 10, 11  # integer registers
_AT_ONCE = 8  # the most vectors that are copied without a loop
_SEQUENCE, _STEP = 5, 6  # among what says where a step is, after an address for each table


class RecurrentPasses:
    """Writes the steps of a cell for `rows` rows, in sequences of `steps`."""

    def __init__(
        self, machine: Machine, constants: Constants, layout: Layout, rows: int, steps: int,
        plan: LayerPlan, U: Weights,
    ) -> None:  # fmt: skip
        self.machine, self.constants, self.layout = machine, constants, layout
        self.rows, self.steps, self.plan, self.U = rows, steps, plan, U
        self.formula = formula = CELLS[plan.kind]
        self.row = plan.inputs // len(formula.gates) * 8  # the bytes of a gate's row
        gates = [f"{letter}_{gate}" for letter in "avdu" for gate in formula.gates]
        self.made = {s.to for s in formula.backward}
        made = self.made | {s.to for s in formula.program}
        others = sorted(made - set(gates) - {*formula.state, "e"})
        # A product fills whole panels, and may go on into the next row.
        rows_of_step = [*gates, *formula.state, "d", "e", "p", *others]
        start = layout.place(len(rows_of_step) * self.row, f"a step of layer {plan.place}")
        self.now = {name: start + k * self.row for k, name in enumerate(rows_of_step)}
        used = {name for s in formula.backward for name in names(parsed(s.value))}
        self.kept = [name for name in self.now if name in used - self.made - {*"dep"}]
        self.before = layout.table(rows, len(formula.state) * self.row // 8, "states before")
        self.tables = layout.table(rows, len(self.kept) * self.row // 8, "kept of each step")
        self.places = layout.place(8 * (_STEP + 1), "where a step is")

    @property
    def wide(self) -> int:
        """The bytes of all gates."""
        return len(self.formula.gates) * self.row

    def forward(self, a: ArenaRows, y: ArenaRows) -> None:
        """y = h of each step, for a = x W + b"""
        m, now, formula = self.machine, self.now, self.formula
        m.comment(f"forward through {self.plan.kind}: v = h U, and the new state")
        state = now[formula.state[0]]
        size = len(formula.state) * self.row
        moving = [a, self.before, self.tables, y]
        self._begin(moving, 0)
        with self._loop(_SEQUENCE, self.rows // self.steps):
            self._zeros(state, size)
            with self._loop(_STEP, self.steps):
                self._take(0, now[f"a_{formula.gates[0]}"], self.wide)
                self._keep(1, state, size)
                Products(m, 1).forward(
                    self.U, ArenaRows(state, 0), ArenaRows(now[f"v_{formula.gates[0]}"], 0)
                )
                self._program(formula.program)
                for k, name in enumerate(self.kept):
                    self._keep(2, now[name], self.row, k * self.row)
                self._keep(3, state, self.row)
                self._move(moving, 1)

    def backward(self, dY: ArenaRows, shift: int, add: bool, keeps: bool) -> ArenaRows:
        """Return the derivatives by a, for dY by the outputs; deal with those by U and c.

        They go where the weights are, moved by `shift`: subtracted, or stored with `add`; `keeps`
        is whether there are derivatives of other sequences to add to.
        """
        m, now, formula = self.machine, self.now, self.formula
        m.comment(f"backward through {self.plan.kind}: from the last step to the first")
        first = formula.gates[0]
        table = self.layout.table
        dA = table(self.rows, self.plan.inputs, f"d below layer {self.plan.place}")
        alike = [gate for gate in formula.gates if f"u_{gate}" not in self.made]
        apart = len(alike) < len(formula.gates)
        dV = table(self.rows, self.plan.inputs, "d by the products with U") if apart else dA
        moving = [dY, self.before, self.tables, dA, dV]
        self._begin(moving, self.rows - 1)
        begins_with_e = len(formula.state) == 1 and "e" in self.made
        with self._loop(_SEQUENCE, self.rows // self.steps):
            self._zeros(now["d"], self.row)
            self._zeros(now["e"], self.row)
            with self._loop(_STEP, self.steps):
                self._take(0, now["d"], self.row, add=True)
                self._take(1, now["p"], self.row, (len(formula.state) - 1) * self.row)
                for k, name in enumerate(self.kept):
                    self._take(2, now[name], self.row, k * self.row)
                self._program(formula.backward)
                d = now[f"d_{first}"]
                self._keep(3, d, self.wide)
                if apart:
                    for gate in alike:
                        self._bring(now[f"d_{gate}"], now[f"u_{gate}"])
                    d = now[f"u_{first}"]
                    self._keep(4, d, self.wide)
                Products(m, 1).backward(self.U, ArenaRows(d, 0), ArenaRows(now["d"], 0))
                if begins_with_e:
                    self._bring(now["e"], now["d"], add=True)
                self._move(moving, -1)
        products = Products(m, self.rows, keeps)
        if "U" in self.plan.trained():
            m.comment("dU = h^T d, by the states h before each step")
            products.update(self.U, self.before, dV, self.U.offset + shift, add)
        if self.plan.biased and "c" in self.plan.trained():
            D = ArenaRows(dV.offset + before_last_gate(self.plan), dV.stride)
            products.sum_rows(self.row // VECTOR_BYTES, D, self._c + shift, add)
        return dA

    @property
    def _c(self) -> int:
        """Where c is: the part of the product's biases that belongs to the last gate."""
        assert self.U.bias is not None
        return self.U.bias + before_last_gate(self.plan)

    def _program(self, program: Program) -> None:
        walk = Walk(self.row // VECTOR_BYTES, VECTOR_BYTES, 0, False)
        kept = {s.to for s in program}
        places = Places(self.now, {}, {}, {}, kept, {}, {})
        RowProgram(self.machine, self.constants, walk, places, quick=False).write(program)

    @contextmanager
    def _loop(self, place: int, count: int) -> Iterator[None]:
        """A loop whose counter is in memory, at a place of `places`, while its body runs."""
        m, counter = self.machine, At(ARENA, self.places + 8 * place)
        with m.loop(_STEPS, count):
            m.store(counter, _STEPS)
            yield
            m.load(_STEPS, counter)

    def _begin(self, tables: Sequence[ArenaRows], row: int) -> None:
        """Keep the address of a row of each table."""
        m = self.machine
        for k, table in enumerate(tables):
            m.move(_FROM, ARENA)
            m.add_constant(_FROM, table.row(row))
            m.store(At(ARENA, self.places + 8 * k), _FROM)

    def _move(self, tables: Sequence[ArenaRows], rows: int) -> None:
        m = self.machine
        for k, table in enumerate(tables):
            place = At(ARENA, self.places + 8 * k)
            m.load(_FROM, place)
            m.add_constant(_FROM, rows * table.stride)
            m.store(place, _FROM)

    def _take(self, table: int, to: int, size: int, at: int = 0, add: bool = False) -> None:
        """Copy from the present row of a table to a place of the step, or add it there."""
        self._address(_FROM, table, at)
        self._fixed(_TO, to)
        self._copy(size, add)

    def _keep(self, table: int, source: int, size: int, at: int = 0) -> None:
        """Copy from a place of the step to the present row of a table."""
        self._address(_TO, table, at)
        self._fixed(_FROM, source)
        self._copy(size, False)

    def _bring(self, source: int, to: int, add: bool = False) -> None:
        """Copy a row from one place of the step to another, or add it there."""
        self._fixed(_FROM, source)
        self._fixed(_TO, to)
        self._copy(self.row, add)

    def _address(self, register: int, table: int, at: int) -> None:
        self.machine.load(register, At(ARENA, self.places + 8 * table))
        if at:
            self.machine.add_constant(register, at)

    def _fixed(self, register: int, offset: int) -> None:
        self.machine.move(register, ARENA)
        self.machine.add_constant(register, offset)

    def _copy(self, size: int, add: bool) -> None:
        m, vectors = self.machine, size // VECTOR_BYTES
        looped = vectors > _AT_ONCE
        with m.loop(_VECTORS, vectors if looped else 1):
            for v in range(0, VECTOR_BYTES if looped else size, VECTOR_BYTES):
                m.vload(0, At(_FROM, v))
                if add:
                    m.vadd(0, 0, At(_TO, v))
                m.vstore(At(_TO, v), 0)
            if looped:
                m.add_constant(_FROM, VECTOR_BYTES)
                m.add_constant(_TO, VECTOR_BYTES)

    def _zeros(self, offset: int, size: int) -> None:
        self.machine.vzero(0)
        for at in range(offset, offset + size, VECTOR_BYTES):
            self.machine.vstore(At(ARENA, at), 0)
