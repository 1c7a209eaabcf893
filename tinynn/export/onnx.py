"""A network as an ONNX file, for onnxruntime and other programs that read the format.

The operator set is 17 (2022), which every runtime in use today supports. A layer is written as its
ONNX operator; GELU and SiLU, which ONNX added later, are spelled out in smaller operators. In
float64 so is every operator that has a float32 attribute or no float64 kernel in onnxruntime, since
it would lose the digits that float64 is chosen for.

Source: onnx/onnx, onnx.proto (the field numbers), docs/Operators.md.
"""

from __future__ import annotations

import struct
from math import sqrt
from typing import Callable, List, NamedTuple, Sequence, Union, cast

from ..errors import FormatError, SettingError
from ..files import protobuf as pb
from ..files.atomic import Path, write_bytes
from ..formulas.names import name_of
from ..lesson.activation_layers import (
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    Linear,
    LogSoftmax,
    SiLU,
    Softmax,
    Softplus,
)
from ..lesson.activations import SELU_ALPHA, SELU_SCALE
from ..lesson.layer import Layer
from ..lesson.layers import Dense, Dropout
from ..lesson.matrix import Vector
from ..lesson.network import Sequential
from ..lesson.normalization import BatchNorm, LayerNorm
from .formats import Exported

OPSET = 17
IR_VERSION = 8
FLOAT32_LIMIT = 3.4028234663852886e38
SIZE_LIMIT = 2**31 - 1  # protobuf's limit for one message

Attribute = Union[int, float, List[int]]


class DType(NamedTuple):
    """A number type: its name, ONNX's number for it, and its letter for `struct`."""

    name: str
    number: int
    letter: str


DTYPES = {"float32": DType("float32", 1, "f"), "float64": DType("float64", 11, "d")}


class WrittenNode(NamedTuple):
    """One operator with its inputs and its only output."""

    operator: str
    inputs: list[str]
    output: str
    attributes: dict[str, Attribute]


class OnnxWriter:
    """The nodes and constants written so far, in order."""

    def __init__(self, dtype: DType) -> None:
        self.dtype = dtype
        self.nodes: list[WrittenNode] = []
        self.constants: dict[str, bytes] = {}
        self.layer = ""  # the index of the layer being written; all its names begin with it

    def node(self, operator: str, *inputs: str, **attributes: Attribute) -> str:
        """Add an operator and return the name of its output, such as "3.Gemm".

        Raises FormatError for an attribute that does not fit float32, ONNX's type for all of them.
        """
        for name, value in attributes.items():
            if isinstance(value, float) and abs(value) > FLOAT32_LIMIT:
                raise FormatError(
                    f"{self.layer}.{name} is a number that does not fit float32; "
                    'use dtype="float64"'
                )
        output = f"{self.layer}.{operator}"
        taken = {node.output for node in self.nodes}
        count = 1
        while output in taken:
            count += 1
            output = f"{self.layer}.{operator}_{count}"
        self.nodes.append(WrittenNode(operator, list(inputs), output, attributes))
        return output

    def constant(self, letter: str, values: Sequence[float], *shape: int) -> str:
        """Add a tensor of numbers and return its name, such as "3.W".

        Raises FormatError for a number that does not fit the type.
        """
        name = f"{self.layer}.{letter}"
        try:
            data = struct.pack(f"<{len(values)}{self.dtype.letter}", *values)
        except OverflowError:
            raise FormatError(
                f'{name} has a number that does not fit float32; use dtype="float64"'
            ) from None
        self.constants[name] = b"".join(
            [
                *(pb.integer_field(1, side) for side in shape),
                pb.integer_field(2, self.dtype.number),
                pb.text(8, name),
                pb.blob(9, data),
            ]
        )
        return name

    def scalar(self, letter: str, value: float) -> str:
        """Add one number, which fits any number of columns."""
        return self.constant(letter, [value])

    def vector(self, letter: str, values: Vector) -> str:
        """Add one number per column."""
        return self.constant(letter, values, len(values))


def to_onnx(model: Sequential, path: Path, dtype: str = "float32", doc: str = "") -> Exported:
    """Write a network to an ONNX file, and return the file's size as an `Exported`.

    The graph has one input, "inputs", with any number of rows, and one output, "outputs". `dtype`
    is "float32", which every runtime supports, or "float64", which keeps the weights exactly
    (onnxruntime runs it except for GELU: it has no float64 `Erf`). `doc` is a description kept in
    the file, by default the layers. Dropout and Linear, which do nothing in a prediction, are left
    out. The file is written whole or not at all; equal networks give equal bytes.

    Raises SettingError for another dtype, model or layer; FormatError for a weight that does not
    fit float32, or a network of more than 2 GB; OSError if the file cannot be written.
    """
    if not isinstance(model, Sequential):
        raise SettingError(f"to_onnx needs a Sequential, got {type(model).__name__}")
    if dtype not in DTYPES:
        raise SettingError(f"to_onnx needs dtype to be one of {list(DTYPES)}, got {dtype!r}")
    graph = OnnxWriter(DTYPES[dtype])
    tensor = "inputs"
    for i, layer in enumerate(model.layers):
        write, operator = _WRITERS.get(type(layer)), name_of(type(layer), "ONNX")
        graph.layer = str(i)
        if write is not None:
            tensor = write(graph, tensor, layer)
        elif operator:
            tensor = graph.node(operator, tensor)
        else:
            raise SettingError(f"to_onnx cannot write {layer!r}, layer {i}: ONNX does not know it")
    if not graph.nodes:
        graph.node("Identity", tensor)
    data = _model(graph, model, doc or f"A network by tinynn: {model!r}")
    write_bytes(path, data)
    return Exported(len(data))


def _model(graph: OnnxWriter, model: Sequential, doc: str) -> bytes:
    last = graph.nodes[-1].output
    pieces = [pb.blob(1, _node(node, last)) for node in graph.nodes]
    pieces.append(pb.text(2, "tinynn"))
    pieces += [pb.blob(5, constant) for constant in graph.constants.values()]
    pieces.append(pb.blob(11, _value("inputs", model.inputs or "columns", graph.dtype)))
    pieces.append(pb.blob(12, _value("outputs", model.outputs or "columns", graph.dtype)))
    data = b"".join(
        [
            pb.integer_field(1, IR_VERSION),
            pb.text(2, "tinynn"),
            pb.text(6, doc),
            pb.blob(7, b"".join(pieces)),
            pb.blob(8, pb.text(1, "") + pb.integer_field(2, OPSET)),
        ]
    )
    if len(data) > SIZE_LIMIT:
        raise FormatError(f"an ONNX file holds at most {SIZE_LIMIT} bytes, got {len(data)}")
    return data


def _node(node: WrittenNode, last: str) -> bytes:
    output = "outputs" if node.output == last else node.output
    return b"".join(
        [
            *(pb.text(1, name) for name in node.inputs),
            pb.text(2, output),
            pb.text(3, node.output),
            pb.text(4, node.operator),
            *(pb.blob(5, _attribute(name, value)) for name, value in node.attributes.items()),
        ]
    )


def _attribute(name: str, value: Attribute) -> bytes:
    start = pb.text(1, name)
    if isinstance(value, float):
        return start + pb.float32(2, value) + pb.integer_field(20, 1)
    if isinstance(value, int):
        return start + pb.integer_field(3, value) + pb.integer_field(20, 2)
    return start + b"".join(pb.integer_field(8, v) for v in value) + pb.integer_field(20, 7)


def _value(name: str, columns: int | str, dtype: DType) -> bytes:
    """Return the type of a table with any number of rows."""
    rows = pb.text(2, "batch")
    width = pb.text(2, columns) if isinstance(columns, str) else pb.integer_field(1, columns)
    shape = pb.blob(1, rows) + pb.blob(1, width)
    tensor = pb.integer_field(1, dtype.number) + pb.blob(2, shape)
    return pb.text(1, name) + pb.blob(2, pb.blob(1, tensor))


def _dense(graph: OnnxWriter, x: str, layer: Dense) -> str:
    W = graph.constant("W", [w for row in layer.W for w in row], layer.inputs, layer.outputs)
    if not layer.b:
        return graph.node("MatMul", x, W)
    return graph.node("Gemm", x, W, graph.vector("b", layer.b))


def _nothing(graph: OnnxWriter, x: str, layer: Layer) -> str:
    return x


def _of_rows(graph: OnnxWriter, x: str, layer: Layer) -> str:
    return graph.node(name_of(type(layer), "ONNX"), x, axis=-1)


def _sides(graph: OnnxWriter, x: str) -> tuple[str, str]:
    """Return max(x, 0) and min(x, 0), which add up to x."""
    zero = graph.scalar("zero", 0.0)
    return graph.node("Max", x, zero), graph.node("Min", x, zero)


def _leaky_relu(graph: OnnxWriter, x: str, layer: LeakyReLU) -> str:
    if graph.dtype.name == "float32":
        return graph.node("LeakyRelu", x, alpha=layer.negative_slope)
    above, below = _sides(graph, x)
    slope = graph.scalar("negative_slope", layer.negative_slope)
    return graph.node("Add", above, graph.node("Mul", below, slope))


def _elu(graph: OnnxWriter, x: str, layer: ELU) -> str:
    if graph.dtype.name == "float32":
        return graph.node("Elu", x, alpha=layer.alpha)
    return _exponential(graph, x, layer.alpha)


def _selu(graph: OnnxWriter, x: str, layer: SELU) -> str:
    if graph.dtype.name == "float32":
        return graph.node("Selu", x)  # its defaults are the α and λ of the paper
    return graph.node("Mul", _exponential(graph, x, SELU_ALPHA), graph.scalar("scale", SELU_SCALE))


def _exponential(graph: OnnxWriter, x: str, alpha: float) -> str:
    """max(x, 0) + α (exp(min(x, 0)) − 1)"""
    above, below = _sides(graph, x)
    less = graph.node("Sub", graph.node("Exp", below), graph.scalar("one", 1.0))
    return graph.node("Add", above, graph.node("Mul", less, graph.scalar("alpha", alpha)))


def _gelu(graph: OnnxWriter, x: str, layer: GELU) -> str:
    """½ x (1 + erf(x / √2))"""
    erf = graph.node("Erf", graph.node("Div", x, graph.scalar("root_of_two", sqrt(2.0))))
    twice = graph.node("Mul", x, graph.node("Add", erf, graph.scalar("one", 1.0)))
    return graph.node("Mul", twice, graph.scalar("half", 0.5))


def _softplus(graph: OnnxWriter, x: str, layer: Softplus) -> str:
    if graph.dtype.name == "float32":
        return graph.node("Softplus", x)
    power = graph.node("Exp", graph.node("Neg", graph.node("Abs", x)))
    rest = graph.node("Log", graph.node("Add", power, graph.scalar("one", 1.0)))
    return graph.node("Add", graph.node("Max", x, graph.scalar("zero", 0.0)), rest)


def _silu(graph: OnnxWriter, x: str, layer: SiLU) -> str:
    return graph.node("Mul", x, graph.node("Sigmoid", x))


def _batch_norm(graph: OnnxWriter, x: str, layer: BatchNorm) -> str:
    variance = [v + layer.eps for v in layer.running_variance]  # the attribute ε is a float32
    if graph.dtype.name == "float32" and min(variance) < 1.2e-38:
        raise FormatError(
            f'{graph.layer}.variance has a number too near to 0 for float32; use dtype="float64"'
        )
    return graph.node(
        "BatchNormalization",
        x,
        graph.vector("gamma", layer.gamma),
        graph.vector("beta", layer.beta),
        graph.vector("mean", layer.running_mean),
        graph.vector("variance", variance),
        epsilon=0.0,
    )


def _layer_norm(graph: OnnxWriter, x: str, layer: LayerNorm) -> str:
    gamma, beta = graph.vector("gamma", layer.gamma), graph.vector("beta", layer.beta)
    if graph.dtype.name == "float32":
        return graph.node("LayerNormalization", x, gamma, beta, axis=-1, epsilon=layer.eps)
    centred = graph.node("Sub", x, graph.node("ReduceMean", x, axes=[-1], keepdims=1))
    square = graph.node("Mul", centred, centred)
    variance = graph.node("ReduceMean", square, axes=[-1], keepdims=1)
    deviation = graph.node("Sqrt", graph.node("Add", variance, graph.scalar("eps", layer.eps)))
    standardized = graph.node("Div", centred, deviation)
    return graph.node("Add", graph.node("Mul", standardized, gamma), beta)


# Layers that are not simply the operator of their name.
_WRITERS: dict[type[Layer], Callable[[OnnxWriter, str, Layer], str]] = {
    kind: cast(Callable[[OnnxWriter, str, Layer], str], write)
    for kind, write in (
        (Dense, _dense),
        (Linear, _nothing),
        (Dropout, _nothing),
        (LeakyReLU, _leaky_relu),
        (ELU, _elu),
        (SELU, _selu),
        (GELU, _gelu),
        (Softplus, _softplus),
        (SiLU, _silu),
        (Softmax, _of_rows),
        (LogSoftmax, _of_rows),
        (BatchNorm, _batch_norm),
        (LayerNorm, _layer_norm),
    )
}
