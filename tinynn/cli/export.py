"""`tinynn export`: a trained model as code, or as a file for another program."""

from __future__ import annotations

import argparse
import os
from typing import Any, NamedTuple

from ..checks.words import counted, excerpt, listed
from ..errors import SettingError
from ..estimators.text.model import TextModel
from ..export.formats import FORMATS, Exported, exporter
from ..lesson.network import Sequential
from .console import Console, check_writable
from .decimals import adapt_decimal
from .models import Model, load_any
from .parser import UsageError
from .tables import located, open_table
from .text import is_text_model, load_text

MOST_ROWS = 10_000  # of a table that an export is tested on


class Notes(NamedTuple):
    """What a user needs to know about an export: as sentences, and as JSON."""

    sentences: list[str]
    content: dict[str, Any]


# The options that only some formats have, and their settings' names.
_SETTINGS = (
    ("weights", "weights"), ("data", "rows"), ("dtype", "dtype"), ("predict_only", "command"),
    ("micropython", "native"),
)  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    suffix = os.path.splitext(options.out)[1].lower()
    kind = options.to or next((k for k, v in FORMATS.items() if suffix in v.suffixes), None)
    if kind is None:
        raise UsageError(f"the extension of {options.out} names no format; give --to")
    known = FORMATS[kind].settings
    for name, setting in _SETTINGS:
        if getattr(options, name) is not None and setting not in known:
            raise UsageError(f"--{name.replace('_', '-')} cannot be used with --to {kind}")
    check_writable(options.out)
    model: Model | Sequential | TextModel
    if is_text_model(options.model):
        model = load_text(options.model)
        if options.data is not None:
            raise UsageError(f"--data takes a table, and {options.model} is a model of text")
    else:
        model = load_any(options.model, options.decimal, options.missing)
    notes = Notes([], {})
    exported: object = model.estimator if isinstance(model, Model) else model
    if isinstance(model, TextModel) and FORMATS[kind].network:
        exported = model.network_
    network = exported
    if isinstance(model, Model) and FORMATS[kind].network:
        network, notes = _network(model)
    rows, targets = (None, None) if isinstance(model, TextModel) else _rows(model, options)
    about = model.about if isinstance(model, Model) else None
    settings = {
        "weights": options.weights, "dtype": options.dtype, "rows": rows, "targets": targets,
        "command": False if options.predict_only or options.micropython else None,
        "native": options.micropython,
        "target": None if about is None else about.target,
        "reading": None if about is None else about.reading,
        "doc": "; ".join([f"A network by tinynn: {network!r}", *notes.sentences]),
    }  # fmt: skip
    given = {name: settings[name] for name in known if settings[name] is not None}
    found = exporter(kind)(exported, options.out, **given)
    if rows is not None and found.difference is not None:
        whole = isinstance(model, Sequential) and model.reads_steps
        tried = _tried(rows[0] if whole else rows, found, "step" if whole else "row")
        notes = Notes([*notes.sentences, *tried.sentences], {**notes.content, **tried.content})
    console.say(f"{options.out}: {options.model} as {kind}, {found.size:,} bytes")
    for sentence in notes.sentences:
        console.say(sentence)
    console.result({"file": options.out, "to": kind, "bytes": found.size, **notes.content})
    return 0


def _tried(rows: list[Any], found: Exported, noun: str) -> Notes:
    """Return what to say about an export that was tested on rows, or on the steps of a sequence."""
    sentences = [f"tested on {counted(len(rows), noun)}: off by at most {found.difference:.2g}"]
    if found.changed is not None:
        sentences[0] += f"; {found.changed:.2%} of the rows get a different label"
    content = {f"{noun}s": len(rows), "difference": found.difference, "changed": found.changed}
    if found.score is not None and found.model_score is not None:
        what, form = ("R²", ".4f") if found.changed is None else ("accuracy", ".2%")
        sentences.append(
            f"{what} on these rows: {found.score:{form}}, the model's {found.model_score:{form}}"
        )
        content.update(score=found.score, model_score=found.model_score)
    return Notes(sentences, content)


def _targets(model: Model, cells: list[str]) -> list[Any] | None:
    """Return the classes or numbers in the target's column, None if one is not the model's."""
    known = {str(label): label for label in model.classes}
    try:
        return [known[cell.strip()] if known else float(cell) for cell in cells]
    except (KeyError, ValueError):
        return None


def _rows(
    model: Model | Sequential, options: argparse.Namespace
) -> tuple[list[Any] | None, list[Any] | None]:
    """Return the first rows of the table to test the export on, and their targets if it has them.

    To a network of sequences, they are the steps of one. Without a table, both are None.
    """
    if options.data is None:
        return None, None
    table = open_table(options.data, options, None if isinstance(model, Sequential) else model)
    if isinstance(model, Sequential):
        indices = list(range(len(table.columns)))
    else:
        indices = model.indices(table)
        if options.decimal is None:
            adapt_decimal(model, table, Console(options.quiet))
    rows: list[list[Any]] = []
    answers: list[str] = []
    about = model.about if isinstance(model, Model) else None
    at = None
    if about is not None and about.target in table.columns:
        at = list(table.columns).index(about.target)
    for _, part in table.parts():
        rows += [[row[index] for index in indices] for row in part]
        answers += [] if at is None else [row[at] for row in part]
        if len(rows) >= MOST_ROWS:
            break
    if isinstance(model, Sequential):
        with located(options.data):
            numbers = [[_number(cell) for cell in row] for row in rows[:MOST_ROWS]]
        return [numbers] if model.reads_steps else numbers, None
    known = _targets(model, answers[:MOST_ROWS]) if answers else None
    return rows[:MOST_ROWS], known


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        raise SettingError(f"a bare network takes numbers, got {excerpt(cell)}") from None


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
