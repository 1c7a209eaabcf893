"""Grids of cells drawn as few rectangles, to keep decision areas and large heat maps small."""

from __future__ import annotations

from typing import Callable, NamedTuple, Sequence, Tuple

from .axes import Frame

Tile = Tuple[int, Tuple[int, int, int, int]]


class Look(NamedTuple):
    """How the cells of one kind are drawn."""

    class_: str = ""
    fill: str = ""
    opacity: float | None = None


def merged_tiles(cells: Sequence[Sequence[int | None]]) -> list[Tile]:
    """Return (kind, (row, column, rows, columns)) rectangles that tile a grid of kinds; cells of
    None stay empty.

    Equal neighbours in a row become one run, and equal runs below each other one rectangle.

    >>> merged_tiles([[0, 0, 1], [0, 0, None]])
    [(1, (0, 2, 1, 1)), (0, (0, 0, 2, 2))]
    """
    result: list[Tile] = []
    first_rows: dict[
        tuple[int, int, int], int
    ] = {}  # (kind, column, columns) of an open run -> row
    for row, kinds in enumerate([*cells, []]):
        runs: set[tuple[int, int, int]] = set()
        start = 0
        for column in range(1, len(kinds) + 1):
            if column == len(kinds) or kinds[column] != kinds[start]:
                kind = kinds[start]
                if kind is not None:
                    runs.add((kind, start, column - start))
                start = column
        for run, first in list(first_rows.items()):
            if run not in runs:
                result.append((run[0], (first, run[1], row - first, run[2])))
                del first_rows[run]
        for run in sorted(runs):
            first_rows.setdefault(run, row)
    return result


def draw_tiles(
    axes: Frame,
    cells: Sequence[Sequence[int | None]],
    look: Callable[[int], Look],
) -> None:
    """Fill the plotting area with a grid of kinds, row 0 on top: one path for each kind.

    `look` gives the attributes of a kind's path. The paths count in cells; the group scales them.
    """
    dx = (axes.right - axes.left) / len(cells[0])
    dy = (axes.bottom - axes.top) / len(cells)
    paths: dict[int, list[str]] = {}
    for kind, (row, column, rows, columns) in merged_tiles(cells):
        paths.setdefault(kind, []).append(f"M{column} {row}h{columns}v{rows}h-{columns}z")
    transform = f"translate({axes.left:.6g} {axes.top:.6g}) scale({dx:.6g} {dy:.6g})"
    with axes.svg.group(transform=transform, class_="nn-area"):
        for kind in sorted(paths):
            class_, fill, opacity = look(kind)
            d = "".join(paths[kind])
            axes.svg.element("path", d=d, class_=class_, fill=fill, fill_opacity=opacity)
