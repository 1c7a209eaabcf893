"""The `packed` engine: a row of weights is one integer, with a fixed-point number in each lane.

`lanes` has the arithmetic of lanes, `layer` the proof that they do not overflow into each other,
`inputs` the inputs, `between` the part on floats, `program` the training, and `prediction` the
prediction with a trained network. There are two ways to update:

- in lanes, without ever unpacking the weights: SGD with all of its settings;
- through floats, for every other optimizer, for clipping, and if a layer that is not dense has
  parameters: the gradients are unpacked, and the `lists` engine's own update is used.

Fixed point has a limited range. If training reaches its end, the batch is undone and repeated by
`lists`, which continues from there; `PackedProgram.fallback` then says why.
"""

from __future__ import annotations

import sys

from ...lesson.layers import Dense
from ...lesson.network import Sequential
from ..contract import Engine, Memory, Predictor, Recipe
from ..plans import unknown_layer, unknown_loss, unknown_optimizer
from . import prediction as packed_prediction
from .program import PackedProgram, needs_floats

# A row of few lanes costs more per number: 10 ns for a product and sum in rows of 10, 5.5 in rows
# of 30, 27 in lists (CPython 3.11).
LEAST_OUTPUTS = 8
# Unpacking a gradient and packing a weight cost as much as 6 products and sums in lists.
LEAST_BATCH = 8


class PackedEngine(Engine):
    """Runs networks that begin with a dense layer of at least `LEAST_OUTPUTS` outputs."""

    name = "packed"
    tolerance = 1e-4
    tries_optimizers = False
    width_to_try = LEAST_OUTPUTS

    def refuses(self, recipe: Recipe, batch_size: int) -> str | None:
        network, loss, optimizer = recipe.network, recipe.loss, recipe.optimizer
        if sys.implementation.name != "cpython":
            return f"it needs CPython's integers, and this is {sys.implementation.name}"
        if sys.byteorder != "little":
            return "it needs a little-endian machine"
        unknown = unknown_layer(network)
        if unknown:
            return unknown
        first = network.layers[0]
        if not isinstance(first, Dense):
            return f"the first layer needs to be Dense, not {first!r}"
        if first.outputs < LEAST_OUTPUTS:
            return (
                f"it pays only if the first layer has at least {LEAST_OUTPUTS} outputs, "
                f"not {first.outputs}"
            )
        unknown = unknown_loss(loss) or unknown_optimizer(optimizer)
        if unknown:
            return unknown
        unpacked = needs_floats(recipe)
        if unpacked and batch_size < LEAST_BATCH:
            return (
                f"{unpacked} needs the gradients as floats, which pays only "
                f"in batches of at least {LEAST_BATCH} rows, not {batch_size}"
            )
        return None

    def program(self, recipe: Recipe, memory: Memory) -> PackedProgram:
        return PackedProgram(recipe, memory)

    def refuses_prediction(self, network: Sequential) -> str | None:
        return packed_prediction.refuses_prediction(network)

    def predictor(self, network: Sequential) -> Predictor:
        return packed_prediction.predictor(network)


ENGINE = PackedEngine()
