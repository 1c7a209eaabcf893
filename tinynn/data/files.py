"""Tables in text files: comma-, tab-, semicolon- or bar-separated, compressed or not, row by row.

The format of a file is guessed from its beginning unless it is given, and reported in attributes.
Anything wrong with a file raises a DataError that names the file, the line and the column.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
import zlib
from functools import partial
from itertools import islice
from typing import IO, BinaryIO, Iterator, NamedTuple, NoReturn

from ..checks.words import counted, nearest
from ..errors import DataError, SettingError

STDIN = "-"
DELIMITERS = ("\t", ";", "|", ",")  # rarer in prose first: that one wins if two fit equally well
SAMPLE_LINES = 200
LONGEST_LINE = 1 << 24  # characters; a file without line ends must not fill the memory
KEPT_IN_MEMORY = 1 << 26  # bytes of standard input; more than this goes to a temporary file

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


class CsvDialect(NamedTuple):
    """How a table is written: what separates cells, and what quotes them ("" for nothing)."""

    delimiter: str
    quote: str

    def reader(self, lines: Iterator[str], strict: bool = True) -> Iterator[list[str]]:
        """Return a reader of rows of cells; its `line_num` counts the lines read so far."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            skipinitialspace=True,
            strict=strict,
        )


class TableFile:
    """A table in a file: the names of its columns, and its rows, which can be read repeatedly.

    path:       the file, which may be compressed with gzip; "-" is standard input, kept in memory
                or, from 64 MB on, in a temporary file
    delimiter:  what separates cells; None: guessed among comma, semicolon, tab and bar
    quote:      what may enclose a cell, "" for nothing; None: guessed among " and '
    header:     whether the first line names the columns; None: guessed; without a header they are
                called c1, c2 …
    encoding:   of the text; None: that of its byte order mark, or UTF-8

    Raises DataError, naming file, line and column, if the file is not a table with at least one
    row, and SettingError for an invalid argument.
    """

    def __init__(
        self,
        path: str,
        delimiter: str | None = None,
        quote: str | None = None,
        header: bool | None = None,
        encoding: str | None = None,
    ) -> None:
        if delimiter is not None and (len(delimiter) != 1 or delimiter in "\r\n\0\"'"):
            raise SettingError(f"a delimiter needs to be one character, got {delimiter!r}")
        if quote is not None and (len(quote) > 1 or quote in ("\r", "\n", "\0")):
            raise SettingError(f"a quote needs to be one character or none, got {quote!r}")
        self.path = path
        self.name = "standard input" if path == STDIN else path
        self._kept: BinaryIO | None = None
        self._binary: BinaryIO | None = None
        self.compressed = False
        self.encoding = self._checked_encoding(encoding)
        sample = list(islice(self._lines(), SAMPLE_LINES))
        if not any(line.strip() for line in sample):
            raise DataError(f"{self.name} is empty; a table needs at least one row")
        whole = len(sample) < SAMPLE_LINES
        self.dialect = guessed_dialect(sample, delimiter, quote)
        rows = _sample_rows(sample, self.dialect, whole)
        self._first_line, first = self._first_row()
        self.header = guessed_header(rows or [first]) if header is None else header
        if self.header:
            self.columns = self._named(first)
            if next(self.rows(), None) is None:
                self._refuse(self._first_line, "the file ends after the header, without any rows")
        else:
            self.columns = [f"c{j + 1}" for j in range(len(first))]

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (line number, counted from 1; cells) for each row, skipping empty lines.

        Raises DataError for a row with more or fewer cells than there are columns.
        """
        width = len(self.columns)
        skip = self.header
        for line, cells in self._raw_rows():
            if skip:
                skip = False
            elif len(cells) == width:
                yield line, cells
            else:
                self._refuse_ragged(line, cells)

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
        """How many of those bytes the latest iteration over rows has read."""
        return 0 if self._binary is None or self._binary.closed else self._binary.tell()

    def describe(self) -> str:
        """Return a description of how the file is read."""
        names = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
        by = names.get(self.dialect.delimiter, repr(self.dialect.delimiter))
        parts = [f"separated by {by}"] if len(self.columns) > 1 else ["one column"]
        parts.append("the first line names the columns" if self.header else "no header")
        if self.encoding not in ("utf-8", "utf-8-sig"):
            parts.append(self.encoding)
        return ", ".join(parts)

    def _first_row(self) -> tuple[int, list[str]]:
        for line, cells in self._raw_rows():
            return line, cells
        raise DataError(f"{self.name} is empty; a table needs at least one row")

    def _raw_rows(self) -> Iterator[tuple[int, list[str]]]:
        reader = self.dialect.reader(self._lines())
        line = read = 0
        try:
            for cells in reader:
                line, read = read + 1, reader.line_num  # type: ignore[attr-defined]
                if len(cells) > 1 or (cells and cells[0].strip()):
                    yield line, cells
        except csv.Error as error:
            self._refuse_csv(read + 1, error)

    def _named(self, cells: list[str]) -> list[str]:
        """Return the names of the columns from the header, with whitespace normalized."""
        names: list[str] = []
        seen: dict[str, int] = {}
        for j, cell in enumerate(cells):
            name = " ".join(cell.split()) or f"unnamed: {j}"  # as pandas calls them
            if name in seen:
                self._refuse(
                    self._first_line,
                    f"columns {seen[name] + 1} and {j + 1} are both named {name!r}; rename one, "
                    "or read the file without a header",
                )
            seen[name] = j
            names.append(name)
        return names

    def _lines(self) -> Iterator[str]:
        """Yield the lines of text, with their line ends."""
        number = 0
        try:
            raw, binary = self._open()
        except OSError as error:
            raise self._unreadable(error) from None
        text = io.TextIOWrapper(binary, encoding=self.encoding, newline="")
        try:
            for line in iter(partial(text.readline, LONGEST_LINE), ""):
                number += 1
                if "\0" in line:
                    self._refuse(
                        number,
                        f"a NUL character in column {line.index(chr(0)) + 1} of the line: "
                        "this is not a text file, or its encoding is not "
                        f"{self.encoding} but, say, utf-16",
                    )
                if len(line) == LONGEST_LINE:
                    self._refuse(number, f"more than {LONGEST_LINE:,} characters in one line")
                yield line
        except UnicodeError:
            self._refuse_bytes()
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self._refuse(number + 1, f"the compressed file is damaged here: {error}")
        except OSError as error:
            raise self._unreadable(error) from None
        finally:
            text.close()
            raw.close()

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

    def _checked_encoding(self, encoding: str | None) -> str:
        if encoding is not None:
            try:
                io.TextIOWrapper(io.BytesIO(), encoding=encoding)
            except LookupError:
                raise SettingError(
                    "an encoding needs to be one that Python knows, such as utf-8, cp1252 or "
                    f"latin-1, got {encoding!r}"
                ) from None
        try:
            raw, binary = self._open()
            with raw, binary:
                start = binary.read(4)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            self._refuse(1, f"the compressed file is damaged here: {error}")
        except OSError as error:
            raise self._unreadable(error) from None
        for mark, name in _BOMS:
            if start.startswith(mark) and encoding in (None, "utf-8", "utf8", "UTF-8"):
                return name
        return encoding or "utf-8"

    def _unreadable(self, error: OSError) -> DataError:
        if isinstance(error, FileNotFoundError):
            return DataError(f"there is no file {self.path}{near_file(self.path)}")
        return DataError(f"{self.name} cannot be read: {error.strerror or error}")

    def _refuse(self, line: int, what: str) -> NoReturn:
        raise DataError(f"{self.name}, line {line}: {what}")

    def _refuse_ragged(self, line: int, cells: list[str]) -> NoReturn:
        width, got = len(self.columns), len(cells)
        whose = "the header has" if self.header else f"line {self._first_line} has"
        if got < width:
            what = f"column {got + 1} ({self.columns[got]!r}) is missing"
        else:
            what = f"column {width + 1} ({cells[width][:40]!r}) is one too many"
        self._refuse(
            line,
            f"{counted(got, 'cell')} where {whose} {width}: {what}; "
            "is a quote or a separator missing, or is there one too many?",
        )

    def _refuse_csv(self, line: int, error: csv.Error) -> NoReturn:
        text = str(error)
        mark = self.dialect.quote
        if "unexpected end" in text:
            self._refuse(line, f"a quote ({mark}) opened in this row is never closed")
        if "field larger" in text:
            self._refuse(
                line, f"a cell has more than {csv.field_size_limit():,} characters; is a closing "
                f"quote ({mark}) missing?",
            )  # fmt: skip
        if "expected after" in text:
            self._refuse(
                line, f"a quoted cell continues after its closing quote ({mark}); double the "
                "quotes inside a cell, or turn quoting off",
            )  # fmt: skip
        self._refuse(line, text)

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
                    self._refuse(
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


def guessed_dialect(
    lines: list[str], delimiter: str | None = None, quote: str | None = None
) -> CsvDialect:
    """Return the dialect that splits the first lines of a table into the most even rows.

    >>> guessed_dialect(["a;b;c\\n", "1,5;2;3\\n"])
    CsvDialect(delimiter=';', quote='"')
    """
    if quote is None:
        quote = _guessed_quote(lines)
    if delimiter is not None:
        return CsvDialect(delimiter, quote)

    def evenness(candidate: str) -> tuple[float, int]:
        rows = _sample_rows(lines, CsvDialect(candidate, quote or ""), len(lines) < SAMPLE_LINES)
        widths = [len(row) for row in rows]
        usual = max(set(widths), key=lambda width: (widths.count(width), width), default=1)
        return (widths.count(usual) / len(widths), usual) if usual > 1 else (0.0, 1)

    # A single broken row must not change the guess, so nine tenths even rows count like all.
    scores = {candidate: evenness(candidate) for candidate in DELIMITERS}
    best = max(DELIMITERS, key=lambda candidate: min(scores[candidate][0], 0.9))
    return CsvDialect(best if scores[best][1] > 1 else ",", quote)


def _guessed_quote(lines: list[str]) -> str:
    text = "".join(lines)
    single = sum(text.count(f"{mark}'") for mark in (*DELIMITERS, "\n"))
    closed = sum(text.count(f"'{mark}") for mark in (*DELIMITERS, "\n", "\r"))
    return "'" if '"' not in text and min(single, closed) >= max(1, len(lines) - 1) else '"'


def guessed_header(rows: list[list[str]]) -> bool:
    """Return whether the first row of a table names its columns.

    It does unless it contains a number or, in a table without numbers, a text that occurs again in
    the same column.

    >>> guessed_header([["sepal", "species"], ["5.1", "setosa"]])
    True
    """
    first, rest = rows[0], rows[1:]
    if any(_like_number(cell) for cell in first):
        return False
    if any(_like_number(cell) for row in rest for cell in row):
        return True
    return not any(
        cell and sum(row[j : j + 1] == [cell] for row in rest) > 0 for j, cell in enumerate(first)
    )


def _like_number(cell: str) -> bool:
    text = cell.strip().replace(",", ".", 1)
    try:
        float(text)
    except ValueError:
        return False
    return any(map(str.isdigit, text))


def _sample_rows(lines: list[str], dialect: CsvDialect, whole: bool) -> list[list[str]]:
    """Return the rows in the first lines of a file, up to a line that cannot be read."""
    rows: list[list[str]] = []
    reader = dialect.reader(iter(lines), strict=False)
    try:
        rows += (row for row in reader if len(row) > 1 or (row and row[0].strip()))
    except csv.Error:
        return rows or [[""]]
    # A quoted cell may continue after the last line that was read.
    return rows if whole or len(rows) < 2 else rows[:-1]


def near_file(path: str) -> str:
    """Return the end of a message about a missing file: the file most likely meant."""
    folder, name = os.path.split(path)
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return ""
    near = nearest(name, names)
    return f"; did you mean {os.path.join(folder, near[0])}?" if near else ""
