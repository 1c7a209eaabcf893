"""The `lists` engine: runs the layers as they stand. It is the definition of every other engine."""

from __future__ import annotations

from math import isfinite
from typing import List, Optional, Sequence, Tuple

from ..matrix import Matrix, Vector
from ..optimizers import clip_by_norm, clip_by_value
from .contract import BatchDivergence, Engine, Memory, Program, Recipe, Task, start_memory


class ListsEngine(Engine):
    """Serves every network, loss and optimizer there is."""

    name = "lists"

    def refuses(self, recipe: Recipe, task: Task) -> Optional[str]:
        return None

    def program(self, recipe: Recipe, memory: Memory) -> ListsProgram:
        return ListsProgram(recipe, memory)


class ListsProgram(Program):
    """Works on the network's own lists, so there is nothing to write back or reload."""

    def __init__(self, recipe: Recipe, memory: Memory) -> None:
        self.recipe = recipe
        self.memory = memory
        start_memory(recipe, memory)
        # The derivatives of, say, cross-entropy and softmax cancel: the loss does both at once.
        self.skip_last = type(recipe.network.layers[-1]).__name__ == recipe.loss.partner and (
            not recipe.loss.from_logits
        )

    def bind(self, X: Matrix, T: Matrix, sample_weight: Optional[Vector] = None) -> None:
        self.X, self.T, self.sample_weight = X, T, sample_weight

    def predict(self, X: Matrix) -> Matrix:
        return self.recipe.network.forward(X)

    def train(
        self, batches: Sequence[Sequence[int]], learning_rates: Sequence[float], first_step: int
    ) -> List[float]:
        losses = []
        for number, (batch, learning_rate) in enumerate(zip(batches, learning_rates)):
            X = [self.X[i] for i in batch]
            T = [self.T[i] for i in batch]
            weights = self.sample_weight and [self.sample_weight[i] for i in batch]
            buffers = [list(values) for values in self._buffers()]
            try:
                losses.append(self._step(X, T, weights, learning_rate, first_step + number))
            except BaseException as error:
                for values, kept in zip(self._buffers(), buffers):
                    values[:] = kept
                if isinstance(error, ArithmeticError):
                    raise BatchDivergence(number, str(error), losses) from None
                raise
        return losses

    def gradients(self, X: Matrix, T: Matrix, weights: Optional[Vector] = None) -> float:
        """Return the mean loss of one batch, and leave its gradients in the layers."""
        network, loss, _, _, _ = self.recipe
        Y = network.forward(X, training=True)
        value = loss(Y, T, weights)
        if not isfinite(value):
            raise _NotFinite(f"the loss became {value}")
        gradient = loss.logits_gradient if self.skip_last else loss.gradient
        network.backward(gradient(Y, T, weights), self.skip_last)
        return value

    def _step(
        self, X: Matrix, T: Matrix, weights: Optional[Vector], learning_rate: float, t: int
    ) -> float:
        """Return the batch's loss, after one update of all the weights, or of none if it fails."""
        optimizer = self.recipe.optimizer
        value = self.gradients(X, T, weights)
        updates: List[Tuple[Matrix, Matrix]] = []
        parameters = self.recipe.network.parameters()
        gradients = self._clipped([parameter.gradient_rows() for parameter in parameters])
        for parameter, gradient in zip(parameters, gradients):
            rows = parameter.rows()
            kept = self.memory[parameter.name]
            memory = {name: [list(row) for row in kept[name]] for name in kept}
            new = [
                optimizer.update(w, g, {name: memory[name][k] for name in memory}, learning_rate, t)
                for k, (w, g) in enumerate(zip(rows, gradient))
            ]
            _check_finite(parameter.name, new)
            for name in memory:
                _check_finite(f"{name} of {parameter.name}", memory[name])
            updates += [(rows, new), *((kept[name], memory[name]) for name in memory)]
        try:
            _assign(updates)
        except KeyboardInterrupt:
            _assign(updates)  # half an update would be a broken network, a second one is the same
            raise
        return value

    def _clipped(self, gradients: List[Matrix]) -> List[Matrix]:
        if self.recipe.clip_value is not None:
            gradients = [clip_by_value(rows, self.recipe.clip_value) for rows in gradients]
        if self.recipe.clip_norm is not None:
            every_row = iter(clip_by_norm([r for g in gradients for r in g], self.recipe.clip_norm))
            gradients = [[next(every_row) for _ in rows] for rows in gradients]
        return gradients

    def _buffers(self) -> List[Vector]:
        return [
            values  # type: ignore[misc]
            for layer in self.recipe.network.layers
            for values in layer.buffers().values()
        ]


def _assign(updates: List[Tuple[Matrix, Matrix]]) -> None:
    """Give each old matrix the numbers of the new one, in place."""
    for old_rows, new_rows in updates:
        for old_row, new_row in zip(old_rows, new_rows):
            old_row[:] = new_row


class _NotFinite(ArithmeticError):
    """A loss, weight or memory is not finite."""


def _check_finite(name: str, rows: Matrix) -> None:
    for row in rows:
        # A sum cannot hide a NaN or an infinity; it may overflow though all its terms are finite.
        if not isfinite(sum(row)) and not all(map(isfinite, row)):
            raise _NotFinite(f"{name} stopped being finite")


ENGINE = ListsEngine()
