"""The `native` engine: whole updates or none, calls that do not last, threads, and what it refuses.

[test_engines.py](test_engines.py) compares it with `lists` as it does the other engines; here it is
on wide layers, large batches and mostly zeros. [test_native_memory.py](test_native_memory.py) has
what it asks of the system: memory, the processor, the command line.
"""

from __future__ import annotations

import copy
import random
from functools import partial

import pytest
from interrupts import interrupt_at
from wide_cases import check_closely, draw_wide_case

import tinynn as nn
from tinynn.engines.contract import BatchDivergence, Recipe
from tinynn.engines.lists import ENGINE as LISTS
from tinynn.engines.native import program as native_program
from tinynn.engines.native.engine import ENGINE as NATIVE

pytestmark = pytest.mark.skipif(bool(NATIVE.unavailable()), reason=f"{NATIVE.unavailable()}")


# Random trainings

def test_wide_layers_large_batches_and_mostly_zeros_train_as_with_lists():
    compared = sum(
        check_closely(NATIVE, draw_wide_case(random.Random(seed).choice)) for seed in range(60)
    )
    assert compared > 50


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

    What enters the second Dense layer is 0, so that its weights stay. Its four large weights add up
    to 0 on the way back, and each pair of them overflows, which is added first in machine code alone.
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


def test_what_follows_overflows_in_native_and_not_in_lists(monkeypatch):
    by_lists = []
    right = native_program.NativeProgram._by_lists

    def counted(self, call, rate, *others):
        by_lists.append(rate)
        return right(self, call, rate, *others)

    monkeypatch.setattr(native_program.NativeProgram, "_by_lists", counted)
    native, lists = Running(), Running(LISTS)
    assert native.program.train(BATCHES, RATES, 1) == lists.program.train(BATCHES, RATES, 1)
    assert native.numbers() == lists.numbers()
    assert by_lists == [LARGE_RATE]


def states(batches, rates, optimizer):
    """Return the numbers after 0, 1, 2, ... updates."""
    running = Running(optimizer=optimizer)
    found = [running.numbers()]
    for k, (batch, rate) in enumerate(zip(batches, rates)):
        running.program.train([batch], [rate], k + 1)
        found.append(running.numbers())
    return found


@pytest.mark.parametrize("optimizer", [nn.SGD(), nn.Adam(amsgrad=True)], ids=repr)
@pytest.mark.parametrize("diverges", [False, True])
def test_ctrl_c_at_any_line_leaves_whole_updates_and_training_goes_on(optimizer, diverges):
    wanted = states(BATCHES, RATES, optimizer)
    batches = [*BATCHES[:6], [1, BAD]] if diverges else BATCHES
    line, reached, made = 0, True, set()
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
        line += 1
    assert line > 200 and len(made) > 3
