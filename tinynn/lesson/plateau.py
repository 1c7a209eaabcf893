"""A schedule that lowers the learning rate when the loss reaches a plateau."""

from __future__ import annotations

import math

from ..checks.settings import integer, number
from ..errors import FormatError, SettingError
from .schedule import Schedule


class ReduceOnPlateau(Schedule):
    """The learning rate is multiplied by `factor` when the loss has not improved for a while.

    At the end of each epoch, given its loss:

        loss < best · (1 − threshold):  best ← loss, bad epochs ← 0;  otherwise bad epochs + 1
        within `cooldown` epochs of a reduction:  bad epochs ← 0
        bad epochs > patience:  rate ← max(rate · factor, minimum), bad epochs ← 0

    A reduction by at most `eps` is not made. Counting starts when the schedule is created, and
    again with `restore({})`; to continue a training later, give `restore` the last `state()`.

    Source: PyTorch's ReduceLROnPlateau(mode="min", threshold_mode="rel").
    """

    name = "reduce_on_plateau"
    per = "epoch"

    _rate: float
    _best: float
    _bad_epochs: int
    _cooldown_left: int

    def __init__(
        self,
        learning_rate: float,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        minimum: float = 0.0,
        eps: float = 1e-8,
    ) -> None:
        who = "ReduceOnPlateau"
        self.learning_rate = number(who, "learning_rate", learning_rate, least=0)
        self.factor = number(who, "factor", factor, above=0, below=1)
        self.patience = integer(who, "patience", patience, least=0)
        self.threshold = number(who, "threshold", threshold, least=0, below=1)
        self.cooldown = integer(who, "cooldown", cooldown, least=0)
        self.minimum = number(who, "minimum", minimum, least=0, most=self.learning_rate)
        self.eps = number(who, "eps", eps, least=0)
        self.restore({})

    def rate_at(self, position: int) -> float:
        """Return the rate after the reports so far, whatever the position."""
        return self._rate

    def report(self, loss: float) -> None:
        """Take the monitored loss at the end of an epoch. NaN is no improvement."""
        if loss < self._best * (1 - self.threshold):
            self._best = float(loss)
            self._bad_epochs = 0
        else:
            self._bad_epochs += 1
        if self._cooldown_left > 0:
            self._cooldown_left -= 1
            self._bad_epochs = 0
        if self._bad_epochs > self.patience:
            reduced = max(self._rate * self.factor, self.minimum)
            if self._rate - reduced > self.eps:
                self._rate = reduced
            self._cooldown_left = self.cooldown
            self._bad_epochs = 0

    def state(self) -> dict[str, object]:
        """Return the rate, the best loss (None before the first), and the two counts of epochs."""
        return {
            "rate": self._rate,
            "best": None if self._best == math.inf else self._best,
            "bad_epochs": self._bad_epochs,
            "cooldown_left": self._cooldown_left,
        }

    def restore(self, state: dict[str, object]) -> None:
        """Return to a `state()`; `restore({})` returns to the start.

        Raises FormatError for a state with other names, or values that `state()` never returns.
        """
        start: dict[str, object] = {
            "rate": self.learning_rate, "best": None, "bad_epochs": 0, "cooldown_left": 0,
        }  # fmt: skip
        if not state:
            state = start
        if not isinstance(state, dict) or set(state) != set(start):
            raise FormatError(
                f"ReduceOnPlateau needs a state with {', '.join(map(repr, start))}, got {state!r}"
            )
        who = "the state of ReduceOnPlateau"
        try:
            rate = number(who, "rate", state["rate"], least=0)
            best = math.inf if state["best"] is None else number(who, "best", state["best"])
            bad_epochs = integer(who, "bad_epochs", state["bad_epochs"], least=0)
            cooldown_left = integer(who, "cooldown_left", state["cooldown_left"], least=0)
        except SettingError as error:
            raise FormatError(str(error)) from error
        self._rate, self._best = rate, best
        self._bad_epochs, self._cooldown_left = bad_epochs, cooldown_left
