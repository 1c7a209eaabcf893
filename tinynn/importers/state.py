"""Fill layers with named tensors, such as those of a state dict."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Union

from ..errors import FormatError
from ..files import json_file
from ..files.safetensors import NAMES
from ..lesson.layer import Layer
from ..lesson.layers import Dense
from ..lesson.network import KIND, Sequential, from_dict
from ..lesson.parameters import rows_of
from . import assembly

Layers = Union[Sequence[Layer], Mapping[str, Layer]]
Tensor = Tuple[Tuple[int, ...], List[float]]  # shape, and numbers in one flat list
Tensors = Mapping[str, Tensor]
Group = Dict[str, Tensor]  # the tensors of one layer: "weight", "bias"


def read_tensor(name: str, tensor: Any) -> Tensor:
    """Return the shape and numbers of a live PyTorch tensor or NumPy array."""
    if not hasattr(tensor, "reshape") or not hasattr(tensor, "tolist"):
        raise FormatError(f"{name} needs to be a tensor or an array, got {type(tensor).__name__}")
    values = [float(x) for x in tensor.reshape(-1).tolist()]
    return tuple(map(int, tensor.shape)), assembly.finite(name, values)


def with_tensors(where: str, tensors: Tensors, layers: Layers, in_order: bool) -> Sequential:
    """Return the network of `layers`, filled with the numbers of `tensors`.

    The layers themselves become the network's. A list of layers takes the tensors in the order
    given if it is that of the layers (`in_order`), else in the order of the numbers in their names.
    Raises FormatError for a tensor without a layer, or a layer without its tensors.
    """
    named = layers if isinstance(layers, Mapping) else None
    given: list[Layer] = list(layers.values() if isinstance(layers, Mapping) else layers)
    network = assembly.assembled(where, given)
    with_numbers = [
        (str(name), layer)
        for name, layer in (named.items() if named is not None else enumerate(network.layers))
        if layer.parameters()
    ]
    groups = _groups(tensors)
    if named is None:
        order = list(groups) if in_order else _in_order_of_numbers(where, groups)
        if len(order) != len(with_numbers):
            raise FormatError(
                f"{where} has tensors of {len(order)} layers, {', '.join(order) or 'none'}, and "
                f"{len(with_numbers)} layers with numbers were given: "
                f"{', '.join(repr(layer) for _, layer in with_numbers) or 'none'}"
            )
        with_numbers = [(name, layer) for name, (_, layer) in zip(order, with_numbers)]
    for name, layer in with_numbers:
        if name not in groups:
            raise FormatError(f"{where} has no tensors of {name!r}; it has {', '.join(groups)}")
        _fill(f"{where}: {name}, {layer!r},", layer, groups.pop(name))
    if groups:
        raise FormatError(f"{where} has tensors that no layer was given for: {', '.join(groups)}")
    return network


def rebuilt(where: str, text: str, tensors: Tensors) -> Sequential:
    """Return the network described by `text`, a model file without numbers, with these tensors.

    Raises FormatError if the two do not match.
    """
    content = json_file.loads(text.encode("utf-8", "surrogatepass"), f"{where}: its layers")
    entries = content.get("layers")
    if content.get("kind") != KIND or not isinstance(entries, list):
        raise FormatError(f"{where} needs to describe the layers of a {KIND}")
    groups = _groups(tensors)
    for i, entry in enumerate(entries):
        group = groups.pop(str(i), None)
        if isinstance(entry, dict) and group is not None:
            dense = entry.get("type") == "Dense"
            entry["values"] = _values(f"{where}: layer {i}", group, dense)
    if groups:
        raise FormatError(f"{where} has tensors that no layer was given for: {', '.join(groups)}")
    return from_dict({"layers": entries}, where)


def _groups(tensors: Tensors) -> dict[str, Group]:
    groups: dict[str, Group] = {}
    for name, tensor in tensors.items():
        layer, _, letter = name.rpartition(".")
        groups.setdefault(layer, {})[letter] = tensor
    return groups


def _in_order_of_numbers(where: str, groups: Mapping[str, Group]) -> list[str]:
    """Return names sorted by the numbers in them. Raises FormatError if more than these differ."""
    if len({re.sub(r"\d+", "0", name) for name in groups}) > 1:
        raise FormatError(
            f"{where} has layer names that do not show their order: {', '.join(groups)}; "
            f"give the layers by name: layers={{{next(iter(groups))!r}: Dense(…), …}}"
        )
    return sorted(groups, key=lambda name: [int(digits) for digits in re.findall(r"\d+", name)])


def _fill(where: str, layer: Layer, group: Group) -> None:
    affine = {"gamma", "beta", "weight", "bias"} & set(group)
    for letter, value in {**layer.parameters(), **layer.buffers()}.items():
        name = letter if letter in group else NAMES[letter]
        if name not in group:
            if letter in ("gamma", "beta") and not affine:
                continue  # PyTorch's affine=False: γ stays 1, β stays 0
            got = ", ".join(group) or "none"
            raise FormatError(f"{where} needs the tensor {NAMES[letter]!r}, got {got}")
        rows = rows_of(value)
        shape = (len(rows), len(rows[0])) if rows is value else (len(rows[0]),)
        found, numbers = group.pop(name)
        transposed = isinstance(layer, Dense) and name == "weight"
        if found != (shape[::-1] if transposed else shape):
            raise FormatError(
                f"{where} needs {name} of shape {shape[::-1] if transposed else shape}, got {found}"
            )
        for i, row in enumerate(rows):
            width = len(row)
            row[:] = numbers[i :: len(rows)] if transposed else numbers[i * width :][:width]
    if group:
        raise FormatError(f"{where} has no place for the tensors {', '.join(group)}")


def _values(where: str, group: Group, dense: bool) -> dict[str, object]:
    """Return tensors as a model file holds them: by letter, W as inputs × outputs."""
    values: dict[str, object] = {}
    for letter in ("W", "b") if dense else tuple(NAMES)[2:]:
        if NAMES[letter] not in group:
            continue
        shape, numbers = group.pop(NAMES[letter])
        if len(shape) != 1 + (letter == "W"):
            raise FormatError(f"{where} has a {NAMES[letter]} of the shape {shape}")
        inputs = shape[-1]
        rows = [numbers[i::inputs] for i in range(inputs)] if letter == "W" else numbers
        values[letter] = rows
    if group:
        raise FormatError(f"{where} has no place for the tensors {', '.join(group)}")
    return values
