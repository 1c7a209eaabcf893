"""L-BFGS: the line search and the minimization of plain functions, and training with it."""

from __future__ import annotations

import math
import random
import warnings
from functools import partial

import pytest
from hypothesis import given, strategies as st
from interrupts import interrupt_at

import tinynn as nn
from tinynn.engines.choice import ENGINES
from tinynn.lesson.training import backpropagate
from tinynn.training.lbfgs import LBFGS, Minimization, by_name, from_dict
from tinynn.training.line_search import CURVATURE, DECREASE, MOST_TRIALS, NARROWEST, Point, Search

IRIS = nn.load_iris()
X = nn.StandardScaler().fit_transform(IRIS.inputs)
T = nn.one_hot(IRIS.targets, 3)
NAMES = [name for name in ENGINES if name != "native" or ENGINES[name].unavailable() is None]


def rosenbrock(x):
    """Return the value and the gradient of H. Rosenbrock's valley, in any dimension."""
    value, gradient = 0.0, [0.0] * len(x)
    for i, (a, b) in enumerate(zip(x, x[1:])):
        value += 100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2
        gradient[i] += -400.0 * a * (b - a * a) - 2.0 * (1.0 - a)
        gradient[i + 1] += 200.0 * (b - a * a)
    return value, gradient


def minimized(function, start, *settings, **named):
    task = Minimization(function, list(start), LBFGS(*settings, **named))
    while task.ended is None:
        task.iterate()
    return task


# scipy.optimize.minimize(rosen, start, jac=rosen_der, method="L-BFGS-B", options={"gtol": 1e-4})
# of SciPy 1.17: nit, nfev, and x[0].
@pytest.mark.parametrize(
    ("start", "iterations", "calls", "first"),
    [
        ([-1.2, 1.0], 36, 44, 0.9999989453),
        ([2.0, -3.0], 30, 36, 0.9999987894),
        ([0.0, 0.0], 21, 25, 0.9999997057),
        ([0.0] * 5, 35, 46, 0.9999999256),
        ([2.0, -3.0, 2.0, -3.0, 2.0], 56, 74, 1.0000001239),
    ],
)
def test_minimization_takes_the_steps_of_scipy(start, iterations, calls, first):
    task = minimized(rosenbrock, start, 1e-4)
    assert (task.at.number, task.calls, task.ended) == (iterations, calls, "convergence")
    assert task.at.x[0] == pytest.approx(first, abs=5e-10)
    assert task.at.x == pytest.approx([1.0] * len(start), abs=1e-4)


@given(st.integers(1, 6), st.integers(0, 10_000))
def test_the_minimum_of_a_quadratic_is_found(size, seed):
    draw = random.Random(seed).uniform
    B = [[draw(-1.0, 1.0) for _ in range(size)] for _ in range(size)]
    A = [[sum(b[i] * b[j] for b in B) + 0.1 * (i == j) for j in range(size)] for i in range(size)]
    center = [draw(-3.0, 3.0) for _ in range(size)]

    def function(x):
        d = [a - b for a, b in zip(x, center)]
        g = [sum(a * b for a, b in zip(row, d)) for row in A]
        return sum(a * b for a, b in zip(g, d)) / 2.0 + 1.0, g

    task = minimized(function, [0.0] * size, 1e-7)
    assert task.ended == "convergence"
    assert max(map(abs, task.at.gradient)) <= 1e-6
    assert task.at.x == pytest.approx(center, abs=2e-5)


def yanai(first, second):
    """Return H. Yanai, M. Ozawa and S. Kaneko's function, as in Moré and Thuente (1994)."""
    a, b = (math.sqrt(1.0 + c * c) - c for c in (first, second))

    def function(t):
        r, s = math.hypot(1.0 - t, second), math.hypot(t, first)
        return a * r + b * s, a * (t - 1.0) / r + b * t / s

    return function


# The trials of scipy.optimize._dcsrch.DCSRCH of SciPy 1.17 with ftol = gtol = 1e-4, xtol = 1e-10:
# how many there are, and the last one, from these first trials.
@pytest.mark.parametrize(
    ("function", "firsts", "trials", "ends"),
    [
        (
            lambda t: (-t / (t * t + 2.0), (t * t - 2.0) / (t * t + 2.0) ** 2),
            [0.001, 1.0, 1000.0],
            [9, 5, 11],
            [1.41420836887, 1.41421220671, 1.41421351463],
        ),
        (yanai(0.01, 0.001), [0.001, 1.0, 1000.0], [7, 7, 9],
         [0.0741850225606, 0.0741398987714, 0.074102257562]),
        (yanai(0.001, 0.01), [0.001, 1.0, 1000.0], [15, 8, 12],
         [0.925801567609, 0.925871522709, 0.925806792021]),
        (
            lambda t: (-t / (t * t + 2.0) + 0.02 * math.sin(9.0 * t),
                       (t * t - 2.0) / (t * t + 2.0) ** 2 + 0.18 * math.cos(9.0 * t)),
            [0.1, 1.0, 3.0],
            [10, 7, 6],
            [1.24406400928, 1.24406376112, 1.88823923631],
        ),
    ],
    ids=["1", "5", "6", "1 with waves"],
)  # fmt: skip
def test_a_line_search_makes_the_trials_of_minpack(function, firsts, trials, ends, monkeypatch):
    for name, value in (("DECREASE", 1e-4), ("CURVATURE", 1e-4), ("NARROWEST", 1e-10)):
        monkeypatch.setattr(f"tinynn.training.line_search.{name}", value)
    for first, count, end in zip(firsts, trials, ends):
        search, made = Search(Point(0.0, *function(0.0)), first), 0
        while not search.ended:
            search.tell(*function(search.step))
            made += 1
        assert (made, search.step) == (count, pytest.approx(end, rel=1e-9))


@given(
    st.sampled_from([
        lambda t: ((t - 0.4) ** 4 - t, 4.0 * (t - 0.4) ** 3 - 1.0),
        # Moré and Thuente (1994), functions 1 and 2, with beta = 2 and 0.004
        lambda t: (-t / (t * t + 2.0), (t * t - 2.0) / (t * t + 2.0) ** 2),
        lambda t: ((t + 0.004) ** 5 - 2.0 * (t + 0.004) ** 4,
                   5.0 * (t + 0.004) ** 4 - 8.0 * (t + 0.004) ** 3),
    ]),
    st.sampled_from([1e-3, 0.1, 1.0, 10.0, 1000.0]),
)  # fmt: skip
def test_a_line_search_ends_with_the_strong_wolfe_conditions(function, first):
    start = Point(0.0, *function(0.0))
    search, trials = Search(start, first), 0
    while not search.ended and trials < MOST_TRIALS:
        search.tell(*function(search.step))
        trials += 1
    value, slope = function(search.step)
    assert search.ended and search.step > 0.0
    assert value <= start.value + DECREASE * search.step * start.slope
    narrow = search.bracketed and search.high - search.low <= NARROWEST * search.high
    assert narrow or abs(slope) <= CURVATURE * abs(start.slope)


def test_a_line_search_comes_back_from_where_there_is_no_value():
    def function(t):
        return (t - 1.0) ** 2 if t < 1.5 else float("inf"), 2.0 * (t - 1.0)

    search = Search(Point(0.0, *function(0.0)), 64.0)
    while not search.ended:
        search.tell(*function(search.step))
    assert 0.05 <= search.step < 1.5


def test_a_minimization_says_why_it_ended():
    assert minimized(rosenbrock, [-1.2, 1.0], max_fun=10).ended == "max_fun"
    assert minimized(rosenbrock, [1.0, 1.0]).at.number == 0

    def liar(x):  # its gradient leads uphill
        return x[0] ** 2, [-2.0 * x[0]]

    task = minimized(liar, [1.0])
    assert (task.ended, task.at.x) == ("line search", [1.0])


# --- training


def network(hidden=4, seed=3):
    layers = [nn.Dense(4, hidden), nn.Tanh(), nn.Dense(hidden, 3)] if hidden else [nn.Dense(4, 3)]
    return nn.Sequential(*layers, nn.Softmax(), seed=seed)


def weights(model):
    return [w for parameter in model.parameters() for row in parameter.rows() for w in row]


def penalised_gradient(model, loss, decay, sample_weight=None):
    """Return the gradient of the penalised loss by the lesson."""
    backpropagate(model, loss, X, T, sample_weight)
    return [
        g + decay * w * parameter.is_matrix
        for parameter in model.parameters()
        for row, gradients in zip(parameter.rows(), parameter.gradient_rows())
        for w, g in zip(row, gradients)
    ]


@pytest.mark.parametrize("engine", NAMES)
@pytest.mark.parametrize("weighted", [False, True])
def test_training_ends_at_a_minimum_with_every_engine(engine, weighted, monkeypatch):
    monkeypatch.setattr("tinynn.training.whole_table.ROWS_AT_ONCE", 40)
    sample_weight = [0.0 if i < 45 else 1.0 + i % 3 for i in range(len(X))] if weighted else None
    model = network(hidden=8 if engine == "packed" else 0)
    settings = LBFGS(1e-4, weight_decay=0.02, decay_biases=False)
    history = nn.fit(
        model, X, T, loss="ce", optimizer=settings, epochs=500, sample_weight=sample_weight,
        engine=engine, batch_size=7,
    )  # fmt: skip
    assert (history.stopped_by, history.engine) == ("convergence", engine)
    loss = nn.CategoricalCrossEntropy()
    close = 2e-3 if engine == "packed" else 1e-3
    gradient = penalised_gradient(model, loss, 0.02, sample_weight)
    assert max(map(abs, gradient)) < close
    assert history.loss[-1] == pytest.approx(loss(model.predict(X), T, sample_weight), abs=1e-5)
    assert history.loss[0] > history.loss[-1]


def test_engines_take_the_same_steps():
    losses = []
    for engine in NAMES:
        model = network(8)
        history = nn.fit(model, X, T, loss="ce", optimizer="lbfgs", epochs=8, engine=engine)
        losses.append(history.loss)
    for other in losses[1:]:
        assert other == pytest.approx(losses[0], rel=1e-4)


def test_biases_decay_if_asked():
    model = network(0)
    nn.fit(model, X, T, loss="ce", optimizer=LBFGS(1e-6, weight_decay=0.1), epochs=200)
    backpropagate(model, nn.CategoricalCrossEntropy(), X, T)
    bias = model.layers[0]
    assert bias.gradients()["b"] == pytest.approx([-0.1 * b for b in bias.b], abs=1e-5)


def test_validation_and_callbacks_watch_each_step():
    seen = []

    class Watch(nn.Callback):
        def on_epoch_end(self, trainer):
            seen.append((trainer.epoch, trainer.history.loss[-1], weights(trainer.model)))

    model = network()
    history = nn.fit(
        model, X, T, loss="ce", optimizer="lbfgs", epochs=30, validation_split=0.3,
        callbacks=[Watch(), nn.EarlyStopping(patience=3)],
    )  # fmt: skip
    assert history.stopped_by == "early stopping" and history.epochs == len(seen) < 30
    assert weights(model) == seen[history.best_epoch - 1][2]
    assert [loss for _, loss, _ in seen] == history.loss
    assert len(history.learning_rate) == len(history.seconds) == history.epochs


def test_a_callback_may_change_the_weights():
    class Shake(nn.Callback):
        def on_epoch_end(self, trainer):
            if trainer.epoch == 3:
                trainer.model.layers[0].W[0][0] += 5.0

    model = network(0)
    history = nn.fit(
        model, X, T, loss="ce", optimizer=LBFGS(1e-5, weight_decay=0.1), epochs=300,
        callbacks=[Shake()],
    )  # fmt: skip
    assert history.loss[3] > history.loss[2] and history.stopped_by == "convergence"
    plain = network(0)
    nn.fit(plain, X, T, loss="ce", optimizer=LBFGS(1e-5, weight_decay=0.1), epochs=300)
    assert weights(model) == pytest.approx(weights(plain), abs=1e-3)


def test_training_that_has_ended_is_one_look():
    model = network(0)
    settings = LBFGS(1e-3, weight_decay=0.1)
    nn.fit(model, X, T, loss="ce", optimizer=settings, epochs=300)
    before = weights(model)
    again = nn.fit(model, X, T, loss="ce", optimizer=settings, epochs=300)
    assert (again.epochs, again.stopped_by) == (1, "convergence") and weights(model) == before


def test_a_trained_network_is_saved_with_its_training(tmp_path):
    model = network()
    nn.fit(model, X, T, loss="ce", optimizer="lbfgs", epochs=3)
    model.save(tmp_path / "model.json", training=True)
    again = nn.load(tmp_path / "model.json")
    assert again.training["optimizer"] == LBFGS().to_dict() and again.training["memory"] == {}
    histories = [
        nn.fit(one, X, T, loss="ce", optimizer="lbfgs", epochs=3, engine="lists")
        for one in (model, again)
    ]
    assert histories[0].loss == histories[1].loss and again.training["epochs"] == 6


def test_settings_are_read_back():
    for settings in (LBFGS(), LBFGS(1e-3, 50, 5, 0.1, decay_biases=False)):
        assert from_dict(settings.to_dict()) == settings
    assert from_dict(nn.Adam().to_dict()) == nn.Adam() and by_name("lbfgs") == LBFGS()
    with pytest.raises(nn.SettingError, match="'lion', 'lbfgs' or an object of class Optimizer"):
        by_name("bfgs")
    for wrong in ({"tol": -1}, {"max_fun": 0}, {"pairs": 0}, {"weight_decay": "x"}):
        with pytest.raises(nn.SettingError):
            LBFGS(**wrong)


@pytest.mark.parametrize(
    ("settings", "layer", "words"),
    [
        ({"clip_norm": 1.0}, None,
         "LBFGS needs unclipped gradients; leave out clip_norm and clip_value"),
        ({"clip_value": 1.0}, None,
         "LBFGS needs unclipped gradients; leave out clip_norm and clip_value"),
        ({}, nn.Dropout(0.5),
         "LBFGS needs a network that gives a row the same outputs each time, got Dropout(rate=0.5),"
         " which depends on chance or on the rest of the batch in training; leave it out, or use "
         "another optimizer"),
        ({}, nn.BatchNorm(3),
         "LBFGS needs a network that gives a row the same outputs each time, got BatchNorm("
         "columns=3, momentum=0.1, eps=1e-05), which depends on chance or on the rest of the batch "
         "in training; leave it out, or use another optimizer"),
    ],
)  # fmt: skip
def test_what_it_cannot_do_is_refused(settings, layer, words):
    layers = [nn.Dense(4, 3), *([layer] if layer else []), nn.Softmax()]
    with pytest.raises(nn.SettingError) as error:
        nn.Trainer(nn.Sequential(*layers), loss="ce", optimizer="lbfgs", **settings)
    assert str(error.value) == words


def test_parts_of_a_table_are_refused():
    trainer = nn.Trainer(network(), loss="ce", optimizer="lbfgs")
    with pytest.raises(nn.SettingError) as error:
        trainer.fit(lambda: [(X, T)], epochs=2)
    assert str(error.value) == (
        "LBFGS needs all rows at once, and a stream has only a part of them at a time; "
        "use another optimizer, such as Adam"
    )
    with pytest.raises(nn.SettingError, match="and partial_fit has only a part of them"):
        trainer.partial_fit(X, T)


@pytest.mark.parametrize("engine", NAMES)
def test_a_loss_that_is_not_finite_is_told_and_changes_nothing(engine):
    model = nn.Sequential(nn.Dense(1, 8), nn.Dense(8, 1), seed=1)
    before = weights(model)
    with pytest.raises(nn.DivergenceError) as error, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.fit(model, [[1e200], [1.0]] * 4, [0.0, 1.0] * 4, optimizer="lbfgs", engine=engine)
    assert str(error.value) == (
        "LBFGS needs a finite loss to begin with: the loss became inf. The network is as it was. "
        "The largest input is 1e+200; scale the inputs"
    )
    assert weights(model) == before and error.value.history.stopped_by == "divergence"


def test_ctrl_c_at_any_line_leaves_whole_steps():
    whole = []

    class Watch(nn.Callback):
        def on_epoch_end(self, trainer):
            whole.append(weights(trainer.model))

    first = network(2)
    start = weights(first)
    nn.fit(first, X[::10], T[::10], loss="ce", optimizer="lbfgs", epochs=3, callbacks=[Watch()])
    allowed = [start, *whole]

    def train(model, history):
        history.append(
            nn.fit(model, X[::10], T[::10], loss="ce", optimizer="lbfgs", epochs=3,
                   engine="unrolled"))  # fmt: skip

    for ends in ("training/whole_table.py", "training/lbfgs.py"):
        for line in range(0, 2000, 7):
            model, history = network(2), []
            reached, _ = interrupt_at(line, ends, partial(train, model, history))
            if not reached:
                break
            found = weights(model)
            near = [i for i, at in enumerate(allowed) if found == pytest.approx(at, abs=1e-6)]
            assert near, (ends, line)
            if history:
                assert history[0].stopped_by == "interrupted"
                assert near == [history[0].epochs] == [model.training.get("steps", 0)]
        else:
            raise AssertionError("there were more lines than expected")
