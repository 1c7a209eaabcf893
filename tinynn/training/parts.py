"""Training on a table in parts, each of which is read where it is trained on: `fit_parts`."""

from __future__ import annotations

import os
from array import array
from copy import deepcopy
from itertools import chain
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Sequence, Tuple

from ..checks.finite import all_finite
from ..checks.settings import flag, integer
from ..checks.words import did_you_mean, excerpt
from ..engines.choice import choose, named_engine
from ..engines.contract import Engine, Memory, Recipe, live_rows, start_memory
from ..engines.gradient_sum import GradientSum
from ..engines.lists import ListsProgram, Update
from ..engines.prediction import compile
from ..errors import DataError, DivergenceError, SettingError
from ..files.atomic import Path
from ..lesson.freezing import frozen_names
from ..lesson.loss import Loss
from ..lesson.matrix import Matrix, Vector
from ..lesson.network import Sequential
from ..lesson.optimizer import Optimizer
from ..lesson.parameters import rows_of
from .gathering import gather
from .history import History
from .lbfgs import LBFGS
from .tasks import Crew
from .trainer import Trainer
from .training_data import TrainingData, data_of_rows
from .whole_table import LBFGSProgram, check_whole_table

if TYPE_CHECKING:
    from concurrent.futures import Executor

Part = Callable[[], Tuple[Any, ...]]
WHO = "fit_parts"
MODES = {
    "epoch": "the networks of the parts are averaged after each epoch",
    "step": "the gradients of the parts are added for each step",
}
_loaded: dict[tuple[str, int], LBFGSProgram | TrainingData] = {}  # the parts that this worker keeps


class PartsJob(NamedTuple):
    """What all tasks of a training share; `key` tells it from others."""

    key: str
    parts: list[Part]
    recipe: Recipe
    batch_size: int | None
    shuffle: bool
    seed: int
    engine: str
    keep: int


class PartResult(NamedTuple):
    """What a part gives: its mean loss and weight in means, and numbers; how it was trained."""

    loss: float
    size: float
    engine: str
    numbers: array[float]
    learning_rate: float = 0.0
    steps: int = 0


def fit_parts(
    model: Sequential,
    parts: Sequence[Part],
    *,
    average: str = "epoch",
    loss: str | Loss = "mse",
    optimizer: str | Optimizer = "adam",
    epochs: int = 10,
    batch_size: int | None = 32,
    shuffle: bool = True,
    seed: int = 0,
    validation: tuple[Any, ...] | None = None,
    engine: str = "auto",
    executor: Executor | None = None,
    keep: int = 1,
    resume: Path | None = None,
    **settings: Any,
) -> History:
    """Train `model` on a table that no process has to hold whole; return the history.

    parts:      functions without arguments, each of which returns one part of the table: (inputs,
                targets) or (inputs, targets, sample weights). They are called by the workers, so
                they have to be importable there: `functools.partial(read, "part1.csv")`
    average:    "epoch": each part is trained on for an epoch by itself, in batches, from the same
                weights; then weights, running statistics and the optimizer's memory are averaged,
                weighted by rows. "step": the gradients of all rows of all parts are added up for
                one update per epoch, which is exactly that of the whole table in one batch; for
                "lbfgs", which needs it, one for each value that a step compares
    epochs:     how often all parts are read through
    batch_size, shuffle, seed: within a part, for "epoch"; the seed of part k is seed + k
    engine:     of the workers
    executor:   a concurrent.futures.Executor; None: one part after another, here
    keep:       how many parts each worker keeps in memory for the next epoch; a part that comes to
                another worker is read again
    validation, resume: as in `fit`
    settings:   callbacks, metrics (for validation), clip_norm, clip_value, loss_threshold and
                time_budget, as in `fit`

    The result does not depend on the executor or on the number of workers, to the last bit, if all
    of them have the same version of Python and the same kind of processor. One part gives what
    `fit` gives. Per epoch, 8 bytes travel each way for each part, weight, and number of the
    optimizer's memory ("step": each part and weight).

    Sources: H. B. McMahan et al., Communication-efficient learning of deep networks from
    decentralized data (2017), algorithm 1 with all parts and an epoch each; the memory is averaged,
    too, as H. Yu, R. Jin and S. Yang, On the linear speedup analysis of communication efficient
    momentum SGD (2019), algorithm 1.

    Raises what `fit` raises, with the part's number; WorkerError if a part cannot be read or a
    worker dies. The network is then as it was after the last whole epoch.
    """
    parts, keep = _checked_parts(parts), integer(WHO, "keep", keep, least=0)
    if average not in MODES:
        raise SettingError(
            f"{WHO} needs average to be one of {', '.join(map(repr, MODES))}, "
            f"got {excerpt(average)}{did_you_mean(average, MODES)}"
        )
    if batch_size is not None:
        batch_size = integer(WHO, "batch_size", batch_size, least=1)
    if engine != "auto":
        named_engine(engine, f"engine={engine!r}")
    if settings.get("metrics") and validation is None:
        raise SettingError(f"{WHO} needs validation=(inputs, targets) for metrics, got none")
    place = _Place(MODES[average], len(parts))
    trainer = Trainer(
        model, loss=loss, optimizer=optimizer, batch_size=None, shuffle=False, seed=seed,
        engine=place, **settings,
    )  # fmt: skip
    averaged = average == "epoch"
    if averaged and trainer.whole_table:
        raise SettingError(f'{WHO} needs average="step" for LBFGS, which compares exact gradients')
    if not averaged:
        check_whole_table(trainer.recipe, 'average="step"', clips=not trainer.whole_table)
    _, apart = gather(model, trainer.loss, seed, [], None, validation)
    job = PartsJob(
        os.urandom(16).hex(), parts, trainer.recipe._replace(network=_bare(model)), batch_size,
        flag(WHO, "shuffle", shuffle), trainer.seed, engine, keep,
    )  # fmt: skip
    trainer.described = {"parts": len(parts), "average": average}
    if averaged:
        trainer.described.update(part_batch_size=batch_size, part_shuffle=shuffle)
    with Crew(WHO, _train_part if averaged else _sum_part, job, executor) as crew:
        place.crew, place.averaged = crew, averaged
        try:
            history = trainer.run_parts(apart, epochs, resume)
        finally:
            trainer.history.engine_reason = place.reason
            for key in list(_loaded):
                if key[0] == job.key:
                    _loaded.pop(key, None)
    if place.steps:
        model.training["steps"] = place.steps
    return history


def _checked_parts(parts: Any) -> list[Part]:
    listed = list(parts) if isinstance(parts, (list, tuple)) else []
    if not listed or not all(map(callable, listed)):
        got = next((part for part in listed if not callable(part)), parts)
        raise SettingError(
            f"{WHO} needs parts to be a list of functions that return (inputs, targets), got "
            f"{excerpt(got)}; functools.partial(read, path) makes one"
        )
    return listed


def _bare(model: Sequential) -> Sequential:
    """Return a copy of a network without its training, and without the rows it has last seen."""
    found = deepcopy(model)
    found.training = {}
    found.forward([[0.0] * (model.inputs or 1)])
    return found


# --- here ---------------------------------------------------------------------------------------


class _Place(Engine):
    """The workers as an engine: the trainer trains with it as with any other."""

    name = "parts"

    def __init__(self, how: str, parts: int) -> None:
        self.how, self.parts = how, parts
        self.crew: Crew | None = None
        self.averaged = True
        self.engines: list[str] = []
        self.steps = 0  # updates of the parts so far, if they make their own

    @property
    def reason(self) -> str:
        """What was trained where, in words."""
        trained = f"; each is trained by {' or '.join(self.engines)}" if self.engines else ""
        return f"{self.how}{trained}"

    def program(self, recipe: Recipe, memory: Memory) -> ListsProgram:
        return (_AveragedParts if self.averaged else _SummedParts)(self, recipe, memory)


class _PartsProgram(ListsProgram):
    """Makes its updates from what the parts give."""

    def __init__(self, place: _Place, recipe: Recipe, memory: Memory) -> None:
        super().__init__(recipe, memory)
        self.place = place

    def predict(self, X: Matrix) -> Matrix:
        return compile(self.recipe.network).rows(X)

    def tell(
        self, what: str, epoch: int, batch: int, learning_rate: float, X: Matrix, history: object
    ) -> DivergenceError:
        """Return the error of a training that diverged; see `training_data.divergence`."""
        error = DivergenceError(
            f"training diverged in epoch {epoch}: {what}. The network is as it was after the last "
            "whole epoch; lower the learning rate, scale the inputs, or set clip_norm"
        )
        error.epoch, error.batch, error.history = epoch, batch, history
        return error

    def _round(self, tasks: list[Any], epoch: int) -> tuple[float, Vector, list[PartResult]]:
        """Return the mean loss and numbers of the parts, weighted by their sizes; and them all."""
        assert self.place.crew is not None
        count = len(tasks)
        names = [f"epoch {epoch + 1}, part {k + 1} of {count}" for k in range(count)]
        try:
            found: list[PartResult] = [one.result for one in self.place.crew.run(tasks, names)]
        except DivergenceError as error:
            raise ArithmeticError(str(error).partition(f"epoch {epoch + 1}, ")[2]) from None
        self.place.engines = sorted({one.engine for one in found})
        total = sum([one.size for one in found])
        if not total:
            raise DataError(f"{WHO} needs rows with a weight above zero, got none in any part")
        loss, numbers = 0.0, [0.0]
        for k, one in enumerate(found):
            share = one.size / total
            loss += share * one.loss
            if k == 0:
                numbers = [share * x for x in one.numbers]
            else:
                numbers = [total + share * x for total, x in zip(numbers, one.numbers)]
        return loss, numbers, found


class _AveragedParts(_PartsProgram):
    """Averages the networks of all parts, each trained for an epoch."""

    epoch: int | None = None  # the next one
    updates = 0

    def saved(self) -> dict[str, Any]:
        return {"updates": self.place.steps}

    def resume(self, saved: dict[str, Any]) -> None:
        self.updates = integer(WHO, "updates", saved.get("updates", 0), least=0)

    def train(
        self, batches: Sequence[Sequence[int]], learning_rates: Sequence[float], first_step: int
    ) -> list[float]:
        if self.epoch is None:
            self.epoch = self.recipe.network.training["epochs"]
            self.place.steps = self.updates or first_step - 1
        self.rates = [*learning_rates]
        return super().train(batches, learning_rates, first_step)

    def gradients(self, X: Matrix, T: Matrix, weights: Vector | None = None) -> float:
        assert self.epoch is not None
        self.round = epoch = self.epoch
        schedule = self.recipe.network.training.get("schedule", {})
        numbers = array("d", chain.from_iterable(_rows(self.recipe.network, self.memory)))
        tasks = [(k, epoch, self.place.steps, schedule, numbers) for k in range(self.place.parts)]
        loss, self.averages, self.found = self._round(tasks, epoch)
        if not all_finite(self.averages):
            raise ArithmeticError("an average of weights is no longer finite")
        return loss

    def _changes(self, learning_rate: float, t: int) -> list[tuple[Matrix, Vector]]:
        # An average of equal numbers may be off by a bit, which is too much for frozen ones.
        network = self.recipe.network
        names = frozen_names(network.layers)
        frozen = {id(row) for name, rows in live_rows(network) if name in names for row in rows}
        changes, start = [], 0
        for row in _rows(network, self.memory):
            if id(row) not in frozen:
                changes.append(([row], self.averages[start : start + len(row)]))
            start += len(row)
        return changes

    def _finish(self, update: Update) -> None:
        super()._finish(update)
        self.epoch = self.round + 1
        self.place.steps = max(one.steps for one in self.found)
        if self.rates:
            self.rates[update.number] = self.found[0].learning_rate


class _SummedParts(_PartsProgram):
    """Adds up the gradients of all parts."""

    passes = 0

    def gradients(self, X: Matrix, T: Matrix, weights: Vector | None = None) -> float:
        rows = [row for _, rows in live_rows(self.recipe.network) for row in rows]
        numbers = array("d", chain.from_iterable(rows))
        tasks = [(k, numbers) for k in range(self.place.parts)]
        loss, self.gradient, _ = self._round(tasks, self.passes)
        self.passes += 1
        return loss

    def _gradients(self) -> list[Vector]:
        gradients, start = {}, 0
        for name, rows in live_rows(self.recipe.network):
            end = start + sum(map(len, rows))
            gradients[name] = self.gradient[start:end]
            start = end
        return self._clipped([gradients[parameter.name] for parameter in self.trained])


def _rows(network: Sequential, memory: Memory) -> list[Vector]:
    """Return the live rows of all parameters, buffers and memory, in an order."""
    values = [
        value
        for layer in network.layers
        for value in (*layer.parameters().values(), *layer.buffers().values())
    ]
    kept = [memory[name][key] for name, _ in live_rows(network) for key in sorted(memory[name])]
    return [row for value in [*map(rows_of, values), *kept] for row in value]


# --- in the workers -----------------------------------------------------------------------------


def _train_part(job: PartsJob, task: tuple[int, int, int, Any, array[float]]) -> PartResult:
    """Train the network with these numbers on a part for an epoch; return its numbers then."""
    k, epoch, steps, schedule, numbers = task
    data = _kept(job, k) or _keep(job, k, _read(job, k))
    assert isinstance(data, TrainingData)
    recipe = job.recipe._replace(network=deepcopy(job.recipe.network))
    network = recipe.network
    memory: Memory = {}
    start_memory(recipe, memory)
    _place(_rows(network, memory), numbers)
    network.training = {
        "optimizer": recipe.optimizer.to_dict(), "epochs": epoch, "steps": steps,
        "memory": memory, "schedule": schedule,
    }  # fmt: skip
    trainer = Trainer(
        network, loss=recipe.loss, optimizer=recipe.optimizer, batch_size=job.batch_size,
        shuffle=job.shuffle, seed=job.seed + k, clip_norm=recipe.clip_norm,
        clip_value=recipe.clip_value, engine=job.engine,
    )  # fmt: skip
    try:
        history = trainer.train_on(data)
    except DivergenceError as error:
        raise DivergenceError(f"batch {error.batch} leaves the finite numbers") from error
    if history.stopped_by == "interrupted":
        raise KeyboardInterrupt
    after = array("d", chain.from_iterable(_rows(network, network.training["memory"])))
    return PartResult(
        history.loss[-1], data.size(range(len(data.X))), str(history.engine), after,
        history.learning_rate[-1], network.training["steps"],
    )  # fmt: skip


def _sum_part(job: PartsJob, task: tuple[int, array[float]]) -> PartResult:
    """Return the mean loss of a part with these weights, and its gradient."""
    k, numbers = task
    program = _kept(job, k)
    if program is None:
        data = _read(job, k)
        recipe = Recipe(deepcopy(job.recipe.network), job.recipe.loss, GradientSum())
        engine, _ = choose(recipe, len(data.X), job.engine)
        program = LBFGSProgram(engine, recipe, LBFGS())
        program.bind(*data)
        _keep(job, k, program)
    assert isinstance(program, LBFGSProgram)
    loss, gradient = program.value(numbers.tolist())
    if not gradient:
        raise DivergenceError(program.trouble)
    return PartResult(loss, program.size, program.engine, array("d", gradient))


def _read(job: PartsJob, k: int) -> TrainingData:
    """Return a part, read and checked."""
    given = job.parts[k]()
    if not isinstance(given, (tuple, list)) or len(given) not in (2, 3):
        raise DataError(
            "a part needs to return (inputs, targets) or (inputs, targets, sample weights), got "
            f"{excerpt(given)}"
        )
    return data_of_rows(job.recipe.network, job.recipe.loss, *given)


def _kept(job: PartsJob, k: int) -> LBFGSProgram | TrainingData | None:
    return _loaded.get((job.key, k))


def _keep(job: PartsJob, k: int, part: LBFGSProgram | TrainingData) -> LBFGSProgram | TrainingData:
    """Keep a part, and as many others as the job allows: those that came last."""
    for earlier in list(_loaded)[: max(0, len(_loaded) + 1 - job.keep)]:
        _loaded.pop(earlier, None)
    if job.keep:
        _loaded[job.key, k] = part
    return part


def _place(rows: list[Vector], numbers: array[float]) -> None:
    """Put numbers into rows."""
    start = 0
    for row in rows:
        row[:] = numbers[start : start + len(row)].tolist()
        start += len(row)
