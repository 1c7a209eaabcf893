"""Tables on the command line: read from files, their target found, errors named by line."""

from __future__ import annotations

import argparse
import re
from bisect import bisect_right
from contextlib import contextmanager
from itertools import islice
from typing import Any, Iterator, List, NamedTuple, Sequence, Union

from ..checks.words import counted
from ..data.files import TableFile
from ..errors import DataError, ShapeError
from ..preprocessing import MISSING
from ..preprocessing.cells import Reader
from .parser import one_sign

Cells = List[str]
Label = Union[str, float]

CHUNK = 4096  # rows that are worked on in one go
GUESSED_FROM = 10_000  # rows of a stream whose targets decide what is to be learned
MOST_CLASSES = 1000
MOST_NUMBER_CLASSES = 20  # whole numbers of so many kinds are taken for classes


def open_table(path: str, options: argparse.Namespace) -> TableFile:
    """Return the table in a file, read as the options say."""
    return TableFile(
        path,
        delimiter=None if options.delimiter is None else one_sign(options.delimiter),
        quote=None if options.quote is None else one_sign(options.quote),
        header=options.header,
        encoding=options.encoding,
    )


class Lines:
    """In which line of its file each row of a table stands.

    Kept are only the rows at which the difference between both changes.
    """

    def __init__(self) -> None:
        self.count = 0
        self._rows: list[int] = []
        self._offsets: list[int] = []

    def add(self, line: int) -> None:
        """Take in the line of one more row."""
        offset = line - self.count
        if not self._offsets or self._offsets[-1] != offset:
            self._rows.append(self.count)
            self._offsets.append(offset)
        self.count += 1

    def of(self, row: int) -> int:
        """Return the line of row number `row`, from 0."""
        return row + self._offsets[max(bisect_right(self._rows, row) - 1, 0)]


class Loaded(NamedTuple):
    """A table in memory: its file, the cells of its rows, and the lines they stand in."""

    file: TableFile
    rows: list[Cells]
    lines: Lines


def load_table(file: TableFile) -> Loaded:
    """Return all rows of a file."""
    rows, lines = [], Lines()
    for line, cells in file.rows():
        lines.add(line)
        rows.append(cells)
    if not rows:
        raise DataError(f"{file.name} has no row of data")
    return Loaded(file, rows, lines)


def chunks_of(file: TableFile, size: int = CHUNK) -> Iterator[tuple[list[int], list[Cells]]]:
    """Yield the rows of a file in pieces, as (lines, rows)."""
    rows = file.rows()
    while True:
        part = list(islice(rows, size))
        if not part:
            return
        yield [line for line, _ in part], [cells for _, cells in part]


# What messages of the library say to programmers, and what that is on the command line.
_TRANSLATED = (
    (r"give decimal=','", "give --decimal ,"),
    (r"give missing=\((.+?),\)", r"give --missing \1"),
    (r"kinds=\{(.+?): 'category'\}", r"--categories \1"),
    (r"TableEncoder needs at least one column", "there needs to be at least one column"),
    (r"^TableEncoder needs ", "the table needs "),
)


@contextmanager
def located(name: str, lines: Lines | None = None, trained: bool = False) -> Iterator[None]:
    """Let errors about a table name the file and the line, and options instead of arguments.

    With a model that is `trained` already, what would be given to its training is no mend.
    """
    try:
        yield
    except (DataError, ShapeError) as error:
        text = str(error)
        if text.startswith(name):
            raise
        if trained:
            text = text.partition("; if this means a missing value")[0]
        for pattern, meant in _TRANSLATED:
            text = re.sub(pattern, meant, text)
        if lines is not None and lines.count:
            text = re.sub(r"\brow (\d+)\b", lambda m: f"line {lines.of(int(m.group(1)))}", text)
        raise DataError(f"{name}: {text}") from None


def cell_reader(missing: Sequence[str], decimal: str) -> Reader:
    """Return a reader of cells with the usual words for missing values, and these."""
    return Reader(frozenset(("", *MISSING, *missing)), decimal)


def guessed_decimal(rows: Sequence[Cells], delimiter: str) -> str:
    """Return the decimal sign of a table's numbers: a comma if they have one and none has a point.

    >>> guessed_decimal([["1,5", "x"], ["2,25", "y"]], ";")
    ','
    """
    cells = [cell.strip() for row in rows for cell in row]
    commas = sum(re.fullmatch(r"[+-]?\d+,\d+", cell) is not None for cell in cells)
    points = sum(re.fullmatch(r"[+-]?\d*\.\d+", cell) is not None for cell in cells)
    return "," if commas and not points and delimiter != "," else "."


class Target:
    """The column to be predicted: what its cells mean.

    task:  "classify", its cells being classes, or "regress", its cells being numbers
    why:   the reason for that, in words
    """

    def __init__(self, name: str, index: int, task: str, why: str, reader: Reader) -> None:
        self.name, self.index = name, index
        self.task, self.why = task, why
        self.reader = reader

    def of(self, cells: Cells, file: str, line: int) -> Label | None:
        """Return the class or number in a row, or None if it is missing.

        Raises DataError, with the line, for text where a number has to be.
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
                f"numbers, got {cell.strip()[:40]!r}; if it means that the value is missing, give "
                f"--missing {cell.strip()[:40]!r}; if the column holds classes, --task classify"
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
        return "classify", "it holds text"
    if len(numbers) < present and kinds <= MOST_NUMBER_CLASSES:
        return "classify", "it holds text and numbers"
    if len(numbers) == present and all(value.is_integer() for value in numbers):
        few = kinds <= MOST_NUMBER_CLASSES and present >= 5 * kinds
        if kinds <= 2 or few:
            return "classify", f"it holds whole numbers of {kinds} kinds"
    return "regress", f"it holds numbers of {kinds:,} kinds"


def check_rows(rows: int, name: str, options: argparse.Namespace) -> None:
    """Raise DataError for a table of too few rows to train on, and to set some of them apart."""
    least = 10 if options.test_share or options.early_stopping else 2
    if rows < least:
        raise DataError(
            f"{name} has {counted(rows, 'row')} to learn from; at least {least} are "
            "needed" + (", to set some apart for validation and test" if least > 2 else "")
        )


def check_range(low: float, high: float, rows: int, where: str) -> None:
    """Raise DataError for numbers that are all the same."""
    if low == high:
        raise DataError(
            f"{where} holds one number only, {low:g}, in all {rows:,} rows: there is nothing to "
            "learn"
        )


def check_classes(counts: dict[Any, int], where: str, asked: bool) -> None:
    """Raise DataError for classes that cannot be learned: one alone, or hardly a row for each."""
    rows = sum(counts.values())
    if len(counts) == 1:
        raise DataError(
            f"{where} holds one class only, {next(iter(counts))!r}, in all {rows:,} rows: there is "
            "nothing to tell apart"
        )
    too_thin = len(counts) > MOST_NUMBER_CLASSES and rows < 2 * len(counts) and not asked
    if len(counts) > MOST_CLASSES or too_thin:
        some = ", ".join(map(repr, islice(counts, 3)))
        raise DataError(
            f"{where} holds {len(counts):,} different classes ({some}, …) in {rows:,} rows, too "
            "many to learn; is it the right column?"
        )
