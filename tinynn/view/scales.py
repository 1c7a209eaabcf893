"""From values to positions on an axis: nice ticks and their labels; linear, logarithmic and named
scales.
"""

from __future__ import annotations

import math
from typing import Sequence, Union

from ..errors import DataError, SettingError
from .checks import LARGEST, SMALLEST

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def nice_number(x: float, nearest: bool) -> tuple[int, int]:
    """Return (m, e) with m in 1, 2, 5: the nice number m · 10^e nearest to x > 0, or the first
    above it.

    Source: P. Heckbert, "Nice numbers for graph labels", Graphics Gems (1990), p. 657.

    >>> nice_number(0.037, nearest=True), nice_number(0.037, nearest=False)
    ((5, -2), (5, -2))
    """
    e = math.floor(math.log10(x))
    f = x / 10.0**e if e > -300 else x * 1e10 / 10.0 ** (e + 10)
    bounds = (1.5, 3.0, 7.0) if nearest else (1.0, 2.0, 5.0)
    for m, bound in zip((1, 2, 5), bounds):
        if (f < bound) if nearest else (f <= bound):
            return m, e
    return 1, e + 1


def widened(low: float, high: float) -> tuple[float, float]:
    """Return (low, high), moved apart if they are too close for their labels to differ."""
    magnitude = max(abs(low), abs(high))
    if high - low > max(1e-9 * magnitude, SMALLEST):
        return low, high
    if magnitude < SMALLEST:
        return -1.0, 1.0
    return low - 0.5 * magnitude, high + 0.5 * magnitude


def nice_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Return about `count` multiples of a nice step, the first at or below `low`, the last at or
    above `high`.

    Each is the float nearest to its short decimal: 0.3, never 0.30000000000000004.
    Source: Heckbert (1990), "loose labels".

    >>> nice_ticks(1, 97)
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    """
    low, high = widened(low, high)
    m, e = nice_number(high - low, nearest=False)
    m, e = nice_number(float(f"{m}e{e}") / max(count - 1, 1), nearest=True)
    step = float(f"{m}e{e}")

    def tick(i: int) -> float:
        return float(f"{i * m}e{e}")

    first, last = math.floor(low / step), math.ceil(high / step)
    # The quotient is rounded: step back if that left the tick inside the range.
    while tick(first) > low:
        first -= 1
    while tick(last) < high:
        last += 1
    return [tick(i) for i in range(first, last + 1)]


def log_ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Return powers of ten (and 2 and 5 times them if there is room) that enclose [low, high],
    low > 0.

    >>> log_ticks(0.003, 70.0)
    [0.001, 0.01, 0.1, 1.0, 10.0, 100.0]
    """
    first, last = math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1
    if math.log10(high) - math.log10(low) <= 2.0:
        ticks = [float(f"{m}e{e}") for e in range(first, last + 1) for m in (1, 2, 5)]
    else:
        stride = max(1, -(-(last - first - 2) // (max(count, 2) + 3)))
        first -= first % stride
        exponents = range(first, last + stride + 1, stride)
        # With a wide stride, the outermost may be too large or too small for a float.
        ticks = sorted({float(f"1e{min(max(e, -307), 308)}") for e in exponents})
    below = max(t for t in ticks if t <= low)
    above = min(t for t in ticks if t >= high)
    if below == above:  # low = high on a tick: an axis needs two ends
        above = ticks[ticks.index(below) + 1]
    return [t for t in ticks if below <= t <= above]


def tick_labels(ticks: Sequence[float]) -> list[str]:
    """Return one label for each tick, all with the same number of decimals, no more than they need.

    >>> tick_labels([0.0, 0.5, 1.0]), tick_labels([-2e-06, 0.0])
    (['0.0', '0.5', '1.0'], ['−2×10⁻⁶', '0'])
    """
    for decimals in range(6):
        texts = [f"{t:.{decimals}f}" for t in ticks]
        if all(abs(t) < 1e6 and float(text) == t for t, text in zip(ticks, texts)):
            return [_minus(text) for text in texts]
    for decimals in range(17):
        texts = [f"{t:.{decimals}e}" for t in ticks]
        if all(float(text) == t for t, text in zip(ticks, texts)):
            break
    return ["0" if t == 0.0 else _power(text) for t, text in zip(ticks, texts)]


def log_tick_labels(ticks: Sequence[float]) -> list[str]:
    """Return one label for each tick, each as short as it can be: 0.01, 1, 1000, 10⁻⁶."""
    if min(ticks) >= 1e-4 and max(ticks) < 1e6:
        return [short(t, 1) if t < 1.0 else f"{t:.0f}" for t in ticks]
    return [_power(f"{t:.0e}") for t in ticks]


def short(value: float, digits: int = 4) -> str:
    """Return a number for a reader, to `digits` significant digits.

    >>> short(0.123456), short(-1234567.0), short(16750.0)
    ('0.1235', '−1.235×10⁶', '16750')
    """
    text = f"{value:.{digits}g}"
    if 10.0**digits <= abs(value) < 1e6:
        text = f"{value:.0f}"
    return _power(text) if "e" in text else _minus(text)


def _minus(text: str) -> str:
    return text.replace("-", "−")


def _power(text: str) -> str:
    mantissa, exponent = text.split("e")
    power = "10" + str(int(exponent)).translate(_SUPERSCRIPTS)
    return power if mantissa == "1" else f"{_minus(mantissa)}×{power}"


class Scale:
    """An axis of numbers from `low` to `high`; `position` gives 0 at `low` and 1 at `high`.

    `ticks` are (position, label) pairs. With `tight` the axis ends where the data end; otherwise it
    extends to the next nice number on both sides.
    """

    grid = True

    def __init__(
        self,
        low: float,
        high: float,
        *,
        label: str = "",
        log: bool = False,
        tight: bool = False,
        count: int = 6,
    ) -> None:
        self.label = label
        self.log = log
        values = log_ticks(low, high, count) if log else nice_ticks(low, high, count)
        labels = log_tick_labels if log else tick_labels
        if tight:
            inside = [t for t in values if low <= t <= high]
            while len(inside) < 2:
                count *= 2
                inside = [t for t in nice_ticks(low, high, count) if low <= t <= high]
                labels = tick_labels
            values = inside
        self.low, self.high = (low, high) if tight else (values[0], values[-1])
        self.ticks = [(self.position(t), text) for t, text in zip(values, labels(values))]

    def position(self, value: float) -> float:
        """Return where `value` lies on the axis: 0.0 at its start, 1.0 at its end."""
        if self.log:
            start = math.log(self.low)
            return (math.log(value) - start) / (math.log(self.high) - start)
        return (value - self.low) / (self.high - self.low)


class Bands:
    """An axis of names, each with a band of equal width; `position(i)` is the middle of band i.

    With `downward` the first name comes last along the axis: at the top of a vertical one.
    """

    grid = False

    def __init__(self, names: Sequence[str], *, label: str = "", downward: bool = False) -> None:
        self.label = label
        self.downward = downward
        self.names = list(names)
        self.ticks = [(self.position(i), name) for i, name in enumerate(self.names)]

    def position(self, i: float) -> float:
        """Return the middle of band i: 0.0 is the axis' start, 1.0 its end."""
        position = (i + 0.5) / len(self.names)
        return 1.0 - position if self.downward else position


Axis = Union[Scale, Bands]


def covering(
    who: str,
    values: Sequence[float],
    *,
    label: str = "",
    kind: str = "linear",
    tight: bool = False,
    margin: float = 0.0,
    count: int = 6,
    limits: tuple[float, float] | None = None,
) -> Scale:
    """Return the Scale that shows all `values`, or exactly `limits` if they are given.

    `margin` is the room to leave on both sides, as a share of the range.
    Raises DataError for values on a logarithmic axis that are not above 0; SettingError for limits
    that are not a range.
    """
    low, high = limits if limits is not None else (min(values), max(values))
    if limits is not None and not -LARGEST <= low < high <= LARGEST:
        raise SettingError(
            f"{who} needs axis limits (low, high) with low below high, got {limits!r}"
        )
    if kind == "log":
        if low < SMALLEST:
            raise DataError(
                f"{who} needs values above 0 on a logarithmic axis, got {low!r}; "
                "use a linear axis or put None there"
            )
        if high / low < 1.0 + 1e-9:
            low, high = low / 2.0, high * 2.0
        factor = math.exp(margin * (math.log(high) - math.log(low)))
        low, high = low / factor, high * factor
    else:
        low, high = widened(low, high)
        room = margin * (high - low)
        low, high = low - room, high + room
    tight = tight or limits is not None
    return Scale(low, high, label=label, log=kind == "log", tight=tight, count=count)
