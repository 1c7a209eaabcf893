"""Small synthetic problems, drawn from a seed, that show what a network can and cannot separate.

Each function returns (inputs, class numbers). Sample i has class i mod classes, so that any part of
the list has about equally many samples of each class; `fit` and the splits shuffle. `noise` is the
standard deviation of the Gaussian error g added to every coordinate.
"""

from __future__ import annotations

from math import cos, pi, sin
from random import Random
from typing import List, Tuple

from ..checks.rows import as_rows
from ..errors import SettingError
from ..lesson.matrix import Matrix, Rows, Vector
from ..lesson.random_streams import Seed, stream

Problem = Tuple[Matrix, List[int]]


def xor(n: int = 200, noise: float = 0.0, seed: Seed = 0) -> Problem:
    """Return n points around the corners of the unit square; the class is a ≠ b.

    Point i lies at (a + g, b + g′) with (a, b) = (0, 0), (0, 1), (1, 1), (1, 0) in turn. Four
    points without noise are the truth table of exclusive or, which no straight line separates.

    Raises SettingError unless n ≥ 1 and noise ≥ 0.
    Source: M. Minsky and S. Papert, Perceptrons (1969).

    >>> xor(4)
    ([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]], [0, 1, 0, 1])
    """
    _check("xor", n, noise)
    corners = ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0))
    rng = stream(seed)
    return [_noisy(corners[i % 4], noise, rng) for i in range(n)], [i % 2 for i in range(n)]


def blobs(
    n: int = 150,
    classes: int = 3,
    features: int = 2,
    spread: float = 1.0,
    centers: Rows | None = None,
    seed: Seed = 0,
) -> Problem:
    """Return n points in round Gaussian clouds, one cloud per class.

    Point i lies at c + spread · (g₁, …, g_features), where c is the center of its class. Centers
    are drawn uniformly from −10 … 10 in each coordinate unless given; given ones determine
    `classes` and `features`.

    Raises SettingError unless n, classes and features ≥ 1 and spread ≥ 0.

    >>> blobs(3, spread=0.0, centers=[[0, 0], [5, 5]])
    ([[0.0, 0.0], [5.0, 5.0], [0.0, 0.0]], [0, 1, 0])
    """
    _check("blobs", n, spread, "spread")
    rng = stream(seed)
    if centers is None:
        _check_count("blobs", "classes", classes)
        _check_count("blobs", "features", features)
        clouds = [[rng.uniform(-10.0, 10.0) for _ in range(features)] for _ in range(classes)]
    else:
        clouds = as_rows(centers, "centers")
    k = len(clouds)
    return [_noisy(clouds[i % k], spread, rng) for i in range(n)], [i % k for i in range(n)]


def moons(n: int = 200, noise: float = 0.0, seed: Seed = 0) -> Problem:
    """Return n points on two interleaved half circles.

    With t going from 0 to π in even steps: class 0 at (cos t, sin t), class 1 at
    (1 − cos t, ½ − sin t); plus noise. The points are those of scikit-learn's `make_moons`, in a
    different order.

    Raises SettingError unless n ≥ 1 and noise ≥ 0.

    >>> moons(2)
    ([[1.0, 0.0], [0.0, 0.5]], [0, 1])
    """
    _check("moons", n, noise)
    rng = stream(seed)
    inputs: Matrix = []
    for i in range(n):
        label, k, count = _turn(i, n, 2)
        t = pi * (k / max(count - 1, 1))
        point = (1.0 - cos(t), 0.5 - sin(t)) if label else (cos(t), sin(t))
        inputs.append(_noisy(point, noise, rng))
    return inputs, [i % 2 for i in range(n)]


def circles(n: int = 200, noise: float = 0.0, factor: float = 0.8, seed: Seed = 0) -> Problem:
    """Return n points on two circles about the origin, one inside the other.

    With t going once round in even steps: class 0 at (cos t, sin t), class 1 at
    factor · (cos t, sin t); plus noise. The points are those of scikit-learn's `make_circles`.

    Raises SettingError unless n ≥ 1, noise ≥ 0 and 0 ≤ factor < 1.

    >>> circles(2, factor=0.5)
    ([[1.0, 0.0], [0.5, 0.0]], [0, 1])
    """
    _check("circles", n, noise)
    if not 0.0 <= factor < 1.0:
        raise SettingError(f"circles needs factor to be at least 0 and below 1, got {factor!r}")
    rng = stream(seed)
    inputs: Matrix = []
    for i in range(n):
        label, k, count = _turn(i, n, 2)
        t, radius = 2.0 * pi * k / count, factor if label else 1.0
        inputs.append(_noisy((radius * cos(t), radius * sin(t)), noise, rng))
    return inputs, [i % 2 for i in range(n)]


def spirals(
    n: int = 200, noise: float = 0.0, classes: int = 2, turns: float = 1.0, seed: Seed = 0
) -> Problem:
    """Return n points on spiral arms about the origin, one arm per class.

    With r going from just above 0 to 1 in even steps, class c lies at (r cos φ, r sin φ),
    φ = 2π (turns · r + c / classes); plus noise.

    Raises SettingError unless n and classes ≥ 1 and noise ≥ 0.
    Source: after K. J. Lang and M. J. Witbrock, "Learning to tell two spirals apart" (1988).

    >>> spirals(2, turns=0.0)[1]
    [0, 1]
    """
    _check("spirals", n, noise)
    _check_count("spirals", "classes", classes)
    rng = stream(seed)
    inputs: Matrix = []
    for i in range(n):
        label, k, count = _turn(i, n, classes)
        r = (k + 1) / count
        angle = 2.0 * pi * (turns * r + label / classes)
        inputs.append(_noisy((r * cos(angle), r * sin(angle)), noise, rng))
    return inputs, [i % classes for i in range(n)]


def _turn(i: int, n: int, classes: int) -> tuple[int, int, int]:
    """Return sample i's class, its index within the class, and how many of n are in the class."""
    label = i % classes
    return label, i // classes, (n - label + classes - 1) // classes


def _noisy(point: tuple[float, ...] | Vector, noise: float, rng: Random) -> Vector:
    return [x + noise * rng.gauss(0.0, 1.0) for x in point]


def _check(function: str, n: int, noise: float, noise_name: str = "noise") -> None:
    _check_count(function, "n", n)
    if not 0.0 <= noise < float("inf"):
        raise SettingError(
            f"{function} needs {noise_name} to be a finite number, at least 0, got {noise!r}"
        )


def _check_count(function: str, name: str, count: int) -> None:
    if not isinstance(count, int) or count < 1:
        raise SettingError(
            f"{function} needs {name} to be a whole number, at least 1, got {count!r}"
        )
