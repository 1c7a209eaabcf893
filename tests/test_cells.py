"""Cells and labels of other libraries, and values with two spellings: one kind each, none lost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.errors import DataError
from tinynn.preprocessing import TableEncoder
from tinynn.preprocessing.cells import as_table, key_of, whole_spelling

CATEGORY = {0: "category"}


# One value, two spellings


@given(st.integers(0, 10**16 - 1))
def test_a_whole_number_is_one_kind_as_int_text_and_float(number):
    assert key_of(number) == key_of(f" {number} ") == key_of(f"{number}.0") == str(number)
    if number < 2**53:
        assert key_of(float(number)) == str(number)
        encoder = TableEncoder(kinds=CATEGORY).fit([[number], ["x"]])
        rows = encoder.transform([[number], [str(number)], [float(number)], [f"{number}.0"]])
        assert rows == [[1.0, 0.0]] * 4


@given(st.one_of(st.floats(allow_nan=False).filter(bool), st.integers()))
def test_a_number_is_the_kind_that_its_text_is(number):
    assert key_of(number) == key_of(repr(number))


def test_only_a_whole_number_loses_its_point():
    texts = ["1.0", "-3.0", "1.10", "1.00", ".0", "-.0", "v2.0", "²3.0", "1.0.0", "--1.0", "a"]
    assert list(map(whole_spelling, texts)) == ["1", "-3", *texts[2:]]


def test_kinds_of_earlier_files_are_found():
    state = TableEncoder(kinds=CATEGORY).fit([["3"], ["1000000000000000"], ["x"]]).to_dict()
    state["columns"][0]["kinds"] = ["3.0", "1000000000000000.0", "x"]
    old = TableEncoder.from_dict(state)
    assert old.transform([["3"], [3], ["3.0"]]) == [[1.0, 0.0, 0.0]] * 3
    assert old.transform([[1e15], [10**15]]) == [[0.0, 1.0, 0.0]] * 2


@pytest.mark.parametrize("word", ["inf", "-Infinity", "Nan", "101E010031"])
@pytest.mark.parametrize("asked", [None, CATEGORY])
def test_a_text_that_python_reads_as_no_finite_number_is_a_kind_among_texts(word, asked):
    encoder = TableEncoder(kinds=asked).fit([[word], ["sup"], ["med"]] * 5)
    assert encoder.columns[0].kinds == sorted([word, "sup", "med"])
    assert encoder.transform([[word]])[0].count(1.0) == 1


@pytest.mark.parametrize("word", ["inf", "-Infinity", "1e999"])
def test_among_numbers_it_is_refused(word):
    words = f"got {word!r} in row 2, column 0; clip or drop infinite values first"
    with pytest.raises(DataError) as error:
        TableEncoder(kinds={0: "number"}).fit([[1], [2], [word]])
    assert str(error.value) == f"inputs need finite numbers, {words}"
    with pytest.raises(DataError) as error:
        TableEncoder().fit([[1], [2.5]]).transform([[1], [2], [word]])
    assert str(error.value) == f"inputs need finite numbers, {words}"


def test_the_text_missing_is_not_a_missing_cell():
    encoder = TableEncoder().fit([["(missing)"], [None], ["z"]] * 4)
    assert encoder.columns[0].kinds == ["(missing)", "z", "((missing))"]
    rows = encoder.transform([["(missing)"], [None], ["z"], ["((missing))"]])
    assert rows == [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    found = encoder.encode([["((missing))"], [None]])
    assert found.unseen == {"x0": {"((missing))": 1}} and found.missing == {"x0": 1}
    # Where training had no such text, it is unknown.
    encoder = TableEncoder().fit([[None], ["z"]] * 4)
    assert encoder.encode([["(missing)"]]).unseen == {"x0": {"(missing)": 1}}
    description = "category with 1 kind ('z'); 4 missing cells encoded as a separate kind: "
    assert encoder.columns[0].describe().startswith(description)
    # A frequent text may fill in for missing cells.
    encoder = TableEncoder(missing_category="most_frequent").fit([["(missing)"], [None], ["z"]])
    assert encoder.transform([["(missing)"], [None]]) == [[1.0, 0.0]] * 2
    assert "encoded as '(missing)'" in encoder.describe()


# Texts among numbers


@pytest.mark.parametrize(
    ("numbers", "texts", "refused"),
    [
        ([i / 10 for i in range(40)], 1, True),  # with decimals, they are no kinds
        ([i % 25 for i in range(50)], 1, True),  # too many different ones
        ([i % 5 for i in range(151)], 1, True),  # one in more than a hundred
        ([f"${i % 25}" for i in range(50)], 1, True),
        ([i % 5 for i in range(50)], 1, False),
        ([i / 10 for i in range(40)], 9, False),
    ],
)
def test_a_rare_text_among_numbers_is_a_mistake(numbers, texts, refused):
    rows = [[x] for x in numbers] + [["low"]] * texts
    if not refused:
        assert TableEncoder().fit(rows).columns[0].kind == "category"
        return
    with pytest.raises(DataError) as error:
        TableEncoder().fit(rows)
    assert str(error.value) == (
        f"column 0 has {len(numbers)} numbers and 1 text value (row {len(numbers)} has 'low'); if "
        "this means a missing value, give missing=('low',); if the numbers are names, give "
        "kinds={'x0': 'category'}"
    )


# Other libraries


def test_cells_of_numpy_and_decimal():
    np = pytest.importorskip("numpy")
    cells = [
        (np.float32(1.5), 1.5), (np.longdouble("2.5"), 2.5), (np.int64(3), 3.0),
        (np.str_("4"), 4.0), (np.array(5.5), 5.5), (Decimal("6.5"), 6.5), (np.float64("nan"), None),
        (Decimal("NaN"), None), (Decimal("sNaN"), None), (np.longdouble("nan"), None),
    ]  # fmt: skip
    encoder = TableEncoder(scaling=None).fit([[cell] for cell, _ in cells])
    column = encoder.columns[0]
    assert column.missing == 4
    found = [row[0] for row in encoder.transform([[cell] for cell, _ in cells])]
    assert found == [column.median if x is None else x for _, x in cells]
    with pytest.raises(DataError, match=r"inputs need finite numbers, got .* in row 1, column 0"):
        TableEncoder().fit([[1.0], [np.longdouble("1e400")]])
    if np.finfo(np.longdouble).max > 1e308:
        assert key_of(np.longdouble(3)) == "3"
    dates = [[np.datetime64("2020-01-05", unit)] for unit in ("D", "ns")]
    encoder = TableEncoder(kinds=CATEGORY).fit([*dates, [np.datetime64("NaT")]])
    assert encoder.columns[0].missing == 1
    assert all(kind.startswith("2020-01-05") for kind in encoder.columns[0].text_kinds)


@pytest.mark.parametrize("missing", ["NA", "NaT"])
def test_missing_values_of_pandas(missing):
    pd = pytest.importorskip("pandas")
    cell = getattr(pd, missing)
    for cells in (["u", cell, "v"], [cell, "u", "v"], [cell, 2, 1], [1.5, 2.5, cell]):
        encoder = TableEncoder().fit([[c, c] for c in cells] * 4)
        other = TableEncoder().fit([[None if c is cell else c] * 2 for c in cells] * 4)
        assert encoder.columns == other.columns
        rows = [[c, c] for c in cells]
        assert encoder.transform(rows) == encoder.transform(
            [[None if c is cell else c for c in row] for row in rows]
        )
        with pytest.raises(DataError, match="got a list in row 1"):
            encoder.transform([rows[0], [[1], 2]])


@pytest.mark.parametrize("dtype", ["string", "Int64", "boolean", "object", "Float64"])
def test_labels_that_pandas_misses_are_refused(dtype):
    pd = pytest.importorskip("pandas")
    values = {"string": ["a", "b"], "object": ["a", "b"], "boolean": [True, False]}.get(
        dtype, [1, 0]
    )
    y = pd.Series([*values * 9, values[0], pd.NA], dtype=dtype)
    X = [[float(i), float(i % 3)] for i in range(20)]
    model = nn.Classifier((3,), max_iter=2, random_state=0)
    for call in (model.fit, model.partial_fit):
        with pytest.raises(DataError) as error:
            call(X, y)
        assert str(error.value) == (
            "Classifier needs a label in each row, got <NA> in row 19; drop rows without one first"
        )
    if dtype in ("Int64", "Float64"):
        with pytest.raises(DataError, match="targets need numbers, got a NAType in row 19"):
            nn.Regressor((3,), max_iter=2).fit(X, y)


def test_each_column_of_a_data_frame_keeps_its_own_numbers():
    pd = pytest.importorskip("pandas")
    large = [2**53 + 1, 2**53, 5]
    frame = pd.DataFrame({"id": large, "x": [1.5, 2.0, 3.0], "t": ["a", None, "b"]})
    frame["day"] = pd.to_datetime(["2020-01-05", "2020-01-06", None])
    table = as_table(frame)
    assert [row[0] for row in table.rows] == large and type(table.rows[0][0]) is int
    assert table.names == ["id", "x", "t", "day"]
    encoder = TableEncoder(kinds={"id": "category"}).fit(frame)
    assert encoder.columns[0].kinds == sorted(map(str, large), key=int)
    assert encoder.transform(frame)[0][:3] == [0.0, 0.0, 1.0]
    # Of one type, dates do not become nanoseconds.
    days = TableEncoder(kinds={"day": "category"}).fit(frame[["day", "x"]]).columns[0]
    assert days.missing == 1 and days.text_kinds[0].startswith("2020-01-05")
    twice = pd.DataFrame([[1.0, 2], [3.0, 4]], columns=["a", "a"])
    assert [list(row) for row in as_table(twice).rows] == [[1.0, 2], [3.0, 4]]
