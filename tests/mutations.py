"""Plants bugs in a copy of the lesson, the engines, the training and the formulas, one at a time,
and runs the tests that concern each: which bugs do they not catch?

    python tests/mutations.py                         # 200 bugs, chosen by a seed
    python tests/mutations.py --count 50 --seed 3 --only lesson/losses.py
    python tests/mutations.py --list --only engines   # what could be planted there

Operators, constants, comparisons, signs, orders of arguments, statements and guards are changed in
the syntax tree, but not in messages, annotations and `__repr__`. A bug is caught if a test fails or
does not end in time. What survives is listed with its reason from `ACCEPTED`, or without one: then
a test is missing. Needs Python 3.9.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Iterator, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("lesson", "training", "formulas", "engines")

# The tests of a module come first, then those of its folder, in this order.
OF_FOLDERS = {
    "lesson": "lesson_training layers losses activations optimizers network matrix schedules "
    "initializers neural_net gradients trainer model_files bad_input engine_lists engine_unrolled "
    "engine_choice",
    "training": "trainer callbacks batches gradients lbfgs live_training model_files bad_input "
    "engine_lists engine_choice engine_unrolled solvers",
    "formulas": "engine_unrolled engine_loops export_python engine_native optimizers losses "
    "export_code",
    "engines": "engines engine_choice engine_lists engine_unrolled agreement trainer model_files",
    "engines/unrolled": "engine_unrolled engine_original engines",
    "engines/loops": "engine_loops engines",
    "engines/packed": "lanes engine_packed engines",
    "engines/native": "native_functions native_encoders engine_native native_wide native_models "
    "native_system",
}
OF_MODULES = {
    "lesson/activation_layers": "activations layers", "lesson/normalization": "layers gradients",
    "lesson/plateau": "schedules", "lesson/adam": "optimizers", "lesson/optimizer": "optimizers",
    "lesson/clipping": "optimizers trainer", "lesson/random_streams": "initializers trainer",
    "lesson/file_checks": "model_files", "lesson/training": "lesson_training",
    "training/gradient_check": "gradients", "training/line_search": "lbfgs",
    "training/lbfgs": "lbfgs", "training/whole_table": "lbfgs", "training/progress": "callbacks",
    "formulas/activations": "activations", "formulas/losses": "losses",
    "engines/native/wasm": "native_wasm native_encoders", "engines/agreement": "agreement",
    "engines/packed/saved": "resuming", "engines/headroom": "overflow",
    "training/saved_state": "resuming model_files", "training/resuming": "resuming",
    "training/parts": "parts", "training/tasks": "tasks", "training/in_use": "in_use",
    "engines/neural_net": "neural_net engine_original", "engines/prediction": "engines agreement",
}  # fmt: skip

# Survivors that no test can or need catch: (module, code before, code after): reason.
ACCEPTED: dict[tuple[str, str, str], str] = {
    (
        "lesson/normalization.py", "zip(self.gamma, row, self.beta)",
        "(zip(row, self.gamma, self.beta))",
    ): "the two are multiplied, in either order",
    ("engines/source.py", "8", "(9)"): "how many names are on a line of generated source",
    ("engines/unrolled/functions.py", "256", "(257)"): "only the speed depends on it",
    ("engines/native/web_memory.py", "4", "(5)"): "by how much more a memory grows than it has to",
    ("engines/native/web_memory.py", "self.size // 4", "(self.size * 4)"): "the same",
}  # fmt: skip

OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Add, ast.Pow: ast.Mult, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.And: ast.Or,
    ast.Or: ast.And, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}  # fmt: skip
SWAPPED = {"max": "min", "min": "max", "any": "all", "all": "any"}


class Change(NamedTuple):
    """A bug: where it is in a module, and the code before and after."""

    module: str
    start: tuple[int, int]
    end: tuple[int, int]
    before: str
    after: str

    def planted(self, source: str) -> str:
        """Return the source of the module with the bug."""
        lines = [line.encode("utf-8") for line in source.splitlines(keepends=True)]
        (first, left), (last, right) = self.start, self.end
        new = lines[first - 1][:left] + self.after.encode("utf-8") + lines[last - 1][right:]
        return b"".join([*lines[: first - 1], new, *lines[last:]]).decode("utf-8")

    def __str__(self) -> str:
        return (
            f"tinynn/{self.module}:{self.start[0]}: {_line(self.before)}  ->  {_line(self.after)}"
        )


def _line(code: str) -> str:
    one = " ".join(code.split())
    return one if len(one) <= 70 else one[:67] + "..."


def changes(module: str, source: str) -> list[Change]:
    """Return every bug that can be planted in a module."""
    found: list[Change] = []
    lines = [line.encode("utf-8") for line in source.splitlines(keepends=True)]

    def add(node: ast.AST, new: ast.AST | str) -> None:
        after = new if isinstance(new, str) else ast.unparse(new)
        if not isinstance(new, (str, ast.stmt)):
            after = f"({after})"  # whatever stands around it
        start, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
        part = lines[start[0] - 1 : end[0]]
        part[-1] = part[-1][: end[1]]
        before = b"".join([part[0][start[1] :], *part[1:]]).decode("utf-8")
        found.append(Change(module, start, end, before, after))

    for node in _running(ast.parse(source)):
        for new in _variants(node):
            add(node, new)
        if isinstance(node, ast.If):  # guards
            add(node.test, "False")
            add(node.test, "True")
    return found


def changes_something(change: Change, source: str) -> bool:
    """Return whether a bug can be compiled and is another program."""
    try:
        return ast.dump(ast.parse(change.planted(source))) != ast.dump(ast.parse(source))
    except SyntaxError:
        return False


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a tree that run, except messages and what people and checkers read."""
    for field, value in ast.iter_fields(node):
        if field in (
            "annotation",
            "returns",
            "decorator_list",
            "bases",
            "keywords_",
            "type_params",
        ):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST):
                continue
            if isinstance(child, (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom)):
                continue
            if isinstance(child, ast.FunctionDef) and child.name in ("__repr__", "__str__"):
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.Assign) and "__slots__" in ast.dump(child.targets[0]):
                continue
            yield child
            yield from _running(child)


def _variants(node: ast.AST) -> Iterator[ast.AST | str]:
    """Yield what a node can be replaced by."""
    new = copy.deepcopy(node)
    if isinstance(node, (ast.BinOp, ast.BoolOp)) and type(node.op) in OPERATORS:
        if not any(
            isinstance(getattr(node, side, None), ast.JoinedStr) for side in ("left", "right")
        ):
            new.op = OPERATORS[type(node.op)]()
            yield new
    elif isinstance(node, ast.AugAssign) and type(node.op) in OPERATORS:
        new.op = OPERATORS[type(node.op)]()
        yield new
        yield "pass"
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in OPERATORS:
        new.ops[0] = OPERATORS[type(node.ops[0])]()
        yield new
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield node.operand
    elif isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, bool):
            yield str(not value)
        elif isinstance(value, int):
            yield f"({value + 1})"
            yield f"({value - 1})"
        elif isinstance(value, float) and value:
            yield f"({value * (1e4 if abs(value) < 1e-4 else 2.0)!r})"
        elif isinstance(value, float):
            yield "1.0"
    elif isinstance(node, ast.IfExp):
        yield node.body
        yield node.orelse
    elif isinstance(node, ast.Call):
        if len(node.args) > 1 and not any(isinstance(arg, ast.Starred) for arg in node.args[:2]):
            new.args[:2] = reversed(new.args[:2])
            yield new
        if isinstance(node.func, ast.Name) and node.func.id in SWAPPED:
            new = copy.deepcopy(node)
            new.func.id = SWAPPED[node.func.id]
            yield new
    elif isinstance(node, ast.Expr):
        if isinstance(node.value, ast.Call):
            yield "pass"
    elif isinstance(node, ast.Assign) and not isinstance(node.targets[0], (ast.Name, ast.Tuple)):
        yield "pass"


def tests_of(module: str) -> list[str]:
    """Return the tests of a module of the package, the most telling first."""
    name = module[: -len(".py")]
    words = [*OF_MODULES.get(name, "").split(), name.rpartition("/")[2]]
    folder = name.rpartition("/")[0]
    words += OF_FOLDERS[folder].split()
    paths = [f"tests/test_{word}.py" for word in dict.fromkeys(words)]
    return [path for path in paths if (ROOT / path).exists()]


class Copy:
    """A copy of the project, in which tests are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "copy"
        ignored = shutil.ignore_patterns(".git", "__pycache__", ".hypothesis", ".*_cache")
        shutil.copytree(ROOT, self.folder, ignore=ignored)
        self.seconds: dict[str, float] = {}  # that each file of tests takes without a bug

    def write(self, module: str, source: str) -> None:
        """Write a module of the package."""
        (self.folder / "tinynn" / module).write_text(source, encoding="utf-8")

    def fails(self, test: str, seconds: float | None = None) -> bool:
        """Run a file of tests; return whether one fails. Raises subprocess.TimeoutExpired."""
        environment = {**os.environ, "PYTHONPATH": str(self.folder)}
        environment["PYTHONDONTWRITEBYTECODE"] = "1"  # a change within a second has to be seen
        words = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", test]
        done = subprocess.run(
            [sys.executable, *words], cwd=self.folder, env=environment, capture_output=True,
            timeout=seconds,
        )  # fmt: skip
        return done.returncode not in (0, 5)  # 5: nothing to run

    def caught(self, module: str, right: str, wrong: str, tests: list[str]) -> str:
        """Return which file of tests fails, or takes three times as long, or "" if none does.

        right, wrong: the source of the module without and with a bug
        """
        try:
            for test in tests:
                if test not in self.seconds:
                    self.write(module, right)
                    started = time.monotonic()
                    if self.fails(test):
                        sys.exit(f"{test} fails without a bug")
                    self.seconds[test] = time.monotonic() - started
                self.write(module, wrong)
                try:
                    if self.fails(test, 30.0 + 3.0 * self.seconds[test]):
                        return test
                except subprocess.TimeoutExpired:
                    return f"{test}, which does not end"
        finally:
            self.write(module, right)
        return ""


def main() -> int:
    """Plant bugs; return 1 if one survives without a reason."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--count", type=int, default=200, help="how many bugs (200)")
    parser.add_argument("--seed", type=int, default=1, help="which of them (1)")
    parser.add_argument("--only", default="", help="modules whose path contains this")
    parser.add_argument("--list", action="store_true", help="list what could be planted")
    options = parser.parse_args()
    package = ROOT / "tinynn"
    paths = [path for folder in FOLDERS for path in sorted((package / folder).rglob("*.py"))]
    names = [path.relative_to(package).as_posix() for path in paths]
    sources = {
        name: (package / name).read_text(encoding="utf-8") for name in names if options.only in name
    }
    every = [change for name, source in sources.items() for change in changes(name, source)]
    if options.list:
        for change in every:
            print(change)
        return 0
    random.Random(options.seed).shuffle(every)
    real = (change for change in every if changes_something(change, sources[change.module]))
    chosen = list(islice(real, options.count))
    print(f"{len(chosen)} of {len(every)} bugs", flush=True)
    survivors: list[Change] = []
    with tempfile.TemporaryDirectory() as folder:
        project = Copy(Path(folder))
        for number, change in enumerate(chosen, 1):
            source, started = sources[change.module], time.monotonic()
            by = project.caught(
                change.module, source, change.planted(source), tests_of(change.module)
            )
            if not by:
                survivors.append(change)
            took = time.monotonic() - started
            print(f"{number} {change}\n    {by or 'SURVIVES'} ({took:.0f} s)", flush=True)
    return _report(len(chosen), survivors)


def _report(planted: int, survivors: list[Change]) -> int:
    print(f"\n{planted - len(survivors)} of {planted} bugs caught")
    unexplained = 0
    for change in survivors:
        reason = ACCEPTED.get((change.module, _line(change.before), _line(change.after)))
        unexplained += reason is None
        print(f"{change}\n    {reason or 'NOT EXPLAINED'}")
    return int(unexplained > 0)


if __name__ == "__main__":
    sys.exit(main())
