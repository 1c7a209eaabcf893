"""More optimizers: NAdam and RAdam improve on Adam, Adadelta on RMSprop.

Those that use only signs are in sign_optimizers.py. As in optimizers.py, they step against
g = ∂L/∂w, and the caller keeps their memory.
"""

from __future__ import annotations

from math import sqrt
from typing import Sequence

from ..checks.settings import number, pair
from .matrix import Row, Vector
from .optimizer import Memory, Optimizer, checked_rate
from .schedule import Schedule
from .sign_optimizers import Lion, Rprop


class NAdam(Optimizer):
    """Adam with Nesterov's momentum: the step already counts the present gradient in the next m.

        mu = beta₁ (1 − ½ · 0.96^(t · momentum_decay)),  next likewise for t + 1
        product ← product · mu,  m and v as in Adam,  u = √(v / (1 − beta₂ᵗ)) + eps
        w ← w − learning_rate · ((1 − mu) g / (1 − product) + next · m / (1 − product · next)) / u

    Source: T. Dozat, Incorporating Nesterov momentum into Adam (2016), algorithm 2;
    torch.optim.NAdam.
    """

    name = "nadam"

    def __init__(
        self,
        learning_rate: float | Schedule = 2e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decay_biases: bool = True,
    ) -> None:
        self.learning_rate = checked_rate("NAdam", learning_rate)
        self.betas = pair("NAdam", "betas", betas, least=0, below=1)
        self.eps = number("NAdam", "eps", eps, above=0)
        self._take_decay("NAdam", weight_decay, decay_biases)
        self.momentum_decay = number("NAdam", "momentum_decay", momentum_decay, least=0)

    def start(self) -> dict[str, float]:
        """Return 0 for m and v, and 1 for the product of all mu."""
        return {"m": 0.0, "v": 0.0, "product": 1.0}

    def update(self, w: Row, g: Row, memory: Memory, learning_rate: float, t: int) -> Vector:
        """Return the new weights, where g ← g + weight_decay · w first."""
        g = self._decayed(w, g)
        beta1, beta2 = self.betas
        mu, after = (beta1 * (1.0 - 0.5 * 0.96 ** (k * self.momentum_decay)) for k in (t, t + 1))
        m, v, product = memory["m"], memory["v"], memory["product"]
        m[:] = [beta1 * mᵢ + (1.0 - beta1) * gᵢ for mᵢ, gᵢ in zip(m, g)]
        v[:] = [beta2 * vᵢ + (1.0 - beta2) * gᵢ * gᵢ for vᵢ, gᵢ in zip(v, g)]
        product[:] = [pᵢ * mu for pᵢ in product]
        right = 1.0 - beta2**t
        steps = [
            ((1.0 - mu) * gᵢ / (1.0 - pᵢ) + after * mᵢ / (1.0 - pᵢ * after))
            / (sqrt(vᵢ / right) + self.eps)
            for gᵢ, mᵢ, vᵢ, pᵢ in zip(g, m, v, product)
        ]
        return [wᵢ - learning_rate * sᵢ for wᵢ, sᵢ in zip(w, steps)]


class RAdam(Optimizer):
    """Adam that scales its steps only once v is known well enough: it needs no warm-up.

        ρ∞ = 2 / (1 − beta₂) − 1,  ρ = ρ∞ − 2 t beta₂ᵗ / (1 − beta₂ᵗ),  m and v as in Adam
        s = m / (1 − beta₁ᵗ);  if ρ > 5:  s ← s · r · √(1 − beta₂ᵗ) / (√v + eps),
            r² = (ρ − 4)(ρ − 2) ρ∞ / ((ρ∞ − 4)(ρ∞ − 2) ρ)
        w ← w − learning_rate · s

    Source: L. Liu et al., On the variance of the adaptive learning rate and beyond (2020),
    algorithm 2; torch.optim.RAdam.
    """

    name = "radam"

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decay_biases: bool = True,
    ) -> None:
        self.learning_rate = checked_rate("RAdam", learning_rate)
        self.betas = pair("RAdam", "betas", betas, least=0, below=1)
        self.eps = number("RAdam", "eps", eps, above=0)
        self._take_decay("RAdam", weight_decay, decay_biases)

    def start(self) -> dict[str, float]:
        """Return 0 for m and v."""
        return {"m": 0.0, "v": 0.0}

    def update(self, w: Row, g: Row, memory: Memory, learning_rate: float, t: int) -> Vector:
        """Return the new weights, where g ← g + weight_decay · w first."""
        g = self._decayed(w, g)
        beta1, beta2 = self.betas
        m, v = memory["m"], memory["v"]
        m[:] = [beta1 * mᵢ + (1.0 - beta1) * gᵢ for mᵢ, gᵢ in zip(m, g)]
        v[:] = [beta2 * vᵢ + (1.0 - beta2) * gᵢ * gᵢ for vᵢ, gᵢ in zip(v, g)]
        rate, right = learning_rate / (1.0 - beta1**t), 1.0 - beta2**t
        most = 2.0 / (1.0 - beta2) - 1.0
        rho = most - 2.0 * t * beta2**t / right
        if rho <= 5.0:
            return [wᵢ - rate * mᵢ for wᵢ, mᵢ in zip(w, m)]
        r = sqrt((rho - 4.0) * (rho - 2.0) * most / ((most - 4.0) * (most - 2.0) * rho))
        rate *= r * sqrt(right)
        return [wᵢ - rate * mᵢ / (sqrt(vᵢ) + self.eps) for wᵢ, mᵢ, vᵢ in zip(w, m, v)]


class Adadelta(Optimizer):
    """Steps as large as earlier steps, in proportion to the size of recent gradients.

        v ← rho · v + (1 − rho) · g²
        s = √(steps + eps) / √(v + eps) · g
        steps ← rho · steps + (1 − rho) · s²
        w ← w − learning_rate · s

    Source: M. Zeiler, Adadelta (2012), algorithm 1; torch.optim.Adadelta.
    """

    name = "adadelta"

    def __init__(
        self,
        learning_rate: float | Schedule = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        decay_biases: bool = True,
    ) -> None:
        self.learning_rate = checked_rate("Adadelta", learning_rate)
        self.rho = number("Adadelta", "rho", rho, least=0, most=1)
        self.eps = number("Adadelta", "eps", eps, above=0)
        self._take_decay("Adadelta", weight_decay, decay_biases)

    def start(self) -> dict[str, float]:
        """Return 0 for v and for the mean square of the steps."""
        return {"v": 0.0, "steps": 0.0}

    def update(self, w: Row, g: Row, memory: Memory, learning_rate: float, t: int) -> Vector:
        """Return the new weights, where g ← g + weight_decay · w first."""
        g = self._decayed(w, g)
        rho, eps = self.rho, self.eps
        v, steps = memory["v"], memory["steps"]
        v[:] = [rho * vᵢ + (1.0 - rho) * gᵢ * gᵢ for vᵢ, gᵢ in zip(v, g)]
        s = [sqrt(qᵢ + eps) / sqrt(vᵢ + eps) * gᵢ for qᵢ, vᵢ, gᵢ in zip(steps, v, g)]
        steps[:] = [rho * qᵢ + (1.0 - rho) * sᵢ * sᵢ for qᵢ, sᵢ in zip(steps, s)]
        return [wᵢ - learning_rate * sᵢ for wᵢ, sᵢ in zip(w, s)]


MORE_OPTIMIZERS: dict[str, type[Optimizer]] = {
    kind.name: kind for kind in (NAdam, RAdam, Adadelta, Rprop, Lion)
}
