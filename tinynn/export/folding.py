"""An estimator's network alone, for file formats that hold nothing else."""

from __future__ import annotations

from typing import NamedTuple

from ..checks.finite import all_finite
from ..estimators import Classifier, Regressor
from ..importers.assembly import batch_norm
from ..lesson.layer import Layer
from ..lesson.layers import Dense
from ..lesson.matrix import Matrix, Vector
from ..lesson.network import Sequential
from ..preprocessing.columns import NumberColumn
from .float32 import FAR, nearest_float32
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

    Where a column is far from 0 (years, Unix times), x W / s and (m / s) W are large and nearly
    equal, and float32 keeps nothing of their difference. There, a layer that subtracts the means
    comes first, each rounded to float32, and the bias makes up for the rounding.
    """
    known = describe(model)
    layers: list[Layer] = list(model.network_.layers)
    raw = known.numbers_only
    if raw:
        first = _first(layers[0], known)
        raw = bool(first)
        layers[:1] = first or layers[:1]
    scaled = known.kind == "regressor"
    if scaled and isinstance(layers[-1], Dense):
        layers[-1] = _last(layers[-1], known)
        scaled = False
    names = [name for column in known.columns for name in column.feature_names()]
    return Bare(Sequential(*layers), names, raw, scaled, known.unlinked)


def _first(layer: Layer, known: Description) -> list[Layer]:
    """Return the layers that take a table's own numbers in place of the first, [] if none can."""
    if not isinstance(layer, Dense):
        return []
    scales = [(c.shift, c.scale) for c in known.columns if isinstance(c, NumberColumn)]
    W = [[w / s for w in row] for row, (_, s) in zip(layer.W, scales)]
    b = layer.b or [0.0] * layer.outputs
    layers: list[Layer] = []
    far = any(abs(m) > FAR * s for m, s in scales)
    means = [nearest_float32(m) if far else 0.0 for m, _ in scales]
    if far:
        layers.append(batch_norm("the scaling", means, [1.0] * len(means), None, None, eps=0.0))
    for row, (m, s), mean in zip(layer.W, scales, means):
        b = [b_j - (m - mean) / s * w for b_j, w in zip(b, row)]
    return [*layers, _dense(W, b)] if all(map(all_finite, [*W, b, means])) else []


def _last(layer: Dense, known: Description) -> Dense:
    W = [[w * s for w, s in zip(row, known.scales)] for row in layer.W]
    b = layer.b or [0.0] * layer.outputs
    return _dense(W, [b_j * s + m for b_j, s, m in zip(b, known.scales, known.means)])


def _dense(W: Matrix, b: Vector) -> Dense:
    return Dense(len(W), len(b), weights=W, bias=b)
