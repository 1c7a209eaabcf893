"""A session: one network on a page, its problem, and their training."""

from __future__ import annotations

import time
from math import isfinite
from random import Random
from typing import Any

from ...checks.words import excerpt
from ...engines.choice import runs_native
from ...engines.prediction import compile
from ...errors import SettingError
from ...lesson.activation_layers import Linear
from ...lesson.layers import Dense
from ...lesson.matrix import Matrix
from ...lesson.network import Sequential
from ...lesson.optimizer import Optimizer
from ...training.trainer import Trainer
from ...training.training_data import TrainingData
from . import maps
from .networks import fresh, same_shape, short, shrink, weight_at
from .problems import FEATURES, CsvTable, problem
from .settings import WHO, Settings, read_settings, whole

LONGEST_TURN = 100  # milliseconds of training in one answer

Answer = Any  # a dictionary of what JSON takes


class Session:
    """The state of one page. What its methods return is for the page, as JSON has it."""

    def __init__(self) -> None:
        self.table: CsvTable | None = None
        self.writer: Any = None  # of writer.py
        self.model = Sequential(Linear())  # until the settings are taken
        self.take(Settings())

    def set_up(self, message: dict[str, Any]) -> Answer:
        """Take settings; keep the weights if `keep` is true and the network has the same shape."""
        self.take(read_settings(message.get("settings", {})), message.get("keep") is True)
        return {**self.described(), **self.look({})}

    def take(self, settings: Settings, keep: bool = False) -> None:
        """Begin with these settings; nothing is changed if they cannot be used."""
        found = problem(settings, self.table)
        model, loss, optimizer = fresh(settings, found)
        if keep and same_shape(model, self.model):
            model.restore(self.model.state())
        else:
            self.epoch = self.steps = self.at = 0
        self.settings, self.problem, self.model, self.loss = settings, found, model, loss
        self.inputs, self.targets = self._rows(found.train)
        self.test_inputs, self.test_targets = self._rows(found.test)
        self.trainer = self.trainer_of(model, optimizer)
        self.race: list[Any] = []  # of contest.py
        self.raced = 0  # epochs
        self.in_one_go = 100  # rows that are trained on before the next look at the clock

    def trainer_of(self, model: Sequential, optimizer: Optimizer, engine: str = "") -> Trainer:
        """Return what trains a network as the settings say."""
        engine = engine or self.settings.engine
        if engine == "auto" and self.problem.kind == "pictures" and runs_native():
            engine = "native"  # 64 inputs are many; `auto` chooses no machine code by itself
        return Trainer(
            model, loss=self.loss, optimizer=optimizer, batch_size=self.settings.batch,
            shuffle=False, engine=engine,
        )  # fmt: skip

    def _rows(self, samples: tuple[list[Any], list[Any]]) -> tuple[Matrix, Matrix]:
        """Return the network's inputs and targets for samples of the problem."""
        kind = self.problem.kind
        points, targets = samples
        X = [list(map(float, p)) for p in points] if self.flat else points
        if kind == "article":
            return X, [list(map(float, t)) for t in targets]
        return X if kind == "pictures" else self.inputs_of(points), list(
            map(self.target_of, targets)
        )

    @property
    def flat(self) -> bool:
        """Whether the samples are points of the plane."""
        return self.problem.kind in ("classes", "numbers")

    def inputs_of(self, points: Any) -> Matrix:
        """Return the network's inputs for points of the plane."""
        functions = [FEATURES[name][1] for name in self.settings.features]
        return [[f(x, y) for f in functions] for x, y in points]

    def target_of(self, target: Any) -> list[float]:
        """Return the row of targets for a class number, or for a number."""
        classes = self.problem.classes
        if len(classes) <= 2:
            return [float(target)]
        return [float(k == target) for k in range(len(classes))]

    def train(self, message: dict[str, Any]) -> Answer:
        """Train for some epochs, or for some milliseconds if those end first."""
        most = whole(1, 1_000)("epochs", message.get("epochs", 1))
        wanted = whole(1, LONGEST_TURN)("milliseconds", message.get("milliseconds", LONGEST_TURN))
        last = self.epoch + most
        batch, seconds = self.settings.batch, wanted / 1000.0
        began, taken, one, rows = time.monotonic(), 0.0, 0.0, 0
        while self.epoch < last and taken + one / 2.0 < seconds:
            count = min(len(self.inputs) - self.at, max(batch, self.in_one_go))
            self.train_next(count)
            rows += count
            before, taken = taken, time.monotonic() - began
            one = taken - before
        # As many rows as take most of the time, in whole batches; more and smaller parts of an
        # epoch would cost more, since each has to be prepared.
        self.in_one_go = -int(-0.7 * rows * seconds / max(taken, 1e-6) // batch) * batch
        return self.frame()

    def step(self, message: dict[str, Any]) -> Answer:
        """Train on the next batch alone."""
        self.train_next(min(self.settings.batch, len(self.inputs) - self.at))
        return self.frame()

    def train_next(self, count: int) -> None:
        """Train on the next `count` rows of this epoch, in batches."""
        self.train_rows(self.trainer, self.order(self.epoch)[self.at : self.at + count])
        self.steps += -(-count // self.settings.batch)
        self.at += count
        if self.at >= len(self.inputs):
            self.at = 0
            self.epoch += 1

    def order(self, epoch: int) -> list[int]:
        """Return the indices of the rows in the order of an epoch."""
        order = list(range(len(self.inputs)))
        if self.problem.kind != "article":
            Random(f"{self.settings.seed} {epoch}").shuffle(order)
        return order

    def train_rows(self, trainer: Trainer, rows: list[int]) -> None:
        """Train on rows in this order, then shrink the weights as L1 does."""
        X, T = [self.inputs[i] for i in rows], [self.targets[i] for i in rows]
        trainer.train_on(TrainingData(X, T, None))
        if self.settings.l1:
            steps = -(-len(rows) // self.settings.batch)
            shrink(trainer.model, trainer.learning_rate * self.settings.l1 * steps)

    def weigh(self, message: dict[str, Any]) -> Answer:
        """Set one weight by hand: {"weight": "0.W[1][0]", "value": number}."""
        row, column = weight_at(self.model, message.get("weight"))
        value = message.get("value")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= 1e6:
            raise SettingError(
                f"{WHO} needs a weight to be a number from -1e6 to 1e6, got {excerpt(value)}"
            )
        row[column] = float(value)
        return self.frame()

    def described(self) -> Answer:
        """Return what stays until the settings change."""
        found, features = self.problem, self.settings.features
        return {
            "kind": found.kind,
            "train": list(map(list, found.train)) if self.flat else [],
            "test": list(map(list, found.test)) if self.flat else [],
            "rows": [len(self.inputs), len(self.test_inputs)],
            "classes": found.classes,
            "axes": [axis._asdict() for axis in found.axes],
            "note": found.note,
            "loss_name": type(self.trainer.loss).__name__,
            "optimizer": repr(self.trainer.recipe.optimizer),
            "network": repr(self.model),
            "layers": [type(layer).__name__ for layer in self.model.layers],
            "parameters": self.model.count_parameters(),
            "features": [FEATURES[name][0] for name in features] if self.flat else [],
            "feature_maps": maps.of_features(maps.FINEST, features) if self.flat else [],
            "table": self.table.describe() if self.table else None,
        }

    def look(self, message: dict[str, Any]) -> Answer:
        """Return the present state, with maps that are finer than there is time for in training."""
        return self.frame(maps.FINEST)

    def frame(self, points: int = 0) -> Answer:
        """Return what changes with every update, with maps of points × points."""
        trained = self.trainer.history
        loss, right = self._measured(self.inputs, self.targets)
        test_loss, test_right = self._measured(self.test_inputs, self.test_targets)
        return {
            "epoch": self.epoch,
            "steps": self.steps,
            "loss": loss,
            "test_loss": test_loss,
            "accuracy": right if test_right is None else test_right,
            "maps": self._maps(points or maps.side(self.model)),
            "weights": [
                {"layer": k, "W": short(layer.W), "b": short([layer.b])[0]}
                for k, layer in enumerate(self.model.layers)
                if isinstance(layer, Dense)
            ],
            "engine": trained.engine,
            "engine_reason": trained.engine_reason,
        }

    def _maps(self, points: int) -> list[list[str]]:
        if self.flat:
            return maps.of_network(self.model, self.settings.features, points)
        first = self.model.layers[0]
        if self.problem.kind == "pictures" and isinstance(first, Dense):
            return [maps.of_weights(first.W)]
        return []

    def _measured(self, X: Matrix, T: Matrix) -> tuple[float | None, float | None]:
        """Return the loss over rows, and the share of them that get the right class."""
        if not X:
            return None, None
        Y = self._outputs(X)
        loss = self.trainer.loss(Y, T)
        right = sum(map(same_class, Y, T)) / len(X) if self.problem.classes else None
        return loss if isfinite(loss) else None, right

    def _outputs(self, X: Matrix) -> Matrix:
        if self.problem.kind == "pictures" and runs_native():
            return compile(self.model, "native").rows(X)
        return self.model.forward(X)


def same_class(y: list[float], t: list[float]) -> bool:
    """Return whether outputs and targets give the same class."""
    if len(y) == 1:
        return (y[0] >= 0.5) == (t[0] >= 0.5)
    return y.index(max(y)) == t.index(max(t))
