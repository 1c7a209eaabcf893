"""scikit-learn's multi-layer perceptron, without momentum, penalty and shuffling: plain SGD."""

from __future__ import annotations

import warnings
from typing import Any

from ..jobs import FLOAT64, Job, Refused
from ..tasks.kinds import Prediction, Training
from .contract import Peer, flat


class SklearnTraining(Job):
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
            momentum=0.0,
            nesterovs_momentum=False,
            n_iter_no_change=10**9,
        )
        self.run(1)  # makes the attributes that `reset` fills

    def reset(self) -> None:
        for k, (W, b) in enumerate(self.task.start()):
            self.model.coefs_[k][...] = W
            self.model.intercepts_[k][...] = b

    def run(self, amount: int) -> None:
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
