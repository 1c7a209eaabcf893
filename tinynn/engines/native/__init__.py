"""The `native` engine: machine code for one network, written by Python alone."""

from __future__ import annotations

from .engine import ENGINE

__all__ = ["ENGINE"]
