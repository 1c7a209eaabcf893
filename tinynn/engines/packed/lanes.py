"""Lanes: many small integers in one large one, so that one operation of Python works on all.

`Lanes(count, width)` reads an int N as `count` signed lanes v of `width` bits:

    N = Σⱼ vⱼ 2^(width·j)

This identity holds for lanes of any size, so k·N and N + N' multiply and add lane by lane, however
large the lanes become in between. Only *reading* lanes from the binary digits of N requires each to
fit: every method that reads states how large its lanes may be.
"""

from __future__ import annotations

import struct
from typing import Callable, Iterable, Sequence

# Around 1.5·2^52 float64s are 1 apart, so adding this rounds to the nearest integer, ties to even,
# and leaves it in the low bits. For sizes below 2^50 the sum keeps its exponent.
MAGIC = 1.5 * 2.0**52
QUANTUM_LIMIT = 2.0**50
# The largest rounding error of `quantise`, in units: a half, plus the rounding of v · factor itself
# (2^-53 of a product under 2^30, the largest that is multiplied with; doubled for good measure).
ROUNDING = 0.5 + 2.0**-22


class Lanes:
    """Converts between numbers and `count` lanes of `width` bits, a multiple of 8 from 32 to 64."""

    def __init__(self, count: int, width: int) -> None:
        self.count = count
        self.width = width
        self.size = count * width // 8
        self.ones = ((1 << (width * count)) - 1) // ((1 << width) - 1)
        self.half = self.ones << (width - 1)
        # Up to 48 bits the sum's low bits are a lane, made positive by half a lane; in wider lanes
        # they include bits of the exponent. Either way, subtracting the bits of `magic` itself
        # leaves the lane.
        self.magic = MAGIC + (2.0 ** (width - 1) if width <= 48 else 0.0)
        bits = struct.unpack("<Q", struct.pack("<d", self.magic))[0]
        self.magic_row = self.ones * (bits & ((1 << width) - 1))

    def pack(self, lanes: Iterable[int]) -> int:
        """Return Σⱼ lanesⱼ 2^(width·j): exact, for lanes of any size."""
        return sum([lane << (self.width * j) for j, lane in enumerate(lanes)])

    def unpack(self, rows: Iterable[int]) -> Sequence[int]:
        """Return the lanes of all rows, one after another.

        Needs −2^(width−1) ≤ v < 2^(width−1): then v + 2^(width−1) fits the lane's own digits.
        """
        half, size = self.half, self.size
        if self.width == 64:
            # Flipping the top bit of v + 2^63 makes it v in two's complement.
            raw = b"".join([((n + half) ^ half).to_bytes(size, "little") for n in rows])
            return struct.unpack(f"<{len(raw) // 8}q", raw)
        raw = b"".join([(n + half).to_bytes(size, "little") for n in rows])
        step = self.width // 8
        words = bytearray(len(raw) // step * 8)
        for i in range(step):
            words[i::8] = raw[i::step]
        offset = 1 << (self.width - 1)
        return [v - offset for v in struct.unpack(f"<{len(words) // 8}q", words)]

    def quantise(self, values: Sequence[float], factor: float) -> tuple[list[int], bytes]:
        """Return rows of the lanes round(value · factor), and the float64s they were taken from.

        `values` are the lanes of one row after another. Rounds to nearest, off by at most
        `ROUNDING` for products under 2^30. Needs |value · factor| < 2^50, and below half a lane.
        """
        magic = self.magic
        raw = struct.pack(f"<{len(values)}d", *[v * factor + magic for v in values])
        lanes, size, magic_row = self._thin(raw), self.size, self.magic_row
        return [
            int.from_bytes(lanes[i : i + size], "little") - magic_row
            for i in range(0, len(lanes), size)
        ], raw

    def _thin(self, raw: bytes) -> bytes | bytearray:
        """Return the low `width` bits of each float64."""
        if self.width == 64:
            return raw
        thinned = bytearray(raw)
        for stride in range(8, self.width // 8, -1):
            del thinned[stride - 1 :: stride]
        return thinned

    def window(self, skipped: int) -> Callable[[bytes], tuple[int, ...]]:
        """Return a function from the signed bytes of N to 32 bits of each lane, as signed numbers.

        It skips the `skipped` low bytes of each lane, so v becomes ⌊v / 256^skipped⌋, or
        ⌊(v − 1) / 256^skipped⌋ if the lane below is negative and borrows 1 from v.
        Needs |v| ≤ 2^(31 + 8·skipped) − 1, so that v − 1 still fits, with skipped ≤ width/8 − 4.
        """
        above = self.width // 8 - 4 - skipped
        return struct.Struct("<" + f"{skipped}xi{above}x" * self.count).unpack

    def scaled(self, rows: Iterable[int], k: int, shift: int) -> list[int]:
        """Return rows of the lanes ⌊v · k / 2^shift + 1/2⌋: v · k / 2^shift, rounded to nearest.

        Adding half a lane to each makes all digits positive; the shift then moves the low bits of
        each lane into the one below, where the mask clears them.
        Needs |v · k| + 2^(shift−1) < 2^(width−1), and 0 < shift < width.
        """
        up = self.half + self.ones * (1 << (shift - 1))
        mask = self.ones * ((1 << (self.width - shift)) - 1)
        down = self.half >> shift
        return [n and (((n * k + up) >> shift) & mask) - down for n in rows]


def integers(raw: bytes) -> tuple[int, ...]:
    """Return the integers in float64s made by adding `MAGIC`; their sizes must be below 2^31.

    >>> integers(struct.pack("<2d", 2.6 + MAGIC, -7.0 + MAGIC))
    (3, -7)
    """
    return struct.unpack("<" + "i4x" * (len(raw) // 8), raw)


def whole_numbers(values: Sequence[float], factor: float) -> tuple[int, ...]:
    """Return round(value · factor) for each value; needs |value · factor| < 2^30.

    >>> whole_numbers([0.5, -0.3], 10.0)
    (5, -3)
    """
    return integers(struct.pack(f"<{len(values)}d", *[v * factor + MAGIC for v in values]))
