"""Callbacks: they observe training, stop it, or keep the best weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

from ..checks.settings import flag, integer, number
from ..errors import SettingError
from ..lesson.layer import Values
from .run import Run

if TYPE_CHECKING:
    from ..files.atomic import Path


class Callback:
    """Override what you need; every method receives the running `Trainer`, as a `Run`.

    Every method may read and change the model; `trainer.stop(reason)` ends the training after the
    current batch.

    An exception in a method ends the training and is raised by `fit`; the network stays usable, and
    every callback's `on_train_end` is still called.
    """

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


class EarlyStopping(Callback):
    """Stops when the loss has not improved for `patience` epochs, and restores the best weights.

    The loss is the validation loss if there is validation data, else the training loss. An epoch
    improves on the best if its loss is lower by more than `min_delta`. With `restore_best` the
    network ends with the weights of its best epoch, however the training ended.
    Source: Prechelt, "Early stopping - but when?" (1998).
    """

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


class Checkpoint(Callback):
    """Saves the network, with the memory of its training, every `every` epochs.

    With `best_only` it saves only after the best epoch so far, including those of earlier trainings
    that this one continues. A network loaded from a checkpoint continues training as if it had
    never stopped. The file is always complete.
    """

    def __init__(self, path: Path, every: int = 1, best_only: bool = False) -> None:
        self.path = path
        self.every = integer("Checkpoint", "every", every, least=1)
        self.best_only = flag("Checkpoint", "best_only", best_only)

    def on_epoch_end(self, trainer: Run) -> None:
        if self.best_only:
            loss, training = trainer.history.monitored[-1], trainer.model.training
            if not loss < training.get("best_loss", float("inf")):
                return
            training["best_loss"] = loss
        if trainer.epoch % self.every == 0:
            trainer.model.save(self.path, training=True)
