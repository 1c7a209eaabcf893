"""The computation graph of a tiny network: each number on the way from a row to its loss."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NamedTuple, Sequence

from ..errors import DataError, SettingError
from ..lesson.activation_layers import Activation
from ..lesson.layers import Dense, Dropout
from ..lesson.loss import Loss
from ..lesson.losses import by_name as loss_by_name
from ..lesson.matrix import Vector
from ..lesson.network import Sequential
from ..lesson.normalization import BatchNorm
from ..lesson.random_streams import stream
from ..training.training_data import data_of_rows

MOST_NODES = 80

GIVEN, WEIGHT, STEP, LOSS = range(4)


class GraphNode(NamedTuple):
    """One number of a computation, and the derivative of the loss by it.

    label:     what it is, or the operation that gives it
    name:      the same in full
    gradient:  None for a target, by which no derivative is taken
    column:    how far from the inputs it is
    sources:   the indices of the nodes it is computed from
    kind:      GIVEN (inputs and targets), WEIGHT, STEP or LOSS
    """

    label: str
    name: str
    value: float
    gradient: float | None
    column: int
    sources: tuple[int, ...]
    kind: int


def graph_of(
    who: str, model: Any, row: Sequence[float], target: Any, loss: str | Loss
) -> list[GraphNode]:
    """Return the nodes of a computation; each follows its sources.

    Raises SettingError for a network of too many numbers, or with a layer that needs a batch;
    DataError and ShapeError for a row or target that does not fit.
    """
    if not isinstance(model, Sequential):
        raise SettingError(f"{who} needs a Sequential, got {type(model).__name__}")
    for index, layer in enumerate(model.layers):
        if isinstance(layer, BatchNorm):
            raise SettingError(
                f"{who} draws one row, and layer {index}, {layer!r}, needs a whole batch"
            )
    measured = loss_by_name(loss)
    X, T, _ = data_of_rows(model, measured, [row], [target], None)
    count = _count(model, len(X[0]))
    if count > MOST_NODES:
        raise SettingError(
            f"{who} draws at most {MOST_NODES} nodes, and this network has {count:,}; draw a "
            "smaller one"
        )
    if count == 0:
        raise DataError(f"{who} needs a row with at least one number, got none")
    return _Builder(deepcopy(model), measured).graph(X[0], T[0])


def _count(model: Sequential, columns: int) -> int:
    """Return how many nodes a network has, without making any."""
    count = columns
    for layer in model.layers:
        if isinstance(layer, Dense):
            columns, inputs = layer.outputs, layer.inputs
            count += 2 * inputs * columns + columns * (2 if layer.b else 1)
        elif not isinstance(layer, Dropout):
            columns = layer.build(columns, stream(0)) or columns
            count += columns
    return count + columns + 1 if count else 0


class _Builder:
    """Computes forward, then backward, and makes the nodes layer by layer."""

    def __init__(self, model: Sequential, loss: Loss) -> None:
        self.model, self.loss = model, loss
        self.nodes: list[GraphNode] = []
        self.column = 0

    def graph(self, x: Vector, t: Vector) -> list[GraphNode]:
        rows = [x]
        layers = [layer for layer in self.model.layers if not isinstance(layer, Dropout)]
        for layer in layers:
            rows.append(layer.forward([rows[-1]])[0])
        gradients = [self.loss.gradient([rows[-1]], [t])[0]]
        for layer in reversed(layers):
            gradients.append(layer.backward([gradients[-1]])[0])
        gradients.reverse()
        here = [
            self._add(f"x{i}", f"input {i}", value, gradient, (), GIVEN)
            for i, (value, gradient) in enumerate(zip(x, gradients[0]))
        ]
        for index, layer in enumerate(self.model.layers):
            if isinstance(layer, Dropout):
                continue
            k = layers.index(layer)
            if isinstance(layer, Dense):
                here = self._dense(index, layer, here, rows[k], rows[k + 1], gradients[k + 1])
            else:
                here = self._other(index, layer, here, rows[k + 1], gradients[k + 1])
        targets = [
            self._add(f"t{j}", f"target {j}", value, None, (), GIVEN) for j, value in enumerate(t)
        ]
        self.column += 1
        value = self.loss([rows[-1]], [t])
        name = f"the loss {self.loss!r}"
        self._add(self.loss.name or "loss", name, value, 1.0, (*here, *targets), LOSS)
        return self.nodes

    def _add(
        self, label: str, name: str, value: float, gradient: float | None,
        sources: tuple[int, ...], kind: int, column: int | None = None,
    ) -> int:  # fmt: skip
        at = self.column if column is None else column
        value += 0.0  # −0 becomes 0
        gradient = None if gradient is None else gradient + 0.0
        self.nodes.append(GraphNode(label, name, value, gradient, at, sources, kind))
        return len(self.nodes) - 1

    def _dense(
        self, index: int, layer: Dense, here: list[int], x: Vector, y: Vector, dy: Vector
    ) -> list[int]:
        """Add a Dense layer: its weights, the products x · w, its biases and the sums."""
        start = self.column
        sums = []
        for j in range(layer.outputs):
            terms = []
            for i, source in enumerate(here):
                w = layer.W[i][j]
                name = f"{index}.W[{i}][{j}]"
                weight = self._add(name, name, w, x[i] * dy[j], (), WEIGHT, start)
                name = f"layer {index}: input {i} times the weight to neuron {j}"
                terms.append(
                    self._add("×", name, x[i] * w, dy[j], (source, weight), STEP, start + 1)
                )
            if layer.b:
                name = f"{index}.b[{j}]"
                terms.append(self._add(name, name, layer.b[j], dy[j], (), WEIGHT, start + 1))
            name = f"layer {index}: the sum of neuron {j}"
            sums.append(self._add("+", name, y[j], dy[j], tuple(terms), STEP, start + 2))
        self.column = start + 2
        return sums

    def _other(
        self, index: int, layer: Any, here: list[int], y: Vector, dy: Vector
    ) -> list[int]:  # fmt: skip
        """Add a layer whose outputs depend on one input each, or on all of them."""
        self.column += 1
        alone = isinstance(layer, Activation)
        return [
            self._add(
                type(layer).__name__, f"layer {index}, {layer!r}: output {j}", value, gradient,
                (here[j],) if alone else tuple(here), STEP,
            )
            for j, (value, gradient) in enumerate(zip(y, dy))
        ]  # fmt: skip
