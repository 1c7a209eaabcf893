"""Memory for WebAssembly code and its numbers, asked of JavaScript by Pyodide.

All code shares one memory, apart from the interpreter's, so numbers are copied in and out. It grows
when needed and does not shrink; what a program had is free for the next when the program is gone.
"""

from __future__ import annotations

import weakref
from array import array
from functools import lru_cache
from importlib import import_module
from struct import Struct
from typing import Any, Callable

from .wasm import FUNCTION, MEMORY, MODULE

_PAGE = 1 << 16  # bytes that a memory grows by
_GRAIN = 64  # what addresses and sizes of pieces are multiples of
_FIRST = _GRAIN  # 0 is no address


def _options(**options: object) -> Any:
    """Return a JavaScript object."""
    made = import_module("js").Object.new()
    for name, value in options.items():
        setattr(made, name, value)
    return made


class _Heap:
    """The memory, and which pieces of it are free: (start, end), in order, not touching."""

    def __init__(self) -> None:
        self.js = import_module("js")
        self.memory = self.js.WebAssembly.Memory.new(_options(initial=1))
        self.size = _PAGE
        self.free = [(_FIRST, _PAGE)]
        self.bytes = self.js.Uint8Array.new(self.memory.buffer)

    def allocate(self, size: int) -> int:
        """Return the address of so many bytes. Raises MemoryError."""
        size = _rounded(size)
        for k, (start, end) in enumerate(self.free):
            if end - start >= size:
                self.free[k : k + 1] = [(start + size, end)] if end - start > size else []
                return start
        self._grow(size)
        return self.allocate(size)

    def _grow(self, size: int) -> None:
        """Grow by at least so many bytes, and by a quarter, so that it grows seldom."""
        pages = -(-max(size, self.size // 4) // _PAGE)
        try:
            self.memory.grow(pages)
        except Exception as error:
            message = f"WebAssembly's memory of {self.size} bytes cannot grow by {pages * _PAGE}"
            raise MemoryError(message) from error
        self.release(self.size, pages * _PAGE)
        self.size += pages * _PAGE
        self.bytes = self.js.Uint8Array.new(self.memory.buffer)  # the old one is detached

    def release(self, address: int, size: int) -> None:
        """Make a piece free, together with free ones beside it."""
        start, end = address, address + _rounded(size)
        before = [piece for piece in self.free if piece[1] < start]
        after = [piece for piece in self.free if piece[0] > end]
        beside = self.free[len(before) : len(self.free) - len(after)]
        whole = (min([start, *(a for a, _ in beside)]), max([end, *(b for _, b in beside)]))
        self.free[:] = [*before, whole, *after]

    def view(self, address: int, size: int) -> Any:
        """Return bytes of the memory as a typed array."""
        return self.bytes.subarray(address, address + size)


def _rounded(size: int) -> int:
    return max(-(-size // _GRAIN) * _GRAIN, _GRAIN)


@lru_cache(maxsize=None)
def _heap() -> _Heap:
    return _Heap()


class _Piece:
    """A piece of the memory, which is free again when this is gone."""

    def __init__(self, size: int) -> None:
        self._memory = heap = _heap()
        self.size = size
        self.address = heap.allocate(size)
        weakref.finalize(self, heap.release, self.address, size).atexit = False

    def copy(self, offset: int, size: int) -> bytes:
        """Return bytes of the memory, for `restore`."""
        kept: bytes = self._memory.view(self.address + offset, size).to_bytes()
        return kept

    def restore(self, offset: int, kept: bytes) -> None:
        """Put the bytes of a `copy` back."""
        self._memory.view(self.address + offset, len(kept)).assign(kept)

    def read(self, offset: int, count: int) -> list[float]:
        """Return the floats at a place."""
        return array("d", self.copy(offset, 8 * count)).tolist()


class WebArena(_Piece):
    """Memory for the numbers of a program, filled with zeros: `size` bytes from `address` on."""

    def __init__(self, size: int) -> None:
        super().__init__(max(-(-size // 8) * 8, 8))
        self._memory.view(self.address, self.size).fill(0)

    def write(self, offset: int, numbers: Any) -> None:
        """Copy an array of floats to a place; `offset` is in bytes, a multiple of 8."""
        self.restore(offset, numbers.tobytes())

    write_integers = write

    def read_integer(self, offset: int) -> int:
        """Return the 64-bit integer at a place."""
        return int.from_bytes(self.copy(offset, 8), "little", signed=True)

    def row_writer(self, offset: int, count: int) -> Callable[..., None]:
        """Return a function that writes its arguments, so many floats, to a place."""
        pack, restore = Struct(f"<{count}d").pack, self.restore

        def write(*numbers: float) -> None:
            restore(offset, pack(*numbers))

        return write


class LentToWeb(_Piece):
    """A copy of an array at `address`, which the code reads and writes as long as this is there."""

    def __init__(self, numbers: array[Any]) -> None:
        super().__init__(8 * len(numbers))
        self.numbers = numbers
        if numbers:
            self.restore(0, numbers.tobytes())

    def first(self, count: int) -> list[float]:
        """Return the first numbers, as the code has left them."""
        return self.read(0, count)

    def replace(self, index: int, number: float) -> None:
        """Put another number where the code has written one."""
        self.restore(8 * index, array("d", [number]).tobytes())


def instantiated(code: bytes) -> Callable[[int], None]:
    """Return a module's code as a function of an address."""
    heap = _heap()
    web = heap.js.WebAssembly
    given = heap.js.Uint8Array.new(len(code))
    given.assign(code)
    module = web.Module.new(given)
    imports = _options(**{MODULE: _options(**{MEMORY: heap.memory})})
    function: Callable[[int], None] = getattr(web.Instance.new(module, imports).exports, FUNCTION)
    return function
