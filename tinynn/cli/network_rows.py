"""Rows of a table as a model's network takes them: encoded inputs and targets."""

from __future__ import annotations

import argparse
from typing import Any, Callable, NamedTuple, Sequence

from ..checks.words import counted
from ..errors import DataError
from ..lesson.loss import Loss
from ..lesson.matrix import Matrix
from ..lesson.network import Sequential
from .console import Console
from .evaluate import known_targets
from .models import Model, load_any
from .tables import load_table, open_table
from .testing import picked, tried

# Takes how many rows a table has; returns the indices of those that are wanted.
Wanted = Callable[[int], Sequence[int]]


class NetworkRows(NamedTuple):
    """A network, its loss, and rows of inputs and targets."""

    network: Sequential
    loss: str | Loss
    X: Matrix
    T: Matrix


def network_rows(options: argparse.Namespace, console: Console, wanted: Wanted) -> NetworkRows:
    """Return the network in a model file and rows of a table for it; a bare one has options.loss.

    Raises DataError for rows that the network cannot take.
    """
    model = load_any(options.model, options.decimal, options.missing)
    if isinstance(model, Sequential):
        X, T = _bare(model, options, wanted)
        return NetworkRows(model, options.loss or "mse", X, T)
    return _encoded(model, options, console, wanted)


def _encoded(
    model: Model, options: argparse.Namespace, console: Console, wanted: Wanted
) -> NetworkRows:
    """Return the network, its loss, and encoded rows of inputs and targets."""
    file = open_table(options.data, options, model)
    table, targets = known_targets(model, file, options, console)
    numbers = wanted(len(table.rows))
    part, lines = picked(table, numbers)
    chosen = [targets[i] for i in numbers]
    trial = tried(model, part, model.indices(table.file), chosen, lines)
    estimator: Any = model.estimator
    T = estimator.targets_.rows(trial.targets)
    return NetworkRows(estimator.network_, estimator.criterion_, trial.encoded, T)


def _bare(
    network: Sequential, options: argparse.Namespace, wanted: Wanted
) -> tuple[Matrix, Matrix]:
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
    for row in wanted(len(table.rows)):
        try:
            X.append(list(map(float, table.rows[row])))
        except ValueError as error:
            raise DataError(f"{file.name}, line {table.lines.of(row)}: {error}") from None
    return [x[:inputs] for x in X], [x[inputs:] for x in X]
