"""Saving text models: a network, its vocabulary, and how it was trained, in one file."""

from __future__ import annotations

from typing import Any, Callable

from ...files import json_file
from ...files.atomic import Path
from ...training.resuming import RunFile
from ...training.saved_state import history_to_dict
from .about import FittedText

NOT_SAVED = ("callbacks", "engine")
OWN = "own"  # what a file calls the network of a caller's own function


def save(model: FittedText, path: Path) -> None:
    """Write a text model that was trained to a file."""
    json_file.write(path, FittedText.kind, to_dict(model))


def to_dict(model: FittedText) -> dict[str, Any]:
    """Return a text model as plain dictionaries, lists and numbers, ready for JSON."""
    settings = {name: value for name, value in model.get_params().items() if name not in NOT_SAVED}
    if callable(settings["network"]):
        settings["network"] = OWN
    return {
        "settings": settings,
        "characters": model.vocabulary_.characters,
        "whole": model.whole_,
        "most_steps": model.most_steps_,
        "counts": model.counts_,
        "network": model.network_.to_dict(),
        "history": history_to_dict(model.history_),
        "about": None if model.about_ is None else model.about_._asdict(),
    }


def run_file(path: Path, model: Callable[[], FittedText]) -> RunFile:
    """Return the file of a run: that of a text model, which a function gives as it is by then."""

    def content(network: dict[str, Any]) -> dict[str, Any]:
        return {**to_dict(model()), "network": network}

    return RunFile(path, FittedText.kind, content, lambda content: content.get("network"))
