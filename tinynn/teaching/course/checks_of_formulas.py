"""The probes of matrices, activations and losses: functions of numbers and rows."""

from __future__ import annotations

import math
from typing import Any, Mapping, Sequence

from ...lesson import activations as right
from ...lesson.activation_layers import Activation
from ...lesson.layer import Layer
from ...lesson.layers import Dense
from ...lesson.matrix import Matrix, matmul, transpose
from ...lesson.network import Sequential
from ...training.gradient_check import GradientReport, gradcheck
from .probes import Case, Probe, Result

# --- matrices -------------------------------------------------------------------------------------

A, B = [[1.0, 2.0, 3.0], [4.0, 5.0, 7.0]], [[1.0, -1.0], [2.0, 0.5], [0.0, 3.0]]
SQUARE = [[1.0, 2.0], [3.0, 5.0]]
OTHER = [[0.0, 1.0], [-1.0, 2.0]]


def _calls(*arguments: Sequence[Any]) -> list[Case]:
    return [Case(f"for {_few(given)}", lambda f, given=given: f(*_copies(given)))  # type: ignore[misc]
            for given in arguments]  # fmt: skip


def _few(given: Sequence[Any]) -> str:
    return " and ".join(str(_short(item)) for item in given)


def _short(item: Any) -> Any:
    if isinstance(item, list):
        return [_short(part) for part in item]
    return int(item) if float(item).is_integer() else item


def _copies(given: Sequence[Any]) -> list[Any]:
    """Return copies, so that code which changes its arguments spoils nothing."""
    return [_copies(item) if isinstance(item, list) else item for item in given]


MATRIX = (
    Probe(
        "transpose", "transpose", _calls([A], [SQUARE], [[[1.0, 2.0]]]),
        {"A unchanged": lambda A: A, "A with its rows in the other order": lambda A: A[::-1]},
    ),
    Probe(
        "matmul", "matmul", _calls([A, B], [SQUARE, OTHER], [OTHER, SQUARE]),
        {
            "B A instead of A B": lambda A, B: matmul(B, A),
            "A times the transpose of B": lambda A, B: matmul(A, transpose(B)),
            "the product element by element": lambda A, B: [
                [a * b for a, b in zip(x, y)] for x, y in zip(A, B)
            ],
        },
        {"IndexError": "B has as many rows as A has columns."},
    ),
    Probe(
        "multiply", "multiply", _calls([SQUARE, OTHER], [A, A]),
        {"the matrix product": matmul,
         "a sum": lambda A, B: [[a + b for a, b in zip(x, y)] for x, y in zip(A, B)]},
    ),
    Probe(
        "add_row", "add_row", _calls([A, [1.0, 2.0, -3.0]], [SQUARE, [10.0, 20.0]]),
        {"the row was added to the columns": lambda A, row: [
            [a + r for a in x] for x, r in zip(A, row)]},
    ),
    Probe(
        "column_sums", "column_sums", _calls([A], [B], [SQUARE]),
        {"the sums of the rows": lambda A: [sum(x) for x in A],
         "means instead of sums": lambda A: [sum(x) / len(A) for x in zip(*A)]},
    ),
)  # fmt: skip

# --- activations ----------------------------------------------------------------------------------

POINTS = (-2.0, -0.5, 0.25, 1.0, 3.0)
FAR = (-1000.0, 1000.0)
_OVERFLOW = "For z of this sign, take the equal form whose powers of e are at most 1."


def _at(points: Sequence[float]) -> list[Case]:
    return [Case(f"at z = {z:g}", lambda f, z=z: f(z)) for z in points]  # type: ignore[misc]


def _slopes(function: Any, points: Sequence[float] = POINTS) -> list[Case]:
    return [
        Case(f"at z = {z:g}, y = {function(z):.6g}", lambda f, z=z: f(z, function(z)))  # type: ignore[misc]
        for z in points
    ]


def _row(z: Sequence[float]) -> str:
    return "for [" + ", ".join(f"{x:g}" for x in z) + "]"


_ROWS = ([1.0, 2.0, 3.0], [0.5], [-1.0, 0.0, 0.5, 0.5], [1000.0, 1001.0])
_SPREAD = ([0.2, 0.5, -1.0], [1.0, 0.0, 0.0], [-0.3, 0.3, 2.0])
_Y = [0.2, 0.3, 0.5]

ACTIVATIONS = (
    Probe(
        "sigmoid", "sigmoid", _at((*POINTS, 0.0, *FAR)),
        {
            "1 / (1 + e^z): the sign of z is turned": lambda z: right.sigmoid(-z),
            "tanh": math.tanh,
        },
        {"OverflowError": _OVERFLOW},
    ),
    Probe(
        "sigmoid_derivative", "sigmoid_derivative", _slopes(right.sigmoid),
        {
            "z (1 − z): it needs y, not z": lambda z, y: z * (1.0 - z),
            "y (1 + y)": lambda z, y: y * (1.0 + y),
            "the derivative of tanh": lambda z, y: 1.0 - y * y,
            "1 − y": lambda z, y: 1.0 - y,
            "the function itself, not its slope": lambda z, y: y,
        },
    ),
    Probe(
        "tanh_derivative", "tanh_derivative", _slopes(math.tanh),
        {
            "1 − y: the square is missing": lambda z, y: 1.0 - y,
            "1 + y²: the sign is turned": lambda z, y: 1.0 + y * y,
            "1 − z²: it needs y, not z": lambda z, y: 1.0 - z * z,
            "the derivative of the sigmoid": lambda z, y: y * (1.0 - y),
            "y²": lambda z, y: y * y,
        },
    ),
    Probe(
        "relu", "relu", _at((*POINTS, 0.0, *FAR)),
        {"z itself": lambda z: z, "|z|": abs, "min(0, z)": lambda z: min(0.0, z),
         "a leaky ReLU": right.leaky_relu, "the slope, not the function": lambda z: float(z > 0)},
    ),
    Probe(
        "relu_derivative", "relu_derivative", _slopes(right.relu),
        {"the function itself, not its slope": lambda z, y: y,
         "1 everywhere": lambda z, y: 1.0,
         "1 where z is below 0": lambda z, y: float(z < 0),
         "the derivative of a leaky ReLU": right.leaky_relu_derivative},
    ),
    Probe(
        "softplus", "softplus", _at((*POINTS, 0.0, *FAR)),
        {"the ReLU": right.relu, "log(1 + e^−z): the sign of z is turned": lambda z:
         right.softplus(-z)},
        {"OverflowError": "log(1 + e^z) = max(0, z) + log(1 + e^−|z|)."},
    ),
    Probe(
        "softplus_derivative", "softplus_derivative", _slopes(right.softplus, (*POINTS, *FAR)),
        {"1 / (1 + e^z): the sign of z is turned": lambda z, y: right.sigmoid(-z),
         "the derivative of the sigmoid": lambda z, y: right.sigmoid(z) * right.sigmoid(-z),
         "the function itself, not its slope": lambda z, y: y},
        {"OverflowError": _OVERFLOW},
    ),
    Probe(
        "softmax", "softmax",
        [Case(_row(z), lambda f, z=z: f(list(z))) for z in _ROWS],  # type: ignore[misc]
        {"z over the sum of z: the powers of e are missing": lambda z: [x / sum(z) for x in z],
         "its logarithm": right.log_softmax,
         "a sigmoid of each z": lambda z: [right.sigmoid(x) for x in z],
         "powers that are not divided by their sum": lambda z: [math.exp(x - max(z)) for x in z]},
        {"OverflowError": "Subtract the largest z from all of them first: nothing else changes."},
    ),
    Probe(
        "softmax_backward", "softmax_backward",
        [Case(f"for y = {_Y} and dy = {dy}", lambda f, dy=dy: f(list(_Y), list(dy)))  # type: ignore[misc]
         for dy in _SPREAD],
        {"dy y (1 − y): each z changes the other y, too": lambda y, dy: [
            d * p * (1.0 - p) for p, d in zip(y, dy)],
         "dy y: the change of the sum is missing": lambda y, dy: [p * d for p, d in zip(y, dy)],
         "the derivative of log softmax": lambda y, dy: right.log_softmax_backward(
             [math.log(p) for p in y], dy)},
    ),
)  # fmt: skip

# Each function of one number, with its derivative.
_PAIRS = (
    ("sigmoid", "sigmoid_derivative"),
    ("tanh", "tanh_derivative"),
    ("relu", "relu_derivative"),
    ("softplus", "softplus_derivative"),
)


def gradients_agree(mine: Mapping[str, Any]) -> Result:
    """Return whether a learner's derivatives agree with differences of the learner's functions."""
    name, checked = "the gradient checker", 0
    for function, derivative in _PAIRS:
        f, slope = mine.get(function, math.tanh), mine[derivative]
        layer = type(function, (Activation,), {"function": staticmethod(f),
                                               "derivative": staticmethod(slope)})()  # fmt: skip
        report = _checked(layer)
        checked += report.checked
        if not report.ok:
            return Result(name, False, f"with {function} and {derivative}, {report.wrong[0]}")
    report = _checked(_SoftmaxOf(mine["softmax"], mine["softmax_backward"]))
    if not report.ok:
        return Result(name, False, f"with softmax and softmax_backward, {report.wrong[0]}")
    return Result(f"{name}: all {checked + report.checked} derivatives agree", True)


class _SoftmaxOf(Layer):
    """A softmax layer of a learner's functions."""

    def __init__(self, forward: Any, backward: Any) -> None:
        self.of_row, self.row_backward = forward, backward

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        self.Y = [self.of_row(x) for x in X]
        return self.Y

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        return [self.row_backward(y, dy) for y, dy in zip(self.Y, dY)]


def _checked(layer: Layer) -> GradientReport:
    network = Sequential(Dense(2, 3), layer, Dense(3, 2), seed=4)
    return gradcheck(network, "mse", [[0.5, -1.0], [2.0, 0.25]], [[1.0, 0.0], [-0.5, 0.5]])


# --- losses ---------------------------------------------------------------------------------------

_OUTPUTS = [0.2, 0.3, 0.5]
_CLASSES = ([0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.2, 0.5, 0.3])
_NUMBERS = ([0.0, 1.0, 0.5], [2.0, -1.0, 0.25], [0.1, 0.2, 3.0])


class _Wrong:
    """A loss as functions of outputs and targets."""

    def __init__(self, function: Any) -> None:
        self.of_row = self.row_derivative = function


def _of_class(function: Any) -> Any:
    return lambda: _Wrong(function)


def _losses(method: str, targets: Sequence[Sequence[float]]) -> list[Case]:
    return [
        Case(
            f"for y = {_OUTPUTS} and t = {t}",
            lambda kind, t=t: getattr(kind(), method)(list(_OUTPUTS), list(t)),  # type: ignore[misc]
        )
        for t in targets
    ]


def _each(f: Any) -> Any:
    return _of_class(lambda y, t: [f(a, b, len(y)) for a, b in zip(y, t)])


def _total(f: Any) -> Any:
    return _of_class(lambda y, t: sum(f(a, b, len(y)) for a, b in zip(y, t)))


LOSSES = (
    Probe(
        "MeanSquaredError.of_row", "MeanSquaredError", _losses("of_row", _NUMBERS),
        {"the sum: the division by the number of outputs is missing":
            _total(lambda y, t, m: (y - t) ** 2),
         "the mean absolute error": _total(lambda y, t, m: abs(y - t) / m),
         "a sum of differences without squares": _total(lambda y, t, m: (y - t) / m)},
    ),
    Probe(
        "MeanSquaredError.row_derivative", "MeanSquaredError",
        _losses("row_derivative", _NUMBERS),
        {"(y − t) / m: the 2 of the square is missing": _each(lambda y, t, m: (y - t) / m),
         "2 (t − y) / m: the sign is turned": _each(lambda y, t, m: 2.0 * (t - y) / m),
         "2 (y − t): the division by the number of outputs is missing":
             _each(lambda y, t, m: 2.0 * (y - t))},
    ),
    Probe(
        "BinaryCrossEntropy.of_row", "BinaryCrossEntropy", _losses("of_row", _CLASSES),
        {"−Σ t log y / m: the part with 1 − t is missing":
            _total(lambda y, t, m: -t * math.log(y) / m),
         "the sum: the division by the number of outputs is missing":
            _total(lambda y, t, m: -t * math.log(y) - (1.0 - t) * math.log(1.0 - y))},
    ),
    Probe(
        "BinaryCrossEntropy.row_derivative", "BinaryCrossEntropy",
        _losses("row_derivative", _CLASSES),
        {"(y − t) / m: that includes the derivative of a sigmoid before the loss":
            _each(lambda y, t, m: (y - t) / m),
         "−t / y / m: the part with 1 − t is missing": _each(lambda y, t, m: -t / y / m),
         "a sum over outputs: the division by their number is missing":
            _each(lambda y, t, m: (y - t) / (y * (1.0 - y)))},
    ),
    Probe(
        "CategoricalCrossEntropy.of_row", "CategoricalCrossEntropy",
        _losses("of_row", _CLASSES),
        {"a mean over the outputs: this loss is a sum":
            _total(lambda y, t, m: -t * math.log(y) / m)},
    ),
    Probe(
        "CategoricalCrossEntropy.row_derivative", "CategoricalCrossEntropy",
        _losses("row_derivative", _CLASSES),
        {"y − t: that includes the derivative of a softmax before the loss":
            _each(lambda y, t, m: y - t),
         "−t / y / m: this loss is a sum": _each(lambda y, t, m: -t / y / m),
         "−t log y: the loss, not its derivative": _each(lambda y, t, m: -t * math.log(y))},
    ),
)  # fmt: skip
