"""Statistics of a column from one pass, in bounded memory: counts, moments, kinds, a sample."""

from __future__ import annotations

from collections import Counter
from math import fsum, inf, isfinite
from random import Random
from typing import Any, Mapping, NoReturn, Sequence

from ..errors import DataError
from .cells import Reader, cell_error, foreign_number, key_of
from .date_column import DATE_KINDS, DateTally
from .moments import SAMPLE, Sample
from .words_column import WordTally

KINDS = 1_000  # different kinds counted in a column


class Summary:
    """Statistics of one column so far.

    rows, missing, numbers, texts:  the number of cells: all, missing, numbers, text
    mean, squares, low, high:       of the numbers: μ, Σ (x − μ)², the smallest and the largest
    sample:                         of the numbers, for their median
    kinds:                          the number of cells of each of the first KINDS kinds
    uncounted:                      the number of cells of other kinds
    all_kinds_at:                   the number of cells counted when `kinds` was full, or None
    counting:                       whether the cells so far are whole numbers, each one more than
                                    the one before
    first_text, first_number:       (row, cell) of the first text and the first number
    foreign, foreign_count:         (row, cell) of the first number in another country's notation,
                                    and their number
    dates, prose:                   statistics of the texts as dates and as sentences, or None if it
                                    is clear that they are none
    """

    def __init__(self, label: str, kind: str | None, rng: Random) -> None:
        self.label = label
        self.kind = kind  # as given, or None to guess
        self.rows = self.missing = self.numbers = self.texts = 0
        self.mean = self.squares = 0.0
        self.low, self.high = inf, -inf
        self.sample = Sample(SAMPLE, rng)
        self.kinds: dict[str, int] = {}
        self.uncounted = 0
        self.all_kinds_at: int | None = None
        self.counting = True
        self.previous: float | None = None
        self.first_text: tuple[int, str] | None = None
        self.first_number: tuple[int, Any] | None = None
        self.foreign: tuple[int, str] | None = None
        self.foreign_count = 0
        self.dates = DateTally(label, kind, rng) if kind in (None, *DATE_KINDS) else None
        self.prose = WordTally() if kind in (None, "words") else None

    @property
    def present(self) -> int:
        return self.rows - self.missing

    @property
    def variance(self) -> float:
        return self.squares / self.numbers if self.numbers else 0.0

    def add(self, cells: Sequence[Any], first_row: int, reader: Reader) -> None:
        """Add the cells of more rows, which begin with row `first_row`.

        Raises DataError, naming the row, for a cell that cannot be used.
        """
        if self.kind == "drop":
            self.rows += len(cells)
            return
        values = None if self._wants_kinds() else reader.plain_numbers(cells)
        if values is None:
            values = [] if self._all_dates(cells, reader) else self._read(cells, first_row, reader)
        else:
            self.counting = self.counting and self._counts_on(values)
            self.uncounted += len(values)
            self.first_number = self.first_number or (first_row, cells[0])
        self.rows += len(cells)
        if values:
            self._add_numbers(values)

    def _wants_kinds(self) -> bool:
        return self._text_only or (self.kind != "number" and self.all_kinds_at is None)

    @property
    def _text_only(self) -> bool:
        return self.kind in DATE_KINDS or self.kind == "words"

    def _all_dates(self, cells: Sequence[Any], reader: Reader) -> bool:
        """Add the cells at once if all are dates or missing, and their kinds are not wanted."""
        if self.dates is None or (self.all_kinds_at is None and self.kind is None):
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

    def _read(self, cells: Sequence[Any], first_row: int, reader: Reader) -> list[float]:
        """Count the cells, reading each distinct one once; return the numbers among them."""
        try:
            counts = Counter(cells)
        except TypeError:  # a cell cannot be hashed: it is invalid, or read as text
            cells = [self._value(c, [c], first_row + i, reader) for i, c in enumerate(cells)]
            counts = Counter(cells)
        values: list[float] = []
        texts: dict[str, tuple[int, int]] = {}
        first = dict(zip(reversed(cells), range(first_row + len(cells) - 1, first_row - 1, -1)))
        for cell, count in counts.items():
            value = self._value(cell, cells, first_row, reader)
            if value is None:
                self.missing += count
                continue
            key = key_of(cell)
            self._count_kind(key, count)
            row = first[cell]
            if self._text_only:
                value = key
            if isinstance(value, float):
                values += [value] * count
                self.first_number = self.first_number or (row, cell)
            else:
                self._add_text(value, count, row)
                texts[value] = (count + texts.get(value, (0, 0))[0], row)
        if texts:
            self._add_texts(texts)
        if self.counting:
            self.counting = self._counts_on([reader.read(cell) for cell in cells])
        return values

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

    def _value(self, cell: Any, cells: Sequence[Any], first_row: int, reader: Reader) -> Any:
        try:
            value = reader.read(cell)
        except DataError as error:
            raise cell_error(error, first_row + cells.index(cell), self.label) from None
        if isinstance(value, float) and not isfinite(value) and self.kind != "category":
            not_finite(cell, first_row + cells.index(cell), self.label)
        return value

    def _add_text(self, text: str, count: int, row: int) -> None:
        self.texts += count
        if self.first_text is None or row < self.first_text[0]:
            self.first_text = (row, text)
        if foreign_number(text):
            self.foreign_count += count
            if self.foreign is None or row < self.foreign[0]:
                self.foreign = (row, text)

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

    def _add_numbers(self, values: list[float]) -> None:
        """Combine the moments of more numbers with those so far.

        Source: T. F. Chan, G. H. Golub and R. J. LeVeque (1979), equation 2.1, as StandardScaler.
        """
        added, n = len(values), self.numbers + len(values)
        try:
            mean = fsum(values) / added
            errors = [x - mean for x in values]
            squares = max(fsum([e * e for e in errors]) - fsum(errors) ** 2 / added, 0.0)
            delta = mean - self.mean
            self.squares += squares + delta * delta * (self.numbers * (added / n))
        except (OverflowError, ValueError):
            self.squares = inf
            mean = delta = 0.0
        if not isfinite(self.squares):
            raise DataError(
                f"TableEncoder needs columns whose variance fits a float, got values too far apart "
                f"in {self.label}; scale it down first"
            )
        self.mean += delta * (added / n)
        self.numbers = n
        self.low, self.high = min(self.low, min(values)), max(self.high, max(values))
        self.sample.extend(values)


def not_finite(cell: Any, row: int, label: str) -> NoReturn:
    """Raise the DataError for a number that is not a finite float."""
    raise DataError(
        f"inputs need finite numbers, got {cell!r} in row {row}, {label}; "
        "clip or drop infinite values first"
    )
