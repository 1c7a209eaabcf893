"""Findings: the results of testing a model on rows that it has not seen, in numbers."""

from __future__ import annotations

from math import fsum, isfinite
from typing import Any, Callable, Hashable, List, NamedTuple, Sequence

from ..errors import FormatError
from ..lesson.matrix import Matrix, Vector
from ..metrics import (
    accuracy,
    calibration_curve,
    confusion_matrix,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    precision_recall_f1,
    r2_score,
    roc_auc,
    roc_curve,
)

MOST_CURVES = 8  # classes that get a curve
MOST_POINTS = 200  # of a curve; five times as many of predicted against true values
BINS = 10

Pairs = List[List[float]]


class Findings(NamedTuple):
    """The test of a model on `rows` rows of the file `source`.

    metrics:      by name; `score` names the one that counts, and `baseline` is the score of always
                  answering with the most frequent class (or the mean) of the training rows
    classes:      as text; `confusion[i][j]` is the number of rows of class i that were predicted
                  to be class j; both are empty for a regressor
    roc:          by class, points (false, true positive rate), if there are two classes or more
    calibration:  for each bin with rows (mean probability of the answer, or of the second of two
                  classes; share of rows for which it was right; number of rows)
    pairs:        (true, predicted) numbers, thinned evenly if many; empty for a classifier
    importance:   by column, (mean loss of score when its cells are shuffled, deviation)
    """

    source: str
    rows: int
    metrics: dict[str, float]
    score: str
    classes: list[str]
    confusion: list[list[int]]
    roc: dict[str, Pairs]
    calibration: Pairs
    pairs: Pairs
    importance: dict[str, list[float]]

    @property
    def baseline(self) -> float:
        """The score of always answering with the most frequent class (or the mean)."""
        return self.metrics[f"baseline_{self.score}"]

    def to_dict(self) -> dict[str, Any]:
        """Return the findings in JSON's types."""
        return self._asdict()

    @classmethod
    def from_dict(cls, content: object, where: str) -> Findings:
        """Return the findings that `to_dict` described. Raises FormatError for anything else."""
        if not isinstance(content, dict) or set(content) != set(cls._fields):
            raise FormatError(f"{where} needs exactly {', '.join(cls._fields)}")
        for key, fits in _FITS.items():
            if not fits(content[key]):
                raise FormatError(f"{where} has an invalid {key}")
        found = cls(**content)
        n = len(found.classes)
        if len(found.confusion) != n or any(len(row) != n for row in found.confusion):
            raise FormatError(f"{where} needs a confusion matrix of {n} classes")
        if found.score not in found.metrics or f"baseline_{found.score}" not in found.metrics:
            raise FormatError(f"{where} needs its score among the metrics")
        return found


def classifier_findings(
    source: str,
    targets: Sequence[Hashable],
    answers: Sequence[Hashable],
    probabilities: Matrix,
    classes: Sequence[Hashable],
    usual: Hashable,
) -> Findings:
    """Return the findings on a classifier; `usual` is the most frequent class in its training."""
    scores = precision_recall_f1(targets, answers, labels=classes)
    seen = [i for i, support in enumerate(scores.support) if support]
    metrics = {
        "accuracy": accuracy(targets, answers),
        "baseline_accuracy": accuracy(targets, [usual] * len(targets)),
        "balanced_accuracy": fsum(scores.recall[i] for i in seen) / len(seen),
        "macro_f1": fsum(scores.f1[i] for i in seen) / len(seen),
        "log_loss": log_loss(targets, probabilities, labels=classes),
    }
    if 1 < len(seen) == len(classes):
        metrics["roc_auc"] = roc_auc(targets, probabilities, labels=classes)
    calibration = _calibration(targets, answers, probabilities, classes)
    rows = len(targets)
    metrics["calibration_error"] = fsum(n * abs(p - q) for p, q, n in calibration) / rows
    return Findings(
        source, rows, metrics, "accuracy", [str(label) for label in classes],
        confusion_matrix(targets, answers, classes), _roc(targets, probabilities, classes),
        calibration, [], {},
    )  # fmt: skip


def regressor_findings(source: str, targets: Vector, answers: Vector, usual: float) -> Findings:
    """Return the findings on a regressor; `usual` is the mean target in its training."""
    means = [usual] * len(targets)
    metrics = {
        "r2": r2_score(targets, answers),
        "baseline_r2": r2_score(targets, means),
        "mean_absolute_error": mean_absolute_error(targets, answers),
        "baseline_mean_absolute_error": mean_absolute_error(targets, means),
        "root_mean_squared_error": mean_squared_error(targets, answers) ** 0.5,
        "baseline_root_mean_squared_error": mean_squared_error(targets, means) ** 0.5,
    }
    pairs = [[t, y] for t, y in zip(targets, answers)]
    return Findings(
        source, len(targets), metrics, "r2", [], [], {}, [], _thinned(pairs, 5 * MOST_POINTS), {}
    )


def _roc(
    targets: Sequence[Hashable], probabilities: Matrix, classes: Sequence[Hashable]
) -> dict[str, Pairs]:
    """Return the curve of the second of two classes, or of each of several against the others."""
    counts = dict.fromkeys(classes, 0)
    for target in targets:
        counts[target] += 1
    wanted = [j for j, label in enumerate(classes) if 0 < counts[label] < len(targets)]
    if len(classes) == 2:
        wanted = wanted[1:]
    wanted = sorted(sorted(wanted, key=lambda j: -counts[classes[j]])[:MOST_CURVES])
    curves = {}
    for j in wanted:
        yes = [target == classes[j] for target in targets]
        points = [list(point) for point in zip(*roc_curve(yes, [row[j] for row in probabilities]))]
        curves[str(classes[j])] = _thinned(points, MOST_POINTS)
    return curves


def _calibration(
    targets: Sequence[Hashable],
    answers: Sequence[Hashable],
    probabilities: Matrix,
    classes: Sequence[Hashable],
) -> Pairs:
    if len(classes) == 2:
        right = [target == classes[1] for target in targets]
        sure = [row[1] for row in probabilities]
    else:
        right = [target == answer for target, answer in zip(targets, answers)]
        sure = [max(row) for row in probabilities]
    means, shares, counts = calibration_curve(right, [min(p, 1.0) for p in sure], BINS)
    return [
        [p, q, float(n)]
        for p, q, n in zip(means, shares, counts)
        if p is not None and q is not None
    ]


def _thinned(points: Pairs, most: int) -> Pairs:
    """Return at most `most` points, evenly chosen, including the first and the last."""
    if len(points) <= most:
        return points
    return [points[k * (len(points) - 1) // (most - 1)] for k in range(most)]


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
    start = 0
    for name, width in columns:
        losses = []
        for _ in range(repeats if width else 0):
            order = list(range(len(rows)))
            shuffled(order)
            end = start + width
            moved = [row[:start] + rows[k][start:end] + row[end:] for row, k in zip(rows, order)]
            losses.append(whole - score(moved))
        start += width
        if losses:
            mean = fsum(losses) / repeats
            spread = fsum((x - mean) ** 2 for x in losses) / max(repeats - 1, 1)
            found[name] = [mean, spread**0.5]
    return dict(sorted(found.items(), key=lambda item: -item[1][0]))


def metric_rows(found: Findings) -> list[list[Any]]:
    """Return (name, value, the baseline's value or "") for each metric."""
    return [
        [METRICS.get(name, name), shown(value), shown(found.metrics.get(f"baseline_{name}"))]
        for name, value in found.metrics.items()
        if not name.startswith("baseline_")
    ]


METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "F1, mean over the classes",
    "log_loss": "log loss",
    "roc_auc": "area under ROC",
    "calibration_error": "calibration error",
    "r2": "R²",
    "mean_absolute_error": "mean absolute error",
    "root_mean_squared_error": "root mean squared error",
}


def shown(value: float | None) -> str:
    """Return a metric with about four digits; "" for None.

    >>> shown(0.96666), shown(-1234.5)
    ('0.967', '-1,234')
    """
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.4g}"


def _number(value: object) -> bool:
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    return plain and isfinite(value)  # type: ignore[arg-type]


def _numbers(width: int | None) -> Callable[[object], bool]:
    def fits(value: object) -> bool:
        return isinstance(value, list) and all(
            isinstance(row, list) and len(row) == (width or len(row)) and all(map(_number, row))
            for row in value
        )

    return fits


def _by_name(fits: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: (
        isinstance(value, dict) and all(isinstance(k, str) and fits(v) for k, v in value.items())
    )


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_pair = _numbers(2)
_FITS: dict[str, Callable[[Any], bool]] = {
    "source": lambda value: isinstance(value, str),
    "rows": _count,
    "metrics": _by_name(_number),
    "score": lambda value: isinstance(value, str),
    "classes": lambda value: isinstance(value, list) and all(isinstance(c, str) for c in value),
    "confusion": lambda value: (
        isinstance(value, list)
        and all(isinstance(row, list) and all(map(_count, row)) for row in value)
    ),
    "roc": _by_name(_pair),
    "calibration": _numbers(3),
    "pairs": _pair,
    "importance": _by_name(lambda value: _pair([value])),
}
