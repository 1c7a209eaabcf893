"""The layers of lesson/more_layers.py as ONNX operators of set 17.

Mish and the tanh form of GELU, which ONNX added later, are spelled out. In float64 so is whatever
has a float32 attribute or no float64 kernel in onnxruntime.
"""

from __future__ import annotations

from typing import Callable, Protocol, Sequence, cast

from ..lesson.layer import Layer
from ..lesson.more_activations import (
    CELU,
    GELU_CUBE,
    GELU_SLOPE,
    Clip,
    Hardsigmoid,
    Hardswish,
    LogSigmoid,
    Mish,
    ReLU6,
    Softsign,
    TanhGELU,
)
from ..lesson.normalization import GroupNorm
from ..lesson.prelu import PReLU


class LayerGraph(Protocol):
    """What takes the nodes."""

    @property
    def exact(self) -> bool:
        """Whether numbers are float64."""

    def node(self, operator: str, *inputs: str, **attributes: int | float | list[int]) -> str:
        """Add an operator and return the name of its output."""

    def scalar(self, letter: str, value: float) -> str:
        """Add one number and return its name."""

    def vector(self, letter: str, values: Sequence[float]) -> str:
        """Add one number per column."""

    def integers(self, letter: str, values: Sequence[int]) -> str:
        """Add a row of integers, such as a shape."""


def _clipped(graph: LayerGraph, x: str, least: float, most: float) -> str:
    return graph.node("Clip", x, graph.scalar("least", least), graph.scalar("most", most))


def _clip(graph: LayerGraph, x: str, layer: Clip) -> str:
    return _limited(graph, x, layer.least, layer.most)


def _relu6(graph: LayerGraph, x: str, layer: ReLU6) -> str:
    return _limited(graph, x, 0.0, 6.0)


def _limited(graph: LayerGraph, x: str, least: float, most: float) -> str:
    """Clip; in float64 Max and Min, since onnxruntime refuses a float64 Clip after a Relu."""
    if not graph.exact:
        return _clipped(graph, x, least, most)
    above = graph.node("Max", x, graph.scalar("least", least))
    return graph.node("Min", above, graph.scalar("most", most))


def _hardsigmoid(graph: LayerGraph, x: str, layer: Layer) -> str:
    if not graph.exact:
        return graph.node("HardSigmoid", x, alpha=1.0 / 6.0, beta=0.5)
    sixth = graph.node("Mul", x, graph.scalar("sixth", 1.0 / 6.0))
    shifted = graph.node("Add", sixth, graph.scalar("half", 0.5))
    return _clipped(graph, shifted, 0.0, 1.0)


def _hardswish(graph: LayerGraph, x: str, layer: Hardswish) -> str:
    if not graph.exact:
        return graph.node("HardSwish", x)
    return graph.node("Mul", x, _hardsigmoid(graph, x, layer))


def _mish(graph: LayerGraph, x: str, layer: Mish) -> str:
    """x tanh(log(1 + exp(x)))"""
    if not graph.exact:
        softplus = graph.node("Softplus", x)
    else:
        above = graph.node("Max", x, graph.scalar("zero", 0.0))
        softplus = graph.node("Add", above, _log_of_rest(graph, x))
    return graph.node("Mul", x, graph.node("Tanh", softplus))


def _log_of_rest(graph: LayerGraph, x: str) -> str:
    """log(1 + exp(−|x|))"""
    power = graph.node("Exp", graph.node("Neg", graph.node("Abs", x)))
    return graph.node("Log", graph.node("Add", power, graph.scalar("one", 1.0)))


def _log_sigmoid(graph: LayerGraph, x: str, layer: LogSigmoid) -> str:
    below = graph.node("Min", x, graph.scalar("zero", 0.0))
    return graph.node("Sub", below, _log_of_rest(graph, x))


def _softsign(graph: LayerGraph, x: str, layer: Softsign) -> str:
    if not graph.exact:
        return graph.node("Softsign", x)
    size = graph.node("Add", graph.node("Abs", x), graph.scalar("one", 1.0))
    return graph.node("Div", x, size)


def _celu(graph: LayerGraph, x: str, layer: CELU) -> str:
    """max(x, 0) + α (exp(min(x, 0) / α) − 1)"""
    if not graph.exact:
        return graph.node("Celu", x, alpha=layer.alpha)
    zero, alpha = graph.scalar("zero", 0.0), graph.scalar("alpha", layer.alpha)
    power = graph.node("Exp", graph.node("Div", graph.node("Min", x, zero), alpha))
    less = graph.node("Sub", power, graph.scalar("one", 1.0))
    return graph.node("Add", graph.node("Max", x, zero), graph.node("Mul", less, alpha))


def _tanh_gelu(graph: LayerGraph, x: str, layer: TanhGELU) -> str:
    """½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))"""
    cube = graph.node("Mul", graph.node("Mul", x, x), x)
    sum_ = graph.node("Add", x, graph.node("Mul", cube, graph.scalar("cube", GELU_CUBE)))
    t = graph.node("Tanh", graph.node("Mul", sum_, graph.scalar("slope", 0.5 * GELU_SLOPE)))
    twice = graph.node("Mul", x, graph.node("Add", t, graph.scalar("one", 1.0)))
    return graph.node("Mul", twice, graph.scalar("half", 0.5))


def _prelu(graph: LayerGraph, x: str, layer: PReLU) -> str:
    return graph.node("PRelu", x, graph.vector("slope", layer.slope))


def _group_norm(graph: LayerGraph, x: str, layer: GroupNorm) -> str:
    """The groups are rows of their own meanwhile."""
    columns, groups = len(layer.gamma), layer.groups
    parts = graph.node("Reshape", x, graph.integers("groups", [0, groups, columns // groups]))
    if not graph.exact:
        one, zero = graph.vector("one", [1.0] * groups), graph.vector("zero", [0.0] * groups)
        parts = graph.node("InstanceNormalization", parts, one, zero, epsilon=layer.eps)
    else:
        mean = graph.node("ReduceMean", parts, axes=[-1], keepdims=1)
        centred = graph.node("Sub", parts, mean)
        square = graph.node("Mul", centred, centred)
        variance = graph.node("ReduceMean", square, axes=[-1], keepdims=1)
        sum_ = graph.node("Add", variance, graph.scalar("eps", layer.eps))
        parts = graph.node("Div", centred, graph.node("Sqrt", sum_))
    whole = graph.node("Reshape", parts, graph.integers("columns", [0, columns]))
    scaled = graph.node("Mul", whole, graph.vector("gamma", layer.gamma))
    return graph.node("Add", scaled, graph.vector("beta", layer.beta))


WRITERS: dict[type[Layer], Callable[[LayerGraph, str, Layer], str]] = {
    kind: cast(Callable[[LayerGraph, str, Layer], str], write)
    for kind, write in (
        (Clip, _clip),
        (ReLU6, _relu6),
        (Hardsigmoid, _hardsigmoid),
        (Hardswish, _hardswish),
        (Mish, _mish),
        (LogSigmoid, _log_sigmoid),
        (Softsign, _softsign),
        (CELU, _celu),
        (TanhGELU, _tanh_gelu),
        (PReLU, _prelu),
        (GroupNorm, _group_norm),
    )
}
