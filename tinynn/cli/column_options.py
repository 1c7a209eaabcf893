"""The options of `train` that say what the columns of a table hold."""

from __future__ import annotations

import argparse
from typing import Sequence

from ..checks.words import excerpt
from ..errors import SettingError
from .parser import Parser, column_list, positive

# The options of the kinds of columns: the kind, and what is said of it.
KINDS = {
    "numbers": ("number", "columns to read as numbers"),
    "categories": ("category", "columns to read as categories, even if they are numbers"),
    "dates": ("date", "columns to read as dates or times"),
    "day-first": ("day-first date", "columns to read as dates like 14/03/2021"),
    "month-first": ("month-first date", "columns to read as dates like 03/14/2021"),
    "words": ("words", "columns of free text, to count their words"),
    "ignore": ("drop", "columns to leave out"),
}


def add_columns(command: Parser) -> None:
    """Add the options."""
    group = command.add_argument_group("columns (guessed unless given)")
    options = {name: ("COLUMNS", f"{what}: a,b") for name, (_, what) in KINDS.items()}
    options["missing"] = "WORD", "another word for a missing value, like NA and ?; can be repeated"
    options["not-missing"] = "WORD", "a word, like None, that names a class or category instead"
    for name, (what, words) in options.items():
        group.add_argument(f"--{name}", action="append", default=[], metavar=what, help=words)
    group.add_argument(
        "--max-kinds", type=positive, default=50, metavar="N",
        help="how many kinds of a category to keep, the most frequent first (50)",
    )  # fmt: skip


def kinds_of(options: argparse.Namespace, columns: Sequence[str]) -> dict[str | int, str]:
    """Return the kinds given for columns. Raises SettingError for a column with two of them."""
    kinds: dict[str | int, str] = {}
    for option, (kind, _) in KINDS.items():
        for name in column_list(getattr(options, option.replace("-", "_")), columns):
            if kinds.get(name, kind) != kind:
                given = next(other for other, (its, _) in KINDS.items() if its == kinds[name])
                raise SettingError(
                    f"column {excerpt(name)} can be in only one of --{given} and --{option}"
                )
            kinds[name] = kind
    return kinds
