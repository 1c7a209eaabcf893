"""A network drawn as columns of circles, joined by lines that show the weights."""

from __future__ import annotations

from typing import NamedTuple, Sequence

from ..errors import DataError, SettingError
from .axes import Entry, heading
from .checks import equal_length, grid, size
from .scales import short
from .svg import Svg, abridge, text_width

Rows = Sequence[Sequence[float]]

POSITIVE, NEGATIVE = 0, 1
STEP = 34.0
THICKEST = 5.0
MOST_DASHED = 100  # with more lines, dashes would only flicker


class _Column(NamedTuple):
    """One layer: which of its neurons are drawn, and where."""

    width: int
    shown: list[int]
    x: float
    y: list[float]
    gap: float | None  # the height of the note on how many neurons are left out


def network_diagram(
    weights: Sequence[Rows],
    *,
    title: str,
    biases: Sequence[Sequence[float] | None] | None = None,
    input_names: Sequence[str] | None = None,
    output_names: Sequence[str] | None = None,
    layer_names: Sequence[str] | None = None,
    most_neurons: int = 12,
    width: float = 680,
    description: str = "",
) -> str:
    """Return an SVG of a network of dense layers, from the inputs on the left to the outputs on
    the right.

    `weights` holds one matrix of inputs × outputs for each layer. The thickness of a line is the
    size of its weight relative to the largest in its layer; its colour (and dashes) show the sign.
    `biases` holds each layer's biases (or None), which fill the circles in the same colours.
    `layer_names` names all columns, inputs first. A layer of more than `most_neurons` shows its
    first and last ones, and how many are left out.
    Raises DataError for weights that do not fit together; SettingError for most_neurons under 2.
    """
    who = "network_diagram"
    size(who, width=width)
    if not isinstance(most_neurons, int) or most_neurons < 2:
        raise SettingError(f"{who} needs most_neurons of at least 2, got {most_neurons!r}")
    if len(weights) == 0:
        raise DataError(f"{who} needs the weights of at least one layer, got none")
    layers = [grid(who, f"weights of layer {i}", W) for i, W in enumerate(weights)]
    for i in range(1, len(layers)):
        equal_length(
            who, f"rows in weights of layer {i}", len(layers[i]),
            f"columns in weights of layer {i - 1}", len(layers[i - 1][0]),
        )  # fmt: skip
    widths = [len(layers[0]), *(len(W[0]) for W in layers)]
    fills = _biases(who, biases, widths)
    for what, names, count in (
        ("input names", input_names, widths[0]),
        ("output names", output_names, widths[-1]),
        ("layer names", layer_names, len(widths)),
    ):
        if names is not None:
            equal_length(who, what, len(names), f"{what.split()[0]}s", count)

    left, right = (
        (28.0 if names is not None else 52.0)
        + (
            max(text_width(abridge(str(n), 0.2 * width)) for n in names)
            if names is not None
            else 0.0
        )
        for names in (input_names, output_names)
    )
    shape = "-".join(map(str, widths))
    svg = Svg(
        width,
        0.0,
        title,
        description or f"Network diagram of a {shape} network. {_largest(layers)}",
    )
    drawn = [min(w, most_neurons) for w in widths]
    dashed = sum(a * b for a, b in zip(drawn, drawn[1:])) <= MOST_DASHED
    legend = [Entry("positive weight", POSITIVE), Entry("negative weight", NEGATIVE, dashed=dashed)]
    if biases is not None:
        legend.append(Entry("fill: bias, in the same colours", POSITIVE, "dot"))
    top = heading(svg, title, legend) + (26.0 if layer_names is not None else 8.0)
    rows = max(min(w, most_neurons) + (w > most_neurons) for w in widths)
    depth = max(STEP * rows, 120.0)
    stride = (width - left - right) / (len(widths) - 1)
    columns = [
        _column(w, most_neurons, left + i * stride, top, depth) for i, w in enumerate(widths)
    ]
    svg.height = top + depth + 34.0
    for W, a, b in zip(layers, columns, columns[1:]):
        _draw_weights(svg, W, a, b, dashed)
    for i, column in enumerate(columns):
        _draw_column(svg, column, fills[i], stride)
        if layer_names is not None:
            name = abridge(str(layer_names[i]), stride - 6.0)
            svg.text(column.x, top - 14.0, name, anchor="middle", class_="nn-text nn-bold")
        text = f"{column.width} neurons" if i else f"{column.width} inputs"
        text = text[:-1] if column.width == 1 else text
        if text_width(text) > stride - 6.0:
            text = str(column.width)
        svg.text(column.x, svg.height - 16.0, text, anchor="middle", class_="nn-muted")
    for names, column, side, anchor in (
        (input_names, columns[0], -15.0, "end"),
        (output_names, columns[-1], 15.0, "start"),
    ):
        if names is not None:
            for i, y in zip(column.shown, column.y):
                full = str(names[i])
                svg.text(
                    column.x + side, y, abridge(full, 0.2 * width), anchor=anchor, tooltip=full
                )
    return svg.render()


def _biases(
    who: str, biases: Sequence[Sequence[float] | None] | None, widths: Sequence[int]
) -> list[list[float] | None]:
    """Return the biases of each column of neurons; the inputs have none."""
    if biases is None:
        return [None] * len(widths)
    equal_length(who, "biases", len(biases), "layers", len(widths) - 1)
    result: list[list[float] | None] = [None]
    for i, b in enumerate(biases):
        if b is None:
            result.append(None)
            continue
        result.append(grid(who, f"biases of layer {i}", [b])[0])
        equal_length(who, f"biases of layer {i}", len(b), "neurons", widths[i + 1])
    return result


def _largest(layers: Sequence[list[list[float]]]) -> str:
    flat = [w for W in layers for row in W for w in row]
    return f"{len(flat)} weights, from {short(min(flat))} to {short(max(flat))}."


def _column(width: int, most: int, x: float, top: float, depth: float) -> _Column:
    if width <= most:
        shown, slots = list(range(width)), list(range(width))
        count, gap_slot = width, None
    else:
        head = (most + 1) // 2
        shown = [*range(head), *range(width - (most - head), width)]
        slots = [*range(head), *range(head + 1, most + 1)]
        count, gap_slot = most + 1, head
    first = top + 0.5 * depth - 0.5 * STEP * (count - 1)
    gap = None if gap_slot is None else first + STEP * gap_slot
    return _Column(width, shown, x, [first + STEP * s for s in slots], gap)


def _draw_weights(
    svg: Svg, W: Sequence[Sequence[float]], a: _Column, b: _Column, dashed: bool
) -> None:
    largest = max(abs(w) for row in W for w in row) or 1.0
    edges = [
        (abs(W[i][j]) / largest, i, j, y, z)
        for i, y in zip(a.shown, a.y)
        for j, z in zip(b.shown, b.y)
    ]
    for share, i, j, y, z in sorted(edges):  # the strongest on top
        w = W[i][j]
        if w != 0.0:
            svg.path(
                f"M{a.x:.1f} {y:.1f}L{b.x:.1f} {z:.1f}",
                f"nn-edge nn-l{NEGATIVE if w < 0.0 else POSITIVE}",
                f"{i} → {j}: {short(w)}",
                stroke_width=max(THICKEST * share, 0.3),
                stroke_opacity=0.25 + 0.65 * share,
                stroke_dasharray="6 4" if w < 0.0 and dashed else None,
            )


def _draw_column(svg: Svg, column: _Column, biases: Sequence[float] | None, stride: float) -> None:
    r = min(10.0, 0.2 * stride)
    largest = (max(map(abs, biases)) if biases else 0.0) or 1.0
    for i, y in zip(column.shown, column.y):
        svg.element("circle", cx=column.x, cy=y, r=r, class_="nn-node")
        if biases:
            svg.element(
                "circle",
                tooltip=f"bias of {i}: {short(biases[i])}",
                cx=column.x,
                cy=y,
                r=r - 1.0,
                class_=f"nn-f{NEGATIVE if biases[i] < 0.0 else POSITIVE}",
                fill_opacity=0.9 * abs(biases[i]) / largest,
            )
    if column.gap is not None:
        more = f"⋮ {column.width - len(column.shown)} more"
        svg.text(column.x, column.gap, more, anchor="middle", class_="nn-text nn-halo")
