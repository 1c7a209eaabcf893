"""What `demo`, `selftest`, `vendor` and `bench` take: the commands that need no model."""

from __future__ import annotations

import argparse
from typing import Any

from .parser import Parser, add_output, whole


def demo() -> Parser:
    """Return the parser of `demo`."""
    command = Parser(
        "demo",
        "[options]",
        "Trains the original program, three inputs and one sigmoid neuron, and prints how its\n"
        "answer improves. Then trains a classifier on Fisher's iris flowers and tests it on\n"
        "flowers that it has not seen. Takes a few seconds. With --csv it trains nothing, but\n"
        "writes the flowers as a table for trying the other commands.",
        ["", "--seed 7", "--csv iris.csv"],
    )
    command.add_argument(
        "--seed", type=whole, default=3, help="seed for the iris split and weights (%(default)s)"
    )
    command.add_argument(
        "--csv", metavar="FILE", help="write the iris flowers to this CSV file, and stop"
    )
    return command


def selftest() -> Parser:
    """Return the parser of `selftest`."""
    command = Parser(
        "selftest",
        "[options]",
        "Checks what works on this interpreter, how accurately and how fast: known numbers,\n"
        "derivatives, every engine, files, iris. Needs only the library and takes a few\n"
        "seconds. The exit code is 1 if a check failed.",
        ["", "--json"],
    )
    add_output(command, "print nothing; only set the exit code")
    return command


def vendor() -> Parser:
    """Return the parser of `vendor`."""
    from ..single_file.sources import all_parts, library

    parts = "\n".join(f"  {name:<12}{what}" for name, what in all_parts(library()).items())
    command = Parser(
        "vendor",
        "FILE [options]",
        "Writes the library, or some parts and everything they need, as one file to copy into\n"
        "another project. It can be imported under any name, and run. Or checks such a file.\n\n"
        f"parts:\n{parts}",
        [
            "tinynn.py",
            "tinynn.py --include train,tables",
            "tinynn.py --minimal   # small, without docstrings; runs on MicroPython too",
            "--check tinynn.py     # exit code 1 if it was edited",
        ],
    )
    command.add_argument("file", metavar="FILE", help="the file to write, or to check")
    command.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="PARTS",
        help="parts to include, like train,view (all)",
    )
    command.add_argument(
        "--minimal", action="store_true", help="without type hints, docstrings and comments"
    )
    command.add_argument(
        "--check", action="store_true", help="tell whether the file was edited, and list its parts"
    )
    add_output(command)
    return command


class _Passing(Parser):
    """Passes on all arguments except a request for help."""

    def parse_args(  # type: ignore[override]
        self, args: list[str] | None = None, namespace: Any = None
    ) -> argparse.Namespace:
        words = list(args or [])
        if words[:1] in (["-h"], ["--help"]):
            self.print_help()
            self.exit(0)
        return argparse.Namespace(arguments=words)


def bench() -> Parser:
    """Return the parser of `bench`."""
    command = _Passing(
        "bench",
        "[arguments of the benchmarks]",
        "Runs the benchmarks, which are in the repository but not in the package. All arguments\n"
        "go to `python3 -m benchmarks`.",
        ["--list", "--tiny", "--only original"],
    )
    command.add_argument("arguments", nargs="*", help="for python3 -m benchmarks; see its --help")
    return command
