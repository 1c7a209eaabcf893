"""scikit-learn's table transformers, as columns of a TableEncoder and the network's first layer.

Each column that reaches the network is a function of ONE cell of the row: a `Cell` or a `Lookup`.
Each transformer turns a list of such columns into another, and `encoded` writes the last list as an
encoder and the network's first layer.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence, Tuple, TypeVar, Union

from ..errors import FormatError
from ..lesson.layers import Dense
from ..lesson.matrix import Matrix, Vector
from ..preprocessing import CategoryColumn, LeftOut, NumberColumn, TableEncoder
from ..preprocessing.cells import key_of, reader
from ..preprocessing.columns import MISSING_KIND, Column
from ..preprocessing.saved_columns import column_to_dict
from . import assembly

T = TypeVar("T")
Step = Tuple[str, Any]
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


def kind_of(place: str, step: object) -> str:
    """Return a scikit-learn object's class name. Raises FormatError for any other object."""
    kind = type(step)
    if not kind.__module__.startswith("sklearn."):
        raise refusal(place, f"an object of {kind.__module__}.{kind.__name__}")
    return kind.__name__


def steps_of(place: str, step: Any) -> list[Step]:
    """Return the steps inside a step, in order, each with its name for messages.

    A transformer of the targets comes after the network, where it is undone.
    """
    kind = kind_of(place, step)
    if kind == "TransformedTargetRegressor":
        if not hasattr(step, "regressor_"):
            raise FormatError(f"{place}: {kind} was not fitted; call its fit first")
        return [
            *steps_of(place, step.regressor_),
            *steps_of(f"{place}, the transformer of its targets", step.transformer_),
        ]
    if kind == "FunctionTransformer" and step.func is None and step.inverse_func is None:
        return []
    if kind != "Pipeline":
        return [(place, step)]
    inside = "" if place == "the model" else f"{place}, "
    return [
        found
        for name, inner in step.steps
        if inner is not None and not isinstance(inner, str)  # "passthrough"
        for found in steps_of(f"{inside}step {name!r}", inner)
    ]


# Scalers, one function each


class ColumnScaling(NamedTuple):
    """(x − shift) · factor + offset, column by column; `spread` as in `assembly.scaling`."""

    shift: Vector
    factor: Vector
    offset: Vector
    spread: float = 1.0


def _by_center(center: str, with_center: str) -> Callable[[str, Any], ColumnScaling]:
    """Return the reader of a scaler that computes (x − center) / scale_."""

    def scaling(place: str, step: Any) -> ColumnScaling:
        n = step.n_features_in_
        found, scale = getattr(step, center, None), step.scale_
        shift = [0.0] * n if found is None or not getattr(step, with_center) else found
        scales = assembly.vector(place, [1.0] * n if scale is None else scale)
        return ColumnScaling(assembly.vector(place, shift), [1.0 / s for s in scales], [0.0] * n)

    return scaling


def _max_abs(place: str, step: Any) -> ColumnScaling:
    factor = [1.0 / s for s in assembly.vector(place, step.scale_)]
    return ColumnScaling([0.0] * len(factor), factor, [0.0] * len(factor))


def _min_max(place: str, step: Any) -> ColumnScaling:
    """x · scale_ + min_"""
    low, high = assembly.vector(place, step.data_min_), assembly.vector(place, step.data_max_)
    factor = assembly.vector(place, step.scale_)
    start, end = assembly.vector(place, step.feature_range)
    middle = [0.5 * a + 0.5 * b for a, b in zip(low, high)]
    offset = [start + (m - a) * k for m, a, k in zip(middle, low, factor)]
    # The standard deviation of a column that fills the range evenly: (end − start) / √12.
    return ColumnScaling(middle, factor, offset, (end - start) / 12**0.5)


_SCALERS: dict[str, Callable[[str, Any], ColumnScaling]] = {
    "StandardScaler": _by_center("mean_", "with_mean"),
    "MinMaxScaler": _min_max,
    "MaxAbsScaler": _max_abs,
    "RobustScaler": _by_center("center_", "with_centering"),
}


def scaling_of(place: str, step: Any) -> ColumnScaling | None:
    """Return the scaling of a scaler, None for any other step. Raises FormatError for clip=True."""
    name = kind_of(place, step)
    if name not in _SCALERS:
        return None
    if getattr(step, "clip", False):
        raise refusal(place, f"{name} with clip=True")
    return _fitted(place, name, _SCALERS[name], place, step)


def _fitted(place: str, name: str, read: Callable[..., T], *arguments: Any) -> T:
    """Return `read(*arguments)`. Raises FormatError if the step was not fitted."""
    try:
        return read(*arguments)
    except AttributeError as error:
        raise FormatError(f"{place}: the step {name} was not fitted: {error}") from None


# Transformers, one function each


def transformed(place: str, step: Any, given: list[Feature]) -> list[Feature]:
    """Return the columns that a transformer makes of the given ones.

    Raises FormatError, naming the step, if it cannot be imported.
    """
    for where, inner in steps_of(place, step):
        scaling = scaling_of(where, inner)
        if scaling is not None:
            numbers = zip(scaling.shift, scaling.factor, scaling.offset)
            given = [feature.scaled(*each) for feature, each in zip(given, numbers)]
            continue
        name = kind_of(where, inner)
        if name not in _TRANSFORMERS:
            known = ", ".join([*_SCALERS, *_TRANSFORMERS])
            raise refusal(where, f"the step {name}", f"the supported steps are {known}")
        given = _fitted(where, name, _TRANSFORMERS[name], where, inner, given)
    return given


def _imputed(place: str, step: Any, given: list[Feature]) -> list[Feature]:
    """Return the columns with missing cells filled, and the indicator columns."""
    if _READER.read(step.missing_values) is not None:
        raise refusal(
            place,
            f"SimpleImputer with missing_values={step.missing_values!r}",
            "replace those cells with None or NaN first, for training and for prediction",
        )
    found: list[Feature] = []
    for feature, statistic in zip(given, step.statistics_.tolist()):
        if statistic is None or statistic != statistic:
            continue  # no value in training: scikit-learn leaves the column out
        empty = _READER.read(statistic) is None  # filling with a missing value changes nothing
        if isinstance(feature, Cell) and feature.fill is None and not empty:
            if (feature.shift, feature.factor) != (0.0, 1.0):
                statistic = feature.shift + statistic / feature.factor
            feature = feature._replace(fill=statistic)
        found.append(feature)
    if step.add_indicator:
        # Only cells that no earlier step filled can be missing.
        flagged = [given[j] for j in step.indicator_.features_.tolist()]
        found += [Lookup(feature.column, {}, 0.0, 1.0, {}) for feature in flagged]
    return found


def _one_hot(place: str, step: Any, given: list[Feature]) -> list[Feature]:
    rare_kinds = getattr(step, "infrequent_categories_", None) or [None] * len(given)
    strict = step.handle_unknown == "error"
    found: list[Feature] = []
    for i, feature in enumerate(given):
        keys = _keys(place, feature, step.categories_[i])
        known = dict.fromkeys(keys)
        rare = [] if rare_kinds[i] is None else _keys(place, feature, rare_kinds[i])
        groups = [[key] for key in keys if key not in rare] + [rare] * bool(rare)
        dropped = None if step.drop_idx_ is None else step.drop_idx_[i]
        for group in groups:
            if dropped is not None and keys[dropped] in group:
                continue
            values = dict.fromkeys(group, 1.0)
            rest = 0.0
            if group is rare and step.handle_unknown in ("infrequent_if_exist", "warn"):
                values, rest = {**dict.fromkeys(keys, 0.0), **values}, 1.0
            found.append(_looked_up(place, feature, known, values, rest, strict))
    return found


def _keys(place: str, feature: Feature, categories: Any) -> list[str | None]:
    """Return the categories' keys, None for a missing cell. Raises FormatError if two are equal."""
    keys: list[str | None] = []
    for category in categories.tolist():
        if isinstance(feature, Lookup):
            category = float(category)
        key = None if _READER.read(category) is None else key_of(category)
        if key in keys or (key is None and isinstance(feature, Cell) and feature.fill is not None):
            same = "a missing cell" if key is None else f"another one of {key!r}"
            raise refusal(place, f"the category {category!r} beside {same}, which reads the same,")
        keys.append(key)
    return keys


def _looked_up(
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


def _by_columns(place: str, step: Any, given: list[Feature]) -> list[Feature]:
    names = list(map(str, getattr(step, "feature_names_in_", ())))
    found: list[Feature] = []
    for name, inner, columns in step.transformers_:
        part = [given[j] for j in _chosen(columns, names, len(given))]
        if part and not isinstance(inner, str):
            part = transformed(f"{place}, transformer {name!r}", inner, part)
        if not isinstance(inner, str) or inner == "passthrough":
            found += part
    return found


def _chosen(columns: Any, names: list[str], count: int) -> list[int]:
    """Return the indices of columns given by name, index, slice or mask."""
    if isinstance(columns, slice):
        ends = [columns.start, columns.stop]
        if any(isinstance(end, str) for end in ends):  # both ends are included
            start, stop = (None if end is None else names.index(end) for end in ends)
            columns = slice(start, None if stop is None else stop + 1, columns.step)
        return [*range(count)[columns]]
    if isinstance(columns, (str, int)):
        columns = [columns]
    listed: list[Any] = columns.tolist() if hasattr(columns, "tolist") else list(columns)
    if listed and all(isinstance(column, bool) for column in listed):
        return [j for j, wanted in enumerate(listed) if wanted]
    return [names.index(c) if isinstance(c, str) else range(count)[c] for c in listed]


_TRANSFORMERS: dict[str, Callable[[str, Any, list[Feature]], list[Feature]]] = {
    "SimpleImputer": _imputed,
    "OneHotEncoder": _one_hot,
    "ColumnTransformer": _by_columns,
}


# The encoder, and the network's first layer in the order of its columns


def encoded(
    steps: list[Step], names: Sequence[str], missing: Sequence[Any], first: Dense
) -> tuple[TableEncoder, Dense]:
    """Return the encoder of the rows that the steps take, and the layer that takes its output.

    The layer is `first`, the one after the steps, with W and b rewritten in the order of the
    encoder's columns. b includes each feature's number for unknown categories, and the rows of W
    what each category adds to it. The encoder scales each column of numbers once; further scalings
    of it go into W and b.
    Raises FormatError for a step that cannot be imported, or a column that is used both as a number
    and as a category.
    """
    count = steps[0][1].n_features_in_ if steps else first.inputs
    features: list[Feature] = [Cell(j) for j in range(count)]
    for step in steps:
        features = transformed(*step, features)
    if len(features) != first.inputs:
        raise FormatError(
            f"the network needs {first.inputs} columns, and the steps before it make "
            f"{len(features)}"
        )
    b = list(first.b)
    columns: list[Column] = []
    W: Matrix = []
    for j, name in enumerate(names or [f"x{j}" for j in range(count)]):
        own = [(f, w) for f, w in zip(features, first.W) if f.column == j]
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
    kinds = [kind for f, _ in lookups for kind in f.known if kind is not None]
    for f, _ in lookups:
        if f.strict:
            kinds = [kind for kind in kinds if kind in f.known]
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
