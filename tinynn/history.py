"""What training leaves behind: the losses epoch by epoch, how it ended, and which engine ran."""

from __future__ import annotations

from typing import Dict, List, Optional


class History:
    """The record of one call to `fit`.

    loss:             mean training loss of each epoch, each batch before its own update
    validation_loss:  loss on the validation data after each epoch; empty without such data
    learning_rate:    learning rate of each epoch's last update
    seconds:          seconds from the start of the call to the end of each epoch
    metrics:          by name, each metric on the validation data (else the training data) by epoch
    epochs:           how many epochs were finished
    stopped_by:       "epochs", "early stopping", "time budget", "loss threshold", "interrupted",
                      "divergence", "error", or the reason that a callback gave
    best_epoch:       the epoch, from 1, with the least validation loss (without one, training loss)
    engine:           the name of the engine that ran, and `engine_reason`, why it did
    """

    def __init__(self) -> None:
        self.loss: List[float] = []
        self.validation_loss: List[float] = []
        self.learning_rate: List[float] = []
        self.seconds: List[float] = []
        self.metrics: Dict[str, List[float]] = {}
        self.stopped_by: Optional[str] = None
        self.engine: Optional[str] = None
        self.engine_reason: Optional[str] = None

    @property
    def epochs(self) -> int:
        return len(self.loss)

    @property
    def monitored(self) -> List[float]:
        """The validation losses if there are any, else the training losses."""
        return self.validation_loss or self.loss

    @property
    def best_epoch(self) -> int:
        losses = self.monitored
        return losses.index(min(losses)) + 1 if losses else 0

    def __repr__(self) -> str:
        parts = [f"{self.epochs} epochs"]
        if self.loss:
            parts.append(f"loss {self.loss[-1]:.6g}")
        if self.validation_loss:
            parts.append(f"validation loss {self.validation_loss[-1]:.6g}")
        return f"<History: {', '.join(parts)}; stopped by {self.stopped_by}; engine {self.engine}>"
