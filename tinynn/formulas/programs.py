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
               has parameters, also their derivatives, such as dgamma
    setting:   the name of the layer's setting that is the number c in the programs, if there is one
    second:    that of the setting that is the number c2
    letters:   the names of the layer's parameters, each a row with a number per column
    in_groups: whether the programs run on c2 equal groups of columns, one after another
    own:       whether a caller registered it

    n is the number of columns, of a group if there are any.
    """

    forward: Program
    backward: Program
    setting: str = ""
    second: str = ""
    letters: Sequence[str] = ()
    in_groups: bool = False
    own: bool = False

    @property
    def elementwise(self) -> bool:
        """Whether each column depends only on itself."""
        return all(isinstance(statement, Each) for statement in self.forward)


class LossFormula(NamedTuple):
    """A loss as row programs.

    loss:        computes `loss`, before the division by n if it is a `mean` over the outputs
    derivative:  computes d, using the rows and numbers of `loss`
    joint:       replaces `derivative` if the derivative includes that of the last layer
    simple:      replaces `loss` if all targets are 0 or 1 and, for classes, a row has a single 1
    factor:      a factor of the derivatives that is part of k
    setting:     the name of the loss's setting that is the number c
    """

    loss: Program
    derivative: Program
    joint: Program = ()
    simple: Program = ()
    mean: bool = True
    factor: float = 1.0
    setting: str = ""

    def parts(self, joint: bool, simple: bool = False) -> tuple[Program, Program]:
        """Return the programs to run: for the loss, and for its derivatives."""
        loss = self.simple if simple and self.simple else self.loss
        return loss, self.joint if joint else self.derivative


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
