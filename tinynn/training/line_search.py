"""A line search for the strong Wolfe conditions.

Source: J. Moré and D. Thuente, Line search algorithms with guaranteed sufficient decrease (1994),
as in MINPACK-2's dcsrch and dcstep, with L-BFGS-B's constants. Letters as there: x is the step with
the least value so far, y the other end of the interval that brackets a minimum, p the trial step.
"""

from __future__ import annotations

from math import isfinite, sqrt
from typing import NamedTuple

DECREASE, CURVATURE, NARROWEST = 1e-3, 0.9, 0.1
FARTHEST = 1e10
MOST_TRIALS = 20


class Point(NamedTuple):
    """A step, and the function's value and slope there."""

    step: float
    value: float
    slope: float


class Search:
    """The state of a line search from `start`, whose slope is negative; `step` is the next trial.

    `ended` says that the latest trial is the result: it fulfils the strong Wolfe conditions

        value ≤ start.value + DECREASE · step · start.slope,  |slope| ≤ CURVATURE · |start.slope|,

    or else the interval has become too narrow to come closer to them.
    """

    def __init__(self, start: Point, step: float) -> None:
        self.start, self.step = start, step
        self.x = self.y = start
        self.bracketed = self.ended = False
        self.descending = True  # stage 1: no trial yet with enough decrease and a positive slope
        self.farthest = FARTHEST
        self.low, self.high = 0.0, 5.0 * step
        self.width, self.width_before = FARTHEST, 2.0 * FARTHEST

    def tell(self, value: float, slope: float) -> None:
        """Take the value and the slope at `step`, and choose the next one unless this ends it."""
        start, p = self.start, Point(self.step, value, slope)
        if not (isfinite(value) and isfinite(slope)):  # back into the finite region
            if p.step > self.x.step:
                self.farthest = self.high = p.step
            self.step = (self.x.step + p.step) / 2.0
            return
        wanted = DECREASE * start.slope
        limit = start.value + p.step * wanted
        if p.value <= limit and p.slope >= 0.0:
            self.descending = False
        far = p.step >= self.farthest and p.value <= limit and p.slope <= wanted
        good = p.value <= limit and abs(p.slope) <= -CURVATURE * start.slope
        if self._narrow() or far or good:
            self.ended = True
            return
        if self.descending and limit < p.value <= self.x.value:
            self._step(p, wanted)
        else:
            self._step(p, 0.0)
        x, y = self.x.step, self.y.step
        if self.bracketed:
            if abs(y - x) >= 0.66 * self.width_before:
                self.step = x + (y - x) / 2.0
            self.width_before, self.width = self.width, abs(y - x)
            self.low, self.high = min(x, y), max(x, y)
        else:
            self.low = self.step + 1.1 * (self.step - x)
            self.high = self.step + 4.0 * (self.step - x)
        self.step = min(max(self.step, 0.0), self.farthest)
        if self._narrow():
            self.step = x

    def _narrow(self) -> bool:
        """Whether the interval is too narrow for the step, or for any."""
        inside = self.low < self.step < self.high
        return self.bracketed and not (inside and self.high - self.low > NARROWEST * self.high)

    def _step(self, p: Point, tilt: float) -> None:
        """Choose the next step and narrow the interval, for the function less tilt · step."""
        x, y, p = (_tilted(a, tilt) for a in (self.x, self.y, p))
        opposite = p.slope * x.slope < 0.0
        if p.value > x.value:
            # A higher value: the minimum is bracketed.
            cubic, parabola = _cubic(x, p), _parabola(x, p)
            step = cubic
            if abs(cubic - x.step) >= abs(parabola - x.step):
                step += (parabola - cubic) / 2.0
            self.bracketed = True
        elif opposite:
            # A lower value with a slope of opposite sign: the minimum is bracketed, too.
            cubic, secant = _cubic(p, x), _secant(p, x)
            step = max(secant, cubic, key=lambda step: abs(step - p.step))
            self.bracketed = True
        elif abs(p.slope) < abs(x.slope):
            # A lower value and a flatter slope: the cubic may have no minimum in this direction.
            edge = self.high if p.step > x.step else self.low
            cubic, secant = _cubic(p, x, edge), _secant(p, x)
            nearer, farther = sorted((secant, cubic), key=lambda step: abs(step - p.step))
            if self.bracketed:
                step = nearer
                bound = p.step + 0.66 * (y.step - p.step)
                step = min(bound, step) if p.step > x.step else max(bound, step)
            else:
                step = min(max(farther, self.low), self.high)
        elif self.bracketed:
            # A lower value and a slope as steep as before.
            step = _cubic(p, y)
        else:
            step = self.high if p.step > x.step else self.low
        if p.value > x.value:
            y = p
        else:
            x, y = p, x if opposite else y
        self.x, self.y = (_tilted(a, -tilt) for a in (x, y))
        self.step = step


def _cubic(a: Point, b: Point, edge: float | None = None) -> float:
    """Return the minimizer of the cubic through two points and their slopes.

    With `edge`, return that if the minimizer is not on the side of a that is away from b.
    """
    theta = 3.0 * (a.value - b.value) / (b.step - a.step) + a.slope + b.slope
    scale = max(abs(theta), abs(a.slope), abs(b.slope))
    under = (theta / scale) ** 2 - (a.slope / scale) * (b.slope / scale)
    gamma = scale * sqrt(max(0.0, under))
    if b.step < a.step:
        gamma = -gamma
    ratio = ((gamma - a.slope) + theta) / ((gamma - a.slope + gamma) + b.slope)
    if edge is not None and not (ratio < 0.0 and gamma != 0.0):
        return edge
    return a.step + ratio * (b.step - a.step)


def _parabola(a: Point, b: Point) -> float:
    """Return the minimizer of the parabola through two points and the slope at a."""
    distance = b.step - a.step
    return a.step + a.slope / ((a.value - b.value) / distance + a.slope) / 2.0 * distance


def _secant(a: Point, b: Point) -> float:
    """Return the step at which the line through two slopes is 0."""
    return a.step + a.slope / (a.slope - b.slope) * (b.step - a.step)


def _tilted(a: Point, tilt: float) -> Point:
    """Return the point of the function less tilt · step."""
    return Point(a.step, a.value - a.step * tilt, a.slope - tilt)
