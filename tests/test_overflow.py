"""Numbers near the ends of the floats: every engine does as `lists` does, and nothing is silent."""

from __future__ import annotations

import random
import warnings

import pytest
from engine_cases import draw_case
from hypothesis import given, settings, strategies as st

import tinynn as nn
from tinynn.engines.choice import ENGINES
from tinynn.engines.contract import BatchDivergence, Recipe
from tinynn.engines.headroom import MOST, largest_norm, row_size
from tinynn.engines.lists import ENGINE as LISTS
from tinynn.engines.native.engine import ENGINE as NATIVE
from tinynn.engines.plans import plan_of
from tinynn.engines.source import product, total
from tinynn.engines.unrolled import engine as unrolled
from tinynn.training.training_data import ConstantLayerWarning

EXACT = [name for name in ("unrolled", "loops", "native")
         if name != "native" or not NATIVE.unavailable()]  # fmt: skip
ALL = [name for name in ENGINES if name != "native" or not NATIVE.unavailable()]
SIMPLE = [0.0, 0.0, 1.0, 1.0, -1.0, -0.0, 0.5, 2.0]
EXTREME = [*SIMPLE, 1e-320, 1e308, -1e308, 1e154, 1e-154, 1e200]
WEIGHTS = [0.0, 0.0, 1.0, 1.0, 2.0, 1e-320, 1e308]


@st.composite
def cases(draw, numbers=EXTREME, rates=(0.01, 0.1, 1.0, 1e150, 1e308, 1e-320)):
    """A training with such inputs, targets, sample weights and start weights."""

    def some(values):
        return draw(st.sampled_from(list(values)))

    case = draw_case(some, most_width=4)
    pick = random.Random(some(range(1000))).choice
    X = [[pick(numbers) for _ in row] for row in case.X]
    T, name = case.T, case.loss().name
    if name in ("mse", "mae", "huber"):
        T = [[pick(numbers) for _ in row] for row in T]
    elif name == "bce":
        T = [[pick([0.0, 1.0, -0.0, 1e-320, 0.5]) for _ in row] for row in T]
    weights = [pick([w for w in WEIGHTS if w in numbers]) for _ in X] if some([0, 1, 1]) else None
    start = some([False, False, True])
    rates = [some(rates)] * len(case.batches)
    return case._replace(X=X, T=T, weights=weights, rates=rates), start, pick, numbers


def outcome(engine, case, start, seed, numbers):
    """Return the losses, or where and how a training diverges, and the numbers it leaves."""
    recipe, pick = case.recipe(), random.Random(seed).choice
    if start:
        for parameter in recipe.network.parameters():
            for row in parameter.rows():
                row[:] = [pick(numbers) for _ in row]
    program = engine.program(recipe, {})
    program.bind(case.X, case.T, case.weights)
    try:
        found = program.train(case.batches, case.rates, 1)
    except BatchDivergence as error:
        found = (error.batch, error.what)
    program.write_back()
    return found, recipe.network.state()


@pytest.mark.parametrize("name", EXACT)
@given(drawn=cases())
@settings(max_examples=50)
def test_an_engine_diverges_exactly_where_lists_does(name, drawn):
    case, start, _, numbers = drawn
    expected, _ = outcome(LISTS, case, start, 1, numbers)
    found, _ = outcome(ENGINES[name], case, start, 1, numbers)
    if isinstance(expected, tuple) or isinstance(found, tuple):
        assert found == expected, case


@pytest.mark.slow
@pytest.mark.parametrize("name", EXACT)
@given(drawn=cases())
@settings(max_examples=3000)
def test_so_it_does_in_thousands_of_trainings(name, drawn):
    test_an_engine_diverges_exactly_where_lists_does.hypothesis.inner_test(name, drawn)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "rmsprop", "adagrad", "adamw"])
@given(drawn=cases(SIMPLE, (0.01, 0.1)))
@settings(max_examples=25)
def test_source_with_weights_of_0_compiles_and_equals_lists(optimizer, drawn):
    """All rows of tiny data are written into the source, where factors of 0 and 1 are left out."""
    case, *_ = drawn
    case = case._replace(
        optimizer=lambda: nn.lesson.optimizers.by_name(optimizer) if optimizer != "sgd"
        else nn.SGD(momentum=0.5), batches=[list(range(len(case.X)))] * 5, rates=[0.01] * 5,
    )  # fmt: skip
    before, unrolled.UnrolledProgram._is_first = unrolled.UnrolledProgram._is_first, _always
    try:
        found, state = outcome(unrolled.ENGINE, case, False, 1, SIMPLE)
    finally:
        unrolled.UnrolledProgram._is_first = before
    expected, wanted = outcome(LISTS, case, False, 1, SIMPLE)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6), case
    for key, value in wanted.items():
        assert flat(state[key]) == pytest.approx(flat(value), rel=1e-3, abs=1e-3), case


def _always(program):
    return True


def flat(value):
    return [x for row in value for x in row] if isinstance(value[0], list) else value


def test_source_of_products_and_sums_is_never_empty():
    assert product("0.0", "d") == product("-0.0", "d") == product("x", "0.0") == "0.0"
    assert (product("1.0", "d"), product("x", "d")) == ("d", "x * d")
    assert (total(["0.0", "a", "-0.0", "b"]), total(["0.0", ""]), total([])) == (
        "a + b", "0.0", "0.0",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["lists", "unrolled", "loops", "native"])
def test_a_rate_at_the_end_of_the_floats(name):
    if name not in ALL:
        pytest.skip("no machine code here")
    m = nn.Sequential(nn.Dense(4, 1), nn.Sigmoid(), seed=1)
    before = m.state()
    with pytest.raises(nn.DivergenceError, match=r"epoch 1, batch 1: 0\.W is no longer finite"):
        nn.fit(
            m, [[0.5, 1.0, -1.0, 0.2]], [[0.5]], loss="bce", optimizer=nn.Adam(1e308), epochs=3,
            engine=name,
        )  # fmt: skip
    assert m.state() == before


def plan(*layers, optimizer=None):
    network = nn.Sequential(*layers, seed=1)
    recipe = Recipe(network, nn.MeanSquaredError(), optimizer or nn.Adam())
    return plan_of(recipe, network.inputs)


def test_the_room_for_weights():
    one = plan(nn.Dense(2, 1))
    assert largest_norm(one, 1.0, 1.0, [0.1]) == pytest.approx(MOST ** (1 / 3) / 2)
    assert largest_norm(one, 10.0, 1.0, [0.1]) == pytest.approx(MOST ** (1 / 3) / 20)
    # None is small enough, not even 0.
    assert largest_norm(one, 1e200, 1.0, [0.1]) == 0.0 == largest_norm(one, 1.0, 1.0, [1e150])
    deep = plan(*[nn.Dense(2, 2) for _ in range(60)])
    assert largest_norm(deep, 1.0, 1.0, [0.1]) == 1e3  # or networks of many layers had none
    assert row_size([[3.0, 4.0], [0.0, 0.0]]) == 5.0
    assert row_size([[0.0]]) == row_size([]) == 1.0


@pytest.mark.parametrize("name", EXACT)
def test_usual_numbers_stay_with_the_engine(name):
    """Inputs that nobody scaled, targets in millions, twenty layers: no reason to be slow."""
    deep = [layer for _ in range(19) for layer in (nn.Dense(4, 4), nn.ReLU())]
    for layers, x, t in (
        ([nn.Dense(2, 8), nn.Tanh(), nn.Dense(8, 1)], 1e6, 1e9),
        ([nn.Dense(2, 4), *deep, nn.Dense(4, 1)], 1.0, 1.0),
    ):
        network = nn.Sequential(*layers, seed=1)
        program = ENGINES[name].program(Recipe(network, nn.MeanSquaredError(), nn.Adam()), {})
        rows = [[x, -x], [0.5 * x, x]]
        program.bind(rows, [[t], [0.0]])
        program.train([[0, 1]] * 20, [1e-3] * 20, 1)
        assert getattr(program, "replays", 0) == 0 and program.fallback is None


def test_the_history_says_why_another_engine_took_over():
    network = nn.Sequential(nn.Dense(1, 1, weights=[[0.0]]), seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        history = nn.fit(
            network, [[1e60]] * 2, [[0.0]] * 2, optimizer=nn.SGD(1e-200), engine="unrolled",
            callbacks=[_EachEpoch()], epochs=5,
        )  # fmt: skip
    assert history.engine_reason == (
        "set by engine='unrolled'; lists took over: the numbers became too large for it"
    )


class _EachEpoch(nn.Callback):
    def on_epoch_end(self, trainer):
        """Do nothing, so that each epoch is a call to the engine."""


# Predictions

OVERFLOW = "predict needs finite outputs, got nan or inf in row {}; scale the inputs"


def overflowing(last=()):
    """A network with finite weights whose outputs for an input of 10 are not a number."""
    return nn.Sequential(
        nn.Dense(1, 8, weights=[[1e308, -1e308] * 4]),
        nn.Dense(8, 2, weights=[[1.0, 1.0], [1.0, 2.0]] * 4), *last,
    )  # fmt: skip


@pytest.mark.parametrize("last", [[], [nn.Softmax()], [nn.Sigmoid()], [nn.LogSoftmax()]])
def test_predict_says_which_row_overflows(last):
    model = overflowing(last)
    for ask, row in (
        (lambda: model.predict([[0.0], [0.1], [10.0]]), 2),
        (lambda: model([10.0]), 0),
        *((lambda name=name: nn.compile(model, name)([10.0]), 0) for name in ALL),
        *((lambda name=name: nn.compile(model, name).rows([[0.0], [10.0]]), 1) for name in ALL),
    ):
        with pytest.raises(nn.DataError) as caught:
            ask()
        assert str(caught.value) == OVERFLOW.format(row)


@pytest.mark.parametrize("name", ALL)
def test_large_outputs_are_no_overflow(name):
    model = nn.Sequential(nn.Dense(1, 8, weights=[[1e307, -1e307] * 4]))
    assert nn.compile(model, name)([17.0]) == pytest.approx([1.7e308, -1.7e308] * 4)
    ones = nn.Sequential(nn.Dense(1, 8, weights=[[1e307] * 8]))  # whose sum is beyond the floats
    assert nn.compile(ones, name)([17.0]) == pytest.approx([1.7e308] * 8)


@pytest.mark.parametrize("kind", [nn.Softmax, nn.LogSoftmax])
@pytest.mark.parametrize("name", ALL)
def test_two_columns_whose_difference_overflows(kind, name):
    """The logarithm of a probability may be −∞; that is no overflow of the network."""
    model = nn.Sequential(nn.Dense(2, 2, weights=[[1.0, 0.0], [0.0, 1.0]]), kind())
    for x in ([-1e308, 1e308], [1e308, -1e308], [-9e307, 9e307], [700.0, -700.0]):
        assert nn.compile(model, name)(x) == pytest.approx(model(x), abs=1e-9)


@pytest.mark.filterwarnings("ignore")
def test_a_regressor_whose_answer_overflows():
    model = nn.Regressor((), log_target=True, random_state=0, solver="lbfgs")
    model.fit([[float(i)] for i in range(20)], [2.0**i for i in range(20)])
    with pytest.raises(nn.DataError) as caught:
        model.predict([[1.0], [1e6]])
    assert str(caught.value) == OVERFLOW.format(1)


# What cannot learn, and means


@pytest.mark.parametrize("layer", [nn.Softmax(), nn.LogSoftmax(), nn.LayerNorm()])
def test_a_layer_that_gives_the_same_for_every_row(layer):
    model = nn.Sequential(nn.Dense(2, 1), layer, seed=1)
    logs = isinstance(layer, nn.LogSoftmax)
    T, loss = ([[1.0], [-1.0]], "hinge") if logs else ([[1.0], [0.0]], "mse")
    with pytest.warns(ConstantLayerWarning) as caught:
        nn.fit(model, [[0.0, 1.0], [1.0, 0.0]], T, epochs=1, loss=loss)
    assert caught[0].filename == __file__
    assert str(caught[0].message) == (
        f"layer 1, {layer!r}, has one column and gives the same for every row, so the network "
        "cannot learn; for one probability, end with Sigmoid(), and with Softmax() for one of each "
        "class; leave out a normalization of one column"
    )
    assert len(model.predict([[1.0, 2.0]])) == 1  # a network that only predicts is fine


@given(
    losses=st.lists(st.floats(0.0, 1.7976931348623157e308), min_size=1, max_size=12),
    per_epoch=st.integers(1, 5),
    weighted=st.booleans(),
)
def test_the_mean_of_losses_is_between_them(losses, per_epoch, weighted):
    history = nn.History()
    sizes = [1.0 + i % 3 for i in range(len(losses))] if weighted else []
    history.add(losses, sizes, [0.1] * len(losses), per_epoch, 0.0)
    for k, mean in enumerate(history.loss):
        part = losses[k * per_epoch : (k + 1) * per_epoch]
        assert min(part) * (1 - 1e-12) <= mean <= max(part) * (1 + 1e-15) or mean == max(part)
