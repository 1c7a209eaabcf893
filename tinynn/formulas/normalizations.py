"""The normalizations of lesson/normalization.py and rms_norm.py as row programs.

`BatchNorm` does to each column of a batch what `LayerNorm` does to each row, and `GroupNorm` to
each group of a row's columns. In prediction `BatchNorm` is `Affine`, with the numbers from
`scale_and_shift`.
"""

from __future__ import annotations

from math import sqrt

from ..lesson.layer import Layer
from ..lesson.matrix import Vector
from ..lesson.normalization import BatchNorm
from ..lesson.rms_norm import RMSNorm
from .programs import Assignment, Each, LayerFormula, Let, Total

_STANDARDIZE: list[Assignment] = [
    Total("m", "z"),
    Let("m", "m / n"),
    Each("h", "z - m"),
    Total("v", "h * h"),
    Let("i", "1.0 / sqrt(v / n + c)"),
    Each("h", "h * i"),
]

_OF_ROWS = LayerFormula(
    [*_STANDARDIZE, Each("y", "gamma * h + beta")],
    [
        Each("g", "d * gamma"),  # before gamma may change by dgamma
        Each("dgamma", "d * h"),
        Each("dbeta", "d"),
        Total("m", "g"),
        Let("m", "m / n"),
        Total("s", "g * h"),
        Let("s", "s / n"),
        Each("d", "(g - m - h * s) * i"),
    ],
    setting="eps",
    letters=("gamma", "beta"),
)

_BY_SIZE: list[Assignment] = [
    Total("v", "z * z"),
    Let("i", "1.0 / sqrt(v / n + c)"),
    Each("h", "z * i"),
]
_BY_SIZE_BACKWARD: list[Assignment] = [
    Total("s", "g * h"),
    Let("s", "s / n"),
    Each("d", "(g - h * s) * i"),
]

NORMALIZATIONS: dict[str, LayerFormula] = {
    "LayerNorm": _OF_ROWS,
    "GroupNorm": _OF_ROWS._replace(second="groups", in_groups=True),
    "RMSNorm": LayerFormula(
        [*_BY_SIZE, Each("y", "gamma * h")],
        [Each("g", "d * gamma"), Each("dgamma", "d * h"), *_BY_SIZE_BACKWARD],
        setting="eps",
        letters=("gamma",),
    ),
    "RMSNorm without gain": LayerFormula(
        [*_BY_SIZE, Each("y", "h")], [Each("g", "d"), *_BY_SIZE_BACKWARD], setting="eps"
    ),
    "Affine": LayerFormula([Each("y", "gamma * z + beta")], [], letters=("gamma", "beta")),
}

# Along the columns of a batch; n is the number of rows, and gamma, beta and the running statistics
# are single numbers. The running variance counts n - 1 rows, as in PyTorch.
BATCH_NORMALIZATION = LayerFormula(
    [
        *_OF_ROWS.forward,
        Let("running_mean", "running_mean + momentum * (m - running_mean)"),
        Let(
            "running_variance",
            "running_variance + momentum * (v / (n - 1.0) - running_variance)",
        ),
    ],
    _OF_ROWS.backward,
    setting="eps",
)

# In prediction, where each column's mean and variance are the running ones.
BATCH_NORMALIZED = [
    Each("y", "(z - running_mean) / sqrt(running_variance + c) * gamma + beta"),
]


def formula_name(layer: Layer) -> str:
    """Return the name under which a layer has a row program: mostly that of its class."""
    plain = type(layer) is RMSNorm and not layer.gain
    return "RMSNorm without gain" if plain else type(layer).__name__


def scale_and_shift(layer: BatchNorm) -> tuple[Vector, Vector]:
    """Return γ / √(σ² + ε) and β − μ γ / √(σ² + ε): BatchNorm's scale and shift in prediction."""
    scale = [g / sqrt(v + layer.eps) for g, v in zip(layer.gamma, layer.running_variance)]
    shift = [b - m * s for b, m, s in zip(layer.beta, layer.running_mean, scale)]
    return scale, shift
