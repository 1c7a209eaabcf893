"""The names of columns of earlier rows: "sales (3 before)"."""

from __future__ import annotations

import re

MOST_LAGS = 10_000
_LAGGED = re.compile(r"(.*) \((\d{1,5}) before\)", re.DOTALL)


def lagged_name(column: str, lag: int) -> str:
    """Return the name of a column so many rows before.

    >>> lagged_name("sales", 3)
    'sales (3 before)'
    """
    return f"{column} ({lag} before)"


def parts_of(name: str) -> tuple[str, int]:
    """Return the column and the lag in a name; the lag is 0 if there is none.

    >>> parts_of("sales (3 before)"), parts_of("sales")
    (('sales', 3), ('sales', 0))
    """
    found = _LAGGED.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, 0)
