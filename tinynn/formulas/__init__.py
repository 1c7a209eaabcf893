"""Each activation, loss and normalization, described once for every engine and export."""

from __future__ import annotations

from collections import ChainMap

from .activations import ACTIVATIONS
from .normalizations import NORMALIZATIONS, formula_name
from .programs import Each, Largest, LayerFormula, Let, Total

# All layers that are row programs, by the names of their classes: a view of both tables, which may
# grow (see registering.py).
LAYER_FORMULAS: ChainMap[str, LayerFormula] = ChainMap(NORMALIZATIONS, ACTIVATIONS)
__all__ = ["LAYER_FORMULAS", "Each", "Largest", "Let", "Total", "formula_name"]
