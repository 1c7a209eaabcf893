"""PyTorch as its tutorials write it: eager, float32, on the CPU, one thread."""

from __future__ import annotations

from typing import Any, Iterable

from tinynn.lesson.matrix import Matrix

from ..jobs import FLOAT32, Job, TrainingJob
from ..tasks.kinds import Prediction, Training
from .contract import Peer, flat, shuffled


def _linear(torch: Any, W: Any, b: Any) -> Any:
    layer = torch.nn.Linear(len(W), len(W[0]), bias=bool(b))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(W).T)
        if b:
            layer.bias.copy_(torch.tensor(b))
    return layer


class TorchTraining(TrainingJob):
    """Losses are taken from logits, as PyTorch recommends: the same derivative, more stable."""

    tolerance = FLOAT32

    def __init__(self, torch: Any, task: Training) -> None:
        self.torch, self.task = torch, task
        X, T = (torch.tensor(rows) for rows in task.data())
        self.batches = [(X[a:b], T[a:b]) for a, b in task.batches(len(X))]
        self.X, self.T = X, T
        self.orders = [torch.tensor(order) for order in task.orders(len(X))]
        self.loss = {
            "mse": torch.nn.MSELoss(),
            "bce": torch.nn.BCEWithLogitsLoss(),
            "ce": torch.nn.CrossEntropyLoss(),
            "hinge": lambda y, t: (1.0 - t * y).relu().mean(),
        }[task.loss]

    def reset(self) -> None:
        nn = self.torch.nn
        kinds = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}
        modules = []
        for W, b in self.task.start():
            modules += [_linear(self.torch, W, b), kinds[self.task.hidden]()]
        modules.pop()
        if self.task.loss == "mse":
            modules.append(kinds[self.task.output]())
        self.model = nn.Sequential(*modules)
        self.optimizer = self.torch.optim.SGD(
            self.model.parameters(),
            lr=self.task.learning_rate,
            momentum=self.task.momentum,
            weight_decay=self.task.weight_decay,
        )
        self.epoch = 0

    def run(self, amount: int) -> None:
        model, loss, optimizer = self.model, self.loss, self.optimizer
        for _ in range(amount):
            if self.task.falling_rate:
                optimizer.param_groups[0]["lr"] = self.task.rate(self.epoch)
            for X, T in self._batches():
                optimizer.zero_grad()
                loss(model(X), T).backward()
                optimizer.step()
            self.epoch += 1

    def _batches(self) -> Iterable[tuple[Any, Any]]:
        if not self.orders:
            return self.batches
        return shuffled(self.task, self.X, self.T, self.orders[self.epoch])

    def answers(self, rows: Matrix) -> list[int]:
        with self.torch.inference_mode():
            found: list[int] = self.model(self.torch.tensor(rows)).argmax(dim=1).tolist()
        return found

    def result(self) -> list[float]:
        layers = [m for m in self.model if isinstance(m, self.torch.nn.Linear)]
        return flat(
            [(m.weight.T.tolist(), m.bias.tolist() if m.bias is not None else []) for m in layers]
        )


class TorchPrediction(Job):
    tolerance = FLOAT32

    def __init__(self, torch: Any, task: Prediction) -> None:
        self.torch = torch
        self.rows = task.inputs()
        modules = []
        for W, b in task.start():
            modules += [_linear(torch, W, b), torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*modules[:-1]).eval()

    def run(self, amount: int) -> None:
        torch, model, rows = self.torch, self.model, self.rows
        with torch.inference_mode():
            for k in range(amount):
                model(torch.tensor(rows[k % len(rows)])).tolist()

    def result(self) -> list[float]:
        with self.torch.inference_mode():
            return [y for row in self.rows for y in self.model(self.torch.tensor(row)).tolist()]


class TorchPeer(Peer):
    name = "torch"
    title = "PyTorch"
    module = distribution = "torch"

    def load(self) -> Any:
        torch = super().load()
        torch.set_num_threads(1)
        return torch

    def training(self, task: Training) -> Job:
        return TorchTraining(self.load(), task)

    def prediction(self, task: Prediction) -> Job:
        return TorchPrediction(self.load(), task)
