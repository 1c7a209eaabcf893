"""Numbers of one or two bytes as floats, each different one a single object."""

from __future__ import annotations

import struct
import sys
from array import array

BFLOAT16 = "bfloat16"  # the upper half of a float32; `struct` has no letter for it


def short_floats(data: bytes | memoryview, letter: str) -> list[float]:
    """Return little-endian numbers as floats; `letter` is that of `struct`, or BFLOAT16.

    There are at most 65,536 different ones, so a number takes 8 bytes of memory instead of 32.

    >>> short_floats(b"\\x00\\x3c\\x00\\xc0", "e")
    [1.0, -2.0]
    """
    size = 2 if letter == BFLOAT16 else struct.calcsize(letter)
    codes = array("B" if size == 1 else "H")
    codes.frombytes(data)
    if sys.byteorder == "big":
        codes.byteswap()
    different = sorted(set(codes))
    if letter == BFLOAT16:
        packed, letter = struct.pack(f"={len(different)}I", *[c << 16 for c in different]), "f"
    else:
        packed = struct.pack(f"={len(different)}{codes.typecode}", *different)
    float_of = dict(zip(different, map(float, struct.unpack(f"={len(different)}{letter}", packed))))
    return list(map(float_of.__getitem__, codes))
