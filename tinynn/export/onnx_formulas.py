"""A layer as ONNX operators, from its row program.

A row is a tensor of all rows of a batch, a number a tensor of one column. Both branches of a
condition are computed, and `Where` takes one. ONNX has no expm1, log1p and erfc: they are spelled
out, which costs some digits near 0.
"""

from __future__ import annotations

from typing import Callable, Mapping, Protocol, Sequence

from ..formulas.expressions import Tree, parsed
from ..formulas.programs import Largest, LayerFormula, Total


class Graph(Protocol):
    """What takes the nodes."""

    def node(self, operator: str, *inputs: str, **attributes: int | float | list[int]) -> str:
        """Add an operator and return the name of its output."""

    def scalar(self, letter: str, value: float) -> str:
        """Add one number and return its name."""

    def vector(self, letter: str, values: Sequence[float]) -> str:
        """Add a row of numbers and return its name."""


_OPERATORS = {"+": "Add", "-": "Sub", "*": "Mul", "/": "Div", "negative": "Neg"}
_FUNCTIONS = {
    "exp": "Exp", "log": "Log", "tanh": "Tanh", "sqrt": "Sqrt", "abs": "Abs", "max": "Max",
}  # fmt: skip
_COMPARISONS = {"<": "Less", "<=": "LessOrEqual", ">": "Greater", ">=": "GreaterOrEqual"}


class FormulaNodes:
    """Writes the forward program of a layer with so many columns, numbers c and c2, and vectors."""

    def __init__(
        self,
        graph: Graph,
        columns: int,
        numbers: Sequence[float],
        vectors: Mapping[str, Sequence[float]],
    ) -> None:
        self.graph = graph
        self._numbers: dict[float, str] = {}
        self._given = {"n": float(columns), "c": numbers[0], "c2": numbers[1]}
        self._named = {name: graph.vector(name, vectors[name]) for name in vectors}

    def run(self, formula: LayerFormula, x: str) -> str:
        """Return the output for the input x."""
        self._named["z"] = x
        for statement in formula.forward:
            value = self._value(parsed(statement.value))
            if isinstance(statement, Total):
                # ReduceSum would take its axes as a tensor of integers.
                mean = self.graph.node("ReduceMean", value, axes=[-1], keepdims=1)
                value = self.graph.node("Mul", mean, self._number(self._given["n"]))
            elif isinstance(statement, Largest):
                value = self.graph.node("ReduceMax", value, axes=[-1], keepdims=1)
            self._named[statement.to] = value
        return self._named["y"]

    def _number(self, value: float) -> str:
        if value not in self._numbers:
            self._numbers[value] = self.graph.scalar(f"number_{len(self._numbers)}", value)
        return self._numbers[value]

    def _value(self, tree: Tree) -> str:
        kind = tree[0]
        if kind == "name":
            name: str = tree[1]
            return self._number(self._given[name]) if name in self._given else self._named[name]
        if kind == "number":
            return self._number(tree[1])
        if kind == "if":
            _, test, value, otherwise = tree
            parts = self._test(test), self._value(value), self._value(otherwise)
            return self.graph.node("Where", *parts)
        if kind == "call":
            return self._call(tree[1], [self._value(part) for part in tree[2:]])
        return self.graph.node(_OPERATORS[kind], *map(self._value, tree[1:]))

    def _call(self, name: str, arguments: list[str]) -> str:
        node = self.graph.node
        if name == "expm1":
            return node("Sub", node("Exp", *arguments), self._number(1.0))
        if name == "log1p":
            return node("Log", node("Add", *arguments, self._number(1.0)))
        if name == "erfc":
            return node("Sub", self._number(1.0), node("Erf", *arguments))
        return node(_FUNCTIONS[name], *arguments)

    def _test(self, tree: Tree) -> str:
        node: Callable[..., str] = self.graph.node
        if tree[0] != "compare":
            return node("Not", node("Equal", self._value(tree), self._number(0.0)))
        parts = [
            node(_COMPARISONS[tree[k + 1]], self._value(tree[k]), self._value(tree[k + 2]))
            for k in range(1, len(tree) - 2, 2)
        ]
        both = parts[0]
        for part in parts[1:]:
            both = node("And", both, part)
        return both
