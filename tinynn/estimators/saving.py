"""Saving estimators: columns, labels, network, parameters and history in one JSON file."""

from __future__ import annotations

from math import inf
from typing import Any, Sequence

from ..errors import FormatError
from ..files import json_file
from ..files.atomic import Path
from ..lesson.loss import Loss
from ..lesson.losses import LOSSES
from ..lesson.optimizer import Optimizer
from ..lesson.optimizers import OPTIMIZERS
from ..lesson.schedule import Schedule
from ..lesson.schedules import SCHEDULES
from ..preprocessing import TableEncoder
from ..training.lbfgs import LBFGS
from ..training.saved_state import curve_to_json, history_to_dict
from .fitted import Fitted

SHARED = ("settings", "encoder", "targets")  # what the members of an ensemble have in common


def save(estimator: Fitted, path: Path, training: bool) -> None:
    """Write a fitted estimator to a file; see `Estimator.save`."""
    content = to_dict(estimator)
    if training:
        content["network"]["training"] = estimator.network_.training
    json_file.write(path, estimator.kind, content)


def to_dict(estimator: Fitted) -> dict[str, Any]:
    """Return a fitted estimator as plain dictionaries, lists and numbers, ready for JSON."""
    scores = estimator.validation_scores_
    return {
        "settings": _settings(estimator),
        "encoder": estimator.encoder_.to_dict(),
        "targets": estimator._targets.to_dict(),
        "network": estimator.network_.to_dict(),
        "loss_curve": curve_to_json(estimator.loss_curve_),
        "validation_scores": None if scores is None else curve_to_json(scores),
        "history": history_to_dict(estimator.history_),
        "seed": estimator._seed,
        "rows_shown": estimator.t_,
    }


def members_to_dict(estimators: Sequence[Fitted]) -> dict[str, Any]:
    """Return fitted estimators that share settings, encoder and targets, which are there once."""
    members = [to_dict(estimator) for estimator in estimators]
    shared = {name: members[0][name] for name in SHARED}
    for member in members:
        for name in SHARED:
            del member[name]
    return {"of": estimators[0].kind, **shared, "members": members}


def _check_known(name: str, value: Optimizer | Loss) -> None:
    """Raise FormatError for what could not be read again, because its class is not known."""
    known: dict[str, Any] = {**OPTIMIZERS, LBFGS.name: LBFGS, **SCHEDULES, **LOSSES}
    for one in (value, getattr(value, "learning_rate", None)):
        if isinstance(one, (Optimizer, Schedule, Loss)) and known.get(one.name) is not type(one):
            raise FormatError(f"{name}, {one!r}, needs nn.register to be saved")


def _settings(estimator: Fitted) -> dict[str, Any]:
    """Return the parameters in types that JSON has, without callbacks and random states."""
    settings = estimator.get_params()
    del settings["callbacks"]
    seed = settings["random_state"]
    settings["random_state"] = seed if type(seed) is int else None
    for name, value in settings.items():
        if isinstance(value, (Optimizer, Loss)):
            _check_known(name, value)
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
