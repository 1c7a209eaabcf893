"""All layers that have row programs, by the names of their classes."""

from __future__ import annotations

from .activations import ACTIVATIONS
from .normalizations import NORMALIZATIONS
from .programs import LayerFormula

LAYER_FORMULAS: dict[str, LayerFormula] = {**ACTIVATIONS, **NORMALIZATIONS}
