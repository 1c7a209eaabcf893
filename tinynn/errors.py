"""Every error that tinynn raises on purpose.

Each is a `TinynnError`, and also the built-in error that a Python programmer would expect, so that
`except ValueError` keeps working in code that does not know this library.
"""

from __future__ import annotations


class TinynnError(Exception):
    """The base of every error that the library raises on purpose.

    A message has at most 1,000 characters: the middle of a longer one, which may quote a file, is
    left out.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(message if len(message) <= 1000 else f"{message[:700]}…{message[-200:]}")


class ShapeError(TinynnError, ValueError):
    """Matrices, layers or tables whose numbers of rows or columns do not fit together."""


class DataError(TinynnError, ValueError):
    """A value in a table that cannot be used: text, NaN, infinity, a target out of range.

    Also a row whose numbers are so large that a network's outputs for it are not finite.
    """


class SettingError(TinynnError, ValueError):
    """An argument that its constructor or function cannot take."""


class FormatError(TinynnError, ValueError):
    """A file that is truncated, edited, from a newer version, or of another kind."""


class DivergenceError(TinynnError, ArithmeticError):
    """Training left the range of finite numbers; the network keeps its last finite weights.

    `epoch` and `batch` (counted from 1) say when; `history` records the training until then.
    """

    epoch: int
    batch: int
    history: object


class EngineError(TinynnError):
    """An engine was chosen by name for something that it cannot do."""
