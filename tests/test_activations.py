"""Activations: values from other libraries, stable at the extremes, derivatives that are theirs."""

from __future__ import annotations

import json
import math
import sys
from functools import partial

import pytest
from golden_tables import load_maker, load_table
from hypothesis import example, given, strategies as st

import tinynn as nn
from tinynn import activations
from tinynn.lesson.network import KINDS

TABLE = load_table("functions")
LARGEST = sys.float_info.max

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
WIDE = st.floats(-1.7e308, 1.7e308)  # where SELU, which stretches by 1.05, stays finite
ROWS = st.lists(FLOATS, min_size=1, max_size=8)

# name: (function, derivative, lowest value, highest value)
FUNCTIONS = {
    "linear": (activations.linear, activations.linear_derivative, -LARGEST, LARGEST),
    "sigmoid": (activations.sigmoid, activations.sigmoid_derivative, 0.0, 1.0),
    "tanh": (activations.tanh, activations.tanh_derivative, -1.0, 1.0),
    "relu": (activations.relu, activations.relu_derivative, 0.0, LARGEST),
    "leaky_relu": (activations.leaky_relu, activations.leaky_relu_derivative, -LARGEST, LARGEST),
    "elu": (activations.elu, activations.elu_derivative, -1.0, LARGEST),
    "selu": (activations.selu, activations.selu_derivative, nn.SELU.low, math.inf),
    "gelu": (activations.gelu, activations.gelu_derivative, nn.GELU.low, LARGEST),
    "softplus": (activations.softplus, activations.softplus_derivative, 0.0, LARGEST),
    "silu": (activations.silu, activations.silu_derivative, nn.SiLU.low, LARGEST),
}
# Where a function is monotone: everywhere, but for two that dip below 0 first.
LOWEST_AT = {"gelu": -0.7517915246935645, "silu": -1.278464542761074}

every_function = pytest.mark.parametrize("name", FUNCTIONS)


MAKER = load_maker("functions")


def label(case):
    settings = ",".join(f"{key}={value}" for key, value in case.get("settings", {}).items())
    return f"{case['layer']}({settings})"


# --- values from elsewhere ---

# What the comments "expected output" in ONNX's operator tests say for -1, 0 and 1 (the files
# onnx/backend/test/case/node/{sigmoid,tanh,leakyrelu,elu,selu,gelu,softplus}.py of ONNX 1.23.2).
ONNX_VALUES = [
    (activations.sigmoid, [0.26894143, 0.5, 0.7310586]),
    (activations.tanh, [-0.76159418, 0.0, 0.76159418]),
    (partial(activations.leaky_relu, negative_slope=0.1), [-0.1, 0.0, 1.0]),
    (partial(activations.elu, alpha=2.0), [-1.2642411, 0.0, 1.0]),
    (activations.gelu, [-0.15865526, 0.0, 0.84134474]),
    (activations.softplus, [0.31326166, 0.69314718, 1.31326163]),
]


@pytest.mark.parametrize(("function", "values"), ONNX_VALUES)
def test_values_at_minus_1_0_and_1_are_onnxs(function, values):
    assert [function(z) for z in (-1.0, 0.0, 1.0)] == pytest.approx(values, rel=1e-6, abs=0)


def test_selu_is_onnxs_formula_with_its_own_constants():
    # onnx/backend/test/case/node/selu.py, export_selu_default: the constants in single precision
    alpha, gamma = 1.67326319217681884765625, 1.05070102214813232421875
    wanted = [math.expm1(-1.0) * alpha * gamma, 0.0, gamma]
    assert [activations.selu(z) for z in (-1.0, 0.0, 1.0)] == pytest.approx(wanted, rel=1e-6, abs=0)


def test_silu_is_onnxs_swish():
    # onnx/backend/test/case/node/swish.py: x * (1 / (1 + exp(-alpha * x))) at 3, 4, 5
    wanted = [x * (1 / (1 + math.exp(-x))) for x in (3.0, 4.0, 5.0)]
    assert [activations.silu(x) for x in (3.0, 4.0, 5.0)] == pytest.approx(wanted, rel=1e-15)


def test_rows_are_onnxs():
    # onnx/backend/test/case/node/{softmax,logsoftmax}.py of ONNX 1.23.2
    softmax, log_softmax = activations.softmax, activations.log_softmax
    wanted = [0.09003058, 0.24472848, 0.66524094]
    assert softmax([-1.0, 0.0, 1.0]) == pytest.approx(wanted, rel=1e-6)
    wanted = [-2.4076061, -1.407606, -0.407606]
    assert log_softmax([-1.0, 0.0, 1.0]) == pytest.approx(wanted, rel=1e-6)
    for z in ([0.0, 1.0, 2.0, 3.0], [10000.0, 10001.0, 10002.0, 10003.0]):
        wanted = [0.032058604, 0.08714432, 0.23688284, 0.6439143]
        assert softmax(z) == pytest.approx(wanted, rel=1e-6)
        wanted = [-3.4401896, -2.4401896, -1.4401896, -0.44018966]
        assert log_softmax(z) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("case", TABLE["activations"], ids=label)
def test_values_and_derivatives_are_pytorchs(case):
    layer = getattr(nn, case["layer"])(**case["settings"])
    Y = layer.forward([MAKER.Z])
    assert Y[0] == pytest.approx(case["y"], rel=1e-12, abs=1e-15)
    dX = layer.backward([[1.0] * len(MAKER.Z)])
    assert dX[0] == pytest.approx(case["dy"], rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("case", TABLE["rows"], ids=label)
def test_rows_and_their_derivatives_are_pytorchs(case):
    layer = getattr(nn, case["layer"])()
    Y = layer.forward(MAKER.ROWS)
    dZ = layer.backward([MAKER.DOWN] * len(MAKER.ROWS))
    for found, wanted in zip(Y + dZ, case["y"] + case["dz"]):
        assert found == pytest.approx(wanted, rel=1e-12, abs=1e-15)


def test_pytorch_still_says_what_the_table_says():
    pytest.importorskip("torch")
    made = json.loads(json.dumps(MAKER.make()))
    assert_same(made, TABLE)


def assert_same(made, kept):
    """Assert that two tables are equal but for the last bits of their floats."""
    if isinstance(kept, dict):
        assert list(made) == list(kept)
        for key in kept:
            assert_same(made[key], kept[key])
    elif isinstance(kept, list):
        assert len(made) == len(kept)
        for one, other in zip(made, kept):
            assert_same(one, other)
    elif isinstance(kept, float):
        assert made == pytest.approx(kept, rel=1e-12, abs=1e-14)
    else:
        assert made == kept


# --- the extremes ---


@every_function
@given(z=FLOATS)
@example(z=LARGEST)
@example(z=-LARGEST)
@example(z=5e-324)
@example(z=-5e-324)
@example(z=-0.0)
@example(z=710.0)  # math.exp(710) raises
@example(z=-745.2)
def test_every_value_and_derivative_is_finite_and_within_its_range(name, z):
    function, derivative, low, high = FUNCTIONS[name]
    y = function(z)
    assert low <= y <= high
    assert math.isfinite(y) or (name == "selu" and z > LARGEST / 1.051)
    assert math.isfinite(derivative(z, y))


@every_function
@given(pair=st.tuples(WIDE, WIDE) | st.tuples(st.floats(-40, 40), st.floats(-40, 40)))
def test_where_a_function_rises_it_never_falls(name, pair):
    function = FUNCTIONS[name][0]
    smaller, larger = sorted(pair)
    turn = LOWEST_AT.get(name, -math.inf)
    if smaller < turn < larger:
        return
    rises = function(larger) - function(smaller)
    assert (rises if smaller >= turn else -rises) >= -4e-16 * max(1.0, abs(function(smaller)))


@every_function
@given(z=st.floats(-30, 30))
def test_derivatives_are_what_differences_tend_to(name, z):
    function, derivative, _, _ = FUNCTIONS[name]
    h = 1e-6
    if abs(z) < 2 * h:
        return  # a kink, for some
    difference = (function(z + h) - function(z - h)) / (2 * h)
    assert derivative(z, function(z)) == pytest.approx(difference, rel=1e-6, abs=1e-8)


@given(z=st.floats(-20, 20), setting=st.floats(-3, 3))
def test_derivatives_follow_their_settings(z, setting):
    h = 1e-6
    if abs(z) < 2 * h:
        return
    for f, df in (
        (activations.leaky_relu, activations.leaky_relu_derivative),
        (activations.elu, activations.elu_derivative),
    ):
        difference = (f(z + h, setting) - f(z - h, setting)) / (2 * h)
        assert df(z, f(z, setting), setting) == pytest.approx(difference, rel=1e-6, abs=1e-8)


@every_function
def test_what_is_not_a_number_stays_so(name):
    function = FUNCTIONS[name][0]
    assert math.isnan(function(math.nan))


@given(st.floats(-700, 700))
def test_symmetries(z):
    assert activations.sigmoid(-z) == pytest.approx(1.0 - activations.sigmoid(z), abs=2.3e-16)
    difference = activations.softplus(z) - activations.softplus(-z)
    assert difference == pytest.approx(z, rel=1e-15, abs=3e-16)
    assert activations.gelu(z) - activations.gelu(-z) == pytest.approx(z, rel=1e-15, abs=1e-300)
    assert activations.silu(z) - activations.silu(-z) == pytest.approx(z, rel=1e-15, abs=1e-300)


def test_the_lowest_values_of_gelu_and_silu_are_where_their_derivatives_vanish():
    for name, z in LOWEST_AT.items():
        function, derivative, low, _ = FUNCTIONS[name]
        assert derivative(z, function(z)) == pytest.approx(0.0, abs=1e-15)
        assert function(z) == pytest.approx(low, rel=1e-15)


# --- softmax and log-softmax ---


@given(ROWS)
@example([LARGEST, -LARGEST])
@example([-LARGEST] * 3)
def test_softmax_gives_probabilities_whatever_comes(z):
    y = activations.softmax(z)
    assert all(0.0 <= y_i <= 1.0 for y_i in y)
    assert math.fsum(y) == pytest.approx(1.0, abs=1e-15 * len(z))
    assert [y_i for _, y_i in sorted(zip(z, y))] == sorted(y)
    assert all(math.isfinite(d) for d in activations.softmax_backward(y, [1.0] * len(z)))


# Whole numbers, so that adding the shift rounds nothing.
@given(st.lists(st.integers(-50, 50), min_size=1, max_size=8), st.integers(-(10**6), 10**6))
def test_adding_a_number_to_a_whole_row_changes_nothing(z, shift):
    row, shifted = [float(z_i) for z_i in z], [float(z_i + shift) for z_i in z]
    assert activations.softmax(row) == activations.softmax(shifted)
    assert activations.log_softmax(row) == activations.log_softmax(shifted)


@given(st.lists(st.floats(-300, 300), min_size=1, max_size=8))
def test_log_softmax_is_the_log_of_softmax(z):
    found = activations.log_softmax(z)
    for y_i, p_i in zip(found, activations.softmax(z)):
        assert y_i == pytest.approx(math.log(p_i), rel=1e-13, abs=1e-15)


@given(st.lists(st.floats(-1e307, 1e307), min_size=1, max_size=8))
def test_log_softmax_is_finite_also_where_softmax_has_rounded_to_0(z):
    y = activations.log_softmax(z)
    assert all(math.isfinite(y_i) and y_i <= 0.0 for y_i in y)
    assert all(math.isfinite(d) for d in activations.log_softmax_backward(y, [1.0] * len(z)))


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(-2, 2)), min_size=1, max_size=6),
)
def test_row_derivatives_are_what_differences_tend_to(name, pairs):
    function = getattr(activations, name)
    z, dy = [z_i for z_i, _ in pairs], [d for _, d in pairs]
    dz = getattr(activations, f"{name}_backward")(function(z), dy)
    h = 1e-6

    def loss(k, step):
        moved = [z_i + step * (i == k) for i, z_i in enumerate(z)]
        return math.fsum(d * y for d, y in zip(dy, function(moved)))

    for k in range(len(z)):
        difference = (loss(k, h) - loss(k, -h)) / (2 * h)
        assert dz[k] == pytest.approx(difference, rel=1e-6, abs=3e-9)


def test_every_public_name_is_there():
    for name in activations.__all__:
        assert callable(getattr(activations, name))
    named = {name for name in activations.__all__ if not name.endswith(("derivative", "backward"))}
    assert named == {*FUNCTIONS, "softmax", "log_softmax"}


def test_functions_of_classes_are_static():
    """Since Python 3.14, a `functools.partial` in a class is bound like a method."""
    for kind in KINDS.values():
        for name in ("function", "derivative"):
            if issubclass(kind, nn.Activation) and name in vars(kind):
                assert isinstance(vars(kind)[name], staticmethod), (kind, name)
