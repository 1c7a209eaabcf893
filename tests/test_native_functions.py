"""The elementary functions in machine code against exact values, over all numbers.

`machines()` lists the machines whose code can run here, so the same tests serve every processor.
"""

from __future__ import annotations

import math
import random
import struct
from array import array
from functools import lru_cache

import pytest
from hypothesis import given, strategies as st

from tinynn.engines.native import error_function, exponentials, logarithms, processor
from tinynn.engines.native.constants import Constants
from tinynn.engines.native.elementary import FUNCTIONS, SCRATCH_NEEDED
from tinynn.engines.native.machine import ARENA, SCRATCH, At

mpmath = pytest.importorskip("mpmath", reason="exact values need mpmath, of the extra [test]")


def machines():
    """The machines whose code can run here, by name: functions that make a new one."""
    return [] if processor.unavailable() else [processor.new_machine]


if not machines():
    pytest.skip(f"no machine code can run here: {processor.unavailable()}", allow_module_level=True)

INF, NAN, LARGEST, LEAST = math.inf, math.nan, float.fromhex("0x1.fffffffffffffp1023"), 5e-324
NORMAL = 2.0**-1022
UNITS = 2.0  # the largest error allowed, in units in the last place
COUNT = 1024  # numbers per call

on_each_machine = pytest.mark.parametrize("new_machine", machines())
of_each_function = pytest.mark.parametrize("name", sorted(FUNCTIONS))


# --- to run a function


class Compiled:
    """A function in machine code, of a list of floats; a and free are the registers it gets."""

    def __init__(self, new_machine, name, a=0, free=None):
        from tinynn.engines.native.memory import Arena, executable

        m, inputs, outputs = new_machine(), 0, 8 * COUNT
        constants = Constants(2 * outputs)
        m.begin()
        m.set(1, inputs)
        with m.loop(2, COUNT // 4):
            m.vload(a, At(ARENA, inputs, 1))
            FUNCTIONS[name](m, constants, a, free or registers_for(name, a))
            m.vstore(At(ARENA, outputs, 1), a)
            m.add_constant(1, 32)
        m.end()
        written = b"".join(constants.values)
        self._arena, self._outputs = Arena(2 * outputs + len(written)), outputs
        self._arena.restore(constants.start, written)
        self._run = executable(bytes(m.code))

    def __call__(self, numbers):
        answers = []
        for start in range(0, len(numbers), COUNT):
            block = array("d", numbers[start : start + COUNT])
            self._arena.write(0, block)
            self._run(self._arena.address)
            answers += self._arena.read(self._outputs, len(block))
        return answers


def registers_for(name, a):
    return [r for r in range(SCRATCH) if r != a][: SCRATCH_NEEDED[name]]


@lru_cache(maxsize=None)
def compiled(new_machine, name):
    return Compiled(new_machine, name)


# --- exact values


@lru_cache(maxsize=None)
def exact(name, x):
    """The value at a finite x, as an mpf of 120 bits or, where the function has none, a float."""
    if name.startswith("log"):
        u = x if name == "log" else x + 1.0
        if u <= 0.0 and (u < 0.0 or name == "log" or x == -1.0):
            return NAN if u < 0.0 else -INF
    if name == "erfc" and abs(x) > 30.0:
        return mpmath.mpf(0 if x > 0.0 else 2)
    if abs(x) < 1e-30 and name in ("expm1", "log1p", "tanh"):
        return mpmath.mpf(x)  # the next term is far below the last place
    with mpmath.workprec(120):
        return getattr(mpmath, name)(mpmath.mpf(x))


def units(name, x, y):
    """The error of y in units in the last place of the exact value; 2.0**1024 stands for inf."""
    t = exact(name, x)
    if isinstance(t, float):
        return 0.0 if y == t or (math.isnan(y) and math.isnan(t)) else INF
    if math.isnan(y):
        return INF
    if t == 0:
        return 0.0 if y == 0.0 else INF
    exponent = max(mpmath.frexp(t)[1] - 1, -1022)
    if exponent >= 1024:
        return 0.0 if y == math.copysign(INF, t) else INF
    with mpmath.workprec(120):
        value = mpmath.ldexp(1, 1024) * (1 if y > 0 else -1) if math.isinf(y) else mpmath.mpf(y)
        return float(abs(mpmath.ldexp(value - t, 52 - exponent)))


def worst(name, numbers, function):
    """The largest error, the number where it is, and the value there."""
    errors = [(units(name, x, y), x, y) for x, y in zip(numbers, function(numbers))]
    return max(errors, key=lambda error: error[0])


# --- where to look


def float_of(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def bits_of(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def anywhere(draw, count):
    """Random patterns of bits: all exponents alike."""
    numbers = (float_of(draw.getrandbits(64)) for _ in range(count))
    return [x for x in numbers if math.isfinite(x)]


def near(x, steps=3):
    """The floats beside x."""
    found, below, above = [x], x, x
    for _ in range(steps):
        below, above = next_float(below, -INF), next_float(above, INF)
        found += [below, above]
    return [x for x in found if math.isfinite(x)]


def next_float(x, to):
    if x == 0.0:
        return math.copysign(LEAST, to)
    return float_of(bits_of(x) + (1 if (to > x) == (x > 0.0) else -1))


LN2 = math.log(2.0)
# By function: intervals in which many samples are taken, and points whose neighbours are.
RANGES = {
    "exp": [(-745.2, 709.8), (-745.2, -707.0), (-1.0, 1.0), (-40.0, 5.0)],
    "expm1": [(-60.0, 709.8), (-0.6, 0.6), (0.3, 0.5), (-0.5, -0.3), (-40.0, 5.0)],
    "log": [(0.0, LARGEST), (0.5, 2.0), (0.5, 0.75), (1.3, 1.5), (0.0, NORMAL)],
    "log1p": [(-1.0, 1.0), (-1.0, -0.999), (-0.4, 0.6), (0.41, 0.5), (0.0, 1000.0)],
    "tanh": [(-20.0, 20.0), (-0.6, 0.6), (0.2, 0.3), (0.5, 0.55), (1.0, 5.0)],
    "erfc": [(-6.0, 27.3), (-1.0, 1.0), (0.4, 0.55), (1.0, 6.0), (26.5, 27.3)],
}
POINTS = {
    "exp": [
        -745.1332191019412, -745.1332191019411, -744.4400719213812, -708.3964185322641,
        709.782712893384, 709.7827128933841, -746.0, 710.0,
        *((k + 0.5) * LN2 for k in range(-1075, 1025, 25)), -LN2 / 2, LN2 / 2,
    ],
    "expm1": [
        709.782712893384, 709.7827128933841, 710.0, -60.0, -37.42994775023705, -36.7368,
        *((k + 0.5) * LN2 for k in range(-60, 60)), *(k * LN2 for k in range(-60, 60)),
    ],
    "log": [
        1.0, 2.0, 0.5, 0.5**0.5, 2.0**0.5, NORMAL, LEAST, LARGEST,
        *(2.0**k for k in range(-1074, 1024, 50)),
        *(2.0 ** (k + 0.5) for k in range(-1074, 1023, 50)),
    ],
    "log1p": [
        -1.0, -0.5, 0.5**0.5 - 1.0, 2.0**0.5 - 1.0, 1.0, LARGEST, 2.0**53, 2.0**54, 2.0**52,
        *(2.0**k for k in range(-1074, 1024, 50)), *(-(2.0**k) for k in range(-60, 0)),
        *(2.0 ** (k + 0.5) for k in range(0, 1023, 20)), 2.0**1023 * 2.0**0.5,
    ],
    "tanh": [
        19.06154746539849, 18.7, 22.0, 0.5493061443340548, 0.2554128118829953,
        *(LN2 / 8 * k for k in range(1, 200)),
    ],
    "erfc": [0.5, 26.543258454250392, 27.22601711110837, 27.3, -5.86, -6.0, 28.0, 1.0, 2.0, 4.0],
}  # fmt: skip
EVERYWHERE = [0.0, LEAST, NORMAL, next_float(NORMAL, 0.0), 1e-300, 1e-20, 2.0**-53, 2.0**-27, 1.0,
              LARGEST, next_float(LARGEST, 0.0), 2.0**1023, 1e300]  # fmt: skip


@lru_cache(maxsize=None)
def samples(name, count):
    """Points of interest with their neighbours, and random ones in each range."""
    draw = random.Random(name)
    numbers = [x for point in POINTS[name] + EVERYWHERE for x in near(point)]
    numbers += [-x for x in numbers]
    numbers += anywhere(draw, count)
    for low, high in RANGES[name]:
        numbers += [draw.uniform(low, high) for _ in range(count)]
    return numbers


# --- the tests


@on_each_machine
@of_each_function
def test_every_value_is_within_two_units_in_the_last_place(new_machine, name):
    error, x, y = worst(name, samples(name, 700), compiled(new_machine, name))
    assert error <= UNITS, f"{name}({x!r}) is {y!r}, {error} units from {exact(name, x)}"


@pytest.mark.slow
@on_each_machine
@of_each_function
def test_every_value_is_within_two_units_in_the_last_place_at_many_more(new_machine, name):
    error, x, y = worst(name, samples(name, 20_000), compiled(new_machine, name))
    print(f"{name}: at most {error:.2f} units, at {x!r}")
    assert error <= UNITS, f"{name}({x!r}) is {y!r}, {error} units from {exact(name, x)}"


SIGNED_ZEROS = [(0.0, 0.0), (-0.0, -0.0)]
EDGES = {
    "exp": [(0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (LARGEST, INF), (-LARGEST, 0.0),
            (709.7827128933841, INF), (-745.1332191019412, 0.0), (-745.133219101941, LEAST),
            (LEAST, 1.0)],
    "expm1": [*SIGNED_ZEROS, (INF, INF), (-INF, -1.0), (LARGEST, INF), (-LARGEST, -1.0),
              (LEAST, LEAST), (-LEAST, -LEAST), (-100.0, -1.0)],
    "log": [(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-INF, NAN), (-1.0, NAN),
            (-LEAST, NAN), (-LARGEST, NAN), (LEAST, -744.4400719213812)],
    "log1p": [*SIGNED_ZEROS, (-1.0, -INF), (INF, INF), (-INF, NAN), (-LARGEST, NAN),
              (next_float(-1.0, -INF), NAN), (LEAST, LEAST), (-LEAST, -LEAST)],
    "tanh": [*SIGNED_ZEROS, (INF, 1.0), (-INF, -1.0), (LARGEST, 1.0), (-LARGEST, -1.0),
             (LEAST, LEAST), (-LEAST, -LEAST), (25.0, 1.0)],
    "erfc": [(0.0, 1.0), (-0.0, 1.0), (INF, 0.0), (-INF, 2.0), (LARGEST, 0.0), (-LARGEST, 2.0),
             (LEAST, 1.0), (28.0, 0.0), (-6.0, 2.0)],
}  # fmt: skip


@on_each_machine
@of_each_function
def test_the_edges_are_exact(new_machine, name):
    cases = [*EDGES[name], (NAN, NAN), (-NAN, NAN)]
    answers = compiled(new_machine, name)([x for x, _ in cases])
    for (x, expected), y in zip(cases, answers):
        same = math.isnan(y) if math.isnan(expected) else bits_of(y) == bits_of(expected)
        assert same, f"{name}({x!r}) is {y!r} instead of {expected!r}"


@on_each_machine
@pytest.mark.parametrize("name", sorted({"expm1", "log1p", "tanh"} & set(FUNCTIONS)))
def test_numbers_below_rounding_are_their_own_values(new_machine, name):
    numbers = [x for k in range(1022, 60, -10) for x in near(2.0**-k)]
    numbers += [k * LEAST for k in range(1, 100)]
    numbers += [-x for x in numbers]
    assert compiled(new_machine, name)(numbers) == numbers


@on_each_machine
@of_each_function
@given(data=st.data())
def test_any_four_numbers(new_machine, name, data):
    numbers = data.draw(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=4))
    error, x, y = worst(name, numbers, compiled(new_machine, name))
    assert error <= UNITS, f"{name}({x!r}) is {y!r}"


@on_each_machine
@pytest.mark.parametrize("name", sorted({"expm1", "tanh"} & set(FUNCTIONS)))
def test_they_hardly_ever_fall(new_machine, name):
    """The functions rise; two neighbouring values may be off by two units each, but no more."""
    numbers = sorted(samples(name, 100))
    values = compiled(new_machine, name)(numbers)
    for y, z in zip(values, values[1:]):
        assert z >= y or y - z <= 4.0 * 2.0**-52 * abs(y)


@on_each_machine
def test_tanh_is_odd(new_machine):
    numbers = [abs(x) for x in samples("tanh", 300)]
    tanh = compiled(new_machine, "tanh")
    assert tanh([-x for x in numbers]) == [-y for y in tanh(numbers)]


# --- registers


@on_each_machine
@of_each_function
def test_any_registers_serve(new_machine, name):
    numbers = samples(name, 20)
    other = Compiled(new_machine, name, a=14, free=list(range(13, 13 - SCRATCH_NEEDED[name], -1)))
    answers = list(map(bits_of, other(numbers)))
    assert answers == list(map(bits_of, compiled(new_machine, name)(numbers)))


@on_each_machine
@of_each_function
def test_nothing_else_is_touched(new_machine, name):
    from tinynn.engines.native.memory import Arena, executable

    a, free = 3, list(range(4, 4 + SCRATCH_NEEDED[name]))
    others = [r for r in range(SCRATCH) if r != a and r not in free]
    m, constants = new_machine(), Constants(32 * 32)
    m.begin()
    for r in (a, *others):
        m.vload(r, At(ARENA, 32 * r))
    FUNCTIONS[name](m, constants, a, free)
    for r in others:
        m.vstore(At(ARENA, 32 * (16 + r)), r)
    m.end()
    written = b"".join(constants.values)
    arena = Arena(constants.start + len(written))
    arena.restore(constants.start, written)
    arena.write(0, array("d", [k + 0.5 for k in range(64)]))
    executable(bytes(m.code))(arena.address)
    for r in others:
        assert arena.read(32 * (16 + r), 4) == arena.read(32 * r, 4)
    assert arena.copy(constants.start, len(written)) == written


# --- do these tests see anything?

TABLES = {
    "erfc": [(error_function, "ERFC"), (exponentials, "EXP")],
    "exp": [(exponentials, "EXP")],
    "expm1": [(exponentials, "EXP")],
    "log": [(logarithms, "LOG")],
    "log1p": [(logarithms, "LOG")],
    "tanh": [(exponentials, "TANH")],
}
COEFFICIENTS = [
    pytest.param(name, module, table, k, id=f"{name}-{table}[{k}]")
    for name in sorted(FUNCTIONS)
    for module, table in TABLES[name]
    for k in range(len(getattr(module, table)))
]


@on_each_machine
@pytest.mark.parametrize(("name", "module", "table", "k"), COEFFICIENTS)
def test_a_wrong_coefficient_is_found(new_machine, name, module, table, k, monkeypatch):
    wrong = list(getattr(module, table))
    wrong[k] *= 1.01
    monkeypatch.setattr(module, table, tuple(wrong))
    assert worst(name, samples(name, 50), Compiled(new_machine, name))[0] > UNITS


@on_each_machine
@of_each_function
@pytest.mark.parametrize("constant", ["LN2_HIGH", "LN2_LOW"])
def test_a_wrong_logarithm_of_2_is_found(new_machine, name, constant, monkeypatch):
    wrong = getattr(exponentials, constant) * (1.0 + 2.0**-10)
    for module in (error_function, exponentials, logarithms):
        monkeypatch.setattr(module, constant, wrong)
    assert worst(name, samples(name, 50), Compiled(new_machine, name))[0] > UNITS
