"""Estimators whose training survives the end of its process: `fit(X, y, resume="run.json")`."""

from __future__ import annotations

import os
from typing import Any, Callable

from ..files import json_file
from ..files.atomic import Path
from ..training.resuming import RunFile
from .fitted import Fitted
from .saving import to_dict


def run_file(path: Path, estimator: Callable[[], Fitted]) -> RunFile:
    """Return the file of a run: that of an estimator, which a function gives as it is by then."""

    def content(network: dict[str, Any]) -> dict[str, Any]:
        return {**to_dict(estimator()), "network": network}

    return RunFile(path, estimator().kind, content, lambda content: content.get("network"))


def seed_in(path: Path | None) -> int | None:
    """Return the seed in the file of a run, if there is one."""
    if path is None or not os.path.exists(path):
        return None
    seed = json_file.read(path).get("seed")
    return seed if type(seed) is int and seed >= 0 else None
