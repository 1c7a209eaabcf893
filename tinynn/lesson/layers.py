"""Layers: each turns a batch of rows into another, and passes derivatives the other way.

Dense      weighted sums of the inputs: the layer that learns
Dropout    drops numbers at random during training

Activation layers are in activation_layers.py, normalization is in normalization.py, and the base of
all layers in layer.py.
"""

from __future__ import annotations

import random
from typing import Sequence

from ..checks.rows import as_rows, as_vector
from ..checks.settings import integer, number
from ..errors import ShapeError
from .initializers import Initializer, by_name as initializer_by_name
from .layer import Layer, Values
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
from .random_streams import stream


class Dense(Layer):
    """Z = X W + b: each output is a weighted sum of all inputs, plus a bias.

    `weights` is a matrix, inputs × outputs; without it, the `initializer` draws one. `bias` is a
    list with a number per output, True to start from zeros, or False for none.

    >>> Dense(2, 1, weights=[[1.0], [2.0]], bias=[3.0]).forward([[10.0, 20.0]])
    [[53.0]]
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        initializer: str | Initializer = "glorot_uniform",
        bias: bool | Sequence[float] = True,
        weights: Rows | None = None,
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

    def build(self, inputs: int | None, rng: random.Random) -> int:
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
                f"{self!r} has no weights yet: put it into a Sequential, or pass weights="
            )
        self.X = X
        Z = matmul(X, self.W)
        return add_row(Z, self.b) if self.b else Z

    def backward(self, dZ: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX = dZ Wᵀ; store dW = Xᵀ dZ and db = the column sums of dZ.

        Zᵢⱼ = Σₖ Xᵢₖ Wₖⱼ + bⱼ, so ∂Zᵢⱼ/∂Wₖⱼ = Xᵢₖ, ∂Zᵢⱼ/∂Xᵢₖ = Wₖⱼ and ∂Zᵢⱼ/∂bⱼ = 1; the chain
        rule sums over all the Zᵢⱼ that each of them contributes to.
        """
        self.dW = matmul(transpose(self.X), dZ)
        if self.b:
            self.db = column_sums(dZ)
        return matmul(dZ, transpose(self.W)) if wants_dX else []

    def parameters(self) -> dict[str, Values]:
        return {"W": self.W, "b": self.b} if self.b else {"W": self.W}

    def gradients(self) -> dict[str, Values]:
        return {"W": self.dW, "b": self.db} if self.b else {"W": self.dW}

    def shapes(self) -> dict[str, tuple[int, int]]:
        W = {"W": (self.inputs, self.outputs)}
        return {**W, "b": (1, self.outputs)} if self.has_bias else W

    def settings(self) -> dict[str, object]:
        without_bias: dict[str, object] = {} if self.has_bias else {"bias": False}
        return {"inputs": self.inputs, "outputs": self.outputs, **without_bias}

    def __repr__(self) -> str:
        return f"Dense({self.inputs}, {self.outputs}{'' if self.has_bias else ', bias=False'})"


class Dropout(Layer):
    """In training, sets each element to 0 with probability `rate` and divides the rest by 1 − rate.

    So the expected output equals the input, and nothing needs to be done outside training.
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

    def settings(self) -> dict[str, object]:
        return {"rate": self.rate}
