"""The benchmark of real tables: what it reads, holds out, compares, and says when all goes wrong.

No time that is measured here decides anything.
"""

from __future__ import annotations

import json
import random
import sys
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # benchmarks is not installed

from benchmarks import environment, real_tables, table_report
from benchmarks.jobs import Refused
from benchmarks.measure import Plan
from benchmarks.results import Results
from benchmarks.table_peers import LINEAR, NETWORK, PEERS, Reached, TablePeer
from benchmarks.table_report import Found, worse
from benchmarks.tables import NATIVE, PURE
from benchmarks.tasks.kinds import Command
from benchmarks.tasks.real_tables import CLASSIFY, REGRESS, TABLES, Table, cells_of, made_up

ABOUT = {
    "interpreter": "CPython 3.11.7", "processor": "a processor", "system": "a system",
    "versions": {"tinynn": "0.1.0"}, "date": "today", "command": "a command",
}  # fmt: skip
NO_TIMES = Plan("real-tables", 0, 0, 0.0, 1.0)


def found(name="cars", task=REGRESS, **tested):
    """Return what was found on a table; scores by implementation, each with a loss of its half."""
    tested = {who.replace("_", "-"): [Reached(9, s, s / 2) for s in t] for who, t in tested.items()}
    return Found(name, task, "y", {"id": "a number"}, "a-package", "1.0", 90, 3, tested=tested)


class Guesser(TablePeer):
    """Gives the same score each time, and tests as many rows as it likes."""

    def __init__(self, rows, printed="150"):
        super().__init__("guesser", "a guesser")
        self.rows, self.printed = rows, printed

    def refusal(self):
        return ""

    def test(self, table, train, test, seed):
        return Reached(self.rows, 0.5, 0.7)

    def command(self, table, whole, seed):
        return Command(self.name, self.title, f"print({self.printed})")


def test_tables_are_read_from_whatever_a_package_has(tmp_path):
    expected = [["a", "y"], ["1", "x, z"], ["", "w"]]
    text = 'a,y\n1,"x, z"\n,w\n'
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
        archive.writestr("t.csv", text)
    (tmp_path / "t.json").write_text('[{"a": 1, "y": "x, z"}, {"a": null, "y": "w"}]')
    for name in ("t.csv", "t.csv.zip", "t.json"):
        assert cells_of(tmp_path / name) == expected, name


def test_a_pickle_of_pandas_is_read(tmp_path):
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "t.pkl.compress"
    pandas.DataFrame({"a": [1, 2], "y": ["x", None]}).to_pickle(path, compression="xz")
    assert cells_of(path) == [["a", "y"], ["1", "x"], ["2", ""]]


def test_a_class_that_pandas_took_for_missing_comes_back():
    cells = [["a", "y"], ["1", "hurt"], ["2", ""]]
    table = Table("t", "", "", "y", CLASSIFY, none="None", made=lambda: cells)
    assert table.cells() == [["a", "y"], ["1", "hurt"], ["2", "None"]]


def test_rows_of_a_large_table_are_drawn_in_their_order_and_always_the_same():
    cells = [["y"], *([str(i)] for i in range(100))]
    table = Table("t", "", "", "y", REGRESS, rows=10, made=lambda: cells)
    drawn = table.cells()
    assert drawn == table.cells() and drawn[0] == ["y"] and len(drawn) == 11
    numbers = [int(row[0]) for row in drawn[1:]]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("task", [CLASSIFY, REGRESS])
def test_a_fifth_of_the_known_rows_is_held_out(task):
    cells = [["a", "y"], *([str(i), str(i % 4)] for i in range(100)), ["100", ""], ["101", " "]]
    if task == REGRESS:
        cells += [["102", "NA"], ["103", "nan"]]
    table = Table("t", "", "", "y", task, made=lambda: cells)
    assert sum(map(bool, table.known(cells))) == 100
    train, test = table.split(cells, 1)
    assert (len(train), len(test)) == (81, 21)
    assert train[0] == test[0] == ["a", "y"]
    assert sorted(int(row[0]) for row in train[1:] + test[1:]) == list(range(100))
    assert table.split(cells, 1) == (train, test) != table.split(cells, 2)
    if task == CLASSIFY:  # each class has its share
        assert [sum(row[1] == str(k) for row in test[1:]) for k in range(4)] == [5] * 4


def test_what_is_not_installed_is_skipped_with_the_mend(monkeypatch, tmp_path):
    table = Table("t", "no_such_package", "t.csv", "y", REGRESS, distribution="no-such-package")
    said = []
    monkeypatch.setattr(real_tables, "say", said.append)
    missing = real_tables.look_at(table, PEERS, 2, NO_TIMES, tmp_path)
    reason = "not installed (pip install --no-deps no-such-package)"
    assert missing.skipped == reason and said == [f"    skipped: {reason}"]
    page = table_report.report([missing], PEERS, Results("real-tables", ABOUT, []))
    assert f"| t | no-such-package unknown | y, numbers | – | – | **skipped**: {reason} |" in page
    with pytest.raises(Refused, match=r"this version of json has no file t\.csv"):
        Table("t", "json", "t.csv", "y", REGRESS).cells()


def test_columns_are_left_out_for_a_reason_and_are_there():
    assert len(TABLES) >= 8 and len({table.name for table in TABLES}) == len(TABLES)
    for table in TABLES:
        assert all(table.left_out.values()) and table.target not in table.left_out
        if not table.file.endswith(".csv"):
            continue  # these take seconds to read
        try:
            header, *rows = table.cells()
        except Refused:
            continue
        assert {table.target, *table.left_out} <= set(header), table.name
        assert {len(row) for row in rows} == {len(header)}, table.name


@pytest.mark.slow
def test_a_different_number_of_test_rows_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(real_tables, "say", str)
    once = Plan("real-tables", 1, 1, 0.0, 0.0)
    table = made_up()[0]
    few = real_tables.look_at(table, [Guesser(29)], 2, once, tmp_path)
    assert few.wrong == {"guesser": "tested 29 of 30 rows"} and not few.tested
    assert few.times.rows == []  # nothing wrong is timed
    other = real_tables.look_at(table, [Guesser(30, "149")], 2, once, tmp_path)
    assert other.wrong == {} and len(other.tested["guesser"]) == 2
    assert table_report.troubles([few, other]) == [
        "made-up classes: guesser: tested 29 of 30 rows",
        "made-up classes: a guesser: differs from the reference by 1; at most 1e-08 is allowed",
    ]


def test_differences_are_taken_seed_by_seed():
    """Both errors of the means are 0.0577, that of the difference is 0.0058."""
    scores = found(tinynn=[0.60, 0.71, 0.80], network=[0.61, 0.71, 0.82])
    difference, error = scores.apart(PURE, NETWORK, "score")
    assert (difference, error) == (pytest.approx(-0.01), pytest.approx(0.01 / 3**0.5))
    better, error = scores.apart(PURE, NETWORK, "loss")  # a smaller loss is better
    assert (better, error) == (pytest.approx(0.005), pytest.approx(0.005 / 3**0.5))
    assert worse([scores], PURE) == ["cars"] and worse([scores], NATIVE) == []
    assert worse([found(tinynn=[0.6, 0.7], network=[0.7, 0.65])], PURE) == []


def test_the_page_says_who_is_worse_and_where_the_tables_are_from():
    everything = [
        found("cars", tinynn_native=[0.8, 0.8], network=[0.9, 0.9], linear=[0.7, 0.9]),
        found("wine", CLASSIFY, tinynn_native=[0.95, 0.85], network=[0.8, 0.8]),
    ]
    page = table_report.report(everything, PEERS, Results("real-tables", ABOUT, []))
    assert (
        "| table | tinynn native | linear model | network | tinynn native, better by |\n"
        "|---|---|---|---|---|\n"
        "| cars | 0.8000 ± 0.0000 | 0.8000 ± 0.1000 | 0.9000 ± 0.0000 | **-0.1000 ± 0.0000** |\n"
        "| wine | 0.9000 ± 0.0500 | – | 0.8000 ± 0.0000 | +0.1000 ± 0.0500 |\n"
    ) in page
    assert "held out by 2 seeds" in page
    assert (
        "Of 2 tables, tinynn native is better than scikit-learn's network by more than the error "
        "on 1 and worse on 1 (cars).\n"
    ) in page
    assert "| cars | a-package 1.0 | y, numbers | 90 | 3 | id: a number |\n" in page
    assert page.endswith("a system, one thread each; tinynn 0.1.0; today; `a command`.\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "iris"], "unknown table 'iris'; available: penguins, titanic, german credit,"),
        (["--peer", "keras"], "unknown implementation 'keras'; available: tinynn, tinynn-native,"),
    ],
)
def test_an_unknown_name_is_refused(words, message, capsys):
    assert real_tables.main(words) == 2
    assert capsys.readouterr().err.startswith(message)


def test_one_seed_has_no_error(capsys):
    with pytest.raises(SystemExit):
        real_tables.main(["--seeds", "1"])
    assert "--seeds: needs 0, or 2 or more for an error, got 1" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("name", [PURE, LINEAR])
def test_nobody_sees_a_column_that_is_left_out(name, tmp_path, monkeypatch):
    """The rest is noise: with the column everyone would be right about every row."""
    (peer,) = (peer for peer in PEERS if peer.name == name)
    if peer.refusal():
        pytest.skip(peer.refusal())
    monkeypatch.setattr(real_tables, "say", str)
    draw = random.Random(1)
    rows = [[f"{draw.random():.3f}", label, label] for label in 100 * ["no", "yes"]]
    cells = [["noise", "leak", "y"], *rows]
    table = Table("t", "", "", "y", CLASSIFY, {"leak": "it is the target"}, made=lambda: cells)
    seen = real_tables.look_at(table, [peer], 1, NO_TIMES, tmp_path)
    assert seen.wrong == {}
    ((rows, score, loss),) = seen.tested[name]
    assert rows == 40 and score < 0.8 and loss > 0.5


@pytest.mark.slow
def test_the_command_runs_prints_and_writes(capsys, tmp_path, monkeypatch):
    for name in environment.ONE_THREAD:
        monkeypatch.setenv(name, "1")
    words = ["--tiny", "--peer", "tinynn", "--only", "*numbers", "--out", str(tmp_path)]
    assert real_tables.main(words) == 0
    out, err = capsys.readouterr()
    assert "[1/1] made-up numbers\n    seed 0, tinynn: 0.9" in err
    assert "## Seconds of the whole command" in out and "than linear model" not in out
    assert (tmp_path / "real-tables.md").read_text(encoding="utf-8") == out
    content = json.loads((tmp_path / "real-tables.json").read_text(encoding="utf-8"))
    (table,) = content["tables"]
    assert (table["name"], table["rows"], table["wrong"]) == ("made-up numbers", 150, {})
    assert [t["rows"] for t in table["tested"]["tinynn"]] == [30, 30]
    assert table["times"]["rows"][0]["cpu"]["median"] > 0.0
    assert str(tmp_path) not in json.dumps(content)
