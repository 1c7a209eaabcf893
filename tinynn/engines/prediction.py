"""A network as one function, `compile`, and its training written out to be read, `source`."""

from __future__ import annotations

from math import nan
from typing import Any, Protocol, Sequence, cast

from ..checks.finite import finite_outputs
from ..errors import DataError, EngineError
from ..lesson.loss import Loss
from ..lesson.losses import by_name as loss_by_name
from ..lesson.matrix import Matrix, Rows
from ..lesson.network import Sequential
from ..lesson.optimizer import Optimizer
from ..lesson.optimizers import by_name as optimizer_by_name
from .choice import fastest_predictor, named_engine, prediction_refusal
from .contract import Recipe

# Pickle quotes this name of a function that it cannot find in a module.
_IN_PICKLES_ERROR = "compiled (pickle the network, and call compile where it is loaded)"


class CompiledModel(Protocol):
    """A function from one row of numbers to the row of outputs, and how it was made."""

    engine: str
    """The name of the engine that made it."""

    reason: str
    """Why that engine was chosen."""

    source: str | None
    """The Python source it was compiled from, if any."""

    def __call__(self, row: Sequence[float]) -> list[float]:
        """Return the outputs for one row."""

    def rows(self, rows: Rows) -> Matrix:
        """Return the outputs for many rows."""


def compile(model: Sequential, engine: str = "auto") -> CompiledModel:
    """Return the network as a function of one row, frozen at its current weights.

    The function takes a list or tuple with a number for each input and returns a new list of
    floats. It does not check the row: a wrong one gives wrong outputs or Python's own errors. Like
    `predict`, it raises DataError where an output is not finite. Its method `rows` predicts many
    rows; `engine` and `reason` say how it was made, `source` is its source.

    Its outputs equal those of `model.predict` up to the rounding of sums (with the packed engine,
    within the bound stated there).

    The function cannot be pickled, and pickle's error says so: it may be machine code, and an
    object around it that can be would cost a tenth of a call. Pickle the network, and compile it
    where it is loaded, which takes milliseconds; for other processes that gives the same function.

    Raises SettingError for an unknown engine, EngineError if the engine cannot run this network.
    """
    if model.reads_steps:
        raise EngineError(
            "compile makes a function of a row, and this network reads sequences; use "
            "model.stepper()"
        )
    if engine == "auto":
        chosen, reason = fastest_predictor(model)
    else:
        reason = f"set by engine={engine!r}"
        chosen = named_engine(engine, reason)
        refusal = prediction_refusal(chosen, model)
        if refusal:
            raise EngineError(f"the {engine} engine, {reason}, cannot be used: {refusal}")
    predict = chosen.predictor(model)

    def rows(table: Rows) -> Matrix:
        """Return the outputs for many rows."""
        answers: Matrix = []
        try:
            for row in table:
                answers.append(predict(row))
        except DataError:
            finite_outputs([nan], False, len(answers))  # the same error with the row's own number
        return answers

    compiled = cast(Any, predict)
    compiled.__qualname__ = _IN_PICKLES_ERROR
    compiled.rows = rows
    compiled.engine, compiled.reason = chosen.name, reason
    compiled.source = getattr(predict, "source", None)
    return cast(CompiledModel, compiled)


def source(
    model: Sequential,
    loss: str | Loss = "mse",
    optimizer: str | Optimizer = "sgd",
    batch_size: int = 1,
    engine: str = "unrolled",
) -> str:
    """Return the program that trains a network, as an engine writes it.

    By default that is the Python source of `unrolled`: back-propagation with nothing hidden, where
    each weight is a variable and each sum is written out. With a `batch_size` of 1 the weights
    change after every row, otherwise after every batch. `loops` writes Python, too; `native` lists
    its machine code, each instruction with its offset and bytes, after the formula it is part of.

    Raises SettingError for an unknown engine, EngineError if the engine cannot run this network or
    writes no program.
    """
    engine = "unrolled" if engine == "auto" else engine
    reason = f"set by engine={engine!r}"
    chosen = named_engine(engine, reason)
    recipe = Recipe(model, loss_by_name(loss), optimizer_by_name(optimizer))
    refusal = chosen.refuses(recipe, batch_size)
    if refusal:
        raise EngineError(f"source cannot write out this network: {refusal}")
    written = chosen.source(recipe, batch_size)
    if written is None:
        raise EngineError(
            f"the {engine} engine, {reason}, writes no program; unrolled, loops and native do"
        )
    return written
