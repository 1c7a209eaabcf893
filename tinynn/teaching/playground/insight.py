"""Looking inside: gradient checks, the lesson's source, and what a drawn digit is taken for."""

from __future__ import annotations

from typing import Any

from ...checks.settings import is_number
from ...checks.words import excerpt
from ...errors import SettingError
from ...training.gradient_check import gradcheck
from .digits import SIDE
from .session import Answer, Session
from .settings import WHO, one_of
from .sources import MODULES, module_source

CHECKED_ROWS = 8  # of a gradient check: enough, and quick
MOST_CHECKED = 2_000  # weights whose derivatives are checked while somebody waits
SHOWN_WRONG = 20


def checked(session: Session, message: dict[str, Any]) -> Answer:
    """Compare all derivatives with differences of the loss, on a few rows."""
    count = session.model.count_parameters()
    if count > MOST_CHECKED:
        raise SettingError(
            f"{WHO} checks at most {MOST_CHECKED:,} derivatives, and this network has {count:,} "
            "weights and biases; take neurons away"
        )
    rows = session.order(0)[:CHECKED_ROWS]
    report = gradcheck(
        session.model, session.loss, [session.inputs[i] for i in rows],
        [session.targets[i] for i in rows],
    )  # fmt: skip
    return {
        "ok": report.ok,
        "text": str(report).splitlines()[0],
        "wrong": [
            {**one._asdict(), "name": f"{one.name}[{one.row}][{one.column}]"}
            for one in report.wrong[:SHOWN_WRONG]
        ],
    }


def lesson(session: Session, message: dict[str, Any]) -> Answer:
    """Return the source of a module of the lesson: {"module": "activations"}."""
    return {"source": module_source(one_of("module", message.get("module"), MODULES))}


def guessed(session: Session, message: dict[str, Any]) -> Answer:
    """Return what a digit is taken for: {"pixels": 64 numbers from 0 to 1}."""
    pixels = message.get("pixels")
    if session.problem.kind != "pictures":
        raise SettingError(f"{WHO} reads digits with a network that was trained on digits")
    if not (
        isinstance(pixels, list)
        and len(pixels) == SIDE * SIDE
        and all(is_number(pixel) and 0.0 <= pixel <= 1.0 for pixel in pixels)
    ):
        raise SettingError(
            f"{WHO} needs a picture to be {SIDE * SIDE} numbers from 0 to 1, got {excerpt(pixels)}"
        )
    outputs = session.model.forward([list(map(float, pixels))])[0]
    return {"classes": session.problem.classes, "outputs": outputs}
