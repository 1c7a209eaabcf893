"""One-hot rows and scalers: there and back again, in pieces or at once, and through JSON."""

from __future__ import annotations

import json
from math import fsum

import pytest
from hypothesis import given, strategies as st

from tinynn.data import MinMaxScaler, StandardScaler, class_numbers, load_iris, one_hot
from tinynn.errors import DataError, FormatError, SettingError, ShapeError


def tables(minimum=-1e6, maximum=1e6, min_size=1):
    number = st.floats(minimum, maximum)
    return st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(number, min_size=width, max_size=width), min_size=min_size, max_size=20
        )
    )


def close(a, b, scale):
    return all(abs(x - y) <= scale for p, q in zip(a, b) for x, y in zip(p, q))


# --- one-hot and class numbers --------------------------------------------------------------------


@given(st.lists(st.integers(0, 6), min_size=1))
def test_class_numbers_undo_one_hot(numbers):
    rows = one_hot(numbers, classes=7)
    assert all(len(row) == 7 and sum(row) == 1.0 and set(row) == {0.0, 1.0} for row in rows)
    assert class_numbers(rows) == numbers
    assert len(one_hot(numbers)[0]) == max(numbers) + 1


def test_whole_numbers_of_any_type_are_class_numbers():
    np = pytest.importorskip("numpy")
    expected = [[0.0, 1.0], [1.0, 0.0]]
    for numbers in ([1.0, 0.0], [True, False], np.array([1, 0]), list(np.array([1, 0])), (1, 0)):
        assert one_hot(numbers) == expected


def test_one_column_is_a_probability():
    assert class_numbers([[0.5], [0.6], [0.0], [1.0]]) == [0, 1, 0, 1]


@pytest.mark.parametrize(
    "error, call, words",
    [
        (
            DataError,
            lambda: one_hot([0, 1.5]),
            "class numbers need to be whole numbers, at least 0, got 1.5 in row 1",
        ),
        (
            DataError,
            lambda: one_hot([0, 3], classes=3),
            "class numbers need to be whole numbers, from 0 to 2, got 3 in row 1",
        ),
        (
            DataError,
            lambda: one_hot([-1]),
            "class numbers need to be whole numbers, at least 0, got -1 in row 0",
        ),
        (
            DataError,
            lambda: one_hot(["cat"]),
            "class numbers need numbers, got the text 'cat' in row 0; encode text as numbers first",
        ),
        (ShapeError, lambda: one_hot([]), "class numbers need at least one row, got none"),
        (
            SettingError,
            lambda: one_hot([0], classes=0),
            "one_hot needs classes to be a whole number, at least 1, got 0",
        ),
        (
            DataError,
            lambda: class_numbers([[0], [2]]),
            "rows in one column need probabilities from 0 to 1, got 2.0 in row 1; "
            "give class numbers as a flat list",
        ),
    ],
)
def test_encoding_refuses_in_whole_sentences(error, call, words):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == words


# --- scalers --------------------------------------------------------------------------------------


@given(tables())
def test_standard_columns_have_mean_0_and_deviation_1_or_0(table):
    scaler = StandardScaler()
    Z = scaler.fit_transform(table)
    for j, column in enumerate(zip(*Z)):
        n = len(column)
        mean = fsum(column) / n
        deviation = (fsum((z - mean) ** 2 for z in column) / n) ** 0.5
        if scaler.scale[j] == 1.0 and scaler.variance[j] < 0.5:  # constant: only shifted
            assert deviation <= 1e-8
        else:
            assert abs(mean) <= 1e-7
            assert deviation == pytest.approx(1.0, abs=1e-7)
    assert close(scaler.inverse_transform(Z), table, 1e-8)


@given(tables(), st.floats(-5, 5), st.floats(0.1, 10))
def test_min_max_columns_fill_the_range(table, low, width):
    scaler = MinMaxScaler((low, low + width))
    Y = scaler.fit_transform(table)
    for j, column in enumerate(zip(*Y)):
        assert min(column) == low
        if scaler.minimum[j] < scaler.maximum[j]:
            assert max(column) == pytest.approx(low + width, abs=1e-12)
        else:
            assert max(column) == low
    assert close(scaler.inverse_transform(Y), table, 1e-8)


@given(tables(min_size=2), st.data())
def test_pieces_of_a_stream_are_learned_as_if_at_once(table, data):
    cut = data.draw(st.integers(1, len(table) - 1))
    whole = StandardScaler().fit(table)
    parts = StandardScaler().partial_fit(table[:cut]).partial_fit(table[cut:])
    assert parts.count == whole.count == len(table)
    assert parts.mean == pytest.approx(whole.mean, rel=1e-12, abs=1e-9)
    assert parts.variance == pytest.approx(whole.variance, rel=1e-9, abs=1e-6)
    low = MinMaxScaler().partial_fit(table[:cut]).partial_fit(table[cut:])
    assert low.to_dict() == MinMaxScaler().fit(table).to_dict()


def test_fit_forgets_what_was_learned_before():
    for scaler in (StandardScaler(), MinMaxScaler()):
        once = type(scaler)().fit([[1.0], [2.0]]).to_dict()
        assert scaler.fit([[100.0, 7.0], [-5.0, 7.0]]).fit([[1.0], [2.0]]).to_dict() == once


@given(tables(-1e3, 1e3, min_size=2))
def test_scalers_agree_with_scikit_learn(table):
    np = pytest.importorskip("numpy")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    table = [[round(x, 3) for x in row] for row in table]  # spreads too small to tell from rounding
    ours, theirs = StandardScaler().fit(table), preprocessing.StandardScaler().fit(table)
    assert ours.mean == pytest.approx(theirs.mean_, abs=1e-9)
    assert ours.scale == pytest.approx(theirs.scale_, rel=1e-9)
    assert np.allclose(ours.transform(table), theirs.transform(table), atol=1e-8)
    ours, theirs = MinMaxScaler((-1, 1)), preprocessing.MinMaxScaler((-1, 1))
    assert np.allclose(ours.fit_transform(table), theirs.fit_transform(table), atol=1e-9)


def test_standard_scaler_on_iris():
    """scikit-learn 1.9.1, StandardScaler().fit(load_iris().data): mean_, scale_, first row."""
    inputs = load_iris().inputs
    scaler = StandardScaler().fit(inputs)
    assert scaler.mean == pytest.approx(IRIS_MEAN, rel=1e-14)
    assert scaler.scale == pytest.approx(IRIS_SCALE, rel=1e-14)
    assert scaler.transform(inputs)[0] == pytest.approx(IRIS_FIRST, rel=1e-13)


IRIS_MEAN = [
    5.843333333333335,
    3.057333333333334,
    3.7580000000000027,
    1.199333333333334,
]
IRIS_SCALE = [
    0.8253012917851409,
    0.43441096773549437,
    1.7594040657753032,
    0.7596926279021594,
]
IRIS_FIRST = [
    -0.9006811702978099,
    1.0190043519716065,
    -1.3402265266227635,
    -1.3154442950077407,
]


def test_large_offsets_do_not_swallow_the_variance():
    """Two passes: the variance of 4, 7, 13, 16 is 22.5, also a billion further up."""
    table = [[1e9 + x] for x in (4, 7, 13, 16)]
    assert StandardScaler().fit(table).variance == [22.5]
    streamed = StandardScaler()
    for row in table:
        streamed.partial_fit([row])
    assert streamed.variance == pytest.approx([22.5], rel=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e15, 1e-300])
def test_constant_columns_are_only_shifted(value):
    table = [[value]] * 7
    assert StandardScaler().fit(table).scale == [1.0]
    for scaler in (StandardScaler(), MinMaxScaler()):
        assert close(scaler.fit_transform(table), [[0.0]] * 7, 1.0 if value == 1e15 else 1e-12)
        assert scaler.inverse_transform(scaler.transform(table))[0] == pytest.approx([value])
    assert MinMaxScaler((2, 3)).fit_transform(table) == [[2.0]] * 7


def test_a_spread_no_larger_than_rounding_is_constant():
    """scikit-learn 1.9.1, StandardScaler().fit(column).scale_: [1.] for both columns."""
    for column in ([[1.0], [1.0 + 2**-52]], [[1e8], [1e8 + 2**-26], [1e8]]):
        scaler = StandardScaler().fit(column)
        assert scaler.variance[0] > 0.0
        assert scaler.scale == [1.0]
        assert StandardScaler.from_dict(scaler.to_dict()).scale == [1.0]


@given(tables())
def test_the_state_survives_json_exactly(table):
    for scaler in (StandardScaler().fit(table), MinMaxScaler((-1, 2)).fit(table)):
        state = json.loads(json.dumps(scaler.to_dict()))
        again = type(scaler).from_dict(state)
        assert again.to_dict() == scaler.to_dict()
        assert again.transform(table) == scaler.transform(table)
        assert again.partial_fit(table).to_dict() == scaler.partial_fit(table).to_dict()


def test_an_unfitted_scaler_survives_too():
    for scaler in (StandardScaler(), MinMaxScaler()):
        again = type(scaler).from_dict(scaler.to_dict())
        assert again.to_dict() == scaler.to_dict()
        assert repr(again) == repr(scaler)
    assert repr(MinMaxScaler((0, 2))) == "MinMaxScaler(feature_range=(0.0, 2.0))"
    assert repr(StandardScaler()) == "StandardScaler()"


@pytest.mark.parametrize(
    "error, call, words",
    [
        (
            SettingError,
            lambda: StandardScaler().transform([[1]]),
            "StandardScaler needs fit(inputs) before it can transform",
        ),
        (
            SettingError,
            lambda: MinMaxScaler().inverse_transform([[1]]),
            "MinMaxScaler needs fit(inputs) before it can transform",
        ),
        (
            ShapeError,
            lambda: StandardScaler().fit([[1, 2]]).transform([[1]]),
            "StandardScaler needs 2 columns, as in fit, got 1",
        ),
        (
            ShapeError,
            lambda: MinMaxScaler().fit([[1, 2]]).partial_fit([[1]]),
            "MinMaxScaler needs 2 columns, as in fit, got 1",
        ),
        (
            DataError,
            lambda: StandardScaler().fit([[0, 1e200], [0, -1e200]]),
            "StandardScaler needs columns whose variance fits a float, "
            "got values too far apart in column 1; scale it down first",
        ),
        (
            DataError,
            lambda: StandardScaler().fit([[1.7e308], [1.7e308]]),
            "StandardScaler needs columns whose variance fits a float, "
            "got values too far apart in column 0; scale it down first",
        ),
        (
            DataError,
            lambda: MinMaxScaler().fit([[1.7e308], [-1.7e308]]),
            "MinMaxScaler needs columns whose range fits a float, "
            "got values too far apart in column 0; scale it down first",
        ),
        (
            SettingError,
            lambda: MinMaxScaler((1, 1)),
            "MinMaxScaler needs a range (lo, hi) with lo < hi, got (1, 1)",
        ),
        (
            FormatError,
            lambda: StandardScaler.from_dict({"kind": "MinMaxScaler"}),
            "StandardScaler needs a state of \"kind\" 'StandardScaler', got 'MinMaxScaler'",
        ),
        (
            FormatError,
            lambda: StandardScaler.from_dict([1]),
            "StandardScaler needs a state of \"kind\" 'StandardScaler', got 'list'",
        ),
        (
            FormatError,
            lambda: StandardScaler.from_dict({"kind": "StandardScaler", "count": 1}),
            "StandardScaler needs 'mean' in its state, got only ['count', 'kind']",
        ),
        (
            FormatError,
            lambda: StandardScaler.from_dict(
                {"kind": "StandardScaler", "count": 1, "mean": [1.0], "variance": []}
            ),
            "StandardScaler needs lists of equal length for mean and variance",
        ),
        (
            FormatError,
            lambda: StandardScaler.from_dict(
                {"kind": "StandardScaler", "count": 0, "mean": [1.0], "variance": [1.0]}
            ),
            "StandardScaler needs a count that matches its columns, got 0",
        ),
        (
            FormatError,
            lambda: StandardScaler.from_dict(
                {"kind": "StandardScaler", "count": 2, "mean": [1.0], "variance": [-1.0]}
            ),
            "StandardScaler needs variances of at least 0, got a negative one",
        ),
        (
            FormatError,
            lambda: StandardScaler.from_dict(
                {"kind": "StandardScaler", "count": 2, "mean": ["1"], "variance": [1.0]}
            ),
            "StandardScaler columns need numbers, got the text '1' in row 0; "
            "convert it with float() first",
        ),
        (
            FormatError,
            lambda: MinMaxScaler.from_dict(
                {"kind": "MinMaxScaler", "feature_range": [1], "minimum": [], "maximum": []}
            ),
            "MinMaxScaler needs a range [lo, hi] with lo < hi, got [1]",
        ),
        (
            FormatError,
            lambda: MinMaxScaler.from_dict(
                {"kind": "MinMaxScaler", "feature_range": [0, 1], "minimum": [2], "maximum": [1]}
            ),
            "MinMaxScaler needs each minimum to be at most its maximum, got a larger one",
        ),
    ],
)
def test_scalers_refuse_in_whole_sentences(error, call, words):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == words


def test_a_refused_piece_leaves_the_scaler_as_it_was():
    for scaler in (StandardScaler(), MinMaxScaler()):
        before = scaler.fit([[1.0, 2.0], [3.0, 5.0]]).to_dict()
        for bad in ([[1.0]], [[1.0, float("nan")]], [[-1.7e308, 0.0], [1.7e308, 0.0]]):
            with pytest.raises(ValueError):
                scaler.partial_fit(bad)
            assert scaler.to_dict() == before
