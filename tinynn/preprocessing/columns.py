"""The encodings of a column: scaled numbers, one column per kind, or none.

`planned` chooses the encoding from a column's summary, and gives the reason.
"""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import Any, Callable, Container, NamedTuple, Sequence, Union

from ..checks.finite import all_finite
from ..checks.words import counted
from ..errors import DataError, FormatError
from ..lesson.matrix import Vector
from .cells import Found, Reader, cell_error, foreign_number, key_of
from .date_column import CYCLES, DATE_KINDS, DateColumn, DateTally, date_column
from .dates import SPELLINGS
from .moments import rounding_variance
from .summary import Summary, not_finite
from .words_column import WordsColumn, words_column

FEW_ROWS = 20  # with no more rows, text that differs in every row is not taken for an identifier
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
    number fitted; `missing` and `rows` count the missing cells and all cells.
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

    @property
    def kind(self) -> str:
        return "number"

    @property
    def asked(self) -> str:
        """The kind to ask for to read other rows alike."""
        return self.kind

    def feature_names(self) -> list[str]:
        """Return the names of the encoded columns."""
        return [self.name, f"{self.name} missing"] if self.indicator else [self.name]

    def encode(self, cells: Sequence[Any], row: int, label: str, reader: Reader) -> Found:
        """Return the encoded columns of cells that begin in row `row`.

        Raises DataError, naming the row, for text and infinities.
        """
        values = reader.plain_numbers(cells)
        absent: Vector = [0.0] * len(cells)
        if values is None:
            values = []
            for i, cell in enumerate(cells):
                value = _read(reader, cell, row + i, label)
                if value is None:
                    if self.median is None:
                        raise DataError(_missing_refusal("number", row + i, label))
                    value, absent[i] = self.median, 1.0
                elif isinstance(value, str):
                    raise DataError(_text_refusal(value, row + i, label))
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

    `fill` is the kind of missing cells, or None to encode them as zeros; `counts` has the number
    of cells of each kind, `others` that of all other kinds, which are encoded as zeros. A `strict`
    column, which only imported models have, refuses cells that would be encoded as zeros.
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

    @property
    def kind(self) -> str:
        return "category"

    @property
    def asked(self) -> str:
        """The kind to ask for to read other rows alike."""
        return self.kind

    def feature_names(self) -> list[str]:
        """Return the names of the encoded columns."""
        return [f"{self.name}={kind}" for kind in self.kinds]

    def encode(self, cells: Sequence[Any], row: int, label: str, reader: Reader) -> Found:
        """Return the encoded columns of cells that begin in row `row`.

        Raises DataError, naming the row, for cells that are neither numbers nor text, or refused.
        """
        indices = {kind: i for i, kind in enumerate(self.kinds)}
        missing_index = -1 if self.fill is None else indices[self.fill]
        try:
            counts = Counter(cells)
        except TypeError:  # a cell cannot be hashed: it is invalid, or read as text
            cells = [_read(reader, cell, row + i, label) for i, cell in enumerate(cells)]
            counts = Counter(cells)
        missing = 0
        unseen: dict[str, int] = {}
        index_of: dict[Any, int] = {}
        for cell, count in counts.items():
            if _read(reader, cell, row + cells.index(cell), label) is None:
                if self.strict and self.fill is None:
                    raise DataError(_missing_refusal("value", row + cells.index(cell), label))
                index_of[cell] = missing_index
                missing += count
                continue
            key = key_of(cell)
            index_of[cell] = indices.get(key, -1)
            if key not in indices:
                if self.strict:
                    known = ", ".join(map(repr, self.kinds[:8])) + ", …" * (len(self.kinds) > 8)
                    raise DataError(
                        f"{label} needs one of its known kinds, {known}, got "
                        f"{key[:40]!r} in row {row + cells.index(cell)}"
                    )
                unseen[key] = unseen.get(key, 0) + count
        found = [index_of[cell] for cell in cells]
        columns = [[1.0 if i == j else 0.0 for i in found] for j in range(len(self.kinds))]
        return Found(columns, missing, unseen)

    def describe(self) -> str:
        """Return a description of the encoding and the reason for it."""
        kinds = [kind for kind in self.kinds if kind != MISSING_KIND]
        shown = ", ".join(map(repr, kinds[:5])) + (", …" if len(kinds) > 5 else "")
        text = f"category with {counted(len(kinds), 'kind')} ({shown})"
        if self.strict:
            text += "; others are refused"
        if self.missing:
            fill = "zeros" if self.fill is None else repr(self.fill)
            if self.fill == MISSING_KIND:
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
    if summary.foreign and summary.kind != "category" and summary.foreign_count == summary.texts:
        row, text = summary.foreign
        raise DataError(
            f"{summary.label} seems to hold numbers in another notation, such as {text!r} in row "
            f"{row}; {foreign_number(text)}, or give kinds={{{name!r}: 'category'}} to keep it as "
            "text"
        )
    if summary.kind in DATE_KINDS:
        return _date_column(summary, name, plan, "as asked, dates or times")
    if summary.kind == "words":
        return _words_column(summary, name, plan, "as asked")
    if summary.kind == "number":
        if summary.texts and summary.first_text:
            row, text = summary.first_text
            raise DataError(_text_refusal(text, row, summary.label))
        return _number_column(summary, name, plan, "as asked")
    if summary.kind == "category":
        return _category_column(summary, name, plan, "as asked")
    return _guessed(summary, name, plan)


def _guessed(summary: Summary, name: str, plan: ColumnPlan) -> Column:
    rows, present, kinds = summary.rows, summary.present, len(summary.kinds)
    if not present and plan.drop_constant:
        return LeftOut(name, f"no values in {counted(rows, 'row')}", "empty", rows)
    if not summary.texts:
        if summary.low == summary.high and not summary.missing and plan.drop_constant:
            reason = f"the same number, {summary.low:g}, in {counted(rows, 'row')}"
            return LeftOut(name, reason, "constant", rows)
        if summary.counting and present > FEW_ROWS and plan.drop_constant and _like_id(name):
            reason = f"row numbers, from {summary.low:g} to {summary.high:g}"
            return LeftOut(name, reason, "identifier", rows)
        whole = "it has no values" if not present else "every value is a number"
        return _number_column(summary, name, plan, whole)
    if kinds == 1 and not summary.missing and plan.drop_constant:
        reason = f"the same text, {next(iter(summary.kinds))!r}, in {counted(rows, 'row')}"
        return LeftOut(name, reason, "constant", rows)
    if summary.dates and summary.dates.count == present:
        return _date_column(summary, name, plan, "every value is a date or time")
    seen = summary.present if summary.all_kinds_at is None else summary.all_kinds_at
    varied = seen > FEW_ROWS and not summary.numbers
    if varied and kinds > 0.5 * seen and summary.prose and summary.prose.is_prose:
        return _words_column(summary, name, plan, "sentences whose words come again")
    if kinds <= plan.max_kinds:
        reason = f"few different values in {counted(rows, 'row')}"
        if summary.numbers:
            reason += f", {counted(summary.numbers, 'number')} among them"
        return _category_column(summary, name, plan, reason)
    if summary.numbers >= summary.texts:
        raise DataError(_mixed_refusal(summary, name))
    if summary.dates and summary.dates.count >= DATES_AMONG_TEXTS * present:
        raise DataError(_mixed_dates_refusal(summary.dates, name))
    many = f"{kinds}{'' if summary.all_kinds_at is None else ' or more'} different values"
    what = "text"
    if kinds > 0.9 * seen and seen > FEW_ROWS:
        return LeftOut(name, f"{what} like an identifier, {many}", "identifier", rows)
    reason = f"{what}; the {plan.max_kinds} most frequent of {many}"
    return _category_column(summary, name, plan, reason)


def _date_column(summary: Summary, name: str, plan: ColumnPlan, reason: str) -> DateColumn:
    assert summary.dates is not None
    return date_column(
        summary.dates, name, reason, plan.decimal, plan.scaling, plan.missing_indicator,
        summary.missing, summary.rows,
    )  # fmt: skip


def _words_column(summary: Summary, name: str, plan: ColumnPlan, reason: str) -> Column:
    assert summary.prose is not None
    found = words_column(
        summary.prose, name, reason, plan.missing_indicator, summary.missing, summary.rows
    )
    if not found.words:
        raise DataError(
            f"{summary.label} needs words that come in several of its texts, got none; give "
            f"kinds={{{name!r}: 'drop'}} to leave it out"
        )
    return found


def _number_column(summary: Summary, name: str, plan: ColumnPlan, reason: str) -> NumberColumn:
    low, high = (summary.low, summary.high) if summary.numbers else (0.0, 0.0)
    shift, scale = 0.0, 1.0
    if plan.scaling == "standard":
        shift, variance = summary.mean, summary.variance
        if not rounding_variance(summary.numbers, shift, variance):
            scale = variance**0.5
    elif plan.scaling == "minmax":
        shift, scale = low, (high - low) or 1.0
    indicator = plan.missing_indicator and summary.missing > 0
    return NumberColumn(
        name, reason, summary.sample.median(), shift, scale, low, high, indicator,
        summary.missing, summary.rows,
    )  # fmt: skip


def _category_column(summary: Summary, name: str, plan: ColumnPlan, reason: str) -> CategoryColumn:
    # As in SimpleImputer, the first in order of equally frequent kinds counts as most frequent.
    by_count = sorted(summary.kinds, key=lambda kind: (-summary.kinds[kind], _order(kind)))
    kept = sorted(by_count[: plan.max_kinds], key=_order)
    counts = [summary.kinds[kind] for kind in kept]
    others = summary.uncounted + sum(summary.kinds[kind] for kind in by_count[plan.max_kinds :])
    fill = by_count[0] if by_count and plan.missing_category == "most_frequent" else None
    if summary.missing and plan.missing_category == "own":
        kept, counts, fill = [*kept, MISSING_KIND], [*counts, summary.missing], MISSING_KIND
    return CategoryColumn(name, reason, kept, counts, fill, others, summary.missing, summary.rows)


def _order(kind: str) -> tuple[int, float, str]:
    """Return the sort key of a kind: numbers by value, then text."""
    try:
        return (0, float(kind), kind)
    except ValueError:
        return (1, 0.0, kind)


def _like_id(name: str) -> bool:
    word = name.strip().lower().strip("#_. ")
    return word in ("", "row", "index", "nr", "no", "number", "unnamed: 0") or word.endswith("id")


def _read(reader: Reader, cell: Any, row: int, label: str) -> float | str | None:
    try:
        return reader.read(cell)
    except DataError as error:
        raise cell_error(error, row, label) from None


def _text_refusal(text: str, row: int, label: str) -> str:
    mend = foreign_number(text) or f"if this means a missing value, give missing=({text!r},)"
    return f"{label} needs numbers, got the text {text[:40]!r} in row {row}; {mend}"


def _missing_refusal(what: str, row: int, label: str) -> str:
    return f"{label} needs a {what} in every row, but row {row} has none; fill it in first"


def _mixed_refusal(summary: Summary, name: str) -> str:
    row, text = summary.first_text or (0, "")
    return (
        f"{summary.label} has {counted(summary.numbers, 'number')} and "
        f"{counted(summary.texts, 'text value')} (row {row} has {text[:40]!r}); if "
        f"this means a missing value, give missing=({text!r},); if the numbers are names, give "
        f"kinds={{{name!r}: 'category'}}"
    )


def _mixed_dates_refusal(dates: DateTally, name: str) -> str:
    row, text = dates.first_other or (0, "")
    return (
        f"{dates.label} has {counted(dates.count, 'date')} and "
        f"{counted(dates.others, 'other value')} (row {row} has {text[:40]!r}); if this means a "
        f"missing value, give missing=({text!r},); if they are all names, give "
        f"kinds={{{name!r}: 'category'}}"
    )


def column_from_dict(state: object, where: str) -> Column:
    """Return the column of a saved state. Raises FormatError for anything else."""
    if not isinstance(state, dict):
        raise FormatError(f"{where} needs to be an object, got {type(state).__name__}")
    kinds: dict[str, Any] = {
        "number": NumberColumn, "category": CategoryColumn, "date": DateColumn,
        "words": WordsColumn,
    }  # fmt: skip
    kind = state.get("kind")
    if kind in ("constant", "empty", "identifier", "drop"):
        made: Any = LeftOut
        values = dict(state)
    elif kind in kinds:
        made = kinds[kind]
        values = {**made._field_defaults, **state}
        del values["kind"]
    else:
        raise FormatError(f"{where} has the unknown kind {kind!r}")
    if set(values) != set(made._fields):
        raise FormatError(f"{where} needs {', '.join(made._fields)}, got {', '.join(values)}")
    for key, value in values.items():
        if not _FITS[key](value):
            raise FormatError(f"{where} cannot have {key} {value!r}")
    column: Column = made(**values)
    trouble = _contradiction(column)
    if trouble:
        raise FormatError(f"{where} {trouble}")
    return column


def column_to_dict(column: Column) -> dict[str, Any]:
    """Return a column in types that JSON has."""
    return {"kind": column.kind, **column._asdict()}


def _contradiction(column: Column) -> str | None:
    if isinstance(column, (NumberColumn, DateColumn)):
        if column.scale <= 0.0 or column.low > column.high:
            return "needs a scale above 0 and low not above high"
        if (
            isinstance(column, DateColumn)
            and max(abs(column.median), abs(column.low), abs(column.high), abs(column.shift)) >= 1e7
        ):
            return "needs times within ten million days"
    elif isinstance(column, CategoryColumn):
        if len(set(column.kinds)) != len(column.kinds) or len(column.counts) != len(column.kinds):
            return "needs different kinds, each with a count"
        if column.fill is not None and column.fill not in column.kinds:
            return f"needs fill to be one of its kinds, got {column.fill!r}"
    elif isinstance(column, WordsColumn) and (
        not column.words
        or len(set(column.words)) != len(column.words)
        or len(column.counts) != len(column.words)
    ):
        return "needs different words, each with a count"
    return None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, (float, int)) and not isinstance(value, bool) and isfinite(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _are_some_of(known: Container[str], value: object) -> bool:
    return isinstance(value, list) and all(_is_text(x) and x in known for x in value)


_FITS: dict[str, Callable[[Any], bool]] = {
    "name": _is_text, "reason": _is_text, "kind": _is_text,
    "median": lambda value: value is None or _is_number(value),
    "shift": _is_number, "scale": _is_number, "low": _is_number, "high": _is_number,
    "indicator": lambda value: isinstance(value, bool),
    "strict": lambda value: isinstance(value, bool),
    "missing": _is_count, "rows": _is_count, "others": _is_count,
    "kinds": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "words": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "counts": lambda value: isinstance(value, list) and all(map(_is_count, value)),
    "fill": lambda value: value is None or _is_text(value),
    "spellings": lambda value: _are_some_of(SPELLINGS, value) and len(value) > 0,
    "cycles": lambda value: _are_some_of(CYCLES, value),
}  # fmt: skip
