"""Networks from model files, with all that is checked only when their training is known."""

from __future__ import annotations

from typing import Any

from ..checks.words import excerpt, listed, unknown_in_file
from ..errors import FormatError, TinynnError
from ..formulas.optimizers import SQUARES
from ..lesson.network import KINDS, Sequential, from_dict
from ..lesson.optimizers import OPTIMIZERS
from ..lesson.schedule import Schedule
from .lbfgs import LBFGS, from_dict as optimizer_from_dict
from .saved_state import SavedRun

LAYERS_LIMIT = 10_000  # no real model has more


def network_from_dict(content: object, name: str) -> Sequential:
    """Return the network that `Sequential.to_dict` described, with its memory of training.

    Raises FormatError, naming the layer or the entry, for anything else.
    """
    layers = content.get("layers") if isinstance(content, dict) else None
    if isinstance(layers, list) and len(layers) > LAYERS_LIMIT:
        raise FormatError(f"{name} needs at most {LAYERS_LIMIT:,} layers, got {len(layers):,}")
    for i, entry in enumerate(layers if isinstance(layers, list) else []):
        kind = entry.get("type") if isinstance(entry, dict) else None
        if isinstance(kind, str) and kind not in KINDS:
            raise FormatError(
                f"{name}: layer {i} is an unknown layer, {excerpt(kind)}"
                f"{unknown_in_file(kind, KINDS, _registering(kind))}"
            )
    network = from_dict(content, name)
    try:
        _check_training(network.training)
        if "run" in network.training:
            SavedRun.from_dict(network.training["run"], network)
    except TinynnError as error:
        raise FormatError(f"{name}: training: {error}") from None
    return network


def _registering(kind: str) -> str:
    return f"nn.register({kind})" if kind.isidentifier() and len(kind) < 60 else "nn.register"


def _check_training(training: dict[str, Any]) -> None:
    """Raise TinynnError unless a memory of training fits its own optimizer.

    Shapes and types were checked when it was read. That of a caller's own optimizer is left alone.
    """
    engine = training.get("engine", {"name": ""})
    if not isinstance(engine, dict) or not isinstance(engine.get("name"), str):
        raise FormatError(f"engine needs to be an object with a name, got {excerpt(engine)}")
    settings = training.get("optimizer", {})
    if settings.get("type") not in (*OPTIMIZERS, LBFGS.name):
        return
    optimizer = optimizer_from_dict(settings)
    for name, kept in training["memory"].items():
        unknown = [key for key in kept if key not in optimizer.memory_names]
        if unknown:
            raise FormatError(
                f"{optimizer.name} keeps {listed(optimizer.memory_names) or 'nothing'} for "
                f"{name}, got {excerpt(unknown[0])}"
            )
        for key in kept:
            least = min(map(min, kept[key]))
            if key in SQUARES and least < 0.0:
                raise FormatError(f"{key} of {name} needs numbers of at least 0, got {least:g}")
    if isinstance(optimizer.learning_rate, Schedule):
        optimizer.learning_rate.restore(training.get("schedule", {}))
