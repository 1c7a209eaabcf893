"""Heat maps: what each neuron gives over the plane, as bytes, from 1 for -1 to 255 for 1."""

from __future__ import annotations

from base64 import b64encode
from functools import lru_cache
from typing import Sequence

from ...lesson.activation_layers import Sigmoid, Softmax, Tanh
from ...lesson.matrix import Matrix
from ...lesson.network import Sequential
from .problems import FEATURES, REACH

FINEST = 64  # points on a side of a map: of a picture that stands still, and of one that moves
FINE, MIDDLE, COARSE = 32, 24, 16


def side(model: Sequential) -> int:
    """Return how many points a map of this network has on a side, to keep up with the training."""
    weights = model.count_parameters()
    return FINE if weights <= 60 else MIDDLE if weights <= 250 else COARSE


@lru_cache(maxsize=8)
def grid(points: int, features: tuple[str, ...]) -> Matrix:
    """Return the inputs at the middles of points × points cells, from the top left, row by row."""
    step = 2.0 * REACH / points
    at = [(k + 0.5) * step - REACH for k in range(points)]
    functions = [FEATURES[name][1] for name in features]
    return [[f(x, y) for f in functions] for y in reversed(at) for x in at]


def as_bytes(values: Sequence[float], largest: float = 1.0) -> str:
    """Return 128 + 127 · value / largest for each value, as bytes in base64."""
    largest = min(largest, 1e300)
    scale = 127.0 / largest
    total = sum(values)  # NaN if one of them is
    if not (total == total and min(values) >= -largest and max(values) <= largest):
        values = [max(-largest, min(v, largest)) if v == v else 0.0 for v in values]
    return b64encode(bytes([int(128.5 + scale * v) for v in values])).decode()


def of_features(points: int, features: tuple[str, ...]) -> list[str]:
    """Return the map of each input that a network is given."""
    columns = zip(*grid(points, features))
    return [as_bytes(column, max(map(abs, column)) or 1.0) for column in columns]


def of_network(model: Sequential, features: tuple[str, ...], points: int) -> list[list[str]]:
    """Return for each layer of neurons the map of each: what it gives after its activation.

    Outputs between 0 and 1 are shown from -1 to 1; of other unbounded ones, the largest in the map
    is 1.
    """
    X = grid(points, features)
    found = []
    for k, layer in enumerate(model.layers):
        X = layer.forward(X)
        last = k + 1 == len(model.layers)
        if not last and type(model.layers[k + 1]).__name__ != "Dense":
            continue
        if isinstance(layer, (Sigmoid, Softmax)):
            found.append([as_bytes([2.0 * v - 1.0 for v in column]) for column in zip(*X)])
        elif last or isinstance(layer, Tanh):
            found.append([as_bytes(column) for column in zip(*X)])
        else:
            found.append([as_bytes(column, max(map(abs, column)) or 1.0) for column in zip(*X)])
    return found


def of_weights(W: Matrix) -> list[str]:
    """Return for each neuron the picture of its weights, the largest of the layer being 1."""
    largest = max(abs(w) for row in W for w in row) or 1.0
    return [as_bytes(column, largest) for column in zip(*W)]
