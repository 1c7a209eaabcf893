"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from typing import Union

Path = Union[str, "os.PathLike[str]"]


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to the file at `path`, so that it holds the old content or the new, never half.

    The data goes to a new file beside it, to the disk, and then takes the old one's name in one
    step. Raises OSError, and leaves the old file as it was, if any of that fails.
    """
    target = os.path.realpath(os.fspath(path))
    beside = f"{target}.{os.getpid()}.part"
    try:
        with open(beside, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        if os.path.exists(beside):
            os.unlink(beside)
        raise


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))
