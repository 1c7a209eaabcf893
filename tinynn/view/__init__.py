"""Charts of data and networks, in SVG and in plain text, with only the standard library.

Every chart is a function that takes plain lists and returns one picture as text; `save` writes it
to a file. A module is loaded when one of its names is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bars import bar_chart as bar_chart
    from .curves import activation_chart as activation_chart
    from .diagrams import network_diagram as network_diagram
    from .epochs import boundary_epochs as boundary_epochs
    from .graphs import computation_graph as computation_graph, text_graph as text_graph
    from .lines import (
        Series as Series,
        line_chart as line_chart,
        reliability_chart as reliability_chart,
        roc_chart as roc_chart,
    )
    from .maps import confusion_chart as confusion_chart, heat_map as heat_map
    from .palettes import PALETTES as PALETTES
    from .plain_text import (
        shows_blocks as shows_blocks,
        sparkline as sparkline,
        text_bars as text_bars,
        text_confusion as text_confusion,
        text_table as text_table,
    )
    from .points import prediction_chart as prediction_chart, scatter_chart as scatter_chart
    from .surfaces import loss_surface as loss_surface
    from .svg import DARK as DARK, LIGHT as LIGHT, save as save

_HOMES = {
    name: module
    for module, names in {
        "bars": "bar_chart",
        "curves": "activation_chart",
        "diagrams": "network_diagram",
        "epochs": "boundary_epochs",
        "graphs": "computation_graph text_graph",
        "lines": "Series line_chart reliability_chart roc_chart",
        "maps": "confusion_chart heat_map",
        "palettes": "PALETTES",
        "points": "prediction_chart scatter_chart",
        "surfaces": "loss_surface",
        "svg": "DARK LIGHT save",
        "plain_text": "shows_blocks sparkline text_bars text_confusion text_table",
    }.items()
    for name in names.split()
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
