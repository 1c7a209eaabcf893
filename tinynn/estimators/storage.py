"""Loading the model files that `saving` writes, with checks of all their parts."""

from __future__ import annotations

from math import inf
from typing import Any, Callable, TypeVar

from ..checks.words import counted
from ..errors import FormatError, TinynnError
from ..files import json_file
from ..files.atomic import Path
from ..formulas.poisson import Poisson
from ..lesson import network
from ..lesson.losses import from_dict as loss_from_dict
from ..lesson.network import Sequential
from ..preprocessing import TableEncoder
from ..training.history import History
from ..training.lbfgs import from_dict as optimizer_from_dict
from .base import Estimator
from .classifier import Classifier
from .number_targets import Numbers
from .regressor import Regressor
from .saving import CURVES, WORDS
from .targets import Labels, Targets

E = TypeVar("E", bound=Estimator)

KINDS: dict[str, type[Estimator]] = {"classifier": Classifier, "regressor": Regressor}
_TARGETS: dict[str, Callable[[object], Any]] = {
    "classifier": Labels.from_dict, "regressor": Numbers.from_dict,
}  # fmt: skip
_CONTENT = (
    "settings", "encoder", "targets", "network", "loss_curve", "validation_scores", "history",
    "seed",
)  # fmt: skip


def load(path: Path) -> Sequential | Classifier | Regressor:
    """Return the model in a file, of any kind. Nothing in the file is ever executed.

    Raises FormatError, saying what is wrong and where, and OSError if the file cannot be read.
    """
    content = json_file.read(path)
    kind = content.get("kind")
    if kind == network.KIND:
        return network.from_dict(content, str(path))
    if not isinstance(kind, str) or kind not in KINDS:
        raise FormatError(
            f"{path} needs to hold a {network.KIND}, {' or '.join(KINDS)}, got {kind!r}"
        )
    return from_dict(content, str(path))  # type: ignore[return-value]


def from_dict(content: dict[str, Any], name: str = "the model") -> Estimator:
    """Return the estimator that `to_dict` described, with its "kind"; messages call it `name`.

    Raises FormatError for anything else.
    """
    kind = content["kind"]
    missing = [key for key in _CONTENT if key not in content]
    if missing:
        raise FormatError(f"{name} needs {', '.join(missing)} to be a {kind}")
    try:
        estimator = KINDS[kind](**_restored(content["settings"]))
        encoder = TableEncoder.from_dict(content["encoder"])
        targets = _TARGETS[kind](content["targets"])
        history = _history(content["history"])
        curve = _numbers(content["loss_curve"], "loss_curve")
        scores = content["validation_scores"]
        if scores is not None:
            scores = _numbers(scores, "validation_scores")
        seed = _count(content["seed"], "seed")
        shown = _count(content.get("rows_shown", 0), "rows_shown")
    except (TinynnError, TypeError, KeyError) as error:
        raise FormatError(f"{name} is not a valid {kind}: {error}") from None
    assembled(
        estimator, encoder, targets, network.from_dict(content["network"], f"{name}: network"), name
    )
    estimator.history_, estimator._seed, estimator.t_ = history, seed, shown
    estimator.loss_curve_, estimator.validation_scores_ = curve, scores
    estimator._summarize()
    return estimator


def assembled(
    estimator: E, encoder: TableEncoder, targets: Targets, network: Sequential, name: str
) -> E:
    """Return the estimator with these fitted parts, without a history; messages call it `name`.

    Raises FormatError unless encoder, network and targets match.
    """
    inputs = len(encoder.feature_names_out()) if encoder.fitted else 0
    if (network.inputs, network.outputs) != (inputs, targets.outputs):
        raise FormatError(
            f"{name} needs a network with {counted(inputs, 'input')} and "
            f"{counted(targets.outputs, 'output')}, got {network.inputs} and {network.outputs}"
        )
    estimator.encoder_, estimator._targets, estimator.network_ = encoder, targets, network
    estimator.history_, estimator._seed, estimator._arrays = History(), 0, False
    estimator.history_.stopped_by = "import"
    estimator.loss_curve_, estimator.validation_scores_, estimator.t_ = [], None, 0
    estimator._describe()
    estimator._summarize()
    return estimator


def _restored(settings: Any) -> dict[str, Any]:
    if not isinstance(settings, dict):
        raise FormatError(f"settings need to be an object, got {type(settings).__name__}")
    found = dict(settings)
    for name in ("hidden_layer_sizes", "activation", "dropout"):
        if isinstance(found.get(name), list):
            found[name] = tuple(found[name])
    if isinstance(found.get("solver"), dict):
        found["solver"] = optimizer_from_dict(found["solver"])
    if found.get("n_iter_no_change") == "inf":
        found["n_iter_no_change"] = inf
    if isinstance(found.get("loss"), dict):
        poisson = Poisson()  # which the lesson does not know
        same = found["loss"] == poisson.to_dict()
        found["loss"] = poisson if same else loss_from_dict(found["loss"])
    if found.get("encoder") is not None:
        found["encoder"] = TableEncoder.from_dict(found["encoder"])
    weights = found.get("class_weight")
    if isinstance(weights, list):
        try:
            found["class_weight"] = dict(weights)
        except (TypeError, ValueError):
            raise FormatError(
                f"class_weight needs pairs of label and weight, got {weights!r}"
            ) from None
    return found


def _history(saved: Any) -> History:
    if not isinstance(saved, dict) or set(saved) != {*CURVES, *WORDS, "metrics"}:
        raise FormatError(f"history needs {', '.join([*CURVES, *WORDS, 'metrics'])}")
    history = History()
    for name in CURVES:
        setattr(history, name, _numbers(saved[name], f"history.{name}"))
    for name in WORDS:
        if saved[name] is not None and not isinstance(saved[name], str):
            raise FormatError(f"history.{name} needs to be text, got {saved[name]!r}")
        setattr(history, name, saved[name])
    if not isinstance(saved["metrics"], dict):
        raise FormatError("history.metrics needs to be an object")
    history.metrics = {
        name: _numbers(values, f"history.metrics.{name}")
        for name, values in saved["metrics"].items()
    }
    return history


def _count(value: Any, name: str) -> int:
    if type(value) is not int or value < 0:
        raise FormatError(f"{name} needs to be a whole number, got {value!r}")
    return value


def _numbers(values: Any, name: str) -> list[float]:
    if not isinstance(values, list) or any(
        isinstance(value, bool) or not isinstance(value, (int, float)) for value in values
    ):
        raise FormatError(f"{name} needs to be a list of numbers")
    return values
