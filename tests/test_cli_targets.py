"""Targets on the command line: numbers with units, words that are classes, spellings."""

from __future__ import annotations

import json
import random

import pytest
from test_cli import run

from tinynn.cli.models import About
from tinynn.cli.tables import cell_reader, guessed_target, left_out
from tinynn.errors import DataError, FormatError
from tinynn.preprocessing.notation import Notation


def table(folder, name, label, rows=200):
    """Write a table of two random numbers and `label(i, x)` in each row."""
    rng = random.Random(1)
    lines = ["x,z,y"]
    for i in range(rows):
        x = rng.gauss(0, 1)
        lines.append(f"{x:.3f},{rng.random():.3f},{label(i, x)}")
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def trained(folder, *words, code=0):
    return run(
        "train", "t.csv", "--target", "y", "--out", "m.json", "--epochs", 3, *words,
        cwd=folder, code=code,
    )  # fmt: skip


def line_of(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))


# Words


def of_words(i, x):
    return "None" if x < 0 else "NULL" if i % 50 == 0 else "Severe" if x > 1 else "Minor"


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_a_frequent_word_is_a_class_and_a_rare_one_is_told(stream, tmp_path):
    table(tmp_path, "t.csv", of_words)
    out, err = trained(tmp_path, *stream)
    assert "; 'None' is read as a class because it is frequent (--missing None leaves those" in out
    assert (
        "note: left out 2 rows (1%) without a target ('NULL' in 2); if 'NULL' is a class, give "
        "--not-missing NULL\n" in err
    )
    saved = json.loads((tmp_path / "m.json").read_text())
    assert saved["targets"]["classes"] == ["Minor", "None", "Severe"]
    (tmp_path / "n.csv").write_text("z,x\n0.5,-2\n0.5,-3\n")
    assert len(run("predict", "m.json", "n.csv", cwd=tmp_path)[0].splitlines()) == 3
    found = json.loads(run("evaluate", "m.json", "t.csv", "--json", cwd=tmp_path)[0])
    assert found["classes"] == ["Minor", "None", "Severe"] and found["rows"] == 198


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_words_are_classes_as_asked(stream, tmp_path):
    table(tmp_path, "t.csv", of_words)
    trained(tmp_path, *stream, "--not-missing", "NULL")
    saved = json.loads((tmp_path / "m.json").read_text())
    assert saved["targets"]["classes"] == ["Minor", "NULL", "None", "Severe"]
    assert saved["encoder"]["settings"]["not_missing"] == ["NULL"]
    found = json.loads(run("evaluate", "m.json", "t.csv", "--json", cwd=tmp_path)[0])
    assert found["rows"] == 200


@pytest.mark.parametrize("stream", [[], ["--stream"]])
@pytest.mark.parametrize(
    ("words", "word", "message"),
    [
        (
            ["--missing", "None"], "None",
            "t.csv: column 'y' has no target in most rows, 133 of 200 ('None' in 133); if 'None' "
            "is a class, give --not-missing None; otherwise delete those rows",
        ),
        (
            [], "NULL",
            "t.csv: column 'y' has no target in most rows, 133 of 200 ('NULL' in 133); if 'NULL' "
            "is a class, give --not-missing NULL; otherwise delete those rows",
        ),
        (
            [], "",
            "t.csv: column 'y' has no target in most rows, 133 of 200 (empty in 133); delete those "
            "rows",
        ),
    ],
)  # fmt: skip
def test_a_table_that_mostly_has_no_target_is_refused(stream, words, word, message, tmp_path):
    table(tmp_path, "t.csv", lambda i, x: word if i % 3 else "ab"[x > 0])
    assert trained(tmp_path, *stream, *words, code=2)[1].endswith(f"tinynn: {message}\n")
    table(tmp_path, "t.csv", lambda i, x: "ab"[x > 0])
    trained(tmp_path)
    table(tmp_path, "t.csv", lambda i, x: "" if i % 3 else "ab"[x > 0])
    assert (
        "has no target in most rows" in run("evaluate", "m.json", "t.csv", cwd=tmp_path, code=2)[1]
    )


def test_few_rows_without_a_target_are_a_share_too():
    words = "note: left out 1 row (less than 1%) without a target (empty in 1)"
    assert left_out({"": 1}, 1000, "t.csv", mend=True) == words
    assert "('NA' in 30, empty in 20)" in left_out({"": 20, "NA": 30}, 100, "t.csv", mend=False)
    with pytest.raises(DataError):
        left_out({"": 501}, 1000, "t.csv", mend=True)


def test_words_stay_missing_among_numbers_unless_asked(tmp_path):
    cells = ["0", "1", "NA"] * 50
    reader = cell_reader((), ".")
    assert "NA" in guessed_target("y", 0, cells, reader).missing
    reader = cell_reader((), ".", ["NA"])
    assert "NA" not in guessed_target("y", 0, cells, reader).missing
    assert "NA" in guessed_target("y", 0, [*map(str, range(99)), "NA"], reader).missing


# Numbers


@pytest.mark.parametrize("stream", [[], ["--stream"]])
@pytest.mark.parametrize(
    ("write", "words", "notation"),
    [
        (
            lambda x: f'"${5000 + 1000 * x:,.0f}"',
            "(money in $, commas between thousands), read as ",
            [".", True, "$", True],
        ),
        (lambda x: f"{50 + x:.2f}%", "(percent)", [".", False, "%", True]),
        (lambda x: f"({50 + x:.2f})", "", [".", False, "", True]),
    ],
    ids=["money", "percent", "parentheses"],
)
def test_a_target_of_numbers_as_people_write_them(stream, write, words, notation, tmp_path):
    table(tmp_path, "t.csv", lambda i, x: write(x))
    out, _ = trained(tmp_path, *stream, "--epochs", 40)
    line = line_of(out, "target")
    assert "numbers" in line and "written like '" in line and words in line
    saved = json.loads((tmp_path / "m.json").read_text())
    assert saved["about"]["notation"] == notation
    found = json.loads(run("evaluate", "m.json", "t.csv", "--json", cwd=tmp_path)[0])
    assert found["rows"] == 200 and found["metrics"]["r2"] > 0.9


def test_a_target_in_another_notation_than_in_training_is_refused(tmp_path):
    table(tmp_path, "t.csv", lambda i, x: f"{50 + x:.2f}%")
    trained(tmp_path)
    table(tmp_path, "t.csv", lambda i, x: f"{0.5 + x / 100:.4f}")
    message = (
        "tinynn: t.csv, line 2, column 3 ('y'): the target needs numbers, got '0.5129'; the column "
        "is in percent, so put a % behind the number\n"
    )
    assert run("evaluate", "m.json", "t.csv", cwd=tmp_path, code=2)[1] == message


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_targets_in_contradictory_notations_are_refused(stream, tmp_path):
    table(tmp_path, "t.csv", lambda i, x: f"{i}%" if i != 3 else "0.5")
    message = (
        "tinynn: t.csv: column 'y' has percents beside plain numbers: '0%' in line 2, '0.5' in "
        "line 5; write them all one way, or give --task classify to predict them as classes\n"
    )
    assert trained(tmp_path, *stream, code=2)[1].endswith(message)


def test_columns_are_read_as_the_whole_table_shows(tmp_path):
    """Rows held out may be the only ones that show how a column is written."""
    lines = ["x,z,y"]
    for i in range(200):
        text = f"{i + 1}.{i:03d}" if i != 150 else '"1.234,5"'
        lines.append(f"{text},{i % 7},{i % 7}.5")
    for row in range(100, 104):
        lines[row] = lines[row].replace(",", " kr,", 1)
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    for words in ([], ["--stream"], ["--test-share", "0.5"], ["--search"]):
        out, _ = trained(tmp_path, *words)
        assert "x  number, from 1000 to 200199" in out or words == ["--stream"]
        saved = json.loads((tmp_path / "m.json").read_text())["encoder"]["columns"][0]
        assert (saved["decimal"], saved["grouped"], saved["unit"]) == (",", True, "kr")


def test_money_and_percents_in_columns(tmp_path):
    rng = random.Random(0)
    lines = ["income,rate,y"]
    for _ in range(300):
        income, rate = rng.uniform(500, 9000), rng.uniform(0, 100)
        lines.append(f'"${income:,.2f}",{rate:.1f}%,{income / 100 + rate:.2f}')
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    out, _ = trained(tmp_path, "--epochs", 60)
    assert "(money in $, commas between thousands)" in line_of(out, "  income")
    assert "(percent)" in line_of(out, "  rate")
    for extension in ("py", "mjs", "h"):
        run("export", "m.json", "--out", f"m.{extension}", cwd=tmp_path)
    found = json.loads(run("evaluate", "m.json", "t.csv", "--json", cwd=tmp_path)[0])
    assert found["metrics"]["r2"] > 0.95
    space = {"__name__": "m"}
    exec((tmp_path / "m.py").read_text(), space)
    answer = run("predict", "m.json", "-", "--only", cwd=tmp_path, stdin=b"income,rate\n$1,5%\n")[0]
    assert space["predict"](["$1", "5%"]) == pytest.approx(float(answer.splitlines()[1]))
    assert '"rate": a number in "%"' in (tmp_path / "m.h").read_text()


@pytest.mark.parametrize("column", ["x", "y"])
def test_one_cell_of_text_among_numbers_is_told_in_a_small_table_too(column, tmp_path):
    for rows, numbers in ((152, 151), (1001, 1000)):
        (tmp_path / "t.csv").write_text(
            "x,y\n"
            + "".join(
                f"{'oops' if column == 'x' and i == 90 else i % 9},"
                f"{'oops' if column == 'y' and i == 90 else i % 9}\n"
                for i in range(rows)
            )
        )
        message = (
            f"t.csv: column 'x' has {numbers:,} numbers and 1 text value (line 92 has 'oops'); if "
            "this means a missing value, give --missing 'oops'; if the numbers are names, give "
            "--categories 'x'"
            if column == "x"
            else "t.csv, line 92, column 2 ('y'): the target needs numbers, got 'oops'; if that "
            "means that the value is missing, give --missing 'oops'; if the column holds classes, "
            "give --task classify"
        )
        assert trained(tmp_path, "--quiet", code=2)[1] == f"tinynn: {message}\n"


# Spellings


@pytest.mark.parametrize("stream", [[], ["--stream"]])
def test_1_and_1_0_are_one_class(stream, tmp_path):
    table(tmp_path, "t.csv", lambda i, x: ("1" if i % 2 else "1.0") if x > 0 else "0")
    trained(tmp_path, *stream)
    saved = json.loads((tmp_path / "m.json").read_text())
    first = next(
        line.rpartition(",")[2]
        for line in (tmp_path / "t.csv").read_text().splitlines()
        if line.rpartition(",")[2].startswith("1")
    )
    assert saved["targets"]["classes"] == ["0", first]
    for name, form in (("int.csv", int), ("float.csv", float)):
        table(tmp_path, name, lambda i, x, form=form: form(x > 0))
        found = json.loads(run("evaluate", "m.json", name, "--json", cwd=tmp_path)[0])
        assert found["rows"] == 200
        run("compare", "m.json", "m.json", name, cwd=tmp_path)
    answers = run("predict", "m.json", "int.csv", "--only", cwd=tmp_path)[0].split()[1:]
    assert set(answers) <= {"0", first}


def test_codes_and_versions_are_classes_as_they_are_written():
    def classes(cells, decimal="."):
        target = guessed_target("y", 0, cells, cell_reader((), decimal), "classify")
        return [target.of([cell], "t.csv", 2) for cell in cells]

    assert classes(["01", "1", "1.0", "1.10", "1.1"]) == ["01", "1", "1", "1.10", "1.1"]
    assert classes(["2.0", "2"]) == ["2.0", "2.0"]
    assert classes(["3,0", "3", "a,0"], ",") == ["3,0", "3,0", "a,0"]
    codes = guessed_target("y", 0, [f"{i % 4:05d}" for i in range(40)], cell_reader((), "."))
    assert (codes.task, codes.why) == ("classify", "the column holds codes with leading zeros")


# Files


def test_how_the_target_is_written_is_saved():
    about = About("y", "t.csv", 10, 2, None, notation=Notation(",", True, "€", True))
    state = json.loads(json.dumps(about.to_dict()))
    assert About.from_dict(state, "m.json: about") == about
    del state["notation"]
    assert About.from_dict(state, "m.json: about").notation is None
    with pytest.raises(FormatError) as error:
        About.from_dict({**state, "notation": ["x", 1, 2, 3]}, "m.json: about")
    assert str(error.value) == "m.json: about has an invalid notation: ['x', 1, 2, 3]"
