"""The library as one file, made from its own sources, and the check of such a file."""

from __future__ import annotations

from .build import build, check

__all__ = ["build", "check"]
