"""ParameterPlaces between the network's lists and the arena, where they are vectors and panels."""

from __future__ import annotations

from array import array
from itertools import chain
from typing import Sequence

from ...lesson.matrix import Matrix
from ..plans import LayerPlan
from .host import Arena
from .machine import LANES
from .passes import ParameterPlaces
from .products import Weights


def padded_rows(rows: Matrix, columns: int) -> array[float]:
    """Return rows of numbers one after another, each padded with zeros to whole vectors."""
    rest = -columns % LANES
    if not rest:
        return array("d", chain.from_iterable(rows))
    padding = (0.0,) * rest
    if columns < LANES * 4:
        return array("d", [x for row in rows for x in (*row, *padding)])
    values = array("d")
    for row in rows:
        values.extend(row)
        values.extend(padding)
    return values


class ParameterStore:
    """Writes and reads one kind of numbers, a matrix per parameter: weights, or one memory.

    Kind 0 are the weights, kind k the optimizer's memory number k.
    """

    def __init__(self, layers: Sequence[LayerPlan], parameters: ParameterPlaces) -> None:
        self.parameters = parameters
        self.places: list[Weights | int] = [
            parameters.weights[layer.place]
            if letter == "W"
            else parameters.vectors[f"{letter}{layer.place}"]
            for layer in layers
            for letter in layer.letters()
        ]

    def write(self, arena: Arena, kind: int, matrices: Sequence[Matrix]) -> None:
        """Write the matrices into the arena."""
        shift = kind * self.parameters.size
        for place, rows in zip(self.places, matrices):
            if isinstance(place, int):
                arena.write(place + shift, array("d", rows[0]))
                continue
            for panel, first, width in _panels(place):
                part = rows if place.panels == 1 else [row[first : first + width] for row in rows]
                if place.panels > 1 and first + width > place.outputs:
                    # The last of several panels is as wide as the others.
                    padding = [0.0] * (first + width - place.outputs)
                    part = [row + padding for row in part]
                arena.write(place.offset + shift + panel * place.panel_bytes, padded_rows(
                    part, width if place.panels > 1 else place.outputs
                ))  # fmt: skip

    def read(self, arena: Arena, kind: int, matrices: Sequence[Matrix]) -> None:
        """Read the numbers in the arena into the matrices, in place."""
        shift = kind * self.parameters.size
        for place, rows in zip(self.places, matrices):
            if isinstance(place, int):
                rows[0][:] = arena.read(place + shift, len(rows[0]))
                continue
            for panel, first, width in _panels(place):
                at = place.offset + shift + panel * place.panel_bytes
                values = arena.read(at, place.inputs * width)
                count = min(width, place.outputs - first)
                for k, row in enumerate(rows):
                    row[first : first + count] = values[k * width : k * width + count]


def _panels(place: Weights) -> list[tuple[int, int, int]]:
    """Return (number, first column, columns with padding) of each panel."""
    width = place.row_bytes // 8
    return [(panel, panel * width, width) for panel in range(place.panels)]


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
