"""Updates: runs an engine for a trainer and counts each update, whatever interrupts the work."""

from __future__ import annotations

from copy import deepcopy
from sys import maxsize
from typing import Any, Sequence

from ..engines.choice import choose
from ..engines.contract import BatchDivergence, Engine, Program, Recipe
from ..engines.gradient_sum import GradientSum
from ..formulas.contracts import check_optimizer
from ..lesson.schedule import Schedule
from .lbfgs import LBFGS
from .whole_table import LBFGSProgram


class Updates:
    """Trains a network batch by batch, and keeps the memory for continuing training later.

    training:       that memory (`Sequential.training`): the optimizer's settings and numbers, how
                    many epochs and steps were made, and the schedule's state. It continues with an
                    equal optimizer, unless `restart`; otherwise it is new
    losses, rates:  the loss and the learning rate of each update since the last `begin`
    learning_rate:  that of the latest update, or of the one that failed
    is_new:         whether nothing is continued
    per_epoch:      how many batches an epoch has; for a stream, a number larger than any

    Raises SettingError for an unknown engine or an optimizer that lacks something, EngineError for
    an engine that cannot run the recipe.
    """

    def __init__(
        self, recipe: Recipe, batch_size: int, engine: str | Engine, restart: bool
    ) -> None:
        settings = recipe.optimizer
        if not isinstance(settings, LBFGS):
            check_optimizer(settings)
        optimizer = settings.to_dict()
        self.earlier = self.training = recipe.network.training
        self.is_new = restart or self.training.get("optimizer") != optimizer
        if self.is_new:
            self.training = {"optimizer": optimizer, "epochs": 0, "steps": 0, "memory": {}}
        if isinstance(settings, LBFGS):
            recipe = recipe._replace(optimizer=GradientSum())
        self.kept: dict[str, Any] = self.training.get("engine", {})
        chosen, self.reason = choose(recipe, batch_size, engine, self.kept.get("name"))
        self.engine = chosen.name
        self.per_epoch = maxsize
        # A copy, because the optimizer may be used in another training before this one ends.
        self.schedule = deepcopy(settings.learning_rate)
        if isinstance(self.schedule, Schedule):
            self.schedule.restore(self.training.get("schedule", {}))
        self.learning_rate = 0.0
        self.program: Program
        self.whole_table = isinstance(settings, LBFGS)
        if isinstance(settings, LBFGS):
            self.program = LBFGSProgram(chosen, recipe, settings)
        else:
            self.program = chosen.program(recipe, self.training["memory"])
        self._call: tuple[int, int, list[float]] | None = None
        self.begin()

    @property
    def why(self) -> str:
        """Why this engine runs, and why another took over, if one did."""
        fallback = self.program.fallback
        return f"{self.reason}; lists took over: {fallback}" if fallback else self.reason

    def resume_engine(self) -> None:
        """Put the program where that of an earlier call was, after the data were bound."""
        if self.kept.get("name") == self.engine:
            self.program.resume({key: self.kept[key] for key in self.kept if key != "name"})

    def keep_engine(self, running: bool) -> None:
        """Keep which engine runs and, after `write_back`, where its program is."""
        # LBFGS begins anew in another call, but not in another process.
        state = self.program.saved() if running or not self.whole_table else {}
        self.training["engine"] = {"name": self.engine, **state}

    def end(self) -> None:
        """Keep the engine; or restore the earlier memory if no update was made."""
        if self.training["steps"]:
            self.program.write_back()
            self.keep_engine(running=False)
        else:
            self.training = self.earlier

    def begin(self) -> None:
        """Start new lists of losses and rates."""
        self.losses: list[float] = []
        self.rates: list[float] = []

    def make(self, batches: Sequence[Sequence[int]]) -> None:
        """Make one update for each batch, given as indices of rows of the bound data.

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
        """Count the updates of the latest call to the engine, which may have been interrupted.

        Ctrl-C may come here, too: counting again does no harm.
        """
        if self._call is not None:
            known, step, rates = self._call
            rates = self.program.rates or rates
            done = self.program.done
            self.training["steps"] = step + len(done)
            self.losses[known:] = done
            self.rates[known:] = rates if len(done) == len(rates) else rates[: len(done)]
            self.learning_rate = rates[min(len(done), len(rates) - 1)]
            self._call = None

    @property
    def listens(self) -> bool:
        """Whether the schedule depends on reported losses."""
        return isinstance(self.schedule, Schedule) and (
            type(self.schedule).report is not Schedule.report
        )

    def report(self, loss: float) -> None:
        """Report the monitored loss at the end of an epoch to the schedule, if there is one."""
        if isinstance(self.schedule, Schedule):
            self.schedule.report(loss)
            self.training["schedule"] = self.schedule.state()
