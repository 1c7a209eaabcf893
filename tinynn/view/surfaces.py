"""The loss of a network over two directions of its weights, with the paths of trainings on it."""

from __future__ import annotations

import re
from copy import deepcopy
from math import hypot, isfinite, log10
from typing import Any, Callable, Mapping, NamedTuple, Sequence, Tuple, Union

from ..checks.words import excerpt
from ..errors import DataError, SettingError
from ..lesson.loss import Loss
from ..lesson.losses import by_name as loss_by_name
from ..lesson.matrix import Vector
from ..lesson.network import Sequential
from ..training.gathering import as_training_data
from .axes import Axes, Entry, marker
from .checks import size
from .epochs import HasTaken, Taken, checked_snapshots
from .maps import COLOUR_BAR, draw_colour_bar
from .palettes import PALETTES, shade
from .scales import Scale, covering, short
from .svg import SERIES, pixels, text_width
from .tiles import Look, draw_tiles

Paths = Union[HasTaken, Taken, Mapping[str, Union[HasTaken, Taken]]]
Point = Tuple[float, float]

LEVELS = 16  # steps of colour, whose edges are lines of equal loss
LOGARITHMIC = 20.0  # from this ratio of the largest to the smallest loss
MOST_PATHS = SERIES


class _Plane(NamedTuple):
    """Two directions: the labels of the axes, and what turns weights into a point and back."""

    labels: tuple[str, str]
    point: Callable[[Vector], Point]
    weights: Callable[[float, float], Vector]


def loss_surface(
    model: Sequential,
    inputs: Any,
    targets: Any,
    loss: str | Loss = "mse",
    *,
    path: Paths | None = None,
    weights: tuple[str, str] | None = None,
    title: str = "The loss over two directions of the weights",
    x_limits: tuple[float, float] | None = None,
    y_limits: tuple[float, float] | None = None,
    resolution: int = 72,
    palette: str = "cividis",
    width: float = 620,
    description: str = "",
) -> str:
    """Return an SVG of the loss of these rows over a plane of weights, and of paths on it.

    path:     where trainings went: an `nn.Snapshots` or a list of (epoch, network), or several by
              name. A circle marks where a path starts, a dot where it ends
    weights:  the plane of two weights, such as ("0.W[0][1]", "2.b[0]"); all others are those of
              `model`. Without them, it is the plane through start, middle and end of the path; of
              several, through their common start and the ends of the first two

    A path that leaves the plane is drawn by its nearest points in it, where the loss may be
    another. Colours are logarithmic if losses differ much. It computes resolution² times the loss
    of all rows, by the lesson's layers: give few rows.

    Raises SettingError for weights that the network does not have and paths of other networks, and
    DataError for a path that has no plane.
    Source: H. Li et al., Visualizing the loss landscape of neural nets (2018).
    """
    who = "loss_surface"
    size(who, width=width)
    if not isinstance(model, Sequential):
        raise SettingError(f"{who} needs a Sequential, got {type(model).__name__}")
    if not isinstance(resolution, int) or not 4 <= resolution <= 400:
        raise SettingError(f"{who} needs resolution between 4 and 400 cells, got {resolution!r}")
    if palette not in PALETTES:
        raise SettingError(f"{who} needs palette to be one of {list(PALETTES)}, got {palette!r}")
    measured = loss_by_name(loss)
    X, T, _ = as_training_data(model, measured, inputs, targets).flat()
    moving = deepcopy(model)
    paths = _paths(who, path, model)
    here = _numbers(model)
    plane = _of_weights(who, weights, model, here) if weights else _of_paths(who, paths)
    drawn = {name: [plane.point(v) for v in states] for name, states in paths.items()}
    seen = [point for points in drawn.values() for point in points] or [plane.point(here)]
    x_axis, y_axis = _axes(who, seen, plane.labels, (x_limits, y_limits))

    def value(x: float, y: float) -> float | None:
        _put(moving, plane.weights(x, y))
        try:
            found = measured(moving.forward(X), T)
        except (ArithmeticError, ValueError):
            return None
        return found if isfinite(found) else None

    middle = [(i + 0.5) / resolution for i in range(resolution)]
    cells = [
        [value(_at(x_axis, s), _at(y_axis, t)) for s in middle] for t in reversed(middle)
    ]  # fmt: skip
    present = [v for row in cells for v in row if v is not None]
    if not present:
        raise DataError(f"{who} needs a finite loss somewhere in the plane, got none")
    bar = _bar(present)
    beside = 22.0 + COLOUR_BAR + max(text_width(text) for _, text in bar.ticks) + 30.0
    legend = [Entry(name, k) for k, name in enumerate(drawn)] if len(drawn) > 1 else []
    axes = Axes(
        title, description or _summary(present, drawn, len(X)), x_axis, y_axis,
        width=width, plot_height=0.82 * (width - beside - 60.0), legend=legend,
        margin_right=beside,
    )  # fmt: skip
    anchors = PALETTES[palette]
    levels = [
        [None if v is None else min(int(_inside(bar, v) * LEVELS), LEVELS - 1) for v in row]
        for row in cells
    ]
    draw_tiles(axes, levels, lambda level: Look(fill=shade(anchors, (level + 0.5) / LEVELS)))
    _draw_paths(axes, drawn)
    axes.outline()
    draw_colour_bar(axes, bar, anchors)
    return axes.svg.render()


def _paths(who: str, path: Any, model: Sequential) -> dict[str, list[Vector]]:
    """Return the weights of each snapshot, by the name of the path."""
    if path is None:
        return {}
    named = path if isinstance(path, Mapping) else {"path": path}
    if not 1 <= len(named) <= MOST_PATHS:
        raise SettingError(f"{who} needs 1 to {MOST_PATHS} paths, got {len(named)}")
    shapes = [(p.name, [len(row) for row in p.rows()]) for p in model.parameters()]
    found: dict[str, list[Vector]] = {}
    for name, snapshots in named.items():
        taken = checked_snapshots(who, snapshots)
        for epoch, network in taken:
            if [(p.name, [len(row) for row in p.rows()]) for p in network.parameters()] != shapes:
                raise SettingError(
                    f"{who} needs paths of networks like {model!r}, got {network!r} at epoch "
                    f"{epoch}"
                )
        found[str(name)] = [_numbers(network) for _, network in taken]
    return found


def _of_weights(
    who: str, weights: tuple[str, str], model: Sequential, here: Vector
) -> _Plane:  # fmt: skip
    if not isinstance(weights, (tuple, list)) or len(weights) != 2 or weights[0] == weights[1]:
        raise SettingError(f"{who} needs weights to be two different names, got {weights!r}")
    i, j = (_index(who, name, model) for name in weights)

    def moved(x: float, y: float) -> Vector:
        there = list(here)
        there[i], there[j] = x, y
        return there

    return _Plane((weights[0], weights[1]), lambda v: (v[i], v[j]), moved)


def _index(who: str, name: object, model: Sequential) -> int:
    """Return which number of the network a name such as "0.W[1][2]" means."""
    found = re.fullmatch(r"(\d+\.\w+)((?:\[\d+\]){1,2})", name) if isinstance(name, str) else None
    start = 0
    for parameter in model.parameters():
        rows = parameter.rows()
        if found and parameter.name == found[1]:
            at = [int(digits) for digits in re.findall(r"\d+", found[2])]
            i, j = at if parameter.is_matrix and len(at) == 2 else (0, at[0])
            right = len(at) == 1 + parameter.is_matrix
            if right and i < len(rows) and j < len(rows[i]):
                return start + sum(map(len, rows[:i])) + j
        start += sum(map(len, rows))
    raise SettingError(
        f"{who} needs weights of the network, such as {_examples(model)}, got {excerpt(name)}"
    )


def _examples(model: Sequential) -> str:
    names = [f"{p.name}[0]{'[0]' * p.is_matrix}" for p in model.parameters()[:2]]
    return " or ".join(map(repr, names)) or "none: it has no parameters"


def _of_paths(who: str, paths: Mapping[str, list[Vector]]) -> _Plane:
    """Return the plane through three points of the paths, with orthonormal directions."""
    if not paths:
        raise SettingError(f"{who} needs a path or two weights, got neither")
    first, *others = paths.values()
    start, end = first[0], first[-1]
    third = others[0][-1] if others else first[len(first) // 2]
    u = _unit(_minus(end, start))
    off = _minus(third, start)
    along = _dot(off, u)
    v = _unit([a - along * b for a, b in zip(off, u)])
    if not any(u) or not any(v):
        raise DataError(
            f"{who} needs a path with three points that are not on one line, got "
            f"{len(first)} snapshots; take more of them, or give two weights"
        )

    def point(weights: Vector) -> Point:
        away = _minus(weights, start)
        return _dot(away, u), _dot(away, v)

    def weights(x: float, y: float) -> Vector:
        return [s + x * a + y * b for s, a, b in zip(start, u, v)]

    if not others:
        return _Plane(("from start to end", "across, to the middle"), point, weights)
    one, other = list(paths)[:2]
    return _Plane((f"to the end of {one}", f"across, to the end of {other}"), point, weights)


def _unit(v: Vector) -> Vector:
    length = hypot(*v) if v else 0.0
    return [a / length if length > 1e-9 else 0.0 for a in v]


def _minus(a: Vector, b: Vector) -> Vector:
    return [x - y for x, y in zip(a, b)]


def _dot(a: Vector, b: Vector) -> float:
    return sum([x * y for x, y in zip(a, b)])


def _numbers(model: Sequential) -> Vector:
    return [w for parameter in model.parameters() for row in parameter.rows() for w in row]


def _put(model: Sequential, weights: Vector) -> None:
    start = 0
    for parameter in model.parameters():
        for row in parameter.rows():
            row[:] = weights[start : start + len(row)]
            start += len(row)


def _axes(
    who: str,
    seen: Sequence[Point],
    labels: tuple[str, str],
    limits: tuple[tuple[float, float] | None, tuple[float, float] | None],
) -> tuple[Scale, Scale]:
    """Return axes around all points, with room for what is beside them."""
    ranges = [max(p[k] for p in seen) - min(p[k] for p in seen) for k in (0, 1)]
    # A path along one direction needs some of the other, too.
    least = 0.35 * max(ranges) or 2.0
    scales = []
    for k in (0, 1):
        middle = 0.5 * (max(p[k] for p in seen) + min(p[k] for p in seen))
        half = 0.5 * max(ranges[k], least)
        scales.append(
            covering(
                who, [middle - half, middle + half], label=labels[k], tight=True, margin=0.25,
                limits=limits[k],
            )
        )  # fmt: skip
    return scales[0], scales[1]


def _at(axis: Scale, share: float) -> float:
    return axis.low + share * (axis.high - axis.low)


def _bar(present: Sequence[float]) -> Scale:
    low, high = min(present), max(present)
    log = low > 0.0 and high / low > LOGARITHMIC
    if not log:
        return covering("loss_surface", [low, high], label="loss", tight=True, count=5)
    # What is far above all else would leave no colours for the rest.
    ordered = sorted(present)
    high = min(high, 10.0 * ordered[int(0.9 * (len(ordered) - 1))])
    count = 6 if log10(high / low) > 2.0 else 4
    return Scale(low, max(high, 1.01 * low), label="loss", log=True, tight=True, count=count)


def _inside(bar: Scale, value: float) -> float:
    return min(max(bar.position(min(max(value, bar.low), bar.high)), 0.0), 1.0)


def _draw_paths(axes: Axes, drawn: Mapping[str, Sequence[Point]]) -> None:
    svg = axes.svg
    lines = [
        [(axes.x(x), axes.y(y)) for x, y in points] for points in drawn.values()
    ]  # fmt: skip
    with svg.group(clip_path=axes.clip()):
        for k, (name, points) in enumerate(zip(drawn, lines)):
            d = "M" + "L".join(f"{pixels(x)} {pixels(y)}" for x, y in points)
            if len(points) > 1:
                svg.path(d, "nn-casing")
                svg.path(d, f"nn-line nn-l{k % SERIES}", name)
        for k, points in enumerate(lines):
            (x, y), (end_x, end_y) = points[0], points[-1]
            svg.element("circle", "", "start", cx=x, cy=y, r=4.5, class_="nn-node")
            svg.path(marker(0, end_x, end_y, 5.5), f"nn-dots nn-f{k % SERIES}", "end")


def _summary(present: Sequence[float], drawn: Mapping[str, Sequence[Point]], rows: int) -> str:
    text = (
        f"Loss of {rows} rows over a plane of weights, from {short(min(present))} to "
        f"{short(max(present))}."
    )
    for name, points in drawn.items():
        text += f" {name}: {len(points)} points."
    return text
