"""A picture under construction: SVG elements, a light and a dark theme, escaped text, saving."""

from __future__ import annotations

import hashlib
import unicodedata
from contextlib import contextmanager
from html import escape
from typing import Iterator, Sequence, Union

from ..errors import SettingError
from ..files.atomic import Path, write_text

Attribute = Union[str, float, None]

# The hues are those of Okabe and Ito (2008), "Color Universal Design": distinct to the
# colour-blind. On a light background the darker ones come first, on a dark one the lighter ones.
LIGHT: dict[str, str] = {
    "paper": "#ffffff",
    "ink": "#1b1f24",
    "muted": "#57606a",
    "grid": "#e4e8ec",
    "s0": "#0072b2",
    "s1": "#d55e00",
    "s2": "#009e73",
    "s3": "#cc79a7",
    "s4": "#e69f00",
    "s5": "#56b4e9",
    "s6": "#6b7280",
}
DARK: dict[str, str] = {
    "paper": "#14171c",
    "ink": "#e6e9ed",
    "muted": "#a3adb8",
    "grid": "#2a3038",
    "s0": "#56b4e9",
    "s1": "#e69f00",
    "s2": "#1fc496",
    "s3": "#dd93bd",
    "s4": "#f0e442",
    "s5": "#f07a28",
    "s6": "#a3adb8",
}
SERIES = 7
DASHES = ("", "7 4", "2 4", "9 4 2 4")

# Class of an element -> its declarations; "@ink" is the colour of that name in the theme.
_RULES: dict[str, str] = {
    "nn-paper": "fill:@paper",
    "nn-text": "fill:@ink",
    "nn-muted": "fill:@muted",
    "nn-grid": "stroke:@grid;stroke-width:1;fill:none",
    "nn-axis": "stroke:@muted;stroke-width:1;fill:none",
    "nn-mark": "stroke:@muted;stroke-width:1;stroke-dasharray:3 3;fill:none",
    "nn-line": "fill:none;stroke-width:2;stroke-linecap:round;stroke-linejoin:round",
    "nn-point": "fill:none;stroke-width:6;stroke-linecap:round",
    "nn-edge": "fill:none",
    "nn-dots": "stroke:@paper;stroke-width:1;fill-opacity:.85",
    "nn-area": "stroke:none;shape-rendering:crispEdges",
    "nn-node": "stroke:@ink;stroke-width:1.2;fill:@paper",
    "nn-whisker": "stroke:@ink;stroke-width:1.3;fill:none",
    "nn-halo": "stroke:@paper;stroke-width:4;stroke-linejoin:round;paint-order:stroke",
    "nn-casing": "stroke:@paper;stroke-width:5;stroke-opacity:.75;fill:none;"
    "stroke-linecap:round;stroke-linejoin:round",
    "nn-bold": "font-weight:600",
}
for _i in range(SERIES):
    _RULES[f"nn-f{_i}"] = f"fill:@s{_i}"
    _RULES[f"nn-l{_i}"] = f"stroke:@s{_i}"

# Stands for the picture's name until the picture is complete; `clean` keeps it out of any text.
_NAME = "\x00"


def clean(text: str) -> str:
    """Return `text` on one line, with the characters that XML 1.0 forbids replaced by U+FFFD.

    >>> clean("a\\x00b\\nc") == "a\\ufffdb c"
    True
    """
    return "".join(c if _legal(ord(c)) else "\ufffd" for c in " ".join(text.split()))


def _legal(code: int) -> bool:
    return (
        0x20 <= code < 0x7F or 0xA0 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
    )


def pixels(value: float) -> str:
    """Return a coordinate in pixels as short as two decimals allow.

    >>> pixels(3.14159), pixels(2.0), pixels(-0.001)
    ('3.14', '2', '0')
    """
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def text_width(text: str, size: float = 12.0) -> float:
    """Return the approximate width in pixels of `text` in a sans-serif font of `size` pixels.

    An estimate on the wide side, for margins: the viewer's font is unknown here.
    """
    em = 0.0
    for c in text:
        if unicodedata.combining(c):
            continue
        if unicodedata.east_asian_width(c) in "WF":
            em += 1.0
        elif c in "ijlI.,:;'|!()[] ":
            em += 0.33
        elif c in "mwMW@%—…":
            em += 0.92
        elif c.isupper():
            em += 0.7
        else:
            em += 0.59
    return em * size


def abridge(text: str, width: float, size: float = 12.0) -> str:
    """Return `text`, cut and ended with an ellipsis if it is wider than `width` pixels.

    >>> abridge("a very long name", 60.0)
    'a very l…'
    """
    text = clean(text)
    if text_width(text, size) <= width:
        return text
    while text and text_width(text + "…", size) > width:
        text = text[:-1]
    return text + "…"


def wrap(text: str, width: float, size: float, lines: int) -> list[str]:
    """Return `text` broken at spaces into at most `lines` lines of `width` pixels, the last
    abridged.
    """
    words = clean(text).split(" ")
    result: list[str] = []
    while words and len(result) < lines - 1:
        line = words.pop(0)
        while words and text_width(f"{line} {words[0]}", size) <= width:
            line += " " + words.pop(0)
        result.append(abridge(line, width, size))
    if words:
        result.append(abridge(" ".join(words), width, size))
    return result


class Svg:
    """A picture of `width` × `height` pixels to which elements are added in drawing order.

    Its style sheet affects only its own elements, and its names are made from its content, so any
    number of pictures can share one HTML page; the same elements always give the same text.
    """

    def __init__(self, width: float, height: float, title: str, description: str) -> None:
        self.width = width
        self.height = height
        self.title = title
        self.description = description
        self._parts: list[str] = []
        self._classes: set[str] = set()
        self._clips = 0
        self._gradients = 0

    def element(
        self, tag: str, text: str | None = None, tooltip: str = "", **attributes: Attribute
    ) -> None:
        """Add <tag>; `text` is its content, `tooltip` is shown by browsers while the pointer rests
        on it.

        Attributes are written as keywords: `class_` for class, `stroke_width` for stroke-width.
        """
        inside = _titled(tooltip) + (escape(clean(text), quote=False) if text is not None else "")
        start = self._start(tag, attributes)
        self._parts.append(f"<{start}>{inside}</{tag}>" if inside else f"<{start}/>")

    def _start(self, tag: str, attributes: dict[str, Attribute]) -> str:
        written = [tag]
        for key, value in attributes.items():
            if value is None or value == "":
                continue
            name = key.rstrip("_").replace("_", "-")
            text = value if isinstance(value, str) else pixels(value)
            if name == "class":
                self._classes.update(text.split())
            written.append(f'{name}="{escape(text)}"')
        return " ".join(written)

    @contextmanager
    def group(self, tooltip: str = "", **attributes: Attribute) -> Iterator[None]:
        """Put the elements that are added inside the `with` block into one <g>."""
        self._parts.append(f"<{self._start('g', attributes)}>{_titled(tooltip)}")
        yield
        self._parts.append("</g>")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: str = "start",
        size: float = 12.0,
        class_: str = "nn-text",
        turn: float = 0.0,
        tooltip: str = "",
    ) -> None:
        """Add text whose middle height is at y; `turn` rotates it about (x, y), in degrees."""
        self.element(
            "text",
            text,
            tooltip,
            x=x,
            y=y,
            dy="0.35em",
            class_=class_,
            font_size=None if size == 12.0 else size,
            text_anchor=None if anchor == "start" else anchor,
            transform=f"rotate({pixels(turn)} {pixels(x)} {pixels(y)})" if turn else None,
        )

    def path(self, d: str, class_: str, tooltip: str = "", **attributes: Attribute) -> None:
        """Add a path with the drawing commands `d`."""
        self.element("path", None, tooltip, d=d, class_=class_, **attributes)

    def clip(self, x: float, y: float, width: float, height: float) -> str:
        """Return the value of a clip_path attribute that cuts off all outside the rectangle."""
        self._clips += 1
        name = f"{_NAME}-clip{self._clips}"
        with self._definition("clipPath", name):
            self.element("rect", x=x, y=y, width=width, height=height)
        return f"url(#{name})"

    def gradient(self, colours: Sequence[str]) -> str:
        """Return the value of a fill attribute: a ramp of `colours`, the first at the bottom."""
        self._gradients += 1
        name = f"{_NAME}-ramp{self._gradients}"
        with self._definition("linearGradient", name, ' x1="0" y1="1" x2="0" y2="0"'):
            for i, colour in enumerate(colours):
                self.element("stop", offset=i / (len(colours) - 1), stop_color=colour)
        return f"url(#{name})"

    @contextmanager
    def _definition(self, tag: str, name: str, attributes: str = "") -> Iterator[None]:
        self._parts.append(f'<defs><{tag} id="{name}"{attributes}>')
        yield
        self._parts.append(f"</{tag}></defs>")

    def render(self) -> str:
        """Return the whole picture as the text of one <svg> element."""
        title, description = clean(self.title), clean(self.description)
        body = (
            f'<title id="{_NAME}-title">{escape(title, quote=False)}</title>'
            f'<desc id="{_NAME}-desc">{escape(description, quote=False)}</desc>'
            + "\n".join(self._parts)
        )
        digest = hashlib.sha256(f"{self.width} {self.height} {body}".encode()).hexdigest()
        name = "nn-" + digest[:10]
        w, h = pixels(self.width), pixels(self.height)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="{name}" width="{w}" height="{h}" '
            f'viewBox="0 0 {w} {h}" role="img" aria-labelledby="{name}-title {name}-desc">\n'
            f"<style>{self._style(name)}</style>\n" + body.replace(_NAME, name) + "\n</svg>\n"
        )

    def _style(self, name: str) -> str:
        used: list[str] = []
        rules = [
            f".{name}{{max-width:100%;height:auto;font:12px system-ui,-apple-system,'Segoe UI',"
            "'Noto Sans',Helvetica,Arial,sans-serif}"
        ]
        for class_, declarations in _RULES.items():
            if class_ not in self._classes:
                continue
            written = []
            for declaration in declarations.split(";"):
                key, value = declaration.split(":")
                if value.startswith("@"):
                    colour = value[1:]
                    used.append(colour)
                    # A viewer without CSS variables drops the second declaration.
                    written.append(f"{key}:{LIGHT[colour]};{key}:var(--nn-{colour})")
                else:
                    written.append(declaration)
            rules.append(f".{name} .{class_}{{{';'.join(written)}}}")

        def variables(theme: dict[str, str]) -> str:
            return ";".join(f"--nn-{key}:{theme[key]}" for key in theme if key in used)

        rules.insert(1, f".{name}{{{variables(LIGHT)}}}")
        rules.insert(2, f"@media(prefers-color-scheme:dark){{.{name}{{{variables(DARK)}}}}}")
        return "\n".join(rules)


def _titled(tooltip: str) -> str:
    return f"<title>{escape(clean(tooltip), quote=False)}</title>" if tooltip else ""


def save(svg: str, path: Path) -> None:
    """Write a picture (or any text) to the file `path` as UTF-8, completely or not at all.

    Readers see the old file or the new one, never half of it, even after a crash. A device or pipe
    is written to directly.
    Raises SettingError if `svg` is not text, and OSError if the file cannot be written.
    """
    if not isinstance(svg, str):
        raise SettingError(
            f"save needs the picture as text first and then the path, got {type(svg).__name__}; "
            'did you mean save(line_chart(...), "chart.svg")?'
        )
    write_text(path, svg)
