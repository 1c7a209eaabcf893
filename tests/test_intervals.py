"""Intervals of scores and tests of differences: golden numbers, laws, and how often they hold."""

from __future__ import annotations

from math import log, sqrt
from random import Random

import pytest
from hypothesis import given, strategies as st

from tinynn.metrics import accuracy, r2_score, roc_auc
from tinynn.metrics.intervals import (
    Z,
    auc_interval,
    averaged_interval,
    f1_interval,
    loss_interval,
    mean_p_value,
    r2_interval,
    wilson_interval,
)

counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
errors = st.lists(st.floats(0.001, 1000.0), min_size=2, max_size=30)


# R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)  # fmt: skip
def test_wilsons_interval_is_newcombes(hits, rows, low, high):
    assert wilson_interval(hits, rows) == pytest.approx((low, high), abs=5e-5)


def test_few_rows_say_little_even_if_all_are_right():
    assert wilson_interval(69, 69) == pytest.approx((0.9473, 1.0), abs=5e-5)
    assert wilson_interval(3, 3)[0] == pytest.approx(3 / (3 + Z * Z))


@given(counts)
def test_wilsons_interval_holds_the_share_and_is_mirrored(case):
    hits, rows = case
    low, high = wilson_interval(hits, rows)
    assert 0.0 <= low <= hits / rows <= high <= 1.0
    assert wilson_interval(rows - hits, rows) == pytest.approx((1.0 - high, 1.0 - low), abs=1e-12)
    wide = high - low
    low, high = wilson_interval(4 * hits, 4 * rows)
    assert high - low < wide


@given(st.integers(0, 50), st.integers(0, 50))
def test_the_interval_of_f1_holds_it(hits, misses):
    if hits + misses:
        low, high = f1_interval(hits, misses)
        assert 0.0 <= low <= 2 * hits / (2 * hits + misses) + 1e-15 and high <= 1.0
        assert high >= 2 * hits / (2 * hits + misses) - 1e-15


def test_the_interval_of_an_area_is_near_delongs():
    # pROC's aSAH data, s100b: X. Robin et al., BMC Bioinformatics 12 (2011): 0.6301 to 0.8326.
    assert auc_interval(0.7314, 41, 72) == pytest.approx((0.6301, 0.8326), abs=0.02)


@given(st.floats(0.0, 1.0), st.integers(1, 200), st.integers(1, 200))
def test_the_ends_of_an_area_solve_their_equation(area, positives, negatives):
    ends = auc_interval(area, positives, negatives)
    assert 0.0 <= ends[0] <= area <= ends[1] <= 1.0
    for end in ends:
        if 1e-6 < end < 1.0 - 1e-6:
            N = (positives + negatives) / 2 - 1
            spread = 1 + N * (1 - end) / (2 - end) + N * end / (1 + end)
            error = sqrt(end * (1 - end) * spread / (positives * negatives))
            assert abs(end - area) == pytest.approx(1.959964 * error, rel=1e-5)


def test_an_average_of_equal_scores_is_surer_by_the_root_of_their_number():
    assert averaged_interval([0.5], [(0.3, 0.8)]) == pytest.approx((0.3, 0.8))
    assert averaged_interval([0.5] * 4, [(0.3, 0.8)] * 4) == pytest.approx((0.4, 0.65))


@given(errors, st.floats(0.1, 10.0))
def test_the_interval_of_a_mean_loss_holds_it_in_any_unit(losses, unit):
    low, high = loss_interval(losses)
    middle = sum(losses) / len(losses)
    assert 0.0 < low <= middle * (1 + 1e-12) and high >= middle * (1 - 1e-12)
    scaled = loss_interval([unit * x for x in losses])
    assert scaled == pytest.approx((unit * low, unit * high), rel=1e-9)


def test_a_mean_loss_of_one_row_has_no_interval_and_of_none_no_width():
    assert loss_interval([1.0]) is None
    assert loss_interval([0.0, 0.0]) == (0.0, 0.0)
    assert loss_interval([1e308, 1e308]) == (1e308, 1e308)  # whose sum overflows
    assert r2_interval([1.0, 1.0], [0.5, 0.5]) is None
    assert r2_interval([1.0, 2.0], [0.0, 0.0]) == (1.0, 1.0)


def test_the_interval_of_a_mean_is_students():
    # s of 1 … 10 is 3.02765, t of 9 degrees of freedom 2.262157 (Student's table).
    low, high = loss_interval([float(x) for x in range(1, 11)])
    assert log(high / 5.5) == pytest.approx(2.262157 * 3.02765 / sqrt(10) / 5.5, rel=2e-3)
    assert low * high == pytest.approx(5.5**2)


def resampled(score, rows, times=400):
    """Return the ends of 95% of the scores of bootstrap samples."""
    rng = Random(7)
    found = sorted(score(*zip(*rng.choices(rows, k=len(rows)))) for _ in range(times))
    return found[times // 40], found[-1 - times // 40]


def test_the_interval_of_r2_is_the_bootstraps():
    rng = Random(3)
    targets = [rng.gauss(0, 2) for _ in range(400)]
    answers = [t + rng.gauss(0, 1) for t in targets]
    ends = r2_interval(targets, [y - t for t, y in zip(targets, answers)])
    assert ends == pytest.approx(resampled(r2_score, list(zip(targets, answers))), abs=0.015)
    assert ends[0] < r2_score(targets, answers) < ends[1] < 1.0


@pytest.mark.parametrize("rows", [20, 200])
def test_intervals_hold_the_truth_in_19_of_20_tests(rows):
    rng = Random(rows)
    held = {"accuracy": 0, "mean": 0, "r2": 0, "area": 0}
    for _ in range(300):
        hits = sum(rng.random() < 0.9 for _ in range(rows))
        low, high = wilson_interval(hits, rows)
        held["accuracy"] += low <= 0.9 <= high
        noise = [rng.gauss(0, 1) for _ in range(rows)]
        low, high = loss_interval([abs(x) for x in noise])
        held["mean"] += low <= 0.797885 <= high  # √(2/π)
        low, high = r2_interval([rng.gauss(0, 1) + x for x in noise], noise)
        held["r2"] += low <= 0.5 <= high
        yes = [i % 2 for i in range(rows)]
        area = roc_auc(yes, [rng.gauss(y, 1) for y in yes])
        low, high = auc_interval(area, rows // 2, rows // 2)
        held["area"] += low <= 0.760250 <= high  # Φ(1/√2)
    assert all(270 <= times <= 297 for times in held.values()), held


# The p-values are scipy.stats.ttest_1samp's.
@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([1.0, 2.0, 3.0, 4.0, -1.0, 2.0, 1.0, 3.0, 2.0, 0.0, 1.0, 2.0], 0.0014555653525027007),
        ([0.1, -0.2, 0.15, 0.05, -0.1, 0.2, 0.0, 0.1], 0.451238872001678),
        ([1.0, 2.0], 0.20483276469913345),
    ],
)
def test_the_p_value_of_a_mean_is_students(differences, p):
    assert mean_p_value(differences) == pytest.approx(p, rel=1e-9)
    assert mean_p_value([-x for x in differences]) == mean_p_value(differences)


def test_the_p_value_of_equal_differences():
    assert mean_p_value([0.0, 0.0]) == 1.0
    assert mean_p_value([1.0, 1.0]) == 0.0
    assert mean_p_value([1.0]) == 1.0


def test_labels_may_still_be_anything():
    assert accuracy([1.0, float("inf")], [1.0, 2.0]) == 0.5
    assert accuracy([True, "a", 1], [1, "a", 2]) == 2 / 3
