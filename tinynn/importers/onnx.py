"""ONNX: files with feed-forward graphs, one operator after another."""

from __future__ import annotations

from typing import Any, Callable, Union

from ..errors import FormatError
from ..files.atomic import Path
from ..formulas.names import layers_named
from ..lesson.activation_layers import (
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    Linear,
    LogSoftmax,
    SiLU,
    Softmax,
)
from ..lesson.activations import SELU_ALPHA, SELU_SCALE
from ..lesson.layer import Layer
from ..lesson.layers import Dense, Dropout
from ..lesson.matrix import Matrix, Vector
from ..lesson.normalization import BatchNorm, LayerNorm
from . import assembly
from .imported import Imported
from .onnx_model import OnnxGraph, OnnxNode, OnnxTensor, parse
from .onnx_patterns import fork, users_of

SPREAD_LIMIT = 2**22  # numbers that constants may be spread out to, over all layers


def from_onnx(path: Path) -> Imported:
    """Return the network in an ONNX file (operator set 7 or later, weights inside the file).

    The graph needs one input, which is a table or is flattened to one first, and one output. These
    operators are supported:

    - Gemm and MatMul by constants;
    - Add, Sub, Mul and Div by constants, one for each column or one for all: they become the bias
      of a Dense layer, or a layer that scales;
    - tinynn's activations, also spelled out in smaller operators as PyTorch and
      `tinynn.export.to_onnx` write them, and PRelu with one slope;
    - Softmax, LogSoftmax and LayerNormalization along the rows, and BatchNormalization;
    - Dropout, Identity, and Flatten and Reshape that leave rows unchanged.

    Raises FormatError, naming the operator and its node, for anything else, and for an incomplete
    file; OSError if the file cannot be read.
    """
    with open(path, "rb") as file:
        data = file.read()
    return loads(data, str(path))


def loads(data: bytes, name: str) -> Imported:
    """Return the network in the bytes of an ONNX file; messages call it `name`."""
    graph = parse(data, name)
    users = users_of(graph)
    chain = _Chain(graph, name)
    tensor = graph.input
    visited = 0
    while tensor != graph.output:
        numbers = users.get(tensor, [])
        if not numbers:
            raise FormatError(f"{name}: no node takes {tensor!r}, and it is not the output")
        node = graph.nodes[numbers[0]]
        if len(numbers) > 1:
            chain.needs_table(node)
            layer, region = fork(graph, tensor, users)
            chain.steps.append(layer)
            visited += len(region)
            tensor = region[-1].outputs[0]
            continue
        chain.take(node, tensor)
        visited += 1
        for extra in node.outputs[1:]:
            if extra in users or extra == graph.output:
                raise assembly.refusal(node.place, f"the further output {extra!r} of a node")
        tensor = node.outputs[0] if node.outputs else ""
    if visited != len(graph.nodes):
        _refuse_strays(graph, name)
    return Imported(assembly.assembled(name, chain.layers()))


def _refuse_strays(graph: OnnxGraph, name: str) -> None:
    """Raise FormatError for nodes that are not on the way from the input to the output."""
    reached = {graph.input}
    for node in graph.nodes:
        if not reached & set(node.inputs):
            raise assembly.refusal(
                node.place, f"{node.operator}, which does not depend on the input,"
            )
        reached.update(node.outputs)
    raise FormatError(f"{name}: every node needs to lead to its output, {graph.output!r}")


class ScalingRun:
    """(x − shift) · scale + offset: a run of Add, Sub, Mul and Div by constants.

    Each of the three holds one number for each column, or one for all.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self.shift: Vector | None = None
        self.scale: Vector | None = None
        self.offset: Vector | None = None

    def add(self, numbers: Vector) -> None:
        """Add a constant to each column."""
        if self.shift is None and self.scale is None and self.offset is None:
            self.shift = [-c for c in numbers]
        else:
            self.offset = _each(self.place, lambda a, b: a + b, self.offset or [0.0], numbers)

    def multiply(self, numbers: Vector) -> bool:
        """Multiply each column by a constant; return False, unchanged, if there is an offset."""
        if self.offset is not None:
            return False
        self.scale = _each(self.place, lambda a, b: a * b, self.scale or [1.0], numbers)
        return True

    def columns(self) -> int | None:
        """Return how many columns it has constants for, None if they fit any number."""
        lengths = {len(n) for n in (self.shift, self.scale, self.offset) if n is not None} - {1}
        if len(lengths) > 1:
            raise FormatError(f"{self.place} needs constants of one length, got {lengths}")
        return lengths.pop() if lengths else None

    def spread(self, columns: int | None) -> tuple[Vector, Vector, Vector]:
        """Return shift, scale and offset, with a number for each column."""
        if columns is None:
            raise FormatError(f"{self.place}: nothing in the file says how many columns it has")
        if self.columns() not in (None, columns):
            raise FormatError(
                f"{self.place} needs constants for {columns} columns, got {self.columns()}"
            )
        shift, scale, offset = (
            numbers * (columns if len(numbers) == 1 else 1)
            for numbers in (self.shift or [0.0], self.scale or [1.0], self.offset or [0.0])
        )
        return shift, scale, offset


Step = Union[Layer, ScalingRun]


class _Chain:
    """The layers of a graph, built node by node."""

    def __init__(self, graph: OnnxGraph, name: str) -> None:
        self.name = name
        self.constants = graph.constants
        self.opset = graph.opset
        self.steps: list[Step] = []
        self.flat = graph.shape is None or len(graph.shape) == 2  # a table: rows and columns
        self.rows = graph.shape[0] if graph.shape else None
        self.columns: int | None = None  # how many the current tensor has, if known
        if graph.shape is not None and len(graph.shape) >= 2:
            self.columns = _product(graph.shape[1:])
        self.inputs = self.columns
        self.spreading = 0

    def take(self, node: OnnxNode, tensor: str) -> None:
        """Add the layer of a node that takes only `tensor` and constants."""
        layer = _LAYERS.get(node.operator)
        known = _READERS.get(layer or node.operator)
        if known is None:
            if layer is None:
                raise assembly.refusal(node.place, f"the operator {node.operator}")
            known = (_named(layer), ())
        if node.operator not in ("Flatten", "Reshape", "Identity", "Dropout"):
            self.needs_table(node)
        read, names = known
        unknown = set(node.attributes) - set(names)
        if unknown:
            raise assembly.refusal(node.place, f"{node.operator} with {', '.join(sorted(unknown))}")
        read(self, node, tensor)
        if self.steps:
            self.columns = _columns(self.steps[-1], self.columns)[1]

    def needs_table(self, node: OnnxNode) -> None:
        """Raise FormatError unless the current tensor is a table."""
        if not self.flat:
            raise assembly.refusal(node.place, f"{node.operator} of something other than a table")

    def constant(self, node: OnnxNode, i: int) -> OnnxTensor | None:
        """Return a node's input i, which needs to be a constant; None if there is none."""
        if i >= len(node.inputs) or not node.inputs[i]:
            return None
        tensor = self.constants.get(node.inputs[i])
        if tensor is None:
            raise assembly.refusal(node.place, f"{node.operator} with a variable as input {i}")
        return tensor

    def numbers(self, node: OnnxNode, i: int) -> Vector:
        """Return a constant input with a number for each column, or one for all."""
        tensor = self.constant(node, i)
        if tensor is None:
            raise FormatError(f"{node.place}: {node.operator} needs an input {i}")
        long = [side for side in tensor.shape if side != 1]
        if len(tensor.shape) > 2 or len(long) > 1 or (long and long[0] != tensor.shape[-1]):
            raise assembly.refusal(node.place, f"a constant of shape {list(tensor.shape)}")
        return assembly.finite(node.place, assembly.vector(node.place, tensor.values))

    def scaling(self, node: OnnxNode) -> ScalingRun:
        """Return the run of scaling that a node continues, a new one if there is none."""
        if not self.steps or not isinstance(self.steps[-1], ScalingRun):
            self.steps.append(ScalingRun(node.place))
        last = self.steps[-1]
        assert isinstance(last, ScalingRun)
        return last

    def layers(self) -> list[Layer]:
        """Return the layers; each run of scaling is one."""
        layers: list[Layer] = []
        columns = self.inputs
        for i, step in enumerate(self.steps):
            if columns is None:
                columns = _first_known(self.steps[i:])
            before = layers[-1] if layers else None
            if not isinstance(step, ScalingRun):
                layers.append(step)
                columns = _columns(step, columns)[1]
            elif isinstance(before, LayerNorm) and before.columns is None:  # spelled out: no γ, β
                shift, scale, offset = self._spread(step, columns)
                beta = [o - s * c for s, c, o in zip(shift, scale, offset)]
                norm = assembly.layer_norm(step.place, len(scale), scale, beta, before.eps)
                layers[-1] = norm
            else:
                layers.append(assembly.scaling(step.place, *self._spread(step, columns)))
        return layers

    def _spread(self, step: ScalingRun, columns: int | None) -> tuple[Vector, Vector, Vector]:
        """Return a scaling's numbers, one for each column; a small file cannot ask for too many."""
        self.spreading += columns or 0
        if self.spreading > SPREAD_LIMIT:
            raise FormatError(f"{step.place} needs constants for too many columns, {columns}")
        return step.spread(columns)


def _first_known(steps: list[Step]) -> int | None:
    """Return the number of input columns, from the first step that says it."""
    for step in steps:
        columns, _ = _columns(step, None)
        if columns is not None or isinstance(step, Dense):
            return columns
    return None


def _columns(step: Step, inputs: int | None) -> tuple[int | None, int | None]:
    """Return how many columns a step takes and gives, None where that is unknown."""
    if isinstance(step, Dense):
        return step.inputs, step.outputs
    own = step.columns() if isinstance(step, ScalingRun) else getattr(step, "columns", None)
    return (own or inputs,) * 2


def _each(place: str, f: Callable[[float, float], float], a: Vector, b: Vector) -> Vector:
    """Return f of each pair; a list of one number goes with any other."""
    if len(a) != len(b) and 1 not in (len(a), len(b)):
        raise FormatError(f"{place} needs constants for {len(a)} columns, got {len(b)}")
    n = max(len(a), len(b))
    return [f(x, y) for x, y in zip(a * (n // len(a)), b * (n // len(b)))]


def _product(sides: list[int | None]) -> int | None:
    product = 1
    for side in sides:
        if side is None:
            return None
        product *= side
    return product


def _first(node: OnnxNode, tensor: str) -> None:
    """Raise FormatError unless `tensor` is a node's first input."""
    if node.inputs[0] != tensor:
        raise assembly.refusal(node.place, f"{node.operator} of a constant by a variable")


def _weights(chain: _Chain, node: OnnxNode) -> Matrix:
    tensor = chain.constant(node, 1)
    if tensor is None or len(tensor.shape) != 2 or 0 in tensor.shape:
        shape = None if tensor is None else list(tensor.shape)
        raise assembly.refusal(node.place, f"{node.operator} by weights of shape {shape}")
    width = tensor.shape[1]
    rows = [tensor.values[i : i + width] for i in range(0, len(tensor.values), width)]
    return assembly.matrix(node.place, rows)


def _gemm(chain: _Chain, node: OnnxNode, tensor: str) -> None:
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
        b = b * outputs if len(b) == 1 else b
    chain.steps.append(assembly.dense(node.place, W, b, transposed))


def _matmul(chain: _Chain, node: OnnxNode, tensor: str) -> None:
    _first(node, tensor)
    chain.steps.append(assembly.dense(node.place, _weights(chain, node), None))


def _add(chain: _Chain, node: OnnxNode, tensor: str, sign: float = 1.0) -> None:
    numbers = [sign * c for c in chain.numbers(node, 1 if node.inputs[0] == tensor else 0)]
    last = chain.steps[-1] if chain.steps else None
    if isinstance(last, Dense):
        b = _each(node.place, lambda a, b: a + b, last.b or [0.0] * last.outputs, numbers)
        chain.steps[-1] = assembly.dense(node.place, last.W, b)
    else:
        chain.scaling(node).add(numbers)


def _multiply(chain: _Chain, node: OnnxNode, numbers: Vector) -> None:
    if not chain.scaling(node).multiply(numbers):
        chain.steps.append(ScalingRun(node.place))
        chain.scaling(node).multiply(numbers)


def _sub(chain: _Chain, node: OnnxNode, tensor: str) -> None:
    if node.inputs[0] != tensor:  # c − x = −x + c
        _multiply(chain, node, [-1.0])
        chain.scaling(node).add(chain.numbers(node, 0))
    else:
        _add(chain, node, tensor, -1.0)


def _mul(chain: _Chain, node: OnnxNode, tensor: str) -> None:
    _multiply(chain, node, chain.numbers(node, 1 if node.inputs[0] == tensor else 0))


def _div(chain: _Chain, node: OnnxNode, tensor: str) -> None:
    _first(node, tensor)
    numbers = chain.numbers(node, 1)
    if 0.0 in numbers:
        raise assembly.refusal(node.place, "a division by 0")
    _multiply(chain, node, assembly.finite(node.place, [1.0 / c for c in numbers]))


def _batch_norm(chain: _Chain, node: OnnxNode, tensor: str) -> None:
    _first(node, tensor)
    a = node.attributes
    if a.get("training_mode", 0) or not a.get("spatial", 1):
        raise assembly.refusal(node.place, "BatchNormalization in training mode, or not spatial")
    gamma, beta, mean, variance = (chain.numbers(node, i) for i in (1, 2, 3, 4))
    eps = assembly.real(node.place, "epsilon", a.get("epsilon", 1e-5), least=0)
    momentum = 1.0 - assembly.real(node.place, "momentum", a.get("momentum", 0.9))
    chain.steps.append(assembly.batch_norm(node.place, mean, variance, gamma, beta, eps, momentum))


def _layer_norm(chain: _Chain, node: OnnxNode, tensor: str) -> None:
    _first(node, tensor)
    a = node.attributes
    if a.get("axis", -1) not in (-1, 1):
        raise assembly.refusal(node.place, f"LayerNormalization with axis={a['axis']}")
    gamma = chain.numbers(node, 1)
    beta = chain.numbers(node, 2) if len(node.inputs) > 2 and node.inputs[2] else None
    eps = assembly.real(node.place, "epsilon", a.get("epsilon", 1e-5), least=0)
    chain.steps.append(assembly.layer_norm(node.place, len(gamma), gamma, beta, eps))


def _softmax(chain: _Chain, node: OnnxNode, tensor: str) -> None:
    if node.attributes.get("axis", -1) not in (-1, 1):  # 1 is the default before operator set 13
        raise assembly.refusal(node.place, f"{node.operator} with axis={node.attributes['axis']}")
    chain.steps.append(Softmax() if node.operator == "Softmax" else LogSoftmax())


def _dropout(chain: _Chain, node: OnnxNode, tensor: str) -> None:
    _first(node, tensor)
    training = chain.constant(node, 2)
    if training is not None and any(training.values):
        raise assembly.refusal(node.place, "Dropout in training mode")


def _nothing(chain: _Chain, node: OnnxNode, tensor: str) -> None:
    """Add no layer: the operator returns its input."""


def _flatten(chain: _Chain, node: OnnxNode, tensor: str) -> None:
    if node.attributes.get("axis", 1) != 1:
        raise assembly.refusal(node.place, f"Flatten with axis={node.attributes['axis']}")
    chain.flat = True


def _reshape(chain: _Chain, node: OnnxNode, tensor: str) -> None:
    _first(node, tensor)
    target = chain.constant(node, 1)
    columns = chain.columns
    shape = [] if target is None else [int(v) for v in target.values]
    same_rows = len(shape) == 2 and (
        (shape[0] == 0 and not node.attributes.get("allowzero", 0))
        or (shape[0] == -1 and columns is not None)
        or (shape[0] > 0 and shape[0] == chain.rows)
    )
    if not same_rows or shape[1] not in ((columns,) if shape[0] == -1 else (columns, -1)):
        raise assembly.refusal(
            node.place, f"Reshape to {shape} of {columns or 'an unknown number of'} columns"
        )
    chain.flat = True


def _named(kind: type[Layer], **settings: tuple[str, float]) -> Callable[..., None]:
    """Return the reader of an activation; `settings`: attributes' names and defaults."""

    def read(chain: _Chain, node: OnnxNode, tensor: str) -> None:
        values = {
            name: assembly.real(node.place, theirs, node.attributes.get(theirs, default))
            for name, (theirs, default) in settings.items()
        }
        chain.steps.append(assembly.simple(node.place, kind, **values))

    return read


def _only(kind: type[Layer], **wanted: Any) -> Callable[..., None]:
    """Return the reader of an activation that tinynn has with these attributes only."""

    def read(chain: _Chain, node: OnnxNode, tensor: str) -> None:
        for name, value in wanted.items():
            got = node.attributes.get(name, value)
            both = isinstance(value, float) and isinstance(got, float)
            close = both and abs(got - value) <= 1e-6 * abs(value)
            if got != value and not close:
                raise assembly.refusal(node.place, f"{node.operator} with {name}={got!r}")
        chain.steps.append(kind())

    return read


def _prelu(chain: _Chain, node: OnnxNode, tensor: str) -> None:
    _first(node, tensor)
    slope = chain.numbers(node, 1)
    if len(slope) != 1:
        raise assembly.refusal(node.place, "PRelu with a slope for each column")
    chain.steps.append(assembly.simple(node.place, LeakyReLU, negative_slope=slope[0]))


_LAYERS = layers_named("ONNX")
# By tinynn's layer, or by the operator where tinynn has none: the reader and the attributes that it
# supports. An operator without a reader is an activation without attributes.
_READERS: dict[object, tuple[Callable[[_Chain, OnnxNode, str], None], tuple[str, ...]]] = {
    Dense: (_gemm, ("alpha", "beta", "transA", "transB")),
    BatchNorm: (_batch_norm, ("epsilon", "momentum", "training_mode", "spatial")),
    LayerNorm: (_layer_norm, ("axis", "epsilon", "stash_type")),
    Softmax: (_softmax, ("axis",)),
    LogSoftmax: (_softmax, ("axis",)),
    Dropout: (_dropout, ("ratio", "seed")),
    Linear: (_nothing, ()),
    LeakyReLU: (_named(LeakyReLU, negative_slope=("alpha", 0.01)), ("alpha",)),
    ELU: (_named(ELU, alpha=("alpha", 1.0)), ("alpha",)),
    SELU: (_only(SELU, alpha=SELU_ALPHA, gamma=SELU_SCALE), ("alpha", "gamma")),
    GELU: (_only(GELU, approximate="none"), ("approximate",)),
    SiLU: (_only(SiLU, alpha=1.0), ("alpha",)),
    "MatMul": (_matmul, ()),
    "Add": (_add, ()),
    "Sub": (_sub, ()),
    "Mul": (_mul, ()),
    "Div": (_div, ()),
    "Flatten": (_flatten, ("axis",)),
    "Reshape": (_reshape, ("allowzero",)),
    "PRelu": (_prelu, ()),
}
