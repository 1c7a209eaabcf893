"""The constants of a piece of machine code: vectors in the arena, each written once."""

from __future__ import annotations

import struct

from ...errors import EngineError
from .machine import ARENA, LANES, VECTOR_BYTES, At

MOST = 256  # vectors


class Constants:
    """Vectors that the code reads, from byte `start` of the arena on.

    `values` are the bytes of each vector, in the order of their addresses.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.values: list[bytes] = []
        self._known: dict[bytes, At] = {}

    def at(self, value: float) -> At:
        """Return the address of four copies of a float."""
        return self.vector(*[value] * LANES)

    def vector(self, *values: float) -> At:
        """Return the address of four floats."""
        return self._vector(struct.pack(f"<{LANES}d", *values))

    def bits(self, value: int) -> At:
        """Return the address of four copies of a 64-bit pattern."""
        return self._vector(struct.pack("<Q", value) * LANES)

    def mask(self, lanes: int) -> At:
        """Return the address of a mask that is set in the first lanes."""
        return self._vector(b"\xff" * 8 * lanes + bytes(8 * (LANES - lanes)))

    def _vector(self, value: bytes) -> At:
        if value not in self._known:
            if len(self.values) == MOST:
                raise EngineError(
                    f"the native engine has room for {MOST} constants, and this network has more "
                    "different settings; use another engine"
                )
            self._known[value] = At(ARENA, self.start + VECTOR_BYTES * len(self.values))
            self.values.append(value)
        return self._known[value]
