"""A small vector machine: the instructions that the kernels are written in, for every processor.

It has integer registers for addresses and counters, 16 vector registers of four floats each, and
loops and blocks instead of jumps. A machine that is `wide` has 32 registers of eight floats, too,
for matrix products; the first 16 of them share their lower half with the others. `X64`, `X64Wide`
and `Arm64` turn each instruction into bytes; the kernels do not know which of them they write for.

An operand in memory is an `At`: a register with an address, an offset in bytes and, optionally, a
register that is added. Vector instructions take one as their last operand; some machines then use
vector register `SCRATCH`, which a kernel that does so must not use otherwise.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, NamedTuple, Union

ARENA = 0  # the integer register with the address of the program's numbers
REGISTERS = 12  # integer registers, ARENA included
VECTORS = 16
SCRATCH = 15
LANES = 4
TO_THE_END = "to the end of the block"  # in the text of a jump whose target is not known yet
VECTOR_BYTES = 8 * LANES
WIDE_VECTORS = 32
WIDE_BYTES = 2 * VECTOR_BYTES


def vectors_of(columns: int) -> int:
    """Return how many vectors hold a row of so many numbers."""
    return -(-columns // LANES)


class At(NamedTuple):
    """An address: base + offset + index; the offset is a constant of 32 bits with a sign."""

    base: int
    offset: int
    index: int | None = None  # type: ignore[assignment]  # a tuple's method, not used

    def plus(self, offset: int) -> At:
        """Return the address that many bytes further on."""
        return At(self.base, self.offset + offset, self.index)


Operand = Union[int, At]  # a vector register, or four floats in memory


class Line(NamedTuple):
    """A line of a listing: an instruction at an offset or, without bytes, a comment."""

    offset: int
    size: int
    text: str


def shown(value: int) -> str:
    """Return a number as disassemblers print it."""
    return str(value) if -10 < value < 10 else hex(value)


class Block:
    """A piece of code that `leave_if` can jump to the end of.

    exits: where the jumps are; depth: how many loops and blocks it is within, where these count
    """

    def __init__(self) -> None:
        self.exits: list[int] = []
        self.depth = 0


class Machine:
    """The instructions, as methods; each appends its bytes to `code`.

    In the descriptions, a, x and y are vector registers (y may be an `At`), r and s integer
    registers. With `listed`, `lines` holds each instruction as text, and the comments.
    """

    name = ""
    wide = False
    target = "{}"  # how a listing shows where a jump goes

    def __init__(self, listed: bool = False) -> None:
        self.code = bytearray()
        self.lines: list[Line] | None = [] if listed else None

    def comment(self, text: str) -> None:
        """Put a comment into the listing."""
        if self.lines is not None:
            self.lines.append(Line(len(self.code), 0, text))

    # --- the function around the code

    def begin(self) -> None:
        """Begin a function of one argument, an address, which becomes register ARENA."""
        raise NotImplementedError

    def end(self) -> None:
        """Return to the caller; nothing follows."""
        raise NotImplementedError

    # --- integers

    def set(self, r: int, value: int) -> None:
        """r = value, of 64 bits with a sign"""
        raise NotImplementedError

    def move(self, r: int, s: int) -> None:
        """r = s"""
        raise NotImplementedError

    def add(self, r: int, s: int) -> None:
        """r = r + s"""
        raise NotImplementedError

    def add_constant(self, r: int, value: int) -> None:
        """r = r + value, for a value of 32 bits with a sign"""
        raise NotImplementedError

    def multiply(self, r: int, s: int, value: int) -> None:
        """r = s * value, for a value of 32 bits with a sign"""
        raise NotImplementedError

    def load(self, r: int, at: At) -> None:
        """r = the 64-bit integer in memory"""
        raise NotImplementedError

    def store(self, at: At, r: int) -> None:
        """the 64-bit integer in memory = r"""
        raise NotImplementedError

    # --- control

    @contextmanager
    def loop(self, counter: int, count: int | None = None) -> Iterator[None]:
        """Repeat the body `count` times, or as many times as the counter says, at least once.

        The counter counts down to 0. A constant count of 1 writes no loop.
        """
        if count == 1:
            yield
            return
        if count is not None:
            self.set(counter, count)
        start = self._begin_loop()
        yield
        self._end_loop(counter, start)

    @contextmanager
    def block(self) -> Iterator[Block]:
        """A block whose end `leave_if` can jump to."""
        block = Block()
        self._begin_block(block)
        yield block
        self._end_block(block)
        for k, line in enumerate(self.lines or ()):
            jumps = any(line.offset <= at <= line.offset + line.size for at in block.exits)
            if jumps and line.text.endswith(TO_THE_END):
                text = line.text.replace(TO_THE_END, self.target.format(shown(len(self.code))))
                self.lines[k] = line._replace(text=text)  # type: ignore[index]

    def leave_if_zero(self, r: int, block: Block) -> None:
        """Go to the end of the block if r is 0."""
        raise NotImplementedError

    def leave_if_any(self, x: int, block: Block) -> None:
        """Go to the end of the block if the mask x is set in any lane."""
        raise NotImplementedError

    def _begin_loop(self) -> int:
        raise NotImplementedError

    def _end_loop(self, counter: int, start: int) -> None:
        raise NotImplementedError

    def _begin_block(self, block: Block) -> None:
        """Begin a block; only machines whose jumps are structured need to know."""

    def _end_block(self, block: Block) -> None:
        raise NotImplementedError

    # --- vectors and memory

    def vload(self, a: int, at: At) -> None:
        """a = the four floats in memory"""
        raise NotImplementedError

    def vstore(self, at: At, x: int) -> None:
        """the four floats in memory = x"""
        raise NotImplementedError

    def vbroadcast(self, a: int, at: At) -> None:
        """each lane of a = the float in memory"""
        raise NotImplementedError

    def vstore_first(self, at: At, x: int) -> None:
        """the float in memory = the first lane of x"""
        raise NotImplementedError

    # --- arithmetic in each lane

    def vmove(self, a: int, x: int) -> None:
        """a = x"""
        raise NotImplementedError

    def vzero(self, a: int) -> None:
        """a = 0"""
        raise NotImplementedError

    def vadd(self, a: int, x: int, y: Operand) -> None:
        """a = x + y"""
        raise NotImplementedError

    def vsub(self, a: int, x: int, y: Operand) -> None:
        """a = x - y"""
        raise NotImplementedError

    def vmul(self, a: int, x: int, y: Operand) -> None:
        """a = x y"""
        raise NotImplementedError

    def vdiv(self, a: int, x: int, y: Operand) -> None:
        """a = x / y"""
        raise NotImplementedError

    def vsqrt(self, a: int, x: int) -> None:
        """a = the square root of x"""
        raise NotImplementedError

    def fma(self, a: int, x: int, y: Operand) -> None:
        """a = a + x y, rounded once; twice where the processor has no such instruction"""
        raise NotImplementedError

    def fnma(self, a: int, x: int, y: Operand) -> None:
        """a = a - x y, rounded once; twice where the processor has no such instruction"""
        raise NotImplementedError

    def fnma_exact(self, a: int, x: int, y: Operand) -> None:
        """a = a - x y, where that may be no more than what rounding x y left

        It is as `fnma`, but on every machine the product is within 2**-104 of its size, where x, y
        and x y are 0 or between 2**-900 and 2**900.
        """
        self.fnma(a, x, y)

    def vless(self, a: int, x: int, y: Operand) -> None:
        """a = the mask of x < y: all bits set where it holds, else none; NaN is never less"""
        raise NotImplementedError

    def vat_most(self, a: int, x: int, y: Operand) -> None:
        """a = the mask of x <= y"""
        raise NotImplementedError

    def vmin(self, a: int, x: int, y: Operand) -> None:
        """a = the smaller of x and y, and NaN where y is NaN; where x is, a can be y or NaN"""
        raise NotImplementedError

    def vmax(self, a: int, x: int, y: Operand) -> None:
        """a = the larger of x and y, and NaN where y is NaN; where x is, a can be y or NaN"""
        raise NotImplementedError

    def vselect(self, a: int, mask: int, x: int, y: int) -> None:
        """a = x where the mask is set, else y"""
        raise NotImplementedError

    # --- bits in each lane

    def vand(self, a: int, x: int, y: Operand) -> None:
        """a = the bits set in both x and y"""
        raise NotImplementedError

    def vor(self, a: int, x: int, y: Operand) -> None:
        """a = the bits set in x or y"""
        raise NotImplementedError

    def vxor(self, a: int, x: int, y: Operand) -> None:
        """a = the bits set in one of x and y"""
        raise NotImplementedError

    def vadd_int(self, a: int, x: int, y: Operand) -> None:
        """a = x + y, as 64-bit integers"""
        raise NotImplementedError

    def vsub_int(self, a: int, x: int, y: Operand) -> None:
        """a = x - y, as 64-bit integers"""
        raise NotImplementedError

    def vshift_left(self, a: int, x: int, bits: int) -> None:
        """a = x shifted left by that many bits"""
        raise NotImplementedError

    def vshift_right(self, a: int, x: int, bits: int) -> None:
        """a = x shifted right by that many bits, with zeros from the left"""
        raise NotImplementedError

    # --- across lanes

    def vsum(self, a: int, t: int) -> None:
        """each lane of a = the sum of a's lanes, (0 + 2) + (1 + 3); t is overwritten"""
        raise NotImplementedError

    def vlargest(self, a: int, t: int) -> None:
        """each lane of a = the largest of a's lanes; t is overwritten"""
        raise NotImplementedError

    def vsums(self, a: int, b: int, c: int, d: int) -> None:
        """a = (sum of a's lanes, of b's, of c's, of d's); b, c and d are overwritten"""
        raise NotImplementedError

    # --- wide vectors, of machines that have them: a, x and y are wide registers

    def wload(self, a: int, at: At) -> None:
        """a = the eight floats in memory"""
        raise NotImplementedError

    def wstore(self, at: At, x: int) -> None:
        """the eight floats in memory = x"""
        raise NotImplementedError

    def wbroadcast(self, a: int, at: At) -> None:
        """each lane of a = the float in memory"""
        raise NotImplementedError

    def wzero(self, a: int) -> None:
        """a = 0"""
        raise NotImplementedError

    def wmove(self, a: int, x: int) -> None:
        """a = x"""
        raise NotImplementedError

    def wmul(self, a: int, x: int, y: Operand) -> None:
        """a = x y"""
        raise NotImplementedError

    def wadd(self, a: int, x: int, y: Operand) -> None:
        """a = x + y"""
        raise NotImplementedError

    def wfma(self, a: int, x: int, y: Operand) -> None:
        """a = a + x y, rounded once"""
        raise NotImplementedError

    def wfnma(self, a: int, x: int, y: Operand) -> None:
        """a = a - x y, rounded once"""
        raise NotImplementedError

    def wfold(self, a: int, t: int) -> None:
        """vector register a = the sum of the halves of wide register a; t is overwritten"""
        raise NotImplementedError
