"""Memory for WebAssembly code and its numbers, asked of JavaScript by Pyodide.

All code shares one memory, apart from the interpreter's, so numbers are copied in and out. It grows
when needed and does not shrink; what a program had is free for the next when the program is gone.
"""

from __future__ import annotations

from array import array
from bisect import bisect
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
    """The memory, and which pieces of it are free: (start, end), in order, not touching.

    bytes, words: all of it as typed arrays of bytes and of 32-bit integers, new when it has grown
    """

    def __init__(self) -> None:
        self.js = import_module("js")
        self.memory = self.js.WebAssembly.Memory.new(_options(initial=1))
        self.size = _PAGE
        self.free = [(_FIRST, _PAGE)]
        self._look()

    def _look(self) -> None:
        buffer = self.memory.buffer
        self.bytes = self.js.Uint8Array.new(buffer)
        self.words = self.js.Int32Array.new(buffer)

    def allocate(self, size: int) -> int:
        """Return the address of so many bytes, a multiple of 64. Raises MemoryError."""
        for k, (start, end) in enumerate(self.free):
            if end - start > size:
                self.free[k] = (start + size, end)
                return start
            if end - start == size:
                del self.free[k]
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
        start, self.size = self.size, self.size + pages * _PAGE
        self.release(start, pages * _PAGE)
        self._look()

    def release(self, start: int, size: int) -> None:
        """Make a piece free, together with free ones beside it."""
        free, end = self.free, start + size
        k = bisect(free, (start,))
        if k < len(free) and free[k][0] == end:
            end = free.pop(k)[1]
        if k and free[k - 1][1] == start:
            k -= 1
            start = free.pop(k)[0]
        free.insert(k, (start, end))


@lru_cache(maxsize=None)
def _heap() -> _Heap:
    return _Heap()


class _Piece:
    """A piece of the memory, at least `size` bytes, which is free again when this is gone."""

    address = 0

    def __init__(self, size: int) -> None:
        self.size = size
        self._heap = _heap()
        self._room = max(-(-size // _GRAIN) * _GRAIN, _GRAIN)
        self._all: Any = None
        self._views: dict[tuple[int, int], Any] = {}
        self.address = self._heap.allocate(self._room)

    def __del__(self) -> None:
        if self.address:
            self._heap.release(self.address, self._room)

    def _view(self, offset: int, size: int) -> Any:
        """Return bytes as a typed array; it takes long to make one, so they are kept."""
        if self._all is not self._heap.bytes:
            self._all = self._heap.bytes
            self._views.clear()
        key = offset, size
        if key not in self._views:
            start = self.address + offset
            self._views[key] = self._all.subarray(start, start + size)
        return self._views[key]

    def copy(self, offset: int, size: int) -> bytes:
        """Return bytes of the memory, for `restore`."""
        kept: bytes = self._view(offset, size).to_bytes()
        return kept

    def restore(self, offset: int, kept: bytes) -> None:
        """Put the bytes of a `copy` back."""
        self._view(offset, len(kept)).assign(kept)

    def read(self, offset: int, count: int) -> list[float]:
        """Return the floats at a place."""
        return array("d", self.copy(offset, 8 * count)).tolist()


class WebArena(_Piece):
    """Memory for the numbers of a program, filled with zeros: `size` bytes from `address` on."""

    def __init__(self, size: int) -> None:
        super().__init__(max(-(-size // 8) * 8, 8))
        self._view(0, self.size).fill(0)

    def duplicate(self, offset: int, size: int, to: int) -> None:
        """Copy bytes to another place in the arena."""
        start = self.address + offset
        self._heap.bytes.copyWithin(self.address + to, start, start + size)

    def write(self, offset: int, numbers: Any) -> None:
        """Copy an array of floats to a place; `offset` is in bytes, a multiple of 8."""
        self.restore(offset, numbers.tobytes())

    write_integers = write

    def read_integer(self, offset: int) -> int:
        """Return the 64-bit integer at a place."""
        at, words = (self.address + offset) // 4, self._heap.words
        return words[at] & 0xFFFFFFFF | words[at + 1] << 32  # type: ignore[no-any-return]

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


def compiled(code: bytes) -> Any:
    """Return a module, or None if it is not valid here."""
    js: Any = import_module("js")
    given = js.Uint8Array.new(len(code))
    given.assign(code)
    return js.WebAssembly.Module.new(given) if js.WebAssembly.validate(given) else None


def instantiated(code: bytes) -> Callable[[int], None]:
    """Return a module's code as a function of an address."""
    heap = _heap()
    imports = _options(**{MODULE: _options(**{MEMORY: heap.memory})})
    instance = heap.js.WebAssembly.Instance.new(compiled(code), imports)
    function: Callable[[int], None] = getattr(instance.exports, FUNCTION)
    return function
