"""Initializers: the weights that training starts from.

An initializer is called as `initializer(inputs, outputs, rng)` and returns the matrix of weights of
a layer of that size: `inputs` rows of `outputs` numbers, drawn row by row from `rng`.

Weights should neither shrink nor amplify what passes through a layer. An output is a sum of
`inputs` products: with inputs of variance 1 and mean 0 its variance is inputs · Var(w), and a
uniform distribution on −a … a has variance a² / 3. This is where the square roots come from.
"""

from __future__ import annotations

from math import sqrt
from random import Random
from typing import Callable

from ..checks.settings import find, number, rebuild
from .initializer import Initializer as Initializer
from .more_initializers import (
    MORE_INITIALIZERS,
    Orthogonal as Orthogonal,
    TruncatedNormal as TruncatedNormal,
)


def _uniform(low: float, high: float, rng: Random) -> Callable[[], float]:
    width = high - low
    return lambda: width * rng.random() + low


def _normal(mean: float, std: float, rng: Random) -> Callable[[], float]:
    return lambda: rng.gauss(mean, std)


class Uniform(Initializer):
    """Evenly spread over low ≤ w < high:  w = (high − low) · random() + low.

    The defaults are those of the original program, 2 · random() − 1.
    """

    name = "uniform"

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        self.low = number("Uniform", "low", low)
        self.high = number("Uniform", "high", high)
        number("Uniform", "high - low", self.high - self.low, above=0)

    def sampler(self, inputs: int, outputs: int, rng: Random) -> Callable[[], float]:
        """Return the function that draws one weight, whatever the size of the layer."""
        return _uniform(self.low, self.high, rng)


class Normal(Initializer):
    """Normally distributed with a mean and a standard deviation:  w ~ N(mean, std²)."""

    name = "normal"

    def __init__(self, mean: float = 0.0, std: float = 0.05) -> None:
        self.mean = number("Normal", "mean", mean)
        self.std = number("Normal", "std", std, above=0)

    def sampler(self, inputs: int, outputs: int, rng: Random) -> Callable[[], float]:
        """Return the function that draws one weight, whatever the size of the layer."""
        return _normal(self.mean, self.std, rng)


class GlorotUniform(Initializer):
    """For tanh and sigmoid:  w ~ U(−a, a),  a = √(6 / (inputs + outputs)).

    Var(w) = a² / 3 = 2 / (inputs + outputs), a compromise between what the forward pass needs
    (1 / inputs) and what the backward pass needs (1 / outputs).

    Source: X. Glorot and Y. Bengio, Understanding the difficulty of training deep feedforward
    neural networks (2010), equation (16); torch.nn.init.xavier_uniform_.
    """

    name = "glorot_uniform"

    def sampler(self, inputs: int, outputs: int, rng: Random) -> Callable[[], float]:
        """Return the function that draws one weight of a layer of this size."""
        a = sqrt(6.0 / (inputs + outputs))
        return _uniform(-a, a, rng)


class GlorotNormal(Initializer):
    """For tanh and sigmoid:  w ~ N(0, 2 / (inputs + outputs)).

    Source: X. Glorot and Y. Bengio (2010), equation (12); torch.nn.init.xavier_normal_.
    """

    name = "glorot_normal"

    def sampler(self, inputs: int, outputs: int, rng: Random) -> Callable[[], float]:
        """Return the function that draws one weight of a layer of this size."""
        return _normal(0.0, sqrt(2.0 / (inputs + outputs)), rng)


class HeUniform(Initializer):
    """For ReLU:  w ~ U(−a, a),  a = √(6 / inputs).

    Var(w) = a² / 3 = 2 / inputs, because ReLU silences half of the inputs.

    Source: K. He et al., Delving deep into rectifiers (2015), equation (10);
    torch.nn.init.kaiming_uniform_(nonlinearity="relu").
    """

    name = "he_uniform"

    def sampler(self, inputs: int, outputs: int, rng: Random) -> Callable[[], float]:
        """Return the function that draws one weight of a layer of this size."""
        a = sqrt(6.0 / inputs)
        return _uniform(-a, a, rng)


class HeNormal(Initializer):
    """For ReLU:  w ~ N(0, 2 / inputs).

    Source: K. He et al. (2015), equation (10); torch.nn.init.kaiming_normal_(nonlinearity="relu").
    """

    name = "he_normal"

    def sampler(self, inputs: int, outputs: int, rng: Random) -> Callable[[], float]:
        """Return the function that draws one weight of a layer of this size."""
        return _normal(0.0, sqrt(2.0 / inputs), rng)


class LecunUniform(Initializer):
    """For SELU and linear layers:  w ~ U(−a, a),  a = √(3 / inputs),  so that Var(w) = 1 / inputs.

    Source: Y. LeCun et al., Efficient BackProp (1998), equation (16).
    """

    name = "lecun_uniform"

    def sampler(self, inputs: int, outputs: int, rng: Random) -> Callable[[], float]:
        """Return the function that draws one weight of a layer of this size."""
        a = sqrt(3.0 / inputs)
        return _uniform(-a, a, rng)


class LecunNormal(Initializer):
    """For SELU and linear layers:  w ~ N(0, 1 / inputs).

    Source: Y. LeCun et al., Efficient BackProp (1998), equation (16).
    """

    name = "lecun_normal"

    def sampler(self, inputs: int, outputs: int, rng: Random) -> Callable[[], float]:
        """Return the function that draws one weight of a layer of this size."""
        return _normal(0.0, sqrt(1.0 / inputs), rng)


class Zeros(Initializer):
    """w = 0. Neurons that start equal stay equal, so this is for a single layer or for a test."""

    name = "zeros"

    def sampler(self, inputs: int, outputs: int, rng: Random) -> Callable[[], float]:
        """Return a function that returns 0; it draws nothing from `rng`."""
        return lambda: 0.0


class Constant(Initializer):
    """w = value, everywhere. As with zeros, the neurons of a layer stay equal."""

    name = "constant"

    def __init__(self, value: float = 0.0) -> None:
        self.value = number("Constant", "value", value)

    def sampler(self, inputs: int, outputs: int, rng: Random) -> Callable[[], float]:
        """Return a function that returns `value`; it draws nothing from `rng`."""
        return lambda: self.value


INITIALIZERS: dict[str, Callable[..., Initializer]] = {
    initializer.name: initializer
    for initializer in (
        Uniform, Normal, GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform,
        LecunNormal, Zeros, Constant,
    )
}  # fmt: skip
INITIALIZERS.update(MORE_INITIALIZERS)


def by_name(initializer: str | Initializer) -> Initializer:
    """Return the initializer with this short name and default settings; an Initializer as it is.

    Raises SettingError, listing the known names and the nearest one, for anything else.

    >>> by_name("uniform")
    Uniform(low=-1.0, high=1.0)
    """
    return find(Initializer, INITIALIZERS, initializer)


def from_dict(data: object) -> Initializer:
    """Return the initializer whose `to_dict()` is `data`.

    Raises FormatError for an unknown type or unknown settings, SettingError for a bad value.
    """
    return rebuild(Initializer, INITIALIZERS, data)
