"""What a peer is: an implementation that turns tasks into jobs, if it is installed and can."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Iterator, Sequence

from ..jobs import Job, NotMeant, Refused
from ..tasks.kinds import Prediction, Training

UNKNOWN = "unknown"


class Peer:
    """An implementation. `module` is what it imports, `distribution` how it is installed."""

    name = ""
    title = ""
    module = ""
    distribution = ""

    def load(self) -> Any:
        """Return the module, imported only now. Raises Refused, with the reason, if it is absent.

        Modules are `Any` here, so that the benchmarks can be type-checked without the peers.
        """
        return load(self.module, self.distribution)

    def version(self) -> str:
        """Return the version installed. Raises Refused as `load` does."""
        self.load()
        return version_of(self.distribution)

    def training(self, task: Training) -> Job:
        """Return a job that trains. Raises Refused if this peer cannot do this arithmetic."""
        raise NotMeant(f"{self.title} does not train")

    def prediction(self, task: Prediction) -> Job:
        """Return a job that predicts row by row. Raises Refused if this peer cannot."""
        raise NotMeant(f"{self.title} does not predict")


def load(module: str, distribution: str) -> Any:
    """Return an imported module. Raises Refused if it is not installed, or fails to import."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name and module.split(".")[0] == error.name.split(".")[0]:
            raise Refused(f"not installed (pip install {distribution})") from None
        raise Refused(f"cannot be imported: {error}") from None
    except Exception as error:  # whatever a broken installation raises
        raise Refused(f"cannot be imported: {type(error).__name__}: {error}") from None


def version_of(distribution: str) -> str:
    """Return the version of an installed distribution, or UNKNOWN."""
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return UNKNOWN


def flat(layers: Sequence[Any]) -> list[float]:
    """Return all numbers of (weights, bias) pairs in one list: W row by row, then b, per layer."""
    numbers: list[float] = []
    for W, b in layers:
        for row in W:
            numbers += map(float, row)
        numbers += map(float, b)
    return numbers


def shuffled(task: Training, X: Any, T: Any, order: Any) -> Iterator[tuple[Any, Any]]:
    """Return the batches of a task's arrays or tensors, in an order of their rows."""
    slices = (order[a:b] for a, b in task.batches(len(X)))
    return ((X[k], T[k]) for k in slices)
