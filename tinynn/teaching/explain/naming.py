"""Names on the board: i1, w1, net_h1, out_h1, ∂E/∂w1 …, as textbooks write them.

The neurons between two layers of weights form a group: the inputs are i, the outputs o, hidden ones
h, k, m and so on. Weights are numbered neuron by neuron, as far as they are few.
"""

from __future__ import annotations

import re
from typing import Sequence

from ...lesson.activation_layers import ACTIVATION_LAYERS, Activation
from ...lesson.layer import Layer
from ...lesson.layers import Dense, Dropout
from ...lesson.normalization import NORMALIZATION_LAYERS
from ...lesson.parameters import Parameter, rows_of
from .notation import in_row

HIDDEN = "hkmnpqrsuvxyz"
MOST_NUMBERED = 100  # weights
_GREEK = {"gamma": "γ", "beta": "β"}


class BoardNames:
    """The names of everything in one explanation of a network.

    layers:  the network's; `widths`: how many columns go into each, and out of the last
    rows:    how many rows the batch has; names are marked with their row if there are several
    shared_biases: all biases of a layer have one name, as in some textbooks
    """

    def __init__(
        self,
        layers: Sequence[Layer],
        widths: Sequence[int],
        rows: int,
        shared_biases: bool = False,
    ) -> None:
        self.rows, self.shared_biases = rows, shared_biases
        self.widths = widths
        groups = [0]
        for layer, before, after in zip(layers, widths, widths[1:]):
            groups.append(groups[-1] + (isinstance(layer, Dense) or before != after))
        self.letters = [self._letter(group, groups[-1]) for group in groups]
        self.prefixes = [""]
        taken: dict[tuple[int, str], int] = {}
        for group, layer in zip(groups[1:], layers):
            prefix = _prefix(layer)
            count = taken[group, prefix] = taken.get((group, prefix), 0) + 1
            self.prefixes.append(f"{prefix}{count}_" if count > 1 else f"{prefix}_")
        dense = [layer for layer in layers if isinstance(layer, Dense)]
        self.numbered = sum(layer.inputs * layer.outputs for layer in dense) <= MOST_NUMBERED
        self.first: list[tuple[int, int]] = []  # the numbers of each layer's first weight and bias
        weights = biases = 1
        for layer in layers:
            self.first.append((weights, biases))
            if isinstance(layer, Dense):
                weights += layer.inputs * layer.outputs
                biases += 1 if shared_biases else len(layer.b)

    @staticmethod
    def _letter(group: int, last: int) -> str:
        if group == 0:
            return "i"
        if group == last:
            return "o"
        return HIDDEN[group - 1] if group <= len(HIDDEN) else f"h{group}."

    def neuron(self, layer: int, column: int) -> str:
        """Return the name of the neuron that an output of a layer belongs to; −1 for the inputs."""
        return f"{self.letters[layer + 1]}{column + 1}"

    def output(self, layer: int, column: int, row: int) -> str:
        """Return the name of an output of a layer; of an input, for layer −1."""
        return f"{self.prefixes[layer + 1]}{self.neuron(layer, column)}{self.mark(row)}"

    def derivative(self, layer: int, column: int, row: int) -> str:
        """Return the name of the loss's derivative by an output of a layer."""
        return f"∂E/∂{self.output(layer, column, row)}"

    def target(self, column: int, row: int) -> str:
        """Return the name of a target."""
        return f"target_{self.letters[-1]}{column + 1}{self.mark(row)}"

    def mark(self, row: int) -> str:
        """Return the mark of a row, "" if there is only one."""
        return in_row(row) if self.rows > 1 else ""

    def parameter(self, layer: int, letter: str, i: int, j: int) -> str:
        """Return the name of a number that is trained; i is 0 in a vector."""
        weights, biases = self.first[layer]
        if letter == "W" and self.numbered:
            return f"w{weights + j * self.widths[layer] + i}"
        if letter == "b" and self.numbered:
            return f"b{biases + (0 if self.shared_biases else j)}"
        if letter in _GREEK:
            return f"{_GREEK[letter]}_{self.neuron(layer, j)}"
        return f"{letter}_{layer}[{i}][{j}]" if letter == "W" else f"{letter}_{layer}[{j}]"


def weight_name(parameter: Parameter, i: int, j: int) -> str:
    """Return a number's name in the library: "0.W[1][0]", "0.b[1]"."""
    matrix = rows_of(parameter.value) is parameter.value
    return f"{parameter.name}[{i}][{j}]" if matrix else f"{parameter.name}[{j}]"


def _prefix(layer: Layer) -> str:
    if isinstance(layer, Dense):
        return "net"
    if isinstance(layer, (Activation, *ACTIVATION_LAYERS)):
        return "out"
    if isinstance(layer, Dropout):
        return "drop"
    if isinstance(layer, NORMALIZATION_LAYERS):
        return "norm"
    return re.sub("[^a-z]", "", type(layer).__name__.lower()) or "layer"
