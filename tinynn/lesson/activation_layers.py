"""Layers that apply an activation function; the functions and derivatives are in activations.py."""

from __future__ import annotations

from functools import partial
from typing import Callable

from ..checks.settings import number
from . import activations
from .layer import Layer
from .matrix import Matrix


class Activation(Layer):
    """Y = f(X), element by element; the base of the layers that follow.

    dX = dY ∘ f'(X), by the chain rule for each element.
    """

    function: Callable[[float], float]
    derivative: Callable[[float, float], float]

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        f = self.function
        Y = [[f(x) for x in row] for row in X]
        self.X, self.Y = X, Y
        return Y

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        f = self.derivative
        return [
            [dy * f(x, y) for dy, x, y in zip(dy_row, x_row, y_row)]
            for dy_row, x_row, y_row in zip(dY, self.X, self.Y)
        ]


class Linear(Activation):
    """Y = X: marks the outputs of a regression."""

    function = staticmethod(activations.linear)
    derivative = staticmethod(activations.linear_derivative)


class Sigmoid(Activation):
    """Y = 1 / (1 + e⁻ˣ), between 0 and 1."""

    low, high = 0.0, 1.0
    function = staticmethod(activations.sigmoid)
    derivative = staticmethod(activations.sigmoid_derivative)


class Tanh(Activation):
    """Y = tanh X, between −1 and 1."""

    low, high = -1.0, 1.0
    function = staticmethod(activations.tanh)
    derivative = staticmethod(activations.tanh_derivative)


class ReLU(Activation):
    """Y = max(0, X)."""

    low = 0.0
    function = staticmethod(activations.relu)
    derivative = staticmethod(activations.relu_derivative)


class LeakyReLU(Activation):
    """Y = X where X > 0, else negative_slope · X."""

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = number("LeakyReLU", "negative_slope", negative_slope)
        self.function = partial(activations.leaky_relu, negative_slope=self.negative_slope)
        self.derivative = partial(
            activations.leaky_relu_derivative, negative_slope=self.negative_slope
        )

    def settings(self) -> dict[str, object]:
        return {"negative_slope": self.negative_slope}


class ELU(Activation):
    """Y = X where X > 0, else α (eˣ − 1)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = number("ELU", "alpha", alpha)
        self.low = min(0.0, -self.alpha)
        self.function = partial(activations.elu, alpha=self.alpha)
        self.derivative = partial(activations.elu_derivative, alpha=self.alpha)

    def settings(self) -> dict[str, object]:
        return {"alpha": self.alpha}


class SELU(Activation):
    """Y = λ X where X > 0, else λ α (eˣ − 1)."""

    low = -activations.SELU_SCALE * activations.SELU_ALPHA
    function = staticmethod(activations.selu)
    derivative = staticmethod(activations.selu_derivative)


class GELU(Activation):
    """Y = X Φ(X), exact, with the error function."""

    low = -0.16997120747990369  # at the z where Φ(z) + z φ(z) = 0: z = −0.7517915…
    function = staticmethod(activations.gelu)
    derivative = staticmethod(activations.gelu_derivative)


class Softplus(Activation):
    """Y = log(1 + eˣ)."""

    low = 0.0
    function = staticmethod(activations.softplus)
    derivative = staticmethod(activations.softplus_derivative)


class SiLU(Activation):
    """Y = X sigmoid(X), also called swish."""

    low = -0.2784645427610738  # at the z where 1 + z (1 − sigmoid(z)) = 0: z = −1.2784645…
    function = staticmethod(activations.silu)
    derivative = staticmethod(activations.silu_derivative)


class Softmax(Layer):
    """Each row of Y is e^X over the row's sum of e^X: probabilities of classes."""

    low, high = 0.0, 1.0

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        self.Y = Y = [activations.softmax(x) for x in X]
        return Y

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        return [activations.softmax_backward(y, dy) for y, dy in zip(self.Y, dY)]


class LogSoftmax(Layer):
    """Each row of Y is X − log Σ e^X: the logarithms of softmax, safe from rounding to 0."""

    high = 0.0

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        self.Y = Y = [activations.log_softmax(x) for x in X]
        return Y

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        return [activations.log_softmax_backward(y, dy) for y, dy in zip(self.Y, dY)]


ACTIVATION_LAYERS: tuple[type[Layer], ...] = (
    Linear, Sigmoid, Tanh, ReLU, LeakyReLU, ELU, SELU, GELU, Softplus, SiLU, Softmax, LogSoftmax,
)  # fmt: skip
__all__ = ["Activation", *[layer.__name__ for layer in ACTIVATION_LAYERS]]
