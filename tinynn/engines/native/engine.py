"""The `native` engine: writes machine code for one network, by Python alone, and calls it."""

from __future__ import annotations

from ...lesson.layers import Dropout
from ...lesson.network import Sequential
from ...lesson.normalization import GroupNorm
from ...lesson.prelu import PReLU
from ..contract import Engine, Memory, Predictor, Program, Recipe
from ..image_plans import image_plan
from ..plans import unknown_layer, unknown_part
from .processor import unavailable


class NativeEngine(Engine):
    """Runs networks of the library's own layers, losses and optimizers where code can run."""

    name = "native"

    def unavailable(self) -> str | None:
        return unavailable()

    def refuses(self, recipe: Recipe, batch_size: int) -> str | None:
        network = recipe.network
        unknown = unknown_part(recipe, by_sample=False, images=True)
        return unavailable() or unknown or _too_many(network) or _unknown_here(network)

    def program(self, recipe: Recipe, memory: Memory) -> Program:
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


def _unknown_here(network: Sequential) -> str | None:
    """Return which layer has no machine code, as a clause, or None."""
    for index, layer in enumerate(network.layers):
        if type(layer) is GroupNorm:
            return f"layer {index}, {layer!r}, normalizes parts of a row, and its vectors do not"
        if type(layer) is PReLU and layer.shared:
            return f"layer {index}, {layer!r}, has one slope for all columns, not one for each"
        found = image_plan(layer)
        if found and not found[1].count_padding and any(map(any, found[1].windows.padding)):
            return f"layer {index}, {layer!r}, has windows of different sizes"
    return None


def _too_many(network: Sequential) -> str | None:
    """Return why there is no room for the network's random numbers, or None."""
    from .layout import MOST_DRAWS

    count = sum(type(layer) is Dropout for layer in network.layers)
    if count <= MOST_DRAWS:
        return None
    return f"it has room for {MOST_DRAWS} layers of Dropout, and the network has {count}"


ENGINE = NativeEngine()
