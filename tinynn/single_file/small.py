"""A few parts of the library as a small flat file, which also runs on MicroPython."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from typing import Any, Sequence

from .. import __version__
from ..errors import SettingError
from .edits import Edit, EditableSource
from .flat import STAND_INS, Flat, Symbol
from .sources import FRONT, Source, Sources, imports, in_order, library, read

# Modules that are shorter, or need less from the interpreter, by the module that they replace.
INSTEAD = {
    "files.json_file": "single_file.small_json",
    "training.trainer": "single_file.small_trainer",
    "engines.choice": "single_file.lists_only",
    STAND_INS: "single_file.stand_ins",
}
# No layer of a minimal file reads sequences or is made of others: neither does the rest of it.
_SEQUENCES = re.compile(
    r"^( +)if [^\n]*\breads_steps\b[^\n]*:\n(?:\1 +[^\n]*\n|\n(?=\1 +\S))+"
    r"|^ +self\.reads_steps = .*\n|^    reads_steps = False\n"
    r"|^    def (?:take_lengths|stepper)\((?:.*\n)+?(?=    def )"
    r"|^ +inside = .*\n(?:.*\n)+? +\]\n|^from \.(?:\.lesson\.)?samples import .*\n",
    re.MULTILINE,
)
_FILE_CHECKS = (
    ("unknown_in_file", "did_you_mean"),
    ("*inner, ", ""),
    (", depth: int = 0", ""),
    ('    for inner in getattr(layer, "layers", ()):\n        check_known(kinds, inner, i)\n', ""),
)
# What layers are in a minimal file: `frozen` is a tuple of names, which nobody checks.
_LAYER = (
    ("from .freezing import Freezable\n", ""),
    ("class Layer(Freezable):", "class Layer:"),
    ("    inputs: int | None = None\n", "    inputs: int | None = None\n    frozen = ()\n"),
)
_SYMBOLS = {  # names that are not public in the library, or have a faster form there
    "NeuralNet": Symbol("lesson.neural_net", "NeuralNet"),
    "Trainer": Symbol("training.trainer", "SmallTrainer"),
    "EarlyStopping": Symbol("training.callbacks", "LossStopping"),
    "selftest": Symbol("selftest", "run"),
    "selftest_steps": Symbol("selftest", "steps"),
}
INNER = {"engines.contract", "engines.lists", "training.training_data"}  # nobody else's classes
# A minimal file has fewer classes: what its `more_layers` is, with normalization; and the modules
# with a line for further classes, and one that imports them, each of which it drops.
_MORE_LAYERS = "lesson.more_layers"
_NORMALIZATION = (
    "from .normalization import NORMALIZATION_LAYERS\nMORE_LAYERS = NORMALIZATION_LAYERS\n"
)
_FEWER = ("lesson.losses", "lesson.optimizers", "lesson.schedules", "lesson.initializers")
_FURTHER = re.compile(
    r"^from \.(?:more|joined)_\w+ import (?:\([^)]*\)|.*)\n|^.*\bMORE_[A-Z]+\b.*\n|^Linear = .*\n",
    re.MULTILINE,
)

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
        "BatchNorm, LayerNorm, GroupNorm, and networks with them",
        "BatchNorm LayerNorm GroupNorm",
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
    for old, new in _LAYER:
        layer = sources["lesson.layer"]
        assert old in layer.code
        sources["lesson.layer"] = layer._replace(code=layer.code.replace(old, new, 1))
    sources[_MORE_LAYERS] = Source(_MORE_LAYERS, _NORMALIZATION, False)
    for name, found in sources.items():
        sources[name] = found._replace(code=_SEQUENCES.sub("", found.code))
    checks = sources["lesson.file_checks"]
    for old, new in _FILE_CHECKS:
        assert old in checks.code
        checks = checks._replace(code=checks.code.replace(old, new))
    sources["lesson.file_checks"] = checks
    fewer = _FEWER if "normalization" in held else (*_FEWER, "lesson.network")
    for name in fewer:
        sources[name] = sources[name]._replace(code=_FURTHER.sub("", sources[name].code))
    needed = _needed(sources, [symbol.home for symbol in public.values()])
    order = [STAND_INS, *in_order(sources, needed)]
    _drop_unused_methods(sources, order)
    source = Flat({name: sources[name] for name in order}, public).source()
    return held, f'__version__="{__version__}"\n{source}'


def _drop_unused_methods(sources: Sources, order: Sequence[str]) -> None:
    """Take the methods that nothing in the file mentions out of the classes of inner modules."""
    trees = {key: ast.parse(sources[key].code) for key in order}
    mentioned = {
        node.attr for tree in trees.values() for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
    }  # fmt: skip
    for key in INNER.intersection(order):
        module = EditableSource(sources[key].code)
        edits: list[Edit] = []
        for holder in trees[key].body:
            for node in holder.body if isinstance(holder, ast.ClassDef) else ():
                if not isinstance(node, ast.FunctionDef) or node.decorator_list:
                    continue
                if node.name not in mentioned and not node.name.startswith("__"):
                    edits.append((module.start(node), module.end(node), "pass"))
        sources[key] = sources[key]._replace(code=module.edited(edits))


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
