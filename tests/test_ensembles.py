"""Ensembles: averages of their members, files, scikit-learn's protocol, the command line."""

import copy
import json
import pickle
from math import exp, log

import pytest
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.cli import main
from tinynn.estimators.number_targets import Numbers
from tinynn.estimators.targets import Labels

pytestmark = pytest.mark.filterwarnings("ignore::tinynn.ConvergenceWarning")

IRIS = nn.load_iris()
ROWS = [[*row[:2], "long" if row[2] > 4 else None] for row in IRIS.inputs[::3]]
KINDS = [["a", "b", "c"][k] for k in IRIS.targets[::3]]
SIZES = [row[2] for row in IRIS.inputs[::3]]
SMALL = nn.Classifier((4,), learning_rate_init=0.05, max_iter=8)


def close(a, b):
    return a == pytest.approx(b, rel=1e-12, abs=1e-12)


def test_probabilities_are_the_means_of_the_members():
    model = nn.Ensemble(SMALL, 3, random_state=1).fit(ROWS, KINDS)
    own = [member.predict_proba(ROWS) for member in model.estimators_]
    assert own[0] != own[1] != own[2]
    means = [[sum(ps) / 3 for ps in zip(*rows)] for rows in zip(*own)]
    assert all(map(close, model.predict_proba(ROWS), means))
    assert all(map(close, model.predict_log_proba(ROWS), [list(map(log, row)) for row in means]))
    answers = [model.classes_[row.index(max(row))] for row in means]
    assert model.predict(ROWS) == answers
    assert model.score(ROWS, KINDS) == sum(map(str.__eq__, answers, KINDS)) / 50
    assert (model.classes_, model.n_features_in_) == (["a", "b", "c"], 3)
    assert model.encoder_ is model.estimators_[2].encoder_


def test_two_classes_and_several_labels():
    two = [kind if kind == "a" else "other" for kind in KINDS]
    model = nn.Ensemble(SMALL, 2, random_state=1).fit(ROWS, two)
    own = [member.predict_proba(ROWS) for member in model.estimators_]
    means = [[(p + q) / 2 for p, q in zip(*rows)] for rows in zip(*own)]
    assert all(map(close, model.predict_proba(ROWS), means))
    several = [[int(k != "a"), int(k == "c")] for k in KINDS]
    answers = nn.Ensemble(SMALL, 2, random_state=1).fit(ROWS, several).predict(ROWS)
    assert {tuple(row) for row in answers} <= {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("settings", [{}, {"log_target": True}, {"loss": "poisson"}])
def test_numbers_are_means_in_their_own_units(settings):
    one = nn.Regressor((4,), learning_rate_init=0.05, max_iter=8, **settings)
    for y in (SIZES, [[size, 2 * size] for size in SIZES], [round(size - 1) for size in SIZES]):
        model = nn.Ensemble(one, 3, random_state=2).fit(ROWS, y)
        own = [member.predict(ROWS) for member in model.estimators_]
        for got, *each in zip(model.predict(ROWS), *own):
            if isinstance(got, list):
                assert close(got, [sum(values) / 3 for values in zip(*each)])
            else:
                assert close(got, sum(each) / 3)


@given(st.lists(st.lists(st.floats(-900, 900), min_size=2, max_size=2), min_size=1, max_size=5))
def test_the_mean_of_logarithms_does_not_overflow(members):
    targets = Numbers(asked="poisson")
    targets.learn([[1.0, 3.0], [2.0, 1.0]])
    (got,) = targets.averaged([[row] for row in members])
    for j, value in enumerate(got):
        column = [row[j] for row in members]
        top = max(column)
        assert top - log(len(column)) - 1e-9 <= value <= top
        wanted = log(sum(exp(y - top) for y in column) / len(column)) + top
        assert value == pytest.approx(wanted, abs=1e-9)
    assert Labels().averaged([[[0.25, 0.75]], [[0.75, 0.25]]]) == [[[0.5, 0.5]][0]]


SEEN = []


class Seen(nn.Callback):
    """Notes the rows of each training, and those of its validation."""

    def on_train_end(self, trainer):
        held_out = trainer.validation
        SEEN.append((trainer.data.X, trainer.data.T, held_out and held_out.X))


def test_bootstrap_draws_rows_and_keeps_those_set_apart():
    del SEEN[:]
    rows = [[float(i), i % 7] for i in range(200)]
    stopping = SMALL.fresh(early_stopping=True, max_iter=1, callbacks=[Seen()])
    answers = [("a", "b")[i > 90] for i in range(200)]
    nn.Ensemble(stopping, 1, random_state=1).fit(rows, answers)
    nn.Ensemble(stopping, 2, random_state=1, bootstrap=True).fit(rows, answers)
    (all_rows, targets, apart), *drawn = SEEN
    of_row = dict(zip(map(tuple, all_rows), targets))
    assert len(of_row) == 180 and len(apart) == 20
    for X, T, held_out in drawn:
        assert held_out == apart  # which are not drawn
        assert len(X) == 180 and [of_row[tuple(x)] for x in X] == T
        different = len(set(map(tuple, X)))
        assert abs(different - 180 * (1 - 1 / 2.71828)) < 4 * 4.5  # about four deviations
    assert drawn[0][0] != drawn[1][0]


def test_bootstrap_takes_weights_along():
    weights = [1.0 + i for i in range(50)]
    model = nn.Ensemble(SMALL, 2, random_state=1, bootstrap=True).fit(ROWS, KINDS, weights)
    plain = nn.Ensemble(SMALL, 2, random_state=1, bootstrap=True).fit(ROWS, KINDS)
    assert model.predict_proba(ROWS) != plain.predict_proba(ROWS)
    assert model.estimators_[0].t_ == plain.estimators_[0].t_ == 50 * 8


def test_the_seed_decides_and_members_differ():
    fits = [nn.Ensemble(SMALL, 2, random_state=s).fit(ROWS, KINDS) for s in (1, 1, 2)]
    first, same, other = (fit.predict_proba(ROWS) for fit in fits)
    assert first == same != other
    # More members do not change the first ones.
    more = nn.Ensemble(SMALL, 3, random_state=1).fit(ROWS, KINDS)
    for a, b in zip(fits[0].estimators_, more.estimators_):
        assert a.coefs_ == b.coefs_


def test_an_error_changes_nothing():
    model = nn.Ensemble(SMALL, 2, random_state=1).fit(ROWS, KINDS)
    before = model.predict_proba(ROWS)
    with pytest.raises(nn.DataError):
        model.fit(ROWS, ["a"] * 50)
    assert model.predict_proba(ROWS) == before


# --- files --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("ensembles") / "model.json"
    model = nn.Ensemble(SMALL, 3, random_state=1, bootstrap=True).fit(ROWS, KINDS)
    model.save(path)
    return path, model


def test_a_file_has_all_of_it(saved, tmp_path):
    path, model = saved
    found = nn.load(path)
    assert isinstance(found, nn.Ensemble)
    assert found.predict_proba(ROWS) == model.predict_proba(ROWS)
    assert found.get_params(deep=False) == {
        **model.get_params(deep=False), "estimator": found.estimator
    }  # fmt: skip
    for a, b in zip(found.estimators_, model.estimators_):
        assert (a.random_state, a.loss_curve_, a.t_) == (b.random_state, b.loss_curve_, b.t_)
    found.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert path.read_text().count('"encoder"') == 2  # once, and the parameter
    numbers = nn.Ensemble(nn.Regressor((3,), max_iter=2), 2, random_state=0).fit(ROWS, SIZES)
    numbers.save(tmp_path / "numbers.json")
    assert nn.load(tmp_path / "numbers.json").predict(ROWS) == numbers.predict(ROWS)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("members"), "needs members to be an ensemble"),
        (lambda d: d.update(members=[]), "needs members to be a list of at least one"),
        (lambda d: d.update(members=[3]), ": member 0 needs to be an object"),
        (lambda d: d["members"][1].pop("network"), ": member 1 needs network to be a classifier"),
        (lambda d: d["members"][2].update(seed=-1),
         ": member 2 is not a valid classifier: seed needs to be a whole number, got -1"),
        (lambda d: d.update(of="forest"),
         "needs \"of\" to be 'classifier' or 'regressor', got 'forest'"),
        (lambda d: d.update(of=["classifier"]),
         "needs \"of\" to be 'classifier' or 'regressor', got ['classifier']"),
        (lambda d: d.update(n_estimators=0),
         "is not a valid ensemble: Ensemble needs n_estimators to be a whole number, at least 1, "
         "got 0"),
        (lambda d: d.update(bootstrap=1),
         "is not a valid ensemble: Ensemble needs bootstrap to be True or False, got 1"),
        (lambda d: d.update(random_state="x"),
         "is not a valid ensemble: random_state needs to be a whole number, got 'x'"),
        (lambda d: d.update(kind="forest"),
         "needs to hold a network, classifier, regressor, ensemble or text model, got 'forest'"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused(saved, tmp_path, change, message):
    content = json.loads(saved[0].read_text())
    change(content)
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(content))
    with pytest.raises(nn.FormatError) as caught:
        nn.load(path)
    assert str(caught.value).replace(str(path), "").strip() == message
    assert main(["inspect", str(path)]) == 2


# --- parameters ---------------------------------------------------------------------------------


def test_parameters_reach_the_estimator():
    model = nn.Ensemble(SMALL.fresh(), 3)
    assert model.get_params()["estimator__max_iter"] == 8
    assert set(model.get_params(deep=False)) == {
        "estimator", "n_estimators", "bootstrap", "random_state"
    }  # fmt: skip
    fresh = model.fresh(estimator__max_iter=2, n_estimators=1)
    assert (fresh.estimator.max_iter, fresh.n_estimators) == (2, 1)
    assert (model.estimator.max_iter, model.n_estimators) == (8, 3)
    assert repr(model) == (
        "Ensemble(estimator=Classifier(hidden_layer_sizes=(4,), learning_rate_init=0.05, "
        "max_iter=8), n_estimators=3)"
    )
    found = nn.search(model, ROWS, KINDS, {"estimator__alpha": [0.1], "n_estimators": [1, 2]},
                      folds=2, refit=False)  # fmt: skip
    assert len(found.candidates) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: nn.Ensemble(nn.Classifier).fit(ROWS, KINDS),
         "Ensemble needs estimator to be a Classifier or Regressor, got <class "
         "'tinynn.estimators.classifier.Classifier'>; did you forget the parentheses?"),
        (lambda: nn.Ensemble(SMALL, 0).fit(ROWS, KINDS),
         "Ensemble needs n_estimators to be a whole number, at least 1, got 0"),
        (lambda: nn.Ensemble(SMALL).set_params(n_estimator=3),
         "Invalid parameter 'n_estimator' for estimator Ensemble; did you mean 'n_estimators'?"),
        (lambda: nn.Ensemble(SMALL).predict(ROWS),
         "this Ensemble needs fit(inputs, targets) first"),
        (lambda: nn.Ensemble(SMALL).save("x"), "this Ensemble needs fit(inputs, targets) first"),
    ],
)  # fmt: skip
def test_messages(call, message):
    with pytest.raises(nn.TinynnError) as caught:
        call()
    assert str(caught.value) == message


def test_regressors_have_no_probabilities():
    model = nn.Ensemble(nn.Regressor((2,), max_iter=1), 1, random_state=0).fit(ROWS, SIZES)
    assert not hasattr(model, "predict_proba") and not hasattr(model, "classes_")
    assert not hasattr(nn.Ensemble(SMALL), "classes_")


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_predict_the_same(saved, clone):
    assert clone(saved[1]).predict_proba(ROWS) == saved[1].predict_proba(ROWS)


# --- the command line ---------------------------------------------------------------------------


def test_commands_take_a_file_with_an_ensemble(saved, tmp_path, capsys, monkeypatch):
    path, model = saved
    monkeypatch.chdir(tmp_path)
    lines = ["a,b,size,kind"]
    lines += [",".join([*map(str, row[:2]), row[2] or "", kind]) for row, kind in zip(ROWS, KINDS)]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    assert main(["predict", str(path), "t.csv", "--proba", "--only"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "predicted_target,probability_a,probability_b,probability_c"
    for line, answer, row in zip(out[1:], model.predict(ROWS), model.predict_proba(ROWS)):
        assert line == ",".join([answer, *[f"{p:.6g}" for p in row]])
    assert main(["evaluate", str(path), "t.csv", "--target", "kind", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["metrics"]["accuracy"] == model.score(ROWS, KINDS)
    assert found["importance"]
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert f"{path}: an ensemble of 3 classifiers of 3 classes (a, b, c)\n" in out
    assert "3 networks like this one, whose predictions are averaged:\n" in out
    assert main(["inspect", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["network"]["networks"] == 3
    assert main(["export", str(path), "--out", "x.py"]) == 2
    assert capsys.readouterr().err.endswith(
        f"{path} holds an ensemble of 3 networks; this command needs a model of one network: "
        "predict, evaluate, compare and inspect take ensembles\n"
    )
    words = ["evaluate", str(path), "t.csv", "--target", "kind", "--report", "r.html"]
    assert main(words) == 2
    assert capsys.readouterr().err.endswith(
        f"--report shows one network, and {path} holds an ensemble; leave it out\n"
    )
