"""Row programs as lines on the board: each statement of a formula, with the numbers of one row."""

from __future__ import annotations

from typing import Callable, Mapping, Sequence

from ...formulas.expressions import Tree, names, parsed, simplified
from ...formulas.programs import (
    Assignment,
    Each,
    Largest,
    Let,
    Program,
    Total,
    value_of as source_of,
)
from .lines import Operand, joined, named, substituted
from .notation import chosen, value_of

# What single numbers of the programs are called on the board, where e is Euler's number.
_SCALARS = {"e": "sum", "m": "mean", "i": "scale", "v": "squares", "w": "weighted"}

_TINY = 1e-11  # the largest limit that only guards against underflow

Emit = Callable[[str, Operand, "int | None"], None]  # takes a name, a term, and the column


class Board:
    """Runs row programs on one row, and puts a line on the board for each number worth a name.

    rows, scalars:  the terms of each name
    neurons:        what columns are called; `mark`: what is added to single numbers of this row
    results:        the names of a program's results on the board, by column
    before:         what other names begin with
    """

    def __init__(
        self,
        emit: Emit,
        neurons: Sequence[str],
        mark: str,
        results: Mapping[str, Callable[[int], str]],
        before: str = "",
    ) -> None:
        self.emit, self.neurons, self.mark = emit, neurons, mark
        self.results, self.before = results, before
        self.rows: dict[str, list[Operand]] = {}
        self.scalars: dict[str, Operand] = {}

    def run(self, program: Program) -> None:
        """Run a program; each result has the name that `results` gives it."""
        last = {statement.to: k for k, statement in enumerate(program)}
        for k, statement in enumerate(program):
            following = program[k + 1] if k + 1 < len(program) else None
            final = last[statement.to] == k and statement.to in self.results
            if isinstance(statement, Each):
                self._each(statement, final)
            elif isinstance(statement, (Total, Largest, Let)):
                self._scalar(statement, final, following)

    def _each(self, statement: Assignment, final: bool) -> None:
        width = len(self.neurons)
        trees = self._columns(statement)
        made = []
        for j in range(width):
            term = self._filled(trees, j)
            if final:
                term = self._kept(self.results[statement.to](j), term, j)
            elif not is_short(trees[0]):
                name = f"{self.before}{statement.to}_{self.neurons[j]}"
                term = self._kept(self._new(name), term, j)
            made.append(term)
        self.rows[statement.to] = made

    def _scalar(self, statement: Assignment, final: bool, following: Assignment | None) -> None:
        if isinstance(statement, Largest):
            term = joined("sum", *self.rows[statement.value])
            term = Operand(("call", "max", *term.tree[1:]), term.values)
            if len(self.rows[statement.value]) == 1:
                term = self.rows[statement.value][0]
        elif isinstance(statement, Total):
            trees = self._columns(statement)
            term = joined("sum", *[self._filled(trees, j) for j in range(len(self.neurons))])
        else:
            term = self._filled([parsed(statement.value)] * 2, 0)
        used_next = (
            isinstance(statement, Total)
            and isinstance(following, Let)
            and statement.to in names(parsed(following.value))
        )
        if final:
            term = self._kept(self.results[statement.to](0), term, None)
        elif not used_next and term.tree[0] != "name":
            name = self.before + _SCALARS.get(statement.to, statement.to)
            term = self._kept(self._new(name + self.mark), term, None)
        self.scalars[statement.to] = term

    def _kept(self, name: str, term: Operand, column: int | None) -> Operand:
        self.emit(name, term, column)
        return named(name, term.value)

    def _new(self, name: str) -> str:
        """Return a name that differs from those of the same number earlier in the program."""
        terms = [*self.scalars.values(), *[term for row in self.rows.values() for term in row]]
        while any(name in term.values for term in terms):
            name += "′"
        return name

    def _columns(self, statement: Assignment) -> list[Tree]:
        """Return a statement's tree in its quick form, and as it is."""
        return [simplified(parsed(source_of(statement, quick))) for quick in (True, False)]

    def _filled(self, trees: Sequence[Tree], column: int) -> Operand:
        """Return the quick tree of a column, or the other where the quick one overflows."""
        terms = {**self.scalars, **{name: row[column] for name, row in self.rows.items()}}
        for tree in trees:
            term = self.filled(tree, terms)
            if abs(term.value) < float("inf"):
                break
        return term

    @staticmethod
    def filled(tree: Tree, terms: Mapping[str, Operand]) -> Operand:
        """Return a tree with its names replaced, without factors of 1 and the like."""
        term = substituted(tree, terms)
        return Operand(simplified(_unlimited(term.tree, term.values)), term.values)


def _unlimited(tree: Tree, values: Mapping[str, float]) -> Tree:
    """Return a tree without guards against underflow and overflow that these values do not need.

    Such a guard is `a if x < tiny else b`, max(x, tiny) or `a if x < infinity else b`.
    """
    if tree[0] == "if" and tree[1][0] == "compare" and _is_guard(tree[1][3]):
        usual = tree[2] if tree[1][3][1] > 1.0 else tree[3]
        tree = usual if chosen(tree, values) is usual else tree
    elif tree[:2] == ("call", "max") and _is_guard(tree[-1]):
        tree = tree[2] if value_of(tree[2], values) >= tree[-1][1] else tree
    return tuple(_unlimited(part, values) if isinstance(part, tuple) else part for part in tree)


def _is_guard(tree: Tree) -> bool:
    return bool(tree[0] == "number" and (0.0 < tree[1] < _TINY or tree[1] == float("inf")))


def is_short(tree: Tree) -> bool:
    """Return whether a tree is short enough to be written where it is used."""
    parts = [part for part in tree[1:] if isinstance(part, tuple)]
    return tree[0] in ("name", "number") or (
        tree[0] in ("+", "-", "*", "/") and all(part[0] in ("name", "number") for part in parts)
    )
