"""Adam and AdamW: momentum, and steps scaled by the size of earlier gradients."""

from __future__ import annotations

from math import sqrt
from typing import Sequence

from ..checks.settings import flag, number, pair
from .matrix import Row, Vector
from .optimizer import Memory, Optimizer, checked_rate
from .schedule import Schedule


class Adam(Optimizer):
    """Momentum and RMSprop combined, both corrected for having started at zero.

        m ← beta₁ · m + (1 − beta₁) · g
        v ← beta₂ · v + (1 − beta₂) · g²
        u = v,  if amsgrad:  v_max ← max(v_max, v),  u = v_max
        w ← w − learning_rate · m / (1 − beta₁ᵗ) / (√u / √(1 − beta₂ᵗ) + eps)

    Sources: D. Kingma and J. Ba, Adam (2015), algorithm 1; amsgrad: S. Reddi, S. Kale and S. Kumar,
    On the convergence of Adam and beyond (2018), algorithm 2; torch.optim.Adam.
    """

    name = "adam"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        decay_biases: bool = True,
    ) -> None:
        who = type(self).__name__
        self.learning_rate = checked_rate(who, learning_rate)
        self.betas = pair(who, "betas", betas, least=0, below=1)
        self.eps = number(who, "eps", eps, above=0)
        self._take_decay(who, weight_decay, decay_biases)
        self.amsgrad = flag(who, "amsgrad", amsgrad)

    def start(self) -> dict[str, float]:
        """Return 0 for m and v, and for v_max if amsgrad."""
        return {"m": 0.0, "v": 0.0, "v_max": 0.0} if self.amsgrad else {"m": 0.0, "v": 0.0}

    def update(self, w: Row, g: Row, memory: Memory, learning_rate: float, t: int) -> Vector:
        """Return the new weights, where g ← g + weight_decay · w first."""
        return self._step(w, self._decayed(w, g), memory, learning_rate, t)

    def _step(self, w: Row, g: Row, memory: Memory, learning_rate: float, t: int) -> Vector:
        beta1, beta2 = self.betas
        m, v = memory["m"], memory["v"]
        m[:] = [beta1 * mᵢ + (1.0 - beta1) * gᵢ for mᵢ, gᵢ in zip(m, g)]
        v[:] = [beta2 * vᵢ + (1.0 - beta2) * gᵢ * gᵢ for vᵢ, gᵢ in zip(v, g)]
        if self.amsgrad:
            v_max = memory["v_max"]
            v_max[:] = [max(vᵢ, largest) for vᵢ, largest in zip(v, v_max)]
            v = v_max
        rate = learning_rate / (1.0 - beta1**t)
        root = sqrt(1.0 - beta2**t)
        return [wᵢ - rate * mᵢ / (sqrt(vᵢ) / root + self.eps) for wᵢ, mᵢ, vᵢ in zip(w, m, v)]


class AdamW(Adam):
    """Adam with a weight decay that shrinks the weights directly and does not enter m and v.

        w ← w · (1 − learning_rate · weight_decay),  then Adam's step

    Source: I. Loshchilov and F. Hutter, Decoupled weight decay regularization (2019), algorithm 2;
    torch.optim.AdamW.
    """

    name = "adamw"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        decay_biases: bool = True,
    ) -> None:
        super().__init__(learning_rate, betas, eps, weight_decay, amsgrad, decay_biases)

    def update(self, w: Row, g: Row, memory: Memory, learning_rate: float, t: int) -> Vector:
        """Return the new weights."""
        shrunk = [wᵢ * (1.0 - learning_rate * self.weight_decay) for wᵢ in w]
        return self._step(shrunk, g, memory, learning_rate, t)
