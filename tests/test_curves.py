"""ROC and calibration curves, against the area by ranks, scikit-learn, and golden numbers."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from tinynn.errors import DataError, SettingError, ShapeError
from tinynn.metrics import roc_auc
from tinynn.metrics.curves import calibration_curve, roc_curve

scored = st.lists(
    st.tuples(st.booleans(), st.integers(0, 8).map(lambda n: n / 8)), min_size=2, max_size=40
).filter(lambda pairs: 0 < sum(yes for yes, _ in pairs) < len(pairs))


def area(xs, ys):
    """Return the area below a line of points by trapezoids."""
    return sum((b - a) * (y + z) / 2 for a, b, y, z in zip(xs, xs[1:], ys, ys[1:]))


@given(scored)
def test_the_area_below_is_the_area_by_ranks(pairs):
    targets, scores = [t for t, _ in pairs], [s for _, s in pairs]
    false_rates, true_rates = roc_curve(targets, scores)
    assert (false_rates[0], true_rates[0]) == (0.0, 0.0)
    assert (false_rates[-1], true_rates[-1]) == (1.0, 1.0)
    assert false_rates == sorted(false_rates) and true_rates == sorted(true_rates)
    expected = roc_auc([int(t) for t in targets], scores)
    assert area(false_rates, true_rates) == pytest.approx(expected, abs=1e-12)


@given(scored)
def test_the_roc_curve_is_scikit_learns(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    targets, scores = [t for t, _ in pairs], [s for _, s in pairs]
    expected = metrics.roc_curve(targets, scores, drop_intermediate=False)
    false_rates, true_rates = roc_curve(targets, scores)
    assert false_rates == pytest.approx(list(expected[0]))
    assert true_rates == pytest.approx(list(expected[1]))


@given(scored, st.integers(1, 12))
def test_calibration_bins_hold_every_sample_once(pairs, bins):
    targets, scores = [t for t, _ in pairs], [s for _, s in pairs]
    means, shares, counts = calibration_curve(targets, scores, bins)
    assert sum(counts) == len(pairs)
    assert sum(s * n for s, n in zip(shares, counts) if n) == pytest.approx(sum(targets))
    assert sum(m * n for m, n in zip(means, counts) if n) == pytest.approx(sum(scores))
    for b, (mean, n) in enumerate(zip(means, counts)):
        assert mean is None if n == 0 else b / bins - 1e-12 <= mean <= (b + 1) / bins + 1e-12


def test_what_is_refused_word_for_word():
    with pytest.raises(DataError) as error:
        roc_curve([1, 1], [0.5, 0.6])
    assert str(error.value) == "roc_curve needs targets of both classes, got 2 yes and 0 no"
    with pytest.raises(DataError) as error:
        calibration_curve([0, 1], [0.5, 1.5])
    assert str(error.value) == "probabilities need to be between 0 and 1, got 1.5 in row 1"
    with pytest.raises(ShapeError) as error:
        roc_curve([1, 0, 1], [0.5, 0.6])
    assert str(error.value) == "targets and scores need the same number of rows, got 3 and 2"
    with pytest.raises(SettingError) as error:
        calibration_curve([0, 1], [0.5, 0.5], bins=0)
    assert str(error.value) == (
        "calibration_curve needs bins to be a whole number, at least 1, got 0"
    )
