"""`Ensemble`: several estimators with different seeds, whose predictions are averaged."""

from __future__ import annotations

from copy import copy, deepcopy
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..checks.settings import flag, integer
from ..checks.words import counted, excerpt
from ..data import take
from ..errors import SettingError
from ..files import json_file
from ..files.atomic import Path
from ..lesson.matrix import Matrix, Rows
from ..lesson.network import Sequential
from ..lesson.random_streams import epoch_stream
from ..preprocessing import TableEncoder
from ..training.tasks import run_tasks
from .base import Estimator
from .classifier import Classifier
from .convergence import warn
from .parameters import Adjustable, raise_not_fitted, seed_of
from .prepared import Prepared
from .regressor import Regressor
from .saving import members_to_dict
from .targets import Targets

if TYPE_CHECKING:
    from concurrent.futures import Executor

M = TypeVar("M", bound="Ensemble")
NESTED = "estimator__"
DRAWS = -2  # the epoch whose stream draws rows: before all others, and before early stopping's


class Committee(NamedTuple):
    """Networks whose outputs are averaged so that predictions are, too."""

    networks: list[Sequential]
    targets: Targets

    def predict(self, inputs: Rows) -> Matrix:
        """Return the averaged outputs for rows of inputs."""
        return self.targets.averaged([network.predict(inputs) for network in self.networks])

    def count_parameters(self) -> int:
        """Return how many numbers all the networks have."""
        return sum(network.count_parameters() for network in self.networks)

    def summary(self) -> str:
        """Return a table of the layers of one of them."""
        return (
            f"{counted(len(self.networks), 'network')} like this one, whose predictions are "
            f"averaged:\n{self.networks[0].summary()}"
        )


class _Work(NamedTuple):
    estimator: Estimator
    table: Prepared
    bootstrap: bool


class Ensemble(Adjustable):
    """Several networks for one table, trained with different seeds; their predictions are averaged.

    estimator:     the Classifier or Regressor to train: its parameters can be read and set as
                   `estimator__alpha` and so on; its random_state is replaced
    n_estimators:  how many are trained
    bootstrap:     whether each learns from as many rows as there are, drawn with replacement
                   (L. Breiman, Bagging predictors (1996)), rather than from all rows. For networks,
                   different seeds alone are mostly better (B. Lakshminarayanan et al., Simple and
                   scalable predictive uncertainty estimation using deep ensembles (2017))
    random_state:  as in `Parameters`; each network's seed follows from it

    They share one encoder, and the rows set apart if `early_stopping`. Probabilities are the means
    of theirs; numbers are, too, in the units of y. After `fit`, `estimators_` has them, besides
    `classes_`, `n_features_in_`, `feature_names_in_` and `encoder_`.

    >>> X, y = [[5.1, "north"], [4.9, None], [6.3, "south"], [6.5, "south"]], ["a", "a", "b", "b"]
    >>> small = Classifier((8,), learning_rate_init=0.05)
    >>> Ensemble(small, 3, random_state=0).fit(X, y).predict([[5.0, "east"]])
    ['a']
    """

    kind = "ensemble"
    estimator: Classifier | Regressor
    n_estimators: int
    bootstrap: bool
    random_state: object
    estimators_: list[Classifier | Regressor]

    def __init__(
        self,
        estimator: Classifier | Regressor,
        n_estimators: int = 5,
        *,
        bootstrap: bool = False,
        random_state: object = None,
    ) -> None:
        self._take(locals())

    # --- training -------------------------------------------------------------------------------

    def fit(
        self: M,
        X: Any,
        y: Any,
        sample_weight: object = None,
        *,
        executor: Executor | None = None,
        progress: bool | None = None,
    ) -> M:
        """Train all the networks on a table X and its targets y, with optional sample weights.

        `executor` trains them side by side, with the same result to the last bit; `progress` is
        whether to show a line of it, by default only on a terminal.

        Raises what the estimator's `fit` raises, and WorkerError if a worker dies; an error that
        one network meets has its number. After any error, and Ctrl-C, nothing has changed.
        """
        who = type(self).__name__
        count = integer(who, "n_estimators", self.n_estimators, least=1)
        bootstrap = flag(who, "bootstrap", self.bootstrap)
        seed = seed_of(who, self.random_state)
        single = self.checked_estimator().fresh(random_state=seed, warm_start=False)
        table = single.prepare(X, y, sample_weight)
        rng = Random(seed)
        seeds = [rng.getrandbits(32) for _ in range(count)]
        names = [f"network {k + 1} of {count}" for k in range(count)]
        work = _Work(single, table, bootstrap)
        done = run_tasks(who, _member, work, seeds, names, executor, progress)
        members = [one.result for one in done]
        told = []
        for member, texts in members:
            # They do not travel: each member gets the caller's own.
            member.encoder_, member._targets = table.encoder, table.targets
            told += texts[:1]
        self.estimators_ = [member for member, _ in members]
        if told:
            warn(self, f"{len(told)} of {count} networks could learn more: {told[0]}", 3)
        return self

    def checked_estimator(self) -> Classifier | Regressor:
        """Return the estimator to train. Raises SettingError for anything else."""
        if not isinstance(self.estimator, (Classifier, Regressor)):
            mend = "; did you forget the parentheses?" if isinstance(self.estimator, type) else ""
            raise SettingError(
                f"{type(self).__name__} needs estimator to be a Classifier or Regressor, "
                f"got {excerpt(self.estimator)}{mend}"
            )
        return self.estimator

    # --- prediction -----------------------------------------------------------------------------

    @property
    def averaged(self) -> Classifier | Regressor:
        """One estimator that predicts what the ensemble does: its `network_` is a `Committee`."""
        if not self.__sklearn_is_fitted__():
            raise_not_fitted(self)
        found = copy(self.estimators_[0])
        networks = [member.network_ for member in self.estimators_]
        found.network_ = Committee(networks, found._targets)  # type: ignore[assignment]
        return found

    def predict(self, X: Any) -> Any:
        """Return the label with the highest mean probability, or the mean number, for each row."""
        return self.averaged.predict(X)

    @property
    def predict_proba(self) -> Any:
        """Of classifiers: the mean probabilities of the classes, for each row."""
        return self._of_classifiers("predict_proba")

    @property
    def predict_log_proba(self) -> Any:
        """Of classifiers: the logarithms of the mean probabilities."""
        return self._of_classifiers("predict_log_proba")

    def score(self, X: Any, y: Any, sample_weight: object = None) -> float:
        """Return the accuracy, or R², of the averaged predictions."""
        return self.averaged.score(X, y, sample_weight)

    def _of_classifiers(self, name: str) -> Any:
        if isinstance(self.estimator, Regressor):
            raise AttributeError(f"an Ensemble of Regressors has no {name}")
        return getattr(self.averaged, name)

    @property
    def classes_(self) -> Any:
        """The classes of y, in the order of the probabilities."""
        return self._fitted("classes_")

    @property
    def n_features_in_(self) -> int:
        """The number of the table's columns."""
        return int(self._fitted("n_features_in_"))

    @property
    def feature_names_in_(self) -> Any:
        """The names of the columns, if they have any."""
        return self._fitted("feature_names_in_")

    @property
    def encoder_(self) -> TableEncoder:
        """The fitted encoder."""
        found: TableEncoder = self._fitted("encoder_")
        return found

    def _fitted(self, name: str) -> Any:
        if not self.__sklearn_is_fitted__():
            raise AttributeError(f"this {type(self).__name__} has no {name} before fit")
        return getattr(self.estimators_[0], name)

    def save(self, path: Path) -> None:
        """Save the ensemble as one JSON file, with all floats exact, for `load`.

        Raises FormatError for a label that JSON cannot express, NotFittedError before `fit`.
        """
        if not self.__sklearn_is_fitted__():
            raise_not_fitted(self)
        seed = self.random_state
        settings = {
            "n_estimators": self.n_estimators,
            "bootstrap": self.bootstrap,
            "random_state": seed if type(seed) is int else None,
        }
        json_file.write(path, self.kind, {**settings, **members_to_dict(self.estimators_)})

    # --- scikit-learn's protocol ----------------------------------------------------------------

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; with `deep`, those of the estimator, too."""
        found = super().get_params()
        if deep and isinstance(self.estimator, Adjustable):
            found.update({NESTED + k: v for k, v in self.estimator.get_params().items()})
        return found

    def set_params(self: M, **params: Any) -> M:
        """Change parameters by name: `n_estimators`, or `estimator__alpha` of the estimator."""
        inner = {k[len(NESTED) :]: v for k, v in params.items() if k.startswith(NESTED)}
        super().set_params(**{k: v for k, v in params.items() if not k.startswith(NESTED)})
        if inner:
            self.checked_estimator().set_params(**inner)
        return self

    def fresh(self: M, **changes: Any) -> M:
        """Return an untrained ensemble with these parameters, except for the changes."""
        params = {**self.get_params(deep=False), "estimator": self.checked_estimator().fresh()}
        return type(self)(**params).set_params(**changes)

    def __sklearn_is_fitted__(self) -> bool:
        return "estimators_" in self.__dict__

    @property
    def _estimator_type(self) -> str:  # for scikit-learn before 1.6
        return self.checked_estimator()._estimator_type

    def __sklearn_tags__(self) -> Any:
        return self.checked_estimator().__sklearn_tags__()


def _member(work: _Work, seed: int) -> tuple[Estimator, list[str]]:
    """Return an estimator trained with a seed, without encoder and targets; and its warnings."""
    estimator = deepcopy(work.estimator).set_params(random_state=seed)
    table = work.table._replace(seed=seed)
    if work.bootstrap:
        draw, n = epoch_stream(seed, DRAWS).choice, len(table.kept)
        rows = [*[draw(table.kept) for _ in range(n)], *table.apart]
        table = table._replace(
            X=take(table.X, rows), T=take(table.T, rows), kept=list(range(n)),
            weights=None if table.weights is None else take(table.weights, rows),
            apart=list(range(n, len(rows))),
        )  # fmt: skip
    told = estimator.fit_quietly(lambda: estimator.fit_prepared(table))
    del estimator.encoder_, estimator._targets
    return estimator, told
