"""A network as one function, `compile`, and its training written out to be read, `source`."""

from __future__ import annotations

from typing import Any, Protocol, Sequence, cast

from ..errors import EngineError
from ..lesson.loss import Loss
from ..lesson.losses import by_name as loss_by_name
from ..lesson.matrix import Matrix, Rows
from ..lesson.network import Sequential
from ..lesson.optimizer import Optimizer
from ..lesson.optimizers import by_name as optimizer_by_name
from .choice import ENGINES, fastest_predictor, known, prediction_refusal
from .contract import Recipe, Task


class CompiledModel(Protocol):
    """A function from one row of numbers to the row of outputs, and what it knows about itself."""

    engine: str
    """The name of the engine that made it."""

    reason: str
    """Why that engine did."""

    source: str | None
    """The Python text it was compiled from, if it was."""

    def __call__(self, row: Sequence[float]) -> list[float]:
        """Return the outputs for one row."""

    def rows(self, rows: Rows) -> Matrix:
        """Return the outputs for rows."""


def compile(model: Sequential, engine: str = "auto") -> CompiledModel:
    """Return the network as a function of one row, frozen at its weights of now.

    It takes a list or tuple of as many numbers as the network has inputs, and returns a new list of
    floats; it checks nothing, so wrong rows give wrong answers or Python's own errors. Its `rows`
    takes many rows to many, `engine` and `reason` tell how it was made, `source` is its text.

    Answers agree with `model.predict` within the rounding of sums (with the packed engine, within
    the bound stated there).

    Raises SettingError for an engine that there is not, EngineError if it cannot serve.
    """
    if engine == "auto":
        chosen, reason = fastest_predictor(model)
    else:
        reason = f"set by engine={engine!r}"
        known(engine, reason)
        chosen = ENGINES[engine]
        refusal = prediction_refusal(chosen, model)
        if refusal:
            raise EngineError(f"the {engine} engine, {reason}, cannot be used: {refusal}")
    predict = chosen.predictor(model)

    def rows(table: Rows) -> Matrix:
        """Return the outputs for rows."""
        return [predict(row) for row in table]

    compiled = cast(Any, predict)
    compiled.rows = rows
    compiled.engine, compiled.reason = chosen.name, reason
    compiled.source = getattr(predict, "source", None)
    return cast(CompiledModel, compiled)


def source(
    model: Sequential,
    loss: str | Loss = "mse",
    optimizer: str | Optimizer = "sgd",
    batch_size: int = 1,
) -> str:
    """Return the Python text of a network's training, as the `unrolled` engine runs it.

    It is back-propagation with nothing hidden: each weight is a variable and each sum is written
    out. With a `batch_size` of 1 the weights change after every row, else after every batch.

    Raises EngineError if the network is too large to be written out, or has a layer of your own.
    """
    from .unrolled import engine as unrolled

    recipe = Recipe(model, loss_by_name(loss), optimizer_by_name(optimizer))
    refusal = unrolled.ENGINE.refuses(recipe, Task(batch_size, batch_size))
    if refusal:
        raise EngineError(f"source cannot write out this network: {refusal}")
    return unrolled.source(recipe, batch_size)
