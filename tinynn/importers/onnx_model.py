"""The contents of an ONNX file as plain Python: one graph, its operators and its constants.

Source: onnx/onnx, onnx.proto (the field numbers).
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from ..errors import FormatError
from ..files.protobuf import Message

# By ONNX's type number: name, size in bytes, letter for `struct`. BFLOAT16 is converted first.
TYPES = {
    1: ("FLOAT", 4, "f"), 11: ("DOUBLE", 8, "d"), 10: ("FLOAT16", 2, "e"), 16: ("BFLOAT16", 2, "H"),
    7: ("INT64", 8, "q"), 6: ("INT32", 4, "i"), 9: ("BOOL", 1, "?"),
}  # fmt: skip
FLOATS = (1, 11, 10, 16)
EXTERNAL = 1  # data_location: the numbers are in another file
COUNT_LIMIT = 2**31  # numbers in a tensor: no file of this format can hold more
LEAST_OPSET = 7  # before it, Add and Mul broadcast differently


class OnnxTensor(NamedTuple):
    """A constant: its shape, and its numbers in one list in row-major order."""

    shape: tuple[int, ...]
    values: list[float]


class OnnxNode(NamedTuple):
    """An operator. `place` names it in messages; an attribute of an unsupported type is None."""

    place: str
    operator: str
    inputs: list[str]
    outputs: list[str]
    attributes: dict[str, Any]


class OnnxGraph(NamedTuple):
    """A graph with one output, and one input that is not a constant."""

    nodes: list[OnnxNode]
    constants: dict[str, OnnxTensor]
    input: str
    shape: list[int | None] | None  # of the input, as far as it is known
    output: str
    opset: int


def parse(data: bytes, name: str) -> OnnxGraph:
    """Return the graph in the bytes of an ONNX file; messages call it `name`.

    Raises FormatError, naming the byte or the tensor, if the bytes are not an ONNX file, or hold
    anything but one graph with one input and one output.
    """
    model = Message(data, name)
    graph = model.message(7)
    if graph is None:
        raise FormatError(f"{name} is not an ONNX model: it has no graph")
    opset = _opset(model, name)
    constants: dict[str, OnnxTensor] = {}
    for tensor in graph.messages(5):
        key = tensor.text(8)
        _new(constants, key, name)
        constants[key] = read_tensor(tensor, f"{name}, tensor {key!r}")
    if graph.has(15):
        raise FormatError(f"{name} has sparse tensors, which cannot be read")
    nodes, made = [], set(constants)
    for i, message in enumerate(graph.messages(1)):
        node = _node(message, i, name)
        for output in node.outputs:
            if output in made:
                raise FormatError(f"{node.place}: {output!r} is the output of two nodes")
            if output:
                made.add(output)
        if node.operator == "Constant":
            constants[node.outputs[0] if node.outputs else ""] = _constant(node)
        elif node.operator == "Identity" and node.inputs[:1] and node.inputs[0] in constants:
            constants[node.outputs[0] if node.outputs else ""] = constants[node.inputs[0]]
        else:
            nodes.append(node)
    inputs = [m for m in graph.messages(11) if m.text(1) not in constants]
    outputs = [m.text(1) for m in graph.messages(12)]
    if len(inputs) != 1 or len(outputs) != 1:
        raise FormatError(
            f"{name} needs one input and one output, got the inputs "
            f"{[m.text(1) for m in inputs]} and the outputs {outputs}"
        )
    if inputs[0].text(1) in made:
        raise FormatError(f"{name}: its input {inputs[0].text(1)!r} is also the output of a node")
    shape = _shape(inputs[0], name)
    return OnnxGraph(nodes, constants, inputs[0].text(1), shape, outputs[0], opset)


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
            raise FormatError(f"{where} has the shape {list(shape)}, which no file can hold")
    values = _numbers(tensor, kind, where)
    if len(values) != count:
        raise FormatError(f"{where} needs {count} numbers for {list(shape)}, got {len(values)}")
    return OnnxTensor(shape, values)


def _numbers(tensor: Message, kind: int, where: str) -> list[float]:
    _, size, letter = TYPES[kind]
    raw = tensor.blob(9)
    if not tensor.has(9):
        if kind == 1:
            return tensor.floats(4)
        if kind == 11:
            return tensor.doubles(10)
        whole: list[Any] = tensor.integers(7 if kind == 7 else 5)
        if kind not in FLOATS:
            return whole
        raw = b"".join(struct.pack("<H", bits & 0xFFFF) for bits in whole)  # 16-bit floats
    if len(raw) % size:
        raise FormatError(f"{where} needs numbers of {size} bytes, got {len(raw)} bytes")
    if kind == 16:  # the upper half of a float32
        widened = bytearray(2 * len(raw))
        widened[2::4], widened[3::4] = raw[0::2], raw[1::2]
        raw, size, letter = bytes(widened), 4, "f"
    return list(struct.unpack(f"<{len(raw) // size}{letter}", raw))


def _opset(model: Message, name: str) -> int:
    versions = [m.integer(2) for m in model.messages(8) if m.text(1) in ("", "ai.onnx")]
    if not versions or max(versions) < LEAST_OPSET:
        got = max(versions) if versions else "none"
        raise FormatError(
            f"{name} needs the operator set {LEAST_OPSET} or later, got {got}; "
            "onnx.version_converter can bring an older model up to date"
        )
    return max(versions)


def _new(constants: dict[str, OnnxTensor], key: str, name: str) -> None:
    if key in constants or not key:
        raise FormatError(f"{name} needs a different name for each tensor, got {key!r} twice")


def _node(message: Message, i: int, name: str) -> OnnxNode:
    operator, own = message.text(4), message.text(3)
    domain = message.text(7)
    if domain not in ("", "ai.onnx"):
        operator = f"{domain}.{operator}"
    place = f"{name}, node {own!r}" if own else f"{name}, node {i}"
    attributes: dict[str, Any] = {}
    for attribute in message.messages(5):
        key = attribute.text(1)
        if key in attributes:
            raise FormatError(f"{place}: the attribute {key!r} appears twice")
        attributes[key] = _attribute(attribute, f"{place}, attribute {key!r}")
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
    # A writer may leave out a value of 0.
    return {1: 0.0, 2: 0, 3: "", 6: [], 7: []}.get(message.integer(20))


def _constant(node: OnnxNode) -> OnnxTensor:
    for key, value in node.attributes.items():
        if isinstance(value, OnnxTensor):
            return value
        if key in ("value_float", "value_int") and isinstance(value, (int, float)):
            return OnnxTensor((), [value])
        if key in ("value_floats", "value_ints") and isinstance(value, list):
            return OnnxTensor((len(value),), value)
    raise FormatError(f"{node.place}: a Constant needs a value of numbers")


def _shape(value: Message, name: str) -> list[int | None] | None:
    """Return the shape of the graph's input; None for a size, or a shape, that is not given."""
    kind = value.message(2)
    tensor = kind.message(1) if kind is not None else None
    if tensor is None or tensor.integer(1) not in FLOATS:
        raise FormatError(f"{name} needs an input of floating-point numbers")
    shape = tensor.message(2)
    if shape is None:
        return None
    return [d.integer(1) if d.has(1) and d.integer(1) > 0 else None for d in shape.messages(1)]
