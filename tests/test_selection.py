"""Cross-validation and search: compared with loops written out, with any executor, to the bit."""

import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from math import inf, sqrt

import pytest
from executor_tasks import Killer, share_of_b

import tinynn as nn
from tinynn.data import k_fold, stratified_k_fold, take
from tinynn.metrics.intervals import folds_interval
from tinynn.selection.cross_validation import worse

pytestmark = pytest.mark.filterwarnings("ignore::tinynn.ConvergenceWarning")

IRIS = nn.load_iris()
ROWS, KINDS = IRIS.inputs[::3], [["a", "b", "c"][k] for k in IRIS.targets[::3]]
SIZES = [row[2] for row in ROWS]
SMALL = nn.Classifier((4,), learning_rate_init=0.05, max_iter=8, random_state=3)


def test_scores_are_those_of_a_loop():
    found = nn.cross_validate(SMALL, ROWS, KINDS, folds=4, seed=2)
    wanted = []
    for train, test in stratified_k_fold(KINDS, 4, 2):
        model = SMALL.fresh().fit(take(ROWS, train), take(KINDS, train))
        wanted.append(model.score(take(ROWS, test), take(KINDS, test)))
    assert found.scores == wanted
    assert found.mean == sum(wanted) / 4
    squares = sum((score - found.mean) ** 2 for score in wanted)
    assert found.deviation == pytest.approx(sqrt(squares / 3))
    assert found.test_share == pytest.approx(0.25, abs=0.01)
    low, high = folds_interval(wanted, found.test_share)
    assert found.interval == (low, min(high, 1.0))
    assert len(found.seconds) == 4 and min(found.seconds) > 0
    assert found.engines == [model.history_.engine] * 4
    assert repr(found).startswith(f"<CrossValidation: {found.mean:.4g} (")
    assert not SMALL.__sklearn_is_fitted__()


def test_numbers_weights_and_given_folds():
    linear = nn.Regressor((), solver="lbfgs", random_state=0)
    weights = [1.0 + i % 2 for i in range(50)]
    splits = list(k_fold(50, 3, 5))
    found = nn.cross_validate(linear, ROWS, SIZES, folds=splits, sample_weight=weights)
    wanted = []
    for train, test in splits:
        model = linear.fresh().fit(take(ROWS, train), take(SIZES, train), take(weights, train))
        wanted.append(model.score(take(ROWS, test), take(SIZES, test), take(weights, test)))
    assert found.scores == wanted
    assert (
        found.scores
        == nn.cross_validate(linear, ROWS, SIZES, folds=3, seed=5, sample_weight=weights).scores
    )


def test_scoring():
    found = nn.cross_validate(SMALL, ROWS, KINDS, folds=2, scoring=share_of_b)
    assert all(0 <= score <= 1 and round(25 * score, 6) % 1 == 0 for score in found.scores)
    assert found.scores != nn.cross_validate(SMALL, ROWS, KINDS, folds=2).scores
    assert found.interval == folds_interval(found.scores, 0.5)  # the highest score is not known


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, ProcessPoolExecutor])
def test_any_executor_gives_the_same_bits(pool):
    space = [{"alpha": [0.0, 1.0], "dropout": [0.0, 0.2]}, {"solver": ["lbfgs"]}]
    mixed = [[row[0], "long" if row[2] > 4 else None] for row in ROWS]
    ensemble = nn.Ensemble(SMALL, 2, bootstrap=True, random_state=7)
    here = (
        nn.cross_validate(SMALL, mixed, KINDS, folds=3).scores,
        [c[:2] for c in nn.search(SMALL, mixed, KINDS, space, folds=2).candidates],
        ensemble.fresh().fit(mixed, KINDS).predict_proba(mixed),
        nn.cross_validate(ensemble, mixed, KINDS, folds=2).scores,
    )
    with pool(2) as executor:
        with_pool = {"executor": executor}
        found = nn.search(SMALL, mixed, KINDS, space, folds=2, **with_pool)
        assert here == (
            nn.cross_validate(SMALL, mixed, KINDS, folds=3, **with_pool).scores,
            [c[:2] for c in found.candidates],
            ensemble.fresh().fit(mixed, KINDS, **with_pool).predict_proba(mixed),
            nn.cross_validate(ensemble, mixed, KINDS, folds=2, **with_pool).scores,
        )


def test_a_random_state_without_a_number_is_drawn_from_once():
    import random

    with_stream = SMALL.fresh(random_state=random.Random(1))
    with_number = SMALL.fresh(random_state=random.Random(1).getrandbits(32))
    scores = nn.cross_validate(with_stream, ROWS, KINDS, folds=2).scores
    assert scores == nn.cross_validate(with_number, ROWS, KINDS, folds=2).scores


@pytest.mark.parametrize("executor", [None, ThreadPoolExecutor(2)])
def test_each_fold_begins_anew(executor):
    again = SMALL.fresh(warm_start=True, callbacks=[nn.EarlyStopping(3)])
    wanted = nn.cross_validate(SMALL.fresh(callbacks=[nn.EarlyStopping(3)]), ROWS, KINDS).scores
    assert nn.cross_validate(again, ROWS, KINDS, executor=executor).scores == wanted


def test_the_interval_is_that_of_scipy():
    # mean ± scipy.stats.t.ppf(0.975, k - 1) · std(ddof=1) · sqrt(1 / k + q / (1 - q))
    low, high = folds_interval([0.9, 0.8, 0.85, 0.95, 0.9], 0.2)
    assert (low, high) == pytest.approx((0.7738213917263298, 0.9861786082736704), abs=1e-12)
    low, high = folds_interval([1.0, 2.0], 0.5)
    assert high - low == pytest.approx(2 * 12.706204736174694 * sqrt(0.75), abs=1e-9)
    assert folds_interval([1.0, -inf], 0.5) is None
    assert folds_interval([1.0], 0.5) is None


# --- search -------------------------------------------------------------------------------------


def test_search_ranks_all_combinations_and_refits_the_best():
    space = {"alpha": [10.0, 0.001, 1.0], "hidden_layer_sizes": [(), (4,)]}
    base = nn.Classifier(solver="lbfgs", max_iter=50, random_state=0)
    found = nn.search(base, ROWS, KINDS, space, folds=3, seed=1)
    assert len(found.candidates) == 6
    means = [candidate.mean for candidate in found.candidates]
    assert means == sorted(means, reverse=True)
    for candidate in found.candidates:
        again = nn.cross_validate(base.fresh(**candidate.params), ROWS, KINDS, folds=3, seed=1)
        assert again.scores == candidate.scores
    assert found.best_params == found.candidates[0].params
    assert found.best.scores == found.candidates[0].scores
    fitted = base.fresh(**found.best_params).fit(ROWS, KINDS)
    assert found.best_estimator.predict_proba(ROWS) == fitted.predict_proba(ROWS)
    assert found.candidates[0] not in found.within_noise
    assert all(mean.mean <= found.best.mean for mean in found.within_noise)
    assert repr(found).startswith("<SearchResult: 6 candidates, best {'alpha': ")
    assert nn.search(base, ROWS, KINDS, space, folds=2, refit=False).best_estimator is None


def test_equals_keep_their_order_and_worse_ones_are_not_noise():
    space = {"learning_rate_init": [0.05, 0.05, 1e-9]}
    found = nn.search(SMALL, ROWS, KINDS, space, folds=3)
    assert [c.params["learning_rate_init"] for c in found.candidates] == [0.05, 0.05, 1e-9]
    assert [c.params["learning_rate_init"] for c in found.within_noise] == [0.05]


def test_worse_is_more_than_two_standard_errors():
    best = [0.9, 0.8, 0.85, 0.95]
    # Differences 0.1, 0, 0.1, 0: a mean of 0.05, whose standard error is 0.0577 / 2 = 0.0289.
    assert not worse([0.8, 0.8, 0.75, 0.95], best)
    # Differences 0.1, 0.02, 0.1, 0.02: 0.06, and 0.0462 / 2 = 0.0231.
    assert worse([0.8, 0.78, 0.75, 0.93], best)
    assert not worse(best, best)


def test_samples_of_a_space_too_large_to_try():
    space = {"alpha": [i / 1e4 for i in range(10_000)], "dropout": [i / 101 for i in range(100)]}
    with pytest.raises(nn.SettingError, match="at most 100,000 combinations, got 1,000,000; leave"):
        nn.search(SMALL, ROWS, KINDS, space)
    found = nn.search(SMALL, ROWS, KINDS, space, samples=3, folds=2, refit=False)
    assert len({tuple(c.params.values()) for c in found.candidates}) == 3
    same = nn.search(SMALL, ROWS, KINDS, space, samples=3, folds=2, refit=False)
    assert [c[:2] for c in found.candidates] == [c[:2] for c in same.candidates]
    few = nn.search(SMALL, ROWS, KINDS, {"alpha": [1.0, 2.0]}, samples=9, folds=2, refit=False)
    assert len(few.candidates) == 2


def test_training_that_diverges_is_a_score_of_minus_infinity():
    wild = nn.Regressor((4,), "identity", solver="sgd", max_iter=20, random_state=0)
    space = {"learning_rate_init": [1e250, 0.01]}
    found = nn.search(wild, ROWS, SIZES, space, folds=2)
    assert found.candidates[1].scores == [-inf, -inf]
    assert found.best_params == {"learning_rate_init": 0.01}
    with pytest.raises(nn.DivergenceError) as caught:
        nn.search(wild, ROWS, SIZES, {"learning_rate_init": [1e250]}, folds=2)
    assert str(caught.value) == (
        "search needs training to stay finite with one of 1 candidate, all diverged; lower "
        "learning_rate_init, or set clip_norm"
    )
    with pytest.raises(nn.DivergenceError, match="cross_validate, fold 1 of 2: training diverged"):
        nn.cross_validate(wild.fresh(learning_rate_init=1e250), ROWS, SIZES, folds=2)


# --- what is refused, and how it is told --------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: nn.cross_validate(nn.Classifier, ROWS, KINDS),
            "cross_validate needs a Classifier, Regressor or Ensemble, got <class "
            "'tinynn.estimators.classifier.Classifier'>; did you forget the parentheses?",
        ),
        (
            lambda: nn.cross_validate(SMALL, ROWS, KINDS[1:]),
            "inputs and targets need the same number of rows, got 50 and 49",
        ),
        (
            lambda: nn.cross_validate(SMALL, ROWS, KINDS, folds=1),
            "stratified_k_fold needs at least 2 folds and a row for each, got 1 folds for 50 rows",
        ),
        (
            lambda: nn.cross_validate(SMALL, ROWS, KINDS, folds=[([1, 2], [])]),
            "cross_validate needs folds to be a whole number or pairs of row numbers, (to train "
            "on, to test on), got [([1, 2], [])]",
        ),
        (
            lambda: nn.cross_validate(SMALL, ROWS, KINDS, folds=[([1, 2], [50])]),
            "cross_validate needs the row numbers of folds to be from 0 to 49, got 1 to 50",
        ),
        (
            lambda: nn.cross_validate(SMALL, ROWS, KINDS, scoring="accuracy"),
            "cross_validate needs scoring to be a function of (estimator, X, y) or None, got "
            "'accuracy'",
        ),
        (
            lambda: nn.cross_validate(SMALL, ROWS, KINDS, executor=2),
            "cross_validate needs executor to be a concurrent.futures.Executor or None, got 2; did "
            "you mean ProcessPoolExecutor(2)?",
        ),
        (
            lambda: nn.cross_validate(SMALL, ROWS, ["a"] * 50),
            "Classifier needs at least two classes to learn from, got 1 class, 'a', in all 50 rows",
        ),
        (
            lambda: nn.cross_validate(SMALL, ROWS, KINDS, folds=[([0, 1], [2]), ([0, 49], [1])]),
            "cross_validate, fold 1 of 2: Classifier needs at least two classes to learn from, got "
            "1 class, 'a', in all 2 rows",
        ),
        (
            lambda: nn.search(SMALL, ROWS, KINDS, {"alpa": [1]}),
            "Invalid parameter 'alpa' for estimator Classifier; did you mean 'alpha'?",
        ),
        (
            lambda: nn.search(SMALL, ROWS, KINDS, {"alpha": [1, -1]}),
            "Classifier needs alpha to be a finite number, at least 0, got -1; did you mean 1?",
        ),
        (
            lambda: nn.search(SMALL, ROWS, KINDS, {"solver": "adam"}),
            "search needs a list of values for each parameter, got 'adam' for 'solver'",
        ),
        (
            lambda: nn.search(SMALL, ROWS, KINDS, {"alpha": []}),
            "search needs a list of values for each parameter, got [] for 'alpha'",
        ),
        (
            lambda: nn.search(SMALL, ROWS, KINDS, ["alpha"]),
            "search needs a list of values for each parameter, got 'alpha' for 'space'",
        ),
        (
            lambda: nn.search(SMALL, ROWS, KINDS, "alpha"),
            "search needs space to be a dictionary of lists of values by parameter, or a list of "
            "such dictionaries, got 'alpha'",
        ),
    ],
)
def test_messages(call, message):
    with pytest.raises(nn.TinynnError) as caught:
        call()
    assert str(caught.value) == message


def test_a_dead_worker_is_named_with_its_settings_and_fold():
    with ProcessPoolExecutor(1) as pool, pytest.raises(nn.WorkerError) as caught:
        nn.search(
            SMALL.fresh(callbacks=[Killer()]), ROWS, KINDS, {"alpha": [0.5]}, folds=2,
            executor=pool,
        )  # fmt: skip
    assert "search: a worker of the executor died" in str(caught.value)
    assert "alpha=0.5, fold 1 of 2, alpha=0.5, fold 2 of 2. Most often" in str(caught.value)


def test_one_warning_for_all_folds():
    slow = nn.Classifier((4,), max_iter=12, random_state=3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        nn.cross_validate(slow, ROWS, KINDS, folds=3)
        nn.Ensemble(slow, 2, random_state=0).fit(ROWS, KINDS)
        nn.cross_validate(nn.Ensemble(slow, 2, random_state=0), ROWS, KINDS, folds=3)
    first, second, third = caught
    assert str(first.message).startswith(
        "3 of 3 folds could learn more: training stopped at max_iter=12 while the loss was still "
    )
    assert str(second.message).startswith("2 of 2 networks could learn more: training stopped at ")
    assert str(third.message).startswith("3 of 3 folds could learn more: 2 of 2 networks could ")
    assert {one.filename for one in caught} == {__file__}
