"""What a trained model is translated to: code in other languages, and files of other programs."""

from __future__ import annotations

from .c import to_c
from .javascript import to_javascript
from .onnx import to_onnx
from .python import to_python
from .safetensors import to_safetensors

__all__ = ["to_c", "to_javascript", "to_onnx", "to_python", "to_safetensors"]
