"""The check for finite numbers that the whole package shares."""

from __future__ import annotations

from math import isfinite
from typing import Sequence


def all_finite(numbers: Sequence[float]) -> bool:
    """Return whether all numbers are finite.

    >>> all_finite([1e308, 1e308]), all_finite([1.0, float("nan")])
    (True, False)
    """
    # A NaN or an infinity always shows in the sum, but a sum of finite terms may overflow.
    return isfinite(sum(numbers)) or all(map(isfinite, numbers))
