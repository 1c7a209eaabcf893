"""Layers and networks at random, for all tests that need any network at all.

`engine_cases.draw_case` puts whole trainings together instead, out of choices that hypothesis can
shrink.
"""

from __future__ import annotations

from tinynn.lesson.network import KINDS

# Every layer by name, and all but the one that changes the number of columns.
LAYERS = sorted(KINDS)
BETWEEN = [name for name in LAYERS if name != "Dense"]


def random_layer(name, width, rng, lowest_slope=0.0):
    """Return a layer for rows of so many columns, its settings at random, and its own columns."""
    kind = KINDS[name]
    if name == "Dense":
        outputs = rng.randint(1, 5)
        return kind(width, outputs, "normal", bias=rng.random() < 0.7), outputs
    if name in ("BatchNorm", "LayerNorm"):
        return kind(width, eps=rng.choice([1e-5, 1e-2])), width
    if name == "LeakyReLU":
        return kind(rng.choice([0.0, 0.01, rng.uniform(lowest_slope, 1.5)])), width
    if name == "ELU":
        return kind(rng.choice([0.0, 1.0, rng.uniform(0.1, 2.0)])), width
    if name == "Dropout":
        return kind(rng.choice([0.0, 0.3, 0.6])), width
    return kind(), width


def random_layers(names, width, rng, lowest_slope=0.0):
    """Return layers of these names one after the other."""
    layers = []
    for name in names:
        layer, width = random_layer(name, width, rng, lowest_slope)
        layers.append(layer)
    return layers


def with_random_numbers(model, rng):
    """Return the network with other numbers in all its parameters and buffers than at the start."""
    for layer in model.layers:
        for name, value in {**layer.parameters(), **layer.buffers()}.items():
            if name != "W":  # they are random as they are
                value[:] = [rng.gauss(0, 1) for _ in value]
            if name == "running_variance":
                value[:] = [abs(v) + 0.01 for v in value]
    return model
