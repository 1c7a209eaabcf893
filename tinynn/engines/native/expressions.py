"""Expressions of row programs on vectors: each operation is an instruction on four numbers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Iterator

from ...formulas.expressions import Tree, parsed, replaced, simplified
from .constants import Constants
from .elementary import FUNCTIONS
from .machine import SCRATCH, At, Machine, Operand

_SIGN = 1 << 63
_ZERO = ("number", 0.0)

# A name's value: a vector register, or where it is in memory.
Find = Callable[[str], Operand]


class Expressions:
    """Writes expressions; `free` are the vector registers that hold nothing."""

    def __init__(self, machine: Machine, constants: Constants) -> None:
        self.machine, self.constants = machine, constants
        self.free = list(range(SCRATCH))

    def take(self) -> int:
        """Return a free register, which is then the caller's."""
        return self.free.pop()

    def give(self, *registers: int) -> None:
        """Take registers back."""
        self.free += registers

    def value(self, expression: str, find: Find, numbers: dict[str, float]) -> int:
        """Write an expression; return a register of the caller's with its value."""
        known: dict[str, Tree] = {name: ("number", value) for name, value in numbers.items()}
        return self._value(simplified(replaced(parsed(expression), known)), find)

    def _value(self, tree: Tree, find: Find) -> int:
        m, kind = self.machine, tree[0]
        if kind in ("number", "name"):
            return self._copy(self._place(tree, find))
        if kind == "negative":
            a = self._value(tree[1], find)
            m.vxor(a, a, self.constants.bits(_SIGN))
        elif kind == "if":
            a = self._choice(tree, find)
        elif kind == "call":
            a = self._call(tree, find)
        elif kind in ("+", "-") and tree[2][0] == "*":
            a = self._value(tree[1], find)
            self._product_into(m.fma if kind == "+" else m.fnma, a, tree[2], find)
        elif kind == "+" and tree[1][0] == "*":
            a = self._value(tree[2], find)
            self._product_into(m.fma, a, tree[1], find)
        else:
            operation = {"+": m.vadd, "-": m.vsub, "*": m.vmul, "/": m.vdiv}[kind]
            with self._reading(tree[1], find) as x, self._operand(tree[2], find) as y:
                a = self.take()
                operation(a, x, y)
        return a

    def _product_into(
        self, add: Callable[[int, int, Operand], None], a: int, product: Tree, find: Find
    ) -> None:
        with self._reading(product[1], find) as x, self._operand(product[2], find) as y:
            add(a, x, y)

    def _call(self, tree: Tree, find: Find) -> int:
        m, name = self.machine, tree[1]
        a = self._value(tree[2], find)
        if name == "sqrt":
            m.vsqrt(a, a)
        elif name == "abs":
            m.vand(a, a, self.constants.bits(_SIGN - 1))
        elif name == "max":
            # As in Python: the first argument, unless the second is larger.
            with self._reading(tree[3], find) as other:
                larger = self.take()
                m.vless(larger, a, other)
                m.vselect(a, larger, other, a)
                self.give(larger)
        else:
            FUNCTIONS[name](m, self.constants, a, self.free)
        return a

    def _choice(self, tree: Tree, find: Find) -> int:
        m = self.machine
        _, test, value, otherwise = tree
        mask, holds = self._test(test, find)
        if not holds:
            value, otherwise = otherwise, value
        a = self._value(value, find)
        if otherwise == _ZERO:
            m.vand(a, a, mask)
        else:
            with self._reading(otherwise, find) as y:
                m.vselect(a, mask, a, y)
        self.give(mask)
        return a

    def _test(self, tree: Tree, find: Find) -> tuple[int, bool]:
        """Return the mask of a test, and whether it is set where the test holds or does not."""
        m = self.machine
        if tree[0] != "compare":  # is it not 0?
            mask = self._value(tree, find)
            zero, below = self.take(), self.take()
            m.vzero(zero)
            m.vat_most(below, mask, zero)
            m.vat_most(mask, zero, mask)
            m.vand(mask, mask, below)
            self.give(zero, below)
            return mask, False
        both: int | None = None
        for k in range(1, len(tree) - 2, 2):
            left, operator, right = tree[k : k + 3]
            if operator in (">", ">="):
                left, right = right, left
            compare = m.vless if operator in ("<", ">") else m.vat_most
            with self._reading(left, find) as x, self._operand(right, find) as y:
                mask = self.take()
                compare(mask, x, y)
            if both is not None:
                m.vand(mask, mask, both)
                self.give(both)
            both = mask
        assert both is not None
        return both, True

    def _place(self, tree: Tree, find: Find) -> Operand:
        return self.constants.at(tree[1]) if tree[0] == "number" else find(tree[1])

    def _copy(self, place: Operand) -> int:
        a = self.take()
        if isinstance(place, At):
            self.machine.vload(a, place)
        else:
            self.machine.vmove(a, place)
        return a

    @contextmanager
    def _operand(self, tree: Tree, find: Find) -> Iterator[Operand]:
        """The value of a tree, to be read: in memory if it is there."""
        if tree[0] in ("number", "name"):
            yield self._place(tree, find)
        else:
            with self._reading(tree, find) as x:
                yield x

    @contextmanager
    def _reading(self, tree: Tree, find: Find) -> Iterator[int]:
        """A register with the value of a tree, to be read."""
        if tree[0] == "name":
            place = find(tree[1])
            if not isinstance(place, At):
                yield place
                return
        x = self._value(tree, find)
        yield x
        self.give(x)
