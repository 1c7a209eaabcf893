"""Windows: the parts of an image that a convolution or a pooling layer looks at, one after another.

A window has as many pixels as the `kernel`, and starts every `stride` pixels. `padding` is how many
pixels are added around the image, so that windows can reach over its edge; `dilation` is the
distance of the pixels in a window. Along one side of n pixels there are

    (n + padding before + padding after − dilation · (kernel − 1) − 1) // stride + 1

windows. All of that is the same in every channel.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Sequence, Tuple, Union

from ..checks.settings import integer
from ..checks.words import excerpt
from ..errors import SettingError, ShapeError

Shape = Tuple[int, ...]
Pair = Tuple[int, int]
Sides = Union[int, Sequence[int]]
Padding = Union[str, int, Sequence[Union[int, Sequence[int]]]]
MOST_PIXELS = 1 << 22  # in all windows of one channel


def count(shape: Sequence[int]) -> int:
    """Return how many columns an image has: the product of its sides."""
    product = 1
    for side in shape:
        product *= side
    return product


class Windows(NamedTuple):
    """The windows over a channel of height × width pixels, all as large as the kernel.

    stride, dilation: the distance of windows, and of the pixels in one; padding: how many pixels
    are added (above, below) and (on the left, on the right). All but `padding` are (down, across).
    """

    size: Pair
    kernel: Pair
    stride: Pair
    padding: tuple[Pair, Pair]
    dilation: Pair

    @property
    def counts(self) -> Pair:
        """How many windows there are down and across: (n + padding − reach) // stride + 1."""
        down, across = (
            (n + sum(added) - d * (k - 1) - 1) // s + 1
            for n, added, k, d, s in zip(
                self.size, self.padding, self.kernel, self.dilation, self.stride
            )
        )
        return down, across

    @property
    def area(self) -> int:
        """How many pixels a window has."""
        return count(self.kernel)

    def pixels(self) -> list[list[int]]:
        """Return, for each pixel of the kernel, its index in the channel for every window.

        Windows are in the order of the image that they make. A pixel of the padding has the index
        height · width, one behind the last pixel.
        """
        return _pixels(self)


@lru_cache(maxsize=32)
def _pixels(windows: Windows) -> list[list[int]]:
    (height, width), (top, _), (left, _) = windows.size, *windows.padding
    (down, across), (step_y, step_x) = windows.stride, windows.dilation
    count_y, count_x = windows.counts
    found = []
    for k_y in range(windows.kernel[0]):
        ys = [i * down - top + k_y * step_y for i in range(count_y)]
        for k_x in range(windows.kernel[1]):
            xs = [j * across - left + k_x * step_x for j in range(count_x)]
            found.append(
                [
                    y * width + x if 0 <= y < height and 0 <= x < width else height * width
                    for y in ys
                    for x in xs
                ]
            )
    return found


def windows_of(
    who: str, shape: Shape, kernel: Sides, stride: Sides, padding: Padding, dilation: Sides = 1
) -> Windows:
    """Return the windows of a layer's settings, over images of `shape`.

    Raises SettingError for settings that do not fit, and ShapeError for an image that is smaller
    than a window.
    """
    sides = len(shape) - 1
    steps = [
        pair(who, name, value, sides)
        for name, value in (("kernel", kernel), ("stride", stride), ("dilation", dilation))
    ]
    reach = [d * (k - 1) + 1 for k, d in zip(steps[0], steps[2])]
    added = _padding(who, padding, shape[1:], reach, steps[1])
    for n, (before, after), needed in zip(shape[1:], added, reach):
        if n + before + after < needed:
            raise ShapeError(
                f"{who} needs images at least as large as its windows, {_by(reach)} pixels, got "
                f"{_by(shape[1:])}" + (f" and padding {excerpt(padding)}" if padding else "")
            )
    ones, none = (1,) * (2 - sides), ((0, 0),) * (2 - sides)
    size, kernel_pair, stride_pair, dilation_pair = (
        (*ones, *values)[-2:] for values in (shape[1:], *steps)
    )
    windows = Windows(
        size, kernel_pair, stride_pair, (*none, *added)[-2:], dilation_pair,  # type: ignore[arg-type]
    )  # fmt: skip
    if count(windows.counts) * windows.area > MOST_PIXELS:
        raise SettingError(
            f"{who} needs at most {MOST_PIXELS:,} pixels in the windows over one channel, got "
            f"{count(windows.counts) * windows.area:,}; choose a larger stride or smaller kernel"
        )
    return windows


def _by(sides: Sequence[int]) -> str:
    return " x ".join(map(str, sides))


def pair(who: str, name: str, value: Sides, sides: int) -> tuple[int, ...]:
    """Return one number for each side: those of a pair, or one number for all of them."""
    if isinstance(value, (list, tuple)) and len(value) == sides:
        return tuple([integer(who, name, one, least=1) for one in value])
    if sides > 1 and isinstance(value, (list, tuple)):
        raise SettingError(
            f"{who} needs {name} to be a whole number or two, (down, across), got {excerpt(value)}"
        )
    return (integer(who, name, value, least=1),) * sides


def _padding(
    who: str, padding: Padding, sizes: Shape, reach: Sequence[int], stride: Sequence[int]
) -> list[Pair]:
    """Return how many pixels are added before and after, for each side."""
    if padding == "valid":
        return [(0, 0)] * len(sizes)
    if padding == "same":
        # As many windows as n / stride, rounded up; what cannot be halved is one more at the end.
        total = [max(0, (-(-n // s) - 1) * s + r - n) for n, r, s in zip(sizes, reach, stride)]
        return [(t // 2, t - t // 2) for t in total]
    parts: list[object] = [padding] * len(sizes)
    if len(sizes) > 1 and isinstance(padding, (list, tuple)):
        parts = list(padding)
    try:
        if len(parts) == len(sizes):
            return [_before_and_after(part) for part in parts]
    except SettingError:
        pass
    forms = "two, (before, after)" if len(sizes) == 1 else "two, (down, across), each may be a pair"
    raise SettingError(
        f"{who} needs padding to be 'same', 'valid', or a whole number of at least 0 or {forms}; "
        f"got {excerpt(padding)}"
    )


def as_given(value: object) -> object:
    """Return a setting as it was given, with tuples for lists, such as those from JSON."""
    return tuple(map(as_given, value)) if isinstance(value, (list, tuple)) else value


def _before_and_after(part: object) -> Pair:
    if isinstance(part, (list, tuple)):
        before, after = part if len(part) == 2 else (-1, -1)
    else:
        before = after = part
    return integer("", "", before, least=0), integer("", "", after, least=0)
