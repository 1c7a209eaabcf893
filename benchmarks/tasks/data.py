"""The data of the tasks: real if it is small, made from a seed if only its shape matters."""

from __future__ import annotations

import random
from functools import lru_cache

from tinynn.data import load_iris, moons
from tinynn.lesson.matrix import Matrix

from .kinds import Data


def truth_table() -> Data:
    """Return exclusive or."""
    return Data([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [[0.0], [1.0], [1.0], [0.0]])


def original() -> Data:
    """Return the three rows of the original program."""
    return Data([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 1.0]], [[1.0], [0.0], [1.0]])


@lru_cache(maxsize=None)
def iris() -> Data:
    """Return the 150 flowers, species in turn, columns shifted to a mean of 0."""
    flowers = load_iris()
    order = [50 * k + i for i in range(50) for k in range(3)]
    columns = list(zip(*flowers.inputs))
    means = [sum(column) / len(column) for column in columns]
    inputs = [[x - mean for x, mean in zip(flowers.inputs[i], means)] for i in order]
    return Data(inputs, [[float(j == flowers.targets[i]) for j in range(3)] for i in order])


@lru_cache(maxsize=None)
def two_moons() -> Data:
    """Return 100 points on two half circles, targets 0 and 1."""
    points, classes = moons(100, noise=0.1, seed=1)
    return Data(points, [[float(c)] for c in classes])


@lru_cache(maxsize=None)
def two_moons_signed() -> Data:
    """Return the same points with targets -1 and 1, as the hinge loss needs them."""
    points, targets = two_moons()
    return Data(points, [[2.0 * t - 1.0] for (t,) in targets])


@lru_cache(maxsize=None)
def images(columns: int, samples: int, density: float, levels: int = 0) -> Data:
    """Return rows with zeros in them like those of grey images of ten classes.

    Each class has its own pattern of lit columns, about `density` of them; samples are the
    pattern with noise, between 0 and 1, and exactly 0 where it is dark. With `levels`, a grey is a
    whole number divided by `levels`, as in image files; otherwise any number.
    """
    rng = random.Random(1)
    patterns = [
        [rng.uniform(0.1, 1.0) if rng.random() < density else 0.0 for _ in range(columns)]
        for _ in range(10)
    ]
    inputs: Matrix = []
    targets: Matrix = []
    for i in range(samples):
        row: list[float] = [
            min(1.0, max(0.01, v + rng.gauss(0.0, 0.2))) if v else 0.0 for v in patterns[i % 10]
        ]
        if levels:
            row = [max(1, round(v * levels)) / levels if v else 0.0 for v in row]
        inputs.append(row)
        targets.append([float(j == i % 10) for j in range(10)])
    return Data(inputs, targets)
