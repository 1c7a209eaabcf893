"""Conversion of tables of numbers, text and missing cells to the rows of floats of a network."""

from __future__ import annotations

from .cells import MISSING as MISSING
from .columns import (
    CategoryColumn as CategoryColumn,
    LeftOut as LeftOut,
    NumberColumn as NumberColumn,
)
from .date_column import DateColumn as DateColumn
from .encoder import Encoded as Encoded, TableEncoder as TableEncoder
from .words_column import WordsColumn as WordsColumn

__all__ = [
    "MISSING", "CategoryColumn", "DateColumn", "Encoded", "LeftOut", "NumberColumn",
    "TableEncoder", "WordsColumn",
]  # fmt: skip
