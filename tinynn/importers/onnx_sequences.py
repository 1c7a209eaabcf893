"""ONNX graphs of sequences: those with RNN, LSTM, GRU, or a Gather of rows of a table by kinds.

Such a graph has an axis of steps, one of the sequences of a batch, and mostly one of columns, which
Transpose puts into any order. Each tensor's axes are known here by what they are; what treats each
row by itself is left to the `Chain` of tables.
"""

from __future__ import annotations

from copy import copy
from typing import Any, Sequence

from ..checks.words import excerpt, listed
from ..errors import FormatError
from ..lesson.activation_layers import Activation, LogSoftmax, Softmax
from ..lesson.layer import Layer
from ..lesson.layers import Dropout
from ..lesson.normalization import LayerNorm
from ..lesson.residual import Residual
from ..lesson.sequences import Embedding, Positions
from ..lesson.step_summaries import LastStep, MaxSteps, MeanSteps
from . import assembly
from .onnx_attention import EFFORT, attention
from .onnx_axes import STEPS, Atom
from .onnx_chain import Chain
from .onnx_constants import GraphConstants
from .onnx_model import OnnxGraph, OnnxInput, OnnxNode, sound
from .onnx_operators import is_known, layer_of, take
from .onnx_patterns import SpelledOut, fork, residual_sum, spelled, users_of
from .onnx_recurrent import KINDS, recurrent_layer, rows_of, states
from .onnx_steps import Budget, layers_of

_POOLS: dict[str, type[Layer]] = {"ReduceMean": MeanSteps, "ReduceMax": MaxSteps}
# What an axis is. The first two of the input are told apart by what is done along them.
FIRST, SECOND, COLUMNS, DIRECTION, ONE = "first", "second", "columns", "direction", "one"
RANK_LIMIT = 8  # sides of a tensor
SUMS_LIMIT = 20  # sums of residuals inside each other
_SIZES = ((2, 3), (3, 2))  # of sides that the file leaves open

_MOVES = ("Transpose", "Squeeze", "Unsqueeze", "Gather", "Reshape")
_OF_ROWS = {"MatMul", "Add", "Sub", "Mul", "Div", "Neg", "Sum", "Identity", "Cast"}


def reads_sequences(graph: OnnxGraph, constants: GraphConstants) -> bool:
    """Return whether a graph is one of sequences."""
    return any(
        node.operator in KINDS or _is_embedding(node, constants) for node in graph.nodes
    ) or (len(graph.inputs[0].shape or []) == 3 and _attends(graph, constants))


def _attends(graph: OnnxGraph, constants: GraphConstants) -> bool:
    """Return whether a graph multiplies what it computes by what it computes."""
    return any(
        node.operator == "MatMul" and not any(name in constants.known for name in node.inputs)
        for node in graph.nodes
    )


def sequence_layers(
    graph: OnnxGraph, constants: GraphConstants, end: str, name: str
) -> list[Layer]:
    """Return the layers from a graph's input to the tensor `end`.

    Sides that the file leaves open get sizes, since shapes and masks are computed from them; what
    depends on them, positions and attention, is read with other sizes, too, and has to be the same.
    Raises FormatError, naming the node, for what is no chain of known operators.
    """
    if len(graph.inputs) != 1:
        raise FormatError(f"{name} needs one input, got {listed([i.name for i in graph.inputs])}")
    layers = _read(graph, constants, end, name, _SIZES[0])
    computes = any(node.operator in ("Reshape", "Gather", "Add") for node in graph.nodes)
    if None in (graph.inputs[0].shape or [])[:2] and computes:
        again = _read(graph, GraphConstants(graph, users_of(graph)), end, name, _SIZES[1])
        if _content(again) != _content(layers):
            raise assembly.refusal(name, "a graph that depends on the number of steps")
    return layers


def _content(layers: Sequence[Layer]) -> list[tuple[str, object]]:
    return [(repr(layer), layer.parameters()) for layer in layers]


def _read(
    graph: OnnxGraph, constants: GraphConstants, end: str, name: str, sizes: Sequence[int]
) -> list[Layer]:
    source = graph.inputs[0]
    reader = _Reader(graph, constants, source, name, sizes)
    reader.chain.aside = _not_needed(graph, constants, source.name, end, name)
    reader.walk(source.name, end)
    reader.settle()
    return reader.layers


def _not_needed(
    graph: OnnxGraph, constants: GraphConstants, start: str, end: str, name: str
) -> set[int]:
    """Return the numbers of the nodes that do not lead to the end."""
    needed = {end}
    for i in reversed(range(len(graph.nodes))):
        if needed.intersection(graph.nodes[i].outputs):
            needed.update(graph.nodes[i].inputs)
    if start not in needed:
        raise FormatError(f"{name}: its nodes do not lead from {excerpt(start)} to the output")
    return {i for i, node in enumerate(graph.nodes) if not needed.intersection(node.outputs)}


def _is_step(node: OnnxNode, constants: GraphConstants) -> bool:
    """Return whether a node is a step of its own in a graph of sequences."""
    known = node.operator in KINDS or node.operator in _POOLS or is_known(node.operator)
    return known or node.operator in _MOVES or _is_embedding(node, constants)


def _is_embedding(node: OnnxNode, constants: GraphConstants) -> bool:
    table = constants.known.get(node.inputs[0]) if len(node.inputs) == 2 else None
    axis = node.attributes.get("axis", 0)
    variable = len(node.inputs) == 2 and node.inputs[1] not in constants.known
    return (
        node.operator == "Gather"
        and bool(table and len(table.shape) == 2 and variable)
        and (axis in (0, -2))
    )


class _Reader:
    """The layers of a graph of sequences so far, and the axes of its tensor."""

    def __init__(
        self,
        graph: OnnxGraph,
        constants: GraphConstants,
        source: OnnxInput,
        name: str,
        sizes: Sequence[int],
    ) -> None:
        self.graph, self.constants, self.opset, self.name = graph, constants, graph.opset, name
        self.layers: list[Layer] = []
        shape = source.shape or []
        self.axes: list[str] = [FIRST, SECOND, COLUMNS][: len(shape)]
        if len(shape) not in (2, 3):
            raise assembly.refusal(name, f"sequences of the shape {excerpt(source.shape)}")
        self.sizes = {axis: side or size for axis, side, size in zip((FIRST, SECOND), shape, sizes)}
        self.sizes.update({DIRECTION: 1, ONE: 1})
        self.steps = ""  # which axis is that of steps, once it is known
        self.makers = {output: node for node in graph.nodes for output in node.outputs if output}
        self.attends = _attends(graph, constants)
        self.depth = 0
        self.effort = Budget()
        self.effort.left = EFFORT
        columns = shape[2] if len(shape) == 3 else None
        self.chain = Chain(constants, OnnxInput(name, 1, [None, columns]), self.opset, name)

    def walk(self, tensor: str, end: str) -> None:
        """Take the nodes from one tensor to another."""
        before: list[str] = []  # the tensors of the last nodes, each a step of its own
        while tensor != end:
            self.measure(tensor)
            self.chain.leading = max(len(self.axes) - 1, 1)
            numbers = [i for i in self.chain.users(tensor) if self.makes(i)]
            if not numbers:
                raise FormatError(
                    f"{self.name}: its nodes do not lead from {excerpt(tensor)} to the output"
                )
            node = self.graph.nodes[numbers[0]]
            follows = self.beyond(tensor, node, numbers)
            if follows is None and not _is_step(node, self.constants):
                tensor, follows = self.back(tensor, before)
            if follows is not None:
                tensor = follows
                before.clear()
                continue
            with sound(node):
                one = self.one(node, tensor, end)
                steps = len(self.chain.steps)
                self.chain.mark()
                self.take(one, tensor)
            single = len(self.chain.steps) == steps + 1 and node.operator not in _MOVES
            before = [*before[-3:], tensor] if single else []
            tensor = one.outputs[0]
        self.measure(tensor)

    def makes(self, number: int) -> bool:
        """Return whether a node does more than look at the shape of a tensor."""
        return self.graph.nodes[number].operator != "Shape"

    def measure(self, tensor: str) -> None:
        """Compute what follows from the shape of the current tensor."""
        shape = [self.chain.columns if a == COLUMNS else self.sizes[a] for a in self.axes]
        if None not in shape:
            self.constants.sized(tensor, shape)

    def beyond(self, tensor: str, node: OnnxNode, numbers: Sequence[int]) -> str | None:
        """Take a fork, or attention; return the tensor beyond it, None if there is neither."""
        forks = len(set(numbers)) > 1 or node.inputs.count(tensor) > 1
        ready = self.axes[-1:] == [COLUMNS]
        if forks:
            add = residual_sum(self.graph, self.constants, tensor, numbers)
            formula = fork(self.graph, tensor, self.chain, refuses=False) if ready else None
            if formula is not None:
                return self.spell(formula)
            if add is not None:
                return self.residual(tensor, add)
        attends = self.attends and ready and len(self.axes) == 3 and self.chain.columns
        if attends and (forks or node.operator in ("MatMul", "Gemm", "Transpose", "Reshape")):
            found = self.attention(tensor)
            if found is not None:
                return found
        if forks:
            names = ", ".join(self.graph.nodes[i].operator for i in sorted(set(numbers))[:8])
            raise assembly.refusal(node.place, f"a fork with {names}")
        return None

    def back(self, tensor: str, before: list[str]) -> tuple[str, str | None]:
        """Find a formula that begins here or a few nodes before; return its end, if there is."""
        if self.axes[-1:] != [COLUMNS]:
            return tensor, None
        start = tensor
        chain = self.chain
        steps, sides, marks = list(chain.steps), chain.sides, list(chain.marks)
        formula = spelled(self.graph, start, chain)
        while formula is None and before:
            start = before.pop()
            chain.back()
            formula = spelled(self.graph, start, chain)
        if formula is None:
            chain.steps, chain.sides, chain.marks = steps, sides, marks
            return tensor, None
        return start, self.spell(formula)

    def spell(self, formula: SpelledOut) -> str:
        last = formula.nodes[-1]
        self.chain.add_spelled(*formula[:4], last)
        return last.outputs[0]

    def residual(self, tensor: str, number: int) -> str:
        """Add x + f(x), whose sum is the node of this number; return its output."""
        node = self.graph.nodes[number]
        if self.depth == SUMS_LIMIT:
            raise assembly.refusal(node.place, f"more than {SUMS_LIMIT} sums inside each other")
        inner = copy(self)
        inner.layers, inner.depth = [], self.depth + 1
        inner.chain = self.chain.branch()
        inner.chain.aside = self.chain.aside | {number}
        inner.walk(tensor, node.inputs[node.inputs[0] == tensor])
        columns = inner.chain.columns
        inner.settle()
        if (inner.axes, columns) != (self.axes, self.chain.columns) or not inner.layers:
            raise assembly.refusal(node.place, f"{node.operator} of different shapes")
        self.steps, self.chain.weight_rows = inner.steps, inner.chain.weight_rows
        self.settle(assembly.built(node.place, lambda: Residual(*inner.layers)))
        return node.outputs[0]

    def attention(self, tensor: str) -> str | None:
        """Take attention, if it begins here; return the tensor that it ends with."""
        columns = self.chain.columns
        assert columns is not None
        others = [a for a in self.axes[:2] if a in (FIRST, SECOND)]
        # Without another layer that says so, ONNX and this importer have the batch first.
        for steps in [self.steps] if self.steps else [SECOND, FIRST]:
            if steps not in others or len(others) != 2:
                continue
            what = {FIRST: FIRST, SECOND: SECOND, COLUMNS: "", steps: STEPS}
            sizes = {**self.sizes, COLUMNS: columns}
            axes = [[Atom(what[a], sizes[a])] for a in self.axes]
            found = attention(self.graph, self.chain, tensor, axes, self.effort)
            if found is not None:
                self.steps = steps
                self.settle(found.layer, columns=columns)
                self.axes = [*[a for a in others if a != steps], COLUMNS]
                self.axes.insert(found.steps, steps)
                return found.tensor
        return None

    def one(self, node: OnnxNode, tensor: str, end: str) -> OnnxNode:
        """Return a node with the only output that is used, and its number; check its inputs."""
        known = self.constants.known
        taken = [given for given in node.inputs if given and given not in known]
        if node.operator in KINDS:
            taken = [node.inputs[0], *states(node, self.constants, self.makers)]
        if len(taken) != 1:
            raise assembly.refusal(
                node.place, f"{node.operator} of {len(taken)} variables in a graph of sequences"
            )
        used = [
            k
            for k, output in enumerate(node.outputs)
            if output and (self.chain.users(output) or output == end)
        ]
        if len(used) != 1 or (used[0] and node.operator not in KINDS):
            which = excerpt(node.outputs[used[-1]] if used else "")
            raise assembly.refusal(node.place, f"the output {which} of {node.operator}")
        return node._replace(outputs=[node.outputs[used[0]], str(used[0])])

    def settle(self, *layers: Layer, columns: int | None = None) -> None:
        """Add the layers of the chain of rows, and some more, after which there are columns."""
        self.layers += layers_of(self.chain.steps, self.chain.inputs, self.chain.budget)
        self.layers += layers
        old, self.chain = self.chain, copy(self.chain)
        self.chain.steps, self.chain.marks = [], []
        self.chain.sides = [columns or old.columns]
        self.chain.inputs = self.chain.columns

    def take(self, node: OnnxNode, tensor: str) -> None:
        operator = node.operator
        if _is_embedding(node, self.constants) and node.inputs[1] == tensor:
            self.embed(node)
        elif operator in KINDS:
            self.recur(node)
        elif operator in _MOVES:
            getattr(self, operator.lower())(node)
        elif operator in _POOLS:
            self.pool(node)
        elif operator == "Add" and self.positions(node, tensor):
            pass
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
        if self.layers or self.chain.steps or COLUMNS in self.axes or self.depth:
            raise self.refuse(node)
        table = self.chain.constant(node, 0)
        assert table is not None
        W = rows_of(node, table, table.shape)
        layer = assembly.built(node.place, lambda: Embedding(len(W), len(W[0]), weights=W))
        self.settle(layer, columns=table.shape[1])
        self.axes = [*self.axes, COLUMNS]

    def positions(self, node: OnnxNode, tensor: str) -> bool:
        """Take the sum with a row for each step, perhaps the first rows of a table."""
        name = node.inputs[node.inputs[0] == tensor]
        constant, columns = self.constants.known[name], self.chain.columns
        if len(self.axes) != 3 or self.axes[2] != COLUMNS or not columns:
            return False
        shape = (1,) * (3 - len(constant.shape)) + constant.shape
        along = [i for i in (0, 1) if shape[i] > 1]
        if len(along) != 1 or len(shape) != 3 or self.axes[along[0]] not in (FIRST, SECOND):
            return False
        axis = self.axes[along[0]]
        n = self.sizes[axis]
        if shape[along[0]] != n or shape[2] != columns:
            raise self.refuse(node, f" of a constant of shape {excerpt(list(constant.shape))}")
        self.along(node, axis)
        self.chain.use(node, constant)
        rows = self.constants.tables.get(name, constant.values)
        if rows[: n * columns] != constant.values or len(rows) % columns:
            rows = constant.values
        W = assembly.matrix(
            node.place, [rows[i : i + columns] for i in range(0, len(rows), columns)]
        )
        self.settle(
            assembly.built(node.place, lambda: Positions(len(W), columns, weights=W)),
            columns=columns,
        )
        return True

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
        layer = recurrent_layer(node, self.chain, "last" if which else "all")
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
        sizes = [self.sizes[axis] for axis in axes[:-1]]
        if list(shape.values) not in (
            kept, [*kept[:-1], units], [*sizes, -1], [*sizes, units], [sizes[0], -1, units],
        ):  # fmt: skip
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
