"""The contents of an ONNX file as plain Python: one graph, its operators and its constants.

Source: onnx/onnx, onnx.proto (the field numbers).
"""

from __future__ import annotations

import struct
import sys
from array import array
from contextlib import contextmanager
from typing import Any, Iterator, NamedTuple

from ...checks.words import excerpt, listed
from ...errors import FormatError, TinynnError
from ...files.foreign import described
from ...files.protobuf import Message
from ...files.short_numbers import BFLOAT16, short_floats
from .sizes import UnknownSize

# By ONNX's type number: name, size in bytes, letter for `struct`.
TYPES = {
    1: ("FLOAT", 4, "f"), 11: ("DOUBLE", 8, "d"), 10: ("FLOAT16", 2, "e"),
    16: ("BFLOAT16", 2, BFLOAT16), 7: ("INT64", 8, "q"), 6: ("INT32", 4, "i"), 9: ("BOOL", 1, "?"),
    8: ("STRING", 0, ""),
}  # fmt: skip
FLOATS = (1, 11, 10, 16)
FLOAT, INT64, STRING, BOOL, DOUBLE = 1, 7, 8, 9, 11
EXTERNAL = 1  # data_location: the numbers are in another file
COUNT_LIMIT = 2**31  # numbers in a tensor: no file of this format can hold more
RANK_LIMIT = 64  # dimensions of the input
HALVES_LIMIT = 1_000_000  # numbers of 16 bits in a tensor that are written as integers
WHOLE_LIMIT = 100_000  # whole numbers or texts in a tensor: shapes, axes and labels, not weights
NODES_LIMIT, EDGES_LIMIT, TENSORS_LIMIT = 20_000, 200_000, 100_000  # no real model has more
LATEST_OPSET = 21  # of those in which an operator here changed
LAST_AXIS_OPSET = 13  # from here on, Softmax is along one axis
BY_CHANNEL_OPSET = 21  # from here on, GroupNormalization has a scale for each channel
LEAST_OPSET = 7  # before it, Add and Mul broadcast differently


class OnnxTensor(NamedTuple):
    """A constant: its shape, its numbers or texts in one list in row-major order, and its type."""

    shape: tuple[int, ...]
    values: list[Any]
    kind: int = FLOAT


class OnnxNode(NamedTuple):
    """An operator. `place` names it in messages; an attribute of an unsupported type is None."""

    place: str
    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


@contextmanager
def sound(node: OnnxNode) -> Iterator[None]:
    """Raise FormatError, naming the node, where its inputs or attributes are of a wrong kind."""
    try:
        yield
    except (TinynnError, UnknownSize):
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise FormatError(
            f"{node.place}: {node.operator} cannot have such inputs or attributes"
        ) from None


class OnnxInput(NamedTuple):
    """An input of a graph: its name, the type of its numbers, and its shape as far as known."""

    name: str
    kind: int
    shape: list[int | None] | None


class OnnxGraph(NamedTuple):
    """A graph with at least one output, and at least one input that is not a constant.

    The nodes that only give a constant another name are left out.
    """

    nodes: list[OnnxNode]
    constants: dict[str, OnnxTensor]
    inputs: list[OnnxInput]
    outputs: list[str]
    opset: int
    producer: str  # the program that wrote the file


def parse(data: bytes, name: str) -> OnnxGraph:
    """Return the graph in the bytes of an ONNX file; messages call it `name`.

    Raises FormatError, naming the byte or the tensor, if the bytes are not an ONNX file, or hold
    anything but one graph with inputs and outputs.
    """
    what = described(data, name)
    if what:
        raise FormatError(what)
    model = Message(data, name)
    graph = model.message(7)
    if graph is None:
        raise FormatError(f"{name} is not an ONNX model: it has no graph")
    for number, what, most in (
        (1, "nodes", NODES_LIMIT), (5, "tensors", TENSORS_LIMIT), (11, "inputs", TENSORS_LIMIT),
        (12, "outputs", TENSORS_LIMIT),
    ):  # fmt: skip
        if graph.count(number) > most:
            raise FormatError(f"{name} needs at most {most:,} {what}, got {graph.count(number):,}")
    opset = _opset(model, name)
    constants: dict[str, OnnxTensor] = {}
    for tensor in graph.messages(5):
        key = tensor.text(8)
        _new(constants, key, name)
        constants[key] = read_tensor(tensor, f"{name}, tensor {excerpt(key)}")
    if graph.has(15):
        raise FormatError(f"{name} has sparse tensors, which cannot be read")
    nodes, made, edges = [], set(constants), 0
    for i, message in enumerate(graph.messages(1)):
        node = _node(message, i, name)
        edges += len(node.inputs) + len(node.outputs)
        if edges > EDGES_LIMIT:
            raise FormatError(f"{name} needs at most {EDGES_LIMIT:,} inputs and outputs of nodes")
        for output in node.outputs:
            if output in made:
                raise FormatError(f"{node.place}: {excerpt(output)} is the output of two nodes")
            if output:
                made.add(output)
        if node.operator == "Constant":
            constants[node.outputs[0] if node.outputs else ""] = _constant(node)
        elif node.operator == "Identity" and node.inputs[:1] and node.inputs[0] in constants:
            constants[node.outputs[0] if node.outputs else ""] = constants[node.inputs[0]]
        else:
            nodes.append(node)
    inputs = [_input(value, name) for value in graph.messages(11) if value.text(1) not in constants]
    outputs = [m.text(1) for m in graph.messages(12)]
    if not inputs or not outputs:
        raise FormatError(
            f"{name} needs an input and an output, got the inputs "
            f"{excerpt([i.name for i in inputs], 200)} and the outputs {excerpt(outputs, 200)}"
        )
    seen: set[str] = set()
    for own in inputs:
        if own.name in made:
            raise FormatError(f"{name}: its input {excerpt(own.name)} is also the output of a node")
        if own.name in seen:
            raise FormatError(f"{name} has two inputs {excerpt(own.name)}")
        seen.add(own.name)
    return OnnxGraph(nodes, constants, inputs, outputs, opset, model.text(2))


def read_tensor(tensor: Message, where: str) -> OnnxTensor:
    """Return a TensorProto's shape and numbers. Raises FormatError if the two do not match."""
    shape = tuple(tensor.integers(1))
    kind = tensor.integer(2)
    if kind not in TYPES:
        known = ", ".join(name for name, _, _ in TYPES.values())
        raise FormatError(f"{where} has numbers of type {kind}; these can be read: {known}")
    if tensor.integer(14) == EXTERNAL or tensor.has(13):
        raise FormatError(
            f"{where} has its numbers in another file; save the model with all data inside: "
            "onnx.save(onnx.load(path), path)"
        )
    count = 1
    for side in shape:
        count *= side
        if side < 0 or count > COUNT_LIMIT:
            raise FormatError(
                f"{where} has the shape {excerpt(list(shape))}, which no file can hold"
            )
    if kind not in FLOATS and count > WHOLE_LIMIT:
        what = "texts" if kind == STRING else "whole numbers"
        raise FormatError(f"{where} needs at most {WHOLE_LIMIT:,} {what}, got {count:,}")
    values = _numbers(tensor, kind, where)
    if len(values) != count:
        raise FormatError(
            f"{where} needs {count} {'texts' if kind == STRING else 'numbers'} for "
            f"{excerpt(list(shape))}, got {len(values)}"
        )
    return OnnxTensor(shape, values, kind)


def _numbers(tensor: Message, kind: int, where: str) -> list[Any]:
    if kind == STRING:
        return tensor.texts(6)
    _, size, letter = TYPES[kind]
    raw = tensor.blob(9)
    if not tensor.has(9):
        if kind == 1:
            return tensor.floats(4)
        if kind == 11:
            return tensor.doubles(10)
        whole: list[Any] = tensor.integers(7 if kind == INT64 else 5)
        if kind not in FLOATS:
            return whole
        if len(whole) > HALVES_LIMIT:
            raise FormatError(
                f"{where} needs raw data for more than {HALVES_LIMIT:,} numbers of 16 bits"
            )
        codes = array("H", [bits & 0xFFFF for bits in whole])  # 16-bit floats
        if sys.byteorder == "big":
            codes.byteswap()
        raw = codes.tobytes()
    if len(raw) % size:
        raise FormatError(f"{where} needs numbers of {size} bytes, got {len(raw)} bytes")
    if size <= 2:
        return short_floats(raw, letter)
    return list(struct.unpack(f"<{len(raw) // size}{letter}", raw))


def _opset(model: Message, name: str) -> int:
    opsets = {m.text(1) or "ai.onnx": m.integer(2) for m in model.messages(8)}
    if opsets and "ai.onnx" not in opsets:
        return LATEST_OPSET  # none of its operators are there
    versions = [version for domain, version in opsets.items() if domain == "ai.onnx"]
    if not versions or max(versions) < LEAST_OPSET:
        got = max(versions) if versions else "none"
        raise FormatError(
            f"{name} needs the operator set {LEAST_OPSET} or later, got {got}; "
            "onnx.version_converter can bring an older model up to date"
        )
    return max(versions)


def _new(constants: dict[str, OnnxTensor], key: str, name: str) -> None:
    if key in constants or not key:
        raise FormatError(
            f"{name} needs a different name for each tensor, got {excerpt(key)} twice"
        )


def _node(message: Message, i: int, name: str) -> OnnxNode:
    operator, own = message.text(4), message.text(3)
    domain = message.text(7)
    if domain not in ("", "ai.onnx"):
        operator = f"{domain}.{operator}"
    operator = listed([operator])
    place = f"{name}, node {excerpt(own) if own else i}"
    attributes: dict[str, Any] = {}
    for attribute in message.messages(5):
        key = attribute.text(1)
        if key in attributes:
            raise FormatError(f"{place}: the attribute {excerpt(key)} appears twice")
        attributes[key] = _attribute(attribute, f"{place}, attribute {excerpt(key)}")
    return OnnxNode(place, operator, message.texts(1), message.texts(2), attributes)


def _attribute(message: Message, where: str) -> Any:
    if message.has(2):
        return (message.floats(2) or [0.0])[-1]
    if message.has(3):
        return message.integer(3)
    if message.has(4):
        return message.blob(4).decode("utf-8", "replace")
    tensor = message.message(5)
    if tensor is not None:
        return read_tensor(tensor, where)
    if message.has(7):
        return message.floats(7)
    if message.has(8):
        return message.integers(8)
    if message.has(9):
        return message.texts(9)
    # A writer may leave out a value of 0.
    return {1: 0.0, 2: 0, 3: "", 6: [], 7: [], 8: []}.get(message.integer(20))


def _constant(node: OnnxNode) -> OnnxTensor:
    for key, value in node.attributes.items():
        if isinstance(value, OnnxTensor):
            return value
        if key in ("value_float", "value_int") and isinstance(value, (int, float)):
            return OnnxTensor((), [value], FLOAT if key == "value_float" else INT64)
        if key == "value_string" and isinstance(value, str):
            return OnnxTensor((), [value], STRING)
        kind = {"value_floats": FLOAT, "value_ints": INT64, "value_strings": STRING}.get(key)
        if kind is not None and isinstance(value, list):
            return OnnxTensor((len(value),), value, kind)
    raise FormatError(f"{node.place}: a Constant needs a value of numbers or texts")


def _input(value: Message, name: str) -> OnnxInput:
    """Return an input of the graph; None for a size, or a shape, that is not given."""
    kind = value.message(2)
    tensor = kind.message(1) if kind is not None else None
    elements = 0 if tensor is None else tensor.integer(1)
    if tensor is None or elements not in TYPES:
        own = excerpt(value.text(1))
        raise FormatError(f"{name} needs inputs of numbers or texts, got {own} of another type")
    own = value.text(1)
    shape = tensor.message(2)
    if shape is None:
        return OnnxInput(own, elements, None)
    if shape.count(1) > RANK_LIMIT:
        raise FormatError(f"{name} has an input of {shape.count(1):,} dimensions")
    sides = [d.integer(1) if d.has(1) and d.integer(1) > 0 else None for d in shape.messages(1)]
    return OnnxInput(own, elements, sides)
