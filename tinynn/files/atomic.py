"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO, Union

Path = Union[str, "os.PathLike[str]"]


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to the file at `path`, which then holds the old content or the new, never half.

    The data is written to a new file in the same folder, flushed to disk and renamed over the old
    file, whose permissions it takes. Devices and pipes are written to directly. Raises OSError,
    and leaves the old file unchanged, if any of these steps fails.
    """
    target = os.path.realpath(os.fsdecode(path))
    if os.path.exists(target) and not os.path.isfile(target):
        with open(target, "wb") as device:
            device.write(data)
        return
    file = _new_file(os.path.dirname(target))
    try:
        with file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            os.chmod(file.name, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(file.name, target)
    except BaseException:
        if os.path.exists(file.name):
            os.unlink(file.name)
        raise


def _new_file(folder: str, number: int = 0) -> BinaryIO:
    """Create a file under a free name: other threads and crashed processes may have taken some."""
    while True:
        try:
            return open(os.path.join(folder, f".tinynn-{os.getpid()}-{number}.part"), "xb")
        except FileExistsError:
            number += 1


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))
