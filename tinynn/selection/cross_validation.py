"""Cross-validation: how well estimators do on rows that they were not trained on."""

from __future__ import annotations

from copy import deepcopy
from math import inf, sqrt
from typing import TYPE_CHECKING, Any, Callable, Iterator, NamedTuple, Sequence, Tuple, Union

from ..checks.rows import same_length
from ..checks.words import counted, excerpt
from ..data import k_fold, stratified_k_fold, take
from ..errors import DivergenceError, SettingError
from ..estimators import Classifier, Ensemble, Regressor
from ..estimators.convergence import warn
from ..estimators.parameters import seed_of
from ..estimators.targets import target_list, weight_list
from ..lesson.matrix import Vector
from ..metrics.intervals import Interval, folds_interval
from ..preprocessing.cells import Table, as_table
from ..training.tasks import run_tasks

if TYPE_CHECKING:
    from concurrent.futures import Executor

Trainable = Union[Classifier, Regressor, Ensemble]
Split = Tuple[Sequence[int], Sequence[int]]
Scoring = Callable[[Any, Any, Any], float]


class Folds(NamedTuple):
    """A table cut for cross-validation: what all fits share.

    splits:   the numbers of the rows for training and for testing, of each fold
    diverged: the score of a training that diverges; None to raise the error
    in_order: whether the rows are in the order of time, so that early stopping looks at the last
    """

    table: Table
    targets: list[Any]
    weights: Vector | None
    splits: Sequence[Split]
    scoring: Scoring | None = None
    diverged: float | None = None
    in_order: bool = False

    @property
    def most(self) -> float:
        """The highest score there can be."""
        return 1.0 if self.scoring is None else inf

    @property
    def test_share(self) -> float:
        """The mean share of the rows that a fold's test has."""
        shares = [len(test) / (len(train) + len(test)) for train, test in self.splits]
        return sum(shares) / len(shares)


class FoldScore(NamedTuple):
    """The score of an estimator in one fold, the seconds, and what its training warned of.

    engine: the name of the engine that trained it, or None for an ensemble
    """

    score: float
    seconds: float
    engine: str | None
    told: list[str]


class CrossValidation(NamedTuple):
    """The scores of a cross-validation.

    scores:     the score in each fold: accuracy, R², or that of `scoring`
    seconds:    the seconds that each fold took, training and test
    engines:    the name of the engine that trained in each fold
    test_share: the share of the rows that a fold's test has
    most:       the highest score there can be
    """

    scores: Vector
    seconds: Vector
    engines: list[str | None]
    test_share: float
    most: float = 1.0

    @property
    def mean(self) -> float:
        """The mean score."""
        return sum(self.scores) / len(self.scores)

    @property
    def deviation(self) -> float:
        """The standard deviation of the scores."""
        return deviation(self.scores)

    @property
    def interval(self) -> Interval | None:
        """The 95% interval of the mean, by Nadeau's and Bengio's corrected t-test."""
        ends = folds_interval(self.scores, self.test_share)
        return ends and (ends[0], min(ends[1], self.most))

    def __repr__(self) -> str:
        ends = self.interval
        text = "" if ends is None else f" ({ends[0]:.4g} to {ends[1]:.4g})"
        return f"<CrossValidation: {self.mean:.4g}{text} in {counted(len(self.scores), 'fold')}>"


def cross_validate(
    estimator: Trainable,
    X: Any,
    y: Any,
    *,
    folds: int | Sequence[Split] = 5,
    seed: int = 0,
    sample_weight: object = None,
    scoring: Scoring | None = None,
    executor: Executor | None = None,
    progress: bool | None = None,
) -> CrossValidation:
    """Return the scores of an estimator on each part of a table, when trained on the others.

    estimator:     a Classifier, Regressor or Ensemble; it is not changed
    folds:         how many parts, chosen by `seed`, with an even share of each class; or pairs of
                   row numbers, (to train on, to test on)
    sample_weight: one number per row, for both training and scores
    scoring:       a function of (fitted estimator, X, y) to use instead of the estimator's `score`
    executor:      a concurrent.futures.Executor for the folds, with the same scores to the last
                   bit; None: one after another
    progress:      whether to show a line of progress; None: only on a terminal

    All folds are trained with the same seed: a `random_state` that is not a number is drawn from
    once. Each fold's encoder learns from its training rows alone.

    Raises SettingError, ShapeError and DataError for what `fit` would refuse, with the fold's
    number if only a part is at fault; DivergenceError if a training diverges; WorkerError if a
    worker dies.

    >>> X, y = [[i / 10, i % 3] for i in range(30)], [i >= 15 for i in range(30)]
    >>> found = cross_validate(Classifier((), solver="lbfgs", random_state=0), X, y, folds=3)
    >>> [round(score, 1) for score in found.scores]
    [1.0, 1.0, 1.0]
    """
    who = "cross_validate"
    shared = cut(who, estimator, X, y, folds, seed, sample_weight, scoring)
    one = settled(who, estimator)
    fits = [(one, k) for k in range(len(shared.splits))]
    names = [f"fold {k + 1} of {len(fits)}" for k in range(len(fits))]
    found = list(fold_scores(who, shared, fits, names, executor, progress))
    told = [fold.told[0] for fold in found if fold.told]
    if told:
        warn(None, f"{len(told)} of {len(fits)} folds could learn more: {told[0]}", 3)
    return CrossValidation(
        [fold.score for fold in found], [fold.seconds for fold in found],
        [fold.engine for fold in found], shared.test_share, shared.most,
    )  # fmt: skip


def cut(
    who: str,
    estimator: Trainable,
    X: Any,
    y: Any,
    folds: int | Sequence[Split],
    seed: int,
    sample_weight: object,
    scoring: Scoring | None,
    diverged: float | None = None,
) -> Folds:
    """Return a table and its targets cut into folds. Raises the errors of `cross_validate`."""
    if not isinstance(estimator, (Classifier, Regressor, Ensemble)):
        mend = "; did you forget the parentheses?" if isinstance(estimator, type) else ""
        raise SettingError(
            f"{who} needs a Classifier, Regressor or Ensemble, got {excerpt(estimator)}{mend}"
        )
    if scoring is not None and not callable(scoring):
        raise SettingError(
            f"{who} needs scoring to be a function of (estimator, X, y) or None, "
            f"got {excerpt(scoring)}"
        )
    table, items, weights = as_table(X), target_list(who, y), weight_list(sample_weight)
    same_length(inputs=table.rows, targets=items)
    if weights is not None:
        pair: dict[str, Sequence[Any]] = {"inputs": table.rows, "sample weights": weights}
        same_length(**pair)
    single = estimator.checked_estimator() if isinstance(estimator, Ensemble) else estimator
    stratified = single.learns_classes(items)
    if not isinstance(folds, int):
        splits = _checked_splits(who, folds, len(items))
    elif stratified:
        splits = list(stratified_k_fold(items, folds, seed))
    else:
        splits = list(k_fold(len(items), folds, seed))
    return Folds(table, items, weights, splits, scoring, diverged)


def settled(who: str, estimator: Trainable) -> Trainable:
    """Return an untrained copy whose random_state is a number."""
    return estimator.fresh(random_state=seed_of(who, estimator.random_state))


def fold_scores(
    who: str,
    shared: Folds,
    fits: Sequence[tuple[Trainable, int]],
    names: Sequence[str],
    executor: Executor | None,
    progress: bool | None,
) -> Iterator[FoldScore]:
    """Yield the score of each fit, in order: pairs of an estimator and the number of a fold."""
    for one in run_tasks(who, fold_score, shared, fits, names, executor, progress):
        score, engine, told = one.result
        yield FoldScore(score, one.seconds, engine, told)


def fold_score(shared: Folds, fit: tuple[Trainable, int]) -> tuple[float, str | None, list[str]]:
    """Train an estimator on all folds but one; return its score there, engine and warnings."""
    estimator, (train, test) = deepcopy(fit[0]), shared.splits[fit[1]]
    table, y, weights = shared.table, shared.targets, shared.weights
    w_train = w_test = None
    if weights is not None:
        w_train, w_test = take(weights, train), take(weights, test)
    X_train, X_test = (table._replace(rows=take(table.rows, part)) for part in (train, test))

    def trained() -> object:
        if shared.in_order and not isinstance(estimator, Ensemble):
            prepared = estimator.prepare(X_train, take(y, train), w_train, in_order=True)
            return estimator.fit_prepared(prepared)
        return estimator.fit(X_train, take(y, train), w_train)

    try:
        told = estimator.fit_quietly(trained)
    except DivergenceError:
        if shared.diverged is None:
            raise
        return shared.diverged, None, []
    if shared.scoring is not None:
        score = float(shared.scoring(estimator, X_test.rows, take(y, test)))
    else:
        score = estimator.score(X_test, take(y, test), w_test)
    return score, None if isinstance(estimator, Ensemble) else estimator.history_.engine, told


def deviation(values: Vector) -> float:
    """Return the standard deviation of a sample, 0 for one value; it may have infinities."""
    mean = sum(values) / len(values)
    return sqrt(sum([(x - mean) ** 2 for x in values]) / max(len(values) - 1, 1))


def worse(scores: Vector, best: Vector) -> bool:
    """Return whether scores are worse than the best by more than two standard errors.

    The error is that of the mean difference, fold by fold.
    """
    apart = [b - a for a, b in zip(scores, best)]
    return sum(apart) / len(apart) > 2.0 * deviation(apart) / sqrt(len(apart))


def _checked_splits(who: str, folds: Any, rows: int) -> list[Split]:
    """Return the given pairs of row numbers as lists."""
    try:
        splits = [([int(i) for i in train], [int(i) for i in test]) for train, test in folds]
    except (TypeError, ValueError):
        splits = []
    if not splits or not all(train and test for train, test in splits):
        raise SettingError(
            f"{who} needs folds to be a whole number or pairs of row numbers, (to train on, to "
            f"test on), got {excerpt(folds)}"
        )
    for train, test in splits:
        if not (min(*train, *test) >= 0 and max(*train, *test) < rows):
            raise SettingError(
                f"{who} needs the row numbers of folds to be from 0 to {rows - 1}, got "
                f"{min(*train, *test)} to {max(*train, *test)}"
            )
    return list(splits)
