"""The `unrolled` engine: straight-line Python for small networks."""

from __future__ import annotations

from .engine import ENGINE as ENGINE

__all__ = ["ENGINE"]
