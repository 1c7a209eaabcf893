"""Row programs as straight-line Python: a variable for each number, every sum written out."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import Callable, Collection, Tuple

from .expressions import (
    PRODUCT,
    Template,
    Tree,
    filled,
    in_parentheses,
    names,
    parsed,
    repeated_call,
    replaced,
    simplified,
    template,
    turned,
    with_name,
    written,
)
from .programs import Each, Largest, Let, Program, Total, value_of

_NEUTRAL = {"0.0": 0.0, "-0.0": 0.0, "1.0": 1.0}
# The names of an expression that are known numbers, or equal to another of its names.
_Known = Tuple[Tuple[str, Tree], ...]


class StraightLine:
    """Writes row programs, a line for each number.

    rows, scalars:  the source of each number, by its name in the programs: both the inputs and the
                    results of a program
    write:          takes a line
    name:           turns a program's name and a column (None for a single number) into a variable
    quick:          write the quick forms: exp may then raise OverflowError. No maximum is computed:
                    the first column replaces it, so that its power is 1 and need not be written; if
                    the sum of the other powers overflows, the code raises OverflowError
    kept_numbers:   rows whose numbers are written as they are, even factors of 1
    longest:        the most terms of a sum on one line
    """

    def __init__(
        self,
        write: Callable[[str], None],
        name: Callable[[str, int | None], str],
        quick: bool,
        kept_numbers: Collection[str] = (),
        longest: int = 1 << 30,
    ) -> None:
        self.write, self.name, self.quick = write, name, quick
        self.kept_numbers, self.longest = kept_numbers, longest
        self.rows: dict[str, list[str]] = {}
        self.scalars: dict[str, str] = {}
        self._pivot: tuple[str, str] | None = None  # a number, and the row with it in column 0
        self._guard = False  # whether the next sum may overflow

    def run(
        self, program: Program, unwritten: Collection[str] = (), given: Collection[str] = ()
    ) -> None:
        """Write a program. A value assigned to an `unwritten` name stays source for later use.

        Sums that are `given` among the scalars are not computed.
        """
        self._name_what_is_used_twice(program)
        for statement in program:
            if statement.to in given:
                continue
            if isinstance(statement, Largest):
                self._largest(statement)
                continue
            to, value = statement.to, value_of(statement, self.quick)
            if isinstance(statement, Let):
                source = self._source(value, 0)
                self.scalars[to] = source if to in unwritten else self._assigned(to, None, source)
            elif isinstance(statement, Total):
                self._total(to, self._sources(value), to in unwritten)
            elif to in unwritten:
                self.rows[to] = self._sources(value)
            else:
                self._each(to, value)

    def _sources(self, value: str) -> list[str]:
        row = next(name for name in names(parsed(value)) if name in self.rows)
        return [self._source(value, j) for j in range(len(self.rows[row]))]

    def _source(self, value: str, column: int) -> str:
        sources = {}
        known: list[tuple[str, Tree]] = []
        for name in set(names(parsed(value))):
            row = self.rows.get(name)
            sources[name] = source = row[column] if row else self.scalars[name]
            if source in _NEUTRAL and name not in self.kept_numbers:
                known.append((name, ("number", _NEUTRAL[source])))
        if self._pivot and column == 0 and set(self._pivot) <= set(sources):
            known.append((self._pivot[0], ("name", self._pivot[1])))
        return filled(_template(value, tuple(sorted(known))), sources)

    def _each(self, to: str, value: str) -> None:
        tree = parsed(value)
        takes = tree[3][1] if tree[0] == "if" and tree[3][0] == "name" else ""
        repeated = not self.quick and tree[0] == "if" and repeated_call(tree[3])
        made = []
        for j in range(len(self.rows[next(n for n in names(tree) if n in self.rows)])):
            z, y = self.rows.get(takes, [""] * (j + 1))[j], self.name(to, j)
            if z and (_compound(z) or z == y):
                # y = sum; if y <= 0.0: y = 0.0
                if z != y:
                    self.write(f"{y} = {z}")
                test, new = (written(part, sources={takes: y}) for part in tree[1:3])
                self.write(f"if {test}: {y} = {new}")
                made.append(y)
            elif repeated:
                made.append(self._branches(y, tree, j))
            else:
                made.append(self._assigned(to, j, self._source(value, j)))
        self.rows[to] = made

    def _branches(self, to: str, tree: Tree, column: int) -> str:
        """Write both branches of a condition; a repeated call in the second is made only once."""
        sources = {n: self.rows[n][column] for n in names(tree) if n in self.rows}
        call = repeated_call(tree[3])
        rest = with_name(tree[3], call, "e")
        self.write(f"if {written(tree[1], sources=sources)}:")
        self.write(f"    {to} = {written(tree[2], sources=sources)}")
        self.write("else:")
        self.write(f"    e = {written(call, sources=sources)}")
        self.write(f"    {to} = {written(rest, sources=sources)}")
        return to

    def _total(self, to: str, sources: list[str], unwritten: bool) -> None:
        terms = [source for source in sources if source != "0.0"] or ["0.0"]
        if len(terms) > 1:
            terms = [in_parentheses(term, PRODUCT) for term in terms]
        first, *more = [
            " + ".join(terms[k : k + self.longest]) for k in range(0, len(terms), self.longest)
        ]
        self.scalars[to] = first
        if not unwritten:
            self.scalars[to] = self._assigned(to, None, first)
            for part in more:
                self.write(f"{self.scalars[to]} += {part}")
        if self._guard and len(sources) > 1:
            self.write(f"if {self.scalars[to]} > 1e308: raise OverflowError")
        self._guard = False

    def _largest(self, statement: Largest) -> None:
        row = self.rows[statement.value]
        if self.quick:
            self.scalars[statement.to] = row[0]
            self._pivot, self._guard = (statement.to, statement.value), True
        elif len(row) > self.longest:
            self.scalars[statement.to] = top = self._assigned(statement.to, None, row[0])
            for z in row[1:]:
                self.write(f"if {z} > {top}: {top} = {z}")
        else:
            source = f"max({', '.join([*row, row[0]])})"  # max needs at least two arguments
            self.scalars[statement.to] = self._assigned(statement.to, None, source)

    def _assigned(self, to: str, column: int | None, source: str) -> str:
        """Write an assignment and return the variable; a plain number is returned as it is."""
        if source in _NEUTRAL:
            return source
        variable = self.name(to, column)
        self.write(f"{variable} = {source}")
        return variable

    def _name_what_is_used_twice(self, program: Program) -> None:
        for name in _used_twice(tuple([value_of(statement, self.quick) for statement in program])):
            if any(map(_compound, self.rows.get(name, ()))):
                self.rows[name] = [
                    self._assigned(name, j, source) for j, source in enumerate(self.rows[name])
                ]


def turned_program(program: Program, name: str) -> Program | None:
    """Return a program that takes −name instead, if every statement then has fewer signs; or None.

    exp(-(x w + b)) equals exp(x (-w) + (-b)) exactly, and w and b can be negated in advance.
    """
    new: list[Each] = []
    for statement in program:
        tree = turned(parsed(value_of(statement, quick=True)), name)
        if tree is None or not isinstance(statement, Each):
            return None
        new.append(Each(statement.to, written(tree)))
    return new


@lru_cache(maxsize=256)
def _used_twice(values: tuple[str, ...]) -> list[str]:
    """Return the names that the expressions use more than once."""
    uses: Counter[str] = Counter()
    for tree in map(parsed, values):
        found = Counter(names(tree))
        if tree[0] == "if" and tree[3][0] == "name":
            found[tree[3][1]] = 1  # see `StraightLine._each`
        uses += found
    return [name for name, count in uses.items() if count > 1]


def _compound(source: str) -> bool:
    return " " in source or "(" in source


@lru_cache(maxsize=4096)
def _template(value: str, known: _Known) -> Template:
    tree = parsed(value)
    return template(simplified(replaced(tree, dict(known))) if known else tree)
