"""The native engine's encoders: what a disassembler reads, and what the instructions compute.

Programs that use every instruction ([machine_programs.py](machine_programs.py)) are compared with
Python's own arithmetic ([machine_model.py](machine_model.py)): on this processor; by the rules of
Windows, which gcc knows; and on 64-bit Arm under QEMU, with a Python for it in the folder that
TINYNN_ARM64_ROOT names (`.ci/arm64_root` makes one).
"""

from __future__ import annotations

import ctypes
import os
import pathlib
import re
import shutil
import subprocess
import sys
from array import array

import pytest
from machine_model import INSTRUCTIONS, Model, fused
from machine_programs import (
    OFFSETS,
    blocks,
    everything,
    failure,
    in_a_file,
    loops,
    native,
    programs,
    vector_programs,
    written,
)

from tinynn.engines.native.arm64 import Arm64
from tinynn.engines.native.machine import ARENA, REGISTERS, SCRATCH, VECTORS, At, Machine
from tinynn.engines.native.memory import Arena, Executable
from tinynn.engines.native.x64 import X64
from tinynn.errors import EngineError

HERE = pathlib.Path(__file__).resolve().parent
ENCODERS = {
    "x64": X64,
    "x64, Windows": lambda listed=False: X64(listed, windows=True),
    "arm64": Arm64,
}
TO_THE_END = " to the end of the block"
on_this_processor = pytest.mark.skipif(
    native() is None, reason="there is no encoder for this processor"
)


@pytest.fixture(params=ENCODERS)
def encoder(request):
    return ENCODERS[request.param]


# A disassembler


def normalized(text):
    text = re.sub(r"\b[qxy]mm?word ptr |\bqword ptr ", "", text)
    return text.strip()


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
    starts = {offset for offset, _, _ in read} | {len(code)}
    wrong = []
    for line, (offset, size, text) in zip(listed, read):
        expected, found = normalized(line.text), normalized(text)
        if expected.endswith(TO_THE_END):
            found, _, target = found.rpartition(" ")
            if int(target.lstrip("#"), 16 if "0x" in target else 10) in starts - {offset}:
                found = found.rstrip(",") + TO_THE_END
        if (line.offset, line.size, expected) != (offset, size, found):
            wrong.append(f"{line.offset}: {line.size} bytes, {expected}; read: {size}, {found}")
    if len(listed) != len(read) or sum(line.size for line in listed) != len(code):
        wrong.append(f"{len(listed)} instructions listed, {len(read)} read in {len(code)} bytes")
    return wrong


THREE = ("vadd", "vsub", "vmul", "vdiv", "fma", "fnma", "vless", "vat_most", "vand", "vor", "vxor",
         "vadd_int", "vsub_int")  # fmt: skip


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
    "vsums": (1, 2, 3, 4), **{name: (1, 2, 3) for name in THREE},
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
    call = Executable(bytes(machine.code)).call
    call(arena.address)
    assert arena.read_integer(0) == 77


# Errors, planted


def planted(make):
    """Return copies of an encoder each of which has an error that its listing agrees with."""

    class AddsInAnotherOrder(make):
        def vsum(self, a, t):
            self.vstore(At(ARENA, 0), a)
            self.vbroadcast(a, At(ARENA, 0))
            for lane in (1, 2, 3):
                self.vbroadcast(t, At(ARENA, 8 * lane))
                self.vadd(a, a, t)

    class AddsNeighboursInAnotherOrder(make):
        def vsums(self, a, b, c, d):
            super().vsums(a, b, d, c)

    class RoundsTwice(make):
        def fma(self, a, x, y):
            if a == x or a == y:
                super().fma(a, x, y)
                return
            t = next(v for v in range(VECTORS) if v not in (a, x, y) and v != SCRATCH)
            self.vstore(At(ARENA, 0), t)
            self.vmul(t, x, y)
            self.vadd(a, a, t)
            self.vload(t, At(ARENA, 0))

    class TakesEqualForLess(make):
        def vless(self, a, x, y):
            self.vat_most(a, x, y)

    class ComparesTheOtherWay(make):
        def vat_most(self, a, x, y):
            if isinstance(y, int):
                x, y = y, x
            super().vat_most(a, x, y)

    class SelectsTheOther(make):
        def vselect(self, a, mask, x, y):
            super().vselect(a, mask, y, x)

    class SelectsWithOneAlias(make):
        def vselect(self, a, mask, x, y):
            if a == y:
                self.vmove(a, mask)
            super().vselect(a, mask, x, y)

    class ChangesAnotherRegister(make):
        def vsqrt(self, a, x):
            super().vsqrt(a, x)
            if a == 5:
                self.vzero(6)

    class ShiftsTooFar(make):
        def vshift_right(self, a, x, bits):
            super().vshift_right(a, x, min(bits + 1, 63))

    class StoresNextToIt(make):
        def vstore_first(self, at, x):
            super().vstore_first(at.plus(8 if at.index is not None else 0), x)

    class LoopsOnceMore(make):
        def _begin_loop(self):
            start = super()._begin_loop()
            self.comment("again")
            return start

        def _end_loop(self, counter, start):
            self.add_constant(counter, 1) if counter == 9 else None
            super()._end_loop(counter, start) if counter != 9 else None

    class LeavesForTheFirstLaneOnly(make):
        def leave_if_any(self, x, block):
            self.vstore_first(At(ARENA, 16), x)
            self.load(9, At(ARENA, 16))
            with self.block() as stay:
                self.leave_if_zero(9, stay)
                self.set(9, 0)
                self.leave_if_zero(9, block)

    class AddsFloatsAsIntegers(make):
        def vadd(self, a, x, y):
            self.vadd_int(a, x, y)

    class SetsOnlyHalf(make):
        def set(self, r, value):
            super().set(r, value & 0xFFFFFFFF)

    return [
        error for error in vars().values() if isinstance(error, type) and error is not make
    ]  # fmt: skip


@on_this_processor
@pytest.mark.parametrize("error", planted(native() or X64), ids=lambda error: error.__name__)
def test_programs_find_errors(error):
    of_addresses = error.__name__ in ("StoresNextToIt", "SetsOnlyHalf")
    some = programs(0) if of_addresses else (*vector_programs(), *loops(), *blocks())
    assert error.__name__ == "SetsOnlyHalf" or failures(error, some)
    if error.__name__ == "SetsOnlyHalf":  # where it makes no wrong address
        some = [program for program in programs(0) if program.name == "set"]
        assert failures(error, some)


# How far jumps reach on Arm


def test_a_loop_that_is_too_long_for_arm_is_refused():
    reach = 1 << 20
    machine = Arm64(listed=True)
    with machine.loop(1):
        machine.code += bytes(reach - 4)
    word = int.from_bytes(machine.code[-4:], "little")
    assert word >> 5 & 0x7FFFF == 1 << 18  # as a signed number: -(2**18) instructions
    with pytest.raises(EngineError) as caught, Arm64().loop(1) as _:
        pass
    assert str(caught.value) == ""


# The registers that belong to the caller

CALLER = r"""
typedef void (__attribute__((ms_abi)) *by_windows_rules)(void *);

void call(by_windows_rules code, void *argument) { code(argument); }

/* void survivors(code, argument, numbers): calls with the numbers in registers, and writes back what
   is in them afterwards: rbx, rbp, r12 to r15, rsi, rdi, xmm6 to xmm15. The argument is in rcx. */
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
