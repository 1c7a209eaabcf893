"""What a trained model can be exported to: a row for each language and each format of files."""

from __future__ import annotations

from importlib import import_module
from typing import Callable, NamedTuple


class Exported(NamedTuple):
    """What an export came to.

    size:        the file's, in bytes
    difference:  the largest one between a probability or number of the file and the model's, over
                 the rows that it was tried on; None if it was not tried
    changed:     of a classifier, the share of these rows that get another label, which is the most
                 that its accuracy on them can fall by
    """

    size: int
    difference: float | None = None
    changed: float | None = None


class Format(NamedTuple):
    """A language, or a format of files.

    suffixes:  of its files, the usual one first
    settings:  what else its function can be told: "dtype", "weights", "rows" to try the file on,
               "target" (the name of what is predicted), "doc" (words that the file keeps)
    tables:    whether it takes a Classifier or Regressor with its raw rows; else a network alone
    """

    suffixes: tuple[str, ...]
    settings: tuple[str, ...] = ()
    tables: bool = True


# To add one: a module of its name in this folder with a function to_NAME(model, path, settings...)
# that returns an `Exported`, and its row here.
FORMATS = {
    "python": Format((".py",), ("weights", "target", "rows")),
    "c": Format((".h",), ("dtype", "weights", "rows")),
    "javascript": Format((".mjs", ".js")),
    "onnx": Format((".onnx",), ("dtype", "doc"), tables=False),
    "safetensors": Format((".safetensors",), ("dtype",), tables=False),
}


def exporter(name: str) -> Callable[..., Exported]:
    """Return the function that exports to one of the `FORMATS`; its module is loaded now."""
    function: Callable[..., Exported] = getattr(
        import_module(f".{name}", __package__), f"to_{name}"
    )
    return function
