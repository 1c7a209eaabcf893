"""What all initializers have in common: one weight after the other, row by row."""

from __future__ import annotations

from random import Random
from typing import Callable

from ..checks.settings import Configured, integer
from .matrix import Matrix


class Initializer(Configured):
    """A rule for drawing the weights of a layer."""

    def __call__(self, inputs: int, outputs: int, rng: Random) -> Matrix:
        """Return `inputs` rows of `outputs` weights, drawn row by row.

        Raises SettingError unless there is at least one input and one output.
        """
        who = type(self).__name__
        inputs = integer(who, "inputs", inputs, least=1)
        outputs = integer(who, "outputs", outputs, least=1)
        draw = self.sampler(inputs, outputs, rng)
        return [[draw() for _ in range(outputs)] for _ in range(inputs)]

    def sampler(self, inputs: int, outputs: int, rng: Random) -> Callable[[], float]:
        """Return the function that draws one weight of a layer of this size."""
        raise NotImplementedError
