"""A trained model as one C header: C99, without allocation, including only math.h.

Everything is `static`, so that several files can include the header; tables stay in flash (see
c_flash.py). `steps.Description` defines how a row becomes an answer.
"""

from __future__ import annotations

import os
import re
from math import floor
from typing import NamedTuple, Sequence

from ..errors import SettingError
from ..files.atomic import Path, write_bytes
from ..preprocessing.cells import whole_spelling
from ..preprocessing.columns import CategoryColumn, NumberColumn
from ..preprocessing.date_column import DateColumn
from ..preprocessing.dates import MONTHS
from ..preprocessing.words import LETTERS, SINGLE
from ..preprocessing.words_column import WordsColumn
from . import c_flash, c_stepping, dates, words
from .c_family import (
    WEIGHTS,
    CodeLanguage,
    head,
    indented,
    network,
    quoted,
    with_bytes,
    wrapped,
)
from .c_literals import double, field_names, identifier, shortest_float32, string
from .float32 import FAR, shifted, split
from .formats import Exported
from .steps import Description, Label, describe
from .trial import tried

DTYPES = {"double": 8, "float": 4}  # bytes
_NUMPY_NAMES = {"float64": "double", "float32": "float"}

_NUMBER = """\
{missing}
/* Writes the scaled number to x; returns 0 if it is not finite. What a double of 32 bits cannot
   hold of a shift far from 0 is in `rest`. */
static inline int {p}number(
    double value, double fill, double shift, double rest, double scale, {T} *x)
{{
    x[0] = ({T})(((({p}missing(value)) ? fill : value) - shift - rest) / scale);
    return x[0] - x[0] == 0;
}}
"""
_TEXT = """\
/* The bytes of the white-space character at s, or 0 if it is none, as in Python's str.strip. */
static inline int {p}space(const unsigned char *s)
{{
    if ((s[0] >= 9 && s[0] <= 13) || (s[0] >= 28 && s[0] <= 32)) return 1;
    if (s[0] == 0xC2) return s[1] == 0x85 || s[1] == 0xA0 ? 2 : 0;
    if (s[0] == 0xE1) return s[1] == 0x9A && s[2] == 0x80 ? 3 : 0;
    if (s[0] == 0xE3) return s[1] == 0x80 && s[2] == 0x80 ? 3 : 0;
    if (s[0] != 0xE2) return 0;
    if (s[1] == 0x81) return s[2] == 0x9F ? 3 : 0;
    if (s[1] != 0x80) return 0;
    return (s[2] >= 0x80 && s[2] <= 0x8A) || s[2] == 0xA8 || s[2] == 0xA9 || s[2] == 0xAF ? 3 : 0;
}}

/* The index of a text in a table that ends with a null pointer, or -1. */
static inline int {p}index_of(const unsigned char *text, int length, const char *const *words)
{{
    const char *word;
    for (int j = 0; (word = {p}get_text(words + j)) != 0; j++) {{
        int i = 0;
        while (i < length && (unsigned char){p}get_letter(word + i) == text[i]) i++;
        if (i == length && !{p}get_letter(word + i)) return j;
    }}
    return -1;
}}

/* The start of a text without white space around it; its length is in `length`. */
static inline const unsigned char *{p}stripped(const char *text, int *length)
{{
    const unsigned char *s = (const unsigned char *)(text ? text : "");
    int step;
    while ((step = {p}space(s)) > 0) s += step;
    *length = 0;
    for (int i = 0; s[i]; i += step ? step : 1) if (!(step = {p}space(s + i))) *length = i + 1;
    return s;
}}
"""
_CATEGORY = """\
/* The length of a text without ".0" behind a whole number: 3.0 is 3. */
static inline int {p}whole(const unsigned char *text, int length)
{{
    int start = length > 0 && text[0] == '-';
    if (length < start + 3 || text[length - 2] != '.' || text[length - 1] != '0') return length;
    for (int i = start; i < length - 2; i++) if (text[i] < '0' || text[i] > '9') return length;
    return length - 2;
}}

/* Sets x to 1 at the text's category, else to 0; returns 0 if it is unknown and strict. */
static inline int {p}category(
    const char *text, const char *const *kinds, int count, int fill, int strict, {T} *x)
{{
    int end, kind = fill;
    const unsigned char *s = {p}stripped(text, &end);
    if ({p}index_of(s, end, {p}missing_kinds) < 0) kind = {p}index_of(s, {p}whole(s, end), kinds);
    for (int j = 0; j < count; j++) x[j] = j == kind;
    return kind >= 0 || !strict;
}}
"""
_START = """\
/*
{head}
 */
#ifndef TINYNN_{p}H
#define TINYNN_{p}H

#include <math.h>
{guard}
#ifdef __cplusplus
extern "C" {{
#endif

{reading}
"""
_GUARD = """\

#if defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "missing numbers are NAN: compile without -ffast-math and -ffinite-math-only"
#endif
"""
_END = """
#ifdef __cplusplus
}
#endif

#endif
"""


class C(NamedTuple):
    """What the whole header depends on: the prefix of its names and the type of its numbers."""

    prefix: str
    real: str

    def number(self, x: float) -> str:
        """Return a number's exact literal in that type."""
        return f"{shortest_float32(x)}f" if self.real == "float" else repr(float(x))

    def call(self, name: str, in_double: bool) -> str:
        """Return the name of a math.h function for that type, or for double."""
        name = c_flash.call(self.prefix, name)
        return f"{name}f" if self.real == "float" and not in_double else name

    def table(self, name: str, numbers: Sequence[float]) -> str:
        kind, items = self.real, map(self.number, numbers)
        if all(type(x) is int for x in numbers):
            kind, items = "signed char", map(str, numbers)
        return self.constants(kind, name, list(items))

    def constants(self, kind: str, name: str, items: Sequence[str]) -> str:
        """Return a table of literals."""
        return (
            f"static const {kind} {name}[{len(items)}] {self.prefix}FLASH = "
            f"{{\n{wrapped(items)}\n}};\n"
        )

    def strings(self, name: str, texts: Sequence[str], end: bool = False) -> str:
        """Return a table of texts as strings, with a null pointer at the end if `end`."""
        name = f"{self.prefix}{name}"
        each = [f"{name}_{j}[]" for j in range(len(texts))]
        given = [f"{x} {self.prefix}FLASH = {string(text)}" for x, text in zip(each, texts)]
        lines = f"static const char\n{wrapped(given)};\n" if given else ""
        items = [x[:-2] for x in each] + ["0"] * end
        return lines + self.constants("char *const", name, items)

    def function(self, kind: str, name: str, arguments: str, body: str) -> str:
        return f"static inline {kind} {self.prefix}{name}({arguments})\n{{\n{body}}}\n"

    def routine(self, name: str, arguments: str, body: str) -> str:
        """Return a routine of `c_family` as C."""
        arguments, body = (re.sub(r"\bREAL\b", self.real, code) for code in (arguments, body))
        body = indented([c_flash.read_from_flash(self.prefix, arguments, body)])
        return f"static inline void {name}({arguments})\n{{\n{body}}}\n"


def to_c(
    model: object,
    path: Path,
    dtype: str = "double",
    prefix: str | None = None,
    weights: str = "float",
    rows: object = None,
    targets: object = None,
) -> Exported:
    """Write a network, an estimator or a TextModel as a C header; return an `Exported`.

    All names in the header begin with `prefix` (by default the file's name) and `_`. `dtype` is the
    type of its numbers: "double" or "float", also "float64" or "float32". A network becomes a
    function of numbers:

        void NAME_predict(const double x[], double y[])

    A network of sequences becomes functions of a step and of a whole sequence, of `steps` times
    `inputs` numbers or, for an Embedding, of kinds. The caller owns the state. They return 0, or a
    negative number for a kind that is unknown, and for too many steps or none:

        void NAME_begin(NAME_state *state)
        int NAME_predict_step(NAME_state *state, const double x[], double y[])
        int NAME_predict(const double x[], long steps, double y[])

    Of a TextModel, `NAME_character(k)` is the string that kind k stands for, and `NAME_end` the
    kind of what stands before and after a text.

    An estimator's functions take a raw row, with a field for each column: a number, NAN if missing,
    or a string in UTF-8, NULL or "" if missing. They return −1 − the column's index, a negative
    number, for a cell that the model refuses: an infinity, or a missing cell or unknown category
    where it takes none. Numbers given as text need to be read by the caller.

        int NAME_predict(const NAME_row *row)                classifier: the index in NAME_classes
        int NAME_predict(const NAME_row *row, int y[])       multilabel: 0, and y is 1 or 0 for each
        int NAME_proba(const NAME_row *row, double p[])      0, and p is each class's probability
        int NAME_predict(const NAME_row *row, double y[])    regressor: 0, and y is the answer

    With `weights="int8"`, a weight of a Dense layer or a convolution takes one byte, and each
    output or filter has a scale; errors are about 1 %. Given `rows` to try the header's arithmetic
    on, its head and the returned `Exported` say how far the answers are from the model's; given
    their `targets`, too, how good they are. The file is written whole or not at all; equal
    models give equal bytes.

    Raises SettingError for a model or layer that cannot be exported, another dtype or weights, or a
    prefix that is not a C identifier; NotFittedError before `fit`; FormatError for a weight that is
    not finite or does not fit float, or a label or category that C cannot hold; OSError if the file
    cannot be written.
    """
    dtype = _NUMPY_NAMES.get(dtype, dtype)
    for name, given, known in (("dtype", dtype, DTYPES), ("weights", weights, WEIGHTS)):
        if given not in known:
            raise SettingError(f"to_c needs {name} to be one of {list(known)}, got {given!r}")
    file = os.path.basename(os.fsdecode(path))
    if prefix is None:
        prefix = identifier(file.rsplit(".", 1)[0], "model")
    elif not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", prefix):
        raise SettingError(f"to_c needs a prefix that is a C identifier, got {prefix!r}")
    description, found = describe(model), Exported(0)
    if description.wiring:
        c_stepping.check_most(description.wiring)
    if weights == "int8":
        description = with_bytes(description)
    if rows is not None:
        found = tried(model, description, rows, targets, single=dtype == "float")
    header = _header(description, C(f"{prefix}_", dtype), file, found)
    write_bytes(path, header.encode("ascii"))
    return found._replace(size=len(header))


def _header(d: Description, c: C, file: str, found: Exported) -> str:
    p, real = c.prefix, c.real
    d, shift = shifted(d) if d.kind == "network" and real == "float" else (d, [])
    less = f" - {p}get_{real}({p}shift + j)" if shift else ""
    code = network(d, CodeLanguage(p, c.number, c.call, c.table, c.routine, "0"))
    names = field_names(d.columns)
    buffers = f"{real} a[{code.width}]{f', b[{code.width}]' if code.two else ''};"
    parts: list[str] = []
    if d.kind == "network":
        parts.append(f"enum {{ {p}inputs = {d.inputs}, {p}outputs = {d.outputs} }};\n")
        if d.writing:
            parts.append(c_stepping.character_tables(p, d.writing, c.strings))
        start = [f"for (int j = 0; j < {d.inputs}; j++) a[j] = x[j]{less};"]
        parts += [c.table(f"{p}shift", shift)] if shift else []
    else:
        parts += _table(d, c, names)
        start = _encoding(d, c, names)
    parts += code.definitions
    lines = [buffers, *start, *code.lines]
    size, width = DTYPES[real], code.width * (1 + code.two)
    if d.wiring:
        parts.append(c_stepping.step_functions(d, d.wiring, code, p, real, f"x[j]{less}"))
        width = sum(c_stepping.sizes(d.wiring)[0].values())
    else:
        parts += _answers(d, c, lines, code.result)
    parts = [*c_flash.lacking(p, "".join(parts)), *parts]
    table = sum(
        1 if x.plan.kind in ("Bytes", "BytesConv") and letter == "W" else size
        for x in d.layers for letter, rows in x.values.items() for row in rows for _ in row
    )  # fmt: skip
    notes = [
        "",
        f"Numbers are of type {real}. The layers' tables take {table} bytes; a call needs "
        f"{width * size} bytes of stack for its numbers, no other memory"
        f"{c_stepping.state_size(d.wiring, size) if d.wiring else ''}.",
    ]
    notes += found.sentences()
    notes += _usage(d, c, names, file)
    head_lines = [f" * {line}".rstrip() for line in [*head(d), *notes]]
    guard = _GUARD if any(isinstance(column, NumberColumn) for column in d.columns) else ""
    start_text = _START.format(
        head="\n".join(head_lines), p=p, guard=guard, reading=c_flash.reading(p)
    )
    return start_text + "\n".join(parts) + _END


def _table(d: Description, c: C, names: dict[int, str]) -> list[str]:
    """Return the row's type, the classes, and the functions that read a row's cells."""
    p = c.prefix
    fields_text = "".join(
        f"    {'double ' if isinstance(d.columns[j], NumberColumn) else 'const char *'}{name};"
        f" /* {quoted(d.columns[j].name)} */\n"
        for j, name in names.items()
    )
    parts = [f"typedef struct {{\n{fields_text}}} {p}row;\n"]
    if d.kind == "classifier":
        parts.append(f"enum {{ {p}class_count = {len(d.classes)} }};\n")
        if not d.multilabel:
            parts.append(_classes(d.classes, c))
    else:
        parts.append(f"enum {{ {p}outputs = {d.outputs} }};\n")
    used = [d.columns[j] for j in names]
    if any(isinstance(column, NumberColumn) for column in used):
        numbers = sorted(x for x in d.reader.missing_numbers if x == x)
        tests = "".join(f" || value == {double(x)}" for x in numbers)
        missing = c.function(
            "int", "missing", "double value", f"    return value != value{tests};\n"
        )
        parts.append(_NUMBER.format(p=p, T=c.real, missing=missing))
    kinds = set(map(type, used))
    if kinds - {NumberColumn}:
        parts.append(_TEXT.format(p=p))
    if DateColumn in kinds:
        parts.append(c.strings("missing_words", sorted(d.reader.missing), end=True))
    if kinds & {CategoryColumn, WordsColumn}:
        parts.append(c.strings("missing_kinds", sorted(d.reader.of_texts().missing), end=True))
    parts += [_CATEGORY.format(p=p, T=c.real)] * (CategoryColumn in kinds)
    if DateColumn in kinds:
        tables = {"months": MONTHS, "weekdays": dates.WEEKDAYS, "utc": dates.UTC}
        parts += [c.strings(name, texts, end=True) for name, texts in tables.items()]
        parts.append(dates.c_source(p, c.real))
    if WordsColumn in kinds:
        for name, pairs in (("letters", LETTERS), ("single", SINGLE)):
            codes = [code for pair in pairs for code in pair]
            parts.append(c.constants("long", f"{p}{name}", list(map(str, [*codes, 0]))))
        parts.append(words.c_source(p, c.real))
    for j, column in enumerate(d.columns):
        if isinstance(column, CategoryColumn):
            texts = list(map(whole_spelling, column.text_kinds))
            parts.append(c.strings(f"kinds{j}", texts, end=True))
        elif isinstance(column, DateColumn):
            parts.append(c.strings(f"spellings{j}", column.spellings, end=True))
            parts.append(c.table(f"{p}missing{j}", dates.missing_date(column)))
        elif isinstance(column, WordsColumn):
            parts.append(c.strings(f"words{j}", column.words))
            codes = [ord(x) for pair in words.capitals(column).items() for x in pair]
            parts.append(c.constants("long", f"{p}capitals{j}", list(map(str, [*codes, 0]))))
    return parts


def _classes(classes: Sequence[Label], c: C) -> str:
    """Return the table of a classifier's labels: numbers if all are numbers, else strings."""
    kinds = {type(label) for label in classes}
    if kinds == {int} and all(abs(label) < 2**31 for label in classes):  # type: ignore[arg-type]
        kind = "long"
    elif kinds <= {int, float} and all(label == float(label) for label in classes):
        kind = "double"
    else:
        kind = "text"
    p = c.prefix
    label = f"#define {p}class(k) {p}get_{kind}({p}classes + (k))\n"
    if kind == "text":
        return c.strings("classes", [str(label) for label in classes]) + label
    items = [repr(label if kind == "long" else float(label)) for label in classes]
    return c.constants(kind, f"{p}classes", items) + label


def _encoding(d: Description, c: C, names: dict[int, str]) -> list[str]:
    """Return the lines that put a row's cells into a."""
    lines: list[str] = []
    k = 0
    for j, name in names.items():
        column, cell = d.columns[j], f"row->{name}"
        if isinstance(column, NumberColumn):
            fill = "(double)NAN" if column.median is None else double(column.median)
            shift, rest = (
                split(column.shift)
                if abs(column.shift) > FAR * column.scale
                else (column.shift, 0.0)
            )
            values = f"{fill}, {shift!r}, {rest!r}, {column.scale!r}"
            lines.append(f"if (!{c.prefix}number({cell}, {values}, a + {k})) return {-1 - j};")
            if column.indicator:
                lines.append(f"a[{k + 1}] = ({c.real}){c.prefix}missing({cell});")
        elif isinstance(column, CategoryColumn):
            count = len(column.kinds)
            values = f"{c.prefix}kinds{j}, {count}, {column.fill_index}, {int(column.strict)}"
            lines.append(f"if (!{c.prefix}category({cell}, {values}, a + {k})) return {-1 - j};")
        elif isinstance(column, DateColumn):
            whole = float(floor(column.shift))
            values = (
                f"{c.prefix}spellings{j}, {whole!r}, {column.shift - whole!r}, {column.scale!r}"
            )
            values += f", {dates.cycle_bits(column)}, {c.prefix}missing{j}"
            lines.append(f"if (!{c.prefix}date({cell}, {values}, a + {k})) return {-1 - j};")
        elif isinstance(column, WordsColumn):
            values = f"{c.prefix}words{j}, {len(column.words)}, {c.prefix}capitals{j}"
            marked = int(column.indicator)
            lines.append(f"{c.prefix}count_words({cell}, {values}, {marked}, a + {k});")
        k += column.width
    return lines


def _answers(d: Description, c: C, lines: list[str], result: str) -> list[str]:
    """Return the public functions; the first one contains the lines."""
    real, row = c.real, f"const {c.prefix}row *row"
    copy = f"for (int j = 0; j < {d.outputs}; j++) y[j] = {result}[j];"
    if d.kind == "network":
        arguments = f"const {real} x[{d.inputs}], {real} y[{d.outputs}]"
        return [c.function("void", "predict", arguments, indented([*lines, copy]))]
    if d.kind == "regressor":
        begin, end = (f"{c.call(d.unlinked, False)}(", ")") if d.unlinked else ("", "")
        scaled = [
            f"y[{j}] = {begin}{result}[{j}] * {c.number(scale)} + {c.number(mean)}{end};"
            for j, (mean, scale) in enumerate(zip(d.means, d.scales))
        ]
        body = indented([*lines, *scaled, "return 0;"])
        return [c.function("int", "predict", f"{row}, {real} y[{d.outputs}]", body)]
    count = len(d.classes)
    single = d.outputs == 1 and not d.multilabel
    both = [f"p[0] = 1 - {result}[0];", f"p[1] = {result}[0];"]
    tail = both if single else [copy.replace("y[j]", "p[j]")]
    proba = c.function(
        "int", "proba", f"{row}, {real} p[{count}]", indented([*lines, *tail, "return 0;"])
    )
    ask = [f"{real} p[{count}];", f"int answer = {c.prefix}proba(row, p);"]
    above = f"p[j] > {c.number(0.5)}"
    if d.multilabel:
        arguments = f"{row}, int y[{count}]"
        rest = [f"if (!answer) for (int j = 0; j < {count}; j++) y[j] = {above};"]
    elif single:
        arguments, rest = row, [f"if (!answer) answer = {above.replace('j', '1')};"]
    else:
        arguments = row
        rest = [f"if (!answer) for (int j = 1; j < {count}; j++) if (p[j] > p[answer]) answer = j;"]
    return [
        proba,
        c.function("int", "predict", arguments, indented([*ask, *rest, "return answer;"])),
    ]


def _usage(d: Description, c: C, names: dict[int, str], file: str) -> list[str]:
    """Return an example of use, as lines of a comment."""
    p, real = c.prefix, c.real
    lines = ["", "To use it:", "", f"    #include {quoted(file)}"]
    if d.wiring:
        return [*lines, *c_stepping.usage(d, d.wiring, p, real)]
    if d.kind == "network":
        return [
            *lines,
            f"    {real} x[{p}inputs] = {{0}}, y[{p}outputs];",
            f"    {p}predict(x, y);",
        ]
    lines.append(f"    {p}row row;")
    for j, name in names.items():
        column = d.columns[j]
        if isinstance(column, NumberColumn):
            lines.append(f"    row.{name} = {column.shift:g};")
        else:
            lines.append(f'    row.{name} = "...";')
    result = {
        "classifier": f"    int k = {p}predict(&row);",
        "regressor": f"    {real} y[{p}outputs];\n     *     int refused = {p}predict(&row, y);",
    }
    label = ["", f"{p}class(k) is the label, on AVR a string in flash if it is a string."]
    return [*lines, result[d.kind], *(label if d.classes and not d.multilabel else [])]
