"""Training: epochs of batches, each a step of the optimizer against the loss's gradient.

One epoch shows the network every row once, in batches. For each batch an engine computes the loss,
its gradient and the update; this module decides the order of the rows, and when to stop.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Iterable, Sequence, Union

from ..checks.settings import flag, integer, number
from ..engines.contract import BatchDivergence, Batches, Recipe, Task
from ..errors import SettingError
from ..lesson.layer import Layer, Values
from ..lesson.loss import Loss
from ..lesson.losses import by_name as loss_by_name
from ..lesson.matrix import Rows
from ..lesson.network import Sequential
from ..lesson.optimizer import Optimizer
from ..lesson.random_streams import epoch_stream
from .batches import BatchStream, TableBatches
from .callbacks import Callback, Callbacks
from .history import History, Metric, named_metrics
from .lbfgs import LBFGS, by_name as optimizer_by_name
from .run import Run
from .training_data import (
    ClassWeight,
    TrainingData,
    check_pair,
    check_smallest_batch,
    checked_batches,
    divergence,
    gather,
    prepare,
)
from .updates import Updates
from .whole_table import check_whole_table, no_start

Inputs = Union[Rows, Iterable[Any], Callable[[], Iterable[Any]]]
Data = Union[TrainingData, BatchStream]
ONE_LOOK = 0.1  # about the seconds of training between two looks, if nothing needs more of them


def fit(
    model: Sequential,
    inputs: Inputs,
    targets: object = None,
    *,
    loss: str | Loss = "mse",
    optimizer: str | Optimizer = "adam",
    epochs: int = 100,
    validation: tuple[Any, ...] | None = None,
    validation_split: float = 0.0,
    sample_weight: object = None,
    class_weight: ClassWeight = None,
    restart: bool = False,
    **settings: Any,
) -> History:
    """Train `model` on rows of inputs and targets; return the history of the training.

    inputs, targets:  rows of numbers; targets may be a flat list (one output, or class numbers).
                      Without `targets`, `inputs` gives batches, as (inputs, targets) or (inputs,
                      targets, sample weights): a collection of them, a function that returns a new
                      iterator of them for each epoch, or, for one epoch, an iterator; each batch is
                      one update, whatever its size
    loss, optimizer:  objects, or their short names; with "lbfgs" (`LBFGS`) an epoch is a step
                      from all rows at once, and training ends at a minimum
    epochs:           how often every row is shown
    validation:       (inputs, targets) or (inputs, targets, sample weights) to measure the loss on
                      after each epoch; or `validation_split`, the share of the rows to set apart
                      for this
    sample_weight:    one number per row; `class_weight`: one per class number, or "balanced"
    settings:         of `Trainer`: batch_size, shuffle, seed, callbacks, metrics, clip_norm,
                      clip_value, loss_threshold, time_budget, engine

    Ctrl-C ends the training after a complete update, and `fit` returns; with validation data, it
    restores the weights of the best epoch.

    Training continues where it stopped: a second call with an equal optimizer continues with its
    memory, schedule and shuffling, so that twice 5 epochs are the same as 10. `restart` forgets
    all of these, but not the weights.

    Raises ShapeError, DataError or SettingError, naming what cannot be used, before anything is
    changed (for a stream, before the batch changes anything). Raises DivergenceError when a loss or
    a weight is no longer finite: the network is then as it was before that batch, and the error's
    `epoch`, `batch` and `history` say more.
    """
    trainer = Trainer(model, loss=loss, optimizer=optimizer, **settings)
    return trainer.fit(
        inputs, targets, epochs, restart, validation=validation, validation_split=validation_split,
        sample_weight=sample_weight, class_weight=class_weight,
    )  # fmt: skip


class Trainer(Run):
    """The settings of a training and, while it runs, its state, which callbacks can look at.

    batch_size:      rows per update; None: all of them
    shuffle, seed:   a new order of the rows in each epoch, determined by the seed and the epoch
    clip_norm:       the largest norm of all gradients together; `clip_value`: the largest size of a
                     single derivative
    metrics:         functions of (targets, outputs), as rows, or a dictionary of them by name,
                     measured after each epoch on the validation data, or else the training data
                     (of a stream, its last batch)
    loss_threshold:  stop after an epoch whose (validation) loss is not above this
    time_budget:     stop after about this many seconds, even in the middle of an epoch
    engine:          "auto", or an engine's name
    """

    def __init__(
        self,
        model: Sequential,
        *,
        loss: str | Loss = "mse",
        optimizer: str | Optimizer = "adam",
        batch_size: int | None = 32,
        shuffle: bool = True,
        seed: int = 0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        metrics: Sequence[Metric] | dict[str, Metric] = (),
        callbacks: Sequence[Callback] = (),
        loss_threshold: float | None = None,
        time_budget: float | None = None,
        engine: str = "auto",
    ) -> None:
        if not isinstance(model, Sequential):
            raise SettingError(f"fit needs a Sequential network to train, got {model!r}")
        above_0 = {"clip_norm": clip_norm, "clip_value": clip_value, "time_budget": time_budget}
        for name, value in above_0.items():
            if value is not None:
                number("fit", name, value, above=0)
        if loss_threshold is not None:
            number("fit", "loss_threshold", loss_threshold)
        if batch_size is not None:
            batch_size = integer("fit", "batch_size", batch_size, least=1)
        self.model = model
        self.loss = loss_by_name(loss)
        check_pair(model, self.loss)
        optimizer = optimizer_by_name(optimizer)
        self.recipe = Recipe(model, self.loss, optimizer, clip_norm, clip_value)
        self.whole_table = isinstance(optimizer, LBFGS)
        if self.whole_table:
            check_whole_table(self.recipe)
        self.batch_size = None if self.whole_table else batch_size
        self.shuffle = flag("fit", "shuffle", shuffle)
        self.seed = integer("fit", "seed", seed, least=0)
        self.metrics = named_metrics(metrics)
        self.callbacks = Callbacks(callbacks)
        self.loss_threshold = loss_threshold
        self.time_budget = time_budget
        self.engine = engine
        self.history = History()
        self.running = False

    def fit(
        self,
        inputs: Inputs,
        targets: object = None,
        epochs: int = 100,
        restart: bool = False,
        **data: Any,
    ) -> History:
        """Train for `epochs` more epochs, as the function `fit` does.

        `data`: validation, validation_split, sample_weight and class_weight, as in `fit`.
        """
        epochs, restart = integer("fit", "epochs", epochs, 1), flag("fit", "restart", restart)
        self.class_weight: ClassWeight = data.get("class_weight")
        if targets is None:
            self._check_parts("a stream")
        table, apart = gather(self.model, self.loss, self.seed, inputs, targets, **data)
        return self._run(table or BatchStream(inputs, epochs), apart, epochs, restart)

    def partial_fit(self, inputs: Rows, targets: object, sample_weight: object = None) -> float:
        """Train for one epoch on these rows, which may be new; return its loss.

        Raises what `fit` raises, and KeyboardInterrupt after Ctrl-C, so that a loop of calls ends.
        Rows of a single class are accepted, because others may follow.
        """
        self._check_parts("partial_fit")
        data = prepare(self.model, self.loss, inputs, targets, sample_weight)
        history = self._run(data, None, 1, False)
        if history.stopped_by == "interrupted":
            raise KeyboardInterrupt
        return history.loss[-1] if history.loss else float("nan")

    @property
    def learning_rate(self) -> float:
        """The learning rate of the latest update."""
        return self.updates.learning_rate

    def _check_parts(self, source: str) -> None:
        """Raise SettingError if the optimizer needs all rows at once, which `source` has not."""
        if self.whole_table:
            raise SettingError(
                f"LBFGS needs all rows at once, and {source} has only a part of them at a time; "
                "use another optimizer, such as Adam"
            )

    def _run(self, data: Data, apart: TrainingData | None, epochs: int, restart: bool) -> History:
        """Run all epochs; however they end, leave the network consistent."""
        if self.running:
            raise SettingError("a Trainer can run only one training at a time; make another")
        self.stream = data if isinstance(data, BatchStream) else None
        self.data = data if isinstance(data, TrainingData) else TrainingData([], [], None)
        self.validation, self.epochs = apart, epochs
        self._prepare(restart)
        try:
            self.running = True
            self._call("on_train_begin")
            while self.epoch < self.epochs and self.history.stopped_by is None:
                self._train_block()
                if self.updates.losses:
                    self._look()
            self.stop("epochs")
        except KeyboardInterrupt:
            self.stop("interrupted")
            if self.best_state is not None:
                self.program.write_back()
                self.model.restore(self.best_state)
                self.program.reload()
        except BatchDivergence as error:
            self.stop("divergence")
            whole, batches = divmod(len(self.updates.losses), self.updates.per_epoch)
            at = self.epoch + whole, batches + 1, self.learning_rate
            told = no_start if self.whole_table else divergence
            raise told(error.what, *at, self.data.X, self.history) from None
        finally:
            self.stop("error")
            self.running = False
            self.history.engine_reason = self.updates.why
            self.updates.end()
            try:
                self._call("on_train_end")
            except KeyboardInterrupt:  # here, too: what was counted has to be in the network
                self.program.write_back()
                self.model.training = self.updates.training
                raise
        return self.history

    def _prepare(self, restart: bool) -> None:
        """Prepare to run; the network changes last, when nothing can be refused any more."""
        rows = len(self.data.X)
        size = self.batch_size or rows
        # A network that is trained for an epoch now and again is worth compiling, too.
        epochs = self.epochs + self.model.training.get("epochs", 0)
        self.updates = Updates(self.recipe, Task(size, rows, epochs), self.engine, restart)
        self.program = self.updates.program
        if not self.stream:
            self.plan = TableBatches(rows, self.batch_size, self.shuffle, self.seed)
            check_smallest_batch(self.model, self.plan.smallest, f"the last of {rows} rows")
            self.updates.per_epoch = self.plan.per_epoch
            self.program.bind(*self.data)
        self.history = History(self.updates.engine, self.updates.why)
        self.started = time.monotonic()
        self.epoch, self.batch, self.batch_loss, self.best_loss = 0, 0, 0.0, float("inf")
        self.earliest_end = None
        self.block = 1  # batches to run until the next look
        self.best_state: dict[str, Values] | None = None
        self.noisy = any(type(x).seed_noise is not Layer.seed_noise for x in self.model.layers)
        self.each_batch = self.callbacks.watch("on_batch_begin", "on_batch_end")
        self.each_epoch = bool(
            self.stream or self.noisy or self.validation or self.metrics or self.each_batch
            or self.updates.listens or self.loss_threshold is not None
            or self.callbacks.watch("on_epoch_begin", "on_epoch_end")
        )  # fmt: skip
        self.model.training = self.updates.training

    def _train_block(self) -> None:
        """Train for one epoch, or for several if nothing has to be done between them."""
        first, count = self.updates.training["epochs"], 1
        if not self.each_epoch:
            count = max(1, min(self.block // self.updates.per_epoch, self.epochs - self.epoch))
        self.epoch, self.batch = self.epoch + 1, 0
        self.sizes: list[float] = []
        self.updates.begin()
        if self.noisy:
            # A separate stream for each epoch, different from the one that shuffles the rows.
            self.model.seed_noise(epoch_stream(~self.seed, first).getrandbits(32))
        self._call("on_epoch_begin")
        try:
            if self.stream:
                self._train_stream(self.stream)
            else:
                self._train_batches(self.plan.batches(first, count))
        except BaseException:
            self.updates.count()
            done, per_epoch = len(self.updates.losses), self.updates.per_epoch
            self._record(done - done % per_epoch)
            raise
        self.epoch += self._record(len(self.updates.losses)) - 1

    def _train_stream(self, stream: BatchStream) -> None:
        """Train on the batches that a stream gives in one epoch."""
        if self.history.stopped_by is not None:
            return
        for data in checked_batches(self.model, self.loss, stream, self.class_weight):
            self.data = data
            self.program.bind(*data)
            rows = len(data.X)
            self._train_batches(Batches(range(rows), rows, rows))
            if self.history.stopped_by is not None:
                return

    def _train_batches(self, batches: Batches) -> None:
        """Train on batches: in one call to the engine, or in several with a look in between."""
        if self.data.weights:
            self.sizes += batches.each(self.data.size)
        elif self.stream or not self.plan.alike:
            self.sizes += batches.lengths
        at, count = 0, len(batches)
        while at < count and self.history.stopped_by is None:
            started = time.monotonic()
            size = count if self.time_budget is None else self.block
            if self.each_batch:
                size = 1
                self.batch += 1
                self._call("on_batch_begin")
            self.updates.make(batches if size >= count else batches[at : at + size])
            at += size
            if self.program.ended:
                self.stop(self.program.ended)
            if self.each_batch:
                self.batch_loss = self.updates.losses[-1]
                self._call("on_batch_end")
            now = time.monotonic()
            if self.time_budget is not None and now - self.started > self.time_budget:
                self.stop("time budget")
            if size >= self.block and now - started < ONE_LOOK / 2:
                self.block = 2 * size

    def _record(self, batches: int) -> int:
        """Add the epochs of this many batches to the history; return how many epochs that is."""
        seconds = time.monotonic() - self.started
        losses, rates = self.updates.losses, self.updates.rates
        if batches < len(losses):
            losses, rates = losses[:batches], rates[:batches]
        added = self.history.add(losses, self.sizes, rates, self.updates.per_epoch, seconds)
        self.updates.training["epochs"] += added
        return added

    def _look(self) -> None:
        """Measure losses and metrics after an epoch, and check whether it was the last."""
        history, data = self.history, self.validation or self.data
        if self.validation or self.metrics:
            outputs = self.program.predict(data.X) if self.metrics else None
            if self.validation:
                loss = self.program.measure(*data, outputs)
                history.validation_loss.append(loss)
                if loss < self.best_loss:
                    self.program.write_back()
                    self.best_loss, self.best_state = loss, self.model.state()
            for name, metric in self.metrics.items():
                history.metrics.setdefault(name, []).append(metric(data.T, outputs))
        self.updates.report(history.monitored[-1])
        if self.loss_threshold is not None and history.monitored[-1] <= self.loss_threshold:
            self.stop("loss threshold")
        self._call("on_epoch_end")

    def _call(self, name: str) -> None:
        """Call a method of every callback, with the network's numbers in place before and after."""
        if name == "on_train_end" and not self.callbacks.listed:
            self.program.write_back()  # for the caller; there is nothing to read again
            self.model.training = self.updates.training
        elif self.callbacks.watch(name) or name == "on_train_end":
            self.program.write_back()
            try:
                self.callbacks.call(name, self)
            finally:
                self.program.reload()
                self.model.training = self.updates.training
