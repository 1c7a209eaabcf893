"""The lesson's own source: whole modules, and the line of one that computes a number."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import Any, Callable

from ...errors import DataError

MODULES = (
    "neural_net", "matrix", "activations", "losses", "layers", "network", "optimizers", "training",
    "activation_layers", "normalization", "adam", "loss", "layer", "initializers", "schedules",
    "clipping", "optimizer",
)  # fmt: skip
PACKAGE = __package__.rsplit(".", 2)[0] + ".lesson"


def module_source(name: str) -> str:
    """Return the source of a module of the lesson.

    Raises DataError where the source is not at hand, as in a file without it.
    """
    try:
        return inspect.getsource(import_module(f"{PACKAGE}.{name}"))
    except (OSError, TypeError) as error:
        raise DataError(f"the source of lesson/{name}.py is not at hand: {error}") from None


def line_of(
    function: Callable[..., Any], pattern: str = "return ", first: bool = False
) -> dict[str, Any]:
    """Return where the last (or the first) line of a function that begins so stands, and the line.

    The answer has module, line (counted from 1) and source; an empty one if it is not found.
    """
    while hasattr(function, "func"):  # a partial, such as that of LeakyReLU
        function = function.func
    try:
        lines, start = inspect.getsourcelines(function)
    except (OSError, TypeError):
        return {}
    found = [k for k, line in enumerate(lines) if re.match(rf"\s*{pattern}", line)]
    if not found:
        return {}
    at = found[0 if first else -1]
    module = function.__module__.rsplit(".", 1)[-1]
    return {"module": module, "line": start + at, "source": lines[at].strip()}
