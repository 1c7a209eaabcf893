"""More schedules: straight and curved falls, a single cycle, and restarts.

Those that are made of others are in joined_schedules.py. As in schedules.py, positions are counted
from 0, in epochs or updates. Where PyTorch has such a schedule, the rates are the same.
"""

from __future__ import annotations

from bisect import bisect_right
from math import cos, pi
from typing import Sequence

from ..checks.settings import flag, integer, number
from .joined_schedules import Chained, Successive, milestones_of
from .schedule import Schedule, checked_unit


class LinearRate(Schedule):
    """The rate changes evenly from `learning_rate` to `end` over `steps` positions, and stays.

    Source: PyTorch's LinearLR(start_factor=1, end_factor=end / learning_rate, total_iters=steps).

    >>> [LinearRate(1.0, 0.0, steps=4).rate_at(position) for position in range(6)]
    [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]
    """

    name = "linear"

    def __init__(
        self, learning_rate: float, end: float = 0.0, steps: int = 1000, per: str = "step"
    ) -> None:
        self.learning_rate = number("LinearRate", "learning_rate", learning_rate, least=0)
        self.end = number("LinearRate", "end", end, least=0)
        self.steps = integer("LinearRate", "steps", steps, least=1)
        self.per = checked_unit("LinearRate", per)

    def rate_at(self, position: int) -> float:
        """Return learning_rate + (end − learning_rate) · position / steps."""
        if position >= self.steps:
            return self.end
        return self.learning_rate + (self.end - self.learning_rate) * position / self.steps


class Polynomial(Schedule):
    """The rate falls to `end` at `length`, as a power of what is left, and stays.

    Source: PyTorch's PolynomialLR(total_iters=length), whose end is 0.

    >>> [Polynomial(1.0, length=4, power=2.0).rate_at(position) for position in range(5)]
    [1.0, 0.5625, 0.25, 0.0625, 0.0]
    """

    name = "polynomial"

    def __init__(
        self,
        learning_rate: float,
        length: int,
        power: float = 1.0,
        end: float = 0.0,
        per: str = "epoch",
    ) -> None:
        self.learning_rate = number("Polynomial", "learning_rate", learning_rate, least=0)
        self.length = integer("Polynomial", "length", length, least=1)
        self.power = number("Polynomial", "power", power, above=0)
        self.end = number("Polynomial", "end", end, least=0, most=self.learning_rate)
        self.per = checked_unit("Polynomial", per)

    def rate_at(self, position: int) -> float:
        """Return end + (learning_rate − end) · (1 − position / length)^power."""
        left = 1.0 - min(position, self.length) / self.length
        return self.end + (self.learning_rate - self.end) * float(left**self.power)


class OneCycle(Schedule):
    """One rise from a low rate to `learning_rate`, then a fall to a much lower one at `length`.

    The rate begins at learning_rate / div_factor, is highest after the share `rise` of the length,
    and ends at the first rate / final_div_factor, along half waves of a cosine or, with
    `linear=True`, along straight lines.

    Source: L. Smith and N. Topin, Super-convergence (2018), as in PyTorch's
    OneCycleLR(max_lr=learning_rate, total_steps=length, pct_start=rise), without its momentum.

    >>> [round(OneCycle(1.0, length=5, rise=0.4).rate_at(position), 3) for position in range(5)]
    [0.04, 1.0, 0.75, 0.25, 0.0]
    """

    name = "one_cycle"

    def __init__(
        self,
        learning_rate: float,
        length: int,
        rise: float = 0.3,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        linear: bool = False,
        per: str = "step",
    ) -> None:
        who = "OneCycle"
        self.learning_rate = number(who, "learning_rate", learning_rate, least=0)
        self.length = integer(who, "length", length, least=2)
        self.rise = number(who, "rise", rise, least=0, most=1)
        self.div_factor = number(who, "div_factor", div_factor, least=1)
        self.final_div_factor = number(who, "final_div_factor", final_div_factor, least=1)
        self.linear = flag(who, "linear", linear)
        self.per = checked_unit(who, per)

    def rate_at(self, position: int) -> float:
        """Return the rate on the way to the top at rise · length − 1, or from there to the end."""
        first = self.learning_rate / self.div_factor
        top, end = self.rise * self.length - 1.0, self.length - 1.0
        if position <= top:
            return self._between(first, self.learning_rate, position / top if top else 1.0)
        share = (min(position, end) - top) / (end - top)
        return self._between(self.learning_rate, first / self.final_div_factor, share)

    def _between(self, start: float, end: float, share: float) -> float:
        if self.linear:
            return start + (end - start) * share
        return end + (start - end) / 2.0 * (1.0 + cos(pi * share))


class WarmRestarts(Schedule):
    """Half waves of a cosine from `learning_rate` to `minimum`, each `factor` times as long.

    Source: I. Loshchilov and F. Hutter, SGDR (2017), equation (5); PyTorch's
    CosineAnnealingWarmRestarts(T_0=length, T_mult=factor, eta_min=minimum).

    >>> [round(WarmRestarts(1.0, length=2).rate_at(position), 3) for position in range(5)]
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """

    name = "warm_restarts"

    def __init__(
        self,
        learning_rate: float,
        length: int,
        factor: int = 1,
        minimum: float = 0.0,
        per: str = "epoch",
    ) -> None:
        self.learning_rate = number("WarmRestarts", "learning_rate", learning_rate, least=0)
        self.length = integer("WarmRestarts", "length", length, least=1)
        self.factor = integer("WarmRestarts", "factor", factor, least=1)
        self.minimum = number("WarmRestarts", "minimum", minimum, least=0, most=self.learning_rate)
        self.per = checked_unit("WarmRestarts", per)

    def rate_at(self, position: int) -> float:
        """Return minimum + (learning_rate − minimum) · (1 + cos(π · p / n)) / 2.

        p is the position in its wave, and n the length of that.
        """
        length = self.length
        if self.factor == 1:
            position %= length
        while position >= length:
            position -= length
            length *= self.factor
        wave = (1.0 + cos(pi * position / length)) / 2.0
        return self.minimum + (self.learning_rate - self.minimum) * wave


class MultiStep(Schedule):
    """The learning rate is multiplied by `gamma` at each of the `milestones`.

    Source: PyTorch's MultiStepLR.

    >>> [MultiStep(1.0, [2, 3], gamma=0.5).rate_at(position) for position in range(5)]
    [1.0, 1.0, 0.5, 0.25, 0.25]
    """

    name = "multi_step"

    def __init__(
        self,
        learning_rate: float,
        milestones: Sequence[int],
        gamma: float = 0.1,
        per: str = "epoch",
    ) -> None:
        self.learning_rate = number("MultiStep", "learning_rate", learning_rate, least=0)
        self.milestones = milestones_of("MultiStep", milestones)
        self.gamma = number("MultiStep", "gamma", gamma, above=0, most=1)
        self.per = checked_unit("MultiStep", per)

    def rate_at(self, position: int) -> float:
        """Return learning_rate · gamma^(how many milestones are not after the position)."""
        passed = bisect_right(self.milestones, position)
        return float(self.learning_rate * self.gamma**passed)


MORE_SCHEDULES: dict[str, type[Schedule]] = {
    kind.name: kind
    for kind in (LinearRate, Polynomial, OneCycle, WarmRestarts, MultiStep, Chained, Successive)
}
