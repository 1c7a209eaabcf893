"""What a trained model can be exported to: one row for each language and file format."""

from __future__ import annotations

from importlib import import_module
from typing import Callable, NamedTuple


class Exported(NamedTuple):
    """The result of an export.

    size:        the file's, in bytes
    difference:  the largest difference between the file's probabilities or numbers and the model's,
                 over the rows that it was tried on; None if it was not tried
    changed:     of a classifier, the share of these rows that get another label: the most that its
                 accuracy on them can fall by
    score:       the file's accuracy or R² on these rows, if it was given their targets
    model_score: the model's own, on the same rows
    """

    size: int
    difference: float | None = None
    changed: float | None = None
    score: float | None = None
    model_score: float | None = None

    def sentences(self) -> list[str]:
        """Return what a file's head says about the rows that it was tried on."""
        if self.difference is None:
            return []
        first = f"On the rows tried, its numbers are off by at most {self.difference:.3g}."
        if self.changed is not None:
            first += f" {self.changed:.2%} of the rows get another label."
        if self.score is None or self.model_score is None:
            return [first]
        what, form = ("R squared", ".4f") if self.changed is None else ("accuracy", ".2%")
        own = f"{self.model_score:{form}}"
        return [first, f"Its {what} on them is {self.score:{form}}, the model's {own}."]


class Format(NamedTuple):
    """A language or a file format.

    suffixes:  of its files, the usual one first
    settings:  the function's optional parameters: "dtype", "weights", "rows" to try the file on
               and their "targets", "target" (the name of what is predicted), "reading" (how the
               table of the training was read), "doc" (a description kept in the file), "command"
               (whether the file also reads tables), "native" (machine code on MicroPython)
    network:   whether files hold the network alone, and do not read text and categories
    """

    suffixes: tuple[str, ...]
    settings: tuple[str, ...] = ()
    network: bool = False


# To add one, write a module of its name in this folder with a function
# to_NAME(model, path, settings...) that returns an `Exported`, and add its row here.
FORMATS = {
    "python": Format(
        (".py",), ("weights", "target", "reading", "rows", "targets", "command", "native")
    ),
    "c": Format((".h",), ("dtype", "weights", "rows", "targets")),
    "javascript": Format((".mjs", ".js"), ("weights", "rows", "targets")),
    "onnx": Format((".onnx",), ("dtype", "doc", "rows", "targets"), network=True),
    "safetensors": Format((".safetensors",), ("dtype", "rows", "targets"), network=True),
}


def exporter(name: str) -> Callable[..., Exported]:
    """Return the function that exports to one of the `FORMATS`, loading its module."""
    function: Callable[..., Exported] = getattr(
        import_module(f".{name}", __package__), f"to_{name}"
    )
    return function
