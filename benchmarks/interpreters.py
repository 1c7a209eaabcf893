"""Every interpreter found here: what works on it, and how fast, by the library's self-test.

The times are those of the fastest pure engine; the last column has the native engine's.

`python3 -m benchmarks.interpreters` prints the table; `--update-readme` also puts it into README.md
beside this file. CPython and PyPy are looked for on PATH and in pyenv's folders; Pyodide and
MicroPython run under Node, from folders named by environment variables.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple, Sequence

from tinynn.files.atomic import write_text

from . import environment
from .command import say
from .readme import PAGE, with_table

START, END = "<!-- interpreters:start -->", "<!-- interpreters:end -->"
ROOT = Path(__file__).resolve().parent.parent
RUNNERS = ROOT / "tests" / "runners"
PYTHONS = (*(f"python3.{minor}" for minor in range(8, 15)), "pypy3")
# Name, runner, the environment variable that the runner reads, and the one that names its folder.
UNDER_NODE = (
    ("pyodide-3.12", "pyodide.mjs", "TINYNN_PYODIDE", "TINYNN_PYODIDE_312"),
    ("pyodide-3.14", "pyodide.mjs", "TINYNN_PYODIDE", "TINYNN_PYODIDE_314"),
    ("micropython-wasm", "micropython.mjs", "TINYNN_MICROPYTHON", "TINYNN_MICROPYTHON"),
)
NAMES = (*PYTHONS, *(name for name, *_ in UNDER_NODE), "micropython")

# MicroPython has no command line and no packages: a file beside the minimal single file runs it.
# The steps let the wasm build collect its memory in between.
MINIMAL = ("--minimal", "--include", "selftest")
MICROPYTHON = """\
import sys
import json
from tinynn_minimal import selftest_steps, __version__
found = {}
def work():
    for _ in selftest_steps(found, print if "--json" not in sys.argv else len, __version__):
        yield
    if "--json" in sys.argv:
        print(json.dumps(found))
    sys.exit(0 if found["ok"] else 1)
steps = work()
if sys.platform != "webassembly":
    for _ in steps:
        pass
"""


class Interpreter(NamedTuple):
    """One interpreter: the command that calls it, or why it is missing."""

    name: str
    command: list[str]
    variables: dict[str, str]
    missing: str = ""

    @property
    def is_micropython(self) -> bool:
        return self.name.startswith("micropython")

    def run(self, words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run it with these arguments in a folder; return the completed process."""
        variables = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        variables.update(self.variables)
        return subprocess.run(
            [*self.command, *words], cwd=folder, env=variables, capture_output=True, text=True,
            encoding="utf-8", timeout=600,
        )  # fmt: skip


def find(name: str) -> Interpreter:
    """Return the interpreter of one of NAMES."""
    for known, runner, variable, folder in UNDER_NODE:
        if name == known:
            node, where = shutil.which("node"), os.environ.get(folder)
            missing = "" if node and where else "node is not on PATH"
            if not where:
                missing = f"{folder} is not set"
            return Interpreter(
                name, [node or "", str(RUNNERS / runner)], {variable: where or ""}, missing
            )
    for path in _candidates(name):
        # A shim is on PATH even if the interpreter that it stands for is missing.
        code = "import sys; print(sys.executable)" if name in PYTHONS else "print('')"
        tried = subprocess.run([path, "-c", code], capture_output=True, text=True)
        if tried.returncode == 0:
            return Interpreter(name, [tried.stdout.strip() or path], {})
    return Interpreter(name, [], {}, f"no working {name} is on PATH")


def _candidates(name: str) -> list[str]:
    """Return the paths where an interpreter may be: on PATH first, then in pyenv's folders."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    pyenv = shutil.which("pyenv")
    if pyenv:
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True).stdout.strip()
        folders += [str(path) for path in sorted(Path(root).glob("versions/*/bin"))]
    found = [shutil.which(name, path=folder) for folder in folders]
    return [path for path in found if path]


def selftest(interpreter: Interpreter, words: Sequence[str] = ("--json",)) -> Any:
    """Return what the self-test found on an interpreter, from the package if that can run there.

    Raises RuntimeError if the self-test does not run.
    """
    if not interpreter.is_micropython:
        done = interpreter.run(["-m", "tinynn", "selftest", *words], ROOT)
    else:
        with tempfile.TemporaryDirectory() as folder:
            vendor(Path(folder) / "tinynn_minimal.py", *MINIMAL)
            program = Path(folder) / "selftest.py"
            program.write_text(MICROPYTHON, encoding="utf-8")
            done = interpreter.run([str(program), *words], Path(folder))
    try:
        return json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"the self-test did not run on {interpreter.name}: {last}") from None


def vendor(path: Path, *options: str) -> None:
    """Write the library, or parts of it, as a single file."""
    words = [sys.executable, "-m", "tinynn", "vendor", str(path), *options]
    subprocess.run(words, cwd=ROOT, check=True, capture_output=True)


def measured(interpreter: Interpreter, rounds: int) -> Any:
    """Return what the self-test found, with the shortest time of some rounds for each task."""
    found = selftest(interpreter)
    for _ in range(rounds - 1):
        again = selftest(interpreter)
        for kind in ("speed", "native_speed"):
            for what, speed in again[kind].items():
                if speed["microseconds"] < found[kind][what]["microseconds"]:
                    found[kind][what] = speed
    return found


def row(found: Any) -> list[str]:
    """Return an interpreter's row of the table, from what its self-test found."""
    name = f"{found['interpreter']} {found['version']}"
    if found["interpreter"] == "MicroPython":
        name += f" ({found['platform']})"
    elif found["python"] != found["version"]:
        name += f" (Python {found['python']})"
    checks = found["checks"]
    passed = [check for check in checks if check["state"] == "ok"]
    others = [
        f"{check['check']} {check['state'].lower()}: {check['text']}"
        for check in checks
        if check["state"] != "ok"
    ]
    works = f"{len(passed)} of {len(checks)}" if others else f"all {len(checks)} checks"
    pure = [
        _time(speed["microseconds"], f", {speed['by']}") if speed else "–"
        for speed in (found["speed"].get(task) for task in TASKS)
    ]
    native = [
        _time(found["native_speed"][task]["microseconds"])
        for task in TASKS
        if task in found["native_speed"]
    ]
    return [name, "; ".join([works, *others]), *pure, "; ".join(native) or "–"]


TASKS = {
    "original": "the original program, 10,000 iterations",
    "sample": "SGD, 4-10-3, a sample",
    "row": "predict with it, a row",
}
UNITS = (("s", 1e6), ("ms", 1e3), ("µs", 1.0))  # in microseconds


def _time(microseconds: float, by: str = "") -> str:
    unit, size = next(pair for pair in UNITS if microseconds >= pair[1] or pair[1] == 1.0)
    return f"{microseconds / size:.3g} {unit}{by}"


def table(rows: Sequence[Sequence[str]], about: str) -> str:
    """Return the table as Markdown."""
    heads = ["interpreter", "what works", *TASKS.values(), "the same three with native"]
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(["| " + " | ".join(line) + " |" for line in lines] + ["", about])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the self-test on every interpreter; return 1 if a check failed on any."""
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.interpreters", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=NAMES, help="run only this one; may be repeated"
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="take the best of this many rounds (3)"
    )
    parser.add_argument("--update-readme", action="store_true", help="put the table into README.md")
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = parser.parse_args(words)
    environment.prepare(os.environ)
    rows: list[list[str]] = []
    failed: list[str] = []
    for name in options.only or NAMES:
        interpreter = find(name)
        if interpreter.missing:
            say(f"SKIPPED {name}: {interpreter.missing}")
            continue
        say(name)
        try:
            found = measured(interpreter, options.rounds)
        except RuntimeError as error:
            say(f"FAILED {error}")
            failed.append(name)
            continue
        rows.append(row(found))
        if not found["ok"]:
            failed.append(name)
    facts = environment.describe({}, environment.command_line("benchmarks.interpreters", words))
    about = (
        f"{facts['processor']}, {facts['system']}, the best of {options.rounds}; tinynn "
        f"{facts['versions']['tinynn']}; {facts['date']}; `{facts['command']}`."
    )
    text = table(rows, about)
    print(text)
    if options.update_readme and failed:
        say(f"README not updated: the self-test failed on {', '.join(failed)}")
    elif options.update_readme:
        old = PAGE.read_text(encoding="utf-8")
        write_text(PAGE, with_table(old, text, PAGE.name, START, END))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
