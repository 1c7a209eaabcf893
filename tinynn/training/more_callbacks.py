"""Callbacks that write a table of the epochs, or call functions of yours."""

from __future__ import annotations

from io import StringIO
from math import inf
from time import monotonic
from typing import Callable

from ..checks.settings import flag
from ..checks.words import did_you_mean, excerpt
from ..errors import SettingError
from ..files.atomic import Path, check_writing, write_bytes
from .callbacks import Callback
from .run import Run

SECONDS_BETWEEN = 0.5  # writing the whole table again takes longer the longer it is
_MOMENTS = tuple(name for name in vars(Callback) if name.startswith(("on_", "after_")))


class CSVLog(Callback):
    """Writes a table of the epochs to a CSV file, twice a second at most, and at the end.

    The columns are epoch, loss, validation_loss (with validation data), each metric, learning_rate
    and seconds. Numbers are exact. The file is whole at any time, and has the earlier epochs of a
    resumed training, too. With `append` the lines go after those that are there.

    Raises OSError if the file cannot be read or written.
    """

    def __init__(self, path: Path, separator: str = ",", append: bool = False) -> None:
        if not isinstance(separator, str) or len(separator) != 1 or separator in '"\r\n':
            raise SettingError(
                f"CSVLog needs separator to be one character, such as ',' or ';', got "
                f"{excerpt(separator)}"
            )
        self.path, self.separator = path, separator
        self.append = flag("CSVLog", "append", append)
        self._begin()

    def _begin(self, before: bytes = b"") -> None:
        self._before, self._lines = before, StringIO()
        self._epochs = self._written = 0  # in the lines, and in the file
        self._due = -inf

    def on_train_begin(self, trainer: Run) -> None:
        before = b""
        if self.append:
            try:
                with open(self.path, "rb") as file:
                    before = file.read()
            except FileNotFoundError:
                pass
        check_writing(self.path)
        self._begin(before)

    def on_epoch_end(self, trainer: Run) -> None:
        import csv  # which no other training needs

        history = trainer.history
        curves: dict[str, list[float]] = {"loss": history.loss}
        if history.validation_loss:
            curves["validation_loss"] = history.validation_loss
        curves.update(history.metrics)
        curves.update(learning_rate=history.learning_rate, seconds=history.seconds)
        writer = csv.writer(self._lines, delimiter=self.separator, lineterminator="\n")
        if not (self._before or self._epochs):
            writer.writerow(["epoch", *curves])
        for k in range(self._epochs, history.epochs):
            row = [repr(curve[k]) if k < len(curve) else "" for curve in curves.values()]
            writer.writerow([k + 1, *row])
        self._epochs = history.epochs
        if monotonic() >= self._due:
            self._write()

    def on_train_end(self, trainer: Run) -> None:
        self._write()

    def _write(self) -> None:
        if self._written < self._epochs:
            write_bytes(self.path, self._before + self._lines.getvalue().encode("utf-8"))
            self._written, self._due = self._epochs, monotonic() + SECONDS_BETWEEN


class LambdaCallback(Callback):
    """Calls functions of yours, each with the running `Trainer`.

    They are given by the names of `Callback`'s methods, such as `on_epoch_end`; only those that are
    given cost time.

    Raises SettingError for another name, or what cannot be called.

    >>> shown = LambdaCallback(on_epoch_end=lambda trainer: print(trainer.history.loss[-1]))
    """

    def __init__(self, **functions: Callable[[Run], object]) -> None:
        for name, function in functions.items():
            if name not in _MOMENTS:
                raise SettingError(
                    f"LambdaCallback needs functions for {', '.join(_MOMENTS)}, got "
                    f"{excerpt(name)}{did_you_mean(name, _MOMENTS)}"
                )
            if not callable(function):
                raise SettingError(
                    f"LambdaCallback needs {name} to be a function, got {excerpt(function)}"
                )
            setattr(self, name, function)
