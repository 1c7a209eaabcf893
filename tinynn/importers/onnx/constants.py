"""Constants that an ONNX graph computes from constants, and from the shapes of its tensors.

Exporters write weights that are transposed, shapes that are put together from the batch's size and
-1, and numbers that are cast. `GraphConstants` computes them, once each, as soon as all inputs of a
node are known. The number of rows is never known: it stands in shapes as `ROWS`. So are sizes that
a graph of sequences leaves open, each an `OpenSize`.
"""

from __future__ import annotations

import math
import struct
from typing import Any, Callable, Mapping, Sequence

from ...errors import FormatError
from .model import (
    BOOL,
    DOUBLE,
    FLOAT,
    FLOATS,
    INT64,
    STRING,
    OnnxGraph,
    OnnxNode,
    OnnxTensor,
    sound,
)
from .offsets import RANK_LIMIT, SPREAD_LIMIT, broadcast, checked, common, offsets_of, picked
from .sizes import OpenSize, UnknownSize, same_size

ROWS = None  # the number of rows, in a tensor of sizes


class GraphConstants:
    """The constants of a graph by name, and the nodes that were computed on the way.

    Time and memory are limited: all constants together may have at most twice as many numbers as
    the file, and `SPREAD_LIMIT` more.
    """

    def __init__(self, graph: OnnxGraph, users: Mapping[str, Sequence[int]]) -> None:
        self.known = dict(graph.constants)
        self.done: set[int] = set()  # indices of the nodes that are constants now
        self._nodes = graph.nodes
        self._users = users
        likes = any(node.operator == "CastLike" for node in graph.nodes)
        self._floats = _floats(graph) if likes else set()
        own = sum(len(tensor.values) for tensor in graph.constants.values())
        self._left = 2 * own + SPREAD_LIMIT
        self._unknown = [
            sum(name not in self.known for name in set(self._needed(node)) if name)
            for node in graph.nodes
        ]
        self._settle([i for i, count in enumerate(self._unknown) if not count])

    def shape_of(self, tensor: str, shape: Sequence[int | None] | None) -> None:
        """Compute all that follows from the shape of a variable; its first side may be `ROWS`."""
        if shape is None or ROWS in shape[1:]:
            return
        for i in self._users.get(tensor, ()):
            node = self._nodes[i]
            if node.operator == "Shape" and i not in self.done and len(node.outputs) == 1:
                start, stop = (node.attributes.get(key) for key in ("start", "end"))
                with sound(node):
                    values: list[Any] = list(shape)[slice(start, stop)]
                self._settle(self._keep(i, OnnxTensor((len(values),), values, INT64)))

    def users(self, tensor: str) -> list[int]:
        """Return the nodes that take a tensor and are not constants."""
        return [i for i in self._users.get(tensor, ()) if i not in self.done]

    def _keep(self, number: int, value: OnnxTensor) -> list[int]:
        """Keep the output of a node; return the nodes whose inputs are all known now."""
        output = self._nodes[number].outputs[0]
        self.done.add(number)
        self.known[output] = value
        ready = []
        for user in set(self._users.get(output, ())):
            self._unknown[user] -= output in self._needed(self._nodes[user])
            if not self._unknown[user]:
                ready.append(user)
        return ready

    def _needed(self, node: OnnxNode) -> Sequence[str]:
        """Return the inputs that a constant is computed from; one like a float stays as it is."""
        if node.operator == "CastLike" and self._floats.issuperset(node.inputs):
            return node.inputs[:1]
        return node.inputs

    def _settle(self, waiting: list[int]) -> None:
        """Compute nodes whose inputs are all known, and what follows from them."""
        while waiting:
            number = waiting.pop()
            node = self._nodes[number]
            compute = _OPERATORS.get(node.operator)
            if node.operator == "CastLike" and self._floats.issuperset(node.inputs):
                compute = _identity
            if number in self.done or compute is None or len(node.outputs) != 1:
                continue
            given = [self.known[name] if name else None for name in self._needed(node)]
            if node.operator not in _SHAPES and any(t and ROWS in t.values for t in given):
                continue
            moved = given[1:] if node.operator in _SHAPES else given
            if node.operator not in _OF_SIZES and any(map(_has_sizes, moved)):
                continue
            if not any(given) or given[0] is None:
                continue
            try:
                with sound(node):
                    value = compute(node, given)
            except UnknownSize:
                continue
            if value is None:
                continue
            self._left -= 0 if value.values is given[0].values else len(value.values)
            if self._left < 0:
                raise FormatError(
                    f"{node.place}: the file makes too many numbers of its constants; onnxsim or "
                    "onnxruntime's optimizer can compute them once and for all"
                )
            waiting += self._keep(number, value)


def _has_sizes(tensor: OnnxTensor | None) -> bool:
    """Return whether a tensor has sizes that are left open."""
    return (
        tensor is not None
        and tensor.kind == INT64
        and len(tensor.values) <= RANK_LIMIT
        and any(isinstance(value, OpenSize) for value in tensor.values)
    )


def _floats(graph: OnnxGraph) -> set[str]:
    """Return the tensors that are known to be of floats, before anything is computed."""
    found = {own.name for own in graph.inputs if own.kind in FLOATS}
    found |= {name for name, tensor in graph.constants.items() if tensor.kind in FLOATS}
    for node in graph.nodes:
        first = node.inputs[node.operator == "Where" :][:1]
        if node.operator == "Cast":
            same = node.attributes.get("to") in FLOATS
        else:
            same = node.operator not in _OTHER_TYPES and found.issuperset(first)
        if same:
            found.update(node.outputs)
    return found


def _axis(node: OnnxNode, rank: int, default: int = 0, name: str = "axis") -> int:
    return range(rank)[int(node.attributes.get(name, default))]


def _whole(tensor: OnnxTensor | None) -> list[int] | None:
    if tensor is None:
        return None
    if any(type(x) is not int and not isinstance(x, OpenSize) for x in tensor.values):
        raise ValueError
    return tensor.values


def axes_of(node: OnnxNode, given: Sequence[OnnxTensor | None]) -> list[int] | None:
    """Return the axes of Squeeze, Unsqueeze or a reduction: an attribute, or its second input."""
    axes = node.attributes.get("axes")
    if axes is None and len(given) > 1:
        axes = _whole(given[1])
    if axes is not None and any(type(axis) is not int for axis in axes):
        raise ValueError
    return axes


# Operators, one function each: the constant, or None where it cannot be computed


def _identity(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
    return given[0]  # type: ignore[no-any-return]


def _cast(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor | None:
    tensor, kind = given[0], node.attributes.get("to", FLOAT)
    if ROWS in tensor.values or _has_sizes(tensor):
        return tensor if kind in (INT64, 6) else None
    if STRING in (kind, tensor.kind):
        return tensor if kind == tensor.kind else None
    if kind in FLOATS:
        if kind == FLOAT and tensor.kind not in (FLOAT, BOOL):
            numbers = struct.pack(f"<{len(tensor.values)}f", *tensor.values)
            return OnnxTensor(tensor.shape, [*struct.unpack(f"<{len(tensor.values)}f", numbers)])
        values = tensor.values if tensor.kind in FLOATS else [*map(float, tensor.values)]
        return OnnxTensor(tensor.shape, values, kind) if kind in (FLOAT, DOUBLE) else None
    change = {BOOL: bool, INT64: int, 6: int}.get(kind)
    return None if change is None else OnnxTensor(tensor.shape, [*map(change, tensor.values)], kind)


def _transpose(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
    tensor = given[0]
    order = node.attributes.get("perm") or list(range(len(tensor.shape)))[::-1]
    if sorted(order) != list(range(len(tensor.shape))):
        raise ValueError
    offsets = offsets_of(tensor.shape)
    values = picked(tensor.values, [offsets[axis] for axis in order])
    return OnnxTensor(tuple(tensor.shape[axis] for axis in order), values, tensor.kind)


def _reshape(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
    tensor, target = given[0], _whole(given[1]) or []
    if not node.attributes.get("allowzero", 0):
        target = [side or tensor.shape[i] for i, side in enumerate(target)]
    if target.count(-1) > 1:
        raise ValueError
    rest = math.prod(side for side in target if side != -1)
    sides = [len(tensor.values) // max(rest, 1) if side == -1 else side for side in target]
    if math.prod(checked(sides)) != len(tensor.values):
        raise ValueError
    return tensor._replace(shape=tuple(sides))  # type: ignore[no-any-return]


def _flatten(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
    tensor = given[0]
    axis = range(len(tensor.shape) + 1)[node.attributes.get("axis", 1)]
    sides = math.prod(tensor.shape[:axis]), math.prod(tensor.shape[axis:])
    return tensor._replace(shape=sides)  # type: ignore[no-any-return]


def _squeeze(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
    tensor, rank = given[0], len(given[0].shape)
    axes = axes_of(node, given)
    gone = {i for i, side in enumerate(tensor.shape) if side == 1}
    if axes is not None:
        wanted = {range(rank)[axis] for axis in axes}
        if not wanted <= gone:
            raise ValueError
        gone = wanted
    sides = tuple(side for i, side in enumerate(tensor.shape) if i not in gone)
    return tensor._replace(shape=sides)  # type: ignore[no-any-return]


def _unsqueeze(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
    tensor, axes = given[0], axes_of(node, given) or []
    rank = len(tensor.shape) + len(axes)
    if rank > RANK_LIMIT:
        raise ValueError
    new = {range(rank)[axis] for axis in axes}
    sides = iter(tensor.shape)
    shape = tuple(1 if i in new else next(sides) for i in range(rank))
    return tensor._replace(shape=shape)  # type: ignore[no-any-return]


def _concat(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
    rank = len(given[0].shape)
    axis = _axis(node, rank)
    shapes = {(*t.shape[:axis], *t.shape[axis + 1 :]) for t in given}
    if len(shapes) != 1 or any(len(t.shape) != rank for t in given):
        raise ValueError
    values: list[Any] = []
    for i in range(math.prod(given[0].shape[:axis])):
        for t in given:
            size = math.prod(t.shape[axis:])
            values += t.values[i * size : (i + 1) * size]
    shape = list(given[0].shape)
    shape[axis] = sum(t.shape[axis] for t in given)
    return OnnxTensor(tuple(shape), values, given[0].kind)


def _gather(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
    tensor, indices = given
    axis = _axis(node, len(tensor.shape))
    axes = offsets_of(tensor.shape)
    own = axes[axis]
    axes[axis] = [own[i] for i in _whole(indices) or []]
    shape = (*tensor.shape[:axis], *indices.shape, *tensor.shape[axis + 1 :])
    return OnnxTensor(shape, picked(tensor.values, axes), tensor.kind)


def slices_of(
    node: OnnxNode, given: Sequence[OnnxTensor | None]
) -> list[tuple[int, int, int, int]] | None:
    """Return (axis, start, end, step) for each axis of a Slice, or None if they are not known."""
    if "starts" in node.attributes:  # before operator set 10
        starts, ends, axes = (node.attributes.get(key) for key in ("starts", "ends", "axes"))
        steps = None
    else:
        starts, ends, axes, steps = (
            _whole(given[i]) if i < len(given) else None for i in (1, 2, 3, 4)
        )
    if starts is None or ends is None:
        return None
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise ValueError
    return list(zip(axes, starts, ends, steps))


def _slice(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor | None:
    tensor, parts = given[0], slices_of(node, given)
    if parts is None:
        return None
    axes = offsets_of(tensor.shape)
    for axis, start, end, step in parts:
        axes[axis] = axes[axis][start:end:step]  # as Python slices, for steps of both signs
    return OnnxTensor(tuple(map(len, axes)), picked(tensor.values, axes), tensor.kind)


def label_table(node: OnnxNode) -> tuple[list[Any], list[Any], Any] | None:
    """Return the keys and values of a LabelEncoder, and the value of others; None if unequal."""
    attributes = node.attributes

    def listed(what: str) -> tuple[list[Any], str]:
        for kind in ("string", "int64", "float"):
            if attributes.get(f"{what}_{kind}s"):
                return list(attributes[f"{what}_{kind}s"]), kind
        tensor = attributes.get(f"{what}_tensor")
        if not isinstance(tensor, OnnxTensor):
            return [], "string"
        names = {STRING: "string", FLOAT: "float", DOUBLE: "float"}
        return list(tensor.values), names.get(tensor.kind, "int64")

    keys, _ = listed("keys")
    values, kind = listed("values")
    rest: Any = {"string": "_Unused", "int64": -1, "float": -0.0}[kind]
    rest = attributes.get(f"default_{kind}", rest)
    default = attributes.get("default_tensor")
    if isinstance(default, OnnxTensor) and len(default.values) == 1:
        rest = default.values[0]
    return (keys, values, rest) if keys and len(keys) == len(values) else None


def _labelled(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor | None:
    found = label_table(node)
    if found is None:
        return None
    keys, values, rest = found
    table = dict(zip(keys, values))
    kind = {str: STRING, int: INT64}.get(type(rest), FLOAT)
    return OnnxTensor(given[0].shape, [table.get(x, rest) for x in given[0].values], kind)


def _shape(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
    start, stop = (node.attributes.get(key) for key in ("start", "end"))
    sides = list(given[0].shape)[slice(start, stop)]
    return OnnxTensor((len(sides),), sides, INT64)


def _expand(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
    shape = common([given[0], OnnxTensor(tuple(checked(_whole(given[1]) or [])), [])])
    return OnnxTensor(shape, broadcast(given[0], shape), given[0].kind)


def _filled(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
    """ConstantOfShape."""
    shape = checked(_whole(given[0]) or [])
    one = node.attributes.get("value", OnnxTensor((1,), [0.0]))
    if math.prod(shape) > SPREAD_LIMIT or len(one.values) != 1:
        raise ValueError
    return OnnxTensor(shape, one.values * math.prod(shape), one.kind)


def _reduced(reduce: Callable[[Sequence[Any]], Any]) -> Callable[..., OnnxTensor]:
    """Return the operator that reduces a tensor along some axes, by default along all."""

    def compute(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
        tensor, rank = given[0], len(given[0].shape)
        axes = axes_of(node, given)
        gone = set(range(rank)) if not axes else {range(rank)[axis] for axis in axes}
        offsets = offsets_of(tensor.shape)
        inner = picked(range(len(tensor.values)), [offsets[i] for i in range(rank) if i in gone])
        outer = picked(
            range(len(tensor.values)), [offsets[i] for i in range(rank) if i not in gone]
        )
        values = [reduce([tensor.values[o + i] for i in inner]) for o in outer]
        sides = [1 if i in gone else side for i, side in enumerate(tensor.shape)]
        if not node.attributes.get("keepdims", 1):
            sides = [side for i, side in enumerate(tensor.shape) if i not in gone]
        return OnnxTensor(tuple(sides), values, tensor.kind)

    return compute


def _quotient(a: Any, b: Any) -> Any:
    if isinstance(a, int) and isinstance(b, int):  # towards 0, as integers are divided in ONNX
        return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
    return a / b


def _each(function: Callable[..., Any], kind: int | None = None) -> Callable[..., OnnxTensor]:
    """Return the operator that applies a function to each number of tensors that broadcast."""

    def compute(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
        shape = common(given)
        values = [function(*xs) for xs in zip(*(broadcast(tensor, shape) for tensor in given))]
        return OnnxTensor(shape, values, kind or given[-1].kind)

    return compute


def _power(a: float, b: float) -> float:
    return math.pow(a, b)


def _range(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor | None:
    if any(tensor.kind in FLOATS for tensor in given):
        return None
    start, stop, step = (int(x) for tensor in given for x in _whole(tensor) or [])
    values = range(start, stop, step)
    if len(values) > SPREAD_LIMIT:
        raise ValueError
    return OnnxTensor((len(values),), list(values), given[0].kind)


def _remainder(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
    """The remainder has the sign of the divisor, as in Python, unless `fmod` asks for C's."""
    like_c = node.attributes.get("fmod", 0)
    return _each(math.fmod if like_c else lambda a, b: a % b)(node, given)


def _triangle(node: OnnxNode, given: Sequence[Any]) -> OnnxTensor:
    """The part above or below a diagonal of the last two axes; the rest is 0."""
    tensor, k = given[0], given[1].values[0] if len(given) > 1 and given[1] else 0
    rows, columns = tensor.shape[-2:]
    upper = node.attributes.get("upper", 1)
    values = list(tensor.values)
    for place in range(len(values)):
        i, j = place // columns % rows, place % columns
        if (j - i < k) if upper else (j - i > k):
            values[place] = type(values[place])(0)
    return tensor._replace(values=values)  # type: ignore[no-any-return]


# Their outputs need not be of the type of their inputs.
_OTHER_TYPES = {
    "Shape", "Size", "ArgMax", "ArgMin", "NonZero", "Less", "LessOrEqual", "Greater",
    "GreaterOrEqual", "Equal", "IsNaN", "IsInf", "CastLike", "Constant", "ConstantOfShape",
    "ai.onnx.ml.LabelEncoder", "ai.onnx.ml.ArrayFeatureExtractor", "QuantizeLinear",
}  # fmt: skip
# Those that also take ROWS among the numbers.
_SHAPES = {"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Concat", "Gather", "Slice"}
# And those that also take sizes which are left open.
_OF_SIZES = {"Add", "Concat", "Mul", "Div", "Equal", "Where", "ReduceProd", "Sub"}
_OPERATORS: dict[str, Callable[[OnnxNode, Sequence[Any]], OnnxTensor | None]] = {
    "Identity": _identity,
    "Cast": _cast,
    "Transpose": _transpose,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": _concat,
    "Gather": _gather,
    "Slice": _slice,
    "Shape": _shape,
    "ai.onnx.ml.LabelEncoder": _labelled,
    "Expand": _expand,
    "ConstantOfShape": _filled,
    "ReduceProd": _reduced(math.prod),
    "ReduceSum": _reduced(sum),
    "ReduceMax": _reduced(max),
    "ReduceMin": _reduced(min),
    "ReduceMean": _reduced(lambda xs: math.fsum(xs) / len(xs)),
    "ReduceL2": _reduced(lambda xs: math.sqrt(math.fsum(x * x for x in xs))),
    "Add": _each(lambda a, b: a + b),
    "Sub": _each(lambda a, b: a - b),
    "Mul": _each(lambda a, b: a * b),
    "Div": _each(_quotient),
    "Pow": _each(_power),
    "Sum": _each(lambda *xs: sum(xs)),
    "Max": _each(lambda *xs: max(xs)),
    "Min": _each(lambda *xs: min(xs)),
    "Neg": _each(lambda a: -a),
    "Abs": _each(abs),
    "Sqrt": _each(math.sqrt),
    "Exp": _each(math.exp),
    "Log": _each(math.log),
    "Reciprocal": _each(lambda a: 1.0 / a),
    "Equal": _each(same_size, BOOL),
    "Where": _each(lambda which, a, b: a if which else b),
    "Less": _each(lambda a, b: a < b, BOOL),
    "LessOrEqual": _each(lambda a, b: a <= b, BOOL),
    "Greater": _each(lambda a, b: a > b, BOOL),
    "GreaterOrEqual": _each(lambda a, b: a >= b, BOOL),
    "And": _each(lambda a, b: a and b, BOOL),
    "Or": _each(lambda a, b: a or b, BOOL),
    "Not": _each(lambda a: not a, BOOL),
    "IsNaN": _each(lambda a: a != a, BOOL),
    "Range": _range,
    "Mod": _remainder,
    "Trilu": _triangle,
}


def names() -> set[str]:
    """Return the operators that constants are computed by."""
    return {*_OPERATORS}
