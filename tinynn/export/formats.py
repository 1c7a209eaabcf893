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
    """

    size: int
    difference: float | None = None
    changed: float | None = None


class Format(NamedTuple):
    """A language or a file format.

    suffixes:  of its files, the usual one first
    settings:  the function's optional parameters: "dtype", "weights", "rows" to try the file on,
               "target" (the name of what is predicted), "reading" (how the table of the training
               was read), "doc" (a description kept in the file)
    tables:    whether it takes a Classifier or Regressor with its raw rows, or a network alone
    """

    suffixes: tuple[str, ...]
    settings: tuple[str, ...] = ()
    tables: bool = True


# To add one, write a module of its name in this folder with a function
# to_NAME(model, path, settings...) that returns an `Exported`, and add its row here.
FORMATS = {
    "python": Format((".py",), ("weights", "target", "reading", "rows")),
    "c": Format((".h",), ("dtype", "weights", "rows")),
    "javascript": Format((".mjs", ".js")),
    "onnx": Format((".onnx",), ("dtype", "doc"), tables=False),
    "safetensors": Format((".safetensors",), ("dtype",), tables=False),
}


def exporter(name: str) -> Callable[..., Exported]:
    """Return the function that exports to one of the `FORMATS`, loading its module."""
    function: Callable[..., Exported] = getattr(
        import_module(f".{name}", __package__), f"to_{name}"
    )
    return function
