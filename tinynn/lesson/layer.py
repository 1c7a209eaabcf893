"""What a network needs from a layer: both halves of back-propagation, and its numbers by name.

`forward` turns X (samples × inputs) into Y (samples × outputs) and keeps what `backward` needs.
`backward` turns dY, the derivative of the loss by each element of Y, into dX, the derivative by
each element of X, and stores the derivatives by the layer's own parameters. Both halves of each
layer are side by side: there is no more to back-propagation (Rumelhart, Hinton and Williams, 1986).

A row is always flat. A layer that interprets it as something else (an image) knows the shape.
"""

from __future__ import annotations

import random
from typing import Callable, Mapping, Sequence, Union

from ..errors import ShapeError
from .freezing import Freezable
from .matrix import Matrix, Vector

Values = Union[Matrix, Vector]
Step = Callable[[Vector], Vector]


class Layer(Freezable):
    """The base of all layers; one without parameters only has to define `forward` and `backward`.

    `inputs` is how many columns go in, if that can differ from how many come out (None: the same
    number). `low` and `high` bound the outputs; `least_rows` is how many rows a batch needs for
    training. `least_values` holds lower bounds of parameters and buffers, by name. `frozen` are the
    names of parameters that training leaves as they are (see freezing.py). `reads_steps` is whether
    rows are the steps of sequences to it (see sequences.py).
    """

    inputs: int | None = None
    low = float("-inf")
    high = float("inf")
    least_rows = 1
    least_values: Mapping[str, float] = {}
    reads_steps = False

    def build(self, inputs: int | None, rng: random.Random) -> int | None:
        """Return how many columns come out when `inputs` columns go in (None: any number).

        Draws the parameters that were not given from `rng`. Raises ShapeError if the layer cannot
        take that many columns.
        """
        return inputs

    def take_lengths(self, lengths: Sequence[int]) -> Sequence[int]:
        """Note how many steps each sequence of the next batch has; return how many come out."""
        return lengths

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        """Return Y for X. `training` turns on what happens only in training, such as dropout."""
        raise NotImplementedError

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX for dY, after a `forward`; an empty matrix unless `wants_dX`."""
        raise NotImplementedError

    def stepper(self) -> Step:
        """Return a function that takes a sequence step by step, and keeps what it needs of it."""
        return lambda x: self.forward([x])[0]

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

    def description(self) -> dict[str, object]:
        """Return the layer's type and settings, as files keep them."""
        return {"type": type(self).__name__, **self.settings()}

    def seed_noise(self, seed: int) -> None:
        """Restart the layer's random stream, if it has one, from `seed`."""

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.settings().items())})"
        )


def check_layers(who: str, layers: Sequence[object]) -> None:
    """Raise ShapeError unless these are layers, at least one, each of them once."""
    if not layers:
        raise ShapeError(f"{who} needs at least one layer, got none")
    indices: dict[int, int] = {}
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            mend = ""
            if isinstance(layer, type) and issubclass(layer, Layer):
                mend = f"; did you mean {layer.__name__}()?"
            elif hasattr(layer, "layers"):
                mend = "; did you mean its layers, *network.layers?"
            elif isinstance(layer, (list, tuple)):
                mend = f"; did you mean its items, {who}(*layers)?"
            raise ShapeError(f"{who} needs layers, got {layer!r} at index {i}{mend}")
        first = indices.setdefault(id(layer), i)
        if first < i:
            raise ShapeError(
                f"{who} needs each layer once, got {layer!r} at indices {first} and {i}; "
                "make a new one for each"
            )
