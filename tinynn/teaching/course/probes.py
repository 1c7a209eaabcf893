"""Probes: what a learner's code gives, compared with what the lesson gives, and what is off."""

from __future__ import annotations

import math
from typing import Any, Callable, Mapping, NamedTuple, Sequence, Union

Nested = Union[float, "list[Any]"]
# Uses the learner's function or class, or the lesson's, and returns what it gives.
Call = Callable[[Any], Any]

RELATIVE, ABSOLUTE = 1e-9, 1e-12  # how far a right answer may be off
_FACTORS = {  # got over expected, and the most likely reason
    -1.0: "the sign is turned",
    2.0: "it is twice what it should be",
    0.5: "it is half of what it should be",
    -2.0: "the sign is turned, and it is twice too large",
    -0.5: "the sign is turned, and a factor of 2 is missing",
}


class Case(NamedTuple):
    """One use of the learner's code: where, in words, and the call."""

    where: str
    call: Call


class Probe(NamedTuple):
    """Something that is checked: its name, what it needs, its cases, and how it often goes wrong.

    needs:    the name that the learner's file has to define
    mistakes: what to say, by code that makes that mistake
    advice:   what to say if the code raises an error of this kind
    """

    name: str
    needs: str
    cases: Sequence[Case]
    mistakes: Mapping[str, Any] = {}
    advice: Mapping[str, str] = {}


class Result(NamedTuple):
    """Whether a probe found all right; if not, what is off."""

    name: str
    ok: bool
    text: str = ""

    def __str__(self) -> str:
        return f"ok   {self.name}" if self.ok else f"OFF  {self.name}: {self.text}"


class NotNumbers(Exception):
    """The learner's code gave something other than numbers."""


def nested(value: Any) -> Nested:
    """Return numbers, or lists of numbers, as floats. Raises NotNumbers for anything else."""
    if isinstance(value, (list, tuple)):
        return [nested(item) for item in value]
    if value is None:
        raise NotNumbers("None; is there a `return`?")
    if isinstance(value, (int, float)):
        return float(value)
    raise NotNumbers(f"something of type {type(value).__name__}, not numbers")


def shape_of(value: Nested) -> str:
    """Return the shape of nested lists in words."""
    if not isinstance(value, list):
        return "a number"
    if not value or not isinstance(value[0], list):
        return f"a row of {len(value)}"
    widths = {len(row) if isinstance(row, list) else -1 for row in value}
    if len(widths) > 1:
        return f"{len(value)} rows of unequal length"
    return f"{len(value)} rows of {len(value[0])}"


def flat(value: Nested) -> list[float]:
    """Return all numbers in order."""
    if not isinstance(value, list):
        return [value]
    return [x for item in value for x in flat(item)]


def close(a: float, b: float) -> bool:
    """Return whether two numbers agree but for rounding."""
    if a != a or b != b:
        return a != a and b != b
    return math.isclose(a, b, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def agree(a: Nested, b: Nested) -> bool:
    """Return whether two values have the same shape and the same numbers."""
    return shape_of(a) == shape_of(b) and all(map(close, flat(a), flat(b)))


def verdict(probe: Probe, got: Sequence[Any], expected: Sequence[Any]) -> Result:
    """Return what a probe found, from what the learner's code gave and the lesson's, by case."""
    values: list[Nested] = []
    right = [nested(value) for value in expected]
    for case, value, should in zip(probe.cases, got, right):
        try:
            values.append(nested(value))
        except NotNumbers as error:
            return Result(probe.name, False, f"{case.where} it gives {error}")
        if shape_of(values[-1]) != shape_of(should):
            return Result(
                probe.name,
                False,
                f"{case.where} it gives {shape_of(values[-1])}, and should give "
                f"{shape_of(should)}{_transposed(values[-1], should)}",
            )
    off = [k for k, (a, b) in enumerate(zip(values, right)) if not agree(a, b)]
    if not off:
        return Result(probe.name, True)
    k = off[0]
    place, mine, should_be = _first(values[k], right[k])
    text = (
        f"{probe.cases[k].where} it gives {mine:.9g}{place}, and should give {should_be:.9g}."
        f"{_hint(probe, values, right)}"
    )
    return Result(probe.name, False, text)


def _first(got: Nested, right: Nested, at: str = "") -> tuple[str, float, float]:
    """Return where two values first differ, and both numbers there."""
    if not isinstance(got, list) or not isinstance(right, list):
        return (f" at [{at}]" if at else ""), got, right  # type: ignore[return-value]
    for i, (a, b) in enumerate(zip(got, right)):
        if not agree(a, b):
            return _first(a, b, f"{at}][{i}" if at else str(i))
    raise AssertionError("equal values")


def _hint(probe: Probe, got: Sequence[Nested], right: Sequence[Nested]) -> str:
    """Return what the error looks like, or ""."""
    for words, wrong in probe.mistakes.items():
        try:
            same = [nested(case.call(wrong)) for case in probe.cases]
        except Exception:  # a mistake that does not work in every case
            continue
        if all(map(agree, got, same)):
            return f" It looks like {words}."
    pairs = [(a, b) for x, y in zip(got, right) for a, b in zip(flat(x), flat(y))]
    for factor, words in _FACTORS.items():
        if all(close(a, factor * b) for a, b in pairs):
            return f" Everywhere, {words}."
    ratios = {a / b for a, b in pairs if b and abs(a) < math.inf}
    if len(pairs) > 1 and ratios and all(close(r, min(ratios)) for r in ratios) and min(ratios):
        return f" Everywhere it is {min(ratios):.6g} times what it should be."
    return ""


def _transposed(got: Nested, right: Nested) -> str:
    if isinstance(got, list) and isinstance(right, list) and isinstance(right[0], list):
        turned = f"{len(right[0])} rows of {len(right)}"
        if shape_of(got) == turned:
            return ": rows and columns are exchanged"
    return ""
