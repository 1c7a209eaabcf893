"""Fill layers with named tensors, such as those of a state dict."""

from __future__ import annotations

import re
from math import prod
from typing import Any, Mapping, Sequence, Union

from ..checks.words import excerpt, listed
from ..errors import FormatError
from ..files import json_file
from ..files.safetensors import NAMES
from ..lesson.attention import MultiHeadAttention
from ..lesson.convolution import Conv2D
from ..lesson.layer import Layer
from ..lesson.layers import Dense
from ..lesson.network import KIND, KINDS, Sequential
from ..lesson.parameters import rows_of
from ..lesson.recurrent import Recurrent
from ..training.model_files import network_from_dict
from . import assembly
from .sequence_tensors import (
    Group,
    Tensor,
    Tensors,
    joined,
    of_attention,
    of_recurrent,
    values_by_shape,
)

Layers = Union[Sequence[Layer], Mapping[str, Layer]]


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
    Raises FormatError for a tensor without a layer, a layer without its tensors, and tensors in an
    order that may not be that of the layers.
    """
    named = layers if isinstance(layers, Mapping) else None
    given: list[Layer] = list(layers.values() if isinstance(layers, Mapping) else layers)
    network = assembly.assembled(where, given)
    with_numbers = [
        (str(name), layer)
        for name, layer in (named.items() if named is not None else enumerate(network.layers))
        if layer.parameters()
    ]
    groups = _groups(joined(where, tensors))
    if named is None:
        order = (_in_order_given if in_order else _in_order_of_numbers)(where, groups)
        if len(order) != len(with_numbers):
            raise FormatError(
                f"{where} has tensors of {len(order)} layers, {listed(order) or 'none'}, and "
                f"{len(with_numbers)} layers with numbers were given: "
                f"{', '.join(repr(layer) for _, layer in with_numbers[:8]) or 'none'}"
            )
        with_numbers = [(name, layer) for name, (_, layer) in zip(order, with_numbers)]
    for name, layer in with_numbers:
        if name not in groups:
            raise FormatError(
                f"{where} has no tensors of {excerpt(name)}; it has {listed(list(groups))}"
            )
        _fill(f"{where}: {name and name + ', '}{layer!r},", layer, groups.pop(name))
    if groups:
        raise FormatError(
            f"{where} has tensors that no layer was given for: {listed(list(groups))}"
        )
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
    shapes = [group["weight"][0] for group in groups.values() if "weight" in group]
    assembly.check_rows(where, sum(shape[1] for shape in shapes if len(shape) == 2))
    whole: dict[str, Group] = {}  # of layers of sequences and of other layers: by what is inside
    for name, tensor in tensors.items():
        first, _, rest = name.partition(".")
        whole.setdefault(first, {})[rest] = tensor
    for i, entry in enumerate(entries):
        kind = KINDS.get(str(entry.get("type"))) if isinstance(entry, dict) else None
        if kind is not None and (kind.reads_steps or hasattr(kind, "parts")):
            for name in {f"{i}.{rest}".rpartition(".")[0] for rest in whole.get(str(i), ())}:
                groups.pop(name, None)
            entry["values"] = values_by_shape(f"{where}: layer {i}", entry, whole.get(str(i), {}))
            continue
        group = groups.pop(str(i), None)
        if isinstance(entry, dict) and group is not None:
            letters = _LETTERS.get(str(entry.get("type")), _OF_NORMALIZATION)
            sides = {"Conv1D": 1}.get(str(entry.get("type")), 2)
            folded = sides if entry.get("type") in _CONVOLUTIONS else 0
            entry["values"] = _values(f"{where}: layer {i}", group, letters, folded)
    if groups:
        raise FormatError(
            f"{where} has tensors that no layer was given for: {listed(list(groups))}"
        )
    return network_from_dict({"layers": entries}, where)


def _groups(tensors: Tensors) -> dict[str, Group]:
    groups: dict[str, Group] = {}
    for name, tensor in tensors.items():
        layer, _, letter = name.rpartition(".")
        groups.setdefault(layer, {})[letter] = tensor
    return groups


def _in_order_given(where: str, groups: Mapping[str, Group]) -> list[str]:
    """Return the names in the order given, or in that of their numbers if they were sorted as text.

    Sorted as text, 10 comes before 2, and "classifier" before "hidden". PyTorch's own order shows
    in each layer: its weight comes before its bias.
    Raises FormatError if neither the names nor the order given say which layer comes first.
    """
    given = list(groups)
    if not given:
        return given
    kinds: dict[str, list[str]] = {}
    for name in given:
        kinds.setdefault(_without_numbers(name), []).append(name)
    counting_up = all(names == sorted(names, key=_numbers_in) for names in kinds.values())
    firsts = {"weight" in next(iter(group)) for group in groups.values() if len(group) > 1}
    as_text = given in (sorted(given), sorted(given, key=lambda name: f"{name}."))
    if counting_up and (len(kinds) == 1 or not as_text or firsts == {True}):
        return given
    if len(kinds) == 1 and as_text:
        return sorted(given, key=_numbers_in)
    raise FormatError(
        f"{where} has layers in an order that may not be that of the network: {listed(given)}; "
        f"give the layers by name: layers={{{excerpt(given[0])}: Dense(…), …}}"
    )


def _without_numbers(name: str) -> str:
    return re.sub("[0-9]+", "0", name)


def _in_order_of_numbers(where: str, groups: Mapping[str, Group]) -> list[str]:
    """Return names sorted by the numbers in them. Raises FormatError if more than these differ."""
    if len(set(map(_without_numbers, groups))) > 1:
        raise FormatError(
            f"{where} has layer names that do not show their order: {listed(list(groups))}; "
            f"give the layers by name: layers={{{excerpt(next(iter(groups)))}: Dense(…), …}}"
        )
    return sorted(groups, key=_numbers_in)


def _numbers_in(name: str) -> list[tuple[int, str]]:
    """Return what sorts as the numbers in a name do; they may have any number of digits."""
    digits = [part.lstrip("0") for part in re.findall("[0-9]+", name)]
    return [(len(part), part) for part in digits]


def _fill(where: str, layer: Layer, group: Group) -> None:
    if isinstance(layer, Recurrent) and "W" not in group:
        group = of_recurrent(where, layer, group)
    elif isinstance(layer, MultiHeadAttention) and "query.W" not in group:
        group = of_attention(where, layer, group)
    affine = {"gamma", "beta", "weight", "bias"} & set(group)
    for letter, value in {**layer.parameters(), **layer.buffers()}.items():
        name = letter if letter in group else NAMES.get(letter, letter)
        if name not in group:
            if letter in ("gamma", "beta") and not affine:
                continue  # PyTorch's affine=False: γ stays 1, β stays 0
            got = listed(list(group)) or "none"
            raise FormatError(f"{where} needs the tensor {name!r}, got {got}")
        rows = rows_of(value)
        shape = (len(rows), len(rows[0])) if rows is value else (len(rows[0]),)
        found, numbers = group.pop(name)
        transposed = isinstance(layer, (Dense, Conv2D)) and name == "weight"
        wanted: tuple[int, ...] = shape[::-1] if transposed else shape
        if isinstance(layer, Conv2D) and name == "weight":
            wanted = layer.weight_shape
        if found != wanted:
            raise FormatError(f"{where} needs {name} of shape {wanted}, got {found}")
        least = layer.least_values.get(letter)
        if least is not None and min(numbers) < least:
            raise FormatError(f"{where} needs {name} of at least {least:g}, got {min(numbers):g}")
        for i, row in enumerate(rows):
            width = len(row)
            row[:] = numbers[i :: len(rows)] if transposed else numbers[i * width :][:width]
    if group:
        raise FormatError(f"{where} has no place for the tensors {listed(list(group))}")


_OF_NORMALIZATION = ("gamma", "beta", "running_mean", "running_variance")
_CONVOLUTIONS = ("Conv1D", "Conv2D", "DepthwiseConv2D")
_LETTERS: dict[str, tuple[str, ...]] = {
    "PReLU": ("slope",), **dict.fromkeys(("Dense", *_CONVOLUTIONS), ("W", "b")),
}  # fmt: skip


def _values(where: str, group: Group, letters: Sequence[str], folded: int = 0) -> dict[str, object]:
    """Return tensors as a model file holds them: by letter, W as inputs × outputs.

    folded: how many sides of W besides these belong to the inputs: those of a kernel
    """
    values: dict[str, object] = {}
    for letter in letters:
        if NAMES[letter] not in group:
            continue
        shape, numbers = group.pop(NAMES[letter])
        if len(shape) != (2 + folded if letter == "W" else 1):
            raise FormatError(f"{where} has a {NAMES[letter]} of the shape {shape}")
        inputs = prod(shape[1:]) if letter == "W" else shape[-1]
        rows = [numbers[i::inputs] for i in range(inputs)] if letter == "W" else numbers
        values[letter] = rows
    if group:
        raise FormatError(f"{where} has no place for the tensors {listed(list(group))}")
    return values
