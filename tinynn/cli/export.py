"""`tinynn export`: a trained model as code, or as a file for another program."""

from __future__ import annotations

import argparse
import os
from typing import Any, NamedTuple

from ..checks.words import counted, listed
from ..errors import SettingError
from ..export.formats import FORMATS, exporter
from ..lesson.network import Sequential
from .console import Console, check_writable
from .decimals import adapt_decimal
from .models import Model, load_any
from .parser import UsageError
from .tables import located, open_table

MOST_ROWS = 10_000  # of a table that an export is tested on


class Notes(NamedTuple):
    """What a user needs to know about an export: as sentences, and as JSON."""

    sentences: list[str]
    content: dict[str, Any]


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    suffix = os.path.splitext(options.out)[1].lower()
    kind = options.to or next((k for k, v in FORMATS.items() if suffix in v.suffixes), None)
    if kind is None:
        raise UsageError(f"the extension of {options.out} names no format; give --to")
    known = FORMATS[kind].settings
    for name, setting in (("weights", "weights"), ("data", "rows"), ("dtype", "dtype")):
        if getattr(options, name) is not None and setting not in known:
            raise UsageError(f"--{name} cannot be used with --to {kind}")
    check_writable(options.out)
    model = load_any(options.model, options.decimal, options.missing)
    notes = Notes([], {})
    exported: object = model if isinstance(model, Sequential) else model.estimator
    if isinstance(model, Model) and not FORMATS[kind].tables:
        exported, notes = _network(model)
    rows = _rows(model, options)
    about = model.about if isinstance(model, Model) else None
    settings = {
        "weights": options.weights, "dtype": options.dtype, "rows": rows,
        "target": None if about is None else about.target,
        "reading": None if about is None else about.reading,
        "doc": "; ".join([f"A network by tinynn: {exported!r}", *notes.sentences]),
    }  # fmt: skip
    given = {name: settings[name] for name in known if settings[name] is not None}
    found = exporter(kind)(exported, options.out, **given)
    if rows is not None and found.difference is not None:
        notes = _tried(rows, found.difference, found.changed)
    console.say(f"{options.out}: {options.model} as {kind}, {found.size:,} bytes")
    for sentence in notes.sentences:
        console.say(sentence)
    console.result({"file": options.out, "to": kind, "bytes": found.size, **notes.content})
    return 0


def _tried(rows: list[list[Any]], difference: float, changed: float | None) -> Notes:
    """Return what to say about an export that was tested on rows."""
    sentence = f"tested on {counted(len(rows), 'row')}: off by at most {difference:.2g}"
    if changed is not None:
        sentence += f"; {changed:.2%} of the rows get a different label"
    return Notes([sentence], {"rows": len(rows), "difference": difference, "changed": changed})


def _rows(model: Model | Sequential, options: argparse.Namespace) -> list[list[Any]] | None:
    """Return the first rows of the table to test the export on, or None without one."""
    if options.data is None:
        return None
    table = open_table(options.data, options, None if isinstance(model, Sequential) else model)
    if isinstance(model, Sequential):
        indices = list(range(len(table.columns)))
    else:
        indices = model.indices(table)
        if options.decimal is None:
            adapt_decimal(model, table, Console(options.quiet))
    rows: list[list[Any]] = []
    for _, part in table.parts():
        rows += [[row[index] for index in indices] for row in part]
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


def _network(model: Model) -> tuple[Sequential, Notes]:
    """Return the network alone, and what a user needs to know to run it."""
    from ..export.folding import bare

    found = bare(model.estimator)
    notes = [f"inputs: {listed(found.inputs)}"]
    if found.raw:
        notes.append("they are numbers as in the table; the first layer scales them")
    else:
        notes.append(
            "scaling and encoding are not included: the inputs are encoder_.transform(rows)"
        )
    if model.classes:
        one = model.estimator.network_.outputs == 1 and len(model.classes) == 2
        classes = [model.classes[1]] if one else model.classes
        notes.append(f"outputs: the probability of {listed(classes)}")
    elif found.scaled:
        notes.append("outputs: numbers in standard units; scaling them back is not included")
    if found.unlinked:
        notes.append(f"{found.unlinked}() of the outputs is not included; it gives the answers")
    content = {
        "inputs": found.inputs, "raw_inputs": found.raw, "classes": model.classes,
        "raw_outputs": not (found.scaled or found.unlinked),
    }  # fmt: skip
    return found.network, Notes(notes, content)
