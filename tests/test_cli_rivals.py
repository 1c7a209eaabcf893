"""What `train` sets beside the network: a linear model, logarithms, all rows, a search."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.cli import main, options, rivals, training
from tinynn.cli.models import load_model


@pytest.fixture
def table(tmp_path):
    """Write a table of a straight line through two classes or numbers; return its path."""

    def write(rows=120, target=lambda a, b, rng: "yes" if a + b > 0 else "no"):
        rng = random.Random(0)
        lines = ["a,b,y"]
        for _ in range(rows):
            a, b = rng.gauss(0, 1), rng.gauss(0, 1)
            lines.append(f"{a:.4f},{b:.4f},{target(a, b, rng)}")
        path = tmp_path / "t.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    return write


def train(capsys, path, *words, code=0):
    out = path.replace("t.csv", "m.json")
    assert main(["train", path, "--target", "y", "--out", out, *words]) == code
    text = capsys.readouterr()
    return text.out if code == 0 else text.err


def test_a_linear_model_is_tested_first_and_beside_the_network(table, capsys):
    text = train(capsys, table())
    linear = text.index("linear model: accuracy ")
    assert linear < text.index("network 2-32-1") < text.index("linear model  constant")
    found = json.loads(train(capsys, table(), "--json"))["test"]
    assert found["linear_accuracy"] >= 0.9
    assert "linear model" not in train(capsys, table(), "--hidden", "none")


def test_the_linear_model_is_scikit_learns(table, capsys, monkeypatch):
    linear_model = pytest.importorskip("sklearn.linear_model")
    kept = []
    fit = nn.Classifier.fit_prepared

    def watched(self, prepared, resume=None):
        if self.hidden_layer_sizes == ():
            kept.append((self, prepared))
        return fit(self, prepared, resume)

    monkeypatch.setattr(nn.Classifier, "fit_prepared", watched)
    train(capsys, table(target=lambda a, b, rng: int(a - b + rng.gauss(0, 1) > 0)))
    (mine, prepared), *_ = kept
    theirs = linear_model.LogisticRegression(tol=1e-9, max_iter=10_000)
    theirs.fit(prepared.X, [t for (t,) in prepared.T])
    assert [w for (w,) in mine.coefs_[0]] == pytest.approx(theirs.coef_[0].tolist(), abs=2e-3)


def test_a_table_is_thinned_evenly():
    X = [[float(i), i % 7.0] for i in range(1000)]
    prepared = nn.Regressor().prepare(X, [row[0] for row in X])
    some = rivals._thinned(prepared._replace(weights=[row[0] for row in X]), 500)
    assert len(some.X) == len(some.T) == 250 and some.weights == [4.0 * i for i in range(250)]
    assert rivals._thinned(prepared, 2000) is prepared


@given(
    st.lists(st.integers(-1000, 1000), min_size=3, max_size=30).filter(lambda x: len(set(x)) > 1),
    st.floats(0.01, 100.0), st.floats(-100.0, 100.0),
)  # fmt: skip
def test_skewness_knows_no_units(values, scale, shift):
    found = rivals.skewness([float(x) for x in values])
    moved = rivals.skewness([scale * x + shift for x in values])
    assert moved == pytest.approx(found, abs=1e-6)
    assert rivals.skewness([-float(x) for x in values]) == pytest.approx(-found, abs=1e-9)


def price(a, b, rng):
    return f"{math.exp(6.0 + 2.0 * a - b + rng.gauss(0, 0.05)):.2f}"


def test_a_logarithm_is_learned_where_it_does_better(table, capsys):
    path = table(400, price)
    text = train(capsys, path)
    assert "the target is skewed: its logarithm is learned, as it does better on the rows" in text
    model = load_model(path.replace("t.csv", "m.json")).estimator
    assert model.log_target
    (answer,) = model.predict([["0.5", "0.5"]])
    assert answer == pytest.approx(math.exp(6.5), rel=0.3)
    text = train(capsys, path, "--no-log-target")
    assert "its logarithm" not in text
    assert not load_model(path.replace("t.csv", "m.json")).estimator.log_target


def test_no_logarithm_without_need(table, capsys):
    text = train(capsys, table(200, lambda a, b, rng: f"{a - b:.3f}"))
    assert "its logarithm" not in text
    # Skewed, but straight: the logarithm is tried, and given up.
    path = table(400, lambda a, b, rng: f"{1e-3 * rng.random() + (9.0 if a > 1.8 else 1.0):.5f}")
    text = train(capsys, path)
    assert "its logarithm was tried, but is not learned, as it does worse" in text


def test_a_logarithm_of_a_negative_number_is_refused(table, capsys):
    path = table(50, lambda a, b, rng: f"{a:.3f}")
    text = train(capsys, path, "--log-target", code=2)
    assert "for --log-target, got -" in text and "line " in text
    path = table(50)
    assert train(capsys, path, "--log-target", code=2) == (
        "tinynn: --log-target needs a target of numbers, got classes\n"
    )


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_the_final_model_learns_from_all_rows(table, capsys, solver):
    path = table()
    text = train(capsys, path, "--solver", solver)
    epochs = int(text.split("best: epoch ")[1].split()[0])
    assert (
        f"trained once more, now on all 120 rows, for {epochs} epoch{'s' * (epochs > 1)}, the best "
        "number: the model that is kept"
    ) in text
    model = load_model(path.replace("t.csv", "m.json"))
    about = model.about
    assert (about.rows, about.validation_rows, about.refitted) == (96, 19, 120)
    assert about.training == (
        f"trained on 77 rows of {path}, 19 more to decide when to stop; after its test, once more "
        "on all 120 rows"
    )
    assert [column.rows for column in model.estimator.encoder_.columns] == [120, 120]
    assert model.estimator.history_.best_epoch == epochs  # of the training that was tested
    assert model.estimator.early_stopping == "loss"
    train(capsys, path, "--solver", solver, "--no-refit")
    tested = load_model(path.replace("t.csv", "m.json"))
    assert tested.about.refitted == 0 and "once more" not in tested.about.training
    assert tested.estimator.coefs_ != model.estimator.coefs_


def test_large_tables_are_not_learned_twice(table, capsys, monkeypatch):
    monkeypatch.setattr(rivals, "REFITTED", 119)
    path = table()
    assert "once more" not in train(capsys, path)
    assert "once more" in train(capsys, path, "--refit")


def test_an_interrupted_refit_keeps_the_tested_model(table, capsys, monkeypatch):
    path = table()
    train(capsys, path, "--no-refit")
    tested = load_model(path.replace("t.csv", "m.json")).estimator.coefs_
    fit = nn.Classifier.fit_prepared

    def interrupted(self, prepared, resume=None):
        fit(self, prepared, resume)
        if self.warm_start:
            self.history_.stopped_by = "interrupted"
        return self

    monkeypatch.setattr(nn.Classifier, "fit_prepared", interrupted)
    train(capsys, path)
    assert load_model(path.replace("t.csv", "m.json")).estimator.coefs_ == tested


def test_what_was_cut_short_is_followed_by_no_more(table, capsys):
    text = train(capsys, table(400, price), "--time-budget", "0.0001")
    assert "time budget" in text and "its logarithm" not in text and "once more" not in text
    assert "once more" in train(capsys, table(), "--time-budget", "0.0001", "--refit")


def solver(*words, rows=100):
    given = options.train().parse_args(["t.csv", "--target", "y", *words])
    return training.solver_of(given, rows)


def test_few_rows_are_learned_by_lbfgs():
    assert solver() == "lbfgs" and solver(rows=1000) == "adam"
    assert solver("--solver", "sgd") == "sgd" and solver("--solver", "lbfgs", rows=5000) == "lbfgs"
    for words in (
        ["--learning-rate", "0.1"], ["--batch-size", "8"], ["--dropout", "0.1"],
        ["--clip-norm", "1"], ["--no-early-stopping"],
    ):  # fmt: skip
        assert solver(*words) == "adam"


def test_a_search_has_a_linear_model_and_says_what_is_within_noise(table, capsys):
    text = train(capsys, table(), "--search")
    assert "search: 9 pairs of sizes and alpha, and a linear model, each cross-validated" in text
    lines = text.split("seconds\n")[1].splitlines()[1:11]
    assert sum(line.split()[0] == "none" for line in lines) == 1
    assert sum(line.endswith("chosen") for line in lines) == 1
    assert "within the noise of the folds" in text
    text = train(capsys, table(), "--search", "--solver", "adam", "--epochs", "3")
    assert "search: 9 pairs of sizes and learning rate, and a linear model" in text
