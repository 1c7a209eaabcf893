"""Characters and their kinds: what a network of sequences knows of a text."""

from __future__ import annotations

from typing import Iterable, NoReturn, Sequence

from ...checks.settings import is_number
from ...checks.words import excerpt
from ...errors import DataError

SHOWN = 40  # characters of a vocabulary in a message


class Vocabulary:
    """The characters of a text, numbered from 0 by their code points, and one kind more, `end`.

    `end` stands before the first and after the last character of a line: a network begins with it,
    and predicts it where a line is over.

    >>> letters = Vocabulary("banana")
    >>> letters.characters, letters.end, letters.encode("ban")
    ('abn', 3, [1, 0, 2])
    """

    def __init__(self, characters: Iterable[str]) -> None:
        found: set[str] = set()
        for i, text in enumerate(characters):
            if not isinstance(text, str):
                raise DataError(f"a vocabulary needs text, got {excerpt(text)} at index {i}")
            found.update(text)
        if not found:
            raise DataError("a vocabulary needs at least one character, got none")
        self.characters = "".join(sorted(found))
        self._kinds = {character: kind for kind, character in enumerate(self.characters)}

    @property
    def end(self) -> int:
        """The kind of what stands before and after a line."""
        return len(self.characters)

    @property
    def kinds(self) -> int:
        """How many kinds there are: the characters, and `end`."""
        return len(self.characters) + 1

    def encode(self, text: str, name: str = "the text", line: int = 1) -> list[int]:
        """Return the kind of each character; messages call the text `name`, from this `line` on.

        Raises DataError, naming line and column, for a character that is unknown.
        """
        kinds = self._kinds
        try:
            return [kinds[character] for character in text]
        except KeyError:
            self._refuse(text, name, line)

    def decode(self, kinds: Sequence[int]) -> str:
        """Return the text of these kinds. Raises DataError for what is no character's kind."""
        for i, kind in enumerate(kinds):
            if not is_number(kind, whole=True) or not 0 <= kind < self.end:
                what = "the kind of begin and end" if kind == self.end else excerpt(kind)
                raise DataError(
                    f"{self!r} needs whole numbers from 0 to {self.end - 1}, got {what} at index "
                    f"{i}"
                )
        return "".join([self.characters[kind] for kind in kinds])

    def _refuse(self, text: str, name: str, line: int) -> NoReturn:
        """Raise DataError for the first character that is unknown."""
        at = next(i for i, character in enumerate(text) if character not in self._kinds)
        before = text[:at]
        near = [each for each in _alike(text[at]) if each in self._kinds]
        mend = f"; did you mean {near[0]!r}?" if near else ""
        raise DataError(
            f"{name}, line {line + before.count(chr(10))}, column {at - before.rfind(chr(10))}: "
            f"{ascii_or_printable(text[at])} is not among the {self.end} characters that the model "
            f"knows, {self.shown()}{mend}"
        )

    def shown(self) -> str:
        """Return the characters as they can be printed, at most so many."""
        more = len(self.characters) - SHOWN
        return excerpt(self.characters[:SHOWN], 4 * SHOWN) + (
            f" and {more:,} more" if more > 0 else ""
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.characters == other.characters

    def __hash__(self) -> int:
        return hash(self.characters)

    def __repr__(self) -> str:
        return f"Vocabulary({self.shown()})"


def ascii_or_printable(character: str) -> str:
    """Return a character in quotes, with its code point unless it is of ASCII.

    >>> ascii_or_printable("é"), ascii_or_printable(chr(7))
    ("'é' (U+00E9)", "'\\\\x07'")
    """
    return repr(character) + ("" if character < "\x80" else f" (U+{ord(character):04X})")


def _alike(character: str) -> list[str]:
    """Return characters that may have been meant: of the other case, or without an accent."""
    import unicodedata  # only errors need it

    plain = unicodedata.normalize("NFKD", character)[:1]
    return [character.lower(), character.upper(), plain, plain.lower(), plain.upper()]
