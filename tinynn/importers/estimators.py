"""Estimators made of an imported network: its encoder, its labels or numbers, its layers."""

from __future__ import annotations

from typing import Any, Sequence, Tuple, Union

from ..errors import FormatError
from ..estimators import Classifier, Regressor
from ..estimators.design import activations
from ..estimators.number_targets import Numbers
from ..estimators.storage import assembled
from ..estimators.targets import Labels
from ..lesson.activation_layers import Linear, Sigmoid
from ..lesson.layer import Layer
from ..lesson.layers import Dense
from ..lesson.network import Sequential
from ..preprocessing import NumberColumn, TableEncoder
from ..preprocessing.saved_columns import column_to_dict
from .imported import Imported

Shape = Tuple[Tuple[int, ...], Union[str, Tuple[str, ...]]]


def estimator_of(
    encoder: TableEncoder,
    network: Sequential,
    classes: Sequence[Any] | None,
    several: bool,
    where: str,
) -> Classifier | Regressor:
    """Return the estimator of an encoder and a network: of these classes, or else of numbers.

    `several` classes may be on at once, each with an output of its own. A regressor's network gives
    numbers in the targets' own units. Raises FormatError for parts that do not match; messages call
    the source `where`.
    """
    shape = shape_of(network.layers)
    if classes is None:
        outputs = network.outputs or 0
        scaler = {"mean": [0.0] * outputs, "variance": [1.0] * outputs, "count": 1}
        state = {"scaler": {"kind": "StandardScaler", **scaler}, "flat": outputs == 1}
        return assembled(Regressor(*shape), encoder, Numbers.from_dict(state), network, where)
    counts = [0] * len(classes)
    labels = Labels.from_dict({"classes": list(classes), "counts": counts, "multilabel": several})
    return assembled(Classifier(*shape), encoder, labels, network, where)


def estimator_of_imported(source: Imported, where: str) -> Classifier | Regressor:
    """Return the estimator for rows of numbers that predicts as an imported network.

    It is a classifier if the network's classes are known. Raises FormatError for a network that
    does not say how many columns it takes; messages call the source `where`.
    """
    network = source.network
    if network.inputs is None or network.outputs is None:
        raise FormatError(f"{where} does not say how many columns it needs")
    names = source.inputs or [f"x{j}" for j in range(network.inputs)]
    several = network.outputs > 1 and isinstance(network.layers[-1], Sigmoid)
    encoder = encoder_of_numbers(names)
    return estimator_of(encoder, network, source.classes, several, where)


def encoder_of_numbers(names: Sequence[str], missing: Sequence[Any] = ()) -> TableEncoder:
    """Return the encoder of rows of numbers with these names, which it leaves as they are."""
    columns = [
        NumberColumn(name, "as in the file", None, 0.0, 1.0, 0.0, 0.0, False, 0, 0)
        for name in names
    ]
    state = TableEncoder(missing=missing).to_dict()
    state["columns"] = [column_to_dict(column) for column in columns]
    return TableEncoder.from_dict(state)


def shape_of(layers: Sequence[Layer]) -> Shape:
    """Return the sizes of the hidden layers, and their activations where an estimator has them."""
    names = {kind: name for name, kind in reversed(list(activations().items()))}
    sizes, found = [], []
    for layer, after in zip(layers, [*layers[1:], Linear()]):
        if isinstance(layer, Dense):
            sizes.append(layer.outputs)
            found.append(names.get(type(after), "identity"))
    hidden = tuple(found[:-1])
    return tuple(sizes[:-1]), hidden if len(set(hidden)) > 1 else (*hidden, "relu")[0]
