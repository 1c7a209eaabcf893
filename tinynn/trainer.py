"""Training: epochs of batches, each one a step of the optimizer against the loss's gradient.

One epoch shows the network every row once, in batches. For each batch an engine computes the loss,
its gradient and the update; here is decided in which order the rows come, and when to stop.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union

from .batches import Batch, Stream, epoch_batches, split_rows
from .callbacks import Callback
from .engines.choice import choose
from .engines.contract import BatchDivergence, Recipe, Task
from .errors import DivergenceError, ShapeError
from .history import History
from .layers import Layer
from .losses import Loss, by_name as loss_by_name
from .matrix import Rows
from .network import Sequential
from .optimizers import Optimizer, by_name as optimizer_by_name
from .rng import epoch_stream
from .schedules import ReduceOnPlateau, Schedule
from .settings import integer, number
from .training_data import (
    ClassWeight,
    TrainingData,
    check_classes,
    check_pair,
    largest_input,
    prepare,
    warn_unscaled,
)

Metric = Callable[[Any, Any], float]
ONE_LOOK = 0.1  # seconds of training, about, at the most between two looks at clock and keyboard


def fit(
    model: Sequential,
    inputs: Union[Rows, Iterable[Any], Callable[[], Iterable[Any]]],
    targets: object = None,
    *,
    loss: Union[str, Loss] = "mse",
    optimizer: Union[str, Optimizer] = "adam",
    epochs: int = 100,
    validation: Optional[Tuple[Rows, object]] = None,
    validation_split: float = 0.0,
    sample_weight: object = None,
    class_weight: ClassWeight = None,
    restart: bool = False,
    **settings: Any,
) -> History:
    """Train `model` on rows of inputs and targets; return the history of it.

    inputs, targets:  rows of numbers; targets may be a flat list (one output, or class numbers).
                      Without `targets`, `inputs` gives batches, as (inputs, targets) or (inputs,
                      targets, sample weights): a collection of them, a function that returns a new
                      iterator of them for each epoch, or, for one epoch, an iterator
    loss, optimizer:  objects, or their short names
    epochs:           how often every row is shown
    validation:       (inputs, targets) to measure the loss on after each epoch; or
                      `validation_split`, the share of the rows to set apart for that
    sample_weight:    one number per row; `class_weight`: one per class number, or "balanced"
    settings:         of `Trainer`: batch_size, shuffle, seed, callbacks, metrics, clip_norm,
                      clip_value, loss_threshold, time_budget, engine

    Ctrl-C ends the training after a whole update, and `fit` returns; where there is validation
    data, the weights of the best epoch are put back then.

    Training goes on where it stopped: a second call with an equal optimizer continues with its
    memory, its schedule and its shuffling, so that twice 5 epochs are the same as 10. `restart`
    forgets all that, but not the weights.

    Raises ShapeError, DataError or SettingError, naming what cannot be used, before anything is
    changed (of a stream, before the batch changes anything). Raises DivergenceError when a loss or
    a weight is no longer finite: the network is then as it was before that batch, and the error's
    `epoch`, `batch` and `history` tell the rest.
    """
    trainer = Trainer(model, loss=loss, optimizer=optimizer, **settings)
    return trainer.fit(
        inputs, targets, epochs, validation, validation_split, sample_weight, class_weight, restart
    )


class Trainer:
    """The settings of a training, and, while it runs, its state: what callbacks look at.

    batch_size:      rows for each update; None: all of them
    shuffle, seed:   a new order of the rows in each epoch, decided by the seed and its number
    clip_norm:       the most that the norm of all gradients together may be; `clip_value`: the most
                     that each single derivative may be
    metrics:         functions of (targets, outputs), as rows, or a dictionary of them by name,
                     measured after each epoch on the validation data, or else the training data
    loss_threshold:  stop after an epoch whose (validation) loss is not above this
    time_budget:     stop after about so many seconds
    engine:          "auto", or an engine's name
    """

    def __init__(
        self,
        model: Sequential,
        *,
        loss: Union[str, Loss] = "mse",
        optimizer: Union[str, Optimizer] = "adam",
        batch_size: Optional[int] = 32,
        shuffle: bool = True,
        seed: int = 0,
        clip_norm: Optional[float] = None,
        clip_value: Optional[float] = None,
        metrics: Union[Sequence[Metric], Dict[str, Metric]] = (),
        callbacks: Sequence[Callback] = (),
        loss_threshold: Optional[float] = None,
        time_budget: Optional[float] = None,
        engine: str = "auto",
    ) -> None:
        for name, limit in (("clip_norm", clip_norm), ("clip_value", clip_value)):
            if limit is not None:
                number("Trainer", name, limit, above=0)
        if batch_size is not None:
            batch_size = integer("Trainer", "batch_size", batch_size, least=1)
        self.model = model
        self.recipe = Recipe(
            model, loss_by_name(loss), optimizer_by_name(optimizer), clip_norm, clip_value
        )
        check_pair(model, self.recipe.loss)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.metrics = metrics if isinstance(metrics, dict) else {m.__name__: m for m in metrics}
        self.callbacks = list(callbacks)
        self.loss_threshold = loss_threshold
        self.time_budget = time_budget
        self.engine = engine
        self.history = History()

    def fit(
        self,
        inputs: Union[Rows, Iterable[Any], Callable[[], Iterable[Any]]],
        targets: object = None,
        epochs: int = 100,
        validation: Optional[Tuple[Rows, object]] = None,
        validation_split: float = 0.0,
        sample_weight: object = None,
        class_weight: ClassWeight = None,
        restart: bool = False,
    ) -> History:
        """Train for `epochs` more epochs; see the function `fit`, which is this."""
        self.epochs = integer("fit", "epochs", epochs, least=1)
        self.class_weight = class_weight
        self.stream: Optional[Stream] = None
        self.validation: Optional[TrainingData] = None
        if validation is not None:
            self.validation = self._checked(*validation, what="validation ")
        if targets is None:
            self.stream = Stream(inputs, epochs)
            self.data = TrainingData([], [], None)
        else:
            self.data = self._checked(inputs, targets, sample_weight, class_weight)
            check_classes(self.recipe.loss, self.data.T)
            warn_unscaled(self.data.X)
            if validation_split and validation is None:
                kept, apart = split_rows(len(self.data.X), validation_split, self.seed)
                self.data, self.validation = self.data.take(kept), self.data.take(apart)
            self._check_batches()
        if restart or self.model.training.get("optimizer") != self.recipe.optimizer.to_dict():
            self.model.training = {
                "optimizer": self.recipe.optimizer.to_dict(), "epochs": 0, "steps": 0, "memory": {}
            }  # fmt: skip
        return self._run()

    def partial_fit(self, inputs: Rows, targets: object, sample_weight: object = None) -> float:
        """Train for one epoch on these rows, which may be new ones; return its loss.

        Raises what `fit` raises; rows of one class only are taken here, others may follow.
        """
        return self.fit([(inputs, targets, sample_weight)], epochs=1).loss[-1]

    def stop(self, reason: str) -> None:
        """End the training after the current batch; `reason` becomes the history's `stopped_by`."""
        self.history.stopped_by = self.history.stopped_by or reason

    def _checked(self, *data: Any, **options: Any) -> TrainingData:
        return prepare(self.model, self.recipe.loss, *data, **options)

    def _check_batches(self) -> None:
        """Raise ShapeError if a layer needs more rows in a batch than the last batch would have."""
        samples = len(self.data.X)
        least = max(layer.least_rows for layer in self.model.layers)
        smallest = samples % (self.batch_size or samples) or min(
            samples, self.batch_size or samples
        )
        if smallest < least:
            raise ShapeError(
                f"the network needs at least {least} rows in each batch, got {smallest} in the "
                f"last of {samples} rows by batch_size {self.batch_size}; choose another batch_size"
            )

    def _run(self) -> History:
        """Run all epochs; whichever way they end, leave the network's numbers whole."""
        self.history = History()
        self.epoch = self.batch = 0
        self.batch_loss = self.learning_rate = 0.0
        self.started = time.monotonic()
        self.block = 1  # epochs to run until the next look at what they came to
        self.best_state: Optional[Dict[str, Any]] = None
        self.schedule = self.recipe.optimizer.learning_rate
        if isinstance(self.schedule, Schedule):
            self.schedule.restore(self.model.training.get("schedule", {}))
        self._noisy = any(
            type(layer).seed_noise is not Layer.seed_noise for layer in self.model.layers
        )
        self._watched = bool(
            self.stream or self._noisy or self.validation or self.metrics
            or self.loss_threshold is not None or isinstance(self.schedule, ReduceOnPlateau)
            or self._watched_by("on_epoch_begin", "on_batch_begin", "on_batch_end", "on_epoch_end")
        )  # fmt: skip
        rows = len(self.data.X)
        engine, reason = choose(self.recipe, Task(self.batch_size or rows, rows), self.engine)
        self.history.engine, self.history.engine_reason = engine.name, reason
        self.program = engine.program(self.recipe, self.model.training["memory"])
        if not self.stream:
            self.program.bind(*self.data)
        try:
            self._call("on_train_begin")
            while self.epoch < self.epochs and not self.history.stopped_by:
                self._train_block()
                self._look()
            self.stop("epochs")
        except KeyboardInterrupt:
            self.stop("interrupted")
            if self.best_state is not None:
                self.model.restore(self.best_state)
                self.program.reload()
        except BatchDivergence as error:
            self.stop("divergence")
            raise self._divergence(error) from None
        finally:
            self.stop("error")
            self.program.write_back()
            self._call("on_train_end")
        return self.history

    def _train_block(self) -> None:
        """Train for one epoch, or for as many as nobody wants to look at in between."""
        memory = self.model.training
        started = time.monotonic()
        count = 1 if self._watched else min(self.block, self.epochs - self.epoch)
        self.epoch, self.batch = self.epoch + 1, 0
        if self._noisy:
            # A stream of its own for each epoch, unlike the one that shuffles the rows.
            self.model.seed_noise(epoch_stream(~self.seed, memory["epochs"]).getrandbits(32))
        self._call("on_epoch_begin")
        if self.stream:
            losses, sizes = self._train_stream(self.stream)
        else:
            batches = self._plan(memory["epochs"], count)
            losses, sizes = self._train_batches(batches), list(map(self._size, batches))
        self._record(losses, sizes, count)
        memory["epochs"] += count
        self.epoch += count - 1
        if time.monotonic() - started < ONE_LOOK / 2:
            self.block *= 2

    def _plan(self, first: int, count: int) -> List[Batch]:
        """Return the batches of `count` epochs from epoch number `first` of the whole training."""
        samples, size = len(self.data.X), self.batch_size
        if size is None or size >= samples:
            return epoch_batches(samples, None, False, self.seed, first) * count
        plan: List[Batch] = []
        for epoch in range(first, first + count):
            plan += epoch_batches(samples, size, self.shuffle, self.seed, epoch)
        return plan

    def _train_batches(self, batches: List[Batch]) -> List[float]:
        """Return the batches' losses: from one call to the engine, or one for each batch."""
        if not self._watched_by("on_batch_begin", "on_batch_end"):
            return self._step(batches)
        losses: List[float] = []
        for batch in batches:
            if self.history.stopped_by:
                break
            self.batch += 1
            self._call("on_batch_begin")
            losses += self._step([batch])
            self.batch_loss = losses[-1]
            self._call("on_batch_end")
        return losses

    def _train_stream(self, stream: Stream) -> Tuple[List[float], List[float]]:
        """Return the losses and sizes of the batches that a stream gives in one epoch."""
        losses: List[float] = []
        sizes: List[float] = []
        for inputs, targets, sample_weight in stream:
            what = f"batch {len(losses)}: "
            self.data = self._checked(inputs, targets, sample_weight, self.class_weight, what=what)
            self.program.bind(*self.data)
            rows = range(len(self.data.X))
            losses += self._train_batches([rows])
            sizes.append(self._size(rows))
            if self.history.stopped_by or self._out_of_time():
                break
        return losses, sizes

    def _step(self, batches: List[Batch]) -> List[float]:
        """Let the engine train on batches; count the updates, also when one of them diverges."""
        memory = self.model.training
        optimizer, epoch, step = self.recipe.optimizer, memory["epochs"], memory["steps"]
        if isinstance(self.schedule, Schedule):
            per_epoch = len(batches) if self._watched else len(self._plan(epoch, 1))
            rates = [optimizer.rate(epoch + k // per_epoch, step + k) for k in range(len(batches))]
        else:
            rates = [self.schedule] * len(batches)
        self.learning_rate = rates[-1]
        try:
            losses = self.program.train(batches, rates, step + 1)
        except BatchDivergence as error:
            memory["steps"] += error.batch
            raise
        memory["steps"] += len(batches)
        return losses

    def _record(self, losses: List[float], sizes: List[float], epochs: int) -> None:
        """Put the mean losses of whole epochs, each of equally many batches, into the history."""
        history, per_epoch = self.history, max(1, len(losses) // epochs)
        if per_epoch == 1:
            history.loss += losses
        else:
            for k in range(0, len(losses), per_epoch):
                part = sizes[k : k + per_epoch]
                total = sum([loss * size for loss, size in zip(losses[k : k + per_epoch], part)])
                history.loss.append(total / (sum(part) or 1.0))
        finished = len(history.loss) - len(history.seconds)
        history.seconds += [time.monotonic() - self.started] * finished
        history.learning_rate += [self.learning_rate] * finished

    def _look(self) -> None:
        """Measure what there is to measure after an epoch, and see whether it was the last."""
        history, data = self.history, self.validation or self.data
        if self.validation or self.metrics:
            outputs = self.program.predict(data.X)
            if self.validation:
                history.validation_loss.append(self.recipe.loss(outputs, data.T, data.weights))
                if history.best_epoch == history.epochs:
                    self.program.write_back()
                    self.best_state = self.model.state()
            for name, metric in self.metrics.items():
                history.metrics.setdefault(name, []).append(metric(data.T, outputs))
        if isinstance(self.schedule, Schedule):
            self.schedule.report(history.monitored[-1])
            self.model.training["schedule"] = self.schedule.state()
        if self.loss_threshold is not None and history.monitored[-1] <= self.loss_threshold:
            self.stop("loss threshold")
        if self._out_of_time():
            self.stop("time budget")
        self._call("on_epoch_end")

    def _out_of_time(self) -> bool:
        return self.time_budget is not None and time.monotonic() - self.started > self.time_budget

    def _size(self, batch: Batch) -> float:
        """Return what a batch counts in the mean of an epoch: its rows, or their weights."""
        weights = self.data.weights
        return float(len(batch)) if weights is None else sum([weights[i] for i in batch])

    def _call(self, name: str) -> None:
        """Call a method of every callback, with the network's numbers in place before and after."""
        if self._watched_by(name):
            self.program.write_back()
            for callback in self.callbacks:
                getattr(callback, name)(self)
            self.program.reload()

    def _watched_by(self, *names: str) -> bool:
        """Whether any callback has something of its own to do in one of these methods."""
        return any(
            getattr(type(callback), name) is not getattr(Callback, name)
            for callback in self.callbacks
            for name in names
        )

    def _divergence(self, error: BatchDivergence) -> DivergenceError:
        """Return the error for the user, once the epochs before it are in the history."""
        self.program.write_back()
        per_epoch = 1 if self.stream else len(self._plan(0, 1))
        whole = error.batch // per_epoch
        if self._watched_by("on_batch_begin", "on_batch_end") or self.stream:
            epoch, batch = self.epoch, self.batch
        else:
            epoch, batch = self.epoch + whole, error.batch % per_epoch + 1
            if whole:
                batches = self._plan(self.model.training["epochs"], whole)
                losses = error.losses[: whole * per_epoch]
                self._record(losses, list(map(self._size, batches)), whole)
                self.model.training["epochs"] += whole
        told = DivergenceError(
            f"training diverged in epoch {epoch}, batch {batch}: {error.what}. The last finite "
            f"weights are in place. The learning rate was {self.learning_rate:g} and "
            f"{largest_input(self.data.X)}; lower the rate, scale the inputs, or set clip_norm"
        )
        told.epoch, told.batch, told.history = epoch, batch, self.history
        return told
