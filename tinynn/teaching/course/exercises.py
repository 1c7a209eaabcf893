"""The eight exercises, one for each page of the lesson: what to do, and what to start from."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Callable, Mapping, NamedTuple, Sequence

from ...checks.words import did_you_mean
from ...errors import SettingError
from .checks_of_formulas import ACTIVATIONS, LOSSES, MATRIX, gradients_agree
from .checks_of_networks import LAYERS, NETWORK, OPTIMIZERS, ORIGINAL, TRAINING
from .probes import Probe, Result


class Exercise(NamedTuple):
    """An exercise: the page it belongs to, its text, what to start from, and its probes."""

    module: str
    title: str
    text: str
    imports: Sequence[str]
    start: str
    probes: Sequence[Probe]
    last: Callable[[Mapping[str, Any]], Result] | None = None  # a check of all together

    @property
    def answers(self) -> Any:
        """The page of the lesson, which has the answers."""
        return import_module(f"...lesson.{self.module}", __package__)


EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        "neural_net",
        "the original program",
        "Write the two halves of the original program. `think` answers: each answer is the sigmoid "
        "of the sum of inputs times weights. `train` learns: in each iteration it adds to each "
        "weight the sum, over all rows, of input · (target − answer) · answer · (1 − answer).\n\n"
        "After 10,000 iterations the weights are those that the article of 2015 prints.\n\n"
        "Question: what happens to a weight whose input is 0 in every row?",
        (
            "import {package} as nn",
            "from {package}.lesson.activations import sigmoid",
        ),
        """class NeuralNet(nn.NeuralNet):
    \"\"\"self.synaptic_weights has a row for each input and a column for each output.\"\"\"

    def think(self, X):
        \"\"\"Return the answers for rows of inputs: a row for each, a column for each output.\"\"\"
        raise NotImplementedError

    def train(self, inputs, outputs, iterations):
        \"\"\"Change self.synaptic_weights, `iterations` times.\"\"\"
        raise NotImplementedError
""",
        ORIGINAL,
    ),
    Exercise(
        "matrix",
        "lists of rows",
        "A matrix is a list of rows. Write the five operations that a layer needs: `transpose` "
        "exchanges rows and columns; element (i, j) of `matmul(A, B)` is the sum over k of "
        "A[i][k] · B[k][j]; `multiply` multiplies element by element; `add_row` adds the same row "
        "to each row; `column_sums` adds up each column.\n\n"
        "Question: which of them would a layer without biases not need?",
        (),
        """def transpose(A):
    \"\"\"Return the matrix whose rows are A's columns.\"\"\"
    raise NotImplementedError


def matmul(A, B):
    \"\"\"Return the product A B, with the rows of A and the columns of B.\"\"\"
    raise NotImplementedError


def multiply(A, B):
    \"\"\"Return the product element by element.\"\"\"
    raise NotImplementedError


def add_row(A, row):
    \"\"\"Return A with `row` added to each of its rows.\"\"\"
    raise NotImplementedError


def column_sums(A):
    \"\"\"Return the sum of each column of A, as a list.\"\"\"
    raise NotImplementedError
""",
        MATRIX,
    ),
    Exercise(
        "activations",
        "functions and their derivatives",
        "Write four activations and five derivatives. A derivative gets both z and y = f(z): use "
        "whichever makes it simpler. No function may overflow, even for z = 1000: of two equal "
        "forms, take the one whose powers of e are at most 1.\n\n"
        "For softmax, a change of one z changes every y. From dy, the derivative of the loss by "
        "each y, `softmax_backward` gets the derivative by each z.\n\n"
        "At the end, the gradient checker compares your derivatives with differences of your own "
        "functions.\n\n"
        "Question: where are these derivatives so small that a layer before them stops learning?",
        ("from math import exp, log1p, tanh",),
        """def sigmoid(z):
    \"\"\"Return 1 / (1 + e^-z).\"\"\"
    raise NotImplementedError


def sigmoid_derivative(z, y):
    raise NotImplementedError


def tanh_derivative(z, y):
    \"\"\"The function is math.tanh.\"\"\"
    raise NotImplementedError


def relu(z):
    \"\"\"Return z if it is above 0, else 0.\"\"\"
    raise NotImplementedError


def relu_derivative(z, y):
    raise NotImplementedError


def softplus(z):
    \"\"\"Return log(1 + e^z).\"\"\"
    raise NotImplementedError


def softplus_derivative(z, y):
    raise NotImplementedError


def softmax(z):
    \"\"\"Return e^z_i over the sum of all e^z_j, for a row z, as a list.\"\"\"
    raise NotImplementedError


def softmax_backward(y, dy):
    \"\"\"Return the derivative of the loss by each z, from the derivative by each y.\"\"\"
    raise NotImplementedError
""",
        ACTIVATIONS,
        gradients_agree,
    ),
    Exercise(
        "losses",
        "how far off",
        "Write three losses of one sample with outputs y and targets t, and their derivatives by "
        "each output. The first two are means over the m outputs:\n\n"
        "    MeanSquaredError         Σ (y − t)² / m\n"
        "    BinaryCrossEntropy       −Σ (t log y + (1 − t) log(1 − y)) / m\n"
        "    CategoricalCrossEntropy  −Σ t log y\n\n"
        "Probabilities of 0 are left out here: the lesson's own code takes care of them.\n\n"
        "Question: which of the two kinds of loss grows faster when an answer is sure and wrong?",
        (
            "from math import log",
            "import {package} as nn",
        ),
        """class MeanSquaredError(nn.MeanSquaredError):
    def of_row(self, y, t):
        raise NotImplementedError

    def row_derivative(self, y, t):
        \"\"\"Return the derivative by each output, as a list.\"\"\"
        raise NotImplementedError


class BinaryCrossEntropy(nn.BinaryCrossEntropy):
    def of_row(self, y, t):
        raise NotImplementedError

    def row_derivative(self, y, t):
        raise NotImplementedError


class CategoricalCrossEntropy(nn.CategoricalCrossEntropy):
    def of_row(self, y, t):
        raise NotImplementedError

    def row_derivative(self, y, t):
        raise NotImplementedError
""",
        LOSSES,
    ),
    Exercise(
        "layers",
        "forward and backward",
        "Write `Dense`: forward, Z = X W + b for a batch of rows X. Backward, from dZ, the "
        "derivative of the loss by each element of Z, return dX, and store dW in self.dW and db in "
        "self.db. All of W and b are used by every row, so their derivatives are sums over the "
        "rows.\n\n"
        "`forward` has to keep what `backward` needs. The functions of exercise 2 are there.\n\n"
        "Question: why does `backward` not divide by the number of rows?",
        (
            "import {package} as nn",
            "from {package}.lesson.matrix import add_row, column_sums, matmul, transpose",
        ),
        """class Dense(nn.Dense):
    \"\"\"self.W has a row for each input and a column for each output; self.b is a list.\"\"\"

    def forward(self, X, training=False):
        raise NotImplementedError

    def backward(self, dZ, wants_dX=True):
        \"\"\"Return dX; store self.dW and self.db.\"\"\"
        raise NotImplementedError
""",
        LAYERS,
    ),
    Exercise(
        "network",
        "layers in order",
        "Write the two loops of a network: forward, each layer gets what the one before it "
        "returned. Backward, the derivative goes through the layers in the other order. With "
        "`skip_last` it starts before the last layer, because the loss has included that one.\n\n"
        "Tell each layer whether this is training: layer.forward(X, training). Its backward takes "
        "layer.backward(dY, wants_dX); let that be True.\n\n"
        "Question: what would a network compute if `forward` had no activations in it?",
        ("import {package} as nn",),
        """class Sequential(nn.Sequential):
    \"\"\"self.layers is the list of layers.\"\"\"

    def forward(self, X, training=False):
        raise NotImplementedError

    def backward(self, dY, skip_last=False, wants_dX=False):
        \"\"\"Return the derivative by the network's inputs.\"\"\"
        raise NotImplementedError
""",
        NETWORK,
    ),
    Exercise(
        "optimizers",
        "from derivatives to new weights",
        "Write the rules of two optimizers. `update` gets a row of weights w, their derivatives g, "
        "what it remembers (rows in a dictionary, which it changes in place), the learning rate, "
        "and t, the number of the update from 1. It returns the new weights.\n\n"
        "SGD:   velocity ← momentum · velocity + g;  w ← w − rate · velocity\n"
        "Adam:  m ← β₁ m + (1 − β₁) g;  v ← β₂ v + (1 − β₂) g²\n"
        "       w ← w − rate · m / (1 − β₁ᵗ) / (√v / √(1 − β₂ᵗ) + eps)\n\n"
        "Without momentum, SGD remembers nothing: the step is g itself.\n\n"
        "Question: how long is Adam's first step, whatever the derivative is?",
        (
            "from math import sqrt",
            "import {package} as nn",
        ),
        """class SGD(nn.SGD):
    \"\"\"self.momentum; if it is not 0, memory["velocity"] is a row that starts at 0.\"\"\"

    def update(self, w, g, memory, learning_rate, t):
        raise NotImplementedError


class Adam(nn.Adam):
    \"\"\"self.betas and self.eps; memory["m"] and memory["v"] are rows that start at 0.\"\"\"

    def update(self, w, g, memory, learning_rate, t):
        raise NotImplementedError
""",
        OPTIMIZERS,
    ),
    Exercise(
        "training",
        "the loop",
        "Write the loop that puts everything together. `backpropagate` passes a batch forward in "
        "training, measures the loss, passes the loss's derivative backward, and returns the loss. "
        "`train` shows all rows in batches, in order, as often as `epochs` says; after each batch "
        "it updates the weights. It returns the mean loss of each epoch, over the rows.\n\n"
        "loss(Y, T) is the loss of a batch, loss.gradient(Y, T) its derivative by the outputs Y. "
        "The function `update` is there: it updates all weights by the optimizer.\n\n"
        "With loss.joins(network.layers[-1]), the loss's derivative can include that of the last "
        "layer: take loss.logits_gradient then, and network.backward(dY, skip_last=True). The "
        "numbers are the same without it, but for rounding.\n\n"
        "Question: the last batch of an epoch may be smaller. What does that do to the mean?",
        ("from {package}.lesson.training import update",),
        """def backpropagate(network, loss, X, T):
    \"\"\"Return the loss of a batch; leave the derivatives in the layers.\"\"\"
    raise NotImplementedError


def train(network, inputs, targets, loss, optimizer, epochs=1, batch_size=32):
    \"\"\"Train the network; return the mean loss of each epoch.\"\"\"
    memory = {}  # what the optimizer remembers
    step = 0
    raise NotImplementedError
    # after each batch:
    #     update(network, optimizer, memory, optimizer.rate(epoch, step), step + 1)
    #     step += 1
""",
        TRAINING,
    ),
)


def exercise(word: str | int) -> Exercise:
    """Return an exercise by its number, from 1, or the name of its page.

    Raises SettingError for another word.
    """
    pages = [one.module for one in EXERCISES]
    word = str(word)
    if word in pages:
        return EXERCISES[pages.index(word)]
    if word.isdecimal() and len(word) < 4 and 1 <= int(word) <= len(EXERCISES):
        return EXERCISES[int(word) - 1]
    raise SettingError(
        f"a lesson is a number from 1 to {len(EXERCISES)}, or {', '.join(pages)}, "
        f"got {word!r}{did_you_mean(word, pages)}"
    )


def starting_file(number: int, package: str, command: str) -> str:
    """Return the source to start an exercise from; `command` checks it."""
    one = EXERCISES[number - 1]
    head = f"Exercise {number}, {one.title}: fill in what is not written yet."
    imports = "\n".join(one.imports).format(package=package)
    parts = [f'"""{head}\n\n    {command}\n"""', *filter(None, [imports])]
    return "\n\n".join(parts) + f"\n\n\n{one.start}"
