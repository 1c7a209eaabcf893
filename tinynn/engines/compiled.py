"""What compiled engines share: a program around functions that were generated for one network.

The functions check nothing. When they raise an arithmetic error or reach numbers that are not
finite, the program returns to the state before the call and runs it again with `lists`. That finds
the batch in which training diverged or, if only an unguarded formula overflowed, continues.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, Callable, Sequence, Tuple

from ..checks.finite import all_finite
from ..lesson.layers import Dropout
from ..lesson.matrix import Matrix, Vector
from .contract import BatchDivergence, Memory, Program, Recipe, live_rows, start_memory
from .lists import ListsProgram
from .plans import plan_of
from .source import Compiled

MOST_REPLAYS = 3
State = Tuple[Sequence[float], ...]


class CompiledProgram(Program):
    """Holds the weights and the optimizer's memory as flat sequences: its `state`.

    `compile_seconds` is the time spent on writing and compiling source so far. `replays` counts the
    calls that `lists` had to repeat without diverging; after several of them its program becomes
    the `takeover` and does all further work.

    Subclasses define how the state is laid out and how the functions are generated.
    """

    state: State

    def __init__(self, recipe: Recipe, memory: Memory) -> None:
        self.recipe = recipe
        self.memory = memory
        self.compile_seconds = 0.0
        self.replays = 0
        self.takeover: ListsProgram | None = None
        self._functions: dict[object, Callable[..., Any]] = {}
        self._columns = recipe.network.inputs or 0
        self._X: Matrix = []
        self._T: Matrix = []
        self._sample_weight: Vector | None = None
        start_memory(recipe, memory)
        self.plan = plan_of(recipe, self._columns)
        self._flatten()

    def flatten(self, matrices: list[Matrix]) -> State:
        """Return one kind of numbers (weights, or one memory), a matrix per parameter, as state."""
        raise NotImplementedError

    def unflatten(self, state: State, number: int, matrices: list[Matrix]) -> None:
        """Put the numbers of kind `number` into matrices, in place."""
        raise NotImplementedError

    def rows_bound(self, X: Matrix, T: Matrix, sample_weight: Vector | None) -> None:
        """Lay out the bound data as the training function needs it."""
        raise NotImplementedError

    def call(
        self, batches: Sequence[Sequence[int]], rates: Sequence[float], step: int, draws: list[Any]
    ) -> tuple[list[float], State]:
        """Return the losses and the new state from the training function."""
        raise NotImplementedError

    def answers(self, X: Matrix) -> Matrix:
        """Return the outputs from the prediction function."""
        raise NotImplementedError

    def function(self, key: object, make: Callable[[], Compiled]) -> Callable[..., Any]:
        """Return the function kept under `key`, made at first use; add up the time it takes."""
        if key not in self._functions:
            started = perf_counter()
            self._functions[key] = make().function
            self.compile_seconds += perf_counter() - started
        return self._functions[key]

    def bind(self, X: Matrix, T: Matrix, sample_weight: Vector | None = None) -> None:
        self._X, self._T, self._sample_weight = X, T, sample_weight
        self._see_columns(X)
        if self.takeover is not None:
            self.takeover.bind(X, T, sample_weight)
        else:
            self.rows_bound(X, T, sample_weight)

    def train(
        self, batches: Sequence[Sequence[int]], learning_rates: Sequence[float], first_step: int
    ) -> list[float]:
        self.done = []
        if self.takeover is not None:
            try:
                return self.takeover.train(batches, learning_rates, first_step)
            finally:
                self.done = self.takeover.done
        streams = [l.rng for l in self.recipe.network.layers if type(l) is Dropout]
        noise = [stream.getstate() for stream in streams]
        try:
            draws = [stream.random for stream in streams]
            losses, state = self.call(batches, learning_rates, first_step, draws)
            if all_finite(losses) and all(map(all_finite, state)):
                return self._committed(losses, state)
        except (ArithmeticError, ValueError, RecursionError):
            pass  # a RecursionError is the compiler's, deep in the caller's stack
        except BaseException:
            for stream, kept in zip(streams, noise):
                stream.setstate(kept)
            raise
        for stream, kept in zip(streams, noise):
            stream.setstate(kept)
        return self._replay(batches, learning_rates, first_step)

    def _committed(self, losses: list[float], state: State) -> list[float]:
        """Take over the new state and its losses together, even if Ctrl-C comes in between."""
        try:
            self.state, self.done = state, losses
        except KeyboardInterrupt:
            self.state, self.done = state, losses
            raise
        return losses

    def _replay(
        self, batches: Sequence[Sequence[int]], learning_rates: Sequence[float], first_step: int
    ) -> list[float]:
        """Train on the same batches with `lists`, from the state before them."""
        self.write_back()
        program = ListsProgram(self.recipe, self.memory)
        program.bind(self._X, self._T, self._sample_weight)
        try:
            losses = program.train(batches, learning_rates, first_step)
        except BatchDivergence:
            self.reload()
            raise
        except BaseException:
            self.write_back()
            raise
        self.replays += 1
        if self.replays < MOST_REPLAYS:
            self.reload()
        else:
            self.takeover = program
        self.done = losses
        return losses

    def predict(self, X: Matrix) -> Matrix:
        if self.takeover is None and X:
            self._see_columns(X)
            try:
                return self.answers(X)
            except (ArithmeticError, RecursionError):
                self.write_back()
        return self.recipe.network.forward(X)

    def write_back(self) -> None:
        if self.takeover is not None:
            self.takeover.write_back()
            return
        try:
            self._put()
        except KeyboardInterrupt:
            self._put()  # a network with only half of the new numbers would be broken
            raise

    def reload(self) -> None:
        if self.takeover is not None:
            self.takeover.reload()
            return
        try:
            self._read()
        except KeyboardInterrupt:
            self._read()  # else `write_back` would undo the caller's changes
            raise

    def _read(self) -> None:
        self._plan()
        self._flatten()

    def _flatten(self) -> None:
        live = self._matrices()
        state: State = ()
        for matrices in live:
            state += self.flatten(matrices)
        self._live, self.state = live, state

    def _put(self) -> None:
        for number, matrices in enumerate(self._live):
            self.unflatten(self.state, number, matrices)

    def _matrices(self) -> list[list[Matrix]]:
        """Return the network's parameters, then each memory: the live rows, not copies."""
        parameters = live_rows(self.recipe.network)
        memories = self.recipe.optimizer.memory_names
        return [
            [rows for _, rows in parameters],
            *([self.memory[parameter][name] for parameter, _ in parameters] for name in memories),
        ]

    def _see_columns(self, X: Matrix) -> None:
        """Learn the number of columns, which a network may leave open."""
        if X and self._columns != len(X[0]):
            self._columns = len(X[0])
            self._plan()

    def _plan(self) -> None:
        """Make the plan again: settings may have changed."""
        plan = plan_of(self.recipe, self._columns)
        if plan != self.plan:
            self._functions = {}  # first, in case of Ctrl-C
            self.plan = plan


def put_rows(numbers: Sequence[float], start: int, rows: Matrix) -> int:
    """Fill rows in place with the numbers from `start` on; return the index after the last."""
    for row in rows:
        row[:] = numbers[start : start + len(row)]
        start += len(row)
    return start
