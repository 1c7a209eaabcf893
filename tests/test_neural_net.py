"""The original program: its numbers, its start equal to NumPy's, and what it refuses."""

from __future__ import annotations

import copy
import math
import pickle
import random

import pytest
from hypothesis import example, given, strategies as st

from tinynn.errors import DataError, DivergenceError, SettingError, ShapeError
from tinynn.lesson.matrix import shape
from tinynn.lesson.neural_net import NeuralNet
from tinynn.lesson.random_streams import epoch_stream, numpy_legacy_stream, stream

INPUTS = [[0, 1, 1], [1, 0, 0], [1, 0, 1]]
OUTPUTS = [[1], [0], [1]]
SEEDS = st.integers(0, 2**32 - 1)

# numpy.random.seed(seed); (2 * numpy.random.random(shape) - 1).tolist(), with NumPy 2.4.6
NUMPYS_WEIGHTS = {
    (0, 2, 2): [
        [0.0976270078546495, 0.43037873274483895], [0.20552675214328775, 0.08976636599379373],
    ],
    (1, 3, 1): [[-0.165955990594852], [0.4406489868843162], [-0.9997712503653102]],
    (42, 1, 3): [[-0.250919762305275, 0.9014286128198323, 0.4639878836228102]],
    (2**32 - 1, 2, 1): [[-0.8047359420119724], [0.8247656906052436]],
}  # fmt: skip


# --- its numbers ---


@pytest.mark.parametrize(
    ("iterations", "answer"), [(10, 0.65980921), (100, 0.87680541), (10_000, 0.98977040)]
)
def test_the_answers_of_the_original_program(iterations, answer):
    net = NeuralNet(seed=1)
    net.train(INPUTS, OUTPUTS, iterations)
    assert round(net.learn([1, 0, 1])[0], 8) == answer


def test_its_weights_are_numpys_after_10_000_iterations():
    # The same updates in NumPy 2.4.6:  W += X.T @ ((T - Y) * Y * (1 - Y))
    net = NeuralNet(seed=1)
    net.train(INPUTS, OUTPUTS, 10_000)
    wanted = [-4.365613071029684, 1.225198070043544, 8.937800809246921]
    assert [w for (w,) in net.synaptic_weights] == pytest.approx(wanted, rel=1e-12)


def test_the_nine_line_variant():
    # M. Spencer-Harper, "How to build a simple neural network in 9 lines of Python code" (2015)
    net = NeuralNet(seed=1)
    net.train([[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]], [[0], [1], [1], [0]], 10_000)
    assert net.learn([1, 0, 0]) == [pytest.approx(0.9999370428352157, rel=1e-12)]


@given(st.integers(1, 4), st.integers(1, 3), st.integers(1, 5), SEEDS, st.data())
def test_a_step_goes_down_the_half_squared_error(inputs, outputs, rows, seed, data):
    net = NeuralNet(seed, inputs, outputs)
    values = st.floats(-2, 2)
    X = data.draw(st.lists(st.lists(values, min_size=inputs, max_size=inputs), min_size=rows,
                           max_size=rows))  # fmt: skip
    T = [[data.draw(st.floats(0, 1)) for _ in range(outputs)] for _ in range(rows)]

    def half_squared_error():
        return 0.5 * math.fsum(
            (t - y) ** 2 for ts, ys in zip(T, net.learn(X)) for t, y in zip(ts, ys)
        )

    start = copy.deepcopy(net.synaptic_weights)
    net.train(X, T, 1)
    moved, net.synaptic_weights = net.synaptic_weights, start
    h = 1e-5
    for i in range(inputs):
        for j in range(outputs):
            w = start[i][j]
            start[i][j] = w + h
            above = half_squared_error()
            start[i][j] = w - h
            below = half_squared_error()
            start[i][j] = w
            assert moved[i][j] - w == pytest.approx((below - above) / (2 * h), abs=1e-8)


@given(st.integers(0, 20), st.integers(0, 20))
def test_training_twice_is_training_once_for_longer(first, second):
    twice, once = NeuralNet(), NeuralNet()
    twice.train(INPUTS, OUTPUTS, first)
    twice.train(INPUTS, OUTPUTS, second)
    once.train(INPUTS, OUTPUTS, first + second)
    assert twice.synaptic_weights == once.synaptic_weights


# --- its start ---


@given(SEEDS, st.integers(1, 30), st.integers(1, 30))
@example(0, 3, 1)
@example(1, 3, 1)
@example(2**32 - 1, 3, 1)
@example(5489, 40, 40)  # beyond 624 words, where the twister turns for the second time
def test_it_starts_from_numpys_weights_bit_for_bit(seed, inputs, outputs):
    numpy = pytest.importorskip("numpy")
    numpy.random.seed(seed)
    wanted = (2 * numpy.random.random((inputs, outputs)) - 1).tolist()
    assert NeuralNet(seed, inputs, outputs).synaptic_weights == wanted


@pytest.mark.parametrize("key", NUMPYS_WEIGHTS)
def test_it_starts_from_the_weights_that_numpy_gave(key):
    assert NeuralNet(*key).synaptic_weights == NUMPYS_WEIGHTS[key]


def test_the_thousandth_number_of_the_stream_is_numpys():
    draw = numpy_legacy_stream(5).random
    numbers = [draw() for _ in range(1000)]
    assert numbers[-1] == 0.7905930946436218
    assert math.fsum(numbers) == pytest.approx(495.87958647754954, abs=1e-10)


def test_a_seed_may_be_any_kind_of_whole_number():
    numpy = pytest.importorskip("numpy")
    for kind in (numpy.int64, numpy.uint32, numpy.int8):
        assert NeuralNet(kind(1)).synaptic_weights == NeuralNet(1).synaptic_weights
        assert stream(kind(1)).random() == stream(1).random()


def test_the_global_random_is_never_touched():
    before = random.getstate()
    NeuralNet().train(INPUTS, OUTPUTS, 3)
    stream(3).random()
    epoch_stream(3, 4).random()
    assert random.getstate() == before


def test_streams():
    given_one = random.Random(5)
    assert stream(given_one) is given_one
    assert stream(5).random() == random.Random(5).random()
    assert stream(None).random() != stream(None).random()
    # A function of (seed, epoch) alone; this number was the same on CPython 3.8, 3.13 and PyPy 3.9.
    assert epoch_stream(0, 0).random() == epoch_stream(0, 0).random() == 0.7332203812852842
    draws = [epoch_stream(seed, epoch).random() for seed in range(-5, 5) for epoch in range(10)]
    assert len(set(draws)) == len(draws)


# --- shapes, and what goes in and out ---


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 3), SEEDS)
def test_any_shape(inputs, outputs, iterations, seed):
    net = NeuralNet(inputs=inputs, outputs=outputs, seed=seed)
    assert (net.inputs, net.outputs) == shape(net.synaptic_weights) == (inputs, outputs)
    X = [[float(i == j) for j in range(inputs)] for i in range(inputs)]
    net.train(X, [[0.5] * outputs] * inputs, iterations)
    answers = net.learn(X)
    assert shape(answers) == (inputs, outputs)
    assert net.learn(X[0]) == answers[0]
    assert all(0.0 < y < 1.0 for row in answers for y in row)


def test_rows_in_rows_out_and_one_row_in_one_row_out():
    net = NeuralNet()
    row = net.learn([1, 0, 1])
    for same in ((1, 0, 1), (1.0, 0.0, 1.0), [True, False, True]):
        assert net.learn(same) == row
        assert net.learn([same]) == net.learn((same,)) == [row]
        assert net.learn([same, same]) == [row, row]
    numpy = pytest.importorskip("numpy")
    assert net.learn(numpy.array([1, 0, 1])) == row
    assert net.learn(numpy.array([[1, 0, 1]])) == [row]


def test_it_shares_no_list_with_its_caller():
    net = NeuralNet()
    X, T = copy.deepcopy(INPUTS), copy.deepcopy(OUTPUTS)
    net.train(X, T, 1)
    assert (X, T) == (INPUTS, OUTPUTS)
    weights = copy.deepcopy(net.synaptic_weights)
    X[0][0] = T[0][0] = 5
    net.learn([1, 0, 1])[0] = 5
    assert net.synaptic_weights == weights


def test_copies_and_pickles_are_networks_of_their_own():
    net = NeuralNet()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert other.synaptic_weights == net.synaptic_weights
        other.train(INPUTS, OUTPUTS, 1)
        assert other.synaptic_weights != net.synaptic_weights


@given(st.lists(st.lists(st.floats(-1e308, 1e308), min_size=3, max_size=3), min_size=1, max_size=4))
def test_inputs_of_any_size_give_answers_or_a_clear_error(X):
    net = NeuralNet()
    before = net.synaptic_weights
    try:
        net.train(X, [[1.0]] * len(X), 3)
    except DivergenceError:
        assert net.synaptic_weights == before
    assert all(math.isfinite(w) for row in net.synaptic_weights for w in row)


# --- what it refuses ---


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"inputs": 0}, "NeuralNet needs inputs to be a whole number, at least 1, got 0"),
        ({"outputs": -1}, "NeuralNet needs outputs to be a whole number, at least 1, got -1"),
        (
            {"inputs": 3.0},
            "NeuralNet needs inputs to be a whole number, at least 1, got 3.0; did you mean 3?",
        ),
        ({"seed": -1}, "the seed needs to be a whole number from 0 to 2**32 - 1, got -1"),
        (
            {"seed": 2**32},
            "the seed needs to be a whole number from 0 to 2**32 - 1, got 4294967296",
        ),
        ({"seed": 1.0}, "the seed needs to be a whole number from 0 to 2**32 - 1, got 1.0"),
        ({"seed": "1"}, "the seed needs to be a whole number from 0 to 2**32 - 1, got '1'"),
        ({"seed": None}, "the seed needs to be a whole number from 0 to 2**32 - 1, got None"),
    ],
)
def test_settings_that_it_refuses(settings, message):
    with pytest.raises(SettingError) as error:
        NeuralNet(**settings)
    assert str(error.value) == message


@pytest.mark.parametrize("seed", ["1", 1.0, [1], b"1"])
def test_seeds_that_no_stream_takes(seed):
    with pytest.raises(SettingError) as error:
        stream(seed)
    wanted = f"a seed needs to be a whole number, a random.Random or None, got {seed!r}"
    assert str(error.value) == wanted


@pytest.mark.parametrize(
    ("kind", "inputs", "message"),
    [
        (ShapeError, [1, 0], "inputs need 3 columns, got 2"),
        (ShapeError, [[1, 0]], "inputs need 3 columns, got 2"),
        (ShapeError, [], "inputs need at least one row, got none"),
        (ShapeError, [[]], "inputs need at least one column, got none in row 0"),
        (
            ShapeError, [[1, 0, 1], [1, 0]],
            "inputs need rows of equal length, got 3 columns in row 0 and 2 in row 1",
        ),
        (
            ShapeError, (x for x in [1, 0, 1]),
            "inputs need a sequence with one item per row, got a generator; wrap it in list(...)",
        ),
        (ShapeError, {1, 2, 3}, "inputs need a sequence with one item per row, got a set"),
        (ShapeError, {0: 1}, "inputs need a sequence with one item per row, got a dict"),
        (ShapeError, "101", "inputs need a sequence with one item per row, got the text '101'"),
        (ShapeError, None, "inputs need a sequence with one item per row, got None"),
        (ShapeError, 5, "inputs need a sequence with one item per row, got the number 5"),
        (
            DataError, [1, "a", 0],
            "inputs need numbers, got the text 'a' in row 0, column 1; "
            "encode text as numbers first",
        ),
        (
            DataError, [1, 0, math.nan],
            "inputs need finite numbers, got nan in row 0, column 2; "
            "fill or drop missing values first",
        ),
        (
            DataError, [[1, 0, 10**400]],
            "inputs need numbers that fit a float (up to 1.8e308), "
            "got a larger int in row 0, column 2; scale it down first",
        ),
    ],
)  # fmt: skip
def test_inputs_that_it_refuses(kind, inputs, message):
    with pytest.raises(kind) as error:
        NeuralNet().learn(inputs)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (ShapeError, ([[0, 1, 1]], [[0, 1]], 1), "outputs need 1 column, got 2"),
        (
            ShapeError, (INPUTS, [[1], [0]], 1),
            "inputs and outputs need the same number of rows, got 3 and 2",
        ),
        (
            ShapeError, (INPUTS, [1, 0, 1], 1),
            "outputs need rows of numbers, got the number 1 as row 0; "
            "write [[...]] for one row, or [[x] for x in outputs] for one column",
        ),
        (
            DataError, (INPUTS, [[1], [0], [2]], 1),
            "a sigmoid needs outputs between 0 and 1, got [2.0] in row 2",
        ),
        (
            DataError, (INPUTS, [[1], [-1], [2]], 1),
            "a sigmoid needs outputs between 0 and 1, got [-1.0] in row 1",
        ),
        (
            SettingError, (INPUTS, OUTPUTS, -1),
            "train needs iterations to be a whole number, at least 0, got -1",
        ),
        (
            SettingError, (INPUTS, OUTPUTS, 1e4),
            "train needs iterations to be a whole number, at least 0, got 10000.0; "
            "did you mean 10000?",
        ),
    ],
)  # fmt: skip
def test_training_that_it_refuses_before_anything_is_changed(kind, arguments, message):
    net = NeuralNet()
    before = copy.deepcopy(net.synaptic_weights)
    with pytest.raises(kind) as error:
        net.train(*arguments)
    assert str(error.value) == message
    assert net.synaptic_weights == before


def test_weights_beyond_the_floats_are_not_kept():
    net = NeuralNet(inputs=1)
    net.synaptic_weights = [[0.0]]
    with pytest.raises(DivergenceError) as error:
        net.train([[1e308]] * 20, [[1]] * 20, 5)
    assert str(error.value) == "the weights grew too large for floats; scale the inputs down"
    assert net.synaptic_weights == [[0.0]]
    assert net.think([[1.0]]) == [[0.5]]
