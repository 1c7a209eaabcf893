"""Where each number of a program is in its arena.

header      what a call is given and what it answers
constants   of the code
scalars     single numbers that the code needs again, four copies of each
state       all weights, the optimizer's memory in the same order, and running statistics
gradients   the derivatives by all weights, in their order
work        one batch: inputs, targets, and what each layer makes of them
"""

from __future__ import annotations

from typing import NamedTuple

from ...errors import EngineError
from .constants import MOST
from .machine import VECTOR_BYTES
from .products import ArenaRows, padded_bytes

# The integers at the beginning of the arena, in bytes from it.
# EPOCHS count down to 0, BATCHES are those of an epoch. INPUTS are the rows or, without their
# zeros, SparseRows' rows, with DISTANCES and VALUES. SQUARES are two floats: the sum of the squares
# of all weights, and that of the rest of the state.
(
    EPOCHS, BATCHES, ORDER, NUMBERS, LOSSES, INPUTS, TARGETS, WEIGHTS, DISTANCES, VALUES,
    SQUARES, _, DRAWS,
) = range(0, 104, 8)  # fmt: skip
MOST_DRAWS = 52  # layers with random numbers of their own; DRAWS is the first one's address
HEADER_BYTES = DRAWS + 8 * MOST_DRAWS
SCALARS = 64
PAGE = 4096
CACHE_LINE = 64
MOST_BYTES = 2**31 - PAGE  # offsets are integers of 32 bits with a sign


class Piece(NamedTuple):
    """A piece of the arena, and what it holds."""

    offset: int
    size: int
    name: str


class Layout:
    """Places pieces of the arena one after another.

    With `guarded`, each piece ends where a page ends and the page after it is left unused, in
    `guards`: tests take the permission to touch these pages away.
    """

    def __init__(self, guarded: bool = False) -> None:
        self.size = 0
        self.guarded = guarded
        self.guards: list[int] = []
        self.pieces: list[Piece] = []

    def place(self, size: int, name: str) -> int:
        """Return the offset of a new piece of this many bytes."""
        if self.guarded:
            end = -(-(self.size + size) // PAGE) * PAGE
            self.guards.append(end)
            start, self.size = end - size, end + PAGE
        else:
            start = -(-self.size // CACHE_LINE) * CACHE_LINE
            self.size = start + size
        if self.size > MOST_BYTES:
            raise EngineError(
                "the native engine has room for 2 GiB of numbers, and this network and one batch "
                "need more; use smaller batches or another engine"
            )
        self.pieces.append(Piece(start, size, name))
        return start

    def table(self, rows: int, columns: int, name: str) -> ArenaRows:
        """Return a new table of rows."""
        return ArenaRows(self.place(rows * stride(columns), name), stride(columns))


def stride(columns: int) -> int:
    """Return the bytes from one row to the next.

    Rows that are a multiple of 512 bytes apart would compete for the same lines of the cache.
    """
    size = padded_bytes(columns)
    return size + CACHE_LINE if size % 512 == 0 else size


class Start(NamedTuple):
    """The pieces that do not depend on the batch."""

    constants: int
    scalars: int


def begin(layout: Layout) -> Start:
    """Place the header, the constants and the scalars."""
    layout.place(HEADER_BYTES, "what a call is given and answers")
    constants = layout.place(MOST * VECTOR_BYTES, "constants")
    return Start(constants, layout.place(SCALARS * VECTOR_BYTES, "single numbers, four times"))
