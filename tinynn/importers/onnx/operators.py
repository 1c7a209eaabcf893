"""The operators of an ONNX graph that are steps of a chain, one function each."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Callable

from ...checks.words import excerpt, listed
from ...errors import FormatError
from ...formulas.names import layers_named
from ...lesson.activation_layers import (
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    Linear,
    LogSoftmax,
    SiLU,
    Softmax,
)
from ...lesson.activations import SELU_ALPHA, SELU_SCALE
from ...lesson.layer import Layer
from ...lesson.layers import Dense, Dropout
from ...lesson.matrix import Matrix, Vector
from ...lesson.more_activations import CELU, Clip, Hardsigmoid, TanhGELU
from ...lesson.normalization import BatchNorm, LayerNorm
from ...lesson.prelu import PReLU
from .. import assembly
from ..images import batch_norm_of
from .chain import Chain
from .constants import ROWS, axes_of
from .images import READERS as IMAGE_READERS, see_shape, shape_of
from .model import BY_CHANNEL_OPSET, FLOATS, LAST_AXIS_OPSET, OnnxNode, sound
from .steps import AttentionStep, Product

READY = "ready"  # the attribute of a node that is a layer already


def is_known(operator: str) -> bool:
    """Return whether an operator is a step of its own."""
    return operator in _LAYERS or operator in _READERS


def layer_of(operator: str) -> type[Layer] | None:
    """Return tinynn's layer of the same name and meaning as an operator, if there is one."""
    return _LAYERS.get(operator)


def names() -> set[str]:
    """Return the operators that are steps of their own."""
    return {*_LAYERS, *(name for name in _READERS if isinstance(name, str))}


def take(chain: Chain, node: OnnxNode, tensor: str) -> None:
    """Add the layer of a node that takes only `tensor` and constants."""
    ready = node.attributes.get(READY)
    if isinstance(ready, (Layer, AttentionStep)):  # of no file
        chain.add(ready)
        return
    layer = _LAYERS.get(node.operator)
    known = _READERS.get(layer or node.operator)
    if known is None:
        if layer is None:
            raise assembly.refusal(node.place, f"the operator {node.operator}")
        known = (_named(layer), ())
    if chain.scalar or (node.operator in _BY_COLUMN and not chain.is_table()):
        chain.refuse_shape(node)
    read, names = known
    unknown = set(node.attributes) - set(names)
    if unknown:
        raise assembly.refusal(node.place, f"{node.operator} with {listed(sorted(unknown))}")
    with sound(node):
        read(chain, node, tensor)


def _first(node: OnnxNode, tensor: str) -> None:
    """Raise FormatError unless `tensor` is a node's first input."""
    if node.inputs[0] != tensor:
        raise assembly.refusal(node.place, f"{node.operator} of a constant by a variable")


def _weights(chain: Chain, node: OnnxNode) -> Matrix:
    tensor = chain.constant(node, 1)
    if tensor is None or len(tensor.shape) != 2 or 0 in tensor.shape:
        shape = None if tensor is None else list(tensor.shape)
        raise assembly.refusal(node.place, f"{node.operator} by weights of shape {excerpt(shape)}")
    width = tensor.shape[1]
    chain.weight_rows += max(tensor.shape)  # it may be transposed
    assembly.check_rows(chain.name, chain.weight_rows)
    rows = [tensor.values[i : i + width] for i in range(0, len(tensor.values), width)]
    return assembly.matrix(node.place, rows)


def _gemm(chain: Chain, node: OnnxNode, tensor: str) -> None:
    """α x W + β C; transA would turn rows into columns."""
    _first(node, tensor)
    if node.attributes.get("transA", 0):
        raise assembly.refusal(node.place, "Gemm with transA=1")
    W = _weights(chain, node)
    alpha = assembly.real(node.place, "alpha", node.attributes.get("alpha", 1.0))
    if alpha != 1.0:
        W = [[alpha * w for w in row] for row in W]
    transposed = bool(node.attributes.get("transB", 0))
    b = None
    if len(node.inputs) > 2 and node.inputs[2]:
        beta = assembly.real(node.place, "beta", node.attributes.get("beta", 1.0))
        b = [beta * c for c in chain.numbers(node, 2)]
        outputs = len(W) if transposed else len(W[0])
        if len(b) == 1:
            chain.budget.spend(node.place, outputs)
            b = b * outputs
    chain.add(Product(node.place, W, b, transposed))


def _matmul(chain: Chain, node: OnnxNode, tensor: str) -> None:
    _first(node, tensor)
    chain.add(Product(node.place, _weights(chain, node), None))


def _add(chain: Chain, node: OnnxNode, tensor: str) -> None:
    for numbers in chain.others(node, tensor):
        chain.shift(node, numbers)


def _sub(chain: Chain, node: OnnxNode, tensor: str) -> None:
    numbers = chain.numbers(node, 1 if node.inputs[0] == tensor else 0)
    if node.inputs[0] != tensor:  # c − x = −x + c
        chain.multiply(node, [-1.0])
        chain.scaling(node).add(numbers, chain.budget)
        chain.recount()
    else:
        chain.shift(node, [-c for c in numbers])


def _mul(chain: Chain, node: OnnxNode, tensor: str) -> None:
    for numbers in chain.others(node, tensor):
        chain.multiply(node, numbers)


def _div(chain: Chain, node: OnnxNode, tensor: str) -> None:
    _first(node, tensor)
    numbers = chain.numbers(node, 1)
    if 0.0 in numbers:
        raise assembly.refusal(node.place, "a division by 0")
    chain.multiply(node, assembly.finite(node.place, [1.0 / c for c in numbers]))


def _neg(chain: Chain, node: OnnxNode, tensor: str) -> None:
    chain.multiply(node, [-1.0])


def _max(chain: Chain, node: OnnxNode, tensor: str) -> None:
    for numbers in chain.others(node, tensor):
        chain.at_least(node, numbers)


def _min(chain: Chain, node: OnnxNode, tensor: str) -> None:
    for numbers in chain.others(node, tensor):
        chain.at_most(node, numbers)


def _clip(chain: Chain, node: OnnxNode, tensor: str) -> None:
    """Limits are attributes before operator set 11, and then inputs; ONNX lets the upper win."""
    _first(node, tensor)
    limits: list[float | None] = []
    for i, key in ((1, "min"), (2, "max")):
        limit = node.attributes.get(key)
        given = chain.constant(node, i)
        if given is not None and len(given.values) != 1:
            raise assembly.refusal(node.place, f"Clip with {len(given.values)} numbers as {key}")
        limits.append(limit if given is None else given.values[0])
    low, high = limits
    # Exporters write the ends of float32 where there is no limit.
    if low is not None and not low < -_FLOAT32:
        chain.at_least(node, assembly.finite(node.place, [assembly.real(node.place, "min", low)]))
    if high is not None and not high > _FLOAT32:
        chain.at_most(node, assembly.finite(node.place, [assembly.real(node.place, "max", high)]))


def _hard_sigmoid(chain: Chain, node: OnnxNode, tensor: str) -> None:
    """min(max(α x + β, 0), 1)."""
    a = node.attributes
    alpha = assembly.real(node.place, "alpha", a.get("alpha", 0.2))
    beta = assembly.real(node.place, "beta", a.get("beta", 0.5))
    if abs(alpha - 1.0 / 6.0) <= 1e-7 and beta == 0.5:
        chain.add(Hardsigmoid())
        return
    chain.multiply(node, [alpha])
    chain.shift(node, [beta])
    chain.at_least(node, [0.0])
    chain.at_most(node, [1.0])


def _batch_norm(chain: Chain, node: OnnxNode, tensor: str) -> None:
    _first(node, tensor)
    a = node.attributes
    if a.get("training_mode", 0) or not a.get("spatial", 1):
        raise assembly.refusal(node.place, "BatchNormalization in training mode, or not spatial")
    shape = shape_of(chain) if chain.image else None  # by channel, where there are layers for that
    each = 1 if shape else math.prod(side or 1 for side in (chain.sides or [])[1:])
    gamma, beta, mean, variance = (_by_channel(chain, node, i, each) for i in (1, 2, 3, 4))
    eps = assembly.real(node.place, "epsilon", a.get("epsilon", 1e-5), least=0)
    momentum = 1.0 - assembly.real(node.place, "momentum", a.get("momentum", 0.9))
    layer = assembly.batch_norm(node.place, mean, variance, gamma, beta, eps, momentum)
    if shape:
        layer = assembly.built(node.place, partial(batch_norm_of, layer, shape))
        see_shape(chain, shape)
    chain.add(layer)


def _by_channel(chain: Chain, node: OnnxNode, i: int, each: int) -> Vector:
    """Return a constant input with a number for each channel, as one for each column."""
    tensor = chain.constant(node, i)
    if tensor is None or len(tensor.shape) != 1:
        raise assembly.refusal(node.place, f"{node.operator} without a list as input {i}")
    channels = assembly.finite(node.place, assembly.vector(node.place, tensor.values))
    if each == 1:
        return channels
    chain.budget.spend(node.place, each * len(channels))
    return [c for c in channels for _ in range(each)]


def _along_rows(chain: Chain, node: OnnxNode, axis: object, whole: bool) -> None:
    """Raise FormatError unless an axis, or if `whole` all from it on, is all columns of a row."""
    sides = [None] if chain.sides is None else chain.sides
    at = axis + len(sides) + 1 if isinstance(axis, int) and axis < 0 else axis
    if not isinstance(at, int) or not (1 if whole else len(sides)) <= at <= len(sides):
        raise assembly.refusal(node.place, f"{node.operator} with axis={excerpt(axis)}")
    if set(sides[: at - 1]) - {1}:
        chain.refuse_shape(node)


def _layer_norm(chain: Chain, node: OnnxNode, tensor: str) -> None:
    _first(node, tensor)
    a = node.attributes
    axis, sides = a.get("axis", -1), chain.sides
    eps = assembly.real(node.place, "epsilon", a.get("epsilon", 1e-5), least=0)
    if not chain.is_table() and sides is not None and axis in (-1, len(sides)):
        chain.normalize(node, math.prod(side or 0 for side in sides[:-1]), eps)
        chain.multiply(node, chain.numbers(node, 1))
        if len(node.inputs) > 2 and node.inputs[2]:
            chain.shift(node, chain.numbers(node, 2))
        return
    _along_rows(chain, node, axis, whole=True)
    gamma = chain.numbers(node, 1)
    beta = chain.numbers(node, 2) if len(node.inputs) > 2 and node.inputs[2] else None
    chain.add(assembly.layer_norm(node.place, len(gamma), gamma, beta, eps))


def _rms_norm(chain: Chain, node: OnnxNode, tensor: str) -> None:
    _first(node, tensor)
    eps = assembly.real(node.place, "epsilon", node.attributes.get("epsilon", 1e-5), least=0)
    _along_rows(chain, node, node.attributes.get("axis", -1), whole=True)
    chain.add(assembly.rms_norm(node.place, chain.numbers(node, 1), eps))


def _group_norm(chain: Chain, node: OnnxNode, tensor: str) -> None:
    """InstanceNormalization has a group for each channel, GroupNormalization `num_groups`."""
    _first(node, tensor)
    a, sides = node.attributes, chain.sides or [None]
    eps = assembly.real(node.place, "epsilon", a.get("epsilon", 1e-5), least=0)
    channels = sides[0]
    groups = channels if node.operator == "InstanceNormalization" else a.get("num_groups")
    chain.normalize(node, groups, eps)
    by_channel = groups == channels or chain.opset >= BY_CHANNEL_OPSET
    each = (chain.columns or 1) // ((channels if by_channel else groups) or 1)
    chain.multiply(node, _by_channel(chain, node, 1, each))
    chain.shift(node, _by_channel(chain, node, 2, each))


def _softmax(chain: Chain, node: OnnxNode, tensor: str) -> None:
    """Along the rows: the last axis, or, before operator set 13, all from an axis on."""
    whole = chain.opset < LAST_AXIS_OPSET
    _along_rows(chain, node, node.attributes.get("axis", 1 if whole else -1), whole)
    chain.add(Softmax() if node.operator == "Softmax" else LogSoftmax())


def _dropout(chain: Chain, node: OnnxNode, tensor: str) -> None:
    _first(node, tensor)
    training = chain.constant(node, 2)
    if training is not None and any(training.values):
        raise assembly.refusal(node.place, "Dropout in training mode")


def _nothing(chain: Chain, node: OnnxNode, tensor: str) -> None:
    """Add no layer: the operator returns its input."""


def _cast(chain: Chain, node: OnnxNode, tensor: str) -> None:
    if node.attributes.get("to") not in FLOATS:
        raise assembly.refusal(node.place, f"Cast to type {excerpt(node.attributes.get('to'))}")


def _flatten(chain: Chain, node: OnnxNode, tensor: str) -> None:
    """Along an axis that leaves the rows: the second, or a later one if the sides between are 1."""
    axis = node.attributes.get("axis", 1)
    rank = 2 if chain.sides is None else len(chain.sides) + 1
    at = axis + rank if isinstance(axis, int) and axis < 0 else axis
    if not isinstance(at, int) or at < 1 or at > rank:
        raise assembly.refusal(node.place, f"Flatten with axis={excerpt(axis)}")
    if any(side != 1 for side in (chain.sides or [])[: at - 1]) or at == rank:
        raise assembly.refusal(node.place, f"Flatten with axis={excerpt(axis)}")
    if chain.sides is not None:
        chain.sides = [chain.columns]


def _squeeze(chain: Chain, node: OnnxNode, tensor: str) -> None:
    """Take away sides of 1, but not the rows."""
    _first(node, tensor)
    axes = _axes(chain, node)
    sides = chain.sides
    if sides is None or None in sides or (axes is None and chain.rows == 1):
        raise assembly.refusal(node.place, "Squeeze of a shape that is not known")
    gone = {i for i, side in enumerate([0, *sides]) if side == 1}
    if axes is not None:
        wanted = {axis % (len(sides) + 1) for axis in axes if abs(axis) <= len(sides) + 1}
        if not wanted <= gone:
            raise assembly.refusal(node.place, f"Squeeze with axes={excerpt(axes)}")
        gone = wanted
    chain.sides = [side for i, side in enumerate(sides, 1) if i not in gone]


def _unsqueeze(chain: Chain, node: OnnxNode, tensor: str) -> None:
    """Add sides of 1 behind the rows."""
    _first(node, tensor)
    axes = _axes(chain, node) or []
    if chain.sides is None:
        raise assembly.refusal(node.place, "Unsqueeze of a shape that is not known")
    rank = len(chain.sides) + 1 + len(axes)
    new = {axis % rank for axis in axes if -rank <= axis < rank}
    if 0 in new or len(new) != len(axes) or rank > 16:
        raise assembly.refusal(node.place, f"Unsqueeze with axes={excerpt(axes)}")
    sides = iter(chain.sides)
    chain.sides = [1 if i in new else next(sides) for i in range(1, rank)]


def _axes(chain: Chain, node: OnnxNode) -> list[int] | None:
    try:
        return axes_of(node, [None, chain.constant(node, 1)])
    except ValueError:
        raise FormatError(f"{node.place}: {node.operator} needs whole numbers as axes") from None


def _reshape(chain: Chain, node: OnnxNode, tensor: str) -> None:
    """To any shape whose first side is the rows."""
    _first(node, tensor)
    target = chain.constant(node, 1)
    shape: list[Any] = [] if target is None else list(target.values)
    sides, columns = chain.sides, chain.columns
    zero = not node.attributes.get("allowzero", 0)
    rest = shape[1:]
    if zero and sides is not None:  # 0 stands for the old side
        rest = [sides[i] if x == 0 and i < len(sides) else x for i, x in enumerate(rest)]
    known = all(isinstance(x, int) and x != 0 for x in rest) and rest.count(-1) <= 1
    size = math.prod(x for x in rest if x != -1) if known else None
    whole = size is not None and -1 not in rest and size == columns
    same_rows = bool(shape) and (
        shape[0] is ROWS
        or (shape[0] == 0 and zero)
        or (shape[0] == -1 and whole)
        or (isinstance(shape[0], int) and shape[0] > 0 and shape[0] == chain.rows)
    )
    fits = whole or (
        size is not None and -1 in rest and (len(rest) == 1 or (columns or 1) % max(size, 1) == 0)
    )
    if not same_rows or not fits or (shape[0] == -1 and -1 in rest):
        raise assembly.refusal(
            node.place,
            f"Reshape to {excerpt(shape)} of {columns or 'an unknown number of'} columns",
        )
    missing = None if columns is None else columns // max(size or 1, 1)
    chain.sides = [missing if x == -1 else x for x in rest]


def _named(kind: type[Layer], **settings: tuple[str, float]) -> Callable[..., None]:
    """Return the reader of an activation; `settings`: attributes' names and defaults."""

    def read(chain: Chain, node: OnnxNode, tensor: str) -> None:
        values = {
            name: assembly.real(node.place, theirs, node.attributes.get(theirs, default))
            for name, (theirs, default) in settings.items()
        }
        chain.add(assembly.simple(node.place, kind, **values))

    return read


def _selu(chain: Chain, node: OnnxNode, tensor: str) -> None:
    """γ ELU(x) with α; SELU is where they have its values, but for rounding."""
    a = node.attributes
    alpha = assembly.real(node.place, "alpha", a.get("alpha", SELU_ALPHA))
    gamma = assembly.real(node.place, "gamma", a.get("gamma", SELU_SCALE))
    if abs(alpha - SELU_ALPHA) <= 1e-6 * SELU_ALPHA and abs(gamma - SELU_SCALE) <= 1e-6:
        chain.add(SELU())
    else:
        chain.add(assembly.simple(node.place, ELU, alpha=alpha))
        chain.multiply(node, [gamma])


def _swish(chain: Chain, node: OnnxNode, tensor: str) -> None:
    """x sigmoid(α x) = SiLU(α x) / α."""
    alpha = assembly.real(node.place, "alpha", node.attributes.get("alpha", 1.0))
    if not 1e-30 < abs(alpha) < 1e30:
        raise assembly.refusal(node.place, f"{node.operator} with alpha={alpha!r}")
    if alpha != 1.0:
        chain.multiply(node, [alpha])
    chain.add(SiLU())
    if alpha != 1.0:
        chain.multiply(node, [1.0 / alpha])


def _gelu(chain: Chain, node: OnnxNode, tensor: str) -> None:
    kind = node.attributes.get("approximate", "none")
    if kind not in ("none", "tanh"):
        raise assembly.refusal(node.place, f"{node.operator} with approximate={excerpt(kind)}")
    chain.add(TanhGELU() if kind == "tanh" else GELU())


def _prelu(chain: Chain, node: OnnxNode, tensor: str) -> None:
    _first(node, tensor)
    slopes = chain.numbers(node, 1)
    chain.add(assembly.prelu(node.place, slopes[:1] if len(set(slopes)) == 1 else slopes))


_FLOAT32 = 3.4e38
_LAYERS = layers_named("ONNX")
# By tinynn's layer, or by the operator where tinynn has none: the reader and the attributes that it
# supports. An operator without a reader is an activation without attributes.
_READERS: dict[object, tuple[Callable[[Chain, OnnxNode, str], None], tuple[str, ...]]] = {
    Dense: (_gemm, ("alpha", "beta", "transA", "transB")),
    BatchNorm: (_batch_norm, ("epsilon", "momentum", "training_mode", "spatial")),
    LayerNorm: (_layer_norm, ("axis", "epsilon", "stash_type")),
    Softmax: (_softmax, ("axis",)),
    LogSoftmax: (_softmax, ("axis",)),
    Dropout: (_dropout, ("ratio", "seed")),
    Linear: (_nothing, ()),
    LeakyReLU: (_named(LeakyReLU, negative_slope=("alpha", 0.01)), ("alpha",)),
    ELU: (_named(ELU, alpha=("alpha", 1.0)), ("alpha",)),
    SELU: (_selu, ("alpha", "gamma")),
    GELU: (_gelu, ("approximate",)),
    SiLU: (_swish, ("alpha",)),
    "MatMul": (_matmul, ()),
    "Add": (_add, ()),
    "Sub": (_sub, ()),
    "Mul": (_mul, ()),
    "Div": (_div, ()),
    "Neg": (_neg, ()),
    "Sum": (_add, ()),
    "Max": (_max, ()),
    "Min": (_min, ()),
    Clip: (_clip, ("min", "max")),
    CELU: (_named(CELU, alpha=("alpha", 1.0)), ("alpha",)),
    Hardsigmoid: (_hard_sigmoid, ("alpha", "beta")),
    PReLU: (_prelu, ()),
    "RMSNormalization": (_rms_norm, ("axis", "epsilon", "stash_type")),
    "InstanceNormalization": (_group_norm, ("epsilon",)),
    "GroupNormalization": (_group_norm, ("epsilon", "num_groups", "stash_type")),
    "Cast": (_cast, ("to", "saturate", "round_mode")),
    "Flatten": (_flatten, ("axis",)),
    "Reshape": (_reshape, ("allowzero",)),
    "Squeeze": (_squeeze, ("axes",)),
    "Unsqueeze": (_unsqueeze, ("axes",)),
    **IMAGE_READERS,
}
# These need rows of columns, while others may be applied to images before they are flattened.
_BY_COLUMN = {"Gemm", "MatMul"}
