"""Small multiples: several plotting areas in one picture, with the same axes."""

from __future__ import annotations

from typing import Sequence

from .axes import Entry, Frame, heading
from .scales import Scale
from .svg import Svg, abridge, pixels, text_width

GAP, NAME = 22.0, 22.0


def panels(
    svg: Svg,
    names: Sequence[str],
    x_axis: Scale,
    y_axis: Scale,
    *,
    columns: int,
    legend: Sequence[Entry] = (),
    shape: float = 1.0,
) -> list[Frame]:
    """Return a plotting area for each name, in rows of `columns`; the picture gets their height.

    `shape` is the height of an area as a share of its width. Ticks are written at the left and
    below only, as all areas have the same axes.
    """
    top = heading(svg, svg.title, legend) + 4.0
    ticks = max(text_width(text) for _, text in y_axis.ticks)
    left = 18.0 + ticks + (24.0 if y_axis.label else 0.0)
    columns = min(columns, len(names))
    width = (svg.width - left - 18.0 - GAP * (columns - 1)) / columns
    height = shape * width
    rows = -(-len(names) // columns)
    frames = []
    for i, name in enumerate(names):
        row, column = divmod(i, columns)
        x = left + column * (width + GAP)
        y = top + NAME + row * (height + NAME + GAP)
        frame = Frame(svg, x_axis, y_axis, left=x, right=x + width, top=y, bottom=y + height)
        svg.text(x, y - 11.0, abridge(name, width, 13.0), size=13.0, class_="nn-text nn-bold")
        lowest = i + columns >= len(names)
        _ticks(frame, at_left=column == 0, below=lowest)
        frames.append(frame)
    bottom = top + rows * (NAME + height + GAP)
    svg.height = bottom + 12.0 + (24.0 if x_axis.label else 4.0)
    if x_axis.label:
        middle = 0.5 * (left + svg.width - 18.0)
        svg.text(middle, svg.height - 14.0, x_axis.label, anchor="middle", size=13.0)
    if y_axis.label:
        svg.text(16.0, 0.5 * (top + bottom), y_axis.label, anchor="middle", size=13.0, turn=-90.0)
    return frames


def _ticks(frame: Frame, at_left: bool, below: bool) -> None:
    svg, grid = frame.svg, ""
    width, height = frame.right - frame.left, frame.bottom - frame.top
    for position, text in frame.x_axis.ticks:
        x = frame.left + position * width
        grid += f"M{pixels(x)} {pixels(frame.top)}V{pixels(frame.bottom)}"
        if below:
            svg.text(x, frame.bottom + 13.0, text, anchor="middle", class_="nn-muted")
    for position, text in frame.y_axis.ticks:
        y = frame.bottom - position * height
        grid += f"M{pixels(frame.left)} {pixels(y)}H{pixels(frame.right)}"
        if at_left:
            svg.text(frame.left - 7.0, y, text, anchor="end", class_="nn-muted")
    svg.path(grid, "nn-grid")
