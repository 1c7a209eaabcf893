"""Layers made of another framework's numbers; errors say where in the source the fault is."""

from __future__ import annotations

import sys
from math import isfinite
from typing import Callable, Mapping, Sequence, TypeVar

from ..checks.rows import as_rows, as_vector
from ..checks.settings import number
from ..errors import FormatError, TinynnError
from ..lesson.activation_layers import Linear, ReLU
from ..lesson.attention import MultiHeadAttention
from ..lesson.layer import Layer
from ..lesson.layers import Dense, Dropout
from ..lesson.matrix import Matrix, Vector, transpose
from ..lesson.more_activations import Clip, ReLU6
from ..lesson.network import KINDS, Sequential
from ..lesson.normalization import BatchNorm, GroupNorm, LayerNorm
from ..lesson.prelu import PReLU
from ..lesson.random_streams import stream
from ..lesson.rms_norm import RMSNorm
from ..training.model_files import LAYERS_LIMIT

T = TypeVar("T")

ROWS_LIMIT = 200_000  # inputs of all Dense layers together: each has a row, a list of its own
# Stands for an ε of 0, which tinynn's layers refuse: it vanishes when added to a variance.
_TINY = sys.float_info.min


def built(where: str, make: Callable[[], T]) -> T:
    """Return `make()`; its errors begin with `where`."""
    try:
        return make()
    except FormatError:
        raise
    except (TinynnError, OverflowError) as error:
        raise FormatError(f"{where}: {error}") from None


def refusal(where: str, what: str, mend: str = "") -> FormatError:
    """Return the error for something that tinynn has no layer for."""
    known = ", ".join(KINDS)
    return FormatError(
        f"{where}: {what} cannot be imported exactly{mend and '; ' + mend}. "
        f"The layers of tinynn are: {known}"
    )


def misfit(where: str, wanted: str, got: object) -> FormatError:
    """Return the error for numbers that do not fit each other."""
    return FormatError(f"{where} needs {wanted}, got {got}")


def matrix(where: str, values: object) -> Matrix:
    """Return another framework's table as rows of floats."""
    return built(where, lambda: as_rows(values, "weights"))


def vector(where: str, values: object) -> Vector:
    """Return another framework's list of numbers as floats."""
    return built(where, lambda: as_vector(values, "numbers"))


def real(where: str, name: str, value: object, least: float | None = None) -> float:
    """Return another framework's number as a finite float."""
    return built(where, lambda: number("it", name, value, least=least))


def dense(where: str, W: Matrix, b: Vector | None, transposed: bool = False) -> Dense:
    """Return the layer X W + b; if `transposed`, W is outputs × inputs."""
    if transposed:
        W = transpose(W)
    return built(where, lambda: Dense(len(W), len(W[0]), weights=W, bias=False if b is None else b))


def check_rows(where: str, rows: int) -> None:
    """Raise FormatError if the Dense layers together have more inputs than any real network."""
    if rows > ROWS_LIMIT:
        raise FormatError(
            f"{where} needs layers with at most {ROWS_LIMIT:,} inputs in all, got {rows:,}"
        )


def simple(where: str, kind: type[Layer], **settings: float) -> Layer:
    """Return a layer that has settings but no weights."""
    return built(where, lambda: kind(**settings))


def dropout(where: str, rate: object) -> Layer:
    """Return a Dropout layer; its rate needs to be below 1."""
    return built(where, lambda: Dropout(number("it", "rate", rate)))


def batch_norm(
    where: str,
    mean: Vector,
    variance: Vector,
    gamma: Vector | None,
    beta: Vector | None,
    eps: float,
    momentum: float = 0.1,
) -> BatchNorm:
    """Return γ ∘ (x − mean) / √(variance + eps) + β, column by column."""
    layer = built(where, lambda: BatchNorm(len(mean), momentum=momentum, eps=eps or _TINY))
    if min(variance) < 0.0 or min(variance) + eps <= 0.0:
        raise FormatError(f"{where}: a variance needs to be above 0, got {min(variance)}")
    layer.build(len(mean), stream(0))
    _fill(where, layer.running_mean, mean)
    _fill(where, layer.running_variance, variance)
    _fill(where, layer.gamma, gamma)
    _fill(where, layer.beta, beta)
    return layer


def layer_norm(
    where: str, columns: int, gamma: Vector | None, beta: Vector | None, eps: float
) -> LayerNorm:
    """Return γ ∘ (x − μ) / √(σ² + eps) + β, row by row."""
    layer = built(where, lambda: LayerNorm(columns, eps=eps or _TINY))
    layer.build(columns, stream(0))
    _fill(where, layer.gamma, gamma)
    _fill(where, layer.beta, beta)
    return layer


def rms_norm(where: str, gamma: Vector | None, eps: float, columns: int | None = None) -> RMSNorm:
    """Return γ ∘ x / √(mean(x²) + eps), row by row; without γ for any number of columns."""
    size = columns if gamma is None else len(gamma)
    layer = built(where, lambda: RMSNorm(eps or _TINY, gamma is not None, size))
    layer.build(size, stream(0))
    if gamma is not None:
        _fill(where, layer.gamma, gamma)
    return layer


def attention(
    where: str,
    heads: int,
    causal: bool,
    weights: Sequence[Matrix],
    biases: Sequence[Vector | None],
) -> MultiHeadAttention:
    """Return attention with these of query, key, value and output; W is inputs × outputs."""
    width, bias = len(weights[0]), any(b is not None for b in biases)
    layer = built(where, lambda: MultiHeadAttention(width, heads, causal, bias, weights))
    layer.build(width, stream(0))
    for part, b in zip(layer.parts.values(), biases):
        _fill(where, part.b, b)
    return layer


def group_norm(
    where: str, groups: int, columns: int, gamma: Vector | None, beta: Vector | None, eps: float
) -> GroupNorm:
    """Return γ ∘ (x − μ) / √(σ² + eps) + β, for each group of columns of each row."""
    layer = built(where, lambda: GroupNorm(groups, columns, eps=eps or _TINY))
    layer.build(columns, stream(0))
    _fill(where, layer.gamma, gamma)
    _fill(where, layer.beta, beta)
    return layer


def prelu(where: str, slopes: Vector) -> PReLU:
    """Return the PReLU with these slopes; a single one is for all columns."""
    shared = len(slopes) == 1
    layer = built(where, lambda: PReLU(None if shared else len(slopes), shared))
    layer.build(layer.columns, stream(0))
    _fill(where, layer.slope, slopes)
    return layer


def clip(where: str, least: float | None, most: float | None) -> Layer:
    """Return the layer that limits numbers to least … most; None is no limit."""
    if (least, most) == (0.0, None):
        return ReLU()
    if (least, most) == (0.0, 6.0):
        return ReLU6()
    low = -sys.float_info.max if least is None else least
    high = sys.float_info.max if most is None else most
    return built(where, lambda: Clip(low, high))


def _fill(where: str, own: Vector, numbers: Vector | None) -> None:
    if numbers is None:
        return
    if len(numbers) != len(own):
        raise FormatError(f"{where} needs {len(own)} numbers for its columns, got {len(numbers)}")
    own[:] = finite(where, numbers)


def scaling(
    where: str, shift: Vector, scale: Vector, offset: Vector, spread: float = 1.0
) -> BatchNorm:
    """Return (x − shift) · scale + offset, column by column.

    The layer is a BatchNorm, which computes just this at inference. Folding the scaling into the
    next layer's weights would lose digits where a column's mean is large compared with its spread;
    subtracting before multiplying does not. `spread` is the standard deviation of the result, as
    far as it is known. It becomes γ, and the running variance is (spread / scale)², so that the
    layer changes little if the network is trained further. Where that leaves the range of floats,
    γ is the scale itself.
    """
    variance, gamma = [], []
    for s in scale:
        inside = 1e-100 < abs(s) < 1e100 and 1e-50 < spread < 1e50
        variance.append((spread / s) ** 2 if inside else 1.0)
        gamma.append((spread if s > 0.0 else -spread) if inside else s)
    return batch_norm(where, shift, variance, gamma, offset, eps=0.0)


def assembled(where: str, layers: Sequence[Layer]) -> Sequential:
    """Return the network of these layers; without any, one that returns its inputs."""
    if len(layers) > LAYERS_LIMIT:
        raise FormatError(f"{where} needs at most {LAYERS_LIMIT:,} layers, got {len(layers):,}")
    return built(where, lambda: Sequential(*(layers or [Linear()])))


def check_settings(
    where: str, what: str, settings: Mapping[str, object], wanted: Mapping[str, object]
) -> None:
    """Raise FormatError if one of `settings` differs from its value in `wanted`.

    These are settings that tinynn's layer lacks: only the value that it stands for can be imported.
    """
    for name, value in wanted.items():
        if name in settings and settings[name] != value:
            raise refusal(where, f"{what} with {name}={settings[name]!r}")


def finite(where: str, values: list[float]) -> list[float]:
    """Return the numbers as floats. Raises FormatError if one is not finite."""
    for i, value in enumerate(values):
        if not isfinite(value):
            raise FormatError(f"{where} needs finite numbers, got {value} at index {i}")
    return list(map(float, values)) if set(map(type, values)) - {float} else values
