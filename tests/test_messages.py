"""Messages quote at most a line of what they got, and have at most 1,000 characters.

Long texts, long lists and huge numbers are put wherever the library takes a value.
"""

from __future__ import annotations

import inspect

import pytest

import tinynn as nn
from tinynn.cli import main
from tinynn.errors import TinynnError
from tinynn.preprocessing import TableEncoder

LONG = "é\x1b\n\u202e" * 5000
MANY = [f"column {i}" for i in range(2000)]
HUGE = 10**5000
VALUES = {
    "text": LONG, "bytes": LONG.encode(), "texts": [LONG, LONG + "2"], "many": MANY,
    "names": {LONG: 1.0}, "huge": HUGE, "negative": -HUGE, "rows": [[LONG, 1.0]] * 3,
    "columns": {LONG: [1, 2]}, "nested": [[[LONG]]], "row of huge": [[HUGE]],
}  # fmt: skip
ROWS, LABELS = [[1.0, "a"], [2.0, "b"], [3.0, "a"]] * 4, ["x", "y", "x"] * 4
USUAL = {
    "model": nn.Sequential(nn.Dense(2, 1), seed=1), "inputs": [[1.0, 2.0]], "X": [[1.0, 2.0]],
    "targets": [[1.0]], "T": [[1.0]], "y": [1.0], "loss": "mse",
}  # fmt: skip


def message(call):
    """Return the message of the TinynnError that a call raises, if it raises one."""
    try:
        call()
    except TinynnError as error:
        return str(error)
    except (TypeError, OSError, ValueError) as error:  # Python's own, for arguments of its calls
        assert "Exceeds the limit" not in str(error)
    return ""


def long_quotes(text):
    """Return whether a message quotes more than a line of `LONG`."""
    return text.count("é") > 200


@pytest.mark.parametrize(
    "value", [value for name, value in VALUES.items() if "hu" not in name and name != "negative"]
)
@pytest.mark.parametrize("name", ["Classifier", "Regressor", "TableEncoder", "Dense", "Adam"])
def test_settings(name, value):
    kind = TableEncoder if name == "TableEncoder" else getattr(nn, name)
    for parameter in inspect.signature(kind).parameters:
        needed = {"inputs": 2, "outputs": 2} if name == "Dense" else {}

        def call(parameter=parameter, needed=needed):
            made = kind(**{**needed, parameter: value})
            if hasattr(made, "partial_fit"):
                made.fit(ROWS, *([LABELS] if name == "Classifier" else []))

        assert len(message(call)) <= 1000


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("kind", [nn.Classifier, nn.Regressor])
def test_tables_of_estimators(kind, value):
    def model():
        return kind((2,), max_iter=1, random_state=0)

    targets = LABELS if kind is nn.Classifier else list(range(12))
    for call in (
        lambda: model().fit(value, targets),
        lambda: model().fit(ROWS, value),
        lambda: model().fit(ROWS, [value] * 12),
        lambda: model().fit(ROWS, targets, sample_weight=value),
        lambda: model().fit([[value, 1.0]] * 12, targets),
        lambda: model().fit(ROWS, targets).predict(value),
        lambda: model().fit(ROWS, targets).predict([[value, value]]),
        lambda: model().fit(ROWS, targets).predict([[LONG, "a"]]),
        lambda: model().fit({LONG: [1, 2, 3] * 4, "b": MANY[:12]}, targets).predict({"c": [1]}),
        lambda: model().fit({LONG: [1, 2, 3] * 4}, targets).predict({LONG: [value]}),
    ):
        text = message(call)
        assert len(text) <= 1000
        assert text.isprintable()


@pytest.mark.parametrize("kind", ["number", "category", "date", "words", "drop", "no kind"])
@pytest.mark.parametrize("column", [[LONG] * 3, [1, 2, LONG], ["2020-01-01", "2021-01-01", LONG]])
def test_columns_of_encoders(kind, column):
    rows = [[cell, 1] for cell in column]

    def call():
        encoder = TableEncoder(names=[LONG, "b"], kinds={LONG: kind}).fit(rows)
        encoder.transform([[LONG + "2", 1]])

    try:
        call()
    except TinynnError as error:
        assert len(str(error)) <= 1000
        assert not long_quotes(str(error))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"{k % 7},k{k % 5},{'yes' if k % 3 else 'no'}" for k in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *lines, ""]), encoding="utf-8")
    return tmp_path


def csv(*rows):
    return "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)


SHORT = LONG[:4000]
TABLES = {
    "long names": csv([SHORT, SHORT + "2", "y"], *[["1", "2", "x"], ["3", "4", "z"]] * 20),
    "equal names": csv([SHORT, SHORT, "y"], *[["1", "2", "x"], ["3", "4", "z"]] * 20),
    "long cells": csv(["a", "b", "y"], *[[SHORT, "2", "x"], ["3", "4", "z"]] * 20),
    "long labels": csv(["a", "b", "y"], *[["1", "2", SHORT], ["3", "4", SHORT + "2"]] * 20),
    "a long label": csv(["a", "b", "y"], *[["1", "2", "x"]] * 20, ["1", "2", SHORT]),
    "one label": csv(["a", "b", "y"], *[["1", "2", SHORT]] * 20),
    "many columns": csv([*MANY, "y"], *[["1"] * 2000 + ["x"], ["2"] * 2000 + ["z"]] * 4),
    "too many cells": csv(["a", "y"], *[["1", "x"], ["2", "z"]] * 9, ["1", "x", SHORT]),
    "a cell that is too long": csv(["a", "y"], *[["1", "x"], ["2", "z"]] * 9, [LONG * 20, "x"]),
    "no table": LONG,
}  # fmt: skip


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_commands_on_long_tables(folder, capsys, table):
    (folder / "x.csv").write_bytes(table.encode("utf-8"))
    train = ["train", "t.csv", "--target", "y", "--epochs", "1", "--quiet", "--out", "m.json"]
    assert main(train) == 0
    new = ["--epochs", "1", "--out", "n.json", "--hidden", "2"]
    for words in (
        ["train", "x.csv", "--target", "y", *new],
        ["train", "x.csv", "--target", "y", *new, "--task", "regress"],
        ["train", "x.csv", "--target", "y", *new, "--numbers", "1"],
        ["train", "x.csv", "--target", "y", *new, "--dates", "1"],
        ["train", "x.csv", "--target", "none", *new],
        ["train", "x.csv", "--target", "y", *new, "--stream"],
        ["inspect", "n.json"],
        ["evaluate", "n.json", "x.csv", "--no-importance"],
        ["evaluate", "m.json", "x.csv", "--no-importance"],
        ["evaluate", "n.json", "t.csv", "--no-importance"],
        ["predict", "n.json", "t.csv", "--out", "o.csv"],
        ["predict", "m.json", "x.csv", "--out", "o.csv"],
        ["predict", "m.json", "x.csv", "--out", "o.csv", "--keep-going"],
    ):
        code = main(words)
        err = capsys.readouterr().err
        assert code in (0, 1, 2)
        assert "a bug" not in err, err
        assert all(len(line) <= 1010 for line in err.splitlines()), words


@pytest.mark.parametrize(
    "words",
    [
        [LONG], ["--" + LONG], ["train", LONG, "--target", "y"], ["train", "t.csv", "--" + LONG],
        ["train", "t.csv", "--target", LONG], ["train", "t.csv", "--target", "y", "--epochs", LONG],
        ["train", "t.csv", "--target", "y", "--hidden", LONG],
        ["train", "t.csv", "--target", "y", "--solver", LONG],
        ["train", "t.csv", "--target", "y", "--class-weights", LONG],
        ["train", "t.csv", "--target", "y", "--class-weights", LONG + "=1"],
        ["train", "t.csv", "--target", "y", "--numbers", ",".join(MANY)],
        ["train", "t.csv", "--target", "y", "--numbers", LONG],
        ["train", "t.csv", "--target", "y", "--encoding", LONG],
        ["train", "t.csv", "--target", "y", "--delimiter", LONG],
        ["train", "t.csv", "--target", "y", "--out", LONG],
        ["inspect", LONG], ["vendor", "x.py", "--include", LONG], ["demo", "--csv", LONG],
    ],
    ids=range(18),
)  # fmt: skip
def test_long_options(folder, capsys, words):
    assert main(words) == 2
    err = capsys.readouterr().err
    assert err.startswith("tinynn: ") and err.count("\n") == 1
    assert len(err) <= 1010
