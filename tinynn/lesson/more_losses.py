"""More losses, each with its derivative by the outputs.

Quantile, LogCosh and Poisson are of numbers; those of classes are in class_losses.py. As in
losses.py, the loss of a batch is the mean of its samples' losses.
"""

from __future__ import annotations

from math import exp, log, log1p, tanh

from ..checks.settings import number
from .class_losses import BinaryFocal, CrossEntropy, Focal
from .loss import Loss
from .matrix import Row, Vector

LOG_2 = 0.6931471805599453


class Quantile(Loss):
    """Σⱼ max(q (tⱼ − yⱼ), (q − 1) (tⱼ − yⱼ)) / m: the outputs become the q-quantiles of targets.

    With q = 0.9, say, 9 of 10 targets will be below the output; q = 1/2 is half the absolute error.
    Source: Koenker and Bassett, Regression quantiles (1978).

    >>> round(Quantile(0.9)([[1.0], [1.0]], [[2.0], [0.0]]), 6)
    0.5
    """

    name = "quantile"

    def __init__(self, q: float = 0.5) -> None:
        self.q = number("Quantile", "q", q, above=0, below=1)

    def of_row(self, y: Row, t: Row) -> float:
        q = self.q
        away = [y_j - t_j for y_j, t_j in zip(y, t)]
        return sum([(1.0 - q) * r if r > 0.0 else -q * r for r in away]) / len(y)

    def row_derivative(self, y: Row, t: Row) -> Vector:
        """Return (1 − q) / m where y > t, −q / m where y < t, and 0 where they are equal."""
        q = self.q
        return [
            ((1.0 - q) if y_j > t_j else -q if y_j < t_j else 0.0) / len(y)
            for y_j, t_j in zip(y, t)
        ]


class LogCosh(Loss):
    """Σⱼ log cosh(yⱼ − tⱼ) / m: half the square near the target, absolute far from it.

    log cosh r = |r| + log(1 + e^−2|r|) − log 2, which cannot overflow.

    >>> round(LogCosh()([[1.0]], [[0.0]]), 6)
    0.433781
    """

    name = "log_cosh"

    def of_row(self, y: Row, t: Row) -> float:
        away = [abs(y_j - t_j) for y_j, t_j in zip(y, t)]
        return sum([r + log1p(exp(-2.0 * r)) - LOG_2 for r in away]) / len(y)

    def row_derivative(self, y: Row, t: Row) -> Vector:
        """Return tanh(y − t) / m: sinh / cosh."""
        return [tanh(y_j - t_j) / len(y) for y_j, t_j in zip(y, t)]


class Poisson(Loss):
    """Half the Poisson deviance: Σⱼ (e^zⱼ − tⱼ zⱼ + tⱼ log tⱼ − tⱼ) / m for m outputs z.

    The outputs are the logarithms of what is expected; targets are counts or other numbers of at
    least 0. Up to a constant it is the negative logarithm of the probability of t.
    Source: P. McCullagh and J. Nelder, Generalized linear models (1989), section 6.2.

    >>> round(Poisson()([[0.0]], [[2.0]]), 6)
    0.386294
    """

    name = "poisson"

    def of_row(self, y: Row, t: Row) -> float:
        losses = [
            exp(z_j) - t_j * z_j + (t_j * log(t_j) - t_j if t_j else 0.0) for z_j, t_j in zip(y, t)
        ]
        return sum(losses) / len(y)

    def row_derivative(self, y: Row, t: Row) -> Vector:
        """Return (e^z − t) / m."""
        return [(exp(z_j) - t_j) / len(y) for z_j, t_j in zip(y, t)]

    def check_target(self, t: Row) -> tuple[int, str] | None:
        """Targets are at least 0."""
        for j, t_j in enumerate(t):
            if t_j < 0.0:
                return j, "targets of at least 0"
        return None


MORE_LOSSES: tuple[type[Loss], ...] = (Quantile, LogCosh, Poisson, BinaryFocal, Focal, CrossEntropy)
