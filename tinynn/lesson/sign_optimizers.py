"""Optimizers that take only the sign of a gradient, Rprop, or of a momentum, Lion."""

from __future__ import annotations

from typing import Sequence

from ..checks.settings import pair
from ..errors import SettingError
from .matrix import Row, Vector
from .optimizer import Memory, Optimizer, checked_rate
from .schedule import Schedule


class Rprop(Optimizer):
    """Each weight has a step size of its own; of the gradient only the sign counts.

        g · previous > 0:  size ← min(size · etas[1], step_sizes[1])
        g · previous < 0:  size ← max(size · etas[0], step_sizes[0]),  g ← 0
        w ← w − sign(g) · size,  previous ← g

    For batches of the whole table: a sign that is noise makes the sizes noise. `learning_rate` is
    the size of the first step, and a schedule changes no more than that.

    Source: M. Riedmiller and H. Braun, A direct adaptive method for faster backpropagation learning
    (1993), without weight-backtracking; torch.optim.Rprop.
    """

    name = "rprop"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-2,
        etas: Sequence[float] = (0.5, 1.2),
        step_sizes: Sequence[float] = (1e-6, 50.0),
    ) -> None:
        self.learning_rate = checked_rate("Rprop", learning_rate)
        low, high = self.etas = pair("Rprop", "etas", etas)
        if not 0.0 < low < 1.0 < high:
            raise SettingError(f"Rprop needs etas around 1, such as (0.5, 1.2), got {etas!r}")
        self.step_sizes = pair("Rprop", "step_sizes", step_sizes)
        if not 0.0 < self.step_sizes[0] <= self.step_sizes[1]:
            raise SettingError(
                "Rprop needs step_sizes above 0, the smaller one first, such as (1e-06, 50), got "
                f"{step_sizes!r}"
            )

    def start(self) -> dict[str, float]:
        """Return 0 for the previous gradient, and the size of the first step."""
        return {"previous": 0.0, "size": self.rate(0, 0)}

    def update(self, w: Row, g: Row, memory: Memory, learning_rate: float, t: int) -> Vector:
        """Return the new weights."""
        previous, size = memory["previous"], memory["size"]
        (down, up), (least, most) = self.etas, self.step_sizes
        turns = [gᵢ * pᵢ for gᵢ, pᵢ in zip(g, previous)]
        size[:] = [
            min(max(sᵢ * (up if xᵢ > 0.0 else down if xᵢ < 0.0 else 1.0), least), most)
            for sᵢ, xᵢ in zip(size, turns)
        ]
        previous[:] = [0.0 if xᵢ < 0.0 else gᵢ for gᵢ, xᵢ in zip(g, turns)]
        return [wᵢ - sᵢ * _sign(gᵢ) for wᵢ, sᵢ, gᵢ in zip(w, size, previous)]


class Lion(Optimizer):
    """Steps of one size, against the sign of a momentum; the weight decay is that of AdamW.

        c = beta₁ · m + (1 − beta₁) · g
        w ← w − learning_rate · (sign(c) + weight_decay · w)
        m ← beta₂ · m + (1 − beta₂) · g

    Its rates are three to ten times smaller than Adam's, and its weight decay as much larger.
    Source: X. Chen et al., Symbolic discovery of optimization algorithms (2023), algorithm 2.
    """

    name = "lion"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-4,
        betas: Sequence[float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        decay_biases: bool = True,
    ) -> None:
        self.learning_rate = checked_rate("Lion", learning_rate)
        self.betas = pair("Lion", "betas", betas, least=0, below=1)
        self._take_decay("Lion", weight_decay, decay_biases)

    def start(self) -> dict[str, float]:
        """Return 0 for m."""
        return {"m": 0.0}

    def update(self, w: Row, g: Row, memory: Memory, learning_rate: float, t: int) -> Vector:
        """Return the new weights."""
        beta1, beta2 = self.betas
        m, keep = memory["m"], 1.0 - learning_rate * self.weight_decay
        c = [beta1 * mᵢ + (1.0 - beta1) * gᵢ for mᵢ, gᵢ in zip(m, g)]
        m[:] = [beta2 * mᵢ + (1.0 - beta2) * gᵢ for mᵢ, gᵢ in zip(m, g)]
        return [keep * wᵢ - learning_rate * _sign(cᵢ) for wᵢ, cᵢ in zip(w, c)]


def _sign(x: float) -> float:
    """Return 1, −1 or 0; NaN for NaN, so that it is not hidden."""
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else x
