"""Metrics: scikit-learn's numbers kept here, laws, scikit-learn itself if there, refusals."""

from __future__ import annotations

from math import log

import pytest
from hypothesis import assume, given, settings, strategies as st

from tinynn.errors import DataError, SettingError, ShapeError
from tinynn.metrics import (
    accuracy,
    class_labels,
    classification_report,
    confusion_matrix,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    precision_recall_f1,
    r2_score,
    roc_auc,
    top_k_accuracy,
)

PAIRS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1, max_size=40
)


few = settings(max_examples=settings.default.max_examples // 2)  # scikit-learn takes its time


@pytest.fixture(scope="module")
def sk():
    return pytest.importorskip("sklearn.metrics")


# --- golden numbers -------------------------------------------------------------------------------


def test_examples_of_scikit_learn_for_classes():
    """The examples in the docstrings of scikit-learn's metrics of the same names."""
    assert accuracy([0, 1, 2, 3], [0, 2, 1, 3]) == 0.5
    assert confusion_matrix([2, 0, 2, 2, 0, 1], [0, 0, 2, 2, 0, 2]) == [
        [2, 0, 0],
        [0, 0, 1],
        [1, 0, 2],
    ]
    animals = ["cat", "ant", "cat", "cat", "ant", "bird"]
    guesses = ["ant", "ant", "cat", "cat", "ant", "cat"]
    assert confusion_matrix(animals, guesses, labels=["ant", "bird", "cat"]) == [
        [2, 0, 0],
        [0, 0, 1],
        [1, 0, 2],
    ]
    targets = ["cat", "dog", "pig", "cat", "dog", "pig"]
    guesses = ["cat", "pig", "dog", "cat", "cat", "dog"]
    macro = precision_recall_f1(targets, guesses, average="macro")
    assert macro == pytest.approx((0.2222222222222222, 1 / 3, 0.26666666666666666, 6))
    micro = precision_recall_f1(targets, guesses, average="micro")
    assert micro == pytest.approx((1 / 3, 1 / 3, 1 / 3, 6))
    weighted = precision_recall_f1(targets, guesses, average="weighted")
    assert weighted == pytest.approx((0.2222222222222222, 1 / 3, 0.26666666666666666, 6))
    each = precision_recall_f1(targets, guesses)
    assert each.precision == pytest.approx([2 / 3, 0.0, 0.0])
    assert each.recall == [1.0, 0.0, 0.0]
    assert each.f1 == pytest.approx([0.8, 0.0, 0.0])
    assert each.support == [2, 2, 2]


def test_examples_of_scikit_learn_for_scores():
    """The examples in the docstrings of scikit-learn's metrics of the same names."""
    scores = [[0.5, 0.2, 0.2], [0.3, 0.4, 0.2], [0.2, 0.4, 0.3], [0.7, 0.2, 0.1]]
    assert top_k_accuracy([0, 1, 2, 2], scores, k=2) == 0.75
    assert roc_auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75
    loss = log_loss(
        ["spam", "ham", "ham", "spam"], [[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]]
    )
    assert loss == pytest.approx(0.21616187468057912, rel=1e-15)


def test_examples_of_scikit_learn_for_numbers():
    """The examples in the docstrings of scikit-learn's metrics of the same names."""
    flat = [3, -0.5, 2, 7], [2.5, 0.0, 2, 8]
    rows = [[0.5, 1], [-1, 1], [7, -6]], [[0, 2], [-1, 2], [8, -5]]
    assert mean_squared_error(*flat) == 0.375
    assert mean_squared_error(*rows) == pytest.approx(0.7083333333333334)
    assert mean_absolute_error(*flat) == 0.5
    assert mean_absolute_error(*rows) == 0.75
    assert r2_score(*flat) == pytest.approx(0.9486081370449679)
    assert r2_score([1, 2, 3], [1, 2, 3]) == 1.0
    assert r2_score([1, 2, 3], [2, 2, 2]) == 0.0
    assert r2_score([1, 2, 3], [3, 2, 1]) == -3.0
    assert r2_score([5, 5], [5, 5]) == 1.0
    assert r2_score([5, 5], [5, 6]) == 0.0


def test_multiclass_roc_auc_by_hand():
    """Class 0 beats both others (1), class 1 ties with one of two (3/4), class 2 loses 1 (1/2)."""
    scores = [[0.8, 0.1, 0.4], [0.2, 0.1, 0.2], [0.1, 0.0, 0.3]]
    assert roc_auc([0, 1, 2], scores) == pytest.approx((1 + 0.75 + 0.5) / 3)


REPORT = """\
              precision    recall  f1-score   support

     class 0       0.50      1.00      0.67         1
     class 1       0.00      0.00      0.00         1
     class 2       1.00      0.67      0.80         3

    accuracy                           0.60         5
   macro avg       0.50      0.56      0.49         5
weighted avg       0.70      0.60      0.61         5
"""


def test_the_report_of_scikit_learn_character_for_character():
    """The example in the docstring of sklearn.metrics.classification_report."""
    targets, guesses = [0, 1, 2, 2, 2], [0, 0, 2, 2, 1]
    names = ["class 0", "class 1", "class 2"]
    assert classification_report(targets, guesses, names=names) == REPORT


# --- laws -----------------------------------------------------------------------------------------


@given(PAIRS)
def test_laws_of_counting(pairs):
    T, P = [t for t, _ in pairs], [p for _, p in pairs]
    labels = class_labels(T, P)
    assert labels == sorted(set(T) | set(P))
    matrix = confusion_matrix(T, P)
    assert [sum(row) for row in matrix] == [T.count(label) for label in labels]
    assert [sum(column) for column in zip(*matrix)] == [P.count(label) for label in labels]
    right = sum(matrix[i][i] for i in range(len(labels)))
    assert accuracy(T, P) == pytest.approx(right / len(T))
    assert precision_recall_f1(T, P, "micro").f1 == pytest.approx(accuracy(T, P))
    assert precision_recall_f1(T, P, "weighted").recall == pytest.approx(accuracy(T, P))
    assert confusion_matrix(P, T) == [list(column) for column in zip(*matrix)]
    assert confusion_matrix(T, P, labels[::-1]) == [row[::-1] for row in matrix[::-1]]
    assert precision_recall_f1(T, P).precision == precision_recall_f1(P, T).recall
    assert accuracy(T, T) == 1.0


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=20))
def test_rows_and_class_numbers_are_the_same_thing(pairs):
    T, P = [t for t, _ in pairs], [p for _, p in pairs]
    T_rows = [[float(t == j) for j in range(3)] for t in T]
    P_rows = [[0.6 if p == j else 0.2 for j in range(3)] for p in P]
    for targets in (T, T_rows):
        for predictions in (P, P_rows):
            assert accuracy(targets, predictions) == accuracy(T, P)
            assert confusion_matrix(targets, predictions) == confusion_matrix(T, P)
    assert top_k_accuracy(T_rows, P_rows, k=1) == accuracy(T, P)
    assert top_k_accuracy(T, P_rows, k=3) == 1.0
    assert log_loss(T_rows, P_rows) == log_loss(T, P_rows)


def test_equal_scores_rank_by_column_as_in_accuracy():
    scores = [[0.4, 0.4, 0.2]] * 3
    assert top_k_accuracy([0, 1, 2], scores, k=1) == accuracy([0, 1, 2], scores)
    assert [top_k_accuracy([t], scores[:1], k=1) for t in range(3)] == [1.0, 0.0, 0.0]
    assert [top_k_accuracy([t], scores[:1], k=2) for t in range(3)] == [1.0, 1.0, 0.0]


def test_one_column_of_a_sigmoid_is_two_classes():
    outputs = [[0.9], [0.2], [0.6]]
    assert accuracy([1, 0, 0], outputs) == pytest.approx(2 / 3)
    assert accuracy([[1], [0], [0]], outputs) == pytest.approx(2 / 3)
    assert roc_auc([[1], [0], [0]], outputs) == 1.0
    flat = [p for (p,) in outputs]
    assert log_loss([1, 0, 0], outputs) == log_loss([1, 0, 0], flat)
    assert log_loss([1, 0, 0], flat) == pytest.approx(-(log(0.9) + log(0.8) + log(0.4)) / 3)


BINARY = st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=30)


@given(BINARY)
def test_roc_auc_is_the_chance_that_a_positive_outscores_a_negative(pairs):
    positives = [s for t, s in pairs if t]
    negatives = [s for t, s in pairs if not t]
    assume(positives and negatives)
    wins = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
    T, S = [int(t) for t, _ in pairs], [s for _, s in pairs]
    expected = pytest.approx(wins / (len(positives) * len(negatives)))
    assert roc_auc(T, S) == expected
    assert roc_auc(T, [[-s, s] for s in S]) == expected
    assert roc_auc(["yes" if t else "no" for t in T], S) == expected
    assert roc_auc(["a" if t else "b" for t in T], S, labels=["b", "a"]) == expected
    assert roc_auc(T, [-s for s in S]) == pytest.approx(1 - roc_auc(T, S))


@given(
    st.lists(
        st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.integers(0, 3)),
        min_size=1,
        max_size=20,
    )
)
def test_a_whole_weight_counts_like_so_many_copies(samples):
    assume(any(w for _, _, w in samples))
    T, P, W = ([s[k] for s in samples] for k in range(3))
    T_copies = [t for t, _, w in samples for _ in range(w)]
    P_copies = [p for _, p, w in samples for _ in range(w)]
    for metric in (mean_squared_error, mean_absolute_error, accuracy):
        assert metric(T, P, W) == pytest.approx(metric(T_copies, P_copies))
    if max(T_copies) - min(T_copies) > 1e-3:
        assert r2_score(T, P, W) == pytest.approx(r2_score(T_copies, P_copies))


def test_labels_may_be_anything_that_can_be_hashed():
    labels = [("red", 2), None, "x"]
    assert class_labels(labels, labels[::-1]) == labels  # no order among them: as they appear
    assert confusion_matrix(labels, [None, None, "x"]) == [[0, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert accuracy([frozenset("a")], [frozenset("a")]) == 1.0


def test_numpy_arrays_are_read_like_lists():
    np = pytest.importorskip("numpy")
    assert accuracy(np.array([0, 1]), np.array([[0.9, 0.1], [0.7, 0.3]])) == 0.5
    assert accuracy([0, 1], list(np.array([[0.9, 0.1], [0.7, 0.3]]))) == 0.5
    assert accuracy(list(np.array([0, 1])), [0, 1]) == 1.0
    assert confusion_matrix(np.array(["a", "b"]), ["a", "a"]) == [[1, 0], [1, 0]]
    assert mean_squared_error(np.array([1.0, 2.0]), np.array([[1.0], [4.0]])) == 2.0
    assert roc_auc(np.array([0, 1]), np.array([0.1, 0.2])) == 1.0


def test_extremes_stay_numbers():
    assert log_loss([1, 0], [0.0, 0.0]) == pytest.approx(26 * log(2))
    assert mean_squared_error([1e200], [-1e200]) == float("inf")
    # The mean fits a float, though the sum does not; so it does with weights.
    assert mean_absolute_error([1.7e308, 1.7e308], [0.0, 0.0]) == 1.7e308
    assert mean_absolute_error([1e308, 1.7e308], [0.0, 0.0], [1e10, 0.0]) == 1e308


# --- scikit-learn itself --------------------------------------------------------------------------


@given(PAIRS)
@few
def test_classes_agree_with_scikit_learn(sk, pairs):
    T, P = [t for t, _ in pairs], [p for _, p in pairs]
    assume(len(class_labels(T, P)) > 1)  # of a single one scikit-learn warns
    W = [1.0 + 0.5 * i for i in range(len(T))]
    assert accuracy(T, P, W) == pytest.approx(sk.accuracy_score(T, P, sample_weight=W))
    assert confusion_matrix(T, P) == sk.confusion_matrix(T, P).tolist()
    for labels in (None, list("dcba")):
        for average in (None, "macro", "weighted", "micro"):
            theirs = sk.precision_recall_fscore_support(
                T, P, labels=labels, average=average, zero_division=0.0
            )
            for mine, other in zip(precision_recall_f1(T, P, average, labels)[:3], theirs):
                assert mine == pytest.approx(other)
    assume(accuracy(T, P))  # without a hit scikit-learn prints the supports as floats
    for digits in (2, 4):
        assert classification_report(T, P, digits=digits) == sk.classification_report(
            T, P, digits=digits, zero_division=0.0
        )


@given(st.data())
@few
def test_scores_agree_with_scikit_learn(sk, data):
    np = pytest.importorskip("numpy")
    k, n = data.draw(st.integers(3, 5)), data.draw(st.integers(5, 20))
    T = [*range(k), *(data.draw(st.integers(0, k - 1)) for _ in range(n - k))]
    raw = [[data.draw(st.integers(1, 1000)) for _ in range(k)] for _ in T]
    S = [[x / sum(row) for x in row] for row in raw]
    W = [1.0 + 0.5 * i for i in range(n)]
    theirs = sk.roc_auc_score(T, np.array(S), multi_class="ovr", average="macro")
    assert roc_auc(T, S) == pytest.approx(theirs)
    assert log_loss(T, S) == pytest.approx(sk.log_loss(T, S))
    assert log_loss(T, S, sample_weight=W) == pytest.approx(sk.log_loss(T, S, sample_weight=W))
    named = ["abcde"[t] for t in T]
    assert log_loss(named, S) == log_loss(T, S)
    assert log_loss(named, S, labels="abcde"[:k]) == log_loss(T, S)
    assert roc_auc(named, S) == roc_auc(T, S)
    assume(all(len(set(row)) == k for row in raw))  # ties are broken the other way there
    for top in range(1, k):
        theirs = sk.top_k_accuracy_score(T, np.array(S), k=top)
        assert top_k_accuracy(T, S, top) == top_k_accuracy(named, S, top) == pytest.approx(theirs)


@given(
    st.integers(1, 3).flatmap(
        lambda width: st.lists(
            st.tuples(
                st.lists(st.integers(-50, 50), min_size=width, max_size=width),
                st.lists(st.integers(-50, 50), min_size=width, max_size=width),
            ),
            min_size=2,
            max_size=20,
        )
    )
)
@few
def test_numbers_agree_with_scikit_learn(sk, pairs):
    T, P = [t for t, _ in pairs], [p for _, p in pairs]
    for weights in (None, [1.0 + 0.5 * i for i in range(len(T))]):
        for ours, theirs in (
            (mean_squared_error, sk.mean_squared_error),
            (mean_absolute_error, sk.mean_absolute_error),
            (r2_score, sk.r2_score),
        ):
            assert ours(T, P, weights) == pytest.approx(theirs(T, P, sample_weight=weights))


# --- refusals, word for word ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "error, call, words",
    [
        (
            ShapeError,
            lambda: accuracy([1, 2], [1]),
            "targets and predictions need the same number of rows, got 2 and 1",
        ),
        (ShapeError, lambda: accuracy([], []), "targets need at least one row, got none"),
        (
            ShapeError,
            lambda: accuracy([[1, 0]], [[1, 0, 0]]),
            "targets and predictions need the same number of classes, got 2 and 3",
        ),
        (
            DataError,
            lambda: accuracy(["cat"], [[0.1, 0.9]]),
            "targets need class numbers from 0 to 1, since predictions have 2 classes, "
            "got 'cat' in row 0",
        ),
        (
            DataError,
            lambda: accuracy([[0, 1]], [2]),
            "predictions need class numbers from 0 to 1, since targets have 2 classes, "
            "got 2 in row 0",
        ),
        (
            DataError,
            lambda: accuracy([(0, 1)], [(0, 1)]),
            "targets need labels or rows, got tuples of numbers, which could be either; "
            "make rows lists, or labels text",
        ),
        (
            DataError,
            lambda: accuracy(["a", {}], ["a", "b"]),
            "targets need hashable labels, got a dict in row 1",
        ),
        (
            DataError,
            lambda: accuracy([1.0, float("nan")], [1, 1]),
            "targets need labels, got nan in row 1; drop missing ones first",
        ),
        (
            DataError,
            lambda: accuracy([1, 2], [1, 2], [1, -1]),
            "sample weights need to be at least 0, got -1.0 in row 1",
        ),
        (
            DataError,
            lambda: accuracy([1, 2], [1, 2], [0, 0]),
            "sample weights need a finite sum above zero, got 0 for 2 rows",
        ),
        (
            ShapeError,
            lambda: accuracy([1, 2], [1, 2], [1]),
            "targets and sample weights need the same number of rows, got 2 and 1",
        ),
        (
            DataError,
            lambda: confusion_matrix(["a"], ["b"], labels=["a"]),
            "predictions need to be among the labels, got 'b' in row 0",
        ),
        (
            SettingError,
            lambda: confusion_matrix(["a"], ["a"], labels=["a", "a"]),
            "labels need to be distinct, got ['a', 'a']",
        ),
        (
            SettingError,
            lambda: precision_recall_f1([1], [1], average="binary"),
            'average needs to be None, "macro", "weighted" or "micro", got \'binary\'',
        ),
        (
            SettingError,
            lambda: top_k_accuracy([0], [[0.5, 0.5]], k=3),
            "top_k_accuracy needs k from 1 to 2, the number of columns, got 3",
        ),
        (
            ShapeError,
            lambda: top_k_accuracy(["a", "b"], [[1, 2, 3], [4, 5, 6]]),
            "scores need a column for each class, got 3 columns and 2 classes; "
            "name the columns with labels=[...]",
        ),
        (
            DataError,
            lambda: top_k_accuracy(["c"], [[1, 2]], labels=["a", "b"]),
            "targets need to be among the labels, got 'c' in row 0",
        ),
        (
            DataError,
            lambda: roc_auc([1, 1], [0.5, 0.6]),
            "roc_auc needs samples of every class, got none of class number 0",
        ),
        (
            DataError,
            lambda: roc_auc([0, 1, 1], [[1, 2, 3]] * 3),
            "roc_auc needs samples of every class, got none of class number 2",
        ),
        (
            DataError,
            lambda: roc_auc([0, 1], [0.5, float("nan")]),
            "scores need finite numbers, got nan in row 1; fill or drop missing values first",
        ),
        (
            DataError,
            lambda: log_loss([0], [[0.5, 1.5]]),
            "probabilities need to be between 0 and 1, got 1.5 in row 0, column 1",
        ),
        (
            DataError,
            lambda: log_loss([0], [[0.5, 0.25]]),
            "probabilities need rows that sum to 1, got 0.75 in row 0",
        ),
        (
            ShapeError,
            lambda: mean_squared_error([1, 2], [[1, 2], [3, 4]]),
            "targets and predictions need the same number of columns, got 1 and 2",
        ),
        (
            DataError,
            lambda: mean_absolute_error([1, "2"], [1, 2]),
            "targets need numbers, got the text '2' in row 1; convert it with float() first",
        ),
        (
            DataError,
            lambda: r2_score([1e200, -1e200], [0, 0]),
            "r2_score needs numbers whose squares fit a float, got larger ones in column 0",
        ),
        (
            ShapeError,
            lambda: classification_report([0, 1], [0, 1], names=["a"]),
            "classification_report needs a name for each of the 2 classes, got 1 names",
        ),
    ],
)
def test_metrics_refuse_in_whole_sentences(error, call, words):
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    assert str(caught.value) == words
