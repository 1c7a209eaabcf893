"""Estimators: what they learn, how their parameters act, and that a file brings all of it back."""

from __future__ import annotations

import contextlib
import json
import math
import random
import warnings

import pytest
from hypothesis import given, settings, strategies as st

from tinynn.data import load_iris
from tinynn.errors import (
    DataError,
    DivergenceError,
    EngineError,
    FormatError,
    SettingError,
    ShapeError,
    TinynnError,
)
from tinynn.estimators import (
    Classifier,
    ConvergenceWarning,
    NotFittedError,
    Regressor,
    load,
)
from tinynn.estimators.design import ACTIVATIONS, NetworkDesign
from tinynn.estimators.number_targets import Numbers
from tinynn.estimators.streams import Chunks, batches_of
from tinynn.lesson.activation_layers import ReLU, Sigmoid, Softmax, Tanh
from tinynn.lesson.adam import Adam, AdamW
from tinynn.lesson.layers import Dense, Dropout
from tinynn.lesson.losses import Huber
from tinynn.lesson.network import Sequential
from tinynn.lesson.optimizers import SGD, Adagrad, RMSprop
from tinynn.metrics import r2_score
from tinynn.preprocessing import TableEncoder
from tinynn.training.callbacks import Callback

IRIS = load_iris()
SPECIES = ["setosa", "versicolor", "virginica"]
FLOWERS = [SPECIES[t] for t in IRIS.targets]


def quick(kind=Classifier, hidden=(8,), **settings):
    """Return an estimator that learns small tables in no time."""
    return kind(
        hidden, **{"learning_rate_init": 0.05, "max_iter": 40, "random_state": 0, **settings}
    )


def small_table(n=60, seed=0):
    """Return rows of a number, a text and a number, some missing, and whether the answer is yes."""
    rng = random.Random(seed)
    rows, labels = [], []
    for _ in range(n):
        x, color, z = rng.gauss(0, 3), rng.choice(["red", "green", "blue"]), rng.gauss(50, 9)
        labels.append("yes" if x + 4 * (color == "red") > 1 else "no")
        rows.append([
            None if rng.random() < 0.05 else x, "" if rng.random() < 0.05 else color, f"{z:.3f}"
        ])  # fmt: skip
    return rows, labels


ROWS, LABELS = small_table()


@pytest.fixture(autouse=True)
def no_convergence_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


# --- what they learn ------------------------------------------------------------------------------


def test_a_table_of_numbers_and_text_in_labels_out():
    model = quick().fit(ROWS, LABELS)
    assert model.score(ROWS, LABELS) > 0.9
    assert set(model.predict(ROWS)) == {"yes", "no"}
    assert model.classes_ == ["no", "yes"]
    assert model.n_features_in_ == 3
    assert not hasattr(model, "feature_names_in_")
    assert (model.n_outputs_, model.n_layers_, model.out_activation_) == (1, 3, "logistic")
    assert model.predict([[100, "purple", None]]) == ["yes"]


def test_iris_with_labels_of_text():
    scores = []
    for seed in range(3):
        order = random.Random(seed).sample(range(150), 150)
        X, y = [IRIS.inputs[i] for i in order], [FLOWERS[i] for i in order]
        model = quick(random_state=seed, max_iter=60).fit(X[50:], y[50:])
        scores.append(model.score(X[:50], y[:50]))
    assert min(scores) >= 0.9 and sum(scores) / 3 >= 0.93
    assert model.classes_ == SPECIES
    assert model.out_activation_ == "softmax"


def test_probabilities_sum_to_one_and_decide():
    for y in (LABELS, [i % 3 for i in range(60)]):
        model = quick().fit(ROWS, y)
        P = model.predict_proba(ROWS)
        assert all(math.isclose(sum(row), 1.0) and min(row) >= 0.0 for row in P)
        assert [model.classes_[row.index(max(row))] for row in P] == model.predict(ROWS)
        logs = model.predict_log_proba(ROWS)
        assert all(
            math.isclose(math.exp(b), a, abs_tol=1e-12) for r, s in zip(P, logs)
            for a, b in zip(r, s)
        )  # fmt: skip


@pytest.mark.parametrize(
    "labels",
    [["a", "b", "c"], [3, 1, 2], [1.5, -2.0, 0.0], [True, False], ["x", 3, 2.5], [(1, "a"), "b"]],
)
def test_labels_keep_their_type(labels):
    y = [labels[i % len(labels)] for i in range(30)]
    X = [[i % len(labels), i] for i in range(30)]
    model = quick().fit(X, y)
    assert set(map(repr, model.classes_)) == set(map(repr, labels))
    assert {type(answer) for answer in model.predict(X)} <= set(map(type, labels))
    assert model.score(X, y) > 0.9


def test_several_labels_at_once():
    X = [[x, z] for x in (-1, 0.5, 1, -0.5) for z in (-1, -0.5, 0.5, 1)] * 3
    y = [[int(x > 0), int(z > 0), int(x + z > 0)] for x, z in X]
    model = quick(hidden=(16,), max_iter=100).fit(X, y)
    assert model.predict(X) == y and model.score(X, y) == 1.0
    assert model.classes_ == [0, 1, 2] and model.out_activation_ == "logistic"
    assert all(0.0 <= p <= 1.0 for row in model.predict_proba(X) for p in row)
    y[0] = [1 - t for t in y[0]]
    assert model.score(X, y) == 1 - 1 / 48


def test_numbers_in_their_own_units():
    rows = [[x, "up" if z else "down"] for x in range(-10, 11) for z in (0, 1)]
    y = [1e6 + 1000 * x + 5000 * (z == "up") for x, z in rows]
    model = quick(Regressor, hidden=(), n_iter_no_change=50, max_iter=300).fit(rows, y)
    assert model.score(rows, y) > 0.999
    assert model.n_outputs_ == 1 and model.out_activation_ == "identity"
    two = quick(Regressor, max_iter=100).fit(rows, [[t, -t / 1e6] for t in y])
    assert two.score(rows, [[t, -t / 1e6] for t in y]) > 0.99
    assert len(two.predict(rows)[0]) == two.n_outputs_ == 2
    column = quick(Regressor).fit(rows, [[t] for t in y])
    assert isinstance(column.predict(rows)[0], float)


@settings(max_examples=10)
@given(st.floats(0.001, 1000), st.floats(-1e4, 1e4))
def test_a_regressor_does_not_mind_the_units(scale, shift):
    X = [[x / 10, x % 3] for x in range(20)]
    y = [math.sin(x) + z for x, z in X]
    model = quick(Regressor, max_iter=5).fit(X, y)
    moved = quick(Regressor, max_iter=5).fit(
        [[x * scale + shift, z] for x, z in X], [t * scale + shift for t in y]
    )
    size = 1e-6 * (scale + abs(shift))
    answers = moved.predict([[x * scale + shift, z] for x, z in X])
    assert all(abs(a - (b * scale + shift)) <= size for a, b in zip(answers, model.predict(X)))


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", Huber(0.5)])
def test_losses_of_a_regressor(loss):
    X = [[x] for x in range(20)]
    assert quick(Regressor, loss=loss, max_iter=100).fit(X, range(20)).score(X, range(20)) > 0.9


def test_a_seed_gives_the_same_model_and_none_another():
    a, b = quick().fit(ROWS, LABELS), quick().fit(ROWS, LABELS)
    assert a.coefs_ == b.coefs_ and a.loss_curve_ == b.loss_curve_
    assert quick(random_state=1).fit(ROWS, LABELS).coefs_ != a.coefs_
    drawn = [quick(random_state=None, max_iter=1).fit(ROWS, LABELS).coefs_ for _ in range(2)]
    assert drawn[0] != drawn[1]
    streams = [quick(random_state=random.Random(5), max_iter=1).fit(ROWS, LABELS) for _ in "ab"]
    assert streams[0].coefs_ == streams[1].coefs_
    state = random.getstate()
    quick(random_state=None, max_iter=1).fit(ROWS, LABELS)
    assert random.getstate() == state


# --- its parameters -------------------------------------------------------------------------------


def test_layers_are_those_asked_for():
    model = Classifier(
        (5, 4, 3), ("relu", "identity", "tanh"), dropout=(0.5, 0.0, 0.25), max_iter=1
    ).fit(ROWS, LABELS)
    kinds = [type(layer) for layer in model.network_.layers]
    assert kinds == [Dense, ReLU, Dropout, Dense, Dense, Tanh, Dropout, Dense, Sigmoid]
    assert [layer.rate for layer in model.network_.layers if isinstance(layer, Dropout)] == [
        0.5, 0.25,
    ]  # fmt: skip
    assert [(len(W), len(W[0])) for W in model.coefs_] == [(7, 5), (5, 4), (4, 3), (3, 1)]
    assert [len(b) for b in model.intercepts_] == [5, 4, 3, 1]
    assert len(Classifier(7, max_iter=1).fit(ROWS, LABELS).coefs_) == 2
    linear = Classifier((), max_iter=1).fit(ROWS, [i % 3 for i in range(60)])
    assert [type(layer) for layer in linear.network_.layers] == [Dense, Softmax]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_learns(name):
    X = [[x / 10] for x in range(-10, 11)]
    y = [2 * x for (x,) in X]
    model = quick(Regressor, activation=name, max_iter=60)
    assert model.fit(X, y).score(X, y) > 0.8


@pytest.mark.parametrize("solver", ["adam", "sgd", "adamw", "rmsprop", "adagrad", Adam(0.05)])
def test_each_solver_learns(solver):
    model = quick(solver=solver, max_iter=60)
    assert model.fit(ROWS, LABELS).score(ROWS, LABELS) > 0.85


def optimizer(rows=60, **parameters):
    plan = NetworkDesign(Classifier(**parameters))
    return plan.optimizer(rows, plan.decay(plan.batch(rows), 1.0))


def test_solvers_get_the_parameters_of_their_names():
    decay = {"weight_decay": 0.0001 / 10, "decay_biases": False}
    assert optimizer() == Adam(0.001, **decay)
    assert optimizer(batch_size=5) == Adam(0.001, weight_decay=0.0001 / 5, decay_biases=False)
    assert optimizer(beta_1=0.5, beta_2=0.6, epsilon=1e-3) == Adam(
        0.001, betas=(0.5, 0.6), eps=1e-3, **decay
    )
    assert optimizer(solver="adamw", alpha=0.3) == AdamW(
        0.001, weight_decay=0.3, decay_biases=False
    )
    assert optimizer(solver="sgd") == SGD(0.001, momentum=0.9, nesterov=True, **decay)
    assert optimizer(solver="sgd", nesterovs_momentum=False) == SGD(0.001, momentum=0.9, **decay)
    assert optimizer(solver="sgd", momentum=0) == SGD(0.001, **decay)
    assert optimizer(solver="rmsprop") == RMSprop(0.001, **decay)
    assert optimizer(solver="adagrad", epsilon=1e-9) == Adagrad(0.001, eps=1e-9, **decay)
    given = SGD(0.5)
    assert optimizer(solver=given) is given


def test_batches_are_a_tenth_of_the_rows_but_not_too_small_or_large():
    auto = [NetworkDesign(Classifier()).batch(rows) for rows in (3, 10, 99, 150, 1999, 2000, 10**6)]
    assert auto == [3, 10, 10, 15, 199, 200, 200]
    assert [NetworkDesign(Classifier(batch_size=64)).batch(rows) for rows in (10, 1000)] == [10, 64]


def test_learning_rates_fall_as_asked():
    model = quick(solver="sgd", learning_rate="invscaling", power_t=0.5, max_iter=4, tol=0)
    rates = model.fit(ROWS, LABELS).history_.learning_rate
    assert rates == pytest.approx([0.05 / math.sqrt(60 * epoch + 1) for epoch in range(4)])
    model = quick(
        solver="sgd", learning_rate="adaptive", n_iter_no_change=1, tol=0.3, max_iter=200,
        learning_rate_init=0.01,
    ).fit(ROWS, LABELS)  # fmt: skip
    rates = model.history_.learning_rate
    assert rates[0] == 0.01 and model.history_.stopped_by == "convergence"
    steps = [b / a for a, b in zip(rates, rates[1:]) if b != a]
    assert steps == pytest.approx([0.2] * len(steps)) and rates[-1] <= 1e-6


def test_the_penalty_pulls_weights_to_zero():
    sizes = []
    for alpha in (0.0, 1.0, 10.0):
        model = quick(alpha=alpha, tol=0, max_iter=100).fit(ROWS, LABELS)
        sizes.append(sum(w * w for W in model.coefs_ for row in W for w in row))
    assert sizes[0] > 2 * sizes[1] > 4 * sizes[2]


def test_the_loss_holds_the_penalty():
    model = quick(alpha=5.0, max_iter=3, solver="sgd", batch_size=60).fit(ROWS, LABELS)
    whole = quick(alpha=5.0, max_iter=4, solver="sgd", batch_size=60).fit(ROWS, LABELS)
    squares = sum(w * w for W in model.coefs_ for row in W for w in row)
    # Both are those before the update: the fourth epoch begins with the weights after the third.
    assert whole.loss_ == pytest.approx(whole.history_.loss[-1] + 5.0 / 2 * squares / 60)
    assert model.loss_curve_[-1] == model.loss_ and model.best_loss_ == min(model.loss_curve_)


def test_the_penalty_of_a_regressor_is_weighed_against_half_the_squared_error():
    X, y = [[float(x)] for x in range(10)], [3.0 * x for x in range(10)]
    # One weight w in standard units: (w − 1)² / 2 + alpha w² / 2n is least at 1 / (1 + alpha / n).
    model = Regressor(
        (), alpha=5.0, solver="sgd", learning_rate_init=0.05, momentum=0, tol=0, max_iter=500,
        random_state=0,
    ).fit(X, y)  # fmt: skip
    assert model.coefs_[0][0][0] == pytest.approx(1 / 1.5, rel=1e-4)


def test_class_weights_move_the_decision():
    rng = random.Random(1)
    X = [[rng.gauss(0, 1)] for _ in range(90)] + [[rng.gauss(1, 1)] for _ in range(10)]
    y = ["many"] * 90 + ["few"] * 10
    counts = [
        quick(class_weight=weights).fit(X, y).predict(X).count("few")
        for weights in (None, "balanced", {"few": 50.0})
    ]
    assert counts[0] < counts[1] < counts[2]
    balanced = quick(class_weight={"many": 100 / 180, "few": 5.0}).fit(X, y)
    assert balanced.coefs_ == quick(class_weight="balanced").fit(X, y).coefs_
    as_samples = quick().fit(X, y, sample_weight=[100 / 180] * 90 + [5.0] * 10)
    assert balanced.coefs_ == as_samples.coefs_


def test_sample_weights_count_in_fit_and_score():
    X, y = [[-1.0], [1.0]] * 10, ["a", "b", "b", "a"] * 5
    weights = [1.0, 1.0, 0.0, 0.0] * 5
    model = quick().fit(X, y, sample_weight=weights)
    assert model.score(X, y, sample_weight=weights) == 1.0
    assert model.score(X, y) == 0.5
    flipped = quick().fit(X, y, sample_weight=[1 - w for w in weights])
    assert flipped.predict([[-1.0]]) == ["b"]
    t = [1.0, 2.0, 3.0, 4.0]
    regressor = quick(Regressor).fit([[1], [2], [3], [4]], t)
    expected = r2_score(t, regressor.predict([[1], [2], [3], [4]]), [1, 2, 3, 4])
    assert regressor.score([[1], [2], [3], [4]], t, [1, 2, 3, 4]) == expected


def test_early_stopping_watches_the_score_and_keeps_the_best():
    model = quick(early_stopping=True, validation_fraction=0.2, n_iter_no_change=5, max_iter=300)
    model.fit(IRIS.inputs, FLOWERS)
    assert model.history_.stopped_by == "early stopping"
    scores = model.validation_scores_
    assert len(scores) == model.n_iter_ < 300
    assert model.best_validation_score_ == max(scores) and model.best_loss_ is None
    # The weights are those of the first epoch with the best score, and so nothing has improved
    # in the epochs after it.
    assert model.n_iter_ - scores.index(max(scores)) >= 5
    regressor = quick(Regressor, early_stopping=True, n_iter_no_change=3, max_iter=300)
    regressor.fit([[x] for x in range(50)], [math.sin(x / 8) for x in range(50)])
    assert regressor.history_.stopped_by == "early stopping"


@pytest.mark.parametrize("watched", [True, "loss"])
def test_early_stopping_ends_with_the_best_weights(watched):
    class Look(Callback):
        def on_train_end(self, trainer):
            self.X, self.T, _ = trainer.validation
            self.history = trainer.history
            self.loss = trainer.loss

    look = Look()
    model = quick(early_stopping=watched, validation_fraction=0.4, tol=0, callbacks=[look])
    noisy = [label if i % 4 else "yes" for i, label in enumerate(LABELS)]
    model.set_params(max_iter=60, n_iter_no_change=100).fit(ROWS, noisy)
    losses, scores = look.history.validation_loss, look.history.metrics["score"]
    best = losses.index(min(losses)) if watched == "loss" else scores.index(max(scores))
    assert best < 59
    Y = model.network_.predict(look.X)
    assert look.loss(Y, look.T) == pytest.approx(losses[best])
    assert sum((y > 0.5) == t for (y,), (t,) in zip(Y, look.T)) / len(Y) == scores[best]


def test_rows_set_apart_are_spread_over_the_classes():
    model = quick(early_stopping=True, validation_fraction=0.2, max_iter=1)
    X, y = [[i, i % 7] for i in range(50)], ["rare"] * 10 + ["usual"] * 40
    seen = []

    class Look(Callback):
        def on_epoch_end(self, trainer):
            seen.append([t[0] for t in trainer.validation.T])

    model.set_params(callbacks=[Look()]).fit(X, y)
    assert sorted(seen[0]) == [0.0] * 2 + [1.0] * 8


def test_training_stops_when_the_loss_stalls():
    model = quick(tol=10.0, n_iter_no_change=3, max_iter=100).fit(ROWS, LABELS)
    # As scikit-learn: the first epoch improves on nothing, then more than 3 have to stall.
    assert model.n_iter_ == 5 and model.history_.stopped_by == "convergence"
    assert quick(tol=0, max_iter=7).fit(ROWS, LABELS).n_iter_ == 7


def test_one_warning_that_says_what_to_raise():
    with pytest.warns(ConvergenceWarning) as caught:
        quick(max_iter=10).fit(ROWS, LABELS)
    assert len(caught) == 1
    fell = str(caught[0].message).split("still falling, by ")[1].split("%")[0]
    assert str(caught[0].message) == (
        f"training stopped at max_iter=10 while the loss was still falling, by {fell}% in the last "
        "9 epochs; raise max_iter to 20, or learning_rate_init from 0.05 to 0.15"
    )
    assert caught[0].filename == __file__


def test_no_warning_without_need():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quick(max_iter=1).fit(ROWS, LABELS)  # nothing is known of one epoch
        quick(early_stopping=True, n_iter_no_change=2, max_iter=500).fit(ROWS, LABELS)
        quick(tol=1.0, max_iter=100).fit(ROWS, LABELS)
        apart = [[0.0], [1.0]] * 10, ["a", "b"] * 10  # it falls for ever, and by next to nothing
        quick(tol=0, max_iter=80, n_iter_no_change=80, alpha=0).fit(*apart)
        quick(solver=Adam(1e-9), max_iter=15, tol=0).fit(ROWS, LABELS)  # it hardly falls


def test_callbacks_and_progress(capsys):
    class Stop(Callback):
        def on_epoch_end(self, trainer):
            if trainer.epoch == 3:
                trainer.stop("seen enough")

    model = quick(callbacks=[Stop()], verbose=True).fit(ROWS, LABELS)
    assert model.n_iter_ == 3 and model.history_.stopped_by == "seen enough"
    assert "epoch 3/40" in capsys.readouterr().err


def test_ctrl_c_keeps_what_was_learned():
    class Interrupt(Callback):
        def on_epoch_begin(self, trainer):
            if trainer.epoch == 4:
                raise KeyboardInterrupt

    model = quick(callbacks=[Interrupt()], early_stopping=True).fit(ROWS, LABELS)
    assert model.history_.stopped_by == "interrupted" and model.n_iter_ == 3
    assert len(model.predict(ROWS)) == 60


def test_warm_start_goes_on():
    whole = quick(max_iter=6, tol=0, batch_size=16, dropout=0.1).fit(ROWS, LABELS)
    model = quick(max_iter=3, tol=0, batch_size=16, dropout=0.1, warm_start=True)
    model.fit(ROWS, LABELS).fit(ROWS, LABELS)
    assert model.coefs_ == whole.coefs_
    assert model.loss_curve_ == whole.loss_curve_
    assert (model.n_iter_, model.t_) == (3, 6 * len(ROWS)) and (whole.n_iter_, whole.t_) == (
        6, 6 * len(ROWS),
    )  # fmt: skip
    fresh = quick(max_iter=3, tol=0)
    fresh.fit(ROWS, LABELS).fit(ROWS, LABELS)
    assert fresh.n_iter_ == 3


def test_partial_fit_is_an_epoch():
    whole = quick(max_iter=4, tol=0, encoder=TableEncoder(drop_constant=False)).fit(ROWS, LABELS)
    model = quick(max_iter=4)
    for _ in range(4):
        model.partial_fit(ROWS, LABELS, classes=["no", "yes"])
    assert model.coefs_ == whole.coefs_ and len(model.loss_curve_) == 4
    assert (model.n_iter_, model.t_) == (1, 4 * len(ROWS))
    model.partial_fit([[1.0, "red", 50]], ["yes"])  # rows of one class are welcome now
    regressor = quick(Regressor)
    for _ in range(5):
        regressor.partial_fit([[1], [2], [3]], [1, 2, 3], sample_weight=[1, 1, 0])
    assert (regressor.n_iter_, regressor.t_) == (1, 15)


def test_partial_fit_may_begin_with_one_row():
    model = quick().partial_fit([[1.0, "a"]], ["x"], classes=["x", "y"])
    for _ in range(30):
        model.partial_fit([[1.0, "a"], [-1.0, "a"]], ["x", "y"])
    assert model.predict([[1.0, "a"], [-1.0, "a"]]) == ["x", "y"]


def test_the_encoder_is_the_one_asked_for():
    encoder = TableEncoder(names=["a", "b", "c"], kinds={"c": "drop"}, scaling="minmax")
    model = quick(encoder=encoder).fit(ROWS, LABELS)
    assert model.feature_names_in_ == ["a", "b", "c"]
    assert not encoder.fitted and model.encoder_.scaling == "minmax"
    assert [column.kind for column in model.encoder_.columns] == ["number", "category", "drop"]


def test_parameters_are_kept_as_given_and_changed_by_name():
    sizes = [3]
    model = Classifier(sizes, alpha=0.5)
    assert model.get_params()["hidden_layer_sizes"] is sizes
    assert vars(model) == model.get_params() == model.get_params(deep=False)
    assert model.set_params(alpha=1, solver="sgd") is model and model.alpha == 1
    assert repr(Classifier((5,), solver="sgd")) == (
        "Classifier(hidden_layer_sizes=(5,), solver='sgd')"
    )
    assert repr(Regressor()) == "Regressor()"
    assert "class_weight" not in Regressor.parameter_names()
    assert Classifier(**Classifier.parameter_defaults()).get_params() == Classifier().get_params()


@pytest.mark.parametrize(
    "parameters, words",
    [
        (
            {"activation": "rellu"},
            "Classifier needs activation to be one of 'identity', 'logistic', 'tanh', 'relu', "
            "'linear', 'sigmoid', 'leaky_relu', 'elu', 'selu', 'gelu', 'softplus', 'silu', "
            "'swish', 'relu6', 'hard_tanh', 'softsign', 'hard_sigmoid', 'hard_silu', "
            "'hard_swish', 'mish', 'celu', 'log_sigmoid', 'TanhGELU', got 'rellu'; "
            "did you mean 'relu'?",
        ),
        (
            {"activation": ("relu", "tanh")},
            "Classifier needs one activation per hidden layer, got 2 for 1 layer",
        ),
        (
            {"solver": "bfgs"},
            "Classifier needs solver to be one of 'sgd', 'adagrad', 'rmsprop', 'adam', 'adamw', "
            "'nadam', 'radam', 'adadelta', 'rprop', 'lion', "
            "'lbfgs', got 'bfgs'; did you mean 'lbfgs'?",
        ),
        (
            {"hidden_layer_sizes": (5, 0)},
            "Classifier needs hidden_layer_sizes to be a whole number, at least 1, got 0",
        ),
        ({"alpha": -1}, "Classifier needs alpha to be a finite number, at least 0, got -1; "
                        "did you mean 1?"),
        (
            {"learning_rate": "fast"},
            "Classifier needs learning_rate to be one of 'constant', 'invscaling', 'adaptive', "
            "'plateau', got 'fast'",
        ),
        (
            {"batch_size": 0},
            "Classifier needs batch_size to be a whole number, at least 1, got 0",
        ),
        (
            {"validation_fraction": 1.0},
            "Classifier needs validation_fraction to be a finite number, above 0 and below 1, "
            "got 1.0",
        ),
        (
            {"random_state": "seed"},
            "Classifier needs random_state to be a whole number of at least 0, a random.Random or "
            "None, got 'seed'",
        ),
        ({"random_state": -1}, "Classifier needs random_state to be a whole number of at least 0, "
                               "a random.Random or None, got -1"),
        ({"encoder": 3}, "Classifier needs encoder to be a TableEncoder or None, got 3"),
        (
            {"class_weight": "even"},
            "Classifier needs class_weight to be 'balanced', a dictionary of weights by label, or "
            "None, got 'even'",
        ),
        (
            {"class_weight": {"maybe": 2}},
            "Classifier needs each label in class_weight to be one of 'no', 'yes', got 'maybe'; "
            "other labels are accepted only if all of these have weights",
        ),
        (
            {"class_weight": {"yes": -2}},
            "Classifier needs the weight of 'yes' to be a finite number, at least 0, got -2; "
            "did you mean 2?",
        ),
        ({"early_stopping": 1}, "Classifier needs early_stopping to be True or False, got 1"),
    ],
)  # fmt: skip
def test_wrong_parameters_are_refused_in_fit(parameters, words):
    model = Classifier(**parameters)
    with pytest.raises(SettingError) as error:
        model.fit(ROWS, LABELS)
    assert str(error.value) == words
    assert vars(model) == model.get_params()  # nothing is left behind


def test_a_parameter_that_there_is_not():
    with pytest.raises(SettingError) as error:
        Classifier().set_params(alhpa=1)
    assert str(error.value) == (
        "Invalid parameter 'alhpa' for estimator Classifier; did you mean 'alpha'?"
    )


# --- what they refuse -----------------------------------------------------------------------------

FITTED = quick(max_iter=1).fit(ROWS, LABELS)


@pytest.mark.parametrize(
    "error, call, words",
    [
        (
            DataError,
            lambda: quick().fit(ROWS, ["a"] * 60),
            "Classifier needs at least two classes to learn from, got 1 class, 'a', in all 60 rows",
        ),
        (
            DataError,
            lambda: quick().fit(ROWS, None),
            "Classifier requires y to be passed, but the target y is None",
        ),
        (
            DataError,
            lambda: quick().fit(ROWS, ["a", None] * 30),
            "Classifier needs a label in each row, got None in row 1; drop rows without one first",
        ),
        (
            DataError,
            lambda: quick().fit(ROWS, [0.0, math.inf] * 30),
            "Classifier needs finite labels, got inf in row 1",
        ),
        (
            DataError,
            lambda: quick().fit(ROWS, [i / 7 for i in range(60)]),
            "Unknown label type: continuous. Classifier needs classes as targets, got 60 "
            "different numbers in 60 rows; did you mean Regressor?",
        ),
        (
            DataError,
            lambda: quick().fit(ROWS, [{}] * 60),
            "Unknown label type: Classifier needs labels that can be hashed, got a dict in row 0",
        ),
        (
            DataError,
            lambda: quick().fit(ROWS, [[0, 1, 2]] * 60),
            "Classifier needs one label per row, or rows of 0 and 1 for several labels at once; "
            "use a separate Classifier for each target with more classes",
        ),
        (
            SettingError,
            lambda: quick(class_weight="balanced").fit(ROWS, [[0, 1], [1, 0]] * 30),
            "Classifier needs class_weight=None for rows of 0 and 1 as targets",
        ),
        (
            ShapeError,
            lambda: quick().fit(ROWS, LABELS[:5]),
            "inputs and targets need the same number of rows, got 60 and 5",
        ),
        (
            ShapeError,
            lambda: quick().fit(ROWS, LABELS, sample_weight=[1.0]),
            "inputs and sample weights need the same number of rows, got 60 and 1",
        ),
        (
            DataError,
            lambda: quick().fit(ROWS, LABELS, sample_weight=[-1.0] * 60),
            "sample weights need to be at least 0, got -1.0 in row 0",
        ),
        (
            DataError,
            lambda: quick().fit(ROWS, LABELS, sample_weight=[0.0] * 60),
            "sample weights need a finite sum above zero, got 0 for 60 rows",
        ),
        (
            DataError,
            lambda: quick(Regressor).fit(ROWS, LABELS),
            "Regressor: targets need numbers, got the text 'yes' in row 0, column 0; encode text "
            "as numbers first, or use Classifier",
        ),
        (
            DataError,
            lambda: quick(early_stopping=True).fit(ROWS[:3], ["yes", "no", "yes"]),
            "Classifier needs rows for both training and early_stopping, got 3 rows with "
            "validation_fraction=0.1",
        ),
        (
            ShapeError,
            lambda: FITTED.predict([[1, "red"]]),
            "X has 2 features, but Classifier is expecting 3 features as input: "
            "the columns it was fitted with",
        ),
        (
            ShapeError,
            lambda: FITTED.predict([1, "red", 2]),
            "inputs need rows of cells, got the number 1 as row 0. "
            "Reshape your data: [[...]] for one row, [[x] for x in column] for one column",
        ),
        (
            DataError,
            lambda: FITTED.predict([["much", "red", 2]]),
            "column 0 needs numbers, got the text 'much' in row 0; if this means a missing "
            "value, give missing=('much',)",
        ),
        (
            NotFittedError,
            lambda: Classifier().predict(ROWS),
            "this Classifier needs fit(inputs, targets) first",
        ),
        (
            NotFittedError,
            lambda: Regressor().save("nowhere.json"),
            "this Regressor needs fit(inputs, targets) first",
        ),
        (
            SettingError,
            lambda: quick(class_weight="balanced").partial_fit(ROWS, LABELS),
            "Classifier needs class_weight as weights by label for partial_fit, which cannot know "
            "the final class sizes, got 'balanced'",
        ),
        (
            SettingError,
            lambda: quick(early_stopping=True).partial_fit(ROWS, LABELS),
            "partial_fit does not support early_stopping=True, since it trains for one epoch; "
            "Classifier needs early_stopping=False for it",
        ),
        (
            DataError,
            lambda: quick().partial_fit(ROWS, LABELS, classes=["a", "b"]),
            "Classifier needs each label to be one of 'a', 'b', got 'yes' in row 0",
        ),
        (
            SettingError,
            lambda: quick().partial_fit(ROWS, LABELS).partial_fit(ROWS, LABELS, classes=[1, 2]),
            "Classifier needs the classes of its first partial_fit, ['no', 'yes'], got [1, 2]",
        ),
        (
            SettingError,
            lambda: quick(engine="fast").fit(ROWS, LABELS),
            None,
        ),
    ],
)
def test_what_is_refused_and_the_mend(error, call, words):
    with pytest.raises(error) as raised:
        call()
    if words is not None:
        assert str(raised.value) == words


def test_a_refused_fit_leaves_the_model_as_it_was():
    model = quick(max_iter=2).fit(ROWS, LABELS)
    before, answers = dict(vars(model)), model.predict_proba(ROWS)
    model.engine = "no such engine"
    with pytest.raises((SettingError, EngineError)):
        model.fit(ROWS[:30], LABELS[:30])
    model.engine = "auto"
    assert vars(model) == before and model.predict_proba(ROWS) == answers


def test_divergence_leaves_the_last_finite_weights():
    model = quick(Regressor, solver="sgd", learning_rate_init=1e6, activation="identity")
    with pytest.raises(DivergenceError):
        model.fit([[x] for x in range(20)], [x * x for x in range(20)])
    assert model.history_.stopped_by == "divergence"
    assert all(math.isfinite(w) for W in model.coefs_ for row in W for w in row)


# --- streams --------------------------------------------------------------------------------------


def chunked(rows, labels, size=7, weights=None):
    def chunks():
        for i in range(0, len(rows), size):
            part = (rows[i : i + size], labels[i : i + size])
            yield part if weights is None else (*part, weights[i : i + size])

    return chunks


def test_a_stream_is_learned_as_a_table():
    model = quick(shuffle=False, tol=0, max_iter=5).fit_stream(chunked(ROWS, LABELS))
    table = quick(shuffle=False, tol=0, max_iter=5).fit(ROWS, LABELS)
    assert [c._asdict().keys() for c in model.encoder_.columns] == [
        c._asdict().keys() for c in table.encoder_.columns
    ]
    for a, b in zip(model.predict_proba(ROWS), table.predict_proba(ROWS)):
        assert a == pytest.approx(b, abs=1e-9)
    assert model.n_iter_ == 5 and model.classes_ == ["no", "yes"]


def test_a_stream_with_weights_validation_and_balance():
    weights = [1.0] * 60
    model = quick(class_weight="balanced", early_stopping=True, n_iter_no_change=3)
    model.fit_stream(chunked(ROWS, LABELS, weights=weights), validation=small_table(40, seed=1))
    assert model.score(ROWS, LABELS) > 0.85
    assert len(model.validation_scores_) == model.n_iter_
    regressor = quick(Regressor, batch_size=8, max_iter=60)
    y = [float(row[2]) for row in ROWS]
    rows = [[*row[:2], z * z] for row, z in zip(ROWS, y)]
    assert regressor.fit_stream(chunked(rows, y)).score(rows, y) > 0.8


@settings(max_examples=40)
@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 9), st.integers(1, 30), st.booleans())
def test_every_row_comes_once_in_batches_of_the_size(n, chunk, size, buffer, shuffle):
    def chunks():
        for i in range(0, n, chunk):
            yield list(range(i, min(n, i + chunk))), [0] * min(chunk, n - i)

    def encoded(part, row):
        assert part[0][0] == row
        return [[float(i)] for i in part[0]], [[0.0]] * len(part[0]), None

    source = Chunks(chunks, encoded, shuffle, 0, buffer)
    first = [[x for (x,) in X] for X, _, _ in batches_of(source, size, 0)]
    assert sorted(x for batch in first for x in batch) == list(range(n))
    assert all(len(batch) == size for batch in first[:-1]) and 0 < len(first[-1]) <= size
    if not shuffle:
        assert [x for batch in first for x in batch] == list(range(n))
    elif n > 30:
        second = [[x for (x,) in X] for X, _, _ in batches_of(source, size, 1)]
        assert second != first


@pytest.mark.parametrize(
    "error, call, words",
    [
        (
            DataError,
            lambda: quick().fit_stream([(ROWS, LABELS)]),
            "Classifier needs a function that returns a new iterator of chunks each time, "
            "got a list",
        ),
        (
            DataError,
            lambda: quick().fit_stream(lambda: iter([])),
            "Classifier needs a stream with at least one chunk of rows, got none",
        ),
        (
            DataError,
            lambda: quick().fit_stream(lambda: [ROWS]),
            "Classifier needs chunks of (rows, targets) or (rows, targets, sample weights), "
            "got a list as chunk 0",
        ),
        (
            SettingError,
            lambda: quick(early_stopping=True).fit_stream(chunked(ROWS, LABELS)),
            "Classifier needs validation=(rows, targets) for early_stopping with a stream",
        ),
        (
            DataError,
            lambda: quick().fit_stream(chunked(ROWS, ["a"] * 60)),
            "Classifier needs at least two classes to learn from, got 1 class, 'a', in all 60 rows",
        ),
    ],
)
def test_streams_that_are_refused(error, call, words):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value) == words


# --- model files ----------------------------------------------------------------------------------


def saved(model, tmp_path, **options):
    path = tmp_path / "model.json"
    model.save(path, **options)
    return load(path)


@pytest.mark.parametrize(
    "labels",
    [
        LABELS,
        [i % 3 for i in range(60)],
        [i % 2 == 0 for i in range(60)],
        [0.5 * (i % 4) for i in range(60)],
        [["x", 1, 2.5][i % 3] for i in range(60)],
        [[i % 2, i % 3 == 0] for i in range(60)],
    ],
)
def test_a_classifier_comes_back_exactly(labels, tmp_path):
    encoder = TableEncoder(names=["a", "b", "c"])
    model = quick(max_iter=5, encoder=encoder, dropout=0.1, early_stopping=True).fit(ROWS, labels)
    again = saved(model, tmp_path)
    assert type(again) is Classifier
    assert again.predict_proba(ROWS) == model.predict_proba(ROWS)
    assert list(map(repr, again.predict(ROWS))) == list(map(repr, model.predict(ROWS)))
    assert list(map(repr, again.classes_)) == list(map(repr, model.classes_))
    for name in (
        "coefs_", "intercepts_", "loss_", "loss_curve_", "best_loss_", "validation_scores_",
        "best_validation_score_", "n_iter_", "n_features_in_", "feature_names_in_", "n_outputs_",
        "n_layers_", "out_activation_",
    ):  # fmt: skip
        assert getattr(again, name) == getattr(model, name)
    assert vars(again.history_) == vars(model.history_)
    assert again.encoder_.describe() == model.encoder_.describe()


def test_a_regressor_comes_back_exactly(tmp_path):
    for y in ([x * x for x in range(60)], [[x, -x] for x in range(60)]):
        model = quick(Regressor, max_iter=5, loss=Huber(0.5), solver=Adam(0.01)).fit(ROWS, y)
        again = saved(model, tmp_path)
        assert again.predict(ROWS) == model.predict(ROWS)
        assert again.get_params() == {**model.get_params(), "encoder": None}


def test_parameters_come_back(tmp_path):
    model = Classifier(
        [4, 3], ("tanh", "relu"), solver=Adam(0.01), dropout=(0.1, 0.0), max_iter=2,
        class_weight={"yes": 2.0, "no": 1.0}, random_state=7, callbacks=[Callback()],
        encoder=TableEncoder(scaling="minmax"), batch_size=16,
    ).fit(ROWS, LABELS)  # fmt: skip
    again = saved(model, tmp_path)
    expected = {**model.get_params(), "hidden_layer_sizes": (4, 3), "callbacks": ()}
    found = again.get_params()
    assert repr(found.pop("encoder")) == repr(expected.pop("encoder"))
    assert found == expected


def test_training_goes_on_after_a_file(tmp_path):
    whole = quick(max_iter=3).fit(ROWS, LABELS)
    again = saved(whole, tmp_path, training=True)
    for model in (whole, again):
        model.partial_fit(ROWS, LABELS)
    assert again.coefs_ == whole.coefs_ and again.loss_curve_ == whole.loss_curve_
    without = saved(quick(max_iter=3).fit(ROWS, LABELS), tmp_path)
    without.partial_fit(ROWS, LABELS)
    assert (len(without.loss_curve_), without.t_) == (
        4,
        4 * len(ROWS),
    ) and without.coefs_ != whole.coefs_


def test_load_takes_networks_too(tmp_path):
    network = Sequential(Dense(2, 1), seed=1)
    network.save(tmp_path / "net.json")
    again = load(tmp_path / "net.json")
    assert isinstance(again, Sequential) and again.predict([[1, 2]]) == network.predict([[1, 2]])


def test_labels_that_json_cannot_keep_are_refused(tmp_path):
    model = quick(max_iter=1).fit(ROWS, [("a", "b")[i % 2 :] for i in range(60)])
    with pytest.raises(FormatError) as error:
        model.save(tmp_path / "model.json")
    assert str(error.value) == (
        "a model file needs labels to be strings, numbers, True or False, got a tuple: ('a', 'b')"
    )
    assert list(tmp_path.iterdir()) == []


def leaves(value, path=()):
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        yield from leaves(value[0], (*path, 0))
        yield from leaves(value[-1], (*path, len(value) - 1))
    else:
        yield path


def replaced(document, path, value):
    document = json.loads(json.dumps(document))
    at = document
    for key in path[:-1]:
        at = at[key]
    if value is KeyError:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return document


@pytest.mark.parametrize("kind", [Classifier, Regressor])
def test_an_edited_file_is_refused_or_works(kind, tmp_path):
    y = LABELS if kind is Classifier else [float(i) for i in range(60)]
    quick(kind, hidden=(2,), max_iter=2).fit(ROWS, y).save(tmp_path / "whole.json")
    document = json.loads((tmp_path / "whole.json").read_text())
    path = tmp_path / "edited.json"
    refused = 0
    for place in leaves(document):
        for value in (KeyError, None, [], "x", -1, 1e9, {"a": 1}):
            path.write_text(json.dumps(replaced(document, place, value)))
            try:
                model = load(path)
            except FormatError:
                refused += 1
                continue
            with contextlib.suppress(TinynnError):
                model.predict(ROWS)
    assert refused > 300


@pytest.mark.parametrize(
    "place, value, words",
    [
        (("kind",), "forest", "{path} needs to hold a network, classifier, regressor, "
                              "ensemble or text model, got 'forest'"),
        (("targets",), KeyError, "{path} needs targets to be a classifier"),
        (
            ("targets", "classes"),
            ["a"],
            "{path} is not a valid classifier: a saved Classifier needs two classes or more, "
            "got ['a']",
        ),
        (
            ("targets",),
            {"classes": ["a", "b", "c"], "counts": [1, 2, 3], "multilabel": False},
            "{path} needs a network with 7 inputs and 3 outputs, got 7 and 1",
        ),
        (("settings", "alfa"), 1, "{path} is not a valid classifier: settings cannot have 'alfa'"),
        (
            ("history", "loss"),
            ["low"],
            "{path} is not a valid classifier: history.loss needs to be a list of numbers, "
            "got 'low' in it",
        ),
        (("seed",), 1.5, "{path} is not a valid classifier: seed needs to be a whole number, "
                         "got 1.5"),
    ],
)  # fmt: skip
def test_edited_files_and_what_is_said(place, value, words, tmp_path):
    path = tmp_path / "model.json"
    quick(max_iter=1).fit(ROWS, LABELS).save(path)
    path.write_text(json.dumps(replaced(json.loads(path.read_text()), place, value)))
    with pytest.raises(FormatError) as error:
        load(path)
    assert str(error.value) == words.format(path=path)


def test_targets_know_the_best_constant_answers():
    numbers = Numbers()
    numbers.learn([1.0, 50.0])
    numbers.learn([3.0, 6.0, 0.0])
    assert numbers.constants == ([12.0], [3.0])
    assert Numbers.from_dict(numbers.to_dict()).constants == ([12.0], [3.0])
    rows = Numbers()
    rows.learn([[1.0, 5.0], [3.0, 5.0], [8.0, 2.0]])
    assert rows.constants == ([4.0, 4.0], [3.0, 5.0])


def test_a_class_without_rows_cannot_be_balanced():
    model = quick(max_iter=2).partial_fit([[1.0], [2.0]] * 4, ["a", "b"] * 4, ["a", "b", "c"])
    model.set_params(class_weight="balanced", warm_start=True)
    with pytest.raises(SettingError) as error:
        model.fit([[1.0], [2.0], [3.0]] * 4, ["a", "b", "c"] * 4)
    assert str(error.value) == (
        "Classifier needs rows of each class for class_weight='balanced', got none of 'a'; give "
        "weights by label"
    )
