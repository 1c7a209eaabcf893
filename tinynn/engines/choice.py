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
from .contract import Engine, Recipe

PYPY = sys.implementation.name == "pypy"

# The choice does not depend on how long a training is: one that was interrupted, or is continued by
# another call, has to compute the same numbers as one that never stopped. (The source of `unrolled`
# takes 20-130 µs per parameter to write and compile, and saves 0.1-0.3 µs per parameter and row.)

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


def choose(
    recipe: Recipe, batch_size: int, engine: str | Engine = "auto", began: str | None = None
) -> tuple[Engine, str]:
    """Return the engine that trains in batches of that size, and the reason for it, in words.

    `engine` is a name, or "auto": then the environment variable TINYNN_ENGINE, if set, names the
    engine. Otherwise it is the one that `began` the training to be continued, if it can run here,
    or else the fastest one. An Engine is returned as it is.

    Raises SettingError for an unknown name, EngineError if the named engine cannot run the recipe.
    """
    if isinstance(engine, Engine):
        return engine, "given"
    asked_by = f"engine={engine!r}"
    if engine == "auto":
        engine = os.environ.get("TINYNN_ENGINE") or "auto"
        asked_by = f"TINYNN_ENGINE={engine}"
    if engine == "auto":
        return _continuing(recipe, batch_size, began)
    chosen = named_engine(engine, asked_by)
    refusal = _refusal(chosen, recipe, batch_size)
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


def _refusal(engine: Engine, recipe: Recipe, batch_size: int) -> str | None:
    from .agreement import disagreement

    return engine.refuses(recipe, batch_size) or disagreement(engine, recipe)


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


def _continuing(recipe: Recipe, batch_size: int, began: str | None) -> tuple[Engine, str]:
    if began is None:
        return _fastest(recipe, batch_size)
    try:
        same = named_engine(began, "the training to be continued")
        refusal = _refusal(same, recipe, batch_size)
    except (SettingError, EngineError) as error:
        refusal = str(error)
    if refusal is None:
        return same, f"this training began with {began}"
    chosen, reason = _fastest(recipe, batch_size)
    return chosen, f"{reason}; this training began with {began}, which cannot be used: {refusal}"


def _fastest(recipe: Recipe, batch_size: int) -> tuple[Engine, str]:
    count = recipe.network.count_parameters()
    what = f"the fastest here for {count:,} parameters in batches of {batch_size}"
    refusals: list[str] = []
    for name in _by_speed(recipe, batch_size, count):
        refusal = _refusal(ENGINES[name], recipe, batch_size)
        if refusal is None:
            return ENGINES[name], _because(what, refusals)
        refusals.append(f"{name} cannot be used: {refusal}")
    return ENGINES["lists"], _because("it runs every network", refusals)


def _by_speed(recipe: Recipe, batch_size: int, count: int) -> list[str]:
    """Return the names of the engines that may be faster than `lists`, the fastest first."""
    if PYPY:
        return ["unrolled", "loops"]
    if count < PACKED_PARAMETERS:
        return ["unrolled"]
    from .packed.program import needs_floats

    if needs_floats(recipe) and (
        count < PACKED_FLOATS_PARAMETERS or batch_size < PACKED_FLOATS_BATCH
    ):
        return ["unrolled"]
    small = batch_size < PACKED_BATCH
    return ["unrolled", "packed"] if small else ["packed", "unrolled"]


def _because(reason: str, refusals: list[str]) -> str:
    return "; ".join([reason, *refusals])
