"""Builds a single file from parts of the library, and checks one against its digest."""

from __future__ import annotations

from difflib import unified_diff
from typing import NamedTuple, Sequence

from .. import __version__
from ..errors import FormatError, SettingError
from .small import small_file
from .sources import FOLDER_ONLY, chosen, library, read
from .stamp import is_unchanged, read_stamp, stamped
from .whole import whole_file


class Built(NamedTuple):
    """A single file, and the parts of the library in it."""

    source: str
    parts: list[str]


def build(parts: Sequence[str] = (), minimal: bool = False) -> Built:
    """Return the library as one file, or these parts of it with everything they need.

    The file can be run, and imported under any name. Equal sources give equal bytes, on every
    version of Python and every machine.

    Raises SettingError for an unknown part, and DataError if the library's sources are not in a
    folder.
    """
    if minimal:
        held, body = small_file(parts)
        return Built(stamped(body, held, minimal), held)
    sources = library()
    if parts and "engines" not in parts:
        sources["engines.choice"] = read("single_file.lists_only")._replace(name="engines.choice")
    held, wanted = chosen(sources, parts)
    absent = [*FOLDER_ONLY, *(name for name in sources if name not in wanted)]
    return Built(stamped(whole_file(wanted, absent), held, minimal), held)


class Checked(NamedTuple):
    """The result of checking a single file.

    `differences` are the lines of a diff from the file as built to the file as it is. They are
    empty if this library, with another version or other sources, cannot build the file again.
    """

    version: str
    parts: list[str]
    minimal: bool
    unchanged: bool
    differences: list[str]


def check(data: bytes, name: str = "the file") -> Checked:
    """Return whether a single file is unchanged since it was built, and its version and parts.

    Line endings may be of any kind. Raises FormatError, with `name`, for any other file.
    """
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    stamp = read_stamp(text)
    if stamp is None:
        raise FormatError(f"{name} is not a single file of tinynn, or its header was edited")
    unchanged = is_unchanged(text)
    differences: list[str] = []
    if not unchanged and stamp.version == __version__:
        try:
            built = build(stamp.parts, stamp.minimal).source
        except SettingError:
            built = ""
        if f"\n# sha256: {stamp.digest}\n" in built:
            lines = unified_diff(built.splitlines(), text.splitlines(), "built", name, lineterm="")
            differences = list(lines)
    return Checked(stamp.version, stamp.parts, stamp.minimal, unchanged, differences)
