"""Training data, checked whole before anything is changed by it."""

from __future__ import annotations

import warnings
from typing import Dict, List, NamedTuple, Optional, Union

from .errors import DataError, SettingError
from .layers import Layer
from .losses import Loss
from .matrix import Matrix, Rows, Vector
from .network import Sequential
from .tables import as_rows, as_vector, same_length

ClassWeight = Union[str, Dict[int, float], None]
LARGE_INPUT = 100.0  # a column whose mean size is beyond this was most likely not scaled


class UnscaledInputWarning(UserWarning):
    """Inputs so large that training will most likely be slow, or diverge."""


class TrainingData(NamedTuple):
    """Rows of inputs, rows of targets, and one weight per row or None."""

    X: Matrix
    T: Matrix
    weights: Optional[Vector]

    def take(self, numbers: List[int]) -> TrainingData:
        """Return the data set of these rows."""
        weights = self.weights and [self.weights[i] for i in numbers]
        return TrainingData([self.X[i] for i in numbers], [self.T[i] for i in numbers], weights)


def check_pair(model: Sequential, loss: Loss) -> None:
    """Raise SettingError if the loss cannot read what the network's last layer puts out."""
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


def prepare(
    model: Sequential,
    loss: Loss,
    inputs: Rows,
    targets: object,
    sample_weight: object = None,
    class_weight: ClassWeight = None,
    what: str = "",
) -> TrainingData:
    """Return checked copies of a data set; `what` ("validation ") stands before names in messages.

    Targets may also be a flat list: of class numbers for a cross-entropy over several outputs, else
    of the one output's targets.

    Raises ShapeError or DataError that names the row and column of what cannot be used.
    """
    X = as_rows(inputs, f"{what}inputs", model.inputs)
    T = _target_rows(model, loss, targets, f"{what}targets")
    same_length(**{f"{what}inputs": X, f"{what}targets": T})
    _check_reach(model.layers[-1], loss, T, f"{what}targets")
    weights = None
    if sample_weight is not None:
        weights = as_vector(sample_weight, f"{what}sample weights")
        pair: Dict[str, Vector | Matrix] = {f"{what}inputs": X, f"{what}sample weights": weights}
        same_length(**pair)
        for i, weight in enumerate(weights):
            if weight < 0.0:
                raise DataError(
                    f"{what}sample weights need to be at least 0, got {weight} in row {i}"
                )
        if not any(weights):
            raise DataError(f"{what}sample weights need at least one above 0, got only zeros")
    if class_weight is not None:
        weights = _class_weighted(T, weights, class_weight)
    return TrainingData(X, T, weights)


def check_classes(loss: Loss, T: Matrix) -> None:
    """Raise DataError if all of several targets of a classification are one and the same class."""
    if loss.partner is None or len(T) < 2 or any(t != T[0] for t in T):
        return
    if len(T[0]) == 1 and T[0][0] in (0.0, 1.0):
        only = f"{T[0][0]:g}"
    elif len(T[0]) > 1 and loss.partner == "Softmax" and max(T[0]) == 1.0:
        only = f"{T[0].index(1.0)}"
    else:
        return
    raise DataError(
        f"{type(loss).__name__} needs targets of at least two classes to learn from, "
        f"got class {only} in all {len(T)} rows"
    )


def warn_unscaled(X: Matrix) -> None:
    """Warn, with its number, of a column of inputs much larger than networks learn from."""
    for j, column in enumerate(zip(*X)):
        size = sum(map(abs, column)) / len(column)
        if size > LARGE_INPUT:
            warnings.warn(
                f"inputs in column {j} have a mean size of {size:.4g}: networks learn badly from "
                "numbers far from 1; scale them first, with StandardScaler for example",
                UnscaledInputWarning,
                stacklevel=4,
            )
            return


def largest_input(X: Matrix) -> str:
    """Return in words where the largest input is, for the message of a divergence."""
    size, i, j = max((abs(x), i, j) for i, row in enumerate(X) for j, x in enumerate(row))
    return f"the largest input is {size:.4g}, in row {i}, column {j}"


def _target_rows(model: Sequential, loss: Loss, targets: object, name: str) -> Matrix:
    listed = targets.tolist() if hasattr(targets, "tolist") else targets
    flat = (
        isinstance(listed, (list, tuple))
        and len(listed) > 0
        and not any(hasattr(target, "__len__") for target in listed)
    )
    if not flat:
        return as_rows(listed, name, model.outputs)
    numbers = as_vector(listed, name)
    columns = model.outputs or 1
    if loss.partner != "Softmax" or columns == 1:
        return [[number] for number in numbers]
    for i, number in enumerate(numbers):
        if number not in range(columns):
            raise DataError(
                f"{name} need class numbers from 0 to {columns - 1}, got {number:g} in row {i}"
            )
    return [[float(j == number) for j in range(columns)] for number in numbers]


def _check_reach(last: Layer, loss: Loss, T: Matrix, name: str) -> None:
    """Raise DataError for a target that the loss, or the last layer's outputs, can never meet."""
    for i, t in enumerate(T):
        trouble = loss.check_target(t)
        if trouble:
            j, wanted = trouble
            raise DataError(
                f"{type(loss).__name__} needs {wanted}, "
                f"got {t[j]:g} in row {i}, column {j} of {name}"
            )
    if loss.partner is not None or loss.name == "hinge":
        return
    low, high = last.low, last.high
    for i, t in enumerate(T):
        if not (low <= min(t) and max(t) <= high):
            j = next(j for j, t_j in enumerate(t) if not low <= t_j <= high)
            reach = f"from {low:.6g} to {high:.6g}"
            raise DataError(
                f"{name} need to lie within reach of the last layer, {last!r}, {reach}, "
                f"got {t[j]:g} in row {i}, column {j}; scale the targets, or end with a Dense layer"
            )


def _class_weighted(T: Matrix, weights: Optional[Vector], class_weight: ClassWeight) -> Vector:
    """Return the sample weights times the weight of each sample's class.

    "balanced" weighs a class by n / (classes · its count). Source: King and Zeng (2001).
    """
    classes = [t.index(max(t)) if len(t) > 1 else int(t[0] > 0.5) for t in T]
    if class_weight == "balanced":
        counts: Dict[int, int] = {}
        for number in classes:
            counts[number] = counts.get(number, 0) + 1
        table = {number: len(T) / (len(counts) * count) for number, count in counts.items()}
    elif isinstance(class_weight, dict):
        table = {int(number): float(weight) for number, weight in class_weight.items()}
        for number, weight in table.items():
            if not 0.0 <= weight < float("inf"):
                raise SettingError(
                    f"class_weight needs weights of at least 0, got {weight} for class {number}"
                )
    else:
        raise SettingError(
            'class_weight needs to be "balanced" or a dictionary of class number to weight, '
            f"got {class_weight!r}"
        )
    factors: List[float] = [table.get(number, 1.0) for number in classes]
    return factors if weights is None else [w * f for w, f in zip(weights, factors)]
