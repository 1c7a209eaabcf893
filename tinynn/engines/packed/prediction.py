"""Prediction with the packed engine: one row through a frozen network, at the speed of C loops.

Each dense layer computes its sums z = x · w + b in one of two ways:

- by distances, in full double precision: x · w = (|x|² + |w|² − |x − w|²) / 2, because `math.dist`
  is the fastest loop over two rows of floats in CPython (`Distances` bounds the error);
- by lanes, if many inputs are 0: these are left out, and the rest go into 64-bit lanes
  (`SparseLanes` bounds the error: about 10^-8 of the layer's scale).
"""

from __future__ import annotations

import sys
from itertools import compress, repeat
from math import dist, frexp, fsum, inf, ldexp, sqrt
from operator import mul
from typing import Callable, Sequence, cast

from ...formulas import LAYER_FORMULAS
from ...formulas.comprehensions import as_expression, in_groups
from ...formulas.expressions import Tree, replaced, written
from ...lesson.layers import Dense
from ...lesson.matrix import Matrix, Vector, dot
from ...lesson.network import Sequential
from ..contract import output_check
from ..plans import Frozen, frozen, unknown_layer
from ..source import compile_source
from .lanes import Lanes, whole_numbers

RowFunction = Callable[[Sequence[float]], Vector]

# The error bound of `Distances`, in units of |x|² + |w|²; the largest error measured is 4 · 2^-53.
DISTANCE_ERROR = 21 * 2.0**-53
# |x| and |w| may differ by this factor before x is scaled: the bound is then 21 · 65 rounding
# errors, 1.5e-13, of |x| |w|, and after scaling 21 · 2.5 of them, 6e-15.
BALANCE = 64.0

# Costs in ns on CPython 3.11, for m outputs: by distances 6 m for each input, by lanes
# 110 + 4.3 m for each nonzero one. Lanes, being less exact, have to be GAIN times faster.
DISTANCE_COST = 6.0
LANE_COST, LANE_COST_EACH = 110.0, 4.3
GAIN = 1.5
MOST_PRESENT = 2048  # nonzero numbers; keeps the bound of `SparseLanes` under 10^-6
LEAST_LANE_INPUTS = 128  # fewer gain little
# Beyond these sizes squares and powers of two would leave the range of floats.
TINY, HUGE = 1e-100, 1e100

# From Python 3.12 on `dot` is math.sumprod: 3-15% faster than distances for this few outputs and
# inputs, and 1.1 to 1.9 times slower for more (CPython 3.13).
SUMPROD = sys.version_info >= (3, 12)
SUMPROD_OUTPUTS, SUMPROD_INPUTS = 3, 32


def refuses_prediction(network: Sequential) -> str | None:
    """Return why there is no predictor for this network, as a clause, or None."""
    if not any(isinstance(layer, Dense) for layer in network.layers):
        return "the network has no Dense layer"
    return unknown_layer(network)


def predictor(network: Sequential) -> RowFunction:
    """Return a function from a row to the row of outputs, frozen at the current weights."""
    steps: list[RowFunction] = []
    for layer in frozen(network):
        if layer.plan.kind == "Dense":
            b = layer.values["b"][0] if layer.plan.biased else [0.0] * layer.plan.outputs
            steps.append(sums(layer.values["W"], b))
        else:
            steps.append(_row_function(layer))

    checked = output_check(network)

    def predict(row: Sequence[float]) -> Vector:
        """Return the network's outputs for one row of numbers."""
        for step in steps:
            row = step(row)
        return checked(cast(Vector, row))

    return predict


def sums(W: Matrix, b: Vector) -> RowFunction:
    """Return a function from x to x W + b, which chooses one of the two ways for each x."""
    n, m = len(W), len(b)
    distances = Distances(W, b)
    if SUMPROD and m <= SUMPROD_OUTPUTS and n <= SUMPROD_INPUTS:
        pairs = list(zip(distances.columns, distances.b))
        return lambda x: [dot(x, w) + bias for w, bias in pairs]
    by_distances = distances.function()
    if n < LEAST_LANE_INPUTS or not distances.size < inf:
        return by_distances
    by_lanes = SparseLanes(W, b).function()
    share = DISTANCE_COST * m / (LANE_COST + LANE_COST_EACH * m) / GAIN
    most = min(MOST_PRESENT, share * n)

    def by_either(x: Sequence[float]) -> Vector:
        present = list(filter(None, x))
        if not 0 < len(present) <= most:
            return by_distances(x)
        largest = max(max(present), -min(present))
        # A NaN may escape max and min, but not a sum.
        if TINY < largest < HUGE and sum(present) < inf:
            return by_lanes(x, present, largest)
        return by_distances(x)

    return by_either


class Distances:
    """z = (|x|² + |w|² − |x − w|²) / 2 + b, with a rounding error of u = 2^-53.

    `math.dist` takes differences, divides by the largest, squares, adds up with compensation and
    takes the root: r̂² = r² (1 + 12 u) at most; |x|² likewise, |w|² from exact sums 2 u. With
    r² ≤ 2 (|x|² + |w|²) and four more roundings, in total

        |error| ≤ 21 u (|x|² + |w|²) + 2 u |b|.

    That is as good as a sum of products while |x| and |w| are of similar size. If they are not, x
    is scaled by a power of two (see `BALANCE`).
    """

    def __init__(self, W: Matrix, b: Vector) -> None:
        self.W, self.b = [list(row) for row in W], list(b)
        self.columns = [tuple(column) for column in zip(*W)]
        self.halves = [0.5 * fsum([w * w for w in column]) for column in self.columns]
        self.size = sqrt(2.0 * max(self.halves))
        self.zeros = (0.0,) * len(W)

    def error(self, x: Sequence[float], j: int) -> float:
        """Return the bound on the error of output j, including the case that x is scaled."""
        size, w = dist(tuple(x), self.zeros), sqrt(2.0 * self.halves[j])
        if self.size / BALANCE < size < self.size * BALANCE:
            near = size * size + w * w
        else:
            near = size * (2.0 * self.size + w * w / self.size * 2.0) if self.size else 0.0
        return DISTANCE_ERROR * near + 2.0**-52 * abs(self.b[j])

    def function(self) -> RowFunction:
        """Return the function from x to all z."""
        columns, zeros = self.columns, self.zeros
        constants = [half + bias for half, bias in zip(self.halves, self.b)]
        low, high = self.size / BALANCE, self.size * BALANCE
        scaled = self.scaled

        def by_distances(x: Sequence[float]) -> Vector:
            x = tuple(x)
            size = dist(x, zeros)
            if not low < size < high:
                return scaled(x, size)
            half = 0.5 * size * size
            return [
                half + constant - 0.5 * r * r
                for constant, r in zip(constants, map(dist, repeat(x), columns))
            ]

        return by_distances

    def scaled(self, x: tuple[float, ...], size: float) -> Vector:
        """Return all z for an x that is much longer or shorter than the weights, or not finite."""
        if not TINY < size < HUGE or not TINY < self.size < HUGE:
            try:
                return [fsum(map(mul, x, column)) + b for column, b in zip(self.columns, self.b)]
            except (OverflowError, ValueError):  # fsum adds neither ∞ and −∞, nor beyond floats
                return [sum(map(mul, x, column)) + b for column, b in zip(self.columns, self.b)]
        bits = frexp(self.size)[1] - frexp(size)[1]
        factor, back = ldexp(1.0, bits), ldexp(1.0, -bits)
        x = tuple([v * factor for v in x])
        size *= factor
        half = 0.5 * size * size
        return [
            (half + other - 0.5 * r * r) * back + b
            for other, b, r in zip(self.halves, self.b, map(dist, repeat(x), self.columns))
        ]


class SparseLanes:
    """z from 64-bit lanes, with one row of weights for each nonzero x.

    With X = max |x| and R = max |wⱼ|₁: x' = round(x s) with s = 2^k, 2^28 ≤ X s < 2^29, and
    w' = round(w 2^f) with 2^31 ≤ R 2^f < 2^32, so that a lane, |Σ x' w'| ≤ 2^29 (2^32 + n / 2) plus
    half the window's last bit, stays below 2^62 and fits. Reading its upper 32 bits gives

        |error| ≤ |wⱼ|₁ / 2s + |x̂|₁ 2^−f / 2 + 2^32 · 2^−f / s

    which for `MOST_PRESENT` numbers is below 2^-20 R X, and for most rows about 2^-27 R X.
    """

    def __init__(self, W: Matrix, b: Vector) -> None:
        self.W, self.b = W, list(b)
        self.reach = max([sum(map(abs, column)) for column in zip(*W)])
        self.bits = 32 - frexp(self.reach)[1]
        self.lanes = Lanes(len(b), 64)
        flat = [w for row in W for w in row]
        self.rows = self.lanes.quantise(flat, ldexp(1.0, self.bits))[0]

    def error(self, x: Sequence[float], j: int) -> float:
        """Return the bound on the error of output j."""
        _, bits = frexp(max(map(abs, x)))
        step = ldexp(1.0, bits - 29)
        w = sum([abs(row[j]) for row in self.W])
        rounded = sum(map(abs, x)) + 0.5 * step * len(x)
        unit = ldexp(1.0, -self.bits)
        # The last term is for the float arithmetic after the window.
        return (
            0.5 * w * step
            + 0.5 * rounded * unit
            + ldexp(step, 32) * unit * 1.01
            + (2.0**-51 * (w * max(map(abs, x)) + abs(self.b[j])))
        )

    def function(self) -> Callable[[Sequence[float], Vector, float], Vector]:
        """Return the function from x, its nonzero numbers, and the largest of them, to all z."""
        rows, b, lanes = self.rows, self.b, self.lanes
        read, size, half, bits = lanes.window(4), lanes.size, lanes.ones << 31, self.bits

        def by_lanes(x: Sequence[float], present: Vector, largest: float) -> Vector:
            step = frexp(largest)[1] - 29
            total = sum(
                map(mul, whole_numbers(present, ldexp(1.0, -step)), compress(rows, x)), half
            )
            unit = ldexp(1.0, 32 - bits + step)
            return [
                v * unit + bias
                for v, bias in zip(read(total.to_bytes(size, "little", signed=True)), b)
            ]

        return by_lanes


def _row_function(layer: Frozen) -> RowFunction:
    """Return a layer that is not dense as a function of one row, made from its row program."""
    formula, plan = LAYER_FORMULAS[layer.plan.kind], layer.plan
    if formula.elementwise and not layer.values:
        known: dict[str, Tree] = {n: ("number", v) for n, v in plan.numbers().items()}
        quick, careful = (
            written(replaced(as_expression(formula, quick), known)) for quick in (True, False)
        )
        lines = ["try:", f"    return [{quick} for z in row]"]
        lines += ["except OverflowError:", f"    return [{careful} for z in row]"]
    else:
        rows = {"z": "row", **{letter: f"all_{letter}" for letter in layer.values}}
        size = plan.groups()[0][1]
        lines = in_groups(formula.forward, rows, plan.written_numbers(), plan.inputs, size)
        lines.append("return y")
    source = "\n    ".join(["def layer(row):", *lines])
    parameters = {f"all_{letter}": rows[0] for letter, rows in layer.values.items()}
    return compile_source(source + "\n", "packed prediction", **parameters)
