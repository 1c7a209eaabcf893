"""The machine code of training, batch after batch: all the updates of a call, or only losses."""

from __future__ import annotations

from array import array
from sys import float_info
from typing import Callable, NamedTuple, Sequence

from ...formulas.cells import CELLS
from ...formulas.optimizers import clipping_programs
from ...formulas.programs import Each, Program, described
from ..headroom import MOST
from ..optimizer_source import counts_steps
from ..plans import TABLES, TrainingPlan
from ..source import SourceWriter, compile_source
from . import layout as at
from .constants import Constants
from .layout import Layout
from .machine import ARENA, VECTOR_BYTES, At, Block, Machine, vectors_of
from .parameters import ParameterPlaces
from .passes import Passes
from .products import ArenaRows
from .row_vectors import NUMBER, PARAMETER, ROW, Places, RowProgram, Walk, each_row
from .sparse import RECORD_BYTES, SparseProducts

# Integer registers.
_TO_INPUTS, _TO_TARGETS, _TO_WEIGHTS = ROW, PARAMETER, NUMBER
_ROW_NUMBER, _FROM, _ORDER, _BASE, _COUNTER, _VECTORS, _ROWS = 4, 5, 6, 8, 9, 10, 11
_COPIED_AT_ONCE = 8  # vectors
# Layers that change their own weights, if nothing else does.
_BY_PRODUCTS = ("Dense", "Conv", *TABLES, *CELLS)


class TrainingShape(NamedTuple):
    """What the code depends on: the plan, and the rows of a batch.

    last:      the rows of another batch at the end of each epoch; 0 if there is none
    measures:  whether losses are measured, not in training mode, and nothing is updated
    steps:     how many rows are a sequence, in networks that read those
    part:      "sums" to add derivatives to what is there, "update" to update by them; "" for both
    weighted:  whether rows have weights; sparse: whether the inputs are `SparseRows`
    """

    plan: TrainingPlan
    rows: int
    weighted: bool = False
    sparse: bool = False
    last: int = 0
    measures: bool = False
    steps: int = 1
    part: str = ""


class TrainingCode:
    """The code for one shape, and where its numbers are.

    parameters:  where the weights are, and all of the state that training changes
    kept:        a place for a copy of the state
    fresh:       where the part of the arena begins that has to be zeros at first
    numbers:     returns the numbers of each update, from (rates, first step, rows of a batch)
    size:        bytes of the arena
    counts_steps: whether the numbers of an update depend on how many were made before
    """

    def __init__(self, shape: TrainingShape, machine: Machine, guarded: bool = False) -> None:
        plan = shape.plan
        self.shape, self.machine = shape, machine
        self.layout = layout = Layout(guarded)
        start = at.begin(layout)
        self.constants = Constants(start.constants)
        self._next_scalar = start.scalars
        self.parameters = ParameterPlaces(plan.layers, layout, 1 + len(plan.memories))
        size = self.parameters.state_size
        self.kept = layout.place(size, "parameters and memory before the call")
        folds = plan.folds and not plan.decay_somewhere and not shape.part
        self.direct = shape.measures or folds
        self.each = shape.steps if plan.one_row else 1
        adds = any(layer.trained() and layer.kind not in _BY_PRODUCTS for layer in plan.layers)
        self.gradients = 0
        if adds or not self.direct:
            self.gradients = layout.place(self.parameters.size, "derivatives by the parameters")
        self.fresh = self.parameters.start + size
        if shape.part:
            self.fresh = layout.size
        updates = not self.direct and shape.part != "sums"
        self.once = list(plan.update(plan.decay_somewhere).once) if updates else []
        self.names = ["k", "share"]
        if updates:
            self.names += list(dict.fromkeys(["rate", *[name for name, _ in self.once]]))
        self.counts_steps = counts_steps(plan)
        by_weights = shape.weighted and not shape.part
        self.numbers = _numbers_function(plan, by_weights, self.direct, self.once, self.names)
        self._write()
        self.size = layout.size + VECTOR_BYTES

    def _scalar(self) -> At:
        """Return a place for a single number, four times."""
        place = At(ARENA, self._next_scalar)
        self._next_scalar += VECTOR_BYTES
        return place

    def _write(self) -> None:
        m = self.machine
        m.begin()
        m.load(_COUNTER, At(ARENA, at.EPOCHS))
        with m.block() as divergence:
            with m.loop(_COUNTER):
                m.store(At(ARENA, at.EPOCHS), _COUNTER)
                m.load(_COUNTER, At(ARENA, at.BATCHES))
                with m.loop(_COUNTER):
                    self._write_batch(self.shape.rows, divergence)
                if self.shape.last:
                    m.comment("the last batch of the epoch")
                    self._write_batch(self.shape.last, divergence)
                m.load(_COUNTER, At(ARENA, at.EPOCHS))
            m.comment("all updates are made")
            m.set(_COUNTER, 0)
            m.store(At(ARENA, at.EPOCHS), _COUNTER)
        if not self.shape.measures and self.shape.part != "sums":
            m.comment("the sums of the squares of all weights, and of the rest of the state")
            parameters = self.parameters
            self._squares(at.SQUARES, 0, parameters.size)
            self._squares(at.SQUARES + 8, parameters.size, parameters.state_size)
        m.end()

    def _write_batch(self, rows: int, divergence: Block) -> None:
        """Write one update with a batch of so many rows, or only its loss."""
        shape = self.shape
        m, plan, trains, sums = self.machine, shape.plan, not shape.measures, shape.part == "sums"
        if shape.part == "update":
            self._update(self._load_numbers())
            return
        inputs, targets, weights = self._gather(rows)
        given = self._load_numbers()
        rows_out = rows // self.each
        if weights:
            given = self._shares(rows_out, given, weights)
        passes = Passes(
            m, self.constants, self.layout, self.parameters, plan.layers, rows, inputs,
            shape.sparse, shape.steps, sums,
        )  # fmt: skip
        passes.forward(training=trains)
        total = self._scalar()
        index = NUMBER if rows_out > 1 else None
        weight = At(ARENA, weights.offset, index) if weights else None
        d = passes.loss(plan, targets, {"k": given["k"]}, total, weight, trains)
        m.comment("the mean loss of the batch; leave if it is not finite, or too large")
        m.vload(0, total)
        m.vmul(0, 0, given["share"])
        m.vmul(1, 0, self.constants.at(float_info.max / MOST))
        m.vsub(1, 1, 1)
        m.leave_if_any(1, divergence)
        m.load(_FROM, At(ARENA, at.LOSSES))
        m.vstore_first(At(_FROM, 0), 0)
        m.add_constant(_FROM, 8)
        m.store(At(ARENA, at.LOSSES), _FROM)
        if trains:
            passes.backward(d, int(plan.fused), self.gradients, self.direct)
            if not sums:
                self._update(given)

    def _gather(self, rows: int) -> tuple[ArenaRows, ArenaRows, ArenaRows | None]:
        """Copy the batch's rows together: inputs, targets, and weights four times each."""
        m, plan = self.machine, self.shape.plan
        sparse = self.shape.sparse
        if sparse:
            place = self.layout.place(rows * RECORD_BYTES, "where the inputs are")
            inputs = ArenaRows(place, RECORD_BYTES)
        else:
            inputs = self.layout.table(rows, plan.inputs, "inputs x")
        rows_out = rows // self.each
        targets = self.layout.table(rows_out, plan.outputs, "targets t")
        weights = None
        if self.shape.weighted:
            place = self.layout.place(rows_out * VECTOR_BYTES, "weights of the rows")
            weights = ArenaRows(place, VECTOR_BYTES)
        m.comment("copy the rows of the batch together")
        m.load(_ORDER, At(ARENA, at.ORDER))
        of_inputs = (_TO_INPUTS, inputs, plan.inputs, at.INPUTS)
        of_targets = (_TO_TARGETS, targets, plan.outputs, at.TARGETS)
        if self.each == 1:
            self._gather_rows(rows, [of_inputs, of_targets], weights)
        else:  # the targets of a sequence are beside its last row
            self._gather_rows(rows, [of_inputs], None)
            m.add_constant(_ORDER, 8 * (self.each - 1 - rows))
            self._gather_rows(rows_out, [of_targets], weights, self.each)
            m.add_constant(_ORDER, -8 * (self.each - 1))
        m.store(At(ARENA, at.ORDER), _ORDER)
        return inputs, targets, weights

    def _gather_rows(
        self, rows: int, tables: Sequence[tuple[int, ArenaRows, int, int]],
        weights: ArenaRows | None, apart: int = 1,
    ) -> None:  # fmt: skip
        """Copy rows of tables together, and their weights; their numbers are so far `apart`."""
        m, sparse = self.machine, self.shape.sparse
        several = rows > 1
        if several:
            for register in (_TO_INPUTS, _TO_TARGETS, _TO_WEIGHTS):
                m.set(register, 0)
        with m.loop(_ROWS, rows):
            m.load(_ROW_NUMBER, At(_ORDER, 0))
            for register, table, columns, base in tables:
                if base == at.INPUTS and sparse:
                    SparseProducts(m, rows, table).gather(_ROW_NUMBER, register, _BASE)
                    if several:
                        m.add_constant(register, table.stride)
                    continue
                m.multiply(_FROM, _ROW_NUMBER, vectors_of(columns) * VECTOR_BYTES)
                m.load(_BASE, At(ARENA, base))
                m.add(_FROM, _BASE)
                self._copy(At(ARENA, table.offset, register if several else None), columns)
                if several:
                    m.add_constant(register, table.stride)
            if weights:
                m.multiply(_FROM, _ROW_NUMBER, 8)
                m.load(_BASE, At(ARENA, at.WEIGHTS))
                m.add(_FROM, _BASE)
                m.vbroadcast(0, At(_FROM, 0))
                m.vstore(At(ARENA, weights.offset, _TO_WEIGHTS if several else None), 0)
                if several:
                    m.add_constant(_TO_WEIGHTS, VECTOR_BYTES)
            m.add_constant(_ORDER, 8 * apart)

    def _copy(self, to: At, columns: int) -> None:
        """Copy a row's vectors from register _FROM on."""
        m = self.machine
        times, rest = divmod(vectors_of(columns), _COPIED_AT_ONCE)
        if times > 1:
            m.move(_BASE, ARENA)
            m.add_constant(_BASE, to.offset)
            if to.index is not None:
                m.add(_BASE, to.index)
            to = At(_BASE, 0)
            with m.loop(_VECTORS, times):
                self._copy_some(to, _COPIED_AT_ONCE)
                m.add_constant(_BASE, _COPIED_AT_ONCE * VECTOR_BYTES)
                m.add_constant(_FROM, _COPIED_AT_ONCE * VECTOR_BYTES)
            self._copy_some(to, rest)
        else:
            self._copy_some(to, times * _COPIED_AT_ONCE + rest)

    def _copy_some(self, to: At, count: int) -> None:
        for v in range(count):
            self.machine.vload(v, At(_FROM, v * VECTOR_BYTES))
            self.machine.vstore(to.plus(v * VECTOR_BYTES), v)

    def _load_numbers(self) -> dict[str, At]:
        """Load the numbers of this update; return their addresses."""
        m = self.machine
        m.comment(f"the numbers of this update: {', '.join(self.names)}")
        m.load(_FROM, At(ARENA, at.NUMBERS))
        given = {}
        for k, name in enumerate(self.names):
            given[name] = self._scalar()
            m.vbroadcast(k % 4, At(_FROM, 8 * k))
            m.vstore(given[name], k % 4)
        m.add_constant(_FROM, 8 * len(self.names))
        m.store(At(ARENA, at.NUMBERS), _FROM)
        return given

    def _shares(self, rows: int, given: dict[str, At], weights: ArenaRows) -> dict[str, At]:
        """Divide by the sum of the weights; return the addresses with each row's own factor k."""
        m = self.machine
        place = self.layout.place(rows * VECTOR_BYTES, "k of each row")
        factors = ArenaRows(place, VECTOR_BYTES)
        index = NUMBER if rows > 1 else None
        total, inverse, mask, k = 0, 1, 2, 3

        def factor() -> None:
            m.vmul(k, inverse, At(ARENA, weights.offset, index))
            m.vstore(At(ARENA, factors.offset, index), k)

        if self.shape.part:  # k is already divided by the sum of all weights of the batch
            m.comment("k = k weight, for each row")
            m.vload(inverse, given["k"])
            each_row(m, rows, 0, factor)
            return {**given, "k": At(ARENA, factors.offset, index)}
        m.comment("k = k weight / sum of weights, for each row; 0 if the sum is 0")
        m.vzero(total)

        each_row(m, rows, 0, lambda: m.vadd(total, total, At(ARENA, weights.offset, index)))
        m.vzero(mask)
        m.vless(mask, mask, total)
        m.vload(inverse, self.constants.at(1.0))
        m.vdiv(inverse, inverse, total)
        m.vand(inverse, inverse, mask)
        share = self._scalar()
        m.vmul(k, inverse, given["share"])
        m.vstore(share, k)
        m.vmul(inverse, inverse, given["k"])
        each_row(m, rows, 0, factor)
        return {**given, "share": share, "k": At(ARENA, factors.offset, index)}

    def _update(self, given: dict[str, At]) -> None:
        """Write the update of what the backward pass has not updated itself."""
        plan, parameters = self.shape.plan, self.parameters
        if self.direct:
            for layer in plan.layers:
                for letter in layer.trained() if layer.kind not in _BY_PRODUCTS else ():
                    start = parameters.vectors[f"{letter}{layer.place}"] - parameters.start
                    size = vectors_of(layer.vector_length) * VECTOR_BYTES
                    self._over_parameters([Each("w", "w - g")], start, size, given)
            return
        clipping = clipping_programs(plan.clip_norm, plan.clip_value)
        fixed = self._pieces(trained=False)
        for start, size, _ in fixed if clipping else ():
            self._over_parameters([Each("g", "0.0 * w")], start, size, given)
        for program in clipping:
            self._over_parameters(program, 0, parameters.size, given)
        if fixed:
            for start, size, letter in self._pieces(trained=True):
                program = plan.update(plan.decays(letter)).program
                self._over_parameters(program, start, size, given)
            return
        by_matrix, by_vector = (plan.update(plan.decays(letter)).program for letter in "Wb")
        if described(by_matrix) == described(by_vector):
            self._over_parameters(by_matrix, 0, parameters.size, given)
        else:
            middle = parameters.matrices_size
            self._over_parameters(by_matrix, 0, middle, given)
            self._over_parameters(by_vector, middle, parameters.size - middle, given)

    def _pieces(self, trained: bool) -> list[tuple[int, int, str]]:
        """Return where each parameter is that is trained, or that is frozen: start, size, letter.

        The start is counted from that of all parameters.
        """
        places, found = self.parameters, []
        for layer in self.shape.plan.layers:
            for letter in layer.trained() if trained else layer.fixed:
                if letter == layer.matrix:
                    W = places.weights[layer.place]
                    found.append((W.offset - places.start, W.size, "W"))
                else:
                    start = places.vectors[f"{letter}{layer.place}"] - places.start
                    found.append((start, vectors_of(layer.vector_length) * VECTOR_BYTES, letter))
        return found

    def _over_parameters(
        self, program: Program, start: int, size: int, given: dict[str, At]
    ) -> None:
        """Write a program over a part of the weights, their derivatives and memories."""
        if not size:
            return
        parameters = self.parameters
        rows = {"w": parameters.start + start, "g": self.gradients + start}
        for k, name in enumerate(self.shape.plan.memories, 1):
            rows[name] = parameters.start + k * parameters.size + start
        kept = {"w", *self.shape.plan.memories}
        if all(statement.to != "w" for statement in program):
            kept = {"g"}  # clipping
        places = Places(rows, {}, given, {}, kept, {}, {})
        walk = Walk(size // VECTOR_BYTES, VECTOR_BYTES, 0, False)
        self.machine.comment(f"update: {described(program)}")
        RowProgram(self.machine, self.constants, walk, places, quick=False).write(program)

    def _squares(self, to: int, start: int, end: int) -> None:
        """Write the sum of the squares of a part of the state, to a place in the header."""
        m = self.machine
        m.vzero(0)
        if end > start:
            m.set(ROW, 0)
            with m.loop(_VECTORS, (end - start) // VECTOR_BYTES):
                m.vload(1, At(ARENA, self.parameters.start + start, ROW))
                m.fma(0, 1, 1)
                m.add_constant(ROW, VECTOR_BYTES)
            m.vsum(0, 1)
        m.vstore_first(At(ARENA, to), 0)


def _numbers_function(
    plan: TrainingPlan, weighted: bool, direct: bool, once: Sequence[tuple[str, str]],
    names: Sequence[str],
) -> Callable[[Sequence[float], int, int], array[float]]:  # fmt: skip
    """Return the function that computes the numbers of updates from (rates, first step, rows)."""
    share = f"{plan.loss_scale!r}" if weighted else f"{plan.loss_scale!r} / rows"
    k = f"{plan.derivative_scale!r}" if weighted else f"{plan.derivative_scale!r} / rows"
    code = SourceWriter()
    code("def numbers(rates, step, rows):")
    code.depth += 1
    steps = counts_steps(plan)
    if not steps:
        code("count = len(rates)", "alike = count and rates.count(rates[0]) == count")
        code("if alike: rates = rates[:1]")
    code('values = array("d")', f"share = {share}")
    with code.block("for rate in rates:"):
        code(f"k = {k}{' * rate' if direct else ''}")
        code(*[f"{name} = {source}" for name, source in once])
        code(f"values.extend(({', '.join(names)}))", "step += 1")
    code("return values" if steps else "return values * count if alike else values")
    return compile_source(str(code), "numbers of updates", array=array)
