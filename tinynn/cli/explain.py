"""`tinynn explain`: one step of training with its arithmetic, of an example or a saved model."""

from __future__ import annotations

import argparse
import os
from typing import Sequence

from ..checks.words import counted
from ..errors import DataError, SettingError
from ..files.atomic import write_text
from ..teaching.explain import Equation, Explanation, explain
from ..teaching.explain.examples import EXAMPLES, example
from ..teaching.explain.explanation import DIGITS
from ..training.lbfgs import by_name
from ..view.terminal import printable
from .console import Console, check_writable
from .network_rows import network_rows
from .parser import UsageError, suggestion

RATE = 0.1


def run(options: argparse.Namespace) -> None:
    """Run the command."""
    console = Console(options.quiet, options.json)
    check_writable(options.html)
    found = _example(options) if options.data is None else _of_model(options, console)
    if options.html:
        write_text(options.html, found.to_html())
        console.say(f"{counted(len(found.lines), 'line')} written to {options.html}")
    else:
        console.show(found.text(console.width, console.ascii_only))
    console.result({"title": found.title, "remarks": found.remarks,
                    "lines": [_as_dict(line) for line in found.lines]})  # fmt: skip


def _example(options: argparse.Namespace) -> Explanation:
    name = options.model
    for option in ("loss", "learning_rate", "row", "target"):
        if getattr(options, option) is not None:
            raise UsageError(f"--{option.replace('_', '-')} needs a model and --data TABLE")
    if name in EXAMPLES:
        return example(name, options.only, options.digits)
    if os.path.exists(name):
        raise UsageError(f"explain needs --data TABLE to explain a step of {printable(name)}")
    raise UsageError(f"{name!r} is neither a file nor an example{suggestion(name, list(EXAMPLES))}")


def _of_model(options: argparse.Namespace, console: Console) -> Explanation:
    rows = options.row or [1]

    def wanted(count: int) -> Sequence[int]:
        for row in rows:
            if row > count:
                raise DataError(f"{options.data} has {counted(count, 'row')}, got --row {row}")
        return [row - 1 for row in rows]

    found = network_rows(options, console, wanted)
    if options.loss is not None and options.loss != found.loss:
        raise SettingError(f"--loss is for bare networks; this model learned by {found.loss!r}")
    optimizer = by_name(options.optimizer)
    optimizer.learning_rate = options.learning_rate or RATE
    digits = options.digits or DIGITS
    return explain(found.network, found.X, found.T, found.loss, optimizer, options.only, digits)


def _as_dict(line: Equation) -> dict[str, object]:
    return {
        "part": line.part, "layer": line.layer, "column": line.column, "row": line.row,
        "weight": line.weight, "name": line.name, "formula": line.formula, "numbers": line.numbers,
        "result": line.result, "note": line.note,
    }  # fmt: skip
