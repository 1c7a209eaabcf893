"""Losses: how far outputs are from targets, and the derivative of that by each output.

The loss of a batch is the mean of the losses of its samples. With sample weights w it is the
weighted mean Σᵢ wᵢ lᵢ / Σᵢ wᵢ, so that a weight of 2 counts a sample twice. An output that is not
a number makes the loss NaN: it is never hidden (which the order of the arguments of min and max
sees to: both return their first one where they cannot tell).
"""

from __future__ import annotations

from math import exp, log, log1p
from sys import float_info
from typing import Dict, List, Optional, Sequence, Tuple, Type, Union

from .activations import log_softmax, sigmoid, softmax
from .errors import ShapeError
from .matrix import Matrix, Row, Rows, Vector, shape
from .settings import Configured, find, flag, number, rebuild

LOWEST_LOG = -100.0  # as in PyTorch's BCELoss: the log of a probability that has rounded to 0
SMALLEST_VARIANCE = 1e-12  # as in PyTorch's BCELoss: the least p (1 − p) that it divides by


class Loss(Configured):
    """What every loss has in common: the mean over a batch.

    A loss states `of_row`, the loss of one sample, and `row_derivative`, its derivative by each
    output. `from_logits` is True for a loss that applies the sigmoid or softmax itself. `partner`
    names the layer whose derivative cancels against the loss's (see `logits_derivative`).
    """

    partner: Optional[str] = None
    from_logits = False

    def of_row(self, y: Row, t: Row) -> float:
        """Return the loss of one sample with outputs y and targets t."""
        raise NotImplementedError

    def row_derivative(self, y: Row, t: Row) -> Vector:
        """Return the derivative of `of_row` by each output."""
        raise NotImplementedError

    def logits_derivative(self, p: Row, t: Row) -> Vector:
        """Return the derivative by z where p = partner(z): both derivatives in one."""
        raise NotImplementedError

    def check_target(self, t: Row) -> Optional[Tuple[int, str]]:
        """Return (column, what is wanted there) if this loss cannot take the targets t, or None."""
        return None

    def __call__(self, Y: Rows, T: Rows, sample_weight: Optional[Row] = None) -> float:
        """Return the mean loss of outputs Y against targets T, both samples × outputs.

        A sample of weight 0 does not count, even if its own loss is infinite.

        Raises ShapeError unless there is a target for each output, and at least one of them.
        """
        shares = _shares(Y, T, sample_weight)
        return sum([share * self.of_row(y, t) for share, y, t in zip(shares, Y, T) if share], 0.0)

    def gradient(self, Y: Rows, T: Rows, sample_weight: Optional[Row] = None) -> Matrix:
        """Return dL/dY of the mean loss, of Y's shape."""
        shares = _shares(Y, T, sample_weight)
        return [[share * d for d in self.row_derivative(y, t)] for share, y, t in zip(shares, Y, T)]

    def logits_gradient(self, P: Rows, T: Rows, sample_weight: Optional[Row] = None) -> Matrix:
        """Return dL/dZ where P = partner(Z), as one formula that never divides by P."""
        shares = _shares(P, T, sample_weight)
        return [
            [share * d for d in self.logits_derivative(p, t)] for share, p, t in zip(shares, P, T)
        ]


def _shares(Y: Rows, T: Rows, sample_weight: Optional[Row]) -> Sequence[float]:
    """Return the share of each sample in the mean: 1/n, or its weight over the sum of weights."""
    rows, columns = shape(Y)
    if shape(T) != (rows, columns):
        raise ShapeError(
            f"a loss needs a target for each output, got outputs ({rows}, {columns}) "
            f"and targets {shape(T)}"
        )
    if not (rows and columns):
        raise ShapeError(f"a loss needs at least one row and one output, got ({rows}, {columns})")
    if sample_weight is None:
        return [1.0 / rows] * rows
    if len(sample_weight) != rows:
        raise ShapeError(
            f"a loss needs one sample weight per row, got {len(sample_weight)} for {rows} rows"
        )
    total = sum(sample_weight)
    return [weight / total if total else 0.0 for weight in sample_weight]


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

    def check_target(self, t: Row) -> Optional[Tuple[int, str]]:
        for j, t_j in enumerate(t):
            if not 0.0 <= t_j <= 1.0:
                return j, "targets between 0 and 1"
        return None


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
            log_p: List[float] = log_softmax(y)
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

    def check_target(self, t: Row) -> Optional[Tuple[int, str]]:
        for j, t_j in enumerate(t):
            if not 0.0 <= t_j <= 1.0:
                return j, "probabilities between 0 and 1 (one_hot(classes) makes them)"
        if abs(sum(t) - 1.0) > 1e-6:
            return len(t) - 1, f"targets that sum to 1 in each row, not {sum(t):.6g}"
        return None


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

    def check_target(self, t: Row) -> Optional[Tuple[int, str]]:
        for j, t_j in enumerate(t):
            if t_j not in (-1.0, 1.0):
                return j, "targets of -1 or 1"
        return None


def _limited_log(p: float) -> float:
    return LOWEST_LOG if p <= 0.0 else max(log(p), LOWEST_LOG)


LOSSES: Dict[str, Type[Loss]] = {
    loss.name: loss
    for loss in (
        MeanSquaredError, MeanAbsoluteError, Huber, BinaryCrossEntropy, CategoricalCrossEntropy,
        Hinge,
    )
}  # fmt: skip


def by_name(loss: Union[str, Loss]) -> Loss:
    """Return the loss with this short name, or `loss` itself if it is one already.

    Raises SettingError, with the names there are, for any other.

    >>> by_name("huber")
    Huber(delta=1.0)
    """
    return find(Loss, LOSSES, loss)


def from_dict(data: object) -> Loss:
    """Return the loss whose `to_dict()` is `data`; raises FormatError or SettingError."""
    return rebuild(Loss, LOSSES, data)
