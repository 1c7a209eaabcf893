"""Training data, checked completely before anything changes."""

from __future__ import annotations

import warnings
from typing import Dict, NamedTuple, Sequence, Union

from ..checks.rows import as_list, as_rows, as_vector, as_weights, same_length
from ..checks.settings import number
from ..errors import DataError, DivergenceError, SettingError, ShapeError
from ..lesson.layer import Layer
from ..lesson.loss import Loss
from ..lesson.matrix import Matrix, Rows, Vector
from ..lesson.network import Sequential
from ..lesson.random_streams import stream
from ..lesson.samples import Steps

ClassWeight = Union[str, Dict[int, float], None]
SLACK = 1e-9  # how far outside an activation's range a target may be, since scaling rounds
_CONSTANT = ("Softmax", "LogSoftmax", "LayerNorm")  # over one column: 1, 0, beta
LARGE_INPUT = 100.0  # a column with a larger mean size was most likely not scaled


class UnscaledInputWarning(UserWarning):
    """Inputs so large that training will most likely be slow, or diverge."""


class ConstantLayerWarning(UserWarning):
    """A layer that gives the same for every row, so that the network cannot learn."""


class TrainingData(NamedTuple):
    """Rows of inputs, rows of targets, and one weight per row or None."""

    X: Matrix
    T: Matrix
    weights: Vector | None

    def take(self, numbers: list[int]) -> TrainingData:
        """Return a data set of the rows at these indices."""
        weights = self.weights and [self.weights[i] for i in numbers]
        return type(self)([self.X[i] for i in numbers], [self.T[i] for i in numbers], weights)

    def flat(self) -> TrainingData:
        """Return all rows of inputs, all rows of targets, and the weight of each of these."""
        return self

    def size(self, batch: Sequence[int]) -> float:
        """Return the weight of these rows in a mean over all rows: their number or weights."""
        if self.weights is None:
            return float(len(batch))
        return sum([self.weights[i] for i in batch])


def check_pair(model: Sequential, loss: Loss) -> None:
    """Raise SettingError if the loss cannot take the outputs of the network's last layer."""
    last = model.layers[-1]
    if loss.partner is None:
        return
    if loss.from_logits and type(last).__name__ == loss.partner:
        raise SettingError(
            f"{loss!r} applies {loss.partner} itself and needs a network without it, "
            f"got {last!r} as the last layer; leave out one of the two"
        )
    if not loss.from_logits and not (last.low >= 0.0 and last.high <= 1.0):
        raise SettingError(
            f"{type(loss).__name__} needs outputs between 0 and 1, got {last!r} as the last layer; "
            f"add {loss.partner}() to the network, or use {type(loss).__name__}(from_logits=True)"
        )


def checked_rows(
    model: Sequential,
    loss: Loss,
    inputs: Rows,
    targets: object,
    sample_weight: object = None,
    class_weight: ClassWeight = None,
    what: str = "",
) -> TrainingData:
    """Return checked copies of a data set; `what` ("validation ") precedes names in messages.

    Targets may also be a flat list: of class numbers for a cross-entropy over several outputs,
    otherwise of a single output's targets.

    Raises ShapeError or DataError, naming the row and column of what cannot be used.
    """
    X = as_rows(inputs, f"{what}inputs", model.inputs)
    columns = len(X[0]) if model.outputs is None else model.outputs
    T = _target_rows(columns, loss, targets, f"{what}targets")
    same_length(**{f"{what}inputs": X, f"{what}targets": T})
    _check_reach(model.layers[-1], loss, T, f"{what}targets")
    weights = None
    if sample_weight is not None:
        weights = as_weights(sample_weight, f"{what}sample weights")
        pair: dict[str, Vector | Matrix] = {f"{what}inputs": X, f"{what}sample weights": weights}
        same_length(**pair)
    if class_weight is not None:
        weights = _class_weighted(T, weights, class_weight)
        weights = as_weights(weights, f"{what}weights of samples and classes")
    return TrainingData(X, T, weights)


def data_of_rows(
    model: Sequential,
    loss: Loss,
    inputs: Rows,
    targets: object,
    sample_weight: object = None,
    class_weight: ClassWeight = None,
    what: str = "",
) -> TrainingData:
    """Return `checked_rows`, with targets and weights of 0 for rows that the loss ignores.

    Raises SettingError for a network of sequences, whose steps are no rows that are on their own.
    """
    if model.reads_steps and not isinstance(inputs, Steps):
        first = next(layer for layer in model.layers if layer.reads_steps)
        raise SettingError(f"this needs a network of rows, got {first!r}, which reads sequences")
    ignored = getattr(loss, "ignore_index", None)
    if ignored is None:
        return checked_rows(model, loss, inputs, targets, sample_weight, class_weight, what)
    listed = as_list(targets, f"{what}targets")
    at = {i for i, t in enumerate(listed) if not _holds_numbers(type(t)) and t == ignored}
    classes = model.outputs or 0
    if at and 0 <= ignored < classes:
        raise SettingError(
            f"{type(loss).__name__} needs an ignore_index that is not one of the {classes} "
            f"classes, got {ignored}"
        )
    listed = [0 if i in at else t for i, t in enumerate(listed)]
    if not at and all(any(t) if _holds_numbers(type(t)) else True for t in listed):
        return checked_rows(model, loss, inputs, listed, sample_weight, class_weight, what)
    data = checked_rows(model, loss, inputs, listed, sample_weight, None, what)
    T = [[0.0] * len(t) if i in at else t for i, t in enumerate(data.T)]
    weights = [w * any(t) for w, t in zip(data.weights or [1.0] * len(T), T)]
    kept = [i for i, t in enumerate(T) if any(t)]
    if class_weight is not None and kept:
        known = _class_weighted([T[i] for i in kept], [weights[i] for i in kept], class_weight)
        for i, weight in zip(kept, known):
            weights[i] = weight
    return data._replace(T=T, weights=as_weights(weights, f"{what}weights of rows with a class"))


def check_smallest_batch(model: Sequential, rows: int, where: str) -> None:
    """Raise ShapeError if a layer needs more rows for training than the smallest batch has."""
    least = max(layer.least_rows for layer in model.layers)
    if rows < least:
        raise ShapeError(
            f"the network needs at least {least} rows in each batch, got {rows} in {where}; "
            "choose a different batch_size"
        )


def check_classes(loss: Loss, T: Matrix) -> None:
    """Raise DataError if all targets of a classification, when several, are the same class."""
    if len(T) < 2 or any(t != T[0] for t in T):
        return
    if len(T[0]) == 1 and T[0][0] in {"Sigmoid": (0.0, 1.0), "Softmax": (1.0,)}.get(
        loss.partner or "", (-1.0, 1.0) if loss.name == "hinge" else ()
    ):
        only = f"{T[0][0]:g}"
    elif len(T[0]) > 1 and loss.partner == "Softmax" and max(T[0]) == 1.0:
        only = f"{T[0].index(1.0)}"
    else:
        return
    raise DataError(
        f"{type(loss).__name__} needs targets of at least two classes to learn from, "
        f"got class {only} in all {len(T)} rows"
    )


def warn_constant(model: Sequential) -> None:
    """Warn of a layer that gives the same for every row, so that nothing before it can learn."""
    columns = model.inputs
    for i, layer in enumerate(model.layers):
        columns = layer.build(columns, stream(0))
        if columns == 1 and type(layer).__name__ in _CONSTANT:
            warnings.warn(
                f"layer {i}, {layer!r}, has one column and gives the same for every row, so the "
                "network cannot learn; for one probability, end with Sigmoid(), and with Softmax() "
                "for one of each class; leave out a normalization of one column",
                ConstantLayerWarning,
                stacklevel=4,
            )


def warn_unscaled(X: Matrix) -> None:
    """Warn of the first column of inputs that is too large for networks to learn from well."""
    # Row by row, since a row is in the processor's cache the second time.
    if all(max(x) <= LARGE_INPUT and min(x) >= -LARGE_INPUT for x in X):
        return
    for j, column in enumerate(zip(*X)):
        size = sum(map(abs, column)) / len(column)
        if size > LARGE_INPUT:
            warnings.warn(
                f"inputs in column {j} have a mean size of {size:.4g}: networks learn badly from "
                "numbers far from 1; scale them first, for example with StandardScaler",
                UnscaledInputWarning,
                stacklevel=5,
            )
            return


def divergence(
    what: str, epoch: int, batch: int, learning_rate: float, X: Matrix, history: object
) -> DivergenceError:
    """Return the error that says what happened, where, and the most likely cause."""
    size, i, j = max((abs(x), i, j) for i, row in enumerate(X) for j, x in enumerate(row))
    error = DivergenceError(
        f"training diverged in epoch {epoch}, batch {batch}: {what}. The network keeps its last "
        f"finite weights. The learning rate was {learning_rate:g}, the largest input is {size:.4g} "
        f"in row {i}, column {j}; lower the rate, scale the inputs, or set clip_norm"
    )
    error.epoch, error.batch, error.history = epoch, batch, history
    return error


def _holds_numbers(kind: type) -> bool:
    """Return whether objects of this kind are rows; MicroPython's types hide their `__len__`."""
    if issubclass(kind, (list, tuple)):
        return True
    return hasattr(kind, "__len__") and not issubclass(kind, (str, bytes))


def _target_rows(columns: int, loss: Loss, targets: object, name: str) -> Matrix:
    """Return the targets as rows of `columns` numbers; a flat list becomes one column, or one-hot.

    Raises ShapeError or DataError for targets that fit neither the network nor the loss.
    """
    listed = as_list(targets, name)
    kinds = set(map(type, listed))
    flat = not any(map(_holds_numbers, kinds))
    classes = loss.partner == "Softmax" and columns > 1
    if not flat:
        if classes and isinstance(listed[0], (list, tuple)) and len(listed[0]) == 1:
            raise ShapeError(
                f"{name} need {columns} columns, got 1; give class numbers as a flat list"
            )
        return as_rows(listed, name, columns)
    values = as_vector(listed, name)
    if not classes:
        if columns > 1:
            raise ShapeError(f"{name} need {columns} columns, got a flat list of numbers")
        return [[value] for value in values]
    rows = {float(k): [float(j == k) for j in range(columns)] for k in range(columns)}
    if not set(values) <= set(rows):
        i, value = next((i, value) for i, value in enumerate(values) if value not in rows)
        raise DataError(
            f"{name} need class numbers from 0 to {columns - 1}, got {value:g} in row {i}"
        )
    return [list(rows[value]) for value in values]


def _check_reach(last: Layer, loss: Loss, T: Matrix, name: str) -> None:
    """Raise DataError for a target that the loss cannot take or the last layer cannot reach."""
    # Most rows of classes are equal, and checking them once is enough.
    checked = type(loss).check_target is not Loss.check_target
    if checked and any(map(loss.check_target, map(list, set(map(tuple, T))))):
        i, trouble = next((i, x) for i, x in enumerate(map(loss.check_target, T)) if x)
        j, wanted = trouble
        raise DataError(
            f"{type(loss).__name__} needs {wanted}, "
            f"got {T[i][j]!r} in row {i}, column {j} of {name}"
        )
    if loss.partner is not None or loss.name == "hinge":
        return
    low, high = last.low - SLACK, last.high + SLACK
    if low <= min(map(min, T)) and max(map(max, T)) <= high:
        return
    for i, t in enumerate(T):
        if not (low <= min(t) and max(t) <= high):
            j = next(j for j, t_j in enumerate(t) if not low <= t_j <= high)
            reach = f"from {last.low:.6g} to {last.high:.6g}"
            raise DataError(
                f"{name} need to be within the range of the last layer, {last!r}, {reach}, "
                f"got {t[j]!r} in row {i}, column {j}; scale the targets, or end with a Dense layer"
            )


def _class_weighted(T: Matrix, weights: Vector | None, class_weight: ClassWeight) -> Vector:
    """Return the sample weights times the weight of each sample's class.

    "balanced" weighs a class by n / (classes · its count). Source: King and Zeng (2001).
    """
    classes = [t.index(max(t)) if len(t) > 1 else int(t[0] > 0.5) for t in T]
    table: dict[int, float] = {}
    if class_weight == "balanced":
        counts = {k: classes.count(k) for k in set(classes)}
        table = {k: len(T) / (len(counts) * count) for k, count in counts.items()}
    elif isinstance(class_weight, dict):
        columns = max(2, len(T[0]))
        for k, weight in class_weight.items():
            if k not in range(columns):
                raise SettingError(
                    f"class_weight needs class numbers from 0 to {columns - 1}, got {k!r}"
                )
            table[int(k)] = number("class_weight", f"the weight of class {k}", weight, least=0)
    else:
        raise SettingError(
            'class_weight needs to be "balanced" or a dictionary of class number to weight, '
            f"got {class_weight!r}"
        )
    factors = [table.get(k, 1.0) for k in classes]
    return factors if weights is None else [w * f for w, f in zip(weights, factors)]
