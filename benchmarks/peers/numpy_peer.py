"""NumPy as a NumPy user writes it, and writes it well: whole batches, float64, in place.

The rows are arrays before the clock starts. At batch size 1 it works on vectors, which is faster
than on matrices of one row.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable

from tinynn.lesson.matrix import Matrix

from ..jobs import FLOAT64, Job, PredictionJob, TrainingJob
from ..tasks.kinds import Prediction, Training
from .contract import Peer, flat, shuffled


class NumpyTraining(TrainingJob):
    tolerance = FLOAT64

    def __init__(self, np: Any, task: Training) -> None:
        self.np, self.task = np, task
        X, T = (np.array(rows) for rows in task.data())
        self.batches = [(X[a:b], T[a:b]) for a, b in task.batches(len(X))]
        self.samples = list(zip(X, T))
        self.X, self.T = X, T
        self.orders = [np.array(order) for order in task.orders(len(X))]
        self.forward = [_activation(np, task.hidden)] * (len(task.sizes) - 2)
        self.forward.append(_activation(np, task.output))
        self.backward = BACKWARD.get(task.hidden, BACKWARD["sigmoid"])
        self.delta = DELTAS[task.output, task.loss]

    def reset(self) -> None:
        self.epoch = 0
        self.layers = [(self.np.array(W), self.np.array(b)) for W, b in self.task.start()]
        # The latest steps, which momentum repeats in part.
        self.steps = [(self.np.zeros_like(W), self.np.zeros_like(b)) for W, b in self.layers]

    def result(self) -> list[float]:
        return flat(self.layers)

    def answers(self, rows: Matrix) -> list[int]:
        A = self.np.array(rows)
        for (W, b), f in zip(self.layers, self.forward):
            A = f(A @ W + b)
        found: list[int] = A.argmax(axis=1).tolist()
        return found

    def run(self, amount: int) -> None:
        for _ in range(amount):
            rate = self.task.rate(self.epoch)
            if self.task.batch_size == 1:
                for x, t in self.samples:
                    self._sample(x, t, rate)
            else:
                for X, T in self._batches():
                    self._batch(X, T, rate)
            self.epoch += 1

    def _batches(self) -> Iterable[tuple[Any, Any]]:
        if not self.orders:
            return self.batches
        return shuffled(self.task, self.X, self.T, self.orders[self.epoch])

    def _sample(self, x: Any, t: Any, rate: float) -> None:
        a = x
        activations = [a]
        for (W, b), f in zip(self.layers, self.forward):
            a = f(a @ W + b)
            activations.append(a)
        d = self.delta(a, t, rate / len(t))
        for k in range(len(self.layers) - 1, -1, -1):
            W, b = self.layers[k]
            a = activations[k]
            below = self.backward(W @ d, a) if k else None
            W -= a[:, None] * d
            b -= d
            d = below

    def _batch(self, X: Any, T: Any, rate: float) -> None:
        A = X
        activations = [A]
        for (W, b), f in zip(self.layers, self.forward):
            A = f(A @ W + b)
            activations.append(A)
        columns = 1 if self.task.loss == "ce" else T.shape[1]
        D = self.delta(A, T, rate / (len(X) * columns))
        for k in range(len(self.layers) - 1, -1, -1):
            W, b = self.layers[k]
            A = activations[k]
            below = self.backward(D @ W.T, A) if k else None
            if self.task.weight_decay:
                W *= 1.0 - rate * self.task.weight_decay
                b *= 1.0 - rate * self.task.weight_decay
            if self.task.momentum:
                dW, db = self.steps[k]
                dW *= self.task.momentum
                dW -= A.T @ D
                W += dW
                db *= self.task.momentum
                db -= D.sum(axis=0)
                b += db
            else:
                W -= A.T @ D
                b -= D.sum(axis=0)
            D = below


class NumpyOriginal(Job):
    """The nine-line program's loop."""

    def __init__(self, np: Any, task: Training) -> None:
        self.np, self.task = np, task
        self.inputs, self.outputs = (np.array(rows) for rows in task.data())

    def reset(self) -> None:
        self.synaptic_weights = self.np.array(self.task.start()[0][0])

    def result(self) -> list[float]:
        return flat([(self.synaptic_weights, [])])

    def run(self, amount: int) -> None:
        exp, dot = self.np.exp, self.np.dot
        inputs, outputs, synaptic_weights = self.inputs, self.outputs, self.synaptic_weights
        for _ in range(amount):
            output = 1 / (1 + exp(-(dot(inputs, synaptic_weights))))
            synaptic_weights += dot(inputs.T, (outputs - output) * output * (1 - output))


class NumpyPrediction(PredictionJob):
    """A forward pass; the list becomes an array first, and the answer a list."""

    def __init__(self, np: Any, task: Prediction) -> None:
        self.np = np
        self.rows = task.inputs()
        *self.hidden, self.last = [(np.array(W), np.array(b)) for W, b in task.start()]

    def predict(self, row: list[float]) -> Any:
        np = self.np
        x = np.array(row)
        for W, b in self.hidden:
            x = np.maximum(x @ W + b, 0.0)
        W, b = self.last
        return (x @ W + b).tolist()


def _activation(np: Any, name: str) -> Callable[[Any], Any]:
    def sigmoid(Z: Any) -> Any:
        return 1.0 / (1.0 + np.exp(-Z))

    def relu(Z: Any) -> Any:
        return np.maximum(Z, 0.0)

    def softmax(Z: Any) -> Any:
        E = np.exp(Z - Z.max(axis=-1, keepdims=True))
        return E / E.sum(axis=-1, keepdims=True)

    def linear(Z: Any) -> Any:
        return Z

    functions: dict[str, Callable[[Any], Any]] = {
        "sigmoid": sigmoid, "tanh": np.tanh, "relu": relu, "softmax": softmax, "linear": linear
    }  # fmt: skip
    return functions[name]


# G ∘ f'(Z), from the outputs A = f(Z).
BACKWARD: dict[str, Callable[[Any, Any], Any]] = {
    "sigmoid": lambda G, A: G * A * (1.0 - A),
    "tanh": lambda G, A: G * (1.0 - A * A),
    "relu": lambda G, A: G * (A > 0.0),
}

# k dL/dZ; k is the learning rate over the number of samples, and of outputs where those count.
DELTAS: dict[tuple[str, str], Callable[[Any, Any, float], Any]] = {
    ("sigmoid", "mse"): lambda Y, T, k: (2.0 * k) * (Y - T) * Y * (1.0 - Y),
    ("sigmoid", "bce"): lambda Y, T, k: k * (Y - T),
    ("softmax", "ce"): lambda Y, T, k: k * (Y - T),
    ("linear", "hinge"): lambda Y, T, k: -k * T * (Y * T < 1.0),
}


class NumpyPeer(Peer):
    name = "numpy"
    title = "NumPy"
    module = distribution = "numpy"

    def training(self, task: Training) -> Job:
        np = self.load()
        return NumpyOriginal(np, task) if task.original else NumpyTraining(np, task)

    def prediction(self, task: Prediction) -> Job:
        return NumpyPrediction(self.load(), task)
