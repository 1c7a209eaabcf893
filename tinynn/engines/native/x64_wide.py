"""64-bit x86 with AVX-512: as in x64.py, and a wide vector is a zmm register.

Nothing beyond AVX-512's foundation (AVX512F) is used, and wide vectors only in matrix products.
Source: as in x64.py, section 2.7 for EVEX and its compressed displacements.
"""

from __future__ import annotations

from .machine import WIDE_BYTES, At, Operand
from .x64 import X64

_PACKED, _TABLE_38, _TABLE_3A = 1, 2, 3  # prefix 66, and the opcode tables 0F38 and 0F3A


class X64Wide(X64):
    """Writes x86-64 with AVX-512."""

    name = "x86-64 with AVX-512"
    wide = True

    def _evex(
        self, op: int, table: int, reg: int, v: int, last: Operand, scale: int = WIDE_BYTES
    ) -> bytes:
        """Return an instruction on whole zmm registers; `scale` divides short displacements."""
        if isinstance(last, int):
            x, b, tail = last >> 4, last >> 3 & 1, bytes((0xC0 | (reg & 7) << 3 | last & 7,))
        else:
            x, b, tail = self._memory(reg, last, scale)
        first = (~reg >> 3 & 1) << 7 | (~x & 1) << 6 | (~b & 1) << 5 | (~reg >> 4 & 1) << 4 | table
        second = 0x80 | (~v & 15) << 3 | 4 | _PACKED
        third = 0x40 | (~v >> 4 & 1) << 3
        return bytes((0x62, first, second, third, op)) + tail

    def _last(self, operand: Operand) -> str:
        return self._show(operand, "zmm")

    def wload(self, a: int, at: At) -> None:
        self._put(self._evex(0x10, 1, a, 0, at), "vmovupd zmm{}, {}", a, self._last(at))

    def wstore(self, at: At, x: int) -> None:
        self._put(self._evex(0x11, 1, x, 0, at), "vmovupd {}, zmm{}", self._last(at), x)

    def wbroadcast(self, a: int, at: At) -> None:
        code = self._evex(0x19, _TABLE_38, a, 0, at, 8)
        self._put(code, "vbroadcastsd zmm{}, {}", a, self._last(at))

    def wzero(self, a: int) -> None:
        self._put(self._evex(0xEF, 1, a, a, a), "vpxorq zmm{}, zmm{}, zmm{}", a, a, a)

    def wmove(self, a: int, x: int) -> None:
        self._put(self._evex(0x28, 1, a, 0, x), "vmovapd zmm{}, zmm{}", a, x)

    def wmul(self, a: int, x: int, y: Operand) -> None:
        self._put(self._evex(0x59, 1, a, x, y), "vmulpd zmm{}, zmm{}, {}", a, x, self._last(y))

    def wadd(self, a: int, x: int, y: Operand) -> None:
        self._put(self._evex(0x58, 1, a, x, y), "vaddpd zmm{}, zmm{}, {}", a, x, self._last(y))

    def wfma(self, a: int, x: int, y: Operand) -> None:
        code = self._evex(0xB8, _TABLE_38, a, x, y)
        self._put(code, "vfmadd231pd zmm{}, zmm{}, {}", a, x, self._last(y))

    def wfnma(self, a: int, x: int, y: Operand) -> None:
        code = self._evex(0xBC, _TABLE_38, a, x, y)
        self._put(code, "vfnmadd231pd zmm{}, zmm{}, {}", a, x, self._last(y))

    def wfold(self, a: int, t: int) -> None:
        code = self._evex(0x1B, _TABLE_3A, a, 0, t) + b"\x01"
        self._put(code, "vextractf64x4 ymm{}, zmm{}, 1", t, a)
        self.vadd(a, a, t)
