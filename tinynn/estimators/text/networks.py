"""The networks of text models, by name: each a function of how many kinds and of what size."""

from __future__ import annotations

from typing import Callable, List, Mapping, NamedTuple, Sequence

from ...lesson.activation_layers import ReLU
from ...lesson.attention import MultiHeadAttention
from ...lesson.gru import GRU
from ...lesson.layer import Layer
from ...lesson.layers import Dense
from ...lesson.lstm import LSTM
from ...lesson.residual import Residual
from ...lesson.rms_norm import RMSNorm
from ...lesson.rnn import RNN
from ...lesson.sequences import Embedding, Positions


class Size(NamedTuple):
    """The size of a network.

    width:      how many numbers stand for each step
    heads:      how many parts attention divides them into
    layers:     how many layers, or blocks of layers, there are
    most_steps: how many steps a sequence has at most
    units:      how many numbers are the state of a recurrent layer
    """

    width: int
    heads: int
    layers: int
    most_steps: int
    units: int


Make = Callable[[int, Size], List[Layer]]


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


def recurrent(layer: type[RNN] | type[LSTM] | type[GRU]) -> Make:
    """Return the function for networks of recurrent layers, each of which reads the one before it.

    Source: Mikolov and others, Recurrent neural network based language model (2010).
    """

    def network(kinds: int, size: Size) -> list[Layer]:
        widths = [size.width] + [size.units] * size.layers
        states: list[Layer] = [layer(width, size.units) for width in widths[:-1]]
        return [Embedding(kinds, size.width), *states, Dense(size.units, kinds)]

    return network


# Another architecture is another line. Its layers begin with Embedding(kinds, …), have a stepper
# that sees no later steps, and end with a score for each kind.
ARCHITECTURES: Mapping[str, Make] = {
    "gpt": gpt,
    "rnn": recurrent(RNN),
    "lstm": recurrent(LSTM),
    "gru": recurrent(GRU),
}
# What of a size only some of them use.
ONLY_OF: Mapping[str, Sequence[str]] = {"heads": ("gpt",), "units": ("rnn", "lstm", "gru")}
