"""Builds the library as one file from its own sources, and checks such a file."""

from __future__ import annotations

from .build import build, check

__all__ = ["build", "check"]
