"""Modules as one flat source: their statements one after another, in a single scope.

If two modules use the same name for different things, one is renamed; functions that were not
requested get short names; imports between modules become names; and only the statements that the
requested names need are kept.
"""

from __future__ import annotations

import ast
import builtins
import re
from keyword import iskeyword
from string import ascii_letters
from typing import NamedTuple

from ..checks.words import excerpt
from ..errors import DataError
from .edits import Edit, EditableSource, bound_names
from .plain import REWRITTEN, packed, rewritten
from .scopes import Import, Local, Occurrence, Scopes, Variable, library_imports
from .sources import Source, Sources, absolute

# This module replaces what smaller interpreters lack; each `try` in it imports what it replaces.
STAND_INS = "stand_ins"
_LETTERS = [*ascii_letters, *(a + b for a in ascii_letters for b in ascii_letters)]


class Symbol(NamedTuple):
    """A name in a module of the library or, with a `!` before the module, in another module."""

    home: str
    name: str


class Statement(NamedTuple):
    """A statement of a module, the names that it binds, and the names that it uses."""

    node: ast.stmt
    binds: list[str]
    occurrences: list[Occurrence]
    locals: list[Local]


class Module:
    """A module's plain source, its statements, and what it imports."""

    def __init__(self, key: str, source: Source) -> None:
        self.key, self.source = key, source
        for word in REWRITTEN:
            if key != STAND_INS and re.search(rf"\b{word}\b", source.code):
                raise DataError(f"a minimal file defines {word} itself, so {key} cannot use it")
        self.code = EditableSource(packed(rewritten(source.code)))
        self.imports: dict[str, Symbol | Import] = {}
        self.statements: list[Statement] = []
        for node in ast.parse(self.code.source).body:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.asname or alias.name
                    if "." in name:
                        raise DataError(f"a minimal file cannot import {name}, as {key} does")
                    self.imports[name] = Symbol("!" + alias.name, "")
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    home = Symbol(f"!{node.module}", alias.name)
                    imported = Import(node, alias.name) if node.level else home
                    self.imports[alias.asname or alias.name] = imported
            else:
                scopes = Scopes(self.code, node)
                names = bound_names([node])
                self.statements.append(Statement(node, names, scopes.found, scopes.locals))
        self.own = {name for statement in self.statements for name in statement.binds}
        self.functions = {
            s.node.name for s in self.statements if isinstance(s.node, ast.FunctionDef)
        }

    def start(self, node: ast.stmt) -> int:
        """Return where a statement starts, with its decorators."""
        decorators = getattr(node, "decorator_list", [])
        return self.code.node_offset(decorators[0].lineno if decorators else node.lineno, 0)


class Flat:
    """The modules, and the flat source of everything that some public names need.

    public: the names that the source binds for its users, and where they come from
    """

    def __init__(self, sources: Sources, public: dict[str, Symbol]) -> None:
        self.modules = {key: Module(key, source) for key, source in sources.items()}
        self.stand_ins = self._stand_ins()
        self.public = {self._resolved(*symbol): name for name, symbol in public.items()}
        self.hidden: dict[Symbol, set[str]] = {symbol: set() for symbol in self.public}
        self.builtins: set[str] = set()
        self.needed: dict[str, set[int]] = {key: set() for key in self.modules}
        self._follow(list(self.public))
        self.names = self._named()

    def source(self) -> str:
        """Return the flat source."""
        lines: dict[str, list[str]] = {}
        for symbol in sorted(self.names):
            if symbol.home.startswith("!"):
                name = self.names[symbol]
                original = symbol.name or symbol.home[1:]
                alias = original if name == original else f"{original} as {name}"
                start = f"from {symbol.home[1:]} " if symbol.name else ""
                lines.setdefault(start, []).append(alias)
        pieces = [f"{start}import {','.join(names)}\n" for start, names in sorted(lines.items())]
        for key, module in self.modules.items():
            for number in sorted(self.needed[key]):
                pieces.append(self._statement(module, module.statements[number]))
        return "".join(pieces)

    def _stand_ins(self) -> dict[Symbol, Symbol]:
        """Return the replacements of names from the standard library."""
        found = {}
        for statement in self.modules[STAND_INS].statements:
            first = statement.node.body[0] if isinstance(statement.node, ast.Try) else None
            if isinstance(first, ast.ImportFrom):
                for alias in first.names:
                    found[Symbol(f"!{first.module}", alias.name)] = Symbol(STAND_INS, alias.name)
        return found

    def _resolved(self, key: str, name: str) -> Symbol:
        """Return the symbol that a name in a module refers to; a module itself has no name."""
        module = self.modules[key]
        imported = module.imports.get(name)
        if isinstance(imported, Import):
            return self._imported(module, imported)
        if imported is not None:
            abstract = Symbol("!collections.abc", imported.name)  # `typing` has the same names
            if key != STAND_INS and imported.home == "!typing" and abstract in self.stand_ins:
                imported = abstract
            return imported if key == STAND_INS else self.stand_ins.get(imported, imported)
        if name in module.own:
            return Symbol(key, name)
        if name in self.modules[STAND_INS].own:
            return Symbol(STAND_INS, name)
        return Symbol("", name)

    def _imported(self, module: Module, imported: Import) -> Symbol:
        home = absolute(module.source, imported.statement)
        below = f"{home}.{imported.name}".lstrip(".")
        if below in self.modules:
            return Symbol(below, "")
        if home not in self.modules:
            raise DataError(f"{module.source.name} needs {below}, which is not in the file")
        return self._resolved(home, imported.name)

    def _meant(self, module: Module, found: Occurrence) -> tuple[Symbol, bool]:
        """Return the symbol that an occurrence means, and whether that includes its attribute."""
        symbol = self._resolved(module.key, found.name)
        if found.imported is not None:
            symbol = self._imported(module, found.imported)
        if symbol.name or not symbol.home:
            return symbol, False
        if symbol.home.startswith("!"):
            inner = Symbol(symbol.home, found.attribute)
            return (self.stand_ins[inner], True) if inner in self.stand_ins else (symbol, False)
        inner = self._resolved(symbol.home, found.attribute)
        if not found.attribute or not inner.home:
            raise DataError(
                f"a minimal file cannot use the module {found.name} as an object in {module.key}"
            )
        return inner, True

    def _follow(self, pending: list[Symbol]) -> None:
        """Find all statements that the symbols need, and all symbols that these need in turn."""
        seen = set(pending)
        while pending:
            key, name = pending.pop()
            if key not in self.modules:
                continue
            module = self.modules[key]
            wanted = {n for n, s in enumerate(module.statements) if not s.binds or name in s.binds}
            for number in wanted - self.needed[key]:
                self.needed[key].add(number)
                statement = module.statements[number]
                symbols = [Symbol(key, bound) for bound in statement.binds]
                for found in statement.occurrences:
                    symbol, _ = self._meant(module, found)
                    symbols.append(symbol)
                    if symbol.home:
                        self.hidden.setdefault(symbol, set()).update(found.hidden)
                    elif hasattr(builtins, symbol.name):
                        self.builtins.add(symbol.name)
                    else:
                        raise DataError(f"a minimal file lacks {symbol.name}, which {key} uses")
                for symbol in symbols:
                    if symbol.home and symbol not in seen:
                        seen.add(symbol)
                        self.hidden.setdefault(symbol, set())
                        pending.append(symbol)

    def _named(self) -> dict[Symbol, str]:
        """Return a unique name for each symbol that is not hidden where it is used."""
        names: dict[Symbol, str] = {}
        taken = set(self.builtins)
        fixed = {s: s.name for s in self.hidden if s.home == STAND_INS}
        fixed.update(self.public)
        for symbol, name in sorted(fixed.items()):
            if name in taken or name in self.hidden[symbol]:
                raise DataError(f"a minimal file cannot use {name} of {symbol.home}: it is in use")
            names[symbol] = name
            taken.add(name)
        for symbol in sorted(self.hidden):
            if symbol not in names:
                own = symbol.name or symbol.home[1:]
                names_to_try = [own, *(f"{own}{number}" for number in range(2, 99))]
                module = self.modules.get(symbol.home)
                if own.startswith("_") or (module and own in module.functions):
                    names_to_try = [f"_{letters}" for letters in _LETTERS]
                name = next(n for n in names_to_try if n not in taken | self.hidden[symbol])
                names[symbol] = name
                taken.add(name)
        return names

    def _statement(self, module: Module, statement: Statement) -> str:
        edits: list[Edit] = []
        for found in statement.occurrences:
            symbol, whole = self._meant(module, found)
            if symbol.home:
                end = found.end if whole or not found.attribute else found.start + len(found.name)
                edits.append((found.start, end, self.names[symbol]))
        for node in library_imports([statement.node]):
            edits.append((module.code.start(node), module.code.end(node), "pass"))
        start, end = module.start(statement.node), module.code.end(statement.node)
        used = set(re.findall(r"\w+", module.code.source[start:end]))
        short = _short(statement.locals, used | {new for _, _, new in edits})
        edits += [(local.start, local.end, short[local.variable]) for local in statement.locals]
        source = module.code.edited([*edits, (end, len(module.code.source), "")])[start:] + "\n"
        self._check(module, statement, source)
        return source

    def _check(self, module: Module, statement: Statement, source: str) -> None:
        """Raise DataError if a statement does not bind exactly the names that it should."""
        names = sorted(self.names[Symbol(module.key, name)] for name in statement.binds)
        if bound_names(ast.parse(source).body) != names:
            raise DataError(f"a minimal file cannot rename all names in: {excerpt(source)}")


def _short(found: list[Local], taken: set[str]) -> dict[Variable, str]:
    """Return a short, unused name for each variable; the most used get the shortest names."""
    uses: dict[Variable, int] = {}
    short: dict[Variable, str] = {}
    for local in found:
        uses[local.variable] = uses.get(local.variable, 0) + 1
        if len(local.name) == 1:
            short[local.variable] = local.name
    free = [name for name in _LETTERS if name not in taken and not iskeyword(name)]
    used: dict[int, int] = {}
    for variable in sorted(uses, key=lambda variable: (-uses[variable], variable)):
        if variable not in short:
            number = used.get(variable[0], 0)
            used[variable[0]] = number + 1
            short[variable] = free[number]
    return short
