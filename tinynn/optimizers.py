"""Optimizers: from the derivative of the loss to new weights, in order of increasing complexity.

All of them step against the gradient g = ∂L/∂w. They differ in what they remember of earlier
gradients: nothing, a running sum of them (momentum), or one of their squares, which scales the
steps. An optimizer holds settings only; its memory, rows as long as w, is kept by the caller.
"""

from __future__ import annotations

from copy import copy
from math import hypot, sqrt
from typing import Callable, Dict, Sequence, Tuple

from .errors import SettingError
from .matrix import Matrix, Row, Rows, Vector
from .schedules import Schedule, from_dict as schedule_from_dict
from .settings import Configured, find, flag, number, rebuild


class Optimizer(Configured):
    """The rule by which weights follow their gradients. A parameter reaches it row by row.

    `weight_decay` pulls every parameter towards 0 unless `decay_biases` is False: then matrices
    only, and leaves alone biases and the gamma and beta of normalization, as is usual for an L2
    penalty (C. Bishop, Pattern recognition and machine learning (2006), section 5.5.1).
    """

    learning_rate: float | Schedule
    weight_decay: float
    decay_biases: bool = True

    @property
    def memory_names(self) -> Tuple[str, ...]:
        """The names of the rows that `update` remembers: () if it remembers nothing."""
        return tuple(self.start())

    def start(self) -> Dict[str, float]:
        """Return the number that each row of the memory is filled with at the start."""
        return {}

    def rate(self, epoch: int, step: int) -> float:
        """Return the learning rate of update `step`, in epoch `epoch`; both are counted from 0."""
        if isinstance(self.learning_rate, Schedule):
            return self.learning_rate.rate(epoch, step)
        return self.learning_rate

    def update(
        self, w: Row, g: Row, memory: Dict[str, Vector], learning_rate: float, t: int
    ) -> Vector:
        """Return the new row of weights; w and g stay as they are, the memory changes in place.

        w: the row of weights; g: ∂L/∂w; memory: a row of w's length for each of `memory_names`;
        t: the number of this update, counted from 1.
        """
        raise NotImplementedError

    def for_biases(self) -> Optimizer:
        """Return the optimizer of the parameters that are vectors: one without weight_decay, or
        this one if they decay as well.
        """
        if self.decay_biases:
            return self
        other = copy(self)
        other.weight_decay = 0.0
        return other

    def _take_decay(self, who: str, weight_decay: float, decay_biases: bool) -> None:
        self.weight_decay = number(who, "weight_decay", weight_decay, least=0)
        # Among the settings only where it is not the default: files of before do not have it.
        if not flag(who, "decay_biases", decay_biases):
            self.decay_biases = False

    def _decayed(self, w: Row, g: Row) -> Row:
        """Return g + weight_decay · w, the derivative of L + weight_decay · |w|² / 2."""
        if self.weight_decay == 0:
            return g
        return [gᵢ + self.weight_decay * wᵢ for wᵢ, gᵢ in zip(w, g)]


def _checked_rate(who: str, learning_rate: float | Schedule) -> float | Schedule:
    if isinstance(learning_rate, Schedule):
        return learning_rate
    return number(who, "learning_rate", learning_rate, least=0)


class SGD(Optimizer):
    """Stochastic gradient descent; with momentum, the step is a running sum of gradients.

    Without momentum the step s is g itself. With it:

        velocity ← momentum · velocity + (1 − dampening) · g,  at t = 1: velocity ← g
        s = g + momentum · velocity  if nesterov, else  s = velocity

    Sources: H. Robbins and S. Monro, A stochastic approximation method (1951); I. Sutskever et al.,
    On the importance of initialization and momentum in deep learning (2013), equations (1) to (4),
    as PyTorch's torch.optim.SGD writes them: the learning rate outside of the velocity.

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
        self.learning_rate = _checked_rate("SGD", learning_rate)
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

    def start(self) -> Dict[str, float]:
        """Return velocity 0 if there is momentum."""
        return {"velocity": 0.0} if self.momentum else {}

    def update(
        self, w: Row, g: Row, memory: Dict[str, Vector], learning_rate: float, t: int
    ) -> Vector:
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
    """The more a weight has moved before, the shorter its steps.

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
        self.learning_rate = _checked_rate("Adagrad", learning_rate)
        self.lr_decay = number("Adagrad", "lr_decay", lr_decay, least=0)
        self._take_decay("Adagrad", weight_decay, decay_biases)
        self.initial_accumulator_value = number(
            "Adagrad", "initial_accumulator_value", initial_accumulator_value, least=0
        )
        self.eps = number("Adagrad", "eps", eps, above=0)

    def start(self) -> Dict[str, float]:
        """Return the sum of squares to begin with."""
        return {"squares": self.initial_accumulator_value}

    def update(
        self, w: Row, g: Row, memory: Dict[str, Vector], learning_rate: float, t: int
    ) -> Vector:
        """Return the new weights, where g ← g + weight_decay · w first."""
        g = self._decayed(w, g)
        squares = memory["squares"]
        squares[:] = [qᵢ + gᵢ * gᵢ for qᵢ, gᵢ in zip(squares, g)]
        rate = learning_rate / (1.0 + (t - 1) * self.lr_decay)
        return [wᵢ - rate * gᵢ / (sqrt(qᵢ) + self.eps) for wᵢ, gᵢ, qᵢ in zip(w, g, squares)]


class RMSprop(Optimizer):
    """Steps scaled by the size that the gradient had lately: Adagrad that forgets.

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
        self.learning_rate = _checked_rate("RMSprop", learning_rate)
        self.alpha = number("RMSprop", "alpha", alpha, least=0, most=1)
        self.eps = number("RMSprop", "eps", eps, above=0)
        self._take_decay("RMSprop", weight_decay, decay_biases)
        self.momentum = number("RMSprop", "momentum", momentum, least=0, most=1)
        self.centered = flag("RMSprop", "centered", centered)

    def start(self) -> Dict[str, float]:
        """Return 0 for v, for the mean if centered, and for the velocity if there is momentum."""
        memory = {"v": 0.0}
        if self.centered:
            memory["mean"] = 0.0
        if self.momentum:
            memory["velocity"] = 0.0
        return memory

    def update(
        self, w: Row, g: Row, memory: Dict[str, Vector], learning_rate: float, t: int
    ) -> Vector:
        """Return the new weights, where g ← g + weight_decay · w first."""
        g = self._decayed(w, g)
        alpha = self.alpha
        v = spread = memory["v"]
        v[:] = [alpha * vᵢ + (1.0 - alpha) * gᵢ * gᵢ for vᵢ, gᵢ in zip(v, g)]
        if self.centered:
            mean = memory["mean"]
            mean[:] = [alpha * mᵢ + (1.0 - alpha) * gᵢ for mᵢ, gᵢ in zip(mean, g)]
            # A variance is never negative, but its rounded difference can be.
            spread = [max(0.0, vᵢ - mᵢ * mᵢ) for vᵢ, mᵢ in zip(v, mean)]
        step = [gᵢ / (sqrt(uᵢ) + self.eps) for gᵢ, uᵢ in zip(g, spread)]
        if self.momentum:
            velocity = memory["velocity"]
            velocity[:] = [self.momentum * vᵢ + sᵢ for vᵢ, sᵢ in zip(velocity, step)]
            step = velocity
        return [wᵢ - learning_rate * sᵢ for wᵢ, sᵢ in zip(w, step)]


class Adam(Optimizer):
    """Momentum over RMSprop, both freed from the bias of having started at zero.

        m ← beta₁ · m + (1 − beta₁) · g
        v ← beta₂ · v + (1 − beta₂) · g²
        u = v,  if amsgrad:  v_max ← max(v_max, v),  u = v_max
        w ← w − learning_rate · m / (1 − beta₁ᵗ) / (√u / √(1 − beta₂ᵗ) + eps)

    Sources: D. Kingma and J. Ba, Adam (2015), algorithm 1; amsgrad: S. Reddi, S. Kale and S. Kumar,
    On the convergence of Adam and beyond (2018), algorithm 2; torch.optim.Adam.
    """

    name = "adam"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        decay_biases: bool = True,
    ) -> None:
        who = type(self).__name__
        self.learning_rate = _checked_rate(who, learning_rate)
        if not isinstance(betas, (tuple, list)) or len(betas) != 2:
            raise SettingError(f"{who} needs betas to be two numbers, got {betas!r}")
        beta1 = number(who, "betas[0]", betas[0], least=0, below=1)
        beta2 = number(who, "betas[1]", betas[1], least=0, below=1)
        self.betas = (beta1, beta2)
        self.eps = number(who, "eps", eps, above=0)
        self._take_decay(who, weight_decay, decay_biases)
        self.amsgrad = flag(who, "amsgrad", amsgrad)

    def start(self) -> Dict[str, float]:
        """Return 0 for m and v, and for v_max if amsgrad."""
        return {"m": 0.0, "v": 0.0, "v_max": 0.0} if self.amsgrad else {"m": 0.0, "v": 0.0}

    def update(
        self, w: Row, g: Row, memory: Dict[str, Vector], learning_rate: float, t: int
    ) -> Vector:
        """Return the new weights, where g ← g + weight_decay · w first."""
        return self._step(w, self._decayed(w, g), memory, learning_rate, t)

    def _step(
        self, w: Row, g: Row, memory: Dict[str, Vector], learning_rate: float, t: int
    ) -> Vector:
        beta1, beta2 = self.betas
        m, v = memory["m"], memory["v"]
        m[:] = [beta1 * mᵢ + (1.0 - beta1) * gᵢ for mᵢ, gᵢ in zip(m, g)]
        v[:] = [beta2 * vᵢ + (1.0 - beta2) * gᵢ * gᵢ for vᵢ, gᵢ in zip(v, g)]
        if self.amsgrad:
            v_max = memory["v_max"]
            v_max[:] = [max(vᵢ, largest) for vᵢ, largest in zip(v, v_max)]
            v = v_max
        rate = learning_rate / (1.0 - beta1**t)
        root = sqrt(1.0 - beta2**t)
        return [wᵢ - rate * mᵢ / (sqrt(vᵢ) / root + self.eps) for wᵢ, mᵢ, vᵢ in zip(w, m, v)]


class AdamW(Adam):
    """Adam whose weight decay shrinks the weights directly and stays out of m and v.

        w ← w · (1 − learning_rate · weight_decay),  then Adam's step

    Source: I. Loshchilov and F. Hutter, Decoupled weight decay regularization (2019), algorithm 2;
    torch.optim.AdamW.
    """

    name = "adamw"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        decay_biases: bool = True,
    ) -> None:
        super().__init__(learning_rate, betas, eps, weight_decay, amsgrad, decay_biases)

    def update(
        self, w: Row, g: Row, memory: Dict[str, Vector], learning_rate: float, t: int
    ) -> Vector:
        """Return the new weights."""
        shrunk = [wᵢ * (1.0 - learning_rate * self.weight_decay) for wᵢ in w]
        return self._step(shrunk, g, memory, learning_rate, t)


OPTIMIZERS: Dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}


def by_name(optimizer: str | Optimizer) -> Optimizer:
    """Return the optimizer of that short name, with its defaults; an Optimizer as it is.

    Raises SettingError, with the names there are and the nearest one, for anything else.

    >>> by_name("sgd")
    SGD(learning_rate=0.001, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False)
    """
    return find(Optimizer, OPTIMIZERS, optimizer)


def from_dict(data: object) -> Optimizer:
    """Return the optimizer whose `to_dict()` is `data`.

    Raises FormatError for an unknown type or unknown settings, SettingError for a bad value.
    """
    if isinstance(data, dict) and isinstance(data.get("learning_rate"), dict):
        data = {**data, "learning_rate": schedule_from_dict(data["learning_rate"])}
    return rebuild(Optimizer, OPTIMIZERS, data)


def clip_by_value(rows: Rows, limit: float) -> Matrix:
    """Return `rows` with every number brought into −limit … limit; NaN stays NaN.

    Raises SettingError unless limit is above 0.

    >>> clip_by_value([[-3.0, 0.5, 2.0]], limit=1.0)
    [[-1.0, 0.5, 1.0]]
    """
    limit = number("clip_by_value", "limit", limit, above=0)
    # In this order of arguments min and max let NaN through, so that divergence stays visible.
    return [[max(min(x, limit), -limit) for x in row] for row in rows]


def global_norm(rows: Rows) -> float:
    """Return √Σ x² over all numbers in all rows, without overflow on the way.

    >>> global_norm([[3.0], [4.0]])
    5.0
    """
    return hypot(*[hypot(*row) for row in rows])


def clip_by_norm(rows: Rows, limit: float) -> Matrix:
    """Return factor · `rows`, so that their global norm is at most `limit`; the direction is kept.

    `rows` are all the rows of all the gradients of a network.

        factor = min(1, limit / (norm + 10⁻⁶))

    Raises SettingError unless limit is above 0.

    Source: R. Pascanu, T. Mikolov and Y. Bengio, On the difficulty of training recurrent neural
    networks (2013), algorithm 1; torch.nn.utils.clip_grad_norm_.
    """
    limit = number("clip_by_norm", "limit", limit, above=0)
    factor = min(limit / (global_norm(rows) + 1e-6), 1.0)
    return [[factor * x for x in row] for row in rows]
