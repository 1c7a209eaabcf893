"""Row programs as loops over the columns, in Python and in languages like C.

Statements share a loop unless one needs a sum from the same loop. A row that is used after the loop
that computes it is stored in a list.
"""

from __future__ import annotations

from typing import Callable, Collection, Iterator, Mapping, NamedTuple

from .expressions import PYTHON, Language, Tree, names, parsed, repeated_call, with_name, written
from .programs import Assignment, Each, Largest, Let, Program, Total


class LoopLanguage(NamedTuple):
    """How a language writes loops.

    expressions:   how it writes expressions
    head, end:     the lines around a loop over j from 0 to {n} − 1
    assign, add:   an assignment to a single number, and an addition to it
    declared:      the word before a number's first assignment
    element:       how an element of a list is read; `store`: how it is assigned
    branches:      the lines of a condition whose second branch computes a number first
    largest:       the lines that find the largest element of a list
    """

    expressions: Language = PYTHON
    head: str = "for j in range({n}):"
    end: str = ""
    assign: str = "{declared}{to} = {value}"
    add: str = "{to} {sign}= {value}"
    declared: str = ""
    element: str = "{list}[j]"
    store: str = "{list}[j] = {value}"
    branches: tuple[str, ...] = (
        "if {test}:",
        "    {to} = {value}",
        "else:",
        "    power = {power}",
        "    {to} = {otherwise}",
    )
    largest: tuple[str, ...] = ("{to} = max({list})",)


class Loops(NamedTuple):
    """Where loops read and write.

    language, write:  the language, and the function that takes a line
    n:                the number of columns
    lists:            the list of each row
    scalar:           turns a program's name of a single number into its source
    kept:             rows that are needed after the program
    adds:             rows that are added to or subtracted from a list instead of assigned: its name
                      and the sign, "+" or "-"
    """

    language: LoopLanguage
    write: Callable[[str], None]
    n: str
    lists: Mapping[str, str]
    scalar: Callable[[str], str]
    kept: Collection[str]
    adds: Mapping[str, tuple[str, str]] = {}

    def run(self, program: Program) -> None:
        """Write a program."""
        declared: set[str] = set()
        parts = list(runs(program))
        for k, run in enumerate(parts):
            first, style = run[0], self.language
            later = _needed(parts[k + 1 :])
            if isinstance(first, Largest):
                for line in style.largest:
                    self.write(line.format(
                        declared=style.declared, to=self.scalar(first.to), n=self.n,
                        list=self.lists[first.value],
                    ))  # fmt: skip
                declared.add(first.to)
            elif isinstance(first, Let):
                self.assign(first.to, self.source(parsed(first.value), {}), declared)
            else:
                for statement in run:
                    if isinstance(statement, Total):
                        zero = style.expressions.number(0.0)
                        self.assign(statement.to, zero, declared)
                _Body(self, run, later).write()

    def assign(self, to: str, value: str, declared: set[str]) -> None:
        """Write the assignment of a single number, with a declaration the first time."""
        word = "" if to in declared else self.language.declared
        declared.add(to)
        line = self.language.assign.format(declared=word, to=self.scalar(to), value=value)
        self.write(line)

    def source(self, tree: Tree, locals: Mapping[str, str]) -> str:
        """Return the source of an expression in a loop; `locals` are elements held in variables."""
        sources = {}
        for name in names(tree):
            if name in locals:
                sources[name] = locals[name]
            elif name in self.lists:
                sources[name] = self.language.element.format(list=self.lists[name])
            else:
                sources[name] = self.scalar(name)
        return written(tree, self.language.expressions, sources)


class _Body:
    """The body of one loop."""

    def __init__(self, loops: Loops, run: list[Assignment], later: set[str]) -> None:
        self.loops, self.run, self.later = loops, run, later
        self.locals: dict[str, str] = {}

    def write(self) -> None:
        loops, style = self.loops, self.loops.language
        put = loops.write
        put(style.head.format(n=loops.n))
        self._load()
        for k, statement in enumerate(self.run):
            value = parsed(statement.value)
            if isinstance(statement, Total):
                source = loops.source(value, self.locals)
                put(
                    "    " + style.add.format(to=loops.scalar(statement.to), sign="+", value=source)
                )
                continue
            to = statement.to
            after = [name for other in self.run[k + 1 :] for name in _names(other)]
            keeps = (to in loops.kept or to in self.later) and to not in loops.adds
            if to in after or (keeps and repeated_call(value)):
                self._assign_local(to, value)
                source = self.locals[to]
            else:
                source = loops.source(value, self.locals)
            if to in loops.adds:
                target, sign = loops.adds[to]
                element = style.element.format(list=target)
                put("    " + style.add.format(to=element, sign=sign, value=source))
            elif keeps:
                put("    " + style.store.format(list=loops.lists[to], value=source))
        if style.end:
            put(style.end)

    def _load(self) -> None:
        """Write variables for elements that are read twice, or overwritten before being read."""
        loops, style = self.loops, self.loops.language
        made: set[str] = set()
        uses: dict[str, int] = {}
        overwritten: set[str] = set()
        stored: set[str] = set()
        for statement in self.run:
            for name in _names(statement):
                if name in loops.lists and name not in made:
                    uses[name] = uses.get(name, 0) + 1
                    if loops.lists[name] in stored:
                        overwritten.add(name)
            if isinstance(statement, Each):
                made.add(statement.to)
                stored.add(loops.lists.get(statement.to, ""))
        for name, count in uses.items():
            if count > 1 or name in overwritten:
                self.locals[name] = f"{name}j"
                element = style.element.format(list=loops.lists[name])
                self.loops.write(
                    "    "
                    + style.assign.format(declared=style.declared, to=f"{name}j", value=element)
                )
        shared = {loops.lists[name] for name in made if name in loops.lists}
        for name in sorted(self.later - made):
            if loops.lists.get(name) in shared:
                raise AssertionError(f"the row {name} is overwritten before it is used")

    def _assign_local(self, to: str, tree: Tree) -> None:
        loops, style, local = self.loops, self.loops.language, f"{to}j"
        declared = "" if to in self.locals else style.declared
        call = repeated_call(tree[3]) if tree[0] == "if" else ()
        if not call:
            value = loops.source(tree, self.locals)
            loops.write("    " + style.assign.format(declared=declared, to=local, value=value))
        else:
            otherwise = with_name(tree[3], call, "power")
            parts = {
                "test": loops.source(tree[1], self.locals),
                "value": loops.source(tree[2], self.locals),
                "power": loops.source(call, self.locals),
                "otherwise": loops.source(otherwise, {**self.locals, "power": "power"}),
            }
            if declared:
                loops.write(f"    {declared}{local};")
            for line in style.branches:
                loops.write("    " + line.format(declared=style.declared, to=local, **parts))
        self.locals[to] = local


def _needed(parts: list[list[Assignment]]) -> set[str]:
    """Return the names that statements use before they assign them."""
    needed: set[str] = set()
    made: set[str] = set()
    for run in parts:
        for statement in run:
            needed |= {name for name in _names(statement) if name not in made}
            made.add(statement.to)
    return needed


def listed_rows(program: Program, kept: Collection[str]) -> set[str]:
    """Return the rows that a program computes and that need a list, including `kept` ones."""
    parts = list(runs(program))
    found = set()
    for k, run in enumerate(parts):
        later = {name for other in parts[k + 1 :] for s in other for name in _names(s)}
        found |= {s.to for s in run if isinstance(s, Each) and (s.to in kept or s.to in later)}
    return found


def runs(program: Program) -> Iterator[list[Assignment]]:
    """Yield the statements grouped by loop: none needs a sum from its own loop."""
    run: list[Assignment] = []
    sums: set[str] = set()
    for statement in program:
        alone = isinstance(statement, (Largest, Let))
        if run and (alone or sums & set(_names(statement))):
            yield run
            run, sums = [], set()
        if alone:
            yield [statement]
            continue
        run.append(statement)
        if isinstance(statement, Total):
            sums.add(statement.to)
    if run:
        yield run


def _names(statement: Assignment) -> tuple[str, ...]:
    return names(parsed(statement.value))
