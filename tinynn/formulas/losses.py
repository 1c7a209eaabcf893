"""The losses of lesson/losses.py, and of poisson.py, as row programs, for one sample.

y are the outputs, t the targets, and c is the loss's setting; the results are `loss` and the row d,
its derivative by y. k is a factor of the derivatives: the sample's share in the batch times
`LossFormula.factor`. Logarithms are limited as in the lesson.
"""

from __future__ import annotations

from math import exp, log
from sys import float_info
from typing import Callable, NamedTuple

from ..lesson.loss import Loss
from ..lesson.losses import LOSSES as OF_THE_LESSON, LOWEST_LOG, SMALLEST_VARIANCE
from .poisson import Poisson
from .programs import Each, Largest, Let, Program, Total

# The probabilities at which logarithms are limited, and the lowest logarithm.
_LEAST_BCE, _LEAST_CE = exp(LOWEST_LOG), float_info.min
_LOWEST_CE = log(_LEAST_CE)


class LossFormula(NamedTuple):
    """A loss as row programs.

    loss:        computes `loss`, before the division by n if it is a `mean` over the outputs
    derivative:  computes d, using the rows and numbers of `loss`
    joint:       replaces `derivative` if the derivative includes that of the last layer
    simple:      replaces `loss` if all targets are 0 or 1 and, for classes, a row has a single 1
    factor:      a factor of the derivatives that is part of k
    setting:     the name of the loss's setting that is the number c
    """

    loss: Program
    derivative: Program
    joint: Program = ()
    simple: Program = ()
    mean: bool = True
    factor: float = 1.0
    setting: str = ""

    def parts(self, joint: bool, simple: bool = False) -> tuple[Program, Program]:
        """Return the programs to run: for the loss, and for its derivatives."""
        loss = self.simple if simple and self.simple else self.loss
        return loss, self.joint if joint else self.derivative


_OF_Z = " of z"  # the losses that apply the sigmoid or softmax themselves

LOSSES: dict[str, LossFormula] = {
    "mse": LossFormula(
        [Each("r", "y - t"), Total("loss", "r * r")],
        [Each("d", "k * r")],
        factor=2.0,
    ),
    "mae": LossFormula(
        [Each("r", "y - t"), Total("loss", "abs(r)")],
        [Each("d", "k if r > 0.0 else -k if r < 0.0 else 0.0")],
    ),
    "huber": LossFormula(
        [
            Each("r", "y - t"),
            # Within c, h is r and the loss r * r / 2; beyond it, the loss is c * (|r| - c / 2).
            Each("h", "r if -c <= r <= c else c if r > 0.0 else -c"),
            Total("loss", "h * (r - 0.5 * h)"),
        ],
        [Each("d", "k * h")],
        setting="delta",
    ),
    "hinge": LossFormula(
        [Each("h", "1.0 - t * y"), Total("loss", "0.0 if h <= 0.0 else h")],
        [Each("d", "-t * k if h > 0.0 else 0.0")],
    ),
    "bce": LossFormula(
        [
            Each("l", f"{LOWEST_LOG!r} if y < {_LEAST_BCE!r} else log(y)"),
            Each("m", "1.0 - y"),
            Each("m", f"{LOWEST_LOG!r} if m < {_LEAST_BCE!r} else log(m)"),
            Total("loss", "(t - 1.0) * m - t * l"),
        ],
        [Each("d", f"k * (y - t) / max(y * (1.0 - y), {SMALLEST_VARIANCE!r})")],
        joint=[Each("d", "k * (y - t)")],
        simple=[
            Each("l", "y if t else 1.0 - y"),
            Total("loss", f"{-LOWEST_LOG!r} if l < {_LEAST_BCE!r} else -log(l)"),
        ],
    ),
    "bce" + _OF_Z: LossFormula(
        [
            Each(
                "p",
                "1.0 / (1.0 + exp(-y)) if y >= 0.0 else exp(y) / (1.0 + exp(y))",
                "1.0 / (1.0 + exp(-y))",
            ),
            Total(
                "loss",
                "(y if y > 0.0 else 0.0) - y * t + log1p(exp(-abs(y)))",
                "(1.0 - t) * y - log(p)",
            ),
        ],
        [Each("d", "k * (p - t)")],
    ),
    "poisson": LossFormula(
        [
            Each("u", "exp(y)"),
            Total("loss", "u - t * y + (t * log(t) - t if t > 0.0 else 0.0)"),
        ],
        [Each("d", "k * (u - t)")],
    ),
    "ce": LossFormula(
        [
            Total("s", f"t * ({_LOWEST_CE!r} if y < {_LEAST_CE!r} else log(y))"),
            Let("loss", "-s"),
        ],
        [Each("d", f"-t * k / max(y, {_LEAST_CE!r})")],
        joint=[Total("right", "t"), Each("d", "k * (y * right - t)")],
        simple=[
            # All other targets are 0, so this sum is exactly the probability of the right class.
            Total("l", "t * y"),
            Let("loss", f"{-_LOWEST_CE!r} if l < {_LEAST_CE!r} else -log(l)"),
        ],
        mean=False,
    ),
    "ce" + _OF_Z: LossFormula(
        [
            Largest("top", "y"),
            Each("s", "y - top"),
            Each("u", "exp(s)"),
            Total("e", "u"),
            Total("right", "t"),
            Total("w", "t * s"),
            Let("loss", "right * log(e) - w"),
        ],
        [Each("d", "k * (u / e * right - t)")],
        mean=False,
    ),
}


# The classes of these losses.
KINDS: dict[str, Callable[..., Loss]] = {**OF_THE_LESSON, Poisson.name: Poisson}


def loss_formula(name: str, from_logits: bool) -> LossFormula:
    """Return the formula of the loss with this short name."""
    return LOSSES[name + _OF_Z if from_logits else name]
