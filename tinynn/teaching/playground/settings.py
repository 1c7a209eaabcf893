"""Everything that the page can set, checked: it comes from a browser, and may be anything."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, NamedTuple, Sequence

from ...checks.settings import integer, is_number, number
from ...checks.words import did_you_mean, excerpt
from ...engines.choice import ENGINES
from ...errors import SettingError
from ...lesson.activation_layers import (
    ELU,
    GELU,
    SELU,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    SiLU,
    Softplus,
    Tanh,
)
from ...lesson.adam import Adam, AdamW
from ...lesson.layer import Layer
from ...lesson.optimizer import Optimizer
from ...lesson.optimizers import SGD, Adagrad, RMSprop
from .breaks import BREAKS
from .problems import FEATURES, MOST_OWN, NAMES, REACH

WHO = "the playground"
MOST_LAYERS = 32
MOST_UNITS = 256
MOST_WEIGHTS = 50_000  # what one of today's cores trains while somebody watches

ACTIVATIONS: dict[str, type[Layer]] = {
    layer.__name__.lower(): layer
    for layer in (Tanh, ReLU, Sigmoid, Linear, LeakyReLU, ELU, SELU, GELU, Softplus, SiLU)
}
OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
    "sgd": SGD,
    "momentum": partial(SGD, momentum=0.9),
    "nesterov": partial(SGD, momentum=0.9, nesterov=True),
    "adagrad": Adagrad,
    "rmsprop": RMSprop,
    "adam": Adam,
    "adamw": AdamW,
}


class Hidden(NamedTuple):
    """A hidden layer: its neurons, their activation, and the percentage that dropout drops."""

    units: int
    activation: str
    dropout: float = 0.0


class Settings(NamedTuple):
    """What the page can set; the defaults are what it begins with."""

    data: str = "circle"
    noise: float = 0.0  # percent
    train: float = 50.0  # percent of the points; the others are for the test
    data_seed: int = 0
    features: tuple[str, ...] = ("x", "y")
    layers: tuple[Hidden, ...] = (Hidden(4, "tanh"), Hidden(2, "tanh"))
    optimizer: str = "sgd"
    rate: float = 0.03
    batch: int = 10
    l1: float = 0.0
    l2: float = 0.0
    seed: int = 0
    engine: str = "auto"
    broken: str = ""
    columns: tuple[str, str, str] = ("", "", "")
    points: tuple[tuple[float, float, int], ...] = ()


def read_settings(message: object) -> Settings:
    """Return the settings in a message; what it does not name is as at the beginning.

    Raises SettingError, naming the setting, for anything that cannot be used.
    """
    if not isinstance(message, dict):
        raise SettingError(f"{WHO} needs settings to be an object, got {excerpt(message)}")
    for name in message:
        if name not in _READERS:
            mend = did_you_mean(str(name)[:40], list(_READERS))
            raise SettingError(f"{WHO} has no setting {excerpt(name)}{mend}")
    return Settings(**{name: _READERS[name](name, value) for name, value in message.items()})


def make_optimizer(settings: Settings) -> Optimizer:
    """Return the optimizer; L2 is its weight decay, which leaves the biases as they are."""
    make = OPTIMIZERS[settings.optimizer]
    return make(settings.rate, weight_decay=settings.l2, decay_biases=False)


def one_of(name: str, value: object, choices: Sequence[str]) -> str:
    """Return `value`, which is one of the choices. Raises SettingError otherwise."""
    if isinstance(value, str) and value in choices:
        return value
    mend = did_you_mean(value[:40], choices) if isinstance(value, str) else ""
    raise SettingError(f"{WHO} needs {name} to be one of its choices, got {excerpt(value)}{mend}")


def _chosen(choices: Sequence[str]) -> Callable[[str, object], str]:
    return lambda name, value: one_of(name, value, choices)


def _real(least: float, most: float) -> Callable[[str, object], float]:
    return lambda name, value: number(WHO, name, value, least=least, most=most)


def whole(least: int, most: int) -> Callable[[str, object], int]:
    """Return a function that checks a whole number between these."""

    def read(name: str, value: object) -> int:
        number(WHO, name, value, least=least, most=most)
        return integer(WHO, name, value, least)

    return read


def _listed(name: str, value: object, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        got = f"{len(value):,}" if isinstance(value, list) else excerpt(value)
        raise SettingError(f"{WHO} needs {name} to be a list of at most {most:,}, got {got}")
    return value


def _features(name: str, value: object) -> tuple[str, ...]:
    names = [one_of(name, each, tuple(FEATURES)) for each in _listed(name, value, len(FEATURES))]
    if not names or len(set(names)) < len(names):
        raise SettingError(f"{WHO} needs at least one input, each once, got {excerpt(value)}")
    return tuple(names)


def _layers(name: str, value: object) -> tuple[Hidden, ...]:
    found = []
    for k, one in enumerate(_listed(name, value, MOST_LAYERS), 1):
        if not isinstance(one, list) or len(one) != 3:
            raise SettingError(
                f"{WHO} needs hidden layer {k} to be [neurons, activation, dropout], "
                f"got {excerpt(one)}"
            )
        where = f"of hidden layer {k}"
        found.append(
            Hidden(
                whole(1, MOST_UNITS)(f"the neurons {where}", one[0]),
                one_of(f"the activation {where}", one[1], tuple(ACTIVATIONS)),
                _real(0.0, 90.0)(f"the dropout {where}", one[2]),
            )
        )
    return tuple(found)


def _columns(name: str, value: object) -> tuple[str, str, str]:
    names = _listed(name, value, 3)
    if len(names) != 3 or not all(isinstance(each, str) and len(each) < 1000 for each in names):
        raise SettingError(f"{WHO} needs three columns by name, got {excerpt(value)}")
    return names[0], names[1], names[2]


def _points(name: str, value: object) -> tuple[tuple[float, float, int], ...]:
    found = []
    for one in _listed(name, value, MOST_OWN):
        good = isinstance(one, list) and len(one) == 3 and all(map(is_number, one))
        if not good or not all(-REACH <= one[k] <= REACH for k in (0, 1)) or one[2] not in (0, 1):
            raise SettingError(
                f"{WHO} needs a point to be [x, y, 0 or 1], x and y from {-REACH:g} to {REACH:g}, "
                f"got {excerpt(one)}"
            )
        found.append((float(one[0]), float(one[1]), int(one[2])))
    return tuple(found)


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "data": _chosen(NAMES),
    "noise": _real(0.0, 100.0),
    "train": _real(10.0, 90.0),
    "data_seed": whole(0, 1 << 31),
    "features": _features,
    "layers": _layers,
    "optimizer": _chosen(tuple(OPTIMIZERS)),
    "rate": _real(1e-7, 1e3),
    "batch": whole(1, 10_000),
    "l1": _real(0.0, 100.0),
    "l2": _real(0.0, 100.0),
    "seed": whole(0, 1 << 31),
    "engine": _chosen(("auto", *ENGINES)),
    "broken": _chosen(("", *BREAKS)),
    "columns": _columns,
    "points": _points,
}
