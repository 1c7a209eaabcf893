"""The activations of lesson/activations.py as row programs, for every engine and export.

Those of lesson/more_activations.py are in more_activations.py.

To add one, write its function and derivative in lesson/activations.py, its layer in
lesson/activation_layers.py, and its programs here. z is the input, y the output, c the layer's
setting; in the backward program d is the derivative of the loss, first by y and finally by z.
"""

from __future__ import annotations

from ..lesson.activations import SELU_ALPHA, SELU_SCALE
from .more_activations import MORE_ACTIVATIONS
from .programs import Each, Largest, LayerFormula, Let, Total

_SIGMOID = "1.0 / (1.0 + exp(-z)) if z >= 0.0 else exp(z) / (1.0 + exp(z))"
_QUICK_SIGMOID = "1.0 / (1.0 + exp(-z))"
_GATE = "d if y else 0.0"
_SELU_LOW = SELU_SCALE * SELU_ALPHA
_ROOT_OF_2 = 2.0**0.5
_ROOT_OF_2_PI = 2.5066282746310002

ACTIVATIONS: dict[str, LayerFormula] = {
    "Sigmoid": LayerFormula(
        [Each("y", _SIGMOID, _QUICK_SIGMOID)],
        [Each("d", "d * y * (1.0 - y)")],
    ),
    "Tanh": LayerFormula(
        [Each("y", "tanh(z)")],
        [Each("d", "d * (1.0 - y * y)")],
    ),
    "ReLU": LayerFormula(
        [Each("y", "0.0 if z <= 0.0 else z")],
        [Each("d", _GATE)],
    ),
    "LeakyReLU": LayerFormula(
        [Each("y", "z if z > 0.0 else c * z")],
        [Each("d", "d * (1.0 if z > 0.0 else c)")],
        setting="negative_slope",
    ),
    "ELU": LayerFormula(
        [Each("y", "z if z > 0.0 else c * expm1(z)")],
        [Each("d", "d * (1.0 if z > 0.0 else y + c)")],
        setting="alpha",
    ),
    "SELU": LayerFormula(
        [Each("y", f"{SELU_SCALE!r} * z if z > 0.0 else {_SELU_LOW!r} * expm1(z)")],
        [Each("d", f"d * ({SELU_SCALE!r} if z > 0.0 else y + {_SELU_LOW!r})")],
    ),
    "GELU": LayerFormula(
        [Each("p", f"0.5 * erfc(-z / {_ROOT_OF_2!r})"), Each("y", "z * p")],
        [Each("d", f"d * (p + z * exp(-0.5 * z * z) / {_ROOT_OF_2_PI!r})")],
    ),
    "Softplus": LayerFormula(
        [Each("y", "z + log1p(exp(-z)) if z > 0.0 else log1p(exp(z))")],
        [Each("d", "d * -expm1(-y)")],
    ),
    "SiLU": LayerFormula(
        [Each("p", _SIGMOID, _QUICK_SIGMOID), Each("y", "z * p")],
        [Each("d", "d * (p + y * (1.0 - p))")],
    ),
    "Softmax": LayerFormula(
        [Largest("top", "z"), Each("y", "exp(z - top)"), Total("e", "y"), Each("y", "y / e")],
        [Total("q", "d * y"), Each("d", "y * (d - q)")],
    ),
    "LogSoftmax": LayerFormula(
        [
            Largest("top", "z"),
            Each("y", "z - top"),
            Total("e", "exp(y)"),
            Let("e", "log(e)"),
            Each("y", "y - e"),
        ],
        [Total("q", "d"), Each("d", "d - exp(y) * q")],
    ),
    **MORE_ACTIVATIONS,
}


def is_gate(kind: str) -> bool:
    """Return whether the layer passes on either its input or 0, and derivatives likewise."""
    formula = ACTIVATIONS.get(kind)
    return formula is not None and [step.value for step in formula.backward] == [_GATE]
