"""NumPy's arrays where the caller uses them: it is loaded then, and never imported here."""

from __future__ import annotations

import sys
from typing import Any


def isinstance_array(X: Any) -> bool:
    """Return whether X is an array or a data frame, for which predictions are arrays, too."""
    return "numpy" in sys.modules and hasattr(X, "__array__")


def as_array(values: list[Any]) -> Any:
    """Return a NumPy array of the values, with dtype object if their types differ."""
    numpy: Any = sys.modules["numpy"]
    if len({type(value) for value in values}) > 1:
        array = numpy.empty(len(values), dtype=object)
        array[:] = values
        return array
    return numpy.asarray(values)


def in_kind(values: list[Any], X: Any) -> Any:
    """Return predictions as an array if X is one or a data frame, else as a list."""
    return as_array(values) if isinstance_array(X) else values
