"""The kinds of tasks: training, one-row prediction, whole processes, sizes.

A task says what to compute, from which data and starting weights, and in which unit to report it.
It knows nothing about the implementations: `peers` turn it into jobs.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import islice
from math import sqrt
from typing import Callable, NamedTuple, Tuple

from tinynn.lesson.matrix import Matrix, Vector
from tinynn.training.batches import shuffled_orders

Layer = Tuple[Matrix, Vector]  # weights, inputs × outputs, and biases, empty if there are none


class Data(NamedTuple):
    """Rows of inputs and rows of targets."""

    inputs: Matrix
    targets: Matrix


def starting_layers(sizes: tuple[int, ...], seed: int = 1) -> list[Layer]:
    """Return Gaussian weights with variance 1 / inputs and small biases for layers of `sizes`."""
    gauss = random.Random(seed).gauss
    return [
        (
            [[gauss(0.0, 1.0 / sqrt(n)) for _ in range(m)] for _ in range(n)],
            [gauss(0.0, 0.1) for _ in range(m)],
        )
        for n, m in zip(sizes, sizes[1:])
    ]


@dataclass(frozen=True)
class Task:
    """What every task has: a name for the command line, a title, and how results are reported.

    `amount` is how much one measured run does (epochs, calls), `units` how many of `unit` are in an
    amount of 1; `quantity` is "time" or "size". `over`, if given, is the row whose value is
    subtracted from all others.
    """

    name: str
    title: str
    unit: str = "run"
    amount: int = 1
    check_amount: int = 1
    quantity: str = "time"
    baseline: str = "numpy"
    over: str = ""
    notes: tuple[str, ...] = ()

    @property
    def units(self) -> float:
        return 1.0


@dataclass(frozen=True)
class Training(Task):
    """Train a network of `sizes` by gradient descent; the result is all its weights and biases.

    `hidden` and `output` are activations ("sigmoid", "tanh", "relu", "softmax", "linear"), `loss`
    is "mse", "bce", "ce" or "hinge": means over the samples, and over the outputs for all but "ce".
    `momentum` needs batches and no weight decay; `shuffled` too needs batches.
    """

    sizes: tuple[int, ...] = ()
    hidden: str = "sigmoid"
    output: str = "sigmoid"
    loss: str = "mse"
    learning_rate: float = 0.5
    momentum: float = 0.0
    weight_decay: float = 0.0
    falling_rate: bool = False  # from learning_rate to a tenth of it within 100 epochs
    batch_size: int | None = None  # None: all rows at once
    shuffled: bool = False  # each epoch in another order, which is tinynn's own
    data: Callable[[], Data] = lambda: Data([], [])
    layers: Callable[[], list[Layer]] = lambda: []
    original: bool = False  # the original program, for which peers have their own code

    def start(self) -> list[Layer]:
        """Return the starting weights, in lists that the caller may change."""
        return self.layers() or starting_layers(self.sizes)

    def rate(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        if self.falling_rate:
            return self.learning_rate * (1.0 - 0.9 * epoch / 100)
        return self.learning_rate

    def orders(self, rows: int) -> list[list[int]]:
        """Return the order of the rows in each epoch, for peers to look up while they are timed."""
        return list(islice(shuffled_orders(rows, 0, 0), self.amount)) if self.shuffled else []

    def batches(self, rows: int) -> list[tuple[int, int]]:
        """Return where each batch starts and ends."""
        size = self.batch_size or rows
        return [(k, min(k + size, rows)) for k in range(0, rows, size)]

    @property
    def units(self) -> float:
        if self.unit == "10,000 iterations":
            return 1e-4
        rows = len(self.data().inputs)
        return float(rows if self.unit == "sample" else len(self.batches(rows)))


@dataclass(frozen=True)
class Prediction(Task):
    """One row in, one row out, both plain lists: hidden layers of ReLU, raw scores as outputs."""

    sizes: tuple[int, ...] = ()
    rows: int = 4

    def start(self) -> list[Layer]:
        return starting_layers(self.sizes)

    def inputs(self) -> Matrix:
        draw = random.Random(2).random
        return [[draw() for _ in range(self.sizes[0])] for _ in range(self.rows)]


class Command(NamedTuple):
    """A program for a new interpreter to run, the modules it needs, and its arguments."""

    name: str
    title: str
    source: str
    needs: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Processes(Task):
    """Whole processes, from the start of the interpreter to its end; what they print is checked."""

    commands: tuple[Command, ...] = ()
    printed: tuple[float, ...] = ()


class Package(NamedTuple):
    """An installed distribution, whose size includes all that it requires."""

    name: str
    title: str
    distribution: str


@dataclass(frozen=True)
class Sizes(Task):
    """Bytes on disk."""

    packages: tuple[Package, ...] = ()
