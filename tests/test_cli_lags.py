"""`train --lags`: tables in the order of time, predicted from the rows before."""

import csv
import io
import json
import math
import random

import pytest
from hypothesis import given, strategies as st
from test_cli import run

import tinynn as nn
from tinynn.cli.lag_names import lagged_name, parts_of
from tinynn.cli.models import load_model
from tinynn.metrics import r2_score


def write(path, rows, header=("day", "y")):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def wave(count=240, seed=1):
    rng = random.Random(seed)
    return [round(3 * math.sin(t / 5) + rng.gauss(0, 0.05), 4) for t in range(count)]


def days(count):
    return [f"2021-{1 + t // 28 % 12:02d}-{1 + t % 28:02d}" for t in range(count)]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("series")
    write(folder / "wave.csv", [[y] for y in wave()], ["y"])
    write(folder / "dated.csv", list(zip(days(120), wave(120))))
    run("train", "wave.csv", "--target", "y", "--lags", 6, "--out", "w.json", "--quiet", cwd=folder)
    run("train", "dated.csv", "--target", "y", "--lags", 4, "--out", "d.json", "--quiet",
        cwd=folder)  # fmt: skip
    run("train", "dated.csv", "--target", "y", "--out", "rows.json", "--quiet", cwd=folder)
    return folder


@given(st.text(), st.integers(1, 10_000))
def test_names_of_lags_are_read_again(column, lag):
    assert parts_of(lagged_name(column, lag)) == (column, lag)


def test_a_wave_is_continued_better_than_by_repeating_the_last_value(home, tmp_path):
    out, _ = run(
        "train", home / "wave.csv", "--target", "y", "--lags", 6, "--out", "m.json", cwd=tmp_path
    )
    assert (
        "series: each row learns from 'y' of the 6 rows before it, in the order of the table; 234 "
        "rows have as many before them\n"
    ) in out
    assert "rows: 150 to train on, 37 to decide when to stop, 47 to test, in the order of time" in (
        out
    )
    assert "; the model, 0.99" in out and out.count("is better\n") >= 1
    # The same by hand: the last 47 rows, by the value before each.
    y = wave()
    repeating = r2_score(y[-47:], y[-48:-1])
    assert f"repeating the last value: R² {repeating:.3f} on the rows to test; " in out
    said, _ = run("inspect", "m.json", cwd=tmp_path)
    assert "a series, of which each row is predicted from the 6 rows before it" in said


def test_the_test_and_the_decision_to_stop_are_about_the_last_rows(home, tmp_path):
    """What comes later changes neither what is learned nor when it ends."""
    y = wave()
    for name, change in (("same", 1.0), ("other", -7.0)):
        write(tmp_path / f"{name}.csv", [[v] for v in [*y[:-47], *(change * v for v in y[-47:])]],
              ["y"])  # fmt: skip
        run("train", f"{name}.csv", "--target", "y", "--lags", 6, "--no-refit", "--out",
            f"{name}.json", "--quiet", cwd=tmp_path)  # fmt: skip
    first, second = (nn.load(tmp_path / f"{name}.json") for name in ("same", "other"))
    assert first.network_.state() == second.network_.state()
    loss = first.history_.validation_loss[-1]
    write(tmp_path / "late.csv", [[v] for v in [*y[:-84], *(2 * v for v in y[-84:])]], ["y"])
    run("train", "late.csv", "--target", "y", "--lags", 6, "--no-refit", "--out", "l.json",
        "--quiet", cwd=tmp_path)  # fmt: skip
    assert nn.load(tmp_path / "l.json").history_.validation_loss[-1] > 2 * loss


def test_predictions_are_those_of_the_rows_before_and_of_what_follows(home):
    out, err = run("predict", "w.json", "wave.csv", cwd=home)
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0] == ["y", "predicted_y"]
    assert [row[1] for row in rows[1:7]] == [""] * 6 and len(rows) == 1 + 240 + 1
    model, y = nn.load(home / "w.json"), wave()
    windows = [[y[t - lag] for lag in range(1, 7)] for t in range(6, 241)]
    wanted = model.predict(windows)
    assert [float(row[1]) for row in rows[7:]] == pytest.approx(wanted, rel=1e-9)
    assert rows[-1][0] == ""
    assert err == "note: the last row is the forecast of what follows the table\n"


def test_a_row_without_a_target_is_forecast_and_no_other_follows(home, tmp_path):
    write(tmp_path / "next.csv", [*zip(days(120), wave(120)), (days(121)[-1], "")])
    asked, err = run("predict", home / "d.json", "next.csv", "--only", cwd=tmp_path)
    free, _ = run("predict", home / "d.json", home / "dated.csv", "--only", cwd=tmp_path)
    assert asked.splitlines()[-1] == free.splitlines()[-1]
    assert "forecast" not in err


def forecasts(words, **changes):
    out, err = run("predict", *words, "--only", **changes)
    rows = list(csv.reader(io.StringIO(out)))[1:]
    return [float(row[0]) if row[0] else None for row in rows], err


def test_each_forecast_is_fed_back_as_a_row_of_the_past(home):
    found, err = forecasts(["w.json", "wave.csv", "--steps", 5], cwd=home)
    model, y = nn.load(home / "w.json"), wave()
    for _ in range(5):
        y += model.predict([y[-1:-7:-1]])
    assert len(found) == 245 and found[-5:] == pytest.approx(y[-5:], rel=1e-9)
    assert err == "note: the last 5 rows are forecasts, each made from those before it\n"
    once, _ = forecasts(["w.json", "wave.csv"], cwd=home)
    assert found[:241] == once
    assert forecasts(["w.json", "wave.csv", "--steps", 1], cwd=home)[0] == once


def test_a_wave_is_forecast_over_a_whole_period(home):
    """What is fed back is in its right place: a shift of one row would be seen."""
    found, _ = forecasts(["w.json", "wave.csv", "--steps", 31], cwd=home)
    wanted = [3 * math.sin(t / 5) for t in range(240, 271)]
    assert r2_score(wanted, found[-31:]) > 0.97


def test_what_is_known_ahead_stands_in_rows_without_a_target(tmp_path):
    """The target is what another column said in the row before, and half of what it was itself."""
    rng = random.Random(5)
    said = [rng.choice([-1.0, 0.0, 1.0]) for _ in range(203)]
    y = [0.0]
    for x in said:
        y.append(x + 0.5 * y[-1])
    write(tmp_path / "t.csv", zip(said[:200], y), ["x", "y"])
    write(tmp_path / "ahead.csv", [*zip(said[:200], y), *([x, ""] for x in said[200:])], ["x", "y"])
    words = ("--target", "y", "--task", "regress", "--lags", 2, "--numbers", "x")
    run("train", "t.csv", *words, "--out", "m.json", "--quiet", cwd=tmp_path)
    found, err = forecasts(["m.json", "ahead.csv", "--steps", 4], cwd=tmp_path)
    assert found[-4:] == pytest.approx(y[200:], abs=0.2) and len(found) == 204
    assert "the last 4 rows are forecasts" in err
    out, _ = run("predict", "m.json", "ahead.csv", "--steps", 4, cwd=tmp_path)
    rows = list(csv.reader(io.StringIO(out)))[1:]
    assert [row[:2] for row in rows[200:]] == [[str(x), ""] for x in said[200:]] + [["", ""]]
    free, err = forecasts(["m.json", "ahead.csv"], cwd=tmp_path)
    assert free[-3] == found[-4] and free[-2] != found[-3]
    assert err.startswith(
        "note: the last 3 rows have no 'y', and take it as missing in the rows before them; "
        "--steps 3 feeds each forecast to the next\n"
    )


def test_forecasts_of_classes_and_of_numbers_in_other_notations_are_fed_back(tmp_path):
    write(tmp_path / "sky.csv", [["rain" if t % 3 else "sun"] for t in range(120)], ["sky"])
    run("train", "sky.csv", "--target", "sky", "--lags", 2, "--out", "s.json", "--quiet",
        cwd=tmp_path)  # fmt: skip
    out, _ = run("predict", "s.json", "sky.csv", "--steps", 7, "--only", cwd=tmp_path)
    assert out.split()[-7:] == ["sun", "rain", "rain"] * 2 + ["sun"]
    shares = [[f"{50 + v:.2f}%".replace(".", ",")] for v in wave(120)]
    write(tmp_path / "share.csv", shares, ["share"])
    run("train", "share.csv", "--target", "share", "--lags", 6, "--out", "p.json", "--quiet",
        cwd=tmp_path)  # fmt: skip
    found, _ = forecasts(["p.json", "share.csv", "--steps", 10], cwd=tmp_path)
    wanted = [50 + 3 * math.sin(t / 5) for t in range(120, 130)]
    assert found[-10:] == pytest.approx(wanted, abs=1.0)


def test_a_search_among_series_tests_on_what_comes_next(home, tmp_path, monkeypatch):
    from tinynn.cli import search

    seen = []

    def watched(shared, fit):
        seen.append((shared.splits[fit[1]], shared.in_order))
        return score(shared, fit)

    score = search.fold_score
    monkeypatch.setattr(search, "fold_score", watched)
    monkeypatch.setattr(search, "MOST_ROWS", 100)
    out, _ = run("train", home / "wave.csv", "--target", "y", "--lags", 6, "--search", "--epochs",
                 3, "--out", "m.json", cwd=tmp_path)  # fmt: skip
    assert "each cross-validated on 100 training rows in 3 folds, in the order of time\n" in out
    assert len(seen) == 30 and all(in_order for _, in_order in seen)
    for train, test in (split for split, _ in seen):
        assert train == list(range(len(train))) and test == list(range(len(train), test[-1] + 1))
    assert nn.load(tmp_path / "m.json").encoder_.column_names[0] == "y (1 before)"


def test_a_table_in_pieces_is_predicted_alike(home, monkeypatch):
    whole, _ = run("predict", "d.json", "dated.csv", cwd=home)
    for size in (1, 3, 5):
        monkeypatch.setattr("tinynn.data.files.TableFile.parts", _in_pieces(size))
        assert run("predict", "d.json", "dated.csv", cwd=home)[0] == whole
        monkeypatch.undo()


def _in_pieces(size):
    from tinynn.data.files import TableFile

    parts = TableFile.parts
    return lambda self, count=0, ragged=False: parts(self, size, ragged)


def test_evaluate_and_compare_take_the_same_columns(home, tmp_path):
    out, _ = run("evaluate", home / "w.json", home / "wave.csv", "--json", cwd=tmp_path)
    found = json.loads(out)
    model, y = nn.load(home / "w.json"), wave()
    answers = model.predict([[y[t - lag] for lag in range(1, 7)] for t in range(6, 240)])
    assert found["rows"] == 234
    assert found["metrics"]["r2"] == pytest.approx(r2_score(y[6:], answers), rel=1e-9)
    run("train", home / "wave.csv", "--target", "y", "--lags", 2, "--out", "two.json", "--quiet",
        cwd=tmp_path)  # fmt: skip
    out, _ = run("compare", home / "w.json", "two.json", home / "wave.csv", cwd=tmp_path)
    assert "on 234 rows of" in out
    run("plot", home / "w.json", "--data", home / "wave.csv", cwd=tmp_path)
    run("gradcheck", home / "w.json", home / "wave.csv", cwd=tmp_path)


def test_dates_are_taken_from_the_row_before_and_other_columns_from_all(home):
    model = load_model(str(home / "d.json"))
    assert model.columns == [
        "day (1 before)", "y (1 before)", "y (2 before)", "y (3 before)", "y (4 before)"
    ]  # fmt: skip
    assert model.table_columns == ["day", "y"] and model.lags == 4


def test_other_columns_categories_and_missing_cells_are_learned_from(tmp_path):
    """The target follows what another column said two rows before."""
    rng = random.Random(2)
    kinds = [rng.choice("abc") for _ in range(200)]
    size = {"a": 1.0, "b": 5.0, "c": 9.5}
    rows = [[k, "" if t % 9 == 0 else size[kinds[t - 2]] + t % 2 / 10] for t, k in enumerate(kinds)]
    write(tmp_path / "t.csv", rows, ["kind", "y"])
    out, err = run(
        "train", "t.csv", "--target", "y", "--task", "regress", "--lags", 3, "--out", "m.json",
        cwd=tmp_path,
    )  # fmt: skip
    assert "learns from 'kind', 'y' of the 3 rows before it" in out
    assert "left out 22 rows (11%) without a target" in err
    assert json.loads(
        run("evaluate", "m.json", "t.csv", "--json", cwd=tmp_path)[0]
    )["metrics"]["r2"] > 0.95  # fmt: skip


def test_classes_follow_classes(tmp_path):
    rows = [["rain" if t % 3 else "sun"] for t in range(120)]
    write(tmp_path / "t.csv", rows, ["sky"])
    out, _ = run("train", "t.csv", "--target", "sky", "--lags", 2, "--out", "m.json", cwd=tmp_path)
    assert "repeating the last value: accuracy 0.3" in out and "the model, 1" in out
    out, _ = run("predict", "m.json", "t.csv", "--only", cwd=tmp_path)
    assert out.splitlines()[-2:] == ["rain", "sun"]


def test_noise_is_not_learned_and_this_is_said(tmp_path):
    rng = random.Random(0)
    y = [0.0]
    for _ in range(300):
        y.append(y[-1] + rng.gauss(0, 1))
    write(tmp_path / "walk.csv", [[f"{v:.3f}"] for v in y], ["y"])
    out, _ = run("train", "walk.csv", "--target", "y", "--lags", 5, "--epochs", 1, cwd=tmp_path)
    assert "is no better: it has learned nothing that the last value does not say" in out


def test_a_model_file_keeps_its_lags(home, tmp_path):
    content = json.loads((home / "w.json").read_text())
    assert content["about"]["lags"] == 6
    for value in (-1, True, 10_001, "6", 1.0, None, [6]):
        content["about"]["lags"] = value
        (tmp_path / "m.json").write_text(json.dumps(content))
        _, err = run("inspect", "m.json", cwd=tmp_path, code=2)
        assert err.startswith("tinynn: m.json: about has an invalid lags: ")
    content["about"]["lags"] = 3
    (tmp_path / "m.json").write_text(json.dumps(content))
    _, err = run("evaluate", "m.json", home / "wave.csv", cwd=tmp_path, code=2)
    assert err == (
        "tinynn: m.json is of a series of 3 lags, and needs a column 'y (4 before)', which is of "
        "none of the rows before\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("train", "dated.csv", "--target", "y", "--lags", "x"),
         "argument --lags: needs a whole number of at least 0, got 'x'; see `python3 -m tinynn "
         "train --help`"),
        (("train", "dated.csv", "--target", "y", "--lags", 20_000),
         "--lags needs a number up to 10,000, got 20,000"),
        (("train", "dated.csv", "--target", "y", "--lags", 2, "--stream"),
         "--lags needs the table in memory, as it tests the model on the last rows; leave out "
         "--stream"),
        (("train", "dated.csv", "--target", "y", "--lags", 120),
         "dated.csv has 120 rows, and each needs the 120 rows before it: there is none that has "
         "them"),
        (("train", "dated.csv", "--target", "y", "--lags", 115),
         "dated.csv: training needs at least 10 rows, to hold some out for validation and test; "
         "got 5"),
        (("train", "mixed.csv", "--target", "y", "--lags", 2),
         "mixed.csv, line 7, column 1 ('day'): '2021-01-05' follows '2021-01-15'; --lags needs the "
         "rows in the order of time; sort them, or, if this column is not their time, give "
         "--ignore 'day'"),
        (("train", "newest.csv", "--target", "y", "--lags", 2),
         "newest.csv, line 3, column 1 ('day'): '2021-02-11' follows '2021-02-12'; the newest row "
         "is the first: --lags needs the rows in the order of time; sort them, or, if this column "
         "is not their time, give --ignore 'day'"),
        (("predict", "w.json", "few.csv"),
         "few.csv has 3 rows, and w.json needs 6 before the one that it predicts"),
        (("evaluate", "w.json", "few.csv"),
         "few.csv has 3 rows, and each needs the 6 rows before it: there is none that has them"),
        (("predict", "d.json", "few.csv"),
         "d.json needs a column 'day', which few.csv does not have; available: 'y'"),
        (("predict", "w.json", "wave.csv", "--keep-going"),
         "--keep-going leaves rows out, and w.json is of a series, which needs each; leave it out"),
        (("predict", "d.json", "dated.csv", "--steps", 4),
         "dated.csv, line 121: d.json also learns from 'day' of the rows before, which no "
         "forecast gives; for --steps 4, add 3 rows after this line, with 'day' and without 'y', "
         "or train without 'day', by --ignore"),
        (("predict", "d.json", "open.csv", "--steps", 4),
         "open.csv, line 23: d.json also learns from 'day' of the rows before, which no "
         "forecast gives; for --steps 4, add 1 row after this line, with 'day' and without 'y', "
         "or train without 'day', by --ignore"),
        (("predict", "d.json", "open.csv", "--steps", 1),
         "open.csv ends with 2 rows without 'y', more than --steps 1; give --steps 2"),
        (("predict", "w.json", "few.csv", "--steps", 2),
         "few.csv has 3 rows, and w.json needs 6 before the one that it predicts"),
        (("predict", "w.json", "short.csv", "--steps", 3),
         "short.csv has 2 rows, and w.json needs 6 before the one that it predicts"),
        (("predict", "w.json", "wave.csv", "--steps", 0),
         "argument --steps: needs a whole number of at least 1, got '0'; see `python3 -m tinynn "
         "predict --help`"),
        (("predict", "rows.json", "wave.csv", "--steps", 2),
         "--steps needs a model of a series, which `train --lags` makes; rows.json answers each "
         "row by itself"),
        (("predict", "w.json", "bad.csv", "--steps", 2),
         "bad.csv: column 'y' needs numbers, got the text 'oops' in line 5; if this means a "
         "missing value, give --missing 'oops'"),
        (("train", "late.csv", "--target", "sky", "--lags", 2, "--search"),
         "late.csv: --search of a series learns first from its first 37 rows, which are all of "
         "class 'sun'; leave out --search"),
        (("predict", "w.json", "bad.csv"),
         "bad.csv: column 'y' needs numbers, got the text 'oops' in line 5; if this means a "
         "missing value, give --missing 'oops'"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(home, words, message):
    dates = days(60)
    write(home / "mixed.csv", [[d, y] for d, y in zip([*dates[:4], dates[14], *dates[4:]], wave())])
    write(home / "newest.csv", list(zip(reversed(dates[:40]), wave(40))))
    write(home / "late.csv", [["rain" if t % 2 and t > 60 else "sun"] for t in range(180)], ["sky"])
    write(home / "open.csv", [*zip(dates, wave(20)), (dates[20], ""), (dates[21], "NA")])
    write(home / "short.csv", [[1.5], [2.5], ["NA"]], ["y"])
    write(home / "few.csv", [[1.5], [2.5], [3]], ["y"])
    write(home / "bad.csv", [[1.5], [2.5], [3], ["oops"], *[[y] for y in wave(20)]], ["y"])
    _, err = run(*words, cwd=home, code=2)
    assert err == f"tinynn: {message}\n"


def test_a_column_of_dates_that_is_not_their_time_is_ignored_when_asked(home):
    write(home / "mixed2.csv", [[d, y] for d, y in zip(reversed(days(60)), wave())])
    run("train", "mixed2.csv", "--target", "y", "--lags", 2, "--ignore", "day", cwd=home)
