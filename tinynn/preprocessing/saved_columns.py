"""Columns in types that JSON has, and back, with checks."""

from __future__ import annotations

from typing import Any, Callable, Container

from ..checks.stored import are_all, is_count, is_real, is_text
from ..checks.words import excerpt, listed
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
    elif is_text(kind) and kind in kinds:
        made = kinds[kind]
        values = {**made._field_defaults, **state}
        del values["kind"]
        if kind == "category" and "own" not in state:
            values["own"] = _own_of_old(state)
    else:
        raise FormatError(f"{where} has the unknown kind {excerpt(kind)}")
    if set(values) != set(made._fields):
        got = listed(list(values), most=20)
        raise FormatError(f"{where} needs {', '.join(made._fields)}, got {got}")
    for key, value in values.items():
        if not _FITS[key](value):
            raise FormatError(f"{where} cannot have {key} {excerpt(value)}")
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
        if isinstance(column, DateColumn) and len(set(column.cycles)) < len(column.cycles):
            return "needs each cycle once"
        if (
            isinstance(column, DateColumn)
            and max(abs(column.median), abs(column.low), abs(column.high), abs(column.shift)) >= 1e7
        ):
            return "needs times within ten million days"
    elif isinstance(column, CategoryColumn):
        if len(set(column.kinds)) != len(column.kinds) or len(column.counts) != len(column.kinds):
            return "needs different kinds, each with a count"
        if column.fill is not None and column.fill not in column.kinds:
            return f"needs fill to be one of its kinds, got {excerpt(column.fill)}"
        if column.own and column.fill != column.kinds[-1]:
            return f"needs fill to be its last kind, got {excerpt(column.fill)}"
    elif isinstance(column, WordsColumn) and (
        not column.words
        or len(set(column.words)) != len(column.words)
        or len(column.counts) != len(column.words)
    ):
        return "needs different words, each with a count"
    return None


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _is_some_of(known: Container[str]) -> Callable[[object], bool]:
    return lambda value: is_text(value) and value in known


def _are_texts(value: object) -> bool:
    return are_all(is_text, value)


_FITS: dict[str, Callable[[Any], bool]] = {
    "name": is_text, "reason": is_text, "kind": is_text,
    "median": lambda value: value is None or is_real(value),
    "shift": is_real, "scale": is_real, "low": is_real, "high": is_real,
    "indicator": _is_flag, "strict": _is_flag, "own": _is_flag,
    "decimal": lambda value: value in (None, ".", ","),
    "grouped": _is_flag, "dressed": _is_flag,
    "unit": _is_some_of(UNITS),
    "missing": is_count, "rows": is_count, "others": is_count,
    "kinds": _are_texts, "words": _are_texts,
    "counts": lambda value: are_all(is_count, value),
    "fill": lambda value: value is None or is_text(value),
    "spellings": lambda value: are_all(_is_some_of(SPELLINGS), value) and len(value) > 0,
    "cycles": lambda value: are_all(_is_some_of(CYCLES), value),
}  # fmt: skip
