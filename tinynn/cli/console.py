"""A command's output: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from typing import Any, Match, TextIO

from ..errors import DataError
from ..files.atomic import check_writing
from ..view.terminal import STEERING, printable


class Console:
    """Prints what a command has to say; no text with `quiet` or `as_json`.

    If the reader of a pipe goes away (`| head`), output is discarded and the work goes on.
    """

    def __init__(self, quiet: bool = False, as_json: bool = False) -> None:
        self.quiet, self.as_json = quiet, as_json
        warnings.showwarning = self._show_warning
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):  # a character it cannot encode is no error
                stream.reconfigure(errors="replace")

    @property
    def ascii_only(self) -> bool:
        """Whether standard output can show only ASCII."""
        from ..view import shows_blocks

        return not shows_blocks(sys.stdout.encoding)

    @property
    def width(self) -> int:
        """The width of the output in characters."""
        from shutil import get_terminal_size

        return min(max(get_terminal_size().columns, 40), 100)

    def say(self, line: str = "") -> None:
        """Write a line of the result."""
        self.show(printable(line))

    def show(self, lines: str) -> None:
        """Write lines of the result, in which names and labels are `printable` already."""
        if not self.quiet and not self.as_json:
            self._write(printable(lines, lines=True))

    def note(self, line: str) -> None:
        """Write a note or a warning to standard error."""
        if not self.quiet:
            sys.stderr.write(f"{printable(line)}\n")
            sys.stderr.flush()

    def result(self, content: dict[str, Any]) -> None:
        """Write the result as JSON if `as_json` is set."""
        if self.as_json:
            text = json.dumps(_finite(content), indent=2, ensure_ascii=False)
            self._write(STEERING.sub(_json_escape, text))

    def _write(self, text: str) -> None:
        try:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            silence(sys.stdout)

    def _show_warning(self, message: Any, *arguments: Any, **more: Any) -> None:
        text = str(message)
        for word, option in (("max_iter=", "--epochs "), ("max_iter", "--epochs"),
                             ("learning_rate_init", "--learning-rate")):  # fmt: skip
            text = text.replace(word, option)
        self.note(f"note: {text}")


def _json_escape(found: Match[str]) -> str:
    return found[0] if found[0] == "\n" else json.dumps(found[0])[1:-1]


class Terminal:
    """A stream whose output is `printable`, but for the ends of lines."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> None:
        """Write text."""
        self.stream.write(printable(text, lines=True))


class Meter:
    """Shows how much of a file has been read.

    On a terminal, one line is rewritten every 0.2 seconds; elsewhere, a line is added every 10.
    """

    def __init__(self, console: Console, what: str, out: TextIO | None = None) -> None:
        self.console, self.what = console, what
        self.out = sys.stderr if out is None else out
        self.live = self.out.isatty()
        self.started = self.shown = time.monotonic()

    def show(self, rows: int, share: float | None) -> None:
        """Show that `rows` rows and this share of the file have been read."""
        now = time.monotonic()
        if self.console.quiet or now - self.shown < (0.2 if self.live else 10.0):
            return
        self.shown = now
        text = f"{self.what}: {rows:,} rows"
        if share:
            left = (now - self.started) * (1.0 - share) / share
            text += f", {100.0 * share:.0f}%, {left:.0f} s left"
        self.out.write(f"\r\x1b[K{text}" if self.live else f"{text}\n")
        self.out.flush()

    def clear(self) -> None:
        """Clear the line."""
        if self.live and not self.console.quiet:
            self.out.write("\r\x1b[K")
            self.out.flush()


def silence(stream: TextIO) -> None:
    """Discard everything still written to a broken pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _finite(value: Any) -> Any:
    """Replace NaN and infinities, which JSON does not have, by None."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    if isinstance(value, float) and value - value != 0.0:
        return None
    return value


def check_writable(path: str | None) -> None:
    """Raise DataError, before any work is done, if a file cannot be written."""
    if path is None:
        return
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path):
        raise DataError(f"{path} is a directory; give the name of a file")
    if not os.path.isdir(folder):
        raise DataError(f"{path} cannot be written: there is no directory {folder}")
    try:
        check_writing(path)
    except OSError as error:
        why = error.strerror or str(error)
        if not os.access(folder, os.W_OK):
            why = f"the directory {folder} is not writable"
        raise DataError(f"{path} cannot be written: {why[0].lower() + why[1:]}") from None
