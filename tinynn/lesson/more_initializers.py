"""More initializers: orthogonal matrices, and normal numbers without their tails."""

from __future__ import annotations

from math import sqrt
from operator import mul
from random import Random
from typing import Callable

from ..checks.settings import integer, number
from .initializer import Initializer
from .matrix import Matrix, Vector, transpose


class TruncatedNormal(Initializer):
    """Normally distributed, with what is beyond `cut` standard deviations drawn again.

    Source: Keras's TruncatedNormal, whose cut is 2.
    """

    name = "truncated_normal"

    def __init__(self, mean: float = 0.0, std: float = 0.05, cut: float = 2.0) -> None:
        self.mean = number("TruncatedNormal", "mean", mean)
        self.std = number("TruncatedNormal", "std", std, above=0)
        self.cut = number("TruncatedNormal", "cut", cut, least=0.1)

    def sampler(self, inputs: int, outputs: int, rng: Random) -> Callable[[], float]:
        """Return the function that draws one weight, whatever the size of the layer."""

        def draw() -> float:
            while True:
                z = rng.gauss(0.0, 1.0)
                if abs(z) <= self.cut:
                    return self.mean + self.std * z

        return draw


class Orthogonal(Initializer):
    """Rows or columns, whichever are fewer, that are orthogonal and of length `gain`.

    So a square matrix keeps the length of whatever passes through, forward and backward. All such
    matrices are equally likely. It takes inputs · outputs · the smaller of both multiplications,
    about a second for 512 × 128.

    Source: A. Saxe, J. McClelland and S. Ganguli, Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks (2014); torch.nn.init.orthogonal_.
    """

    name = "orthogonal"

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = number("Orthogonal", "gain", gain)

    def __call__(self, inputs: int, outputs: int, rng: Random) -> Matrix:
        """Return `inputs` rows of `outputs` weights.

        Each of the fewer vectors is drawn from a normal distribution; what it has in common with
        those before it is subtracted (twice, against rounding), and the rest scaled to length 1.
        """
        inputs = integer("Orthogonal", "inputs", inputs, least=1)
        outputs = integer("Orthogonal", "outputs", outputs, least=1)
        found: Matrix = []
        while len(found) < min(inputs, outputs):
            v = [rng.gauss(0.0, 1.0) for _ in range(max(inputs, outputs))]
            for _ in range(2):
                v = _without(found, v)
            length = sqrt(sum(map(mul, v, v)))
            if length > 1e-6:  # one in a million million is nearly parallel
                found.append([x / length for x in v])
        rows = [[self.gain * x for x in v] for v in found]
        return transpose(rows) if outputs < inputs else rows


def _without(vectors: Matrix, v: Vector) -> Vector:
    """Return v without its components along orthogonal vectors of length 1."""
    for u in vectors:
        share = sum(map(mul, u, v))
        v = [x - share * y for x, y in zip(v, u)]
    return v


MORE_INITIALIZERS: dict[str, type[Initializer]] = {
    kind.name: kind for kind in (TruncatedNormal, Orthogonal)
}
