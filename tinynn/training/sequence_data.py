"""Training data of networks that read sequences: a list of steps for each sample."""

from __future__ import annotations

import re
from itertools import chain
from typing import Any, Sequence

from ..checks.rows import as_list
from ..checks.words import counted
from ..errors import ShapeError, TinynnError
from ..lesson.loss import Loss
from ..lesson.network import Sequential
from ..lesson.samples import Steps, as_sequences, joined, one_row_each
from .training_data import ClassWeight, TrainingData, data_of_rows


class SequenceData(TrainingData):
    """Sequences: X has a list of rows for each, T the rows to compare its outputs with, and so on.

    Where the network makes one row of a whole sequence, its T and its weights are lists of one.
    """

    def flat(self) -> TrainingData:
        nested: Any = self.weights
        weights = None if nested is None else [*chain.from_iterable(nested)]
        return TrainingData(joined(self.X), joined(self.T), weights)

    def size(self, batch: Sequence[int]) -> float:
        nested: Any = self.weights
        if nested is None:
            return float(sum([len(self.T[i]) for i in batch]))
        return float(sum([sum(nested[i]) for i in batch]))


def data_of_sequences(
    model: Sequential,
    loss: Loss,
    inputs: object,
    targets: object,
    sample_weight: object,
    class_weight: ClassWeight,
    what: str,
) -> SequenceData:
    """Return checked copies of sequences and of the targets of each of their steps, or of each.

    Raises ShapeError or DataError, naming the sequence and the step of what cannot be used.
    """
    X = as_sequences(model.layers, model.inputs, inputs, f"{what}inputs")
    each = one_row_each(model.layers)
    lengths = [1 if each else len(steps) for steps in X]
    samples = as_list(targets, f"{what}targets")
    if len(samples) != len(X):
        raise ShapeError(
            f"{what}inputs and {what}targets need the same number of sequences, "
            f"got {len(X)} and {len(samples)}"
        )
    rows = samples if each else _of_steps(samples, lengths, f"{what}targets")
    weights: Any = None
    if sample_weight is not None:
        weights = as_list(sample_weight, f"{what}sample weights")
        if len(weights) != len(X):
            raise ShapeError(
                f"{what}inputs and {what}sample weights need the same number of sequences, "
                f"got {len(X)} and {len(weights)}"
            )
        weights = [w for w, length in zip(weights, lengths) for _ in range(length)]
    stand_in = Steps([steps[: 1 if each else None] for steps in X])  # a row for each of targets
    try:
        data = data_of_rows(model, loss, stand_in, rows, weights, class_weight, what)
    except TinynnError as error:
        # The row of targets or weights is known; what it is here is a step of a sequence.
        text = re.sub(r"\brow (\d+)\b", lambda m: _place(int(m[1]), lengths, each), str(error))
        raise type(error)(text) from None
    made: Any = SequenceData  # whose rows are lists of rows
    return made(  # type: ignore[no-any-return]
        X, _by_sequence(data.T, lengths), data.weights and _by_sequence(data.weights, lengths)
    )


def _of_steps(samples: Sequence[Any], lengths: Sequence[int], name: str) -> list[Any]:
    """Return the targets of all steps; raise ShapeError unless there is one for each."""
    found: list[Any] = []
    for i, (sample, length) in enumerate(zip(samples, lengths)):
        steps = as_list(sample, f"the {name} of sequence {i}")
        if len(steps) != length:
            raise ShapeError(
                f"the {name} of sequence {i} need one for each of its "
                f"{counted(length, 'step')}, got {len(steps)}"
            )
        found += steps
    return found


def _place(row: int, lengths: Sequence[int], each: bool) -> str:
    """Return where a row of targets is, in words."""
    if each:
        return f"sequence {row}"
    sequence = 0
    while row >= lengths[sequence]:
        row -= lengths[sequence]
        sequence += 1
    return f"step {row} of sequence {sequence}"


def _by_sequence(values: Sequence[Any], lengths: Sequence[int]) -> list[Any]:
    items = iter(values)
    return [[next(items) for _ in range(length)] for length in lengths]
