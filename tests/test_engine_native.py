"""The `native` engine: whole updates or none, calls that do not last, threads, and what it refuses.

[test_engines.py](test_engines.py) compares it with `lists` as it does the other engines; here it is
on wide layers, large batches and mostly zeros. [test_native_memory.py](test_native_memory.py) has
what it asks of the system: memory, the processor, the command line.
"""

from __future__ import annotations

import copy
import ctypes
import os
import random
import threading
from array import array
from functools import partial

import pytest
from interrupts import interrupt_at
from wide_cases import check_closely, draw_wide_case

import tinynn as nn
from tinynn.engines.contract import BatchDivergence, Batches, Recipe
from tinynn.engines.lists import ENGINE as LISTS
from tinynn.engines.native import program as native_program
from tinynn.engines.native.calls import Call
from tinynn.engines.native.engine import ENGINE as NATIVE
from tinynn.engines.native.machine import ARENA, VECTOR_BYTES, At
from tinynn.engines.native.memory import Arena, executable
from tinynn.engines.native.processor import new_machine
from tinynn.engines.native.program import SECONDS_OF_A_CALL

pytestmark = pytest.mark.skipif(bool(NATIVE.unavailable()), reason=f"{NATIVE.unavailable()}")


# Random trainings


@pytest.mark.slow
def test_wide_layers_large_batches_and_mostly_zeros_train_as_with_lists():
    compared = sum(
        check_closely(NATIVE, draw_wide_case(random.Random(seed).choice)) for seed in range(60)
    )
    assert compared > 50


@pytest.mark.parametrize("seed", [44, 493, 540, 664, 799])
def test_what_other_code_left_beside_the_rows_is_not_read(seed):
    """Batches change their size; rows are 5 or 9 vectors wide, and lie 6 or 10 vectors apart."""
    assert check_closely(NATIVE, draw_wide_case(random.Random(seed).choice))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(30))
def test_many_random_trainings_are_those_of_lists(part):
    seeds = range(100 * part, 100 * part + 100)
    compared = sum(
        check_closely(NATIVE, draw_wide_case(random.Random(seed).choice)) for seed in seeds
    )
    assert compared > 90


# A program whose batches do all that batches can do

HUGE = 1.7e308
GOOD, BAD = 0, 2  # rows, of which BAD has a loss that overflows
LARGE_RATE = 8.0  # with which a sum overflows in another order than that of `lists`


def network():
    """A network in which `native` can leave the finite numbers where `lists` does not.

    What enters the last Dense layer is 0, so that its weights stay. Four large ones add up to 0 on
    the way back, but machine code adds pairs of them first, which overflow.
    """
    large = [HUGE, HUGE, -HUGE, -HUGE, 0.0]
    model = nn.Sequential(
        nn.Dense(2, 3, bias=False, weights=[[0.0] * 3] * 2), nn.BatchNorm(3), nn.Dropout(0.5),
        nn.Dense(3, 1, bias=False, weights=[[0.0]] * 3), nn.Dense(1, 5, weights=[large]),
    )  # fmt: skip
    model.seed_noise(1)
    return model


X = [[0.1, 0.2], [0.3, -0.4], [0.5, 0.6], [-0.7, 0.8]]
T = [[-1.0, -2.0, -3.0, -4.0, 5.0], [-2.0, -2.0, -2.0, -2.0, 3.0], [HUGE] * 5, [-9.0] * 4 + [1.0]]


class Running:
    """A program, and all that an update changes."""

    def __init__(self, engine=NATIVE, optimizer=None):
        self.model, self.memory = network(), {}
        recipe = Recipe(self.model, nn.MeanAbsoluteError(), optimizer or nn.SGD())
        self.program = engine.program(recipe, self.memory)
        self.program.bind(X, T)

    def numbers(self):
        """Return copies of the weights, running statistics, memory and random streams."""
        self.program.write_back()
        stream = self.model.layers[2].rng.getstate()
        return copy.deepcopy((self.model.state(), self.memory, stream))


# Batches of different sizes, so that there are several calls; those with the large rate overflow.
BATCHES = [[0, 1], [1, 3], [0, 1, 3], [3, 0, 1], [3, 1], [0, 3], [1, 3]]
RATES = [0.1, 0.2, 0.1, 0.1, LARGE_RATE, 0.3, 0.2]


def test_weights_with_which_an_order_could_overflow_are_left_to_lists(monkeypatch):
    by_lists = []
    right = native_program.NativeProgram._by_lists

    def counted(self, call, rate, *others):
        by_lists.append(rate)
        return right(self, call, rate, *others)

    monkeypatch.setattr(native_program.NativeProgram, "_by_lists", counted)
    native, lists = Running(), Running(LISTS)
    assert native.program.train(BATCHES, RATES, 1) == lists.program.train(BATCHES, RATES, 1)
    assert native.numbers() == lists.numbers()
    assert by_lists == RATES


def states(batches, rates, optimizer):
    """Return the numbers after 0, 1, 2, ... updates."""
    running = Running(optimizer=optimizer)
    found = [running.numbers()]
    for k, (batch, rate) in enumerate(zip(batches, rates)):
        running.program.train([batch], [rate], k + 1)
        found.append(running.numbers())
    return found


@pytest.mark.parametrize("diverges", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    ("optimizer", "part"),
    [
        (nn.Adam(amsgrad=True), 0),
        *(pytest.param(nn.Adam(amsgrad=True), k, marks=pytest.mark.slow) for k in range(1, 6)),
        *(pytest.param(nn.SGD(), k, marks=pytest.mark.slow) for k in range(6)),
    ],
    ids=repr,
)
def test_ctrl_c_at_any_line_leaves_whole_updates_and_goes_on(optimizer, part, diverges):
    wanted = states(BATCHES, RATES, optimizer)
    batches = [*BATCHES[:6], [1, BAD]] if diverges else BATCHES
    line, reached, made = part, True, set()
    while reached:
        running = Running(optimizer=optimizer)
        running.program.done = []
        train = partial(running.program.train, batches, RATES, 1)
        reached, raised = interrupt_at(line, "native/program.py", train)
        if not isinstance(raised, KeyboardInterrupt):
            assert not reached and isinstance(raised, BatchDivergence if diverges else type(None))
        done = running.program.done
        made.add(len(done))
        assert running.numbers() == wanted[len(done)], f"line {line}"
        rest = running.program.train(BATCHES[len(done) :], RATES[len(done) :], len(done) + 1)
        assert len(done + rest) == len(BATCHES)
        assert running.numbers() == wanted[-1], f"line {line}"
        line += 6
    assert line > 200 and len(made) > 3


def test_code_whose_constants_were_overwritten_gets_them_again():
    """Ctrl-C while other code is made ready, and then the earlier code again."""
    line, reached = 0, True
    while reached:
        running = Running()
        program = running.program
        program._load()
        first, other = (native_program.training(shape(program, rows)) for rows in (3, 2))
        program._use(first)
        reached, _ = interrupt_at(line, "native/program.py", partial(program._use, other))
        program._use(first)
        start = first.code.constants.start
        assert program._arena.copy(start, len(first.constants)) == first.constants
        line += 1
    assert line > 5


def shape(program, rows):
    return native_program.TrainingShape(program.plan, rows)


# Divergence


def flat(value):
    """Return all numbers in lists and dictionaries."""
    if isinstance(value, float):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [number for part in parts for number in flat(part)]


@pytest.mark.parametrize("optimizer", [nn.SGD(), nn.Adam(amsgrad=True)], ids=repr)
@pytest.mark.parametrize("at", [0, 3, 6, "alone"])
def test_divergence_is_that_of_lists_with_the_numbers_before_that_batch(at, optimizer):
    wanted = states(BATCHES, RATES, optimizer)
    made = 0 if at == "alone" else at
    batches = [[BAD, 1]] if at == "alone" else [*BATCHES[:at], [1, BAD], *BATCHES[at + 1 :]]
    found, results = [], []
    for engine in (LISTS, NATIVE):
        running = Running(engine, optimizer)
        with pytest.raises(BatchDivergence) as caught:
            running.program.train(batches, RATES, 1)
        error = caught.value
        found.append((str(error), error.batch))
        weights, memory, _ = running.numbers()
        results.append([*error.losses, *flat([weights, memory])])
    assert found == [(f"the loss became inf in batch {made}", made)] * 2
    assert results[0] == pytest.approx(results[1], rel=1e-12)
    assert running.numbers() == wanted[made]
    running.program.train(BATCHES[made:], RATES[made:], made + 1)
    assert running.numbers() == wanted[-1]


def test_the_batch_that_diverges_is_found_by_halves(monkeypatch):
    calls = []
    right = native_program.NativeProgram._call

    def counted(self, call, *others):
        calls.append(call)
        return right(self, call, *others)

    monkeypatch.setattr(native_program.NativeProgram, "_call", counted)
    model = nn.Sequential(nn.Dense(1, 1, weights=[[1.0]], bias=False))
    program = NATIVE.program(Recipe(model, nn.MeanSquaredError(), nn.SGD()), {})
    program.bind([[1.0], [1e200]], [[0.0]] * 2)
    with pytest.raises(BatchDivergence) as caught:
        program.train([[0]] * 5000 + [[1]] + [[0]] * 3000, [1e-3] * 8001, 1)
    assert caught.value.batch == len(caught.value.losses) == 5000
    assert len(calls) < 40


@pytest.mark.parametrize("rows", [5, 6, 7, 12])
@pytest.mark.parametrize("epochs", [1, 4])
def test_divergence_in_the_short_batch_at_the_end_of_an_epoch(rows, epochs):
    found = []
    for engine in (LISTS, NATIVE):
        model = nn.Sequential(nn.Dense(1, 1, weights=[[1.0]], bias=False))
        recipe = Recipe(model, nn.MeanSquaredError(), nn.SGD())
        program = engine.program(recipe, {})
        program.bind([[1.0]] * (rows - 1) + [[1e200]], [[0.0]] * rows)
        order = [*range(rows - 1), 0] * epochs
        order[-1] = rows - 1
        batches = Batches(order, rows, 3)
        with pytest.raises(BatchDivergence) as caught:
            program.train(batches, [1e-3] * len(batches), 1)
        program.write_back()
        found.append([*caught.value.losses, *flat(model.state())])
        assert str(caught.value) == f"the loss became inf in batch {len(batches) - 1}"
    assert found[0] == pytest.approx(found[1], rel=1e-12)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("batch_size", [1, 4, 7])
@pytest.mark.parametrize("rate", [0.9, 3.0, 100.0])
def test_fit_diverges_as_with_lists(batch_size, rate, stream):
    draw = random.Random(3).uniform
    inputs = [[draw(-2, 2) for _ in range(3)] for _ in range(18)]
    targets = [[draw(-2, 2)] for _ in range(18)]
    found, models = [], []
    for engine in ("lists", "native"):
        model = nn.Sequential(nn.Dense(3, 4), nn.ReLU(), nn.Dense(4, 1), seed=4)
        options = {"optimizer": nn.SGD(rate), "epochs": 500, "engine": engine}
        with pytest.raises(nn.DivergenceError) as caught:
            if stream:
                halves = [(inputs[:8], targets[:8]), (inputs[8:], targets[8:])]
                nn.fit(model, halves, **options)
            else:
                options["shuffle"] = batch_size != 4
                nn.fit(model, inputs, targets, batch_size=batch_size, **options)
        error = caught.value
        found.append((str(error), error.epoch, error.batch, error.history.epochs))
        found[-1] += (model.training["epochs"], model.training["steps"])
        models.append(model)
        assert all(abs(w) < 1e308 for p in model.parameters() for row in p.rows() for w in row)
    assert found[0] == found[1]


def test_a_norm_whose_square_is_infinite_clips_as_with_lists():
    found = []
    for engine in (LISTS, NATIVE):
        model = nn.Sequential(nn.Dense(1, 1, weights=[[0.5]]))
        recipe = Recipe(model, nn.MeanAbsoluteError(), nn.SGD(), clip_norm=1.0)
        program = engine.program(recipe, {})
        program.bind([[1e160]], [[1.0]])
        program.train([[0]], [0.1], 1)
        program.write_back()
        found.append(model.state())
    assert found[0] == found[1] and found[1]["0.W"] == [[0.4]]


# Ctrl-C through the trainer


@pytest.mark.slow
@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("part", range(4))
def test_fit_counts_whole_updates_wherever_ctrl_c_comes(watched, part):
    options = {"optimizer": nn.Adam(0.05), "batch_size": 3, "loss": "mae", "engine": "native"}
    rows, targets = [X[i] for i in (0, 1, 3, 0, 1)], [T[i] for i in (0, 1, 3, 0, 1)]

    def train(model, callbacks=()):
        return nn.fit(model, rows, targets, epochs=3, callbacks=callbacks, **options)

    states = [(network().state(), None)]
    record = nn.Callback()
    record.on_batch_end = lambda t: states.append(
        copy.deepcopy((t.model.state(), t.model.training["memory"]))
    )
    train(network(), [record])
    whole = network()
    wanted = train(whole)
    line, reached = part, True
    while reached:
        model, made = network(), []
        reached, _ = interrupt_at(
            line, ("native/program.py", "native/numbers.py"),
            lambda: made.append(train(model, [nn.Callback()] if watched else [])),  # noqa: B023
        )  # fmt: skip
        steps = model.training.get("steps", 0)
        assert model.state() == states[steps][0], f"line {line}"
        if steps:
            assert model.training["memory"] == states[steps][1], f"line {line}"
        for history in made:
            assert history.stopped_by == ("interrupted" if reached else "epochs")
            assert history.epochs == steps // 2 == model.training.get("epochs", 0)
            assert history.loss == wanted.loss[: history.epochs]
        line += 4
    assert model.state() == whole.state()
    assert line > 300


# A call never takes long


class Clock:
    """Time that passes only in calls of the code: so many seconds per batch and per row."""

    def __init__(self, monkeypatch, per_batch, per_row):
        self.now, self.calls = 0.0, []
        right = native_program.training

        def training(shape):
            ready = right(shape)

            def call(address):
                epochs, batches = (ctypes.c_int64 * 2).from_address(address)
                updates = epochs * (batches + bool(shape.last))
                rows = epochs * (batches * shape.rows + shape.last)
                self.calls.append((updates, updates * per_batch + rows * per_row))
                self.now += self.calls[-1][1]
                ready.call(address)

            return ready._replace(call=call)

        monkeypatch.setattr(native_program, "training", training)
        monkeypatch.setattr(native_program, "perf_counter", lambda: self.now)


@pytest.mark.parametrize(
    ("per_batch", "per_row"),
    [
        (0.0, 0.0), (1e-7, 1e-7), (1e-4, 0.0), (0.0, 1e-4),
        (5e-5, 3e-6), (1e-3, 1e-5), (0.03, 1e-3),
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "batches",
    [
        Batches(range(64), 64, 16, times=30),
        Batches(range(63), 63, 16, times=30),
        Batches(range(64), 64, 64, times=5)[1:],
        Batches(range(63), 63, 10, times=40)[3:-3],
        [list(range(64))] * 3 + [[5]] * 3000 + [[1, 2, 3]] * 200,
        [[5]] * 10 + [list(range(64))] * 200,
    ],
    ids=["full", "short last", "one", "cut", "smaller", "larger"],
)
def test_no_call_takes_a_tenth_of_a_second(monkeypatch, batches, per_batch, per_row):
    """Only the first call does not know how fast the code is."""
    clock = Clock(monkeypatch, per_batch, per_row)
    model = nn.Sequential(nn.Dense(2, 1), seed=1)
    recipe = Recipe(model, nn.MeanSquaredError(), nn.SGD())
    program = NATIVE.program(recipe, {})
    program.bind(X * 16, [row[:1] for row in X] * 16)
    first = program.train(batches[:1], [0.01], 1)
    losses = program.train(batches, [0.01] * len(batches), 2)
    assert len(first) == 1 and len(losses) == len(batches)
    assert sum(updates for updates, _ in clock.calls[1:]) == len(batches)
    for updates, seconds in clock.calls[1:]:
        assert seconds <= SECONDS_OF_A_CALL * 1.0001 or updates == 1
        assert updates <= SECONDS_OF_A_CALL / native_program.LEAST_SECONDS
    if per_batch + per_row < 0.01:
        # Calls are as long as they may be, except where batches change their size.
        changes = 50 if len(set(map(len, batches))) > 1 else 0
        assert len(clock.calls) < 4 + 3 * clock.now / SECONDS_OF_A_CALL + changes


@pytest.mark.parametrize(
    ("layers", "length"),
    [
        ([nn.Dense(2, 1)], 1),
        ([nn.Dense(2, 1)], 5000),
        ([nn.Dense(100, 1000), nn.GELU(), nn.GELU(), nn.Dense(1000, 1)], 3),
        ([nn.Tanh() for _ in range(30)], 10),
        ([nn.Dense(1500, 1000), nn.Dense(1000, 1)], 1),
    ],
    ids=["small", "large batch", "activations", "no parameters", "huge"],
)
@pytest.mark.parametrize("optimizer", [nn.SGD(), nn.Adam()], ids=["sgd", "adam"])
def test_the_first_call_is_guessed_with_care(layers, length, optimizer):
    """Products take less than a nanosecond, everything else a few for each number of a row."""
    model = nn.Sequential(*layers, seed=1)
    program = NATIVE.program(Recipe(model, nn.MeanSquaredError(), optimizer), {})
    columns = model.inputs or 400
    program.bind([[0.5] * columns], [[0.0] * (model.outputs or columns)])
    run = Call(0, 0, 100, 1000, length)
    rows = program._rows_of_a_call(run)
    parameters = model.count_parameters()
    numbers = sum(getattr(layer, "outputs", columns) for layer in layers)
    seconds = rows * (3e-9 * parameters + 40e-9 * numbers + 10e-9 * parameters / length)
    assert seconds <= SECONDS_OF_A_CALL
    call, rest = run.cut(rows)
    assert call.rows <= max(rows, length) and sum(c.rows for c in [call, *rest]) == run.rows


def test_calls_are_cut_into_parts_that_follow_each_other():
    draw = random.Random(1)
    for _ in range(300):
        run = Call(
            draw.randrange(5), draw.randrange(9), draw.randint(1, 6), draw.randint(1, 6),
            draw.randint(1, 8), draw.choice([0, 0, 1, 3]),
        )  # fmt: skip
        calls, pending = [], [run]
        while pending:
            most = draw.randint(1, 60)
            call, rest = pending[0].cut(most)
            pending[:1] = rest
            assert call.updates == 1 or call.rows <= most
            calls.append(call)
        batches = [length for call in calls for length in lengths_of(call)]
        assert batches == lengths_of(run)
        first, row = run.first, run.row
        for call in calls:
            assert (call.first, call.row) == (first, row)
            first, row = first + call.updates, row + call.rows


def lengths_of(call):
    return ([call.length] * call.batches + [call.last] * bool(call.last)) * call.epochs


def test_random_numbers_for_dropout_do_not_fill_the_memory():
    model = nn.Sequential(nn.Dense(2, 1000), nn.Dropout(0.5), nn.Dense(1000, 1), seed=1)
    program = NATIVE.program(Recipe(model, nn.MeanSquaredError(), nn.SGD()), {})
    program.bind(X, [row[:1] for row in T])
    program._measured = 1, 1e-9
    run = Call(0, 0, 1, 10**9, 1)
    assert program._rows_of_a_call(run) == native_program.MOST_DRAWS // 1000


# Threads


def trained(seed):
    """Return the numbers of a training of its own kind for each seed."""
    width = 3 + seed
    model = nn.Sequential(
        nn.Dense(2, width), nn.Tanh(), nn.Dropout(0.3), nn.Dense(width, 5), seed=seed
    )
    nn.fit(model, X, T[:2] + T[3:] + T[:1], loss="mae", epochs=300, batch_size=3, engine="native")
    return model.state()


def test_threads_train_programs_and_share_a_predictor():
    model = nn.Sequential(nn.Dense(2, 40), nn.GELU(), nn.Dense(40, 3), nn.Softmax(), seed=1)
    predict = nn.compile(model, engine="native")
    rows = [[0.01 * k, -0.02 * k] for k in range(200)]
    alone = {seed: trained(seed) for seed in range(4)}
    expected = [predict(row) for row in rows]
    native_program.training.cache_clear()
    found = {}

    def run(seed):
        answers = [predict.rows(rows) for _ in range(10)]
        found[seed] = trained(seed), answers

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {seed: state for seed, (state, _) in found.items()} == alone
    assert all(answer == expected for _, answers in found.values() for answer in answers)


def test_other_threads_run_during_a_call():
    """Machine code waits until another thread has made it stop waiting."""
    machine = new_machine()
    machine.begin()
    with machine.block() as block, machine.loop(1, 1 << 35):
        machine.vload(0, At(ARENA, 0))
        machine.leave_if_any(0, block)
    machine.end()
    wait, arena = executable(bytes(machine.code)), Arena(VECTOR_BYTES)
    waiting = threading.Thread(target=wait, args=(arena.address,))
    waiting.start()  # if a call kept the lock, this would go on only after all of the loop
    assert waiting.is_alive()
    arena.write_integers(0, array("q", [-1] * 4))
    waiting.join()


def test_a_fork_has_numbers_of_its_own():
    """Else a child would write its rows where the parent has its own."""
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), seed=1)
    predict = nn.compile(model, engine="native")
    arena = Arena(64)
    arena.write(0, array("d", [1.0]))
    predict([1.0, 2.0])
    child = os.fork()
    if child == 0:
        arena.write(0, array("d", [2.0]))
        os._exit(predict([3.0, 4.0]) != model([3.0, 4.0]))
    _, status = os.waitpid(child, 0)
    assert arena.read(0, 1) == [1.0]
    assert status == 0 or predict([3.0, 4.0]) == pytest.approx(model([3.0, 4.0]), rel=1e-12)
