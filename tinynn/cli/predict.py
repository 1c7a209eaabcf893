"""`tinynn predict`: a table, with the model's answers as new columns."""

from __future__ import annotations

import argparse
import csv
import sys
from contextlib import contextmanager
from typing import Any, Iterator, Sequence

from ..checks.words import counted
from ..data.files import TableFile
from ..errors import DataError, SettingError
from ..estimators import Classifier
from ..files.atomic import writing
from .console import Console, Meter, Terminal, check_writable
from .decimals import adapt_decimal
from .lags import check_cells, places_of
from .models import Model, load_model
from .tables import Lines, located, open_table
from .testing import note_missing

MOST_NOTED = 5  # rows without an answer that are listed
_MEND = "--keep-going leaves the answers of such rows empty"


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
    kind = _AnsweringSeries if model.lags else _Answering
    answering = kind(model, table, indices, options)
    done = 0
    # Rows that scroll by on a terminal are progress enough.
    seen = not options.out and sys.stdout.isatty()
    meter = Meter(Console(quiet=console.quiet or seen), "predicting")
    for numbers, rows in table.parts(ragged=True):
        answers = answering.of(numbers, rows)
        if options.only:
            writer.writerows(answers)
        else:
            writer.writerows([row + answer for row, answer in zip(rows, answers)])
        done += len(rows)
        size = table.size
        meter.show(done, table.position / size if size else None)
    meter.clear()
    more = answering.following()
    writer.writerows([[""] * len(header) + answer for answer in more])
    if more:
        console.note("note: the last row is the forecast of what follows the table")
    note_missing(answering.missing, answering.unseen, console, table.name)
    answering.note_bad(done, console)
    return done


class _Answering:
    """Answers rows, and counts what was missing or unknown in them, and what cannot be read."""

    def __init__(
        self, model: Model, table: TableFile, indices: list[int], options: argparse.Namespace
    ) -> None:
        self.model, self.table, self.indices = model, table, indices
        self.proba, self.keep_going = options.proba, options.keep_going
        self.missing: dict[str, int] = {}
        self.unseen: dict[str, dict[str, int]] = {}
        self.bad: list[str] = []  # what is wrong with the first rows without an answer
        self.bad_count = 0

    def of(self, numbers: Sequence[int], rows: list[list[str]]) -> list[list[Any]]:
        """Return the new cells of rows with these line numbers.

        Raises DataError for a row that cannot be read, unless `keep_going`: it then gets empty
        cells and a note, and as many cells as there are columns.
        """
        if not self.keep_going:
            try:
                self.table.check_widths(numbers, rows)
                return self._answers(numbers, rows)
            except DataError as error:
                raise DataError(f"{error}; {_MEND}") from None
        width = len(self.table.columns)
        if set(map(len, rows)) == {width}:
            return self._tried(numbers, rows)
        fitting = [i for i, row in enumerate(rows) if len(row) == width]
        found = iter(self._tried([numbers[i] for i in fitting], [rows[i] for i in fitting]))
        answers: list[list[Any]] = []
        for number, row in zip(numbers, rows):
            if len(row) == width:
                answers.append(next(found))
            else:
                answers.append(self._unanswered(number, self.table.raggedness(row)))
                row[:] = [*row, *[""] * (width - len(row))][:width]
        return answers

    def _tried(self, numbers: Sequence[int], rows: list[list[str]]) -> list[list[Any]]:
        """Return the new cells of rows, of which those that cannot be read are found by halving."""
        if not rows:
            return []
        try:
            return [[*answer, ""] for answer in self._answers(numbers, rows)]
        except DataError as error:
            if len(rows) == 1:
                what = str(error)[len(self.table.name) + 2 :].partition("; ")[0]
                return [self._unanswered(numbers[0], what.replace(f" in line {numbers[0]}", ""))]
        half = len(rows) // 2
        return self._tried(numbers[:half], rows[:half]) + self._tried(numbers[half:], rows[half:])

    def _unanswered(self, number: int, what: str) -> list[Any]:
        self.bad_count += 1
        if len(self.bad) < MOST_NOTED:
            self.bad.append(f"line {number}: {what}")
        new = 1 + (len(self.model.classes) if self.proba else 0)
        return [*[""] * new, what]

    def _answers(self, numbers: Sequence[int], rows: list[list[str]]) -> list[list[Any]]:
        model, lines = self.model, Lines()
        lines.extend(numbers)
        with located(self.table.name, lines):
            cells = [[row[index] for index in self.indices] for row in rows]
            found = model.estimator.encoder_.encode(cells)
            outputs = model.outputs(found.rows)
            answers: list[list[Any]] = [[answer] for answer in model.answers(outputs)]
        if self.proba:
            for answer, probabilities in zip(answers, model.probabilities(outputs)):
                answer += [f"{p:.6g}" for p in probabilities]
        _add_counts(self.missing, found.missing)
        for name, kinds in found.unseen.items():
            _add_counts(self.unseen.setdefault(name, {}), kinds)
        return answers

    def following(self) -> list[list[Any]]:
        """Return the new cells of what follows the table, if that can be known."""
        return []

    def note_bad(self, rows: int, console: Console) -> None:
        """Note how many rows have no answer. Raises DataError if none has one."""
        if not self.bad_count:
            return
        name, all_rows = self.table.name, counted(rows, "row")
        some = "; ".join(self.bad) + ("; …" if self.bad_count > len(self.bad) else "")
        if self.bad_count == rows:
            raise DataError(f"{name}: none of {all_rows} can be read: {some}")
        have = "has" if self.bad_count == 1 else "have"
        console.note(f"note: {self.bad_count:,} of {all_rows} of {name} {have} no answer: {some}")


class _AnsweringSeries(_Answering):
    """Answers each row of a series from those before it; the first ones have too few of them."""

    def __init__(
        self, model: Model, table: TableFile, indices: list[int], options: argparse.Namespace
    ) -> None:
        self.places = places_of(model, table)
        super().__init__(model, table, list(range(len(self.places))), options)
        self.before: list[list[str]] = []  # as many rows as there are lags, once there are so many
        self.last = 0  # line

    def of(self, numbers: Sequence[int], rows: list[list[str]]) -> list[list[Any]]:
        self.table.check_widths(numbers, rows)
        lines = Lines()
        lines.extend(numbers)
        check_cells(self.model, self.table, self.places, rows, lines)
        lags = self.model.lags
        known = self.before + rows
        first = max(lags, len(self.before))
        lagged = [[known[t - lag][j] for j, lag in self.places] for t in range(first, len(known))]
        new = 1 + (len(self.model.classes) if self.proba else 0)
        answers: list[list[Any]] = [[""] * new] * (len(rows) - len(lagged))
        if lagged:
            answers += self._answers(numbers[len(rows) - len(lagged) :], lagged)
        self.before, self.last = known[-lags:], numbers[-1]
        return answers

    def following(self) -> list[list[Any]]:
        about, lags = self.model.about, self.model.lags
        if about is None or len(self.before) < lags:
            raise DataError(
                f"{self.table.name} has {counted(len(self.before), 'row')}, and "
                f"{self.model.path} needs {lags} before the one that it predicts"
            )
        if about.target in self.table.columns:
            cell = self.before[-1][self.table.columns.index(about.target)].strip()
            if cell in self.model.estimator.encoder_.reader.missing:
                return []  # what follows was asked for by a row without a target
        row = [self.before[lags - lag][j] for j, lag in self.places]
        return self._answers([self.last + 1], [row])


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


def _add_counts(total: dict[str, int], more: dict[str, int]) -> None:
    for name, count in more.items():
        total[name] = total.get(name, 0) + count


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
