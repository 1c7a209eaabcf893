"""Estimators with L-BFGS, logarithms of targets, and tables whose columns have names."""

from __future__ import annotations

import json
import math
import random
import warnings

import pytest
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.estimators import Classifier, ConvergenceWarning, NotFittedError, Regressor
from tinynn.estimators.design import NetworkDesign
from tinynn.estimators.number_targets import Numbers
from tinynn.lesson.losses import BinaryCrossEntropy
from tinynn.lesson.more_losses import Poisson
from tinynn.preprocessing import TableEncoder

IRIS = nn.load_iris()


class Frame:
    """As much of a data frame as is asked of one."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows

    def to_numpy(self):
        return self.rows

    def __getitem__(self, names):
        order = [self.columns.index(name) for name in names]
        return Frame(list(names), [[row[j] for j in order] for row in self.rows])


def two_classes(n=60, seed=1):
    rng = random.Random(seed)
    X = [[rng.gauss(0, 1), rng.gauss(5, 3)] for _ in range(n)]
    return X, [int(a + b / 3 + rng.gauss(0, 1) > 2) for a, b in X]


# --- L-BFGS


# sklearn.linear_model.LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000) of scikit-learn 1.9.1,
# of the standardised columns of iris.
SETOSA = [-1.07406585, 1.16011502, -1.93069194, -1.81155613]


def test_without_hidden_layers_it_is_logistic_regression():
    model = Classifier((), solver="lbfgs", alpha=1.0, tol=1e-8, max_iter=500, random_state=0)
    model.fit(IRIS.inputs, IRIS.targets)
    assert [row[0] for row in model.coefs_[0]] == pytest.approx(SETOSA, abs=1e-5)
    assert model.history_.stopped_by == "convergence" and model.n_iter_ < 60


def test_a_linear_regressor_solves_the_normal_equations():
    rng = random.Random(0)
    X = [[rng.gauss(0, 1), rng.gauss(3, 2)] for _ in range(50)]
    y = [2 * a - b + rng.gauss(0, 0.5) for a, b in X]
    model = Regressor((), solver="lbfgs", alpha=3.0, tol=1e-9, random_state=0).fit(X, y)
    (Z, t) = model.encoder_.transform(X), [row[0] for row in model.targets_.rows(y)]
    w = [row[0] for row in model.coefs_[0]]
    (b,) = model.intercepts_[0]
    for j in range(2):
        # Σ z (z·w + b − t) + alpha w = 0
        slope = sum(z[j] * (z[0] * w[0] + z[1] * w[1] + b - s) for z, s in zip(Z, t))
        assert slope + 3.0 * w[j] == pytest.approx(0.0, abs=1e-6)


def test_the_penalty_is_that_of_other_solvers():
    X, y = two_classes()
    settings = {"alpha": 2.0, "tol": 1e-7, "random_state": 0}
    exact = Classifier((), solver="lbfgs", max_iter=300, **settings).fit(X, y)
    slow = Classifier(
        (), solver="sgd", learning_rate_init=0.5, batch_size=60, max_iter=3000, **settings
    ).fit(X, y)
    assert exact.coefs_[0][0] == pytest.approx(slow.coefs_[0][0], abs=1e-3)
    assert exact.loss_ == pytest.approx(slow.loss_, abs=1e-5)
    targets = exact.targets_.rows(y)
    loss = BinaryCrossEntropy()(exact.network_.predict(exact.encoder_.transform(X)), targets)
    squares = sum(w * w for row in exact.coefs_[0] for w in row)
    assert exact.loss_ == pytest.approx(loss + 2.0 / 60 / 2 * squares, rel=1e-9)


def test_tol_is_that_of_scikit_learns_loss():
    plan = NetworkDesign(Regressor(solver="lbfgs", tol=0.01, max_fun=7))
    wanted = nn.LBFGS(0.02, 7, weight_decay=0.1, decay_biases=False)
    assert plan.optimizer(60, 0.1, 2.0) == wanted and plan.batch(1000) == 1000


def test_weights_count_in_it():
    X, y = two_classes()
    settings = {"solver": "lbfgs", "alpha": 0.5, "tol": 1e-7, "random_state": 0}
    by_class = Classifier((), class_weight={0: 1.0, 1: 3.0}, **settings).fit(X, y)
    by_row = Classifier((), **settings).fit(X, y, sample_weight=[1.0 + 2.0 * t for t in y])
    plain = Classifier((), **settings).fit(X, y)
    assert by_class.coefs_[0] == by_row.coefs_[0] != plain.coefs_[0]
    assert sum(by_class.predict(X)) > sum(plain.predict(X))


def test_early_stopping_keeps_the_best_step():
    rng = random.Random(3)
    X = [[rng.gauss(0, 1) for _ in range(5)] for _ in range(80)]
    y = [row[0] + rng.gauss(0, 1) for row in X]
    settings = {"solver": "lbfgs", "random_state": 0, "validation_fraction": 0.3, "tol": 0.0}
    model = Regressor((20,), early_stopping="loss", max_iter=500, **settings).fit(X, y)
    history = model.history_
    assert history.stopped_by == "early stopping" and history.best_epoch == model.n_iter_ - 11
    longer = Regressor((20,), max_iter=500, **settings).fit(X, y)
    other = [[rng.gauss(0, 1) for _ in range(5)] for _ in range(300)]
    truth = [row[0] for row in other]
    assert model.score(other, truth) > longer.score(other, truth)


def test_max_fun_and_max_iter_end_it_with_a_warning():
    X, y = two_classes()
    with pytest.warns(ConvergenceWarning) as told:
        model = Classifier((9,), solver="lbfgs", max_fun=8, random_state=0).fit(X, y)
    assert model.history_.stopped_by == "max_fun" and model.n_iter_ <= 8
    message = str(told[0].message)
    assert message.startswith("training stopped at max_fun=8 while the loss was still falling, by ")
    assert message.endswith(" epochs; raise max_fun to 16") and told[0].filename == __file__
    with pytest.warns(ConvergenceWarning, match="; raise max_iter to 8$"):
        model = Classifier((9,), solver="lbfgs", max_iter=4, random_state=0).fit(X, y)
    assert (model.n_iter_, model.t_) == (4, 0)
    assert len(model.loss_curve_) == 4 and model.loss_ == model.best_loss_ == model.loss_curve_[-1]


def test_a_file_keeps_it_and_warm_start_goes_on(tmp_path):
    X, y = two_classes()
    settings = {"max_iter": 3, "random_state": 0, "warm_start": True, "n_iter_no_change": math.inf}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for solver in ("lbfgs", nn.LBFGS(1e-3, 40, 4)):
            model = Classifier((4,), solver=solver, **settings).fit(X, y)
            model.save(tmp_path / "model.json")
            again = nn.load(tmp_path / "model.json")
            assert again.get_params() == {**model.get_params(), "callbacks": ()}
            assert (again.n_iter_, again.t_, again.loss_) == (3, 0, model.loss_)
            losses = [one.fit(X, y).loss_curve_ for one in (model, again)]
            assert losses[0] == losses[1] and len(losses[0]) == 6 and model.n_iter_ == 3


def test_old_files_have_shown_no_rows(tmp_path):
    X, y = two_classes()
    path = tmp_path / "model.json"
    model = Classifier((), random_state=0, max_iter=2).fit(X, y)
    model.save(path)
    assert nn.load(path).t_ == model.t_ == 120
    document = json.loads(path.read_text())
    del document["rows_shown"], document["settings"]["max_fun"]
    path.write_text(json.dumps(document))
    assert (nn.load(path).t_, nn.load(path).max_fun) == (0, 15000)


@pytest.mark.parametrize(
    ("settings", "method", "words"),
    [
        ({"dropout": 0.5}, "fit",
         "Classifier needs no dropout for solver='lbfgs', which compares exact losses and "
         "gradients, got dropout=0.5"),
        ({"clip_norm": 1.0}, "fit",
         "Classifier needs no clip_norm for solver='lbfgs', which compares exact losses and "
         "gradients, got clip_norm=1.0"),
        ({}, "partial_fit",
         "Classifier needs a solver such as 'adam' for partial_fit, got 'lbfgs', which needs all "
         "rows at once; use another solver, or fit"),
        ({}, "fit_stream",
         "Classifier needs a solver such as 'adam' for fit_stream, got 'lbfgs', which needs all "
         "rows at once; use another solver, or fit"),
        ({"max_fun": 0}, "fit",
         "Classifier needs max_fun to be a whole number, at least 1, got 0"),
        ({"n_iter_no_change": 1.5}, "fit",
         "Classifier needs n_iter_no_change to be a whole number, at least 1, got 1.5"),
    ],
)  # fmt: skip
def test_what_lbfgs_cannot_do_is_refused(settings, method, words):
    X, y = two_classes()
    model = Classifier((4,), solver="lbfgs", **settings)
    given = [lambda: [(X, y)]] if method == "fit_stream" else [X, y]
    with pytest.raises(nn.SettingError) as error:
        getattr(model, method)(*given)
    assert str(error.value) == words
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_patience_without_end():
    X, y = two_classes(8)
    model = Classifier(
        4, max_iter=15, tol=1e9, n_iter_no_change=math.inf, solver="sgd",
        learning_rate="adaptive", random_state=0,
    ).fit(X, y)  # fmt: skip
    assert model.n_iter_ == 15


# --- logarithms of targets


def magnitudes(zero, n=120):
    rng = random.Random(5)
    X = [[rng.uniform(0, 6), rng.choice("ab")] for _ in range(n)]
    y = [math.exp(x + (kind == "b") + rng.gauss(0, 0.1)) for x, kind in X]
    return X, [0.0, *y[1:]] if zero else y


@pytest.mark.parametrize("zero", [False, True])
def test_logarithms_fit_numbers_that_span_magnitudes(zero, tmp_path):
    X, y = magnitudes(zero)
    settings = {"solver": "lbfgs", "max_iter": 500, "random_state": 0}
    model = Regressor((), log_target=True, **settings).fit(X[:90], y[:90])
    plain = Regressor((), **settings).fit(X[:90], y[:90])
    assert model.score(X[90:], y[90:]) > 0.9 > plain.score(X[90:], y[90:])
    assert model.targets_.link == ("log1p" if zero else "log")
    Y = model.network_.predict(model.encoder_.transform(X))
    inverse = math.expm1 if zero else math.exp
    scale, mean = model.targets_.scaler.scale[0], model.targets_.scaler.mean[0]
    assert model.predict(X) == pytest.approx([inverse(v * scale + mean) for (v,) in Y])
    model.save(tmp_path / "model.json")
    again = nn.load(tmp_path / "model.json")
    assert again.predict(X) == model.predict(X) and again.targets_.link == model.targets_.link


def test_scores_of_early_stopping_are_in_the_units_of_the_table():
    X, y = magnitudes(False)
    model = Regressor((), log_target=True, early_stopping=True, solver="lbfgs", random_state=0)
    scores = model.fit(X, y).validation_scores_
    _, apart = model._split(NetworkDesign(model), model.targets_, y, 0, False)
    best = model.score([X[i] for i in apart], [y[i] for i in apart])
    assert max(scores) == pytest.approx(best, rel=1e-9)


@given(st.lists(st.floats(0.0, 1e12), min_size=2, max_size=20), st.integers(1, 5))
def test_numbers_learned_in_pieces_come_back(values, size):
    whole, pieces = Numbers(asked="log"), Numbers(asked="log")
    whole.learn(values)
    for start in range(0, len(values), size):
        pieces.learn(values[start : start + size])
    assert whole.link == pieces.link == ("log1p" if 0.0 in values else "log")
    assert pieces.scaler.mean == pytest.approx(whole.scaler.mean, abs=1e-6)
    assert pieces.scaler.scale == pytest.approx(whole.scaler.scale, rel=1e-6, abs=1e-6)
    state = json.loads(json.dumps(whole.to_dict()))
    assert Numbers.from_dict(state).rows(values) == whole.rows(values)
    assert whole.answers(whole.rows(values)) == pytest.approx(values, rel=1e-9, abs=1e-9)


def test_answers_beyond_the_floats_are_infinite():
    numbers = Numbers(asked="log")
    numbers.learn([1.0, math.e])
    assert numbers.answers([[1e4], [-1e4]]) == [math.inf, 0.0]


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([1.0, -2.0, 3.0], "Regressor needs targets of at least 0 for log_target=True, got -2 in "
                           "row 1"),
        ([[1.0, 2.0], [0.5, 3.0], [1.0, -0.25]],
         "Regressor needs targets of at least 0 for log_target=True, got -0.25 in row 2"),
    ],
)  # fmt: skip
def test_numbers_without_a_logarithm_are_refused(y, words):
    with pytest.raises(nn.DataError) as error:
        Regressor(log_target=True).fit([[1], [2], [3]], y)
    assert str(error.value) == words


def test_a_zero_that_comes_too_late_is_refused():
    model = Regressor((2,), log_target=True, random_state=0).partial_fit([[1], [2]], [1.0, 2.0])
    with pytest.raises(nn.DataError) as error:
        model.partial_fit([[1], [2]], [1.0, 0.0])
    assert str(error.value) == (
        "Regressor needs targets above 0, as those it has learned its scale from, for "
        "log_target=True, got 0 in row 1"
    )
    with pytest.raises(nn.SettingError, match="Regressor needs log_target to be True or False"):
        Regressor(log_target=1).fit([[1], [2]], [1.0, 2.0])


@pytest.mark.parametrize("link", ["exp", "", None, 3, ["log"]])
def test_an_edited_link_is_refused(link):
    numbers = Numbers(asked="log")
    numbers.learn([1.0, 2.0])
    if link == "":
        assert Numbers.from_dict({**numbers.to_dict(), "link": link}).link == ""
        return
    with pytest.raises(nn.FormatError) as error:
        Numbers.from_dict({**numbers.to_dict(), "link": link})
    assert str(error.value) == (
        f"a saved Regressor needs link to be 'log', 'log1p' or 'poisson', got {link!r}"
    )


# --- counts


def counts(n=80, seed=2):
    rng = random.Random(seed)
    X = [[rng.uniform(-1.0, 1.0), rng.uniform(0.0, 2.0)] for _ in range(n)]
    return X, [int(math.exp(a + b) + rng.random() * 2) for a, b in X]


def test_poisson_regression_solves_its_equations(tmp_path):
    X, y = counts()
    assert 0 in y
    model = Regressor((), loss="poisson", solver="lbfgs", alpha=0.0, tol=1e-9, random_state=0)
    model.fit(X, y)
    rest = [p - t for p, t in zip(model.predict(X), y)]
    # Σ (e^z − t) = 0, and Σ (e^z − t) x = 0 for each column: P. McCullagh and J. Nelder (1989).
    assert sum(rest) == pytest.approx(0.0, abs=1e-5)
    for j in range(2):
        assert sum(r * row[j] for r, row in zip(rest, X)) == pytest.approx(0.0, abs=1e-5)
    assert model.out_activation_ == "exp" and model.targets_.link == "poisson"
    model.save(tmp_path / "model.json")
    again = nn.load(tmp_path / "model.json")
    assert again.predict(X) == model.predict(X) and again.out_activation_ == "exp"
    assert again.targets_.rows(y) == model.targets_.rows(y)
    model.set_params(loss=Poisson()).save(tmp_path / "model.json")
    assert nn.load(tmp_path / "model.json").loss == Poisson()
    # half the deviance, in units of the mean
    loss = sum(p - t * math.log(p) + (t * math.log(t) - t if t else 0) for p, t in
               zip(model.predict(X), y)) / len(y)  # fmt: skip
    assert model.loss_ * sum(y) / len(y) == pytest.approx(loss, rel=1e-9)


def test_the_derivative_of_the_poisson_loss():
    model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 2), seed=1)
    X, T = [[0.5, -1.0], [2.0, 0.3], [-0.7, 0.1]], [[0.0, 3.0], [2.0, 0.5], [1.0, 0.0]]
    assert nn.gradcheck(model, Poisson(), X, T)
    with pytest.raises(nn.DataError) as error:
        nn.fit(model, X, [[0.0, -1.0]] * 3, loss=Poisson())
    assert str(error.value) == (
        "Poisson needs targets of at least 0, got -1.0 in row 0, column 1 of targets"
    )


def test_counts_are_scored_in_their_units():
    X, y = counts()
    model = Regressor((4,), loss="poisson", early_stopping=True, solver="lbfgs", random_state=0)
    scores = model.fit(X, y).validation_scores_
    _, apart = model._split(NetworkDesign(model), model.targets_, y, 0, False)
    best = model.score([X[i] for i in apart], [y[i] for i in apart])
    assert max(scores) == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize(
    ("settings", "y", "words"),
    [
        ({}, [1, -2, 3], "Regressor needs targets of at least 0 for loss='poisson', got -2 in "
                         "row 1"),
        ({}, [0, 0, 0], "Regressor needs a target above 0 for loss='poisson', got none"),
        ({"log_target": True}, [1, 2, 3],
         "Regressor needs log_target=False for loss='poisson', whose outputs are logarithms "
         "already"),
    ],
)  # fmt: skip
def test_what_is_no_count_is_refused(settings, y, words):
    with pytest.raises(nn.TinynnError) as error:
        Regressor(loss="poisson", **settings).fit([[1], [2], [3]], y)
    assert str(error.value) == words


# --- columns by name

NAMES = ["size", "color", "age"]
TABLE = Frame(NAMES, [[float(i % 7), "rgb"[i % 3], float(i % 5)] for i in range(40)])
MOVED = TABLE[["age", "size", "color"]]
LABELS = [i % 2 for i in range(40)]
QUICK = {"random_state": 0, "learning_rate_init": 0.05, "max_iter": 5}


def by_parts(kind, table):
    model = kind((4,), **QUICK).partial_fit(TABLE, LABELS)
    return model.partial_fit(table, LABELS).network_.predict(model.encoder_.transform(TABLE))


@pytest.mark.parametrize(
    "use",
    [
        lambda t: by_parts(Classifier, t),
        lambda t: by_parts(Regressor, t),
        lambda t: Classifier((4,), warm_start=True, **QUICK).fit(TABLE, LABELS)
        .fit(t, LABELS).predict_proba(TABLE),
        lambda t: Classifier((4,), **QUICK)
        .fit_stream(lambda: iter([(TABLE, LABELS), (t, LABELS)])).predict_proba(TABLE),
        lambda t: Classifier((4,), early_stopping=True, **QUICK)
        .fit_stream(lambda: iter([(TABLE, LABELS)]), validation=(t, LABELS)).validation_scores_,
        lambda t: Classifier((4,), **QUICK).fit(TABLE, LABELS).score(t, LABELS),
        lambda t: TableEncoder().fit(TABLE).transform(t),
        lambda t: TableEncoder().partial_fit(TABLE).partial_fit(t).transform(TABLE),
        lambda t: TableEncoder(names=NAMES).fit(TABLE.rows).transform(t),
        lambda t: nn.StandardScaler().fit(TABLE[["size", "age"]]).transform(t[t.columns]
        if "color" not in t.columns else t[[n for n in t.columns if n != "color"]]),
        lambda t: nn.MinMaxScaler().fit(TABLE[["size", "age"]])
        .partial_fit(t[[n for n in t.columns if n != "color"]]).transform(TABLE[["size", "age"]]),
    ],
    ids=range(11),
)  # fmt: skip
def test_columns_are_put_in_order_by_name(use):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert use(MOVED) == use(TABLE)
        lacking = TABLE[["size", "color", "age"]]
        lacking.columns = ["size", "color", "ages"]
        with pytest.raises(nn.DataError) as error:
            use(lacking)
    assert str(error.value) == "the table needs a column 'age'; did you mean 'ages'?"


def test_a_column_that_is_there_twice_is_refused():
    scaler = nn.StandardScaler().fit(Frame(["a", "b"], [[1.0, 2.0], [3.0, 1.0]]))
    with pytest.raises(nn.DataError) as error:
        scaler.transform(Frame(["b", "a", "a"], [[1.0, 2.0, 3.0]]))
    assert str(error.value) == "the table needs one column 'a', got 2"


def test_names_that_only_one_side_has_do_not_count():
    rows = [[1.0, 2.0], [3.0, 1.0]]
    frame = Frame(["a", "b"], rows)
    for fitted, asked in ((rows, frame), (frame, rows)):
        assert nn.StandardScaler().fit(fitted).transform(asked) == [[-1.0, 1.0], [1.0, -1.0]]
        assert TableEncoder().fit(fitted).transform(asked) == [[-1.0, 1.0], [1.0, -1.0]]
    numbered = Frame(["x0", "x1"], rows)
    encoder = TableEncoder().fit(numbered)
    assert encoder.transform(numbered[["x1", "x0"]]) == encoder.transform(numbered)


@pytest.mark.parametrize("kind", [nn.StandardScaler, nn.MinMaxScaler])
def test_scalers_keep_names_in_files(kind):
    scaler = kind().fit(Frame(["a", "b"], [[1.0, 2.0], [3.0, 1.0]]))
    again = kind.from_dict(json.loads(json.dumps(scaler.to_dict())))
    assert again.names == ["a", "b"] and kind().fit([[1.0], [2.0]]).to_dict().get("names") is None
    assert again.transform(Frame(["b", "a"], [[2.0, 1.0]])) == scaler.transform([[1.0, 2.0]])
    for names in ("ab", ["a"], ["a", 1], 5):
        with pytest.raises(nn.FormatError, match="needs a name for each of 2 columns, got "):
            kind.from_dict({**scaler.to_dict(), "names": names})


# --- classes


def test_weights_of_classes_that_are_absent_are_fine():
    X, y = two_classes()
    settings = {"random_state": 0, "max_iter": 3}
    some = Classifier((3,), class_weight={0: 1, 1: 2}, **settings).fit(X, y)
    more = Classifier((3,), class_weight={0: 1, 1: 2, 2: 9}, **settings).fit(X, y)
    assert more.coefs_ == some.coefs_
    with pytest.raises(nn.SettingError) as error:
        Classifier((3,), class_weight={0: 1, 2: 9}, **settings).fit(X, y)
    assert str(error.value) == (
        "Classifier needs each label in class_weight to be one of 0, 1, got 2; other labels are "
        "accepted only if all of these have weights"
    )
    with pytest.raises(nn.SettingError, match="needs the weight of 2 to be a finite number"):
        Classifier((3,), class_weight={0: 1, 1: 1, 2: -1}, **settings).fit(X, y)


def test_classes_of_rows_of_flags_are_their_columns():
    X, Y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]] * 5, [[0, 1, 1], [1, 0, 0]] * 10
    models = [
        Classifier((4,), random_state=0).partial_fit(X, Y, classes=c) for c in (None, range(3))
    ]
    assert models[0].coefs_ == models[1].coefs_ and models[1].classes_ == [0, 1, 2]
    assert models[1].partial_fit(X, Y, classes=[0, 1, 2]).predict(X) == models[0].partial_fit(
        X, Y).predict(X)  # fmt: skip
    with pytest.raises(nn.ShapeError) as error:
        Classifier((4,)).partial_fit(X, Y, classes=range(4))
    assert str(error.value) == "Classifier needs 4 labels in each row, got 3"
    with pytest.raises(nn.SettingError) as error:
        Classifier((4,)).partial_fit(X, Y, classes=["a", "b", "c"])
    assert str(error.value) == (
        "Classifier needs classes to be the numbers of the columns, from 0 on, for rows of 0 and 1 "
        "as targets, got 'a', 'b', 'c'"
    )
