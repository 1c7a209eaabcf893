"""Replaces `engines.choice` in a file without the fast engines: `lists` runs everything."""

from __future__ import annotations

from ..engines.contract import Engine, Recipe, Task
from ..engines.lists import ENGINE
from ..errors import SettingError
from ..lesson.network import Sequential

ENGINES: dict[str, Engine] = {"lists": ENGINE}
REASON = "this file has no other"


def choose(recipe: Recipe, task: Task, engine: str = "auto") -> tuple[Engine, str]:
    """Return the engine, and the reason for it. Raises SettingError for any other engine."""
    if engine == "auto":
        return ENGINE, REASON
    check_engine(engine, f"engine={engine!r}")
    return ENGINE, f"set by engine={engine!r}"


def fastest_predictor(network: Sequential) -> tuple[Engine, str]:
    """Return the engine that makes predictors of one row, and the reason."""
    return ENGINE, REASON


def prediction_refusal(engine: Engine, network: Sequential) -> str | None:
    """Return None: `lists` can predict with every network."""
    return None


def check_engine(engine: str, asked_by: str) -> None:
    """Raise SettingError unless `engine` is the name of an engine."""
    if engine not in ENGINES:
        raise SettingError(
            f"an engine needs to be one of auto, lists, got {engine!r} ({asked_by}); for others, "
            "build a file with the part 'engines'"
        )
