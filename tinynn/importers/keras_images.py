"""Keras's layers for images, whose channels come last; their activations are read by keras.py."""

from __future__ import annotations

from typing import Any, Callable, List, Mapping, Sequence, Union

from ..lesson.images import Flatten
from ..lesson.layer import Layer
from ..lesson.matrix import Matrix
from ..lesson.windows import Padding
from . import assembly
from .images import OnImages, average_pool, convolution, max_pool, whole_pool

Config = Mapping[str, Any]
Weights = List[Any]
ImageReader = Callable[[str, Config, Weights], Sequence[Union[Layer, OnImages]]]


def _checked(place: str, what: str, config: Config) -> None:
    assembly.check_settings(
        place, f"a {what}", config, {"data_format": "channels_last", "lora_rank": None}
    )


def _pair(place: str, name: str, value: Any, sides: int) -> list[int]:
    """Return a setting as a number for each side."""
    numbers = list(value) if isinstance(value, (list, tuple)) else [value] * sides
    if len(numbers) != sides:
        raise assembly.refusal(place, f"a layer with {name}={value!r}")
    return [int(assembly.real(place, name, number, least=1)) for number in numbers]


def _tidy(numbers: Sequence[int]) -> Any:
    return numbers[0] if len(set(numbers)) == 1 else tuple(numbers)


def _nested(place: str, value: Any, depth: int) -> Any:
    """Return a tensor as lists of lists, for one side with a side of 1 before it."""
    kernel = [value] if depth == 1 else value
    for pixels in kernel:
        for pixel in pixels:
            assembly.matrix(place, pixel)
    return kernel


def _patches(kernel: Any) -> Matrix:
    """Return the weights of Conv2D, (down, across, channels, filters), in rows by patch."""
    channels = len(kernel[0][0])
    return [list(pixel[c]) for c in range(channels) for line in kernel for pixel in line]


def _depthwise(kernel: Any) -> Matrix:
    """Return (down, across, channels, multiplier) as columns for channels · multiplier filters."""
    return [[w for channel in pixel for w in channel] for line in kernel for pixel in line]


def _convolution(
    place: str, sides: int, config: Config, W: Matrix, b: Any, kernel: Any, groups: int
) -> OnImages:
    size = [len(kernel), len(kernel[0])][-sides:]
    stride, dilation = (
        _pair(place, name, config.get(name, 1), sides) for name in ("strides", "dilation_rate")
    )
    padding: Padding = config["padding"]
    if padding == "causal" and sides == 1:
        padding = (dilation[0] * (size[0] - 1), 0)
    bias = None if b is None else assembly.vector(place, b)
    return convolution(place, sides, W, bias, size, _tidy(stride), padding, _tidy(dilation), groups)


def _conv(sides: int) -> ImageReader:
    def read(place: str, config: Config, weights: Weights) -> list[Layer | OnImages]:
        _checked(place, f"Conv{sides}D", config)
        kernel = _nested(place, weights[0], sides)
        b = weights[1] if config["use_bias"] else None
        groups = config.get("groups", 1)
        return [_convolution(place, sides, config, _patches(kernel), b, kernel, groups)]

    return read


def _depthwise_conv(sides: int) -> ImageReader:
    def read(place: str, config: Config, weights: Weights) -> list[Layer | OnImages]:
        _checked(place, f"DepthwiseConv{sides}D", config)
        kernel = _nested(place, weights[0], sides)
        b, channels = weights[1] if config["use_bias"] else None, len(kernel[0][0])
        return [_convolution(place, sides, config, _depthwise(kernel), b, kernel, channels)]

    return read


def _separable_conv(sides: int) -> ImageReader:
    """A depthwise convolution, and one with a kernel of 1 that mixes its channels."""

    def read(place: str, config: Config, weights: Weights) -> list[Layer | OnImages]:
        _checked(place, f"SeparableConv{sides}D", config)
        kernel, mixing = (_nested(place, value, sides) for value in weights[:2])
        b, channels = weights[2] if config["use_bias"] else None, len(kernel[0][0])
        plain = {"padding": "valid"}
        return [
            _convolution(place, sides, config, _depthwise(kernel), None, kernel, channels),
            _convolution(place, sides, plain, _patches(mixing), b, mixing, 1),
        ]

    return read


def _pool(sides: int, largest: bool) -> ImageReader:
    def read(place: str, config: Config, weights: Weights) -> list[Layer | OnImages]:
        _checked(place, f"{'Max' if largest else 'Average'}Pooling{sides}D", config)
        kernel = _pair(place, "pool_size", config["pool_size"], sides)
        stride = _tidy(_pair(place, "strides", config["strides"] or kernel, sides))
        if largest:
            return [max_pool(sides, kernel, stride, config["padding"])]
        return [average_pool(sides, kernel, stride, config["padding"], counted=False)]

    return read


def _whole_pool(sides: int, largest: bool) -> ImageReader:
    def read(place: str, config: Config, weights: Weights) -> list[Layer | OnImages]:
        _checked(place, f"Global{'Max' if largest else 'Average'}Pooling{sides}D", config)
        flat = [] if config.get("keepdims") else [Flatten()]
        return [whole_pool(sides, largest), *flat]

    return read


READERS: dict[str, ImageReader] = {
    f"{name}{sides}D": reader
    for sides in (1, 2)
    for name, reader in (
        ("Conv", _conv(sides)),
        ("DepthwiseConv", _depthwise_conv(sides)),
        ("SeparableConv", _separable_conv(sides)),
        ("MaxPooling", _pool(sides, True)),
        ("AveragePooling", _pool(sides, False)),
        ("GlobalMaxPooling", _whole_pool(sides, True)),
        ("GlobalAveragePooling", _whole_pool(sides, False)),
    )
}
