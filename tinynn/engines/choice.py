"""Which engine runs: the one asked for, else the fastest that can serve here."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Dict, Iterator, Mapping, Tuple

from ..errors import EngineError, SettingError
from .contract import Engine, Recipe, Task


class Engines(Mapping[str, Engine]):
    """The engines by name; each module is loaded when its engine is first asked for."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self._loaded: Dict[str, Engine] = {}

    def __getitem__(self, name: str) -> Engine:
        if name not in self._loaded:
            if name not in self._names:
                raise KeyError(name)
            self._loaded[name] = import_module(f".{name}", __package__).ENGINE
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


# To add an engine: a module in this folder with an ENGINE, and its name here.
ENGINES = Engines("lists")


def choose(recipe: Recipe, task: Task, engine: str = "auto") -> Tuple[Engine, str]:
    """Return the engine to run a task with, and the reason for it, in words.

    `engine` is a name, or "auto" for the choice made here; then the environment variable
    TINYNN_ENGINE, if it is set, is the name that counts.

    Raises SettingError for a name that there is not, EngineError if the engine named cannot serve.
    """
    asked_by = f"engine={engine!r}"
    if engine == "auto":
        engine = os.environ.get("TINYNN_ENGINE") or "auto"
        asked_by = f"TINYNN_ENGINE={engine}"
    if engine == "auto":
        return ENGINES["lists"], "lists serves every network"
    if engine not in ENGINES:
        names = ", ".join(["auto", *ENGINES])
        raise SettingError(f"an engine needs to be one of {names}, got {engine!r} ({asked_by})")
    refusal = ENGINES[engine].refuses(recipe, task)
    if refusal:
        raise EngineError(f"the {engine} engine, asked for by {asked_by}, cannot serve: {refusal}")
    return ENGINES[engine], f"asked for by {asked_by}"
