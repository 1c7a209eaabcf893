"""The original program, unrolled: `NeuralNet.train` as straight-line Python, to the same last bit.

The same bits need the same operations in the same order. What may be left out without changing any:
adding a product with 0, multiplying by 1. Signs may be turned, since negation is exact: with t = 1,
(t - o) is the (1 - o) that is needed anyway; with t = 0, it is -o, whose sign goes into the sum.
"""

from __future__ import annotations

from copy import copy
from functools import lru_cache
from math import isclose
from typing import Any, Callable, Tuple

from ...checks.rows import as_rows
from ...checks.settings import integer
from ...formulas.activations import ACTIVATIONS
from ...formulas.straight_line import StraightLine
from ...lesson.matrix import Rows
from ...lesson.neural_net import NeuralNet
from ..source import SourceWriter, compile_source, product, total

# A product takes about 40 us to write and compile, and then saves about 0.2 us each time that it
# is computed (CPython 3.11).
WORTHWHILE = 200
MAX_WEIGHTS = 100
MAX_TERMS = 400  # rows times weights, up to which the rows are written into the source
LARGE = 1e100  # with numbers below it, nothing can overflow

Data = Tuple[Tuple[Tuple[float, ...], Tuple[float, ...]], ...]  # (inputs, outputs) of each row


def train_original(net: NeuralNet, inputs: Rows, outputs: Rows, iterations: int) -> None:
    """Do what `net.train(inputs, outputs, iterations)` does, in a fraction of the time.

    The weights come out the same to the last bit where `sum` adds floats one by one, up to Python
    3.11; later versions add more exactly, and the last digits differ. If the first iteration
    differs by more, `net.train` does all of them.

    Raises what `net.train` raises.
    """
    net.train(inputs, outputs, 0)  # checks everything and changes nothing
    iterations = integer("train", "iterations", iterations, least=0)
    X, T = as_rows(inputs, "inputs"), as_rows(outputs, "outputs")
    weights = [w for row in net.synaptic_weights for w in row]
    largest = max([abs(x) for row in [*X, weights] for x in row])
    small = len(weights) <= MAX_WEIGHTS and largest < LARGE
    if type(net) is NeuralNet and small and iterations >= WORTHWHILE:
        data = tuple((tuple(x), tuple(t)) for x, t in zip(X, T))
        rows = [(*x, *t) for x, t in data]
        written = len(X) * len(weights) <= MAX_TERMS
        train = _compiled(net.inputs, net.outputs, data if written else ())
        lesson = copy(net)
        lesson.train(X, T, 1)
        first = [w for row in lesson.synaptic_weights for w in row]
        if all(map(_close, first, train(weights, rows, 1))):
            new, columns = train(weights, rows, iterations), net.outputs
            net.synaptic_weights = [list(new[k : k + columns]) for k in range(0, len(new), columns)]
            return
    net.train(X, T, iterations)


def _close(a: float, b: float) -> bool:
    return isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)


def original_source(inputs: int, outputs: int, data: Data = ()) -> str:
    """Return the source of `train(weights, rows, iterations)`, which returns the new weights.

    `data`, if given, is written into it as numbers; else `rows` are inputs, then outputs.
    """
    code = SourceWriter()
    names = [f"w{i}_{j}" for i in range(inputs) for j in range(outputs)]
    code("def train(weights, rows, iterations):")
    code.depth += 1
    code.wrapped(names, "(", ") = weights")
    with code.block("for _ in range(iterations):"):
        if data:
            _write_samples(code, outputs, names, data)
        else:
            _write_loop(code, inputs, outputs)
    code.wrapped(names, "return (", ")")
    return str(code)


def _write_answer(code: SourceWriter, z: str) -> None:
    """Write o = sigmoid(z), from the source of z."""
    lines = StraightLine(code, lambda name, column: {"y": "o"}.get(name, name), quick=False)
    lines.rows["z"] = [z]
    lines.run(ACTIVATIONS["Sigmoid"].forward)


def _write_samples(code: SourceWriter, outputs: int, names: list[str], data: Data) -> None:
    sums: dict[str, list[str]] = {name: [] for name in names}  # terms, each with its sign
    for s, (row, targets) in enumerate(data):
        x = [repr(value + 0.0) for value in row]
        code.comment(f"sample {s}: {', '.join(x)} -> {', '.join(map(repr, targets))}")
        for j, t in enumerate(targets):
            _write_answer(code, total([product(x_i, f"w{i}_{j}") for i, x_i in enumerate(x)]))
            d, sign = f"d{j}s{s}", "-" if t == 0.0 else "+"
            if t == 1.0:
                code("c = 1.0 - o", f"{d} = c * o * c")
            else:
                code(f"{d} = {'o' if t == 0.0 else f'({t!r} - o)'} * o * (1.0 - o)")
            for i, x_i in enumerate(x):
                if product(x_i, d):
                    sums[f"w{i}_{j}"].append(f"{sign} {product(x_i, d)}")
    code.comment("w = w + x^T ((t - o) o (1 - o))")
    for w, terms in sums.items():
        if terms:
            # Rather than to begin with a minus, the sum turns all signs, and what it is for too.
            turned = terms[0][0] == "-"
            if turned:
                terms = [("+" if term[0] == "-" else "-") + term[1:] for term in terms]
            code(f"{w} {'-' if turned else '+'}= " + " ".join(terms)[2:])


def _write_loop(code: SourceWriter, inputs: int, outputs: int) -> None:
    code(*[f"s{i}_{j} = 0.0" for i in range(inputs) for j in range(outputs)])
    columns = [f"x{i}" for i in range(inputs)] + [f"t{j}" for j in range(outputs)]
    with code.block(f"for {', '.join(columns)} in rows:"):
        for j in range(outputs):
            _write_answer(code, total([f"x{i} * w{i}_{j}" for i in range(inputs)]))
            code(f"d = (t{j} - o) * o * (1.0 - o)")
            code(*[f"s{i}_{j} += x{i} * d" for i in range(inputs)])
    code(*[f"w{i}_{j} += s{i}_{j}" for i in range(inputs) for j in range(outputs)])


@lru_cache(maxsize=16)
def _compiled(inputs: int, outputs: int, data: Data) -> Callable[..., Any]:
    return compile_source(original_source(inputs, outputs, data), "original program")
