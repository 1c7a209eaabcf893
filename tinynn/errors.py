"""Every error that tinynn raises on purpose.

Each is a `TinynnError`, and also the built-in error that a Python programmer would expect there, so
that `except ValueError` keeps working in code that has never heard of this library.
"""

from __future__ import annotations


class TinynnError(Exception):
    """The base of every error that the library raises on purpose."""


class ShapeError(TinynnError, ValueError):
    """Matrices, layers or tables whose numbers of rows or columns do not fit together."""


class DataError(TinynnError, ValueError):
    """A value in a table that cannot be used: text, NaN, infinity, a target out of reach."""


class SettingError(TinynnError, ValueError):
    """An argument of a constructor or function outside of what it takes."""


class FormatError(TinynnError, ValueError):
    """A file that is not what it should be: truncated, edited, or from a newer version."""


class DivergenceError(TinynnError, ArithmeticError):
    """Training left the range of finite numbers; the last finite weights are in place.

    `epoch` and `batch` (counted from 1) say when, `history` is the training until then.
    """

    epoch: int
    batch: int
    history: object


class EngineError(TinynnError):
    """An engine was asked by name for something that it cannot do."""
