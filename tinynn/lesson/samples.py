"""Batches of sequences: the rows of all their steps, and how many belong to each."""

from __future__ import annotations

from itertools import chain, islice
from typing import Any, List, Sequence

from ..checks.finite import finite_outputs
from ..checks.rows import as_list, as_rows
from ..errors import DataError, ShapeError
from .layer import Layer
from .matrix import Matrix
from .sequences import Embedding, SequenceLayer


class Steps(List[List[float]]):
    """The rows of all steps of some sequences, one after another; `lengths` counts them."""

    def __init__(self, sequences: Sequence[Matrix]) -> None:
        super().__init__(chain.from_iterable(sequences))
        self.lengths = list(map(len, sequences))


def joined(sequences: Any) -> Steps:
    """Return the rows of all sequences, which remember how many belong to each.

    >>> joined([[[1.0], [2.0]], [[3.0]]]).lengths
    [2, 1]
    """
    return Steps(sequences)


def take_lengths(layers: Sequence[Layer], lengths: Sequence[int]) -> Sequence[int]:
    """Tell each layer how many steps each sequence has; return how many rows come out for each.

    Raises ShapeError for a sequence that is too long for a layer.
    """
    for layer in layers:
        lengths = layer.take_lengths(lengths)
    return lengths


def as_sequences(
    layers: Sequence[Layer], columns: int | None, inputs: object, name: str = "inputs"
) -> list[Matrix]:
    """Return sequences as lists of rows of floats, all of which the layers can take.

    A step is a row of so many columns or, if there is one, just the number.

    Raises ShapeError or DataError, naming the sequence, and the step as its row, for anything else.
    """
    sequences: list[Matrix] = []
    for i, sequence in enumerate(as_list(inputs, name)):
        where = f"the steps of sequence {i} of the {name}"
        steps = as_list(sequence, where)
        if columns == 1:
            steps = [step if hasattr(step, "__len__") else [step] for step in steps]
        sequences.append(as_rows(steps, where, columns))
    if not sequences:
        raise ShapeError(f"{name} need at least one sequence, got none")
    if isinstance(layers[0], Embedding):
        check_kinds(layers[0], sequences, name)
    take_lengths(layers, [len(steps) for steps in sequences])
    return sequences


def check_kinds(layer: Embedding, sequences: Sequence[Matrix], name: str) -> None:
    """Raise DataError for a step that is not the number of one of the layer's kinds."""
    for i, steps in enumerate(sequences):
        for t, (kind,) in enumerate(steps):
            if not (0.0 <= kind < layer.kinds and kind == int(kind)):
                raise DataError(
                    f"{layer!r} needs whole numbers from 0 to {layer.kinds - 1}, "
                    f"got {kind:g} in step {t} of sequence {i} of the {name}"
                )


def outputs_of(layers: Sequence[Layer], sequences: Sequence[Matrix], Y: Matrix) -> list[Any]:
    """Return the outputs of a network by sequence: a list of rows for each, or its one row.

    Raises DataError for outputs that are not finite.
    """
    rows, logs = iter(Y), layers[-1].high <= 0.0
    found: list[Any] = []
    for i, length in enumerate(take_lengths(layers, [len(steps) for steps in sequences])):
        found.append(
            [
                list(finite_outputs(y, logs, f"{t} of sequence {i}"))
                for t, y in enumerate(islice(rows, length))
            ]
        )
    return [rows[0] for rows in found] if one_row_each(layers) else found


def one_row_each(layers: Sequence[Layer]) -> bool:
    """Return whether the layers give one row for a whole sequence, and not one for each step."""
    return any(isinstance(layer, SequenceLayer) and layer.one_row for layer in layers)
