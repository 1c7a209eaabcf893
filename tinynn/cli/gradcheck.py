"""`tinynn gradcheck`: compares a model's derivatives with differences of its loss, on a table."""

from __future__ import annotations

import argparse
from typing import Any

from ..checks.words import counted
from ..errors import DataError
from ..lesson.matrix import Matrix
from ..lesson.network import Sequential
from ..training.gradient_check import gradcheck
from .console import Console
from .evaluate import known_targets
from .models import Model, load_any
from .tables import load_table, open_table
from .testing import picked, tried


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    model = load_any(options.model, options.decimal, options.missing)
    if isinstance(model, Sequential):
        network, loss = model, options.loss
        X, T = _bare_rows(model, options)
    else:
        network, loss, X, T = _rows(model, options, console)
    report = gradcheck(network, loss, X, T, tolerance=options.tolerance)
    console.say(f"{options.model}, on {counted(len(X), 'row')}: {report}")
    console.result(
        {
            "ok": report.ok,
            "rows": len(X),
            "checked": report.checked,
            "tolerance": report.tolerance,
            "worst": report.worst._asdict(),
            "wrong": [difference._asdict() for difference in report.wrong],
        }
    )
    if not report.ok and (options.quiet or options.json):
        console.note(f"{len(report.wrong)} of {report.checked} derivatives are wrong")
    return 0 if report.ok else 1


def _rows(
    model: Model, options: argparse.Namespace, console: Console
) -> tuple[Sequential, Any, Matrix, Matrix]:
    """Return the network, its loss, and encoded rows of inputs and targets."""
    file = open_table(options.data, options, model)
    table, targets = known_targets(model, file, options, console)
    part, lines = picked(table, range(min(options.rows, len(table.rows))))
    trial = tried(model, part, model.indices(file), targets[: options.rows], lines)
    estimator = model.estimator
    T = estimator.targets_.rows(trial.targets)
    return estimator.network_, estimator.criterion_, trial.encoded, T


def _bare_rows(network: Sequential, options: argparse.Namespace) -> tuple[Matrix, Matrix]:
    """Return rows of inputs and targets for a bare network: its inputs, then its outputs."""
    file = open_table(options.data, options)
    table = load_table(file)
    inputs, outputs = network.inputs or 0, network.outputs or 0
    if len(file.columns) != inputs + outputs:
        raise DataError(
            f"{file.name} needs {inputs + outputs} columns for this network, "
            f"{counted(inputs, 'input')} and then {counted(outputs, 'output')}, "
            f"got {len(file.columns)}"
        )
    X: Matrix = []
    for row, cells in enumerate(table.rows[: options.rows]):
        try:
            X.append(list(map(float, cells)))
        except ValueError as error:
            raise DataError(f"{file.name}, line {table.lines.of(row)}: {error}") from None
    return [x[:inputs] for x in X], [x[inputs:] for x in X]
