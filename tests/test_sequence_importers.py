"""Networks of sequences from PyTorch, Keras and brain.js: the same outputs, or refused by name."""

from __future__ import annotations

import copy
import itertools
import json
import math
import random

import pytest
from golden_tables import load_maker, load_table
from live_objects import Array, stand_in

import tinynn as nn
from tinynn.errors import FormatError
from tinynn.export import to_safetensors
from tinynn.importers import from_brainjs, from_keras, from_pytorch, from_safetensors
from tinynn.importers.state import rebuilt

TABLE = load_table("recurrent")
MAKER = load_maker("recurrent")


def flat(rows):
    return [x for row in rows for x in row]


def message(call):
    """Return the message of the FormatError that a call raises, without the list of layers."""
    with pytest.raises(FormatError) as raised:
        call()
    return str(raised.value).partition(" The layers of tinynn are")[0]


# --- PyTorch without PyTorch ---


def torch_recurrent(entry, **changed):
    """Return a stand-in for one of the golden table's layers."""
    name, p = entry["kind"], entry["parameters"]
    attributes = {
        "bidirectional": False, "proj_size": 0, "num_layers": 1, "dropout": 0.0,
        "nonlinearity": "tanh", "bias": "bias_ih_l0" in p,
        **entry["settings"], **{key: Array(value) for key, value in p.items()}, **changed,
    }  # fmt: skip
    return stand_in(name, "torch.nn.modules.rnn", **attributes)


WHOLE = [entry for entry in TABLE if entry["truncate"] is None]


@pytest.mark.parametrize("entry", WHOLE, ids=lambda e: f"{e['kind']} {e['settings']}")
def test_the_golden_layers_and_their_state_dicts(entry):
    module = from_pytorch(torch_recurrent(entry)).network
    found = [y for ys in module.predict(MAKER.sequences()) for y in ys]
    assert flat(found) == pytest.approx(flat(entry["Y"]), abs=1e-12)
    given = {key: Array(value) for key, value in entry["parameters"].items()}
    options = {"bias": "bias_ih_l0" in given}
    if entry["kind"] == "RNN":
        options["activation"] = entry["settings"].get("nonlinearity", "tanh")
    layer = getattr(nn, entry["kind"])(2, 3, "last", **options)
    again = from_pytorch({f"a.b.{key}": tensor for key, tensor in given.items()}, [layer]).network
    assert again.predict(MAKER.sequences()) == [ys[-1] for ys in module.predict(MAKER.sequences())]
    assert again.layers == [layer]
    assert from_pytorch(given, [layer]).network.state() == again.state()


def test_what_pytorchs_recurrent_layers_can_do_and_tinynns_cannot_is_refused():
    lstm, gru = (next(e for e in TABLE if e["kind"] == kind) for kind in ("LSTM", "GRU"))
    assert message(lambda: from_pytorch(torch_recurrent(lstm, bidirectional=True))) == (
        "the module, LSTM: a bidirectional LSTM cannot be imported exactly; "
        "tinynn's go along the steps one way."
    )
    assert message(lambda: from_pytorch(torch_recurrent(lstm, proj_size=2))) == (
        "the module, LSTM: LSTM with proj_size=2 cannot be imported exactly."
    )
    tensors = {key: Array(value) for key, value in gru["parameters"].items()}
    assert message(lambda: from_pytorch(tensors, [nn.GRU(2, 3, reset_after=False)])) == (
        "the state dict: GRU(2, 3, reset_after=False), needs reset_after=True "
        "for tensors of PyTorch's GRU"
    )
    assert message(lambda: from_pytorch(tensors, [nn.LSTM(2, 3)])) == (
        "the state dict: LSTM(2, 3), needs weight_ih of shape (12, 2), got (9, 2)"
    )
    assert message(lambda: from_pytorch(tensors, [nn.GRU(2, 3, bias=False)])) == (
        "the state dict: GRU(2, 3, bias=False), has no place for the tensor 'bias_ih'"
    )
    del tensors["bias_hh_l0"]
    assert message(lambda: from_pytorch(tensors, [nn.GRU(2, 3)])) == (
        "the state dict: GRU(2, 3), needs the tensor 'bias_hh', got weight_ih, weight_hh, bias_ih"
    )
    tensors["weight_ih_l0_reverse"] = tensors["weight_ih_l0"]
    assert message(lambda: from_pytorch(tensors, [nn.GRU(2, 3)])) == (
        "the state dict: a bidirectional layer, with 'weight_ih_l0_reverse', "
        "cannot be imported exactly; tinynn's go one way."
    )


def embedding(**changed):
    attributes = {"max_norm": None, "weight": Array([[1.0, 2.0], [3.0, 4.0]]), **changed}
    return stand_in("Embedding", "torch.nn.modules.sparse", **attributes)


def torch_chain(*modules):
    named = {str(i): module for i, module in enumerate(modules)}
    return stand_in("Sequential", "torch.nn.modules.container", _modules=named)


def test_embeddings_are_read_and_what_counts_axes_after_them_is_refused():
    assert from_pytorch(embedding()).network.predict([[1, 0]]) == [[[3.0, 4.0], [1.0, 2.0]]]
    assert message(lambda: from_pytorch(embedding(max_norm=1.0))) == (
        "the module, Embedding: Embedding with max_norm=1.0 cannot be imported exactly."
    )
    last = stand_in("Softmax", "torch.nn.modules.activation", dim=-1)
    assert len(from_pytorch(torch_chain(embedding(), last)).network.layers) == 2
    for name, attributes, mend in (
        ("Softmax", {"dim": 1}, "; use dim=-1"), ("LogSoftmax", {"dim": None}, "; use dim=-1"),
        ("Flatten", {}, ""), ("BatchNorm1d", {}, ""), ("GroupNorm", {}, ""),
        ("PReLU", {"num_parameters": 2}, ""),
    ):  # fmt: skip
        module = stand_in(name, "torch.nn.modules.any", **attributes)
        assert message(lambda: from_pytorch(torch_chain(embedding(), module))) == (  # noqa: B023
            f"1, {name}: {name} after a layer of sequences, where axis 1 is that of steps, "
            f"cannot be imported exactly{mend}."
        )


# --- PyTorch itself ---


def compared(torch, module, network, x):
    with torch.no_grad():
        given = torch.tensor(x) if isinstance(x[0], int) else torch.tensor(x, dtype=torch.float64)
        y = module(given)
    wanted = (y[0] if isinstance(y, tuple) else y).tolist()
    assert flat(network.predict([x])[0]) == pytest.approx(flat(wanted), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
def test_live_modules_of_pytorch(kind):
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    rng = random.Random(1)
    x = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(5)]
    for layers, bias, first in itertools.product((1, 3), (True, False), (True, False)):
        module = getattr(torch.nn, kind)(
            3, 4, layers, bias=bias, batch_first=first, dropout=0.25 if layers > 1 else 0.0
        )
        network = from_pytorch(module.double().eval()).network
        assert len(network.layers) == 2 * layers - 1
        compared(torch, module, network, x)


def test_chains_of_pytorch():
    torch = pytest.importorskip("torch")
    torch.manual_seed(2)
    t = torch.nn
    for norm in (t.RMSNorm(3), t.RMSNorm(3, eps=0.01, elementwise_affine=False), t.LayerNorm(3)):
        module = t.Sequential(t.Embedding(5, 3), norm, t.Linear(3, 4), t.Tanh(), t.GRU(4, 2))
        module = module.double().eval()
        compared(torch, module, from_pytorch(module).network, [0, 3, 3, 1])


def of_modules(torch):
    """Return a module with a forward() of its own, and layers for its state dict by name."""

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.emb = torch.nn.Embedding(5, 4)
            self.attn = torch.nn.MultiheadAttention(4, 2)
            self.norm = torch.nn.LayerNorm(4)
            self.lstm = torch.nn.LSTM(4, 3, num_layers=2)
            self.fc = torch.nn.Linear(3, 2)

        def forward(self, x):
            h = self.emb(x)
            h = self.norm(self.attn(h, h, h)[0])
            return self.fc(self.lstm(h)[0])

    layers = {
        "emb": nn.Embedding(5, 4), "attn": nn.MultiHeadAttention(4, 2), "norm": nn.LayerNorm(4),
        "lstm_l0": nn.LSTM(4, 3), "lstm_l1": nn.LSTM(3, 3), "fc": nn.Dense(3, 2),
    }  # fmt: skip
    return Net().double().eval(), layers


def test_state_dicts_of_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    module, layers = of_modules(torch)
    compared(torch, module, from_pytorch(module.state_dict(), layers).network, [0, 3, 3, 1])
    module, layers = of_modules(torch)
    unnamed = from_pytorch(module.state_dict(), [*layers.values()]).network
    compared(torch, module, unnamed, [4, 2])
    assert message(lambda: from_pytorch(module.state_dict(), {"lstm": nn.LSTM(4, 3)})) == (
        "the state dict has no tensors of 'lstm'; it has emb, attn, norm, lstm_l0, lstm_l1, fc"
    )
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(module.state_dict(), tmp_path / "x.safetensors")
    module2, layers = of_modules(torch)
    read = from_safetensors(tmp_path / "x.safetensors", layers).network
    compared(torch, module, read, [4, 2])
    in_order_of_names = dict(sorted(module2.state_dict().items()))
    with pytest.raises(FormatError, match="in an order that may not be that of the network"):
        from_pytorch(in_order_of_names, [*layers.values()])


# --- Keras without Keras ---


def keras_layer(kind, *arrays, **config):
    content = {"config": {"name": "x", **config}, "weights": [Array(a) for a in arrays]}
    return stand_in(kind, "keras.src.layers.some", name="x", **content)


def keras_model(*layers, shape=(None, None, 2)):
    model = stand_in("Sequential", "keras.src.models.sequential", input_shape=shape, name="s")
    model.layers = list(layers)
    return model


PLAIN = {
    "return_sequences": True, "return_state": False, "go_backwards": False, "stateful": False,
    "unroll": True, "activation": "tanh", "recurrent_activation": "sigmoid",
}  # fmt: skip


def in_keras_order(kind, row):
    """Return a row of the golden table's GRU with the gates as Keras has them: z, r, n."""
    n = MAKER.UNITS
    return row[n : 2 * n] + row[:n] + row[2 * n :] if kind == "GRU" else row


def keras_recurrent(entry, **changed):
    """Return a stand-in for one of the golden table's layers, and its arrays."""
    kind, p = entry["kind"], entry["parameters"]
    arrays = [
        [in_keras_order(kind, list(row)) for row in zip(*p[f"weight_{of}_l0"])]
        for of in ("ih", "hh")
    ]
    if "bias_ih_l0" in p:
        both = [in_keras_order(kind, p[f"bias_{of}_l0"]) for of in ("ih", "hh")]
        arrays.append(both if kind == "GRU" else [a + b for a, b in zip(*both)])
    config = {**PLAIN, "use_bias": "bias_ih_l0" in p, "reset_after": True}
    config["activation"] = entry["settings"].get("nonlinearity", "tanh")
    name = "SimpleRNN" if kind == "RNN" else kind
    return keras_layer(name, *arrays, **{**config, **changed}), arrays


@pytest.mark.parametrize("entry", WHOLE, ids=lambda e: f"{e['kind']} {e['settings']}")
def test_the_golden_layers_in_keras(entry):
    layer, arrays = keras_recurrent(entry)
    network = from_keras(keras_model(layer)).network
    found = network.predict(MAKER.sequences())
    assert flat(flat(found)) == pytest.approx(flat(entry["Y"]), abs=1e-12)
    last = from_keras(keras_model(keras_recurrent(entry, return_sequences=False)[0])).network
    assert last.predict(MAKER.sequences()) == [rows[-1] for rows in found]
    ours = network.layers[0]
    given = type(ours)(**ours.settings())
    again = from_keras([Array(a) for a in arrays], [given]).network
    assert again.state() == network.state()


def test_a_gru_that_resets_before_in_keras():
    rng = random.Random(1)
    W, U = ([[rng.gauss(0, 1) for _ in range(9)] for _ in range(rows)] for rows in (2, 3))
    b = [rng.gauss(0, 1) for _ in range(9)]
    ours = nn.GRU(
        2, 3, reset_after=False, bias=in_keras_order("GRU", b),
        weights=[[in_keras_order("GRU", row) for row in M] for M in (W, U)],
    )  # fmt: skip
    layer = keras_layer("GRU", W, U, b, **PLAIN, use_bias=True, reset_after=False)
    wanted = nn.Sequential(ours).predict(MAKER.sequences())
    assert from_keras(keras_model(layer)).network.predict(MAKER.sequences()) == wanted
    given = nn.GRU(2, 3, reset_after=False)
    again = from_keras([Array(W), Array(U), Array(b)], [given]).network
    assert again.predict(MAKER.sequences()) == wanted
    assert message(lambda: from_keras([Array(W), Array(U), Array(b)], [nn.GRU(2, 3)])) == (
        "the list of weights: GRU(2, 3) needs b of shape (2, 9), got (9,)"
    )


def test_what_keras_layers_of_sequences_can_do_and_tinynns_cannot_is_refused():
    gru = next(e for e in TABLE if e["kind"] == "GRU")
    for changed, what in (
        ({"go_backwards": True}, "a GRU with go_backwards=True"),
        ({"stateful": True}, "a GRU with stateful=True"),
        ({"return_state": True}, "a GRU with return_state=True"),
        ({"activation": "relu"}, "a GRU with activation='relu'"),
        ({"recurrent_activation": "relu"}, "a GRU with recurrent_activation='relu'"),
    ):  # fmt: skip
        model = keras_model(keras_recurrent(gru, **changed)[0])
        assert message(lambda: from_keras(model)) == (  # noqa: B023
            f"layer 0, GRU 'x': {what} cannot be imported exactly."
        )
    table = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    masked = keras_layer("Embedding", table, mask_zero=True)
    assert message(lambda: from_keras(keras_model(masked, shape=(None, 4)))) == (
        "layer 0, Embedding 'x': an Embedding with mask_zero=True cannot be imported exactly."
    )
    both = keras_layer("Bidirectional")
    assert message(lambda: from_keras(keras_model(both))) == (
        "layer 0, Bidirectional 'x': the layer Bidirectional cannot be imported exactly; "
        "tinynn's go along the steps one way."
    )


def test_axis_1_is_that_of_steps_until_one_row_is_made_of_them():
    embedding = keras_layer("Embedding", [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    flatten = keras_layer("Flatten", data_format="channels_last")
    softmax = keras_layer("Softmax", axis=1)
    mean = keras_layer("GlobalAveragePooling1D", data_format="channels_last", keepdims=False)
    for layer, what in ((flatten, "Flatten"), (softmax, "a Softmax with axis=1")):
        wrong = keras_model(embedding, layer, mean, shape=(None, 4))
        assert message(lambda: from_keras(wrong)) == (  # noqa: B023
            f"layer 1, {type(layer).__name__} 'x': {what} where axis 1 is that of steps "
            "cannot be imported exactly."
        )
        right = keras_model(embedding, mean, layer, shape=(None, 4))
        network = from_keras(right).network
        rows = network.predict([[2, 0]])
        assert rows == ([[3.0, 4.0]] if layer is flatten else nn.Softmax().forward([[3.0, 4.0]]))
    twice = keras_layer("Rescaling", scale=2.0, offset=1.0)
    scaled = from_keras(keras_model(embedding, twice, mean, shape=(None, 4))).network
    assert scaled.predict([[2, 0]]) == [[7.0, 9.0]]


# --- Keras itself ---


def test_models_of_keras_predict_the_same():
    keras = pytest.importorskip("keras")
    numpy = pytest.importorskip("numpy")
    k, draw = keras.layers, numpy.random.default_rng(1)
    series, kinds = keras.Input((6, 3)), keras.Input((5,))
    models = [
        keras.Model(series, k.Dense(1)(k.LSTM(2)(k.GRU(4, return_sequences=True)(series)))),
        keras.Model(series, k.Dense(1, "tanh")(k.GRU(4, reset_after=False)(series))),
        keras.Model(series, k.LSTM(3, use_bias=False, return_sequences=True)(series)),
        keras.Sequential([
            series, k.Rescaling(2.0, 1.0), k.SimpleRNN(4, "relu", return_sequences=True),
            k.LayerNormalization(), k.TimeDistributed(k.Dense(2)), k.GlobalAveragePooling1D(),
        ]),
        keras.Sequential([
            kinds, k.Embedding(7, 4), k.RMSNormalization(), k.SimpleRNN(3, return_sequences=True),
            k.GlobalMaxPooling1D(), k.Softmax(axis=1),
        ]),
    ]  # fmt: skip
    for model in models:
        model.set_weights([draw.normal(size=w.shape) for w in model.get_weights()])
        if model.input_shape[1:] == (5,):
            X = draw.integers(0, 7, size=(3, 5))
        else:
            X = draw.normal(size=(3, 6, 3)).astype("float32")
        got = numpy.array(from_keras(model).network.predict(X.tolist()))
        assert abs(got - model.predict(X, verbose=0)).max() < 2e-6


# --- brain.js ---

BRAIN = load_table("brainjs_recurrent")
every_brain = pytest.mark.parametrize(
    "case", BRAIN, ids=lambda case: f"{case['network']['type']} {case['version']}"
)


def logs(row):
    """Return the logarithms of softmax(row)."""
    most = max(row)
    total = math.log(sum(math.exp(y - most) for y in row)) + most
    return [y - total for y in row]


@every_brain
def test_networks_of_brainjs_predict_the_same(case, tmp_path):
    path = tmp_path / "x.json"
    path.write_text(json.dumps(case["network"]))
    model = from_brainjs(path)
    if "series" in case:
        for steps, wanted in zip(model.predict(case["series"]), case["outputs"]):
            assert flat(steps) == pytest.approx(flat(wanted), rel=1e-6, abs=1e-6)
        return
    assert model.classes[:4] == (None, "a", "b", "c")
    for steps, wanted in zip(model.predict(case["sequences"]), case["outputs"]):
        got = [[math.log(p) for p in row] for row in steps]
        assert flat(got) == pytest.approx(flat(map(logs, wanted)), rel=1e-5, abs=1e-5)
    # What brain.js writes by itself: the most likely kind again and again.
    # It stops after 100 steps, in version 2 one more for each name that is no character.
    options, kind, written = case["network"]["options"], 0, ""
    special = len(options["dataFormatter"]["specialIndexes"])
    step = model.network.stepper()
    for _ in range(options["maxPredictionLength"] + special - 1):
        row = step(kind)
        kind = row.index(max(row))
        if kind == 0:
            break
        written += model.classes[kind] if len(model.classes[kind]) == 1 else ""
    assert written == case["written"]
    assert model.labels([[0, 1]]) == [
        [model.classes[row.index(max(row))] for row in model.predict([[0, 1]])[0]]
    ]


@every_brain
def test_old_versions_do_not_say_their_type(case):
    network = copy.deepcopy(case["network"])
    del network["type"]
    assert repr(from_brainjs(network).network) == repr(from_brainjs(case["network"]).network)


def test_damaged_networks_of_brainjs():
    def damaged(k, change):
        network = copy.deepcopy(BRAIN[k]["network"])
        change(network)
        return message(lambda: from_brainjs(network))

    assert damaged(1, lambda n: n["hiddenLayers"][0].pop("forgetBias")).startswith(
        "the network, hidden layer 0 needs the matrices ['cellActivationBias', "
    )
    assert damaged(0, lambda n: n["output"].update(weights=[1])) == (
        "the network, output needs 2 × 1 weights, got 1"
    )
    assert damaged(0, lambda n: n["output"].update(rows=1e300)) == (
        "the network, output needs whole numbers of rows and columns, got [1e+300, 1]"
    )
    assert damaged(0, lambda n: n["output"].update(weights=[1, None])) == (
        "the network, output: numbers need numbers, got None in row 1; "
        "fill or drop missing values first"
    )
    assert damaged(0, lambda n: n.pop("output")) == (
        'the network, output needs "rows", "columns" and "weights"'
    )
    wide = {"rows": 3, "columns": 1, "weights": [1, 2, 3]}
    assert damaged(0, lambda n: n["hiddenLayers"][1].update(transition=wide)) == (
        "the network, hidden layer 1 needs 1 column for 1 unit, got 2"
    )
    assert damaged(3, lambda n: n["options"]["dataFormatter"].update(characters=["a"])) == (
        "the network needs 4 characters, one for each kind but the first, got ['a']"
    )


# --- safetensors ---

SAVED = [
    nn.Embedding(3, 2), nn.Positions(4, 2), nn.RNN(2, 3, "last"), nn.LSTM(2, 3), nn.GRU(2, 3),
    nn.LSTM(1, 2, cell=False), nn.GRU(2, 2, bias=False), nn.GRU(1, 2, reset_after=False),
    nn.MultiHeadAttention(2, 1), nn.Residual(nn.Dense(2, 2), nn.GRU(2, 2)), nn.MeanSteps(),
]  # fmt: skip


@pytest.mark.parametrize("layer", SAVED, ids=repr)
def test_safetensors_files_of_ours_come_back(layer, tmp_path):
    draw = random.Random(1)
    model = nn.Sequential(copy.deepcopy(layer), seed=1)
    for parameter in model.parameters():
        for row in parameter.rows():
            row[:] = [draw.gauss(0, 1) for _ in row]
    to_safetensors(model, tmp_path / "x.safetensors")
    again = from_safetensors(tmp_path / "x.safetensors").network
    assert repr(again) == repr(model)
    assert again.state() == model.state()


def test_pytorch_takes_them(tmp_path):
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    model = nn.Sequential(nn.Embedding(5, 2), nn.GRU(2, 3), seed=1)
    model.layers[1].c[:] = [0.5, -1.0, 2.0]
    to_safetensors(model, tmp_path / "x.safetensors")
    module = torch.nn.Sequential(torch.nn.Embedding(5, 2), torch.nn.GRU(2, 3)).double()
    module.load_state_dict(files.load_file(tmp_path / "x.safetensors"))
    compared(torch, module, model, [4, 0, 2])


def test_safetensors_files_that_do_not_fit():
    text = json.dumps({
        "format": "tinynn", "version": 1, "kind": "network",
        "layers": [{"type": "Embedding", "kinds": 10**12, "width": 2}],
    })  # fmt: skip
    tensors = {"0.weight": ((2, 2), [1.0] * 4)}
    assert message(lambda: rebuilt("x", text, tensors)) == (
        "x: layer 0, Embedding(1000000000000, 2), needs weight of shape (1000000000000, 2), "
        "got (2, 2)"
    )
    assert message(lambda: rebuilt("x", text, {"0.bias": ((2,), [1.0] * 2)})) == (
        "x: layer 0, Embedding(1000000000000, 2), needs the tensor 'weight', got bias"
    )
    small = text.replace("1000000000000", "2")
    assert message(lambda: rebuilt("x", small, {**tensors, "0.a.b": ((1,), [1.0])})) == (
        "x: layer 0, Embedding(2, 2), has no place for the tensors a.b"
    )
    assert rebuilt("x", small, tensors).state() == {"0.W": [[1.0, 1.0], [1.0, 1.0]]}
