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
    S = as_vector(scores, "scores")
    same_length(targets=targets, scores=S)
    yes = sum(1 for target in targets if target)
    no = len(targets) - yes
    if not yes or not no:
        raise DataError(f"roc_curve needs targets of both classes, got {yes} yes and {no} no")
    false_rates, true_rates = [0.0], [0.0]
    false_count = true_count = 0
    order = sorted(range(len(S)), key=S.__getitem__, reverse=True)
    for rank, i in enumerate(order):
        true_count += bool(targets[i])
        false_count += not targets[i]
        if rank + 1 == len(order) or S[order[rank + 1]] != S[i]:
            false_rates.append(false_count / no)
            true_rates.append(true_count / yes)
    return false_rates, true_rates


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
