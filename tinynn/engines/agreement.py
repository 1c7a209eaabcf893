"""The lesson rules: before its first use for a kind of network, an engine is compared with `lists`.

Networks are of one kind if they have the same layers (of any width), loss, optimizer and clipping,
and if the lesson's functions behind them are the same objects. A small network of the kind takes
two steps under both engines; its width does not matter, since no formula depends on it. So a reader
who edits `tanh_derivative` or `Dense.backward` sees the effect under every engine: an engine that
disagrees is not used.
"""

from __future__ import annotations

from copy import copy
from math import gcd
from random import Random
from typing import Any, Callable, Sequence, Union

from ..formulas.caches import forgotten_by
from ..lesson.attention import MultiHeadAttention
from ..lesson.images import Flatten
from ..lesson.layer import Layer
from ..lesson.layers import Dense
from ..lesson.loss import Loss
from ..lesson.losses import MeanSquaredError
from ..lesson.matrix import Matrix
from ..lesson.network import Sequential
from ..lesson.normalization import BatchNorm, GroupNorm
from ..lesson.optimizer import Optimizer
from ..lesson.optimizers import SGD
from ..lesson.residual import Residual
from ..lesson.samples import one_row_each
from ..lesson.sequences import Embedding
from ..lesson.step_summaries import MeanSteps
from .contract import Engine, Recipe
from .image_plans import does_nothing, takes_images
from .lists import ENGINE as LISTS
from .sequence_plans import with_parts

ROWS = 2
ROWS_TO_NORMALIZE = 3  # a column of two numbers becomes -1 and 1, whatever they were
_WIDTHS = ("inputs", "outputs", "columns")  # settings that do not belong to a kind
# Of the small layers in a network of sequences; rows fill whole vectors.
_STEP_WIDTH = 8
_SMALL = {
    "kinds": 5,
    "most": 4,
    **dict.fromkeys(("inputs", "units", "width", "columns"), _STEP_WIDTH),
}
_PLAIN = SGD(0.05)  # its steps show the derivatives unchanged

# Where an engine differs, by its name and the kind: the index of a layer, another part, or None.
_Part = Union[int, str, None]
_found: dict[object, _Part] = {}
forgotten_by(_found.clear)


def disagreement(engine: Engine, recipe: Recipe) -> str | None:
    """Return where an engine's training differs from the lesson's, as a clause, or None.

    The comparison is made once per process for each kind of network.
    """
    if engine is LISTS:
        return None
    if recipe.network.reads_steps and not engine.steps_itself:
        # All but the Dense layers are the lesson's own.
        recipe = recipe._replace(network=Sequential(Dense(3, 3), MeanSteps(), Dense(3, 3)))
    network, loss, optimizer = recipe.network, recipe.loss, recipe.optimizer
    key = (
        engine.name, _kind(network.layers), type(loss), repr(loss), type(loss).of_row,
        type(loss).row_derivative, type(loss).logits_derivative, type(optimizer),
        type(optimizer).update, _without(("learning_rate",), optimizer.settings()),
        recipe.clip_norm, recipe.clip_value, network.outputs == 1,
    )  # fmt: skip
    if key not in _found:
        _found[key] = _difference(engine, recipe)
    part = _found[key]
    if part in ("loss", "optimizer"):
        named = loss if part == "loss" else optimizer
        return f"it differs from the lesson in the {part} {named!r}"
    return _in_words(part, network)


def prediction_disagreement(engine: Engine, network: Sequential) -> str | None:
    """Return where an engine's prediction of one row differs, as a clause, or None."""
    if engine is LISTS:
        return None

    def alike(layers: list[Layer]) -> bool:
        return _predicts_alike(engine, small_network(engine, layers))

    key = (engine.name, _kind(network.layers))
    if key not in _found:
        _found[key] = None if alike(network.layers) else _first_wrong(network.layers, alike)
    return _in_words(_found[key], network)


def _in_words(part: _Part, network: Sequential) -> str | None:
    if part is None:
        return None
    where = f"layer {part}, {network.layers[part]!r}" if isinstance(part, int) else repr(network)
    return f"it differs from the lesson in {where}"


def _kind(layers: list[Layer]) -> tuple[object, ...]:
    kinds: list[object] = []
    for layer in with_parts(layers):
        kind: Any = type(layer)
        kinds += [kind, _without(_WIDTHS, layer.settings()), kind.forward, kind.backward]
        kinds.append(layer.frozen)
        kinds += [getattr(kind, "function", None), getattr(kind, "derivative", None)]
    return tuple(kinds)


def _without(names: tuple[str, ...], settings: dict[str, object]) -> str:
    return repr([item for item in settings.items() if item[0] not in names])


def _at_plain_rate(optimizer: Optimizer) -> Optimizer:
    """Return the optimizer with the learning rate of `_PLAIN`: programs receive their rates."""
    other = copy(optimizer)
    other.learning_rate = _PLAIN.learning_rate
    return other


def _difference(engine: Engine, recipe: Recipe) -> _Part:
    layers, loss, rule = recipe.network.layers, recipe.loss, _at_plain_rate(recipe.optimizer)

    def alike(some: list[Layer], loss: Loss, rule: Optimizer = _PLAIN) -> bool:
        small = small_network(engine, some)
        return _trains_alike(engine, recipe._replace(network=small, loss=loss, optimizer=rule))

    if alike(layers, loss):
        tried = not engine.tries_optimizers or rule == _PLAIN
        return None if tried or alike(_without_noise(layers), loss, rule) else "optimizer"
    squared = MeanSquaredError()
    if alike(layers, squared):
        return "loss"
    return _first_wrong(layers, lambda some: alike(some, squared))


def _without_noise(layers: list[Layer]) -> list[Layer]:
    """Return the layers to try an optimizer with: without batch normalization, if others learn.

    The derivative by a bias before it is 0, of which only rounding is left. Optimizers that divide
    by the size of derivatives would make it visible. So it is with attention:
    a number that is added to all keys changes nothing.
    """
    if any(isinstance(layer, MultiHeadAttention) for layer in with_parts(layers)):
        return [Dense(1, 2), MeanSteps(), Dense(2, 1)]
    others = [layer for layer in layers if not isinstance(layer, BatchNorm)]
    return others if any(isinstance(layer, Dense) for layer in others) else layers


def _first_wrong(layers: list[Layer], alike: Callable[[list[Layer]], bool]) -> _Part:
    """Return the index of the first layer that differs on its own, or "network" if none does."""
    if any(layer.reads_steps for layer in layers):
        return "network"
    for index, layer in enumerate(layers):
        begin, end = Dense(1, 8), Dense(8, 2)
        if takes_images(layer) and layer.inputs:
            begin, end = Dense(1, layer.inputs), Dense(layer.build(None, Random(1)) or 8, 2)
        if not alike([begin, end] if isinstance(layer, Dense) else [begin, layer, end]):
            return index
    return "network"


def small_network(engine: Engine, layers: list[Layer]) -> Sequential:
    """Return a network with the same kinds of layers, as wide as the engine needs for the test."""
    if engine.steps_itself and any(layer.reads_steps for layer in layers):
        return Sequential(*map(_small, layers), seed=1)
    width = engine.width_to_try
    small: list[Layer] = []
    columns = width
    first = next((one for one in layers if takes_images(one) or isinstance(one, Dense)), None)
    if first and takes_images(first):
        columns = first.inputs or width
    for index, layer in enumerate(layers):
        settings = layer.settings()
        if does_nothing(layer):
            small.append(Flatten())  # a Reshape has its own number of columns
            columns = int(columns)
            continue
        if takes_images(layer):
            small.append(type(layer)(**settings))
            small[-1].frozen = layer.frozen
            columns = small[-1].build(columns, Random(1)) or columns
            continue
        if isinstance(layer, Dense):
            last = not any(isinstance(other, Dense) for other in layers[index + 1 :])
            few = small or layer.outputs < width
            outputs = min(layer.outputs, 3) if last and few else width
            if any(map(takes_images, layers[index + 1 :])):
                outputs = layer.outputs  # an image has its own number of columns
            small.append(Dense(columns, outputs, bias=layer.has_bias))
            small[-1].frozen = layer.frozen
            columns = outputs
        else:
            if "columns" in settings:
                settings["columns"] = columns
            if isinstance(layer, GroupNorm):
                settings["groups"] = gcd(layer.groups, columns)
            small.append(type(layer)(**settings))
            small[-1].frozen = layer.frozen
    return Sequential(*small, seed=1)


def _small(layer: Layer) -> Layer:
    """Return a layer of the same kind for `small_network`, in a network of sequences."""
    settings: dict[str, Any] = dict(layer.settings())
    small: Layer
    if isinstance(layer, Residual):
        small = Residual(*map(_small, layer.layers))
    elif isinstance(layer, Dense):
        small = Dense(_STEP_WIDTH, _STEP_WIDTH, bias=layer.has_bias)
    else:
        if "heads" in settings:
            settings["heads"] = min(2, settings["heads"])
        small = type(layer)(**{name: _SMALL.get(name, value) for name, value in settings.items()})
    small.frozen = layer.frozen
    return small


def _trains_alike(engine: Engine, recipe: Recipe) -> bool:
    if recipe.network.reads_steps:
        X, T = _of_lengths(small_network(engine, recipe.network.layers), recipe.loss, (2, 2, 3))
        order = [range(2), range(3)[::-1]]  # sequences of one length, and of two
    else:
        X = _inputs(engine, recipe.network)
        T = _targets(recipe.loss, len(X), recipe.network.outputs or len(X[0]))
        order = [range(len(X))[::-1]] * 2
    found: list[list[float]] = []
    for one in (LISTS, engine):
        network = small_network(engine, recipe.network.layers)
        network.seed_noise(1)
        program = one.program(recipe._replace(network=network), {})
        program.bind(X, T)
        try:
            # Two steps, on all rows from last to first: no engine writes a program for these rows.
            losses = program.train(order, [_PLAIN.rate(0, 0)] * 2, 1)
        except ArithmeticError:
            losses = []
        program.write_back()
        values = [v for parameter in network.parameters() for row in parameter.rows() for v in row]
        found.append([*losses, *values])
    return _close(engine, *found)


def _of_lengths(network: Sequential, loss: Loss, lengths: Sequence[int]) -> tuple[Any, Any]:
    """Return sequences of these lengths, and their targets."""
    rng, first = Random(7), network.layers[0]
    X = []
    for length in lengths:
        if isinstance(first, Embedding):
            X.append([[float(rng.randrange(first.kinds))] for _ in range(length)])
        else:
            columns = range(network.inputs or _STEP_WIDTH)
            X.append([[rng.uniform(-1.0, 1.0) for _ in columns] for _ in range(length)])
    each = one_row_each(network.layers)
    targets = iter(_targets(loss, sum(lengths), network.outputs or _STEP_WIDTH))
    return X, [[next(targets) for _ in range(1 if each else length)] for length in lengths]


def _predicts_alike(engine: Engine, network: Sequential) -> bool:
    X = _inputs(engine, network)
    predict = engine.predictor(network)
    wanted = [y for row in network.predict(X) for y in row]
    return _close(engine, wanted, [y for row in X for y in predict(row)])


def _inputs(engine: Engine, network: Sequential) -> Matrix:
    rng = Random(7)
    columns = network.inputs or engine.width_to_try
    normalizes = any(isinstance(layer, BatchNorm) for layer in network.layers)
    rows = ROWS_TO_NORMALIZE if normalizes else ROWS
    return [[rng.uniform(-1.0, 1.0) for _ in range(columns)] for _ in range(rows)]


def _close(engine: Engine, wanted: list[float], found: list[float]) -> bool:
    limit = engine.tolerance
    return len(wanted) == len(found) and all(
        abs(a - b) <= limit * max(1.0, abs(a)) for a, b in zip(wanted, found)
    )


def _targets(loss: Loss, rows: int, columns: int) -> Matrix:
    if loss.partner == "Softmax":
        return [[float(j == i % columns) for j in range(columns)] for i in range(rows)]
    low = -1.0 if loss.name == "hinge" else 0.0
    return [[1.0 if (i + j) % 2 else low for j in range(columns)] for i in range(rows)]
