"""More activations: each function, its derivative and its layer side by side.

As in activations.py, nothing overflows on the way. The layers hold no parameters; PReLU, which
learns its slope, is in prelu.py.
"""

from __future__ import annotations

from functools import partial
from math import exp, expm1, log1p, pi, sqrt, tanh

from ..checks.settings import number
from ..errors import SettingError
from .activation_layers import Activation
from .activations import sigmoid, softplus

GELU_SLOPE = 2.0 * sqrt(2.0 / pi)
GELU_CUBE = 0.044715


def mish(z: float) -> float:
    """Return z tanh(log(1 + eᶻ)). Source: Misra (2019), equation 1."""
    return z * tanh(softplus(z))


def mish_derivative(z: float, y: float) -> float:
    """Return t + z (1 − t²) sigmoid(z), with t = tanh(softplus(z)); softplus' is the sigmoid."""
    t = tanh(softplus(z))
    return t + z * (1.0 - t * t) * sigmoid(z)


def hardsigmoid(z: float) -> float:
    """Return z / 6 + 1/2, limited to 0 … 1: a sigmoid of straight lines.

    Source: Howard et al., Searching for MobileNetV3 (2019), section 5.2.

    >>> hardsigmoid(-4.0), hardsigmoid(1.5), hardsigmoid(4.0)
    (0.0, 0.75, 1.0)
    """
    return 0.0 if z <= -3.0 else 1.0 if z >= 3.0 else z / 6.0 + 0.5


def hardsigmoid_derivative(z: float, y: float) -> float:
    """Return 1/6 between −3 and 3, else 0."""
    return 1.0 / 6.0 if -3.0 < z < 3.0 else 0.0


def hardswish(z: float) -> float:
    """Return z hardsigmoid(z): SiLU of straight lines and a parabola. Source: as hardsigmoid."""
    return z * hardsigmoid(z)


def hardswish_derivative(z: float, y: float) -> float:
    """Return (2z + 3) / 6 between −3 and 3, by the product rule; 0 below, 1 above."""
    return 0.0 if z <= -3.0 else 1.0 if z >= 3.0 else z / 3.0 + 0.5


def clip(z: float, least: float = -1.0, most: float = 1.0) -> float:
    """Return z, limited to least … most.

    >>> clip(-3.0), clip(0.5), clip(3.0)
    (-1.0, 0.5, 1.0)
    """
    return least if z <= least else most if z >= most else z


def clip_derivative(z: float, y: float, least: float = -1.0, most: float = 1.0) -> float:
    """Return 1 between the limits, else 0 (at a limit either would do)."""
    return 1.0 if least < z < most else 0.0


def softsign(z: float) -> float:
    """Return z / (1 + |z|). Source: Bergstra, Desjardins, Lamblin and Bengio (2009)."""
    return z / (1.0 + abs(z))


def softsign_derivative(z: float, y: float) -> float:
    """Return (1 − |y|)² = 1 / (1 + |z|)², by the quotient rule."""
    return (1.0 - abs(y)) * (1.0 - abs(y))


def celu(z: float, alpha: float = 1.0) -> float:
    """Return z for z > 0, else α (e^(z/α) − 1), smooth for every α. Source: Barron (2017)."""
    return z if z > 0.0 else alpha * expm1(z / alpha)


def celu_derivative(z: float, y: float, alpha: float = 1.0) -> float:
    """Return 1 for z > 0, else e^(z/α) = y / α + 1."""
    return 1.0 if z > 0.0 else y / alpha + 1.0


def log_sigmoid(z: float) -> float:
    """Return log(1 / (1 + e⁻ᶻ)) = min(z, 0) − log(1 + e^−|z|)."""
    return min(z, 0.0) - log1p(exp(-abs(z)))


def log_sigmoid_derivative(z: float, y: float) -> float:
    """Return 1 − sigmoid(z) = 1 − e^y."""
    return -expm1(y)


def tanh_gelu(z: float) -> float:
    """Return z (1 + tanh u) / 2 = z sigmoid(2u), u = √(2/π) (z + 0.044715 z³).

    This is GELU without the error function; it differs by at most 0.0005. The sigmoid is the same
    number, but keeps its digits near 0. Source: Hendrycks and Gimpel (2016), section 2.
    """
    return z * sigmoid(GELU_SLOPE * z * (1.0 + GELU_CUBE * z * z))


def tanh_gelu_derivative(z: float, y: float) -> float:
    """Return p + z p (1 − p) 2u', p = sigmoid(2u), 2u' = 2 √(2/π) (1 + 0.134145 z²).

    Beyond 30, p is 0 or 1, and so is the derivative; z² might overflow there.
    """
    p = sigmoid(GELU_SLOPE * z * (1.0 + GELU_CUBE * z * z))
    if not -30.0 < z < 30.0:
        return p
    return p + z * p * (1.0 - p) * GELU_SLOPE * (1.0 + 3.0 * GELU_CUBE * z * z)


class Mish(Activation):
    """Y = X tanh(log(1 + eˣ))."""

    low = -0.30884341301725043  # at z = −1.1924312…
    function = staticmethod(mish)
    derivative = staticmethod(mish_derivative)


class Hardsigmoid(Activation):
    """Y = X / 6 + 1/2, limited to 0 … 1."""

    low, high = 0.0, 1.0
    function = staticmethod(hardsigmoid)
    derivative = staticmethod(hardsigmoid_derivative)


class Hardswish(Activation):
    """Y = X times what `Hardsigmoid` makes of it."""

    low = -0.375  # at z = −3/2
    function = staticmethod(hardswish)
    derivative = staticmethod(hardswish_derivative)


class ReLU6(Activation):
    """Y = X, limited to 0 … 6. Source: Krizhevsky, Convolutional deep belief networks (2010)."""

    low, high = 0.0, 6.0
    function = staticmethod(partial(clip, least=0.0, most=6.0))
    derivative = staticmethod(partial(clip_derivative, least=0.0, most=6.0))


class Clip(Activation):
    """Y = X, limited to `least` … `most`: hard tanh with the defaults.

    Raises SettingError unless `least` is below `most`.
    """

    def __init__(self, least: float = -1.0, most: float = 1.0) -> None:
        self.low = self.least = number("Clip", "least", least)
        self.high = self.most = number("Clip", "most", most)
        if self.least >= self.most:
            raise SettingError(f"Clip needs least to be below most, got {least!r} and {most!r}")
        self.function = partial(clip, least=self.least, most=self.most)
        self.derivative = partial(clip_derivative, least=self.least, most=self.most)

    def settings(self) -> dict[str, object]:
        return {"least": self.least, "most": self.most}


class Softsign(Activation):
    """Y = X / (1 + |X|), between −1 and 1."""

    low, high = -1.0, 1.0
    function = staticmethod(softsign)
    derivative = staticmethod(softsign_derivative)


class CELU(Activation):
    """Y = X where X > 0, else α (e^(X/α) − 1), with α above 0."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = number("CELU", "alpha", alpha, above=0)
        self.low = -self.alpha
        self.function = partial(celu, alpha=self.alpha)
        self.derivative = partial(celu_derivative, alpha=self.alpha)

    def settings(self) -> dict[str, object]:
        return {"alpha": self.alpha}


class LogSigmoid(Activation):
    """Y = log(1 / (1 + e⁻ˣ)): the logarithm of the sigmoid, safe from rounding to 0."""

    high = 0.0
    function = staticmethod(log_sigmoid)
    derivative = staticmethod(log_sigmoid_derivative)


class TanhGELU(Activation):
    """Y = X (1 + tanh(√(2/π) (X + 0.044715 X³))) / 2: GELU(approximate="tanh") in PyTorch."""

    low = -0.17004075057125406  # at z = −0.7524614…
    function = staticmethod(tanh_gelu)
    derivative = staticmethod(tanh_gelu_derivative)


MORE_ACTIVATION_LAYERS: tuple[type[Activation], ...] = (
    Mish, Hardsigmoid, Hardswish, ReLU6, Clip, Softsign, CELU, LogSigmoid, TanhGELU,
)  # fmt: skip
