"""Sizes of tensors that a file leaves open: the batch, and the steps of its sequences."""

from __future__ import annotations

from collections import Counter
from typing import Any

NAMES_LIMIT = 4  # in a product: no tensor has more


class UnknownSize(ValueError):
    """A number that depends on sizes which are left open. It never leaves this package."""


class OpenSize:
    """A product of sizes that are left open, by name, and of a number.

    >>> OpenSize(1, ("batch",)) * 4
    4·batch
    """

    __slots__ = ("names", "number")

    def __init__(self, number: int, names: tuple[str, ...]) -> None:
        self.number = number
        self.names = tuple(sorted(names))

    def __mul__(self, other: Any) -> OpenSize:
        if isinstance(other, OpenSize) and len(self.names + other.names) <= NAMES_LIMIT:
            return OpenSize(self.number * other.number, self.names + other.names)
        if type(other) is not int or other < 1 or self.number * other > 2**63:
            raise UnknownSize
        return OpenSize(self.number * other, self.names)

    __rmul__ = __mul__

    def __add__(self, other: Any) -> OpenSize:
        if type(other) is not int or other:
            raise UnknownSize
        return self

    __radd__ = __sub__ = __add__

    def __truediv__(self, other: Any) -> Any:
        found = divided(self, other)
        if found is None:
            raise UnknownSize
        return found

    def __rtruediv__(self, other: Any) -> Any:
        raise UnknownSize

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OpenSize) and (self.number, self.names) == (
            other.number,
            other.names,
        )

    def __hash__(self) -> int:
        return hash((self.number, self.names))

    def __repr__(self) -> str:
        return "·".join([*([str(self.number)] if self.number != 1 else []), *self.names])


def divided(size: Any, by: Any) -> Any:
    """Return size / by if it is whole whatever sizes are left open, or None.

    >>> divided(OpenSize(6, ("batch", "steps")), OpenSize(2, ("batch",)))
    3·steps
    """
    number, names = (size.number, size.names) if isinstance(size, OpenSize) else (size, ())
    other, gone = (by.number, by.names) if isinstance(by, OpenSize) else (by, ())
    left = Counter(names)
    left.subtract(gone)
    if type(number) is not int or type(other) is not int or other < 1 or number % other:
        return None
    if any(count < 0 for count in left.values()):
        return None
    rest = tuple(left.elements())
    return OpenSize(number // other, rest) if rest else number // other


def implied(size: Any, wanted: Any) -> tuple[str, int] | None:
    """Return the name and the value of the size that makes two products equal, if it is one.

    >>> implied(OpenSize(8, ("batch", "steps")), OpenSize(48, ("batch",)))
    ('steps', 6)
    """
    number, names = (size.number, size.names) if isinstance(size, OpenSize) else (size, ())
    other, gone = (wanted.number, wanted.names) if isinstance(wanted, OpenSize) else (wanted, ())
    left = tuple((Counter(names) - Counter(gone)).elements())
    if len(left) != 1 or Counter(gone) - Counter(names) or other < 1 or other % number:
        return None
    return left[0], other // number


def same_size(a: Any, b: Any) -> bool:
    """Return whether two sizes are equal. Raises UnknownSize where that is left open."""
    if a == b:
        return True
    one, other = (a, b) if isinstance(a, OpenSize) else (b, a)
    if isinstance(one, OpenSize) and (isinstance(other, OpenSize) or other > 0):
        raise UnknownSize
    return False
