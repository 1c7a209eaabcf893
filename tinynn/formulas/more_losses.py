"""The losses of lesson/more_losses.py and class_losses.py as row programs.

The names are those of losses.py.
"""

from __future__ import annotations

from math import log
from sys import float_info

from ..lesson.class_losses import LEAST_DIVISOR, LEAST_P
from ..lesson.more_losses import LOG_2
from .programs import Assignment, Each, Largest, Let, LossFormula, Program, Total

_LEAST_CE = float_info.min
_LOWEST_CE = log(_LEAST_CE)
_OF_Z = " of z"


def _binary_focal(p: str) -> tuple[Program, Program, Program]:
    """Return the programs for probabilities p: the loss, its derivative by p, and that by z."""
    loss = [
        Each("m", f"1.0 - {p}"),
        Each("l", f"log(max({p}, {LEAST_P!r}))"),
        Each("o", f"log(max(m, {LEAST_P!r}))"),
        Each("a", "exp(c * o)"),
        Each("b", "exp(c * l)"),
        Total("loss", "(t - 1.0) * b * o - t * a * l"),
    ]
    by_p = [
        Each("v", f"c * exp((c - 1.0) * o) * l - a / max({p}, {LEAST_DIVISOR!r})"),
        Each("w", f"c * exp((c - 1.0) * l) * o - b / max(m, {LEAST_DIVISOR!r})"),
        Each("d", "k * (t * v + (t - 1.0) * w)"),
    ]
    by_z = [
        Each("d", f"k * (t * a * (c * {p} * l - m) + (t - 1.0) * b * (c * m * o - {p}))"),
    ]
    return loss, by_p, by_z


def _focal(p: str) -> tuple[Program, Program, Program]:
    """Return the programs for probabilities p: the loss, its derivative by p, and that by z."""
    loss: list[Assignment] = [
        Each("l", f"log(max({p}, {LEAST_P!r}))"),
        Each("o", f"log(max(1.0 - {p}, {LEAST_P!r}))"),
        Each("a", "exp(c * o)"),
        Total("s", "t * (a * l)"),
        Let("loss", "-s"),
    ]
    by_p = [
        Each("v", f"c * exp((c - 1.0) * o) * l - a / max({p}, {LEAST_DIVISOR!r})"),
        Each("d", "k * t * v"),
    ]
    by_z = [
        Each("w", f"t * (c * {p} * exp((c - 1.0) * o) * l - a)"),
        Total("sum_w", "w"),
        Each("d", f"k * (w - {p} * sum_w)"),
    ]
    return loss, by_p, by_z


_SIGMOID = [Each("p", "1.0 / (1.0 + exp(-y)) if y >= 0.0 else exp(y) / (1.0 + exp(y))")]
_SOFTMAX: list[Assignment] = [
    Largest("top", "y"),
    Each("p", "exp(y - top)"),
    Total("e", "p"),
    Each("p", "p / e"),
]
_SMOOTHED: list[Assignment] = [
    Total("right", "t"),
    Total("columns", "1.0 + 0.0 * t"),
    Let("low", "c * right / columns"),
    Each("q", "(1.0 - c) * t + low"),
]
_binary, _binary_z = _binary_focal("y"), _binary_focal("p")
_classes, _classes_z = _focal("y"), _focal("p")

MORE_LOSSES: dict[str, LossFormula] = {
    "quantile": LossFormula(
        [Each("r", "y - t"), Total("loss", "(1.0 - c) * r if r > 0.0 else -c * r")],
        [Each("d", "k * (1.0 - c) if r > 0.0 else -k * c if r < 0.0 else 0.0")],
        setting="q",
    ),
    "log_cosh": LossFormula(
        [
            Each("r", "y - t"),
            Each("a", "abs(r)"),
            Total("loss", f"a + log1p(exp(-2.0 * a)) - {LOG_2!r}"),
        ],
        [Each("d", "k * tanh(r)")],
    ),
    "poisson": LossFormula(
        [
            Each("u", "exp(y)"),
            Total("loss", "u - t * y + (t * log(t) - t if t > 0.0 else 0.0)"),
        ],
        [Each("d", "k * (u - t)")],
    ),
    "binary_focal": LossFormula(*_binary, setting="gamma"),
    "binary_focal" + _OF_Z: LossFormula([*_SIGMOID, *_binary_z[0]], _binary_z[2], setting="gamma"),
    "focal": LossFormula(*_classes, mean=False, setting="gamma"),
    "focal" + _OF_Z: LossFormula(
        [*_SOFTMAX, *_classes_z[0]], _classes_z[2], mean=False, setting="gamma"
    ),
    "cross_entropy": LossFormula(
        [
            *_SMOOTHED,
            Total("s", f"q * ({_LOWEST_CE!r} if y < {_LEAST_CE!r} else log(y))"),
            Let("loss", "-s"),
        ],
        [Each("d", f"-q * k / max(y, {_LEAST_CE!r})")],
        joint=[Each("d", "k * (y * right - q)")],
        mean=False,
        setting="label_smoothing",
    ),
    "cross_entropy" + _OF_Z: LossFormula(
        [
            *_SMOOTHED,
            Largest("top", "y"),
            Each("s", "y - top"),
            Each("u", "exp(s)"),
            Total("e", "u"),
            Total("w", "q * s"),
            Let("loss", "right * log(e) - w"),
        ],
        [Each("d", "k * (u / e * right - q)")],
        mean=False,
        setting="label_smoothing",
    ),
}
