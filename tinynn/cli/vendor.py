"""`tinynn vendor`: writes the library, or parts of it, as one file, or checks such a file."""

from __future__ import annotations

import argparse

from .. import __version__
from ..checks.words import counted
from ..files.atomic import write_folder, write_text
from ..single_file import build, check
from ..single_file.build import Built
from ..single_file.mip import mip_files
from .console import Console
from .parser import UsageError

SHOWN = 40  # lines of the differences
LARGEST_COMPILED = 1_000_000  # bytes


def run(options: argparse.Namespace) -> int:
    """Run the command."""
    console = Console(options.quiet, options.json)
    if options.check:
        if options.include or options.minimal or options.mip:
            raise UsageError(
                "--check reads the parts from the file; leave out --include, --minimal and --mip"
            )
        return _check(options.file, console)
    if options.mpy and not options.mip:
        raise UsageError("--mpy is for --mip")
    parts = [part for names in options.include for part in names.split(",") if part]
    built = build(parts, options.minimal or options.mip)
    if options.mip:
        return _write_mip(options.file, built, options.mpy, console)
    write_text(options.file, built.source)
    size = len(built.source.encode("utf-8"))
    console.say(f"{options.file}: {size / 1000:,.0f} kB; parts: {', '.join(built.parts)}")
    console.result({"file": options.file, "bytes": size, "parts": built.parts})
    return 0


def _write_mip(folder: str, built: Built, compiled: str | None, console: Console) -> int:
    data = None
    if compiled:
        with open(compiled, "rb") as file:
            data = file.read(LARGEST_COMPILED)
    files = mip_files(built.source, __version__, data)
    write_folder(folder, files)
    console.say(
        f"{folder}: {counted(len(files), 'file')} for MicroPython's mip; parts: "
        f"{', '.join(built.parts)}"
    )
    console.result({"folder": folder, "files": sorted(files), "parts": built.parts})
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
