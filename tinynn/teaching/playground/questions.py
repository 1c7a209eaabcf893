"""What the page may ask: one function for each question, by the name that stands in the message.

    {"do": "train", "milliseconds": 20} -> {"epoch": 12, "loss": 0.31, "maps": ..., ...}

An answer that is {"error": sentence} changed nothing.
"""

from __future__ import annotations

from typing import Any, Callable

from ...checks.words import did_you_mean, excerpt
from ...engines.choice import ENGINES
from ...errors import DataError, SettingError, TinynnError
from .board import explained, walked
from .breaks import BREAKS
from .contest import compared_engines, race, race_on, surface
from .exports import exported, generated
from .insight import checked, guessed, lesson
from .problems import FEATURES, GENERATORS, NAMES, REACH, CsvTable
from .session import Answer, Session
from .settings import ACTIVATIONS, OPTIMIZERS, WHO, Settings
from .sources import MODULES
from .stations import STATIONS
from .writer import begin, write_on

LARGEST_TABLE = 8_000_000  # characters


def choices(session: Session, message: dict[str, Any]) -> Answer:
    """Return what there is to choose from."""
    begin = Settings()._asdict()
    return {
        "data": list(NAMES),
        "generated": list(GENERATORS),
        "features": {name: shown for name, (shown, _) in FEATURES.items()},
        "activations": {name: layer.__name__ for name, layer in ACTIVATIONS.items()},
        "optimizers": list(OPTIMIZERS),
        "breaks": {
            name: {"title": one.title, "place": one.place, "right": one.right, "wrong": one.wrong}
            for name, one in BREAKS.items()
        },
        "engines": ["auto", *ENGINES],
        "modules": list(MODULES),
        "stations": [station._asdict() for station in STATIONS],
        "defaults": {**begin, "layers": [list(layer) for layer in begin["layers"]]},
        "reach": REACH,
    }


def read_table(session: Session, message: dict[str, Any]) -> Answer:
    """Read a CSV file's text; its columns can then be chosen in the settings."""
    text = message.get("text")
    if not isinstance(text, str) or len(text) > LARGEST_TABLE:
        got = f"{len(text):,} characters" if isinstance(text, str) else excerpt(text)
        raise DataError(
            f"{WHO} reads tables of at most {LARGEST_TABLE:,} characters, got {got}; "
            "python3 -m tinynn train reads larger ones"
        )
    session.table = CsvTable(text)
    return {"table": session.table.describe()}


QUESTIONS: dict[str, Callable[[Session, dict[str, Any]], Answer]] = {
    "choices": choices,
    "set up": Session.set_up,
    "train": Session.train,
    "step": Session.step,
    "look": Session.look,
    "weigh": Session.weigh,
    "read table": read_table,
    "explain": explained,
    "walk": walked,
    "check": checked,
    "lesson": lesson,
    "guess": guessed,
    "surface": surface,
    "race": race,
    "race on": race_on,
    "write": begin,
    "write on": write_on,
    "engines": compared_engines,
    "source": generated,
    "export": exported,
}


def ask(session: Session, message: object) -> Answer:
    """Return the answer to a message, or {"error": sentence} if it cannot be done."""
    try:
        if not isinstance(message, dict) or not isinstance(message.get("do"), str):
            raise SettingError(f'{WHO} needs a message {{"do": ...}}, got {excerpt(message)}')
        name = message["do"]
        if name not in QUESTIONS:
            mend = did_you_mean(name[:40], list(QUESTIONS))
            raise SettingError(f"{WHO} has no answer to {excerpt(name)}{mend}")
        return QUESTIONS[name](session, message)
    except TinynnError as error:
        return {"error": str(error)}
