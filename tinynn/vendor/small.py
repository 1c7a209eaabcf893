"""The library, or what there is room for of it, as a small flat file that MicroPython runs too."""

from __future__ import annotations

from typing import Dict, List, Sequence, Set, Tuple

from .. import __version__
from ..errors import SettingError
from .flat import STAND_INS, Flat, Symbol
from .sources import FRONT, Source, Sources, imports, in_order, library, read

# What stands in for modules that need more room, or more of an interpreter, than there is.
_INSTEAD = {
    "formats.json_file": "vendor.small_json",
    "trainer": "vendor.small_trainer",
    "engines.choice": "vendor.lists_only",
    STAND_INS: "vendor.stand_ins",
}
_NO_NORMALIZATION = Source("normalization", "NORMALIZATION_LAYERS = ()\n", False)

# The parts of a minimal file: what each is, and the public names in it, by module.
SMALL_PARTS: Dict[str, Tuple[str, Dict[str, str]]] = {
    "core": (
        "networks made, run, saved and loaded; the original program (always in)",
        {
            "errors": "TinynnError ShapeError DataError SettingError FormatError DivergenceError "
            "EngineError",
            "neural_net": "NeuralNet",
            "layers": "Layer Dense Linear Sigmoid Tanh ReLU LeakyReLU ELU SELU GELU Softplus SiLU "
            "Softmax LogSoftmax Dropout",
            "network": "Sequential load",
        },
    ),
    "train": (
        "fit: losses, optimizers, early stopping",
        {
            "losses": "Loss MeanSquaredError MeanAbsoluteError Huber BinaryCrossEntropy "
            "CategoricalCrossEntropy Hinge",
            "optimizers": "Optimizer SGD Adagrad RMSprop Adam AdamW",
            "trainer": "fit Trainer",
            "history": "History",
            "callbacks": "Callback EarlyStopping",
        },
    ),
    "normalization": (
        "BatchNorm, LayerNorm, and networks that have them",
        {"normalization": "BatchNorm LayerNorm"},
    ),
    "schedules": (
        "learning rates that change",
        {"schedules": "Schedule Constant Step Exponential Cosine InverseScaling ReduceOnPlateau"},
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
    "gradcheck": ("back-propagation held against the loss", {"gradient_check": "gradcheck"}),
    "selftest": (
        "says what works, as selftest(print, __version__)",
        {"selftest": "run=selftest steps=selftest_steps"},
    ),
}
DEFAULT = ("core", "train")


def small_file(parts: Sequence[str]) -> Tuple[List[str], str]:
    """Return the parts that a minimal file of these holds, and its text.

    Raises SettingError for a part that no minimal file can hold.
    """
    for part in parts:
        if part not in SMALL_PARTS:
            names = ", ".join(SMALL_PARTS)
            raise SettingError(f"a minimal file can hold the parts {names}, not {part!r}")
    held = [part for part in SMALL_PARTS if part in (parts or DEFAULT) or part == "core"]
    public: Dict[str, Symbol] = {}
    for part in held:
        for module, words in SMALL_PARTS[part][1].items():
            for word in words.split():
                name, _, alias = word.partition("=")
                public[alias or name] = Symbol(module, name)
    sources = library()
    sources.update({name: read(instead) for name, instead in _INSTEAD.items()})
    if "normalization" not in held:
        sources["normalization"] = _NO_NORMALIZATION
    needed = _needed(sources, [symbol.home for symbol in public.values()])
    order = [STAND_INS, *in_order(sources, needed)]
    text = Flat({name: sources[name] for name in order}, public).text()
    return held, f'__version__="{__version__}"\n{text}'


def _needed(sources: Sources, pending: List[str]) -> Set[str]:
    found: Set[str] = set()
    while pending:
        name = pending.pop()
        if name not in found and name != FRONT:
            found.add(name)
            pending += imports(sources, name)
    return found
