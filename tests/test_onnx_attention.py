"""Attention and positions in ONNX files: written and run, read back; what PyTorch exports."""

from __future__ import annotations

import itertools
import math
import random
import warnings

import pytest

import tinynn as nn
from tinynn.errors import FormatError, SettingError
from tinynn.export import to_onnx
from tinynn.importers import from_onnx
from tinynn.importers.onnx import steps as onnx_steps

onnx = pytest.importorskip("onnx")
numpy = pytest.importorskip("numpy")
hypothesis = pytest.importorskip("hypothesis")
st = hypothesis.strategies

KINDS, MOST = 5, 6


def flat(value):
    return [x for item in value for x in flat(item)] if isinstance(value, list) else [value]


def drawn(model, seed):
    """Give all parameters of a network random numbers; return it."""
    draw = random.Random(seed)
    for parameter in model.parameters():
        for row in parameter.rows():
            row[:] = [draw.gauss(0.3, 0.5) for _ in row]
    return model


def transformer(heads, d, causal=True, bias=True, norm=nn.RMSNorm, act=nn.ReLU, blocks=1, end=()):
    """Return a network as that of microgpt: attention, then two Dense layers, each in a sum."""
    width = heads * d
    layers = [nn.Embedding(KINDS, width), nn.Positions(MOST, width), norm()]
    for _ in range(blocks):
        attention = nn.MultiHeadAttention(width, heads, causal=causal)
        layers += [
            nn.Residual(norm(), attention),
            nn.Residual(norm(), nn.Dense(width, 7), act(), nn.Dense(7, width)),
        ]
    return drawn(nn.Sequential(*layers, *end, nn.Dense(width, KINDS)), heads * 10 + d)


networks = st.builds(
    transformer,
    heads=st.integers(1, 3),
    d=st.integers(1, 4),
    causal=st.booleans(),
    bias=st.booleans(),
    norm=st.sampled_from([nn.RMSNorm, nn.LayerNorm]),
    act=st.sampled_from([nn.ReLU, nn.GELU, nn.TanhGELU, nn.SiLU]),
    blocks=st.integers(0, 2),
    end=st.sampled_from([(), (nn.LastStep(),), (nn.Dropout(0.1), nn.MeanSteps())]),
)


@hypothesis.settings(max_examples=12, deadline=None, derandomize=True)
@hypothesis.given(model=networks, dtype=st.sampled_from(["float32", "float64"]))
def test_networks_run_elsewhere_and_come_back(model, dtype, tmp_path_factory):
    """onnxruntime gives the same for each number of steps, whatever the batch."""
    path = tmp_path_factory.mktemp("onnx") / "x.onnx"
    gelu = "GELU()" in repr(model)  # for which onnxruntime has no float64 code
    to_onnx(model, path, dtype=dtype)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    again = from_onnx(path).network
    error = 1e-12 if dtype == "float64" else 2e-5
    runtime = pytest.importorskip("onnxruntime")
    session = None
    if not (gelu and dtype == "float64"):
        session = runtime.InferenceSession(path)
    for steps in (1, 2, MOST):
        X = [[(i * 3 + t * t + 1) % KINDS for t in range(steps)] for i in range(2)]
        wanted = flat(model.predict(X))
        assert flat(again.predict(X)) == pytest.approx(wanted, rel=error, abs=error)
        if session is not None:
            (found,) = session.run(None, {"inputs": numpy.array(X, "int64")})
            assert flat(found.tolist()) == pytest.approx(wanted, rel=error, abs=error)
    if dtype == "float64":
        kept = [layer for layer in model.layers if not isinstance(layer, nn.Dropout)]
        assert list(map(repr, again.layers)) == list(map(repr, kept))
        if norms_alike(model):
            assert [p.rows() for p in again.parameters()] == [p.rows() for p in model.parameters()]


def norms_alike(model):
    """Return whether no layer is computed with numbers of another rounding when it is read."""
    return "LayerNorm" not in repr(model)


def test_a_runtime_refuses_more_steps_than_there_are_positions(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    for most in (1, 4):
        model = nn.Sequential(nn.Embedding(KINDS, 2), nn.Positions(most, 2))
        to_onnx(model, tmp_path / "x.onnx")
        session = runtime.InferenceSession(tmp_path / "x.onnx")
        session.run(None, {"inputs": numpy.zeros((1, most), "int64")})
        with pytest.raises(Exception, match=r"1\.(Reshape|Add)"):
            session.run(None, {"inputs": numpy.zeros((1, most + 1), "int64")})


def test_sequences_of_rows_attend_too(tmp_path):
    model = drawn(nn.Sequential(nn.MultiHeadAttention(4, 2), nn.Tanh()), 3)
    to_onnx(model, tmp_path / "x.onnx", dtype="float64")
    again = from_onnx(tmp_path / "x.onnx").network
    assert (repr(again), again.state()) == (repr(model), model.state())


def test_what_no_formula_says_of_sequences_is_refused_where_it_stands(tmp_path):
    inner = nn.GroupNorm(2)
    model = nn.Sequential(nn.Embedding(3, 4), nn.Residual(nn.Tanh(), inner))
    with pytest.raises(SettingError) as raised:
        to_onnx(model, tmp_path / "x.onnx")
    assert str(raised.value) == (
        f"to_onnx cannot write {inner!r}, layer 1.1, in a network of sequences: "
        "ONNX has no operator for it"
    )


# --- what only looks like attention ---


def changed(tmp_path, change, model=None):
    """Write a network, change its graph, and return the message with which it is refused."""
    path = tmp_path / "x.onnx"
    to_onnx(model or transformer(2, 2), path, dtype="float64")
    found = onnx.load(path)
    change({node.name: node for node in found.graph.node}, found.graph)
    onnx.save(found, path)
    with pytest.raises(FormatError) as raised:
        from_onnx(path)
    return str(raised.value).partition(" The layers of tinynn are")[0].partition("x.onnx")[2]


def hides_itself(nodes, graph):
    nodes["3.1.Less"].op_type = "LessOrEqual"


def shares_of_keys(nodes, graph):
    nodes["3.1.Softmax"].attribute[0].i = -2


def small_mask(nodes, graph):
    for tensor in graph.initializer:
        if tensor.name == "3.1.nothing":
            tensor.raw_data = numpy.array([-5.0]).tobytes()


def other_heads(nodes, graph):
    nodes["3.1.Transpose"].attribute[0].ints[:] = [0, 2, 1, 3]
    for tensor in graph.initializer:
        if tensor.name == "3.1.joined":
            tensor.raw_data = numpy.array([0, 0, 4]).tobytes()
    nodes["3.1.Transpose_4"].attribute[0].ints[:] = [0, 2, 3, 1]


def no_softmax(nodes, graph):
    nodes["3.1.Softmax"].op_type = "Sigmoid"
    del nodes["3.1.Softmax"].attribute[:]


SCORES = "of first × columns × steps × keys"


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (hides_itself, "MatMul_5': attention with 0.0 added for earlier steps, -inf for the step "
         "itself and -inf for later ones"),
        (shares_of_keys, f"Softmax': Softmax {SCORES}"),
        (small_mask, f"Where': Where {SCORES}"),
        (other_heads, "MatMul_6': MatMul of first × steps × columns"),
        (no_softmax, f"Softmax': Sigmoid {SCORES}"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_what_is_no_attention_of_ours_is_refused(change, wanted, tmp_path):
    assert changed(tmp_path, change) == f", node '3.1.{wanted} cannot be imported exactly."


def scores_hidden_by(graph, nodes, constants):
    """Let nodes compute "hidden" from the positions "steps" and "up", instead of the mask."""
    make = onnx.helper.make_node
    (at,) = (i for i, node in enumerate(graph.node) if node.name == "3.1.Where")
    (steps,) = (n.output[0] for n in graph.node if n.name == "3.1.Range")
    (up,) = (n.output[0] for n in graph.node if n.name == "3.1.Unsqueeze")
    names = {"steps": steps, "up": up}
    for operator, given, made in nodes[::-1]:
        given = [names.get(name, name) for name in given]
        graph.node.insert(at, make(operator, given, [made], name=made))
    where = next(node for node in graph.node if node.name == "3.1.Where")
    where.input[0] = "hidden"
    for name, value in constants.items():
        graph.initializer.append(onnx.numpy_helper.from_array(numpy.array(value), name))


WINDOW = [[not i - 3 < j <= i for j in range(9)] for i in range(9)]


@pytest.mark.parametrize(
    ("nodes", "constants", "wanted"),
    [
        (
            [("Sub", ["up", "width"], "from"), ("LessOrEqual", ["steps", "from"], "far"),
             ("Less", ["up", "steps"], "later"), ("Or", ["far", "later"], "hidden")],
            {"width": 300},
            "from': Sub",
        ),
        (
            [("Concat", ["steps"], "same"), ("Less", ["up", "same"], "hidden")], {},
            "same': Concat",
        ),
        (
            [("Shape", ["steps"], "n"), ("Concat", ["n", "n"], "nn"),
             ("Slice", ["window", "zeros", "nn"], "part"), ("Identity", ["part"], "hidden")],
            {"window": WINDOW, "zeros": [0, 0]},
            "Where': Where",
        ),
    ],
    ids=["computed", "concatenated", "constant"],
)  # fmt: skip
def test_masks_are_the_same_for_any_number_of_steps_or_refused(nodes, constants, wanted, tmp_path):
    """A window of 300 steps hides nothing from sequences of 10: no trial of a length shows it."""
    message = changed(tmp_path, lambda _, graph: scores_hidden_by(graph, nodes, constants))
    assert wanted in message


@pytest.mark.parametrize(
    ("nodes", "constants"),
    [
        ([("GreaterOrEqual", ["up", "steps"], "kept"), ("Not", ["kept"], "hidden")], {}),
        ([("Greater", ["steps", "up"], "hidden")], {}),
        (
            [("Shape", ["steps"], "n"), ("Concat", ["n", "n"], "nn"),
             ("Expand", ["1.0", "nn"], "a"), ("Trilu", ["a", "one"], "b"),
             ("Cast", ["b"], "hidden")],
            {"1.0": 1.0, "one": 1},
        ),
        (
            [("Shape", ["steps"], "n"), ("Concat", ["n", "n"], "nn"),
             ("Slice", ["square", "zeros", "nn"], "part"), ("Equal", ["part", "0"], "hidden")],
            {"square": numpy.tril(numpy.ones((9, 9))), "zeros": [0, 0], "0": 0.0},
        ),
    ],
    ids=["not", "greater", "trilu", "constant"],
)  # fmt: skip
def test_masks_in_other_words(nodes, constants, tmp_path):
    model, path = transformer(2, 2), tmp_path / "x.onnx"
    to_onnx(model, path, dtype="float64")
    found = onnx.load(path)
    scores_hidden_by(found.graph, nodes, constants)
    for node in found.graph.node:
        if node.op_type == "Cast" and node.name == "hidden":
            node.attribute.append(onnx.helper.make_attribute("to", onnx.TensorProto.BOOL))
        if node.op_type == "Trilu":
            node.attribute.append(onnx.helper.make_attribute("upper", 1))
    onnx.save(found, path)
    again = from_onnx(path).network
    assert (repr(again), again.state()) == (repr(model), model.state())


def test_what_is_normalized_along_the_steps_is_refused(tmp_path):
    def along_steps(nodes, graph):
        for name in ("2.ReduceMean", "2.ReduceMean_2"):
            nodes[name].attribute[0].ints[:] = [1]

    model = transformer(2, 2, norm=nn.LayerNorm)
    assert changed(tmp_path, along_steps, model) == (
        ", node '2.Sub': Sub of first × one × columns and of first × steps × columns "
        "cannot be imported exactly."
    )


def test_a_file_pays_for_the_weights_that_it_repeats(tmp_path, monkeypatch):
    """Each head of the keys is the same here, so the layer has more numbers than the file."""
    monkeypatch.setattr(onnx_steps, "SPREAD_LIMIT", 20)
    path = tmp_path / "x.onnx"
    shared_keys(path, heads=4, of_keys=1)
    with pytest.raises(FormatError) as raised:
        from_onnx(path)
    assert str(raised.value) == (
        f"{path}, node 'a': the file repeats its constants for more than 20 numbers"
    )


def test_what_a_small_file_asks_for_is_checked_before_work_is_done(tmp_path):
    make, path = onnx.helper.make_node, tmp_path / "x.onnx"
    nodes = [
        make("Transpose", ["x"], ["k"], perm=[0, 2, 1]),
        make("MatMul", ["x", "k"], ["s"]),
        make("Softmax", ["s"], ["a"], axis=-1),
        make("MatMul", ["a", "x"], ["y"], name="n"),
    ]
    graph_of(path, nodes, {}, shape=("batch", "steps", 10**9))
    with pytest.raises(FormatError) as raised:
        from_onnx(path)
    assert str(raised.value) == (
        f"{path} needs layers with at most 200,000 inputs in all, got 3,000,000,000"
    )
    graph_of(path, nodes, {}, shape=("batch", "steps", 1000))
    with pytest.raises(FormatError, match="node 'n': the file repeats its constants for more than"):
        from_onnx(path)


def test_a_shape_from_no_number_on_is_refused(tmp_path):
    def text(nodes, graph):
        del nodes["1.Shape"].attribute[:]
        nodes["1.Shape"].attribute.append(onnx.helper.make_attribute("start", "text"))

    assert changed(tmp_path, text) == (
        ", node '1.Shape': Shape cannot have such inputs or attributes"
    )


def test_positions_of_another_length_are_refused(tmp_path):
    def constant(nodes, graph):
        nodes["1.Add"].input[1] = "table"
        table = numpy.arange(12.0).reshape(3, 4)
        graph.initializer.append(onnx.numpy_helper.from_array(table, "table"))

    assert changed(tmp_path, constant) == (
        ", node '1.Add': Add with a constant of shape [3, 4] of first × second × columns "
        "cannot be imported exactly."
    )


def sliced(path, first):
    """Write x + the rows of a table from `first` on, as many as there are steps."""
    node, numpy_helper = onnx.helper.make_node, onnx.numpy_helper
    nodes = [
        node("Gather", ["W", "x"], ["h"]),
        node("Shape", ["x"], ["shape"], start=1, end=2),
        node("Add", ["shape", "first"], ["end"]),
        node("Slice", ["table", "first", "end", "one"], ["rows"]),
        node("Add", ["h", "rows"], ["y"], name="n"),
    ]
    table = numpy.arange(10.0, 22.0).reshape(1, 6, 2)
    constants = {
        "W": numpy.arange(6.0).reshape(3, 2), "table": table, "first": numpy.array([first]),
        "one": numpy.array([1]),
    }  # fmt: skip
    graph = onnx.helper.make_graph(
        nodes, "g",
        [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.INT64, ["batch", "steps"])],
        [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.DOUBLE, None)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return path


def test_the_first_rows_of_a_table_are_positions_and_no_others(tmp_path):
    network = from_onnx(sliced(tmp_path / "x.onnx", 0)).network
    assert repr(network) == "Sequential(Embedding(3, 2), Positions(6, 2))"
    assert network.predict([[1, 0]]) == [[[12.0, 14.0], [12.0, 14.0]]]
    with pytest.raises(FormatError) as raised:
        from_onnx(sliced(tmp_path / "x.onnx", 1))
    wanted = "node 2: Add of numbers that depend on how many steps there are cannot be imported"
    assert wanted in str(raised.value)


# --- other words for attention, as onnxruntime runs them ---


def graph_of(path, nodes, constants, opset=23, shape=("batch", "steps", 8)):
    """Write a graph of x → y in float32."""
    tensor = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes, "g", [tensor("x", onnx.TensorProto.FLOAT, shape)],
        [tensor("y", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    imports = [onnx.helper.make_opsetid("", opset)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=imports, ir_version=10), path)


def weights(*shape, seed=0):
    return numpy.random.default_rng(seed).normal(size=shape).astype("float32")


def shared_keys(path, heads, of_keys, axes=4, **attributes):
    """Write ONNX's Attention, whose heads share their keys and values."""
    make = onnx.helper.make_node
    d, n = 8 // heads, 8 // heads * of_keys
    nodes = [make("MatMul", ["x", W], [out]) for W, out in (("Q", "q"), ("K", "k"), ("V", "v"))]
    given = ["q", "k", "v"]
    if axes == 4:
        for name in "qkv":
            shape = "heads" if name == "q" else "of_keys"
            nodes.append(make("Reshape", [name, shape], [f"{name}1"]))
            nodes.append(make("Transpose", [f"{name}1"], [f"{name}2"], perm=[0, 2, 1, 3]))
        given = ["q2", "k2", "v2"]
    else:
        attributes.update(q_num_heads=heads, kv_num_heads=of_keys)
    end = "a" if axes == 4 else "y"
    nodes.append(make("Attention", given, [end], name="a", **attributes))
    if axes == 4:
        nodes.append(make("Transpose", ["a"], ["b"], perm=[0, 2, 1, 3]))
        nodes.append(make("Reshape", ["b", "width"], ["y"]))
    constants = {
        "Q": weights(8, 8), "K": weights(8, n, seed=1), "V": weights(8, n, seed=2),
        "heads": numpy.array([0, 0, heads, d]), "of_keys": numpy.array([0, 0, of_keys, d]),
        "width": numpy.array([0, 0, -1]),
    }  # fmt: skip
    graph_of(path, nodes, constants)


def run_like_onnxruntime(path):
    """Return the network of a file; it computes what onnxruntime does, for any number of steps."""
    runtime = pytest.importorskip("onnxruntime")
    network = from_onnx(path).network
    session = runtime.InferenceSession(path)
    for steps in (1, 2, 5):
        x = weights(2, steps, 8, seed=steps)
        (wanted,) = session.run(None, {"x": x})
        assert flat(network.predict(x.tolist())) == pytest.approx(flat(wanted.tolist()), abs=1e-5)
    return network


@pytest.mark.parametrize(
    ("heads", "of_keys", "axes", "attributes", "wanted"),
    [
        (2, 2, 4, {}, "2"), (2, 2, 3, {"is_causal": 1}, "2, causal=True"), (4, 1, 4, {}, "4"),
        (4, 2, 3, {"scale": 0.3, "is_causal": 1}, "4, causal=True"), (1, 1, 3, {}, "1"),
    ],
)  # fmt: skip
def test_the_operator_of_onnx(heads, of_keys, axes, attributes, wanted, tmp_path):
    shared_keys(tmp_path / "x.onnx", heads, of_keys, axes, **attributes)
    network = run_like_onnxruntime(tmp_path / "x.onnx")
    assert repr(network) == f"Sequential(MultiHeadAttention(8, {wanted}, bias=False))"


def test_what_the_operator_of_onnx_can_do_besides(tmp_path):
    path = tmp_path / "x.onnx"

    def message(**attributes):
        shared_keys(path, 2, 2, 3, **attributes)
        with pytest.raises(FormatError) as raised:
            from_onnx(path)
        return str(raised.value).partition("x.onnx, ")[2].partition(" The layers")[0]

    assert message(softcap=2.0) == (
        "node 'a': Attention with softcap=2.0 cannot be imported exactly."
    )
    make = onnx.helper.make_node
    graph_of(path, [make("Attention", ["x", "K", "x"], ["y"], name="a", q_num_heads=1,
                         kv_num_heads=1)], {"K": weights(1, 4, 8)})  # fmt: skip
    with pytest.raises(FormatError, match="node 'a': Attention of constants cannot be imported"):
        from_onnx(path)


@pytest.mark.slow
def test_the_operator_tests_of_attention_are_of_several_sequences(tmp_path):
    """All have queries, keys and values of their own, mostly of different lengths."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = [case for case in collect_testcases(None) if case.name.startswith("test_attention")]
    assert len(cases) > 50
    for case in cases:
        onnx.save(case.model, tmp_path / "x.onnx")
        with pytest.raises(FormatError):
            from_onnx(tmp_path / "x.onnx")


@pytest.mark.parametrize("equations", [("bthd,bshd->bhts", "bhts,bshd->bthd"),
                                       ("bthd,bshd->bhst", "bhst,bshd->bthd")])  # fmt: skip
def test_einsum(equations, tmp_path):
    make, path = onnx.helper.make_node, tmp_path / "x.onnx"
    first, second = equations
    nodes = [
        make("MatMul", ["x", "W"], ["qkv"]),
        make("Split", ["qkv"], ["q", "k", "v"], axis=-1, num_outputs=3),
        *[make("Reshape", [name, "heads"], [f"{name}1"]) for name in "qkv"],
        make("Einsum", ["q1", "k1"], ["s"], equation=first, name="e"),
        make("Softmax", ["s"], ["a"], axis=-1 if first.endswith("s") else 2),
        make("Einsum", ["a", "v1"], ["m"], equation=second),
        make("Reshape", ["m", "width"], ["y"]),
    ]
    constants = {
        "W": weights(8, 24), "heads": numpy.array([0, 0, 2, 4]), "width": numpy.array([0, 0, 8])
    }  # fmt: skip
    graph_of(path, nodes, constants)
    if first.endswith("ts"):
        network = run_like_onnxruntime(path)
        assert repr(network) == "Sequential(MultiHeadAttention(8, 2, bias=False))"
        return
    with pytest.raises(FormatError) as raised:  # it is not known which axis is normalized
        from_onnx(path)
    assert "Softmax of first × columns × keys × steps cannot be imported" in str(raised.value)


def test_the_last_step_in_other_words(tmp_path):
    make, path = onnx.helper.make_node, tmp_path / "x.onnx"
    nodes = [
        make("MatMul", ["x", "W"], ["q"]),
        make("Transpose", ["q"], ["k"], perm=[0, 2, 1]),
        make("MatMul", ["q", "k"], ["s"]),
        make("Softmax", ["s"], ["a"], axis=-1),
        make("MatMul", ["a", "q"], ["m"]),
        make("Transpose", ["m"], ["t"], perm=[1, 0, 2]),
        make("GatherND", ["t", "last"], ["l"]),
        make("Squeeze", ["l", "zero"], ["y"]),
    ]
    constants = {
        "W": weights(8, 8), "last": numpy.array([[-1]]), "zero": numpy.array([0])
    }  # fmt: skip
    graph_of(path, nodes, constants)
    network = run_like_onnxruntime(path)
    assert repr(network) == (  # queries, keys and values are one product, which comes before
        "Sequential(Dense(8, 8, bias=False), MultiHeadAttention(8, 1, bias=False), LastStep())"
    )


@pytest.mark.parametrize("axis", [-1, 2])
def test_the_norm_that_onnx_has_an_operator_for(axis, tmp_path):
    make, path = onnx.helper.make_node, tmp_path / "x.onnx"
    nodes = [
        make("RMSNormalization", ["x", "scale"], ["n"], axis=axis, epsilon=0.01),
        make("Transpose", ["n"], ["k"], perm=[0, 2, 1]),
        make("MatMul", ["n", "k"], ["s"]),
        make("Softmax", ["s"], ["a"], axis=-1),
        make("MatMul", ["a", "n"], ["y"]),
    ]
    graph_of(path, nodes, {"scale": weights(8)})
    network = run_like_onnxruntime(path)
    norm, attention = network.layers
    assert norm.gamma == weights(8).tolist()
    assert repr(attention) == "MultiHeadAttention(8, 1, bias=False)"
    assert [[float(i == j) for j in range(8)] for i in range(8)] == attention.parts["key"].W


def test_attention_to_another_sequence_is_refused(tmp_path):
    make, path = onnx.helper.make_node, tmp_path / "x.onnx"
    nodes = [
        make("Relu", ["x"], ["r"]),
        make("MatMul", ["r", "W"], ["q"]),
        make("Tanh", ["x"], ["h"]),
        make("Transpose", ["h"], ["k"], perm=[0, 2, 1]),
        make("MatMul", ["q", "k"], ["s"]),
        make("Softmax", ["s"], ["a"], axis=-1),
        make("MatMul", ["a", "h"], ["y"], name="n"),
    ]
    graph_of(path, nodes, {"W": weights(8, 8)})
    with pytest.raises(FormatError) as raised:
        from_onnx(path)
    assert str(raised.value).partition("x.onnx, ")[2].partition(" The layers")[0] == (
        "node 'n': attention whose queries, keys and values are not all X W + b of one X of "
        "8 columns cannot be imported exactly."
    )


def test_sums_inside_sums_have_a_limit(tmp_path):
    layer = nn.Tanh()
    for _ in range(21):
        layer = nn.Residual(layer)
    model = nn.Sequential(nn.Embedding(3, 2), layer)
    assert changed(tmp_path, lambda nodes, graph: None, model) == (
        ", node '1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.Add': "
        "more than 20 sums inside each other cannot be imported exactly."
    )


# --- PyTorch ---

C, H = 8, 2
STYLES = ("packed", "sdpa", "divided", "added", "module", "swapped")


def module_of(torch, style, causal, before):
    """Return a small transformer as people write it."""
    tn, functional = torch.nn, torch.nn.functional

    class Attention(tn.Module):
        def __init__(self):
            super().__init__()
            if style in ("packed", "sdpa"):
                self.c_attn = tn.Linear(C, 3 * C)
            elif style in ("module", "swapped"):
                self.attn = tn.MultiheadAttention(C, H, batch_first=style == "module")
            else:
                self.q, self.k, self.v = (tn.Linear(C, C) for _ in range(3))
            if style not in ("module", "swapped"):
                self.c_proj = tn.Linear(C, C)
            self.register_buffer("tril", torch.tril(torch.ones(MOST, MOST)).view(1, 1, MOST, MOST))

        def forward(self, x):
            B, T, _ = x.shape
            if style in ("module", "swapped"):
                mask = tn.Transformer.generate_square_subsequent_mask(T) if causal else None
                x = x if style == "module" else x.transpose(0, 1)
                y = self.attn(x, x, x, attn_mask=mask, need_weights=False)[0]
                return y if style == "module" else y.transpose(0, 1)
            if style in ("packed", "sdpa"):
                q, k, v = self.c_attn(x).split(C, dim=2)
            else:
                q, k, v = self.q(x), self.k(x), self.v(x)
            q, k, v = (t.view(B, T, H, C // H).transpose(1, 2) for t in (q, k, v))
            if style == "sdpa":
                y = functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
            else:
                s = q @ k.transpose(-2, -1)
                s = s / math.sqrt(C // H) if style == "divided" else s * (1 / math.sqrt(C // H))
                if causal and style == "added":
                    s = s + torch.full((T, T), -math.inf).triu(1)
                elif causal:
                    s = s.masked_fill(self.tril[:, :, :T, :T] == 0, -math.inf)
                y = torch.softmax(s, -1) @ v
            return self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C))

    class Net(tn.Module):
        def __init__(self):
            super().__init__()
            self.wte, self.wpe = tn.Embedding(KINDS, C), tn.Embedding(MOST, C)
            self.one, self.two, self.last = tn.LayerNorm(C), tn.LayerNorm(C), tn.LayerNorm(C)
            self.mlp = tn.Sequential(tn.Linear(C, 9), tn.GELU("tanh"), tn.Linear(9, C))
            if style == "encoder":
                self.attention = tn.TransformerEncoderLayer(
                    C, H, 9, activation="gelu", batch_first=True, norm_first=before
                )
            else:
                self.attention = Attention()
            self.head = tn.Linear(C, KINDS)
            for p in self.parameters():
                tn.init.normal_(p, 0.2, 0.4)

        def forward(self, x):
            T = x.shape[1]
            h = self.wte(x) + self.wpe(torch.arange(0, T, device=x.device))
            if style == "encoder":
                mask = tn.Transformer.generate_square_subsequent_mask(T) if causal else None
                h = self.attention(h, src_mask=mask)
            elif before:
                h = h + self.attention(self.one(h))
                h = h + self.mlp(self.two(h))
            else:
                h = self.one(h + self.attention(h))
                h = self.two(h + self.mlp(h))
            return self.head(self.last(h))

    torch.manual_seed(2)
    return Net().eval()


def exported(torch, module, path, newer=False, batch=2, axes=None):
    """Write a module by one of PyTorch's exporters."""
    x = torch.randint(0, KINDS, (batch, 5))
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # one operator, which ONNX does not have
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if newer:
                names = {0: "batch", 1: "steps"}
                sides = {
                    k: torch.export.Dim(names[k], min=2, max=MOST if k else 99) for k in axes or ()
                }
                torch.onnx.export(
                    module, (x,), str(path), dynamo=True, dynamic_shapes=(sides,) if axes else None,
                    external_data=False, verbose=False,
                )  # fmt: skip
            else:
                torch.onnx.export(
                    module, (x,), str(path), dynamo=False, input_names=["x"],
                    dynamic_axes={"x": axes} if axes else None,
                )  # fmt: skip
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def compared(torch, module, path, lengths):
    network = from_onnx(path).network
    for steps in lengths:
        x = torch.randint(0, KINDS, (3, steps))
        wanted = module(x).detach().tolist()
        assert flat(network.predict(x.tolist())) == pytest.approx(flat(wanted), abs=3e-6)
    return network


# The older exporter fixes the number of steps in nn.MultiheadAttention, whatever it is told.
FIXED = ("module", "swapped", "encoder")
CASES = [*itertools.product((*STYLES, "encoder"), (True, False), (True, False))]


def both_ways(torch, case, path, newer):
    style, causal, before = case
    module = module_of(torch, style, causal, before)
    for batch, axes in ((1, ()), (2, ()), (2, (0,)), (2, (0, 1))):
        if style in FIXED and 1 in axes and not newer:
            continue
        exported(torch, module, path, newer, batch, {k: f"side{k}" for k in axes})
        network = compared(torch, module, path, (2, 5) if 1 in axes else (5,))
        assert f"MultiHeadAttention(8, 2{', causal=True' if causal else ''})" in repr(network)
        # Where the number of steps is fixed, the file may hold the rows that are used alone.
        assert repr(network.layers[1]) in (
            "Positions(6, 8)",
            f"Positions({6 if 1 in axes else 5}, 8)",
        )


@pytest.mark.parametrize("case", [CASES[0], CASES[7], CASES[16], CASES[25]], ids=str)
def test_transformers_of_pytorch(case, tmp_path):
    torch = pytest.importorskip("torch")
    both_ways(torch, case, tmp_path / "x.onnx", newer=False)


@pytest.mark.slow
def test_all_transformers_of_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    for case in CASES:
        both_ways(torch, case, tmp_path / "x.onnx", newer=False)


@pytest.mark.slow
def test_all_transformers_of_the_newer_exporter(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    for case in CASES:
        both_ways(torch, case, tmp_path / "x.onnx", newer=True)


def test_an_exporter_may_fix_the_number_of_steps(tmp_path):
    """The file says that there may be any, but runs with five alone."""
    torch = pytest.importorskip("torch")
    module = module_of(torch, "module", True, True)
    exported(torch, module, tmp_path / "x.onnx", axes={0: "batch", 1: "steps"})
    network = compared(torch, module, tmp_path / "x.onnx", (5,))
    assert "MultiHeadAttention(8, 2, causal=True)" in repr(network)


# Which step s may be seen from step t.
MASKS = {
    "causal": lambda t, s: s <= t,
    "causal in other words": lambda t, s: ~(s > t),
    "one step back": lambda t, s: (s <= t) & (t - s < 2),
    "two steps back": lambda t, s: (s <= t) & (s > t - 3),
    "four steps back": lambda t, s: (s <= t) & (t - s < 5),
    "forty steps back": lambda t, s: (s <= t) & (t - s < 40),
    "three steps either way": lambda t, s: (t - s).abs() < 4,
    "blocks": lambda t, s: t // 4 == s // 4,
    "a beginning that all may see": lambda t, s: (s <= t) | (s < 3),
    "the first and the latest": lambda t, s: (s <= t) & ((t - s < 3) | (s == 0)),
    "every second": lambda t, s: (s <= t) & ((t - s) % 2 == 0),
    "one step ahead": lambda t, s: s <= t + 1,
    "later ones": lambda t, s: s >= t,
    "others": lambda t, s: s != t,
}


def masked(torch, rule, kept, way):
    """Return attention with a mask that is computed, or cut from one that is kept."""
    tn = torch.nn

    class Net(tn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.qkv, self.out = (
                tn.Embedding(KINDS, C),
                tn.Linear(C, 3 * C),
                tn.Linear(C, C),
            )
            at = torch.arange(MOST)
            self.register_buffer("mask", rule(at[:, None], at[None, :]))

        def forward(self, x):
            B, T = x.shape
            at = torch.arange(T)
            mask = self.mask[:T, :T] if kept else rule(at[:, None], at[None, :])
            h = self.embed(x)
            q, k, v = (
                part.view(B, T, H, C // H).transpose(1, 2) for part in self.qkv(h).split(C, dim=2)
            )
            if way == "sdpa":
                y = tn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
            else:
                s = q @ k.transpose(-2, -1) / math.sqrt(C // H)
                s = s.masked_fill(~mask, -math.inf) if way == "filled" else s + (~mask) * -1e9
                y = torch.softmax(s, -1) @ v
            return self.out(y.transpose(1, 2).reshape(B, T, C))

    torch.manual_seed(3)
    return Net().eval()


@pytest.mark.slow
@pytest.mark.parametrize("newer", [False, True], ids=["older", "newer"])
@pytest.mark.parametrize("mask", MASKS)
def test_masks_that_pytorch_writes_are_right_for_any_number_of_steps_or_refused(
    newer, mask, tmp_path
):
    torch = pytest.importorskip("torch")
    if newer:
        pytest.importorskip("onnxscript")
    path = tmp_path / "x.onnx"
    for kept, way in itertools.product((False, True), ("sdpa", "filled", "added")):
        module = masked(torch, MASKS[mask], kept, way)
        exported(torch, module, path, newer, axes={0: "batch", 1: "steps"})
        if mask.startswith("causal") or (mask == "forty steps back" and kept):
            compared(torch, module, path, (1, 2, MOST))
        else:
            with pytest.raises(FormatError):
                from_onnx(path)
