"""Source of Python functions: lines with an indent, products and sums, and how it is compiled."""

from __future__ import annotations

import linecache
import math
import weakref
from itertools import chain, count
from typing import Any, Callable, NamedTuple, Sequence

# What the source may call; passed as arguments, since local names are the fastest to look up.
CALLS: dict[str, Any] = {
    "exp": math.exp, "expm1": math.expm1, "log": math.log, "log1p": math.log1p, "tanh": math.tanh,
    "erfc": math.erfc, "sqrt": math.sqrt, "hypot": math.hypot, "abs": abs, "max": max,
}  # fmt: skip
ZEROS = ("0.0", "-0.0")
_numbers = count(1)


class Compiled(NamedTuple):
    """A function, the source that it was compiled from, and the seconds that both took to make."""

    function: Callable[..., Any]
    source: str
    seconds: float


class SourceWriter:
    """Lines with an indent; the first line begins a function: `def name(arguments):`."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 0

    def __call__(self, *lines: str) -> None:
        for line in lines:
            self.lines.append("    " * self.depth + line if line else "")

    def comment(self, line: str) -> None:
        self("# " + line)

    def block(self, line: str) -> _Block:
        """Write a line that begins a block; inside `with`, the lines that follow are indented."""
        self(line)
        return _Block(self)

    def wrapped(self, names: Sequence[str], opening: str, closing: str) -> None:
        """Write `opening` name, name, ... `closing`, eight names to a line."""
        if len(names) <= 8:
            self(f"{opening}{', '.join(names)},{closing}")
            return
        self(opening)
        for k in range(0, len(names), 8):
            self("    " + ", ".join(names[k : k + 8]) + ",")
        self(closing)

    def __str__(self) -> str:
        body = "\n".join(self.lines[1:])
        # No other name that is called ends like one of these.
        used = [f"{name}={name}" for name in CALLS if f"{name}(" in body]
        first = self.lines[0].replace("):", "".join(", " + argument for argument in used) + "):")
        return f"{first}\n{body}\n"


class _Block:
    def __init__(self, code: SourceWriter) -> None:
        self.code = code

    def __enter__(self) -> None:
        self.code.depth += 1

    def __exit__(self, *error: object) -> None:
        self.code.depth -= 1


def braced(code: str) -> str:
    """Return source that can be a factor of a product: a sum or a condition in parentheses.

    >>> braced("a * (b - c)"), braced("a - b")
    ('a * (b - c)', '(a - b)')
    """
    depth = 0
    for k, letter in enumerate(code):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and letter == " " and code[k + 1 : k + 3] in ("+ ", "- ", "if"):
            return f"({code})"
    return code


def product(factor: str, other: str) -> str:
    """Return the source of factor * other, simplified if one of them is 0 or the factor is 1."""
    if factor in ZEROS or other in ZEROS:
        return "0.0"
    return other if factor == "1.0" else f"{factor} * {other}"


def total(terms: Sequence[str]) -> str:
    """Return the source of a sum, from left to right, of the terms that are not 0 or ""."""
    return " + ".join(term for term in terms if term and term not in ZEROS) or "0.0"


def compile_source(code: str, name: str, **others: Any) -> Callable[..., Any]:
    """Return the function that the code defines; `others` are more names in it.

    Its lines are registered with `linecache`, so that tracebacks, pdb and `inspect.getsource` show
    them as long as the function lives; its `source` is the code.
    """
    filename = f"<tinynn {name} {next(_numbers)}>"
    space: dict[str, Any] = {
        **CALLS, "chain": chain, "inf": math.inf, "nan": math.nan, "__name__": __name__, **others
    }  # fmt: skip
    exec(compile(code, filename, "exec"), space)
    function: Callable[..., Any] = space[code[len("def ") : code.index("(")]]
    linecache.cache[filename] = (len(code), None, code.splitlines(True), filename)
    function.source = code  # type: ignore[attr-defined]
    weakref.finalize(function, linecache.cache.pop, filename, None).atexit = False
    return function
