"""The loss's gradient for a whole table, by an engine that trains in batches."""

from __future__ import annotations

from collections import ChainMap
from typing import Callable, Mapping

from ..lesson.matrix import Row, Vector
from ..lesson.optimizer import Memory, Optimizer
from ..lesson.optimizers import OPTIMIZERS


class GradientSum(Optimizer):
    """Leaves the weights as they are, and adds up the gradients of batches in its memory.

        total ← total + rate · g

    If the rate of each batch is its share of all rows, `total` ends as the gradient of the mean
    loss of all of them.
    """

    name = "gradient_sum"
    total = "total"
    learning_rate = 1.0
    weight_decay = 0.0

    def start(self) -> dict[str, float]:
        """Return total 0."""
        return {self.total: 0.0}

    def update(self, w: Row, g: Row, memory: Memory, learning_rate: float, t: int) -> Vector:
        """Return the same weights."""
        total = memory[self.total]
        total[:] = [tᵢ + learning_rate * gᵢ for tᵢ, gᵢ in zip(total, g)]
        return list(w)


# The optimizers that engines may have formulas for.
KNOWN: Mapping[str, Callable[..., Optimizer]] = ChainMap(
    {GradientSum.name: GradientSum}, OPTIMIZERS
)
