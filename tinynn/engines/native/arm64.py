"""64-bit Arm with NEON: a vector of four floats is a pair of its registers of two floats.

Vector register k is v(2k) with lanes 0 and 1, and v(2k + 1) with lanes 2 and 3.

Source: Arm architecture reference manual for A-profile, chapter C4 for how instructions are put
together, C6 and C7 for each of them; Procedure call standard for the Arm 64-bit architecture,
section 6.1, for whose registers are whose.
"""

from __future__ import annotations

from typing import Callable

from ...errors import EngineError
from .machine import SCRATCH, TO_THE_END, At, Block, Line, Machine, Operand, shown

# The machine's integer registers are x0 (with the argument, which is ARENA) to x11: a function may
# change all of them. So it may x16 and x17, which are kept for the encoder; x18 is the system's.
_NEAR, _FAR = 16, 17
_SP = 31
_SAVED = (8, 10, 12, 14)  # the caller's: the low halves of v8 to v15, in pairs
_FRAME = 8 * 2 * len(_SAVED)
_PAGE = 4096  # what `add` reaches with its 12 bits; with 12 more it reaches as many pages

# Loads and stores of one register: the opcode of a store with an offset of 9 bits in bytes.
_LOAD, _SCALED, _INDEXED = 0x00400000, 0x01000000, 0x00206800  # set in the opcode: the other forms
_ONE_X, _ONE_D, _ONE_Q = 0xF8000000, 0xFC000000, 0x3C800000
_TWO_D, _TWO_Q = 0x6D000000, 0xAD000000  # pairs of registers, with a signed offset

_UPPER = 0x10021  # added to an instruction: the same with the upper half of its three registers
_UPPER_OF_TWO, _UPPER_OF_ONE = 0x21, 0x01
_JUMP_REACH = 1 << 20  # bytes, forwards and backwards


class Arm64(Machine):
    """Writes aarch64, which every 64-bit Arm understands."""

    name = "64-bit Arm with NEON"
    target = "#{}"

    # --- how instructions are put together

    def _put(self, word: int, text: str, *operands: object) -> None:
        if self.lines is not None:
            self.lines.append(Line(len(self.code), 4, text.format(*operands)))
        self.code += word.to_bytes(4, "little")

    def _halves(
        self, op: int, text: str, a: int, x: int = 0, y: int = 0, upper: int = _UPPER
    ) -> None:
        """The same instruction for both halves of three registers; `upper`: of fewer."""
        word = op | y << 17 | x << 6 | a << 1
        if self.lines is not None:
            for half in (0, 1):
                registers = text.format(2 * a + half, 2 * x + half, 2 * y + half)
                self.lines.append(Line(len(self.code) + 4 * half, 4, registers))
        self.code += (word + upper << 32 | word).to_bytes(8, "little")

    # --- addresses

    def _indexed(self, at: At) -> tuple[int, int]:
        """Return a register and an offset that make the address; the register may be scratch."""
        if at.index is None:
            return at.base, at.offset
        self._sum(_NEAR, at.base, at.index)
        return _NEAR, at.offset

    def _nearer(self, base: int, offset: int, size: int) -> tuple[int, int]:
        """Return register and offset of the same address, with an offset that is reached."""
        aligned = offset % size == 0
        rest = offset % _PAGE if aligned and abs(offset) >= _PAGE else 0
        self._add_constant(_NEAR, base, offset - rest)
        return _NEAR, rest

    def _one(self, op: int, name: str, r: int, base: int, offset: int) -> None:
        """Load or store a register; the offset is one that `_reaches`."""
        size = _SIZES[name[0]]
        if offset % size == 0 and offset >= 0:
            word = op | _SCALED | offset // size << 10 | base << 5 | r
        else:
            word = op | (offset & 511) << 12 | base << 5 | r
        if self.lines is not None:
            verb = ("ldr", "str", "ldur", "stur")[2 * (not word & _SCALED) + (not op & _LOAD)]
            self._put(word, "{} {}{}, {}", verb, name, r, _place(base, offset))
        else:
            self.code += word.to_bytes(4, "little")

    def _number(self, op: int, name: str, r: int, at: At) -> None:
        """Load or store a register of 8 bytes."""
        if at.index is not None and at.offset == 0:
            word = op | _INDEXED | at.index << 16 | at.base << 5 | r
            verb = "ldr" if op & _LOAD else "str"
            self._put(word, "{} {}{}, [x{}, x{}]", verb, name, r, at.base, at.index)
            return
        base, offset = self._indexed(at)
        if not _reaches(offset, 8):
            base, offset = self._nearer(base, offset, 8)
        self._one(op, name, r, base, offset)

    def _vector(self, load: int, v: int, at: At) -> None:
        """Load or store both halves of a vector register: a pair, or one after the other."""
        base, offset = self._indexed(at)
        if not (_pair_reaches(offset) or _reaches(offset, 16, 16)):
            base, offset = self._nearer(base, offset, 16)
        v *= 2
        if _pair_reaches(offset):
            word = _TWO_Q | load | (offset >> 4 & 127) << 15 | v + 1 << 10 | base << 5 | v
            if self.lines is not None:
                verb = "ldp" if load else "stp"
                self._put(word, "{} q{}, q{}, {}", verb, v, v + 1, _place(base, offset))
            else:
                self.code += word.to_bytes(4, "little")
        else:
            self._one(_ONE_Q | load, "q", v, base, offset)
            self._one(_ONE_Q | load, "q", v + 1, base, offset + 16)

    # --- the function around the code

    def begin(self) -> None:
        first, *others = _SAVED
        word = 0x6D800000 | (-_FRAME >> 3 & 127) << 15 | first + 1 << 10 | _SP << 5 | first
        self._put(word, "stp d{}, d{}, [sp, #-{:#x}]!", first, first + 1, _FRAME)
        for k, d in enumerate(others, 1):
            self._save_two(0, d, 16 * k)

    def end(self) -> None:
        first, *others = _SAVED
        for k, d in enumerate(others, 1):
            self._save_two(_LOAD, d, 16 * k)
        word = 0x6CC00000 | (_FRAME >> 3) << 15 | first + 1 << 10 | _SP << 5 | first
        self._put(word, "ldp d{}, d{}, [sp], #{:#x}", first, first + 1, _FRAME)
        self._put(0xD65F03C0, "ret")

    def _save_two(self, load: int, d: int, offset: int) -> None:
        word = _TWO_D | load | (offset >> 3) << 15 | d + 1 << 10 | _SP << 5 | d
        verb = "ldp" if load else "stp"
        self._put(word, "{} d{}, d{}, [sp, #{:#x}]", verb, d, d + 1, offset)

    # --- integers

    def set(self, r: int, value: int) -> None:
        if 0 <= value < 1 << 16:
            self._put(0xD2800000 | value << 5 | r, "mov x{}, #{}", r, shown(value))
            return
        # Parts of 16 bits: the first instruction sets one, and all others to 0 or to ones.
        parts = [(value >> shift & 0xFFFF, shift) for shift in (0, 16, 32, 48)]
        ones = sum(part == 0xFFFF for part, _ in parts)
        filling = 0xFFFF if ones > sum(part == 0 for part, _ in parts) else 0
        (first, shift), *others = [pair for pair in parts if pair[0] != filling] or parts[:1]
        op = 0x92800000 if filling else 0xD2800000  # movn, which inverts all bits, or movz
        word = op | shift << 17 | (first ^ filling) << 5 | r
        whole = (first ^ filling) << shift ^ -(filling & 1)
        signed = (whole + (1 << 63)) % (1 << 64) - (1 << 63)
        self._put(word, "mov x{}, #{}", r, shown(signed))
        for part, shift in others:
            word = 0xF2800000 | shift << 17 | part << 5 | r
            text = "movk x{}, #{}, lsl #{}" if shift else "movk x{}, #{}"
            self._put(word, text, r, shown(part), shift)

    def move(self, r: int, s: int) -> None:
        self._put(0xAA0003E0 | s << 16 | r, "mov x{}, x{}", r, s)

    def add(self, r: int, s: int) -> None:
        self._sum(r, r, s)

    def _sum(self, r: int, s: int, t: int) -> None:
        self._put(0x8B000000 | t << 16 | s << 5 | r, "add x{}, x{}, x{}", r, s, t)

    def add_constant(self, r: int, value: int) -> None:
        self._add_constant(r, r, value)

    def _add_constant(self, r: int, s: int, value: int) -> None:
        """r = s + value; x17 may be overwritten."""
        size = abs(value)
        if size >= _PAGE * _PAGE:
            self.set(_FAR, value)
            self._sum(r, s, _FAR)
            return
        op, verb = (0xD1000000, "sub") if value < 0 else (0x91000000, "add")
        pages, rest = divmod(size, _PAGE)
        if pages:
            word = op | 1 << 22 | pages << 10 | s << 5 | r
            self._put(word, "{} x{}, x{}, #{}, lsl #12", verb, r, s, shown(pages))
            s = r
        if rest or not pages:
            self._put(op | rest << 10 | s << 5 | r, "{} x{}, x{}, #{}", verb, r, s, shown(rest))

    def multiply(self, r: int, s: int, value: int) -> None:
        self.set(_FAR, value)
        self._put(0x9B007C00 | _FAR << 16 | s << 5 | r, "mul x{}, x{}, x{}", r, s, _FAR)

    def load(self, r: int, at: At) -> None:
        self._number(_ONE_X | _LOAD, "x", r, at)

    def store(self, at: At, r: int) -> None:
        self._number(_ONE_X, "x", r, at)

    # --- control

    def _begin_loop(self) -> int:
        return len(self.code)

    def _end_loop(self, counter: int, start: int) -> None:
        self._add_constant(counter, counter, -1)
        word = 0xB5000000 | _jump_bits(start - len(self.code)) | counter
        self._put(word, "cbnz x{}, #{}", counter, shown(start))

    def _end_block(self, block: Block) -> None:
        for at in block.exits:
            word = int.from_bytes(self.code[at : at + 4], "little")
            word |= _jump_bits(len(self.code) - at)
            self.code[at : at + 4] = word.to_bytes(4, "little")

    def leave_if_zero(self, r: int, block: Block) -> None:
        block.exits.append(len(self.code))
        self._put(0xB4000000 | r, "cbz x{}, " + TO_THE_END, r)

    def leave_if_any(self, x: int, block: Block) -> None:
        # Without SCRATCH, which a kernel may use that has no operands in memory.
        for half, v in enumerate((2 * x, 2 * x + 1)):
            into = _FAR if half else _NEAR
            self._put(0x9E660000 | v << 5 | into, "fmov x{}, d{}", into, v)
            if half:
                self._either()
            self._put(0x4E183C00 | v << 5 | _FAR, "mov x{}, v{}.d[1]", _FAR, v)
            self._either()
        block.exits.append(len(self.code))
        self._put(0xB5000000 | _NEAR, "cbnz x{}, " + TO_THE_END, _NEAR)

    def _either(self) -> None:
        word = 0xAA000000 | _FAR << 16 | _NEAR << 5 | _NEAR
        self._put(word, "orr x{0}, x{0}, x{1}", _NEAR, _FAR)

    # --- vectors and memory

    def vload(self, a: int, at: At) -> None:
        self._vector(_LOAD, a, at)

    def vstore(self, at: At, x: int) -> None:
        self._vector(0, x, at)

    def vbroadcast(self, a: int, at: At) -> None:
        self._number(_ONE_D | _LOAD, "d", 2 * a, at)
        for v in (2 * a + 1, 2 * a):
            self._put(0x4E080400 | a << 6 | v, "dup v{}.2d, v{}.d[0]", v, 2 * a)

    def vstore_first(self, at: At, x: int) -> None:
        self._number(_ONE_D, "d", 2 * x, at)

    # --- arithmetic and bits in each lane

    def vmove(self, a: int, x: int) -> None:
        self._halves(0x4EA01C00, "mov v{}.16b, v{}.16b", a, x, x)

    def vzero(self, a: int) -> None:
        text = "movi v{}.2d, #0000000000000000"
        self._halves(0x6F00E400, text, a, upper=_UPPER_OF_ONE)

    def vsqrt(self, a: int, x: int) -> None:
        self._halves(0x6EE1F800, "fsqrt v{}.2d, v{}.2d", a, x, upper=_UPPER_OF_TWO)

    def vselect(self, a: int, mask: int, x: int, y: int) -> None:
        # Each of the three overwrites another of its operands, so that none is lost but a.
        if a == y:
            self._halves(0x6EA01C00, "bit v{}.16b, v{}.16b, v{}.16b", a, x, mask)
        elif a == x:
            self._halves(0x6EE01C00, "bif v{}.16b, v{}.16b, v{}.16b", a, y, mask)
        else:
            if a != mask:
                self.vmove(a, mask)
            self._halves(0x6E601C00, "bsl v{}.16b, v{}.16b, v{}.16b", a, x, y)

    def vshift_left(self, a: int, x: int, bits: int) -> None:
        text = "shl v{}.2d, v{}.2d, #" + shown(bits)
        self._halves(0x4F005400 | 64 + bits << 16, text, a, x, upper=_UPPER_OF_TWO)

    def vshift_right(self, a: int, x: int, bits: int) -> None:
        if bits == 0:  # there is no such shift
            self.vmove(a, x)
            return
        text = "ushr v{}.2d, v{}.2d, #" + shown(bits)
        self._halves(0x6F000400 | 128 - bits << 16, text, a, x, upper=_UPPER_OF_TWO)

    # --- across lanes

    def _across(self, op: int, name: str, a: int, x: int, y: int) -> None:
        """An instruction with NEON's registers, not the machine's."""
        text = name + " v{}.2d, v{}.2d, v{}.2d"
        self._put(op | y << 16 | x << 5 | a, text, a, x, y)

    def vsum(self, a: int, t: int) -> None:
        v = 2 * a
        self._across(0x4E60D400, "fadd", v, v, v + 1)
        self._across(0x6E60D400, "faddp", v, v, v)
        self._copy_up(v)

    def vlargest(self, a: int, t: int) -> None:
        v = 2 * a
        self._across(0x4E60F400, "fmax", v, v, v + 1)
        self._across(0x6E60F400, "fmaxp", v, v, v)
        self._copy_up(v)

    def _copy_up(self, v: int) -> None:
        self._put(0x4EA01C00 | v << 16 | v << 5 | v + 1, "mov v{}.16b, v{}.16b", v + 1, v)

    def vsums(self, a: int, b: int, c: int, d: int) -> None:
        for p, q in ((a, b), (c, d)):
            for half in (0, 1):
                v = 2 * p + half
                self._across(0x6E60D400, "faddp", v, v, 2 * q + half)
        # (a0 + a1, b0 + b1), (a2 + a3, b2 + b3) and the same of c and d
        self._across(0x4E60D400, "fadd", 2 * a, 2 * a, 2 * a + 1)
        self._across(0x4E60D400, "fadd", 2 * a + 1, 2 * c, 2 * c + 1)


def _three(
    name: str, op: int, lanes: str = "2d", exchanged: bool = False
) -> Callable[[Arm64, int, int, Operand], None]:
    """Return the method of an instruction with three operands, the last of which may be memory.

    `exchanged`: Arm takes the last two in the other order.
    """
    text = name + " v{}.2d, v{}.2d, v{}.2d".replace("2d", lanes)

    def method(self: Arm64, a: int, x: int, y: Operand) -> None:
        if not isinstance(y, int):
            self.vload(SCRATCH, y)
            y = SCRATCH
        if exchanged:
            x, y = y, x
        if self.lines is not None:
            self._halves(op, text, a, x, y)
            return
        word = op | y << 17 | x << 6 | a << 1
        self.code += (word + _UPPER << 32 | word).to_bytes(8, "little")

    return method


for _method, _arguments in {
    "vadd": ("fadd", 0x4E60D400),
    "vsub": ("fsub", 0x4EE0D400),
    "vmul": ("fmul", 0x6E60DC00),
    "vdiv": ("fdiv", 0x6E60FC00),
    "vand": ("and", 0x4E201C00, "16b"),
    "vor": ("orr", 0x4EA01C00, "16b"),
    "vxor": ("eor", 0x6E201C00, "16b"),
    "vadd_int": ("add", 0x4EE08400),
    "vsub_int": ("sub", 0x6EE08400),
    "fma": ("fmla", 0x4E60CC00),
    "fnma": ("fmls", 0x4EE0CC00),
    "vmin": ("fmin", 0x4EE0F400),
    "vmax": ("fmax", 0x4E60F400),
    "vless": ("fcmgt", 0x6EE0E400, "2d", True),
    "vat_most": ("fcmge", 0x6E60E400, "2d", True),
}.items():
    setattr(Arm64, _method, _three(*_arguments))  # type: ignore[arg-type]

_SIZES = {"x": 8, "d": 8, "q": 16}


def _reaches(offset: int, size: int, more: int = 0) -> bool:
    """Return whether loads at an offset, and at so many bytes more, need no other register."""
    if offset % size == 0 and offset >= 0:
        return offset + more < size * _PAGE
    return offset >= -256 and offset + more < 256


def _pair_reaches(offset: int) -> bool:
    return offset % 16 == 0 and -1024 <= offset < 1024


def _jump_bits(distance: int) -> int:
    """Return the bits of a conditional jump's distance in bytes. Raises EngineError."""
    if not -_JUMP_REACH <= distance < _JUMP_REACH:
        raise EngineError(
            f"a jump in code for 64-bit Arm reaches {_JUMP_REACH} bytes, "
            f"and this loop or block has {abs(distance)}: its code has to be shorter"
        )
    return (distance // 4 & 0x7FFFF) << 5


def _place(base: int, offset: int) -> str:
    return f"[x{base}, #{shown(offset)}]" if offset else f"[x{base}]"
