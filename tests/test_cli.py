"""The command line as a user sees it: each command, its help, its exit codes, its refusals.

`run` calls it in this process, `run_process` in one of its own, where that makes a difference.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import os
import pathlib
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import warnings

import pytest
from hypothesis import given, strategies as st

import tinynn
from tinynn.cli import COMMANDS, compare, main, models
from tinynn.cli.console import Console, Meter
from tinynn.cli.decimals import guessed_decimal
from tinynn.cli.models import About, Model, load_any
from tinynn.cli.parser import column_list, column_name
from tinynn.cli.reporting import model_page
from tinynn.cli.tables import Lines, cell_reader, guessed_target, load_table
from tinynn.cli.testing import answered, findings_of, split_rows, tried
from tinynn.cli.training import class_weights
from tinynn.data import load_iris
from tinynn.data.files import TableFile
from tinynn.errors import DataError, SettingError, TinynnError
from tinynn.metrics.intervals import Comparison, compared

FILE = pathlib.Path(tinynn.__file__).resolve()
ROOT = FILE.parents[FILE.name == "__init__.py"]  # where it is imported from: a folder, or one file
IRIS = ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"]


def run_process(*words, cwd, code=0, stdin=b"", package=ROOT):
    """Run the command in a process of its own; return (standard output, standard error)."""
    done = subprocess.run(
        [sys.executable, "-m", "tinynn", *map(str, words)],
        cwd=cwd, input=stdin, capture_output=True, timeout=300,
        env={**os.environ, "PYTHONPATH": str(package), "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    return checked(done.returncode, code, done.stdout, done.stderr)


def run(*words, cwd, code=0, stdin=b""):
    """Run the command in this process; return (standard output, standard error)."""
    kept, folder = (sys.stdin, sys.stdout, sys.stderr), os.getcwd()
    streams = [io.BytesIO(stdin), io.BytesIO(), io.BytesIO()]
    sys.stdin, sys.stdout, sys.stderr = (io.TextIOWrapper(s, encoding="utf-8") for s in streams)
    os.chdir(cwd)
    try:
        with warnings.catch_warnings():  # as a new process has them
            warnings.simplefilter("default")
            returned = main([*map(str, words)])
    except SystemExit as end:  # after --help
        returned = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        wrote = streams[1].getvalue(), streams[2].getvalue()
        sys.stdin, sys.stdout, sys.stderr = kept
        os.chdir(folder)
    return checked(returned, code, *wrote)


def checked(returned, code, out, err):
    """Return what a command wrote, if its exit code is the one that was expected."""
    out, err = out.decode(), err.decode()
    assert returned == code, f"exit code {returned}\n{out}\n{err}"
    assert "Traceback" not in err
    return out.replace("\r\n", "\n"), err.replace("\r\n", "\n")


def write_table(path, header, rows, delimiter=","):
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([header, *rows])
    return path


def iris_rows():
    flowers = load_iris()
    return [
        [*row, flowers.target_names[target]] for row, target in zip(flowers.inputs, flowers.targets)
    ]


def people(count, seed=1):
    """Return rows of age, town, income (some missing) and whether they came."""
    rng = random.Random(seed)
    rows = []
    for _ in range(count):
        age, town = rng.randrange(18, 80), rng.choice(["Ulm", "Köln", "Bonn"])
        came = age / 40 + (town == "Ulm") + rng.gauss(0, 0.2) > 1.5
        income = "" if rng.random() < 0.1 else f"{rng.gauss(3000, 500):.2f}"
        rows.append([age, town, income, "yes" if came else "no"])
    return rows


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A directory with tables, and models trained on them."""
    folder = tmp_path_factory.mktemp("home")
    write_table(folder / "iris.csv", IRIS, iris_rows())
    write_table(folder / "people.csv", ["age", "town", "income", "came"], people(120))
    line = [[x / 10, x % 7, 3 * x / 10 + x % 7] for x in range(100)]
    write_table(folder / "line.csv", ["x", "z", "y"], line)
    for name, target in (("iris", "species"), ("people", "came"), ("line", "y")):
        run(
            "train", f"{name}.csv", "--target", target, "--out", f"{name}.json", "--epochs", 40,
            "--quiet", cwd=folder,
        )  # fmt: skip
    model = tinynn.Sequential(tinynn.Dense(2, 3), tinynn.Tanh(), tinynn.Dense(3, 1), seed=1)
    model.save(folder / "bare.json")
    return folder


# --- the door -----------------------------------------------------------------------------------


def test_without_a_command_it_lists_the_commands(tmp_path):
    out, err = run_process(cwd=tmp_path)
    assert err == ""
    for name, what in COMMANDS.items():
        assert re.search(rf"^  {name} +{what}$", out, re.MULTILINE)
    assert run("--help", cwd=tmp_path)[0] == out
    assert run("--version", cwd=tmp_path)[0] == f"tinynn {tinynn.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_examples(command, tmp_path):
    out, err = run(command, "--help", cwd=tmp_path)
    assert err == ""
    assert out.startswith(f"usage: python3 -m tinynn {command}")
    examples = out.partition("examples:\n")[2].splitlines()
    assert examples
    assert all(line.startswith(f"  python3 -m tinynn {command}") for line in examples)
    assert max(map(len, out.splitlines())) <= 120


def test_a_bug_is_one_sentence_too(tmp_path, home):
    code = (
        "import sys, tinynn.cli as c; c.COMMANDS['inspect']; import tinynn.cli.inspect as i\n"
        "i.run = lambda options: 1 / 0\nsys.exit(c.main(['inspect', 'x']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.decode() == (
        "tinynn: this is a bug in tinynn: ZeroDivisionError: division by zero; set TINYNN_DEBUG=1 "
        "to see where\n"
    )


# --- train --------------------------------------------------------------------------------------


def test_train_says_what_it_guessed_and_how_good_the_model_is(home, tmp_path):
    out, err = run(
        "train", home / "people.csv", "--target", "came", "--epochs", 30, "--out", "m.json",
        "--report", "m.html", cwd=tmp_path,
    )  # fmt: skip
    assert "120 rows, separated by commas, the first line names the columns\n" in out
    assert "target 'came': 2 classes (" in out
    assert "\n  age     number, from " in out
    assert (
        "\n  town    category with 3 kinds ('Bonn', 'Köln', 'Ulm'): few different values in 120 "
        "rows\n" in out
    )
    assert "and marked in a second column: every value is a number\n" in out
    assert "rows: 77 to train on, 19 to decide when to stop, 24 to test\n" in out
    assert re.search(r"^trained \d+ epochs in [\d.]+ s, ended (by|after) ", out, re.MULTILINE)
    assert re.search(r"; always '(no|yes)', the most frequent class: 0\.", out)
    assert "\ntrue \\ predicted " in out
    assert out.endswith("\nmodel written to m.json\nreport written to m.html\n")
    # Not on a terminal: lines, and no signs that move a cursor.
    assert re.search(r"^epoch 3/30  loss 0\.\d+  validation 0\.\d+  score .* s left$", err, re.M)
    assert "\x1b" not in err + out
    assert "\r" not in err + out
    page = (tmp_path / "m.html").read_text(encoding="utf-8")
    for title in ("Confusion matrix", "ROC", "Calibration", "Loss by epoch", "The network"):
        assert f">{title}</text>" in page
    assert "Importance of the columns" in page


def test_train_as_json_and_quietly(home, tmp_path):
    words = ("train", home / "line.csv", "--target", "y", "--epochs", 5, "--hidden", "4,3")
    out, err = run(*words, "--json", "--quiet", cwd=tmp_path)
    result = json.loads(out)
    assert err == ""
    assert (result["task"], result["target"]) == ("regress", "y")
    assert result["rows"] == {"train": 64, "validation": 16, "test": 20}
    assert result["network"] == (
        "Sequential(Dense(2, 4), ReLU(), Dense(4, 3), ReLU(), Dense(3, 1))"
    )
    assert set(result["test"]) == {
        name + metric
        for name in ("", "baseline_", "linear_")
        for metric in ("r2", "mean_absolute_error", "root_mean_squared_error")
    }
    assert run(*words, "--quiet", "--out", "m.json", cwd=tmp_path) == ("", "")
    again = json.loads(run(*words, "--json", "--quiet", cwd=tmp_path)[0])
    assert (again["test"], again["epochs"]) == (result["test"], result["epochs"])


@pytest.mark.slow
def test_iris_is_learned_from_a_file_whatever_the_seed(home, tmp_path):
    found = []
    for seed in range(10):
        out, _ = run(
            "train", home / "iris.csv", "--target", "species", "--seed", seed, "--json", "--quiet",
            cwd=tmp_path,
        )  # fmt: skip
        found.append(json.loads(out)["test"]["accuracy"])
    # Of 30 flowers, one row is 0.033: a single test says little, ten say more.
    assert sum(found) / len(found) >= 0.95 and min(found) >= 0.9


def test_train_reads_pipes_tabs_compression_and_tables_without_a_header(home, tmp_path):
    rows = people(60)
    table = io.StringIO()
    csv.writer(table, delimiter="\t").writerows(rows)
    data = gzip.compress(table.getvalue().encode("utf-8"))
    out, _ = run(
        "train", "-", "--target", "-1", "--epochs", 3, "--out", "m.json", cwd=tmp_path, stdin=data
    )
    assert out.startswith("standard input: 60 rows, separated by tabs, no header\ntarget 'c4': 2")
    out, _ = run("predict", "m.json", "-", "--quiet", cwd=tmp_path, stdin=data)
    assert out.splitlines()[0] == "c1,c2,c3,c4,predicted_c4"
    assert len(out.splitlines()) == 61


def test_train_reads_numbers_of_other_countries(tmp_path):
    rows = [[f"{x},5", f"{2 * x},25"] for x in range(40)]
    write_table(tmp_path / "t.csv", ["x", "y"], rows, ";")
    out, _ = run("train", "t.csv", "--target", "y", "--epochs", 2, cwd=tmp_path)
    assert (
        "t.csv: 40 rows, separated by semicolons, the first line names the columns, decimal " in out
    )
    assert "target 'y': numbers from 0.25 to 78.25" in out
    assert "x  number, from 0.5 to 39.5" in out


def test_train_takes_the_kinds_of_columns_and_words_for_missing_values(home, tmp_path):
    out, _ = run(
        "train", home / "people.csv", "--target", "came", "--categories", "age", "--ignore", "3",
        "--missing", "Bonn", "--epochs", 2, cwd=tmp_path,
    )  # fmt: skip
    assert re.search(r"^  age     category with 50 kinds .*: as asked$", out, re.MULTILINE)
    assert "  income  left out: as asked\n" in out
    assert "town    category with 2 kinds ('Köln', 'Ulm'); " in out
    assert "missing cells encoded as a separate kind: " in out


def test_train_searches_a_size_and_a_rate(home, tmp_path):
    out, _ = run(
        "train", home / "people.csv", "--target", "came", "--search", "--epochs", 3,
        "--solver", "adam", cwd=tmp_path,
    )  # fmt: skip
    table = out.partition("search: ")[2].splitlines()
    assert table[0] == (
        "9 pairs of sizes and learning rate, and a linear model, each cross-validated on 96 "
        "training rows in 3 folds"
    )
    assert table[1].split() == ["hidden", "learning", "rate", "accuracy", "deviation", "seconds"]
    best = re.match(r" *(none|[\d,]+) +", table[3])
    assert table[3].endswith("chosen")
    scores = [float(re.findall(r"-?\d\.\d{3}", line)[-2]) for line in table[3:13]]
    assert scores == sorted(scores, reverse=True)
    sizes = "" if best.group(1) == "none" else f"{best.group(1).replace(',', '-')}-"
    assert f"network 6-{sizes}1, " in out


def test_train_stops_after_a_time_budget(home, tmp_path):
    out, _ = run(
        "train", home / "iris.csv", "--target", "species", "--time-budget", 0.001, "--json",
        "--quiet", cwd=tmp_path,
    )  # fmt: skip
    result = json.loads(out)
    assert result["stopped_by"] == "time budget"
    assert result["epochs"] < 20  # of 200; an epoch takes about as long as the budget


def test_train_can_do_without_a_test_and_without_early_stopping(home, tmp_path):
    out, err = run(
        "train", home / "iris.csv", "--target", "species", "--test-share", 0,
        "--no-early-stopping", "--epochs", 12, cwd=tmp_path,
    )  # fmt: skip
    assert "rows: 150 to train on, 0 to decide when to stop, 0 to test\n" in out
    assert "trained 12 epochs in" in out
    assert "no rows were held out to test the model\n" in out
    assert "validation" not in err


def test_train_streams(tmp_path):
    rows = [[i, *row] for i, row in enumerate(people(3000), 1)]
    write_table(tmp_path / "t.csv", ["id", "age", "town", "income", "came"], rows)
    words = ("train", "t.csv", "--target", "came", "--stream", "--epochs", 3, "--out", "m.json")
    out, err = run(*words, cwd=tmp_path)
    assert "'id' is left out: row numbers, from 1 to 3000 (in the first rows)\n" in out
    assert "the file is read as a stream" in out
    counts = re.search(
        r"rows: ([\d,]+) to train on, (\d+) to decide when to stop, (\d+) to test", out
    )
    held = [int(number.replace(",", "")) for number in counts.groups()]
    assert sum(held) == 3000
    assert 450 < held[1] < 510
    assert 560 < held[2] < 640
    assert float(re.search(r"accuracy ([\d.]+) \(", out).group(1)) > 0.8
    assert "epoch 3/3" in err
    out, _ = run("inspect", "m.json", "--json", cwd=tmp_path)
    assert json.loads(out)["about"]["rows"] == held[0] + held[1]


@pytest.mark.slow
def test_a_stream_takes_little_memory(tmp_path):
    pytest.importorskip("resource")
    rng = random.Random(1)
    with open(tmp_path / "t.csv", "w", encoding="utf-8") as file:
        file.write(",".join(f"x{i}" for i in range(19)) + ",y\n")
        for _ in range(100_000):
            x = [rng.gauss(0, 1) for _ in range(19)]
            file.write(",".join(f"{v:.4f}" for v in x) + f",{int(x[0] > x[1])}\n")
    # A small process between: one that is started inherits the peak of its parent, which is pytest.
    train = [sys.executable, "-m", "tinynn", "train", "t.csv", "--target", "y", "--stream"]
    code = (
        "import resource, subprocess\n"
        f"subprocess.run({[*train, '--epochs', '1', '--quiet']!r}, check=True)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(done.stdout) * unit < 200e6


@pytest.mark.skipif(os.name == "nt", reason="a process cannot be sent Ctrl-C alone there")
def test_ctrl_c_keeps_the_best_model_so_far(home, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "tinynn", "train", home / "iris.csv", "--target", "species",
         "--epochs", "1000000", "--patience", "1000000", "--out", "m.json"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        # What runs in the background of a shell ignores Ctrl-C, and so do its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stderr.readline().startswith(b"epoch 1/1000000 ")
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    found = re.search(
        r"interrupted after [\d,]+ epochs? in [\d.]+ s: the best model so far is kept", err.decode()
    )
    assert found
    assert b"Traceback" not in err
    assert out.endswith(b"model written to m.json\n")
    assert isinstance(load_any(str(tmp_path / "m.json")), Model)


def test_no_model_is_half_written(home, tmp_path):
    (tmp_path / "m.json").write_text("old")
    run(
        "train", home / "iris.csv", "--target", "species", "--solver", "sgd", "--learning-rate",
        "1e300", "--out", "m.json", "--quiet", cwd=tmp_path, code=2,
    )  # fmt: skip
    assert (tmp_path / "m.json").read_text() == "old"
    assert os.listdir(tmp_path) == ["m.json"]


# --- predict ------------------------------------------------------------------------------------


def read_csv(text):
    return list(csv.reader(io.StringIO(text)))


def test_predict_adds_columns(home):
    out, err = run("predict", "iris.json", "iris.csv", "--proba", cwd=home)
    header, *rows = read_csv(out)
    names = ["setosa", "versicolor", "virginica"]
    assert header == [*IRIS, "predicted_species", *(f"probability_{name}" for name in names)]
    assert err == ""
    assert len(rows) == 150
    assert sum(row[4] == row[5] for row in rows) > 140
    for row in rows:
        P = list(map(float, row[6:]))
        assert sum(P) == pytest.approx(1.0, abs=1e-5)
        assert names[P.index(max(P))] == row[5]


def test_predict_gives_what_python_gives(home):
    model = tinynn.estimators.load(home / "line.json")
    expected = model.predict([[x / 10, x % 7] for x in range(100)])
    out, _ = run("predict", "line.json", "line.csv", "--only", cwd=home)
    header, *rows = read_csv(out)
    assert header == ["predicted_y"]
    assert [float(value) for (value,) in rows] == expected


def test_predict_does_not_mind_the_order_of_columns_or_more_of_them(home, tmp_path):
    straight, _ = run("predict", "iris.json", "iris.csv", "--only", cwd=home)
    turned = [["x", *reversed(row)] for row in iris_rows()]
    write_table(tmp_path / "t.csv", ["more", *reversed(IRIS)], turned)
    assert run("predict", home / "iris.json", "t.csv", "--only", cwd=tmp_path)[0] == straight


def test_predict_reports_missing_cells_and_unseen_categories(home, tmp_path):
    rows = [[40, "Ulm", ""], [40, "Rom", 3000], ["", "Rom", 3000], [40, "Paris", 3000]]
    write_table(tmp_path / "t.csv", ["age", "town", "income"], rows)
    out, err = run("predict", home / "people.json", "t.csv", "--out", "o.csv", cwd=tmp_path)
    assert out == ""
    assert err == (
        "note: t.csv has missing cells, filled as in training: 1 in 'income', 1 in 'age'\n"
        "note: column 'town' has categories not seen in training, read as none of the known ones: "
        "'Rom' (2), 'Paris' (1)\n"
        "4 rows written to o.csv\n"
    ) or err.startswith("note: t.csv has missing cells, filled as in training: 1 in 'age', 1 in")
    header, *answers = read_csv((tmp_path / "o.csv").read_text(encoding="utf-8"))
    assert header == ["age", "town", "income", "predicted_came"]
    assert {row[3] for row in answers} <= {"yes", "no"}
    assert run(
        "predict", home / "people.json", "t.csv", "--out", "o.csv", "--quiet", cwd=tmp_path
    ) == ("", "")


def test_a_terminal_without_these_letters_gets_others(home, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tinynn", "inspect", home / "people.json"], cwd=tmp_path,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
    )  # fmt: skip
    assert done.returncode == 0
    assert b"('Bonn', 'K?ln', 'Ulm')" in done.stdout
    assert re.search(rb"^loss +\d\.\d{4} #", done.stdout, re.MULTILINE)


def test_predict_leaves_no_file_behind_that_is_not_whole(home, tmp_path):
    rows = [[*row[:4]] for row in iris_rows() * 40]
    rows[5000][2] = "oops"
    write_table(tmp_path / "t.csv", IRIS[:4], rows)
    _, err = run("predict", home / "iris.json", "t.csv", "--out", "o.csv", cwd=tmp_path, code=2)
    assert err == (
        "tinynn: t.csv: column 'petal_length' needs numbers, got the text 'oops' in line 5002; if "
        "this means a missing value, give --missing 'oops'; --keep-going leaves the answers of "
        "such rows empty\n"
    )
    assert os.listdir(tmp_path) == ["t.csv"]


@pytest.mark.skipif(os.name == "nt", reason="needs a shell's pipe")
def test_a_closed_pipe_is_quiet(home, tmp_path):
    write_table(tmp_path / "t.csv", IRIS, iris_rows() * 100)
    command = f"{sys.executable} -m tinynn predict {home / 'iris.json'} t.csv | head -n 2"
    done = subprocess.run(
        command, shell=True, cwd=tmp_path, capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == b""


def test_a_search_on_processes_has_the_same_result(home, tmp_path):
    words = ["train", "people.csv", "--target", "came", "--search", "--epochs", 3]
    out, err = run(*words, "--out", tmp_path / "one.json", cwd=home)
    same, _ = run(*words, "--out", tmp_path / "two.json", "--jobs", 2, cwd=home)

    def without_seconds(text):
        return re.sub(r" +[\d.]+( +chosen)?$|[\d.]+ s\b|(one|two)\.json", "", text, flags=re.M)

    assert without_seconds(out) == without_seconds(same)
    models = [json.loads((tmp_path / name).read_text()) for name in ("one.json", "two.json")]
    assert models[0]["network"] == models[1]["network"]
    assert "search" not in err
    _, err = run("train", "people.csv", "--target", "came", "--jobs", 2, cwd=home, code=2)
    assert err == "tinynn: --jobs is for --search; add that, or leave out --jobs\n"


# --- evaluate, compare, inspect, plot, gradcheck, bench, demo -----------------------------------


def test_ctrl_c_ends_a_search_and_trains_the_best_so_far(home, monkeypatch, capsys):
    from tinynn.cli import main, search

    def scored(_, fit):
        if fit[0].alpha == 10.0:
            raise KeyboardInterrupt
        return 0.5, "lists", []

    monkeypatch.setattr(search, "_scored", scored)
    monkeypatch.chdir(home)
    assert main(["train", "iris.csv", "--target", "species", "--search", "--epochs", "2"]) == 0
    out, err = capsys.readouterr()
    assert "note: interrupted; training with the best of 2\n" in err
    assert "trained 2 epochs" in out
    monkeypatch.setattr(search, "ALPHAS", search.ALPHAS[2:])  # before there is any
    assert main(["train", "iris.csv", "--target", "species", "--search"]) == 130
    assert capsys.readouterr().err == "tinynn: interrupted\n"


def test_evaluate_says_how_good_a_model_is(home, tmp_path):
    out, err = run(
        "evaluate", "iris.json", "iris.csv", "--report", tmp_path / "e.html", "--at-least", 0.9,
        cwd=home,
    )  # fmt: skip
    assert err == (
        "note: iris.json was trained on rows of a file called iris.csv; if it is this file, the "
        "model will do worse on new rows\n"
    )
    assert re.match(
        r"test on 150 rows: accuracy 0\.9\d\d \(0\.9\d to 0\.\d\d with 95% confidence\), 14\d "
        r"right; always 'setosa', the most frequent class: 0\.333\n",
        out,
    )
    assert "\nsetosa                50           0          0  100.0%\n" in out
    assert "\ncalibration: the predicted probability of the answer, and how often it came" in out
    assert re.search(r"^petal_length .*█", out, re.MULTILINE)
    assert re.search(r"\nline +true +answer +probability of true\n─+\n *\d+ +v\w+ +v\w+ +0\.", out)
    page = (tmp_path / "e.html").read_text(encoding="utf-8")
    for title in ("How each column was read, and why", "Effect of petal_length"):
        assert title in page


def test_evaluate_as_json_and_as_a_check(home):
    out, err = run(
        "evaluate", "line.json", "line.csv", "--json", "--at-least", 0.999999, cwd=home, code=1
    )
    result = json.loads(out)
    assert result["score"] == "r2"
    assert set(result["importance"]) == {"x", "z"}
    assert re.fullmatch(r"note: line.json .*\nr2 0\.\d{4} is below 0\.999999\n", err)
    assert run("evaluate", "line.json", "line.csv", "--quiet", cwd=home) == ("", "")


def imbalanced(count=1500):
    """Return rows of a name, three numbers, a constant, and a rare class that two of them raise."""
    rng = random.Random(3)
    rows = []
    for i in range(count):
        x = [rng.gauss(0, 1) for _ in range(3)]
        yes = rng.random() < 1 / (1 + math.exp(3 - 1.2 * x[0] + 0.8 * x[1]))
        rows.append([f"customer {i}", *(f"{v:.3f}" for v in x), "x", "yes" if yes else "no"])
    return rows


def test_a_rare_class_is_judged_by_ranks_and_reported(tmp_path):
    write_table(tmp_path / "t.csv", ["name", "up", "down", "noise", "same", "left"], imbalanced())
    out, _ = run(
        "train", "t.csv", "--target", "left", "--hidden", 4, "--epochs", 12, "--out", "m.json",
        "--report", "m.html", cwd=tmp_path,
    )  # fmt: skip
    assert re.search(
        r"^By accuracy the model('s lead over| is no better than) always answering 'no'.* but it "
        r"ranks the rows: area under ROC 0\.[78]\d\d \(0\.\d\d to 0\.\d\d\), where 0\.5 is chance",
        out, re.MULTILINE,
    )  # fmt: skip
    assert "learned nothing" not in out
    page = (tmp_path / "m.html").read_text(encoding="utf-8")
    assert "2 columns of the table, which the model does not use." in page
    assert "the same text, &#x27;x&#x27;, in 1,500 rows" in page
    for text in ("The answer rises as up goes up: ", "The answer falls as down goes up: "):
        assert text in page
    (worst,) = re.findall(r"What it got most wrong</h2>.*?</section>", page, re.DOTALL)
    line, true, answer, chance, *cells = re.findall(r"<td[^>]*>(.*?)</td>", worst)[:7]
    lines = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    of_file = lines[int(line) - 1].split(",")
    assert (true, answer) == (of_file[-1], "no" if true == "yes" else "yes")
    assert float(chance) < 0.1
    assert set(cells) == {*of_file[1:4]}
    # A model may go where its data may not.
    assert of_file[0] not in (tmp_path / "m.json").read_text(encoding="utf-8")
    assert f"Made by tinynn {tinynn.__version__}" in page
    result = json.loads(run("inspect", "m.json", "--json", cwd=tmp_path)[0])
    found = result["about"]["findings"]
    assert found["intervals"]["roc_auc"][0] > 0.6
    assert found["worst"][0]["line"] == int(line)
    assert next(iter(found["effects"])) in ("up", "down")


def test_a_linear_model_stands_beside_the_network(tmp_path):
    rows = [row[1:] for row in imbalanced(400)]
    write_table(tmp_path / "t.csv", ["up", "down", "noise", "same", "left"], rows)
    for name, hidden in (("net", "4"), ("line", "none")):
        run(
            "train", "t.csv", "--target", "left", "--hidden", hidden, "--epochs", 3, "--out",
            f"{name}.json", "--quiet", cwd=tmp_path,
        )  # fmt: skip
    network, linear = (load_any(str(tmp_path / f"{name}.json")) for name in ("net", "line"))
    file = TableFile(str(tmp_path / "t.csv"))
    table = load_table(file)
    truth = [cells[-1] for cells in table.rows]
    trial = tried(network, table, network.indices(file), truth, table.lines)
    other = tried(linear, table, linear.indices(file), truth, table.lines)
    assert answered(linear, trial).outputs == other.outputs
    found = findings_of(network, trial, "t.csv", other)
    alone = findings_of(linear, other, "t.csv").metrics
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "roc_auc"):
        assert found.metrics[f"linear_{name}"] == alone[name]
    page = model_page(network, findings_of(network, trial, "t.csv", trial))
    assert '<th class="n">linear model</th>' in page
    assert "A linear model is as good, as far as the test can tell (accuracy 0." in page


def test_the_constants_are_those_of_the_training(tmp_path):
    rows = [[i % 7, 1000.5 if i % 9 == 0 else i % 5 + 0.5] for i in range(100)]
    write_table(tmp_path / "t.csv", ["x", "y"], rows)
    words = ("train", "t.csv", "--target", "y", "--epochs", 1, "--quiet", "--out", "m.json")
    run(*words, cwd=tmp_path)
    content = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    model = load_any(str(tmp_path / "m.json"))
    (mean,), (median,) = model.estimator.targets_.constants
    constants = content["targets"]["constants"]
    assert constants == {"means": [mean], "medians": [median]} and median == 2.5
    assert mean > 50.0
    table = [[0, 2.0], [1, 3.0]]
    write_table(tmp_path / "new.csv", ["x", "y"], table)
    words = ("evaluate", "m.json", "new.csv", "--json", "--no-importance")
    metrics = json.loads(run(*words, cwd=tmp_path)[0])["metrics"]
    assert metrics["baseline_mean_absolute_error"] == 0.5
    assert metrics["baseline_root_mean_squared_error"] == pytest.approx(
        (((mean - 2) ** 2 + (mean - 3) ** 2) / 2) ** 0.5
    )
    # A file of an earlier version has no medians: the test's own stands in.
    del content["targets"]["constants"]
    (tmp_path / "m.json").write_text(json.dumps(content), encoding="utf-8")
    metrics = json.loads(run(*words, cwd=tmp_path)[0])["metrics"]
    assert metrics["baseline_mean_absolute_error"] == 0.5
    for medians in ([], [None], ["2"], [2.0, 3.0], 2.0, [True]):
        content["targets"]["constants"] = {"means": [mean], "medians": medians}
        (tmp_path / "m.json").write_text(json.dumps(content), encoding="utf-8")
        _, err = run(*words, cwd=tmp_path, code=2)
        assert "a saved Regressor needs finite means and medians, one for each output" in err


def test_answers_are_those_of_the_network_whatever_the_engine(home, monkeypatch):
    model = load_any(str(home / "iris.json"))
    rows = [[0.1 * i, -0.3, 0.2, 0.5] for i in range(40)]
    plain = model.outputs(rows)
    monkeypatch.setattr(models, "WORTH_COMPILING", 0)
    for engine in (None, "auto", "lists"):
        found = model._replace(engine=engine).outputs(rows)
        assert [x for row in found for x in row] == pytest.approx([x for row in plain for x in row])
    monkeypatch.setenv("TINYNN_ENGINE", "auto")
    assert models.fastest_engine() == "auto"


def test_compare_says_which_is_better(home, tmp_path):
    run(
        "train", home / "people.csv", "--target", "came", "--ignore", "age,town", "--out", "w.json",
        "--epochs", 5, "--quiet", cwd=tmp_path,
    )  # fmt: skip
    words = ("compare", home / "people.json", "w.json", home / "people.csv")
    out, _ = run(*words, cwd=tmp_path)
    assert "\naccuracy " in out
    assert out.endswith("The first is better.\n")
    out, err = run(*words, "--json", "--no-worse-than", 0.05, cwd=tmp_path, code=1)
    result = json.loads(out)
    assert result["difference"] < -0.05
    assert result["p_value"] < 0.05
    assert err.splitlines()[-1].startswith("the second model's accuracy is lower by 0.")
    out, _ = run("compare", "w.json", "w.json", home / "people.csv", cwd=tmp_path)
    assert out.endswith("p = 1\nThese rows do not show which of the two is better.\n")
    assert re.search(r"^accuracy +0\.\d{3} \(0\.\d\d to 0\.\d\d\) +0\.\d{3} \(", out, re.MULTILINE)


def test_numbers_are_compared_by_squared_errors_and_by_how_often():
    often = Comparison(90, 10, 1e-9)  # the first alone is closer in 90 rows, the second in 10
    assert compare._verdict(0.2, 1e-4, often) == "The second is better."
    assert compare._verdict(0.2, 0.4, often) == (
        "The first is more often closer, but R² does not show which of the two is better."
    )


def test_inspect_says_what_is_in_a_file(home):
    out, err = run("inspect", "iris.json", cwd=home)
    assert err == ""
    assert out.startswith(
        "iris.json: a classifier of 3 classes (setosa, versicolor, virginica)\n"
        "target 'species', trained on 96 rows of iris.csv, 24 more to decide when to stop; after "
        "its test, once more on all 150 rows\n"
    )
    assert "\n  sepal_length: number, from 4.3 to 7.9: every value is a number\n" in out
    assert "Dense(4, 32)" in out
    assert re.search(r"^loss +\d\.\d{4} █", out, re.MULTILINE)
    content = json.loads(run("inspect", "iris.json", "--json", cwd=home)[0])
    assert content["network"]["parameters"] == 259
    assert len(content["training"]["loss"]) == content["training"]["epochs"]
    assert content["about"]["findings"]["rows"] == 30


def test_inspect_and_plot_take_a_bare_network(home, tmp_path):
    out, _ = run("inspect", "bare.json", cwd=home)
    assert out.startswith("bare.json: a bare network, without columns\n\nlayer")
    assert json.loads(run("inspect", "bare.json", "--json", cwd=home)[0])["parameters"] == 13
    assert run("plot", home / "bare.json", cwd=tmp_path)[0].startswith("layer")
    run("plot", home / "bare.json", "--out", "b.html", cwd=tmp_path)
    assert "The network</text>" in (tmp_path / "b.html").read_text(encoding="utf-8")


def test_plot_draws_text_pages_and_svg_files(home, tmp_path):
    out, _ = run("plot", home / "iris.json", cwd=tmp_path)
    assert re.search(r"^validation +\d\.\d{4} [▁-█]+ \d\.\d{4}$", out, re.MULTILINE)
    assert "true \\ predicted" in out
    out, _ = run("plot", home / "iris.json", "--out", "p.html", cwd=tmp_path)
    assert out == "report written to p.html\n"
    out, _ = run(
        "plot", home / "line.json", "--out", "svg", "--data", home / "line.csv", cwd=tmp_path
    )
    names = [
        "loss", "predictions", "importance", "effect_1", "effect_2", "network", "weights",
    ]  # fmt: skip
    assert out == "".join(f"{os.path.join('svg', name)}.svg\n" for name in names)
    assert all((tmp_path / "svg" / f"{name}.svg").stat().st_size > 500 for name in names)


def test_gradcheck_holds_a_model_against_differences(home, tmp_path):
    out, _ = run("gradcheck", "people.json", "people.csv", "--rows", 3, cwd=home)
    assert re.match(r"people.json, on 3 rows: all \d+ derivatives agree; the worst is ", out)
    write_table(tmp_path / "t.csv", ["a", "b", "y"], [[1, 2, 0.5], [0.5, -1, 2]])
    out, _ = run("gradcheck", home / "bare.json", "t.csv", "--json", cwd=tmp_path)
    result = json.loads(out)
    assert (result["ok"], result["rows"], result["checked"]) == (True, 2, 17)
    out, err = run(
        "gradcheck", home / "bare.json", "t.csv", "--tolerance", 1e-30, "--quiet", cwd=tmp_path,
        code=1,
    )  # fmt: skip
    assert out == ""
    assert re.fullmatch(r"", err)


def test_bench_is_a_door_to_the_benchmarks_or_says_where_they_are(tmp_path):
    if (ROOT / "benchmarks" / "__main__.py").exists():
        out, _ = run_process("bench", "--list", cwd=tmp_path)
        assert "original" in out
    shutil.copytree(
        ROOT / "tinynn", tmp_path / "tinynn", ignore=shutil.ignore_patterns("__pycache__")
    )
    _, err = run_process("bench", cwd=tmp_path, code=2, package=tmp_path)
    assert err == (
        "tinynn: the benchmarks are not part of the package, nor are they beside "
        f"{os.path.realpath(tmp_path / 'tinynn')}; clone tinynn's repository and run "
        "`python3 -m benchmarks` in it\n"
    )


def test_demo_trains_both_programs(tmp_path):
    out, err = run_process("demo", cwd=tmp_path)
    assert err == ""
    assert "10,000   0.98977040\n" in out
    assert "test accuracy 0.9" in out


def test_demo_writes_a_table_that_the_next_command_reads(tmp_path):
    out, err = run("demo", "--csv", "my iris.csv", cwd=tmp_path)
    first, second = out.splitlines()
    assert (first, err) == (
        "150 iris flowers written to my iris.csv; train a model on them with", "",
    )  # fmt: skip
    with open(tmp_path / "my iris.csv", encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == [*load_iris().feature_names, "species"]
    assert [[*map(float, row[:4]), row[4]] for row in rows] == iris_rows()
    program, command = shlex.split(second)[:3], shlex.split(second)[3:]
    assert program == ["python3", "-m", "tinynn"]
    run(*command, "--epochs", 1, "--quiet", cwd=tmp_path)
    assert (tmp_path / "iris-model.json").exists()
    _, err = run("demo", "--csv", "no/iris.csv", cwd=tmp_path, code=2)
    assert err.startswith("tinynn: no/iris.csv cannot be written: there is no directory")


# --- refusals: one sentence, exit code 2 --------------------------------------------------------

WITH_HELP = "; see `python3 -m tinynn {} --help`"
TRAIN = ["train", "iris.csv", "--target", "species"]


REFUSED = [
    (["trian"], "unknown command 'trian'; did you mean 'train'?"),
    (
        ["train", "iris.csv"],
        "the following arguments are required: --target" + WITH_HELP.format("train"),
    ),
    (
        [*TRAIN, "--hiddn", "3"],
        "unknown option --hiddn; did you mean '--hidden'?" + WITH_HELP.format("train"),
    ),
    (
        [*TRAIN, "--hidden", "x"],
        "argument --hidden: needs a whole number of at least 1, got 'x'"
        + WITH_HELP.format("train"),
    ),
    (
        [*TRAIN, "--test-share", "1.5"],
        "argument --test-share: needs a share of at least 0 and below 1, got '1.5'"
        + WITH_HELP.format("train"),
    ),
    ([*TRAIN, "--loss", "huber"], "--loss needs a target of numbers, got classes"),
    (
        ["train", "iris.csv", "--target", "petal_length", "--class-weights", "balanced"],
        "--class-weights needs a target of classes, got numbers",
    ),
    (
        ["train", "iris.csv", "--target", "Specis"],
        "iris.csv: there is no column 'Specis' in the table; did you mean 'species'?",
    ),
    (
        ["train", "irs.csv", "--target", "species"],
        "there is no file irs.csv; did you mean iris.csv?",
    ),
    (["train", ".", "--target", "y"], ". is a directory; give the path of a file"),
    (
        [*TRAIN, "--ignore", "sepal"],
        "there is no column 'sepal' in the table; did you mean 'sepal_width'?",
    ),
    (
        [*TRAIN, "--numbers", "sepal_width", "--ignore", "sepal_width"],
        "column 'sepal_width' can be in only one of --numbers and --ignore",
    ),
    (
        [*TRAIN, "--out", "no/m.json"],
        "no/m.json cannot be written: there is no directory {home}/no",
    ),
    ([*TRAIN, "--out", "."], ". is a directory; give the name of a file"),
    (
        [*TRAIN, "--search", "--stream"],
        "--search needs the table in memory; give --no-stream, or leave out --search",
    ),
    (
        [*TRAIN, "--class-weights", "5"],
        "--class-weights needs balanced, or weights like yes=5,no=1, got '5'",
    ),
    (
        [*TRAIN, "--encoding", "klingon"],
        "an encoding needs to be one that Python knows, such as utf-8, cp1252 or latin-1, "
        "got 'klingon'",
    ),
    (
        ["predict", "iris.jsn", "iris.csv"],
        "there is no model file iris.jsn; did you mean iris.json?",
    ),
    (["predict", ".", "iris.csv"], ". cannot be read: Is a directory"),
    (
        ["predict", "iris.csv", "iris.csv"],
        "iris.csv is not a complete model file: Expecting value at line 1, column 1",
    ),
    (
        ["predict", "bare.json", "iris.csv"],
        "bare.json holds a bare network, without columns; this command needs a model from "
        "`train`, Classifier or Regressor",
    ),
    (
        ["predict", "iris.json", "line.csv"],
        "iris.json needs a column 'sepal_length', which line.csv does not have (3 more are "
        "missing); available: 'x', 'z', 'y'",
    ),
    (
        ["predict", "line.json", "line.csv", "--proba"],
        "--proba needs a classifier; line.json is a regressor",
    ),
    (
        ["evaluate", "iris.json", "iris.csv", "--target", "specie"],
        "iris.csv: there is no column 'specie' in the table; did you mean 'species'?; "
        "give its name with --target",
    ),
    (
        ["evaluate", "people.json", "people.csv", "--target", "town"],
        "people.csv, line 2: {town!r} is not a class of people.json, which knows no, yes",
    ),
    (
        ["compare", "iris.json", "line.json", "iris.csv"],
        "iris.json is a classifier and line.json a regressor: they cannot be compared",
    ),
    (
        ["plot", "iris.json", "--out", "iris.csv"],
        "iris.csv is a file; give a directory for SVG files, or a name ending in .html",
    ),
    (
        ["plot", "bare.json", "--data", "iris.csv"],
        "--data needs a model with columns; bare.json holds a bare network",
    ),
    (
        ["gradcheck", "bare.json", "iris.csv"],
        "iris.csv needs 3 columns for this network, 2 inputs and then 1 output, got 5",
    ),
    (
        ["demo", "--seed", "x"],
        "argument --seed: needs a whole number of at least 0, got 'x'" + WITH_HELP.format("demo"),
    ),
    (["inspect"], "the following arguments are required: MODEL" + WITH_HELP.format("inspect")),
]


@pytest.mark.parametrize(("words", "message"), REFUSED, ids=lambda x: " ".join(x)[:50])
def test_what_cannot_be_is_refused_in_one_sentence(home, words, message):
    _, err = run(*words, cwd=home, code=2)
    message = message.format(home=os.path.realpath(home), town=people(1)[0][1])
    assert err.replace(os.path.abspath(home), os.path.realpath(home)) == f"tinynn: {message}\n"


def test_a_refusal_ends_the_process_with_2(tmp_path):
    _, err = run_process("trian", cwd=tmp_path, code=2)
    assert err == "tinynn: unknown command 'trian'; did you mean 'train'?\n"


TABLES = [
    ("", "t.csv is empty; a table needs at least one row"),
    ("x,y\n", "t.csv, line 1: the file ends after the header, without any rows"),
    (
        "x,y\n1,2\n",
        "t.csv: training needs at least 10 rows, to hold some out for validation and test; got 1",
    ),
    (
        "x,y\n" + "1,a\n2,a\n" * 10,
        "t.csv: column 'y' holds only one class, 'a', in all 20 rows: there is nothing to learn",
    ),
    (
        "x,y\n" + "".join(f"{i},1\n" for i in range(20)),
        "t.csv: column 'y' holds only one class, '1', in all 20 rows: there is nothing to learn",
    ),
    ("y\n" + "1\n2\n" * 10, "t.csv has no columns besides the target 'y' to learn from"),
    ("x,y\n" + "1,\n" * 10, "t.csv: the target column 'y' has no values"),
    (
        "x,y\n" + "".join(f"{i},n{i}\n" for i in range(100)),
        "t.csv: column 'y' holds 100 different classes ('n0', 'n1', 'n2', …) in 100 rows, too "
        "many to learn; is it the right column?",
    ),
    (
        "x,y\n" + "".join(f"name{i},{i % 2}\n" for i in range(10_000)),
        "t.csv: there needs to be at least one column to learn from, got x: text like an "
        "identifier, 1000 or more different values",
    ),
    (
        "x,y\n" + "1,2.5\n" * 60 + "".join(f"{i},{i}.5\n" for i in range(40)) + "\n1,oops\n",
        "t.csv, line 103, column 2 ('y'): the target needs numbers, got 'oops'; if that "
        "means that the value is missing, give --missing 'oops'; if the column holds classes, give "
        "--task classify",
    ),
    (
        "x,y\n" + "".join(f"{i},{i % 2}\n" for i in range(100)) + "\noops,1\n",
        "t.csv: column 'x' has 100 numbers and 1 text value (line 103 has 'oops'); "
        "if this means a missing value, give --missing 'oops'; if the numbers are names, "
        "give --categories 'x'",
    ),
    (
        "x;y\n" + "".join(f"1{',.'[i % 2]}5{i};{i % 3}\n" for i in range(9)) * 9,
        "t.csv: column 'x' has numbers with different decimal signs: '1,50' in line 2, '1.51' in "
        "line 3; write them all one way, or give --categories 'x' to keep them as text",
    ),
    (
        "x,y,x\n1,2,3\n",
        "t.csv, line 1: columns 1 and 3 are both named 'x'; rename one, or read the file "
        "without a header",
    ),
    (
        "x,y\n1,2\n3\n",
        "t.csv, line 3: 1 cell where the header has 2: column 2 ('y') is missing; is "
        "a quote or a separator missing, or is there one too many?",
    ),
    (
        "x,y\n1,2\n\0,3\n",
        "t.csv, line 3: a NUL character in column 1 of the line: this is not a text file, or its "
        "encoding is not utf-8 but, say, utf-16",
    ),
    (
        b"x,y\n1,caf\x81\n",
        "t.csv, line 2: this cannot be decoded as utf-8: byte 9 of the file, byte 6 of the line, "
        "is 0x81; give the file's encoding, for example cp1252 or latin-1",
    ),
    (
        "x,y\n" + "1e308,1\n-1e308,0\n" * 10,
        "t.csv: the table needs columns whose variance fits a float, got values too far apart "
        "in column 'x'; scale it down first",
    ),
]
TRAIN_T = ["train", "t.csv", "--target", "y", "--out", "m.json", "--quiet"]


@pytest.mark.parametrize(("table", "message"), TABLES, ids=lambda x: str(x)[:50])
def test_tables_that_cannot_be_learned_from_are_refused(
    table, message, tmp_path, monkeypatch, capsys
):
    data = table if isinstance(table, bytes) else table.encode("utf-8")
    (tmp_path / "t.csv").write_bytes(data)
    message = f"tinynn: {message}\n"
    assert run(*TRAIN_T, cwd=tmp_path, code=2) == ("", message)
    # As a stream too, of which only the rows to train on decide what columns are.
    monkeypatch.chdir(tmp_path)
    assert main([*TRAIN_T, "--stream"]) == 2
    assert capsys.readouterr().err == message.replace("100 numbers", "78 numbers")
    assert os.listdir(tmp_path) == ["t.csv"]


# --- model files that are not what they should be ----------------------------------------------


def mutated(content, rng):
    """Change, remove or swap something at a random place of a JSON document, in place."""
    at = content
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = rng.choice(keys)
        inside = at[key]
        if not isinstance(inside, (dict, list)) or not inside or rng.random() < 0.25:
            break
        at = inside
    change = rng.randrange(4)
    if change == 0 and isinstance(at, (dict, list)):
        del at[key]
    elif change == 1:
        at[key] = rng.choice([None, True, -1, 0, 1e308, "x", [], {}, [[]], [1, 2], {"a": 1}])
    elif change == 2 and isinstance(inside, (int, float)):
        at[key] = inside * rng.choice([-1, 0, 1e6])
    else:
        at[key] = [inside]


@given(st.integers(0, 2**32), st.sampled_from(["iris", "people", "line"]))
def test_an_edited_model_is_used_or_refused(home, tmp_path_factory, seed, name):
    rng = random.Random(seed)
    content = json.loads((home / f"{name}.json").read_text(encoding="utf-8"))
    for _ in range(rng.randrange(1, 3)):
        mutated(content, rng)
    path = tmp_path_factory.mktemp("edited") / "m.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    try:
        model = load_any(str(path))
        if isinstance(model, Model):
            model_page(model, None if model.about is None else model.about.findings)
    except TinynnError as error:
        assert str(error)


@pytest.mark.parametrize("command", ["inspect", "plot", "predict", "evaluate"])
def test_a_model_file_that_is_cut_is_refused(home, tmp_path, command):
    text = (home / "iris.json").read_text(encoding="utf-8")
    (tmp_path / "m.json").write_text(text[: len(text) // 2], encoding="utf-8")
    data = [home / "iris.csv"] if command in ("predict", "evaluate") else []
    _, err = run(command, "m.json", *data, cwd=tmp_path, code=2)
    assert re.fullmatch(r"tinynn: m.json is not a complete model file: .* at line \d+, .*\n", err)


def test_a_model_of_a_newer_format_is_refused(home, tmp_path):
    text = (home / "iris.json").read_text(encoding="utf-8")
    (tmp_path / "m.json").write_text(text.replace('"version": 1', '"version": 2', 1))
    _, err = run("inspect", "m.json", cwd=tmp_path, code=2)
    assert err == (
        "tinynn: m.json has version 2 of the model format, but this tinynn reads only up to "
        "version 1; use a newer tinynn\n"
    )


def test_a_model_saved_in_python_is_evaluated_with_its_target_given(home, tmp_path):
    rows = iris_rows()
    model = tinynn.Classifier((4,), max_iter=1, random_state=0)
    model.fit([row[:4] for row in rows], [row[4] for row in rows]).save(tmp_path / "m.json")
    _, err = run("evaluate", "m.json", home / "iris.csv", cwd=tmp_path, code=2)
    assert err == "tinynn: m.json does not say what it predicts; give --target COLUMN\n"
    out, _ = run("evaluate", "m.json", home / "iris.csv", "--target", 5, cwd=tmp_path)
    assert out.startswith("test on 150 rows: accuracy 0.")


# --- the parts ----------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 3), min_size=1))
def test_lines_are_found_again(steps):
    lines, all_lines, line = Lines(), [], 0
    for step in steps:
        line += step
        lines.add(line)
        all_lines.append(line)
    assert [lines.of(row) for row in range(len(steps))] == all_lines


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        (["a", "b", "a", "b"], "classify"),
        (["0", "1", "1", "0"], "classify"),
        (["1", "2", "3"] * 5, "classify"),
        (["1", "2", "3"] * 4, "regress"),
        (list(map(str, range(100))), "regress"),
        (["1.5", "2.5"] * 20, "regress"),
        (["1", "x"] * 20, "classify"),
        ([*map(str, range(100)), "x"], "regress"),
        (["NA", "0", "1"], "classify"),
    ],
)
def test_the_task_is_guessed(cells, task):
    assert guessed_target("y", 0, cells, cell_reader((), ".")).task == task


def test_the_decimal_sign_is_guessed():
    assert guessed_decimal([["1,5"]], ";") == ","
    assert guessed_decimal([["1,5"]], ",") == "."
    assert guessed_decimal([["1,5", "2.5"]], ";") == "."
    assert guessed_decimal([["a, b"]], ";") == "."


def test_columns_are_named_or_numbered():
    columns = ["a", "b c", "1", "d,e"]
    assert [column_name(name, columns) for name in ("a", "2", "-1", "1")] == [
        "a", "b c", "d,e", "1",
    ]  # fmt: skip
    assert column_list(["a,b c", "d,e"], columns) == ["a", "b c", "d,e"]
    with pytest.raises(DataError):
        column_name("7", columns)


def test_class_weights_are_read():
    assert class_weights(None) is None
    assert class_weights("balanced") == "balanced"
    assert class_weights("a=b=2, no=1") == {"a=b": 2.0, "no": 1.0}
    with pytest.raises(SettingError):
        class_weights("a=x")


@given(st.lists(st.sampled_from("abc"), min_size=10, max_size=60), st.sampled_from([0.1, 0.2, 0.5]))
def test_rows_are_split_with_every_class_in_the_training(targets, share):
    train, test = split_rows(targets, share, 1, classes=True)
    assert sorted(train + test) == list(range(len(targets)))
    assert test
    assert {targets[i] for i in test} <= {targets[i] for i in train} or len(set(targets)) == 3
    assert split_rows(targets, 0.0, 1, True) == (list(range(len(targets))), [])


def test_a_class_of_one_row_is_not_tested():
    targets = ["a"] * 9 + ["rare"]
    for seed in range(20):
        assert 9 not in split_rows(targets, 0.3, seed, classes=True)[1]


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_comparison_is_the_binomial_test(a, b):
    result = compared([0] * a + [1] * b, [1] * a + [0] * b)
    assert (result.only_first, result.only_second) == (a, b)
    assert 0.0 < result.p_value <= 1.0
    # 8 of 10: 2 · (1 + 10 + 45) / 1024
    assert compared([0] * 8 + [1] * 2, [1] * 8 + [0] * 2).p_value == 112 / 1024
    large = compared([0] * 600 + [1] * 500, [1] * 600 + [0] * 500).p_value
    assert large == pytest.approx(0.00284, rel=0.01)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_meter_writes_over_its_line_on_a_terminal_and_lines_elsewhere(monkeypatch):
    clock = iter([0.0, 0.1, 1.0, 2.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    out = Terminal()
    meter = Meter(Console(), "reading", out)
    meter.show(10, 0.1)  # too soon
    meter.show(2000, 0.25)
    meter.show(3000, None)
    meter.clear()
    assert out.getvalue() == (
        "\r\x1b[Kreading: 2,000 rows, 25%, 3 s left\r\x1b[Kreading: 3,000 rows\r\x1b[K"
    )
    clock = iter([0.0, 5.0, 11.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    out = io.StringIO()
    meter = Meter(Console(), "reading", out)
    meter.show(10, 0.1)
    meter.show(2000, 0.5)
    meter.clear()
    assert out.getvalue() == "reading: 2,000 rows, 50%, 11 s left\n"


def test_what_a_file_says_about_its_model_comes_back():
    about = About("y", "t.csv", 10, 2, None)
    assert About.from_dict(about.to_dict(), "x") == about
