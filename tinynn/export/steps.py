"""A trained model in plain numbers and words, from which every code writer starts.

A `Description` holds everything between a raw row and the answer; a writer needs nothing else. What
it cannot hold is refused by name.
"""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple, Sequence, Union

from ..engines.plans import Frozen, frozen, unknown_layer
from ..errors import FormatError, SettingError
from ..estimators.base import Estimator
from ..estimators.number_targets import Numbers
from ..estimators.parameters import raise_not_fitted
from ..estimators.targets import Labels
from ..estimators.text.model import TextModel
from ..lesson.matrix import Vector
from ..lesson.network import Sequential
from ..lesson.parameters import rows_of
from ..preprocessing.cells import Reader, reader
from ..preprocessing.columns import Column, LeftOut, NumberColumn
from .texts import Writing, writing_of
from .wiring import Wiring, wired

Label = Union[str, int, float, bool]
_LABELS = (str, int, float, bool)


class Description(NamedTuple):
    """How a row becomes an answer.

    kind:        "network" (numbers in, numbers out), "classifier" or "regressor"
    columns:     how each cell of a row is encoded, in order; empty for a network. A `NumberColumn`
                 gives (x − shift) / scale, with `median` for a missing x (None: refused), and with
                 `indicator` also 1 if x is missing, else 0. A `CategoryColumn` gives 1 at the index
                 of the cell's category, or of `fill` if it is missing, and 0 elsewhere; an unknown
                 category gives zeros only (`strict`: refused, as is a missing cell without `fill`).
                 A `DateColumn` gives the time, scaled, the sine and cosine of each of its cycles,
                 and with `indicator` what a number has. A `WordsColumn` gives log(1 + n) for each
                 of its words, and the same mark. A `LeftOut` gives nothing
    reader:      which texts and numbers mean "missing", and the decimal sign in text
    inputs:      how many numbers the first layer takes
    layers:      in order, each with its `plan` (kind, inputs, outputs, the `number` in its formula)
                 and `values`. "Dense" is z = x W + b, with W as inputs × outputs and b (if
                 `biased`) as one row; "Affine" (batch normalization that is not folded into a Dense
                 layer) is gamma x + beta; "LayerNorm" has gamma, beta and ε as `number`. "Conv",
                 "MaxPool" and "AveragePool" have an `image` in their plan, "Conv" also W and b, as
                 `Conv2D` has them. All others are named and computed as in activations.py, with
                 negative_slope or alpha as `number`. What does nothing (Dropout, Linear, Flatten,
                 Reshape) is left out
    outputs:     how many numbers the last layer gives
    classes:     of a classifier, in the order of the outputs. With two classes and one output p,
                 p > ½ means the second, and the probabilities are 1 − p and p. Otherwise the answer
                 is the class of the largest output, the first one if several are equal
    multilabel:  whether each output is a separate yes (> ½) or no: the answer is a row of 1 and 0
    means:       of a regressor, with `scales`: answer = output · scale + mean, for each output
    flat:        whether the answer is one number, not a row of numbers
    unlinked:    the function that makes answers of these, "exp" or "expm1"; "" if they are answers
    wiring:      of a network of sequences: how its layers, then operations of one step, are
                 connected (see wiring.py)
    writing:     of a model of text: its characters, and how it writes (see texts.py)
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
    unlinked: str = ""
    wiring: Wiring | None = None
    writing: Writing | None = None

    @property
    def names(self) -> list[str]:
        """The names of the columns that a row has, in order."""
        return [column.name for column in self.columns]

    @property
    def numbers_only(self) -> bool:
        """Whether each column gives one scaled number or none, with nothing to look up or mark."""
        return all(
            isinstance(column, LeftOut)
            or (isinstance(column, NumberColumn) and not column.indicator)
            for column in self.columns
        )


def describe(model: object) -> Description:
    """Return what a Sequential, or a fitted Classifier or Regressor, does with a row.

    Of a network of sequences or a TextModel, it is what it does with the next step of one.

    Raises SettingError for any other model, a layer that is not tinynn's, and a network that does
    not say how many inputs it takes; FormatError for a weight that is not finite, or a label that
    is not text, a number, True or False; NotFittedError before `fit`.
    """
    if isinstance(model, TextModel):
        writing = writing_of(model)
        return _of_sequences(model.network_)._replace(writing=writing)
    if isinstance(model, Sequential) and model.reads_steps:
        return _of_sequences(model)
    if isinstance(model, Sequential):
        return Description("network", (), reader((), "."), *_network(model))
    if not isinstance(model, Estimator):
        raise SettingError(
            f"an export needs a Sequential, Classifier, Regressor or TextModel, "
            f"got {type(model).__name__}"
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
        means, scales, unlinked = targets.scaling
        return known._replace(
            means=tuple(means), scales=tuple(scales), flat=targets.flat, unlinked=unlinked
        )
    raise SettingError(f"an export cannot tell what {type(targets).__name__} answers")


def _network(network: Sequential) -> tuple[int, list[Frozen], int]:
    """Return the inputs, layers and outputs of a network of rows."""
    refusal = unknown_layer(network, images=True)
    if refusal:
        raise SettingError(f"this network cannot be exported: {refusal}")
    inputs, outputs = _sides(network)
    layers = frozen(network)
    for layer in layers:
        for letter, rows in layer.values.items():
            _check_finite(rows, f"layer {layer.plan.place}", letter)
    return inputs, layers, outputs


def _of_sequences(network: Sequential) -> Description:
    """Return the description of a network of sequences."""
    inputs, outputs = _sides(network)
    layers, wiring = wired(network)
    for index, whole in enumerate(network.layers):
        for letter, values in {**whole.parameters(), **whole.buffers()}.items():
            _check_finite(rows_of(values), f"layer {index}", letter)
    return Description("network", (), reader((), "."), inputs, layers, outputs, wiring=wiring)


def _sides(network: Sequential) -> tuple[int, int]:
    """Return how many inputs and outputs a network has."""
    if network.inputs is None or network.outputs is None:
        raise SettingError(
            f"an export needs a network that says how many inputs it takes, got {network!r}; "
            "begin with Dense(inputs, outputs)"
        )
    return network.inputs, network.outputs


def _check_finite(rows: list[Vector], layer: str, letter: str) -> None:
    for row in rows:
        for value in row:
            if not isfinite(value):
                raise FormatError(
                    f"an export needs finite weights, got {value} in {letter} of {layer}"
                )
