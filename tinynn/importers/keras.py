"""Keras: a live `Sequential`, or the result of its `get_weights()` and a list of tinynn's layers.

Keras itself is never imported: layers are recognized by their class names and read through
`get_config()` and `get_weights()`, which Keras 2, Keras 3 and tf.keras share.
"""

from __future__ import annotations

from typing import Any, Callable, List, Mapping, Sequence

from ..errors import FormatError, SettingError
from ..formulas.names import layers_named
from ..lesson.activation_layers import ELU, LeakyReLU, Linear, ReLU, Softmax
from ..lesson.layer import Layer
from ..lesson.layers import Dense, Dropout
from ..lesson.matrix import Vector
from ..lesson.normalization import BatchNorm, LayerNorm
from . import assembly
from .imported import Imported
from .state import Tensor, read_tensor, with_tensors

_ACTIVATIONS, _LAYERS = layers_named("Keras function"), layers_named("Keras layer")
_FUNCTION_SLOPE = 0.2  # of keras.activations.leaky_relu


def from_keras(model: object, layers: Sequence[Layer] | None = None) -> Imported:
    """Return the network of a live Keras Sequential model, as it predicts.

    The supported layers are InputLayer, Dense, Activation, ReLU, LeakyReLU, ELU, Softmax, Dropout,
    BatchNormalization, LayerNormalization, Normalization, Flatten (left out) and nested Sequential
    models. The activation of a Dense layer becomes a separate layer.

    `model` may also be the list that `get_weights()` returns. `layers` is then the list of tinynn
    layers for these weights, in the same order, and they become the network's:
    from_keras(model.get_weights(), [Dense(3, 4), ReLU(), Dense(4, 1)]). A BatchNorm takes four
    arrays: gamma, beta, mean and variance.

    Raises FormatError, naming the layer, for anything else, and SettingError for weights without
    `layers`, or a model with them.
    """
    if isinstance(model, (list, tuple)):
        if layers is None:
            raise SettingError(
                "from_keras needs layers for a list of weights: layers=[Dense(…), …]"
            )
        tensors = _named(model, layers)
        return Imported(with_tensors("the list of weights", tensors, layers, in_order=True))
    if layers is not None:
        raise SettingError("from_keras takes layers only with a list of weights")
    return Imported(assembly.assembled("the model", _model(model, "the model")))


def _named(arrays: Sequence[object], layers: Sequence[Layer]) -> dict[str, Tensor]:
    """Return the arrays by layer and letter: "0.W", "0.b", "2.W" …"""
    names = [f"{i}.{letter}" for i, layer in enumerate(layers) for letter in layer.shapes()]
    if len(names) != len(arrays):
        raise FormatError(f"the layers given need {len(names)} arrays, got {len(arrays)}")
    return {name: read_tensor(name, array) for name, array in zip(names, arrays)}


def _model(model: Any, place: str) -> list[Layer]:
    """Return the layers of a Sequential model, or of one of its layers."""
    kind = type(model)
    name = kind.__name__
    if not {"keras", "tf_keras"} & set(kind.__module__.split(".")):
        raise assembly.refusal(place, f"an object of {kind.__module__}.{name}")
    if name == "Sequential":
        shape = getattr(model, "input_shape", None) or ()
        if len(shape) > 2 and type(model.layers[0]).__name__ not in ("InputLayer", "Flatten"):
            raise assembly.refusal(place, f"inputs of the shape {shape}", "Flatten them first")
        return [
            layer
            for i, part in enumerate(model.layers)
            for layer in _model(part, f"layer {i}, {type(part).__name__} {part.name!r}")
        ]
    if name == "InputLayer":
        return []
    read = _READERS.get(_LAYERS.get(name, name))
    if read is None:
        raise assembly.refusal(place, f"the layer {name}")
    weights = [array.tolist() for array in model.get_weights()]
    return read(place, model.get_config(), weights)


Config = Mapping[str, Any]
Weights = List[Any]


def _activation(place: str, config: Config) -> list[Layer]:
    """Return the layer of an activation, none for the identity."""
    name = config["activation"]
    if not isinstance(name, str) or name not in _ACTIVATIONS:
        name = name.get("class_name", name) if isinstance(name, Mapping) else name
        raise assembly.refusal(place, f"the activation {name!r}")
    kind = _ACTIVATIONS[name]
    if kind is LeakyReLU:
        return [LeakyReLU(_FUNCTION_SLOPE)]
    return [] if kind is Linear else [kind()]


def _dense(place: str, config: Config, weights: Weights) -> list[Layer]:
    assembly.check_settings(
        place, "a Dense", config, {"quantization_config": None, "lora_rank": None}
    )
    W = assembly.matrix(place, weights[0])
    b = assembly.vector(place, weights[1]) if config["use_bias"] else None
    return [assembly.dense(place, W, b), *_activation(place, config)]


def _last_axis(place: str, what: str, config: Config) -> None:
    if config["axis"] not in (-1, 1, [-1], [1], (-1,), (1,)):
        raise assembly.refusal(place, f"{what} with axis={config['axis']!r}")


def _scale_and_shift(place: str, config: Config, weights: Weights) -> list[Vector | None]:
    """Remove gamma and beta from the list of weights and return them, None for each it lacks."""
    return [
        assembly.vector(place, weights.pop(0)) if config[has] else None
        for has in ("scale", "center")
    ]


def _batch_norm(place: str, config: Config, weights: Weights) -> list[Layer]:
    _last_axis(place, "a BatchNormalization", config)
    assembly.check_settings(place, "a BatchNormalization", config, {"renorm": False})
    gamma, beta = _scale_and_shift(place, config, weights)
    mean, variance = (assembly.vector(place, numbers) for numbers in weights)
    eps, momentum = config["epsilon"], 1.0 - config["momentum"]
    return [assembly.batch_norm(place, mean, variance, gamma, beta, eps, momentum)]


def _layer_norm(place: str, config: Config, weights: Weights) -> list[Layer]:
    _last_axis(place, "a LayerNormalization", config)
    assembly.check_settings(place, "a LayerNormalization", config, {"rms_scaling": False})
    gamma, beta = _scale_and_shift(place, config, weights)
    if gamma is None and beta is None:
        raise assembly.refusal(place, "a LayerNormalization without center and scale")
    return [assembly.layer_norm(place, len(gamma or beta or []), gamma, beta, config["epsilon"])]


def _normalization(place: str, config: Config, weights: Weights) -> list[Layer]:
    """(x − mean) / max(√variance, 1e-7)"""
    _last_axis(place, "a Normalization", config)
    assembly.check_settings(place, "a Normalization", config, {"invert": False})
    if len(weights) < 2:
        raise assembly.refusal(place, "a Normalization whose mean and variance were given to it")
    mean, variance = (assembly.vector(place, numbers) for numbers in weights[:2])
    scale = [1.0 / max(v**0.5, 1e-7) for v in variance]
    return [assembly.scaling(place, mean, scale, [0.0] * len(mean))]


def _relu(place: str, config: Config, weights: Weights) -> list[Layer]:
    slope = assembly.real(place, "negative_slope", config.get("negative_slope") or 0.0)
    assembly.check_settings(place, "a ReLU", config, {"max_value": None})
    assembly.check_settings(
        place, "a ReLU", {"threshold": config.get("threshold") or 0}, {"threshold": 0}
    )
    return [LeakyReLU(slope) if slope else ReLU()]


def _leaky_relu(place: str, config: Config, weights: Weights) -> list[Layer]:
    slope = config["negative_slope"] if "negative_slope" in config else config["alpha"]  # Keras 2
    return [assembly.simple(place, LeakyReLU, negative_slope=assembly.real(place, "slope", slope))]


def _elu(place: str, config: Config, weights: Weights) -> list[Layer]:
    return [assembly.simple(place, ELU, alpha=assembly.real(place, "alpha", config["alpha"]))]


def _softmax(place: str, config: Config, weights: Weights) -> list[Layer]:
    _last_axis(place, "a Softmax", config)
    return [Softmax()]


def _flatten(place: str, config: Config, weights: Weights) -> list[Layer]:
    """A row is already flat; given channels first, Keras would move them to the end."""
    assembly.check_settings(place, "a Flatten", config, {"data_format": "channels_last"})
    return []


# By tinynn's layer, or by Keras's name where tinynn has none.
_READERS: dict[object, Callable[[str, Config, Weights], list[Layer]]] = {
    Dense: _dense,
    ReLU: _relu,
    LeakyReLU: _leaky_relu,
    ELU: _elu,
    Softmax: _softmax,
    Dropout: lambda place, config, weights: [assembly.dropout(place, config["rate"])],
    BatchNorm: _batch_norm,
    LayerNorm: _layer_norm,
    "Activation": lambda place, config, weights: _activation(place, config),
    "Flatten": _flatten,
    "Normalization": _normalization,
}
