"""Images: what a flat row stands for, and the windows through which layers look at it.

An image of channels × height × width is one flat row: channel after channel, each line by line.
Pixel (y, x) of channel c is column c · height · width + y · width + x, as in PyTorch. A signal of
channels × length is an image of height 1.

Reshape        from here on, the row is an image of this shape
Flatten        from here on, it is no image any more
BatchNorm2D    BatchNorm by channel
BatchNorm1D    the same for signals

Convolutions (convolution.py) and pooling (pooling.py) compute each pixel from a window of pixels
that are close together (windows.py).
"""

from __future__ import annotations

import random
from typing import Mapping, Sequence

from ..checks.settings import integer
from ..checks.words import excerpt
from ..errors import SettingError, ShapeError
from .layer import Layer
from .matrix import Matrix
from .normalization import BatchNorm
from .random_streams import stream
from .windows import Shape, count


class ImageColumns(int):
    """A number of columns, and the shape of the image that they are.

    Layers return it from `build`. Those that treat every column alike pass it on, so that a layer
    further on can check that its image is the one that it gets.
    """

    shape: Shape

    def __new__(cls, shape: Shape) -> ImageColumns:
        columns = super().__new__(cls, count(shape))
        columns.shape = shape
        return columns

    def __getnewargs__(self) -> tuple[Shape]:  # type: ignore[override]
        return (self.shape,)


_SHAPES = {1: ("channels", "length"), 2: ("channels", "height", "width")}


def image_shape(who: str, shape: object, *sides: int) -> Shape:
    """Return the checked shape of an image that has, besides channels, one of `sides` sides."""
    if not isinstance(shape, (list, tuple)) or len(shape) - 1 not in sides:
        words = " or ".join(f"({', '.join(_SHAPES[n])})" for n in sides)
        raise SettingError(f"{who} needs shape to be {words}, got {excerpt(shape)}")
    return tuple(
        [integer(who, name, n, least=1) for name, n in zip(_SHAPES[len(shape) - 1], shape)]
    )


class ImageLayer(Layer):
    """The base of layers that take rows as images of a shape, and return images of another."""

    shape: Shape
    out_shape: Shape
    usual: Mapping[str, object] = {}  # settings that need no mention

    def set_shapes(self, shape: Shape, out_shape: Shape) -> None:
        """Take the checked shapes of the images that go in and come out."""
        self.shape, self.out_shape = shape, out_shape
        self.inputs = count(shape)

    def build(self, inputs: int | None, rng: random.Random) -> ImageColumns:
        check_image(self, self.shape, inputs)
        return ImageColumns(self.out_shape)

    def __repr__(self) -> str:
        words = [
            repr(value) if name in ("shape", "filters", "kernel") else f"{name}={value!r}"
            for name, value in self.settings().items()
            if value != self.usual.get(name)
        ]
        return f"{type(self).__name__}({', '.join(words)})"


def check_image(layer: Layer, shape: Shape, inputs: int | None) -> None:
    """Raise ShapeError unless `inputs` columns, if known, are an image of a shape."""
    got = inputs.shape if isinstance(inputs, ImageColumns) else shape
    if inputs is None or (inputs == count(shape) and got == shape):
        return
    if inputs == count(shape):
        raise ShapeError(
            f"{layer!r} needs images of {shape}, or a Reshape({shape}) before it, got {got}"
        )
    columns = f"{inputs:,}" if got is shape else f"{got}, {inputs:,} columns"
    raise ShapeError(f"{layer!r} needs images of {shape}, {count(shape):,} columns, got {columns}")


class Reshape(ImageLayer):
    """Y = X: the same row, from here on an image of `shape`, (channels, height, width).

    `shape` may also be (channels, length). Layers after it that take images check that it is
    theirs; without it, they take any row that is as long as their image.
    """

    def __init__(self, shape: Sequence[int]) -> None:
        checked = image_shape("Reshape", shape, 2, 1)
        self.set_shapes(checked, checked)

    def build(self, inputs: int | None, rng: random.Random) -> ImageColumns:
        if inputs not in (None, self.inputs):
            raise ShapeError(f"{self!r} needs {self.inputs:,} columns, got {inputs:,}")
        return ImageColumns(self.shape)

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        return X

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        return dY

    def settings(self) -> dict[str, object]:
        return {"shape": self.shape}


class Flatten(Layer):
    """Y = X: the same row, from here on no image but plain columns."""

    def build(self, inputs: int | None, rng: random.Random) -> int | None:
        return None if inputs is None else int(inputs)

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        return X

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        return dY


class BatchNorm2D(BatchNorm):
    """BatchNorm by channel, over all pixels of all images of a batch: γ, β, μ and σ² per channel.

    To `BatchNorm`, each pixel is a row, with a column for each channel.
    Source: Ioffe and Szegedy (2015), section 3.2.
    """

    sides = 2

    def __init__(self, shape: Sequence[int], momentum: float = 0.1, eps: float = 1e-5) -> None:
        self.shape = image_shape(type(self).__name__, shape, self.sides)
        super().__init__(self.shape[0], momentum, eps)
        self.inputs: int = count(self.shape)
        self.least_rows = 1 if self.inputs > self.shape[0] else 2

    def build(self, inputs: int | None, rng: random.Random) -> int:
        check_image(self, self.shape, inputs)
        super().build(self.shape[0], rng)
        return ImageColumns(self.shape)

    def _pixels(self, X: Matrix) -> Matrix:
        """Return a row for each pixel of each image, with a column for each channel."""
        size = self.inputs // self.shape[0]
        return [
            list(pixel) for x in X
            for pixel in zip(*[x[k : k + size] for k in range(0, self.inputs, size)])
        ]  # fmt: skip

    def _images(self, pixels: Matrix) -> Matrix:
        """Return the pixels as whole images again."""
        size = self.inputs // self.shape[0]
        return [
            [x for channel in zip(*pixels[k : k + size]) for x in channel]
            for k in range(0, len(pixels), size)
        ]

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        self.build(len(X[0]), stream(0))
        return self._images(super().forward(self._pixels(X), training))

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        return self._images(super().backward(self._pixels(dY), wants_dX))

    def settings(self) -> dict[str, object]:
        return {"shape": self.shape, "momentum": self.momentum, "eps": self.eps}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.shape})"


class BatchNorm1D(BatchNorm2D):
    """BatchNorm by channel, over all steps of all signals: `shape` is (channels, length)."""

    sides = 1
