"""The steps of an ONNX graph before they are layers: products and scalings still grow."""

from __future__ import annotations

from typing import Callable, Sequence, Union

from ...errors import FormatError
from ...lesson.attention import MultiHeadAttention
from ...lesson.images import BatchNorm2D, ImageLayer
from ...lesson.layer import Layer
from ...lesson.layers import Dense
from ...lesson.matrix import Matrix, Vector, transpose
from ...lesson.normalization import GroupNorm, LayerNorm
from ...lesson.random_streams import stream
from ...lesson.rms_norm import RMSNorm
from ...lesson.sequences import SequenceLayer
from ...lesson.windows import count
from .. import assembly

# Numbers that a file may use more than once: by one constant for all columns, or in many nodes.
SPREAD_LIMIT = 2**20


class Budget:
    """How many numbers the layers have beyond those in the file, which a file must pay for."""

    def __init__(self) -> None:
        self.left = SPREAD_LIMIT

    def spend(self, place: str, numbers: int) -> None:
        """Raise FormatError, naming the node, once there are too many."""
        self.left -= numbers
        if self.left < 0:
            raise FormatError(
                f"{place}: the file repeats its constants for more than {SPREAD_LIMIT:,} numbers"
            )


class Product:
    """x W + b: a Dense layer to be, to whose b constants can be added."""

    def __init__(self, place: str, W: Matrix, b: Vector | None, transposed: bool = False) -> None:
        self.place = place
        self.W = transpose(W) if transposed else W
        self.b = b

    def add(self, numbers: Vector, budget: Budget) -> None:
        """Add a constant to each column."""
        columns = len(self.W[0])
        self.b = each(self.place, budget, _sum, self.b or [0.0] * columns, numbers)

    def layer(self) -> Dense:
        """Return the layer."""
        return assembly.dense(self.place, self.W, self.b)


class AttentionStep:
    """An attention layer to be: W and b, if any, of query, key and value; then comes the output."""

    def __init__(
        self,
        place: str,
        heads: int,
        causal: bool,
        parts: Sequence[tuple[Matrix, Vector | None]],
    ) -> None:
        self.place, self.heads, self.causal = place, heads, causal
        self.parts = parts
        self.width = len(parts[0][0])
        self.output: Product | None = None

    def takes(self, step: Step) -> bool:
        """Return whether a step after this one is the product of its output, and keep it if so."""
        if self.output is not None or not isinstance(step, Product):
            return False
        if (len(step.W), len(step.W[0])) != (self.width, self.width):
            return False
        self.output = step
        return True

    def layer(self, budget: Budget) -> MultiHeadAttention:
        """Return the layer; without a product of its output it returns what the heads found."""
        n = self.width
        if self.output is None:
            budget.spend(self.place, n * n)
            same = [[float(i == j) for j in range(n)] for i in range(n)]
            self.output = Product(self.place, same, None)
        weights, biases = zip(*self.parts, (self.output.W, self.output.b))
        return assembly.attention(self.place, self.heads, self.causal, weights, biases)


class ScalingRun:
    """(x − shift) · scale + offset: a run of Add, Sub, Mul and Div by constants.

    Each of the three holds one number for each column, or one for all.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self.shift: Vector | None = None
        self.scale: Vector | None = None
        self.offset: Vector | None = None

    def add(self, numbers: Vector, budget: Budget) -> None:
        """Add a constant to each column."""
        if self.shift is None and self.scale is None and self.offset is None:
            self.shift = [-c for c in numbers]
        else:
            self.offset = each(self.place, budget, _sum, self.offset or [0.0], numbers)

    def multiply(self, numbers: Vector, budget: Budget) -> bool:
        """Multiply each column by a constant; return False, unchanged, if there is an offset."""
        if self.offset is not None:
            return False
        self.scale = each(self.place, budget, _product, self.scale or [1.0], numbers)
        return True

    def is_sixth(self) -> bool:
        """Return whether it is x / 6 + 1/2."""
        scale = self.scale or []
        right = len(scale) == 1 and abs(scale[0] - 1.0 / 6.0) <= 1e-7 and self.shift is None
        return right and self.offset == [0.5]

    def columns(self) -> int | None:
        """Return how many columns it has constants for, None if they fit any number."""
        lengths = {len(n) for n in (self.shift, self.scale, self.offset) if n is not None} - {1}
        if len(lengths) > 1:
            raise FormatError(f"{self.place} needs constants of one length, got {lengths}")
        return lengths.pop() if lengths else None

    def spread(self, columns: int | None, budget: Budget) -> tuple[Vector, Vector, Vector]:
        """Return shift, scale and offset, with a number for each column."""
        if columns is None:
            raise FormatError(f"{self.place}: nothing in the file says how many columns it has")
        if self.columns() not in (None, columns):
            raise FormatError(
                f"{self.place} needs constants for {columns} columns, got {self.columns()}"
            )
        budget.spend(self.place, columns)
        shift, scale, offset = (
            numbers * (columns if len(numbers) == 1 else 1)
            for numbers in (self.shift or [0.0], self.scale or [1.0], self.offset or [0.0])
        )
        return shift, scale, offset


Step = Union[Layer, Product, AttentionStep, ScalingRun]


def columns_of(step: Step, inputs: int | None) -> tuple[int | None, int | None]:
    """Return how many columns a step takes and gives, None where that is unknown."""
    if isinstance(step, Product):
        return len(step.W), len(step.W[0])
    if isinstance(step, ImageLayer):
        return step.inputs, count(step.out_shape)
    if isinstance(step, AttentionStep):
        return step.width, step.width
    if isinstance(step, SequenceLayer):
        columns = step.inputs or inputs
        return columns, step.build(columns, stream(0))
    if isinstance(step, BatchNorm2D):
        return step.inputs, step.inputs
    own = step.columns() if isinstance(step, ScalingRun) else getattr(step, "columns", None)
    return (own or inputs,) * 2


def layers_of(steps: Sequence[Step], columns: int | None, budget: Budget) -> list[Layer]:
    """Return the layers of steps that take this many columns; each run of scaling is one."""
    layers: list[Layer] = []
    if columns is None:
        columns = _first_known(steps)
    for step in steps:
        before = layers[-1] if layers else None
        if isinstance(step, Product):
            layers.append(step.layer())
        elif isinstance(step, AttentionStep):
            layers.append(step.layer(budget))
        elif not isinstance(step, ScalingRun):
            layers.append(step)
        elif isinstance(before, (LayerNorm, GroupNorm)) and _is_plain(before):
            shift, scale, offset = step.spread(columns, budget)
            beta = [o - s * c for s, c, o in zip(shift, scale, offset)]
            size, eps = len(scale), before.eps
            if isinstance(before, LayerNorm):
                layers[-1] = assembly.layer_norm(step.place, size, scale, beta, eps)
            else:
                layers[-1] = assembly.group_norm(step.place, before.groups, size, scale, beta, eps)
        else:
            shift, scale, offset = step.spread(columns, budget)
            if isinstance(before, RMSNorm) and not before.gain and not any(shift + offset):
                layers[-1] = assembly.rms_norm(step.place, scale, before.eps)
            else:
                layers.append(assembly.scaling(step.place, shift, scale, offset))
        columns = columns_of(step, columns)[1]
    return layers


def _is_plain(layer: LayerNorm | GroupNorm) -> bool:
    """Return whether a normalization has no γ and β yet: what scales after it is both."""
    return {*layer.gamma} <= {1.0} and not any(layer.beta)


def each(
    place: str, budget: Budget, f: Callable[[float, float], float], a: Vector, b: Vector
) -> Vector:
    """Return f of each pair; a list of one number goes with any other."""
    if len(a) != len(b) and 1 not in (len(a), len(b)):
        raise FormatError(f"{place} needs constants for {len(a)} columns, got {len(b)}")
    n = max(len(a), len(b))
    if len(b) < n:
        budget.spend(place, n)
    return [f(x, y) for x, y in zip(a * (n // len(a)), b * (n // len(b)))]


def _sum(a: float, b: float) -> float:
    return a + b


def _product(a: float, b: float) -> float:
    return a * b


def _first_known(steps: Sequence[Step]) -> int | None:
    """Return the number of input columns, from the first step that says it."""
    for step in steps:
        columns, _ = columns_of(step, None)
        if columns is not None:
            return columns
    return None
