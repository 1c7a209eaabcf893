"""Tensors of an ONNX graph that depend on nothing but how long the sequences are.

Positions 0, 1, 2 …, and the masks of attention, are computed from them for any number of steps. So
what is known of such a tensor is a rule: a `Filled` has one number wherever a later step would look
at an earlier one, one where a step looks at itself, and one for later ones. The rows of a constant
as far as there are steps are a `FirstRows`.
"""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import Any, Callable, NamedTuple, Sequence

from .constants import axes_of, slices_of
from .model import BOOL, FLOATS, OnnxNode, OnnxTensor
from .sizes import OpenSize

SQUARE_LIMIT = 2**22  # numbers of a constant that may be a mask
END = 2**31 - 1  # of a Slice: from here on, all that there is
ALIKE = (0.0, 0.0, 0.0)


class Filled(NamedTuple):
    """A tensor of so many numbers along each axis, and the rule that they follow.

    values: what it holds at row t and column s of its last two axes where s < t, s = t, and s > t
    counts: the axis along which it counts 0, 1, 2 … instead, or None
    """

    sizes: Sequence[Any]
    values: Sequence[Any] = ALIKE
    counts: int | None = None

    @property
    def sound(self) -> bool:
        """Whether its last two axes are as long as each other, if it compares them."""
        return self.uniform or self.counts is not None or self.sizes[-2:-1] == self.sizes[-1:]

    @property
    def uniform(self) -> bool:
        """Whether it is one number everywhere."""
        return self.counts is None and self.values[0] == self.values[1] == self.values[2]


class FirstRows(NamedTuple):
    """The first of a constant's numbers along each axis, so many as `sizes` say."""

    tensor: OnnxTensor
    sizes: Sequence[Any]


class Rules:
    """The rules that constants follow, each looked for once: a mask may have a million numbers."""

    def __init__(self) -> None:
        self._filled: dict[object, Filled | None] = {}
        self._counting: dict[object, Filled | None] = {}

    def filled(self, value: Any) -> Filled | None:
        """Return the rule that a constant, or the first part of it, follows, or None."""
        return self._found(value, self._filled, _filled)

    def counting(self, value: Any) -> Filled | None:
        """Return the rule of a tensor that counts 0, 1, 2 … along one axis, or None."""
        if isinstance(value, Filled):
            return value if value.counts is not None else None
        return self._found(value, self._counting, _counting)

    def _found(
        self,
        value: Any,
        known: dict[object, Filled | None],
        look: Callable[[OnnxTensor], Filled | None],
    ) -> Filled | None:
        if isinstance(value, Filled):
            return value
        tensor, sizes = value if isinstance(value, FirstRows) else (value, None)
        if not isinstance(tensor, OnnxTensor):
            return None
        key = id(tensor.values), tensor.shape  # the constants of a file stay where they are
        if key not in known:
            known[key] = look(tensor)
        rule = known[key]
        if rule is None or sizes is None:
            return rule
        rule = rule._replace(sizes=sizes)
        return rule if rule.sound else None


def _filled(tensor: OnnxTensor) -> Filled | None:
    values, shape = tensor.values, tensor.shape
    if not values:
        return None
    values = list(map(bool, values)) if tensor.kind == BOOL else values
    if values.count(values[0]) == len(values):
        return Filled(shape, (values[0],) * 3)
    n = shape[-1]
    if shape[-2:] != (n, n) or len(values) != n * n or not 2 <= n * n <= SQUARE_LIMIT:
        return None
    below, at, above = values[n], values[0], values[1]
    for t in range(n):
        row = values[t * n : (t + 1) * n]
        if row[t] != at or row[:t] != [below] * t or row[t + 1 :] != [above] * (n - 1 - t):
            return None
    return Filled(shape, (below, at, above))


def _counting(tensor: OnnxTensor) -> Filled | None:
    long = [i for i, side in enumerate(tensor.shape) if side != 1]
    if tensor.kind in FLOATS or len(long) != 1:
        return None
    counts = tensor.values == list(range(tensor.shape[long[0]]))
    return Filled(tensor.shape, ALIKE, long[0]) if counts else None


def broadcast_sizes(shapes: Sequence[Sequence[Any]]) -> tuple[Any, ...] | None:
    """Return the sizes of what tensors of these sizes make together; None if they do not fit."""
    found = []
    for sides in zip_longest(*(reversed(shape) for shape in shapes), fillvalue=1):
        wanted = {side for side in sides if side != 1}
        if len(wanted) > 1:
            return None
        found.append(wanted.pop() if wanted else 1)
    return tuple(reversed(found))


def computed(node: OnnxNode, given: Sequence[Any], rules: Rules) -> Filled | FirstRows | None:
    """Return what a node computes from constants and tensors of this kind, None if unknown."""
    found = _computed(node, given, rules)
    return None if isinstance(found, Filled) and not found.sound else found


def _computed(node: OnnxNode, given: Sequence[Any], rules: Rules) -> Filled | FirstRows | None:
    operator = node.operator
    if operator in ("Identity", "Dropout"):
        return given[0] if isinstance(given[0], (Filled, FirstRows)) else None
    if operator in _SHAPED:
        value = given[0] if isinstance(given[0], (Filled, FirstRows)) else rules.filled(given[0])
        return None if value is None else _SHAPED[operator](node, value, given)
    if operator == "Range":
        return _range(given)
    if operator == "ConstantOfShape":
        one = node.attributes.get("value", OnnxTensor((1,), [0.0]))
        return Filled(tuple(given[0].values), (one.values[0],) * 3)
    if operator == "Slice" and isinstance(given[0], (OnnxTensor, FirstRows, Filled)):
        return _slice(node, given)
    if operator == "Gather" and isinstance(given[0], OnnxTensor):
        return _gather(node, given, rules)
    if operator == "Trilu":
        return _trilu(node, given, rules)
    if operator in _COMPARED:
        pair = [rules.counting(value) for value in given]
        if len(pair) == 2 and pair[0] is not None and pair[1] is not None:
            return _compared(_COMPARED[operator], pair[0], pair[1])
    return _each(node, [rules.filled(value) for value in given])


def _each(node: OnnxNode, given: Sequence[Filled | None]) -> Filled | None:
    function: Callable[..., Any] | None = _ELEMENTS.get(node.operator)
    known = [value for value in given if value is not None and value.counts is None]
    if node.operator == "Cast":
        if given[0] is not None and given[0].counts is not None:
            return given[0]
        function = float if node.attributes.get("to") in FLOATS else int
        function = bool if node.attributes.get("to") == BOOL else function
    sizes = broadcast_sizes([value.sizes for value in known])
    square = all(value.uniform or len(value.sizes) >= 2 for value in known)
    if function is None or len(known) != len(given) or sizes is None or not square:
        return None
    before, at, after = (function(*xs) for xs in zip(*(value.values for value in known)))
    return Filled(sizes, (before, at, after))


def _range(given: Sequence[Any]) -> Filled | None:
    """Positions 0, 1, 2 …"""
    start, end, step = (value.values[0] for value in given)
    count = end if isinstance(end, OpenSize) or type(end) is int else 0
    return Filled((count,), ALIKE, 0) if (start, step) == (0, 1) and count != 0 else None


def _compared(compare: Callable[[int, int], bool], a: Filled, b: Filled) -> Filled | None:
    """Compare positions along one of the last two axes with those along the other."""
    sizes = broadcast_sizes([a.sizes, b.sizes])
    if sizes is None or a.counts is None or b.counts is None:
        return None
    along = [value.counts - len(value.sizes) for value in (a, b) if value.counts is not None]
    if along == [-2, -1]:
        cases = ((1, 0), (0, 0), (0, 1))  # t and s
    elif along == [-1, -2]:
        cases = ((0, 1), (0, 0), (1, 0))
    else:
        return None
    before, at, after = (compare(*case) for case in cases)
    return Filled(sizes, (before, at, after))


def _trilu(node: OnnxNode, given: Sequence[Any], rules: Rules) -> Filled | None:
    """Zeros above the diagonal (upper=0) or below it (upper=1), which k moves up."""
    value = rules.filled(given[0])
    k = given[1].values[0] if len(given) > 1 and given[1] is not None else 0
    if value is None or value.counts is not None or len(value.sizes) < 2:
        return None
    kept = {
        (1, 0): (False, True, True), (1, 1): (False, False, True),
        (0, 0): (True, True, False), (0, -1): (True, False, False),
    }.get((node.attributes.get("upper", 1), k))  # fmt: skip
    if kept is None:
        return None
    before, at, after = (x if keep else type(x)(0) for x, keep in zip(value.values, kept))
    return Filled(value.sizes, (before, at, after))


def _gather(node: OnnxNode, given: Sequence[Any], rules: Rules) -> FirstRows | Filled | None:
    """Rows of a constant by positions."""
    table, index = given[0], rules.counting(given[1])
    if index is None or index.counts is None or node.attributes.get("axis", 0) not in (
        0, -len(table.shape)
    ):  # fmt: skip
        return None
    if len(table.shape) == 1:  # positions at positions
        return index if rules.counting(table) is not None else None
    lead = [1] * len(index.sizes)
    lead[index.counts] = table.shape[0]
    sides = (*lead, *table.shape[1:])
    return FirstRows(table._replace(shape=sides), (*index.sizes, *table.shape[1:]))


def _slice(node: OnnxNode, given: Sequence[Any]) -> FirstRows | Filled | None:
    """The first numbers along some axes."""
    value = given[0]
    parts = slices_of(node, [None, *given[1:]])
    sizes = list(value.shape if isinstance(value, OnnxTensor) else value.sizes)
    for axis, start, end, step in parts or ():
        i = range(len(sizes))[axis]
        if isinstance(value, Filled) and value.uniform and type(sizes[i]) is int is type(end):
            sizes[i] = len(range(sizes[i])[start:end:step])
            continue
        if isinstance(end, OpenSize) or (type(end) is int and 0 < end < END):
            if isinstance(sizes[i], OpenSize) and sizes[i] != end:
                return None
            sizes[i] = end if isinstance(end, OpenSize) else min(end, sizes[i])
        elif end < END:
            return None
        if start != 0 or step != 1:
            return None
    if parts is None:
        return None
    if isinstance(value, Filled):
        return value._replace(sizes=tuple(sizes))
    tensor = value if isinstance(value, OnnxTensor) else value.tensor
    return FirstRows(tensor, tuple(sizes))


# What changes the shape alone


def _moved(value: Filled | FirstRows, order: Sequence[int | None]) -> Filled | FirstRows | None:
    """Return a tensor whose axes are these of the old ones; None stands for a new one of size 1."""
    sizes = tuple(1 if i is None else value.sizes[i] for i in order)
    if isinstance(value, FirstRows):
        sides = value.tensor.shape
        if [i for i in order if i is not None and sides[i] != 1] != [
            i for i, side in enumerate(sides) if side != 1
        ]:
            return None  # it would be in another order
        moved = value.tensor._replace(shape=tuple(1 if i is None else sides[i] for i in order))
        return FirstRows(moved, sizes)
    if value.counts is not None:
        return Filled(sizes, ALIKE, list(order).index(value.counts))
    last = len(value.sizes)
    if not value.uniform and list(order[-2:]) != [last - 2, last - 1]:
        return None
    return value._replace(sizes=sizes)


def _transpose(node: OnnxNode, value: Filled | FirstRows, given: Any) -> Filled | FirstRows | None:
    order = node.attributes.get("perm") or list(range(len(value.sizes)))[::-1]
    return _moved(value, order) if sorted(order) == list(range(len(value.sizes))) else None


def _unsqueeze(node: OnnxNode, value: Filled | FirstRows, given: Any) -> Filled | FirstRows | None:
    axes = axes_of(node, [None, *given[1:]]) or []
    n = len(value.sizes) + len(axes)
    new = {range(n)[axis] for axis in axes}
    old = iter(range(len(value.sizes)))
    return _moved(value, [None if i in new else next(old) for i in range(n)])


def _squeeze(node: OnnxNode, value: Filled | FirstRows, given: Any) -> Filled | FirstRows | None:
    axes = axes_of(node, [None, *given[1:]])
    n = len(value.sizes)
    gone = {i for i in range(n) if value.sizes[i] == 1}
    gone = gone if axes is None else gone & {range(n)[axis] for axis in axes}
    return _moved(value, [i for i in range(n) if i not in gone])


def _reshape(node: OnnxNode, value: Filled | FirstRows, given: Any) -> Filled | FirstRows | None:
    """Only what lets sides of 1 come and go; of one number everywhere, anything."""
    target = list(given[1].values)
    target = [value.sizes[i] if side == 0 else side for i, side in enumerate(target)]
    if isinstance(value, Filled) and value.uniform:
        return value._replace(sizes=tuple(target))
    long = [i for i, side in enumerate(value.sizes) if side != 1]
    wanted = [side for side in target if side != 1]
    if len(wanted) != len(long) or any(
        side not in (-1, value.sizes[i]) for side, i in zip(wanted, long)
    ):
        return None
    old = iter(long)
    return _moved(value, [None if side == 1 else next(old) for side in target])


def _expand(node: OnnxNode, value: Filled | FirstRows, given: Any) -> Filled | FirstRows | None:
    sizes = broadcast_sizes([value.sizes, given[1].values])
    if sizes is None:
        return None
    extra = len(sizes) - len(value.sizes)
    if isinstance(value, FirstRows):
        shape = (1,) * extra + value.tensor.shape
        return FirstRows(value.tensor._replace(shape=shape), sizes)
    if value.counts is not None:
        return Filled(sizes, ALIKE, value.counts + extra)
    return value._replace(sizes=sizes) if value.uniform or len(value.sizes) >= 2 else None


_SHAPED: dict[str, Callable[..., Filled | FirstRows | None]] = {
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Expand": _expand,
}
_COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "Less": lambda a, b: a < b,
    "LessOrEqual": lambda a, b: a <= b,
    "Greater": lambda a, b: a > b,
    "GreaterOrEqual": lambda a, b: a >= b,
    "Equal": lambda a, b: a == b,
}
_ELEMENTS: dict[str, Callable[..., Any]] = {
    **_COMPARED,
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": lambda a, b: a / b,
    "Neg": lambda a: -a,
    "Not": lambda a: not a,
    "And": lambda a, b: a and b,
    "Or": lambda a, b: a or b,
    "Where": lambda which, a, b: a if which else b,
    "IsNaN": math.isnan,
    "Max": max,
    "Min": min,
}


def names() -> set[str]:
    """Return the operators that masks are computed by."""
    return {*_SHAPED, *_ELEMENTS, "Range", "ConstantOfShape", "Slice", "Gather", "Trilu", "Cast"}
