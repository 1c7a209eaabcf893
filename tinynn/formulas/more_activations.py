"""The activations of lesson/more_activations.py and lesson/prelu.py as row programs.

z is the input, y the output, c and c2 are the layer's settings; in the backward program d is the
derivative of the loss, first by y and finally by z.
"""

from __future__ import annotations

from ..lesson.more_activations import GELU_CUBE, GELU_SLOPE
from .programs import Each, LayerFormula

_SOFTPLUS = "z + log1p(exp(-z)) if z > 0.0 else log1p(exp(z))"
_SLOPE_OF_CUBIC = f"({GELU_SLOPE!r} + {3.0 * GELU_SLOPE * GELU_CUBE!r} * z * z)"

MORE_ACTIVATIONS: dict[str, LayerFormula] = {
    "Mish": LayerFormula(
        [Each("s", _SOFTPLUS), Each("p", "tanh(s)"), Each("y", "z * p")],
        # -expm1(-s) is the sigmoid
        [Each("d", "d * (p - z * (1.0 - p * p) * expm1(-s))")],
    ),
    "Hardsigmoid": LayerFormula(
        [Each("y", "0.0 if z <= -3.0 else 1.0 if z >= 3.0 else z / 6.0 + 0.5")],
        [Each("d", f"d * {1.0 / 6.0!r} if -3.0 < z < 3.0 else 0.0")],
    ),
    "Hardswish": LayerFormula(
        [
            Each("p", "0.0 if z <= -3.0 else 1.0 if z >= 3.0 else z / 6.0 + 0.5"),
            Each("y", "z * p"),
        ],
        [Each("d", "d * (0.0 if z <= -3.0 else 1.0 if z >= 3.0 else z / 3.0 + 0.5)")],
    ),
    "ReLU6": LayerFormula(
        [Each("y", "0.0 if z <= 0.0 else 6.0 if z >= 6.0 else z")],
        [Each("d", "d if 0.0 < y < 6.0 else 0.0")],
    ),
    "Clip": LayerFormula(
        [Each("y", "c if z <= c else c2 if z >= c2 else z")],
        [Each("d", "d if c < y < c2 else 0.0")],
        setting="least",
        second="most",
    ),
    "Softsign": LayerFormula(
        [Each("y", "z / (1.0 + abs(z))")],
        [Each("d", "d * (1.0 - abs(y)) * (1.0 - abs(y))")],
    ),
    "CELU": LayerFormula(
        [Each("y", "z if z > 0.0 else c * expm1(z / c)")],
        [Each("d", "d * (1.0 if z > 0.0 else y / c + 1.0)")],
        setting="alpha",
    ),
    "LogSigmoid": LayerFormula(
        [Each("y", "-log1p(exp(-z)) if z > 0.0 else z - log1p(exp(z))")],
        [Each("d", "d * -expm1(y)")],
    ),
    "TanhGELU": LayerFormula(
        [
            Each("u", f"{GELU_SLOPE!r} * z * (1.0 + {GELU_CUBE!r} * z * z)"),
            Each("p", "1.0 / (1.0 + exp(-u)) if u >= 0.0 else exp(u) / (1.0 + exp(u))"),
            Each("y", "z * p"),
        ],
        [
            # beyond 30, where p is 0 or 1, z * z may overflow
            Each("h", f"z * p * (1.0 - p) * {_SLOPE_OF_CUBIC} if -30.0 < z < 30.0 else 0.0"),
            Each("d", "d * (p + h)"),
        ],
    ),
    "PReLU": LayerFormula(
        [Each("y", "z if z > 0.0 else slope * z")],
        [
            Each("g", "1.0 if z > 0.0 else slope"),  # before slope may change by dslope
            Each("dslope", "0.0 if z > 0.0 else d * z"),
            Each("d", "d * g"),
        ],
        letters=("slope",),
    ),
}
