"""What a network needs from a layer: both halves of back-propagation, and its numbers by name.

`forward` turns X (samples × inputs) into Y (samples × outputs) and keeps what `backward` needs.
`backward` turns dY, the derivative of the loss by each element of Y, into dX, the derivative by
each element of X, and stores the derivatives by the layer's own parameters. Both halves of each
layer are side by side: there is no more to back-propagation (Rumelhart, Hinton and Williams, 1986).

A row is always flat. A layer that interprets it as something else (an image) knows the shape.
"""

from __future__ import annotations

import random
from typing import Mapping, Union

from .matrix import Matrix, Vector

Values = Union[Matrix, Vector]


class Layer:
    """The base of all layers; one without parameters only has to define `forward` and `backward`.

    `inputs` is how many columns go in, if that can differ from how many come out (None: the same
    number). `low` and `high` bound the outputs; `least_rows` is how many rows a batch needs for
    training. `least_values` holds lower bounds of parameters and buffers, by name.
    """

    inputs: int | None = None
    low = float("-inf")
    high = float("inf")
    least_rows = 1
    least_values: Mapping[str, float] = {}

    def build(self, inputs: int | None, rng: random.Random) -> int | None:
        """Return how many columns come out when `inputs` columns go in (None: any number).

        Draws the parameters that were not given from `rng`. Raises ShapeError if the layer cannot
        take that many columns.
        """
        return inputs

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        """Return Y for X. `training` turns on what happens only in training, such as dropout."""
        raise NotImplementedError

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX for dY, after a `forward`; an empty matrix unless `wants_dX`."""
        raise NotImplementedError

    def parameters(self) -> dict[str, Values]:
        """Return the numbers to train, by name: the layer's own lists, not copies."""
        return {}

    def gradients(self) -> dict[str, Values]:
        """Return the derivative of the loss by each parameter, with the same names and shapes."""
        return {}

    def buffers(self) -> dict[str, Values]:
        """Return the numbers saved with the parameters but not trained by gradients, by name."""
        return {}

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Return the shape of each parameter and buffer by name, even before `build` makes them.

        A vector is one row. Files are checked against these shapes before a layer is built.
        """
        return {}

    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments for a layer like this one."""
        return {}

    def seed_noise(self, seed: int) -> None:
        """Restart the layer's random stream, if it has one, from `seed`."""

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.settings().items())})"
        )
