"""Layers: each turns a batch of rows into another, and passes derivatives the other way.

`forward` takes X (samples × inputs) to Y (samples × outputs) and keeps what it needs to go back.
`backward` takes dY, the derivative of the loss by each element of Y, to dX, the derivative by each
element of X, and leaves the derivatives by its own parameters behind. Both halves of each layer
stand side by side: that is all there is to back-propagation (Rumelhart, Hinton and Williams, 1986).

A row is always flat. A layer that reads more into it (an image, a sequence) knows how it does so.
"""

from __future__ import annotations

import random
from functools import partial
from typing import Callable, Dict, Mapping, Optional, Sequence, Tuple, Type, Union

from . import activations
from .errors import ShapeError
from .initializers import Initializer, by_name as initializer_by_name
from .matrix import (
    Matrix,
    Rows,
    Vector,
    add_row,
    column_sums,
    matmul,
    multiply,
    shape,
    transpose,
    zeros,
)
from .rng import stream
from .settings import integer, number
from .tables import as_rows, as_vector

Values = Union[Matrix, Vector]


class Layer:
    """What a network asks of a layer; one without parameters need only say `forward`, `backward`.

    `inputs` is how many columns it takes, where `build` cannot tell by what comes out (None: as
    many as come out). `low` and `high` are the bounds of what its outputs can reach, if it has any;
    `least_rows` is how many rows it needs in a batch to train. `least_values` is the least that a
    parameter or buffer of that name may be, where there is such a bound.
    """

    inputs: Optional[int] = None
    low = float("-inf")
    high = float("inf")
    least_rows = 1
    least_values: Mapping[str, float] = {}

    def build(self, inputs: Optional[int], rng: random.Random) -> Optional[int]:
        """Return how many columns come out where `inputs` columns go in (None: any number).

        Draws from `rng` the parameters that were not given. Raises ShapeError if it cannot take
        that many columns.
        """
        return inputs

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        """Return Y for X. `training` switches on what only happens then, such as dropout."""
        raise NotImplementedError

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX for dY after a `forward`; an empty matrix if the caller does not want it."""
        raise NotImplementedError

    def parameters(self) -> Dict[str, Values]:
        """Return the numbers to be trained, by name: the layer's own lists, not copies."""
        return {}

    def gradients(self) -> Dict[str, Values]:
        """Return the derivative of the loss by each parameter, same names and shapes."""
        return {}

    def buffers(self) -> Dict[str, Values]:
        """Return what is kept with the parameters but not trained by gradients."""
        return {}

    def shapes(self) -> Dict[str, Tuple[int, int]]:
        """Return the shape of each parameter and buffer by name, also before `build` makes them.

        A vector is one row. By this, the content of a file is checked before a layer is built.
        """
        return {}

    def settings(self) -> Dict[str, object]:
        """Return the constructor's arguments that build a layer like this one."""
        return {}

    def seed_noise(self, seed: int) -> None:
        """Start the layer's stream of random numbers, if it has one, from `seed`."""

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.settings().items())})"
        )


class Dense(Layer):
    """Z = X W + b: each output is a weighted sum of all inputs, plus a bias.

    `weights` is a matrix of inputs × outputs, else the `initializer` draws it. `bias` is a list of
    numbers, one per output, True to start from zeros, or False for none.

    >>> Dense(2, 1, weights=[[1.0], [2.0]], bias=[3.0]).forward([[10.0, 20.0]])
    [[53.0]]
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        initializer: Union[str, Initializer] = "glorot_uniform",
        bias: Union[bool, Sequence[float]] = True,
        weights: Optional[Rows] = None,
    ) -> None:
        self.inputs: int = integer("Dense", "inputs", inputs, least=1)
        self.outputs = integer("Dense", "outputs", outputs, least=1)
        self.initializer = initializer_by_name(initializer)
        self.W: Matrix = []
        if weights is not None:
            self.W = as_rows(weights, "weights")
            if shape(self.W) != (inputs, outputs):
                raise ShapeError(
                    f"Dense({inputs}, {outputs}) needs weights of shape ({inputs}, {outputs}), "
                    f"inputs x outputs, got {shape(self.W)}"
                    + ("; transpose them?" if shape(self.W) == (outputs, inputs) else "")
                )
        self.b: Vector = []
        self.has_bias = bias is not False
        if not isinstance(bias, bool):
            self.b = as_vector(bias, "bias")
            if len(self.b) != outputs:
                raise ShapeError(
                    f"Dense({inputs}, {outputs}) needs a bias for each of its {outputs} outputs, "
                    f"got {len(self.b)}"
                )
        self.dW: Matrix = []
        self.db: Vector = []
        if self.W:
            self.build(None, stream(0))

    def build(self, inputs: Optional[int], rng: random.Random) -> int:
        if inputs not in (None, self.inputs):
            raise ShapeError(f"{self!r} needs {self.inputs} columns, got {inputs}")
        if not self.W:
            self.W = self.initializer(self.inputs, self.outputs, rng)
        if not self.dW:
            self.b = self.b or [0.0] * (self.outputs if self.has_bias else 0)
            self.dW = zeros(self.inputs, self.outputs)
            self.db = [0.0] * len(self.b)
        return self.outputs

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        """Return Z = X W + b."""
        if not self.W:
            raise ShapeError(
                f"{self!r} has no weights yet: put it into a Sequential, or give it weights="
            )
        self.X = X
        Z = matmul(X, self.W)
        return add_row(Z, self.b) if self.b else Z

    def backward(self, dZ: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX = dZ Wᵀ, and leave dW = Xᵀ dZ and db = the column sums of dZ.

        Zᵢⱼ = Σₖ Xᵢₖ Wₖⱼ + bⱼ, so ∂Zᵢⱼ/∂Wₖⱼ = Xᵢₖ, ∂Zᵢⱼ/∂Xᵢₖ = Wₖⱼ and ∂Zᵢⱼ/∂bⱼ = 1; the chain
        rule sums over all the Zᵢⱼ that each of them has a part in.
        """
        self.dW = matmul(transpose(self.X), dZ)
        if self.b:
            self.db = column_sums(dZ)
        return matmul(dZ, transpose(self.W)) if wants_dX else []

    def parameters(self) -> Dict[str, Values]:
        return {"W": self.W, "b": self.b} if self.b else {"W": self.W}

    def gradients(self) -> Dict[str, Values]:
        return {"W": self.dW, "b": self.db} if self.b else {"W": self.dW}

    def shapes(self) -> Dict[str, Tuple[int, int]]:
        W = {"W": (self.inputs, self.outputs)}
        return {**W, "b": (1, self.outputs)} if self.has_bias else W

    def settings(self) -> Dict[str, object]:
        without_bias: Dict[str, object] = {} if self.has_bias else {"bias": False}
        return {"inputs": self.inputs, "outputs": self.outputs, **without_bias}

    def __repr__(self) -> str:
        return f"Dense({self.inputs}, {self.outputs}{'' if self.has_bias else ', bias=False'})"


class Activation(Layer):
    """Y = f(X), element by element; the base of the layers that follow.

    dX = dY ∘ f'(X), by the chain rule for each element on its own.
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
    """Y = X: the outputs of a regression, said in so many words."""

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

    def settings(self) -> Dict[str, object]:
        return {"negative_slope": self.negative_slope}


class ELU(Activation):
    """Y = X where X > 0, else α (eˣ − 1)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = number("ELU", "alpha", alpha)
        self.low = min(0.0, -self.alpha)
        self.function = partial(activations.elu, alpha=self.alpha)
        self.derivative = partial(activations.elu_derivative, alpha=self.alpha)

    def settings(self) -> Dict[str, object]:
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


class Dropout(Layer):
    """In training, sets each element to 0 with probability `rate` and divides the rest by 1 − rate.

    So the expected output is the input, and nothing is left to do when not training.
    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov (2014).
    """

    def __init__(self, rate: float = 0.5) -> None:
        self.rate = number("Dropout", "rate", rate, least=0, below=1)
        self.rng = stream(0)

    def seed_noise(self, seed: int) -> None:
        self.rng = stream(seed)

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        self.factors: Matrix = []
        if not training:
            return X
        draw, keep = self.rng.random, 1.0 / (1.0 - self.rate)
        self.factors = [[0.0 if draw() < self.rate else keep for _ in row] for row in X]
        return multiply(X, self.factors)

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        return multiply(dY, self.factors) if self.factors else dY

    def settings(self) -> Dict[str, object]:
        return {"rate": self.rate}


LAYERS: Tuple[Type[Layer], ...] = (
    Dense, Linear, Sigmoid, Tanh, ReLU, LeakyReLU, ELU, SELU, GELU, Softplus, SiLU, Softmax,
    LogSoftmax, Dropout,
)  # fmt: skip
