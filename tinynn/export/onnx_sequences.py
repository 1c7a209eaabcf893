"""Networks of sequences as ONNX graphs: batch × steps × columns, as most programs have them.

ONNX's recurrent operators take steps × batch × columns (layout=1 is not known to onnxruntime), so
Transpose goes before and after each.
"""

from __future__ import annotations

from typing import Any, Callable, Protocol, Sequence, TypeVar

from ..errors import SettingError
from ..lesson.gru import GRU
from ..lesson.layer import Layer
from ..lesson.layers import Dense
from ..lesson.lstm import LSTM
from ..lesson.matrix import Matrix, Vector
from ..lesson.recurrent import Recurrent
from ..lesson.rnn import RNN
from ..lesson.sequences import Embedding
from ..lesson.step_summaries import LastStep, MaxSteps, MeanSteps

# ONNX's order of gates, as places in ours.
_ORDER: dict[type[Layer], Sequence[int]] = {RNN: (0,), LSTM: (0, 3, 1, 2), GRU: (1, 0, 2)}


class SequenceGraph(Protocol):
    """What takes the nodes."""

    layer: str

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator and return the name of its output."""

    def second(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator and return the name of its second output."""

    def constant(self, letter: str, values: Sequence[float], *shape: int) -> str:
        """Add a tensor of numbers and return its name."""

    def vector(self, letter: str, values: Sequence[float]) -> str:
        """Add one number per column."""

    def integers(self, letter: str, values: Sequence[int]) -> str:
        """Add a row of integers, such as a shape."""


G = TypeVar("G", bound=SequenceGraph)


def write_sequences(
    graph: G, layers: Sequence[Layer], write: Callable[[G, Layer, str], str | None]
) -> str:
    """Write the layers of a network of sequences; `write` writes one that treats rows alike.

    Raises SettingError for a layer that ONNX cannot say.
    """
    tensor = "inputs"
    for i, layer in enumerate(layers):
        graph.layer = str(i)
        found: str | None
        if isinstance(layer, Embedding):
            W = graph.constant("W", _flat(layer.built()), layer.kinds, layer.width)
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
            W = graph.constant("W", _flat(layer.W), layer.inputs, layer.outputs)
            found = graph.node("MatMul", tensor, W)
            found = graph.node("Add", found, graph.vector("b", layer.b)) if layer.b else found
        else:
            found = write(graph, layer, tensor)
        if found is None:
            raise SettingError(
                f"to_onnx cannot write {layer!r}, layer {i}, in a network of sequences: "
                "ONNX has no operator for it"
            )
        tensor = found
    return tensor


def _flat(rows: Matrix) -> Vector:
    return [x for row in rows for x in row]


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
