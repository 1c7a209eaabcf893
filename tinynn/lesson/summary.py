"""A network as a table."""

from __future__ import annotations

from typing import Sequence

from .layer import Layer
from .parameters import count_values
from .random_streams import stream


def summary(layers: Sequence[Layer], columns: int | None) -> str:
    """Return a table of the layers, with each one's columns out and number of parameters."""
    total = 0
    lines = [("layer", "", "columns out", "parameters")]
    for i, layer in enumerate(layers):
        columns = layer.build(columns, stream(0))
        count = sum(count_values(value) for value in layer.parameters().values())
        total += count
        named = repr(layer) + "".join([f", {letter} frozen" for letter in layer.frozen])
        lines.append((str(i), named, str(columns or "any"), f"{count:,}"))
    lines.append(("", "total", "", f"{total:,}"))
    widths = [max(len(line[k]) for line in lines) for k in range(4)]
    return "\n".join(
        f"{a:>{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}"
        for a, b, c, d in lines
    )
