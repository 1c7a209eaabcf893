"""A running training: what callbacks can look at, and how they end it."""

from __future__ import annotations

from ..files.atomic import Path
from ..lesson.network import Sequential
from .history import History


class Run:
    """The state of a training.

    model, history:  the network, and the record of its training so far
    epoch, batch:    the current ones, counted from 1
    epochs:          how many are planned
    earliest_end:    after which epoch a callback may end the training, or None if none said so
    batch_loss:      the loss of the latest batch, where training goes batch by batch
    """

    model: Sequential
    history: History
    epoch: int
    epochs: int
    earliest_end: float | None = None
    batch: int
    batch_loss: float

    @property
    def learning_rate(self) -> float:
        """The learning rate of the latest update."""
        raise NotImplementedError

    def save(self, path: Path) -> None:
        """Save the network with its training, which can then be continued exactly.

        To be called in `after_epoch` of a callback. Raises what `Sequential.save` raises.
        """
        raise NotImplementedError

    def stop(self, reason: str) -> None:
        """End the training after the current batch; `reason` becomes the history's `stopped_by`."""
        if self.history.stopped_by is None:
            self.history.stopped_by = reason
