"""Checks of what metrics take: labels or rows of classes, scores, numbers, sample weights.

Classes may be given as labels (any hashable values, in a flat sequence) or as rows: one-hot targets
or a network's outputs, read by `class_numbers` (the largest column; for a single column, whether it
is above ½). If targets or predictions are rows, the others need to be rows or class numbers.
"""

from __future__ import annotations

from math import fsum, inf
from operator import mul
from typing import Any, Hashable, Iterable, Sequence

from ..checks.rows import as_list, as_rows, as_vector, as_weights, same_length
from ..data.encoding import class_numbers
from ..errors import DataError, SettingError, ShapeError
from ..lesson.matrix import Matrix, Vector, transpose

_PLAIN_LABELS = {str, int, bool}  # which need no further checks


def _labels(values: object, name: str) -> tuple[list[Any], int]:
    """Return the labels, and how many classes their rows have (0 if they are not rows)."""
    items = as_list(values, name)
    if not items:
        raise ShapeError(f"{name} need at least one row, got none")
    if set(map(type, items)) <= _PLAIN_LABELS:
        return items, 0
    if all(_is_row(item) for item in items):
        rows = as_rows(items, name)
        return class_numbers(rows, name), max(len(rows[0]), 2)
    if all(
        isinstance(item, tuple) and all(isinstance(x, (float, int)) for x in item) for item in items
    ):
        raise DataError(
            f"{name} need labels or rows, got tuples of numbers, which could be either; "
            "make rows lists, or labels text"
        )
    for i, item in enumerate(items):
        if _is_row(item) or not isinstance(item, Hashable):
            raise DataError(f"{name} need hashable labels, got a {type(item).__name__} in row {i}")
        if item != item:
            raise DataError(f"{name} need labels, got {item!r} in row {i}; drop missing ones first")
    return items, 0


def _is_row(item: object) -> bool:
    if isinstance(item, list):
        return True
    return hasattr(item, "tolist") and getattr(item, "shape", None) != ()


def label_pair(targets: object, predictions: object) -> tuple[list[Any], list[Any]]:
    (T, t_width), (P, p_width) = _labels(targets, "targets"), _labels(predictions, "predictions")
    same_length(targets=T, predictions=P)
    if t_width and p_width and t_width != p_width:
        raise ShapeError(
            f"targets and predictions need the same number of classes, got {t_width} and {p_width}"
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
                f"{flat} need class numbers from 0 to {width - 1}, since {rows} have {width} "
                f"classes, got {value!r} in row {i}"
            )


def sorted_labels(values: Sequence[Any]) -> list[Any]:
    distinct = dict.fromkeys(values)
    try:
        return sorted(distinct)
    except TypeError:
        return list(distinct)


def label_indices(labels: Sequence[Any]) -> dict[Any, int]:
    index = {label: i for i, label in enumerate(labels)}
    if len(index) != len(labels):
        raise SettingError(f"labels need to be distinct, got {list(labels)!r}")
    return index


def column_numbers(
    rows: str, targets: list[Any], width: int, labels: Sequence[Hashable] | None
) -> list[int]:
    """Return the column of each target among `width` columns of scores."""
    T, t_width = _labels(targets, "targets")
    if labels is None and t_width in (0, width) and all(t in range(width) for t in T):
        return [int(t) for t in T]
    names = list(sorted_labels(T) if labels is None else labels)
    if len(names) != width:
        raise ShapeError(
            f"{rows} need a column for each class, got {width} columns and {len(names)} classes; "
            "name the columns with labels=[...]"
        )
    index = label_indices(names)
    for i, t in enumerate(T):
        if t not in index:
            raise DataError(f"targets need to be among the labels, got {t!r} in row {i}")
    return [index[t] for t in T]


def score_rows(scores: object, name: str) -> Matrix:
    """Return scores as rows; a flat sequence of numbers becomes one column."""
    items = as_list(scores, name)
    if _is_flat(items):
        return [[s] for s in as_vector(items, name)]
    return as_rows(items, name)


def number_columns(targets: object, predictions: object) -> list[tuple[Vector, Vector]]:
    """Return (targets, predictions) of each column; flat sequences of numbers are one column."""
    T, P = _columns(targets, "targets"), _columns(predictions, "predictions")
    same_length(targets=T[0], predictions=P[0])
    if len(T) != len(P):
        raise ShapeError(
            f"targets and predictions need the same number of columns, got {len(T)} and {len(P)}"
        )
    return list(zip(T, P))


def _columns(numbers: object, name: str) -> list[Vector]:
    items = as_list(numbers, name)
    if _is_flat(items):
        return [as_vector(items, name)]
    return transpose(as_rows(items, name))


def _is_flat(items: Sequence[Any]) -> bool:
    return bool(items) and not _is_row(items[0]) and not isinstance(items[0], tuple)


def sample_weights(sample_weight: object, targets: Sequence[Any]) -> Vector | None:
    if sample_weight is None:
        return None
    weights = as_weights(sample_weight)
    same_length(**{"targets": targets, "sample weights": weights})
    return weights


def mean(values: Sequence[float], weights: Vector | None) -> float:
    """Return Σ w v / Σ w (w = 1 without weights), or infinity if it does not fit a float."""
    if weights is None:
        weights = [1.0] * len(values)
    total = fsum(weights)
    found = _sum(map(mul, weights, values)) / total
    return found if found < inf else _sum([w / total * v for w, v in zip(weights, values)])


def _sum(values: Iterable[float]) -> float:
    try:
        return fsum(values)
    except OverflowError:
        return inf
