"""Trainings that survive the end of their process: `fit(..., resume="run.json")`."""

from __future__ import annotations

import os
import time
from array import array
from typing import Any, Callable, Dict

from ..checks.words import listed
from ..engines.contract import Recipe
from ..errors import FormatError, SettingError
from ..files import json_file
from ..files.atomic import Path
from ..lesson.network import KIND, Sequential
from .model_files import network_from_dict
from .saved_state import SavedRun
from .training_data import TrainingData

# Writing takes at most this share of the time, and happens at most this often.
SHARE, SECONDS = 0.05, 1.0
# How a training ends that has not reached its own end: it can go on from its last whole epoch.
UNFINISHED = (None, "interrupted", "error", "divergence", "time budget")
Content = Dict[str, Any]


class RunFile:
    """The file of a run: a model file, with the memory of training in it.

    kind, content: the kind of model file, and a function that describes it, given the network's
                   own description; by default the file holds the network alone
    network:       a function that takes the network's description out of the file's content
    """

    def __init__(
        self,
        path: Path,
        kind: str = KIND,
        content: Callable[[Content], Content] = lambda described: described,
        network: Callable[[Content], Any] = lambda content: content,
    ) -> None:
        self.path, self.kind, self.content, self.network = path, kind, content, network
        self.of: dict[str, Any] | None = None
        self.written = time.monotonic()
        self.took = 0.0

    def read(
        self, model: Sequential, of: dict[str, Any], engine: str
    ) -> tuple[Sequential, SavedRun] | None:
        """Return the network in the file and its run; None if there is no file yet.

        `of` is what the training to be resumed needs to be, and `engine` what it asks for. Raises
        FormatError for a file of something else, SettingError, naming the differences, for one of
        another training.
        """
        self.of = of
        if not os.path.exists(self.path):
            return None
        content = json_file.read(self.path)
        if content.get("kind") != self.kind:
            raise FormatError(
                f"{self.path} needs to hold the run of a {self.kind}, got {content.get('kind')!r}"
            )
        name = str(self.path)
        found = network_from_dict(self.network(content), name)
        saved = found.training.pop("run", None)
        if saved is None:
            raise FormatError(f"{name} holds no run: it was not written by a training with resume")
        if _layers(found) != _layers(model):
            raise SettingError(f"{name} holds a run of {found!r}, and this is {model!r}{_mend}")
        run = SavedRun.from_dict(saved, found)  # which was checked with the network
        others = [key for key in of if run.of is not None and run.of.get(key) != of[key]]
        if others:
            raise SettingError(
                f"{name} holds a run that differs in {' and '.join(others)}, so it cannot go on "
                f"here{_mend}"
            )
        began = found.training.get("engine", {}).get("name")
        if engine not in ("auto", began):
            raise SettingError(
                f"{name} holds a run of the engine {listed([began])}, which goes on "
                f'with that engine only, got engine={engine!r}; leave it to "auto"'
            )
        return found, run

    @property
    def due(self) -> bool:
        """Whether it is time to write again."""
        passed = time.monotonic() - self.written
        return passed > SECONDS and passed * SHARE > self.took

    def write(self, model: Sequential, run: SavedRun) -> None:
        """Write the network, with its training and the run."""
        started = time.monotonic()
        described: Content = model.to_dict()
        run = run._replace(of=self.of)
        described["training"] = {**model.training, "engine": run.engine, "run": run.to_dict()}
        json_file.write(self.path, self.kind, self.content(described))
        self.written = time.monotonic()
        self.took = self.written - started


def is_over(run: SavedRun, epochs: int) -> bool:
    """Return whether a run of so many epochs has come to its end."""
    history = run.history
    if history.stopped_by == "epochs":
        return history.epochs >= epochs
    return history.stopped_by not in UNFINISHED


_mend = "; delete the file to start anew, or give another"


def described(
    recipe: Recipe, data: TrainingData, validation: TrainingData | None
) -> dict[str, Any]:
    """Return what a run needs to have in common with one that it resumes."""
    return {
        "rows": len(data.X),
        "data": _checksum(data),
        "validation data": _checksum(validation),
        "loss": recipe.loss.to_dict(),
        "optimizer": recipe.optimizer.to_dict(),
        "clip_norm": recipe.clip_norm,
        "clip_value": recipe.clip_value,
    }


def _checksum(data: TrainingData | None) -> int | None:
    """Return a checksum of rows of inputs, targets and weights; None without any."""
    if data is None or not data.X:
        return None
    from zlib import crc32

    found = 0
    X, T, weights = data.flat()
    for rows in (X, T, [weights or []], [getattr(X, "lengths", [])]):
        for row in rows:
            found = crc32(array("d", row).tobytes(), found)
    return found


def _layers(network: Sequential) -> list[Any]:
    return [layer.description() for layer in network.layers]
