"""The wire format of Protocol Buffers, as far as models need it.

A message is a sequence of fields. Each begins with a varint (7 bits per byte, lowest first, the top
bit set on all but the last byte) of its number · 8 + its wire type: 0 is a varint, 1 eight bytes, 2
a length (a varint) and as many bytes, 5 four bytes. The format does not say what the bytes of a
field mean.

Source: protobuf.dev, "Encoding".
"""

from __future__ import annotations

import struct
from typing import NoReturn

from ..errors import FormatError

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
_KINDS = {0: "a varint", 1: "8 bytes", 2: "bytes with a length", 5: "4 bytes"}


class Message:
    """The fields of one message: data[start:end], bounds checked, nothing copied.

    The methods return the values of the fields with a given number, as the type in their name; they
    raise FormatError, naming the byte, for values of another type. Time and memory are proportional
    to the bytes of the message; nested messages are parsed on request.
    """

    def __init__(self, data: bytes, name: str, start: int = 0, end: int | None = None) -> None:
        self.data = data
        self.name = name
        self.start = start
        self.end = len(data) if end is None else end
        # By number: wire type, then where the value starts and ends in `data`; for a varint, the
        # value itself and where its field starts.
        self._fields: dict[int, list[tuple[int, int, int]]] = {}
        position = start
        while position < self.end:
            at = position
            tag, position = self._varint(position, self.end)
            number, wire = tag >> 3, tag & 7
            if not 0 < number < 1 << 29 or wire not in _KINDS:
                self.fail(at, f"a field cannot begin with {tag}")
            if wire == VARINT:
                value, position = self._varint(position, self.end)
                self._fields.setdefault(number, []).append((wire, value, at))
                continue
            length = 8 if wire == EIGHT_BYTES else 4
            if wire == BYTES:
                length, position = self._varint(position, self.end)
            if length > self.end - position:
                left = self.end - position
                self.fail(at, f"field {number} needs {length} bytes, got only {left}")
            self._fields.setdefault(number, []).append((wire, position, position + length))
            position += length

    def fail(self, at: int, what: str) -> NoReturn:
        """Raise the FormatError that names the byte."""
        raise FormatError(f"{self.name}, byte {at}: {what}")

    def has(self, number: int) -> bool:
        """Return whether there is a field of this number."""
        return number in self._fields

    def integers(self, number: int) -> list[int]:
        """Return repeated signed integers (int32, int64, enum, bool), packed or one by one."""
        found = []
        for wire, value, end in self._fields.get(number, ()):
            if wire == VARINT:
                found.append(value)
                continue
            self._expect(number, wire, value, BYTES)
            while value < end:
                item, value = self._varint(value, end)
                found.append(item)
        return [v - (1 << 64) if v >> 63 else v for v in found]

    def integer(self, number: int, default: int = 0) -> int:
        """Return one signed integer: the last one, as the format requires."""
        return (self.integers(number) or [default])[-1]

    def floats(self, number: int) -> list[float]:
        """Return repeated 32-bit floats, packed or one by one."""
        return self._fixed(number, FOUR_BYTES, 4, "f")

    def doubles(self, number: int) -> list[float]:
        """Return repeated 64-bit floats, packed or one by one."""
        return self._fixed(number, EIGHT_BYTES, 8, "d")

    def blobs(self, number: int) -> list[bytes]:
        """Return repeated byte strings."""
        return [self.data[start:end] for start, end in self._spans(number)]

    def blob(self, number: int) -> bytes:
        """Return one byte string, empty if there is none."""
        return (self.blobs(number) or [b""])[-1]

    def texts(self, number: int) -> list[str]:
        """Return repeated UTF-8 strings."""
        found = []
        for start, end in self._spans(number):
            try:
                found.append(self.data[start:end].decode("utf-8"))
            except UnicodeDecodeError as error:
                self.fail(start + error.start, f"the text of field {number} is not UTF-8")
        return found

    def text(self, number: int) -> str:
        """Return one UTF-8 string, empty if there is none."""
        return (self.texts(number) or [""])[-1]

    def messages(self, number: int) -> list[Message]:
        """Return repeated messages."""
        return [Message(self.data, self.name, start, end) for start, end in self._spans(number)]

    def message(self, number: int) -> Message | None:
        """Return one message, or None. Raises FormatError for several, which would need merging."""
        spans = self._spans(number)
        if len(spans) > 1:
            self.fail(spans[1][0], f"field {number} appears twice")
        return Message(self.data, self.name, *spans[0]) if spans else None

    def _spans(self, number: int) -> list[tuple[int, int]]:
        fields = self._fields.get(number, ())
        for wire, value, end in fields:
            self._expect(number, wire, end if wire == VARINT else value, BYTES)
        return [(start, end) for _, start, end in fields]

    def _expect(self, number: int, wire: int, at: int, wanted: int) -> None:
        if wire != wanted:
            self.fail(at, f"field {number} needs {_KINDS[wanted]}, got {_KINDS[wire]}")

    def _fixed(self, number: int, wanted: int, size: int, letter: str) -> list[float]:
        found: list[float] = []
        for wire, start, end in self._fields.get(number, ()):
            if wire != BYTES:
                self._expect(number, wire, end if wire == VARINT else start, wanted)
            if (end - start) % size:
                self.fail(start, f"field {number} needs numbers of {size} bytes, got {end - start}")
            found += struct.unpack_from(f"<{(end - start) // size}{letter}", self.data, start)
        return found

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        """Return the unsigned integer of up to 64 bits at `position`, and the position after it."""
        value = shift = 0
        start = position
        while position < end:
            byte = self.data[position]
            position += 1
            value |= (byte & 127) << shift
            if byte < 128:
                if value >> 64:
                    break
                return value, position
            shift += 7
            if shift > 63:
                break
        self.fail(start, "a varint needs to end within its message and fit in 64 bits")


def varint(value: int) -> bytes:
    """Return an integer's varint; a negative one is written as its 64-bit two's complement.

    >>> varint(300)
    b'\\xac\\x02'
    """
    value &= (1 << 64) - 1
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def integer_field(number: int, value: int) -> bytes:
    """Return a field that holds an integer."""
    return varint(number << 3 | VARINT) + varint(value)


def float32(number: int, value: float) -> bytes:
    """Return a field that holds a 32-bit float."""
    return varint(number << 3 | FOUR_BYTES) + struct.pack("<f", value)


def blob(number: int, value: bytes) -> bytes:
    """Return a field that holds bytes: a message, or packed numbers."""
    return varint(number << 3 | BYTES) + varint(len(value)) + value


def text(number: int, value: str) -> bytes:
    """Return a field that holds a string."""
    return blob(number, value.encode("utf-8"))
