"""Whether the first row of a table names its columns, also by numbers such as 0, 1, 2 or years."""

from __future__ import annotations

import re
from typing import NamedTuple, Sequence

_WHOLE = re.compile(r"0|[1-9]\d{0,8}")
# A number in any notation, also with a sign of money or percent, or a date with or without time.
VALUE = re.compile(
    r"[-+(]?[^\w\s.,]?\s?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?\s?[^\w\s.,]?\)?"
    r"|[-+]?[.,]\d+|[-+]?\d+\.|[-+]?\d{1,3}(?:[ \u00a0\u202f']\d{3})+(?:[.,]\d+)?"
    r"|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}(?:[T ]\d{1,2}:\d\d.*)?"
)
_ABSENT = frozenset(("", "?", "na", "n/a", "nan", "null", "none", "-"))
FEWEST_ROWS = 3  # below numbers that are taken for names beside names in words
MANY_ROWS = 8  # the same, if there are no names in words
LONG_SEQUENCE = 5  # numbers counted up that are names even over whole numbers


def guessed_header(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row of a table names its columns in words.

    It does unless it contains a number, a date or an amount above others or, in a table without
    numbers, a text that occurs again in the same column.

    >>> guessed_header([["sepal", "species"], ["5.1", "setosa"]])
    True
    """
    first, rest = rows[0], rows[1:]
    if any(like_number(cell) for cell in first):
        return False
    for j, cell in enumerate(first):
        if VALUE.fullmatch(cell.strip()):
            values = [VALUE.fullmatch(row[j].strip()) for row in rest if j < len(row) and row[j]]
            numbers = sum(like_number(row[j]) for row in rest if j < len(row))
            if sum(map(bool, values)) > numbers + len(values) / 2:
                return False
    if any(like_number(cell) for row in rest for cell in row):
        return True
    return not any(
        cell and sum(row[j : j + 1] == [cell] for row in rest) > 0 for j, cell in enumerate(first)
    )


class _Column(NamedTuple):
    """A cell of the first row, if it is a number over numbers, and what stands below it."""

    cell: str
    number: float
    low: float
    high: float
    decimals: bool  # whether each number below has a decimal sign

    @property
    def unlike(self) -> bool:
        """Whether the first cell looks unlike the numbers below it."""
        return self.far or (self.decimals and _WHOLE.fullmatch(self.cell) is not None)

    @property
    def far(self) -> bool:
        """Whether the first cell is far from the numbers below it."""
        reach = self.high - self.low
        return not self.low - reach <= self.number <= self.high + reach


def numbers_as_names(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row of a table names its columns, some of them by numbers.

    It does if its cells all differ, none fits the texts below it, and the numbers look unlike those
    below them, or are a sequence, years, or steps that no row of numbers would have.

    >>> numbers_as_names([["0", "1"], *[["0.5", "2.25"]] * 8])
    True
    """
    width = len(rows[0])
    first = [cell.strip() for cell in rows[0]]
    below = [row for row in rows[1:] if len(row) == width]
    if len(below) < FEWEST_ROWS or len(set(first)) < width:
        return False
    columns: list[_Column] = []
    over_text = words = over_numbers = 0  # numbers over texts; texts that can only be names
    for j, cell in enumerate(first):
        cells = [text for text in (row[j].strip() for row in below) if _present(text)]
        numbers = [number_of(text) for text in cells if like_number(text)]
        mostly = len(numbers) >= 0.95 * len(cells)
        if not cells:
            continue
        if not _present(cell):
            # pandas writes the index without a name.
            over_numbers += j == 0 and numbers == list(range(len(below)))
        elif not like_number(cell):
            if cell in cells:
                return False
            over_numbers += mostly
            words += len(set(cells)) <= len(cells) / 2 and len(cells) >= MANY_ROWS and not mostly
        elif mostly:
            decimals = all("." in text or "," in text for text in cells)
            columns.append(_Column(cell, number_of(cell), min(numbers), max(numbers), decimals))
        elif numbers:
            return False
        else:
            over_text += 1
    if not columns:
        return over_text > 0 and over_text + words + over_numbers > 1
    return _fit_for_names(columns, over_text + words, over_numbers, below)


def _fit_for_names(
    columns: list[_Column], others: int, over_numbers: int, below: list[Sequence[str]]
) -> bool:
    """Return whether the numbers over numbers can be names, beside names of other kinds."""
    others += over_numbers
    names = [column.cell for column in columns]
    numbers = [column.number for column in columns]
    steps = [round(b - a, 9) for a, b in zip(numbers, numbers[1:])]
    even = len(set(steps)) < 2 and 0.0 not in steps
    whole = even and all(map(_WHOLE.fullmatch, names))
    counted_up = whole and numbers[0] in (0.0, 1.0) and {*steps} <= {1.0}
    years = whole and all(map(_like_year, numbers)) and {*steps} <= {1.0, -1.0}
    if years and len(names) > 1:
        values = [number_of(cell) for row in below for cell in row if like_number(cell)]
        return sum(map(_like_year, values)) < len(values) / 2
    if not others and len(below) < MANY_ROWS:
        return False
    unlike = all(column.unlike for column in columns)
    if counted_up or years:
        if unlike or over_numbers or (counted_up and others):
            return len(names) > 1 or (others > 0 and (unlike or over_numbers > 0))
        if len(names) >= LONG_SEQUENCE:
            again = [number_of(cell) for cell in below[0] if like_number(cell)]
            return [b - a for a, b in zip(again, again[1:])] != steps
    if over_numbers and ((even and len(names) > 2) or unlike):
        return True
    rising = min(steps, default=0.0) > 0.0
    if others:
        return rising and unlike
    return rising and len(names) > 2 and all(column.far for column in columns)


def _like_year(number: float) -> bool:
    return 1800 <= number < 2200 and number.is_integer()


def _present(text: str) -> bool:
    return text.lower() not in _ABSENT


def like_number(cell: str) -> bool:
    """Return whether a cell holds a number, with a decimal point or comma."""
    text = cell.strip().replace(",", ".", 1)
    try:
        float(text)
    except ValueError:
        return False
    return any(map(str.isdigit, text))


def number_of(cell: str) -> float:
    """Return the number in a cell that is like one."""
    return float(cell.strip().replace(",", ".", 1))
