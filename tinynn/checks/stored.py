"""What model files hold, checked by type, range and size: JSON's values and nothing else.

JSON has whole numbers of any length, and `json` reads 1e999 as infinity; true is 1 to Python.
"""

from __future__ import annotations

from sys import float_info
from typing import Callable

MOST = 2**53  # a count up to this is exact as a float, too


def is_count(value: object) -> bool:
    """Return whether a value is a whole number from 0 to 2⁵³.

    >>> is_count(3), is_count(True), is_count(3.0), is_count(10**400)
    (True, False, False, False)
    """
    return type(value) is int and 0 <= value <= MOST


def is_real(value: object) -> bool:
    """Return whether a value is a number that is finite as a float.

    >>> is_real(3), is_real(True), is_real(float("nan")), is_real(10**400)
    (True, False, False, False)
    """
    return (type(value) is float or type(value) is int) and abs(value) <= float_info.max


def is_text(value: object) -> bool:
    """Return whether a value is text."""
    return isinstance(value, str)


def are_all(check: Callable[[object], bool], values: object, count: int | None = None) -> bool:
    """Return whether `values` is a list of what passes a check, and as long as `count` says.

    >>> are_all(is_real, [1, 2.5]), are_all(is_real, [1], count=2), are_all(is_real, 1)
    (True, False, False)
    """
    return (
        isinstance(values, list)
        and (count is None or len(values) == count)
        and all(map(check, values))
    )


def are_named(check: Callable[[object], bool], values: object) -> bool:
    """Return whether `values` is an object, of names and what passes a check.

    >>> are_named(is_real, {"a": 1.0}), are_named(is_real, {"a": "1"}), are_named(is_real, [])
    (True, False, False)
    """
    return (
        isinstance(values, dict) and all(map(is_text, values)) and all(map(check, values.values()))
    )
