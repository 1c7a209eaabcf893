"""Residual connections: what some layers add to their own input."""

from __future__ import annotations

import random
from typing import Mapping, Sequence

from ..errors import ShapeError
from .composite import Composite
from .layer import Layer, Step, check_layers
from .matrix import Matrix, add
from .stepping import steps_of


class Residual(Composite):
    """Y = X + layerₙ(… layer₁(X)): the layers learn what to add to their input.

    They need to give as many columns as they take. If they do nothing, so does the whole; and the
    derivative passes to the layers before it whatever they do, so very deep networks learn, too.
    Source: He, Zhang, Ren and Sun, Deep residual learning for image recognition (2016), equation 1.

    >>> from .activation_layers import ReLU
    >>> Residual(ReLU()).forward([[-1.0, 2.0]])
    [[-1.0, 4.0]]
    """

    def __init__(self, *layers: Layer) -> None:
        check_layers("Residual", layers)
        self.layers = layers
        self.parts: Mapping[str, Layer] = {str(i): layer for i, layer in enumerate(layers)}
        self.reads_steps = any(layer.reads_steps for layer in layers)
        self.least_rows = max(layer.least_rows for layer in layers)
        self.least_values = {
            f"{i}.{name}": least
            for i, layer in enumerate(layers)
            for name, least in layer.least_values.items()
        }
        self.inputs = next((layer.inputs for layer in layers if layer.inputs is not None), None)

    def build(self, inputs: int | None, rng: random.Random) -> int | None:
        columns = inputs
        for i, layer in enumerate(self.layers):
            try:
                columns = layer.build(columns, rng)
            except ShapeError as error:
                raise ShapeError(f"layer {i} of {self!r}: {error}") from None
        wanted = self.inputs if inputs is None else inputs
        if wanted not in (None, columns):
            raise ShapeError(
                f"{self!r} adds its layers' outputs to its inputs and needs as many columns of "
                f"both, got {wanted} in and {columns} out"
            )
        return columns

    def take_lengths(self, lengths: Sequence[int]) -> Sequence[int]:
        given = lengths
        for layer in self.layers:
            lengths = layer.take_lengths(lengths)
        if lengths is not given:
            raise ShapeError(f"{self!r} needs layers that give a row for each step")
        return lengths

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        Y = X
        for layer in self.layers:
            Y = layer.forward(Y, training)
        return add(X, Y)

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX = dY + the derivative through the layers, since X reaches Y in two ways."""
        dX = dY
        for i in reversed(range(len(self.layers))):
            dX = self.layers[i].backward(dX, wants_dX or i > 0)
        return add(dY, dX) if wants_dX else []

    def stepper(self) -> Step:
        take = steps_of(self.layers)
        return lambda x: [a + b for a, b in zip(x, take(x))]

    def description(self) -> dict[str, object]:
        return {**super().description(), "layers": [layer.description() for layer in self.layers]}

    def __repr__(self) -> str:
        return f"Residual({', '.join(map(repr, self.layers))})"
