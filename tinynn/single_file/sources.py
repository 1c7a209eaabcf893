"""The library's own sources: its modules, their imports of each other, and the parts they form."""

from __future__ import annotations

import ast
import os
from functools import lru_cache
from typing import Dict, Iterable, Iterator, NamedTuple, Sequence

from ..checks.words import did_you_mean
from ..errors import DataError, SettingError

FRONT = "__init__"
FOLDER_ONLY = ("single_file", "teaching.playground")  # useless in a single file
LEFT_OUT = ("__main__", *FOLDER_ONLY)

# The parts of a single file: a description, and the folders or modules in each. A folder or module
# that is not listed is a part of its own.
PARTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "core": (
        "building, running and saving networks; the original program (always included)",
        ("errors", "checks", "lesson", "files.json_file", "files.atomic"),
    ),
    "train": (
        "fit: batches, callbacks, history, gradcheck",
        (
            "training", "engines.contract", "engines.lists", "engines.lists_prediction",
            "engines.choice",
        ),
    ),
    "engines": ("fast training and prediction; compile", ("engines", "formulas")),
    "native": ("the engine that writes machine code: x86, Arm, WebAssembly", ("engines.native",)),
    "metrics": ("how good predictions are", ("metrics",)),
    "tables": ("columns of numbers and text turned into numbers", ("preprocessing",)),
    "data": ("iris, files, splits, scalers, synthetic data", ("data",)),
    "estimators": ("Classifier and Regressor: table in, answer out", ("estimators",)),
    "view": ("pictures", ("view",)),
    "report": ("a model described on one page", ("report",)),
    "teaching": ("one step explained, exercises", ("teaching",)),
    "importers": ("networks trained elsewhere", ("importers", "files")),
    "export": ("networks as files for other programs", ("export",)),
    "cli": ("the command line", ("cli",)),
}  # fmt: skip
_PART = {name: part for part, (_, names) in PARTS.items() for name in names}


class Source(NamedTuple):
    """A module: its name in the package, its source code, and whether it is an `__init__`."""

    name: str
    code: str
    is_package: bool

    @property
    def path(self) -> str:
        """The file's path in the library's folder."""
        return "/".join([*self.name.split("."), FRONT][: None if self.is_package else -1]) + ".py"


Sources = Dict[str, Source]


def library() -> Sources:
    """Return the library's modules by name, sorted, without those that are useless in one file.

    Raises DataError if the library is not a folder of sources but, say, in a zip or a single file.
    """
    found: list[str] = []
    for path, folders, files in os.walk(_folder()):
        folders[:] = [name for name in folders if name != "__pycache__"]
        above = [] if path == _folder() else os.path.relpath(path, _folder()).split(os.sep)
        for file in files:
            name = ".".join([*above, file[:-3]])
            if file.endswith(".py") and not f"{name}.".startswith(
                tuple(f"{out}." for out in LEFT_OUT)
            ):
                found.append(name[: -len(FRONT) - 1] if name.endswith("." + FRONT) else name)
    return {name: read(name) for name in sorted(found)}


def read(name: str) -> Source:
    """Return the named module of the library."""
    path = os.path.join(_folder(), *name.split("."))
    is_package = os.path.isdir(path)
    with open(os.path.join(path, "__init__.py") if is_package else path + ".py", "rb") as file:
        code = file.read().decode("utf-8").replace("\r\n", "\n")
    return Source(name, code, is_package)


def _folder() -> str:
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if not os.path.isdir(folder):
        raise DataError(
            f"vendor needs the library's sources in a folder, got {folder}; run it from a clone "
            "or an installed package"
        )
    return folder


def part_of(name: str) -> str:
    """Return the part that a module belongs to."""
    steps = name.split(".")
    for length in range(len(steps), 0, -1):
        part = _PART.get(".".join(steps[:length]))
        if part:
            return part
    return steps[0]


def all_parts(sources: Sources) -> dict[str, str]:
    """Return the parts that can be included, with their descriptions."""
    found = {part: description for part, (description, _) in PARTS.items()}
    for name, source in sources.items():
        if name != FRONT and part_of(name) not in found:
            description = source.code.partition('"""')[2].partition("\n")[0]
            found[part_of(name)] = description.rstrip('."')
    return found


def chosen(sources: Sources, parts: Sequence[str]) -> tuple[list[str], Sources]:
    """Return the parts in a file built from these parts, and its modules, with all they need.

    A module needs what it imports, at the top or in a function, and the packages that contain it.
    No parts mean all parts. Raises SettingError for an unknown part.
    """
    names = list(all_parts(sources))
    for part in parts:
        if part not in names:
            mend = did_you_mean(part, names)
            raise SettingError(f"unknown part {part!r}; the parts are {', '.join(names)}{mend}")
    wanted = {*parts, "core"} if parts else set(names)
    pending = [name for name in sources if name != FRONT and part_of(name) in wanted]
    found: set[str] = {FRONT}
    while pending:
        name = pending.pop()
        if name in sources and name not in found:
            found.add(name)
            pending += [name.rpartition(".")[0], *imports(sources, name)]
    whole = [
        part
        for part in names
        if found.issuperset(name for name in sources if name != FRONT and part_of(name) == part)
    ]
    return whole, {name: sources[name] for name in in_order(sources, found)}


def imports(sources: Sources, name: str) -> list[str]:
    """Return the library's modules that a module imports anywhere, sorted."""
    found: set[str] = set()
    for base, names in _relative(sources[name]):
        below = {f"{base}.{word}".lstrip(".") for word in names}
        found |= (below & set(sources)) or {base or FRONT}
    return sorted(found)


@lru_cache(maxsize=None)
def _relative(source: Source) -> list[tuple[str, list[str]]]:
    """Return a module's imports from the library: from where, and which names.

    In a package, imports for type checkers count, because it loads those modules on first use.
    """
    tree = ast.parse(source.code)
    return [
        (absolute(source, node), [alias.name for alias in node.names])
        for node in (ast.walk(tree) if source.is_package else _running(tree))
        if isinstance(node, ast.ImportFrom) and node.level
    ]


def absolute(source: Source, node: ast.ImportFrom) -> str:
    """Return the name, in the package, of the module that a relative import imports from."""
    steps = source.name.split(".")
    above = steps[: len(steps) - node.level + source.is_package]
    return ".".join([*above, *filter(None, [node.module])])


def in_order(sources: Sources, names: Iterable[str]) -> list[str]:
    """Return the names in an order in which each module follows the modules it imports."""
    wanted = set(names)
    found: list[str] = []

    def visit(name: str) -> None:
        if name in wanted:
            wanted.remove(name)
            for other in imports(sources, name):
                visit(other)
            found.append(name)

    for name in sorted(wanted):
        visit(name)
    return found


def _running(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree, except what only type checkers read, what only notebooks call,
    and what a module tries to import but does without.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("_repr_"):
            continue
        if isinstance(node, ast.Try) and any(map(_is_import_error, node.handlers)):
            continue
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            continue
        yield node
        yield from _running(node)


def _is_import_error(handler: ast.ExceptHandler) -> bool:
    return getattr(handler.type, "id", "") == "ImportError"
