"""What C and JavaScript share: the layers, their tables of numbers, and the words at the head.

A routine is written once, as C in which REAL is the type of the numbers; a `Dialect` makes it C or
JavaScript. The formulas are those of activations.py, and as safe from overflow.
"""

from __future__ import annotations

import json
import re
from typing import Callable, NamedTuple, Sequence

from .. import __version__
from ..engines.plans import LayerPlan
from ..lesson.activations import SELU_ALPHA, SELU_SCALE
from ..lesson.matrix import transpose
from ..preprocessing.columns import CategoryColumn, Column, LeftOut
from .steps import Description

_ROW = "REAL *x, int n"  # changed in place
_LINE = 100

# By kind of layer: the routine's name, its arguments, and what it does; $…$ stands for a constant.
ROUTINES: dict[str, tuple[str, str, str]] = {
    "Sigmoid": ("sigmoid", "REAL x", """\
const REAL e = exp(-fabs(x));
return (x >= 0 ? 1 : e) / (1 + e);"""),
    "Tanh": ("squash", "REAL x", "return tanh(x);"),
    "ReLU": ("relu", "REAL x", "return x <= 0 ? 0 : x;"),
    "LeakyReLU": ("leaky_relu", "REAL x, REAL slope", "return x > 0 ? x : slope * x;"),
    "ELU": ("elu", "REAL x, REAL alpha", "return x > 0 ? x : alpha * expm1(x);"),
    "SELU": ("selu", "REAL x", "return $scale$ * (x > 0 ? x : $alpha$ * expm1(x));"),
    "GELU": ("gelu", "REAL x", "return $half$ * x * erfc(-x / $root of two$);"),
    "Softplus": ("softplus", "REAL x", "return (x > 0 ? x : 0) + log1p(exp(-fabs(x)));"),
    "SiLU": ("silu", "REAL x", """\
const REAL e = exp(-fabs(x));
return x * ((x >= 0 ? 1 : e) / (1 + e));"""),
    "Softmax": ("softmax", _ROW, """\
REAL top = x[0], total = 0;
for (int j = 1; j < n; j++) if (x[j] > top) top = x[j];
for (int j = 0; j < n; j++) total += x[j] = exp(x[j] - top);
for (int j = 0; j < n; j++) x[j] /= total;"""),
    "LogSoftmax": ("log_softmax", _ROW, """\
REAL top = x[0], total = 0;
for (int j = 1; j < n; j++) if (x[j] > top) top = x[j];
for (int j = 0; j < n; j++) total += exp(x[j] - top);
total = log(total);
for (int j = 0; j < n; j++) x[j] = x[j] - top - total;"""),
    "Affine": ("affine", f"{_ROW}, const REAL *scale, const REAL *shift", """\
for (int j = 0; j < n; j++) x[j] = scale[j] * x[j] + shift[j];"""),
    # In double throughout: the square of a float would overflow long before the float does.
    "LayerNorm": ("layer_norm", f"{_ROW}, const REAL *scale, const REAL *shift, double eps", """\
double mean = 0, variance = 0;
for (int j = 0; j < n; j++) mean += (double)x[j];
mean /= n;
for (int j = 0; j < n; j++) variance += ((double)x[j] - mean) * ((double)x[j] - mean);
const double inverse = 1 / sqrt(variance / n + eps);
for (int j = 0; j < n; j++) {
    const double standard = ((double)x[j] - mean) * inverse;
    x[j] = (REAL)((double)scale[j] * standard + (double)shift[j]);
}"""),
    "Dense": ("dense", "const REAL *x, int n, const REAL *W, const REAL *b, REAL *y, int m", """\
for (int j = 0; j < m; j++) {
    REAL z = 0;
    for (int k = 0; k < n; k++) z += x[k] * W[j * n + k];
    y[j] = b ? z + b[j] : z;
}"""),
    "Bytes": (
        "bytes_dense",
        "const REAL *x, int n, const signed char *W, const REAL *scale, const REAL *b, REAL *y, "
        "int m", """\
for (int j = 0; j < m; j++) {
    REAL z = 0;
    for (int k = 0; k < n; k++) z += x[k] * W[j * n + k];
    y[j] = b ? z * scale[j] + b[j] : z * scale[j];
}"""),
}  # fmt: skip
_CONSTANTS = {
    "scale": SELU_SCALE, "alpha": SELU_ALPHA, "half": 0.5, "root of two": 2.0**0.5
}  # fmt: skip


class CodeLanguage(NamedTuple):
    """How one of the languages writes it: numbers, tables, routines, and the start of names.

    table:    a name and its numbers -> a definition
    routine:  name, arguments and body, with REAL in them -> a definition
    """

    prefix: str
    number: Callable[[float], str]
    table: Callable[[str, Sequence[float]], str]
    routine: Callable[[str, str, str], str]
    nothing: str


class Code(NamedTuple):
    """The network as code: tables and routines, and the lines that turn row a into row `result`.

    `width` is how many numbers a and b have to hold; b is there only if `two`.
    """

    definitions: list[str]
    lines: list[str]
    result: str
    width: int
    two: bool


def network(description: Description, dialect: CodeLanguage) -> Code:
    """Return the layers of a description in one of the languages."""
    tables: list[str] = []
    lines: list[str] = []
    used: set[str] = set()
    here, there, width = "a", "b", description.inputs
    for (place, kind, inputs, outputs, _, number), values in description.layers:
        used.add(kind)
        name, arguments, _ = ROUTINES[kind]
        name = dialect.prefix + name
        numbers = {letter: rows[0] for letter, rows in values.items()}
        if "W" in values:
            numbers["W"] = [w for column in transpose(values["W"]) for w in column]
        names = {letter: f"{dialect.prefix}{letter}{place}" for letter in numbers}
        tables += [dialect.table(names[letter], numbers[letter]) for letter in numbers]
        if "W" in values:
            given = [names[letter] for letter in ("W", "scale") if letter in names]
            given.append(names.get("b", dialect.nothing))
            lines.append(f"{name}({here}, {inputs}, {', '.join(given)}, {there}, {outputs});")
            here, there, width = there, here, max(width, outputs)
        elif arguments.startswith(_ROW):
            extra = "".join(f", {names[letter]}" for letter in numbers)
            if kind == "LayerNorm":
                extra += f", {number!r}"
            lines.append(f"{name}({here}, {inputs}{extra});")
        else:
            setting = f", {dialect.number(number)}" if "," in arguments else ""
            lines.append(
                f"for (int j = 0; j < {inputs}; j++) {here}[j] = {name}({here}[j]{setting});"
            )
    routines = []
    for kind, (name, arguments, body) in ROUTINES.items():
        if kind in used:
            for word, value in _CONSTANTS.items():
                body = body.replace(f"${word}$", dialect.number(value))
            routines.append(dialect.routine(dialect.prefix + name, arguments, body))
    return Code([*tables, *routines], lines, here, width, bool(used & {"Dense", "Bytes"}))


def wrapped(items: Sequence[str], indent: str = "    ") -> str:
    """Return items with commas between them, in lines that are not too long.

    >>> wrapped(["1", "2"])
    '    1, 2'
    """
    lines, line = [], indent
    for item in items:
        if len(line) + len(item) + 2 > _LINE and line != indent:
            lines.append(line.rstrip())
            line = indent
        line += f"{item}, "
    return "\n".join([*lines, line.rstrip(", ")])


def indented(lines: Sequence[str]) -> str:
    """Return lines of code as the body of a function."""
    return "".join(f"    {line}\n" for text in lines for line in text.splitlines())


def quoted(text: str) -> str:
    """Return a text so that it can stand in a comment of either language, and ends none.

    >>> quoted("*/ é")
    '"* / \\\\u00e9"'
    """
    return re.sub(r"(?<=[*/?])(?=[*/?])", " ", json.dumps(text).replace("<", "\\u003c"))


def head(description: Description) -> list[str]:
    """Return what the first lines of a file say: what made it out of what, columns and classes."""
    d = description
    count = sum(len(row) for layer in d.layers for rows in layer.values.values() for row in rows)
    lines = [
        f"Made by tinynn {__version__} from a {d.kind}: {d.inputs} numbers in, {d.outputs} out, "
        f"{count} weights.",
        f"Layers: {', '.join(_named(layer.plan) for layer in d.layers) or 'none'}.",
    ]
    if d.columns:
        lines += ["", "The columns of a row:"]
        lines += [f"    {quoted(column.name)}: {_described(column)}" for column in d.columns]
    if d.classes and not d.multilabel:
        labels = [quoted(c) if isinstance(c, str) else str(c) for c in d.classes]
        lines += ["", "The classes:", *wrapped(labels).split("\n")]
    return lines


def _named(plan: LayerPlan) -> str:
    if plan.kind == "Bytes":
        return f"{plan._replace(kind='Dense')} in bytes"
    return str(plan)


def _described(column: Column) -> str:
    if isinstance(column, LeftOut):
        return "not looked at"
    if isinstance(column, CategoryColumn):
        kinds = ", ".join(map(quoted, column.kinds[:5])) + ", ..." * (len(column.kinds) > 5)
        refused = "; others are refused" * column.strict
        return f"a text, one of {kinds}{refused}" if kinds else "a text"
    missing = "has to be there" if column.median is None else f"{column.median:g} if missing"
    return f"a number, {missing}"
