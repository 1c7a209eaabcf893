"""The native engine's WebAssembly: what its modules compute under Node, and trainings in Pyodide.

Programs that use every instruction ([machine_programs.py](machine_programs.py)) run in modules
under Node, without Pyodide, and are compared with Python's own arithmetic
([machine_model.py](machine_model.py)); so are the elementary functions, with exact values. In
Pyodide, where it is (see [test_interpreters.py](test_interpreters.py)), the engine is compared with
`lists`, and the memory that it shares with JavaScript is watched.
"""

from __future__ import annotations

import base64
import json
import math
import pathlib
import random
import re
import shutil
import subprocess
import sys
import types
from array import array
from functools import lru_cache

import pytest
from machine_model import ACCUMULATING, Model, _rounded, bits, fused, number, same
from machine_programs import (
    address_programs,
    blocks,
    cancelling,
    loops,
    programs,
    random_programs,
    written,
)
from test_native_encoders import ERRORS as ERRORS_OF_ALL, RoundsTwice

import tinynn as nn
from tinynn.engines.native import listing, processor, web_memory
from tinynn.engines.native.constants import Constants
from tinynn.engines.native.elementary import FUNCTIONS, SCRATCH_NEEDED
from tinynn.engines.native.machine import ARENA, SCRATCH, At, Block
from tinynn.engines.native.wasm import Wasm, signed, unsigned

HERE = pathlib.Path(__file__).resolve().parent
RUNNER = HERE / "runners" / "wasm.mjs"
ADDRESS = 1 << 24  # of the memory of programs: an offset that is as large leads to 0
NODE = shutil.which("node")
under_node = pytest.mark.skipif(
    not NODE, reason="node, which runs WebAssembly, is not on PATH: no module was run"
)


def run(tasks):
    """Return the bytes that each (module, bytes) leaves, or what the engine says against it."""
    given = [
        (base64.b64encode(code).decode(), base64.b64encode(memory).decode(), ADDRESS)
        for code, memory in tasks
    ]
    done = subprocess.run(
        [NODE, str(RUNNER)], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    answers = json.loads(done.stdout)
    return [a["error"] if isinstance(a, dict) else base64.b64decode(a) for a in answers]


# What the instructions compute


def multiplied_exactly(a, x, y):
    """Return a - x y as `Wasm.fnma_exact` computes it.

    >>> multiplied_exactly(1.0, 1 + 2.0**-52, 1 - 2.0**-52) == 2.0**-104
    True
    """

    def upper(z):
        return number(bits(z) & (2**64 - 2**27))

    product, (p, q) = x * y, map(upper, (x, y))
    error = (p * q - product) + p * (y - q) + (x - p) * q + (x - p) * (y - q)
    return (a - product) - error


class PlainModel(Model):
    """The model of a machine that rounds products before it adds."""

    accumulating = {  # noqa: RUF012
        "fma": _rounded(lambda a, x, y: a + x * y),
        "fnma": _rounded(lambda a, x, y: a - x * y),
        "fnma_exact": _rounded(multiplied_exactly),
    }


@lru_cache(maxsize=None)
def program(name):
    return next(some for some in programs(20) if some.name == name)


@lru_cache(maxsize=None)
def expected(name):
    some = program(name)
    return written(PlainModel(), some).run(some.words, ADDRESS)


def failures(make, some):
    """Return how programs differ from the model, as `machine_programs.failure` does."""
    modules = [bytes(written(make(), each).code) for each in some]
    answers = run(zip(modules, [array("Q", each.words).tobytes() for each in some]))
    failed = []
    for each, answer in zip(some, answers):
        if isinstance(answer, str):
            failed.append(f"{each.name}: {answer}")
            continue
        pairs = list(zip(array("Q", answer), expected(each.name)))
        wrong = [(hex(found), hex(word)) for found, word in pairs if not same(found, word)]
        if wrong:
            failed.append(f"{each.name}: {len(wrong)} of {len(pairs)} differ, {wrong[0]}")
    return failed


@pytest.mark.slow
@under_node
def test_modules_are_valid_and_compute_what_python_does():
    some = [program(each.name) for each in programs(20)]
    assert failures(Wasm, some) == []


def test_the_error_of_a_product_is_as_good_as_exact():
    words = list(map(number, cancelling(300, 5)))
    rows = [words[k : k + 12] for k in range(0, len(words), 12)]
    small = 0
    for row in rows:
        for a, x, y in zip(row[:4], row[4:8], row[8:]):
            a = abs(a)
            exact = fused(a, -x, y)
            assert abs(multiplied_exactly(a, x, y) - exact) <= 2.0**-104 * a
            small += 0.0 < abs(exact) < 2.0**-50 * a
    assert small > 1000
    assert set(PlainModel.accumulating) == set(ACCUMULATING)


@pytest.mark.parametrize("seed", range(3))
def test_integers_are_written_as_leb128(seed):
    draw = random.Random(seed)
    values = [draw.getrandbits(64) >> draw.randrange(64) for _ in range(300)]
    for value in [*values, 0, 63, 64, 127, 128]:
        assert sum((byte & 127) << 7 * k for k, byte in enumerate(unsigned(value))) == value
        for one in (value >> 1, -(value >> 1), ~(value >> 1)):
            code = signed(one)
            whole = sum((byte & 127) << 7 * k for k, byte in enumerate(code))
            assert whole - (code[-1] >> 6 & 1) * (1 << 7 * len(code)) == one
            assert [byte >> 7 for byte in code] == [1] * (len(code) - 1) + [0]


# Errors, planted


class LeavesTheFunction(Wasm):
    def leave_if_zero(self, r, block):
        super().leave_if_zero(r, Block())


class ForgetsTheUpperHalf(Wasm):
    def vadd(self, a, x, y):
        start = len(self.code)
        super().vadd(a, x, y)
        if isinstance(y, int):
            del self.code[start + (len(self.code) - start) // 2 :]


class _Replaces(Wasm):
    """Writes other bytes for some, in one instruction."""

    def _replace(self, method, operands, old, new):
        start = len(self.code)
        method(*operands)
        code = bytes(self.code[start:])
        assert old in code
        self.code[start:] = code.replace(old, new)


class ShiftsTheSignIn(_Replaces):
    def vshift_right(self, *operands):
        self._replace(super().vshift_right, operands, b"\xfd\xcd\x01", b"\xfd\xcc\x01")


class TakesTheOtherMinimum(_Replaces):
    def vmin(self, *operands):
        self._replace(super().vmin, operands, b"\xfd\xf6\x01", b"\xfd\xf7\x01")


class BroadcastsTheLowerHalf(_Replaces):
    def vbroadcast(self, *operands):
        self._replace(super().vbroadcast, operands, b"\xfd\x0a", b"\xfd\x00")


class IsNoInstruction(_Replaces):
    def vsqrt(self, *operands):
        self._replace(super().vsqrt, operands, b"\xfd\xef\x01", b"\xfd\xee\x01")


class AddsFloatsForIntegers(_Replaces):
    def vadd_int(self, *operands):
        self._replace(super().vadd_int, operands, b"\xfd\xce\x01", b"\xfd\xf0\x01")


class LoadsHalfAnInteger(_Replaces):
    def load(self, *operands):
        self._replace(super().load, operands, b"\x29", b"\x35")


class ExtendsTheAddressWithASign(_Replaces):
    """Finds nothing wrong below 2**31, where addresses of programs are: it is no error there."""

    def begin(self):
        self._replace(super().begin, (), b"\xad", b"\xac")


class KeepsNoRest(Wasm):
    def fnma_exact(self, a, x, y):
        self.fnma(a, x, y)


OWN_ERRORS = {
    LeavesTheFunction: "blocks left from loops",
    ForgetsTheUpperHalf: "vadd",
    ShiftsTheSignIn: "vshift_right",
    TakesTheOtherMinimum: "vmin",
    BroadcastsTheLowerHalf: "vbroadcast",
    IsNoInstruction: "vsqrt",
    AddsFloatsForIntegers: "vadd_int",
    LoadsHalfAnInteger: "load at",
    KeepsNoRest: "fnma_exact",
}
ERRORS = {
    **{e: word for e, word in ERRORS_OF_ALL.items() if e is not RoundsTwice},
    **OWN_ERRORS,
}


@under_node
def test_no_error_is_planted_where_there_is_none():
    some = [program(each.name) for each in programs(0) if each.name == "set in each"]
    assert failures(ExtendsTheAddressWithASign, some) == []


@under_node
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_programs_find_errors(error):
    made = error if issubclass(error, Wasm) else type(error.__name__, (error, Wasm), {})
    some = [program(each.name) for each in programs(0) if ERRORS[error] in each.name]
    assert some and failures(made, some)


@under_node
def test_every_wrong_byte_of_a_short_module_is_noticed():
    """Each instruction's bytes count; but the alignment of an access is only a hint."""

    def write(m):
        m.vload(1, At(ARENA, 0))
        m.vadd(2, 1, At(ARENA, 32))
        m.vstore(At(ARENA, 64), 2)
        m.load(3, At(ARENA, 8))
        m.add_constant(3, 1000)
        m.store(At(ARENA, 96), 3)

    m = Wasm()
    m.begin()
    start = len(m.code)
    write(m)
    end = len(m.code)
    m.end()
    memory = array("d", [0.5 * k for k in range(13)]).tobytes()
    right = bytes(m.code)
    wrong = [
        right[:at] + bytes((right[at] ^ 1 << bit,)) + right[at + 1 :]
        for at in range(start, end)
        for bit in range(8)
    ]
    (good,) = run([(right, memory)])
    # After the opcode of a load or store: what it is aligned by, then its offset.
    hints = re.compile(rb"(\xfd[\x00\x0b]|[\x29\x37])[\x00-\x03](?=[\x00\x08\x10-\x60])")

    def without_hints(code):
        return hints.sub(rb"\1?", code[start:end])

    answers = run([(code, memory) for code in wrong])
    unnoticed = [code for code, found in zip(wrong, answers) if found == good]
    assert {without_hints(code) for code in unnoticed} <= {without_hints(right)}
    assert len(unnoticed) < len(wrong) // 10


# A listing


def test_a_listing_is_in_the_text_format(monkeypatch):
    monkeypatch.setattr(listing, "new_machine", Wasm)
    model = nn.Sequential(nn.Dense(2, 4), nn.Tanh(), nn.Dense(4, 1), seed=1)
    text = nn.source(model, engine="native")
    assert "bytes for WebAssembly with 128-bit SIMD, called with the address" in text
    lines = [line.split(None, 2) for line in text.splitlines() if re.match(r"[0-9a-f]{4} ", line)]
    written_bytes = "".join(code for _, code, _ in lines)
    offsets = [int(offset, 16) for offset, _, _ in lines]
    assert [b - a for a, b in zip(offsets, offsets[1:])] == [len(c) // 2 for _, c, _ in lines[:-1]]
    words = {word for _, _, instructions in lines for word in instructions.split("  ")}
    assert {"f64x2.add", "f64x2.mul", "block", "loop", "end", "br_if 0", "local.get $v0.1"} <= words
    assert re.search(r"v128\.load offset=\d+  local\.set \$v\d+\.[01]$", text, re.M)
    found = re.search(r"; (\d+) bytes for", text)
    assert int(found.group(1)) == offsets[0] + len(written_bytes) // 2


def test_what_is_listed_is_what_is_written():
    for each in (*loops(), *blocks(), *address_programs(), *random_programs(10)):
        listed = written(Wasm(listed=True), each)
        assert written(Wasm(), each).code == listed.code
        lines = [line for line in listed.lines if line.size]
        assert [a.offset + a.size for a in lines[:-1]] == [b.offset for b in lines[1:]]


# The elementary functions


def evaluated(name, numbers):
    """Return a function's values, computed under Node."""
    count = -(-len(numbers) // 4)
    m, constants, room = Wasm(), Constants(0), 1 << 13
    free = list(range(1, SCRATCH))[: SCRATCH_NEEDED[name]]
    m.begin()
    m.set(1, room)
    with m.loop(2, count):
        m.vload(0, At(ARENA, 0, 1))
        FUNCTIONS[name](m, constants, 0, free)
        m.vstore(At(ARENA, 32 * count, 1), 0)
        m.add_constant(1, 32)
    m.end()
    given = array("d", [*numbers, *[0.0] * (4 * count - len(numbers))])
    memory = b"".join(constants.values).ljust(room, b"\0") + given.tobytes() + bytes(32 * count)
    (answer,) = run([(bytes(m.code), memory)])
    return array("d", answer[room + 32 * count :])[: len(numbers)].tolist()


@under_node
@pytest.mark.parametrize(
    "count", [100, pytest.param(50_000, marks=pytest.mark.slow)], ids=["a few", "many"]
)
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_functions_are_within_two_units_in_the_last_place(name, count):
    from test_native_functions import EDGES, UNITS, bits_of, samples, worst

    error, x, y = worst(name, samples(name, count), lambda numbers: evaluated(name, numbers))
    print(f"{name}: at most {error:.2f} units, at {x!r}")
    assert error <= UNITS, f"{name}({x!r}) is {y!r}"
    cases = [*EDGES[name], (math.nan, math.nan), (-math.nan, math.nan)]
    for (x, value), y in zip(cases, evaluated(name, [x for x, _ in cases])):
        alike = math.isnan(y) if math.isnan(value) else bits_of(y) == bits_of(value)
        assert alike, f"{name}({x!r}) is {y!r} instead of {value!r}"


# Memory, with a JavaScript of Python


class Buffer:
    def __init__(self, size):
        self.bytes, self.attached = bytearray(size), True


class Memory:
    limit = 100

    def __init__(self, options):
        self.buffer = Buffer(options.initial << 16)

    def grow(self, pages):
        size = len(self.buffer.bytes)
        if size // 65536 + pages > self.limit:
            raise RuntimeError("RangeError")
        old, self.buffer = self.buffer, Buffer(size + (pages << 16))
        self.buffer.bytes[:size] = old.bytes
        old.attached = False


class TypedArray:
    def __init__(self, buffer, code, start=0, end=None):
        self.buffer, self.code = buffer, code
        self.start, self.end = start, len(buffer.bytes) if end is None else end

    def _view(self):
        assert self.buffer.attached, "a view of memory that has grown"
        return memoryview(self.buffer.bytes)[self.start : self.end].cast(self.code)

    def subarray(self, start, end):
        assert self.start + start <= self.start + end <= self.end
        return TypedArray(self.buffer, self.code, self.start + start, self.start + end)

    def assign(self, given):
        self._view()[:] = memoryview(given).cast("B")

    def fill(self, value):
        self.assign(bytes([value]) * (self.end - self.start))

    def to_bytes(self):
        return bytes(self._view())

    def __getitem__(self, k):
        return self._view()[k]


def of_class(make):
    return types.SimpleNamespace(new=make)


@pytest.fixture
def heap(monkeypatch):
    js = types.SimpleNamespace(
        Object=of_class(types.SimpleNamespace),
        WebAssembly=types.SimpleNamespace(Memory=of_class(Memory)),
        Uint8Array=of_class(lambda buffer: TypedArray(buffer, "B")),
        Int32Array=of_class(lambda buffer: TypedArray(buffer, "i")),
    )
    monkeypatch.setitem(sys.modules, "js", js)
    web_memory._heap.cache_clear()
    yield web_memory._heap()
    web_memory._heap.cache_clear()


def test_memory_is_given_back_and_used_again(heap):
    draw = random.Random(1)
    kept = []
    for step in range(2000):
        if kept and draw.random() < 0.5:
            piece, numbers = kept.pop(draw.randrange(len(kept)))
            assert piece.first(len(numbers)) == numbers.tolist()
            piece = None
        else:
            count = draw.choice((0, 1, 7, 8, 9, 500, 3000))
            numbers = array("d", [step + k for k in range(count)])
            kept.append((web_memory.LentToWeb(numbers), numbers))
        places = sorted((piece.address, piece.address + piece._room) for piece, _ in kept)
        assert all(a[1] <= b[0] for a, b in zip(places, places[1:]))
        assert all(start % 64 == 0 < start for start, _ in places)
        taken = sum(end - start for start, end in places)
        assert taken + sum(end - start for start, end in heap.free) == heap.size - 64
    assert heap.size > 1 << 16
    kept.clear()
    assert heap.free == [(64, heap.size)]


def test_an_arena_reads_what_was_written_and_begins_with_zeros(heap):
    del [web_memory.LentToWeb(array("d", [1.0] * 100))][:]
    arena = web_memory.WebArena(801)
    assert arena.read(0, 101) == [0.0] * 101 and arena.size == 808
    arena.write(16, array("d", [1.5, -2.0]))
    arena.write_integers(32, array("q", [-5, 2**40 + 3]))
    before = arena.copy(0, 808)
    larger = web_memory.WebArena(1 << 20)  # the memory grows
    assert arena.read(16, 2) == [1.5, -2.0]
    assert (arena.read_integer(32), arena.read_integer(40)) == (-5, 2**40 + 3)
    write = arena.row_writer(16, 2)
    write(3.0, 4)
    assert arena.read(8, 3) == [0.0, 3.0, 4.0]
    arena.restore(0, before)
    assert arena.read(16, 2) == [1.5, -2.0]
    lent = web_memory.LentToWeb(array("d", [1.0, 2.0]))
    lent.replace(1, 7.0)
    assert lent.first(2) == [1.0, 7.0]
    assert larger.address > arena.address


def test_memory_that_cannot_grow_is_an_error_of_memory(heap):
    piece = web_memory.WebArena(100)
    with pytest.raises(MemoryError, match=r"^WebAssembly's memory of 65536 bytes cannot grow by "):
        web_memory.WebArena(1 << 23)
    del piece
    assert heap.free == [(64, 65536)]


# Whether it can run


def says(monkeypatch, valid=True, **names):
    """Return what `processor` says of a JavaScript with this WebAssembly."""
    tried = []

    def array_of(size):
        return types.SimpleNamespace(assign=tried.append, size=size)

    web = types.SimpleNamespace(validate=lambda code: valid, **names)
    js = types.SimpleNamespace(WebAssembly=web, Uint8Array=of_class(array_of))
    monkeypatch.setitem(sys.modules, "js", js)
    answer = processor._missing_in_javascript()
    assert len(tried[0]) > 4096
    return answer


def test_it_says_in_a_clause_why_it_cannot_run(monkeypatch):
    module = of_class(lambda code: "a module")
    assert says(monkeypatch, Module=module) is None
    assert says(monkeypatch, False) == "this JavaScript engine has no WebAssembly SIMD"

    def fails(code):
        raise RuntimeError("RangeError: too large")

    reason = "JavaScript does not compile WebAssembly here (RangeError: too large)"
    assert says(monkeypatch, Module=of_class(fails)) == reason
    monkeypatch.setitem(sys.modules, "js", types.SimpleNamespace())
    reason = "it needs JavaScript's WebAssembly, as Pyodide has it ("
    assert processor._missing_in_javascript().startswith(reason)
    monkeypatch.setitem(sys.modules, "js", None)
    assert processor._missing_in_javascript().startswith(reason)


# In Pyodide


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pyodide-3.12", "pyodide-3.14"])
def test_the_engine_works_in_pyodide(name):
    sys.path.insert(0, str(HERE.parent))
    from benchmarks.interpreters import find

    interpreter = find(name)
    if interpreter.missing:
        pytest.skip(interpreter.missing)
    done = interpreter.run(["tests/native_in_pyodide.py", "120"], HERE.parent)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(found, indent=2))
    assert found["trainings"] > 100
    assert found["wrong"] == []
    assert found["grown"] == 0
