"""The `lists` engine: whole updates or none, whatever cuts them short; memory, clipping, caches."""

from __future__ import annotations

import copy
import math
from functools import partial

import pytest
from hypothesis import given, strategies as st
from interrupts import interrupt_at

import tinynn as nn
from tinynn.engines.choice import ENGINES, choose
from tinynn.engines.contract import BatchDivergence, Recipe
from tinynn.engines.lists import ENGINE
from tinynn.lesson.matrix import matmul, transpose

OPTIMIZERS = [
    nn.SGD(learning_rate=0.1),
    nn.SGD(learning_rate=0.1, momentum=0.9, dampening=0.1),
    nn.SGD(learning_rate=0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    nn.Adagrad(learning_rate=0.1),
    nn.RMSprop(learning_rate=0.01, centered=True, momentum=0.5),
    nn.Adam(learning_rate=0.05),
    nn.AdamW(learning_rate=0.05, amsgrad=True),
]
X = [[0.0, 0.5], [1.0, -1.0], [-0.5, 0.25], [0.75, 2.0], [-2.0, 1.0], [0.1, 0.2]]
T = [[0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
BATCHES = [[0, 1], [2, 3], [4, 5], [0, 5, 3]]
RATES = [0.1, 0.05, 0.1, 0.2]


def network(seed=1):
    return nn.Sequential(
        nn.Dense(2, 3), nn.BatchNorm(), nn.Tanh(), nn.Dense(3, 2, bias=False), nn.LayerNorm(),
        nn.Softmax(), seed=seed,
    )  # fmt: skip


def program(model, optimizer, memory, X=X, T=T, weights=None, loss="ce", **clip):
    recipe = Recipe(model, nn.losses.by_name(loss), optimizer, **clip)
    made = ENGINE.program(recipe, memory)
    made.bind(X, T, weights)
    return made


def numbers(model, memory):
    """Return copies of all that an update changes."""
    return copy.deepcopy((model.state(), memory))


def states(optimizer):
    """Return the numbers after 0, 1, 2, ... updates."""
    model, memory = network(), {}
    running = program(model, optimizer, memory)
    found = [numbers(model, memory)]
    for k, (batch, rate) in enumerate(zip(BATCHES, RATES)):
        running.train([batch], [rate], k + 1)
        found.append(numbers(model, memory))
    return found


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_batches_in_one_call_or_in_many_are_the_same(optimizer):
    model, memory = network(), {}
    losses = program(model, optimizer, memory).train(BATCHES, RATES, 1)
    assert numbers(model, memory) == states(optimizer)[-1]
    assert len(losses) == len(BATCHES) and all(map(math.isfinite, losses))


@pytest.mark.parametrize(
    ("optimizer", "part"),
    [
        *((OPTIMIZERS[0], part) for part in range(4)),
        (OPTIMIZERS[-1], 0),
        *(pytest.param(OPTIMIZERS[-1], part, marks=pytest.mark.slow) for part in range(1, 4)),
    ],
    ids=repr,
)
def test_an_interrupt_at_any_line_leaves_whole_updates(optimizer, part):
    wanted = states(optimizer)
    line, reached = part, True
    while reached:
        model, memory = network(), {}
        running = program(model, optimizer, memory)
        running.done = []
        train = partial(running.train, BATCHES, RATES, 1)
        reached, raised = interrupt_at(line, "engines/lists.py", train)
        assert isinstance(raised, KeyboardInterrupt) == reached
        running.write_back()
        assert numbers(model, memory) == wanted[len(running.done)], f"line {line}"
        line += 4
    assert line > 200


def test_an_interrupted_program_goes_on_as_if_nothing_had_been():
    optimizer = OPTIMIZERS[-1]
    model, memory = network(), {}
    running = program(model, optimizer, memory)
    interrupt_at(400, "engines/lists.py", partial(running.train, BATCHES, RATES, 1))
    made = len(running.done)
    assert 0 < made < len(BATCHES)
    running.train(BATCHES[made:], RATES[made:], made + 1)
    assert numbers(model, memory) == states(optimizer)[-1]


class Trap(nn.Layer):
    """Lets rows through, and raises an error at one of its calls."""

    def __init__(self, error, at, backward=False):
        self.error, self.left, self.in_backward = error, at, backward

    def _count(self, this):
        if this == self.in_backward:
            self.left -= 1
            if self.left < 0:
                raise self.error

    def forward(self, X, training=False):
        self._count(False)
        return X

    def backward(self, dY, wants_dX=True):
        self._count(True)
        return dY


@pytest.mark.parametrize("backward", [False, True])
@pytest.mark.parametrize("at", [0, 1, 3])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("x"), MemoryError()])
def test_an_error_in_a_layer_leaves_whole_updates(error, at, backward):
    wanted = states(OPTIMIZERS[5])
    model, memory = network(), {}
    model.layers.insert(3, Trap(error, at, backward))
    # The names of memory and state follow the layers' numbers: put them back for comparing.
    running = program(model, OPTIMIZERS[5], memory)
    with pytest.raises(type(error)) as caught:
        running.train(BATCHES, RATES, 1)
    assert caught.value is error
    assert len(running.done) == at
    del model.layers[3]
    assert model.state() == wanted[at][0]
    assert list(memory.values()) == list(wanted[at][1].values())


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_batch_that_diverges_changes_nothing(optimizer):
    model, memory = network(), {}
    rows = [*X, [1e308, -1e308]]
    running = program(model, optimizer, memory, X=rows, T=[*T, [1.0, 0.0]])
    with pytest.raises(BatchDivergence) as caught:
        running.train([*BATCHES, [5, 6]], [*RATES, 0.1], 1)
    assert (caught.value.batch, len(caught.value.losses)) == (4, 4)
    assert numbers(model, memory) == states(optimizer)[-1]


@pytest.mark.parametrize(
    ("rate", "optimizer", "what"),
    [
        (1e308, nn.SGD(), "0.W is no longer finite in batch 0"),
        (1e-3, nn.SGD(momentum=0.9), "the loss became inf in batch 0"),
        (1e-3, nn.Adam(), "v of 0.W is no longer finite in batch 0"),
        (1e-3, nn.Adagrad(), "squares of 0.W is no longer finite in batch 0"),
        (1e-3, nn.RMSprop(), "v of 0.W is no longer finite in batch 0"),
    ],
)
def test_divergence_says_what_stopped_being_finite(rate, optimizer, what):
    size = {"the": 1e200, "0.W": 10.0}.get(what.split()[0], 1e90)
    model = nn.Sequential(nn.Dense(1, 1, weights=[[1.0]], bias=False))
    kind = "mse" if size < 1e50 or "loss" in what else "mae"
    inputs = [[size if kind == "mse" else size * 1e70]]
    running = program(model, optimizer, {}, X=inputs, T=[[-size]], loss=kind)
    with pytest.raises(BatchDivergence) as caught:
        running.train([[0]], [rate], 1)
    assert str(caught.value) == what
    assert model.layers[0].W == [[1.0]]


def test_a_sum_that_overflows_is_no_divergence():
    model = nn.Sequential(nn.Dense(2, 1, weights=[[1.7e308], [1.7e308]], bias=False))
    running = program(model, nn.SGD(), {}, X=[[0.0, 0.0]], T=[[1.0]], loss="mse")
    assert running.train([[0]], [0.1], 1) == [1.0]


def test_the_gradients_of_a_fused_pair_are_those_of_the_two_alone():
    plain, fused = (
        nn.Sequential(nn.Dense(2, 3, weights=W), nn.Softmax())
        for W in [[[0.1, 0.2, -0.3], [0.5, -0.5, 1.0]]] * 2
    )
    targets = [[1.0, 0.0, 0.0], [0.2, 0.3, 0.5]]
    running = program(fused, nn.SGD(), {}, X=X[:2], T=targets)
    assert running.recipe.loss.joins(fused.layers[-1])
    running.gradients(X[:2], targets, [1.0, 3.0])
    loss = nn.CategoricalCrossEntropy()
    plain.backward(loss.gradient(plain.forward(X[:2], True), targets, [1.0, 3.0]))
    for one, other in zip(plain.parameters(), fused.parameters()):
        for row, wanted in zip(one.gradient_rows(), other.gradient_rows()):
            assert row == pytest.approx(wanted, abs=1e-14)


def test_one_step_by_hand():
    """Z = X W + b, L = mean (Z - T)^2: dW = 2 X^T (Z - T) / n."""
    model = nn.Sequential(nn.Dense(2, 1, weights=[[0.5], [-1.0]], bias=[0.25]))
    inputs, targets = X[:3], [[1.0], [2.0], [3.0]]
    Z = [[z + 0.25] for (z,) in matmul(inputs, [[0.5], [-1.0]])]
    D = [[2.0 * (z - t) / 3.0] for (z,), (t,) in zip(Z, targets)]
    dW = matmul(transpose(inputs), D)
    running = program(model, nn.SGD(), {}, X=inputs, T=targets, loss="mse")
    (loss,) = running.train([[0, 1, 2]], [0.1], 1)
    assert loss == pytest.approx(sum((z - t) ** 2 for (z,), (t,) in zip(Z, targets)) / 3.0)
    wanted = [0.5 - 0.1 * dW[0][0], -1.0 - 0.1 * dW[1][0]]
    assert [w for (w,) in model.layers[0].W] == pytest.approx(wanted, abs=1e-15)
    assert model.layers[0].b == pytest.approx([0.25 - 0.1 * sum(d for (d,) in D)], abs=1e-15)


def test_two_steps_with_momentum_by_hand():
    """L = (w - 1)^2 from w = 0: v = -2, w = 0.2; then v = 0.9 (-2) + 2 (0.2 - 1), w = 0.54."""
    model = nn.Sequential(nn.Dense(1, 1, weights=[[0.0]], bias=False))
    memory = {}
    running = program(
        model, nn.SGD(momentum=0.9), memory, X=[[1.0]], T=[[1.0]], loss="mse"
    )  # fmt: skip
    assert running.train([[0], [0]], [0.1, 0.1], 1) == pytest.approx([1.0, 0.64])
    assert model.layers[0].W[0] == pytest.approx([0.54])
    assert memory["0.W"]["velocity"][0] == pytest.approx([-3.4])


@given(
    st.lists(st.floats(-2, 2), min_size=9, max_size=9),
    st.sampled_from([nn.SGD(momentum=0.9), nn.Adam(), nn.RMSprop(centered=True), nn.Adagrad()]),
)
def test_the_whole_parameter_as_one_row_is_the_same_as_row_by_row(values, optimizer):
    """What the engine relies on: an optimizer treats every number alike."""
    start = optimizer.start()
    w, g = values[:4] + values[5:], values[1:]
    whole = {name: [value] * 8 for name, value in start.items()}
    found = optimizer.update(w, g, whole, 0.1, 1)
    parts = [{name: [value] * 4 for name, value in start.items()} for _ in range(2)]
    split = optimizer.update(w[:4], g[:4], parts[0], 0.1, 1)
    split += optimizer.update(w[4:], g[4:], parts[1], 0.1, 1)
    assert found == split
    assert whole == {name: parts[0][name] + parts[1][name] for name in start}


def test_clipping_by_norm_is_over_all_parameters():
    before, after = network(), network()
    running = program(after, nn.SGD(), {}, clip_norm=0.01)
    running.train([[0, 1, 2, 3, 4, 5]], [1.0], 1)
    moved = [
        a - b
        for old, new in zip(before.parameters(), after.parameters())
        for row, new_row in zip(old.rows(), new.rows())
        for a, b in zip(row, new_row)
    ]
    assert math.hypot(*moved) == pytest.approx(0.01, rel=1e-3)
    free = network()
    program(free, nn.SGD(), {}).train([[0, 1, 2, 3, 4, 5]], [1.0], 1)
    kept = network()
    program(kept, nn.SGD(), {}, clip_norm=1e9, clip_value=1e9).train([list(range(6))], [1.0], 1)
    assert kept.state() == free.state()


def test_clipping_by_value_comes_before_clipping_by_norm():
    model = nn.Sequential(nn.Dense(1, 1, weights=[[0.0]], bias=[0.0]))
    running = program(
        model, nn.SGD(), {}, X=[[10.0]], T=[[-1.0]], loss="mse", clip_value=0.5, clip_norm=0.1
    )
    running.train([[0]], [1.0], 1)  # the gradients are 20 and 2: both become 0.5
    side = 0.1 / math.sqrt(2.0)
    assert model.layers[0].W[0] + model.layers[0].b == pytest.approx([-side, -side], rel=1e-5)


def test_memory_is_made_once_and_gone_on_from():
    model, memory = network(), {}
    program(model, nn.Adam(), memory).train(BATCHES[:2], RATES[:2], 1)
    assert set(memory) == {p.name for p in model.parameters()}
    assert {tuple(kept) for kept in memory.values()} == {("m", "v")}
    rows = memory["0.W"]["m"]
    assert [len(row) for row in rows] == [3, 3]
    program(model, nn.Adam(), memory).train(BATCHES[2:], RATES[2:], 3)
    assert memory["0.W"]["m"] is rows
    straight, other = network(), {}
    program(straight, nn.Adam(), other).train(BATCHES, RATES, 1)
    assert numbers(model, memory) == numbers(straight, other)


def test_without_memory_none_is_kept():
    model, memory = network(), {}
    program(model, nn.SGD(), memory).train(BATCHES, RATES, 1)
    assert all(kept == {} for kept in memory.values())


def test_lists_that_were_changed_in_place_count_at_once_and_others_after_reload():
    changed, wanted = network(), network()
    running = program(changed, nn.SGD(), {})
    running.train(BATCHES[:1], RATES[:1], 1)
    changed.layers[0].W[0][:] = [1.0, 2.0, 3.0]
    changed.layers[3].W = [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]
    running.reload()
    running.train(BATCHES[1:2], RATES[1:2], 2)
    program(wanted, nn.SGD(), {}).train(BATCHES[:1], RATES[:1], 1)
    wanted.layers[0].W[0][:] = [1.0, 2.0, 3.0]
    for row, new in zip(wanted.layers[3].W, [[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]]):
        row[:] = new
    program(wanted, nn.SGD(), {}).train(BATCHES[1:2], RATES[1:2], 2)
    assert changed.state() == wanted.state()


def test_sample_weights_are_those_of_the_batchs_rows():
    weights = [1.0, 2.0, 0.0, 4.0, 0.5, 3.0]
    one, other = network(), network()
    program(one, nn.SGD(), {}, weights=weights).train([[5, 0, 3]], [0.1], 1)
    rows = [5, 0, 3]
    picked = program(
        other, nn.SGD(), {}, X=[X[i] for i in rows], T=[T[i] for i in rows],
        weights=[weights[i] for i in rows],
    )  # fmt: skip
    picked.train([[0, 1, 2]], [0.1], 1)
    assert one.state() == other.state()


def test_a_network_without_parameters_can_be_run():
    model = nn.Sequential(nn.Tanh(), nn.Dropout(0.5))
    memory = {}
    running = program(model, nn.Adam(), memory, loss="mse", clip_norm=1.0, clip_value=1.0)
    assert len(running.train(BATCHES, RATES, 1)) == 4
    assert memory == {}
    assert running.predict(X) == model.predict(X)


def test_the_lists_engine_serves_everything():
    assert ENGINES["lists"] is ENGINE
    assert ENGINE.name == "lists"
    recipe = Recipe(network(), nn.Huber(), nn.AdamW())
    assert ENGINE.refuses(recipe, 1) is None
    assert choose(recipe, 2, "lists") == (ENGINE, "set by engine='lists'")
