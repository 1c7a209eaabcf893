"""How good predictions are, in the numbers people know; always as (targets, predictions).

Classes may be given as labels (any hashable values, a flat sequence) or as rows: one-hot targets or
a network's outputs, read by `class_numbers` (the largest column; for a single column, whether it is
above ½). If one of the two is rows, the other needs rows or class numbers. A ratio with denominator
zero (the precision of a class never predicted, say) counts as 0.0.
"""

from __future__ import annotations

from math import fsum, inf, isfinite, log
from typing import (
    Any,
    Dict,
    Hashable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
    overload,
)

from .data.encoding import class_numbers
from .errors import DataError, SettingError, ShapeError
from .matrix import Matrix, Vector, transpose
from .tables import as_list, as_rows, as_vector, as_weights, same_length

_EPSILON = 2.0**-52  # the gap between 1.0 and the next float


class ClassScores(NamedTuple):
    """Precision, recall, F1 and number of targets (support) of each class, in the labels' order."""

    precision: Vector
    recall: Vector
    f1: Vector
    support: List[int]


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
    T, P = _label_pair(targets, predictions)
    return _mean([float(t == p) for t, p in zip(T, P)], _weights(sample_weight, T))


def top_k_accuracy(
    targets: object,
    scores: object,
    k: int = 2,
    labels: Optional[Sequence[Hashable]] = None,
    sample_weight: object = None,
) -> float:
    """Return the share of targets among the k highest scores of their row.

    Scores: one row per sample, one column per class; equal scores rank by column, the first first.
    `labels` names the columns; without it targets are class numbers, or the columns are the sorted
    distinct targets.

    Raises SettingError unless 1 ≤ k ≤ columns.

    >>> top_k_accuracy([2, 0], [[0.1, 0.5, 0.4], [0.2, 0.3, 0.5]], k=2)
    0.5
    """
    S = as_rows(scores, "scores")
    T = as_list(targets, "targets")
    same_length(targets=T, scores=S)
    if not isinstance(k, int) or not 1 <= k <= len(S[0]):
        raise SettingError(f"top_k_accuracy needs k from 1 to {len(S[0])} columns, got {k!r}")
    numbers = _column_numbers("scores", T, len(S[0]), labels)
    hits = []
    for t, row in zip(numbers, S):
        rank = sum(s > row[t] or (s == row[t] and j < t) for j, s in enumerate(row))
        hits.append(float(rank < k))
    return _mean(hits, _weights(sample_weight, T))


def class_labels(targets: object, predictions: object) -> List[Any]:
    """Return the distinct labels of both, sorted; in order of appearance if they cannot be.

    >>> class_labels(["dog", "cat"], ["dog", "bird"])
    ['bird', 'cat', 'dog']
    """
    T, P = _label_pair(targets, predictions)
    return _sorted_labels(T + P)


def confusion_matrix(
    targets: object, predictions: object, labels: Optional[Sequence[Hashable]] = None
) -> List[List[int]]:
    """Return C, where C[i][j] counts the samples of class i that were predicted as class j.

    Rows are true classes, columns predicted ones, both in the order of `labels`; without it, in
    that of `class_labels`.

    Raises DataError for a target or prediction that `labels` leaves out.

    >>> confusion_matrix([0, 0, 1, 2], [0, 1, 1, 2])
    [[1, 1, 0], [0, 1, 0], [0, 0, 1]]
    """
    T, P = _label_pair(targets, predictions)
    order = list(_sorted_labels(T + P) if labels is None else labels)
    place = _places(order)
    matrix = [[0] * len(order) for _ in order]
    for name, values in (("targets", T), ("predictions", P)):
        for i, value in enumerate(values):
            if value not in place:
                raise DataError(f"{name} need values that labels lists, got {value!r} in row {i}")
    for t, p in zip(T, P):
        matrix[place[t]][place[p]] += 1
    return matrix


@overload
def precision_recall_f1(
    targets: object,
    predictions: object,
    average: None = None,
    labels: Optional[Sequence[Hashable]] = None,
) -> ClassScores: ...


@overload
def precision_recall_f1(
    targets: object,
    predictions: object,
    average: str,
    labels: Optional[Sequence[Hashable]] = None,
) -> AverageScores: ...


def precision_recall_f1(
    targets: object,
    predictions: object,
    average: Optional[str] = None,
    labels: Optional[Sequence[Hashable]] = None,
) -> Union[ClassScores, AverageScores]:
    """Return precision, recall, F1 and support: per class, or averaged.

    Of one class, with TP true positives, FP false positives and FN false negatives: precision =
    TP / (TP + FP), recall = TP / (TP + FN), F1 = 2 TP / (2 TP + FP + FN), support = TP + FN.
    `average` None gives a list per class in the order of `labels` (or of `class_labels`); "macro"
    the plain mean over the classes; "weighted" the mean weighted by support; "micro" the ratios of
    the summed counts (all three equal the accuracy then).

    >>> precision_recall_f1([0, 0, 1, 1], [0, 1, 1, 1]).recall
    [0.5, 1.0]
    >>> precision_recall_f1([0, 0, 1, 1], [0, 1, 1, 1], average="macro").recall
    0.75
    """
    matrix = confusion_matrix(targets, predictions, labels)
    if average is None:
        return _class_scores(matrix)
    if average == "micro":
        total = sum(map(sum, matrix))
        share = sum(matrix[i][i] for i in range(len(matrix))) / total
        return AverageScores(share, share, share, total)
    if average not in ("macro", "weighted"):
        raise SettingError(
            f'average needs to be None, "macro", "weighted" or "micro", got {average!r}'
        )
    return _averaged(_class_scores(matrix), average == "weighted")


def roc_auc(targets: object, scores: object, labels: Optional[Sequence[Hashable]] = None) -> float:
    """Return the area under the ROC curve: the chance that a positive outscores a negative.

    By ranks (Mann and Whitney): AUC = (Σ ranks of positives − n₊(n₊ + 1)/2) / (n₊ n₋), equal scores
    sharing their mean rank, so that a tie counts ½. Two classes: `scores` is flat or one column (of
    the greater label), or two columns (the second counts). More: one column per class; the mean
    over the classes of each against the rest. `labels` names the columns as in `top_k_accuracy`.

    Raises DataError unless every class has a sample and none has all.
    Source: J. A. Hanley and B. J. McNeil, Radiology 143 (1982), 29-36.

    >>> roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    S = _score_rows(scores, "scores")
    T = as_list(targets, "targets")
    same_length(targets=T, scores=S)
    columns = transpose(S)
    width = max(len(columns), 2)
    numbers = _column_numbers("scores", T, width, labels)
    for c in range(width):
        if numbers.count(c) in (0, len(numbers)):
            got = "none" if c not in numbers else "only samples"
            raise DataError(f"roc_auc needs samples of every class, got {got} of class number {c}")
    if width == 2:
        return _binary_auc([t == 1 for t in numbers], columns[-1])
    return _mean([_binary_auc([t == c for t in numbers], columns[c]) for c in range(width)], None)


def log_loss(
    targets: object,
    probabilities: object,
    labels: Optional[Sequence[Hashable]] = None,
    sample_weight: object = None,
) -> float:
    """Return the mean of −ln p(target), in nats.

    Probabilities: one row per sample, one column per class, each row summing to 1; or, for two
    classes, flat or one column: the probability of the greater label. A probability below 2⁻⁵²
    counts as 2⁻⁵². `labels` names the columns as in `top_k_accuracy`.

    Raises DataError for a probability outside 0 … 1 and for a row that does not sum to 1 (to 1e-5).

    >>> round(log_loss([1, 0], [0.9, 0.2]), 6)
    0.164252
    """
    P = _score_rows(probabilities, "probabilities")
    T = as_list(targets, "targets")
    same_length(targets=T, probabilities=P)
    for i, row in enumerate(P):
        for j, p in enumerate(row):
            if not 0.0 <= p <= 1.0:
                raise DataError(
                    f"probabilities need to lie from 0 to 1, got {p!r} in row {i}, column {j}"
                )
        if len(row) > 1 and abs(fsum(row) - 1.0) > 1e-5:
            raise DataError(f"probabilities need rows that sum to 1, got {fsum(row)!r} in row {i}")
    if len(P[0]) == 1:
        P = [[1.0 - p, p] for (p,) in P]
    numbers = _column_numbers("probabilities", T, len(P[0]), labels)
    losses = [-log(min(max(row[t], _EPSILON), 1.0)) for row, t in zip(P, numbers)]
    return _mean(losses, _weights(sample_weight, T))


def mean_squared_error(targets: object, predictions: object, sample_weight: object = None) -> float:
    """Return the mean of (p − t)², over samples and outputs, in squared units of the targets.

    Targets and predictions: rows, or flat for one output; sample_weight weighs the samples.

    >>> mean_squared_error([1.0, 2.0], [[1.0], [4.0]])
    2.0
    """
    T, P = _number_pair(targets, predictions)
    errors = [_mean([(p - t) * (p - t) for t, p in zip(x, y)], None) for x, y in zip(T, P)]
    return _mean(errors, _weights(sample_weight, T))


def mean_absolute_error(
    targets: object, predictions: object, sample_weight: object = None
) -> float:
    """Return the mean of |p − t|, over samples and outputs, in the units of the targets.

    Targets and predictions: rows, or flat for one output; sample_weight weighs the samples.

    >>> mean_absolute_error([1.0, 2.0], [1.0, 4.0])
    1.0
    """
    T, P = _number_pair(targets, predictions)
    errors = [_mean([abs(p - t) for t, p in zip(x, y)], None) for x, y in zip(T, P)]
    return _mean(errors, _weights(sample_weight, T))


def r2_score(targets: object, predictions: object, sample_weight: object = None) -> float:
    """Return R² = 1 − Σ w (t − p)² / Σ w (t − mean t)², the share of the variance explained.

    1 is perfect, 0 as good as always predicting the mean, below 0 worse. Several outputs: the mean
    of their R². Constant targets leave nothing to explain: 1.0 if predicted exactly, else 0.0.

    Raises DataError for numbers whose squares exceed the floats.

    >>> r2_score([3.0, -0.5, 2.0, 7.0], [2.5, 0.0, 2.0, 8.0])  # scikit-learn's own example
    0.9486081370449679
    """
    T, P = _number_pair(targets, predictions)
    weights = _weights(sample_weight, T)
    scores = []
    for j, (t, p) in enumerate(zip(transpose(T), transpose(P))):
        center = _mean(t, weights)
        left = _mean([(a - b) * (a - b) for a, b in zip(t, p)], weights)
        spread = _mean([(a - center) * (a - center) for a in t], weights)
        if not isfinite(left + spread):
            raise DataError(
                f"r2_score needs numbers whose squares fit a float, got larger ones in column {j}"
            )
        scores.append(1.0 - left / spread if spread else float(not left))
    return _mean(scores, None)


def classification_report(
    targets: object,
    predictions: object,
    labels: Optional[Sequence[Hashable]] = None,
    names: Optional[Sequence[str]] = None,
    digits: int = 2,
) -> str:
    """Return a text table: precision, recall, F1 and support per class, accuracy and averages.

    `labels` orders the classes as in `confusion_matrix`, `names` are what the table calls them. The
    layout is scikit-learn's.

    >>> print(classification_report([0, 0, 1], [0, 1, 1]).splitlines()[2])
               0       1.00      0.50      0.67         2
    """
    matrix = confusion_matrix(targets, predictions, labels)
    if names is None:
        names = [str(x) for x in (class_labels(targets, predictions) if labels is None else labels)]
    if len(names) != len(matrix):
        raise ShapeError(
            f"classification_report needs a name for each of {len(matrix)} classes, "
            f"got {len(names)} names"
        )
    scores = _class_scores(matrix)
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


def _labels(values: object, name: str) -> Tuple[List[Any], int]:
    """Return the labels, and how many classes their rows can tell apart (0 if they are no rows)."""
    items = as_list(values, name)
    if not items:
        raise ShapeError(f"{name} need at least one row, got none")
    if all(_is_row(item) for item in items):
        rows = as_rows(items, name)
        return class_numbers(rows, name), max(len(rows[0]), 2)
    if all(
        isinstance(item, tuple) and all(isinstance(x, (float, int)) for x in item) for item in items
    ):
        raise DataError(
            f"{name} need labels or rows, and tuples of numbers could be either; "
            "make rows lists, or labels text"
        )
    for i, item in enumerate(items):
        if _is_row(item) or not isinstance(item, Hashable):
            raise DataError(
                f"{name} need labels that can be hashed, got a {type(item).__name__} in row {i}"
            )
        if item != item:
            raise DataError(f"{name} need labels, got {item!r} in row {i}; drop missing ones first")
    return items, 0


def _is_row(item: object) -> bool:
    if isinstance(item, list):
        return True
    return hasattr(item, "tolist") and getattr(item, "shape", None) != ()


def _label_pair(targets: object, predictions: object) -> Tuple[List[Any], List[Any]]:
    (T, t_width), (P, p_width) = _labels(targets, "targets"), _labels(predictions, "predictions")
    same_length(targets=T, predictions=P)
    if t_width and p_width and t_width != p_width:
        raise ShapeError(
            "targets and predictions need rows for the same classes, "
            f"got {t_width} and {p_width} classes"
        )
    if p_width and not t_width:
        _check_numbers("predictions", p_width, "targets", T)
    if t_width and not p_width:
        _check_numbers("targets", t_width, "predictions", P)
    return T, P


def _check_numbers(rows: str, width: int, flat: str, values: Sequence[Any]) -> None:
    for i, value in enumerate(values):
        if value not in range(width):
            raise DataError(
                f"{rows} are rows that tell {width} classes apart, so {flat} need class numbers "
                f"from 0 to {width - 1}, got {value!r} in row {i}"
            )


def _sorted_labels(values: Sequence[Any]) -> List[Any]:
    distinct = dict.fromkeys(values)
    try:
        return sorted(distinct)
    except TypeError:
        return list(distinct)


def _places(labels: Sequence[Any]) -> Dict[Any, int]:
    place = {label: i for i, label in enumerate(labels)}
    if len(place) != len(labels):
        raise SettingError(f"labels need to differ from each other, got {list(labels)!r}")
    return place


def _column_numbers(
    rows: str, targets: List[Any], width: int, labels: Optional[Sequence[Hashable]]
) -> List[int]:
    """Return the column of each target among `width` columns of scores."""
    T, t_width = _labels(targets, "targets")
    if labels is None and t_width in (0, width) and all(t in range(width) for t in T):
        return [int(t) for t in T]
    names = list(_sorted_labels(T) if labels is None else labels)
    if len(names) != width:
        raise ShapeError(
            f"{rows} need a column for each class, got {width} columns and {len(names)} classes; "
            "name the columns with labels=[...]"
        )
    place = _places(names)
    for i, t in enumerate(T):
        if t not in place:
            raise DataError(f"targets need values that labels lists, got {t!r} in row {i}")
    return [place[t] for t in T]


def _score_rows(scores: object, name: str) -> Matrix:
    """Return scores as rows; a flat sequence of numbers as one column."""
    items = as_list(scores, name)
    if items and not _is_row(items[0]) and not isinstance(items[0], tuple):
        return [[s] for s in as_vector(items, name)]
    return as_rows(items, name)


def _number_pair(targets: object, predictions: object) -> Tuple[Matrix, Matrix]:
    T, P = _score_rows(targets, "targets"), _score_rows(predictions, "predictions")
    same_length(targets=T, predictions=P)
    if len(T[0]) != len(P[0]):
        raise ShapeError(
            "targets and predictions need as many columns as each other, "
            f"got {len(T[0])} and {len(P[0])}"
        )
    return T, P


def _weights(sample_weight: object, targets: Sequence[Any]) -> Optional[Vector]:
    if sample_weight is None:
        return None
    weights = as_weights(sample_weight)
    same_length(**{"targets": targets, "sample weights": weights})
    return weights


def _mean(values: Sequence[float], weights: Optional[Vector]) -> float:
    """Return Σ w v / Σ w (w = 1 if there are no weights), infinite where the sum is."""
    try:
        if weights is None:
            return fsum(values) / len(values)
        return fsum([w * v for w, v in zip(weights, values)]) / fsum(weights)
    except OverflowError:
        return inf


def _class_scores(matrix: Sequence[Sequence[int]]) -> ClassScores:
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
    precision, recall, f1 = (_mean(values, weights) for values in scores[:3])
    return AverageScores(precision, recall, f1, sum(scores.support))


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _binary_auc(positive: Sequence[bool], scores: Sequence[float]) -> float:
    order = sorted(range(len(scores)), key=scores.__getitem__)
    positives = sum(positive)
    negatives = len(order) - positives
    twice_rank_sum = 0  # twice, so that the mean rank of a tie stays a whole number
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and scores[order[end]] == scores[order[start]]:
            end += 1
        twice_rank_sum += (start + end + 1) * sum(positive[i] for i in order[start:end])
        start = end
    return (twice_rank_sum - positives * (positives + 1)) / (2 * positives * negatives)
