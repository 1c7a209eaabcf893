"""ONNX graphs of sequences: with RNN, LSTM, GRU, attention, or a Gather of a table's rows by kinds.

Such a graph has an axis of steps, one of the sequences of a batch, and mostly one of columns, which
are put into any order and divided in any way. Here each tensor's axes are known by what they are,
so that the graph becomes one of rows: without its axes, and with a layer of sequences where it
mixes steps. The graph of rows is read as that of a table.
"""

from __future__ import annotations

import math
from typing import Any, Callable, Sequence

from ...checks.words import excerpt, listed
from ...errors import FormatError
from ...lesson.layer import Layer
from ...lesson.sequences import Embedding
from .. import assembly
from . import masks, patterns
from .attention import Scores, scored, scores_of
from .axes import (
    COLUMNS,
    FIRST,
    SECOND,
    Atom,
    Axes,
    Axis,
    View,
    regrouped,
    sizes_of,
    steps_along,
)
from .chain import Chain
from .constants import GraphConstants
from .layout import FixedSize
from .masks import Filled
from .model import FLOATS, LAST_AXIS_OPSET, OnnxGraph, OnnxInput, OnnxNode, OnnxTensor, sound
from .recurrent import KINDS, recurrent_layer, rows_of_constant
from .rows import RowReader
from .sizes import OpenSize, UnknownSize, divided
from .steps import layers_of
from .walk import GraphWalk


def reads_sequences(graph: OnnxGraph, constants: GraphConstants) -> bool:
    """Return whether a graph is one of sequences: no table and no images are read like these."""
    shape = graph.inputs[0].shape or []
    return len(shape) in (2, 3) and any(
        node.operator in KINDS
        or node.operator == "Attention"
        or _is_lookup(node, constants)
        or (
            node.operator in ("MatMul", "Einsum")
            and len(shape) == 3
            and not any(name in constants.known for name in node.inputs)
        )
        for node in graph.nodes
    )


def sequence_layers(
    graph: OnnxGraph, constants: GraphConstants, end: str, name: str
) -> list[Layer]:
    """Return the layers from a graph's input to the tensor `end`.

    Raises FormatError, naming the node, for what is no chain of known operators.
    """
    if len(graph.inputs) != 1:
        raise FormatError(f"{name} needs one input, got {listed([i.name for i in graph.inputs])}")
    source = graph.inputs[0]
    while True:  # each time with one more size that the file turns out to fix
        try:
            reader = _Reader(graph, constants, source, name)
            last = reader.run(end)
            break
        except FixedSize as error:
            sizes = list(source.shape or [])
            sizes[(FIRST, SECOND, COLUMNS).index(error.kind)] = error.size
            source = source._replace(shape=sizes)
            constants = GraphConstants(graph, patterns.users_of(graph))
    source = OnnxInput(source.name, 1, [None, reader.inputs])
    nodes = _leading_to(list(reader.rows.made.values()), last)[0]
    rows = OnnxGraph(nodes, constants.known, [source], [last], graph.opset, graph.producer)
    known = GraphConstants(rows, patterns.users_of(rows))
    chain = Chain(known, source, graph.opset, name)
    chain.budget, chain.weight_rows = reader.rows.budget, reader.rows.weight_rows
    GraphWalk(rows, known, last, name).go(chain, source.name, last)
    return layers_of(chain.steps, chain.inputs, chain.budget)


def _by_steps(node: OnnxNode) -> FormatError:
    what = f"{node.operator} of numbers that depend on how many steps there are"
    return assembly.refusal(node.place, what)


def _is_lookup(node: OnnxNode, constants: GraphConstants) -> bool:
    """Return whether a node takes rows of a table by numbers that vary."""
    if node.operator != "Gather" or len(node.inputs) != 2 or node.inputs[1] in constants.known:
        return False
    table = constants.known.get(node.inputs[0])
    rows = node.attributes.get("axis", 0) in (0, -2)
    return table is not None and len(table.shape) == 2 and table.kind in FLOATS and rows


def _leading_to(nodes: Sequence[OnnxNode], end: str) -> tuple[list[OnnxNode], set[str]]:
    """Return the nodes that lead to a tensor, in order, and the tensors on the way."""
    needed = {end}
    found = []
    for node in reversed(nodes):
        if not needed.isdisjoint(filter(None, node.outputs)):
            found.append(node)
            needed.update(filter(None, node.inputs))
    return found[::-1], needed


class _Reader(RowReader):
    """What each node of a graph of sequences makes of the tensors before it."""

    def __init__(
        self, graph: OnnxGraph, constants: GraphConstants, source: OnnxInput, name: str
    ) -> None:
        super().__init__(graph, constants, source, name)
        shape = source.shape or []
        if len(shape) not in (2, 3):
            raise assembly.refusal(name, f"sequences of the shape {excerpt(source.shape)}")
        kinds = (FIRST, SECOND, COLUMNS)[: len(shape)]
        axes = tuple(
            (Atom(kind, side or OpenSize(1, (kind,)), int(kind == COLUMNS)),)
            for kind, side in zip(kinds, shape)
        )
        self.inputs = shape[2] if len(shape) == 3 else 1
        columns = sizes_of(axes)[2] if len(shape) == 3 else 1
        self.rows.columns[source.name] = self.inputs
        self.values[source.name] = View(source.name, axes, columns)
        self.needed: set[str] = set()

    def run(self, end: str) -> str:
        """Take all nodes that lead to a tensor; return its name in the graph of rows."""
        nodes, self.needed = _leading_to(self.graph.nodes, end)
        self._tell(self.source)
        for node in nodes:
            if any(output in self.constants.known for output in node.outputs):
                continue
            try:
                with sound(node):
                    found = self.take(node)
            except UnknownSize:
                raise _by_steps(node) from None
            for output, value in zip(node.outputs, found):
                if output and value is not None:
                    self.values[output] = value
                    self._tell(output)
        value = self.values.get(end)
        if not isinstance(value, View):
            raise FormatError(
                f"{self.name}: its nodes do not lead from {excerpt(self.source)} to the output"
            )
        if value.whole is None:
            last = nodes[-1] if nodes else None
            raise assembly.refusal(
                last.place if last else self.name, f"an output of {self.words(value.axes)}"
            )
        return self.ready(value).name

    def _tell(self, tensor: str) -> None:
        """Let the constants know the shape of a tensor."""
        value = self.values[tensor]
        axes = getattr(value, "axes", None)
        try:
            sizes = value.sizes if axes is None else sizes_of(axes)
        except UnknownSize:
            return
        self.constants.shape_of(tensor, list(sizes))

    def take(self, node: OnnxNode) -> list[Any]:
        """Return what the outputs of a node are."""
        given = [self._given(node, name) for name in node.inputs]
        operator = node.operator
        if operator in KINDS:
            return self.recur(node, given)
        if operator == "Attention":
            return [self.attend(node, given)]
        if any(isinstance(value, (View, Scores)) for value in given):
            read = _READERS.get(operator)
            if read is not None:
                found = read(self, node, given)
                return found if isinstance(found, list) else [found]
            if any(isinstance(value, Scores) for value in given):
                return [self.of_scores(node, given)]
            return [self.of_rows(node, given)]
        value = masks.computed(node, given, self.rules)
        if value is None:
            raise _by_steps(node)
        return [value]

    def _given(self, node: OnnxNode, name: str) -> Any:
        if not name:
            return None
        value = self.values.get(name)
        value = self.constants.known.get(name) if value is None else value
        if value is None:
            raise assembly.refusal(node.place, f"{node.operator} of the unknown {excerpt(name)}")
        return value

    def product(self, node: OnnxNode, given: Sequence[Any]) -> Any:
        """MatMul and Gemm: of rows by weights, or of steps by each other."""
        left, right = given[:2]
        if isinstance(left, Scores) and isinstance(right, View) and left.shares:
            return self._mixed(node, left, right)
        if isinstance(left, View) and isinstance(right, View) and node.operator == "MatMul":
            scores = scores_of(left, right)
            if scores is not None:
                self.along(node, left, steps_along(left.axes[-2]))
                return scores
        if not isinstance(left, View) or not isinstance(right, OnnxTensor):
            what = "no attention of a sequence to itself"
            raise assembly.refusal(node.place, f"{node.operator} of two variables, {what},")
        view = self.ready(left)
        n = len(view.axes)
        if view.whole != n - 1 or (node.operator == "Gemm" and n != 2) or len(right.shape) != 2:
            raise self.refuse(node, view)
        columns = right.shape[0 if node.attributes.get("transB", 0) else 1]
        axes = (*view.axes[:-1], (Atom(COLUMNS, columns, 1),))
        names = [view.name, *node.inputs[1:]]
        for i, value in enumerate(given[2:], 2):
            if value is not None:
                like = view._replace(axes=axes, columns=columns)
                names[i] = self.by_column(node, names[i], value, like)
        return self.emit(node, names, view, columns, axes)

    def einsum(self, node: OnnxNode, given: Sequence[Any]) -> Any:
        """A product of two tensors along one axis, which is a MatMul once their axes are moved."""
        left, right = given
        words = str(node.attributes.get("equation", "")).replace(" ", "").replace("->", ",")
        a, b, result = words.split(",")
        common = [x for x in result if x in a and x in b]
        along = [x for x in a if x in b and x not in result]
        rows, columns = ([x for x in own if x not in (*common, *along)] for own in (a, b))
        orders = ([*common, *rows, *along], [*common, *along, *columns])
        result_order = [*common, *rows, *columns]
        single = [len(x) for x in (along, rows, columns)] == [1, 1, 1]
        for value, own, order in ((left, a, orders[0]), (right, b, orders[1])):
            if not single or isinstance(value, OnnxTensor) or sorted(order) != sorted(own):
                raise self.refuse(node, left if value is right else value, f" {excerpt(words)}")
        moved = [
            value._replace(axes=tuple(value.axes[own.index(x)] for x in order))
            for value, own, order in ((left, a, orders[0]), (right, b, orders[1]))
        ]
        made = self.product(node._replace(operator="MatMul"), moved)
        return made._replace(axes=tuple(made.axes[result_order.index(x)] for x in result))

    # What mixes steps

    def of_scores(self, node: OnnxNode, given: Sequence[Any]) -> Scores | Filled:
        """Return what an operator makes of the scores of attention."""
        value = next(value for value in given if isinstance(value, Scores))
        usual = 1 if self.graph.opset < LAST_AXIS_OPSET else -1
        axis = node.attributes.get("axis", usual)
        found = scored(node, given, axis in (-1, len(value.axes) - 1), self.rules)
        if found is None:
            raise self.refuse(node, value)
        return found

    def _mixed(self, node: OnnxNode, scores: Scores, V: View) -> View:
        base, step, like = self.rows.attention(node, scores, V)
        return self.layer(node, step, like._replace(name=base), like.axes, like.columns)

    def attend(self, node: OnnxNode, given: Sequence[Any]) -> View:
        """ONNX's Attention: batch × steps × columns, or batch × heads × steps × columns."""
        a = node.attributes
        Q, K, V, mask, *past = [*given, None, None, None][:6]
        known = {"is_causal", "scale", "q_num_heads", "kv_num_heads", "softmax_precision",
                 "softcap", "qk_matmul_output_mode"}  # fmt: skip
        if set(a) - known:
            raise assembly.refusal(node.place, f"Attention with {listed(sorted(set(a) - known))}")
        assembly.check_settings(node.place, "Attention", a, {"softcap": 0.0})
        if any(value is not None for value in past):
            raise assembly.refusal(node.place, "Attention with keys and values of the past")
        if any(output in self.needed for output in node.outputs[1:]):
            raise assembly.refusal(node.place, "a further output of Attention")
        if not all(isinstance(value, View) for value in (Q, K, V)):
            raise assembly.refusal(node.place, "Attention of constants")
        flat = len(Q.axes) == 3
        heads = a.get("q_num_heads") if flat else sizes_of(Q.axes)[1]
        of_keys = a.get("kv_num_heads") if flat else sizes_of(K.axes)[1]
        repeats = divided(heads, of_keys)
        views = []
        for value, count in ((Q, heads), (K, of_keys), (V, of_keys)):
            axes: Axes | None = value.axes
            if flat:
                sizes = sizes_of(value.axes)
                d = divided(sizes[-1], count)
                axes = regrouped(value.axes, [*sizes[:-1], count, d]) if d else None
                axes = None if axes is None else (axes[0], axes[2], axes[1], axes[3])
            if axes is None or len(axes) != 4 or not repeats:
                raise self.refuse(node, value, f" with {excerpt(count)} heads")
            if count is not heads:
                axes = (axes[0], (*axes[1], Atom(COLUMNS, repeats, 0)), *axes[2:])
            views.append(value._replace(axes=axes))
        Q, K, V = views
        scores = scores_of(Q, K._replace(axes=(*K.axes[:2], K.axes[3], K.axes[2])))
        if scores is None:
            raise assembly.refusal(node.place, "Attention of a sequence to another")
        self.along(node, Q, steps_along(Q.axes[2]))
        scale = a.get("scale") or 1.0 / math.sqrt(sizes_of(Q.axes)[3])
        scores = scores._replace(scale=scores.scale * scale)
        if a.get("is_causal", 0):
            scores = scores._replace(added=(0.0, 0.0, -math.inf))
        if mask is not None:
            rule = self.rules.filled(mask)
            if rule is not None and type(rule.values[0]) is bool:
                rule = rule._replace(values=tuple(0.0 if x else -math.inf for x in rule.values))
            add = node._replace(operator="Add")
            found = scored(add, [scores, rule], True, self.rules)
            if not isinstance(found, Scores):
                raise assembly.refusal(node.place, "Attention with such a mask")
            scores = found
        mixed = self._mixed(node, scores._replace(shares=True), V)
        if not flat:
            return mixed
        B, H, T, D = mixed.axes
        return mixed._replace(axes=(B, T, (*H, *D)))

    def recur(self, node: OnnxNode, given: Sequence[Any]) -> list[Any]:
        """RNN, LSTM and GRU."""
        view = given[0]
        if not isinstance(view, View) or len(view.axes) != 3 or view.whole != 2:
            raise self.refuse(node, view)
        if len(given) > 4 and given[4] is not None:
            raise assembly.refusal(node.place, f"{node.operator} with the lengths of sequences")
        if any(value is not None and self.number(value) != 0.0 and any(
            getattr(value, "values", (1.0,))) for value in given[5:7]):  # fmt: skip
            raise assembly.refusal(node.place, f"{node.operator} that does not begin with zeros")
        view = self.ready(view)
        layout = node.attributes.get("layout", 0)
        batch, steps = view.axes[:2] if layout else view.axes[1::-1]
        self.along(node, view, steps_along(steps))
        wanted = [i for i, output in enumerate(node.outputs) if output in self.needed]
        if len(wanted) != 1:
            raise assembly.refusal(node.place, f"several outputs of {node.operator}")
        (which,) = wanted
        if which > 1:
            raise assembly.refusal(node.place, f"the cell of {node.operator} as an output")
        step = recurrent_layer(node, self.ledger, "last" if which else "all")
        columns = (Atom(COLUMNS, step.units, 1),)
        one: Axis = ()
        axes: Axes
        if which:
            axes = (batch, one, columns) if layout else (one, batch, columns)
        else:
            axes = (batch, steps, one, columns) if layout else (steps, one, batch, columns)
        made = node._replace(outputs=node.outputs[which:])
        found = self.layer(made, step, view, axes, step.units)
        return [*[None] * which, found]

    def gather(self, node: OnnxNode, given: Sequence[Any]) -> View:
        """Rows of a table by kinds, the last step, or one of several parts of the columns."""
        value, index = given
        if isinstance(index, View):
            return self._embed(node, value, index)
        numbers = index.values if isinstance(index, OnnxTensor) else []
        i = self.axis(node, value, node.attributes.get("axis", 0))
        if not isinstance(index, OnnxTensor) or index.shape not in ((), (1,)):
            raise self.refuse(node, value)
        rest: list[Axis] = [()] * len(index.shape)
        return self.one_of(node, value, i, numbers[0], rest)

    def gather_nd(self, node: OnnxNode, given: Sequence[Any]) -> View:
        """A Gather along the first axis, which exporters write for one index in a list."""
        value, index = given
        if not isinstance(index, OnnxTensor) or index.shape != (1, 1):
            raise self.refuse(node, value)
        if node.attributes.get("batch_dims", 0) or not isinstance(value, View):
            raise self.refuse(node, value)
        return self.one_of(node, value, 0, index.values[0], [()])

    def _embed(self, node: OnnxNode, table: Any, index: View) -> View:
        if index.name != self.source or index.columns != 1 or not isinstance(table, OnnxTensor):
            raise self.refuse(node, index)
        if node.attributes.get("axis", 0) not in (0, -2) or len(table.shape) != 2:
            raise self.refuse(node, index)
        self.ledger.use(node, table)
        W = rows_of_constant(node, table, table.shape)
        step = assembly.built(node.place, lambda: Embedding(len(W), len(W[0]), weights=W))
        axes = (*index.axes, (Atom(COLUMNS, table.shape[1], 1),))
        return self.layer(node, step, index, axes, table.shape[1])


_READERS: dict[str, Callable[..., Any]] = {
    "MatMul": _Reader.product,
    "Gemm": _Reader.product,
    "Einsum": _Reader.einsum,
    "Gather": _Reader.gather,
    "GatherND": _Reader.gather_nd,
    "Transpose": _Reader.transpose,
    "Squeeze": _Reader.squeeze,
    "Unsqueeze": _Reader.unsqueeze,
    "Reshape": _Reader.reshape,
    "Flatten": _Reader.flatten,
    "Expand": _Reader.expand,
    "Slice": _Reader.slice,
    "Split": _Reader.split,
}


def names() -> set[str]:
    """Return the operators that graphs of sequences are made of, beside those of rows."""
    return {*_READERS, *KINDS, "Attention", *masks.names()}
