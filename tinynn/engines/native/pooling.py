"""Pooling, and batch normalization by channel."""

from __future__ import annotations

from typing import Callable, Protocol

from ..plans import LayerPlan
from .constants import Constants
from .images import FROM, IMAGE, INNER, MIDDLE, OUTER, THIRD, TO, VALUE, ImagePasses
from .layout import Layout
from .machine import At, Machine
from .products import ArenaRows


class RowPasses(Protocol):
    """The passes of rows through one layer."""

    def forward(self, training: bool) -> ArenaRows:
        """Write the forward pass; return the outputs."""

    def program_backward(self, k: int, d: ArenaRows, down: bool, gradients: int) -> None:
        """Write the backward pass of layer k, which replaces d by the derivatives by its inputs."""


class ChannelPasses(ImagePasses):
    """Batch normalization by channel: that of rows, where each pixel is a row of its channels."""

    def __init__(
        self, machine: Machine, constants: Constants, layout: Layout, rows: int, layer: LayerPlan,
        make: Callable[[int, ArenaRows], RowPasses],
    ) -> None:  # fmt: skip
        super().__init__(machine, constants, layout, rows, layer)
        count = rows * self._size
        words = f"pixels of layer {layer.place}"
        self.pixels = layout.table(count, self.plan.channels, words)
        self.derivatives = layout.table(count, self.plan.channels, f"d by {words}")
        self.inner = make(count, self.pixels)

    def forward(self, x: ArenaRows, y: ArenaRows, training: bool) -> None:
        self._turn(x, self.pixels, back=False)
        self._turn(y, self.inner.forward(training), back=True)

    def backward(self, d: ArenaRows, below: ArenaRows, gradients: int) -> None:
        self._turn(d, self.derivatives, back=False)
        self.inner.program_backward(0, self.derivatives, True, gradients)
        self._turn(below, self.derivatives, back=True)

    def _turn(self, images: ArenaRows, pixels: ArenaRows, back: bool) -> None:
        """Copy images, channel by channel, to rows of pixels; or `back`."""
        m, size = self.machine, self._size
        m.comment(f"{self.layer}: {'from' if back else 'to'} rows of pixels")
        apart = ArenaRows(pixels.offset, size * pixels.stride)
        with m.loop(IMAGE, self.rows):
            self._to_image(FROM, images)
            self._to_image(TO, apart)
            with m.loop(OUTER, self.plan.channels):
                m.move(THIRD, TO)
                with m.loop(MIDDLE, size):
                    there, here = At(FROM, 0), At(THIRD, 0)
                    m.load(VALUE, here if back else there)
                    m.store(there if back else here, VALUE)
                    m.add_constant(FROM, 8)
                    m.add_constant(THIRD, pixels.stride)
                m.add_constant(TO, 8)


class PoolPasses(ImagePasses):
    """The largest pixels of windows, or their means."""

    @property
    def _largest(self) -> bool:
        return self.layer.kind == "MaxPool"

    def _pixels(self, j: int) -> list[int]:
        """Return the byte offset of each pixel of window j of a line, from the line's first."""
        (kernel_y, kernel_x), (_, across) = self.plan.windows.kernel, self.plan.windows.stride
        width = self.geometry.width
        return [8 * (p * width + q + j * across) for p in range(kernel_y) for q in range(kernel_x)]

    def _lines(self) -> tuple[int, int, int, int]:
        """Return lines and windows of a line; bytes to the next line, and then to a channel."""
        (down, across), (step, _) = self.plan.windows.counts, self.plan.windows.stride
        line = 8 * step * self.geometry.width
        return down, across, line, 8 * self._size - down * line

    def forward(self, x: ArenaRows, y: ArenaRows) -> None:
        m = self.machine
        m.comment(f"forward through {self.layer}")
        if self.padded:
            self._to_place(TO, self.padded)
            empty = float("-inf") if self._largest else 0.0
            self._fill(TO, self.plan.channels * self._size, empty)
        down, across, line, rest = self._lines()
        with m.loop(IMAGE, self.rows):
            self._prepare(x)
            self._to_prepared(FROM, x)
            self._to_image(TO, y)
            with m.loop(OUTER, self.plan.channels):
                with m.loop(MIDDLE, down):
                    for j in range(across):
                        self._window(j)
                    m.add_constant(FROM, line)
                    m.add_constant(TO, 8 * across)
                m.add_constant(FROM, rest)

    def _window(self, j: int) -> None:
        m, (first, *others) = self.machine, self._pixels(j)
        a, b = 2 * (j % 4), 2 * (j % 4) + 1
        m.vbroadcast(a, At(FROM, first))
        for pixel in others:
            m.vbroadcast(b, At(FROM, pixel))
            if self._largest:
                m.vmax(a, a, b)
            else:
                m.vadd(a, a, b)
        if not self._largest:
            m.vmul(a, a, self.constants.at(1.0 / self.plan.windows.area))
        m.vstore_first(At(TO, 8 * j), a)

    def backward(self, x: ArenaRows, y: ArenaRows, d: ArenaRows, below: ArenaRows) -> None:
        m = self.machine
        m.comment(f"backward through {self.layer}")
        self._place_below()
        down, across, line, rest = self._lines()
        with m.loop(IMAGE, self.rows):
            if self._largest:
                self._prepare(x)  # the copy made in the forward pass was of another image
                self._to_prepared(INNER, x)
                self._to_image(THIRD, y)
            self._begin_below(TO, below)
            self._to_image(FROM, d)
            with m.loop(OUTER, self.plan.channels):
                with m.loop(MIDDLE, down):
                    for j in range(across):
                        self._window_backward(j)
                    m.add_constant(TO, line)
                    m.add_constant(FROM, 8 * across)
                    if self._largest:
                        m.add_constant(INNER, line)
                        m.add_constant(THIRD, 8 * across)
                m.add_constant(TO, rest)
                if self._largest:
                    m.add_constant(INNER, rest)
            self._end_below(below)

    def _window_backward(self, j: int) -> None:
        """The first pixel that is as large as the largest has the derivative, or each its share."""
        m = self.machine
        d, y, done, mine, zero, to = range(6)
        m.vbroadcast(d, At(FROM, 8 * j))
        if not self._largest:
            m.vmul(d, d, self.constants.at(1.0 / self.plan.windows.area))
        else:
            m.vbroadcast(y, At(THIRD, 8 * j))
            m.vzero(done)
            m.vzero(zero)
        for pixel in self._pixels(j):
            term = d
            if self._largest:
                m.vbroadcast(to, At(INNER, pixel))
                m.vat_most(mine, y, to)
                m.vselect(to, done, zero, d)
                m.vor(done, done, mine)
                m.vand(mine, mine, to)
                term = mine
            m.vbroadcast(to, At(TO, pixel))
            m.vadd(to, to, term)
            m.vstore_first(At(TO, pixel), to)
