"""Saving estimators: columns, labels, network, parameters and history in one JSON file."""

from __future__ import annotations

from math import inf
from typing import Any

from ..files import json_file
from ..files.atomic import Path
from ..lesson.loss import Loss
from ..lesson.optimizer import Optimizer
from ..preprocessing import TableEncoder
from .fitted import Fitted

CURVES = ("loss", "validation_loss", "learning_rate", "seconds")
WORDS = ("stopped_by", "engine", "engine_reason")


def save(estimator: Fitted, path: Path, training: bool) -> None:
    """Write a fitted estimator to a file; see `Estimator.save`."""
    content = to_dict(estimator)
    if training:
        content["network"]["training"] = estimator.network_.training
    json_file.write(path, estimator.kind, content)


def to_dict(estimator: Fitted) -> dict[str, Any]:
    """Return a fitted estimator as plain dictionaries, lists and numbers, ready for JSON."""
    history = estimator.history_
    return {
        "settings": _settings(estimator),
        "encoder": estimator.encoder_.to_dict(),
        "targets": estimator._targets.to_dict(),
        "network": estimator.network_.to_dict(),
        "loss_curve": list(estimator.loss_curve_),
        "validation_scores": estimator.validation_scores_,
        "history": {
            **{name: list(getattr(history, name)) for name in CURVES},
            "metrics": {name: list(values) for name, values in history.metrics.items()},
            **{name: getattr(history, name) for name in WORDS},
        },
        "seed": estimator._seed,
        "rows_shown": estimator.t_,
    }


def _settings(estimator: Fitted) -> dict[str, Any]:
    """Return the parameters in types that JSON has, without callbacks and random states."""
    settings = estimator.get_params()
    del settings["callbacks"]
    seed = settings["random_state"]
    settings["random_state"] = seed if type(seed) is int else None
    for name, value in settings.items():
        if isinstance(value, (Optimizer, Loss, TableEncoder)):
            settings[name] = value.to_dict()
        elif isinstance(value, tuple):
            settings[name] = list(value)
        elif hasattr(value, "tolist"):
            settings[name] = value.tolist()
        elif value == inf:
            settings[name] = "inf"
    weights = settings.get("class_weight")
    if weights is not None and not isinstance(weights, str):
        settings["class_weight"] = [[label, weight] for label, weight in weights.items()]
    return settings
