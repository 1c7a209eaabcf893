"""Good list code: what a careful programmer writes by hand without any library.

It is the reference for all results, and the rival that keeps tinynn's own engines honest:
weights are kept as one row per output, so that `sum(map(mul, …))` (`math.sumprod` from Python 3.12
on) runs over whole rows, and nothing is done twice.
"""

from __future__ import annotations

import math
from operator import mul
from typing import Any, Callable, Iterable, Sequence

from tinynn.lesson.matrix import Matrix, Vector

from ..jobs import Job, PredictionJob, TrainingJob, classes_of
from ..tasks.kinds import Prediction, Training
from .contract import Peer, flat

Row = Sequence[float]


def _dot(a: Row, b: Row) -> float:
    total: float = sum(map(mul, a, b))
    return total


dot: Callable[[Row, Row], float] = getattr(math, "sumprod", _dot)


def sigmoid(z: Row) -> Vector:
    exp = math.exp
    return [1.0 / (1.0 + exp(-v)) for v in z]


def tanh(z: Row) -> Vector:
    return list(map(math.tanh, z))


def relu(z: Row) -> Vector:
    return [v if v > 0.0 else 0.0 for v in z]


def linear(z: Row) -> Vector:
    return list(z)


def softmax(z: Row) -> Vector:
    top = max(z)
    exps = [math.exp(v - top) for v in z]
    total = sum(exps)
    return [e / total for e in exps]


ACTIVATIONS: dict[str, Callable[[Row], Vector]] = {
    "sigmoid": sigmoid, "tanh": tanh, "relu": relu, "linear": linear, "softmax": softmax
}  # fmt: skip

# For each activation, g · f'(z) for a row of derivatives g and a row of outputs f(z).
BACKWARD: dict[str, Callable[[Row, Row], Vector]] = {
    "sigmoid": lambda g, a: [d * v * (1.0 - v) for d, v in zip(g, a)],
    "tanh": lambda g, a: [d * (1.0 - v * v) for d, v in zip(g, a)],
    "relu": lambda g, a: [d if v > 0.0 else 0.0 for d, v in zip(g, a)],
}

# For each output activation and loss, -k dL/dz of one row: k is learning rate / rows of the batch.
DELTAS: dict[tuple[str, str], Callable[[Row, Row, float], Vector]] = {
    ("sigmoid", "mse"): lambda y, t, k: [
        2.0 * k / len(y) * (q - p) * p * (1.0 - p) for p, q in zip(y, t)
    ],
    ("sigmoid", "bce"): lambda y, t, k: [k / len(y) * (q - p) for p, q in zip(y, t)],
    ("softmax", "ce"): lambda y, t, k: [k * (q - p) for p, q in zip(y, t)],
    ("linear", "hinge"): lambda y, t, k: [
        k / len(y) * q if p * q < 1.0 else 0.0 for p, q in zip(y, t)
    ],
}


class ListsTraining(TrainingJob):
    """Back-propagation over lists: one way for batches, another for single samples."""

    def __init__(self, task: Training) -> None:
        self.task = task
        X, T = task.data()
        self.X, self.T = X, T
        self.batches = [(X[a:b], T[a:b]) for a, b in task.batches(len(X))]
        self.orders = task.orders(len(X))
        self.forward = [ACTIVATIONS[task.hidden]] * (len(task.sizes) - 2)
        self.forward.append(ACTIVATIONS[task.output])
        self.backward = BACKWARD.get(task.hidden, BACKWARD["sigmoid"])
        self.delta = DELTAS[task.output, task.loss]

    def reset(self) -> None:
        self.epoch = 0
        self.Ws: list[Matrix] = []
        self.bs: list[Vector] = []
        for W, b in self.task.start():
            self.Ws.append([list(column) for column in zip(*W)])
            self.bs.append(b)
        # The latest steps, which momentum repeats in part.
        self.dWs = [[[0.0] * len(row) for row in W] for W in self.Ws]
        self.dbs = [[0.0] * len(b) for b in self.bs]

    def answers(self, rows: Matrix) -> list[int]:
        outputs = []
        for a in rows:
            for W, b, f in zip(self.Ws, self.bs, self.forward):
                a = f([dot(w, a) + c for w, c in zip(W, b)])
            outputs.append(a)
        return classes_of(outputs)

    def result(self) -> list[float]:
        return flat([(zip(*W), b) for W, b in zip(self.Ws, self.bs)])

    def run(self, amount: int) -> None:
        task = self.task
        for _ in range(amount):
            rate = task.rate(self.epoch)
            if task.original:
                self._original_step()
            elif task.batch_size == 1:
                for X, T in self.batches:
                    self._sample(X[0], T[0], rate)
            else:
                for X, T in self._batches():
                    self._batch(X, T, rate)
            self.epoch += 1

    def _batches(self) -> Iterable[tuple[Matrix, Matrix]]:
        if not self.orders:
            return self.batches
        X, T, order = self.X, self.T, self.orders[self.epoch]
        slices = (order[a:b] for a, b in self.task.batches(len(X)))
        return (([X[i] for i in k], [T[i] for i in k]) for k in slices)

    def _original_step(self) -> None:
        exp = math.exp
        ((X, T),) = self.batches
        w = self.Ws[0][0]
        answers = [1.0 / (1.0 + exp(-sum(map(mul, x, w)))) for x in X]
        deltas = [(t[0] - y) * y * (1.0 - y) for t, y in zip(T, answers)]
        self.Ws[0][0] = [v + sum(map(mul, column, deltas)) for v, column in zip(w, zip(*X))]

    def _sample(self, x: Row, t: Row, rate: float) -> None:
        Ws, bs = self.Ws, self.bs
        a = x
        activations = [a]
        for W, b, f in zip(Ws, bs, self.forward):
            a = f([dot(w, a) + c for w, c in zip(W, b)])
            activations.append(a)
        d = self.delta(a, t, rate)
        for k in range(len(Ws) - 1, -1, -1):
            W, b, a = Ws[k], bs[k], activations[k]
            below = self.backward([dot(c, d) for c in zip(*W)], a) if k else []
            for j, d_j in enumerate(d):
                W[j] = [w + d_j * v for w, v in zip(W[j], a)]
                b[j] += d_j
            d = below

    def _batch(self, X: Matrix, T: Matrix, rate: float) -> None:
        Ws, bs = self.Ws, self.bs
        A = X
        activations = [A]
        for W, b, f in zip(Ws, bs, self.forward):
            A = [f([dot(w, a) + c for w, c in zip(W, b)]) for a in A]
            activations.append(A)
        k = rate / len(X)
        D = [self.delta(y, t, k) for y, t in zip(A, T)]
        for layer in range(len(Ws) - 1, -1, -1):
            W, b, A = Ws[layer], bs[layer], activations[layer]
            below: Matrix = []
            if layer:
                columns = list(zip(*W))
                below = [self.backward([dot(c, d) for c in columns], a) for d, a in zip(D, A)]
            if self.task.weight_decay:
                keep = 1.0 - rate * self.task.weight_decay
                W = [[keep * w for w in row] for row in W]
                b = [keep * c for c in b]
            A_columns, D_columns = list(zip(*A)), list(zip(*D))
            if self.task.momentum:
                self._step_with_momentum(layer, A_columns, D_columns)
                D = below
                continue
            Ws[layer] = [
                [w + dot(a, d) for w, a in zip(row, A_columns)] for row, d in zip(W, D_columns)
            ]
            if b:
                bs[layer] = [c + sum(d) for c, d in zip(b, D_columns)]
            D = below

    def _step_with_momentum(self, layer: int, A_columns: list[Any], D_columns: list[Any]) -> None:
        W, b, m = self.Ws[layer], self.bs[layer], self.task.momentum
        dW = [
            [m * s + dot(a, d) for s, a in zip(row, A_columns)]
            for row, d in zip(self.dWs[layer], D_columns)
        ]
        db = [m * s + sum(d) for s, d in zip(self.dbs[layer], D_columns)]
        self.Ws[layer] = [[w + s for w, s in zip(row, step)] for row, step in zip(W, dW)]
        self.bs[layer] = [c + s for c, s in zip(b, db)]
        self.dWs[layer], self.dbs[layer] = dW, db


class ListsPrediction(PredictionJob):
    """A forward pass over rows of weights, one per output."""

    def __init__(self, task: Prediction) -> None:
        self.rows = task.inputs()
        *self.hidden, self.last = [
            ([list(column) for column in zip(*W)], b) for W, b in task.start()
        ]

    def predict(self, x: Row) -> Vector:
        for W, b in self.hidden:
            x = [max(0.0, dot(w, x) + c) for w, c in zip(W, b)]
        W, b = self.last
        return [dot(w, x) + c for w, c in zip(W, b)]


class ListsPeer(Peer):
    name = "lists"
    title = "good lists"

    def version(self) -> str:
        return ""

    def training(self, task: Training) -> Job:
        return ListsTraining(task)

    def prediction(self, task: Prediction) -> Job:
        return ListsPrediction(task)
