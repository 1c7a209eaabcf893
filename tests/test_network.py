"""Networks: Mazur's worked example, structure, state, copies; files are in test_model_files.py."""

from __future__ import annotations

import copy
import math
import pickle
import random
import threading

import pytest
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.errors import DataError, SettingError, ShapeError
from tinynn.lesson.matrix import shape
from tinynn.lesson.parameters import copy_values, rows_of

SEEDS = st.integers(0, 10**6)


# --- M. Mazur, "A Step by Step Backpropagation Example" (2015) ---


def mazurs_network():
    """Return his network: weights w1..w8 stand there by neuron, here by input; fixed biases."""
    return nn.Sequential(
        nn.Dense(2, 2, weights=[[0.15, 0.25], [0.20, 0.30]], bias=[0.35, 0.35]), nn.Sigmoid(),
        nn.Dense(2, 2, weights=[[0.40, 0.50], [0.45, 0.55]], bias=[0.60, 0.60]), nn.Sigmoid(),
    )  # fmt: skip


def mazurs_step(model, times=1):
    """Train as he does: learning rate 0.5 on Σ (t − o)² / 2, which is the mean over 2 outputs."""
    inputs, targets = [[0.05, 0.10]], [[0.01, 0.99]]
    for _ in range(times):
        nn.fit(model, inputs, targets, loss="mse", optimizer=nn.SGD(0.5), epochs=1, batch_size=None)
        model.layers[0].b[:], model.layers[2].b[:] = [0.35, 0.35], [0.60, 0.60]
    return nn.MeanSquaredError()(model.predict(inputs), targets)


def test_mazurs_forward_pass():
    model = mazurs_network()
    assert model([0.05, 0.10]) == pytest.approx([0.7513650695523157, 0.7729284653214625], rel=1e-15)
    # What all his digits give; he prints 0.298371109.
    assert mazurs_step(model, times=0) == pytest.approx(0.2983711087600027, rel=1e-15)


def test_mazurs_weights_after_one_step():
    model = mazurs_network()
    error = mazurs_step(model)
    (w1, w3), (w2, w4) = model.layers[0].W
    (w5, w7), (w6, w8) = model.layers[2].W
    assert w5 == pytest.approx(0.35891647971788465, rel=1e-15)
    assert w1 == pytest.approx(0.1497807161327628, rel=1e-15)
    # He prints these, to nine digits or ten.
    printed = [0.149780716, 0.19956143, 0.24975114, 0.29950229]
    assert [w1, w2, w3, w4] == pytest.approx(printed, abs=6e-9)
    printed = [0.35891648, 0.408666186, 0.511301270, 0.561370121]
    assert [w5, w6, w7, w8] == pytest.approx(printed, abs=6e-9)
    # All weights moved at once. The 0.291027924 that is copied widely comes from one after another.
    assert error == pytest.approx(0.29102777369359933, rel=1e-15)


def test_mazurs_error_after_many_steps():
    # The same steps written in NumPy 2.4.6; after 10,000 of them it is 0.0000351019.
    assert mazurs_step(mazurs_network(), times=1000) == pytest.approx(
        0.001114349453733746, rel=1e-9
    )


# --- structure ---


def example_network(seed=1):
    return nn.Sequential(
        nn.Dense(4, 10), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.25), nn.Dense(10, 3, bias=False),
        nn.LayerNorm(eps=1e-6), nn.Softmax(), seed=seed,
    )  # fmt: skip


def test_repr_shows_the_structure():
    assert repr(example_network()) == (
        "Sequential(Dense(4, 10), BatchNorm(columns=10, momentum=0.1, eps=1e-05), ReLU(), "
        "Dropout(rate=0.25), Dense(10, 3, bias=False), LayerNorm(columns=3, eps=1e-06), Softmax())"
    )


def test_summary():
    assert example_network().summary() == "\n".join(
        [
            "layer                                                  columns out  parameters",
            "    0  Dense(4, 10)                                             10          50",
            "    1  BatchNorm(columns=10, momentum=0.1, eps=1e-05)           10          20",
            "    2  ReLU()                                                   10           0",
            "    3  Dropout(rate=0.25)                                       10           0",
            "    4  Dense(10, 3, bias=False)                                  3          30",
            "    5  LayerNorm(columns=3, eps=1e-06)                           3           6",
            "    6  Softmax()                                                 3           0",
            "       total                                                               106",
        ]
    )
    assert nn.Sequential(nn.Tanh()).summary() == "\n".join(
        [
            "layer          columns out  parameters",
            "    0  Tanh()          any           0",
            "       total                         0",
        ]
    )
    assert nn.Sequential(nn.Dense(1000, 1000)).summary().endswith("1,001,000")


def test_summary_changes_nothing():
    model = example_network()
    before = model.state()
    model.summary()
    assert model.state() == before


def test_parameters_are_the_layers_own_lists_by_name():
    model = example_network()
    names = [parameter.name for parameter in model.parameters()]
    assert names == ["0.W", "0.b", "1.gamma", "1.beta", "4.W", "5.gamma", "5.beta"]
    for name, value, gradient in model.parameters():
        layer, letter = name.split(".")
        assert value is model.layers[int(layer)].parameters()[letter]
        assert shape(rows_of(value)) == shape(rows_of(gradient))
    weights, bias = model.parameters()[:2]
    assert weights.rows() is weights.value
    assert bias.rows()[0] is bias.value
    assert bias.gradient_rows()[0] is bias.gradient
    assert model.count_parameters() == 106


def test_inputs_and_outputs():
    for layers, inputs, outputs in (
        ([nn.Dense(2, 3)], 2, 3),
        ([nn.Tanh(), nn.Dense(2, 3), nn.Tanh()], 2, 3),
        ([nn.BatchNorm(4)], 4, 4),
        ([nn.Dropout(), nn.LayerNorm(4), nn.Dense(4, 1)], 4, 1),
        ([nn.Tanh(), nn.Softmax()], None, None),
    ):
        model = nn.Sequential(*layers)
        assert (model.inputs, model.outputs) == (inputs, outputs)
    assert nn.Sequential(nn.ReLU()).predict([[1, -2, 3]]) == [[1.0, 0.0, 3.0]]


@given(SEEDS)
def test_weights_are_drawn_from_the_seed_and_from_nothing_else(seed):
    before = random.getstate()
    model = example_network(seed)
    assert random.getstate() == before
    assert model.state() == example_network(seed).state()
    assert model.state() == example_network(random.Random(seed)).state()
    assert model.state() != example_network(seed + 1).state()
    assert model.state() != example_network(None).state()


@pytest.mark.parametrize(
    ("kind", "make", "message"),
    [
        (ShapeError, lambda: nn.Sequential(), "Sequential needs at least one layer, got none"),
        (
            ShapeError, lambda: nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(4, 1)),
            "layer 2: Dense(4, 1) needs 4 columns, got 3 from layer 1, Tanh()",
        ),
        (
            ShapeError, lambda: nn.Sequential(nn.BatchNorm()),
            "layer 0: BatchNorm needs a number of columns, got None; write BatchNorm(columns)",
        ),
        (
            ShapeError, lambda: nn.Sequential(nn.Dense(2, 3), nn.LayerNorm(4)),
            "layer 1: LayerNorm needs 4 columns, got 3 from layer 0, Dense(2, 3)",
        ),
        (
            ShapeError, lambda: nn.Sequential([nn.Dense(2, 1), nn.Tanh()]),
            "Sequential needs layers, got [Dense(2, 1), Tanh()] at index 0; "
            "did you mean its items, Sequential(*layers)?",
        ),
        (
            ShapeError, lambda: nn.Sequential(nn.Dense(2, 1), nn.Tanh),
            f"Sequential needs layers, got {nn.Tanh!r} at index 1; did you mean Tanh()?",
        ),
        (
            ShapeError, lambda: nn.Sequential(nn.Sequential(nn.Dense(2, 1)), nn.Tanh()),
            "Sequential needs layers, got Sequential(Dense(2, 1)) at index 0; "
            "did you mean its layers, *network.layers?",
        ),
        (
            ShapeError, lambda: nn.Sequential(nn.Dense(2, 1), "tanh"),
            "Sequential needs layers, got 'tanh' at index 1",
        ),
        (
            SettingError, lambda: nn.Sequential(nn.Dense(2, 1), seed="1"),
            "a seed needs to be a whole number, a random.Random or None, got '1'",
        ),
    ],
)  # fmt: skip
def test_structures_that_are_refused(kind, make, message):
    with pytest.raises(kind) as error:
        make()
    assert str(error.value) == message


def test_one_layer_cannot_stand_in_two_places():
    tanh = nn.Tanh()
    with pytest.raises(ShapeError) as error:
        nn.Sequential(nn.Dense(2, 2), tanh, nn.Dense(2, 2), tanh)
    assert str(error.value) == (
        "Sequential needs each layer once, got Tanh() at indices 1 and 3; make a new one for each"
    )


def test_two_networks_may_share_a_layer_on_purpose():
    body = nn.Dense(2, 3)
    one = nn.Sequential(body, nn.Dense(3, 1), seed=1)
    other = nn.Sequential(body, nn.Tanh(), seed=2)
    assert one.layers[0].W is other.layers[0].W


# --- prediction ---


@given(SEEDS)
def test_a_row_alone_is_a_row_in_a_batch(seed):
    rng = random.Random(seed)
    model = example_network(seed)
    rows = [[rng.uniform(-3, 3) for _ in range(4)] for _ in range(rng.randint(1, 5))]
    together = model.predict(rows)
    assert together == [model(row) for row in rows] == [model.predict([row])[0] for row in rows]
    assert all(math.fsum(row) == pytest.approx(1.0) for row in together)


def test_inputs_may_be_any_table():
    numpy = pytest.importorskip("numpy")
    model = nn.Sequential(nn.Dense(2, 1, weights=[[1], [2]]))
    for rows in ([[1, 2]], ((1, 2),), numpy.array([[1, 2]]), [numpy.array([1.0, 2.0])]):
        assert model.predict(rows) == [[5.0]]
    for row in ([1, 2], (True, 2), numpy.array([1, 2], dtype="float32")):
        assert model(row) == [5.0]
        assert type(model(row)[0]) is float


@pytest.mark.parametrize(
    ("kind", "call", "message"),
    [
        (ShapeError, lambda m: m.predict([[1, 2, 3]]), "inputs need 2 columns, got 3"),
        (ShapeError, lambda m: m.predict([]), "inputs need at least one row, got none"),
        (
            ShapeError, lambda m: m.predict([1, 2]),
            "inputs need rows of numbers, got the number 1 as row 0; "
            "write [[...]] for one row, or [[x] for x in inputs] for one column",
        ),
        (
            ShapeError, lambda m: m.predict([[1, 2], [3]]),
            "inputs need rows of equal length, got 2 columns in row 0 and 1 in row 1",
        ),
        (
            ShapeError, lambda m: m.predict([i, i] for i in range(3)),
            "inputs need a sequence with one item per row, got a generator; wrap it in list(...)",
        ),
        (
            DataError, lambda m: m.predict([[1, 2], [math.nan, 0]]),
            "inputs need finite numbers, got nan in row 1, column 0; "
            "fill or drop missing values first",
        ),
        (
            ShapeError, lambda m: m([[1, 2], [3, 4]]),
            "calling a network takes one row of inputs, got rows; did you mean predict?",
        ),
        (ShapeError, lambda m: m([1]), "inputs need 2 columns, got 1"),
        (ShapeError, lambda m: m([]), "inputs need at least one column, got none in row 0"),
        (
            ShapeError, lambda m: m("12"),
            "inputs need a sequence with one item per row, got the text '12'",
        ),
        (
            DataError, lambda m: m([1, None]),
            "inputs need numbers, got None in row 0, column 1; fill or drop missing values first",
        ),
    ],
)  # fmt: skip
def test_inputs_that_are_refused(kind, call, message):
    model = nn.Sequential(nn.Dense(2, 1))
    with pytest.raises(kind) as error:
        call(model)
    assert str(error.value) == message


def test_nothing_is_shared_with_the_caller():
    rows = [[1.0, 2.0], [3.0, 4.0]]
    for last in (nn.Tanh(), nn.Softmax(), nn.Dropout(), nn.LayerNorm(), nn.Linear()):
        model = nn.Sequential(nn.Dense(2, 2), last)
        Y = model.predict(rows)
        kept = copy.deepcopy(vars(last))
        for row in Y:
            row[:] = [9.0, 9.0]
        assert {k: v for k, v in vars(last).items() if k != "rng"} == {
            k: v for k, v in kept.items() if k != "rng"
        }
    assert rows == [[1.0, 2.0], [3.0, 4.0]]
    layers = [nn.Dense(2, 2), nn.Tanh()]
    model = nn.Sequential(*layers)
    layers.pop()
    assert len(model.layers) == 2


def test_many_threads_may_predict_at_once():
    model = nn.Sequential(nn.Dense(3, 8), nn.Tanh(), nn.LayerNorm(), nn.Dense(8, 2), nn.Softmax())
    rows = [[float(i), 1.0, -float(i)] for i in range(8)]
    wanted = model.predict(rows)
    found = {}

    def work(i):
        found[i] = [model(rows[i]) for _ in range(100)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {i: [wanted[i]] * 100 for i in range(8)}


# --- state, copies ---


def test_restore_puts_a_state_back_in_place():
    model, other = example_network(1), example_network(2)
    lists = [parameter.value for parameter in model.parameters()]
    kept = model.state()
    assert "1.running_mean" in kept
    model.restore(other.state())
    assert model.state() == other.state() != kept
    assert all(p.value is same for p, same in zip(model.parameters(), lists))
    model.restore(kept)
    kept["0.W"][0][0] += 1.0  # a copy
    assert model.state() != kept


def test_a_state_that_does_not_fit_changes_nothing():
    model = nn.Sequential(nn.Dense(2, 1))
    before = model.state()
    for state in (
        {}, {"0.W": [[1.0], [2.0]]}, {"0.W": [[1.0, 2.0]], "0.b": [0.0]},
        {"0.W": [[1.0], [2.0]], "0.b": [0.0], "1.b": [0.0]},
    ):  # fmt: skip
        with pytest.raises(ShapeError):
            model.restore(state)
        assert model.state() == before
    with pytest.raises(ShapeError) as error:
        model.restore({"0.W": [[1.0], [2.0]], "0.b": [1.0, 2.0]})
    assert str(error.value) == (
        "restore needs a state with shapes {'0.W': (2, 1), '0.b': (1, 1)}, "
        "got {'0.W': (2, 1), '0.b': (1, 2)}"
    )


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_and_pickles_are_networks_of_their_own(copied):
    model = nn.Sequential(
        nn.Dense(2, 3), nn.LeakyReLU(0.2), nn.Dropout(0.2), nn.ELU(), nn.Dense(3, 2),
        nn.LogSoftmax(),
    )  # fmt: skip
    X, T = [[1.0, 2.0], [0.5, -1.0]], [[0.0, 1.0], [1.0, 0.0]]
    settings = {"loss": nn.CategoricalCrossEntropy(from_logits=True), "epochs": 2, "batch_size": 1}
    nn.fit(model, X, T, **settings)
    other = copied(model)
    assert other.predict(X) == model.predict(X)
    before = model.state()
    nn.fit(other, X, T, **settings)
    assert model.state() == before != other.state()
    nn.fit(model, X, T, **settings)
    assert model.state() == other.state()  # its memory of training came along
    assert model.training == other.training


def test_copy_values():
    for value in ([[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0]):
        copied = copy_values(value)
        assert copied == value
        rows_of(copied)[0][0] = 9.0
        assert rows_of(value)[0][0] == 1.0


def test_each_layers_noise_has_a_seed_of_its_own():
    model = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5))
    draws = set()
    for seed in range(10):
        model.seed_noise(seed)
        draws |= {layer.rng.random() for layer in model.layers}
    assert len(draws) == 20


# --- gradients through the whole network ---


def test_backward_gives_the_derivative_by_the_inputs_only_to_who_wants_it():
    model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 2), nn.Sigmoid())
    X, T = [[0.5, -0.25]], [[1.0, 0.0]]
    loss = nn.BinaryCrossEntropy()
    Y = model.forward(X)
    assert model.backward(loss.gradient(Y, T)) == []
    chained = model.backward(loss.gradient(Y, T), wants_dX=True)
    gradients = copy.deepcopy([p.gradient for p in model.parameters()])
    joint = model.backward(loss.logits_gradient(Y, T), skip_last=True, wants_dX=True)
    assert joint[0] == pytest.approx(chained[0], rel=1e-12)
    for found, wanted in zip([p.gradient for p in model.parameters()], gradients):
        for row, other in zip(rows_of(found), rows_of(wanted)):
            assert row == pytest.approx(other, rel=1e-12)
