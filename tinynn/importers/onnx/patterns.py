"""Activations and normalizations spelled out in smaller operators, recognized by their formulas.

Where a graph forks, or has an operator that is no layer of its own, the operators up to the point
where it joins again are written as one formula of a row (`formulas`), which is compared with
those of the layers in `_FORMULAS`. A layer takes a line there, whatever way it is spelled.
"""

from __future__ import annotations

from functools import lru_cache, partial
from heapq import heappop, heappush
from math import inf, sqrt
from typing import Callable, NamedTuple, Sequence

from ...checks.words import excerpt
from ...errors import FormatError, TinynnError
from ...lesson.activation_layers import (
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from ...lesson.activations import SELU_ALPHA, SELU_SCALE
from ...lesson.layer import Layer
from ...lesson.more_activations import (
    CELU,
    GELU_CUBE,
    GELU_SLOPE,
    Hardsigmoid,
    Hardswish,
    LogSigmoid,
    Mish,
    ReLU6,
    Softsign,
    TanhGELU,
)
from ...lesson.normalization import LayerNorm
from ...lesson.rms_norm import RMSNorm
from .. import assembly
from . import formulas as f
from .chain import Chain
from .constants import GraphConstants, axes_of
from .formulas import Form, FormulaError, Number, X
from .model import FLOATS, LAST_AXIS_OPSET, OnnxGraph, OnnxNode

NODES_LIMIT = 20  # more than any formula below has
PLAIN_LIMIT = 8  # of those that begin without a fork
CONSTANT_LIMIT = 20_000  # numbers in a constant: a formula copies it many times

# Parts of the layers' formulas of x, which is X, or X times a number.


def _low(x: Form) -> Form:
    return x - f.relu(x)  # min(x, 0)


def _sixth(x: Form) -> Form:
    return f.clip(x * (1.0 / 6.0) + 0.5, 0.0, 1.0)


def _minus_one(x: Form) -> Form:
    return f.exp(x) - 1.0


def _bent(x: Form) -> Form:
    return (x + x * x * x * GELU_CUBE) * GELU_SLOPE  # twice the u of TanhGELU


def _normalized(x: Form, eps: float) -> Form:
    variance = f.mean(x * x) - f.mean(x) * f.mean(x)
    return (x - f.mean(x)) * (variance + eps).power(-0.5)


def _softmax(x: Form) -> Form:
    return f.exp(x) * f.total(f.exp(x)).power(-1.0)


def _at_least(least: float) -> Layer:
    return assembly.clip("a formula", least, None)


def _at_most(minus: float = 0.0) -> Layer:
    return assembly.clip("a formula", None, 0.0 - minus)


_AB = SELU_ALPHA * SELU_SCALE
# The layer, its formula, the name of a number that it needs.
_FORMULAS: list[tuple[Callable[..., Layer], Callable[..., Form], str | None]] = [
    (ReLU, f.relu, None),
    (Sigmoid, f.sigmoid, None),
    (Tanh, f.tanh, None),
    (SiLU, lambda x: x * f.sigmoid(x), None),
    (GELU, lambda x: x * 0.5 * (1.0 + f.erf(x * sqrt(0.5))), None),
    (Softplus, f.softplus, None),
    (LogSigmoid, lambda x: x - f.softplus(x), None),
    (Mish, lambda x: x * f.tanh(f.softplus(x)), None),
    (Hardsigmoid, _sixth, None),
    (Hardswish, lambda x: x * _sixth(x), None),
    (ReLU6, lambda x: f.clip(x, 0.0, 6.0), None),
    (Softsign, lambda x: x * (1.0 + f.absolute(x)).power(-1.0), None),
    (TanhGELU, lambda x: x * f.sigmoid(_bent(x)), None),
    (TanhGELU, lambda x: x * 0.5 * (1.0 + f.tanh(_bent(x) * 0.5)), None),
    (SELU, lambda x: f.relu(x) * SELU_SCALE + _minus_one(_low(x)) * _AB, None),
    (SELU, lambda x: f.where(x, x, _minus_one(x) * SELU_ALPHA) * SELU_SCALE, None),
    (SELU, lambda x: f.where(x, x * SELU_SCALE, _minus_one(x) * _AB), None),
    (LeakyReLU, lambda x, a: f.relu(x) + _low(x) * a, "negative_slope"),
    (ELU, lambda x, a: f.relu(x) + _minus_one(_low(x)) * a, "alpha"),
    (ELU, lambda x, a: f.where(x, x, _minus_one(x) * a), "alpha"),
    (CELU, lambda x, a: f.relu(x) + _minus_one(_low(x) * (1.0 / a)) * a, "alpha"),
    (CELU, lambda x, a: f.where(x, x, _minus_one(x * (1.0 / a)) * a), "alpha"),
    (_at_least, lambda x, a: f.relu(x - a) + a, "least"),
    (_at_most, lambda x, a: x - f.relu(x + a), "minus"),
    (_at_most, _low, None),
    (LayerNorm, _normalized, "eps"),
    (partial(RMSNorm, gain=False), lambda x, e: x * (f.mean(x * x) + e).power(-0.5), "eps"),
    (Softmax, _softmax, None),
    (Softmax, lambda x: _softmax(x - f.largest_of_row(x)), None),
    (LogSoftmax, lambda x: x - f.log(f.total(f.exp(x))), None),
    (LogSoftmax, lambda x: f.log(_softmax(x - f.largest_of_row(x))), None),
]
# These need a table, not an image that is flattened later, or groups of columns.
_BY_ROW = (Softmax, LogSoftmax)


class SpelledOut(NamedTuple):
    """gain · layer(inner · x) + offset, and the nodes that compute it."""

    layer: Layer
    gain: Number = 1.0
    offset: Number = 0.0
    inner: float = 1.0
    nodes: Sequence[OnnxNode] = ()


class _Formula(NamedTuple):
    """A row of `_FORMULAS`; `form` is its formula of X if it needs no number."""

    layer: Callable[..., Layer]
    build: Callable[..., Form]
    name: str | None
    form: Form | None
    size: tuple[int, int]  # that all forms of the formula have, whatever the numbers in them


@lru_cache(maxsize=None)
def _formulas() -> list[_Formula]:
    found = []
    for layer, build, name in _FORMULAS:
        form = build(X) if name is None else None
        size = (build(X, 0.7) if form is None else form).size()
        found.append(_Formula(layer, build, name, form, size))
    return found


def recognized(form: Form) -> SpelledOut | None:
    """Return the layer that computes a form, one without gain and offset if there is one.

    >>> recognized(X * f.sigmoid(X)).layer
    SiLU()
    """
    found: SpelledOut | None = None
    size = form.size()
    for formula in _formulas():
        if formula.size != size:
            continue
        if formula.form is not None:
            pairs: list[tuple[Form, dict[str, float]]] = [(formula.form, {})]
        else:
            name = str(formula.name)
            pairs = [(formula.build(X, value), {name: value}) for value in _numbers(form)]
        for template, settings in pairs:
            match = f.scaled(form, template)
            plain = match == (1.0, 0.0)
            if match is None or (found is not None and not plain):
                continue
            try:
                layer = assembly.built("a formula", partial(formula.layer, **settings))
            except TinynnError:
                continue
            own = form.leading()
            if isinstance(layer, RMSNorm) and isinstance(own, tuple):
                match = own, match[1]  # factors that are trained, even if they are still 1
            found = SpelledOut(layer, *match)
            if plain:
                return found
    return found


def _stretched(form: Form) -> SpelledOut | None:
    """Return the layer that computes a form of x times a number, as `recognized`.

    >>> found = _stretched(X * f.sigmoid(X * 2.0))
    >>> found.layer, found.gain, found.inner
    (SiLU(), 0.5, 2.0)
    """
    size = form.size()
    for formula in _formulas():
        if formula.size != size or formula.form is None:
            continue
        for inner in _numbers(form):
            match = f.scaled(form, formula.build(X * inner))
            if match is not None:
                return SpelledOut(formula.layer(), *match, inner)
    return None


def _numbers(form: Form) -> list[float]:
    """Return the numbers in a form, of which one may be a layer's own."""
    found = dict.fromkeys(form.numbers())
    return [value for value in found if 1e-30 < abs(value) < 1e30][: f.TERMS_LIMIT]


def residual_sum(
    graph: OnnxGraph, constants: GraphConstants, start: str, users: Sequence[int]
) -> int | None:
    """Return the number of the node that adds a tensor to what is computed from it, or None."""
    number = max(users)  # the file lists nodes in the order of computation
    node = graph.nodes[number]
    if node.operator != "Add" or len(node.inputs) != 2 or node.inputs.count(start) != 1:
        return None
    return None if node.inputs[node.inputs[0] == start] in constants.known else number


def fork(graph: OnnxGraph, start: str, chain: Chain, refuses: bool = True) -> SpelledOut | None:
    """Return the layer that the graph computes from a tensor on that several nodes take.

    If they match no formula, raises FormatError, naming the nodes, or returns None.
    """
    found, joined = _searched(graph, start, chain)
    if found is not None or not refuses:
        return found
    names = ", ".join(node.operator for node in joined)
    place = joined[0].place if joined else f"the tensor {excerpt(start)}"
    raise assembly.refusal(place, f"a fork with {names}")


def spelled(graph: OnnxGraph, start: str, chain: Chain) -> SpelledOut | None:
    """Return the layer that the graph computes from a tensor on, or None."""
    return _searched(graph, start, chain, PLAIN_LIMIT)[0]


def _searched(
    graph: OnnxGraph, start: str, chain: Chain, limit: int = NODES_LIMIT
) -> tuple[SpelledOut | None, list[OnnxNode]]:
    """Return the layer from a tensor on, and the nodes up to where the graph joins again."""
    users = chain.users
    formulas = {start: X}
    left = {start: len(users(start))}  # each tensor's remaining uses
    region: list[OnnxNode] = []
    found: SpelledOut | None = None
    waiting = sorted(users(start)[: NODES_LIMIT + 1])
    last = -1
    joined = 0
    joins: list[tuple[Form, int]] = []  # the form where the graph joins, and how many nodes it has
    while waiting and len(region) < limit:
        number = heappop(waiting)  # the file lists nodes in the order of computation
        if number == last:
            continue  # queued twice: it takes a tensor twice
        last = number
        node = graph.nodes[number]
        form = _form_of(node, formulas, chain)
        if found is not None:  # joined; one more node may make a longer formula
            single = form is not None and len(node.outputs) == 1
            longer = recognized(form) if form is not None and single else None
            if longer is None or not _fits(longer, chain):
                return found, region
            return longer._replace(nodes=[*region, node]), region
        region.append(node)
        for name in node.inputs:
            if name in left:
                left[name] -= 1
        output = node.outputs[0] if len(node.outputs) == 1 else ""
        if not output or (output in graph.outputs and left.keys() - {output} == set()):
            break
        following = users(output)
        left[output] = len(following)
        if form is not None:
            formulas[output] = form
        if not any(count for name, count in left.items() if name != output):
            joined = joined or len(region)
            made = None if form is None else recognized(form)
            found = None if made is None or not _fits(made, chain) else made
            if found is not None:
                found = found._replace(nodes=list(region))
                if left[output] != 1:
                    return found, region
            elif form is None:
                break
            else:
                joins.append((form, len(region)))
        for number in following[: NODES_LIMIT + 1]:
            heappush(waiting, number)
    for form, count in joins if found is None else ():
        made = _stretched(form)
        if made is not None and _fits(made, chain):
            return made._replace(nodes=region[:count]), region
    return found, region[: joined or None]


def _fits(found: SpelledOut, chain: Chain) -> bool:
    return chain.is_table() or not isinstance(found.layer, _BY_ROW)


# Operators, by what they do to forms


def _form_of(node: OnnxNode, formulas: dict[str, Form], chain: Chain) -> Form | None:
    """Return the form of a node's output, or None if it is not known."""
    operator = node.operator
    known = chain.constants.known
    given: list[Form] = []
    try:
        rank = 2 if chain.sides is None else len(chain.sides) + 1
        if operator in _SOFTMAXES:
            default = 1 if chain.opset < LAST_AXIS_OPSET else -1
            if node.attributes.get("axis", default) not in (-1, rank - 1):
                return None
            return _SOFTMAXES[operator](formulas[node.inputs[0]])
        if operator in _ALONG:
            along = _ALONG[operator]
            axes = axes_of(node, [known.get(name) for name in node.inputs])
            rest = set(node.attributes) - {"axes", "keepdims", "noop_with_empty_axes"}
            last = axes in ([-1], [rank - 1]) and node.attributes.get("keepdims", 1) == 1
            own = formulas.get(node.inputs[0])
            return along(own) if own is not None and last and not rest else None
        for name in node.inputs:
            if name in formulas:
                given.append(formulas[name])
            elif name:
                tensor = known[name]
                flat = tensor.shape in ((), (1,)) or (
                    chain.sides is not None
                    and len(chain.sides) == 1
                    and len(tensor.values) in tensor.shape[-1:]
                    and len(tensor.shape) <= 2
                ) or len(tensor.values) == 1  # fmt: skip
                if not flat or len(tensor.values) > CONSTANT_LIMIT:
                    return None
                chain.use(node, tensor)
                given.append(f.constant(tensor.values))
        if operator in _WITH_SETTINGS:
            return _WITH_SETTINGS[operator](node, given)
        if node.attributes or operator not in _PLAIN:
            return None
        return _PLAIN[operator](*given)
    except (ArithmeticError, IndexError, KeyError, TypeError, ValueError, FormulaError) as error:
        if isinstance(error, FormatError):
            raise
        return None  # no layer has such a formula


def _power(base: Form, exponent: Form) -> Form:
    (p,) = exponent.terms.values() or (0.0,)
    if set(exponent.terms) != {()} or not isinstance(p, float):
        raise FormulaError
    return base.power(p)


def _all(join: Callable[[Form, Form], Form]) -> Callable[..., Form]:
    def joined(first: Form, *rest: Form) -> Form:
        for form in rest:
            first = join(first, form)
        return first

    return joined


def _number(form: Form) -> float:
    c = form.terms.get((), 0.0)
    if set(form.terms) - {()} or not isinstance(c, float):
        raise FormulaError
    return c


def _clip(node: OnnxNode, given: Sequence[Form]) -> Form:
    low, high = node.attributes.get("min", -inf), node.attributes.get("max", inf)
    if len(given) > 1:
        names = [name for name in node.inputs[1:] if name]
        limits = {id(name): _number(form) for name, form in zip(names, given[1:])}
        low = limits.get(id(node.inputs[1]), low) if len(node.inputs) > 1 else low
        high = limits.get(id(node.inputs[2]), high) if len(node.inputs) > 2 else high
    form = given[0]
    if low > -3e38:
        form = f.largest(form, f.constant([low]))
    return form if high > 3e38 else f.smallest(form, f.constant([high]))


def _hard_sigmoid(node: OnnxNode, given: Sequence[Form]) -> Form:
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    return f.clip(given[0] * float(alpha) + float(beta), 0.0, 1.0)


def _cast(node: OnnxNode, given: Sequence[Form]) -> Form | None:
    return given[0] if node.attributes.get("to") in FLOATS else None


_WITH_SETTINGS: dict[str, Callable[[OnnxNode, Sequence[Form]], Form | None]] = {
    "Clip": _clip,
    "HardSigmoid": _hard_sigmoid,
    "Cast": _cast,
}
_SOFTMAXES: dict[str, Callable[[Form], Form]] = {
    "Softmax": _softmax,
    "LogSoftmax": lambda u: f.log(_softmax(u)),
}
_ALONG: dict[str, Callable[[Form], Form]] = {
    "ReduceMean": f.mean,
    "ReduceSum": f.total,
    "ReduceMax": f.largest_of_row,
    "ReduceSumSquare": lambda u: f.total(u * u),
}
_PLAIN: dict[str, Callable[..., Form]] = {
    "Identity": lambda u: u,
    "Add": lambda a, b: a + b,
    "Sum": _all(lambda a, b: a + b),
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": lambda a, b: a * b.power(-1.0),
    "Neg": lambda u: -u,
    "Pow": _power,
    "Sqrt": lambda u: u.power(0.5),
    "Reciprocal": lambda u: u.power(-1.0),
    "Abs": f.absolute,
    "Exp": f.exp,
    "Log": f.log,
    "Erf": f.erf,
    "ai.onnx.contrib.Erfc": lambda u: 1.0 + -f.erf(u),  # tf2onnx's
    "Tanh": f.tanh,
    "Sigmoid": f.sigmoid,
    "Softplus": f.softplus,
    "Relu": f.relu,
    "HardSwish": lambda u: u * f.clip(u * (1.0 / 6.0) + 0.5, 0.0, 1.0),
    "Mish": lambda u: u * f.tanh(f.softplus(u)),
    "Max": _all(f.largest),
    "Min": _all(f.smallest),
    "Greater": lambda a, b: a - b,
    "GreaterOrEqual": lambda a, b: a - b,  # where they are equal, both branches are, too
    "Less": lambda a, b: b - a,
    "LessOrEqual": lambda a, b: b - a,
    "Where": f.where,
}


def names() -> set[str]:
    """Return the operators that formulas of layers are made of."""
    return {*_PLAIN, *_ALONG, *_WITH_SETTINGS, *_SOFTMAXES}


def elementwise() -> set[str]:
    """Return those of them that treat every number alike."""
    return {*_PLAIN, *_WITH_SETTINGS}


def users_of(graph: OnnxGraph) -> dict[str, list[int]]:
    """Return the indices of the nodes that take each tensor, a node as often as it takes it."""
    users: dict[str, list[int]] = {}
    for i, node in enumerate(graph.nodes):
        for name in filter(None, node.inputs):  # "" stands for an input left out
            users.setdefault(name, []).append(i)
    return users
