"""Scatter charts: classes of points over a model's decision areas, and predictions against true
values.
"""

from __future__ import annotations

from typing import Callable, List, Sequence, Tuple, Union

from ..errors import DataError, SettingError
from .axes import Axes, Entry, Frame, marker
from .checks import equal_length, grid, numbers, size
from .scales import Scale, covering, short
from .svg import SERIES, pixels
from .tiles import Look, draw_tiles

Rows = Sequence[Sequence[float]]
Limits = Tuple[float, float]
Scores = Union[Callable[[List[List[float]]], Rows], Sequence[Rows]]

SHADES = 4
OPACITY = (0.12, 0.2, 0.28, 0.36)


def scatter_chart(
    points: Rows,
    classes: Sequence[int] | None = None,
    *,
    title: str,
    x_label: str = "",
    y_label: str = "",
    class_names: Sequence[str] | None = None,
    scores: Scores | None = None,
    resolution: int = 80,
    x_limits: Limits | None = None,
    y_limits: Limits | None = None,
    width: float = 560,
    height: float = 460,
    description: str = "",
) -> str:
    """Return an SVG of points (rows of x and y), one colour and one shape for each class.

    `classes` holds each point's class as a number from 0; without it all points look the same.
    `scores` colours the plane by the class that a model would choose: either a function that takes
    rows of [x, y] and gives a row of scores for each (one score for each class, or a single
    probability of class 1), or such rows for a grid that spans `x_limits` and `y_limits` evenly,
    cells[i][j] with i from the lowest y and j from the lowest x. Where the scores are
    probabilities, paler means less sure. `resolution` is the number of cells along each axis for
    which a function is called.
    Raises DataError for points that are not pairs, lengths that differ, and classes or scores out
    of range; SettingError for a grid without limits.
    """
    who = "scatter_chart"
    size(who, width=width, height=height)
    pairs = grid(who, "points", points)
    if len(pairs[0]) != 2:
        raise DataError(f"{who} needs points of 2 numbers (x and y), got rows of {len(pairs[0])}")
    kinds = class_numbers_of(who, classes, len(pairs), class_names)
    names = list(class_names or [f"class {k}" for k in range(max(kinds) + 1)])
    room = 0.06 if scores is not None else 0.04
    columns = list(zip(*pairs))
    x_axis, y_axis = (
        covering(
            who, values, label=label, tight=True, margin=0.0 if limits else room, limits=limits
        )
        for values, label, limits in (
            (columns[0], x_label, x_limits),
            (columns[1], y_label, y_limits),
        )
    )
    axes = Axes(
        title,
        description or _summary(pairs, kinds, names if classes is not None else None),
        x_axis,
        y_axis,
        width=width,
        height=height,
        legend=[Entry(n, k, "dot") for k, n in enumerate(names)] if classes is not None else (),
    )
    if scores is not None:
        if not callable(scores) and (x_limits is None or y_limits is None):
            raise SettingError(
                f"{who} needs x_limits and y_limits with a grid of scores, "
                f"got {x_limits!r} and {y_limits!r}; "
                "give the corners that the grid spans, or a function"
            )
        draw_areas(axes, score_grid(who, scores, x_axis, y_axis, resolution))
    draw_points(axes, pairs, kinds, names)
    axes.outline()
    return axes.svg.render()


def prediction_chart(
    predicted: Sequence[float],
    true: Sequence[float],
    *,
    title: str = "Predicted against true",
    unit: str = "",
    width: float = 460,
    description: str = "",
) -> str:
    """Return an SVG of predictions (vertical) against true values: a perfect model's points lie on
    the dashed diagonal.

    Both axes have the same scale; `unit` is written in their labels. Points far beyond all others,
    which would leave no room for them, are drawn at the edge in another colour and counted.
    Raises DataError for empty lists, lengths that differ, and values that are not finite.
    """
    who = "prediction_chart"
    size(who, width=width)
    p, t = numbers(who, "predicted", predicted), numbers(who, "true", true)
    equal_length(who, "predictions", len(p), "true values", len(t))
    suffix = f" ({unit})" if unit else ""
    values = _without_outliers(p + t)
    x_axis = covering(who, values, label="true value" + suffix, margin=0.02)
    y_axis = covering(who, values, label="predicted value" + suffix, margin=0.02)
    # Just within the edge, so that no marker is cut.
    room = 0.012 * (x_axis.high - x_axis.low)
    low, high = x_axis.low + room, x_axis.high - room
    points = [[min(max(a, low), high), min(max(b, low), high)] for a, b in zip(t, p)]
    beyond = [int(point != [a, b]) for point, a, b in zip(points, t, p)]
    count = sum(beyond)
    error = sum(abs(a - b) for a, b in zip(p, t)) / len(p)
    axes = Axes(
        title,
        description or f"{len(p)} predictions, mean absolute error {short(error)}{suffix}.",
        x_axis,
        y_axis,
        width=width,
        plot_height=width - 90.0,
        legend=[Entry(f"far beyond the others, at the edge: {count}", 1, "dot")] if count else (),
    )
    axes.svg.path(
        f"M{pixels(axes.left)} {pixels(axes.bottom)}L{pixels(axes.right)} {pixels(axes.top)}",
        "nn-mark",
    )
    draw_points(axes, points, beyond, ["", "far beyond the others"][: 1 + max(beyond)])
    axes.outline()
    return axes.svg.render()


def _without_outliers(values: Sequence[float]) -> list[float]:
    """Return the values but for those further outside the middle 98% than that is wide."""
    ordered = sorted(values)
    n = len(ordered) // 100
    low, high = ordered[n], ordered[-1 - n]
    return [value for value in values if 2 * low - high <= value <= 2 * high - low]


def class_numbers_of(
    who: str, classes: Sequence[int] | None, count: int, names: Sequence[str] | None
) -> list[int]:
    """Return the class of each point, checked; all 0 without classes."""
    if classes is None:
        return [0] * count
    equal_length(who, "classes", len(classes), "points", count)
    allowed = len(names) if names is not None else None
    for i, k in enumerate(numbers(who, "classes", classes)):
        if k != int(k) or k < 0 or (allowed is not None and k >= allowed):
            top = f"0 to {allowed - 1} (one for each class name)" if allowed else "0, 1, 2, …"
            raise DataError(
                f"{who} needs classes numbered {top}, got {classes[i]!r} at position {i}"
            )
    return [int(k) for k in classes]


def _summary(
    points: Sequence[Sequence[float]], classes: Sequence[int], names: Sequence[str] | None
) -> str:
    text = f"Scatter chart of {len(points)} points."
    if names is not None:
        counts = [f"{name}: {classes.count(k)}" for k, name in enumerate(names[:12])]
        text += f" {', '.join(counts)}."
    return text


def draw_points(
    axes: Frame,
    points: Sequence[Sequence[float]],
    classes: Sequence[int],
    names: Sequence[str],
    small: bool = False,
) -> None:
    """Draw points, in the colour and shape of their class; `small` in a small area."""
    radius = 4.5 if len(points) <= 300 else 3.2 if len(points) <= 2000 else 2.2
    radius *= 0.6 if small else 1.0
    with axes.svg.group(clip_path=axes.clip()):
        for k, name in enumerate(names):
            with axes.svg.group(name, class_=f"nn-dots nn-f{k % SERIES}"):
                for (x, y), kind in zip(points, classes):
                    if kind == k:
                        axes.svg.element("path", d=marker(k, axes.x(x), axes.y(y), radius))


def score_grid(
    who: str, scores: Scores, x_axis: Scale, y_axis: Scale, resolution: int
) -> list[list[list[float]]]:
    """Return rows of rows of scores, the lowest y first."""
    if not callable(scores):
        rows = [grid(who, f"row {i} of the scores", row) for i, row in enumerate(scores)]
        if len({len(row) for row in rows}) != 1 or len({len(c) for row in rows for c in row}) != 1:
            raise DataError(
                f"{who} needs a grid of scores with rows of equal length, got ragged ones"
            )
        return rows
    if not 2 <= resolution <= 1000:
        raise SettingError(f"{who} needs resolution between 2 and 1000 cells, got {resolution!r}")

    def middles(axis: Scale) -> list[float]:
        step = (axis.high - axis.low) / resolution
        return [axis.low + (i + 0.5) * step for i in range(resolution)]

    cells = [[x, y] for y in middles(y_axis) for x in middles(x_axis)]
    answer = grid(who, "the scores", scores(cells))
    equal_length(
        who, "rows of scores", len(answer), "rows of [x, y] given to the function", len(cells)
    )
    return [answer[i : i + resolution] for i in range(0, len(answer), resolution)]


def draw_areas(axes: Frame, scores: list[list[list[float]]]) -> None:
    """Paint each cell in the colour of its highest score, in one of SHADES strengths."""
    flat = [cell for row in scores for cell in row]
    classes = max(2, len(flat[0]))
    single = len(flat[0]) == 1
    likely = all(
        min(cell) >= 0.0 and max(cell) <= 1.0 and (single or abs(sum(cell) - 1.0) < 1e-6)
        for cell in flat
    )

    def kind(cell: Sequence[float]) -> int:
        if single:
            cell = (1.0 - cell[0], cell[0])
        best = max(cell)
        sure = (best - 1.0 / classes) / (1.0 - 1.0 / classes) if likely else 1.0
        return list(cell).index(best) * SHADES + min(int(sure * SHADES), SHADES - 1)

    # The first row of the scores has the lowest y; the first row of tiles is on top.
    cells = [[kind(cell) for cell in row] for row in reversed(scores)]

    def look(tile: int) -> Look:
        k, strength = divmod(tile, SHADES)
        return Look(f"nn-f{k % SERIES}", opacity=OPACITY[strength])

    draw_tiles(axes, cells, look)
