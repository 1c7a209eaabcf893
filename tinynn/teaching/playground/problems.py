"""What the playground trains on: points in the plane, from -6 to 6, and handwritten digits."""

from __future__ import annotations

from math import exp, sin
from typing import Any, Callable, NamedTuple, Sequence, Tuple

from ...checks.words import counted, excerpt, listed
from ...data.generators import blobs, circles, moons, spirals, xor
from ...data.iris import load_iris
from ...data.splits import train_test_split
from ...errors import DataError, SettingError
from ...lesson.random_streams import stream
from .digits import load_digits

REACH = 6.0  # the plane is shown from -REACH to REACH
COUNT = 200  # points of a generated set
MOST_OWN = 2_000
MOST_ROWS = 5_000  # of a table; more than these would not be live
MOST_CLASSES = 10

Point = Tuple[float, float]
Generator = Callable[[float, int], Tuple[Sequence[Sequence[float]], Sequence[float]]]

# What a network may be given of a point, by name: how the page writes it, and the function.
FEATURES: dict[str, tuple[str, Callable[[float, float], float]]] = {
    "x": ("x", lambda x, y: x),
    "y": ("y", lambda x, y: y),
    "xx": ("x²", lambda x, y: x * x),
    "yy": ("y²", lambda x, y: y * y),
    "xy": ("xy", lambda x, y: x * y),
    "sinx": ("sin x", lambda x, y: sin(x)),
    "siny": ("sin y", lambda x, y: sin(y)),
}


class Axis(NamedTuple):
    """A column of a table laid along an axis: value = offset + scale · coordinate."""

    name: str
    offset: float = 0.0
    scale: float = 1.0


class Problem(NamedTuple):
    """Samples to train on and to test on.

    kind:     "classes" (targets are class numbers), "numbers" (targets from -1 to 1) or "pictures"
              (inputs are pixels, targets class numbers)
    train, test:  inputs and targets; of "classes" and "numbers" the inputs are points (x, y)
    classes:  names of the classes
    axes:     what the coordinates stand for
    note:     what was left out or changed, in a sentence
    """

    kind: str
    train: tuple[list[Any], list[Any]]
    test: tuple[list[Any], list[Any]]
    classes: list[str]
    axes: tuple[Axis, Axis] = (Axis("x"), Axis("y"))
    note: str = ""


def _circle(noise: float, seed: int) -> Any:
    rows, classes = circles(COUNT, 0.08 + 0.2 * noise, 0.35, seed)
    return [[4.5 * x, 4.5 * y] for x, y in rows], classes


def _xor(noise: float, seed: int) -> Any:
    rows, classes = xor(COUNT, 0.14 + 0.3 * noise, seed)
    return [[6.0 * x - 3.0, 6.0 * y - 3.0] for x, y in rows], classes


def _blobs(noise: float, seed: int) -> Any:
    return blobs(COUNT, spread=0.7 + 2.5 * noise, centers=[[-2.5, -2.0], [2.5, 2.0]], seed=seed)


def _spiral(noise: float, seed: int) -> Any:
    rows, classes = spirals(COUNT, 0.2 * noise, 2, 1.6, seed)
    return [[5.4 * x, 5.4 * y] for x, y in rows], classes


def _moons(noise: float, seed: int) -> Any:
    rows, classes = moons(COUNT, 0.05 + 0.3 * noise, seed)
    return [[3.0 * x - 1.5, 4.5 * y - 1.1] for x, y in rows], classes


def _plane(noise: float, seed: int) -> Any:
    """Return points whose target rises with x + y, as evenly as a plane."""
    return _scattered(lambda x, y: (x + y) / 12.0, noise, seed)


def _hills(noise: float, seed: int) -> Any:
    """Return points whose target is the height of six round hills and hollows."""
    tops = ((-4.0, 2.5, 1), (0.0, 2.5, -1), (4.0, 2.5, 1), (-4.0, -2.5, -1), (0.0, -2.5, 1),
            (4.0, -2.5, -1))  # fmt: skip

    def height(x: float, y: float) -> float:
        return sum(s * exp(-((x - a) ** 2 + (y - b) ** 2) / 3.0) for a, b, s in tops)

    return _scattered(height, noise, seed)


def _scattered(height: Callable[[float, float], float], noise: float, seed: int) -> Any:
    rng = stream(seed)
    rows = [[rng.uniform(-REACH, REACH), rng.uniform(-REACH, REACH)] for _ in range(COUNT)]
    heights = [height(x, y) + noise * rng.gauss(0.0, 1.0) for x, y in rows]
    return rows, [min(max(h, -1.0), 1.0) for h in heights]


GENERATORS: dict[str, tuple[str, Generator]] = {
    "circle": ("classes", _circle),
    "xor": ("classes", _xor),
    "blobs": ("classes", _blobs),
    "spiral": ("classes", _spiral),
    "moons": ("classes", _moons),
    "plane": ("numbers", _plane),
    "hills": ("numbers", _hills),
}
TABLES = ("iris", "digits", "original", "mazur", "csv", "points")
NAMES = (*GENERATORS, *TABLES)


def problem(settings: Any, table: CsvTable | None) -> Problem:
    """Return the problem that `settings` describe; `table` is the CSV file that was read, if any.

    Raises DataError or SettingError if there is nothing to train on.
    """
    name = settings.data
    if name in GENERATORS:
        kind, generate = GENERATORS[name]
        rows, targets = generate(settings.noise / 100.0, settings.data_seed)
        classes = ["blue", "orange"] if kind == "classes" else []
        return _split(kind, rows, targets, classes, settings)
    if name == "points":
        return own_points(settings)
    if name == "csv":
        if table is None:
            raise DataError("no table has been read: choose a CSV file first")
        return table.problem(settings)
    if name == "digits":
        pixels, digits = load_digits()
        return _split("pictures", pixels, digits, list(map(str, range(10))), settings)
    if name == "iris":
        return _iris(settings)
    rows, targets = _ARTICLES[name]
    whole = ([list(row) for row in rows], list(targets))
    return Problem("article", whole, ([], []), [])


# The tables of the article that tinynn began with and of M. Mazur's worked example (2015).
_ARTICLES: dict[str, tuple[Any, Any]] = {
    "original": (((0, 0, 1), (1, 1, 1), (1, 0, 1), (0, 1, 1)), ((0,), (1,), (1,), (0,))),
    "mazur": (((0.05, 0.10),), ((0.01, 0.99),)),
}


def _iris(settings: Any) -> Problem:
    flowers = load_iris()
    columns = [
        settings.columns[0] or flowers.feature_names[2],
        settings.columns[1] or flowers.feature_names[3],
    ]
    for name in columns:
        if name not in flowers.feature_names:
            raise SettingError(
                f"iris has the columns {listed(list(flowers.feature_names))}, got {excerpt(name)}"
            )
    pairs = [[row[flowers.feature_names.index(name)] for name in columns] for row in flowers.inputs]
    axes = tuple(_axis(name, [pair[k] for pair in pairs]) for k, name in enumerate(columns))
    points = [[(v - a.offset) / a.scale for v, a in zip(pair, axes)] for pair in pairs]
    found = _split("classes", points, flowers.targets, list(flowers.target_names), settings)
    return found._replace(axes=(axes[0], axes[1]))


def _axis(name: str, values: Sequence[float]) -> Axis:
    """Return the axis on which these values reach from -5 to 5."""
    low, high = min(values), max(values)
    half = high / 2.0 - low / 2.0  # the difference itself may overflow
    return Axis(name, low / 2.0 + high / 2.0, half / 5.0 or 1.0)


def own_points(settings: Any) -> Problem:
    """Return the points that were put down by hand: (x, y, class number) each."""
    points = settings.points
    if not points:
        raise DataError("there is no point yet: click on the map to put one down")
    rows = [[x, y] for x, y, _ in points]
    classes = [label for _, _, label in points]
    whole = (rows, classes)
    names = ["blue", "orange"]
    if len(rows) < 4:  # too few to set some apart
        return Problem("classes", whole, ([], []), names)
    return _split("classes", rows, classes, names, settings)


def _split(
    kind: str, rows: Sequence[Any], targets: Sequence[Any], classes: list[str], settings: Any
) -> Problem:
    share = 1.0 - settings.train / 100.0
    X, X_test, t, t_test = train_test_split(rows, targets, share, settings.data_seed)
    return Problem(kind, (X, t), (X_test, t_test), classes)


class CsvTable:
    """A table from a CSV file: columns of numbers for the axes, any column for the target.

    Raises DataError for text that is no table, or has no two columns of numbers.
    """

    def __init__(self, text: str) -> None:
        from ...data.guesses import SAMPLE_LINES, Given, layout, named
        from ...data.headers import like_number

        lines = text.splitlines(keepends=True)
        sample = lines[:SAMPLE_LINES]
        if not any(map(str.strip, sample)):
            raise DataError("the file is empty")
        if "\0" in text[:100_000]:
            raise DataError("the file is not text; save the table as CSV")
        found = layout(sample, len(lines) <= SAMPLE_LINES, Given())
        rows = [row for row in found.dialect.reader(lines[found.skip :], strict=False) if any(row)]
        if not rows:
            raise DataError("the file has no rows")
        width = len(rows[0])
        names = named(rows.pop(0)) if found.header else [f"column {j + 1}" for j in range(width)]
        whole = [row for row in rows if len(row) == width]
        self.names = names
        self.dropped = len(rows) - len(whole)
        self.rows = whole[:MOST_ROWS]
        self.beyond = len(whole) - len(self.rows)
        columns = list(zip(*self.rows))
        present = [[cell for cell in column if cell.strip()] for column in columns]
        self.numeric = [
            name for name, cells in zip(names, present) if cells and all(map(like_number, cells))
        ]
        if len(self.numeric) < 2:
            raise DataError(
                "the playground needs two columns of numbers for its axes, got "
                f"{counted(len(self.numeric), 'column')} of numbers among "
                f"{listed([excerpt(name, 40) for name in names], 6)}"
            )

    def describe(self) -> dict[str, object]:
        """Return what the page needs to let one choose columns."""
        return {"columns": self.names, "numeric": self.numeric, "rows": len(self.rows)}

    def problem(self, settings: Any) -> Problem:
        """Return the problem of the chosen columns; rows that lack one of the cells are counted."""
        from ...data.headers import number_of

        chosen = settings.columns
        x = chosen[0] or self.numeric[0]
        y = chosen[1] or next(name for name in self.numeric if name != x)
        target = chosen[2] or self.names[-1]
        for name, names in ((x, self.numeric), (y, self.numeric), (target, self.names)):
            if name not in names:
                raise SettingError(f"the table has no column {excerpt(name)} that can be used here")
        at = [self.names.index(name) for name in (x, y, target)]
        cells = [[row[j].strip() for j in at] for row in self.rows]
        whole = [row for row in cells if all(row)]
        if len(whole) < 2:
            raise DataError("fewer than two rows have all of the three cells")
        values = [[number_of(row[0]), number_of(row[1])] for row in whole]
        axes = (_axis(x, [v[0] for v in values]), _axis(y, [v[1] for v in values]))
        points = [[(v - a.offset) / a.scale for v, a in zip(row, axes)] for row in values]
        texts = [row[2] for row in whole]
        labels = sorted(set(texts))
        left = self.dropped + self.beyond + len(cells) - len(whole)
        note = (
            f"{counted(left, 'row')} left out: incomplete, or beyond {MOST_ROWS:,}" if left else ""
        )
        if target in self.numeric and len(labels) > MOST_CLASSES:
            heights = list(map(number_of, texts))
            up = _axis(target, heights)
            scaled = [(h - up.offset) / up.scale / 5.0 for h in heights]
            return _split("numbers", points, scaled, [], settings)._replace(axes=axes, note=note)
        if len(labels) > MOST_CLASSES:
            raise DataError(
                f"column {excerpt(target)} has {len(labels)} different texts; "
                f"the playground tells at most {MOST_CLASSES} classes apart"
            )
        if len(labels) < 2:
            raise DataError(f"column {excerpt(target)} is the same in every row")
        classes = list(map(labels.index, texts))
        found = _split("classes", points, classes, labels, settings)
        return found._replace(axes=axes, note=note)
