"""Convolution: copies of windows, and the matrix products of `products.py`.

For one image, P holds the pixels of all windows: a row for each number in a patch, a column for
each window. With the weights W, patch × filters, and the derivatives D, filters × windows,

    Z = Wᵀ P         dWᵀ = D Pᵀ         dP = W D

are the three products of a Dense layer in other roles: P takes the place of its weights in the
first two, and D in the last. Images are taken one after another, so that P stays in the cache; in
the backward pass it is made again.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Iterator

from ..plans import LayerPlan
from .constants import Constants
from .images import (
    FOURTH,
    FROM,
    IMAGE,
    INNER,
    MIDDLE,
    OUTER,
    THIRD,
    TO,
    VALUE,
    ImagePasses,
    Span,
    spans_of,
)
from .layout import Layout
from .machine import ARENA, LANES, VECTOR_BYTES, At, Machine, vectors_of
from .products import ArenaRows, Products, Weights

_PANEL_COLUMNS = 16


class ConvPasses(ImagePasses):
    """A convolution: W and b in `weights`, a row of W for each number in a patch.

    Groups are taken one after another: `per` filters each, of `channels` channels.
    """

    def __init__(
        self, machine: Machine, constants: Constants, layout: Layout, rows: int, layer: LayerPlan,
        weights: Weights,
    ) -> None:  # fmt: skip
        super().__init__(machine, constants, layout, rows, layer)
        W, places, place = weights, self.geometry.places, layer.place
        self.W, self.places, self.groups = W, places, self.plan.groups
        self.per, self.channels = W.outputs // self.groups, self.plan.channels // self.groups
        P = Weights(W.inputs, places, 0)
        self.P = P._replace(offset=layout.place(P.size, f"windows of layer {place}"))
        self.turned = self.own = layout.table(W.outputs, W.inputs, f"W^T of layer {place}")
        self.group = 0
        if self.groups > 1:
            self.own = layout.table(self.per, W.inputs, f"W^T of a group of layer {place}")
            self.group = layout.place(VECTOR_BYTES, f"number of the group in layer {place}")
        self.Z = layout.table(self.per, places, f"filters of layer {place}")
        self.products = Products(machine, self.per)

    @contextmanager
    def _each_group(self) -> Iterator[None]:
        """Repeat the body for each group; the last one comes first."""
        m = self.machine
        if self.groups == 1:
            yield
            return
        with m.loop(OUTER, self.groups):
            m.store(At(ARENA, self.group), OUTER)
            yield
            m.load(OUTER, At(ARENA, self.group))

    def _plus_group(self, register: int, size: int) -> None:
        """Move an address on to the current group; each takes so many bytes."""
        if self.groups == 1:
            return
        m = self.machine
        m.load(VALUE, At(ARENA, self.group))
        m.multiply(VALUE, VALUE, size)
        m.add(register, VALUE)
        m.add_constant(register, -size)

    def _windows(self, x: ArenaRows) -> None:
        """Copy the pixels of all windows of the current image and group to P."""
        self._to_prepared(FROM, x)
        self._plus_group(FROM, 8 * self.channels * self._size)
        self._to_place(TO, self.P.offset)
        columns = [self.P.column(8 * place) for place in range(self.places)]
        pieces = spans_of(list(zip(self.geometry.starts(), columns)))
        self._over_patch(pieces, FROM, TO, self.P.row_bytes, self._copy)

    def _over_patch(
        self, pieces: list[Span], image: int, patch: int, row: int,
        run: Callable[[list[Span]], None],
    ) -> None:  # fmt: skip
        """Run pieces for each number of a patch; registers move along the image, and the patch."""
        m, (kernel, dilation) = self.machine, (self.plan.windows.kernel, self.plan.windows.dilation)
        width = self.geometry.width
        with m.loop(OUTER, self.channels):
            with m.loop(MIDDLE, kernel[0]):
                with m.loop(INNER, kernel[1]):
                    run(pieces)
                    m.add_constant(image, 8 * dilation[1])
                    m.add_constant(patch, row)
                m.add_constant(image, 8 * (dilation[0] * width - kernel[1] * dilation[1]))
            m.add_constant(image, 8 * (self._size - kernel[0] * dilation[0] * width))

    def _turn(self, weights: int, table: ArenaRows, back: str = "") -> None:
        """Copy the weights at an offset to a table with a row for each filter, or `back`.

        back: "store" copies the table to the weights, "subtract" subtracts it from them
        """
        m, W = self.machine, self.W
        for first in range(0, W.outputs, _PANEL_COLUMNS):
            self._to_place(FROM, weights + W.column(8 * first))
            self._to_place(TO, table.row(first))
            with m.loop(OUTER, min(_PANEL_COLUMNS, W.outputs - first)):
                m.move(THIRD, FROM)
                m.move(FOURTH, TO)
                with m.loop(MIDDLE, W.inputs):
                    here, there = At(THIRD, 0), At(FOURTH, 0)
                    if back == "subtract":
                        m.vbroadcast(0, here)
                        m.vbroadcast(1, there)
                        m.vsub(0, 0, 1)
                        m.vstore_first(here, 0)
                    else:
                        m.load(VALUE, there if back else here)
                        m.store(here if back else there, VALUE)
                    m.add_constant(THIRD, W.row_bytes)
                    m.add_constant(FOURTH, 8)
                m.add_constant(FROM, 8)
                m.add_constant(TO, table.stride)

    def forward(self, x: ArenaRows, y: ArenaRows) -> None:
        m = self.machine
        m.comment(f"forward through {self.layer}: z = W^T P{' + b' if self.layer.biased else ''}")
        self._turn(self.W.offset, self.turned)
        with m.loop(IMAGE, self.rows):
            self._prepare(x)
            with self._each_group():
                self._windows(x)
                if self.groups > 1:
                    self._to_place(FROM, self.turned.offset)
                    self._plus_group(FROM, self.per * self.turned.stride)
                    self._to_place(TO, self.own.offset)
                    self._lines(self.W.inputs, self.turned.stride, self.own.stride)
                self.products.forward(self.P, self.own, self.Z)
                self._out(y)

    def _lines(self, count: int, source: int, target: int) -> None:
        """Copy a line of so many numbers for each filter of a group."""
        m = self.machine
        with m.loop(MIDDLE, self.per):
            self._copy([Span(0, 0, count)])
            m.add_constant(FROM, source)
            m.add_constant(TO, target)

    def _out(self, y: ArenaRows) -> None:
        """Copy the sums of each filter, plus its bias."""
        m = self.machine
        self._to_place(FROM, self.Z.offset)
        self._to_image(TO, y)
        self._plus_group(TO, 8 * self.per * self.places)
        self._to_place(THIRD, self.W.bias or 0)
        self._plus_group(THIRD, 8 * self.per)
        with m.loop(MIDDLE, self.per):
            self._filter_out()
            m.add_constant(FROM, self.Z.stride)
            m.add_constant(TO, 8 * self.places)
            m.add_constant(THIRD, 8)

    def _filter_out(self) -> None:
        m, count = self.machine, self.places
        if self.W.bias is None:
            self._copy([Span(0, 0, count)])
            return
        m.vbroadcast(4, At(THIRD, 0))
        starts = list(range(0, count - LANES + 1, LANES))
        starts += [count - LANES] if count >= LANES and count % LANES else []
        for v, k in enumerate(starts):
            m.vadd(v % 4, 4, At(FROM, 8 * k))
            m.vstore(At(TO, 8 * k), v % 4)
        for k in range(0 if starts else count):
            m.vbroadcast(0, At(FROM, 8 * k))
            m.vadd(0, 0, 4)
            m.vstore_first(At(TO, 8 * k), 0)

    def backward(
        self, x: ArenaRows, d: ArenaRows, below: ArenaRows | None, shift: int, direct: bool
    ) -> None:
        """Write dW and db, `shift` bytes behind the parameters, and dx to `below`, if given."""
        m, layer, W, per = self.machine, self.layer, self.W, self.per
        m.comment(f"backward through {layer}: dW^T = d P^T{', dP = W d' if below else ''}")
        trained = layer.trained()
        D = self.layout.table(per, self.places, f"d by filter of layer {layer.place}")
        sums = self.layout.table(W.outputs, W.inputs, f"dW^T of layer {layer.place}")
        one = self.layout.table(per, W.inputs, f"dW^T of an image, layer {layer.place}")
        biases = self._table("db", W.outputs)
        for offset, count in ((sums.offset, W.outputs * sums.stride // 8), (biases, W.outputs)):
            self._to_place(TO, offset)
            self._fill(TO, count, 0.0)
        if below:
            self._begin_down()
        with m.loop(IMAGE, self.rows):
            if "W" in trained:
                self._prepare(x)
            if below:
                self._begin_below(TO, below)
            with self._each_group():
                self._to_image(FROM, d)
                self._plus_group(FROM, 8 * per * self.places)
                self._to_place(TO, D.offset)
                self._lines(self.places, 8 * self.places, D.stride)
                if "b" in trained:
                    self._sum_filters(D, biases)
                if "W" in trained:
                    self._windows(x)
                    self.products.backward(self.P, D, one)
                    self._sum_images(one, sums)
                if below:
                    self._down(d, below)
            if below:
                self._end_below(below)
        if "W" in trained:
            self._turn(W.offset + shift, sums, "subtract" if direct else "store")
        if "b" in trained and W.bias is not None:
            for v in range(vectors_of(W.outputs)):
                at = At(ARENA, W.bias + shift + v * VECTOR_BYTES)
                m.vload(0, At(ARENA, biases + v * VECTOR_BYTES))
                if direct:
                    m.vload(1, at)
                    m.vsub(0, 1, 0)
                m.vstore(at, 0)

    def _sum_images(self, one: ArenaRows, sums: ArenaRows) -> None:
        """Add what one image and group contributes to the derivatives by the weights."""
        m, size = self.machine, self.per * sums.stride
        self._to_place(FROM, one.offset)
        self._to_place(TO, sums.offset)
        self._plus_group(TO, size)
        with m.loop(MIDDLE, size // VECTOR_BYTES):
            self._add([Span(0, 0, LANES)])
            m.add_constant(FROM, VECTOR_BYTES)
            m.add_constant(TO, VECTOR_BYTES)

    def _sum_filters(self, D: ArenaRows, biases: int) -> None:
        """Add the sum of each row of D to its number."""
        m = self.machine
        self._to_place(FROM, D.offset)
        self._to_place(TO, biases)
        self._plus_group(TO, 8 * self.per)
        with m.loop(MIDDLE, self.per):
            m.vload(0, At(FROM, 0))
            for v in range(1, vectors_of(self.places)):
                m.vadd(0, 0, At(FROM, v * VECTOR_BYTES))
            m.vsum(0, 1)
            m.vbroadcast(1, At(TO, 0))
            m.vadd(0, 0, 1)
            m.vstore_first(At(TO, 0), 0)
            m.add_constant(FROM, D.stride)
            m.add_constant(TO, 8)

    def _begin_down(self) -> None:
        """Place what dP needs; without groups, copy W to rows of all filters, unless it is so."""
        m, W, place = self.machine, self.W, self.layer.place
        self._place_below()
        self.dP = self.layout.table(W.inputs, self.places, f"dP of layer {place}")
        panels = Weights(self.per, self.places, 0)
        self.panels = panels._replace(offset=self.layout.place(panels.size, f"d of layer {place}"))
        self.plain = ArenaRows(W.offset, W.row_bytes)
        if self.groups > 1:
            self.plain = self.layout.table(W.inputs, self.per, f"W of a group of layer {place}")
        elif W.panels > 1:
            self.plain = self.layout.table(W.inputs, W.outputs, f"W of layer {place}")
            for panel in range(W.panels):
                count = min(_PANEL_COLUMNS, W.outputs - panel * _PANEL_COLUMNS)
                self._to_place(FROM, W.offset + panel * W.panel_bytes)
                self._to_place(TO, self.plain.offset + panel * W.row_bytes)
                with m.loop(OUTER, W.inputs):
                    self._copy([Span(0, 0, count)])
                    m.add_constant(FROM, W.row_bytes)
                    m.add_constant(TO, self.plain.stride)

    def _plain_group(self) -> None:
        """Copy the weights of the current group to rows of its filters."""
        m, W = self.machine, self.W
        self._to_place(FROM, self.turned.offset)
        self._plus_group(FROM, self.per * self.turned.stride)
        self._to_place(TO, self.plain.offset)
        with m.loop(MIDDLE, self.per):
            m.move(THIRD, FROM)
            m.move(FOURTH, TO)
            with m.loop(INNER, W.inputs):
                m.load(VALUE, At(THIRD, 0))
                m.store(At(FOURTH, 0), VALUE)
                m.add_constant(THIRD, 8)
                m.add_constant(FOURTH, self.plain.stride)
            m.add_constant(FROM, self.turned.stride)
            m.add_constant(TO, 8)

    def _down(self, d: ArenaRows, below: ArenaRows) -> None:
        """dP = W d for the current image and group, added up to dx."""
        m = self.machine
        if self.groups > 1:
            self._plain_group()
        self._to_image(FROM, d)
        self._plus_group(FROM, 8 * self.per * self.places)
        self._to_place(TO, self.panels.offset)
        columns = [(8 * place, self.panels.column(8 * place)) for place in range(self.places)]
        with m.loop(MIDDLE, self.per):
            self._copy(spans_of(columns))
            m.add_constant(FROM, 8 * self.places)
            m.add_constant(TO, self.panels.row_bytes)
        Products(m, self.W.inputs).forward(self.panels, self.plain, self.dP)
        self._to_below(TO, below)
        self._plus_group(TO, 8 * self.channels * self._size)
        self._to_place(FROM, self.dP.offset)
        starts = self.geometry.starts()
        pieces = spans_of([(8 * place, start) for place, start in enumerate(starts)])
        self._over_patch(pieces, TO, FROM, self.dP.stride, self._add)
