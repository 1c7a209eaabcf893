"""A column of dates or times: what is counted of it, and its encoding as a number and circles."""

from __future__ import annotations

from copy import deepcopy
from datetime import date
from math import cos, floor, inf, pi, sin
from random import Random
from typing import Any, Mapping, NamedTuple, Sequence

from ..checks.words import counted, excerpt
from ..errors import DataError
from ..lesson.matrix import Vector
from .cells import Found, Reader, texts_of
from .dates import (
    DAY_FIRST,
    MONTH_FIRST,
    OTHERS,
    PIVOT,
    SPELLINGS,
    SWAPPED,
    YEAR,
    Instants,
    Spelled,
    example_of,
    instants,
    spelled,
)
from .moments import Moments, rounding_variance

# The kinds to ask for, and what comes first where day and month are numbers.
DATE_KINDS = {"date": "", "day-first date": "day", "month-first date": "month"}
# How a part of a date goes round: its name, and how many days a round takes.
CYCLES = {"year": ("time of year", YEAR), "week": ("day of the week", 7.0),
          "day": ("time of day", 1.0)}  # fmt: skip
_PATIENCE = 20  # texts that are no dates, until a column of more of them than dates is given up
_TURN = 2.0 * pi
_OTHER = {"day": "month", "month": "day"}
_PART = 64  # texts looked at before giving up
_SPELLED = {"day": (*OTHERS, *DAY_FIRST), "month": (*OTHERS, *MONTH_FIRST), "": SPELLINGS}


class _Calendar:
    """Statistics of dates, read with the day or with the month first."""

    def __init__(self, rng: Random) -> None:
        self.times = Moments(rng)
        self.early, self.late = inf, -inf  # seconds of the day
        self.weekdays: set[int] = set()
        self.month_days: set[int] = set()
        self.year_days: set[tuple[int, int]] = set()

    def add(self, found: Instants, counts: Sequence[int] | None, label: str) -> None:
        times = found.times()
        if counts is not None:
            times = [x for x, count in zip(times, counts) for _ in range(count)]
        self.times.add(times, label)
        self.early = min(self.early, min(found.seconds))
        self.late = max(self.late, max(found.seconds))
        days = set(found.days)
        if days != {0}:
            dates = list(map(date.fromordinal, days))
            self.weekdays.update([day % 7 for day in days])
            self.month_days.update([d.day for d in dates])
            self.year_days.update([(d.month, d.day) for d in dates])

    def cycles(self, alone: bool) -> list[str]:
        """Return the cycles that the dates, or times alone, go round at least once."""
        days = self.times.high - self.times.low
        found = {
            "year": days >= 365.0 and len(self.year_days) > 1,
            # What comes once a month has no day of the week to speak of.
            "week": days >= 7.0 and len(self.weekdays) > 1 and len(self.month_days) > 1,
            "day": self.early < self.late and (alone or days >= 1.0),
        }
        return [cycle for cycle, kept in found.items() if kept]


class DateTally:
    """Statistics of the texts of a column as dates, in one pass.

    count, others:   the number of cells that are dates, and of other texts
    first_other:     (row, text) of the first of these
    spellings:       those found, each with its first text
    readings:        by what comes first where day and month are numbers, "day" or "month": one
                     object while both give the same dates
    only:            (row, text) of the first date that can be read in that order alone
    """

    def __init__(self, label: str, kind: str | None, rng: Random) -> None:
        self.label = label
        self.asked = DATE_KINDS[kind or "date"]
        self.known = _SPELLED[self.asked]
        self.count = self.others = 0
        self.first_other: tuple[int, str] | None = None
        self.spellings: dict[str, str] = {}
        self.readings = dict.fromkeys(("day", "month"), _Calendar(rng))
        self.only: dict[str, tuple[int, str]] = {}

    @property
    def hopeless(self) -> bool:
        """Whether it is clear that the column does not hold dates."""
        return self.others >= _PATIENCE and self.others > self.count

    def add(self, texts: Mapping[str, tuple[int, int]]) -> None:
        """Add different texts, each with the number of its cells and the row of the first."""
        listed = list(texts)
        for start in range(0, len(listed), _PART):
            if self.hopeless:
                return
            part = listed[start : start + _PART]
            dates: set[str] = set()
            order = dict.fromkeys([*self.spellings, *self.known])
            for group in spelled(part, list(order)):
                self._add(group, texts)
                dates.update(group.texts)
            for text in part:
                if text not in dates:
                    self.others += texts[text][0]
                    self.first_other = self.first_other or (texts[text][1], text)

    def add_all(self, texts: Sequence[str]) -> bool:
        """Add texts if all are dates in the first spelling found; return whether they are."""
        spelling = next(iter(self.spellings), None)
        if spelling is None or self._undecided(spelling):
            return False
        found = instants(texts, spelling)
        if found is not None:
            self._add(Spelled(spelling, texts, found), None)
        return found is not None

    def _undecided(self, spelling: str) -> bool:
        """Return whether the texts of a spelling may decide what comes first."""
        return SWAPPED.get(spelling) in self.known and _first_in(spelling) not in self.only

    def _add(self, group: Spelled, places: Mapping[str, tuple[int, int]] | None) -> None:
        """Add texts of one spelling, which are different if they have places, as in `add`."""
        spelling, texts, found = group
        counts = None if places is None else [places[text][0] for text in texts]
        self.count += len(texts) if counts is None else sum(counts)
        self.spellings.setdefault(spelling, texts[0])
        both = {"day": found, "month": found}
        if places is not None and self._undecided(spelling):
            own, swapped = _first_in(spelling), SWAPPED[spelling]
            second = instants(texts, swapped)
            if second is None:
                text = next(t for t in texts if instants([t], swapped) is None)
                self.only[own] = (places[text][1], text)
            else:
                both = {own: found, _OTHER[own]: second}
        if both["day"] != both["month"] and self.readings["day"] is self.readings["month"]:
            self.readings["month"] = deepcopy(self.readings["month"])
        self.readings["day"].add(both["day"], counts, self.label)
        if self.readings["month"] is not self.readings["day"]:
            self.readings["month"].add(both["month"], counts, self.label)

    def first(self, decimal: str) -> tuple[str, str]:
        """Return what comes first where day and month are numbers, and why in words.

        Raises DataError if cells contradict others.
        """
        swappable = [spelling for spelling in self.spellings if spelling in SWAPPED]
        if len(self.only) == 2:
            (row, text), (other_row, other) = self.only["day"], self.only["month"]
            raise DataError(
                f"{self.label} has dates with the day first, such as {text!r} in row {row}, and "
                f"with the month first, such as {other!r} in row {other_row}; write all of them "
                "one way"
            )
        if "" in self.spellings and len(self.spellings) > 1:
            time, day = self.spellings[""], next(self.spellings[s] for s in self.spellings if s)
            raise DataError(
                f"{self.label} has dates, such as {day!r}, and times without a date, such as "
                f"{time!r}; make two columns of them"
            )
        if self.asked or not swappable:
            return self.asked or "day", ""
        if self.only:
            order = next(iter(self.only))
            return order, f", with the {order} first"
        constant = {x: len(self.readings[x].month_days) == 1 for x in self.readings}
        if constant["day"] != constant["month"]:
            order = "day" if constant["day"] else "month"
            return order, f", with the {order} first, as the day is always the same then"
        order = "month" if decimal == "." and any("/" in s for s in swappable) else "day"
        return order, (
            f", with the {order} first, which is assumed: no number above 12 decides; "
            f"ask for {_OTHER[order]}-first dates if it is wrong"
        )


class DateColumn(NamedTuple):
    """Dates or times, encoded as (x − shift) / scale of the time x in days, and as circles.

    x is the day's number, 1 for January 1 of year 1, with the time of day in UTC as a fraction (a
    clock without a time zone counts as UTC). For each of `cycles`, two columns have sin φ and cos
    φ, by the clock and calendar as written, where φ is 2π times

        "year":  (day mod 365.2425) / 365.2425
        "week":  (day mod 7) / 7
        "day":   seconds of the day / 86400

    Missing cells are encoded as `median`, a time in days. With `indicator`, the last column is 1
    for them, else 0. `spellings` are tried in order (see dates.py); `low` and `high` are the
    earliest and latest time fitted, `missing` and `rows` count the missing cells and all cells.
    """

    name: str
    reason: str
    spellings: list[str]
    cycles: list[str]
    median: float
    shift: float
    scale: float
    low: float
    high: float
    indicator: bool
    missing: int
    rows: int

    @property
    def kind(self) -> str:
        return "date"

    @property
    def asked(self) -> str:
        """The kind to ask for to read other rows alike."""
        found = {_first_in(spelling) for spelling in self.spellings if spelling in SWAPPED}
        return next((kind for kind, first in DATE_KINDS.items() if first in found), "date")

    @property
    def width(self) -> int:
        """The number of encoded columns."""
        return 1 + 2 * len(self.cycles) + self.indicator

    def feature_names(self) -> list[str]:
        """Return the names of the encoded columns."""
        names = [self.name]
        for cycle in self.cycles:
            names += [f"{self.name}: {CYCLES[cycle][0]} ({f})" for f in ("sin", "cos")]
        return [*names, f"{self.name} missing"] if self.indicator else names

    def encode(self, cells: Sequence[Any], row: int, label: str, reader: Reader) -> Found:
        """Return the encoded columns of cells that begin in row `row`.

        Raises DataError, naming the row, for cells that are no dates.
        """
        absent: Vector = [0.0] * len(cells)
        found = None
        if set(map(type, cells)) == {str} and reader.missing.isdisjoint(cells):
            found = instants(cells, self.spellings[0])
        if found is None:
            texts = texts_of(cells, row, label, reader)
            found = self._each(texts, row, label)
            absent = [1.0 if text is None else 0.0 for text in texts]
        columns = self.encoded(found)
        if self.indicator:
            columns.append(absent)
        return Found(columns, int(sum(absent)), {})

    def _each(self, texts: Sequence[str | None], row: int, label: str) -> Instants:
        """Return what texts say, with the median for None."""
        different = list(dict.fromkeys([text for text in texts if text is not None]))
        known: dict[str | None, tuple[int, float, float]] = {None: self.fill()}
        for group in spelled(different, self.spellings):
            known.update(zip(group.texts, zip(*group.found)))
        for i, text in enumerate(texts):
            if text not in known:
                raise DataError(refusal(text, row + i, label, self.spellings[0]))
        return Instants(*map(list, zip(*[known[text] for text in texts])))

    def fill(self) -> tuple[int, float, float]:
        """Return the day, its seconds and the zone of missing cells."""
        day, seconds = divmod(round(self.median * 86400.0), 86400)
        return day, float(seconds), 0.0

    def encoded(self, found: Instants) -> list[Vector]:
        """Return the encoded columns of dates, without the one that marks missing cells."""
        m, s = self.shift, self.scale
        columns = [[(x - m) / s for x in found.times()]]
        for cycle in self.cycles:
            days = CYCLES[cycle][1]
            if cycle == "day":
                angles = [_TURN * (x / 86400.0) for x in found.seconds]
            else:
                angles = [_TURN * ((day % days) / days) for day in found.days]
            columns += [list(map(sin, angles)), list(map(cos, angles))]
        return columns

    def describe(self) -> str:
        """Return a description of the encoding and the reason for it."""
        alone = self.spellings == [""]
        text = "time of day" if alone else "date"
        if self.missing < self.rows:
            text += f", from {written(self.low)} to {written(self.high)}"
        parts = ["a number", *(f"the {CYCLES[cycle][0]}" for cycle in self.cycles)]
        if len(parts) > 1:
            text += f", as {', '.join(parts[:-1])} and {parts[-1]}"
        if self.missing:
            cells = counted(self.missing, "missing cell")
            text += f"; {cells} filled with the median {written(self.median)}"
            if self.indicator:
                text += " and marked in a column"
        return f"{text}: {self.reason}"


def refusal(text: object, row: int, label: str, spelling: str) -> str:
    """Return the message about a text that is no date."""
    return (
        f"{label} needs dates or times like {example_of(spelling)!r}, got {excerpt(text)} in "
        f"row {row}; if this means a missing value, give missing=({excerpt(text)},)"
    )


def written(time: float) -> str:
    """Return a time in days as text: a date, a time of day or both.

    >>> written(730581.0), written(730581.5), written(0.25)
    ('2001-04-06', '2001-04-06 12:00', '06:00')
    """
    day, seconds = divmod(floor(time * 86400.0 + 0.5), 86400)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}"
    clock += f":{seconds % 60:02d}" if seconds % 60 else ""
    if day < 1:
        return clock
    return f"{date.fromordinal(day)} {clock}" if seconds else str(date.fromordinal(day))


def date_column(
    tally: DateTally, name: str, reason: str, decimal: str, scaling: str | None,
    indicator: bool, missing: int, rows: int,
) -> DateColumn:  # fmt: skip
    """Return the encoding of a column of dates.

    Raises DataError for a text that is no date, and for cells that contradict others.
    """
    if tally.first_other:
        row, text = tally.first_other
        raise DataError(refusal(text, row, tally.label, next(iter(tally.spellings), "Y-M-D")))
    order, words = tally.first(decimal)
    calendar = tally.readings[order]
    times = calendar.times
    low, high = (times.low, times.high) if times.count else (0.0, 0.0)
    shift, scale = 0.0, 1.0
    if scaling == "standard":
        shift = times.mean
        if not rounding_variance(times.count, shift, times.variance):
            scale = times.variance**0.5
    elif scaling == "minmax":
        shift, scale = low, (high - low) or 1.0
    spellings = {
        SWAPPED[s] if s in SWAPPED and _first_in(s) != order else s: None for s in tally.spellings
    }
    alone = list(spellings) == [""]
    if not alone:
        spellings["Y-M-D"] = None  # as Python and pandas write their dates
    if any("y" in spelling for spelling in spellings):
        words += f"; years {PIVOT} to 99 are 19{PIVOT} to 1999"
    median = times.sample.median()
    if calendar.late <= 0.0:  # two days may have a median at noon
        median = float(floor(median))
    if tally.spellings:
        reason += f" like {next(iter(tally.spellings.values()))!r}{words}"
    return DateColumn(
        name, reason, list(spellings), calendar.cycles(alone), median, shift, scale, low,
        high, indicator and missing > 0, missing, rows,
    )  # fmt: skip


def _first_in(spelling: str) -> str:
    return "day" if spelling in DAY_FIRST else "month"
