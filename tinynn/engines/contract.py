"""What every engine agrees to: how the trainer and an engine speak to each other.

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
    """All that fixes the arithmetic of one training step."""

    network: Sequential
    loss: Loss
    optimizer: Optimizer
    clip_norm: float | None = None
    clip_value: float | None = None


class Task(NamedTuple):
    """What an engine may look at to say whether, and how well, it can serve.

    `samples` is 0 where the rows come as a stream, and nobody knows how many there are.
    """

    batch_size: int
    samples: int
    epochs: int = 1

    @property
    def rows_shown(self) -> int:
        """How many rows the network will see in all; of a stream, enough to be worth any pains."""
        return self.samples * self.epochs or sys.maxsize


class BatchDivergence(ArithmeticError):
    """Training left the finite numbers in batch number `batch` of a call to `Program.train`.

    `losses` are those of the batches before it. The trainer makes a DivergenceError of it.
    """

    def __init__(self, batch: int, what: str, losses: list[float]) -> None:
        super().__init__(f"{what} in batch {batch}")
        self.batch = batch
        self.what = what
        self.losses = losses


class Program:
    """One recipe made ready to run; the network's lists and the program's own may differ meanwhile.

    Whoever changes the network's weights from outside calls `reload`; whoever wants to see them
    calls `write_back`.

    `fallback` says why another engine had to take over in the middle, if one had to.
    """

    fallback: str | None = None

    # The losses of the updates that the current or latest call of `train` has made. An interrupted
    # call (Ctrl-C may come anywhere) leaves behind a whole number of updates: as many as are here.
    # An engine that loses an interrupted call's updates can leave this empty.
    done: list[float]

    def bind(self, X: Matrix, T: Matrix, sample_weight: Vector | None = None) -> None:
        """Take the data set to train on: checked rows of floats, targets, one weight per row."""
        raise NotImplementedError

    def train(
        self, batches: Sequence[Sequence[int]], learning_rates: Sequence[float], first_step: int
    ) -> list[float]:
        """Return the mean loss of each batch before its update, and update once per batch.

        `batches` holds numbers of rows of the bound data; `learning_rates` one number per batch;
        `first_step` is the first update's number, counted from 1 over the whole training.

        Raises BatchDivergence when a loss, gradient or weight stops being finite; network, buffers
        and memory are then (without `write_back`) as they were before that batch.
        """
        raise NotImplementedError

    def predict(self, X: Matrix) -> Matrix:
        """Return the outputs for the rows of X, not in training mode."""
        raise NotImplementedError

    def write_back(self) -> None:
        """Put the program's numbers into the network's lists and the memory."""

    def reload(self) -> None:
        """Take the network's numbers and the memory up again: they were changed from outside."""


class Engine:
    """A way to execute networks. A new one is one module that registers an instance."""

    name = ""
    tolerance = 1e-9  # how far its numbers may be from those of `lists` after two steps
    tries_optimizers = True  # whether optimizers are compared, too: not where rounding decides
    width_to_try = 3  # of the layers of a network on which it is compared with `lists`

    def refuses(self, recipe: Recipe, task: Task) -> str | None:
        """Return why this engine cannot serve, as the end of a sentence, or None if it can."""
        raise NotImplementedError

    def program(self, recipe: Recipe, memory: Memory) -> Program:
        """Return a program for the recipe, which goes on from `memory`."""
        raise NotImplementedError

    def refuses_prediction(self, network: Sequential) -> str | None:
        """Return why this engine cannot make a predictor, as the end of a sentence, or None."""
        raise NotImplementedError

    def predictor(self, network: Sequential) -> Predictor:
        """Return a function from one row of numbers to the row of outputs, not in training mode.

        It is frozen at the weights of now, and checks nothing.
        """
        raise NotImplementedError


def start_memory(recipe: Recipe, memory: Memory) -> None:
    """Fill in what `memory` lacks of the optimizer's memory, with its starting values."""
    start = recipe.optimizer.start()
    for parameter in recipe.network.parameters():
        rows = parameter.rows()
        kept = memory.setdefault(parameter.name, {})
        for name, value in start.items():
            if name not in kept:
                kept[name] = [[value] * len(row) for row in rows]
