"""The description of a network in a file, checked before anything is built from it.

`where` begins the messages: the file and the position in it. Each function raises FormatError for
anything that `Sequential.save` does not write.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Mapping, cast

from ..checks.rows import as_rows
from ..errors import FormatError, TinynnError
from .layer import Layer
from .matrix import Matrix, shape


def checked_layers(
    kinds: Mapping[str, type[Layer]], content: object, name: str
) -> tuple[list[Layer], list[dict[str, Matrix]]]:
    """Return the layers that a file describes, not yet built, and the numbers of each."""
    if not isinstance(content, dict) or not isinstance(content.get("layers"), list):
        raise FormatError(f'{name} needs "layers" to be a list')
    layers: list[Layer] = []
    values: list[dict[str, Matrix]] = []
    for i, entry in enumerate(content["layers"]):
        layers.append(checked_layer(kinds, entry, f"{name}: layer {i}"))
        found = entry.get("values", {})
        values.append(checked_numbers(layers[i], found, f"{name}: layer {i}, {layers[i]!r},"))
    return layers, values


def checked_layer(kinds: Mapping[str, type[Layer]], entry: object, where: str) -> Layer:
    """Return the layer that an entry of a file describes, not yet built."""
    if not isinstance(entry, dict):
        raise FormatError(f"{where} needs to be an object, got {type(entry).__name__}")
    name = entry.get("type")
    if not isinstance(name, str) or name not in kinds:
        raise FormatError(f"{where} needs its type to be one of {list(kinds)}, got {name!r}")
    settings = {key: value for key, value in entry.items() if key not in ("type", "values")}
    try:
        return kinds[name](**settings)
    except TinynnError as error:
        raise FormatError(f"{where} cannot be built: {error}") from None
    except TypeError:
        raise FormatError(
            f"{where} needs the settings of {name}, got {', '.join(settings) or 'none'}"
        ) from None


def checked_numbers(layer: Layer, values: object, where: str) -> dict[str, Matrix]:
    """Return the numbers of a file as rows by name, if they are exactly those the layer needs."""
    shapes = layer.shapes()
    if not isinstance(values, dict) or set(values) != set(shapes):
        got = sorted(values) if isinstance(values, dict) else type(values).__name__
        raise FormatError(f"{where} needs the values {sorted(shapes)}, got {got}")
    return {
        letter: _rows(values[letter], shapes[letter], letter, where, layer.least_values.get(letter))
        for letter in shapes
    }


def _rows(
    found: object, wanted: tuple[int, int], name: str, where: str, least: float | None = None
) -> Matrix:
    """Return a matrix or vector of a file as rows of floats, if it has the wanted shape."""
    rows = found
    if isinstance(found, list) and not (found and isinstance(found[0], list)):
        rows = [found]
    try:
        checked = as_rows(rows, f"the rows of {name}")
    except TinynnError as error:
        raise FormatError(f"{where} {error}") from None
    if shape(checked) != wanted:
        raise FormatError(f"{where} needs {name} of shape {wanted}, got {shape(checked)}")
    for row in cast(Matrix, rows):
        if any(isinstance(number, bool) for number in row):
            raise FormatError(f"{where} needs numbers in {name}, got true or false")
        if least is not None and min(row) < least:
            raise FormatError(f"{where} needs {name} of at least {least:g}, got {min(row):g}")
    return checked


def checked_training(
    shapes: Mapping[str, tuple[int, int]], training: object, where: str
) -> dict[str, Any]:
    """Return the training memory in a file, if it fits parameters of these shapes."""
    needed = {"optimizer": dict, "epochs": int, "steps": int, "memory": dict}
    if not isinstance(training, dict) or any(
        not isinstance(training.get(key), kind) for key, kind in needed.items()
    ):
        raise FormatError(f"{where} needs to be an object with {', '.join(needed)}")
    for key in ("epochs", "steps"):
        if isinstance(training[key], bool) or training[key] < 0:
            raise FormatError(f"{where} needs {key} of at least 0, got {training[key]!r}")
    best = training.get("best_loss", 0.0)
    if isinstance(best, bool) or not isinstance(best, (float, int)):
        raise FormatError(f"{where} needs best_loss to be a number, got {best!r}")
    memory: dict[str, dict[str, Matrix]] = {}
    for name, rows_by_name in training["memory"].items():
        if name not in shapes or not isinstance(rows_by_name, dict):
            raise FormatError(f"{where} has memory for {name!r}, which is not a parameter")
        memory[name] = {
            kept: _rows(rows, shapes[name], f"{kept} of {name}", f"{where}:")
            for kept, rows in rows_by_name.items()
        }
    return {**deepcopy({**training, "memory": {}}), "memory": memory}
