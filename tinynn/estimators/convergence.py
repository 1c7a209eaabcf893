"""The stopping rule of the estimators, and the warning if training ended too early."""

from __future__ import annotations

import warnings
from math import inf
from typing import TYPE_CHECKING, Mapping

from ..checks.words import counted
from ..lesson.layer import Values
from ..lesson.parameters import rows_of
from ..training.callbacks import Callback
from .parameters import Adjustable, also_sklearns

if TYPE_CHECKING:
    from ..training.run import Run

SLOWEST = 1e-6  # the learning rate at which "adaptive" gives up, as in scikit-learn
# There is no warning if the loss fell by a smaller fraction, or by less, in the last epochs. Only
# the fraction counts for LBFGS, which stops by itself where it is small.
FALLING, LEAST_FALL, LAST_EPOCHS = 0.01, 1e-3, 10


class ConvergenceWarning(UserWarning):
    """Training reached its limit while the loss was still falling; says what to raise.

    If scikit-learn is loaded, the warning is also one of its ConvergenceWarning.
    """


class Convergence(Callback):
    """Stops after more than `patience` epochs in a row without an improvement by `tol`.

    As in scikit-learn, epochs are compared by the loss plus `penalty` · |W|² of the weights at the
    start of the epoch, or at its end if `after` says that the loss is measured there. If `watched`
    is "score" or "loss", that of the validation data counts instead, and the network ends with the
    weights of the best epoch. With `adaptive`, training stops only when the learning rate is low,
    too.
    """

    remembers: Mapping[str, str] = {
        "best": "number", "stalled": "count", "losses": "curve", "penalty_before": "number",
        "best_state": "weights",
    }  # fmt: skip

    def __init__(
        self, tol: float, patience: float, watched: str | None, adaptive: bool, after: bool
    ) -> None:
        self.tol, self.patience, self.after = tol, patience, after
        self.penalty = self.penalty_before = 0.0
        self.watched, self.adaptive = watched, adaptive
        self.best = inf
        self.stalled = 0
        self.converged = False
        self.losses: list[float] = []
        self.best_state: dict[str, Values] | None = None

    def on_train_begin(self, trainer: Run) -> None:
        self.penalty_before = self._penalty(trainer)

    def on_epoch_end(self, trainer: Run) -> None:
        # The loss of a batch is most often measured before its update, and so is the penalty.
        penalty = self._penalty(trainer)
        loss = trainer.history.loss[-1] + (penalty if self.after else self.penalty_before)
        self.penalty_before = penalty
        self.losses.append(loss)
        value = loss
        if self.watched == "score":
            value = -trainer.history.metrics["score"][-1]
        elif self.watched == "loss":
            value = trainer.history.validation_loss[-1]
        self.stalled = self.stalled + 1 if value > self.best - self.tol else 0
        if value < self.best:
            self.best = value
            if self.watched:
                self.best_state = trainer.model.state()
        if not self.adaptive:
            trainer.earliest_end = trainer.epoch + self.patience + 1 - self.stalled
        if self.stalled > self.patience:
            if self.adaptive and trainer.learning_rate > SLOWEST:
                self.stalled = 0
            else:
                self.converged = True
                trainer.stop("early stopping" if self.watched else "convergence")

    def on_train_end(self, trainer: Run) -> None:
        if self.best_state is not None:
            trainer.model.restore(self.best_state)
            self.best_state = None

    def _penalty(self, trainer: Run) -> float:
        if not self.penalty:
            return 0.0
        weights = [p.value for p in trainer.model.parameters() if p.name.endswith(".W")]
        return self.penalty * sum(w * w for W in weights for row in rows_of(W) for w in row)

    def warning(self, limit: str, mend: str) -> str:
        """Return a warning, after training reached a limit, if more epochs would have helped."""
        back = int(min(self.patience, LAST_EPOCHS, len(self.losses) - 1))
        if self.converged or back < 1:
            return ""
        before, after = self.losses[-1 - back], self.losses[-1]
        if before - after <= max(FALLING * before, 0.0 if self.after else LEAST_FALL):
            return ""
        fell = 1.0 - after / before
        return (
            f"training stopped at {limit} while the loss was still falling, by "
            f"{100 * fell:.1f}% in the last {counted(back, 'epoch')}; {mend}"
        )


def warn(estimator: Adjustable | None, text: str, stacklevel: int) -> None:
    """Warn of training that ended too early, or leave the text to who called `fit_quietly`."""
    if estimator is not None and estimator._told is not None:
        estimator._told.append(text)
    else:
        warnings.warn(text, also_sklearns(ConvergenceWarning), stacklevel=stacklevel)
