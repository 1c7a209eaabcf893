"""Export a trained model as code in another language, or as a file for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .formats import FORMATS, Exported as Exported, exporter

if TYPE_CHECKING:
    from .c import to_c as to_c
    from .javascript import to_javascript as to_javascript
    from .onnx import to_onnx as to_onnx
    from .python import to_python as to_python
    from .safetensors import to_safetensors as to_safetensors

__all__ = [f"to_{name}" for name in FORMATS]


def __getattr__(name: str) -> object:
    """Load an exporter when it is first used: some need the estimators, others do not."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return exporter(name[len("to_") :])
