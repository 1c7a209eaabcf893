"""Row programs: operations on a row of numbers, in four statements over plain expressions.

Each("y", "tanh(z)")          y[j] = tanh(z[j]), for each column j
Total("e", "exp(z - top)")    e = the sum of exp(z[j] - top) over the columns
Largest("top", "z")           top = the largest number of the row z
Let("e", "log(e)")            e = log(e), for single numbers

A name is a row if an `Each` assigns it or it is given as a row; any other name is a single number.
An expression has + - * /, comparisons, `a if test else b`, and calls of `exp`, `expm1`, `log`,
`log1p`, `tanh`, `erfc`, `sqrt`, `abs` and `max`. It does not depend on the language that it is
translated to (see expressions.py), and a row may also be a vector register.

`quick` is a form of `value` with fewer operations. It may overflow where `value` does not, and is
for renderers whose programs detect that and start over with `value`.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence


class Assignment:
    """What a name is assigned; the classes below say how."""

    def __init__(self, to: str, value: str, quick: str = "") -> None:
        self.to, self.value, self.quick = to, value, quick


class Each(Assignment):
    """to[j] = value, for each column j."""


class Total(Assignment):
    """to = the sum of value over the columns."""


class Largest(Assignment):
    """to = the largest number of the row `value`."""


class Let(Assignment):
    """to = value, for single numbers."""


Program = Sequence[Assignment]


class LayerFormula(NamedTuple):
    """A layer as row programs.

    forward:   from z to y
    backward:  from d = ∂L/∂y to d = ∂L/∂z, using the rows and numbers of `forward`; if the layer
               has parameters, also their derivatives, dgamma and dbeta
    setting:   the name of the layer's setting that is the number c in the programs, if there is one

    n is the number of columns.
    """

    forward: Program
    backward: Program
    setting: str = ""

    @property
    def elementwise(self) -> bool:
        """Whether each column depends only on itself."""
        return all(isinstance(statement, Each) for statement in self.forward)


def value_of(statement: Assignment, quick: bool = False) -> str:
    """Return the expression of a statement: the quick one if `quick` and there is one."""
    return statement.quick if quick and statement.quick else statement.value


def described(program: Program) -> str:
    """Return a program in one line, for a comment.

    >>> described([Largest("top", "z"), Each("y", "exp(z - top)"), Total("e", "y")])
    'top = largest z; y = exp(z - top); e = sum of y'
    """
    return "; ".join(described_statement(statement, quick=True) for statement in program)


def described_statement(statement: Assignment, quick: bool = False) -> str:
    """Return a statement in words, for a comment."""
    words = {Total: "sum of ", Largest: "largest "}
    return f"{statement.to} = {words.get(type(statement), '')}{value_of(statement, quick)}"
