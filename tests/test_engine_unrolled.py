"""The unrolled engine: its texts, what is compiled when, rows in the text, the original program."""

from __future__ import annotations

import gc
import inspect
import linecache
import math
import random
import sys
import traceback

import pytest
from engine_cases import HIDDEN, draw_case
from hypothesis import given, settings, strategies as st

import tinynn as nn
from tinynn.engines.contract import Recipe
from tinynn.engines.plans import plan_of
from tinynn.engines.unrolled import engine as unrolled
from tinynn.engines.unrolled.functions import Mode, takes_products, training_source
from tinynn.engines.unrolled.layers import Term
from tinynn.lesson.losses import by_name

X = [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 1.0]]
T = [[1.0], [0.0], [1.0]]


def dense(loss="mse", optimizer=None, sizes=(1, 1), **settings):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Dense(inputs, outputs), nn.Sigmoid()]
    network = nn.Sequential(*layers, seed=1)
    return Recipe(network, by_name(loss), optimizer or nn.SGD(0.5), **settings)


# Texts


def test_the_source_of_one_neuron():
    assert (
        unrolled.ENGINE.source(dense(), 1)
        == '''\
def train(state, rows, batches, learning_rates, step, draws, exp=exp):
    """Train on batches of row numbers; return their mean losses and the new weights.

    Dense 1 -> 1, Sigmoid; loss mse; optimizer sgd.

    x: inputs, t: targets, W0_1_2: weight of layer 0 from input 1 to output 2, b0_2: its
    bias, z0_2: the sum, a1_2: activation, d0_2: derivative of the loss by z0_2.
    """
    (weights,) = state
    (W0_0_0, b0_0,) = weights
    losses = []
    for rate, (x0, t0) in zip(learning_rates, map(rows.__getitem__, chain.from_iterable(batches))):
        # the derivatives d below include the learning rate
        k = 2.0 * rate
        # forward through Dense 1 -> 1: z = x W + b
        # forward through Sigmoid: y = 1.0 / (1.0 + exp(-z))
        a1_0 = 1.0 / (1.0 + exp(-(x0 * W0_0_0 + b0_0)))
        # loss mse: r = y - t; loss = sum of r * r
        # d = k * r
        r0 = a1_0 - t0
        losses.append(r0 * r0)
        # backward through Sigmoid: d = d * y * (1.0 - y)
        # backward through Dense 1 -> 1: dW = x^T d, db = d
        d0_0 = k * r0 * a1_0 * (1.0 - a1_0)
        # update: W = W - rate dW
        W0_0_0 -= x0 * d0_0
        b0_0 -= d0_0
    weights = (W0_0_0, b0_0,)
    return losses, (weights,)
'''
    )


def test_the_lines_of_a_batch_with_momentum():
    text = unrolled.ENGINE.source(dense("bce", nn.SGD(momentum=0.9), (1, 1)), 4)
    body = text[text.index("    for rate") : text.index("    weights = (")]
    assert (
        body
        == """\
    for rate, batch in zip(learning_rates, batches):
        dW0_0_0 = db0_0 = 0.0
        n = len(batch)
        k = 1.0 / n
        loss = 0.0
        for x0, t0 in map(rows.__getitem__, batch):
            # forward through Dense 1 -> 1: z = x W + b
            # forward through Sigmoid: y = 1.0 / (1.0 + exp(-z))
            a1_0 = 1.0 / (1.0 + exp(-(x0 * W0_0_0 + b0_0)))
            # loss bce: l = -100.0 if y < 3.720075976020836e-44 else log(y); m = 1.0 - y; m = \
-100.0 if m < 3.720075976020836e-44 else log(m); loss = sum of (t - 1.0) * m - t * l
            # through the last layer: d = k * (y - t)
            l0 = -100.0 if a1_0 < 3.720075976020836e-44 else log(a1_0)
            m0 = 1.0 - a1_0
            m0 = -100.0 if m0 < 3.720075976020836e-44 else log(m0)
            loss += (t0 - 1.0) * m0 - t0 * l0
            # backward through Dense 1 -> 1: dW = x^T d, db = d
            d0_0 = k * (a1_0 - t0)
            # add up over the batch
            dW0_0_0 += x0 * d0_0
            db0_0 += d0_0
        losses.append(1.0 / n * loss)
        # update: velocity = 0.9 * velocity + g; w = w - rate * velocity
        velocity_W0_0_0 = 0.9 * velocity_W0_0_0 + dW0_0_0
        W0_0_0 = W0_0_0 - rate * velocity_W0_0_0
        velocity_b0_0 = 0.9 * velocity_b0_0 + db0_0
        b0_0 = b0_0 - rate * velocity_b0_0
"""
    )


def test_the_text_of_a_prediction_has_numbers_with_signs_turned_under_the_sigmoid():
    network = nn.Sequential(
        nn.Dense(2, 2, weights=[[1.0, 0.0], [-2.0, 4.0]], bias=[0.5, 0.0]), nn.ReLU(),
        nn.Dense(2, 1, weights=[[3.0], [-1.0]], bias=[0.25]), nn.Sigmoid(),
    )  # fmt: skip
    assert (
        nn.compile(network, engine="unrolled").source
        == """\
def predict(row, exp=exp):
    try:
        x0, x1, = row
        # forward through Dense 2 -> 2: z = x W + b
        # forward through ReLU: y = 0.0 if z <= 0.0 else z
        a1_0 = x0 * 1.0 + x1 * -2.0 + 0.5
        if a1_0 <= 0.0: a1_0 = 0.0
        a1_1 = x1 * 4.0
        if a1_1 <= 0.0: a1_1 = 0.0
        # forward through Dense 2 -> 1: z = x W + b
        # forward through Sigmoid: y = 1.0 / (1.0 + exp(-z))
        a3_0 = 1.0 / (1.0 + exp(a1_0 * -3.0 + a1_1 * 1.0 + -0.25))
        # what is not finite, minus itself, is not 0
        y = a3_0
        if y - y: return checked([a3_0])
        return [a3_0]
    except OverflowError:
        return careful(row)
"""
    )


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40)
def test_numbers_and_names_predict_the_same_to_the_last_bit(seed):
    case = draw_case(random.Random(seed).choice)
    network = case.recipe().network
    if network.inputs is None:
        return
    program = unrolled.ENGINE.program(case.recipe(), {})
    predict = unrolled.ENGINE.predictor(network)
    assert program.predict(case.X) == [predict(x) for x in case.X]


def test_batch_normalization_is_folded_into_the_layer_before():
    network = nn.Sequential(nn.Dense(3, 4), nn.BatchNorm(4), nn.Linear(), nn.BatchNorm(4))
    text = nn.compile(network, engine="unrolled").source
    assert text.count("forward") == 1
    alone = nn.compile(nn.Sequential(nn.BatchNorm(2)), engine="unrolled").source
    assert alone.count(" + ") == 4  # one in the comment, one of the outputs


@pytest.mark.parametrize("last", [nn.Softmax, nn.LogSoftmax])
def test_a_sum_of_powers_that_overflows_where_none_of_them_does_is_noticed(last):
    network = nn.Sequential(nn.Dense(1, 3, weights=[[0.0, 709.5, 709.5]]), last())
    assert unrolled.ENGINE.predictor(network)([1.0]) == pytest.approx(network([1.0]), rel=1e-12)
    assert network([1.0])[1] == pytest.approx({nn.Softmax: 0.5, nn.LogSoftmax: -math.log(2)}[last])


@pytest.mark.parametrize("from_logits", [False, True])
def test_training_notices_it_too(from_logits):
    found = []
    for engine in ("lists", "unrolled"):
        last = nn.Linear() if from_logits else nn.Softmax()
        network = nn.Sequential(nn.Dense(1, 3, weights=[[0.0, 709.5, 709.5]]), last)
        loss = nn.CategoricalCrossEntropy(from_logits=from_logits)
        history = nn.fit(
            network, [[1.0], [1.0]], [1, 2], loss=loss, optimizer="sgd", epochs=3, engine=engine
        )
        found.append([*history.loss, *network.layers[0].W[0]])
    assert found[1] == pytest.approx(found[0], rel=1e-12)
    assert found[0][0] == pytest.approx(math.log(2))


# Compiling


def test_a_text_is_compiled_once_for_equal_plans():
    unrolled.training.cache_clear()
    first = unrolled.ENGINE.program(dense(), {})
    first.bind([[1.0], [3.0]], [[0.0], [1.0]])
    first.train([[0]], [0.1], 1)
    assert first.compile_seconds > 0.0
    for recipe in (dense(), dense(optimizer=nn.SGD(0.25)), dense("mse")):
        program = unrolled.ENGINE.program(recipe, {})
        program.bind([[2.0], [1.0]], [[1.0], [0.0]])
        program.train([[0]], [0.3], 1)
    info = unrolled.training.cache_info()
    assert (info.misses, info.hits) == (1, 3)
    for recipe in (dense("huber"), dense(optimizer=nn.SGD(weight_decay=0.1)), dense(clip_norm=1.0)):
        program = unrolled.ENGINE.program(recipe, {})
        program.bind([[2.0], [1.0]], [[1.0], [0.0]])
        program.train([[0]], [0.3], 1)
    assert unrolled.training.cache_info().misses == 4


def test_tracebacks_and_inspect_show_the_text():
    recipe = dense(sizes=(2, 2))
    plan = unrolled.ENGINE.program(recipe, {}).plan
    compiled = unrolled.training(plan, Mode())
    assert inspect.getsource(compiled.function) == compiled.source == compiled.function.source
    try:
        compiled.function(((0.0,) * 6,), [("text", 1.0, 0.0, 1.0)], [[0]], [0.1], 1, [])
    except TypeError:
        told = traceback.format_exc()
    assert "a1_0 = 1.0 / (1.0 + exp(-(x0 * W0_0_0 + x1 * W0_1_0 + b0_0)))" in told


def test_the_text_of_a_function_goes_with_it():
    predict = unrolled.ENGINE.predictor(nn.Sequential(nn.Dense(1, 1)))
    filename = predict.__code__.co_filename
    assert filename.startswith("<tinynn prediction ")
    assert linecache.getline(filename, 1).startswith("def predict(row")
    del predict
    gc.collect()
    assert filename not in linecache.cache


def test_sizes_beyond_the_caps_are_refused():
    wide = nn.Sequential(nn.Dense(501, 1))
    recipe = Recipe(wide, nn.MeanSquaredError(), nn.SGD())
    if not unrolled.PYPY:
        reason = "a layer has 501 columns, and it writes sums of at most 500 terms"
        assert unrolled.ENGINE.refuses(recipe, 1) == reason
    large = Recipe(nn.Sequential(nn.Dense(100, 100)), nn.MeanSquaredError(), nn.SGD())
    most = unrolled.MAX_BATCH_PARAMETERS
    reason = f"the network has 10,100 parameters, and it writes out at most {most:,} here"
    assert unrolled.ENGINE.refuses(large, 32) == reason
    assert unrolled.ENGINE.refuses_prediction(large.network).startswith("the network has 10,100")
    if not unrolled.PYPY:
        adam = Recipe(nn.Sequential(nn.Dense(300, 9)), nn.MeanSquaredError(), nn.Adam())
        assert unrolled.ENGINE.refuses(adam._replace(optimizer=nn.SGD()), 1) is None
        assert unrolled.ENGINE.refuses(adam, 1) == (
            "the weights and the optimizer's memory hold 8,127 numbers, "
            "and it writes out at most 6,000 here"
        )


def test_a_deep_stack_is_no_trouble():
    network = nn.Sequential(nn.Dense(400, 2), seed=1)
    row = [[0.5] * 400]
    expected = network.forward(row)

    def deep(left):
        if left:
            return deep(left - 1)
        program = unrolled.ENGINE.program(Recipe(network, nn.MeanSquaredError(), nn.SGD()), {})
        program.bind(row, [[0.0, 0.0]])
        return program.predict(row), program.train([[0]], [0.0], 1)

    depth = len(inspect.stack())
    found, losses = deep(sys.getrecursionlimit() - depth - 60)
    assert found[0] == pytest.approx(expected[0], rel=1e-12)
    assert losses[0] == pytest.approx(nn.MeanSquaredError()(expected, [[0.0, 0.0]]), rel=1e-12)


# Rows in the text


@given(seed=st.integers(0, 10**6), weighted=st.booleans(), single=st.booleans())
@settings(max_examples=200)
def test_rows_in_the_text_change_no_bit(seed, weighted, single):
    rng = random.Random(seed)
    case = draw_case(rng.choice, kinds=HIDDEN)
    if rng.random() < 0.5:
        case = case._replace(optimizer=nn.SGD, clip_norm=None, clip_value=None)
    rows = range(len(case.X))
    batches = [[rng.choice(rows)] if single else list(rows) for _ in range(20)]
    for x, t in zip(case.X, case.T):
        x[:] = [rng.choice([0.0, -0.0, 1.0, value]) for value in x]
        t[:] = [rng.choice([value, float(value > 0.5)]) for value in t]
    weights = [rng.choice([0.5, 1.0, 3.0]) for _ in rows] if weighted else None
    found = []
    for constant in (False, True):
        recipe, memory = case.recipe(), {}
        program = unrolled.ENGINE.program(recipe, memory)
        program.bind(case.X, case.T, weights)
        program._small, program._steps = constant, 10**9
        losses = program.train(batches, case.rates[:20], 1)
        program.write_back()
        found.append((losses, recipe.network.state(), memory))
        modes = [key for key in program._functions if isinstance(key, Mode)]
        if len(batches[0]) == 1 and not weighted:
            fits = takes_products(program.plan)
        else:
            fits = batches[0] == list(rows)
        assert [bool(mode.rows) for mode in modes] == [constant and fits]
    assert found[0] == found[1]


def test_conditions_and_sums_are_terms_of_longer_sums():
    assert str(Term("slope0_0", "1.0", "0.0 if z > 0.0 else d * z")) == (
        "(0.0 if z > 0.0 else d * z)"
    )
    assert str(Term("b0_0", "1.0", "d * a + e")) == "(d * a + e)"
    assert str(Term("W0_0_0", "x0", "d0")) == "x0 * d0"
    X, T = [[1.0, -2.0], [-0.5, 1.0], [-1.0, -1.0]], [[1.0], [0.0], [0.5]]
    for decay in (0.0, 0.1):
        found = []
        for engine in ("lists", "unrolled"):
            model = nn.Sequential(nn.PReLU(2), nn.Dense(2, 1), seed=2)
            nn.fit(
                model, X, T, epochs=300, batch_size=3, shuffle=False, engine=engine,
                optimizer=nn.SGD(0.05, weight_decay=decay),
            )  # fmt: skip
            found.append([w for p in model.parameters() for row in p.rows() for w in row])
        assert found[1] == pytest.approx(found[0], rel=1e-12)


def test_a_weight_multiplies_the_whole_loss():
    """With a target of 0, a focal loss is one product: 3.0 * b * o would not be 3.0 * (b * o)."""
    plan = plan_of(Recipe(nn.Sequential(nn.Sigmoid()), nn.BinaryFocal(), nn.SGD()), 1)
    source = training_source(plan, Mode(weighted=True, rows=((0.5, 0.0, 3.0),)))
    assert "loss0 = 3.0 * (-b0 * o0)" in source


def test_the_text_with_rows_leaves_out_zeros_and_ones():
    program = unrolled.ENGINE.program(dense(sizes=(3, 1)), {})
    text = unrolled.training(program.plan, Mode(rows=tuple((*x, *t) for x, t in zip(X, T)))).source
    body = text[text.index("        # sample 1") : text.index("        # sample 2")]
    assert (
        body
        == """\
        # sample 1: 1.0, 0.0, 0.0 -> 0.0
        # forward through Dense 3 -> 1: z = x W + b
        # forward through Sigmoid: y = 1.0 / (1.0 + exp(-z))
        a1_0s1 = 1.0 / (1.0 + exp(-(W0_0_0 + b0_0)))
        # loss mse: r = y - t; loss = sum of r * r
        # d = k * r
        r0 = a1_0s1
        loss1 = r0 * r0
        # backward through Sigmoid: d = d * y * (1.0 - y)
        # backward through Dense 3 -> 1: dW = x^T d, db = d
        d0_0s1 = k * r0 * a1_0s1 * (1.0 - a1_0s1)
"""
    )
    assert "        W0_0_0 = W0_0_0 - d0_0s1 - d0_0s2\n" in text


@pytest.mark.skipif(unrolled.PYPY, reason="rows are not written into texts there")
def test_rows_are_written_into_the_text_once_it_pays():
    program = unrolled.ENGINE.program(dense(sizes=(3, 2, 1)), {})
    program.bind(X, T)
    whole = [0, 1, 2]
    program.train([whole] * 100, [0.1] * 100, 1)
    assert [mode.rows for mode in program._functions] == [()]
    program.train([[0, 2, 1]] * 1000, [0.1] * 1000, 101)  # another order, another sum
    assert [mode.rows for mode in program._functions] == [()]
    program.train([whole] * 240, [0.1] * 240, 1101)
    assert [len(mode.rows) for mode in program._functions] == [0, 3]
    program.bind(X[:2], T[:2])  # other data begins anew
    program.train([[0, 1]] * 10, [0.1] * 10, 1341)
    assert [len(mode.rows) for mode in program._functions] == [0, 3]
    program = unrolled.ENGINE.program(dense(sizes=(3, 2, 1)), {})
    program.bind(X, T)
    for step in (1, 1301):  # 3 rows of 11 parameters are 33 terms: from 2640 steps on
        program.train([[2], [0], [1], [0]] * 325, [0.1] * 1300, step)
    assert [(mode.single, len(mode.rows)) for mode in program._functions] == [(True, 0)]
    program.train([[2], [0], [1], [0]] * 325, [0.1] * 1300, 2601)
    assert [(m.single, len(m.rows)) for m in program._functions] == [(True, 0), (True, 3)]


@pytest.mark.skipif(unrolled.PYPY, reason="rows are not written into texts there")
def test_the_first_tiny_data_set_is_written_into_the_text_at_once():
    unrolled._first_rows.cache_clear()
    modes = []
    for data in (X, X[:2], X):
        program = unrolled.ENGINE.program(dense(sizes=(3, 1)), {})
        program.bind(data, T[: len(data)])
        rows = list(range(len(data)))
        program.train([rows] * 2, [0.1, 0.2], 1)
        modes += [len(mode.rows) for mode in program._functions]
    assert modes == [3, 0, 3]
