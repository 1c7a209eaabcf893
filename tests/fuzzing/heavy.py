"""Files that are small for what they ask: loaders have to refuse them, or be quick and thrifty.

Each function takes a size in bytes, and returns a file of about that size. They are named for what
they have many of.
"""

from __future__ import annotations

import json
import random
import struct
from typing import Callable

from tinynn.files.protobuf import blob, integer_field, text, varint

Heavy = Callable[[int], bytes]
FILES: dict[tuple[str, str], Heavy] = {}


def heavy(*formats: str) -> Callable[[Heavy], Heavy]:
    def keep(make: Heavy) -> Heavy:
        for format in formats:
            FILES[format, make.__name__] = make
        return make

    return keep


# --- JSON, of any format ---

ANY = ("network", "estimator", "brainjs")


def _json(head: str, item: str, size: int, tail: str, numbered: bool = False) -> bytes:
    count = max(2, size // len(item))
    items = (
        [item.replace("@", format(i, "x")) for i in range(count)] if numbered else [item] * count
    )
    return (head + ",".join(items) + tail).encode()


@heavy(*ANY)
def empty_lists(size: int) -> bytes:
    return _json("[", "[]", size, "]")


@heavy(*ANY)
def objects_in_objects(size: int) -> bytes:
    return _json("[", '{"@":{}}', size, "]", numbered=True)


@heavy(*ANY)
def keys(size: int) -> bytes:
    return _json('{"format":"tinynn","version":1,"layers":[],', '"@":1', size, "}", numbered=True)


@heavy(*ANY)
def open_brackets(size: int) -> bytes:
    return b"[" * size


@heavy(*ANY)
def nested_lists(size: int) -> bytes:
    return b"[" + b",".join([b"[" * 45 + b"]" * 45] * (size // 91)) + b"]"


@heavy(*ANY)
def digits(size: int) -> bytes:
    return b"9" * size


@heavy(*ANY)
def one_text(size: int) -> bytes:
    return b'{"format":"tinynn","version":1,"kind":"' + b"x" * size + b'"}'


@heavy(*ANY)
def escapes(size: int) -> bytes:
    return b'"' + b"\\ud83d" * (size // 6) + b'"'


@heavy(*ANY)
def wide_characters(size: int) -> bytes:
    return ("[" + '"a\U0001f600",' * (size // 8) + "0]").encode()


NETWORK = '{"format":"tinynn","version":1,"kind":"network","layers":['


@heavy("network")
def tiny_layers(size: int) -> bytes:
    return _json(NETWORK, '{"type":"ReLU"}', size, "]}")


@heavy("network")
def tiny_denses(size: int) -> bytes:
    item = '{"type":"Dense","inputs":1,"outputs":1,"values":{"W":[[1]],"b":[0]}}'
    return _json(NETWORK, item, size, "]}")


@heavy("network")
def one_digit_weights(size: int) -> bytes:
    n = size // 2
    return (
        NETWORK + f'{{"type":"Dense","inputs":{n},"outputs":1,"bias":false,"values":{{"W":['
        + ",".join(["[1]"] * n) + "]}}]}"
    ).encode()  # fmt: skip


@heavy("network")
def one_digit_row(size: int) -> bytes:
    n = size // 2
    return (
        NETWORK + f'{{"type":"Dense","inputs":1,"outputs":{n},"bias":false,"values":{{"W":[['
        + ",".join("1" * n) + "]]}}]}"
    ).encode()  # fmt: skip


@heavy("network")
def weights(size: int) -> bytes:
    rng = random.Random(1)
    n = size // 20 // 100
    W = [[rng.random() for _ in range(100)] for _ in range(n)]
    layer = {"type": "Dense", "inputs": n, "outputs": 100, "bias": False, "values": {"W": W}}
    return (NETWORK + json.dumps(layer) + "]}").encode()


@heavy("network")
def huge_shape(size: int) -> bytes:
    return (NETWORK + '{"type":"Dense","inputs":1000000,"outputs":1000000}]}').encode()


@heavy("network")
def huge_shape_with_a_value(size: int) -> bytes:
    return (
        NETWORK + '{"type":"Dense","inputs":1000000,"outputs":1000000,'
        '"values":{"W":[[1]],"b":[1]}}]}'
    ).encode()


@heavy("network")
def long_type(size: int) -> bytes:
    return (NETWORK + '{"type":"' + "é" * (size // 2) + '"}]}').encode()


@heavy("network")
def many_settings(size: int) -> bytes:
    return _json(NETWORK + '{"type":"ReLU",', '"@":1', size, "}]}", numbered=True)


@heavy("network")
def training_memory(size: int) -> bytes:
    layer = '{"type":"Dense","inputs":1,"outputs":1,"values":{"W":[[1]],"b":[0]}}'
    head = NETWORK + layer + '],"training":{"optimizer":{"type":"adam"},"epochs":1,"steps":1,'
    return _json(head + '"memory":{"0.W":{', '"@":[[0]]', size, "}}}}", numbered=True)


@heavy("network")
def training_junk(size: int) -> bytes:
    layer = '{"type":"Dense","inputs":1,"outputs":1,"values":{"W":[[1]],"b":[0]}}'
    head = NETWORK + layer + '],"training":{"optimizer":{"type":"mine"},"epochs":1,"steps":1,'
    return _json(head + '"memory":{},"junk":[', "[]", size, "]}}")


# --- brain.js ---


@heavy("brainjs")
def many_layers(size: int) -> bytes:
    return _json('{"layers":[{},', '{"weights":[[1]],"biases":[0]}', size, "]}")


@heavy("brainjs")
def old_names(size: int) -> bytes:
    head = '{"layers":[{'
    names = [f'"{i:x}":{{}}' for i in range(size // 10)]
    return (head + ",".join(names) + '},{"0":{"bias":0,"weights":{"0":1}}}]}').encode()


@heavy("brainjs")
def old_weights(size: int) -> bytes:
    names = [f'"{i}":1' for i in range(size // 20)]
    inputs = ",".join(f'"{i}":{{}}' for i in range(size // 20))
    node = '{"0":{"bias":0,"weights":{' + ",".join(names) + "}}}"
    return ('{"layers":[{' + inputs + "}," + node + "]}").encode()


@heavy("brainjs")
def old_layers(size: int) -> bytes:
    return _json('{"layers":[{"0":{}},', '{"0":{"bias":0,"weights":{"0":1}}}', size, "]}")


@heavy("brainjs")
def old_lists(size: int) -> bytes:
    return _json('{"layers":[[[]],', '[{"bias":0,"weights":[1]}]', size, "]}")


@heavy("brainjs")
def lookup(size: int) -> bytes:
    head = '{"layers":[{},{"weights":[[1]],"biases":[0]}],"inputLookup":{'
    return (head + ",".join(f'"{i:x}":{i}' for i in range(size // 14)) + "}}").encode()


@heavy("brainjs")
def sizes(size: int) -> bytes:
    return _json('{"layers":[{},{"weights":[[1]],"biases":[0]}],"sizes":[', "1", size, "]}")


@heavy("brainjs")
def brain_weights(size: int) -> bytes:
    n = size // 2
    return ('{"layers":[{},{"weights":[[' + ",".join("1" * n) + ']],"biases":[0]}]}').encode()


@heavy("brainjs")
def brain_biases(size: int) -> bytes:
    n = size // 6
    return (
        '{"layers":[{},{"weights":[' + ",".join(["[1]"] * n) + '],"biases":['
        + ",".join("1" * n) + "]}]}"
    ).encode()  # fmt: skip


# --- safetensors ---


def safetensors(header: bytes, numbers: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + numbers


@heavy("safetensors")
def many_tensors(size: int) -> bytes:
    entry = '"@":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    return safetensors(_json("{", entry, size, "}", numbered=True))


@heavy("safetensors")
def many_metadata(size: int) -> bytes:
    return safetensors(_json('{"__metadata__":{', '"@":""', size, "}}", numbered=True))


@heavy("safetensors")
def long_shape(size: int) -> bytes:
    return safetensors(
        _json('{"a":{"dtype":"F32","data_offsets":[0,0],"shape":[', "0", size, "]}}")
    )


@heavy("safetensors")
def header_lists(size: int) -> bytes:
    return safetensors(_json('{"a":[', "[]", size, "]}"))


def _stored(dtype: str, size: int, bytes_each: int, columns: int) -> bytes:
    n = size // bytes_each // columns
    layers = json.dumps(
        {"format": "tinynn", "version": 1, "kind": "network",
         "layers": [{"type": "Dense", "inputs": columns, "outputs": n, "bias": False}]}
    )  # fmt: skip
    count = n * columns * bytes_each
    header = {
        "__metadata__": {"tinynn": layers},
        "0.weight": {"dtype": dtype, "shape": [n, columns], "data_offsets": [0, count]},
    }
    data = random.Random(1).getrandbits(8 * count).to_bytes(count, "little")
    if dtype in ("F32", "F16", "F64"):  # no infinities
        data = bytes(b & 63 for b in data)
    return safetensors(json.dumps(header).encode(), data)


@heavy("safetensors")
def stored_bytes(size: int) -> bytes:
    return _stored("U8", size, 1, 100)


@heavy("safetensors")
def stored_halves(size: int) -> bytes:
    return _stored("F16", size, 2, 100)


@heavy("safetensors")
def stored_floats(size: int) -> bytes:
    return _stored("F32", size, 4, 100)


@heavy("safetensors")
def stored_floats_in_one_column(size: int) -> bytes:
    return _stored("F32", size, 4, 1)


@heavy("safetensors")
def stored_bytes_in_one_column(size: int) -> bytes:
    return _stored("U8", size, 1, 1)


# --- ONNX ---


def onnx_value(name: str, *sides: int) -> bytes:
    shape = b"".join(blob(1, integer_field(1, side)) for side in sides)
    return text(1, name) + blob(2, blob(1, integer_field(1, 1) + blob(2, shape)))


def onnx_node(operator: str, inputs: list[str], output: str, attributes: bytes = b"") -> bytes:
    return blob(
        1, b"".join(text(1, i) for i in inputs) + text(2, output) + text(4, operator) + attributes
    )


def onnx_tensor(name: str, shape: tuple[int, ...], raw: bytes, kind: int = 1) -> bytes:
    dims = b"".join(integer_field(1, side) for side in shape)
    return blob(5, dims + integer_field(2, kind) + text(8, name) + blob(9, raw))


def onnx_model(graph: bytes, output: str, columns: int | None = 2) -> bytes:
    sides = () if columns is None else (1, columns)
    ends = blob(11, onnx_value("x", *sides)) + blob(12, onnx_value(output))
    return blob(8, integer_field(2, 13)) + blob(7, graph + ends)


def _chain(
    size: int, operator: str, constant: str = "", columns: int | None = 2, front: bytes = b""
) -> bytes:
    nodes, total, i = [], 0, 0
    while total < size:
        inputs = [f"t{i}" if i else "x", *([constant] if constant else [])]
        nodes.append(onnx_node(operator, inputs, f"t{i + 1}"))
        total += len(nodes[-1])
        i += 1
    return onnx_model(front + b"".join(nodes), f"t{i}", columns)


@heavy("onnx")
def small_fields(size: int) -> bytes:
    return b"\x08\x01" * (size // 2)


@heavy("onnx")
def high_fields(size: int) -> bytes:
    fields, total, i = [], 0, 100
    while total < size:
        fields.append(integer_field(i, 1))
        total += len(fields[-1])
        i += 1
    return b"".join(fields)


@heavy("onnx")
def relus(size: int) -> bytes:
    return _chain(size, "Relu", columns=None)


@heavy("onnx")
def adds_to_a_product(size: int) -> bytes:
    n = size // 16
    front = onnx_tensor("W", (2, n), b"\0" * 8 * n) + onnx_tensor("h", (), b"\0\0\0\x3f")
    front += onnx_node("MatMul", ["x", "W"], "y")
    whole = _chain(size // 2, "Add", "h", 2, front)
    return whole.replace(onnx_node("Add", ["x", "h"], "t1"), onnx_node("Add", ["y", "h"], "t1"))


@heavy("onnx")
def scalings(size: int) -> bytes:
    front = onnx_tensor("h", (), b"\0\0\0\x3f") + onnx_tensor(
        "r", (size // 8,), b"\0" * (size // 2)
    )
    return _chain(size // 2, "Mul", "r", size // 8, front)


@heavy("onnx")
def products_by_one_matrix(size: int) -> bytes:
    n = int((size / 8) ** 0.5)
    return _chain(size // 2, "MatMul", "W", n, onnx_tensor("W", (n, n), b"\0" * 4 * n * n))


@heavy("onnx")
def transposed_constants(size: int) -> bytes:
    n = int((size / 8) ** 0.5)
    nodes = [onnx_node("Transpose", ["W" if i == 0 else f"c{i - 1}"], f"c{i}") for i in range(50)]
    front = onnx_tensor("W", (n, n), b"\0" * 4 * n * n) + b"".join(nodes)
    return onnx_model(front + onnx_node("MatMul", ["x", "c1"], "y"), "y", n)


@heavy("onnx")
def spelled_out(size: int) -> bytes:
    nodes = []
    for i in range(size // 80):
        before = f"t{i}" if i else "x"
        nodes += [onnx_node("Sigmoid", [before], f"s{i}")]
        nodes += [onnx_node("Mul", [before, f"s{i}"], f"t{i + 1}")]
    return onnx_model(b"".join(nodes), f"t{size // 80}", 2)


@heavy("onnx")
def formulas_that_a_number_stretches(size: int) -> bytes:
    nodes = []
    for i in range(size // 120):
        before = f"t{i}" if i else "x"
        nodes += [
            onnx_node("Mul", [before, "c"], f"m{i}"),
            onnx_node("Sigmoid", [f"m{i}"], f"s{i}"),
        ]
        nodes += [onnx_node("Mul", [before, f"s{i}"], f"t{i + 1}")]
    front = onnx_tensor("c", (), b"\0\0\x20\x40")
    return onnx_model(front + b"".join(nodes), f"t{size // 120}", 2)


@heavy("onnx")
def formulas_without_a_fork(size: int) -> bytes:
    nodes = []
    for i in range(size // 80):
        before = f"t{i}" if i else "x"
        nodes += [onnx_node("Sigmoid", [before], f"s{i}"), onnx_node("Log", [f"s{i}"], f"t{i + 1}")]
    return onnx_model(b"".join(nodes), f"t{size // 80}", 2)


@heavy("onnx")
def a_long_constant_in_each_formula(size: int) -> bytes:
    n = min(100_000, size // 8)
    nodes = []
    for i in range(size // 160):
        before = f"t{i}" if i else "x"
        nodes += [
            onnx_node("Sigmoid", [before], f"s{i}"),
            onnx_node("Mul", [before, f"s{i}"], f"v{i}"),
        ]
        nodes += [onnx_node("Mul", [f"v{i}", "c"], f"t{i + 1}")]
    front = onnx_tensor("c", (n,), b"\0\0\x20\x40" * n)
    return onnx_model(front + b"".join(nodes), f"t{size // 160}", n)


@heavy("onnx")
def table_of_categories(size: int) -> bytes:
    n = size // 8
    key = "ai.onnx.ml"
    packed = b"".join(varint(i) for i in range(n))
    cats = blob(5, text(1, "cats_int64s") + blob(8, packed))
    front = onnx_tensor("W", (n, 1), b"\0" * 4 * n)
    front += onnx_node("Cast", ["x"], "t", blob(5, text(1, "to") + integer_field(3, 7)))
    front += onnx_node("OneHotEncoder", ["t"], "h", cats + text(7, key))
    return onnx_model(front + onnx_node("MatMul", ["h", "W"], "y"), "y", 1)


@heavy("onnx")
def scaled_columns(size: int) -> bytes:
    return _chain(60, "Mul", "h", 2**30, onnx_tensor("h", (), b"\0\0\0\x3f"))


@heavy("onnx")
def empty_nodes(size: int) -> bytes:
    return onnx_model(blob(1, b"") * (size // 2), "x")


@heavy("onnx")
def empty_tensors(size: int) -> bytes:
    tensors = [onnx_tensor(format(i, "x"), (0,), b"") for i in range(size // 14)]
    return onnx_model(b"".join(tensors), "x")


@heavy("onnx")
def many_inputs(size: int) -> bytes:
    return onnx_model(blob(11, b"") * (size // 2), "x")


@heavy("onnx")
def inputs_of_a_node(size: int) -> bytes:
    inputs = [format(i, "x") for i in range(size // 7)]
    return onnx_model(onnx_node("Sum", ["x", *inputs], "y"), "y")


@heavy("onnx")
def many_attributes(size: int) -> bytes:
    attributes = b"".join(
        blob(5, text(1, format(i, "x")) + integer_field(3, 1)) for i in range(size // 12)
    )
    return onnx_model(onnx_node("Relu", ["x"], "y", attributes), "y")


@heavy("onnx")
def list_attribute(size: int) -> bytes:
    attribute = blob(5, text(1, "a") + blob(8, b"\x01" * size))
    return onnx_model(onnx_node("Relu", ["x"], "y", attribute), "y")


@heavy("onnx")
def long_operator(size: int) -> bytes:
    return onnx_model(onnx_node("\x1b" * size, ["x"], "y"), "y")


@heavy("onnx")
def many_dimensions(size: int) -> bytes:
    ends = blob(11, onnx_value("x", *[2**62] * (size // 14))) + blob(12, onnx_value("y"))
    graph = onnx_node("Relu", ["x"], "y") + ends
    return blob(8, integer_field(2, 13)) + blob(7, graph)


@heavy("onnx")
def many_rows_of_a_shape(size: int) -> bytes:
    dims = blob(1, b"\x01" * size)
    return onnx_model(blob(5, dims + integer_field(2, 1) + text(8, "W") + blob(9, b"\0" * 4)), "x")


@heavy("onnx")
def half_floats_as_integers(size: int) -> bytes:
    tensor = integer_field(1, 1) + integer_field(1, size) + integer_field(2, 10) + text(8, "W")
    tensor += blob(5, b"\x01" * size)
    return onnx_model(blob(5, tensor) + onnx_node("MatMul", ["x", "W"], "y"), "y", 1)


def _weights(size: int, kind: int, bytes_each: int, rows: int) -> bytes:
    n = size // bytes_each // rows
    front = onnx_tensor("W", (rows, n), b"\x01" * (n * rows * bytes_each), kind)
    return onnx_model(front + onnx_node("MatMul", ["x", "W"], "y"), "y", rows)


@heavy("onnx")
def half_weights(size: int) -> bytes:
    return _weights(size, 10, 2, 100)


@heavy("onnx")
def float_weights(size: int) -> bytes:
    return _weights(size, 1, 4, 100)


@heavy("onnx")
def bool_weights(size: int) -> bytes:
    return _weights(size, 9, 1, 100)


@heavy("onnx")
def forks(size: int) -> bytes:
    return onnx_model(
        b"".join(onnx_node("Relu", ["x"], format(i, "x")) for i in range(size // 20)), "0"
    )


@heavy("onnx")
def long_names(size: int) -> bytes:
    return onnx_model(onnx_node("Relu", ["x"], "y" * size), "z")


@heavy("onnx")
def a_varint_without_end(size: int) -> bytes:
    return varint(1 << 3) + b"\xff" * size


@heavy("onnx")
def twice_the_same_input(size: int) -> bytes:
    return onnx_model(onnx_node("Sum", ["x"] * (size // 3), "y"), "y")
