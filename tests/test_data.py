"""Tables from outside: what is let in, what is refused in which words; iris; made-up sets."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from array import array
from collections import deque
from decimal import Decimal
from fractions import Fraction
from math import cos, fsum, isfinite, pi, sin

import pytest
from hypothesis import given, strategies as st

import tinynn
from tinynn.checks import rows as checked_rows
from tinynn.data import (
    as_list,
    as_rows,
    as_vector,
    blobs,
    circles,
    load_iris,
    moons,
    same_length,
    spirals,
    xor,
)
from tinynn.errors import DataError, SettingError, ShapeError

NAN, INF = float("nan"), float("inf")


def refusal(error, function, *arguments, **settings):
    """Return the whole message with which `function` refuses."""
    with pytest.raises(error) as caught:
        function(*arguments, **settings)
    assert type(caught.value) is error
    return str(caught.value)


# --- tables: what is let in -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "table",
    [
        [[1, 2.0], [True, 0.5]],
        ((1, 2), (1, 0.5)),
        [array("d", [1, 2]), array("d", [1, 0.5])],
        deque([[1, 2], [1, 0.5]]),
        [range(1, 3), (1.0, 0.5)],
        [[Fraction(1), Decimal(2)], [1, Fraction(1, 2)]],
        [memoryview(array("d", [1, 2])), [1, 0.5]],
    ],
)
def test_any_sequence_of_sequences_becomes_lists_of_floats(table):
    rows = as_rows(table)
    assert rows == [[1.0, 2.0], [1.0, 0.5]]
    assert all(type(value) is float for row in rows for value in row)
    assert all(type(row) is list for row in rows)


def test_numpy_arrays_and_scalars_become_lists_of_floats():
    np = pytest.importorskip("numpy")
    expected = [[1.0, 2.0], [3.0, 4.0]]
    for kind in ("float64", "float32", "float16", "int8", "uint64", "object"):
        table = np.array(expected).astype(kind)
        for given_as in (table, list(table), [list(row) for row in table]):
            rows = as_rows(given_as)
            assert rows == expected
            assert all(type(value) is float for row in rows for value in row)
    assert as_rows(np.array([[True, False]])) == [[1.0, 0.0]]
    assert as_rows([[np.bool_(True), np.float32(0.5)]]) == [[1.0, 0.5]]
    assert as_vector(np.array([1, 2]), "weights") == [1.0, 2.0]


def test_data_frames_come_in_through_to_numpy():
    class Frame:
        def to_numpy(self):
            return memoryview(bytearray([1, 2, 3, 4])).cast("B", [2, 2])

    assert as_rows(Frame()) == [[1.0, 2.0], [3.0, 4.0]]


@given(
    st.integers(1, 5).flatmap(
        lambda width: st.lists(
            st.lists(
                st.one_of(
                    st.floats(allow_nan=False, allow_infinity=False),
                    st.integers(-(2**1000), 2**1000),
                    st.booleans(),
                ),
                min_size=width,
                max_size=width,
            ),
            min_size=1,
        )
    )
)
def test_clean_tables_keep_their_values_and_are_never_shared(table):
    before = [list(row) for row in table]
    rows = as_rows(table)
    assert rows == [[float(value) for value in row] for row in table]
    assert table == before
    assert rows is not table and all(a is not b for a, b in zip(rows, table))
    assert as_rows(rows) == rows


@given(st.data())
def test_one_bad_value_is_found_wherever_it_hides(data):
    n, width = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 6))
    finite = st.floats(allow_nan=False, allow_infinity=False)
    table = [[data.draw(finite) for _ in range(width)] for _ in range(n)]
    i, j = data.draw(st.integers(0, n - 1)), data.draw(st.integers(0, width - 1))
    table[i][j] = data.draw(st.sampled_from([NAN, INF, -INF, None, "1", 1j, 10**400, object()]))
    assert f" in row {i}, column {j}" in refusal(DataError, as_rows, table)


numbers = st.one_of(st.floats(-9.0, 9.0), st.integers(-9, 9), st.booleans())
odd = st.sampled_from([NAN, INF, None, "1", 10**400, Fraction(1, 2)])


@given(
    st.lists(
        st.one_of(
            st.lists(numbers, min_size=2, max_size=2),
            st.tuples(numbers, numbers),
            st.tuples(numbers, odd),
            st.lists(numbers, max_size=3),
            odd,
        ),
        max_size=12,
    ),
    st.sampled_from([None, 2, 3]),
)
def test_a_table_checked_in_blocks_is_one_checked_row_by_row(table, columns):
    def outcome():
        try:
            return as_rows(table, "inputs", columns)
        except (ShapeError, DataError) as error:
            return type(error), str(error)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checked_rows, "BLOCK", 5)
        found = outcome()
        patch.setattr(checked_rows, "_plain_rows", lambda table, columns: None)
        assert outcome() == found


def test_finite_values_whose_sum_overflows_are_let_in():
    assert as_rows([[1.7e308, 1.7e308, -1.0]]) == [[1.7e308, 1.7e308, -1.0]]


# --- tables: what is refused, word for word -------------------------------------------------------

MISSING = "fill or drop missing values first"


@pytest.mark.parametrize(
    "value, words",
    [
        (NAN, f"inputs need finite numbers, got nan in {{}}; {MISSING}"),
        (INF, "inputs need finite numbers, got inf in {}; clip or drop infinite values first"),
        (-INF, "inputs need finite numbers, got -inf in {}; clip or drop infinite values first"),
        (Decimal("NaN"), f"inputs need finite numbers, got nan in {{}}; {MISSING}"),
        (None, f"inputs need numbers, got None in {{}}; {MISSING}"),
        ("", f"inputs need numbers, got the text '' in {{}}; {MISSING}"),
        ("NaN", f"inputs need numbers, got the text 'NaN' in {{}}; {MISSING}"),
        ("1.5", "inputs need numbers, got the text '1.5' in {}; convert it with float() first"),
        (b"1.5", "inputs need numbers, got the bytes b'1.5' in {}; convert it with float() first"),
        ("red", "inputs need numbers, got the text 'red' in {}; encode text as numbers first"),
        (
            "x" * 50,
            f"inputs need numbers, got the text '{'x' * 37}'... in {{}}; "
            "encode text as numbers first",
        ),
        (
            1 + 2j,
            "inputs need real numbers, got (1+2j) in {}; "
            "use its .real and .imag as two columns, or abs()",
        ),
        (
            10**400,
            "inputs need numbers that fit a float (up to 1.8e308), got a larger int in {}; "
            "scale it down first",
        ),
        (
            Fraction(10**400, 3),
            "inputs need numbers that fit a float (up to 1.8e308), got a larger Fraction in {}; "
            "scale it down first",
        ),
        (object(), "inputs need numbers, got an object in {}"),
        (Decimal("sNaN"), "inputs need numbers, got a Decimal in {}"),
    ],
)
def test_bad_values_are_named_by_row_and_column(value, words):
    table = [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, value]]
    assert refusal(DataError, as_rows, table) == words.format("row 3, column 1")
    column = [row[1] for row in table]
    assert refusal(DataError, as_vector, column, "inputs") == words.format("row 3")


@pytest.mark.parametrize(
    "table, words",
    [
        ([], "inputs need at least one row, got none"),
        ([[]], "inputs need at least one column, got none in row 0"),
        (
            [[1, 2], [3, 4], [5]],
            "inputs need rows of equal length, got 2 columns in row 0 and 1 in row 2",
        ),
        (
            [[1], [3, 4]],
            "inputs need rows of equal length, got 1 column in row 0 and 2 in row 1",
        ),
        (
            [1, 2, 3],
            "inputs need rows of numbers, got the number 1 as row 0; "
            "write [[...]] for one row, or [[x] for x in inputs] for one column",
        ),
        (
            [[1], None],
            "inputs need rows of numbers, got None as row 1; each row is a list of numbers",
        ),
        (
            ["1,2", "3,4"],
            "inputs need rows of numbers, got the text '1,2' as row 0; "
            "split it and convert each part with float() first",
        ),
        (
            [{"a": 1}],
            "inputs need rows of numbers, got a dict as row 0; "
            "list its values in a fixed order: [row[key] for key in keys]",
        ),
        (
            [{1, 2}],
            "inputs need rows of numbers, got a set as row 0; each row is a list of numbers",
        ),
        (
            [iter([1, 2])],
            "inputs need rows of numbers, got a list_iterator as row 0; wrap it in list(...)",
        ),
        (
            [[[1, 2], [3, 4]]],
            "inputs need single numbers, got a list in row 0, column 0; flatten each row first",
        ),
        ("1 2", "inputs need a sequence with one item per row, got the text '1 2'"),
        (b"12", "inputs need a sequence with one item per row, got the bytes b'12'"),
        ({"a": [1]}, "inputs need a sequence with one item per row, got a dict"),
        ({1, 2}, "inputs need a sequence with one item per row, got a set"),
        (7, "inputs need a sequence with one item per row, got the number 7"),
        (None, "inputs need a sequence with one item per row, got None"),
        (
            (row for row in [[1], [2]]),
            "inputs need a sequence with one item per row, got a generator; wrap it in list(...)",
        ),
    ],
)
def test_what_is_no_table_is_refused(table, words):
    assert refusal(ShapeError, as_rows, table) == words


def test_the_number_of_columns_may_be_fixed():
    assert as_rows([[1, 2]], columns=2) == [[1.0, 2.0]]
    assert refusal(ShapeError, as_rows, [[1, 2]], columns=3) == "inputs need 3 columns, got 2"
    assert refusal(ShapeError, as_rows, [[1, 2]], "targets", 1) == "targets need 1 column, got 2"
    assert refusal(ShapeError, as_rows, [[]], columns=1) == (
        "inputs need at least one column, got none in row 0"
    )


def test_numpy_tables_are_refused_in_the_same_words():
    np = pytest.importorskip("numpy")
    assert refusal(DataError, as_rows, np.array([[1.0, NAN]]), "targets") == (
        f"targets need finite numbers, got nan in row 0, column 1; {MISSING}"
    )
    assert refusal(DataError, as_rows, np.array([["1.5"]]), "targets") == (
        "targets need numbers, got the text '1.5' in row 0, column 0; convert it with float() first"
    )
    assert refusal(DataError, as_rows, [[np.complex64(1j)]], "targets") == (
        "targets need real numbers, got 1j in row 0, column 0; "
        "use its .real and .imag as two columns, or abs()"
    )
    assert refusal(ShapeError, as_rows, np.zeros((2, 2, 2))) == (
        "inputs need single numbers, got a list in row 0, column 0; flatten each row first"
    )
    assert refusal(ShapeError, as_rows, [[np.zeros(1)]]) == (
        "inputs need single numbers, got a ndarray in row 0, column 0; flatten each row first"
    )
    assert refusal(ShapeError, as_rows, np.zeros(3), "test inputs") == (
        "test inputs need rows of numbers, got the number 0.0 as row 0; "
        "write [[...]] for one row, or [[x] for x in inputs] for one column"
    )
    assert refusal(ShapeError, as_rows, np.array(3.0)) == (
        "inputs need a sequence with one item per row, got the number 3.0"
    )


def test_as_vector_refuses_rows_and_nothing():
    assert refusal(ShapeError, as_vector, [[1.0]], "sample weights") == (
        "sample weights need single numbers, got a list in row 0; flatten each row first"
    )
    assert refusal(ShapeError, as_vector, [], "sample weights") == (
        "sample weights need at least one row, got none"
    )


def test_as_list_keeps_the_items():
    items = [object(), "a"]
    assert as_list(items, "labels") == items
    assert as_list(items, "labels") is not items
    assert as_list(range(2), "labels") == [0, 1]


def test_same_length():
    assert same_length(inputs=[1, 2], targets="ab", weights=(1, 2)) == 2
    assert refusal(ShapeError, same_length, inputs=[1, 2], targets=[1]) == (
        "inputs and targets need the same number of rows, got 2 and 1"
    )
    assert refusal(ShapeError, same_length, inputs=[1], targets=[1], weights=[]) == (
        "inputs and weights need the same number of rows, got 1 and 0"
    )


# --- iris -----------------------------------------------------------------------------------------


def test_iris_equals_r():
    """R, datasets::iris: summary(iris), iris[c(1, 35, 38, 150), ], colMeans(iris[, 1:4])."""
    iris = load_iris()
    assert len(iris.inputs) == len(iris.targets) == 150
    assert [iris.targets.count(c) for c in range(3)] == [50, 50, 50]
    assert iris.targets == sorted(iris.targets)
    assert iris.inputs[0] == [5.1, 3.5, 1.4, 0.2]
    assert iris.inputs[34] == [4.9, 3.1, 1.5, 0.2]
    assert iris.inputs[37] == [4.9, 3.6, 1.4, 0.1]
    assert iris.inputs[149] == [5.9, 3.0, 5.1, 1.8]
    columns = list(zip(*iris.inputs))
    means = [round(fsum(column) / 150, 6) for column in columns]
    assert means == [5.843333, 3.057333, 3.758, 1.199333]
    assert [min(column) for column in columns] == [4.3, 2.0, 1.0, 0.1]
    assert [max(column) for column in columns] == [7.9, 4.4, 6.9, 2.5]
    assert iris.target_names == ("setosa", "versicolor", "virginica")
    assert len(iris.feature_names) == 4
    assert "1936" in iris.source


def test_iris_equals_scikit_learn_value_for_value():
    datasets = pytest.importorskip("sklearn.datasets")
    theirs, ours = datasets.load_iris(), load_iris()
    assert theirs.data.tolist() == ours.inputs
    assert theirs.target.tolist() == ours.targets
    assert tuple(theirs.target_names) == ours.target_names


def test_iris_is_new_at_each_call():
    load_iris().inputs[0][0] = -1.0
    assert load_iris().inputs[0][0] == 5.1


def test_iris_is_read_only_when_asked_for():
    code = (
        "import sys, tinynn.data; assert 'tinynn.data.iris_rows' not in sys.modules; "
        "tinynn.data.load_iris(); assert 'tinynn.data.iris_rows' in sys.modules"
    )
    root = os.path.dirname(os.path.dirname(tinynn.__file__))
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root)


# --- generators -----------------------------------------------------------------------------------

GENERATORS = [xor, blobs, moons, circles, spirals]


@pytest.mark.parametrize("generator", GENERATORS)
def test_generators_follow_their_seed_and_leave_the_global_random_alone(generator):
    random.seed(5)
    before = random.getstate()
    noise = {} if generator is blobs else {"noise": 0.1}
    first, again = generator(31, seed=3, **noise), generator(31, seed=3, **noise)
    passed_in = generator(31, seed=random.Random(3), **noise)
    other = generator(31, seed=4, **noise)
    assert first == again == passed_in
    assert first[0] != other[0]
    assert random.getstate() == before


@pytest.mark.parametrize("generator", GENERATORS)
@given(n=st.integers(1, 40), noise=st.floats(0, 10), seed=st.integers(0, 100))
def test_generators_give_balanced_classes_and_finite_rows(generator, n, noise, seed):
    name = "spread" if generator is blobs else "noise"
    inputs, numbers = generator(n, seed=seed, **{name: noise})
    assert len(inputs) == len(numbers) == n
    assert all(len(row) == 2 and all(map(isfinite, row)) for row in inputs)
    counts = [numbers.count(c) for c in range(3 if generator is blobs else 2)]
    assert sum(counts) == n
    assert max(counts) - min(counts) <= 1


@given(st.integers(2, 60))
def test_without_noise_every_point_keeps_its_formula(n):
    for (x, y), c in zip(*xor(n)):
        assert c == (x != y) and {x, y} <= {0.0, 1.0}
    for (x, y), c in zip(*moons(n)):
        center = (1.0, 0.5) if c else (0.0, 0.0)
        assert (x - center[0]) ** 2 + (y - center[1]) ** 2 == pytest.approx(1.0)
        assert y <= 0.5 if c else y >= 0.0
    for (x, y), c in zip(*circles(n, factor=0.5)):
        assert (x * x + y * y) ** 0.5 == pytest.approx(0.5 if c else 1.0)
    for i, ((x, y), c) in enumerate(zip(*spirals(n, classes=3, turns=2.0))):
        r = (i // 3 + 1) / len(range(c, n, 3))
        angle = 2 * pi * (2 * r + c / 3)
        assert (x, y) == pytest.approx((r * cos(angle), r * sin(angle)), abs=1e-12)


@pytest.mark.parametrize("n", [2, 10, 100])
def test_moons_and_circles_are_the_points_of_scikit_learn(n):
    datasets = pytest.importorskip("sklearn.datasets")
    for ours, theirs in (
        (moons(n), datasets.make_moons(n, shuffle=False)),
        (circles(n, factor=0.3), datasets.make_circles(n, shuffle=False, factor=0.3)),
    ):
        for c in (0, 1):
            mine = [row for row, number in zip(*ours) if number == c]
            assert mine == pytest.approx(theirs[0][theirs[1] == c], abs=1e-12)


def test_noise_has_the_standard_deviation_it_is_asked_for():
    inputs, numbers = blobs(20_000, spread=2.0, centers=[[100.0, -100.0, 0.0]], seed=1)
    assert set(numbers) == {0}
    for column, center in zip(zip(*inputs), (100.0, -100.0, 0.0)):
        mean = fsum(column) / len(column)
        deviation = (fsum((x - mean) ** 2 for x in column) / len(column)) ** 0.5
        assert mean == pytest.approx(center, abs=0.1)
        assert deviation == pytest.approx(2.0, rel=0.05)


def test_blobs_take_as_many_classes_and_features_as_asked():
    inputs, numbers = blobs(8, classes=4, features=5, seed=2)
    assert numbers == [0, 1, 2, 3] * 2
    assert all(len(row) == 5 for row in inputs)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: xor(0), "xor needs n to be a whole number, at least 1, got 0"),
        (lambda: moons(2.5), "moons needs n to be a whole number, at least 1, got 2.5"),
        (lambda: xor(4, noise=-1), "xor needs noise to be a finite number, at least 0, got -1"),
        (
            lambda: blobs(4, spread=NAN),
            "blobs needs spread to be a finite number, at least 0, got nan",
        ),
        (
            lambda: blobs(4, classes=0),
            "blobs needs classes to be a whole number, at least 1, got 0",
        ),
        (
            lambda: blobs(4, features=0),
            "blobs needs features to be a whole number, at least 1, got 0",
        ),
        (
            lambda: circles(4, factor=1.0),
            "circles needs factor to be at least 0 and below 1, got 1.0",
        ),
        (
            lambda: spirals(4, classes=0),
            "spirals needs classes to be a whole number, at least 1, got 0",
        ),
    ],
)
def test_generators_refuse_settings_out_of_reach(call, words):
    assert refusal(SettingError, call) == words
