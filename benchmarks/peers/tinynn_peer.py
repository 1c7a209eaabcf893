"""tinynn as users call it, with each of its engines and with "auto"."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import tinynn as nn
from tinynn.engines.choice import ENGINES, choose
from tinynn.engines.contract import Recipe
from tinynn.lesson import neural_net
from tinynn.lesson.losses import by_name as loss_by_name
from tinynn.lesson.matrix import Matrix, Vector
from tinynn.lesson.schedule import Schedule
from tinynn.training.run import Run

from ..jobs import (
    FIXED_POINT,
    FLOAT64,
    Job,
    NotMeant,
    PredictionJob,
    Refused,
    TrainingJob,
    classes_of,
)
from ..tasks.kinds import Layer, Prediction, Training
from .contract import Peer, flat

_LAYERS = {
    "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU, "softmax": nn.Softmax
}  # fmt: skip
TOLERANCES = {"packed": FIXED_POINT}


class FallingRate(Schedule):
    """The learning rate of a task, epoch by epoch."""

    name = "falling"
    per = "epoch"

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = learning_rate

    def rate_at(self, position: int) -> float:
        return self.learning_rate * (1.0 - 0.9 * position / 100)


def network(layers: Sequence[Layer], hidden: str, output: str) -> nn.Sequential:
    """Return a network with these weights."""
    parts: list[nn.Layer] = []
    for k, (W, b) in enumerate(layers):
        parts.append(nn.Dense(len(W), len(W[0]), weights=W, bias=b or False))
        kind = hidden if k < len(layers) - 1 else output
        if kind != "linear":
            parts.append(_LAYERS[kind]())
    return nn.Sequential(*parts)


class TinynnTraining(TrainingJob):
    """`nn.fit` on plain lists; the time includes checking the data and preparing the engine."""

    def __init__(self, task: Training, engine: str) -> None:
        self.task, self.engine = task, engine
        self.data = task.data()
        # The choice of "auto" depends on how much there is to do: it always gets the whole task,
        # and the check is of the engine that it chose.
        self.whole = engine == "auto"
        self.ran = engine

    def reset(self) -> None:
        task = self.task
        self.model = network(task.start(), task.hidden, task.output)
        rate = FallingRate(task.learning_rate) if task.falling_rate else task.learning_rate
        self.optimizer = nn.SGD(
            learning_rate=rate, momentum=task.momentum, weight_decay=task.weight_decay
        )

    def run(self, amount: int) -> None:
        checking = self.whole and amount < self.task.amount
        history = self._fit(amount, self.ran if checking else self.engine)
        if history.epochs != amount:
            raise RuntimeError(f"fit stopped after {history.epochs} of {amount} epochs")

    def train_until(self, enough: Callable[[], bool], most: int) -> None:
        """Call `fit` once, with a callback that looks after each epoch."""
        self._fit(most, self.engine, [_Until(enough)])

    def answers(self, rows: Matrix) -> list[int]:
        """Return what `nn.compile` says; its function is made for each look anew."""
        return classes_of(nn.compile(self.model, engine=self.engine).rows(rows))

    def choice(self) -> str:
        """Return the name of the engine that trains the whole task."""
        rows, size = len(self.data.inputs), self.task.batch_size
        model = network(self.task.start(), self.task.hidden, self.task.output)
        recipe = Recipe(model, loss_by_name(self.task.loss), nn.SGD(momentum=self.task.momentum))
        try:
            return choose(recipe, size or rows, self.engine)[0].name
        except nn.EngineError as error:
            raise Refused(str(error)) from None

    def _fit(self, amount: int, engine: str, callbacks: Sequence[nn.Callback] = ()) -> nn.History:
        try:
            history = nn.fit(
                self.model,
                self.data.inputs,
                self.data.targets,
                loss=self.task.loss,
                optimizer=self.optimizer,
                epochs=amount,
                batch_size=self.task.batch_size,
                shuffle=self.task.shuffled,
                callbacks=callbacks,
                engine=engine,
            )
        except nn.EngineError as error:
            raise Refused(str(error)) from None
        self.ran = str(history.engine)
        self.tolerance = TOLERANCES.get(self.ran, FLOAT64)
        self.note = self.ran if self.whole else ""
        return history

    def result(self) -> list[float]:
        return flat(
            [
                (values["W"], values.get("b", []))
                for values in (layer.parameters() for layer in self.model.layers)
                if values
            ]
        )


class _Until(nn.Callback):
    def __init__(self, enough: Callable[[], bool]) -> None:
        self.enough = enough

    def on_epoch_end(self, trainer: Run) -> None:
        if self.enough():
            trainer.stop("enough")


class TinynnPrediction(PredictionJob):
    """A function from one row to one row."""

    def __init__(
        self, task: Prediction, predict: Callable[[Vector], Any], engine: str = "", note: str = ""
    ) -> None:
        self.rows, self.predict, self.note = task.inputs(), predict, note
        self.tolerance = FIXED_POINT if engine in (*TOLERANCES, "auto") else FLOAT64


class TinynnPeer(Peer):
    """tinynn with the engine that it chooses, or with a named engine in a separate row."""

    def __init__(self, engine: str = "auto") -> None:
        self.engine = engine
        self.name = "tinynn" if engine == "auto" else f"tinynn-{engine}"
        self.title = "tinynn" if engine == "auto" else f"tinynn, {engine}"

    def version(self) -> str:
        return nn.__version__

    def training(self, task: Training) -> Job:
        return TinynnTraining(task, self.engine)

    def prediction(self, task: Prediction) -> Job:
        model = network(task.start(), "relu", "linear")
        try:
            predict = nn.compile(model, engine=self.engine)
        except nn.EngineError as error:
            raise Refused(str(error)) from None
        note = "nn.compile" if self.engine == "auto" else ""
        return TinynnPrediction(task, predict, self.engine, note)


class TinynnCall(Peer):
    """`model(row)`: the plain call, which checks its row first."""

    name = "tinynn-call"
    title = "tinynn, model(row)"

    def version(self) -> str:
        return nn.__version__

    def prediction(self, task: Prediction) -> Job:
        return TinynnPrediction(task, network(task.start(), "relu", "linear"))


class OriginalJob(Job):
    def __init__(self, task: Training, kind: type[neural_net.NeuralNet]) -> None:
        self.data, self.kind = task.data(), kind

    def reset(self) -> None:
        self.net = self.kind(seed=1)

    def run(self, amount: int) -> None:
        self.net.train(self.data.inputs, self.data.targets, amount)

    def result(self) -> list[float]:
        return flat([(self.net.synaptic_weights, [])])


class TinynnNeuralNet(Peer):
    """The original program by its name: its rows are written into compiled source."""

    name = "tinynn-neuralnet"
    title = "tinynn, NeuralNet"
    kind: type[neural_net.NeuralNet] = nn.NeuralNet

    def version(self) -> str:
        return nn.__version__

    def training(self, task: Training) -> Job:
        if not task.original:
            raise NotMeant("NeuralNet has only one layer")
        return OriginalJob(task, self.kind)


class TinynnLesson(TinynnNeuralNet):
    """The lesson's own class, as a beginner reads it."""

    name = "tinynn-lesson"
    title = "tinynn, the lesson's NeuralNet"
    kind = neural_net.NeuralNet


def peers() -> list[Peer]:
    """Return tinynn in all its forms, with all registered engines."""
    return [
        TinynnPeer(),
        *(TinynnPeer(engine) for engine in ENGINES),
        TinynnNeuralNet(),
        TinynnLesson(),
        TinynnCall(),
    ]
