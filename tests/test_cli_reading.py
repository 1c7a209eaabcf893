"""The command line reads tables as people keep them, and others as the model's own."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import subprocess
import sys

import pytest
from test_cli import read_csv, run

from tinynn.cli.decimals import Signs, guessed_decimal, signs_of
from tinynn.cli.models import About
from tinynn.cli.tables import Lines
from tinynn.data.guesses import Reading

pytestmark = pytest.mark.filterwarnings("ignore::tinynn.ConvergenceWarning")
RNG = random.Random(5)
ROWS = [(RNG.gauss(3, 1), RNG.gauss(0, 1), RNG.choice(["Köln", "Ulm"])) for _ in range(60)]


def lines(end="\n", sign=",", decimal=".", head=("a", "b", "town", "label"), quote=""):
    """Return a table of ROWS and a label that tells whether the first number is above 3."""
    text = [sign.join(f"{quote}{name}{quote}" for name in head)] * bool(head)
    for a, b, town in ROWS:
        numbers = [f"{x:.3f}".replace(".", decimal) for x in (a, b)]
        cells = [*numbers, town, "high" if a > 3 else "low"]
        text.append(sign.join(f"{quote}{cell}{quote}" for cell in cells))
    return "".join(line + end for line in text)


WRITTEN = {
    "as Excel does": "\ufeffsep=;\n" + lines(sign=";", decimal=","),
    "cp1252": lines(sign=";", decimal=",").encode("cp1252"),
    "utf-16": lines(sign="\t").encode("utf-16"),
    "below titles": "Sales, by town\nMade by Ann\n\n" + lines(),
    "blanks": lines(sign="   "),
    "tabs and blanks": lines(sign=" \t "),
    "names that are numbers": lines(head=("2019", "2020", "town", "label")),
    "years above numbers": lines(head=("2019", "2020", "2021", "label")),
    "without names": lines(head=()),
    "below counts": "60,3,high,low\n" + lines(head=()),
    "single quotes": lines(quote="'"),
    "a blank after commas": lines(sign=", "),
    "names with blanks": lines(head=("my  a", " b", "", "label")),
    "bars, old line ends": lines(sign="|", end="\r"),
    "a name over two lines": lines(head=('"a\nb"', "b", "town", "label")),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_model_reads_the_table_that_it_was_trained_on(name, tmp_path):
    data = WRITTEN[name]
    data = data if isinstance(data, bytes) else data.encode("utf-8")
    (tmp_path / "t.csv").write_bytes(data)
    out, err = run(
        "train", "t.csv", "--target", "-1", "--out", "m.json", "--epochs", 30, cwd=tmp_path
    )
    assert "t.csv: 60 rows, separated by " in out and "accuracy" in out
    answers, err = run("predict", "m.json", "t.csv", "--only", cwd=tmp_path)
    assert err == "" and answers.count("\n") == 61
    zipped = gzip.compress(data)
    assert run("predict", "m.json", "-", "--only", cwd=tmp_path, stdin=zipped) == (answers, "")
    out, _ = run("evaluate", "m.json", "t.csv", "--json", "--quiet", cwd=tmp_path)
    assert json.loads(out)["metrics"]["accuracy"] > 0.8
    out, _ = run("compare", "m.json", "m.json", "t.csv", "--json", "--quiet", cwd=tmp_path)
    assert json.loads(out)["rows"] == 60
    run("gradcheck", "m.json", "t.csv", cwd=tmp_path)
    run("plot", "m.json", "--data", "t.csv", cwd=tmp_path)
    out, _ = run("export", "m.json", "--out", "m.py", "--data", "t.csv", cwd=tmp_path)
    assert "tested on 60 rows" in out
    for words, stdin in ((["t.csv"], b""), (["-"], data)):
        done = subprocess.run(
            [sys.executable, "m.py", *words], cwd=tmp_path, input=stdin, capture_output=True
        )
        assert done.stderr == b""
        rows = read_csv(done.stdout.decode("utf-8"))
        assert [row[-1:] for row in rows] == read_csv(answers)


def other_ways(tmp_path):
    """Yield the same table without its label, written in other ways."""
    head = ("town", "b", "a")
    rows = [(town, f"{b:.3f}", f"{a:.3f}") for a, b, town in ROWS]
    for sign in ",;\t|":
        for titles in ("", "Sales\n\n"):
            file = io.StringIO()
            csv.writer(file, delimiter=sign).writerows([head, *rows])
            for encoding in ("utf-8", "cp1252", "utf-16"):
                (tmp_path / "o.csv").write_bytes((titles + file.getvalue()).encode(encoding))
                yield "o.csv"


@pytest.mark.parametrize("name", ["cp1252", "below titles", "single quotes", "blanks"])
def test_a_model_reads_its_columns_in_another_table(name, tmp_path):
    data = WRITTEN[name]
    data = data if isinstance(data, bytes) else data.encode("utf-8")
    (tmp_path / "t.csv").write_bytes(data)
    words = ["--target", "label", "--out", "m.json", "--epochs", 30, "--quiet"]
    run("train", "t.csv", *words, cwd=tmp_path)
    answers, _ = run("predict", "m.json", "t.csv", "--only", cwd=tmp_path)
    for other in other_ways(tmp_path):
        out, err = run("predict", "m.json", other, "--only", cwd=tmp_path)
        assert out == answers
        assert err == "" or err.startswith("note: o.csv has decimal points, and is read so, alth")


def test_names_that_are_numbers_are_found_in_any_order(tmp_path):
    (tmp_path / "t.csv").write_text(WRITTEN["names that are numbers"], encoding="utf-8")
    words = ["--target", "label", "--ignore", "town", "--out", "m.json", "--epochs", 30, "--quiet"]
    run("train", "t.csv", *words, cwd=tmp_path)
    answers, _ = run("predict", "m.json", "t.csv", "--only", cwd=tmp_path)
    # Nothing but the model's names tells that the first line is a header.
    text = "town,2020,2019\n" + "".join(f"{town},{b:.3f},{a:.3f}\n" for a, b, town in ROWS)
    for above in ("", "Sales\n"):
        (tmp_path / "o.csv").write_text(above + text, encoding="utf-8")
        assert run("predict", "m.json", "o.csv", "--only", cwd=tmp_path) == (answers, "")


# --- decimal signs ------------------------------------------------------------------------------


def test_what_cells_show_of_their_decimal_sign():
    assert signs_of(["1.5", ".5", "5.", "-0.125", "$12.50", "12.5 %"]) == Signs(6, 0, [], [])
    assert signs_of(["1,5", "1.234,5", "1.234.567", "1,50 €", "0,125"]) == Signs(0, 5, [], [])
    maybe = Signs(0, 0, [1.234, 12.345], [1.234])
    assert signs_of(["1.234", "1,234", "12.345 €", "1.234"]) == maybe
    assert signs_of(["7", "a.b", "01.02.2020", "1,2,3", "Doe, J", ""]) == Signs(0, 0, [], [])
    assert guessed_decimal([["1.234,50"]], ";") == ","
    assert guessed_decimal([["1,234"]], "\t") == ","
    assert guessed_decimal([["1.234", "1,234"]], ";") == "."


@pytest.fixture
def german(tmp_path):
    """A folder with a model that was trained on decimal commas, of numbers around 3."""
    (tmp_path / "t.csv").write_text(lines(sign=";", decimal=","), encoding="utf-8")
    words = ["--target", "label", "--out", "m.json", "--epochs", 30, "--quiet"]
    run("train", "t.csv", *words, cwd=tmp_path)
    return tmp_path


NOTE = (
    "note: o.csv has decimal points, and is read so, although m.json was trained on decimal "
    "commas; --decimal , reads it as in training\n"
)


@pytest.mark.parametrize("sign", [",", ";"])
@pytest.mark.parametrize("digits", [1, 3])
def test_points_do_not_become_thousands(german, sign, digits):
    answers, _ = run("predict", "m.json", "t.csv", "--only", cwd=german)
    rows = [(f"{a:.{digits}f}", f"{abs(b) + 1:.{digits}f}", town) for a, b, town in ROWS]
    text = "".join(sign.join(row) + "\n" for row in [("a", "b", "town"), *rows])
    (german / "o.csv").write_text(text, encoding="utf-8")
    out, err = run("predict", "m.json", "o.csv", "--only", cwd=german)
    assert err == NOTE
    same = sum(x == y for x, y in zip(out.split(), answers.split()))
    assert same >= 50
    out, err = run("evaluate", "m.json", "t.csv", cwd=german)
    assert "decimal" not in err
    run("export", "m.json", "--out", "m.py", cwd=german)
    done = subprocess.run([sys.executable, "m.py", "o.csv"], cwd=german, capture_output=True)
    assert done.returncode == 2
    assert b"numbers have points, but the model was trained on decimal commas" in done.stderr


def test_thousands_stay_thousands_where_they_were_trained_on(tmp_path):
    rows = [f"{RNG.uniform(1000, 9000):,.2f}" for _ in range(60)]
    rows = [row.translate(str.maketrans(",.", ".,")) for row in rows]
    text = "a;label\n" + "".join(f"{row};{'x' if row[0] > '4' else 'y'}\n" for row in rows)
    (tmp_path / "t.csv").write_text(text)
    words = ["--target", "label", "--out", "m.json", "--epochs", 30, "--quiet"]
    run("train", "t.csv", *words, cwd=tmp_path)
    (tmp_path / "o.csv").write_text("a\n8.500\n1.200\n")
    assert run("predict", "m.json", "o.csv", "--only", cwd=tmp_path) == (
        "predicted_label\nx\ny\n", "",
    )  # fmt: skip


def test_commas_are_read_by_a_model_of_points(tmp_path):
    (tmp_path / "t.csv").write_text(lines(), encoding="utf-8")
    words = ["--target", "label", "--out", "m.json", "--epochs", 30, "--quiet"]
    run("train", "t.csv", *words, cwd=tmp_path)
    answers, _ = run("predict", "m.json", "t.csv", "--only", cwd=tmp_path)
    (tmp_path / "o.csv").write_text(lines(sign=";", decimal=","), encoding="utf-8")
    out, err = run("predict", "m.json", "o.csv", "--only", cwd=tmp_path)
    assert out == answers
    assert err == (
        "note: o.csv has decimal commas, and is read so, although m.json was trained on decimal "
        "points; --decimal . reads it as in training\n"
    )


# --- rows that cannot be read -------------------------------------------------------------------


@pytest.fixture
def broken(tmp_path):
    """A folder with a model, and a table of 60 rows, some of which cannot be read."""
    (tmp_path / "t.csv").write_text(lines(), encoding="utf-8")
    words = ["--target", "label", "--out", "m.json", "--epochs", 30, "--quiet"]
    run("train", "t.csv", *words, cwd=tmp_path)
    text = lines().splitlines()
    text[3] = "oops,1,Ulm,low"
    text[7] = "1,2"
    text[9] = "1,2,Ulm,low,more"
    (tmp_path / "o.csv").write_text("\n".join(text), encoding="utf-8")
    return tmp_path


def test_predict_keeps_going(broken):
    whole = read_csv(run("predict", "m.json", "t.csv", "--proba", cwd=broken)[0])
    out, err = run("predict", "m.json", "o.csv", "--proba", "--keep-going", cwd=broken)
    rows = read_csv(out)
    assert rows[0] == [*whole[0], "note"]
    bad = {
        3: "column 'a' needs numbers, got the text 'oops'",
        7: "2 cells where the header has 4: column 3 ('town') is missing",
        9: "5 cells where the header has 4: column 5 ('more') is one too many",
    }
    for i, (row, right) in enumerate(zip(rows[1:], whole[1:]), 1):
        assert row[4:] == ([""] * 3 + [bad[i]] if i in bad else [*right[4:], ""])
    assert rows[7][:4] == ["1", "2", "", ""] and rows[9][:4] == ["1", "2", "Ulm", "low"]
    assert err == (
        f"note: 3 of 60 rows of o.csv have no answer: line 4: {bad[3]}; line 8: {bad[7]}; "
        f"line 10: {bad[9]}\n"
    )
    out, err = run("predict", "m.json", "o.csv", "--only", "--keep-going", "--quiet", cwd=broken)
    assert err == "" and [row[-1] for row in read_csv(out)] == [row[-1] for row in rows]


def test_without_it_the_error_names_it(broken):
    _, err = run("predict", "m.json", "o.csv", "--out", "p.csv", cwd=broken, code=2)
    assert err == (
        "tinynn: o.csv, line 8: 2 cells where the header has 4: column 3 ('town') is missing; is a "
        "quote or a separator missing, or is there one too many?; --keep-going leaves the answers "
        "of such rows empty\n"
    )
    assert not (broken / "p.csv").exists()


def test_a_table_without_any_answer_is_an_error(broken):
    (broken / "o.csv").write_text("a,b,town\n?,x,\n1,y,\n")
    words = ["predict", "m.json", "o.csv", "--keep-going", "--out", "p.csv"]
    _, err = run(*words, cwd=broken, code=2)
    assert err == (
        "tinynn: o.csv: none of 2 rows can be read: line 2: column 'b' needs numbers, got the text "
        "'x'; line 3: column 'b' needs numbers, got the text 'y'\n"
    )
    assert not (broken / "p.csv").exists()


def test_words_for_missing_values_can_be_given_later(broken):
    text = lines().splitlines()
    text[3], text[5] = "oops,1,Ulm,low", "-99,1,Ulm,low"
    (broken / "o.csv").write_text("\n".join(text), encoding="utf-8")
    words = ["m.json", "o.csv", "--missing", "oops", "--missing", "-99"]
    for command in ("predict", "evaluate"):
        _, err = run(command, *words, cwd=broken)
        assert "note: o.csv has missing cells, filled as in training: 2 in 'a'\n" in err
    run("compare", "m.json", *words, cwd=broken)
    run("predict", "m.json", "o.csv", cwd=broken, code=2)


# --- above and below a table --------------------------------------------------------------------


def test_a_row_of_totals_is_noticed(tmp_path):
    (tmp_path / "t.csv").write_text(lines() + "1,2,Total,low\n", encoding="utf-8")
    note = (
        "note: line 62 of t.csv, the last row, seems to hold totals ('Total'), but is read like "
        "all others; --skip-end 1 leaves it out\n"
    )
    words = ["t.csv", "--target", "label", "--out", "m.json", "--epochs", 3]
    for more in ([], ["--stream"]):
        out, err = run("train", *words, *more, cwd=tmp_path)
        assert note in err
    assert "t.csv: 61 rows" in run("train", *words, cwd=tmp_path)[0]
    out, err = run("train", *words, "--skip-end", 1, cwd=tmp_path)
    assert "t.csv: 60 rows" in out and "totals" not in err
    assert note in run("evaluate", "m.json", "t.csv", cwd=tmp_path)[1]
    out, err = run("evaluate", "m.json", "t.csv", "--skip-end", 1, cwd=tmp_path)
    assert "test on 60 rows" in out and "totals" not in err


def test_lines_above_a_table_can_be_counted(tmp_path):
    (tmp_path / "t.csv").write_text("x;y\n1;2\n" + lines(), encoding="utf-8")
    words = ["t.csv", "--target", "label", "--epochs", 3]
    out, _ = run("train", *words, "--skip", 2, cwd=tmp_path)
    assert out.startswith(
        "t.csv: 60 rows, separated by commas, lines 1 and 2 left out, line 3 names the columns\n"
    )
    (tmp_path / "t.csv").write_text(lines(), encoding="utf-8")
    _, err = run("train", *words, "--skip", 100, cwd=tmp_path, code=2)
    assert err == "tinynn: t.csv is empty; a table needs at least one row\n"


def test_how_a_table_was_read_is_kept_with_the_model(tmp_path):
    (tmp_path / "t.csv").write_bytes(WRITTEN["cp1252"])
    words = ["--target", "label", "--out", "m.json", "--epochs", 3, "--quiet"]
    run("train", "t.csv", *words, cwd=tmp_path)
    content = json.loads((tmp_path / "m.json").read_text())["about"]
    about = About.from_dict(content, "x")
    assert about.reading == Reading(";", '"', True, "cp1252")
    assert About.from_dict(about.to_dict(), "x") == about
    del content["reading"]  # as in the oldest files
    assert About.from_dict(content, "x").reading is None


def test_lines_of_parts_are_found_again():
    found, one = Lines(), Lines()
    for part in (range(2, 5), range(5, 6), [7, 9], range(12, 14), range(0)):
        found.extend(part)
        for line in part:
            one.add(line)
    assert [found.of(i) for i in range(8)] == [one.of(i) for i in range(8)]
    assert [found.of(i) for i in range(8)] == [2, 3, 4, 5, 7, 9, 12, 13]
