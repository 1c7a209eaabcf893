"""The native engine and the system: memory, the processor, the command line, files without it.

What runs into pages that cannot be touched, or is denied memory, has a process of its own:
[native_guards.py](native_guards.py) and the programs below.
"""

from __future__ import annotations

import csv
import gc
import json
import mmap
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest

import tinynn as nn
from tinynn.data import load_iris
from tinynn.engines.native import memory, prediction, processor, program as native_program
from tinynn.engines.native.engine import ENGINE as NATIVE
from tinynn.errors import EngineError
from tinynn.single_file import build

HERE = pathlib.Path(__file__).resolve().parent
ROOT = pathlib.Path(nn.__file__).resolve().parent.parent
native_here = pytest.mark.skipif(bool(NATIVE.unavailable()), reason=f"{NATIVE.unavailable()}")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for what it has mapped")


def run(*words, folder=ROOT, **variables):
    """Run Python with these words in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TINYNN")}
    environment.update(PYTHONPATH=str(ROOT), PYTHONIOENCODING="utf-8", **variables)
    return subprocess.run(
        [sys.executable, *map(str, words)], cwd=folder, env=environment, capture_output=True,
        text=True, encoding="utf-8", timeout=900,
    )  # fmt: skip


# Buffers against pages that cannot be touched


@native_here
@on_linux
@pytest.mark.parametrize(
    ("count", "words"),
    [
        (50, []),
        (30, ["narrow"]),
        (15, ["images"]),
        (10, ["sequences"]),
        pytest.param(400, ["images"], marks=pytest.mark.slow),
        pytest.param(400, ["images", "narrow"], marks=pytest.mark.slow),
        pytest.param(300, ["sequences"], marks=pytest.mark.slow),
        pytest.param(300, ["sequences", "narrow"], marks=pytest.mark.slow),
        pytest.param(1500, [], marks=pytest.mark.slow),
        pytest.param(1000, ["narrow"], marks=pytest.mark.slow),
    ],
)
def test_no_code_touches_what_is_beyond_its_buffers(count, words):
    if "narrow" in words and "x86" not in processor.new_machine().name:
        pytest.skip("this processor has no wide registers to do without")
    done = run(HERE / "native_guards.py", count, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout.split()[1]) > 0.9 * count


@native_here
@on_linux
def test_a_kernel_that_goes_too_far_is_found():
    assert run(HERE / "native_guards.py", 20, "too-far").returncode == -signal.SIGSEGV
    done = run(HERE / "native_guards.py", 20, "before")
    assert done.returncode == 1 and re.match(r"case \d+: written before \['", done.stderr)


# Memory is given back


def mapped():
    """Return a line for each piece of this process's memory, as its fields."""
    with open("/proc/self/maps", encoding="utf-8") as file:
        return [line.split() for line in file]


def careless():
    """Return the pieces that can be written and run, as other libraries have them."""
    return [line[0] for line in mapped() if "w" in line[1] and "x" in line[1]]


def executable_bytes(others):
    """Return the size of all memory that machine code of the engine can be in."""
    assert set(careless()) <= set(others)
    lines = [line for line in mapped() if line[0] not in others]
    own = [x[0].split("-") for x in lines if "x" in x[1] and (len(x) < 6 or "memfd" in x[5])]
    return sum(int(end, 16) - int(start, 16) for start, end in own)


def resident():
    with open("/proc/self/statm", encoding="utf-8") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def train_once(width):
    model = nn.Sequential(nn.Dense(2, width), nn.Tanh(), nn.Dense(width, 1), seed=1)
    nn.fit(model, [[0.0, 1.0]] * 30, [[1.0]] * 30, epochs=2, batch_size=8, engine="native")
    return nn.compile(model, engine="native")


def forget():
    native_program.training.cache_clear()
    prediction.prediction.cache_clear()
    gc.collect()


@pytest.mark.slow
@native_here
@on_linux
def test_memory_is_given_back():
    others = careless()
    train_once(5)
    forget()
    before = executable_bytes(others)
    kept = [train_once(width) for width in range(3, 20)]
    assert executable_bytes(others) > before + 30 * mmap.PAGESIZE
    del kept
    forget()
    assert executable_bytes(others) <= before
    start = resident()
    for width in range(200):
        train_once(3 + width % 17)
    forget()
    assert resident() < start + 10_000_000
    assert executable_bytes(others) <= before


# Memory that the system denies

NO_GAIN = "import ctypes, sys\nif ctypes.CDLL(None).prctl(65, 1, 0, 0, 0):\n    sys.exit(77)\n"
DENY_BOTH = """
import ctypes
from tinynn.engines.native import memory
def denied(*arguments):
    raise OSError("mprotect: Permission denied")
memory._placed_and_protected = memory._placed_by_file = denied
"""
CHECK = (
    "from {} import selftest\n"
    "found = selftest.outcome('engine native', selftest.engine_check('native', {{}}))\n"
    "print(found['state'], found['text'])\n"
)
CLAUSE = "the system denies memory to execute (mprotect: Permission denied)"


@native_here
@on_linux
def test_where_no_memory_becomes_executable_a_file_in_memory_is_mapped_so():
    code = NO_GAIN + (
        "import tinynn as nn\n"
        "from tinynn.engines.native import memory\n"
        "try:\n"
        "    memory._placed_and_protected(bytes([195]), 4096)\n"
        "except OSError as error:\n"
        "    print(error)\n"
        "model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 1), seed=1)\n"
        "nn.fit(model, [[0, 1], [1, 0]], [[1], [0]], epochs=300, engine='native')\n"
        "predict = nn.compile(model, engine='native')\n"
        "print(predict.engine, abs(predict([0, 1])[0] - model([0, 1])[0]) < 1e-12)\n"
        "lines = [line.split() for line in open('/proc/self/maps')]\n"
        "print(any('memfd:tinynn' in str(x[5:]) and x[1] == 'r-xs' for x in lines))\n"
        "print([x for x in lines if 'w' in x[1] and 'x' in x[1]])\n"
    )
    done = run("-c", code)
    if done.returncode == 77:
        pytest.skip("this kernel is too old to deny it (PR_SET_MDWE came with Linux 6.3)")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "mprotect: Permission denied", "native True", "True", "[]",
    ]  # fmt: skip


def test_where_all_is_denied_the_engine_says_so_and_others_go_on(tmp_path):
    write_iris(tmp_path)
    code = DENY_BOTH + (
        "import tinynn as nn\n"
        "from tinynn.engines.native.processor import unavailable\n"
        "from tinynn.cli import main\n"
        "print(unavailable())\n"
        "model = nn.Sequential(nn.Dense(2, 1), seed=1)\n"
        "for use in (lambda: nn.fit(model, [[0, 1]], [[1]], engine='native'),\n"
        "            lambda: nn.compile(model, engine='native'),\n"
        "            lambda: nn.source(model, engine='native')):\n"
        "    try:\n"
        "        use()\n"
        "    except nn.EngineError as error:\n"
        "        print(error)\n"
        "main(['train', 'iris.csv', '--target', 'species', '--epochs', '3'])\n"
        + CHECK.format("tinynn")
    )
    if NATIVE.unavailable():
        pytest.skip(NATIVE.unavailable())
    done = run("-c", code, folder=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[:4] == [
        CLAUSE,
        f"the native engine, set by engine='native', cannot be used: {CLAUSE}",
        f"the native engine, set by engine='native', cannot be used: {CLAUSE}",
        f"source cannot write out this network: {CLAUSE}",
    ]
    assert "Traceback" not in done.stderr
    trained = [line for line in lines if line.startswith("network 4-")]
    assert len(trained) == 1 and ", engine native" not in trained[0]
    assert lines[-1] == f"skipped {CLAUSE}"


def write_iris(folder):
    flowers = load_iris()
    with open(folder / "iris.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b", "c", "d", "species"])
        for row, target in zip(flowers.inputs, flowers.targets):
            writer.writerow([*row, flowers.target_names[target]])


# What the processor and the system are


@pytest.fixture
def asked_again(monkeypatch):
    """Let `unavailable` and what it asks be asked again, and forget the answers afterwards."""
    processor.unavailable.cache_clear()
    processor._features.cache_clear()
    monkeypatch.delenv(processor.UNTESTED, raising=False)
    yield monkeypatch
    monkeypatch.undo()
    processor.unavailable.cache_clear()
    processor._features.cache_clear()


@pytest.mark.parametrize(("name", "value"), [("maxsize", 2**31 - 1), ("byteorder", "big")])
def test_other_words_and_bytes_are_refused(asked_again, name, value):
    asked_again.setattr(sys, name, value)
    assert processor.unavailable() == "it needs a 64-bit Python on a little-endian processor"


@pytest.mark.parametrize(("kind", "told"), [("riscv64", "riscv64"), ("", "unknown")])
def test_other_processors_are_refused(asked_again, kind, told):
    asked_again.setattr("platform.machine", lambda: kind)
    assert processor.unavailable() == (
        f"it writes code for 64-bit x86 and Arm processors, and this is {told}"
    )


@pytest.mark.parametrize("system", ["darwin", "win32", "freebsd14"])
def test_untried_systems_are_refused_unless_asked_for(asked_again, system):
    asked_again.setattr("platform.machine", lambda: "x86_64")
    asked_again.setattr(sys, "platform", system)
    said = f"it was never tested on {system}; set TINYNN_NATIVE_UNTESTED=1 to try it"
    assert processor.unavailable() == said
    asked_again.setenv("TINYNN_NATIVE_UNTESTED", "1")
    processor.unavailable.cache_clear()
    asked_again.setattr(processor, "_missing", lambda kind: f"asked about {kind}")
    assert processor.unavailable() == "asked about x86_64"


def test_a_python_without_ctypes_is_refused(asked_again):
    asked_again.setattr("platform.machine", lambda: "x86_64")
    asked_again.setattr(sys, "platform", "linux")
    asked_again.setitem(sys.modules, "ctypes", None)
    asked_again.delitem(sys.modules, "tinynn.engines.native.memory")
    said = processor.unavailable()
    assert said == ("it needs the module ctypes (import of ctypes halted; None in sys.modules)")


ALL = 1 << 12 | 1 << 27 | 1 << 28  # FMA, OSXSAVE and AVX, in ecx of leaf 1


@pytest.mark.parametrize(
    ("answers", "saved", "said"),
    [
        ([6, ALL, 1 << 5], 7, "the processor has no AVX2 and FMA"),
        ([13, ALL & ~(1 << 12), 1 << 5], 7, "the processor has no AVX2 and FMA"),
        ([13, ALL & ~(1 << 27), 1 << 5], 7, "the processor has no AVX2 and FMA"),
        ([13, ALL & ~(1 << 28), 1 << 5], 7, "the processor has no AVX2 and FMA"),
        ([13, ALL, 0], 7, "the processor has no AVX2 and FMA"),
        ([13, ALL, 1 << 5], 3, "the system does not save the vector registers of AVX"),
        ([13, ALL, 1 << 5], 0, "the system does not save the vector registers of AVX"),
        ([13, ALL, 1 << 5], 6, None),
    ],
)
def test_what_x86_processors_answer(asked_again, answers, saved, said):
    asked = []

    def call_once(code, count):
        asked.append(count)
        return answers if count == 3 else [saved]

    asked_again.setattr("platform.machine", lambda: "AMD64")
    asked_again.setattr(sys, "platform", "linux")
    asked_again.setattr(memory, "call_once", call_once)
    assert processor.unavailable() == said
    assert asked == (
        [3, 1] if answers[1] & 1 << 27 else [3]
    )  # without OSXSAVE, xgetbv is no answer


def test_arm_processors_only_have_to_run_something(asked_again):
    def executable(code):
        assert code == bytes.fromhex("c0035fd6")  # ret
        return lambda address: None

    asked_again.setattr("platform.machine", lambda: "aarch64")
    asked_again.setattr(sys, "platform", "linux")
    asked_again.setattr(memory, "executable", executable)
    assert processor.unavailable() is None

    def denied(code):
        raise memory.Denied("no memory today")

    processor.unavailable.cache_clear()
    asked_again.setattr(memory, "executable", denied)
    assert processor.unavailable() == "no memory today"


# The command line


def train(folder, *words, variables=None):
    """Train on iris; return what is printed, and the saved model."""
    done = run(
        "-m", "tinynn", "train", "iris.csv", "--target", "species", "--epochs", 3,
        "--out", "m.json", *words, folder=folder, **(variables or {}),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((folder / "m.json").read_text(encoding="utf-8"))


def values(document, key):
    """Return all values of a key, anywhere in a document."""
    if isinstance(document, list):
        return [value for part in document for value in values(part, key)]
    if not isinstance(document, dict):
        return []
    found = [value for part in document.values() for value in values(part, key)]
    return found + ([document[key]] if key in document else [])


@native_here
@pytest.mark.parametrize("stream", [[], pytest.param(["--stream"], marks=pytest.mark.slow)])
def test_the_command_line_trains_with_machine_code_where_it_can(tmp_path, stream):
    write_iris(tmp_path)
    said, model = train(tmp_path, *stream)
    turn_off = "machine code for this processor; --engine auto turns it off"
    assert f", engine native ({turn_off})\n" in said
    # The model can be trained on elsewhere; its history says what it was.
    assert values(model, "engine") == ["auto", "native"]
    assert values(model, "engine_reason") == [turn_off]
    for words, variables, engine in (
        (["--engine", "auto"], {}, None),
        (["--engine", "lists"], {}, "lists"),
        ([], {"TINYNN_ENGINE": "lists"}, "lists"),
        (["--engine", "native"], {"TINYNN_ENGINE": "lists"}, "native"),
    ):
        said, model = train(tmp_path, *stream, *words, variables=variables)
        used = re.search(r", engine (\w+) \(", said)[1]
        assert used == engine or (engine is None and used != "native")
        assert turn_off not in said


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A folder with the whole file, one without machine code, and the minimal one."""
    folder = tmp_path_factory.mktemp("files")
    write_iris(folder)
    for name, source in (
        ("whole", build().source),
        ("without", build(["engines", "cli"]).source),
        ("minimal", build(minimal=True).source),
    ):
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
    return folder


TRAIN = ("train", "iris.csv", "--target", "species", "--epochs", 3)
TRY = (
    "import {0} as nn\n"
    "model = nn.Sequential(nn.Dense(2, 1), seed=1)\n"
    "try:\n"
    "    history = nn.fit(model, [[0, 1], [1, 0]], [[1], [0]], epochs=2, engine='native')\n"
    "    print(history.engine)\n"
    "except Exception as error:\n"
    "    print(type(error).__name__, error)\n"
)


def test_a_file_without_machine_code_says_so_and_trains_without(files):
    done = run("-c", TRY.format("without"), folder=files)
    assert done.stdout == (
        "EngineError the native engine (engine='native') is not in this file; "
        "build one with the part 'native'\n"
    )
    trained = run(
        "without.py", "train", "iris.csv", "--target", "species", "--epochs", 3, folder=files
    )
    assert trained.returncode == 0, trained.stderr
    assert ", engine native" not in trained.stdout
    checked = run("-c", CHECK.format("without"), folder=files)
    assert checked.stdout == "skipped not in this build\n"
    assert "mprotect" not in (files / "without.py").read_text(encoding="utf-8")


def test_the_minimal_file_has_no_machine_code(files):
    source = (files / "minimal.py").read_text(encoding="utf-8")
    assert "mprotect" not in source and "ctypes" not in source
    assert "native" not in run("-c", TRY.format("minimal"), folder=files).stdout.split()[:1]


@native_here
def test_the_whole_file_has_machine_code_and_trains_with_it(files):
    assert run("-c", TRY.format("whole"), folder=files).stdout == "native\n"
    trained = run(
        "whole.py", "train", "iris.csv", "--target", "species", "--epochs", 3, folder=files
    )
    assert ", engine native (machine code for this processor" in trained.stdout


def test_the_environment_names_it(monkeypatch):
    if NATIVE.unavailable():
        pytest.skip(NATIVE.unavailable())
    monkeypatch.setenv("TINYNN_ENGINE", "native")
    model = nn.Sequential(nn.Dense(2, 1), seed=1)
    history = nn.fit(model, [[0, 1], [1, 0]], [[1], [0]], epochs=2)
    assert (history.engine, history.engine_reason) == ("native", "set by TINYNN_ENGINE=native")
    monkeypatch.setattr(NATIVE.__class__, "unavailable", lambda self: "it rains")
    monkeypatch.setattr("tinynn.engines.native.engine.unavailable", lambda: "it rains")
    with pytest.raises(EngineError) as error:
        nn.fit(model, [[0, 1], [1, 0]], [[1], [0]], epochs=2)
    assert str(error.value) == (
        "the native engine, set by TINYNN_ENGINE=native, cannot be used: it rains"
    )
