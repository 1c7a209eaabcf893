"""Every exact engine trains, predicts, diverges and stops as `lists` does.

`packed` computes in fixed point and has tolerances, and tests, of its own.
"""

from __future__ import annotations

import random

import pytest
from engine_cases import HIDDEN, check, check_gradients, draw_case, with_columns
from hypothesis import given, settings, strategies as st

import tinynn as nn
from tinynn.engines.contract import BatchDivergence, Recipe
from tinynn.engines.lists import ENGINE as LISTS
from tinynn.engines.loops import engine as loops
from tinynn.engines.native.engine import ENGINE as NATIVE
from tinynn.engines.unrolled import engine as unrolled
from tinynn.formulas import LAYER_FORMULAS
from tinynn.formulas.losses import LOSSES
from tinynn.lesson.schedules import Cosine

NATIVE_HERE = pytest.mark.skipif(bool(NATIVE.unavailable()), reason=f"{NATIVE.unavailable()}")
ENGINES = [unrolled.ENGINE, loops.ENGINE, pytest.param(NATIVE, marks=NATIVE_HERE)]
BATCH_SIZE = 4

each_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)


@st.composite
def cases(draw, **options):
    return draw_case(lambda values: draw(st.sampled_from(list(values))), **options)


@pytest.fixture
def fresh_functions():
    """Let nothing that was compiled before, or is compiled in the test, be used elsewhere."""
    made = [unrolled.training, unrolled.prediction, loops.training, loops.prediction]
    for function in made:
        function.cache_clear()
    yield
    for function in made:
        function.cache_clear()


# Equivalence


@each_engine
@given(case=cases())
@settings(max_examples=100)
def test_training_is_that_of_lists(engine, case):
    check(engine, case)


@each_engine
@given(case=cases())
@settings(max_examples=60)
def test_gradients_are_those_of_lists(engine, case):
    check_gradients(engine, case)


@each_engine
@pytest.mark.slow
@given(case=cases(most_width=14))
@settings(max_examples=400)
def test_training_of_many_and_wider_networks_is_that_of_lists(engine, case):
    check(engine, case)


@each_engine
@pytest.mark.parametrize("kind", HIDDEN, ids=lambda kind: repr(kind()))
@pytest.mark.parametrize("place", ["first", "twice", "alone"])
def test_every_layer_in_every_place(engine, kind, place):
    layers = {
        "first": [kind, lambda: nn.Dense(3, 2)],
        "twice": [lambda: nn.Dense(3, 3), kind, kind, lambda: nn.Dense(3, 2)],
        "alone": [kind],
    }[place]
    case = draw_case(random.Random(1).choice, kinds=[nn.Tanh])
    draw = random.Random(2).uniform
    outputs = 2 if place != "alone" else 3
    case = case._replace(
        layers=with_columns(layers, 3),
        loss=nn.MeanSquaredError,
        optimizer=lambda: nn.SGD(momentum=0.5),
        X=[[draw(-1, 1) for _ in range(3)] for _ in range(4)],
        T=[[draw(0, 1) for _ in range(outputs)] for _ in range(4)],
        weights=None,
        batches=[[0, 1], [2, 3], [3, 0]] * 5,
        rates=[0.1] * 15,
    )
    check(engine, case)
    check_gradients(engine, case)


@each_engine
def test_a_variance_that_rounds_below_zero_is_zero(engine, monkeypatch):
    """A slope that never changes: v − mean² may end at −5.6e-17, which has no root."""
    for module in ("compiled", "native.program"):  # `lists` is not to help out
        monkeypatch.setattr(f"tinynn.engines.{module}.ListsProgram", None)
    for x in [k / 100 for k in range(1, 41)]:  # a third of them, by their rounding
        network = nn.Sequential(nn.Dense(1, 1), seed=0)
        optimizer = nn.RMSprop(alpha=0.5, centered=True)
        recipe = Recipe(network, nn.MeanAbsoluteError(), optimizer, None, None)
        program = engine.program(recipe, {})
        program.bind([[x]], [[1e6]], None)
        program.train([[0]] * 100, [1e-9] * 100, 1)


@pytest.mark.slow
@each_engine
def test_the_checks_are_worth_something(engine):
    tolerances = []
    for seed in range(60):
        tolerance = check(engine, draw_case(random.Random(seed).choice))
        tolerances += [] if tolerance is None else [tolerance]
    tolerances.sort()
    assert len(tolerances) > 50
    assert tolerances[len(tolerances) * 3 // 4] < 1e-9


def changed(monkeypatch, table, name, part, old, new):
    """Change the source of one formula."""
    program = [
        type(statement)(statement.to, statement.value.replace(old, new))
        for statement in getattr(table[name], part)
    ]
    assert any(old in statement.value for statement in getattr(table[name], part))
    monkeypatch.setitem(table, name, table[name]._replace(**{part: program}))


def wrong_slope(monkeypatch):
    changed(monkeypatch, LAYER_FORMULAS, "Tanh", "backward", "y * y", "y")


def wrong_value(monkeypatch):
    changed(monkeypatch, LAYER_FORMULAS, "GELU", "forward", "1.4142135", "1.4143135")


def forgotten_share(monkeypatch):
    from tinynn.engines.plans import TrainingPlan

    monkeypatch.setattr(TrainingPlan, "derivative_scale", property(lambda plan: plan.loss_scale))


def forgotten_decay(monkeypatch):
    from tinynn.engines.plans import TrainingPlan

    found = TrainingPlan.setting
    monkeypatch.setattr(
        TrainingPlan,
        "setting",
        lambda plan, name: 0.0 if name == "weight_decay" else found(plan, name),
    )


def wrong_clipping(monkeypatch):
    def write_nothing(text, plan, names):
        pass

    from tinynn.engines.unrolled import functions as unrolled_training

    monkeypatch.setattr(unrolled_training, "write_clipping", write_nothing)
    monkeypatch.setattr(loops, "write_loop_clipping", write_nothing)


def wrong_layer_loss(monkeypatch):
    """The derivative through the last layer at once is that of another layer."""
    changed(monkeypatch, LOSSES, "ce", "joint", "y * right", "y")
    changed(monkeypatch, LOSSES, "bce", "joint", "y - t", "y - t * y")


@each_engine
@pytest.mark.parametrize(
    "bug",
    [wrong_slope, wrong_value, forgotten_share, forgotten_decay, wrong_clipping, wrong_layer_loss],
)
def test_a_planted_bug_is_caught(engine, bug, monkeypatch, fresh_functions):
    bug(monkeypatch)
    with pytest.raises(AssertionError, match="is off by"):
        for seed in range(100):
            check(engine, draw_case(random.Random(seed).choice))


# Prediction


@st.composite
def networks(draw):
    """Networks with everything that prediction folds or leaves out, and running statistics."""
    kinds = [*HIDDEN, nn.BatchNorm, nn.BatchNorm]
    case = draw(cases(kinds=kinds))
    columns = len(case.X[0])
    layers = [layer() for layer in with_columns(case.layers, columns)]
    network = nn.Sequential(nn.Dense(columns, columns), *layers, seed=case.seed)
    uniform = random.Random(case.seed).uniform
    for layer in network.layers:
        for value in {**layer.parameters(), **layer.buffers()}.values():
            for row in value if isinstance(value[0], list) else [value]:
                row[:] = [abs(w + uniform(0.1, 0.9)) for w in row]
    return network, case.X


@each_engine
@given(pair=networks())
@settings(max_examples=80)
def test_predictors_give_the_answers_of_the_network(engine, pair):
    network, X = pair
    assert engine.refuses_prediction(network) is None
    predict = engine.predictor(network)
    for x, expected in zip(X, network.forward(X)):
        assert predict(x) == pytest.approx(expected, rel=1e-9, abs=1e-9)
        assert predict(tuple(x)) == predict(x)
        assert all(type(y) is float for y in predict([int(v) for v in x]))


@each_engine
def test_a_predictor_is_frozen_and_gives_new_lists(engine):
    network = nn.Sequential(nn.Dense(2, 2), nn.Softmax(), seed=1)
    predict = engine.predictor(network)
    first = predict([1.0, 2.0])
    network.layers[0].W[0][0] += 1.0
    second = predict([1.0, 2.0])
    assert first == second
    assert first is not second
    if engine is not NATIVE:
        assert "def predict(" in predict.source


@each_engine
@pytest.mark.parametrize("kind", [nn.Sigmoid, nn.SiLU, nn.Softmax, nn.LogSoftmax, nn.Softplus])
@pytest.mark.parametrize("size", [1e3, -1e3, 1e6, -1e6])
def test_predictors_cannot_overflow(engine, kind, size):
    network = nn.Sequential(nn.Dense(1, 3, weights=[[1.0, -2.0, 0.5]]), kind())
    expected = network.forward([[size]])[0]
    assert engine.predictor(network)([size]) == pytest.approx(expected, rel=1e-12)
    program = engine.program(Recipe(network, nn.MeanSquaredError(), nn.SGD()), {})
    assert program.predict([[size]])[0] == pytest.approx(expected, rel=1e-12)


# Refusals


class OwnTanh(nn.Tanh):
    """A layer that nobody but its author knows."""


class OwnLoss(nn.MeanSquaredError):
    """Nor this loss."""


class OwnOptimizer(nn.SGD):
    """Nor this optimizer."""


@each_engine
@pytest.mark.parametrize(
    ("layers", "loss", "optimizer", "reason"),
    [
        ([nn.Dense(2, 2), OwnTanh()], nn.MeanSquaredError(), nn.SGD(),
         "it has no formula for layer 1, OwnTanh() (nn.register(OwnTanh, ...) can add one)"),
        ([nn.Dense(2, 2)], OwnLoss(), nn.SGD(),
         "it has no formula for the loss OwnLoss() (nn.register(OwnLoss, ...) can add one)"),
        ([nn.Dense(2, 2)], nn.MeanSquaredError(), OwnOptimizer(),
         "it has no formula for the optimizer OwnOptimizer(learning_rate=0.001, momentum=0.0, "
         "dampening=0.0, weight_decay=0.0, nesterov=False) (nn.register(OwnOptimizer, ...) can add "
         "one)"),
        ([nn.Dense(2, 2), nn.BatchNorm(2)], nn.MeanSquaredError(), nn.SGD(),
         "layer 1, BatchNorm(columns=2, momentum=0.1, eps=1e-05), needs the whole batch at "
         "once, and this engine processes one sample at a time"),
        ([nn.Dense(2, 2), nn.Tanh()], nn.MeanSquaredError(), nn.SGD(), None),
    ],
)  # fmt: skip
def test_what_has_no_source_is_refused_with_the_reason(engine, layers, loss, optimizer, reason):
    if engine is NATIVE and "whole batch" in str(reason):
        reason = None  # it processes whole batches
    assert engine.refuses(Recipe(nn.Sequential(*layers), loss, optimizer), BATCH_SIZE) == reason


@each_engine
def test_predictors_of_what_has_no_source_are_refused_with_the_reason(engine):
    own = nn.Sequential(nn.Dense(2, 2), OwnTanh())
    assert engine.refuses_prediction(own) == (
        "it has no formula for layer 1, OwnTanh() (nn.register(OwnTanh, ...) can add one)"
    )
    open_width = nn.Sequential(nn.Tanh())
    reason = "the network's number of inputs is unknown"
    assert engine.refuses_prediction(open_width) == reason
    assert engine.refuses_prediction(nn.Sequential(nn.Dense(2, 2), nn.BatchNorm(2))) is None


# Through the trainer

X = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
T = [[0.0], [1.0], [1.0], [0.0]]


def xor(*between, seed=3):
    return nn.Sequential(
        nn.Dense(2, 4), nn.Tanh(), *between, nn.Dense(4, 1), nn.Sigmoid(), seed=seed
    )


def numbers(model):
    return [w for parameter in model.parameters() for row in parameter.rows() for w in row]


@pytest.fixture(params=["unrolled", "loops"])
def name(request, monkeypatch):
    monkeypatch.delenv("TINYNN_ENGINE", raising=False)
    return request.param


def both(name, make_model, **settings):
    """Return the histories and models of a training by `lists` and by another engine."""
    found = []
    for engine in ("lists", name):
        model = make_model()
        given = {key: value() if callable(value) else value for key, value in settings.items()}
        found += [nn.fit(model, X, T, engine=engine, **given), model]
    return found


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "bce", "epochs": 200, "batch_size": None},
        {"loss": "mse", "epochs": 40, "batch_size": 1, "optimizer": lambda: nn.SGD(0.5)},
        {"loss": "bce", "epochs": 40, "batch_size": 3, "sample_weight": [1.0, 2.0, 0.0, 0.5]},
        {"loss": "bce", "epochs": 30, "batch_size": 2, "clip_norm": 0.1, "validation": (X, T)},
        {"loss": "bce", "epochs": 60, "batch_size": 2, "validation": (X, T),
         "callbacks": lambda: [nn.EarlyStopping(patience=3)]},
        {"loss": "bce", "epochs": 30, "optimizer":
         lambda: nn.SGD(Cosine(0.5, 30), momentum=0.9)},
    ],
)  # fmt: skip
def test_fit_is_that_of_lists(name, settings):
    expected, expected_model, history, model = both(name, xor, **settings)
    assert history.engine == name
    assert history.epochs == expected.epochs
    assert history.stopped_by == expected.stopped_by
    assert history.loss == pytest.approx(expected.loss, rel=1e-9)
    assert history.validation_loss == pytest.approx(expected.validation_loss, rel=1e-9)
    assert numbers(model) == pytest.approx(numbers(expected_model), rel=1e-8)


def test_dropout_draws_the_same_numbers(name):
    expected, expected_model, history, model = both(
        name, lambda: xor(nn.Dropout(0.3)), loss="bce", epochs=30, batch_size=2
    )
    assert history.loss == pytest.approx(expected.loss, rel=1e-9)
    assert numbers(model) == pytest.approx(numbers(expected_model), rel=1e-9)
    assert model.layers[2].rng.getstate() == expected_model.layers[2].rng.getstate()


def test_engines_take_over_from_one_another(name):
    alone, changing = xor(), xor()
    for model, engines in ((alone, ["lists"] * 3), (changing, ["lists", name, "lists"])):
        for engine in engines:
            nn.fit(model, X, T, loss="bce", epochs=7, batch_size=3, engine=engine)
    assert numbers(changing) == pytest.approx(numbers(alone), rel=1e-9)
    memory, expected = changing.training["memory"], alone.training["memory"]
    assert memory.keys() == expected.keys()
    for parameter, kept in expected.items():
        for part, rows in kept.items():
            for row, other in zip(rows, memory[parameter][part]):
                assert other == pytest.approx(row, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("batch_size", [1, 2, None])
def test_divergence_is_told_as_by_lists(name, batch_size):
    told = []
    for engine in ("lists", name):
        model = nn.Sequential(nn.Dense(2, 3), nn.ReLU(), nn.Dense(3, 1), seed=4)
        with pytest.raises(nn.DivergenceError) as error:
            nn.fit(
                model, X, T, optimizer=nn.SGD(50.0), batch_size=batch_size, epochs=500,
                engine=engine, shuffle=False,
            )  # fmt: skip
        told.append((str(error.value), error.value.epoch, error.value.batch, numbers(model)))
    assert told[0][:3] == told[1][:3]
    assert told[1][3] == pytest.approx(told[0][3], rel=1e-6)


@each_engine
def test_divergence_leaves_the_program_at_the_last_finite_numbers(engine):
    network = nn.Sequential(nn.Dense(2, 1, weights=[[2.0], [3.0]]))
    program = engine.program(Recipe(network, nn.MeanSquaredError(), nn.SGD(1e200)), {})
    program.bind(X, T)
    before = program.train([[0, 1]], [0.1], 1)
    assert len(before) == 1
    program.write_back()
    kept = numbers(network)
    with pytest.raises(BatchDivergence) as error:
        program.train([[1, 2], [1, 2], [1, 2]], [0.0, 1e200, 1e200], 2)
    assert error.value.batch == 2
    program.write_back()
    assert numbers(network) != kept
    assert all(abs(w) < 1e300 for w in numbers(network))


@each_engine
def test_an_exp_that_overflows_is_left_to_lists(engine):
    far = [[1000.0], [-1000.0]]
    networks = [
        nn.Sequential(nn.Dense(1, 2, weights=[[1.0, -1.0]]), nn.SiLU(), nn.Dense(2, 1), seed=1)
        for _ in range(2)
    ]
    results = []
    for network, runner in zip(networks, (LISTS, engine)):
        program = runner.program(Recipe(network, nn.MeanSquaredError(), nn.SGD(momentum=0.5)), {})
        program.bind(far, [[0.0], [1.0]])
        losses = []
        for step in range(6):
            losses += program.train([[0, 1]], [1e-9], step + 1)
            assert program.done == losses[-1:]
        program.write_back()
        results.append([*losses, *numbers(network)])
    assert results[1] == pytest.approx(results[0], rel=1e-12)
    if engine is unrolled.ENGINE:
        assert program.replays == 3
        assert program.takeover is not None
        program.reload()
        assert program.predict(far) == networks[1].forward(far)


class Interrupted(random.Random):
    """A stream of random numbers with Ctrl-C in it."""

    def __init__(self, draws):
        super().__init__(1)
        self.draws = draws

    def random(self):
        self.draws -= 1
        if self.draws == 0:
            raise KeyboardInterrupt
        return super().random()


@each_engine
def test_ctrl_c_leaves_the_program_where_the_call_began(engine):
    network = xor(nn.Dropout(0.5))
    memory = {}
    program = engine.program(Recipe(network, nn.BinaryCrossEntropy(), nn.Adam()), memory)
    program.bind(X, T)
    program.train([[0, 1], [2, 3]], [0.1, 0.1], 1)
    program.write_back()
    kept, kept_memory = numbers(network), repr(memory)
    network.layers[2].rng = Interrupted(30)
    state = network.layers[2].rng.getstate()
    with pytest.raises(KeyboardInterrupt):
        program.train([[0, 1], [2, 3]] * 5, [0.1] * 10, 3)
    program.write_back()
    assert numbers(network) == kept
    assert repr(memory) == kept_memory
    assert program.done == []
    assert network.layers[2].rng.getstate() == state


def test_ctrl_c_in_the_replay_too(monkeypatch):
    network = nn.Sequential(nn.Dense(1, 2, weights=[[1.0, -1.0]]), nn.SiLU(), nn.Dense(2, 1))
    program = unrolled.ENGINE.program(Recipe(network, nn.MeanSquaredError(), nn.SGD()), {})
    program.bind([[1000.0]], [[0.0]])
    start = network.state()
    twice = LISTS.program(Recipe(*program.recipe[:3]), {})

    def interrupted(self, learning_rate, step):
        if step == 3:
            raise KeyboardInterrupt
        return changes(self, learning_rate, step)

    changes = type(LISTS.program(program.recipe, {}))._changes
    monkeypatch.setattr("tinynn.engines.lists.ListsProgram._changes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        program.train([[0]] * 4, [0.01] * 4, 1)
    program.write_back()
    left, done = numbers(network), program.done
    network.restore(start)
    twice.bind([[1000.0]], [[0.0]])
    assert done == twice.train([[0]] * 2, [0.01] * 2, 1)
    assert numbers(network) == left


@each_engine
def test_restored_weights_and_changed_settings_are_taken_up(engine):
    network = xor(nn.Dropout(0.5))
    recipe = Recipe(network, nn.BinaryCrossEntropy(), nn.SGD(momentum=0.9))
    program = engine.program(recipe, {})
    program.bind(X, T)
    start = network.state()
    program.train([[0, 1, 2, 3]] * 3, [0.1] * 3, 1)
    program.write_back()
    network.restore(start)
    network.layers[2].rate = 0.0
    program.reload()
    outputs = [y for row in network.forward(X) for y in row]
    assert [y for row in program.predict(X) for y in row] == pytest.approx(outputs, rel=1e-12)
    losses = program.train([[0, 1, 2, 3]], [0.1], 4)
    assert losses[0] == pytest.approx(nn.BinaryCrossEntropy()(network.forward(X), T), rel=1e-12)
