"""The interface between the trainer and the engines.

An engine turns a recipe (a network, a loss and an optimizer) into a program, which trains on the
rows of one data set and predicts. All engines compute the same steps; `lists` is the definition.
"""

from __future__ import annotations

import sys
from typing import Callable, Dict, List, NamedTuple, Sequence

from ..lesson.loss import Loss
from ..lesson.matrix import Matrix, Vector
from ..lesson.network import Sequential
from ..lesson.optimizer import Optimizer

# The optimizer's memory: for each parameter, by name, each of the optimizer's `memory_names`, as
# rows of the parameter's shape (a vector is one row).
Memory = Dict[str, Dict[str, Matrix]]


Predictor = Callable[[Sequence[float]], List[float]]


class Recipe(NamedTuple):
    """Everything that determines the arithmetic of one training step."""

    network: Sequential
    loss: Loss
    optimizer: Optimizer
    clip_norm: float | None = None
    clip_value: float | None = None


class Task(NamedTuple):
    """What an engine may use to decide whether it can run, and whether it pays.

    `samples` is 0 for a stream, whose number of rows is unknown.
    """

    batch_size: int
    samples: int
    epochs: int = 1

    @property
    def rows_shown(self) -> int:
        """How many rows the network will see in all; for a stream, `sys.maxsize`."""
        return self.samples * self.epochs or sys.maxsize


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

    `fallback` says why another engine took over during training, if one did.
    """

    fallback: str | None = None

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

        `batches` hold indices of rows of the bound data; `learning_rates` has one rate per batch;
        `first_step` is the number of the first update, counted from 1 over the whole training.

        Raises BatchDivergence when a loss, gradient or weight stops being finite; network, buffers
        and memory are then (without `write_back`) as they were before that batch.
        """
        raise NotImplementedError

    def predict(self, X: Matrix) -> Matrix:
        """Return the outputs for the rows of X, not in training mode."""
        raise NotImplementedError

    def write_back(self) -> None:
        """Copy the program's numbers into the network's lists and the memory."""

    def reload(self) -> None:
        """Read the network's numbers and the memory again, after a caller changed them."""


class Engine:
    """A way to execute networks. A new one is a module that defines an instance."""

    name = ""
    tolerance = 1e-9  # how far its numbers may differ from those of `lists` after two steps
    tries_optimizers = True  # whether to compare optimizers, too: not if rounding matters too much
    width_to_try = 3  # of the layers in the network that it is compared with `lists` on

    def refuses(self, recipe: Recipe, task: Task) -> str | None:
        """Return why this engine cannot run the recipe, as a clause, or None if it can."""
        raise NotImplementedError

    def program(self, recipe: Recipe, memory: Memory) -> Program:
        """Return a program for the recipe, which continues from `memory`."""
        raise NotImplementedError

    def refuses_prediction(self, network: Sequential) -> str | None:
        """Return why this engine cannot make a predictor, as a clause, or None if it can."""
        raise NotImplementedError

    def predictor(self, network: Sequential) -> Predictor:
        """Return a function from one row of numbers to the row of outputs, not in training mode.

        It is frozen at the current weights, and checks nothing.
        """
        raise NotImplementedError


def start_memory(recipe: Recipe, memory: Memory) -> None:
    """Fill in whatever of the optimizer's memory is missing in `memory`, with its start values."""
    start = recipe.optimizer.start()
    for parameter in recipe.network.parameters():
        rows = parameter.rows()
        kept = memory.setdefault(parameter.name, {})
        for name, value in start.items():
            if name not in kept:
                kept[name] = [[value] * len(row) for row in rows]
