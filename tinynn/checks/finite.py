"""Whether numbers are finite, decided in one place."""

from __future__ import annotations

from math import isfinite
from typing import Sequence


def all_finite(numbers: Sequence[float]) -> bool:
    """Return whether all numbers are finite.

    >>> all_finite([1e308, 1e308]), all_finite([1.0, float("nan")])
    (True, False)
    """
    # A sum cannot hide a NaN or an infinity; it may overflow though all its terms are finite.
    return isfinite(sum(numbers)) or all(map(isfinite, numbers))
