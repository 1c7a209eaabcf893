"""The expressions in f-strings, whose positions `ast` does not give before Python 3.12."""

from __future__ import annotations

import re
from typing import Iterator

_LITERAL = re.compile(
    r"""(?P<prefix>\b[a-zA-Z]{1,2})?"""
    r"""(?P<quote>\"{3}|'{3}|\"|')(?P<body>(?:\\.|.)*?)(?P=quote)""",
    re.DOTALL,
)


def fields(source: str) -> list[tuple[int, str]]:
    """Return (offset, expression) for each f-string field; other strings may be next to them.

    A field nested in the format of another follows it.
    """
    return [field for literal in _f_strings(source) for field in _fields(*literal)]


def as_format(source: str) -> str:
    """Return f-strings, and the strings next to them, as a call of `format`."""
    pieces = []
    for match in _LITERAL.finditer(source):
        prefix, body = match["prefix"] or "", match["body"]
        if "f" in prefix.lower():
            prefix = prefix.replace("f", "").replace("F", "")
            for offset, expression in reversed(_fields(body, 0)):
                body = body[:offset] + body[offset + len(expression) :]
        else:
            body = body.replace("{", "{{").replace("}", "}}")
        pieces.append(prefix + match["quote"] + body + match["quote"])
    values = ", ".join(f"({expression})" for _, expression in fields(source))
    return f"({' '.join(pieces)}).format({values})"


def _f_strings(source: str) -> Iterator[tuple[str, int]]:
    for match in _LITERAL.finditer(source):
        if "f" in (match["prefix"] or "").lower():
            yield match["body"], match.start("body")


def _fields(source: str, shift: int) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    offset = 0
    while True:
        offset = source.find("{", offset)
        if offset < 0:
            return found
        if source[offset : offset + 2] == "{{":
            offset += 2
            continue
        end = _end_of_expression(source, offset + 1)
        found.append((shift + offset + 1, source[offset + 1 : end]))
        close = _closing(source, end)
        colon = source.find(":", end, close)
        if colon >= 0:
            found += _fields(source[colon + 1 : close], shift + colon + 1)
        offset = close + 1


def _end_of_expression(source: str, offset: int) -> int:
    """Return where the expression that starts here ends: at a format, conversion or brace."""
    depth, quote = 0, ""
    while True:
        character = source[offset]
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif depth:
            depth -= character in ")]}"
        elif character in ":}" or (character == "!" and source[offset + 1] != "="):
            return offset
        offset += 1


def _closing(source: str, offset: int) -> int:
    """Return where the field ends whose expression ends here."""
    depth = 0
    while depth or source[offset] != "}":
        depth += {"{": 1, "}": -1}.get(source[offset], 0)
        offset += 1
    return offset
