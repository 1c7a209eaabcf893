"""What a network asks of a layer: both halves of back-propagation, and its numbers by name.

`forward` takes X (samples × inputs) to Y (samples × outputs) and keeps what it needs to go back.
`backward` takes dY, the derivative of the loss by each element of Y, to dX, the derivative by each
element of X, and leaves the derivatives by its own parameters behind. Both halves of each layer
stand side by side: that is all there is to back-propagation (Rumelhart, Hinton and Williams, 1986).

A row is always flat. A layer that reads more into it (an image, a sequence) knows how it does so.
"""

from __future__ import annotations

import random
from typing import Mapping, Union

from .matrix import Matrix, Vector

Values = Union[Matrix, Vector]


class Layer:
    """What a network asks of a layer; one without parameters need only say `forward`, `backward`.

    `inputs` is how many columns it takes, where `build` cannot tell by what comes out (None: as
    many as come out). `low` and `high` are the bounds of what its outputs can reach, if it has any;
    `least_rows` is how many rows it needs in a batch to train. `least_values` is the least that a
    parameter or buffer of that name may be, where there is such a bound.
    """

    inputs: int | None = None
    low = float("-inf")
    high = float("inf")
    least_rows = 1
    least_values: Mapping[str, float] = {}

    def build(self, inputs: int | None, rng: random.Random) -> int | None:
        """Return how many columns come out where `inputs` columns go in (None: any number).

        Draws from `rng` the parameters that were not given. Raises ShapeError if it cannot take
        that many columns.
        """
        return inputs

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        """Return Y for X. `training` switches on what only happens then, such as dropout."""
        raise NotImplementedError

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX for dY after a `forward`; an empty matrix if the caller does not want it."""
        raise NotImplementedError

    def parameters(self) -> dict[str, Values]:
        """Return the numbers to be trained, by name: the layer's own lists, not copies."""
        return {}

    def gradients(self) -> dict[str, Values]:
        """Return the derivative of the loss by each parameter, same names and shapes."""
        return {}

    def buffers(self) -> dict[str, Values]:
        """Return what is kept with the parameters but not trained by gradients."""
        return {}

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Return the shape of each parameter and buffer by name, also before `build` makes them.

        A vector is one row. By this, the content of a file is checked before a layer is built.
        """
        return {}

    def settings(self) -> dict[str, object]:
        """Return the constructor's arguments that build a layer like this one."""
        return {}

    def seed_noise(self, seed: int) -> None:
        """Start the layer's stream of random numbers, if it has one, from `seed`."""

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.settings().items())})"
        )
