"""The encodings of a column: scaled numbers, one column per kind, or none.

`planned` chooses the encoding from a column's summary, and gives the reason.
"""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import Any, NamedTuple, NoReturn, Sequence, Union

from ..checks.finite import all_finite
from ..checks.words import counted, excerpt
from ..errors import DataError
from ..lesson.matrix import Vector
from .cells import Found, Reader, cell_error, index_of, key_of, reads_infinite, whole_spelling
from .date_column import DATE_KINDS, DateColumn, DateTally, date_column
from .moments import rounding_variance
from .notation import Notation
from .summary import Summary, not_finite
from .words_column import WordsColumn, words_column

FEW_ROWS = 20  # with no more rows, text that differs in every row is not taken for an identifier
COMMON = 5  # rows in which a kind has to occur where most cells differ
MOST_NUMBER_KINDS = 20  # with more different numbers, a rare text is no kind among them
DATES_AMONG_TEXTS = 0.9  # with this share of dates, other texts are taken for mistakes
MISSING_KIND = "(missing)"


class ColumnPlan(NamedTuple):
    """The encoder settings that affect the choice of encoding."""

    scaling: str | None
    max_kinds: int
    missing_indicator: bool
    missing_category: str
    drop_constant: bool
    decimal: str


class NumberColumn(NamedTuple):
    """Numbers, encoded as (x − shift) / scale, with the median for missing cells.

    A median of None, which only imported models have, refuses missing cells. With `indicator`, a
    second column is 1 for missing cells, else 0. `low` and `high` are the smallest and largest
    number fitted; `missing` and `rows` count the missing cells and all cells. `decimal`, `grouped`,
    `unit` and `dressed` are the `Notation` of texts; without a `decimal`, which files of earlier
    versions and imported models lack, it is that of the table.
    """

    name: str
    reason: str
    median: float | None
    shift: float
    scale: float
    low: float
    high: float
    indicator: bool
    missing: int
    rows: int
    decimal: str | None = None
    grouped: bool = False
    unit: str = ""
    dressed: bool = False

    @property
    def kind(self) -> str:
        return "number"

    @property
    def asked(self) -> str:
        """The kind to ask for to read other rows alike."""
        return self.kind

    def notation(self, reader: Reader) -> Notation:
        """Return how texts are read as numbers."""
        if self.decimal is None:
            return reader.notation
        return Notation(self.decimal, self.grouped, self.unit, self.dressed)

    @property
    def width(self) -> int:
        """The number of encoded columns."""
        return 2 if self.indicator else 1

    def feature_names(self) -> list[str]:
        """Return the names of the encoded columns."""
        return [self.name, f"{self.name} missing"] if self.indicator else [self.name]

    def encode(self, cells: Sequence[Any], row: int, label: str, reader: Reader) -> Found:
        """Return the encoded columns of cells that begin in row `row`.

        Raises DataError, naming the row, for text and infinities.
        """
        notation = self.notation(reader)
        values = reader.plain_numbers(cells, notation)
        absent: Vector = [0.0] * len(cells)
        if values is None:
            values = []
            for i, cell in enumerate(cells):
                value = _read(reader, cell, cells, row, label)
                if isinstance(value, str):
                    number = notation.number(value)
                    if number is None:
                        refuse_text(value, row + i, label, notation)
                    value = number
                if value is None:
                    if self.median is None:
                        raise DataError(_missing_refusal("number", row + i, label))
                    value, absent[i] = self.median, 1.0
                elif not isfinite(value):
                    not_finite(cell, row + i, label)
                values.append(value)
        m, s = self.shift, self.scale
        if m != 0.0 or s != 1.0:
            values = [(x - m) / s for x in values]
            if not all_finite(values):
                i = next(i for i, x in enumerate(values) if not isfinite(x))
                raise DataError(
                    f"inputs need numbers that can be scaled, got {cells[i]!r} in row {row + i}, "
                    f"{label}, which was fitted to numbers from {self.low:g} to {self.high:g}"
                )
        columns = [values, absent] if self.indicator else [values]
        return Found(columns, int(sum(absent)), {})

    def describe(self) -> str:
        """Return a description of the encoding and the reason for it."""
        text = f"number, from {self.low:g} to {self.high:g}" if self.rows else "number"
        if self.missing and self.median is not None:
            cells = counted(self.missing, "missing cell")
            text += f"; {cells} filled with the median {self.median:g}"
            if self.indicator:
                text += " and marked in a second column"
        elif self.median is None:
            text += "; missing cells are refused"
        return f"{text}: {self.reason}"


class CategoryColumn(NamedTuple):
    """Kinds, encoded as one column each: 1 for cells of that kind, else 0.

    `fill` is the kind of missing cells, or None to encode them as zeros; with `own`, it is the last
    kind, and of missing cells alone, whatever texts there are. `counts` has the number of cells of
    each kind, `others` that of all other kinds, which are encoded as zeros. A `strict` column,
    which only imported models have, refuses cells that would be encoded as zeros.
    """

    name: str
    reason: str
    kinds: list[str]
    counts: list[int]
    fill: str | None
    others: int
    missing: int
    rows: int
    strict: bool = False
    own: bool = False

    @property
    def kind(self) -> str:
        return "category"

    @property
    def asked(self) -> str:
        """The kind to ask for to read other rows alike."""
        return self.kind

    @property
    def text_kinds(self) -> list[str]:
        """The kinds that cells with a value have, in order: all but that of missing cells."""
        return self.kinds[:-1] if self.own else self.kinds

    @property
    def fill_index(self) -> int:
        """The index of the kind of missing cells, or −1."""
        return -1 if self.fill is None else len(self.kinds) - 1 - self.kinds[::-1].index(self.fill)

    @property
    def width(self) -> int:
        """The number of encoded columns."""
        return len(self.kinds)

    def feature_names(self) -> list[str]:
        """Return the names of the encoded columns."""
        return [f"{self.name}={kind}" for kind in self.kinds]

    def encode(self, cells: Sequence[Any], row: int, label: str, reader: Reader) -> Found:
        """Return the encoded columns of cells that begin in row `row`.

        Raises DataError, naming the row, for cells that are neither numbers nor text, or refused.
        """
        reader = reader.of_texts()
        indices = {whole_spelling(kind): i for i, kind in enumerate(self.text_kinds)}
        missing_index = self.fill_index
        try:
            counts = Counter(cells)
        except TypeError:  # a cell cannot be hashed: it is invalid, or read as text
            cells = [_read(reader, cell, cells, row, label) for i, cell in enumerate(cells)]
            counts = Counter(cells)
        missing = 0
        unseen: dict[str, int] = {}
        index: dict[Any, int] = {}
        for cell, count in counts.items():
            if _read(reader, cell, cells, row, label) is None:
                if self.strict and self.fill is None:
                    raise DataError(_missing_refusal("value", row + index_of(cells, cell), label))
                index[cell] = missing_index
                missing += count
                continue
            key = key_of(cell)
            index[cell] = indices.get(key, -1)
            if key not in indices:
                if self.strict:
                    known = ", ".join(map(excerpt, self.kinds[:8])) + ", …" * (len(self.kinds) > 8)
                    raise DataError(
                        f"{label} needs one of its known kinds, {known}, got "
                        f"{excerpt(key)} in row {row + index_of(cells, cell)}"
                    )
                unseen[key] = unseen.get(key, 0) + count
        found = [index[cell] for cell in cells]
        columns = [[1.0 if i == j else 0.0 for i in found] for j in range(len(self.kinds))]
        return Found(columns, missing, unseen)

    def describe(self) -> str:
        """Return a description of the encoding and the reason for it."""
        kinds = self.text_kinds
        shown = ", ".join(map(repr, kinds[:5])) + (", …" if len(kinds) > 5 else "")
        text = f"category with {counted(len(kinds), 'kind')} ({shown})"
        if self.strict:
            text += "; others are refused"
        if self.missing:
            fill = "zeros" if self.fill is None else repr(self.fill)
            if self.own:
                fill = "a separate kind"
            text += f"; {counted(self.missing, 'missing cell')} encoded as {fill}"
        return f"{text}: {self.reason}"


class LeftOut(NamedTuple):
    """A column that is not encoded; its kind is "constant", "empty", "identifier" or "drop"."""

    name: str
    reason: str
    kind: str
    rows: int

    @property
    def asked(self) -> str:
        """The kind to ask for to leave the column out."""
        return "drop"

    @property
    def width(self) -> int:
        """The number of encoded columns."""
        return 0

    def feature_names(self) -> list[str]:
        """Return an empty list."""
        return []

    def encode(self, cells: Sequence[Any], row: int, label: str, reader: Reader) -> Found:
        """Return no columns."""
        return Found([], 0, {})

    def describe(self) -> str:
        """Return the reason why the column is left out."""
        return f"left out: {self.reason}"


Column = Union[NumberColumn, CategoryColumn, DateColumn, WordsColumn, LeftOut]


def planned(summary: Summary, name: str, plan: ColumnPlan) -> Column:
    """Return the encoding of a column, as requested or guessed.

    Raises DataError for a column that does not fit the requested kind, or that mixes numbers with
    too many kinds of text.
    """
    if summary.kind == "drop":
        return LeftOut(name, "as asked", "drop", summary.rows)
    if summary.kind == "category":
        return _category_column(summary, name, plan, "as asked")
    if summary.kind in DATE_KINDS:
        return _date_column(summary, name, plan, "as asked, dates or times")
    if summary.kind == "words":
        return _words_column(summary, name, plan, "as asked")
    if summary.kind == "number":
        if summary.texts and summary.first_text:
            row, text = summary.first_text
            refuse_text(text, row, summary.label, summary.evidence.notation(plan.decimal))
        return _number_column(summary, name, plan, "as asked")
    return _guessed(summary, name, plan)


def _guessed(summary: Summary, name: str, plan: ColumnPlan) -> Column:
    rows, present = summary.rows, summary.present
    if not (present or summary.words) and plan.drop_constant:
        return LeftOut(name, f"no values in {counted(rows, 'row')}", "empty", rows)
    codes = summary.evidence.codes(present) if summary.numbers else None
    if summary.numbers and not summary.texts and not codes:
        return _of_numbers(summary, name, plan)
    if not present and not summary.words:
        return _number_column(summary, name, plan, "it has no values")
    counts, missing = summary.counted_kinds()
    kinds = len(counts)
    if kinds == 1 and not missing and plan.drop_constant:
        reason = f"the same text, {next(iter(counts))!r}, in {counted(rows, 'row')}"
        return LeftOut(name, reason, "constant", rows)
    if present and summary.dates and summary.dates.count == present:
        return _date_column(summary, name, plan, "every value is a date or time")
    if not codes and _like_numbers(summary, plan):
        if summary.first_text and reads_infinite(summary.first_text[1]):
            not_finite(summary.first_text[1], summary.first_text[0], summary.label)
        raise DataError(_mixed_refusal(summary, name))
    seen = summary.present if summary.all_kinds_at is None else summary.all_kinds_at
    varied = seen > FEW_ROWS and not summary.numbers and kinds > 0.5 * seen
    if varied and summary.prose and summary.prose.is_prose:
        return _words_column(summary, name, plan, "sentences whose words come again")
    if kinds <= plan.max_kinds:
        reason = f"few different values in {counted(rows, 'row')}"
        if codes:
            reason = f"{codes}, {reason}"
        elif summary.numbers:
            reason += f", {counted(summary.numbers, 'number')} among them"
        return _category_column(summary, name, plan, reason)
    if present and summary.dates and summary.dates.count >= DATES_AMONG_TEXTS * present:
        raise DataError(_mixed_dates_refusal(summary.dates, name))
    many = f"{kinds}{'' if summary.all_kinds_at is None else ' or more'} different values"
    what = codes or "text"
    if kinds > 0.9 * seen and seen > FEW_ROWS:
        return LeftOut(name, f"{what} like an identifier, {many}", "identifier", rows)
    if 2 * kinds > seen and seen > FEW_ROWS:
        common = sum(count >= COMMON for count in counts.values())
        if not common:
            reason = f"{what} like an identifier, {many}, none in {COMMON} rows or more"
            return LeftOut(name, reason, "identifier", rows)
        plan = plan._replace(max_kinds=min(plan.max_kinds, common))
    few = f"{plan.max_kinds} " if plan.max_kinds > 1 else ""
    reason = f"{what}; the {few}most frequent of {many}"
    return _category_column(summary, name, plan, reason)


def _date_column(summary: Summary, name: str, plan: ColumnPlan, reason: str) -> DateColumn:
    assert summary.dates is not None
    return date_column(
        summary.dates, name, reason, plan.decimal, plan.scaling, plan.missing_indicator,
        summary.missing, summary.rows,
    )  # fmt: skip


def _words_column(summary: Summary, name: str, plan: ColumnPlan, reason: str) -> WordsColumn:
    assert summary.prose is not None
    missing = summary.counted_kinds()[1]
    found = words_column(summary.prose, name, reason, plan.missing_indicator, missing, summary.rows)
    if not found.words:
        raise DataError(
            f"{summary.label} needs words that come in several of its texts, got none; give "
            f"kinds={{{name!r}: 'drop'}} to leave it out"
        )
    return found


def _of_numbers(summary: Summary, name: str, plan: ColumnPlan) -> Column:
    """Return the encoding of a column of numbers."""
    rows = summary.rows
    moments = summary.moments(_notation(summary, name, plan))
    if moments.low == moments.high and not summary.missing and plan.drop_constant:
        reason = f"the same number, {moments.low:g}, in {counted(rows, 'row')}"
        return LeftOut(name, reason, "constant", rows)
    if summary.counting and summary.present > FEW_ROWS and plan.drop_constant and _like_id(name):
        reason = f"row numbers, from {moments.low:g} to {moments.high:g}"
        return LeftOut(name, reason, "identifier", rows)
    words = summary.evidence.words(plan.decimal)
    reason = "every value is a number" + (f", {words}" if words else "")
    return _number_column(summary, name, plan, reason)


def _notation(summary: Summary, name: str, plan: ColumnPlan) -> Notation:
    """Return how a column's numbers are written. Raises DataError if cells contradict others."""
    trouble = summary.evidence.contradiction()
    if trouble:
        raise DataError(
            f"{summary.label} has {trouble}; write them all one way, or give "
            f"kinds={{{excerpt(name)}: 'category'}} to keep them as text"
        )
    return summary.evidence.notation(plan.decimal)


def _like_numbers(summary: Summary, plan: ColumnPlan) -> bool:
    """Return whether texts among numbers look like mistakes rather than kinds."""
    texts, numbers = summary.texts, summary.numbers
    if not texts or not numbers:
        return False
    if len(summary.kinds) > plan.max_kinds:
        return numbers >= texts
    if summary.first_text and reads_infinite(summary.first_text[1]):
        return numbers >= texts
    if 10 * texts > summary.present:
        return False
    notation = summary.evidence.notation(plan.decimal)
    values = [x for x in map(notation.number, summary.kinds) if x is not None]
    return (
        100 * texts <= numbers
        or len(values) > MOST_NUMBER_KINDS
        or not all(x.is_integer() for x in values)
    )


def _number_column(summary: Summary, name: str, plan: ColumnPlan, reason: str) -> NumberColumn:
    notation = _notation(summary, name, plan)
    moments = summary.moments(notation)
    low, high = (moments.low, moments.high) if moments.count else (0.0, 0.0)
    shift, scale = 0.0, 1.0
    if plan.scaling == "standard":
        shift, variance = moments.mean, moments.variance
        if not rounding_variance(moments.count, shift, variance):
            scale = variance**0.5
    elif plan.scaling == "minmax":
        shift, scale = low, (high - low) or 1.0
    indicator = plan.missing_indicator and summary.missing > 0
    return NumberColumn(
        name, reason, moments.sample.median(), shift, scale, low, high, indicator,
        summary.missing, summary.rows, *notation,
    )  # fmt: skip


def _category_column(summary: Summary, name: str, plan: ColumnPlan, reason: str) -> CategoryColumn:
    found, missing = summary.counted_kinds()
    # As in SimpleImputer, the first in order of equally frequent kinds counts as most frequent.
    by_count = sorted(found, key=lambda kind: (-found[kind], _order(kind)))
    kept = sorted(by_count[: plan.max_kinds], key=_order)
    counts = [found[kind] for kind in kept]
    others = summary.uncounted + sum(found[kind] for kind in by_count[plan.max_kinds :])
    fill = by_count[0] if by_count and plan.missing_category == "most_frequent" else None
    own = missing > 0 and plan.missing_category == "own"
    if own:
        fill = MISSING_KIND
        while fill in kept:
            fill = f"({fill})"
        kept, counts = [*kept, fill], [*counts, missing]
    return CategoryColumn(name, reason, kept, counts, fill, others, missing, summary.rows, own=own)


def _order(kind: str) -> tuple[int, float, str]:
    """Return the sort key of a kind: numbers by value, then text."""
    try:
        return (0, float(kind), kind)
    except ValueError:
        return (1, 0.0, kind)


def _like_id(name: str) -> bool:
    word = name.strip().lower().strip("#_. ")
    return word in ("", "row", "index", "nr", "no", "number", "unnamed: 0") or word.endswith("id")


def _read(
    reader: Reader, cell: Any, cells: Sequence[Any], row: int, label: str
) -> float | str | None:
    try:
        return reader.read(cell)
    except DataError as error:
        raise cell_error(error, row + index_of(cells, cell), label) from None


def refuse_text(text: str, row: int, label: str, notation: Notation) -> NoReturn:
    """Raise the DataError for a text that is no number in this notation."""
    if reads_infinite(text):
        not_finite(text, row, label)
    mend = notation.mend(text) or f"if this means a missing value, give missing=({excerpt(text)},)"
    raise DataError(f"{label} needs numbers, got the text {excerpt(text)} in row {row}; {mend}")


def _missing_refusal(what: str, row: int, label: str) -> str:
    return f"{label} needs a {what} in every row, but row {row} has none; fill it in first"


def _mixed_refusal(summary: Summary, name: str) -> str:
    row, text = summary.first_text or (0, "")
    return (
        f"{summary.label} has {counted(summary.numbers, 'number')} and "
        f"{counted(summary.texts, 'text value')} (row {row} has {excerpt(text)}); if "
        f"this means a missing value, give missing=({excerpt(text)},); if the numbers are names, "
        f"give kinds={{{excerpt(name)}: 'category'}}"
    )


def _mixed_dates_refusal(dates: DateTally, name: str) -> str:
    row, text = dates.first_other or (0, "")
    return (
        f"{dates.label} has {counted(dates.count, 'date')} and "
        f"{counted(dates.others, 'other value')} (row {row} has {excerpt(text)}); if this means a "
        f"missing value, give missing=({excerpt(text)},); if they are all names, give "
        f"kinds={{{excerpt(name)}: 'category'}}"
    )
