"""Schedules: equal to PyTorch's and scikit-learn's, and the same after a pause."""

from __future__ import annotations

import json
import math

import pytest
from golden_tables import load_maker, load_table
from hypothesis import given, strategies as st

from tinynn.errors import FormatError, SettingError
from tinynn.lesson.plateau import ReduceOnPlateau
from tinynn.lesson.schedule import Schedule
from tinynn.lesson.schedules import (
    SCHEDULES,
    ConstantRate,
    Cosine,
    Exponential,
    InverseScaling,
    Step,
    from_dict,
)

TABLE = load_table("schedules")
KINDS = {kind.__name__: kind for kind in SCHEDULES.values()}
LOSSES = [math.nan if loss is None else loss for loss in TABLE["losses"]]


def label(variant):
    settings = ",".join(f"{key}={value}" for key, value in variant["settings"].items())
    return f"{variant['schedule']}({settings})"


# --- equal to PyTorch and scikit-learn ---


@pytest.mark.parametrize("variant", TABLE["variants"], ids=label)
def test_rates_equal_the_table(variant):
    schedule = KINDS[variant["schedule"]](**variant["settings"])
    rates = []
    for epoch, loss in enumerate(LOSSES):
        rates.append(schedule.rate(epoch, step=1000 * epoch + 7))
        schedule.report(loss)
    assert rates == pytest.approx(variant["rates"], rel=1e-12, abs=1e-15)


def test_the_table_covers_every_schedule():
    assert {v["schedule"] for v in TABLE["variants"]} == {c.__name__ for c in SCHEDULES.values()}


def test_pytorch_and_scikit_learn_still_say_what_the_table_says():
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    made = load_maker("schedules").table()
    for variant, stored in zip(made["variants"], TABLE["variants"]):
        assert label(variant) == label(stored)
        assert variant["rates"] == pytest.approx(stored["rates"], rel=1e-12, abs=0)


# --- laws ---

rates = st.floats(1e-6, 10)
units = st.sampled_from(["epoch", "step"])
gammas = st.floats(0.01, 1)
lengths = st.integers(1, 200)
by_position = st.one_of(
    st.builds(ConstantRate, rates, per=units),
    st.builds(Step, rates, lengths, gammas, units),
    st.builds(Exponential, rates, gammas, units),
    st.builds(
        lambda rate, fall, part, warmup, per: Cosine(
            rate, length=warmup + fall, minimum=part * rate, warmup=warmup, per=per
        ),
        rates, lengths, st.floats(0, 1), st.integers(0, 20), units,
    ),
    st.builds(InverseScaling, rates, st.floats(0, 2), lengths, units),
)  # fmt: skip
plateaus = st.builds(
    ReduceOnPlateau,
    rates,
    factor=st.floats(0.01, 0.99),
    patience=st.integers(0, 4),
    threshold=st.floats(0, 0.9),
    cooldown=st.integers(0, 4),
    eps=st.floats(0, 0.01),
)
losses = st.lists(st.floats(0, 10) | st.just(math.nan), max_size=40)


@given(by_position, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_rate_depends_on_its_unit_alone(schedule, position, other):
    if schedule.per == "epoch":
        rate = schedule.rate(position, other)
    else:
        rate = schedule.rate(other, position)
    assert rate == schedule.rate_at(position)
    assert math.isfinite(rate) and 0 <= rate <= schedule.learning_rate * (1 + 1e-15)


@given(by_position, losses)
def test_only_a_plateau_listens(schedule, losses):
    before = schedule.rate(3, 3)
    for loss in losses:
        schedule.report(loss)
    assert schedule.rate(3, 3) == before
    assert schedule.state() == {}
    schedule.restore({})


@given(by_position, st.integers(0, 500))
def test_after_the_warm_up_no_rate_rises(schedule, position):
    position += getattr(schedule, "warmup", 0)
    assert schedule.rate_at(position + 1) <= schedule.rate_at(position) * (1 + 1e-12)


@given(rates, st.integers(1, 50), st.integers(1, 50))
def test_cosine_rises_evenly_to_its_rate_and_ends_at_its_minimum(rate, warmup, fall):
    schedule = Cosine(rate, length=warmup + fall, minimum=rate / 10, warmup=warmup)
    rise = [schedule.rate_at(position) for position in range(warmup + 1)]
    steps = [b - a for a, b in zip(rise, rise[1:])]
    assert steps == pytest.approx([rate / (warmup + 1)] * warmup)
    assert rise[0] > 0 and rise[-1] == pytest.approx(rate, rel=1e-15)
    for position in (warmup + fall, warmup + fall + 1, 10 * (warmup + fall)):
        assert schedule.rate_at(position) == rate / 10


def test_rates_that_are_too_small_for_a_float_are_zero():
    far = 10**9
    assert Step(0.1, 1).rate_at(far) == 0.0
    assert Exponential(0.1, 0.5).rate_at(far) == 0.0
    assert InverseScaling(0.1, power=100).rate_at(far) == 0.0


@given(plateaus, losses, losses)
def test_a_plateau_is_the_same_after_a_pause(schedule, first, second):
    for loss in first + second:
        schedule.report(loss)
    once = schedule.rate(0, 0)
    end = schedule.state()

    schedule.restore({})
    assert schedule.rate(0, 0) == schedule.learning_rate
    for loss in first:
        schedule.report(loss)
    saved = json.loads(json.dumps([schedule.to_dict(), schedule.state()], allow_nan=False))
    resumed = from_dict(saved[0])
    assert resumed.rate(0, 0) == schedule.learning_rate  # settings carry no state
    resumed.restore(saved[1])
    for loss in second:
        resumed.report(loss)
    assert resumed.rate(0, 0) == once
    assert resumed.state() == end


@given(plateaus, losses)
def test_a_plateau_never_raises_its_rate_nor_goes_below_its_minimum(schedule, losses):
    schedule.minimum = schedule.learning_rate / 3
    before = schedule.rate(0, 0)
    for loss in losses:
        schedule.report(loss)
        rate = schedule.rate(0, 0)
        assert schedule.minimum <= rate <= before
        before = rate


def test_a_state_is_a_copy():
    schedule = ReduceOnPlateau(0.1, patience=0)
    state = schedule.state()
    schedule.report(1.0)
    schedule.report(2.0)
    assert state == {"rate": 0.1, "best": None, "bad_epochs": 0, "cooldown_left": 0}
    assert schedule.state() == {
        "rate": pytest.approx(0.01), "best": 1.0, "bad_epochs": 0, "cooldown_left": 0,
    }  # fmt: skip


# --- settings ---


@given(st.one_of(by_position, plateaus))
def test_settings_rebuild_the_schedule(schedule):
    assert type(schedule)(**schedule.settings()) == schedule
    assert eval(repr(schedule), KINDS) == schedule
    saved = json.loads(json.dumps(schedule.to_dict()))
    assert from_dict(saved) == schedule
    assert saved["type"] == schedule.name and SCHEDULES[schedule.name] is type(schedule)


def test_equality_is_by_type_and_settings():
    assert Step(0.1, 5) == Step(0.1, 5, gamma=0.1)
    assert Step(0.1, 5) != Step(0.1, 5, per="step")
    assert ConstantRate(0.1) != type("Other", (ConstantRate,), {})(0.1)
    assert ConstantRate(0.1) != 0.1
    with pytest.raises(TypeError):
        hash(ConstantRate(0.1))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ConstantRate(-1),
            "ConstantRate needs learning_rate to be a finite number, at least 0, got -1; "
            "did you mean 1?",
        ),
        (
            lambda: ConstantRate(1, per="batch"),
            "ConstantRate needs per to be 'epoch' or 'step', got 'batch'",
        ),
        (
            lambda: Step(0.1, 0),
            "Step needs step_size to be a whole number, at least 1, got 0",
        ),
        (
            lambda: Step(0.1, 5.0),
            "Step needs step_size to be a whole number, at least 1, got 5.0; did you mean 5?",
        ),
        (
            lambda: Step(0.1, True),
            "Step needs step_size to be a whole number, at least 1, got True",
        ),
        (
            lambda: Exponential(0.1, gamma=1.1),
            "Exponential needs gamma to be a finite number, above 0 and at most 1, got 1.1",
        ),
        (
            lambda: Cosine(0.1, length=10, minimum=0.2),
            "Cosine needs minimum to be a finite number, at least 0 and at most 0.1, got 0.2",
        ),
        (
            lambda: Cosine(0.1, length=10, warmup=10),
            "Cosine needs warmup to be shorter than length, which includes it, "
            "got warmup 10 and length 10; did you mean length=20?",
        ),
        (
            lambda: InverseScaling(0.1, power="0.5"),
            "InverseScaling needs power to be a finite number, at least 0, got '0.5'; "
            "did you mean 0.5, without quotes?",
        ),
        (
            lambda: InverseScaling(0.1, samples="150"),
            "InverseScaling needs samples to be a whole number, at least 1, got '150'",
        ),
        (
            lambda: ReduceOnPlateau(0.1, factor=1),
            "ReduceOnPlateau needs factor to be a finite number, above 0 and below 1, got 1",
        ),
        (
            lambda: ReduceOnPlateau(math.nan),
            "ReduceOnPlateau needs learning_rate to be a finite number, at least 0, got nan",
        ),
    ],
)
def test_bad_settings_are_named_with_their_mend(make, message):
    with pytest.raises(SettingError) as error:
        make()
    assert str(error.value) == message


GOOD = {"rate": 0.1, "best": None, "bad_epochs": 0, "cooldown_left": 0}


@pytest.mark.parametrize(
    ("schedule", "state", "message"),
    [
        (ConstantRate(0.1), {"rate": 1.0}, "ConstantRate needs an empty state, got {'rate': 1.0}"),
        (
            ReduceOnPlateau(0.1),
            {"rate": 0.1},
            "ReduceOnPlateau needs a state with 'rate', 'best', 'bad_epochs', 'cooldown_left', "
            "got {'rate': 0.1}",
        ),
        (
            ReduceOnPlateau(0.1),
            {**GOOD, "best": "low"},
            "the state of ReduceOnPlateau needs best to be a finite number, got 'low'",
        ),
        (
            ReduceOnPlateau(0.1),
            {**GOOD, "bad_epochs": -1},
            "the state of ReduceOnPlateau needs bad_epochs to be a whole number, at least 0, "
            "got -1",
        ),
    ],
)
def test_a_state_of_something_else_is_refused_and_changes_nothing(schedule, state, message):
    before = schedule.state()
    with pytest.raises(FormatError) as error:
        schedule.restore(state)
    assert str(error.value) == message
    assert schedule.state() == before


def test_a_broken_saved_form_is_named():
    with pytest.raises(FormatError) as error:
        from_dict({"type": "stepp", "learning_rate": 0.1})
    assert str(error.value) == (
        "a saved schedule needs \"type\" to be one of 'constant', 'step', 'exponential', 'cosine', "
        "'inverse_scaling', 'reduce_on_plateau', got 'stepp'; did you mean 'step'?"
    )
    with pytest.raises(FormatError) as error:
        from_dict({"type": "step"})
    assert str(error.value) == (
        "a saved schedule of type 'step' needs the settings of its constructor, got none"
    )


def test_what_the_base_class_leaves_open():
    with pytest.raises(NotImplementedError):
        Schedule().rate_at(0)
