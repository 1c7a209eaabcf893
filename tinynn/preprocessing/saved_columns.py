"""Columns in types that JSON has, and back, with checks."""

from __future__ import annotations

from math import isfinite
from typing import Any, Callable, Container

from ..errors import FormatError
from .columns import MISSING_KIND, CategoryColumn, Column, LeftOut, NumberColumn
from .date_column import CYCLES, DateColumn
from .dates import SPELLINGS
from .notation import UNITS
from .words_column import WordsColumn


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
        if kind == "category" and "own" not in state:
            values["own"] = _own_of_old(state)
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


def _own_of_old(state: dict[str, Any]) -> bool:
    """Return `own` for a column saved before there was one."""
    kinds = state.get("kinds")
    return isinstance(kinds, list) and kinds[-1:] == [state.get("fill")] == [MISSING_KIND]


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
        if column.own and column.fill != column.kinds[-1]:
            return f"needs fill to be its last kind, got {column.fill!r}"
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


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _are_some_of(known: Container[str], value: object) -> bool:
    return isinstance(value, list) and all(_is_text(x) and x in known for x in value)


_FITS: dict[str, Callable[[Any], bool]] = {
    "name": _is_text, "reason": _is_text, "kind": _is_text,
    "median": lambda value: value is None or _is_number(value),
    "shift": _is_number, "scale": _is_number, "low": _is_number, "high": _is_number,
    "indicator": lambda value: isinstance(value, bool),
    "strict": lambda value: isinstance(value, bool),
    "own": lambda value: isinstance(value, bool),
    "decimal": lambda value: value in (None, ".", ","),
    "grouped": lambda value: isinstance(value, bool),
    "dressed": lambda value: isinstance(value, bool),
    "unit": lambda value: value in UNITS,
    "missing": _is_count, "rows": _is_count, "others": _is_count,
    "kinds": _are_texts, "words": _are_texts,
    "counts": lambda value: isinstance(value, list) and all(map(_is_count, value)),
    "fill": lambda value: value is None or _is_text(value),
    "spellings": lambda value: _are_some_of(SPELLINGS, value) and len(value) > 0,
    "cycles": lambda value: _are_some_of(CYCLES, value),
}  # fmt: skip
