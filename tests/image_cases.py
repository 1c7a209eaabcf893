"""Random trainings of networks for images that machine code can be compared with `lists` on.

Run as a program it makes as many as it is told, and needs nothing but the standard library:

    python tests/image_cases.py 500
"""

from __future__ import annotations

import pathlib
import random
import sys
from functools import partial

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from engine_cases import HIDDEN, LOSSES, STEPS, targets, with_columns, with_settings
from random_networks import random_image_layer
from wide_cases import check_closely

import tinynn as nn
from tinynn.engines.native.engine import ENGINE as NATIVE, _unknown_here

KINDS = [
    "Conv2D", "Conv2D", "Conv2D", "Conv1D", "MaxPool2D", "MaxPool2D", "MaxPool1D",
    "AveragePool2D", "AveragePool1D", "DepthwiseConv2D", "BatchNorm2D", "BatchNorm1D",
]  # fmt: skip
WIDTHS = [1, 4, 6, 9, 12, 16, 20, 24, 25, 36, 40, 48, 64, 72]


def image_layers(draw, width):
    """Return makers of layers for images of so many columns, and how many come out."""
    makers = []
    for _ in range(draw.randint(1, 3)):
        while True:
            layer, columns = random_image_layer(draw.choice(KINDS), width, draw)
            if (
                columns <= 150
                and layer.least_rows == 1
                and _unknown_here(nn.Sequential(layer)) is None
            ):
                break
        width = int(columns)
        makers += [nn.Flatten, partial(type(layer), **layer.settings())]
        makers += [draw.choice([nn.ReLU, nn.Tanh, nn.Dropout])] if draw.random() < 0.5 else []
    return makers, width


def draw_image_case(choose):
    """Return a training put together by `choose`, which takes one out of a list."""
    seed = choose(range(1 << 20))
    draw = random.Random(seed)
    width = inputs = choose(WIDTHS)
    layers = []
    if choose([True, False, False]):
        inputs = choose([1, 3, 8])
        layers.append(lambda inputs=inputs, width=width: nn.Dense(inputs, width))
        layers.append(choose(HIDDEN[:8]))
    more, width = image_layers(draw, width)
    outputs = choose([1, 2, 3, 5])
    layers += [*more, nn.Flatten, lambda width=width: nn.Dense(width, outputs)]
    loss, lasts = choose(LOSSES)
    last = choose(lasts)
    layers = with_columns(layers + ([last] if last else []), inputs)
    size = choose([1, 2, 3, 5, 8, 9])
    samples = choose([size, 2 * size + 1, 7])
    X = [[draw.uniform(-2.0, 2.0) for _ in range(inputs)] for _ in range(samples)]
    T = targets(loss(), samples, outputs, choose, draw)
    weights = None
    if choose([False, False, True]):
        weights = [draw.choice([0.0, 0.5, 1.0, 2.5]) for _ in range(samples)]
    order = range(samples)
    lengths = [draw.choice([size, size, draw.randint(1, size)]) for _ in range(STEPS)]
    batches = [[draw.choice(order) for _ in range(length)] for length in lengths]
    return with_settings(choose, draw, layers, loss, seed, X, T, weights, batches)


def main():
    count = int(sys.argv[1])
    compared = 0
    for seed in range(count):
        try:
            compared += check_closely(NATIVE, draw_image_case(random.Random(seed).choice))
        except Exception:
            print("seed", seed)
            raise
    print(f"native agrees with lists in {compared} random trainings on images")


if __name__ == "__main__":
    main()
