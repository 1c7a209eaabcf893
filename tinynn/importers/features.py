"""The columns of a table on their way into a network: functions of one cell of the row each.

Each column that reaches the network is a `Cell` or a `Lookup`. Importers turn a list of such
columns into another for each transformer, and `encoded_features` writes the last list as an
encoder and the network's first layer.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence, Union

from ..errors import FormatError
from ..lesson.layers import Dense
from ..lesson.matrix import Matrix, Vector
from ..preprocessing import CategoryColumn, LeftOut, NumberColumn, TableEncoder
from ..preprocessing.cells import key_of, reader
from ..preprocessing.columns import MISSING_KIND, Column
from ..preprocessing.saved_columns import column_to_dict
from . import assembly

_READER = reader((), ".")
_REASON = "as in the pipeline"


class Cell(NamedTuple):
    """The cell itself; a number as (x − shift) · factor. `fill` replaces a missing cell."""

    column: int
    fill: Any = None
    shift: float = 0.0
    factor: float = 1.0

    def number(self, x: float) -> float:
        return (x - self.shift) * self.factor

    def scaled(self, shift: float, factor: float, offset: float) -> Cell:
        shift = self.shift + (shift - offset / factor) / self.factor
        return self._replace(shift=shift, factor=self.factor * factor)


class Lookup(NamedTuple):
    """A number for each category of the cell: the one in `values`, or else `rest`.

    `known` holds the categories in order, None among them if a missing cell is one; if `strict`,
    others are refused. `missing` is the number for a missing cell, None if that is refused.
    """

    column: int
    values: dict[str, float]
    rest: float
    missing: float | None
    known: dict[str | None, None]
    strict: bool = False

    def mapped(self, change: Callable[[float], float]) -> Lookup:
        return self._replace(
            values={kind: change(x) for kind, x in self.values.items()},
            rest=change(self.rest),
            missing=None if self.missing is None else change(self.missing),
        )

    def scaled(self, shift: float, factor: float, offset: float) -> Lookup:
        return self.mapped(lambda x: (x - shift) * factor + offset)


Feature = Union[Cell, Lookup]


def refusal(place: str, what: str, mend: str = "") -> FormatError:
    """Return the error for something that no column can express."""
    return FormatError(f"{place}: {what} cannot be imported exactly{mend and '; ' + mend}")


def keys_of(place: str, feature: Feature, categories: Sequence[Any]) -> list[str | None]:
    """Return the categories' keys, None for a missing cell. Raises FormatError if two are equal."""
    keys: dict[str | None, None] = {}
    for category in categories:
        if isinstance(feature, Lookup):
            category = float(category)
        key = None if _READER.read(category) is None else key_of(category)
        if key in keys or (key is None and isinstance(feature, Cell) and feature.fill is not None):
            same = "a missing cell" if key is None else f"another one of {key!r}"
            raise refusal(place, f"the category {category!r} beside {same}, which reads the same,")
        keys[key] = None
    return list(keys)


def looked_up(
    place: str,
    feature: Feature,
    known: dict[str | None, None],
    values: dict[str | None, float],
    rest: float,
    strict: bool,
) -> Lookup:
    """Return a column of `values` by category, or else `rest`; strict refuses unknown ones."""
    if isinstance(feature, Lookup):

        def change(x: float) -> float:
            if strict and key_of(x) not in known:
                raise refusal(place, f"the number {x:g} as a category that it does not know")
            return values.get(key_of(x), rest)

        return feature.mapped(change)
    if (feature.shift, feature.factor) != (0.0, 1.0):
        raise refusal(place, "a scaled number as a category")
    fill = None if feature.fill is None else key_of(feature.fill)
    missing = None if strict and fill not in known else values.get(fill, rest)
    kinds = {key: x for key, x in values.items() if key is not None}
    return Lookup(feature.column, kinds, rest, missing, known, strict)


def encoded_features(
    features: Sequence[Feature], names: Sequence[str], missing: Sequence[Any], first: Dense
) -> tuple[TableEncoder, Dense]:
    """Return the encoder of rows with these names, and the layer that takes its output.

    The layer is `first`, which takes the features, with W and b rewritten in the order of the
    encoder's columns. b includes each feature's number for unknown categories, and the rows of W
    what each category adds to it. The encoder scales each column of numbers once; further scalings
    of it go into W and b.

    Raises FormatError if the network takes another number of columns, or for a column that is used
    both as a number and as a category.
    """
    if len(features) != first.inputs:
        raise FormatError(
            f"the network needs {first.inputs} columns, and the steps before it make "
            f"{len(features)}"
        )
    b = list(first.b) or [0.0] * first.outputs
    columns: list[Column] = []
    W: Matrix = []
    by_column: list[list[tuple[Feature, Vector]]] = [[] for _ in names]
    for feature, w in zip(features, first.W):
        by_column[feature.column].append((feature, w))
    for name, own in zip(names, by_column):
        cells = [(f, w) for f, w in own if isinstance(f, Cell)]
        lookups = [(f, w) for f, w in own if isinstance(f, Lookup)]
        for f, w in lookups:
            _add(b, f.rest, w)
        if not own:
            columns.append(LeftOut(name, _REASON, "drop", 0))
        elif not cells:
            columns.append(_category(name, lookups, W, len(b)))
        elif any(f.known for f, _ in lookups):
            raise refusal(f"column {name!r}", "a column that is both a number and a category")
        else:
            columns.append(_number(name, cells, lookups, W, b))
    state = TableEncoder(missing=missing).to_dict()
    state["columns"] = [column_to_dict(column) for column in columns]
    return TableEncoder.from_dict(state), assembly.dense("the model", W, b)


def _number(
    name: str,
    cells: list[tuple[Cell, Vector]],
    flags: list[tuple[Lookup, Vector]],
    W: Matrix,
    b: Vector,
) -> NumberColumn:
    first = cells[0][0]
    filled = all(f.fill is not None for f, _ in cells)
    row, missing_row = [0.0] * len(b), [0.0] * len(b)
    for f, w in cells:
        # The encoder gives z = first.number(x); in terms of it, this feature is a z + c.
        a, c = f.factor / first.factor, (first.shift - f.shift) * f.factor
        _add(row, a, w)
        _add(b, c, w)
        if filled and f.fill != first.fill:
            _add(missing_row, f.number(f.fill) - (a * first.number(first.fill) + c), w)
    for flag, w in flags:
        _add(missing_row, (flag.missing or 0.0) - flag.rest, w)
    indicator = filled and any(missing_row)
    W += [row, missing_row] if indicator else [row]
    median = assembly.real(f"column {name!r}", "fill", first.fill) if filled else None
    reason = _reason(None if median is None else f"{median:g}")
    shift, scale, at = first.shift, 1.0 / first.factor, median or 0.0
    return NumberColumn(name, reason, median, shift, scale, at, at, indicator, 0, 0)


def _category(
    name: str, lookups: list[tuple[Lookup, Vector]], W: Matrix, width: int
) -> CategoryColumn:
    strict = any(f.strict for f, _ in lookups)
    known = {id(f.known): (f.known, f.strict) for f, _ in lookups}.values()  # shared by most
    kinds = [kind for table, _ in known for kind in table if kind is not None]
    for table, only in known:
        if only:
            kinds = [kind for kind in kinds if kind in table]
    rows = {kind: [0.0] * width for kind in dict.fromkeys(kinds)}
    refused = False
    missing_row = [0.0] * width
    for f, w in lookups:
        for kind, x in f.values.items():
            if kind in rows:
                _add(rows[kind], x - f.rest, w)
        refused = refused or f.missing is None
        _add(missing_row, (f.missing or 0.0) - f.rest, w)
    fill, own = None, False
    if not refused and (strict or any(missing_row)):
        same = [kind for kind, row in rows.items() if row == missing_row]
        fill, own = (same[0], False) if same else (MISSING_KIND, True)
        while own and fill in rows:
            fill = f"({fill})"
        rows[fill] = missing_row
    W += rows.values()
    kinds = list(rows)
    counts = [0] * len(kinds)
    return CategoryColumn(name, _reason(fill), kinds, counts, fill, 0, 0, 0, strict, own)


def _reason(fill: str | None) -> str:
    return _REASON if fill is None else f"{_REASON}; missing cells become {fill}"


def _add(total: Vector, factor: float, row: Vector) -> None:
    total[:] = [t + factor * x for t, x in zip(total, row)]
