"""Whether the first row of a table names its columns, also by numbers such as 0, 1, 2 or years."""

from __future__ import annotations

import re
from typing import NamedTuple, Sequence

_WHOLE = re.compile(r"0|[1-9]\d{0,8}")
_ABSENT = frozenset(("", "?", "na", "n/a", "nan", "null", "none", "-"))
FEWEST_ROWS = 3  # below numbers that are taken for names beside names in words
MANY_ROWS = 8  # the same, if there are no names in words
LONG_SEQUENCE = 5  # numbers counted up that are names even over whole numbers


def guessed_header(rows: Sequence[Sequence[str]]) -> bool:
    """Return whether the first row of a table names its columns in words.

    It does unless it contains a number or, in a table without numbers, a text that occurs again in
    the same column.

    >>> guessed_header([["sepal", "species"], ["5.1", "setosa"]])
    True
    """
    first, rest = rows[0], rows[1:]
    if any(like_number(cell) for cell in first):
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

    It does if its cells all differ, each looks unlike what stands below it, and the numbers are a
    sequence, years, or go up. Cells that fit the columns make it a row like all others.

    >>> numbers_as_names([["0", "1"], *[["0.5", "2.25"]] * 8])
    True
    """
    width = len(rows[0])
    first = [cell.strip() for cell in rows[0]]
    below = [row for row in rows[1:] if len(row) == width]
    if len(below) < FEWEST_ROWS or len(set(first)) < width:
        return False
    over_text: list[str] = []  # numbers over texts
    over_numbers: list[_Column] = []
    words = 0  # texts that can only be names
    corner = False
    for j, cell in enumerate(first):
        cells = [text for text in (row[j].strip() for row in below) if _present(text)]
        numbers = [number_of(text) for text in cells if like_number(text)]
        if not cells:
            continue
        mostly = len(numbers) >= 0.95 * len(cells)
        if not _present(cell):
            # pandas writes the index without a name.
            corner = j == 0 and numbers == list(range(len(below)))
        elif not like_number(cell):
            if cell in cells:
                return False
            words += mostly or len(set(cells)) <= len(cells) / 2
        elif not mostly:
            if numbers:
                return False
            over_text.append(cell)
        else:
            decimals = all("." in text or "," in text for text in cells)
            over_numbers.append(
                _Column(cell, number_of(cell), min(numbers), max(numbers), decimals)
            )
    return _fit_for_names(over_numbers, over_text, words + corner, below)


def _fit_for_names(
    columns: list[_Column], over_text: list[str], words: int, below: list[Sequence[str]]
) -> bool:
    """Return whether the numbers over numbers can be names, beside these other ones."""
    others = words + len(over_text)
    if not columns:
        return bool(over_text) and others > 1
    names = [column.cell for column in columns]
    numbers = [column.number for column in columns]
    steps = {b - a for a, b in zip(numbers, numbers[1:])}
    even = len(steps) < 2 and min(steps, default=1.0) > 0.0 and all(map(_WHOLE.fullmatch, names))
    counted_up = even and steps <= {1.0} and numbers[0] in (0.0, 1.0)
    years = even and all(1800 <= year < 2200 for year in numbers)
    unlike = all(column.unlike for column in columns)
    if not others and len(below) < MANY_ROWS:
        return False
    if (counted_up or years) and (unlike or (counted_up and others)):
        return len(names) > 1 or (unlike and others > 0)
    if (counted_up and len(names) >= LONG_SEQUENCE) or (years and len(names) > 2):
        again = [number_of(cell) for cell in below[0] if like_number(cell)]
        return {b - a for a, b in zip(again, again[1:])} != steps
    rising = min(steps, default=0.0) > 0.0
    if others:
        return rising and unlike
    return rising and len(names) > 2 and all(column.far for column in columns)


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
