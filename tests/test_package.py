"""The package's front: every public name loads when asked for, and nothing before that."""

from __future__ import annotations

import ast
import importlib
import json
import pathlib
import pkgutil
import subprocess
import sys

import pytest

import tinynn as nn

PACKAGE = pathlib.Path(nn.__file__).parent
SOURCE = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))


def declared():
    """Return {name: module} as type checkers see it: the imports under `if TYPE_CHECKING`."""
    found = {}
    for node in ast.walk(SOURCE):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            for statement in node.body:
                assert isinstance(statement, ast.ImportFrom)
                for alias in statement.names:
                    assert alias.asname == alias.name, "only `x as x` is a public name"
                    found[alias.name] = statement.module
    return found


def fresh(code):
    """Return what the code, run by a fresh interpreter in this folder, leaves in `found`."""
    program = f"import json, sys\nbefore = set(sys.modules)\n{code}\nprint(json.dumps(found))"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=PACKAGE.parent, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


# --- names ---


@pytest.mark.parametrize("name", nn.__all__)
def test_every_public_name_loads(name):
    assert getattr(nn, name) is not None
    assert getattr(nn, name) is getattr(nn, name)


def test_the_names_for_type_checkers_are_the_names_that_load():
    assert declared() == nn._HOMES
    assert sorted([*declared(), *nn._MODULES, "__version__"]) == nn.__all__ == dir(nn)


def test_no_name_is_listed_twice():
    assert len(set(nn.__all__)) == len(nn.__all__)


def test_a_name_is_what_its_module_defines():
    for name, module in nn._HOMES.items():
        home = importlib.import_module(f"tinynn.{module}")
        assert getattr(nn, name) is getattr(home, name), name


def test_no_public_name_is_hidden_by_a_module_of_the_same_name():
    # Importing a module of the package sets it as the package's attribute of that name.
    modules = {module.name for module in pkgutil.iter_modules([str(PACKAGE)])}
    assert modules.isdisjoint(nn._HOMES)
    assert {home.partition(".")[0] for home in nn._MODULES.values()} <= modules


def test_names_survive_the_import_of_every_module():
    code = (
        "import importlib, pkgutil, tinynn\n"
        "for module in pkgutil.iter_modules(tinynn.__path__):\n"
        "    if module.name != '__main__':\n"
        "        importlib.import_module('tinynn.' + module.name)\n"
        "found = [n for n in tinynn._HOMES if type(getattr(tinynn, n)).__name__ == 'module']"
    )
    assert fresh(code) == []


def test_star_import_and_wrong_names():
    names = {}
    exec("from tinynn import *", names)
    assert set(nn.__all__) <= set(names)
    with pytest.raises(AttributeError) as error:
        nn.Transformer  # noqa: B018
    assert str(error.value) == "module 'tinynn' has no attribute 'Transformer'"
    with pytest.raises(ImportError):
        exec("from tinynn import Transformer")


def test_every_public_class_and_function_says_what_it_is():
    for name in nn.__all__:
        if name != "__version__":
            assert getattr(nn, name).__doc__, name


# --- imports ---


def test_importing_the_package_loads_none_of_its_modules():
    code = "import tinynn\nfound = sorted(m for m in sys.modules if m.startswith('tinynn'))"
    assert fresh(code) == ["tinynn"]


def test_importing_the_package_loads_nothing_that_is_not_needed_yet():
    code = "import tinynn\nfound = sorted(set(sys.modules) - before)"
    loaded = {name.split(".")[0] for name in fresh(code)}
    heavy = {"json", "random", "math", "csv", "copy", "difflib", "ast", "subprocess", "logging"}
    assert loaded.isdisjoint(heavy - {"json"})  # json: this test's own
    assert loaded - {"tinynn"} <= set(getattr(sys, "stdlib_module_names", loaded))


def test_a_network_needs_only_the_standard_library():
    if not hasattr(sys, "stdlib_module_names"):
        pytest.skip("sys.stdlib_module_names is of Python 3.10")
    code = (
        "import tinynn as nn\n"
        "model = nn.Sequential(nn.Dense(2, 2), nn.Tanh(), nn.Dense(2, 1))\n"
        "nn.fit(model, [[0, 1], [1, 0]], [[1], [0]], epochs=2)\n"
        "for name in nn.__all__: getattr(nn, name)\n"
        "found = sorted({m.split('.')[0] for m in set(sys.modules) - before})"
    )
    assert set(fresh(code)) - {"tinynn"} <= set(sys.stdlib_module_names)


def test_errors_can_be_caught_without_loading_a_network():
    code = (
        "import tinynn as nn\nnn.TinynnError\n"
        "found = sorted(m for m in sys.modules if m.startswith('tinynn'))"
    )
    assert fresh(code) == ["tinynn", "tinynn.errors"]


# --- the rest of the package ---


def test_type_checkers_are_told_that_it_is_typed():
    assert (PACKAGE / "py.typed").is_file()


def test_the_version_is_said_once():
    assert nn.__version__.count(".") == 2
    text = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["version"]' in text


def test_every_error_is_also_the_error_that_a_python_programmer_expects():
    for name in ("ShapeError", "DataError", "SettingError", "FormatError"):
        assert issubclass(getattr(nn, name), nn.TinynnError)
        assert issubclass(getattr(nn, name), ValueError)
    assert issubclass(nn.DivergenceError, ArithmeticError)
    assert issubclass(nn.DivergenceError, nn.TinynnError)
    assert issubclass(nn.EngineError, nn.TinynnError)
