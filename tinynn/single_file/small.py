"""The library, or what there is room for of it, as a small flat file that MicroPython runs too."""

from __future__ import annotations

from typing import Sequence

from .. import __version__
from ..errors import SettingError
from .flat import STAND_INS, Flat, Symbol
from .sources import FRONT, Source, Sources, imports, in_order, library, read

# What stands in for modules that need more room, or more of an interpreter, than there is.
_INSTEAD = {
    "files.json_file": "single_file.small_json",
    "training.trainer": "single_file.small_trainer",
    "engines.choice": "single_file.lists_only",
    STAND_INS: "single_file.stand_ins",
}
_NO_NORMALIZATION = Source("lesson.normalization", "NORMALIZATION_LAYERS = ()\n", False)

# The parts of a minimal file: what each is, and the public names in it, by module.
SMALL_PARTS: dict[str, tuple[str, dict[str, str]]] = {
    "core": (
        "networks made, run, saved and loaded; the original program (always in)",
        {
            "errors": "TinynnError ShapeError DataError SettingError FormatError DivergenceError "
            "EngineError",
            "lesson.neural_net": "NeuralNet",
            "lesson.layer": "Layer",
            "lesson.layers": "Dense Dropout",
            "lesson.activation_layers": "Linear Sigmoid Tanh ReLU LeakyReLU ELU SELU GELU Softplus "
            "SiLU Softmax LogSoftmax",
            "lesson.network": "Sequential load",
        },
    ),
    "train": (
        "fit: losses, optimizers, early stopping",
        {
            "lesson.loss": "Loss",
            "lesson.losses": "MeanSquaredError MeanAbsoluteError Huber BinaryCrossEntropy "
            "CategoricalCrossEntropy Hinge",
            "lesson.optimizer": "Optimizer",
            "lesson.optimizers": "SGD Adagrad RMSprop",
            "lesson.adam": "Adam AdamW",
            "training.trainer": "fit SmallTrainer=Trainer",
            "training.history": "History",
            "training.callbacks": "Callback EarlyStopping",
        },
    ),
    "normalization": (
        "BatchNorm, LayerNorm, and networks that have them",
        {"lesson.normalization": "BatchNorm LayerNorm"},
    ),
    "schedules": (
        "learning rates that change",
        {
            "lesson.schedule": "Schedule",
            "lesson.schedules": "ConstantRate Step Exponential Cosine InverseScaling",
            "lesson.plateau": "ReduceOnPlateau",
        },
    ),
    "metrics": (
        "how good predictions are",
        {"metrics": "accuracy confusion_matrix mean_squared_error mean_absolute_error r2_score"},
    ),
    "data": (
        "iris, splits, scalers, one-hot",
        {
            "data.iris": "load_iris",
            "data.splits": "train_test_split",
            "data.encoding": "one_hot class_numbers StandardScaler MinMaxScaler",
        },
    ),
    "gradcheck": (
        "back-propagation held against the loss",
        {"training.gradient_check": "gradcheck"},
    ),
    "selftest": (
        "says what works, as selftest(print, __version__)",
        {"selftest": "run=selftest steps=selftest_steps"},
    ),
}
DEFAULT = ("core", "train")


def small_file(parts: Sequence[str]) -> tuple[list[str], str]:
    """Return the parts that a minimal file of these holds, and its text.

    Raises SettingError for a part that no minimal file can hold.
    """
    for part in parts:
        if part not in SMALL_PARTS:
            names = ", ".join(SMALL_PARTS)
            raise SettingError(f"a minimal file can hold the parts {names}, not {part!r}")
    held = [part for part in SMALL_PARTS if part in (parts or DEFAULT) or part == "core"]
    public: dict[str, Symbol] = {}
    for part in held:
        for module, words in SMALL_PARTS[part][1].items():
            for word in words.split():
                name, _, alias = word.partition("=")
                public[alias or name] = Symbol(module, name)
    sources = library()
    sources.update({name: read(instead) for name, instead in _INSTEAD.items()})
    if "normalization" not in held:
        sources["lesson.normalization"] = _NO_NORMALIZATION
    needed = _needed(sources, [symbol.home for symbol in public.values()])
    order = [STAND_INS, *in_order(sources, needed)]
    text = Flat({name: sources[name] for name in order}, public).text()
    return held, f'__version__="{__version__}"\n{text}'


def _needed(sources: Sources, pending: list[str]) -> set[str]:
    found: set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found and name != FRONT:
            found.add(name)
            pending += imports(sources, name)
    return found
