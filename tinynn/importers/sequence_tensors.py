"""The tensors of PyTorch's recurrent and attention layers, under the names of tinynn's."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Tuple

from ..checks.words import excerpt, listed
from ..errors import FormatError
from ..files.safetensors import NAMES as SAFE_NAMES
from ..lesson.attention import NAMES, MultiHeadAttention
from ..lesson.file_checks import checked_layer
from ..lesson.gru import GRU
from ..lesson.network import KINDS
from ..lesson.recurrent import Recurrent
from . import assembly

Tensor = Tuple[Tuple[int, ...], List[float]]  # shape, and numbers in one flat list
Tensors = Mapping[str, Tensor]
Group = Dict[str, Tensor]  # the tensors of one layer: "weight", "bias"

_OF_RECURRENT = re.compile(r"((?:weight|bias)_[ih]h)_l([0-9]{1,9})((?:_reverse)?)")


def joined(where: str, tensors: Tensors) -> dict[str, Tensor]:
    """Return tensors so that each layer's have the name of one layer in front of the last dot.

    PyTorch numbers the layers of one LSTM: what are "lstm.weight_ih_l0" and "…_l1" there, belong
    to layers named "lstm_l0" and "lstm_l1" here, or to "lstm" if there is only one. Attention has
    a layer of its own inside: "attention.out_proj.weight".
    Raises FormatError for recurrent layers that go along the steps both ways.
    """
    found: dict[str, Tensor] = {}
    several = {
        name.rpartition(".")[0]
        for name in tensors
        for match in [_OF_RECURRENT.fullmatch(name.rpartition(".")[2])]
        if match and int(match[2])
    }
    for name, tensor in tensors.items():
        layer, dot, letter = name.rpartition(".")
        match = _OF_RECURRENT.fullmatch(letter)
        if match and match[3]:
            raise assembly.refusal(
                where, f"a bidirectional layer, with {excerpt(name)},", "tinynn's go one way"
            )
        if match:
            number = f"_l{match[2]}" if layer in several else ""
            name = f"{layer}{number}{dot or (number and '.')}{match[1]}"
        elif f"{layer}.".endswith("out_proj.") and f"{layer[:-8]}in_proj_weight" in tensors:
            name = f"{layer}_{letter}"
        found[name] = tensor
    return found


def of_recurrent(where: str, layer: Recurrent, group: Group) -> Group:
    """Return PyTorch's tensors of a recurrent layer as W, U, b and, for a GRU, c."""
    columns, n = layer.gates * layer.units, layer.units
    biases = ("bias_ih", "bias_hh") if layer.has_bias else ()
    wanted = {
        "weight_ih": (columns, layer.inputs),
        "weight_hh": (columns, n),
        **dict.fromkeys(biases, (columns,)),
    }
    numbers = _checked(where, group, wanted)
    found = {
        letter: _transposed(columns, numbers[name])
        for letter, name in (("W", "weight_ih"), ("U", "weight_hh"))
    }
    if biases:
        of_x, of_h = (numbers[name] for name in biases)
        b = [x + h for x, h in zip(of_x, of_h)]
        if isinstance(layer, GRU):
            if not layer.has_c:
                raise FormatError(f"{where} needs reset_after=True for tensors of PyTorch's GRU")
            b[2 * n :] = of_x[2 * n :]
            found["c"] = ((n,), of_h[2 * n :])
        found["b"] = ((columns,), b)
    return found


def of_attention(where: str, layer: MultiHeadAttention, group: Group) -> Group:
    """Return PyTorch's tensors of an attention layer by the names of its parts."""
    n = layer.width
    wanted: dict[str, tuple[int, ...]] = {"in_proj_weight": (3 * n, n), "out_proj_weight": (n, n)}
    if layer.bias:
        wanted.update({"in_proj_bias": (3 * n,), "out_proj_bias": (n,)})
    numbers = _checked(where, group, wanted)
    weights = numbers["in_proj_weight"] + numbers["out_proj_weight"]
    biases = numbers["in_proj_bias"] + numbers["out_proj_bias"] if layer.bias else []
    found: Group = {}
    for k, name in enumerate(NAMES):
        found[f"{name}.W"] = _transposed(n, weights[k * n * n :][: n * n])
        if biases:
            found[f"{name}.b"] = ((n,), biases[k * n :][:n])
    return found


def values_by_shape(where: str, entry: Mapping[str, Any], group: Group) -> dict[str, Any]:
    """Return the tensors of a layer of a file as a model file holds them: by letter, as rows.

    Raises FormatError unless they are those that the layer described by `entry` needs.
    """
    layer = checked_layer(KINDS, {key: entry[key] for key in entry if key != "values"}, where)
    place = f"{where}, {layer!r},"
    group = dict(group)
    if isinstance(layer, Recurrent) and "weight_ih_l0" in group:
        group = of_recurrent(place, layer, {name[:-3]: group[name] for name in group})
    values: dict[str, Any] = {}
    for letter, (rows, columns) in layer.shapes().items():
        name = letter if letter in group else SAFE_NAMES.get(letter, letter)
        if name not in group:
            raise FormatError(f"{place} needs the tensor {name!r}, got {listed(list(group))}")
        shape, numbers = group.pop(name)
        if shape != (rows, columns) and (rows != 1 or shape != (columns,)):
            raise FormatError(f"{place} needs {name} of shape {(rows, columns)}, got {shape}")
        in_rows = [numbers[k : k + columns] for k in range(0, len(numbers), columns)]
        values[letter] = in_rows if len(shape) == 2 else numbers
    if group:
        raise FormatError(f"{place} has no place for the tensors {listed(list(group))}")
    return values


def _checked(
    where: str, group: Group, wanted: Mapping[str, tuple[int, ...]]
) -> dict[str, list[float]]:
    """Return the numbers of tensors that are exactly the wanted ones, by name."""
    for name in wanted:
        if name not in group:
            raise FormatError(f"{where} needs the tensor {name!r}, got {listed(list(group))}")
    for name, (shape, _) in group.items():
        if name not in wanted:
            raise FormatError(f"{where} has no place for the tensor {excerpt(name)}")
        if shape != wanted[name]:
            raise FormatError(f"{where} needs {name} of shape {wanted[name]}, got {shape}")
    return {name: numbers for name, (_, numbers) in group.items()}


def _transposed(rows: int, numbers: list[float]) -> Tensor:
    """Return a matrix of so many rows with its rows as columns."""
    columns = len(numbers) // rows
    return (columns, rows), [x for j in range(columns) for x in numbers[j::columns]]
