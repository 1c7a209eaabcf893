"""What becomes of a column: scaled numbers, a place for each kind, or nothing at all.

`planned` decides it from a column's summary, and says why.
"""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import Any, Callable, NamedTuple, Sequence, Union

from ..checks.finite import all_finite
from ..checks.words import counted
from ..errors import DataError, FormatError
from ..lesson.matrix import Vector
from .cells import Reader, foreign_number, key_of, like_date
from .summary import Summary, not_finite, rounding_variance

FEW_ROWS = 20  # of so few rows, nothing can be said about a text that is different in each
MISSING_KIND = "(missing)"


class ColumnPlan(NamedTuple):
    """The encoder's settings that decide what becomes of a column."""

    scaling: str | None
    max_kinds: int
    missing_indicator: bool
    missing_category: str
    drop_constant: bool


class Found(NamedTuple):
    """The encoded columns of one column, its missing cells, and the kinds that are not known."""

    columns: list[Vector]
    missing: int
    unseen: dict[str, int]


class NumberColumn(NamedTuple):
    """Numbers, as (x − shift) / scale; where they are missing, the median stands.

    A median of None, which only imported models have, refuses missing ones. With `indicator` a
    second column says 1 where they are. `low` and `high` are the least and the largest number that
    there was, `missing` and `rows` count the cells.
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

    def feature_names(self) -> list[str]:
        """Return the names of the encoded columns."""
        return [self.name, f"{self.name} missing"] if self.indicator else [self.name]

    def encode(self, cells: Sequence[Any], row: int, label: str, reader: Reader) -> Found:
        """Return the encoded columns of cells, the first of which stands in row number `row`.

        Raises DataError, which names the row, for text and infinities.
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
                    f"{label}, where {self.low:g} to {self.high:g} was usual"
                )
        columns = [values, absent] if self.indicator else [values]
        return Found(columns, int(sum(absent)), {})

    def describe(self) -> str:
        """Return in words what becomes of the column, and why."""
        text = f"number, from {self.low:g} to {self.high:g}" if self.rows else "number"
        if self.missing and self.median is not None:
            text += f"; the median {self.median:g} stands for {self.missing} missing cells"
            if self.indicator:
                text += ", and a second column says where"
        elif self.median is None:
            text += "; missing ones are refused"
        return f"{text}: {self.reason}"


class CategoryColumn(NamedTuple):
    """Kinds, each with a column of its own that is 1 where it stands; all zeros for others.

    `fill` is the kind that stands for a missing cell, or None for zeros only; `counts` says how
    often each kind came, and `others` how many cells were of kinds that are not among them. A
    `strict` column, which only imported models have, refuses cells that would be zeros only.
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

    def feature_names(self) -> list[str]:
        """Return the names of the encoded columns."""
        return [f"{self.name}={kind}" for kind in self.kinds]

    def encode(self, cells: Sequence[Any], row: int, label: str, reader: Reader) -> Found:
        """Return the encoded columns of cells, the first of which stands in row number `row`.

        Raises DataError, which names the row, for what is neither number nor text, or is refused.
        """
        places = {kind: i for i, kind in enumerate(self.kinds)}
        missing_place = -1 if self.fill is None else places[self.fill]
        try:
            counts = Counter(cells)
        except TypeError:  # something that cannot be hashed: an error, or else a text
            cells = [_read(reader, cell, row + i, label) for i, cell in enumerate(cells)]
            counts = Counter(cells)
        missing = 0
        unseen: dict[str, int] = {}
        place_of: dict[Any, int] = {}
        for cell, count in counts.items():
            if _read(reader, cell, row + cells.index(cell), label) is None:
                if self.strict and self.fill is None:
                    raise DataError(_missing_refusal("value", row + cells.index(cell), label))
                place_of[cell] = missing_place
                missing += count
                continue
            key = key_of(cell)
            place_of[cell] = places.get(key, -1)
            if key not in places:
                if self.strict:
                    known = ", ".join(map(repr, self.kinds[:8])) + ", …" * (len(self.kinds) > 8)
                    raise DataError(
                        f"{label} needs one of the kinds that it knows, {known}, got "
                        f"{key[:40]!r} in row {row + cells.index(cell)}"
                    )
                unseen[key] = unseen.get(key, 0) + count
        indices = [place_of[cell] for cell in cells]
        columns = [[1.0 if i == j else 0.0 for i in indices] for j in range(len(self.kinds))]
        return Found(columns, missing, unseen)

    def describe(self) -> str:
        """Return in words what becomes of the column, and why."""
        kinds = [kind for kind in self.kinds if kind != MISSING_KIND]
        shown = ", ".join(map(repr, kinds[:5])) + (", …" if len(kinds) > 5 else "")
        text = f"category of {counted(len(kinds), 'kind')} ({shown})"
        if self.strict:
            text += "; others are refused"
        if self.missing:
            fill = "zeros stand" if self.fill is None else f"{self.fill!r} stands"
            if self.fill == MISSING_KIND:
                fill = "a kind of its own stands"
            text += f"; {fill} for {self.missing} missing cells"
        return f"{text}: {self.reason}"


class LeftOut(NamedTuple):
    """A column that says nothing a network could use: "constant", "empty", "identifier", "drop"."""

    name: str
    reason: str
    kind: str
    rows: int

    def feature_names(self) -> list[str]:
        """Return no names."""
        return []

    def encode(self, cells: Sequence[Any], row: int, label: str, reader: Reader) -> Found:
        """Return no columns, whatever the cells."""
        return Found([], 0, {})

    def describe(self) -> str:
        """Return in words why the column is left out."""
        return f"left out: {self.reason}"


Column = Union[NumberColumn, CategoryColumn, LeftOut]


def planned(summary: Summary, name: str, plan: ColumnPlan) -> Column:
    """Return what becomes of a column, given or guessed.

    Raises DataError for a column that cannot be what it was said to be, or that is mostly numbers
    with texts among them that hardly mean anything.
    """
    if summary.kind == "drop":
        return LeftOut(name, "as asked", "drop", summary.rows)
    if summary.foreign and summary.kind != "category" and summary.foreign_count == summary.texts:
        row, text = summary.foreign
        raise DataError(
            f"{summary.label} seems to hold numbers in another notation, like {text!r} in row "
            f"{row}; {foreign_number(text)}, or give kinds={{{name!r}: 'category'}}"
        )
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
        return LeftOut(name, f"no value in {counted(rows, 'row')}", "empty", rows)
    if not summary.texts:
        if summary.low == summary.high and not summary.missing and plan.drop_constant:
            reason = f"the same number, {summary.low:g}, in {counted(rows, 'row')}"
            return LeftOut(name, reason, "constant", rows)
        if summary.counting and present > FEW_ROWS and plan.drop_constant and _like_id(name):
            reason = f"it counts the rows, from {summary.low:g} to {summary.high:g}"
            return LeftOut(name, reason, "identifier", rows)
        whole = "it holds no value" if not present else "every value is a number"
        return _number_column(summary, name, plan, whole)
    if kinds == 1 and not summary.missing and plan.drop_constant:
        reason = f"the same text, {next(iter(summary.kinds))!r}, in {counted(rows, 'row')}"
        return LeftOut(name, reason, "constant", rows)
    if kinds <= plan.max_kinds:
        mixed = f", and {summary.numbers} numbers" if summary.numbers else ""
        return _category_column(summary, name, plan, f"few texts{mixed} in {counted(rows, 'row')}")
    if summary.numbers >= summary.texts:
        raise DataError(_mixed_refusal(summary, name))
    seen = summary.present if summary.all_kinds_at is None else summary.all_kinds_at
    many = f"{kinds}{'' if summary.all_kinds_at is None else ' or more'} different texts"
    text = summary.first_text[1] if summary.first_text else ""
    what = "dates, which are read as text" if like_date(text) else "text"
    if kinds > 0.9 * seen and seen > FEW_ROWS:
        return LeftOut(name, f"{what} like an identifier, {many}", "identifier", rows)
    reason = f"{what} of too many kinds, {many}, of which the {plan.max_kinds} most frequent count"
    return _category_column(summary, name, plan, reason)


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
    # Of equally frequent kinds the first in order counts as the more frequent, as SimpleImputer.
    by_count = sorted(summary.kinds, key=lambda kind: (-summary.kinds[kind], _order(kind)))
    kept = sorted(by_count[: plan.max_kinds], key=_order)
    counts = [summary.kinds[kind] for kind in kept]
    others = summary.uncounted + sum(summary.kinds[kind] for kind in by_count[plan.max_kinds :])
    fill = by_count[0] if by_count and plan.missing_category == "most_frequent" else None
    if summary.missing and plan.missing_category == "own":
        kept, counts, fill = [*kept, MISSING_KIND], [*counts, summary.missing], MISSING_KIND
    return CategoryColumn(name, reason, kept, counts, fill, others, summary.missing, summary.rows)


def _order(kind: str) -> tuple[int, float, str]:
    """Return what sorts kinds: numbers by their size, then texts."""
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
        raise DataError(f"{error}, in row {row}, {label}") from None


def _text_refusal(text: str, row: int, label: str) -> str:
    mend = foreign_number(text) or f"if that means that it is missing, give missing=({text!r},)"
    return f"{label} needs numbers, got the text {text[:40]!r} in row {row}; {mend}"


def _missing_refusal(what: str, row: int, label: str) -> str:
    return f"{label} needs a {what} in every row, and row {row} has none; fill it in first"


def _mixed_refusal(summary: Summary, name: str) -> str:
    row, text = summary.first_text or (0, "")
    return (
        f"{summary.label} holds {counted(summary.numbers, 'number')} and "
        f"{counted(summary.texts, 'text')}, the first of them {text[:40]!r} in row {row}; if that "
        f"means that the value is missing, give missing=({text!r},), and if the numbers are names, "
        f"kinds={{{name!r}: 'category'}}"
    )


def column_from_dict(state: object, where: str) -> Column:
    """Return the column of a saved state. Raises FormatError for anything else."""
    if not isinstance(state, dict):
        raise FormatError(f"{where} needs to be an object, got {type(state).__name__}")
    kinds: dict[str, Any] = {"number": NumberColumn, "category": CategoryColumn}
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
    if isinstance(column, NumberColumn):
        if column.scale <= 0.0 or column.low > column.high:
            return "needs a scale above 0, and low not above high"
    elif isinstance(column, CategoryColumn):
        if len(set(column.kinds)) != len(column.kinds) or len(column.counts) != len(column.kinds):
            return "needs kinds that differ, and a count for each"
        if column.fill is not None and column.fill not in column.kinds:
            return f"needs fill to be one of its kinds, got {column.fill!r}"
    return None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, (float, int)) and not isinstance(value, bool) and isfinite(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


_FITS: dict[str, Callable[[Any], bool]] = {
    "name": _is_text, "reason": _is_text, "kind": _is_text,
    "median": lambda value: value is None or _is_number(value),
    "shift": _is_number, "scale": _is_number, "low": _is_number, "high": _is_number,
    "indicator": lambda value: isinstance(value, bool),
    "strict": lambda value: isinstance(value, bool),
    "missing": _is_count, "rows": _is_count, "others": _is_count,
    "kinds": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "counts": lambda value: isinstance(value, list) and all(map(_is_count, value)),
    "fill": lambda value: value is None or _is_text(value),
}  # fmt: skip
