"""The lesson rules: before its first use for a kind of network, an engine is compared with `lists`.

Networks are of one kind if they have the same layers (of any width), loss, optimizer and clipping,
and if the lesson's functions behind them are the same objects. A small network of the kind takes
two steps under both: the formulas of an engine do not depend on the width. A reader who edits
`tanh_derivative` or `Dense.backward` thus sees the effect under every engine: those that disagree
step aside.
"""

from __future__ import annotations

from random import Random
from typing import Any, Callable

from ..lesson.layer import Layer
from ..lesson.layers import Dense
from ..lesson.loss import Loss
from ..lesson.losses import MeanSquaredError
from ..lesson.matrix import Matrix
from ..lesson.network import Sequential
from ..lesson.optimizers import SGD
from .contract import Engine, Recipe
from .lists import ENGINE as LISTS

ROWS = 4
_found: dict[object, str | None] = {}


def disagreement(engine: Engine, recipe: Recipe) -> str | None:
    """Return where an engine trains other than the lesson, as the end of a sentence, or None.

    It is found out once for each kind of network and process.
    """
    if engine is LISTS:
        return None
    layers, loss, optimizer = recipe.network.layers, recipe.loss, recipe.optimizer
    key = (
        engine.name, _kind(layers), type(loss), repr(loss), type(loss).of_row,
        type(loss).row_derivative, type(loss).logits_derivative, type(optimizer).update,
        repr(optimizer), recipe.clip_norm, recipe.clip_value, recipe.network.outputs == 1,
    )  # fmt: skip
    if key not in _found:
        _found[key] = _difference(engine, recipe)
    return _found[key]


def prediction_disagreement(engine: Engine, network: Sequential) -> str | None:
    """Return the same for predicting one row."""
    if engine is LISTS:
        return None
    key = (engine.name, _kind(network.layers))
    if key not in _found:
        _found[key] = _named(
            network.layers, lambda layers: _predicts_alike(engine, small_network(engine, layers))
        )
    return _found[key]


def _kind(layers: list[Layer]) -> tuple[object, ...]:
    kinds: list[object] = []
    for layer in layers:
        kind: Any = type(layer)
        numbers = {k: v for k, v in layer.settings().items() if isinstance(v, float)}
        kinds += [kind, repr(numbers), kind.forward, kind.backward]
        kinds += [getattr(kind, "function", None), getattr(kind, "derivative", None)]
    return tuple(kinds)


def _difference(engine: Engine, recipe: Recipe) -> str | None:
    layers, loss = recipe.network.layers, recipe.loss
    plain, squared = SGD(0.05), MeanSquaredError()

    def alike(some: list[Layer], loss: Loss = squared, rule: Any = plain) -> bool:
        return _trains_alike(engine, recipe._replace(
            network=small_network(engine, some), loss=loss, optimizer=rule,
        ))  # fmt: skip

    rule = recipe.optimizer if engine.tries_optimizers else plain
    if alike(layers, loss) and (rule == plain or alike(layers, loss, rule)):
        return None
    found = _named(layers, alike)
    if found is None and not alike(layers, loss):
        return f"it differs from the lesson in the loss {loss!r}"
    return found or f"it differs from the lesson in the optimizer {recipe.optimizer!r}"


def _named(layers: list[Layer], alike: Callable[[list[Layer]], bool]) -> str | None:
    """Return the first layer in which an engine differs, as the end of a sentence, or None."""
    if alike(layers):
        return None
    begin, end = Dense(1, 8), Dense(8, 2)
    for place, layer in enumerate(layers):
        if not alike([begin, end] if isinstance(layer, Dense) else [begin, layer, end]):
            return f"it differs from the lesson in layer {place}, {layer!r}"
    return None


def small_network(engine: Engine, layers: list[Layer]) -> Sequential:
    """Return a network of the same kinds of layers, as wide as the engine needs to be tried."""
    width = engine.width_to_try
    small: list[Layer] = []
    columns = width
    for place, layer in enumerate(layers):
        settings = layer.settings()
        if isinstance(layer, Dense):
            last = not any(isinstance(other, Dense) for other in layers[place + 1 :])
            outputs = min(layer.outputs, 3) if last and small else width
            small.append(Dense(columns, outputs, bias=layer.has_bias))
            columns = outputs
        else:
            if "columns" in settings:
                settings["columns"] = columns
            small.append(type(layer)(**settings))
    return Sequential(*small, seed=1)


def _trains_alike(engine: Engine, recipe: Recipe) -> bool:
    rng = Random(7)
    inputs = recipe.network.inputs or engine.width_to_try
    X = [[rng.uniform(-1.0, 1.0) for _ in range(inputs)] for _ in range(ROWS)]
    T = _targets(recipe.loss, recipe.network.outputs or inputs)
    found: list[list[float]] = []
    for one in (LISTS, engine):
        network = Sequential(*small_network(engine, recipe.network.layers).layers)
        network.seed_noise(1)
        program = one.program(recipe._replace(network=network), {})
        program.bind(X, T)
        try:
            losses = program.train([range(ROWS)] * 2, [0.05, 0.05], 1)
        except ArithmeticError:
            losses = []
        outputs = program.predict(X)
        program.write_back()
        values = [v for parameter in network.parameters() for row in parameter.rows() for v in row]
        found.append([*losses, *(y for row in outputs for y in row), *values])
    return _close(engine, *found)


def _predicts_alike(engine: Engine, network: Sequential) -> bool:
    rng = Random(7)
    inputs = network.inputs or engine.width_to_try
    X = [[rng.uniform(-1.0, 1.0) for _ in range(inputs)] for _ in range(ROWS)]
    predict = engine.predictor(network)
    wanted = [y for row in network.predict(X) for y in row]
    return _close(engine, wanted, [y for row in X for y in predict(row)])


def _close(engine: Engine, wanted: list[float], found: list[float]) -> bool:
    limit = engine.tolerance
    return len(wanted) == len(found) and all(
        abs(a - b) <= limit * max(1.0, abs(a)) for a, b in zip(wanted, found)
    )


def _targets(loss: Loss, columns: int) -> Matrix:
    if loss.name == "ce":
        return [[float(j == i % columns) for j in range(columns)] for i in range(ROWS)]
    low = -1.0 if loss.name == "hinge" else 0.0
    return [[1.0 if (i + j) % 2 else low for j in range(columns)] for i in range(ROWS)]
