"""JSON from strangers: limits that hold before it is parsed, and numbers that fit a float.

Parsing turns two bytes of JSON into up to a hundred bytes of objects, and nesting into recursion.
So brackets, commas, colons and quotes are counted first, at the speed of `bytes.count`.
"""

from __future__ import annotations

import json
import re
from functools import partial
from itertools import accumulate, repeat
from math import isinf
from typing import Any, Callable, NoReturn

from ..checks.words import excerpt

NESTING = 50  # levels; a model file has about ten
MEMORY_FACTOR, MEMORY_MORE = 20, 50_000_000  # bytes for each byte of a file, and for any file

_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
# All that can be a number beyond a float's range; seen in a text, it only makes parsing slower.
_LARGE = re.compile(rb"[eE]\+?0*[1-9][0-9][0-9]|[0-9]{200}")
# About the bytes that CPython needs for the list, object, item, pair and text that each begins or
# separates: what `tracemalloc` says, rounded up, and for lists and objects three times as much, as
# a network has its weights, a copy of what was read, and their derivatives.
_COSTS = ((b"[", 290), (b"{", 290), (b",", 60), (b":", 120), (b'"', 24))


def parse(data: bytes, **hooks: Callable[[str], Any]) -> Any:
    """Return the plain value that UTF-8 JSON stands for; a byte order mark is skipped.

    All its numbers are finite, and whole numbers fit a float, too. `hooks` are those of
    `json.loads`, for who wants other numbers.

    Raises RecursionError for more levels than any model has, and ValueError, of which
    UnicodeDecodeError and JSONDecodeError say where, for anything that is not JSON, has a key twice
    in one object, a number beyond a float's range, or more parts for its size than any model.
    Time and memory are proportional to the bytes.
    """
    _check_nesting(data)
    _check_size(data)
    checked: dict[str, Any] = {"parse_constant": _no_constants}
    if _LARGE.search(data):
        number = partial(_finite, data)
        checked.update(parse_float=number, parse_int=partial(_whole, number))
    checked.update(hooks)
    return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_no_repeats, **checked)


def _check_size(data: bytes) -> None:
    """Raise ValueError if the value would need much more memory than the file."""
    limit = MEMORY_FACTOR * len(data) + MEMORY_MORE
    if len(data) * sum(cost for _, cost in _COSTS) < limit:
        return
    text = len(data) * (2 if data.isascii() else 5)
    if text + sum(cost * data.count(part) for part, cost in _COSTS) > limit:
        raise ValueError(f"it has too many parts for its {len(data):,} bytes")


def _check_nesting(data: bytes) -> None:
    """Raise RecursionError if brackets are nested too deeply; those in texts do not count."""
    left, size = data.translate(None, _NOT_BRACKETS), -1
    for _ in range(NESTING):  # a pass takes away the innermost ones
        if len(left) in (0, size):
            break
        size, left = len(left), left.replace(b"[]", b"").replace(b"{}", b"")
    if left:  # some are in texts, or without a partner, or too deep
        left = _STRING.sub(b"", data).translate(None, _NOT_BRACKETS)
        if max(accumulate(map({91: 1, 123: 1}.get, left, repeat(-1))), default=0) > NESTING:
            raise RecursionError("nested too deeply")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {excerpt(key)} appears twice in one object")
            seen.add(key)
    return found


def _no_constants(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a finite number")


def _finite(data: bytes, digits: str) -> float:
    value = float(digits)
    if isinf(value):
        line = data[: data.find(digits.encode())].count(b"\n") + 1
        shown = digits if len(digits) <= 20 else f"{digits[:20]}…"
        raise ValueError(f"the number {shown} in line {line} is too large")
    return value


def _whole(number: Callable[[str], float], digits: str) -> int:
    number(digits)  # first: int() of a million digits takes minutes
    return int(digits)
