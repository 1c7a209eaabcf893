"""How networks, histories and gradient reports show themselves in notebooks.

Jupyter asks an object for `_repr_svg_` or `_repr_html_`, and shows it as plain text if there is
nothing to draw, which is None.
"""

from __future__ import annotations

from html import escape
from typing import Any, Callable

from ..errors import TinynnError
from ..lesson.network import Sequential
from ..training.gradient_check import GradientReport
from ..training.history import History
from ..view import network_diagram
from ..view.svg import clean
from .charts import network_weights, training_charts

MOST_WRONG = 10  # derivatives in a table


def network_picture(network: Sequential) -> str | None:
    """Return a diagram of the dense layers as SVG, or None for layers that cannot be drawn."""
    weights, biases = network_weights(network)
    if not weights:
        return None
    try:
        return network_diagram(weights, title=repr(network), biases=biases)
    except TinynnError:  # layers of one's own in between may change how many columns there are
        return None


def history_picture(history: History) -> str | None:
    """Return a chart of the losses as SVG, or None without any."""
    charts = training_charts(history)
    return charts[0].svg if charts else None


def gradient_table(report: GradientReport) -> str:
    """Return what a gradient check found as an HTML table: what is wrong, or else the worst."""
    shown = report.wrong[:MOST_WRONG] or [report.worst]
    rows = [
        f"<tr><td>{escape(clean(d.name))}[{d.row}][{d.column}]</td><td>{d.backward:.9g}</td>"
        f"<td>{d.numeric:.9g}</td><td>{d.error:.1e}</td></tr>"
        for d in shown
    ]
    if report.ok:
        found = f"All {report.checked:,} derivatives agree. The worst:"
    else:
        found = f"{len(report.wrong):,} of {report.checked:,} derivatives are wrong:"
    more = len(report.wrong) - len(shown)
    return (
        f"<table><caption>{found}</caption><tr><th>derivative by</th><th>back-propagation</th>"
        f"<th>differences</th><th>relative error</th></tr>{''.join(rows)}</table>"
        + (f"<p>and {more:,} more</p>" if more > 0 else "")
    )


# By kind of object; checks/pictures.py looks them up.
PICTURES: dict[str, Callable[[Any], str | None]] = {
    "network": network_picture,
    "history": history_picture,
    "gradients": gradient_table,
}
