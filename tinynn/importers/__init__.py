"""Networks that were trained elsewhere, as networks of this library.

Each function returns an `Imported`: the network, and what the source says of its columns. What
cannot be imported exactly is refused by its name with a FormatError; nothing is dropped or
approximated without a word in the function's docstring. No other framework is imported: live models
are known by the names of their classes and read through their attributes.
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
