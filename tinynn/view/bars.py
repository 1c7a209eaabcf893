"""Bar charts: one horizontal bar for each name, to either side of zero."""

from __future__ import annotations

from typing import Sequence

from ..errors import DataError
from .axes import Axes, Entry
from .checks import equal_length, numbers, one_of, size
from .scales import Bands, covering, short
from .svg import SERIES, pixels, text_width

BAND = 26.0


def bar_chart(
    names: Sequence[str],
    values: Sequence[float],
    errors: Sequence[float] | None = None,
    *,
    title: str,
    x_label: str = "",
    groups: Sequence[str] | None = None,
    x_scale: str = "linear",
    width: float = 640,
    description: str = "",
) -> str:
    """Return an SVG of horizontal bars, the first on top, each with its value written beside it.

    `errors` draws a whisker from value − error to value + error on each bar. `groups` names the
    group of each bar: one colour for each, explained in a legend. On a "log" axis the bars begin
    at its left end.
    Raises DataError for empty lists, lengths that differ, negative errors, and values that a
    logarithmic axis cannot show; SettingError for unknown scales and sizes.
    """
    who = "bar_chart"
    one_of(who, "x_scale", x_scale, ("linear", "log"))
    size(who, width=width)
    bars = numbers(who, "values", values)
    equal_length(who, "names", len(names), "values", len(bars))
    spread = [0.0] * len(bars)
    if errors is not None:
        spread = numbers(who, "errors", errors)
        equal_length(who, "errors", len(spread), "values", len(bars))
        if min(spread) < 0.0:
            raise DataError(f"{who} needs errors of at least 0, got {short(min(spread))}")
    kinds: list[str] = []
    if groups is not None:
        equal_length(who, "groups", len(groups), "values", len(bars))
        kinds = list(dict.fromkeys(groups))
    log = x_scale == "log"
    ends = [v + s * e for v, e in zip(bars, spread) for s in (-1.0, 1.0)]
    ends = [*ends, 0.7 * min(bars)] if log else [*ends, 0.0]
    texts = [short(v) for v in bars]
    axes = Axes(
        title,
        description or _summary(names, bars),
        covering(who, ends, label=x_label, kind=x_scale, count=max(3, int(width / 110))),
        Bands([str(name) for name in names], downward=True),
        width=width,
        plot_height=max(BAND * len(bars) + 8.0, 60.0),
        legend=[Entry(kind, i, "box") for i, kind in enumerate(kinds)],
        margin_right=max(map(text_width, texts)) - 4.0,
    )
    svg = axes.svg
    zero = axes.left if log else axes.x(0.0)
    for i, (name, value, error, text) in enumerate(zip(names, bars, spread, texts)):
        end, y = axes.x(value), axes.y(i)
        colour = kinds.index(groups[i]) % SERIES if groups is not None else 0
        plus_minus = f" ± {short(error)}" if error else ""
        svg.element(
            "rect",
            tooltip=f"{name}: {text}{plus_minus}",
            x=min(zero, end),
            y=y - 0.36 * BAND,
            width=abs(end - zero),
            height=0.72 * BAND,
            rx=1.5,
            class_=f"nn-f{colour}",
        )
        far = max(zero, end)
        if error:
            a, b = axes.x(value - error), axes.x(value + error)
            svg.path(
                f"M{pixels(a)} {pixels(y - 4)}v8m0 -4H{pixels(b)}m0 -4v8",
                "nn-whisker",
            )
            far = max(far, b)
        # A negative value is written on the other side of zero, clear of bars and names.
        svg.text(far + 5.0, y, text, class_="nn-text nn-halo")
    svg.path(f"M{pixels(zero)} {pixels(axes.top)}V{pixels(axes.bottom)}", "nn-axis")
    return svg.render()


def _summary(names: Sequence[str], values: Sequence[float]) -> str:
    shown = [f"{name}: {short(value)}" for name, value in zip(names[:20], values)]
    more = f"; and {len(names) - 20} more" if len(names) > 20 else ""
    return f"Bar chart of {len(values)} values. {'; '.join(shown)}{more}."
