"""The `loops` engine: indexed loops for interpreters with a JIT."""

from __future__ import annotations

from .engine import ENGINE as ENGINE

__all__ = ["ENGINE"]
