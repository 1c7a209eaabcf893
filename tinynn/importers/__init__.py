"""Import networks that were trained elsewhere.

Each function returns an `Imported`: the network, and what the source says about its columns.
Anything that cannot be imported exactly raises a FormatError that names it; nothing is dropped or
approximated unless the function's docstring says so. No other framework is imported: live models
are recognized by their class names and read through their attributes.
"""

from __future__ import annotations

from .brainjs import from_brainjs
from .imported import Imported
from .keras import from_keras
from .onnx import from_onnx
from .pytorch import from_pytorch, from_safetensors
from .sklearn import from_sklearn

__all__ = [
    "Imported",
    "from_brainjs",
    "from_keras",
    "from_onnx",
    "from_pytorch",
    "from_safetensors",
    "from_sklearn",
]
