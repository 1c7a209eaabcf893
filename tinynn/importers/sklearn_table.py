"""scikit-learn's table transformers, each as a function from columns to columns (`features`)."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence, Tuple, TypeVar

from ..checks.words import excerpt, listed
from ..errors import FormatError
from ..lesson.layers import Dense
from ..lesson.matrix import Vector
from ..preprocessing import TableEncoder
from ..preprocessing.cells import reader
from . import assembly
from .features import Cell, Feature, Lookup, encoded_features, keys_of, looked_up, refusal

T = TypeVar("T")
Step = Tuple[str, Any]
_READER = reader((), ".")


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


def columns_of(step: Any) -> int:
    """Return how many columns a fitted step takes; before scikit-learn 0.24 it had other names."""
    for name in ("n_features_in_", "_n_features"):
        if hasattr(step, name):
            return int(getattr(step, name))
    for name in ("scale_", "mean_", "center_", "statistics_", "categories_"):
        if getattr(step, name, None) is not None:
            return len(getattr(step, name))
    return int(step.n_features_in_)


def names_of(step: Any) -> tuple[str, ...]:
    """Return the names of the columns that a step was fitted on, () if it had none."""
    found = getattr(step, "feature_names_in_", getattr(step, "_df_columns", None))
    return () if found is None else tuple(map(str, found))


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
        scale, centered = step.scale_, getattr(step, with_center)
        n = columns_of(step) if scale is None else len(scale)
        shift = getattr(step, center) if centered else [0.0] * n
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
        raise FormatError(
            f"{place}: the step {name} was not fitted, or by another version of scikit-learn: "
            f"{error}"
        ) from None


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
        keys = keys_of(place, feature, step.categories_[i].tolist())
        known = dict.fromkeys(keys)
        rare = [] if rare_kinds[i] is None else keys_of(place, feature, rare_kinds[i].tolist())
        groups = [[key] for key in keys if key not in rare] + [rare] * bool(rare)
        dropped = None if step.drop_idx_ is None else step.drop_idx_[i]
        for group in groups:
            if dropped is not None and keys[dropped] in group:
                continue
            values = dict.fromkeys(group, 1.0)
            rest = 0.0
            if group is rare and step.handle_unknown in ("infrequent_if_exist", "warn"):
                values, rest = {**dict.fromkeys(keys, 0.0), **values}, 1.0
            found.append(looked_up(place, feature, known, values, rest, strict))
    return found


def _by_columns(place: str, step: Any, given: list[Feature]) -> list[Feature]:
    names = list(names_of(step))
    found: list[Feature] = []
    for name, inner, columns in step.transformers_:
        try:
            part = [given[j] for j in _chosen(columns, names, len(given))]
        except (IndexError, TypeError, ValueError):
            has = f"the columns {listed(names)}" if names else "no names of columns"
            raise FormatError(
                f"{place}, transformer {name!r}: it takes {excerpt(columns)}, and the "
                f"ColumnTransformer keeps {has}; fit it again with this version of scikit-learn"
            ) from None
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
    chosen: list[Any] = columns.tolist() if hasattr(columns, "tolist") else list(columns)
    if chosen and all(isinstance(column, bool) for column in chosen):
        return [j for j, wanted in enumerate(chosen) if wanted]
    return [names.index(c) if isinstance(c, str) else range(count)[c] for c in chosen]


_TRANSFORMERS: dict[str, Callable[[str, Any, list[Feature]], list[Feature]]] = {
    "SimpleImputer": _imputed,
    "OneHotEncoder": _one_hot,
    "ColumnTransformer": _by_columns,
}


def encoded(
    steps: list[Step], names: Sequence[str], missing: Sequence[Any], first: Dense
) -> tuple[TableEncoder, Dense]:
    """Return the encoder of the rows that the steps take, and the layer that takes its output.

    Raises FormatError for a step that cannot be imported, and what `encoded_features` raises.
    """
    count = columns_of(steps[0][1]) if steps else first.inputs
    features: list[Feature] = [Cell(j) for j in range(count)]
    for step in steps:
        features = transformed(*step, features)
    return encoded_features(features, names or [f"x{j}" for j in range(count)], missing, first)
