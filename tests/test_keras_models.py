"""Keras's models: functional chains, layers that scale, layers that do nothing; files and paths.

Stand-ins with Keras's names need no Keras; the last tests run Keras itself, where it is installed.
"""

from __future__ import annotations

import json
import math
import pathlib
import pickle
import random
import sys
import types
import zipfile

import pytest
from golden_tables import load_table
from hypothesis import given, strategies as st
from live_objects import Array, made, stand_in

import tinynn as nn
from tinynn.errors import FormatError
from tinynn.formulas.names import layers_named
from tinynn.importers import (
    from_brainjs,
    from_keras,
    from_onnx,
    from_pytorch,
    from_safetensors,
    from_sklearn,
)

ROWS = [[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]]


def layer(kind, name, weights=(), **config):
    content = {"config": {"name": name, **config}, "weights": {"list": list(weights)}}
    return stand_in(kind, "keras.src.layers.some", name=name, **content)


def dense(name, inputs, outputs, activation="linear", start=0.1):
    W = [[start * (i + 1) - 0.2 * j for j in range(outputs)] for i in range(inputs)]
    b = [0.5 * j for j in range(outputs)]
    return layer("Dense", name, [{"array": W}, {"array": b}], activation=activation, use_bias=True)


def called(*tensors, **arguments):
    """Return a call in Keras 3's description, of tensors (layer, call)."""
    found = [
        {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, 0]}}
        for name, call in tensors
    ]
    return {"args": found[:1] if len(found) == 1 else [found], "kwargs": arguments}


def called_in_keras_2(*tensors, **arguments):
    return [[name, call, 0, arguments] for name, call in tensors]


def functional(layers, calls, start=("i", 0), end=None, shape=(None, 3)):
    """Return a functional model: `calls` has a list of calls for each layer but the first."""
    first = layer("InputLayer", "i", batch_shape=shape)
    entries = [{"name": "i", "class_name": "InputLayer", "inbound_nodes": []}] + [
        {"name": part.name, "class_name": type(part).__name__, "inbound_nodes": calls[part.name]}
        for part in layers
    ]
    config = {
        "layers": entries,
        "input_layers": [[*start, 0]],
        "output_layers": [*(end or (layers[-1].name, 0)), 0],
    }
    model = stand_in("Functional", "keras.src.models.functional", name="f")
    model.layers = [first, *layers]
    model.config = config
    model.weights = []
    return model


def refused(model):
    with pytest.raises(FormatError) as error:
        from_keras(model)
    return str(error.value).partition(". The layers of tinynn are")[0]


@pytest.mark.parametrize("call", [called, called_in_keras_2])
def test_a_functional_chain_is_read_in_the_order_of_its_calls(call):
    a, b = dense("a", 3, 2, "tanh"), dense("b", 2, 3)
    noise = layer("GaussianNoise", "noise", stddev=0.1)
    calls = {"a": [call(("i", 0))], "noise": [call(("a", 0))], "b": [call(("noise", 0))]}
    model = functional([b, noise, a], calls, end=("b", 0))  # Keras lists them by depth, not here
    wanted = nn.Sequential(
        nn.Dense(3, 2, weights=a.weights[0].values, bias=a.weights[1].values),
        nn.Tanh(),
        nn.Dense(2, 3, weights=b.weights[0].values, bias=b.weights[1].values),
    )
    assert from_keras(model).network.predict(ROWS) == wanted.predict(ROWS)


def test_a_layer_that_is_called_twice_is_there_twice():
    shared = dense("a", 3, 3, "tanh")
    model = functional([shared], {"a": [called(("i", 0)), called(("a", 0))]}, end=("a", 1))
    once = functional([shared], {"a": [called(("i", 0)), called(("a", 0))]}, end=("a", 0))
    network = from_keras(once).network
    assert from_keras(model).network.predict(ROWS) == network.predict(network.predict(ROWS))


def summed(calls, **layers):
    """Return a model of Dense layers a and b of three columns, and layers that may add."""
    parts = [dense("a", 3, 3, "tanh"), dense("b", 3, 3, start=0.3)]
    return functional([*parts, *(layer(kind, name) for name, kind in layers.items())], calls)


@pytest.mark.parametrize("call", [called, called_in_keras_2])
def test_sums_of_x_and_what_is_made_of_it_are_residual(call):
    calls = {
        "a": [call(("i", 0))], "b": [call(("inner", 0))],
        "inner": [call(("a", 0), ("i", 0))], "outer": [call(("i", 0), ("b", 0))],
    }  # fmt: skip
    network = from_keras(summed(calls, inner="Add", outer="Add")).network
    residual = "Residual(Dense(3, 3), Tanh())"
    assert repr(network) == f"Sequential(Residual({residual}, Dense(3, 3)))"
    a, b = (dense(name, 3, 3, start=s) for name, s in (("a", 0.1), ("b", 0.3)))
    A, B = (from_keras(sequential(one)).network for one in (a, b))
    for x, y in zip(ROWS, network.predict(ROWS)):
        h = [v + math.tanh(z) for v, z in zip(x, A.predict([x])[0])]
        assert y == pytest.approx([v + z for v, z in zip(x, B.predict([h])[0])])


def test_an_operation_that_adds_is_a_sum():
    calls = {"a": [called(("i", 0))], "b": [called(("sum", 0))]}
    model = summed(calls)
    plus = {"name": "sum", "class_name": "Add", "module": "keras.src.ops.numpy"}
    model.config["layers"].append({**plus, "inbound_nodes": [called(("i", 0), ("a", 0))]})
    assert repr(from_keras(model).network) == (
        "Sequential(Residual(Dense(3, 3), Tanh()), Dense(3, 3))"
    )
    model.config["layers"][-1]["module"] = "someone.elses"
    assert refused(model) == "the model: the operation Add (keras.ops) cannot be imported exactly"


def test_other_sums_are_refused():
    begun = {"a": [called(("i", 0))], "b": [called(("i", 0))]}
    two = summed({**begun, "add": [called(("a", 0), ("b", 0))]}, add="Add")
    assert refused(two) == (
        "the model, layer Add 'add': a sum whose terms are not x and f(x) cannot be imported "
        "exactly; export it to ONNX"
    )
    for terms, words in (("aa", "2 inputs, a, a"), ("iab", "3 inputs, i, a, b")):
        call = called(*((name, 0) for name in terms))
        assert refused(summed({**begun, "add": [call]}, add="Add")) == (
            f"the model, layer Add 'add': a layer that takes {words}, cannot be imported exactly; "
            "export it to ONNX"
        )
    own = summed({**begun, "add": [called(("a", 0), ("i", 0))]}, add="Subtract")
    assert "layer Subtract 'add': a layer that takes 2 inputs, a, i," in refused(own)
    narrow = functional(
        [dense("a", 3, 1), layer("Add", "add")],
        {"a": [called(("i", 0))], "add": [called(("a", 0), ("i", 0))]},
    )
    assert refused(narrow) == (
        "the model: layer 0: Residual(Dense(3, 1)) adds its layers' outputs to its inputs and "
        "needs as many columns of both, got 3 in and 1 out"
    )
    deep = {"a": [called(("i", 0)), called(("a", 0))], "b": [called(("i", 0))]}
    names = [f"s{k}" for k in range(22)]
    for before, name in zip(["b", *names], names):
        deep[name] = [called((before, 0), ("i", 0))]
    assert refused(summed(deep, **dict.fromkeys(names, "Add"))) == (
        "the model, layer Add 's1': more than 20 sums inside each other cannot be imported exactly"
    )
    circle = summed({**begun, "add": [called(("add", 0), ("i", 0))]}, add="Add")
    assert refused(circle) == "the model: its configuration does not lead from output to input"


def test_what_is_no_chain_is_refused_by_the_layer():
    a = dense("a", 3, 3)
    calls = {"a": [called(("i", 0), training=True)]}
    assert refused(functional([a], calls)) == (
        "the model, layer Dense 'a': a call with training=True cannot be imported exactly"
    )
    calls["a"][0] = called(("i", 0))
    calls["a"][0]["args"].append(True)
    assert refused(functional([a], calls)) == (
        "the model, layer Dense 'a': a call with argument 2=True cannot be imported exactly"
    )
    two = functional([a], {"a": [called(("i", 0))]})
    two.config["output_layers"] = [["a", 0, 0], ["i", 0, 0]]
    assert refused(two) == (
        "the model: a model with 2 outputs cannot be imported exactly; a network has one input, "
        "one output"
    )
    operation = functional([a], {"a": [called(("sin", 0))]})
    operation.config["layers"].append({"name": "sin", "class_name": "Sin", "inbound_nodes": []})
    assert refused(operation) == (
        "the model: the operation Sin (keras.ops) cannot be imported exactly"
    )


def test_a_damaged_description_ends_in_an_error():
    a = dense("a", 3, 3)
    circle = functional([a], {"a": [called(("a", 0))]})
    assert refused(circle) == "the model: its configuration does not lead from output to input"
    assert refused(functional([a], {"a": [called(("i", 0))]}, end=("a", 7))) == (
        "the model: its configuration has no call 7 of 'a'"
    )


def test_a_class_of_the_caller_is_refused_as_its_call_is_code():
    model = type("Mine", (type(dense("a", 3, 3)),), {"__module__": "mine"})()
    assert refused(model) == (
        "the model: an object of mine.Mine cannot be imported exactly; its call() is code: export "
        "it to ONNX for from_onnx, or give its get_weights() and layers=[…]"
    )


def sequential(*layers, shape=(None, 3)):
    model = stand_in("Sequential", "keras.src.models.sequential", input_shape=shape, name="s")
    model.layers = list(layers)
    return model


numbers = st.floats(-100, 100)


@given(scale=numbers, offset=numbers)
def test_rescaling_is_its_formula(scale, offset):
    network = from_keras(sequential(layer("Rescaling", "r", scale=scale, offset=offset))).network
    for row, got in zip(ROWS, network.predict(ROWS)):
        assert got == pytest.approx([x * scale + offset for x in row], rel=1e-12, abs=1e-12)


@given(mean=st.lists(numbers, min_size=3, max_size=3), spread=st.floats(0, 100), back=st.booleans())
def test_normalization_is_its_formula(mean, spread, back):
    variance = [spread, 1.0, 4.0]
    part = layer("Normalization", "n", axis=(-1,), mean=mean, variance=variance, invert=back)
    adapted = [{"array": mean}, {"array": variance}]
    learnt = layer("Normalization", "n", [*adapted, {"array": [1]}], axis=(-1,), invert=back)
    wanted = [
        [
            x * max(math.sqrt(v), 1e-7) + m if back else (x - m) / max(math.sqrt(v), 1e-7)
            for x, m, v in zip(row, mean, variance)
        ]
        for row in ROWS
    ]
    for model in (sequential(part), sequential(learnt)):
        for got, row in zip(from_keras(model).network.predict(ROWS), wanted):
            assert got == pytest.approx(row, rel=1e-12, abs=1e-9)


def test_an_even_scaling_takes_its_width_from_its_neighbours():
    scaled = layer("Rescaling", "r", scale=1 / 255, offset=-1.0)
    for model, at in (
        (sequential(scaled, dense("a", 3, 2), shape=None), 0),
        (sequential(dense("a", 3, 2), scaled, shape=None), 1),
        (sequential(scaled, layer("Flatten", "f"), dense("a", 6, 2), shape=(None, 2, 3)), 0),
    ):
        found = from_keras(model).network.layers[at]
        assert len(found.gamma) == (2 if at else from_keras(model).network.layers[1].inputs)
    assert refused(sequential(scaled, shape=None)) == (
        "layer 0, Rescaling 'r': the model does not say how many columns it takes; build it with "
        "an Input first"
    )


@pytest.mark.parametrize("name", layers_named("Keras function"))
def test_each_activation_is_read_by_its_name(name):
    kind = layers_named("Keras function")[name]
    own = kind(0.2) if kind is nn.LeakyReLU else kind()  # 0.2 in Keras
    alone = layer("Activation", "b", activation=name)
    for parts in ([dense("a", 3, 3, name)], [dense("a", 3, 3), alone]):
        network = from_keras(sequential(*parts)).network
        wanted = own.forward(from_keras(sequential(dense("a", 3, 3))).network.predict(ROWS))
        assert network.predict(ROWS) == wanted
        assert [type(one) for one in network.layers[1:]] == [kind] * (kind is not nn.Linear)


def by_groups(row, groups, gamma, beta, eps):
    size = len(row) // groups
    found = []
    for k in range(0, len(row), size):
        part = row[k : k + size]
        mean = sum(part) / size
        deviation = math.sqrt(sum((x - mean) ** 2 for x in part) / size + eps)
        found += [(x - mean) / deviation for x in part]
    return [g * x + b for x, g, b in zip(found, gamma, beta)]


GAMMA, BETA = [1.5, 0.5, -2.0, 1.0], [0.25, -1.0, 3.0, 0.0]
FOUR = [[1.0, -2.0, 0.5, 4.0], [0.0, 3.0, -1.0, 1.0]]


@pytest.mark.parametrize("scale", [True, False])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("groups", [1, 2, 4, -1, None])
def test_normalizations_are_their_formula(groups, scale, center):
    """Without groups it is a LayerNormalization; −1 is a group for each column."""
    weights = [{"array": GAMMA}] * scale + [{"array": BETA}] * center
    settings = {"axis": -1, "epsilon": 1e-3, "scale": scale, "center": center}
    kind = "LayerNormalization" if groups is None else "GroupNormalization"
    if groups is not None:
        settings["groups"] = groups
    part = layer(kind, "g", weights, **settings)
    first = dense("a", 4, 4)
    if groups == -1 and not weights:
        assert "a GroupNormalization of one column a group" in refused(sequential(first, part))
        return
    rows = from_keras(sequential(first, shape=(None, 4))).network.predict(FOUR)
    network = from_keras(sequential(first, part, shape=(None, 4))).network
    gamma, beta = GAMMA if scale else [1.0] * 4, BETA if center else [0.0] * 4
    for got, row in zip(network.predict(FOUR), rows):
        count = {None: 1, -1: 4}.get(groups, groups)
        assert got == pytest.approx(by_groups(row, count, gamma, beta, 1e-3), abs=1e-12)


def test_other_rectifiers_are_their_formula():
    for part, wanted in (
        (layer("PReLU", "p", [{"array": [0.1, 0.2, 0.5]}]), [[1.0, -0.4, 0.5], [0.0, 3.0, -0.5]]),
        (layer("PReLU", "p", [{"array": [0.5]}]), [[1.0, -1.0, 0.5], [0.0, 3.0, -0.5]]),
        (layer("ReLU", "r", max_value=2.0), [[1.0, 0.0, 0.5], [0.0, 2.0, 0.0]]),
        (layer("ReLU", "r", max_value=6.0), [[1.0, 0.0, 0.5], [0.0, 3.0, 0.0]]),
        (layer("ReLU", "r", negative_slope=0.5), [[1.0, -1.0, 0.5], [0.0, 3.0, -0.5]]),
        (layer("LeakyReLU", "l", alpha=0.5), [[1.0, -1.0, 0.5], [0.0, 3.0, -0.5]]),
    ):
        assert from_keras(sequential(part)).network.predict(ROWS) == wanted


def test_the_hard_sigmoid_of_keras_2_is_another(monkeypatch):
    """x / 5 + 1/2 there, x / 6 + 1/2 in Keras 3."""
    part = layer("Activation", "h", activation="hard_sigmoid")
    assert from_keras(sequential(part)).network.predict([[1.5, -6.0, 9.0]]) == [[0.75, 0.0, 1.0]]
    monkeypatch.setitem(sys.modules, "keras", types.SimpleNamespace(__version__="2.15.0"))
    old = from_keras(sequential(part)).network.predict([[1.5, -6.0, 9.0]])
    assert old == [[pytest.approx(0.8), 0.0, 1.0]]


@pytest.mark.parametrize(
    "kind",
    ["GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization", "Identity"],
)
def test_layers_that_do_nothing_in_prediction_are_left_out(kind):
    network = from_keras(sequential(layer(kind, "x"), dense("a", 3, 2))).network
    assert repr(network) == "Sequential(Dense(3, 2))"


def test_a_layer_as_an_activation_keeps_its_settings():
    config = {"module": "keras.layers", "class_name": "LeakyReLU"}
    config["config"] = {"negative_slope": 0.25}
    network = from_keras(sequential(dense("a", 3, 2, config))).network
    assert network.layers[1].negative_slope == 0.25


def test_a_description_that_lacks_a_setting_is_refused():
    assert refused(layer("Dense", "a")) == "the model: the Dense lacks some of its weights"
    assert refused(layer("Rescaling", "a")) == "the model: the Rescaling lacks 'scale'"


# Paths and files


@pytest.mark.parametrize("path", ["m.keras", pathlib.Path("m.keras")])
def test_a_path_is_refused_with_the_call_that_works(path):
    assert refused(path) == (
        "from_keras needs a live model, got the path 'm.keras'; load it with Keras first: "
        "from_keras(keras.models.load_model('m.keras'))"
    )
    with pytest.raises(FormatError) as error:
        from_pytorch(path)
    assert str(error.value) == (
        "from_pytorch needs a live module or a state dict, got the path 'm.keras'; load it with "
        "PyTorch first: from_pytorch(torch.load('m.keras')), with layers=[…] for a state dict. A "
        ".safetensors file goes to from_safetensors"
    )
    with pytest.raises(FormatError) as error:
        from_sklearn(path)
    assert str(error.value) == (
        "from_sklearn needs a fitted model, got the path 'm.keras'; load it with the program that "
        "wrote it first, if you trust the file: from_sklearn(joblib.load('m.keras'))"
    )


def written(tmp_path, kind):
    path = tmp_path / f"m.{kind}"
    if kind == "h5":
        path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    elif kind == "pkl":
        path.write_bytes(pickle.dumps([1, 2], 4))
    else:
        members = {"keras": ["metadata.json", "config.json"], "pt": ["m/data.pkl"], "zip": ["a"]}
        with zipfile.ZipFile(path, "w") as archive:
            for name in members[kind]:
                archive.writestr(name, json.dumps({}))
    return path


KINDS = {
    "keras": "is a Keras archive, which needs Keras to be read: "
    "tinynn.importers.from_keras(keras.models.load_model(…))",
    "h5": "is an HDF5 file, which needs Keras to be read: "
    "tinynn.importers.from_keras(keras.models.load_model(…))",
    "pt": "is a PyTorch file, which needs PyTorch to be read: "
    "tinynn.importers.from_pytorch(torch.load(…)), with layers=[…] for a state dict",
    "zip": "is a zip archive; unpack it first",
    "pkl": "is a pickle, which may run any code: only if you trust it, load it with the program "
    "that wrote it, and give the model to from_sklearn or from_pytorch",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("read", [from_onnx, from_brainjs, from_safetensors, nn.load])
def test_files_of_other_programs_are_refused_by_what_they_are(read, kind, tmp_path):
    path = written(tmp_path, kind)
    with pytest.raises(FormatError) as error:
        read(path)
    assert str(error.value) == f"{path} {KINDS[kind]}"


# Attention

ATTENTION = load_table("keras_attention")


@pytest.mark.parametrize("case", ATTENTION, ids=["added", "causal", "narrow"])
def test_the_golden_transformers_of_keras(case):
    model = made(case["model"])
    model.input_shape = tuple(case["shape"])
    network = from_keras(model).network
    for part in case["sequences"]:
        for wanted, got in zip(part["outputs"], network.predict(part["X"])):
            assert flat(got) == pytest.approx(flat(wanted), abs=3e-6, rel=3e-6)


def flat(rows):
    return [x for row in rows for x in row] if isinstance(rows[0], list) else rows


def attends(width=2, heads=1, columns=2, call=None, **config):
    """Return a model of a MultiHeadAttention whose weights are all 1."""
    ones = [[[1.0] * columns] * heads] * width
    arrays = [*[{"array": ones}] * 3, {"array": [[[1.0] * width] * columns] * heads}]
    settings = {"num_heads": heads, "key_dim": columns, "value_dim": columns, "use_bias": False}
    part = layer("MultiHeadAttention", "m", arrays, **{**settings, **config})
    call = call or {"args": called(("i", 0))["args"] * 2, "kwargs": {}}
    return functional([part], {"m": [call]}, shape=(None, None, width))


def test_attention_is_of_one_sequence_whatever_its_arguments_are_called():
    (tensor,) = called(("i", 0))["args"]
    by_name = dict.fromkeys(("query", "value", "key"), tensor)
    calls = [
        {"args": [tensor] * 3, "kwargs": {}},
        {"args": [tensor], "kwargs": {"value": tensor}},
        {"args": [], "kwargs": {**by_name, "use_causal_mask": False, "attention_mask": None}},
        [["i", 0, 0, {"value": ["i", 0, 0]}]],
    ]
    for call in calls:
        network = from_keras(attends(call=call)).network
        assert repr(network) == "Sequential(MultiHeadAttention(2, 1, bias=False))"
    calls[2]["kwargs"]["use_causal_mask"] = True
    calls[3][0][3]["use_causal_mask"] = True
    for call in calls[2:]:
        network = from_keras(attends(call=call)).network
        assert repr(network) == "Sequential(MultiHeadAttention(2, 1, causal=True, bias=False))"


def test_what_attention_can_do_in_keras_and_not_here_is_refused():
    (tensor,), (other,) = called(("i", 0))["args"], called(("a", 0))["args"]
    start = "the model, layer MultiHeadAttention 'm': "

    def message(*more, **named):
        call = {"args": [tensor, *more], "kwargs": named}
        return refused(attends(call=call)).replace(start, "").replace(" exactly", "")

    assert message(tensor, attention_mask=tensor).startswith("a call with attention_mask=")
    assert message(tensor, tensor, tensor).startswith("a call with argument 4=")
    assert message(tensor, return_attention_scores=True) == (
        "a call with return_attention_scores=True cannot be imported"
    )
    two = attends(call={"args": [tensor, other], "kwargs": {}})
    assert "a layer that takes 2 inputs, i, a," in refused(two)
    start = "layer 0, MultiHeadAttention 'm': a MultiHeadAttention "
    for model, wanted in (
        (attends(attention_axes=[1, 2]), "with attention_axes=[1, 2]"),
        (attends(output_shape=3), "with output_shape=3"),
        (attends(sliding_window=4), "with sliding_window=4"),
        (attends(use_gate=True), "with use_gate=True"),
        (attends(heads=2), "of 2 columns, whose 2 heads have 2"),
        (attends(width=3, heads=2, columns=1), "of 3 columns, whose 2 heads have 1"),
    ):
        assert refused(model).partition(" cannot be")[0] == start + wanted
    assert refused(attends(heads=2)).endswith("; tinynn's heads divide the columns among them")


# Keras itself


def test_transformers_of_keras_predict_the_same():
    keras = pytest.importorskip("keras")
    numpy = pytest.importorskip("numpy")
    k, draw = keras.layers, random.Random(1)
    for _ in range(12):
        kinds = keras.Input((None,))
        heads = draw.choice([1, 2, 3])
        width = heads * draw.choice([2, 4])
        x = k.Embedding(6, width)(kinds)
        for _ in range(draw.randint(1, 2)):
            attention = k.MultiHeadAttention(
                heads, draw.randint(1, width // heads), draw.randint(1, width // heads),
                use_bias=draw.random() < 0.7,
            )  # fmt: skip
            h = k.LayerNormalization()(x) if draw.random() < 0.5 else x
            x = x + attention(h, h, use_causal_mask=draw.random() < 0.5)
            x = k.Add()([k.Dense(width)(k.Dense(5, "relu")(x)), x])
            x = k.LayerNormalization()(x)
        model = keras.Model(kinds, k.Dense(6)(x))
        rng = numpy.random.default_rng(draw.randrange(100))
        model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
        for steps in (1, 2, 7):
            X = rng.integers(0, 6, size=(3, steps))
            wanted = model.predict(X, verbose=0)
            got = numpy.array(from_keras(model).network.predict(X.tolist()))
            assert abs(got - wanted).max() < 1e-5 * max(1.0, abs(wanted).max())


def test_functional_models_of_keras_predict_the_same():
    keras = pytest.importorskip("keras")
    numpy = pytest.importorskip("numpy")
    k = keras.layers
    table, image = keras.Input((4,)), keras.Input((2, 3))
    inner = keras.Model(table, k.Dense(5, "elu")(table))
    shared = k.Dense(4, "tanh")
    fixed = k.Normalization(mean=[1.0, 2.0, 3.0, 4.0], variance=[2.0, 1.0, 3.0, 0.5])
    for start, end in (
        (table, k.Dense(3)(k.GaussianNoise(0.1)(k.Dense(8, "relu")(table)))),
        (table, shared(shared(table))),
        (table, k.Dense(2)(inner(table))),
        (table, k.Dense(2)(fixed(table))),
        (table, k.Dense(3, activation=k.LeakyReLU(0.3))(k.Rescaling([1.0, 2.0, 0.0, 4.0])(table))),
        (image, k.Dense(3)(k.Flatten()(k.Rescaling(1 / 255, -1)(image)))),
    ):
        model = keras.Model(start, end)
        rows = numpy.random.default_rng(0).normal(size=(5, *start.shape[1:])).astype("float32")
        wanted = model.predict(rows, verbose=0)
        got = numpy.array(from_keras(model).network.predict(rows.reshape(5, -1).tolist()))
        assert abs(got - wanted).max() < 1e-6 * max(1.0, abs(wanted).max())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_each_layer_of_keras_predicts_the_same():
    keras = pytest.importorskip("keras")
    numpy = pytest.importorskip("numpy")
    k = keras.layers
    functions = [
        name for name in layers_named("Keras function") if hasattr(keras.activations, name)
    ]
    assert len(functions) > 15
    layers = [
        k.ReLU(), k.ReLU(6.0), k.ReLU(2.5), k.ReLU(negative_slope=0.3), k.LeakyReLU(0.3),
        k.ELU(0.7), k.PReLU("uniform"), k.PReLU("uniform", shared_axes=[1]), k.Softmax(),
        k.Dropout(0.4),
        k.BatchNormalization(), k.LayerNormalization(), k.LayerNormalization(center=False),
        k.LayerNormalization(center=False, scale=False), k.GroupNormalization(2),
        k.GroupNormalization(3, scale=False), k.GroupNormalization(2, scale=False, center=False),
        k.GroupNormalization(-1), k.Rescaling(2.0, -1.0), k.GaussianNoise(0.1), k.Flatten(),
        *map(k.Activation, functions),
    ]  # fmt: skip
    rng = numpy.random.default_rng(0)
    for layer_ in layers:
        model = keras.Sequential([keras.Input((4,)), k.Dense(6), layer_, k.Dense(3)])
        model.set_weights([rng.uniform(0.1, 1.0, w.shape) for w in model.get_weights()])
        rows = rng.normal(size=(5, 4)).astype("float32")
        wanted = model.predict(rows, verbose=0)
        got = numpy.array(from_keras(model).network.predict(rows.tolist()))
        assert abs(got - wanted).max() < 2e-6 * max(1.0, abs(wanted).max()), layer_


def test_arrays_in_a_configuration_are_read():
    part = layer("Rescaling", "r", scale=Array([1.0, 2.0, 3.0]), offset=0.0)
    part.config["scale"] = Array([1.0, 2.0, 3.0])
    assert from_keras(part).network.predict([[1.0, 1.0, 1.0]]) == [[1.0, 2.0, 3.0]]
