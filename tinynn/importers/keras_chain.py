"""The order of the layers in a functional Keras model: a chain, and residual sums in it."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, NamedTuple, Sequence, Tuple

from ..checks.words import excerpt, listed
from ..errors import FormatError
from ..lesson.file_checks import DEPTH_LIMIT
from ..training.model_files import LAYERS_LIMIT
from . import assembly

_ENOUGH = 4 * LAYERS_LIMIT  # calls in a chain: a damaged description may lead in a circle
# Layers that may take one tensor several times, and the arguments that they may be called with.
_SEVERAL = {"MultiHeadAttention": ("query", "value", "key", "use_causal_mask")}
_Tensor = Tuple[str, int]  # the name of the layer that makes it, and the number of the call


class LayerCall(NamedTuple):
    """A layer, and the arguments of `_SEVERAL` that it is called with."""

    layer: Any
    arguments: Mapping[str, Any] = {}


class SumOfCalls(NamedTuple):
    """x + f(x): its place, and f."""

    place: str
    calls: Sequence[Any]


def chain(model: Any, config: Mapping[str, Any], place: str) -> list[LayerCall | SumOfCalls]:
    """Return what is called in a functional model, from the input to the output.

    Keras lists layers in the order of their depth, and a layer that is called twice once. So the
    calls are followed from the output back to the input: `inbound_nodes` of the model's
    configuration has an item per call of a layer, with the tensors that the call takes (named by
    layer, call and index). Keras 2 and Keras 3 spell these differently.

    Raises FormatError, naming the layer, unless each call takes one tensor, or is a sum of one and
    of what is made of it.
    """
    entries = {str(entry.get("name")): entry for entry in config.get("layers") or []}
    if not any(entry.get("inbound_nodes") for entry in entries.values()):
        return list(
            map(LayerCall, model.layers)
        )  # an input alone, or a description without its calls
    ends = [list(_tensors(config.get(key))) for key in ("input_layers", "output_layers")]
    for tensors, what in zip(ends, ("inputs", "outputs")):
        if len(tensors) != 1:
            raise assembly.refusal(
                place, f"a model with {len(tensors)} {what}", "a network has one input, one output"
            )
    ((start,), (end,)) = ends
    layers = {str(layer.name): layer for layer in model.layers}
    return _Calls(layers, entries, start, place).way(end, start, [])


class _Calls:
    """The calls of a model whose input is the tensor `start`."""

    def __init__(
        self, layers: Mapping[str, Any], entries: Mapping[str, Any], start: _Tensor, place: str
    ) -> None:
        self.layers, self.entries, self.start, self.place = layers, entries, start, place
        self.depths = {start: 0}  # the most calls from there to a tensor

    def way(
        self, end: _Tensor, start: _Tensor, sums: Sequence[str]
    ) -> list[LayerCall | SumOfCalls]:
        """Return what is called from one tensor to another, inside these sums."""
        found: list[LayerCall | SumOfCalls] = []
        tensor = end
        while tensor != start:
            if tensor == self.start:
                raise assembly.refusal(
                    sums[-1], "a sum whose terms are not x and f(x)", "export it to ONNX"
                )
            if len(found) >= _ENOUGH:
                raise self._circle()
            terms = self._terms(tensor)
            if terms:
                where = self._where(tensor[0])
                if len(sums) == DEPTH_LIMIT:
                    what = f"more than {DEPTH_LIMIT} sums inside each other"
                    raise assembly.refusal(where, what)
                tensor, other = sorted(terms, key=self._depth)
                found.append(SumOfCalls(where, self.way(other, tensor, [*sums, where])))
            else:
                call, tensor = self._of_one(tensor)
                found.append(call)
        return found[::-1]

    def _terms(self, tensor: _Tensor) -> list[_Tensor]:
        """Return the two terms of a sum; [] for a tensor that is made in another way."""
        name = tensor[0]
        if name in self.layers:
            adds = type(self.layers[name]).__name__ == "Add" and is_kerass(self.layers[name])
        else:
            entry = self.entries.get(name, {})
            adds = entry.get("class_name") == "Add" and str(entry.get("module")).startswith("keras")
        taken = self._taken(tensor) if adds else []
        return taken if len({*taken}) == len(taken) == 2 else []

    def _of_one(self, tensor: _Tensor) -> tuple[LayerCall, _Tensor]:
        """Return the call that makes a tensor of one other, and this one."""
        name = tensor[0]
        if name in self.entries and name not in self.layers:
            operation = excerpt(self.entries[name].get("class_name"))[1:-1]
            raise assembly.refusal(self.place, f"the operation {operation} (keras.ops)")
        taken, where = self._taken(tensor), self._where(name)
        kind = type(self.layers[name]).__name__
        if len(taken) != 1 and not (kind in _SEVERAL and len({*taken}) == 1):
            names = listed([before for before, _ in taken]) or "none"
            raise assembly.refusal(
                where, f"a layer that takes {len(taken)} inputs, {names},", "export it to ONNX"
            )
        arguments = _arguments(self._call(tensor), where, _SEVERAL.get(kind, ("inputs",)))
        return LayerCall(self.layers[name], arguments), taken[0]

    def _where(self, name: str) -> str:
        kind = type(self.layers[name]).__name__ if name in self.layers else "operation"
        return f"{self.place}, layer {kind} {name!r}"

    def _call(self, tensor: _Tensor) -> Any:
        """Return the description of the call that makes a tensor."""
        name, number = tensor
        if name not in self.entries:
            raise self._circle()
        calls = self.entries[name].get("inbound_nodes") or []
        if not 0 <= number < len(calls):
            raise FormatError(
                f"{self.place}: its configuration has no call {number} of {excerpt(name)}"
            )
        return calls[number]

    def _taken(self, tensor: _Tensor) -> list[_Tensor]:
        return list(_tensors(self._call(tensor)))

    def _circle(self) -> FormatError:
        return FormatError(f"{self.place}: its configuration does not lead from output to input")

    def _depth(self, tensor: _Tensor) -> int:
        """Return how many calls there are from the input to a tensor, on the longest way."""
        waiting = [tensor]
        while waiting:
            before = [] if waiting[-1] in self.depths else self._taken(waiting[-1])
            unknown = [one for one in before if one not in self.depths]
            if len(waiting) > _ENOUGH:
                raise self._circle()
            if not unknown:
                made = waiting.pop()
                deepest = max([self.depths[one] for one in before], default=0)
                self.depths.setdefault(made, deepest + 1)
            waiting += unknown
        return self.depths[tensor]


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


def _arguments(call: Any, where: str, known: Sequence[str]) -> dict[str, Any]:
    """Return those of the known arguments that are no tensors.

    Raises FormatError for a layer that is called as in training, with a mask, or other arguments.
    """
    given: dict[str, Any] = {}
    if isinstance(call, Mapping):
        given = dict(call.get("kwargs") or {})
        for i, value in enumerate(call.get("args") or []):
            given[known[i] if i < min(3, len(known)) else f"argument {i + 1}"] = value
    elif isinstance(call, (list, tuple)):
        for tensor in call:
            if isinstance(tensor, (list, tuple)) and len(tensor) == 4:
                given.update(tensor[3] or {})
    for name, value in given.items():
        if value not in (None, False) and name not in known:
            raise assembly.refusal(where, f"a call with {excerpt(name)[1:-1]}={excerpt(value)}")
    return {name: value for name, value in given.items() if not any(_tensors(value))}


def of_keras(kind: type[object]) -> bool:
    """Return whether a class is one of Keras's own."""
    return bool({"keras", "tf_keras"} & set(kind.__module__.split(".")))


def is_kerass(model: object) -> bool:
    """Return whether an object's class is one of Keras's, or a stand-in for one."""
    kind = type(model)
    if of_keras(kind):
        return True
    methods = (getattr(model, name, None) for name in ("get_config", "get_weights"))
    return not any(map(of_keras, kind.__mro__)) and all(map(callable, methods))
