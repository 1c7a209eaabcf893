"""The parameters of estimators: stored as given, read and changed as in scikit-learn."""

from __future__ import annotations

import sys
from random import Random
from typing import Any, Callable, NoReturn, Sequence, TypeVar

from ..checks.words import did_you_mean
from ..errors import SettingError, TinynnError
from ..lesson.optimizer import Optimizer
from ..preprocessing import TableEncoder
from ..training.callbacks import Callback

A = TypeVar("A", bound="Adjustable")
K = TypeVar("K", bound=Exception)


class NotFittedError(TinynnError, ValueError, AttributeError):
    """An estimator was used before it was fitted.

    If scikit-learn is loaded, the error is also an instance of its NotFittedError.
    """


class Adjustable:
    """An estimator whose parameters are stored as given, read and changed as in scikit-learn."""

    _told: list[str] | None = None  # where warnings go, if a caller of `fit` collects them

    def _take(self, given: dict[str, Any]) -> None:
        """Store the constructor's arguments, its `locals()`, unchanged."""
        vars(self).update({name: value for name, value in given.items() if name != "self"})

    @classmethod
    def parameter_names(cls) -> list[str]:
        """Return the names of the constructor's arguments."""
        code = cls.__init__.__code__
        return list(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])

    @classmethod
    def parameter_defaults(cls) -> dict[str, Any]:
        """Return the constructor's arguments with their defaults."""
        names = cls.parameter_names()[: cls.__init__.__code__.co_argcount - 1]
        positional = cls.__init__.__defaults__ or ()
        named = dict(zip(reversed(names), reversed(positional)))
        return {**named, **(cls.__init__.__kwdefaults__ or {})}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the current parameters by name."""
        return {name: getattr(self, name) for name in self.parameter_names()}

    def set_params(self: A, **params: Any) -> A:
        """Change parameters by name; their values are checked when training begins."""
        names = self.parameter_names()
        for name in params:
            if name not in names:
                mend = did_you_mean(name, names) or f"; valid parameters are {', '.join(names)}"
                raise SettingError(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}{mend}"
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def fresh(self: A, **changes: Any) -> A:
        """Return an untrained estimator with these parameters, except for the changes."""
        return type(self)(**self.get_params()).set_params(**changes)

    def fit_quietly(self, fit: Callable[[], object]) -> list[str]:
        """Call `fit`, which trains this estimator; return its warnings that more would help."""
        told: list[str] = []
        self._told = told
        try:
            fit()
        finally:
            del self._told
        return told

    def __repr__(self) -> str:
        defaults = self.parameter_defaults()
        shown = [
            f"{name}={value!r}"
            for name, value in self.get_params(deep=False).items()
            if name not in defaults
            or type(value) is not type(defaults[name])
            or value != defaults[name]
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


class Parameters(Adjustable):
    """The parameters of all estimators, with scikit-learn's names if the meaning is the same.

    hidden_layer_sizes:   the number of neurons in each hidden layer; a number for one layer, ()
                          for none
    activation:           the activation of the hidden layers, or a sequence with one for each:
                          "relu", "tanh", "logistic" ("sigmoid"), "identity" ("linear"),
                          "leaky_relu", "elu", "selu", "gelu", "softplus", "silu" ("swish")
    solver:               "adam", "sgd", "adamw", "rmsprop", "adagrad", "lbfgs", or an Optimizer,
                          whose settings then replace alpha, learning_rate, learning_rate_init,
                          power_t, momentum, nesterovs_momentum, beta_1, beta_2, epsilon and
                          max_fun. "lbfgs" uses all rows in each step and needs no learning rate: it
                          is best for small tables, and for linear models (no hidden layers)
    alpha:                the strength of the L2 penalty, alpha / 2 · |W|² / batch size, without
                          biases, as weight decay of the solver; with "adamw", the decoupled weight
                          decay
    batch_size:           the number of rows per update; "auto" is a tenth of all rows, but at
                          least 10 and at most 200
    learning_rate:        "constant"; "plateau" (divided by 5 whenever the loss has not improved for
                          3 epochs, that of the validation rows if `early_stopping`); or a schedule
                          of "sgd": "invscaling" (learning_rate_init / t^power_t, where t counts
                          rows) or "adaptive" (divided by 5 whenever training stalls)
    learning_rate_init:   the initial learning rate
    max_iter:             the maximum number of epochs; of "lbfgs", of steps
    shuffle:              whether to shuffle the rows in each epoch
    random_state:         an integer for reproducible results, a random.Random, or a NumPy
                          RandomState or Generator; None for different results each time
    tol:                  the improvement of an epoch below which it counts as stalled; more than
                          `n_iter_no_change` stalled epochs in a row end training, and infinity
                          never ends it. "lbfgs" ends when no derivative is larger than tol instead
                          (and by the rule above if `early_stopping`)
    max_fun:              the maximum number of passes through the rows for "lbfgs"
    verbose:              whether to show a line of progress
    warm_start:           whether `fit` continues from the network of the previous `fit`
    momentum:             the momentum of "sgd"; Nesterov's if `nesterovs_momentum`
    early_stopping:       whether to set aside `validation_fraction` of the rows, stop by the score
                          on them instead of the loss, and end with the best weights; "loss" stops
                          by the loss on them, which is more informative if they are few
    beta_1, beta_2:       the decay rates of "adam" and "adamw"; `epsilon` is for these,
                          "rmsprop" and "adagrad"
    dropout:              the fraction of each hidden layer's outputs to drop in training, or a
                          sequence with one for each layer
    clip_norm:            the maximum norm of all gradients together, or None
    encoder:              a TableEncoder with the settings to use; None for the defaults
    callbacks:            callbacks of the training
    engine:               "auto" or the name of an engine
    """

    hidden_layer_sizes: int | Sequence[int]
    activation: str | Sequence[str]
    solver: str | Optimizer
    alpha: float
    batch_size: int | str
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: object
    tol: float
    verbose: bool | int
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool | str
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    dropout: float | Sequence[float]
    clip_norm: float | None
    encoder: TableEncoder | None
    callbacks: Sequence[Callback]
    engine: str


def seed_of(who: str, random_state: Any) -> int:
    """Return the seed that a `random_state` gives. Raises SettingError for an invalid one."""
    if random_state is None:
        return Random().getrandbits(32)
    if isinstance(random_state, Random):
        return random_state.getrandbits(32)
    if hasattr(random_state, "randint"):  # numpy.random.RandomState
        return int(random_state.randint(2**31 - 1))
    if hasattr(random_state, "integers"):  # numpy.random.Generator
        return int(random_state.integers(2**31 - 1))
    try:
        seed = int(random_state.__index__())
    except (AttributeError, TypeError):
        seed = -1
    if seed < 0:
        raise SettingError(
            f"{who} needs random_state to be a whole number of at least 0, "
            f"a random.Random or None, got {random_state!r}"
        )
    return seed


def raise_not_fitted(estimator: object, given: str = "inputs, targets") -> NoReturn:
    """Raise NotFittedError, scikit-learn's too if it is loaded; `given` is what `fit` takes."""
    name = type(estimator).__name__
    raise also_sklearns(NotFittedError)(f"this {name} needs fit({given}) first")


def also_sklearns(kind: type[K]) -> type[K]:
    """Return a class that is also scikit-learn's exception of that name, if it is loaded."""
    theirs = getattr(sys.modules.get("sklearn.exceptions"), kind.__name__, None)
    where = {"__module__": kind.__module__}  # where those who know only its name find it
    return kind if theirs is None else type(kind.__name__, (kind, theirs), where)
