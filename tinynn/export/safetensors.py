"""A network's weights as a safetensors file, under the names that PyTorch would give them."""

from __future__ import annotations

from typing import Sequence

from ..errors import SettingError
from ..files import json_file, safetensors
from ..files.atomic import Path, write_bytes
from ..lesson.layers import Dense
from ..lesson.matrix import Vector, transpose
from ..lesson.network import KIND, Sequential
from ..lesson.parameters import rows_of
from .formats import Exported

DTYPES = {"float64": "F64", "float32": "F32"}


def to_safetensors(model: Sequential, path: Path, dtype: str = "float64") -> Exported:
    """Write a network to a safetensors file, and return the file's size as an `Exported`.

    `dtype` is "float64", which keeps the weights exactly, or "float32". The tensors have the names
    and the layout of the state dict of a `torch.nn.Sequential` with the same layers: "0.weight"
    (outputs × inputs), "0.bias", "1.running_mean" …, so that PyTorch's
    `load_state_dict(load_file(path))` takes them. The file's metadata describes the layers, so that
    `tinynn.importers.from_safetensors(path)` returns the network. The file is written whole or not
    at all.

    Raises SettingError for another dtype or model, FormatError for a number that does not fit
    float32, and OSError if the file cannot be written.
    """
    if not isinstance(model, Sequential):
        raise SettingError(f"to_safetensors needs a Sequential, got {type(model).__name__}")
    if dtype not in DTYPES:
        raise SettingError(f"to_safetensors needs dtype to be one of {list(DTYPES)}, got {dtype!r}")
    tensors: dict[str, tuple[Sequence[int], Vector]] = {}
    for i, layer in enumerate(model.layers):
        for letter, value in {**layer.parameters(), **layer.buffers()}.items():
            rows = rows_of(value)
            if isinstance(layer, Dense) and letter == "W":
                rows = transpose(rows)
            shape = (len(rows), len(rows[0])) if rows_of(value) is value else (len(rows[0]),)
            name = f"{i}.{safetensors.NAMES.get(letter, letter)}"
            tensors[name] = (shape, [x for row in rows for x in row])
    layers = [{"type": type(layer).__name__, **layer.settings()} for layer in model.layers]
    text = json_file.dumps(KIND, {"layers": layers})
    data = safetensors.dumps(tensors, DTYPES[dtype], {"format": "pt", "tinynn": text})
    write_bytes(path, data)
    return Exported(len(data))
