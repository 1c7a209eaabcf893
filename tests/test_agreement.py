"""The lesson rules: what is broken in it shows under every engine, which then does not run."""

from __future__ import annotations

import pytest
from random_networks import BETWEEN

import tinynn as nn
from tinynn.engines import agreement
from tinynn.engines.choice import ENGINES
from tinynn.engines.contract import Recipe
from tinynn.errors import EngineError
from tinynn.lesson.losses import by_name
from tinynn.lesson.network import KINDS

FAST = ["unrolled", "loops", "packed"]
KINDS_BETWEEN = [
    name for name in BETWEEN if name not in ("Linear", "Dropout", "BatchNorm", "Softmax")
]


@pytest.fixture(autouse=True)
def unknown_so_far():
    agreement._found.clear()
    yield
    agreement._found.clear()


def network(kind):
    return nn.Sequential(nn.Dense(3, 8), KINDS[kind](), nn.Dense(8, 2), seed=1)


def recipe(kind="Tanh", loss="mse", optimizer=None):
    return Recipe(network(kind), by_name(loss), optimizer or nn.SGD(0.1))


@pytest.mark.parametrize("engine", FAST)
@pytest.mark.parametrize("kind", [*KINDS_BETWEEN, "Dropout", "Linear", "Flatten", "Softmax"])
def test_engines_agree_with_the_lesson(engine, kind):
    assert agreement.disagreement(ENGINES[engine], recipe(kind)) is None
    assert agreement.prediction_disagreement(ENGINES[engine], network(kind)) is None


@pytest.mark.parametrize("engine", ["unrolled", "loops"])
@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "hinge"])
@pytest.mark.parametrize("optimizer", [nn.Adam(), nn.RMSprop(momentum=0.5), nn.SGD(momentum=0.9)])
def test_engines_agree_in_loss_and_optimizer(engine, loss, optimizer):
    assert agreement.disagreement(ENGINES[engine], recipe("Tanh", loss, optimizer)) is None


@pytest.mark.parametrize("engine", ["unrolled", "loops"])
@pytest.mark.parametrize("kind", KINDS_BETWEEN)
def test_a_broken_way_back_shows(engine, kind, monkeypatch):
    right = KINDS[kind].backward

    def wrong(self, dY, wants_dX=True):
        return [[1.25 * d for d in row] for row in right(self, dY, wants_dX)]

    monkeypatch.setattr(KINDS[kind], "backward", wrong)
    found = agreement.disagreement(ENGINES[engine], recipe(kind))
    assert found == f"it differs from the lesson in layer 1, {network(kind).layers[1]!r}"


@pytest.mark.parametrize("engine", FAST)
def test_a_broken_dense_layer_shows(engine, monkeypatch):
    right = nn.Dense.backward

    def wrong(self, dZ, wants_dX=True):
        dX = right(self, dZ, wants_dX)
        self.db = [-d for d in self.db]
        return dX

    monkeypatch.setattr(nn.Dense, "backward", wrong)
    found = agreement.disagreement(ENGINES[engine], recipe())
    assert found == "it differs from the lesson in layer 0, Dense(3, 8)"


def test_an_engine_asked_for_is_refused_and_auto_steps_aside(monkeypatch):
    monkeypatch.setattr(nn.Tanh, "derivative", staticmethod(lambda z, y: 1.0 - y))
    model, X, T = network("Tanh"), [[0.1, 0.2, 0.3]] * 4, [[1.0, 0.0]] * 4
    where = "it differs from the lesson in layer 1, Tanh()"
    with pytest.raises(EngineError) as error:
        nn.fit(model, X, T, engine="unrolled")
    assert str(error.value) == (
        f"the unrolled engine, set by engine='unrolled', cannot be used: {where}"
    )
    history = nn.fit(model, X, T, epochs=600)
    assert history.engine == "lists"
    assert f"unrolled cannot be used: {where}" in history.engine_reason


def test_a_broken_forward_shows_in_compiled_predictions(monkeypatch):
    monkeypatch.setattr(nn.Sigmoid, "function", staticmethod(lambda z: 0.5))
    model = network("Sigmoid")
    assert nn.compile(model).engine == "lists"
    assert nn.compile(model)([1.0, 2.0, 3.0]) == model([1.0, 2.0, 3.0])
    with pytest.raises(EngineError, match="it differs from the lesson in layer 1, Sigmoid"):
        nn.compile(model, engine="unrolled")


def test_a_broken_loss_and_a_broken_optimizer_are_named(monkeypatch):
    loss, optimizer = by_name("mse"), nn.Adam()
    monkeypatch.setattr(type(loss), "row_derivative", lambda self, y, t: [0.0 for _ in y])
    # Every layer seems to differ where the loss that they are tried with does.
    assert agreement.disagreement(ENGINES["loops"], recipe("Tanh"))
    monkeypatch.undo()
    agreement._found.clear()
    monkeypatch.setattr(nn.Adam, "update", lambda self, w, g, memory, rate, t: list(w))
    found = agreement.disagreement(ENGINES["loops"], recipe("Tanh", optimizer=optimizer))
    assert found == f"it differs from the lesson in the optimizer {optimizer!r}"


def test_a_bias_is_part_of_the_kind(monkeypatch):
    """A network without biases says nothing about one that has them."""

    def wrong(self, dZ, wants_dX=True):
        dX = right(self, dZ, wants_dX)
        self.db = [-d for d in self.db]
        return dX

    right = nn.Dense.backward
    monkeypatch.setattr(nn.Dense, "backward", wrong)
    found = []
    for bias in (False, True):
        model = nn.Sequential(nn.Dense(3, 8, bias=bias), nn.Tanh(), nn.Dense(8, 2, bias=bias))
        of_model = recipe()._replace(network=model)
        found.append(agreement.disagreement(ENGINES["loops"], of_model))
    assert found == [None, "it differs from the lesson in layer 0, Dense(3, 8)"]


def test_the_learning_rate_is_no_part_of_the_kind_and_plain_sgd_is_tried_once(monkeypatch):
    tried = []
    right = agreement._trains_alike

    def counted(engine, of):
        tried.append(of.optimizer)
        return right(engine, of)

    monkeypatch.setattr(agreement, "_trains_alike", counted)
    for rate in (0.5, 0.01, nn.schedules.Exponential(0.1, gamma=0.9)):
        assert agreement.disagreement(ENGINES["loops"], recipe(optimizer=nn.SGD(rate))) is None
    assert len(tried) == 1
    for rate in (0.5, 0.01):
        assert agreement.disagreement(ENGINES["loops"], recipe(optimizer=nn.Adam(rate))) is None
    assert len(tried) == 3
