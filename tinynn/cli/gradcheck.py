"""`tinynn gradcheck`: compares a model's derivatives with differences of its loss, on a table."""

from __future__ import annotations

import argparse

from ..checks.words import counted
from ..training.gradient_check import gradcheck
from ..view.terminal import printable
from .console import Console
from .network_rows import network_rows


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    found = network_rows(options, console, lambda count: range(min(options.rows, count)))
    X = found.X
    report = gradcheck(found.network, found.loss, X, found.T, tolerance=options.tolerance)
    console.show(f"{printable(options.model)}, on {counted(len(X), 'row')}: {report}")
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
