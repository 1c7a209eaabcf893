"""Keras: a live model, or the result of its `get_weights()` and a list of tinynn's layers.

Keras itself is never imported: layers are recognized by their class names and read through
`get_config()` and `get_weights()`, which Keras 2, Keras 3 and tf.keras share. So stand-ins with
these names and methods are read, too; classes of a caller that derive from Keras's are not.
"""

from __future__ import annotations

import os
import sys
from math import prod, sqrt
from typing import Any, Callable, List, Mapping, NamedTuple, Sequence, Union

from ..checks.words import excerpt
from ..errors import FormatError, SettingError
from ..formulas.names import layers_named
from ..lesson.activation_layers import ELU, LeakyReLU, Linear, ReLU, Softmax
from ..lesson.gru import GRU
from ..lesson.images import Flatten, ImageLayer, Reshape
from ..lesson.layer import Layer
from ..lesson.layers import Dense, Dropout
from ..lesson.matrix import Vector
from ..lesson.more_activations import Hardsigmoid
from ..lesson.normalization import BatchNorm, GroupNorm, LayerNorm
from ..lesson.prelu import PReLU
from ..lesson.residual import Residual
from ..lesson.windows import Shape, count
from . import assembly
from .images import Either, OnImages, Part, Sum, batch_norm_of, each_number, placed
from .imported import Imported
from .keras_chain import LayerCall, SumOfCalls, chain, is_kerass, of_keras
from .keras_images import READERS as IMAGE_READERS
from .keras_sequences import (
    SEQUENCE_READERS,
    OfRows,
    WholePool,
    arrays_of_gru,
    of_rows,
    of_sequences,
    reads_steps,
)
from .sequence_tensors import Tensor
from .state import read_tensor, with_tensors

_ACTIVATIONS, _LAYERS = layers_named("Keras function"), layers_named("Keras layer")
_FUNCTION_SLOPE = 0.2  # of keras.activations.leaky_relu
_OLD_HARD_SIGMOID = "hard_sigmoid of Keras 2"  # x / 5 + 1/2, limited to 0 … 1
_EPSILON = 1e-7  # keras.config.epsilon() unless it was changed
_NOTHING_IN_PREDICTION = (
    "InputLayer", "ActivityRegularization", "AlphaDropout", "GaussianDropout", "GaussianNoise",
    "Identity", "SpatialDropout1D", "SpatialDropout2D",
)  # fmt: skip


def from_keras(model: object, layers: Sequence[Layer] | None = None) -> Imported:
    """Return the network of a live Keras model, as it predicts.

    `model` is a Sequential, or a functional model in which each layer takes the output of one
    other, or is an Add of x and of what layers make of x; either may contain such models. The
    supported layers are InputLayer, Dense, Activation, ReLU, LeakyReLU, PReLU, ELU, Softmax,
    Dropout, BatchNormalization, LayerNormalization, GroupNormalization, Normalization, Rescaling,
    Flatten and Reshape; Conv1D, Conv2D, DepthwiseConv2D, SeparableConv2D, and pooling (MaxPooling,
    AveragePooling, and both global ones), with images whose channels come last; and for sequences
    Embedding, SimpleRNN, LSTM, GRU, MultiHeadAttention of one sequence (with use_causal_mask or
    without), TimeDistributed, RMSNormalization and global pooling of one side. A model with an
    Embedding, attention or a recurrent layer reads sequences. Layers that do nothing in prediction
    are left out: GaussianNoise, GaussianDropout, AlphaDropout, SpatialDropout,
    ActivityRegularization, Identity. The activation of another layer becomes a layer of its own.

    The rows of a network for images are channel by channel, not pixel by pixel: a batch of Keras's
    images is `images.transpose(0, 3, 1, 2).reshape(len(images), -1)`. With one channel, the order
    is the same. Weights are put in that order, also those behind a Flatten.

    `model` may also be the list that `get_weights()` returns. `layers` is then the list of tinynn
    layers for these weights, in the same order, and they become the network's:
    from_keras(model.get_weights(), [Dense(3, 4), ReLU(), Dense(4, 1)]). A BatchNorm takes four
    arrays: gamma, beta, mean and variance. A recurrent layer takes two, or three with biases.

    Raises FormatError, naming the layer, for anything else, also for the path of a file; and
    SettingError for weights without `layers`, or a model with them.
    """
    if isinstance(model, (list, tuple)):
        if layers is None:
            raise SettingError(
                "from_keras needs layers for a list of weights: layers=[Dense(…), …]"
            )
        tensors = _named(model, layers)
        return Imported(with_tensors("the list of weights", tensors, layers, in_order=True))
    if isinstance(model, (str, bytes, os.PathLike)):
        shown = excerpt(os.fspath(model))
        raise FormatError(
            f"from_keras needs a live model, got the path {shown}; load it with Keras first: "
            f"from_keras(keras.models.load_model({shown}))"
        )
    if layers is not None:
        raise SettingError("from_keras takes layers only with a list of weights")
    parts, shape = _model(model, "the model", {}), _shape(model)
    steps = reads_steps(parts)
    parts = of_sequences(parts, shape) if steps else of_rows(parts)
    images = None if steps else _images("the model", parts, shape)
    mend = "; build the model with an Input first"
    layers = placed(parts, images, mend, pixels=True)
    axes = shape[2:] if steps else shape[1:]
    columns = None if None in axes or not axes else prod(map(int, axes))  # type: ignore[arg-type]
    return Imported(assembly.assembled("the model", _of_known_width(layers, columns)))


def _named(arrays: Sequence[object], layers: Sequence[Layer]) -> dict[str, Tensor]:
    """Return the arrays by layer and letter: "0.W", "0.b", "2.W" …"""
    names = [
        f"{i}.{letter}"
        for i, layer in enumerate(layers)
        for letter in layer.shapes()
        if not (isinstance(layer, GRU) and letter == "c")  # it is a part of Keras's bias
    ]
    if len(names) != len(arrays):
        raise FormatError(f"the layers given need {len(names)} arrays, got {len(arrays)}")
    found = {name: read_tensor(name, array) for name, array in zip(names, arrays)}
    for i, layer in enumerate(layers):
        if isinstance(layer, GRU):
            found.update(arrays_of_gru(f"the list of weights: {layer!r}", layer, found, f"{i}."))
    return found


class _Even(NamedTuple):
    """The same scaling for each column, of which the layer itself does not know how many."""

    place: str
    shift: float
    scale: float
    offset: float


_Part = Union[Layer, _Even, OnImages, Either, OfRows, WholePool]


def _parts(calls: Sequence[LayerCall | SumOfCalls], place: str) -> list[Part]:
    """Return the parts of what is called in a model, or in a sum in it."""
    found: list[Part] = []
    for i, call in enumerate(calls):
        if isinstance(call, SumOfCalls):
            found.append(Part(call.place, Sum(_parts(call.calls, f"{call.place}, "))))
            continue
        layer = call.layer
        where = f"{place}layer {i}, {type(layer).__name__} {layer.name!r}"
        found += _model(layer, where, call.arguments)
    return found


def _model(model: Any, place: str, called: Mapping[str, Any]) -> list[Part]:
    """Return the parts of a model, or of one of its layers; and how that is called besides."""
    kind = type(model)
    name = kind.__name__
    if not is_kerass(model):
        mend = ""
        if any(map(of_keras, kind.__mro__)):
            mend = "its call() is code: export it to ONNX for from_onnx, or give its get_weights()"
            mend += " and layers=[…]"
        raise assembly.refusal(place, f"an object of {kind.__module__}.{name}", mend)
    if name in ("Sequential", "Functional", "Model"):
        try:
            calls: Sequence[LayerCall | SumOfCalls] = list(map(LayerCall, model.layers))
            if name != "Sequential":
                calls = chain(model, model.get_config(), place)
        except (AttributeError, LookupError, NotImplementedError, TypeError, ValueError) as error:
            if isinstance(error, FormatError):
                raise
            raise assembly.refusal(place, f"a {name} that does not describe its layers") from None
        return _parts(calls, "")
    if name in _NOTHING_IN_PREDICTION:
        return []
    if name == "TimeDistributed" and hasattr(model, "layer"):
        return _model(model.layer, f"{place}, of {type(model.layer).__name__}", called)
    read = _READERS.get(_LAYERS.get(name, name)) or IMAGE_READERS.get(name)
    if read is None:
        mend = "tinynn's go along the steps one way" if name == "Bidirectional" else ""
        raise assembly.refusal(place, f"the layer {name}", mend)
    try:
        config = {**model.get_config(), **called}
        weights = [
            array.tolist() if hasattr(array, "tolist") else array for array in model.get_weights()
        ]
    except AttributeError:
        raise assembly.refusal(place, f"an object of {kind.__module__}.{name}") from None
    if _ACTIVATIONS.get(str(config.get("activation"))) is Hardsigmoid and _is_old(kind):
        config = {**config, "activation": _OLD_HARD_SIGMOID}
    found = _read(read, place, name, config, weights)
    if name in IMAGE_READERS and config.get("activation"):
        found += _activation(place, config)
    return [Part(place, part) for part in found]


def _is_old(kind: type) -> bool:
    """Return whether a class is of Keras 2."""
    package = kind.__module__.partition(".")[0]
    version = getattr(sys.modules.get(package), "__version__", "3")
    return package == "tf_keras" or str(version).startswith("2.")


def _read(read: _Reader, place: str, name: str, config: Config, weights: Weights) -> list[_Part]:
    try:
        return list(read(place, config, weights))
    except (KeyError, IndexError) as error:
        lacking = repr(error.args[0]) if isinstance(error, KeyError) else "some of its weights"
        raise FormatError(f"{place}: the {name} lacks {lacking}") from None


def _shape(model: Any) -> tuple[int | None, ...]:
    """Return the shape of a model's inputs, () if it does not say."""
    try:
        shape = model.input_shape
    except (AttributeError, ValueError):  # Keras raises either for a model that was not built
        shape = None
    if isinstance(shape, list) and len(shape) == 1:
        shape = shape[0]
    if not shape:
        for part in getattr(model, "layers", None) or []:
            if type(part).__name__ == "InputLayer":
                config = part.get_config()
                shape = config.get("batch_shape") or config.get("batch_input_shape")
    return tuple(shape) if isinstance(shape, (list, tuple)) else ()


def _images(place: str, parts: Sequence[Part], shape: Sequence[object]) -> Shape | None:
    """Return the shape of a model's images as ours, None if its inputs are rows.

    Raises FormatError for inputs that are no rows, unless they are flattened first. What comes
    before may only change each number by itself.
    """
    before = [part.layer for part in parts]
    flattened = [isinstance(layer, Flatten) for layer in before]
    before = before[: flattened.index(True)] if any(flattened) else before
    sides = [layer.sides for layer in before if isinstance(layer, OnImages)]
    if len(shape) in (3, 4) and sides:
        if None in shape[1:]:
            raise FormatError(f"{place} needs a known size of its images, got {tuple(shape)}")
        return (int(shape[-1]), *map(int, shape[1:-1]))  # type: ignore[call-overload, arg-type]
    if len(shape) > 2 and not (any(flattened) and all(map(each_number, before))):
        raise assembly.refusal(place, f"inputs of the shape {tuple(shape)}", "Flatten them first")
    return None


def _of_known_width(parts: Sequence[Any], columns: int | None) -> list[Layer]:
    """Return the layers, each even scaling made for as many columns as come to it."""
    layers: list[Layer] = []
    for i, part in enumerate(parts):
        if isinstance(part, Sum):
            layers.append(Residual(*_of_known_width(part.parts, columns)))
            continue
        if not isinstance(part, _Even):
            layers.append(part)
            images = count(part.out_shape) if isinstance(part, ImageLayer) else None
            widths = (getattr(part, name, None) for name in ("outputs", "units", "width"))
            columns = images or next(filter(None, widths), columns)
            continue
        n = columns or next((c for c in (getattr(p, "inputs", None) for p in parts[i:]) if c), None)
        if n is None:
            raise FormatError(
                f"{part.place}: the model does not say how many columns it takes; "
                "build it with an Input first"
            )
        numbers = ([part.shift] * n, [part.scale] * n, [part.offset] * n)
        layers.append(assembly.scaling(part.place, *numbers))
    return layers


Config = Mapping[str, Any]
Weights = List[Any]
_Reader = Callable[[str, Config, Weights], Sequence[_Part]]


def _activation(place: str, config: Config) -> list[_Part]:
    """Return the layer of an activation, none for the identity."""
    name = config["activation"]
    if name == _OLD_HARD_SIGMOID:
        return [_Even(place, 0.0, 0.2, 0.5), assembly.clip(place, 0.0, 1.0)]
    if isinstance(name, Mapping) and str(name.get("module")).partition(".")[0] == "keras":
        kind = str(name.get("class_name"))  # a layer in place of a function
        if _LAYERS.get(kind) in (ReLU, LeakyReLU, ELU, Softmax):
            inner = name.get("config") or {}
            return _read(_READERS[_LAYERS[kind]], place, kind, inner, [])
    if not isinstance(name, str) or name not in _ACTIVATIONS:
        name = name.get("class_name", name) if isinstance(name, Mapping) else name
        raise assembly.refusal(place, f"the activation {name!r}")
    kind_of_layer = _ACTIVATIONS[name]
    if kind_of_layer is LeakyReLU:
        return [LeakyReLU(_FUNCTION_SLOPE)]
    return [] if kind_of_layer is Linear else [kind_of_layer()]


def _dense(place: str, config: Config, weights: Weights) -> list[_Part]:
    assembly.check_settings(
        place, "a Dense", config, {"quantization_config": None, "lora_rank": None}
    )
    W = assembly.matrix(place, weights[0])
    b = assembly.vector(place, weights[1]) if config["use_bias"] else None
    return [assembly.dense(place, W, b), *_activation(place, config)]


def _last_axis(place: str, what: str, config: Config) -> list[_Part]:
    """Return what has to be checked of the axis. Raises FormatError unless it can be the last."""
    axis = config["axis"]
    axis = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
    if axis not in (-1, 1, 2):  # 2 is the last where there is an axis of steps
        raise assembly.refusal(place, f"{what} with axis={config['axis']!r}")
    return [OfRows(f"{what} with axis=1")] if axis == 1 else []


def _scale_and_shift(place: str, config: Config, weights: Weights) -> list[Vector | None]:
    """Remove gamma and beta from the list of weights and return them, None for each it lacks."""
    return [
        assembly.vector(place, weights.pop(0)) if config[has] else None
        for has in ("scale", "center")
    ]


def _batch_norm(place: str, config: Config, weights: Weights) -> list[_Part]:
    assembly.check_settings(place, "a BatchNormalization", config, {"renorm": False})
    axis = config["axis"]
    axis = axis[0] if isinstance(axis, (list, tuple)) and len(axis) == 1 else axis
    if axis not in (-1, 1, 2, 3):
        raise assembly.refusal(place, f"a BatchNormalization with axis={axis!r}")
    gamma, beta = _scale_and_shift(place, config, weights)
    mean, variance = (assembly.vector(place, numbers) for numbers in weights)
    eps, momentum = config["epsilon"], 1.0 - config["momentum"]
    rows = assembly.batch_norm(place, mean, variance, gamma, beta, eps, momentum)

    def images(shape: Shape) -> Layer:
        if axis not in (-1, len(shape)):
            raise assembly.refusal(place, f"a BatchNormalization with axis={axis!r} of images")
        return batch_norm_of(rows, shape)

    if axis == 1:
        return [OfRows("a BatchNormalization with axis=1"), Either(rows, images)]
    return [Either(rows, images) if axis == -1 else OnImages(axis - 1, images)]


def _layer_norm(place: str, config: Config, weights: Weights) -> list[_Part]:
    axis = _last_axis(place, "a LayerNormalization", config)
    assembly.check_settings(place, "a LayerNormalization", config, {"rms_scaling": False})
    gamma, beta = _scale_and_shift(place, config, weights)
    eps = config["epsilon"]
    if gamma is None and beta is None:
        return [*axis, assembly.simple(place, LayerNorm, eps=assembly.real(place, "epsilon", eps))]
    columns = len(gamma or beta or [])
    return [*axis, assembly.layer_norm(place, columns, gamma, beta, eps)]


def _normalization(place: str, config: Config, weights: Weights) -> list[_Part]:
    """(x − mean) / max(√variance, 1e-7), or inverted x · max(√variance, 1e-7) + mean"""
    axis, checked = config.get("axis", -1), []
    if axis is not None and axis != () and axis != []:
        checked = _last_axis(place, "a Normalization", config)
    found: list[Any] = weights[:2]
    if len(found) < 2:
        found = [config.get("mean"), config.get("variance")]
    numbers = [item.tolist() if hasattr(item, "tolist") else item for item in found]
    if None in numbers:
        raise assembly.refusal(place, "a Normalization whose mean and variance are unknown")
    even = not isinstance(numbers[0], (list, tuple))
    mean, variance = (assembly.vector(place, [x] if even else x) for x in numbers)
    if min(variance) < 0.0:
        raise FormatError(f"{place}: a variance needs to be at least 0, got {min(variance)}")
    deviation = [max(sqrt(v), _EPSILON) for v in variance]
    if config.get("invert"):
        shift, scale, offset = [0.0] * len(mean), deviation, mean
    else:
        shift, scale, offset = mean, [1.0 / d for d in deviation], [0.0] * len(mean)
    return [*checked, *_scaled(place, shift, scale, offset, even or len(mean) == 1)]


def _rescaling(place: str, config: Config, weights: Weights) -> list[_Part]:
    """x · scale + offset"""
    numbers = [config["scale"], config.get("offset", 0.0)]
    for i, item in enumerate(numbers):
        if isinstance(item, Mapping):  # how Keras writes an array down
            item = (item.get("config") or {}).get("value", item)
        numbers[i] = item.tolist() if hasattr(item, "tolist") else item
    lists = [isinstance(item, (list, tuple)) for item in numbers]
    scale, offset = (
        assembly.vector(place, item if several else [item]) for item, several in zip(numbers, lists)
    )
    n = max(len(scale), len(offset))
    scale, offset = (x * n if len(x) == 1 else x for x in (scale, offset))
    return _scaled(place, [0.0] * n, scale, offset, n == 1)


def _scaled(place: str, shift: Vector, scale: Vector, offset: Vector, even: bool) -> list[_Part]:
    if even:
        return [_Even(place, shift[0], scale[0], offset[0])]
    return [assembly.scaling(place, shift, scale, offset)]


def _reshape(place: str, config: Config, weights: Weights) -> list[_Part]:
    shape = list(config["target_shape"])
    if len(shape) == 1:
        return [Flatten()]
    if len(shape) not in (2, 3) or not all(type(side) is int and side > 0 for side in shape):
        raise assembly.refusal(place, f"a Reshape to {tuple(shape)}")
    return [assembly.built(place, lambda: Reshape((shape[-1], *shape[:-1])))]


def _relu(place: str, config: Config, weights: Weights) -> list[_Part]:
    slope = assembly.real(place, "negative_slope", config.get("negative_slope") or 0.0)
    most = config.get("max_value")
    assembly.check_settings(
        place, "a ReLU", {"threshold": config.get("threshold") or 0}, {"threshold": 0}
    )
    if most is not None and slope:
        raise assembly.refusal(place, f"a ReLU with max_value={most!r} and a negative_slope")
    if most is not None:
        return [assembly.clip(place, 0.0, assembly.real(place, "max_value", most))]
    return [LeakyReLU(slope) if slope else ReLU()]


def _prelu(place: str, config: Config, weights: Weights) -> list[_Part]:
    return [assembly.prelu(place, assembly.vector(place, weights[0]))]


def _group_norm(place: str, config: Config, weights: Weights) -> list[_Part]:
    axis = _last_axis(place, "a GroupNormalization", config)
    gamma, beta = _scale_and_shift(place, config, weights)
    columns, eps, groups = len(gamma or beta or []), config["epsilon"], config["groups"]
    if groups == -1:
        groups = columns
    if not columns:
        if groups == 0:
            raise assembly.refusal(place, "a GroupNormalization of one column a group")
        return [*axis, assembly.built(place, lambda: GroupNorm(groups, eps=eps))]
    return [*axis, assembly.group_norm(place, groups, columns, gamma, beta, eps)]


def _leaky_relu(place: str, config: Config, weights: Weights) -> list[_Part]:
    slope = config["negative_slope"] if "negative_slope" in config else config["alpha"]  # Keras 2
    return [assembly.simple(place, LeakyReLU, negative_slope=assembly.real(place, "slope", slope))]


def _elu(place: str, config: Config, weights: Weights) -> list[_Part]:
    return [assembly.simple(place, ELU, alpha=assembly.real(place, "alpha", config["alpha"]))]


def _softmax(place: str, config: Config, weights: Weights) -> list[_Part]:
    return [*_last_axis(place, "a Softmax", config), Softmax()]


def _flatten(place: str, config: Config, weights: Weights) -> list[_Part]:
    """A row is already flat; given channels first, Keras would move them to the end."""
    assembly.check_settings(place, "a Flatten", config, {"data_format": "channels_last"})
    return [Flatten()]


# By tinynn's layer, or by Keras's name where tinynn has none.
_READERS: dict[object, _Reader] = {
    Dense: _dense,
    ReLU: _relu,
    LeakyReLU: _leaky_relu,
    ELU: _elu,
    Softmax: _softmax,
    Dropout: lambda place, config, weights: [assembly.dropout(place, config["rate"])],
    BatchNorm: _batch_norm,
    LayerNorm: _layer_norm,
    GroupNorm: _group_norm,
    PReLU: _prelu,
    "Activation": lambda place, config, weights: _activation(place, config),
    "Flatten": _flatten,
    "Normalization": _normalization,
    "Reshape": _reshape,
    "Rescaling": _rescaling,
    **SEQUENCE_READERS,
}
