"""ONNX graphs of sequences: operator tests of onnx, exports of PyTorch, what is refused."""

from __future__ import annotations

import itertools
import random
import warnings
from functools import lru_cache

import pytest

import tinynn as nn
from tinynn.errors import FormatError, SettingError
from tinynn.export import to_onnx
from tinynn.importers import from_onnx

onnx = pytest.importorskip("onnx")
numpy = pytest.importorskip("numpy")
helper, FLOAT = onnx.helper, onnx.TensorProto.FLOAT

OPERATOR_TESTS = """
    lstm_defaults lstm_with_initial_bias lstm_batchwise gru_defaults gru_with_initial_bias
    gru_seq_length gru_batchwise simple_rnn_defaults simple_rnn_with_initial_bias rnn_seq_length
    simple_rnn_batchwise
""".split()  # noqa: SIM905


def flat(value):
    return [x for item in value for x in flat(item)] if isinstance(value, list) else [value]


def message(path):
    """Return the message of the FormatError for a file, without the list of layers."""
    with pytest.raises(FormatError) as raised:
        from_onnx(path)
    return str(raised.value).partition(" The layers of tinynn are")[0].partition("x.onnx, ")[2]


def written(tmp_path, nodes, constants, shape=(1, 3, 2), opset=14, outputs=("y",)):
    """Write a graph with the input x; return its path."""
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs],
        [onnx.numpy_helper.from_array(numpy.array(v), name) for name, v in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, tmp_path / "x.onnx")
    return tmp_path / "x.onnx"


# --- the operator tests ---


@lru_cache(maxsize=None)
def operator_tests():
    """Return all that onnx has, by name."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {case.name: case for case in collect_testcases(None)}


def operator_test(name):
    """Return the node, its inputs by name, and the outputs that are wanted."""
    case = operator_tests()[f"test_{name}"]
    graph, (inputs, outputs) = case.model.graph, case.data_sets[0]
    return (
        graph.node[0],
        {own.name: value for own, value in zip(graph.input, inputs)},
        {own.name: value for own, value in zip(graph.output, outputs)},
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", OPERATOR_TESTS)
def test_the_operator_tests_of_onnx(name, tmp_path):
    node, inputs, outputs = operator_test(name)
    X = inputs.pop("X")
    inputs = {
        key: value
        for key, value in inputs.items()
        if not (key.startswith("initial") and not value.any())
    }
    batch_first = any(a.name == "layout" and a.i for a in node.attribute)
    sequences = X if batch_first else X.swapaxes(0, 1)
    for wanted, values in outputs.items():
        one = onnx.NodeProto()
        one.CopyFrom(node)
        one.input[0] = "x"
        given = [n if n == "x" or n in inputs else "" for n in one.input]
        del one.input[:], one.output[:]
        one.input.extend(given)
        one.output.extend(out if out == wanted else "" for out in node.output)
        path = written(tmp_path, [one], inputs, X.shape, outputs=(wanted,))
        found = numpy.array(from_onnx(path).network.predict(sequences.tolist()))
        if wanted == "Y":  # steps × directions × batch × units, or batch × steps × directions × …
            values = values[:, :, 0] if batch_first else values[:, 0].swapaxes(0, 1)
        else:
            values = values[:, 0] if batch_first else values[0]
        assert found.shape == values.shape
        assert abs(found - values).max() < 1e-6


@pytest.mark.slow
def test_peepholes_are_refused(tmp_path):
    node, inputs, _ = operator_test("lstm_with_peepholes")
    X = inputs.pop("X")
    node.input[0] = "x"
    for i, name in enumerate(node.input):
        node.input[i] = "" if name.startswith(("initial", "sequence")) else name
    path = written(tmp_path, [node], inputs, X.shape, outputs=("Y_h",))
    assert message(path).endswith("LSTM with peepholes cannot be imported exactly.")


# --- graphs ---


def recurrent(kind="GRU", outputs=("y",), inputs=(), **attributes):
    """Return a node and its weights: two columns, three units."""
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[kind]
    draw = numpy.random.default_rng(1)
    constants = {
        "W": draw.normal(size=(1, 3 * gates, 2)), "R": draw.normal(size=(1, 3 * gates, 3)),
        "B": draw.normal(size=(1, 6 * gates)),
    }  # fmt: skip
    constants = {name: value.astype("float32") for name, value in constants.items()}
    node = helper.make_node(kind, ["x", *constants, *inputs], outputs, name="r", **attributes)
    return node, constants


@pytest.mark.parametrize(
    ("attributes", "inputs", "wanted"),
    [
        ({"direction": "reverse"}, (), "GRU with direction='reverse'"),
        ({"clip": 1.0}, (), "GRU with clip=1.0"),
        ({"activations": ["Sigmoid", "Relu"]}, (), "GRU with the activations Sigmoid, Relu"),
        ({}, ("", "B"), "GRU of 2 variables in a graph of sequences"),
        ({}, ("B",), "GRU of 2 variables in a graph of sequences"),
    ],
)
def test_what_onnx_can_say_of_recurrent_layers_and_ours_cannot(
    attributes, inputs, wanted, tmp_path
):
    node, constants = recurrent(inputs=inputs, **attributes)
    path = written(tmp_path, [node], constants)
    assert message(path) == f"node 'r': {wanted} cannot be imported exactly."


def test_zeros_are_the_states_to_begin_from(tmp_path):
    node, constants = recurrent(inputs=("", "h"))
    shape = {"s": numpy.array([1, 3, 3])}
    zeros = [helper.make_node("ConstantOfShape", ["s"], ["h"]), node]
    plain = from_onnx(written(tmp_path, [recurrent()[0]], constants)).network
    assert from_onnx(written(tmp_path, zeros, {**constants, **shape})).network.state() == (
        plain.state()
    )
    one = onnx.numpy_helper.from_array(numpy.array([1.0], dtype="float32"))
    ones = [helper.make_node("ConstantOfShape", ["s"], ["h"], value=one), node]
    path = written(tmp_path, ones, {**constants, **shape})
    assert message(path) == (
        "node 'r': GRU of 2 variables in a graph of sequences cannot be imported exactly."
    )


def test_weights_of_a_wrong_shape(tmp_path):
    node, constants = recurrent()
    constants["B"] = constants["B"][:, :5]
    assert message(written(tmp_path, [node], constants)) == (
        "node 'r' needs a constant of shape (1, 18), got (1, 5)"
    )
    constants["B"], constants["R"] = recurrent()[1]["B"], constants["R"][:, :6]
    assert message(written(tmp_path, [node], constants)) == (
        "node 'r' needs a constant of shape (1, 9, 3), got (1, 6, 3)"
    )


@pytest.mark.parametrize(
    ("node", "wanted"),
    [
        (helper.make_node("Softmax", ["h"], ["y"], axis=0, name="n"),
         "Softmax along another axis than the last of steps × direction × second × columns"),
        (helper.make_node("Squeeze", ["h", "zero"], ["y"], name="n"),
         "Squeeze of steps × direction × second × columns"),
        (helper.make_node("Gather", ["h", "zero"], ["y"], axis=0, name="n"),
         "Gather 0 of steps × direction × second × columns"),
        (helper.make_node("ReduceMean", ["h"], ["y"], axes=[2], name="n"),
         "ReduceMean of steps × direction × second × columns"),
        (helper.make_node("Flatten", ["h"], ["y"], name="n"),
         "Flatten of steps × direction × second × columns"),
        (helper.make_node("Transpose", ["h"], ["y"], perm=[0, 0, 1, 2], name="n"),
         "Transpose by [0, 0, 1, 2] of steps × direction × second × columns"),
    ],
    ids=lambda value: value.op_type if hasattr(value, "op_type") else "",
)  # fmt: skip
def test_what_mixes_axes_is_refused(node, wanted, tmp_path):
    first, constants = recurrent(outputs=["h"])
    path = written(tmp_path, [first, node], {**constants, "zero": numpy.array([0])})
    assert message(path) == f"node 'n': {wanted} cannot be imported exactly."


# --- PyTorch ---


def module_of(torch, kind, last, batch_first, embedding, layers):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = torch.nn.Embedding(7, 3)
            self.norm = torch.nn.LayerNorm(4)
            self.recurrent = getattr(torch.nn, kind)(3, 4, layers, batch_first=batch_first)
            self.dense = torch.nn.Linear(4, 2)

        def forward(self, x):
            y, h = self.recurrent(self.embedding(x) if embedding else x)
            axis = 1 if batch_first else 0
            if last == "state":
                y = (h[0] if isinstance(h, tuple) else h)[-1]
            elif last == "step":
                y = y[:, -1] if batch_first else y[-1]
            elif last == "mean":
                y = y.mean(axis)
            return torch.softmax(self.dense(torch.tanh(y)), -1)

    return Net().eval()


CASES = [
    case
    for case in itertools.product(
        ("RNN", "LSTM", "GRU"), (None, "state", "step", "mean"), (True, False), (True, False),
        (1, 2), (True, False),
    )
    if not (case[1] == "state" and case[4] == 2)
]  # fmt: skip


def exported(torch, case, path):
    """Write a module to a file; compare what is read with it."""
    *options, dynamic = case
    torch.manual_seed(1)
    module = module_of(torch, *options)
    _, last, batch_first, embedding, _ = options
    sides = (2, 5) if batch_first else (5, 2)
    x = torch.randint(0, 7, sides) if embedding else torch.randn(*sides, 3)
    axes = {"x": {0: "a", 1: "b"}} if dynamic else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module, (x,), str(path), dynamo=False, input_names=["x"], dynamic_axes=axes
        )
    wanted = module(x).detach()
    x, wanted = (
        value if batch_first or (value is wanted and last) else value.transpose(0, 1)
        for value in (x, wanted)
    )
    network = from_onnx(path).network
    assert flat(network.predict(x.tolist())) == pytest.approx(flat(wanted.tolist()), abs=1e-6)


@pytest.mark.parametrize("case", CASES[::17], ids=str)
def test_exports_of_pytorch(case, tmp_path):
    torch = pytest.importorskip("torch")
    exported(torch, case, tmp_path / "x.onnx")


@pytest.mark.slow
def test_all_exports_of_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    for case in CASES:
        exported(torch, case, tmp_path / "x.onnx")


def test_an_embedding_alone_reads_sequences(tmp_path):
    table = numpy.array([[1, 2], [3, 4], [5, 6]], dtype="float32")
    nodes = [
        helper.make_node("Gather", ["E", "x"], ["e"]),
        helper.make_node("ReduceMean", ["e"], ["y"], axes=[1], keepdims=0),
    ]
    network = from_onnx(written(tmp_path, nodes, {"E": table}, (1, 4))).network
    assert repr(network) == "Sequential(Embedding(3, 2), MeanSteps())"
    assert network.predict([[0, 2], [1]]) == [[3.0, 4.0], [3.0, 4.0]]
    assert isinstance(network.layers[0], nn.Embedding)


# --- export ---


def of_all(kind, options, first, last, seed=1):
    """Return a network of sequences with two recurrent layers, and two sequences for it."""
    draw = random.Random(seed)
    kinds = isinstance(first, nn.Embedding)
    model = nn.Sequential(
        first, kind(2, 4, **options), nn.Dropout(0.2), kind(4, 3, **options), *last, seed=seed
    )
    for parameter in model.parameters():
        for row in parameter.rows():
            row[:] = [draw.gauss(0, 0.6) for _ in row]
    X = [[draw.randrange(5) if kinds else [draw.gauss(0, 1)] * 3 for _ in range(4)] for _ in "ab"]
    return model, X


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (nn.RNN, {"activation": "relu"}), (nn.LSTM, {}), (nn.GRU, {}),
        (nn.GRU, {"reset_after": False, "bias": False}),
    ],
    ids=["rnn", "lstm", "gru", "gru-before"],
)  # fmt: skip
def test_exports_come_back_and_run(kind, options, dtype, tmp_path):
    """onnxruntime runs recurrent layers in float32 alone; LayerNorm is one operator there alone."""
    path = tmp_path / "x.onnx"
    for first, last in (
        (nn.Embedding(5, 2), [nn.LastStep(), nn.Dense(3, 2), nn.Softmax()]),
        (
            nn.Dense(3, 2),
            [
                *([nn.LayerNorm()] if dtype == "float32" else []),
                nn.Dense(3, 2, bias=False),
                nn.Tanh(),
            ],
        ),
        (nn.Dense(3, 2), [nn.MeanSteps()]),
        (nn.Embedding(5, 2), [nn.MaxSteps()]),
        (nn.Embedding(5, 2), [kind(3, 2, "last", **options), nn.Softmax()]),
    ):
        model, X = of_all(kind, options, first, last)
        to_onnx(model, path, dtype=dtype)
        onnx.checker.check_model(onnx.load(path), full_check=True)
        again, wanted = from_onnx(path).network, flat(model.predict(X))
        assert flat(again.predict(X)) == pytest.approx(
            wanted, abs=1e-14 if dtype == "float64" else 2e-6
        )
        runtime = pytest.importorskip("onnxruntime")
        if dtype == "float32":
            kinds = "int64" if isinstance(first, nn.Embedding) else dtype
            (found,) = runtime.InferenceSession(path).run(None, {"inputs": numpy.array(X, kinds)})
            assert flat(found.tolist()) == pytest.approx(wanted, abs=2e-6)


def test_what_onnx_cannot_say_of_sequences_is_refused(tmp_path):
    for layer in (nn.LSTM(2, 2, cell=False), nn.PReLU(), nn.GroupNorm(1)):
        with pytest.raises(SettingError) as raised:
            to_onnx(nn.Sequential(nn.Embedding(3, 2), layer), tmp_path / "x.onnx")
        assert str(raised.value) == (
            f"to_onnx cannot write {layer!r}, layer 1, in a network of sequences: "
            "ONNX has no operator for it"
        )
