"""Schedules: the learning rate as a function of the epoch, or of the number of updates."""

from __future__ import annotations

import math
from typing import Callable, Dict

from .errors import FormatError, SettingError
from .settings import Configured, integer, number, rebuild


class Schedule(Configured):
    """A learning rate that depends on how far training has come.

    `per` is the unit of its position and of every length in its settings: "epoch", or "step", which
    is one update of the weights.
    """

    learning_rate: float
    per: str

    def rate(self, epoch: int, step: int) -> float:
        """Return the learning rate of update `step`, in epoch `epoch`; both are counted from 0.

        `step` goes on counting from one epoch to the next: it is the number of updates made so far.
        """
        return self.rate_at(step if self.per == "step" else epoch)

    def rate_at(self, position: int) -> float:
        """Return the learning rate at `position`, counted from 0 in the unit `per`."""
        raise NotImplementedError

    def report(self, loss: float) -> None:
        """Hear the monitored loss at the end of an epoch. Most schedules do not care."""

    def state(self) -> Dict[str, object]:
        """Return what it has learned from the reports, in types that JSON has."""
        return {}

    def restore(self, state: Dict[str, object]) -> None:
        """Go back to where `state()` was taken; `restore({})` goes back to the start.

        Raises FormatError for a state of another schedule.
        """
        if state:
            raise FormatError(f"{type(self).__name__} needs the state {{}}, got {state!r}")


def _unit(who: str, per: str) -> str:
    if per in ("epoch", "step"):
        return per
    raise SettingError(f"{who} needs per to be 'epoch' or 'step', got {per!r}")


class Constant(Schedule):
    """The same learning rate at every position.

    >>> Constant(0.1).rate(epoch=7, step=100)
    0.1
    """

    name = "constant"

    def __init__(self, learning_rate: float, per: str = "epoch") -> None:
        self.learning_rate = number("Constant", "learning_rate", learning_rate, least=0)
        self.per = _unit("Constant", per)

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
        self.per = _unit("Step", per)

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
        self.per = _unit("Exponential", per)

    def rate_at(self, position: int) -> float:
        """Return learning_rate · gamma^position."""
        return self.learning_rate * self.gamma**position


class Cosine(Schedule):
    """A linear rise over `warmup` positions, then half a cosine wave down to `minimum` at `length`.

    `length` counts the warm-up in. From there on the rate stays at `minimum`, where PyTorch's
    CosineAnnealingLR would climb again.

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
                f"Cosine needs warmup to be shorter than length, which counts it in, "
                f"got warmup {warmup} and length {length}; "
                f"did you mean length={self.warmup + self.length}?"
            )
        self.per = _unit("Cosine", per)

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

    `samples` is how much time one position takes. scikit-learn changes the rate once an epoch but
    counts the time in samples: give it the number of rows to get scikit-learn's rates.

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
        self.per = _unit("InverseScaling", per)

    def rate_at(self, position: int) -> float:
        """Return learning_rate / (position · samples + 1)^power."""
        return self.learning_rate * math.pow(position * self.samples + 1, -self.power)


class ReduceOnPlateau(Schedule):
    """The learning rate is multiplied by `factor` when the loss has not improved for a while.

    At the end of each epoch, given its loss:

        loss < best · (1 − threshold):  best ← loss, bad epochs ← 0;  otherwise bad epochs + 1
        within `cooldown` epochs of a reduction:  bad epochs ← 0
        bad epochs > patience:  rate ← max(rate · factor, minimum), bad epochs ← 0

    A reduction by no more than `eps` is left out. The counting starts with the object, and anew
    with `restore({})`; a training that goes on later hands the last `state()` to `restore`.

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
        """Return the rate that the reports so far have led to, whatever the position."""
        return self._rate

    def report(self, loss: float) -> None:
        """Hear the monitored loss at the end of an epoch. NaN counts as no improvement."""
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

    def state(self) -> Dict[str, object]:
        """Return the rate, the best loss (None before the first), and the two counts of epochs."""
        return {
            "rate": self._rate,
            "best": None if self._best == math.inf else self._best,
            "bad_epochs": self._bad_epochs,
            "cooldown_left": self._cooldown_left,
        }

    def restore(self, state: Dict[str, object]) -> None:
        """Go back to where `state()` was taken; `restore({})` goes back to the start.

        Raises FormatError for a state with other names, or values that `state()` cannot give.
        """
        start: Dict[str, object] = {
            "rate": self.learning_rate, "best": None, "bad_epochs": 0, "cooldown_left": 0,
        }  # fmt: skip
        if not state:
            state = start
        if not isinstance(state, dict) or set(state) != set(start):
            raise FormatError(
                f"ReduceOnPlateau needs a state of {', '.join(map(repr, start))}, got {state!r}"
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


SCHEDULES: Dict[str, Callable[..., Schedule]] = {
    "constant": Constant,
    "step": Step,
    "exponential": Exponential,
    "cosine": Cosine,
    "inverse_scaling": InverseScaling,
    "reduce_on_plateau": ReduceOnPlateau,
}


def from_dict(data: object) -> Schedule:
    """Return the schedule whose `to_dict()` is `data`, at its start.

    Raises FormatError for an unknown type or unknown settings, SettingError for a bad value.

    >>> from_dict({"type": "exponential", "learning_rate": 0.1, "gamma": 0.9})
    Exponential(learning_rate=0.1, gamma=0.9, per='epoch')
    """
    return rebuild(Schedule, SCHEDULES, data)
