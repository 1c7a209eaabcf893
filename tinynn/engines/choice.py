"""Which engine runs: the one requested, otherwise the fastest one that can.

The cut-offs below are where one engine overtakes another in `python3 -m benchmarks.cutoffs`. Times
in their comments are microseconds per row, on CPython 3.11 and an AMD EPYC.
"""

from __future__ import annotations

import os
import sys
from typing import Iterator, Mapping

from ..errors import EngineError, SettingError
from ..lesson.network import Sequential
from .contract import Engine, Recipe, Task

PYPY = sys.implementation.name == "pypy"

# The source of `unrolled` takes as long to write and compile as it saves in this many rows:
# 20-130 µs per parameter, against 0.1-0.3 µs per parameter and row.
PAYBACK_ROWS = 1000
# `packed` is as fast as `unrolled` from about 600 parameters (57 against 65), and twice as fast at
# 2,410 (133 against 225). Its fixed point is less exact, so it must be clearly faster to be chosen.
PACKED_PARAMETERS = 1000
# It gains less in smaller batches: with 4 rows and 2,410 parameters both are about equal.
PACKED_BATCH = 8
# If it has to unpack the gradients (Adam, clipping): 304 against 307 at 1,386 parameters, 210
# against 347 at 2,410, and only in batches of 32 rows (8 rows: 614 against 347).
PACKED_FLOATS_PARAMETERS = 2000
PACKED_FLOATS_BATCH = 32
# Predictors: 8.4 against 8.7 at 340 parameters, 16.2 against 14.1 at 676.
PACKED_PREDICTION_PARAMETERS = 500


class Engines(Mapping[str, Engine]):
    """The engines by name; each module is loaded when its engine is first used."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self._loaded: dict[str, Engine] = {}

    def __getitem__(self, name: str) -> Engine:
        if name not in self._loaded:
            if name not in self._names:
                raise KeyError(name)
            # As importlib.import_module does it; importlib itself takes time to import.
            self._loaded[name] = __import__(name, globals(), None, ["ENGINE"], 1).ENGINE
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names  # whether or not it is in this build

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


# To add an engine, put a module with an ENGINE into this folder and add its name here.
ENGINES = Engines("lists", "unrolled", "packed", "loops", "native")


def choose(recipe: Recipe, task: Task, engine: str = "auto") -> tuple[Engine, str]:
    """Return the engine to run a task with, and the reason for it, in words.

    `engine` is a name, or "auto": then the environment variable TINYNN_ENGINE, if set, names the
    engine, and otherwise the fastest one is chosen.

    Raises SettingError for an unknown name, EngineError if the named engine cannot run the task.
    """
    asked_by = f"engine={engine!r}"
    if engine == "auto":
        engine = os.environ.get("TINYNN_ENGINE") or "auto"
        asked_by = f"TINYNN_ENGINE={engine}"
    if engine == "auto":
        return _fastest(recipe, task)
    chosen = named_engine(engine, asked_by)
    refusal = _refusal(chosen, recipe, task)
    if refusal:
        raise EngineError(f"the {engine} engine, set by {asked_by}, cannot be used: {refusal}")
    return chosen, f"set by {asked_by}"


def fastest_predictor(network: Sequential) -> tuple[Engine, str]:
    """Return the engine whose predictor of one row is the fastest here, and the reason."""
    count = network.count_parameters()
    wide = count > PACKED_PREDICTION_PARAMETERS
    order = ["unrolled", "loops"] if PYPY else ["packed", "unrolled"] if wide else ["unrolled"]
    refusals: list[str] = []
    for name in order:
        refusal = prediction_refusal(ENGINES[name], network)
        if refusal is None:
            return ENGINES[name], _because(f"the fastest here for {count:,} parameters", refusals)
        refusals.append(f"{name} cannot be used: {refusal}")
    return ENGINES["lists"], _because("it runs every network", refusals)


def prediction_refusal(engine: Engine, network: Sequential) -> str | None:
    """Return why an engine cannot make a predictor, or disagrees with the lesson, or None."""
    from .agreement import prediction_disagreement  # `lists` does not need it

    return engine.refuses_prediction(network) or prediction_disagreement(engine, network)


def _refusal(engine: Engine, recipe: Recipe, task: Task) -> str | None:
    from .agreement import disagreement

    return engine.refuses(recipe, task) or disagreement(engine, recipe)


def named_engine(engine: str, asked_by: str) -> Engine:
    """Return the engine with this name.

    Raises SettingError for an unknown name, EngineError if it is not in this build.
    """
    if engine not in ENGINES:
        names = ", ".join(["auto", *ENGINES])
        raise SettingError(f"an engine needs to be one of {names}, got {engine!r} ({asked_by})")
    try:
        return ENGINES[engine]
    except ImportError:
        raise EngineError(
            f"the {engine} engine ({asked_by}) is not in this file; "
            f"build one with the part {engine!r}"
        ) from None


def runs_native() -> bool:
    """Return whether `native` is in this build and can run on this machine."""
    try:
        return ENGINES["native"].unavailable() is None
    except ImportError:
        return False


def _fastest(recipe: Recipe, task: Task) -> tuple[Engine, str]:
    count = recipe.network.count_parameters()
    what = f"the fastest here for {count:,} parameters in batches of {task.batch_size}"
    refusals: list[str] = []
    for name in _by_speed(recipe, task, count):
        refusal = _refusal(ENGINES[name], recipe, task)
        if refusal is None:
            return ENGINES[name], _because(what, refusals)
        refusals.append(f"{name} cannot be used: {refusal}")
    enough = PYPY or task.rows_shown >= PAYBACK_ROWS
    few = "" if enough else ", and there are too few rows to make compiling worthwhile"
    return ENGINES["lists"], _because(f"it runs every network{few}", refusals)


def _by_speed(recipe: Recipe, task: Task, count: int) -> list[str]:
    """Return the names of the engines that may be faster than `lists`, the fastest first."""
    compiled = ["unrolled"] if task.rows_shown >= PAYBACK_ROWS else []
    if PYPY:
        return compiled and [*compiled, "loops"]
    if count < PACKED_PARAMETERS:
        return compiled
    from .packed.program import needs_floats

    if needs_floats(recipe) and (
        count < PACKED_FLOATS_PARAMETERS or task.batch_size < PACKED_FLOATS_BATCH
    ):
        return compiled
    packed = ["packed"]
    return compiled + packed if task.batch_size < PACKED_BATCH else packed + compiled


def _because(reason: str, refusals: list[str]) -> str:
    return "; ".join([reason, *refusals])
