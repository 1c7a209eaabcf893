"""Tables on the command line: reading files, finding the target, naming lines in errors."""

from __future__ import annotations

import argparse
import re
from bisect import bisect_right
from contextlib import contextmanager
from itertools import islice
from typing import Any, Iterator, List, NamedTuple, Sequence, Union

from ..data.files import TableFile
from ..errors import DataError, ShapeError
from ..preprocessing import MISSING
from ..preprocessing.cells import Reader
from .console import Console
from .models import Model
from .parser import one_sign

Cells = List[str]
Label = Union[str, float]

GUESSED_FROM = 10_000  # rows of a stream from which the task is guessed
MOST_CLASSES = 1000
MOST_NUMBER_CLASSES = 20  # at most this many different whole numbers are taken for classes


def open_table(path: str, options: argparse.Namespace, model: Model | None = None) -> TableFile:
    """Return the table in a file, read as the options say, and then as the model's in training."""
    return TableFile(
        path,
        delimiter=None if options.delimiter is None else one_sign(options.delimiter),
        quote=None if options.quote is None else one_sign(options.quote),
        header=options.header,
        encoding=options.encoding,
        skip=options.skip,
        skip_end=options.skip_end,
        names=() if model is None or model.nameless else model.columns,
        like=None if model is None or model.about is None else model.about.reading,
    )


class Lines:
    """The line number in the file of each row of a table.

    Stores only the rows at which the difference between line and row changes.
    """

    def __init__(self) -> None:
        self.count = 0
        self._rows: list[int] = []
        self._offsets: list[int] = []

    def add(self, line: int) -> None:
        """Add the line of the next row."""
        offset = line - self.count
        if not self._offsets or self._offsets[-1] != offset:
            self._rows.append(self.count)
            self._offsets.append(offset)
        self.count += 1

    def extend(self, lines: Sequence[int]) -> None:
        """Add the lines of the next rows."""
        if isinstance(lines, range) and lines:
            self.add(lines[0])
            self.count += len(lines) - 1
        else:
            for line in lines:
                self.add(line)

    def of(self, row: int) -> int:
        """Return the line of row number `row`, from 0."""
        return row + self._offsets[max(bisect_right(self._rows, row) - 1, 0)]


class Loaded(NamedTuple):
    """A table in memory: its file, the cells of its rows, and their lines."""

    file: TableFile
    rows: list[Cells]
    lines: Lines


def load_table(file: TableFile) -> Loaded:
    """Return all rows of a file."""
    rows: list[Cells] = []
    lines = Lines()
    for numbers, part in file.parts():
        lines.extend(numbers)
        rows += part
    if not rows:
        raise DataError(f"{file.name} has no rows of data")
    return Loaded(file, rows, lines)


def note_total(file: TableFile, console: Console) -> None:
    """Note a last row that seems to hold totals."""
    if file.total is not None:
        line, text = file.total
        console.note(
            f"note: line {line} of {file.name}, the last row, seems to hold totals ({text!r}), but "
            "is read like all others; --skip-end 1 leaves it out"
        )


# The library's messages speak of arguments; the command line has options.
_TRANSLATED = (
    (r"give decimal=','", "give --decimal ,"),
    (r"give missing=\((.+?),\)", r"give --missing \1"),
    (r"kinds=\{(.+?): 'category'\}", r"--categories \1"),
    (r"TableEncoder needs at least one column", "there needs to be at least one column"),
    (r"log_target=True", "--log-target"),
    (r"^TableEncoder needs ", "the table needs "),
)


@contextmanager
def located(name: str, lines: Lines | None = None) -> Iterator[None]:
    """Make errors about a table name the file, the line, and options instead of arguments."""
    try:
        yield
    except (DataError, ShapeError) as error:
        text = str(error)
        if text.startswith(name):
            raise
        for pattern, meant in _TRANSLATED:
            text = re.sub(pattern, meant, text)
        if lines is not None and lines.count:
            text = re.sub(r"\brow (\d+)\b", lambda m: f"line {lines.of(int(m.group(1)))}", text)
        raise DataError(f"{name}: {text}") from None


def cell_reader(missing: Sequence[str], decimal: str) -> Reader:
    """Return a reader of cells that knows the usual words for missing values, and these."""
    return Reader(frozenset(("", *MISSING, *missing)), decimal)


class Target:
    """The column to predict.

    task:  "classify" if its cells are classes, "regress" if they are numbers
    why:   the reason for the task, in words
    """

    def __init__(self, name: str, index: int, task: str, why: str, reader: Reader) -> None:
        self.name, self.index = name, index
        self.task, self.why = task, why
        self.reader = reader

    def of(self, cells: Cells, file: str, line: int) -> Label | None:
        """Return the class or number in a row, or None if it is missing.

        Raises DataError, with the line, for text where a number is needed.
        """
        cell = cells[self.index]
        value = self.reader.read(cell)
        if value is None:
            return None
        if self.task == "classify":
            return cell.strip()
        if isinstance(value, str) or value - value != 0.0:
            raise DataError(
                f"{file}, line {line}, column {self.index + 1} ({self.name!r}): the target needs "
                f"numbers, got {cell.strip()[:40]!r}; if that means that the value is missing, "
                f"give --missing {cell.strip()[:40]!r}; if the column holds classes, give --task "
                "classify"
            )
        return value


def guessed_target(
    name: str, index: int, cells: Sequence[str], reader: Reader, task: str | None = None
) -> Target:
    """Return the target for a column's cells: classes or numbers, as given or guessed."""
    values = [reader.read(cell) for cell in cells]
    present = [value for value in values if value is not None]
    kinds = len(set(present))
    numbers = [value for value in present if isinstance(value, float)]
    if task is None:
        task, why = _guessed_task(len(present), kinds, numbers)
    else:
        why = "as asked"
    return Target(name, index, task, why, reader)


def _guessed_task(present: int, kinds: int, numbers: list[float]) -> tuple[str, str]:
    if 2 * len(numbers) < present or not numbers:
        return "classify", "the column holds text"
    if len(numbers) < present and kinds <= MOST_NUMBER_CLASSES:
        return "classify", "the column holds text and numbers"
    if len(numbers) == present and all(value.is_integer() for value in numbers):
        few = kinds <= MOST_NUMBER_CLASSES and present >= 5 * kinds
        if kinds <= 2 or few:
            return "classify", f"the column holds {kinds} different whole numbers"
    return "regress", f"the column holds {kinds:,} different numbers"


def check_rows(rows: int, name: str, options: argparse.Namespace) -> None:
    """Raise DataError for a table with too few rows to train on, and to hold some of them out."""
    least = 10 if options.test_share or options.early_stopping else 2
    if rows < least:
        held_out = ", to hold some out for validation and test" if least > 2 else ""
        raise DataError(f"{name}: training needs at least {least} rows{held_out}; got {rows}")


def check_range(low: float, high: float, rows: int, where: str) -> None:
    """Raise DataError for numbers that are all the same."""
    if low == high:
        raise DataError(
            f"{where} holds only one number, {low:g}, in all {rows:,} rows: there is nothing to "
            "learn"
        )


def check_class_counts(counts: dict[Any, int], where: str, asked: bool) -> None:
    """Raise DataError for classes that cannot be learned: only one, or too many for the rows."""
    rows = sum(counts.values())
    if len(counts) == 1:
        raise DataError(
            f"{where} holds only one class, {next(iter(counts))!r}, in all {rows:,} rows: there is "
            "nothing to learn"
        )
    too_thin = len(counts) > MOST_NUMBER_CLASSES and rows < 2 * len(counts) and not asked
    if len(counts) > MOST_CLASSES or too_thin:
        some = ", ".join(map(repr, islice(counts, 3)))
        raise DataError(
            f"{where} holds {len(counts):,} different classes ({some}, …) in {rows:,} rows, too "
            "many to learn; is it the right column?"
        )
