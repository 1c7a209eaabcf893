"""Draws the pictures of tinynn/lesson/README.md: `python3 -m benchmarks.pictures`."""

from __future__ import annotations

import os
from random import Random

import tinynn as nn
from tinynn import view

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tinynn")
FOLDER = os.path.join(FOLDER, "lesson", "pictures")
XOR = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
ANSWERS = [[0.0], [1.0], [1.0], [0.0]]


def activations() -> str:
    """Return five activation functions with their derivatives."""
    return view.activation_chart(["Sigmoid", "Tanh", "ReLU", "GELU", "SELU"])


def boundary() -> str:
    """Return how a network learns to tell the inside of a circle from the outside."""
    rng = Random(5)
    points = [[rng.uniform(-1.0, 1.0), rng.uniform(-1.0, 1.0)] for _ in range(80)]
    classes = [int(x * x + y * y < 0.5) for x, y in points]
    model = nn.Sequential(nn.Dense(2, 6), nn.Tanh(), nn.Dense(6, 1), nn.Sigmoid(), seed=1)
    snapshots = nn.Snapshots(epochs=[0, 10, 20, 40, 80, 160])
    nn.fit(
        model, points, [[float(k)] for k in classes], loss="bce", optimizer=nn.Adam(0.05),
        epochs=160, batch_size=16, callbacks=[snapshots], engine="lists", seed=1,
    )  # fmt: skip
    return view.boundary_epochs(
        snapshots, points, classes, class_names=["outside", "inside"], columns=3, resolution=36,
        width=620,
    )  # fmt: skip


def surface() -> str:
    """Return the loss of a line over its two weights, and how optimizers go down."""
    inputs = [[x / 5.0] for x in range(-5, 6)]
    targets = [[2.0 * x[0] + 0.5] for x in inputs]
    rules = {
        "SGD": nn.SGD(0.1), "momentum": nn.SGD(0.05, momentum=0.9), "Adam": nn.Adam(0.1),
    }  # fmt: skip
    paths = {}
    for name, rule in rules.items():
        paths[name] = nn.Snapshots()
        model = nn.Sequential(nn.Dense(1, 1), seed=1)
        nn.fit(
            model, inputs, targets, optimizer=rule, epochs=60, callbacks=[paths[name]],
            engine="lists", seed=1,
        )  # fmt: skip
    return view.loss_surface(
        model, inputs, targets, path=paths, weights=("0.W[0][0]", "0.b[0]"), resolution=60,
        title="The loss of a line, y = w x + b",
    )  # fmt: skip


def graph() -> str:
    """Return every number on the way from a row of XOR to its loss."""
    model = nn.Sequential(nn.Dense(2, 2), nn.Tanh(), nn.Dense(2, 1), nn.Sigmoid(), seed=1)
    return view.computation_graph(model, XOR[2], ANSWERS[2])


PICTURES = {"activations": activations, "boundary": boundary, "surface": surface, "graph": graph}


def main() -> int:
    """Write all pictures."""
    os.makedirs(FOLDER, exist_ok=True)
    for name, draw in PICTURES.items():
        path = os.path.join(FOLDER, f"{name}.svg")
        view.save(draw(), path)
        print(os.path.relpath(path))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
