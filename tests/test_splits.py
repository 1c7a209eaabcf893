"""Splits: every row in exactly one part, classes in proportion, all of it from the seed alone."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, strategies as st

from tinynn.data import forward_folds, k_fold, stratified_k_fold, take, train_test_split
from tinynn.errors import SettingError, ShapeError

LABELS = st.lists(st.sampled_from("abcd"), min_size=2, max_size=60)
SEEDS = st.integers(0, 1000)


@given(LABELS, st.floats(0.01, 0.99), SEEDS, st.booleans())
def test_a_split_uses_every_row_once_and_keeps_rows_with_targets(labels, fraction, seed, stratify):
    n = len(labels)
    rows = [[float(i)] for i in range(n)]
    tested = int(n * fraction + 0.5)
    if not 0 < tested < n:
        with pytest.raises(SettingError):
            train_test_split(rows, labels, fraction, seed, stratify)
        return
    X, X_test, T, T_test = train_test_split(rows, labels, fraction, seed, stratify)
    assert len(X_test) == len(T_test) == tested
    assert sorted(X + X_test) == rows
    for row, label in zip(X + X_test, T + T_test):
        assert labels[int(row[0])] == label
    if stratify:
        for label, count in Counter(labels).items():
            assert abs(T_test.count(label) - count * tested / n) < 1.0


@given(st.integers(2, 60), st.data(), SEEDS)
def test_folds_are_disjoint_complete_and_even(n, data, seed):
    folds = data.draw(st.integers(2, n))
    pairs = list(k_fold(n, folds, seed))
    assert len(pairs) == folds
    assert sorted(i for _, test in pairs for i in test) == list(range(n))
    for train, test in pairs:
        assert sorted(train + test) == list(range(n))
        assert n // folds <= len(test) <= -(-n // folds)


@given(LABELS, st.data(), SEEDS)
def test_stratified_folds_spread_every_class_evenly(labels, data, seed):
    n = len(labels)
    folds = data.draw(st.integers(2, n))
    pairs = list(stratified_k_fold(labels, folds, seed))
    assert sorted(i for _, test in pairs for i in test) == list(range(n))
    for train, test in pairs:
        assert sorted(train + test) == list(range(n))
        assert n // folds <= len(test) <= -(-n // folds)
        for label, count in Counter(labels).items():
            got = sum(labels[i] == label for i in test)
            assert count // folds <= got <= -(-count // folds)


@given(st.integers(3, 60), st.data())
def test_forward_folds_are_tested_on_what_comes_next(n, data):
    folds = data.draw(st.integers(2, n - 1))
    pairs = list(forward_folds(n, folds))
    assert len(pairs) == folds and pairs[-1][1][-1] == n - 1
    for train, test in pairs:
        assert train + test == list(range(len(train) + n // (folds + 1)))
    assert [a[1][-1] + 1 for a in pairs[:-1]] == [b[1][0] for b in pairs[1:]]


def test_forward_folds_are_those_of_scikit_learn():
    selection = pytest.importorskip("sklearn.model_selection")
    for n, folds in ((10, 3), (7, 6), (100, 5)):
        theirs = selection.TimeSeriesSplit(folds).split([[0]] * n)
        assert [(list(a), list(b)) for a, b in theirs] == list(forward_folds(n, folds))


def test_one_hot_rows_stratify_like_the_labels_they_stand_for():
    np = pytest.importorskip("numpy")
    labels = [0] * 12 + [1] * 4 + [2] * 8
    one_hot = [[float(c == j) for j in range(3)] for c in labels]
    rows = [[i] for i in range(24)]
    expected = train_test_split(rows, labels, stratify=True)[:2]
    assert train_test_split(rows, one_hot, stratify=True)[:2] == expected
    assert train_test_split(rows, np.array(one_hot), stratify=True)[:2] == expected
    assert train_test_split(rows, list(np.array(one_hot)), stratify=True)[:2] == expected
    assert list(stratified_k_fold(one_hot, 4)) == list(stratified_k_fold(labels, 4))


def test_seeds_are_reproducible_and_the_global_random_is_untouched():
    random.seed(7)
    before = random.getstate()
    rows, labels = [[i] for i in range(40)], [i % 3 for i in range(40)]
    for split in (
        lambda seed: train_test_split(rows, labels, seed=seed),
        lambda seed: train_test_split(rows, labels, seed=seed, stratify=True),
        lambda seed: list(k_fold(40, seed=seed)),
        lambda seed: list(stratified_k_fold(labels, seed=seed)),
    ):
        assert split(3) == split(3) == split(random.Random(3))
        assert split(3) != split(4)
        assert split(None) != split(None)
    assert random.getstate() == before


def test_iris_sized_split():
    """150 rows at a quarter: 112 and 38, as scikit-learn's train_test_split gives."""
    labels = [i // 50 for i in range(150)]
    X, X_test, _, T_test = train_test_split(range(150), labels, stratify=True)
    assert (len(X), len(X_test)) == (112, 38)
    assert sorted(Counter(T_test).values()) == [12, 13, 13]


def test_a_share_is_rounded_to_the_nearest_row():
    assert len(train_test_split(range(100), range(100), 0.07)[1]) == 7
    assert len(train_test_split(range(10), range(10), 0.25)[1]) == 3


def test_take():
    assert take("abc", (2, 2, 0)) == ["c", "c", "a"]


@pytest.mark.parametrize(
    "error, call, words",
    [
        (
            ShapeError,
            lambda: train_test_split([[1], [2]], [1]),
            "inputs and targets need the same number of rows, got 2 and 1",
        ),
        (
            ShapeError,
            lambda: train_test_split([], []),
            "train_test_split needs at least two rows, got none",
        ),
        (
            SettingError,
            lambda: train_test_split([[1]], [1]),
            "train_test_split needs at least one row to train and one to test, "
            "got 1 and 0 out of 1 with test_fraction=0.25",
        ),
        (
            SettingError,
            lambda: train_test_split([[1], [2]], [1, 2], 25),
            "train_test_split needs test_fraction to be between 0 and 1, got 25",
        ),
        (
            SettingError,
            lambda: k_fold(3, 4),
            "k_fold needs at least 2 folds and a row for each, got 4 folds for 3 rows",
        ),
        (
            SettingError,
            lambda: stratified_k_fold([0, 1], 1),
            "stratified_k_fold needs at least 2 folds and a row for each, got 1 folds for 2 rows",
        ),
        (
            SettingError,
            lambda: forward_folds(3, 3),
            "forward_folds needs at least 2 folds and a row for each and one before them, got 3 "
            "folds for 3 rows",
        ),
        (
            ShapeError,
            lambda: stratified_k_fold(iter([0, 1]), 2),
            "targets need a sequence with one item per row, got a list_iterator; "
            "wrap it in list(...)",
        ),
    ],
)
def test_splits_refuse_in_whole_sentences(error, call, words):
    with pytest.raises(error) as caught:
        call()
    assert str(caught.value) == words
