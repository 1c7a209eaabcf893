"""Colours for heat maps: short lists of anchors, interpolated linearly.

`viridis` and `cividis` follow S. van der Walt and N. Smith (2015) and J. Nuñez et al. (2018):
evenly rising lightness, safe for the colour-blind and in grey print. `diverging` joins the blue
half of ColorBrewer's RdBu to the orange half of its PuOr (C. Brewer, 2002): blue below the middle,
orange above it.
"""

from __future__ import annotations

from typing import Sequence

PALETTES: dict[str, tuple[str, ...]] = {
    "viridis": (
        "#440154", "#482878", "#3e4a89", "#31688e", "#26828e",
        "#1f9e89", "#35b779", "#6ece58", "#b5de2b", "#fde725",
    ),
    "cividis": (
        "#00224e", "#123570", "#3b496c", "#575d6d", "#707173",
        "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838",
    ),
    "diverging": (
        "#053061", "#2166ac", "#4393c3", "#92c5de", "#f7f7f7",
        "#fdb863", "#e08214", "#b35806", "#7f3b08",
    ),
    "blues": ("#f2f7fb", "#c6dbef", "#85bcdb", "#4292c6", "#1764ab", "#08306b"),
}  # fmt: skip


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def shade(anchors: Sequence[str], position: float) -> str:
    """Return the colour at `position`, from 0.0 (the first anchor) to 1.0 (the last), as #rrggbb.

    >>> shade(("#000000", "#ffffff"), 0.5)
    '#808080'
    """
    x = min(max(position, 0.0), 1.0) * (len(anchors) - 1)
    i = min(int(x), len(anchors) - 2)
    a, b = _channels(anchors[i]), _channels(anchors[i + 1])
    t = x - i
    return "#" + "".join(f"{int(p + t * (q - p) + 0.5):02x}" for p, q in zip(a, b))


def luminance(colour: str) -> float:
    """Return the relative luminance of #rrggbb, 0.0 for black and 1.0 for white.

    Source: WCAG 2.1 (2018), "relative luminance".
    """
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255.0 for channel in _channels(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    """Return WCAG 2.1's contrast ratio of two colours, from 1.0 to 21.0."""
    bright, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def ink_on(colour: str) -> str:
    """Return black or white, whichever is easier to read on `colour`."""
    return max(("#000000", "#ffffff"), key=lambda ink: contrast(ink, colour))
