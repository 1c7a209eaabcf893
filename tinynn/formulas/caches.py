"""Caches of what follows from formulas, which are emptied when a formula is replaced."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Callable, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

# What empties each cache.
_forget: list[Callable[[], object]] = []


def cached(most: int) -> Callable[[F], F]:
    """Return a decorator like `lru_cache(most)`, for functions that depend on formulas.

    A formula is known by a name, such as that of a layer's class. If a caller registers another
    one under the same name, as a notebook's cell does that runs again, nothing made from the old
    one may be used any more.
    """

    def decorated(function: F) -> F:
        remembering = lru_cache(maxsize=most)(function)
        forgotten_by(remembering.cache_clear)
        return cast(F, remembering)

    return decorated


def forgotten_by(clear: Callable[[], object]) -> None:
    """Take a function that empties a cache of another kind."""
    _forget.append(clear)


def forget() -> None:
    """Empty all caches of what follows from formulas."""
    for clear in _forget:
        clear()
