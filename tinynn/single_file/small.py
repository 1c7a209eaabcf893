"""A few parts of the library as a small flat file, which also runs on MicroPython."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Sequence

from .. import __version__
from ..errors import SettingError
from .flat import STAND_INS, Flat, Symbol
from .sources import FRONT, Source, Sources, imports, in_order, library, read

# Modules that are shorter, or need less from the interpreter, by the module that they replace.
INSTEAD = {
    "files.json_file": "single_file.small_json",
    "training.trainer": "single_file.small_trainer",
    "engines.choice": "single_file.lists_only",
    STAND_INS: "single_file.stand_ins",
}
_SYMBOLS = {  # names that are not public in the library, or have a faster form there
    "NeuralNet": Symbol("lesson.neural_net", "NeuralNet"),
    "Trainer": Symbol("training.trainer", "SmallTrainer"),
    "selftest": Symbol("selftest", "run"),
    "selftest_steps": Symbol("selftest", "steps"),
}
_NORMALIZATION = "lesson.normalization"
_NO_NORMALIZATION = Source(_NORMALIZATION, "NORMALIZATION_LAYERS = ()\n", False)

# The parts of a minimal file: a description, and the public names, as attributes of tinynn.
SMALL_PARTS: dict[str, tuple[str, str]] = {
    "core": (
        "building, running and saving networks; the original program (always included)",
        "TinynnError ShapeError DataError SettingError FormatError DivergenceError EngineError "
        "NeuralNet Layer Dense Dropout Linear Sigmoid Tanh ReLU LeakyReLU ELU SELU GELU Softplus "
        "SiLU Softmax LogSoftmax Sequential network.load",
    ),
    "train": (
        "fit: losses, optimizers, early stopping",
        "Loss MeanSquaredError MeanAbsoluteError Huber BinaryCrossEntropy CategoricalCrossEntropy "
        "Hinge Optimizer SGD Adagrad RMSprop Adam AdamW fit Trainer History Callback EarlyStopping",
    ),
    "normalization": (
        "BatchNorm, LayerNorm, and networks with them",
        "BatchNorm LayerNorm",
    ),
    "schedules": (
        "learning rates that change",
        "schedules.Schedule schedules.ConstantRate schedules.Step schedules.Exponential "
        "schedules.Cosine schedules.InverseScaling schedules.ReduceOnPlateau",
    ),
    "metrics": (
        "how good predictions are",
        "metrics.accuracy metrics.confusion_matrix metrics.mean_squared_error "
        "metrics.mean_absolute_error metrics.r2_score",
    ),
    "data": (
        "iris, splits, scalers, one-hot",
        "load_iris train_test_split one_hot class_numbers StandardScaler MinMaxScaler",
    ),
    "gradcheck": ("gradients compared with finite differences of the loss", "gradcheck"),
    "selftest": (
        "what works on an interpreter, as selftest(print, __version__)",
        "selftest selftest_steps",
    ),
}
DEFAULT = ("core", "train")


def small_file(parts: Sequence[str]) -> tuple[list[str], str]:
    """Return the parts in a minimal file built from these parts, and its source.

    Raises SettingError for a part that a minimal file cannot include.
    """
    for part in parts:
        if part not in SMALL_PARTS:
            names = ", ".join(SMALL_PARTS)
            raise SettingError(f"a minimal file can hold the parts {names}, not {part!r}")
    held = [part for part in SMALL_PARTS if part in (parts or DEFAULT) or part == "core"]
    public = {
        name.rpartition(".")[2]: _SYMBOLS.get(name) or _symbol(name)
        for part in held
        for name in SMALL_PARTS[part][1].split()
    }
    sources = library()
    sources.update({name: read(instead) for name, instead in INSTEAD.items()})
    if "normalization" not in held:
        sources[_NORMALIZATION] = _NO_NORMALIZATION
    needed = _needed(sources, [symbol.home for symbol in public.values()])
    order = [STAND_INS, *in_order(sources, needed)]
    source = Flat({name: sources[name] for name in order}, public).source()
    return held, f'__version__="{__version__}"\n{source}'


def _symbol(name: str) -> Symbol:
    """Return the module that defines a public name of the library, with the name there."""
    package = import_module("..", __package__)
    value: Any = package
    for attribute in name.split("."):
        value = getattr(value, attribute)
    return Symbol(value.__module__[len(package.__name__) + 1 :], attribute)


def _needed(sources: Sources, pending: list[str]) -> set[str]:
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found and name != FRONT:
            found.add(name)
            pending += imports(sources, name)
    return found
