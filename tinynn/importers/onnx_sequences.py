"""ONNX graphs of sequences: those with RNN, LSTM, GRU, or a Gather of rows of a table by kinds.

Such a graph has an axis of steps, one of the sequences of a batch, and mostly one of columns, which
Transpose puts into any order. Each tensor's axes are known here by what they are; what treats each
row by itself is left to the `Chain` of tables.
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ..checks.words import excerpt, listed
from ..errors import FormatError
from ..lesson.activation_layers import Activation, LogSoftmax, Softmax
from ..lesson.gru import GRU
from ..lesson.layer import Layer
from ..lesson.layers import Dropout
from ..lesson.lstm import LSTM
from ..lesson.matrix import Matrix, Vector, transpose
from ..lesson.normalization import LayerNorm
from ..lesson.rnn import RNN
from ..lesson.sequences import Embedding
from ..lesson.step_summaries import LastStep, MaxSteps, MeanSteps
from . import assembly
from .onnx_chain import Chain
from .onnx_constants import GraphConstants
from .onnx_model import OnnxGraph, OnnxInput, OnnxNode, OnnxTensor, sound
from .onnx_operators import layer_of, take
from .onnx_steps import layers_of
from .recurrent import recurrent

_KINDS = {"RNN": (RNN, "h"), "LSTM": (LSTM, "iofg"), "GRU": (GRU, "zrn")}  # and ONNX's gates
_ACTIVATIONS = {"RNN": ["Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"], "GRU": ["Sigmoid", "Tanh"]}
_POOLS: dict[str, type[Layer]] = {"ReduceMean": MeanSteps, "ReduceMax": MaxSteps}
# What an axis is. The first two of the input are told apart by what is done along them.
FIRST, SECOND, COLUMNS, DIRECTION, ONE = "first", "second", "columns", "direction", "one"
DEPTH_LIMIT = 50  # of nodes that shape a state of zeros
RANK_LIMIT = 8  # sides of a tensor
_RESHAPED = ("Expand", "Slice", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Cast")
_OF_ROWS = {"MatMul", "Add", "Sub", "Mul", "Div", "Neg", "Sum", "Identity", "Cast"}


def reads_sequences(graph: OnnxGraph, constants: GraphConstants) -> bool:
    """Return whether a graph is one of sequences."""
    return any(node.operator in _KINDS or _is_embedding(node, constants) for node in graph.nodes)


def sequence_layers(
    graph: OnnxGraph, constants: GraphConstants, end: str, name: str
) -> tuple[list[Layer], int | None]:
    """Return the layers from a graph's input to the tensor `end`, and how many columns they take.

    Raises FormatError, naming the node, for what is no chain of known operators.
    """
    if len(graph.inputs) != 1:
        raise FormatError(f"{name} needs one input, got {listed([i.name for i in graph.inputs])}")
    reader = _Reader(graph, constants, graph.inputs[0], name)
    for node, tensor in _path(graph, constants, graph.inputs[0].name, end, name):
        with sound(node):
            reader.take(node, tensor)
    reader.settle()
    return reader.layers, reader.inputs


def _is_embedding(node: OnnxNode, constants: GraphConstants) -> bool:
    table = constants.known.get(node.inputs[0]) if len(node.inputs) == 2 else None
    axis = node.attributes.get("axis", 0)
    variable = len(node.inputs) == 2 and node.inputs[1] not in constants.known
    return (
        node.operator == "Gather"
        and bool(table and len(table.shape) == 2 and variable)
        and (axis in (0, -2))
    )


def _path(
    graph: OnnxGraph, constants: GraphConstants, start: str, end: str, name: str
) -> list[tuple[OnnxNode, str]]:
    """Return the nodes from the input to the end, each with the variable tensor that it takes."""
    makers = {output: node for node in graph.nodes for output in node.outputs if output}
    found: list[tuple[OnnxNode, str]] = []
    tensor = end
    while tensor != start:
        node = makers.get(tensor)
        if node is None or len(found) > len(graph.nodes):
            raise FormatError(f"{name}: its nodes do not lead from {excerpt(start)} to the output")
        taken = [given for given in node.inputs if given and given not in constants.known]
        if node.operator in _KINDS:
            taken = [node.inputs[0], *_states(node, constants, makers)]
        if len(taken) != 1:
            raise assembly.refusal(
                node.place, f"{node.operator} of {len(taken)} variables in a graph of sequences"
            )
        which = [output == tensor for output in node.outputs].index(True)
        if which and node.operator not in _KINDS:
            raise assembly.refusal(node.place, f"the output {excerpt(tensor)} of {node.operator}")
        found.append((node._replace(outputs=[tensor, str(which)]), taken[0]))
        tensor = taken[0]
    return found[::-1]


def _states(node: OnnxNode, constants: GraphConstants, makers: Mapping[str, OnnxNode]) -> list[str]:
    """Return what a recurrent node takes beside its input and constants, if it is not all zeros."""
    lengths, states = node.inputs[4:5], node.inputs[5:7]
    return [
        given
        for given in filter(None, [*lengths, *states])
        if given in lengths or not _is_zero(given, constants, makers)
    ]


def _is_zero(tensor: str, constants: GraphConstants, makers: Mapping[str, OnnxNode]) -> bool:
    """Return whether a tensor is all zeros, whatever its shape is computed from."""
    for _ in range(DEPTH_LIMIT):
        known, node = constants.known.get(tensor), makers.get(tensor)
        if known is not None:
            return not any(known.values)
        if node is None or node.operator not in (*_RESHAPED, "ConstantOfShape"):
            return False
        if node.operator == "ConstantOfShape":
            value = node.attributes.get("value")
            return value is None or (isinstance(value, OnnxTensor) and not any(value.values))
        tensor = node.inputs[0] if node.inputs else ""
    return False


class _Reader:
    """The layers of a graph of sequences so far, and the axes of its tensor."""

    def __init__(
        self, graph: OnnxGraph, constants: GraphConstants, source: OnnxInput, name: str
    ) -> None:
        self.constants, self.opset, self.name = constants, graph.opset, name
        self.layers: list[Layer] = []
        self.axes: list[str] = [FIRST, SECOND, COLUMNS][: len(source.shape or [])]
        if len(source.shape or []) not in (2, 3):
            raise assembly.refusal(name, f"sequences of the shape {excerpt(source.shape)}")
        self.inputs: int | None = None
        if len(self.axes) == 3 and source.shape:
            self.inputs = source.shape[2]
        self.steps = ""  # which axis is that of steps, once it is known
        self.chain = self._chain(self.inputs)

    def _chain(self, columns: int | None) -> Chain:
        source = OnnxInput(self.name, 1, [None, columns])
        return Chain(self.constants, source, self.opset, self.name)

    def settle(self, *layers: Layer, columns: int | None = None) -> None:
        """Add the layers of the chain of rows, and some more, after which there are columns."""
        self.layers += layers_of(self.chain.steps, self.chain.inputs, self.chain.budget)
        self.layers += layers
        self.chain = self._chain(columns or self.chain.columns)

    def take(self, node: OnnxNode, tensor: str) -> None:
        operator = node.operator
        if _is_embedding(node, self.constants) and node.inputs[1] == tensor:
            self.embed(node)
        elif operator in _KINDS:
            self.recur(node)
        elif operator in ("Transpose", "Squeeze", "Unsqueeze", "Gather", "Reshape"):
            getattr(self, operator.lower())(node)
        elif operator in _POOLS:
            self.pool(node)
        else:
            self.rows(node, tensor)

    def refuse(self, node: OnnxNode, what: str = "") -> FormatError:
        axes = " × ".join("steps" if a == self.steps else a for a in self.axes)
        return assembly.refusal(node.place, f"{node.operator}{what} of {axes}")

    def axis(self, node: OnnxNode, axis: Any) -> int:
        if type(axis) is not int or not -len(self.axes) <= axis < len(self.axes):
            raise self.refuse(node, f" with axis {excerpt(axis)}")
        return axis % len(self.axes)

    def along(self, node: OnnxNode, axis: str) -> None:
        """Note that an axis is that of steps."""
        if axis not in (FIRST, SECOND) or self.steps not in ("", axis):
            raise self.refuse(node)
        self.steps = axis

    def embed(self, node: OnnxNode) -> None:
        if self.layers or self.chain.steps or COLUMNS in self.axes:
            raise self.refuse(node)
        table = self.chain.constant(node, 0)
        assert table is not None
        W = _rows(node, table, table.shape)
        self.settle(assembly.built(node.place, lambda: Embedding(len(W), len(W[0]), weights=W)))
        self.chain, self.inputs = self._chain(table.shape[1]), 1
        self.axes.append(COLUMNS)

    def recur(self, node: OnnxNode) -> None:
        if len(self.axes) != 3 or self.axes[2] != COLUMNS:
            raise self.refuse(node)
        layout = node.attributes.get("layout", 0)
        steps, batch = (self.axes[1], self.axes[0]) if layout else (self.axes[0], self.axes[1])
        if steps == ONE or batch == self.steps:
            raise self.refuse(node)
        self.along(node, steps)
        which = int(node.outputs[1])
        if which > 1:
            raise assembly.refusal(node.place, f"the cell of {node.operator} as an output")
        layer = _recurrent(node, self.chain, "last" if which else "all")
        self.settle(layer, columns=layer.units)
        if which:
            self.axes = [batch, DIRECTION, COLUMNS] if layout else [DIRECTION, batch, COLUMNS]
        elif layout:
            self.axes = [batch, steps, DIRECTION, COLUMNS]
        else:
            self.axes = [steps, DIRECTION, batch, COLUMNS]

    def transpose(self, node: OnnxNode) -> None:
        n = len(self.axes)
        order = node.attributes.get("perm", list(range(n))[::-1])
        if sorted(order) != list(range(n)):
            raise self.refuse(node, f" by {excerpt(order)}")
        self.axes = [self.axes[i] for i in order]

    def squeeze(self, node: OnnxNode) -> None:
        axes = {self.axis(node, axis) for axis in self.given(node, "axes")}
        if not axes or any(self.axes[i] not in (ONE, DIRECTION) for i in axes):
            raise self.refuse(node)
        self.axes = [axis for i, axis in enumerate(self.axes) if i not in axes]

    def unsqueeze(self, node: OnnxNode) -> None:
        n = len(self.axes) + len(self.given(node, "axes"))
        if n > RANK_LIMIT:
            raise self.refuse(node)
        for axis in sorted(axis % n for axis in self.given(node, "axes")):
            self.axes.insert(axis, ONE)

    def given(self, node: OnnxNode, name: str) -> list[Any]:
        """Return an attribute that is an input since operator set 13."""
        tensor = self.chain.constant(node, 1)
        return list(tensor.values) if tensor is not None else list(node.attributes.get(name) or ())

    def gather(self, node: OnnxNode) -> None:
        index = self.chain.constant(node, 1)
        i = self.axis(node, node.attributes.get("axis", 0))
        axis, values = self.axes[i], index.values if index is not None else []
        if index is None or index.shape not in ((), (1,)) or len(values) != 1:
            raise self.refuse(node)
        if axis in (FIRST, SECOND) and values == [-1]:
            self.along(node, axis)
            self.settle(LastStep())
        elif not (axis in (DIRECTION, ONE) and values[0] in (0, -1)):
            raise self.refuse(node, f" {excerpt(values[0])}")
        self.axes[i : i + 1] = [ONE] * len(index.shape)

    def reshape(self, node: OnnxNode) -> None:
        """Only what puts the columns of all directions, of which there is one, side by side."""
        shape = self.chain.constant(node, 1)
        axes = [axis for axis in self.axes if axis not in (DIRECTION, ONE)]
        kept = [*([0] * (len(axes) - 1)), -1]
        if shape is None or self.axes[: len(axes) - 1] != axes[:-1] or axes[-1] != COLUMNS:
            raise self.refuse(node)
        units = self.chain.columns
        if list(shape.values) not in (kept, [*kept[:-1], units]):
            raise self.refuse(node, f" to {excerpt(list(shape.values))}")
        self.axes = axes

    def pool(self, node: OnnxNode) -> None:
        axes = self.given(node, "axes")
        if len(axes) != 1:
            raise self.refuse(node)
        i = self.axis(node, axes[0])
        self.along(node, self.axes[i])
        self.settle(_POOLS[node.operator]())
        self.axes[i : i + 1] = [ONE] if node.attributes.get("keepdims", 1) else []

    def rows(self, node: OnnxNode, tensor: str) -> None:
        """What treats each row by itself."""
        kind = layer_of(node.operator)
        n = len(self.axes)
        if not self.axes or self.axes[-1] != COLUMNS:
            raise self.refuse(node)
        attributes = node.attributes
        if kind in (Softmax, LogSoftmax, LayerNorm):
            usual = 1 if kind is not LayerNorm and self.opset < 13 else -1
            if self.axis(node, attributes.get("axis", usual)) != n - 1:
                raise self.refuse(node, " along another axis than the last")
            node = node._replace(attributes={**attributes, "axis": -1})
        elif not (
            node.operator in _OF_ROWS
            or kind is Dropout
            or (kind is not None and issubclass(kind, Activation))
            or (n == 2 and node.operator in ("Gemm", "BatchNormalization", "Flatten"))
        ):
            raise self.refuse(node)
        take(self.chain, node._replace(outputs=node.outputs[:1]), tensor)


def _rows(node: OnnxNode, tensor: OnnxTensor, shape: Sequence[int]) -> Matrix:
    """Return a constant as a matrix, if it has this shape; a first side of 1 may be left out."""
    wanted = tuple(shape)
    if tensor.shape not in (wanted, (1, *wanted)) or 0 in wanted:
        raise FormatError(
            f"{node.place} needs a constant of shape {(1, *wanted)}, got {tensor.shape}"
        )
    width = wanted[-1]
    return assembly.matrix(
        node.place, [tensor.values[i : i + width] for i in range(0, len(tensor.values), width)]
    )


def _recurrent(node: OnnxNode, chain: Chain, steps: str) -> Any:
    """Return the layer of an RNN, LSTM or GRU whose state begins as zeros."""
    name = node.operator
    kind, order = _KINDS[name]
    known = {
        "activations", "hidden_size", "direction", "layout", "linear_before_reset", "clip",
        "input_forget", "output_sequence",
    }  # fmt: skip
    unknown = set(node.attributes) - known
    if unknown:
        raise assembly.refusal(node.place, f"{name} with {listed(sorted(unknown))}")
    wanted = {"direction": "forward", "clip": 0.0, "input_forget": 0}
    assembly.check_settings(node.place, name, node.attributes, wanted)
    options: dict[str, Any] = {"steps": steps}
    activations = [str(a).capitalize() for a in node.attributes.get("activations", [])]
    activations = activations or _ACTIVATIONS[name]
    if kind is RNN and activations == ["Relu"]:
        options["activation"] = "relu"
    elif activations != _ACTIVATIONS[name]:
        raise assembly.refusal(node.place, f"{name} with the activations {listed(activations)}")
    if len(node.inputs) > 7 and node.inputs[7]:
        raise assembly.refusal(node.place, f"{name} with peepholes")
    if kind is GRU:
        options["reset_after"] = bool(node.attributes.get("linear_before_reset", 0))
    W, U, b = (chain.constant(node, i) for i in (1, 2, 3))
    if W is None or U is None or len(W.shape) != 3 or len(U.shape) != 3:
        raise FormatError(f"{node.place}: {name} needs its weights as constants of three sides")
    gates = len(order)
    units = U.shape[2]
    biases: list[Vector] = []
    if b is not None:
        (both,) = _rows(node, b, (2 * gates * units,))[:1] or [[]]
        biases = [both[: gates * units], both[gates * units :]]
    chain.weight_rows += W.shape[2] + units
    assembly.check_rows(chain.name, chain.weight_rows)
    matrices = (
        transpose(_rows(node, W, (gates * units, W.shape[2]))),
        transpose(_rows(node, U, (gates * units, units))),
    )
    return recurrent(node.place, kind, *matrices, biases, order, **options)
