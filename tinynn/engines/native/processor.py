"""Which machine code can run here: the processor and the system are asked, or JavaScript is."""

from __future__ import annotations

import os
import platform
import sys
from functools import lru_cache

from .machine import Machine

UNTESTED = "TINYNN_NATIVE_UNTESTED"
_TRIED = ("linux",)  # the systems on which it was tested

# What `cpuid` answers, written to the address in r8: the highest leaf, ecx of leaf 1 and ebx of
# leaf 7; and the low half of what `xgetbv` answers, which may be asked only after OSXSAVE.
_CPUID = bytes.fromhex(
    "53"  # push rbx
    "31c031c90fa2418900"  # xor eax, eax; xor ecx, ecx; cpuid; mov [r8], eax
    "b80100000031c90fa241894808"  # mov eax, 1; xor ecx, ecx; cpuid; mov [r8 + 8], ecx
    "b80700000031c90fa241895810"  # mov eax, 7; xor ecx, ecx; cpuid; mov [r8 + 16], ebx
    "5bc3"  # pop rbx; ret
)
_XGETBV = bytes.fromhex("31c90f01d0418900c3")  # xor ecx, ecx; xgetbv; mov [r8], eax; ret
_FMA, _OSXSAVE, _AVX, _AVX2, _AVX_512 = 1 << 12, 1 << 27, 1 << 28, 1 << 5, 1 << 16
_SAVES_VECTORS = 0b110  # the system saves xmm and ymm registers
_SAVES_WIDE_VECTORS = 0b11100110  # and zmm registers, all 32 of them, and masks

_INTEL = ("x86_64", "amd64")
_ARM = ("aarch64", "arm64")


@lru_cache(maxsize=None)
def unavailable() -> str | None:
    """Return why machine code cannot run here, as a clause, or None if it can."""
    system, kind = sys.platform, platform.machine().lower()
    if system == "emscripten":
        return _missing_in_javascript()
    if sys.maxsize < 2**32 or sys.byteorder != "little":
        return "it needs a 64-bit Python on a little-endian processor"
    if kind not in (*_INTEL, *_ARM):
        return f"it writes code for 64-bit x86 and Arm processors, and this is {kind or 'unknown'}"
    if system not in _TRIED and not os.environ.get(UNTESTED):
        return f"it was never tested on {system}; set {UNTESTED}=1 to try it"
    try:
        from .memory import Denied
    except ImportError as error:
        return f"it needs the module ctypes ({error})"
    try:
        return _missing(kind)
    except Denied as denied:
        return str(denied)


def _missing(kind: str) -> str | None:
    if kind in _ARM:
        from .memory import executable

        executable(b"\xc0\x03\x5f\xd6")(0)  # ret: every 64-bit Arm has NEON
        return None
    highest, first, seventh, saved = _features()
    needed = _FMA | _OSXSAVE | _AVX
    if highest < 7 or first & needed != needed or not seventh & _AVX2:
        return "the processor has no AVX2 and FMA"
    if saved & _SAVES_VECTORS != _SAVES_VECTORS:
        return "the system does not save the vector registers of AVX"
    return None


@lru_cache(maxsize=None)
def _features() -> tuple[int, int, int, int]:
    """Return what an x86 processor says: see _CPUID and _XGETBV."""
    from .memory import call_once

    argument = b"\x49\x89\xc8" if sys.platform == "win32" else b"\x49\x89\xf8"  # mov r8, rcx or rdi
    highest, first, seventh = call_once(argument + _CPUID, 3)
    saved = call_once(argument + _XGETBV, 1)[0] if first & _OSXSAVE else 0
    return highest, first, seventh, saved


def _missing_in_javascript() -> str | None:
    from .wasm import module_of
    from .web_memory import compiled

    def write(machine: Machine) -> None:
        for _ in range(300):
            machine.vzero(0)

    # More than 4096 bytes, which Chromium before 114 does not compile at once in a page.
    code = module_of(write)
    try:
        return None if compiled(code) else "this JavaScript engine has no WebAssembly SIMD"
    except (ImportError, AttributeError) as error:
        return f"it needs JavaScript's WebAssembly, as Pyodide has it ({error})"
    except Exception as error:  # an error of JavaScript
        return f"JavaScript does not compile WebAssembly here ({error})"


def new_machine(listed: bool = False) -> Machine:
    """Return a machine that writes code for this processor."""
    if sys.platform == "emscripten":
        from .wasm import Wasm

        return Wasm(listed)
    if platform.machine().lower() in _ARM:
        from .arm64 import Arm64

        return Arm64(listed)
    *_, seventh, saved = _features()
    if seventh & _AVX_512 and saved & _SAVES_WIDE_VECTORS == _SAVES_WIDE_VECTORS:
        from .x64_wide import X64Wide as X64
    else:
        from .x64 import X64  # type: ignore[assignment]
    return X64(listed, windows=sys.platform == "win32")
