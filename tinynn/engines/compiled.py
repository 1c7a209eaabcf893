"""What compiled engines share: a program around functions that were generated for one network.

The functions check nothing. When they raise an arithmetic error, or reach numbers so large that the
order of operations may decide what overflows (see `headroom`), the program returns to the state
before the call and makes it again, half of the batches at a time, until the batch that went wrong
is alone. `lists` makes that one: training diverges there, too, or only a formula overflowed.
"""

from __future__ import annotations

from itertools import starmap
from math import hypot
from time import perf_counter
from typing import Any, Callable, Sequence, Tuple

from ..lesson.layers import Dropout
from ..lesson.matrix import Matrix, Vector
from .contract import BatchDivergence, Memory, Program, Recipe, count_in, live_rows, start_memory
from .headroom import MOST, largest_norm, row_size
from .lists import ListsProgram
from .plans import plan_of
from .source import Compiled

MOST_REPLAYS = 3
State = Tuple[Sequence[float], ...]
Norms = Tuple[float, float]


class CompiledProgram(Program):
    """Holds the weights and the optimizer's memory as flat sequences: its `state`.

    `compile_seconds` is the time spent on writing and compiling source so far. `replays` counts the
    batches that `lists` had to repeat without diverging; after several of them its program becomes
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
        self._sizes = 1.0, 1.0  # of the rows of inputs and of targets
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
            self._sizes = row_size(X), row_size(T)
            self.rows_bound(X, T, sample_weight)

    def train(
        self, batches: Sequence[Sequence[int]], learning_rates: Sequence[float], first_step: int
    ) -> list[float]:
        self.done = []
        self._make(batches, learning_rates, first_step)
        return self.done

    def _make(
        self, batches: Sequence[Sequence[int]], rates: Sequence[float], first_step: int
    ) -> None:
        """Make updates: all of them in one call, or, if that fails, half of them at a time.

        So what becomes of a batch does not depend on how many were to be made at once.
        """
        if self.takeover is not None:
            self.takeover.train_for(self, batches, rates, first_step)
            return
        streams = [l.rng for l in self.recipe.network.layers if type(l) is Dropout]
        noise = [stream.getstate() for stream in streams]
        largest = largest_norm(self.plan, *self._sizes, rates)
        try:
            if _within(self._norms, largest):
                draws = [stream.random for stream in streams]
                losses, state = self.call(batches, rates, first_step, draws)
                norms = self._norms_of(state)
                if hypot(*losses) < MOST and _within(norms, largest):
                    self._commit(losses, state, norms)
                    return
        except (ArithmeticError, ValueError, RecursionError):
            pass  # a RecursionError is the compiler's, deep in the caller's stack
        except BaseException:
            for stream, kept in zip(streams, noise):
                stream.setstate(kept)
            raise
        for stream, kept in zip(streams, noise):
            stream.setstate(kept)
        half = len(batches) // 2
        if half:
            self._make(batches[:half], rates[:half], first_step)
            self._make(batches[half:], rates[half:], first_step + half)
        else:
            self._replay(batches, rates, first_step)

    def _norms_of(self, state: State) -> Norms:
        """Return the norms of all weights and of all the optimizer's memory."""
        weights = len(state) // (1 + len(self.plan.memories))
        return hypot(*starmap(hypot, state[:weights])), hypot(*starmap(hypot, state[weights:]))

    def _commit(self, losses: list[float], state: State, norms: Norms) -> None:
        """Take over the new state and its losses together, even if Ctrl-C comes in between."""
        done = self.done + losses if self.done else losses
        try:
            self.state, self.done, self._norms = state, done, norms
        except KeyboardInterrupt:
            self.state, self.done, self._norms = state, done, norms
            raise

    def _replay(
        self, batches: Sequence[Sequence[int]], rates: Sequence[float], first_step: int
    ) -> None:
        """Make one update with `lists`, from the state before it."""
        self.write_back()
        program = ListsProgram(self.recipe, self.memory)
        program.bind(self._X, self._T, self._sample_weight)
        try:
            program.train_for(self, batches, rates, first_step)
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
            self._take_over(program)

    def _take_over(self, program: ListsProgram) -> None:
        self.takeover, self.fallback = program, "the numbers became too large for it"

    def saved(self) -> dict[str, Any]:
        return {"replays": self.replays} if self.replays else {}

    def resume(self, saved: dict[str, Any]) -> None:
        self.replays = count_in(saved, "replays")
        if self.replays >= MOST_REPLAYS and self.takeover is None:
            program = ListsProgram(self.recipe, self.memory)
            program.bind(self._X, self._T, self._sample_weight)
            self._take_over(program)

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
        self._norms = self._norms_of(state)

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


def _within(norms: Norms, largest: float) -> bool:
    """Return whether no order of operations could overflow with numbers of these norms."""
    return norms[0] < largest and norms[1] < MOST


def put_rows(numbers: Sequence[float], start: int, rows: Matrix) -> int:
    """Fill rows in place with the numbers from `start` on; return the index after the last."""
    for row in rows:
        row[:] = numbers[start : start + len(row)]
        start += len(row)
    return start
