"""The axes of a tensor in an ONNX graph of sequences, by what they are.

An axis is a product of atoms, outermost first: two axes put into one by a Reshape stay known as
what they were, so that a later one can take them apart. The columns of a row may be divided among
several axes (heads × columns of a head): an atom of columns knows how far apart its columns are.
"""

from __future__ import annotations

from typing import Any, Iterable, NamedTuple, Sequence, Tuple

from .sizes import divided

# What an atom is. The first two of the input are told apart by what is done along them.
FIRST, SECOND, COLUMNS, KEYS = "first", "second", "columns", "keys"
RANK_LIMIT = 8  # sides of a tensor


class Atom(NamedTuple):
    """A part of an axis; columns are `stride` apart in the row."""

    kind: str
    size: Any
    stride: int = 0


Axis = Tuple[Atom, ...]
Axes = Tuple[Axis, ...]


def size_of(axis: Iterable[Atom]) -> Any:
    """Return the size of an axis; that of no atoms is 1."""
    size: Any = 1
    for atom in axis:
        size = size * atom.size
    return size


def sizes_of(axes: Sequence[Axis]) -> list[Any]:
    """Return the shape of a tensor with these axes."""
    return [size_of(axis) for axis in axes]


def parts(axis: Axis) -> Axis:
    """Return the atoms of an axis that have more than one index, columns that adjoin as one."""
    found: list[Atom] = []
    for atom in axis:
        last = found[-1] if found else None
        if atom.size == 1:
            continue
        if (
            last is not None
            and last.kind == atom.kind == COLUMNS
            and last.stride == atom.stride * atom.size
        ):
            found[-1] = Atom(COLUMNS, last.size * atom.size, atom.stride)
        else:
            found.append(atom)
    return tuple(found)


def columns_along(axis: Axis) -> Atom | None:
    """Return the columns along an axis that has nothing else, or None."""
    found = parts(axis)
    if not found:
        return Atom(COLUMNS, 1, 1)
    return found[0] if len(found) == 1 and found[0].kind == COLUMNS else None


def steps_along(axis: Axis) -> str:
    """Return which of the first two axes of the input an axis is, or ""."""
    kinds = [atom.kind for atom in axis if atom.kind in (FIRST, SECOND)]
    return kinds[0] if len(kinds) == 1 and len(parts(axis)) <= 1 else ""


def regrouped(axes: Sequence[Axis], sizes: Sequence[Any]) -> Axes | None:
    """Return the axes after a Reshape, in which only columns may be divided; None if it is more.

    >>> rows = ((Atom(FIRST, 2), Atom(SECOND, 5)), (Atom(COLUMNS, 6, 1),))
    >>> [sizes_of(regrouped(rows, shape)) for shape in ([2, 5, 3, 2], [10, 6])]
    [[2, 5, 3, 2], [10, 6]]
    >>> regrouped(rows, [5, 2, 6])
    """
    waiting = [atom for axis in reversed(axes) for atom in reversed(axis)]
    found: list[Axis] = []
    for wanted in sizes:
        axis: list[Atom] = []
        if wanted == 1 and waiting and waiting[-1].size == 1:
            axis.append(waiting.pop())
        while wanted != 1:
            if not waiting:
                return None
            atom = waiting.pop()
            rest = divided(wanted, atom.size)
            if rest is None:
                inner = divided(atom.size, wanted)
                if atom.kind != COLUMNS or not isinstance(inner, int):
                    return None
                waiting.append(Atom(COLUMNS, inner, atom.stride))
                atom, rest = Atom(COLUMNS, wanted, atom.stride * inner), 1
            axis.append(atom)
            wanted = rest
        found.append(tuple(axis))
    if any(atom.size != 1 for atom in waiting):
        return None
    if found:  # what has one index may be anywhere
        found[-1] += tuple(reversed(waiting))
    return tuple(found)


class View(NamedTuple):
    """A tensor whose numbers are columns of rows: a tensor's of the graph of rows, times a factor.

    `name` is that of the rows, which have so many `columns`; the first of the view's is `offset`.
    """

    name: str
    axes: Axes
    columns: Any
    offset: int = 0
    factor: float = 1.0

    @property
    def whole(self) -> int | None:
        """The index of the axis of all columns, in order; None if there is no such axis."""
        if self.columns == 1:
            free = [i for i, axis in enumerate(self.axes) if not parts(axis)]
            return free[-1] if free else None
        wanted = (Atom(COLUMNS, self.columns, 1),)
        if self.offset:
            return None
        return next((i for i, axis in enumerate(self.axes) if parts(axis) == wanted), None)
