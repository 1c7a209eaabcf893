"""Files that are written whole or not at all: every file that the library writes is written here.

`writing` makes a new file in the folder of the old one, and gives it the old name once it is whole
and on the disk. Under the name stands the old content or the new at any moment, also if power
fails, a process is killed, or several threads and processes write to it.

- On Linux the new file has no name until it is whole, so that a killed process leaves nothing.
  Where a file needs a name, it is `.tinynn-0.part`, with the first number that is free. Its writer
  holds a lock on it; the next `writing` in that folder removes those that nobody holds.
- The new file has the permissions, owner and access control list (on Linux) of the old one before
  the first byte is written. If the group cannot be kept, it gets no more rights than others. A file
  that cannot stay another user's is refused, and so is one without the right to write.
- A symbolic link stays, and the file that it leads to is replaced. Another hard link to the old
  file keeps the old content. Devices and pipes are written to directly.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import contextmanager, suppress
from typing import IO, Any, Callable, Iterator, Mapping, Union

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Path = Union[str, "os.PathLike[str]"]

NUMBERS = 32  # of new files in a folder that are looked at for leftovers
# On Windows a new file is closed, and so unlocked, before it is renamed. A younger one is no
# leftover, and for so long a reader who holds the old file is waited for.
CLOSED_SECONDS, BUSY_SECONDS = 60.0, 1.0
ACL = "system.posix_acl_access"
_ours: set[str] = set()  # the names of new files that this process writes


@contextmanager
def writing(path: Path, text: bool = False) -> Iterator[IO[Any]]:
    """Yield a file for bytes, or for text in UTF-8, that in the end replaces the one at `path`.

    Raises OSError, with `path` as its `filename`, if the file cannot be written. After this and any
    other error in the caller's block, the old file is unchanged, and nothing else is left.
    """
    form: dict[str, Any] = {"encoding": "utf-8", "newline": "\n"} if text else {}
    with _about(path):
        new = None if _is_device(path) else _NewFile(path)
        where = path if new is None else new.descriptor
        file = open(where, "w" if text else "wb", **form)  # noqa: SIM115
    try:
        yield file
        with _about(path):
            file.flush()
            if new is not None:
                new.publish(file)
    except OSError as error:
        if error.errno is not None and error.filename is None:  # from `file.write`
            error.filename = os.fspath(path)
        raise
    finally:
        if new is not None:
            new.discard(file)
        with suppress(OSError):  # what could not be written before cannot be now
            file.close()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file with `writing`."""
    with writing(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Write a file as UTF-8 with `writing`."""
    write_bytes(path, text.encode("utf-8"))


def write_folder(folder: str, files: Mapping[str, bytes]) -> None:
    """Write files, given by their paths in a folder, each with `writing`; make folders as needed.

    Others in the folder are left. If one of the files cannot be written, none is.
    """
    for name in files:
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        check_writing(os.path.join(folder, name))
    for name, data in files.items():
        write_bytes(os.path.join(folder, name), data)


def check_writing(path: Path) -> None:
    """Raise the OSError that `writing` would raise before anything is written."""
    with _about(path):
        if not _is_device(path):
            new = _NewFile(path)
            with open(new.descriptor, "wb") as file:
                new.discard(file)


@contextmanager
def _about(path: Path) -> Iterator[None]:
    """Have errors name the file that was to be written, not one that stands in for it."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, os.fspath(path)) from None


def _is_device(path: Path) -> bool:
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    return not stat.S_ISREG(mode)


class _NewFile:
    """A file that is going to replace another; `descriptor` is open for writing.

    name: where it is; "" while it has no name
    """

    def __init__(self, path: Path) -> None:
        self.target = os.path.realpath(os.fsdecode(path))
        self.folder = os.path.dirname(self.target)
        self.name, self.descriptor = "", -1
        exists = os.path.exists(self.target)
        if exists and not os.access(self.target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        for number in range(NUMBERS):
            _remove_leftover(self._numbered(number))
        # Nobody else can read the new file before it has the rights of the old one.
        mode = 0o600 if exists else 0o666
        try:
            if not self._open_nameless(mode):
                self._try_names(lambda name: self._open(name, mode))
            self._take_rights()
        except BaseException:
            if self.descriptor >= 0:
                with open(self.descriptor, "wb") as file:
                    self.discard(file)
            raise

    def publish(self, file: IO[Any]) -> None:
        """Put the flushed `file` of `descriptor` in the place of the old one."""
        self._take_rights()
        os.fsync(self.descriptor)
        if not self.name:
            link = f"/proc/self/fd/{self.descriptor}"
            here = self.descriptor  # of no use but to have `os.link` follow the link
            self._try_names(lambda name: os.link(link, name, src_dir_fd=here))
        if fcntl is None:
            file.close()  # Windows renames no open file
        _replace(self.name, self.target)
        _ours.discard(self.name)
        self.name = ""
        _sync_folder(self.folder)

    def discard(self, file: IO[Any]) -> None:
        """Remove the `file` of `descriptor` unless it was published."""
        name, self.name = self.name, ""
        if fcntl is None:
            with suppress(OSError):
                file.close()  # Windows removes no open file
        if name:
            with suppress(OSError):
                if fcntl is None or _is_at(self.descriptor, name):
                    os.unlink(name)
            _ours.discard(name)

    def _open_nameless(self, mode: int) -> bool:
        """Open a file without a name, if the system has them and can name them later."""
        if hasattr(os, "O_TMPFILE") and os.path.exists("/proc/self/fd"):
            with suppress(OSError):  # not in every file system
                self.descriptor = os.open(self.folder, os.O_TMPFILE | os.O_WRONLY, mode)
                _lock(self.descriptor)
        return self.descriptor >= 0

    def _open(self, name: str, mode: int) -> None:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
        self.descriptor = os.open(name, flags, mode)
        _lock(self.descriptor)
        if fcntl is not None and not _is_at(self.descriptor, name):
            os.close(self.descriptor)  # removed as a leftover before it was locked
            raise FileExistsError

    def _try_names(self, create: Callable[[str], object]) -> None:
        """Call `create` with one numbered name after another until there is no such file yet."""
        number = 0
        while True:
            self.name = self._numbered(number)
            try:
                create(self.name)
            except FileExistsError:
                number += 1
                continue
            _ours.add(self.name)
            return

    def _numbered(self, number: int) -> str:
        return os.path.join(self.folder, f".tinynn-{number}.part")

    def _take_rights(self) -> None:
        """Give the file the owner, group, access control list and permissions of the old one."""
        if not hasattr(os, "fchown") or not os.path.exists(self.target):
            return  # on Windows, files have the rights that their folder gives them
        old, new = os.stat(self.target), os.fstat(self.descriptor)
        mode = stat.S_IMODE(old.st_mode)
        if old.st_gid != new.st_gid:
            try:
                os.fchown(self.descriptor, -1, old.st_gid)
            except PermissionError:
                mode &= ~0o070 | (mode & 0o007) << 3
        if old.st_uid != new.st_uid:
            try:
                os.fchown(self.descriptor, old.st_uid, -1)
            except PermissionError:
                what = "it belongs to another user, and a new file would not"
                raise PermissionError(errno.EPERM, what) from None
        _copy_acl(self.target, self.descriptor)
        os.fchmod(self.descriptor, mode)


def _lock(descriptor: int) -> None:
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks has no leftovers removed either
            fcntl.flock(descriptor, fcntl.LOCK_EX)


def _is_at(descriptor: int, name: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(name))
    except FileNotFoundError:
        return False


def _remove_leftover(name: str) -> None:
    """Remove a new file that nobody writes any more, because its process was killed."""
    if name in _ours or not os.path.lexists(name):
        return
    with suppress(OSError):
        if fcntl is None:
            if time.time() - os.stat(name).st_mtime > CLOSED_SECONDS:
                os.unlink(name)  # fails if it is open
            return
        descriptor = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails if it is locked
            if _is_at(descriptor, name):
                os.unlink(name)
        finally:
            os.close(descriptor)


def _copy_acl(path: str, descriptor: int) -> None:
    if not hasattr(os, "getxattr"):
        return
    try:
        acl = os.getxattr(path, ACL)
    except OSError:  # it has none, but the new one may have that of its folder
        with suppress(OSError):
            os.removexattr(descriptor, ACL)
    else:
        os.setxattr(descriptor, ACL, acl)


def _replace(name: str, target: str) -> None:
    """Rename a file; on Windows, wait a while for those who read the old one."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return os.replace(name, target)
        except PermissionError:
            if fcntl is not None or time.monotonic() > end:
                raise
        time.sleep(0.01)


def _sync_folder(folder: str) -> None:
    """Have the disk keep the new name, where folders can be opened and synchronized."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
