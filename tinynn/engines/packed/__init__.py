"""The `packed` engine: rows of weights as single integers."""

from __future__ import annotations

from .engine import ENGINE as ENGINE

__all__ = ["ENGINE"]
