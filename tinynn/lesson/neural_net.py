"""The original program: one layer of sigmoid neurons that learns by gradient descent.

Start here. This is a whole neural network on one page. Each neuron multiplies every input by a
weight, adds up the products and squeezes the sum through the sigmoid into an answer between 0
and 1. To learn, the network answers, sees how far off the answer was, and moves each weight a
little in the direction that makes the answer better.
"""

from __future__ import annotations

from typing import Sequence

from ..checks.finite import all_finite
from ..checks.rows import as_list, as_rows, same_length
from ..checks.settings import integer
from ..errors import DataError, DivergenceError
from .activations import sigmoid
from .matrix import Matrix, Rows, Vector, add, elementwise, matmul, transpose
from .random_streams import numpy_legacy_stream


class NeuralNet:
    """One layer of `outputs` sigmoid neurons, each fed by all `inputs`; no bias.

    `synaptic_weights` has a row for each input and a column for each output. They start at random
    between −1 and 1, and equal `numpy.random.seed(seed); 2 * numpy.random.random((inputs, outputs))
    - 1` bit for bit.

    Source: M. Spencer-Harper (2015), "How to build a simple neural network in 9 lines of Python
    code".

    >>> net = NeuralNet(seed=1)
    >>> net.train([[0, 1, 1], [1, 0, 0], [1, 0, 1]], [[1], [0], [1]], 10_000)
    >>> [f"{answer:.8f}" for answer in net.learn([1, 0, 1])]
    ['0.98977040']
    """

    def __init__(self, seed: int = 1, inputs: int = 3, outputs: int = 1) -> None:
        self.inputs = integer("NeuralNet", "inputs", inputs, least=1)
        self.outputs = integer("NeuralNet", "outputs", outputs, least=1)
        random = numpy_legacy_stream(seed).random
        self.synaptic_weights: Matrix = [
            [2.0 * random() - 1.0 for _ in range(self.outputs)] for _ in range(self.inputs)
        ]

    def think(self, X: Rows) -> Matrix:
        """Return the answers Y = sigmoid(X W), of shape (rows of X, outputs)."""
        return elementwise(sigmoid, matmul(X, self.synaptic_weights))

    def learn(self, inputs: Rows | Sequence[float]) -> Matrix | Vector:
        """Return the network's answers: rows for rows of inputs, one row for one row.

        Raises ShapeError unless each row has a number for each of the network's inputs, and
        DataError for anything but finite numbers.
        """
        rows = as_list(inputs, "inputs")
        one_row = len(rows) > 0 and not hasattr(rows[0], "__len__")
        X = as_rows([rows] if one_row else rows, "inputs", self.inputs)
        Y = self.think(X)
        return Y[0] if one_row else Y

    def train(self, inputs: Rows, outputs: Rows, iterations: int) -> None:
        """Train on all of these rows at once, `iterations` times.

        Each iteration adds Xᵀ ((T − Y) ∘ Y ∘ (1 − Y)) to the weights W: the error, times the
        sigmoid's derivative Y (1 − Y), times the weight's input, summed over the rows. That is a
        step of −½ times the derivative of Σ (T − Y)² by W: steepest descent.

        Raises ShapeError or DataError, and changes nothing, unless `inputs` and `outputs` are
        equally many rows of finite numbers with the network's widths, and outputs are between 0
        and 1. Raises DivergenceError, and changes nothing, if the weights grew too large for
        floats.
        """
        X = as_rows(inputs, "inputs", self.inputs)
        T = as_rows(outputs, "outputs", self.outputs)
        same_length(inputs=X, outputs=T)
        for i, t in enumerate(T):
            if min(t) < 0.0 or max(t) > 1.0:
                raise DataError(f"a sigmoid needs outputs between 0 and 1, got {t} in row {i}")
        iterations = integer("train", "iterations", iterations, least=0)
        X_transposed = transpose(X)
        before = self.synaptic_weights
        for _ in range(iterations):
            Y = self.think(X)
            delta = [[(t - y) * y * (1.0 - y) for t, y in zip(ts, ys)] for ts, ys in zip(T, Y)]
            self.synaptic_weights = add(self.synaptic_weights, matmul(X_transposed, delta))
        if not all(map(all_finite, self.synaptic_weights)):
            self.synaptic_weights = before
            raise DivergenceError("the weights grew too large for floats; scale the inputs down")
