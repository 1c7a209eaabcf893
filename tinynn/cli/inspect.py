"""`tinynn inspect`: what is in a model file."""

from __future__ import annotations

import argparse
from typing import Any

from ..checks.words import counted, listed
from ..lesson.network import Sequential
from ..training.history import History
from .console import Console
from .models import Model, ended, load_any
from .testing import curve_text, test_text


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    model = load_any(options.model)
    if isinstance(model, Sequential):
        console.say(f"{options.model}: a bare network, without columns\n\n{model.summary()}")
        console.result({"kind": "network", **_network(model)})
        return 0
    console.say(_heading(model))
    console.say("\ncolumns:")
    for column in model.estimator.encoder_.columns:
        console.say(f"  {column.name}: {column.describe()}")
    console.say(f"\n{model.estimator.network_.summary()}")
    console.say(f"\n{training_text(model, console)}")
    if model.about is not None and model.about.findings is not None:
        console.say(f"\n{test_text(model.about.findings, console)}")
    console.result(_content(model))
    return 0


def _heading(model: Model) -> str:
    estimator = model.estimator
    text = f"{model.path}: a {estimator.kind}"
    if model.classes:
        text += f" of {counted(len(model.classes), 'class', 'classes')} ({listed(model.classes)})"
    if model.about is None:
        return text
    return f"{text}\ntarget {model.about.target!r}, {model.about.training}"


def training_text(model: Model, console: Console) -> str:
    """Return how training went: why it ended, and the losses as lines of blocks."""
    history: History = model.estimator.history_
    lines = [f"training: {counted(history.epochs, 'epoch')}, {ended(history.stopped_by)}"]
    if history.seconds:
        lines[0] += f", {history.seconds[-1]:.1f} s, engine {history.engine}"
    width = console.width - 30
    if history.loss:
        lines.append(curve_text(history.loss, "loss", console, width))
    if history.validation_loss:
        lines[0] += f"; best: epoch {history.best_epoch}"
        lines.append(curve_text(history.validation_loss, "validation", console, width))
    return "\n".join(lines)


def _network(network: Sequential) -> dict[str, Any]:
    layers: list[dict[str, Any]] = [
        {"type": type(layer).__name__, **layer.settings()} for layer in network.layers
    ]
    return {
        "inputs": network.inputs,
        "outputs": network.outputs,
        "parameters": network.count_parameters(),
        "layers": [
            {key: value for key, value in layer.items() if not isinstance(value, list)}
            for layer in layers
        ],
    }


def _content(model: Model) -> dict[str, Any]:
    estimator, history = model.estimator, model.estimator.history_
    about = None if model.about is None else model.about.to_dict()
    return {
        "kind": estimator.kind,
        "classes": model.classes,
        "columns": [
            {"name": column.name, "kind": column.kind, "reason": column.reason}
            for column in estimator.encoder_.columns
        ],
        "network": _network(estimator.network_),
        "training": {
            "epochs": history.epochs,
            "best_epoch": history.best_epoch,
            "stopped_by": history.stopped_by,
            "engine": history.engine,
            "loss": history.loss,
            "validation_loss": history.validation_loss,
        },
        "about": about,
    }
