"""Finds where a module uses the names of its own scope, even if other scopes use the same names."""

from __future__ import annotations

import ast
import re
from typing import (
    Any,
    Callable,
    FrozenSet,
    Iterable,
    Iterator,
    NamedTuple,
    Tuple,
)

from ..errors import DataError
from .edits import EditableSource, bound_names
from .f_strings import fields

_LOOPS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
Names = FrozenSet[str]


class Import(NamedTuple):
    """A name bound by an import in a function: the statement, and the imported name."""

    statement: ast.ImportFrom
    name: str


class Occurrence(NamedTuple):
    """A use of a name of the module's scope: `name`, or `name.attribute`.

    hidden:   the names that mean something else here, because enclosing scopes bind them
    imported: what the name refers to, if an enclosing function imports it from the library
    """

    start: int
    end: int
    name: str
    attribute: str
    hidden: Names
    imported: Import | None


Variable = Tuple[int, int]


class Local(NamedTuple):
    """A use of a variable of a function or loop, which could have any other name.

    variable: identifies the variable: the number of the outermost function or loop around it, and
              its own number there
    """

    start: int
    end: int
    name: str
    variable: Variable


class _Around(NamedTuple):
    """What the scopes around a node bind: functions and loops, a class, imports in functions.

    variables: the functions' names that can be renamed, with their numbers
    """

    functions: Names = frozenset()
    class_: Names = frozenset()
    imports: dict[str, Import] = {}  # noqa: RUF012
    variables: dict[str, Variable] = {}  # noqa: RUF012


def _fixed(body: list[Any]) -> list[str]:
    """Return the names that imports, functions and classes in statements bind."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes = [node for statement in body for node in ast.walk(statement)]
    aliases = [node.asname or node.name for node in nodes if isinstance(node, ast.alias)]
    return aliases + [node.name for node in nodes if isinstance(node, kinds)]


def library_imports(body: list[Any]) -> Iterator[ast.ImportFrom]:
    """Yield the statements that import from the library, including those inside functions."""
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.ImportFrom) and node.level:
                yield node


class Scopes:
    """Finds all names in a statement of a module, except those that it imports.

    found:  those of the module's scope; `locals`: the variables of functions
    """

    def __init__(self, source: EditableSource, statement: ast.stmt) -> None:
        self.source, self.shift = source, 0
        self.found: list[Occurrence] = []
        self.locals: list[Local] = []
        self._variables, self._outermost, self._depth = 0, 0, 0
        self._visit(statement, _Around())

    def _all(self, nodes: Iterable[Any], around: _Around) -> None:
        for node in nodes:
            if node is not None:
                self._visit(node, around)

    def _visit(self, node: Any, around: _Around) -> None:
        if isinstance(node, ast.JoinedStr):
            self._f_string(node, around)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            self._enter(self._function, node, around)
        elif isinstance(node, ast.ClassDef):
            self._own_name(node, around)
            self._all([*node.decorator_list, *node.bases, *node.keywords], around)
            names = frozenset(bound_names(node.body))
            self._all(node.body, around._replace(class_=names))
        elif isinstance(node, _LOOPS):
            self._enter(self._loop, node, around)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            self._add(node, node.value.id, node.attr, around)
        elif isinstance(node, ast.Name):
            self._add(node, node.id, "", around)
        elif isinstance(node, ast.ExceptHandler) and node.name and node.type:
            start = self._after(r"\)*\s*as\s+", self.source.end(node.type))
            if node.name in around.functions:
                self._add_local(start, start + len(node.name), node.name, around)
            else:
                self._found(start, start + len(node.name), node.name, "", around)
            self._all([node.type, *node.body], around)
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            raise DataError("a minimal file cannot contain `global` or `nonlocal`")
        else:
            self._all(ast.iter_child_nodes(node), around)

    def _enter(self, visit: Callable[[Any, _Around], None], node: Any, around: _Around) -> None:
        self._outermost += not self._depth
        self._depth += 1
        visit(node, around)
        self._depth -= 1

    def _function(self, node: Any, around: _Around) -> None:
        arguments = node.args
        self._all([*arguments.defaults, *arguments.kw_defaults], around)
        if isinstance(node, ast.Lambda):
            body: list[Any] = [node.body]
        else:
            body = node.body
            self._own_name(node, around)
            self._all(node.decorator_list, around)
        names = [name for name in ast.walk(arguments) if isinstance(name, ast.arg)]
        inner = self._within(around, [name.arg for name in names], body)
        for name in names:
            if name.arg == "self" and self.shift == 0:
                inner.variables["self"] = self._new_variable()
                start = self.source.start(name)
                self._add_local(start, start + len("self"), "self", inner)
        self._all(body, inner)

    def _within(self, around: _Around, names: Iterable[str], body: list[Any]) -> _Around:
        """Return the scopes around a function's body, which does not see an enclosing class."""
        imports = {
            alias.asname or alias.name: Import(statement, alias.name)
            for statement in library_imports(body)
            for alias in statement.names
        }
        bound = {*names, *bound_names(body)}
        old = {name: seen for name, seen in around.imports.items() if name not in bound}
        functions = (around.functions | bound) - set(imports)
        variables = {name: n for name, n in around.variables.items() if name not in bound}
        for name in sorted(bound - {*names, *_fixed(body)}):
            variables[name] = self._new_variable()
        return _Around(functions, frozenset(), {**old, **imports}, variables)

    def _new_variable(self) -> Variable:
        self._variables += 1
        return self._outermost, self._variables

    def _loop(self, node: Any, around: _Around) -> None:
        """Visit a comprehension: only its first iterable is evaluated in the outer scope.

        The rest does not see the names of an enclosing class.
        """
        names = [
            name.id
            for generator in node.generators
            for name in ast.walk(generator.target)
            if isinstance(name, ast.Name)
        ]
        inner = self._within(around, names, [])
        for name in names:
            inner.variables[name] = self._new_variable()
        self._visit(node.generators[0].iter, around)
        for number, generator in enumerate(node.generators):
            self._all([generator.target, *generator.ifs], inner)
            if number:
                self._visit(generator.iter, inner)
        results = ("key", "value", "elt")
        self._all([getattr(node, result, None) for result in results], inner)

    def _f_string(self, node: Any, around: _Around) -> None:
        """Visit the expressions in an f-string, whose offsets are wrong before Python 3.12."""
        kept = self.source, self.shift
        source, start = self.source, self.source.start(node)
        for offset, expression in fields(source.part(node)):
            self.source = EditableSource(f"({expression})")
            self.shift = kept[1] + start + offset - 1
            self._visit(ast.parse(self.source.source, mode="eval").body, around)
        self.source, self.shift = kept

    def _own_name(self, node: Any, around: _Around) -> None:
        """Add the name that a `def` or `class` binds in the module's scope."""
        if not around.functions and not around.class_:
            start = self._after(r"(?:async\s+)?(?:def|class)\s+", self.source.start(node))
            self._found(start, start + len(node.name), node.name, "", around)

    def _after(self, pattern: str, start: int) -> int:
        """Return the offset after the match of a pattern at an offset."""
        found = re.compile(pattern).match(self.source.source, start)
        assert found is not None
        return found.end()

    def _add(self, node: Any, name: str, attribute: str, around: _Around) -> None:
        start, end = self.source.start(node), self.source.end(node)
        if name in around.class_:
            return
        if name not in around.functions:
            self._found(start, end, name, attribute, around)
        else:
            self._add_local(start, start + len(name), name, around)

    def _add_local(self, start: int, end: int, name: str, around: _Around) -> None:
        if name in around.variables:
            shift = self.shift
            self.locals.append(Local(shift + start, shift + end, name, around.variables[name]))

    def _found(self, start: int, end: int, name: str, attribute: str, around: _Around) -> None:
        hidden = around.functions | around.class_
        imported = around.imports.get(name)
        shift = self.shift
        self.found.append(Occurrence(shift + start, shift + end, name, attribute, hidden, imported))
