"""The network and optimizer that follow from an estimator's parameters."""

from __future__ import annotations

from math import inf
from sys import maxsize
from typing import Any, Sequence

from ..checks.settings import flag, integer, number
from ..checks.words import counted, did_you_mean
from ..errors import SettingError
from ..formulas.contracts import has_defaults
from ..formulas.names import layers_named
from ..lesson.activation_layers import Activation, Linear
from ..lesson.adam import Adam, AdamW
from ..lesson.layer import Layer
from ..lesson.layers import Dense, Dropout
from ..lesson.more_optimizers import MORE_OPTIMIZERS
from ..lesson.network import KINDS, Sequential
from ..lesson.optimizer import Optimizer
from ..lesson.optimizers import OPTIMIZERS, SGD, Adagrad, RMSprop
from ..lesson.plateau import ReduceOnPlateau
from ..lesson.schedule import Schedule
from ..lesson.schedules import InverseScaling
from ..training.lbfgs import LBFGS
from .parameters import Parameters

# Activations of single columns, by their names in scikit-learn and in Keras's functions.
ACTIVATIONS: dict[str, type[Layer]] = {
    name: kind
    for system in ("scikit-learn", "Keras function")
    for name, kind in layers_named(system).items()
    if issubclass(kind, Activation)
}
_OURS = frozenset(ACTIVATIONS.values())


def activations() -> dict[str, type[Layer]]:
    """Return the activations by name; registered ones have the names of their classes."""
    own = {
        name: kind
        for name, kind in KINDS.items()
        if issubclass(kind, Activation) and kind not in _OURS and has_defaults(kind)
    }
    return {**ACTIVATIONS, **own}


LEARNING_RATES = ("constant", "invscaling", "adaptive", "plateau")
# "plateau" divides the rate after so many epochs without improvement, which is sooner than most
# trainings stop early: `benchmarks.defaults rate`.
PLATEAU_FACTOR, PLATEAU_PATIENCE = 0.2, 3
# An "auto" batch has at most 200 rows, as in scikit-learn, but a tenth of all rows if that is less:
# one batch of a whole small table gives only 200 updates in 200 epochs, too few at the default
# learning rate. Of five rules, this was the best for its number of updates on made-up tables: see
# `benchmarks.defaults batch`.
LARGEST_BATCH, SMALLEST_BATCH, BATCHES = 200, 10, 10


class NetworkDesign:
    """An estimator's parameters, checked for training.

    Raises SettingError, naming the parameter, for an invalid one.
    """

    def __init__(self, parameters: Parameters) -> None:
        who = type(parameters).__name__
        self.who, p = who, parameters
        self.sizes = _sizes(who, p.hidden_layer_sizes)
        self.activations = _per_layer(who, "activation", p.activation, len(self.sizes))
        for name in self.activations:
            _one_of(who, "activation", name, tuple(activations()))
        self.dropout = [
            number(who, "dropout", rate, least=0, below=1)
            for rate in _per_layer(who, "dropout", p.dropout, len(self.sizes))
        ]
        if not isinstance(p.solver, Optimizer):
            _one_of(who, "solver", p.solver, (*OPTIMIZERS, LBFGS.name))
        self.solver = p.solver
        self.whole_table = p.solver == LBFGS.name or isinstance(p.solver, LBFGS)
        self.alpha = number(who, "alpha", p.alpha, least=0)
        self.batch_size: int | None = None
        if p.batch_size != "auto":
            self.batch_size = integer(who, "batch_size", p.batch_size, least=1)
        _one_of(who, "learning_rate", p.learning_rate, LEARNING_RATES)
        self.learning_rate = p.learning_rate
        self.learning_rate_init = number(who, "learning_rate_init", p.learning_rate_init, above=0)
        self.power_t = number(who, "power_t", p.power_t, least=0)
        self.max_iter = integer(who, "max_iter", p.max_iter, least=1)
        self.shuffle = flag(who, "shuffle", p.shuffle)
        self.tol = number(who, "tol", p.tol, least=0)
        self.patience: float = inf
        if p.n_iter_no_change != inf:
            self.patience = integer(who, "n_iter_no_change", p.n_iter_no_change, least=1)
        self.max_fun = integer(who, "max_fun", p.max_fun, least=1)
        self.verbose = bool(p.verbose)
        self.warm_start = flag(who, "warm_start", p.warm_start)
        self.momentum = number(who, "momentum", p.momentum, least=0, most=1)
        self.nesterov = flag(who, "nesterovs_momentum", p.nesterovs_momentum)
        self.watches_loss = p.early_stopping == "loss"
        self.early_stopping = self.watches_loss or flag(who, "early_stopping", p.early_stopping)
        self.validation_fraction = number(
            who, "validation_fraction", p.validation_fraction, above=0, below=1
        )
        self.betas = (
            number(who, "beta_1", p.beta_1, least=0, below=1),
            number(who, "beta_2", p.beta_2, least=0, below=1),
        )
        self.epsilon = number(who, "epsilon", p.epsilon, above=0)
        for name, given in (("dropout", any(self.dropout)), ("clip_norm", p.clip_norm)):
            if self.whole_table and given:
                raise SettingError(
                    f"{who} needs no {name} for solver='lbfgs', which compares exact losses and "
                    f"gradients, got {name}={getattr(p, name)!r}"
                )

    @property
    def adaptive(self) -> bool:
        """Whether the learning rate falls whenever training stalls."""
        return self.solver == "sgd" and self.learning_rate == "adaptive"

    def batch(self, rows: int) -> int:
        """Return the batch size for a table with this many rows."""
        if self.whole_table:
            return rows
        auto = min(LARGEST_BATCH, max(SMALLEST_BATCH, rows // BATCHES))
        return min(self.batch_size or auto, rows)

    def longer(self, limit: str) -> str:
        """Return what would let training go on after it reached `limit`, "max_iter" or another."""
        mend = f"raise {limit} to {2 * getattr(self, limit)}"
        if self.whole_table:
            return mend
        rate = self.learning_rate_init
        return f"{mend}, or learning_rate_init from {rate:g} to {3 * rate:g}"

    def check_by_parts(self, method: str) -> None:
        """Raise SettingError if the solver needs all rows at once, which `method` does not have."""
        if self.whole_table:
            raise SettingError(
                f"{self.who} needs a solver such as 'adam' for {method}, got 'lbfgs', which needs "
                "all rows at once; use another solver, or fit"
            )

    def network(self, inputs: int, outputs: int, last: Layer | None, seed: int) -> Sequential:
        """Return a new network with Glorot-uniform initial weights, as in scikit-learn."""
        layers: list[Layer] = []
        for size, name, rate in zip(self.sizes, self.activations, self.dropout):
            initializer = "lecun_normal" if name == "selu" else "glorot_uniform"
            layers.append(Dense(inputs, size, initializer=initializer))
            kind = activations()[name]
            if kind is not Linear:
                layers.append(kind())
            if rate:
                layers.append(Dropout(rate))
            inputs = size
        layers.append(Dense(inputs, outputs))
        if last is not None:
            layers.append(last)
        return Sequential(*layers, seed=seed)

    def decay(self, rows: int, scale: float) -> float:
        """Return the weight decay equivalent to the L2 penalty, for batches of this many rows.

        The penalised loss is scale' · L + alpha / 2 · |W|² / rows, where L is tinynn's mean loss
        and scale' · L scikit-learn's; its minimum, and that of L + scale · alpha / 2 · |W|² / rows,
        are the same for scale = 1 / scale'. The derivative of the last term by w is decay · w.
        """
        if isinstance(self.solver, Optimizer) or self.solver == "adamw":
            return 0.0
        return self.alpha * scale / rows

    def optimizer(self, rows: int, decay: float, scale: float = 1.0) -> Optimizer:
        """Return the optimizer for a table with this many rows; decay and scale as in `decay`."""
        if isinstance(self.solver, Optimizer):
            return self.solver
        if self.solver == LBFGS.name:
            tol = self.tol * scale  # scikit-learn's limit for derivatives of its own loss
            return LBFGS(tol, self.max_fun, weight_decay=decay, decay_biases=False)
        rate = self._rate(rows)
        if self.solver == "sgd":
            nesterov = self.nesterov and self.momentum > 0
            return SGD(rate, self.momentum, 0.0, decay, nesterov, decay_biases=False)
        if self.solver == "adam":
            return Adam(rate, self.betas, self.epsilon, decay, decay_biases=False)
        if self.solver == "adamw":
            return AdamW(rate, self.betas, self.epsilon, self.alpha, decay_biases=False)
        known: dict[str, type[RMSprop] | type[Adagrad]] = {"rmsprop": RMSprop, "adagrad": Adagrad}
        if self.solver in known:
            kind = known[self.solver]
            return kind(rate, eps=self.epsilon, weight_decay=decay, decay_biases=False)
        return self._own_optimizer(rate, decay)

    def _own_optimizer(self, rate: float | Schedule, decay: float) -> Optimizer:
        """Return any other optimizer; the L2 penalty applies if it has a weight_decay."""
        kind = OPTIMIZERS[str(self.solver)]
        settings: dict[str, Any] = {**kind().settings(), "learning_rate": rate}
        if "weight_decay" in settings:
            settings["weight_decay"] = decay
            if self.solver in MORE_OPTIMIZERS:
                settings["decay_biases"] = False
        return kind(**settings)

    def _rate(self, rows: int) -> float | Schedule:
        if self.learning_rate == "plateau":
            return ReduceOnPlateau(self.learning_rate_init, PLATEAU_FACTOR, PLATEAU_PATIENCE)
        if self.solver != "sgd" or self.learning_rate == "constant":
            return self.learning_rate_init
        if self.learning_rate == "invscaling":
            return InverseScaling(self.learning_rate_init, power=self.power_t, samples=rows)
        threshold = min(self.tol, 0.5)
        return ReduceOnPlateau(
            self.learning_rate_init, 0.2, int(min(self.patience, maxsize)), threshold=threshold
        )


def _sizes(who: str, sizes: Any) -> tuple[int, ...]:
    if hasattr(sizes, "tolist"):
        sizes = sizes.tolist()
    listed = sizes if isinstance(sizes, (tuple, list)) else (sizes,)
    return tuple(integer(who, "hidden_layer_sizes", size, least=1) for size in listed)


def _per_layer(who: str, name: str, value: Any, layers: int) -> list[Any]:
    """Return one value per hidden layer, from a sequence or a single value for all."""
    if not isinstance(value, (tuple, list)):
        return [value] * layers
    if len(value) != layers:
        raise SettingError(
            f"{who} needs one {name} per hidden layer, got {len(value)} for "
            f"{counted(layers, 'layer')}"
        )
    return list(value)


def _one_of(who: str, name: str, value: object, choices: Sequence[str]) -> None:
    if isinstance(value, str) and value in choices:
        return
    raise SettingError(
        f"{who} needs {name} to be one of {', '.join(map(repr, choices))}, got {value!r}"
        + did_you_mean(value, choices)
    )
