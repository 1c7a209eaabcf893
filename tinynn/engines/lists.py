"""The `lists` engine: runs the lesson's layers. It is the definition for every other engine."""

from __future__ import annotations

from itertools import chain
from typing import Any, NamedTuple, Sequence

from ..checks.finite import all_finite
from ..lesson.layer import Layer
from ..lesson.matrix import Matrix, Vector
from ..lesson.network import Sequential
from ..lesson.parameters import rows_of
from ..lesson.samples import joined
from ..lesson.training import backpropagate
from .contract import (
    BatchDivergence,
    Engine,
    Memory,
    Predictor,
    Program,
    Recipe,
    start_memory,
)


class ListsEngine(Engine):
    """Runs every network, loss and optimizer."""

    name = "lists"

    def refuses(self, recipe: Recipe, batch_size: int) -> str | None:
        return None

    def program(self, recipe: Recipe, memory: Memory) -> ListsProgram:
        return ListsProgram(recipe, memory)

    def predictor(self, network: Sequential) -> Predictor:
        from .lists_prediction import predictor  # training does not need it

        return predictor(network)


class LiveParameter(NamedTuple):
    """A parameter: its layer, its letter there, its live rows and those of its memory."""

    name: str
    layer: Layer
    letter: str
    rows: Matrix
    memory: dict[str, Matrix]


class Update(NamedTuple):
    """Everything that one update changes: the loss of batch `number`, and rows with new numbers."""

    number: int
    loss: float
    changes: list[tuple[Matrix, Vector]]


class ListsProgram(Program):
    """Works on the network's own lists and the memory directly, so both are always up to date."""

    def __init__(self, recipe: Recipe, memory: Memory) -> None:
        self.recipe = recipe
        self.memory = memory
        start_memory(recipe, memory)
        self.pending: Update | None = None
        self.reload()

    def reload(self) -> None:
        """Look up the layers' lists again: a caller may have replaced them."""
        layers = self.recipe.network.layers
        self.trained = [
            LiveParameter(
                f"{i}.{letter}", layer, letter, rows_of(value), self.memory[f"{i}.{letter}"]
            )
            for i, layer in enumerate(layers)
            for letter, value in layer.parameters().items()
            if letter not in layer.frozen
        ]
        self.buffered = [layer for layer in layers if layer.buffers()]

    def write_back(self) -> None:
        """Finish the update that was interrupted, if one was."""
        if self.pending:
            self._finish(self.pending)

    def bind(self, X: Matrix, T: Matrix, sample_weight: Vector | None = None) -> None:
        self.X, self.T, self.sample_weight = X, T, sample_weight

    def predict(self, X: Matrix) -> Matrix:
        return self.recipe.network.forward(X)

    def train(
        self, batches: Sequence[Sequence[int]], learning_rates: Sequence[float], first_step: int
    ) -> list[float]:
        self.done = []
        for number, (batch, learning_rate) in enumerate(zip(batches, learning_rates)):
            X = [self.X[i] for i in batch]
            T = [self.T[i] for i in batch]
            weights: Any = self.sample_weight and [self.sample_weight[i] for i in batch]
            if self.recipe.network.reads_steps:
                X, T = joined(X), joined(T)
                weights = weights and [*chain.from_iterable(weights)]
            buffers = [list(values) for values in self._buffers()]
            try:
                loss = self.gradients(X, T, weights)
                changes = self._changes(learning_rate, first_step + number)
                # From here on the update counts: if it is interrupted, it is made again.
                self.pending = Update(number, loss, changes)
                self._finish(self.pending)
            except BaseException as error:
                self.write_back()
                if len(self.done) == number:
                    for values, kept in zip(self._buffers(), buffers):
                        values[:] = kept
                if isinstance(error, ArithmeticError):
                    raise BatchDivergence(number, str(error), self.done) from None
                raise
        return self.done

    def train_for(
        self,
        program: Program,
        batches: Sequence[Sequence[int]],
        rates: Sequence[float],
        first_step: int,
    ) -> None:
        """Make updates, as `train` does, for another program, which counts them as its own."""
        done = program.done
        try:
            self.train(batches, rates, first_step)
        except BatchDivergence as error:
            losses = done + error.losses
            raise BatchDivergence(len(losses), error.what, losses) from None
        finally:
            program.done = done + self.done

    def gradients(self, X: Matrix, T: Matrix, weights: Vector | None = None) -> float:
        """Return the mean loss of one batch, and leave its gradients in the layers."""
        value = backpropagate(self.recipe.network, self.recipe.loss, X, T, weights)
        for layer in self.buffered:
            for letter, values in layer.buffers().items():
                _check_finite(f"{letter} of {layer!r}", values)  # type: ignore[arg-type]
        return value

    def _changes(self, learning_rate: float, t: int) -> list[tuple[Matrix, Vector]]:
        """Return the new numbers for all rows of weights and memory; change nothing.

        The optimizer gets each parameter as one row, since it treats all numbers alike: that is one
        call per parameter instead of one per row.
        """
        by_matrix, by_vector = self.recipe.optimizer, self.recipe.optimizer.for_biases()
        changes: list[tuple[Matrix, Vector]] = []
        for (name, layer, letter, rows, kept), gradient in zip(self.trained, self._gradients()):
            memory = {key: _joined(kept[key]) for key in kept}
            optimizer = by_matrix if rows is layer.parameters()[letter] else by_vector
            new = optimizer.update(_joined(rows), gradient, memory, learning_rate, t)
            _check_finite(name, new)
            changes.append((rows, new))
            for key, values in memory.items():
                _check_finite(f"{key} of {name}", values)
                changes.append((kept[key], values))
        return changes

    def _gradients(self) -> list[Vector]:
        """Return each parameter's gradient as one row, clipped as the recipe says."""
        return self._clipped(
            [_joined(rows_of(p.layer.gradients()[p.letter])) for p in self.trained]
        )

    def _clipped(self, rows: list[Vector]) -> list[Vector]:
        recipe = self.recipe
        if recipe.clip_value is not None or recipe.clip_norm is not None:
            from ..lesson.clipping import clip_by_norm, clip_by_value  # which few trainings need
        if recipe.clip_value is not None:
            rows = clip_by_value(rows, recipe.clip_value)
        if recipe.clip_norm is not None:
            rows = clip_by_norm(rows, recipe.clip_norm)
        return rows

    def _finish(self, update: Update) -> None:
        """Make an update in place; making it twice has the same effect as making it once."""
        for rows, new in update.changes:
            start = 0
            for row in rows:
                end = start + len(row)
                row[:] = new[start:end]
                start = end
        self.done[update.number :] = [update.loss]
        self.pending = None

    def _buffers(self) -> list[Vector]:
        return [
            values  # type: ignore[misc]
            for layer in self.buffered
            for values in layer.buffers().values()
        ]


def _joined(rows: Matrix) -> Vector:
    """Return all the numbers of the rows as one row."""
    return list(chain.from_iterable(rows))


class _NotFinite(ArithmeticError):
    """A weight, buffer or memory is not finite."""


def _check_finite(name: str, values: Vector) -> None:
    if not all_finite(values):
        raise _NotFinite(f"{name} is no longer finite")


ENGINE = ListsEngine()
