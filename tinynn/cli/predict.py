"""`tinynn predict`: a table, with the model's answers as new columns."""

from __future__ import annotations

import argparse
import csv
import os
import sys
from contextlib import contextmanager
from typing import Any, Iterator, TextIO

from ..checks.words import counted
from ..data.files import TableFile
from ..errors import SettingError
from ..estimators import Classifier
from .console import Console, Meter, check_writable
from .models import Model, load_model
from .tables import Lines, chunks_of, located, open_table
from .testing import note_missing


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet)
    check_writable(options.out)
    model = load_model(options.model, options.decimal)
    if options.proba and not model.classes:
        raise SettingError(f"--proba needs a classifier; {options.model} is a regressor")
    table = open_table(options.data, options)
    indices = model.indices(table)
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
    out: TextIO,
) -> int:
    """Write the table with its answers; return how many rows it has."""
    writer = csv.writer(out, lineterminator="\n")
    header = [] if options.only else list(table.columns)
    writer.writerow(header + _new_columns(model, header, options.proba))
    missing: dict[str, int] = {}
    unseen: dict[str, dict[str, int]] = {}
    lines, done = Lines(), 0
    # Rows that scroll by on a terminal are progress enough.
    seen = out is sys.stdout and sys.stdout.isatty()
    meter = Meter(Console(quiet=console.quiet or seen), "predicting")
    for numbers, rows in chunks_of(table):
        for number in numbers:
            lines.add(number)
        with located(table.name, lines, trained=True):
            cells = [[row[index] for index in indices] for row in rows]
            found = model.estimator.encoder_.encode(cells, done)
        outputs = model.outputs(found.rows)
        answers: list[list[Any]] = [[answer] for answer in model.answers(outputs)]
        if options.proba:
            for answer, probabilities in zip(answers, model.probabilities(outputs)):
                answer += [f"{p:.6g}" for p in probabilities]
        if options.only:
            writer.writerows(answers)
        else:
            writer.writerows([row + answer for row, answer in zip(rows, answers)])
        _add_counts(missing, found.missing)
        for name, kinds in found.unseen.items():
            _add_counts(unseen.setdefault(name, {}), kinds)
        done += len(rows)
        size = table.size
        meter.show(done, table.position / size if size else None)
    meter.clear()
    note_missing(missing, unseen, console, table.name)
    return done


def _new_columns(model: Model, taken: list[str], proba: bool) -> list[str]:
    """Return names for the new columns, different from those in `taken`."""
    target = "target" if model.about is None else model.about.target
    wanted = [f"predicted_{target}"]
    if proba and isinstance(model.estimator, Classifier):
        wanted += [f"probability_{label}" for label in model.classes]
    names: list[str] = []
    for name in wanted:
        while name in taken or name in names:
            name += "_"
        names.append(name)
    return names


def _add_counts(total: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0) + count


@contextmanager
def _written(path: Any) -> Iterator[TextIO]:
    """Yield a file to write to, which gets its name once it is complete; or standard output."""
    if path is None:
        # CSV is UTF-8 with plain line ends on every system.
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        yield sys.stdout
        sys.stdout.flush()
        return
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        with open(target, "w", encoding="utf-8", newline="\n") as device:
            yield device
        return
    part = f"{target}.{os.getpid()}.part"
    try:
        with open(part, "x", encoding="utf-8", newline="\n") as file:
            yield file
        os.replace(part, target)
    except BaseException:
        if os.path.exists(part):
            os.unlink(part)
        raise
