"""`tinynn export`: a trained model as code, or as a file of another program."""

from __future__ import annotations

import argparse
import os
from typing import Any, NamedTuple

from ..errors import SettingError
from ..lesson.network import Sequential
from .console import Console, check_writable
from .models import Model, counted, listed, load_any
from .parser import UsageError
from .tables import chunks_of, located, open_table

SUFFIXES = {
    ".py": "python", ".h": "c", ".mjs": "javascript", ".js": "javascript", ".onnx": "onnx",
    ".safetensors": "safetensors",
}  # fmt: skip
_C_TYPES = {"float32": "float", "float64": "double"}
MOST_ROWS = 10_000  # of a table that an export is tried on


class Done(NamedTuple):
    """What an export came to: sentences about it, and the same as JSON has it."""

    notes: list[str]
    content: dict[str, Any]


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    kind = options.to or SUFFIXES.get(os.path.splitext(options.out)[1].lower())
    if kind is None:
        raise UsageError(f"{options.out} does not tell what to export to; give --to")
    for name, kinds in (("weights", _TRIED), ("data", _TRIED), ("dtype", _TYPED)):
        if getattr(options, name) is not None and kind not in kinds:
            raise UsageError(f"--{name} is not for --to {kind}")
    check_writable(options.out)
    model = load_any(options.model, options.decimal)
    done = _WRITERS[kind](model, options)
    size = os.path.getsize(options.out)
    console.say(f"{options.out}: {options.model} as {kind}, {size:,} bytes")
    for note in done.notes:
        console.say(note)
    console.result({"file": options.out, "to": kind, "bytes": size, **done.content})
    return 0


def _python(model: Model | Sequential, options: argparse.Namespace) -> Done:
    from ..export import to_python

    target = "target"
    if isinstance(model, Model) and model.about is not None:
        target = model.about.target
    rows = _rows(model, options)
    found = to_python(_of(model), options.out, options.weights or "float", target, rows)
    return _tried(rows, found.difference, found.changed)


def _tried(rows: list[list[Any]] | None, difference: float | None, changed: float | None) -> Done:
    """Return what to say about an export that was tried on rows, or was not."""
    if rows is None or difference is None:
        return Done([], {})
    notes = [f"tried on {counted(len(rows), 'row')}: off by at most {difference:.2g}"]
    if changed is not None:
        notes[0] += f"; {changed:.2%} of the rows get another label"
    return Done(notes, {"rows": len(rows), "difference": difference, "changed": changed})


def _rows(model: Model | Sequential, options: argparse.Namespace) -> list[list[Any]] | None:
    """Return the first rows of the table that the export is to be tried on, if there is one."""
    if options.data is None:
        return None
    table = open_table(options.data, options)
    if isinstance(model, Sequential):
        places = list(range(len(table.columns)))
    else:
        places = model.places(table)
    rows: list[list[Any]] = []
    for _, part in chunks_of(table):
        rows += [[row[place] for place in places] for row in part]
        if len(rows) >= MOST_ROWS:
            break
    if isinstance(model, Sequential):
        with located(options.data):
            return [[_number(cell) for cell in row] for row in rows[:MOST_ROWS]]
    return rows[:MOST_ROWS]


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise SettingError(f"a bare network takes numbers, got {cell[:40]!r}") from None


def _c(model: Model | Sequential, options: argparse.Namespace) -> Done:
    from ..export import to_c

    rows = _rows(model, options)
    dtype, weights = _C_TYPES[options.dtype or "float64"], options.weights or "float"
    found = to_c(_of(model), options.out, dtype, None, weights, rows)
    return _tried(rows, found.difference, found.changed)


def _javascript(model: Model | Sequential, options: argparse.Namespace) -> Done:
    from ..export import to_javascript

    to_javascript(_of(model), options.out)
    return Done([], {})


def _onnx(model: Model | Sequential, options: argparse.Namespace) -> Done:
    from ..export import to_onnx

    network, done = _network(model)
    doc = "; ".join([f"A network by tinynn: {network!r}", *done.notes])
    to_onnx(network, options.out, options.dtype or "float32", doc)
    return done


def _safetensors(model: Model | Sequential, options: argparse.Namespace) -> Done:
    from ..export import to_safetensors

    network, done = _network(model)
    to_safetensors(network, options.out, options.dtype or "float64")
    return done


def _network(model: Model | Sequential) -> tuple[Sequential, Done]:
    """Return the network alone, and what has to be known to use it."""
    from ..export.folding import bare

    if isinstance(model, Sequential):
        return model, Done([], {})
    found = bare(model.estimator)
    notes = [f"inputs: {listed(found.inputs)}"]
    if found.raw:
        notes.append("they are the table's own numbers: their scales are in the first layer")
    else:
        notes.append(
            "scaling and encoding stay behind: the inputs are what encoder_.transform(rows) makes"
        )
    if model.classes:
        one = model.estimator.network_.outputs == 1 and len(model.classes) == 2
        classes = [model.classes[1]] if one else model.classes
        notes.append(f"outputs: the probability of {listed(classes)}")
    elif found.scaled:
        notes.append("outputs: numbers in standard units; their scales stay behind")
    content = {
        "inputs": found.inputs, "raw_inputs": found.raw, "classes": model.classes,
        "raw_outputs": not found.scaled,
    }  # fmt: skip
    return found.network, Done(notes, content)


def _of(model: Model | Sequential) -> object:
    return model if isinstance(model, Sequential) else model.estimator


_WRITERS = {
    "python": _python, "c": _c, "javascript": _javascript, "onnx": _onnx,
    "safetensors": _safetensors,
}  # fmt: skip
_TRIED = ("python", "c")
_TYPED = ("c", "onnx", "safetensors")
