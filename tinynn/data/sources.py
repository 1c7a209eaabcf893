"""The text of a file, a compressed file or a pipe, in lines: opened, decoded, read repeatedly.

Anything wrong with it raises a DataError that names the file and the line.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import sys
import zlib
from functools import partial
from itertools import chain, islice
from typing import IO, BinaryIO, Iterator, NoReturn

from ..checks.words import nearest
from ..errors import DataError, SettingError

STDIN = "-"
BLOCK = 1 << 16  # bytes that are read at a time
LONGEST_LINE = 1 << 24  # characters; a file without line ends must not fill the memory
KEPT_IN_MEMORY = 1 << 26  # bytes of standard input; more than this goes to a temporary file
LEGACY = "cp1252"  # what text is taken for that is not UTF-8: it contains the printable Latin-1

# The first bytes of files that are often mistaken for tables in text.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet; save the table as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet; save the table as CSV"),
    (b"PAR1", "a Parquet file; save the table as CSV"),
    (b"SQLite format 3", "an SQLite database; export the table as CSV"),
    (b"\x89HDF", "an HDF5 file; save the table as CSV"),
    (b"\x93NUMPY", "a NumPy array; save it with numpy.savetxt"),
    (b"%PDF", "a PDF document; save the table as CSV"),
    (b"BZh", "compressed with bzip2; unpack it first"),
    (b"\xfd7zXZ", "compressed with xz; unpack it first"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"),
)
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
UTF8 = ("utf-8", "utf-8-sig")
# Bytes that text in cp1252 does not contain: undefined ones, and the control characters.
_NO_TEXT = bytes({*b"\x81\x8d\x8f\x90\x9d\x7f", *range(32)} - {*b"\t\n\v\f\r\x1a\x1c\x1d\x1e\x1f"})
_DAMAGES = (EOFError, zlib.error, gzip.BadGzipFile)


class TextFile:
    """The lines of a text file, which can be read repeatedly.

    path:      the file, which may be compressed with gzip; "-" is standard input, kept in memory
               or, from 64 MB on, in a temporary file
    encoding:  of the text; None: that of its byte order mark, else UTF-8 if all of it is valid,
               else the `usual` one, or cp1252

    Raises DataError if there is no such file or it is not text, SettingError for an unknown
    encoding.
    """

    def __init__(self, path: str, encoding: str | None = None, usual: str | None = None) -> None:
        if encoding is not None:
            _check_encoding(encoding)
        self.path = path
        self.name = "standard input" if path == STDIN else path
        self._kept: BinaryIO | None = None
        self._binary: BinaryIO | None = None
        self.compressed = False
        self.guessed = False  # whether the encoding is only probable
        self.encoding = self._encoding(encoding, usual)

    def lines(self, skip: int = 0) -> Iterator[str]:
        """Return the lines with their line ends, without the first `skip`."""
        lines = chain.from_iterable(self._blocks())
        return islice(lines, skip, None) if skip else lines

    @property
    def size(self) -> int | None:
        """The file's size in bytes (before decompression), or None for a pipe."""
        if self._kept is not None:
            return self._kept.seek(0, os.SEEK_END)
        try:
            return os.stat(self.path).st_size if os.path.isfile(self.path) else None
        except OSError:
            return None

    @property
    def position(self) -> int:
        """How many of those bytes the latest iteration over lines has read."""
        return 0 if self._binary is None or self._binary.closed else self._binary.tell()

    def refuse(self, line: int, what: str) -> NoReturn:
        """Raise DataError for a line, counted from 1."""
        raise DataError(f"{self.name}, line {line}: {what}")

    def _blocks(self) -> Iterator[io.StringIO]:
        """Yield the text in blocks of whole lines; iterating over a block gives its lines."""
        try:
            raw, binary = self._open()
        except OSError as error:
            raise self._unreadable(error) from None
        decode = codecs.getincrementaldecoder(self.encoding)().decode
        read = getattr(binary, "read1", binary.read)
        rest, before = "", 0  # the beginning of a line, and the number of lines before it
        try:
            while True:
                data = read(BLOCK)
                text = decode(data, not data)
                if "\0" in text:
                    self._refuse_nul(rest + text, before)
                text = rest + text
                # A carriage return at the end may be the first half of a line end.
                end = max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1
                end = end if data else len(text)
                rest = text[end:]
                text = text[:end]
                before += line_ends(text)
                if len(rest) >= LONGEST_LINE:
                    self.refuse(before + 1, f"more than {LONGEST_LINE:,} characters in one line")
                if text:
                    yield io.StringIO(text, newline="")
                if not data:
                    return
        except UnicodeError:
            self._refuse_bytes()
        except _DAMAGES as error:
            self.refuse(before + 1, f"the compressed file is damaged here: {error}")
        except OSError as error:
            raise self._unreadable(error) from None
        finally:
            binary.close()
            raw.close()

    def _refuse_nul(self, text: str, before: int) -> NoReturn:
        start = text[: text.index("\0")]
        column = len(start) - max(start.rfind("\n"), start.rfind("\r"))
        self.refuse(
            before + line_ends(start) + 1,
            f"a NUL character in column {column} of the line: this is not a text file, or its "
            f"encoding is not {self.encoding} but, say, utf-16",
        )

    def _open(self) -> tuple[BinaryIO, IO[bytes]]:
        """Return the raw file and its decompressed bytes, both to be closed."""
        raw = self._binary = self._raw()
        magic = raw.read(16)
        raw.seek(0)
        self.compressed = magic[:2] == b"\x1f\x8b"
        if self.compressed:
            return raw, io.BufferedReader(gzip.GzipFile(fileobj=raw, mode="rb"))
        for start, what in _OTHERS:
            if magic.startswith(start):
                raw.close()
                raise DataError(f"{self.name} is not a text file: it looks like {what}")
        return raw, raw

    def _raw(self) -> BinaryIO:
        """Return the file's bytes, to be read, sought and closed."""
        if self.path != STDIN and os.path.isdir(self.path):
            raise DataError(f"{self.name} is a directory; give the path of a file")
        if self._kept is None and self.path == STDIN:
            self._kept = _kept(sys.stdin.buffer)
        elif self._kept is None and not os.path.isfile(self.path):
            with open(self.path, "rb") as pipe:
                self._kept = _kept(pipe)
        if self._kept is None:
            return open(self.path, "rb")
        self._kept.seek(0)
        return _Unclosed(self._kept)  # type: ignore[return-value]

    def _encoding(self, given: str | None, usual: str | None) -> str:
        """Return the encoding: as given, or guessed from all of the bytes."""
        try:
            raw, binary = self._open()
            with raw, binary:
                start = binary.read(BLOCK)
                for mark, name in _BOMS:
                    if start.startswith(mark) and given in (None, "utf-8", "utf8", "UTF-8"):
                        return name
                if given is not None:
                    return given
                blocks = chain([start], iter(partial(binary.read, BLOCK), b""))
                usual = usual or "utf-8"
                if "\n".encode(usual) != b"\n" and b"\0" not in start:  # such as UTF-16
                    usual = "utf-8"
                found = _zeros(start) or _bytes_encoding(blocks, usual)
        except _DAMAGES:
            found = "utf-8"  # reading the lines will tell where the damage is
        except OSError as error:
            raise self._unreadable(error) from None
        self.guessed = found not in UTF8
        return found

    def _unreadable(self, error: OSError) -> DataError:
        if isinstance(error, FileNotFoundError):
            return DataError(f"there is no file {self.path}{near_file(self.path)}")
        return DataError(f"{self.name} cannot be read: {error.strerror or error}")

    def _refuse_bytes(self) -> NoReturn:
        """Find the first byte that cannot be decoded, and raise DataError for it."""
        encoding = {"utf-8-sig": "utf-8"}.get(self.encoding, self.encoding)
        at = 0
        if "\n".encode(encoding) != b"\n":  # the bytes cannot be split into lines
            raise DataError(f"{self.name} cannot be decoded as {encoding}; give its encoding")
        raw_file, binary = self._open()
        with raw_file, binary:
            for number, raw in enumerate(iter(partial(binary.readline, LONGEST_LINE), b""), 1):
                try:
                    raw.decode(encoding)
                except UnicodeDecodeError as error:
                    byte = raw[error.start]
                    mend = "; give the file's encoding, for example cp1252 or latin-1"
                    self.refuse(
                        number,
                        f"this cannot be decoded as {encoding}: byte {at + error.start} of the "
                        f"file, byte {error.start + 1} of the line, is 0x{byte:02x}{mend}",
                    )
                at += len(raw)
        raise DataError(f"{self.name} cannot be decoded as {self.encoding}; give its encoding")


class _Unclosed(io.RawIOBase):
    """Reads a file and leaves it open when closed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        return self._file.readinto(buffer)  # type: ignore[attr-defined, no-any-return]

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _kept(source: BinaryIO) -> BinaryIO:
    """Return the content of a pipe as a file that can be read again."""
    start = source.read(KEPT_IN_MEMORY)
    if len(start) < KEPT_IN_MEMORY:
        return io.BytesIO(start)
    from shutil import copyfileobj
    from tempfile import TemporaryFile

    file = TemporaryFile()  # noqa: SIM115 (it is read again later)
    file.write(start)
    copyfileobj(source, file)
    return file


def line_ends(text: str) -> int:
    """Return how many line ends (line feed, carriage return, or both) a text contains.

    >>> line_ends("a\\r\\nb\\rc\\n")
    3
    """
    ends = text.count("\n")
    return ends if "\r" not in text else ends + text.count("\r") - text.count("\r\n")


def _check_encoding(encoding: str) -> None:
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    except LookupError:
        raise SettingError(
            "an encoding needs to be one that Python knows, such as utf-8, cp1252 or "
            f"latin-1, got {encoding!r}"
        ) from None


def _zeros(start: bytes) -> str | None:
    """Return the UTF-16 without a byte order mark in which every other byte is zero, or None."""
    high, low = start[0::2].count(0), start[1::2].count(0)
    if 3 * max(high, low) > len(start) and not min(high, low):
        return "utf-16-be" if high else "utf-16-le"
    return None


def _bytes_encoding(blocks: Iterator[bytes], usual: str) -> str:
    """Return UTF-8 if all bytes are valid in it, else the usual encoding, or cp1252 if they fit.

    ASCII, which is valid in nearly all encodings, is in the usual one.
    """
    fallback = LEGACY if usual == "utf-8" else usual
    decoder = codecs.getincrementaldecoder("utf-8")()
    plain = valid = fits = True
    for block in blocks:
        plain = plain and block.isascii()
        if plain:
            continue
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            valid = False
        fits = fits and len(block.translate(None, _NO_TEXT)) == len(block)
        if not valid and (not fits or fallback != LEGACY):
            break
    if plain:
        return usual
    valid = valid and not decoder.getstate()[0]
    return "utf-8" if valid or (fallback == LEGACY and not fits) else fallback


def near_file(path: str) -> str:
    """Return the end of a message about a missing file: the file most likely meant."""
    folder, name = os.path.split(path)
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return ""
    near = nearest(name, names)
    return f"; did you mean {os.path.join(folder, near[0])}?" if near else ""
