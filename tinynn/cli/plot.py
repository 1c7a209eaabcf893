"""`tinynn plot`: charts of a model, as a page, as SVG files, or as text."""

from __future__ import annotations

import argparse
import os

from ..checks.words import counted
from ..errors import DataError
from ..files.atomic import write_text
from ..lesson.layers import Dense
from ..lesson.network import Sequential
from ..report.charts import Chart, network_chart
from ..report.findings import Findings
from ..report.page import Section, page
from ..report.verdicts import verdict
from ..view import save, text_confusion
from .console import Console, check_writable
from .evaluate import known_targets
from .inspect import training_text
from .models import Model, load_any
from .tables import open_table
from .testing import (
    MOST_SHOWN,
    calibration_text,
    findings_of,
    importance_text,
    tried,
    with_importance,
)


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet)
    as_page = bool(options.out) and options.out.lower().endswith((".html", ".htm"))
    if as_page:
        check_writable(options.out)
    elif options.out and os.path.exists(options.out) and not os.path.isdir(options.out):
        raise DataError(
            f"{options.out} is a file; give a directory for SVG files, or a name ending in .html"
        )
    model = load_any(options.model, options.decimal, options.missing)
    if isinstance(model, Sequential):
        _plot_network(model, options, as_page, console)
        return 0
    found = _findings(model, options, console)
    if options.out is None:
        console.show(_text(model, found, console))
    elif as_page:
        from .reporting import model_page

        write_text(options.out, model_page(model, found))
        console.say(f"report written to {options.out}")
    else:
        from .reporting import model_charts

        _save(model_charts(model, found), options.out, console)
    return 0


def _findings(model: Model, options: argparse.Namespace, console: Console) -> Findings | None:
    """Return the test on --data, else the one in the model's file, if there is one."""
    if options.data is None:
        return None if model.about is None else model.about.findings
    file = open_table(options.data, options, model)
    table, targets = known_targets(model, file, options, console)
    trial = tried(model, table, model.indices(table.file), targets, table.lines)
    return with_importance(model, trial, findings_of(model, trial, file.name), seed=0)


def _save(charts: list[Chart], folder: str, console: Console) -> None:
    os.makedirs(folder, exist_ok=True)
    for chart in charts:
        path = os.path.join(folder, f"{chart.name}.svg")
        save(chart.svg, path)
        console.say(path)


def _text(model: Model, found: Findings | None, console: Console) -> str:
    parts = [training_text(model.estimator.history_, console)]
    if found is not None:
        parts.append(verdict(found))
        if 2 <= len(found.classes) <= MOST_SHOWN:
            parts.append(
                text_confusion(found.confusion, found.classes, ascii_only=console.ascii_only)
            )
        if found.calibration:
            parts.append("calibration:\n" + calibration_text(found, console))
        if found.importance:
            parts.append(f"importance of the columns:\n{importance_text(found, console)}")
    else:
        parts.append("the file holds no test; give --data to make one")
    return "\n\n".join(parts)


def _plot_network(
    network: Sequential, options: argparse.Namespace, as_page: bool, console: Console
) -> None:
    if options.data is not None:
        raise DataError(f"--data needs a model with columns; {options.model} holds a bare network")
    charts = network_chart(network, [f"x{i}" for i in range(network.inputs or 0)], None)
    if not any(isinstance(layer, Dense) for layer in network.layers):
        raise DataError(f"{options.model} holds a network without weights to draw")
    if options.out is None:
        console.show(network.summary())
    elif as_page:
        note = f"{counted(network.count_parameters(), 'parameter')}."
        section = Section("The network", note, text=network.summary(), charts=charts)
        write_text(options.out, page("A network", options.model, [section], "Made by tinynn."))
        console.say(f"report written to {options.out}")
    else:
        _save(charts, options.out, console)
