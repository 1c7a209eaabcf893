"""Numbers as people write them: money, percents, thousands and signs, read column by column.

A cell such as `1.234` is 1.234 to some and 1,234 to others. What it is depends on the other cells
of its column (`Evidence`), and is then the same for every cell that the column ever gets
(`Notation`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import inf, isfinite
from typing import Any, NamedTuple, Sequence

from ..checks.words import listed
from ..lesson.matrix import Vector

PERCENT = "%"
SPACES = " \u00a0\u2009\u202f"
GROUPS = f"{SPACES}'\u2019"  # between thousands in any notation, besides the other decimal sign
_MONEY = (
    "US$", "R$", "A$", "C$", "HK$", "NZ$", "S$", "$", "€", "£", "¥", "₹", "₽", "₩", "₺", "₪",
    "₫", "₴", "₦", "฿", "₱", "₡", "₲", "₵", "₸", "₼", "₾", "₿", "¢", "zł", "Kč", "kr",
    "Ft", "lei", "Rs", "AED", "ARS", "AUD", "BGN", "BRL", "CAD", "CHF", "CLP", "CNY",
    "COP", "CZK", "DKK", "EGP", "EUR", "GBP", "HKD", "HUF", "IDR", "ILS", "INR", "ISK", "JPY",
    "KES", "KRW", "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "PEN", "PHP", "PKR", "PLN", "QAR",
    "RON", "RUB", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "USD", "VND", "ZAR",
)  # fmt: skip
UNITS = ("", PERCENT, *_MONEY)
_ANY_UNIT = "|".join(map(re.escape, UNITS[1:]))
# "Rs.500" is 500: the point belongs to the word.
_BEFORE = re.compile(rf"(?:{_ANY_UNIT})(?<![^\W\d_](?=[.,]))")
_BEHIND = re.compile(f"(?:{_ANY_UNIT})$")
_OTHER = {".": ",", ",": "."}  # by decimal sign, the one that may separate thousands
# Most texts are seen to be no number by their ends.
_STARTS = frozenset("(+-\u2212.,0123456789").union(unit[0] for unit in UNITS[1:])
_ENDS = frozenset(")-\u2212.,0123456789").union(unit[-1] for unit in UNITS[1:])
_PARENTHESES, _SIGN_BEHIND = re.compile(r"\n\(([^()\n-]*)\)"), re.compile(r"\n([^\n-]*)-(?=\n)")
LONG = 15  # digits that a float keeps


class Notation(NamedTuple):
    """How the numbers of a column are written.

    decimal:  the decimal sign, "." or ","
    grouped:  whether the other of the two signs separates thousands; if not, a cell like `1,234`,
              which could mean either, is refused
    unit:     "%", a currency, or "" for numbers without one
    dressed:  whether numbers may have a unit, separated thousands, parentheses or a sign behind
    """

    decimal: str = "."
    grouped: bool = False
    unit: str = ""
    dressed: bool = False

    def with_decimal(self, decimal: str) -> Notation:
        """Return the notation with a decimal sign that is known, so that the other one is not."""
        return self._replace(decimal=decimal, grouped=True, dressed=True)

    def number(self, text: str) -> float | None:
        """Return the number in a text without spaces around it; None for any other text.

        >>> Notation(",", True, "€", True).number("-1.234,50 €")
        -1234.5
        """
        x = plain_number(text, self.decimal)
        if x is not None:
            return None if self.unit == PERCENT else x
        found = undressed(text) if self.dressed else None
        if found is None or found.unit not in ("", self.unit):
            return None
        if self.unit == PERCENT and not found.unit:
            return None
        if not self.grouped and two_ways(found.digits, self.decimal):
            return None
        return found.value(self.decimal)

    def values(self, cells: Sequence[str]) -> Vector | None:
        """Return the numbers in texts, or None if they need to be read one by one.

        Whole columns at once: `number` gives the same values.
        """
        if not self.dressed and self.decimal == ".":
            return None
        other = _OTHER[self.decimal]
        joined = "\n" + "\n".join(cells)
        if self.dressed:
            joined = joined.replace("\u2212", "-")
            if ")" in joined:
                joined = _PARENTHESES.sub(r"\n-\1", joined)
            if joined[-1] == "-" or "-\n" in joined:
                joined = _SIGN_BEHIND.sub(r"\n-\1", joined + "\n")[:-1]
        if not _simple(self).fullmatch(joined):
            return None
        for sign in (self.unit, other, " ", "\u00a0"):
            if sign:
                joined = joined.replace(sign, "")
        if self.decimal == ",":
            joined = joined.replace(",", ".")
        values = list(map(float, joined.split("\n")[1:]))
        return values if len(values) == len(cells) else None  # a cell may hold a line break

    def mend(self, text: str) -> str | None:
        """Return what to do about a text that is a number in another notation; None for others."""
        found = undressed(text)
        if found is None or (found.value(".") is None and found.value(",") is None):
            return None
        if self.unit == PERCENT and not found.unit:
            return "the column is in percent, so put a % behind the number"
        if found.unit not in ("", self.unit):
            unit = f"in {self.unit}" if self.unit else "without a unit"
            return f"the other numbers of the column are {unit}"
        x = found.value(self.decimal)
        if x is None or two_ways(found.digits, self.decimal):
            return f"give decimal={_OTHER[self.decimal]!r} to read it"
        return f"the other numbers of the column are plain, so write {x:.15g}"

    def describe(self) -> str:
        """Return in words how numbers are written; "" for plain ones."""
        other = "commas" if self.decimal == "." else "points"
        words = [f"{other} between thousands"] * self.grouped
        if self.decimal == ",":
            words.insert(0, "decimal commas")
        if self.unit:
            words.insert(0, "percent" if self.unit == PERCENT else f"money in {self.unit}")
        return listed(words)


def notation_of(given: object) -> Notation | None:
    """Return a notation from its parts, or None for anything else."""
    if not isinstance(given, (list, tuple)) or len(given) != len(Notation._fields):
        return None
    notation = Notation(*given)
    known = notation.decimal in (".", ",") and notation.unit in UNITS
    flags = isinstance(notation.grouped, bool) and isinstance(notation.dressed, bool)
    return notation if known and flags else None


@lru_cache(maxsize=32)
def _simple(notation: Notation) -> re.Pattern[str]:
    """Return the pattern of a column of common texts, which `Notation.values` can read."""
    point, other = (r"\.", ",") if notation.decimal == "." else (",", r"\.")
    unit = re.escape(notation.unit)
    before = behind = twice = ""
    if notation.unit:
        behind = f"(?:[ \u00a0]?{unit})"
    if notation.unit not in ("", PERCENT):
        before, behind = f"(?:{unit} ?)?", f"{behind}?"
        twice = f"(?![^\n]*{unit}[^\n]*{unit})"
    thousands = f"|[1-9][0-9]{{0,2}}(?:{other}[0-9]{{3}})+" if notation.grouped else ""
    number = f"(?:[0-9]+{thousands})(?:{point}[0-9]+)?"
    return re.compile(f"(?:\n{twice}-?{before}{number}{behind})*")


class Undressed(NamedTuple):
    """A number without signs and unit: its digits with their separators, its sign, its unit."""

    digits: str
    negative: bool
    unit: str

    def value(self, decimal: str) -> float | None:
        """Return the number if `decimal` is the decimal sign, or None if it cannot be."""
        number = joined_digits(self.digits, decimal)
        x = inf if number is None else float(number)
        if not isfinite(x):
            return None
        return -x if self.negative else x


def plain_number(text: str, decimal: str) -> float | None:
    """Return the finite number that Python reads in a text, with this decimal sign, or None."""
    if decimal == ",":
        if "." in text:
            return None
        text = text.replace(",", ".")
    if "_" in text:  # Python reads "20_1" as 201; people do not
        return None
    try:
        x = float(text)
    except ValueError:
        return None
    return x if isfinite(x) else None


def undressed(text: str) -> Undressed | None:
    """Return a text without one sign or pair of parentheses, and one unit; None if it has more.

    >>> undressed("($1,234.50)")
    Undressed(digits='1,234.50', negative=True, unit='$')
    """
    if not text or text[0] not in _STARTS or text[-1] not in _ENDS:
        return None
    text = text.replace("\u2212", "-")
    signs, negative, unit = 0, False, ""
    while text and not (text[0] in ".,0123456789" and text[-1] in "0123456789"):
        if text[0] == "(" and text[-1] == ")":
            signs, negative, text = signs + 1, True, text[1:-1]
        elif text[0] in "+-":
            signs, negative, text = signs + 1, text[0] == "-", text[1:]
        elif text[-1] == "-":
            signs, negative, text = signs + 1, True, text[:-1]
        else:
            found = None if unit else _BEFORE.match(text) or _BEHIND.search(text)
            if found is None:
                return None
            unit = found.group()
            text = text[: found.start()] + text[found.end() :]
        text = text.strip(SPACES)
    return Undressed(text, negative, unit) if text and signs < 2 else None


def joined_digits(text: str, decimal: str) -> str | None:
    """Return digits as Python writes a number, without separators of thousands; None if they are
    not written with this decimal sign.

    >>> joined_digits("12.345,6", ","), joined_digits("12,34,567", "."), joined_digits("1,2", ".")
    ('12345.6', '1234567', None)
    """
    head, sign, tail = text.partition(decimal)
    if sign and not _digits(tail):
        return None
    if head and not _digits(head):
        between = head.lstrip("0123456789")[:1]
        if between not in GROUPS and between not in ".,":
            return None
        groups = head.split(between)
        # In India, all but the last group of digits have two: 12,34,567.
        least = 2 if between == "," else 3
        if not (0 < len(groups[0]) < 4 and groups[0][0] != "0" and len(groups[-1]) == 3):
            return None
        if not all(_digits(group) and least <= len(group) <= 3 for group in groups[1:]):
            return None
        head = "".join(groups)
    if not _digits(head or tail) or (head and not _digits(head)):
        return None
    return f"{head}.{tail}" if sign else head


def two_ways(digits: str, decimal: str) -> bool:
    """Return whether digits hold a sign that could be the decimal sign, but is not `decimal`."""
    other = _OTHER[decimal]
    head, sign, tail = digits.partition(other)
    return bool(sign) and _digits(head) and _digits(tail)


def code_length(text: str) -> int:
    """Return the length of a text of digits alone, else 0."""
    return len(text) if _digits(text) else 0


def _digits(text: str) -> bool:
    return text.isdigit() and text.isascii()


class Evidence:
    """What the cells of a column show of how its numbers are written.

    units:        (row, cell) of the first number with each unit; "" is none
    refuted:      by decimal sign, (row, cell) of the first number that it cannot be read with
    groups:       by decimal sign, whether the other sign separated thousands somewhere
    unsure:       (row, cell) of the first number that either sign can read, with different values
    dressed:      (row, cell) of the first number that Python would not read
    padded, long: how many cells are digits after a leading zero, and more digits than LONG
    code:         (row, cell) of the first of these
    lengths:      those of cells that are digits alone, or 0 for a cell that is not
    """

    def __init__(self, given: Notation | None = None) -> None:
        self.given = given
        self.units: dict[str, tuple[int, Any]] = {}
        self.refuted: dict[str, tuple[int, str]] = {}
        if given is not None:
            self.refuted[_OTHER[given.decimal]] = (0, "")
        self.groups: dict[str, bool] = {".": False, ",": False}
        self.unsure: tuple[int, str] | None = None
        self.dressed: tuple[int, str] | None = None
        self.padded = self.long = 0
        self.code: tuple[int, Any] | None = None
        self.lengths: set[int] = set()

    @property
    def settled(self) -> str | None:
        """The decimal sign, if the cells show that it is not the other one."""
        left = [sign for sign in ".," if sign not in self.refuted]
        return left[0] if len(left) == 1 else None

    def add(self, text: str, row: int, count: int = 1) -> dict[str, float] | None:
        """Return the number in a text by decimal sign, where it can be read; None if it is none."""
        if self.given is not None:
            x = self.given.number(text)
            return None if x is None else {self.given.decimal: x}
        values: dict[str, float] = {}
        length = code_length(text)
        if len(self.lengths) < 3:
            self.lengths.add(length)
        if length > 1 and (text[0] == "0" or length > LONG):
            self.padded += count * (text[0] == "0")
            self.long += count * (length > LONG)
            self.code = self.code or (row, text)
        x = plain_number(text, ".")
        if x is not None:
            values["."] = x
            if "." not in text:
                values[","] = x
            if len(values) == 2 or self.settled == ".":
                self.units.setdefault("", (row, text))
                return values
        found = undressed(text)
        for sign in ".,":
            number = x if sign == "." else plain_number(text, ",") if "," in text else None
            if number is None and found is not None:
                number = found.value(sign)
            if number is not None:
                values[sign] = number
        if not values:
            return None
        self.units.setdefault(found.unit if found else "", (row, text))
        for sign, other in _OTHER.items():
            if sign not in values:
                self.refuted.setdefault(sign, (row, text))
            elif found and other in found.digits:
                self.groups[sign] = True
        if len(values) == 2 and values["."] != values[","]:
            self.unsure = self.unsure or (row, text)
        if x is None:
            self.dressed = self.dressed or (row, text)
        return values

    def add_number(self, cell: Any, row: int, count: int = 1) -> None:
        """Take note of a number that is not text."""
        self.units.setdefault("", (row, cell))
        if isinstance(cell, int) and not isinstance(cell, bool) and cell >= 10**LONG:
            self.long += count
            self.code = self.code or (row, cell)

    def permitted(self, decimal: str) -> Notation:
        """Return a notation that reads the columns that `add_column` can add."""
        if self.given is not None:
            return self.given
        unit = next((unit for unit in self.units if unit), "")
        return Notation(decimal, True, unit, True)

    def add_column(self, cells: Sequence[Any], row: int) -> None:
        """Take note of numbers that `permitted` reads with each sign that is not refuted."""
        if type(cells[0]) is not str:
            self.units.setdefault("", (row, cells[0]))
            return
        joined = "".join(cells)
        for sign, other in _OTHER.items():
            if sign not in self.refuted and other in joined and not self.groups[sign]:
                self.groups[sign] = True
        if len(self.lengths) < 3:
            self.lengths.update(map(len, cells))

    def codes(self, present: int) -> str | None:
        """Return what makes the `present` cells codes rather than numbers, or None."""
        if self.code is None:
            return None
        same = len(self.lengths) == 1 and 0 not in self.lengths
        if 2 * self.padded >= present or (self.padded and same):
            return "codes with leading zeros"
        return f"codes of more than {LONG} digits" if 2 * self.long >= present else None

    def notation(self, decimal: str) -> Notation:
        """Return how the numbers are written; `decimal` decides where the cells do not."""
        if self.given is not None:
            return self.given
        sign = self.settled or decimal
        grouped = self.groups[sign]
        dressed = grouped or self.dressed is not None
        return self.permitted(sign)._replace(grouped=grouped, dressed=dressed)

    def contradiction(self) -> str | None:
        """Return which cells are written in ways that contradict each other, or None."""
        if len(self.refuted) == 2:
            pair = [self.refuted[","], self.refuted["."]]
            return f"numbers with different decimal signs: {_pair(pair)}"
        units = [unit for unit in self.units if unit]
        if len(units) > 1:
            return f"numbers in different units: {_pair([self.units[unit] for unit in units[:2]])}"
        if PERCENT in self.units and "" in self.units:
            pair = [self.units[PERCENT], self.units[""]]
            return f"percents beside plain numbers: {_pair(pair)}"
        return None

    def words(self, decimal: str) -> str:
        """Return in words how the numbers are written; "" for those that Python reads."""
        notation = self.notation(decimal)
        if self.unsure and self.settled is None:
            text = self.unsure[1]
            x = notation.number(text)
            read = f", read as {x:.15g} because the table's decimal sign is {decimal!r}"
        elif self.dressed:
            text, read = self.dressed[1], ""
        else:
            return ""
        what = notation.describe()
        return f"written like {text!r}" + (f" ({what})" if what else "") + read


def _pair(cells: Sequence[tuple[int, Any]]) -> str:
    return listed([f"{cell!r} in row {row}" for row, cell in sorted(cells, key=lambda c: c[0])])
