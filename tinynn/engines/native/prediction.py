"""The machine code of prediction: rows in, rows of outputs out, and a function of one row."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence

from ...formulas.caches import cached
from ...lesson.network import Sequential
from ...lesson.normalization import BatchNorm
from ..contract import Predictor, output_check
from ..plans import LayerPlan, layer_plans
from . import layout as at
from .constants import Constants
from .host import Arena, executable
from .layout import Layout
from .machine import VECTOR_BYTES, Machine
from .numbers import ParameterStore, write_running
from .passes import BUFFERS, ParameterPlaces, Passes
from .processor import new_machine


class PredictionShape(NamedTuple):
    """What the code depends on: the layers, and the rows of a block.

    copies: how many copies of the parameters lie beside each other, see `ParameterPlaces`
    steps:  how many rows are a sequence, in networks that read those
    """

    layers: tuple[LayerPlan, ...]
    inputs: int
    rows: int
    copies: int = 1
    steps: int = 1


class PredictionCode:
    """The code for one shape, and where its numbers are."""

    def __init__(self, shape: PredictionShape, machine: Machine, guarded: bool = False) -> None:
        self.shape, self.machine = shape, machine
        self.layout = layout = Layout(guarded)
        start = at.begin(layout)
        self.constants = Constants(start.constants)
        self.parameters = ParameterPlaces(shape.layers, layout, shape.copies)
        layout.place(self.parameters.size, "derivatives, in training")
        self.inputs = layout.table(shape.rows, shape.inputs, "inputs x")
        machine.begin()
        passes = Passes(
            machine, self.constants, layout, self.parameters, shape.layers, shape.rows, self.inputs,
            steps=shape.steps,
        )  # fmt: skip
        self.outputs = passes.forward(training=False)
        self.columns = shape.layers[-1].outputs if shape.layers else shape.inputs
        machine.end()
        self.size = layout.size + VECTOR_BYTES
        self.fresh = self.parameters.start + self.parameters.state_size


class LoadedCode(NamedTuple):
    """Code as a function of an arena's address, and its constants."""

    code: Any
    call: Callable[[int], None]
    constants: bytes

    def write_constants(self, arena: Arena) -> None:
        """Put the code's constants into the arena."""
        arena.restore(self.code.constants.start, self.constants)


def loaded(make: Any, shape: Any) -> LoadedCode:
    """Return the code that `make` writes for a shape, ready to be called."""
    code = make(shape, new_machine())
    call = executable(bytes(code.machine.code))
    return LoadedCode(code, call, b"".join(code.constants.values))


@cached(32)
def prediction(shape: PredictionShape) -> LoadedCode:
    """Return the loaded code of prediction for a shape; equal shapes share it."""
    return loaded(PredictionCode, shape)


def running_statistics(network: Sequential) -> dict[str, list[float]]:
    """Return the network's own lists of running statistics, by name and index of the layer."""
    return {
        f"{name}{index}": layer.buffers()[name]  # type: ignore[misc]
        for index, layer in enumerate(network.layers)
        if isinstance(layer, BatchNorm)
        for name in BUFFERS
    }


def predictor(network: Sequential) -> Predictor:
    """Return a function of one row, frozen at the network's weights."""
    inputs = network.inputs or 1
    shape = PredictionShape(layer_plans(network.layers, inputs), inputs, 1)
    ready = prediction(shape)
    code, call = ready.code, ready.call
    start = Arena(code.size)
    ready.write_constants(start)
    parameters = [parameter.rows() for parameter in network.parameters()]
    ParameterStore(shape.layers, code.parameters).write(start, 0, parameters)
    write_running(start, code.parameters, running_statistics(network))
    frozen = start.copy(0, code.inputs.offset)
    outputs, columns = code.outputs.offset, code.columns

    def usable(arena: Arena) -> tuple[Arena, Callable[..., None]]:
        """Return an arena with the function that writes a row into it."""
        return arena, arena.row_writer(code.inputs.offset, inputs)

    free = [usable(start)]  # what no call is using: several threads may predict at once

    def another() -> tuple[Arena, Callable[..., None]]:
        arena = Arena(ready.code.size)
        arena.restore(0, frozen)
        return usable(arena)

    checked = output_check(network)

    def predict(row: Sequence[float]) -> list[float]:
        """Return the network's outputs for one row of numbers."""
        try:
            pair = free.pop()
        except IndexError:
            pair = another()
        arena, write = pair
        write(*row)
        call(arena.address)
        answer = arena.read(outputs, columns)
        free.append(pair)
        return checked(answer)

    return predict
