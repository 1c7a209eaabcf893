"""`tinynn predict`: a table, with the model's answers as new columns."""

from __future__ import annotations

import argparse
import csv
import sys
from contextlib import contextmanager
from typing import Any, Iterator

from ..checks.words import counted
from ..data.files import CHUNK, TableFile
from ..errors import SettingError
from ..estimators import Classifier
from ..files.atomic import writing
from .answering import Answering
from .console import Console, Meter, Terminal, check_writable
from .decimals import adapt_decimal
from .forecasts import AnsweringSeries
from .models import Model, load_model
from .tables import open_table
from .testing import note_missing


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet)
    check_writable(options.out)
    model = load_model(options.model, options.decimal, options.missing)
    if options.proba and not model.classes:
        raise SettingError(f"--proba needs a classifier; {options.model} is a regressor")
    table = open_table(options.data, options, model)
    if model.lags and options.keep_going:
        raise SettingError(
            f"--keep-going leaves rows out, and {options.model} is of a series, which needs each; "
            "leave it out"
        )
    if options.steps and not model.lags:
        raise SettingError(
            f"--steps needs a model of a series, which `train --lags` makes; {options.model} "
            "answers each row by itself"
        )
    indices = [] if model.lags else model.indices(table)
    if options.decimal is None:
        model = adapt_decimal(model, table, console)
    with _written(options.out) as out:
        rows = _predict(model, table, indices, options, console, out)
    if options.out:
        console.note(f"{counted(rows, 'row')} written to {options.out}")
    return 0


def _predict(
    model: Model,
    table: TableFile,
    indices: list[int],
    options: argparse.Namespace,
    console: Console,
    out: Any,
) -> int:
    """Write the table with its answers; return how many rows it has."""
    writer = csv.writer(out, lineterminator="\n")
    header = [] if options.only else list(table.columns)
    new = _new_columns(model, header, options.proba, options.keep_going)
    writer.writerow(header + new)
    kind = AnsweringSeries if model.lags else Answering
    answering = kind(model, table, indices, options)
    done = 0
    # Rows that scroll by on a terminal are progress enough.
    seen = not options.out and sys.stdout.isatty()
    meter = Meter(Console(quiet=console.quiet or seen), "predicting")
    # Which rows the table ends with, which --steps has to know, is known once all are read.
    for numbers, rows in table.parts(sys.maxsize if options.steps else CHUNK, ragged=True):
        answers = answering.of(numbers, rows)
        if options.only:
            writer.writerows(answers)
        else:
            writer.writerows([row + answer for row, answer in zip(rows, answers)])
        done += len(rows)
        size = table.size
        meter.show(done, table.position / size if size else None)
    meter.clear()
    more = answering.following(console)
    writer.writerows([[""] * len(header) + answer for answer in more])
    note_missing(answering.missing, answering.unseen, console, table.name)
    answering.note_bad(done, console)
    return done


def _new_columns(model: Model, taken: list[str], proba: bool, note: bool) -> list[str]:
    """Return names for the new columns, different from those in `taken`."""
    target = "target" if model.about is None else model.about.target
    wanted = [f"predicted_{target}"]
    if proba and isinstance(model.estimator, Classifier):
        wanted += [f"probability_{label}" for label in model.classes]
    wanted += ["note"] * note
    names: list[str] = []
    for name in wanted:
        while name in taken or name in names:
            name += "_"
        names.append(name)
    return names


@contextmanager
def _written(path: Any) -> Iterator[Any]:
    """Yield a file to write to, which gets its name once it is complete; or standard output."""
    if path is None:
        # CSV is UTF-8 with plain line ends on every system.
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        yield Terminal(sys.stdout) if sys.stdout.isatty() else sys.stdout
        sys.stdout.flush()
        return
    with writing(path, text=True) as file:
        yield file
