"""micrograd: a graph of one object per number. The training loop is that of its own demo."""

from __future__ import annotations

from typing import Any

from ..jobs import FLOAT64, Job, PredictionJob, Refused
from ..tasks.kinds import Layer, Prediction, Training
from .contract import Peer

MOST_WEIGHTS = 3000


class MicrogradJob(Job):
    tolerance = FLOAT64

    def __init__(self, micrograd: Any, sizes: Any) -> None:
        self.model = micrograd.MLP(sizes[0], list(sizes[1:]))

    def fill(self, layers: list[Layer]) -> None:
        for layer, (W, b) in zip(self.model.layers, layers):
            for j, neuron in enumerate(layer.neurons):
                neuron.b.data = b[j]
                for i, w in enumerate(neuron.w):
                    w.data = W[i][j]


class MicrogradTraining(MicrogradJob):
    def __init__(self, micrograd: Any, value: Any, task: Training) -> None:
        super().__init__(micrograd, task.sizes)
        self.value, self.task = value, task
        self.X, T = task.data()
        self.y = [t for (t,) in T]

    def reset(self) -> None:
        self.fill(self.task.start())
        self.epoch = 0

    def run(self, amount: int) -> None:
        model, Value = self.model, self.value
        alpha = 0.5 * self.task.weight_decay
        for _ in range(amount):
            inputs = [list(map(Value, row)) for row in self.X]
            scores = list(map(model, inputs))
            losses = [(1 + -yi * score).relu() for yi, score in zip(self.y, scores)]
            data_loss = sum(losses) * (1.0 / len(losses))
            total_loss = data_loss + alpha * sum(p * p for p in model.parameters())
            model.zero_grad()
            total_loss.backward()
            learning_rate = self.task.rate(self.epoch)
            for p in model.parameters():
                p.data -= learning_rate * p.grad
            self.epoch += 1

    def result(self) -> list[float]:
        numbers: list[float] = []
        for layer in self.model.layers:
            for column in zip(*[neuron.w for neuron in layer.neurons]):
                numbers += [w.data for w in column]
            numbers += [neuron.b.data for neuron in layer.neurons]
        return numbers


class MicrogradPrediction(PredictionJob, MicrogradJob):
    def __init__(self, micrograd: Any, task: Prediction) -> None:
        super().__init__(micrograd, task.sizes)
        self.fill(task.start())
        self.rows = task.inputs()

    def predict(self, row: list[float]) -> list[float]:
        return [y.data for y in self.model(row)]


class MicrogradPeer(Peer):
    name = "micrograd"
    title = "micrograd"
    module = "micrograd.nn"
    distribution = "micrograd"

    def training(self, task: Training) -> Job:
        nn = self.load()
        if task.hidden != "relu" or task.loss != "hinge":
            raise Refused("has no activation but ReLU, neither exp nor log")
        if task.momentum or task.shuffled:
            raise Refused("its demo has neither momentum nor shuffling")
        return MicrogradTraining(nn, nn.Value, task)

    def prediction(self, task: Prediction) -> Job:
        nn = self.load()
        weights = sum(n * m for n, m in zip(task.sizes, task.sizes[1:]))
        if weights > MOST_WEIGHTS:
            raise Refused(f"left out above {MOST_WEIGHTS:,} weights: it takes seconds a row")
        return MicrogradPrediction(nn, task)
