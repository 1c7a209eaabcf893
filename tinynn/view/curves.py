"""Activation functions and their derivatives as curves."""

from __future__ import annotations

from math import isfinite
from typing import Any, Callable, Sequence, Union

from ..checks.words import did_you_mean, excerpt
from ..errors import DataError, SettingError
from ..lesson.activation_layers import Activation
from ..lesson.network import KINDS
from .axes import Entry, dashes
from .checks import size
from .panels import panels
from .scales import Scale, covering, short
from .svg import SERIES, Svg, pixels

Kind = Union[str, Activation, type]
Point = Callable[[float], float]

POINTS = 161  # an odd number, so that 0 is among them
MOST = 2 * SERIES


def activation_chart(
    activations: Kind | Sequence[Kind],
    *,
    title: str = "",
    limits: tuple[float, float] = (-4.0, 4.0),
    y_limits: tuple[float, float] | None = None,
    width: float = 720,
    description: str = "",
) -> str:
    """Return an SVG of activation functions y = f(z) and, beside them, their derivatives.

    An activation is the name of a class ("Tanh"), the class or an object of it, with its settings;
    registered ones of the caller's own are known by name, too. `limits` is the range of z.
    Raises SettingError for what is no activation of single numbers, or for more than 14 of them,
    and DataError for one that has no value in the range.
    """
    who = "activation_chart"
    size(who, width=width)
    listed = [activations] if isinstance(activations, (str, Activation, type)) else activations
    layers = [_layer(who, one) for one in listed]
    if not 1 <= len(layers) <= MOST:
        raise SettingError(f"{who} needs 1 to {MOST} activations, got {len(layers)}")
    x_axis = covering(who, limits, label="z", limits=limits, count=5)
    step = (x_axis.high - x_axis.low) / (POINTS - 1)
    zs = [x_axis.low + i * step for i in range(POINTS)]
    curves = [[_values(layer, zs, part) for layer in layers] for part in (_y, _slope)]
    for layer, curve in zip(layers, curves[0]):
        if not any(y is not None for y in curve):
            raise DataError(f"{who} needs a value of {layer!r} for some z from {limits}, got none")
    flat = [y for part in curves for curve in part for y in curve if y is not None]
    y_axis = covering(who, flat, limits=y_limits, count=6)
    names = [_name(layer) for layer in layers]
    svg = Svg(width, 0.0, title or _title(names), description or _summary(names, curves, limits))
    legend = [Entry(name, k) for k, name in enumerate(names)] if len(names) > 1 else []
    frames = panels(
        svg, ["y = f(z)", "dy/dz"], x_axis, y_axis, columns=2, legend=legend, shape=0.85
    )
    for frame, part in zip(frames, curves):
        _axes_through_zero(svg, frame, x_axis, y_axis)
        with svg.group(clip_path=frame.clip()):
            for k, curve in reversed(list(enumerate(part))):
                svg.path(
                    _path(frame, zs, curve), f"nn-line nn-l{k % SERIES}", names[k],
                    stroke_dasharray=dashes(k),
                )  # fmt: skip
        frame.outline()
    return svg.render()


def _layer(who: str, kind: Any) -> Activation:
    if isinstance(kind, str):
        known = [name for name in KINDS if issubclass(KINDS[name], Activation)]
        if kind not in known:
            raise SettingError(
                f"{who} needs activations out of {', '.join(known)}, or objects, got "
                f"{excerpt(kind)}{did_you_mean(kind, known)}"
            )
        kind = KINDS[kind]
    if isinstance(kind, type) and issubclass(kind, Activation):
        try:
            kind = kind()
        except TypeError:
            raise SettingError(
                f"{who} needs an object of {kind.__name__}, with its settings, got the class"
            ) from None
    if not isinstance(kind, Activation):
        raise SettingError(
            f"{who} needs activations, which take one number each, got {excerpt(kind)}"
        )
    return kind


def _y(layer: Activation, z: float) -> float:
    return layer.forward([[z]])[0][0]


def _slope(layer: Activation, z: float) -> float:
    layer.forward([[z]])
    return layer.backward([[1.0]])[0][0]


def _values(
    layer: Activation, zs: Sequence[float], part: Callable[[Activation, float], float]
) -> list[float | None]:
    values: list[float | None] = []
    for z in zs:
        try:
            value = float(part(layer, z))
        except (ArithmeticError, ValueError):  # an own function outside its domain
            value = float("nan")
        values.append(value if isfinite(value) and abs(value) < 1e100 else None)
    return values


def _path(frame: Any, zs: Sequence[float], curve: Sequence[float | None]) -> str:
    """Return the commands of a curve, cut at gaps and jumps."""
    path = ""
    for i, (z, y) in enumerate(zip(zs, curve)):
        if y is not None:
            joined = i > 0 and curve[i - 1] is not None and not _jumps(curve, i, frame.y_axis)
            path += f"{'L' if joined else 'M'}{pixels(frame.x(z))} {pixels(frame.y(y))}"
    return path


def _jumps(curve: Sequence[float | None], i: int, axis: Scale) -> bool:
    """Return whether a curve steps before point i, as the derivative of ReLU does at 0."""

    def rise(k: int) -> float:
        pair = curve[k - 1 : k + 1] if k > 0 else ()
        a, b = pair if len(pair) == 2 else (None, None)
        return 0.0 if a is None or b is None else abs(b - a)

    # It rises far more than on both sides of it, and enough to be seen.
    return rise(i) > max(0.02 * (axis.high - axis.low), 5.0 * rise(i - 1), 5.0 * rise(i + 1))


def _axes_through_zero(svg: Svg, frame: Any, x_axis: Scale, y_axis: Scale) -> None:
    path = ""
    if x_axis.low < 0.0 < x_axis.high:
        path += f"M{pixels(frame.x(0.0))} {pixels(frame.top)}V{pixels(frame.bottom)}"
    if y_axis.low < 0.0 < y_axis.high:
        path += f"M{pixels(frame.left)} {pixels(frame.y(0.0))}H{pixels(frame.right)}"
    if path:
        svg.path(path, "nn-mark")


def _name(layer: Activation) -> str:
    settings = ", ".join(f"{name}={value!r}" for name, value in layer.settings().items())
    return f"{type(layer).__name__}({settings})" if settings else type(layer).__name__


def _title(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} and its derivative"
    return "Activation functions and their derivatives"


def _summary(
    names: Sequence[str], curves: Sequence[Sequence[Sequence[float | None]]],
    limits: tuple[float, float],
) -> str:  # fmt: skip
    parts = [f"Curves for z from {short(limits[0])} to {short(limits[1])}."]
    for name, values, slopes in zip(names, *curves):
        y = [v for v in values if v is not None]
        d = [v for v in slopes if v is not None] or [0.0]
        parts.append(
            f"{name}: y from {short(min(y))} to {short(max(y))}, dy/dz from {short(min(d))} to "
            f"{short(max(d))}."
        )
    return " ".join(parts)
