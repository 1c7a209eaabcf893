"""Which rows to train on and which to test on: shuffled by a seed, every row used once."""

from __future__ import annotations

from math import floor
from typing import Any, Hashable, Iterable, Iterator, Sequence, TypeVar

from ..checks.rows import as_list, same_length
from ..errors import SettingError, ShapeError
from ..lesson.random_streams import Seed, stream

Item = TypeVar("Item")


def take(rows: Sequence[Item], indices: Iterable[int]) -> list[Item]:
    """Return the rows at these indices, in the order of the indices.

    >>> take(["a", "b", "c"], [2, 0])
    ['c', 'a']
    """
    return [rows[i] for i in indices]


def train_test_split(
    inputs: object,
    targets: object,
    test_fraction: float = 0.25,
    seed: Seed = 0,
    stratify: bool = False,
) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    """Return (training inputs, test inputs, training targets, test targets), shuffled.

    The test set has `test_fraction` of the rows, rounded to the nearest whole number (a half is
    rounded up). With `stratify` each class (each distinct target; a one-hot row counts as one) gets
    its share of the test set to within one row. Rows stay with their targets and are not copied.

    Raises ShapeError if the lengths differ or there are no rows, SettingError if either set would
    be empty.

    >>> train_test_split([[0], [1], [2], [3]], "a b c d".split(), seed=1)
    ([[0], [2], [1]], [[3]], ['a', 'c', 'b'], ['d'])
    """
    X, T = as_list(inputs, "inputs"), as_list(targets, "targets")
    n = same_length(inputs=X, targets=T)
    if n == 0:
        raise ShapeError("train_test_split needs at least two rows, got none")
    if not 0.0 < test_fraction < 1.0:
        raise SettingError(
            f"train_test_split needs test_fraction to be between 0 and 1, got {test_fraction!r}"
        )
    tested = floor(n * test_fraction + 0.5)
    if not 0 < tested < n:
        raise SettingError(
            "train_test_split needs at least one row to train and one to test, "
            f"got {n - tested} and {tested} out of {n} with test_fraction={test_fraction!r}"
        )
    rng = stream(seed)
    order = list(range(n))
    rng.shuffle(order)
    if stratify:
        chosen = set(_stratified_choice(order, T, tested))
        test = [i for i in order if i in chosen]
        train = [i for i in order if i not in chosen]
    else:
        train, test = order[tested:], order[:tested]
    return take(X, train), take(X, test), take(T, train), take(T, test)


def k_fold(n: int, folds: int = 5, seed: Seed = 0) -> Iterator[tuple[list[int], list[int]]]:
    """Yield (training indices, test indices) for each fold of n shuffled rows.

    Each row is in the test set of exactly one fold; the sizes of the folds differ by at most one.

    Raises SettingError unless 2 ≤ folds ≤ n.

    >>> [sorted(test) for train, test in k_fold(4, folds=2, seed=1)]
    [[2, 3], [0, 1]]
    """
    order = list(range(n))
    _check_folds("k_fold", folds, n)
    stream(seed).shuffle(order)
    return _deal(order, folds)


def stratified_k_fold(
    targets: object, folds: int = 5, seed: Seed = 0
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield (training indices, test indices) for each fold, every class spread evenly.

    As in `k_fold`; in addition, the folds' numbers of rows of any class (each distinct target; a
    one-hot row counts as one) differ by at most one.

    Raises SettingError unless 2 ≤ folds ≤ the number of targets.

    >>> [sorted(test) for train, test in stratified_k_fold([0, 0, 1, 1], folds=2, seed=0)]
    [[0, 2], [1, 3]]
    """
    T = as_list(targets, "targets")
    _check_folds("stratified_k_fold", folds, len(T))
    order = list(range(len(T)))
    stream(seed).shuffle(order)
    # Dealt like cards, one class after another without starting over at the first fold: each class
    # is spread to within one row, and so are all rows together.
    return _deal([i for members in _by_class(order, T) for i in members], folds)


def forward_folds(n: int, folds: int = 5) -> Iterator[tuple[list[int], list[int]]]:
    """Yield (training indices, test indices) for each fold of n rows in the order of time.

    The last rows are cut into folds of n // (folds + 1) rows; each is the test of all rows before
    it, so none is predicted from what comes later. scikit-learn calls this TimeSeriesSplit.

    Raises SettingError unless 2 ≤ folds < n.

    >>> list(forward_folds(5, folds=2))
    [([0, 1, 2], [3]), ([0, 1, 2, 3], [4])]
    """
    _check_folds("forward_folds", folds, n, before=1)
    size = n // (folds + 1)
    starts = range(n - folds * size, n, size)
    return ((list(range(start)), list(range(start, start + size))) for start in starts)


def _deal(order: Sequence[int], folds: int) -> Iterator[tuple[list[int], list[int]]]:
    for fold in range(folds):
        test = list(order[fold::folds])
        held_out = set(test)
        yield [i for i in order if i not in held_out], test


def _by_class(order: Sequence[int], targets: Sequence[Any]) -> list[list[int]]:
    """Return the row indices of each class, in the given order; classes by first appearance."""
    try:
        members: dict[Hashable, list[int]] = {target: [] for target in targets}
    except TypeError:
        targets = [_label(target) for target in targets]
        members = {target: [] for target in targets}
    for i in order:
        members[targets[i]].append(i)
    return list(members.values())


def _label(target: Any) -> Hashable:
    """Return a target, or a row as a tuple: lists cannot be hashed."""
    return target if isinstance(target, Hashable) else tuple(as_list(target, "targets"))


def _stratified_choice(order: Sequence[int], targets: Sequence[Any], wanted: int) -> list[int]:
    """Return `wanted` row indices, with each class's share by the largest remainders."""
    classes = _by_class(order, targets)
    n = len(order)
    shares = [len(members) * wanted // n for members in classes]
    by_remainder = sorted(range(len(classes)), key=lambda c: -(len(classes[c]) * wanted % n))
    for c in by_remainder[: wanted - sum(shares)]:
        shares[c] += 1
    return [i for members, share in zip(classes, shares) for i in members[:share]]


def _check_folds(function: str, folds: int, n: int, before: int = 0) -> None:
    if not isinstance(folds, int) or not 2 <= folds <= n - before:
        first = " and one before them" if before else ""
        raise SettingError(
            f"{function} needs at least 2 folds and a row for each{first}, got {folds!r} folds for "
            f"{n} rows"
        )
