"""The table encoder: what it guesses, what it makes of cells, and that a stream equals a table."""

from __future__ import annotations

import copy
import json
import math
import random
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings, strategies as st

from tinynn.errors import DataError, FormatError, SettingError, ShapeError
from tinynn.preprocessing import (
    CategoryColumn,
    LeftOut,
    NumberColumn,
    TableEncoder,
    moments as moments_module,
    summary as summary_module,
)
from tinynn.preprocessing.encoder import chunks
from tinynn.preprocessing.moments import Sample

PEOPLE = [
    [38, "red", "a1"],
    [26.5, "blue", "a2"],
    [None, "red", "a3"],
    [35, None, "a4"],
]


few = settings(max_examples=25)  # each is a whole table


def through_json(encoder):
    return TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))


def kinds(encoder):
    return [column.kind for column in encoder.columns]


# Tables with at least two different numbers in the first column, so that never all is left out.
cells = st.one_of(
    st.none(),
    st.just(math.nan),
    st.integers(-5, 5),
    st.floats(-1e6, 1e6),
    st.sampled_from(["red", "blue", "1.5", "-2e3", "?", "", "NA", "2020-01-05"]),
)


def rows_of(width, min_size=2, max_size=12):
    row = st.tuples(st.floats(-100, 100), *[cells] * width).map(list)
    return st.lists(row, min_size=min_size, max_size=max_size).filter(
        lambda rows: min(row[0] for row in rows) < max(row[0] for row in rows)
    )


tables = st.integers(0, 3).flatmap(rows_of)


# --- what it guesses ------------------------------------------------------------------------------


def test_it_says_what_it_guessed_and_why():
    rows = [
        [
            i, f"name {i}", ["red", "blue", "red"][i % 3], [1.5, "2", None][i % 3], "same", 7, None,
            f"2024-01-{i % 28 + 1:02d}", f"k{i % 9}", ["1", "x"][i % 2],
        ]
        for i in range(30)
    ]  # fmt: skip
    names = ["id", "name", "color", "size", "same", "seven", "empty", "day", "code", "mixed"]
    encoder = TableEncoder(names=names, max_kinds=5).fit(rows)
    assert encoder.describe().split("\n") == [
        "id: left out: row numbers, from 0 to 29",
        "name: left out: text like an identifier, 30 different values",
        "color: category with 2 kinds ('blue', 'red'): few different values in 30 rows",
        "size: number, from 1.5 to 2; 10 missing cells filled with the median 1.75 and marked in "
        "a second column: every value is a number",
        "same: left out: the same text, 'same', in 30 rows",
        "seven: left out: the same number, 7, in 30 rows",
        "empty: left out: no values in 30 rows",
        "day: date, from 2024-01-01 to 2024-01-28, as a number and the day of the week: every "
        "value is a date or time like '2024-01-01'",
        "code: category with 5 kinds ('k0', 'k1', 'k2', 'k3', 'k4'): text; the 5 most frequent of "
        "9 different values",
        "mixed: category with 2 kinds ('1', 'x'): few different values in 30 rows, 15 numbers "
        "among them",
    ]
    assert encoder.feature_names_out() == [
        "color=blue", "color=red", "size", "size missing", "day", "day: day of the week (sin)",
        "day: day of the week (cos)", "code=k0", "code=k1", "code=k2",
        "code=k3", "code=k4", "mixed=1", "mixed=x",
    ]  # fmt: skip


def test_a_column_that_counts_is_left_out_only_if_it_is_named_like_an_identifier():
    rows = [[i, i % 3] for i in range(30)]
    assert kinds(TableEncoder(names=["Id", "x"]).fit(rows)) == ["identifier", "number"]
    assert kinds(TableEncoder(names=["day", "x"]).fit(rows)) == ["number", "number"]
    assert kinds(TableEncoder().fit(rows)) == ["number", "number"]
    shuffled = random.Random(0).sample(rows, len(rows))
    assert kinds(TableEncoder(names=["Id", "x"]).fit(shuffled)) == ["number", "number"]


def test_few_different_texts_are_no_identifier():
    assert kinds(TableEncoder().fit([[f"n{i}"] for i in range(20)])) == ["category"]
    rows = [[f"n{i}", i] for i in range(60)]
    assert kinds(TableEncoder().fit(rows)) == ["identifier", "number"]


def test_kinds_that_are_given_count():
    rows = [[1, 5, "a"], [2, 5, "b"], [1, 5, "c"]]
    encoder = TableEncoder(kinds={0: "category", "x1": "number", 2: "drop"}).fit(rows)
    assert kinds(encoder) == ["category", "number", "drop"]
    assert encoder.transform([[2.0, 6, "z"], ["2", 5, None]]) == [[0.0, 1.0, 1.0], [0.0, 1.0, 0.0]]
    assert encoder.columns[0].reason == encoder.columns[1].reason == "as asked"
    assert encoder.columns[2].describe() == "left out: as asked"


def test_constant_columns_can_be_kept():
    encoder = TableEncoder(drop_constant=False).fit([[5, "a", None]])
    assert kinds(encoder) == ["number", "category", "number"]
    assert encoder.transform([[5, "a", None], [6, "b", 3]]) == [
        [0.0, 1.0, 0.0, 1.0],
        [1.0, 0.0, 3.0, 0.0],
    ]


# --- what it makes of cells -----------------------------------------------------------------------


def test_missing_cells_become_the_median_and_a_kind_of_their_own():
    encoder = TableEncoder(kinds={2: "drop"}, scaling=None).fit(PEOPLE)
    assert encoder.feature_names_out() == ["x0", "x0 missing", "x1=blue", "x1=red", "x1=(missing)"]
    assert encoder.transform(PEOPLE) == [
        [38.0, 0.0, 0.0, 1.0, 0.0],
        [26.5, 0.0, 1.0, 0.0, 0.0],
        [35.0, 1.0, 0.0, 1.0, 0.0],
        [35.0, 0.0, 0.0, 0.0, 1.0],
    ]


def test_columns_can_refuse_what_their_model_never_knew():
    strict = TableEncoder.from_dict(state(columns__0__median=None, columns__1__strict=True))
    assert strict.transform([[3, "b"]]) == [[1.0, 0.0, 1.0]]
    for row, words in (
        ([None, "a"], "column 'n' needs a number in every row, but row 1 has none"),
        ([1, None], "column 'c' needs a value in every row, but row 1 has none"),
        ([1, "z"], "column 'c' needs one of its known kinds, 'a', 'b', got 'z' in row 1"),
    ):
        with pytest.raises(DataError) as error:
            strict.encode([[3, "b"], row])
        assert str(error.value) == words + ("; fill it in first" if None in row else "")
    assert strict.describe() == (
        "n: number, from 1 to 3; missing cells are refused: every value is a number\n"
        "c: category with 2 kinds ('a', 'b'); others are refused: few different values in 2 rows"
    )


def test_other_ways_with_missing_cells():
    encoder = TableEncoder(
        kinds={2: "drop"}, scaling="minmax", missing_indicator=False,
        missing_category="most_frequent",
    ).fit(PEOPLE)  # fmt: skip
    assert encoder.transform(PEOPLE[2:]) == [[8.5 / 11.5, 0.0, 1.0], [8.5 / 11.5, 0.0, 1.0]]


@pytest.mark.parametrize("cell", [None, math.nan, "", " ", "NA", "?", "null", " NaN "])
def test_what_means_missing(cell):
    rows = [[1, "a"], [3, "b"], [cell, cell]]
    encoder = TableEncoder().fit(rows)
    assert [column.missing for column in encoder.columns] == [1, 1]
    assert encoder.encode([[cell, cell]]).missing == {"x0": 1, "x1": 1}


def test_words_for_missing_may_be_given_numbers_too():
    rows = [["1", "-999"], ["unknown", "3"], ["3", "5"], ["2", -999]]
    encoder = TableEncoder(missing=["unknown", -999], scaling=None).fit(rows)
    assert encoder.transform(rows) == [
        [1.0, 0.0, 4.0, 1.0],
        [2.0, 1.0, 3.0, 0.0],
        [3.0, 0.0, 5.0, 0.0],
        [2.0, 0.0, 4.0, 1.0],
    ]
    assert kinds(TableEncoder(missing=[]).fit([["NA"], ["x"]])) == ["category"]


def test_a_kind_not_seen_before_is_zeros_and_reported():
    encoder = TableEncoder(names=["n", "color"]).fit([[1, "red"], [3, "blue"]])
    encoded = encoder.encode([[1, "green"], [1, "green"], [None, "pink"], [3, None]])
    assert [row[1:] for row in encoded.rows] == [[0.0, 0.0]] * 4
    assert encoded.missing == {"n": 1, "color": 1}
    assert encoded.unseen == {"color": {"green": 2, "pink": 1}}


def test_numbers_are_the_same_kind_however_they_are_kept():
    encoder = TableEncoder(kinds={0: "category"}).fit([[3], [4.5], ["x"]])
    assert encoder.columns[0].kinds == ["3", "4.5", "x"]
    for cell in (3, 3.0, "3", " 3 "):
        assert encoder.transform([[cell]]) == [[1.0, 0.0, 0.0]]


def test_kinds_stand_in_order_numbers_first():
    encoder = TableEncoder(kinds={0: "category"}).fit([["b"], [10], [9], ["a"]])
    assert encoder.columns[0].kinds == ["9", "10", "a", "b"]


def test_numbers_of_any_type():
    rows = [[Fraction(1, 2), True], [Decimal("1.5"), False], [10**30, "1"], ["2e0", 0]]
    encoder = TableEncoder(scaling=None).fit(rows)
    assert encoder.transform(rows) == [[0.5, 1.0], [1.5, 0.0], [1e30, 1.0], [2.0, 0.0]]


def test_text_with_an_underscore_is_no_number():
    assert kinds(TableEncoder().fit([["20_1"], ["20_2"]])) == ["category"]


def test_a_decimal_comma():
    encoder = TableEncoder(decimal=",", scaling=None).fit([["1,5"], ["1.234,5"], ["-3"], [2.5]])
    assert encoder.transform([["1,5"], ["1.234,5"], ["-3"], [2.5]]) == [
        [1.5], [1234.5], [-3.0], [2.5],
    ]  # fmt: skip
    # The cells show their decimal sign, whatever that of the table is.
    assert TableEncoder(decimal=",", scaling=None).fit_transform([["1.5"], ["2.5"]]) == [
        [1.5], [2.5],
    ]  # fmt: skip


def test_cells_that_cannot_be_hashed_are_read_as_text():
    class Odd:
        __hash__ = None  # type: ignore[assignment]

        def __str__(self):
            return "odd"

    encoder = TableEncoder().fit([[Odd(), 1], ["even", 2]])
    assert encoder.transform([[Odd(), 1]]) == [[0.0, 1.0, -1.0]]


@few
@given(tables)
def test_rows_are_finite_floats_as_wide_as_their_names(rows):
    before = copy.deepcopy(rows)
    encoder = TableEncoder().fit(rows)
    encoded = encoder.transform(rows)
    width = len(encoder.feature_names_out())
    assert len(encoded) == len(rows)
    assert all(len(row) == width for row in encoded)
    assert all(type(x) is float and math.isfinite(x) for row in encoded for x in row)
    assert repr(rows) == repr(before)


@few
@given(tables)
def test_each_row_is_encoded_by_itself(rows):
    encoder = TableEncoder().fit(rows)
    assert encoder.transform(rows) == [encoder.transform([row])[0] for row in rows]


@few
@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, rng):
    shuffled = rng.sample(rows, len(rows))
    a = TableEncoder().fit(rows).to_dict()
    b = TableEncoder().fit(shuffled).to_dict()
    for one, other in zip(a["columns"], b["columns"]):
        for key, value in one.items():
            if isinstance(value, float):
                # The spread of a column is known to rounding of its largest numbers.
                size = abs(value) + max(abs(one["low"]), abs(one["high"])) + 1e-9
                assert abs(value - other[key]) <= 1e-9 * size
            else:
                assert value == other[key]


@few
@given(tables, st.randoms(use_true_random=False))
def test_the_order_of_columns_only_orders_the_columns(rows, rng):
    width = len(rows[0])
    order = rng.sample(range(width), width)
    names = [f"c{j}" for j in range(width)]
    a = TableEncoder(names=names).fit(rows)
    moved = [[row[j] for j in order] for row in rows]
    b = TableEncoder(names=[names[j] for j in order]).fit(moved)
    assert {column.name: column for column in a.columns} == {
        column.name: column for column in b.columns
    }
    places = a.places(b.column_names)
    assert a.transform([[row[j] for j in places] for row in moved]) == a.transform(rows)


# --- streams --------------------------------------------------------------------------------------


@few
@given(tables, st.integers(1, 5))
def test_a_stream_ends_up_as_the_whole(rows, size):
    whole, parts = TableEncoder().fit(rows), TableEncoder()
    for part in chunks(rows, size):
        parts.partial_fit(part)
    for a, b in zip(whole.columns, parts.columns):
        if isinstance(a, NumberColumn):
            scale = 1e-9 * (1.0 + abs(a.low) + abs(a.high))
            assert a.median == b.median and (a.low, a.high) == (b.low, b.high)
            assert math.isclose(a.shift, b.shift, rel_tol=1e-9, abs_tol=scale)
            # A spread far below the size of the numbers is rounding, in either way.
            assert math.isclose(a.scale, b.scale, rel_tol=1e-6, abs_tol=scale) or a.scale == 1.0
        else:
            assert a == b
    assert parts.rows_seen == whole.rows_seen == len(rows)


def test_text_in_a_late_chunk_changes_the_guess():
    encoder = TableEncoder()
    encoder.partial_fit([[1], [2], [3]])
    assert kinds(encoder) == ["number"]
    encoder.partial_fit([["x"]])
    assert kinds(encoder) == ["category"]
    assert encoder.columns[0].kinds == ["1", "2", "3", "x"]


def test_what_is_kept_of_a_stream_is_bounded(monkeypatch):
    monkeypatch.setattr(moments_module, "SAMPLE", 100)
    monkeypatch.setattr(summary_module, "KINDS", 60)
    encoder = TableEncoder(max_kinds=40)
    rng = random.Random(1)
    for start in range(0, 20_000, 1000):
        encoder.partial_fit(
            [
                [
                    rng.gauss(5, 1),
                    f"k{rng.randrange(30)}",
                    f"m{int(rng.expovariate(0.05))}",
                    f"u{i}",
                ]
                for i in range(start, start + 1000)
            ]
        )
    for kept in encoder._summaries:
        assert len(kept.kinds) <= 60
        assert all(len(numbers.sample.kept) <= 100 for numbers in kept.readings.values())
    number, few, many, identifier = encoder.columns
    assert abs(number.median - 5) < 0.5 and abs(number.shift - 5) < 0.05
    assert isinstance(few, CategoryColumn) and len(few.kinds) == 30 and few.others == 0
    assert isinstance(many, CategoryColumn) and len(many.kinds) == 40
    assert sum(many.counts) + many.others == 20_000 and "m0" in many.kinds
    assert many.reason == "text; the 40 most frequent of 60 or more different values"
    assert isinstance(identifier, LeftOut)
    assert identifier.reason == "text like an identifier, 60 or more different values"


@few
@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.integers(1, 7))
def test_the_median_of_few_numbers_is_exact(values, size):
    from statistics import median

    sample = Sample(1000, random.Random(0))
    for part in chunks(values, size):
        sample.extend(part)
    assert math.isclose(sample.median(), median(values), rel_tol=1e-15, abs_tol=1e-300)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_sample_is_uniform_over_the_stream(size):
    counts = [0] * 40
    for seed in range(2000):
        sample = Sample(10, random.Random(seed))
        for part in chunks(range(40), size):
            sample.extend(part)
        assert len(set(sample.kept)) == 10
        for value in sample.kept:
            counts[int(value)] += 1
    # Each position is kept with probability 1/4: 500 ± 4 standard deviations of 19.4.
    assert all(abs(count - 500) < 78 for count in counts)


# --- against scikit-learn -------------------------------------------------------------------------


@few
@given(st.lists(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3), min_size=2, max_size=20))
def test_scaling_is_that_of_scikit_learn(rows):
    pre = pytest.importorskip("sklearn.preprocessing")
    assume(all(max(c) - min(c) > 1e-3 for c in zip(*rows)))
    for scaling, scaler in (("standard", pre.StandardScaler()), ("minmax", pre.MinMaxScaler())):
        ours = TableEncoder(scaling=scaling).fit_transform(rows)
        theirs = scaler.fit_transform(rows)
        for a, b in zip(ours, theirs.tolist()):
            assert all(math.isclose(x, y, rel_tol=1e-6, abs_tol=1e-6) for x, y in zip(a, b))


@few
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), min_size=2))
def test_one_hot_columns_are_those_of_scikit_learn(rows):
    pre = pytest.importorskip("sklearn.preprocessing")
    rows = [list(row) for row in rows]
    ours = TableEncoder(drop_constant=False).fit(rows)
    theirs = pre.OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(rows)
    for table in (rows, [["z", "a"]]):
        assert ours.transform(table) == theirs.transform(table).tolist()
    assert ours.feature_names_out() == [
        name.replace("_", "=", 1) for name in theirs.get_feature_names_out().tolist()
    ]


@few
@given(
    st.lists(
        st.tuples(
            st.one_of(st.floats(-1e6, 1e6), st.just(math.nan)),
            st.one_of(st.sampled_from("abc"), st.none()),
        ),
        min_size=1,
    )
)
def test_filling_in_is_that_of_scikit_learn(rows):
    impute = pytest.importorskip("sklearn.impute")
    np = pytest.importorskip("numpy")
    numbers, letters = zip(*rows)
    assume(any(x == x for x in numbers) and any(letters))
    encoder = TableEncoder(
        scaling=None, missing_indicator=False, missing_category="most_frequent",
        drop_constant=False,
    ).fit([list(row) for row in rows])  # fmt: skip
    ours = encoder.transform([list(row) for row in rows])
    theirs = impute.SimpleImputer(strategy="median").fit_transform(np.array([numbers]).T)
    assert all(math.isclose(a[0], b[0], rel_tol=1e-12) for a, b in zip(ours, theirs.tolist()))
    imputer = impute.SimpleImputer(strategy="most_frequent", missing_values=None)
    filled = imputer.fit_transform(np.array([letters], dtype=object).T)
    kinds = encoder.columns[1].kinds
    assert [kinds[row[1:].index(1.0)] for row in ours] == [row[0] for row in filled.tolist()]


def test_arrays_and_data_frames():
    np = pytest.importorskip("numpy")
    rows = [[1.0, 2.0], [3.0, np.nan]]
    for table in (np.array(rows), [np.array(row) for row in rows], np.array(rows, dtype=object)):
        assert TableEncoder().fit_transform(table) == TableEncoder().fit_transform(rows)

    class Frame:
        columns = ("a", "b")

        def to_numpy(self):
            return np.array(rows)

    assert TableEncoder().fit(Frame()).column_names == ["a", "b"]


# --- its state ------------------------------------------------------------------------------------


@few
@given(tables)
def test_a_state_comes_back_through_json(rows):
    encoder = TableEncoder(max_kinds=20).fit(rows)
    again = through_json(encoder)
    assert again.transform(rows) == encoder.transform(rows)
    assert again.to_dict() == encoder.to_dict()
    assert again.describe() == encoder.describe()
    assert again.settings() == encoder.settings()


def test_settings_come_back_too():
    encoder = TableEncoder(
        names=["a", "b"], kinds={"a": "category", 1: "number"}, scaling=None, max_kinds=7,
        missing=["-", 99], missing_indicator=False, missing_category="most_frequent", decimal=",",
        drop_constant=False,
    )  # fmt: skip
    again = through_json(encoder)
    assert again.settings() == {**encoder.settings(), "missing": ("-", 99)}
    assert not again.fitted and repr(again) == repr(encoder)
    assert repr(TableEncoder()) == "TableEncoder()"
    assert repr(TableEncoder(scaling=None)) == "TableEncoder(scaling=None)"


def state(**changes):
    encoder = TableEncoder(names=["n", "c"]).fit([[1, "a"], [3, "b"]])
    found = json.loads(json.dumps(encoder.to_dict()))
    for path, value in changes.items():
        at = found
        *way, last = [int(key) if key.isdigit() else key for key in path.split("__")]
        for key in way:
            at = at[key]
        if value is KeyError:
            del at[last]
        else:
            at[last] = value
    return found


@pytest.mark.parametrize(
    "saved, words",
    [
        (None, "a saved TableEncoder needs \"kind\" 'TableEncoder', got 'NoneType'"),
        (state(kind="x"), "a saved TableEncoder needs \"kind\" 'TableEncoder', got 'x'"),
        (
            state(settings__names=KeyError),
            "a saved TableEncoder needs the settings names, kinds, scaling, max_kinds, missing, "
            "missing_indicator, missing_category, decimal, drop_constant, not_missing, notations",
        ),
        (
            state(settings__scaling="big"),
            "a saved TableEncoder needs valid settings: TableEncoder needs scaling to be "
            "'standard', "
            "'minmax' or None, got 'big'",
        ),
        (
            state(settings__kinds=3),
            "a saved TableEncoder needs valid settings: 'int' object is not iterable",
        ),
        (state(columns=3), "a saved TableEncoder needs a list of columns"),
        (state(columns__0=3), "column 0 of a saved TableEncoder needs to be an object, got int"),
        (
            state(columns__0__kind="odd"),
            "column 0 of a saved TableEncoder has the unknown kind 'odd'",
        ),
        (
            state(columns__0__median=True),
            "column 0 of a saved TableEncoder cannot have median True",
        ),
        (state(columns__1__strict=1), "column 1 of a saved TableEncoder cannot have strict 1"),
        (
            state(columns__0__scale=math.inf),
            "column 0 of a saved TableEncoder cannot have scale inf",
        ),
        (state(columns__0__missing=-1), "column 0 of a saved TableEncoder cannot have missing -1"),
        (
            state(columns__1__kinds=[1, 2]),
            "column 1 of a saved TableEncoder cannot have kinds [1, 2]",
        ),
        (
            state(columns__0__scale=0.0),
            "column 0 of a saved TableEncoder needs a scale above 0 and low not above high",
        ),
        (
            state(columns__1__kinds=["a", "a"]),
            "column 1 of a saved TableEncoder needs different kinds, each with a count",
        ),
        (
            state(columns__1__fill="z"),
            "column 1 of a saved TableEncoder needs fill to be one of its kinds, got 'z'",
        ),
        (
            state(columns__1__fill=KeyError),
            "column 1 of a saved TableEncoder needs name, reason, kinds, counts, fill, others, "
            "missing, "
            "rows, strict, own, got strict, own, name, reason, kinds, counts, others, missing, "
            "rows",
        ),
        (state(columns__1__name="n"), "a saved TableEncoder needs unique column names"),
        (
            state(columns=[{"name": "n", "reason": "", "kind": "empty", "rows": 1}]),
            "a saved TableEncoder needs at least one column that is not left out",
        ),
    ],
)
def test_a_wrong_state_is_refused(saved, words):
    with pytest.raises(FormatError) as error:
        TableEncoder.from_dict(saved)
    assert str(error.value) == words


def test_a_state_from_before_there_were_strict_columns_is_read():
    encoder = TableEncoder.from_dict(state(columns__1__strict=KeyError))
    assert not encoder.columns[1].strict
    assert encoder.to_dict() == state()


# --- what it refuses ------------------------------------------------------------------------------

FITTED = TableEncoder(names=["age", "color"]).fit([[1, "a"], [3, "b"]])


@pytest.mark.parametrize(
    "error, call, words",
    [
        (
            DataError,
            lambda: TableEncoder().fit([[i] for i in range(100)] + [["unknown"]]),
            "column 0 has 100 numbers and 1 text value (row 100 has 'unknown'); if this means a "
            "missing value, give missing=('unknown',); if the numbers are names, "
            "give kinds={'x0': 'category'}",
        ),
        (
            DataError,
            lambda: TableEncoder(kinds={0: "number"}).fit([[1], ["x"]]),
            "column 0 needs numbers, got the text 'x' in row 1; if this means a missing value, "
            "give missing=('x',)",
        ),
        (
            DataError,
            lambda: FITTED.encode([[1, "a"], ["old", "a"]], row=10),
            "column 'age' needs numbers, got the text 'old' in row 11; if this means a missing "
            "value, give missing=('old',)",
        ),
        (
            DataError,
            lambda: FITTED.transform([["1,5", "a"]]),
            "column 'age' needs numbers, got the text '1,5' in row 0; give decimal=',' to read it",
        ),
        (
            DataError,
            lambda: FITTED.transform([[1, "a"], [math.inf, "a"]]),
            "inputs need finite numbers, got inf in row 1, column 'age'; "
            "clip or drop infinite values first",
        ),
        (
            DataError,
            lambda: TableEncoder().fit([[1], ["-inf"]]),
            "inputs need finite numbers, got '-inf' in row 1, column 0; "
            "clip or drop infinite values first",
        ),
        (
            DataError,
            lambda: TableEncoder().fit([[1], [10**400]]),
            "inputs need finite numbers, got a huge int in row 1, column 0; "
            "clip or drop infinite values first",
        ),
        (
            DataError,
            lambda: TableEncoder().fit([[1e308], [-1e308]]),
            "TableEncoder needs columns whose variance fits a float, got values too far apart in "
            "column 0; scale it down first",
        ),
        (
            DataError,
            lambda: TableEncoder().fit([[0.0], [1e-150]]).transform([[1e200]]),
            "inputs need numbers that can be scaled, got 1e+200 in row 0, column 0, "
            "which was fitted to numbers from 0 to 1e-150",
        ),
        (
            DataError,
            lambda: TableEncoder().fit([[1, 2], [2, 1j]]),
            "Complex data not supported: got 1j in row 1, column 1; "
            "use its .real and .imag as two columns, or abs()",
        ),
        (
            DataError,
            lambda: TableEncoder().fit([[1, 2], [2, [3]]]),
            "a cell needs to be a number or text, got a list in row 1, column 1",
        ),
        (
            DataError,
            lambda: FITTED.transform([[1, {}]]),
            "a cell needs to be a number or text, got a dict in row 0, column 'color'",
        ),
        (
            DataError,
            lambda: TableEncoder().fit([[5, "a"], [5, "a"]]),
            "TableEncoder needs at least one column to learn from, got "
            "x0: the same number, 5, in 2 rows; x1: the same text, 'a', in 2 rows",
        ),
        (
            DataError,
            lambda: FITTED.places(["colour", "age"]),
            "the table needs a column 'color'; did you mean 'colour'?",
        ),
        (
            DataError,
            lambda: FITTED.places(["age", "color", "age"]),
            "the table needs one column 'age', got 2",
        ),
        (
            ShapeError,
            lambda: FITTED.transform([[1]]),
            "X has 1 features, but TableEncoder is expecting 2 features as input: "
            "the columns age, color",
        ),
        (
            ShapeError,
            lambda: TableEncoder().fit([[1, 2], [3]]),
            "inputs need rows of equal length, got 2 cells in row 0 and 1 in row 1",
        ),
        (ShapeError, lambda: TableEncoder().fit([]), "inputs need at least one row, got 0 samples"),
        (
            ShapeError,
            lambda: TableEncoder().fit([[], []]),
            "inputs need at least one column, got 0 feature(s) (shape=(2, 0)) while a minimum of 1 "
            "is required.",
        ),
        (
            ShapeError,
            lambda: TableEncoder().fit([1, 2]),
            "inputs need rows of cells, got the number 1 as row 0. "
            "Reshape your data: [[...]] for one row, [[x] for x in column] for one column",
        ),
        (
            ShapeError,
            lambda: TableEncoder().fit([{"a": 1}]),
            "inputs need rows of cells, got a dict as row 0; "
            "list its values in a fixed order: [row[key] for key in keys]",
        ),
        (
            ShapeError,
            lambda: TableEncoder().fit(["1,2"]),
            "inputs need rows of cells, got text as row 0; split it into cells first",
        ),
        (
            ShapeError,
            lambda: TableEncoder().fit(iter([[1]])),
            "inputs need to be a table of rows and columns, got a list_iterator; wrap it in "
            "list(...)",
        ),
        (
            ShapeError,
            lambda: TableEncoder(names=["a"]).fit([[1, 2]]),
            "TableEncoder needs a name for each column, got 1 name for 2 columns",
        ),
        (
            ShapeError,
            lambda: TableEncoder().partial_fit([[1, 2]]).partial_fit([[1]]),
            "X has 1 features, but TableEncoder is expecting 2 features as input: "
            "the columns x0, x1",
        ),
        (
            SettingError,
            lambda: TableEncoder().transform([[1]]),
            "TableEncoder needs fit(inputs) before it can transform",
        ),
        (
            SettingError,
            lambda: through_json(FITTED).partial_fit([[1, "a"]]),
            "TableEncoder needs the statistics of earlier rows for partial_fit, but files do not "
            "keep them; fit a new encoder",
        ),
        (
            SettingError,
            lambda: TableEncoder(names=["a", "a"]),
            "TableEncoder needs unique names, got 'a' as names 0 and 1",
        ),
        (
            SettingError,
            lambda: TableEncoder(names=["a", 3]),
            "TableEncoder needs names to be strings, got 3 as name 1",
        ),
        (
            SettingError,
            lambda: TableEncoder(kinds={"a": "text"}),
            "TableEncoder needs the kind of column 'a' to be one of 'number', 'category', 'date', "
            "'day-first date', 'month-first date', 'words', 'drop', got 'text'",
        ),
        (
            SettingError,
            lambda: TableEncoder(kinds={1.5: "drop"}),
            "TableEncoder needs column names or numbers as keys of kinds, got 1.5",
        ),
        (
            SettingError,
            lambda: TableEncoder(names=["age"], kinds={"aeg": "drop"}).fit([[1]]),
            "TableEncoder needs the column 'aeg' named in kinds; did you mean 'age'?",
        ),
        (
            SettingError,
            lambda: TableEncoder(kinds={2: "drop"}).fit([[1]]),
            "TableEncoder needs column numbers from 0 to 0 in kinds, got 2",
        ),
        (
            SettingError,
            lambda: TableEncoder(scaling="z"),
            "TableEncoder needs scaling to be 'standard', 'minmax' or None, got 'z'",
        ),
        (
            SettingError,
            lambda: TableEncoder(missing="NA"),
            "TableEncoder needs missing to be a sequence of strings or numbers, got 'NA'; did you "
            "mean ('NA',)?",
        ),
        (
            SettingError,
            lambda: TableEncoder(missing=[None]),
            "TableEncoder needs strings or numbers in missing, got None",
        ),
        (
            SettingError,
            lambda: TableEncoder(decimal=";"),
            "TableEncoder needs decimal to be '.' or ',', got ';'",
        ),
        (
            SettingError,
            lambda: TableEncoder(missing_category="mean"),
            "TableEncoder needs missing_category to be 'own' or 'most_frequent', got 'mean'",
        ),
        (
            SettingError,
            lambda: TableEncoder(max_kinds=2000),
            "TableEncoder needs max_kinds of at most 1000, got 2000",
        ),
    ],
)
def test_what_is_refused_and_the_mend(error, call, words):
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value) == words


def test_where_most_texts_differ_only_frequent_ones_are_kinds():
    names = [f"car {i}" for i in range(60)] + ["ford pinto"] * 5 + ["amc gremlin"] * 4
    encoder = TableEncoder(names=["name", "x"]).fit([[name, i % 7] for i, name in enumerate(names)])
    assert encoder.describe().split("\n")[0] == (
        "name: category with 1 kind ('ford pinto'): text; the most frequent of 62 different values"
    )
    rare = [[f"car {i // 2}", i % 7] for i in range(60)] + [[f"van {i}", 0] for i in range(30)]
    assert TableEncoder(names=["name", "x"]).fit(rare).describe().split("\n")[0] == (
        "name: left out: text like an identifier, 60 different values, none in 5 rows or more"
    )
