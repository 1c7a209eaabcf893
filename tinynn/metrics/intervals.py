"""How certain a score of a test is: intervals that hold the true score in 95% of tests, and the
chance of a difference between equally good models.

wilson_interval    of a share, such as accuracy
f1_interval        of F1
auc_interval       of the area under the ROC curve
averaged_interval  of the mean of several scores, from their own intervals
loss_interval      of the mean of losses
r2_interval        of R²
folds_interval     of the mean score of a cross-validation
mean_p_value       of the difference of two models' losses, row by row
compared           of the number of rows in which one of two models alone is better

All are formulas, without random numbers: the same test always has the same interval.
"""

from __future__ import annotations

from math import atan, comb, cos, erfc, exp, fsum, hypot, isfinite, pi, sin, sqrt
from typing import NamedTuple, Sequence, Tuple

from .arguments import mean

Interval = Tuple[float, float]

Z = 1.959963984540054  # the normal distribution has 95% of its mass within ±Z


def wilson_interval(hits: float, rows: float) -> Interval:
    """Return the interval of a share of `hits` in `rows` independent rows.

    It has width even where all rows were hits. Source: E. B. Wilson (1927); R. G. Newcombe,
    Statistics in Medicine 17 (1998), 857-872, method 3.

    >>> [round(end, 4) for end in wilson_interval(81, 263)]  # Newcombe's example
    [0.2553, 0.3662]
    """
    share, square = hits / rows, Z * Z
    middle = (share + square / (2 * rows)) / (1 + square / rows)
    half = Z * sqrt(share * (1 - share) / rows + square / (4 * rows * rows)) / (1 + square / rows)
    return min(max(middle - half, 0.0), share), max(min(middle + half, 1.0), share)


def f1_interval(hits: int, misses: int) -> Interval:
    """Return the interval of F1 = 2 TP / (2 TP + FP + FN), of TP hits and FP + FN misses.

    F1 = 2 s / (1 + s) for the share s = TP / (TP + FP + FN), whose interval is Wilson's. Source:
    K. F. Y. Lam, V. Gopal and J. Qian (2023), arXiv 2309.14621, "Wilson indirect".
    """
    low, high = wilson_interval(hits, hits + misses)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def auc_interval(area: float, positives: int, negatives: int) -> Interval:
    """Return the interval of an area under the ROC curve.

    Its ends A solve |A − area| = Z √V(A), with Hanley's and McNeil's variance
    V(A) = A (1 − A) (1 + N (1 − A) / (2 − A) + N A / (1 + A)) / (n₊ n₋), N = (n₊ + n₋) / 2 − 1.
    Source: R. G. Newcombe, Statistics in Medicine 25 (2006), 559-573, method 5.
    """
    both = 0.5 * (positives + negatives) - 1

    def beyond(end: float) -> bool:
        spread = 1 + both * (1 - end) / (2 - end) + both * end / (1 + end)
        variance = end * (1 - end) * spread / (positives * negatives)
        return abs(end - area) > Z * sqrt(variance)

    def solved(outer: float) -> float:
        inner = area
        for _ in range(50):  # halvings: to the last digit of a float
            half = 0.5 * (inner + outer)
            inner, outer = (inner, half) if beyond(half) else (half, outer)
        return 0.5 * (inner + outer)

    return solved(0.0), solved(1.0)


def averaged_interval(scores: Sequence[float], intervals: Sequence[Interval]) -> Interval:
    """Return the interval of the mean of scores with these intervals, as if independent.

    Each end is √Σ (scoreᵢ − endᵢ)² / k away from the mean. Source: G. Y. Zou and A. Donner,
    Statistics in Medicine 27 (2008), 1693-1702, method of variance estimates recovery.
    """
    k = len(scores)
    middle = fsum(scores) / k
    below = sqrt(fsum([(s - low) ** 2 for s, (low, _) in zip(scores, intervals)])) / k
    above = sqrt(fsum([(s - high) ** 2 for s, (_, high) in zip(scores, intervals)])) / k
    return middle - below, middle + above


def loss_interval(losses: Sequence[float]) -> Interval | None:
    """Return the interval of the mean of losses ≥ 0, or None for a single row.

    By Student's t for the logarithm of the mean, as the errors of losses are skewed:
    mean · exp(±t s / (mean √n)). Source: the delta method, G. W. Oehlert, The American
    Statistician 46 (1992).
    """
    middle = mean(losses, None)
    return _scaled(middle, [x / middle for x in losses] if middle else [], len(losses))


def r2_interval(targets: Sequence[float], errors: Sequence[float]) -> Interval | None:
    """Return the interval of R² = 1 − Σ e² / Σ (t − mean t)², or None if there is none.

    As `loss_interval`, of the ratio of the two sums: a row's part in its logarithm is
    e² / mean e² − (t − mean t)² / mean (t − mean t)².
    """
    center = mean(targets, None)
    squares = [(t - center) * (t - center) for t in targets]
    losses = [e * e for e in errors]
    spread, left = mean(squares, None), mean(losses, None)
    if not spread or not isfinite(left):
        return None
    parts = [x / left - q / spread for x, q in zip(losses, squares)] if left else []
    ends = _scaled(left / spread, parts, len(losses))
    return None if ends is None else (1.0 - ends[1], 1.0 - ends[0])


def folds_interval(scores: Sequence[float], test_share: float) -> Interval | None:
    """Return the interval of the mean score of k folds, or None for one, or an infinite one.

    mean ± t s √(1 / k + q / (1 − q)), where q is the share of the rows in a fold's test: the second
    term is for the rows that the folds' trainings have in common. Source: C. Nadeau and Y. Bengio,
    Inference for the generalization error, Machine Learning 52 (2003), 239-281.

    >>> [round(end, 4) for end in folds_interval([0.9, 0.8, 0.85, 0.95, 0.9], 0.2)]
    [0.7738, 0.9862]
    """
    k = len(scores)
    if k < 2 or not all(map(isfinite, scores)):
        return None
    middle, error = _mean_and_error(scores)
    low, high = 0.0, 13.0  # Student's t is below that for 95% and one degree of freedom
    for _ in range(60):  # halvings
        t = 0.5 * (low + high)
        low, high = (t, high) if _beyond(t, k - 1) > 0.05 else (low, t)
    half = low * error * sqrt(1.0 + k * test_share / (1.0 - test_share))
    return middle - half, middle + half


def _scaled(middle: float, parts: Sequence[float], rows: int) -> Interval | None:
    """Return middle · exp(±t s / √n) for the deviation s of the rows' parts in its logarithm."""
    if rows < 2 or not isfinite(middle):
        return None
    if not middle:
        return 0.0, 0.0
    _, error = _mean_and_error(parts)
    # Cornish's and Fisher's expansion of Student's t: Abramowitz and Stegun 26.7.5.
    n = rows - 1
    t = Z + (Z**3 + Z) / (4 * n) + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * n * n)
    half = min(t * error, 700.0)  # whose exponential is still a float
    return middle * exp(-half), middle * exp(half)


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean and its standard error; there are two values or more."""
    middle, n = mean(values, None), len(values)
    return middle, hypot(*[x - middle for x in values]) / sqrt((n - 1) * n)


def mean_p_value(differences: Sequence[float]) -> float:
    """Return the chance of a mean at least so far from 0 if the true one is 0: a paired t-test.

    >>> round(mean_p_value([1.0, 2.0, 3.0, 4.0, -1.0, 2.0, 1.0, 3.0, 2.0, 0.0, 1.0, 2.0]), 4)
    0.0015
    """
    if len(differences) < 2:
        return 1.0
    middle, error = _mean_and_error(differences)
    if not error or not isfinite(error):
        return 0.0 if middle and not error else 1.0
    return _beyond(abs(middle / error), len(differences) - 1)


def _beyond(t: float, n: int) -> float:
    """Return the chance of more than |t| by Student's t with n degrees of freedom.

    Source: Abramowitz and Stegun, 26.7.3 and 26.7.4.
    """
    if n > 1000:  # the normal distribution is as good, and the sum would be long
        return erfc(t / sqrt(2))
    angle = atan(t / sqrt(n))
    square = cos(angle) ** 2
    term, total = (cos(angle) if n % 2 else 1.0), 0.0
    for k in range(2 + n % 2, n + 1, 2):
        total += term
        term *= square * (k - 1) / k
    inside = sin(angle) * total
    if n % 2:
        inside = (angle + inside) * 2 / pi
    return max(1.0 - inside, 0.0)


class Comparison(NamedTuple):
    """Two models on the same rows: how often each alone was better, and the test's p-value.

    Source of the sign test (of McNemar, for classes): Q. McNemar (1947), exact binomial form.
    """

    only_first: int
    only_second: int
    p_value: float


def compared(first: Sequence[float], second: Sequence[float]) -> Comparison:
    """Return how two models' errors on the same rows compare.

    >>> compared([0, 1, 1], [0, 0, 1])
    Comparison(only_first=0, only_second=1, p_value=1.0)
    """
    a = sum(x < y for x, y in zip(first, second))
    b = sum(x > y for x, y in zip(first, second))
    n, k = a + b, min(a, b)
    if n > 1000:  # the normal distribution is as good, and the sums would be long
        p = erfc((abs(a - b) - 1) / sqrt(2 * n))
    else:
        p = min(1.0, 2 * sum(comb(n, i) for i in range(k + 1)) / 2**n)
    return Comparison(a, b, p)
