"""Networks of sequences as ONNX graphs: batch × steps × columns, as most programs have them.

ONNX's recurrent operators take steps × batch × columns (layout=1 is not known to onnxruntime), so
Transpose goes before and after each.
"""

from __future__ import annotations

from typing import Any, Callable, Sequence, TypeVar, Union

from ..errors import SettingError
from ..lesson.attention import MultiHeadAttention
from ..lesson.gru import GRU
from ..lesson.layer import Layer
from ..lesson.layers import Dense
from ..lesson.lstm import LSTM
from ..lesson.random_streams import stream
from ..lesson.recurrent import Recurrent
from ..lesson.residual import Residual
from ..lesson.rnn import RNN
from ..lesson.sequences import Embedding, Positions
from ..lesson.step_summaries import LastStep, MaxSteps, MeanSteps
from .onnx_attention import SequenceGraph, attention, flat, positions, product

# ONNX's order of gates, as places in ours.
_ORDER: dict[type[Layer], Sequence[int]] = {RNN: (0,), LSTM: (0, 3, 1, 2), GRU: (1, 0, 2)}


G = TypeVar("G", bound=SequenceGraph)
Write = Callable[[G, Layer, str, Union[int, None]], Union[str, None]]


def write_sequences(
    graph: G,
    layers: Sequence[Layer],
    write: Write[G],
    columns: int | None,
    tensor: str = "inputs",
    inside: str = "",
) -> str:
    """Write the layers of a network of sequences, named after what they are inside.

    `write` writes one that treats rows alike. Returns the last tensor.
    Raises SettingError for a layer that ONNX cannot say.
    """
    for i, layer in enumerate(layers):
        graph.layer = f"{inside}{i}"
        found: str | None
        if isinstance(layer, Residual):
            made = write_sequences(graph, layer.layers, write, columns, tensor, f"{inside}{i}.")
            graph.layer = f"{inside}{i}"
            found = graph.node("Add", tensor, made)
        elif isinstance(layer, Positions):
            found = positions(graph, tensor, layer)
        elif isinstance(layer, MultiHeadAttention):
            found = attention(graph, tensor, layer)
        elif isinstance(layer, Embedding):
            W = graph.constant("W", flat(layer.built()), layer.kinds, layer.width)
            kinds = tensor if tensor == "inputs" else graph.node("Cast", tensor, to=7)
            found = graph.node("Gather", W, kinds)
        elif isinstance(layer, Recurrent):
            found = (
                None
                if isinstance(layer, LSTM) and not layer.cell
                else _recurrent(graph, tensor, layer)
            )
        elif isinstance(layer, LastStep):
            steps = graph.node("Transpose", tensor, perm=[1, 0, 2])
            last = graph.node("Gather", steps, graph.integers("last", [-1]))
            found = graph.node("Squeeze", last, graph.integers("axis", [0]))
        elif isinstance(layer, (MeanSteps, MaxSteps)):
            operator = "ReduceMean" if isinstance(layer, MeanSteps) else "ReduceMax"
            found = graph.node(operator, tensor, axes=[1], keepdims=0)
        elif isinstance(layer, Dense):
            found = product(graph, tensor, "", layer)
        else:
            found = write(graph, layer, tensor, columns)
        if found is None:
            raise SettingError(
                f"to_onnx cannot write {layer!r}, layer {graph.layer}, in a network of sequences: "
                "ONNX has no operator for it"
            )
        tensor, columns = found, layer.build(columns, stream(0))
    return tensor


def _recurrent(graph: SequenceGraph, x: str, layer: Recurrent) -> str:
    """RNN, LSTM or GRU; ONNX has weights as 1 × (gates · units) × inputs, and two biases."""
    n = layer.units
    columns = [g * n + j for g in _ORDER[type(layer)] for j in range(n)]
    W = [row[j] for j in columns for row in layer.W]
    U = [row[j] for j in columns for row in layer.U]
    rows = len(columns)
    names = [graph.constant("W", W, 1, rows, layer.inputs), graph.constant("U", U, 1, rows, n)]
    attributes: dict[str, Any] = {"hidden_size": n}
    if layer.has_bias:
        of_h = [0.0] * rows
        if isinstance(layer, GRU) and layer.has_c:
            of_h[2 * n :] = layer.c
        names.append(graph.constant("b", [layer.b[j] for j in columns] + of_h, 1, 2 * rows))
    if isinstance(layer, GRU):
        attributes["linear_before_reset"] = int(layer.reset_after)
    if isinstance(layer, RNN) and layer.activation == "relu":
        attributes["activations"] = ["Relu"]
    steps = graph.node("Transpose", x, perm=[1, 0, 2])
    operator = type(layer).__name__
    if layer.one_row:
        last = graph.second(operator, steps, *names, **attributes)
        return graph.node("Squeeze", last, graph.integers("axis", [0]))
    every = graph.node(operator, steps, *names, **attributes)
    every = graph.node("Squeeze", every, graph.integers("axis", [1]))
    return graph.node("Transpose", every, perm=[1, 0, 2])
