"""Activation functions, each with its derivative beside it.

An activation takes the weighted sum z of a neuron and returns its output y = f(z). A derivative
here takes both z and y = f(z), because the forward pass has already computed them, and many
derivatives are simplest in terms of y. No function or derivative overflows on the way: it is finite
for every finite z, as long as its true value fits a float.
"""

from __future__ import annotations

from math import erfc, exp, expm1, log, log1p, pi, sqrt, tanh
from typing import Sequence

from .matrix import Vector, dot

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946


def linear(z: float) -> float:
    """Return z itself: no activation."""
    return z


def linear_derivative(z: float, y: float) -> float:
    """Return dy/dz = 1."""
    return 1.0


def sigmoid(z: float) -> float:
    """Return 1 / (1 + e⁻ᶻ), between 0 and 1; the logistic function.

    For z < 0 it is computed as eᶻ / (1 + eᶻ), which is equal and cannot overflow.

    >>> sigmoid(0.0), sigmoid(-1000.0)
    (0.5, 0.0)
    """
    if z >= 0.0:
        return 1.0 / (1.0 + exp(-z))
    e = exp(z)
    return e / (1.0 + e)


def sigmoid_derivative(z: float, y: float) -> float:
    """Return dy/dz = y (1 − y): by the quotient rule e⁻ᶻ / (1 + e⁻ᶻ)² = y (1 − y)."""
    return y * (1.0 - y)


def tanh_derivative(z: float, y: float) -> float:
    """Return dy/dz = 1 − y²: the derivative of sinh/cosh is (cosh² − sinh²) / cosh²."""
    return 1.0 - y * y


def relu(z: float) -> float:
    """Return max(0, z): the rectified linear unit. Source: Nair and Hinton (2010).

    >>> relu(-2.0), relu(2.0)
    (0.0, 2.0)
    """
    return 0.0 if z <= 0.0 else z


def relu_derivative(z: float, y: float) -> float:
    """Return 1 for z > 0, else 0 (at the kink z = 0 any value from 0 to 1 would do)."""
    return 1.0 if z > 0.0 else 0.0


def leaky_relu(z: float, negative_slope: float = 0.01) -> float:
    """Return z for z > 0, else negative_slope · z. Source: Maas, Hannun and Ng (2013).

    >>> leaky_relu(-2.0), leaky_relu(2.0)
    (-0.02, 2.0)
    """
    return z if z > 0.0 else negative_slope * z


def leaky_relu_derivative(z: float, y: float, negative_slope: float = 0.01) -> float:
    """Return 1 for z > 0, else negative_slope."""
    return 1.0 if z > 0.0 else negative_slope


def elu(z: float, alpha: float = 1.0) -> float:
    """Return z for z > 0, else α (eᶻ − 1). Source: Clevert, Unterthiner and Hochreiter (2016)."""
    return z if z > 0.0 else alpha * expm1(z)


def elu_derivative(z: float, y: float, alpha: float = 1.0) -> float:
    """Return 1 for z > 0, else α eᶻ = y + α."""
    return 1.0 if z > 0.0 else y + alpha


def selu(z: float) -> float:
    """Return λ z for z > 0, else λ α (eᶻ − 1), with the α and λ that keep mean 0 and variance 1.

    Source: Klambauer, Unterthiner, Mayr and Hochreiter (2017), equation 2.
    """
    return SELU_SCALE * (z if z > 0.0 else SELU_ALPHA * expm1(z))


def selu_derivative(z: float, y: float) -> float:
    """Return λ for z > 0, else λ α eᶻ = y + λ α."""
    return SELU_SCALE if z > 0.0 else y + SELU_SCALE * SELU_ALPHA


def gelu(z: float) -> float:
    """Return z Φ(z), where Φ is the standard normal distribution function.

    Φ(z) = erfc(−z/√2) / 2. Source: Hendrycks and Gimpel (2016), equation 1.
    """
    return 0.5 * z * erfc(-z / sqrt(2.0))


def gelu_derivative(z: float, y: float) -> float:
    """Return Φ(z) + z φ(z), by the product rule; Φ'(z) = φ(z) = e^(−z²/2) / √(2π)."""
    return 0.5 * erfc(-z / sqrt(2.0)) + z * exp(-0.5 * z * z) / sqrt(2.0 * pi)


def softplus(z: float) -> float:
    """Return log(1 + eᶻ), a smooth max(0, z), computed as max(0, z) + log(1 + e^−|z|)."""
    return max(0.0, z) + log1p(exp(-abs(z)))


def softplus_derivative(z: float, y: float) -> float:
    """Return eᶻ / (1 + eᶻ) = sigmoid(z)."""
    return sigmoid(z)


def silu(z: float) -> float:
    """Return z · sigmoid(z), also called swish. Source: Elfwing, Uchibe and Doya (2017)."""
    return z * sigmoid(z)


def silu_derivative(z: float, y: float) -> float:
    """Return s + y (1 − s) with s = sigmoid(z), by the product rule and s' = s (1 − s)."""
    s = sigmoid(z)
    return s + y * (1.0 - s)


def softmax(z: Sequence[float]) -> Vector:
    """Return yᵢ = e^zᵢ / Σⱼ e^zⱼ for one row: positive numbers that sum to 1.

    Subtracting the row's maximum first changes nothing and keeps every exponent ≤ 0.

    >>> softmax([1000.0, 1000.0])
    [0.5, 0.5]
    """
    highest = max(z)
    powers = [exp(z_i - highest) for z_i in z]
    total = sum(powers)
    return [power / total for power in powers]


def softmax_backward(y: Sequence[float], dy: Sequence[float]) -> Vector:
    """Return dL/dz from y = softmax(z) and dy = dL/dy.

    ∂yⱼ/∂zᵢ = yⱼ (δᵢⱼ − yᵢ), so dL/dzᵢ = Σⱼ dyⱼ yⱼ (δᵢⱼ − yᵢ) = yᵢ (dyᵢ − dy · y).
    """
    mean = dot(dy, y)
    return [y_i * (dy_i - mean) for y_i, dy_i in zip(y, dy)]


def log_softmax(z: Sequence[float]) -> Vector:
    """Return log softmax(z) = zᵢ − log Σⱼ e^zⱼ for one row, even where softmax rounds to 0."""
    highest = max(z)
    total = log(sum([exp(z_i - highest) for z_i in z]))
    return [z_i - highest - total for z_i in z]


def log_softmax_backward(y: Sequence[float], dy: Sequence[float]) -> Vector:
    """Return dL/dz from y = log_softmax(z) and dy = dL/dy.

    ∂yⱼ/∂zᵢ = δᵢⱼ − softmax(z)ᵢ, so dL/dzᵢ = dyᵢ − e^yᵢ Σⱼ dyⱼ.
    """
    total = sum(dy)
    return [dy_i - exp(y_i) * total for y_i, dy_i in zip(y, dy)]


__all__ = [
    "elu", "elu_derivative", "gelu", "gelu_derivative", "leaky_relu", "leaky_relu_derivative",
    "linear", "linear_derivative", "log_softmax", "log_softmax_backward", "relu",
    "relu_derivative", "selu", "selu_derivative", "sigmoid", "sigmoid_derivative", "silu",
    "silu_derivative", "softmax", "softmax_backward", "softplus", "softplus_derivative", "tanh",
    "tanh_derivative",
]  # fmt: skip
