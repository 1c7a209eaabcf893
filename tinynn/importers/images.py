"""Layers for images of other frameworks, which learn the shape of their images along the network.

A `Part` is a layer, or a function that makes one when the shape of its images is known. Our rows
are channel by channel. Where another framework's are pixel by pixel (`pixels_first`), what follows
the flattened image has its columns in another order, and takes it over.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Sequence

from ..checks.words import counted
from ..errors import FormatError, SettingError
from ..lesson.activation_layers import Activation, LogSoftmax, Softmax
from ..lesson.convolution import Conv1D, Conv2D
from ..lesson.images import BatchNorm1D, BatchNorm2D, Flatten, ImageLayer, Reshape, image_shape
from ..lesson.layer import Layer
from ..lesson.layers import Dense, Dropout
from ..lesson.matrix import Matrix, Vector
from ..lesson.normalization import BatchNorm, LayerNorm
from ..lesson.parameters import rows_of
from ..lesson.pooling import AveragePool1D, AveragePool2D, MaxPool1D, MaxPool2D
from ..lesson.prelu import PReLU
from ..lesson.random_streams import stream
from ..lesson.windows import Padding, Shape, Sides, count
from . import assembly

# Of the sides of an image without its channels.
CONVOLUTIONS: dict[int, type[Conv2D]] = {1: Conv1D, 2: Conv2D}
MAX_POOLS: dict[int, type[MaxPool2D]] = {1: MaxPool1D, 2: MaxPool2D}
AVERAGE_POOLS: dict[int, type[AveragePool2D]] = {1: AveragePool1D, 2: AveragePool2D}
BATCH_NORMS: dict[int, type[BatchNorm2D]] = {1: BatchNorm1D, 2: BatchNorm2D}


class OnImages(NamedTuple):
    """What is made when the shape of its images is known.

    sides: how many sides its images have, besides the channels
    """

    sides: int
    make: Callable[[Shape], Layer]


class Either(NamedTuple):
    """A layer for rows, or another for images."""

    rows: Layer
    images: Callable[[Shape], Layer]


class Sum(NamedTuple):
    """x + f(x), of the parts or layers of f."""

    parts: Sequence[Any]


class Part(NamedTuple):
    """A piece of a network, and where it comes from.

    What is no layer yet treats every number alike, and is left to the caller.
    """

    place: str
    layer: Any


def shape_given(who: str, shape: object) -> Shape | None:
    """Return the checked shape of the images that a caller has described, None for rows."""
    return None if shape is None else image_shape(who, shape, 2, 1)


def placed(parts: Sequence[Part], shape: Shape | None, mend: str, pixels: bool) -> list[Any]:
    """Return the layers of a network whose inputs are images of `shape`, if any.

    mend:   how to say what shape the images have
    pixels: whether rows of the other framework are pixel by pixel
    Raises FormatError for what takes images where there are none, and the other way round.
    """
    layers: list[Any] = []
    order: list[int] = []  # where each column of ours is in the other framework's row
    for place, part in parts:
        if isinstance(part, (OnImages, Either)) and shape is not None:
            make = part.make if isinstance(part, OnImages) else part.images
            if isinstance(part, OnImages) and len(shape) != part.sides + 1:
                raise FormatError(f"{place} needs images with {part.sides} sides, got {shape}")
            layer = assembly.built(place, lambda make=make, shape=shape: make(shape))  # type: ignore[misc]
            shape = layer.out_shape if isinstance(layer, ImageLayer) else shape
        elif isinstance(part, OnImages):
            raise FormatError(f"{place} needs to know the shape of its images{mend}")
        elif isinstance(part, Sum):
            if shape is not None or order:
                raise assembly.refusal(place, "a sum of images", "export it to ONNX")
            layer = Sum(placed(part.parts, None, mend, pixels))
        else:
            layer = part.rows if isinstance(part, Either) else part
            if isinstance(layer, Flatten):
                if shape is None:
                    continue
                order = _order(shape) if pixels else order
                shape = None
            elif isinstance(layer, Reshape) and shape is None:
                if order or (pixels and _order(layer.shape)):
                    raise assembly.refusal(place, f"pixels in another order, as {layer.shape},")
                shape = layer.shape
            elif shape is not None and not each_number(layer):
                raise assembly.refusal(place, f"a {type(layer).__name__} on images", "flatten them")
            elif order:
                order = _permuted(place, layer, order)
        layers.append(layer)
    if order:
        raise assembly.refusal(parts[-1].place, "a flattened image as the network's output")
    return layers


def each_number(layer: Any) -> bool:
    """Return whether a layer treats every number alike, as does what is no layer yet."""
    if not isinstance(layer, Layer):
        return True
    if isinstance(layer, PReLU):
        return layer.shared
    alike = isinstance(layer, Activation) and not isinstance(layer, (Softmax, LogSoftmax))
    return alike or isinstance(layer, Dropout)


def _order(shape: Shape) -> list[int]:
    """Return the column of each of our columns in a row that is pixel by pixel; [] if the same."""
    channels, size = shape[0], count(shape[1:])
    order = [i * channels + c for c in range(channels) for i in range(size)]
    return [] if order == sorted(order) else order


def _permuted(place: str, layer: Layer, order: list[int]) -> list[int]:
    """Give a layer its columns in our order; return the order of its outputs."""
    if isinstance(layer, Dense):
        if len(layer.W) == len(order):  # else the network says so
            layer.W[:] = [layer.W[i] for i in order]
        return []
    if isinstance(layer, (BatchNorm, LayerNorm, PReLU)):
        for value in {**layer.parameters(), **layer.buffers()}.values():
            (row,) = rows_of(value)
            if len(row) == len(order):
                row[:] = [row[i] for i in order]
    elif not each_number(layer):
        raise assembly.refusal(place, f"a {type(layer).__name__} on a flattened image")
    return order


def convolution(
    place: str,
    sides: int,
    W: Matrix,
    b: Vector | None,
    kernel: Sequence[int],
    stride: Sides,
    padding: Padding,
    dilation: Sides,
    groups: int,
) -> OnImages:
    """Return a convolution; W has a row for each number of a patch, as `Conv2D` takes it."""

    channels = len(W) // count(kernel) * groups

    def make(shape: Shape) -> Layer:
        if shape[0] != channels:
            raise SettingError(f"it needs images of {counted(channels, 'channel')}, got {shape}")
        return CONVOLUTIONS[sides](
            shape, len(W[0]), _plain(kernel), stride, padding, dilation, groups,
            bias=False if b is None else b, weights=W,
        )  # fmt: skip

    return OnImages(sides, make)


def max_pool(sides: int, kernel: Sequence[int], stride: Sides, padding: Padding) -> OnImages:
    """Return the layer of the largest pixels."""
    return OnImages(sides, lambda shape: MAX_POOLS[sides](shape, _plain(kernel), stride, padding))


def average_pool(
    sides: int, kernel: Sequence[int], stride: Sides, padding: Padding, counted: bool
) -> OnImages:
    """Return the layer of the pixels' means; `counted`: whether padding counts as pixels of 0."""
    return OnImages(
        sides, lambda shape: AVERAGE_POOLS[sides](shape, _plain(kernel), stride, padding, counted)
    )


def whole_pool(sides: int, largest: bool) -> OnImages:
    """Return the layer that makes one number of each channel."""

    def make(shape: Shape) -> Layer:
        kernel = _plain(shape[1:])
        if largest:
            return MAX_POOLS[sides](shape, kernel)
        return AVERAGE_POOLS[sides](shape, kernel)

    return OnImages(sides, make)


def batch_norm_of(layer: BatchNorm, shape: Shape) -> BatchNorm2D:
    """Return a BatchNorm of columns as one of the channels of images."""
    made = BATCH_NORMS[len(shape) - 1](shape, layer.momentum, layer.eps)
    made.build(None, stream(0))
    if len(layer.gamma) != shape[0]:
        channels = counted(len(layer.gamma), "channel")
        raise SettingError(f"it needs images of {channels}, got {shape}")
    made.gamma[:], made.beta[:] = layer.gamma, layer.beta
    made.running_mean[:], made.running_variance[:] = layer.running_mean, layer.running_variance
    return made


def ceil_padding(n: int, kernel: int, stride: int, before: int, after: int) -> int:
    """Return the padding behind an image that counting windows by rounding up amounts to.

    The last window has to start before the padding behind, or it does not count.
    """
    windows = -(-(n + before + after - kernel) // stride) + 1
    if (windows - 1) * stride >= n + before:
        windows -= 1
    return max(after, (windows - 1) * stride + kernel - n - before)


def _plain(sides: Sequence[int]) -> Sides:
    """Return equal numbers as one."""
    return sides[0] if len(set(sides)) == 1 else tuple(sides)
