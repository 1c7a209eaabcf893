"""Examples to explain, by name: a published one, the original program, and XOR."""

from __future__ import annotations

from copy import deepcopy
from typing import Callable

from ...checks.words import did_you_mean, excerpt
from ...errors import SettingError
from ...lesson.activation_layers import Sigmoid, Tanh
from ...lesson.layers import Dense
from ...lesson.losses import MeanSquaredError
from ...lesson.matrix import Matrix, scale, subtract
from ...lesson.network import Sequential
from ...lesson.neural_net import NeuralNet
from ...lesson.optimizers import SGD
from .explanation import DIGITS, Explanation, explain_network
from .notation import shown
from .original import explain_original
from .step import OneStep, step_of

_PUBLISHED = 9  # decimals in Mazur's article


def mazur(only: object = None, digits: int = _PUBLISHED) -> Explanation:
    """Return the worked example of M. Mazur, A Step by Step Backpropagation Example (2015).

    Two inputs, two hidden and two output neurons, all sigmoids; the loss is half the sum of squared
    errors, which for two outputs is the mean squared error; the learning rate is 0.5.
    """
    network = Sequential(
        Dense(2, 2, weights=[[0.15, 0.25], [0.20, 0.30]], bias=[0.35, 0.35]), Sigmoid(),
        Dense(2, 2, weights=[[0.40, 0.50], [0.45, 0.55]], bias=[0.60, 0.60]), Sigmoid(),
    )  # fmt: skip
    X, T, optimizer = [[0.05, 0.10]], [[0.01, 0.99]], SGD(learning_rate=0.5)
    found = explain_network(network, X, T, "mse", optimizer, only, digits, shared_biases=True)
    step = step_of(network, X, T, "mse", optimizer)
    own = shown(_with_biases_kept(step.network, step.after, X, T), digits)
    printed = shown(_with_biases_kept(step.network, _output_layer_first(step), X, T), digits)
    found.title = "One step of M. Mazur, A Step by Step Backpropagation Example (2015)"
    found.remarks = [
        "E_total = ½ Σ (target − out)²; the learning rate is 0.5. w1⁺ is what w1 becomes.",
        f"The article leaves the biases b1 and b2 as they are; its new weights then give E_total = "
        f"{own}. Here each neuron has a bias of its own that learns, too: "
        f"{shown(step.loss_after, digits)}.",
        f"Two numbers differ in the article. It ends with E_total = {printed}, which is what comes "
        "out if the new w5 to w8 are used in ∂E/∂out_h1 and ∂E/∂out_h2, although it uses the old "
        "ones, as one should. And it has −0.019049119 in ∂E/∂out_h1: half of a rounded number.",
    ]
    return found


def _with_biases_kept(before: Sequential, after: Sequential, X: Matrix, T: Matrix) -> float:
    """Return the loss with the weights of `after` and the biases of `before`."""
    kept = deepcopy(after)
    for old, new in zip(before.layers, kept.layers):
        if isinstance(old, Dense) and isinstance(new, Dense):
            new.b[:] = old.b
    return MeanSquaredError()(kept.forward(X), T)


def _output_layer_first(step: OneStep) -> Sequential:
    """Return the network after a step in which the hidden layer used new output weights."""
    mixed = deepcopy(step.passed)
    hidden, output = mixed.layers[0], mixed.layers[2]
    trained = step.after.layers[2]
    assert isinstance(hidden, Dense) and isinstance(output, Dense) and isinstance(trained, Dense)
    output.W = trained.W
    mixed.backward(step.derivatives[-1])
    hidden.W = subtract(hidden.W, scale(hidden.dW, step.rate))
    return mixed


def original(only: object = None, digits: int = 8) -> Explanation:
    """Return the first of the 10,000 iterations of M. Spencer-Harper's nine lines (2015)."""
    rows = [[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]]
    found = explain_original(NeuralNet(seed=1), rows, [[0], [1], [1], [0]], only, digits)
    found.title = (
        "The first iteration of M. Spencer-Harper, How to build a simple neural network in 9 lines "
        "of Python code (2015)"
    )
    return found


def xor(only: object = None, digits: int = DIGITS) -> Explanation:
    """Return one step of a network of two tanh neurons on the four rows of XOR."""
    network = Sequential(Dense(2, 2), Tanh(), Dense(2, 1), Sigmoid(), seed=1)
    rows, targets = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [0]]
    found = explain_network(network, rows, targets, "bce", SGD(learning_rate=0.5), only, digits)
    found.title = "One step of a small network towards XOR"
    return found


EXAMPLES: dict[str, Callable[..., Explanation]] = {
    "mazur": mazur,
    "original": original,
    "xor": xor,
}


def example(name: str, only: object = None, digits: int | None = None) -> Explanation:
    """Return the explanation of the example of this name.

    Raises SettingError, with the known names and the nearest one, for another name.
    """
    if name not in EXAMPLES:
        raise SettingError(
            f"explain knows the examples {', '.join(EXAMPLES)}, got {excerpt(name)}"
            f"{did_you_mean(name, EXAMPLES)}"
        )
    return EXAMPLES[name](only) if digits is None else EXAMPLES[name](only, digits)
