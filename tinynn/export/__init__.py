"""What a network is translated to: the files of other programs."""

from __future__ import annotations

from .c import to_c
from .javascript import to_javascript
from .onnx import to_onnx
from .safetensors import to_safetensors

__all__ = ["to_c", "to_javascript", "to_onnx", "to_safetensors"]
