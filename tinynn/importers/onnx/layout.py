"""What puts the axes of a tensor of an ONNX graph of sequences into another form."""

from __future__ import annotations

import math
from typing import Any, Sequence

from ...checks.words import excerpt
from ...errors import FormatError
from .. import assembly
from .axes import (
    COLUMNS,
    RANK_LIMIT,
    Atom,
    Axes,
    Axis,
    View,
    columns_along,
    parts,
    regrouped,
    sizes_of,
    steps_along,
)
from .constants import axes_of, slices_of
from .masks import END
from .model import OnnxNode, OnnxTensor
from .sizes import divided, implied


class FixedSize(Exception):
    """A size that the file leaves open at first, but needs to be this one."""

    def __init__(self, kind: str, size: int) -> None:
        super().__init__(kind, size)
        self.kind, self.size = kind, size


class AxesReader:
    """Operators of views, and of the scores of attention, that move no numbers.

    Each method takes a node and what its inputs are, and returns what its outputs are. They raise
    FormatError, naming the node and the axes, for what cannot be said of them.
    """

    steps = ""  # which axis is that of steps, once it is known

    def last(self, node: OnnxNode, value: View, axes: Axes) -> View:
        """Return the last step of each sequence, which has these axes."""
        raise NotImplementedError

    def words(self, axes: Axes) -> str:
        names = {self.steps: "steps"}
        return " × ".join(
            "·".join(dict.fromkeys(names.get(atom.kind, atom.kind) for atom in axis)) or "one"
            for axis in axes
        )

    def refuse(self, node: OnnxNode, value: Any, what: str = "") -> FormatError:
        """Return the error for an operator along the axes of a tensor."""
        words = self.words(value.axes)
        return assembly.refusal(node.place, f"{node.operator}{what} of {words}")

    def axis(self, node: OnnxNode, value: Any, axis: Any) -> int:
        """Return the index of an axis."""
        n = len(value.axes)
        if type(axis) is not int or not -n <= axis < n:
            raise self.refuse(node, value, f" with axis {excerpt(axis)}")
        return axis % n

    def along(self, node: OnnxNode, value: Any, kind: str) -> None:
        """Note that an axis is that of steps."""
        if not kind or self.steps not in ("", kind):
            raise self.refuse(node, value)
        self.steps = kind

    def transpose(self, node: OnnxNode, given: Sequence[Any]) -> Any:
        value = given[0]
        n = len(value.axes)
        order = node.attributes.get("perm") or list(range(n))[::-1]
        if sorted(order) != list(range(n)):
            raise self.refuse(node, value, f" by {excerpt(order)}")
        return value._replace(axes=tuple(value.axes[i] for i in order))

    def squeeze(self, node: OnnxNode, given: Sequence[Any]) -> Any:
        value, axes = given[0], axes_of(node, given)
        gone = {self.axis(node, value, axis) for axis in axes or ()}
        if not gone or any(value.axes[i] for i in gone if steps_along(value.axes[i])) or any(
            parts(value.axes[i]) for i in gone
        ):  # fmt: skip
            raise self.refuse(node, value)
        kept = [axis for i, axis in enumerate(value.axes) if i not in gone]
        return value._replace(axes=tuple(kept))

    def unsqueeze(self, node: OnnxNode, given: Sequence[Any]) -> Any:
        value, axes = given[0], axes_of(node, given) or []
        n = len(value.axes) + len(axes)
        if n > RANK_LIMIT or any(not -n <= axis < n for axis in axes):
            raise self.refuse(node, value)
        found = list(value.axes)
        for axis in sorted(axis % n for axis in axes):
            found.insert(axis, ())
        return value._replace(axes=tuple(found))

    def reshape(self, node: OnnxNode, given: Sequence[Any]) -> Any:
        value, shape = given[:2]
        sizes = sizes_of(value.axes)
        target = list(shape.values) if isinstance(shape, OnnxTensor) else None
        if node.operator == "Flatten":
            axis = node.attributes.get("axis", 1)
            target = [math.prod(sizes[:axis]), math.prod(sizes[axis:])]
        if target is not None and len(target) <= RANK_LIMIT:
            if not node.attributes.get("allowzero", 0):
                target = [sizes[i] if side == 0 else side for i, side in enumerate(target)]
            if target.count(-1) == 1:
                rest = math.prod(side for side in target if side != -1)
                left = divided(math.prod(sizes), rest)
                target = [left if side == -1 else side for side in target]
            if None not in target and -1 not in target:
                found = regrouped(value.axes, target)
                if found is not None:
                    return value._replace(axes=found)
                fixed = implied(math.prod(sizes), math.prod(target))
                if fixed is not None:
                    raise FixedSize(*fixed)
        what = "" if not isinstance(shape, OnnxTensor) else f" to {excerpt(shape.values)}"
        raise self.refuse(node, value, what)

    def flatten(self, node: OnnxNode, given: Sequence[Any]) -> Any:
        return self.reshape(node, [given[0], None])

    def expand(self, node: OnnxNode, given: Sequence[Any]) -> View:
        """Repeat columns; what has the wanted size stays as it is."""
        value, shape = given
        target = list(shape.values) if isinstance(shape, OnnxTensor) else []
        target = [1] * (len(value.axes) - len(target)) + target
        axes: list[Axis] = []
        for axis, size, wanted in zip(value.axes, sizes_of(value.axes), target):
            if wanted in (1, size):
                axes.append(axis)
            elif size == 1 and type(wanted) is int and wanted > 0 and isinstance(value, View):
                axes.append((Atom(COLUMNS, wanted, 0),))
            else:
                raise self.refuse(node, value, f" to {excerpt(target)}")
        if len(target) != len(value.axes):
            raise self.refuse(node, value, f" to {excerpt(target)}")
        return value._replace(axes=tuple(axes))  # type: ignore[no-any-return]

    def slice(self, node: OnnxNode, given: Sequence[Any]) -> View:
        """Some of the columns, the last step, or all there is."""
        value: View = given[0]
        cuts = slices_of(node, [None, *given[1:]])
        if cuts is None or not isinstance(value, View):
            raise self.refuse(node, value)
        for axis, start, end, step in cuts:
            i = self.axis(node, value, axis)
            own, size = value.axes[i], sizes_of(value.axes)[i]
            whole = end == size or (type(end) is int and end >= END) or (
                type(end) is int is type(size) and end >= size
            )  # fmt: skip
            columns = columns_along(own)
            if start == 0 and step == 1 and whole:
                continue
            if start == -1 and step == 1 and whole and steps_along(own):
                value = self.one_of(node, value, i, -1, [()])
            elif columns is not None and type(columns.size) is int and step > 0:
                chosen = range(columns.size)[start:end:step]
                value = self.cut(node, value, i, columns, chosen)
            else:
                raise self.refuse(node, value)
        return value

    def cut(self, node: OnnxNode, value: View, i: int, columns: Atom, chosen: range) -> View:
        if not chosen:
            raise self.refuse(node, value, " to nothing")
        atom = Atom(COLUMNS, len(chosen), columns.stride * chosen.step)
        axes = (*value.axes[:i], (atom,), *value.axes[i + 1 :])
        return value._replace(axes=axes, offset=value.offset + chosen[0] * columns.stride)

    def split(self, node: OnnxNode, given: Sequence[Any]) -> list[View]:
        """Parts of the columns side by side."""
        value, count = given[0], len(node.outputs)
        i = self.axis(node, value, node.attributes.get("axis", 0))
        columns = columns_along(value.axes[i])
        sizes = node.attributes.get("split") or (given[1].values if len(given) > 1 else None)
        if columns is None or not isinstance(value, View) or type(columns.size) is not int:
            raise self.refuse(node, value)
        if sizes is None:
            size = -(-columns.size // count)
            sizes = [min(size, columns.size - k * size) for k in range(count)]
        if len(sizes) != count or sum(sizes) != columns.size or min(sizes) < 1:
            raise self.refuse(node, value, f" to {excerpt(sizes)}")
        ends = [sum(sizes[: k + 1]) for k in range(count)]
        return [
            self.cut(node, value, i, columns, range(end - size, end))
            for size, end in zip(sizes, ends)
        ]

    def one_of(self, node: OnnxNode, value: View, i: int, k: int, rest: list[Axis]) -> View:
        """Return the part of a view at one index of an axis, which becomes `rest`."""
        axis, kind = value.axes[i], steps_along(value.axes[i])
        axes = (*value.axes[:i], *rest, *value.axes[i + 1 :])
        columns = columns_along(axis)
        if kind and k == -1:
            self.along(node, value, kind)
            return self.last(node, value, axes)
        if kind or columns is None or not -columns.size <= k < columns.size:
            raise self.refuse(node, value, f" {excerpt(k)}")
        return value._replace(axes=axes, offset=value.offset + k % columns.size * columns.stride)
