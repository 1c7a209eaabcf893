"""`tinynn bench`: the benchmarks of the repository, where there is one."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from typing import Any, List, Optional

from ..errors import DataError
from .parser import Parser


class _Passing(Parser):
    """Passes all words on, but for a call for help."""

    def parse_args(  # type: ignore[override]
        self, args: Optional[List[str]] = None, namespace: Any = None
    ) -> argparse.Namespace:
        words = list(args or [])
        if words[:1] in (["-h"], ["--help"]):
            self.print_help()
            self.exit(0)
        return argparse.Namespace(arguments=words)


def parser() -> Parser:
    """Return the command's parser."""
    command = _Passing(
        "bench",
        "Runs the benchmarks, which are in the repository beside the package and not in it: all\n"
        "arguments go to `python3 -m benchmarks`.",
        ["--list", "--tiny", "--only original"],
    )
    command.add_argument("arguments", nargs="*", help="for python3 -m benchmarks; see its --help")
    return command


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    root = os.path.dirname(package)
    if not os.path.isfile(os.path.join(root, "benchmarks", "__main__.py")):
        raise DataError(
            f"the benchmarks are not part of the package and not beside {package}; clone tinynn's "
            "repository and run `python3 -m benchmarks` in it"
        )
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "benchmarks", *options.arguments]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}).returncode
