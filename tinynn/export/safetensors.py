"""A network's weights as a safetensors file, under the names that PyTorch would give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Sequence

from ..errors import SettingError
from ..files import json_file, safetensors
from ..files.atomic import Path, write_bytes
from ..lesson.convolution import Conv2D
from ..lesson.gru import GRU
from ..lesson.layers import Dense
from ..lesson.matrix import Vector, transpose
from ..lesson.network import KIND, Sequential
from ..lesson.normalization import BatchNorm
from ..lesson.parameters import rows_of
from ..lesson.recurrent import Recurrent
from .alone import alone
from .float32 import centred
from .formats import Exported

if TYPE_CHECKING:
    from ..estimators import Classifier, Regressor

DTYPES = {"float64": "F64", "float32": "F32"}


def to_safetensors(
    model: Sequential | Classifier | Regressor,
    path: Path,
    dtype: str = "float64",
    rows: object = None,
    targets: object = None,
) -> Exported:
    """Write a network, or that of an estimator, to a safetensors file; return an `Exported`.

    `dtype` is "float64", which keeps the weights exactly, or "float32"; then the means of a
    BatchNorm that are far from 0 are rounded, and its beta makes up for the rounding. The tensors
    have the names and the layout of the state dict of a `torch.nn.Sequential` with the same layers:
    "0.weight" (outputs × inputs), "0.bias", "1.running_mean" …, so that PyTorch's
    `load_state_dict(load_file(path))` takes them. The file's metadata describes the layers, so that
    `tinynn.importers.from_safetensors(path)` returns the network. The file is written whole or not
    at all.

    Of a Classifier or Regressor, the file holds the network alone: if all columns are numbers, it
    also scales them, else it takes `encoder_.transform(rows)`. Given `rows` of the model's own, the
    `Exported` says how far the answers of a program that computes in `dtype` are from the model's;
    given their `targets`, too, how good they are.

    Raises SettingError for another dtype or model, FormatError for a number that does not fit
    float32, and OSError if the file cannot be written.
    """
    if dtype not in DTYPES:
        raise SettingError(f"to_safetensors needs dtype to be one of {list(DTYPES)}, got {dtype!r}")
    network, found = alone(model, rows, targets, dtype == "float32")
    tensors: dict[str, tuple[Sequence[int], Vector]] = {}
    for i, layer in enumerate(network.layers):
        if isinstance(layer, Recurrent) and _is_pytorchs(layer):
            tensors.update({f"{i}.{key}": value for key, value in _recurrent(layer).items()})
            continue
        values = {**layer.parameters(), **layer.buffers()}
        near = centred(layer) if dtype == "float32" and isinstance(layer, BatchNorm) else None
        if near:
            values["running_mean"], values["beta"] = near
        for letter, value in values.items():
            rows = rows_of(value)
            if isinstance(layer, (Dense, Conv2D)) and letter == "W":
                rows = transpose(rows)
            shape: tuple[int, ...] = (len(rows[0]),)
            if rows_of(value) is value:
                shape = (len(rows), len(rows[0]))
            if isinstance(layer, Conv2D) and letter == "W":
                shape = layer.weight_shape
            name = f"{i}.{safetensors.NAMES.get(letter, letter)}"
            tensors[name] = (shape, [x for row in rows for x in row])
    layers = [layer.description() for layer in network.layers]
    text = json_file.dumps(KIND, {"layers": layers})
    data = safetensors.dumps(tensors, DTYPES[dtype], {"format": "pt", "tinynn": text})
    write_bytes(path, data)
    return found._replace(size=len(data))


def _is_pytorchs(layer: Recurrent) -> bool:
    """Return whether PyTorch has a layer of the same formula."""
    return bool(getattr(layer, "reset_after", True) and getattr(layer, "cell", True))


def _recurrent(layer: Recurrent) -> dict[str, tuple[Sequence[int], Vector]]:
    """Return the tensors of a recurrent layer under PyTorch's names; the second bias is c or 0."""
    columns, n = layer.gates * layer.units, layer.units
    found: dict[str, tuple[Sequence[int], Vector]] = {
        f"weight_{name}_l0": ((columns, len(rows)), [x for row in transpose(rows) for x in row])
        for name, rows in (("ih", layer.W), ("hh", layer.U))
    }
    if layer.has_bias:
        of_h = [0.0] * columns
        if isinstance(layer, GRU):
            of_h[2 * n :] = layer.c
        found["bias_ih_l0"], found["bias_hh_l0"] = ((columns,), layer.b), ((columns,), of_h)
    return found
