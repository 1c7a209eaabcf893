"""The program of the `native` engine: calls of machine code that make many updates each."""

from __future__ import annotations

from array import array
from functools import lru_cache
from itertools import chain, groupby, repeat
from random import Random
from time import perf_counter
from typing import Any, Sequence

from ...lesson.layers import Dropout
from ...lesson.matrix import Matrix, Vector
from ..contract import BatchDivergence, Batches, Memory, Program, Recipe, start_memory
from ..lists import ListsProgram
from ..plans import plan_of
from . import layout as at
from .machine import VECTOR_BYTES
from .memory import Arena
from .numbers import Numbers, padded_rows, read_running, write_running
from .prediction import Loaded, Shape as PredictionShape, loaded, prediction, running_statistics
from .training import Shape, TrainingCode

# A call cannot be interrupted: it should take about this many seconds, and a tenth at most.
SECONDS_OF_A_CALL = 0.02
SECONDS_PER_PRODUCT = 1e-9  # a careful guess, for the first call
MOST_DRAWS = 1 << 20  # random numbers that a call may need
ROWS_OF_PREDICTION = 32


@lru_cache(maxsize=32)
def training(shape: Shape) -> Loaded:
    """Return the loaded code of training for a shape; equal shapes share it."""
    return loaded(TrainingCode, shape)


class NativeProgram(Program):
    """Keeps weights, memory and running statistics in an arena, which the code changes.

    The network's lists are brought up to date by `write_back`.
    """

    def __init__(self, recipe: Recipe, memory: Memory) -> None:
        self.recipe, self.memory = recipe, memory
        self.compile_seconds = 0.0
        self._columns = recipe.network.inputs or 1
        self._arena = Arena(8)
        self._current: Loaded | None = None
        self._data: list[Arena] = []
        self._losses = Arena(8)
        self._seconds_per_row = 0.0
        self._X: Matrix = []
        self._T: Matrix = []
        self._sample_weight: Vector | None = None
        start_memory(recipe, memory)
        self.reload()

    # --- the numbers: in the arena, and in the network's lists

    def reload(self) -> None:
        self.plan = plan_of(self.recipe, self._columns)
        self._current = None
        first = self._prediction(1)
        self._use(first)
        self._numbers = Numbers(self.plan.layers, first.code.parameters)
        self._parameters = first.code.parameters
        for kind, matrices in enumerate(self._matrices()):
            self._numbers.write(self._arena, kind, matrices)
        write_running(self._arena, self._parameters, running_statistics(self.recipe.network))

    def write_back(self) -> None:
        try:
            self._put()
        except KeyboardInterrupt:
            self._put()  # a network with only half of the new numbers would be broken
            raise

    def _put(self) -> None:
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

    def _use(self, code: Loaded) -> None:
        """Prepare the arena for a call of the code."""
        if self._current is code:
            return
        if self._arena.size < code.code.size:
            larger = Arena(code.code.size)
            kept = self._arena.copy(0, self._arena.size)
            larger.restore(0, kept)
            self._arena = larger
        code.write_constants(self._arena)
        self._current = code

    # --- training

    @property
    def done(self) -> list[float]:  # type: ignore[override]
        """The losses of the updates made since `done` was last emptied."""
        losses = self._losses
        return losses.read(0, (self._arena.read_integer(at.LOSSES) - losses.address) // 8)

    @done.setter
    def done(self, losses: list[float]) -> None:
        if not losses:
            self._arena.write_integers(at.LOSSES, array("q", [self._losses.address]))

    def bind(self, X: Matrix, T: Matrix, sample_weight: Vector | None = None) -> None:
        self._X, self._T, self._sample_weight = X, T, sample_weight
        if X and len(X[0]) != self._columns:
            self.write_back()
            self._columns = len(X[0])
            self.reload()
        tables = [padded_rows(X, self._columns), padded_rows(T, self.plan.outputs)]
        tables.append(array("d", sample_weight or []))
        self._data = []
        for numbers in tables:
            arena = Arena(8 * len(numbers))
            arena.write(0, numbers)
            self._data.append(arena)

    def train(
        self, batches: Sequence[Sequence[int]], learning_rates: Sequence[float], first_step: int
    ) -> list[float]:
        rows, lengths = _rows_and_lengths(batches)
        order = Arena(8 * len(rows))
        order.write_integers(0, rows)
        self._losses = Arena(8 * len(lengths))
        self.done = []
        begin = 0
        address = order.address
        for length, group in groupby(lengths):
            end = begin + len(list(group))
            while begin < end:
                count = min(end - begin, self._batches_of_a_call(length))
                rates = learning_rates[begin : begin + count]
                self._call(length, count, address, rates, first_step + begin, batches, begin)
                begin += count
                address += 8 * length * count
        return self.done

    def _batches_of_a_call(self, length: int) -> int:
        parameters = self.recipe.network.count_parameters()
        seconds = self._seconds_per_row or 3 * SECONDS_PER_PRODUCT * (parameters + 100)
        count = int(SECONDS_OF_A_CALL / (seconds * length)) or 1
        draws = sum(layer.outputs for layer in self.plan.layers if layer.kind == "Dropout")
        if draws:
            count = min(count, MOST_DRAWS // (draws * length) or 1)
        return count

    def _call(
        self, length: int, count: int, order: int, rates: Sequence[float], step: int,
        batches: Sequence[Sequence[int]], first: int,
    ) -> None:  # fmt: skip
        """Make `count` updates with batches of `length` rows, `batches[first]` and following."""
        ready = training(Shape(self.plan, length, self._sample_weight is not None))
        self._use(ready)
        code, arena, parameters = ready.code, self._arena, self._parameters
        streams = [l.rng for l in self.recipe.network.layers if type(l) is Dropout]
        noise = [stream.getstate() for stream in streams]
        kept = arena.copy(parameters.start, parameters.state_size)
        numbers = code.numbers(rates, step)
        room = Arena(8 * len(numbers))
        room.write(0, numbers)
        losses = arena.read_integer(at.LOSSES)
        started = perf_counter()
        try:
            draws = self._draws(streams, length * count)
            header = [count, order, room.address, losses, *[data.address for data in self._data], 0]
            header += [draw.address for draw in draws]
            arena.write_integers(0, array("q", header))
            ready.call(arena.address)
        except BaseException:
            if arena.read_integer(at.LOSSES) == losses:
                _restore(streams, noise)
            raise
        self._seconds_per_row = (perf_counter() - started) / (length * count)
        left, not_finite = arena.read_integer(at.LEFT), arena.read_integer(at.NOT_FINITE)
        if not left and not not_finite:
            return
        # From the state before the call, batch by batch, until the one that went wrong.
        arena.restore(parameters.start, kept)
        arena.write_integers(at.LOSSES, array("q", [losses]))
        _restore(streams, noise)
        if count > 1:
            for k in range(count):
                at_row = order + 8 * length * k
                self._call(length, 1, at_row, rates[k : k + 1], step + k, batches, first + k)
            return
        self._by_lists(batches[first], rates[0], step, first)

    def _draws(self, streams: list[Random], samples: int) -> list[Arena]:
        """Return the random numbers of each Dropout layer, in the order in which it needs them."""
        found = []
        dropouts = [layer for layer in self.plan.layers if layer.kind == "Dropout"]
        for stream, layer in zip(streams, dropouts):
            draw, count = stream.random, samples * layer.outputs
            arena = Arena(8 * count + VECTOR_BYTES)
            arena.write(0, array("d", [draw() for _ in repeat(None, count)]))
            found.append(arena)
        return found

    def _by_lists(self, batch: Sequence[int], rate: float, step: int, number: int) -> None:
        """Make one update with `lists`: it diverges there, too, or a formula only overflowed.

        Raises BatchDivergence.
        """
        self.write_back()
        program = ListsProgram(self.recipe, self.memory)
        program.bind(self._X, self._T, self._sample_weight)
        try:
            (loss,) = program.train([batch], [rate], step)
        except BatchDivergence as error:
            raise BatchDivergence(number, error.what, self.done) from None
        place = self._arena.read_integer(at.LOSSES)
        self.reload()
        self._losses.write(place - self._losses.address, array("d", [loss]))
        self._arena.write_integers(at.LOSSES, array("q", [place + 8]))

    # --- prediction

    def predict(self, X: Matrix) -> Matrix:
        outputs: Matrix = []
        if not X:
            return outputs
        if len(X[0]) != self._columns:
            self.write_back()
            return self.recipe.network.forward(X)
        rows = min(len(X), ROWS_OF_PREDICTION)
        ready = self._prediction(rows)
        self._use(ready)
        code, arena = ready.code, self._arena
        for start in range(0, len(X), rows):
            part = X[start : start + rows]
            for k, row in enumerate(part):
                arena.write(code.inputs.row(k), array("d", row))
            ready.call(arena.address)
            width = code.outputs.stride // 8
            values = arena.read(code.outputs.offset, len(part) * width)
            outputs += [
                values[k : k + code.columns] for k in range(0, len(part) * width, width)
            ]
        return outputs

    def _prediction(self, rows: int) -> Loaded:
        plan = self.plan
        copies = 1 + len(plan.memories)
        return prediction(PredictionShape(plan.layers, plan.inputs, rows, copies))


def _rows_and_lengths(batches: Sequence[Sequence[int]]) -> tuple[array[int], list[int]]:
    """Return the row numbers of all batches, one after another, and how many each has."""
    if isinstance(batches, Batches):
        return array("q", batches.rows), batches.lengths
    return array("q", chain.from_iterable(batches)), list(map(len, batches))


def _restore(streams: list[Random], states: list[Any]) -> None:
    for stream, state in zip(streams, states):
        stream.setstate(state)
