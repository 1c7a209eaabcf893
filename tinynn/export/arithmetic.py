"""What a file computes, operation by operation, in the numbers that it computes with.

A C header in float rounds each sum and product to 32 bits, and so does a runtime of ONNX. This does
the same with Python's floats: a double's + − × ÷ and √, rounded to float32, is what float32 gives,
since a double has more than twice the digits (S. A. Figueroa, 1995). Other functions may differ in
their last digit, and sums where a compiler or runtime adds in another order.
"""

from __future__ import annotations

import math
from array import array
from typing import Any, Callable, Collection, Iterable, Mapping, Sequence

from ..engines.image_plans import ImagePlan
from ..engines.plans import Frozen
from ..formulas import LAYER_FORMULAS
from ..formulas.expressions import Tree, names as names_in, parsed
from ..formulas.indexed_loops import listed_rows, runs
from ..formulas.programs import Assignment, Each, Largest, Program, Total
from ..lesson.matrix import Matrix, Vector, transpose
from ..lesson.windows import count
from .c_family import in_double
from .python_images import by_group

_BATCH = 256  # rows at a time
_INFINITY = float("inf")


class NumberType:
    """A type of numbers: doubles, or floats of 32 bits if `single`."""

    def __init__(self, single: bool) -> None:
        self.single = single

    def row(self, numbers: Iterable[float]) -> Sequence[float]:
        """Return numbers of this type; what is beyond them is infinite."""
        return array("f", numbers) if self.single else list(numbers)

    def __call__(self, number: float) -> float:
        """Return one number of this type."""
        return self.row([number])[0]


def outputs(layers: Sequence[Frozen], X: Matrix, single: bool, mixed: bool = True) -> Matrix:
    """Return the outputs of layers for rows of inputs, in doubles or `single` floats.

    A layer that C computes in double (see `c_family.in_double`) is so here, too, if `mixed`. Layers
    of the kind "Bytes" are Dense with whole numbers as weights, and a scale for each output;
    "BytesConv" are such convolutions.
    """
    Y: Matrix = []
    for k in range(0, len(X), _BATCH):
        columns = list(map(NumberType(single).row, transpose(X[k : k + _BATCH])))
        for layer in layers:
            if layer.plan.kind in ("Dense", "Bytes"):
                columns = _dense(layer, columns, NumberType(single))
            elif layer.plan.image:
                columns = _on_images(layer, layer.plan.image, columns, NumberType(single))
            else:
                function = _row_function(layer, single, mixed)
                columns = list(map(NumberType(single).row, zip(*map(function, zip(*columns)))))
        Y += map(list, zip(*columns))
    return Y


def _dense(
    layer: Frozen, columns: list[Sequence[float]], numbers: NumberType
) -> list[Sequence[float]]:
    values, found = layer.values, []
    used = [x if any(x) else () for x in columns]  # 0 w adds nothing
    for j, weights in enumerate(transpose(values["W"])):
        z = numbers.row([0.0] * len(columns[0]))
        for x, w in zip(used, numbers.row(weights)):
            if not x:
                continue
            if numbers.single:
                terms = numbers.row([v * w for v in x])
                z = numbers.row([a + b for a, b in zip(z, terms)])
            else:
                z = [a + v * w for a, v in zip(z, x)]
        if "scale" in values:
            scale = numbers(values["scale"][0][j])
            z = numbers.row([a * scale for a in z])
        if "b" in values:
            b = numbers(values["b"][0][j])
            z = numbers.row([a + b for a in z])
        found.append(z)
    return found


def _on_images(
    layer: Frozen, plan: ImagePlan, columns: list[Sequence[float]], numbers: NumberType
) -> list[Sequence[float]]:
    """Return what a convolution or pooling layer makes of images; padding has no terms."""
    size, in_group = count(plan.windows.size), plan.channels // plan.groups
    windows = list(zip(*plan.windows.pixels()))
    found: list[Sequence[float]] = []
    if layer.plan.kind in ("Conv", "BytesConv"):
        zeros = numbers.row([0.0] * len(columns[0]))
        for g, group in enumerate(by_group(layer, plan)):
            first = g * in_group
            channels = [
                [*columns[c * size :][:size], zeros] for c in range(first, first + in_group)
            ]
            patches = [[channel[i] for channel in channels for i in w] for w in windows]
            made = [_dense(group, patch, numbers) for patch in patches]
            found += [row for rows in zip(*made) for row in rows]
        return found
    for c in range(plan.channels):
        channel = columns[c * size : (c + 1) * size]
        for window in windows:
            pixels = [channel[i] for i in window if i < size]
            if layer.plan.kind == "MaxPool":
                found.append(numbers.row(list(map(max, zip(*pixels)))))
                continue
            z = numbers.row([0.0] * len(columns[0]))
            for x in pixels:
                z = numbers.row([a + b for a, b in zip(z, x)])
            n = len(window) if plan.count_padding else len(pixels)
            found.append(numbers.row([a / n for a in z]))
    return found


def _row_function(layer: Frozen, single: bool, mixed: bool) -> Callable[[Sequence[float]], Vector]:
    """Return what applies a layer's row program to a row."""
    formula, plan = LAYER_FORMULAS[layer.plan.kind], layer.plan
    numbers = NumberType(single and not (mixed and in_double(plan.kind)))
    settings = {name: numbers(value) for name, value in plan.numbers().items()}
    given = {letter: NumberType(single).row(rows[0]) for letter, rows in layer.values.items()}
    # A row that a loop leaves in memory has the file's type, whatever type computed it.
    in_memory = listed_rows(formula.forward, ["y"]) if single and not numbers.single else set()
    program = program_function(formula.forward, ["z", *given], ["y"], numbers, settings, in_memory)

    def apply(x: Sequence[float]) -> Vector:
        y: Vector = []
        for begin, end in plan.groups():
            parts = [row[begin:end] for row in given.values()]
            y += program(x[begin:end], *parts)[0]
        return y

    return apply


def program_function(
    program: Program,
    given: Sequence[str],
    wanted: Sequence[str],
    numbers: NumberType,
    settings: Mapping[str, float] | None = None,
    in_memory: Collection[str] = (),
) -> Callable[..., Sequence[Vector]]:
    """Return a row program as a function of the rows `given` that returns those `wanted`.

    numbers:   what each operation is rounded to
    settings:  the program's single numbers
    in_memory: rows that are rounded to 32 bits when they are complete
    """
    space: dict[str, Any] = {**_FUNCTIONS, **(settings or {})}
    space.update(rounded=numbers if numbers.single else float, stored=NumberType(True).row)
    source, rows = [f"def program({', '.join(given)}):"], set(given)
    for run in runs(program):
        source += [f"    {line}" for statement in run for line in _lines(statement, rows, numbers)]
        source += [f"    {to} = stored({to})" for to in in_memory if to in {s.to for s in run}]
    source.append(f"    return [{', '.join(wanted)}]")
    exec(compile("\n".join(source), "<arithmetic>", "exec"), space)
    return space["program"]  # type: ignore[no-any-return]


def _lines(statement: Assignment, rows: set[str], numbers: NumberType) -> list[str]:
    """Return a statement in Python; a row that it assigns is one of `rows` from here on."""
    to, tree = statement.to, parsed(statement.value)
    if isinstance(statement, Largest):
        return [f"{to} = max({statement.value})"]
    value = _source(tree, rows, numbers)
    used = [name for name in dict.fromkeys(names_in(tree)) if name in rows]
    over = f"for {', '.join([f'{name}_j' for name in used])}, in zip({', '.join(used)})"
    if isinstance(statement, Total):
        return [f"{to} = 0.0", f"{over}: {to} = rounded({to} + {value})"]
    if isinstance(statement, Each):
        rows.add(to)
        return [f"{to} = [{value} {over}]"]
    return [f"{to} = {value}"]


def _source(tree: Tree, rows: set[str], numbers: NumberType) -> str:
    """Return an expression that rounds after each operation."""
    kind = tree[0]
    if kind == "number":
        return repr(numbers(tree[1]))
    if kind == "name":
        return f"{tree[1]}_j" if tree[1] in rows else str(tree[1])
    parts = [
        _source(part, rows, numbers) if isinstance(part, tuple) else str(part) for part in tree[1:]
    ]
    if kind == "negative":
        return f"(-{parts[0]})"
    if kind == "if":
        return f"({parts[1]} if {parts[0]} else {parts[2]})"
    if kind == "compare":
        return f"({' '.join(parts)})"
    if kind == "call":
        return f"rounded({parts[0]}({', '.join(parts[1:])}))"
    if kind == "/":
        return f"rounded(divided({parts[0]}, {parts[1]}))"
    return f"rounded({parts[0]} {kind} {parts[1]})"


def _divided(a: float, b: float) -> float:
    if b:
        return a / b
    return math.copysign(_INFINITY, a) * math.copysign(1.0, b) if a else math.nan


def _or_infinity(function: Callable[[float], float]) -> Callable[[float], float]:
    def safe(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return _INFINITY
        except ValueError:  # outside the domain
            return -_INFINITY if x == 0.0 else math.nan

    return safe


_FUNCTIONS: Mapping[str, Any] = {
    **{
        name: _or_infinity(getattr(math, name))
        for name in ("exp", "expm1", "log", "log1p", "tanh", "erfc", "sqrt")
    },
    "abs": abs, "max": max, "divided": _divided,
}  # fmt: skip


def unlinked(name: str, x: float) -> float:
    """Return exp or expm1 of a number, infinity where it overflows; the number without a name."""
    value: float = _FUNCTIONS[name](x) if name else x
    return value
