"""How a table is written, guessed: what is written in any way is read back as it was."""

from __future__ import annotations

import csv
import gzip
import io
import string
from typing import Any

import pytest
from hypothesis import example, given, settings, strategies as st

from tinynn.data.files import TableFile
from tinynn.data.guesses import Given, Reading, layout
from tinynn.data.headers import guessed_header, numbers_as_names
from tinynn.errors import FormatError

ROWS = 12
words = st.text(string.ascii_letters + "äöüßéñ", min_size=1, max_size=8).filter(
    lambda word: (
        word.lower() not in ("nan", "inf", "infinity", "na", "none", "null", "total", "sep")
    )
)
decimals = st.floats(-999, 999).map(lambda x: f"{x:.3f}")
wholes = st.integers(-999, 999).map(str)
kinds = st.sampled_from([("yes", "no"), ("red", "green", "blue")])


def read(path, **settings):
    table = TableFile(str(path), **settings)
    return table, table.columns, [cells for _, cells in table.rows()]


@st.composite
def tables(draw):
    """Return names in words, and rows of numbers and words, among them a column of numbers."""
    width = draw(st.integers(2, 5))
    names = draw(st.lists(words, min_size=width, max_size=width, unique_by=str.lower))
    chosen = [
        decimals,
        *draw(
            st.lists(
                st.sampled_from([decimals, wholes, words]), min_size=width - 1, max_size=width - 1
            )
        ),
    ]
    columns = [draw(st.lists(cells, min_size=ROWS, max_size=ROWS)) for cells in chosen]
    return names, [list(row) for row in zip(*columns)]


@given(
    tables(),
    st.sampled_from([",", ";", "\t", "|", " "]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(['"', "'"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]),
    st.sampled_from(["header", "none", "sep"]),
    st.integers(0, 3),
    st.booleans(),
)
@settings(max_examples=150)
def test_a_table_written_in_any_way_is_read_back(
    tmp_path_factory, table, sign, quoting, quote, end, encoding, top, titles, zipped
):
    names, rows = table
    file = io.StringIO(newline="")
    titles = 0 if sign == " " or top == "sep" else titles
    above = ["Quarterly", "Made by Ann", ""][:titles] if titles < 3 else ["Made by Ann", "", ""]
    file.write("".join(line + end for line in above))
    if top == "sep" and sign != " ":
        file.write(f"sep={sign}{end}")
    # Only where every cell is quoted do single quotes show.
    quote = quote if quoting == csv.QUOTE_ALL else '"'
    writer = csv.writer(file, delimiter=sign, quoting=quoting, quotechar=quote, lineterminator=end)
    header = top != "none" or bool(titles)
    writer.writerows([names] * header + rows)
    data = file.getvalue().encode(encoding)
    path = tmp_path_factory.mktemp("any") / "t.csv"
    path.write_bytes(gzip.compress(data, mtime=0) if zipped else data)
    found, columns, cells = read(path)
    assert cells == rows, found.describe()
    assert found.header == header
    assert columns == (names if header else [f"c{j + 1}" for j in range(len(names))])
    assert found.dialect.delimiter == sign
    line = len(above) + (top == "sep" and sign != " ") + header + 1
    assert [line for line, _ in found.rows()] == list(range(line, line + ROWS))


@given(tables(), st.permutations([",", ";", "\t", "|"]), st.booleans(), st.integers(0, 2))
def test_separators_inside_cells_are_no_separators(tables_, signs, quoted, column):
    names, rows = tables_
    sign, *others = signs
    inside = [f"a{mark}b{i % 3}" for i, mark in zip(range(ROWS), others * ROWS)]
    same = [f"a{others[0]}b{i % 3}" for i in range(ROWS)]
    for cells in (inside, same):
        file = io.StringIO(newline="")
        quoting = csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL
        writer = csv.writer(file, delimiter=sign, quoting=quoting, lineterminator="\n")
        writer.writerows([[*names, "pair"], *([*row, cell] for row, cell in zip(rows, cells))])
        found = layout(file.getvalue().splitlines(True), True, Given())
        assert (found.dialect.delimiter, found.skip, found.header) == (sign, 0, True)


HARD = [
    # The cells are numbers only if commas are decimal.
    (";", ["1,5;2,5\n", "0,5;1,5\n"] * 5),
    # The header has no semicolon, although the rows have more of them.
    (",", ["label,values\n", *["x,1;2;3;4\n", "y,3;4;5;6\n"] * 5]),
    # Commas would leave quotes inside cells.
    (";", ["Report\n", '"a, b";"c, d"\n', *['"no";"a6;b5, x"\n', '"no";"a1;b9, y"\n'] * 5]),
    ("\t", ["Doe, John\t5\n", "Roe, Jane\t7\n"] * 5),
    (";", ["width, m;depth, m\n", *["1,5;2,5\n"] * 5]),
]


@pytest.mark.parametrize(("sign", "lines"), HARD, ids=str)
def test_a_separator_that_fits_by_chance_is_not_taken(sign, lines):
    assert layout(lines, True, Given()).dialect.delimiter == sign


def numbered(header, row):
    return [header, *([str(cell) for cell in row(i)] for i in range(ROWS))]


NUMBERS = {
    "pandas": numbered(["", "0", "1"], lambda i: [i, i / 7, i * 3 % 7]),
    "pandas, one column": numbered(["", "0"], lambda i: [i, i * 5 % 9]),
    "pandas without an index": numbered(["0", "1", "2"], lambda i: [i / 7, i * 0.1, -i / 3]),
    "with a label": numbered(["0", "1", "label"], lambda i: [i % 5, i % 3, "ab"[i % 2]]),
    "with a target": numbered(["0", "1", "y"], lambda i: [i % 5, i % 3, i * i]),
    "pixels": numbered([*map(str, range(8))], lambda i: [(i * j) % 17 for j in range(8)]),
    "years": numbered(["land", "2019", "2020"], lambda i: [f"l{i}", 900 * i, 70 * i]),
    "years backwards": numbered(["land", "2020", "2019"], lambda i: [f"l{i}", 900 * i, 70 * i]),
    "one year": numbered(["land", "2020", "kind"], lambda i: [f"l{i}", i / 7, "ab"[i % 2]]),
    "wavelengths": numbered(["400.5", "410.5", "kind"], lambda i: [i / 7, i / 9, "ab"[i % 2]]),
    "wavelengths alone": numbered(["400", "410", "420"], lambda i: [i / 7, i / 9, i / 3]),
    "quantiles": numbered(["id", "0.1", "0.2", "0.3"], lambda i: [i, i / 7, i / 9, i / 8]),
    "over texts": numbered(["1", "2"], lambda i: ["ab"[i % 2], "cd"[i % 2]]),
}  # fmt: skip


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_can_be_names(name):
    rows = NUMBERS[name]
    assert not guessed_header(rows)
    assert numbers_as_names(rows)
    # A row further down is none, whatever stands above it.
    assert not numbers_as_names(rows[1:])


ROWS_OF_DATA = {
    "whole numbers": [["3", "4"], *[[str(i), str(9 - i)] for i in range(10)]],
    "equal cells": [["1", "1"], *[["0.5", "0.25"]] * 10],
    "a series from zero": [[f"{i}", f"{i / 8:g}"] for i in range(10)],
    "a table of steps": [[str(i + j) for j in range(6)] for i in range(10)],
    "years below years": [["2019", "2020"], *[[str(2000 + i), str(2001 + i)] for i in range(10)]],
    "a class below": [["1", "2", "a"], *[["0.5", "1.5", "ab"[i % 2]] for i in range(10)]],
    "few rows": [["0", "1"], ["0.5", "1.5"], ["2.5", "1.5"]],
    "one column": [["1"], *[[f"{i}.5"] for i in range(10)]],
    "a missing cell": [["NA", "2", "9"], *[[str(i), str(i), str(i)] for i in range(10)]],
    "other numbers below a text": [["12", "a"], ["x", "b"], ["13", "c"], ["y", "d"]],
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS_OF_DATA)
def test_numbers_that_fit_their_columns_are_no_names(name):
    assert not numbers_as_names(ROWS_OF_DATA[name])
    assert not guessed_header(ROWS_OF_DATA[name])


@given(
    st.integers(1, 8).flatmap(
        lambda width: st.lists(
            st.lists(st.integers(0, 99).map(str), min_size=width, max_size=width), min_size=9
        )
    )
)
@example([[str(j) for j in range(6)], *[["7"] * 6] * 9])
def test_a_plain_table_of_numbers_stays_one(rows):
    """Only a first row of at least five numbers counted up from 0 or 1 would be a header."""
    first = list(map(int, rows[0]))
    counted = len(first) >= 5 and first == list(range(first[0], first[0] + len(first)))
    far = all(
        abs(2 * x - min(below) - max(below)) > 3 * (max(below) - min(below))
        for x, *below in zip(*(map(int, row) for row in rows))
    )
    found = layout([",".join(row) + "\n" for row in rows], True, Given())
    assert not found.skip
    assert found.header <= ((counted and first[0] < 2) or far)


TITLED = [
    (["Sales\n", "x,y\n", "1,2\n", "3,4\n"], 1, "line 1 left out"),
    (["Sales\n", "2024\n", "\n", "x;y\n", "1;2\n", "3;4\n"], 3, "lines 1 to 3 left out"),
    (["Sales, North\n", "\n", "x,y\n", "1,2\n", "3,4\n"], 2, "lines 1 and 2 left out"),
    (["Sales,,\n", "x,y,z\n", "1,2,3\n", "3,4,5\n"], 1, "line 1 left out"),
    (["# by me\n", "# 2024\n", "x,y\n", "1,2\n", "3,4\n"], 2, "lines 1 and 2 left out"),
    (["2,2,a,b\n", "1,2,0\n", "3,4,1\n"], 1, "line 1, which counts rows and columns, left out"),
    (["2,2\n", "x,y,z\n", "1,2,0\n", "3,4,1\n"], 1,
     "line 1, which counts rows and columns, left out"),
    (["sep=|\n", "x|y\n", "1|2\n"], 1, "line 1 only tells the separator"),
    (['"SEP=,"\r\n', "x,y\r\n", "1,2\r\n"], 1, "line 1 only tells the separator"),
]  # fmt: skip
NOT_TITLED = [
    ["x,y\n", "\n", "1,2\n", "3,4\n"],
    ["x\n", "1,2\n", "3,4\n"],  # a header that lacks a name
    ["x,y\n", "1,2,3\n", "1,2,3\n"],
    ["x,y,z\n", "a,,\n", "b,,\n"],
    ["2,1\n", "5,7\n", "3,8\n"],  # numbers like all others
    ["3,2,a,b\n", "1,2,0\n", "3,4,1\n"],  # there are not three rows
    ["# x,y\n", "1,2\n", "3,4\n"],
    ["sep\n", "1\n", "2\n"],
]


@pytest.mark.parametrize(("lines", "skip", "what"), TITLED, ids=str)
def test_lines_above_a_table_are_left_out(lines, skip, what):
    found = layout(lines, True, Given())
    assert (found.skip, found.skipped) == (skip, what)


@pytest.mark.parametrize("lines", NOT_TITLED, ids=str)
def test_lines_of_a_table_are_not_left_out(lines):
    assert layout(lines, True, Given()).skip == 0


SPACED = [
    ["  1.5  -2.25   a\n", " 10.5   0.25   b\n"],
    ["x y z\n", "1 2 3\n", "4 5 6\n"],
    ["1.5 2\t'New York'\n", "1.5 3\t'Rome'\n"],
    ["a b c\n", "1,5 2,5 x\n", "3,5 4,5 y\n"],
    ["x y  \n", "1 2 \n", "3 4\n"],
]
NOT_SPACED = [
    ["full name\n", "Ann Lee\n", "Bob Ray\n"],
    ["when\n", "2020-01-01 10:00\n", "2020-01-02 10:00\n"],
    ["weight\n", "5 kg\n", "7 kg\n"],
    ["people;n\n", "1 234;5 678\n", "2 345;1 111\n"],
    ["name,said\n", "Ann,so it is\n", "Bob,no it is\n"],
]


@pytest.mark.parametrize("lines", SPACED, ids=str)
def test_blanks_separate_cells_set_in_columns(lines):
    assert layout(lines, True, Given()).dialect.delimiter == " "


@pytest.mark.parametrize("lines", NOT_SPACED, ids=str)
def test_blanks_between_words_separate_nothing(lines):
    assert layout(lines, True, Given()).dialect.delimiter != " "


# --- a model's names and reading ----------------------------------------------------------------


def test_names_are_found_whatever_else_would_be_guessed():
    lines = ["Made by me\n", "9;3\n", "1;2\n", "3;4\n", "5;6\n"]
    plain = layout(lines, True, Given())
    assert plain.skip == 0  # it might be an incomplete header
    found = layout(lines, True, Given(names=["3", "9"]))
    assert (found.header, found.skip, found.by_numbers) == (True, 1, False)
    # A row of the table is no header, although it has these numbers.
    assert layout(lines, True, Given(names=["4", "3"])).skip == 0
    assert not layout(lines, True, Given(names=["3", "9"], header=False)).header
    # Names tell the separator, too.
    lines = ["a;b,x;c\n", "1;2,3;4\n"] * 3
    assert layout(lines, True, Given(names=["x;c"])).dialect.delimiter == ","
    assert layout(lines, True, Given(names=["b,x"])).dialect.delimiter == ";"


def test_what_does_not_show_is_as_in_training():
    numbers = ["0,1\n"] + ["0.5,2.5\n"] * 9
    assert layout(numbers, True, Given()).by_numbers
    like = Reading(";", "'", False, "utf-8")
    found = layout(numbers, True, Given(like=like))
    assert (found.header, found.dialect.delimiter, found.dialect.quote) == (False, ",", "'")
    assert layout(["x\n", "1\n", "2\n"], True, Given(like=like)).dialect.delimiter == ";"
    quoted = ['"x","y"\n', '"1","2"\n']
    assert layout(quoted, True, Given(like=like)).dialect.quote == '"'
    assert layout(quoted, True, Given(like=like._replace(quote=""))).dialect.quote == ""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"more": 1}, "here needs exactly delimiter, quote, header, encoding"),
        ({"delimiter": ";;"}, "here has an invalid entry: "),
        ({"header": 1}, "here has an invalid entry: "),
        ({"quote": None}, "here has an invalid entry: "),
        ({"encoding": "klingon"}, "here has an unknown encoding: 'klingon'"),
        ({"encoding": "a\0b"}, "here has an unknown encoding: 'a\\x00b'"),
    ],
)
def test_a_reading_comes_back_from_a_file_or_is_refused(change: dict[str, Any], message):
    reading = Reading("\t", "", True, "cp1252")
    assert Reading.from_dict(reading._asdict(), "here") == reading
    with pytest.raises(FormatError) as caught:
        Reading.from_dict({**reading._asdict(), **change}, "here")
    assert str(caught.value).startswith(message)
