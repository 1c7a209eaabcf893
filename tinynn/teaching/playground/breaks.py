"""Derivatives with a mistake in them, to see how one shows: in a gradient check, and in training.

Each is a mistake that people make. The layers here take the place of the lesson's own in a network
of the playground alone; the lesson is not touched.
"""

from __future__ import annotations

from typing import NamedTuple

from ...lesson.activation_layers import ReLU, Sigmoid, Tanh
from ...lesson.layer import Layer
from ...lesson.layers import Dense
from ...lesson.matrix import Matrix


class Break(NamedTuple):
    """A mistake: what it is, the lesson's line, the line in its place, and the layer that has it.

    place:  the module of the lesson, and the function in which the line stands
    """

    title: str
    place: tuple[str, str]
    right: str
    wrong: str
    layer: type[Layer]


class SigmoidWithoutProduct(Sigmoid):
    """Sigmoid with the derivative y."""

    derivative = staticmethod(lambda z, y: y)


class TanhWithoutSquare(Tanh):
    """Tanh with the derivative 1 − y."""

    derivative = staticmethod(lambda z, y: 1.0 - y)


class ReLUWithoutKink(ReLU):
    """ReLU with the derivative 1 everywhere."""

    derivative = staticmethod(lambda z, y: 1.0)


class DenseUphill(Dense):
    """Dense with the sign of the weights' gradient turned."""

    def backward(self, dZ: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX; store −dW."""
        dX = super().backward(dZ, wants_dX)
        self.dW = [[-dw for dw in row] for row in self.dW]
        return dX


class DenseOfOneRow(Dense):
    """Dense whose bias gets the derivative of the first row of the batch alone."""

    def backward(self, dZ: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX; store the first row of dZ as db."""
        dX = super().backward(dZ, wants_dX)
        self.db = list(dZ[0])
        return dX


BREAKS: dict[str, Break] = {
    "tanh": Break(
        "tanh: the square is forgotten", ("activations", "tanh_derivative"),
        "return 1.0 - y * y", "return 1.0 - y", TanhWithoutSquare,
    ),
    "sigmoid": Break(
        "sigmoid: the factor 1 − y is forgotten", ("activations", "sigmoid_derivative"),
        "return y * (1.0 - y)", "return y", SigmoidWithoutProduct,
    ),
    "relu": Break(
        "ReLU: 1 on both sides of the kink", ("activations", "relu_derivative"),
        "return 1.0 if z > 0.0 else 0.0", "return 1.0", ReLUWithoutKink,
    ),
    "sign": Break(
        "Dense: the sign of dW is turned", ("layers", "Dense.backward"),
        "self.dW = matmul(transpose(self.X), dZ)",
        "self.dW = scale(matmul(transpose(self.X), dZ), -1.0)", DenseUphill,
    ),
    "bias": Break(
        "Dense: db takes the first row alone", ("layers", "Dense.backward"),
        "self.db = column_sums(dZ)", "self.db = dZ[0]", DenseOfOneRow,
    ),
}  # fmt: skip


def layer_or_broken(kind: type[Layer], broken: str) -> type[Layer]:
    """Return the layer to use for a layer of the lesson: itself, or the one with the mistake."""
    found = BREAKS.get(broken)
    return found.layer if found and issubclass(found.layer, kind) else kind
