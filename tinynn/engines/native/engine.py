"""The `native` engine: writes machine code for one network, by Python alone, and calls it."""

from __future__ import annotations

from ...formulas.cells import CELLS, cell_name
from ...lesson.layer import Layer
from ...lesson.layers import Dropout
from ...lesson.network import Sequential
from ...lesson.normalization import GroupNorm
from ...lesson.prelu import PReLU
from ...lesson.recurrent import Recurrent
from ..contract import Engine, Memory, Predictor, Program, Recipe
from ..image_plans import image_plan
from ..plans import unknown_layer, unknown_loss, unknown_optimizer, unknown_part
from ..sequence_plans import unknown_sequence_layer, with_parts
from .processor import unavailable


class NativeEngine(Engine):
    """Runs networks of the library's own layers, losses and optimizers where code can run."""

    name = "native"
    steps_itself = True

    def unavailable(self) -> str | None:
        return unavailable()

    def refuses(self, recipe: Recipe, batch_size: int) -> str | None:
        network = recipe.network
        if network.reads_steps:
            unknown = unknown_loss(recipe.loss) or unknown_optimizer(recipe.optimizer)
            unknown = unknown or unknown_sequence_layer(network.layers, _unknown_sequence)
            return unavailable() or unknown or _too_many(network)
        unknown = unknown_part(recipe, by_sample=False, images=True)
        return unavailable() or unknown or _too_many(network) or _unknown_here(network)

    def program(self, recipe: Recipe, memory: Memory) -> Program:
        if recipe.network.reads_steps:
            from .sequence_program import NativeSequences

            return NativeSequences(recipe, memory)
        from .program import NativeProgram

        return NativeProgram(recipe, memory)

    def source(self, recipe: Recipe, batch_size: int) -> str:
        from .listing import training_listing

        return training_listing(recipe, batch_size)

    def refuses_prediction(self, network: Sequential) -> str | None:
        if network.inputs is None:
            return "the network's number of inputs is unknown"
        return unavailable() or unknown_layer(network, images=True) or _unknown_here(network)

    def predictor(self, network: Sequential) -> Predictor:
        from .prediction import predictor

        return predictor(network)


def _unknown_sequence(layer: Layer) -> str | None:
    """Return what the code has against a layer in a network of sequences, as a clause, or None."""
    if isinstance(layer, Recurrent) and not CELLS[cell_name(layer)].backward:
        return "has no way back in its code"
    return _odd(layer)


def _odd(layer: Layer) -> str | None:
    if type(layer) is GroupNorm:
        return "normalizes parts of a row, and its vectors do not"
    if type(layer) is PReLU and layer.shared:
        return "has one slope for all columns, not one for each"
    return None


def _unknown_here(network: Sequential) -> str | None:
    """Return which layer has no machine code, as a clause, or None."""
    for index, layer in enumerate(network.layers):
        odd = _odd(layer)
        if odd:
            return f"layer {index}, {layer!r}, {odd}"
        found = image_plan(layer)
        if found and not found[1].count_padding and any(map(any, found[1].windows.padding)):
            return f"layer {index}, {layer!r}, has windows of different sizes"
    return None


def _too_many(network: Sequential) -> str | None:
    """Return why there is no room for the network's random numbers, or None."""
    from .layout import MOST_DRAWS

    count = sum(type(layer) is Dropout for layer in with_parts(network.layers))
    if count <= MOST_DRAWS:
        return None
    return f"it has room for {MOST_DRAWS} layers of Dropout, and the network has {count}"


ENGINE = NativeEngine()
