"""Words of a text, in lower case, alike in every language that a model is exported to.

Letters are those of `LETTERS`, ranges of code points that are simpler than Unicode's own: a program
in C can hold them. Accents and other marks belong to them; digits and punctuation do not. Each
character of Chinese and Japanese is a word.
"""

from __future__ import annotations

import re
from functools import lru_cache

# First and last code points.
LETTERS = (
    (0x61, 0x7A), (0xAA, 0xAA), (0xB5, 0xB5), (0xBA, 0xBA), (0xC0, 0xD6), (0xD8, 0xF6),
    (0xF8, 0x37D), (0x37F, 0x386), (0x388, 0x559), (0x560, 0x588), (0x58B, 0x5BD), (0x5BF, 0x5F2),
    (0x5F5, 0x60B), (0x60D, 0x61A), (0x620, 0x65F), (0x66E, 0x6D3), (0x6D5, 0x6EF), (0x6FA, 0x963),
    (0x971, 0x1FFF), (0x2C00, 0x2DFF), (0xA000, 0xD7FF), (0xFB00, 0xFDFF), (0xFE70, 0xFEFE),
    (0x10000, 0x1EFFF),
)  # fmt: skip
SINGLE = ((0x3040, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))


def _ranges(pairs: tuple[tuple[int, int], ...]) -> str:
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in pairs)


_WORD = re.compile(f"[{_ranges(LETTERS)}]+|[{_ranges(SINGLE)}]")


def words_of(text: str) -> list[str]:
    """Return the words of a text, in order.

    >>> words_of("Good, VERY good: Ärger didn't 2nd")
    ['good', 'very', 'good', 'ärger', 'didn', 't', 'nd']
    """
    return _WORD.findall(lowered(text))


def lowered(text: str) -> str:
    """Return a text in lower case, each character by itself, so that its length stays."""
    return text.replace("İ", "i").lower().replace("ς", "σ")


@lru_cache(maxsize=None)
def cases() -> dict[str, str]:
    """Return each character that `lowered` changes, with what it becomes."""
    pairs = ((chr(code), lowered(chr(code))) for code in range(0x1F000))
    return {character: lower for character, lower in pairs if character != lower}


def is_letter(character: str) -> bool:
    """Return whether a character belongs to words, in lower case."""
    return _WORD.match(character) is not None
