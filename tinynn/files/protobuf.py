"""The wire format of Protocol Buffers, as far as models need it.

A message is a sequence of fields. Each begins with a varint (7 bits per byte, lowest first, the top
bit set on all but the last byte) of its number · 8 + its wire type: 0 is a varint, 1 eight bytes, 2
a length (a varint) and as many bytes, 5 four bytes. The format does not say what the bytes of a
field mean.

Source: protobuf.dev, "Encoding".
"""

from __future__ import annotations

import struct
from array import array
from collections import deque
from itertools import islice
from typing import Iterator, NoReturn

from ..errors import FormatError

VARINT, EIGHT_BYTES, BYTES, FOUR_BYTES = 0, 1, 2, 5
HIGH = 32  # fields with numbers from here on are kept together: a file may have millions of them
_KINDS = {0: "a varint", 1: "8 bytes", 2: "bytes with a length", 5: "4 bytes"}


class Message:
    """The fields of one message: data[start:end], bounds checked, nothing copied.

    The methods return the values of the fields with a given number, as the type in their name; they
    raise FormatError, naming the byte, for values of another type. Time is proportional to the
    bytes of the message, and memory is 8 bytes for each field; nested messages are parsed on
    request.
    """

    __slots__ = ("_places", "data", "end", "name", "start")

    def __init__(self, data: bytes, name: str, start: int = 0, end: int | None = None) -> None:
        self.data = data
        self.name = name
        self.start = start
        self.end = stop = len(data) if end is None else end
        self._places: dict[int, array[int]] = {}  # where the fields of each number begin
        places, position = self._places, start
        while position < stop:
            at = position
            tag, position = data[position], position + 1
            if tag > 127:
                tag, position = self._varint(at, stop)
            number, wire = tag >> 3, tag & 7
            if not 0 < number < 1 << 29 or wire not in _KINDS:
                self.fail(at, f"a field cannot begin with {tag}")
            if wire == VARINT and position < stop and data[position] < 128:
                position += 1  # by far the most frequent case
            else:
                position = self._value(number, wire, position, at)[1]
            number = min(number, HIGH)
            if number not in places:
                places[number] = array("Q")
            places[number].append(at)

    def _value(self, number: int, wire: int, position: int, at: int) -> tuple[int, int]:
        """Return a varint and where it ends, or where another value begins and ends."""
        if wire == VARINT:
            return self._varint(position, self.end)
        length = 8 if wire == EIGHT_BYTES else 4
        if wire == BYTES:
            length, position = self._varint(position, self.end)
        if length > self.end - position:
            left = self.end - position
            self.fail(at, f"field {number} needs {length} bytes, got only {left}")
        return position, position + length

    def _fields(self, number: int) -> Iterator[tuple[int, int, int, int]]:
        """Yield where each field of a number begins, its wire type, and its `_value`."""
        for at in self._places.get(min(number, HIGH), ()):
            tag, position = self._varint(at, self.end)
            if tag >> 3 == number:
                yield (at, tag & 7, *self._value(number, tag & 7, position, at))

    def fail(self, at: int, what: str) -> NoReturn:
        """Raise the FormatError that names the byte."""
        raise FormatError(f"{self.name}, byte {at}: {what}")

    def has(self, number: int) -> bool:
        """Return whether there is a field of this number."""
        return self.count(number) > 0

    def integers(self, number: int) -> list[int]:
        """Return repeated signed integers (int32, int64, enum, bool), packed or one by one."""
        found: list[int] = []
        for at, wire, value, end in self._fields(number):
            if wire == VARINT:
                found.append(value - (1 << 64) if value >> 63 else value)
                continue
            self._expect(number, wire, at, BYTES)
            while value < end:
                item, value = self._varint(value, end)
                found.append(item - (1 << 64) if item >> 63 else item)
        return found

    def integer(self, number: int, default: int = 0) -> int:
        """Return one signed integer: the last one, as the format requires."""
        return (self.integers(number) or [default])[-1]

    def floats(self, number: int) -> list[float]:
        """Return repeated 32-bit floats, packed or one by one."""
        return self._fixed(number, FOUR_BYTES, 4, "f")

    def doubles(self, number: int) -> list[float]:
        """Return repeated 64-bit floats, packed or one by one."""
        return self._fixed(number, EIGHT_BYTES, 8, "d")

    def blob(self, number: int) -> bytes:
        """Return one byte string: the last one, empty if there is none."""
        last = deque(self._spans(number), maxlen=1)
        return self.data[slice(*last[0])] if last else b""

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

    def messages(self, number: int) -> Iterator[Message]:
        """Yield repeated messages, each parsed when it is asked for."""
        for start, end in self._spans(number):
            yield Message(self.data, self.name, start, end)

    def count(self, number: int) -> int:
        """Return how many fields of this number there are."""
        places = self._places.get(min(number, HIGH), ())
        return len(places) if number < HIGH else sum(1 for _ in self._fields(number))

    def message(self, number: int) -> Message | None:
        """Return one message, or None. Raises FormatError for several, which would need merging."""
        spans = list(islice(self._spans(number), 2))
        if len(spans) > 1:
            self.fail(spans[1][0], f"field {number} appears twice")
        return Message(self.data, self.name, *spans[0]) if spans else None

    def _spans(self, number: int) -> Iterator[tuple[int, int]]:
        for at, wire, start, end in self._fields(number):
            self._expect(number, wire, at, BYTES)
            yield start, end

    def _expect(self, number: int, wire: int, at: int, wanted: int) -> None:
        if wire != wanted:
            self.fail(at, f"field {number} needs {_KINDS[wanted]}, got {_KINDS[wire]}")

    def _fixed(self, number: int, wanted: int, size: int, letter: str) -> list[float]:
        found: list[float] = []
        for at, wire, start, end in self._fields(number):
            if wire != BYTES:
                self._expect(number, wire, at, wanted)
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
