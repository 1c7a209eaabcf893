"""PyTorch's modules for images."""

from __future__ import annotations

from typing import Any, Callable, Sequence, Union

from ..lesson.images import Reshape
from ..lesson.layer import Layer
from ..lesson.matrix import transpose
from ..lesson.windows import Padding, Shape
from . import assembly
from .images import Either, OnImages, average_pool, ceil_padding, convolution, max_pool, whole_pool

Reader = Callable[[Any, str], Sequence[Union[Layer, OnImages, Either]]]


def _sides(m: Any) -> int:
    """Return 1 for Conv1d, 2 for Conv2d and so on."""
    return int(type(m).__name__[-2])


def _numbers(place: str, name: str, value: Any, sides: int) -> list[int]:
    """Return a setting that may be one number for all sides."""
    numbers = list(value) if isinstance(value, (list, tuple)) else [value] * sides
    if len(numbers) != sides:
        raise assembly.refusal(place, f"a module with {name}={value!r}")
    return [int(assembly.real(place, name, number, least=0)) for number in numbers]


def _conv(m: Any, place: str) -> list[Layer | OnImages | Either]:
    sides, kind = _sides(m), type(m).__name__
    assembly.check_settings(
        place, kind, {"padding_mode": m.padding_mode}, {"padding_mode": "zeros"}
    )
    kernel, stride, dilation = (
        _numbers(place, name, getattr(m, name), sides)
        for name in ("kernel_size", "stride", "dilation")
    )
    padding: Padding = m.padding
    if not isinstance(padding, str):
        padding = _tidy(_numbers(place, "padding", padding, sides))
    filters = assembly.matrix(place, m.weight.reshape(len(m.weight), -1).tolist())
    b = None if m.bias is None else assembly.vector(place, m.bias.tolist())
    return [
        convolution(
            place, sides, transpose(filters), b, kernel, _tidy(stride), padding, _tidy(dilation),
            m.groups,
        )
    ]  # fmt: skip


def _tidy(numbers: Sequence[int]) -> Any:
    """Return numbers that are equal as one."""
    return numbers[0] if len(set(numbers)) == 1 else tuple(numbers)


def _pool(m: Any, place: str) -> list[Layer | OnImages | Either]:
    sides, kind = _sides(m), type(m).__name__
    largest = kind.startswith("Max")
    have = {name: getattr(m, name, None) for name in ("return_indices", "divisor_override")}
    assembly.check_settings(
        place, kind, {name: value or None for name, value in have.items()}, dict.fromkeys(have)
    )
    if largest and set(_numbers(place, "dilation", m.dilation, sides)) != {1}:
        raise assembly.refusal(place, f"{kind} with dilation={m.dilation!r}")
    kernel = _numbers(place, "kernel_size", m.kernel_size, sides)
    stride = _numbers(place, "stride", m.stride, sides) if m.stride is not None else kernel
    added = _numbers(place, "padding", m.padding, sides)

    def make(shape: Shape) -> Layer:
        padding, counted = _tidy(added), bool(getattr(m, "count_include_pad", True))
        if m.ceil_mode:
            behind = [
                ceil_padding(*side, side[-1]) for side in zip(shape[1:], kernel, stride, added)
            ]
            if behind != added:
                if counted and any(added) and not largest:
                    raise assembly.refusal(place, f"{kind} with ceil_mode and counted padding")
                padding, counted = tuple(zip(added, behind)), False
                padding = padding[0] if sides == 1 else padding
        if largest:
            return max_pool(sides, kernel, _tidy(stride), padding).make(shape)
        return average_pool(sides, kernel, _tidy(stride), padding, counted).make(shape)

    return [OnImages(sides, make)]


def _adaptive(m: Any, place: str) -> list[Layer | OnImages | Either]:
    """Pooling to a size; if it divides the image's, all windows are equal."""
    sides, kind = _sides(m), type(m).__name__
    largest = kind.startswith("AdaptiveMax")
    size = m.output_size
    wanted = list(size) if isinstance(size, (list, tuple)) else [size] * sides

    def make(shape: Shape) -> Layer:
        kernel = []
        for n, k in zip(shape[1:], wanted):
            parts = n if k is None else k
            if parts < 1 or n % parts:
                raise assembly.refusal(place, f"{kind}({size!r}) of images of {shape}")
            kernel.append(n // parts)
        if tuple(kernel) == shape[1:]:
            return whole_pool(sides, largest).make(shape)
        if largest:
            return max_pool(sides, kernel, _tidy(kernel), 0).make(shape)
        return average_pool(sides, kernel, _tidy(kernel), 0, True).make(shape)

    return [OnImages(sides, make)]


def _unflatten(m: Any, place: str) -> list[Layer | OnImages | Either]:
    shape = tuple(m.unflattened_size)
    if m.dim not in (1, -1) or len(shape) not in (2, 3) or not all(map(_is_side, shape)):
        raise assembly.refusal(place, f"Unflatten({m.dim!r}, {shape})")
    return [assembly.built(place, lambda: Reshape(shape))]


def _is_side(value: object) -> bool:
    return isinstance(value, int) and value > 0


def _nothing(m: Any, place: str) -> list[Layer | OnImages | Either]:
    return []


READERS: dict[str, Reader] = {
    "Conv1d": _conv,
    "Conv2d": _conv,
    "MaxPool1d": _pool,
    "MaxPool2d": _pool,
    "AvgPool1d": _pool,
    "AvgPool2d": _pool,
    "AdaptiveAvgPool1d": _adaptive,
    "AdaptiveAvgPool2d": _adaptive,
    "AdaptiveMaxPool1d": _adaptive,
    "AdaptiveMaxPool2d": _adaptive,
    "Dropout1d": _nothing,
    "Dropout2d": _nothing,
    "Unflatten": _unflatten,
}
