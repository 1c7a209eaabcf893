"""The axes of tensors of sequences: what each is made of, and how their parts move.

Columns alone are listed, one item for each; batch and steps have all of them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Sequence

STEPS = "steps"


class Atom(NamedTuple):
    """A part of an axis: the batch, the steps, or columns; "" stands for columns.

    An axis is any number of them. A part of size 1 is left out: a batch of one may be anywhere.
    """

    what: str
    size: int


Axes = Sequence[Sequence[Atom]]


class Followed(NamedTuple):
    """A tensor: what its axes are, and an item for each index of its columns.

    The items of the tensor where all begins are their own numbers.
    """

    axes: Axes
    items: Sequence[Any]

    @property
    def shape(self) -> list[int]:
        """The size of each axis."""
        return [math.prod(atom.size for atom in axis) for axis in self.axes]

    @property
    def atoms(self) -> list[Atom]:
        """The atoms of all axes in order."""
        return [atom for axis in self.axes for atom in axis]


class Unknown(Exception):
    """A node does something that attention does not. It never leaves this package."""


def regrouped(whole: Followed, shape: Sequence[int]) -> Followed:
    """Return a tensor with its numbers, in the same order, along axes of other sizes."""
    atoms = whole.atoms
    axes: list[list[Atom]] = []
    for side in shape:
        axis: list[Atom] = []
        left = side
        while left > 1:
            atom = atoms.pop(0)
            if not atom.what and atom.size > left and atom.size % left == 0:
                atoms.insert(0, Atom("", atom.size // left))
                atom = Atom("", left)
            if left % atom.size:
                raise Unknown
            left //= atom.size
            axis.append(atom)
        axes.append(axis)
    if atoms:
        raise Unknown
    return Followed(axes, whole.items)


def moved(whole: Followed, order: Sequence[int]) -> Followed:
    """Return a tensor with its axes in another order."""
    if sorted(order) != list(range(len(whole.axes))):
        raise Unknown
    axes = [whole.axes[i] for i in order]
    sizes = [columns(axis) for axis in whole.axes]
    steps = [math.prod(sizes[i + 1 :]) for i in range(len(sizes))]
    places = [0]
    for i in order:
        places = [place + k * steps[i] for place in places for k in range(sizes[i])]
    return Followed(axes, [whole.items[place] for place in places])


def of_columns(size: int) -> list[Atom]:
    """Return an axis of so many columns."""
    return [Atom("", size)] if size > 1 else []


def columns(axis: Sequence[Atom]) -> int:
    """Return how many columns an axis has."""
    return math.prod(atom.size for atom in axis if not atom.what)


def picked(whole: Followed, axis: int, which: Sequence[int], drops: bool) -> Followed:
    """Return some of the columns along an axis."""
    if any(atom.what for atom in whole.axes[axis]):
        raise Unknown
    size = columns(whole.axes[axis])
    after = math.prod(columns(a) for a in whole.axes[axis + 1 :])
    own = range(size)
    which = [own[i] for i in which]
    items = [
        item
        for start in range(0, len(whole.items), size * after)
        for i in which
        for item in whole.items[start + i * after : start + (i + 1) * after]
    ]
    new: list[list[Atom]] = [] if drops else [of_columns(len(which))]
    return Followed([*whole.axes[:axis], *new, *whole.axes[axis + 1 :]], items)


def squeezed(whole: Followed, which: Sequence[int]) -> Followed:
    """Return a tensor without some axes of size 1."""
    gone = {range(len(whole.axes))[axis] for axis in which}
    if any(whole.axes[i] for i in gone):
        raise Unknown
    return Followed([axis for i, axis in enumerate(whole.axes) if i not in gone], whole.items)


def unsqueezed(whole: Followed, which: Sequence[int]) -> Followed:
    """Return a tensor with some more axes of size 1."""
    axes = list(whole.axes)
    for i in sorted(range(len(axes) + len(which))[axis] for axis in which):
        axes.insert(i, [])
    return Followed(axes, whole.items)


def outer_and_last(whole: Followed) -> tuple[list[Atom], list[Sequence[Atom]]]:
    """Return the parts of all axes but the last two, and these two."""
    return [atom for axis in whole.axes[:-2] for atom in axis], list(whole.axes[-2:])
