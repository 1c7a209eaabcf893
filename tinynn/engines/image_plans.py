"""Layers for images as plans, and as prediction needs them: convolutions and pooling alone.

`BatchNorm2D` joins the convolution before it, or becomes one: with a kernel of 1 and a group for
each channel it is y = γ x + β. `Flatten` and `Reshape` do nothing to a row.
"""

from __future__ import annotations

from typing import NamedTuple

from ..formulas.normalizations import scale_and_shift
from ..lesson.convolution import Conv2D
from ..lesson.images import BatchNorm2D, Flatten, Reshape
from ..lesson.layer import Layer
from ..lesson.matrix import Matrix, Vector
from ..lesson.more_layers import IMAGE_LAYERS
from ..lesson.pooling import AveragePool2D, MaxPool2D
from ..lesson.windows import Pair, Shape, Windows, count

_KINDS = ((Conv2D, "Conv"), (MaxPool2D, "MaxPool"), (AveragePool2D, "AveragePool"))


class ImagePlan(NamedTuple):
    """What a layer makes of images: `filters` channels of the windows over `channels` channels.

    `groups` are those of a convolution; `count_padding` is of average pooling.
    """

    windows: Windows
    channels: int
    filters: int
    groups: int = 1
    count_padding: bool = True

    @property
    def columns(self) -> int:
        """How many columns come out."""
        return self.filters * count(self.windows.counts)

    @property
    def patch(self) -> int:
        """How many numbers a window has in all channels of a group."""
        return self.channels // self.groups * self.windows.area

    def makes(self, shape: Shape) -> bool:
        """Return whether the images that come out are of this shape."""
        return (self.filters, *self.windows.counts) == (shape[0], *_size(shape))

    def __str__(self) -> str:
        sides = [
            "x".join(map(str, (channels, *size)))
            for channels, size in (
                (self.channels, self.windows.size), (self.filters, self.windows.counts)
            )
        ]  # fmt: skip
        return " -> ".join(sides)


def _size(shape: Shape) -> Pair:
    """Return the height and width of an image; the height of a signal is 1."""
    height, width = (1, *shape[1:])[-2:]
    return height, width


def image_layer(layer: Layer) -> bool:
    """Return whether a layer is one of the library's own for images."""
    return type(layer) in IMAGE_LAYERS


def image_plan(layer: Layer) -> tuple[str, ImagePlan] | None:
    """Return the kind and plan of a layer for images that changes numbers; None for any other.

    The kind of `BatchNorm2D` is "ChannelNorm".
    """
    if isinstance(layer, BatchNorm2D) and image_layer(layer):
        return "ChannelNorm", channel_plan(layer)
    for base, kind in _KINDS:
        if isinstance(layer, base) and image_layer(layer):
            counted = bool(getattr(layer, "count_padding", True))
            channels, groups = layer.shape[0], int(getattr(layer, "groups", 1))
            return kind, ImagePlan(layer.windows, channels, layer.out_shape[0], groups, counted)
    return None


def does_nothing(layer: Layer) -> bool:
    """Return whether a layer only says what a row is."""
    return type(layer) in (Flatten, Reshape)


def takes_images(layer: Layer) -> bool:
    """Return whether a layer takes rows as images of its own shape."""
    return image_layer(layer) and not does_nothing(layer)


def channel_scaling(layer: BatchNorm2D) -> tuple[ImagePlan, dict[str, Matrix]]:
    """Return the convolution that `BatchNorm2D` is in prediction, and its W and b."""
    scale, shift = scale_and_shift(layer)
    return channel_plan(layer), {"W": [scale], "b": [shift]}


def channel_plan(layer: BatchNorm2D) -> ImagePlan:
    """Return windows of single pixels, with a group for each channel."""
    one, channels = (1, 1), layer.shape[0]
    windows = Windows(_size(layer.shape), one, one, ((0, 0), (0, 0)), one)
    return ImagePlan(windows, channels, channels, channels)


def scaled(values: dict[str, Matrix], scale: Vector, shift: Vector) -> dict[str, Matrix]:
    """Return W and b of a Dense layer, or of a convolution, with y · scale + shift after it."""
    bias = values["b"][0] if "b" in values else [0.0] * len(scale)
    W = [[w * s for w, s in zip(row, scale)] for row in values["W"]]
    return {"W": W, "b": [[b_j * s + t for b_j, s, t in zip(bias, scale, shift)]]}
