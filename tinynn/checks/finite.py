"""The checks for finite numbers that the whole package shares."""

from __future__ import annotations

from math import isfinite
from typing import Sequence

from ..errors import DataError


def all_finite(numbers: Sequence[float]) -> bool:
    """Return whether all numbers are finite.

    >>> all_finite([1e308, 1e308]), all_finite([1.0, float("nan")])
    (True, False)
    """
    # A NaN or an infinity always shows in the sum, but a sum of finite terms may overflow.
    return isfinite(sum(numbers)) or all(map(isfinite, numbers))


def finite_outputs(outputs: list[float], logs: bool, row: int | str = 0) -> list[float]:
    """Return a network's outputs for this row of inputs; raise DataError if one is not finite.

    logs: whether they are logarithms of probabilities, which may be −∞
    """
    if not all_finite([max(y, -1.0) for y in outputs] if logs else outputs):
        raise DataError(
            f"predict needs finite outputs, got nan or inf in row {row}; scale the inputs"
        )
    return outputs
