"""A network: layers in order, each fed by the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator, Sequence

from ..checks.rows import as_list, as_rows
from ..errors import FormatError, ShapeError
from .activation_layers import ACTIVATION_LAYERS
from .layer import Layer, Values
from .layers import Dense, Dropout
from .matrix import Matrix, Rows, Vector, shape
from .normalization import NORMALIZATION_LAYERS
from .parameters import Parameter, copy_values, count_values, rows_of
from .random_streams import Seed, stream

if TYPE_CHECKING:
    from ..files.atomic import Path

KIND = "network"
LAYERS: list[type[Layer]] = [Dense, *ACTIVATION_LAYERS, Dropout, *NORMALIZATION_LAYERS]
KINDS = {layer.__name__: layer for layer in LAYERS}


class Sequential:
    """Layers one after another: Y = layerₙ(… layer₂(layer₁(X))).

    Weights that were not given are drawn from `seed`: a number, a `random.Random`, or None for
    different weights each time. `training` is the memory of training so far (see `trainer.fit`).

    >>> from tinynn import Dense, Tanh
    >>> Sequential(Dense(2, 3), Tanh(), Dense(3, 1), seed=1)
    Sequential(Dense(2, 3), Tanh(), Dense(3, 1))
    """

    def __init__(self, *layers: Layer, seed: Seed = 0) -> None:
        if not layers:
            raise ShapeError("Sequential needs at least one layer, got none")
        indices: dict[int, int] = {}
        for i, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise ShapeError(
                    f"Sequential needs layers, got {layer!r} at index {i}{_instead_of(layer)}"
                )
            first = indices.setdefault(id(layer), i)
            if first < i:
                raise ShapeError(
                    f"Sequential needs each layer once, got {layer!r} at indices {first} and {i}; "
                    "make a new one for each"
                )
        self.layers = list(layers)
        self.training: dict[str, Any] = {}
        self.inputs: int | None = None
        self.outputs: int | None = None
        rng = stream(seed)
        for i, layer in enumerate(layers):
            try:
                columns = layer.build(self.outputs, rng)
            except ShapeError as error:
                before = f" from layer {i - 1}, {layers[i - 1]!r}" if i else ""
                raise ShapeError(f"layer {i}: {error}{before}") from None
            if self.inputs is None:
                self.inputs = columns if layer.inputs is None else layer.inputs
            self.outputs = columns

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        """Return the outputs for the rows of X; each layer keeps what `backward` needs."""
        for layer in self.layers:
            X = layer.forward(X, training)
        return X

    def backward(self, dY: Matrix, skip_last: bool = False, wants_dX: bool = False) -> Matrix:
        """Return dX for dY, the loss's derivative by the outputs; layers store their gradients.

        With `skip_last`, dY is the derivative by the last layer's inputs, because the loss has
        included that layer. dX is computed only if `wants_dX`.
        """
        for i in reversed(range(len(self.layers) - skip_last)):
            dY = self.layers[i].backward(dY, wants_dX or i > 0)
        return dY

    def predict(self, inputs: Rows) -> Matrix:
        """Return the outputs for rows of inputs, a row for each, not in training mode.

        Raises ShapeError or DataError for anything but rows of `inputs` finite numbers.
        """
        Y = self.forward(as_rows(inputs, "inputs", self.inputs))
        return [list(row) for row in Y]  # copies, since a layer may have kept Y

    def __call__(self, row: Sequence[float]) -> Vector:
        """Return the outputs for one row of inputs; raises what `predict` raises."""
        values = as_list(row, "inputs")
        if values and isinstance(values[0], (list, tuple)):
            raise ShapeError(
                "calling a network takes one row of inputs, got rows; did you mean predict?"
            )
        return self.predict([values])[0]

    def parameters(self) -> list[Parameter]:
        """Return all parameters in order, named by layer and letter: "0.W", "0.b", "2.W" …"""
        found = []
        for i, layer in enumerate(self.layers):
            gradients = layer.gradients()
            for letter, value in layer.parameters().items():
                found.append(Parameter(f"{i}.{letter}", value, gradients[letter]))
        return found

    def count_parameters(self) -> int:
        """Return how many numbers are trained."""
        values = [value for layer in self.layers for value in layer.parameters().values()]
        return sum(map(count_values, values))

    def seed_noise(self, seed: int) -> None:
        """Restart each layer's random stream (dropout) from `seed`."""
        for i, layer in enumerate(self.layers):
            layer.seed_noise(seed * len(self.layers) + i)

    def summary(self) -> str:
        """Return a table of the layers, with each one's columns out and number of parameters."""
        columns = self.inputs
        lines = [("layer", "", "columns out", "parameters")]
        for i, layer in enumerate(self.layers):
            columns = layer.build(columns, stream(0))
            count = sum(count_values(value) for value in layer.parameters().values())
            shown = "any" if columns is None else str(columns)
            lines.append((str(i), repr(layer), shown, f"{count:,}"))
        lines.append(("", "total", "", f"{self.count_parameters():,}"))
        widths = [max(len(line[k]) for line in lines) for k in range(4)]
        return "\n".join(
            f"{a:>{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}"
            for a, b, c, d in lines
        )

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"

    def state(self) -> dict[str, Values]:
        """Return copies of all parameters and buffers by name, for `restore`."""
        return {name: copy_values(value) for name, value in self._values()}

    def restore(self, state: dict[str, Values]) -> None:
        """Put the numbers of a `state` back.

        Raises ShapeError, and changes nothing, for the state of a network of other shapes.
        """
        wanted = {name: shape(rows_of(value)) for name, value in self._values()}
        got = {name: shape(rows_of(value)) for name, value in state.items()}
        if wanted != got:
            raise ShapeError(f"restore needs a state with shapes {wanted}, got {got}")
        for name, value in self._values():
            for row, kept in zip(rows_of(value), rows_of(state[name])):
                row[:] = kept

    def _values(self) -> Iterator[tuple[str, Values]]:
        for i, layer in enumerate(self.layers):
            for letter, value in {**layer.parameters(), **layer.buffers()}.items():
                yield f"{i}.{letter}", value

    def to_dict(self) -> dict[str, object]:
        """Return a copy of the network as plain dictionaries, lists and numbers, ready for JSON.

        Raises FormatError for a layer that is not the library's own, which could not be read again.
        """
        layers: list[dict[str, object]] = []
        for i, layer in enumerate(self.layers):
            name = type(layer).__name__
            if KINDS.get(name) is not type(layer):
                raise FormatError(
                    f"layer {i} needs to be one of {list(KINDS)} to be saved, got {layer!r}"
                )
            entry: dict[str, object] = {"type": name, **layer.settings()}
            values = {**layer.parameters(), **layer.buffers()}
            if values:
                entry["values"] = {letter: copy_values(value) for letter, value in values.items()}
            layers.append(entry)
        return {"layers": layers}

    def save(self, path: Path, training: bool = False) -> None:
        """Write the network to a JSON file, completely or not at all; floats are kept exactly.

        With `training`, the file includes the memory of training, so that training can continue
        after loading as if it had never stopped.

        Raises FormatError if a weight is not finite or a layer is not the library's own, and
        OSError if the file cannot be written.
        """
        from ..files import json_file  # here and below: training needs no files, and starts sooner

        content = self.to_dict()
        if training:
            content["training"] = self.training
        json_file.write(path, KIND, content)


def from_dict(content: object, name: str = "the network") -> Sequential:
    """Return the network that `to_dict` described; messages call it `name`.

    The network shares nothing with `content`. All of it is checked before any layer is built, so
    that a small file cannot make the network allocate much memory.

    Raises FormatError, naming the layer, for anything that `to_dict` does not return.
    """
    from .file_checks import checked_layers, checked_training

    layers, values = checked_layers(KINDS, content, name)
    try:
        network = Sequential(*layers)
    except ShapeError as error:
        raise FormatError(f"{name}: {error}") from None
    for layer, checked in zip(layers, values):
        for letter, value in {**layer.parameters(), **layer.buffers()}.items():
            for row, numbers in zip(rows_of(value), checked[letter]):
                row[:] = numbers
    training = content.get("training") if isinstance(content, dict) else None
    if training not in (None, {}):
        shapes = {parameter.name: shape(parameter.rows()) for parameter in network.parameters()}
        network.training = checked_training(shapes, training, f"{name}: training")
    return network


def load(path: Path) -> Sequential:
    """Return the network in a file that `save` wrote. Nothing in the file is executed.

    Raises FormatError, saying what is wrong and where, and OSError if the file cannot be read.
    """
    from ..files import json_file

    content = json_file.read(path)
    if content.get("kind") != KIND:
        raise FormatError(f"{path} needs to hold a {KIND}, got {content.get('kind')!r}")
    return from_dict(content, str(path))


def _instead_of(layer: object) -> str:
    """Return a suggestion for something that is not a layer, as the end of a message."""
    if isinstance(layer, type) and issubclass(layer, Layer):
        return f"; did you mean {layer.__name__}()?"
    if isinstance(layer, Sequential):
        return "; did you mean its layers, *network.layers?"
    if isinstance(layer, (list, tuple)):
        return "; did you mean its items, Sequential(*layers)?"
    return ""
