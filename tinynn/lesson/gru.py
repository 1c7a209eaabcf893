"""GRU: a recurrent layer whose state is kept or renewed, number by number."""

from __future__ import annotations

import random
from math import tanh
from typing import Mapping, Sequence

from ..checks.settings import flag
from ..errors import SettingError
from .activations import sigmoid, sigmoid_derivative, tanh_derivative
from .initializers import Initializer
from .layer import Values
from .matrix import Matrix, Row, Rows, Vector, column_sums, dot, matmul, transpose
from .recurrent import Kept, Recurrent, State


class GRU(Recurrent):
    """h = (1 − z) ∘ n + z ∘ h₋₁: z says how much of each number stays, n what replaces the rest.

    With a = x W + b and v = h₋₁ U in three parts, the gates are r = σ(aᵣ + vᵣ) and
    z = σ(a_z + v_z), and n = tanh(aₙ + r ∘ (vₙ + c)): r says how much of the past n takes into
    account. So W, U and b have 3 · units columns, in the order r, z, n, which is PyTorch's.

    With `reset_after`, as in PyTorch and Keras, r is applied after the product with U, which has
    biases c of its own (`recurrent_bias`; 0 to start from). Without it, r is applied before, as in
    the article and by ONNX's default: n = tanh(aₙ + (r ∘ h₋₁) Uₙ). The other arguments are those
    of all recurrent layers: see `Recurrent`.
    Source: Cho and others, Learning phrase representations using RNN encoder-decoder (2014).

    >>> layer = GRU(1, 1, bias=[0, 0, 9], weights=[[[0] * 3], [[0] * 3]])
    >>> layer.forward([[0.0]] * 3)
    [[0.4999...], [0.7499...], [0.8749...]]
    """

    gates = 3
    usual: Mapping[str, object] = {"reset_after": True}

    def __init__(
        self,
        inputs: int,
        units: int,
        steps: str = "all",
        truncate: int | None = None,
        reset_after: bool = True,
        bias: bool | Sequence[float] = True,
        recurrent_bias: Sequence[float] | None = None,
        initializer: str | Initializer | None = None,
        weights: Sequence[Rows] | None = None,
    ) -> None:
        self.reset_after = flag("GRU", "reset_after", reset_after)
        self.has_c = self.reset_after and bias is not False
        self.c: Vector = []
        self.dc: Vector = []
        if recurrent_bias is not None and not self.has_c:
            raise SettingError("GRU needs reset_after=True and a bias to have a recurrent_bias")
        super().__init__(inputs, units, steps, truncate, bias, initializer, weights)
        if recurrent_bias is not None:
            self.c = self.biases(recurrent_bias, "recurrent_bias", self.units)

    def build(self, inputs: int | None, rng: random.Random) -> int:
        if self.has_c and not self.dc:
            self.c, self.dc = self.c or [0.0] * self.units, [0.0] * self.units
        return super().build(inputs, rng)

    def step(self, a: Row, state: State, columns: Rows) -> tuple[State, Kept]:
        """Return h for a = x W + b."""
        (h,), k = state, self.units
        s = [a_j + dot(h, column) for a_j, column in zip(a[: 2 * k], columns)]
        gates = [sigmoid(s_j) for s_j in s]
        r, z = gates[:k], gates[k:]
        past = h if self.reset_after else [r_j * h_j for r_j, h_j in zip(r, h)]
        v = [dot(past, column) for column in columns[2 * k :]]
        if self.has_c:
            v = [v_j + c_j for v_j, c_j in zip(v, self.c)]
        reset = [r_j * v_j for r_j, v_j in zip(r, v)] if self.reset_after else v
        s += [a_j + v_j for a_j, v_j in zip(a[2 * k :], reset)]
        n = [tanh(s_j) for s_j in s[2 * k :]]
        new = [(1.0 - z_j) * n_j + z_j * h_j for z_j, n_j, h_j in zip(z, n, h)]
        return [new], (s, r, z, n, v, past)

    def step_backward(self, kept: Kept, before: State, dstate: State) -> tuple[Row, Row, State]:
        """Return da, dv and dh₋₁, where sᵣ, s_z and sₙ are what σ and tanh are applied to.

        h = (1 − z) ∘ n + z ∘ h₋₁, so dn = (1 − z) ∘ dh, dz = (h₋₁ − n) ∘ dh, and dh₋₁ begins with
        z ∘ dh. With `reset_after`, sₙ = aₙ + r ∘ v, so dr = v ∘ dsₙ and dvₙ = r ∘ dsₙ, while
        dvᵣ = dsᵣ and dv_z = ds_z; dh₋₁ gets dv Uᵀ. Without, r ∘ h₋₁ gets dm = dsₙ Uₙᵀ, of which r
        gets h₋₁ ∘ dm and h₋₁ gets r ∘ dm.
        """
        s, r, z, n, v, _ = kept
        (h,), (dh,), k = before, dstate, self.units
        ds_n = [
            d * (1.0 - z_j) * tanh_derivative(s_j, n_j)
            for d, z_j, s_j, n_j in zip(dh, z, s[2 * k :], n)
        ]
        ds_z = [
            d * (h_j - n_j) * sigmoid_derivative(s_j, z_j)
            for d, h_j, n_j, s_j, z_j in zip(dh, h, n, s[k:], z)
        ]
        dh_before = [d * z_j for d, z_j in zip(dh, z)]
        dr = [d * v_j for d, v_j in zip(ds_n, v)]
        if not self.reset_after:
            dm = [dot(ds_n, row[2 * k :]) for row in self.U]
            dr = [d * h_j for d, h_j in zip(dm, h)]
            dh_before = [sum_j + d * r_j for sum_j, d, r_j in zip(dh_before, dm, r)]
        ds_r = [d * sigmoid_derivative(s_j, r_j) for d, s_j, r_j in zip(dr, s, r)]
        of_gates = ds_r + ds_z
        da = of_gates + ds_n
        dv = of_gates + [d * r_j for d, r_j in zip(ds_n, r)] if self.reset_after else da
        through_U = dv if self.reset_after else of_gates
        back = [dot(through_U, row[: len(through_U)]) for row in self.U]
        return da, dv, [[x + y for x, y in zip(dh_before, back)]]

    def gradient_of_U(self, dV: Rows) -> Matrix:
        """Return dU, whose last columns are those by what was multiplied by Uₙ; store dc."""
        k = 2 * self.units
        of_n = [row[k:] for row in dV]
        if self.has_c:
            self.dc = column_sums(of_n)
        if self.reset_after:
            return super().gradient_of_U(dV)
        gates = super().gradient_of_U([row[:k] for row in dV])
        rest = matmul(transpose([kept[-1] for kept in self.kept]), of_n)
        return [x + y for x, y in zip(gates, rest)]

    def parameters(self) -> dict[str, Values]:
        return {**super().parameters(), **({"c": self.c} if self.has_c else {})}

    def gradients(self) -> dict[str, Values]:
        return {**super().gradients(), **({"c": self.dc} if self.has_c else {})}

    def shapes(self) -> dict[str, tuple[int, int]]:
        return {**super().shapes(), **({"c": (1, self.units)} if self.has_c else {})}

    def settings(self) -> dict[str, object]:
        return {**super().settings(), "reset_after": self.reset_after}
