"""Dates and times in tables: their spellings, what is guessed, and what they become."""

from __future__ import annotations

import datetime as dt
import json
import math
import random

import pytest
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.cli import main
from tinynn.errors import DataError, FormatError
from tinynn.preprocessing import DateColumn, LeftOut, TableEncoder
from tinynn.preprocessing.date_column import written
from tinynn.preprocessing.dates import (
    MONTHS,
    SPELLINGS,
    SWAPPED,
    example_of,
    instants,
    spelled,
)

DAYS = st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))
# Years of two digits are those of POSIX, and 366 days tell the first number from the second.
NEAR = st.dates(dt.date(1969, 1, 1), dt.date(2068, 12, 31))
TIMES = st.times()


def in_spelling(day, spelling, name=lambda month: MONTHS[month - 1][:3], gap=" "):
    parts = {
        "Y": f"{day.year:04d}", "y": f"{day.year % 100:02d}", "M": str(day.month),
        "D": str(day.day), "m": f"{day.month:02d}", "d": f"{day.day:02d}", "B": name(day.month),
        " ": gap, ",": gap or ", ",
    }  # fmt: skip
    return "".join(parts.get(part, part) for part in spelling)


def column(cells, kind=None, **settings):
    """Return the encoding of a column of cells."""
    encoder = TableEncoder(kinds={"x": kind} if kind else {}, names=["x", "y"], **settings)
    return encoder.fit([[cell, i] for i, cell in enumerate(cells)]).columns[0]


def every_day(start, days, form="%Y-%m-%d", step=1):
    first = dt.datetime.fromisoformat(start)
    return [(first + dt.timedelta(days=step * i)).strftime(form) for i in range(days)]


# --- spellings ------------------------------------------------------------------------------------


@given(st.lists(DAYS, min_size=1, max_size=5), st.sampled_from([*filter(None, SPELLINGS)]))
def test_days_are_numbered_as_python_does(days, spelling):
    if "y" in spelling:
        days = [d.replace(year=1969 + d.year % 100, day=min(d.day, 28)) for d in days]
    if "D" not in spelling and "d" not in spelling:
        days = [d.replace(day=1) for d in days]
    found = instants([in_spelling(day, spelling) for day in days], spelling)
    assert found.days == [day.toordinal() for day in days]
    assert found.seconds == found.zones == [0.0] * len(days)


@given(NEAR, st.sampled_from(["D B Y", "D B y", "B D,Y", "B D,y"]), st.data())
def test_names_of_months_are_whole_or_short_in_any_case_with_any_separator(day, spelling, data):
    name = MONTHS[day.month - 1]
    name = data.draw(st.sampled_from([name, name[:3], name[:3].upper(), name.title()]))
    gap = data.draw(st.sampled_from([" ", "-", "/", ". ", "."]))
    prefix = data.draw(st.sampled_from(["", "Mon, ", "saturday ", "WED. "]))
    text = prefix + in_spelling(day, spelling, lambda month: name, gap)
    assert instants([text], spelling).days == [day.toordinal()]


@given(DAYS, TIMES, st.sampled_from(["T", " ", ", ", "t"]), st.integers(-1439, 1439), st.data())
def test_times_and_zones_are_those_of_datetime(day, time, between, minutes, data):
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    moment = dt.datetime.combine(day, time, zone)
    if data.draw(st.booleans()):
        moment = moment.replace(microsecond=0)
    text = moment.isoformat()
    found = instants([f"{text[:10]}{between}{text[11:]}"], "Y-M-D")
    midnight = dt.datetime.combine(day, dt.time(), zone)
    assert found.days == [day.toordinal()]
    assert found.seconds[0] == pytest.approx((moment - midnight).total_seconds(), abs=1e-9)
    assert found.zones == [60.0 * minutes]


@given(TIMES)
def test_times_of_twelve_hours_are_those_of_strftime(time):
    second = 3600.0 * time.hour + 60.0 * time.minute
    for form in ("%I:%M %p", "%I:%M%p", "%H:%M"):
        assert instants([time.strftime(form)], "").seconds == [second]
    text = time.strftime("%I:%M").lstrip("0") + (" p.m." if time.hour >= 12 else " a.m.")
    assert instants([text], "").seconds == [second]


@pytest.mark.parametrize(
    ("text", "spelling", "iso"),
    [
        ("2021-03-04", "Y-M-D", "2021-03-04"),
        ("2021-03-04T10:15:00Z", "Y-M-D", "2021-03-04T10:15:00"),
        ("2021-03-04 10:15:00.25+02:00", "Y-M-D", "2021-03-04T08:15:00.250000"),
        ("2021-03-04 10:15+02", "Y-M-D", "2021-03-04T08:15:00"),
        ("2021-03-04T10:15:00,5-0330", "Y-M-D", "2021-03-04T13:45:00.500000"),
        ("2021-03", "Y-M", "2021-03-01"),
        ("2021/3/4", "Y/M/D", "2021-03-04"),
        ("20210304", "Ymd", "2021-03-04"),
        ("4. 3. 2021", "D.M.Y", "2021-03-04"),
        ("04.03.21", "d.m.y", "2021-03-04"),
        ("3/4/21", "M/D/y", "2021-03-04"),
        ("3/4/69", "M/D/y", "1969-03-04"),
        ("3/4/68", "M/D/y", "2068-03-04"),
        ("Apr 06 2001", "B D,Y", "2001-04-06"),
        ("6 April 2001", "D B Y", "2001-04-06"),
        ("6. April 2001, 14:35", "D B Y", "2001-04-06T14:35:00"),
        ("April 6, 2001", "B D,Y", "2001-04-06"),
        ("Apr-06-01", "B D,y", "2001-04-06"),
        ("06-APR-01", "D B y", "2001-04-06"),
        ("06apr2001", "D B Y", "2001-04-06"),
        ("April 2001", "B Y", "2001-04-01"),
        ("Fri, 06 Apr 2001 10:15:00 GMT", "D B Y", "2001-04-06T10:15:00"),
        ("06/Apr/2001:10:15:00 +0200", "D B Y", "2001-04-06T08:15:00"),
        ("2000-02-29", "Y-M-D", "2000-02-29"),
        ("0001-01-01", "Y-M-D", "0001-01-01"),
        ("9999-12-31 23:59:59", "Y-M-D", "9999-12-31T23:59:59"),
        ("2016-12-31 23:59:60", "Y-M-D", "2017-01-01"),  # a leap second
    ],
)  # fmt: skip
def test_the_usual_spellings(text, spelling, iso):
    moment = dt.datetime.fromisoformat(iso)
    days = moment.toordinal() + (moment - dt.datetime.combine(moment, dt.time())).seconds / 86400
    assert instants([text], spelling).times()[0] == pytest.approx(days, abs=1e-5)
    [group] = spelled([text], SPELLINGS)
    assert group.spelling in (spelling, SWAPPED.get(spelling))


@pytest.mark.parametrize(
    "text",
    [
        "", "2021", "12", "2021-02-30", "1900-02-29", "2021-13-01", "2021-00-01", "0000-01-01",
        "31.04.2021", "32/1/2021", "2021-03-04 24:00", "2021-03-04 10:60", "13:00 PM", "0:30 am",
        "2021-03-04 10", "10:15:61", "6 Avril 2001", "Apr 2001-", "2021-03-04x", "x2021-03-04",
        "2021-03-04\n2021-03-05", "1.2.10", "21-15", "٢٠٢١-٠٣-٠٤", "2021-03-04 10:15 +2",
        "Monday", "10.0.0.1", "555-12-1234", "ſep 5 2020",
    ],
)  # fmt: skip
def test_what_is_no_date(text):
    assert spelled([text], SPELLINGS) == []


def test_each_spelling_reads_its_own_example_alone_or_with_its_twin():
    for spelling in SPELLINGS:
        example = example_of(spelling)
        twins = {s for s in SPELLINGS if instants([example], s) is not None}
        assert twins == {spelling}, spelling


# --- what is guessed ------------------------------------------------------------------------------


def test_dates_are_found_and_said():
    rows = [[d, i % 7] for i, d in enumerate(every_day("2019-01-01", 1000))]
    encoder = TableEncoder(names=["when", "n"]).fit(rows)
    assert encoder.columns[0].describe() == (
        "date, from 2019-01-01 to 2021-09-26, as a number, the time of year and the day of the "
        "week: every value is a date or time like '2019-01-01'"
    )
    assert encoder.feature_names_out() == [
        "when", "when: time of year (sin)", "when: time of year (cos)",
        "when: day of the week (sin)", "when: day of the week (cos)", "n",
    ]  # fmt: skip
    day = dt.date(2020, 4, 5)
    number, *circles, _ = encoder.transform([[day, 0]])[0]
    years, weeks = day.toordinal() / 365.2425, day.toordinal() / 7
    assert number == pytest.approx((day - dt.date(2020, 5, 14)).days / 288.7, abs=0.01)
    assert circles == pytest.approx(
        [f(2 * math.pi * turns) for turns in (years, weeks) for f in (math.sin, math.cos)],
        abs=1e-9,
    )


@pytest.mark.parametrize(
    ("cells", "cycles"),
    [
        (every_day("2021-01-01", 300), ["week"]),  # no second spring to tell it by
        (every_day("2021-01-01", 366), ["year", "week"]),
        (every_day("2021-03-01", 6), []),
        ([f"{2000 + i}-{m:02d}-01" for i in range(3) for m in range(1, 13)], ["year"]),
        ([f"{2000 + i}-{m:02d}" for i in range(3) for m in range(1, 13)], ["year"]),
        ([f"{1950 + i}-01-01" for i in range(60)], []),
        (every_day("2021-01-01", 60, step=7), ["year"]),  # every Friday
        ([f"2021-03-04 {h:02d}:00" for h in range(24)], []),
        ([f"2021-03-{d:02d} {d % 12:02d}:30" for d in range(1, 6)], ["day"]),
        ([f"2021-03-{d:02d} 08:30" for d in range(1, 6)], []),
        ([f"{h}:30 PM" for h in range(1, 12)], ["day"]),
    ],
)
def test_a_cycle_counts_where_the_column_goes_round_it(cells, cycles):
    found = column(cells)
    assert isinstance(found, DateColumn) and found.cycles == cycles


def test_the_order_of_day_and_month_is_the_columns():
    us, eu = every_day("2021-01-01", 40, "%m/%d/%Y"), every_day("2021-01-01", 40, "%d/%m/%Y")
    start = "every value is a date or time like"
    assert column(us).reason == f"{start} '01/01/2021', with the month first"
    assert column(eu).reason == f"{start} '01/01/2021', with the day first"
    for cells in (us, eu):
        assert written(column(cells).high) == "2021-02-09"
        assert column(cells[:12], column(cells).asked).spellings[0] == column(cells).spellings[0]
        late = cells[::-1]  # what decides comes first
        assert column(late).spellings == column(cells).spellings
        mixed = [*cells, *every_day("2021-01-01", 40)]
        assert column(mixed).spellings == [column(cells).spellings[0], "Y-M-D"]
    monthly = every_day("2021-01-01", 12, "1/%d/%Y")
    assert column(monthly).reason == (
        f"{start} '1/01/2021', with the day first, as the day is always the same then"
    )
    doubtful = [f"{m:02d}/{d:02d}/2021" for m, d in [(1, 2), (3, 4), (5, 6)]]
    assert column(doubtful).reason == (
        f"{start} '01/02/2021', with the month first, which is assumed: no number above 12 "
        "decides; ask for day-first dates if it is wrong"
    )
    assert column(doubtful, decimal=",").spellings[0] == "D/M/Y"
    assert column([d.replace("/", ".") for d in doubtful]).spellings[0] == "D.M.Y"
    assert column(doubtful, "day-first date").spellings == ["D/M/Y", "Y-M-D"]
    assert column(doubtful, "month-first date").low == dt.date(2021, 1, 2).toordinal()


def test_two_digits_of_a_year_are_said():
    assert column(["04/06/69", "12/30/21"]).reason == (
        "every value is a date or time like '04/06/69', with the month first; years 69 to 99 are "
        "1969 to 1999"
    )


def test_missing_dates_are_filled_with_the_median_and_marked():
    found = column(["2021-03-01", None, "2021-03-05", "NA", "2021-03-02"])
    assert found.describe() == (
        "date, from 2021-03-01 to 2021-03-05; 2 missing cells filled with the median 2021-03-02 "
        "and marked in a column: every value is a date or time like '2021-03-01'"
    )
    encoder = TableEncoder(names=["x"]).fit(
        [["2021-03-01"], [None], ["2021-03-05"], ["2021-03-02"]]
    )
    rows, missing, unseen = encoder.encode([["?"], ["2021-03-02"], [None]])
    assert rows == [[rows[1][0], 1.0], [rows[1][0], 0.0], [rows[1][0], 1.0]]
    assert missing == {"x": 2} and unseen == {}
    marked_away = TableEncoder(names=["x"], missing=["1900-01-01"], kinds={"x": "date"})
    marked_away.fit([["2021-03-01"], ["1900-01-01"], ["2021-03-05"]])
    assert marked_away.encode([["1900-01-01"], ["2021-03-01"]]).missing == {"x": 1}


def test_few_different_dates_are_dates_too():
    assert column(["2020-01-01", "2021-01-01"] * 20).kind == "date"
    assert isinstance(column(["2020-01-01"] * 20), LeftOut)


def test_text_is_no_date_for_a_few_dates_in_it():
    words = [f"item {i}" for i in range(30)]
    assert column([*words, "2020-01-01"] * 2).kind == "category"
    assert column(["1.2.3", "1.2.10", "2.0.1"] * 9).kind == "category"  # versions
    assert column(["2021-01-01", "2021-01-02", "soon"] * 3).kind == "category"


@pytest.mark.parametrize(
    ("cells", "kind", "words"),
    [
        (
            [*every_day("2021-01-01", 60), "soon"],
            None,
            "column 'x' has 60 dates and 1 other value (row 60 has 'soon'); if this means a "
            "missing value, give missing=('soon',); if they are all names, give kinds={'x': "
            "'category'}",
        ),
        (
            ["2021-01-01", "2021-02-30", "2021-01-02"],
            "date",
            "column 'x' needs dates or times like '2021-03-14', got '2021-02-30' in row 1; if this "
            "means a missing value, give missing=('2021-02-30',)",
        ),
        (
            ["1/1/2021", "1/13/2021"],
            "day-first date",
            "column 'x' needs dates or times like '14/03/2021', got '1/13/2021' in row 1; if this "
            "means a missing value, give missing=('1/13/2021',)",
        ),
        (
            ["1/2/2021", "1/13/2021", "13/1/2021"],
            None,
            "column 'x' has dates with the day first, such as '13/1/2021' in row 2, and with the "
            "month first, such as '1/13/2021' in row 1; write all of them one way",
        ),
        (
            ["2021-01-01", "10:30"],
            None,
            "column 'x' has dates, such as '2021-01-01', and times without a date, such as "
            "'10:30'; make two columns of them",
        ),
        (
            [3, 4.5],
            "date",
            "column 'x' needs dates or times like '2021-03-14', got '3' in row 0; if this means a "
            "missing value, give missing=('3',)",
        ),
    ],
)
def test_what_is_refused(cells, kind, words):
    with pytest.raises(DataError) as raised:
        column(cells, kind)
    assert str(raised.value) == words


def test_other_rows_are_refused_with_the_row():
    encoder = TableEncoder(names=["day"]).fit([["13/1/2021"], ["14/2/2021"]])
    one, other, same = encoder.transform([["2021-01-13"], [dt.date(2021, 1, 13)], ["13/01/2021"]])
    assert one == other == same and one[0] == -1.0
    with pytest.raises(DataError) as raised:
        encoder.transform([["13/1/2021"], ["1/13/2021"]])
    assert str(raised.value) == (
        "column 'day' needs dates or times like '14/03/2021', got '1/13/2021' in row 1; if this "
        "means a missing value, give missing=('1/13/2021',)"
    )


# --- the same by every way ------------------------------------------------------------------------


def test_cells_that_are_dates_are_their_texts():
    moments = [dt.datetime(2021, 1, 1, 3) + dt.timedelta(hours=31 * i) for i in range(30)]
    expected = TableEncoder().fit_transform([[str(m)] for m in moments])
    assert TableEncoder().fit_transform([[m] for m in moments]) == expected
    dates = [m.date() for m in moments]
    assert TableEncoder().fit_transform([[d] for d in dates]) == TableEncoder().fit_transform(
        [[str(d)] for d in dates]
    )
    assert column([m.time() for m in moments]).spellings == [""]


def test_numbers_can_be_asked_to_be_dates():
    found = column([20210304, 20210311.0, "20210401"], "date")
    assert (written(found.low), written(found.high)) == ("2021-03-04", "2021-04-01")


@pytest.mark.parametrize(
    "form", ["%Y-%m-%d", "%Y-%m-%d %H:%M", "%d.%m.%Y", "%m/%d/%y", "%d %B %Y", "%H:%M:%S"]
)
def test_a_stream_is_read_as_a_table_is(form):
    rng = random.Random(1)
    start = dt.datetime(1999, 1, 1)
    cells = [
        (start + dt.timedelta(minutes=rng.randrange(10**7))).strftime(form) for _ in range(9000)
    ]
    for i in range(5):
        cells[rng.randrange(9000)] = rng.choice(["", "NA", None, f" {cells[i]} "])
    rows = [[cell, i] for i, cell in enumerate(cells)]
    whole = TableEncoder(names=["x", "y"]).fit(rows)
    parts = TableEncoder(names=["x", "y"])
    for start_row in range(0, 9000, 700):
        parts.partial_fit(rows[start_row : start_row + 700])
    one, other = whole.columns[0], parts.columns[0]
    assert isinstance(one, DateColumn) and one.missing > 0
    close = ("shift", "scale")
    assert one._replace(shift=0, scale=1) == other._replace(shift=0, scale=1)
    for name in close:
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-9)
    every = whole.encode(rows).rows
    assert every == [whole.encode([row]).rows[0] for row in rows]
    saved = TableEncoder.from_dict(json.loads(json.dumps(whole.to_dict())))
    assert saved.columns == whole.columns and saved.transform(rows[:50]) == every[:50]


@pytest.mark.parametrize("scaling", ["minmax", None])
def test_scales(scaling):
    cells = every_day("2021-01-01", 5)
    numbers = [row[0] for row in TableEncoder(scaling=scaling).fit_transform([[c] for c in cells])]
    first = dt.date(2021, 1, 1).toordinal()
    assert numbers == ([0.0, 0.25, 0.5, 0.75, 1.0] if scaling else [first + i for i in range(5)])


def test_a_season_is_learned():
    rng = random.Random(0)
    days = every_day("2019-01-01", 800)
    warmth = [20 + 10 * math.sin(2 * math.pi * (i - 100) / 365.25) for i in range(800)]
    order = rng.sample(range(800), 800)
    model = nn.Regressor((8,), learning_rate_init=0.02, max_iter=60, random_state=0)
    model.fit([[days[i]] for i in order[:500]], [warmth[i] for i in order[:500]])
    assert model.score([[days[i]] for i in order[500:]], [warmth[i] for i in order[500:]]) > 0.95


# --- on the command line --------------------------------------------------------------------------


def train(tmp_path, lines, *options):
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return main(["train", str(path), "--target", "y", "--epochs", "3", "--quiet", *options])


@pytest.mark.parametrize("options", [[], ["--stream", "--solver", "adam"]])
def test_the_command_refuses_to_predict_dates(tmp_path, capsys, options):
    days = every_day("2021-01-01", 100)
    assert train(tmp_path, ["x,y", *(f"{i},{day}" for i, day in enumerate(days))], *options) == 2
    assert capsys.readouterr().err == (
        f"tinynn: {tmp_path / 'table.csv'}: column 'y' holds dates or times such as '2021-01-01', "
        "and there is no order among classes: add a column with a number to predict instead, such "
        "as the days until then; or give --task classify to take each date as a class of its own\n"
    )
    rows = ["x,y", *(f"{i},{days[i % 2]}" for i in range(100))]
    assert train(tmp_path, rows, "--task", "classify", *options) == 0


@pytest.mark.parametrize("options", [[], ["--stream", "--solver", "adam"]])
def test_the_command_takes_columns_of_dates_and_texts(tmp_path, capsys, options):
    texts = ["much too cold", "nice warm day", "a very hot one"]
    lines = ["when,note,y"]
    for i in range(240):
        warm = 10 + 10 * math.sin(i * 2 * math.pi / 36)
        lines.append(f"{1 + i % 9}/{1 + i % 12}/{2001 + i // 36},{texts[int(warm / 7)]} {i},{warm}")
    model = tmp_path / "model.json"
    asked = ["--day-first", "when", "--words", "note", "--out", str(model)]
    assert train(tmp_path, lines, *asked, *options) == 0
    columns = nn.load(str(model)).encoder_.columns
    assert [column.kind for column in columns] == ["date", "words"]
    assert columns[0].spellings == ["D/M/Y", "Y-M-D"]
    new = tmp_path / "new.csv"
    new.write_text("when,note\n9/12/2004,nice day\n,\n2004-12-09,Nice DAY!\n")
    assert main(["predict", str(model), str(new), "--only"]) == 0
    out, err = capsys.readouterr()
    _, one, other, same = out.splitlines()
    assert one == same != other
    assert err.endswith("has missing cells, filled as in training: 1 in 'when', 1 in 'note'\n")
    new.write_text("when,note\n9/12/2004,\n12/13/2004,\n")
    assert main(["predict", str(model), str(new)]) == 2
    assert (
        "new.csv: column 'when' needs dates or times like '14/03/2021', got '12/13/2004' in line 3;"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spellings": ["Q"]}, "column 0 of a saved TableEncoder cannot have spellings ['Q']"),
        ({"spellings": []}, "column 0 of a saved TableEncoder cannot have spellings []"),
        ({"cycles": ["moon"]}, "column 0 of a saved TableEncoder cannot have cycles ['moon']"),
        (
            {"median": 1e300},
            "column 0 of a saved TableEncoder needs times within ten million days",
        ),
        (
            {"scale": 0.0},
            "column 0 of a saved TableEncoder needs a scale above 0 and low not above high",
        ),
    ],
)
def test_a_damaged_file_is_refused(changes, words):
    state = TableEncoder().fit([["2021-01-01"], ["2021-01-02"]]).to_dict()
    state["columns"][0].update(changes)
    with pytest.raises(FormatError) as raised:
        TableEncoder.from_dict(state)
    assert str(raised.value) == words


def test_frames_and_arrays_of_dates_are_read_as_their_texts():
    np = pytest.importorskip("numpy")
    texts = [["2020-01-01 00:00:00"], [None], ["2021-03-04 10:15:30"], ["2020-06-05 00:00:00"]]
    expected = TableEncoder().fit(texts)
    for unit in ("ns", "us", "s"):
        array = np.array([[text or "NaT"] for (text,) in texts], dtype=f"datetime64[{unit}]")
        found = TableEncoder().fit(array)
        assert found.columns[0]._replace(reason="") == expected.columns[0]._replace(reason="")
        assert found.transform(array) == expected.transform(texts)
        mixed = [[cell] for cell in array[:, 0]]
        assert found.transform(mixed) == expected.transform(texts)
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"x0": pd.to_datetime([text for (text,) in texts])})
    assert TableEncoder().fit(frame).transform(frame) == expected.transform(texts)
