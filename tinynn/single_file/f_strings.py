"""The expressions in f-strings: before Python 3.12 `ast` does not say where they stand."""

from __future__ import annotations

import re
from typing import Iterator

_LITERAL = re.compile(
    r"""(?P<prefix>\b[a-zA-Z]{1,2})?"""
    r"""(?P<quote>\"{3}|'{3}|\"|')(?P<words>(?:\\.|.)*?)(?P=quote)""",
    re.DOTALL,
)


def fields(text: str) -> list[tuple[int, str]]:
    """Return the expressions in f-strings, which may stand beside other strings, and their places.

    Those in the format of another one come after it.
    """
    return [field for literal in _f_strings(text) for field in _fields(*literal)]


def as_format(text: str) -> str:
    """Return f-strings, and the strings beside them, as a call of `format`."""
    pieces = []
    for match in _LITERAL.finditer(text):
        prefix, words = match["prefix"] or "", match["words"]
        if "f" in prefix.lower():
            prefix = prefix.replace("f", "").replace("F", "")
            for place, expression in reversed(_fields(words, 0)):
                words = words[:place] + words[place + len(expression) :]
        else:
            words = words.replace("{", "{{").replace("}", "}}")
        pieces.append(prefix + match["quote"] + words + match["quote"])
    values = ", ".join(f"({expression})" for _, expression in fields(text))
    return f"({' '.join(pieces)}).format({values})"


def _f_strings(text: str) -> Iterator[tuple[str, int]]:
    for match in _LITERAL.finditer(text):
        if "f" in (match["prefix"] or "").lower():
            yield match["words"], match.start("words")


def _fields(text: str, shift: int) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    place = 0
    while True:
        place = text.find("{", place)
        if place < 0:
            return found
        if text[place : place + 2] == "{{":
            place += 2
            continue
        end = _end_of_expression(text, place + 1)
        found.append((shift + place + 1, text[place + 1 : end]))
        close = _closing(text, end)
        colon = text.find(":", end, close)
        if colon >= 0:
            found += _fields(text[colon + 1 : close], shift + colon + 1)
        place = close + 1


def _end_of_expression(text: str, place: int) -> int:
    """Return where the expression that begins here ends: at its format, conversion or brace."""
    depth, quote = 0, ""
    while True:
        sign = text[place]
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in "([{":
            depth += 1
        elif depth:
            depth -= sign in ")]}"
        elif sign in ":}" or (sign == "!" and text[place + 1] != "="):
            return place
        place += 1


def _closing(text: str, place: int) -> int:
    """Return where the brace of a field is closed, whose expression ends here."""
    depth = 0
    while depth or text[place] != "}":
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        place += 1
    return place
