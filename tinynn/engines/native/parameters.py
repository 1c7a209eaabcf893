"""Where the parameters of a network are in the arena."""

from __future__ import annotations

from ...formulas.cells import CELLS
from ..plans import LayerPlan
from .layout import Layout
from .products import Weights, padded_bytes

BUFFERS = ("running_mean", "running_variance")


class ParameterPlaces:
    """Where the parameters of a network are, by letter and index of the layer: W0, gamma1."""

    def __init__(self, layers: tuple[LayerPlan, ...], layout: Layout, copies: int = 1) -> None:
        """Place `copies` of all parameters: the weights, then each memory, then running statistics.

        All of it is one piece of `state_size` bytes from `start` on; `size` is that of one copy.
        """
        self.weights: dict[int, Weights] = {}
        self.vectors: dict[str, int] = {}
        self.matrices_size = 0
        size = 0
        for layer in layers:
            if layer.matrix:
                self.weights[layer.place] = Weights(*layer.weight_shape, size)
                size += self.weights[layer.place].size
        self.matrices_size = size
        for layer in layers:
            for letter in layer.letters():
                if letter == "c":  # biases of the last gate's part of the product with U
                    self.vectors[f"c{layer.place}"] = size + before_last_gate(layer)
                    size += padded_bytes(layer.inputs)
                elif letter != layer.matrix:
                    self.vectors[f"{letter}{layer.place}"] = size
                    size += padded_bytes(layer.vector_length)
        self.size = size
        self.running: dict[str, int] = {}
        self.state_size = size * copies
        for layer in layers:
            for name in BUFFERS if layer.kind in ("BatchNorm", "ChannelNorm") else ():
                self.running[f"{name}{layer.place}"] = self.state_size
                self.state_size += padded_bytes(layer.vector_length)
        self.start = start = layout.place(self.state_size, "parameters, memory of the optimizer")
        self.running = {name: start + at for name, at in self.running.items()}
        self.vectors = {name: start + at for name, at in self.vectors.items()}
        for layer in layers:
            if not layer.matrix:
                continue
            W, c = self.weights[layer.place], self.vectors.get(f"c{layer.place}")
            bias = None if c is None else c - before_last_gate(layer)
            bias = self.vectors.get(f"b{layer.place}", bias)
            self.weights[layer.place] = W._replace(offset=start + W.offset, bias=bias)


def before_last_gate(layer: LayerPlan) -> int:
    """Return the bytes of all gates of a cell but the last."""
    gates = len(CELLS[layer.kind].gates)
    return 8 * (layer.inputs - layer.inputs // gates)
