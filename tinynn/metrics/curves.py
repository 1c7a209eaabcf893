"""Curves that show how good probabilities are: ROC and calibration, for the classes yes and no."""

from __future__ import annotations

from typing import Sequence

from ..checks.rows import as_vector, same_length
from ..checks.settings import integer
from ..errors import DataError
from ..lesson.matrix import Vector


def roc_curve(targets: Sequence[object], scores: Sequence[float]) -> tuple[Vector, Vector]:
    """Return (false positive rates, true positive rates), one point for each distinct score.

    A point has the rates of predicting yes for all scores from some threshold up; the first is
    (0, 0), the last (1, 1). Targets are true (or 1) for yes, false (or 0) for no. The area under
    the curve is `metrics.roc_auc`.

    Raises DataError unless the targets include both yes and no.

    >>> roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    false_counts, true_counts = roc_counts(targets, scores)
    no, yes = false_counts[-1], true_counts[-1]
    return [n / no for n in false_counts], [n / yes for n in true_counts]


def roc_counts(targets: Sequence[object], scores: Sequence[float]) -> tuple[list[int], list[int]]:
    """Return (numbers of false, of true positives), the counts behind `roc_curve`."""
    S = as_vector(scores, "scores")
    same_length(targets=targets, scores=S)
    yes = sum(1 for target in targets if target)
    no = len(targets) - yes
    if not yes or not no:
        raise DataError(f"roc_curve needs targets of both classes, got {yes} yes and {no} no")
    false_counts, true_counts = [0], [0]
    order = sorted(range(len(S)), key=S.__getitem__, reverse=True)
    ranked = [S[i] for i in order]
    true = 0
    for rank, (i, score, below) in enumerate(zip(order, ranked, [*ranked[1:], None]), 1):
        if targets[i]:
            true += 1
        if score != below:
            false_counts.append(rank - true)
            true_counts.append(true)
    return false_counts, true_counts


def area_below(x: Sequence[int], y: Sequence[int]) -> float:
    """Return the area below the ROC curve of these counts: Σ (xᵢ₊₁ − xᵢ)(yᵢ + yᵢ₊₁) / (2 x y).

    By trapezoids, which is the chance that a positive outscores a negative, where a tie counts ½.
    """
    twice = sum([(b - a) * (c + d) for a, b, c, d in zip(x, x[1:], y, y[1:])])
    return twice / (2 * x[-1] * y[-1])


def calibration_curve(
    targets: Sequence[object], probabilities: Sequence[float], bins: int = 10
) -> tuple[list[float | None], list[float | None], list[int]]:
    """Return (mean predicted probability, share of yes, number of samples) for each bin.

    The bins divide the probabilities from 0 to 1 evenly; an empty bin has None, None and 0. Where
    both numbers are equal, it rained on 70% of the days with a 70% chance of rain, for example.
    Source: Murphy and Winkler (1977), reliability diagrams.

    Raises DataError for a probability outside 0 to 1.

    >>> calibration_curve([0, 0, 1, 1], [0.125, 0.375, 0.75, 1.0], bins=2)
    ([0.25, 0.875], [0.0, 1.0], [2, 2])
    """
    P = as_vector(probabilities, "probabilities")
    same_length(targets=targets, probabilities=P)
    bins = integer("calibration_curve", "bins", bins, least=1)
    sums, yes, counts = [0.0] * bins, [0] * bins, [0] * bins
    for i, (target, p) in enumerate(zip(targets, P)):
        if not 0.0 <= p <= 1.0:
            raise DataError(f"probabilities need to be between 0 and 1, got {p:g} in row {i}")
        b = min(int(p * bins), bins - 1)
        sums[b] += p
        yes[b] += bool(target)
        counts[b] += 1
    means = [s / n if n else None for s, n in zip(sums, counts)]
    shares = [y / n if n else None for y, n in zip(yes, counts)]
    return means, shares, counts
