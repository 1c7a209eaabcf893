"""How large numbers may be for an engine's order of operations not to matter.

Near the end of the floats, (rate · m) / x overflows and rate / x · m does not. Engines compute in
orders of their own, so they keep what they computed only while weights are so small that nothing
could overflow in any order. Beyond that, `lists` repeats the work, and decides what diverges.

With |x| the norm of a row, N that of all weights and biases, D dense layers and c a factor for
what other layers may add, no number on the way forward is larger than

    A = c |x| (2 √(1 + N² / D))^D

since a dense layer with weights and biases C makes at most |C| (|x| + 1) of |x|, and the product
of the |C| is largest where all are equal. The way back multiplies by the same factors again. A
derivative by a weight is a product of a number from each way, and optimizers square it; so nothing
is larger than (A³ · the targets, rate and settings)².
"""

from __future__ import annotations

from itertools import starmap
from math import hypot, sqrt
from typing import Sequence

from ..lesson.matrix import Matrix
from .plans import TrainingPlan

MOST = 1e140  # its square is far from the end of the floats
# Weights below this are always small enough, unless the data are large: where many layers follow
# one another, the bound above is far from what any training comes to.
SMALL_WEIGHTS, SMALL_DATA = 1e3, 1e20


def row_size(rows: Matrix) -> float:
    """Return the largest norm of a row, and at least 1."""
    return max(1.0, max(starmap(hypot, rows), default=1.0))


def largest_norm(plan: TrainingPlan, data: float, targets: float, rates: Sequence[float]) -> float:
    """Return the norm that all weights need to stay below, 0 if none is small enough.

    data, targets: their `row_size`; the norm of the optimizer's memory needs to stay below `MOST`.
    """
    own = targets * max(1.0, plan.loss_number) * max(1.0, sum(rates))
    for name, _ in plan.settings:
        own *= max(1.0, plan.setting(name))
    if ("centered", True) in plan.settings:
        own /= min(1.0, plan.setting("eps") or 1e-300)
    reach = data
    for layer in plan.layers:
        if layer.image and layer.kind != "ChannelNorm":
            reach *= float(layer.image.windows.area)  # a pixel is in at most so many windows
        else:
            reach *= _factor(layer.kind, layer.number, layer.second, layer.outputs)
    # A trained slope multiplies as a weight does.
    dense = sum(layer.kind in ("Dense", "Conv", "PReLU") for layer in plan.layers)
    room = (MOST / own) ** (1.0 / 3.0) / reach
    if not dense or room < 1.0:
        return MOST if room >= 1.0 else 0.0
    each = room ** (1.0 / dense) / 2.0
    norm = sqrt(dense * max(0.0, each * each - 1.0))
    return max(norm, SMALL_WEIGHTS) if reach * own <= SMALL_DATA else norm


def _factor(kind: str, number: float, second: float, columns: int) -> float:
    """Return how much larger a layer without a matrix may make numbers, forward or backward."""
    if kind in ("Dense", "PReLU"):
        return 1.0
    if kind == "Dropout":
        return 1.0 / (1.0 - number)
    if "Norm" in kind:
        return columns / sqrt(number) if number > 0.0 else 1e300
    if kind in ("Softmax", "LogSoftmax"):
        return 2.0 * columns
    return 2.0 * max(1.0, abs(number), abs(second))
