"""Numbers as people write them: what is read and refused, and whole columns as their cells."""

from __future__ import annotations

import json
import random

import pytest
from exported_models import NOTATIONS, written
from hypothesis import given, settings, strategies as st

from tinynn.errors import DataError, FormatError, SettingError
from tinynn.preprocessing import CategoryColumn, LeftOut, NumberColumn, TableEncoder
from tinynn.preprocessing.notation import UNITS, Evidence, Notation, undressed

POINT, COMMA = Notation(".", True, "", True), Notation(",", True, "", True)

# Text, and the number with a decimal point and with a decimal comma; None for no number.
READ = [
    ("$6,837.00", 6837.0, None), ("1.234,56 €", None, 1234.56), ("£12", 12.0, 12.0),
    ("USD 12", 12.0, 12.0), ("-$5", -5.0, -5.0), ("$-5", -5.0, -5.0), ("14.4%", 14.4, None),
    ("14,4 %", None, 14.4), ("(12)", -12.0, -12.0), ("(1,234.50)", -1234.5, None),
    ("$(12)", -12.0, -12.0), ("(12%)", -12.0, -12.0), ("(12)%", -12.0, -12.0),
    ("12-", -12.0, -12.0), ("12 €-", -12.0, -12.0), ("+3", 3.0, 3.0), ("\u22125", -5.0, -5.0),
    ("1 234 567,8", None, 1234567.8), ("1\u202f234", 1234.0, 1234.0), ("1'234.5", 1234.5, None),
    ("1\u2019234", 1234.0, 1234.0), ("12,34,567", 1234567.0, None), ("1.234.567", None, 1234567.0),
    ("1,234", 1234.0, 1.234), ("1.234", 1.234, 1234.0), ("0,123", None, 0.123),
    ("0.123", 0.123, None), ("1e5", 1e5, 1e5), ("1,5e3", None, 1500.0), ("$.50", 0.5, None),
    ("5.", 5.0, None), ("٣", 3.0, 3.0), ("5 kr", 5.0, 5.0), ("R$ 5", 5.0, 5.0),
    *[(text, None, None) for text in (
        "65+", "12-13", "--5", "(-5)", "(5", "5)", "()", "$$5", "$5 USD", "$", "%", "-", "", ",",
        "01.02.2020", "1.5.2", "1,,234", "01,234,567", "1 23", "1 234.56.7", "kr.5", "20_1", "inf",
        "nan", "1e999", "9" * 400, "12:30", "ten", "1 234,567,890.1.2", "5 %%", "²",
    )],
]  # fmt: skip


@pytest.mark.parametrize(("text", "point", "comma"), READ)
def test_what_a_text_means_by_each_decimal_sign(text, point, comma):
    unit = getattr(undressed(text), "unit", "")
    assert POINT._replace(unit=unit).number(text) == point
    assert COMMA._replace(unit=unit).number(text) == comma
    values = {sign: x for sign, x in ((".", point), (",", comma)) if x is not None}
    assert Evidence().add(text, 0) == (values or None)


@pytest.mark.parametrize("unit", UNITS)
def test_each_unit_is_read_before_or_behind(unit):
    notation = Notation(".", False, unit, True)
    for text in (f"{unit}1.5", f"{unit} 1.5", f"1.5{unit}", f"1.5 {unit}"):
        assert notation.number(text) == 1.5
    assert notation.number("1.5 £" if unit != "£" else "1.5 $") is None


def test_a_percent_is_no_plain_number_and_an_amount_may_be_one():
    assert Notation(".", False, "%", True).number("12") is None
    assert Notation(".", False, "$", True).number("12") == 12.0


def test_what_could_mean_two_numbers_is_refused_unless_known():
    assert Notation(".", False, "", True).number("1,234") is None
    assert Notation(".", False, "", True).number("1,234.5") == 1234.5
    assert Notation(",", False, "", True).number("1.234") is None
    assert Notation(",", False, "", True).number("1.234.567") == 1234567.0


def test_a_column_of_plain_numbers_takes_no_others():
    for text in ("(5)", "1,234.5", "5-", "1 234", "\u22125", "$5"):
        assert Notation().number(text) is None


@given(st.integers(0, 2**32), st.sampled_from(NOTATIONS))
def test_a_column_is_read_as_its_cells(seed, notation):
    rng = random.Random(seed)
    texts = [written(rng, rng.gauss(0, 3000), notation).strip() for _ in range(6)]
    texts += rng.sample([text for text, _, _ in READ], 1) * (rng.random() < 0.3)
    values = notation.values(texts)
    assert values in (None, [notation.number(text) for text in texts])
    tidy = [written(rng, float(x), notation).strip() for x in range(6)]
    if not any(space in text for text in tidy for space in "'\u2019\u202f"):
        assert notation.values(tidy) is not None


@given(st.integers(0, 2**32), st.sampled_from(NOTATIONS), st.integers(1, 40))
@settings(max_examples=50)
def test_what_is_written_is_read(seed, notation, size):
    rng = random.Random(seed)
    # Two decimals, or four digits, show the decimal sign.
    numbers = [round(rng.uniform(-1, 1) * 10 ** rng.randrange(6), 1) for _ in range(50)]
    texts = [[written(rng, x, notation), i] for i, x in enumerate(numbers)]
    encoder = TableEncoder(scaling=None, decimal=rng.choice(".,")).fit(texts)
    column = encoder.columns[0]
    assert isinstance(column, NumberColumn)
    assert (column.decimal, column.unit) == (notation.decimal, notation.unit)
    assert [row[0] for row in encoder.transform(texts)] == numbers
    assert encoder.transform(texts[:1]) == [[numbers[0], 0.0]]  # a cell by itself
    again = TableEncoder.from_dict(json.loads(json.dumps(encoder.to_dict())))
    assert again.transform(texts) == encoder.transform(texts)
    stream = encoder.fresh()
    for start in range(0, len(texts), size):
        stream.partial_fit(texts[start : start + size])
    found = stream.columns[0]
    assert found._replace(reason="") == column._replace(reason="")


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(("late", "read"), [("12.5", 1.234), ("1.234,5", 1234.0)])
def test_a_late_cell_decides_about_all(late, read, large):
    """Both readings are kept until then, also where whole columns are added at once."""
    texts = [[f"{i % 900 + 1}.{i % 1000:03d}"] for i in range(20_000 if large else 30)]
    encoder = TableEncoder(scaling=None)
    encoder.partial_fit([["1.234"]]).partial_fit(texts).partial_fit([[late]])
    assert encoder.transform([["1.234"]]) == [[read]]
    assert encoder.columns[0].low == (1.0 if read < 2 else 1000.0)


def test_a_line_break_within_a_cell_makes_no_two_numbers():
    assert Notation(".", False, "$", True).values(["$5\n$6", "$7"]) is None
    assert Notation(".", False, "$", True).values(["$5", "$7"]) == [5.0, 7.0]
    with pytest.raises(DataError, match=r"needs numbers, got the text '\$5\\n\$6' in row 1"):
        TableEncoder().fit([["$5"], ["$7"]]).transform([["$5"], ["$5\n$6"]])


def described(*texts, **settings):
    table = [[text, i] for i, text in enumerate(texts)]
    return TableEncoder(names=["x", "i"], **settings).fit(table).columns[0].describe()


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["1.5", "2"], "number, from 1.5 to 2: every value is a number"),
        (
            ["$1,234.50", "$2"],
            "number, from 2 to 1234.5: every value is a number, written like '$1,234.50' (money "
            "in $, commas between thousands)",
        ),
        (
            ["1.234,5 €", "2 €"],
            "number, from 2 to 1234.5: every value is a number, written like '1.234,5 €' (money "
            "in €, decimal commas, points between thousands)",
        ),
        (
            ["5%", "7%"],
            "number, from 5 to 7: every value is a number, written like '5%' (percent)",
        ),
        (["(5)", "7"], "number, from -5 to 7: every value is a number, written like '(5)'"),
        (
            ["1,234", "2,345"],
            "number, from 1234 to 2345: every value is a number, written like '1,234' (commas "
            "between thousands), read as 1234 because the table's decimal sign is '.'",
        ),
        (
            ["1.234", "2.345"],
            "number, from 1.234 to 2.345: every value is a number, written like '1.234', read as "
            "1.234 because the table's decimal sign is '.'",
        ),
    ],
)
def test_it_is_said_how_numbers_are_written(texts, words):
    assert described(*texts) == words


def test_the_decimal_sign_of_the_table_decides_what_cells_do_not_show():
    for decimal, read in ((",", [[1234.0], [2345.0]]), (".", [[1.234], [2.345]])):
        encoder = TableEncoder(scaling=None, decimal=decimal).fit([["1.234"], ["2.345"]])
        assert encoder.transform([["1.234"], ["2.345"]]) == read


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (
            ["1,5", "7", "2.5"],
            "column 'x' has numbers with different decimal signs: '1,5' in row 0, '2.5' in row 2",
        ),
        (
            ["$5", "7", "€5"],
            "column 'x' has numbers in different units: '$5' in row 0, '€5' in row 2",
        ),
        (
            ["0.5", "5%"],
            "column 'x' has percents beside plain numbers: '0.5' in row 0, '5%' in row 1",
        ),
        ([0.5, "5%"], "column 'x' has percents beside plain numbers: 0.5 in row 0, '5%' in row 1"),
    ],
)
def test_notations_that_contradict_each_other_are_refused(texts, words):
    mend = "; write them all one way, or give kinds={'x': 'category'} to keep them as text"
    for kinds in ({}, {"x": "number"}):
        with pytest.raises(DataError) as error:
            described(*texts, kinds=kinds)
        assert str(error.value) == words + mend
    assert described(*texts, kinds={"x": "category"}).startswith("category")


@pytest.mark.parametrize(
    ("texts", "cell", "mend"),
    [
        (["$5", "$6"], "7 €", "the other numbers of the column are in $"),
        (["5", "6"], "$7", "the other numbers of the column are without a unit"),
        (["5%", "6%"], "7", "the column is in percent, so put a % behind the number"),
        (["5", "6.5"], "(7)", "the other numbers of the column are plain, so write -7"),
        (["5", "6.5"], "1,234", "give decimal=',' to read it"),
        (["5,5", "6"], "1.234", "give decimal='.' to read it"),
        (["5", "6"], "seven", "if this means a missing value, give missing=('seven',)"),
    ],
)
def test_cells_in_another_notation_than_the_column_are_refused(texts, cell, mend):
    encoder = TableEncoder().fit([[text] for text in texts])
    with pytest.raises(DataError) as error:
        encoder.transform([[texts[0]], [cell]])
    words = f"column 0 needs numbers, got the text {cell!r} in row 1; {mend}"
    assert str(error.value) == words


def test_a_table_may_have_another_decimal_sign_than_in_training():
    encoder = TableEncoder(scaling=None).fit([["1.5"], ["2.5"]])
    encoder.read_decimal(",")
    encoder.read_missing(["none"])
    assert encoder.transform([["1,5"], ["1.234,5"], ["none"]]) == [[1.5], [1234.5], [2.0]]


# Codes


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (["02139", "90210", "10001"] * 10, "codes with leading zeros, few different values"),
        (["007", "01", "12"] * 10, "codes with leading zeros, few different values"),
        (["1234567890123456", "5"] * 10, "codes of more than 15 digits, few different values"),
        ([1234567890123456, 5] * 10, "codes of more than 15 digits, few different values"),
    ],
)
def test_codes_are_kinds(texts, reason):
    column = TableEncoder().fit([[text] for text in texts]).columns[0]
    assert isinstance(column, CategoryColumn)
    assert column.reason == f"{reason} in {len(texts)} rows"
    assert set(column.kinds) == set(map(str, texts))


def test_codes_that_all_differ_are_identifiers():
    for first, words in ((0, "with leading zeros"), (10**16, "of more than 15 digits")):
        rows = [[f"{first + i:05d}", i * i] for i in range(300)]
        column = TableEncoder().fit(rows).columns[0]
        assert isinstance(column, LeftOut)
        assert column.reason == f"codes {words} like an identifier, 300 different values"


def test_a_stray_zero_in_front_makes_no_codes():
    rows = [[str(i)] for i in range(40)] + [["007"]]
    assert TableEncoder().fit(rows).columns[0].kind == "number"
    assert TableEncoder(kinds={0: "number"}).fit([["02"], ["03"]]).columns[0].kind == "number"
    assert TableEncoder().fit([[1e20], [2e20]]).columns[0].kind == "number"


def test_codes_are_seen_in_a_late_chunk():
    encoder = TableEncoder().partial_fit([[f"{i:05d}"] for i in range(20_000, 30_000)])
    assert encoder.columns[0].kind == "number"
    encoder.partial_fit(
        [
            [
                f"{i:05d}",
            ]
            for i in range(2000)
        ]
    )
    with pytest.raises(DataError, match="x0: codes with leading zeros like an identifier"):
        assert encoder.columns


# Words that are kinds


def test_words_may_be_kinds_among_texts_and_missing_among_numbers():
    rows = [["None", 1, "?"], ["NA", "NA", "?"], ["oak", 3, "b"], [None, 2, "a"]] * 5
    columns = TableEncoder(not_missing=["None", "NA"]).fit(rows).columns
    assert (columns[0].kinds, columns[0].counts) == (["NA", "None", "oak", "(missing)"], [5] * 4)
    assert columns[1].kind == "number" and columns[1].missing == 5
    assert columns[2].kinds == ["a", "b", "(missing)"]


def test_a_column_of_nothing_but_such_words_has_kinds():
    encoder = TableEncoder(not_missing=["NA", "None"]).fit([["NA"], ["None"]] * 10)
    assert encoder.columns[0].kinds == ["NA", "None"]
    assert encoder.transform([["None"], [""]]) == [[0.0, 1.0], [0.0, 0.0]]


@given(st.lists(st.sampled_from(["NA", "None", "", "a", "b", "1"]), min_size=8, max_size=30))
def test_words_taken_back_are_counted_as_any_text(cells):
    rows = [[cell, i] for i, cell in enumerate(cells)]
    kinds = {0: "category"}
    encoder = TableEncoder(kinds=kinds, not_missing=["NA"]).fit(rows)
    other = TableEncoder(kinds=kinds, missing=["None"]).fit(rows)
    assert encoder.columns[0] == other.columns[0]
    assert encoder.transform(rows) == other.transform(rows)


# Settings and files


def test_a_notation_may_be_given():
    encoder = TableEncoder(scaling=None, notations={"x0": [",", True, "", True]})
    assert encoder.fit([["1.234"], ["5"]]).transform([["1.234"], ["2,5"]]) == [[1234.0], [2.5]]
    with pytest.raises(DataError, match=r"column 0 needs numbers, got the text '2\.5'"):
        TableEncoder(kinds={0: "number"}, notations={"x0": encoder.notations["x0"]}).fit([["2.5"]])
    state = json.loads(json.dumps(encoder.to_dict()))
    assert TableEncoder.from_dict(state).notations == encoder.notations
    assert encoder.learned_notations() == {"x0": Notation(",", True, "", True)}


@pytest.mark.parametrize("way", [None, ",", [",", True, "x", True], ["", True, "", True], [1]])
def test_a_wrong_notation_is_refused(way):
    with pytest.raises(SettingError) as error:
        TableEncoder(notations={"a": way})
    assert str(error.value) == (
        "TableEncoder needs the notation of column 'a' to be a Notation or its decimal, grouped, "
        f"unit, dressed, got {way!r}"
    )


@pytest.mark.parametrize(
    ("key", "value"), [("decimal", ";"), ("grouped", 1), ("unit", "x"), ("dressed", None)]
)
def test_a_wrong_notation_in_a_file_is_refused(key, value):
    state = TableEncoder().fit([["$1"], ["$2"]]).to_dict()
    state["columns"][0][key] = value
    with pytest.raises(FormatError) as error:
        TableEncoder.from_dict(state)
    assert str(error.value) == f"column 0 of a saved TableEncoder cannot have {key} {value!r}"


def test_a_file_from_before_there_were_notations_is_read():
    for decimal in ".,":
        encoder = TableEncoder(scaling=None, decimal=decimal).fit([[1.5, "a"], [None, None]])
        state = encoder.to_dict()
        for name in ("not_missing", "notations"):
            del state["settings"][name]
        for name in ("decimal", "grouped", "unit", "dressed"):
            del state["columns"][0][name]
        del state["columns"][1]["own"]
        old = TableEncoder.from_dict(state)
        rows = [["1.234,5" if decimal == "," else "1234.5", "a"], [2, None]]
        assert old.transform(rows) == [[1234.5, 0.0, 1.0, 0.0], [2.0, 0.0, 0.0, 1.0]]
        assert old.columns[1].own
