"""Gradient checking: back-propagation's derivatives compared with differences of the loss itself.

The derivative by a weight w is the limit of (L(w + h) − L(w − h)) / 2h for small h. That takes two
whole forward passes per weight, but none of the mathematics of back-propagation: if both agree,
both are right.
"""

from __future__ import annotations

from math import inf, nan
from typing import Callable, NamedTuple

from ..checks.settings import number
from ..errors import SettingError
from ..lesson.loss import Loss
from ..lesson.losses import by_name as loss_by_name
from ..lesson.matrix import Matrix, Rows
from ..lesson.network import Sequential
from .gathering import as_training_data
from .training_data import check_pair

# Step sizes of the differences: large ones suffer from curvature and kinks, small ones from
# rounding. A wrong derivative is off with every one; for a right one the first is mostly enough.
STEPS = (1e-5, 1e-4, 1e-6, 1e-3)


class Difference(NamedTuple):
    """One derivative: its position, and its value by back-propagation and by differences."""

    name: str
    row: int
    column: int
    backward: float
    numeric: float
    error: float

    def __str__(self) -> str:
        return (
            f"{self.name}[{self.row}][{self.column}]: backward gives {self.backward:.9g}, "
            f"differences give {self.numeric:.9g}, relative error {self.error:.1e}"
        )


class GradientReport(NamedTuple):
    """What a gradient check found: `ok`, the worst derivative, and all that are off."""

    checked: int
    tolerance: float
    worst: Difference
    wrong: list[Difference]

    @property
    def ok(self) -> bool:
        return not self.wrong

    def __bool__(self) -> bool:
        """Return `ok`, so that `assert gradcheck(...)` works as expected."""
        return self.ok

    def _repr_html_(self) -> str | None:
        from ..checks.pictures import picture  # only notebooks need it

        return picture("gradients", self)

    def __str__(self) -> str:
        if self.ok:
            return f"all {self.checked} derivatives agree; the worst is {self.worst}"
        lines = [f"{len(self.wrong)} of {self.checked} derivatives are wrong:"]
        lines += [f"  {difference}" for difference in self.wrong[:10]]
        if len(self.wrong) > 10:
            lines.append(f"  and {len(self.wrong) - 10} more")
        return "\n".join(lines)


def gradcheck(
    model: Sequential,
    loss: str | Loss,
    inputs: Rows,
    targets: object,
    sample_weight: object = None,
    tolerance: float = 1e-6,
    training: bool = True,
    check_inputs: bool = True,
) -> GradientReport:
    """Return a report on every derivative of the loss by a parameter or an input.

    The error of a derivative g against the central difference d is |g − d| / max(|g|, |d|, s),
    where s, a thousandth of the loss's size, hides rounding in derivatives that are almost 0.
    Dropout draws the same mask each time. At a kink, such as that of ReLU at 0, there is no
    derivative, and a difference across it disagrees with both sides: use different inputs then, and
    also when a sigmoid is almost 1, since binary cross-entropy needs 1 − p, which is mostly
    rounding there.

    The network is always left unchanged. Raises what `fit` raises for data it cannot use, and
    SettingError if there is nothing to check.
    """
    tolerance = number("gradcheck", "tolerance", tolerance, above=0, below=1)
    if not (check_inputs or model.parameters()):
        raise SettingError(
            f"gradcheck needs a network with parameters, or check_inputs=True, got {model!r}"
        )
    measured = loss_by_name(loss)
    check_pair(model, measured)
    X, T, weights = as_training_data(model, measured, inputs, targets, sample_weight).flat()
    kept = model.state()

    def value() -> float:
        model.seed_noise(1)
        return measured(model.forward(X, training), T, weights)

    found: list[Difference] = []
    try:
        scale = 1e-3 * max(1.0, abs(value()))
        model.seed_noise(1)
        Y = model.forward(X, training)
        # As in training: a loss that knows the last layer has a joint derivative with it.
        joint = measured.joins(model.layers[-1])
        gradient = measured.logits_gradient if joint else measured.gradient
        dX = model.backward(gradient(Y, T, weights), skip_last=joint, wants_dX=True)
        checks = [
            (p.name, p.rows(), [list(g) for g in p.gradient_rows()]) for p in model.parameters()
        ]
        if check_inputs:
            checks.append(("inputs", X, dX))
        for name, rows, gradients in checks:
            for i, row in enumerate(rows):
                for j in range(len(row)):
                    start = Difference(name, i, j, gradients[i][j], nan, inf)
                    found.append(_compared(start, rows, scale, tolerance, value))
    finally:
        model.restore(kept)
    wrong = sorted((d for d in found if not d.error <= tolerance), key=lambda d: -d.error)
    return GradientReport(len(found), tolerance, max(found, key=lambda d: d.error), wrong)


def _compared(
    best: Difference, rows: Matrix, scale: float, tolerance: float, value: Callable[[], float]
) -> Difference:
    """Return `best` with the difference at the first step size at which both agree.

    If they never do, use the step size at which they agree best.
    """
    name, i, j, backward, _, _ = best
    here = rows[i][j]
    for step in STEPS:
        h = step * max(1.0, abs(here))
        rows[i][j] = here + h
        above = value()
        rows[i][j] = here - h
        below = value()
        rows[i][j] = here
        numeric = (above - below) / (2.0 * h)
        error = abs(backward - numeric) / max(abs(backward), abs(numeric), scale)
        if error < best.error:
            best = Difference(name, i, j, backward, numeric, error)
        if error <= tolerance:
            break
    return best
