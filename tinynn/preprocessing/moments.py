"""Statistics of a column's numbers from one pass, in bounded memory: moments, and a sample."""

from __future__ import annotations

from array import array
from math import exp, floor, fsum, inf, isfinite, log
from random import Random
from typing import Sequence

from ..errors import DataError

SAMPLE = 50_000  # numbers of a column kept for its median, which is exact up to this many
_EPSILON = 2.0**-52


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


def rounding_variance(n: int, mean: float, variance: float) -> bool:
    """Return whether rounding alone explains a variance, by the rule of StandardScaler."""
    rounding = n * _EPSILON * mean
    return variance <= n * _EPSILON * variance + rounding * rounding
