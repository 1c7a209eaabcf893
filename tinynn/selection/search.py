"""The search for an estimator's best parameters, by cross-validation."""

from __future__ import annotations

from math import inf, isfinite, prod
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, Sequence, Union

from ..checks.settings import flag, integer
from ..checks.words import counted, excerpt
from ..errors import DivergenceError, SettingError
from ..estimators.convergence import warn
from ..estimators.design import NetworkDesign
from ..estimators.ensemble import Ensemble
from ..lesson.matrix import Vector
from ..lesson.random_streams import stream
from .cross_validation import (
    CrossValidation,
    Scoring,
    Split,
    Trainable,
    cut,
    deviation,
    fold_scores,
    settled,
    worse,
)

if TYPE_CHECKING:
    from concurrent.futures import Executor

Space = Union[Mapping[str, Sequence[Any]], Sequence[Mapping[str, Sequence[Any]]]]
MOST_CANDIDATES = 100_000


class Candidate(NamedTuple):
    """Values of parameters, with the score and the seconds of each fold.

    A score is −∞ where training diverged.
    """

    params: dict[str, Any]
    scores: Vector
    seconds: Vector

    @property
    def mean(self) -> float:
        """The mean score."""
        return sum(self.scores) / len(self.scores)

    @property
    def deviation(self) -> float:
        """The standard deviation of the scores."""
        return deviation(self.scores)


class SearchResult(NamedTuple):
    """How candidates for an estimator's parameters did, the best first.

    candidates:     all of them, by their mean score; equals keep their order in the space
    best_estimator: trained on all rows with the best parameters; None without `refit`
    test_share:     the share of the rows that a fold's test has
    most:           the highest score there can be
    """

    candidates: list[Candidate]
    best_estimator: Trainable | None
    test_share: float
    most: float = 1.0

    @property
    def best_params(self) -> dict[str, Any]:
        """The best values of the parameters."""
        return self.candidates[0].params

    @property
    def best(self) -> CrossValidation:
        """The scores of the best candidate, which are a little too good, as it was chosen by them.

        Its `mean`, `deviation` and `interval` say how certain they are.
        """
        _, scores, seconds = self.candidates[0]
        return CrossValidation(scores, seconds, [None] * len(scores), self.test_share, self.most)

    @property
    def within_noise(self) -> list[Candidate]:
        """The other candidates that may be as good: within two standard errors, fold by fold."""
        best, *others = self.candidates
        return [each for each in others if not worse(each.scores, best.scores)]

    def __repr__(self) -> str:
        return (
            f"<SearchResult: {counted(len(self.candidates), 'candidate')}, best {self.best_params} "
            f"with {self.best.mean:.4g}, {len(self.within_noise)} others within noise>"
        )


def search(
    estimator: Trainable,
    X: Any,
    y: Any,
    space: Space,
    *,
    samples: int | None = None,
    folds: int | Sequence[Split] = 5,
    seed: int = 0,
    sample_weight: object = None,
    scoring: Scoring | None = None,
    refit: bool = True,
    executor: Executor | None = None,
    progress: bool | None = None,
) -> SearchResult:
    """Return how an estimator does with different parameters, cross-validated, and the best one.

    space:    lists of values by the parameters' names, all combinations of which are tried (those
              of an Ensemble's estimator are called `estimator__alpha` and so on); or several such
              tables
    samples:  how many of the combinations to try, drawn by `seed`; None: all
    refit:    whether to train the best on all rows
    executor: for all folds of all candidates, with the same result to the last bit

    The others are those of `cross_validate`. All candidates have the same folds and the same seed.
    The highest mean score wins; of equals, the first in the space.

    Raises SettingError for parameters that the estimator does not have, before any training; else
    what `cross_validate` raises, with the candidate's values. Training that diverges is a score of
    −∞; DivergenceError if all of it does.

    >>> from tinynn.estimators import Classifier
    >>> X, y = [[i / 10, i % 3] for i in range(30)], [i >= 15 for i in range(30)]
    >>> linear = Classifier((), solver="lbfgs", random_state=0)
    >>> search(linear, X, y, {"alpha": [0.01, 100.0]}, folds=3).best_params
    {'alpha': 0.01}
    """
    who = "search"
    flag(who, "refit", refit)
    shared = cut(who, estimator, X, y, folds, seed, sample_weight, scoring, diverged=-inf)
    base = settled(who, estimator)
    params = _combinations(who, space, samples, seed)
    candidates = [base.fresh(**values) for values in params]
    for candidate in candidates:
        NetworkDesign(_single(candidate))  # which checks the values
    count = len(shared.splits)
    names = [
        f"{_words(values)}, fold {k + 1} of {count}" for values in params for k in range(count)
    ]
    fits = [(candidate, k) for candidate in candidates for k in range(count)]
    found = list(fold_scores(who, shared, fits, names, executor, progress))
    results = []
    for c, values in enumerate(params):
        own = found[c * count : (c + 1) * count]
        results.append(Candidate(values, [f.score for f in own], [f.seconds for f in own]))
    order = sorted(range(len(results)), key=lambda c: -results[c].mean)
    if not any(isfinite(score) for result in results for score in result.scores):
        raise DivergenceError(
            f"search needs training to stay finite with one of {counted(len(results), 'candidate')}"
            ", all diverged; lower learning_rate_init, or set clip_norm"
        )
    best = None
    if refit:
        best = candidates[order[0]]
        whole = shared.table, shared.targets, shared.weights
        for text in best.fit_quietly(lambda: candidates[order[0]].fit(*whole)):
            warn(None, text, 3)
    return SearchResult([results[c] for c in order], best, shared.test_share, shared.most)


def _single(estimator: Trainable) -> Any:
    return estimator.checked_estimator() if isinstance(estimator, Ensemble) else estimator


def _combinations(who: str, space: Any, samples: int | None, seed: int) -> list[dict[str, Any]]:
    """Return the values of each candidate: all combinations of each table, or some of them."""
    tables = [space] if isinstance(space, Mapping) else space
    if not isinstance(tables, (list, tuple)) or not tables:
        raise SettingError(
            f"{who} needs space to be a dictionary of lists of values by parameter, or a list of "
            f"such dictionaries, got {excerpt(space)}"
        )
    for table in tables:
        for name, values in table.items() if isinstance(table, Mapping) else [("space", table)]:
            listed = isinstance(values, Sequence) and not isinstance(values, (str, bytes))
            if not listed or not isinstance(table, Mapping) or not values:
                raise SettingError(
                    f"{who} needs a list of values for each parameter, got {excerpt(values)} for "
                    f"{name!r}"
                )
    sizes = [prod([len(values) for values in table.values()]) for table in tables]
    total = sum(sizes)
    if samples is None and total > MOST_CANDIDATES:
        raise SettingError(
            f"{who} needs at most {MOST_CANDIDATES:,} combinations, got {total:,}; leave out "
            "values, or give samples"
        )
    numbers: Sequence[int] = range(total)
    if samples is not None:
        wanted = min(integer(who, "samples", samples, least=1), total)
        numbers = sorted(stream(seed).sample(numbers, wanted))
    found = []
    for number in numbers:
        for table, size in zip(tables, sizes):
            if number < size:
                found.append(_combination(table, number))
                break
            number -= size
    return found


def _combination(table: Mapping[str, Sequence[Any]], number: int) -> dict[str, Any]:
    """Return combination number `number` of a table; the last parameter varies fastest."""
    values: dict[str, Any] = {}
    for name in reversed(list(table)):
        number, index = divmod(number, len(table[name]))
        values[name] = table[name][index]
    return {name: values[name] for name in table}


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={excerpt(value)}" for name, value in values.items()) or "as it is"
