"""What each instruction of the vector machine computes, by Python's own arithmetic.

`Model` is a `Machine` that writes no code: it keeps the instructions and follows them, with
registers and memory of 64-bit integers. Its answers are exact: rounded once where the machine
rounds once.
"""

from __future__ import annotations

import math
import random
import struct
from fractions import Fraction

from tinynn.engines.native.machine import LANES, REGISTERS, VECTORS, At, Machine

WORD = 2**64
ONES = WORD - 1
NAN = 0x7FF8 << 48  # the answer of arithmetic that has none; a processor may give another NaN
AROUND = ("comment", "begin", "end", "loop", "block")
ALL = [
    name
    for name, method in vars(Machine).items()
    if callable(method) and not name.startswith("_") and name not in AROUND
]
WIDE = [name for name in ALL if name.startswith("w")]  # see test_native_wide.py
INSTRUCTIONS = [name for name in ALL if name not in WIDE]


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def number(word):
    return struct.unpack("<d", struct.pack("<Q", word))[0]


def is_nan(word):
    return word & ~(1 << 63) > 0x7FF << 52


def same(word, expected):
    return word == expected or (expected == NAN and is_nan(word))


# What a lane of a becomes; all are bits.


def _rounded(f):
    """Return an instruction that computes with floats."""

    def lane(*words):
        y = f(*map(number, words))
        return NAN if math.isnan(y) else bits(y)

    return lane


def fused(a, x, y):
    """Return a + x y, rounded once.

    >>> fused(-1.0, 1 + 2.0**-52, 1 - 2.0**-52) == -(2.0**-104)
    True
    """
    if math.isfinite(x) and math.isfinite(y) and not math.isfinite(a):
        return a  # though x * y may overflow
    if not (math.isfinite(x) and math.isfinite(y)) or x == 0 or y == 0:
        return a + x * y
    exact = Fraction(a) + Fraction(x) * Fraction(y)
    sign = -1.0 if exact < 0 else 1.0
    try:
        return math.copysign(float(exact), sign)  # a negative one may round to 0
    except OverflowError:
        return math.copysign(math.inf, sign)


def divided(x, y):
    if y:
        return x / y
    if x == 0 or math.isnan(x):
        return math.nan
    return math.copysign(math.inf, x) * math.copysign(1.0, y)


def root(x):
    return math.sqrt(x) if x >= 0 else math.nan


# Of x and y; then those that also need what a was.
LANEWISE = {
    "vadd": _rounded(lambda x, y: x + y),
    "vsub": _rounded(lambda x, y: x - y),
    "vmul": _rounded(lambda x, y: x * y),
    "vdiv": _rounded(divided),
    "vless": lambda x, y: ONES if number(x) < number(y) else 0,
    "vat_most": lambda x, y: ONES if number(x) <= number(y) else 0,
    "vand": lambda x, y: x & y,
    "vor": lambda x, y: x | y,
    "vxor": lambda x, y: x ^ y,
    "vadd_int": lambda x, y: (x + y) % WORD,
    "vsub_int": lambda x, y: (x - y) % WORD,
}
ACCUMULATING = {
    "fma": _rounded(fused),
    "fnma": _rounded(lambda a, x, y: fused(a, -x, y)),
    "fnma_exact": _rounded(lambda a, x, y: fused(a, -x, y)),
}
# With no answer but one: x is no NaN, and the zeros have the same sign.
CHOOSING = {
    "vmin": _rounded(lambda x, y: math.nan if math.isnan(y) else min(x, y)),
    "vmax": _rounded(lambda x, y: math.nan if math.isnan(y) else max(x, y)),
}
OF_TWO = {**LANEWISE, **CHOOSING}
ADD = LANEWISE["vadd"]


def sum_of(lanes):
    """Return (0 + 2) + (1 + 3), as `vsum` adds."""
    return ADD(ADD(lanes[0], lanes[2]), ADD(lanes[1], lanes[3]))


def sum_of_neighbours(lanes):
    """Return (0 + 1) + (2 + 3), as `vsums` adds."""
    return ADD(ADD(lanes[0], lanes[1]), ADD(lanes[2], lanes[3]))


class Model(Machine):
    """Keeps the instructions; `run` follows them in a copy of some memory."""

    name = "Python's arithmetic"
    accumulating = ACCUMULATING

    def __init__(self):
        super().__init__()
        self.program = []

    def begin(self):
        pass

    def end(self):
        pass

    def _begin_loop(self):
        return len(self.program)

    def _end_loop(self, counter, start):
        self.program.append(["_again", counter, start])

    def leave_if_zero(self, r, block):
        block.exits.append(len(self.program))
        self.program.append(["leave_if_zero", r, None])

    def leave_if_any(self, x, block):
        block.exits.append(len(self.program))
        self.program.append(["leave_if_any", x, None])

    def _end_block(self, block):
        for at in block.exits:
            self.program[at][2] = len(self.program)

    def run(self, words, address):
        """Return the memory afterwards: 64-bit integers, the first of which is at the address."""
        self.words, self.address = list(words), address
        junk = random.Random(1)
        self.r = [address] + [junk.getrandbits(64) for _ in range(1, REGISTERS)]
        self.v = [[junk.getrandbits(64) for _ in range(LANES)] for _ in range(VECTORS)]
        at = 0
        while at < len(self.program):
            name, *operands = self.program[at]
            at += 1
            if name == "_again":
                counter, start = operands
                self.r[counter] = (self.r[counter] - 1) % WORD
                if self.r[counter]:
                    at = start
            elif name == "leave_if_zero":
                if not self.r[operands[0]]:
                    at = operands[1]
            elif name == "leave_if_any":
                if any(self.v[operands[0]]):
                    at = operands[1]
            else:
                self._follow(name, *operands)
        return self.words

    # --- memory: whole words, or bytes of two of them

    def _where(self, at):
        index = 0 if at.index is None else self.r[at.index]
        return divmod((self.r[at.base] + at.offset + index - self.address) % WORD, 8)

    def _read(self, at):
        word, byte = self._where(at)
        if not byte:
            return self.words[word]
        both = self.words[word] | self.words[word + 1] << 64
        return both >> 8 * byte & ONES

    def _write(self, at, value):
        word, byte = self._where(at)
        if not byte:
            self.words[word] = value
            return
        both = self.words[word] | self.words[word + 1] << 64
        both = both & ~(ONES << 8 * byte) | value << 8 * byte
        self.words[word], self.words[word + 1] = both & ONES, both >> 64

    def _lanes(self, operand):
        if isinstance(operand, At):
            return [self._read(operand.plus(8 * lane)) for lane in range(LANES)]
        return list(self.v[operand])

    # --- instructions

    def _follow(self, name, *operands):
        if name in OF_TWO:
            a, x, y = operands
            self.v[a] = list(map(OF_TWO[name], self._lanes(x), self._lanes(y)))
        elif name in self.accumulating:
            a, x, y = operands
            lane = self.accumulating[name]
            self.v[a] = list(map(lane, self.v[a], self._lanes(x), self._lanes(y)))
        else:
            getattr(self, "_" + name)(*operands)

    def _set(self, r, value):
        self.r[r] = value % WORD

    def _move(self, r, s):
        self.r[r] = self.r[s]

    def _add(self, r, s):
        self.r[r] = (self.r[r] + self.r[s]) % WORD

    def _add_constant(self, r, value):
        self.r[r] = (self.r[r] + value) % WORD

    def _multiply(self, r, s, value):
        self.r[r] = self.r[s] * value % WORD

    def _load(self, r, at):
        self.r[r] = self._read(at)

    def _store(self, at, r):
        self._write(at, self.r[r])

    def _vload(self, a, at):
        self.v[a] = self._lanes(at)

    def _vstore(self, at, x):
        for lane in range(LANES):
            self._write(at.plus(8 * lane), self.v[x][lane])

    def _vbroadcast(self, a, at):
        self.v[a] = [self._read(at)] * LANES

    def _vstore_first(self, at, x):
        self._write(at, self.v[x][0])

    def _vmove(self, a, x):
        self.v[a] = self._lanes(x)

    def _vzero(self, a):
        self.v[a] = [0] * LANES

    def _vsqrt(self, a, x):
        self.v[a] = list(map(_rounded(root), self.v[x]))

    def _vselect(self, a, mask, x, y):
        chosen = zip(self.v[mask], self.v[x], self.v[y])
        self.v[a] = [p & m | q & ~m for m, p, q in chosen]

    def _vshift_left(self, a, x, shift):
        self.v[a] = [word << shift & ONES for word in self.v[x]]

    def _vshift_right(self, a, x, shift):
        self.v[a] = [word >> shift for word in self.v[x]]

    def _vsum(self, a, t):
        self.v[a] = [sum_of(self.v[a])] * LANES

    def _vlargest(self, a, t):
        self.v[a] = [bits(max(map(number, self.v[a])))] * LANES

    def _vsums(self, a, b, c, d):
        self.v[a] = [sum_of_neighbours(self.v[x]) for x in (a, b, c, d)]


def _kept(name):
    def method(self, *operands):
        self.program.append([name, *operands])

    return method


for _name in INSTRUCTIONS:
    if not _name.startswith("leave"):
        setattr(Model, _name, _kept(_name))
