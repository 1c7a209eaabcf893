"""LSTM: a recurrent layer with a memory that it writes, keeps and reads by gates."""

from __future__ import annotations

from math import tanh
from typing import Mapping, Sequence

from ..checks.settings import flag
from .activations import sigmoid, sigmoid_derivative, tanh_derivative
from .initializers import Initializer
from .matrix import Row, Rows, Vector, dot
from .recurrent import Kept, Recurrent, State


class LSTM(Recurrent):
    """h = o ∘ tanh(c), where the memory c = f ∘ c₋₁ + i ∘ g keeps what the gates let it keep.

    With z = x W + h₋₁ U + b in four parts, the gates are i = σ(zᵢ), what to write, f = σ(z_f), what
    to keep, and o = σ(zₒ), what to show; g = tanh(z_g) is what there is to write. So W, U and b
    have 4 · units columns, in the order i, f, g, o, which is PyTorch's.

    Where f is near 1, derivatives pass through c over many steps without shrinking, as they do not
    in an `RNN`. That is why f's biases start from 1, not 0 (Jozefowicz and others, 2015), as in
    Keras. With `cell=False` there is no c, and f keeps h₋₁ in its place: this is not the LSTM of
    the literature, but that of brain.js. The other arguments are those of all recurrent layers:
    see `Recurrent`.
    Source: Hochreiter and Schmidhuber (1997); with f, Gers, Schmidhuber and Cummins (2000).

    >>> layer = LSTM(1, 1, bias=[99] * 4, weights=[[[0] * 4], [[0] * 4]])  # all gates are open
    >>> layer.forward([[0.0]] * 3)  # tanh of 1, 2 and 3
    [[0.76159...], [0.96402...], [0.99505...]]
    """

    gates = 4
    usual: Mapping[str, object] = {"cell": True}

    def __init__(
        self,
        inputs: int,
        units: int,
        steps: str = "all",
        truncate: int | None = None,
        cell: bool = True,
        bias: bool | Sequence[float] = True,
        initializer: str | Initializer | None = None,
        weights: Sequence[Rows] | None = None,
    ) -> None:
        self.cell = flag("LSTM", "cell", cell)
        self.rows_of_state = 2 if cell else 1
        super().__init__(inputs, units, steps, truncate, bias, initializer, weights)

    def initial_biases(self) -> Vector:
        n = self.units
        return [0.0] * n + [1.0] * n + [0.0] * (2 * n)

    def step(self, a: Row, state: State, columns: Rows) -> tuple[State, Kept]:
        """Return h and c for a = x W + b."""
        h, c, n = state[0], state[-1], self.units  # without a cell, c is h
        z = [a_j + dot(h, column) for a_j, column in zip(a, columns)]
        i, f, o = ([sigmoid(z_j) for z_j in z[k : k + n]] for k in (0, n, 3 * n))
        g = [tanh(z_j) for z_j in z[2 * n : 3 * n]]
        c = [f_j * c_j + i_j * g_j for i_j, f_j, g_j, c_j in zip(i, f, g, c)]
        tanh_c = [tanh(c_j) for c_j in c]
        h = [o_j * t_j for o_j, t_j in zip(o, tanh_c)]
        return [h, c] if self.cell else [h], (z, i, f, g, o, c, tanh_c)

    def step_backward(self, kept: Kept, before: State, dstate: State) -> tuple[Row, Row, State]:
        """Return dz, twice, and dh₋₁ = dz Uᵀ and dc₋₁ = f ∘ dc.

        h = o ∘ tanh(c), so do = tanh(c) ∘ dh, and c gets o ∘ tanh'(c) ∘ dh beside what the next
        step hands back. c = f ∘ c₋₁ + i ∘ g, so di = g ∘ dc, df = c₋₁ ∘ dc and dg = i ∘ dc. Each of
        these times the derivative of σ or tanh is a part of dz.
        """
        z, i, f, g, o, c, tanh_c = kept
        dh, dc = dstate if self.cell else (dstate[0], [0.0] * self.units)
        dc = [
            dc_j + dh_j * o_j * tanh_derivative(c_j, t_j)
            for dc_j, dh_j, o_j, c_j, t_j in zip(dc, dh, o, c, tanh_c)
        ]
        by_gates = (  # each with its derivative, for what comes in front of it, in z's order
            ([dc_j * g_j for dc_j, g_j in zip(dc, g)], i, sigmoid_derivative),
            ([dc_j * c_j for dc_j, c_j in zip(dc, before[-1])], f, sigmoid_derivative),
            ([dc_j * i_j for dc_j, i_j in zip(dc, i)], g, tanh_derivative),
            ([dh_j * t_j for dh_j, t_j in zip(dh, tanh_c)], o, sigmoid_derivative),
        )
        z_of = iter(z)
        dz = [
            d * derivative(next(z_of), y) for dY, Y, derivative in by_gates for d, y in zip(dY, Y)
        ]
        dc_before = [dc_j * f_j for dc_j, f_j in zip(dc, f)]
        dh_before = [dot(dz, row) for row in self.U]
        if self.cell:
            return dz, dz, [dh_before, dc_before]
        return dz, dz, [[x + y for x, y in zip(dh_before, dc_before)]]

    def settings(self) -> dict[str, object]:
        return {**super().settings(), "cell": self.cell}
