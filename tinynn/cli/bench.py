"""`tinynn bench`: runs the benchmarks of tinynn's repository."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from ..errors import DataError


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    root = os.path.dirname(package)
    if not os.path.isfile(os.path.join(root, "benchmarks", "__main__.py")):
        raise DataError(
            f"the benchmarks are not part of the package, nor are they beside {package}; clone "
            "tinynn's repository and run `python3 -m benchmarks` in it"
        )
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "benchmarks", *options.arguments]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": path}).returncode
