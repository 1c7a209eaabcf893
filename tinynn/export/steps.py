"""A trained model in plain numbers and words: what those who write it as code start from.

Everything between a raw row and the answer is in a `Description`; a writer goes through it once and
looks at nothing else. What it cannot hold is refused by name.
"""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple, Sequence, Union

from ..engines.plans import Frozen, frozen, unknown_layer
from ..errors import FormatError, SettingError
from ..estimators.base import Estimator
from ..estimators.parameters import raise_not_fitted
from ..estimators.targets import Labels, Numbers
from ..lesson.matrix import Vector
from ..lesson.network import Sequential
from ..preprocessing.cells import Reader, reader
from ..preprocessing.columns import CategoryColumn, Column, NumberColumn

Label = Union[str, int, float, bool]
_LABELS = (str, int, float, bool)


class Description(NamedTuple):
    """How a row becomes an answer.

    kind:        "network" (numbers in, numbers out), "classifier" or "regressor"
    columns:     what becomes of each cell of a row, in order; none for a network. A `NumberColumn`
                 gives (x − shift) / scale, its `median` where x is missing (None: refused), and
                 with `indicator` then 1 where it is missing, else 0. A `CategoryColumn` gives 1 at
                 the place of the cell's kind, or of `fill` if it is missing, else 0; a kind that it
                 does not know gives zeros only (`strict`: refused, as is a missing one without
                 `fill`). A `LeftOut` gives nothing, whatever the cell.
    reader:      what texts and numbers mean "missing", and the decimal sign of texts
    inputs:      how many numbers go into the first layer
    layers:      in order, each with its `plan` (kind, inputs, outputs, the `number` in its formula)
                 and `values`: of "Dense", z = x W + b, W as inputs × outputs and b (if `biased`) as
                 one row; of "Affine" (batch normalization that no Dense layer took in),
                 gamma x + beta; of "LayerNorm", gamma, beta and ε as `number`; all others are named
                 and computed as in activations.py, `number` being negative_slope or alpha. Dropout
                 and Linear, which do nothing, are left out
    outputs:     how many numbers the last layer gives
    classes:     of a classifier, in the order of the outputs; with two of them and one output p,
                 p > ½ means the second, and their probabilities are 1 − p and p. Else it is the
                 first one of the largest output
    multilabel:  whether each output is a yes (> ½) or no of its own: the answer is a row of 1 and 0
    means:       of a regressor, with `scales`: answer = output · scale + mean, each output
    flat:        whether the answer is one number, not a row of them
    """

    kind: str
    columns: Sequence[Column]
    reader: Reader
    inputs: int
    layers: Sequence[Frozen]
    outputs: int
    classes: Sequence[Label] = ()
    multilabel: bool = False
    means: Sequence[float] = ()
    scales: Sequence[float] = ()
    flat: bool = False

    @property
    def names(self) -> list[str]:
        """The names of the columns that a row has, in order."""
        return [column.name for column in self.columns]

    @property
    def numbers_only(self) -> bool:
        """Whether each column gives one scaled number, or none: nothing but arithmetic."""
        return not any(
            isinstance(column, CategoryColumn)
            or (isinstance(column, NumberColumn) and column.indicator)
            for column in self.columns
        )


def describe(model: object) -> Description:
    """Return what a Sequential, or a fitted Classifier or Regressor, does with a row.

    Raises SettingError for any other model, a layer that is not the library's own, and a network
    that does not say how many inputs it takes; FormatError for a weight that is not finite, and for
    a label that is not text, a number, True or False; NotFittedError before `fit`.
    """
    if isinstance(model, Sequential):
        return Description("network", (), reader((), "."), *_network(model))
    if not isinstance(model, Estimator):
        raise SettingError(
            f"an export needs a Sequential, Classifier or Regressor, got {type(model).__name__}"
        )
    if not model.__sklearn_is_fitted__():
        raise_not_fitted(model)
    encoder, targets = model.encoder_, model.targets_
    known = Description(
        model.kind, tuple(encoder.columns), encoder.reader, *_network(model.network_)
    )
    if isinstance(targets, Labels):
        for label in targets.classes:
            if type(label) not in _LABELS:
                raise FormatError(
                    "an export needs labels that are text, numbers, True or False, "
                    f"got a {type(label).__name__}: {label!r}"
                )
        return known._replace(classes=tuple(targets.classes), multilabel=targets.multilabel)
    if isinstance(targets, Numbers):
        scaler = targets.scaler
        return known._replace(
            means=tuple(scaler.mean), scales=tuple(scaler.scale), flat=targets.flat
        )
    raise SettingError(f"an export cannot tell what {type(targets).__name__} answers")


def _network(network: Sequential) -> tuple[int, list[Frozen], int]:
    """Return a network's inputs, layers and outputs."""
    refusal = unknown_layer(network)
    if refusal:
        raise SettingError(f"this network cannot be exported: {refusal}")
    if network.inputs is None or network.outputs is None:
        raise SettingError(
            f"an export needs a network that says how many inputs it takes, got {network!r}; "
            "begin with Dense(inputs, outputs)"
        )
    layers = frozen(network)
    for layer in layers:
        for letter, rows in layer.values.items():
            _check_finite(rows, f"layer {layer.plan.place}", letter)
    return network.inputs, layers, network.outputs


def _check_finite(rows: list[Vector], layer: str, letter: str) -> None:
    for row in rows:
        for value in row:
            if not isfinite(value):
                raise FormatError(
                    f"an export needs finite weights, got {value} in {letter} of {layer}"
                )
