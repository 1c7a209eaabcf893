"""`tinynn inspect`: what is in a model file."""

from __future__ import annotations

import argparse
from typing import Any

from ..checks.words import counted, listed
from ..estimators.ensemble import Committee
from ..lesson.network import Sequential
from ..training.history import History
from .console import Console
from .models import Model, ended, load_any
from .testing import curve_text, test_text
from .text import content_of, is_text_model, load_text, loss_text, unit_of


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    if is_text_model(options.model):
        return _inspect_text(options.model, console)
    model = load_any(options.model, ensembles=True)
    if isinstance(model, Sequential):
        console.say(f"{options.model}: a bare network, without columns")
        console.show(f"\n{model.summary()}")
        console.result({"kind": "network", **_network(model)})
        return 0
    for line in _heading(model):
        console.say(line)
    console.say()
    console.say("columns:")
    for column in model.estimator.encoder_.columns:
        console.say(f"  {column.name}: {column.describe()}")
    console.show(f"\n{model.estimator.network_.summary()}")
    console.show(f"\n{training_text(model.estimator.history_, console)}")
    if model.about is not None and model.about.findings is not None:
        console.show(f"\n{test_text(model.about.findings, console)}")
    console.result(_content(model))
    return 0


def _inspect_text(path: str, console: Console) -> int:
    """Show a model of text."""
    model = load_text(path)
    about, vocabulary = model.about_, model.vocabulary_
    what = "of one text" if model.whole_ else "of lines"
    console.say(
        f"{path}: a model of text, {what}, at most {counted(model.most_steps_, 'step')} at once"
    )
    if about is not None:
        size = f"{counted(about.characters, 'character')}"
        if not model.whole_:
            size = f"{counted(about.lines, 'line')}, {size}"
        console.say(f"trained on {about.source}: {size}")
    console.say(f"{counted(vocabulary.end, 'character')}: {vocabulary.shown()}")
    console.show(f"\n{model.network_.summary()}")
    console.show(f"\n{training_text(model.history_, console)}")
    if about is not None and about.loss is not None and about.frequency_loss is not None:
        where = f"on the {counted(about.tested, unit_of(model))} held out to test it"
        console.show(f"\n{loss_text(about.loss, about.frequency_loss, where)}")
    console.result(content_of(model))
    return 0


def _heading(model: Model) -> list[str]:
    estimator = model.estimator
    network: Any = estimator.network_
    text = f"{model.path}: a {estimator.kind}"
    if isinstance(network, Committee):
        text = f"{model.path}: an ensemble of {counted(len(network.networks), estimator.kind)}"
    if model.classes:
        text += f" of {counted(len(model.classes), 'class', 'classes')} ({listed(model.classes)})"
    if model.about is None:
        return [text]
    return [text, f"target {model.about.target!r}, {model.about.training}"]


def training_text(history: History, console: Console) -> str:
    """Return how training went: why it ended, and the losses as lines of blocks."""
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


def _network(network: Sequential | Committee) -> dict[str, Any]:
    if isinstance(network, Committee):
        return {"networks": len(network.networks), **_network(network.networks[0])}
    layers: list[dict[str, Any]] = [layer.description() for layer in network.layers]
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
