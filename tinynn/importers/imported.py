"""What every importer returns."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..errors import SettingError
from ..lesson.activation_layers import Sigmoid
from ..lesson.matrix import Matrix, Rows
from ..lesson.network import Sequential
from ..lesson.samples import one_row_each


class Imported(NamedTuple):
    """An imported network, and what its columns stand for, as far as the source says."""

    network: Sequential
    classes: tuple[object, ...] | None = None  # a classifier's labels
    inputs: tuple[str, ...] | None = None  # names of the input columns
    outputs: tuple[str, ...] | None = None  # names of the output columns

    def predict(self, rows: Rows) -> Matrix:
        """Return the network's outputs for rows of inputs: a classifier's are probabilities."""
        return self.network.predict(rows)

    def labels(self, rows: Rows) -> list[object]:
        """Return the label of each row, chosen as scikit-learn chooses it.

        With one output, a probability p, the label is classes[1] where p > ½, else classes[0].
        With several, it is the class of the largest; but if the last layer is Sigmoid, each output
        is a separate yes or no, and the answer is the list of the classes whose p > ½. Where each
        step of a sequence has its own row, so it has its own label, that of the largest.

        Raises SettingError if the source has no classes.
        """
        classes = self.classes
        if not classes:
            raise SettingError("labels needs a model that knows its classes, and this one does not")
        outputs = self.predict(rows)
        if self.network.reads_steps and not one_row_each(self.network.layers):
            steps: Any = outputs  # a row for each step of each sequence
            return [[classes[y.index(max(y))] for y in sequence] for sequence in steps]
        if len(classes) == 1:
            return [classes[0] for _ in outputs]
        if self.network.outputs == 1:
            return [classes[p > 0.5] for (p,) in outputs]
        if isinstance(self.network.layers[-1], Sigmoid):
            return [[c for c, p in zip(classes, row) if p > 0.5] for row in outputs]
        return [classes[row.index(max(row))] for row in outputs]
