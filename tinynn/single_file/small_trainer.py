"""Replaces `training.trainer` in minimal files: the same training, with fewer settings."""

from __future__ import annotations

from copy import deepcopy
from time import monotonic
from typing import Any, Sequence

from ..checks.settings import integer, number
from ..engines.contract import BatchDivergence, Recipe
from ..engines.lists import ENGINE
from ..errors import SettingError
from ..lesson.layer import Layer
from ..lesson.loss import Loss
from ..lesson.losses import by_name as loss_by_name
from ..lesson.matrix import Rows
from ..lesson.network import Sequential
from ..lesson.optimizer import Optimizer
from ..lesson.optimizers import by_name as optimizer_by_name
from ..lesson.random_streams import epoch_stream
from ..lesson.schedule import Schedule
from ..training.batches import epoch_batches
from ..training.callbacks import Callback
from ..training.history import History
from ..training.training_data import (
    check_classes,
    check_pair,
    check_smallest_batch,
    checked_rows,
    divergence,
)


def fit(model: Sequential, inputs: Rows, targets: object, **settings: Any) -> History:
    """Train `model` on rows of inputs and targets; return its history."""
    return SmallTrainer(model, **settings).fit(inputs, targets)


class SmallTrainer:
    """A training: its settings, its state, and what callbacks use."""

    def __init__(
        self,
        model: Sequential,
        *,
        loss: str | Loss = "mse",
        optimizer: str | Optimizer = "adam",
        epochs: int = 100,
        batch_size: int | None = 32,
        validation: Sequence[Any] | None = None,
        sample_weight: object = None,
        class_weight: Any = None,
        shuffle: bool = True,
        seed: int = 0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        callbacks: Sequence[Callback] = (),
        restart: bool = False,
        engine: str = "auto",
    ) -> None:
        if not isinstance(model, Sequential):
            raise SettingError(f"fit needs a Sequential network to train, got {model!r}")
        if engine not in ("auto", "lists"):
            raise SettingError(f"this file has only the lists engine, got engine={engine!r}")
        above_0: dict[str, Any] = {"clip_norm": clip_norm, "clip_value": clip_value}
        for name, value in above_0.items():
            if value is not None:
                number("fit", name, value, above=0)
        if batch_size is not None:
            batch_size = integer("fit", "batch_size", batch_size, least=1)
        self.model, self.loss = model, loss_by_name(loss)
        check_pair(model, self.loss)
        self.epochs = integer("fit", "epochs", epochs, least=1)
        self.order = batch_size, bool(shuffle), integer("fit", "seed", seed, least=0)
        self.recipe = Recipe(model, self.loss, optimizer_by_name(optimizer), clip_norm, clip_value)
        self.validation, self.weights = validation, (sample_weight, class_weight)
        self.callbacks, self.restart = callbacks, restart

    def stop(self, reason: str) -> None:
        """End the training after this epoch."""
        self.history.stopped_by = self.history.stopped_by or reason

    def fit(self, inputs: Rows, targets: object) -> History:
        """Train, and return the history."""
        model, loss, optimizer = self.model, self.loss, self.recipe.optimizer
        data = checked_rows(model, loss, inputs, targets, *self.weights)
        check_classes(loss, data.T)
        apart, rows = None, len(data.X)
        if self.validation:
            X, T = self.validation[:2]
            weights = self.validation[2] if len(self.validation) > 2 else None
            apart = checked_rows(model, loss, X, T, weights, what="validation ")
        size = min(self.order[0] or rows, rows)
        check_smallest_batch(model, rows % size or size, f"the last of {rows} rows")
        training = model.training
        if self.restart or training.get("optimizer") != optimizer.to_dict():
            training = {"optimizer": optimizer.to_dict(), "epochs": 0, "steps": 0, "memory": {}}
        schedule: Any = deepcopy(optimizer.learning_rate)
        scheduled = isinstance(schedule, Schedule)
        if scheduled:
            schedule.restore(training.get("schedule", {}))
        program = ENGINE.program(self.recipe, training["memory"])
        program.bind(*data)
        noisy = any(type(layer).seed_noise is not Layer.seed_noise for layer in model.layers)
        self.history = history = History("lists", "this file has no other")
        self.epoch, started = 0, monotonic()
        model.training = training
        self._call("on_train_begin")
        try:
            while self.epoch < self.epochs and history.stopped_by is None:
                first, steps, batch_size = training["epochs"], training["steps"], self.order[0]
                batches = epoch_batches(rows, batch_size, *self.order[1:], first)
                if noisy:
                    seed = epoch_stream(~self.order[2], first).getrandbits(32)
                    model.seed_noise(seed)
                rates = [
                    schedule.rate(first, steps + k) if scheduled else schedule
                    for k in range(len(batches))
                ]
                self.epoch += 1
                self._call("on_epoch_begin")
                try:
                    losses = program.train(batches, rates, steps + 1)
                except BatchDivergence as error:
                    at = self.epoch, error.batch + 1, rates[error.batch]
                    self.stop("divergence")
                    raise divergence(error.what, *at, data.X, history) from None
                finally:
                    training["steps"] = steps + len(program.done)
                sizes = [data.size(batch) for batch in batches]
                history.add(losses, sizes, rates, len(batches), monotonic() - started)
                training["epochs"] += 1
                if apart:
                    outputs = program.predict(apart.X)
                    history.validation_loss.append(loss(outputs, apart.T, apart.weights))
                if scheduled:
                    schedule.report(history.monitored[-1])
                    training["schedule"] = schedule.state()
                self._call("on_epoch_end")
            self.stop("epochs")
        finally:
            self.stop("error")
            self._call("on_train_end")
        return history

    def _call(self, name: str) -> None:
        for callback in self.callbacks:
            getattr(callback, name)(self)
