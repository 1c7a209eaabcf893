"""Clipping: gradients that are too large are reduced before an update."""

from __future__ import annotations

from math import hypot

from ..checks.settings import number
from .matrix import Matrix, Rows


def clip_by_value(rows: Rows, limit: float) -> Matrix:
    """Return `rows` with every number clipped to −limit … limit; NaN stays NaN.

    Raises SettingError unless limit is above 0.

    >>> clip_by_value([[-3.0, 0.5, 2.0]], limit=1.0)
    [[-1.0, 0.5, 1.0]]
    """
    limit = number("clip_by_value", "limit", limit, above=0)
    # With the arguments in this order, min and max let NaN through: divergence stays visible.
    return [[max(min(x, limit), -limit) for x in row] for row in rows]


def global_norm(rows: Rows) -> float:
    """Return √Σ x² over all numbers in all rows, without intermediate overflow.

    >>> global_norm([[3.0], [4.0]])
    5.0
    """
    return hypot(*[hypot(*row) for row in rows])


def clip_by_norm(rows: Rows, limit: float) -> Matrix:
    """Return factor · `rows`, with a global norm of at most `limit` and the same direction.

    `rows` are all the rows of all the gradients of a network.

        factor = min(1, limit / (norm + 10⁻⁶))

    Raises SettingError unless limit is above 0.

    Source: R. Pascanu, T. Mikolov and Y. Bengio, On the difficulty of training recurrent neural
    networks (2013), algorithm 1; torch.nn.utils.clip_grad_norm_.
    """
    limit = number("clip_by_norm", "limit", limit, above=0)
    factor = min(limit / (global_norm(rows) + 1e-6), 1.0)
    return [[factor * x for x in row] for row in rows]
