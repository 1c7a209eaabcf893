"""A network: layers in order, each fed by the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator, Sequence

from ..checks.finite import finite_outputs
from ..checks.rows import as_list, as_rows
from ..errors import FormatError, ShapeError
from .activation_layers import ACTIVATION_LAYERS
from .layer import Layer, Values, check_layers
from .layers import Dense, Dropout
from .matrix import Matrix, Rows, Vector, shape
from .more_layers import MORE_LAYERS
from .parameters import Parameter, copy_values, count_values, rows_of
from .random_streams import Seed, stream
from .samples import as_sequences, joined, outputs_of, take_lengths

if TYPE_CHECKING:
    from ..files.atomic import Path
    from .stepping import Stepper

KIND = "network"
LAYERS: list[type[Layer]] = [Dense, *ACTIVATION_LAYERS, Dropout]
LAYERS += MORE_LAYERS
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
        check_layers("Sequential", layers)
        self.layers = list(layers)
        self.reads_steps = any(layer.reads_steps for layer in layers)
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
        if self.reads_steps:
            take_lengths(self.layers, getattr(X, "lengths", [len(X)]))
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

        Layers that read sequences take a list of them, each a list of steps (rows, or kinds for an
        Embedding), and give a list of rows for each, or one row if a layer makes one of all steps.

        Raises ShapeError or DataError for anything but rows of `inputs` finite numbers, and
        DataError for a row whose outputs are not finite, because a sum or product overflowed.
        """
        if self.reads_steps:
            samples = as_sequences(self.layers, self.inputs, inputs)
            return outputs_of(self.layers, samples, self.forward(joined(samples)))
        Y = self.forward(as_rows(inputs, "inputs", self.inputs))
        logs = self.layers[-1].high <= 0.0
        return [list(finite_outputs(row, logs, i)) for i, row in enumerate(Y)]  # copies

    def __call__(self, row: Sequence[float]) -> Vector:
        """Return the outputs for one row of inputs; raises what `predict` raises."""
        values = as_list(row, "inputs")
        if self.reads_steps:
            return self.predict([values])[0]
        if values and isinstance(values[0], (list, tuple)):
            raise ShapeError(
                "calling a network takes one row of inputs, got rows; did you mean predict?"
            )
        return self.predict([values])[0]

    def stepper(self) -> Stepper:
        """Return a function that takes a sequence step by step: one step in, its outputs out."""
        from .stepping import Stepper

        return Stepper(self.layers, self.inputs)

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
        from .summary import summary  # training needs none

        return summary(self.layers, self.inputs)

    def __repr__(self) -> str:
        return f"Sequential({', '.join(map(repr, self.layers))})"

    def _repr_svg_(self) -> str | None:
        from ..checks.pictures import picture  # only notebooks need it

        return picture("network", self)

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

        Raises FormatError for a layer whose class is not known, which could not be read again.
        """
        from .file_checks import check_known

        layers: list[dict[str, object]] = []
        for i, layer in enumerate(self.layers):
            check_known(KINDS, layer, i)
            entry = layer.description()
            values = {**layer.parameters(), **layer.buffers()}
            entry.update({"frozen": [*layer.frozen]} if layer.frozen else {})
            if values:
                entry["values"] = {letter: copy_values(value) for letter, value in values.items()}
            layers.append(entry)
        return {"layers": layers}

    def save(self, path: Path, training: bool = False) -> None:
        """Write the network to a JSON file, completely or not at all; floats are kept exactly.

        With `training`, it includes the memory of training, which can then continue from a file.

        Raises FormatError if a weight is not finite or a layer's class is not known, or OSError.
        """
        from ..files import json_file  # here and below: training needs no files, and starts sooner

        content = self.to_dict()
        if training:
            content["training"] = self.training
        json_file.write(path, KIND, content)


def from_dict(content: object, name: str = "the network") -> Sequential:
    """Return the network that `to_dict` described; messages call it `name`.

    It shares nothing with `content`, all of which is checked before any layer takes memory.

    Raises FormatError, naming the layer, for anything that `to_dict` does not return.
    """
    from .file_checks import checked_layers, checked_training

    layers, values = checked_layers(KINDS, content, name)
    for layer, checked in zip(layers, values):
        if isinstance(layer, Dense):
            layer.W = checked["W"]  # so that `build` does not draw any
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
