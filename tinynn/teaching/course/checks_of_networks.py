"""The probes of the original program, layers, networks, optimizers and the loop."""

from __future__ import annotations

from typing import Any, Callable

from ...lesson.activation_layers import Sigmoid, Softmax, Tanh
from ...lesson.adam import Adam
from ...lesson.layer import Layer
from ...lesson.layers import Dense
from ...lesson.losses import CategoricalCrossEntropy, MeanSquaredError
from ...lesson.matrix import Matrix, column_sums, matmul, scale, transpose
from ...lesson.network import Sequential
from ...lesson.neural_net import NeuralNet
from ...lesson.optimizers import SGD
from .probes import Case, Probe

# --- the original program -------------------------------------------------------------------------

# M. Spencer-Harper (2015): its rows, its question, and what it prints.
ROWS, ANSWERS = [[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]], [[0], [1], [1], [0]]
QUESTION = [[1, 0, 0]]
_TWO = [[0.5, -1.0], [2.0, 0.25]]


def _trained(iterations: int) -> Callable[[Any], Matrix]:
    def call(kind: Any) -> Matrix:
        net = kind(seed=1)
        net.train([list(row) for row in ROWS], [list(row) for row in ANSWERS], iterations)
        weights: Matrix = net.synaptic_weights
        return weights

    return call


def _answered(kind: Any) -> Matrix:
    net = kind(seed=3, inputs=2, outputs=2)
    answers: Matrix = net.think([list(row) for row in _TWO])
    return answers


class _Net(NeuralNet):
    """The original program with something wrong in the sums that it adds to its weights."""

    def train(self, inputs: Any, outputs: Any, iterations: int) -> None:
        for _ in range(iterations):
            Y = self.think(inputs)
            delta = [[self.delta(t, y) for t, y in zip(*pair)] for pair in zip(outputs, Y)]
            change = matmul(transpose(inputs), delta)
            W = self.synaptic_weights
            self.synaptic_weights = [[a + b for a, b in zip(*pair)] for pair in zip(W, change)]

    @staticmethod
    def delta(t: float, y: float) -> float:
        raise NotImplementedError


def _net(delta: Callable[[float, float], float]) -> Any:
    return type("_Mistaken", (_Net,), {"delta": staticmethod(delta)})


class _Sums(NeuralNet):
    def think(self, X: Any) -> Matrix:
        return matmul(X, self.synaptic_weights)


_DELTAS = {
    "(answer − target): the error has the wrong sign": _net(lambda t, y: (y - t) * y * (1.0 - y)),
    "a step by the error alone: the slope of the sigmoid is missing": _net(lambda t, y: t - y),
    "answer · (1 − answer) taken of the target": _net(lambda t, y: (t - y) * t * (1.0 - t)),
    "twice the step": _net(lambda t, y: 2.0 * (t - y) * y * (1.0 - y)),
}

ORIGINAL = (
    Probe(
        "think", "NeuralNet", [Case(f"for rows {_TWO}", _answered)],
        {"the sums without the sigmoid": _Sums},
    ),
    Probe("train, one iteration", "NeuralNet", [Case("after 1 iteration", _trained(1))], _DELTAS),
    Probe(
        "train, 10,000 iterations", "NeuralNet",
        [Case("after 10,000 iterations", _trained(10_000))],
        {"one iteration only: `iterations` is not used":
            type("_Once", (NeuralNet,), {"train": lambda self, X, T, n: NeuralNet.train(
                self, X, T, 1)})},
    ),
)  # fmt: skip

# --- layers ---------------------------------------------------------------------------------------

X = [[0.5, -1.0], [2.0, 0.25], [-1.5, 1.0]]
W, b = [[0.1, -0.4, 0.3], [0.8, 0.2, -0.6]], [0.5, -0.25, 1.0]
dZ = [[1.0, -2.0, 0.5], [0.25, 0.75, -1.0], [-0.5, 1.5, 2.0]]
_BATCH = "for 3 rows of 2"


def _dense(read: Callable[[Any, Matrix, Matrix], Any], bias: bool = True) -> Callable[[Any], Any]:
    def call(kind: Any) -> Any:
        layer = kind(2, 3, weights=W, bias=b if bias else False)
        Z = layer.forward([list(row) for row in X], True)
        return read(layer, Z, layer.backward([list(row) for row in dZ]))

    return call


class _NoBias(Dense):
    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        self.X = X
        return matmul(X, self.W)


class _Mean(Dense):
    def backward(self, dZ: Matrix, wants_dX: bool = True) -> Matrix:
        self.dW = scale(matmul(transpose(self.X), dZ), 1.0 / len(dZ))
        self.db = [d / len(dZ) for d in column_sums(dZ)]
        return matmul(dZ, transpose(self.W))


class _Kept(Dense):
    def backward(self, dZ: Matrix, wants_dX: bool = True) -> Matrix:
        return matmul(dZ, transpose(self.W))


class _OneRow(Dense):
    def backward(self, dZ: Matrix, wants_dX: bool = True) -> Matrix:
        self.dW, self.db = matmul(transpose(self.X[-1:]), dZ[-1:]), dZ[-1]
        return matmul(dZ, transpose(self.W))


_GRADIENTS = {
    "a mean over the rows: the loss takes the mean, and here is a sum": _Mean,
    "nothing was stored": _Kept,
    "the last row alone: all rows use the same numbers": _OneRow,
}

LAYERS = (
    Probe(
        "Dense.forward", "Dense", [Case(_BATCH, _dense(lambda layer, Z, dX: Z))],
        {"X W without b": _NoBias},
    ),
    Probe(
        "Dense.forward without a bias", "Dense",
        [Case(_BATCH, _dense(lambda layer, Z, dX: Z, bias=False))],
        advice={"ShapeError": "Without a bias, self.b is an empty list."},
    ),
    Probe("Dense.backward: dX", "Dense", [Case(_BATCH, _dense(lambda layer, Z, dX: dX))]),
    Probe(
        "Dense.backward: dW", "Dense", [Case(_BATCH, _dense(lambda layer, Z, dX: layer.dW))],
        _GRADIENTS,
    ),
    Probe(
        "Dense.backward: db", "Dense", [Case(_BATCH, _dense(lambda layer, Z, dX: layer.db))],
        _GRADIENTS,
    ),
)  # fmt: skip

# --- networks -------------------------------------------------------------------------------------

_dY = [[0.5, -1.0], [1.0, 0.25], [-0.5, 2.0]]


class _Watched(Layer):
    """Passes everything on, and keeps whether it was told that this is training."""

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        self.told = float(training)
        return X

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        return dY


def _network(kind: Any) -> Any:
    # Square layers, so that a wrong order shows as wrong numbers.
    return kind(Dense(2, 2), Tanh(), _Watched(), Dense(2, 2), Sigmoid(), seed=5)


def _forward(kind: Any) -> Any:
    return _network(kind).forward([list(row) for row in X], True)


def _told(training: bool) -> Callable[[Any], float]:
    def call(kind: Any) -> float:
        network = _network(kind)
        network.forward([list(row) for row in X], training)
        told: float = network.layers[2].told
        return told

    return call


def _backward(skip_last: bool, gradients: bool = False) -> Callable[[Any], Any]:
    def call(kind: Any) -> Any:
        network = _network(kind)
        Sequential.forward(network, [list(row) for row in X], True)
        dX = network.backward([list(row) for row in _dY], skip_last, True)
        return [row for p in network.parameters() for row in p.gradient_rows()] if gradients else dX

    return call


class _InOrder(Sequential):
    def backward(self, dY: Matrix, skip_last: bool = False, wants_dX: bool = False) -> Matrix:
        for layer in self.layers:
            dY = layer.backward(dY, True)
        return dY


class _AllLayers(Sequential):
    def backward(self, dY: Matrix, skip_last: bool = False, wants_dX: bool = False) -> Matrix:
        return super().backward(dY, False, wants_dX)


class _FromX(Sequential):
    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        for layer in self.layers:
            Y = layer.forward(X, training)
        return Y


_ORDERS = {
    "the derivatives going through the layers in the order of forward": _InOrder,
    "the last layer was not skipped": _AllLayers,
}

NETWORK = (
    Probe(
        "Sequential.forward", "Sequential", [Case(_BATCH, _forward)],
        {"the last layer alone: each layer gets what the one before it returned": _FromX},
    ),
    Probe(
        "Sequential.forward, in training or not", "Sequential",
        [Case("told that this is training,", _told(True)), Case("not training,", _told(False))],
    ),
    Probe("Sequential.backward", "Sequential", [Case(_BATCH, _backward(False))], _ORDERS),
    Probe(
        "Sequential.backward: gradients in the layers", "Sequential",
        [Case(_BATCH, _backward(False, gradients=True))], _ORDERS,
    ),
    Probe(
        "Sequential.backward with skip_last", "Sequential", [Case(_BATCH, _backward(True))],
        _ORDERS,
    ),
)  # fmt: skip

# --- optimizers -----------------------------------------------------------------------------------

_w, _g = [1.0, -2.0, 0.5], ([0.2, -0.4, 1.0], [0.1, 0.3, -0.5], [-0.2, 0.1, 0.4])


def _updates(count: int, memory: str = "", **settings: Any) -> Callable[[Any], Any]:
    """Return a call that makes some updates, and returns the weights or a row of the memory."""

    def call(kind: Any) -> Any:
        rule = kind(learning_rate=0.1, **settings)
        remembered = {name: [start] * 3 for name, start in rule.start().items()}
        w = list(_w)
        for t in range(count):
            w = rule.update(w, list(_g[t]), remembered, 0.1, t + 1)
        return remembered[memory] if memory else w

    return call


class _Uphill(SGD):
    def update(self, w: Any, g: Any, memory: Any, learning_rate: float, t: int) -> Any:
        return [2 * a - c for a, c in zip(w, super().update(w, g, memory, learning_rate, t))]


class _NoMomentum(SGD):
    def update(self, w: Any, g: Any, memory: Any, learning_rate: float, t: int) -> Any:
        return [a - learning_rate * c for a, c in zip(w, g)]


class _Uncorrected(Adam):
    def update(self, w: Any, g: Any, memory: Any, learning_rate: float, t: int) -> Any:
        return super().update(w, g, memory, learning_rate, 10**9)


class _First(Adam):
    def update(self, w: Any, g: Any, memory: Any, learning_rate: float, t: int) -> Any:
        return super().update(w, g, memory, learning_rate, 1)


class _AdamUphill(Adam):
    def update(self, w: Any, g: Any, memory: Any, learning_rate: float, t: int) -> Any:
        return [2 * a - c for a, c in zip(w, super().update(w, g, memory, learning_rate, t))]


_STEPS = {
    "a step up: weights move against the derivative": _Uphill,
    "plain SGD: the velocity is not used": _NoMomentum,
}
_ADAMS = {
    "a step up: weights move against the derivative": _AdamUphill,
    "m and v without the corrections by 1 − βᵗ": _Uncorrected,
    "t is always taken as 1": _First,
}

OPTIMIZERS = (
    Probe("SGD", "SGD", [Case("after 1 update", _updates(1)), Case("after 2", _updates(2))],
          _STEPS, {"KeyError": "Without momentum, there is no memory."}),
    Probe(
        "SGD with momentum", "SGD",
        [Case(f"after update {n}", _updates(n, momentum=0.9)) for n in (1, 2, 3)], _STEPS,
    ),
    Probe(
        "SGD: what it remembers", "SGD",
        [Case("the velocity: after 2 updates", _updates(2, "velocity", momentum=0.9))],
        advice={},
    ),
    Probe("Adam", "Adam", [Case(f"after update {n}", _updates(n)) for n in (1, 2, 3)], _ADAMS),
    Probe(
        "Adam: what it remembers", "Adam",
        [Case(f"{name} after 2 updates:", _updates(2, name)) for name in ("m", "v")],
    ),
)  # fmt: skip

# --- the loop -------------------------------------------------------------------------------------

_INPUTS = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.5, 0.25]]
_TARGETS = [[0.0], [1.0], [1.0], [0.0], [0.5]]
_CLASSES = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]


def _small(outputs: int) -> Sequential:
    last: Layer = Softmax() if outputs > 1 else Sigmoid()
    return Sequential(Dense(2, 3), Tanh(), Dense(3, outputs), last, seed=2)


def _passed(what: str, outputs: int = 1) -> Callable[[Any], Any]:
    def call(backpropagate: Any) -> Any:
        network = _small(outputs)
        loss = CategoricalCrossEntropy() if outputs > 1 else MeanSquaredError()
        T = _CLASSES if outputs > 1 else _TARGETS
        value = backpropagate(network, loss, [list(x) for x in _INPUTS], [list(t) for t in T])
        if what == "loss":
            return value
        return [row for p in network.parameters() for row in p.gradient_rows()]

    return call


def _loop(what: str, epochs: int, batch_size: int) -> Callable[[Any], Any]:
    def call(train: Any) -> Any:
        network = _small(1)
        history = train(network, [list(x) for x in _INPUTS], [list(t) for t in _TARGETS],
                        MeanSquaredError(), SGD(0.5, momentum=0.5), epochs, batch_size)  # fmt: skip
        if what == "history":
            return history
        return [row for p in network.parameters() for row in p.rows()]

    return call


TRAINING = (
    Probe("backpropagate: the loss", "backpropagate", [Case("for 5 rows", _passed("loss"))]),
    Probe(
        "backpropagate: the derivatives", "backpropagate",
        [Case("for mse, in the layers", _passed("gradients")),
         Case("for ce and Softmax, in the layers", _passed("gradients", 2))],
        {"all 0: nothing was passed backward": lambda network, loss, X, T: network.forward(X)},
    ),
    Probe(
        "train: the weights", "train",
        [Case("after 1 epoch of 1 batch", _loop("weights", 1, 5)),
         Case("after 1 epoch of 3 batches", _loop("weights", 1, 2)),
         Case("after 3 epochs of 3 batches", _loop("weights", 3, 2))],
    ),
    Probe(
        "train: the losses", "train",
        [Case("for 3 epochs of 1 batch", _loop("history", 3, 5)),
         Case("for 3 epochs of batches of 2, 2 and 1 rows,", _loop("history", 3, 2))],
    ),
)  # fmt: skip
