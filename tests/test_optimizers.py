"""Optimizers and gradient clipping: equal to PyTorch, whole after a pause, strict in settings."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import pytest
from golden_tables import load_maker, load_table
from hypothesis import assume, example, given, strategies as st

import tinynn as nn
from tinynn.errors import FormatError, SettingError
from tinynn.lesson.adam import Adam, AdamW
from tinynn.lesson.clipping import clip_by_norm, clip_by_value, global_norm
from tinynn.lesson.layers import Dense
from tinynn.lesson.network import Sequential
from tinynn.lesson.normalization import LayerNorm
from tinynn.lesson.optimizer import Optimizer
from tinynn.lesson.optimizers import OPTIMIZERS, SGD, Adagrad, RMSprop, by_name, from_dict
from tinynn.lesson.plateau import ReduceOnPlateau
from tinynn.lesson.schedules import Cosine, Step
from tinynn.training.trainer import fit

TABLE = load_table("optimizers")


MAKER = load_maker("optimizers")
WITH_DECAY = [kind for kind in OPTIMIZERS.values() if kind is not nn.Rprop]


def weights_along_the_way(optimizer, start, steps, gradient):
    """Return the weights after each number of `steps`."""
    w = list(start)
    memory = {name: [value] * len(w) for name, value in optimizer.start().items()}
    kept = []
    for t in range(1, max(steps) + 1):
        w = optimizer.update(w, gradient(w, t), memory, optimizer.rate(0, t - 1), t)
        if t in steps:
            kept.append(w)
    return kept


def label(variant):
    settings = ",".join(f"{key}={value}" for key, value in variant["settings"].items())
    return f"{variant['optimizer']}({settings})"


# --- equal to PyTorch ---


@pytest.mark.parametrize("variant", TABLE["variants"], ids=label)
def test_weights_equal_pytorchs_table(variant):
    optimizer = getattr(nn, variant["optimizer"])(**variant["settings"])
    found = weights_along_the_way(optimizer, TABLE["start"], TABLE["steps"], MAKER.gradient)
    for t, w, wanted in zip(TABLE["steps"], found, variant["weights"]):
        assert w == pytest.approx(wanted, rel=1e-9, abs=1e-9), f"after {t} steps"


@pytest.mark.parametrize("case", TABLE["clip_by_norm"])
def test_clipping_equals_pytorchs_table(case):
    clipped = clip_by_norm(case["rows"], case["limit"])
    for row, wanted in zip(clipped, case["clipped"]):
        assert row == pytest.approx(wanted, rel=1e-12, abs=0)


def test_the_table_covers_every_optimizer_and_every_setting():
    for cls in OPTIMIZERS.values():
        if cls is nn.Lion:
            continue  # which PyTorch does not have
        settings = [v["settings"] for v in TABLE["variants"] if v["optimizer"] == cls.__name__]
        assert {key for s in settings for key in s} == set(cls().settings())
        assert {} in settings  # the defaults are PyTorch's, too


def test_pytorch_still_says_what_the_table_says():
    pytest.importorskip("torch")
    made = MAKER.table()
    assert made["start"] == TABLE["start"] and made["steps"] == TABLE["steps"]
    for variant, stored in zip(made["variants"], TABLE["variants"]):
        assert label(variant) == label(stored)
        for w, wanted in zip(variant["weights"], stored["weights"]):
            assert w == pytest.approx(wanted, rel=1e-10, abs=1e-10)
    for case, stored in zip(made["clip_by_norm"], TABLE["clip_by_norm"]):
        for row, wanted in zip(case["clipped"], stored["clipped"]):
            assert row == pytest.approx(wanted, rel=1e-12, abs=0)


def test_lion_is_the_papers_program():
    # X. Chen et al. (2023), algorithm 2, line by line, for one weight at a time.
    beta1, beta2, decay, eta = 0.9, 0.99, 0.1, 0.01
    optimizer = nn.Lion(eta, (beta1, beta2), decay)
    found = weights_along_the_way(optimizer, TABLE["start"], [1, 2, 50, 100], MAKER.gradient)
    theta, m, kept = list(TABLE["start"]), [0.0] * len(TABLE["start"]), []
    for t in range(1, 101):
        g = MAKER.gradient(theta, t)
        c = [beta1 * a + (1 - beta1) * b for a, b in zip(m, g)]
        signs = [math.copysign(1.0, x) if x else 0.0 for x in c]
        theta = [a - eta * (s + decay * a) for a, s in zip(theta, signs)]
        m = [beta2 * a + (1 - beta2) * b for a, b in zip(m, g)]
        if t in (1, 2, 50, 100):
            kept.append(theta)
    for w, wanted in zip(found, kept):
        assert w == pytest.approx(wanted, rel=1e-9, abs=1e-12)


# --- laws of update ---

fractions = st.floats(0, 1)
rates = st.floats(0, 1)
eps = st.floats(1e-12, 1e-2)
betas = st.tuples(st.floats(0, 0.9999), st.floats(0, 0.9999))
any_sgd = st.one_of(
    st.builds(SGD, rates, fractions, fractions, fractions),
    st.builds(SGD, rates, st.floats(0.01, 1), nesterov=st.just(True), weight_decay=fractions),
)
any_optimizer = st.one_of(
    any_sgd,
    st.builds(Adagrad, rates, fractions, fractions, fractions, eps),
    st.builds(RMSprop, rates, fractions, eps, fractions, fractions, st.booleans()),
    st.builds(Adam, rates, betas, eps, fractions, st.booleans()),
    st.builds(AdamW, rates, betas, eps, fractions, st.booleans()),
    st.builds(nn.NAdam, rates, betas, eps, fractions, fractions),
    st.builds(nn.RAdam, rates, betas, eps, fractions),
    st.builds(nn.Adadelta, rates, fractions, eps, fractions),
    st.builds(nn.Rprop, rates, st.tuples(st.floats(0.1, 0.9), st.floats(1.1, 2))),
    st.builds(nn.Lion, rates, betas, fractions),
)
numbers = st.floats(-100, 100)
pairs = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=6)


def fresh_memory(optimizer, width):
    return {name: [value] * width for name, value in optimizer.start().items()}


@given(any_optimizer, pairs, st.integers(1, 50))
def test_update_changes_the_memory_and_nothing_else(optimizer, pairs, t):
    w, g = [list(column) for column in zip(*pairs)]
    memory = fresh_memory(optimizer, len(w))
    rows = dict(memory)
    settings = optimizer.settings()
    new = optimizer.update(w, g, memory, 0.1, t)
    assert [(a, b) for a, b in zip(w, g)] == pairs
    assert new is not w and new is not g and len(new) == len(w)
    assert optimizer.settings() == settings
    assert set(memory) == set(optimizer.memory_names)
    for name, row in memory.items():
        assert row is rows[name] and row is not new and len(row) == len(w)


@given(any_optimizer, pairs, st.integers(1, 8))
def test_each_weight_is_updated_on_its_own(optimizer, pairs, steps):
    w, g = [list(column) for column in zip(*pairs)]
    memory = fresh_memory(optimizer, len(w))
    alone = [([wi], fresh_memory(optimizer, 1)) for wi in w]
    for t in range(1, steps + 1):
        w = optimizer.update(w, g, memory, 0.1, t)
        alone = [(optimizer.update(wi, [gi], mi, 0.1, t), mi) for (wi, mi), gi in zip(alone, g)]
    assert [wi[0] for wi, _ in alone] == w


@given(any_optimizer, pairs)
def test_a_learning_rate_of_zero_keeps_the_weights(optimizer, pairs):
    assume(not isinstance(optimizer, nn.Rprop))  # whose steps have sizes of their own
    w, g = [list(column) for column in zip(*pairs)]
    memory = fresh_memory(optimizer, len(w))
    assert optimizer.update(w, g, memory, 0.0, 1) == w


@given(any_optimizer, st.lists(numbers, min_size=1, max_size=6), st.integers(1, 8))
def test_without_slope_and_decay_the_weights_stay(optimizer, w, steps):
    optimizer.weight_decay = 0.0
    memory = fresh_memory(optimizer, len(w))
    for t in range(1, steps + 1):
        assert optimizer.update(w, [0.0] * len(w), memory, 0.1, t) == w


@given(pairs, st.floats(0, 1), st.floats(0, 1))
def test_sgds_first_step_is_plain_whatever_the_momentum(pairs, momentum, dampening):
    w, g = [list(column) for column in zip(*pairs)]
    optimizer = SGD(momentum=momentum, dampening=dampening)
    memory = fresh_memory(optimizer, len(w))
    assert optimizer.update(w, g, memory, 0.1, 1) == SGD().update(w, g, {}, 0.1, 1)


@given(st.sampled_from([Adam, AdamW]), st.floats(1e-3, 100), betas)
def test_adams_first_step_is_as_long_as_the_learning_rate(cls, g, betas):
    # At t = 1 the corrections of the bias leave m / √v = sign(g), whatever the betas.
    optimizer = cls(betas=betas, weight_decay=0.0)
    w = optimizer.update([0.0, 0.0], [g, -g], fresh_memory(optimizer, 2), 0.1, 1)
    assert w == pytest.approx([-0.1, 0.1], rel=1e-4)


def test_rmsprop_centered_survives_a_variance_that_rounds_below_zero():
    # A slope that never changes: v − mean² ends at −5.6e-17, where PyTorch's weight becomes NaN.
    optimizer = RMSprop(alpha=0.5, centered=True)
    w, memory = [0.0], fresh_memory(optimizer, 1)
    for t in range(1, 101):
        w = optimizer.update(w, [0.7], memory, 1e-9, t)
    assert memory["v"][0] < memory["mean"][0] ** 2
    assert math.isfinite(w[0])


@pytest.mark.parametrize("optimizer", [cls() for cls in OPTIMIZERS.values()], ids=repr)
def test_nan_and_infinity_come_out_of_an_update_so_that_divergence_is_seen(optimizer):
    for bad in (math.nan, math.inf, -math.inf):
        memory = fresh_memory(optimizer, 1)
        w = optimizer.update([1.0], [bad], memory, 0.1, 1)
        seen = w + [x for row in memory.values() for x in row]
        assert not all(map(math.isfinite, seen))


# --- memory ---


@pytest.mark.parametrize(
    ("optimizer", "start"),
    [
        (SGD(), {}),
        (SGD(weight_decay=0.1), {}),
        (SGD(momentum=0.9), {"velocity": 0.0}),
        (Adagrad(), {"squares": 0.0}),
        (Adagrad(initial_accumulator_value=0.1), {"squares": 0.1}),
        (RMSprop(), {"v": 0.0}),
        (RMSprop(centered=True), {"v": 0.0, "mean": 0.0}),
        (RMSprop(momentum=0.9), {"v": 0.0, "velocity": 0.0}),
        (RMSprop(momentum=0.9, centered=True), {"v": 0.0, "mean": 0.0, "velocity": 0.0}),
        (Adam(), {"m": 0.0, "v": 0.0}),
        (Adam(amsgrad=True), {"m": 0.0, "v": 0.0, "v_max": 0.0}),
        (AdamW(), {"m": 0.0, "v": 0.0}),
        (AdamW(amsgrad=True), {"m": 0.0, "v": 0.0, "v_max": 0.0}),
        (nn.NAdam(), {"m": 0.0, "v": 0.0, "product": 1.0}),
        (nn.RAdam(), {"m": 0.0, "v": 0.0}),
        (nn.Adadelta(), {"v": 0.0, "steps": 0.0}),
        (nn.Rprop(), {"previous": 0.0, "size": 0.01}),
        (nn.Rprop(Cosine(0.5, length=3)), {"previous": 0.0, "size": 0.5}),
        (nn.Lion(), {"m": 0.0}),
    ],
    ids=repr,
)
def test_memory_is_what_the_settings_need(optimizer, start):
    assert optimizer.start() == start
    assert optimizer.memory_names == tuple(start)


@given(any_optimizer, pairs, st.integers(1, 6), st.integers(1, 6))
def test_training_twice_is_training_once_for_twice_as_long(optimizer, pairs, first, second):
    w, g = [list(column) for column in zip(*pairs)]

    def gradient(w, t):
        return [wi + gi for wi, gi in zip(w, g)]

    once = weights_along_the_way(optimizer, w, [first + second], gradient)[-1]
    memory = fresh_memory(optimizer, len(w))
    for t in range(1, first + 1):
        w = optimizer.update(w, gradient(w, t), memory, optimizer.rate(0, t - 1), t)
    # What is carried over goes through a file.
    memory, saved = json.loads(json.dumps([memory, optimizer.to_dict()]))
    optimizer = from_dict(saved)
    for t in range(first + 1, first + second + 1):
        w = optimizer.update(w, gradient(w, t), memory, optimizer.rate(0, t - 1), t)
    assert w == once


# --- settings ---


@given(any_optimizer)
def test_settings_rebuild_the_optimizer(optimizer):
    assert type(optimizer)(**optimizer.settings()) == optimizer
    assert eval(repr(optimizer), vars(nn)) == optimizer
    saved = json.loads(json.dumps(optimizer.to_dict()))
    assert from_dict(saved) == optimizer
    assert from_dict(saved).settings() == optimizer.settings()


def test_a_schedule_is_saved_with_the_optimizer():
    optimizer = Adam(learning_rate=Cosine(0.1, length=100, warmup=5, per="step"))
    assert optimizer.rate(epoch=0, step=5) == 0.1
    assert from_dict(json.loads(json.dumps(optimizer.to_dict()))) == optimizer
    assert optimizer != Adam(learning_rate=Cosine(0.1, length=100, warmup=6, per="step"))
    assert SGD(learning_rate=0.1).rate(epoch=9, step=99) == 0.1


def test_equality_is_by_type_and_settings():
    assert SGD() == SGD() and SGD() != SGD(momentum=0.9)
    assert Adam(weight_decay=0.01) != AdamW(weight_decay=0.01)
    assert SGD() != "sgd"
    plateau = ReduceOnPlateau(0.1)
    plateau.report(1.0)
    assert SGD(learning_rate=plateau) == SGD(learning_rate=ReduceOnPlateau(0.1))


def test_settings_come_in_the_order_of_the_constructor():
    assert repr(SGD(learning_rate=Step(0.1, 5))) == (
        "SGD(learning_rate=Step(learning_rate=0.1, step_size=5, gamma=0.1, per='epoch'), "
        "momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False)"
    )
    assert repr(AdamW()) == (
        "AdamW(learning_rate=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.01, "
        "amsgrad=False)"
    )


def test_numbers_of_other_libraries_are_welcome():
    numpy = pytest.importorskip("numpy")
    optimizer = SGD(learning_rate=numpy.float32(0.5), momentum=Fraction(1, 2), weight_decay=1)
    assert optimizer == SGD(learning_rate=0.5, momentum=0.5, weight_decay=1.0)
    assert all(type(v) in (float, bool) for v in optimizer.settings().values())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: SGD(learning_rate=-0.1),
            "SGD needs learning_rate to be a finite number, at least 0, got -0.1; "
            "did you mean 0.1?",
        ),
        (
            lambda: SGD(learning_rate="0.1"),
            "SGD needs learning_rate to be a finite number, at least 0, got '0.1'; "
            "did you mean 0.1, without quotes?",
        ),
        (
            lambda: SGD(learning_rate="fast"),
            "SGD needs learning_rate to be a finite number, at least 0, got 'fast'",
        ),
        (
            lambda: SGD(learning_rate=True),
            "SGD needs learning_rate to be a finite number, at least 0, got True",
        ),
        (
            lambda: SGD(learning_rate=None),
            "SGD needs learning_rate to be a finite number, at least 0, got None",
        ),
        (
            lambda: SGD(learning_rate=10**400),
            "SGD needs learning_rate to be a finite number, at least 0, got a huge int",
        ),
        (
            lambda: SGD(momentum=1.5),
            "SGD needs momentum to be a finite number, at least 0 and at most 1, got 1.5",
        ),
        (
            lambda: SGD(dampening=math.nan),
            "SGD needs dampening to be a finite number, at least 0 and at most 1, got nan",
        ),
        (
            lambda: SGD(weight_decay=math.inf),
            "SGD needs weight_decay to be a finite number, at least 0, got inf",
        ),
        (
            lambda: SGD(nesterov=True),
            "SGD needs momentum above 0 and dampening 0 for nesterov, "
            "got momentum 0.0 and dampening 0.0; did you mean momentum=0.9, dampening=0?",
        ),
        (
            lambda: SGD(momentum=0.8, dampening=0.1, nesterov=True),
            "SGD needs momentum above 0 and dampening 0 for nesterov, "
            "got momentum 0.8 and dampening 0.1; did you mean momentum=0.8, dampening=0?",
        ),
        (lambda: SGD(nesterov=1), "SGD needs nesterov to be True or False, got 1"),
        (
            lambda: Adagrad(lr_decay=-1),
            "Adagrad needs lr_decay to be a finite number, at least 0, got -1; did you mean 1?",
        ),
        (
            lambda: Adagrad(initial_accumulator_value=-0.1),
            "Adagrad needs initial_accumulator_value to be a finite number, at least 0, got -0.1; "
            "did you mean 0.1?",
        ),
        (lambda: Adagrad(eps=0), "Adagrad needs eps to be a finite number, above 0, got 0"),
        (
            lambda: RMSprop(alpha=-0.5),
            "RMSprop needs alpha to be a finite number, at least 0 and at most 1, got -0.5; "
            "did you mean 0.5?",
        ),
        (lambda: RMSprop(centered="no"), "RMSprop needs centered to be True or False, got 'no'"),
        (lambda: Adam(betas=0.9), "Adam needs betas to be two numbers, got 0.9"),
        (lambda: AdamW(betas=(0.9,)), "AdamW needs betas to be two numbers, got (0.9,)"),
        (
            lambda: AdamW(betas=(0.9, 1.0)),
            "AdamW needs betas[1] to be a finite number, at least 0 and below 1, got 1.0",
        ),
        (
            lambda: nn.NAdam(betas=(0.9, 1)),
            "NAdam needs betas[1] to be a finite number, at least 0 and below 1, got 1",
        ),
        (lambda: nn.Lion(betas=[0.9]), "Lion needs betas to be two numbers, got [0.9]"),
        (
            lambda: nn.Rprop(etas=(1.2, 0.5)),
            "Rprop needs etas around 1, such as (0.5, 1.2), got (1.2, 0.5)",
        ),
        (
            lambda: nn.Rprop(step_sizes=(1, 0.5)),
            "Rprop needs step_sizes above 0, the smaller one "
            "first, such as (1e-06, 50), got (1, 0.5)",
        ),
        (
            lambda: nn.Adadelta(rho=2),
            "Adadelta needs rho to be a finite number, at least 0 and at most 1, got 2",
        ),
        (lambda: Adam(decay_biases=None), "Adam needs decay_biases to be True or False, got None"),
        (lambda: Adam(amsgrad=0), "Adam needs amsgrad to be True or False, got 0"),
        (
            lambda: by_name("adm"),
            "optimizer needs to be one of 'sgd', 'adagrad', 'rmsprop', 'adam', 'adamw', "
            "'nadam', 'radam', 'adadelta', 'rprop', 'lion' "
            "or an object of class Optimizer, got 'adm'; did you mean 'adam'?",
        ),
        (
            lambda: by_name("RMSProp"),
            "optimizer needs to be one of 'sgd', 'adagrad', 'rmsprop', 'adam', 'adamw', "
            "'nadam', 'radam', 'adadelta', 'rprop', 'lion' "
            "or an object of class Optimizer, got 'RMSProp'; did you mean 'rmsprop'?",
        ),
        (
            lambda: by_name(3),
            "optimizer needs to be one of 'sgd', 'adagrad', 'rmsprop', 'adam', 'adamw', "
            "'nadam', 'radam', 'adadelta', 'rprop', 'lion' "
            "or an object of class Optimizer, got 3",
        ),
        (
            lambda: by_name(SGD),
            "optimizer needs to be one of 'sgd', 'adagrad', 'rmsprop', 'adam', 'adamw', "
            "'nadam', 'radam', 'adadelta', 'rprop', 'lion' "
            "or an object of class Optimizer, got <class 'tinynn.lesson.optimizers.SGD'>; "
            "did you mean SGD(), with parentheses?",
        ),
        (
            lambda: clip_by_value([[1.0]], 0),
            "clip_by_value needs limit to be a finite number, above 0, got 0",
        ),
        (
            lambda: clip_by_norm([[1.0]], -1.0),
            "clip_by_norm needs limit to be a finite number, above 0, got -1.0; did you mean 1?",
        ),
    ],
)
def test_bad_settings_are_named_with_their_mend(make, message):
    with pytest.raises(SettingError) as error:
        make()
    assert str(error.value) == message


@pytest.mark.parametrize("kind", WITH_DECAY)
def test_biases_may_be_left_out_of_the_decay(kind):
    everywhere = kind(weight_decay=0.3)
    assert everywhere.for_biases() is everywhere
    some = kind(weight_decay=0.3, decay_biases=False)
    assert some.for_biases() == kind(weight_decay=0.0, decay_biases=False)
    assert some.weight_decay == 0.3  # it is a copy that has none
    # A network trains as if each kind of parameter had its own optimizer.
    expected = {}
    for decay in (0.0, 0.3):
        model = Sequential(Dense(2, 2, bias=[1.0, -1.0]), LayerNorm(2), seed=0)
        fit(model, [[1.0, 2.0], [0.5, -1.0]], [[0.0, 1.0], [1.0, 0.5]], loss="mse",
            optimizer=kind(0.1, weight_decay=decay), epochs=1, engine="lists")  # fmt: skip
        for parameter in model.parameters():
            if parameter.name.endswith("W") == bool(decay):
                expected[parameter.name] = parameter.value
    model = Sequential(Dense(2, 2, bias=[1.0, -1.0]), LayerNorm(2), seed=0)
    fit(model, [[1.0, 2.0], [0.5, -1.0]], [[0.0, 1.0], [1.0, 0.5]], loss="mse",
        optimizer=kind(0.1, weight_decay=0.3, decay_biases=False), epochs=1,
        engine="lists")  # fmt: skip
    assert {p.name: p.value for p in model.parameters()} == expected


@pytest.mark.parametrize("kind", [SGD, AdamW, RMSprop])
def test_biases_left_out_are_pytorchs_groups_without_decay(kind):
    torch = pytest.importorskip("torch")
    X, T = [[1.0, 2.0], [0.5, -1.0], [3.0, 0.1]], [[0.0, 1.0], [1.0, 0.5], [2.0, 0.0]]
    W, b = [[0.3, -0.8], [0.5, 0.1]], [1.0, -2.0]
    model = Sequential(Dense(2, 2, weights=W, bias=b))
    fit(model, X, T, loss="mse", optimizer=kind(0.05, weight_decay=0.3, decay_biases=False),
        epochs=20)  # fmt: skip
    layer = torch.nn.Linear(2, 2).double()
    layer.weight.data, layer.bias.data = torch.tensor(W).double().T, torch.tensor(b).double()
    groups = [{"params": [layer.weight], "weight_decay": 0.3},
              {"params": [layer.bias], "weight_decay": 0.0}]  # fmt: skip
    theirs = getattr(torch.optim, kind.__name__)(groups, lr=0.05)
    for _ in range(20):
        theirs.zero_grad()
        torch.nn.functional.mse_loss(layer(torch.tensor(X).double()), torch.tensor(T)).backward()
        theirs.step()
    for mine, other in zip(model.layers[0].W, layer.weight.T.tolist()):
        assert mine == pytest.approx(other, rel=1e-6)
    assert model.layers[0].b == pytest.approx(layer.bias.tolist(), rel=1e-6)


@pytest.mark.parametrize("kind", WITH_DECAY)
def test_files_from_before_biases_could_be_left_out_still_mean_the_same(kind):
    assert "decay_biases" not in kind().to_dict()
    assert from_dict(kind(weight_decay=0.1).to_dict()) == kind(weight_decay=0.1, decay_biases=True)
    left_out = kind(weight_decay=0.1, decay_biases=False)
    assert left_out.to_dict()["decay_biases"] is False
    assert from_dict(json.loads(json.dumps(left_out.to_dict()))) == left_out != kind(0.1)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_by_name_gives_the_defaults_and_leaves_optimizers_alone(name):
    optimizer = by_name(name)
    assert isinstance(optimizer, Optimizer) and optimizer.name == name
    assert optimizer == OPTIMIZERS[name]()
    assert by_name(optimizer) is optimizer


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("adam", "a saved optimizer needs to be an object with a \"type\", got 'adam'"),
        ({}, 'a saved optimizer needs to be an object with a "type", got {}'),
        ({"type": 1}, "a saved optimizer needs to be an object with a \"type\", got {'type': 1}"),
        (
            {"type": "rmsprob"},
            "a saved optimizer needs \"type\" to be one of 'sgd', 'adagrad', 'rmsprop', 'adam', "
            "'adamw', 'nadam', 'radam', 'adadelta', 'rprop', 'lion', "
            "got 'rmsprob'; did you mean 'rmsprop'? If it is your own, call nn.register "
            "before loading",
        ),
        (
            {"type": "sgd", "learning_rate": 0.1, "momentun": 0.9},
            "a saved optimizer of type 'sgd' needs the settings of its constructor, "
            "got 'learning_rate', 'momentun'",
        ),
        (
            {"type": "sgd", "learning_rate": {"type": "os.system"}},
            "a saved schedule needs \"type\" to be one of 'constant', 'step', 'exponential', "
            "'cosine', 'inverse_scaling', 'reduce_on_plateau', 'linear', 'polynomial', "
            "'one_cycle', 'warm_restarts', 'multi_step', 'chained', 'successive', "
            "got 'os.system'; if it is your own, call nn.register before loading",
        ),
    ],
)
def test_a_broken_saved_form_is_named(data, message):
    with pytest.raises(FormatError) as error:
        from_dict(data)
    assert str(error.value) == message


# --- clipping ---

any_rows = st.lists(st.lists(st.floats(-1e6, 1e6), max_size=5), max_size=5)
limits = st.floats(1e-6, 1e6)


@given(any_rows, limits)
def test_clip_by_value_keeps_the_limit_and_what_is_within(rows, limit):
    before = [list(row) for row in rows]
    clipped = clip_by_value(rows, limit)
    assert rows == before and clipped is not rows
    for row, new in zip(rows, clipped):
        assert len(row) == len(new)
        for x, y in zip(row, new):
            assert y == (x if abs(x) <= limit else math.copysign(limit, x))


@given(any_rows, limits)
@example([[1e200, -1e200]], 1.0)  # whose squares are beyond all floats
def test_clip_by_norm_keeps_the_limit_and_the_direction(rows, limit):
    before = [list(row) for row in rows]
    clipped = clip_by_norm(rows, limit)
    assert rows == before and clipped is not rows
    norm = global_norm(rows)
    assert global_norm(clipped) <= limit * (1 + 1e-12)
    if norm + 1e-6 <= limit:
        assert clipped == rows
    else:
        assert global_norm(clipped) == pytest.approx(limit * (norm / (norm + 1e-6)), rel=1e-9)
    factor = min(1.0, limit / (norm + 1e-6))
    for row, new in zip(rows, clipped):
        assert new == pytest.approx([factor * x for x in row], rel=1e-12, abs=0)


@given(any_rows)
def test_the_global_norm_is_the_root_of_the_sum_of_squares(rows):
    exact = sum(Fraction(x) ** 2 for row in rows for x in row)
    assert global_norm(rows) ** 2 == pytest.approx(float(exact), rel=1e-12, abs=1e-300)


def test_clipping_does_not_hide_what_is_not_finite():
    assert math.isnan(clip_by_value([[math.nan]], 1.0)[0][0])
    assert clip_by_value([[math.inf, -math.inf]], 1.0) == [[1.0, -1.0]]
    assert all(map(math.isnan, clip_by_norm([[math.nan, 1.0]], 1.0)[0]))
    assert math.isnan(clip_by_norm([[math.inf, 1.0]], 1.0)[0][0])


def test_what_the_base_class_leaves_open():
    with pytest.raises(NotImplementedError):
        Optimizer().update([1.0], [1.0], {}, 0.1, 1)
