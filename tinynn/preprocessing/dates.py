"""Dates and times in text: their spellings, and reading whole columns of them.

A spelling is a format of letters for the parts of a date; a time of day may follow it:

    Y, y        a year of 4 or of 2 digits
    M, D        a month and a day of 1 or 2 digits
    m, d        a month and a day of 2 digits
    B           an English name of a month, whole or its first 3 letters
    blank, ","  any number of points, commas, blanks, dashes and slashes; at least one
    - . /       itself; blanks may follow a point

The empty spelling is a time alone. Years of two digits are POSIX's: 69 to 99 begin with 19, 00 to
68 with 20.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple, Pattern, Sequence

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
PIVOT = 69  # years of two digits from here on are of the last century
YEAR = 365.2425  # days, on average

# Those whose day and month can be confused come in pairs.
DAY_FIRST = ("D/M/Y", "D.M.Y", "D-M-Y", "D/M/y", "d.m.y", "d-m-y")
MONTH_FIRST = ("M/D/Y", "M.D.Y", "M-D-Y", "M/D/y", "m.d.y", "m-d-y")
OTHERS = (
    "Y-M-D", "Y/M/D", "Y.M.D", "Y-M", "Ymd", "D B Y", "D B y", "B D,Y", "B D,y", "B Y", "",
)  # fmt: skip
SPELLINGS = (*OTHERS, *DAY_FIRST, *MONTH_FIRST)
SWAPPED = dict(zip((*DAY_FIRST, *MONTH_FIRST), (*MONTH_FIRST, *DAY_FIRST)))

_PARTS = {
    "Y": "([0-9]{4})", "y": "([0-9]{2})", "M": "([0-9]{1,2})", "D": "([0-9]{1,2})",
    "m": "([0-9]{2})", "d": "([0-9]{2})", "B": "([a-z]+)", " ": "[-/., ]*", ",": "[-/., ]+",
    ".": "\\. *",
}  # fmt: skip
_WEEKDAY = "(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[., ]+)?"
_TIME = (
    "([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9})[0-9]*)?)?(?: *([ap])\\.?m\\.?)?"
    "(?: *(z|utc|gmt|[-+][0-9]{2}(?::?[0-9]{2})?))?"
)
# The most frequent spellings: a fast path reads them by their columns.
_ISO = re.compile("(?:[0-9]{4}-[0-9]{2}-[0-9]{2}\n)+")
_ISO_TIMES = re.compile(
    "(?:[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?\n)+"
)
_EXAMPLES = str.maketrans(
    {"Y": "2021", "y": "21", "M": "03", "m": "03", "D": "14", "d": "14", "B": "Mar", ",": ", "}
)
_MONTH_OF = {name: i + 1 for i, name in enumerate(MONTHS)}
_MONTH_OF.update({name[:3]: month for name, month in list(_MONTH_OF.items())})


class Instants(NamedTuple):
    """Dates and times as columns of numbers.

    days:     of the calendar, 1 for January 1 of year 1; 0 for a time alone
    seconds:  of the day
    zones:    how many seconds the clock is ahead of UTC; 0 where the text does not say
    """

    days: list[int]
    seconds: list[float]
    zones: list[float]

    def times(self) -> list[float]:
        """Return when they are, in days: a day is 1 after the day before."""
        if not any(self.seconds) and not any(self.zones):
            return list(map(float, self.days))
        return [d + (s - z) / 86400.0 for d, s, z in zip(*self)]


def pattern_of(spelling: str) -> str:
    """Return the regular expression of a spelling, which ignores case, in Python and JavaScript."""
    if not spelling:
        return _TIME
    day = "".join(_PARTS.get(part, part) for part in spelling)
    return f"{_WEEKDAY}{day}(?:(?:[t:]|[, ]+){_TIME})?"


@lru_cache(maxsize=None)
def _lines(spelling: str) -> Pattern[str]:
    return re.compile(f"^{pattern_of(spelling)}$", re.ASCII | re.IGNORECASE | re.MULTILINE)


def example_of(spelling: str) -> str:
    """Return an example of a spelling.

    >>> example_of("D.M.Y"), example_of("B D,Y"), example_of("")
    ('14.03.2021', 'Mar 14, 2021', '14:35')
    """
    return spelling.translate(_EXAMPLES) or "14:35"


def instants(texts: Sequence[str], spelling: str) -> Instants | None:
    """Return what texts without blanks around them say; None if one is spelled in another way.

    >>> instants(["2001-04-06 12:00"], "Y-M-D")
    Instants(days=[730581], seconds=[43200.0], zones=[0.0])
    """
    joined = "\n".join(texts)
    if spelling == "Y-M-D" and _ISO.fullmatch(joined + "\n"):
        return _iso(texts, [0.0] * len(texts))
    if spelling == "Y-M-D" and _ISO_TIMES.fullmatch(joined + "\n"):
        minutes = {c: 3600.0 * int(c[:2]) + 60.0 * int(c[3:]) for c in {t[11:16] for t in texts}}
        ends = {c: float(c or 0) for c in {text[17:] for text in texts}}
        return _iso([t[:10] for t in texts], [minutes[t[11:16]] + ends[t[17:]] for t in texts])
    found = _lines(spelling).findall(joined)
    if len(found) != len(texts) or joined.count("\n") >= len(texts):  # or lines within texts
        return None
    fields = dict(zip([*filter(str.isalpha, spelling), *"hisfpz"], zip(*found)))
    try:
        days = _days(fields) if spelling else [0] * len(texts)
        seconds = _seconds(fields) if any(fields["h"]) else [0.0] * len(texts)
    except (KeyError, ValueError):  # no such day or month, or time
        return None
    zones = list(map(_zone, fields["z"])) if any(fields["z"]) else [0.0] * len(texts)
    return Instants(days, seconds, zones)


def _iso(texts: Sequence[str], seconds: list[float]) -> Instants | None:
    try:
        days = list(map(date.toordinal, map(date.fromisoformat, texts)))
    except ValueError:
        return None
    return Instants(days, seconds, [0.0] * len(texts))


def _days(fields: dict[str, Sequence[str]]) -> list[int]:
    if "y" in fields:
        years = [year + (1900 if year >= PIVOT else 2000) for year in map(int, fields["y"])]
    else:
        years = list(map(int, fields["Y"]))
    if "B" in fields:
        months = [_MONTH_OF[name.lower()] for name in fields["B"]]
    else:
        months = list(map(int, fields.get("M") or fields["m"]))
    days = fields.get("D") or fields.get("d") or ["1"] * len(years)
    return list(map(date.toordinal, map(date, years, months, map(int, days))))


def _seconds(fields: dict[str, Sequence[str]]) -> list[float]:
    found: list[float] = []
    for h, i, s, f, half in zip(*(fields[part] for part in "hisfp")):
        if not h:
            found.append(0.0)
            continue
        hour, minute, second = int(h), int(i), int(s or 0)
        if half:
            if not 1 <= hour <= 12:
                raise ValueError(hour)
            hour = hour % 12 + (12 if half in "pP" else 0)
        if hour > 23 or minute > 59 or second > 60:  # 60: a leap second
            raise ValueError(h, i, s)
        found.append(float(3600 * hour + 60 * minute + second))
        if f:
            found[-1] += int(f) / 10.0 ** len(f)
    return found


def _zone(text: str) -> float:
    if text[:1] not in ("+", "-"):
        return 0.0
    size = 3600.0 * int(text[1:3]) + 60.0 * int(text[3:].lstrip(":") or 0)
    return -size if text[0] == "-" else size


class Spelled(NamedTuple):
    """Texts of one spelling, and what they say."""

    spelling: str
    texts: Sequence[str]
    found: Instants


def spelled(texts: Sequence[str], spellings: Sequence[str]) -> list[Spelled]:
    """Return texts in groups, each with the first of the spellings that they have.

    Texts that have none of them are left out.
    """
    for spelling in spellings:
        found = instants(texts, spelling) if texts else None
        if found is not None:
            return [Spelled(spelling, texts, found)]
    groups: dict[str, list[str]] = {}
    for text in texts:
        for spelling in [*groups, *spellings]:
            if instants([text], spelling) is not None:
                groups.setdefault(spelling, []).append(text)
                break
    pairs = [(spelling, group, instants(group, spelling)) for spelling, group in groups.items()]
    return [Spelled(spelling, group, found) for spelling, group, found in pairs if found]
