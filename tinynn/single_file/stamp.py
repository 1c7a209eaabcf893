"""The header of a single file: version, parts, licence, and a digest for checking the file."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import NamedTuple, Sequence

from .. import __version__

LICENCE = """\
MIT License

Copyright (c) 2026 The tinynn maintainers

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
"""
_HEAD = re.compile(
    r"# tinynn (?P<version>\S+) in one (?P<kind>file|minimal file)\n"
    r"# parts: (?P<parts>.*)\n"
    r"# sha256: (?P<digest>\w{64})\n"
)


class Stamp(NamedTuple):
    """What the header of a single file says."""

    version: str
    minimal: bool
    parts: list[str]
    digest: str


def stamped(body: str, parts: Sequence[str], minimal: bool) -> str:
    """Return a single file: a header, then the body."""
    licence = "".join(f"# {line}".rstrip() + "\n" for line in LICENCE.splitlines())
    head = (
        f"# tinynn {__version__} in one {'minimal ' if minimal else ''}file\n"
        f"# parts: {', '.join(parts)}\n"
        "# sha256: {}\n#\n" + licence
    )
    return head.format(_digest(head + body)) + body


def read_stamp(text: str) -> Stamp | None:
    """Return what the header of a single file says, or None for any other file."""
    found = _HEAD.match(text)
    if found is None:
        return None
    parts = found["parts"].split(", ")
    return Stamp(found["version"], found["kind"] == "minimal file", parts, found["digest"])


def is_unchanged(text: str) -> bool:
    """Return whether a single file matches the digest in its header."""
    stamp = read_stamp(text)
    return stamp is not None and _digest(text.replace(stamp.digest, "{}", 1)) == stamp.digest


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8")).hexdigest()
