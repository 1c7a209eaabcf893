"""One cell of a table: a number, a text, or nothing; and the table that the cells come in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple, Sequence as Row

from ..errors import DataError, SettingError, ShapeError
from ..lesson.matrix import Vector

# Texts that stand for a missing value, unless others are named.
MISSING = ("", "?", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None")

# A number as some country writes it: digits in groups, and a comma in one of the places between.
_FOREIGN = re.compile(r"[+-]?\d[\d.,'\u00a0\u202f ]*(?:[eE][+-]?\d+)?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?\b.*|\d\d?[./]\d\d?[./]\d{2,4}\b.*")
_NUMBERS = frozenset((float, int, bool))
_MISSING_TYPES = ("NoneType", "NAType", "NaTType")


class Table(NamedTuple):
    """Rows of cells of one length; the columns' names, if the table brought any along."""

    rows: list[Row[Any]]
    names: list[str] | None
    width: int


class Reader(NamedTuple):
    """How cells are read: texts and numbers that mean "missing", and the decimal sign."""

    missing: frozenset[str]
    decimal: str
    missing_numbers: frozenset[float] = frozenset()

    def read(self, cell: Any) -> float | str | None:
        """Return the cell as a float, as text, or None if it is missing.

        Numbers and text that holds a number become floats, text loses the space around it; dates
        and whatever else there is become text. A number may come out infinite.

        Raises DataError for what cannot stand in a cell: complex numbers, lists, dictionaries.
        """
        if isinstance(cell, str):
            text = cell.strip()
            if text in self.missing:
                return None
            number = self.number(text)
            return text if number is None else number
        if isinstance(cell, (float, int)):
            x = float_of(cell)
            return None if x in self.missing_numbers else x
        if getattr(cell, "shape", None) == ():
            return self.read(cell.item())
        if type(cell).__name__ in _MISSING_TYPES:
            return None
        if isinstance(cell, complex):
            raise DataError(
                f"Complex data not supported: got {cell}; "
                "use its .real and .imag as two columns, or abs()"
            )
        if isinstance(cell, (Sequence, Mapping, set)) or hasattr(cell, "__array__"):
            raise DataError(f"a cell needs to be a number or a text, got a {type(cell).__name__}")
        if hasattr(cell, "__float__"):  # Fraction, Decimal
            return float_of(cell)
        return str(cell)

    def plain_numbers(self, cells: Row[Any]) -> Vector | None:
        """Return the cells as finite floats, or None if that takes a closer look at each of them.

        A short cut for the most usual columns: `read` would give the same.
        """
        kinds = set(map(type, cells))
        if kinds == {str}:
            if self.decimal != "." or "_" in "".join(cells):
                return None
        elif not kinds <= _NUMBERS:
            return None
        try:
            values = list(map(float, cells))
        except (ValueError, OverflowError):
            return None
        # A NaN or an infinity cannot leave a sum again.
        if not isfinite(sum(values)) or not self.missing_numbers.isdisjoint(values):
            return None
        return values

    def number(self, text: str) -> float | None:
        """Return the number that a text holds, or None.

        >>> Reader(frozenset(), ",").number("1.234,5")
        1234.5
        """
        if self.decimal == ",":
            if _GROUPED.fullmatch(text):
                text = text.replace(".", "")
            elif "." in text:
                return None
            text = text.replace(",", ".")
        if "_" in text:  # Python reads "20_1" as 201; a person does not
            return None
        try:
            return float(text)
        except ValueError:
            return None


def float_of(number: Any) -> float | None:
    """Return a number as a float: None for NaN, an infinity if it is beyond the floats."""
    try:
        x = float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
    return None if x != x else x


def key_of(cell: Any) -> str:
    """Return the name of the kind that a cell, which is not missing, belongs to in a category.

    Whole numbers have one name, however they are kept: 3, 3.0 and "3" are the same kind.
    """
    if isinstance(cell, str):
        return cell.strip()
    if getattr(cell, "shape", None) == ():
        cell = cell.item()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return repr(cell) if isinstance(cell, float) else str(cell)


def foreign_number(text: str) -> str | None:
    """Return the mend for a number in the notation of another country, or None for other text.

    >>> foreign_number("1,5")
    "give decimal=',' to read it"
    """
    if ("," not in text and "'" not in text) or not _FOREIGN.fullmatch(text):
        return None
    if text.count(",") == 1 and text.rfind(",") > text.rfind("."):
        return "give decimal=',' to read it"
    return "write it without separators between the thousands"


def like_date(text: str) -> bool:
    """Return whether a text looks like a date."""
    return _DATE.fullmatch(text) is not None


def reader(missing: object, decimal: object) -> Reader:
    """Return a reader with these settings. Raises SettingError for what cannot be one."""
    if decimal not in (".", ","):
        raise SettingError(f"TableEncoder needs decimal to be '.' or ',', got {decimal!r}")
    if isinstance(missing, str) or not isinstance(missing, (Sequence, set, frozenset)):
        raise SettingError(
            f"TableEncoder needs missing to be a sequence of words, got {missing!r}"
            + (f"; did you mean ({missing!r},)?" if isinstance(missing, str) else "")
        )
    words, plain = {""}, Reader(frozenset(), str(decimal))
    numbers = set()
    for word in missing:
        if not isinstance(word, (str, float, int)):
            raise SettingError(f"TableEncoder needs missing to hold texts or numbers, got {word!r}")
        words.add(str(word).strip())
        value = plain.read(word)
        if isinstance(value, float):
            numbers.add(value)
    return Reader(frozenset(words), str(decimal), frozenset(numbers))


def as_table(X: Any, name: str = "inputs") -> Table:
    """Return the rows of a table of any cells, and its columns' names if it is a data frame.

    Takes sequences of rows, NumPy arrays and data frames. The rows may be the caller's own: they
    are only read. Raises ShapeError for anything that is no table.
    """
    if isinstance(X, Table):
        return X
    names = None
    columns = getattr(X, "columns", None)
    if columns is not None and hasattr(X, "to_numpy"):
        found = list(columns)
        names = found if all(isinstance(column, str) for column in found) else None
        X = X.to_numpy()
    if not hasattr(X, "tolist") and not isinstance(X, Sequence) and hasattr(X, "__array__"):
        X = X.__array__()
    array_shape = getattr(X, "shape", None)
    if hasattr(X, "tolist"):
        X = X.tolist()
    if not isinstance(X, Sequence) or isinstance(X, (str, bytes)):
        mend = "; wrap it in list(...)" if hasattr(X, "__next__") else ""
        if hasattr(X, "toarray"):
            mend = "; .toarray() makes a sparse matrix dense"
        raise ShapeError(f"{name} need to be a table, rows of cells, got {_kind(X)}{mend}")
    rows: list[Any] = list(X)
    if not rows:
        raise ShapeError(f"{name} need at least one row, got 0 samples")
    for i, row in enumerate(rows):
        if not isinstance(row, (list, tuple)):
            rows[i] = _as_row(row, name, i)
    width = len(rows[0])
    if width == 0:
        raise ShapeError(
            f"{name} need at least one column, got 0 feature(s) "
            f"(shape={array_shape or (len(rows), 0)}) while a minimum of 1 is required."
        )
    for i, row in enumerate(rows):
        if len(row) != width:
            raise ShapeError(
                f"{name} need rows of equal length, got {width} "
                f"{'cell' if width == 1 else 'cells'} in row 0 and {len(row)} in row {i}"
            )
    return Table(rows, names, width)


def _as_row(row: Any, name: str, i: int) -> Row[Any]:
    if isinstance(row, Mapping):
        mend = "list its values in a fixed order: [row[key] for key in keys]"
    elif isinstance(row, (str, bytes)):
        mend = "split it into cells first"
    else:
        listed = row.tolist() if hasattr(row, "tolist") else row
        if isinstance(listed, Sequence):
            return listed
        mend = "Reshape your data: [[...]] for one row, [[x] for x in column] for one column"
    raise ShapeError(f"{name} need rows of cells, got {_kind(row)} as row {i}. {mend}")


def _kind(value: object) -> str:
    if isinstance(value, (str, bytes)):
        return "a text"
    if isinstance(value, (float, int)):
        return f"the number {value}"
    kind = type(value).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
