"""The native engine's encoders: what a disassembler reads, and what the instructions compute.

Programs that use every instruction ([machine_programs.py](machine_programs.py)) are compared with
Python's own arithmetic ([machine_model.py](machine_model.py)): on this processor; by the rules of
Windows, which gcc knows; and on 64-bit Arm under QEMU, with a Python for it in the folder that
TINYNN_ARM64_ROOT names (`.ci/arm64_root` makes one).
"""

from __future__ import annotations

import ctypes
import mmap
import os
import pathlib
import re
import shutil
import subprocess
from array import array

import pytest
from machine_model import INSTRUCTIONS, Model, fused
from machine_programs import (
    OFFSETS,
    everything,
    failure,
    filled,
    in_a_file,
    native,
    programs,
    written,
)

import tinynn
from tinynn.engines.native import memory
from tinynn.engines.native.arm64 import Arm64
from tinynn.engines.native.machine import ARENA, REGISTERS, VECTOR_BYTES, VECTORS, At, Machine
from tinynn.engines.native.memory import Arena, Denied, executable
from tinynn.engines.native.x64 import X64
from tinynn.errors import EngineError

HERE = pathlib.Path(__file__).resolve().parent
PATHS = (pathlib.Path(tinynn.__file__).resolve().parent.parent, HERE)
ENCODERS = {
    "x64": X64,
    "x64, Windows": lambda listed=False: X64(listed, windows=True),
    "arm64": Arm64,
}
on_this_processor = pytest.mark.skipif(
    native() is None, reason="there is no encoder for this processor"
)


@pytest.fixture(params=ENCODERS)
def encoder(request):
    return ENCODERS[request.param]


# A disassembler


def normalized(text):
    text = re.sub(r"\b([xyz]mm|q)word ptr ", "", text)
    return re.sub(r"^orr (v\d+.16b), (v\d+.16b), \2$", r"mov \1, \2", text.strip())


def misread(machine):
    """Return where a disassembler reads other instructions than the machine has listed."""
    capstone = pytest.importorskip("capstone", reason="capstone, a disassembler, is not installed")
    if isinstance(machine, Arm64):
        disassembler = capstone.Cs(capstone.CS_ARCH_ARM64, capstone.CS_MODE_ARM)
    else:
        disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    code = bytes(machine.code)
    read = [
        (offset, size, f"{mnemonic} {operands}")
        for offset, size, mnemonic, operands in disassembler.disasm_lite(code, 0)
    ]
    listed = [line for line in machine.lines if line.size]
    wrong = []
    for line, (offset, size, text) in zip(listed, read):
        expected, found = normalized(line.text), normalized(text)
        if (line.offset, line.size, expected) != (offset, size, found):
            wrong.append(f"{line.offset}: {line.size} bytes, {expected}; read: {size}, {found}")
    if len(listed) != len(read) or sum(line.size for line in listed) != len(code):
        wrong.append(f"{len(listed)} instructions listed, {len(read)} read in {len(code)} bytes")
    return wrong


THREE = ("vadd", "vsub", "vmul", "vdiv", "fma", "fnma", "fnma_exact", "vless", "vat_most", "vand",
         "vor", "vxor", "vadd_int", "vsub_int", "vmin", "vmax")  # fmt: skip


def every_form(m):
    """Write each instruction with all registers, kinds of operands and offsets."""
    addresses = [
        At(base, offset, index)
        for base in range(REGISTERS)
        for index in (None, *range(REGISTERS))
        for offset in (0, 24, -8, 4096)
    ] + [At(3, offset, index) for offset in OFFSETS for index in (None, 4)]
    for k, at in enumerate(addresses):
        v, r = k % VECTORS, k % REGISTERS
        m.vload(v, at)
        m.vstore(at, v)
        m.vbroadcast(v, at)
        m.vstore_first(at, v)
        m.load(r, at)
        m.store(at, r)
        getattr(m, THREE[k % len(THREE)])(k % 15, k % 14, at)
    for a in range(VECTORS):
        for x in range(VECTORS):
            for name in THREE:
                getattr(m, name)(a, x, (3 * a + x) % VECTORS)
            m.vmove(a, x)
            m.vsqrt(a, x)
            m.vshift_left(a, x, 4 * a + x % 4)
            m.vshift_right(a, x, 4 * a + x % 4)
            m.vselect(a, x, (a + x) % VECTORS, (5 * x + a) % VECTORS)
            if a != x:
                m.vsum(a, x)
                m.vlargest(a, x)
                m.vsums(a, x, *[v for v in range(VECTORS) if v not in (a, x)][:2])
        m.vzero(a)
    for r in range(REGISTERS):
        for s in range(REGISTERS):
            m.move(r, s)
            m.add(r, s)
            m.multiply(r, s, 3 - 1000 * s)
        for offset in OFFSETS:
            m.set(r, offset)
            m.add_constant(r, offset)
        with m.loop(r, 7), m.block() as block:
            m.leave_if_zero(r, block)
            for x in range(VECTORS):
                m.leave_if_any(x, block)
            m.comment("no instruction")


def test_a_disassembler_reads_every_form_as_it_is_listed(encoder):
    machine = encoder(listed=True)
    machine.begin()
    every_form(machine)
    machine.end()
    assert misread(machine)[:10] == []
    assert len(machine.lines) > 10_000
    if isinstance(machine, Arm64):  # x18 is the system's, those after it belong to the caller
        text = "\n".join(line.text for line in machine.lines)
        assert not re.search(r"\b[xw](1[89]|2[0-9]|30)\b", text)


def test_a_disassembler_reads_every_program_as_it_is_listed(encoder):
    for program in programs():
        listed = written(encoder(listed=True), program)
        assert misread(listed)[:10] == [], program.name
        assert written(encoder(), program).code == listed.code


def test_every_instruction_is_in_some_program():
    used = {name for program in programs() for name, *_ in written(Model(), program).program}
    assert set(INSTRUCTIONS) <= used


# Each bit counts: whatever of an instruction is wrong, the disassembler reads something else.

ONE_OF_EACH = {
    "set": (3, 0x12345), "move": (1, 2), "add": (1, 2), "add_constant": (4, 4100),
    "multiply": (2, 9, 70), "load": (7, At(2, 8)), "store": (At(1, -8), 6), "vload": (3, At(5, 64)),
    "vstore": (At(3, 4064), 2), "vbroadcast": (1, At(2, 8, 3)), "vstore_first": (At(2, 80), 3),
    "vmove": (2, 3), "vzero": (4,), "vsqrt": (1, 5), "vselect": (1, 2, 3, 4),
    "vshift_left": (4, 3, 20), "vshift_right": (4, 3, 52), "vsum": (2, 3), "vlargest": (4, 5),
    "vsums": (1, 2, 3, 4), **dict.fromkeys(THREE, (1, 2, 3)),
}  # fmt: skip


def test_a_disassembler_notices_each_wrong_bit():
    assert set(ONE_OF_EACH) | {"leave_if_zero", "leave_if_any"} == set(INSTRUCTIONS)
    for name, operands in ONE_OF_EACH.items():
        machine = Arm64(listed=True)
        getattr(machine, name)(*operands)
        assert not misread(machine)
        for bit in range(8 * len(machine.code)):
            machine.code[bit // 8] ^= 1 << bit % 8
            assert misread(machine), (name, bit)
            machine.code[bit // 8] ^= 1 << bit % 8


# What the instructions compute


def test_the_model_rounds_once():
    tiny = 2.0**-52
    assert fused(-1.0, 1 + tiny, 1 - tiny) == -(tiny**2)
    assert fused(-float("inf"), 1e308, 1e308) == -float("inf")
    assert str(fused(-0.0, 0.0, -1.0)) == "-0.0"
    assert str(fused(1.0, -1.0, 1.0)) == "0.0"
    assert str(fused(0.0, -5e-324, 5e-324)) == "-0.0"
    assert fused(1.7976931348623157e308, 2.0**512, 2.0**512) == float("inf")


def failures(make, some):
    return list(filter(None, (failure(make, program) for program in some)))


@on_this_processor
def test_instructions_compute_what_python_does():
    assert failures(native(), programs()) == []


@on_this_processor
@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="memory as a file is Linux's")
def test_code_runs_from_a_file_in_memory():
    assert failure(native(), everything(), in_a_file) == ""


@on_this_processor
def test_code_lives_as_long_as_its_function():
    machine = native()()
    machine.begin()
    machine.set(1, 77)
    machine.store(At(ARENA, 0), 1)
    machine.end()
    arena = Arena(8)
    call = executable(bytes(machine.code))
    call(arena.address)
    assert arena.read_integer(0) == 77


def test_without_a_library_that_clears_arms_cache_code_is_denied_and_freed(monkeypatch):
    freed = []
    monkeypatch.setattr(
        memory, "_placed_by_mmap", lambda code, size: (0, lambda: freed.append(size))
    )
    monkeypatch.setattr(memory, "_ON_WINDOWS", False)
    monkeypatch.setattr(memory, "_ON_MAC", False)
    monkeypatch.setattr(memory.platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: None)
    with pytest.raises(Denied, match=r"^no library here can clear Arm's instruction cache \("):
        executable(b"\0")
    assert freed == [mmap.PAGESIZE]


# Errors, planted: what is wrong is listed as it is, so that only the results show it.


class AddsInAnotherOrder(Machine):
    def vsum(self, a, t):
        room = next(v for v in range(VECTORS) if v not in (a, t))
        self.vstore(At(ARENA, 0), room)
        self.vstore(At(ARENA, VECTOR_BYTES), a)
        self.vbroadcast(a, At(ARENA, VECTOR_BYTES))
        for lane in (1, 2, 3):
            self.vbroadcast(room, At(ARENA, VECTOR_BYTES + 8 * lane))
            self.vadd(a, a, room)
        self.vload(room, At(ARENA, 0))


class SumsOfTheWrongLanes(Machine):
    def vsums(self, a, b, c, d):
        super().vsums(a, b, d, c)


class RoundsTwice(Machine):
    def fma(self, a, x, y):
        t = next(v for v in range(VECTORS - 1) if v not in (a, x, y))
        self.vstore(At(ARENA, 0), t)
        self.vmul(t, x, y)
        self.vadd(a, a, t)
        self.vload(t, At(ARENA, 0))


class TakesEqualForLess(Machine):
    def vless(self, a, x, y):
        self.vat_most(a, x, y)


class ComparesTheOtherWay(Machine):
    def vat_most(self, a, x, y):
        super().vat_most(a, *((y, x) if isinstance(y, int) else (x, y)))


class SelectsTheOther(Machine):
    def vselect(self, a, mask, x, y):
        super().vselect(a, mask, y, x)


class LosesOneOfThoseSelected(Machine):
    def vselect(self, a, mask, x, y):
        if a == y:
            self.vmove(a, mask)
        super().vselect(a, mask, x, y)


class ChangesAnotherRegister(Machine):
    def vsqrt(self, a, x):
        super().vsqrt(a, x)
        if a == 5:
            self.vzero(6)


class ShiftsTooFar(Machine):
    def vshift_right(self, a, x, bits):
        super().vshift_right(a, x, min(bits + 1, 63))


class StoresBesideIt(Machine):
    def vstore_first(self, at, x):
        super().vstore_first(at.plus(8) if at.offset == 128 else at, x)


class StoresAllForTheFirst(Machine):
    def vstore_first(self, at, x):
        self.vstore(at, x)


class ForgetsTheSign(Machine):
    def add_constant(self, r, value):
        super().add_constant(r, abs(value) if value == -128 else value)


class LoopsOnceLess(Machine):
    def loop(self, counter, count=None):
        return super().loop(counter, count - 1 if count == 5 else count)


class LeavesForTheFirstLaneOnly(Machine):
    def leave_if_any(self, x, block):
        self.vstore_first(At(ARENA, 16), x)
        self.load(9, At(ARENA, 16))
        with self.block() as stay:
            self.leave_if_zero(9, stay)
            self.set(9, 0)
            self.leave_if_zero(9, block)


ERRORS = {
    AddsInAnotherOrder: "vsum",
    SumsOfTheWrongLanes: "vsums",
    RoundsTwice: "fma",
    TakesEqualForLess: "vless",
    ComparesTheOtherWay: "vat_most",
    SelectsTheOther: "vselect",
    LosesOneOfThoseSelected: "vselect",
    ChangesAnotherRegister: "vsqrt",
    ShiftsTooFar: "vshift_right",
    StoresBesideIt: "vstore_first",
    StoresAllForTheFirst: "vstore_first",
    ForgetsTheSign: "add_constant",
    LoopsOnceLess: "loop",
    LeavesForTheFirstLaneOnly: "block",
}  # each with a word in the names of the programs that find it


@on_this_processor
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_programs_find_errors(error):
    make = type(error.__name__, (error, native()), {})
    some = [program for program in programs(0) if ERRORS[error] in program.name]
    assert failures(native(), some) == []
    assert failures(make, some)


# How far jumps reach on Arm


def nothing_for(size):
    return b"\x1f\x20\x03\xd5" * (size // 4)


def test_a_loop_or_block_that_is_too_long_for_arm_is_refused():
    reach = 1 << 20
    machine = Arm64(listed=True)
    with machine.loop(1):
        machine.code += nothing_for(reach - 4)
    assert machine.lines[-1].text == "cbnz x1, #0"
    assert int.from_bytes(machine.code[-4:], "little") >> 5 & 0x7FFFF == 1 << 18  # -(2**18)
    machine = Arm64()
    with machine.block() as block:
        machine.leave_if_zero(3, block)
        machine.code += nothing_for(reach - 8)
    assert int.from_bytes(machine.code[:4], "little") >> 5 & 0x7FFFF == (1 << 18) - 1
    message = "a jump in code for 64-bit Arm reaches 1048576 bytes, and this loop or block has {}: "
    for write, bytes_ in ((too_long_a_loop, reach + 4), (too_long_a_block, reach)):
        with pytest.raises(EngineError, match=message.format(bytes_)):
            write(Arm64(), reach)


def too_long_a_loop(machine, size):
    with machine.loop(1):
        machine.code += nothing_for(size)


def too_long_a_block(machine, size):
    with machine.block() as block:
        machine.leave_if_zero(3, block)
        machine.code += nothing_for(size - 4)


# The registers that belong to the caller

CALLER = r"""
typedef void (__attribute__((ms_abi)) *by_windows_rules)(void *);

void call(by_windows_rules code, void *argument) { code(argument); }

/* void survivors(code, argument, numbers): calls with the numbers in registers, and writes back
   what is in them afterwards: rbx, rbp, r12 to r15, rsi, rdi, xmm6 to xmm15; argument in rcx. */
__asm__(
    ".intel_syntax noprefix\n"
    ".text\n.globl survivors\n.type survivors, @function\n"
    "survivors:\n"
    "push rbx\npush rbp\npush r12\npush r13\npush r14\npush r15\npush rdx\n"
    "mov rax, rdi\nmov rcx, rsi\n"
    "mov rbx, [rdx]\nmov rbp, [rdx+8]\nmov r12, [rdx+16]\nmov r13, [rdx+24]\n"
    "mov r14, [rdx+32]\nmov r15, [rdx+40]\nmov rsi, [rdx+48]\nmov rdi, [rdx+56]\n"
    "movups xmm6, [rdx+64]\nmovups xmm7, [rdx+80]\nmovups xmm8, [rdx+96]\n"
    "movups xmm9, [rdx+112]\nmovups xmm10, [rdx+128]\nmovups xmm11, [rdx+144]\n"
    "movups xmm12, [rdx+160]\nmovups xmm13, [rdx+176]\nmovups xmm14, [rdx+192]\n"
    "movups xmm15, [rdx+208]\n"
    "sub rsp, 32\ncall rax\nadd rsp, 32\nmov rdx, [rsp]\n"
    "mov [rdx], rbx\nmov [rdx+8], rbp\nmov [rdx+16], r12\nmov [rdx+24], r13\n"
    "mov [rdx+32], r14\nmov [rdx+40], r15\nmov [rdx+48], rsi\nmov [rdx+56], rdi\n"
    "movups [rdx+64], xmm6\nmovups [rdx+80], xmm7\nmovups [rdx+96], xmm8\n"
    "movups [rdx+112], xmm9\nmovups [rdx+128], xmm10\nmovups [rdx+144], xmm11\n"
    "movups [rdx+160], xmm12\nmovups [rdx+176], xmm13\nmovups [rdx+192], xmm14\n"
    "movups [rdx+208], xmm15\n"
    "pop rdx\npop r15\npop r14\npop r13\npop r12\npop rbp\npop rbx\nret\n"
    ".size survivors, .-survivors\n"
    ".att_syntax prefix\n");
"""
SURVIVORS = ["rbx", "rbp", "r12", "r13", "r14", "r15", "rsi", "rdi"]
SURVIVORS += [f"xmm{v}, {half}" for v in range(6, 16) for half in ("low", "high")]


@pytest.fixture(scope="module")
def caller(tmp_path_factory):
    if native() is not X64 or os.name == "nt":
        pytest.skip("the calling conventions of x86-64 are tested on Unix on such a processor")
    if not shutil.which("gcc"):
        pytest.skip("gcc, which calls functions by the rules of Windows, is not on PATH")
    folder = tmp_path_factory.mktemp("caller")
    source, library = folder / "caller.c", folder / "caller.so"
    source.write_text(CALLER, encoding="utf-8")
    subprocess.run(
        ["gcc", "-O1", "-shared", "-fPIC", "-o", str(library), str(source)], check=True
    )  # fmt: skip
    return ctypes.CDLL(str(library))


def address_of(function):
    return ctypes.c_void_p(ctypes.cast(function, ctypes.c_void_p).value)


def test_programs_run_by_the_rules_of_windows(caller):
    def by_windows_rules(code, address):
        function = executable(code)
        caller.call(address_of(function), ctypes.c_void_p(address))

    make = ENCODERS["x64, Windows"]
    some = [everything(), *programs(10)]
    assert list(filter(None, (failure(make, program, by_windows_rules) for program in some))) == []


def changed(caller, make, of_unix):
    """Return which registers hold something else after a call of a program that changes all."""
    program = everything()
    arena, numbers = filled(program.words), Arena(8 * len(SURVIVORS))
    before = arena.read(0, 4)
    function = executable(bytes(written(make(), program).code))
    given = [2**40 + k for k in range(len(SURVIVORS))]
    if of_unix:
        given[SURVIVORS.index("rdi")] = arena.address
    numbers.write_integers(0, array("q", given))
    addresses = map(ctypes.c_void_p, (arena.address, numbers.address))
    caller.survivors(address_of(function), *addresses)
    assert arena.read(0, 4) != before  # it has run
    return [name for k, name in enumerate(SURVIVORS) if numbers.read_integer(8 * k) != given[k]]


def test_the_callers_registers_survive_on_windows(caller):
    assert changed(caller, ENCODERS["x64, Windows"], of_unix=False) == []


def test_the_callers_registers_survive_on_unix(caller):
    found = changed(caller, X64, of_unix=True)
    belong_to_callers = ["rbx", "rbp", "r12", "r13", "r14", "r15"]
    assert [name for name in found if name in belong_to_callers] == []
    assert {"rsi", "rdi", "xmm6, low", "xmm15, high"} <= set(found)  # the others do not survive


def test_a_register_that_does_not_survive_is_found(caller, monkeypatch):
    from tinynn.engines.native import x64

    monkeypatch.setattr(x64, "_SAVED_BY_WINDOWS", (3, 6, 12, 13, 14))  # not rdi
    assert changed(caller, ENCODERS["x64, Windows"], of_unix=False) == ["rdi"]
    monkeypatch.undo()
    monkeypatch.setattr(x64, "_SAVED_VECTORS_BY_WINDOWS", range(6, 15))
    found = changed(caller, ENCODERS["x64, Windows"], of_unix=False)
    assert found == ["xmm15, low", "xmm15, high"]


# 64-bit Arm, under QEMU


def on_arm(*words):
    """Return what Python prints on an emulated Arm, or skip with the reason."""
    emulator, root = shutil.which("qemu-aarch64-static"), os.environ.get("TINYNN_ARM64_ROOT")
    if native() is Arm64:
        pytest.skip("this is a 64-bit Arm: the other tests have run there")
    if not emulator:
        pytest.skip("qemu-aarch64-static is not on PATH")
    if not root:
        pytest.skip("TINYNN_ARM64_ROOT does not name a folder that .ci/arm64_root made")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, PATHS))}
    command = [emulator, "-L", root, f"{root}/usr/bin/python3", "-B", *words]
    done = subprocess.run(
        command, cwd=HERE, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_programs_run_on_arm():
    assert on_arm("machine_programs.py") == "all programs passed on aarch64"


@pytest.mark.slow
def test_trainings_on_arm_are_those_of_lists():
    said = on_arm("engine_cases.py", "native", "100")
    assert "native agrees with lists in 100 random trainings" in said


@pytest.mark.slow
def test_trainings_on_images_on_arm_are_those_of_lists():
    said = on_arm("image_cases.py", "60")
    assert "native agrees with lists in" in said


@pytest.mark.slow
def test_trainings_on_sequences_on_arm_are_those_of_lists():
    said = on_arm("sequence_cases.py", "60")
    assert said.endswith("random trainings of sequences, of 60")


@pytest.mark.slow
def test_the_self_test_passes_on_arm():
    said = on_arm("-m", "tinynn", "selftest")
    assert "ok      engine native" in said
    assert said.endswith("all others passed")
