"""Model files: human-readable JSON with exact floats, checked from the first byte to the last.

A model file is one JSON object with "format": "tinynn", the "version" of the format, and the "kind"
of model. Reading one builds plain dictionaries, lists, numbers and strings, and nothing else; names
in a file are looked up only in the library's own tables.
"""

from __future__ import annotations

import os
from typing import Any

from ..checks.words import excerpt
from ..errors import FormatError
from .atomic import Path as Path, write_text

FORMAT = "tinynn"
VERSION = 1


def write(path: Path, kind: str, content: dict[str, object]) -> None:
    """Write a model file atomically: whole, or not at all.

    Raises FormatError for numbers that JSON cannot express (NaN and the infinities), and OSError
    if the file cannot be written.
    """
    write_text(path, dumps(kind, content))


def dumps(kind: str, content: dict[str, object]) -> str:
    """Return the content of a model file as JSON."""
    return _text({"format": FORMAT, "version": VERSION, "kind": kind, **content}, "", "") + "\n"


def read(path: Path) -> dict[str, Any]:
    """Return the content of a model file, with its "kind".

    Raises FormatError, saying where the file is invalid, and OSError if it cannot be read.
    """
    with open(os.fspath(path), "rb") as file:
        data = file.read()
    return loads(data, str(path))


def loads(data: bytes, name: str) -> dict[str, Any]:
    """Return the content of a model file from its bytes; messages call it `name`."""
    from json import JSONDecodeError  # imported only here: training does not need it

    from .json_text import parse

    try:
        document = parse(data)
    except UnicodeDecodeError as error:
        from .foreign import described

        what = described(data, name)
        raise FormatError(
            what or f"{name} is not a model file: byte {error.start} is not UTF-8"
        ) from None
    except JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise FormatError(f"{name} is not a complete model file: {error.msg} at {where}") from None
    except RecursionError:
        raise FormatError(f"{name} is not a model file: it is nested too deeply") from None
    except ValueError as error:
        raise FormatError(f"{name} is not a model file: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FormatError(f'{name} is not a tinynn model: it lacks "format": "{FORMAT}"')
    version = document.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise FormatError(f"{name} needs a whole number as its version, got {excerpt(version)}")
    if version > VERSION:
        raise FormatError(
            f"{name} has version {excerpt(version)} of the model format, but this tinynn reads "
            f"only up to version {VERSION}; use a newer tinynn"
        )
    return document


def _text(value: object, indent: str, where: str) -> str:
    """Return JSON with each item of an object and each row of a matrix on a separate line.

    `where` is the path to the value, for the FormatError if JSON cannot express it.
    """
    import json

    deeper = indent + "  "
    if isinstance(value, dict) and value:
        items = [
            f"{deeper}{json.dumps(str(k))}: {_text(v, deeper, f'{where}.{k}' if where else str(k))}"
            for k, v in value.items()
        ]
        return "{\n" + ",\n".join(items) + f"\n{indent}}}"
    if isinstance(value, list) and value and isinstance(value[0], (list, dict)):
        items = [deeper + _text(v, deeper, f"{where}[{i}]") for i, v in enumerate(value)]
        return "[\n" + ",\n".join(items) + f"\n{indent}]"
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        if isinstance(value, list):  # find the item at fault
            for i, item in enumerate(value):
                _text(item, deeper, f"{where}[{i}]")
        raise FormatError(
            f"a model file needs finite numbers, got {excerpt(value)} in {where}"
        ) from None
