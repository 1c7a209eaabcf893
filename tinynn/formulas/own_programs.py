"""Row programs that a caller writes for a class of his own, checked and in the library's own form.

An expression may also use the names of the class's settings, and powers with whole exponents:
z ** 3 becomes z * z * z. The names of a program's own rows and numbers get a prefix, so that none
can meet a variable of the programs that engines write.
"""

from __future__ import annotations

import ast
import re
from math import isfinite
from typing import Any, Collection, Iterator, Mapping, Sequence, Union

from ..checks.words import did_you_mean, excerpt
from ..errors import SettingError
from .expressions import Tree, parsed, replaced, written
from .programs import Assignment, Each, Largest, Let, Program, Total

Given = Union[str, Sequence[Assignment]]

ONE_ARGUMENT = ("exp", "expm1", "log", "log1p", "tanh", "erfc", "sqrt", "abs")
TWO_ARGUMENTS = ("max",)
MOST_POWER = 16
LONGEST = 2_000  # characters of an expression
_OWN = "own_"
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


class Names:
    """The names that a caller's programs may use.

    rows, numbers:  those that are given
    settings:       the settings, with the tree that takes each one's place
    fixed:          names with a meaning for the engines, which get no prefix
    """

    def __init__(
        self,
        who: str,
        rows: Collection[str],
        numbers: Collection[str] = (),
        settings: Mapping[str, Tree] | None = None,
        fixed: Collection[str] = (),
    ) -> None:
        self.who = who
        self.settings = settings or {}
        self._kinds = {**dict.fromkeys(rows, "row"), **dict.fromkeys(numbers, "number")}
        self._fixed = {*rows, *numbers, *fixed}
        self.assigned_once: list[str] = []

    def program(self, statements: Sequence[Assignment]) -> list[Assignment]:
        """Return a caller's statements, checked, in the form that engines read."""
        made = []
        for statement in statements:
            if not isinstance(statement, (Each, Total, Largest, Let)):
                raise SettingError(
                    f"the row program of {self.who} needs to be a text, or a list of Each, Total, "
                    f"Largest and Let, got {excerpt(statement)}"
                )
            made.append(self._statement(statement))
        return made

    def _statement(self, statement: Assignment) -> Assignment:
        kind = type(statement)
        if isinstance(statement, Largest):
            if self._kinds.get(statement.value) != "row":
                raise SettingError(
                    f"the row program of {self.who} needs a row for Largest, got "
                    f"{excerpt(statement.value)}"
                )
            value, quick = self._own(statement.value), ""
        else:
            value = self.expression(statement.value, single=isinstance(statement, Let))
            quick = statement.quick and self.expression(statement.quick)
        to = self._new(statement.to, "row" if isinstance(statement, Each) else "number")
        return kind(to, value, quick)

    def expression(self, source: str, single: bool = False) -> str:
        """Return an expression with its settings and own names replaced; `single`: of no row."""
        tree = self._checked(source)
        found = dict.fromkeys(_names(tree))
        if not single and not any(self._kinds.get(name) == "row" for name in found):
            rows = [name for name, kind in self._kinds.items() if kind == "row"]
            raise self._error(source, f"it needs to use a row: {' or '.join(rows)}")
        new: dict[str, Tree] = dict(self.settings)
        for name in found:
            if name in self._kinds:
                if single and self._kinds[name] == "row":
                    raise self._error(source, f"Let is of single numbers, and {name} is a row")
                new[name] = ("name", self._own(name))
            elif name not in self.settings:
                known = [*self._kinds, *self.settings]
                raise self._error(
                    source, f"it may use {', '.join(known)}, not {name}{did_you_mean(name, known)}"
                )
        return written(replaced(parsed(source.strip()), new))

    def take(self, kind: str, name: str) -> None:
        """Let the programs that follow use one more given row or number."""
        self._kinds[name] = kind
        self._fixed.add(name)

    def once(self, name: str, source: str) -> tuple[str, str]:
        """Return the name and Python source of a number that an update needs once."""
        who = f"once[{name!r}] of {self.who}"
        own = "rate" if name == "rate" else self._new(name, "number")
        known = {"rate": "rate", "step": "step"}
        known.update((key, repr(tree[1])) for key, tree in self.settings.items())
        known.update((key, self._own(key)) for key in self.assigned_once)
        known.update((function, function) for function in (*ONE_ARGUMENT, *TWO_ARGUMENTS))
        try:
            found = ast.parse(source.strip(), mode="eval")
        except (SyntaxError, ValueError, AttributeError) as error:
            raise SettingError(f"{who} needs an expression, got {excerpt(source)}") from error
        for node in ast.walk(found):
            if isinstance(node, ast.Name) and node.id not in known:
                mend = did_you_mean(node.id, known)
                raise SettingError(
                    f"{who} may use {', '.join(known)}, not {excerpt(node.id)[1:-1]}{mend}"
                )
        self.assigned_once.append(name)
        return own, re.sub(
            r"(?<![\w.])[A-Za-z_]\w*", lambda m: known.get(m[0], m[0]), source.strip()
        )

    def _new(self, name: object, kind: str) -> str:
        if not (isinstance(name, str) and name.isidentifier() and name.isascii()):
            raise SettingError(
                f"the row program of {self.who} needs plain names, got {excerpt(name)}"
            )
        if name in self.settings:
            raise SettingError(f"the row program of {self.who} cannot assign its setting {name}")
        if self._kinds.get(name, kind) != kind:
            raise SettingError(
                f"the row program of {self.who} needs {name} to stay a {self._kinds[name]}"
            )
        self._kinds[name] = kind
        return self._own(name)

    def _own(self, name: str) -> str:
        return name if name in self._fixed else _OWN + name

    def _checked(self, source: object) -> ast.AST:
        if not isinstance(source, str) or not source.strip():
            raise SettingError(
                f"the row program of {self.who} needs expressions as text, got {excerpt(source)}"
            )
        if len(source) > LONGEST:
            raise SettingError(
                f"the row program of {self.who} needs expressions of at most {LONGEST:,} "
                f"characters, got {len(source):,}"
            )
        try:
            tree = ast.parse(source.strip(), mode="eval").body
        except (SyntaxError, ValueError) as error:
            raise self._error(source, "it is not an expression of Python") from error
        except (RecursionError, MemoryError) as error:
            raise self._error(source, "it is nested too deeply") from error
        fault = next(_faults(tree), None)
        if fault:
            raise self._error(source, fault)
        return tree

    def _error(self, source: object, fault: str) -> SettingError:
        return SettingError(f"the row program of {self.who} cannot have {excerpt(source)}: {fault}")


def _names(tree: ast.AST) -> Iterator[str]:
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in called:
            yield node.id


def _faults(tree: ast.AST, is_test: bool = False) -> Iterator[str]:
    """Yield what an expression has that not every engine and language can compute."""
    if isinstance(tree, ast.Compare):
        if not is_test:
            yield "a comparison can only be the test of `a if test else b`"
        elif not all(isinstance(op, _COMPARISONS) for op in tree.ops):
            yield "comparisons are <, <=, > and >="
        parts: list[ast.AST] = [tree.left, *tree.comparators]
    elif isinstance(tree, ast.IfExp):
        yield from _faults(tree.test, is_test=True)
        parts = [tree.body, tree.orelse]
    elif isinstance(tree, ast.BinOp) and isinstance(tree.op, _OPERATORS):
        parts = [tree.left, tree.right]
        if isinstance(tree.op, ast.Pow):
            times = getattr(tree.right, "value", None)
            if type(times) is not int or not 1 <= times <= MOST_POWER:
                yield f"an exponent is a whole number from 1 to {MOST_POWER}"
    elif isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        parts = [tree.operand]
    elif isinstance(tree, ast.Call):
        name = getattr(tree.func, "id", "")
        wanted = 1 if name in ONE_ARGUMENT else 2 if name in TWO_ARGUMENTS else 0
        if not wanted:
            yield f"the functions are {', '.join([*ONE_ARGUMENT, *TWO_ARGUMENTS])}"
        elif tree.keywords or len(tree.args) != wanted:
            yield f"{name} takes {wanted} argument{'s' * (wanted > 1)}"
        parts = list(tree.args)
    elif isinstance(tree, ast.Constant):
        parts = []
        if not _fits(tree.value):
            yield f"{excerpt(tree.value)} is not a finite number"
    elif isinstance(tree, ast.Name):
        parts = []
    else:
        parts = []
        yield (
            "it may have numbers, names, + - * / **, calls of functions, and `a if test else b` "
            "with a comparison"
        )
    for part in parts:
        yield from _faults(part)


def _fits(number: Any) -> bool:
    try:
        return type(number) in (int, float) and isfinite(float(number))
    except OverflowError:
        return False


def ends_with(program: Program, name: str, kinds: tuple[type[Assignment], ...]) -> bool:
    """Return whether a program assigns a name in one of these ways, and in no other."""
    found = [type(statement) for statement in program if statement.to == name]
    return bool(found) and all(kind in kinds for kind in found)
