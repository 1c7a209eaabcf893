"""Mutators: what they make depends on nothing but the sample and the `random.Random` they get."""

from __future__ import annotations

import copy
import json
import struct
from typing import Any, Callable, List, Sequence, Tuple

from tinynn.files.protobuf import varint

Random = Any  # random.Random

# --- bytes ---------------------------------------------------------------------------------------

LENGTHS = (0, 1, 2, 127, 128, 255, 256, 1000, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)


def _at(rng: Random, data: bytes) -> int:
    return rng.randrange(len(data) + 1)


def _slice(rng: Random, data: bytes, most: int = 64) -> tuple[int, int]:
    start = _at(rng, data)
    return start, min(len(data), start + rng.randint(1, most))


def flip(rng: Random, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    if changed:
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def replace(rng: Random, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    if changed:
        changed[rng.randrange(len(changed))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    return bytes(changed)


def cut_end(rng: Random, data: bytes, other: bytes) -> bytes:
    return data[: _at(rng, data)]


def delete(rng: Random, data: bytes, other: bytes) -> bytes:
    start, end = _slice(rng, data)
    return data[:start] + data[end:]


def insert(rng: Random, data: bytes, other: bytes) -> bytes:
    at = _at(rng, data)
    return data[:at] + bytes(rng.randrange(256) for _ in range(rng.randint(1, 8))) + data[at:]


def repeat(rng: Random, data: bytes, other: bytes) -> bytes:
    start, end = _slice(rng, data)
    return data[:end] + data[start:end] * rng.choice((1, 2, 10, 100)) + data[end:]


def swap(rng: Random, data: bytes, other: bytes) -> bytes:
    a, b = sorted((_at(rng, data), _at(rng, data)))
    n = rng.randint(1, 16)
    return data[:a] + data[b : b + n] + data[a + n : b] + data[a : a + n] + data[b + n :]


def splice(rng: Random, data: bytes, other: bytes) -> bytes:
    start, end = _slice(rng, other, 400)
    at = _at(rng, data)
    return data[:at] + other[start:end] + data[at + rng.choice((0, end - start)) :]


def length(rng: Random, data: bytes, other: bytes) -> bytes:
    at, value = _at(rng, data), rng.choice(LENGTHS)
    packed = rng.choice(
        (varint(value), struct.pack("<Q", value), struct.pack("<I", value & 0xFFFFFFFF))
    )
    return data[:at] + packed + data[at + len(packed) :]


BYTES: Sequence[Callable[[Random, bytes, bytes], bytes]] = (
    flip, flip, replace, replace, cut_end, delete, insert, repeat, swap, splice, length
)  # fmt: skip


def mutated_bytes(rng: Random, data: bytes, other: bytes) -> bytes:
    """Return data with one to three changes; `other` is another sample to splice with."""
    for _ in range(rng.randint(1, 3)):
        data = rng.choice(BYTES)(rng, data, other)
    return data


# --- JSON trees ----------------------------------------------------------------------------------

RAW = "\x02raw:"  # a text that begins with it is written as it is, without quotes
TEXTS = (
    "", " ", "x", "0", "1", "-1", "1.5", "inf", "nan", "None", "true", "\x1b[31m", "a\nb", "\x00",
    "\u202e", "\ud800", "\U0001f600", "__class__", "../x", "relu", "Dense", "adam", "lbfgs", "sgd",
    "number", "category", "date", "words", "drop", "balanced", "x" * 3000, "\x07" * 3000,
)  # fmt: skip
NUMBERS = (
    0, 1, -1, 2, 3, 7, 10, 100, 1000, 10**6, 2**31, 2**53, 2**63, 2**64, 10**30, 10**300,
    -(10**300), 0.0, -0.0, 0.5, -0.5, 1.0, 1e-300, 5e-324, 1e-9, 1e9, 1e15, 1e16, 1e154, 1e200,
    1e308, -1e308,
)  # fmt: skip
RAWS = (
    "1e999", "-1e999", "NaN", "Infinity", "-Infinity", "1" + "0" * 400, "-" + "9" * 400,
    "9" * 5000, "[" * 600 + "]" * 600, '{"a":' * 600 + "1" + "}" * 600, "[" * 30 + "]" * 30,
    "1E400", "0.1e400", "00", "1.", "'a'", "{1:2}", '{"a":1,"a":1}', "[1,]",
)  # fmt: skip


def junk(rng: Random) -> Any:
    """Return some value that JSON has, or a text that stands for worse."""
    kind = rng.randrange(8)
    if kind < 3:
        return rng.choice(NUMBERS)
    if kind == 3:
        return rng.choice(TEXTS)
    if kind == 4:
        return RAW + rng.choice(RAWS)
    if kind == 5:
        return rng.choice((None, True, False, [], {}, [[]], [0], [1, 2], {"a": 1}, [None], [True]))
    if kind == 6:
        return [rng.choice(NUMBERS) for _ in range(rng.choice((1, 2, 3, 50)))]
    return [[rng.choice(NUMBERS) for _ in range(rng.randint(0, 3))] for _ in range(3)]


Place = Tuple[Any, Any]  # a list or object, and an index or key in it


def _places(tree: Any, found: list[Place]) -> list[Place]:
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        found.append((tree, key))
        if isinstance(value, (dict, list)) and value:
            _places(value, found)
    return found


def _pick(rng: Random, tree: Any) -> Place:
    """Return a random place; one of a few numbers is as likely as one of many."""
    if rng.random() < 0.3:
        return rng.choice(_places(tree, []))
    at = tree
    while True:
        key = rng.choice(list(at)) if isinstance(at, dict) else rng.randrange(len(at))
        inside = at[key]
        if not isinstance(inside, (dict, list)) or not inside or rng.random() < 0.15:
            return at, key
        at = inside


def _change(rng: Random, tree: Any) -> None:
    at, key = _pick(rng, tree)
    value, kind = at[key], rng.randrange(12)
    if kind < 4:
        at[key] = junk(rng)
    elif kind == 4:
        del at[key]
    elif kind == 5 and isinstance(value, (int, float)) and not isinstance(value, bool):
        at[key] = rng.choice(
            (-value, value * 1000, float(value), value + 1, str(value), value == 1)
        )
    elif kind == 6 and isinstance(at, dict):
        at[rng.choice((junk_key(rng), *at))] = at.pop(key)
    elif kind == 7:
        other, there = _pick(rng, tree)
        if not isinstance(other[there], (dict, list)) or not isinstance(value, (dict, list)):
            at[key], other[there] = copy.deepcopy(other[there]), copy.deepcopy(value)
    elif kind == 8 and isinstance(at, list):
        at[key:key] = [value] * rng.choice((1, 2, 50))
    elif kind == 9 and isinstance(value, list):
        value *= rng.choice((2, 3, 20))
    elif kind == 10 and isinstance(value, list):
        rng.shuffle(value)
    elif kind == 11 and isinstance(at, dict):
        at[junk_key(rng)] = junk(rng)
    else:
        at[key] = [value]


def junk_key(rng: Random) -> str:
    return str(rng.choice(TEXTS))


def written(tree: Any) -> str:
    """Return JSON in which texts that begin with RAW stand for themselves."""
    text = json.dumps(tree, separators=(",", ":"))
    mark = json.dumps(RAW)[:-1]
    while mark in text:
        start = text.index(mark)
        value, end = json.JSONDecoder().raw_decode(text, start)
        text = text[:start] + value[len(RAW) :] + text[end:]
    return text


def mutated_json(rng: Random, text: str) -> str:
    """Return a JSON text with one to three changes of its tree."""
    tree = json.loads(text)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if tree:
            _change(rng, tree)
    return written(tree)


# --- protocol buffers ----------------------------------------------------------------------------

Field = List[Any]  # number, wire type, and the value: an integer, bytes, or a list of fields
# What is a message, and of what kind, by the kind that it is in and the number of its field.
MESSAGES = {
    "model": {7: "graph", 8: "opset"},
    "graph": {1: "node", 5: "tensor", 11: "value", 12: "value"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor"},
    "value": {2: "type"},
    "type": {1: "tensor_type"},
    "tensor_type": {2: "shape"},
    "shape": {1: "dimension"},
}
OPERATORS = (
    "Gemm", "MatMul", "Add", "Sub", "Mul", "Div", "Relu", "Sigmoid", "Softmax", "Erf", "Pow",
    "Constant", "ConstantOfShape", "Expand", "Tile", "Identity", "Reshape", "Flatten", "Dropout",
    "BatchNormalization", "LayerNormalization", "PRelu", "Loop", "If", "Sqrt", "ReduceMean",
)  # fmt: skip


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def fields_of(data: bytes, kind: str = "model") -> list[Field]:
    """Return the fields of a message that is whole."""
    found: list[Field] = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            found.append([number, wire, value])
            continue
        size = {1: 8, 5: 4}.get(wire, 0)
        if wire == 2:
            size, at = _varint(data, at)
        inside = MESSAGES.get(kind, {}).get(number) if wire == 2 else None
        piece = data[at : at + size]
        found.append([number, wire, piece if inside is None else fields_of(piece, inside)])
        at += size
    return found


def bytes_of(fields: Sequence[Field]) -> bytes:
    """Return the bytes of fields, whatever is in them."""
    parts = []
    for number, wire, value in fields:
        parts.append(varint(number << 3 | wire))
        if isinstance(value, int):
            parts.append(varint(value))
            continue
        data = bytes_of(value) if isinstance(value, list) else value
        parts += [varint(len(data)), data] if wire == 2 else [data]
    return b"".join(parts)


def _messages(fields: list[Field], found: list[list[Field]]) -> list[list[Field]]:
    found.append(fields)
    for _, _, value in fields:
        if isinstance(value, list):
            _messages(value, found)
    return found


def mutated_protobuf(rng: Random, data: bytes) -> bytes:
    """Return an ONNX file with one to three changes of its fields."""
    tree = fields_of(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        all_messages = _messages(tree, [])
        message = rng.choice(all_messages)
        if not message:
            continue
        i = rng.randrange(len(message))
        field, kind = message[i], rng.randrange(11)
        if kind == 0:
            del message[i]
        elif kind == 1:
            message[i:i] = [field] * rng.choice((1, 2, 50))
        elif kind == 2:
            field[0] = rng.choice((1, 2, 3, 4, 5, 7, 8, 9, 10, 14, 20, 33, 2**29 - 1, 2**29))
        elif kind == 3:
            field[1] = rng.randrange(8)
        elif kind == 4:
            other = rng.choice(all_messages)
            other.insert(rng.randrange(len(other) + 1), copy.deepcopy(field))  # so never in itself
        elif kind == 5:
            rng.shuffle(message)
        elif isinstance(field[2], int):
            field[2] = rng.choice((*LENGTHS, field[2] + 1, 7, 9, 10, 11, 16, 2**64 - 2))
        elif isinstance(field[2], bytes):
            field[2] = _other_bytes(rng, field[2], all_messages)
    return bytes_of(tree)


def _other_bytes(rng: Random, data: bytes, messages: list[list[Field]]) -> bytes:
    kind = rng.randrange(7)
    if kind == 0:
        return str(rng.choice(OPERATORS)).encode()
    if kind == 1:
        return str(rng.choice(TEXTS)).encode("utf-8", "surrogatepass")
    if kind == 2:
        texts = [f[2] for m in messages for f in m if isinstance(f[2], bytes)]
        return rng.choice(texts)
    if kind == 3:
        return data[: rng.randrange(len(data) + 1)]
    if kind == 4:
        return data * rng.choice((2, 3, 50))
    if kind == 5:
        numbers = (0.0, -0.0, 1.0, -1.0, 1e-45, 3.4e38, float("inf"), float("nan"), 20.0, 2.0)
        return b"".join(struct.pack("<f", rng.choice(numbers)) for _ in range(len(data) // 4))
    return mutated_bytes(rng, data, data)


# --- tables --------------------------------------------------------------------------------------

CELLS = (
    "", " ", "0", "-1", "1e308", "-1e308", "1e999", "nan", "inf", "1,5", "1.234,5", "$5", "5%", '"',
    '""', "'", "a\"b", "\x00", "\x1b[31m", "\ufeff", "\u2028", "2020-01-01", "31/12/99", "NA", "?",
    "x" * 5000, "9" * 400, "=1+1", "\r", "\t", "é", "日本", "1_000", "0x10", "٣", "true",
)  # fmt: skip


def mutated_table(rng: Random, text: str) -> bytes:
    """Return a table with other cells, widths, separators, quotes, line ends or encoding."""
    rows = [line.split(",") for line in text.rstrip("\n").split("\n")]
    for _ in range(rng.choice((1, 2, 3, 10))):
        row = rng.choice(rows)
        kind = rng.randrange(8)
        if kind < 3 and row:
            row[rng.randrange(len(row))] = rng.choice(CELLS)
        elif kind == 3 and row:
            del row[rng.randrange(len(row))]
        elif kind == 4:
            row.insert(rng.randrange(len(row) + 1), rng.choice(CELLS))
        elif kind == 5:
            rows.insert(rng.randrange(len(rows)), list(row))
        elif kind == 6:
            del rows[rng.randrange(1, max(2, len(rows))) :]
        elif row:
            j = rng.randrange(len(row))
            for other in rows[1:]:
                if j < len(other):
                    other[j] = rng.choice(CELLS)
    end = rng.choice(("\n", "\n", "\n", "\r\n", "\r", "\n\n"))
    separator = rng.choice((",", ",", ",", ";", "\t", "|", " ", "\x01"))
    data = end.join(separator.join(row) for row in rows) + rng.choice(("", end))
    encoding = rng.choice(("utf-8",) * 5 + ("utf-8-sig", "utf-16", "utf-32", "cp1252", "utf-7"))
    return data.encode(encoding, "replace")
