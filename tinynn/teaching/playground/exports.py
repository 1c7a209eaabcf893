"""What was trained, as a file: source in three languages, and tinynn's own model file."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from ...engines.prediction import source
from ...errors import SettingError
from ...export.formats import exporter
from .session import Answer, Session
from .settings import WHO, make_optimizer, one_of

SUFFIXES = {"python": "py", "c": "h", "javascript": "mjs", "json": "json"}
LONGEST_SOURCE = 200_000  # characters that the page is sent


def exported(session: Session, message: dict[str, Any]) -> Answer:
    """Return the trained network as a file: {"format": "python"}."""
    name = one_of("format", message.get("format"), tuple(SUFFIXES))
    if session.settings.broken:
        raise SettingError(f"{WHO} exports no network with a broken derivative; mend it first")
    file = f"network.{SUFFIXES[name]}"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, file)
        if name == "json":
            session.model.save(path)
        else:
            exporter(name)(session.model, path)
        with open(path, encoding="utf-8") as written:
            return {"name": file, "text": written.read()}


def generated(session: Session, message: dict[str, Any]) -> Answer:
    """Return the program that an engine writes to train this network."""
    engine = one_of("engine", message.get("engine", "unrolled"), ("unrolled", "loops", "native"))
    text = source(
        session.model,
        session.loss,
        make_optimizer(session.settings),
        session.settings.batch,
        engine,
    )
    cut = len(text) - LONGEST_SOURCE
    return {"source": text[:LONGEST_SOURCE], "cut": max(cut, 0)}
