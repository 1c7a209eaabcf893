"""What every importer returns."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import SettingError
from ..lesson.activation_layers import Sigmoid
from ..lesson.matrix import Matrix, Rows
from ..lesson.network import Sequential


class Imported(NamedTuple):
    """A network from elsewhere, and what its columns stand for, as far as the source says it."""

    network: Sequential
    classes: tuple[object, ...] | None = None  # the labels that a classifier chooses from
    inputs: tuple[str, ...] | None = None  # names of the columns that go in
    outputs: tuple[str, ...] | None = None  # names of the columns that come out

    def predict(self, rows: Rows) -> Matrix:
        """Return the network's outputs for rows of inputs: for a classifier, its probabilities."""
        return self.network.predict(rows)

    def labels(self, rows: Rows) -> list[object]:
        """Return the label of each row, chosen as scikit-learn chooses it.

        With one column of output, a probability p, it is classes[1] where p > ½, else classes[0];
        with several, the class of the largest. If the last layer is Sigmoid and there are several,
        each column is a yes or no of its own, and the answer is the list of the classes whose
        p > ½.

        Raises SettingError if the source knows no classes.
        """
        classes = self.classes
        if not classes:
            raise SettingError("labels needs a model that knows its classes, and this one does not")
        outputs = self.predict(rows)
        if len(classes) == 1:
            return [classes[0] for _ in outputs]
        if self.network.outputs == 1:
            return [classes[p > 0.5] for (p,) in outputs]
        if isinstance(self.network.layers[-1], Sigmoid):
            return [[c for c, p in zip(classes, row) if p > 0.5] for row in outputs]
        return [classes[row.index(max(row))] for row in outputs]
