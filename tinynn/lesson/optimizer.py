"""What all optimizers have in common: the learning rate, weight decay, and what `update` takes."""

from __future__ import annotations

from copy import copy
from typing import Dict

from ..checks.settings import Configured, flag, number
from .matrix import Row, Vector
from .schedule import Schedule

Memory = Dict[str, Vector]


class Optimizer(Configured):
    """A rule that updates weights from their gradients, one row of a parameter at a time.

    A class of its own defines `update`, stores its constructor's arguments under the same names,
    `learning_rate` among them, and names in `start` what it remembers. To be saved with a model it
    needs a `name` and `nn.register`.

    `weight_decay` pulls every parameter towards 0. If `decay_biases` is False, it pulls only
    matrices, not biases or the gamma and beta of normalization, as is usual for an L2 penalty
    (C. Bishop, Pattern recognition and machine learning (2006), section 5.5.1).
    """

    learning_rate: float | Schedule
    weight_decay: float = 0.0
    decay_biases: bool = True

    @property
    def memory_names(self) -> tuple[str, ...]:
        """The names of the rows that `update` remembers; () if it remembers nothing."""
        return tuple(self.start())

    def start(self) -> dict[str, float]:
        """Return the number that each row of the memory is initially filled with."""
        return {}

    def rate(self, epoch: int, step: int) -> float:
        """Return the learning rate of update `step`, in epoch `epoch`; both are counted from 0."""
        if isinstance(self.learning_rate, Schedule):
            return self.learning_rate.rate(epoch, step)
        return self.learning_rate

    def update(self, w: Row, g: Row, memory: Memory, learning_rate: float, t: int) -> Vector:
        """Return the new row of weights; w and g do not change, the memory changes in place.

        w: the row of weights; g: ∂L/∂w; memory: a row of w's length for each of `memory_names`;
        t: the number of this update, counted from 1.
        """
        raise NotImplementedError

    def for_biases(self) -> Optimizer:
        """Return the optimizer for vectors: this one, or one without weight_decay."""
        if self.decay_biases:
            return self
        other = copy(self)
        other.weight_decay = 0.0
        return other

    def _take_decay(self, who: str, weight_decay: float, decay_biases: bool) -> None:
        self.weight_decay = number(who, "weight_decay", weight_decay, least=0)
        # A setting only if it is not the default: older files do not have it.
        if not flag(who, "decay_biases", decay_biases):
            self.decay_biases = False

    def _decayed(self, w: Row, g: Row) -> Row:
        """Return g + weight_decay · w, the derivative of L + weight_decay · |w|² / 2."""
        if self.weight_decay == 0:
            return g
        return [gᵢ + self.weight_decay * wᵢ for wᵢ, gᵢ in zip(w, g)]


def checked_rate(who: str, learning_rate: float | Schedule) -> float | Schedule:
    """Return a learning rate of at least 0, or a schedule as it is; else raise SettingError."""
    if isinstance(learning_rate, Schedule):
        return learning_rate
    return number(who, "learning_rate", learning_rate, least=0)
