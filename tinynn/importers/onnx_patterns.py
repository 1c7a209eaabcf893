"""Activations and LayerNorm spelled out in smaller operators, recognized by their formulas.

Where a graph forks, the operators up to the point where it joins again are written as one formula
of x, such as "Mul(Sigmoid(x),x)" for SiLU, and looked up in a table.
"""

from __future__ import annotations

import re
from functools import partial
from heapq import heappop, heappush
from math import sqrt
from typing import Callable, Mapping, Pattern, Sequence

from ..lesson.activation_layers import ELU, GELU, SELU, LeakyReLU, SiLU, Softplus
from ..lesson.activations import SELU_ALPHA, SELU_SCALE
from ..lesson.layer import Layer
from ..lesson.normalization import LayerNorm
from . import assembly
from .onnx_model import OnnxGraph, OnnxNode, OnnxTensor

NODES_LIMIT = 16  # more than any formula below has
FORMULA_LIMIT = 1000

_COMMUTATIVE = ("Add", "Mul", "Max", "Min")
_CLOSE = 1e-6  # constants in a formula are often rounded to float32

_ERF = ("Add(Erf(Div(x,{root})),{one})", "Add(Erf(Mul(x,{per_root})),{one})")
_ELU = "Add(Max(x,{zero}),Mul(Sub(Exp(Min(x,{zero})),{one}),%s))"
_CENTRED = "Sub(x,Mean(x))"
_SQUARES = (f"Mul({_CENTRED},{_CENTRED})", f"Pow({_CENTRED},{{two}})")

# Formulas as `_formula` writes them: Add, Mul, Max and Min sorted by argument, constants last.
_FORMULAS: list[tuple[str, Callable[..., Layer]]] = [
    ("Mul(Sigmoid(x),x)", SiLU),
    *((f"Mul(Mul({erf},x),{{half}})", GELU) for erf in _ERF),
    *((f"Mul({erf},Mul(x,{{half}}))", GELU) for erf in _ERF),
    *((f"Mul(Mul({erf},{{half}}),x)", GELU) for erf in _ERF),
    ("Add(Max(x,{zero}),Mul(Min(x,{zero}),{negative_slope}))", LeakyReLU),
    (_ELU % "{alpha}", ELU),
    (f"Mul({_ELU % '{selu_alpha}'},{{selu_scale}})", SELU),
    ("Add(Log(Add(Exp(Neg(Abs(x))),{one})),Max(x,{zero}))", Softplus),
    ("Where(Greater(x,{threshold}),x,Softplus(x))", Softplus),  # PyTorch's, within 2.1e-9
    *((f"Div({_CENTRED},Sqrt(Add(Mean({square}),{{eps}})))", LayerNorm) for square in _SQUARES),
]
_VALUES = {
    "zero": 0.0,
    "one": 1.0,
    "two": 2.0,
    "half": 0.5,
    "threshold": 20.0,
    "root": sqrt(2.0),
    "per_root": sqrt(0.5),
    "selu_alpha": SELU_ALPHA,
    "selu_scale": SELU_SCALE,
}


def _compiled(formula: str) -> tuple[Pattern[str], list[str]]:
    """Return a formula's regular expression and the names of its constants."""
    names = re.findall(r"{(\w+)}", formula)
    return re.compile(re.sub(r"\\{\w+\\}", "#([^,()]+)", re.escape(formula))), names


_TABLE = [(*_compiled(formula), make) for formula, make in _FORMULAS]


def recognized(formula: str) -> Layer | None:
    """Return the layer that computes the formula, or None.

    >>> recognized("Mul(Sigmoid(x),x)")
    SiLU()
    """
    for pattern, names, make in _TABLE:
        match = pattern.fullmatch(formula)
        if match is None:
            continue
        constants = list(zip(names, map(float, match.groups())))
        if all(abs(c - _VALUES.get(n, c)) <= _CLOSE * abs(c) for n, c in constants):
            free = {name: value for name, value in constants if name not in _VALUES}
            return assembly.built("a formula", partial(make, **free))
    return None


def fork(
    graph: OnnxGraph, start: str, users: Mapping[str, Sequence[int]]
) -> tuple[Layer, list[OnnxNode]]:
    """Return the layer that the graph computes from a fork at `start` on, and its nodes.

    `users` are the indices of the nodes that take each tensor. Raises FormatError, naming the
    nodes, if they match no formula in the table.
    """
    formulas = {start: "x"}
    left = {start: len(users[start])}  # each tensor's remaining uses
    region: list[OnnxNode] = []
    found: Layer | None = None
    waiting = list(users[start][: NODES_LIMIT + 1])
    last = -1
    joined = 0
    while waiting and len(region) < NODES_LIMIT:
        number = heappop(waiting)  # the file lists nodes in the order of computation
        if number == last:
            continue  # queued twice: it takes a tensor twice
        last = number
        node = graph.nodes[number]
        formula = _formula(node, formulas, graph.constants)
        if found is not None:  # joined; one more node may make a longer formula
            longer = recognized(formula)
            return (found, region) if longer is None else (longer, [*region, node])
        region.append(node)
        for name in node.inputs:
            if name in left:
                left[name] -= 1
        output = node.outputs[0] if len(node.outputs) == 1 else ""
        if not output or len(formula) > FORMULA_LIMIT:
            break
        formulas[output] = formula
        following = users.get(output, ())
        left[output] = len(following)
        if not any(count for name, count in left.items() if name != output):
            joined = joined or len(region)
            found = recognized(formula)
            if found is not None and left[output] != 1:
                return found, region
        for number in following[: NODES_LIMIT + 1]:
            heappush(waiting, number)
    if found is not None:
        return found, region
    names = ", ".join(node.operator for node in region[: joined or None])
    raise assembly.refusal(
        region[0].place if region else f"the tensor {start!r}", f"a fork with {names}"
    )


def _formula(
    node: OnnxNode, formulas: Mapping[str, str], constants: Mapping[str, OnnxTensor]
) -> str:
    """Return the formula of a node's output; a constant is # and its number, # alone if many."""
    arguments: list[str] = []
    operator = node.operator
    inputs = node.inputs
    if operator == "ReduceMean":
        axes = node.attributes.get("axes")
        if len(inputs) == 2 and inputs[1] in constants:
            axes = constants[inputs[1]].values
        last = axes in ([-1], [1]) and node.attributes.get("keepdims", 1) == 1
        operator, inputs = ("Mean" if last else operator), inputs[:1]
    elif node.attributes:
        operator += "?"  # nothing in the table has attributes
    for name in inputs:
        constant = constants.get(name)
        if constant is None:
            arguments.append(formulas.get(name, "?"))
        else:
            one = len(constant.values) == 1
            arguments.append(f"#{float(constant.values[0])!r}" if one else "#")
    if operator in _COMMUTATIVE:
        arguments.sort(key=lambda term: (term.startswith("#"), term))
    return f"{operator}({','.join(arguments)})"


def users_of(graph: OnnxGraph) -> dict[str, list[int]]:
    """Return the indices of the nodes that take each tensor, a node as often as it takes it."""
    users: dict[str, list[int]] = {}
    for i, node in enumerate(graph.nodes):
        for name in node.inputs:
            users.setdefault(name, []).append(i)
    return users
