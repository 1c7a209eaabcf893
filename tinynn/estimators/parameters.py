"""The parameters of estimators: kept as given, read and changed as scikit-learn does it."""

from __future__ import annotations

import sys
from random import Random
from typing import Any, NoReturn, Sequence, TypeVar

from ..checks.words import did_you_mean
from ..errors import SettingError, TinynnError
from ..lesson.optimizer import Optimizer
from ..preprocessing import TableEncoder
from ..training.callbacks import Callback

P = TypeVar("P", bound="Parameters")


class NotFittedError(TinynnError, ValueError, AttributeError):
    """An estimator was asked for an answer before it was fitted.

    Where scikit-learn is loaded, the error raised is also its own error of that name.
    """


class Parameters:
    """What all estimators are told; scikit-learn's names where the meaning is the same.

    hidden_layer_sizes:   neurons of each hidden layer; a number for one layer, () for none
    activation:           of the hidden layers, or a sequence with a name for each: "relu", "tanh",
                          "logistic" ("sigmoid"), "identity" ("linear"), "leaky_relu", "elu",
                          "selu", "gelu", "softplus", "silu" ("swish")
    solver:               "adam", "sgd", "adamw", "rmsprop", "adagrad", or an Optimizer, of which
                          then all settings count and none of alpha, learning_rate(_init), power_t,
                          momentum, nesterovs_momentum, beta_1, beta_2 and epsilon
    alpha:                strength of the L2 penalty, alpha / 2 · |W|² / batch size, without the
                          biases, as the weight decay of the solver; with "adamw" its own, decoupled
                          weight decay
    batch_size:           rows for each update; "auto" for a tenth of all, but 10 to 200
    learning_rate:        with "sgd": "constant", "invscaling" (learning_rate_init / t^power_t, t
                          counting rows) or "adaptive" (a fifth of it whenever training stalls)
    learning_rate_init:   the learning rate to start with
    max_iter:             the most epochs
    shuffle:              whether the rows come in a new order in each epoch
    random_state:         a number for the same result each time; also a random.Random or one of
                          NumPy's; None for another result each time
    tol:                  an epoch that improves by less stalls; `n_iter_no_change` stalled epochs
                          in a row end the training
    verbose:              whether to write a line on how training goes
    warm_start:           whether `fit` goes on from the network of the `fit` before
    momentum:             of "sgd"; in Nesterov's way if `nesterovs_momentum`
    early_stopping:       whether to set `validation_fraction` of the rows apart, watch the score
                          on them instead of the loss, and end with the weights that had the best;
                          "loss" watches the loss on them, which tells more where they are few
    beta_1, beta_2:       of "adam" and "adamw"; `epsilon` of these, "rmsprop" and "adagrad"
    dropout:              the share of each hidden layer's outputs to drop while training, or a
                          sequence with a share for each layer
    clip_norm:            the most that the norm of all gradients together may be
    encoder:              a TableEncoder whose settings count, to say what columns are or how to
                          scale; None for the default one
    callbacks:            callbacks of the training
    engine:               "auto", or an engine's name
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
    n_iter_no_change: int
    dropout: float | Sequence[float]
    clip_norm: float | None
    encoder: TableEncoder | None
    callbacks: Sequence[Callback]
    engine: str

    def _take(self, given: dict[str, Any]) -> None:
        """Keep the constructor's arguments, its `locals()`, as they are."""
        vars(self).update({name: value for name, value in given.items() if name != "self"})

    @classmethod
    def parameter_names(cls) -> list[str]:
        """Return the names of the constructor's arguments."""
        code = cls.__init__.__code__
        return list(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])

    @classmethod
    def parameter_defaults(cls) -> dict[str, Any]:
        """Return the constructor's arguments with their defaults."""
        names = cls.parameter_names()
        positional = cls.__init__.__defaults__ or ()
        return {**dict(zip(names, positional)), **(cls.__init__.__kwdefaults__ or {})}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments as they are now."""
        return {name: getattr(self, name) for name in self.parameter_names()}

    def set_params(self: P, **params: Any) -> P:
        """Change arguments of the constructor; they are looked at when training begins."""
        names = self.parameter_names()
        for name in params:
            if name not in names:
                mend = did_you_mean(name, names) or f"; valid are {', '.join(names)}"
                raise SettingError(
                    f"Invalid parameter {name!r} for estimator {type(self).__name__}{mend}"
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        defaults = self.parameter_defaults()
        shown = [
            f"{name}={value!r}"
            for name, value in self.get_params().items()
            if type(value) is not type(defaults[name]) or value != defaults[name]
        ]
        return f"{type(self).__name__}({', '.join(shown)})"


def seed_of(who: str, random_state: Any) -> int:
    """Return a seed from whatever stands for one. Raises SettingError for anything else."""
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


def raise_not_fitted(estimator: object) -> NoReturn:
    """Raise NotFittedError, scikit-learn's too if it is loaded."""
    name = type(estimator).__name__
    theirs = getattr(sys.modules.get("sklearn.exceptions"), "NotFittedError", None)
    kind: Any = NotFittedError
    if theirs is not None:
        kind = type("NotFittedError", (NotFittedError, theirs), {})
    raise kind(f"this {name} needs fit(inputs, targets) before it can answer")
