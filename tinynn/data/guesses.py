"""How a table is written, guessed from its first lines: separator, quotes, title lines, header.

Each guess is reported by `TableFile.describe()`, and each can be given instead.
"""

from __future__ import annotations

import csv
import re
from functools import lru_cache
from typing import Iterable, Iterator, NamedTuple, Sequence

from ..checks.words import excerpt
from ..errors import FormatError
from .headers import VALUE, guessed_header, like_number, numbers_as_names

DELIMITERS = ("\t", ";", "|", ",")  # rarer in prose first: that one wins if two fit equally well
SPACE = " "  # runs of blanks and tabs; guessed only if nothing else fits
SAMPLE_LINES = 200
MOST_TITLES = 30  # lines above a table
TYPED_ROWS = 50  # whose cells are looked at
FITTING = 0.9  # share of rows as wide as most; a single broken row must not change a guess

_SEP = re.compile(r'\s*"?sep=(.)"?[\s,;]*', re.IGNORECASE)  # Excel's first line
_OPENED = re.compile(r"(?:^|[\t;|, ])'")
_CLOSED = re.compile(r"'(?:[\t;|, ]|$)")


class CsvDialect(NamedTuple):
    """How a table is written: what separates cells, and what quotes them ("" for nothing)."""

    delimiter: str
    quote: str

    def reader(self, lines: Iterable[str], strict: bool = True) -> Iterator[list[str]]:
        """Return a reader of rows of cells; its `line_num` counts the lines read so far."""
        if self.delimiter == SPACE:
            lines = map(_one_blank, lines)
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            skipinitialspace=True,
            strict=strict,
        )


def _one_blank(line: str) -> str:
    """Return a line of cells between blanks without tabs, and with none at its end."""
    return line.replace("\t", " ").rstrip() + "\n"


class Reading(NamedTuple):
    """How a table was read: its separator, quotes, header and encoding. Models keep it."""

    delimiter: str
    quote: str
    header: bool
    encoding: str

    @classmethod
    def from_dict(cls, content: object, where: str) -> Reading:
        """Return what `_asdict` gave. Raises FormatError for anything else."""
        if not isinstance(content, dict) or set(content) != set(cls._fields):
            raise FormatError(f"{where} needs exactly {', '.join(cls._fields)}")
        found = cls(**content)
        if not (
            isinstance(found.delimiter, str) and len(found.delimiter) == 1
            and isinstance(found.quote, str) and len(found.quote) < 2
            and isinstance(found.header, bool) and isinstance(found.encoding, str)
        ):  # fmt: skip
            raise FormatError(f"{where} has an invalid entry: {excerpt(content, 200)}")
        try:
            "".encode(found.encoding)
        except (LookupError, ValueError):
            raise FormatError(
                f"{where} has an unknown encoding: {excerpt(found.encoding, 40)}"
            ) from None
        return found


class Given(NamedTuple):
    """What is known about a file before it is read.

    delimiter, quote, header, skip: as given by the user, or None
    names:  the columns that a model needs, if they have names of their own
    like:   how the table was read that the model was trained on
    """

    delimiter: str | None = None
    quote: str | None = None
    header: bool | None = None
    skip: int | None = None
    names: Sequence[str] = ()
    like: Reading | None = None


class TableLayout(NamedTuple):
    """How a file is read: its dialect, the lines before the table and what they are, its header."""

    dialect: CsvDialect
    skip: int
    skipped: str
    header: bool
    by_numbers: bool


class _Candidate(NamedTuple):
    """The first rows of a file as one dialect splits them, and how well they fit a table.

    starts holds the number of lines before each row, `width` is the usual number of cells, `first`
    the index of the first row of the table, and `fit` the share of rows from there on that have the
    usual width. It is `clean` if no quotes are inside cells that begin with one.
    """

    dialect: CsvDialect
    rows: list[list[str]]
    starts: list[int]
    width: int
    first: int
    fit: float
    clean: bool
    counts: bool  # whether the row before the first counts the table's rows and columns

    @property
    def rank(self) -> tuple[float, int, int, float, int]:
        """What to compare: fit, faults, rows left out above, cells of numbers or dates, width."""
        if self.width < 2:
            return (0.0, 0, 0, 0.0, 0)
        faults = (not self.clean) + (len(self.rows[self.first]) != self.width)
        return (min(self.fit, FITTING), -faults, -self.first, self.typed, self.width)

    @property
    def typed(self) -> float:
        """The share of cells that hold a number or a date; texts with separators count less."""
        rows = self.rows[self.first + 1 :][:TYPED_ROWS] or self.rows[self.first :]
        return sum(_value(cell) for row in rows for cell in row) / sum(map(len, rows))

    def row_of(self, names: Sequence[str]) -> int | None:
        """Return the index of the row that contains these names, or None.

        Numbers are names only above a table: in it, they may be cells.
        """
        wanted = set(names)
        last = MOST_TITLES
        if all(map(like_number, names)):
            top = (i for i, row in enumerate(self.rows) if len(row) == self.width)
            last = max(self.first, next(top, 0))
        for i, row in enumerate(self.rows[: last + 1]):
            if len(row) >= len(wanted) and wanted <= set(named(row)):
                return i
        return None


def layout(lines: list[str], whole: bool, given: Given) -> TableLayout:
    """Return how a table is written whose first lines these are, `whole` if there are no more."""
    skip, skipped, delimiter = given.skip or 0, "", given.delimiter
    top = next((i for i, line in enumerate(lines) if line.strip()), 0)
    separator = _SEP.fullmatch(lines[top]) if given.skip is None and lines else None
    if separator and len(lines) > top + 1:
        skip, skipped = top + 1, f"line {top + 1} only tells the separator"
        delimiter = delimiter or separator.group(1)
    rest = lines[skip:]
    like = given.like
    quote = given.quote if given.quote is not None else _guessed_quote(rest, like)
    signs = [delimiter] if delimiter else _ordered(like)
    free = given.skip is None
    tried = [_candidate(rest, whole, CsvDialect(sign, quote), free) for sign in signs]
    best = _best(tried, like)
    named_rows = []
    if given.names and given.header is not False:
        found = [(one, one.row_of(given.names)) for one in tried]
        named_rows = [(one, row) for one, row in found if row is not None]
    by_numbers = False
    if named_rows:
        best = _best([one for one, _ in named_rows], like)
        first = {one.dialect: row for one, row in named_rows}[best.dialect]
        header = True
    else:
        first = best.first
        rows = best.rows[first:] or [[""]]
        header = guessed_header(rows) if given.header is None else given.header
        if given.header is None and not header and (like is None or like.header):
            header = by_numbers = numbers_as_names(rows)
    if first:
        skip += best.starts[first]
        what = ", which counts rows and columns," if best.counts and first == 1 else ""
        skipped = f"{_lines_until(skip)}{what} left out"
    elif given.skip:
        skipped = f"{_lines_until(skip)} left out"
    return TableLayout(best.dialect, skip, skipped, header, by_numbers)


def _lines_until(last: int) -> str:
    """Return the first lines of a file in words.

    >>> _lines_until(1), _lines_until(3)
    ('line 1', 'lines 1 to 3')
    """
    return "line 1" if last == 1 else f"lines 1 {'and' if last == 2 else 'to'} {last}"


def guessed_dialect(
    lines: list[str], delimiter: str | None = None, quote: str | None = None
) -> CsvDialect:
    """Return the dialect that splits the first lines of a table into the most even rows.

    >>> guessed_dialect(["a;b;c\\n", "1,5;2;3\\n"])
    CsvDialect(delimiter=';', quote='"')
    """
    return layout(lines, len(lines) < SAMPLE_LINES, Given(delimiter, quote)).dialect


def named(cells: Sequence[str]) -> list[str]:
    """Return the names of the columns from the cells of a header, with whitespace normalized.

    >>> named([" a  b ", ""])
    ['a b', 'unnamed: 1']
    """
    # as pandas calls columns without a name
    return [" ".join(cell.split()) or f"unnamed: {j}" for j, cell in enumerate(cells)]


def _ordered(like: Reading | None) -> list[str]:
    signs = [*DELIMITERS, SPACE]
    if like is not None and like.delimiter not in signs:
        signs.append(like.delimiter)
    return signs


def _best(tried: list[_Candidate], like: Reading | None) -> _Candidate:
    """Return the candidate that fits best; if two fit equally well, the one like in training."""
    usual = "," if like is None else like.delimiter
    plain = [one for one in tried if one.dialect.delimiter != SPACE] or tried
    ranks = {one.dialect: one.rank for one in tried}
    best = max(plain, key=lambda one: (ranks[one.dialect], one.dialect.delimiter == usual))
    if ranks[best.dialect][0] == 0.0:
        best = next((one for one in plain if one.dialect.delimiter == usual), plain[-1])
    for one in tried:
        if one.dialect.delimiter == SPACE and one is not best and _set_in_columns(one):
            more = one.width > best.width or one.first < best.first
            if ranks[best.dialect][0] < FITTING or (more and one.typed > best.typed + 0.1):
                best = one
    return best


def _set_in_columns(one: _Candidate) -> bool:
    """Return whether blanks separate the cells of a table, rather than the words of texts."""
    if one.width < 2:
        return False
    short = 1 < len(one.rows[0]) == one.width - 1  # a header that is to be refused
    even = all(len(row) == one.width for row in one.rows[max(one.first, short) :])
    return even and one.typed * one.width >= FITTING


def _candidate(lines: list[str], whole: bool, dialect: CsvDialect, free: bool) -> _Candidate:
    rows, starts, clean = _sample_rows(lines, dialect, whole)
    widths = list(map(len, rows))
    # Lines above the table do not count.
    lower = widths[len(widths) // 2 :]
    width = max(set(lower), key=lambda width: (lower.count(width), width), default=1)
    first, counts = 0, False
    if free and width > 1:
        first, counts = _first_row(rows, starts, width, dialect, whole)
    below = widths[first:]
    fit = below.count(width) / max(len(below), 1)
    return _Candidate(dialect, rows, starts, width, first, fit, clean, counts)


def _first_row(
    rows: list[list[str]], starts: list[int], width: int, dialect: CsvDialect, whole: bool
) -> tuple[int, bool]:
    """Return the index of the first row that belongs to the table, and whether a count precedes.

    It is 0 unless all rows above it look like titles, or like the row of counts with which the
    files of scikit-learn begin.
    """
    last = min(len(rows) - 2, MOST_TITLES)
    if last >= 1 and _counts(rows, width, whole):
        return 1, True
    for i in range(last + 1):
        row = rows[i]
        gap = starts[i + 1] - starts[i] > 1  # an empty line below
        words = [cell for cell in row if cell.strip()]
        numbers = all(map(like_number, words))
        if numbers and len(row) == width:
            # What stands directly above numbers in two columns may be an incomplete header.
            close = i and width == 2 and starts[i] - starts[i - 1] == 1
            return (0 if close else i), False
        if numbers and len(words) != 1:
            return 0, False
        if len(row) == width and not _title_as_wide(rows, i, width, gap, words):
            return i, False
        few = len(words) == 1 and dialect.delimiter != SPACE
        narrow = len(row) < width - 1 and dialect.delimiter != SPACE
        if len(row) != width and not (few or narrow or _gap_below(rows, starts, i, width)):
            return 0, False
    return 0, False


def _gap_below(rows: list[list[str]], starts: list[int], i: int, width: int) -> bool:
    """Return whether an empty line separates row i from the table."""
    for k in range(i, min(len(rows) - 1, MOST_TITLES)):
        if starts[k + 1] - starts[k] > 1:
            return True
        if len(rows[k + 1]) == width:
            return False
    return False


def _title_as_wide(rows: list[list[str]], i: int, width: int, gap: bool, words: list[str]) -> bool:
    """Return whether a row is a title although it has as many cells as the table's rows."""
    if words[0].startswith("#") and rows[i + 1][0].startswith("#"):
        return True
    padded = width > 2 and len(words) == 1 and words[0] == rows[i][0]
    header = rows[i + 1]
    names = len(header) == width and not any(map(like_number, header)) and all(header)
    data = i + 2 < len(rows) and any(map(like_number, rows[i + 2]))
    if gap and any(map(like_number, words)) and not like_number(words[0]):
        return True
    return (padded or gap) and names and data


def _counts(rows: list[list[str]], width: int, whole: bool) -> bool:
    """Return whether the first row holds the numbers of rows and columns, then names of classes."""
    first = [cell.strip() for cell in rows[0]]
    if len(first) < 2 or not first[0].isdigit() or first[1] != str(width - 1):
        return False
    if any(map(like_number, first[2:])) or (len(first) == width == 2):
        return False
    count, found = int(first[0]), len(rows) - 1
    names = not any(map(like_number, rows[1]))
    return count == found - names if whole else count >= found - names


def _guessed_quote(lines: list[str], like: Reading | None) -> str:
    text = "".join(lines)
    if like is not None and (not like.quote or ('"' not in text and "'" not in text)):
        return like.quote
    if '"' in text:
        return '"'
    filled = [line.strip() for line in lines if line.strip()]
    lower = filled[len(filled) // 2 :]  # titles, above the table, have none
    quoted = sum(bool(_OPENED.search(line) and _CLOSED.search(line)) for line in lower)
    if quoted and quoted >= FITTING * len(lower):
        return "'"
    return '"' if like is None else like.quote


@lru_cache(maxsize=4096)
def _value(cell: str) -> float:
    """Return 1 for a number or a date, −1 for a text with separators that may be split, else 0."""
    text = cell.strip()
    if VALUE.fullmatch(text):
        return 1.0
    return -0.5 if any(sign in text for sign in DELIMITERS) else 0.0


def _sample_rows(
    lines: list[str], dialect: CsvDialect, whole: bool
) -> tuple[list[list[str]], list[int], bool]:
    """Return the rows in the first lines of a file, and the number of lines before each.

    They end before a line that cannot be read. The third value tells whether all quotes are where
    the dialect has them.
    """
    rows: list[list[str]] = []
    starts: list[int] = []
    reader = dialect.reader(lines, strict=False)
    start = 0
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                rows.append(row)
                starts.append(start)
            start = reader.line_num  # type: ignore[attr-defined]
    except csv.Error:
        return (rows, starts, False) if rows else ([[""]], [0], False)
    # A quoted cell may continue after the last line that was read.
    if not whole and len(rows) > 1:
        lines = lines[: starts[-1]]
        del rows[-1], starts[-1]
    try:
        clean = sum(map(bool, dialect.reader(lines))) > 0
    except csv.Error:
        clean = False
    return rows, starts, clean
