"""ONNX files: what runtimes make of those written here, and what is read from those of others.

golden/xor.onnx is what `to_onnx` writes for the network of `xor()`, checked by onnx.checker 1.23.
golden/imports.json holds files by PyTorch's exporters and what PyTorch predicts.
"""

from __future__ import annotations

import base64
import json
import math
import pathlib
import random
import struct
import sys
import tracemalloc

import pytest
from hypothesis import given, settings, strategies as st
from onnx_parts import integers, model, node, tensor, value
from random_networks import BETWEEN, OF_ROWS, random_layers, with_random_numbers

import tinynn as nn
from tinynn.errors import FormatError, SettingError
from tinynn.export import to_onnx
from tinynn.files import protobuf as pb
from tinynn.importers import assembly, from_onnx
from tinynn.importers.onnx import loads
from tinynn.lesson.network import KINDS

HERE = pathlib.Path(__file__).parent / "golden"
XOR = (HERE / "xor.onnx").read_bytes()
GOLDEN = json.loads((HERE / "imports.json").read_text())["onnx"]
THERE_IS = f"The layers of tinynn are: {', '.join(KINDS)}"


def xor():
    return nn.Sequential(
        nn.Dense(2, 2, weights=[[20.0, -20.0], [20.0, -20.0]], bias=[-10.0, 30.0]),
        nn.Sigmoid(),
        nn.Dense(2, 1, weights=[[20.0], [20.0]], bias=[-30.0]),
        nn.Sigmoid(),
    )


# The wire format


@pytest.mark.parametrize(
    ("value", "encoded"),
    [(0, "00"), (127, "7f"), (128, "8001"), (300, "ac02"), (-1, "ff" * 9 + "01")],
)
def test_varints_are_those_of_the_documentation(value, encoded):
    assert pb.varint(value).hex() == encoded


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.floats(width=32)),
    st.text(),
    st.binary(),
    st.integers(1, 2**29 - 1),
)
def test_messages_are_read_as_they_were_written(integers, floats, text, data, number):
    inner = b"".join(pb.integer_field(number, value) for value in integers)
    packed = pb.blob(number, b"".join(map(pb.varint, integers)))
    assert pb.Message(inner, "it").integers(number) == integers
    assert pb.Message(packed, "it").integers(number) == integers
    single = b"".join(pb.float32(number, value) for value in floats)
    packed = pb.blob(number, struct.pack(f"<{len(floats)}f", *floats))
    for message in (single, packed):
        got = pb.Message(message, "it").floats(number)
        assert struct.pack(f"<{len(got)}f", *got) == struct.pack(f"<{len(floats)}f", *floats)
    whole = pb.Message(pb.text(1, text) + pb.blob(2, data) + pb.blob(3, inner), "it")
    assert (whole.text(1), whole.blob(2)) == (text, data)
    assert whole.message(3).integers(number) == integers
    assert not whole.has(4) and whole.text(4) == "" and whole.message(4) is None


ENDLESS = "it, byte 1: a varint needs to end within its message and fit in 64 bits"


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ("08", ENDLESS),
        ("0880", ENDLESS),
        ("08" + "ff" * 10, ENDLESS),
        (
            "08" + "ff" * 9 + "02",
            ENDLESS,
        ),
        ("0b", "it, byte 0: a field cannot begin with 11"),
        ("00", "it, byte 0: a field cannot begin with 0"),
        ("0a0561", "it, byte 0: field 1 needs 5 bytes, got only 1"),
        ("0d0000", "it, byte 0: field 1 needs 4 bytes, got only 2"),
        ("0800", "it, byte 0: field 1 needs bytes with a length, got a varint"),
        ("0a01ff", "it, byte 2: the text of field 1 is not UTF-8"),
    ],
)
def test_bytes_that_are_no_message_are_refused_by_the_byte(data, wanted):
    with pytest.raises(FormatError) as error:
        pb.Message(bytes.fromhex(data), "it").text(1)
    assert str(error.value) == wanted


def test_numbers_of_a_broken_size_are_refused():
    with pytest.raises(FormatError) as error:
        pb.Message(pb.blob(1, b"abc"), "it").floats(1)
    assert str(error.value) == "it, byte 2: field 1 needs numbers of 4 bytes, got 3"


# Networks to ONNX


def network_of(names, seed, inputs=3):
    """Return a network of layers by name, with random numbers in all of them."""
    rng = random.Random(seed)
    layers = random_layers(names, inputs, rng, lowest_slope=-1.0)
    return with_random_numbers(nn.Sequential(*layers, seed=seed), rng)


NETWORKS = st.builds(
    network_of,
    st.lists(st.sampled_from([*OF_ROWS, "Dense"]), max_size=6).map(lambda names: ["Dense", *names]),
    st.integers(0, 2**32),
)
ROWS = st.lists(
    st.lists(
        st.one_of(st.floats(-10, 10, width=32), st.sampled_from([0.0, -0.0, 1e4, -1e4, 1e-30])),
        min_size=3,
        max_size=3,
    ),
    min_size=1,
    max_size=4,
)


def run(path, rows, dtype):
    """Return what onnxruntime makes of rows."""
    numpy = pytest.importorskip("numpy")
    runtime = pytest.importorskip("onnxruntime")
    runtime.set_default_logger_severity(4)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (name,) = [i.name for i in session.get_inputs()]
    return session.run(None, {name: numpy.array(rows, dtype)})[0].tolist()


def sizes(model, row):
    """Return a bound for the terms that go into the outputs, which their rounding is relative to.

    It is the forward pass of |numbers| through |weights|, so of the error of a last bit, too.
    """
    size, x = max(1.0, *map(abs, row)), [list(row)]
    for layer in model.layers:
        if isinstance(layer, nn.Dense):
            gain = max(sum(map(abs, column)) for column in zip(*layer.W))
            size = max(1.0, size * gain) + max(map(abs, layer.b), default=0.0)
        elif isinstance(layer, nn.BatchNorm):
            scale = max(
                abs(g) / math.sqrt(v + layer.eps)
                for g, v in zip(layer.gamma, layer.running_variance)
            )
            size = scale * (size + max(map(abs, layer.running_mean))) + max(map(abs, layer.beta))
        elif isinstance(layer, (nn.LayerNorm, nn.GroupNorm)):
            part = len(x[0]) // getattr(layer, "groups", 1)
            variances = []
            for k in range(0, len(x[0]), part):
                values = x[0][k : k + part]
                mean = sum(values) / part
                variances.append(sum((v - mean) ** 2 for v in values) / part)
            gain = max(map(abs, layer.gamma)) / math.sqrt(min(variances) + layer.eps)
            size = size * max(1.0, gain) + max(map(abs, layer.beta))
        elif isinstance(layer, (nn.ELU, nn.SELU, nn.CELU, nn.LogSoftmax)):
            size *= 2.0
        elif isinstance(layer, nn.PReLU):
            size *= max(1.0, *map(abs, layer.slope))
        x = layer.forward(x)
    return size


def close(model, rows, got, wanted, tolerance, bits):
    for row, y, t in zip(rows, got, wanted):
        allowed = 2.0**-bits * sizes(model, row)
        for a, b in zip(y, t):
            assert abs(a - b) <= tolerance * max(1.0, abs(b)) + allowed, (a, b, allowed)


@given(NETWORKS, ROWS)
@settings(max_examples=60)
def test_onnxruntime_predicts_the_same_in_float32(tmp_path_factory, model, rows):
    path = tmp_path_factory.getbasetemp() / "model.onnx"
    to_onnx(model, path)
    close(model, rows, run(path, rows, "float32"), model.predict(rows), 1e-6, 20)


@given(NETWORKS, ROWS)
@settings(max_examples=60)
def test_onnxruntime_predicts_the_same_in_float64(tmp_path_factory, model, rows):
    layers = [layer for layer in model.layers if not isinstance(layer, nn.GELU)]
    model = nn.Sequential(*layers)  # onnxruntime has no Erf in float64
    path = tmp_path_factory.getbasetemp() / "model.onnx"
    to_onnx(model, path, "float64")
    close(model, rows, run(path, rows, "float64"), model.predict(rows), 1e-12, 49)


@given(NETWORKS)
@settings(max_examples=15)
def test_the_checker_passes_with_shapes_inferred(tmp_path_factory, model):
    onnx = pytest.importorskip("onnx")
    path = tmp_path_factory.getbasetemp() / "model.onnx"
    for dtype in ("float32", "float64"):
        to_onnx(model, path, dtype)
        onnx.checker.check_model(str(path), full_check=True)
        graph = onnx.shape_inference.infer_shapes(onnx.load(str(path)), strict_mode=True).graph
        for end, columns in ((graph.input[0], model.inputs), (graph.output[0], model.outputs)):
            rows, width = end.type.tensor_type.shape.dim
            assert (rows.dim_param, width.dim_value) == ("batch", columns)
        inferred = {made.name for made in graph.value_info} | {"outputs"}
        assert {name for made in graph.node for name in made.output} <= inferred


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", BETWEEN)
def test_the_reference_evaluator_predicts_the_same(tmp_path, kind, dtype):
    numpy = pytest.importorskip("numpy")
    reference = pytest.importorskip("onnx.reference")
    model = network_of(["Dense", kind], 5)
    rows = [[0.5, -1.0, 2.0], [0.0, 0.0, 0.0], [30.0, -20.0, 7.0]]
    to_onnx(model, tmp_path / "m.onnx", dtype)
    session = reference.ReferenceEvaluator(str(tmp_path / "m.onnx"))
    (got,) = session.run(None, {"inputs": numpy.array(rows, dtype)})
    assert got.dtype == dtype
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    if kind == "GELU" and dtype == "float64":
        tolerance = 1e-7  # the evaluator's Erf returns float32, as all there are
    for ours, theirs in zip(model.predict(rows), got.tolist()):
        assert theirs == pytest.approx(ours, rel=tolerance, abs=tolerance)


def test_a_check_fails_on_a_wrong_weight(tmp_path):
    model = network_of(["Dense", "Tanh", "Dense"], 3)
    to_onnx(model, tmp_path / "m.onnx")
    model.layers[2].b[0] += 1e-4
    rows = [[1.0, 1.0, -1.0]]
    with pytest.raises(AssertionError):
        close(model, rows, run(tmp_path / "m.onnx", rows, "float32"), model.predict(rows), 1e-6, 20)


def test_equal_networks_give_the_golden_bytes(tmp_path):
    to_onnx(xor(), tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == XOR


def test_the_golden_file_says_what_it_is():
    model = pb.Message(XOR, "it")
    assert (model.integer(1), model.text(2)) == (8, "tinynn")
    assert model.text(6) == (
        "A network by tinynn: Sequential(Dense(2, 2), Sigmoid(), Dense(2, 1), Sigmoid())"
    )
    assert [m.integer(2) for m in model.messages(8)] == [17]
    nodes = model.message(7).messages(1)
    assert [(node.text(3), node.text(4)) for node in nodes] == [
        ("0.Gemm", "Gemm"), ("1.Sigmoid", "Sigmoid"), ("2.Gemm", "Gemm"), ("3.Sigmoid", "Sigmoid"),
    ]  # fmt: skip
    assert [t.text(8) for t in model.message(7).messages(5)] == ["0.W", "0.b", "2.W", "2.b"]


def test_names_and_words_are_data(tmp_path):
    onnx = pytest.importorskip("onnx")
    doc = '"; import os #\n\0é'
    to_onnx(xor(), tmp_path / "m.onnx", doc=doc)
    assert onnx.load(str(tmp_path / "m.onnx")).doc_string == doc


def test_a_network_of_nothing_but_dropout_is_written(tmp_path):
    to_onnx(nn.Sequential(nn.Dropout()), tmp_path / "m.onnx")
    assert run(tmp_path / "m.onnx", [[1.0, 2.0]], "float32") == [[1.0, 2.0]]
    assert from_onnx(tmp_path / "m.onnx").predict([[1.0, 2.0]]) == [[1.0, 2.0]]


class Own(nn.Layer):
    def forward(self, X, training=False):
        return X


@pytest.mark.parametrize(
    ("model", "how", "error", "wanted"),
    [
        (
            nn.NeuralNet(),
            {},
            SettingError,
            "an export needs a Sequential, Classifier or Regressor, got NeuralNet",
        ),
        (
            xor(),
            {"dtype": "float16"},
            SettingError,
            "to_onnx needs dtype to be one of ['float32', 'float64'], got 'float16'",
        ),
        (
            nn.Sequential(nn.Dense(1, 1), Own()),
            {},
            SettingError,
            "to_onnx cannot write Own(), layer 1: ONNX does not know it; nn.register(Own, ...) "
            "with a row program says what it computes",
        ),
        (
            nn.Sequential(nn.Dense(1, 1, weights=[[1e39]])),
            {},
            FormatError,
            '0.W has a number that does not fit float32; use dtype="float64"',
        ),
        (
            nn.Sequential(nn.LeakyReLU(1e39)),
            {},
            FormatError,
            '0.alpha is a number that does not fit float32; use dtype="float64"',
        ),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, model, how, error, wanted):
    with pytest.raises(error) as raised:
        to_onnx(model, tmp_path / "m.onnx", **how)
    assert str(raised.value) == wanted
    assert not (tmp_path / "m.onnx").exists()


def test_a_variance_that_float32_makes_zero_is_refused(tmp_path):
    model = nn.Sequential(nn.BatchNorm(1, eps=1e-300))
    model.layers[0].running_variance[:] = [1e-80]
    with pytest.raises(FormatError) as error:
        to_onnx(model, tmp_path / "m.onnx")
    assert str(error.value) == (
        '0.variance has a number too near to 0 for float32; use dtype="float64"'
    )
    to_onnx(model, tmp_path / "m.onnx", "float64")
    ((got,),) = run(tmp_path / "m.onnx", [[1e-41]], "float64")
    assert got == pytest.approx(0.1)


# ONNX to networks


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["made_by"])
def test_files_by_pytorch_predict_the_same(case):
    network = loads(base64.b64decode(case["file"]), "it").network
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds == [
        "Dense", "SiLU", "LayerNorm", "Dense", "GELU", "BatchNorm", "ELU", "Dense", "SELU",
        "Softplus", "LeakyReLU", "Dense", "Tanh", "Dense", "PReLU", "Dense",
    ]  # fmt: skip
    close(network, case["rows"], network.predict(case["rows"]), case["outputs"], 1e-6, 20)


def kind_read(layer):
    """ELU with α = 0 is ReLU, CELU with α = 1 is ELU: their operators say no more."""
    if isinstance(layer, nn.CELU) and layer.alpha == 1.0:
        return nn.ELU
    return nn.ReLU if isinstance(layer, nn.ELU) and layer.alpha == 0.0 else type(layer)


@given(NETWORKS, ROWS)
@settings(max_examples=60)
def test_what_was_written_is_read_again(tmp_path_factory, model, rows):
    path = tmp_path_factory.getbasetemp() / "model.onnx"
    to_onnx(model, path, "float64")
    again = from_onnx(path).network
    kept = [layer for layer in model.layers if not isinstance(layer, (nn.Linear, nn.Dropout))]
    assert [kind_read(layer) for layer in again.layers] == [kind_read(layer) for layer in kept]
    assert again.predict(rows) == model.predict(rows)
    to_onnx(model, path, "float32")
    again = from_onnx(path).network
    assert [kind_read(layer) for layer in again.layers] == [kind_read(layer) for layer in kept]
    close(model, rows, again.predict(rows), model.predict(rows), 1e-6, 20)


W = tensor("W", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3)
V = tensor("V", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3, 2)
B = tensor("b", [10.0, 20.0, 30.0], 3)
PAIR = tensor("p", [4.0, -8.0], 2)
ROW = tensor("r", [4.0, -8.0], 1, 2)
HALF = tensor("h", [0.5])
ONE = tensor("o", [1.0])


def chain(*nodes):
    """Return nodes, each taking what the one before makes."""
    return [
        node(op, *["x" if i == 0 and a == "_" else f"t{i - 1}" if a == "_" else a for a in inputs],
             output="y" if i == len(nodes) - 1 else f"t{i}", name=f"n{i}", **attributes)
        for i, (op, inputs, attributes) in enumerate(nodes)
    ]  # fmt: skip


READ = [
    ("Gemm", chain(("Gemm", ("_", "W", "b"), {})), [W, B], "Dense(2, 3)"),
    (
        "Gemm, transB, alpha, beta",
        chain(("Gemm", ("_", "V", "b"), {"transB": 1, "alpha": 0.5, "beta": -2.0})),
        [V, B],
        "Dense(2, 3)",
    ),
    ("Gemm, scalar C", chain(("Gemm", ("_", "W", "h"), {})), [W, HALF], "Dense(2, 3)"),
    ("MatMul", chain(("MatMul", ("_", "W"), {})), [W], "Dense(2, 3, bias=False)"),
    (
        "MatMul, Add",
        chain(("MatMul", ("_", "W"), {}), ("Add", ("b", "_"), {})),
        [W, B],
        "Dense(2, 3)",
    ),
    (
        "Gemm, Add, Sub",
        chain(("Gemm", ("_", "W", "b"), {}), ("Add", ("_", "b"), {}), ("Sub", ("_", "h"), {})),
        [W, B, HALF],
        "Dense(2, 3)",
    ),
    (
        "Sub, Div",
        chain(("Sub", ("_", "p"), {}), ("Div", ("_", "r"), {}), ("MatMul", ("_", "W"), {})),
        [W, PAIR, ROW],
        "BatchNorm(columns=2, momentum=0.1, eps=2.2250738585072014e-308), Dense(2, 3, bias=False)",
    ),
    (
        "Mul, Add, Mul",
        chain(("Mul", ("p", "_"), {}), ("Add", ("_", "h"), {}), ("Mul", ("_", "h"), {})),
        [PAIR, HALF],
        "BatchNorm(columns=2, momentum=0.1, eps=2.2250738585072014e-308), "
        "BatchNorm(columns=2, momentum=0.1, eps=2.2250738585072014e-308)",
    ),
    (
        "constant − x",
        chain(("Sub", ("p", "_"), {})),
        [PAIR],
        "BatchNorm(columns=2, momentum=0.1, eps=2.2250738585072014e-308)",
    ),
    ("Identity, Relu", chain(("Identity", ("_",), {}), ("Relu", ("_",), {})), [], "ReLU()"),
    ("Flatten", chain(("Flatten", ("_",), {"axis": 1}), ("Tanh", ("_",), {})), [], "Tanh()"),
    (
        "Reshape",
        chain(("Reshape", ("_", "s"), {}), ("Reshape", ("_", "z"), {}), ("Elu", ("_",), {})),
        [integers("s", [-1, 2]), integers("z", [0, -1])],
        "ELU(alpha=1.0)",
    ),
    (
        "Dropout",
        chain(("Dropout", ("_", "h", "f"), {"seed": 3}), ("Selu", ("_",), {})),
        [HALF, pb.integer_field(2, 9) + pb.text(8, "f") + pb.blob(9, b"\0")],
        "SELU()",
    ),
    (
        "LeakyRelu",
        chain(("LeakyRelu", ("_",), {"alpha": 0.5})),
        [],
        "LeakyReLU(negative_slope=0.5)",
    ),
    (
        "PRelu",
        chain(("PRelu", ("_", "h"), {})),
        [HALF],
        "PReLU(columns=None, shared=True, initial=0.25)",
    ),
    (
        "PRelu of columns",
        chain(("PRelu", ("_", "p"), {})),
        [PAIR],
        "PReLU(columns=2, shared=False, initial=0.25)",
    ),
    ("Log of Sigmoid", chain(("Sigmoid", ("_",), {}), ("Log", ("_",), {})), [], "LogSigmoid()"),
    ("HardSwish", chain(("HardSwish", ("_",), {})), [], "Hardswish()"),
    ("HardSigmoid", chain(("HardSigmoid", ("_",), {"alpha": 1 / 6})), [], "Hardsigmoid()"),
    (
        "HardSigmoid as it was",
        chain(("HardSigmoid", ("_",), {})),
        [],
        "BatchNorm(columns=2, momentum=0.1, eps=2.2250738585072014e-308), "
        "Clip(least=0.0, most=1.0)",
    ),
    ("Celu", chain(("Celu", ("_",), {"alpha": 0.5})), [], "CELU(alpha=0.5)"),
    ("Softsign", chain(("Softsign", ("_",), {})), [], "Softsign()"),
    ("Clip", chain(("Clip", ("_", "h", "o"), {})), [HALF, ONE], "Clip(least=0.5, most=1.0)"),
    (
        "Clip to 6",
        chain(("Clip", ("_", "n", "s"), {})),
        [tensor("n", [0.0]), tensor("s", [6.0])],
        "ReLU6()",
    ),
    ("Clip from 0", chain(("Clip", ("_", "n"), {})), [tensor("n", [0.0])], "ReLU()"),
    (
        "Max and Min",
        chain(("Max", ("h", "_"), {}), ("Min", ("_", "o"), {})),
        [HALF, ONE],
        "Clip(least=0.5, most=1.0)",
    ),
    (
        "Min and Max",
        chain(("Min", ("h", "_"), {}), ("Max", ("_", "n"), {})),
        [HALF, tensor("n", [-1.0])],
        "Clip(least=-1.7976931348623157e+308, most=0.5), "
        "Clip(least=-1.0, most=1.7976931348623157e+308)",
    ),
    (
        "Clip to 1",
        chain(("Clip", ("_", "", "o"), {})),
        [ONE],
        "Clip(least=-1.7976931348623157e+308, most=1.0)",
    ),
    ("Softplus", chain(("Softplus", ("_",), {})), [], "Softplus()"),
    ("Softmax", chain(("Softmax", ("_",), {"axis": 1})), [], "Softmax()"),
    ("LogSoftmax", chain(("LogSoftmax", ("_",), {})), [], "LogSoftmax()"),
    (
        "BatchNormalization",
        chain(("BatchNormalization", ("_", "p", "p", "p", "v"), {"epsilon": 0.25})),
        [PAIR, tensor("v", [1.0, 2.0], 2)],
        "BatchNorm(columns=2, momentum=0.09999999999999998, eps=0.25)",
    ),
    (
        "LayerNormalization",
        chain(("LayerNormalization", ("_", "p"), {"epsilon": 0.25, "axis": 1})),
        [PAIR],
        "LayerNorm(columns=2, eps=0.25)",
    ),
    (
        "Constant",
        [node("Constant", output="k", value=W), *chain(("MatMul", ("_", "k"), {}))],
        [],
        "Dense(2, 3, bias=False)",
    ),
]


@pytest.mark.parametrize(
    ("nodes", "tensors", "wanted"), [c[1:] for c in READ], ids=[c[0] for c in READ]
)
def test_operators_are_read_as_onnxruntime_runs_them(tmp_path, nodes, tensors, wanted):
    path = tmp_path / "m.onnx"
    path.write_bytes(model(nodes, tensors))
    network = from_onnx(path).network
    assert repr(network) == f"Sequential({wanted})"
    rows = [[1.0, -2.0], [0.0, 0.0], [0.25, 100.0]]
    onnx = pytest.importorskip("onnx")
    onnx.checker.check_model(str(path))
    close(network, rows, network.predict(rows), run(path, rows, "float32"), 1e-6, 22)


SPELLED = {
    "SiLU": [("Sigmoid", "x", "a"), ("Mul", "x a", "y")],
    "GELU": [("Mul", "x half", "a"), ("Mul", "x per_root", "b"), ("Erf", "b", "c"),
             ("Add", "one c", "d"), ("Mul", "a d", "y")],
    "SELU": [("Max", "x zero", "a"), ("Min", "x zero", "b"), ("Exp", "b", "c"),
             ("Sub", "c one", "d"), ("Mul", "d selu_alpha", "e"), ("Add", "a e", "f"),
             ("Mul", "f selu_scale", "y")],
    "Softplus": [("Softplus", "x", "a"), ("Greater", "x twenty", "b"), ("Where", "b x a", "y")],
    "LayerNorm": [("ReduceMean", "x last", "a"), ("Sub", "x a", "b"), ("Pow", "b two", "c"),
                  ("ReduceMean", "c last", "d"), ("Add", "d eps", "e"), ("Sqrt", "e", "f"),
                  ("Div", "b f", "g"), ("Add", "g pair", "y")],
}  # fmt: skip
SCALARS = {
    "half": 0.5, "one": 1.0, "zero": 0.0, "two": 2.0, "twenty": 20.0, "eps": 1e-3,
    "per_root": math.sqrt(0.5), "selu_alpha": 1.6732632423543772, "selu_scale": 1.0507009873554805,
}  # fmt: skip


def spelled(steps, **changed):
    tensors = [tensor(name, [number]) for name, number in {**SCALARS, **changed}.items()]
    tensors += [integers("last", [-1]), tensor("pair", [1.0, -1.0], 2)]
    nodes = [node(op, *i.split(), output=o, name=f"n{o}") for op, i, o in steps]
    return model(nodes, tensors, opset=18)


@pytest.mark.parametrize("kind", SPELLED)
def test_formulas_in_smaller_operators_are_known(tmp_path, kind):
    path = tmp_path / "m.onnx"
    path.write_bytes(spelled(SPELLED[kind]))
    network = from_onnx(path).network
    assert [type(layer).__name__ for layer in network.layers] == [kind]
    rows = [[1.0, -2.0], [0.5, 0.25], [19.0, 30.0]]
    close(network, rows, network.predict(rows), run(path, rows, "float32"), 1e-6, 22)


def refused(data):
    with pytest.raises(FormatError) as error:
        loads(data, "it")
    return str(error.value)


@pytest.mark.parametrize(
    ("kind", "changed"),
    [("GELU", {"per_root": 0.7}), ("SELU", {"zero": 0.01}), ("LayerNorm", {"two": 3.0})],
)
def test_formulas_with_other_constants_are_not(kind, changed):
    assert refused(spelled(SPELLED[kind], **changed)).startswith("it, node 'na': a fork with ")


def test_an_unknown_fork_is_refused_by_its_operators():
    swish = [("Softplus", "x", "a"), ("Tanh", "a", "b"), ("Sub", "x b", "c"), ("Relu", "c", "y")]
    assert refused(spelled(swish)) == (
        "it, node 'na': a fork with Softplus, Tanh, Sub cannot be imported exactly. " + THERE_IS
    )


@pytest.mark.parametrize(
    ("nodes", "tensors", "what"),
    [
        ([node("ConvTranspose", "x", "W")], [W], "the operator ConvTranspose"),
        ([node("Relu", "x", domain="com.other")], [], "the operator com.other.Relu"),
        ([node("Gelu", "x", approximate="?")], [], "Gelu with approximate='?'"),
        ([node("Relu", "x", consumed_inputs=[0])], [], "Relu with consumed_inputs"),
        ([node("Gemm", "x", "W", transA=1)], [W], "Gemm with transA=1"),
        ([node("Gemm", "W", "x")], [W], "Gemm of a constant by a variable"),
        ([node("MatMul", "x", "b")], [B], "MatMul by weights of shape [3]"),
        ([node("Div", "p", "x")], [PAIR], "Div of a constant by a variable"),
        ([node("Div", "x", "z")], [tensor("z", [0.0])], "a division by 0"),
        ([node("Add", "x", "c")], [tensor("c", [1.0, 2.0], 2, 1)], "a constant of shape [2, 1]"),
        ([node("Softmax", "x", axis=0)], [], "Softmax with axis=0"),
        ([node("Flatten", "x", axis=0)], [], "Flatten with axis=0"),
        ([node("Swish", "x", alpha=0.0)], [], "Swish with alpha=0.0"),
        (
            [node("GroupNormalization", "x", "p", "p", num_groups=3)],
            [PAIR],
            "GroupNormalization of 3 groups of 2 columns",
        ),
        ([node("Log", "x")], [], "the operator Log"),
        ([node("Clip", "x", "p")], [PAIR], "Clip with 2 numbers as min"),
        (
            [node("Reshape", "x", "s")],
            [integers("s", [-1, 1])],
            "Reshape to [-1, 1] of 2 columns",
        ),
        (
            [node("BatchNormalization", "x", "p", "p", "p", "p", training_mode=1)],
            [PAIR],
            "BatchNormalization in training mode, or not spatial",
        ),
        (
            [node("Dropout", "x", "", "t")],
            [pb.integer_field(2, 9) + pb.text(8, "t") + pb.blob(9, b"\1")],
            "Dropout in training mode",
        ),
        (
            [node("Dropout", "x", output="t m"), node("Relu", "t"), node("Relu", "m", output="z")],
            [],
            "the further output 'm' of a node",
        ),
        (
            [node("Relu", "k", output="j"), node("Relu", "x")],
            [tensor("k", [1.0], 1)],
            "Relu, which does not depend on the input,",
        ),
    ],
)
def test_what_has_no_layer_is_refused_by_operator_and_node(nodes, tensors, what):
    wanted = f"it, node 'n': {what} cannot be imported exactly. {THERE_IS}"
    assert refused(model(nodes, tensors)) == wanted


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", "it is not an ONNX model: it has no graph"),
        (model([]), "it: no node takes 'x', and it is not the output"),
        (
            model([node("Relu", "x")], opset=6),
            "it needs the operator set 7 or later, got 6; "
            "onnx.version_converter can bring an older model up to date",
        ),
        (
            model([node("Relu", "x")], input_=value("x", "n", 2, kind=14)),
            "it needs inputs of numbers or texts, got 'x' of another type",
        ),
        (
            model(
                [
                    node("Relu", "x", output="a"),
                    node("Relu", "z", output="b"),
                    node("Add", "a", "b"),
                ],
                more=pb.blob(11, value("z", "n", 2)),
            ),
            "it, node 'n': a network that takes ['x', 'z'] cannot be imported exactly; "
            "one network needs to take all columns, put together by one Concat",
        ),
        (
            model([node("Relu", "x"), node("Tanh", "x", output="z")], more=pb.blob(12, value("z"))),
            "it needs outputs that are one network's: its numbers, or its labels and "
            "probabilities; got ['y', 'z']",
        ),
        (
            model([node("Relu", "x")], more=pb.blob(11, value("x", "n", 2))),
            "it has two inputs 'x'",
        ),
        (
            model([node("Relu", "x"), node("Tanh", "x")]),
            "it, node 'n': 'y' is the output of two nodes",
        ),
        (
            model([node("Relu", "y", output="x"), node("Relu", "x")]),
            "it: its input 'x' is also the output of a node",
        ),
        (
            model([node("Gemm", "x", "W")], [tensor("W", [1.0], 2, 3)]),
            "it, tensor 'W' needs 6 numbers for [2, 3], got 1",
        ),
        (
            model([node("Gemm", "x", "W")], [tensor("W", [1.0], 2**40, 2**40)]),
            "it, tensor 'W' has the shape [1099511627776, 1099511627776], which no file can hold",
        ),
        (
            model([node("Gemm", "x", "W")], [tensor("W", [1.0], -1)]),
            "it, tensor 'W' has the shape [-1], which no file can hold",
        ),
        (
            model([], [pb.text(8, "s") + pb.integer_field(2, 14)]),
            "it, tensor 's' has numbers of type 14; these can be read: FLOAT, DOUBLE, FLOAT16, "
            "BFLOAT16, INT64, INT32, BOOL, STRING",
        ),
        (
            model([], [pb.text(8, "e") + pb.integer_field(2, 1) + pb.integer_field(14, 1)]),
            "it, tensor 'e' has its numbers in another file; save the model with all data inside: "
            "onnx.save(onnx.load(path), path)",
        ),
        (
            model([node("Gemm", "x", "W")], [tensor("W", [1.0, math.nan], 2, 1)]),
            "it, node 'n': weights need finite numbers, got nan in row 1, column 0; "
            "fill or drop missing values first",
        ),
        (
            model([node("Gemm", "x", "W")], [tensor("W", [1.0] * 3, 3, 1), B])[:-2],
            "it, byte 120: field 8 needs 4 bytes, got only 2",
        ),
        (
            model([node("Mul", "x", "h")], [HALF], value("x", "n", "m")),
            "it, node 'n': nothing in the file says how many columns it has",
        ),
        (
            model([node("Mul", "x", "b")], [B]),
            "it, node 'n' needs constants for 2 columns, got 3",
        ),
        (
            model([node("Mul", "x", "h")], [HALF], value("x", "n", 2**40)),
            "it, node 'n': the file repeats its constants for more than 1,048,576 numbers",
        ),
        (
            model([node("BatchNormalization", "x", "p", "p", "p", "p")], [PAIR]),
            "it, node 'n': a variance needs to be above 0, got -8.0",
        ),
        (
            model([node("Gemm", "x", "W")], [tensor("W", [1.0] * 3, 3, 1)], value("x", "n", 2, 3)),
            "it, node 'n': Gemm of something other than a table cannot be imported exactly. "
            + THERE_IS,
        ),
    ],
    ids=lambda v: v[:40] if isinstance(v, str) else "",
)
def test_files_that_are_not_whole_or_not_one_chain_are_refused(data, wanted):
    assert refused(data) == wanted


@pytest.mark.parametrize("how", ["raw", "float", "double"])
def test_constants_are_read_from_every_field(how):
    network = loads(
        model([node("MatMul", "x", "W")], [tensor("W", [0.5, 2.0], 2, 1, how=how)]), "it"
    )
    assert network.predict([[1.0, 1.0]]) == [[2.5]]


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (10, pb.blob(5, pb.varint(0x3800) + pb.varint(0x4000))),  # float16 in int32_data
        (10, pb.blob(9, bytes.fromhex("00380040"))),
        (16, pb.blob(9, bytes.fromhex("003f0040"))),
        (16, pb.blob(5, pb.varint(0x3F00) + pb.varint(0x4000))),
    ],
)
def test_halves_are_read(kind, data):
    half = (
        pb.integer_field(1, 2)
        + pb.integer_field(1, 1)
        + pb.integer_field(2, kind)
        + pb.text(8, "W")
        + data
    )
    assert loads(model([node("MatMul", "x", "W")], [half]), "it").predict([[1, 1]]) == [[2.5]]


def test_images_are_flattened_first():
    flat = [node("Flatten", "x", output="t"), node("MatMul", "t", "W")]
    ones = tensor("W", [1.0] * 6, 6, 1)
    network = loads(model(flat, [ones], value("x", "n", 1, 2, 3)), "it").network
    assert network.predict([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]) == [[21.0]]


def test_columns_are_known_from_the_layers_after_where_the_input_does_not_say():
    nodes = chain(("Mul", ("_", "h"), {}), ("Relu", ("_",), {}), ("MatMul", ("_", "W"), {}))
    network = loads(model(nodes, [HALF, W], value("x", "n", "m")), "it").network
    assert network.predict([[2.0, 0.0]]) == [[1.0, 2.0, 3.0]]


# Damage


def test_a_file_cut_at_any_byte_is_refused():
    for data in (XOR, spelled(SPELLED["GELU"])):
        for length in range(len(data)):
            refused(data[:length])


DAMAGED = [XOR, *map(spelled, SPELLED.values()), *(model(c[1], c[2]) for c in READ)]


@given(st.sampled_from(DAMAGED), st.lists(st.integers(0, 2**32), min_size=1, max_size=3))
@settings(max_examples=250)
def test_flipped_bits_are_refused_or_harmless(data, bits):
    content = bytearray(data)
    for bit in bits:
        content[bit // 8 % len(content)] ^= 1 << bit % 8
    try:
        network = loads(bytes(content), "it").network
    except FormatError:
        return
    assert network.layers


@given(st.binary(max_size=100), st.integers(0, 400))
@settings(max_examples=300)
def test_bytes_in_the_midst_are_refused_or_harmless(inserted, at):
    try:
        loads(XOR[:at] + inserted + XOR[at:], "it")
    except FormatError:
        return


def test_hostile_lengths_take_no_memory():
    lengths = [
        b"\x3a" + pb.varint(2**62),
        pb.blob(7, b"\x0a" + pb.varint(2**31)),
        model([node("Mul", "x", "h")], [HALF], value("x", "n", 2**62)),
        model([node("Gemm", "x", "W")], [tensor("W", [1.0], 2**31, 1)]),
    ]
    for data in lengths:
        tracemalloc.start()
        refused(data)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2**20


def long_chain(count, *steps):
    """Return a model that goes through the same steps again and again, unsorted on purpose."""
    nodes = [
        node(op, *i.format(k).split(), output=o.format(k, k + 1), name=f"{o}{k}")
        for op, i, o in steps
        for k in range(count)
    ]
    tensors = [tensor("half", [0.5]), integers("z", [0, -1])]
    return model(nodes, tensors, value("t0", "n", 2), output=f"t{count}")


@pytest.mark.parametrize(
    "steps",
    [
        [("Sigmoid", "t{0}", "s{0}"), ("Mul", "t{0} s{0}", "t{1}")],
        [("Mul", "t{0} half", "t{1}")],
        [("Mul", "t{0} half", "s{0}"), ("Add", "s{0} half", "t{1}")],
        [("Reshape", "t{0} z", "t{1}")],
    ],
    ids=["SiLU", "Mul", "Mul, Add", "Reshape"],
)
def test_long_chains_take_steps_in_proportion(monkeypatch, steps):
    monkeypatch.setattr(assembly, "assembled", lambda name, layers: layers)

    def calls(count):
        data, found = long_chain(count, *steps), [0]

        def counted(frame, event, argument):
            found[0] += 1

        sys.setprofile(counted)
        try:
            loads(data, "it")
        finally:
            sys.setprofile(None)
        return found[0]

    assert calls(800) < 12 * calls(80)


def test_a_chain_of_too_many_layers_is_refused():
    data = long_chain(assembly.LAYERS_LIMIT + 1, ("Relu", "t{0}", "t{1}"))
    assert refused(data) == "it needs at most 10,000 layers, got 10,001"
