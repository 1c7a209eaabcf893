"""What C and JavaScript share: the layers, their tables of numbers, and the file's head.

A routine is written once, as C in which REAL is the type of the numbers; a `CodeLanguage` turns it
into C or JavaScript. What a layer does to a row comes from its row program (see formulas/).
"""

from __future__ import annotations

import json
import re
from typing import Callable, NamedTuple, Sequence

from .. import __version__
from ..checks.words import counted
from ..engines.plans import Frozen, LayerPlan
from ..formulas import LAYER_FORMULAS
from ..formulas.cells import CELLS
from ..formulas.expressions import Language, names as names_in, parsed
from ..formulas.indexed_loops import LoopLanguage, Loops
from ..formulas.programs import Each, Total
from ..lesson.matrix import transpose
from ..preprocessing.columns import CategoryColumn, Column, LeftOut
from ..preprocessing.date_column import DateColumn
from ..preprocessing.dates import example_of
from ..preprocessing.words_column import WordsColumn
from . import c_images, c_sequences
from .python_layers import in_bytes
from .steps import Description
from .wiring import RESET

_LINE = 100
OPERATIONS = (*CELLS, *(kind + RESET for kind in CELLS), *c_sequences.ROUTINES, "Attention")
WEIGHTS = ("float", "int8")
_MATH = {"abs": "fabs", "max": "fmax"}

# The layers without a row program: the routine's name, its arguments and its body.
_DENSE: dict[str, tuple[str, str, str]] = {
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


class CodeLanguage(NamedTuple):
    """How a language writes the parts of a network.

    prefix:   what every name begins with
    number:   a number -> its exact literal
    call:     the C library's name of a function, and whether it is for double -> its name here
    table:    a name and its numbers -> a definition
    routine:  name, arguments and body, with REAL in them -> a definition
    nothing:  the literal for a table that is not there
    """

    prefix: str
    number: Callable[[float], str]
    call: Callable[[str, bool], str]
    table: Callable[[str, Sequence[float]], str]
    routine: Callable[[str, str, str], str]
    nothing: str


class Code(NamedTuple):
    """The network as code: tables and routines, and the lines that turn row a into row `result`.

    a and b need to hold `width` numbers; b is used only if `two`.
    """

    definitions: list[str]
    lines: list[str]
    result: str
    width: int
    two: bool


def with_bytes(description: Description) -> Description:
    """Return a description whose weights, of Dense layers and convolutions, are scaled bytes."""
    return description._replace(layers=list(map(_in_bytes, description.layers)))


def _in_bytes(layer: Frozen) -> Frozen:
    kind = {"Dense": "Bytes", "Conv": "BytesConv"}.get(layer.plan.kind)
    if kind is None:
        return layer
    columns = list(map(in_bytes, transpose(layer.values["W"])))
    W: list[list[float]] = [list(row) for row in zip(*(levels for levels, _ in columns))]
    scale = [[scale for _, scale in columns]]
    return Frozen(layer.plan._replace(kind=kind), {**layer.values, "W": W, "scale": scale})


def network(description: Description, language: CodeLanguage) -> Code:
    """Return the layers of a description as code in a language."""
    p, wiring = language.prefix, description.wiring
    tables: list[str] = []
    lines: list[str] = []
    routines: dict[str, str] = {}
    here, there, width = "a", "b", description.inputs
    two = False
    for k, layer in enumerate(description.layers):
        plan, values = layer
        place, kind = plan.place, plan.kind
        numbers = {letter: rows[0] for letter, rows in values.items()}
        if kind in ("Embedding", "Positions"):
            numbers["W"] = [w for row in values["W"] for w in row]
        elif "W" in values:
            numbers["W"] = [w for column in transpose(values["W"]) for w in column]
        names = {letter: f"{p}{letter}{place}" for letter in numbers}
        tables += [language.table(names[letter], numbers[letter]) for letter in numbers]
        if wiring:
            here, there = wiring.takes[k], wiring.gives[k]
        if wiring and kind in OPERATIONS:
            if kind == "Attention":
                routines.setdefault(
                    "Softmax", _written(_row_routine("Softmax", language), language)
                )
            routine = _operation_routine(kind, language)
            tabled = list(names.values())
            given = c_sequences.arguments_of(layer, wiring, here, there, tabled, language.number)
        else:
            rows = [c_sequences.row(wiring, name) if wiring else name for name in (here, there)]
            routine, given, in_place = _of_a_row(layer, names, rows[0], rows[1], language)
            if not in_place:
                here, there, width, two = there, here, max(width, plan.outputs), True
        lines.append(f"{p}{routine[0]}({', '.join(given)});")
        routines[kind] = _written(routine, language)
    order = [
        k for k in (*LAYER_FORMULAS, *_DENSE, *c_images.ROUTINES, *OPERATIONS) if k in routines
    ]
    definitions = [*tables, *(routines[kind] for kind in order)]
    return Code(definitions, lines, wiring.result if wiring else here, width, two)


def _written(routine: tuple[str, str, str], language: CodeLanguage) -> str:
    name, arguments, body = routine
    return language.routine(language.prefix + name, arguments, body)


def _operation_routine(kind: str, language: CodeLanguage) -> tuple[str, str, str]:
    """Return name, arguments and body of the routine for an operation of sequences."""
    if kind == "Attention":
        return c_sequences.attention_routine(f"{language.prefix}softmax")
    if kind in c_sequences.ROUTINES:
        return c_sequences.ROUTINES[kind]
    return c_sequences.cell_routine(kind, _loop_language(language, False))


def _of_a_row(
    layer: Frozen, names: dict[str, str], here: str, there: str, language: CodeLanguage
) -> tuple[tuple[str, str, str], list[str], bool]:
    """Return a layer's routine, the arguments of the call, and whether it changes row `here`.

    Otherwise, the outputs are in row `there`. `names` are those of the layer's tables.
    """
    plan = layer.plan
    kind = plan.kind
    if kind in _DENSE or plan.image:
        given = [names[letter] for letter in ("W", "scale") if letter in names]
        given += [names.get("b", language.nothing)] * bool(given)
        if plan.image:
            sides = c_images.arguments(kind, plan.image)
            return c_images.ROUTINES[kind], [here, *given, there, *sides], False
        return _DENSE[kind], [here, str(plan.inputs), *given, there, str(plan.outputs)], False
    given = list(names.values())
    if LAYER_FORMULAS[kind].in_groups:
        given.append(str(plan.groups()[0][1]))
    for number in _settings(kind):
        value = plan.numbers()[number]
        given.append(repr(value) if in_double(kind) else language.number(value))
    return _row_routine(kind, language), [here, str(plan.inputs), *given], True


def _row_routine(kind: str, language: CodeLanguage) -> tuple[str, str, str]:
    """Return name, arguments and body of the routine that applies a layer to a row x."""
    formula = LAYER_FORMULAS[kind]
    letters = formula.letters
    rows = ["z", *letters, *(s.to for s in formula.forward if isinstance(s, Each))]
    body: list[str] = []
    lists = {name: name if name in letters else "x" for name in rows}
    style = _loop_language(language, in_double(kind))
    arguments = ["REAL *x", "int n", *(f"const REAL *{letter}" for letter in letters)]
    if formula.in_groups:
        style = style._replace(head="for (int j = g; j < g + size; j++) {{")
        arguments.append("int size")

        def scalar(name: str) -> str:
            return "size" if name == "n" else name

        Loops(style, body.append, "n", lists, scalar, ["y"]).run(formula.forward)
        body = ["for (int g = 0; g < n; g += size) {", *(f"    {line}" for line in body), "}"]
    else:
        Loops(style, body.append, "n", lists, str, ["y"]).run(formula.forward)
    real = "double" if in_double(kind) else "REAL"
    arguments += [f"{real} {number}" for number in _settings(kind)]
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.replace("LU", "lu"))
    name = name.lower().replace(" ", "_")
    if formula.own:
        name = f"own_{kind}"  # which is neither the name of another routine nor a word of C
    return name, ", ".join(arguments), "\n".join(body)


def _settings(kind: str) -> list[str]:
    """Return the names of a layer's numbers that its routine takes."""
    formula = LAYER_FORMULAS[kind]
    second = formula.second and not formula.in_groups
    return ["c"] * bool(formula.setting) + ["c2"] * bool(second)


def in_double(kind: str) -> bool:
    """Return whether a layer is computed in double, because squares would overflow a float."""
    sums = [s.value for s in LAYER_FORMULAS[kind].forward if isinstance(s, Total)]
    return any(value == f"{name} * {name}" for value in sums for name in names_in(parsed(value)))


def _loop_language(language: CodeLanguage, in_double: bool) -> LoopLanguage:
    """Return how loops over a row are written in C, from which JavaScript is made."""
    number, real, element = language.number, "REAL", "{list}[j]"
    if in_double:
        number, real, element = repr, "double", "(double){list}[j]"

    def call(name: str) -> str:
        return language.call(_MATH.get(name, name), in_double)

    return LoopLanguage(
        expressions=Language(number, call, "{test} ? {value} : {otherwise}", " && "),
        head="for (int j = 0; j < {n}; j++) {{",
        end="}",
        assign="{declared}{to} = {value};",
        add="{to} {sign}= {value};",
        declared=f"{real} ",
        element=element,
        store="{list}[j] = (REAL)({value});" if in_double else "{list}[j] = {value};",
        branches=(
            "if ({test}) {{",
            "    {to} = {value};",
            "}} else {{",
            "    const REAL power = {power};",
            "    {to} = {otherwise};",
            "}}",
        ),
        largest=(
            "{declared}{to} = {list}[0];",
            "for (int j = 1; j < {n}; j++) if ({list}[j] > {to}) {to} = {list}[j];",
        ),
    )


def wrapped(items: Sequence[str], indent: str = "    ") -> str:
    """Return items separated by commas, wrapped into lines.

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
    return "".join(f"    {line}\n" for code in lines for line in code.splitlines())


def quoted(text: str) -> str:
    """Return a text in quotes, safe inside a comment of either language.

    >>> quoted("*/ é")
    '"* / \\\\u00e9"'
    """
    return re.sub(r"(?<=[*/?])(?=[*/?])", " ", json.dumps(text).replace("<", "\\u003c"))


def head(description: Description) -> list[str]:
    """Return the first lines of a file: what made it from which model, columns and classes."""
    d = description
    count = sum(len(row) for layer in d.layers for rows in layer.values.values() for row in rows)
    names = [_named(layer.plan) for layer in d.layers]
    if d.wiring:
        names = [quoted(name)[1:-1] for name in d.wiring.layers]
    given = counted(d.inputs, "number")
    if d.wiring and d.wiring.kinds:
        given = f"one of {counted(d.wiring.kinds, 'kind')}"
    lines = [
        f"Made by tinynn {__version__} from a {d.kind}{' of sequences' * bool(d.wiring)}: "
        f"{given} in{', each step' * bool(d.wiring)}, {d.outputs} out, {count} weights.",
        f"Layers: {', '.join(names) or 'none'}.",
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
        return f"{plan._replace(kind='Dense')} with int8 weights"
    if plan.kind == "BytesConv":
        return f"{plan._replace(kind='Conv')} with int8 weights"
    return str(plan)


def _described(column: Column) -> str:
    if isinstance(column, LeftOut):
        return "ignored"
    if isinstance(column, CategoryColumn):
        texts = column.text_kinds
        kinds = ", ".join(map(quoted, texts[:5])) + ", ..." * (len(texts) > 5)
        refused = "; others are refused" * column.strict
        return f"text, one of {kinds}{refused}" if kinds else "text"
    if isinstance(column, DateColumn):
        return f"text, a date or time like {quoted(example_of(column.spellings[0]))}"
    if isinstance(column, WordsColumn):
        return f"text, of which {counted(len(column.words), 'word')} count"
    missing = "required" if column.median is None else f"{column.median:g} if missing"
    unit = f" in {quoted(column.unit)}" if column.unit else ""
    return f"a number{unit}, {missing}"
