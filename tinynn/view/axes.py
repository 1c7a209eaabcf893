"""The frame that all charts share: title, legend, two axes with ticks and labels, and pixel
coordinates.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

from .scales import Axis, Bands, Scale
from .svg import DASHES, SERIES, Svg, abridge, pixels, text_width, wrap

TITLE_SIZE = 15.0
BOLD = 1.16  # how much wider bold letters are
LEGEND_ROW = 20.0
LONGEST_NAME = 170.0
LEAST_PLOT = 120.0
MOST_ENTRIES = 24


class Entry(NamedTuple):
    """One item of a legend: the look of series number `series`, as a line, dot or box."""

    name: str
    series: int
    kind: str = "line"
    dashed: bool = False


def dashes(series: int, dashed: bool = False) -> str:
    """Return the dash pattern of a series: solid lines first, then one pattern per round of
    colours.
    """
    return "4 4" if dashed else DASHES[series // SERIES % len(DASHES)]


def marker(shape: int, x: float, y: float, r: float) -> str:
    """Return path commands for a marker: circle, square, triangle, diamond or cross."""
    shape %= 5
    if shape == 0:
        a, d = pixels(r), pixels(2 * r)
        return f"M{pixels(x - r)} {pixels(y)}a{a} {a} 0 1 0 {d} 0a{a} {a} 0 1 0 -{d} 0z"
    if shape == 1:
        s = 0.88 * r
        return f"M{pixels(x - s)} {pixels(y - s)}h{pixels(2 * s)}v{pixels(2 * s)}h{pixels(-2 * s)}z"
    if shape == 2:
        s = 1.2 * r
        return f"M{pixels(x)} {pixels(y - s)}l{pixels(s)} {pixels(1.75 * s)}h{pixels(-2 * s)}z"
    if shape == 3:
        s = 1.25 * r
        t = pixels(s)
        return f"M{pixels(x)} {pixels(y - s)}l{t} {t} -{t} {t} -{t} -{t}z"
    arm, back = pixels(0.65 * r), pixels(-0.65 * r)
    corners = ((arm, back), (arm, arm), (back, arm), (arm, arm), (back, arm), (back, back))
    rest = ((back, arm), (back, back), (arm, back), (back, back), (arm, back))
    steps = " ".join(f"{dx} {dy}" for dx, dy in (*corners, *rest))
    return f"M{pixels(x)} {pixels(y - 0.65 * r)}l{steps}z"


def heading(svg: Svg, title: str, legend: Sequence[Entry], left: float = 16.0) -> float:
    """Draw the background, title and legend of a picture; return the y at which the rest starts."""
    svg.element("rect", width="100%", height="100%", class_="nn-paper")
    y = 10.0
    for line in wrap(title, svg.width - 32.0, BOLD * TITLE_SIZE, 2):
        svg.text(16.0, y + 11.0, line, size=TITLE_SIZE, class_="nn-text nn-bold")
        y += 20.0
    y += 4.0
    x = left
    for entry in legend[:MOST_ENTRIES]:
        name = abridge(entry.name, svg.width - left - 50.0)
        room = text_width(name) + 46.0
        if x > left and x + room > svg.width:
            x = left
            y += LEGEND_ROW
        _swatch(svg, entry, x, y + 9.0)
        svg.text(x + 26.0, y + 9.0, name)
        x += room
    if len(legend) > MOST_ENTRIES:
        y += LEGEND_ROW
        svg.text(left, y + 9.0, f"… and {len(legend) - MOST_ENTRIES} more", class_="nn-muted")
    return y + (LEGEND_ROW + 4.0 if legend else 2.0)


def _swatch(svg: Svg, entry: Entry, x: float, y: float) -> None:
    colour = entry.series % SERIES
    if entry.kind == "line":
        svg.path(
            f"M{pixels(x)} {pixels(y)}h20",
            f"nn-line nn-l{colour}",
            stroke_dasharray=dashes(entry.series, entry.dashed),
        )
    elif entry.kind == "dot":
        svg.path(marker(entry.series, x + 12.0, y, 4.5), f"nn-dots nn-f{colour}")
    else:
        svg.element("rect", x=x + 6, y=y - 6, width=12, height=12, rx=2, class_=f"nn-f{colour}")


class Frame:
    """A plotting area: two axes, and where they lie in a picture."""

    def __init__(
        self,
        svg: Svg,
        x: Axis,
        y: Axis,
        *,
        left: float,
        right: float,
        top: float,
        bottom: float,
    ) -> None:
        self.svg, self.x_axis, self.y_axis = svg, x, y
        self.left, self.right, self.top, self.bottom = left, right, top, bottom

    def x(self, value: float) -> float:
        """Return the horizontal pixel of a value (or of the middle of a band)."""
        return self.left + self.x_axis.position(value) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return the vertical pixel of a value (or of the middle of a band)."""
        return self.bottom - self.y_axis.position(value) * (self.bottom - self.top)

    def shows(self, x: float, y: float) -> bool:
        """Return whether the point (x, y), in pixels, is in the plotting area."""
        inside = self.left - 1.0 <= x <= self.right + 1.0
        return inside and self.top - 1.0 <= y <= self.bottom + 1.0

    def clip(self) -> str:
        """Return a clip_path for the plotting area, widened by the width of a line."""
        width, height = self.right - self.left, self.bottom - self.top
        return self.svg.clip(self.left - 2.0, self.top - 2.0, width + 4.0, height + 4.0)

    def outline(self) -> None:
        """Draw the lines of the two axes. Call it last, so that they are on top."""
        start, corner = (
            f"M{pixels(self.left)} {pixels(self.top)}",
            f"V{pixels(self.bottom)}",
        )
        self.svg.path(f"{start}{corner}H{pixels(self.right)}", "nn-axis")


class Axes(Frame):
    """A picture with a plotting area from (left, top) to (right, bottom), in pixels.

    Give the whole `height`, or `plot_height` to have the picture grow around a plotting area of
    that height. `margin_right` keeps room beside the area, for a colour bar.
    """

    def __init__(
        self,
        title: str,
        description: str,
        x: Axis,
        y: Axis,
        *,
        width: float,
        height: float | None = None,
        plot_height: float | None = None,
        legend: Sequence[Entry] = (),
        margin_right: float = 0.0,
    ) -> None:
        self.x_axis = x
        self.y_axis = y
        self.svg = Svg(width, height or 0.0, title, description)
        longest = min(LONGEST_NAME, 0.34 * width)
        y_texts = [abridge(text, longest) for _, text in y.ticks]
        self.left = 14.0 + max(map(text_width, y_texts)) + (24.0 if y.label else 0.0)
        last = 0.5 * text_width(x.ticks[-1][1]) if isinstance(x, Scale) else 0.0
        self.right = width - max(20.0, last + 6.0) - margin_right
        self.top = heading(self.svg, title, legend) + 8.0
        x_texts = [abridge(text, longest) for _, text in x.ticks]
        wide = max(map(text_width, x_texts))
        band = (self.right - self.left) / len(x_texts)
        self._turned = isinstance(x, Bands) and wide + 6.0 > band and any(map(_wordy, x_texts))
        below = 0.71 * wide + 18.0 if self._turned else 24.0
        below += 24.0 if x.label else 4.0
        if plot_height is not None:
            self.svg.height = self.top + plot_height + below
        else:
            self.svg.height = max(self.svg.height, self.top + LEAST_PLOT + below)
        self.bottom = self.svg.height - below
        self._draw_ticks(x_texts, y_texts, band, wide)
        if x.label:
            middle = 0.5 * (self.left + self.right)
            text = abridge(x.label, self.right - self.left, 13.0)
            self.svg.text(middle, self.svg.height - 14.0, text, anchor="middle", size=13.0)
        if y.label:
            middle = 0.5 * (self.top + self.bottom)
            room = 2.0 * min(middle, self.svg.height - middle) - 12.0
            text = abridge(y.label, room, 13.0)
            self.svg.text(16.0, middle, text, anchor="middle", size=13.0, turn=-90.0)

    def _draw_ticks(
        self, x_texts: Sequence[str], y_texts: Sequence[str], band: float, wide: float
    ) -> None:
        svg, grid = self.svg, ""
        width, height = self.right - self.left, self.bottom - self.top
        every = _stride(len(x_texts), width, 15.0 if self._turned else wide + 8.0, self.x_axis)
        for (position, full), text in list(zip(self.x_axis.ticks, x_texts))[::every]:
            x = self.left + position * width
            if self.x_axis.grid:
                grid += f"M{pixels(x)} {pixels(self.top)}V{pixels(self.bottom)}"
            tooltip = full if full != text else ""
            if self._turned:
                svg.text(
                    x + 3.0,
                    self.bottom + 12.0,
                    text,
                    anchor="end",
                    class_="nn-muted",
                    turn=-45.0,
                    tooltip=tooltip,
                )
            else:
                svg.text(
                    x, self.bottom + 14.0, text, anchor="middle", class_="nn-muted", tooltip=tooltip
                )
        every = _stride(len(y_texts), height, 14.0, self.y_axis)
        for (position, full), text in list(zip(self.y_axis.ticks, y_texts))[::every]:
            y = self.bottom - position * height
            if self.y_axis.grid:
                grid += f"M{pixels(self.left)} {pixels(y)}H{pixels(self.right)}"
            svg.text(
                self.left - 8.0, y, text, anchor="end", class_="nn-muted",
                tooltip=full if full != text else "",
            )  # fmt: skip
        if grid:
            svg.path(grid, "nn-grid")


def _wordy(text: str) -> bool:
    return len(text) > 3


def _stride(count: int, room: float, needed: float, axis: Axis) -> int:
    """Return k such that every k-th name of an axis can be written without touching the next."""
    if not isinstance(axis, Bands):
        return 1
    return max(1, -(-int(count * needed) // max(int(room), 1)))
