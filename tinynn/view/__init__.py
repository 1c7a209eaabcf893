"""Pictures of data and networks: SVG charts and plain-text ones, from the standard library alone.

Every chart is a function that takes plain lists and returns the text of one picture; `save` writes
it.
"""

from __future__ import annotations

from .bars import bar_chart
from .lines import Series, line_chart, reliability_chart, roc_chart
from .maps import confusion_chart, heat_map
from .network_diagram import network_diagram
from .palettes import PALETTES
from .points import prediction_chart, scatter_chart
from .svg import DARK, LIGHT, save
from .text import shows_blocks, sparkline, text_bars, text_confusion, text_table

__all__ = [
    "DARK",
    "LIGHT",
    "PALETTES",
    "Series",
    "bar_chart",
    "confusion_chart",
    "heat_map",
    "line_chart",
    "network_diagram",
    "prediction_chart",
    "reliability_chart",
    "roc_chart",
    "save",
    "scatter_chart",
    "shows_blocks",
    "sparkline",
    "text_bars",
    "text_confusion",
    "text_table",
]
