"""The chain that an ONNX graph has become: its steps so far, and the shape of its tensor.

A tensor is a table, or stands for one: its first side is the number of rows, and the others
multiply to the number of columns. `Chain.sides` are those others, so that an image may be scaled
before it is flattened, and a side of 1 may come and go.
"""

from __future__ import annotations

import math
import sys
from copy import copy
from typing import AbstractSet as Set

from ...checks.words import excerpt
from ...errors import FormatError
from ...lesson.activation_layers import ReLU
from ...lesson.layer import Layer
from ...lesson.matrix import Vector
from ...lesson.more_activations import Clip, Hardsigmoid
from ...lesson.normalization import LayerNorm
from ...lesson.windows import Shape
from .. import assembly
from .constants import GraphConstants
from .formulas import Number
from .model import OnnxInput, OnnxNode, OnnxTensor
from .offsets import broadcast
from .steps import AttentionStep, Budget, Product, ScalingRun, Step, columns_of


class Chain:
    """The layers of a graph, built node by node."""

    def __init__(self, constants: GraphConstants, source: OnnxInput, opset: int, name: str) -> None:
        self.name = name
        self.constants = constants
        self.opset = opset
        self.steps: list[Step] = []
        self.rows = source.shape[0] if source.shape else None
        # The sides of the current tensor but the first; None if not even their number is known.
        self.sides: list[int | None] | None = source.shape[1:] if source.shape else None
        self.scalar = source.shape == []  # not a table, whatever comes
        self.inputs = self.columns
        self.marks: list[list[int | None] | None] = []  # of the last nodes
        self.budget = Budget()
        self.weight_rows = 0  # of all products so far
        self.taken: set[int] = set()  # the constants so far
        self.image: Shape | None = None  # what the last layer for images made
        self.aside: Set[int] = frozenset()  # the numbers of nodes that are none of its business

    def users(self, tensor: str) -> list[int]:
        """Return the numbers of the nodes that take a tensor, in order, but those set aside."""
        return [i for i in self.constants.users(tensor) if i not in self.aside]

    @property
    def columns(self) -> int | None:
        """How many columns the current tensor has, None if that is unknown."""
        if self.sides is None or None in self.sides:
            return None
        return math.prod(side for side in self.sides if side is not None)

    def branch(self) -> Chain:
        """Return a chain that begins with the current tensor, and shares what may be spent."""
        other = copy(self)
        other.steps, other.marks, other.inputs = [], [], self.columns
        return other

    def mark(self) -> None:
        """Remember the shape of the current tensor, for `back`."""
        self.marks = [*self.marks[-3:], self.sides]

    def back(self) -> None:
        """Take away the last step, which is a node's alone."""
        self.steps.pop()
        self.sides = self.marks.pop()

    def add(self, step: Step) -> None:
        """Add a step, and go on with its columns."""
        last = self.steps[-1] if self.steps else None
        if not (isinstance(last, AttentionStep) and last.takes(step)):
            self.steps.append(step)
        self.recount()

    def add_spelled(
        self, layer: Layer, gain: Number, offset: Number, inner: float, last: OnnxNode
    ) -> None:
        """Add gain · layer(inner · x) + offset, whose last node is `last`."""
        if inner != 1.0:
            self.multiply(last, [inner])
        if isinstance(layer, LayerNorm) and self.sides is not None and len(self.sides) > 1:
            self.normalize(last, math.prod(side or 0 for side in self.sides[:-1]), layer.eps)
        elif isinstance(layer, LayerNorm) and self.columns:
            self.add(assembly.layer_norm(last.place, self.columns, None, None, layer.eps))
        else:
            self.add(layer)
        for change, numbers, nothing in ((self.multiply, gain, 1.0), (self.shift, offset, 0.0)):
            if numbers != nothing:
                values = list(numbers) if isinstance(numbers, tuple) else [numbers]
                change(last, assembly.finite(last.place, values))

    def recount(self) -> None:
        """Learn from the last step how many columns there are."""
        if self.sides is None:
            columns = columns_of(self.steps[-1], None)[1]
            self.sides = None if columns is None else [columns]
        elif self.is_table() and self.sides:
            self.sides = [*self.sides[:-1], columns_of(self.steps[-1], self.sides[-1])[1]]

    def is_table(self) -> bool:
        """Return whether the current tensor has one row of columns for each row."""
        return self.sides is None or (bool(self.sides) and set(self.sides[:-1]) <= {1})

    def refuse_shape(self, node: OnnxNode) -> None:
        """Raise FormatError for an operator that needs a table."""
        raise assembly.refusal(node.place, f"{node.operator} of something other than a table")

    def constant(self, node: OnnxNode, i: int) -> OnnxTensor | None:
        """Return a node's input i, which needs to be a constant; None if there is none."""
        if i >= len(node.inputs) or not node.inputs[i]:
            return None
        tensor = self.constants.known.get(node.inputs[i])
        if tensor is None:
            raise assembly.refusal(node.place, f"{node.operator} with a variable as input {i}")
        self.use(node, tensor)
        return tensor

    def use(self, node: OnnxNode, tensor: OnnxTensor) -> None:
        """Note that a node takes a constant; the file has to pay for each time but the first."""
        if id(tensor.values) in self.taken:
            self.budget.spend(node.place, len(tensor.values))
        self.taken.add(id(tensor.values))

    def numbers(self, node: OnnxNode, i: int) -> Vector:
        """Return a constant input with a number for each column, or one for all."""
        tensor = self.constant(node, i)
        if tensor is None:
            raise FormatError(f"{node.place}: {node.operator} needs an input {i}")
        what = f"a constant of shape {excerpt(list(tensor.shape))}"
        sides = [None] if self.sides is None else self.sides
        own = (1,) * (len(sides) + 1 - len(tensor.shape)) + tensor.shape
        if own[0] != 1 or len(own) != len(sides) + 1 or 0 in own:
            raise assembly.refusal(node.place, what)
        values = tensor.values
        if len(sides) != 1 and len(values) != 1:
            whole = [1 if side is None else side for side in sides]
            if any(mine not in (1, side) for mine, side in zip(own[1:], sides)):
                raise assembly.refusal(node.place, what)
            self.budget.spend(node.place, math.prod(whole))
            values = broadcast(tensor._replace(shape=own[1:]), whole)
        elif len(sides) == 0 and len(tensor.shape) > 1:
            raise assembly.refusal(node.place, what)
        return assembly.finite(node.place, assembly.vector(node.place, values))

    def others(self, node: OnnxNode, tensor: str) -> list[Vector]:
        """Return all constant inputs of a node that takes `tensor` once, as `numbers`."""
        return [self.numbers(node, i) for i, name in enumerate(node.inputs) if name != tensor]

    def scaling(self, node: OnnxNode) -> ScalingRun:
        """Return the run of scaling that a node continues, a new one if there is none."""
        if not self.steps or not isinstance(self.steps[-1], ScalingRun):
            self.steps.append(ScalingRun(node.place))
        last = self.steps[-1]
        assert isinstance(last, ScalingRun)
        return last

    def shift(self, node: OnnxNode, numbers: Vector) -> None:
        """Add a constant to each column."""
        last = self.steps[-1] if self.steps else None
        if isinstance(last, AttentionStep):
            last = last.output
        if isinstance(last, Product):
            last.place = node.place
            last.add(numbers, self.budget)
        else:
            self.scaling(node).add(numbers, self.budget)
        self.recount()

    def multiply(self, node: OnnxNode, numbers: Vector) -> None:
        """Multiply each column by a constant."""
        if not self.scaling(node).multiply(numbers, self.budget):
            self.steps.append(ScalingRun(node.place))
            self.scaling(node).multiply(numbers, self.budget)
        self.recount()

    def at_least(self, node: OnnxNode, least: Vector) -> None:
        """Take max(x, c) of each column: ReLU(x − c) + c where the columns' limits differ."""
        if len(set(least)) == 1:
            self.limit(node, least[0], None)
            return
        self.shift(node, [-c for c in least])
        self.add(ReLU())
        self.shift(node, least)

    def at_most(self, node: OnnxNode, most: Vector) -> None:
        """Take min(x, c) of each column: −max(−x, −c) where the columns' limits differ."""
        if len(set(most)) == 1:
            self.limit(node, None, most[0])
            return
        self.multiply(node, [-1.0])
        self.at_least(node, [-c for c in most])
        self.multiply(node, [-1.0])

    def limit(self, node: OnnxNode, least: float | None, most: float | None) -> None:
        """Limit all columns to least … most; a lower limit before an upper one is one layer."""
        last = self.steps[-1] if self.steps else None
        if least is None and most is not None and isinstance(last, (ReLU, Clip)):
            low = 0.0 if isinstance(last, ReLU) else last.least
            if low < most and (isinstance(last, ReLU) or last.most == sys.float_info.max):
                self.steps.pop()
                least, last = low, self.steps[-1] if self.steps else None
        if (least, most) == (0.0, 1.0) and isinstance(last, ScalingRun) and last.is_sixth():
            self.steps[-1] = Hardsigmoid()
        else:
            self.add(assembly.clip(node.place, least, most))

    def normalize(self, node: OnnxNode, groups: object, eps: float) -> None:
        """Normalize so many groups of the columns, each for itself."""
        columns = self.columns
        if not isinstance(groups, int) or not columns or not 0 < groups <= columns:
            raise assembly.refusal(
                node.place, f"{node.operator} of {excerpt(groups)} groups of {columns} columns"
            )
        self.steps.append(assembly.group_norm(node.place, groups, columns, None, None, eps))
