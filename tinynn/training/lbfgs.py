"""L-BFGS: steps along an estimate of Newton's direction, from all rows at once."""

from __future__ import annotations

from math import inf, isfinite, sqrt
from typing import Any, Callable, NamedTuple, Tuple

from ..checks.rows import as_rows
from ..checks.settings import find, integer, number, rebuild
from ..errors import FormatError
from ..lesson import optimizers
from ..lesson.matrix import Vector, dot
from ..lesson.optimizer import Optimizer
from .line_search import MOST_TRIALS, Point, Search

Function = Callable[[Vector], Tuple[float, Vector]]
ROUNDING = 2.220446049250313e-16
LEAST_DECREASE = 1e7 * ROUNDING  # SciPy's ftol


class LBFGS(Optimizer):
    """Limited-memory BFGS, which minimizes the loss of all rows: for small tables and few weights.

    Each epoch of `fit` is one iteration, of one or a few passes through all rows, whatever the
    batch size; the history has the loss after it. Training ends early once the loss has reached a
    minimum, as well as the settings ask for: the history then says "convergence".

    tol:      the largest derivative at which this is so. It is also if an iteration lowers the loss
              by at most 2e-9, or tol², of it (of 1, if that is more): near a minimum, decreases are
              in proportion to squares of derivatives
    max_fun:  the largest number of passes
    pairs:    how many earlier steps it remembers, with the changes of the gradient along them
    weight_decay, decay_biases: as in `Optimizer`

    A second call of `fit` continues with the weights, but without the memory, unless it resumes one
    that was cut short. The network may not
    have layers with noise or running statistics, and there is no clipping and no stream.

    Sources: D. Liu and J. Nocedal, On the limited memory BFGS method for large scale optimization
    (1989), algorithm 2.1; the rules for stopping are those of C. Zhu et al., Algorithm 778:
    L-BFGS-B (1997), with SciPy's constants.
    """

    name = "lbfgs"
    learning_rate = 1.0

    def __init__(
        self,
        tol: float = 1e-5,
        max_fun: int = 15000,
        pairs: int = 10,
        weight_decay: float = 0.0,
        decay_biases: bool = True,
    ) -> None:
        self.tol = number("LBFGS", "tol", tol, least=0)
        self.max_fun = integer("LBFGS", "max_fun", max_fun, least=1)
        self.pairs = integer("LBFGS", "pairs", pairs, least=1)
        self._take_decay("LBFGS", weight_decay, decay_biases)


class Iterate(NamedTuple):
    """A point that an iteration has reached: how many there were, x, and the function there."""

    number: int
    x: Vector
    value: float
    gradient: Vector


class Minimization:
    """A minimization of `function`, which returns a value and its gradient, from `x` on.

    at:    the latest point; only the last statement of an iteration changes it
    ended: why it is over, or None: "convergence", "max_fun" or "line search" (no step lowers the
           value, most likely because of rounding)
    calls: how often the function was called; a value that is not finite keeps it from going there

    >>> bowl = Minimization(lambda x: ((x[0] - 3.0) ** 2, [2.0 * (x[0] - 3.0)]), [0.0], LBFGS())
    >>> bowl.iterate()
    >>> bowl.iterate()
    >>> bowl.at.x, bowl.ended
    ([3.0], 'convergence')
    """

    def __init__(
        self, function: Function, x: Vector, settings: LBFGS, saved: dict[str, Any] | None = None
    ) -> None:
        self.function, self.settings = function, settings
        self.steps: list[Vector] = []
        self.changes: list[Vector] = []
        self.ended: str | None = None
        if saved and saved["x"] == x:
            self.steps, self.changes, self.calls = saved["steps"], saved["changes"], saved["calls"]
            self.at = Iterate(0, x, saved["value"], saved["gradient"])
            return
        self.calls = 0
        self.at = Iterate(0, x, *self._call(x))
        self.ended = "convergence" if self._flat() else None

    def saved(self) -> dict[str, Any]:
        """Return all that later iterations depend on, in JSON's types, for the constructor."""
        _, x, value, gradient = self.at
        kept = {key: getattr(self, key) for key in ("steps", "changes", "calls")}
        return {"x": x, "value": value, "gradient": gradient, **kept}

    def iterate(self) -> None:
        """Make one step, unless the minimization is over."""
        while self.ended is None:
            direction = self._direction()
            found = self._search(direction)
            if found is not None:
                self._take(found)
                return
            if not self.steps:
                self.ended = "line search"
            self.steps, self.changes = [], []  # and try once more along the gradient itself

    def _call(self, x: Vector) -> tuple[float, Vector]:
        self.calls += 1
        return self.function(x)

    def _flat(self) -> bool:
        return max(map(abs, self.at.gradient), default=inf) <= self.settings.tol

    def _direction(self) -> Vector:
        """Return −H g, where H approximates the inverse of the matrix of second derivatives.

        Two loops over the remembered pairs of s, a step, and y, the change of the gradient along
        it. Source: J. Nocedal and S. Wright, Numerical optimization (2006), algorithm 7.4.
        """
        d = [-g for g in self.at.gradient]
        pairs = [(s, y, 1.0 / dot(s, y)) for s, y in zip(self.steps, self.changes)]
        weights = []
        for s, y, rho in reversed(pairs):
            a = rho * dot(s, d)
            d = [dᵢ - a * yᵢ for dᵢ, yᵢ in zip(d, y)]
            weights.append(a)
        for _, y, rho in pairs[-1:]:
            scale = 1.0 / (rho * dot(y, y))
            d = [scale * dᵢ for dᵢ in d]
        for (s, y, rho), a in zip(pairs, reversed(weights)):
            b = a - rho * dot(y, d)
            d = [dᵢ + b * sᵢ for dᵢ, sᵢ in zip(d, s)]
        return d

    def _search(self, direction: Vector) -> Iterate | None:
        """Return the next point, or None if no step along the direction is found."""
        number, x, value, gradient = self.at
        slope = dot(gradient, direction)
        if not -inf < slope < 0.0:
            return None
        first = 1.0 if self.steps else 1.0 / sqrt(dot(direction, direction))
        search = Search(Point(0.0, value, slope), first)
        for _ in range(MOST_TRIALS):
            step = search.step
            there = [xᵢ + step * dᵢ for xᵢ, dᵢ in zip(x, direction)]
            value, gradient = self._call(there)
            search.tell(value, dot(gradient, direction) if isfinite(value) else inf)
            if search.ended:
                return Iterate(number + 1, there, value, gradient)
        return None

    def _take(self, found: Iterate) -> None:
        s = [a - b for a, b in zip(found.x, self.at.x)]
        y = [a - b for a, b in zip(found.gradient, self.at.gradient)]
        # A pair is remembered if the slope rose along the step: H stays positive definite.
        if dot(s, y) > ROUNDING * -dot(s, self.at.gradient):
            self.steps = [*self.steps, s][-self.settings.pairs :]
            self.changes = [*self.changes, y][-self.settings.pairs :]
        before, self.at = self.at.value, found
        least = min(LEAST_DECREASE, self.settings.tol**2) * max(abs(before), abs(found.value), 1.0)
        if self._flat() or before - found.value <= least:
            self.ended = "convergence"
        elif self.calls >= self.settings.max_fun:
            self.ended = "max_fun"


def checked_saved(saved: dict[str, Any], size: int) -> dict[str, Any] | None:
    """Return a checked `Minimization.saved` of `size` weights, or None for an empty one.

    Raises FormatError for anything else.
    """
    if not saved:
        return None
    steps, changes = saved.get("steps"), saved.get("changes")
    if not isinstance(steps, list) or not isinstance(changes, list) or len(steps) != len(changes):
        raise FormatError("the state of lbfgs needs steps, and as many changes of the gradient")
    rows = [saved.get("x"), saved.get("gradient"), *steps, *changes]
    found = as_rows(rows, "the state of lbfgs", size)
    number("the state of lbfgs", "value", saved.get("value"))
    integer("the state of lbfgs", "calls", saved.get("calls"), least=0)
    pairs = len(steps)
    kept = {"x": found[0], "gradient": found[1], "steps": found[2 : 2 + pairs]}
    return {**saved, **kept, "changes": found[2 + pairs :]}


def by_name(optimizer: str | Optimizer) -> Optimizer:
    """Return the optimizer with this short name, "lbfgs" among them; an Optimizer as it is.

    Raises SettingError, listing the known names and the nearest one, for anything else.
    """
    return find(Optimizer, {**optimizers.OPTIMIZERS, LBFGS.name: LBFGS}, optimizer)


def from_dict(data: object) -> Optimizer:
    """Return the optimizer whose `to_dict()` is `data`, which may be an LBFGS.

    Raises FormatError for an unknown type or unknown settings, SettingError for a bad value.
    """
    if isinstance(data, dict) and data.get("type") == LBFGS.name:
        return rebuild(Optimizer, {LBFGS.name: LBFGS}, data)
    return optimizers.from_dict(data)
