"""Each activation, loss and normalization, described once for every engine and export."""

from __future__ import annotations

from .activations import ACTIVATIONS
from .normalizations import NORMALIZATIONS
from .programs import LayerFormula

# All layers that are row programs, by the names of their classes.
LAYER_FORMULAS: dict[str, LayerFormula] = {**ACTIVATIONS, **NORMALIZATIONS}
