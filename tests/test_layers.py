"""Layers: what each puts out and leaves behind, alone; their gradients are in test_gradients.py."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random

import pytest
from golden_tables import load_maker, load_table
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.errors import SettingError, ShapeError
from tinynn.lesson.activation_layers import ACTIVATION_LAYERS, Activation
from tinynn.lesson.initializers import Constant
from tinynn.lesson.layer import Layer
from tinynn.lesson.matrix import add_row, matmul, shape
from tinynn.lesson.normalization import NORMALIZATION_LAYERS

TABLE = load_table("functions")


MAKER = load_maker("functions")
SIMPLE = [*ACTIVATION_LAYERS, nn.Dropout]
ALL = [nn.Dense(3, 2), *(kind() for kind in SIMPLE), nn.BatchNorm(3), nn.LayerNorm(3)]
X = [[0.5, -1.0, 2.0], [-0.25, 0.75, 1.5], [3.0, 0.0, -2.0]]


def built(layer, inputs=3, seed=1):
    """Return a copy of the layer, ready for that many columns."""
    layer = copy.deepcopy(layer)
    layer.build(inputs, random.Random(seed))
    return layer


every_layer = pytest.mark.parametrize("layer", ALL, ids=repr)


# --- what holds for all of them ---


@every_layer
def test_forward_and_backward_give_matrices_of_the_right_shape(layer):
    layer = built(layer)
    columns = layer.build(3, random.Random(0))
    for training in (False, True):
        Y = layer.forward(X, training)
        assert shape(Y) == (3, columns)
        dX = layer.backward([[1.0] * columns for _ in X])
        assert shape(dX) == shape(X)
        gradients = layer.gradients()
        assert list(gradients) == list(layer.parameters())
        for name, value in layer.parameters().items():
            rows = value if isinstance(value[0], list) else [value]
            gradient = gradients[name]
            assert shape(gradient if isinstance(gradient[0], list) else [gradient]) == shape(rows)
            assert layer.shapes()[name] == shape(rows)
    assert set(layer.shapes()) == {*layer.parameters(), *layer.buffers()}


@every_layer
def test_gradients_have_the_parameters_shapes_before_any_backward(layer):
    layer = built(layer)
    for name, value in layer.parameters().items():
        assert [*map(type, layer.gradients()[name])] == [*map(type, value)]
        assert len(layer.gradients()[name]) == len(value)


@every_layer
def test_neither_the_inputs_nor_the_derivatives_are_changed(layer):
    layer = built(layer)
    inputs = copy.deepcopy(X)
    dY = [[1.0] * layer.build(3, random.Random(0)) for _ in X]
    for training in (False, True):
        layer.forward(inputs, training)
        layer.backward(dY)
    assert inputs == X
    assert dY == [[1.0] * len(dY[0]) for _ in X]


@every_layer
def test_a_layer_is_rebuilt_from_its_settings(layer):
    again = type(layer)(**layer.settings())
    assert again.settings() == layer.settings()
    assert repr(again) == repr(layer)
    assert json.loads(json.dumps(layer.settings())) == layer.settings()


@every_layer
def test_copies_and_pickles_are_layers_of_their_own(layer):
    layer = built(layer)
    Y = layer.forward(X)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other.forward(X) == Y
        for value in other.parameters().values():
            (value[0] if isinstance(value[0], list) else value)[0] += 1.0
        assert layer.forward(X) == Y


@every_layer
def test_building_twice_draws_nothing_new(layer):
    layer = built(layer)
    kept = copy.deepcopy(layer.parameters())
    rng = random.Random(2)
    state = rng.getstate()
    layer.build(3, rng)
    assert layer.parameters() == kept
    assert rng.getstate() == state


def test_low_and_high_are_the_bounds_of_what_comes_out():
    for kind in SIMPLE:
        layer = kind()
        Y = layer.forward([[z / 7.0 for z in range(-300, 300)]])
        assert layer.low <= min(Y[0]) <= max(Y[0]) <= layer.high
    assert (nn.ELU(2.0).low, nn.ELU(-2.0).low) == (-2.0, 0.0)


# --- threads ---


@pytest.mark.parametrize("kind", [nn.Tanh, nn.Softmax, nn.LogSoftmax, nn.BatchNorm, nn.LayerNorm])
def test_a_second_thread_cannot_change_what_forward_returns_to_the_first(kind):
    alone = kind().forward([[1.0, 2.0, 3.0]])

    class Interrupted(kind):
        """Does what another thread would do, at the worst moment: just as it keeps a result."""

        busy = False

        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            if name in ("Y", "X_hat", "inverses") and not self.busy:
                super().__setattr__("busy", True)
                self.forward([[-5.0, 0.0, 5.0]])
                super().__setattr__("busy", False)

    assert Interrupted().forward([[1.0, 2.0, 3.0]]) == alone


# --- Dense ---


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 10**6))
def test_dense_is_a_product_and_a_row_added(inputs, outputs, seed):
    rng = random.Random(seed)
    W = [[rng.uniform(-2, 2) for _ in range(outputs)] for _ in range(inputs)]
    b = [rng.uniform(-2, 2) for _ in range(outputs)]
    rows = [[rng.uniform(-2, 2) for _ in range(inputs)] for _ in range(3)]
    assert nn.Dense(inputs, outputs, weights=W, bias=False).forward(rows) == matmul(rows, W)
    assert nn.Dense(inputs, outputs, weights=W).forward(rows) == matmul(rows, W)
    wanted = add_row(matmul(rows, W), b)
    assert nn.Dense(inputs, outputs, weights=W, bias=b).forward(rows) == wanted


def test_dense_takes_copies_of_what_it_is_given():
    W, b = [[1.0], [2.0]], [3.0]
    layer = nn.Dense(2, 1, weights=W, bias=b)
    W[0][0] = b[0] = 9.0
    assert (layer.W, layer.b) == ([[1.0], [2.0]], [3.0])
    numpy = pytest.importorskip("numpy")
    layer = nn.Dense(2, 1, weights=numpy.array([[1], [2]]), bias=numpy.array([3]))
    assert (layer.W, layer.b) == ([[1.0], [2.0]], [3.0])
    assert type(layer.W[0][0]) is type(layer.b[0]) is float
    sized = nn.Dense(numpy.int64(2), numpy.int32(1))
    assert (type(sized.inputs), type(sized.outputs), repr(sized)) == (int, int, "Dense(2, 1)")


def test_dense_without_bias_has_none():
    layer = built(nn.Dense(3, 2, bias=False))
    assert list(layer.parameters()) == list(layer.gradients()) == list(layer.shapes()) == ["W"]
    assert repr(layer) == "Dense(3, 2, bias=False)"
    assert layer.settings() == {"inputs": 3, "outputs": 2, "bias": False}
    layer.forward(X)
    layer.backward([[1.0, 1.0]] * 3)
    assert layer.db == []


def test_dense_draws_from_its_initializer_only_what_was_not_given():
    assert built(nn.Dense(3, 2, initializer=Constant(0.5))).W == [[0.5, 0.5]] * 3
    assert built(nn.Dense(3, 2, "zeros")).W == [[0.0, 0.0]] * 3
    assert built(nn.Dense(3, 2), seed=1).W == built(nn.Dense(3, 2), seed=1).W
    assert built(nn.Dense(3, 2), seed=1).W != built(nn.Dense(3, 2), seed=2).W
    assert built(nn.Dense(1, 2, weights=[[1, 2]], bias=[3, 4]), inputs=1).b == [3.0, 4.0]
    assert built(nn.Dense(3, 2, bias=[3, 4])).b == [3.0, 4.0]


def test_dense_does_not_compute_what_nobody_wants():
    layer = built(nn.Dense(3, 2))
    layer.forward(X)
    assert layer.backward([[1.0, 1.0]] * 3, wants_dX=False) == []
    assert layer.db == [3.0, 3.0]


def test_a_huge_layer_costs_nothing_until_it_is_built():
    assert nn.Dense(10**12, 10**12).shapes()["W"] == (10**12, 10**12)
    assert nn.BatchNorm(10**12).shapes()["gamma"] == (1, 10**12)


@pytest.mark.parametrize(
    ("kind", "make", "message"),
    [
        (
            ShapeError, lambda: nn.Dense(2, 3, weights=[[1, 2], [3, 4], [5, 6]]),
            "Dense(2, 3) needs weights of shape (2, 3), inputs x outputs, got (3, 2); "
            "transpose them?",
        ),
        (
            ShapeError, lambda: nn.Dense(2, 3, weights=[[1]]),
            "Dense(2, 3) needs weights of shape (2, 3), inputs x outputs, got (1, 1)",
        ),
        (
            ShapeError, lambda: nn.Dense(2, 3, bias=[1, 2]),
            "Dense(2, 3) needs a bias for each of its 3 outputs, got 2",
        ),
        (
            ShapeError, lambda: nn.Dense(2, 3, bias=None),
            "bias need a sequence with one item per row, got None",
        ),
        (
            SettingError, lambda: nn.Dense(0, 3),
            "Dense needs inputs to be a whole number, at least 1, got 0",
        ),
        (
            SettingError, lambda: nn.Dense(2, 3.0),
            "Dense needs outputs to be a whole number, at least 1, got 3.0; did you mean 3?",
        ),
        (
            SettingError, lambda: nn.Dense(2, True),
            "Dense needs outputs to be a whole number, at least 1, got True",
        ),
        (
            ShapeError, lambda: built(nn.Dense(2, 1), inputs=3),
            "Dense(2, 1) needs 2 columns, got 3",
        ),
        (
            ShapeError, lambda: nn.Dense(2, 1).forward([[1.0, 2.0]]),
            "Dense(2, 1) has no weights yet: put it into a Sequential, or pass weights=",
        ),
        (
            SettingError, lambda: nn.Dropout(1),
            "Dropout needs rate to be a finite number, at least 0 and below 1, got 1",
        ),
        (
            SettingError, lambda: nn.Dropout(-0.5),
            "Dropout needs rate to be a finite number, at least 0 and below 1, got -0.5; "
            "did you mean 0.5?",
        ),
        (
            SettingError, lambda: nn.LeakyReLU("0.1"),
            "LeakyReLU needs negative_slope to be a finite number, got '0.1'; "
            "did you mean 0.1, without quotes?",
        ),
        (
            SettingError, lambda: nn.ELU(math.inf),
            "ELU needs alpha to be a finite number, got inf",
        ),
        (
            SettingError, lambda: nn.BatchNorm(0),
            "BatchNorm needs columns to be a whole number, at least 1, got 0",
        ),
        (
            SettingError, lambda: nn.LayerNorm(eps=0),
            "LayerNorm needs eps to be a finite number, above 0, got 0",
        ),
        (
            SettingError, lambda: nn.BatchNorm(momentum=1.5),
            "BatchNorm needs momentum to be a finite number, at least 0 and at most 1, got 1.5",
        ),
        (
            ShapeError, lambda: built(nn.BatchNorm(3), inputs=4),
            "BatchNorm needs 3 columns, got 4",
        ),
        (
            ShapeError, lambda: built(nn.LayerNorm(), inputs=None),
            "LayerNorm needs a number of columns, got None; write LayerNorm(columns)",
        ),
        (
            ShapeError, lambda: nn.BatchNorm(2).forward([[1.0, 2.0]], training=True),
            "BatchNorm needs at least 2 rows in a batch to train, got 1: choose a batch_size "
            "that does not leave a single row over, or use LayerNorm",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(kind, make, message):
    with pytest.raises(kind) as error:
        make()
    assert str(error.value) == message


# --- Dropout ---


@given(st.floats(0.0, 0.9), st.integers(0, 10**6))
def test_dropout_keeps_or_drops_each_element_and_goes_back_the_same_way(rate, seed):
    layer = nn.Dropout(rate)
    layer.seed_noise(seed)
    Y = layer.forward(X, training=True)
    dX = layer.backward(X)
    draw = random.Random(seed).random
    for x_row, y_row, d_row in zip(X, Y, dX):
        for x, y, d in zip(x_row, y_row, d_row):
            assert y == d == (0.0 if draw() < rate else x * (1.0 / (1.0 - rate)))


def test_dropout_leaves_the_mean_as_it_is():
    layer = nn.Dropout(0.3)
    ones = [[1.0] * 100 for _ in range(200)]
    Y = layer.forward(ones, training=True)
    kept = [y for row in Y for y in row if y]
    assert set(kept) == {1.0 / 0.7}
    assert sum(kept) / 20_000 == pytest.approx(1.0, abs=0.02)


def test_dropout_does_nothing_when_not_training():
    layer = nn.Dropout(0.9)
    layer.forward(X, training=True)
    assert layer.forward(X) == X
    assert layer.backward(X) == X


def test_dropouts_noise_is_its_seeds():
    layer = nn.Dropout()
    layer.seed_noise(3)
    first = [layer.forward(X, training=True) for _ in range(4)]
    layer.seed_noise(3)
    assert [layer.forward(X, training=True) for _ in range(4)] == first
    assert first[0] != first[1]


# --- normalization ---


@pytest.mark.parametrize("case", TABLE["trained"], ids=lambda c: f"{c['layer']}{c['settings']}")
def test_prelu_and_group_norm_are_pytorchs(case):
    layer = getattr(nn, case["layer"])(**case["settings"])
    layer.build(4, random.Random(0))
    for value in layer.parameters().values():
        value[:] = MAKER.SLOPES[: len(value)]
    close(layer.forward(MAKER.GROUPS, True), case["y"])
    close(layer.backward(MAKER.GROUPS_DY), case["dx"])
    close(list(layer.gradients().values()), case["gradients"])


def close(found, wanted):
    for row, wanted_row in zip(found, wanted):
        assert row == pytest.approx(wanted_row, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    "case", TABLE["normalizations"], ids=lambda c: f"{c['layer']}-{c['training']}"
)
def test_normalizations_are_pytorchs(case):
    layer = getattr(nn, case["layer"])(3)
    layer.build(3, random.Random(0))
    layer.gamma[:], layer.beta[:] = MAKER.GAMMA, MAKER.BETA
    layer.forward(MAKER.BATCH, training=True)
    found = {"y": layer.forward(MAKER.BATCH, case["training"]), "dx": layer.backward(MAKER.DY)}
    found["dgamma"], found["dbeta"] = layer.gradients().values()
    found.update(layer.buffers())
    assert set(found) == set(case) - {"layer", "training"}
    for name, value in found.items():
        for row, wanted in zip(
            value if isinstance(value[0], list) else [value],
            case[name] if isinstance(case[name][0], list) else [case[name]],
        ):
            assert row == pytest.approx(wanted, rel=1e-12, abs=1e-14), name


@given(st.integers(0, 10**6), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_layer_norm_makes_each_row_of_mean_0_and_size_1_whatever_its_scale(seed, factor, shift):
    rng = random.Random(seed)
    rows = [[factor * rng.gauss(0, 1) + shift for _ in range(6)] for _ in range(3)]
    for y in nn.LayerNorm(6, eps=1e-12).forward(rows):
        assert sum(y) / 6 == pytest.approx(0.0, abs=1e-9)
        assert sum(v * v for v in y) / 6 == pytest.approx(1.0, rel=1e-3)


@given(st.integers(0, 10**6))
def test_batch_norm_makes_each_column_of_mean_0_and_size_1(seed):
    rng = random.Random(seed)
    rows = [[rng.uniform(-9, 9) for _ in range(3)] for _ in range(5)]
    for column in zip(*nn.BatchNorm(3, eps=1e-12).forward(rows, training=True)):
        assert sum(column) / 5 == pytest.approx(0.0, abs=1e-12)
        assert sum(v * v for v in column) / 5 == pytest.approx(1.0, rel=1e-6)


def test_batch_norms_running_averages_tend_to_the_batchs_and_only_in_training():
    layer = nn.BatchNorm(3)
    for _ in range(300):
        layer.forward(X, training=True)
    means = [sum(column) / 3 for column in zip(*X)]
    unbiased = [sum((x - m) ** 2 for x in column) / 2 for column, m in zip(zip(*X), means)]
    assert layer.running_mean == pytest.approx(means, rel=1e-9)
    assert layer.running_variance == pytest.approx(unbiased, rel=1e-9)
    kept = copy.deepcopy(layer.buffers())
    layer.forward([[100.0] * 3] * 2)
    assert layer.buffers() == kept


def test_a_column_or_row_that_is_all_one_value_is_normalized_to_0():
    assert nn.BatchNorm(1).forward([[5.0], [5.0]], training=True) == [[0.0], [0.0]]
    assert nn.LayerNorm(2).forward([[5.0, 5.0]]) == [[0.0, 0.0]]


def test_a_normalization_may_learn_its_columns_from_what_comes_before_or_first():
    for kind in NORMALIZATION_LAYERS:
        assert nn.Sequential(nn.Dense(2, 5), kind()).layers[1].columns == 5
        layer = kind()
        layer.forward(X)
        assert layer.columns == 3


# --- the contract, for layers of other people ---


class Doubled(Layer):
    """A layer as a user may write one, of inputs that its outputs do not tell."""

    inputs = 2

    def build(self, inputs, rng):
        return 4

    def forward(self, X, training=False):
        return [[*row, *row] for row in X]

    def backward(self, dY, wants_dX=True):
        return [[a + b for a, b in zip(row[:2], row[2:])] for row in dY]


class Cube(Activation):
    """An activation as a user may write one."""

    function = staticmethod(lambda x: x**3)
    derivative = staticmethod(lambda x, y: 3.0 * x * x)


def test_layers_of_users_fit_in():
    model = nn.Sequential(Doubled(), Cube(), nn.Dense(4, 1))
    assert (model.inputs, model.outputs) == (2, 1)
    assert shape(model.predict([[1, 2], [3, 4]])) == (2, 1)
    assert nn.gradcheck(model, "mse", [[0.5, -1.0], [1.0, 2.0]], [[1.0], [0.0]])
    assert repr(model) == "Sequential(Doubled(), Cube(), Dense(4, 1))"


def test_a_layer_that_says_nothing_says_so():
    for call in (lambda: Layer().forward(X), lambda: Layer().backward(X)):
        with pytest.raises(NotImplementedError):
            call()
    assert Layer().build(3, random.Random(0)) == 3
    assert (
        Layer().parameters() == Layer().gradients() == Layer().buffers() == Layer().shapes() == {}
    )
    assert Layer().settings() == {}
    assert repr(Layer()) == "Layer()"
