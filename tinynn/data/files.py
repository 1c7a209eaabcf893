"""Tables in text files: separated by a character or blanks, compressed or not, row by row.

How a file is written is guessed from its beginning unless it is given, and reported in attributes.
Anything wrong with a file raises a DataError that names the file, the line and the column.
"""

from __future__ import annotations

import csv
import re
from itertools import islice
from typing import Iterator, NoReturn, Sequence

from ..checks.words import counted, excerpt
from ..errors import DataError, SettingError
from .guesses import SAMPLE_LINES, SPACE, Given, Reading, layout, named
from .sources import TextFile, line_ends

CHUNK = 4096  # rows processed at a time
_TOTAL = re.compile(
    r"(grand |sub)?totals?|sums?|summe|gesamt(summe)?|insgesamt|somme|suma|totale|totaal|total "
    r"g[eé]n[eé]ral",
    re.IGNORECASE,
)
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", SPACE: "spaces"}


class TableFile:
    """A table in a file: the names of its columns, and its rows, which can be read repeatedly.

    path:       the file, which may be compressed with gzip; "-" is standard input, kept in memory
                or, from 64 MB on, in a temporary file
    delimiter:  what separates cells, " " for runs of blanks and tabs; None: guessed among comma,
                semicolon, tab, bar and blanks
    quote:      what may enclose a cell, "" for nothing; None: guessed among " and '
    header:     whether the first line names the columns; None: guessed; without a header they are
                called c1, c2 …
    encoding:   of the text; None: that of its byte order mark, else UTF-8 if all of it is valid,
                else cp1252
    skip:       how many lines above the table to leave out; None: guessed
    skip_end:   how many rows at the end to leave out
    names:      columns that a model needs: the row that contains them all is the header
    like:       how another table was read, where this one does not tell

    `total` is set once all rows have been read: the line and the text of a last row that seems to
    hold totals, or None.

    Raises DataError, naming file, line and column, if the file is not a table with at least one
    row, and SettingError for an invalid argument.
    """

    def __init__(
        self,
        path: str,
        delimiter: str | None = None,
        quote: str | None = None,
        header: bool | None = None,
        encoding: str | None = None,
        skip: int | None = None,
        skip_end: int = 0,
        names: Sequence[str] = (),
        like: Reading | None = None,
    ) -> None:
        if delimiter is not None and (len(delimiter) != 1 or delimiter in "\r\n\0\"'"):
            raise SettingError(f"a delimiter needs to be one character, got {delimiter!r}")
        if quote is not None and (len(quote) > 1 or quote in ("\r", "\n", "\0")):
            raise SettingError(f"a quote needs to be one character or none, got {quote!r}")
        self.path = path
        self._source = TextFile(path, encoding, None if like is None else like.encoding)
        self.name, self.encoding = self._source.name, self._source.encoding
        self.compressed = self._source.compressed
        self.total: tuple[int, str] | None = None
        self._skip_end = skip_end
        self.columns: list[str] = []
        sample = list(islice(self._source.lines(), SAMPLE_LINES))
        if not any(line.strip() for line in sample[skip or 0 :]):
            raise DataError(f"{self.name} is empty; a table needs at least one row")
        given = Given(delimiter, quote, header, skip, names, like)
        self._layout = layout(sample, len(sample) < SAMPLE_LINES, given)
        self.dialect, self.header = self._layout.dialect, self._layout.header
        self._first_line, first = self._first_row()
        if self.header:
            self.columns = named(first)
            self._refuse_equal_names()
            if next(self.parts(ragged=True), None) is None:
                self._source.refuse(
                    self._first_line, "the file ends after the header, without any rows"
                )
        else:
            self.columns = [f"c{j + 1}" for j in range(len(first))]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line number, counted from 1; cells) for each row, skipping empty lines.

        Raises DataError for a row with more or fewer cells than there are columns.
        """
        for lines, rows in self.parts():
            yield from zip(lines, rows)

    def parts(
        self, size: int = CHUNK, ragged: bool = False
    ) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
        """Yield the rows in pieces of at most `size`, as (line numbers, rows): the fastest way.

        Raises DataError for a row with more or fewer cells than there are columns, unless `ragged`
        rows are wanted, too.
        """
        parts = self._raw_parts(size)
        last: tuple[Sequence[int], list[list[str]]] = ((), [])
        for lines, rows in _but_last(parts, self._skip_end) if self._skip_end else parts:
            if not ragged:
                self.check_widths(lines, rows)
            last = lines, rows
            yield lines, rows
        self.total = _total(*last)

    def check_widths(self, lines: Sequence[int], rows: list[list[str]]) -> None:
        """Raise DataError, with its line, for a row with more or fewer cells than columns."""
        width = len(self.columns)
        if set(map(len, rows)) != {width}:
            i = next(i for i, row in enumerate(rows) if len(row) != width)
            self._source.refuse(
                lines[i],
                f"{self.raggedness(rows[i])}; is a quote or a separator missing, or is there one "
                "too many?",
            )

    @property
    def size(self) -> int | None:
        """The file's size in bytes (before decompression), or None for a pipe."""
        return self._source.size

    @property
    def position(self) -> int:
        """How many of those bytes the latest iteration over rows has read."""
        return self._source.position

    @property
    def reading(self) -> Reading:
        """How the table is read, to be kept with a model."""
        return Reading(self.dialect.delimiter, self.dialect.quote, self.header, self.encoding)

    def describe(self, decimal: str = ".") -> str:
        """Return a description of how the file is read, and its numbers, with this `decimal`."""
        found = self._layout
        by = _NAMES.get(self.dialect.delimiter, repr(self.dialect.delimiter))
        parts = [f"separated by {by}"] if len(self.columns) > 1 else ["one column"]
        if found.skipped:
            parts.append(found.skipped)
        line = f"line {self._first_line}" if found.skip else "the first line"
        parts.append(f"{line} names the columns" if self.header else "no header")
        if found.by_numbers:
            parts[-1] += " by numbers (--no-header if it does not)"
        if self.encoding not in ("utf-8", "utf-8-sig"):
            parts.append(self.encoding)
            if self._source.guessed:
                parts[-1] += " (guessed, since it is not UTF-8; --encoding to change it)"
        if decimal == ",":
            parts.append("decimal commas")
        return ", ".join(parts)

    def _first_row(self) -> tuple[int, list[str]]:
        for lines, rows in self._raw_parts(1, header=False):
            return lines[0], rows[0]
        raise DataError(f"{self.name} is empty; a table needs at least one row")

    def _raw_parts(
        self, size: int, header: bool | None = None
    ) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
        """Yield rows that are not empty, with their line numbers, without the header."""
        skip = self._layout.skip
        above = self.header if header is None else header
        reader = self.dialect.reader(self._source.lines(skip))
        start = 0
        try:
            while True:
                rows = list(islice(reader, size))
                if not rows:
                    return
                end = reader.line_num  # type: ignore[attr-defined]
                lines: Sequence[int] = range(skip + start + 1, skip + end + 1)
                widths = set(map(len, rows))
                if len(lines) > len(rows) or not widths.isdisjoint((0, 1)):
                    lines, rows = _without_empty(skip + start + 1, rows)
                start = end
                if above and rows:
                    lines, rows, above = lines[1:], rows[1:], False
                if rows:
                    yield lines, rows
        except csv.Error as error:
            self._refuse_csv(self._broken_line(), error)

    def _broken_line(self) -> int:
        """Return the line at which a row begins that cannot be read."""
        skip = self._layout.skip
        reader = self.dialect.reader(self._source.lines(skip))
        line = 0
        try:
            for _ in reader:
                line = reader.line_num  # type: ignore[attr-defined]
        except csv.Error:
            pass
        return skip + line + 1

    def _refuse_equal_names(self) -> None:
        seen: dict[str, int] = {}
        for j, name in enumerate(self.columns):
            if name in seen:
                self._source.refuse(
                    self._first_line,
                    f"columns {seen[name] + 1} and {j + 1} are both named {excerpt(name)}; rename "
                    "one, or read the file without a header",
                )
            seen[name] = j

    def raggedness(self, cells: list[str]) -> str:
        """Return what is wrong with a row that has more or fewer cells than there are columns."""
        width, got = len(self.columns), len(cells)
        whose = "the header has" if self.header else f"line {self._first_line} has"
        if got < width:
            what = f"column {got + 1} ({excerpt(self.columns[got])}) is missing"
        else:
            what = f"column {width + 1} ({excerpt(cells[width])}) is one too many"
        return f"{counted(got, 'cell')} where {whose} {width}: {what}"

    def _refuse_csv(self, line: int, error: csv.Error) -> NoReturn:
        text = str(error)
        mark = self.dialect.quote
        if "unexpected end" in text:
            self._source.refuse(line, f"a quote ({mark}) opened in this row is never closed")
        if "field larger" in text:
            self._source.refuse(
                line, f"a cell has more than {csv.field_size_limit():,} characters; is a closing "
                f"quote ({mark}) missing?",
            )  # fmt: skip
        if "expected after" in text:
            self._source.refuse(
                line, f"a quoted cell continues after its closing quote ({mark}); double the "
                "quotes inside a cell, or turn quoting off",
            )  # fmt: skip
        self._source.refuse(line, text)


def _without_empty(line: int, rows: list[list[str]]) -> tuple[Sequence[int], list[list[str]]]:
    """Return the rows that are not empty, with their lines; the first row is at this `line`."""
    lines: list[int] = []
    kept: list[list[str]] = []
    for row in rows:
        if len(row) > 1 or (row and row[0].strip()):
            lines.append(line)
            kept.append(row)
        line += 1 + sum(map(line_ends, row))
    return lines, kept


def _but_last(
    parts: Iterator[tuple[Sequence[int], list[list[str]]]], count: int
) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
    """Yield all rows but the last ones."""
    held_lines: list[int] = []
    held: list[list[str]] = []
    for lines, rows in parts:
        held_lines += lines
        held += rows
        ready = max(len(held) - count, 0)
        if ready:
            yield held_lines[:ready], held[:ready]
            del held_lines[:ready], held[:ready]


def _total(lines: Sequence[int], rows: list[list[str]]) -> tuple[int, str] | None:
    """Return the line and the text of the last row if it seems to hold totals."""
    for j, cell in enumerate(rows[-1] if rows else ()):
        if _TOTAL.fullmatch(cell.strip(" :")) and len(rows) > 1:
            alone = sum(row[j : j + 1] == [cell] for row in rows) == 1
            return (lines[-1], cell) if alone else None
    return None
