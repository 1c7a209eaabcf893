"""The command line's parser: one-sentence errors, and options shared by several commands."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any, NoReturn, Sequence

from ..checks.words import did_you_mean, excerpt, listed
from ..errors import DataError, SettingError


class UsageError(SettingError):
    """The command line is not valid."""


class Parser(argparse.ArgumentParser):
    """Parses the options of one command. Its help shows `usage` first and `examples` last."""

    def __init__(
        self, command: str, usage: str, description: str, examples: Sequence[str] = ()
    ) -> None:
        program = program_name()
        lines = [f"  {program} {command} {example}".rstrip() for example in examples]
        super().__init__(
            prog=f"{program} {command}",
            usage=f"{program} {command} {usage}",
            description=description,
            epilog="examples:\n" + "\n".join(lines) if lines else None,
            formatter_class=_Formatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise UsageError; for an unknown option, suggest the nearest ones."""
        unknown = message.partition("unrecognized arguments: ")[2].split(" ")[0].split("=")[0]
        if unknown.startswith("-"):
            mend = suggestion(unknown, list(self._option_string_actions))
            message = f"unknown option {unknown}{mend}"
        raise UsageError(f"{message}; see `{self.prog} --help`")


class PassingParser(Parser):
    """Passes on all arguments except a request for help."""

    def parse_args(  # type: ignore[override]
        self, args: list[str] | None = None, namespace: Any = None
    ) -> argparse.Namespace:
        words = list(args or [])
        if words[:1] in (["-h"], ["--help"]):
            self.print_help()
            self.exit(0)
        return argparse.Namespace(arguments=words)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=min(_columns(), 100))


def _columns() -> int:
    from shutil import get_terminal_size

    return max(get_terminal_size().columns, 60)


def program_name() -> str:
    """Return the words that run this program: as a command, as one file, or as a module."""
    name = os.path.basename(sys.argv[0] or "")
    if name in ("tinynn", "tinynn.exe"):
        return "tinynn"
    is_module = getattr(sys.modules["__main__"], "__spec__", None) is not None
    return f"python3 {name}" if name.endswith(".py") and not is_module else "python3 -m tinynn"


def suggestion(name: str, names: Sequence[str]) -> str:
    """Return the end of a message about an unknown `name`: the nearest names, else all names."""
    others = f"; available: {listed(list(map(repr, names)))}" if names else ""
    return did_you_mean(name, names, 3) or others


def add_reading(parser: argparse.ArgumentParser, trained: bool = True) -> None:
    """Add the options for reading a table, one that a model was `trained` for or any."""
    group = parser.add_argument_group("reading the table (guessed unless given)")
    group.add_argument("--delimiter", metavar="CHAR", help="separator of cells: , ; | tab or space")
    group.add_argument("--quote", metavar="CHAR", help="quotes around cells: \" or ' or none")
    header = group.add_mutually_exclusive_group()
    header.add_argument(
        "--header", action="store_true", default=None, help="the first line names the columns"
    )
    header.add_argument(
        "--no-header", action="store_false", dest="header",
        help="there is no header; call the columns c1, c2 …",
    )  # fmt: skip
    group.add_argument(
        "--skip", type=whole, metavar="N", help="leave out N lines above the table or its header"
    )
    group.add_argument(
        "--skip-end", type=whole, default=0, metavar="N",
        help="leave out N rows at the end, such as totals (0)",
    )  # fmt: skip
    group.add_argument("--encoding", help="utf-8, cp1252, latin-1, utf-16 …")
    group.add_argument("--decimal", choices=(".", ","), metavar="CHAR", help="decimal sign: . or ,")
    if trained:
        group.add_argument(
            "--missing", action="append", default=[], metavar="WORD",
            help="another word for a missing value than in training; can be repeated",
        )  # fmt: skip


def add_output(parser: argparse.ArgumentParser, quiet: str = "print only errors") -> None:
    """Add --json and --quiet."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    group.add_argument("--quiet", action="store_true", help=quiet)


def add_switch(group: Any, name: str, what: str) -> None:
    """Add --NAME and --no-NAME; without either, the value is None."""
    group.add_argument(f"--{name}", action="store_true", default=None, help=what)
    group.add_argument(
        f"--no-{name}", dest=name.replace("-", "_"), action="store_false", help=argparse.SUPPRESS
    )


def whole(text: str) -> int:
    """Return a whole number of at least 0. A type for argparse, like the functions below."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if value < 0:
        raise argparse.ArgumentTypeError(f"needs a whole number of at least 0, got {text!r}")
    return value


def positive(text: str) -> int:
    """Return a whole number of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"needs a whole number of at least 1, got {text!r}")
    return value


def share(text: str) -> float:
    """Return a share: 0 ≤ x < 1."""
    value = _number(text)
    if not 0.0 <= value < 1.0:
        raise argparse.ArgumentTypeError(f"needs a share of at least 0 and below 1, got {text!r}")
    return value


def above_zero(text: str) -> float:
    """Return a number above 0."""
    value = _number(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"needs a number above 0, got {text!r}")
    return value


def number(text: str) -> float:
    """Return a number of at least 0."""
    value = _number(text)
    if not 0.0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"needs a number of at least 0, got {text!r}")
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def sizes(text: str) -> list[int]:
    """Return the sizes of hidden layers: "32", "64,32", "none"."""
    if text.strip().lower() in ("none", "0", ""):
        return []
    return [positive(part) for part in text.split(",")]


def one_sign(text: str) -> str:
    """Return the character that a name such as "tab" stands for; other text as it is."""
    named = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "bar": "|", "pipe": "|",
             "space": " ", "none": ""}  # fmt: skip
    return named.get(text.lower(), text)


def column_list(given: Sequence[str], columns: Sequence[str]) -> list[str]:
    """Return the columns that options name, each option one or several separated by commas.

    Raises DataError, with the nearest names, for an unknown column.
    """
    found: list[str] = []
    for text in given:
        names = [text] if text in columns else [part.strip() for part in text.split(",")]
        found += [column_name(name, columns) for name in names if name]
    return found


def column_name(name: str, columns: Sequence[str]) -> str:
    """Return the column with this name or number: 1 is the first, −1 the last.

    Raises DataError, with the nearest names, for an unknown column.
    """
    if name in columns:
        return name
    try:
        number = int(name)
    except ValueError:
        number = 0
    if 1 <= number <= len(columns):
        return columns[number - 1]
    if -len(columns) <= number < 0:
        return columns[number]
    raise DataError(f"there is no column {excerpt(name)} in the table{suggestion(name, columns)}")
