"""Conversions between a table's units and numbers that suit a network: one-hot rows, scaling."""

from __future__ import annotations

from math import fsum, inf, isfinite
from typing import Any, Mapping, Sequence, TypeVar

from ..checks.columns import column_names, order_by_name
from ..checks.rows import as_list, as_rows, as_vector
from ..checks.stored import is_count
from ..checks.words import excerpt
from ..errors import DataError, FormatError, SettingError, ShapeError
from ..lesson.matrix import Matrix, Vector

_EPSILON = 2.0**-52  # the gap between 1.0 and the next float


def one_hot(numbers: object, classes: int | None = None) -> Matrix:
    """Return one row per class number: 1.0 in that column, 0.0 elsewhere.

    `classes` is the number of columns; by default, the largest class number plus one.

    Raises DataError for anything but whole numbers from 0 to classes − 1.

    >>> one_hot([0, 2], classes=3)
    [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    items = as_list(numbers, "class numbers")
    if classes is not None and (not isinstance(classes, int) or classes < 1):
        raise SettingError(
            f"one_hot needs classes to be a whole number, at least 1, got {classes!r}"
        )
    if not items:
        raise ShapeError("class numbers need at least one row, got none")
    indices: list[int] = []
    for i, value in enumerate(as_vector(items, "class numbers")):
        index = int(value)
        if index != value or index < 0 or (classes is not None and index >= classes):
            reach = "at least 0" if classes is None else f"from 0 to {classes - 1}"
            raise DataError(
                f"class numbers need to be whole numbers, {reach}, got {items[i]!r} in row {i}"
            )
        indices.append(index)
    columns = max(indices) + 1 if classes is None else classes
    rows = [[0.0] * columns for _ in indices]
    for row, index in zip(rows, indices):
        row[index] = 1.0
    return rows


def class_numbers(rows: object, name: str = "rows") -> list[int]:
    """Return each row's class: the column of its largest value, or the first one on a tie.

    A single column is read as the probability p of class 1, such as the output of one sigmoid:
    class 1 where p > ½, else 0.

    Raises what `as_rows` raises, and DataError for a single column with a value outside 0 … 1.

    >>> class_numbers([[0.1, 0.7, 0.2], [0.5, 0.5, 0.0]]), class_numbers([[0.9], [0.2]])
    ([1, 0], [1, 0])
    """
    X = as_rows(rows, name)
    if len(X[0]) == 1:
        for i, (p,) in enumerate(X):
            if not 0.0 <= p <= 1.0:
                raise DataError(
                    f"{name} in one column need probabilities from 0 to 1, got {p!r} in row {i}; "
                    "give class numbers as a flat list"
                )
    return likeliest_classes(X)


def likeliest_classes(rows: Matrix) -> list[int]:
    """Return what `class_numbers` returns, for rows that need no checks."""
    if len(rows[0]) == 1:
        return [int(p > 0.5) for (p,) in rows]
    return [row.index(max(row)) for row in rows]


class StandardScaler:
    """Columns shifted and scaled to mean 0 and standard deviation 1: z = (x − μ) / σ.

    μ is the mean of the column, σ² = Σ (x − μ)² / n its population variance, both over all the
    rows that `fit` or `partial_fit` has seen: `count` (n), `mean`, `variance` and `scale` (σ). A
    constant column is only shifted (scale 1), since its σ is 0. The formulas, and how much rounding
    still counts as constant, are scikit-learn's. Later data frames are put in the order of the
    `names` of the one that `fit` has seen.

    >>> StandardScaler().fit_transform([[1, 7], [3, 7]])
    [[-1.0, 0.0], [1.0, 0.0]]
    """

    def __init__(self) -> None:
        self.count = 0
        self.names: list[str] | None = None
        self.mean: Vector = []
        self.variance: Vector = []
        self.scale: Vector = []

    def fit(self, X: object) -> StandardScaler:
        """Learn each column's mean and variance from X alone, forgetting earlier rows."""
        self._learn(as_rows(X), 0)
        self.names = column_names(X)
        return self

    def partial_fit(self, X: object) -> StandardScaler:
        """Learn from more rows; a stream in pieces gives the same result as one `fit`.

        Pieces a and b are combined by δ = μ_b − μ_a, μ = μ_a + δ n_b / n and
        n σ² = n_a σ_a² + n_b σ_b² + δ² n_a n_b / n.
        Source: T. F. Chan, G. H. Golub and R. J. LeVeque (1979), equation 2.1.
        """
        if not self.count:
            return self.fit(X)
        return self._learn(_fitted_rows(self, X, self.mean), self.count)

    def _learn(self, rows: Matrix, seen: int) -> StandardScaler:
        added = len(rows)
        n = seen + added
        means: Vector = []
        variances: Vector = []
        for j, column in enumerate(zip(*rows)):
            mean, squares = _mean_and_squares(column)
            if seen:
                delta = mean - self.mean[j]
                mean = self.mean[j] + delta * (added / n)
                squares += self.variance[j] * seen + delta * delta * (seen * (added / n))
            if not isfinite(squares):
                raise DataError(
                    "StandardScaler needs columns whose variance fits a float, got values too far "
                    f"apart in column {j}; scale it down first"
                )
            means.append(mean)
            variances.append(squares / n)
        self.count, self.mean, self.variance = n, means, variances
        self.scale = _standard_scale(n, means, variances)
        return self

    def transform(self, X: object) -> Matrix:
        """Return X in standard units, (x − μ) / σ, as new rows."""
        rows = _fitted_rows(self, X, self.mean)
        m, s = self.mean, self.scale
        return [[(x - mu) / sigma for x, mu, sigma in zip(row, m, s)] for row in rows]

    def inverse_transform(self, X: object) -> Matrix:
        """Return X converted from standard units to the table's units, x σ + μ, as new rows."""
        rows = _fitted_rows(self, X, self.mean)
        m, s = self.mean, self.scale
        return [[x * sigma + mu for x, mu, sigma in zip(row, m, s)] for row in rows]

    def fit_transform(self, X: object) -> Matrix:
        """Return `fit(X).transform(X)`."""
        return self.fit(X).transform(X)

    def to_dict(self) -> dict[str, Any]:
        """Return the state as a plain dictionary that JSON preserves exactly."""
        return {
            "kind": "StandardScaler",
            "count": self.count,
            "mean": list(self.mean),
            "variance": list(self.variance),
            **_names(self.names),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> StandardScaler:
        """Return the scaler that `to_dict` described. Raises FormatError for anything else."""
        scaler = cls()
        count, mean, variance = _state(cls.__name__, state, ("count", "mean", "variance"))
        if not is_count(count) or (count == 0) != (mean == []):
            raise FormatError(
                f"StandardScaler needs a count that matches its columns, got {excerpt(count)}"
            )
        scaler.count = count
        scaler.mean, scaler.variance = _columns(cls.__name__, mean=mean, variance=variance)
        if any(variance < 0.0 for variance in scaler.variance):
            raise FormatError("StandardScaler needs variances of at least 0, got a negative one")
        scaler.scale = _standard_scale(count, scaler.mean, scaler.variance)
        scaler.names = _saved_names(cls.__name__, state, mean)
        return scaler

    def __repr__(self) -> str:
        return "StandardScaler()"


class MinMaxScaler:
    """Columns scaled to a range: y = lo + (x − min) / (max − min) · (hi − lo).

    `minimum` and `maximum` hold each column's extremes over all the rows that `fit` or
    `partial_fit` has seen; values beyond them fall outside `feature_range`. A constant column
    becomes lo. Data frames are put in order by their `names`, as by StandardScaler.

    Raises SettingError unless feature_range is (lo, hi) with lo < hi.

    >>> MinMaxScaler().fit_transform([[1, 7], [3, 7], [2, 7]])
    [[0.0, 0.0], [1.0, 0.0], [0.5, 0.0]]
    """

    def __init__(self, feature_range: tuple[float, float] = (0.0, 1.0)) -> None:
        low, high = feature_range
        if not (low < high and isfinite(high - low)):
            raise SettingError(
                f"MinMaxScaler needs a range (lo, hi) with lo < hi, got {(low, high)!r}"
            )
        self.feature_range = (float(low), float(high))
        self.names: list[str] | None = None
        self.minimum: Vector = []
        self.maximum: Vector = []

    def fit(self, X: object) -> MinMaxScaler:
        """Learn each column's extremes from X alone, forgetting earlier rows."""
        self._learn(as_rows(X))
        self.names = column_names(X)
        return self

    def partial_fit(self, X: object) -> MinMaxScaler:
        """Learn from more rows; a stream in pieces gives the same result as one `fit`."""
        if not self.minimum:
            return self.fit(X)
        rows = _fitted_rows(self, X, self.minimum)
        return self._learn([*rows, self.minimum, self.maximum])

    def _learn(self, rows: Matrix) -> MinMaxScaler:
        minimum, maximum = [min(c) for c in zip(*rows)], [max(c) for c in zip(*rows)]
        for j, (low, high) in enumerate(zip(minimum, maximum)):
            if not isfinite(high - low):
                raise DataError(
                    "MinMaxScaler needs columns whose range fits a float, got values too far apart "
                    f"in column {j}; scale it down first"
                )
        self.minimum, self.maximum = minimum, maximum
        return self

    def transform(self, X: object) -> Matrix:
        """Return X scaled to the range, as new rows."""
        rows = _fitted_rows(self, X, self.minimum)
        (lo, width), low, spans = self._range(), self.minimum, self._spans()
        return [[lo + (x - a) / s * width for x, a, s in zip(row, low, spans)] for row in rows]

    def inverse_transform(self, X: object) -> Matrix:
        """Return X converted to the table's units, min + (y − lo) / (hi − lo) · (max − min)."""
        rows = _fitted_rows(self, X, self.minimum)
        (lo, width), low, spans = self._range(), self.minimum, self._spans()
        return [[a + (y - lo) / width * s for y, a, s in zip(row, low, spans)] for row in rows]

    def _range(self) -> tuple[float, float]:
        """Return lo and hi − lo."""
        lo, hi = self.feature_range
        return lo, hi - lo

    def _spans(self) -> Vector:
        """Return each column's max − min, or 1 for a constant column."""
        return [(b - a) or 1.0 for a, b in zip(self.minimum, self.maximum)]

    def fit_transform(self, X: object) -> Matrix:
        """Return `fit(X).transform(X)`."""
        return self.fit(X).transform(X)

    def to_dict(self) -> dict[str, Any]:
        """Return settings and state as a plain dictionary that JSON preserves exactly."""
        return {
            "kind": "MinMaxScaler",
            "feature_range": list(self.feature_range),
            "minimum": list(self.minimum),
            "maximum": list(self.maximum),
            **_names(self.names),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> MinMaxScaler:
        """Return the scaler that `to_dict` described. Raises FormatError for anything else."""
        keys = ("feature_range", "minimum", "maximum")
        feature_range, minimum, maximum = _state(cls.__name__, state, keys)
        try:
            scaler = cls(tuple(as_vector(feature_range, "ranges")))  # type: ignore[arg-type]
        except ValueError:
            raise FormatError(
                f"MinMaxScaler needs a range [lo, hi] with lo < hi, got {excerpt(feature_range)}"
            ) from None
        low, high = _columns(cls.__name__, minimum=minimum, maximum=maximum)
        if not all(a <= b and isfinite(b - a) for a, b in zip(low, high)):
            raise FormatError(
                "MinMaxScaler needs each minimum to be at most its maximum, got a larger one"
            )
        scaler.minimum, scaler.maximum = low, high
        scaler.names = _saved_names(cls.__name__, state, low)
        return scaler

    def __repr__(self) -> str:
        return f"MinMaxScaler(feature_range={self.feature_range})"


Scaler = TypeVar("Scaler", StandardScaler, MinMaxScaler)


def _mean_and_squares(column: Sequence[float]) -> tuple[float, float]:
    """Return μ and Σ (x − μ)², in two passes; the second corrects for the rounding of μ."""
    n = len(column)
    try:
        mean = fsum(column) / n
        errors = [x - mean for x in column]
        return mean, max(fsum([e * e for e in errors]) - fsum(errors) ** 2 / n, 0.0)
    except (OverflowError, ValueError):
        return inf, inf


def _standard_scale(n: int, means: Vector, variances: Vector) -> Vector:
    """Return each σ, or 1 if the variance is no larger than rounding makes that of a constant."""
    roundings = [n * _EPSILON * m for m in means]
    return [
        1.0 if v <= n * _EPSILON * v + r * r else v**0.5  # r ** 2 may raise an OverflowError
        for r, v in zip(roundings, variances)
    ]


def _fitted_rows(scaler: Scaler, X: object, fitted: Vector) -> Matrix:
    if not fitted:
        raise SettingError(f"{type(scaler).__name__} needs fit(inputs) before it can transform")
    rows, given = as_rows(X), column_names(X)
    if scaler.names is not None and given is not None and given != scaler.names:
        order = order_by_name(scaler.names, given)
        rows = [[row[j] for j in order] for row in rows]
    if len(rows[0]) != len(fitted):
        raise ShapeError(
            f"{type(scaler).__name__} needs {len(fitted)} columns, as in fit, got {len(rows[0])}"
        )
    return rows


def _state(kind: str, state: Mapping[str, Any], keys: Sequence[str]) -> list[Any]:
    if not isinstance(state, Mapping) or state.get("kind") != kind:
        got = state.get("kind") if isinstance(state, Mapping) else type(state).__name__
        raise FormatError(f'{kind} needs a state of "kind" {kind!r}, got {excerpt(got)}')
    for key in keys:
        if key not in state:
            raise FormatError(
                f"{kind} needs {key!r} in its state, got only {excerpt(sorted(state))}"
            )
    return [state[key] for key in keys]


def _names(names: list[str] | None) -> dict[str, Any]:
    return {} if names is None else {"names": list(names)}


def _saved_names(kind: str, state: Mapping[str, Any], columns: Vector) -> list[str] | None:
    names = state.get("names")
    if names is None:
        return None
    if not isinstance(names, list) or list(map(type, names)) != [str] * len(columns):
        raise FormatError(
            f"{kind} needs a name for each of {len(columns)} columns, got {excerpt(names)}"
        )
    return names


def _columns(kind: str, **lists: Any) -> list[Vector]:
    """Return the lists of a saved state, checked to have equal length and finite numbers."""
    if len({len(values) if isinstance(values, list) else -1 for values in lists.values()}) != 1:
        raise FormatError(f"{kind} needs lists of equal length for {' and '.join(lists)}")
    try:
        return [as_vector(v, f"{kind} columns") if v else [] for v in lists.values()]
    except ValueError as error:
        raise FormatError(str(error)) from None
