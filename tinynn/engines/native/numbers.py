"""Parameters between the network's lists and the arena, where they are vectors and panels."""

from __future__ import annotations

from array import array
from itertools import chain, starmap
from math import hypot
from struct import Struct
from typing import Iterator, Sequence

from ...lesson.matrix import Matrix
from ..plans import LayerPlan
from .host import Arena
from .machine import LANES, vectors_of
from .parameters import ParameterPlaces
from .products import Weights

NARROW = 16  # columns up to which a row is not worth a call of its own


def padded_rows(rows: Matrix, columns: int) -> array[float]:
    """Return rows of numbers one after another, each padded with zeros to whole vectors."""
    return rows_apart(rows, columns, columns + -columns % LANES)


def rows_apart(rows: Matrix, columns: int, width: int) -> array[float]:
    """Return rows one after another, the first numbers of each `width` apart."""
    if columns < NARROW:
        padding = (0.0,) * (width - columns)
        return array("d", [x for row in rows for x in (*row, *padding)])
    values = array("d", bytes(8 * width * len(rows)))
    pack = Struct(f"{columns}d").pack_into
    for start, row in zip(range(0, 8 * width * len(rows), 8 * width), rows):
        pack(values, start, *row)
    return values


def in_order(layers: Sequence[LayerPlan]) -> list[tuple[LayerPlan, str]]:
    """Return the parameters as a network has them: a recurrent layer's U before its b."""
    found: list[tuple[LayerPlan, str]] = []
    for layer in layers:
        for letter in layer.letters():
            before_b = letter == "U" and found[-1][1] == "b"
            found.insert(len(found) - before_b, (layer, letter))
    return found


class ParameterStore:
    """Writes and reads one kind of numbers, a matrix per parameter: weights, or one memory.

    Kind 0 are the weights, kind k the optimizer's memory number k.
    """

    def __init__(self, layers: Sequence[LayerPlan], parameters: ParameterPlaces) -> None:
        self.parameters = parameters
        self.places: list[tuple[Weights | int, tuple[int, int]]] = []
        for layer, letter in in_order(layers):
            rows, columns = layer.together
            if letter == layer.matrix:
                self.places.append((parameters.weights[layer.place], (rows, columns)))
            else:  # c has one gate's columns
                together = (0, 0 if letter == "c" else columns)
                self.places.append((parameters.vectors[f"{letter}{layer.place}"], together))

    def write(self, arena: Arena, kind: int, matrices: Sequence[Matrix]) -> None:
        """Write the matrices into the arena."""
        shift = kind * self.parameters.size
        for (place, together), rows in zip(self.places, matrices):
            rows = with_gaps(rows, *together)
            if isinstance(place, int):
                arena.write(place + shift, array("d", rows[0]))
            elif place.panels == 1:
                arena.write(place.offset + shift, rows_apart(rows, place.outputs, _width(place)))
            else:
                by_rows = rows_apart(rows, place.outputs, place.outputs)
                panels = array("d", bytes(place.size))
                for column, steps in _columns(place):
                    panels[steps] = by_rows[column :: place.outputs]
                arena.write(place.offset + shift, panels)

    def read(self, arena: Arena, kind: int, matrices: Sequence[Matrix]) -> None:
        """Read the numbers in the arena into the matrices, in place."""
        shift = kind * self.parameters.size
        for (place, together), rows in zip(self.places, matrices):
            apart = with_gaps(rows, *together)
            _read(arena, place, shift, apart)
            if apart is not rows:
                for row, found in zip(rows, without_gaps(apart, *together)):
                    row[:] = found


def _read(arena: Arena, place: Weights | int, shift: int, rows: Matrix) -> None:
    if isinstance(place, int):
        rows[0][:] = arena.read(place + shift, len(rows[0]))
        return
    panels = array("d", arena.copy(place.offset + shift, place.size))
    width = _width(place)
    if place.panels > 1:
        width = place.outputs
        by_rows = array("d", bytes(8 * place.inputs * width))
        for column, steps in _columns(place):
            by_rows[column::width] = panels[steps]
        panels = by_rows
    unpack = Struct(f"{place.outputs}d").unpack_from
    for k, row in enumerate(rows):
        row[:] = unpack(panels, 8 * width * k)


def with_gaps(rows: Matrix, of_rows: int, of_columns: int) -> Matrix:
    """Return rows with zeros after so many rows, and so many columns, up to whole vectors.

    Where there is nothing to fill, these are the rows given.

    >>> with_gaps([[1.0, 2.0, 3.0, 4.0]], 0, 2)
    [[1.0, 2.0, 0.0, 0.0, 3.0, 4.0, 0.0, 0.0]]
    """
    if of_columns % LANES:
        gap = [0.0] * (-of_columns % LANES)
        rows = [
            [x for k in range(0, len(row), of_columns) for x in (*row[k : k + of_columns], *gap)]
            for row in rows
        ]
    if of_rows % LANES:
        gaps, columns = range(-of_rows % LANES), len(rows[0])
        rows = [
            row
            for k in range(0, len(rows), of_rows)
            for row in (*rows[k : k + of_rows], *([0.0] * columns for _ in gaps))
        ]
    return rows


def without_gaps(rows: Matrix, of_rows: int, of_columns: int) -> Matrix:
    """Return the rows that `with_gaps` has made these of."""
    if of_rows % LANES:
        whole = LANES * vectors_of(of_rows)
        rows = [row for k, row in enumerate(rows) if k % whole < of_rows]
    if of_columns % LANES:
        whole = LANES * vectors_of(of_columns)
        rows = [[x for k, x in enumerate(row) if k % whole < of_columns] for row in rows]
    return rows


def _width(place: Weights) -> int:
    """Return how many numbers lie between rows of a panel."""
    return place.row_bytes // 8


def _columns(place: Weights) -> Iterator[tuple[int, slice]]:
    """Yield each column's number, and where its numbers are among those of all panels."""
    width, panel = _width(place), place.panel_bytes // 8
    for column in range(place.outputs):
        start = column // width * panel + column % width
        yield column, slice(start, start + place.inputs * width, width)


def write_running(
    arena: Arena, parameters: ParameterPlaces, values: dict[str, list[float]]
) -> None:
    """Write running statistics, by name and index of the layer."""
    for name, numbers in values.items():
        arena.write(parameters.running[name], array("d", numbers))


def read_running(arena: Arena, parameters: ParameterPlaces, values: dict[str, list[float]]) -> None:
    """Read running statistics in place."""
    for name, numbers in values.items():
        numbers[:] = arena.read(parameters.running[name], len(numbers))


def squares_of(matrices: list[list[Matrix]], running: dict[str, list[float]]) -> list[float]:
    """Return the sum of the squares of all weights, and that of the rest; see `layout.SQUARES`."""
    weights, *memories = [hypot(*starmap(hypot, chain(*rows))) for rows in matrices]
    rest = hypot(*memories, *starmap(hypot, running.values()))
    return [weights * weights, rest * rest]
