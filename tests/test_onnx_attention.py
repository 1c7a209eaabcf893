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
from tinynn.importers import from_onnx, onnx_sequences

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


@pytest.mark.parametrize(
    "change",
    [hides_itself, shares_of_keys, small_mask, other_heads, no_softmax],
    ids=lambda change: change.__name__,
)
def test_what_is_no_attention_of_ours_is_refused(change, tmp_path):
    assert changed(tmp_path, change) == (
        ", node '3.1.MatMul': a fork with MatMul, MatMul, MatMul cannot be imported exactly."
    )


def test_what_is_normalized_along_the_steps_is_refused(tmp_path):
    def along_steps(nodes, graph):
        for name in ("2.ReduceMean", "2.ReduceMean_2"):
            nodes[name].attribute[0].ints[:] = [1]

    model = transformer(2, 2, norm=nn.LayerNorm)
    wanted = "a fork with ReduceMean, Sub cannot be imported exactly."
    assert changed(tmp_path, along_steps, model) == f", node '2.ReduceMean': {wanted}"


def test_columns_may_be_followed_so_long_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_sequences, "EFFORT", 50)
    assert changed(tmp_path, lambda nodes, graph: None).startswith(", node '3.1.MatMul': a fork")


def test_positions_of_another_length_are_refused(tmp_path):
    def constant(nodes, graph):
        nodes["1.Add"].input[1] = "table"
        table = numpy.arange(12.0).reshape(3, 4)
        graph.initializer.append(onnx.numpy_helper.from_array(table, "table"))

    assert changed(tmp_path, constant) == (
        ", node '1.Add': Add of a constant of shape [3, 4] of first × second × columns "
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
    assert "a graph that depends on the number of steps cannot be imported" in str(raised.value)


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


def test_steps_that_an_exporter_fixed_are_refused(tmp_path):
    torch = pytest.importorskip("torch")
    module = module_of(torch, "module", True, True)
    exported(torch, module, tmp_path / "x.onnx", axes={0: "batch", 1: "steps"})
    with pytest.raises(FormatError) as raised:
        from_onnx(tmp_path / "x.onnx")
    assert "Reshape to [3, 2, 3, 8] of steps × first × columns cannot be" in str(raised.value)
