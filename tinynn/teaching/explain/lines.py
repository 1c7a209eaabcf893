"""The lines of an explanation: an equation each, with its formula, its numbers and its result."""

from __future__ import annotations

from typing import Callable, Mapping, NamedTuple

from ...formulas.expressions import Tree, names, replaced
from .notation import Writer, name_in_html, shown, value_of

PARTS = ("forward", "loss", "backward", "update")
MOST_PRODUCTS = 4  # in a sum of products whose products are shown on their own, too
_SLACK = 1e-9  # how far a formula may be from what a layer computes, relative to their size


class Operand(NamedTuple):
    """A part of an equation: a tree, and the values of the names in it."""

    tree: Tree
    values: Mapping[str, float]

    @property
    def value(self) -> float:
        """What the tree gives; NaN where a function has no finite value."""
        try:
            return value_of(self.tree, self.values)
        except (ArithmeticError, ValueError):
            return float("nan")


def named(name: str, value: float) -> Operand:
    """Return a name that stands for a value."""
    return Operand(("name", name), {name: value})


def constant(value: float) -> Operand:
    """Return a number."""
    return Operand(("number", value), {})


def joined(kind: str, *terms: Operand) -> Operand:
    """Return an operation on terms: "sum", "+", "-", "*" or "/"."""
    values: dict[str, float] = {}
    for term in terms:
        values.update(term.values)
    if kind == "sum" and len(terms) == 1:
        return terms[0]
    return Operand((kind, *[term.tree for term in terms]), values)


def substituted(tree: Tree, terms: Mapping[str, Operand]) -> Operand:
    """Return a tree in which terms replace the names."""
    values: dict[str, float] = {}
    used = [terms[name] for name in dict.fromkeys(names(tree))]
    for term in used:
        values.update(term.values)
    return Operand(replaced(tree, {name: terms[name].tree for name in names(tree)}), values)


class Equation(NamedTuple):
    """One equation: `name` = formula = numbers = result.

    part:    "forward", "loss", "backward" or "update"
    layer:   the layer's index, and `column` the neuron's, from 0; None where there is none
    row:     the row of the batch, from 0; None for what concerns all rows
    weight:  the parameter that the line is about, such as "0.W[1][0]", or ""
    name:    what is computed: net_h1, ∂E/∂w5 …
    term:    the formula as a tree, with the value of each name in it
    result:  what the lesson computed
    digits:  how many decimals are shown
    opaque:  whether the formula only names a function, because no formula is known for it
    """

    part: str
    layer: int | None
    column: int | None
    row: int | None
    weight: str
    name: str
    term: Operand
    result: float
    digits: int
    opaque: bool = False

    @property
    def formula(self) -> str:
        """The right-hand side with names."""
        return Writer(self.digits).write(self.term.tree)

    @property
    def numbers(self) -> str:
        """The right-hand side with the numbers put in."""
        return Writer(self.digits, self.term.values).write(self.term.tree)

    @property
    def between(self) -> str:
        """A sum of a few products with each product worked out, or ""."""
        tree = self.term.tree
        terms = tree[1:] if tree[0] == "sum" else ()
        products = [part for part in terms if part[0] == "*"]
        if self.opaque or not 1 < len(products) <= MOST_PRODUCTS or self.part == "forward":
            return ""
        worked = ("sum", *[("number", value_of(part, self.term.values)) for part in terms])
        return Writer(self.digits, {}).write(worked)

    @property
    def value(self) -> str:
        """The result as text."""
        return shown(self.result, self.digits)

    @property
    def uses(self) -> tuple[str, ...]:
        """The names in the formula."""
        return tuple(dict.fromkeys(names(self.term.tree)))

    @property
    def note(self) -> str:
        """What to say if the formula does not give what the layer computed, or ""."""
        if self.opaque:
            return ""
        expected = self.term.value
        size = max(1.0, abs(expected), abs(self.result))
        if expected != expected or abs(expected - self.result) <= _SLACK * size:
            return ""
        return f"the formula gives {shown(expected, self.digits)}; the code computed something else"

    def steps(self, html: bool = False) -> list[str]:
        """Return what follows the name, each step after an equals sign."""
        if not html:
            found = [self.formula, self.numbers, self.between, self.value]
        else:
            with_names = Writer(self.digits, html=True).write(self.term.tree)
            with_numbers = Writer(self.digits, self.term.values, html=True)
            found = [with_names, with_numbers.write(self.term.tree), self.between, self.value]
        kept = [step for step in found if step]
        return [step for k, step in enumerate(kept) if step not in kept[:k]]

    @property
    def label(self) -> str:
        """The name as HTML."""
        return name_in_html(self.name)


# Takes (column, row, weight, name, term, result) and keeps a line.
Put = Callable[..., None]
