"""The house has floors: a folder imports only from the folders below it, and nothing from outside.

`FLOORS` is the order. It is also the order in which the library can be read, and put into one file.
"""

from __future__ import annotations

import ast
import inspect
import pathlib
import subprocess
import sys
from functools import lru_cache

import pytest

from tinynn.export.formats import FORMATS, exporter

PACKAGE = pathlib.Path(__file__).resolve().parent.parent / "tinynn"
STRANGERS_SEE_AT_MOST = 24  # entries at the top of the package

# From the ground up. Each name is a folder, or a module that stands beside the folders; within a
# folder any module may import any other, without a cycle. Imports for type checkers count.
FLOORS = (
    "errors", "checks", "files", "lesson", "formulas", "engines", "training", "data", "metrics",
    "preprocessing", "estimators", "selection", "importers", "view", "report", "export", "teaching",
    "single_file", "selftest", "cli", "__main__", "__init__",
)  # fmt: skip
FLOOR = {name: number for number, name in enumerate(FLOORS)}

# The first eight modules are read in this order; the others stand beside them.
LESSON = (
    "neural_net", "matrix", "activations", "losses", "layers", "network", "optimizers", "training",
)  # fmt: skip
LONGEST, LONGEST_OF_THE_LESSON, LONGEST_LOOP = 400, 250, 80


@lru_cache(maxsize=None)
def modules():
    return sorted(PACKAGE.rglob("*.py"))


@lru_cache(maxsize=None)
def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def dotted(path):
    """Return the parts of a module's name below the package: ("engines", "lists")."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts


# The one import that goes up, for what shows itself in notebooks.
UPWARDS = (("checks", "pictures"), ("report", "notebook"))


def imports(path, tree=None):
    """Yield (parts of the imported module's name below the package, or its absolute name)."""
    tree = tree or parsed(path)
    own = path.relative_to(PACKAGE).parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            if not node.level:
                yield node.module
                continue
            base = own[: len(own) - (node.level - 1)]
            if node.module:
                yield base + tuple(node.module.split("."))
            else:
                for alias in node.names:
                    folder = PACKAGE.joinpath(*base, alias.name)
                    module = folder.is_dir() or folder.with_suffix(".py").is_file()
                    yield (*base, alias.name) if module else (base or ("__init__",))


def trouble(path, tree=None):
    """Return what the module imports that it must not."""
    own = dotted(path)[0]
    found = []
    for name in imports(path, tree):
        if isinstance(name, str):
            top = name.split(".")[0]
            if top == "tinynn":
                if own != "__main__":
                    found.append(f"{name}: absolute, so it cannot be vendored")
            elif top not in sys.stdlib_module_names:
                found.append(f"{name}: not in the standard library")
        elif name[0] == "__init__":
            if own not in ("cli", "single_file", "export"):  # the version
                found.append("the package itself")
        elif (dotted(path), name) == UPWARDS:
            continue
        elif name[0] != own and not FLOOR[name[0]] < FLOOR[own]:
            found.append(f"{'.'.join(name)}: floor {FLOOR[name[0]]} from floor {FLOOR[own]}")
    return found


@pytest.mark.skipif(sys.version_info < (3, 10), reason="sys.stdlib_module_names is of Python 3.10")
def test_a_module_imports_only_from_floors_below():
    assert {dotted(path)[0] for path in modules()} == set(FLOOR)
    found = {"/".join(dotted(path)): trouble(path) for path in modules()}
    assert {name: troubles for name, troubles in found.items() if troubles} == {}


@pytest.mark.skipif(sys.version_info < (3, 10), reason="sys.stdlib_module_names is of Python 3.10")
@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("from ..training.trainer import fit", ["training.trainer: floor 6 from floor 3"]),
        ("from .. import engines", ["engines: floor 5 from floor 3"]),
        ("def f():\n    from ..view.svg import DARK", ["view.svg: floor 13 from floor 3"]),
        ("if TYPE_CHECKING:\n    from ..data import moons", ["data: floor 7 from floor 3"]),
        ("import numpy", ["numpy: not in the standard library"]),
        ("import os.path, numpy.linalg", ["numpy.linalg: not in the standard library"]),
        ("import tinynn.errors", ["tinynn.errors: absolute, so it cannot be vendored"]),
        ("from ..errors import DataError\nimport math", []),
        ("from .losses import Loss", []),
    ],
)
def test_the_check_sees_what_is_planted(code, found):
    assert trouble(PACKAGE / "lesson" / "matrix.py", ast.parse(code)) == found


def test_the_import_that_goes_up_is_there_and_is_the_only_one():
    path, name = UPWARDS
    assert name in set(imports(PACKAGE.joinpath(*path).with_suffix(".py")))
    tree = ast.parse("from ..report.notebook import PICTURES")
    assert trouble(PACKAGE / "checks" / "rows.py", tree) == [
        f"report.notebook: floor {FLOOR['report']} from floor {FLOOR['checks']}"
    ]


# Who opens files to write them: the one writer, that of the minimal file, and a look at the disk.
WRITERS = {"files.atomic", "single_file.small_json", "selftest"}


def writes(tree):
    """Return the lines on which files are opened to be written."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            place = 1 if name in ("open", "io.open", "os.open", "os.fdopen") else 0
            modes = [key.value for key in node.keywords if key.arg == "mode"]
            how = "".join(
                str(getattr(mode, "value", "w")) for mode in node.args[place : place + 1] + modes
            )
            opened = (place or name.endswith(".open")) and any(letter in how for letter in "wax+")
            opened = opened and "os.devnull" not in ast.unparse(node)
            if opened or name.endswith((".write_text", ".write_bytes", ".NamedTemporaryFile")):
                found.append(node.lineno)
    return found


@pytest.mark.skipif(sys.version_info < (3, 9), reason="ast.unparse is of Python 3.9")
def test_one_module_writes_all_files():
    found = {".".join(dotted(path)) for path in modules() if writes(parsed(path))}
    assert found <= set(WRITERS)


@pytest.mark.skipif(sys.version_info < (3, 9), reason="ast.unparse is of Python 3.9")
def test_a_file_opened_elsewhere_is_seen():
    code = """
open(path, "w")
open(path, mode="xb")
io.open(path, how)
path.open("a")
path.write_text(text)
os.open(path, flags)
open(path, "rb"), open(path), path.open(), write_text(path, text), os.open(os.devnull, flags)
"""
    assert writes(ast.parse(code)) == [2, 3, 4, 5, 6, 7]


def test_there_is_no_cycle_within_a_folder():
    graph = {
        ".".join(dotted(path)): {
            ".".join(name)
            for name in imports(path)
            if not isinstance(name, str) and (dotted(path), name) != UPWARDS
        }
        for path in modules()
        if len(path.relative_to(PACKAGE).parts) > 1
    }
    done = set()

    def visit(name, above):
        assert name not in above, f"a cycle: {' -> '.join([*above, name])}"
        if name not in done:
            for other in graph.get(name, ()):
                if other != name.split(".")[0] or name.split(".")[0] != other.split(".")[0]:
                    visit(other, [*above, name])
            done.add(name)

    for name in graph:
        visit(name, [])


def lines_of_code(path):
    """Return how many lines hold code: no docstring, comment or blank line."""
    tree = parsed(path)
    lines = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        if documented and ast.get_docstring(node):
            body[0].value.kind = "docstring"
    for node in ast.walk(tree):
        docstring = isinstance(node, ast.Constant) and node.kind == "docstring"
        expression = isinstance(node, ast.Expr) and getattr(node.value, "kind", "") == "docstring"
        if hasattr(node, "lineno") and not docstring and not expression:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                lines.add(node.lineno)
            else:
                simple = not hasattr(node, "body")
                lines.update(range(node.lineno, (node.end_lineno if simple else node.lineno) + 1))
    return len(lines)


def test_modules_stay_short():
    lines = {"/".join(dotted(path)): lines_of_code(path) for path in modules()}
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}


@pytest.mark.parametrize("path", sorted((PACKAGE / "lesson").glob("*.py")), ids=lambda p: p.stem)
def test_a_page_of_the_lesson_is_read_in_one_sitting(path):
    longest = LONGEST_LOOP if path.stem == "training" else LONGEST_OF_THE_LESSON
    assert len(path.read_text(encoding="utf-8").splitlines()) <= longest


def test_a_stranger_sees_the_architecture():
    entries = {path.name for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert len(entries) <= STRANGERS_SEE_AT_MOST
    assert {name.partition(".")[0] for name in entries} - {"README", "py"} == set(FLOORS)


def test_no_class_name_means_two_things():
    classes = {}
    for path in modules():
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                classes.setdefault(node.name, []).append("/".join(dotted(path)))
    assert {name: places for name, places in classes.items() if len(places) > 1} == {}


def test_exports_load_what_they_need_and_no_more():
    """A network becomes ONNX or safetensors without the estimators."""
    program = (
        "import sys, tinynn.export; tinynn.export.to_onnx, tinynn.export.to_safetensors; "
        "print([name for name in sys.modules if name.startswith('tinynn.estimators')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_every_format_has_an_exporter_with_its_settings():
    for name, one in FORMATS.items():
        parameters = inspect.signature(exporter(name)).parameters
        assert list(parameters)[:2] == ["model", "path"]
        assert set(one.settings) <= set(parameters)
        assert exporter(name).__annotations__["return"] == "Exported"
