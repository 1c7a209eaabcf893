"""Checks of the charts' input, with one wording for each error."""

from __future__ import annotations

import math
from typing import Sequence

from ..errors import DataError, SettingError

LARGEST = 1e300
SMALLEST = 1e-300


def _number(who: str, what: str, value: object, position: str) -> float:
    if value is None:
        return math.nan
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        result = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise DataError(
            f"{who} needs numbers in {what}, got {value!r} at {position}; did you mean float(...)?"
        ) from None
    except OverflowError:
        result = math.inf
    if math.isinf(result) or abs(result) > LARGEST:
        raise DataError(
            f"{who} needs numbers between -1e300 and 1e300 in {what}, got {result!r} at "
            f"{position}; put None there to leave it out"
        )
    return result


def numbers_or_gaps(who: str, what: str, values: Sequence[object]) -> list[float | None]:
    """Return `values` as floats, with None for each None and NaN.

    Raises DataError if there is no number among them, or if one is text, infinite or beyond 1e300.
    """
    result: list[float | None] = []
    for i, value in enumerate(values):
        x = _number(who, what, value, f"position {i}")
        result.append(None if math.isnan(x) else x)
    if all(x is None for x in result):
        got = "only gaps (None or NaN)" if result else "none"
        raise DataError(f"{who} needs at least one number in {what}, got {got}")
    return result


def numbers(who: str, what: str, values: Sequence[object]) -> list[float]:
    """Return `values` as floats. Raises DataError as `numbers_or_gaps` does, and for gaps."""
    result: list[float] = []
    for i, x in enumerate(numbers_or_gaps(who, what, values)):
        if x is None:
            raise DataError(
                f"{who} needs a number at every position of {what}, got {values[i]!r} at "
                f"position {i}; leave that item out"
            )
        result.append(x)
    return result


def grid_or_gaps(who: str, what: str, rows: Sequence[Sequence[object]]) -> list[list[float | None]]:
    """Return rows of floats and None. Raises DataError for bad numbers, no rows and ragged rows."""
    if len(rows) == 0 or len(rows[0]) == 0:
        raise DataError(f"{who} needs at least one row and one column in {what}, got none")
    result: list[list[float | None]] = []
    for i, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise DataError(
                f"{who} needs rows of equal length in {what}, got {len(rows[0])} columns in row 0 "
                f"and {len(row)} in row {i}"
            )
        values = [_number(who, what, x, f"row {i}, column {j}") for j, x in enumerate(row)]
        result.append([None if math.isnan(x) else x for x in values])
    return result


def grid(who: str, what: str, rows: Sequence[Sequence[object]]) -> list[list[float]]:
    """Return rows of floats. Raises DataError as `grid_or_gaps` does, and for gaps."""
    result: list[list[float]] = []
    for i, row in enumerate(grid_or_gaps(who, what, rows)):
        full = [x for x in row if x is not None]
        if len(full) < len(row):
            j = row.index(None)
            raise DataError(
                f"{who} needs a number in every cell of {what}, got {rows[i][j]!r} at "
                f"row {i}, column {j}"
            )
        result.append(full)
    return result


def equal_length(who: str, what: str, length: int, other: str, expected: int) -> None:
    """Raise DataError unless `what` is as long as `other`."""
    if length != expected:
        raise DataError(
            f"{who} needs as many {what} as {other}, got {length} {what} and {expected} {other}"
        )


def size(who: str, **pixels: float | None) -> None:
    """Raise SettingError unless each given width or height is a number from 120 to 10000."""
    for name, value in pixels.items():
        if value is not None and not 120 <= value <= 10000:
            raise SettingError(
                f"{who} needs {name} between 120 and 10000 pixels, got {value!r}; "
                "leave it out for the default size"
            )


def one_of(who: str, name: str, value: object, choices: Sequence[str]) -> None:
    """Raise SettingError unless `value` is one of `choices`."""
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise SettingError(f"{who} needs {name} to be one of {listed}, got {value!r}")
