"""ONNX files: networks, pipelines of skl2onnx, images and sequences."""

from __future__ import annotations

from .reading import from_onnx, loads

__all__ = ["from_onnx", "loads"]
