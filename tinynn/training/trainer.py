"""Training: epochs of batches, each a step of the optimizer against the loss's gradient.

One epoch shows the network every row once, in batches. For each batch an engine computes the loss,
its gradient and the update; this module decides the order of the rows, and when to stop.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Iterable, Sequence, Union

from ..checks.settings import flag, integer, number
from ..engines.contract import BatchDivergence, Batches, Engine, Recipe
from ..errors import SettingError
from ..files.atomic import Path
from ..lesson.layer import Layer, Values
from ..lesson.loss import Loss
from ..lesson.losses import by_name as loss_by_name
from ..lesson.matrix import Rows
from ..lesson.network import Sequential
from ..lesson.optimizer import Optimizer
from ..lesson.random_streams import epoch_stream
from .batches import BatchStream, TableBatches
from .callbacks import Callback, Callbacks, EarlyStopping
from .gathering import as_training_data, checked_batches, gather
from .history import History, Metric, named_metrics
from .in_use import Using
from .lbfgs import LBFGS, by_name as optimizer_by_name
from .resuming import UNFINISHED, RunFile, described, is_over
from .run import Run
from .saved_state import SavedRun, restore_states, states_of
from .training_data import (
    ClassWeight,
    TrainingData,
    check_pair,
    check_smallest_batch,
    divergence,
    warn_constant,
)
from .updates import Updates
from .whole_table import check_whole_table

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
    resume: Path | None = None,
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
    resume:           a file to go on from if it is there, and to keep the training in as it goes;
                      see below
    settings:         of `Trainer`: batch_size, shuffle, seed, callbacks, metrics, clip_norm,
                      clip_value, loss_threshold, time_budget, engine

    Ctrl-C ends the training after a complete update, and `fit` returns; with validation data, it
    restores the weights of the best epoch.

    Training continues where it stopped: a second call with an equal optimizer continues with its
    memory, schedule and shuffling, so that twice 5 epochs are the same as 10. `restart` forgets
    all of these, but not the weights.

    With `resume`, a process may be killed at any moment: the same call in another process goes on
    after the last epoch in the file, and ends with the same numbers as if nothing had happened.
    `epochs` are then those of the whole run, as are the history that is returned and the time
    budget. A finished run is only read: its network and history come back at once. The file, which
    is written about every second, is a model file that `load` takes.

    Raises ShapeError, DataError or SettingError, naming what cannot be used, before anything is
    changed (for a stream, before the batch changes anything). Raises DivergenceError when a loss or
    a weight is no longer finite: the network is then as it was before that batch, and the error's
    `epoch`, `batch` and `history` say more.
    """
    trainer = Trainer(model, loss=loss, optimizer=optimizer, **settings)
    return trainer.fit(
        inputs, targets, epochs, restart, validation=validation, validation_split=validation_split,
        sample_weight=sample_weight, class_weight=class_weight, resume=resume,
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
        engine: str | Engine = "auto",
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
        warn_constant(model)
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
        self.described: dict[str, Any] = {}  # what else a run needs to have in common to go on
        self.history = History()
        self.running = False

    def fit(
        self,
        inputs: Inputs,
        targets: object = None,
        epochs: int = 100,
        restart: bool = False,
        resume: Path | RunFile | None = None,
        **data: Any,
    ) -> History:
        """Train for `epochs` more epochs, or, with `resume`, up to so many, as `fit` does.

        `data`: validation, validation_split, sample_weight and class_weight, as in `fit`.
        """
        epochs, restart = integer("fit", "epochs", epochs, 1), flag("fit", "restart", restart)
        self.class_weight: ClassWeight = data.get("class_weight")
        if targets is None:
            self._check_parts("a stream")
        file = resume if resume is None or isinstance(resume, RunFile) else RunFile(resume)
        if file and restart:
            raise SettingError("restart=True forgets the training that resume is to go on with")
        table, apart = gather(self.model, self.loss, self.seed, inputs, targets, **data)
        return self._run(table or BatchStream(inputs, epochs), apart, epochs, restart, file)

    def partial_fit(self, inputs: Rows, targets: object, sample_weight: object = None) -> float:
        """Train for one epoch on these rows, which may be new; return its loss.

        Raises what `fit` raises, and KeyboardInterrupt after Ctrl-C, so that a loop of calls ends.
        Rows of a single class are accepted, because others may follow.
        """
        self._check_parts("partial_fit")
        data = as_training_data(self.model, self.loss, inputs, targets, sample_weight)
        history = self._run(data, None, 1, False)
        if history.stopped_by == "interrupted":
            raise KeyboardInterrupt
        return history.loss[-1] if history.loss else float("nan")

    def train_on(
        self,
        data: TrainingData,
        apart: TrainingData | None = None,
        epochs: int = 1,
        file: RunFile | None = None,
    ) -> History:
        """Train on rows that are checked, as they are; rows `apart` are to measure the loss on."""
        return self._run(data, apart, epochs, False, file)

    def run_parts(
        self, apart: TrainingData | None, epochs: int, resume: Path | None = None
    ) -> History:
        """Train for some epochs with an engine that has the rows itself."""
        # In place of them, one batch as small as the network can take.
        rows = max(layer.least_rows for layer in self.model.layers)
        data = TrainingData([[0.0]] * rows, [[0.0]] * rows, None)
        file = None if resume is None else RunFile(resume)
        return self._run(data, apart, integer("fit", "epochs", epochs, 1), False, file)

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

    def _run(
        self,
        data: Data,
        apart: TrainingData | None,
        epochs: int,
        restart: bool,
        file: RunFile | None = None,
    ) -> History:
        """Train as the only thread that uses the network."""
        if self.running:
            raise SettingError("a Trainer can run only one training at a time; make another")
        alone = [each for each in self.callbacks.listed if isinstance(each, EarlyStopping)]
        with Using(self.model, *alone):
            return self._run_alone(data, apart, epochs, restart, file)

    def _run_alone(
        self,
        data: Data,
        apart: TrainingData | None,
        epochs: int,
        restart: bool,
        file: RunFile | None,
    ) -> History:
        """Run all epochs; however they end, leave the network consistent."""
        self.stream = data if isinstance(data, BatchStream) else None
        self.data = data if isinstance(data, TrainingData) else TrainingData([], [], None)
        self.validation, self.epochs, self.file = apart, epochs, file
        before = self.model.state() if file else {}, self.model.training
        earlier = self._earlier()
        if file and earlier and is_over(earlier, epochs):
            self.history, self.epoch = earlier.history, earlier.history.epochs
            restore_states(self.callbacks.listed, earlier.callbacks, self)
            return self.history
        try:
            earlier = self._prepare(restart, earlier)
        except BaseException:
            if file:
                self.model.restore(before[0])
                self.model.training = before[1]
            raise
        run: SavedRun | None = None
        try:
            self.running = True
            self._call("on_train_begin")
            if earlier:
                restore_states(self.callbacks.listed, earlier.callbacks, self)
            if file:
                file.write(self.model, self._saved_run())
            while self.epoch < self.epochs and self.history.stopped_by is None:
                self._train_block()
                if self.updates.losses:
                    self._look()
                if file and file.due and self.history.stopped_by is None:
                    file.write(self.model, self._saved_run())
            self.stop("epochs")
            if file and self.history.stopped_by not in UNFINISHED:
                run = self._saved_run()
                run = run._replace(last_weights=self.model.state())
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
            tell = getattr(self.program, "tell", divergence)
            raise tell(error.what, *at, self.data.flat().X, self.history) from None
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
        if file and run:
            if run.last_weights == self.model.state():
                run = run._replace(last_weights=None)
            file.write(self.model, run)
        return self.history

    def _earlier(self) -> SavedRun | None:
        """Return the run to be resumed, if there is one, and put its numbers into the network."""
        saved = self.model.training.get("run")
        if self.file is None:
            return None if saved is None else SavedRun.from_dict(saved, self.model)
        if self.stream and not self.stream.repeats:
            raise SettingError(
                "resume needs a table, or a function that returns a new iterator of batches for "
                "each epoch: an iterator cannot be read again"
            )
        own = {"batch_size": self.batch_size, "shuffle": self.shuffle, "seed": self.seed}
        same = described(self.recipe, self.data, self.validation)
        engine = self.engine if isinstance(self.engine, str) else self.engine.name
        found = self.file.read(self.model, {**own, **same, **self.described}, engine)
        if found is None:
            self.model.to_dict()  # raises for what could not be saved
            return None
        network, run = found
        over = is_over(run, self.epochs)
        self.model.restore(network.state() if over else run.last_weights or network.state())
        self.model.training = network.training
        if over and self.whole_table:  # see `Updates.keep_engine`
            kept = network.training.get("engine", {})
            network.training["engine"] = {key: kept[key] for key in kept if key == "name"}
        return run

    def save(self, path: Path) -> None:
        RunFile(path).write(self.model, self._saved_run())

    def _saved_run(self) -> SavedRun:
        """Return the run so far, with the network's numbers and its training up to date."""
        self.program.write_back()
        self.updates.keep_engine(running=True)
        self.model.training = self.updates.training
        return SavedRun(
            self.history, states_of(self.callbacks.listed, self), self.best_loss, self.best_state,
            engine=self.updates.training["engine"],
        )  # fmt: skip

    def _prepare(self, restart: bool, earlier: SavedRun | None) -> SavedRun | None:
        """Prepare to run; the network changes last, when nothing can be refused any more.

        Return the run that goes on, if its training does.
        """
        rows = len(self.data.X)
        size = self.batch_size or rows
        self.updates = Updates(self.recipe, size, self.engine, restart)
        self.program = self.updates.program
        if not self.stream:
            self.plan = TableBatches(rows, self.batch_size, self.shuffle, self.seed)
            check_smallest_batch(self.model, self.plan.smallest, f"the last of {rows} rows")
            self.updates.per_epoch = self.plan.per_epoch
            self.program.bind(*self.data)
        if self.updates.is_new:
            earlier = None
        self.updates.resume_engine()
        self.history = History(self.updates.engine, self.updates.why)
        self.started = time.monotonic()
        self.epoch, self.batch, self.batch_loss, self.best_loss = 0, 0, 0.0, float("inf")
        self.earliest_end = None
        self.block = 1  # batches to run until the next look
        self.best_state: dict[str, Values] | None = None
        if earlier:
            self.best_loss, self.best_state = earlier.best_loss, earlier.best_weights
            if self.file:
                self._go_on(earlier.history)
        self.noisy = any(type(x).seed_noise is not Layer.seed_noise for x in self.model.layers)
        self.each_batch = self.callbacks.watch("on_batch_begin", "on_batch_end")
        self.each_epoch = bool(
            self.stream or self.noisy or self.validation or self.metrics or self.each_batch
            or self.updates.listens or self.loss_threshold is not None
            or self.callbacks.watch("on_epoch_begin", "on_epoch_end", "after_epoch")
        )  # fmt: skip
        self.model.training = self.updates.training
        self.model.training.pop("run", None)
        return earlier

    def _go_on(self, history: History) -> None:
        """Go on with the record of a run."""
        history.stopped_by, history.engine = None, self.updates.engine
        history.engine_reason = self.updates.why
        self.history, self.epoch = history, history.epochs
        if history.seconds:
            self.started -= history.seconds[-1]

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
        if self.data.weights or self.model.reads_steps:
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
        history, data = self.history, (self.validation or self.data).flat()
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
        if self.callbacks.watch("after_epoch"):
            self._call("after_epoch")

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
