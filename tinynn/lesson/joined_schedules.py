"""Schedules that are made of others: all at once, or one after the other."""

from __future__ import annotations

from bisect import bisect_right
from typing import Sequence

from ..checks.settings import integer
from ..checks.words import excerpt
from ..errors import SettingError
from .plateau import ReduceOnPlateau
from .schedule import Schedule


class _Several(Schedule):
    """The base of what is made of other schedules; none of them may listen or be made of others."""

    def __init__(self, schedules: Sequence[Schedule]) -> None:
        who = type(self).__name__
        if not isinstance(schedules, (list, tuple)) or len(schedules) < 2:
            raise SettingError(
                f"{who} needs a list of at least two schedules, got {excerpt(schedules)}"
            )
        for schedule in schedules:
            if not isinstance(schedule, Schedule) or isinstance(
                schedule, (_Several, ReduceOnPlateau)
            ):
                raise SettingError(
                    f"{who} needs schedules that follow from the position alone and are not made "
                    f"of others, got {excerpt(schedule)}"
                )
        units = {schedule.per for schedule in schedules}
        if len(units) > 1:
            raise SettingError(f"{who} needs schedules with the same per, got 'epoch' and 'step'")
        self.schedules: list[Schedule] = list(schedules)
        self.learning_rate, self.per = schedules[0].learning_rate, schedules[0].per

    def settings(self) -> dict[str, object]:
        return {"schedules": self.schedules}

    def to_dict(self) -> dict[str, object]:
        """Return what `from_dict` of schedules.py reads."""
        plain = super().to_dict()
        plain["schedules"] = [schedule.to_dict() for schedule in self.schedules]
        return plain


class Chained(_Several):
    """The first schedule's rate, multiplied by what the others make of theirs: all at once.

    Source: PyTorch's ChainedScheduler.

    >>> from tinynn.lesson.more_schedules import LinearRate, MultiStep
    >>> Chained([LinearRate(1.0, 0.5, steps=10), MultiStep(1.0, [5], per="step")]).rate_at(10)
    0.05
    """

    name = "chained"

    def rate_at(self, position: int) -> float:
        """Return learning_rate · the product of rate_at(position) / learning_rate of each."""
        rate: float = self.learning_rate
        for schedule in self.schedules:
            if schedule.learning_rate:
                rate *= schedule.rate_at(position) / schedule.learning_rate
        return rate


class Successive(_Several):
    """One schedule after the other: each begins at its milestone, with position 0.

    Source: PyTorch's SequentialLR.

    >>> from tinynn.lesson.more_schedules import LinearRate
    >>> rises = LinearRate(0.0, 1.0, steps=2)
    >>> falls = LinearRate(1.0, 0.0, steps=4)
    >>> [Successive([rises, falls], [2]).rate_at(position) for position in range(5)]
    [0.0, 0.5, 1.0, 0.75, 0.5]
    """

    name = "successive"

    def __init__(self, schedules: Sequence[Schedule], milestones: Sequence[int]) -> None:
        super().__init__(schedules)
        self.milestones = milestones_of("Successive", milestones)
        if len(self.milestones) != len(self.schedules) - 1:
            raise SettingError(
                f"Successive needs a milestone between any two schedules, "
                f"{len(self.schedules) - 1}, got {len(self.milestones)}"
            )

    def settings(self) -> dict[str, object]:
        return {"schedules": self.schedules, "milestones": self.milestones}

    def rate_at(self, position: int) -> float:
        """Return the rate of the schedule whose turn it is, at the position since its milestone."""
        k = bisect_right(self.milestones, position)
        start = self.milestones[k - 1] if k else 0
        return self.schedules[k].rate_at(position - start)


def milestones_of(who: str, values: Sequence[int]) -> list[int]:
    """Return positions as a list in which each is above the one before it."""
    if not isinstance(values, (list, tuple)) or not values:
        raise SettingError(
            f"{who} needs milestones to be a list of positions, got {excerpt(values)}"
        )
    found = [integer(who, f"milestones[{k}]", value, least=1) for k, value in enumerate(values)]
    if any(a >= b for a, b in zip(found, found[1:])):
        raise SettingError(f"{who} needs milestones that rise, got {excerpt(found)}")
    return found
