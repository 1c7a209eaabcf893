"""Parts of a tensor: each is a list of offsets for each of its axes."""

from __future__ import annotations

import math
from typing import Any, Sequence

from .model import COUNT_LIMIT, OnnxTensor

SPREAD_LIMIT = 2**20  # numbers that constants may have beyond twice those in the file
RANK_LIMIT = 16
Offsets = Sequence[int]


def picked(values: Sequence[Any], axes: Sequence[Offsets]) -> list[Any]:
    """Return the values at all sums of one offset from each axis, the last axis fastest.

    >>> picked("abcdef", [[0, 1, 2], [0, 3]])
    ['a', 'd', 'b', 'e', 'c', 'f']
    """
    *outer, last = axes or [[0]]
    starts = [0]
    for offsets in outer:
        starts = [start + offset for start in starts for offset in offsets]
    steps = {b - a for a, b in zip(last, last[1:])}
    if len(steps) == 1 and min(steps) > 0 and starts:
        first, step, end = last[0], steps.pop(), last[-1] + 1
        found: list[Any] = []
        for start in starts:
            found += values[start + first : start + end : step]
        return found
    return [values[start + offset] for start in starts for offset in last]


def checked(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape. Raises ValueError for one that no tensor can have."""
    if len(shape) > RANK_LIMIT or any(side < 0 for side in shape):
        raise ValueError
    if math.prod(shape) > COUNT_LIMIT:
        raise ValueError
    return tuple(shape)


def offsets_of(shape: Sequence[int]) -> list[Offsets]:
    """Return the offsets of each axis of a whole tensor."""
    found: list[Offsets] = []
    step = 1
    for side in reversed(checked(shape)):
        found.insert(0, range(0, side * step, step) if side else [])
        step *= side
    return found


def broadcast(tensor: OnnxTensor, shape: Sequence[int], limit: int = SPREAD_LIMIT) -> list[Any]:
    """Return a tensor's values repeated to a shape. Raises ValueError if it does not fit."""
    if tuple(shape) == tensor.shape:
        return tensor.values
    if math.prod(shape) > max(limit, len(tensor.values)):
        raise ValueError
    own = (1,) * (len(shape) - len(tensor.shape)) + tensor.shape
    axes = []
    if len(own) != len(shape):
        raise ValueError
    for side, mine, offsets in zip(shape, own, offsets_of(own)):
        if mine not in (side, 1):
            raise ValueError
        axes.append(offsets if mine == side else [0] * side)
    return picked(tensor.values, axes)


def common(tensors: Sequence[OnnxTensor]) -> tuple[int, ...]:
    """Return the shape that tensors broadcast to."""
    rank = max(len(tensor.shape) for tensor in tensors)
    shapes = [(1,) * (rank - len(tensor.shape)) + tensor.shape for tensor in tensors]
    return tuple(0 if 0 in sides else max(sides) for sides in zip(*shapes))
