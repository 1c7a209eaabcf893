"""Tables in text files: guessed, read again and again, and refused, by file and line."""

from __future__ import annotations

import csv
import gzip
import io
import subprocess
import sys

import pytest
from hypothesis import assume, example, given, strategies as st

import tinynn.data.sources as sources
from tinynn.data.files import TableFile
from tinynn.data.guesses import CsvDialect, guessed_dialect
from tinynn.data.headers import guessed_header
from tinynn.errors import DataError, SettingError


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return a function that writes t.csv, where the tests run, and returns its name."""
    monkeypatch.chdir(tmp_path)

    def write(content, name="t.csv"):
        data = content.encode("utf-8") if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        return name

    return write


def read(path, **settings):
    """Return the columns, and the rows without their lines."""
    table = TableFile(path, **settings)
    return table.columns, [cells for _, cells in table.rows()]


def refusal(path, error=DataError, **settings):
    """Return the whole message with which a file is refused, now or when its rows are read."""
    with pytest.raises(error) as caught:
        list(TableFile(path, **settings).rows())
    assert type(caught.value) is error
    return str(caught.value)


# --- what is read -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "delimiter", "quote"),
    [
        ("a,b\n1,2\n3,4\n", ",", '"'),
        ("a;b\n1,5;2\n3;4,5\n", ";", '"'),
        ("a\tb\n1\t2\n3\t4\n", "\t", '"'),
        ("a|b\n1|2\n", "|", '"'),
        ("a,b\r\n1,2\r\n", ",", '"'),
        ("a,b\r1,2\r", ",", '"'),
        ("'a';'b'\n'1';'x''y'\n", ";", "'"),
        ('"a, b","c"\n"1, 2","3"\n', ",", '"'),
        ("x\n1\n2\n", ",", '"'),
        ("name,said\nAnn,it's\nBob,it is\n", ",", '"'),
        ("a, b\n1, 2\n", ",", '"'),
    ],
)
def test_how_a_table_is_written_is_guessed(written, text, delimiter, quote):
    table = TableFile(written(text))
    assert table.dialect == CsvDialect(delimiter, quote)
    assert table.header
    assert all(len(cells) == len(table.columns) for _, cells in table.rows())


def test_quoted_cells_keep_separators_line_ends_and_doubled_quotes(written):
    text = 'a,b\n"1,\n""2""",x\n'
    table = TableFile(written(text))
    assert list(table.rows()) == [(2, ['1,\n"2"', "x"])]


def test_lines_are_counted_as_an_editor_does(written):
    table = TableFile(written('a,b\n\n1,2\n"3\n4",5\n   \n6,7\n'))
    assert [line for line, _ in table.rows()] == [3, 4, 7]


def test_rows_can_be_read_again_and_at_the_same_time(written):
    table = TableFile(written("a,b\n1,2\n3,4\n"))
    pairs = list(zip(table.rows(), table.rows()))
    assert [first for first, _ in pairs] == [second for _, second in pairs] == list(table.rows())


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfa;b\n1;\xc3\xa9\n",
        "\ufeffa;b\n1;é\n".encode("utf-16-le"),
        "\ufeffa;b\n1;é\n".encode("utf-16-be"),
        gzip.compress("a;b\n1;é\n".encode(), mtime=0),
        gzip.compress(b"\xef\xbb\xbfa;b\n1;\xc3\xa9\n", mtime=0),
    ],
)
def test_byte_order_marks_and_compression_are_seen_by_the_first_bytes(written, data):
    assert read(written(data, "any.name")) == (["a", "b"], [["1", "é"]])


def test_an_encoding_can_be_given(written):
    path = written("a;b\n1;é\n".encode("cp1252"))
    assert read(path, encoding="cp1252") == (["a", "b"], [["1", "é"]])
    assert TableFile(path, encoding="cp1252").describe() == (
        "separated by semicolons, the first line names the columns, cp1252"
    )


@pytest.mark.parametrize(
    ("rows", "header"),
    [
        ([["a", "b"], ["1", "2"]], True),
        ([["a", "b"], ["x", "y"]], True),
        ([["1", "2"], ["3", "4"]], False),
        ([["x", "1"], ["y", "2"]], False),
        ([["yes", "no"], ["no", "yes"], ["yes", "no"]], False),
        ([["1,5", "a"], ["2,5", "b"]], False),
        ([["nan", "infinity"], ["1", "2"]], True),
        ([["a", ""], ["x", ""]], True),
        ([["2020-01-01", "yes"], ["2020-01-02", "no"], ["2020-01-03", "no"]], False),
        ([["$5.00", "yes"], ["$7.50", "no"]], False),
        ([["town", "2020-01-01"], ["Ulm", "7.5"], ["Köln", "8"]], True),
    ],
)
def test_a_header_is_guessed(rows, header):
    assert guessed_header(rows) is header


def test_columns_without_names_get_some(written):
    assert read(written("1,2\n3,4\n")) == (["c1", "c2"], [["1", "2"], ["3", "4"]])
    assert read(written("a,b\n3,4\n"), header=False)[0] == ["c1", "c2"]
    assert read(written("1,2\n3,4\n"), header=True) == (["1", "2"], [["3", "4"]])
    assert read(written(",b\n3,4\n"))[0] == ["unnamed: 0", "b"]
    assert read(written("  a \n 1\n"))[0] == ["a"]


def test_what_was_guessed_can_be_given(written):
    path = written("a,b;c\n1,2;3\n")
    assert read(path, delimiter=",")[0] == ["a", "b;c"]
    assert read(path, delimiter=";")[0] == ["a,b", "c"]
    assert read(written('a,b\n"1,2\n'), quote="") == (["a", "b"], [['"1', "2"]])


def test_the_progress_of_a_reader_can_be_seen(written):
    table = TableFile(written("a,b\n" + "1,2\n" * 20_000))
    assert (table.size, table.position) == (4 + 4 * 20_000, 0)
    reader = table.rows()
    next(reader)
    assert 0 < table.position < table.size
    list(reader)
    assert table.position == 0  # it is closed


def test_the_standard_input_is_kept_to_be_read_again(tmp_path):
    code = (
        "import sys; sys.path.insert(0, '.'); from tinynn.data.files import TableFile\n"
        "t = TableFile('-'); print(t.name, t.size, list(t.rows()) == list(t.rows()), t.columns)"
    )
    for data in (b"a,b\n1,2\n", gzip.compress(b"a,b\n1,2\n", mtime=0)):
        done = subprocess.run(
            [sys.executable, "-c", code], input=data, capture_output=True, check=True
        )
        assert done.stdout.decode() == f"standard input {len(data)} True ['a', 'b']\n"


def test_a_large_standard_input_goes_to_a_temporary_file(monkeypatch):
    monkeypatch.setattr(sources, "KEPT_IN_MEMORY", 10)
    data = b"a,b\n" + b"1,2\n" * 1000
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    table = TableFile("-")
    assert not isinstance(table._source._kept, io.BytesIO)
    assert len(list(table.rows())) == len(list(table.rows())) == 1000
    assert table.size == len(data)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_blocks_end_anywhere(written, monkeypatch, size, end, encoding):
    path = written(end.join(["a,b", "1,é", "", f'2,"x{end}y"', "3,4"]).encode(encoding))
    monkeypatch.setattr(sources, "BLOCK", size if encoding == "utf-8" else 4 * size)
    assert list(TableFile(path).rows()) == [
        (2, ["1", "é"]),
        (4, ["2", f"x{end}y"]),
        (6, ["3", "4"]),
    ]


@pytest.mark.parametrize(
    ("data", "encoding", "usual"),
    [
        (b"a,b\n1,2\n", "utf-8", "cp1251"),
        ("a,b\n1,é\n".encode(), "utf-8", "utf-8"),
        (b"a,b\n1,\xe9\n", "cp1252", "cp1251"),
        (b"a,b\n1,\xc3", "cp1252", "cp1251"),  # half a character of UTF-8
        (b"a,b\n1,\x81\n2,\xe9", "utf-8", "cp1251"),  # refused as UTF-8
        ("a,b\n1,é\n".encode("utf-16-le"), "utf-16-le", "utf-16-le"),
        ("a,b\n1,é\n".encode("utf-16-be"), "utf-16-be", "utf-16-be"),
    ],
)
def test_the_encoding_is_guessed_from_all_bytes(written, data, encoding, usual):
    path = written(data)
    assert sources.TextFile(path).encoding == encoding
    assert sources.TextFile(path, usual="cp1251").encoding == usual
    assert sources.TextFile(path, usual="utf-16").encoding == encoding
    assert sources.TextFile(path, "latin-1").encoding == "latin-1"


cells = st.text(
    st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\0"), min_size=1
).map(str.strip)


@given(
    st.lists(st.tuples(cells, cells, cells), min_size=1),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_whatever_csv_writes_is_read_back(tmp_path_factory, rows, delimiter, quoting):
    assume(all("".join(row) for row in rows))
    path = tmp_path_factory.mktemp("round") / "t.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, quoting=quoting).writerows([("a", "b", "c"), *rows])
    _, found = read(str(path), header=True, delimiter=delimiter, quote='"')
    assert found == [list(row) for row in rows]


@given(
    st.lists(
        st.tuples(st.integers(), st.floats(allow_nan=False, allow_infinity=False)), min_size=3
    ),
    st.sampled_from([",", ";", "\t", "|"]),
)
def test_the_delimiter_of_numbers_is_always_guessed(rows, delimiter):
    lines = ["a" + delimiter + "b\n"] + [f"{i}{delimiter}{x!r}\n" for i, x in rows]
    assert guessed_dialect(lines).delimiter == delimiter
    if delimiter != ",":
        lines = [line.replace(".", ",") for line in lines]
        assert guessed_dialect(lines).delimiter == delimiter


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "t.csv is empty; a table needs at least one row"),
        ("\n \n\r\n", "t.csv is empty; a table needs at least one row"),
        (gzip.compress(b"", mtime=0), "t.csv is empty; a table needs at least one row"),
        ("a,b\n", "t.csv, line 1: the file ends after the header, without any rows"),
        ("\na,b\n\n", "t.csv, line 2: the file ends after the header, without any rows"),
        (
            "a,b,a\n1,2,3\n",
            "t.csv, line 1: columns 1 and 3 are both named 'a'; rename one, or read the file "
            "without a header",
        ),
        (
            "a,b\n1,2\n\n3\n",
            "t.csv, line 4: 1 cell where the header has 2: column 2 ('b') is missing; "
            "is a quote or a separator missing, or is there one too many?",
        ),
        (
            "1,2\n1,2\n3,4,5\n",
            "t.csv, line 3: 3 cells where line 1 has 2: column 3 ('5') is one too many; "
            "is a quote or a separator missing, or is there one too many?",
        ),
        (
            "a,b\n1,2\n3,4\0\n",
            "t.csv, line 3: a NUL character in column 4 of the line: this is not a text file, or "
            "its encoding is not utf-8 but, say, utf-16",
        ),
        (
            'a,b\n1,2\n3,"4\n5,6\n',
            't.csv, line 3: a quote (") opened in this row is never closed',
        ),
        (
            'a,b\n1,2\n3,"4" 5\n',
            't.csv, line 3: a quoted cell continues after its closing quote ("); double the '
            "quotes inside a cell, or turn quoting off",
        ),
        (
            'a,b\n1,"' + "x" * 131_073 + "\n",
            "t.csv, line 2: a cell has more than 131,072 characters; is a closing quote "
            '(") missing?',
        ),
        (
            b"a,b\n1,caf\x81\n",
            "t.csv, line 2: this cannot be decoded as utf-8: byte 9 of the file, byte 6 of the "
            "line, is 0x81; give the file's encoding, for example cp1252 or latin-1",
        ),
        (
            gzip.compress(b"a,b\n1,caf\x81\n", mtime=0),
            "t.csv, line 2: this cannot be decoded as utf-8: byte 9 of the file, byte 6 of the "
            "line, is 0x81; give the file's encoding, for example cp1252 or latin-1",
        ),
        (
            "\ufeffa,b\n".encode("utf-16-le") + b"\x31",
            "t.csv cannot be decoded as utf-16; give its encoding",
        ),
        (
            gzip.compress(b"a,b\n1,2\n", mtime=0)[:-4],
            "t.csv, line 1: the compressed file is damaged here: Compressed file ended before the "
            "end-of-stream marker was reached",
        ),
        (
            b"PK\x03\x04rest",
            "t.csv is not a text file: it looks like a ZIP archive or a spreadsheet; save the "
            "table as CSV",
        ),
    ],
)
def test_a_broken_file_is_refused_by_file_and_line(written, content, message):
    assert refusal(written(content)) == message


def test_a_damaged_compressed_file_is_refused(written):
    data = bytearray(gzip.compress(b"a,b\n1,2\n", mtime=0))
    data[12] ^= 0xFF
    assert refusal(written(bytes(data))).startswith("t.csv, line 1: the compressed file is damaged")


def test_a_line_without_an_end_is_refused(written, monkeypatch):
    monkeypatch.setattr(sources, "LONGEST_LINE", 100)
    text = "a,b\n1,2\n" + "3" * 200
    assert refusal(written(text)) == "t.csv, line 3: more than 100 characters in one line"


def test_files_that_are_none_are_refused(written, tmp_path):
    written("a,b\n", "titanic.csv")
    assert refusal("titanc.csv") == "there is no file titanc.csv; did you mean titanic.csv?"
    assert refusal("something/else") == "there is no file something/else"
    assert refusal(str(tmp_path)) == f"{tmp_path} is a directory; give the path of a file"


def test_a_file_that_vanishes_between_two_readings_is_refused(written, tmp_path):
    table = TableFile(written("a,b\n1,2\n"))
    (tmp_path / "t.csv").unlink()
    with pytest.raises(DataError) as caught:
        list(table.rows())
    assert str(caught.value) == "there is no file t.csv"


def test_settings_that_cannot_be_are_refused(written):
    path = written("a,b\n1,2\n")
    assert refusal(path, SettingError, delimiter=",,") == (
        "a delimiter needs to be one character, got ',,'"
    )
    assert refusal(path, SettingError, quote='""') == (
        "a quote needs to be one character or none, got '\"\"'"
    )
    assert refusal(path, SettingError, encoding="klingon") == (
        "an encoding needs to be one that Python knows, such as utf-8, cp1252 or latin-1, "
        "got 'klingon'"
    )


@given(st.binary(max_size=60))
@example(b'"')
@example(b'""\n' * 250 + b"a\n")
def test_any_bytes_are_read_or_refused(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("any") / "t.csv"
    path.write_bytes(data)
    try:
        table = TableFile(str(path))
        rows = list(table.rows())
    except DataError as error:
        assert str(error).startswith(str(path))
    else:
        assert rows
        assert all(len(cells) == len(table.columns) for _, cells in rows)
