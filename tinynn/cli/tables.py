"""Tables on the command line: reading files, finding the target, naming lines in errors."""

from __future__ import annotations

import argparse
import re
from bisect import bisect_right
from collections import Counter
from contextlib import contextmanager
from itertools import islice
from typing import Any, Iterator, List, Mapping, NamedTuple, Sequence, Union

from ..checks.words import counted, excerpt, listed
from ..data.files import TableFile
from ..errors import DataError, ShapeError
from ..preprocessing import MISSING
from ..preprocessing.cells import Reader, reader, whole_spelling
from ..preprocessing.dates import SPELLINGS, spelled
from ..preprocessing.notation import Evidence, Notation
from .console import Console
from .models import Model
from .parser import one_sign

Cells = List[str]
Label = Union[str, float]

GUESSED_FROM = 10_000  # rows of a stream from which the task is guessed
MOST_CLASSES = 1000
NAMES = ("None", "NA", "N/A", "n/a")  # words for a missing value that also name classes
FREQUENT = 0.05  # the share of rows from which they are read as classes
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
        names=() if model is None or model.nameless else model.table_columns,
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


def first_rows(file: TableFile) -> tuple[list[Cells], Lines]:
    """Return the first rows of a stream, from which it is guessed, and their lines."""
    rows, lines = [], Lines()
    for line, cells in islice(file.rows(), GUESSED_FROM):
        lines.add(line)
        rows.append(cells)
    return rows, lines


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
    (r"give decimal='([.,])'", r"give --decimal \1"),
    (r"give missing=\((.+?),\)", r"give --missing \1"),
    (r"kinds=\{(.+?): 'category'\}", r"--categories \1"),
    (r"kinds=\{(.+?): 'drop'\}", r"--ignore \1"),
    (r"TableEncoder needs at least one column", "there needs to be at least one column"),
    (r"log_target=True", "--log-target"),
    (r"^TableEncoder needs ", "the table needs "),
)


def _translated(text: str) -> str:
    for pattern, meant in _TRANSLATED:
        text = re.sub(pattern, meant, text)
    return text


@contextmanager
def located(name: str, lines: Lines | None = None) -> Iterator[None]:
    """Make errors about a table name the file, the line, and options instead of arguments."""
    try:
        yield
    except (DataError, ShapeError) as error:
        text = str(error)
        if text.startswith(name):
            raise
        text = _translated(text)
        if lines is not None and lines.count:
            text = re.sub(r"\brow (\d+)\b", lambda m: f"line {lines.of(int(m.group(1)))}", text)
        raise DataError(f"{name}: {text}") from None


def cell_reader(missing: Sequence[str], decimal: str, not_missing: Sequence[str] = ()) -> Reader:
    """Return a reader of cells that knows the usual words for missing values, and these."""
    return reader((*MISSING, *missing), decimal, not_missing)


class Target:
    """The column to predict.

    task:      "classify" if its cells are classes, "regress" if they are numbers
    why:       the reason for the task, in words
    missing:   the words that mean that there is no target
    notation:  how numbers are written
    classes:   of a model that is known already: their names
    """

    def __init__(
        self,
        name: str,
        index: int,
        task: str,
        why: str,
        missing: frozenset[str],
        notation: Notation,
        classes: Sequence[Any] = (),
    ) -> None:
        self.name, self.index = name, index
        self.task, self.why = task, why
        self.missing = missing.difference(map(str, classes))
        self.notation = notation
        # Spreadsheets and pandas write the class 1 as 1.0, too: one class, by its first spelling.
        self._spelling = {self._plain(str(label)): str(label) for label in classes}

    def of(self, cells: Cells, file: str, line: int) -> Label | None:
        """Return the class or number in a row, or None if it is missing.

        Raises DataError, with the line, for text where a number is needed.
        """
        text = cells[self.index].strip()
        if text in self.missing:
            return None
        if self.task == "classify":
            return self._spelling.setdefault(self._plain(text), text)
        value = self.notation.number(text)
        if value is None:
            mend = self.notation.mend(text) or (
                f"if that means that the value is missing, give --missing {excerpt(text)}; if the "
                "column holds classes, give --task classify"
            )
            raise DataError(
                f"{file}, line {line}, column {self.index + 1} ({excerpt(self.name)}): the target "
                f"needs numbers, got {excerpt(text)}; {_translated(mend)}"
            )
        return value

    def _plain(self, text: str) -> str:
        return whole_spelling(text.replace(",", ".") if text[-2:] == ",0" else text)


def guessed_target(
    name: str,
    index: int,
    cells: Sequence[str],
    reader: Reader,
    task: str | None = None,
    asked: Sequence[str] = (),
) -> Target:
    """Return the target for a column's cells: classes or numbers, as given or guessed.

    Frequent words like None are classes among texts, unless they were `asked` to mean a missing
    value. Raises DataError, with the row, for numbers whose notations contradict each other.
    """
    texts = [cell.strip() for cell in cells]
    first = dict(zip(reversed(texts), range(len(texts) - 1, -1, -1)))
    evidence = Evidence()
    absent: Counter[str] = Counter()
    values: dict[str, dict[str, float] | None] = {}
    numbers = words = 0
    counts = Counter(texts)
    for text, count in counts.items():
        if text in reader.missing:
            absent[text] = count
            continue
        found = evidence.add(text, first[text], count)
        numbers += 0 if found is None else count
        words += count if found is None else 0
        values[text] = found
    notation = evidence.notation(reader.decimal)
    sure = {
        text: None if found is None else found.get(notation.decimal)
        for text, found in values.items()
    }
    kinds = len({text if x is None else x for text, x in sure.items()})
    codes = evidence.codes(numbers) if numbers else None
    why = "as asked"
    if task is None:
        whole = all(x is not None and x.is_integer() for x in sure.values())
        task, why = _guessed_task(words, numbers, kinds, whole)
        if codes and not words:
            task, why = "classify", f"the column holds {codes}"
    missing = reader.missing
    if task == "regress":
        trouble = evidence.contradiction()
        if trouble:
            raise DataError(
                f"column {excerpt(name)} has {trouble}; write them all one way, or give --task "
                "classify to predict them as classes"
            )
        written = evidence.words(reader.decimal)
        why += f", {written}" if written else ""
    else:
        missing = reader.of_texts().missing
        if words or not numbers:
            often = [word for word in NAMES if absent[word] >= FREQUENT * len(cells) > 0.0]
            for word in often:
                if word in missing and word not in asked:
                    missing = missing - {word}
                    why += (
                        f"; {word!r} is read as a class because it is frequent (--missing {word} "
                        "leaves those rows out)"
                    )
    return Target(name, index, task, why, missing, notation)


def _guessed_task(texts: int, numbers: int, kinds: int, whole: bool) -> tuple[str, str]:
    """Return the task and the reason, from the counts of texts, numbers and different values."""
    if numbers < texts or not numbers:
        return "classify", "the column holds text"
    if texts and kinds <= MOST_NUMBER_CLASSES and 100 * texts > numbers:
        return "classify", "the column holds text and numbers"
    if not texts and whole:
        few = kinds <= MOST_NUMBER_CLASSES and numbers >= 5 * kinds
        if kinds <= 2 or few:
            return "classify", f"the column holds {kinds} different whole numbers"
    return "regress", f"the column holds {kinds:,} different numbers"


def refuse_dates(cells: Sequence[str], reader: Reader, where: str) -> None:
    """Raise DataError for a target of dates or times, which are neither classes nor numbers."""
    texts = [value for value in map(reader.read, dict.fromkeys(cells)) if isinstance(value, str)]
    some = texts[:100]
    dates = [text for group in spelled(some, SPELLINGS) for text in group.texts]
    if dates and len(dates) >= 0.9 * len(some):
        raise DataError(
            f"{where} holds dates or times such as {dates[0]!r}, and there is no order among "
            "classes: add a column with a number to predict instead, such as the days until then; "
            "or give --task classify to take each date as a class of its own"
        )


def left_out(absent: Mapping[str, int], rows: int, where: str, mend: bool) -> str:
    """Return a note on rows without a target, counted by the word in its place.

    Raises DataError if most of the `rows` lack one, as no score of the rest would speak for the
    table; with `mend`, it says how a word becomes a class.
    """
    count = sum(absent.values())
    words = sorted(absent, key=lambda word: -absent[word])
    shown = listed([f"{repr(word) if word else 'empty'} in {absent[word]:,}" for word in words])
    word = next(filter(None, words), None)
    advice = f"; if {word!r} is a class, give --not-missing {word}" if mend and word else ""
    if 2 * count > rows:
        raise DataError(
            f"{where} has no target in most rows, {count:,} of {rows:,} ({shown})"
            f"{f'{advice}; otherwise' if advice else ';'} delete those rows"
        )
    share = f"{count / rows:.0%}" if 100 * count >= rows else "less than 1%"
    return f"note: left out {counted(count, 'row')} ({share}) without a target ({shown}){advice}"


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
