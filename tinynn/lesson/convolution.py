"""Convolutions: the same small `Dense` layer, applied to every window of an image.

Conv2D             images: (channels, height, width)
Conv1D             signals: (channels, length)
DepthwiseConv2D    each channel by itself

A window (windows.py) with the pixels of all channels in a row is a *patch*. With the patches of a
batch as the rows of P, a convolution is Z = P W + b, as in `Dense`: a filter is a column of W, and
what it makes of all the windows of an image is a channel of the next image. So a filter finds the
same thing wherever it is, with few weights. Source: LeCun et al. (1989).
"""

from __future__ import annotations

import random
from typing import Mapping, Sequence

from ..checks.rows import as_rows, as_vector
from ..checks.settings import integer
from ..errors import SettingError, ShapeError
from .images import ImageColumns, ImageLayer, image_shape
from .initializers import Initializer, by_name as initializer_by_name
from .layer import Values
from .matrix import Matrix, Rows, Vector, add_row, column_sums, matmul, shape as shape_of, transpose
from .random_streams import stream
from .windows import Padding, Shape, Sides, as_given, count, windows_of


class Conv2D(ImageLayer):
    """Z = P W + b for the patches P of each image: `filters` channels, a pixel for every window.

    `kernel`, `stride` and `dilation` are a number or (down, across). `padding` is that, "valid"
    (none), "same" (as many windows as pixels, over stride), or ((above, below), (left, right)); it
    is filled with zeros. `groups` splits the channels, and the filters, into so many parts that
    know nothing of one another.

    `weights` is a matrix with a row for each number in a patch, channel by channel and each line by
    line, and a column for each filter: PyTorch's `weight.reshape(filters, -1).T`. Without it, the
    `initializer` draws one, as for a Dense layer with as many inputs as a patch has numbers, and
    filters · the kernel's pixels outputs, because a pixel is in that many sums. `bias` is
    a list with a number for each filter, True to start from zeros, or False for none.

    >>> Conv2D((1, 2, 3), 1, 2, weights=[[1.0], [0.0], [0.0], [-1.0]]).forward([[1, 2, 3, 4, 5, 6]])
    [[-4.0, -4.0]]
    """

    sides = 2
    usual: Mapping[str, object] = {"stride": 1, "padding": 0, "dilation": 1, "multiplier": 1}

    def __init__(
        self,
        shape: Sequence[int],
        filters: int,
        kernel: Sides,
        stride: Sides = 1,
        padding: Padding = 0,
        dilation: Sides = 1,
        groups: int = 1,
        initializer: str | Initializer = "glorot_uniform",
        bias: bool | Sequence[float] = True,
        weights: Rows | None = None,
    ) -> None:
        who = type(self).__name__
        shape = image_shape(who, shape, self.sides)
        self.filters = integer(who, "filters", filters, least=1)
        self.groups = integer(who, "groups", groups, least=1)
        if shape[0] % self.groups or self.filters % self.groups:
            raise SettingError(
                f"{who} needs channels and filters that {self.groups} groups divide, got "
                f"{shape[0]} and {self.filters}"
            )
        self.windows = windows_of(who, shape, kernel, stride, padding, dilation)
        self.set_shapes(shape, (self.filters, *self.windows.counts[-self.sides :]))
        given = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
        self.given = {name: as_given(value) for name, value in given.items()}
        self.initializer = initializer_by_name(initializer)
        self.patch = shape[0] // self.groups * self.windows.area
        self.W: Matrix = []
        self.b: Vector = []
        self.dW: Matrix = []
        self.db: Vector = []
        self.has_bias = bias is not False
        if weights is not None:
            self.W = as_rows(weights, "weights")
            if shape_of(self.W) != (self.patch, self.filters):
                raise ShapeError(
                    f"{self!r} needs weights of shape ({self.patch}, {self.filters}), numbers in a "
                    f"patch x filters, got {shape_of(self.W)}"
                )
        if not isinstance(bias, bool):
            self.b = as_vector(bias, "bias")
            if len(self.b) != self.filters:
                raise ShapeError(
                    f"{self!r} needs a bias for each of its {self.filters} filters, got "
                    f"{len(self.b)}"
                )
        if self.W:
            self.build(None, stream(0))

    def build(self, inputs: int | None, rng: random.Random) -> ImageColumns:
        columns = super().build(inputs, rng)
        if not self.W:
            self.W = self._drawn(rng)
        if not self.dW:
            self.b = self.b or [0.0] * (self.filters if self.has_bias else 0)
            self.dW = [[0.0] * self.filters for _ in self.W]
            self.db = [0.0] * len(self.b)
        return columns

    def _drawn(self, rng: random.Random) -> Matrix:
        """Return weights from the initializer: `inputs` and `outputs` are those of one pixel."""
        if type(self.initializer).__call__ is not Initializer.__call__:
            return self.initializer(self.patch, self.filters, rng)  # a matrix as a whole
        outputs = self.filters // self.groups * self.windows.area
        draw = self.initializer.sampler(self.patch, outputs, rng)
        return [[draw() for _ in range(self.filters)] for _ in range(self.patch)]

    @property
    def weight_shape(self) -> Shape:
        """The shape of PyTorch's weight: W transposed, with a patch as channels × kernel."""
        return (self.filters, self.shape[0] // self.groups, *self.windows.kernel[-self.sides :])

    def _groups(self, W: Matrix) -> list[Matrix]:
        """Return the columns of each group's filters."""
        size = self.filters // self.groups
        return [[row[k : k + size] for row in W] for k in range(0, self.filters, size)]

    def _channels(self, x: Vector, channels: int) -> list[Matrix]:
        """Return the rows of the channels of one image, by group."""
        size, in_group = len(x) // channels, channels // self.groups
        rows = [x[k : k + size] for k in range(0, len(x), size)]
        return [rows[k : k + in_group] for k in range(0, channels, in_group)]

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        """Return the filters' channels of Z = P W + b, where P is a patch for every window."""
        if not self.W:
            raise ShapeError(
                f"{self!r} has no weights yet: put it into a Sequential, or pass weights="
            )
        indices = self.windows.pixels()
        self.P: list[Matrix] = [[] for _ in range(self.groups)]
        for x in X:
            for patches, channels in zip(self.P, self._channels(x, self.shape[0])):
                pixels = [
                    list(map(pixel, of_windows))
                    for pixel in [[*channel, 0.0].__getitem__ for channel in channels]
                    for of_windows in indices
                ]
                patches += map(list, zip(*pixels))
        Z = [matmul(P, W) for P, W in zip(self.P, self._groups(self.W))]
        if self.b:
            Z = [add_row(Z_g, b_g[0]) for Z_g, b_g in zip(Z, self._groups([self.b]))]
        n = len(self.P[0]) // len(X)
        return [
            [z for Z_g in Z for channel in zip(*Z_g[k : k + n]) for z in channel]
            for k in range(0, n * len(X), n)
        ]

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX; store dW = Pᵀ dZ and db = the column sums of dZ, as in `Dense`.

        dP = dZ Wᵀ, too. A pixel is in several patches, and its derivative is the sum of theirs.
        """
        dZ: list[Matrix] = [[] for _ in range(self.groups)]
        for dy in dY:
            for rows, channels in zip(dZ, self._channels(dy, self.filters)):
                rows += map(list, zip(*channels))
        parts = [matmul(transpose(P), dZ_g) for P, dZ_g in zip(self.P, dZ)]
        self.dW = [[d for row in rows for d in row] for rows in zip(*parts)]
        if self.b:
            self.db = [d for dZ_g in dZ for d in column_sums(dZ_g)]
        if not wants_dX:
            return []
        dX: Matrix = [[] for _ in dY]
        for dZ_g, W in zip(dZ, self._groups(self.W)):
            dP = matmul(dZ_g, transpose(W))
            n = len(dP) // len(dY)
            for i, dx in enumerate(dX):
                dx += self._summed(transpose(dP[i * n : (i + 1) * n]))
        return dX

    def _summed(self, derivatives: Matrix) -> Vector:
        """Return the sum for each pixel of a group, of a row for each number in its patches."""
        indices, dx = self.windows.pixels(), []
        for k in range(0, len(derivatives), len(indices)):
            channel = [0.0] * (count(self.windows.size) + 1)  # and one for the padding
            for of_windows, row in zip(indices, derivatives[k:]):
                for index, d in zip(of_windows, row):
                    channel[index] += d
            dx += channel[:-1]
        return dx

    def parameters(self) -> dict[str, Values]:
        return {"W": self.W, "b": self.b} if self.b else {"W": self.W}

    def gradients(self) -> dict[str, Values]:
        return {"W": self.dW, "b": self.db} if self.b else {"W": self.dW}

    def shapes(self) -> dict[str, tuple[int, int]]:
        W = {"W": (self.patch, self.filters)}
        return {**W, "b": (1, self.filters)} if self.has_bias else W

    def settings(self) -> dict[str, object]:
        groups: dict[str, object] = {"groups": self.groups} if self.groups > 1 else {}
        without_bias: dict[str, object] = {} if self.has_bias else {"bias": False}
        first: dict[str, object] = {"shape": self.shape, "filters": self.filters}
        return {**first, **self.given, **groups, **without_bias}


class Conv1D(Conv2D):
    """`Conv2D` along one side: `shape` is (channels, length), the others are numbers.

    `padding` is a number, (before, after), "valid" or "same".
    """

    sides = 1


class DepthwiseConv2D(Conv2D):
    """`Conv2D` with a group for each channel, which makes `multiplier` channels of it.

    A `Conv2D` with a kernel of 1 after it mixes them again: together, they need far fewer weights
    and products than one with a large kernel. Source: Howard et al., MobileNets (2017).
    """

    def __init__(
        self,
        shape: Sequence[int],
        kernel: Sides,
        stride: Sides = 1,
        padding: Padding = 0,
        dilation: Sides = 1,
        multiplier: int = 1,
        initializer: str | Initializer = "glorot_uniform",
        bias: bool | Sequence[float] = True,
        weights: Rows | None = None,
    ) -> None:
        channels = image_shape("DepthwiseConv2D", shape, self.sides)[0]
        self.multiplier = integer("DepthwiseConv2D", "multiplier", multiplier, least=1)
        super().__init__(
            shape, channels * self.multiplier, kernel, stride, padding, dilation, channels,
            initializer, bias, weights,
        )  # fmt: skip

    def settings(self) -> dict[str, object]:
        settings = super().settings()
        del settings["filters"]
        settings.pop("groups", None)
        return {**settings, "multiplier": self.multiplier}
