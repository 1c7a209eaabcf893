"""Row programs on vectors: the renderer of formulas/ for machine code.

A `Walk` says what the columns of a program are: the columns of one row, four at a time; the rows of
four columns, for batch normalization; or all the numbers of a table, where each counts only for
itself.
"""

from __future__ import annotations

from typing import Callable, Collection, Mapping, NamedTuple

from ...formulas.expressions import names, parsed
from ...formulas.indexed_loops import runs
from ...formulas.programs import (
    Assignment,
    Each,
    Largest,
    Let,
    Program,
    Total,
    described_statement,
    value_of,
)
from .constants import Constants
from .expressions import Expressions
from .machine import ARENA, LANES, VECTOR_BYTES, At, Machine, Operand

# Integer registers: byte offsets into rows of numbers, into rows of parameters and into numbers
# that each row has one of; and the counters of loops over vectors and over rows.
ROW, PARAMETER, NUMBER, VECTOR_COUNT, ROW_COUNT = 1, 2, 3, 10, 11
UNROLLED = 4  # the most vectors that are written out instead of looped over


class Walk(NamedTuple):
    """The steps over the columns of a program.

    steps:       how many
    row_step:    bytes from one to the next in rows; `parameter_step`: in rows of parameters
    row_index:   whether register ROW is added to the addresses of rows
    lanes:       how many lanes count in the last step
    across:      whether the sum over the columns includes the sum of the lanes
    parameter_index: whether register PARAMETER is added to the addresses of parameters
    """

    steps: int
    row_step: int
    parameter_step: int
    row_index: bool
    lanes: int = LANES
    across: bool = True
    parameter_index: bool = False


class Places(NamedTuple):
    """Where the rows and numbers of a program are.

    rows, parameters:  byte offset of each row in the arena; parameters are the same for each row
    given:             the address of each number that is in memory
    numbers:           numbers that are constants
    kept:              rows that are needed after the program
    kept_numbers:      the address for each number that is needed after the program
    adds:              rows that are added to a row of parameters: its offset
    """

    rows: Mapping[str, int]
    parameters: Mapping[str, int]
    given: Mapping[str, At]
    numbers: dict[str, float]
    kept: Collection[str]
    kept_numbers: Mapping[str, At]
    adds: Mapping[str, int]


class RowProgram:
    """Writes one row program along a walk."""

    def __init__(
        self, machine: Machine, constants: Constants, walk: Walk, places: Places, quick: bool
    ) -> None:
        self.machine, self.constants = machine, constants
        self.walk, self.places, self.quick = walk, places, quick
        self.expressions = Expressions(machine, constants)
        self.pinned: dict[str, int] = {}  # single numbers, by register
        self.locals: dict[str, int] = {}  # rows at the present step, by register
        self.looped = walk.steps > UNROLLED

    def write(self, program: Program) -> dict[str, int]:
        """Write the program; return the registers of its numbers."""
        parts = list(runs(program))
        for k, run in enumerate(parts):
            later = {
                name for other in parts[k + 1 :] for s in other for name in _names(s, self.quick)
            }
            for statement in run:
                self.machine.comment(f"    {described_statement(statement, self.quick)}")
            if isinstance(run[0], Let):
                self._let(run[0])
            elif isinstance(run[0], Largest):
                self._largest(run[0])
            else:
                self._columns(run, later)
        return self.pinned

    def find(self, step: int) -> Callable[[str], Operand]:
        """Return the function that finds names at a step of the walk."""

        def found(name: str) -> Operand:
            if name in self.locals:
                return self.locals[name]
            if name in self.pinned:
                return self.pinned[name]
            if name in self.places.rows:
                return self._row(name, step)
            if name in self.places.parameters:
                return self._parameter(self.places.parameters[name], step)
            return self.places.given[name]

        return found

    def _row(self, name: str, step: int) -> At:
        at = self.places.rows[name] + step * self.walk.row_step
        return At(ARENA, at, ROW if self.walk.row_index or self.looped else None)

    def _parameter(self, offset: int, step: int) -> At:
        walk = self.walk
        moves = walk.parameter_index or (self.looped and walk.parameter_step)
        return At(ARENA, offset + step * walk.parameter_step, PARAMETER if moves else None)

    def _let(self, statement: Let) -> None:
        value = self.expressions.value(
            value_of(statement, self.quick), self.find(0), self.places.numbers
        )
        self._pin(statement.to, value)

    def _pin(self, name: str, register: int) -> None:
        """Keep a single number in a register of its own."""
        if name in self.pinned:
            self.expressions.give(self.pinned[name])
        self.pinned[name] = register
        if name in self.places.kept_numbers:
            self.machine.vstore(self.places.kept_numbers[name], register)

    def _steps(self, body: Callable[[int, bool], None], uses_parameters: bool) -> None:
        """Write the body for each step: it gets the step's number and whether it is the last."""
        m, walk = self.machine, self.walk
        if not self.looped:
            for step in range(walk.steps):
                body(step, step == walk.steps - 1)
            return
        partial = walk.lanes < LANES
        moves = uses_parameters and walk.parameter_step
        if moves:
            m.set(PARAMETER, 0)
        if not walk.row_index:
            m.set(ROW, 0)
        with m.loop(VECTOR_COUNT, walk.steps - partial):
            body(0, False)
            m.add_constant(ROW, walk.row_step)
            if moves:
                m.add_constant(PARAMETER, walk.parameter_step)
        if partial:
            body(0, True)
        if walk.row_index:
            m.add_constant(ROW, -walk.row_step * (walk.steps - partial))

    def _largest(self, statement: Largest) -> None:
        m, e = self.machine, self.expressions
        top, t = e.take(), e.take()
        if self.looped:
            m.vload(top, self.constants.at(float("-inf")))
        else:
            self._load_counting(top, statement.value, 0)

        def body(step: int, last: bool) -> None:
            if not self.looped and step == 0:
                return
            z, larger = e.take(), e.take()
            self._load_counting(z, statement.value, step, last)
            m.vless(larger, top, z)
            m.vselect(top, larger, z, top)
            e.give(z, larger)

        self._steps(body, False)
        if self.walk.across:
            m.vlargest(top, t)
        e.give(t)
        self._pin(statement.to, top)

    def _load_counting(self, a: int, name: str, step: int, last: bool = False) -> None:
        """Load a row's numbers, with −inf in the lanes that do not count."""
        m, e = self.machine, self.expressions
        at = self._row(name, step)
        if self.walk.lanes == LANES or not (last or step == self.walk.steps - 1):
            m.vload(a, at)
            return
        mask, lowest = e.take(), e.take()
        m.vload(a, at)
        m.vload(mask, self.constants.mask(self.walk.lanes))
        m.vload(lowest, self.constants.at(float("-inf")))
        m.vselect(a, mask, a, lowest)
        e.give(mask, lowest)

    def _columns(self, run: list[Assignment], later: set[str]) -> None:
        m, e, places, walk = self.machine, self.expressions, self.places, self.walk
        sums: dict[str, int] = {}
        for statement in run:
            if self._is_sum(statement) and self.looped:
                sums[statement.to] = e.take()
                m.vzero(sums[statement.to])
        used = {name for s in run for name in (*_names(s, self.quick), s.to)}
        parameters = bool(used & (set(places.parameters) | set(places.adds)))

        def body(step: int, last: bool) -> None:
            for k, statement in enumerate(run):
                value = e.value(value_of(statement, self.quick), self.find(step), places.numbers)
                to = statement.to
                if self._is_sum(statement):
                    self._add(sums, to, value, last)
                    continue
                if to in places.adds:
                    self._add_to_parameter(places.adds[to], step, value)
                after = {name for s in run[k + 1 :] for name in _names(s, self.quick)}
                if to in places.kept or to in later:
                    if last and walk.lanes < LANES:  # the other lanes stay 0
                        m.vand(value, value, self.constants.mask(walk.lanes))
                    m.vstore(self._row(to, step), value)
                if to in self.locals:
                    e.give(self.locals.pop(to))
                if to in after:
                    self.locals[to] = value
                else:
                    e.give(value)
            e.give(*self.locals.values())
            self.locals.clear()

        self._steps(body, parameters)
        for name, total in sums.items():
            if self.walk.across:
                t = e.take()
                m.vsum(total, t)
                e.give(t)
            self._pin(name, total)
            if name in places.adds:
                self._add_to_parameter(places.adds[name], 0, total)

    def _is_sum(self, statement: Assignment) -> bool:
        """Whether a statement adds up over the steps: so does a parameter's derivative by rows."""
        return isinstance(statement, Total) or (
            statement.to in self.places.adds and not self.walk.across
        )

    def _add(self, sums: dict[str, int], name: str, value: int, last: bool) -> None:
        m, e = self.machine, self.expressions
        if last and self.walk.lanes < LANES:
            m.vand(value, value, self.constants.mask(self.walk.lanes))
        if name in sums:
            m.vadd(sums[name], sums[name], value)
            e.give(value)
        else:
            sums[name] = value

    def _add_to_parameter(self, offset: int, step: int, value: int) -> None:
        """Add to the derivative by a parameter."""
        t = self.expressions.take()
        at = self._parameter(offset, step)
        self.machine.vadd(t, value, at)
        self.machine.vstore(at, t)
        self.expressions.give(t)


def _names(statement: Assignment, quick: bool) -> tuple[str, ...]:
    return names(parsed(value_of(statement, quick)))


def each_row(machine: Machine, rows: int, step: int, body: Callable[[], object]) -> None:
    """Write a loop over rows, with ROW and NUMBER at the row's numbers; `step`: bytes of a row."""
    if rows == 1:
        body()
        return
    machine.set(ROW, 0)
    machine.set(NUMBER, 0)
    with machine.loop(ROW_COUNT, rows):
        body()
        if step:
            machine.add_constant(ROW, step)
        machine.add_constant(NUMBER, VECTOR_BYTES)


def kept_names(program: Program, later: Program) -> tuple[set[str], set[str]]:
    """Return the rows and the single numbers that a program makes and a later one uses."""
    used = {name for statement in later for name in _names(statement, False)}
    rows = rows_made(program)
    return rows & used, ({s.to for s in program} - rows) & used


def rows_made(program: Program) -> set[str]:
    """Return the names of the rows that a program makes."""
    return {statement.to for statement in program if isinstance(statement, Each)}
