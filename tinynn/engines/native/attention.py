"""Attention: each step's query meets the keys of its sequence, and mixes their values.

Two kernels do it, forward and backward, for all sequences of a batch and all heads:

dots      S[t, u] = q_t · k_u, for each step t and each step u of its sequence
mixtures  y_t = Σ_u A[t, u] v_u

The shares A = softmax(S / √d) have a row for each step and head; between the kernels run the row
programs of Softmax.
"""

from __future__ import annotations

from math import sqrt
from typing import Callable

from ...formulas import LAYER_FORMULAS
from ...formulas.programs import Each, Program
from ..plans import LayerPlan
from .constants import Constants
from .layout import Layout
from .machine import ARENA, LANES, VECTOR_BYTES, At, Machine, vectors_of
from .products import ArenaRows
from .row_vectors import Places, RowProgram, Walk, each_row

# Integer registers: where rows, those of their sequence and results are; inside a row, coefficients
# and rows that move on; and counters.
_ROW, _SEQUENCE, _OUT, _TERM, _FACTOR = 1, 2, 3, 4, 5
_TERMS, _HEADS, _STEPS, _SEQUENCES = 6, 7, 8, 10
_AT_ONCE = 8  # the most vectors of a mixture in registers


class AttentionPasses:
    """Writes attention for `rows` rows, in sequences of `steps`."""

    def __init__(
        self, machine: Machine, constants: Constants, layout: Layout, rows: int, steps: int,
        plan: LayerPlan,
    ) -> None:  # fmt: skip
        self.machine, self.constants, self.layout = machine, constants, layout
        self.rows, self.steps = rows, steps
        self.heads, self.causal = int(plan.number), bool(plan.second)
        self.width = plan.outputs // self.heads  # of a head, in whole vectors
        self.scale = 1.0 / sqrt(plan.together[1])
        self.shares = layout.table(rows * self.heads, steps, f"shares of layer {plan.place}")
        self.plan = plan

    def forward(self, Q: ArenaRows, K: ArenaRows, V: ArenaRows, Y: ArenaRows) -> None:
        """Y = softmax(Q Kᵀ / √d) V, for each head"""
        self.machine.comment("forward through Attention: A = softmax(q k^T / sqrt(d)), y = A v")
        self._dots(Q, K, self.shares, self.scale, self.causal)
        self._program(LAYER_FORMULAS["Softmax"].forward, {"z": self.shares.offset}, "y")
        self._mixtures(self.shares, V, Y)

    def backward(
        self, D: ArenaRows, Q: ArenaRows, K: ArenaRows, V: ArenaRows
    ) -> tuple[ArenaRows, ArenaRows, ArenaRows]:
        """Return the derivatives by Q, K and V, for D by Y."""
        self.machine.comment("backward through Attention: dv = A^T d, dA = d v^T; dq, dk by dA")
        names = ("queries", "keys", "values")
        dQ, dK, dV = (
            self.layout.table(self.rows, self.plan.outputs, f"d of the {name}") for name in names
        )
        slopes = self.layout.table(self.rows * self.heads, self.steps, "d of the shares")
        self._mixtures(self.shares, D, dV, turned=True)
        self._dots(D, V, slopes, 1.0, False)
        program = [*LAYER_FORMULAS["Softmax"].backward, Each("d", "d * c")]
        self._program(program, {"d": slopes.offset}, "d")
        self._mixtures(slopes, K, dQ)
        self._mixtures(slopes, Q, dK, turned=True)
        return dQ, dK, dV

    def _program(self, program: Program, rows: dict[str, int], kept: str) -> None:
        """Write a row program over the shares y, and rows beside them, of which one is kept."""
        vectors, rest = vectors_of(self.steps), self.steps % LANES
        count, rows = self.rows * self.heads, {"y": self.shares.offset, **rows}
        walk = Walk(vectors, VECTOR_BYTES, 0, count > 1, rest or LANES)
        places = Places(rows, {}, {}, {"c": self.scale}, {kept}, {}, {})
        each_row(
            self.machine, count, self.shares.stride,
            lambda: RowProgram(self.machine, self.constants, walk, places, False).write(program),
        )  # fmt: skip

    def _dots(self, X: ArenaRows, Y: ArenaRows, out: ArenaRows, scale: float, causal: bool) -> None:
        """out[t, u] = scale · x_t · y_u for each head, and −inf for later u if `causal`."""
        m = self.machine
        first, step, lane, lowest = 14, 13, 12, 11  # u of a group; t; 4; −inf
        full, rest = divmod(self.steps, LANES)
        size = self.width * 8

        def group(rows: list[int]) -> None:
            for v in range(0, size, VECTOR_BYTES):
                m.vload(4, At(_ROW, v))
                for r, row in enumerate(rows):
                    at = At(_TERM, row * Y.stride + v)
                    if v:
                        m.fma(r, 4, at)
                    else:
                        m.vmul(r, 4, at)
            m.vsums(0, 1, 2, 3)
            if scale != 1.0:
                m.vmul(0, 0, self.constants.at(scale))
            if causal:
                m.vless(1, step, first)
                m.vselect(0, 1, lowest, 0)
                m.vadd(first, first, lane)
            m.vstore(At(_OUT, 0), 0)
            m.add_constant(_TERM, LANES * Y.stride)
            m.add_constant(_OUT, VECTOR_BYTES)

        def head() -> None:
            m.move(_TERM, _SEQUENCE)
            if causal:
                m.vload(first, self.constants.vector(0.0, 1.0, 2.0, 3.0))
            if full:
                with m.loop(_TERMS, full):
                    group([0, 1, 2, 3])
            if rest:
                group([min(r, rest - 1) for r in range(LANES)])
            m.add_constant(_OUT, out.stride - vectors_of(self.steps) * VECTOR_BYTES)

        def begin() -> None:
            if causal:
                m.vzero(step)
                m.vload(lane, self.constants.at(float(LANES)))
                m.vload(lowest, self.constants.at(float("-inf")))

        def after() -> None:
            if causal:
                m.vadd(step, step, self.constants.at(1.0))

        self._walk(X, Y, out, head, begin, after)

    def _mixtures(self, A: ArenaRows, V: ArenaRows, Y: ArenaRows, turned: bool = False) -> None:
        """y_t = Σ_u A[t, u] v_u for each head; of A[u, t] if `turned`."""
        m = self.machine
        to_row, to_term = self.heads * A.stride, 8
        if turned:
            to_row, to_term = to_term, to_row
        vectors = self.width // LANES

        def head() -> None:
            for start in range(0, vectors, _AT_ONCE):
                some = range(min(_AT_ONCE, vectors - start))
                m.move(_FACTOR, _OUT)
                m.move(_TERM, _SEQUENCE)
                for v in some:
                    m.vzero(v)
                with m.loop(_TERMS, self.steps):
                    m.vbroadcast(_AT_ONCE, At(_FACTOR, 0))
                    for v in some:
                        m.fma(v, _AT_ONCE, At(_TERM, (start + v) * VECTOR_BYTES))
                    m.add_constant(_FACTOR, to_term)
                    m.add_constant(_TERM, V.stride)
                for v in some:
                    m.vstore(At(_ROW, (start + v) * VECTOR_BYTES), v)
            m.add_constant(_OUT, A.stride)

        back = -self.heads * A.stride  # to the first head of this row
        ended = to_row * self.steps
        self._walk(
            Y, V, A, head, lambda: None,
            lambda: m.add_constant(_OUT, back + to_row),
            lambda: m.add_constant(_OUT, self.steps * self.heads * A.stride - ended),
        )  # fmt: skip

    def _walk(
        self, rows: ArenaRows, terms: ArenaRows, out: ArenaRows, head: Callable[[], None],
        begin: Callable[[], None], after: Callable[[], None],
        ended: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """Write loops over sequences, their steps and heads.

        Registers _ROW, _SEQUENCE and _OUT are then the addresses of the head's numbers in a row, in
        the first row of its sequence, and in `out`, which `head` moves on. `begin` and `ended` are
        for each sequence, `after` for each step.
        """
        m, size = self.machine, self.width * 8
        for register, table in ((_ROW, rows), (_SEQUENCE, terms), (_OUT, out)):
            m.move(register, ARENA)
            m.add_constant(register, table.offset)
        with m.loop(_SEQUENCES, self.rows // self.steps):
            begin()
            with m.loop(_STEPS, self.steps):
                with m.loop(_HEADS, self.heads):
                    head()
                    m.add_constant(_ROW, size)
                    m.add_constant(_SEQUENCE, size)
                m.add_constant(_ROW, rows.stride - self.heads * size)
                m.add_constant(_SEQUENCE, -self.heads * size)
                after()
            ended()
            m.add_constant(_SEQUENCE, self.steps * terms.stride)
