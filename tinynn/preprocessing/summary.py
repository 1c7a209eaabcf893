"""Statistics of a column from one pass, in bounded memory: counts, moments, kinds, a sample."""

from __future__ import annotations

import copy
import re
from collections import Counter
from math import isfinite
from random import Random
from typing import Any, Mapping, NoReturn, Sequence

from ..checks.words import excerpt
from ..errors import DataError
from .cells import Reader, cell_error, index_of, key_of
from .date_column import DATE_KINDS, DateTally
from .moments import Moments
from .notation import LONG, Evidence, Notation
from .words_column import WordTally

KINDS = 1_000  # different kinds counted in a column
_PADDED = re.compile("\n0[0-9]")


class Summary:
    """Statistics of one column so far.

    rows, missing, numbers, texts:  the number of cells: all, missing, numbers, text
    readings:                       by decimal sign, the moments of the numbers; one object while
                                    both signs give the same numbers, none for a sign that is ruled
                                    out
    evidence:                       how the numbers are written
    kinds:                          the number of cells of each of the first KINDS kinds
    words:                          the number of cells of each word that means "missing" only in
                                    columns of numbers
    uncounted:                      the number of cells of other kinds
    all_kinds_at:                   the number of cells counted when `kinds` was full, or None
    counting:                       whether the cells so far are whole numbers, each one more than
                                    the one before
    first_text:                     (row, cell) of the first text
    dates, prose:                   statistics of the texts as dates and as sentences, or None if it
                                    is clear that they are none
    """

    def __init__(
        self, label: str, kind: str | None, rng: Random, notation: Notation | None = None
    ) -> None:
        self.label = label
        self.kind = kind  # as given, or None to guess
        self.rows = self.missing = self.numbers = self.texts = 0
        self.evidence = Evidence(notation)
        self.readings = dict.fromkeys(".,", Moments(rng))
        self.kinds: dict[str, int] = {}
        self.words: dict[str, int] = {}
        self.uncounted = 0
        self.all_kinds_at: int | None = None
        self.counting = True
        self.previous: float | None = None
        self.first_text: tuple[int, str] | None = None
        self.dates = DateTally(label, kind, rng) if kind in (None, *DATE_KINDS) else None
        self.prose = WordTally() if kind in (None, "words") else None

    @property
    def present(self) -> int:
        return self.rows - self.missing

    def moments(self, notation: Notation) -> Moments:
        """Return the moments of the numbers as they are read with a notation."""
        return self.readings[notation.decimal]

    def counted_kinds(self) -> tuple[dict[str, int], int]:
        """Return the number of cells of each kind, and of missing cells, as a column of texts."""
        return {**self.kinds, **self.words}, self.missing - sum(self.words.values())

    def add(self, cells: Sequence[Any], first_row: int, reader: Reader) -> None:
        """Add the cells of more rows, which begin with row `first_row`.

        Raises DataError, naming the row, for a cell that cannot be used.
        """
        if self.kind == "drop":
            self.rows += len(cells)
            return
        if not self._all_dates(cells, reader) and (
            self._texts_only or not self._all_numbers(cells, first_row, reader)
        ):
            self._read(cells, first_row, reader)
        self.rows += len(cells)

    @property
    def _texts_only(self) -> bool:
        return self.kind not in (None, "number")

    def _all_dates(self, cells: Sequence[Any], reader: Reader) -> bool:
        """Add the cells at once if all are dates or missing, and their kinds are not wanted."""
        if self.dates is None or (self.kind is None and self.all_kinds_at is None):
            return False
        if set(map(type, cells)) != {str}:
            return False
        missing = reader.missing
        texts = cells if missing.isdisjoint(cells) else [c for c in cells if c not in missing]
        if not self.dates.add_all(texts):
            return False
        self.missing += len(cells) - len(texts)
        self.texts += len(texts)
        self.uncounted += len(texts)
        return True

    def _all_numbers(self, cells: Sequence[Any], first_row: int, reader: Reader) -> bool:
        """Add the cells at once if all are numbers and their kinds are not wanted."""
        evidence = self.evidence
        if self.kind != "number" and self.all_kinds_at is None:
            return False
        joined = "\n" + "\n".join(cells) if set(map(type, cells)) == {str} else ""
        if _PADDED.search(joined):
            return False
        one_way = "." not in joined and "," not in joined
        found: dict[str, list[float]] = {}
        for sign in self.readings:
            if found and one_way:
                found[","] = found["."]
                continue
            values = reader.plain_numbers(cells, evidence.permitted(sign))
            if values is None or (type(cells[0]) is not float and max(values) >= 10.0**LONG):
                return False
            found[sign] = values
        if not found or (len(found) == 2 and found["."] != found[","] and evidence.unsure is None):
            return False
        evidence.add_column(cells, first_row)
        values = next(iter(found.values()))
        self.counting = self.counting and self._counts_on(values)
        self.uncounted += len(values)
        self.numbers += len(values)
        self._add_numbers(found)
        return True

    def _read(self, cells: Sequence[Any], first_row: int, reader: Reader) -> None:
        """Add the cells, reading each distinct one once."""
        evidence = self.evidence
        try:
            counts = Counter(cells)
        except TypeError:  # a cell cannot be hashed: it is invalid, or read as text
            cells = [self._value(c, [c], first_row + i, reader) for i, c in enumerate(cells)]
            counts = Counter(cells)
        found: dict[str, list[float]] = {sign: [] for sign in self.readings}
        number_of: dict[Any, Any] = {}
        texts: dict[str, tuple[int, int]] = {}
        first = dict(zip(reversed(cells), range(len(cells) - 1, -1, -1)))
        for cell, count in counts.items():
            value = self._value(cell, cells, first_row, reader)
            if value is None:
                self.missing += count
                word = cell.strip() if isinstance(cell, str) else ""
                if word in reader.not_missing:
                    self.words[word] = self.words.get(word, 0) + count
                continue
            key = key_of(cell)
            self._count_kind(key, count)
            row = first_row + first[cell]
            text = value if isinstance(value, str) else key
            if self._texts_only:
                texts[text] = (count + texts.get(text, (0, 0))[0], row)
                continue
            if isinstance(value, str):
                numbers = evidence.add(value, row, count)
                if numbers is None:
                    self.texts += count
                    self.first_text = self.first_text or (row, value)
                    texts[text] = (count + texts.get(text, (0, 0))[0], row)
                    continue
            else:
                evidence.add_number(cell, row, count)
                numbers = {".": value, ",": value}
            self.numbers += count
            number_of[cell] = next(iter(numbers.values()))
            for sign in found:
                if sign in numbers:
                    found[sign] += [numbers[sign]] * count
        if self.counting:
            self.counting = self._counts_on([number_of.get(cell) for cell in cells])
        self._add_numbers(found)
        if texts:
            self._add_texts(texts)

    def _add_texts(self, texts: Mapping[str, tuple[int, int]]) -> None:
        """Add different texts, each with the number of its cells and the row of the first."""
        guess = self.kind is None
        if self.dates is not None:
            self.dates.add(texts)
            if guess and self.dates.hopeless:
                self.dates = None
        if self.prose is not None:
            self.prose.add(texts, guess)
            if guess and self.prose.hopeless:
                self.prose = None

    def _value(self, cell: Any, cells: Sequence[Any], start: int, reader: Reader) -> Any:
        try:
            value = reader.read(cell)
        except DataError as error:
            raise cell_error(error, start + index_of(cells, cell), self.label) from None
        if isinstance(value, float) and not isfinite(value) and self.kind != "category":
            not_finite(cell, start + index_of(cells, cell), self.label)
        return value

    def _count_kind(self, key: str, count: int) -> None:
        if key in self.kinds:
            self.kinds[key] += count
        elif len(self.kinds) < KINDS:
            self.kinds[key] = count
        else:
            if self.all_kinds_at is None:
                self.all_kinds_at = sum(self.kinds.values())
            self.uncounted += count

    def _counts_on(self, values: Sequence[Any]) -> bool:
        previous = self.previous
        for value in values:
            if not isinstance(value, float) or not value.is_integer():
                return False
            if previous is not None and value != previous + 1.0:
                return False
            previous = value
        self.previous = previous
        return True

    def _add_numbers(self, found: dict[str, list[float]]) -> None:
        """Add numbers by decimal sign; forget the reading of a sign that is ruled out."""
        for sign in self.evidence.refuted:
            self.readings.pop(sign, None)
        readings = self.readings
        if len(readings) == 2 and readings["."] is readings[","]:
            if found["."] == found[","]:
                readings["."].add(found["."], self.label)
                return
            readings[","] = copy.deepcopy(readings["."])
        for sign, moments in readings.items():
            moments.add(found[sign], self.label)


def not_finite(cell: Any, row: int, label: str) -> NoReturn:
    """Raise the DataError for a number that is not a finite float."""
    raise DataError(
        f"inputs need finite numbers, got {excerpt(cell)} in row {row}, {label}; "
        "clip or drop infinite values first"
    )
