"""Schedules: equal to PyTorch's and scikit-learn's, and the same after a pause."""

from __future__ import annotations

import json
import math

import pytest
from golden_tables import load_maker, load_table
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.errors import FormatError, SettingError
from tinynn.lesson.plateau import ReduceOnPlateau
from tinynn.lesson.schedule import Schedule
from tinynn.lesson.schedules import (
    SCHEDULES,
    Chained,
    ConstantRate,
    Cosine,
    Exponential,
    InverseScaling,
    Linear,
    MultiStep,
    OneCycle,
    Polynomial,
    Step,
    Successive,
    WarmRestarts,
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
    kind = KINDS[variant["schedule"]]
    schedule = from_dict({"type": kind.name, **variant["settings"]})
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
parts = st.floats(0, 1)
milestones = st.lists(st.integers(1, 100), min_size=1, max_size=4, unique=True).map(sorted)
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
    st.builds(lambda rate, part, n, per: Linear(rate, part * rate, n, per), rates, parts, lengths,
              units),
    st.builds(lambda rate, n, power, part, per: Polynomial(rate, n, power, part * rate, per),
              rates, lengths, st.floats(0.1, 4), parts, units),
    st.builds(MultiStep, rates, milestones, gammas, units),
)  # fmt: skip
waves = st.one_of(
    st.builds(OneCycle, rates, st.integers(2, 200), parts, st.floats(1, 100), st.floats(1, 1e4),
              st.booleans(), units),
    st.builds(lambda rate, n, factor, part, per: WarmRestarts(rate, n, factor, part * rate, per),
              rates, st.integers(1, 50), st.integers(1, 3), parts, units),
)  # fmt: skip
joined = units.flatmap(
    lambda per: st.one_of(
        st.builds(
            lambda a, b: Chained([a, b]), same_unit(per), same_unit(per)
        ),
        st.builds(
            lambda a, b, c, at: Successive([a, b, c], [at, at + 5]),
            same_unit(per), same_unit(per), same_unit(per), st.integers(1, 20),
        ),
    )
)  # fmt: skip


def same_unit(per):
    """Return schedules of one unit."""
    return st.one_of(
        st.builds(Exponential, rates, gammas, st.just(per)),
        st.builds(Step, rates, lengths, gammas, st.just(per)),
        st.builds(OneCycle, rates, st.integers(2, 50), per=st.just(per)),
    )


any_schedule = by_position | waves | joined
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


@given(by_position | waves, st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_rate_depends_on_its_unit_alone(schedule, position, other):
    if schedule.per == "epoch":
        rate = schedule.rate(position, other)
    else:
        rate = schedule.rate(other, position)
    assert rate == schedule.rate_at(position)
    assert math.isfinite(rate) and 0 <= rate <= schedule.learning_rate * (1 + 1e-15)


@given(any_schedule, losses)
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


@given(st.one_of(any_schedule, plateaus))
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
        (
            lambda: Linear(0.1, end=-1),
            "LinearRate needs end to be a finite number, at least 0, got -1; did you mean 1?",
        ),
        (
            lambda: OneCycle(0.1, 1),
            "OneCycle needs length to be a whole number, at least 2, got 1",
        ),
        (lambda: OneCycle(0.1, 9, linear=1), "OneCycle needs linear to be True or False, got 1"),
        (
            lambda: WarmRestarts(0.1, 5, factor=1.5),
            "WarmRestarts needs factor to be a whole number, at least 1, got 1.5",
        ),
        (
            lambda: Polynomial(0.1, 5, end=0.2),
            "Polynomial needs end to be a finite number, at least 0 and at most 0.1, got 0.2",
        ),
        (
            lambda: MultiStep(0.1, 5),
            "MultiStep needs milestones to be a list of positions, got 5",
        ),
        (lambda: MultiStep(0.1, [5, 5]), "MultiStep needs milestones that rise, got [5, 5]"),
        (
            lambda: MultiStep(0.1, [0]),
            "MultiStep needs milestones[0] to be a whole number, at least 1, got 0",
        ),
        (
            lambda: Chained(ConstantRate(0.1)),
            "Chained needs a list of at least two schedules, got ConstantRate(learning_rate=0.1, "
            "per='epoch')",
        ),
        (
            lambda: Chained([ConstantRate(0.1), 0.1]),
            "Chained needs schedules that follow from the position alone and are not made of "
            "others, got 0.1",
        ),
        (
            lambda: Successive([ConstantRate(0.1), ReduceOnPlateau(0.1)], [5]),
            "Successive needs schedules that follow from the position alone and are not made of "
            "others, got ReduceOnPlateau(learning_rate=0.1, factor=0.1, patience=10,…",
        ),
        (
            lambda: Chained([ConstantRate(0.1), ConstantRate(0.1, per="step")]),
            "Chained needs schedules with the same per, got 'epoch' and 'step'",
        ),
        (
            lambda: Successive([ConstantRate(0.1), ConstantRate(0.2)], [3, 4]),
            "Successive needs a milestone between any two schedules, 1, got 2",
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
        "'inverse_scaling', 'reduce_on_plateau', 'linear', 'polynomial', 'one_cycle', "
        "'warm_restarts', "
        "'multi_step', 'chained', 'successive', got 'stepp'; did you mean 'step'? If it is "
        "your own, call nn.register before loading"
    )
    with pytest.raises(FormatError) as error:
        from_dict({"type": "step"})
    assert str(error.value) == (
        "a saved schedule of type 'step' needs the settings of its constructor, got none"
    )


def test_what_the_base_class_leaves_open():
    with pytest.raises(NotImplementedError):
        Schedule().rate_at(0)


# --- further schedules ---


@given(st.lists(same_unit("epoch"), min_size=2, max_size=4))
def test_chained_schedules_are_a_product_whatever_their_order(schedules):
    one, two = Chained(schedules), Chained([schedules[0], *reversed(schedules[1:])])
    for position in (0, 1, 7, 50):
        assert one.rate_at(position) == pytest.approx(two.rate_at(position), rel=1e-12)


def test_one_cycle_ends_where_it_should_and_stays():
    schedule = OneCycle(1.0, length=10)
    assert [schedule.rate_at(p) for p in (0, 2)] == pytest.approx([0.04, 1.0])
    assert schedule.rate_at(9) == schedule.rate_at(10_000) == pytest.approx(4e-6)


def test_a_network_trains_with_a_schedule_made_of_others_and_goes_on(tmp_path):
    def optimizer():
        return nn.SGD(Successive([Linear(0.01, 0.1, 6), Exponential(0.1, 0.9, "step")], [6]))

    X, T = [[0.1 * k] for k in range(8)], [[0.2 * k] for k in range(8)]
    once, twice = (nn.Sequential(nn.Dense(1, 3), nn.Tanh(), nn.Dense(3, 1)) for _ in range(2))
    nn.fit(once, X, T, optimizer=optimizer(), epochs=6, batch_size=4)
    nn.fit(twice, X, T, optimizer=optimizer(), epochs=2, batch_size=4)
    twice.save(tmp_path / "model.json", training=True)
    again = nn.load(tmp_path / "model.json")
    history = nn.fit(again, X, T, optimizer=optimizer(), epochs=4, batch_size=4)
    assert again.state() == once.state()
    assert history.learning_rate[0] == pytest.approx(optimizer().learning_rate.rate_at(5))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"type": "chained", "schedules": [{"type": "constant"}, {"type": "x"}]},
            "a saved schedule of type 'constant' needs the settings of its constructor, got none",
        ),
        (
            {"type": "chained", "schedules": 7},
            "Chained needs a list of at least two schedules, got 7",
        ),
        (
            {"type": "successive", "schedules": [{"type": "constant", "learning_rate": 1}] * 2},
            "a saved schedule of type 'successive' needs the settings of its constructor, got "
            "'schedules'",
        ),
    ],
)
def test_saved_schedules_made_of_others_are_checked(data, message):
    with pytest.raises((FormatError, SettingError)) as error:
        from_dict(data)
    assert str(error.value) == message
