"""`tinynn export`: each kind of file from each kind of model, and what it says about it."""

from __future__ import annotations

import csv
import json
import random

import pytest
from hypothesis import given, settings, strategies as st

import tinynn as nn
from tinynn.cli import main
from tinynn.data import load_iris
from tinynn.export.folding import bare
from tinynn.importers import from_onnx, from_safetensors

pytestmark = pytest.mark.filterwarnings("ignore::tinynn.ConvergenceWarning")
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Return a folder with a table and the files of models."""
    folder = tmp_path_factory.mktemp("home")
    flowers = load_iris()
    rows = [[*x, flowers.target_names[t]] for x, t in zip(flowers.inputs, flowers.targets)]
    with open(folder / "iris.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([[*NAMES, "species"], *rows])
    words = ["train", "iris.csv", "--target", "species", "--hidden", "10", "--epochs", "20"]
    words[1] = str(folder / "iris.csv")
    assert main([*words, "--out", str(folder / "iris.json"), "--quiet"]) == 0
    encoder = nn.preprocessing.TableEncoder(names=["town", "size"])
    towns = nn.Regressor((3,), max_iter=5, random_state=0, encoder=encoder)
    towns.fit([["Ulm", 1.0], ["Bonn", None], ["Ulm", 2.5], [None, 3.0]] * 5, [1, 2, 3, 4] * 5)
    towns.save(folder / "towns.json")
    nn.Sequential(nn.Dense(2, 3), nn.Tanh(), seed=1).save(folder / "network.json")
    (folder / "numbers.csv").write_text("a,b\n1,2\n-0.5,1e3\n")
    return folder


def export(capsys, *words, code=0):
    """Run the command; return what it says on both outputs."""
    assert main(["export", *map(str, words)]) == code
    return capsys.readouterr()


def test_python_runs_and_names_the_target(home, tmp_path, capsys):
    out = tmp_path / "iris.py"
    said = export(capsys, home / "iris.json", "--out", out)
    assert said.out == f"{out}: {home / 'iris.json'} as python, {out.stat().st_size:,} bytes\n"
    assert said.err == "" and out.stat().st_size <= 8192
    space = {"__name__": "exported"}
    exec(compile(out.read_text(encoding="ascii"), "iris.py", "exec"), space)
    model, rows = nn.load(home / "iris.json"), load_iris().inputs
    assert space["predict_rows"](rows) == model.predict(rows)
    assert "'predicted_species'" in out.read_text()


def test_a_file_may_only_predict(home, tmp_path, capsys):
    out = tmp_path / "iris.py"
    export(capsys, home / "iris.json", "--out", out, "--predict-only")
    source = out.read_text()
    assert len(source) < 5500 and "_main" not in source and "DATA.csv" not in source
    space = {"__name__": "__main__"}
    exec(compile(source, "iris.py", "exec"), space)
    rows = load_iris().inputs
    assert space["predict_rows"](rows) == nn.load(home / "iris.json").predict(rows)
    export(capsys, home / "iris.json", "--out", out, "--micropython")
    assert out.read_text().replace("@micropython.native\n", "").count("\ndef ") == (
        source.count("\ndef ")
    )
    assert out.read_text().count("@micropython.native\n") == source.count("def ")
    said = export(capsys, home / "iris.json", "--out", "x.h", "--micropython", code=2).err
    assert "--micropython cannot be used with --to c" in said
    said = export(capsys, home / "iris.json", "--out", "x.h", "--predict-only", code=2).err
    assert "--predict-only cannot be used with --to c" in said


@pytest.mark.parametrize("weights", ["float", "packed", "int8"])
def test_python_says_what_the_weights_cost(home, tmp_path, capsys, weights):
    words = (home / "iris.json", "--out", tmp_path / "iris.py", "--weights", weights)
    found = json.loads(export(capsys, *words, "--data", home / "iris.csv", "--json").out)
    assert (found["rows"], found["to"]) == (150, "python")
    assert found["changed"] <= (0.02 if weights == "int8" else 0.0)
    assert found["bytes"] == (tmp_path / "iris.py").stat().st_size
    low, high = {"float": (0, 1e-13), "packed": (1e-14, 1e-7), "int8": (1e-6, 0.03)}[weights]
    assert low <= found["difference"] <= high
    said = export(capsys, *words, "--data", home / "iris.csv").out.splitlines()[1]
    assert said.startswith("tested on 150 rows: off by at most ")
    assert said.endswith(f"; {found['changed']:.2%} of the rows get a different label")
    last = export(capsys, *words, "--data", home / "iris.csv").out.splitlines()[2]
    assert last == (
        f"accuracy on these rows: {found['score']:.2%}, the model's {found['model_score']:.2%}"
    )
    assert found["score"] >= found["model_score"] - found["changed"]


def test_a_bare_network_is_tried_on_numbers(home, tmp_path, capsys):
    words = (home / "network.json", "--out", tmp_path / "n.py", "--data")
    said = export(capsys, *words, home / "numbers.csv").out
    assert said.splitlines()[1].startswith("tested on 2 rows: off by at most ")
    said = export(capsys, *words, home / "iris.csv", code=2)
    assert said.err == "tinynn: a bare network takes numbers, got 'setosa'\n"


@pytest.mark.parametrize(
    ("end", "words", "most"),
    [
        ("h", (), 1e-13), ("h", ("--dtype", "float32"), 1e-5), ("h", ("--weights", "int8"), 0.03),
        ("mjs", (), 1e-13), ("mjs", ("--weights", "int8"), 0.03), ("onnx", (), 1e-5),
        ("onnx", ("--dtype", "float64"), 1e-12), ("safetensors", ("--dtype", "float32"), 1e-5),
    ],
)  # fmt: skip
def test_every_format_says_how_good_it_is(home, tmp_path, capsys, end, words, most):
    words = (
        home / "iris.json",
        "--out",
        tmp_path / f"m.{end}",
        *words,
        "--data",
        home / "iris.csv",
    )
    found = json.loads(export(capsys, *words, "--json").out)
    assert 0.0 <= found["difference"] <= most and found["rows"] == 150
    assert abs(found["score"] - found["model_score"]) <= found["changed"] <= 0.02
    lines = export(capsys, *words).out.splitlines()
    assert lines[-2].startswith("tested on 150 rows: off by at most ")
    assert lines[-1] == (
        f"accuracy on these rows: {found['score']:.2%}, the model's {found['model_score']:.2%}"
    )
    assert ("inputs" in found) == (end in ("onnx", "safetensors")) == (len(lines) == 6)


@pytest.mark.parametrize("name", ["iris", "towns", "network"])
@pytest.mark.parametrize(
    ("end", "part"), [("h", "_predict("), ("mjs", "export "), ("js", "export ")]
)
def test_c_and_javascript_are_written(home, tmp_path, capsys, name, end, part):
    out = tmp_path / f"model.{end}"
    assert export(capsys, home / f"{name}.json", "--out", out, "--quiet").out == ""
    assert part in out.read_text(encoding="utf-8")


def test_the_type_of_c_is_as_asked(home, tmp_path, capsys):
    for dtype, word in (("float32", "float"), ("float64", "double")):
        out = tmp_path / "model.h"
        export(capsys, home / "iris.json", "--to", "c", "--out", out, "--dtype", dtype)
        assert f"{word} " in out.read_text()


def test_scales_of_numbers_go_into_the_network(home, tmp_path, capsys):
    model, rows = nn.load(home / "iris.json"), load_iris().inputs
    for end, read, words, off in (
        ("onnx", from_onnx, (), 1e-5),
        ("onnx", from_onnx, ("--dtype", "float64"), 1e-12),
        ("safetensors", from_safetensors, (), 1e-12),
    ):
        out = tmp_path / f"iris.{end}"
        said = export(capsys, home / "iris.json", "--out", out, *words)
        assert said.out.splitlines()[1:] == [
            "inputs: sepal_length, sepal_width, petal_length, petal_width",
            "they are numbers as in the table; the first layer scales them",
            "outputs: the probability of setosa, versicolor, virginica",
        ]
        for got, p in zip(read(out).predict(rows), model.predict_proba(rows)):
            assert got == pytest.approx(p, abs=off)


def test_what_is_not_included_is_said(home, tmp_path, capsys):
    model, out = nn.load(home / "towns.json"), tmp_path / "towns.safetensors"
    said = export(capsys, home / "towns.json", "--out", out)
    assert said.out.splitlines()[1:] == [
        "inputs: town=Bonn, town=Ulm, town=(missing), size, size missing",
        "scaling and encoding are not included: the inputs are encoder_.transform(rows)",
    ]
    rows = [["Ulm", 2.0], [None, None]]
    got = from_safetensors(out).predict(model.encoder_.transform(rows))
    assert [y for (y,) in got] == pytest.approx(model.predict(rows), rel=1e-12)
    found = json.loads(export(capsys, home / "towns.json", "--out", out, "--json").out)
    assert found == {
        "file": str(out), "to": "safetensors", "bytes": out.stat().st_size,
        "inputs": ["town=Bonn", "town=Ulm", "town=(missing)", "size", "size missing"],
        "raw_inputs": False, "classes": [], "raw_outputs": True,
    }  # fmt: skip


def test_a_network_goes_as_it_is(home, tmp_path, capsys):
    network, out = nn.load(home / "network.json"), tmp_path / "n.safetensors"
    assert len(export(capsys, home / "network.json", "--out", out).out.splitlines()) == 1
    assert from_safetensors(out).predict([[1.0, 2.0]]) == network.predict([[1.0, 2.0]])


@given(st.integers(0, 2**32))
@settings(max_examples=15)
def test_a_network_with_its_scales_is_the_estimator(seed):
    rng = random.Random(seed)
    columns, rows = rng.randint(1, 4), 12
    sizes = [(rng.uniform(-5, 5), 10 ** rng.uniform(-2, 2)) for _ in range(columns)]
    X = [[m + s * rng.gauss(0, 1) for m, s in sizes] for _ in range(rows)]
    for row in X:
        row.insert(rng.randrange(1), 7.0)  # a column that is left out
    encoder = nn.preprocessing.TableEncoder(scaling=rng.choice(["standard", "minmax", None]))
    settings = {"max_iter": 2, "random_state": 0, "encoder": encoder}
    hidden = rng.choice([(), (3,)])
    if rng.random() < 0.5:
        model = nn.Regressor(hidden, **settings)
        expected = model.fit(X, [[rng.gauss(9, 4), rng.gauss(0, 1)] for _ in X]).predict(X)
    else:
        labels = [i % rng.randint(2, 3) for i in range(rows)]
        labels[:2] = 0, 1
        model = nn.Classifier(hidden, **settings)
        expected = model.fit(X, labels).predict_proba(X)
    found = bare(model)
    assert found.raw and not found.scaled and found.inputs == [f"x{j + 1}" for j in range(columns)]
    for row, wanted in zip(found.network.predict([row[1:] for row in X]), expected):
        assert row == pytest.approx(wanted[-len(row) :], rel=1e-9, abs=1e-10)


def test_what_cannot_be_is_one_sentence(home, tmp_path, capsys):
    model, out = home / "iris.json", tmp_path / "iris.txt"
    for words, message in (
        ((model, "--out", out), f"the extension of {out} names no format; give --to"),
        ((model, "--out", "m.h", "--weights", "packed"), "to_c needs weights to be one of "),
        ((model, "--out", "m.onnx", "--weights", "int8"),
         "--weights cannot be used with --to onnx"),
        ((model, "--out", "m.js", "--dtype", "float32"),
         "--dtype cannot be used with --to javascript"),
        ((home / "none.json", "--out", "m.py"), f"there is no model file {home / 'none.json'}"),
        ((model, "--out", tmp_path / "no" / "m.py"),
         f"{tmp_path / 'no' / 'm.py'} cannot be written: there is no directory {tmp_path / 'no'}"),
        ((home / "iris.csv", "--out", tmp_path / "m.py"), f"{home / 'iris.csv'} is not a "),
        ((model,), "the following arguments are required: --out; "),
        ((model, "--out", "m.py", "--to", "java"), "argument --to: invalid choice: 'java'"),
    ):  # fmt: skip
        said = export(capsys, *words, code=2)
        assert said.out == "" and said.err.startswith(f"tinynn: {message}"), said.err
        assert said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["py", "h", "mjs", "onnx", "safetensors"])
def test_a_table_is_one_sequence(tmp_path, capsys, suffix):
    model = nn.Sequential(nn.LSTM(2, 3, steps="last"), nn.Dense(3, 2), nn.Softmax(), seed=1)
    model.save(tmp_path / "network.json")
    (tmp_path / "steps.csv").write_text("a,b\n1,2\n-0.5,1.5\n0,1\n")
    out = tmp_path / f"network.{suffix}"
    words = [tmp_path / "network.json", "--out", out, "--data", tmp_path / "steps.csv"]
    said = export(capsys, *words).out.splitlines()
    assert said[1].startswith("tested on 3 steps: off by at most ")
    found = json.loads(export(capsys, *words, "--json").out)
    assert found["steps"] == 3 and "rows" not in found and 0.0 <= found["difference"] < 1e-6
