"""Losses: how far outputs are from targets, and the derivatives by the outputs.

MeanSquaredError, MeanAbsoluteError, Huber     of numbers
BinaryCrossEntropy, CategoricalCrossEntropy    of probabilities
Hinge                                          of scores for classes -1 and 1

More are in more_losses.py. What they share is in loss.py: the loss of a batch is the mean of its
samples' losses. A NaN among the outputs makes the loss NaN. The order of the arguments of min and
max makes sure of that: both return the first one if they cannot compare.
"""

from __future__ import annotations

from math import exp, log, log1p
from sys import float_info

from ..checks.settings import find, flag, number, rebuild
from .activations import log_softmax, sigmoid, softmax
from .loss import Loss, check_classes, check_shares
from .matrix import Row, Vector
from .more_losses import MORE_LOSSES

LOWEST_LOG = -100.0  # as in PyTorch's BCELoss: the log of a probability that has rounded to 0

SMALLEST_VARIANCE = 1e-12  # as in PyTorch's BCELoss: the least p (1 − p) that it divides by


class MeanSquaredError(Loss):
    """Σⱼ (yⱼ − tⱼ)² / m for a sample with m outputs. Source: Gauss (1809), Legendre (1805).

    >>> MeanSquaredError()([[1.0, 2.0]], [[0.0, 4.0]])
    2.5
    """

    name = "mse"

    def of_row(self, y: Row, t: Row) -> float:
        return sum([(y_j - t_j) * (y_j - t_j) for y_j, t_j in zip(y, t)]) / len(y)

    def row_derivative(self, y: Row, t: Row) -> Vector:
        """Return 2 (y − t) / m."""
        return [2.0 * (y_j - t_j) / len(y) for y_j, t_j in zip(y, t)]


class MeanAbsoluteError(Loss):
    """Σⱼ |yⱼ − tⱼ| / m for a sample with m outputs.

    >>> MeanAbsoluteError()([[1.0, 2.0]], [[0.0, 4.0]])
    1.5
    """

    name = "mae"

    def of_row(self, y: Row, t: Row) -> float:
        return sum([abs(y_j - t_j) for y_j, t_j in zip(y, t)]) / len(y)

    def row_derivative(self, y: Row, t: Row) -> Vector:
        """Return the sign of y − t, over m (0 where y = t)."""
        return [((y_j > t_j) - (y_j < t_j)) / len(y) for y_j, t_j in zip(y, t)]


class Huber(Loss):
    """Squared near the target, absolute far from it, over m outputs: with d = |y − t|

    d² / 2 where d ≤ δ, else δ (d − δ / 2). Source: Huber (1964).

    >>> Huber(delta=1.0)([[0.5], [3.0]], [[0.0], [0.0]])
    1.3125
    """

    name = "huber"

    def __init__(self, delta: float = 1.0) -> None:
        self.delta = number("Huber", "delta", delta, above=0)

    def of_row(self, y: Row, t: Row) -> float:
        delta = self.delta
        distances = [abs(y_j - t_j) for y_j, t_j in zip(y, t)]
        return sum(
            [0.5 * d * d if d <= delta else delta * (d - 0.5 * delta) for d in distances]
        ) / len(y)

    def row_derivative(self, y: Row, t: Row) -> Vector:
        """Return y − t, limited to the range from −δ to δ, over m."""
        delta = self.delta
        return [max(min(y_j - t_j, delta), -delta) / len(y) for y_j, t_j in zip(y, t)]


class BinaryCrossEntropy(Loss):
    """−Σⱼ (tⱼ log pⱼ + (1 − tⱼ) log(1 − pⱼ)) / m for a sample with m outputs; targets from 0 to 1.

    The outputs are probabilities p, or with `from_logits=True` the sums z of p = sigmoid(z), where
    the same loss is max(z, 0) − z t + log(1 + e^−|z|), finite for every z.

    >>> round(BinaryCrossEntropy()([[0.9]], [[1.0]]), 6)
    0.105361
    """

    name = "bce"
    partner = "Sigmoid"

    def __init__(self, from_logits: bool = False) -> None:
        self.from_logits = flag(type(self).__name__, "from_logits", from_logits)

    def of_row(self, y: Row, t: Row) -> float:
        if self.from_logits:
            losses = [max(z_j, 0.0) - z_j * t_j + log1p(exp(-abs(z_j))) for z_j, t_j in zip(y, t)]
        else:
            losses = [
                -(t_j * _limited_log(p_j) + (1.0 - t_j) * _limited_log(1.0 - p_j))
                for p_j, t_j in zip(y, t)
            ]
        return sum(losses) / len(y)

    def row_derivative(self, y: Row, t: Row) -> Vector:
        """Return (p − t) / (p (1 − p)) / m; of logits, (p − t) / m."""
        if self.from_logits:
            return self.logits_derivative([sigmoid(z_j) for z_j in y], t)
        return [
            (p_j - t_j) / max(p_j * (1.0 - p_j), SMALLEST_VARIANCE) / len(y)
            for p_j, t_j in zip(y, t)
        ]

    def logits_derivative(self, p: Row, t: Row) -> Vector:
        """Return (p − t) / m: the sigmoid's p (1 − p) cancels."""
        return [(p_j - t_j) / len(p) for p_j, t_j in zip(p, t)]

    def check_target(self, t: Row) -> tuple[int, str] | None:
        return check_shares(t)


class CategoricalCrossEntropy(Loss):
    """−Σⱼ tⱼ log pⱼ for one sample; its targets are one-hot, or probabilities that sum to 1.

    The outputs are probabilities p, or with `from_logits=True` the sums z of p = softmax(z) (also
    after a LogSoftmax layer, since softmax(log p) = p).

    >>> round(CategoricalCrossEntropy()([[0.7, 0.2, 0.1]], [[1.0, 0.0, 0.0]]), 6)
    0.356675
    """

    name = "ce"
    partner = "Softmax"

    def __init__(self, from_logits: bool = False) -> None:
        self.from_logits = flag(type(self).__name__, "from_logits", from_logits)

    def of_row(self, y: Row, t: Row) -> float:
        if self.from_logits:
            log_p: list[float] = log_softmax(y)
        else:
            log_p = [log(max(p_j, float_info.min)) for p_j in y]
        return -sum([t_j * log_p_j for log_p_j, t_j in zip(log_p, t) if t_j])

    def row_derivative(self, y: Row, t: Row) -> Vector:
        """Return −t / p; of logits, p Σt − t."""
        if self.from_logits:
            return self.logits_derivative(softmax(y), t)
        return [-t_j / max(p_j, float_info.min) for p_j, t_j in zip(y, t)]

    def logits_derivative(self, p: Row, t: Row) -> Vector:
        """Return p Σt − t: −Σⱼ (tⱼ/pⱼ) pⱼ (δᵢⱼ − pᵢ) = pᵢ Σⱼ tⱼ − tᵢ, where Σt is 1."""
        total = sum(t)
        return [p_j * total - t_j for p_j, t_j in zip(p, t)]

    def check_target(self, t: Row) -> tuple[int, str] | None:
        return check_classes(t)


class Hinge(Loss):
    """Σⱼ max(0, 1 − tⱼ yⱼ) / m for a sample with m outputs; targets are −1 or 1.

    Source: Cortes and Vapnik (1995).

    >>> Hinge()([[0.5], [2.0]], [[1.0], [1.0]])
    0.25
    """

    name = "hinge"

    def of_row(self, y: Row, t: Row) -> float:
        return sum([max(1.0 - t_j * y_j, 0.0) for y_j, t_j in zip(y, t)]) / len(y)

    def row_derivative(self, y: Row, t: Row) -> Vector:
        """Return −t / m where t y < 1, else 0."""
        return [-t_j / len(y) if t_j * y_j < 1.0 else 0.0 for y_j, t_j in zip(y, t)]

    def check_target(self, t: Row) -> tuple[int, str] | None:
        for j, t_j in enumerate(t):
            if t_j not in (-1.0, 1.0):
                return j, "targets of -1 or 1"
        return None


def _limited_log(p: float) -> float:
    return LOWEST_LOG if p <= 0.0 else max(log(p), LOWEST_LOG)


LOSSES: dict[str, type[Loss]] = {
    loss.name: loss
    for loss in (
        MeanSquaredError, MeanAbsoluteError, Huber, BinaryCrossEntropy, CategoricalCrossEntropy,
        Hinge,
    )
}  # fmt: skip
LOSSES.update({loss.name: loss for loss in MORE_LOSSES})


def by_name(loss: str | Loss) -> Loss:
    """Return the loss with this short name and default settings; a Loss as it is.

    Raises SettingError, listing the known names and the nearest one, for anything else.

    >>> by_name("huber")
    Huber(delta=1.0)
    """
    return find(Loss, LOSSES, loss)


def from_dict(data: object) -> Loss:
    """Return the loss whose `to_dict()` is `data`; raises FormatError or SettingError."""
    return rebuild(Loss, LOSSES, data)
