"""Many short calls of `fit`, as a page that trains live makes: nothing kept may be out of date."""

from __future__ import annotations

import gc
import random
import weakref

import pytest

import tinynn as nn
from tinynn.engines.native.engine import ENGINE as NATIVE
from tinynn.engines.packed import inputs as packed_inputs

rng = random.Random(5)
X = [[rng.uniform(-1.0, 1.0) for _ in range(4)] for _ in range(40)]
T = [[float(sum(x) > 0.0)] for x in X]
ENGINES = {"unrolled": 1e-9, "loops": 1e-9, "packed": 1e-3}
if not NATIVE.unavailable():
    ENGINES["native"] = 1e-9


def network():
    return nn.Sequential(nn.Dense(4, 8), nn.Tanh(), nn.Dense(8, 1), nn.Sigmoid(), seed=1)


class Live:
    """A network, its data and settings, trained for one epoch at a time."""

    def __init__(self, engine):
        self.model, self.X, self.T = network(), [list(x) for x in X], [list(t) for t in T]
        self.optimizer = nn.SGD(0.5, momentum=0.5)
        self.options = {"loss": "bce", "batch_size": 8, "engine": engine}

    def fit(self, epochs=1):
        return nn.fit(
            self.model, self.X, self.T, optimizer=self.optimizer, epochs=epochs, **self.options
        )


def data_in_place(live):
    live.X[3][2] = 5.0
    live.T[3][0] = 1.0 - live.T[3][0]


def other_data(live):
    live.X, live.T = live.X[5:35], live.T[5:35]


def weights_in_place(live):
    live.model.layers[0].W[1][3] += 0.5


def weights_replaced(live):
    layer = live.model.layers[2]
    layer.W = [[-w for w in row] for row in layer.W]


def layer_replaced(live):
    live.model.layers[1] = nn.ReLU()


def layer_setting(live):
    live.model.layers[1] = nn.ELU(alpha=0.5)
    live.fit()
    live.model.layers[1] = nn.ELU(alpha=2.0)


def learning_rate(live):
    live.optimizer.learning_rate = 0.01


def momentum(live):
    live.optimizer = nn.SGD(0.5, momentum=0.1)


def no_momentum(live):
    live.optimizer = nn.SGD(0.5)


def loss(live):
    live.options["loss"] = "mse"


def clipping(live):
    live.options["clip_value"] = 0.001


def sample_weight(live):
    live.options["sample_weight"] = [float(i % 3) for i in range(len(live.X))]


def batch_size(live):
    live.options["batch_size"] = 40


CHANGES = [
    data_in_place, other_data, weights_in_place, weights_replaced, layer_replaced, layer_setting,
    learning_rate, momentum, no_momentum, loss, clipping, sample_weight, batch_size,
]  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_what_changes_between_two_calls_counts_from_the_next_one_on(change, engine):
    found, wanted = Live(engine), Live("lists")
    for live in (found, wanted):
        for _ in range(3):
            live.fit()
        change(live)
        for _ in range(3):
            history = live.fit()
        live.loss = history.loss[0]
    limit = ENGINES[engine]
    assert found.loss == pytest.approx(wanted.loss, abs=limit)
    for one, other in zip(found.model.parameters(), wanted.model.parameters()):
        for row, expected in zip(one.rows(), other.rows()):
            assert row == pytest.approx(expected, abs=10 * limit)


@pytest.mark.parametrize("engine", ["unrolled", "loops"])
def test_a_formula_edited_between_two_calls_is_seen(engine, monkeypatch):
    live = Live(engine)
    assert live.fit().engine == engine
    live.options["engine"] = "auto"
    monkeypatch.setattr(nn.Tanh, "derivative", staticmethod(lambda z, y: 1.0 - y))
    history = live.fit(epochs=30)  # enough rows for "auto" to consider compiling
    assert history.engine == "lists" and "layer 1, Tanh()" in history.engine_reason


@pytest.mark.parametrize("engine", ["lists", *ENGINES])
def test_twenty_calls_are_one_call_for_twenty_epochs(engine):
    many, once = Live(engine), Live(engine)
    losses = [loss for _ in range(20) for loss in many.fit().loss]
    history = once.fit(epochs=20)
    limit = ENGINES.get(engine, 0.0)
    assert losses == pytest.approx(history.loss, abs=limit)
    assert many.model.training["steps"] == once.model.training["steps"] == 100


def test_the_packed_inputs_of_a_small_data_set_are_made_once():
    same = [list(x) for x in X]
    inputs = packed_inputs.training_inputs(X, 14)
    assert packed_inputs.training_inputs(same, 14) is inputs
    assert packed_inputs.training_inputs(X, 12) is not inputs
    same[0][0] += 1.0
    again = packed_inputs.training_inputs(same, 14)
    assert again is not inputs and again.rows != inputs.rows
    before, same[0][0] = again, X[0][0]  # in place: what is kept was not a reference to this list
    assert packed_inputs.training_inputs(same, 14) is not before
    assert packed_inputs.training_inputs(same, 14).rows == inputs.rows


def test_large_data_are_not_kept(monkeypatch):
    monkeypatch.setattr(packed_inputs, "MOST_KEPT", len(X) * len(X[0]) - 1)
    kept = list(packed_inputs._latest)
    inputs = packed_inputs.training_inputs(X, 14)
    assert packed_inputs.training_inputs(X, 14) is not inputs
    assert packed_inputs._latest == kept


@pytest.mark.parametrize("engine", ["lists", *ENGINES])
def test_a_network_that_was_trained_can_be_forgotten(engine):
    live = Live(engine)
    live.fit()
    model = weakref.ref(live.model)
    del live
    gc.collect()
    assert model() is None
