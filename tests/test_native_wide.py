"""The wide vectors of the native engine, on x86 with AVX-512, and products on either kind."""

from __future__ import annotations

import random
from array import array
from types import SimpleNamespace

import pytest
from engine_cases import check, draw_case
from machine_model import WIDE, fused
from test_native_encoders import misread

from tinynn.engines.native import prediction, program
from tinynn.engines.native.engine import ENGINE
from tinynn.engines.native.layout import Layout
from tinynn.engines.native.machine import ARENA, WIDE_BYTES, At
from tinynn.engines.native.memory import Arena, executable
from tinynn.engines.native.numbers import ParameterStore
from tinynn.engines.native.processor import new_machine
from tinynn.engines.native.products import Products, Weights
from tinynn.engines.native.x64 import X64
from tinynn.engines.native.x64_wide import X64Wide
from tinynn.engines.plans import LayerPlan
from tinynn.lesson.matrix import add_row, matmul, transpose

x86_here = pytest.mark.skipif(
    bool(ENGINE.unavailable()) or not isinstance(new_machine(), X64),
    reason=ENGINE.unavailable() or "this is no x86 processor",
)
wide_here = pytest.mark.skipif(
    bool(ENGINE.unavailable()) or not new_machine().wide,
    reason=ENGINE.unavailable() or "this processor has no AVX-512",
)
REGISTERS = (0, 7, 8, 15, 16, 23, 24, 31)
OFFSETS = (0, 8, 64, -64, -5, 64 * 127, 64 * 128, -64 * 128, -64 * 129, 100_000)
PLACES = [At(base, offset, index) for base, index in ((0, None), (5, 9), (10, None), (9, 3))
          for offset in OFFSETS]  # fmt: skip


def everything(listed=True):
    m = X64Wide(listed=listed)
    for a in REGISTERS:
        for place in PLACES:
            m.wload(a, place)
            m.wstore(place, a)
            m.wbroadcast(a, place)
        for x in REGISTERS:
            m.wmove(a, x)
            for y in (*REGISTERS, *PLACES[::7]):
                for operation in (m.wadd, m.wmul, m.wfma, m.wfnma):
                    operation(a, x, y)
        m.wzero(a)
        if a < 16:
            m.wfold(a, (a + 5) % 16)
    return m


def test_a_disassembler_reads_what_was_meant():
    assert misread(everything()) == []


def test_every_wide_instruction_is_read_here():
    named = {name for name in WIDE if name in vars(X64Wide)}
    assert named == set(WIDE)


def test_a_planted_error_is_noticed(monkeypatch):
    def swapped(self, a, x, y):
        code = self._evex(0xB8, 2, a, x, y)  # the opcode of wfma
        self._put(code, "vfnmadd231pd zmm{}, zmm{}, {}", a, x, self._last(y))

    monkeypatch.setattr(X64Wide, "wfnma", swapped)
    assert misread(everything())


def test_listing_costs_no_bytes():
    assert everything(listed=False).code == everything().code


def run(machine, numbers):
    """Run a machine's code on an arena with these numbers; return what they are afterwards."""
    arena = Arena(8 * len(numbers))
    arena.write(0, array("d", numbers))
    executable(bytes(machine.code))(arena.address)
    return arena.read(0, len(numbers))


@wide_here
@pytest.mark.parametrize("registers", [(0, 1, 2), (31, 16, 15), (9, 30, 17), (24, 8, 7)])
@pytest.mark.parametrize("in_memory", [False, True])
def test_wide_instructions_compute_what_python_does(registers, in_memory):
    draw = random.Random(1)
    numbers = [draw.uniform(-2, 2) * 2.0 ** draw.randrange(-40, 40) for _ in range(8 * 3)]
    a, x, y = (numbers[8 * k : 8 * k + 8] for k in range(3))
    A, X, Y = registers
    last = At(ARENA, 2 * WIDE_BYTES) if in_memory else Y
    for name, operands, expected in (
        ("wadd", (A, X, last), [p + q for p, q in zip(x, y)]),
        ("wmul", (A, X, last), [p * q for p, q in zip(x, y)]),
        ("wfma", (A, X, last), [fused(*three) for three in zip(a, x, y)]),
        ("wfnma", (A, X, last), [fused(s, -p, q) for s, p, q in zip(a, x, y)]),
        ("wmove", (A, X), x),
        ("wzero", (A,), [0.0] * 8),
        ("wbroadcast", (A, At(ARENA, WIDE_BYTES)), [x[0]] * 8),
    ):
        m = X64Wide()
        m.begin()
        for k, register in enumerate(registers):
            m.wload(register, At(ARENA, k * WIDE_BYTES))
        getattr(m, name)(*operands)
        m.wstore(At(ARENA, 3 * WIDE_BYTES), A)
        m.end()
        assert run(m, [*a, *x, *y, *[0.0] * 8])[24:] == expected, name


@wide_here
def test_the_halves_of_a_wide_vector_are_added():
    m = X64Wide()
    m.begin()
    m.wload(3, At(ARENA, 0))
    m.wfold(3, 4)
    m.vstore(At(ARENA, WIDE_BYTES), 3)
    m.end()
    halves = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]
    assert run(m, [*halves, *[0.0] * 4])[8:] == [17.0, 34.0, 68.0, 136.0]


# Products


def machines():
    return [
        pytest.param(X64, id="vectors", marks=x86_here),
        pytest.param(X64Wide, id="wide vectors", marks=wide_here),
    ]


SHAPES = [(1, 1, 1), (2, 4, 1), (3, 1, 5), (4, 10, 3), (5, 12, 2), (6, 13, 11), (7, 16, 10),
          (9, 17, 4), (11, 20, 1), (3, 33, 7), (40, 48, 23), (17, 64, 1), (2, 130, 6),
          (66, 200, 2)]  # fmt: skip


@pytest.mark.parametrize("make", machines())
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("what", ["forward", "update", "gradient", "backward"])
def test_products_of_every_shape(make, shape, what):
    inputs, outputs, rows = shape
    draw = random.Random(repr(shape))

    def matrix(n, m):
        return [[draw.uniform(-1, 1) for _ in range(m)] for _ in range(n)]

    layout = Layout()
    weights = Weights(inputs, outputs, 0)
    weights = weights._replace(
        offset=layout.place(weights.size, "W"), bias=layout.place(weights.bytes, "b")
    )
    into = layout.place(weights.size, "dW")
    X = layout.table(rows, inputs, "X")
    Z = layout.table(rows, outputs, "Z")
    E = layout.table(rows, inputs, "E")
    x, w, b, z = matrix(rows, inputs), matrix(inputs, outputs), matrix(1, outputs)[0], None
    m = make()
    m.begin()
    products = Products(m, rows)
    if what == "forward":
        products.forward(weights, X, Z)
    elif what == "backward":
        products.backward(weights, Z, E)
    else:
        add = what == "gradient"
        products.update(weights, X, Z, into if add else weights.offset, add)
    m.end()
    arena = Arena(layout.size + WIDE_BYTES)
    places = SimpleNamespace(size=0, weights={0: weights}, vectors={"b0": weights.bias})
    store = ParameterStore([LayerPlan(0, "Dense", inputs, outputs, True)], places)
    store.write(arena, 0, [w, [b]])
    z = matrix(rows, outputs)
    for k in range(rows):
        arena.write(X.row(k), array("d", x[k]))
        arena.write(Z.row(k), array("d", z[k]))
    executable(bytes(m.code))(arena.address)
    if what == "forward":
        expected = add_row(matmul(x, w), b)
        found = [arena.read(Z.row(k), outputs) for k in range(rows)]
    elif what == "backward":
        expected = matmul(z, transpose(w))
        found = [arena.read(E.row(k), inputs) for k in range(rows)]
    else:
        gradient = matmul(transpose(x), z)
        expected = gradient
        if what == "update":
            expected = [[p - q for p, q in zip(*pair)] for pair in zip(w, gradient)]
        else:
            places.weights[0] = weights._replace(offset=into)
            store = ParameterStore([LayerPlan(0, "Dense", inputs, outputs, True)], places)
        found = [[0.0] * outputs for _ in range(inputs)]
        store.read(arena, 0, [found, [list(b)]])
    close = 1e-14 * (inputs + outputs + rows)
    for row, wanted in zip(found, expected):
        assert row == pytest.approx(wanted, rel=close, abs=close)


@pytest.mark.slow
@x86_here
def test_trainings_without_wide_vectors_are_those_of_lists(monkeypatch):
    monkeypatch.setattr(prediction, "new_machine", X64)
    clear()
    for seed in range(20):
        check(ENGINE, draw_case(random.Random(seed).choice, most_width=40))
    clear()


def clear():
    program.training.cache_clear()
    prediction.prediction.cache_clear()
