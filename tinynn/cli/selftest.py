"""`tinynn selftest`: what works on this interpreter, how accurately and how fast."""

from __future__ import annotations

import argparse

from .. import __version__
from ..selftest import run as check_all
from .console import Console


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    found = check_all(console.show, __version__)
    console.result(found)
    return 0 if found["ok"] else 1
