"""Networks of sequences, one step after another, as a sequence is heard or written.

Each layer that looks at other steps keeps what it needs of those before: attention their keys and
values, positions their number. So a step costs the same as in a whole sequence, and is computed
once.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Sequence

from ..checks.finite import finite_outputs
from .layer import Layer, Step
from .matrix import Vector
from .samples import as_sequences, one_row_each


class Stepper:
    """A network that takes a sequence step by step: call it with a step, a row or a kind.

    It returns the outputs for that step, the row that `predict` gives for it when the sequence ends
    there. `begin` starts another sequence. It uses the network's weights as they are.

    Raises ShapeError or DataError for a step that the network cannot take, and SettingError for a
    layer whose outputs depend on later steps.
    """

    def __init__(self, layers: Sequence[Layer], columns: int | None) -> None:
        self._layers, self._columns = layers, columns
        self.begin()

    def begin(self) -> None:
        """Forget all steps: the next one begins a sequence."""
        self.steps: list[Any] = []
        self._take = steps_of(self._layers)

    def __call__(self, step: object) -> Vector:
        """Return the outputs for the next step of the sequence."""
        row = as_sequences(self._layers, self._columns, [[step]], "steps")[0][0]
        y = self._take(row)
        self.steps.append(step)
        return list(finite_outputs(y, self._layers[-1].high <= 0.0, f"{len(self.steps) - 1}"))


def _alone(layer: Layer, x: Vector) -> Vector:
    return layer.stepper()(x)


def steps_of(layers: Sequence[Layer]) -> Step:
    """Return a function that takes one step after another through the layers."""
    functions: list[Step] = []
    for i, layer in enumerate(layers):
        if one_row_each(layers[:i]):  # what comes before made one row: a sequence of its own
            functions.append(partial(_alone, layer))
        else:
            functions.append(layer.stepper())

    def take(x: Vector) -> Vector:
        for function in functions:
            x = function(x)
        return x

    return take
