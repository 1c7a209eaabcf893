"""Initializers: shapes, bounds, variances, and the same weights from the same seed."""

from __future__ import annotations

import json
import random
from math import sqrt

import pytest
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn import initializers
from tinynn.errors import FormatError, SettingError
from tinynn.lesson.initializers import (
    INITIALIZERS,
    Constant,
    Initializer,
    Normal,
    Uniform,
    Zeros,
    by_name,
    from_dict,
)
from tinynn.lesson.random_streams import numpy_legacy_stream

sizes = st.integers(1, 12)
seeds = st.integers(0, 2**32 - 1)
names = st.sampled_from(sorted(INITIALIZERS))
# Variance of a weight of a layer of n inputs and m outputs.
VARIANCES = {
    "uniform": lambda n, m: 1 / 3,
    "normal": lambda n, m: 0.05**2,
    "glorot_uniform": lambda n, m: 2 / (n + m),
    "glorot_normal": lambda n, m: 2 / (n + m),
    "he_uniform": lambda n, m: 2 / n,
    "he_normal": lambda n, m: 2 / n,
    "lecun_uniform": lambda n, m: 1 / n,
    "lecun_normal": lambda n, m: 1 / n,
}


@given(names, sizes, sizes, seeds)
def test_shape_and_seed_fix_the_weights(name, inputs, outputs, seed):
    initializer = by_name(name)
    W = initializer(inputs, outputs, random.Random(seed))
    assert len(W) == inputs and all(len(row) == outputs for row in W)
    assert all(type(w) is float for row in W for w in row)
    assert initializer(inputs, outputs, random.Random(seed)) == W
    assert len({id(row) for row in W}) == inputs  # no row is there twice


@given(names, sizes, sizes, seeds)
def test_the_global_random_stream_is_left_alone(name, inputs, outputs, seed):
    before = random.getstate()
    by_name(name)(inputs, outputs, random.Random(seed))
    assert random.getstate() == before


@given(st.sampled_from([n for n in VARIANCES if "uniform" in n]), sizes, sizes, seeds)
def test_uniform_weights_keep_their_bounds(name, inputs, outputs, seed):
    a = sqrt(3 * VARIANCES[name](inputs, outputs))  # Var(U(−a, a)) = a² / 3
    W = by_name(name)(inputs, outputs, random.Random(seed))
    assert all(abs(w) <= a * (1 + 1e-15) for row in W for w in row)


@pytest.mark.parametrize("name", VARIANCES)
@pytest.mark.parametrize(("inputs", "outputs"), [(40, 250), (250, 40)])
def test_mean_and_variance_are_those_of_the_formula(name, inputs, outputs):
    variance = VARIANCES[name](inputs, outputs)
    W = by_name(name)(inputs, outputs, random.Random(1))
    drawn = [w for row in W for w in row]
    mean = sum(drawn) / len(drawn)
    # Five standard errors of 10,000 draws; that of the variance is the normal distribution's.
    assert abs(mean) < 5 * sqrt(variance / len(drawn))
    found = sum((w - mean) ** 2 for w in drawn) / len(drawn)
    assert abs(found / variance - 1) < 5 * sqrt(2 / len(drawn))


@pytest.mark.parametrize("name", [n for n in VARIANCES if "normal" in n])
def test_normal_weights_have_the_tails_of_a_normal_distribution(name):
    W = by_name(name)(100, 100, random.Random(1))
    std = sqrt(VARIANCES[name](100, 100))
    within = [sum(abs(w) < k * std for row in W for w in row) / 10_000 for k in (1, 2, 3)]
    assert within == pytest.approx([0.6827, 0.9545, 0.9973], abs=0.02)


def test_uniform_is_the_original_programs_start():
    # numpy.random.seed(1); 2 * numpy.random.random((3, 1)) - 1
    W = Uniform()(3, 1, numpy_legacy_stream(1))
    assert W == [[-0.165955990594852], [0.4406489868843162], [-0.9997712503653102]]


def test_weights_are_drawn_row_by_row():
    rng = random.Random(7)
    drawn = [2 * rng.random() - 1 for _ in range(6)]
    assert Uniform()(2, 3, random.Random(7)) == [drawn[:3], drawn[3:]]


def test_weights_equal_pytorchs_in_distribution():
    torch = pytest.importorskip("torch")
    init = torch.nn.init
    for name, fill in {
        "glorot_uniform": init.xavier_uniform_,
        "glorot_normal": init.xavier_normal_,
        "he_uniform": lambda W: init.kaiming_uniform_(W, nonlinearity="relu"),
        "he_normal": lambda W: init.kaiming_normal_(W, nonlinearity="relu"),
        "lecun_uniform": lambda W: init.kaiming_uniform_(W, nonlinearity="linear"),
        "lecun_normal": lambda W: init.kaiming_normal_(W, nonlinearity="linear"),
    }.items():
        torch.manual_seed(1)
        theirs = fill(torch.empty(250, 40, dtype=torch.float64))  # PyTorch: outputs × inputs
        assert float(theirs.std()) == pytest.approx(sqrt(VARIANCES[name](40, 250)), rel=0.03)


def test_zeros_and_constant_draw_nothing():
    rng = random.Random(1)
    before = rng.getstate()
    assert Zeros()(2, 3, rng) == [[0.0] * 3] * 2
    assert Constant(0.5)(2, 3, rng) == [[0.5] * 3] * 2
    assert rng.getstate() == before


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


@given(sizes, sizes, st.floats(0.1, 3), seeds)
def test_orthogonal_rows_or_columns_are(inputs, outputs, gain, seed):
    W = nn.initializers.Orthogonal(gain)(inputs, outputs, random.Random(seed))
    vectors = W if inputs <= outputs else list(zip(*W))
    for i, a in enumerate(vectors):
        for j, b in enumerate(vectors):
            wanted = gain * gain if i == j else 0.0
            assert dot(a, b) == pytest.approx(wanted, rel=1e-12, abs=1e-12)


def test_an_orthogonal_layer_keeps_lengths():
    layer = nn.Dense(5, 5, "orthogonal")
    layer.build(None, random.Random(3))
    x = [0.3, -2.0, 1.0, 0.0, 4.0]
    (y,) = layer.forward([x])
    assert dot(y, y) == pytest.approx(dot(x, x), rel=1e-12)


def test_orthogonal_matrices_are_evenly_spread():
    # The first column of a random orthogonal matrix of two is a random direction.
    signs = [0, 0, 0, 0]
    for seed in range(2000):
        W = by_name("orthogonal")(2, 2, random.Random(seed))
        signs[2 * (W[0][0] > 0) + (W[0][1] > 0)] += 1
    assert all(420 < count < 580 for count in signs)


@given(st.floats(-5, 5), st.floats(0.01, 3), st.floats(0.2, 4), seeds)
def test_truncated_normal_weights_have_no_tails(mean, std, cut, seed):
    W = nn.initializers.TruncatedNormal(mean, std, cut)(10, 10, random.Random(seed))
    assert all(abs(w - mean) <= std * cut * (1 + 1e-12) for row in W for w in row)


def test_truncated_normal_weights_are_kerass_in_distribution():
    # Of a normal distribution cut at 2, the standard deviation is 0.8796.
    W = nn.initializers.TruncatedNormal(0.0, 1.0)(200, 200, random.Random(1))
    drawn = [w for row in W for w in row]
    assert abs(sum(drawn) / len(drawn)) < 0.02
    assert sqrt(dot(drawn, drawn) / len(drawn)) == pytest.approx(0.87962566, rel=0.01)


finite = st.floats(-1e6, 1e6)
any_initializer = st.one_of(
    names.map(by_name),
    st.builds(lambda low, width: Uniform(low, low + width), finite, st.floats(1, 10)),
    st.builds(Normal, finite, st.floats(1e-6, 10)),
    st.builds(Constant, finite),
    st.builds(nn.initializers.Orthogonal, finite),
    st.builds(nn.initializers.TruncatedNormal, finite, st.floats(1e-6, 10), st.floats(0.1, 9)),
)


@given(any_initializer)
def test_settings_rebuild_the_initializer(initializer):
    assert type(initializer)(**initializer.settings()) == initializer
    assert eval(repr(initializer), vars(initializers)) == initializer
    assert from_dict(json.loads(json.dumps(initializer.to_dict()))) == initializer
    assert INITIALIZERS[initializer.name] is type(initializer)
    assert by_name(initializer) is initializer


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: by_name("glorot"),
            "initializer needs to be one of 'uniform', 'normal', 'glorot_uniform', "
            "'glorot_normal', 'he_uniform', 'he_normal', 'lecun_uniform', 'lecun_normal', "
            "'zeros', 'constant', 'truncated_normal', 'orthogonal' or an "
            "object of class Initializer, got 'glorot'; "
            "did you mean 'glorot_normal'?",
        ),
        (
            lambda: Uniform(1, -1),
            "Uniform needs high - low to be a finite number, above 0, got -2.0; did you mean 2?",
        ),
        (
            lambda: Uniform(-1e308, 1e308),
            "Uniform needs high - low to be a finite number, above 0, got inf",
        ),
        (
            lambda: Uniform("-1"),
            "Uniform needs low to be a finite number, got '-1'; did you mean -1, without quotes?",
        ),
        (lambda: Normal(std=0), "Normal needs std to be a finite number, above 0, got 0"),
        (
            lambda: nn.initializers.TruncatedNormal(cut=0),
            "TruncatedNormal needs cut to be a finite number, at least 0.1, got 0",
        ),
        (lambda: Constant(None), "Constant needs value to be a finite number, got None"),
        (
            lambda: by_name("he_uniform")(0, 3, random.Random(1)),
            "HeUniform needs inputs to be a whole number, at least 1, got 0",
        ),
        (
            lambda: Zeros()(3, 2.0, random.Random(1)),
            "Zeros needs outputs to be a whole number, at least 1, got 2.0; did you mean 2?",
        ),
    ],
)
def test_bad_settings_are_named_with_their_mend(make, message):
    with pytest.raises(SettingError) as error:
        make()
    assert str(error.value) == message


def test_a_saved_form_with_other_settings_is_refused():
    with pytest.raises(FormatError) as error:
        from_dict({"type": "zeros", "value": 1.0})
    assert str(error.value) == (
        "a saved initializer of type 'zeros' needs the settings of its constructor, got 'value'"
    )


def test_what_the_base_class_leaves_open():
    with pytest.raises(NotImplementedError):
        Initializer()(1, 1, random.Random(1))
