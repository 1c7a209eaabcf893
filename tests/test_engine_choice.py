"""Which engine runs, and why it says it does; `compile` and `source`."""

from __future__ import annotations

import pickle
import sys

import pytest

import tinynn as nn
from tinynn.engines import choice
from tinynn.engines.contract import Recipe
from tinynn.errors import EngineError, SettingError
from tinynn.lesson.layer import Layer

CPYTHON = sys.implementation.name == "cpython"
cpython_only = pytest.mark.skipif(not CPYTHON, reason="the cut-offs of CPython")


class Doubled(Layer):
    """A layer that no engine but `lists` has ever heard of."""

    def forward(self, X, training=False):
        return [[2.0 * x for x in row] for row in X]

    def backward(self, dY, wants_dX=True):
        return [[2.0 * d for d in row] for row in dY]


def chosen(*layers, batch_size=16, optimizer="sgd", began=None, **settings):
    network = nn.Sequential(*layers)
    recipe = Recipe(network, nn.losses.by_name("mse"), nn.optimizers.by_name(optimizer), **settings)
    engine, reason = choice.choose(recipe, batch_size, began=began)
    return engine.name, reason


@cpython_only
def test_small_networks_are_unrolled_and_wide_ones_packed(monkeypatch):
    monkeypatch.delenv("TINYNN_ENGINE", raising=False)
    small = nn.Dense(4, 10), nn.Tanh(), nn.Dense(10, 3)
    assert chosen(*small) == (
        "unrolled", "the fastest here for 83 parameters in batches of 16"
    )  # fmt: skip
    wide = nn.Dense(784, 30), nn.Tanh(), nn.Dense(30, 10)
    assert chosen(*wide)[0] == "packed"
    assert chosen(*wide, optimizer="adam", batch_size=64)[0] == "packed"
    # Nobody can unroll that many weights, nor does it pay to unpack them for so few rows.
    name, reason = chosen(*wide, optimizer="adam", batch_size=1)
    assert name == "lists"
    assert reason.startswith("it runs every network; unrolled cannot be used: the network has 23,")


@cpython_only
def test_a_training_stays_with_the_engine_that_began_it(monkeypatch):
    monkeypatch.delenv("TINYNN_ENGINE", raising=False)
    layers = nn.Dense(4, 10), nn.Tanh(), nn.Dense(10, 3)
    assert chosen(*layers, began="loops") == ("loops", "this training began with loops")
    assert chosen(*layers, began="packed", batch_size=2, optimizer="adam") == (
        "unrolled", "the fastest here for 83 parameters in batches of 2; this training began with "
        "packed, which cannot be used: Adam needs the gradients as floats, which pays only in "
        "batches of at least 8 rows, not 2"
    )  # fmt: skip
    name, reason = chosen(*layers, began="warp")
    assert name == "unrolled" and "'warp' (the training to be continued)" in reason
    model = nn.Sequential(*layers)
    rows = [[0.1, 0.2, 0.3, 0.4]] * 3, [[0.0, 0.1, 0.2]] * 3
    assert nn.fit(model, *rows, epochs=1, engine="lists").engine == "lists"
    assert nn.fit(model, *rows, epochs=1).engine == "lists"
    assert nn.fit(model, *rows, epochs=1, restart=True).engine == "unrolled"


def test_layers_of_ones_own_are_left_to_lists(monkeypatch):
    monkeypatch.delenv("TINYNN_ENGINE", raising=False)
    name, reason = chosen(nn.Dense(4, 10), Doubled(), nn.Dense(10, 3))
    assert name == "lists"
    assert "Doubled" in reason


def test_the_environment_overrides_auto_and_the_argument_overrides_both(monkeypatch):
    monkeypatch.setenv("TINYNN_ENGINE", "lists")
    model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 1))
    history = nn.fit(model, [[0, 1], [1, 0]], [[0], [1]], epochs=3)
    assert (history.engine, history.engine_reason) == ("lists", "set by TINYNN_ENGINE=lists")
    history = nn.fit(model, [[0, 1], [1, 0]], [[0], [1]], epochs=3, engine="unrolled")
    assert history.engine == "unrolled"
    assert history.engine_reason == "set by engine='unrolled'"
    monkeypatch.setenv("TINYNN_ENGINE", "warp")
    with pytest.raises(SettingError) as error:
        nn.fit(model, [[0, 1], [1, 0]], [[0], [1]], epochs=3)
    assert str(error.value) == (
        "an engine needs to be one of auto, lists, unrolled, packed, loops, native, "
        "got 'warp' (TINYNN_ENGINE=warp)"
    )


def test_an_engine_asked_for_by_name_says_why_it_cannot_serve():
    model = nn.Sequential(nn.Dense(2, 3), Doubled(), nn.Dense(3, 1))
    before = model.state()
    with pytest.raises(EngineError) as error:
        nn.fit(model, [[0, 1], [1, 0]], [[0], [1]], epochs=3, engine="unrolled")
    assert str(error.value).startswith(
        "the unrolled engine, set by engine='unrolled', cannot be used: "
    )
    assert "Doubled" in str(error.value)
    assert model.state() == before


@pytest.mark.parametrize("engine", ["auto", "lists", "unrolled", "packed", "loops"])
@pytest.mark.parametrize("widths", [(3, 4, 2), (30, 40, 5)])
def test_compiled_networks_predict_what_the_network_does(engine, widths):
    if engine == "packed" and not CPYTHON:
        pytest.skip("packed needs CPython's integers")
    a, b, c = widths
    model = nn.Sequential(
        nn.Dense(a, b), nn.Dropout(0.5), nn.ReLU(), nn.Dense(b, b), nn.GELU(), nn.Dense(b, c),
        nn.Softmax(), seed=2,
    )  # fmt: skip
    X = [[(i * 7 + j * 3) % 11 / 5.0 - 1.0 for j in range(a)] for i in range(6)]
    try:
        predict = nn.compile(model, engine=engine)
    except EngineError as error:
        assert engine == "unrolled" and "parameters" in str(error)
        return
    expected = model.predict(X)
    assert predict.reason
    assert predict.engine in choice.ENGINES
    for row, answer in zip(X, expected):
        got = predict(row)
        assert type(got) is list
        assert got == pytest.approx(answer, abs=1e-9)
        assert predict(tuple(row)) == got
    assert predict.rows(X) == [predict(row) for row in X]
    # It is frozen: what becomes of the network later does not reach it.
    model.layers[-2].W[0][0] += 10.0
    assert predict(X[0]) == pytest.approx(expected[0], abs=1e-9)


@pytest.mark.parametrize("engine", ["lists", "unrolled", "loops"])
def test_a_compiled_network_says_what_to_pickle_instead(engine):
    model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), seed=1)
    predict = nn.compile(model, engine=engine)
    with pytest.raises((pickle.PicklingError, AttributeError), match="pickle the network"):
        pickle.dumps(predict)
    again = nn.compile(pickle.loads(pickle.dumps(model)), engine=engine)
    assert again([1.0, 2.0]) == predict([1.0, 2.0])


def test_source_is_the_training_written_out():
    model = nn.Sequential(nn.Dense(2, 2), nn.Sigmoid(), nn.Dense(2, 1), nn.Sigmoid())
    text = nn.source(model, "mse", "sgd")
    compile(text, "source", "exec")
    assert "forward" in text and "backward" in text
    with pytest.raises(EngineError) as error:
        nn.source(nn.Sequential(nn.Dense(784, 128)))
    assert str(error.value).startswith(
        "source cannot write out this network: the network has 100,480 parameters"
    )


@cpython_only
def test_the_history_says_when_lists_had_to_take_over():
    inputs = [[(7 * i + j) % 10 / 10.0 for j in range(20)] for i in range(12)]
    targets = [[1e9 * (i % 3)] for i in range(12)]  # steps far beyond the lanes
    model = nn.Sequential(nn.Dense(20, 10), nn.Tanh(), nn.Dense(10, 1))
    history = nn.fit(
        model, inputs, targets, optimizer=nn.SGD(learning_rate=1e-3), epochs=20, engine="packed"
    )
    assert history.engine == "packed"
    assert history.engine_reason.startswith(
        "set by engine='packed'; lists took over: "
    )  # fmt: skip
