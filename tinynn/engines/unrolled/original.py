"""The original program, unrolled: `NeuralNet.train` as straight-line Python, to the same last bit.

The same bits need the same operations in the same order. What may be left out without changing any:
adding a product with 0, multiplying by 1. Signs may be turned, since negation is exact: with t = 1,
(t - o) is the (1 - o) that is needed anyway; with t = 0, it is -o, whose sign goes into the sum.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Callable, Tuple

from ...checks.rows import as_rows
from ...checks.settings import integer
from ...lesson.matrix import Rows
from ...lesson.neural_net import NeuralNet
from ..source import SourceWriter, compile_source, product, total

# A product of the text takes about 40 us to write and compile, and then saves about 0.2 us each
# time that it is computed (CPython 3.11).
WORTHWHILE = 200
MAX_WEIGHTS = 100
MAX_TERMS = 400  # rows times weights, up to which the rows are written into the text
LARGE = 1e100  # with numbers below it, nothing can overflow

Data = Tuple[Tuple[Tuple[float, ...], Tuple[float, ...]], ...]  # (inputs, outputs) of each row


def train_original(net: NeuralNet, inputs: Rows, outputs: Rows, iterations: int) -> None:
    """Do what `net.train(inputs, outputs, iterations)` does, in a fraction of the time.

    The weights come out the same to the last bit where `sum` adds floats one by one, up to Python
    3.11; later ones add more exactly, and differ in the last digits.

    Raises what `net.train` raises.
    """
    net.train(inputs, outputs, 0)  # checks everything and changes nothing
    X, T = as_rows(inputs, "inputs"), as_rows(outputs, "outputs")
    weights = [w for row in net.synaptic_weights for w in row]
    iterations = integer("train", "iterations", iterations, least=0)
    largest = max([abs(x) for row in [*X, weights] for x in row])
    small = len(weights) <= MAX_WEIGHTS and largest < LARGE
    if type(net) is not NeuralNet or not small or iterations < WORTHWHILE:
        net.train(inputs, outputs, iterations)
        return
    data = tuple((tuple(x), tuple(t)) for x, t in zip(X, T))
    written = len(X) * len(weights) <= MAX_TERMS
    train = _compiled(net.inputs, net.outputs, data if written else ())
    new = train(weights, [(*x, *t) for x, t in data], iterations)
    columns = net.outputs
    net.synaptic_weights = [list(new[k : k + columns]) for k in range(0, len(new), columns)]


def original_text(inputs: int, outputs: int, data: Data = ()) -> str:
    """Return the text of `train(weights, rows, iterations)`, which returns the new weights.

    `data`, if given, is written into the text as numbers; else `rows` are inputs, then outputs.
    """
    text = SourceWriter()
    names = [f"m{i}_{j}" for i in range(inputs) for j in range(outputs)]
    text("def train(weights, rows, iterations):")
    text.depth += 1
    text.comment("m = -w, so that exp(x m) is the exp(-x w) of the sigmoid")
    text.wrapped(names, "(", ") = [-w for w in weights]")
    with text.block("for _ in range(iterations):"):
        if data:
            _write_samples(text, outputs, names, data)
        else:
            _write_loop(text, inputs, outputs)
    text.wrapped([f"-{name}" for name in names], "return (", ")")
    return str(text)


def _write_answer(text: SourceWriter, minus_z: str) -> None:
    """Write o = sigmoid(z) as activations.py computes it, from the text of -z."""
    y = minus_z
    if " " in minus_z:
        text(f"y = {minus_z}")
        y = "y"
    with text.block(f"if {y} <= 0.0:"):
        text(f"o = 1.0 / (1.0 + exp({y}))")
    with text.block("else:"):
        text(f"e = exp(-{y})", "o = e / (1.0 + e)")


def _write_samples(text: SourceWriter, outputs: int, names: list[str], data: Data) -> None:
    sums: dict[str, list[str]] = {name: [] for name in names}  # terms, each with its sign
    for s, (row, targets) in enumerate(data):
        x = [repr(value + 0.0) for value in row]
        text.comment(f"sample {s}: {', '.join(x)} -> {', '.join(map(repr, targets))}")
        for j, t in enumerate(targets):
            _write_answer(text, total([product(x_i, f"m{i}_{j}") for i, x_i in enumerate(x)]))
            d, sign = f"d{j}s{s}", "-" if t == 0.0 else "+"
            if t == 1.0:
                text("c = 1.0 - o", f"{d} = c * o * c")
            else:
                text(f"{d} = {'o' if t == 0.0 else f'({t!r} - o)'} * o * (1.0 - o)")
            for i, x_i in enumerate(x):
                if product(x_i, d):
                    sums[f"m{i}_{j}"].append(f"{sign} {product(x_i, d)}")
    text.comment("w = w + x^T ((t - o) o (1 - o)), with turned signs")
    for m, terms in sums.items():
        if terms:
            # Rather than to begin with a minus, the sum turns all signs, and what it is for too.
            turned = terms[0][0] == "-"
            if turned:
                terms = [("+" if term[0] == "-" else "-") + term[1:] for term in terms]
            text(f"{m} {'+' if turned else '-'}= " + " ".join(terms)[2:])


def _write_loop(text: SourceWriter, inputs: int, outputs: int) -> None:
    text(*[f"s{i}_{j} = 0.0" for i in range(inputs) for j in range(outputs)])
    columns = [f"x{i}" for i in range(inputs)] + [f"t{j}" for j in range(outputs)]
    with text.block(f"for {', '.join(columns)} in rows:"):
        for j in range(outputs):
            _write_answer(text, total([f"x{i} * m{i}_{j}" for i in range(inputs)]))
            text(f"d = (t{j} - o) * o * (1.0 - o)")
            text(*[f"s{i}_{j} += x{i} * d" for i in range(inputs)])
    text(*[f"m{i}_{j} -= s{i}_{j}" for i in range(inputs) for j in range(outputs)])


@lru_cache(maxsize=16)
def _compiled(inputs: int, outputs: int, data: Data) -> Callable[..., Any]:
    return compile_source(original_text(inputs, outputs, data), "original program")
