"""Line charts, and line charts in a fixed frame: ROC curves and reliability diagrams."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import DataError
from .axes import Axes, Entry, dashes, marker
from .checks import equal_length, numbers, numbers_or_gaps, one_of, size
from .scales import Scale, covering, short
from .svg import SERIES, abridge, clean, pixels, text_width

Value = Optional[float]
Limits = Tuple[float, float]


class Series(NamedTuple):
    """One line of a chart: its name, its values, and their x values (default 1, 2, 3, …)."""

    name: str
    y: Sequence[Value]
    x: Sequence[float] | None = None
    markers: bool = False
    dashed: bool = False


class _Line(NamedTuple):
    """A checked series: one x for each y."""

    series: Series
    x: list[float]
    y: list[Value]


def line_chart(
    series: Mapping[str, Sequence[Value]] | Sequence[Series],
    *,
    title: str,
    x_label: str = "",
    y_label: str = "",
    x: Sequence[float] | None = None,
    x_scale: str = "linear",
    y_scale: str = "linear",
    x_limits: Limits | None = None,
    y_limits: Limits | None = None,
    marks: Sequence[tuple[float, str]] = (),
    width: float = 640,
    height: float = 380,
    description: str = "",
) -> str:
    """Return an SVG chart of one line for each series; None and NaN leave gaps.

    `series` is a dict of name -> values, or a list of `Series`; `x` serves every series without
    its own. Labels carry the unit ("time (s)"). Scales are "linear" or "log". `marks` are (x,
    text) pairs drawn as vertical lines, for instance the epoch of the best weights. A long line is
    thinned to the first, last, lowest and highest value of each column of pixels, which draws the
    same picture.
    Raises DataError for empty series, lengths that differ, infinite values and values that a
    logarithmic axis cannot show; SettingError for unknown scales and sizes. Source of the
    thinning: U. Jugel et al., "M4: a visualization-oriented time series data aggregation" (2014).
    """
    who = "line_chart"
    one_of(who, "x_scale", x_scale, ("linear", "log"))
    one_of(who, "y_scale", y_scale, ("linear", "log"))
    size(who, width=width, height=height)
    lines = _checked(who, series, x)
    xs = [value for line in lines for value in line.x]
    if marks:
        xs += numbers(who, "marks", [position for position, _ in marks])
    ys = [value for line in lines for value in line.y if value is not None]
    axes = Axes(
        title,
        description or _summary("Line chart", lines, x_label, y_label),
        covering(
            who,
            xs,
            label=x_label,
            kind=x_scale,
            tight=True,
            limits=x_limits,
            count=_count(width, 85),
        ),
        covering(who, ys, label=y_label, kind=y_scale, limits=y_limits, count=_count(height, 55)),
        width=width,
        height=height,
        legend=_legend(lines),
    )
    _draw(axes, lines, marks)
    return axes.svg.render()


def roc_chart(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    *,
    title: str = "ROC curve",
    x_label: str = "false positive rate",
    y_label: str = "true positive rate",
    width: float = 460,
    description: str = "",
) -> str:
    """Return an SVG of receiver operating characteristics, with the area under each curve in the
    legend.

    `curves` is a dict of name -> (false positive rates, true positive rates), both rising from 0
    to 1. The area is the trapezoid rule's Σ (xᵢ₊₁ − xᵢ)(yᵢ + yᵢ₊₁) / 2; the dashed diagonal is a
    random guess.
    Raises DataError for rates outside [0, 1], rates that fall, and lengths that differ.
    Source: T. Fawcett, "An introduction to ROC analysis" (2006).
    """
    named: list[Series] = []
    for name, (x, y) in curves.items():
        line = _rates("roc_chart", name, x, y)
        for rates in (line.x, [v for v in line.y if v is not None]):
            if rates != sorted(rates) or len(rates) < 2:
                raise DataError(
                    f"roc_chart needs rising rates, at least two, in {name!r}, got {_some(rates)}; "
                    "did you mean to sort them by falling threshold?"
                )
        area = sum(
            (line.x[i + 1] - line.x[i]) * ((line.y[i] or 0.0) + (line.y[i + 1] or 0.0)) / 2.0
            for i in range(len(line.x) - 1)
        )
        named.append(Series(f"{name} (area {area:.3f})", line.y, line.x))
    named.append(Series("random guess (area 0.5)", [0.0, 1.0], [0.0, 1.0], dashed=True))
    return _unit_square("roc_chart", named, title, x_label, y_label, width, description)


def reliability_chart(
    curves: Mapping[str, tuple[Sequence[Value], Sequence[Value]]],
    *,
    title: str = "Reliability of the predicted probabilities",
    x_label: str = "mean predicted probability in the bin",
    y_label: str = "share of positives in the bin",
    width: float = 460,
    description: str = "",
) -> str:
    """Return an SVG reliability (calibration) diagram: on the dashed diagonal, the predicted
    probability is the observed share.

    `curves` is a dict of name -> (mean predicted probability, observed share of positives), one
    pair for each bin; a pair with None is an empty bin and is left out.
    Raises DataError for values outside [0, 1] and lengths that differ.
    Source: A. Niculescu-Mizil and R. Caruana, "Predicting good probabilities with supervised
    learning" (2005).
    """
    who = "reliability_chart"
    named: list[Series] = []
    for name, (x, y) in curves.items():
        equal_length(who, f"observed shares in {name!r}", len(y), "predicted probabilities", len(x))
        full = [(p, q) for p, q in zip(x, y) if p is not None and q is not None]
        line = _rates(who, name, [p for p, _ in full], [q for _, q in full])
        named.append(Series(name, line.y, line.x, markers=True))
    named.append(Series("perfectly calibrated", [0.0, 1.0], [0.0, 1.0], dashed=True))
    return _unit_square(who, named, title, x_label, y_label, width, description)


def _rates(who: str, name: str, x: Sequence[float], y: Sequence[float]) -> _Line:
    line = _checked(who, [Series(name, y, x)], None)[0]
    for value in (*line.x, *line.y):
        if value is None or not 0.0 <= value <= 1.0:
            raise DataError(f"{who} needs shares between 0 and 1 in {name!r}, got {value!r}")
    return line


def _some(values: Sequence[float]) -> str:
    shown = ", ".join(map(repr, values[:4]))
    return f"[{shown}{', …' if len(values) > 4 else ''}]"


def _unit_square(
    who: str,
    series: Sequence[Series],
    title: str,
    x_label: str,
    y_label: str,
    width: float,
    description: str,
) -> str:
    size(who, width=width)
    lines = _checked(who, series, None)
    axes = Axes(
        title,
        description or _summary(title, lines, x_label, y_label),
        Scale(0.0, 1.0, label=x_label),
        Scale(0.0, 1.0, label=y_label),
        width=width,
        plot_height=width - 90.0,
        legend=_legend(lines),
    )
    _draw(axes, lines, ())
    return axes.svg.render()


def _checked(
    who: str,
    series: Mapping[str, Sequence[Value]] | Sequence[Series],
    x: Sequence[float] | None,
) -> list[_Line]:
    listed = [Series(k, v) for k, v in series.items()] if isinstance(series, Mapping) else series
    if not listed:
        raise DataError(f"{who} needs at least one series, got none")
    lines: list[_Line] = []
    for one in listed:
        y = numbers_or_gaps(who, f"series {one.name!r}", one.y)
        own = x if one.x is None else one.x
        xs = list(map(float, range(1, len(y) + 1)))
        if own is not None:
            xs = numbers(who, f"the x of series {one.name!r}", own)
            equal_length(who, "x values", len(xs), f"values of series {one.name!r}", len(y))
        lines.append(_Line(one, xs, y))
    return lines


def _count(pixels: float, each: float) -> int:
    return max(3, min(9, int(pixels / each)))


def _numbered(lines: Sequence[_Line]) -> list[tuple[int, _Line]]:
    """Return (number of the colour, line); dashed reference lines are grey and use up no colour."""
    result: list[tuple[int, _Line]] = []
    colour = 0
    for line in lines:
        result.append((SERIES - 1 if line.series.dashed else colour, line))
        colour += not line.series.dashed
    return result


def _legend(lines: Sequence[_Line]) -> list[Entry]:
    return [
        Entry(line.series.name, colour, dashed=line.series.dashed)
        for colour, line in _numbered(lines)
        if line.series.name
    ]


def _summary(kind: str, lines: Sequence[_Line], x_label: str, y_label: str) -> str:
    parts = [f"{kind}, {y_label or 'value'} against {x_label or 'position'}."]
    for line in lines[:8]:
        y = [value for value in line.y if value is not None]
        parts.append(
            f"{line.series.name or 'The line'}: {len(y)} points, first {short(y[0])}, "
            f"last {short(y[-1])}, lowest {short(min(y))}, highest {short(max(y))}."
        )
    if len(lines) > 8:
        parts.append(f"And {len(lines) - 8} more.")
    return " ".join(parts)


def _draw(axes: Axes, lines: Sequence[_Line], marks: Sequence[tuple[float, str]]) -> None:
    svg = axes.svg
    with svg.group(clip_path=axes.clip()):
        # The first series is drawn last, on top of the others.
        for colour, line in reversed(_numbered(lines)):
            segments = _segments(axes, line)
            svg.path(
                "".join(_path(segment) for segment in segments if len(segment) > 1),
                f"nn-line nn-l{colour % SERIES}",
                clean(line.series.name),
                stroke_dasharray=dashes(colour, line.series.dashed),
            )
            # A point between two gaps is a line of no length, visible by its round ends.
            lonely = "".join(_path(segment) + "h0" for segment in segments if len(segment) == 1)
            if lonely:
                svg.path(lonely, f"nn-point nn-l{colour % SERIES}")
    for colour, line in _numbered(lines):
        if line.series.markers:
            for x, y in zip(line.x, line.y):
                if y is not None and axes.shows(axes.x(x), axes.y(y)):
                    svg.path(
                        marker(colour, axes.x(x), axes.y(y), 4.5),
                        f"nn-dots nn-f{colour % SERIES}",
                        f"{line.series.name}: {short(y)} at {short(x)}",
                    )
    for row, (x, text) in enumerate(marks):
        left = axes.x(x)
        if not axes.shows(left, axes.top):
            continue
        svg.path(f"M{pixels(left)} {pixels(axes.top)}V{pixels(axes.bottom)}", "nn-mark")
        text = abridge(text, 0.5 * (axes.right - axes.left))
        fits = left + 6.0 + text_width(text) < axes.right
        svg.text(
            left + (6.0 if fits else -6.0),
            axes.top + 9.0 + 15.0 * row,
            text,
            anchor="start" if fits else "end",
            class_="nn-muted nn-halo",
        )
    axes.outline()


_Pixel = Tuple[float, float]


def _segments(axes: Axes, line: _Line) -> list[list[_Pixel]]:
    """Return the pixels of a line, cut at its gaps."""
    segments: list[list[_Pixel]] = [[]]
    for x, y in zip(line.x, line.y):
        if y is None:
            segments.append([])
        else:
            segments[-1].append((axes.x(x), axes.y(y)))
    return [thinned(segment) for segment in segments if segment]


def thinned(points: list[_Pixel]) -> list[_Pixel]:
    """Return only the points that can be seen, if there are many and they run from left to right.

    Of the points in one column of pixels, the first, the last, the lowest and the highest stay.
    """
    xs = [x for x, _ in points]
    if len(points) <= 4 * (max(xs) - min(xs) + 2.0) or xs != sorted(xs):
        return points
    columns: dict[int, list[_Pixel]] = {}
    for point in points:
        columns.setdefault(int(point[0]), []).append(point)
    result: list[_Pixel] = []
    for column in columns.values():
        heights = [y for _, y in column]
        low, high = heights.index(min(heights)), heights.index(max(heights))
        result.extend(column[i] for i in sorted({0, low, high, len(column) - 1}))
    return result


def _path(points: Sequence[_Pixel]) -> str:
    return "M" + "L".join(f"{pixels(x)} {pixels(y)}" for x, y in points)
