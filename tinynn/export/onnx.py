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
from typing import TYPE_CHECKING, Callable, List, NamedTuple, Sequence, Union, cast

from ..engines.plans import layer_numbers
from ..errors import FormatError, SettingError
from ..files import protobuf as pb
from ..files.atomic import Path, write_bytes
from ..formulas import LAYER_FORMULAS, formula_name
from ..formulas.names import name_of
from ..lesson.activation_layers import (
    ELU,
    GELU,
    SELU,
    Activation,
    LeakyReLU,
    Linear,
    LogSoftmax,
    SiLU,
    Softmax,
    Softplus,
)
from ..lesson.activations import SELU_ALPHA, SELU_SCALE
from ..lesson.images import BatchNorm1D, BatchNorm2D, Flatten, Reshape
from ..lesson.layer import Layer
from ..lesson.layers import Dense, Dropout
from ..lesson.network import KINDS, Sequential
from ..lesson.normalization import BatchNorm, LayerNorm
from ..lesson.parameters import rows_of
from ..lesson.random_streams import stream
from ..lesson.residual import Residual
from ..lesson.samples import one_row_each
from ..lesson.sequences import Embedding
from .alone import alone
from .float32 import centred
from .formats import Exported
from .onnx_images import WRITERS as IMAGE_WRITERS, ImageTensors
from .onnx_layers import WRITERS as MORE_WRITERS
from .onnx_sequences import write_sequences

if TYPE_CHECKING:
    from ..estimators import Classifier, Regressor

OPSET = 17
IR_VERSION = 8
FLOAT32_LIMIT = 3.4028234663852886e38
INT64 = 7
SIZE_LIMIT = 2**31 - 1  # protobuf's limit for one message

Attribute = Union[int, float, List[int], List[str]]


class DType(NamedTuple):
    """A number type: its name, ONNX's number for it, and its letter for `struct`."""

    name: str
    number: int
    letter: str


DTYPES = {"float32": DType("float32", 1, "f"), "float64": DType("float64", 11, "d")}


class WrittenNode(NamedTuple):
    """One operator with its inputs and its only output, before which it may leave some out."""

    operator: str
    inputs: list[str]
    output: str
    attributes: dict[str, Attribute]
    left_out: int = 0


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

    def second(self, operator: str, *inputs: str, **attributes: Attribute) -> str:
        """Add an operator and return the name of its second output; the first is left out."""
        output = self.node(operator, *inputs, **attributes)
        self.nodes[-1] = self.nodes[-1]._replace(left_out=1)
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

    @property
    def exact(self) -> bool:
        """Whether numbers are float64."""
        return self.dtype.name == "float64"

    def integers(self, letter: str, values: Sequence[int]) -> str:
        """Add a row of integers, such as a shape, and return its name."""
        return self._integers(letter, values, pb.integer_field(1, len(values)))

    def whole(self, letter: str, value: int) -> str:
        """Add one integer, a tensor without sides."""
        return self._integers(letter, [value], b"")

    def _integers(self, letter: str, values: Sequence[int], sides: bytes) -> str:
        name = f"{self.layer}.{letter}"
        data = struct.pack(f"<{len(values)}q", *values)
        kind = pb.integer_field(2, INT64)
        self.constants[name] = b"".join([sides, kind, pb.text(8, name), pb.blob(9, data)])
        return name

    def scalar(self, letter: str, value: float) -> str:
        """Add one number, which fits any number of columns."""
        return self.constant(letter, [value])

    def vector(self, letter: str, values: Sequence[float]) -> str:
        """Add one number per column."""
        return self.constant(letter, values, len(values))


def to_onnx(
    model: Sequential | Classifier | Regressor,
    path: Path,
    dtype: str = "float32",
    doc: str = "",
    rows: object = None,
    targets: object = None,
) -> Exported:
    """Write a network, or that of an estimator, to an ONNX file; return an `Exported`.

    The graph has one input, "inputs", with any number of rows, and one output, "outputs". `dtype`
    is "float32", which every runtime supports, or "float64", which keeps the weights exactly
    (onnxruntime runs it except for GELU, convolution, average pooling and recurrent layers, for
    which it has no float64 code). In float32, a BatchNorm whose
    means are far from 0 subtracts them first, so that only the rounding of the inputs themselves is
    lost. `doc` is a description kept in the file, by default the layers. Dropout and Linear, which
    do nothing in a prediction, are left out. A registered layer of the caller's own is written by
    its row program. The file is written whole or not at all; equal networks give equal bytes.

    Of a Classifier or Regressor, the file holds the network alone: if all columns are numbers, it
    also scales them, else it takes `encoder_.transform(rows)`. Given `rows` of the model's own, the
    `Exported` says how far the answers in `dtype` are from the model's, up to the order in which a
    runtime adds; given their `targets`, too, how good they are.

    A network of sequences takes a batch of equal lengths, batch × steps × columns, or batch × steps
    kinds (of int64) where it begins with an Embedding. Any number of steps will do, but for
    Positions, beyond whose rows a runtime stops.

    Raises SettingError for another dtype, model or layer; FormatError for a weight that does not
    fit float32, or a network of more than 2 GB; OSError if the file cannot be written.
    """
    if dtype not in DTYPES:
        raise SettingError(f"to_onnx needs dtype to be one of {list(DTYPES)}, got {dtype!r}")
    network, found = alone(model, rows, targets, dtype == "float32")
    graph = OnnxWriter(DTYPES[dtype])
    if network.reads_steps:
        write_sequences(graph, network.layers, _write_one, network.inputs)
    else:
        _write(graph, network.layers, "inputs", network.inputs)
    if not graph.nodes:
        graph.node("Identity", "inputs")
    data = _model(graph, network, doc or f"A network by tinynn: {network!r}")
    write_bytes(path, data)
    return found._replace(size=len(data))


def _write(
    graph: OnnxWriter, layers: Sequence[Layer], tensor: str, columns: int | None, inside: str = ""
) -> str:
    """Write layers one after another, named after what they are inside; return the last tensor."""
    images = ImageTensors(graph)
    for i, layer in enumerate(layers):
        write, operator = _WRITERS.get(type(layer)), name_of(type(layer), "ONNX")
        graph.layer = f"{inside}{i}"
        tensor = before = images.ready(tensor, layer)
        if isinstance(layer, Residual):
            made = _write(graph, layer.layers, tensor, columns, f"{inside}{i}.")
            graph.layer = f"{inside}{i}"
            tensor = graph.node("Add", tensor, made)
        elif write is not None:
            tensor = write(graph, tensor, layer)
        elif operator:
            tensor = graph.node(operator, tensor)
        else:
            tensor = _own(graph, tensor, layer, columns)
        images.made(before, tensor, layer)
        columns = layer.build(columns, stream(0))
    return images.as_rows(tensor)


def _write_one(graph: OnnxWriter, layer: Layer, tensor: str, columns: int | None) -> str | None:
    """Write a layer that treats each row by itself, whatever sides come before its columns."""
    write, operator = _WRITERS.get(type(layer)), name_of(type(layer), "ONNX")
    if not write and not operator and formula_name(layer) in LAYER_FORMULAS:
        return _own(graph, tensor, layer, columns)
    if not isinstance(layer, (Activation, Softmax, LogSoftmax, Dropout, LayerNorm)) or not (
        write or operator
    ):
        return None
    return write(graph, tensor, layer) if write else graph.node(operator, tensor)


def _model(graph: OnnxWriter, model: Sequential, doc: str) -> bytes:
    last = graph.nodes[-1].output
    pieces = [pb.blob(1, _node(node, last)) for node in graph.nodes]
    pieces.append(pb.text(2, "tinynn"))
    pieces += [pb.blob(5, constant) for constant in graph.constants.values()]
    given: list[int | str] = [model.inputs or "columns"]
    made: list[int | str] = [model.outputs or "columns"]
    kinds = isinstance(model.layers[0], Embedding)
    if model.reads_steps:
        given = ["steps"] if kinds else ["steps", *given]
        made = made if one_row_each(model.layers) else ["steps", *made]
    number = INT64 if kinds else graph.dtype.number
    pieces.append(pb.blob(11, _value("inputs", given, number)))
    pieces.append(pb.blob(12, _value("outputs", made, graph.dtype.number)))
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
            *(pb.text(2, "") for _ in range(node.left_out)),
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
    if any(isinstance(v, str) for v in value):
        return start + b"".join(pb.text(9, str(v)) for v in value) + pb.integer_field(20, 8)
    return start + b"".join(pb.integer_field(8, int(v)) for v in value) + pb.integer_field(20, 7)


def _value(name: str, sides: Sequence[int | str], kind: int) -> bytes:
    """Return the type of a tensor with any number of rows; sides with names have any size."""
    shape = b"".join(
        pb.blob(1, pb.text(2, side) if isinstance(side, str) else pb.integer_field(1, side))
        for side in ("batch", *sides)
    )
    tensor = pb.integer_field(1, kind) + pb.blob(2, shape)
    return pb.text(1, name) + pb.blob(2, pb.blob(1, tensor))


def _dense(graph: OnnxWriter, x: str, layer: Dense) -> str:
    W = graph.constant("W", [w for row in layer.W for w in row], layer.inputs, layer.outputs)
    if not layer.b:
        return graph.node("MatMul", x, W)
    return graph.node("Gemm", x, W, graph.vector("b", layer.b))


def _own(graph: OnnxWriter, x: str, layer: Layer, columns: int | None) -> str:
    """A layer that no version of ONNX that we write has an operator for, by its row program."""
    from .onnx_formulas import FormulaNodes  # which few networks need

    who, formula = f"{layer!r}, layer {graph.layer}", LAYER_FORMULAS.get(formula_name(layer))
    if formula is None or KINDS.get(type(layer).__name__) is not type(layer):
        raise SettingError(
            f"to_onnx cannot write {who}: ONNX does not know it; nn.register("
            f"{type(layer).__name__}, ...) with a row program says what it computes"
        )
    if columns is None:
        raise SettingError(f"to_onnx cannot write {who}, without its number of columns")
    vectors = {letter: rows_of(layer.parameters()[letter])[0] for letter in formula.letters}
    return FormulaNodes(graph, columns, layer_numbers(layer), vectors).run(formula, x)


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
    mean, beta = layer.running_mean, layer.beta
    sides = [1] * (len(layer.shape) - 1) if isinstance(layer, BatchNorm2D) else []
    found = centred(layer) if graph.dtype.name == "float32" else None
    if found:
        # Runtimes compute x γ / s + (β − m γ / s), of which float32 keeps nothing far from 0.
        x = graph.node("Sub", x, graph.constant("shift", found[0], len(mean), *sides))
        mean, beta = [0.0] * len(mean), found[1]
        if set(layer.gamma) == set(variance) == {1.0} and not any(beta):
            return x
    return graph.node(
        "BatchNormalization",
        x,
        graph.vector("gamma", layer.gamma),
        graph.vector("beta", beta),
        graph.vector("mean", mean),
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
        (BatchNorm2D, _batch_norm),
        (BatchNorm1D, _batch_norm),
        (LayerNorm, _layer_norm),
        (Flatten, _nothing),
        (Reshape, _nothing),
        *IMAGE_WRITERS.items(),
        *MORE_WRITERS.items(),
    )
}
