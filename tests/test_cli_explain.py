"""`tinynn explain`: examples by name, and saved models on rows of a table."""

from __future__ import annotations

import json

import pytest

import tinynn as nn
from tinynn.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a table, a classifier trained on it, and a bare network with its rows."""
    folder = tmp_path_factory.mktemp("explain")
    lines = [f"{k % 7},{k % 5},{'yes' if k % 3 else 'no'}" for k in range(60)]
    (folder / "t.csv").write_text("\n".join(["a,b,came", *lines, ""]))
    words = ["train", folder / "t.csv", "--target", "came", "--quiet", "--epochs", "2"]
    words += ["--hidden", "3", "--out", folder / "m.json"]
    assert main([*map(str, words)]) == 0
    nn.Sequential(nn.Dense(2, 2), nn.Tanh(), nn.Dense(2, 1), seed=1).save(folder / "bare.json")
    (folder / "rows.csv").write_text("x,y,z\n0.5,-1,1\n2,0.25,-0.5\n1,2,0\n")
    return folder


@pytest.fixture
def run(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)

    def run(*words, code=0):
        assert main(["explain", *words]) == code
        out, err = capsys.readouterr()
        return out if code == 0 else err

    return run


def test_the_original_program_comes_first(run):
    assert run() == run("original")
    assert "w1⁺ = w1 + change_w1 = −0.16595599 + 0.28621005 = 0.12025406\n" in run()


def test_the_digits(run):
    assert "net_h1 = w1·i1 + w2·i2 + b1 = 0.15·0.05 + 0.2·0.1 + 0.35 = 0.3775\n" in run("mazur")
    assert "out_h1 = 1/(1 + e^(−net_h1)) = 1/(1 + e^(−0.378)) = 0.593\n" in run(
        "mazur", "--digits", "3"
    )


def test_a_bare_network(run, folder):
    out = run("bare.json", "--data", "rows.csv", "--row", "3", "--row", "1", "--loss", "huber",
              "--optimizer", "adam", "--learning-rate", "0.05", "--digits", "17")  # fmt: skip
    model = nn.load(folder / "bare.json")
    X, T = [[1.0, 2.0], [0.5, -1.0]], [[0.0], [1.0]]
    assert out == str(nn.explain(model, X, T, "huber", nn.Adam(0.05), digits=17)) + "\n"


def test_an_estimator(run):
    out = run("m.json", "--data", "t.csv", "--row", "2", "--only", "layer 2, update")
    assert "The loss is BinaryCrossEntropy(from_logits=False)" in out
    assert "UPDATE\n\nlayer 2: Dense(3, 1)\n" in out
    assert "FORWARD" not in out


def test_a_page(run, folder):
    assert run("xor", "--html", "xor.html").endswith(" lines written to xor.html\n")
    assert (folder / "xor.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_json(run):
    found = json.loads(run("mazur", "--only", "2.W[0][0], update", "--json"))
    (line,) = found["lines"]
    assert line == {
        "part": "update", "layer": 2, "column": 0, "row": None, "weight": "2.W[0][0]",
        "name": "w5⁺", "formula": "w5 − rate·∂E/∂w5", "numbers": "0.4 − 0.5·0.082167041",
        "result": pytest.approx(0.35891648, abs=1e-8), "note": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mazzur"], "'mazzur' is neither a file nor an example; did you mean 'mazur'?"),
        (["m.json"], "explain needs --data TABLE to explain a step of m.json"),
        (["mazur", "--row", "1"], "--row needs a model and --data TABLE"),
        (["mazur", "--learning-rate", "1"], "--learning-rate needs a model and --data TABLE"),
        (["m.json", "--data", "t.csv", "--row", "61"], "t.csv has 60 rows, got --row 61"),
        (["m.json", "--data", "t.csv", "--loss", "mse"],
         "--loss is for bare networks; this model learned by BinaryCrossEntropy("),
        (["m.json", "--data", "t.csv", "--only", "layer 9"],
         "explain needs a layer from 0 to 3, got layer 9"),
        (["bare.json", "--data", "t.csv"],
         "t.csv, line 2: could not convert string to float: 'no'"),
        (["mazur", "--html", "no/where.html"], "no/where.html cannot be written: there is no "
         "directory "),
    ],
)  # fmt: skip
def test_errors(run, words, message):
    assert run(*words, code=2).startswith(f"tinynn: {message}")
