"""The names of a table's columns, and columns put in order by them."""

from __future__ import annotations

from operator import itemgetter
from typing import Any, Iterable, Sequence

from ..errors import DataError
from .words import did_you_mean, listed


def column_names(X: Any) -> list[str] | None:
    """Return the names of a data frame's columns; None for other tables, or if not all are text."""
    columns = getattr(X, "columns", None)
    if columns is None or not hasattr(X, "to_numpy"):
        return None
    names = list(columns)
    return names if all(isinstance(name, str) for name in names) else None


def order_by_name(wanted: Sequence[str], given: Sequence[str]) -> list[int]:
    """Return the index of each wanted column in a table with the given names.

    The table may have more columns. Raises DataError, with the nearest name, for a missing one,
    and for one that is there twice.
    """
    index = {name: i for i, name in enumerate(given)}
    for name in wanted:
        if name not in index:
            mend = did_you_mean(name, given) or f", got {listed(given)}"
            raise DataError(f"the table needs a column {name!r}{mend}")
        if len(index) < len(given) and list(given).count(name) > 1:
            raise DataError(f"the table needs one column {name!r}, got {list(given).count(name)}")
    return [index[name] for name in wanted]


def in_order(rows: Iterable[Sequence[Any]], order: Sequence[int]) -> list[Sequence[Any]]:
    """Return rows of the cells at these indices.

    >>> in_order([[1, 2, 3], [4, 5, 6]], [2, 0])
    [(3, 1), (6, 4)]
    """
    if len(order) == 1:
        return [(row[order[0]],) for row in rows]
    return list(map(itemgetter(*order), rows))
