"""An estimator's network alone, for file formats that hold nothing else."""

from __future__ import annotations

from typing import NamedTuple

from ..checks.finite import all_finite
from ..estimators import Classifier, Regressor
from ..lesson.layer import Layer
from ..lesson.layers import Dense
from ..lesson.matrix import Matrix, Vector
from ..lesson.network import Sequential
from ..preprocessing.columns import NumberColumn
from .steps import Description, describe


class Bare(NamedTuple):
    """The network of an estimator.

    network: takes rows of numbers and returns a classifier's probabilities (of two classes, that of
             the second) or a regressor's answers
    inputs:  the names of its columns, in order
    raw:     whether these are the table's own numbers, with their scaling in the first layer; else
             the caller needs to scale and encode them
    scaled:  of a regressor, whether the outputs are still in standard units
    unlinked: the function that makes answers of the outputs in their own units, if any
    """

    network: Sequential
    inputs: list[str]
    raw: bool
    scaled: bool
    unlinked: str


def bare(model: Classifier | Regressor) -> Bare:
    """Return an estimator's network, with scaling folded into its Dense layers where possible.

    (x − m) / s, column by column, before X W + b is a Dense layer with the weights W / s and the
    bias b − (m / s) W; y · s + m after it is one with W s and b s + m. It is not possible with
    categories or columns that mark missing cells, or where the first or last layer is not Dense.
    """
    known = describe(model)
    layers: list[Layer] = list(model.network_.layers)
    raw = known.numbers_only
    if raw:
        first = _first(layers[0], known)
        raw = first is not None
        layers[0] = first or layers[0]
    scaled = known.kind == "regressor"
    if scaled and isinstance(layers[-1], Dense):
        layers[-1] = _last(layers[-1], known)
        scaled = False
    names = [name for column in known.columns for name in column.feature_names()]
    return Bare(Sequential(*layers), names, raw, scaled, known.unlinked)


def _first(layer: Layer, known: Description) -> Dense | None:
    if not isinstance(layer, Dense):
        return None
    scales = [(c.shift, c.scale) for c in known.columns if isinstance(c, NumberColumn)]
    W = [[w / s for w in row] for row, (_, s) in zip(layer.W, scales)]
    b = layer.b or [0.0] * layer.outputs
    for row, (m, s) in zip(layer.W, scales):
        b = [b_j - m / s * w for b_j, w in zip(b, row)]
    return _dense(W, b) if all(map(all_finite, [*W, b])) else None


def _last(layer: Dense, known: Description) -> Dense:
    W = [[w * s for w, s in zip(row, known.scales)] for row in layer.W]
    b = layer.b or [0.0] * layer.outputs
    return _dense(W, [b_j * s + m for b_j, s, m in zip(b, known.scales, known.means)])


def _dense(W: Matrix, b: Vector) -> Dense:
    return Dense(len(W), len(b), weights=W, bias=b)
