"""The networks of text models, by name: each a function of how many kinds and of what size."""

from __future__ import annotations

from typing import Callable, Mapping, NamedTuple

from ...lesson.activation_layers import ReLU
from ...lesson.attention import MultiHeadAttention
from ...lesson.layer import Layer
from ...lesson.layers import Dense
from ...lesson.residual import Residual
from ...lesson.rms_norm import RMSNorm
from ...lesson.sequences import Embedding, Positions


class Size(NamedTuple):
    """The size of a network.

    width:      how many numbers stand for each step
    heads:      how many parts attention divides them into
    layers:     how many layers, or blocks of layers, there are
    most_steps: how many steps a sequence has at most
    """

    width: int
    heads: int
    layers: int
    most_steps: int


def gpt(kinds: int, size: Size) -> list[Layer]:
    """Return the layers of a small GPT, without biases and without gains in its normalizations.

    Source: A. Karpathy, microgpt (2026), after Radford and others, Language models are unsupervised
    multitask learners (2019).
    """
    width = size.width
    layers: list[Layer] = [
        Embedding(kinds, width), Positions(size.most_steps, width), RMSNorm(gain=False)
    ]  # fmt: skip
    for _ in range(size.layers):
        attention = MultiHeadAttention(width, size.heads, causal=True, bias=False)
        layers.append(Residual(RMSNorm(gain=False), attention))
        wide, narrow = Dense(width, 4 * width, bias=False), Dense(4 * width, width, bias=False)
        layers.append(Residual(RMSNorm(gain=False), wide, ReLU(), narrow))
    return [*layers, Dense(width, kinds, bias=False)]


# Another architecture is another line. Its layers begin with Embedding(kinds, …), have a stepper
# that sees no later steps, and end with a score for each kind.
ARCHITECTURES: Mapping[str, Callable[[int, Size], list[Layer]]] = {
    "gpt": gpt,
}
