"""Numbers far from zero in float32: what can be kept of them.

float32 has 24 bits: of 10,000,001 − 10,000,000 it keeps all, of 10,000,001 · 0.0116 − 116,000.01
next to nothing. So exports in float32 subtract first, and scale what is left.
"""

from __future__ import annotations

import struct
from math import sqrt
from typing import TYPE_CHECKING

from ..engines.plans import Frozen
from ..lesson.matrix import Vector
from ..lesson.normalization import BatchNorm

if TYPE_CHECKING:
    from .steps import Description

FAR = 16.0  # a column's distance from 0, in its standard deviations, from which exports care


def nearest_float32(x: float) -> float:
    """Return the float32 that is nearest to a number; the number itself beyond their range."""
    try:
        nearest: float = struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        return x
    return nearest


def split(x: float) -> tuple[float, float]:
    """Return the float32 nearest to a number, and the rest of it.

    >>> split(16777217.5)
    (16777218.0, -0.5)
    """
    nearest = nearest_float32(x)
    return nearest, x - nearest


def centred(layer: BatchNorm) -> tuple[Vector, Vector] | None:
    """Return means in float32 and the β that belongs to them; None if no column is far from 0.

    γ (x − m) / s + β is γ (x − m₃₂) / s + β + γ (m₃₂ − m) / s: the last term makes up for the
    rounding of m, which may be larger than s.
    """
    deviations = [sqrt(v + layer.eps) for v in layer.running_variance]
    if all(abs(m) <= FAR * s for m, s in zip(layer.running_mean, deviations)):
        return None
    means = list(map(nearest_float32, layer.running_mean))
    numbers = zip(means, layer.running_mean, deviations, layer.gamma, layer.beta)
    return means, [beta + gamma * ((near - m) / s) for near, m, s, gamma, beta in numbers]


def shifted(d: Description) -> tuple[Description, Vector]:
    """Return a network whose inputs are shifted towards 0 first, and the float32 shifts.

    gamma x + beta, of which float32 keeps nothing where x is far from 0, is gamma (x − shift) +
    (beta + gamma shift), for the float32 `shift` nearest to −beta / gamma. Without such columns,
    there are no shifts.
    """
    first = d.layers[0] if d.layers else None
    if first is None or first.plan.kind != "Affine":
        return d, []
    (gamma,), (beta,) = first.values["gamma"], first.values["beta"]
    if all(abs(b) <= FAR for b in beta):
        return d, []
    shift = [nearest_float32(-b / g) if abs(b) > FAR and g else 0.0 for g, b in zip(gamma, beta)]
    beta = [b + g * s for g, b, s in zip(gamma, beta, shift)]
    layers = [Frozen(first.plan, {"gamma": [gamma], "beta": [beta]}), *d.layers[1:]]
    return d._replace(layers=layers), shift
