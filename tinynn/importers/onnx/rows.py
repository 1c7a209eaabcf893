"""What treats each row of a sequence by itself: the nodes of the graph of rows."""

from __future__ import annotations

import math
from typing import Any, Sequence

from ...checks.words import excerpt
from ...lesson.activation_layers import Activation, LogSoftmax, Softmax
from ...lesson.layer import Layer
from ...lesson.layers import Dropout
from ...lesson.normalization import LayerNorm
from ...lesson.prelu import PReLU
from ...lesson.sequences import Positions
from ...lesson.step_summaries import LastStep, MaxSteps, MeanSteps
from .. import assembly
from . import patterns
from .attention import Rows
from .axes import Axes, View, parts, sizes_of, steps_along
from .chain import Chain
from .constants import GraphConstants, axes_of
from .layout import AxesReader
from .masks import FirstRows, Rules
from .model import FLOATS, LAST_AXIS_OPSET, OnnxGraph, OnnxInput, OnnxNode, OnnxTensor
from .operators import READY, layer_of
from .recurrent import rows_of_constant
from .steps import AttentionStep

_POOLS: dict[str, type[Layer]] = {"ReduceMean": MeanSteps, "ReduceMax": MaxSteps}
_ALONG = {"ReduceMean", "ReduceMax", "ReduceSum", "ReduceSumSquare"}


class RowReader(AxesReader):
    """The graph of rows so far, and what each tensor of the graph of sequences is in it."""

    def __init__(
        self, graph: OnnxGraph, constants: GraphConstants, source: OnnxInput, name: str
    ) -> None:
        self.graph, self.constants, self.name, self.source = graph, constants, name, source.name
        self.ledger = Chain(constants, source, graph.opset, name)  # of what is taken of the file
        self.rows = Rows(constants, graph.opset, name, self.ledger.budget)
        self.rules = Rules()
        self.values: dict[str, Any] = {}

    def emit(
        self,
        node: OnnxNode,
        inputs: Sequence[str],
        view: View,
        columns: Any = None,
        axes: Axes | None = None,
    ) -> View:
        """Add a node to the graph of rows; return its output, which is like `view`."""
        columns = view.columns if columns is None else columns
        self.rows.add(node._replace(inputs=list(inputs), outputs=node.outputs[:1]), columns)
        return View(node.outputs[0], view.axes if axes is None else axes, columns, view.offset)

    def layer(
        self, node: OnnxNode, step: Layer | AttentionStep, view: View, axes: Axes, columns: Any
    ) -> View:
        """Add a layer that mixes steps, or tells them apart, to the graph of rows."""
        node = node._replace(operator="Identity", attributes={READY: step})
        return self.emit(node, [view.name], view, columns, axes)

    def constant(self, name: str, tensor: OnnxTensor) -> str:
        """Add a constant to the graph of rows; return its name, which is like the one given."""
        while name in self.constants.known or name in self.values or name in self.rows.made:
            name += "'"
        self.constants.known[name] = tensor
        return name

    def ready(self, view: View) -> View:
        """Return a view whose factor has become a node."""
        if view.factor == 1.0:
            return view
        factor = self.constant(f"{view.name}, factor", OnnxTensor((), [view.factor]))
        place = self.rows.made[view.name].place if view.name in self.rows.made else self.name
        node = OnnxNode(place, "Mul", [], [f"{factor}, product"], {})
        return self.emit(node, [view.name, factor], view)

    def of_rows(self, node: OnnxNode, given: Sequence[Any]) -> View:
        """Return what an operator of numbers, or along the columns, makes of views."""
        operator, kind = node.operator, layer_of(node.operator)
        views = [value for value in given if isinstance(value, View)]
        alike = kind is not None and issubclass(kind, (Activation, Dropout, PReLU))
        if kind in (Softmax, LogSoftmax, LayerNorm) or operator in (*_ALONG, "RMSNormalization"):
            return self.of_columns(node, given)
        if operator == "BatchNormalization" and views == given[:1] and views[0].whole == 1:
            view = self.ready(views[0])
            return self.emit(node, [view.name, *node.inputs[1:]], view)
        if not alike and operator not in patterns.elementwise():
            raise self.refuse(node, views[0])
        if operator in ("Identity", "Dropout", "Cast") and self._does_nothing(node, given):
            return views[0]
        if len(views) > 1:
            return self.of_two(node, given)
        (view,) = views
        others = [value for value in given if value is not None and value is not view]
        numbers = [self.number(value) for value in others]
        c = numbers[0] if numbers else None
        if (
            c
            and view.whole is None
            and (operator == "Mul" or (operator, given[0]) == ("Div", view))
        ):
            return view._replace(factor=view.factor * (c if operator == "Mul" else 1.0 / c))
        view = self.ready(view)
        if operator == "Add" and numbers == [None]:
            placed = self._positions(node, view, others[0])
            if placed is not None:
                return placed
        names = []
        for name, value in zip(node.inputs, given):
            if isinstance(value, View):
                name = view.name
            elif value is not None:
                name = self.by_column(node, name, value, view)
            names.append(name)
        return self.emit(node, names, view)

    def _does_nothing(self, node: OnnxNode, given: Sequence[Any]) -> bool:
        if node.operator == "Cast":
            return node.attributes.get("to") in FLOATS or self.source in node.inputs
        return not any(any(getattr(value, "values", ())) for value in given[2:])

    def number(self, value: Any) -> float | None:
        """Return the only number of a tensor, None if it has more."""
        rule = self.rules.filled(value) if not isinstance(value, OnnxTensor) else None
        if rule is not None and rule.uniform:
            return float(rule.values[0])
        if isinstance(value, OnnxTensor) and len(value.values) == 1:
            return float(value.values[0])
        return None

    def by_column(self, node: OnnxNode, name: str, value: Any, view: View) -> str:
        """Return a constant as the graph of rows has it: one number, or one for each column."""
        number = self.number(value)
        if number is not None:
            if isinstance(value, OnnxTensor) and value.shape in ((), (1,)):
                return name
            return self.constant(f"{name}, number", OnnxTensor((), [number]))
        if not isinstance(value, OnnxTensor):
            raise self.refuse(node, view)
        at = view.whole
        n, shape = len(view.axes), value.shape
        wanted = None if at is None else [1] * (at - n + len(shape)) + [view.columns]
        trimmed = list(shape[: at - n + len(shape) + 1]) if at is not None else None
        if at is None or trimmed != wanted or math.prod(shape) != shape[at - n]:
            what = f" with a constant of shape {excerpt(list(shape))}"
            raise self.refuse(node, view, what)
        if len(shape) == 1:
            return name
        return self.constant(f"{name}, row", value._replace(shape=(len(value.values),)))

    def of_two(self, node: OnnxNode, given: Sequence[Any]) -> View:
        """Return what an operator of numbers makes of two views of the same axes."""
        views = [value for value in given if isinstance(value, View)]
        a, b = (self.ready(view) for view in views)
        if len(views) != len(given) or len(views) != 2:
            raise self.refuse(node, a)
        wide, narrow = (a, b) if a.columns != 1 else (b, a)
        if len(a.axes) != len(b.axes):
            raise self.refuse(node, wide, f" of {self.words(narrow.axes)} and")
        at = wide.whole if narrow.columns == 1 != wide.columns else None
        same = all(
            parts(x) == parts(y) or (i == at and not parts(y))
            for i, (x, y) in enumerate(zip(wide.axes, narrow.axes))
        )
        if not same or wide.offset != narrow.offset or (at is None and a.columns != b.columns):
            raise self.refuse(node, wide, f" of {self.words(narrow.axes)} and")
        return self.emit(node, [a.name, b.name], wide)

    def _positions(self, node: OnnxNode, view: View, value: Any) -> View | None:
        """Return the sum of rows and the rows of a table by steps, None if it is another sum."""
        if isinstance(value, OnnxTensor):
            value = FirstRows(value, value.shape)
        if (
            not isinstance(value, FirstRows)
            or view.whole is None
            or len(value.sizes) > len(view.axes)
        ):
            return None
        n = len(view.axes) - len(value.sizes)
        sides = {i + n: side for i, side in enumerate(value.tensor.shape) if side != 1}
        columns = sides.pop(view.whole, 1)
        if len(sides) != 1 or columns != view.columns:
            return None
        ((at, most),) = sides.items()
        kind, sizes = steps_along(view.axes[at]), sizes_of(view.axes)
        fits = all(size in (1, sizes[i + n]) for i, size in enumerate(value.sizes))
        if not kind or at > view.whole or not fits or value.sizes[at - n] != sizes[at]:
            return None
        self.along(node, view, kind)
        self.ledger.use(node, value.tensor)
        W = rows_of_constant(node, value.tensor._replace(shape=(most, columns)), (most, columns))
        step = assembly.built(node.place, lambda: Positions(most, columns, weights=W))
        return self.layer(node, step, view, view.axes, view.columns)

    def of_columns(self, node: OnnxNode, given: Sequence[Any]) -> View:
        """Return what an operator makes of the columns of each row."""
        view, kind, attributes = given[0], layer_of(node.operator), dict(node.attributes)
        at = None if not isinstance(view, View) else view.whole
        if not isinstance(view, View):
            raise assembly.refusal(node.place, f"{node.operator} of a constant by a variable")
        if node.operator in _ALONG:
            axes = axes_of(node, given) or []
            if len(axes) != 1:
                raise self.refuse(node, view)
            i = self.axis(node, view, axes[0])
            if i != at and node.operator in _POOLS:
                return self.pool(node, view, i)
        else:
            usual = 1 if kind is not LayerNorm and self.graph.opset < LAST_AXIS_OPSET else -1
            i = self.axis(node, view, attributes.get("axis", usual))
        if i != at:
            raise self.refuse(node, view, " along another axis than the last")
        view = self.ready(view)
        if node.operator not in _ALONG:
            attributes["axis"] = -1
            node = node._replace(attributes=attributes)
            return self.emit(node, [view.name, *node.inputs[1:]], view)
        keep = attributes.pop("keepdims", 1)
        attributes.update(axes=[-1], keepdims=1)
        axes_now = (*view.axes[:i], *([()] if keep else []), *view.axes[i + 1 :])
        return self.emit(node._replace(attributes=attributes), [view.name], view, 1, axes_now)

    def pool(self, node: OnnxNode, view: View, i: int) -> View:
        """The mean or the largest along the steps."""
        self.along(node, view, steps_along(view.axes[i]))
        keep = [()] if node.attributes.get("keepdims", 1) else []
        axes = (*view.axes[:i], *keep, *view.axes[i + 1 :])
        view = self.ready(view)
        return self.layer(node, _POOLS[node.operator](), view, axes, view.columns)

    def last(self, node: OnnxNode, value: View, axes: Axes) -> View:
        value = self.ready(value)
        return self.layer(node, LastStep(), value, axes, value.columns)
