"""The loss of counts, which needs a network whose outputs are logarithms of what it expects."""

from __future__ import annotations

from math import exp, log

from ..lesson.loss import Loss
from ..lesson.matrix import Row, Vector


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
