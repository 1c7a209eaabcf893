"""Reading the cells of a table (numbers, text or missing), and the table itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, NamedTuple, Sequence as Row

from ..checks.columns import column_names
from ..errors import DataError, SettingError, ShapeError
from ..lesson.matrix import Vector

# Texts that mean a missing value by default.
MISSING = ("", "?", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None")

# A number in any country's notation: digits, with separators between groups or before decimals.
_FOREIGN = re.compile(r"[+-]?\d[\d.,'\u00a0\u202f ]*(?:[eE][+-]?\d+)?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?")
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?\b.*|\d\d?[./]\d\d?[./]\d{2,4}\b.*")
_NUMBERS = frozenset((float, int, bool))
_MISSING_TYPES = ("NoneType", "NAType", "NaTType")


class Table(NamedTuple):
    """Rows of cells, all of the same length, and the column names if the table has them."""

    rows: list[Row[Any]]
    names: list[str] | None
    width: int


class Reader(NamedTuple):
    """How to read cells: the values that mean "missing", and the decimal sign."""

    missing: frozenset[str]
    decimal: str
    missing_numbers: frozenset[float] = frozenset()

    def read(self, cell: Any) -> float | str | None:
        """Return the cell as a float, as text, or None if it is missing.

        Numbers, also those given as text, become floats, perhaps infinite ones. Other text is
        stripped; dates and all other objects are converted to text.

        Raises DataError for complex numbers, lists, dictionaries and other containers.
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
            raise DataError(f"a cell needs to be a number or text, got a {type(cell).__name__}")
        if hasattr(cell, "__float__"):  # Fraction, Decimal
            return float_of(cell)
        return str(cell)

    def plain_numbers(self, cells: Row[Any]) -> Vector | None:
        """Return the cells as finite floats, or None if they need to be read one by one.

        A fast path for the most common columns; `read` gives the same values.
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
        # A NaN or an infinity always shows in the sum.
        if not isfinite(sum(values)) or not self.missing_numbers.isdisjoint(values):
            return None
        return values

    def number(self, text: str) -> float | None:
        """Return the number written in a text, or None.

        >>> Reader(frozenset(), ",").number("1.234,5")
        1234.5
        """
        if self.decimal == ",":
            if _GROUPED.fullmatch(text):
                text = text.replace(".", "")
            elif "." in text:
                return None
            text = text.replace(",", ".")
        if "_" in text:  # Python reads "20_1" as 201; people do not
            return None
        try:
            return float(text)
        except ValueError:
            return None


def float_of(number: Any) -> float | None:
    """Return a number as a float: None for NaN, an infinity if it is too large for a float."""
    try:
        x = float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
    return None if x != x else x


def cell_error(error: DataError, row: int, label: str) -> DataError:
    """Return the error of a cell with its row and column, placed before the advice if any."""
    what, semicolon, advice = str(error).partition(";")
    return DataError(f"{what} in row {row}, {label}{semicolon}{advice}")


def key_of(cell: Any) -> str:
    """Return the kind (the name of the category) of a cell that is not missing.

    Whole numbers of any type are the same kind: 3, 3.0 and "3" are all "3".
    """
    if isinstance(cell, str):
        return cell.strip()
    if getattr(cell, "shape", None) == ():
        cell = cell.item()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return repr(cell) if isinstance(cell, float) else str(cell)


def foreign_number(text: str) -> str | None:
    """Return how to fix a number in another country's notation, or None for other text.

    >>> foreign_number("1,5")
    "give decimal=',' to read it"
    """
    if ("," not in text and "'" not in text) or not _FOREIGN.fullmatch(text):
        return None
    if text.count(",") == 1 and text.rfind(",") > text.rfind("."):
        return "give decimal=',' to read it"
    return "remove the thousands separators"


def like_date(text: str) -> bool:
    """Return whether a text looks like a date."""
    return _DATE.fullmatch(text) is not None


def reader(missing: object, decimal: object) -> Reader:
    """Return a reader with these settings. Raises SettingError for invalid ones."""
    if decimal not in (".", ","):
        raise SettingError(f"TableEncoder needs decimal to be '.' or ',', got {decimal!r}")
    if isinstance(missing, str) or not isinstance(missing, (Sequence, set, frozenset)):
        raise SettingError(
            f"TableEncoder needs missing to be a sequence of strings or numbers, got {missing!r}"
            + (f"; did you mean ({missing!r},)?" if isinstance(missing, str) else "")
        )
    words, plain = {""}, Reader(frozenset(), str(decimal))
    numbers = set()
    for word in missing:
        if not isinstance(word, (str, float, int)):
            raise SettingError(f"TableEncoder needs strings or numbers in missing, got {word!r}")
        words.add(str(word).strip())
        value = plain.read(word)
        if isinstance(value, float):
            numbers.add(value)
    return Reader(frozenset(words), str(decimal), frozenset(numbers))


def as_table(X: Any, name: str = "inputs") -> Table:
    """Return the rows of a table with cells of any type, and the column names of a data frame.

    Takes sequences of rows, NumPy arrays and data frames. The rows are not copied, so they must
    not be changed. Raises ShapeError for anything that is not a table.
    """
    if isinstance(X, Table):
        return X
    names = column_names(X)
    if hasattr(X, "columns") and hasattr(X, "to_numpy"):
        X = X.to_numpy()
    if not hasattr(X, "tolist") and not isinstance(X, Sequence) and hasattr(X, "__array__"):
        X = X.__array__()
    array_shape = getattr(X, "shape", None)
    if hasattr(X, "tolist"):
        X = X.tolist()
    if not isinstance(X, Sequence) or isinstance(X, (str, bytes)):
        mend = "; wrap it in list(...)" if hasattr(X, "__next__") else ""
        if hasattr(X, "toarray"):
            mend = "; convert the sparse matrix with .toarray()"
        raise ShapeError(f"{name} need to be a table of rows and columns, got {_kind(X)}{mend}")
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
        mend = "; list its values in a fixed order: [row[key] for key in keys]"
    elif isinstance(row, (str, bytes)):
        mend = "; split it into cells first"
    else:
        listed = row.tolist() if hasattr(row, "tolist") else row
        if isinstance(listed, Sequence):
            return listed
        mend = ". Reshape your data: [[...]] for one row, [[x] for x in column] for one column"
    raise ShapeError(f"{name} need rows of cells, got {_kind(row)} as row {i}{mend}")


def _kind(value: object) -> str:
    if isinstance(value, (str, bytes)):
        return "text"
    if isinstance(value, (float, int)):
        return f"the number {value}"
    kind = type(value).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
