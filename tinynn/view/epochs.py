"""The decision boundary of a network over the epochs of its training, as small multiples."""

from __future__ import annotations

from typing import Any, Protocol, Sequence, Tuple

from ..checks.words import excerpt
from ..errors import DataError, SettingError
from ..lesson.network import Sequential
from .axes import Entry
from .checks import equal_length, grid, size
from .panels import panels
from .points import class_numbers_of, draw_areas, draw_points, score_grid
from .scales import covering
from .svg import Svg

Taken = Sequence[Tuple[int, Sequential]]


class HasTaken(Protocol):
    """A callback that kept networks, such as `nn.Snapshots`."""

    taken: list[tuple[int, Sequential]]


def boundary_epochs(
    snapshots: HasTaken | Taken,
    points: Sequence[Sequence[float]],
    classes: Sequence[int],
    *,
    title: str = "The decision boundary over the epochs",
    class_names: Sequence[str] | None = None,
    x_label: str = "",
    y_label: str = "",
    most: int = 12,
    columns: int = 4,
    resolution: int = 48,
    width: float = 760,
    description: str = "",
) -> str:
    """Return an SVG of what a network of two inputs chose at some epochs: one small map for each.

    snapshots:   the callback `nn.Snapshots` after a training, or a list of (epoch, network)
    classes:     each point's class, a number from 0
    most:        with more snapshots, so many of them are drawn, the first and the last included
    resolution:  the cells of a map along each axis

    Paler means less sure, as in `scatter_chart`.
    Raises DataError for points that are not pairs or networks that do not take two inputs, and
    SettingError for anything but snapshots.
    """
    who = "boundary_epochs"
    size(who, width=width)
    for name, value, least in (("most", most, 2), ("columns", columns, 1)):
        if not isinstance(value, int) or value < least:
            raise SettingError(f"{who} needs {name} of at least {least}, got {value!r}")
    taken = thinned_out(checked_snapshots(who, snapshots), most)
    for epoch, model in taken:
        if model.inputs not in (None, 2):
            raise DataError(
                f"{who} needs networks with 2 inputs, x and y, got {model.inputs} at epoch {epoch}"
            )
    pairs = grid(who, "points", points)
    if len(pairs[0]) != 2:
        raise DataError(f"{who} needs points of 2 numbers (x and y), got rows of {len(pairs[0])}")
    equal_length(who, "classes", len(classes), "points", len(pairs))
    kinds = class_numbers_of(who, classes, len(pairs), class_names)
    names = list(class_names or [f"class {k}" for k in range(max(kinds) + 1)])
    x_axis, y_axis = (
        covering(who, values, label=label, tight=True, margin=0.06, count=3)
        for values, label in zip(zip(*pairs), (x_label, y_label))
    )
    svg = Svg(width, 0.0, title, description or _summary(taken, pairs))
    legend = [Entry(name, k, "dot") for k, name in enumerate(names)]
    shown = ["before training" if epoch == 0 else f"epoch {epoch:,}" for epoch, _ in taken]
    frames = panels(svg, shown, x_axis, y_axis, columns=columns, legend=legend)
    for frame, (_, model) in zip(frames, taken):
        draw_areas(frame, score_grid(who, model.predict, x_axis, y_axis, resolution))
        draw_points(frame, pairs, kinds, names, small=True)
        frame.outline()
    return svg.render()


def checked_snapshots(who: str, snapshots: Any) -> list[tuple[int, Sequential]]:
    """Return snapshots as a list of (epoch, network); raise SettingError for anything else."""
    taken = getattr(snapshots, "taken", snapshots)
    listed: list[tuple[int, Sequential]] = []
    for one in taken if isinstance(taken, (list, tuple)) else [taken]:
        pair = isinstance(one, (list, tuple)) and len(one) == 2
        if not pair or not isinstance(one[0], int) or not isinstance(one[1], Sequential):
            raise SettingError(
                f"{who} needs an nn.Snapshots or a list of (epoch, network), got {excerpt(one)}"
            )
        listed.append((one[0], one[1]))
    if not listed:
        raise SettingError(
            f"{who} needs at least one snapshot, got none; give the callback to fit first"
        )
    return listed


def thinned_out(taken: list[Any], most: int) -> list[Any]:
    """Return at most so many of the items, evenly, the first and last included."""
    if len(taken) <= most:
        return taken
    last = len(taken) - 1
    return [taken[round(i * last / (most - 1))] for i in range(most)]


def _summary(taken: Sequence[tuple[int, Sequential]], points: Sequence[Any]) -> str:
    epochs = ", ".join(str(epoch) for epoch, _ in taken)
    return f"Decision areas of a network and {len(points)} points, at the epochs {epochs}."
