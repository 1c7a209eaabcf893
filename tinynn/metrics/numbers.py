"""How good predicted numbers are; arguments are always (targets, predictions)."""

from __future__ import annotations

from math import isfinite

from ..errors import DataError
from .arguments import mean, number_columns, sample_weights


def mean_squared_error(targets: object, predictions: object, sample_weight: object = None) -> float:
    """Return the mean of (p − t)², over samples and outputs, in squared units of the targets.

    Targets and predictions: rows, or flat for one output; sample_weight: one weight per sample.

    >>> mean_squared_error([1.0, 2.0], [[1.0], [4.0]])
    2.0
    """
    columns = number_columns(targets, predictions)
    weights = sample_weights(sample_weight, columns[0][0])
    return mean([mean([(p - t) * (p - t) for t, p in zip(*c)], weights) for c in columns], None)


def mean_absolute_error(
    targets: object, predictions: object, sample_weight: object = None
) -> float:
    """Return the mean of |p − t|, over samples and outputs, in the units of the targets.

    Targets and predictions: rows, or flat for one output; sample_weight: one weight per sample.

    >>> mean_absolute_error([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    columns = number_columns(targets, predictions)
    weights = sample_weights(sample_weight, columns[0][0])
    return mean([mean([abs(p - t) for t, p in zip(*c)], weights) for c in columns], None)


def r2_score(targets: object, predictions: object, sample_weight: object = None) -> float:
    """Return R² = 1 − Σ w (t − p)² / Σ w (t − mean t)², the share of the variance explained.

    1 is perfect, 0 as good as always predicting the mean, below 0 worse. With several outputs, it
    is the mean of their R². Constant targets have no variance: 1.0 if predicted exactly, else 0.0.

    Raises DataError for numbers whose squares do not fit a float.

    >>> r2_score([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])  # scikit-learn's own example
    0.9486081370449679
    """
    columns = number_columns(targets, predictions)
    weights = sample_weights(sample_weight, columns[0][0])
    scores = []
    for j, (t, p) in enumerate(columns):
        center = mean(t, weights)
        left = mean([(a - b) * (a - b) for a, b in zip(t, p)], weights)
        spread = mean([(a - center) * (a - center) for a in t], weights)
        if not isfinite(left + spread):
            raise DataError(
                f"r2_score needs numbers whose squares fit a float, got larger ones in column {j}"
            )
        scores.append(1.0 - left / spread if spread else float(not left))
    return mean(scores, None)
