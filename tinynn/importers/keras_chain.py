"""The order of the layers in a functional Keras model that is a plain chain."""

from __future__ import annotations

from typing import Any, Iterator, Mapping

from ..checks.words import excerpt, listed
from ..errors import FormatError
from ..training.model_files import LAYERS_LIMIT
from . import assembly

_ENOUGH = 4 * LAYERS_LIMIT  # calls in a chain: a damaged description may lead in a circle


def chain(model: Any, config: Mapping[str, Any], place: str) -> list[Any]:
    """Return the layers of a functional model in the order in which they are called.

    Keras lists layers in the order of their depth, and a layer that is called twice once. So the
    calls are followed from the output back to the input: `inbound_nodes` of the model's
    configuration has an item per call of a layer, with the tensors that the call takes (named by
    layer, call and index). Keras 2 and Keras 3 spell these differently.

    Raises FormatError, naming the layer, unless each call takes one tensor.
    """
    layers = {str(layer.name): layer for layer in model.layers}
    entries = {str(entry.get("name")): entry for entry in config.get("layers") or []}
    if not any(entry.get("inbound_nodes") for entry in entries.values()):
        return list(model.layers)  # an input alone, or a description without its calls
    ends = [list(_tensors(config.get(key))) for key in ("input_layers", "output_layers")]
    for tensors, what in zip(ends, ("inputs", "outputs")):
        if len(tensors) != 1:
            raise assembly.refusal(
                place, f"a model with {len(tensors)} {what}", "a network has one input, one output"
            )
    ((start, _),), ((name, call),) = ends
    found: list[Any] = []
    while name != start:
        if name in entries and name not in layers:
            operation = excerpt(entries[name].get("class_name"))[1:-1]
            raise assembly.refusal(place, f"the operation {operation} (keras.ops)")
        if name not in entries or len(found) >= _ENOUGH:
            raise FormatError(f"{place}: its configuration does not lead from output to input")
        calls = entries[name].get("inbound_nodes") or []
        if not 0 <= call < len(calls):
            raise FormatError(f"{place}: its configuration has no call {call} of {excerpt(name)}")
        where = f"{place}, layer {type(layers[name]).__name__} {name!r}"
        _check_arguments(calls[call], where)
        tensors = list(_tensors(calls[call]))
        if len(tensors) != 1:
            names = listed([before for before, _ in tensors]) or "none"
            raise assembly.refusal(
                where, f"a layer that takes {len(tensors)} inputs, {names},", "export it to ONNX"
            )
        found.append(layers[name])
        ((name, call),) = tensors
    return found[::-1]


def _tensors(value: Any) -> Iterator[tuple[str, int]]:
    """Yield the name of the layer and the number of its call for each tensor in `value`."""
    if isinstance(value, Mapping):
        history = (value.get("config") or {}).get("keras_history")
        if value.get("class_name") == "__keras_tensor__" and history:
            yield str(history[0]), int(history[1])
            return
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, (list, tuple)):
        if len(value) in (3, 4) and isinstance(value[0], str) and type(value[1]) is int:
            yield value[0], value[1]  # Keras 2, and the ends of a model in Keras 3
            yield from _tensors(value[3:])
            return
        for item in value:
            yield from _tensors(item)


def _check_arguments(call: Any, where: str) -> None:
    """Raise FormatError for a layer that is called as in training, or with a mask."""
    given: dict[str, Any] = {}
    if isinstance(call, Mapping):
        given = dict(call.get("kwargs") or {})
    elif isinstance(call, (list, tuple)):
        for tensor in call:
            if isinstance(tensor, (list, tuple)) and len(tensor) == 4:
                given.update(tensor[3] or {})
    for name, value in given.items():
        if value not in (None, False):
            raise assembly.refusal(where, f"a call with {excerpt(name)[1:-1]}={excerpt(value)}")
