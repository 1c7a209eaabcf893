"""Replaces `engines.choice` in a file without the fast engines: `lists` runs everything."""

from __future__ import annotations

from ..engines.contract import Engine, Recipe
from ..engines.lists import ENGINE
from ..errors import SettingError
from ..lesson.network import Sequential

ENGINES: dict[str, Engine] = {"lists": ENGINE}
REASON = "this file has no other"


def choose(
    recipe: Recipe, batch_size: int, engine: str = "auto", began: str | None = None
) -> tuple[Engine, str]:
    """Return the engine, and the reason for it. Raises SettingError for any other engine."""
    if engine == "auto":
        return ENGINE, REASON
    return named_engine(engine, f"engine={engine!r}"), f"set by engine={engine!r}"


def fastest_predictor(network: Sequential) -> tuple[Engine, str]:
    """Return the engine that makes predictors of one row, and the reason."""
    return ENGINE, REASON


def prediction_refusal(engine: Engine, network: Sequential) -> str | None:
    """Return None: `lists` can predict with every network."""
    return None


def runs_native() -> bool:
    """Return False: machine code is not in this file."""
    return False


def named_engine(engine: str, asked_by: str) -> Engine:
    """Return the engine with this name; raise SettingError for any but `lists`."""
    if engine not in ENGINES:
        raise SettingError(
            f"an engine needs to be one of auto, lists, got {engine!r} ({asked_by}); for others, "
            "build a file with the part 'engines'"
        )
    return ENGINES[engine]
