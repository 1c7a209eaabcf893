"""The losses of lesson/losses.py as row programs, for one sample.

Those of lesson/more_losses.py are in more_losses.py.

y are the outputs, t the targets, and c is the loss's setting; the results are `loss` and the row d,
its derivative by y. k is a factor of the derivatives: the sample's share in the batch times
`LossFormula.factor`. Logarithms are limited as in the lesson.
"""

from __future__ import annotations

from math import exp, log
from sys import float_info

from ..lesson.losses import LOWEST_LOG, SMALLEST_VARIANCE
from .more_losses import MORE_LOSSES
from .programs import Each, Largest, Let, LossFormula, Total

# The probabilities at which logarithms are limited, and the lowest logarithm.
_LEAST_BCE, _LEAST_CE = exp(LOWEST_LOG), float_info.min
_LOWEST_CE = log(_LEAST_CE)


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
    **MORE_LOSSES,
}


def loss_formula(name: str, from_logits: bool) -> LossFormula:
    """Return the formula of the loss with this short name."""
    return LOSSES[formula_name(name, from_logits)]


def has_formula(name: str, from_logits: bool) -> bool:
    """Return whether the loss with this short name has a formula."""
    return formula_name(name, from_logits) in LOSSES


def formula_name(name: str, from_logits: bool) -> str:
    """Return the name of a loss's formula, which may be another one for logits."""
    return name + _OF_Z if from_logits else name
