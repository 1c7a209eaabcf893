"""RNN: a layer that reads, beside its inputs, what it put out at the step before."""

from __future__ import annotations

from math import tanh
from typing import Callable, Mapping, Sequence

from ..checks.words import did_you_mean, excerpt
from ..errors import SettingError
from .activations import relu, relu_derivative, tanh_derivative
from .initializers import Initializer
from .matrix import Row, Rows, dot
from .recurrent import Kept, Recurrent, State

ACTIVATIONS: dict[str, tuple[Callable[[float], float], Callable[[float, float], float]]] = {
    "tanh": (tanh, tanh_derivative),
    "relu": (relu, relu_derivative),
}


class RNN(Recurrent):
    """h = tanh(x W + h₋₁ U + b), step by step, where h₋₁ is h of the step before.

    `activation` is "tanh" or "relu". The other arguments are those of all recurrent layers: see
    `Recurrent`. Source: Elman, Finding structure in time (1990).

    >>> layer = RNN(1, 1, activation="relu", weights=[[[1.0]], [[0.5]]])
    >>> layer.forward([[4.0], [0.0], [0.0]])
    [[4.0], [2.0], [1.0]]
    """

    usual: Mapping[str, object] = {"activation": "tanh"}

    def __init__(
        self,
        inputs: int,
        units: int,
        steps: str = "all",
        truncate: int | None = None,
        activation: str = "tanh",
        bias: bool | Sequence[float] = True,
        initializer: str | Initializer | None = None,
        weights: Sequence[Rows] | None = None,
    ) -> None:
        if not isinstance(activation, str) or activation not in ACTIVATIONS:
            raise SettingError(
                f"RNN needs activation to be 'tanh' or 'relu', got {excerpt(activation)}"
                + (did_you_mean(activation, ACTIVATIONS) if isinstance(activation, str) else "")
            )
        self.activation = activation
        super().__init__(inputs, units, steps, truncate, bias, initializer, weights)

    def step(self, a: Row, state: State, columns: Rows) -> tuple[State, Kept]:
        """Return h = f(a + h₋₁ U), where a = x W + b."""
        f, _ = ACTIVATIONS[self.activation]
        z = [a_j + dot(state[0], column) for a_j, column in zip(a, columns)]
        h = [f(z_j) for z_j in z]
        return [h], (z, h)

    def step_backward(self, kept: Kept, before: State, dstate: State) -> tuple[Row, Row, State]:
        """Return dz = dh ∘ f'(z), twice, and dh₋₁ = dz Uᵀ: z = a + h₋₁ U is a plain sum."""
        _, derivative = ACTIVATIONS[self.activation]
        dz = [dh * derivative(z, h) for dh, z, h in zip(dstate[0], *kept)]
        return dz, dz, [[dot(dz, row) for row in self.U]]

    def settings(self) -> dict[str, object]:
        return {**super().settings(), "activation": self.activation}
