"""Wording for messages: the nearest name, counts with their nouns, shortened lists."""

from __future__ import annotations

from typing import Iterable, Sequence


def nearest(wanted: object, names: Iterable[str], most: int = 1) -> list[str]:
    """Return up to `most` names similar to the one wanted, ignoring case; the nearest first."""
    from difflib import get_close_matches  # slow to import; only errors need it

    by_lower = {name.lower(): name for name in names}
    near = get_close_matches(str(wanted).lower(), by_lower, most)
    return [by_lower[name] for name in near]


def did_you_mean(wanted: object, names: Iterable[str], most: int = 1) -> str:
    """Return the end of a message about an unknown name, or "" if none is similar.

    >>> did_you_mean("rellu", ["relu", "tanh"])
    "; did you mean 'relu'?"
    """
    near = nearest(wanted, names, most)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def unknown_in_file(wanted: object, names: Iterable[str], call: str = "nn.register") -> str:
    """Return the end of a message about a name in a file that may be of the caller's own class.

    >>> unknown_in_file("rellu", ["relu"])
    "; did you mean 'relu'? If it is your own, call nn.register before loading"
    """
    mend = did_you_mean(wanted, names)
    start = f"{mend} If" if mend else "; if"
    return f"{start} it is your own, call {call} before loading"


def counted(n: int, noun: str, plural: str = "") -> str:
    """Return "1 row" or "2,000 rows".

    >>> counted(2, "class", "classes")
    '2 classes'
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


def listed(names: Sequence[object], most: int = 8) -> str:
    """Return the first `most` names, separated by commas, and how many more there are.

    Names that are long, or have characters that do not print, are shown as an `excerpt`.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = ", ".join(map(_shown, names[:most]))
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _shown(name: object) -> str:
    text = str(name)
    return text if len(text) <= 60 and text.isprintable() else excerpt(text)


def excerpt(value: object, most: int = 60) -> str:
    """Return the `repr` of a value on one line, cut to `most` characters.

    >>> excerpt("one\\ntwo", 8)
    "'one\\\\nt…"
    """
    if isinstance(value, int) and value.bit_length() > 200:
        return "a huge int"  # of more digits than Python prints
    # A long value is cut first: its whole repr may take minutes.
    head = value[:most] if isinstance(value, (str, bytes, list, tuple)) else value
    text = " ".join(repr(head).split())
    return text if len(text) <= most else text[: most - 1] + "…"
