"""What layers for images share: their pixels as pieces of the arena, copied and added up.

Images of a batch are taken one after another. One with padding is first copied into a larger one.
"""

from __future__ import annotations

from typing import NamedTuple

from ...lesson.windows import Windows
from ..image_plans import ImagePlan
from ..plans import LayerPlan
from .constants import Constants
from .layout import Layout
from .machine import ARENA, LANES, VECTOR_BYTES, At, Machine, vectors_of
from .products import ArenaRows

# Integer registers: addresses, and the counters of loops. The matrix products leave IMAGE as it is,
# which counts images down. VALUE has a number that is copied.
FROM, TO, IMAGE, OUTER, MIDDLE, INNER, THIRD, FOURTH = 1, 2, 3, 4, 5, 6, 7, 8
VALUE = 10


class Span(NamedTuple):
    """Numbers that lie one after another, there and here: byte offsets, and how many."""

    source: int
    target: int
    length: int


def spans_of(places: list[tuple[int, int]]) -> list[Span]:
    """Return places, each a byte offset there and here, joined where both lie side by side.

    >>> spans_of([(0, 64), (8, 72), (24, 80)])
    [Span(source=0, target=64, length=2), Span(source=24, target=80, length=1)]
    """
    found: list[Span] = []
    for source, target in places:
        if found:
            a, b, n = found[-1]
            if (source, target) == (a + 8 * n, b + 8 * n):
                found[-1] = Span(a, b, n + 1)
                continue
        found.append(Span(source, target, 1))
    return found


class Geometry(NamedTuple):
    """The windows of an image whose padding is part of it: height and width, in pixels."""

    windows: Windows
    height: int
    width: int

    @classmethod
    def of(cls, plan: ImagePlan) -> Geometry:
        (h, w), (above, across) = plan.windows.size, plan.windows.padding
        return cls(plan.windows, h + sum(above), w + sum(across))

    @property
    def padded(self) -> bool:
        return any(map(any, self.windows.padding))

    @property
    def size(self) -> int:
        """Pixels of a channel."""
        return self.height * self.width

    @property
    def places(self) -> int:
        """How many windows there are."""
        down, across = self.windows.counts
        return down * across

    def starts(self) -> list[int]:
        """Return the byte offset of each window in a channel."""
        (down, across), (step_y, step_x) = self.windows.counts, self.windows.stride
        return [
            8 * (i * step_y * self.width + j * step_x) for i in range(down) for j in range(across)
        ]

    def inside(self) -> list[Span]:
        """Return the lines of an image: there without padding, here with it."""
        (h, w), ((top, _), (left, _)) = self.windows.size, self.windows.padding
        return [Span(8 * y * w, 8 * ((y + top) * self.width + left), w) for y in range(h)]


class ImagePasses:
    """Writes the passes of a batch of `rows` images through one layer.

    `forward` comes first: the backward pass uses its tables.
    """

    def __init__(
        self, machine: Machine, constants: Constants, layout: Layout, rows: int, layer: LayerPlan
    ) -> None:
        assert layer.image
        self.machine, self.constants, self.layout = machine, constants, layout
        self.rows, self.layer, self.plan = rows, layer, layer.image
        self.geometry = Geometry.of(self.plan)
        self.padded = 0
        if self.geometry.padded:
            self.padded = self._table("image with its padding", self.plan.channels * self._size)

    @property
    def _size(self) -> int:
        return self.geometry.size

    def _table(self, name: str, columns: int) -> int:
        words = f"{name} of layer {self.layer.place}"
        return self.layout.place(vectors_of(columns) * VECTOR_BYTES, words)

    # --- pieces of code

    def _to_image(self, register: int, table: ArenaRows) -> None:
        """register = the address of the current image's row: the last one comes first."""
        m = self.machine
        if self.rows == 1:
            m.move(register, ARENA)
            m.add_constant(register, table.offset)
            return
        m.multiply(register, IMAGE, table.stride)
        m.add(register, ARENA)
        m.add_constant(register, table.offset - table.stride)

    def _to_place(self, register: int, offset: int) -> None:
        self.machine.move(register, ARENA)
        self.machine.add_constant(register, offset)

    def _copy(self, pieces: list[Span]) -> None:
        """Copy pieces from register FROM to register TO."""
        m = self.machine
        for source, target, count in pieces:
            starts = list(range(0, count - LANES + 1, LANES))
            if count >= LANES and count % LANES:
                starts.append(count - LANES)  # some numbers are copied twice
            for v, k in enumerate(starts):
                m.vload(v % 4, At(FROM, source + 8 * k))
                m.vstore(At(TO, target + 8 * k), v % 4)
            if not starts:
                for k in range(count):
                    m.load(VALUE, At(FROM, source + 8 * k))
                    m.store(At(TO, target + 8 * k), VALUE)

    def _add(self, pieces: list[Span]) -> None:
        """Add pieces from register FROM on to those from register TO on."""
        m = self.machine
        for source, target, count in pieces:
            whole = count - count % LANES
            for k in range(0, whole, LANES):
                m.vload(0, At(FROM, source + 8 * k))
                m.vadd(0, 0, At(TO, target + 8 * k))
                m.vstore(At(TO, target + 8 * k), 0)
            for k in range(whole, count):
                m.vbroadcast(0, At(FROM, source + 8 * k))
                m.vbroadcast(1, At(TO, target + 8 * k))
                m.vadd(0, 0, 1)
                m.vstore_first(At(TO, target + 8 * k), 0)

    def _fill(self, register: int, columns: int, value: float) -> None:
        """Fill so many numbers from a register's address on, and no others."""
        m = self.machine
        m.vload(0, self.constants.at(value))
        times, rest = divmod(columns, 4 * LANES)
        if times:
            with m.loop(OUTER, times):
                for v in range(4):
                    m.vstore(At(register, v * VECTOR_BYTES), 0)
                m.add_constant(register, 4 * VECTOR_BYTES)
        for v in range(rest // LANES):
            m.vstore(At(register, v * VECTOR_BYTES), 0)
        for k in range(rest - rest % LANES, rest):
            m.vstore_first(At(register, 8 * k), 0)

    def _channels(self, pieces: list[Span], source: int, target: int) -> None:
        """Copy pieces of each channel; channels are so many bytes apart."""
        m = self.machine
        with m.loop(OUTER, self.plan.channels):
            self._copy(pieces)
            m.add_constant(FROM, source)
            m.add_constant(TO, target)

    def _prepare(self, x: ArenaRows) -> None:
        """Copy the current image into one with padding, if it has any."""
        if not self.padded:
            return
        h, w = self.geometry.windows.size
        self._to_image(FROM, x)
        self._to_place(TO, self.padded)
        self._channels(self.geometry.inside(), 8 * h * w, 8 * self._size)

    def _to_prepared(self, register: int, x: ArenaRows) -> None:
        """register = the address of the current image, with its padding if it has any."""
        if self.padded:
            self._to_place(register, self.padded)
        else:
            self._to_image(register, x)

    def _begin_below(self, register: int, below: ArenaRows) -> None:
        """register = the address of zeros, to which the derivatives by an image are added."""
        self._to_below(register, below)
        self._fill(register, self.plan.channels * self._size, 0.0)
        self._to_below(register, below)

    def _to_below(self, register: int, below: ArenaRows) -> None:
        if self.padded_below:
            self._to_place(register, self.padded_below)
        else:
            self._to_image(register, below)

    def _end_below(self, below: ArenaRows) -> None:
        """Take the derivatives by the image itself out of those with its padding."""
        if not self.padded_below:
            return
        h, w = self.geometry.windows.size
        self._to_place(FROM, self.padded_below)
        self._to_image(TO, below)
        pieces = [Span(b, a, n) for a, b, n in self.geometry.inside()]
        self._channels(pieces, 8 * self._size, 8 * h * w)

    def _place_below(self) -> None:
        self.padded_below = 0
        if self.padded:
            columns = self.plan.channels * self._size
            self.padded_below = self._table("derivatives with padding", columns)
