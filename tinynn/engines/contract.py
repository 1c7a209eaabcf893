"""The interface between the trainer and the engines.

An engine turns a recipe (a network, a loss and an optimizer) into a program, which trains on the
rows of one data set and predicts. All engines compute the same steps; `lists` is the definition.
"""

from __future__ import annotations

from functools import partial
from itertools import chain, islice, repeat
from math import inf
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Sequence, TypeVar, overload

from ..checks.finite import finite_outputs
from ..checks.stored import is_count
from ..checks.words import excerpt
from ..errors import FormatError
from ..lesson.loss import Loss
from ..lesson.matrix import Matrix, Vector
from ..lesson.network import Sequential
from ..lesson.optimizer import Optimizer
from ..lesson.parameters import rows_of

# The optimizer's memory: for each parameter, by name, each of the optimizer's `memory_names`, as
# rows of the parameter's shape (a vector is one row).
Memory = Dict[str, Dict[str, Matrix]]


Predictor = Callable[[Sequence[float]], List[float]]
Value = TypeVar("Value")


class Recipe(NamedTuple):
    """Everything that determines the arithmetic of one training step."""

    network: Sequential
    loss: Loss
    optimizer: Optimizer
    clip_norm: float | None = None
    clip_value: float | None = None


class Batches(Sequence[Sequence[int]]):
    """The batches of whole epochs of a table, or a slice of them, kept as one list of row indices.

    An engine can take them one by one, as a sequence of lists, or all row indices at once.

    order:    the row indices of one epoch after another, in the order in which they are shown
    samples:  how many rows an epoch has; `size`: how many a batch has, the last of an epoch maybe
              fewer; `per_epoch`: how many batches an epoch has
    times:    how often the whole order is shown; epochs that are not shuffled are kept only once
    start:    how many batches are left out at the beginning of the order, after a slice; `stop`:
              the index after the last batch, counted from the beginning of the order, as `start` is

    >>> list(Batches([0, 1, 2], samples=3, size=2, times=2)[1:4])
    [[2], [0, 1], [2]]
    """

    def __init__(
        self,
        order: Sequence[int],
        samples: int,
        size: int,
        times: int = 1,
        start: int = 0,
        stop: int | None = None,
    ) -> None:
        self.order, self.samples, self.times = order, samples, times
        self.size = size = min(size, samples)
        self.per_epoch = -(-samples // size)
        self._per_order = len(order) // samples * self.per_epoch
        self.start, self.stop = start, self._per_order * times if stop is None else stop

    @property
    def rows(self) -> Sequence[int]:
        """The row indices of all batches, one after another."""
        begin, end = self.span
        if self.times == 1 and end - begin == len(self.order):
            return self.order
        return ([*self.order] * self.times)[begin:end]

    @property
    def span(self) -> tuple[int, int]:
        """Where the rows begin and end in the order, shown `times` times."""
        return self._at(self.start), self._at(self.stop)

    @property
    def lengths(self) -> list[int]:
        """How many rows each batch has."""
        last = self.samples - (self.per_epoch - 1) * self.size
        epoch = [self.size] * (self.per_epoch - 1) + [last]
        return (epoch * -(-self.stop // self.per_epoch))[self.start : self.stop]

    def each(self, function: Callable[[Sequence[int]], Value]) -> list[Value]:
        """Return the function's value for each batch, computed once for batches that repeat."""
        if self.times == 1:
            return list(map(function, self))
        values = list(map(function, self._cut(0, self._per_order)))
        return (values * self.times)[self.start : self.stop]

    def __len__(self) -> int:
        return self.stop - self.start

    def __iter__(self) -> Iterator[Sequence[int]]:
        if self.times == 1:
            return iter(self._cut(self.start, self.stop))
        again = repeat(self._cut(0, self._per_order), self.times)
        return islice(chain.from_iterable(again), self.start, self.stop)

    @overload
    def __getitem__(self, index: int) -> Sequence[int]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Sequence[int]]: ...

    def __getitem__(self, index: int | slice) -> Sequence[int] | Sequence[Sequence[int]]:
        """Return a batch, or, for a slice without a step, the batches in it as `Batches`."""
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                return list(self)[index]
            if len(self) == max(0, stop - start):
                return self
            skipped, start = divmod(self.start + start, self._per_order)
            stop = max(start, self.start + stop - skipped * self._per_order)
            times = max(1, -(-stop // self._per_order))
            return Batches(self.order, self.samples, self.size, times, start, stop)
        number = range(self.start, self.stop)[index] % self._per_order
        return self._cut(number, number + 1)[0]

    def __repr__(self) -> str:
        return f"<Batches: {len(self)} of up to {self.size} of {self.samples} rows>"

    def _at(self, number: int) -> int:
        """Return the index of a batch's first row in the repeated order."""
        epochs, batch = divmod(number, self.per_epoch)
        return epochs * self.samples + batch * self.size

    def _cut(self, start: int, stop: int) -> list[Sequence[int]]:
        """Return the batches from `start` to `stop` of the order, as lists."""
        order, samples, size = self.order, self.samples, self.size
        begin, end = self._at(start), self._at(stop)
        if samples % size == 0:
            return [order[i : i + size] for i in range(begin, end, size)]
        cut: list[Sequence[int]] = []
        while begin < end:
            epoch = order[begin : min(end, begin - begin % samples + samples)]
            cut += [epoch[i : i + size] for i in range(0, len(epoch), size)]
            begin += len(epoch)
        return cut


def most_rows(batches: Sequence[Sequence[int]]) -> int:
    """Return how many rows the largest batch has, or could have; 1 if there is none."""
    if isinstance(batches, Batches):
        return batches.size  # even if only the last of an epoch is left: one code for all of them
    return max(map(len, batches), default=1)


class BatchDivergence(ArithmeticError):
    """Training left the finite numbers in batch number `batch` of a call to `Program.train`.

    `losses` are those of the batches before it. The trainer turns this into a DivergenceError.
    """

    def __init__(self, batch: int, what: str, losses: list[float]) -> None:
        super().__init__(f"{what} in batch {batch}")
        self.batch = batch
        self.what = what
        self.losses = losses


class Program:
    """A recipe ready to run, which may hold newer weights than the network's lists.

    Callers that change the network's weights call `reload` afterwards; callers that read them call
    `write_back` first.

    `rates` are the learning rates of the updates of the latest call of `train`, if the program has
    chosen them itself.
    `fallback` says why another engine took over during training, if one did; `ended` why more
    updates would change nothing, if so: `train` may then make fewer than it was asked for.
    """

    recipe: Recipe
    rates: list[float] | None = None
    fallback: str | None = None
    ended: str | None = None

    # The losses of the updates made by the current or latest call of `train`. A call interrupted
    # by Ctrl-C leaves only whole updates behind: as many as there are losses here. An engine that
    # discards the updates of an interrupted call leaves this empty.
    done: list[float]

    def bind(self, X: Matrix, T: Matrix, sample_weight: Vector | None = None) -> None:
        """Take the data set to train on: checked rows of inputs, of targets, one weight per row."""
        raise NotImplementedError

    def train(
        self, batches: Sequence[Sequence[int]], learning_rates: Sequence[float], first_step: int
    ) -> list[float]:
        """Return the mean loss of each batch before its update, and update once per batch.

        `batches` hold indices of rows of the bound data; whole epochs of a table come as `Batches`,
        which have more to offer than a list. `learning_rates` has one rate per batch;
        `first_step` is the number of the first update, counted from 1 over the whole training.

        Raises BatchDivergence when a loss, gradient or weight stops being finite; network, buffers
        and memory are then (without `write_back`) as they were before that batch.
        """
        raise NotImplementedError

    def predict(self, X: Matrix) -> Matrix:
        """Return the outputs for the rows of X, not in training mode."""
        raise NotImplementedError

    def measure(
        self,
        X: Matrix,
        T: Matrix,
        sample_weight: Vector | None = None,
        outputs: Matrix | None = None,
    ) -> float:
        """Return the mean loss of rows that are not trained on, not in training mode.

        It may be infinite, or NaN.
        `outputs` are those for the rows of X, if the caller has them. Calls with the same lists
        may use what was prepared for an earlier call, so callers must not change them.
        """
        Y = self.predict(X) if outputs is None else outputs
        try:
            return self.recipe.loss(Y, T, sample_weight)
        except OverflowError:
            return inf

    def saved(self) -> dict[str, Any]:
        """Return, after `write_back`, all else that the numbers to come depend on, in JSON's types.

        A program of the same engine that takes it by `resume` computes what this one would have.
        """
        return {}

    def resume(self, saved: dict[str, Any]) -> None:
        """Take what `saved` returned: after a table was bound, but before a stream's first batch.

        Raises FormatError, and changes nothing, for anything else.
        """

    def write_back(self) -> None:
        """Copy the program's numbers into the network's lists and the memory."""

    def reload(self) -> None:
        """Read the network's numbers and the memory again, after a caller changed them."""


class Engine:
    """A way to execute networks. A new one is a module that defines an instance."""

    name = ""
    tolerance = 1e-9  # how far its numbers may differ from those of `lists` after two steps
    tries_optimizers = True  # whether to compare optimizers, too: not if rounding matters too much
    steps_itself = (
        False  # whether it computes all layers of sequences itself, not as the lesson does
    )
    width_to_try = 3  # of the layers in the network that it is compared with `lists` on

    def unavailable(self) -> str | None:
        """Return why this engine cannot run anything on this machine, as a clause, or None."""
        return None

    def refuses(self, recipe: Recipe, batch_size: int) -> str | None:
        """Return why this engine cannot run the recipe, as a clause, or None if it can."""
        raise NotImplementedError

    def program(self, recipe: Recipe, memory: Memory) -> Program:
        """Return a program for the recipe, which continues from `memory`."""
        raise NotImplementedError

    def source(self, recipe: Recipe, batch_size: int) -> str | None:
        """Return the program that trains in batches of that size, as text, if one is written."""
        return None

    def refuses_prediction(self, network: Sequential) -> str | None:
        """Return why this engine cannot make a predictor, as a clause, or None if it can."""
        return None

    def predictor(self, network: Sequential) -> Predictor:
        """Return a function from one row of numbers to the row of outputs, not in training mode.

        It is frozen at the current weights, and does not check the row. It raises DataError where
        an output is not finite, because a sum or product overflowed.
        """
        raise NotImplementedError


def output_check(network: Sequential) -> Callable[[list[float]], list[float]]:
    """Return a function that returns a row of outputs, or raises DataError if it is not finite."""
    return partial(finite_outputs, logs=network.layers[-1].high <= 0.0)


def count_in(state: dict[str, Any], name: str) -> int:
    """Return a count in a program's state, 0 if it is not there; raise FormatError otherwise."""
    value = state.get(name, 0)
    if not is_count(value):
        got = excerpt(value)
        raise FormatError(f"the state of an engine needs {name} to be a whole number, got {got}")
    return int(value)


def live_rows(network: Sequential) -> list[tuple[str, Matrix]]:
    """Return each parameter's name and its own rows, not copies, in order."""
    return [
        (f"{i}.{letter}", rows_of(value))
        for i, layer in enumerate(network.layers)
        for letter, value in layer.parameters().items()
    ]


def start_memory(recipe: Recipe, memory: Memory) -> None:
    """Fill in whatever of the optimizer's memory is missing in `memory`, with its start values."""
    start = recipe.optimizer.start()
    for parameter, rows in live_rows(recipe.network):
        kept = memory.setdefault(parameter, {})
        for name, value in start.items():
            if name not in kept:
                kept[name] = [[value] * len(row) for row in rows]
