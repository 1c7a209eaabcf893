"""Model files: human-readable JSON with exact floats, checked from the first byte to the last.

A model file is one JSON object with "format": "tinynn", the "version" of the format, and the "kind"
of model. Reading one builds plain dictionaries, lists, numbers and strings, and nothing else; names
in a file are looked up only in the library's own tables.
"""

from __future__ import annotations

import os
from typing import Any

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
    import json  # imported only here: training does not need it, and so starts 2 ms earlier

    try:
        document = json.loads(
            data.decode("utf-8-sig"), object_pairs_hook=_no_repeats, parse_constant=_no_constants
        )
    except UnicodeDecodeError as error:
        raise FormatError(f"{name} is not a model file: byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
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
        raise FormatError(f"{name} needs a whole number as its version, got {version!r}")
    if version > VERSION:
        raise FormatError(
            f"{name} has version {version} of the model format, but this tinynn reads only up to "
            f"version {VERSION}; use a newer tinynn"
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
        raise FormatError(f"a model file needs finite numbers, got {value!r} in {where}") from None


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} appears twice in one object")
        found[key] = value
    return found


def _no_constants(word: str) -> None:
    raise ValueError(f"{word} is not a finite number")
