"""`tinynn vendor`: writes the library, or parts of it, as one file, or checks such a file."""

from __future__ import annotations

import argparse

from ..checks.words import counted
from ..files.atomic import write_text
from ..single_file import build, check
from .console import Console
from .parser import UsageError

SHOWN = 40  # lines of the differences


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    if options.check:
        if options.include or options.minimal:
            raise UsageError(
                "--check reads the parts from the file; leave out --include and --minimal"
            )
        return _check(options.file, console)
    parts = [part for names in options.include for part in names.split(",") if part]
    built = build(parts, options.minimal)
    write_text(options.file, built.source)
    size = len(built.source.encode("utf-8"))
    console.say(f"{options.file}: {size / 1000:,.0f} kB; parts: {', '.join(built.parts)}")
    console.result({"file": options.file, "bytes": size, "parts": built.parts})
    return 0


def _check(path: str, console: Console) -> int:
    with open(path, "rb") as file:
        found = check(file.read(), path)
    kind = "minimal file" if found.minimal else "file"
    console.say(f"{path}: tinynn {found.version} in one {kind}; parts: {', '.join(found.parts)}")
    console.say("unchanged" if found.unchanged else "edited since it was built")
    for line in found.differences[:SHOWN]:
        console.say(line)
    if len(found.differences) > SHOWN:
        console.say(f"and {counted(len(found.differences) - SHOWN, 'more line')}")
    if not found.unchanged and not found.differences:
        console.say("it was built from other sources than these: the edits cannot be located")
    console.result(found._asdict())
    return 0 if found.unchanged else 1
