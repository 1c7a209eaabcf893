"""Trainings and predictions by machine code whose buffers end at pages that cannot be touched.

Each piece of the arena and each array that is lent to the code lies against such a page, and a
pattern is in front of it. So code that reads or writes one number too far ends this process with
SIGSEGV, and code that writes before a buffer is noticed. The numbers are compared with `lists`.

    python tests/native_guards.py 100             # random cases; "ok 100" if all is well
    python tests/native_guards.py 100 narrow      # without wide registers, where there are any
    python tests/native_guards.py 100 images      # networks for images
    python tests/native_guards.py 100 sequences   # networks that read sequences
    python tests/native_guards.py 100 too-far     # with a kernel that reads a vector too many
    python tests/native_guards.py 100 before      # with one that writes before its buffer
"""

from __future__ import annotations

import ctypes
import mmap
import pathlib
import random
import sys
from functools import lru_cache, partial

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from image_cases import draw_image_case
from sequence_cases import draw_sequence_case
from wide_cases import BATCH_SIZES, WIDTHS, check_closely, draw_wide_case

from tinynn.engines.native import memory, prediction, program, sequence_program
from tinynn.engines.native.engine import NativeEngine
from tinynn.engines.native.layout import HEADER_BYTES, PAGE, Layout
from tinynn.engines.native.machine import ARENA, VECTOR_BYTES, At
from tinynn.engines.native.prediction import PredictionCode, loaded
from tinynn.engines.native.products import Products
from tinynn.engines.native.row_vectors import RowProgram
from tinynn.engines.native.training import TrainingCode
from tinynn.engines.native.x64 import X64

SHOWN = 9  # updates of each training
PATTERN = 0xA5
MORE_WIDTHS = [*WIDTHS, *range(1, 41), 64, 128, 130]
MORE_SIZES = [*BATCH_SIZES, 6]
READ_WRITE, NOTHING = 3, 0


def protect(address, size, permission):
    """Change what may be done with pages."""
    if memory._libc().mprotect(address, size, permission):
        raise memory._error("mprotect")


class Noticed(Exception):
    """Something was written where no buffer is."""


class Lent:
    """As `memory.Lent`, but a copy of the array, against a page that cannot be touched."""

    def __init__(self, numbers):
        self.numbers = numbers
        self.count, self.kind = len(numbers), numbers.typecode
        size = self.count * numbers.itemsize
        pages = -(-size // PAGE) * PAGE
        self.buffer = mmap.mmap(-1, pages + PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.start = pages - size
        self.buffer[: self.start] = bytes([PATTERN]) * self.start
        self.buffer[self.start : pages] = numbers.tobytes()
        begin = ctypes.addressof(ctypes.c_char.from_buffer(self.buffer))
        self.address = begin + self.start
        protect(begin + pages, PAGE, NOTHING)

    def first(self, count):
        self.check()
        end = self.start + count * self.numbers.itemsize
        return memoryview(self.buffer)[self.start : end].cast(self.kind).tolist()

    def replace(self, index, number):
        values = memoryview(self.buffer)[self.start : self.start + 8 * self.count].cast("d")
        values[index] = number

    def check(self):
        if self.buffer[: self.start].strip(bytes([PATTERN])):
            raise Noticed("before a lent array")


class Guarded(program.NativeProgram):
    """Moves the pages that cannot be touched whenever other code is to run in the arena."""

    guards = ()
    gaps = ()

    def _use(self, code):
        if self._current is code:
            return
        self.check()
        self.open()
        super()._use(code)
        layout = code.code.layout
        # The header does not lie against a page: its integers are at offsets that never change.
        ends = [HEADER_BYTES, *layout.guards]
        starts = [layout.guards[0], *(piece.offset for piece in layout.pieces[1:])]
        self.gaps = [
            (start, stop)
            for start, stop in zip([ends[0], *(end + PAGE for end in ends[1:])], starts)
            if start < stop
        ]
        for start, stop in self.gaps:
            self._arena.buffer[start:stop] = bytes([PATTERN]) * (stop - start)
        for guard in layout.guards:
            protect(self._arena.address + guard, PAGE, NOTHING)
        self.guards = layout.guards

    def _grow(self, size):
        if self._arena.size < size:
            self.open()
        super()._grow(size)

    def open(self):
        """Let all pages be touched."""
        for guard in self.guards:
            protect(self._arena.address + guard, PAGE, READ_WRITE)
        self.guards = self.gaps = ()

    def check(self):
        """Raise Noticed if something was written between the pieces of the arena."""
        for start, stop in self.gaps:
            if self._arena.buffer[start:stop].strip(bytes([PATTERN])):
                names = [p.name for p in self._current.code.layout.pieces if p.offset == stop]
                raise Noticed(f"before {names}")

    def train(self, *arguments):
        losses = super().train(*arguments)
        self.check()
        for lent in [*self._bound.data, self._order]:
            lent.check()
        return losses

    def measure(self, *arguments):
        loss = super().measure(*arguments)
        self.check()
        for lent in self._apart.data:
            lent.check()
        return loss

    def predict(self, X):
        outputs = super().predict(X)
        self.check()
        return outputs


class GuardedSequences(Guarded, sequence_program.NativeSequences):
    pass


class GuardedEngine(NativeEngine):
    def program(self, recipe, memory):
        return (GuardedSequences if recipe.network.reads_steps else Guarded)(recipe, memory)


def plant(what):
    """Break one kernel."""
    if what == "too-far":
        right = Products.update

        def update(self, W, X, D, into, add):
            right(self, W, X, D, into, add)
            self.machine.vload(0, At(ARENA, D.row(self.rows)))

        Products.update = update
    elif what == "before":
        written = RowProgram.write

        def write(self, statements):
            found = written(self, statements)
            offset = min(self.places.rows.values(), default=0)
            if offset:
                self.machine.vzero(15)
                self.machine.vstore(At(ARENA, offset - VECTOR_BYTES), 15)
            return found

        RowProgram.write = write


def main():
    count, *words = sys.argv[1:]
    program.Lent = sequence_program.Lent = Lent
    program.Layout = partial(Layout, guarded=True)
    for name, make in (("training", TrainingCode), ("prediction", PredictionCode)):
        guarded = partial(make, guarded=True)
        setattr(program, name, lru_cache(maxsize=8)(partial(loaded, guarded)))
    if "narrow" in words:
        prediction.new_machine = X64
    plant(words[-1] if words else "")
    engine, compared = GuardedEngine(), 0
    for seed in range(int(count)):
        choose = random.Random(seed).choice
        if "images" in words:
            case = draw_image_case(choose)
        elif "sequences" in words:
            case = draw_sequence_case(choose)
        else:
            case = draw_wide_case(choose, MORE_WIDTHS, MORE_SIZES)
        case = case._replace(batches=case.batches[:SHOWN], rates=case.rates[:SHOWN])
        try:
            compared += check_closely(engine, case)
        except Noticed as noticed:
            sys.exit(f"case {seed}: written {noticed}: {case}")
    print("ok", compared)


if __name__ == "__main__":
    main()
