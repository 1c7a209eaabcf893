"""Networks as they were at some epochs of a training, for pictures of how they learned."""

from __future__ import annotations

from copy import deepcopy
from typing import Sequence

from ..checks.settings import integer
from ..errors import SettingError
from ..lesson.network import Sequential
from .callbacks import Callback
from .run import Run


class Snapshots(Callback):
    """Keeps copies of the network: before training, and after each of some epochs.

    every:   keep one after every so many epochs; or give `epochs`, the numbers of those to keep
    taken:   the copies, as (epoch, network), where epoch 0 is before training

    `view.boundary_epochs` and `view.loss_surface` draw them. A copy needs as much memory as the
    network. They are not part of a checkpoint: a resumed training begins with new ones.
    """

    def __init__(self, every: int = 1, epochs: Sequence[int] | None = None) -> None:
        self.every = integer("Snapshots", "every", every, least=1)
        if epochs is not None and not isinstance(epochs, (list, tuple, range, set)):
            raise SettingError(f"Snapshots needs epochs as a list of numbers, got {epochs!r}")
        self.epochs = None
        if epochs is not None:
            self.epochs = [integer("Snapshots", "each of epochs", n, least=0) for n in epochs]
        self.taken: list[tuple[int, Sequential]] = []

    def on_train_begin(self, trainer: Run) -> None:
        self.taken = []
        self._take(0, trainer.model)

    def on_epoch_end(self, trainer: Run) -> None:
        self._take(trainer.epoch, trainer.model)

    def _take(self, epoch: int, model: Sequential) -> None:
        wanted = epoch % self.every == 0 if self.epochs is None else epoch in self.epochs
        if wanted:
            copy = Sequential(*deepcopy(model.layers), seed=0)
            self.taken.append((epoch, copy))
