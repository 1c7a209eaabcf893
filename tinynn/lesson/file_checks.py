"""The description of a network in a file, checked before anything is built from it.

`where` begins the messages: the file and the position in it. Each function raises FormatError for
anything that `Sequential.save` does not write.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Mapping, cast

from ..checks.rows import as_rows
from ..checks.settings import integer, number
from ..checks.words import excerpt, unknown_in_file
from ..errors import FormatError, SettingError, TinynnError
from .layer import Layer
from .matrix import Matrix, shape

DEPTH_LIMIT = 20  # of layers inside layers


def check_known(kinds: Mapping[str, type[Layer]], layer: Layer, i: int) -> None:
    """Raise FormatError for a layer of a network, or one inside it, whose class is not known."""
    if kinds.get(type(layer).__name__) is not type(layer):
        raise FormatError(f"layer {i}, {layer!r}, needs nn.register to be saved")
    for inner in getattr(layer, "layers", ()):
        check_known(kinds, inner, i)


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


def checked_layer(
    kinds: Mapping[str, type[Layer]], entry: object, where: str, depth: int = 0
) -> Layer:
    """Return the layer that an entry of a file describes, not yet built."""
    if not isinstance(entry, dict):
        raise FormatError(f"{where} needs to be an object, got {type(entry).__name__}")
    name = entry.get("type")
    if not isinstance(name, str) or name not in kinds:
        raise FormatError(
            f"{where} needs its type to be the name of a layer, got {excerpt(name)}"
            f"{unknown_in_file(name, kinds)}"
        )
    others = ("type", "values", "frozen")
    settings = {key: entry[key] for key in entry if key not in others}
    inside = settings.pop("layers", ()) if hasattr(kinds[name], "parts") else ()
    if not isinstance(inside, (list, tuple)) or depth > DEPTH_LIMIT:
        raise FormatError(f"{where} needs a list of layers, at most {DEPTH_LIMIT} deep")
    inner = [
        checked_layer(kinds, each, f"{where}: layer {i}", depth + 1)
        for i, each in enumerate(inside)
    ]
    try:
        layer = kinds[name](*inner, **settings)
        layer.frozen = entry.get("frozen", ())
        return layer
    except ValueError as error:  # a SettingError, for one
        raise FormatError(f"{where} cannot be built: {error}") from None
    except TypeError:
        raise FormatError(
            f"{where} needs the settings of {name}, got {excerpt(list(settings))}"
        ) from None


def checked_numbers(layer: Layer, values: object, where: str) -> dict[str, Matrix]:
    """Return the numbers of a file as rows by name, if they are exactly those the layer needs."""
    shapes = layer.shapes()
    if not isinstance(values, dict) or set(values) != set(shapes):
        got = excerpt(sorted(values)) if isinstance(values, dict) else type(values).__name__
        raise FormatError(f"{where} needs the values {sorted(shapes)}, got {got}")
    return {
        letter: checked_rows(
            values[letter], shapes[letter], letter, where, layer.least_values.get(letter)
        )
        for letter in shapes
    }


def checked_rows(
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
    if not isinstance(training, dict) or any(
        not isinstance(training.get(key), dict) for key in ("optimizer", "memory")
    ):
        raise FormatError(f"{where} needs to be an object with optimizer, epochs, steps, memory")
    try:
        for key in ("epochs", "steps"):
            integer(where, key, training.get(key), least=0)
        number(where, "best_loss", training.get("best_loss", 0))
    except SettingError as error:
        raise FormatError(str(error)) from None
    memory: dict[str, dict[str, Matrix]] = {}
    for name, kept in training["memory"].items():
        if name not in shapes or not isinstance(kept, dict):
            raise FormatError(f"{where} has memory for {excerpt(name)}, which is not a parameter")
        memory[name] = {
            key: checked_rows(rows, shapes[name], f"{excerpt(key)[1:-1]} of {name}", f"{where}:")
            for key, rows in kept.items()
        }
    return {**deepcopy({**training, "memory": {}}), "memory": memory}
