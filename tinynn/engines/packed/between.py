"""What stands between and behind the dense layers of the packed engine: activations and the loss.

Here numbers are floats, the rows of a whole batch in one flat list, for speed. The common layers
and losses are written out; any other runs its own `forward` and `backward` on rows.
"""

from __future__ import annotations

from math import exp, inf, log, tanh
from sys import float_info
from typing import Callable, NamedTuple, Sequence

from ...lesson.activation_layers import Linear, ReLU, Sigmoid, Softmax, Tanh
from ...lesson.activations import sigmoid
from ...lesson.layer import Layer
from ...lesson.loss import Loss
from ...lesson.losses import (
    LOWEST_LOG,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    MeanSquaredError,
)
from ...lesson.matrix import Matrix, Vector
from .layer import rows_of

Numbers = Sequence[float]  # floats, or the whole numbers of a lane


class Function(NamedTuple):
    """An activation on flat lists: of v · unit, and dZ of g · unit and the outputs a."""

    forward: Callable[[Numbers, float], Vector]
    backward: Callable[[Numbers, Vector, float], Vector]


def _sigmoid(z: Numbers, unit: float) -> Vector:
    u = -unit
    try:
        return [1.0 / (1.0 + exp(v * u)) for v in z]
    except OverflowError:  # below −709
        return [sigmoid(v * unit) for v in z]


FUNCTIONS: dict[type[Layer] | None, Function] = {
    None: Function(lambda z, u: [v * u for v in z], lambda g, a, u: [v * u for v in g]),
    Sigmoid: Function(_sigmoid, lambda g, a, u: [v * y * (u - u * y) for v, y in zip(g, a)]),
    Tanh: Function(
        lambda z, u: [tanh(v * u) for v in z],
        lambda g, a, u: [v * (u - u * y * y) for v, y in zip(g, a)],
    ),
    ReLU: Function(
        lambda z, u: [v * u if v > 0 else 0.0 for v in z],
        lambda g, a, u: [v * u if y > 0.0 else 0.0 for v, y in zip(g, a)],
    ),
}
FUNCTIONS[Linear] = FUNCTIONS[None]


def _softmax(z: Numbers, unit: float, columns: int) -> Vector:
    Y: Vector = []
    for row in rows_of(z, columns):
        highest = max(row)
        powers = [exp((v - highest) * unit) for v in row]
        share = 1.0 / sum(powers)
        Y += [power * share for power in powers]
    return Y


class Between:
    """The layers from one dense layer to the next, or to the loss.

    `fused`: the loss gives the derivative by the last layer's inputs, so that one is left out in
    going back. `limit` is the largest output there can be, or None if there is no such bound.
    """

    def __init__(self, layers: list[Layer], columns: int, fused: bool = False) -> None:
        self.layers, self.columns, self.fused = layers, columns, fused
        kind = type(layers[0]) if layers else None
        single = len(layers) <= 1
        self.function = FUNCTIONS.get(kind) if single else None
        self.softmax = single and fused and kind is Softmax
        self.limit: float | None = None
        if layers:
            limit = max(-layers[-1].low, layers[-1].high)
            self.limit = limit if limit < inf else None

    def forward(self, z: Numbers, unit: float, training: bool = True) -> Vector:
        """Return the outputs for the numbers z · unit."""
        if self.function:
            return self.function.forward(z, unit)
        if self.softmax:
            return _softmax(z, unit, self.columns)
        X = rows_of([v * unit for v in z], self.columns)
        for layer in self.layers:
            X = layer.forward(X, training)
        return flat(X)

    def backward(self, g: Numbers, a: Vector, unit: float) -> Vector:
        """Return ∂L/∂Z, where g · unit is the derivative by the outputs a of the last `forward`."""
        if self.function and not self.fused:
            return self.function.backward(g, a, unit)
        d = [v * unit for v in g]
        layers = self.layers[:-1] if self.fused else self.layers
        if not layers:
            return d
        dY = rows_of(d, self.columns)
        for layer in reversed(layers):
            dY = layer.backward(dY)
        return flat(dY)


def flat(rows: Sequence[Numbers]) -> Vector:
    """Return rows as one list."""
    return [value for row in rows for value in row]


class Goal:
    """The loss of a batch and its derivative, by the outputs or, if fused, by the inputs of those.

    What is written out here gives what the `Loss` gives, but for rounding.
    """

    def __init__(self, loss: Loss, fused: bool, columns: int) -> None:
        self.loss, self.fused, self.columns = loss, fused, columns
        self.short: Callable[[Vector, Vector], tuple[float, Vector]] | None = None
        if type(loss) is MeanSquaredError:
            self.short = self._squared
        elif fused and type(loss) is BinaryCrossEntropy:
            self.short = self._binary
        elif fused and type(loss) is CategoricalCrossEntropy:
            self.short = self._categorical

    def bind(self, T: Matrix, weights: Vector | None) -> None:
        """Take the targets, and the weights of samples, that batches will pick from."""
        self.T, self.weights = T, weights
        self.usable = self.short if weights is None else None
        if type(self.loss) is CategoricalCrossEntropy and any(sum(t) != 1.0 for t in T):
            self.usable = None  # the derivative has the sum of targets in it

    def __call__(self, Y: Vector, batch: Sequence[int]) -> tuple[float, Vector]:
        """Return the mean loss, and its derivative, for the outputs Y of a batch."""
        if self.usable:
            return self.usable(Y, [value for i in batch for value in self.T[i]])
        T = [self.T[i] for i in batch]
        weights = self.weights and [self.weights[i] for i in batch]
        rows = rows_of(Y, self.columns)
        gradient = self.loss.logits_gradient if self.fused else self.loss.gradient
        return self.loss(rows, T, weights), flat(gradient(rows, T, weights))

    def _squared(self, Y: Vector, T: Vector) -> tuple[float, Vector]:
        E = [y - t for y, t in zip(Y, T)]
        share = 2.0 / len(E)
        return sum([e * e for e in E]) / len(E), [share * e for e in E]

    def _binary(self, P: Vector, T: Vector) -> tuple[float, Vector]:
        value = 0.0
        for p, t in zip(P, T):
            if t:
                value -= t * max(log(p), LOWEST_LOG) if p > 0.0 else t * LOWEST_LOG
            if t != 1.0:
                q = 1.0 - p
                value -= (1.0 - t) * (max(log(q), LOWEST_LOG) if q > 0.0 else LOWEST_LOG)
        share = 1.0 / len(P)
        return value * share, [share * (p - t) for p, t in zip(P, T)]

    def _categorical(self, P: Vector, T: Vector) -> tuple[float, Vector]:
        share = self.columns / len(P)
        least = float_info.min
        value = -sum([t * log(max(p, least)) for p, t in zip(P, T) if t])
        return value * share, [share * (p - t) for p, t in zip(P, T)]
