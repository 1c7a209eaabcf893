"""ONNX's operators on images: convolution and pooling."""

from __future__ import annotations

from math import prod
from typing import Any, Callable

from ...checks.words import excerpt
from ...errors import FormatError
from ...lesson.images import ImageLayer, Reshape
from ...lesson.matrix import transpose
from ...lesson.windows import Padding, Shape
from .. import assembly
from ..images import OnImages, average_pool, ceil_padding, convolution, max_pool, whole_pool
from .chain import Chain
from .model import OnnxNode


def shape_of(chain: Chain) -> Shape | None:
    """Return the shape of the current images, if they have one or two sides of known size."""
    sides = chain.sides or []
    known = [side for side in sides if side]
    return tuple(known) if len(known) == len(sides) and len(sides) in (2, 3) else None


def _shape(chain: Chain, node: OnnxNode) -> Shape:
    shape = shape_of(chain)
    if shape is None:
        raise assembly.refusal(
            node.place, f"{node.operator} of other than images of a known size, one or two sides,"
        )
    return shape


def _numbers(node: OnnxNode, name: str, default: int, length: int, least: int) -> list[int]:
    """Return an attribute with a whole number for each side."""
    numbers = node.attributes.get(name, [default] * length)
    if (
        not isinstance(numbers, list)
        or len(numbers) != length
        or not all(isinstance(n, int) and n >= least for n in numbers)
    ):
        raise FormatError(
            f"{node.place} needs {name} to be {length} whole numbers, got {excerpt(numbers)}"
        )
    return numbers


def _padding(
    node: OnnxNode, shape: Shape, kernel: list[int], stride: list[int], dilation: list[int]
) -> list[tuple[int, int]]:
    """Return how many pixels are added before and after, for each side."""
    sides = len(kernel)
    pads = _numbers(node, "pads", 0, 2 * sides, 0)
    kind = node.attributes.get("auto_pad", "NOTSET") or "NOTSET"
    if kind == "NOTSET":
        return list(zip(pads[:sides], pads[sides:]))
    if kind == "VALID":
        return [(0, 0)] * sides
    if kind not in ("SAME_UPPER", "SAME_LOWER"):
        raise assembly.refusal(node.place, f"{node.operator} with auto_pad={excerpt(kind)}")
    found = []
    for n, k, s, d in zip(shape[1:], kernel, stride, dilation):
        total = max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n)
        less, more = total // 2, total - total // 2
        found.append((less, more) if kind == "SAME_UPPER" else (more, less))
    return found


def _tidy(padding: list[tuple[int, int]]) -> Padding:
    sides: list[Any] = [before if before == after else (before, after) for before, after in padding]
    if len(sides) == 1 or (len(set(sides)) == 1 and isinstance(sides[0], int)):
        same: Padding = sides[0]
        return same
    return tuple(sides)


def _plain(numbers: list[int]) -> Any:
    return numbers[0] if len(set(numbers)) == 1 else tuple(numbers)


def see_shape(chain: Chain, shape: Shape) -> None:
    """Say that a row is an image of this shape, if the layers before have left another one."""
    if chain.image not in (None, shape):
        chain.steps.append(Reshape(shape))
    chain.image = shape


def _take(chain: Chain, node: OnnxNode, made: OnImages) -> None:
    """Add a layer for the current images."""
    shape = _shape(chain, node)
    see_shape(chain, shape)
    layer = assembly.built(node.place, lambda: made.make(shape))
    assert isinstance(layer, ImageLayer)
    chain.steps.append(layer)
    chain.image, chain.sides = layer.out_shape, list(layer.out_shape)


def _conv(chain: Chain, node: OnnxNode, tensor: str) -> None:
    if node.inputs[0] != tensor:
        raise assembly.refusal(node.place, "Conv of a constant by a variable")
    shape = _shape(chain, node)
    sides = len(shape) - 1
    weights = chain.constant(node, 1)
    if weights is None or len(weights.shape) != sides + 2 or 0 in weights.shape:
        shown = None if weights is None else list(weights.shape)
        raise assembly.refusal(node.place, f"Conv of {shape} by weights of shape {excerpt(shown)}")
    filters, _, *kernel = weights.shape
    stride, dilation = (_numbers(node, name, 1, sides, 1) for name in ("strides", "dilations"))
    if _numbers(node, "kernel_shape", 1, sides, 1) != kernel and "kernel_shape" in node.attributes:
        raise FormatError(f"{node.place}: its kernel_shape is not that of its weights, {kernel}")
    patch = prod(weights.shape[1:])
    chain.weight_rows += patch
    assembly.check_rows(chain.name, chain.weight_rows)
    rows = [weights.values[k * patch : (k + 1) * patch] for k in range(filters)]
    W = transpose(assembly.matrix(node.place, rows))
    bias = chain.constant(node, 2)
    b = None if bias is None else assembly.vector(node.place, bias.values)
    groups = node.attributes.get("group", 1)
    if not isinstance(groups, int) or groups < 1:
        raise FormatError(f"{node.place} needs group to be a whole number, got {excerpt(groups)}")
    padding = _tidy(_padding(node, shape, kernel, stride, dilation))
    _take(chain, node, convolution(
        node.place, sides, W, b, kernel, _plain(stride), padding, _plain(dilation), groups
    ))  # fmt: skip


def _pool(chain: Chain, node: OnnxNode, tensor: str) -> None:
    shape, largest = _shape(chain, node), node.operator == "MaxPool"
    sides = len(shape) - 1
    if "kernel_shape" not in node.attributes:
        raise FormatError(f"{node.place}: {node.operator} needs a kernel_shape")
    kernel = _numbers(node, "kernel_shape", 1, sides, 1)
    stride, dilation = (_numbers(node, name, 1, sides, 1) for name in ("strides", "dilations"))
    if set(dilation) != {1}:
        raise assembly.refusal(node.place, f"{node.operator} with dilations={excerpt(dilation)}")
    padding = _padding(node, shape, kernel, stride, dilation)
    counted = bool(node.attributes.get("count_include_pad", 0))
    if node.attributes.get("ceil_mode", 0):
        more = [
            (before, ceil_padding(n, k, s, before, after))
            for n, k, s, (before, after) in zip(shape[1:], kernel, stride, padding)
        ]
        if more != padding:
            if counted and not largest and any(map(any, padding)):
                raise assembly.refusal(node.place, "AveragePool with ceil_mode and counted padding")
            padding, counted = more, False
    if largest:
        _take(chain, node, max_pool(sides, kernel, _plain(stride), _tidy(padding)))
    else:
        counted = counted or not any(map(any, padding))  # it makes no difference without
        _take(chain, node, average_pool(sides, kernel, _plain(stride), _tidy(padding), counted))


def _whole(chain: Chain, node: OnnxNode, tensor: str) -> None:
    sides = len(_shape(chain, node)) - 1
    _take(chain, node, whole_pool(sides, node.operator == "GlobalMaxPool"))


def _mean(chain: Chain, node: OnnxNode, tensor: str) -> None:
    """ReduceMean over all sides of an image but the channels."""
    sides = len(_shape(chain, node)) - 1
    given = chain.constant(node, 1)
    axes = given.values if given else node.attributes.get("axes")
    if not isinstance(axes, list) or sorted(a % (sides + 2) for a in axes) != [2, 3][:sides]:
        raise assembly.refusal(node.place, f"ReduceMean of images over the axes {excerpt(axes)}")
    _take(chain, node, whole_pool(sides, largest=False))
    if not node.attributes.get("keepdims", 1):
        chain.sides = [chain.columns]


Reader = Callable[[Chain, OnnxNode, str], None]
_WINDOWS = ("auto_pad", "dilations", "kernel_shape", "pads", "strides")
READERS: dict[object, tuple[Reader, tuple[str, ...]]] = {
    "Conv": (_conv, (*_WINDOWS, "group")),
    "MaxPool": (_pool, (*_WINDOWS, "ceil_mode", "storage_order")),
    "AveragePool": (_pool, (*_WINDOWS, "ceil_mode", "count_include_pad")),
    "GlobalAveragePool": (_whole, ()),
    "GlobalMaxPool": (_whole, ()),
    "ReduceMean": (_mean, ("axes", "keepdims")),
}
