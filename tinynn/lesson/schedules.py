"""Schedules: the learning rate as a function of the epoch, or of the number of updates.

ConstantRate           always the same rate
Step, Exponential      multiplied by a factor at intervals, or at every position
Cosine                 a rise, then half a cosine wave down
InverseScaling         a power of the time
ReduceOnPlateau        multiplied by a factor when the loss stops falling (in plateau.py)

More are in more_schedules.py; all are names of this module.
"""

from __future__ import annotations

import math
from typing import Callable

from ..checks.settings import integer, number, rebuild
from ..errors import SettingError
from .joined_schedules import Chained as Chained, Successive as Successive
from .more_schedules import (
    MORE_SCHEDULES,
    LinearRate as LinearRate,
    MultiStep as MultiStep,
    OneCycle as OneCycle,
    Polynomial as Polynomial,
    WarmRestarts as WarmRestarts,
)
from .plateau import ReduceOnPlateau
from .schedule import Schedule, checked_unit

Linear = LinearRate  # its usual name; a layer has it, too


class ConstantRate(Schedule):
    """The same learning rate at every position.

    >>> ConstantRate(0.1).rate(epoch=7, step=100)
    0.1
    """

    name = "constant"

    def __init__(self, learning_rate: float, per: str = "epoch") -> None:
        self.learning_rate = number("ConstantRate", "learning_rate", learning_rate, least=0)
        self.per = checked_unit("ConstantRate", per)

    def rate_at(self, position: int) -> float:
        """Return learning_rate."""
        return self.learning_rate


class Step(Schedule):
    """The learning rate is multiplied by `gamma` after every `step_size` positions.

    Source: PyTorch's StepLR.

    >>> [Step(1.0, step_size=2, gamma=0.5).rate_at(position) for position in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """

    name = "step"

    def __init__(
        self, learning_rate: float, step_size: int, gamma: float = 0.1, per: str = "epoch"
    ) -> None:
        self.learning_rate = number("Step", "learning_rate", learning_rate, least=0)
        self.step_size = integer("Step", "step_size", step_size, least=1)
        self.gamma = number("Step", "gamma", gamma, above=0, most=1)
        self.per = checked_unit("Step", per)

    def rate_at(self, position: int) -> float:
        """Return learning_rate · gamma^⌊position / step_size⌋."""
        return self.learning_rate * self.gamma ** (position // self.step_size)


class Exponential(Schedule):
    """The learning rate is multiplied by `gamma` after every position.

    Source: PyTorch's ExponentialLR.

    >>> [Exponential(1.0, gamma=0.5).rate_at(position) for position in range(3)]
    [1.0, 0.5, 0.25]
    """

    name = "exponential"

    def __init__(self, learning_rate: float, gamma: float, per: str = "epoch") -> None:
        self.learning_rate = number("Exponential", "learning_rate", learning_rate, least=0)
        self.gamma = number("Exponential", "gamma", gamma, above=0, most=1)
        self.per = checked_unit("Exponential", per)

    def rate_at(self, position: int) -> float:
        """Return learning_rate · gamma^position."""
        return self.learning_rate * self.gamma**position


class Cosine(Schedule):
    """A linear rise over `warmup` positions, then half a cosine wave down to `minimum` at `length`.

    `length` includes the warm-up. Beyond it the rate stays at `minimum`, while PyTorch's
    CosineAnnealingLR would rise again.

    Source: I. Loshchilov and F. Hutter, SGDR (2017), equation (5), one period; PyTorch's
    CosineAnnealingLR(T_max=length − warmup), after LinearLR(start_factor=1 / (warmup + 1)).

    >>> [round(Cosine(1.0, length=4).rate_at(position), 3) for position in range(5)]
    [1.0, 0.854, 0.5, 0.146, 0.0]
    """

    name = "cosine"

    def __init__(
        self,
        learning_rate: float,
        length: int,
        minimum: float = 0.0,
        warmup: int = 0,
        per: str = "epoch",
    ) -> None:
        self.learning_rate = number("Cosine", "learning_rate", learning_rate, least=0)
        self.length = integer("Cosine", "length", length, least=1)
        self.minimum = number("Cosine", "minimum", minimum, least=0, most=self.learning_rate)
        self.warmup = integer("Cosine", "warmup", warmup, least=0)
        if self.warmup >= self.length:
            raise SettingError(
                "Cosine needs warmup to be shorter than length, which includes it, "
                f"got warmup {warmup} and length {length}; "
                f"did you mean length={self.warmup + self.length}?"
            )
        self.per = checked_unit("Cosine", per)

    def rate_at(self, position: int) -> float:
        """Return the rate at `position` p.

        p < warmup:  learning_rate · (p + 1) / (warmup + 1)
        p < length:  minimum + (learning_rate − minimum) · (1 + cos(angle)) / 2,
                     angle = π · (p − warmup) / (length − warmup)
        """
        if position < self.warmup:
            return self.learning_rate * (position + 1) / (self.warmup + 1)
        if position >= self.length:
            return self.minimum
        angle = math.pi * (position - self.warmup) / (self.length - self.warmup)
        return self.minimum + (self.learning_rate - self.minimum) * (1 + math.cos(angle)) / 2


class InverseScaling(Schedule):
    """The learning rate falls as a power of the time.

    `samples` is the time per position. scikit-learn changes the rate once an epoch but counts time
    in samples: set it to the number of rows to get scikit-learn's rates.

    Source: scikit-learn's SGDOptimizer, `learning_rate="invscaling"`.

    >>> InverseScaling(1.0).rate_at(3)
    0.5
    """

    name = "inverse_scaling"

    def __init__(
        self, learning_rate: float, power: float = 0.5, samples: int = 1, per: str = "epoch"
    ) -> None:
        self.learning_rate = number("InverseScaling", "learning_rate", learning_rate, least=0)
        self.power = number("InverseScaling", "power", power, least=0)
        self.samples = integer("InverseScaling", "samples", samples, least=1)
        self.per = checked_unit("InverseScaling", per)

    def rate_at(self, position: int) -> float:
        """Return learning_rate / (position · samples + 1)^power."""
        return self.learning_rate * math.pow(position * self.samples + 1, -self.power)


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": ConstantRate,
    "step": Step,
    "exponential": Exponential,
    "cosine": Cosine,
    "inverse_scaling": InverseScaling,
    "reduce_on_plateau": ReduceOnPlateau,
}
SCHEDULES.update(MORE_SCHEDULES)


def from_dict(data: object) -> Schedule:
    """Return the schedule whose `to_dict()` is `data`, at its start.

    Raises FormatError for an unknown type or unknown settings, SettingError for a bad value.

    >>> from_dict({"type": "exponential", "learning_rate": 0.1, "gamma": 0.9})
    Exponential(learning_rate=0.1, gamma=0.9, per='epoch')
    """
    if isinstance(data, dict) and isinstance(data.get("schedules"), list):
        data = {**data, "schedules": [from_dict(one) for one in data["schedules"]]}
    return rebuild(Schedule, SCHEDULES, data)
