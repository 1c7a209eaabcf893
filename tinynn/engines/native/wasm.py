"""WebAssembly with 128-bit SIMD: a vector of four floats is a pair of its vectors of two floats.

The code is a whole module: it imports a memory, `memory` of `tinynn`, and exports a function `run`
of an address. Integer registers are local variables of 64 bits, vector registers are pairs of local
variables; loops and blocks are WebAssembly's own.

It has no instruction that multiplies and adds at once: `fma` and `fnma` round twice, and
`fnma_exact` computes the error of the product. (Relaxed SIMD has one, but on an Intel processor
trainings were not faster with it, and results would depend on the processor.) The elementary
functions are within two units in the last place of the true value.

Sources: WebAssembly core specification, release 2.0, section 5 for the binary format and 6 for the
text format; T. J. Dekker, A floating-point technique for extending the available precision (1971),
for exact products.
"""

from __future__ import annotations

from typing import Callable, Tuple

from .machine import REGISTERS, VECTORS, At, Block, Line, Machine, Operand

MODULE, MEMORY, FUNCTION = "tinynn", "memory", "run"  # the names of what is imported and exported

# The local variables: the argument, the integer registers, the halves of vector registers, and
# vectors that the encoder needs.
_TEMPORARIES = ("mask", "xh", "xl", "yh", "yl", "p", "y")
_NAMES = [
    "address", *(f"r{r}" for r in range(REGISTERS)),
    *(f"v{v}.{half}" for v in range(VECTORS) for half in (0, 1)), *_TEMPORARIES,
]  # fmt: skip
_FIRST_VECTOR = 1 + REGISTERS
_I32, _I64, _V128, _FUNCTION, _NOTHING = 0x7F, 0x7E, 0x7B, 0x60, 0x40
_HALF = 16  # bytes
_ALIGNED = 3  # the binary logarithm of 8: what addresses are usually multiples of

# An offset below this is part of the instruction, which does not wrap around: base and index have
# to add up to an address of their own. Others are added like any integer.
_REACH = 1 << 24

_MASK = (2**64 - 2**27).to_bytes(8, "little") * 2  # clears the lower 27 bits of a float

_Piece = Tuple[bytes, str]  # an instruction, and its text


def unsigned(value: int) -> bytes:
    """Return an integer as WebAssembly writes it: LEB128.

    >>> unsigned(624485).hex()
    'e58e26'
    """
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def signed(value: int) -> bytes:
    """Return an integer with a sign as WebAssembly writes it.

    >>> signed(-123456).hex()
    'c0bb78'
    """
    found = bytearray()
    while not -64 <= value < 64:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value & 127)
    return bytes(found)


def _simd(op: int, name: str, more: bytes = b"") -> _Piece:
    return b"\xfd" + unsigned(op) + more, name


def _short(text: str) -> bytes:
    """Return a name, with its length before it."""
    return unsigned(len(text)) + text.encode()


def _section(number: int, content: bytes) -> bytes:
    return bytes((number,)) + unsigned(len(content)) + content


def _size_to_come() -> bytes:
    """Return room for a size, to be filled by `_known_size`."""
    return b"\x80\x80\x80\x80\x00"


def _known_size(size: int) -> bytes:
    """Return a size in as many bytes as there is room for."""
    return bytes(size >> shift & 127 | (128 if shift < 28 else 0) for shift in range(0, 35, 7))


_GET = [(b"\x20" + unsigned(k), f"local.get ${name}") for k, name in enumerate(_NAMES)]
_SET = [(b"\x21" + unsigned(k), f"local.set ${name}") for k, name in enumerate(_NAMES)]
_TEE = [(b"\x22" + unsigned(k), f"local.tee ${name}") for k, name in enumerate(_NAMES)]
_TEMPORARY = {name: _NAMES.index(name) for name in _TEMPORARIES}

_WRAP = (b"\xa7", "i32.wrap_i64")
_WIDEN = (b"\xad", "i64.extend_i32_u")
_ADD_I32 = (b"\x6a", "i32.add")
_ADD_I64, _MUL_I64 = (b"\x7c", "i64.add"), (b"\x7e", "i64.mul")
_IS_ZERO, _DIFFERS = (b"\x50", "i64.eqz"), (b"\x52", "i64.ne")
_END = (b"\x0b", "end")
_OR, _AND, _ANY = _simd(0x50, "v128.or"), _simd(0x4E, "v128.and"), _simd(0x53, "v128.any_true")
_SELECT = _simd(0x52, "v128.bitselect")
_ADD, _SUB, _MUL = _simd(0xF0, "f64x2.add"), _simd(0xF1, "f64x2.sub"), _simd(0xF2, "f64x2.mul")
_PMAX, _SQRT = _simd(0xF7, "f64x2.pmax"), _simd(0xEF, "f64x2.sqrt")
_ZERO = _simd(0x0C, "v128.const i64x2 0 0", bytes(_HALF))
_UPPER_BITS = _simd(0x0C, "v128.const i64x2 0xfffffffff8000000 0xfffffffff8000000", _MASK)


def _shuffle(*lanes: int) -> _Piece:
    """Return what picks two of the four floats of two vectors."""
    order = bytes(8 * lane + k for lane in lanes for k in range(8))
    return _simd(0x0D, f"i8x16.shuffle {' '.join(map(str, order))}", order)


_LOWER, _UPPER, _SWAPPED = _shuffle(0, 2), _shuffle(1, 3), _shuffle(1, 0)


def _half(v: int, half: int) -> int:
    """Return the local variable that is a half of a vector register."""
    return _FIRST_VECTOR + 2 * v + half


class Wasm(Machine):
    """Writes a module of WebAssembly."""

    name = "WebAssembly with 128-bit SIMD"

    def __init__(self, listed: bool = False) -> None:
        super().__init__(listed)
        self._depth = 0  # how many loops and blocks are around what is written
        self._start = 0

    # --- how instructions are put together

    def _put(self, *pieces: _Piece) -> None:
        code = b"".join([code for code, _ in pieces])
        if self.lines is not None:
            text = "  ".join([text for _, text in pieces])
            self.lines.append(Line(len(self.code), len(code), text))
        self.code += code

    def _integers(self, r: int, *pieces: _Piece) -> None:
        self._put(*pieces, _SET[1 + r])

    # --- addresses

    def _address(self, at: At) -> tuple[list[_Piece], int]:
        """Return what puts an address on the stack, and the offset that is left to add."""
        pieces = [_GET[1 + at.base], _WRAP]
        if at.index is not None:
            pieces += [_GET[1 + at.index], _WRAP, _ADD_I32]
        if 0 <= at.offset < _REACH:
            return pieces, at.offset
        constant = (b"\x41" + signed(at.offset), f"i32.const {at.offset}")
        return [*pieces, constant, _ADD_I32], 0

    def _load(self, at: At, op: bytes, name: str, more: int = 0) -> list[_Piece]:
        pieces, offset = self._address(at)
        pieces.append(_access(op, name, offset + more))
        return pieces

    def _operand(self, y: Operand, half: int) -> list[_Piece]:
        if isinstance(y, int):
            return [_GET[_half(y, half)]]
        return self._load(y, b"\xfd\x00", "v128.load", _HALF * half)

    # --- the function around the code

    def begin(self) -> None:
        vectors = 2 * VECTORS + len(_TEMPORARIES)
        variables = bytes((2, REGISTERS, _I64, vectors, _V128))
        self.code += b"\0asm\1\0\0\0"
        self.code += _section(1, bytes((1, _FUNCTION, 1, _I32, 0)))
        self.code += _section(2, b"\1" + _short(MODULE) + _short(MEMORY) + b"\2\0\0")
        self.code += _section(3, b"\1\0")
        self.code += _section(7, b"\1" + _short(FUNCTION) + b"\0\0")
        self.code += b"\x0a" + _size_to_come()
        self._start = len(self.code)
        self.code += b"\1" + _size_to_come() + variables
        self.comment(f'(module (import "{MODULE}" "{MEMORY}" (memory 0))')
        self.comment(f'(func (export "{FUNCTION}") (param $address i32)')
        self.comment(
            f"(local i64 {REGISTERS} times: $r0 ...; v128 {vectors} times: $v0.0 $v0.1 ...)"
        )
        self._integers(0, _GET[0], _WIDEN)

    def end(self) -> None:
        self._put(_END)
        start, end = self._start, len(self.code)
        self.code[start - 5 : start] = _known_size(end - start)
        self.code[start + 1 : start + 6] = _known_size(end - start - 6)

    # --- integers

    def set(self, r: int, value: int) -> None:
        self._integers(r, _constant(value))

    def move(self, r: int, s: int) -> None:
        self._integers(r, _GET[1 + s])

    def add(self, r: int, s: int) -> None:
        self._integers(r, _GET[1 + r], _GET[1 + s], _ADD_I64)

    def add_constant(self, r: int, value: int) -> None:
        self._integers(r, _GET[1 + r], _constant(value), _ADD_I64)

    def multiply(self, r: int, s: int, value: int) -> None:
        self._integers(r, _GET[1 + s], _constant(value), _MUL_I64)

    def load(self, r: int, at: At) -> None:
        self._integers(r, *self._load(at, b"\x29", "i64.load"))

    def store(self, at: At, r: int) -> None:
        pieces, offset = self._address(at)
        self._put(*pieces, _GET[1 + r], _access(b"\x37", "i64.store", offset))

    # --- control

    def _begin_loop(self) -> int:
        self._depth += 1
        self._put((bytes((0x03, _NOTHING)), "loop"))
        return self._depth

    def _end_loop(self, counter: int, start: int) -> None:
        r = 1 + counter
        self._put(_GET[r], _constant(-1), _ADD_I64, _TEE[r], _constant(0), _DIFFERS, _leave(0))
        self._put(_END)
        self._depth -= 1

    def _begin_block(self, block: Block) -> None:
        self._depth += 1
        block.depth = self._depth
        self._put((bytes((0x02, _NOTHING)), "block"))

    def _end_block(self, block: Block) -> None:
        self._put(_END)
        self._depth -= 1

    def leave_if_zero(self, r: int, block: Block) -> None:
        self._put(_GET[1 + r], _IS_ZERO, _leave(self._depth - block.depth))

    def leave_if_any(self, x: int, block: Block) -> None:
        either = _GET[_half(x, 0)], _GET[_half(x, 1)], _OR
        self._put(*either, _ANY, _leave(self._depth - block.depth))

    # --- vectors and memory

    def vload(self, a: int, at: At) -> None:
        for half in (0, 1):
            self._put(*self._operand(at, half), _SET[_half(a, half)])

    def vstore(self, at: At, x: int) -> None:
        pieces, offset = self._address(at)
        for half in (0, 1):
            store = _access(b"\xfd\x0b", "v128.store", offset + _HALF * half)
            self._put(*pieces, _GET[_half(x, half)], store)

    def vbroadcast(self, a: int, at: At) -> None:
        pieces = self._load(at, b"\xfd\x0a", "v128.load64_splat")
        self._put(*pieces, _TEE[_half(a, 0)], _SET[_half(a, 1)])

    def vstore_first(self, at: At, x: int) -> None:
        pieces, offset = self._address(at)
        code, text = _access(b"\xfd\x5b", "v128.store64_lane", offset)
        self._put(*pieces, _GET[_half(x, 0)], (code + b"\0", text + " 0"))

    # --- arithmetic and bits in each lane

    def _halves(self, a: int, x: int, *pieces: _Piece) -> None:
        for half in (0, 1):
            self._put(_GET[_half(x, half)], *pieces, _SET[_half(a, half)])

    def vmove(self, a: int, x: int) -> None:
        self._halves(a, x)

    def vzero(self, a: int) -> None:
        self._put(_ZERO, _TEE[_half(a, 0)], _SET[_half(a, 1)])

    def vsqrt(self, a: int, x: int) -> None:
        self._halves(a, x, _SQRT)

    def vshift_left(self, a: int, x: int, bits: int) -> None:
        self._halves(a, x, _shift(bits), _simd(0xCB, "i64x2.shl"))

    def vshift_right(self, a: int, x: int, bits: int) -> None:
        self._halves(a, x, _shift(bits), _simd(0xCD, "i64x2.shr_u"))

    def vselect(self, a: int, mask: int, x: int, y: int) -> None:
        for half in (0, 1):
            chosen = [_GET[_half(v, half)] for v in (x, y, mask)]
            self._put(*chosen, _SELECT, _SET[_half(a, half)])

    def fma(self, a: int, x: int, y: Operand) -> None:
        self._multiply(a, x, y, _ADD)

    def fnma(self, a: int, x: int, y: Operand) -> None:
        self._multiply(a, x, y, _SUB)

    def _multiply(self, a: int, x: int, y: Operand, change: _Piece) -> None:
        for half in (0, 1):
            to = _half(a, half)
            self._put(
                _GET[to], _GET[_half(x, half)], *self._operand(y, half), _MUL, change, _SET[to]
            )

    def fnma_exact(self, a: int, x: int, y: Operand) -> None:
        """a = (a - p) - e, with the rounded product p = x y and its error

            e = ((xh yh - p) + xh yl + xl yh) + xl yl.

        x and y are sums of their upper bits and the rest. The first is a float's first 26 bits, so
        all these products but the last are exact.
        """
        get = {name: _GET[k] for name, k in _TEMPORARY.items()}
        put = {name: _SET[k] for name, k in _TEMPORARY.items()}
        keep = {name: _TEE[k] for name, k in _TEMPORARY.items()}
        self._put(_UPPER_BITS, put["mask"])
        for half in (0, 1):
            to, factor = _half(a, half), _GET[_half(x, half)]
            self._put(*self._operand(y, half), put["y"])
            for name, value in (("x", factor), ("y", get["y"])):
                upper, rest = name + "h", name + "l"
                self._put(value, value, get["mask"], _AND, keep[upper], _SUB, put[rest])
            self._put(_GET[to], factor, get["y"], _MUL, keep["p"], _SUB)
            self._put(get["xh"], get["yh"], _MUL, get["p"], _SUB)
            for first, second in (("xh", "yl"), ("xl", "yh"), ("xl", "yl")):
                self._put(get[first], get[second], _MUL, _ADD)
            self._put(_SUB, _SET[to])

    # --- across lanes

    def _across(self, a: int, combine: _Piece) -> None:
        """a = its lanes combined: 0 with 2 and 1 with 3, then those"""
        low, high = _half(a, 0), _half(a, 1)
        self._put(_GET[low], _GET[high], combine, _TEE[low])
        self._put(_GET[low], _GET[low], _SWAPPED, combine, _TEE[low], _SET[high])

    def vsum(self, a: int, t: int) -> None:
        self._across(a, _ADD)

    def vlargest(self, a: int, t: int) -> None:
        self._across(a, _PMAX)

    def vsums(self, a: int, b: int, c: int, d: int) -> None:
        for to, (p, q) in enumerate(((a, b), (c, d))):
            for half in (0, 1):
                pair = _GET[_half(p, half)], _GET[_half(q, half)]
                self._put(*pair, _LOWER, *pair, _UPPER, _ADD)
            self._put(_ADD, _SET[_half(a, to)])


def _three(
    name: str, op: int, exchanged: bool = False
) -> Callable[[Wasm, int, int, Operand], None]:
    """Return the method of an instruction with three operands, the last of which may be memory."""
    piece = _simd(op, name)

    def method(self: Wasm, a: int, x: int, y: Operand) -> None:
        for half in (0, 1):
            first, second = [_GET[_half(x, half)]], self._operand(y, half)
            if exchanged:
                first, second = second, first
            self._put(*first, *second, piece, _SET[_half(a, half)])

    return method


for _method, _arguments in {
    "vadd": ("f64x2.add", 0xF0),
    "vsub": ("f64x2.sub", 0xF1),
    "vmul": ("f64x2.mul", 0xF2),
    "vdiv": ("f64x2.div", 0xF3),
    # Of x and y: y < x ? y : x, so in the other order NaN in y stays.
    "vmin": ("f64x2.pmin", 0xF6, True),
    "vmax": ("f64x2.pmax", 0xF7, True),
    "vless": ("f64x2.lt", 0x49),
    "vat_most": ("f64x2.le", 0x4B),
    "vand": ("v128.and", 0x4E),
    "vor": ("v128.or", 0x50),
    "vxor": ("v128.xor", 0x51),
    "vadd_int": ("i64x2.add", 0xCE),
    "vsub_int": ("i64x2.sub", 0xD1),
}.items():
    setattr(Wasm, _method, _three(*_arguments))  # type: ignore[arg-type]


def _constant(value: int) -> _Piece:
    return b"\x42" + signed(value), f"i64.const {value}"


def _shift(bits: int) -> _Piece:
    return b"\x41" + signed(bits), f"i32.const {bits}"


def _leave(depth: int) -> _Piece:
    return b"\x0d" + unsigned(depth), f"br_if {depth}"


def _access(op: bytes, name: str, offset: int) -> _Piece:
    return op + bytes((_ALIGNED,)) + unsigned(offset), f"{name} offset={offset}" if offset else name


def module_of(write: Callable[[Wasm], None]) -> bytes:
    """Return the module that `write` writes, between its beginning and its end."""
    machine = Wasm()
    machine.begin()
    write(machine)
    machine.end()
    return bytes(machine.code)
