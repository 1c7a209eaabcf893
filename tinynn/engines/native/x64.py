"""64-bit x86 with AVX2 and FMA: a vector of four floats is a ymm register.

Source: Intel 64 and IA-32 architectures software developer's manual, volume 2: section 2.1 for
ModR/M, SIB and REX, section 2.3 for VEX, and the opcode of each instruction.
"""

from __future__ import annotations

from typing import Callable

from .machine import TO_THE_END, At, Block, Line, Machine, Operand, shown

_NAMES = ("rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
          "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15")  # fmt: skip
_RAX, _RCX, _RSP, _RDI = 0, 1, 4, 7
# The machine's integer registers, ARENA first. rax is kept for the encoder.
REGISTERS = (3, 1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14)
_SAVED = (3, 12, 13, 14)  # those that belong to the caller
_SAVED_BY_WINDOWS = (3, 6, 7, 12, 13, 14)
_SAVED_VECTORS_BY_WINDOWS = range(6, 16)


class X64(Machine):
    """Writes x86-64; `windows`: by the calling convention of Windows."""

    name = "x86-64 with AVX2 and FMA"

    def __init__(self, listed: bool = False, windows: bool = False) -> None:
        super().__init__(listed)
        self.windows = windows

    # --- how instructions are put together

    def _put(self, code: bytes, text: str, *operands: object) -> None:
        if self.lines is not None:
            self.lines.append(Line(len(self.code), len(code), text.format(*operands)))
        self.code += code

    def _memory(self, reg: int, at: At, scale: int = 1) -> tuple[int, int, bytes]:
        """Return the high bits of index and base, and ModR/M, SIB and displacement.

        A displacement of one byte counts in units of `scale`.
        """
        return self._address(reg, REGISTERS[at.base], at.offset, at.index, scale)

    def _address(
        self, reg: int, base: int, offset: int, index: int | None = None, scale: int = 1
    ) -> tuple[int, int, bytes]:
        units, rest = divmod(offset, scale)
        short = not rest and -128 <= units < 128
        mode = (0x40 if short else 0x80) | (reg & 7) << 3
        tail = (units if short else offset).to_bytes(1 if short else 4, "little", signed=True)
        if index is not None:
            x = REGISTERS[index]
            return x >> 3, base >> 3, bytes((mode | 4, (x & 7) << 3 | base & 7)) + tail
        if base & 7 == 4:
            return 0, base >> 3, bytes((mode | 4, 0x24)) + tail
        return 0, base >> 3, bytes((mode | base & 7,)) + tail

    def _vex(
        self, op: int, prefix: int, table: int, wide: int, reg: int, v: int, last: Operand,
        length: int = 1,
    ) -> bytes:  # fmt: skip
        if isinstance(last, int):
            x, b, tail = 0, last >> 3, bytes((0xC0 | (reg & 7) << 3 | last & 7,))
        else:
            x, b, tail = self._memory(reg, last)
        first = (~reg >> 3 & 1) << 7 | (~x & 1) << 6 | (~b & 1) << 5 | table
        return bytes((0xC4, first, wide << 7 | (~v & 15) << 3 | length << 2 | prefix, op)) + tail

    def _show(self, operand: Operand, name: str = "ymm") -> str:
        if isinstance(operand, int):
            return f"{name}{operand}"
        index = "" if operand.index is None else f" + {_NAMES[REGISTERS[operand.index]]}"
        return f"[{_NAMES[REGISTERS[operand.base]]}{index}{_signed(operand.offset)}]"

    # --- the function around the code

    def begin(self) -> None:
        saved = _SAVED_BY_WINDOWS if self.windows else _SAVED
        for r in saved:
            self._put(bytes((0x41, 0x50 | r & 7) if r > 7 else (0x50 | r,)), "push {}", _NAMES[r])
        if self.windows:
            room = 16 * len(_SAVED_VECTORS_BY_WINDOWS)
            code = b"\x48\x81\xec" + room.to_bytes(4, "little")
            self._put(code, "sub rsp, {:#x}", room)
            for k, v in enumerate(_SAVED_VECTORS_BY_WINDOWS):
                self._save_vector(0x11, v, 16 * k)
        argument = _RCX if self.windows else _RDI
        self._put(bytes((0x48, 0x89, 0xC3 | argument << 3)), "mov rbx, {}", _NAMES[argument])

    def end(self) -> None:
        self._put(b"\xc5\xf8\x77", "vzeroupper")
        if self.windows:
            for k, v in enumerate(_SAVED_VECTORS_BY_WINDOWS):
                self._save_vector(0x10, v, 16 * k)
            room = 16 * len(_SAVED_VECTORS_BY_WINDOWS)
            self._put(b"\x48\x81\xc4" + room.to_bytes(4, "little"), "add rsp, {:#x}", room)
        for r in reversed(_SAVED_BY_WINDOWS if self.windows else _SAVED):
            self._put(bytes((0x41, 0x58 | r & 7) if r > 7 else (0x58 | r,)), "pop {}", _NAMES[r])
        self._put(b"\xc3", "ret")

    def _save_vector(self, op: int, v: int, offset: int) -> None:
        _, _, tail = self._address(v, _RSP, offset)
        code = bytes((0xC4, (~v >> 3 & 1) << 7 | 0x60 | 1, 0x78, op)) + tail
        place = f"[rsp{_signed(offset)}]"
        pair = (place, f"xmm{v}") if op == 0x11 else (f"xmm{v}", place)
        self._put(code, "vmovups {}, {}", *pair)

    # --- integers

    def set(self, r: int, value: int) -> None:
        n = REGISTERS[r]
        if 0 <= value < 2**31:
            code = bytes((0x41, 0xB8 | n & 7) if n > 7 else (0xB8 | n,))
            self._put(code + value.to_bytes(4, "little"), "mov {}, {}", _short(n), shown(value))
        else:
            code = bytes((0x48 | n >> 3, 0xB8 | n & 7)) + value.to_bytes(8, "little", signed=True)
            self._put(code, "movabs {}, {:#x}", _NAMES[n], value % 2**64)

    def move(self, r: int, s: int) -> None:
        self._two(0x89, "mov", r, s)

    def add(self, r: int, s: int) -> None:
        self._two(0x01, "add", r, s)

    def _two(self, op: int, name: str, r: int, s: int) -> None:
        a, b = REGISTERS[r], REGISTERS[s]
        code = bytes((0x48 | b >> 3 << 2 | a >> 3, op, 0xC0 | (b & 7) << 3 | a & 7))
        self._put(code, name + " {}, {}", _NAMES[a], _NAMES[b])

    def add_constant(self, r: int, value: int) -> None:
        n = REGISTERS[r]
        short = -128 <= value < 128
        code = bytes((0x48 | n >> 3, 0x83 if short else 0x81, 0xC0 | n & 7))
        code += value.to_bytes(1 if short else 4, "little", signed=True)
        self._put(code, "add {}, {}", _NAMES[n], shown(value))

    def multiply(self, r: int, s: int, value: int) -> None:
        a, b = REGISTERS[r], REGISTERS[s]
        code = bytes((0x48 | a >> 3 << 2 | b >> 3, 0x69, 0xC0 | (a & 7) << 3 | b & 7))
        code += value.to_bytes(4, "little", signed=True)
        self._put(code, "imul {}, {}, {}", _NAMES[a], _NAMES[b], shown(value))

    def load(self, r: int, at: At) -> None:
        a = REGISTERS[r]
        x, b, tail = self._memory(a, at)
        code = bytes((0x48 | a >> 3 << 2 | x << 1 | b, 0x8B)) + tail
        self._put(code, "mov {}, qword ptr {}", _NAMES[a], self._show(at))

    def store(self, at: At, r: int) -> None:
        a = REGISTERS[r]
        x, b, tail = self._memory(a, at)
        code = bytes((0x48 | a >> 3 << 2 | x << 1 | b, 0x89)) + tail
        self._put(code, "mov qword ptr {}, {}", self._show(at), _NAMES[a])

    # --- control

    def _begin_loop(self) -> int:
        return len(self.code)

    def _end_loop(self, counter: int, start: int) -> None:
        self.add_constant(counter, -1)
        distance = start - len(self.code) - 6
        self._put(
            b"\x0f\x85" + distance.to_bytes(4, "little", signed=True), "jne {:#x}", start
        )  # fmt: skip

    def _end_block(self, block: Block) -> None:
        for at in block.exits:
            self.code[at - 4 : at] = (len(self.code) - at).to_bytes(4, "little")

    def leave_if_zero(self, r: int, block: Block) -> None:
        n = REGISTERS[r]
        code = bytes((0x48 | n >> 3 << 2 | n >> 3, 0x85, 0xC0 | (n & 7) << 3 | n & 7))
        self._put(code, "test {}, {}", _NAMES[n], _NAMES[n])
        self._jump(0x84, "je", block)

    def leave_if_any(self, x: int, block: Block) -> None:
        self._put(self._vex(0x17, 1, 2, 0, x, 0, x), "vptest ymm{}, ymm{}", x, x)
        self._jump(0x85, "jne", block)

    def _jump(self, op: int, name: str, block: Block) -> None:
        self._put(bytes((0x0F, op, 0, 0, 0, 0)), f"{name} {TO_THE_END}")
        block.exits.append(len(self.code))

    # --- vectors and memory

    def vload(self, a: int, at: At) -> None:
        self._put(self._vex(0x10, 1, 1, 0, a, 0, at), "vmovupd ymm{}, {}", a, self._show(at))

    def vstore(self, at: At, x: int) -> None:
        self._put(self._vex(0x11, 1, 1, 0, x, 0, at), "vmovupd {}, ymm{}", self._show(at), x)

    def vbroadcast(self, a: int, at: At) -> None:
        self._put(self._vex(0x19, 1, 2, 0, a, 0, at), "vbroadcastsd ymm{}, {}", a, self._show(at))

    def vstore_first(self, at: At, x: int) -> None:
        self._put(self._vex(0x11, 3, 1, 0, x, 0, at, 0), "vmovsd {}, xmm{}", self._show(at), x)

    # --- arithmetic and bits in each lane

    def vmove(self, a: int, x: int) -> None:
        self._put(self._vex(0x28, 1, 1, 0, a, 0, x), "vmovapd ymm{}, ymm{}", a, x)

    def vzero(self, a: int) -> None:
        self.vxor(a, a, a)

    def vsqrt(self, a: int, x: int) -> None:
        self._put(self._vex(0x51, 1, 1, 0, a, 0, x), "vsqrtpd ymm{}, ymm{}", a, x)

    def _compare(self, a: int, x: int, y: Operand, how: int, name: str) -> None:
        code = self._vex(0xC2, 1, 1, 0, a, x, y) + bytes((how,))
        self._put(code, name + " ymm{}, ymm{}, {}", a, x, self._show(y))

    def vless(self, a: int, x: int, y: Operand) -> None:
        self._compare(a, x, y, 0x11, "vcmplt_oqpd")

    def vat_most(self, a: int, x: int, y: Operand) -> None:
        self._compare(a, x, y, 0x12, "vcmple_oqpd")

    def vselect(self, a: int, mask: int, x: int, y: int) -> None:
        code = self._vex(0x4B, 1, 3, 0, a, y, x) + bytes((mask << 4,))
        self._put(code, "vblendvpd ymm{}, ymm{}, ymm{}, ymm{}", a, y, x, mask)

    def vshift_left(self, a: int, x: int, bits: int) -> None:
        code = self._vex(0x73, 1, 1, 0, 6, a, x) + bytes((bits,))
        self._put(code, "vpsllq ymm{}, ymm{}, {}", a, x, shown(bits))

    def vshift_right(self, a: int, x: int, bits: int) -> None:
        code = self._vex(0x73, 1, 1, 0, 2, a, x) + bytes((bits,))
        self._put(code, "vpsrlq ymm{}, ymm{}, {}", a, x, shown(bits))

    # --- across lanes

    def _exchange(self, t: int, a: int) -> None:
        """t = a's two halves, exchanged"""
        code = self._vex(0x06, 1, 3, 0, t, a, a) + b"\x01"
        self._put(code, "vperm2f128 ymm{}, ymm{}, ymm{}, 1", t, a, a)

    def _swap(self, t: int, a: int) -> None:
        """t = a with neighbours exchanged"""
        code = self._vex(0x05, 1, 3, 0, t, 0, a) + b"\x05"
        self._put(code, "vpermilpd ymm{}, ymm{}, 5", t, a)

    def vsum(self, a: int, t: int) -> None:
        self._exchange(t, a)
        self.vadd(a, a, t)
        self._swap(t, a)
        self.vadd(a, a, t)

    def vlargest(self, a: int, t: int) -> None:
        self._exchange(t, a)
        self.vmax(a, a, t)
        self._swap(t, a)
        self.vmax(a, a, t)

    def vsums(self, a: int, b: int, c: int, d: int) -> None:
        for p, q in ((a, b), (c, d)):
            self._put(self._vex(0x7C, 1, 1, 0, p, p, q), "vhaddpd ymm{}, ymm{}, ymm{}", p, p, q)
        # (a0 a1, b0 b1, a2 a3, b2 b3) and (c0 c1, d0 d1, c2 c3, d2 d3)
        code = self._vex(0x06, 1, 3, 0, b, a, c) + b"\x21"
        self._put(code, "vperm2f128 ymm{}, ymm{}, ymm{}, 0x21", b, a, c)
        code = self._vex(0x0D, 1, 3, 0, a, a, c) + b"\x0c"
        self._put(code, "vblendpd ymm{}, ymm{}, ymm{}, 0xc", a, a, c)
        self.vadd(a, a, b)


def _three(
    name: str, op: int, prefix: int = 1, table: int = 1, wide: int = 0
) -> Callable[[X64, int, int, Operand], None]:
    """Return the method of an instruction with three operands, the last of which may be memory."""
    text = name + " ymm{}, ymm{}, {}"

    def method(self: X64, a: int, x: int, y: Operand) -> None:
        code = self._vex(op, prefix, table, wide, a, x, y)
        if self.lines is not None:
            self.lines.append(Line(len(self.code), len(code), text.format(a, x, self._show(y))))
        self.code += code

    return method


for _method, _arguments in {
    "vadd": ("vaddpd", 0x58),
    "vsub": ("vsubpd", 0x5C),
    "vmul": ("vmulpd", 0x59),
    "vdiv": ("vdivpd", 0x5E),
    "vmin": ("vminpd", 0x5D),
    "vmax": ("vmaxpd", 0x5F),
    "vand": ("vandpd", 0x54),
    "vor": ("vorpd", 0x56),
    "vxor": ("vxorpd", 0x57),
    "vadd_int": ("vpaddq", 0xD4),
    "vsub_int": ("vpsubq", 0xFB),
    "fma": ("vfmadd231pd", 0xB8, 1, 2, 1),
    "fnma": ("vfnmadd231pd", 0xBC, 1, 2, 1),
}.items():
    setattr(X64, _method, _three(*_arguments))  # type: ignore[arg-type]


def _short(n: int) -> str:
    """Return the name of a register's lower half."""
    return f"r{n}d" if n > 7 else "e" + _NAMES[n][1:]


def _signed(offset: int) -> str:
    return f" {'-' if offset < 0 else '+'} {shown(abs(offset))}" if offset else ""
