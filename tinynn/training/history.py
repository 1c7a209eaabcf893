"""The record of a training: the losses of each epoch, how it ended, and which engine ran."""

from __future__ import annotations

from math import inf
from operator import mul
from typing import Any, Callable, Sequence

from ..errors import SettingError

Metric = Callable[[Any, Any], float]


def named_metrics(metrics: Sequence[Metric] | dict[str, Metric]) -> dict[str, Metric]:
    """Return metrics by name: the keys of a dictionary, or the functions' own names.

    Raises SettingError for a metric that is not callable, has no name, or shares its name.
    """
    if not isinstance(metrics, (list, tuple, dict)):
        raise SettingError(f"metrics need to be a list, got {metrics!r}; wrap it in [...]")
    pairs = (
        list(metrics.items())
        if isinstance(metrics, dict)
        else [(getattr(metric, "__name__", ""), metric) for metric in metrics]
    )
    for name, metric in pairs:
        if not callable(metric) or not name or [name for name, _ in pairs].count(name) > 1:
            raise SettingError(
                "metrics need to be functions of (targets, outputs) with different names, "
                f"got {metric!r}; use a dictionary to name them"
            )
    return dict(pairs)


class History:
    """The record of one call to `fit`.

    loss:             mean training loss of each epoch, each batch before its own update (of
                      LBFGS, after it)
    validation_loss:  loss on the validation data after each epoch; empty without such data
    learning_rate:    learning rate of each epoch's last update
    seconds:          seconds from the start of the call to the end of each epoch (short epochs may
                      run in one block, and then all have the time at its end)
    metrics:          by name, each metric on the validation data (else the training data) by epoch
    epochs:           how many epochs are recorded, including one cut short by `stop`, but not one
                      cut short by an error or Ctrl-C
    stopped_by:       "epochs", "early stopping", "time budget", "loss threshold", "interrupted",
                      "divergence", "error", or a callback's reason; of LBFGS also "convergence",
                      "max_fun" or "line search" (no step lowers the loss, because of rounding)
    best_epoch:       the epoch, from 1, with the least validation loss (or else training loss)
    engine:           the name of the engine that ran; `engine_reason`: why it was chosen
    """

    def __init__(self, engine: str | None = None, engine_reason: str | None = None) -> None:
        self.loss: list[float] = []
        self.validation_loss: list[float] = []
        self.learning_rate: list[float] = []
        self.seconds: list[float] = []
        self.metrics: dict[str, list[float]] = {}
        self.stopped_by: str | None = None
        self.engine = engine
        self.engine_reason = engine_reason

    @property
    def epochs(self) -> int:
        return len(self.loss)

    @property
    def monitored(self) -> list[float]:
        """The validation losses, or the training losses if there are none."""
        return self.validation_loss or self.loss

    @property
    def best_epoch(self) -> int:
        # A NaN, which does not equal itself, counts as the largest loss.
        losses = [loss if loss == loss else float("inf") for loss in self.monitored]
        return losses.index(min(losses)) + 1 if losses else 0

    def add(
        self,
        losses: list[float],
        sizes: Sequence[float],
        learning_rates: list[float],
        per_epoch: int,
        seconds: float,
    ) -> int:
        """Add the batches of one or more epochs, `per_epoch` in each; return how many epochs.

        The last epoch may have fewer. The loss of an epoch is the mean of its batches' losses,
        weighted by the batches' sizes; without `sizes`, all batches count equally.
        """
        count = len(losses)
        if per_epoch == 1:
            self.loss += losses
        else:
            whole = 0 if sizes else count - count % per_epoch
            epochs = zip(*[iter(losses)] * per_epoch) if whole else ()
            means = [total / per_epoch for total in map(sum, epochs)]
            # In a sum, losses may leave the floats that their mean does not leave.
            for start in range(whole if sum(means) < inf else 0, count, per_epoch):
                part = losses[start : start + per_epoch]
                shares = sizes[start : start + len(part)] or [1.0] * len(part)
                means[start // per_epoch :] = [_mean(part, shares)]
            self.loss += means
        self.learning_rate += learning_rates[per_epoch - 1 : count : per_epoch]
        if count % per_epoch:
            self.learning_rate.append(learning_rates[count - 1])
        added = len(self.loss) - len(self.seconds)
        self.seconds += [seconds] * added
        return added

    def _repr_svg_(self) -> str | None:
        from ..checks.pictures import picture  # only notebooks need it

        return picture("history", self)

    def __repr__(self) -> str:
        parts = [f"{self.epochs} epochs"]
        if self.loss:
            parts.append(f"loss {self.loss[-1]:.6g}")
        if self.validation_loss:
            parts.append(f"validation loss {self.validation_loss[-1]:.6g}")
        return f"<History: {', '.join(parts)}; stopped by {self.stopped_by}; engine {self.engine}>"


def _mean(losses: list[float], sizes: Sequence[float]) -> float:
    """Return the mean of losses, weighted by sizes."""
    total = sum(sizes) or 1.0
    mean: float = sum(map(mul, losses, sizes)) / total
    parts = [loss * (size / total) for loss, size in zip(losses, sizes)]
    return mean if mean < inf else min(max(losses), sum(parts))
