"""A progress line for a terminal or a log."""

from __future__ import annotations

import sys
import time
from math import inf
from typing import TextIO

from ..checks.settings import number
from .callbacks import Callback
from .run import Run


class Progress(Callback):
    """Writes the progress of training: on a terminal one line that is overwritten, else a few.

    On a terminal it waits at least `every` seconds between updates. It also shows `fit`'s metrics.
    """

    def __init__(self, file: TextIO | None = None, every: float = 0.1) -> None:
        self.file = file
        self.every = number("Progress", "every", every, least=0)
        self._start()

    def _start(self) -> None:
        self.out = sys.stderr if self.file is None else self.file
        self.live = self.out.isatty()
        self.shown_at = float("-inf")
        self.shown = -1

    def on_train_begin(self, trainer: Run) -> None:
        self._start()

    def on_epoch_end(self, trainer: Run) -> None:
        now = time.monotonic()
        # A log needs no more than about ten lines, a terminal no more than the eye can follow.
        tenth = max(1, trainer.epochs // 10)
        if self.live and now - self.shown_at >= self.every:
            self.shown_at = now
            self.out.write(f"\r\x1b[K{self.line(trainer)}")
            self.out.flush()
        elif not self.live and (trainer.epoch % tenth == 0 or trainer.epoch == 1):
            self.out.write(self.line(trainer) + "\n")
            self.shown = trainer.history.epochs

    def on_train_end(self, trainer: Run) -> None:
        if self.live:
            self.out.write(f"\r\x1b[K{self.line(trainer)}\n")
        elif trainer.history.epochs != self.shown:
            self.out.write(self.line(trainer) + "\n")
        self.out.flush()

    def line(self, trainer: Run) -> str:
        """Return the line: epoch, losses, metrics and the estimated time left.

        Where training may end early, that is the time until then if nothing improves any more.
        """
        history = trainer.history
        parts = [f"epoch {history.epochs}/{trainer.epochs}"]
        if history.loss:
            parts.append(f"loss {history.loss[-1]:.4f}")
        if history.validation_loss:
            parts.append(f"validation {history.validation_loss[-1]:.4f}")
        parts += [f"{name} {values[-1]:.3f}" for name, values in history.metrics.items() if values]
        if history.stopped_by is None and history.seconds:
            end, early = float(trainer.epochs), trainer.earliest_end or inf
            left = history.seconds[-1] / history.epochs * (min(end, early) - history.epochs)
            least = "at least " if early < end and left >= 0.5 else ""
            parts.append(f"{least}{left:.0f} s left")
        elif history.seconds:
            parts.append(f"{history.seconds[-1]:.1f} s")
        return "  ".join(parts)
