"""The folder of `--resume`: each stage of the command's training is a run in a file of its own."""

from __future__ import annotations

import os
from typing import Any, Callable

from ..checks.words import counted, excerpt
from ..errors import FormatError, SettingError
from ..files import json_file
from ..training.history import History
from .console import Console
from .models import ended


class Stages:
    """Gives each stage of a training its file, or none without a folder.

    The stages come in the same order each time. A file that is there already is of a run that was
    cut short, or finished: `Estimator.fit` goes on from it, and checks that it is the same.
    """

    def __init__(self, folder: str | None, console: Console) -> None:
        self.folder, self.console = folder, console
        if folder is not None:
            if os.path.exists(folder) and not os.path.isdir(folder):
                raise SettingError(f"--resume needs a folder, got the file {folder}")
            os.makedirs(folder, exist_ok=True)

    def file(self, stage: str) -> str | None:
        """Return the path of a stage's file."""
        if self.folder is None:
            return None
        path = os.path.join(self.folder, f"{stage}.json")
        if os.path.exists(path):
            self.console.say(f"going on from {path}")
        return path

    def chosen(self, stage: str, of: dict[str, Any], choose: Callable[[], dict[str, Any]]) -> None:
        """Make a choice, unless the stage's file has it already; put it into `of`, the options.

        `choose` returns options by name. Raises SettingError if it was a choice among others.
        """
        path = self.file(stage)
        others = ("out", "report", "resume", "jobs")
        known = {key: value for key, value in of.items() if key not in others}
        if path is None or not os.path.exists(path):
            found = choose()
            if path is not None:
                json_file.write(path, stage, {"options": known, "chosen": found})
            of.update(found)
            return
        content = json_file.read(path)
        found = content.get("chosen", {})
        if content.get("options") != known:
            raise SettingError(
                f"{path} is of a command with other options; delete it to choose anew"
            )
        if not isinstance(found, dict) or not all(
            key in of and isinstance(value, (int, float, str, list)) for key, value in found.items()
        ):
            raise FormatError(f"{path} needs chosen to be options, got {excerpt(found)}")
        of.update(found)
        words = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in found.items())
        self.console.say(f"chosen before: {words}")


def say_end(history: History, console: Console, stages: Stages) -> None:
    """Say how a training ended: after how many epochs, and what is kept of one that was cut."""
    seconds = f" in {history.seconds[-1]:.1f} s" if history.seconds else ""
    epochs = counted(history.epochs, "epoch")
    if history.stopped_by == "interrupted":
        kept = f"the {'best ' if history.validation_loss else ''}model so far is kept"
        if not history.epochs:
            kept = "the model from within its first epoch is kept"
        more = "; the same command goes on with it" if stages.folder else ""
        console.note(f"interrupted after {epochs}{seconds}: {kept}{more}")
        return
    best = f"; best: epoch {history.best_epoch}" if history.validation_loss else ""
    console.say(f"trained {epochs}{seconds}, {ended(history.stopped_by)}{best}")
