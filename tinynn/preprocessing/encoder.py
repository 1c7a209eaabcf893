"""`TableEncoder`: learns the kinds of a table's columns and converts its rows to floats."""

from __future__ import annotations

from random import Random
from typing import (
    Any,
    Iterable,
    Iterator,
    Mapping,
    NamedTuple,
    Sequence,
)

from ..checks.columns import in_order, order_by_name
from ..checks.settings import flag, integer
from ..checks.words import counted, did_you_mean, excerpt, listed
from ..errors import DataError, FormatError, SettingError, ShapeError
from ..lesson.matrix import Matrix
from .cells import MISSING, Table, as_table, reader
from .columns import Column, ColumnPlan, NumberColumn, planned
from .date_column import DATE_KINDS
from .notation import Notation, notation_of
from .saved_columns import column_from_dict, column_to_dict
from .summary import KINDS, Summary

CHUNK = 4096  # rows processed at a time
_KINDS = ("number", "category", *DATE_KINDS, "words", "drop")
_SETTINGS = (
    "names", "kinds", "scaling", "max_kinds", "missing", "missing_indicator", "missing_category",
    "decimal", "drop_constant", "not_missing", "notations",
)  # fmt: skip


class Encoded(NamedTuple):
    """Rows of floats, and the numbers of missing cells and unseen kinds in each column."""

    rows: Matrix
    missing: dict[str, int]
    unseen: dict[str, dict[str, int]]


class TableEncoder:
    """Converts rows of numbers and text, some of them missing, to rows of floats.

    names:              the column names; by default those of a data frame, or x0, x1 …; a table
                        that has names, too, is put in this order by them
    kinds:              the kinds of columns by name or number: "number", "category", "date" (also
                        "day-first date" and "month-first date"), "words" for free text, or "drop";
                        the others are guessed (`describe()` shows the guesses and the reasons)
    scaling:            "standard" scales numbers to mean 0 and standard deviation 1, "minmax" to
                        0 … 1; None leaves them as they are
    max_kinds:          the most kinds of a category to encode: the most frequent, one column each
    missing:            the values that mean missing, besides None, NaN and empty text
    missing_indicator:  whether to add a column of 0 and 1 to columns with missing cells, except for
                        categories
    missing_category:   "own" makes missing cells of a category a separate kind, "most_frequent"
                        gives them the most frequent one
    decimal:            the decimal sign of texts like "1,234", which may mean 1234 or 1.234, in
                        columns without a text that shows it, like "12.5": "." or ","
    drop_constant:      whether to leave out columns that are constant, empty, or identifiers
    not_missing:        words of `missing` that are kinds in columns of text; they still mean a
                        missing value among numbers
    notations:          how the numbers of columns are written, by name: a `Notation`, or its
                        parts; that of other columns is seen from their cells

    Text is read as numbers if all values of its column are numbers, written in one way: "1.5e3",
    "1,234.50" or "1.234,50", "$12", "12 €", "USD 12", "14.4%" (which is 14.4), "(12)" or "12-" for
    −12. Numbers with leading zeros, or more than 15 digits, are codes, hence text. A column of
    dates is read as dates. Missing numbers and dates are replaced by the median. Kinds that were
    not seen during `fit` are encoded as zeros, and reported. Sentences whose words come again are
    free text. Identifiers are other text that differs in (nearly) every row, and row numbers in a
    column with a name like "id".

    `fit` learns from a table, `partial_fit` from a stream of tables in bounded memory: medians are
    exact up to 50,000 numbers, and come from a uniform sample of this size beyond; up to 1,000
    kinds and 20,000 words are counted.

    >>> TableEncoder().fit_transform([[1, "a"], [3, "b"]])
    [[-1.0, 1.0, 0.0], [1.0, 0.0, 1.0]]
    """

    def __init__(
        self,
        names: Sequence[str] | None = None,
        kinds: Mapping[str | int, str] | None = None,
        scaling: str | None = "standard",
        max_kinds: int = 50,
        missing: Sequence[str | float] = MISSING,
        missing_indicator: bool = True,
        missing_category: str = "own",
        decimal: str = ".",
        drop_constant: bool = True,
        not_missing: Sequence[str] = (),
        notations: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        who = "TableEncoder"
        if scaling not in ("standard", "minmax", None):
            raise SettingError(
                f"{who} needs scaling to be 'standard', 'minmax' or None, got {excerpt(scaling)}"
            )
        if missing_category not in ("own", "most_frequent"):
            raise SettingError(
                f"{who} needs missing_category to be 'own' or 'most_frequent', "
                f"got {excerpt(missing_category)}"
            )
        self.names = None if names is None else _checked_names(names)
        self.kinds = _checked_kinds(kinds)
        self.scaling = scaling
        self.max_kinds = integer(who, "max_kinds", max_kinds, least=1)
        if max_kinds > KINDS:
            raise SettingError(f"{who} needs max_kinds of at most {KINDS}, got {max_kinds}")
        self.reader = reader(missing, decimal, not_missing)
        self.missing = tuple(missing)
        self.not_missing = tuple(not_missing)
        self.notations = _checked_notations(notations)
        self.missing_indicator = flag(who, "missing_indicator", missing_indicator)
        self.missing_category = missing_category
        self.decimal = decimal
        self.drop_constant = flag(who, "drop_constant", drop_constant)
        self._forget()

    def _forget(self) -> None:
        self.column_names: list[str] = []
        self.rows_seen = 0
        self._summaries: list[Summary] = []
        self._columns: list[Column] = []

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {name: getattr(self, name) for name in _SETTINGS}

    def fresh(self, **changes: Any) -> TableEncoder:
        """Return an unfitted encoder with the same settings, except for `changes`."""
        return TableEncoder(**{**self.settings(), **changes})

    @property
    def fitted(self) -> bool:
        """Whether the encoder has learned from any rows."""
        return bool(self._summaries or self._columns)

    def fit(self, X: object) -> TableEncoder:
        """Learn the columns from a table; earlier calls are forgotten."""
        table = as_table(X)
        self._forget()
        self._learn(table)
        self._columns = self._planned()  # raises errors here rather than in transform
        return self

    def partial_fit(self, X: object) -> TableEncoder:
        """Learn from more rows; many calls give the same result as one `fit` to all rows.

        The median of more than 50,000 numbers is approximate and depends on their order.
        """
        if self._columns and not self._summaries:
            raise SettingError(
                "TableEncoder needs the statistics of earlier rows for partial_fit, but files do "
                "not keep them; fit a new encoder"
            )
        self._learn(as_table(X))
        self._columns = []
        return self

    def _learn(self, table: Table) -> None:
        if not self._summaries:
            self._start(table)
        table = self.in_order(table)
        if table.width != len(self._summaries):
            raise ShapeError(self._expected(table.width))
        for start in range(0, len(table.rows), CHUNK):
            rows = table.rows[start : start + CHUNK]
            for summary, cells in zip(self._summaries, zip(*rows)):
                summary.add(cells, self.rows_seen, self.reader)
            self.rows_seen += len(rows)

    def _start(self, table: Table) -> None:
        names = self.names or table.names
        if names is not None and len(names) != table.width:
            raise ShapeError(
                f"TableEncoder needs a name for each column, got {counted(len(names), 'name')} "
                f"for {counted(table.width, 'column')}"
            )
        self.column_names = _checked_names(names or [f"x{j}" for j in range(table.width)])
        kinds = self._kinds_by_number()
        self._summaries = [
            Summary(self._label(j), kinds.get(j), Random(j), self.notations.get(name))
            for j, name in enumerate(self.column_names)
        ]

    def _kinds_by_number(self) -> dict[int, str]:
        found: dict[int, str] = {}
        for key, kind in self.kinds.items():
            if isinstance(key, str) and key not in self.column_names:
                raise SettingError(
                    f"TableEncoder needs the column {excerpt(key)} named in kinds"
                    + _near(key, self.column_names)
                )
            if not isinstance(key, str) and not 0 <= key < len(self.column_names):
                raise SettingError(
                    f"TableEncoder needs column numbers from 0 to {len(self.column_names) - 1} "
                    f"in kinds, got {key}"
                )
            found[self.column_names.index(key) if isinstance(key, str) else key] = kind
        return found

    def _label(self, number: int) -> str:
        name = self.column_names[number]
        return f"column {number}" if name == f"x{number}" else f"column {excerpt(name)}"

    @property
    def columns(self) -> list[Column]:
        """The encoding of each column: a NumberColumn, CategoryColumn or LeftOut.

        Raises SettingError before `fit`, DataError for a column that cannot be used.
        """
        if not self.fitted:
            raise SettingError("TableEncoder needs fit(inputs) before it can transform")
        if not self._columns:
            self._columns = self._planned()
        return self._columns

    def _planned(self) -> list[Column]:
        plan = ColumnPlan(
            self.scaling, self.max_kinds, self.missing_indicator, self.missing_category,
            self.drop_constant, self.decimal,
        )  # fmt: skip
        columns = [planned(s, n, plan) for s, n in zip(self._summaries, self.column_names)]
        if not any(column.width for column in columns):
            reasons = "; ".join(f"{listed([c.name])}: {c.reason}" for c in columns[:3])
            raise DataError(f"TableEncoder needs at least one column to learn from, got {reasons}")
        return columns

    def encode(self, X: object, row: int = 0) -> Encoded:
        """Return the rows of floats, with the missing cells and unseen kinds of each column.

        `row` is the number of the table's first row in messages. Raises ShapeError for a wrong
        number of columns, DataError for text in a column of numbers.
        """
        columns = self.columns
        table = self.in_order(as_table(X))
        if table.width != len(columns):
            raise ShapeError(self._expected(table.width))
        encoded: Matrix = []
        missing: dict[str, int] = {}
        unseen: dict[str, dict[str, int]] = {}
        for start in range(0, len(table.rows), CHUNK):
            parts: Matrix = []
            cells = list(zip(*table.rows[start : start + CHUNK]))
            for j, column in enumerate(columns):
                found = column.encode(cells[j], row + start, self._label(j), self.reader)
                parts += found.columns
                if found.missing:
                    missing[column.name] = missing.get(column.name, 0) + found.missing
                for kind, count in found.unseen.items():
                    kinds = unseen.setdefault(column.name, {})
                    kinds[kind] = kinds.get(kind, 0) + count
            encoded += map(list, zip(*parts))
        return Encoded(encoded, missing, unseen)

    def learned_notations(self) -> dict[str, Notation]:
        """Return how the numbers of each column of numbers are written, for `notations`."""
        return {
            column.name: column.notation(self.reader)
            for column in self.columns
            if isinstance(column, NumberColumn)
        }

    def read_missing(self, words: Sequence[str]) -> None:
        """Take more words for missing values from now on."""
        self.reader = reader((*self.missing, *words), self.decimal, self.not_missing)

    def read_decimal(self, decimal: str, instead: str = ".,") -> None:
        """Read numbers with this decimal sign from now on, those written with `instead` so far."""
        for j, column in enumerate(self.columns):
            if isinstance(column, NumberColumn):
                notation = column.notation(self.reader)
                if notation.decimal in instead:
                    ways = notation.with_decimal(decimal)._asdict()
                    self.columns[j] = column._replace(**ways)
        if self.reader.decimal in instead:
            self.reader = self.reader._replace(decimal=decimal)

    def transform(self, X: object) -> Matrix:
        """Return the rows of floats for a table with the columns seen during `fit`."""
        return self.encode(X).rows

    def fit_transform(self, X: object) -> Matrix:
        """Return `fit(X).transform(X)`."""
        return self.fit(X).transform(X)

    def places(self, names: Sequence[str]) -> list[int]:
        """Return the index of each of the encoder's columns in a table with these column names.

        This allows tables with their columns in another order; those left out by the encoder need
        to be there, too. Raises DataError, with the nearest name, for a missing column.

        >>> TableEncoder(names=["a", "b"]).fit([[1, 2], [2, 1]]).places(["b", "c", "a"])
        [2, 0]
        """
        return order_by_name(self.column_names, names)

    def in_order(self, table: Table) -> Table:
        """Return the table with its columns in the encoder's order, by their names.

        By place instead if either has none. Raises DataError for a missing column.
        """
        own, given = self.column_names, table.names
        if given is None or given == own:
            return table
        if own == [f"x{j}" for j in range(len(own))] and not set(own) <= set(given):
            return table
        return Table(in_order(table.rows, self.places(given)), own, len(own))

    @property
    def width(self) -> int:
        """The number of encoded columns."""
        return sum(column.width for column in self.columns)

    def feature_names_out(self) -> list[str]:
        """Return the names of the encoded columns, in order."""
        return [name for column in self.columns for name in column.feature_names()]

    def describe(self) -> str:
        """Return a line for each column: its encoding and the reason for it."""
        return "\n".join(f"{column.name}: {column.describe()}" for column in self.columns)

    def _expected(self, width: int) -> str:
        columns = len(self.column_names)
        return (
            f"X has {width} features, but TableEncoder is expecting {columns} features as input: "
            f"the columns {listed(self.column_names)}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the settings and fitted columns as a plain dictionary that JSON keeps exactly."""
        settings = self.settings()
        settings["missing"] = list(self.missing)
        settings["not_missing"] = list(self.not_missing)
        settings["kinds"] = [[key, kind] for key, kind in self.kinds.items()]
        settings["notations"] = {name: list(way) for name, way in self.notations.items()}
        return {
            "kind": "TableEncoder",
            "settings": settings,
            "columns": [column_to_dict(column) for column in self.columns] if self.fitted else [],
        }

    @classmethod
    def from_dict(cls, state: object) -> TableEncoder:
        """Return the encoder that `to_dict` described. Raises FormatError for anything else."""
        if not isinstance(state, dict) or state.get("kind") != "TableEncoder":
            got = state.get("kind") if isinstance(state, dict) else type(state).__name__
            raise FormatError(
                f"a saved TableEncoder needs \"kind\" 'TableEncoder', got {excerpt(got)}"
            )
        settings, columns = state.get("settings"), state.get("columns")
        if isinstance(settings, dict):  # older files lack the last two
            settings = {"not_missing": [], "notations": {}, **settings}
        if not isinstance(settings, dict) or set(settings) != set(_SETTINGS):
            raise FormatError(f"a saved TableEncoder needs the settings {', '.join(_SETTINGS)}")
        if not isinstance(columns, list):
            raise FormatError("a saved TableEncoder needs a list of columns")
        try:
            pairs = settings["kinds"]
            encoder = cls(**{**settings, "kinds": dict(pairs)})
        except (TypeError, ValueError) as error:
            raise FormatError(f"a saved TableEncoder needs valid settings: {error}") from None
        encoder._columns = [
            column_from_dict(column, f"column {i} of a saved TableEncoder")
            for i, column in enumerate(columns)
        ]
        encoder.column_names = [column.name for column in encoder._columns]
        if len(set(encoder.column_names)) != len(columns):
            raise FormatError("a saved TableEncoder needs unique column names")
        if columns and not encoder.width:
            raise FormatError("a saved TableEncoder needs at least one column that is not left out")
        encoder.rows_seen = max((column.rows for column in encoder._columns), default=0)
        return encoder

    def __repr__(self) -> str:
        defaults = TableEncoder.__init__.__defaults__ or ()
        changed = [
            f"{name}={getattr(self, name)!r}"
            for name, default in zip(_SETTINGS, defaults)
            if getattr(self, name) != (default if name not in ("kinds", "notations") else {})
        ]
        return f"TableEncoder({', '.join(changed)})"


def chunks(rows: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """Yield the rows of a stream in lists of `size`; the last may be shorter.

    >>> list(chunks(range(3), size=2))
    [[0, 1], [2]]
    """
    part: list[Any] = []
    for row in rows:
        part.append(row)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def _checked_names(names: Sequence[str]) -> list[str]:
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        if not isinstance(name, str):
            raise SettingError(
                f"TableEncoder needs names to be strings, got {excerpt(name)} as name {i}"
            )
        if first.setdefault(name, i) < i:
            raise SettingError(
                f"TableEncoder needs unique names, got {excerpt(name)} as names {first[name]} "
                f"and {i}"
            )
    return list(first)


def _checked_kinds(kinds: Mapping[str | int, str] | None) -> dict[str | int, str]:
    found = dict(kinds or {})
    for key, kind in found.items():
        if isinstance(key, bool) or not isinstance(key, (str, int)):
            raise SettingError(
                f"TableEncoder needs column names or numbers as keys of kinds, got {excerpt(key)}"
            )
        if kind not in _KINDS:
            raise SettingError(
                f"TableEncoder needs the kind of column {excerpt(key)} to be one of "
                f"{', '.join(map(repr, _KINDS))}, got {excerpt(kind)}"
            )
    return found


def _checked_notations(given: Mapping[str, Sequence[Any]] | None) -> dict[str, Notation]:
    found: dict[str, Notation] = {}
    for name, way in dict(given or {}).items():
        notation = notation_of(way)
        if notation is None:
            raise SettingError(
                f"TableEncoder needs the notation of column {excerpt(name)} to be a Notation "
                f"or its {listed(Notation._fields)}, got {excerpt(way)}"
            )
        found[name] = notation
    return found


def _near(name: str, names: Sequence[str]) -> str:
    return did_you_mean(name, names) or f", got {listed(names)}"
