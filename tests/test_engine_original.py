"""`nn.NeuralNet`, the original program at the speed of source written for its rows."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
import sys

import pytest
from hypothesis import given, settings, strategies as st

import tinynn as nn
from tinynn.engines import neural_net
from tinynn.engines.unrolled import original
from tinynn.errors import DataError, SettingError, ShapeError, TinynnError
from tinynn.lesson import activations, neural_net as lesson

X = [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 1.0]]
T = [[1.0], [0.0], [1.0]]
ADDS_ONE_BY_ONE = sys.version_info < (3, 12)  # later, sum() is compensated
numbers = st.sampled_from([0.0, 1.0, -1.0, 0.5, 2.0, -0.0, 3.25])


@pytest.fixture(autouse=True)
def always_worthwhile(monkeypatch):
    monkeypatch.setattr(neural_net, "WORTHWHILE", 0)


def is_close(found, expected):
    if ADDS_ONE_BY_ONE:
        return found == expected
    pairs = [(a, b) for row, other in zip(found, expected) for a, b in zip(row, other)]
    return all(a == pytest.approx(b, rel=1e-11, abs=1e-12) for a, b in pairs)


@st.composite
def data_sets(draw):
    inputs, outputs = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    rows = draw(st.integers(1, 6))
    values = draw(st.sampled_from([numbers, st.sampled_from([0.0, 1.0])]))
    X = [[draw(values) for _ in range(inputs)] for _ in range(rows)]
    T = [[draw(st.sampled_from([0.0, 1.0, 0.25, 0.75])) for _ in range(outputs)] for _ in X]
    return X, T, draw(st.integers(0, 100))


def trained(kind, X, T, seed, iterations):
    net = kind(seed=seed, inputs=len(X[0]), outputs=len(T[0]))
    net.train(X, T, iterations)
    return net.synaptic_weights


@pytest.mark.parametrize("most_terms", [400, 0], ids=["rows in the source", "rows in a loop"])
@given(data=data_sets(), iterations=st.integers(0, 40))
@settings(max_examples=100)
def test_the_weights_are_the_lessons_to_the_last_bit(most_terms, data, iterations):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neural_net, "MAX_TERMS", most_terms)
        patch.setattr(neural_net, "WORTHWHILE", 0)
        found = trained(nn.NeuralNet, *data, iterations)
    assert is_close(found, trained(lesson.NeuralNet, *data, iterations))


@given(data=data_sets())
@settings(max_examples=60)
def test_no_sum_begins_with_a_sign_that_costs_an_operation(data):
    X, T, _ = data
    rows = tuple((tuple(x), tuple(t)) for x, t in zip(X, T))
    code = original.training_source(len(X[0]), len(T[0]), rows)
    assert code.count("1.0 / (1.0 + exp(") == code.count(") / (1.0 + e)") == len(T) * len(T[0])
    assert not re.search(r"\(z := -[wn]", code)


def test_the_source_of_the_original_program():
    code = original.training_source(3, 1, tuple((tuple(x), tuple(t)) for x, t in zip(X, T)))
    lines = code.splitlines()
    assert lines[2:5] == [
        "    # n: a weight with the other sign, for sums that are expected to be positive",
        "    n1_0 = -w1_0",
        "    n2_0 = -w2_0",
    ]
    assert lines[5:18] == [
        "    for _ in iterations:",
        "        # sample 0: 0.0, 1.0, 1.0 -> 1.0",
        "        if (z := n1_0 + n2_0) <= 0.0:",
        "            c = 1.0 - (o := 1.0 / (1.0 + exp(z)))",
        "        else:",
        "            c = 1.0 - (o := (e := exp(-z)) / (1.0 + e))",
        "        d0s0 = c * o * c",
        "        # sample 1: 1.0, 0.0, 0.0 -> 0.0",
        "        if w0_0 < 0.0:",
        "            o = (e := exp(w0_0)) / (1.0 + e)",
        "        else:",
        "            o = 1.0 / (1.0 + exp(-w0_0))",
        "        d0s1 = o * o * (1.0 - o)",
    ]
    assert lines[-7:] == [
        "        # w = w + x^T ((t - o) o (1 - o))",
        "        w0_0 -= d0s1 - d0s2",
        "        n1_0 -= d0s0",
        "        n2_0 -= d0s0 + d0s2",
        "    w1_0 = 0.0 - n1_0",
        "    w2_0 = 0.0 - n2_0",
        "    return (w0_0, w1_0, w2_0,)",
    ]


@pytest.mark.skipif(not ADDS_ONE_BY_ONE, reason="sum() is compensated")
def test_the_original_numbers():
    net = nn.NeuralNet(seed=1)
    net.train(X, T, 10_000)
    assert net.learn([1, 0, 1]) == [0.9897704022243792]
    assert net.synaptic_weights == [
        [-4.365613071029684], [1.225198070043544], [8.937800809246921]
    ] == trained(lesson.NeuralNet, X, T, 1, 10_000)  # fmt: skip


@pytest.fixture
def ways(monkeypatch):
    """How often the generated source and the lesson trained, each for how many iterations."""
    counted = {"source": [], "lesson": []}
    real_training, real_train = original.training, lesson.NeuralNet.train

    def training(*arguments):
        train = real_training(*arguments)

        def counting(weights, rows, iterations):
            counted["source"].append(iterations.__length_hint__())
            return train(weights, rows, iterations)

        return counting

    def train(net, inputs, outputs, iterations):
        counted["lesson"].append(iterations)
        real_train(net, inputs, outputs, iterations)

    monkeypatch.setattr(original, "training", training)
    monkeypatch.setattr(lesson.NeuralNet, "train", train)
    return counted


def test_only_many_iterations_are_worth_source(ways, monkeypatch):
    monkeypatch.setattr(neural_net, "WORTHWHILE", 200)
    nn.NeuralNet().train(X, T, 199)
    assert ways == {"source": [], "lesson": [199]}
    nn.NeuralNet().train(X, T, 200)
    assert ways == {"source": [2, 198], "lesson": [199, 2]}


@pytest.mark.parametrize(
    "edit",
    [
        ("sigmoid", lambda z: activations.sigmoid(1.001 * z)),
        ("sigmoid", lambda z: activations.tanh(z)),
        ("add", lambda A, B: [[a + 0.5 * b for a, b in zip(r, s)] for r, s in zip(A, B)]),
        ("transpose", lambda A: [[2.0 * a for a in column] for column in zip(*A)]),
    ],
)
def test_who_edits_a_formula_of_the_lesson_sees_the_effect(edit, ways, monkeypatch):
    monkeypatch.setattr(lesson, *edit)
    found, expected = nn.NeuralNet(), lesson.NeuralNet()
    found.train(X, T, 300)
    assert ways["source"] == [2] and ways["lesson"] == [2, 300]
    expected.train(X, T, 300)
    assert found.synaptic_weights == expected.synaptic_weights


def test_a_step_that_shrinks_with_the_iterations_is_seen_too(monkeypatch):
    def train(net, inputs, outputs, iterations):
        for i in range(iterations):
            before = net.synaptic_weights
            plain(net, inputs, outputs, 1)
            change = [a[0] - b[0] for a, b in zip(net.synaptic_weights, before)]
            net.synaptic_weights = [[b[0] + c / (1 + i)] for b, c in zip(before, change)]

    plain = lesson.NeuralNet.train
    monkeypatch.setattr(lesson.NeuralNet, "train", train)
    assert trained(nn.NeuralNet, X, T, 1, 50) == trained(lesson.NeuralNet, X, T, 1, 50)


class OwnNet(nn.NeuralNet):
    def think(self, X):
        return [[0.5] * self.outputs for _ in X]


def own_think(X):
    return [[0.25] for _ in X]


def test_networks_with_methods_of_their_own_are_trained_with_these(ways, monkeypatch):
    own = OwnNet()
    own.train(X, T, 300)
    assert (
        own.synaptic_weights == trained(OwnNet, X, T, 1, 300) != trained(nn.NeuralNet, X, T, 1, 300)
    )
    ways["source"].clear()
    net = nn.NeuralNet()
    net.think = own_think
    net.train(X, T, 300)
    monkeypatch.setattr(nn.NeuralNet, "think", lambda net, X: own_think(X), raising=False)
    assert net.synaptic_weights == trained(nn.NeuralNet, X, T, 1, 300)
    assert ways["source"] == []


def test_huge_numbers_and_many_weights_are_the_lessons(ways):
    for rows, targets in (([[1e200, 0.0, 1.0]], [[1.0]]), ([[1.0] * 101], [[1.0]])):
        assert trained(nn.NeuralNet, rows, targets, 1, 300) == trained(
            lesson.NeuralNet, rows, targets, 1, 300
        )
    net = nn.NeuralNet(inputs=1)
    net.synaptic_weights = [[float("nan")]]
    with pytest.raises(nn.DivergenceError):
        net.train([[1.0]], [[1.0]], 300)
    assert ways["source"] == []


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (([[1.0, 2.0]], [[1.0]], 300), ShapeError),
        ((X, [[1.0]], 300), ShapeError),
        (([[1.0, 2.0, float("nan")]], [[1.0]], 300), DataError),
        ((X, [[0.0], [2.0], [1.0]], 300), DataError),
        ((X, T, -1), SettingError),
        ((X, T, 300.5), SettingError),
        ((X, T, 300.0), SettingError),
        ((X, T, "300"), SettingError),
        ((X, T, None), SettingError),
    ],
)
def test_it_refuses_what_the_lesson_refuses_in_the_same_words(arguments, error):
    found = []
    for kind in (lesson.NeuralNet, nn.NeuralNet):
        net = kind(seed=1)
        kept = copy.deepcopy(net.synaptic_weights)
        with pytest.raises(error) as raised:
            net.train(*arguments)
        assert isinstance(raised.value, TinynnError)
        found.append(str(raised.value))
        assert net.synaptic_weights == kept
    assert found[0] == found[1]


def test_weights_of_another_shape_raise_the_lessons_error():
    found = []
    for kind in (lesson.NeuralNet, nn.NeuralNet):
        net = kind(seed=1)
        net.synaptic_weights = [[1.0, 2.0, 3.0]]
        with pytest.raises(ShapeError) as raised:
            net.train(X, T, 300)
        found.append(str(raised.value))
    assert found[0] == found[1]


def test_ctrl_c_keeps_the_blocks_before_it(monkeypatch):
    real, calls = original.training, []

    def training(*arguments):
        train = real(*arguments)

        def interrupted(weights, rows, iterations):
            calls.append(iterations)
            if len(calls) == 4:
                raise KeyboardInterrupt
            return train(weights, rows, iterations)

        return interrupted

    monkeypatch.setattr(original, "training", training)
    monkeypatch.setattr(neural_net, "BLOCK", 50)
    net = nn.NeuralNet()
    with pytest.raises(KeyboardInterrupt):
        net.train(X, T, 1000)
    assert is_close(net.synaptic_weights, trained(lesson.NeuralNet, X, T, 1, 102))


def test_the_callers_rows_and_other_networks_stay_as_they_are():
    rows, targets = copy.deepcopy(X), copy.deepcopy(T)
    net = nn.NeuralNet()
    weights, other = net.synaptic_weights, copy.copy(net)
    kept = copy.deepcopy(weights)
    net.train(rows, targets, 300)
    assert (rows, targets) == (X, T)
    assert other.synaptic_weights is weights and weights == kept != net.synaptic_weights
    rows[0][0] = 7.0  # what was compiled is for other rows
    net.train(rows, targets, 300)
    again = lesson.NeuralNet()
    again.train(X, T, 300)
    again.train(rows, targets, 300)
    assert is_close(net.synaptic_weights, again.synaptic_weights)


def test_it_is_the_lessons_class_in_all_but_speed():
    assert issubclass(nn.NeuralNet, lesson.NeuralNet)
    assert nn.NeuralNet.__name__ == nn.NeuralNet.__qualname__ == "NeuralNet"
    own = {name for name in vars(nn.NeuralNet) if not name.startswith("__")}
    assert own == {"train"}
    for name in ("__init__", "train", "think", "learn"):
        ours, theirs = getattr(nn.NeuralNet, name), getattr(lesson.NeuralNet, name)
        assert inspect.signature(ours) == inspect.signature(theirs)
    assert "tinynn/lesson/neural_net.py" in nn.NeuralNet.__doc__
    net = nn.NeuralNet(seed=3)
    net.train(X, T, 300)
    for twin in (copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert type(twin) is nn.NeuralNet and vars(twin) == vars(net)
        twin.train(X, T, 10)
        assert twin.synaptic_weights != net.synaptic_weights
