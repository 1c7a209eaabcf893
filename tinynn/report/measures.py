"""Measuring a model on rows that it has not seen: `Findings` from targets and answers."""

from __future__ import annotations

from math import fsum, log
from typing import Callable, Dict, Hashable, NamedTuple, Optional, Sequence, TypeVar

from ..lesson.matrix import Matrix, Vector
from ..metrics import (
    calibration_curve,
    confusion_matrix,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
)
from ..metrics.classes import class_scores, log_losses
from ..metrics.curves import area_below, roc_counts
from ..metrics.intervals import (
    Interval,
    auc_interval,
    averaged_interval,
    compared,
    f1_interval,
    loss_interval,
    mean_p_value,
    r2_interval,
    wilson_interval,
)
from .findings import Effect, Findings, Pairs

MOST_CURVES = 8  # classes that get a curve
MOST_POINTS = 200  # of a curve; five times as many of predicted against true values
BINS = 10
T = TypeVar("T")
Intervals = Dict[str, Optional[Interval]]
LEAST = 2.0**-52  # a smaller probability counts as this, as in `log_loss`


class ClassAnswers(NamedTuple):
    """A classifier's answers to the rows of a test, and the probabilities of the classes."""

    answers: Sequence[Hashable]
    probabilities: Matrix


def classifier_findings(
    source: str,
    targets: Sequence[Hashable],
    model: ClassAnswers,
    classes: Sequence[Hashable],
    counts: Sequence[int],
    linear: ClassAnswers | None = None,
) -> Findings:
    """Return the findings on a classifier; `counts` are the rows of each class in its training.

    `linear` holds the answers of a linear model to the same rows.
    """
    rows = len(targets)
    usual = classes[max(range(len(classes)), key=counts.__getitem__)]
    constant = [usual] * rows
    confusion = confusion_matrix(targets, model.answers, classes)
    metrics, intervals = _answer_scores(confusion)
    losses = log_losses(targets, model.probabilities, classes)
    metrics["log_loss"] = fsum(losses) / rows
    intervals["log_loss"] = loss_interval(losses)
    curves = _curves(targets, model.probabilities, classes)
    areas = [area_below(*curve) for curve in curves.values()]
    if len(curves) == len(classes) - (len(classes) == 2):
        metrics["roc_auc"] = fsum(areas) / len(areas)
        ends = [auc_interval(a, y[-1], x[-1]) for a, (x, y) in zip(areas, curves.values())]
        intervals["roc_auc"] = averaged_interval(areas, ends)
    calibration = _calibration(targets, model, classes)
    metrics["calibration_error"] = fsum(n * abs(p - q) for p, q, n in calibration) / rows

    wrong = [float(t != y) for t, y in zip(targets, model.answers)]
    p_values = {}
    rivals = {"baseline": (constant, _constant_losses(targets, classes, counts))}
    if linear is not None:
        rivals["linear"] = (
            list(linear.answers), log_losses(targets, linear.probabilities, classes)
        )  # fmt: skip
        if "roc_auc" in metrics:
            of_linear = _curves(targets, linear.probabilities, classes).values()
            metrics["linear_roc_auc"] = fsum(area_below(*c) for c in of_linear) / len(areas)
    for rival, (answers, their_losses) in rivals.items():
        scores, _ = _answer_scores(confusion_matrix(targets, answers, classes))
        metrics.update((f"{rival}_{name}", score) for name, score in scores.items())
        metrics[f"{rival}_log_loss"] = fsum(their_losses) / rows
        theirs = [float(t != y) for t, y in zip(targets, answers)]
        p_values[f"{rival}_accuracy"] = compared(wrong, theirs).p_value
        p_values[f"{rival}_log_loss"] = mean_p_value([a - b for a, b in zip(losses, their_losses)])
    if "roc_auc" in metrics:
        metrics["baseline_roc_auc"] = 0.5
    return Findings(
        source, rows, metrics, "accuracy", [str(label) for label in classes],
        confusion, _drawn(curves, classes), calibration, [], {}, _known(intervals), p_values,
        str(usual), {}, [],
    )  # fmt: skip


def regressor_findings(
    source: str,
    targets: Vector,
    answers: Vector,
    mean: float,
    median: float,
    linear: Vector | None = None,
) -> Findings:
    """Return the findings on a regressor; `mean` and `median` are those of its training's targets.

    Errors are compared with those of the best constant answer: the mean for squared errors, the
    median for absolute ones. `linear` holds the answers of a linear model to the same rows.
    """
    metrics = _number_scores("", targets, answers, answers)
    errors = [y - t for t, y in zip(targets, answers)]
    squares, sizes = [e * e for e in errors], [abs(e) for e in errors]
    root = loss_interval(squares)
    intervals = {
        "r2": r2_interval(targets, errors),
        "mean_absolute_error": loss_interval(sizes),
        "root_mean_squared_error": root and (root[0] ** 0.5, root[1] ** 0.5),
    }
    rivals = {"baseline": ([mean] * len(targets), [median] * len(targets))}
    if linear is not None:
        rivals["linear"] = (linear, linear)
    p_values = {}
    for rival, (by_squares, by_size) in rivals.items():
        metrics.update(_number_scores(f"{rival}_", targets, by_squares, by_size))
        p_values[f"{rival}_r2"] = mean_p_value(
            [s - (y - t) * (y - t) for s, t, y in zip(squares, targets, by_squares)]
        )
        p_values[f"{rival}_mean_absolute_error"] = mean_p_value(
            [s - abs(y - t) for s, t, y in zip(sizes, targets, by_size)]
        )
    return Findings(
        source, len(targets), metrics, "r2", [], [], {}, [], _shown_pairs(targets, answers), {},
        _known(intervals), p_values, "", {}, [],
    )  # fmt: skip


def _number_scores(
    prefix: str, targets: Vector, by_squares: Vector, by_size: Vector
) -> dict[str, float]:
    return {
        f"{prefix}r2": r2_score(targets, by_squares),
        f"{prefix}mean_absolute_error": mean_absolute_error(targets, by_size),
        f"{prefix}root_mean_squared_error": mean_squared_error(targets, by_squares) ** 0.5,
    }


def _known(intervals: Intervals) -> dict[str, list[float]]:
    return {name: list(ends) for name, ends in intervals.items() if ends is not None}


def _answer_scores(confusion: list[list[int]]) -> tuple[dict[str, float], Intervals]:
    """Return the scores of answers alone, and their intervals."""
    scores = class_scores(confusion)
    seen = [i for i, support in enumerate(scores.support) if support]
    recalls, f1s = [scores.recall[i] for i in seen], [scores.f1[i] for i in seen]
    hits, rows = [confusion[i][i] for i in seen], sum(scores.support)
    answered = [sum(column) for column in zip(*confusion)]
    found = [wilson_interval(hit, scores.support[i]) for hit, i in zip(hits, seen)]
    f1_ends = [
        f1_interval(hit, scores.support[i] + answered[i] - 2 * hit) for hit, i in zip(hits, seen)
    ]
    metrics = {
        "accuracy": sum(hits) / rows,
        "balanced_accuracy": fsum(recalls) / len(seen),
        "macro_f1": fsum(f1s) / len(seen),
    }
    return metrics, {
        "accuracy": wilson_interval(sum(hits), rows),
        "balanced_accuracy": averaged_interval(recalls, found),
        "macro_f1": averaged_interval(f1s, f1_ends),
    }


def _constant_losses(
    targets: Sequence[Hashable], classes: Sequence[Hashable], counts: Sequence[int]
) -> Vector:
    """Return the log loss of each row where every answer is the shares of the classes."""
    total = sum(counts)
    losses = {label: -log(max(n / total, LEAST)) for label, n in zip(classes, counts)}
    return [losses[target] for target in targets]


def _curves(
    targets: Sequence[Hashable], probabilities: Matrix, classes: Sequence[Hashable]
) -> dict[int, tuple[list[int], list[int]]]:
    """Return the ROC counts of the second of two classes, or of each of several, by its number."""
    counts = dict.fromkeys(classes, 0)
    for target in targets:
        counts[target] += 1
    wanted = [j for j, label in enumerate(classes) if 0 < counts[label] < len(targets)]
    curves = {}
    for j in wanted[1:] if len(classes) == 2 else wanted:
        yes = [target == classes[j] for target in targets]
        curves[j] = roc_counts(yes, [row[j] for row in probabilities])
    return curves


def _drawn(
    curves: dict[int, tuple[list[int], list[int]]], classes: Sequence[Hashable]
) -> dict[str, Pairs]:
    """Return the points of the curves of the most frequent classes."""
    most = sorted(curves, key=lambda j: -curves[j][1][-1])[:MOST_CURVES]
    return {
        str(classes[j]): _thinned(
            [[a / curves[j][0][-1], b / curves[j][1][-1]] for a, b in zip(*curves[j])], MOST_POINTS
        )
        for j in sorted(most)
    }


def _calibration(
    targets: Sequence[Hashable], model: ClassAnswers, classes: Sequence[Hashable]
) -> Pairs:
    if len(classes) == 2:
        right = [target == classes[1] for target in targets]
        sure = [row[1] for row in model.probabilities]
    else:
        right = [target == answer for target, answer in zip(targets, model.answers)]
        sure = [max(row) for row in model.probabilities]
    means, shares, counts = calibration_curve(right, [min(p, 1.0) for p in sure], BINS)
    return [
        [p, q, float(n)]
        for p, q, n in zip(means, shares, counts)
        if p is not None and q is not None
    ]


def _thinned(points: list[T], most: int) -> list[T]:
    """Return at most `most` points, evenly chosen, including the first and the last."""
    if len(points) <= most:
        return points
    return [points[k * (len(points) - 1) // (most - 1)] for k in range(most)]


def _shown_pairs(targets: Vector, answers: Vector) -> Pairs:
    """Return (true, predicted) numbers; of many, the largest errors and some of the rest."""
    pairs = [[t, y] for t, y in zip(targets, answers)]
    most, largest = 5 * MOST_POINTS, MOST_POINTS // 10
    if len(pairs) <= most:
        return pairs
    by_error = sorted(range(len(pairs)), key=lambda i: abs(pairs[i][0] - pairs[i][1]))
    chosen = by_error[-largest:] + _thinned(sorted(by_error[:-largest]), most - largest)
    return [pairs[i] for i in sorted(chosen)]


def importance(
    score: Callable[[Matrix], float],
    rows: Matrix,
    columns: Sequence[tuple[str, int]],
    shuffled: Callable[[list[int]], None],
    repeats: int,
) -> dict[str, list[float]]:
    """Return (mean loss of score when a column's cells are shuffled, deviation) by column.

    `columns` holds (name, number of encoded columns) in order; the encoded columns of one column
    move together. Columns that the model leaves out (no encoded ones) are not listed. `shuffled`
    shuffles a list in place. The most important columns come first.
    Source: L. Breiman, Random forests (2001), section 10; for any model A. Fisher, C. Rudin and
    F. Dominici (2019).
    """
    whole = score(rows)
    found: dict[str, list[float]] = {}
    orders = [list(range(len(rows))) for _ in range(repeats)]
    for order in orders:
        shuffled(order)
    start = 0
    for name, width in columns:
        losses = []
        end = start + width
        for order in orders if width else ():
            moved = [row[:start] + rows[k][start:end] + row[end:] for row, k in zip(rows, order)]
            losses.append(whole - score(moved))
        start = end
        if losses:
            mean = fsum(losses) / repeats
            spread = fsum((x - mean) ** 2 for x in losses) / max(repeats - 1, 1)
            found[name] = [mean, spread**0.5]
    return dict(sorted(found.items(), key=lambda item: -item[1][0]))


def effect(
    answers: Callable[[Matrix], Matrix],
    rows: Matrix,
    start: int,
    at: list[float] | list[str],
    cells: Matrix,
    names: Sequence[str],
) -> Effect:
    """Return the mean answer if the same cell stood in one column of all rows, for several cells.

    `cells` are the encoded cells at each of `at`, which begin at the encoded column `start`;
    `answers` gives a number for each of `names`. Source: J. H. Friedman, Greedy function
    approximation (2001), section 8.2, partial dependence.
    """
    lines: list[Vector] = [[] for _ in names]
    for cell in cells:
        end = start + len(cell)
        found = answers([row[:start] + cell + row[end:] for row in rows])
        for line, column in zip(lines, zip(*found)):
            line.append(fsum(column) / len(column))
    return Effect(at, dict(zip(names, lines)))
