"""Reading the cells of a table (numbers, text or missing), and the table itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, isfinite
from typing import Any, NamedTuple, Sequence as Row

from ..checks.columns import column_names
from ..checks.words import excerpt
from ..errors import DataError, SettingError, ShapeError
from ..lesson.matrix import Vector
from .notation import PERCENT, Notation, plain_number

# Texts that mean a missing value by default.
MISSING = ("", "?", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None")

_NUMBERS = frozenset((float, int, bool))
MISSING_TYPES = ("NoneType", "NAType", "NaTType")  # None, and those of pandas


class Table(NamedTuple):
    """Rows of cells, all of the same length, and the column names if the table has them."""

    rows: list[Row[Any]]
    names: list[str] | None
    width: int


class Found(NamedTuple):
    """The encoded columns of one column, and its numbers of missing cells and of unknown kinds."""

    columns: list[Vector]
    missing: int
    unseen: dict[str, int]


class Reader(NamedTuple):
    """How to read cells: the values that mean "missing", and the table's decimal sign.

    `not_missing` holds words that mean "missing" in columns of numbers, but are kinds in others.
    """

    missing: frozenset[str]
    decimal: str
    missing_numbers: frozenset[float] = frozenset()
    not_missing: frozenset[str] = frozenset()

    @property
    def notation(self) -> Notation:
        """How numbers are written in a column of which only the table's decimal sign is known."""
        comma = self.decimal == ","
        return Notation(self.decimal, comma, "", comma)

    def of_texts(self) -> Reader:
        """Return the reader for columns of texts."""
        return self._replace(missing=self.missing - self.not_missing) if self.not_missing else self

    def read(self, cell: Any) -> float | str | None:
        """Return the cell as a float, as text, or None if it is missing.

        Numbers become floats, perhaps infinite ones. Text is stripped; dates and all other objects
        are converted to text. What number a text holds depends on its column: see `Notation`.

        Raises DataError for complex numbers, lists, dictionaries and other containers.
        """
        if isinstance(cell, str):
            text = cell.strip()
            return None if text in self.missing else text
        if isinstance(cell, (float, int)):
            x = float_of(cell)
            return None if x in self.missing_numbers else x
        if type(cell).__name__ in MISSING_TYPES:
            return None
        if getattr(cell, "shape", None) == ():
            return self.read(_item(cell))
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

    def plain_numbers(self, cells: Row[Any], notation: Notation) -> Vector | None:
        """Return the cells as finite floats, or None if they need to be read one by one.

        A fast path for the most common columns; `read` and `notation` give the same values.
        """
        kinds = set(map(type, cells))
        values = None
        if kinds == {str}:
            if notation.decimal == "." and notation.unit != PERCENT and "_" not in "".join(cells):
                values = _floats(cells)
            if values is None:
                values = notation.values(cells)
        elif kinds <= _NUMBERS:
            values = _floats(cells)
        # A NaN or an infinity always shows in the sum.
        if values is None or not isfinite(sum(values)):
            return None
        return values if self.missing_numbers.isdisjoint(values) else None


def _item(scalar: Any) -> Any:
    """Return the Python value of a NumPy scalar; a date becomes text."""
    if getattr(getattr(scalar, "dtype", None), "kind", "") in ("M", "m"):
        text = str(scalar)  # its item may be a count of nanoseconds
        return None if text == "NaT" else text
    item = scalar.item()
    return float(item) if type(item) is type(scalar) else item  # a long double


def _floats(cells: Row[Any]) -> Vector | None:
    try:
        return list(map(float, cells))
    except (ValueError, OverflowError):
        return None


def float_of(number: Any) -> float | None:
    """Return a number as a float: None for NaN, an infinity if it is too large for a float."""
    try:
        x = float(number)
    except OverflowError:
        return inf if number > 0 else -inf
    except ValueError:  # a signalling NaN of decimal
        return None
    return None if x != x else x


def cell_error(error: DataError, row: int, label: str) -> DataError:
    """Return the error of a cell with its row and column, placed before the advice if any."""
    what, semicolon, advice = str(error).partition(";")
    return DataError(f"{what} in row {row}, {label}{semicolon}{advice}")


def key_of(cell: Any) -> str:
    """Return the kind (the name of the category) of a cell that is not missing.

    Whole numbers of any type are the same kind: 3, 3.0, "3" and "3.0" are all "3".
    """
    if getattr(cell, "shape", None) == ():
        cell = _item(cell)
    if isinstance(cell, float):
        # Above, 1e+16 is how a float is written.
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e16 else repr(cell)
    return whole_spelling(str(cell).strip())


def whole_spelling(text: str) -> str:
    """Return a text without ".0" behind a whole number, as Python and pandas write floats.

    >>> whole_spelling("3.0"), whole_spelling("1.10"), whole_spelling("v2.0")
    ('3', '1.10', 'v2.0')
    """
    if text[-2:] == ".0":
        digits = text[1:-2] if text[0] == "-" else text[:-2]
        if digits.isdigit() and digits.isascii():
            return text[:-2]
    return text


def texts_of(cells: Row[Any], row: int, label: str, reader: Reader) -> list[str | None]:
    """Return cells as text, None for those that are missing.

    Raises DataError, naming the row, for cells that are neither numbers nor text.
    """
    texts: list[str | None] = []
    for i, cell in enumerate(cells):
        try:
            value = reader.read(cell)
        except DataError as error:
            raise cell_error(error, row + i, label) from None
        texts.append(key_of(cell) if isinstance(value, float) else value)
    return texts


def index_of(cells: Row[Any], cell: Any) -> int:
    """Return the index of a cell, which is the very object, in `cells`."""
    # pandas' missing value cannot be compared.
    return next(i for i, each in enumerate(cells) if each is cell)


def reads_infinite(text: str) -> bool:
    """Return whether Python reads a text as an infinite number: a word for it, or a huge number."""
    try:
        return abs(float(text)) == inf
    except ValueError:
        return False


def reader(missing: object, decimal: object, not_missing: object = ()) -> Reader:
    """Return a reader with these settings. Raises SettingError for invalid ones."""
    if decimal not in (".", ","):
        raise SettingError(f"TableEncoder needs decimal to be '.' or ',', got {excerpt(decimal)}")
    words, numbers = {""}, set()
    for word in _words("missing", missing):
        words.add(str(word).strip())
        x = plain_number(word.strip(), str(decimal)) if isinstance(word, str) else float_of(word)
        if isinstance(word, str) and reads_infinite(word):
            x = float(word)
        if x is not None:
            numbers.add(x)
    kept = frozenset(str(word).strip() for word in _words("not_missing", not_missing)) - {""}
    return Reader(frozenset(words), str(decimal), frozenset(numbers), kept & frozenset(words))


def _words(name: str, given: object) -> Sequence[Any]:
    if isinstance(given, str) or not isinstance(given, (Sequence, set, frozenset)):
        raise SettingError(
            f"TableEncoder needs {name} to be a sequence of strings or numbers, "
            f"got {excerpt(given)}"
            + (f"; did you mean ({excerpt(given)},)?" if isinstance(given, str) else "")
        )
    for word in given:
        if not isinstance(word, (str, float, int)):
            raise SettingError(
                f"TableEncoder needs strings or numbers in {name}, got {excerpt(word)}"
            )
    return list(given)


def as_table(X: Any, name: str = "inputs") -> Table:
    """Return the rows of a table with cells of any type, and the column names of a data frame.

    Takes sequences of rows, NumPy arrays and data frames. The rows are not copied, so they must
    not be changed. Raises ShapeError for anything that is not a table.
    """
    if isinstance(X, Table):
        return X
    names = column_names(X)
    if hasattr(X, "columns") and hasattr(X, "to_numpy"):
        X = _frame_rows(X, len(X.columns))
    if not hasattr(X, "tolist") and not isinstance(X, Sequence) and hasattr(X, "__array__"):
        X = X.__array__()
    array_shape = getattr(X, "shape", None)
    if _holds_dates(X):  # some of which would become counts of nanoseconds
        X = [list(map(_date_text, row)) for row in X.astype(str).tolist()]
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


def _frame_rows(X: Any, width: int) -> Any:
    """Return the rows of a data frame; each column keeps its own type of numbers."""
    if hasattr(X, "iloc"):  # pandas
        columns = [X.iloc[:, j].tolist() for j in range(width)]
        for j, dtype in enumerate(X.dtypes):
            if getattr(dtype, "kind", "") == "M":  # pandas' own objects are slow to read
                columns[j] = list(map(_date_text, map(str, columns[j])))
    elif hasattr(X, "iter_columns"):  # Polars
        columns = [column.to_list() for column in X.iter_columns()]
    else:
        return X.to_numpy()
    return list(zip(*columns)) if columns else [()] * len(X)


def _holds_dates(X: Any) -> bool:
    return getattr(getattr(X, "dtype", None), "kind", "") == "M" and len(X.shape) == 2


def _date_text(text: str) -> str | None:
    return None if text == "NaT" else text


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
    if isinstance(value, (float, int)) and not abs(value) > 1e100:
        return f"the number {value}"
    kind = type(value).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"
