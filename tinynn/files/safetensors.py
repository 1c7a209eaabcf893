"""safetensors: named tensors in one file that holds nothing to execute.

A file begins with 8 bytes, the length n of the header (little-endian). Then come n bytes of JSON
with the dtype of each tensor, its shape and where its numbers begin and end; then the numbers,
without gaps or overlaps, up to the end of the file. The whole header is checked before a number is
read. Numbers may begin at any byte, as in the reference reader; files written here align them to
8 bytes, as the reference writer does.

Source: the format of huggingface/safetensors, README.md, "Format".
"""

from __future__ import annotations

import json
import struct
from typing import Any, Mapping, NamedTuple, NoReturn, Sequence

from ..checks.words import excerpt
from ..errors import FormatError
from . import json_text
from .atomic import Path
from .foreign import described
from .short_numbers import BFLOAT16, short_floats

BLOCK = 1 << 16  # bytes of numbers converted at once
HEADER_LIMIT = 100_000_000  # bytes; the reference reader's own limit
BYTES_LIMIT = 1_000_000  # numbers of one byte, which take 32 times as much memory
TENSORS_LIMIT = 50_000  # five for each of the layers that a model may have
_COUNT_LIMIT = 2**63  # numbers in a tensor: bounds the product of a shape

# The size of a number in bytes and its `struct` letter.
DTYPES: dict[str, tuple[int, str]] = {
    "F64": (8, "d"), "F32": (4, "f"), "F16": (2, "e"), "BF16": (2, BFLOAT16),
    "I64": (8, "q"), "I32": (4, "i"), "I16": (2, "h"), "I8": (1, "b"),
    "U64": (8, "Q"), "U32": (4, "I"), "U16": (2, "H"), "U8": (1, "B"), "BOOL": (1, "?"),
}  # fmt: skip
WRITTEN = ("F64", "F32")

# tinynn's names of parameters and running statistics, and PyTorch's.
NAMES = {
    "W": "weight",
    "b": "bias",
    "gamma": "weight",
    "beta": "bias",
    "running_mean": "running_mean",
    "running_variance": "running_var",
    "slope": "weight",
}


class Tensor(NamedTuple):
    """A tensor in a file: its numbers stay bytes until `values` converts them."""

    dtype: str
    shape: tuple[int, ...]
    data: memoryview

    def values(self) -> list[float]:
        """Return the numbers in one list, the last index running fastest (row by row)."""
        size, letter = DTYPES[self.dtype]
        if size <= 2:
            return short_floats(self.data, letter)
        values: list[float] = []
        for start in range(0, len(self.data), BLOCK):
            part = self.data[start : start + BLOCK]
            values += struct.unpack(f"<{len(part) // size}{letter}", part)
        return values


class File(NamedTuple):
    """The content of a file: tensors by name, in the order of their bytes, and metadata."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]


def read(path: Path) -> File:
    """Return the content of a safetensors file.

    Raises FormatError, naming the byte or the tensor, and OSError if the file cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read()
    return loads(data, str(path))


def loads(data: bytes, name: str) -> File:
    """Return the content of a safetensors file from its bytes; messages call it `name`."""

    def fail(what: str) -> NoReturn:
        raise FormatError(f"{name} is not a safetensors file: {what}")

    if len(data) < 8:
        fail(f"it needs 8 bytes for the length of its header, got {len(data)}")
    (length,) = struct.unpack_from("<Q", data)
    if length > min(len(data) - 8, HEADER_LIMIT):
        what = described(data, name)
        if what:
            raise FormatError(what)
        fail(
            f"byte 0 announces a header of {length} bytes, but {len(data) - 8} follow "
            f"(the limit is {HEADER_LIMIT})"
        )
    header = _header(data[8 : 8 + length], fail)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or any(not isinstance(v, str) for v in metadata.values()):
        fail("its __metadata__ needs to be an object of strings")
    numbers = memoryview(data)[8 + length :]
    spans = []
    for key, entry in header.items():
        try:
            spans.append((_checked(entry), key))
        except ValueError as error:
            fail(f"tensor {excerpt(key)} {error}")
    spans.sort()
    single = sum(end - begin for (begin, end, dtype, _), _ in spans if DTYPES[dtype][0] == 1)
    if single > BYTES_LIMIT:
        fail(f"it has {single:,} numbers of one byte, which are no weights")
    position, tensors = 0, {}
    for (begin, end, dtype, shape), key in spans:
        if begin != position:
            trouble = "overlaps the tensor before it" if begin < position else "leaves a gap"
            fail(f"tensor {excerpt(key)} {trouble}: it begins at {begin} instead of {position}")
        if end > len(numbers):
            fail(
                f"tensor {excerpt(key)} ends at {end}, "
                f"but there are only {len(numbers)} bytes of numbers"
            )
        tensors[key] = Tensor(dtype, shape, numbers[begin:end])
        position = end
    if position != len(numbers):
        fail(f"bytes {8 + length + position} to {len(data) - 1} belong to no tensor")
    return File(tensors, metadata)


def dumps(
    tensors: Mapping[str, tuple[Sequence[int], Sequence[float]]],
    dtype: str = "F64",
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Return the bytes of a file of tensors, each given as its shape and its numbers in one list.

    `dtype` is "F64" or "F32". Equal tensors give equal bytes.

    Raises FormatError for any other dtype, a shape that does not fit its numbers, the reserved name
    "__metadata__", and a number too large for F32.

    >>> data = dumps({"b": ((2,), [1.0, 2.0])})
    >>> loads(data, "it").tensors["b"].values()
    [1.0, 2.0]
    """
    if dtype not in WRITTEN:
        raise FormatError(f"a safetensors file needs dtype {' or '.join(WRITTEN)}, got {dtype!r}")
    size, letter = DTYPES[dtype]
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    pieces, position = [], 0
    for key, (shape, values) in tensors.items():
        count = 1
        for side in shape:
            count *= side
        if key == "__metadata__":
            raise FormatError(f"a tensor needs a name other than {key!r}, which is reserved")
        if count != len(values):
            raise FormatError(
                f"tensor {key!r} needs {count} numbers for its shape {list(shape)}, "
                f"got {len(values)}"
            )
        try:
            pieces.append(struct.pack(f"<{count}{letter}", *values))
        except OverflowError:
            raise FormatError(
                f"tensor {key!r} needs numbers up to 3.4e38 for {dtype}, got a larger one; "
                "use F64 instead"
            ) from None
        end = position + count * size
        header[key] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return b"".join([struct.pack("<Q", len(text)), text, *pieces])


def _header(text: bytes, fail: Any) -> dict[str, Any]:
    if text[:1] != b"{":
        fail("its header, from byte 8, needs to begin with {")
    if text.count(b'"data_offsets"') > TENSORS_LIMIT:
        fail(f"its header names more than {TENSORS_LIMIT:,} tensors")
    try:
        header = json_text.parse(
            text, parse_int=_whole, parse_float=_no_fractions, parse_constant=_no_fractions
        )
    except UnicodeDecodeError as error:
        fail(f"its header is not UTF-8 at byte {8 + error.start}")
    except json.JSONDecodeError as error:
        at = 8 + len(error.doc[: error.pos].encode("utf-8"))
        fail(f"its header is not JSON at byte {at}: {error.msg}")
    except RecursionError:
        fail("its header is nested too deeply")
    except ValueError as error:
        fail(f"in its header, {error}")
    assert isinstance(header, dict)  # it begins with {
    return header


def _checked(entry: object) -> tuple[int, int, str, tuple[int, ...]]:
    """Return (begin, end, dtype, shape) of an entry; raise ValueError to follow "tensor x "."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ValueError("needs exactly dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"needs dtype to be one of {', '.join(DTYPES)}, got {excerpt(dtype)}")
    if not _sizes(shape):
        raise ValueError("needs shape to be a list of whole numbers of at least 0")
    if not _sizes(offsets) or len(offsets) != 2:
        raise ValueError("needs data_offsets to be two whole numbers of at least 0")
    count = 1
    for side in shape:
        count *= side
        if count > _COUNT_LIMIT:
            raise ValueError("has a shape with more numbers than any file can hold")
    begin, end = offsets
    if end - begin != count * DTYPES[dtype][0]:
        raise ValueError(
            f"needs {count * DTYPES[dtype][0]} bytes for {count} numbers of {dtype}, "
            f"but its data_offsets {begin} to {end} span {end - begin}"
        )
    return begin, end, dtype, tuple(shape)


def _sizes(values: object) -> bool:
    return isinstance(values, list) and all(type(v) is int and v >= 0 for v in values)


def _whole(digits: str) -> int:
    if len(digits) > 20:  # more than 64 bits; int() of a million digits takes minutes
        raise ValueError(f"the number {digits[:20]}… is too large")
    return int(digits)


def _no_fractions(digits: str) -> NoReturn:
    raise ValueError(f"{digits[:20]} is not a whole number")
