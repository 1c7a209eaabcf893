"""Programs for the vector machine that use every instruction, compared with its model.

    python tests/machine_programs.py           # on the processor that this runs on
    qemu-aarch64-static -L ROOT ROOT/usr/bin/python3 tests/machine_programs.py

prints what fails, and needs no pytest.
"""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import platform
import random
import sys
from array import array
from itertools import product
from typing import Callable, NamedTuple

from machine_model import ACCUMULATING, CHOOSING, LANEWISE, ONES, Model, bits, is_nan, number, same

from tinynn.engines.native import memory
from tinynn.engines.native.machine import ARENA, REGISTERS, SCRATCH, VECTOR_BYTES, VECTORS, At
from tinynn.engines.native.memory import Arena, executable

REGISTERS_OF_ALL = range(1, REGISTERS)  # those but ARENA
FILE = VECTORS * VECTOR_BYTES  # the size of all vector registers


class Program(NamedTuple):
    """What writes a program, and the memory that it begins with, of 64-bit integers."""

    name: str
    write: Callable[[object], None]
    words: list[int]


# --- numbers that are hard, or of every kind

TINY, HUGE = 5e-324, 1.7976931348623157e308
ODD_NAN, NEGATIVE_NAN = 0x7FF8000000000123, 0xFFF8000000000456
FLOATS = [
    *map(bits, (0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, TINY, -TINY, HUGE, -HUGE, 2.0**-1022,
                1 + 2.0**-52, 1 - 2.0**-53, -(1 + 2.0**-52), 2.0**-1074 * 3, 0.1, 1e16, -3.7)),
    ODD_NAN, NEGATIVE_NAN,
]  # fmt: skip
EASY = [1.5, -2.25, 0.1, 3e5, -7.0, 1e-3, 123456.789, -0.3]


def floats_of_all_kinds(count, seed):
    """Return bits of pairs that meet in all ways, then of random floats near and far."""
    rng = random.Random(seed)

    def one():
        if rng.random() < 0.5:
            return rng.choice(FLOATS)
        if rng.random() < 0.5:
            return bits(rng.uniform(-2, 2))
        return bits(math.ldexp(rng.uniform(-1, 1), rng.randrange(-1074, 1024)))

    return [one() for _ in range(count)]


def cancelling(rows, seed):
    """Return rows of a, x, y of which a + x y or a - x y is what rounding x y left."""
    rng = random.Random(seed)
    words = []
    for row in range(rows):
        x = [rng.uniform(1, 2) * 2.0 ** rng.choice((-530, -3, 0, 500)) for _ in range(4)]
        y = [rng.uniform(1, 2) for _ in range(4)]
        a = [p * q * (1 if row % 2 else -1) for p, q in zip(x, y)]
        words += map(bits, a + x + y)
    return words


def masks(count, seed):
    rng = random.Random(seed)
    return [rng.choice((0, ONES)) for _ in range(count)]


def to_choose_from(rows, seed):
    """Return rows of a, x, y of which one is the larger: no NaN in x, no zero of another sign."""
    words = floats_of_all_kinds(12 * rows, seed)
    for k, word in enumerate(words):
        if word == 1 << 63 or (k % 12 // 4 == 1 and is_nan(word)):
            words[k] = bits(0.75)
    return words


def easy_floats(count, seed):
    rng = random.Random(seed)
    return [bits(rng.choice(EASY) * rng.uniform(0.5, 2)) for _ in range(count)]


def whole_numbers(count, seed):
    rng = random.Random(seed)
    edges = (0, 1, ONES, 1 << 63, (1 << 63) - 1, 0xFFFFFFFF, 1 << 32)
    return [rng.choice(edges) if rng.random() < 0.4 else rng.getrandbits(64) for _ in range(count)]


# --- vector instructions: for each choice of registers and each row of a table

FILLING = 0  # what the registers hold before, so that one that is wrongly changed is found
TABLE = FILE


class Form(NamedTuple):
    """An instruction with registers: `given` are filled with a row's columns; `lost`: any value."""

    write: Callable[[object], None]
    given: tuple[int, ...]
    lost: tuple[int, ...] = ()


def over_rows(name, forms, columns, table):
    """Return a program that stores all registers after each form with each row of the table."""
    row = columns * VECTOR_BYTES
    rows = len(table) // (4 * columns)
    out = TABLE + rows * row

    def write(m):
        m.move(2, ARENA)
        m.add_constant(2, out)
        for form in forms:
            m.move(1, ARENA)
            m.add_constant(1, TABLE)
            with m.loop(3, rows):
                for v in range(VECTORS):
                    m.vload(v, At(ARENA, FILLING + VECTOR_BYTES * v))
                for column, v in enumerate(form.given):
                    m.vload(v, At(1, VECTOR_BYTES * column))
                form.write(m)
                for v in range(VECTORS):
                    if v not in form.lost:
                        m.vstore(At(2, VECTOR_BYTES * v), v)
                m.add_constant(1, row)
                m.add_constant(2, FILE)

    room = [0] * (len(forms) * rows * FILE // 8)
    return Program(name, write, easy_floats(FILE // 8, 7) + table + room)


TRIPLES = [(k, (k + 5) % VECTORS, (k + 11) % VECTORS) for k in range(VECTORS)] + [
    (3, 3, 3), (3, 3, 9), (3, 9, 3), (3, 9, 9), (12, 12, 12), (12, 12, 1), (12, 1, 12), (1, 12, 12)
]  # fmt: skip
PAIRS = [(k, (k + 7) % VECTORS) for k in range(VECTORS)] + [(2, 2), (13, 13)]
WITH_MEMORY = [(2, 7), (7, 7), (14, 0), (0, 14), (9, 9)]


def three_operands(name, table):
    def form(a, x, y, lost=()):
        return Form(lambda m: getattr(m, name)(a, x, y), (a, x) if lost else (a, x, y), lost)

    last = 2 * VECTOR_BYTES
    forms = [form(*triple) for triple in TRIPLES]
    for a, x in WITH_MEMORY:
        forms.append(form(a, x, At(1, last), (SCRATCH,)))
    forms.append(form(5, 8, At(4, last + 1000), (SCRATCH,)))
    forms.append(form(5, 8, At(1, last - 24, 5), (SCRATCH,)))
    program = over_rows(name, forms, 3, table)

    def write(m):
        m.set(5, 24)

        def moved(form):
            def write(m):
                m.move(4, 1)
                m.add_constant(4, -1000)
                form.write(m)

            return form._replace(write=write)

        over_rows(name, [moved(form) for form in forms], 3, table).write(m)

    return program._replace(write=write)


def two_operands(name, table, *constants):
    forms = [Form(lambda m, a=a, x=x: getattr(m, name)(a, x, *constants), (a, x)) for a, x in PAIRS]
    return over_rows(" ".join(map(str, (name, *constants))), forms, 2, table)


def across(name, table):
    forms = [
        Form(lambda m, a=a, t=t: getattr(m, name)(a, t), (a,), (t,)) for a, t in PAIRS if a != t
    ]
    return over_rows(name, forms, 1, table)


def sums(table):
    forms = []
    for k in range(VECTORS):
        four = tuple((k + step) % VECTORS for step in ((0, 1, 2, 3), (0, 5, 13, 7))[k % 2])
        forms.append(Form(lambda m, four=four: m.vsums(*four), four, four[1:]))
    return over_rows("vsums", forms, 4, table)


def selections():
    """Every way in which the four registers of vselect can be the same."""
    forms = []
    for a, mask, x, y in product((2, 9, 12, 15), repeat=4):
        # The mask is loaded last, so that what is also x or y is a mask, too.
        write = lambda m, four=(a, mask, x, y): m.vselect(*four)  # noqa: E731
        forms.append(Form(write, (a, x, y, mask)))
    rows, table = 3, []
    for seed in range(rows):
        table += floats_of_all_kinds(12, seed) + masks(4, seed)
    return over_rows("vselect", forms, 4, table)


def small_numbers(rows):
    """Numbers of which one is the largest."""
    return easy_floats(4 * rows, 3) + list(map(bits, (-math.inf, 1.0, math.inf, TINY)))


def vector_programs():
    for k, name in enumerate([*LANEWISE, *ACCUMULATING]):
        table = floats_of_all_kinds(12 * 12, k)
        if name in ACCUMULATING:
            table += cancelling(6, k)
        if name.endswith("_int"):
            table += whole_numbers(12 * 4, k)
        yield three_operands(name, table)
    for k, name in enumerate(CHOOSING):
        yield three_operands(name, to_choose_from(16, k))
    yield two_operands("vmove", floats_of_all_kinds(8, 1))
    yield two_operands("vsqrt", floats_of_all_kinds(8 * 12, 2))
    for shift in (0, 1, 20, 31, 32, 52, 63):
        yield two_operands("vshift_left", whole_numbers(8 * 3, shift), shift)
        yield two_operands("vshift_right", whole_numbers(8 * 3, shift), shift)
    zeros = [Form(lambda m, a=a: m.vzero(a), (a,)) for a in range(VECTORS)]
    yield over_rows("vzero", zeros, 1, floats_of_all_kinds(4, 5))
    yield selections()
    yield across("vsum", floats_of_all_kinds(4 * 16, 3) + easy_floats(4 * 8, 1))
    yield across("vlargest", small_numbers(12))
    yield sums(floats_of_all_kinds(16 * 8, 4) + easy_floats(16 * 4, 2))


# --- addresses

OFFSETS = sorted(
    {
        sign * near + step
        for near in (0, 128, 240, 256, 1008, 1024, 4096, 8192, 32760, 32768, 65504, 65520, 65536,
                     1 << 20, 1 << 24)
        for sign in (1, -1)
        for step in (-16, -8, -1, 0, 1, 8, 16)
    }
    | {2**31 - 1, 2**31 - 16, -(2**31), -(2**31) + 16, 255, -255, 239, 241}
)  # fmt: skip
PLACE = 64  # where they lead to
FRESH = 256  # numbers to store, each time others


def addresses(m, place):
    """Yield all offsets with addresses that are the place's: by a base, by an index, by both."""
    for k, offset in enumerate(OFFSETS):
        r, index = 1 + k % (REGISTERS - 1), 1 + (k + 1 + k // 11 % 10) % (REGISTERS - 1)
        m.set(r, place - offset)
        m.add(r, ARENA)
        yield At(r, offset)
        m.set(index, place - offset)
        yield At(ARENA, offset, index)
        m.set(index, place - 40)
        m.set(r, 40 - offset)
        m.add(r, ARENA)
        yield At(r, offset, index)


def at_every_offset(name, unaligned):
    """Return a program in which an instruction loads or stores at a place in every way."""
    place = PLACE + unaligned
    results = FRESH + 8 * 3 * len(OFFSETS) + VECTOR_BYTES

    def write(m):
        access = getattr(m, name)
        for k, at in enumerate(addresses(m, place)):
            r, v = 1 + k % (REGISTERS - 1), k % VECTORS
            out = results + 2 * VECTOR_BYTES * k
            if name == "load":
                if r not in (at.base, at.index):
                    m.set(r, 0)
                access(r, at)
                m.store(At(ARENA, out), r)
            elif "store" not in name:
                m.vzero(v)
                access(v, at)
                m.vstore(At(ARENA, out), v)
            else:
                if name == "store":
                    if r not in (at.base, at.index):
                        m.load(r, At(ARENA, FRESH + 8 * k))
                    access(at, r)
                else:
                    m.vload(v, At(ARENA, FRESH + 8 * k))
                    access(at, v)
                for step in (0, VECTOR_BYTES):
                    m.vload(v, At(ARENA, PLACE - 8 + step))
                    m.vstore(At(ARENA, out + step), v)

    count = results // 8 + 8 * 3 * len(OFFSETS)
    return Program(f"{name} at {place}", write, whole_numbers(count, unaligned))


def address_programs():
    for name in ("load", "store", "vload", "vstore", "vbroadcast", "vstore_first"):
        for unaligned in (0, 8, 3):
            yield at_every_offset(name, unaligned)


# --- integers

VALUES = {
    sign * (1 << power) + step
    for power in (0, 7, 8, 12, 16, 24, 31, 32, 48, 63)
    for sign in (1, -1)
    for step in (-1, 0, 1)
} | {
    0, 0x123456789ABCDEF, -0x123456789ABCDEF, 0xFFFF0000FFFF, -0xFFFF0001, 0x12340000, 0x7FFF << 48,
    -65537, 0xFFF000, 0xFFF001, 0x1234FFFFFFFF, ~0xFFFF0000, ~0xFFFF00001234,
}  # fmt: skip
VALUES = sorted(value for value in VALUES if -(2**63) <= value < 2**63)
SMALL = [value for value in VALUES if -(2**31) <= value < 2**31]


def each_stored(name, calls, count):
    """Return a program that stores a register after each call, which returns it."""

    def write(m):
        for k, call in enumerate(calls):
            m.store(At(ARENA, 8 * count + 8 * k), call(m))

    return Program(name, write, whole_numbers(count + len(calls), 1))


def integer_programs():
    def constant(value, r):
        def call(m):
            m.set(r, value)
            return r

        return call

    def added(value, r):
        def call(m):
            m.load(r, At(ARENA, 8 * (r % 4)))
            m.add_constant(r, value)
            return r

        return call

    def multiplied(value, r, s):
        def call(m):
            m.load(s, At(ARENA, 8 * (r % 4)))
            m.multiply(r, s, value)
            return r

        return call

    def both(name, r, s):
        def call(m):
            m.load(r, At(ARENA, 0))
            m.load(s, At(ARENA, 8))
            getattr(m, name)(r, s)
            return r

        return call

    registers = [1 + k % (REGISTERS - 1) for k in range(len(VALUES))]
    yield each_stored("set", [constant(*pair) for pair in zip(VALUES, registers)], 4)
    yield each_stored("set in each", [constant(0x12345, r) for r in REGISTERS_OF_ALL], 4)
    yield each_stored("add_constant", [added(*pair) for pair in zip(SMALL, registers)], 4)
    times = [
        multiplied(value, r, 1 + (r + k) % (REGISTERS - 1))
        for k, (value, r) in enumerate(zip(SMALL * 4, registers * 4))
    ]
    yield each_stored("multiply", times, 4)
    for name in ("move", "add"):
        pairs = [(r, s) for r in REGISTERS_OF_ALL for s in REGISTERS_OF_ALL]
        yield each_stored(name, [both(name, *pair) for pair in pairs], 4)


# --- loops and blocks


def counting(name, body, words=()):
    """Return a program with two sums that the body adds to, in registers 10 and 11."""

    def write(m):
        m.set(10, 0)
        m.set(11, 0)
        body(m)
        m.store(At(ARENA, 0), 10)
        m.store(At(ARENA, 8), 11)

    return Program(name, write, [1, 2, *words])


def loops():
    for count in range(1, 6):

        def constant(m, count=count):
            with m.loop(3, count):
                m.add_constant(10, 1)
                m.add_constant(11, 1000)

        def counted(m):
            m.load(4, At(ARENA, 16))
            with m.loop(4):
                m.add_constant(10, 7)
            m.move(11, 4)

        def nested(m, count=count):
            with m.loop(5, count):
                m.add_constant(10, 1)
                with m.loop(6, 3):
                    m.add_constant(11, 1)
                    with m.loop(9, count):
                        m.add_constant(10, 100)
                m.load(7, At(ARENA, 16))
                with m.loop(7):
                    m.add_constant(11, 10_000)

        yield counting(f"a loop of {count}", constant)
        yield counting(f"a loop as the counter says: {count}", counted, [count])
        yield counting(f"nested loops of {count}", nested, [count])
    for r in REGISTERS_OF_ALL[:9]:

        def with_each(m, r=r):
            with m.loop(r, 300):
                m.add(10, r)

        yield counting(f"a loop with register {r}", with_each)

    def long(m):
        with m.loop(1, 3), m.block() as block:
            m.leave_if_zero(10, block)
            for _ in range(10_000):
                m.add_constant(11, 1)

    yield counting("a long block in a long loop", long)


def blocks():
    for zero in (0, 1, 1 << 32, 1 << 63):

        def one(m):
            m.load(1, At(ARENA, 16))
            with m.block() as block:
                m.leave_if_zero(1, block)
                m.add_constant(10, 1)
            m.add_constant(11, 1)

        def from_loops(m):
            m.load(1, At(ARENA, 16))
            with m.block() as outer:
                with m.loop(2, 4):
                    m.add_constant(10, 1)
                    with m.block() as inner, m.loop(3, 5):
                        m.add_constant(10, 100)
                        m.leave_if_zero(1, inner)
                        m.add_constant(11, 1)
                    m.move(4, 2)
                    m.add_constant(4, -2)
                    m.leave_if_zero(4, outer)
                    m.leave_if_zero(1, outer)
                m.add_constant(11, 10_000)
            m.add_constant(11, 100_000)

        yield counting(f"a block left at {zero}", one, [zero])
        yield counting(f"blocks left from loops at {zero}", from_loops, [zero])

    def each(m):
        for r in REGISTERS_OF_ALL:
            if r != 10:
                for value in (0, 5):
                    m.set(r, value)
                    with m.block() as block:
                        m.leave_if_zero(r, block)
                        m.add_constant(10, 1 << r)
        m.set(11, 0)

    yield counting("a block left by each register", each)
    masks = [[ONES if lane == k else 0 for lane in range(4)] for k in range(5)]
    masks += [[ONES] * 4, [0, 0, 1, 0], [1 << 63, 0, 0, 0], [0, 0, 0, 1 << 63], [0, 1 << 32, 0, 0]]

    def by_masks(m):
        for x in range(VECTORS):
            m.vload(x, At(ARENA, 0))
        m.move(1, ARENA)
        m.add_constant(1, FILE)
        with m.loop(2, len(masks)):
            m.set(10, 0)
            for x in range(VECTORS):
                m.vload(x, At(1, 0))
                with m.block() as block:
                    m.leave_if_any(x, block)
                    m.add_constant(10, 1 << x)
                    with m.block() as inner, m.loop(3, 2):
                        m.leave_if_any(x, inner)
                        m.add_constant(10, 1 << 30 - x % 14)
            m.store(At(1, VECTOR_BYTES), 10)
            m.add_constant(1, VECTOR_BYTES + 8)
        for x in range(VECTORS):
            m.vstore(At(ARENA, VECTOR_BYTES * x), x)

    words = [word for mask in masks for word in (*mask, 0)]
    yield Program("blocks left by masks", by_masks, easy_floats(FILE // 8, 1) + words)


# --- all together


def random_program(seed):
    """Return a program of random instructions on floats, masks and integers, in loops and blocks.

    Each kind has registers of its own, so that no NaN is taken for an integer.
    """
    floats, of_masks, integers = range(8), range(8, 11), range(11, 15)
    numbers, mask_words, results = 0, 1024, 2048

    def write(m):
        rng = random.Random(seed)

        def at(first):
            if rng.random() < 0.3:
                return At(2, first + 8 * rng.randrange(16), 1)
            return At(ARENA, first + 8 * rng.randrange(64))

        def operand(registers, first):
            return at(first) if rng.random() < 0.3 else rng.choice(registers)

        def instruction():
            a, x, z = (rng.choice(floats) for _ in range(3))
            mask, n, k = rng.choice(of_masks), rng.choice(integers), rng.choice(integers)
            name = rng.choice((*LANEWISE, *ACCUMULATING, "vselect", "vsqrt", "shift", "mask",
                               "broadcast", "across", "store"))  # fmt: skip
            if name in ("vless", "vat_most"):
                getattr(m, name)(mask, x, operand(floats, numbers))
            elif name.endswith("_int") or name in ("vand", "vor", "vxor"):
                getattr(m, name)(n, k, operand(integers, mask_words))
            elif name in LANEWISE or name in ACCUMULATING:
                getattr(m, name)(a, x, operand(floats, numbers))
            elif name == "vselect":
                m.vselect(a, mask, x, z)
            elif name == "vsqrt":
                m.vmul(a, x, x)
                m.vsqrt(a, a)
            elif name == "shift":
                rng.choice((m.vshift_left, m.vshift_right))(n, k, rng.randrange(64))
            elif name == "mask":
                getattr(m, rng.choice(("vand", "vor", "vxor")))(mask, mask, rng.choice(of_masks))
            elif name == "broadcast":
                m.vbroadcast(a, at(numbers))
            elif name == "across":
                four = rng.sample(floats, 4)
                rng.choice((lambda: m.vsum(*four[:2]), lambda: m.vsums(*four)))()
                for v in four[1:]:
                    m.vload(v, at(numbers))
            else:
                out = At(ARENA, results + 8 * rng.randrange(60))
                rng.choice((m.vstore, m.vstore_first))(out, rng.choice((a, mask, n)))

        def some(depth):
            for _ in range(rng.randrange(4, 12)):
                kind = rng.random() if depth < 3 else 1
                if kind < 0.1:
                    with m.loop(3 + depth, rng.randrange(1, 4)):
                        some(depth + 1)
                elif kind < 0.2:
                    with m.block() as block:
                        some(depth + 1)
                        m.leave_if_any(rng.choice(of_masks), block)
                        some(depth + 1)
                else:
                    instruction()

        m.set(1, 256)
        m.move(2, ARENA)
        for v in floats:
            m.vload(v, at(numbers))
        for v in (*of_masks, *integers):
            m.vload(v, At(ARENA, mask_words + 32 * v))
        some(0)
        for v in (*floats, *of_masks, *integers):
            m.vstore(At(ARENA, results + 512 + 32 * v), v)

    words = easy_floats(128, seed) + masks(128, seed) + [0] * 128
    return Program(f"random program {seed}", write, words)


def random_programs(count):
    return map(random_program, range(count))


def programs(random_ones=60):
    """Yield all programs."""
    for some in (vector_programs, address_programs, integer_programs, loops, blocks):
        yield from some()
    yield from random_programs(random_ones)


# --- comparing


def written(machine, program):
    """Return a machine that has written the program."""
    machine.begin()
    program.write(machine)
    machine.end()
    return machine


def filled(words):
    """Return an arena with these words."""
    arena = Arena(8 * len(words))
    arena.write_integers(0, array("q", [word - (word >> 63 << 64) for word in words]))
    return arena


def plainly(code, address):
    executable(code)(address)


def failure(make, program, call=plainly):
    """Return how the program's memory differs from the model's, or "" if it does not."""
    model = written(Model(), program)
    code = written(make(), program).code
    arena = filled(program.words)
    call(bytes(code), arena.address)
    expected = model.run(program.words, arena.address)
    found = [arena.read_integer(8 * k) % 2**64 for k in range(len(expected))]
    wrong = [k for k, word in enumerate(expected) if not same(found[k], word)]
    if not wrong:
        return ""
    k = wrong[0]
    pair = " not ".join(f"{word:#x} ({number(word)!r})" for word in (found[k], expected[k]))
    return f"{program.name}: {len(wrong)} words of {len(found)} differ; at {8 * k} is {pair}"


def everything():
    """Return a program that changes every register."""

    def write(m):
        for v in range(VECTORS):
            m.vload(v, At(ARENA, VECTOR_BYTES * v))
        for r in REGISTERS_OF_ALL:
            m.set(r, 1000 + r)
            m.store(At(ARENA, 8 * r), r)
        m.multiply(5, 6, 10**9)
        with m.block() as block:
            m.leave_if_any(7, block)
        m.set(1, FILE)
        m.vadd(3, 4, At(ARENA, 10**6, 1))
        m.vstore(At(ARENA, 0), 3)
        m.set(ARENA, 0)

    return Program("everything", write, easy_floats(FILE // 8 + 10**6 // 8 + 100, 1))


def changed_for_the_caller():
    """Return which of the registers that belong to the caller a program changes on 64-bit Arm."""
    from tinynn.engines.native.arm64 import Arm64

    program = everything()
    arena, own = filled(program.words), Arena(8 * 20)
    code = executable(bytes(written(Arm64(), program).code))
    given = [2**40 + k for k in range(18)]
    address = ctypes.cast(code, ctypes.c_void_p).value
    own.write_integers(0, array("q", [address, arena.address, *given]))
    executable(call_with_known_registers())(own.address)
    names = [f"x{k}" for k in range(19, 29)] + [f"d{k}" for k in range(8, 16)]
    return [name for k, name in enumerate(names) if own.read_integer(16 + 8 * k) != given[k]]


def call_with_known_registers():
    """Return code for 64-bit Arm that calls a function, and tells what is in registers afterwards.

    Its argument is the address of: the function's, the function's argument, and what x19 to x28
    and d8 to d15 hold before the call and, afterwards, held.
    """
    sp, load, x, d = 31, 0x400000, 0xA9000000, 0x6D000000
    words = []

    def pairs(op, base, offset):
        for kind, first in [(x, r) for r in range(19, 29, 2)] + [(d, r) for r in range(8, 16, 2)]:
            words.append(kind | op | offset // 8 << 15 | first + 1 << 10 | base << 5 | first)
            offset += 16

    words.append(0xD1000000 | 176 << 10 | sp << 5 | sp)  # sub sp, sp, #176
    pairs(0, sp, 0)
    words.append(x | 144 // 8 << 15 | 30 << 10 | sp << 5 | 29)  # stp x29, x30, [sp, #144]
    words.append(0xF9000000 | 160 // 8 << 10 | sp << 5)  # str x0, [sp, #160]
    pairs(load, 0, 16)
    words.append(0xF9400000 | 16)  # ldr x16, [x0]
    words.append(0xF9400400)  # ldr x0, [x0, #8]
    words.append(0xD63F0000 | 16 << 5)  # blr x16
    words.append(0xF9400000 | 160 // 8 << 10 | sp << 5)  # ldr x0, [sp, #160]
    pairs(0, 0, 16)
    pairs(load, sp, 0)
    words.append(x | load | 144 // 8 << 15 | 30 << 10 | sp << 5 | 29)  # ldp x29, x30, [sp, #144]
    words.append(0x91000000 | 176 << 10 | sp << 5 | sp)  # add sp, sp, #176
    words.append(0xD65F03C0)  # ret
    return b"".join(word.to_bytes(4, "little") for word in words)


def in_a_file(code, address):
    """Call code as it is called where memory that was written must not be executed."""
    where, free = memory._placed_by_file(code, -(-len(code) // mmap.PAGESIZE) * mmap.PAGESIZE)
    try:
        memory._tell_instruction_cache(where, len(code))
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(where)(address)
    finally:
        free()


def native():
    """Return the class that writes code for this processor, or None."""
    from tinynn.engines.native.arm64 import Arm64
    from tinynn.engines.native.x64 import X64

    names = {"x86_64": X64, "amd64": X64, "aarch64": Arm64, "arm64": Arm64}
    return names.get(platform.machine().lower())


def main():
    make = native()
    failed = [failure(make, program) for program in programs()]
    if hasattr(os, "memfd_create"):
        failed.append(failure(make, everything(), in_a_file))
    if make.__name__ == "Arm64":
        changed = changed_for_the_caller()
        failed.append(f"changed for the caller: {', '.join(changed)}" if changed else "")
    failed = list(filter(None, failed))
    print("\n".join(failed) or f"all programs passed on {platform.machine()}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
