"""RNN, LSTM and GRU: PyTorch's numbers, derivatives, truncation, files, training, bad input."""

from __future__ import annotations

import copy
import json
import pickle
import random

import pytest
from golden_tables import load_maker, load_table
from hypothesis import given, settings, strategies as st

import tinynn as nn
from tinynn.errors import FormatError, SettingError, ShapeError
from tinynn.lesson import gru, lstm, rnn
from tinynn.lesson.matrix import transpose
from tinynn.lesson.network import from_dict
from tinynn.lesson.parameters import rows_of

TABLE = load_table("recurrent")
MAKER = load_maker("recurrent")

# Each kind with the settings that change what it computes.
KINDS = [
    (nn.RNN, {}),
    (nn.RNN, {"activation": "relu"}),
    (nn.LSTM, {}),
    (nn.LSTM, {"cell": False}),
    (nn.GRU, {}),
    (nn.GRU, {"reset_after": False}),
]
every_kind = pytest.mark.parametrize(
    ("kind", "options"), KINDS, ids=["rnn", "rnn-relu", "lstm", "lstm-brain", "gru", "gru-before"]
)


def shuffled(model, rng, size=0.7):
    """Return the network with other numbers in all its parameters than at the start."""
    for parameter in model.parameters():
        for row in parameter.rows():
            row[:] = [rng.gauss(0, size) for _ in row]
    return model


def random_steps(lengths, columns, rng):
    return [[[rng.gauss(0, 1) for _ in range(columns)] for _ in range(n)] for n in lengths]


def flat(rows):
    return [x for row in rows for x in row]


# --- the numbers of PyTorch and of ONNX ---


def of_pytorch(entry, **more):
    """Return the layer with the parameters of one of PyTorch's, and a function for gradients."""
    p = entry["parameters"]
    options = {"truncate": entry["truncate"], **more}
    if "nonlinearity" in entry["settings"]:
        options["activation"] = entry["settings"]["nonlinearity"]
    bias = False
    if "bias_ih_l0" in p:
        bias = [a + b for a, b in zip(p["bias_ih_l0"], p["bias_hh_l0"])]
        if entry["kind"] == "GRU":
            n = 2 * MAKER.UNITS
            bias[n:] = p["bias_ih_l0"][n:]
            options["recurrent_bias"] = p["bias_hh_l0"][n:]
    weights = [transpose(p["weight_ih_l0"]), transpose(p["weight_hh_l0"])]
    return getattr(nn, entry["kind"])(
        MAKER.INPUTS, MAKER.UNITS, bias=bias, weights=weights, **options
    )


def label(entry):
    return f"{entry['kind']} {entry['settings']} {entry['truncate']}"


@pytest.mark.parametrize("entry", TABLE, ids=label)
def test_outputs_and_derivatives_are_those_of_pytorch(entry):
    layer = of_pytorch(entry)
    layer.take_lengths(MAKER.LENGTHS)
    X = [row for steps in MAKER.sequences() for row in steps]
    Y = layer.forward(X)
    dX = layer.backward([row for steps in MAKER.derivatives() for row in steps])
    assert flat(Y) == pytest.approx(flat(entry["Y"]), abs=1e-12)
    assert flat(dX) == pytest.approx(flat(entry["dX"]), abs=1e-12)
    wanted, got = entry["gradients"], layer.gradients()
    for name, letter in (("weight_ih_l0", "W"), ("weight_hh_l0", "U")):
        assert flat(got[letter]) == pytest.approx(flat(transpose(wanted[name])), abs=1e-12)
    if "b" in got:
        assert got["b"] == pytest.approx(wanted["bias_ih_l0"], abs=1e-12)
    if "c" in got:
        assert got["c"] == pytest.approx(wanted["bias_hh_l0"][2 * MAKER.UNITS :], abs=1e-12)


@pytest.mark.parametrize("entry", TABLE[:1] + TABLE[3:4] + TABLE[6:7], ids=label)
def test_the_last_step_alone_is_the_last_of_all(entry):
    whole, last = of_pytorch(entry), of_pytorch(entry, steps="last")
    X = [row for steps in MAKER.sequences() for row in steps]
    ends, k = [], 0
    for length in MAKER.LENGTHS:
        k += length
        ends.append(k - 1)
    for layer in (whole, last):
        layer.take_lengths(MAKER.LENGTHS)
    all_of_them = whole.forward(X)
    assert last.forward(X) == [all_of_them[t] for t in ends]
    dY = MAKER.numbers(3, MAKER.UNITS, 7)
    rows = iter(dY)
    padded = [next(rows) if t in ends else [0.0] * MAKER.UNITS for t in range(len(X))]
    assert flat(last.backward(dY)) == pytest.approx(flat(whole.backward(padded)), abs=1e-15)
    for name, value in last.gradients().items():
        other = whole.gradients()[name]
        assert flat(rows_of(value)) == pytest.approx(flat(rows_of(other)), abs=1e-14)


def test_the_table_is_what_pytorch_gives():
    torch = pytest.importorskip("torch")
    default = torch.get_default_dtype()
    made = MAKER.table()
    assert torch.get_default_dtype() == default
    for entry, stored in zip(made, TABLE):
        assert label(entry) == label(stored)
        for key in ("Y", "dX"):
            assert flat(entry[key]) == pytest.approx(flat(stored[key]), abs=1e-12)


@pytest.mark.parametrize(
    ("layer", "wanted"),
    [
        (nn.LSTM(2, 3, bias=False, weights=[[[0.1] * 12] * 2, [[0.1] * 12] * 3]),
         [0.0952411885, 0.2560644344, 0.4032377356]),
        (nn.GRU(2, 5, bias=False, weights=[[[0.1] * 15] * 2, [[0.1] * 15] * 5]),
         [0.1239702622, 0.2005366186, 0.1999165412]),
        (nn.GRU(2, 5, reset_after=False, weights=[[[0.1] * 15] * 2, [[0.1] * 15] * 5]),
         [0.1239702622, 0.2005366186, 0.1999165412]),
        (nn.RNN(2, 4, weights=[[[0.1] * 4] * 2, [[0.1] * 4] * 4]),
         [0.2913126125, 0.6043677771, 0.8004990218]),
    ],
    ids=["lstm", "gru", "gru-before", "rnn"],
)  # fmt: skip
def test_the_defaults_of_onnx(layer, wanted):
    """test_lstm_defaults, test_gru_defaults, test_simple_rnn_defaults: 3 sequences of a step."""
    layer.take_lengths([1, 1, 1])
    Y = layer.forward([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    for row, number in zip(Y, wanted):
        assert row == pytest.approx([number] * layer.units, abs=1e-10)


def test_a_gru_without_reset_after_is_computed_by_hand():
    """ONNX's linear_before_reset=0, spelled out for one unit."""
    from math import exp, tanh

    def sigma(x):
        return 1 / (1 + exp(-x))

    layer = nn.GRU(
        1, 1, reset_after=False, bias=[0.1, -0.2, 0.3],
        weights=[[[0.5, -0.4, 0.8]], [[0.7, 0.6, -0.9]]],
    )  # fmt: skip
    h, wanted = 0.0, []
    for x in (1.0, -2.0, 0.5):
        r = sigma(0.5 * x + 0.7 * h + 0.1)
        z = sigma(-0.4 * x + 0.6 * h - 0.2)
        n = tanh(0.8 * x + r * h * -0.9 + 0.3)
        h = (1 - z) * n + z * h
        wanted.append([h])
    assert flat(layer.forward([[1.0], [-2.0], [0.5]])) == pytest.approx(flat(wanted), abs=1e-15)


@pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
@pytest.mark.slow
def test_a_stack_trains_as_in_pytorch(kind):
    """Two layers, the second giving only its last step, 30 updates by SGD."""
    torch = pytest.importorskip("torch")
    rng = random.Random(kind)
    first, second = getattr(nn, kind)(3, 4, bias=False), getattr(nn, kind)(4, 5, "last", bias=False)
    model = shuffled(nn.Sequential(first, second, nn.Dense(5, 2)), rng)
    theirs = getattr(torch.nn, kind)(3, 4, dtype=torch.float64, bias=False)
    theirs2 = getattr(torch.nn, kind)(4, 5, dtype=torch.float64, bias=False)
    dense = torch.nn.Linear(5, 2, dtype=torch.float64)
    with torch.no_grad():
        for layer, other in ((first, theirs), (second, theirs2)):
            other.weight_ih_l0.copy_(torch.tensor(layer.W, dtype=torch.float64).T)
            other.weight_hh_l0.copy_(torch.tensor(layer.U, dtype=torch.float64).T)
        dense.weight.copy_(torch.tensor(model.layers[2].W, dtype=torch.float64).T)
        dense.bias.copy_(torch.tensor(model.layers[2].b, dtype=torch.float64))
    X = random_steps([3, 5, 1, 4], 3, rng)
    T = [[rng.gauss(0, 1) for _ in range(2)] for _ in X]
    nn.fit(model, X, T, optimizer=nn.SGD(0.1), epochs=30, batch_size=2, shuffle=False)
    parameters = [p for part in (theirs, theirs2, dense) for p in part.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    for _ in range(30):
        for k in (0, 2):
            optimizer.zero_grad()
            outs = []
            for steps in X[k : k + 2]:
                H, _ = theirs(torch.tensor(steps, dtype=torch.float64))
                outs.append(dense(theirs2(H)[0][-1]))
            wanted = torch.tensor(T[k : k + 2], dtype=torch.float64)
            torch.nn.functional.mse_loss(torch.stack(outs), wanted).backward()
            optimizer.step()
    assert flat(first.W) == pytest.approx(flat(theirs.weight_ih_l0.T.tolist()), abs=1e-9)
    assert flat(second.U) == pytest.approx(flat(theirs2.weight_hh_l0.T.tolist()), abs=1e-9)


# --- derivatives ---


@every_kind
@given(st.integers(0, 10**9), st.lists(st.integers(1, 5), min_size=1, max_size=3), st.booleans())
@settings(max_examples=12)
def test_derivatives_are_those_of_the_loss(kind, options, seed, lengths, last):
    rng = random.Random(seed)
    layers = (
        nn.Dense(2, 2), kind(2, 3, bias=rng.random() < 0.7, **options),
        kind(3, 2, "last" if last else "all", **options), nn.Dense(2, 1),
    )  # fmt: skip
    model = shuffled(nn.Sequential(*layers), rng)
    X = random_steps(lengths, 2, rng)
    T = [[rng.gauss(0, 1)] if last else [[rng.gauss(0, 1)] for _ in steps] for steps in X]
    report = nn.gradcheck(model, "mse", X, T, tolerance=1e-5)
    # Where ReLU's sum is by chance near 0, differences have a kink.
    assert report or (options.get("activation") == "relu" and len(report.wrong) < 9), report


@pytest.mark.parametrize(
    ("module", "name", "wrong"),
    [
        (rnn, "ACTIVATIONS", {"tanh": (rnn.tanh, lambda z, y: 1.0 - y)}),
        (lstm, "tanh_derivative", lambda z, y: 1.0 + y * y),
        (lstm, "sigmoid_derivative", lambda z, y: y * (1.0 + y)),
        (gru, "tanh_derivative", lambda z, y: 1.0 + y * y),
        (gru, "sigmoid_derivative", lambda z, y: y),
    ],
)
def test_a_wrong_derivative_is_found(monkeypatch, module, name, wrong):
    kind = {rnn: nn.RNN, lstm: nn.LSTM, gru: nn.GRU}[module]
    rng = random.Random(4)
    model = shuffled(nn.Sequential(kind(2, 3), nn.Dense(3, 1)), rng)
    X = random_steps([3, 4], 2, rng)
    T = [[[rng.gauss(0, 1)] for _ in steps] for steps in X]
    assert nn.gradcheck(model, "mse", X, T)
    monkeypatch.setattr(module, name, wrong)
    assert not nn.gradcheck(model, "mse", X, T)


@every_kind
def test_truncation_lets_nothing_pass_from_piece_to_piece(kind, options):
    """Of seven steps, the last two depend on the state before them as on a given number."""
    rng = random.Random(3)
    whole = kind(2, 3, **options)
    shuffled(nn.Sequential(whole), rng)
    X = random_steps([7], 2, rng)[0]
    dY = [[0.0] * 3 for _ in range(6)] + [[1.0, -2.0, 0.5]]
    found = {}
    for truncate in (None, 1, 2, 6, 7, 9):
        layer = copy.deepcopy(whole)
        layer.truncate = truncate
        assert layer.forward(X) == whole.forward(X)
        found[truncate] = layer.backward(dY)
        last = copy.deepcopy(layer)
        last.one_row = True
        last.forward(X)
        assert last.backward(dY[-1:]) == found[truncate]
        reached = [any(row) for row in found[truncate]]
        if options.get("activation") != "relu":  # whose derivative may be 0 by itself
            wanted = min(truncate or 7, 7)
            assert reached == [False] * (7 - wanted) + [True] * wanted
    assert found[7] == found[9] == found[None]
    assert found[6][1:] == found[None][1:]


def test_pieces_of_truncation_count_from_the_end():
    layer = nn.RNN(1, 1, truncate=2, activation="relu", weights=[[[1.0]], [[1.0]]])
    layer.forward([[1.0]] * 5)
    # Each step's input reaches its own output and, in the same piece, those after it.
    assert layer.backward([[1.0]] * 5) == [[1.0], [2.0], [1.0], [2.0], [1.0]]
    # h = 1, 2, 3, 4, 5, and dv = 1, 2, 1, 2, 1, each times h of the step before it.
    assert layer.dU == [[2.0 * 1 + 1.0 * 2 + 2.0 * 3 + 1.0 * 4]]


# --- one sequence at a time, all layers alike ---


@every_kind
@given(st.integers(0, 10**9), st.lists(st.integers(1, 4), min_size=2, max_size=4))
@settings(max_examples=10)
def test_sequences_of_a_batch_do_not_touch_each_other(kind, options, seed, lengths):
    rng = random.Random(seed)
    model = shuffled(nn.Sequential(kind(2, 3, **options)), rng)
    X = random_steps(lengths, 2, rng)
    assert model.predict(X) == [model.predict([steps])[0] for steps in X]
    assert model.predict(X)[-1][:1] == model.predict([X[-1][:1]])[0]  # no step sees later ones


ALL = [kind(3, 2, **options) for kind, options in KINDS] + [
    nn.LSTM(3, 2, "last", truncate=4), nn.GRU(3, 2, bias=False), nn.RNN(3, 2, bias=False),
]  # fmt: skip
every_layer = pytest.mark.parametrize("layer", ALL, ids=repr)
X = [[0.5, -1.0, 2.0], [-0.25, 0.75, 1.5], [3.0, 0.0, -2.0]]


def built(layer, seed=1):
    layer = copy.deepcopy(layer)
    assert layer.build(3, random.Random(seed)) == 2
    return layer


@every_layer
def test_a_layer_is_rebuilt_from_its_settings(layer):
    again = type(layer)(**json.loads(json.dumps(layer.settings())))
    assert again.settings() == layer.settings()
    assert repr(again) == repr(layer)
    assert eval(repr(layer), {**vars(nn), type(layer).__name__: type(layer)}).settings() == (
        layer.settings()
    )


@every_layer
def test_gradients_have_the_shapes_of_parameters(layer):
    layer = built(layer)
    for _ in range(2):
        gradients = layer.gradients()
        assert list(gradients) == list(layer.parameters()) == list(layer.shapes())
        for name, value in layer.parameters().items():
            rows, other = rows_of(value), rows_of(gradients[name])
            assert [*map(len, rows)] == [*map(len, other)]
            assert layer.shapes()[name] == (len(rows), len(rows[0]))
        Y = layer.forward(X)
        assert layer.backward(Y, wants_dX=False) == []


@every_layer
def test_neither_inputs_nor_derivatives_are_changed(layer):
    layer, inputs = built(layer), copy.deepcopy(X)
    Y = layer.forward(inputs)
    dY = [[1.0, 2.0] for _ in Y]
    first = layer.backward(dY)
    assert (inputs, dY) == (X, [[1.0, 2.0] for _ in Y])
    assert layer.backward(dY) == first


@every_layer
def test_copies_and_pickles_are_layers_of_their_own(layer):
    layer = built(layer)
    Y = layer.forward(X)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other.forward(X) == Y
        other.W[0][0] += 1.0
        assert layer.forward(X) == Y


@every_layer
def test_building_twice_draws_nothing_new(layer):
    layer = built(layer)
    kept, rng = copy.deepcopy(layer.parameters()), random.Random(2)
    state = rng.getstate()
    layer.build(3, rng)
    assert (layer.parameters(), rng.getstate()) == (kept, state)
    assert built(layer).parameters() == kept
    assert built(ALL[0], seed=1).W != built(ALL[0], seed=2).W


def test_weights_are_drawn_as_in_pytorch_and_biases_as_in_keras():
    layer = nn.LSTM(2, 4)
    layer.build(2, random.Random(0))
    numbers = flat(layer.W) + flat(layer.U)
    assert len(set(numbers)) == 6 * 16
    assert 0.4 < max(numbers) <= 0.5 and -0.5 <= min(numbers) < -0.4
    assert layer.b == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
    gru_layer = nn.GRU(2, 4)
    gru_layer.build(2, random.Random(0))
    assert (gru_layer.b, gru_layer.c) == ([0.0] * 12, [0.0] * 4)
    orthogonal = nn.GRU(4, 4, initializer="orthogonal")
    orthogonal.build(4, random.Random(0))
    for matrix in (orthogonal.W, orthogonal.U):
        for k in (0, 4, 8):  # each gate's part by itself
            part = [row[k : k + 4] for row in matrix]
            product = nn.matrix.matmul(part, transpose(part))
            assert flat(product) == pytest.approx(flat(nn.matrix.identity(4)), abs=1e-12)


def test_a_huge_layer_costs_nothing_until_it_is_built():
    assert nn.LSTM(10**12, 10**12).shapes()["U"] == (10**12, 4 * 10**12)


@every_kind
def test_step_by_step_is_predict(kind, options):
    rng = random.Random(6)
    model = nn.Sequential(kind(2, 3, **options), nn.Tanh(), kind(3, 2, **options))
    ended = nn.Sequential(kind(2, 3, **options), kind(3, 2, "last", **options), kind(2, 2))
    steps = random_steps([6], 2, rng)[0]
    for one in (model, ended):
        shuffled(one, rng)
        step = one.stepper()
        for _ in range(2):
            got = [step(row) for row in steps]
            wanted = [one.predict([steps[: t + 1]])[0] for t in range(6)]
            assert got == (wanted if one is ended else [rows[-1] for rows in wanted])
            step.begin()


def test_two_steppers_do_not_touch_each_other_or_training():
    model = nn.Sequential(nn.LSTM(1, 2), seed=1)
    first, second = model.stepper(), model.stepper()
    wanted = model.predict([[1.0, 2.0, 3.0]])[0]
    assert [first([1.0]), first([2.0])] == wanted[:2]
    assert second([1.0]) == wanted[0]
    model.forward([[1.0], [2.0]])
    kept = model.layers[0].kept
    assert first([3.0]) == wanted[2]
    assert model.layers[0].kept is kept
    with pytest.raises(ShapeError):
        first([1.0, 2.0])


# --- a network: summary, files, training ---


def test_the_summary():
    model = nn.Sequential(
        nn.Embedding(5, 3), nn.GRU(3, 4), nn.LSTM(4, 2, "last", truncate=9), nn.Dense(2, 1)
    )
    model.layers[1].frozen = "c"
    assert model.summary().splitlines()[2:4] == [
        "    1  GRU(3, 4), c frozen                             4         100",
        "    2  LSTM(4, 2, steps='last', truncate=9)            2          56",
    ]
    assert model.count_parameters() == 15 + 100 + 56 + 3


@every_layer
def test_a_network_comes_back_from_its_file_exactly(layer, tmp_path):
    rng = random.Random(1)
    model = shuffled(nn.Sequential(copy.deepcopy(layer), nn.Dense(2, 2)), rng)
    model.layers[0].frozen = "U"
    model.save(tmp_path / "x.json")
    again = nn.load(tmp_path / "x.json")
    assert repr(again) == repr(model)
    assert again.state() == model.state()
    assert again.predict([X, X[:1]]) == model.predict([X, X[:1]])
    assert again.layers[0].frozen == ("U",)


def test_files_are_checked_before_work():
    content = nn.Sequential(nn.GRU(2, 3)).to_dict()
    content["layers"][0]["units"] = 10**12
    with pytest.raises(FormatError) as raised:
        from_dict(content, "x.json")
    assert str(raised.value) == (
        "x.json: layer 0, GRU(2, 1000000000000), needs W of shape (2, 3000000000000), got (2, 9)"
    )
    content["layers"][0].update(units=3, steps="first")
    with pytest.raises(FormatError) as raised:
        from_dict(content, "x.json")
    assert str(raised.value) == (
        "x.json: layer 0 cannot be built: GRU needs steps to be 'all' or 'last', got 'first'"
    )
    content["layers"][0].update(steps="all", bias=False)
    with pytest.raises(FormatError) as raised:
        from_dict(content, "x.json")
    assert str(raised.value) == (
        "x.json: layer 0, GRU(2, 3, bias=False), needs the values ['U', 'W'], "
        "got ['U', 'W', 'b', 'c']"
    )


@every_kind
def test_training_goes_on_from_a_file(kind, options, tmp_path):
    rng = random.Random(2)
    model = nn.Sequential(kind(2, 3, **options), nn.Dense(3, 1), seed=3)
    X = random_steps([2, 4, 1, 3], 2, rng)
    T = [[[sum(x)] for x in steps] for steps in X]
    nn.fit(model, X, T, optimizer="adam", epochs=2, batch_size=2)
    model.save(tmp_path / "x.json", training=True)
    again = nn.load(tmp_path / "x.json")
    for one in (model, again):
        nn.fit(one, X, T, optimizer="adam", epochs=2, batch_size=2)
    assert again.state() == model.state()


@pytest.mark.parametrize("kind", [nn.RNN, nn.LSTM, nn.GRU])
def test_fit_learns_what_only_memory_can_know(kind):
    """Whether there was an odd number of ones so far, at every step; and after the last."""
    rng = random.Random(5)
    X = [[[float(rng.random() < 0.5)] for _ in range(rng.randint(2, 6))] for _ in range(24)]
    T = []
    for steps in X:
        count, row = 0, []
        for (x,) in steps:
            count += int(x)
            row.append([float(count % 2)])
        T.append(row)
    model = nn.Sequential(kind(1, 8), nn.Dense(8, 1), nn.Sigmoid(), seed=1)
    history = nn.fit(
        model, X, T, loss="bce", optimizer=nn.Adam(0.05), epochs=60, batch_size=6, seed=1
    )
    assert history.loss[-1] < 0.2 < history.loss[0]
    assert history.engine == "unrolled"  # which writes out the Dense layer alone
    last = nn.Sequential(kind(1, 8, "last"), nn.Dense(8, 1), nn.Sigmoid(), seed=1)
    history = nn.fit(
        last, X, [row[-1] for row in T], loss="bce", optimizer=nn.Adam(0.05), epochs=5, seed=1
    )
    assert history.loss[-1] < history.loss[0]
    assert [len(y) for y in last.predict(X)] == [1] * 24


def test_frozen_parameters_stay():
    model = nn.Sequential(nn.LSTM(1, 2), seed=1)
    model.layers[0].frozen = ["U", "b"]
    kept = model.state()
    nn.fit(model, [[[1.0], [2.0]]], [[[0.1, 0.2], [0.3, 0.4]]], epochs=2, batch_size=1)
    now = model.state()
    assert (now["0.U"], now["0.b"]) == (kept["0.U"], kept["0.b"])
    assert now["0.W"] != kept["0.W"]


def test_inside_a_residual_connection():
    model = nn.Sequential(nn.Residual(nn.GRU(2, 2)), seed=1)
    X = [[[1.0, 2.0], [0.5, -1.0]], [[3.0, 0.0]]]
    assert nn.gradcheck(model, "mse", X, [[[0.0, 1.0]] * 2, [[1.0, 1.0]]])
    with pytest.raises(ShapeError) as raised:
        nn.Sequential(nn.Residual(nn.GRU(2, 2, "last"))).predict(X)
    assert str(raised.value) == (
        "Residual(GRU(2, 2, steps='last')) needs layers that give a row for each step"
    )


# --- bad input ---


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: nn.RNN(0, 2), SettingError,
         "RNN needs inputs to be a whole number, at least 1, got 0"),
        (lambda: nn.LSTM(1, 2.0), SettingError,
         "LSTM needs units to be a whole number, at least 1, got 2.0; did you mean 2?"),
        (lambda: nn.GRU(1, 2, "lst"), SettingError,
         "GRU needs steps to be 'all' or 'last', got 'lst'; did you mean 'last'?"),
        (lambda: nn.GRU(1, 2, steps=None), SettingError,
         "GRU needs steps to be 'all' or 'last', got None"),
        (lambda: nn.GRU(1, 2, truncate=0), SettingError,
         "GRU needs truncate to be a whole number, at least 1, got 0"),
        (lambda: nn.RNN(1, 2, activation="relus"), SettingError,
         "RNN needs activation to be 'tanh' or 'relu', got 'relus'; did you mean 'relu'?"),
        (lambda: nn.RNN(1, 2, activation=nn.ReLU()), SettingError,
         "RNN needs activation to be 'tanh' or 'relu', got ReLU()"),
        (lambda: nn.LSTM(1, 2, cell=None), SettingError,
         "LSTM needs cell to be True or False, got None"),
        (lambda: nn.GRU(1, 2, reset_after=1), SettingError,
         "GRU needs reset_after to be True or False, got 1"),
        (lambda: nn.GRU(1, 2, reset_after=False, recurrent_bias=[1, 2]), SettingError,
         "GRU needs reset_after=True and a bias to have a recurrent_bias"),
        (lambda: nn.GRU(1, 2, recurrent_bias=[1]), ShapeError,
         "GRU(1, 2) needs recurrent_bias of 2 numbers, got 1"),
        (lambda: nn.LSTM(1, 2, bias=[1, 2]), ShapeError,
         "LSTM(1, 2) needs bias of 8 numbers, got 2"),
        (lambda: nn.LSTM(1, 2, weights=[[[1] * 8]]), ShapeError,
         "LSTM(1, 2) needs two matrices as weights, W and U, got 1"),
        (lambda: nn.LSTM(1, 2, weights=[[[1]] * 8, [[1] * 8] * 2]), ShapeError,
         "LSTM(1, 2) needs W of shape (1, 8), got (8, 1); transpose it?"),
        (lambda: nn.RNN(1, 2, weights=[[[1] * 2], [[1] * 2] * 3]), ShapeError,
         "RNN(1, 2) needs U of shape (2, 2), got (3, 2)"),
        (lambda: nn.RNN(1, 2, initializer="orthogonl"), SettingError, None),
        (lambda: nn.Sequential(nn.Dense(1, 3), nn.GRU(2, 2)), ShapeError,
         "layer 1: GRU(2, 2) needs 2 columns, got 3 from layer 0, Dense(1, 3)"),
        (lambda: nn.Sequential(nn.GRU(2, 2)).predict([[[1.0, 2.0]], [[1.0]]]), ShapeError,
         "the steps of sequence 1 of the inputs need 2 columns, got 1"),
        (lambda: nn.Sequential(
            nn.RNN(1, 1, activation="relu", weights=[[[1]], [[1e200]]])).predict([[1, 1, 1]]),
         nn.DataError, "predict needs finite outputs, got nan or inf in row 2 of sequence 0; scale "
         "the inputs"),
    ],
)  # fmt: skip
def test_messages(make, kind, message):
    with pytest.raises(kind) as raised:
        make()
    assert message is None or str(raised.value) == message
