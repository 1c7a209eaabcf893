"""Memory for machine code and its numbers, asked of the operating system through `ctypes`.

Memory is never writable and executable at once. Code is written first, and the memory is then made
executable. Some systems deny that to every program (systemd's MemoryDenyWriteExecute, SELinux);
there a file in memory that is mapped twice, once to write and once to execute, often still works.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import sys
import weakref
from array import array
from functools import lru_cache, partial
from struct import Struct
from typing import Any, Callable

_READ, _WRITE, _EXECUTE = 1, 2, 4
_SHARED, _PRIVATE = 1, 2
_ON_MAC = sys.platform == "darwin"
_ON_WINDOWS = sys.platform == "win32"
_ANONYMOUS = 0x1000 if _ON_MAC else 0x20
_JIT = 0x800  # macOS: may be written and executed in turn
_FAILED = ctypes.c_void_p(-1).value


class Denied(OSError):
    """The system gives no memory to execute; the message is a clause that says why."""


class Arena:
    """Memory for the numbers of a program, filled with zeros: `size` bytes from `address` on.

    A size that is no multiple of 8 is rounded up to one. `buffer` is all of it as bytes that can be
    written.
    """

    def __init__(self, size: int) -> None:
        self.size = max(-(-size // 8) * 8, 8)
        if _ON_WINDOWS:
            self.buffer = mmap.mmap(-1, self.size)
        else:  # private: after a fork, both processes go on with numbers of their own
            self.buffer = mmap.mmap(-1, self.size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.buffer))
        view = memoryview(self.buffer)
        self._bytes = view
        self._floats: Any = view.cast("d")  # mypy believes that they are integers
        self._integers = view.cast("q")

    def write(self, offset: int, numbers: Any) -> None:
        """Copy an array of floats to a place; `offset` is in bytes, a multiple of 8."""
        at = offset // 8
        self._floats[at : at + len(numbers)] = numbers

    def write_integers(self, offset: int, numbers: Any) -> None:
        """Copy an array of 64-bit integers to a place."""
        at = offset // 8
        self._integers[at : at + len(numbers)] = numbers

    def read(self, offset: int, count: int) -> list[float]:
        """Return the floats at a place."""
        at = offset // 8
        numbers: list[float] = self._floats[at : at + count].tolist()
        return numbers

    def read_integer(self, offset: int) -> int:
        """Return the 64-bit integer at a place."""
        return self._integers[offset // 8]

    def copy(self, offset: int, size: int) -> bytes:
        """Return bytes of the memory, for `restore`."""
        return self.buffer[offset : offset + size]

    def duplicate(self, offset: int, size: int, to: int) -> None:
        """Copy bytes to another place in the arena."""
        self._bytes[to : to + size] = self._bytes[offset : offset + size]

    def restore(self, offset: int, kept: bytes) -> None:
        """Put the bytes of a `copy` back."""
        self.buffer[offset : offset + len(kept)] = kept

    def row_writer(self, offset: int, count: int) -> Callable[..., None]:
        """Return a function that writes its arguments, so many floats, to a place."""
        return partial(Struct(f"{count}d").pack_into, self.buffer, offset)


class Lent:
    """An array that the code reads and writes at `address` as long as this is there."""

    __slots__ = ("address", "numbers")

    def __init__(self, numbers: array[Any]) -> None:
        self.numbers = numbers
        self.address, _ = numbers.buffer_info()

    def first(self, count: int) -> list[float]:
        """Return the first numbers, as the code has left them."""
        return self.numbers[:count].tolist()

    def replace(self, index: int, number: float) -> None:
        """Put another number where the code has written one."""
        self.numbers[index] = number


def executable(code: bytes) -> Callable[[int], None]:
    """Return machine code as a function of an address; its memory is freed with the function.

    The interpreter's lock is released during a call. Raises Denied.
    """
    address, free = _placed(code)
    function: Callable[[int], None] = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(address)
    # Not at the end of the program, when a thread may still be in a call.
    weakref.finalize(function, free).atexit = False
    return function


def _placed(code: bytes) -> tuple[int, Callable[[], object]]:
    """Return the address of executable memory with this code, and what frees it."""
    size = -(-len(code) // mmap.PAGESIZE) * mmap.PAGESIZE
    if _ON_WINDOWS:
        return _placed_by_windows(code, size)
    address, free = _placed_by_mmap(code, size)
    try:
        _tell_instruction_cache(address, len(code))
    except Denied:
        free()
        raise
    return address, free


def _placed_by_mmap(code: bytes, size: int) -> tuple[int, Callable[[], object]]:
    try:
        return _placed_and_protected(code, size)
    except OSError as denied:
        if not hasattr(os, "memfd_create"):
            raise Denied(f"the system denies memory to execute ({denied})") from None
    try:
        return _placed_by_file(code, size)
    except OSError as denied:
        raise Denied(f"the system denies memory to execute ({denied})") from None


@lru_cache(maxsize=None)
def _libc() -> Any:
    libc = ctypes.CDLL(None, use_errno=True)
    pointer, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    libc.mmap.restype = pointer
    libc.mmap.argtypes = (pointer, size, number, number, number, ctypes.c_long)
    libc.mprotect.argtypes = (pointer, size, number)
    libc.munmap.argtypes = (pointer, size)
    return libc


def _mapped(size: int, protection: int, flags: int, file: int = -1) -> int:
    address: int | None = _libc().mmap(None, size, protection, flags, file, 0)
    if address is None or address == _FAILED:
        raise _error("mmap")
    return address


def _error(function: str) -> OSError:
    return OSError(f"{function}: {os.strerror(ctypes.get_errno())}")


def _placed_and_protected(code: bytes, size: int) -> tuple[int, Callable[[], object]]:
    jit = _ON_MAC and platform.machine() == "arm64"
    protection = _READ | _WRITE | (_EXECUTE if jit else 0)
    address = _mapped(size, protection, _PRIVATE | _ANONYMOUS | (_JIT if jit else 0))
    libc = _libc()

    def free() -> None:
        libc.munmap(address, size)

    if jit:
        libc.pthread_jit_write_protect_np(0)
    ctypes.memmove(address, code, len(code))
    if jit:
        libc.pthread_jit_write_protect_np(1)
    elif libc.mprotect(address, size, _READ | _EXECUTE):
        error = _error("mprotect")
        free()
        raise error
    return address, free


def _placed_by_file(code: bytes, size: int) -> tuple[int, Callable[[], object]]:
    file = os.memfd_create("tinynn")
    try:
        os.ftruncate(file, size)
        os.pwrite(file, code, 0)
        address = _mapped(size, _READ | _EXECUTE, _SHARED, file)
    finally:
        os.close(file)
    libc = _libc()
    return address, lambda: libc.munmap(address, size)


def _tell_instruction_cache(address: int, size: int) -> None:
    """Arm's instruction cache does not see what was written as data unless it is told."""
    if platform.machine() not in ("aarch64", "arm64"):
        return
    if _ON_MAC:
        _libc().sys_icache_invalidate(ctypes.c_void_p(address), ctypes.c_size_t(size))
        return
    for library in (None, "libgcc_s.so.1"):
        try:
            clear = ctypes.CDLL(library).__clear_cache
        except (OSError, AttributeError):
            continue
        clear(ctypes.c_void_p(address), ctypes.c_void_p(address + size))
        return
    raise Denied(
        "no library here can clear Arm's instruction cache (libgcc_s.so.1 has __clear_cache)"
    )


def _placed_by_windows(code: bytes, size: int) -> tuple[int, Callable[[], object]]:
    kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    pointer, count, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32
    kernel.VirtualAlloc.restype = pointer
    kernel.VirtualAlloc.argtypes = (pointer, count, number, number)
    kernel.VirtualProtect.argtypes = (pointer, count, number, ctypes.POINTER(number))
    kernel.VirtualFree.argtypes = (pointer, count, number)
    commit_and_reserve, read_write, execute_read, release = 0x3000, 0x04, 0x20, 0x8000
    address = kernel.VirtualAlloc(None, size, commit_and_reserve, read_write)
    if not address:
        raise Denied("the system gives no memory (VirtualAlloc)")

    def free() -> None:
        kernel.VirtualFree(address, 0, release)

    ctypes.memmove(address, code, len(code))
    if not kernel.VirtualProtect(address, size, execute_read, ctypes.byref(number())):
        free()
        raise Denied("the system denies memory to execute (VirtualProtect)")
    kernel.FlushInstructionCache(pointer(kernel.GetCurrentProcess()), pointer(address), count(size))
    return address, free


def call_once(code: bytes, answers: int) -> list[int]:
    """Run code once, and return the 64-bit integers that it wrote to the address it was given."""
    arena = Arena(8 * answers)
    executable(code)(arena.address)
    return [arena.read_integer(8 * k) for k in range(answers)]
