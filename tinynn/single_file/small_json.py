"""Replaces `files.json_file` in minimal files: the same format, written on one line."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any

from ..errors import FormatError

FORMAT = "tinynn"
VERSION = 1


def write(path: Any, kind: str, content: dict[str, object]) -> None:
    """Write a model file. Raises FormatError for a number that is not finite."""
    document: dict[str, object] = {"format": FORMAT, "version": VERSION, "kind": kind}
    document.update(content)
    _check(document)
    text = json.dumps(document)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read(path: Any) -> dict[str, Any]:
    """Return the content of a model file. Raises FormatError for any other file."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        document = json.loads(text)
    except ValueError as error:
        raise FormatError(f"{path} is not a complete model file: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FormatError(f"{path} is not a tinynn model")
    if document.get("version") != VERSION:
        raise FormatError(f"{path} needs version {VERSION} of the model format")
    return document


def _check(value: object) -> None:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _check(item)
    elif isinstance(value, float) and not isfinite(value):
        raise FormatError(f"a model file needs finite numbers, got {value}")
