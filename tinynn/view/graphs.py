"""The computation graph of a tiny network, with a value and a gradient in each node."""

from __future__ import annotations

from typing import Any, Sequence

from ..lesson.loss import Loss
from ..lesson.network import Sequential
from .axes import Entry, heading
from .graph_values import GIVEN, LOSS, STEP, WEIGHT, GraphNode, graph_of
from .plain_text import text_table
from .scales import short
from .svg import Svg, abridge, pixels

BOX_WIDTH, BOX_HEIGHT, ACROSS, DOWN = 92.0, 50.0, 46.0, 12.0
SWEEPS = 12
_LOOKS = {GIVEN: 0, WEIGHT: 4, STEP: 6, LOSS: 1}
_LEGEND = (("input or target", GIVEN), ("weight", WEIGHT), ("step", STEP), ("loss", LOSS))


def computation_graph(
    model: Sequential,
    row: Sequence[float],
    target: Any,
    loss: str | Loss = "mse",
    *,
    title: str = "From one row to its loss, and back",
    description: str = "",
) -> str:
    """Return an SVG of every number that leads from a row to its loss, with its derivative.

    Each box has what it is, its value, and ∂L/∂value, the derivative of the loss by it. Numbers
    flow to the right, derivatives to the left: a box's derivative is the sum over the boxes it
    leads to. Dropout, which does nothing in a prediction, is left out.

    row:     the inputs of one sample; target: its targets, as `fit` takes them for one row

    Raises SettingError for a network of more than 80 such numbers or with batch normalization,
    DataError and ShapeError for a row or target that does not fit.
    Source: A. Karpathy's micrograd (2020), which draws such graphs with Graphviz.
    """
    nodes = graph_of("computation_graph", model, row, target, loss)
    columns = _ordered(nodes)
    deepest = max(map(len, columns))
    width = 32.0 + len(columns) * BOX_WIDTH + (len(columns) - 1) * ACROSS
    svg = Svg(max(width, 420.0), 0.0, title, description or _summary(nodes))
    top = heading(svg, title, [Entry(name, _LOOKS[kind], "box") for name, kind in _LEGEND]) + 4.0
    depth = deepest * (BOX_HEIGHT + DOWN) - DOWN
    svg.height = top + depth + 36.0
    note = "∂ is the derivative of the loss by the number above it."
    svg.text(16.0, svg.height - 14.0, note, class_="nn-muted")
    places = _places(nodes, columns, top, depth)
    for k, node in enumerate(nodes):
        for source in node.sources:
            _draw_edge(svg, places[source], places[k])
    for node, (x, y) in zip(nodes, places):
        _draw_node(svg, node, x, y)
    return svg.render()


def text_graph(
    model: Sequential,
    row: Sequence[float],
    target: Any,
    loss: str | Loss = "mse",
    *,
    width: int | None = None,
    ascii_only: bool = False,
) -> str:
    """Return the numbers of `computation_graph` as a table, in the order they are computed.

    Raises what `computation_graph` raises.
    """
    nodes = graph_of("text_graph", model, row, target, loss)

    def written(value: float | None) -> str:
        if value is None:
            return ""
        return f"{value:.6g}" if ascii_only else short(value, 6)

    rows = [[node.name, written(node.value), written(node.gradient)] for node in nodes]
    head = ["number", "value", "dL/dvalue" if ascii_only else "∂L/∂value"]
    return text_table(rows, head, "lrr", width=width, ascii_only=ascii_only)


def _summary(nodes: Sequence[GraphNode]) -> str:
    weights = sum(node.kind == WEIGHT for node in nodes)
    return (
        f"Computation graph of {len(nodes)} numbers, {weights} of them weights; the loss is "
        f"{short(nodes[-1].value)}."
    )


def _ordered(nodes: Sequence[GraphNode]) -> list[list[int]]:
    """Return the indices of each column's nodes from top to bottom, with few crossings.

    Each column is sorted by the mean position of its neighbours, column by column, back and forth.
    Source: K. Sugiyama, S. Tagawa and M. Toda, Methods for visual understanding of hierarchical
    system structures (1981).
    """
    columns: list[list[int]] = [[] for _ in range(1 + max(node.column for node in nodes))]
    beside: list[list[int]] = [list(node.sources) for node in nodes]
    for k, node in enumerate(nodes):
        columns[node.column].append(k)
        for source in node.sources:
            beside[source].append(k)
    best, fewest = [list(column) for column in columns], _crossings(nodes, columns)
    for sweep in range(SWEEPS):
        order = range(len(columns)) if sweep % 2 else range(len(columns) - 1, -1, -1)
        for c in order:
            at = _positions(columns)
            means = {
                k: sum(at[other] for other in beside[k]) / len(beside[k]) if beside[k] else at[k]
                for k in columns[c]
            }
            columns[c].sort(key=lambda k: means[k])
        crossings = _crossings(nodes, columns)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    return best


def _positions(columns: Sequence[Sequence[int]]) -> dict[int, float]:
    """Return how far each node is from the middle of its column."""
    return {
        k: i - 0.5 * (len(column) - 1) for column in columns for i, k in enumerate(column)
    }  # fmt: skip


def _crossings(nodes: Sequence[GraphNode], columns: Sequence[Sequence[int]]) -> int:
    at = _positions(columns)
    edges = [
        (node.column, at[source], at[k])
        for k, node in enumerate(nodes)
        for source in node.sources
    ]  # fmt: skip
    return sum(
        a[0] == b[0] and (a[1] - b[1]) * (a[2] - b[2]) < 0.0
        for i, a in enumerate(edges)
        for b in edges[:i]
    )


def _places(
    nodes: Sequence[GraphNode], columns: Sequence[Sequence[int]], top: float, depth: float
) -> list[tuple[float, float]]:
    """Return the upper left corner of each node's box."""
    places = [(0.0, 0.0)] * len(nodes)
    for c, column in enumerate(columns):
        # Columns of few boxes use the height, too, but keep some distance from the edges.
        step = max(BOX_HEIGHT + DOWN, 0.86 * depth / max(len(column), 1))
        step = min(step, depth / max(len(column), 1) + DOWN)
        first = top + 0.5 * depth - 0.5 * (step * (len(column) - 1) + BOX_HEIGHT)
        for i, k in enumerate(column):
            places[k] = (16.0 + c * (BOX_WIDTH + ACROSS), first + step * i)
    return places


def _draw_edge(svg: Svg, source: tuple[float, float], to: tuple[float, float]) -> None:
    x, y = source[0] + BOX_WIDTH, source[1] + 0.5 * BOX_HEIGHT
    end, down = to[0] - 5.0, to[1] + 0.5 * BOX_HEIGHT
    middle = 0.5 * (x + end)
    svg.path(
        f"M{pixels(x)} {pixels(y)}C{pixels(middle)} {pixels(y)} {pixels(middle)} {pixels(down)} "
        f"{pixels(end)} {pixels(down)}",
        "nn-axis",
    )
    svg.path(f"M{pixels(end + 5.0)} {pixels(down)}l-6 -3v6z", "nn-muted")


def _draw_node(svg: Svg, node: GraphNode, x: float, y: float) -> None:
    middle = x + 0.5 * BOX_WIDTH
    lines = [short(node.value)]
    if node.gradient is not None:
        lines.append(f"∂ {short(node.gradient)}")
    with svg.group(f"{node.name}: {', '.join(lines)}"):
        for class_, opacity in (("nn-node", None), (f"nn-f{_LOOKS[node.kind]}", 0.22)):
            svg.element(
                "rect", x=x, y=y, width=BOX_WIDTH, height=BOX_HEIGHT, rx=5.0, class_=class_,
                fill_opacity=opacity,
            )  # fmt: skip
        label = abridge(node.label, BOX_WIDTH - 8.0, 13.0)
        svg.text(middle, y + 11.0, label, anchor="middle", class_="nn-text nn-bold")
        for i, line in enumerate(lines):
            svg.text(middle, y + 26.0 + 14.0 * i, line, anchor="middle", size=11.5)
