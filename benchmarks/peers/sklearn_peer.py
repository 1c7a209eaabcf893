"""scikit-learn's multi-layer perceptron, without penalty and shuffling: SGD.

Momentum goes on from epoch to epoch only with `partial_fit`; without momentum, `fit` trains for
several epochs in one call.
"""

from __future__ import annotations

import warnings
from typing import Any

from tinynn.lesson.matrix import Matrix

from ..jobs import FLOAT64, Job, Refused, TrainingJob
from ..tasks.kinds import Prediction, Training
from .contract import Peer, flat


class SklearnTraining(TrainingJob):
    tolerance = FLOAT64

    def __init__(self, np: Any, neural_network: Any, task: Training) -> None:
        self.np, self.task = np, task
        X, T = task.data()
        self.X = np.array(X)
        self.classes = np.array([t.index(max(t)) if len(t) > 1 else int(t[0]) for t in T])
        self.model = neural_network.MLPClassifier(
            hidden_layer_sizes=task.sizes[1:-1],
            activation={"sigmoid": "logistic"}.get(task.hidden, task.hidden),
            solver="sgd",
            alpha=0.0,
            batch_size=task.batch_size or len(X),
            learning_rate_init=task.learning_rate,
            max_iter=1,
            shuffle=False,
            tol=0.0,
            warm_start=True,
            momentum=task.momentum,
            nesterovs_momentum=False,
            n_iter_no_change=10**9,
        )
        self.orders = [np.array(order) for order in task.orders(len(X))]
        self._fit(1)  # makes the attributes that `reset` fills

    def reset(self) -> None:
        for k, (W, b) in enumerate(self.task.start()):
            self.model.coefs_[k][...] = W
            self.model.intercepts_[k][...] = b
        self.epoch = 0
        self.model.__dict__.pop("_optimizer", None)  # it remembers the latest steps

    def run(self, amount: int) -> None:
        if not self.task.momentum and not self.orders:
            self._fit(amount)
            return
        for _ in range(amount):
            X, classes = self.X, self.classes
            if self.orders:
                X, classes = X[self.orders[self.epoch]], classes[self.orders[self.epoch]]
            self.model.partial_fit(X, classes)
            self.epoch += 1

    def answers(self, rows: Matrix) -> list[int]:
        found: list[int] = self.model.predict(self.np.array(rows)).tolist()
        return found

    def _fit(self, amount: int) -> None:
        self.model.max_iter = amount
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "the optimization hasn't converged yet"
            self.model.fit(self.X, self.classes)
        if self.model.n_iter_ != amount:
            raise RuntimeError(f"scikit-learn stopped after {self.model.n_iter_} of {amount}")

    def result(self) -> list[float]:
        return flat(list(zip(self.model.coefs_, self.model.intercepts_)))


class SklearnPrediction(Job):
    tolerance = FLOAT64

    def __init__(self, np: Any, neural_network: Any, task: Prediction) -> None:
        self.rows = task.inputs()
        self.model = neural_network.MLPRegressor(
            hidden_layer_sizes=task.sizes[1:-1], activation="relu", max_iter=1
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model.fit(np.array(self.rows), np.zeros((len(self.rows), task.sizes[-1])))
        for k, (W, b) in enumerate(task.start()):
            self.model.coefs_[k][...] = W
            self.model.intercepts_[k][...] = b

    def run(self, amount: int) -> None:
        predict, rows = self.model.predict, self.rows
        for k in range(amount):
            predict([rows[k % len(rows)]])[0].tolist()

    def result(self) -> list[float]:
        return [y for row in self.rows for y in self.model.predict([row])[0].tolist()]


class SklearnPeer(Peer):
    name = "sklearn"
    title = "scikit-learn"
    module = "sklearn.neural_network"
    distribution = "scikit-learn"

    def training(self, task: Training) -> Job:
        neural_network = self.load()
        if (task.output, task.loss) not in (("sigmoid", "bce"), ("softmax", "ce")):
            raise Refused(
                f"its MLP cannot train a {task.output} output with {task.loss}, only its own losses"
            )
        return SklearnTraining(_numpy(), neural_network, task)

    def prediction(self, task: Prediction) -> Job:
        neural_network = self.load()
        return SklearnPrediction(_numpy(), neural_network, task)


def _numpy() -> Any:
    from .numpy_peer import NumpyPeer

    return NumpyPeer().load()
