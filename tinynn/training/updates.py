"""Updates: an engine at work for a trainer, each update counted, whatever cuts the work short."""

from __future__ import annotations

from copy import deepcopy
from sys import maxsize
from typing import Sequence

from ..engines.choice import choose
from ..engines.contract import BatchDivergence, Recipe, Task
from ..lesson.schedule import Schedule


class Updates:
    """Trains a network batch by batch, and keeps the memory by which training can go on later.

    training:       that memory (`Sequential.training`): the optimizer's settings and numbers, how
                    many epochs and steps there were, and where the schedule is. With an equal
                    optimizer, and no `restart`, it goes on; otherwise it is a new one
    losses, rates:  the loss and the learning rate of each update since the last `begin`
    learning_rate:  that of the latest update, or of the one that failed
    per_epoch:      how many batches there are in an epoch; for a stream, more than ever come

    Raises SettingError or EngineError for an engine that is not there or cannot serve.
    """

    def __init__(self, recipe: Recipe, task: Task, engine: str, restart: bool) -> None:
        chosen, self.reason = choose(recipe, task, engine)
        self.engine = chosen.name
        self.per_epoch = maxsize
        optimizer = recipe.optimizer.to_dict()
        self.earlier = self.training = recipe.network.training
        if restart or self.training.get("optimizer") != optimizer:
            self.training = {"optimizer": optimizer, "epochs": 0, "steps": 0, "memory": {}}
        # A copy of its own: the optimizer may serve another training before this one ends.
        self.schedule = deepcopy(recipe.optimizer.learning_rate)
        if isinstance(self.schedule, Schedule):
            self.schedule.restore(self.training.get("schedule", {}))
        self.learning_rate = 0.0
        self.program = chosen.program(recipe, self.training["memory"])
        self._call: tuple[int, int, list[float]] | None = None
        self.begin()

    @property
    def why(self) -> str:
        """Why this engine runs, and why another had to take over, if one had to."""
        fallback = self.program.fallback
        return f"{self.reason}; lists took over: {fallback}" if fallback else self.reason

    def end(self) -> None:
        """Take the earlier memory back, if no update was made."""
        if not self.training["steps"]:
            self.training = self.earlier

    def begin(self) -> None:
        """Start new lists of losses and rates."""
        self.losses: list[float] = []
        self.rates: list[float] = []

    def make(self, batches: Sequence[Sequence[int]]) -> None:
        """Make one update for each batch, given as numbers of rows of the bound data.

        Raises BatchDivergence, or whatever else stops the engine; the updates before that count.
        """
        known, epoch, step = len(self.losses), self.training["epochs"], self.training["steps"]
        if isinstance(self.schedule, Schedule):
            rate, per_epoch = self.schedule.rate, self.per_epoch
            rates = [rate(epoch + (known + k) // per_epoch, step + k) for k in range(len(batches))]
        else:
            rates = [self.schedule] * len(batches)
        self.program.done = []
        self._call = known, step, rates
        try:
            self.program.done = self.program.train(batches, rates, step + 1)
        except BatchDivergence as error:
            self.program.done = error.losses
            raise
        finally:
            self.count()

    def count(self) -> None:
        """Count the updates of the latest call to the engine, which may have been cut short.

        Ctrl-C may come here too: counting once more does no harm.
        """
        if self._call is not None:
            known, step, rates = self._call
            done = self.program.done
            self.training["steps"] = step + len(done)
            self.losses[known:] = done
            self.rates[known:] = rates[: len(done)]
            self.learning_rate = rates[min(len(done), len(rates) - 1)]
            self._call = None

    @property
    def listens(self) -> bool:
        """Whether what the schedule does depends on what is reported."""
        return isinstance(self.schedule, Schedule) and (
            type(self.schedule).report is not Schedule.report
        )

    def report(self, loss: float) -> None:
        """Tell the schedule, if there is one, the monitored loss at the end of an epoch."""
        if isinstance(self.schedule, Schedule):
            self.schedule.report(loss)
            self.training["schedule"] = self.schedule.state()
