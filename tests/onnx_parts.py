"""ONNX files from parts: `node("Relu", "x")` makes x → "y"; the last one makes the output."""

from __future__ import annotations

import struct

from tinynn.files import protobuf as pb


def tensor(name, values, *shape, how="raw"):
    kind, letter, field = {"double": (11, "d", 10), "float": (1, "f", 4)}.get(how, (1, "f", 9))
    data = struct.pack(f"<{len(values)}{letter}", *values)
    head = b"".join(pb.integer_field(1, side) for side in shape) + pb.integer_field(2, kind)
    return head + pb.text(8, name) + pb.blob(field, data)


def integers(name, values):
    data = b"".join(map(pb.varint, values))
    return (
        pb.integer_field(1, len(values))
        + pb.integer_field(2, 7)
        + pb.text(8, name)
        + pb.blob(7, data)
    )


def texts(name, values):
    data = b"".join(pb.text(6, v) for v in values)
    return pb.integer_field(1, len(values)) + pb.integer_field(2, 8) + pb.text(8, name) + data


def attribute(name, value):
    start = pb.text(1, name)
    if isinstance(value, float):
        return start + pb.float32(2, value) + pb.integer_field(20, 1)
    if isinstance(value, int):
        return start + pb.integer_field(3, value) + pb.integer_field(20, 2)
    if isinstance(value, str):
        return start + pb.text(4, value) + pb.integer_field(20, 3)
    if isinstance(value, bytes):
        return start + pb.blob(5, value) + pb.integer_field(20, 4)
    if value and isinstance(value[0], float):
        return start + b"".join(pb.float32(7, v) for v in value) + pb.integer_field(20, 6)
    if value and isinstance(value[0], str):
        return start + b"".join(pb.text(9, v) for v in value) + pb.integer_field(20, 8)
    return start + b"".join(pb.integer_field(8, v) for v in value) + pb.integer_field(20, 7)


def node(operator, *inputs, output="y", name="n", domain="", **attributes):
    return b"".join(
        [
            *(pb.text(1, i) for i in inputs),
            *(pb.text(2, o) for o in output.split()),
            pb.text(3, name),
            pb.text(4, operator),
            *(pb.blob(5, attribute(k, v)) for k, v in attributes.items()),
            pb.text(7, domain) if domain else b"",
        ]
    )


def value(name, *shape, kind=1):
    dims = [
        pb.blob(1, pb.text(2, s) if isinstance(s, str) else pb.integer_field(1, s)) for s in shape
    ]
    content = pb.integer_field(1, kind) + (pb.blob(2, b"".join(dims)) if shape else b"")
    return pb.text(1, name) + pb.blob(2, pb.blob(1, content))


def model(nodes, tensors=(), input_=None, opset=17, output="y", more=b""):
    graph = b"".join(
        [
            *(pb.blob(1, n) for n in nodes),
            pb.text(2, "g"),
            *(pb.blob(5, t) for t in tensors),
            pb.blob(11, input_ or value("x", "n", 2)),
            pb.blob(12, value(output, "n", "m")),
            more,
        ]
    )
    return (
        pb.integer_field(1, 8)
        + pb.blob(7, graph)
        + pb.blob(8, pb.text(1, "") + pb.integer_field(2, opset))
    )
