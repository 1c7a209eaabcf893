"""The program of the `native` engine: calls of machine code that make many updates each."""

from __future__ import annotations

from array import array
from itertools import repeat
from math import fsum, sqrt
from operator import mul
from random import Random
from time import perf_counter
from typing import Any, NamedTuple, Sequence

from ...formulas.caches import cached
from ...lesson.layers import Dropout
from ...lesson.matrix import Matrix, Vector
from ..contract import BatchDivergence, Batches, Memory, Program, Recipe, start_memory
from ..headroom import MOST, largest_norm, row_size
from ..lists import ListsProgram
from ..plans import LayerPlan, TrainingPlan, plan_of
from ..sequence_plans import with_parts
from . import layout as at
from .calls import Call, rows_and_runs
from .host import Arena, Lent
from .layout import Layout
from .machine import LANES
from .numbers import (
    ParameterStore,
    padded_rows,
    read_running,
    rows_apart,
    squares_of,
    write_running,
)
from .passes import ParameterPlaces
from .prediction import LoadedCode, PredictionShape, loaded, prediction, running_statistics
from .sparse import SparseRows, sparse_rows
from .training import TrainingCode, TrainingShape

# A call cannot be interrupted: it should take about this many seconds, and a tenth at most.
SECONDS_OF_A_CALL = 0.02
# Careful guesses, for the first call: of a product of a number and a weight, of all that one number
# of a layer's outputs goes through, and of the update of a weight; and the least of a batch, where
# the clock is too coarse to say.
SECONDS_PER_PRODUCT, SECONDS_PER_OUTPUT, SECONDS_PER_UPDATE = 1e-9, 4e-8, 1e-8
LEAST_SECONDS = 1e-7
MOST_DRAWS = 1 << 20  # random numbers that a call may need
ROWS_AT_ONCE = 32  # in prediction


@cached(32)
def parameter_places(plan: TrainingPlan) -> ParameterPlaces:
    """Return where the parameters of a plan are, in training and in prediction alike."""
    layout = Layout()
    at.begin(layout)
    return ParameterPlaces(plan.layers, layout, 1 + len(plan.memories))


@cached(64)
def training(shape: TrainingShape) -> LoadedCode:
    """Return the loaded code of training for a shape; equal shapes share it."""
    return loaded(TrainingCode, shape)


class _Bound(NamedTuple):
    """A data set: its rows, and the same as the code reads them."""

    X: Matrix
    T: Matrix
    sample_weight: Vector | None
    sparse: SparseRows | None
    data: list[Lent]

    def size(self, rows: Sequence[int]) -> float:
        """Return the weight of a batch of rows, by their numbers."""
        weights = self.sample_weight
        return float(len(rows)) if weights is None else fsum([weights[i] for i in rows])


class _State(NamedTuple):
    """All that an update changes: numbers in the arena, the end of the losses, random streams.

    numbers: where in the arena a copy of the numbers is; squares: see `layout.SQUARES`
    """

    numbers: int
    squares: list[float]
    losses: int
    streams: list[Random]
    noise: list[Any]


class NativeProgram(Program):
    """Keeps weights, memory and running statistics in an arena, which the code changes.

    The network's lists are brought up to date by `write_back`.
    """

    def __init__(self, recipe: Recipe, memory: Memory) -> None:
        self.recipe, self.memory = recipe, memory
        self._columns = recipe.network.inputs or 1
        self._arena = Arena(at.HEADER_BYTES)
        self._current: LoadedCode | None = None
        self._bound = self._apart = _Bound([], [], None, None, [])
        self._order = Lent(array("q"))
        self._losses = Lent(array("d"))
        self._done: list[float] = []
        self._sizes = 1.0, 1.0  # of the rows of inputs and of targets
        self._largest = 0.0  # the norm that all weights need to stay below
        self._measured: tuple[int, float] | None = None  # rows of a batch, and its seconds
        start_memory(recipe, memory)
        self.reload()

    # --- the numbers: in the arena, and in the network's lists

    def reload(self) -> None:
        self._stale = True

    def _load(self) -> None:
        """Read the network's numbers and the memory, if a caller may have changed them."""
        if not self._stale:
            return
        self.plan = plan_of(self.recipe, self._columns)
        self._dropouts = [layer for layer in self.plan.layers if layer.kind == "Dropout"]
        self._parameters = places = parameter_places(self.plan)
        self._grow(places.start + places.state_size)
        self._numbers = ParameterStore(self.plan.layers, places)
        self._write_state()
        self._stale = False

    def _write_state(self) -> None:
        for kind, matrices in enumerate(self._matrices()):
            self._numbers.write(self._arena, kind, matrices)
        running = running_statistics(self.recipe.network)
        write_running(self._arena, self._parameters, running)
        self._write_squares(squares_of(self._matrices(), running))

    def _write_squares(self, squares: list[float]) -> None:
        self._arena.write(at.SQUARES, array("d", squares))

    def write_back(self) -> None:
        try:
            self._put()
        except KeyboardInterrupt:
            self._put()  # a network with only half of the new numbers would be broken
            raise

    def _put(self) -> None:
        if self._stale:
            return
        for kind, matrices in enumerate(self._matrices()):
            self._numbers.read(self._arena, kind, matrices)
        read_running(self._arena, self._parameters, running_statistics(self.recipe.network))

    def _matrices(self) -> list[list[Matrix]]:
        """Return the weights as matrices, then each memory's."""
        parameters = self.recipe.network.parameters()
        memories = [
            [self.memory[parameter.name][name] for parameter in parameters]
            for name in self.plan.memories
        ]
        return [[parameter.rows() for parameter in parameters], *memories]

    def _use(self, code: LoadedCode) -> None:
        """Prepare the arena for a call of the code."""
        if self._current is code:
            return
        size, fresh = code.code.size, code.code.fresh
        self._grow(size)
        self._current = None  # if this is interrupted, the arena fits no code
        # Numbers beside those of a row count as 0, and other code may have left others there.
        self._arena.restore(fresh, bytes(size - fresh))
        code.write_constants(self._arena)
        self._current = code

    def _grow(self, size: int) -> None:
        """Make the arena at least so large."""
        if self._arena.size < size:
            larger = Arena(size)
            larger.restore(0, self._arena.copy(0, self._arena.size))
            self._arena, self._current = larger, None

    # --- training

    @property
    def done(self) -> list[float]:
        """The losses of the updates made since `done` was last emptied."""
        if self._done:
            return self._done
        end = self._arena.read_integer(at.LOSSES)
        return self._losses.first((end - self._losses.address) // 8)

    @done.setter
    def done(self, losses: list[float]) -> None:
        self._done = losses
        if not losses:
            self._losses = Lent(array("d"))

    def _set(self, place: int, *integers: int) -> None:
        """Write integers of the header."""
        self._arena.write_integers(place, array("q", integers))

    def bind(self, X: Matrix, T: Matrix, sample_weight: Vector | None = None) -> None:
        if X and len(X[0]) != self._columns:
            self.write_back()
            self._columns = len(X[0])
            self._stale = True
        self._load()
        self._given: tuple[Any, ...] = X, T, sample_weight
        self._bound = self._laid_out(X, T, sample_weight)
        self._sizes = row_size(X), row_size(T)

    def _laid_out(self, X: Matrix, T: Matrix, sample_weight: Vector | None) -> _Bound:
        """Return a data set as the code reads it."""
        layers = self.plan.layers
        dense_first = layers and layers[0].kind == "Dense" and not self.recipe.network.reads_steps
        sparse = sparse_rows(X, self._parameters.weights[layers[0].place]) if dense_first else None
        inputs = sparse.rows if sparse else padded_rows(X, self._columns)
        data = [inputs, padded_rows(T, self.plan.outputs), array("d", sample_weight or [])]
        lent = list(map(Lent, data + list(sparse[1:] if sparse else [])))
        return _Bound(X, T, sample_weight, sparse, lent)

    def train(
        self, batches: Sequence[Sequence[int]], learning_rates: Sequence[float], first_step: int
    ) -> list[float]:
        self.done = []
        rows, runs = self._rows_and_runs(batches)
        self._order = Lent(rows)
        self._load()
        losses = Lent(array("d", bytes(8 * len(batches))))
        self._set(at.LOSSES, losses.address)
        self._losses = losses
        self._set(at.INPUTS, *[numbers.address for numbers in self._bound.data])
        while runs:
            call, rest = runs[0].cut(self._rows_of_a_call(runs[0]))
            runs[:1] = rest
            self._call(call, learning_rates, first_step)
        return self.done

    def _rows_and_runs(
        self, batches: Sequence[Sequence[int]]
    ) -> tuple[array[int], list[Call]]:  # fmt: skip
        return rows_and_runs(batches)

    def _rows_of_a_call(self, run: Call) -> int:
        """Return how many rows of a run take about SECONDS_OF_A_CALL.

        A batch of twice the rows takes at most twice as long, and one of fewer not longer.
        """
        if self._measured is None:
            parameters = self._parameters.size // 8
            outputs = self.plan.outputs + sum(layer.outputs for layer in self.plan.layers)
            products = parameters + sum(layer.products for layer in self.plan.layers)
            row = 3 * SECONDS_PER_PRODUCT * (products + 100) + SECONDS_PER_OUTPUT * outputs
            seconds = SECONDS_PER_UPDATE * parameters + row * run.length
        else:
            length, measured = self._measured
            seconds = max(measured, LEAST_SECONDS) * max(1.0, run.length / length)
        most = int(SECONDS_OF_A_CALL / (seconds * run.updates) * run.rows)
        draws = sum(layer.outputs for layer in self._dropouts)
        return min(most, MOST_DRAWS // draws) if draws else most

    def _call(self, call: Call, rates: Sequence[float], first_step: int) -> None:
        """Make the updates of a call: all of them, or none if it is interrupted."""
        first, count = call.first, call.updates
        ready = training(self._shape(self._bound, call))
        self._use(ready)
        arena = self._arena
        before = self._state(ready.code.kept)
        some = rates if count == len(rates) else rates[first : first + count]
        self._largest = self._largest_norm(call, some)
        numbers = Lent(_numbers(ready.code, some, first_step + first, call))
        try:
            order = self._order.address + 8 * call.row
            self._set(at.EPOCHS, call.epochs, call.batches, order, numbers.address)
            if self._is_small:
                draws = self._draws(before.streams, call)
                if draws:
                    self._set(at.DRAWS, *[draw.address for draw in draws])
                started = perf_counter()
                self._run(ready, call)
                seconds = perf_counter() - started
                self._measured = call.length, seconds / (call.epochs * call.batches)
                if self._is_whole:
                    return
            # From the state before the call, half of the batches at a time, until the one that
            # went wrong is alone.
            self._go_back(before)
            if count == 1:
                self._by_lists(call, rates[first], first_step + first, before)
                return
        except BatchDivergence:
            raise  # everything is as before the batch
        except BaseException:
            # Ctrl-C is answered after the code has run, whatever its numbers became.
            if arena.read_integer(at.LOSSES) == before.losses or not self._is_whole:
                self._go_back(before)
            raise
        half, rest = call.cut(call.rows // 2)
        for part in (half, *rest):
            self._call(part, rates, first_step)

    def _run(self, ready: LoadedCode, call: Call) -> None:
        """Run the code of a call, for which the header is set."""
        ready.call(self._arena.address)

    def _largest_norm(self, call: Call, rates: Sequence[float]) -> float:
        """Return the norm that all weights need to stay below in a call."""
        largest = largest_norm(self.plan, *self._sizes, rates)
        if not largest:  # are it these rows that are too large?
            X, T, *_ = self._bound
            rows = self._order.numbers[call.row : call.row + call.rows]
            sizes = row_size([X[i] for i in rows]), row_size([T[i] for i in rows])
            largest = largest_norm(self.plan, *sizes, rates)
        return largest

    @property
    def _is_whole(self) -> bool:
        """Whether the latest call made all of its updates, and their numbers are small enough."""
        return not self._arena.read_integer(at.EPOCHS) and self._is_small

    @property
    def _is_small(self) -> bool:
        """Whether no order of operations could overflow with these numbers, see `headroom`."""
        weights, rest = self._arena.read(at.SQUARES, 2)
        return sqrt(weights) < self._largest and sqrt(rest) < MOST

    def _state(self, to: int) -> _State:
        """Return all that an update changes, for `_go_back`; its numbers are copied to a place."""
        arena, parameters, streams = self._arena, self._parameters, self._streams
        arena.duplicate(parameters.start, parameters.state_size, to)
        return _State(
            to, arena.read(at.SQUARES, 2), arena.read_integer(at.LOSSES),
            streams, [stream.getstate() for stream in streams],
        )  # fmt: skip

    def _go_back(self, state: _State) -> None:
        parameters = self._parameters
        self._arena.duplicate(state.numbers, parameters.state_size, parameters.start)
        self._write_squares(state.squares)
        self._set(at.LOSSES, state.losses)
        for stream, noise in zip(state.streams, state.noise):
            stream.setstate(noise)

    @property
    def _streams(self) -> list[Random]:
        """The random streams of the Dropout layers, which the trainer replaces in each epoch."""
        if not self._dropouts:
            return []
        return [
            layer.rng for layer in with_parts(self.recipe.network.layers) if type(layer) is Dropout
        ]

    def _draws(self, streams: list[Random], call: Call) -> list[Lent]:
        """Return the random numbers of each Dropout layer, in the order in which it needs them."""
        found = []
        for stream, layer in zip(streams, self._dropouts):
            draw, count = stream.random, self._rows_through(layer, call) * layer.outputs
            numbers = array("d", [draw() for _ in repeat(None, count)])
            numbers.extend([0.0] * LANES)  # whole vectors are read
            found.append(Lent(numbers))
        return found

    def _rows_through(self, layer: LayerPlan, call: Call) -> int:
        """Return how many rows go through a layer in a call."""
        return call.rows

    def _samples(self, call: Call) -> Sequence[int]:
        """Return the samples of a call of one batch, by their numbers."""
        return self._order.numbers[call.row : call.row + call.length]

    def _by_lists(self, call: Call, rate: float, step: int, before: _State) -> None:
        """Make one update with `lists`: it diverges there, too, or a formula only overflowed.

        Raises BatchDivergence, after going back to `before`.
        """
        self.write_back()
        program = ListsProgram(self.recipe, self.memory)
        program.bind(*self._given)
        try:
            (loss,) = program.train([self._samples(call)], [rate], step)
        except BatchDivergence as error:
            self._go_back(before)  # `lists` has used its random numbers
            raise BatchDivergence(call.first, error.what, self.done) from None
        self._write_state()
        self._losses.replace(call.first, loss)
        self._set(at.EPOCHS, 0)
        self._set(at.LOSSES, self._losses.address + 8 * (call.first + 1))

    def _shape(self, bound: _Bound, call: Call, measures: bool = False) -> TrainingShape:
        weighted, sparse = bound.sample_weight is not None, bound.sparse is not None
        return TrainingShape(
            self.plan, call.length, weighted, sparse, call.last, measures, call.steps
        )

    # --- prediction

    def measure(
        self,
        X: Matrix,
        T: Matrix,
        sample_weight: Vector | None = None,
        outputs: Matrix | None = None,
    ) -> float:
        self._load()
        if not X or len(X[0]) != self._columns or self.recipe.network.reads_steps:
            return super().measure(X, T, sample_weight, outputs)
        bound = self._apart
        if bound.X is not X or bound.T is not T or bound.sample_weight is not sample_weight:
            bound = self._apart = self._laid_out(X, T, sample_weight)
        batches = Batches(range(len(X)), len(X), ROWS_AT_ONCE)
        rows, (run, *_) = rows_and_runs(batches)
        order, losses = Lent(rows), Lent(array("d", bytes(8 * len(batches))))
        self.done = self.done  # from here on the header tells of other losses
        calls = [run]
        while calls:
            call, rest = calls[0].cut(self._rows_of_a_call(run))
            calls[:1] = rest
            ready = training(self._shape(bound, call, measures=True))
            self._use(ready)
            numbers = Lent(_numbers(ready.code, [0.0] * call.updates, 1, call))
            self._set(at.LOSSES, losses.address + 8 * call.first)
            self._set(at.INPUTS, *[values.address for values in bound.data])
            start = order.address + 8 * call.row
            self._set(at.EPOCHS, call.epochs, call.batches, start, numbers.address)
            ready.call(self._arena.address)
            if self._arena.read_integer(at.EPOCHS):  # a loss is not finite
                return super().measure(X, T, sample_weight, outputs)
        means, sizes = losses.first(len(batches)), batches.each(bound.size)
        total = fsum(sizes)
        return fsum(map(mul, means, sizes)) / total if total else 0.0

    def predict(self, X: Matrix) -> Matrix:
        outputs: Matrix = []
        if not X:
            return outputs
        if len(X[0]) != self._columns:
            self.write_back()
            return self.recipe.network.forward(X)
        self._load()
        rows = min(len(X), ROWS_AT_ONCE)
        ready = self._prediction(rows)
        for start in range(0, len(X), rows):
            part = X[start : start + rows]
            outputs += self._outputs(ready, part, len(part))
        return outputs

    def _outputs(self, ready: LoadedCode, X: Matrix, count: int) -> Matrix:
        """Return so many rows of outputs for some rows."""
        self._use(ready)
        code, arena = ready.code, self._arena
        apart = code.inputs.stride // 8
        arena.write(code.inputs.offset, rows_apart(X, self._columns, apart))
        ready.call(arena.address)
        width = code.outputs.stride // 8
        values = arena.read(code.outputs.offset, count * width)
        return [values[k : k + code.columns] for k in range(0, count * width, width)]

    def _prediction(self, rows: int, steps: int = 1) -> LoadedCode:
        plan = self.plan
        copies = 1 + len(plan.memories)
        return prediction(PredictionShape(plan.layers, plan.inputs, rows, copies, steps))


def _numbers(code: TrainingCode, rates: Sequence[float], step: int, call: Call) -> array[float]:
    """Return the numbers of all updates of a call."""
    if not call.last:
        return code.numbers(rates, step, call.length // code.each)
    numbers = array("d")
    per_epoch, epochs = call.per_epoch, call.epochs
    alike = not code.counts_steps and rates.count(rates[0]) == len(rates)
    for start in range(0, per_epoch if alike else call.updates, per_epoch):
        end = start + per_epoch - 1
        numbers += code.numbers(rates[start:end], step + start, call.length)
        numbers += code.numbers(rates[end : end + 1], step + end, call.last)
    return numbers * epochs if alike else numbers
