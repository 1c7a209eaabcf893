"""How good predicted classes are; arguments are always (targets, predictions).

accuracy                 the share of correct predictions
confusion_matrix         how often each class was predicted as each
precision_recall_f1      of each class, or averaged; `classification_report` shows them as a table
top_k_accuracy           the share of targets among the k highest scores
roc_auc                  how well scores rank positives above negatives
log_loss                 how much probability the targets were given

A ratio with denominator zero (such as the precision of a class never predicted) counts as 0.0.
"""

from __future__ import annotations

from math import fsum, log
from typing import Any, Hashable, NamedTuple, Sequence, overload

from ..checks.rows import as_list, as_rows, same_length
from ..errors import DataError, SettingError, ShapeError
from ..lesson.matrix import Vector, transpose
from .arguments import (
    column_numbers,
    label_indices,
    label_pair,
    mean,
    sample_weights,
    score_rows,
    sorted_labels,
)
from .curves import area_below, roc_counts

_EPSILON = 2.0**-52  # the gap between 1.0 and the next float


class ClassScores(NamedTuple):
    """Precision, recall, F1 and number of targets (support) of each class, in the labels' order."""

    precision: Vector
    recall: Vector
    f1: Vector
    support: list[int]


class AverageScores(NamedTuple):
    """Precision, recall and F1 averaged over the classes, and the number of targets (support)."""

    precision: float
    recall: float
    f1: float
    support: int


def accuracy(targets: object, predictions: object, sample_weight: object = None) -> float:
    """Return the share of predictions that equal their target, from 0 to 1.

    Weighted by sample_weight: Σ wᵢ [tᵢ = pᵢ] / Σ wᵢ.

    >>> accuracy(["cat", "dog", "dog", "cat"], ["cat", "dog", "cat", "cat"])
    0.75
    """
    T, P = label_pair(targets, predictions)
    return mean([float(t == p) for t, p in zip(T, P)], sample_weights(sample_weight, T))


def top_k_accuracy(
    targets: object,
    scores: object,
    k: int = 2,
    labels: Sequence[Hashable] | None = None,
    sample_weight: object = None,
) -> float:
    """Return the share of targets among the k highest scores of their row.

    Scores: one row per sample, one column per class; equal scores rank in the order of columns.
    `labels` names the columns; without it, targets are class numbers, or the columns are the sorted
    distinct targets.

    Raises SettingError unless 1 ≤ k ≤ columns.

    >>> top_k_accuracy([2, 0], [[0.1, 0.5, 0.4], [0.2, 0.3, 0.5]], k=2)
    0.5
    """
    S = as_rows(scores, "scores")
    T = as_list(targets, "targets")
    same_length(targets=T, scores=S)
    if not isinstance(k, int) or not 1 <= k <= len(S[0]):
        raise SettingError(
            f"top_k_accuracy needs k from 1 to {len(S[0])}, the number of columns, got {k!r}"
        )
    numbers = column_numbers("scores", T, len(S[0]), labels)
    hits = []
    for t, row in zip(numbers, S):
        rank = sum(s > row[t] or (s == row[t] and j < t) for j, s in enumerate(row))
        hits.append(float(rank < k))
    return mean(hits, sample_weights(sample_weight, T))


def class_labels(targets: object, predictions: object) -> list[Any]:
    """Return the distinct labels of both, sorted, or in order of appearance if they cannot be.

    >>> class_labels(["dog", "cat"], ["dog", "bird"])
    ['bird', 'cat', 'dog']
    """
    T, P = label_pair(targets, predictions)
    return sorted_labels(T + P)


def confusion_matrix(
    targets: object, predictions: object, labels: Sequence[Hashable] | None = None
) -> list[list[int]]:
    """Return C, where C[i][j] counts the samples of class i that were predicted as class j.

    Rows are true classes, columns predicted ones, both in the order of `labels` or, without it, of
    `class_labels`.

    Raises DataError for a target or prediction that `labels` leaves out.

    >>> confusion_matrix([0, 0, 1, 2], [0, 1, 1, 2])
    [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    """
    T, P = label_pair(targets, predictions)
    order = list(sorted_labels(T + P) if labels is None else labels)
    index = label_indices(order)
    matrix = [[0] * len(order) for _ in order]
    for name, values in (("targets", T), ("predictions", P)):
        for i, value in enumerate(values):
            if value not in index:
                raise DataError(f"{name} need to be among the labels, got {value!r} in row {i}")
    for t, p in zip(T, P):
        matrix[index[t]][index[p]] += 1
    return matrix


@overload
def precision_recall_f1(
    targets: object,
    predictions: object,
    average: None = None,
    labels: Sequence[Hashable] | None = None,
) -> ClassScores: ...


@overload
def precision_recall_f1(
    targets: object,
    predictions: object,
    average: str,
    labels: Sequence[Hashable] | None = None,
) -> AverageScores: ...


def precision_recall_f1(
    targets: object,
    predictions: object,
    average: str | None = None,
    labels: Sequence[Hashable] | None = None,
) -> ClassScores | AverageScores:
    """Return precision, recall, F1 and support: per class, or averaged.

    For a class with TP true positives, FP false positives and FN false negatives: precision =
    TP / (TP + FP), recall = TP / (TP + FN), F1 = 2 TP / (2 TP + FP + FN), support = TP + FN.
    `average` None gives lists in the order of `labels` (or of `class_labels`); "macro" the plain
    mean over the classes; "weighted" the mean weighted by support; "micro" the ratios of the summed
    counts (all three then equal the accuracy).

    >>> precision_recall_f1([0, 0, 1, 1], [0, 1, 1, 1]).recall
    [0.5, 1.0]
    >>> precision_recall_f1([0, 0, 1, 1], [0, 1, 1, 1], average="macro").recall
    0.75
    """
    matrix = confusion_matrix(targets, predictions, labels)
    if average is None:
        return class_scores(matrix)
    if average == "micro":
        total = sum(map(sum, matrix))
        share = sum(matrix[i][i] for i in range(len(matrix))) / total
        return AverageScores(share, share, share, total)
    if average not in ("macro", "weighted"):
        raise SettingError(
            f'average needs to be None, "macro", "weighted" or "micro", got {average!r}'
        )
    return _averaged(class_scores(matrix), average == "weighted")


def roc_auc(targets: object, scores: object, labels: Sequence[Hashable] | None = None) -> float:
    """Return the area under the ROC curve: the chance that a positive outscores a negative.

    A tie counts ½: it is Mann's and Whitney's statistic. With two classes, `scores` is flat or one
    column (of the greater label), or two columns (the second counts). With more, it has one column
    per class, and the result is the mean over the classes of each against the rest. `labels` names
    the columns as in `top_k_accuracy`.

    Raises DataError unless every class has a sample and none has all of them.
    Source: J. A. Hanley and B. J. McNeil, Radiology 143 (1982), 29-36.

    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    S = score_rows(scores, "scores")
    T = as_list(targets, "targets")
    same_length(targets=T, scores=S)
    columns = transpose(S)
    width = max(len(columns), 2)
    numbers = column_numbers("scores", T, width, labels)
    for c in range(width):
        if numbers.count(c) in (0, len(numbers)):
            got = "none of" if c not in numbers else "samples only of"
            raise DataError(f"roc_auc needs samples of every class, got {got} class number {c}")
    wanted = [(1, columns[-1])] if width == 2 else list(enumerate(columns))
    areas = [area_below(*roc_counts([t == c for t in numbers], column)) for c, column in wanted]
    return mean(areas, None)


def log_loss(
    targets: object,
    probabilities: object,
    labels: Sequence[Hashable] | None = None,
    sample_weight: object = None,
) -> float:
    """Return the mean of −ln p(target), in nats.

    Probabilities: one row per sample, one column per class, each row summing to 1; for two classes
    also flat or one column, the probability of the greater label. A probability below 2⁻⁵² counts
    as 2⁻⁵². `labels` names the columns as in `top_k_accuracy`.

    Raises DataError for a probability outside 0 … 1 or a row that does not sum to 1 (within 1e-5).

    >>> round(log_loss([1, 0], [0.9, 0.2]), 6)
    0.164252
    """
    losses = log_losses(targets, probabilities, labels)
    return mean(losses, sample_weights(sample_weight, losses))


def log_losses(
    targets: object, probabilities: object, labels: Sequence[Hashable] | None = None
) -> Vector:
    """Return −ln p(target) of each row, whose mean is `log_loss`."""
    P = score_rows(probabilities, "probabilities")
    T = as_list(targets, "targets")
    same_length(targets=T, probabilities=P)
    for i, row in enumerate(P):
        if not 0.0 <= min(row) <= max(row) <= 1.0:
            j = next(j for j, p in enumerate(row) if not 0.0 <= p <= 1.0)
            raise DataError(
                f"probabilities need to be between 0 and 1, got {row[j]!r} in row {i}, column {j}"
            )
        if len(row) > 1 and abs(sum(row) - 1.0) > 1e-5:
            raise DataError(f"probabilities need rows that sum to 1, got {fsum(row)!r} in row {i}")
    if len(P[0]) == 1:
        P = [[1.0 - p, p] for (p,) in P]
    numbers = column_numbers("probabilities", T, len(P[0]), labels)
    return [-log(min(max(row[t], _EPSILON), 1.0)) for row, t in zip(P, numbers)]


def classification_report(
    targets: object,
    predictions: object,
    labels: Sequence[Hashable] | None = None,
    names: Sequence[str] | None = None,
    digits: int = 2,
) -> str:
    """Return a table as text: precision, recall, F1 and support per class, accuracy and averages.

    `labels` orders the classes as in `confusion_matrix`; `names` are their names in the table. The
    layout is scikit-learn's.

    >>> print(classification_report([0, 0, 1], [0, 1, 1]).splitlines()[2])
               0       1.00      0.50      0.67         2
    """
    matrix = confusion_matrix(targets, predictions, labels)
    if names is None:
        names = [str(x) for x in (class_labels(targets, predictions) if labels is None else labels)]
    if len(names) != len(matrix):
        raise ShapeError(
            f"classification_report needs a name for each of the {len(matrix)} classes, "
            f"got {len(names)} names"
        )
    scores = class_scores(matrix)
    macro, weighted = _averaged(scores, False), _averaged(scores, True)
    first = max(map(len, [*names, "weighted avg"]))
    heads = ("precision", "recall", "f1-score", "support")

    def line(head: str, values: Sequence[float], support: int) -> str:
        shown = "".join(f" {value:>9.{digits}f}" for value in values)
        return f"{head:>{first}} {shown} {support:>9}"

    share = sum(matrix[i][i] for i in range(len(matrix))) / macro.support
    return "\n".join(
        [
            " " * first + " " + "".join(f" {head:>9}" for head in heads),
            "",
            *(line(name, values[:3], values[3]) for name, values in zip(names, zip(*scores))),
            "",
            f"{'accuracy':>{first}} " + " " * 20 + f" {share:>9.{digits}f} {macro.support:>9}",
            line("macro avg", macro[:3], macro.support),
            line("weighted avg", weighted[:3], weighted.support),
            "",
        ]
    )


def class_scores(matrix: Sequence[Sequence[int]]) -> ClassScores:
    """Return the scores of each class from a confusion matrix."""
    hits = [matrix[i][i] for i in range(len(matrix))]
    support = [sum(row) for row in matrix]
    predicted = [sum(column) for column in zip(*matrix)]
    return ClassScores(
        [_ratio(h, p) for h, p in zip(hits, predicted)],
        [_ratio(h, s) for h, s in zip(hits, support)],
        [_ratio(2 * h, p + s) for h, p, s in zip(hits, predicted, support)],
        support,
    )


def _averaged(scores: ClassScores, weighted: bool) -> AverageScores:
    weights = [float(s) for s in scores.support] if weighted else None
    precision, recall, f1 = (mean(values, weights) for values in scores[:3])
    return AverageScores(precision, recall, f1, sum(scores.support))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
