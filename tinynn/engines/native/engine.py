"""The `native` engine: writes machine code for one network, by Python alone, and calls it."""

from __future__ import annotations

from ...lesson.layers import Dropout
from ...lesson.network import Sequential
from ..contract import Engine, Memory, Predictor, Program, Recipe, Task
from ..plans import unknown_layer, unknown_part
from .processor import unavailable


class NativeEngine(Engine):
    """Runs networks of the library's own layers, losses and optimizers where code can run."""

    name = "native"

    def unavailable(self) -> str | None:
        return unavailable()

    def refuses(self, recipe: Recipe, task: Task) -> str | None:
        return unavailable() or unknown_part(recipe, by_sample=False) or _too_many(recipe.network)

    def program(self, recipe: Recipe, memory: Memory) -> Program:
        from .program import NativeProgram

        return NativeProgram(recipe, memory)

    def source(self, recipe: Recipe, batch_size: int) -> str:
        from .listing import training_listing

        return training_listing(recipe, batch_size)

    def refuses_prediction(self, network: Sequential) -> str | None:
        if network.inputs is None:
            return "the network's number of inputs is unknown"
        return unavailable() or unknown_layer(network)

    def predictor(self, network: Sequential) -> Predictor:
        from .prediction import predictor

        return predictor(network)


def _too_many(network: Sequential) -> str | None:
    """Return why there is no room for the network's random numbers, or None."""
    from .layout import MOST_DRAWS

    count = sum(type(layer) is Dropout for layer in network.layers)
    if count <= MOST_DRAWS:
        return None
    return f"it has room for {MOST_DRAWS} layers of Dropout, and the network has {count}"


ENGINE = NativeEngine()
