"""Frozen parameters: left as they are by every engine, saved and loaded, refused by name."""

from __future__ import annotations

import copy
import functools
import json
import math
import random

import pytest
from hypothesis import given, settings, strategies as st

import tinynn as nn
from tinynn.engines.choice import ENGINES, runs_native
from tinynn.errors import EngineError, FormatError, SettingError
from tinynn.lesson.network import from_dict
from tinynn.lesson.training import train
from tinynn.teaching.explain import explain

RNG = random.Random(7)
X = [[RNG.gauss(0, 1) for _ in range(3)] for _ in range(8)]
T = [[RNG.gauss(0, 1) for _ in range(2)] for _ in X]
MIDDLE = [[nn.Tanh], [nn.LayerNorm, nn.PReLU], [nn.ReLU], [lambda: nn.GroupNorm(2)]]
OPTIMIZERS = [
    nn.SGD(0.05), nn.SGD(0.05, weight_decay=0.1), nn.SGD(0.05, momentum=0.9),
    nn.Adam(0.01, weight_decay=0.1, decay_biases=False), nn.AdamW(0.01, weight_decay=0.1),
    nn.RAdam(0.01), nn.Lion(0.01, weight_decay=0.1),
]  # fmt: skip
NAMES = [name for name in ENGINES if name != "native" or runs_native()]


def network(middle, frozen):
    model = nn.Sequential(nn.Dense(3, 8), *[kind() for kind in middle], nn.Dense(8, 2), seed=3)
    for k, which in frozen.items():
        layer = model.layers[k]
        layer.frozen = which if which in (True, *layer.parameters()) else False
    return model


def numbers(model):
    return [w for parameter in model.parameters() for row in parameter.rows() for w in row]


WHICH = st.sampled_from([True, False, "W", "b", "gamma", "slope"])


@given(
    st.sampled_from(MIDDLE), st.fixed_dictionaries({0: WHICH, 1: WHICH, -1: WHICH}),
    st.sampled_from(OPTIMIZERS), st.sampled_from([1, 3, None]),
    st.sampled_from([{}, {"clip_norm": 0.5}, {"clip_norm": 0.3, "clip_value": 0.2}]),
)  # fmt: skip
@settings(max_examples=40)
def test_no_engine_touches_what_is_frozen_and_all_agree_on_the_rest(
    middle, frozen, optimizer, size, clipping
):
    found = {}
    for engine in NAMES:
        model = network(middle, frozen)
        before, held = model.state(), frozen_of(model)
        try:
            history = nn.fit(
                model, X, T, optimizer=optimizer, epochs=3, batch_size=size, engine=engine,
                **clipping,
            )  # fmt: skip
        except EngineError:
            continue  # layers or batches that the engine does not take
        assert history.engine == engine
        after = model.state()
        assert all(before[name] == after[name] for name in held)
        assert held == set(before) or before != after
        found[engine] = [*history.loss, *numbers(model)]
    for engine, values in found.items():
        close = {"packed": 3e-2}.get(engine, 1e-9)
        assert values == pytest.approx(found["lists"], rel=close, abs=close), engine


def frozen_of(model):
    return {f"{i}.{name}" for i, layer in enumerate(model.layers) for name in layer.frozen}


def test_an_engine_that_forgets_is_caught(monkeypatch):
    from tinynn.engines.plans import LayerPlan
    from tinynn.formulas.caches import forget

    forget()
    monkeypatch.setattr(LayerPlan, "trained", LayerPlan.letters)
    model = network([nn.Tanh], {0: "b"})
    with pytest.raises(EngineError, match="it differs from the lesson"):
        nn.fit(model, X, T, epochs=1, engine="unrolled")
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_the_lessons_loop_leaves_it_too(optimizer):
    one, two = (network([nn.Tanh], {0: "W", -1: "b"}) for _ in range(2))
    train(one, X, T, nn.MeanSquaredError(), optimizer, epochs=3, batch_size=3)
    nn.fit(two, X, T, optimizer=optimizer, epochs=3, batch_size=3, engine="lists", shuffle=False)
    assert one.state() == two.state()


def test_gradients_are_clipped_as_if_there_were_no_others_as_in_pytorch():
    torch = pytest.importorskip("torch")
    model = network([nn.Tanh], {0: True, -1: "b"})
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
    theirs.double()
    with torch.no_grad():
        for ours, layer in ((model.layers[0], theirs[0]), (model.layers[2], theirs[2])):
            layer.weight.copy_(torch.tensor(ours.W, dtype=torch.float64).T)
            layer.bias.copy_(torch.tensor(ours.b, dtype=torch.float64))
    theirs[0].requires_grad_(False)
    theirs[2].bias.requires_grad_(False)
    optimizer = torch.optim.AdamW([theirs[2].weight], lr=0.01, weight_decay=0.1)
    x, t = torch.tensor(X, dtype=torch.float64), torch.tensor(T, dtype=torch.float64)
    for _ in range(20):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(theirs(x), t).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.1)
        optimizer.step()
    nn.fit(
        model, X, T, optimizer=nn.AdamW(0.01, weight_decay=0.1), epochs=20, batch_size=None,
        clip_norm=0.1,
    )  # fmt: skip
    for row, wanted in zip(model.layers[2].W, theirs[2].weight.T.tolist()):
        assert row == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("engine", NAMES)
def test_what_a_callback_freezes_stays_from_then_on(engine):
    model = network([nn.Tanh], {})

    class Later(nn.Callback):
        def on_epoch_end(self, trainer):
            if trainer.epoch == 2:
                trainer.model.layers[0].frozen = True
                self.kept = copy.deepcopy(trainer.model.layers[0].W)
            if trainer.epoch == 4:
                trainer.model.layers[0].frozen = False

    callback = Later()
    nn.fit(model, X, T, epochs=4, batch_size=None, callbacks=[callback], engine=engine)
    assert callback.kept == model.layers[0].W
    nn.fit(model, X, T, epochs=1, batch_size=None, engine=engine)
    assert callback.kept != model.layers[0].W


def test_lbfgs_leaves_it():
    model = network([nn.Tanh], {0: True, -1: "b"})
    before = model.state()
    history = nn.fit(model, X, T, optimizer=nn.LBFGS(weight_decay=0.01), epochs=20, batch_size=None)
    after = model.state()
    assert history.loss[-1] < 0.9 * history.loss[0]
    assert [name for name in before if before[name] == after[name]] == ["0.W", "0.b", "2.b"]


@pytest.mark.parametrize("average", ["epoch", "step"])
def test_training_in_parts_leaves_it(average):
    one, two = (network([nn.Tanh], {0: True, -1: "b"}) for _ in range(2))
    before = one.state()
    thirds = [functools.partial(lambda k: (X[k::3], T[k::3]), k) for k in range(3)]
    chosen = {"average": average, "optimizer": nn.SGD(0.05, weight_decay=0.1), "seed": 1}
    nn.fit_parts(one, thirds, epochs=5, **chosen)
    after = one.state()
    assert [name for name in before if before[name] == after[name]] == ["0.W", "0.b", "2.b"]
    if average == "step":  # the mean gradient of all parts is that of the table
        nn.fit(
            two, X, T, optimizer=nn.SGD(0.05, weight_decay=0.1), epochs=5, batch_size=None,
            engine="lists",
        )  # fmt: skip
        assert numbers(one) == pytest.approx(numbers(two), rel=1e-9)


def test_it_is_saved_loaded_and_continued(tmp_path):
    once, twice = (network([nn.LayerNorm], {0: True, 1: "gamma"}) for _ in range(2))
    nn.fit(once, X, T, epochs=4)
    nn.fit(twice, X, T, epochs=2)
    twice.save(tmp_path / "model.json", training=True)
    saved = json.loads((tmp_path / "model.json").read_text())["layers"]
    assert [layer.get("frozen") for layer in saved] == [["W", "b"], ["gamma"], None]
    again = nn.load(tmp_path / "model.json")
    assert [layer.frozen for layer in again.layers] == [("W", "b"), ("gamma",), ()]
    nn.fit(again, X, T, epochs=2)
    assert again.state() == once.state()


def test_a_killed_training_goes_on_with_it(tmp_path):
    class Stop(nn.Callback):
        def on_epoch_begin(self, trainer):
            if trainer.epoch == 3:
                raise RuntimeError("killed")

    once, twice = (network([nn.Tanh], {0: "b"}) for _ in range(2))
    nn.fit(once, X, T, epochs=4)
    with pytest.raises(RuntimeError, match="killed"):
        nn.fit(twice, X, T, epochs=4, resume=tmp_path / "run.json", callbacks=[Stop()])
    other = network([nn.Tanh], {0: "b"})
    nn.fit(other, X, T, epochs=4, resume=tmp_path / "run.json")
    assert other.state() == once.state()


def test_the_summary_and_the_explanation_say_so():
    model = network([nn.Tanh], {0: True, -1: "b"})
    assert "Dense(3, 8), W frozen, b frozen  " in model.summary()
    assert "Dense(8, 2), b frozen  " in model.summary()
    found = explain(model, X[:1], T[:1], optimizer=nn.SGD(0.1))
    changed = {line.name for line in found.lines if line.name.endswith("⁺")}
    assert len(changed) == 16  # the weights of the last layer


@pytest.mark.parametrize(
    ("layer", "which", "message"),
    [
        (nn.Dense(2, 3), "w", "Dense(2, 3) needs frozen to be True, False or names of its "
         "parameters, 'W', 'b'; got 'w'; did you mean 'W'?"),
        (nn.Dense(2, 3, bias=False), ("W", "b"), "Dense(2, 3, bias=False) needs frozen to be True, "
         "False or names of its parameters, 'W'; got ('W', 'b')"),
        (nn.Tanh(), "W", "Tanh() needs frozen to be True, False or names of its parameters, none, "
         "for it has no parameters; got 'W'"),
        (nn.BatchNorm(2), ["running_mean"], "BatchNorm(columns=2, momentum=0.1, eps=1e-05) needs "
         "frozen to be True, False or names of its parameters, 'gamma', 'beta'; got "
         "['running_mean']"),
        (nn.Dense(2, 3), None, "Dense(2, 3) needs frozen to be True, False or names of its "
         "parameters, 'W', 'b'; got None"),
        (nn.Dense(2, 3), 1, "Dense(2, 3) needs frozen to be True, False or names of its "
         "parameters, 'W', 'b'; got 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_frozen_is_said(layer, which, message):
    with pytest.raises(SettingError) as error:
        layer.frozen = which
    assert str(error.value) == message
    assert layer.frozen == ()


@pytest.mark.parametrize("which", [7, None, "q", ["W", "W2"], [["W"]], {"W": 1}])
def test_files_are_checked(which):
    content = nn.Sequential(nn.Dense(2, 3)).to_dict()
    content["layers"][0]["frozen"] = which
    with pytest.raises(FormatError, match=r"layer 0 cannot be built: Dense\(2, 3\) needs frozen"):
        from_dict(content)


def test_what_is_set_is_read_in_order():
    layer = nn.Dense(2, 3)
    for which, wanted in [
        (True, ("W", "b")), (False, ()), ("b", ("b",)), ({"b", "W"}, ("W", "b")), ((), ()),
    ]:  # fmt: skip
        layer.frozen = which
        nn.Sequential(layer)  # a layer may be frozen before it is built
        assert layer.frozen == wanted
    assert copy.deepcopy(layer).frozen == layer.frozen


# --- M. Mazur, A Step by Step Backpropagation Example (2015), whose biases do not learn ---

MAZUR = [[0.15, 0.25], [0.20, 0.30]], [[0.40, 0.50], [0.45, 0.55]]


@pytest.mark.parametrize("engine", [name for name in NAMES if name != "packed"])
def test_mazurs_error_after_10_000_rounds(engine):
    hidden, output = nn.Dense(2, 2, weights=MAZUR[0]), nn.Dense(2, 2, weights=MAZUR[1])
    hidden.b[:], output.b[:] = [0.35, 0.35], [0.60, 0.60]
    hidden.frozen = output.frozen = "b"
    model = nn.Sequential(hidden, nn.Sigmoid(), output, nn.Sigmoid())
    history = nn.fit(
        model, [[0.05, 0.10]], [[0.01, 0.99]], loss="mse", optimizer=nn.SGD(0.5), epochs=10_000,
        engine=engine,
    )  # fmt: skip
    assert f"{history.loss[-1]:.10f}" == "0.0000351085"
    assert (hidden.b, output.b) == ([0.35, 0.35], [0.60, 0.60])


def test_mazurs_outputs_come_of_another_order():
    """The article's outputs after 10,000 rounds are 0.015912196 and 0.984065734.

    They are what comes out if the hidden layer's derivatives use the new output weights, as its
    error after the first round, 0.291027924, does; its error after 10,000 is that of the old ones.
    """
    hidden, output = nn.Dense(2, 2, weights=MAZUR[0]), nn.Dense(2, 2, weights=MAZUR[1])
    hidden.b[:], output.b[:] = [0.35, 0.35], [0.60, 0.60]
    model = nn.Sequential(hidden, nn.Sigmoid(), output, nn.Sigmoid())
    loss = nn.MeanSquaredError()

    def step(layer):
        layer.W = [[w - 0.5 * d for w, d in zip(*rows)] for rows in zip(layer.W, layer.dW)]

    for n in range(10_000):
        dY = loss.gradient(model.forward([[0.05, 0.10]]), [[0.01, 0.99]])
        dZ = model.layers[3].backward(dY)
        output.backward(dZ)
        step(output)
        dW = output.dW
        hidden.backward(model.layers[1].backward(output.backward(dZ)))
        output.dW = dW
        step(hidden)
        if n == 0:
            after = loss(model.forward([[0.05, 0.10]]), [[0.01, 0.99]])
            assert math.isclose(after, 0.291027924, abs_tol=5e-10)
    assert [f"{y:.9f}" for y in model([0.05, 0.10])] == ["0.015912196", "0.984065734"]
