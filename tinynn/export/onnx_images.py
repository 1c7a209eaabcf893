"""Layers for images as ONNX operators.

A tensor is a row for each sample until a layer takes images; from there on it has their shape,
through all layers that treat every number alike, and becomes rows again for any other layer.
"""

from __future__ import annotations

from typing import Callable, Sequence, Union, cast

from ..lesson.activation_layers import Activation, LogSoftmax, Softmax
from ..lesson.convolution import Conv1D, Conv2D, DepthwiseConv2D
from ..lesson.images import BatchNorm1D, BatchNorm2D, Flatten, ImageLayer, Reshape
from ..lesson.layer import Layer
from ..lesson.layers import Dropout
from ..lesson.matrix import transpose
from ..lesson.pooling import AveragePool1D, AveragePool2D, MaxPool1D, MaxPool2D
from ..lesson.windows import Shape, Windows, count
from .onnx_layers import LayerGraph

Pool = Union[MaxPool2D, AveragePool2D]


class ImageGraph(LayerGraph):
    """What takes the nodes, with tensors of any shape."""

    def constant(self, letter: str, values: Sequence[float], *shape: int) -> str:
        """Add a tensor of numbers and return its name."""
        raise NotImplementedError


class ImageTensors:
    """Knows which tensors are images, and of what shape."""

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self.shapes: dict[str, Shape] = {}

    def ready(self, tensor: str, layer: Layer) -> str:
        """Return the tensor in the shape in which a layer takes it."""
        if type(layer) in _SHAPELESS or (
            isinstance(layer, Activation) and not isinstance(layer, (Softmax, LogSoftmax))
        ):
            return tensor
        shape = shape_of(layer)
        if shape is None:
            return self.as_rows(tensor)
        if self.shapes.get(tensor) == shape:
            return tensor
        return self._reshaped(tensor, shape)

    def as_rows(self, tensor: str) -> str:
        """Return the tensor with a row for each sample."""
        shape = self.shapes.get(tensor)
        return self._reshaped(tensor, (count(shape),)) if shape else tensor

    def _reshaped(self, tensor: str, shape: Shape) -> str:
        words = "x".join(map(str, shape))
        made = self.graph.node(
            "Reshape", tensor, self.graph.integers(f"shape_{words}", [0, *shape])
        )
        if len(shape) > 1:
            self.shapes[made] = shape
        return made

    def made(self, before: str, after: str, layer: Layer) -> None:
        """Take note of the tensor that a layer made."""
        shape = shape_of(layer)
        if shape:
            self.shapes[after] = layer.out_shape if isinstance(layer, ImageLayer) else shape
        elif before in self.shapes:
            self.shapes[after] = self.shapes[before]


def shape_of(layer: Layer) -> Shape | None:
    """Return the shape of the images that a layer takes, None if it takes none."""
    if isinstance(layer, (ImageLayer, BatchNorm2D)) and type(layer) in IMAGE_KINDS:
        return layer.shape
    return None


def _attributes(windows: Windows, shape: Shape) -> dict[str, list[int]]:
    """Return the attributes of windows, for the sides that the images have."""
    sides = len(shape) - 1
    pads = windows.padding[-sides:]
    return {
        "kernel_shape": list(windows.kernel[-sides:]),
        "strides": list(windows.stride[-sides:]),
        "pads": [before for before, _ in pads] + [after for _, after in pads],
    }


def _conv(graph: ImageGraph, x: str, layer: Conv2D) -> str:
    sides = len(layer.shape) - 1
    kernel = layer.windows.kernel[-sides:]
    W = [w for column in transpose(layer.W) for w in column]
    in_group = layer.shape[0] // layer.groups
    inputs = [x, graph.constant("W", W, layer.filters, in_group, *kernel)]
    inputs += [graph.vector("b", layer.b)] if layer.b else []
    return graph.node(
        "Conv", *inputs, group=layer.groups, dilations=list(layer.windows.dilation[-sides:]),
        **_attributes(layer.windows, layer.shape),
    )  # fmt: skip


def _max_pool(graph: ImageGraph, x: str, layer: MaxPool2D) -> str:
    return graph.node("MaxPool", x, **_attributes(layer.windows, layer.shape))


def _average_pool(graph: ImageGraph, x: str, layer: AveragePool2D) -> str:
    windows = layer.windows
    if windows.kernel == windows.size and not any(map(any, windows.padding)):
        return graph.node("GlobalAveragePool", x)
    counted = int(layer.count_padding)
    return graph.node(
        "AveragePool", x, count_include_pad=counted, **_attributes(windows, layer.shape)
    )


WRITERS: dict[type[Layer], Callable[[LayerGraph, str, Layer], str]] = {
    kind: cast(Callable[[LayerGraph, str, Layer], str], write)
    for write, kinds in (
        (_conv, (Conv2D, Conv1D, DepthwiseConv2D)),
        (_max_pool, (MaxPool2D, MaxPool1D)),
        (_average_pool, (AveragePool2D, AveragePool1D)),
    )
    for kind in kinds
}
IMAGE_KINDS: tuple[type[Layer], ...] = (*WRITERS, BatchNorm2D, BatchNorm1D)
_SHAPELESS = (Dropout, Flatten, Reshape)
