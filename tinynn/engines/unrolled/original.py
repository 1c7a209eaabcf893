"""The original program, unrolled: `NeuralNet.train` as straight-line Python, to the same last bit.

The same bits need the same operations in the same order. What may be left out without changing any:
adding a product with 0, multiplying by 1. Signs may be turned, since negation is exact: with t = 1,
(t - o) is the (1 - o) that is needed anyway; with t = 0, it is -o, whose sign goes into the sum. A
sigmoid of z > 0 needs exp(-z): where z is expected to be positive, -z is computed instead, from
weights that are kept with the other sign.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Callable, NamedTuple, Tuple

from ...formulas.activations import ACTIVATIONS
from ...formulas.expressions import (
    parsed,
    repeated_call,
    replaced,
    simplified,
    with_name,
    written,
)
from ...formulas.programs import value_of
from ..source import SourceWriter, compile_source, product, total

Data = Tuple[Tuple[Tuple[float, ...], Tuple[float, ...]], ...]  # (inputs, outputs) of each row
_SIGMOID = parsed(value_of(ACTIVATIONS["Sigmoid"].forward[0], quick=False))


@lru_cache(maxsize=16)
def training(inputs: int, outputs: int, data: Data) -> Callable[..., Any]:
    """Return the compiled function from `training_source`; equal data share it."""
    return compile_source(training_source(inputs, outputs, data), "original program")


def training_source(inputs: int, outputs: int, data: Data = ()) -> str:
    """Return the source of `train(weights, rows, iterations)`, which returns the new weights.

    iterations: an iterable of as many things as iterations are to be made
    data:       if given, it is written into the source as numbers; else `rows` are inputs, then
                outputs
    """
    code = SourceWriter()
    names = [f"w{i}_{j}" for i in range(inputs) for j in range(outputs)]
    code("def train(weights, rows, iterations):")
    code.depth += 1
    code.wrapped(names, "(", ") = weights")
    negative = _negative_weights(outputs, data)
    if negative:
        code.comment("n: a weight with the other sign, for sums that are expected to be positive")
        code(*[f"n{name[1:]} = -{name}" for name in negative])
    with code.block("for _ in iterations:"):
        if data:
            _Samples(code, outputs, names, negative).write(data)
        else:
            _write_loop(code, inputs, outputs)
    code(*[f"{name} = 0.0 - n{name[1:]}" for name in negative])
    code.wrapped(names, "return (", ")")
    return str(code)


class _Term(NamedTuple):
    """A product in the sum of a neuron: a number that is not 0, and a weight."""

    x: float
    weight: str


def _terms(row: tuple[float, ...], j: int) -> list[_Term]:
    return [_Term(x + 0.0, f"w{i}_{j}") for i, x in enumerate(row) if x]


def _leaders(terms: list[_Term], turned: bool) -> list[tuple[_Term, bool]]:
    """Return the terms that the sum, or its negative if `turned`, may begin with.

    Each comes with whether its weight should be kept negative, to begin without a sign. The first
    two terms of a sum can change places. A number before the weight takes the sign for nothing.
    """
    if any(abs(term.x) != 1.0 for term in terms[:2]):
        return []
    return [(term, turned != (term.x < 0.0)) for term in terms[:2]]


def _negative_weights(outputs: int, data: Data) -> list[str]:
    """Return the weights to keep with the other sign, so that few signs have to be turned."""
    kept: dict[str, bool] = {}
    sums = [(_terms(row, j), targets[j] > 0.5) for row, targets in data for j in range(outputs)]
    for terms, turned in sorted(sums, key=lambda one: len(one[0])):
        leaders = _leaders(terms, turned)
        if not any(kept.get(term.weight) == negative for term, negative in leaders):
            for term, negative in leaders:
                if term.weight not in kept:
                    kept[term.weight] = negative
                    break
    return [weight for weight, negative in kept.items() if negative]


class _Samples:
    """Writes one iteration over rows that are known numbers."""

    def __init__(
        self, code: SourceWriter, outputs: int, names: list[str], negative: list[str]
    ) -> None:
        self.code, self.outputs, self.names, self.negative = code, outputs, names, set(negative)

    def write(self, data: Data) -> None:
        code = self.code
        sums: dict[str, list[str]] = {name: [] for name in self.names}  # terms, with their signs
        for s, (row, targets) in enumerate(data):
            x = ", ".join(repr(value + 0.0) for value in row)
            code.comment(f"sample {s}: {x} -> {', '.join(map(repr, targets))}")
            for j, t in enumerate(targets):
                d, terms = f"d{j}s{s}", _terms(row, j)
                self._derivative(d, terms, t)
                sign = "-" if t == 0.0 else "+"
                for term in terms:
                    sums[term.weight].append(f"{sign} {product(repr(term.x), d)}")
        code.comment("w = w + x^T ((t - o) o (1 - o))")
        for w, parts in sums.items():
            if parts:
                self._update(w, parts)

    def _derivative(self, d: str, terms: list[_Term], t: float) -> None:
        """Write d = (t - o) o (1 - o), without the sign if t = 0, for o = sigmoid of a sum."""
        z, turned = self._sum(terms, t > 0.5)
        if t == 1.0:
            _write_answer(self.code, z, turned, "c = 1.0 - (o := {o})")
            self.code(f"{d} = c * o * c")
        else:
            _write_answer(self.code, z, turned)
            error = "o" if t == 0.0 else f"({t!r} - o)"
            self.code(f"{d} = {error} * o * (1.0 - o)")

    def _sum(self, terms: list[_Term], turned: bool) -> tuple[str, bool]:
        """Return the source of the sum, or of its negative, and which of the two it is.

        It is the negative if `turned`, unless it would then have to begin with a sign.
        """
        first = self._first(terms, turned)
        if not first and self._first(terms, not turned):
            turned = not turned
            first = self._first(terms, turned)
        first = first or terms[:1]
        source = ""
        for term in first + [term for term in terms if term not in first]:
            kept = term.weight in self.negative
            x = -term.x if turned != kept else term.x
            name = f"n{term.weight[1:]}" if kept else term.weight
            if source:
                source += f" {'-' if x < 0.0 else '+'} {product(repr(abs(x)), name)}"
            else:
                source = product(repr(x), name)
        return source or "0.0", turned

    def _first(self, terms: list[_Term], turned: bool) -> list[_Term]:
        """Return a term that the sum can begin with, in a list, which is empty if there is none."""
        leaders = _leaders(terms, turned)
        return [t for t, negative in leaders if (t.weight in self.negative) == negative][:1]

    def _update(self, w: str, parts: list[str]) -> None:
        # Rather than to begin with a minus, the sum turns all signs, and what it is for too.
        turned = parts[0][0] == "-"
        if turned:
            parts = [("+" if part[0] == "-" else "-") + part[1:] for part in parts]
        kept = w in self.negative
        name, sign = (f"n{w[1:]}" if kept else w), "-" if turned != kept else "+"
        self.code(f"{name} {sign}= " + " ".join(parts)[2:])


def _write_answer(code: SourceWriter, z: str, turned: bool = False, line: str = "o = {o}") -> None:
    """Write o = sigmoid(z) from the source of z, or of -z if `turned`; `line` says what for.

    z is expected to be positive if `turned`, else negative: CPython is fastest if that comes first.
    """
    tree, name = _SIGMOID, "z" if " " in z else z
    if turned:
        tree = simplified(replaced(tree, {"z": ("negative", ("name", "z"))}))
    _, (_, left, operator, right), value, otherwise = tree
    call = repeated_call(otherwise)
    sources = {"z": name}
    small = written(with_name(otherwise, call, "e"), sources=sources)
    e = written(call, sources=sources)
    small = re.sub(r"\be\b", f"(e := {e})", small, count=1)  # evaluated from left to right
    large = written(value, sources=sources)
    if not turned:
        operator, small, large = {">=": "<"}[operator], large, small
    test = written(("compare", left, operator, right), sources={"z": _named(name, z)})
    code(f"if {test}:", "    " + line.format(o=large))
    code("else:", "    " + line.format(o=small))


def _named(name: str, source: str) -> str:
    return source if name == source else f"({name} := {source})"


def _write_loop(code: SourceWriter, inputs: int, outputs: int) -> None:
    code(*[f"s{i}_{j} = 0.0" for i in range(inputs) for j in range(outputs)])
    columns = [f"x{i}" for i in range(inputs)] + [f"t{j}" for j in range(outputs)]
    with code.block(f"for {', '.join(columns)} in rows:"):
        for j in range(outputs):
            _write_answer(code, total([f"x{i} * w{i}_{j}" for i in range(inputs)]))
            code(f"d = (t{j} - o) * o * (1.0 - o)")
            code(*[f"s{i}_{j} += x{i} * d" for i in range(inputs)])
    code(*[f"w{i}_{j} += s{i}_{j}" for i in range(inputs) for j in range(outputs)])
