"""Heat maps with a colour bar, and the confusion matrix as one of them."""

from __future__ import annotations

from typing import Callable, Sequence

from ..errors import DataError, SettingError
from .axes import Axes
from .checks import equal_length, grid, grid_or_gaps, numbers, one_of, size
from .palettes import PALETTES, ink_on, shade
from .scales import Bands, Scale, short, widened
from .svg import pixels, text_width
from .tiles import Look, draw_tiles

LEVELS = 64  # shades of a large map; neighbours of one shade become one rectangle
SINGLE_CELLS = 400  # a map of at most this many cells draws each one, with its value as a tooltip
COLOUR_BAR = 14.0


def heat_map(
    values: Sequence[Sequence[float | None]],
    *,
    title: str,
    row_names: Sequence[str] | None = None,
    column_names: Sequence[str] | None = None,
    x_label: str = "",
    y_label: str = "",
    value_label: str = "",
    palette: str = "viridis",
    low: float | None = None,
    high: float | None = None,
    cell_text: str | Sequence[Sequence[str]] | None = None,
    width: float = 560,
    plot_height: float | None = None,
    description: str = "",
) -> str:
    """Return an SVG map of a matrix, row 0 on top, with a bar that explains its colours.

    `palette` is one of tinynn.view.PALETTES; "diverging" is centred on 0 unless `low` and `high`
    are given. `cell_text` is a format such as ".2f", or one text for each cell. None and NaN leave
    a cell empty. Rows and columns without names are numbered from 0. A map of many cells is drawn
    in 64 shades.
    Raises DataError for empty or ragged rows and a wrong number of names; SettingError for unknown
    palettes.
    """
    who = "heat_map"
    one_of(who, "palette", palette, tuple(PALETTES))
    size(who, width=width)
    if plot_height is not None:
        size(who, plot_height=plot_height)
    cells = grid_or_gaps(who, "values", values)
    present = [v for row in cells for v in row if v is not None]
    if not present:
        raise DataError(f"{who} needs at least one number in values, got only gaps (None or NaN)")
    bar = _colour_scale(who, present, palette, low, high, value_label)
    texts: list[list[str]] | None = None
    if isinstance(cell_text, str):
        texts = [["" if v is None else _written(v, cell_text) for v in row] for row in cells]
    elif cell_text is not None:
        texts = [list(row) for row in cell_text]
        if list(map(len, texts)) != list(map(len, cells)):
            raise DataError(
                f"{who} needs one text for each cell, got texts in rows of "
                f"{[len(row) for row in texts]} for {len(cells)} rows of {len(cells[0])} values"
            )
    rows = _names(who, "row_names", row_names, "rows", len(cells))
    columns = _names(who, "column_names", column_names, "columns", len(cells[0]))

    def tooltip(i: int, j: int) -> str:
        value = cells[i][j]
        return f"{rows[i]}, {columns[j]}: {'none' if value is None else short(value, 6)}"

    return _map(
        title,
        description
        or f"Heat map of {len(rows)} rows and {len(columns)} columns, "
        f"from {short(min(present))} to {short(max(present))}.",
        cells,
        Bands(rows, label=y_label, downward=True),
        Bands(columns, label=x_label),
        bar,
        palette,
        [[[text] if text else [] for text in row] for row in texts] if texts else None,
        tooltip,
        width,
        plot_height,
    )


def confusion_chart(
    counts: Sequence[Sequence[float]],
    names: Sequence[str] | None = None,
    *,
    title: str = "Confusion matrix",
    width: float = 520,
    description: str = "",
) -> str:
    """Return an SVG of a confusion matrix: counts[i][j] rows of true class i were predicted to be
    class j.

    Each cell shows its count and its share of the row, which is also its colour: the diagonal
    holds each class's recall. Names default to 0, 1, 2, …
    Raises DataError unless `counts` is square, without negative entries, and has as many names as
    rows.
    """
    who = "confusion_chart"
    size(who, width=width)
    table = grid(who, "counts", counts)
    if len(table) != len(table[0]):
        raise DataError(
            f"{who} needs as many rows as columns, got {len(table)} rows "
            f"and {len(table[0])} columns"
        )
    if min(map(min, table)) < 0:
        raise DataError(f"{who} needs counts of at least 0, got {short(min(map(min, table)))}")
    labels = _names(who, "names", names, "rows", len(table))
    totals = [sum(row) for row in table]
    shares = [
        [count / total if total else None for count in row] for row, total in zip(table, totals)
    ]
    with_share = len(labels) <= 12

    def lines(i: int, j: int) -> list[str]:
        share = shares[i][j]
        text = [short(table[i][j], 7)]
        if with_share and share is not None:
            text.append(f"{100.0 * share:.0f}%" if share in (0.0, 1.0) else f"{100.0 * share:.1f}%")
        return text

    def tooltip(i: int, j: int) -> str:
        found = " = ".join(lines(i, j))
        return f"true {labels[i]}, predicted {labels[j]}: {found} of {short(totals[i], 7)}"

    right = sum(table[i][i] for i in range(len(table)))
    n = len(labels)
    return _map(
        title,
        description
        or f"Confusion matrix of {n} classes: {short(right, 7)} of {short(sum(totals), 7)} right.",
        shares,
        Bands(labels, label="true class", downward=True),
        Bands(labels, label="predicted class"),
        Scale(0.0, 1.0, label="share of the true class", tight=True),
        "blues",
        [[lines(i, j) for j in range(n)] for i in range(n)] if n <= 25 else None,
        tooltip,
        width,
        None,
    )


def _names(who: str, what: str, names: Sequence[str] | None, of: str, count: int) -> list[str]:
    if names is None:
        return [str(i) for i in range(count)]
    equal_length(who, what, len(names), of, count)
    return [str(name) for name in names]


def _written(value: float, style: str) -> str:
    try:
        text = format(value, style)
    except ValueError as error:
        raise SettingError(
            f'heat_map needs cell_text to be a number format such as ".2f", got {style!r}: {error}'
        ) from None
    return text.replace("-", "−") if any(c in text for c in "123456789") else text.lstrip("-")


def _colour_scale(
    who: str,
    values: Sequence[float],
    palette: str,
    low: float | None,
    high: float | None,
    label: str,
) -> Scale:
    bottom, top = min(values), max(values)
    if palette == "diverging":
        top = max(abs(bottom), abs(top))
        bottom = -top
    bottom = bottom if low is None else numbers(who, "low", [low])[0]
    top = top if high is None else numbers(who, "high", [high])[0]
    if not bottom <= top:
        raise SettingError(f"{who} needs low to be at most high, got {bottom!r} and {top!r}")
    bottom, top = widened(bottom, top)
    return Scale(bottom, top, label=label, tight=True, count=5)


def _map(
    title: str,
    description: str,
    cells: Sequence[Sequence[float | None]],
    rows: Bands,
    columns: Bands,
    bar: Scale,
    palette: str,
    texts: list[list[list[str]]] | None,
    tooltip: Callable[[int, int], str],
    width: float,
    plot_height: float | None,
) -> str:
    bar_texts = max(text_width(text) for _, text in bar.ticks)
    beside = 20.0 + COLOUR_BAR + 8.0 + bar_texts + (22.0 if bar.label else 0.0)
    if plot_height is None:
        square = (width - beside - 90.0) / len(columns.names) * len(rows.names)
        plot_height = min(max(square, 130.0), 1.1 * width)
    axes = Axes(
        title, description, columns, rows,
        width=width, plot_height=plot_height, margin_right=beside,
    )  # fmt: skip
    anchors = PALETTES[palette]
    if len(rows.names) * len(columns.names) <= SINGLE_CELLS:
        _draw_cells(axes, cells, bar, anchors, tooltip)
    else:
        levels = [
            [None if v is None else min(int(_inside(bar, v) * LEVELS), LEVELS - 1) for v in row]
            for row in cells
        ]
        draw_tiles(axes, levels, lambda level: Look(fill=shade(anchors, (level + 0.5) / LEVELS)))
    if texts:
        _draw_texts(axes, cells, bar, anchors, texts)
    axes.svg.element(
        "rect", x=axes.left, y=axes.top, width=axes.right - axes.left,
        height=axes.bottom - axes.top, class_="nn-grid",
    )  # fmt: skip
    draw_colour_bar(axes, bar, anchors)
    return axes.svg.render()


def _inside(bar: Scale, value: float) -> float:
    return min(max(bar.position(value), 0.0), 1.0)


def _draw_cells(
    axes: Axes,
    cells: Sequence[Sequence[float | None]],
    bar: Scale,
    anchors: Sequence[str],
    tooltip: Callable[[int, int], str],
) -> None:
    dx = (axes.right - axes.left) / len(cells[0])
    dy = (axes.bottom - axes.top) / len(cells)
    with axes.svg.group(class_="nn-area"):
        for i, row in enumerate(cells):
            for j, value in enumerate(row):
                if value is not None:
                    axes.svg.element(
                        "rect",
                        tooltip=tooltip(i, j),
                        x=axes.left + j * dx,
                        y=axes.top + i * dy,
                        width=dx,
                        height=dy,
                        fill=shade(anchors, _inside(bar, value)),
                    )


def _draw_texts(
    axes: Axes,
    cells: Sequence[Sequence[float | None]],
    bar: Scale,
    anchors: Sequence[str],
    texts: list[list[list[str]]],
) -> None:
    """Write the lines of all cells in the size at which the widest line fits."""
    dx = (axes.right - axes.left) / len(cells[0])
    dy = (axes.bottom - axes.top) / len(cells)
    lines = [line for row in texts for cell in row for line in cell]
    widest = max(map(text_width, lines)) if lines else 1.0
    deepest = max(len(cell) for row in texts for cell in row)
    size = min(13.0, 12.0 * (dx - 4.0) / widest, (dy - 2.0) / max(deepest, 1) / 1.2)
    if size < 5.0:
        return
    with axes.svg.group(text_anchor="middle", font_size=size, pointer_events="none"):
        for i, row in enumerate(texts):
            for j, cell in enumerate(row):
                value = cells[i][j]
                ink = None if value is None else ink_on(shade(anchors, _inside(bar, value)))
                for k, line in enumerate(cell):
                    axes.svg.element(
                        "text",
                        line,
                        x=axes.x(j),
                        y=axes.y(i) + (k - 0.5 * (len(cell) - 1)) * 1.25 * size,
                        dy="0.35em",
                        fill=ink,
                        class_=None if ink else "nn-muted",
                        font_weight="600" if k == 0 and len(cell) > 1 else None,
                    )


def draw_colour_bar(axes: Axes, bar: Scale, anchors: Sequence[str]) -> None:
    """Draw the bar that explains the colours, in the room that `margin_right` left."""
    svg, left = axes.svg, axes.right + 20.0
    height = min(axes.bottom - axes.top, 260.0)
    top = 0.5 * (axes.top + axes.bottom - height)
    svg.element("rect", x=left, y=top, width=COLOUR_BAR, height=height, fill=svg.gradient(anchors))
    ticks = ""
    for position, text in bar.ticks:
        y = top + (1.0 - position) * height
        ticks += f"M{pixels(left + COLOUR_BAR)} {pixels(y)}h4"
        svg.text(left + COLOUR_BAR + 8.0, y, text, class_="nn-muted")
    svg.path(ticks, "nn-axis")
    if bar.label:
        svg.text(
            svg.width - 14.0, top + 0.5 * height, bar.label, anchor="middle", size=13.0, turn=90.0
        )
