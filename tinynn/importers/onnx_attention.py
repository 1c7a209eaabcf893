"""Attention in ONNX graphs, whatever way it is spelled: recognized by what each number depends on.

From the tensor where it begins, each following tensor is followed column by column. A number of a
query, key or value is a column of weights and a bias; a score is a sum of products of queries and
keys; a mixed number is a column of values by such scores. Reshape, Transpose, Split, Slice and the
like only move columns, whether heads have an axis of their own or share that of the batch, and
whether one product makes queries, keys and values or three do. Sizes are known here: those of the
file, or some that stand for any.
"""

from __future__ import annotations

import math
from heapq import heappop, heappush
from typing import Any, Callable, NamedTuple, Sequence, Union

from ..lesson.attention import NAMES, MultiHeadAttention
from ..lesson.matrix import Matrix, Vector
from . import assembly
from .onnx_axes import (
    STEPS,
    Atom,
    Axes,
    Followed,
    Unknown,
    columns,
    moved,
    of_columns,
    outer_and_last,
    picked,
    regrouped,
    squeezed,
    unsqueezed,
)
from .onnx_chain import Chain
from .onnx_constants import slices_of
from .onnx_model import FLOATS, OnnxGraph, OnnxNode, OnnxTensor
from .onnx_offsets import broadcast
from .onnx_steps import Budget

NODES_LIMIT = 80  # more than any spelling has
EFFORT = 2**25  # columns of all tensors that may be followed for one file
FAR = -1e4  # what is added to the scores of later steps is below
CLOSE = 1e-6  # constants in files are rounded to float32
KEYS = "keys"  # the steps that are looked at


class Column(NamedTuple):
    """A number of each step: x · w times a scale, plus b if there is one."""

    w: Vector
    scale: float = 1.0
    b: float | None = None


class Head(NamedTuple):
    """The scores of a head: the sums of Q Kᵀ, times a scale; then perhaps masked, and softmax."""

    query: Sequence[Column]
    key: Sequence[Column]
    scale: float = 1.0
    causal: bool = False
    shares: bool = False


class Mixed(NamedTuple):
    """A number that a head takes from a column of values."""

    head: Head
    value: Column


class Output(NamedTuple):
    """A number of the result: mixed numbers by w, plus b if there is one."""

    mixed: Sequence[Mixed]
    w: Vector
    b: float | None = None


class Never:
    """The answer to IsNaN, which is no."""


Item = Union[Column, Head, Mixed, Output, Never]


class Attention(NamedTuple):
    """The layer that was found, which axis of its result is that of steps, and its last tensor."""

    layer: MultiHeadAttention
    steps: int
    tensor: str


def attention(
    graph: OnnxGraph, chain: Chain, start: str, axes: Axes, effort: Budget
) -> Attention | None:
    """Return the attention that a graph computes from a tensor on, or None.

    `axes` are those of the tensor: batch and steps in either order, then columns. It is None, too,
    once the `effort` for the file is spent.
    """
    try:
        return _Follower(graph, chain, start, axes, effort).run()
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, Unknown):
        return None


class _Follower:
    """The tensors followed so far."""

    def __init__(
        self, graph: OnnxGraph, chain: Chain, start: str, axes: Axes, effort: Budget
    ) -> None:
        self.graph, self.chain, self.start = graph, chain, start
        self.width = axes[-1][0].size
        kept = [[atom for atom in axis if atom.size != 1] for axis in axes]
        self.known: dict[str, Followed] = {start: Followed(kept, range(self.width))}
        self.effort = effort
        self.constants: list[tuple[OnnxNode, int]] = []  # the inputs of nodes that are constants

    def run(self) -> Attention | None:
        users, ends = self.chain.users, self.graph.outputs
        left = {self.start: len(users(self.start))}
        waiting = self._users(self.start)
        found: tuple[str, Followed] | None = None
        for _ in range(NODES_LIMIT):
            number = heappop(waiting) if waiting else None
            node = self.graph.nodes[number] if number is not None else None
            if found is not None and (node is None or not self._goes_on(found[1], node)):
                break
            if node is None:
                return None
            for name, made in self._outputs(node):
                self._keep(node, name, made)
                left[name] = len(users(name))
                for user in self._users(name):
                    if user not in waiting:
                        heappush(waiting, user)
            for name in node.inputs:
                if name in left:
                    left[name] -= 1
            live = [name for name, count in left.items() if count or name in ends]
            last = node.outputs[0]
            made = self.known[last]
            single = live in ([last], []) and len(node.outputs) == 1
            done = single and isinstance(made.items[0], Output) and _is_plain(made.axes)
            found = (last, made) if done else None
        if found is None:
            return None
        for node, i in self.constants:
            self.chain.constant(node, i)
            if node.operator in ("MatMul", "Gemm") and i == 1:
                self.chain.weight_rows += max(self.chain.constants.known[node.inputs[1]].shape)
        assembly.check_rows(self.chain.name, self.chain.weight_rows)
        steps = [[atom.what for atom in axis] for axis in found[1].axes].index([STEPS])
        return Attention(self._layer(found[1]), steps, found[0])

    def _users(self, tensor: str) -> list[int]:
        found = sorted(set(self.chain.users(tensor)))
        if len(found) > NODES_LIMIT:
            raise Unknown
        return found

    def _goes_on(self, found: Followed, node: OnnxNode) -> bool:
        """Return whether a node only adds the bias."""
        if node.operator != "Add" or found.items[0].b is not None:
            return False
        tensors = [self.chain.constants.known.get(name) for name in node.inputs]
        return any(t is not None and t.shape[-1:] == (len(t.values),) for t in tensors)

    def _keep(self, node: OnnxNode, name: str, made: Followed) -> None:
        self.spend(len(made.items))
        self.known[name] = made
        self.chain.constants.sized(name, made.shape)

    def spend(self, numbers: int) -> None:
        """Count what is followed, or copied."""
        self.effort.left -= numbers
        if self.effort.left < 0:
            raise Unknown

    def _outputs(self, node: OnnxNode) -> list[tuple[str, Followed]]:
        known = self.chain.constants.known
        if node.operator == "Split":
            return self._split(node)
        compute = _OPERATORS.get(node.operator)
        if compute is None or len(node.outputs) != 1:
            raise Unknown
        given: list[Any] = []
        for i, name in enumerate(node.inputs):
            value = self.known.get(name) or known.get(name)
            if value is None and name:
                raise Unknown
            if isinstance(value, OnnxTensor):
                self.constants.append((node, i))
            given.append(value)
        return [(node.outputs[0], compute(self, node, given))]

    def _split(self, node: OnnxNode) -> list[tuple[str, Followed]]:
        whole = self.known[node.inputs[0]]
        axis = range(len(whole.axes))[node.attributes.get("axis", 0)]
        sizes = node.attributes.get("split")
        if len(node.inputs) > 1 and node.inputs[1]:
            sizes = self.chain.constants.known[node.inputs[1]].values
        count = len(node.outputs)
        if sizes is None:
            side = -(-whole.shape[axis] // count)
            sizes = [min(side, whole.shape[axis] - k * side) for k in range(count)]
        found, at = [], 0
        for name, size in zip(node.outputs, sizes):
            found.append((name, picked(whole, axis, range(at, at + size), False)))
            at += size
        if at != whole.shape[axis] or len(sizes) != count:
            raise Unknown
        return found

    def _layer(self, found: Followed) -> MultiHeadAttention:
        """Return the layer; its heads need to be alike, and as wide as it is all together."""
        mixed: Sequence[Mixed] = found.items[0].mixed
        width = self.width
        d = len(mixed[0].head.query)
        heads, causal = len(mixed) // d, mixed[0].head.causal
        if len(mixed) != width or len(found.items) != width or heads * d != width:
            raise Unknown
        parts: list[list[Column]] = [[], [], []]
        for start in range(0, width, d):
            head = mixed[start].head
            # A scale of 1 / √d is the layer's own; any other goes to the queries.
            rest = head.scale * math.sqrt(d)
            rest = 1.0 if abs(rest - 1.0) <= CLOSE else rest
            if len(head.query) != d or head.causal != causal or not head.shares:
                raise Unknown
            if any(m.head is not head for m in mixed[start : start + d]):
                raise Unknown
            parts[0] += [_scaled(column, rest) for column in head.query]
            parts[1] += head.key
            parts[2] += [m.value for m in mixed[start : start + d]]
        outputs = [Column(item.w, 1.0, item.b) for item in found.items]
        parts.append(outputs)
        bias = any(column.b is not None for part in parts for column in part)
        weights = [_matrix(part) for part in parts]
        layer = assembly.built(
            "attention", lambda: MultiHeadAttention(width, heads, causal, bias, weights)
        )
        for name, part in zip(NAMES, parts):
            if bias:
                layer.parts[name].b[:] = [column.b or 0.0 for column in part]
        return layer


def _matrix(columns: Sequence[Column]) -> Matrix:
    return [list(row) for row in zip(*([c.scale * w for w in c.w] for c in columns))]


def _scaled(item: Any, factor: float) -> Any:
    """Return a column or a score times a number."""
    if factor == 1.0:
        return item
    if isinstance(item, Column):
        b = None if item.b is None else item.b * factor
        return item._replace(scale=item.scale * factor, b=b)
    if isinstance(item, Head) and not item.causal and not item.shares:
        return item._replace(scale=item.scale * factor)
    raise Unknown


def _is_plain(axes: Axes) -> bool:
    """Return whether there are batch and steps, in either order, and then columns."""
    kinds = [[atom.what for atom in axis] for axis in axes]
    if len(axes) != 3 or any(kinds[2]) or [STEPS] not in kinds:
        return False
    (other,) = (kind for kind in kinds[:2] if kind != [STEPS])
    return len(other) <= 1 and "" not in other


# Operators


def _reshape(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    whole, target = given[0], given[1].values
    shape = whole.shape
    sides = [side or shape[i] for i, side in enumerate(target)]
    if sides.count(-1) == 1:
        rest = math.prod(side for side in sides if side != -1)
        sides = [math.prod(shape) // rest if side == -1 else side for side in sides]
    return regrouped(whole, sides)


def _flatten(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    shape, at = given[0].shape, node.attributes.get("axis", 1)
    return regrouped(given[0], [math.prod(shape[:at]), math.prod(shape[at:])])


def _transpose(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    whole = given[0]
    return moved(whole, node.attributes.get("perm") or list(range(len(whole.axes)))[::-1])


def _axes(node: OnnxNode, given: Sequence[Any]) -> list[int]:
    own = given[1].values if len(given) > 1 else node.attributes["axes"]
    return [int(axis) for axis in own]


def _squeeze(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    return squeezed(given[0], _axes(node, given))


def _unsqueeze(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    return unsqueezed(given[0], _axes(node, given))


def _gather(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    whole, index = given
    axis = range(len(whole.axes))[node.attributes.get("axis", 0)]
    if len(index.shape) > 1:
        raise Unknown
    return picked(whole, axis, index.values, not index.shape)


def _slice(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    whole: Followed = given[0]
    for axis, start, end, step in slices_of(node, given) or []:
        i = range(len(whole.axes))[axis]
        whole = picked(whole, i, range(whole.shape[i])[start:end:step], False)
    return whole


def _same(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    if node.operator == "Cast" and node.attributes.get("to") not in FLOATS:
        raise Unknown
    if node.operator == "Dropout" and len(given) > 2 and any(given[2].values):
        raise Unknown  # it drops in predictions, too
    found: Followed = given[0]
    return found


def _scale(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    """Multiply or divide by one number."""
    if node.operator == "Mul" and isinstance(given[0], OnnxTensor):
        given = given[::-1]
    whole, number = given
    (factor,) = number.values
    factor = 1.0 / factor if node.operator == "Div" else factor
    return Followed(whole.axes, [_scaled(item, float(factor)) for item in whole.items])


def _add(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    """Add a bias to columns, or a mask to scores."""
    whole, other = given if isinstance(given[0], Followed) else given[::-1]
    if not isinstance(other, OnnxTensor):
        raise Unknown
    if isinstance(whole.items[0], Head):
        return _masked(whole, [v < FAR for v in other.values], other, set(other.values) - {0.0})
    sides = [1 if any(a.what for a in axis) else columns(axis) for axis in whole.axes]
    if len(other.shape) > len(sides) or any(
        a.what and columns(x) > 1 for x in whole.axes for a in x
    ):
        raise Unknown
    numbers = broadcast(other, sides)
    if any(isinstance(item, (Head, Mixed, Never)) for item in whole.items):
        raise Unknown
    items = [item._replace(b=(item.b or 0.0) + b) for item, b in zip(whole.items, numbers)]
    return Followed(whole.axes, items)


def _masked(
    whole: Followed, hidden: Sequence[bool], like: OnnxTensor, others: set[float]
) -> Followed:
    """Return scores of which some are hidden: none, or those of later steps."""
    if any(not value < FAR for value in others):
        raise Unknown
    atoms = whole.atoms
    n = next(atom.size for atom in atoms if atom.what == KEYS)
    if [[a.what for a in axis] for axis in whole.axes[-2:]] != [[STEPS], [KEYS]]:
        raise Unknown
    if math.prod(like.shape[:-2]) != 1:
        raise Unknown
    flags = broadcast(OnnxTensor(like.shape[-2:], list(hidden)), [n, n])
    if not any(flags):
        return whole
    if flags != [j > i for i in range(n) for j in range(n)]:
        raise Unknown
    return Followed(whole.axes, [_hide(item) for item in whole.items])


def _hide(head: Head) -> Head:
    if head.shares:
        raise Unknown
    return head._replace(causal=True)


def _where(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    """Hide the scores of later steps, or put a number where there is nothing to replace."""
    which, then, other = given
    if isinstance(which, Followed):
        if not isinstance(which.items[0], Never) or not isinstance(other, Followed):
            raise Unknown
        return other
    scores = then if isinstance(then, Followed) else other
    number = other if scores is then else then
    if not isinstance(number, OnnxTensor) or len(number.values) != 1:
        raise Unknown
    hidden = [bool(value) != (scores is then) for value in which.values]
    if not isinstance(scores.items[0], Head):
        raise Unknown
    return _masked(scores, hidden, which, set(number.values))


def _is_nan(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    return Followed(given[0].axes, [Never()] * len(given[0].items))


def _softmax(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    whole = given[0]
    axis = node.attributes.get("axis", -1 if self.chain.opset >= 13 else 1)
    if axis not in (-1, len(whole.axes) - 1) or [a.what for a in whole.axes[-1]] != [KEYS]:
        raise Unknown
    if any(head.shares for head in whole.items):
        raise Unknown
    return Followed(whole.axes, [head._replace(shares=True) for head in whole.items])


def _gemm(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    attributes = node.attributes
    wanted = {"alpha": 1.0, "beta": 1.0, "transA": 0}
    if any(attributes.get(key, value) != value for key, value in wanted.items()):
        raise Unknown
    made = _product(self, node, given[0], given[1], bool(attributes.get("transB", 0)))
    if len(given) > 2 and given[2] is not None:
        return _add(self, node, [made, given[2]])
    return made


def _matmul(self: _Follower, node: OnnxNode, given: Sequence[Any]) -> Followed:
    a, b = given
    if not isinstance(a, Followed):
        raise Unknown
    if isinstance(b, OnnxTensor):
        return _product(self, node, a, b)
    if isinstance(a.items[0], Head):
        return _mix(a, b)
    return _scores(a, b)


def _product(
    self: _Follower, node: OnnxNode, whole: Followed, W: OnnxTensor, transposed: bool = False
) -> Followed:
    """Return the product of columns of the beginning, or of what the heads mixed, by weights."""
    inputs, outputs = W.shape[::-1] if transposed else W.shape
    if any(a.what for a in whole.axes[-1]) or len(whole.items) != inputs or not outputs:
        raise Unknown
    self.spend(len(W.values) // 8)
    values = assembly.finite(node.place, W.values)
    columns = [
        values[j * inputs : (j + 1) * inputs] if transposed else values[j::outputs]
        for j in range(outputs)
    ]
    items: list[Any]
    if isinstance(whole.items[0], Mixed):
        items = [Output(whole.items, w) for w in columns]
    elif list(whole.items) == [*range(self.width)]:
        items = [Column(w) for w in columns]
    else:
        raise Unknown
    return Followed([*whole.axes[:-1], of_columns(outputs)], items)


def _scores(a: Followed, b: Followed) -> Followed:
    """Q Kᵀ, head by head."""
    if not all(isinstance(item, Column) for item in (*a.items, *b.items)):
        raise Unknown
    (outer, (steps, d)), (other, (e, keys)) = outer_and_last(a), outer_and_last(b)
    if outer != other or [x.what for x in steps] != [STEPS] or [x.what for x in keys] != [STEPS]:
        raise Unknown
    n = columns(d)
    if any(x.what for x in (*d, *e)) or columns(e) != n:
        raise Unknown
    heads = [
        Head(tuple(a.items[i : i + n]), tuple(b.items[i : i + n]))
        for i in range(0, len(a.items), n)
    ]
    if len(a.items) != len(b.items):
        raise Unknown
    return Followed([*a.axes[:-2], steps, [Atom(KEYS, keys[0].size)]], heads)


def _mix(a: Followed, b: Followed) -> Followed:
    """A V, head by head."""
    (outer, (steps, keys)), (other, (own, d)) = outer_and_last(a), outer_and_last(b)
    if outer != other or [x.what for x in (*steps, *keys, *own)] != [STEPS, KEYS, STEPS]:
        raise Unknown
    n = columns(d)
    if any(x.what for x in d) or len(b.items) != n * len(a.items):
        raise Unknown
    if not all(isinstance(item, Column) for item in b.items):
        raise Unknown
    items = [Mixed(a.items[i // n], value) for i, value in enumerate(b.items)]
    return Followed([*a.axes[:-2], steps, d], items)


_OPERATORS: dict[str, Callable[[_Follower, OnnxNode, Sequence[Any]], Followed]] = {
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Gather": _gather,
    "Slice": _slice,
    "Identity": _same,
    "Cast": _same,
    "Dropout": _same,
    "Mul": _scale,
    "Div": _scale,
    "Add": _add,
    "Where": _where,
    "IsNaN": _is_nan,
    "Softmax": _softmax,
    "Gemm": _gemm,
    "MatMul": _matmul,
}
