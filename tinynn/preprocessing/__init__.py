"""From rows of numbers and text, some of them missing, to the rows of floats that networks take."""

from __future__ import annotations

from .cells import MISSING as MISSING
from .columns import (
    CategoryColumn as CategoryColumn,
    LeftOut as LeftOut,
    NumberColumn as NumberColumn,
)
from .encoder import Encoded as Encoded, TableEncoder as TableEncoder

__all__ = ["MISSING", "CategoryColumn", "Encoded", "LeftOut", "NumberColumn", "TableEncoder"]
