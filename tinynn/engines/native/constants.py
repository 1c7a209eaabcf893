"""The constants of a program: each four times, so that an instruction can take it from memory."""

from __future__ import annotations

from struct import pack

from .machine import ARENA, VECTOR_BYTES, At


class Constants:
    """Constants to be written to the arena, from the offset `start` on, one after another.

    `values` are their bytes, in order; the same constant is kept once.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.values: list[bytes] = []
        self._found: dict[bytes, At] = {}

    def at(self, value: float) -> At:
        """Return the address of four copies of a float."""
        return self._at(pack("<4d", *(value,) * 4))

    def bits(self, value: int) -> At:
        """Return the address of four copies of a 64-bit pattern, given as an integer >= 0."""
        return self._at(pack("<4Q", *(value,) * 4))

    def _at(self, four: bytes) -> At:
        if four not in self._found:
            self._found[four] = At(ARENA, self.start + VECTOR_BYTES * len(self.values))
            self.values.append(four)
        return self._found[four]
