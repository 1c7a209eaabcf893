"""Losses of classes that are hard to tell, or uncertain, or partly unknown.

BinaryFocal, Focal    of probabilities, most of which are easy to get right
CrossEntropy          of classes, with smoothed labels and rows that are ignored
"""

from __future__ import annotations

from math import exp, log
from sys import float_info

from ..checks.settings import flag, integer, number
from .activations import log_softmax, sigmoid, softmax
from .loss import Loss, check_classes, check_shares
from .matrix import Matrix, Row, Rows, Vector

LEAST_P = exp(-100.0)  # the least probability in a focal loss, as in BinaryCrossEntropy
LEAST_DIVISOR = 1e-12


class BinaryFocal(Loss):
    """−Σⱼ (tⱼ (1 − pⱼ)^γ log pⱼ + (1 − tⱼ) pⱼ^γ log(1 − pⱼ)) / m for m outputs; targets 0 to 1.

    What is already likely to be right hardly counts; γ = 0 is the binary cross-entropy. The outputs
    are probabilities, or with `from_logits=True` the sums z of p = sigmoid(z).
    Source: Lin, Goyal, Girshick, He and Dollár, Focal loss for dense object detection (2017),
    equation 4.

    >>> round(BinaryFocal(gamma=2.0)([[0.9]], [[1.0]]), 6)
    0.001054
    """

    name = "binary_focal"
    partner = "Sigmoid"

    def __init__(self, gamma: float = 2.0, from_logits: bool = False) -> None:
        self.gamma = number("BinaryFocal", "gamma", gamma, least=0)
        self.from_logits = flag("BinaryFocal", "from_logits", from_logits)

    def of_row(self, y: Row, t: Row) -> float:
        p = [sigmoid(z_j) for z_j in y] if self.from_logits else y
        losses = [
            -t_j * power(1.0 - p_j, self.gamma) * _log(p_j)
            - (1.0 - t_j) * power(p_j, self.gamma) * _log(1.0 - p_j)
            for p_j, t_j in zip(p, t)
        ]
        return sum(losses) / len(y)

    def row_derivative(self, y: Row, t: Row) -> Vector:
        """Return (t a(p) − (1 − t) a(1 − p)) / m, a(p) = γ (1−p)^(γ−1) log p − (1−p)^γ / p."""
        if self.from_logits:
            return self.logits_derivative([sigmoid(z_j) for z_j in y], t)
        return [
            (
                t_j * _slope(p_j, 1.0 - p_j, self.gamma)
                - (1.0 - t_j) * _slope(1.0 - p_j, p_j, self.gamma)
            )
            / len(y)
            for p_j, t_j in zip(y, t)
        ]

    def logits_derivative(self, p: Row, t: Row) -> Vector:
        """Return (t b(p) − (1 − t) b(1 − p)) / m, b(p) = (1 − p)^γ (γ p log p + p − 1).

        b(p) = a(p) p (1 − p), where the division by p cancels.
        """
        g = self.gamma
        return [
            (
                t_j * power(1.0 - p_j, g) * (g * p_j * _log(p_j) + p_j - 1.0)
                - (1.0 - t_j) * power(p_j, g) * (g * (1.0 - p_j) * _log(1.0 - p_j) - p_j)
            )
            / len(p)
            for p_j, t_j in zip(p, t)
        ]

    def check_target(self, t: Row) -> tuple[int, str] | None:
        return check_shares(t)


class Focal(Loss):
    """−Σⱼ tⱼ (1 − pⱼ)^γ log pⱼ for one sample; its targets are one-hot, or probabilities.

    `BinaryFocal` of classes. The outputs are probabilities, or with `from_logits=True` the sums z
    of p = softmax(z).

    >>> round(Focal(gamma=2.0)([[0.7, 0.2, 0.1]], [[1.0, 0.0, 0.0]]), 6)
    0.032101
    """

    name = "focal"
    partner = "Softmax"

    def __init__(self, gamma: float = 2.0, from_logits: bool = False) -> None:
        self.gamma = number("Focal", "gamma", gamma, least=0)
        self.from_logits = flag("Focal", "from_logits", from_logits)

    def of_row(self, y: Row, t: Row) -> float:
        p = softmax(y) if self.from_logits else y
        return -sum([t_j * power(1.0 - p_j, self.gamma) * _log(p_j) for p_j, t_j in zip(p, t)])

    def row_derivative(self, y: Row, t: Row) -> Vector:
        """Return t (γ (1−p)^(γ−1) log p − (1−p)^γ / p)."""
        if self.from_logits:
            return self.logits_derivative(softmax(y), t)
        return [t_j * _slope(p_j, 1.0 - p_j, self.gamma) for p_j, t_j in zip(y, t)]

    def logits_derivative(self, p: Row, t: Row) -> Vector:
        """Return w − p Σw with w = t (γ p (1−p)^(γ−1) log p − (1−p)^γ), p times dL/dp."""
        g = self.gamma
        w = [
            t_j * (g * p_j * power(1.0 - p_j, g - 1.0) * _log(p_j) - power(1.0 - p_j, g))
            for p_j, t_j in zip(p, t)
        ]
        total = sum(w)
        return [w_j - p_j * total for w_j, p_j in zip(w, p)]

    def check_target(self, t: Row) -> tuple[int, str] | None:
        return check_classes(t)


class CrossEntropy(Loss):
    """−Σⱼ uⱼ log pⱼ for one sample, u = (1 − s) t + s / m: the cross-entropy of smoothed labels.

    The targets t are class numbers, one-hot or probabilities; s is `label_smoothing`. Where the
    class number is `ignore_index`, the row weighs nothing: it has no target (t = 0), and the mean
    is over the other rows. The outputs are probabilities p, or with `from_logits=True` the sums z
    of p = softmax(z).
    Source: Szegedy et al., Rethinking the inception architecture (2016), section 7;
    torch.nn.CrossEntropyLoss.

    >>> round(CrossEntropy(label_smoothing=0.3)([[0.7, 0.2, 0.1]], [[1.0, 0.0, 0.0]]), 6)
    0.676542
    """

    name = "cross_entropy"
    partner = "Softmax"

    def __init__(
        self, label_smoothing: float = 0.0, ignore_index: int = -100, from_logits: bool = False
    ) -> None:
        who = "CrossEntropy"
        self.label_smoothing = number(who, "label_smoothing", label_smoothing, least=0, below=1)
        self.ignore_index = integer(who, "ignore_index", ignore_index, least=-(2**62))
        self.from_logits = flag(who, "from_logits", from_logits)

    def weights(self, T: Rows, sample_weight: Row | None = None) -> Row | None:
        """Return the sample weights, 0 for rows without a target; None if all weigh the same."""
        if all(map(any, T)):
            return sample_weight
        return [w * any(t) for w, t in zip(sample_weight or [1.0] * len(T), T)]

    def smoothed(self, t: Row) -> Vector:
        """Return u = (1 − s) t + s Σt / m: zeros for a row without a target."""
        low = self.label_smoothing * sum(t) / len(t)
        return [(1.0 - self.label_smoothing) * t_j + low for t_j in t]

    def of_row(self, y: Row, t: Row) -> float:
        if self.from_logits:
            log_p: list[float] = log_softmax(y)
        else:
            log_p = [log(max(p_j, float_info.min)) for p_j in y]
        return -sum([u_j * log_p_j for log_p_j, u_j in zip(log_p, self.smoothed(t)) if u_j])

    def row_derivative(self, y: Row, t: Row) -> Vector:
        """Return −u / p; of logits, p Σt − u."""
        if self.from_logits:
            return self.logits_derivative(softmax(y), t)
        return [-u_j / max(p_j, float_info.min) for p_j, u_j in zip(y, self.smoothed(t))]

    def logits_derivative(self, p: Row, t: Row) -> Vector:
        """Return p Σt − u, as for CategoricalCrossEntropy: Σu = Σt."""
        total = sum(t)
        return [p_j * total - u_j for p_j, u_j in zip(p, self.smoothed(t))]

    def check_target(self, t: Row) -> tuple[int, str] | None:
        return check_classes(t) if any(t) else None

    def __call__(self, Y: Rows, T: Rows, sample_weight: Row | None = None) -> float:
        return super().__call__(Y, T, self.weights(T, sample_weight))

    def gradient(self, Y: Rows, T: Rows, sample_weight: Row | None = None) -> Matrix:
        return super().gradient(Y, T, self.weights(T, sample_weight))

    def logits_gradient(self, P: Rows, T: Rows, sample_weight: Row | None = None) -> Matrix:
        return super().logits_gradient(P, T, self.weights(T, sample_weight))


def _log(p: float) -> float:
    return log(max(p, LEAST_P))


def power(p: float, g: float) -> float:
    """Return p^g, for a p of at least e⁻¹⁰⁰."""
    return exp(g * _log(p))


def _slope(p: float, q: float, g: float) -> float:
    """Return g q^(g−1) log p − q^g / p, with q = 1 − p: the derivative of −q^g log p by p."""
    return g * power(q, g - 1.0) * _log(p) - power(q, g) / max(p, LEAST_DIVISOR)
