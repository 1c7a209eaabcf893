"""Positions and attention as ONNX operators of tensors batch × steps × columns.

How many steps there are is read from the tensor's shape, so that one file serves all lengths.
"""

from __future__ import annotations

from math import inf, sqrt
from typing import Any, Protocol, Sequence

from ..lesson.attention import MultiHeadAttention
from ..lesson.layers import Dense
from ..lesson.matrix import Matrix, Vector
from ..lesson.sequences import Positions


class SequenceGraph(Protocol):
    """What takes the nodes."""

    layer: str

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator and return the name of its output."""

    def second(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator and return the name of its second output."""

    def constant(self, letter: str, values: Sequence[float], *shape: int) -> str:
        """Add a tensor of numbers and return its name."""

    def vector(self, letter: str, values: Sequence[float]) -> str:
        """Add one number per column."""

    def scalar(self, letter: str, value: float) -> str:
        """Add one number, which fits any number of columns."""

    def integers(self, letter: str, values: Sequence[int]) -> str:
        """Add a row of integers, such as a shape."""

    def whole(self, letter: str, value: int) -> str:
        """Add one integer, a tensor without sides."""


def flat(rows: Matrix) -> Vector:
    """Return a matrix row after row."""
    return [x for row in rows for x in row]


def product(graph: SequenceGraph, x: str, name: str, layer: Dense) -> str:
    """x W + b, for which Gemm has too few sides; the constants' names begin with `name`."""
    W = graph.constant(f"{name}W", flat(layer.W), layer.inputs, layer.outputs)
    found = graph.node("MatMul", x, W)
    return graph.node("Add", found, graph.vector(f"{name}b", layer.b)) if layer.b else found


def positions(graph: SequenceGraph, x: str, layer: Positions) -> str:
    """x + the first rows of W; a runtime refuses a sequence that is longer than W."""
    W = graph.constant("W", flat(layer.built()), layer.most, layer.width)
    if layer.most == 1:  # a single row would serve all steps
        x = graph.node("Reshape", x, graph.integers("single", [0, 1, layer.width]))
    return graph.node("Add", x, graph.node("Gather", W, _numbered(graph, x)))


def attention(graph: SequenceGraph, x: str, layer: MultiHeadAttention) -> str:
    """Softmax(Q Kᵀ / √d) V W + b; if causal, the scores of later steps are −∞ before Softmax."""
    heads, d = layer.heads, layer.width // layer.heads
    split = graph.integers("split", [0, 0, heads, d])
    Q, K, V = (
        graph.node(
            "Transpose",
            graph.node("Reshape", product(graph, x, f"{name}.", layer.parts[name]), split),
            perm=order,
        )
        for name, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3]))
    )
    scores = graph.node("Mul", graph.node("MatMul", Q, K), graph.scalar("scale", 1.0 / sqrt(d)))
    if layer.causal:
        t = _numbered(graph, x)
        column = graph.node("Unsqueeze", t, graph.integers("axis", [1]))
        later = graph.node("Less", column, t)
        scores = graph.node("Where", later, graph.scalar("nothing", -inf), scores)
    mixed = graph.node("MatMul", graph.node("Softmax", scores, axis=-1), V)
    rows = graph.node("Transpose", mixed, perm=[0, 2, 1, 3])
    joined = graph.node("Reshape", rows, graph.integers("joined", [0, 0, layer.width]))
    return product(graph, joined, "output.", layer.parts["output"])


def _numbered(graph: SequenceGraph, x: str) -> str:
    """Return the numbers 0, 1, 2 … of the steps."""
    length = graph.node("Shape", x, start=1, end=2)
    steps = graph.node("Squeeze", length, graph.integers("first", [0]))
    return graph.node("Range", graph.whole("zero", 0), steps, graph.whole("one", 1))
