"""Callbacks: they observe training, stop it, or keep the best weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Mapping, Sequence

from ..checks.settings import flag, integer, number
from ..checks.words import did_you_mean, excerpt
from ..errors import SettingError
from ..lesson.layer import Values
from .history import History
from .run import Run

if TYPE_CHECKING:
    from ..files.atomic import Path


class Callback:
    """Override what you need; every method receives the running `Trainer`, as a `Run`.

    Every method may read and change the model; `trainer.stop(reason)` ends the training after the
    current batch.

    An exception in a method ends the training and is raised by `fit`; the network stays usable, and
    every callback's `on_train_end` is still called.

    `remembers` names the attributes that have to be saved with a training, so that it can be
    resumed as if it had never stopped. They are set again after `on_train_begin`. For each there is
    a kind, so that a file can be checked: "number", "count", "curve" (a list of numbers), "epoch"
    (one of the run's), "time" (of `time.monotonic`), "weights" (a `Sequential.state`, or None) or
    "value", which is anything that JSON can express, and is not checked.
    """

    remembers: Mapping[str, str] = {}

    def on_train_begin(self, trainer: Run) -> None:
        """Called once, before the first epoch."""

    def on_epoch_begin(self, trainer: Run) -> None:
        """Called before each epoch."""

    def on_batch_begin(self, trainer: Run) -> None:
        """Called before each batch; overriding it makes training go batch by batch."""

    def on_batch_end(self, trainer: Run) -> None:
        """Called after each batch; overriding it makes training go batch by batch."""

    def on_epoch_end(self, trainer: Run) -> None:
        """Called after each epoch, whose losses are the last in the history."""

    def after_epoch(self, trainer: Run) -> None:
        """Called after each epoch, when `on_epoch_end` of every callback has been called.

        That is the time to save: `trainer.save` keeps the states of all callbacks.
        """

    def on_train_end(self, trainer: Run) -> None:
        """Called once at the end, even after an error or Ctrl-C.

        After an error it may be the first method called, if another callback's `on_train_begin`
        raised the error.
        """


class Callbacks:
    """The callbacks of a training, called in order. Raises SettingError for other objects."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        if not isinstance(callbacks, (list, tuple)):
            raise SettingError(f"callbacks need to be a list, got {callbacks!r}; wrap it in [...]")
        self.listed = list(callbacks)
        for callback in self.listed:
            if not isinstance(callback, Callback):
                mend = ""
                if isinstance(callback, type) and issubclass(callback, Callback):
                    mend = f"; did you mean {callback.__name__}(), with parentheses?"
                raise SettingError(f"callbacks need to be Callback objects, got {callback!r}{mend}")

    def watch(self, *names: str) -> bool:
        """Return whether any callback overrides one of these methods."""
        for callback in self.listed:
            for name in names:
                method = getattr(callback, name)
                if getattr(method, "__func__", method) is not getattr(Callback, name):
                    return True
        return False

    def call(self, name: str, trainer: Run) -> None:
        """Call the named method of every callback.

        If one raises, the others are not called, except at the end of the training.
        """
        if name == "on_train_end":
            self._end(self.listed, trainer)
        else:
            for callback in self.listed:
                getattr(callback, name)(trainer)

    def _end(self, callbacks: list[Callback], trainer: Run) -> None:
        if callbacks:
            try:
                callbacks[0].on_train_end(trainer)
            finally:
                self._end(callbacks[1:], trainer)


class LossStopping(Callback):
    """Early stopping by the loss alone, as minimal files have it; `EarlyStopping` can do more."""

    remembers: Mapping[str, str] = {
        "best_loss": "number", "best_epoch": "epoch", "best_state": "weights"
    }  # fmt: skip

    def __init__(
        self, patience: int = 20, min_delta: float = 0.0, restore_best: bool = True
    ) -> None:
        self.patience = integer("EarlyStopping", "patience", patience, least=1)
        self.min_delta = number("EarlyStopping", "min_delta", min_delta, least=0)
        self.restore_best = flag("EarlyStopping", "restore_best", restore_best)
        self.best_state: dict[str, Values] | None = None

    def on_train_begin(self, trainer: Run) -> None:
        self.best_loss = float("inf")
        self.best_epoch = 0
        self.best_state = None

    def on_epoch_end(self, trainer: Run) -> None:
        loss = trainer.history.monitored[-1]
        if loss < self.best_loss - self.min_delta:
            self.best_loss = loss
            self.best_epoch = trainer.epoch
            if self.restore_best:
                self.best_state = trainer.model.state()
        elif trainer.epoch - self.best_epoch >= self.patience:
            trainer.stop("early stopping")
        trainer.earliest_end = self.best_epoch + self.patience

    def on_train_end(self, trainer: Run) -> None:
        if self.best_state is not None:
            trainer.model.restore(self.best_state)
            self.best_state = None  # no longer needed, and as large as the network


class EarlyStopping(LossStopping):
    """Stops when the loss has not improved for `patience` epochs, and restores the best weights.

    The loss is the validation loss if there is validation data, else the training loss. An epoch
    improves on the best if its loss is lower by more than `min_delta`. With `restore_best` the
    network ends with the weights of its best epoch, however the training ended.

    monitor:           what to watch instead: "loss", "validation_loss" or the name of a metric
    mode:              "min" if less is better, "max" if more is
    baseline:          patience ends even where there are improvements, unless they are better than
                       this by more than `min_delta`
    start_from_epoch:  how many epochs at the beginning do not count, neither as the best nor
                       against the patience

    Source: Prechelt, "Early stopping - but when?" (1998); the names are those of Keras.
    """

    remembers: Mapping[str, str] = {**LossStopping.remembers, "counted_from": "count"}

    def __init__(
        self,
        patience: int = 20,
        min_delta: float = 0.0,
        restore_best: bool = True,
        monitor: str | None = None,
        mode: str = "min",
        baseline: float | None = None,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(patience, min_delta, restore_best)
        who = "EarlyStopping"
        if monitor is not None and not isinstance(monitor, str):
            raise SettingError(f"{who} needs monitor to be a name, got {excerpt(monitor)}")
        if mode not in ("min", "max"):
            raise SettingError(f"{who} needs mode to be 'min' or 'max', got {excerpt(mode)}")
        self.monitor, self.mode = monitor, mode
        self.baseline = None if baseline is None else number(who, "baseline", baseline)
        self.start_from_epoch = integer(who, "start_from_epoch", start_from_epoch, least=0)

    def on_train_begin(self, trainer: Run) -> None:
        super().on_train_begin(trainer)
        self.counted_from = self.start_from_epoch
        if self.mode == "max":
            self.best_loss = -self.best_loss

    def on_epoch_end(self, trainer: Run) -> None:
        if trainer.epoch > self.start_from_epoch:
            value = self._watched(trainer.history)
            if self._is_better(value, self.best_loss):
                self.best_loss, self.best_epoch = value, trainer.epoch
                if self.restore_best:
                    self.best_state = trainer.model.state()
                if self.baseline is None or self._is_better(value, self.baseline):
                    self.counted_from = trainer.epoch
            if trainer.epoch - self.counted_from >= self.patience:
                trainer.stop("early stopping")
        trainer.earliest_end = self.counted_from + self.patience

    def _is_better(self, value: float, other: float) -> bool:
        """Return whether a value is better than another by more than `min_delta`; NaN is not."""
        if self.mode == "max":
            return value > other + self.min_delta
        return value < other - self.min_delta

    def _watched(self, history: History) -> float:
        """Return the latest value of what is watched; raise SettingError if there is no such."""
        if self.monitor is None:
            return history.monitored[-1]
        curves = {"loss": history.loss, **history.metrics}
        if history.validation_loss:
            curves["validation_loss"] = history.validation_loss
        if self.monitor not in curves:
            near = {"val_loss": "; did you mean 'validation_loss', with validation data?"}
            raise SettingError(
                f"EarlyStopping needs monitor to be one of {', '.join(map(repr, curves))}, got "
                f"{excerpt(self.monitor)}"
                + (near.get(self.monitor) or did_you_mean(self.monitor, curves))
            )
        return curves[self.monitor][-1]


class Checkpoint(Callback):
    """Saves the network, with the memory of its training, every `every` epochs.

    With `best_only` it saves only after the best epoch so far, including those of earlier trainings
    that this one continues. A network loaded from a checkpoint continues training as if it had
    never stopped, with the same callbacks: early stopping remembers its best epoch. (`fit` with
    `resume` does all of this by itself.) The file is always complete.
    """

    def __init__(self, path: Path, every: int = 1, best_only: bool = False) -> None:
        self.path = path
        self.every = integer("Checkpoint", "every", every, least=1)
        self.best_only = flag("Checkpoint", "best_only", best_only)

    def after_epoch(self, trainer: Run) -> None:
        if self.best_only:
            loss, training = trainer.history.monitored[-1], trainer.model.training
            if not loss < training.get("best_loss", float("inf")):
                return
            training["best_loss"] = loss
        if trainer.epoch % self.every == 0:
            trainer.save(self.path)
