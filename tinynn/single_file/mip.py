"""The minimal file as a package of MicroPython's installer, `mip`: a folder for any web server.

    mip.install("https://example.org/tinynn/package.json")         # by its address
    mip.install("tinynn", index="https://example.org/tinynn")      # by its name, with hashes

The first form is described by `package.json` (urls, version). The second is an index as that of
micropython-lib: `package/FORMAT/NAME/VERSION.json` names each file by the first eight hexadecimal
digits of its SHA-256, under which `file/` holds it; `mip` fetches only what has changed.
"""

from __future__ import annotations

import hashlib
import json

from ..checks.words import excerpt
from ..errors import DataError

NAME = "tinynn"
FORMAT = 6  # of compiled files, since MicroPython 1.19


def mip_files(source: str, version: str, compiled: bytes | None = None) -> dict[str, bytes]:
    """Return the files of the folder, by their paths.

    source:    of the minimal file, to be served as tinynn.py
    compiled:  what mpy-cross makes of it, if boards are to get this

    Raises DataError for bytes that mpy-cross of another format, or something else, has made.
    """
    python = source.encode("utf-8")
    files = {f"{NAME}.py": python}
    forms = {"py": (f"{NAME}.py", python)}
    if compiled is not None:
        if compiled[:2] != bytes([ord("M"), FORMAT]):
            raise DataError(
                f"mip needs a file compiled by mpy-cross, of format {FORMAT}, "
                f"got one that begins with {excerpt(compiled[:2])}"
            )
        forms[str(FORMAT)] = (f"{NAME}.mpy", compiled)
        files[f"{NAME}.mpy"] = compiled
    served = forms.get(str(FORMAT), forms["py"])[0]
    files["package.json"] = _json({"urls": [[served, served]], "deps": [], "version": version})
    for form, (path, data) in forms.items():
        short = hashlib.sha256(data).hexdigest()[:8]
        files[f"file/{short[:2]}/{short}"] = data
        described = _json({"v": 1, "hashes": [[path, short]], "deps": [], "version": version})
        for which in ("latest", version):
            files[f"package/{form}/{NAME}/{which}.json"] = described
    return files


def _json(content: dict[str, object]) -> bytes:
    return (json.dumps(content, indent=1) + "\n").encode("ascii")
