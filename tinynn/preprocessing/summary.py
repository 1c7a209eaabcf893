"""Statistics of a column from one pass, in bounded memory: counts, moments, kinds, a sample."""

from __future__ import annotations

import copy
import re
from array import array
from collections import Counter
from math import exp, floor, fsum, inf, isfinite, log
from random import Random
from typing import Any, NoReturn, Sequence

from ..errors import DataError
from .cells import Reader, cell_error, index_of, key_of
from .notation import LONG, Evidence, Notation

SAMPLE = 50_000  # numbers of a column kept for its median, which is exact up to this many
KINDS = 1_000  # different kinds counted in a column
_EPSILON = 2.0**-52
_PADDED = re.compile("\n0[0-9]")


class Sample:
    """A uniform sample of up to `size` numbers of a stream.

    Source: K.-H. Li, Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n))) (1994),
    algorithm L: it draws how many numbers to skip, so most of them cost nothing.
    """

    def __init__(self, size: int, rng: Random) -> None:
        self.size = size
        self.rng = rng
        self.kept = array("d")
        self.seen = 0
        self.next = size  # the position in the stream of the next number to take
        self.share = 1.0

    def extend(self, values: Sequence[float]) -> None:
        """Add the next numbers of the stream."""
        room = self.size - len(self.kept)
        if room:
            self.kept.extend(values[:room])
            if len(self.kept) == self.size:
                self.next -= 1
                self._skip()
        while self.next < self.seen + len(values):
            self.kept[self.rng.randrange(self.size)] = values[self.next - self.seen]
            self._skip()
        self.seen += len(values)

    def _skip(self) -> None:
        draw = self.rng.random
        self.share *= exp(log(1.0 - draw()) / self.size)
        # Clamped, as a share rounded to 1 or 0 would cause an error below.
        share = min(max(self.share, 1e-300), 1.0 - _EPSILON)
        rest = log(1.0 - share) if share > 1e-15 else -share
        self.next += floor(log(1.0 - draw()) / rest) + 1

    def median(self) -> float:
        """Return the median of the sample; 0 if it is empty.

        In the whole stream, its rank is within ±1/√n of the middle for a sample of n numbers (two
        standard errors).
        """
        ordered = sorted(self.kept)
        n = len(ordered)
        if not n:
            return 0.0
        return ordered[n // 2] if n % 2 else 0.5 * ordered[n // 2 - 1] + 0.5 * ordered[n // 2]


class Moments:
    """Statistics of numbers in one pass.

    count, mean, squares, low, high:  how many; μ, Σ (x − μ)², the smallest and the largest
    sample:                           of the numbers, for their median
    """

    def __init__(self, rng: Random) -> None:
        self.count = 0
        self.mean = self.squares = 0.0
        self.low, self.high = inf, -inf
        self.sample = Sample(SAMPLE, rng)

    @property
    def variance(self) -> float:
        return self.squares / self.count if self.count else 0.0

    def add(self, values: Sequence[float], label: str) -> None:
        """Combine the moments of more numbers with those so far.

        Source: T. F. Chan, G. H. Golub and R. J. LeVeque (1979), equation 2.1, as StandardScaler.
        """
        if not values:
            return
        added, n = len(values), self.count + len(values)
        try:
            mean = fsum(values) / added
            errors = [x - mean for x in values]
            squares = max(fsum([e * e for e in errors]) - fsum(errors) ** 2 / added, 0.0)
            delta = mean - self.mean
            self.squares += squares + delta * delta * (self.count * (added / n))
        except (OverflowError, ValueError):
            self.squares = inf
            mean = delta = 0.0
        if not isfinite(self.squares):
            raise DataError(
                f"TableEncoder needs columns whose variance fits a float, got values too far apart "
                f"in {label}; scale it down first"
            )
        self.mean += delta * (added / n)
        self.count = n
        self.low, self.high = min(self.low, min(values)), max(self.high, max(values))
        self.sample.extend(values)


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
    """

    def __init__(
        self, label: str, kind: str | None, rng: Random, notation: Notation | None = None
    ) -> None:
        self.label = label
        self.kind = kind  # as given: "number", "category", "drop", or None to guess
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
        if self.kind == "category" or not self._all_numbers(cells, first_row, reader):
            self._read(cells, first_row, reader)
        self.rows += len(cells)

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
        first = dict(zip(reversed(cells), range(len(cells) - 1, -1, -1)))
        for cell, count in counts.items():
            value = self._value(cell, cells, first_row, reader)
            if value is None:
                self.missing += count
                word = cell.strip() if isinstance(cell, str) else ""
                if word in reader.not_missing:
                    self.words[word] = self.words.get(word, 0) + count
                continue
            self._count_kind(key_of(cell), count)
            if self.kind == "category":
                continue
            row = first_row + first[cell]
            if isinstance(value, str):
                numbers = evidence.add(value, row, count)
                if numbers is None:
                    self.texts += count
                    self.first_text = self.first_text or (row, value)
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
        f"inputs need finite numbers, got {cell!r} in row {row}, {label}; "
        "clip or drop infinite values first"
    )


def rounding_variance(n: int, mean: float, variance: float) -> bool:
    """Return whether rounding alone explains a variance, by the rule of StandardScaler."""
    return variance <= n * _EPSILON * variance + (n * _EPSILON * mean) ** 2
