"""Pooling: smaller images, in which a pixel stands for a window of pixels of the same channel.

MaxPool2D, MaxPool1D            the largest of them
AveragePool2D, AveragePool1D    their mean

With a kernel as large as the image, each channel becomes one number (*global* pooling).
"""

from __future__ import annotations

from math import inf
from typing import Sequence

from ..checks.settings import flag
from ..errors import SettingError
from .images import ImageLayer, image_shape
from .matrix import Matrix
from .windows import Padding, Sides, as_given, count, windows_of


class _Pooling(ImageLayer):
    """What all pooling has in common: windows over each channel, `stride` apart.

    Without a `stride`, windows lie side by side.
    """

    sides = 2

    def __init__(
        self,
        shape: Sequence[int],
        kernel: Sides,
        stride: Sides | None = None,
        padding: Padding = 0,
    ) -> None:
        who = type(self).__name__
        shape = image_shape(who, shape, self.sides)
        stride = kernel if stride is None else stride
        self.windows = windows_of(who, shape, kernel, stride, padding)
        for added, k in zip(self.windows.padding, self.windows.kernel):
            if max(added) >= k:
                raise SettingError(
                    f"{who} needs padding below its kernel, so that each window has a pixel of the "
                    f"image, got kernel {kernel!r} and padding {padding!r}"
                )
        self.set_shapes(shape, (shape[0], *self.windows.counts[-self.sides :]))
        given = {"kernel": kernel, "stride": stride, "padding": padding}
        self.given = {name: as_given(value) for name, value in given.items()}
        self.usual = {"stride": self.given["kernel"], "padding": 0, "count_padding": True}

    def channels(self, X: Matrix) -> Matrix:
        """Return a row for each channel of each image."""
        size = len(X[0]) // self.shape[0]
        return [x[k : k + size] for x in X for k in range(0, len(x), size)]

    def images(self, channels: Matrix) -> Matrix:
        """Return the channels as whole images again."""
        n = self.shape[0]
        return [
            [y for channel in channels[k : k + n] for y in channel]
            for k in range(0, len(channels), n)
        ]

    def settings(self) -> dict[str, object]:
        return {"shape": self.shape, **self.given}


class MaxPool2D(_Pooling):
    """Y: the largest pixel of each window, of each channel by itself. The padding is never it.

    `kernel` and `stride` are a number or (down, across); without a `stride`, windows lie side by
    side. `padding` is as in `Conv2D`.

    >>> MaxPool2D((1, 2, 4), 2).forward([[1, 2, 3, 4, 5, 0, 0, 0]])
    [[5, 4]]
    """

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        windows = list(zip(*self.windows.pixels()))
        self.largest: list[list[int]] = []  # the index of the largest pixel (the first, if equal)
        Y = []
        for channel in self.channels(X):
            pixels = [*channel, -inf]
            self.largest.append([max(window, key=pixels.__getitem__) for window in windows])
            Y.append([pixels[i] for i in self.largest[-1]])
        return self.images(Y)

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX: of each window, the largest pixel has the derivative, and the others none."""
        size, dX = count(self.windows.size), []
        for largest, derivatives in zip(self.largest, self.channels(dY)):
            dx = [0.0] * (size + 1)
            for i, dy in zip(largest, derivatives):
                dx[i] += dy
            dX.append(dx[:-1])
        return self.images(dX)


class AveragePool2D(_Pooling):
    """Y: the mean of the pixels of each window, of each channel by itself.

    `kernel`, `stride` and `padding` are as in `MaxPool2D`. The padding counts as pixels of 0, as in
    PyTorch; with count_padding=False, means are of the image's own pixels, as in Keras.

    >>> AveragePool2D((1, 2, 4), 2).forward([[1, 2, 3, 4, 5, 0, 0, 1]])
    [[2.0, 2.0]]
    """

    def __init__(
        self,
        shape: Sequence[int],
        kernel: Sides,
        stride: Sides | None = None,
        padding: Padding = 0,
        count_padding: bool = True,
    ) -> None:
        super().__init__(shape, kernel, stride, padding)
        self.count_padding = flag(type(self).__name__, "count_padding", count_padding)

    def counted(self) -> list[tuple[tuple[int, ...], int]]:
        """Return the indices of each window's pixels, and the number to divide their sum by."""
        size, area = count(self.windows.size), self.windows.area
        windows = [*zip(*self.windows.pixels())]
        if self.count_padding:
            return [(window, area) for window in windows]
        return [(window, area - window.count(size)) for window in windows]

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        windows = self.counted()
        Y = []
        for channel in self.channels(X):
            pixel = [*channel, 0.0].__getitem__
            Y.append([sum(map(pixel, window)) / n for window, n in windows])
        return self.images(Y)

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX: y = Σ x / n, so each pixel of a window has the derivative dy / n."""
        windows, size, dX = self.counted(), count(self.windows.size), []
        for derivatives in self.channels(dY):
            dx = [0.0] * (size + 1)
            for (window, n), dy in zip(windows, derivatives):
                for i in window:
                    dx[i] += dy / n
            dX.append(dx[:-1])
        return self.images(dX)

    def settings(self) -> dict[str, object]:
        return {**super().settings(), "count_padding": self.count_padding}


class MaxPool1D(MaxPool2D):
    """`MaxPool2D` along one side: `shape` is (channels, length), the others are numbers."""

    sides = 1


class AveragePool1D(AveragePool2D):
    """`AveragePool2D` along one side: `shape` is (channels, length), the others are numbers."""

    sides = 1
