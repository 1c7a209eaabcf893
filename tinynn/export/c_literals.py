"""Names and literals of C: what a model's own words and numbers become in a header."""

from __future__ import annotations

import re
import struct
from typing import Sequence

from ..checks.words import excerpt
from ..errors import FormatError
from ..preprocessing.columns import Column, LeftOut

# Names that a field cannot have: the keywords of C and C++, and lower-case names that headers of
# compilers, the standard library and Windows define.
_RESERVED = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl complex
concept const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype
default delete do double dynamic_cast else enum errno explicit export extern false far float for
friend goto huge if imaginary inline int interface linux long mutable namespace near new noexcept
not not_eq nullptr operator or or_eq pascal private protected public register reinterpret_cast
requires restrict return short signed sizeof small static static_assert static_cast stderr stdin
stdout struct switch template this thread_local throw true try typedef typeid typename typeof union
unix unsigned using virtual void volatile wchar_t while xor xor_eq
"""


def field_names(columns: Sequence[Column]) -> dict[int, str]:
    """Return the field name of each column that is not ignored, by the column's index.

    Names are in lower case, and differ from each other and from reserved words.
    """
    names: dict[int, str] = {}
    reserved = set(_RESERVED.split())
    for j, column in enumerate(columns):
        if isinstance(column, LeftOut):
            continue
        name = base = identifier(column.name.lower(), f"column_{j}")
        count = 1
        while name in reserved or name in names.values():
            count += 1
            name = f"{base}_{count}"
        names[j] = name
    return names


def identifier(text: str, instead: str) -> str:
    """Return a text as a C identifier: other characters become _; `instead` if none is left.

    >>> identifier("petal length (cm)", "x"), identifier("2nd", "x"), identifier("é", "x")
    ('petal_length_cm', 'n2nd', 'x')
    """
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    return f"n{name}" if name[:1].isdigit() else name or instead


def string(text: str) -> str:
    """Return a text as a C string literal, in UTF-8, of characters that mean the same everywhere.

    >>> string('a"?é')
    '"a\\\\"\\\\?\\\\303\\\\251"'
    """
    if "\0" in text:
        raise FormatError(f"a string in C cannot contain a NUL character, got {excerpt(text)}")
    return '"' + "".join(
        f"\\{chr(byte)}" if byte in b'"\\?'
        else chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"
        for byte in text.encode("utf-8", "surrogatepass")
    ) + '"'  # fmt: skip


def shortest_float32(x: float) -> str:
    """Return the nearest float32 in the fewest digits that give it back.

    Raises FormatError for a number beyond float32's range.

    >>> shortest_float32(0.1), shortest_float32(2)
    ('0.1', '2.0')
    """
    try:
        data = struct.pack("<f", x)
    except OverflowError:
        raise FormatError(f'{x!r} does not fit float; use dtype="double"') from None
    (exact,) = struct.unpack("<f", data)
    for digits in range(6, 10):
        literal = f"{exact:.{digits}g}"
        near = float(literal)
        if abs(near) <= 3.4028235677973366e38 and struct.pack("<f", near) == data:
            break
    return literal if "." in literal or "e" in literal else f"{literal}.0"


def double(x: float) -> str:
    """Return a double's exact literal, also of an infinity."""
    return repr(x) if abs(x) < float("inf") else "-HUGE_VAL"[x > 0 :]
