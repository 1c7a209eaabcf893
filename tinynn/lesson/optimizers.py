"""Optimizers: from the derivative of the loss to new weights, in order of increasing complexity.

SGD                 steps against the gradient; with momentum, against a running sum of gradients
Adagrad, RMSprop    steps scaled by the size of earlier gradients
Adam, AdamW         both: momentum and scaled steps (in adam.py)

More are in more_optimizers.py.

All of them step against the gradient g = ∂L/∂w. They differ in what they remember of earlier
gradients. An optimizer holds only settings; the caller keeps its memory, rows as long as w.
"""

from __future__ import annotations

from math import sqrt
from typing import Callable

from ..checks.settings import find, flag, number, rebuild
from ..errors import SettingError
from .adam import Adam, AdamW
from .matrix import Row, Vector
from .more_optimizers import MORE_OPTIMIZERS
from .optimizer import Memory, Optimizer, checked_rate
from .schedule import Schedule


class SGD(Optimizer):
    """Stochastic gradient descent; with momentum, the step is a running sum of gradients.

    Without momentum the step s is g itself. With it:

        velocity ← momentum · velocity + (1 − dampening) · g,  at t = 1: velocity ← g
        s = g + momentum · velocity  if nesterov, else  s = velocity

    Sources: H. Robbins and S. Monro, A stochastic approximation method (1951); I. Sutskever et al.,
    On the importance of initialization and momentum in deep learning (2013), equations (1) to (4),
    in the form of PyTorch's torch.optim.SGD: the learning rate is outside the velocity.

    >>> SGD(learning_rate=0.5).update([1.0, 2.0], [0.2, -0.4], {}, learning_rate=0.5, t=1)
    [0.9, 2.2]
    """

    name = "sgd"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        decay_biases: bool = True,
    ) -> None:
        self.learning_rate = checked_rate("SGD", learning_rate)
        self.momentum = number("SGD", "momentum", momentum, least=0, most=1)
        self.dampening = number("SGD", "dampening", dampening, least=0, most=1)
        self._take_decay("SGD", weight_decay, decay_biases)
        self.nesterov = flag("SGD", "nesterov", nesterov)
        if nesterov and (self.momentum == 0 or self.dampening != 0):
            raise SettingError(
                "SGD needs momentum above 0 and dampening 0 for nesterov, "
                f"got momentum {momentum!r} and dampening {dampening!r}; "
                f"did you mean momentum={self.momentum or 0.9:g}, dampening=0?"
            )

    def start(self) -> dict[str, float]:
        """Return velocity 0 if there is momentum."""
        return {"velocity": 0.0} if self.momentum else {}

    def update(self, w: Row, g: Row, memory: Memory, learning_rate: float, t: int) -> Vector:
        """Return w − learning_rate · s, where g ← g + weight_decay · w first."""
        step = g = self._decayed(w, g)
        if self.momentum:
            velocity = memory["velocity"]
            fresh = 1.0 if t == 1 else 1.0 - self.dampening
            velocity[:] = [self.momentum * vᵢ + fresh * gᵢ for vᵢ, gᵢ in zip(velocity, g)]
            step = velocity
            if self.nesterov:
                step = [gᵢ + self.momentum * vᵢ for vᵢ, gᵢ in zip(velocity, g)]
        return [wᵢ - learning_rate * sᵢ for wᵢ, sᵢ in zip(w, step)]


class Adagrad(Optimizer):
    """The larger a weight's gradients have been, the shorter its steps.

        squares ← squares + g²
        w ← w − learning_rate / (1 + (t − 1) · lr_decay) · g / (√squares + eps)

    Source: J. Duchi, E. Hazan and Y. Singer, Adaptive subgradient methods for online learning and
    stochastic optimization (2011), section 1.1, with the diagonal of G; torch.optim.Adagrad.
    """

    name = "adagrad"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        decay_biases: bool = True,
    ) -> None:
        self.learning_rate = checked_rate("Adagrad", learning_rate)
        self.lr_decay = number("Adagrad", "lr_decay", lr_decay, least=0)
        self._take_decay("Adagrad", weight_decay, decay_biases)
        self.initial_accumulator_value = number(
            "Adagrad", "initial_accumulator_value", initial_accumulator_value, least=0
        )
        self.eps = number("Adagrad", "eps", eps, above=0)

    def start(self) -> dict[str, float]:
        """Return the initial sum of squares."""
        return {"squares": self.initial_accumulator_value}

    def update(self, w: Row, g: Row, memory: Memory, learning_rate: float, t: int) -> Vector:
        """Return the new weights, where g ← g + weight_decay · w first."""
        g = self._decayed(w, g)
        squares = memory["squares"]
        squares[:] = [qᵢ + gᵢ * gᵢ for qᵢ, gᵢ in zip(squares, g)]
        rate = learning_rate / (1.0 + (t - 1) * self.lr_decay)
        return [wᵢ - rate * gᵢ / (sqrt(qᵢ) + self.eps) for wᵢ, gᵢ, qᵢ in zip(w, g, squares)]


class RMSprop(Optimizer):
    """Steps scaled by the size of recent gradients: an Adagrad that forgets.

        v ← alpha · v + (1 − alpha) · g²
        u = v,  if centered:  mean ← alpha · mean + (1 − alpha) · g,  u = v − mean²
        s = g / (√u + eps)
        with momentum:  velocity ← momentum · velocity + s,  s ← velocity
        w ← w − learning_rate · s

    Sources: T. Tieleman and G. Hinton, Neural networks for machine learning, lecture 6.5 (2012);
    centered: A. Graves, Generating sequences with recurrent neural networks (2013), section 4.2;
    torch.optim.RMSprop.
    """

    name = "rmsprop"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        decay_biases: bool = True,
    ) -> None:
        self.learning_rate = checked_rate("RMSprop", learning_rate)
        self.alpha = number("RMSprop", "alpha", alpha, least=0, most=1)
        self.eps = number("RMSprop", "eps", eps, above=0)
        self._take_decay("RMSprop", weight_decay, decay_biases)
        self.momentum = number("RMSprop", "momentum", momentum, least=0, most=1)
        self.centered = flag("RMSprop", "centered", centered)

    def start(self) -> dict[str, float]:
        """Return 0 for v, for the mean if centered, and for the velocity if there is momentum."""
        memory = {"v": 0.0}
        if self.centered:
            memory["mean"] = 0.0
        if self.momentum:
            memory["velocity"] = 0.0
        return memory

    def update(self, w: Row, g: Row, memory: Memory, learning_rate: float, t: int) -> Vector:
        """Return the new weights, where g ← g + weight_decay · w first."""
        g = self._decayed(w, g)
        alpha = self.alpha
        v = spread = memory["v"]
        v[:] = [alpha * vᵢ + (1.0 - alpha) * gᵢ * gᵢ for vᵢ, gᵢ in zip(v, g)]
        if self.centered:
            mean = memory["mean"]
            mean[:] = [alpha * mᵢ + (1.0 - alpha) * gᵢ for mᵢ, gᵢ in zip(mean, g)]
            # A variance is never negative, but this difference can be after rounding.
            spread = [max(0.0, vᵢ - mᵢ * mᵢ) for vᵢ, mᵢ in zip(v, mean)]
        step = [gᵢ / (sqrt(uᵢ) + self.eps) for gᵢ, uᵢ in zip(g, spread)]
        if self.momentum:
            velocity = memory["velocity"]
            velocity[:] = [self.momentum * vᵢ + sᵢ for vᵢ, sᵢ in zip(velocity, step)]
            step = velocity
        return [wᵢ - learning_rate * sᵢ for wᵢ, sᵢ in zip(w, step)]


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    optimizer.name: optimizer for optimizer in (SGD, Adagrad, RMSprop, Adam, AdamW)
}
OPTIMIZERS.update(MORE_OPTIMIZERS)


def by_name(optimizer: str | Optimizer) -> Optimizer:
    """Return the optimizer with this short name and default settings; an Optimizer as it is.

    Raises SettingError, listing the known names and the nearest one, for anything else.

    >>> by_name("sgd")
    SGD(learning_rate=0.001, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False)
    """
    return find(Optimizer, OPTIMIZERS, optimizer)


def from_dict(data: object) -> Optimizer:
    """Return the optimizer whose `to_dict()` is `data`.

    Raises FormatError for an unknown type or unknown settings, SettingError for a bad value.
    """
    if isinstance(data, dict) and isinstance(data.get("learning_rate"), dict):
        from .schedules import from_dict as schedule_from_dict  # no plain learning rate needs it

        data = {**data, "learning_rate": schedule_from_dict(data["learning_rate"])}
    return rebuild(Optimizer, OPTIMIZERS, data)
