"""What all schedules have in common: a learning rate that depends on the position."""

from __future__ import annotations

from ..checks.settings import Configured
from ..errors import FormatError, SettingError


class Schedule(Configured):
    """A learning rate that depends on how far training has come.

    `per` is the unit of the position and of every length in the settings: "epoch" or "step", one
    update of the weights.
    """

    learning_rate: float
    per: str

    def rate(self, epoch: int, step: int) -> float:
        """Return the learning rate of update `step`, in epoch `epoch`; both are counted from 0.

        `step` counts over all epochs: it is the number of updates made so far.
        """
        return self.rate_at(step if self.per == "step" else epoch)

    def rate_at(self, position: int) -> float:
        """Return the learning rate at `position`, counted from 0 in the unit `per`."""
        raise NotImplementedError

    def report(self, loss: float) -> None:
        """Take the monitored loss at the end of an epoch. Most schedules ignore it."""

    def state(self) -> dict[str, object]:
        """Return what the schedule has learned from reports, in JSON's types."""
        return {}

    def restore(self, state: dict[str, object]) -> None:
        """Return to a `state()`; `restore({})` returns to the start.

        Raises FormatError for the state of another schedule.
        """
        if state:
            raise FormatError(f"{type(self).__name__} needs an empty state, got {state!r}")


def checked_unit(who: str, per: str) -> str:
    """Return `per` if it is "epoch" or "step"; raise SettingError for anything else."""
    if per in ("epoch", "step"):
        return per
    raise SettingError(f"{who} needs per to be 'epoch' or 'step', got {per!r}")
