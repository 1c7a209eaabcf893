"""A trained model as one C header: C99, without allocation, including only math.h.

Everything is `static`, so that several files can include the header; tables are `const`, so that
they stay in flash. `steps.Description` defines how a row becomes an answer.
"""

from __future__ import annotations

import os
import re
import struct
from typing import NamedTuple, Sequence

from ..engines.plans import Frozen
from ..errors import FormatError, SettingError
from ..files.atomic import Path, write_bytes
from ..lesson.matrix import transpose
from ..preprocessing.cells import whole_spelling
from ..preprocessing.columns import CategoryColumn, Column, LeftOut, NumberColumn
from ..preprocessing.date_column import DateColumn
from ..preprocessing.words_column import WordsColumn
from . import dates, words
from .c_family import CodeLanguage, head, indented, network, quoted, wrapped
from .formats import Exported
from .python import differences, python_source
from .python_layers import in_bytes
from .steps import Description, Label, describe

DTYPES = {"double": 8, "float": 4}  # bytes
_NUMPY_NAMES = {"float64": "double", "float32": "float"}
WEIGHTS = ("float", "int8")
# Names that a field cannot have: the keywords of C and C++, and lower-case names that headers of
# compilers, the standard library and Windows define.
_RESERVED = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl complex
concept const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype
default delete do double dynamic_cast else enum errno explicit export extern false far float for
friend goto huge if imaginary inline int interface linux long mutable namespace near new noexcept
not not_eq nullptr operator or or_eq pascal private protected public register reinterpret_cast
requires restrict return short signed sizeof small static static_assert static_cast stderr stdin
stdout struct switch template this thread_local throw true try typedef typeid typename typeof union
unix unsigned using virtual void volatile wchar_t while xor xor_eq
"""

_NUMBER = """\
{missing}
/* Writes the scaled number to x; returns 0 if it is not finite. */
static inline int {p}number(double value, double fill, double shift, double scale, {T} *x)
{{
    x[0] = ({T})(((({p}missing(value)) ? fill : value) - shift) / scale);
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

/* The index of a text in a list that ends with a null pointer, or -1. */
static inline int {p}index_of(const unsigned char *text, int length, const char *const *words)
{{
    for (int j = 0; words[j]; j++) {{
        int i = 0;
        while (i < length && (unsigned char)words[j][i] == text[i]) i++;
        if (i == length && !words[j][i]) return j;
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
        return f"{name}f" if self.real == "float" and not in_double else name

    def table(self, name: str, numbers: Sequence[float]) -> str:
        kind, items = self.real, map(self.number, numbers)
        if all(type(x) is int for x in numbers):
            kind, items = "signed char", map(str, numbers)
        lines = wrapped(list(items))
        return f"static const {kind} {name}[{len(numbers)}] = {{\n{lines}\n}};\n"

    def strings(self, name: str, texts: Sequence[str], end: bool = False) -> str:
        """Return a table of texts as strings, with a null pointer at the end if `end`."""
        items = [string(text) for text in texts] + ["0"] * end
        return (
            f"static const char *const {self.prefix}{name}[{len(items)}] = "
            f"{{\n{wrapped(items)}\n}};\n"
        )

    def function(self, kind: str, name: str, arguments: str, body: str) -> str:
        return f"static inline {kind} {self.prefix}{name}({arguments})\n{{\n{body}}}\n"

    def routine(self, name: str, arguments: str, body: str) -> str:
        """Return a routine of `c_family` as C."""
        code = f"static inline void {name}({arguments})\n{{\n{indented([body])}}}\n"
        return re.sub(r"\bREAL\b", self.real, code)


def to_c(
    model: object,
    path: Path,
    dtype: str = "double",
    prefix: str | None = None,
    weights: str = "float",
    rows: object = None,
) -> Exported:
    """Write a Sequential, Classifier or Regressor as a C header; return an `Exported`.

    All names in the header begin with `prefix` (by default the file's name) and `_`. `dtype` is the
    type of its numbers: "double" or "float", also "float64" or "float32". A network becomes a
    function of numbers:

        void NAME_predict(const double x[], double y[])

    An estimator's functions take a raw row, with a field for each column: a number, NAN if missing,
    or a string in UTF-8, NULL or "" if missing. They return −1 − the column's index, a negative
    number, for a cell that the model refuses: an infinity, or a missing cell or unknown category
    where it takes none. Numbers given as text need to be read by the caller.

        int NAME_predict(const NAME_row *row)                classifier: the index in NAME_classes
        int NAME_predict(const NAME_row *row, int y[])       multilabel: 0, and y is 1 or 0 for each
        int NAME_proba(const NAME_row *row, double p[])      0, and p is each class's probability
        int NAME_predict(const NAME_row *row, double y[])    regressor: 0, and y is the answer

    With `weights="int8"`, a weight of a Dense layer takes one byte, and each output has a scale;
    errors are about 1 %. Given `rows` to try that on, the header and the returned `Exported` say
    how far the answers are from the model's. The file is written whole or not at all; equal models
    give equal bytes.

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
    if weights == "int8":
        if rows is not None:
            difference, changed = differences(model, python_source(description, weights), rows)
            found = Exported(0, difference, changed)
        description = description._replace(layers=list(map(_bytes, description.layers)))
    header = _header(description, C(f"{prefix}_", dtype), file, found)
    write_bytes(path, header.encode("ascii"))
    return found._replace(size=len(header))


def _bytes(layer: Frozen) -> Frozen:
    """Return a Dense layer with weights of one byte, any other layer unchanged."""
    if layer.plan.kind != "Dense":
        return layer
    columns = list(map(in_bytes, transpose(layer.values["W"])))
    W: list[list[float]] = [list(row) for row in zip(*(levels for levels, _ in columns))]
    scale = [[scale for _, scale in columns]]
    return Frozen(layer.plan._replace(kind="Bytes"), {**layer.values, "W": W, "scale": scale})


def _header(d: Description, c: C, file: str, tried: Exported) -> str:
    p, real = c.prefix, c.real
    code = network(d, CodeLanguage(p, c.number, c.call, c.table, c.routine, "0"))
    names = field_names(d.columns)
    buffers = f"{real} a[{code.width}]{f', b[{code.width}]' if code.two else ''};"
    parts: list[str] = []
    if d.kind == "network":
        parts.append(f"enum {{ {p}inputs = {d.inputs}, {p}outputs = {d.outputs} }};\n")
        start = [f"for (int j = 0; j < {d.inputs}; j++) a[j] = x[j];"]
    else:
        parts += _table(d, c, names)
        start = _encoding(d, c, names)
    parts += code.definitions
    lines = [buffers, *start, *code.lines]
    parts += _answers(d, c, lines, code.result)
    size = DTYPES[real]
    table = sum(
        1 if x.plan.kind == "Bytes" and letter == "W" else size
        for x in d.layers for letter, rows in x.values.items() for row in rows for _ in row
    )  # fmt: skip
    notes = [
        "",
        f"Numbers are of type {real}. The layers' tables take {table} bytes; a call needs "
        f"{code.width * (1 + code.two) * size} bytes of stack for its numbers, no other memory.",
    ]
    if tried.difference is not None:
        notes.append(f"On the rows tried, its numbers are off by at most {tried.difference:.3g}.")
        if tried.changed is not None:
            notes[-1] += f" {tried.changed:.2%} of the rows get another label."
    notes += _usage(d, c, names, file)
    head_lines = [f" * {line}".rstrip() for line in [*head(d), *notes]]
    guard = _GUARD if any(isinstance(column, NumberColumn) for column in d.columns) else ""
    start_text = _START.format(head="\n".join(head_lines), p=p, guard=guard)
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
        tests = "".join(f" || value == {_double(x)}" for x in numbers)
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
    parts += [dates.c_source(p, c.real)] * (DateColumn in kinds)
    parts += [words.c_source(p, c.real)] * (WordsColumn in kinds)
    for j, column in enumerate(d.columns):
        if isinstance(column, CategoryColumn):
            texts = list(map(whole_spelling, column.text_kinds))
            parts.append(c.strings(f"kinds{j}", texts, end=True))
        elif isinstance(column, DateColumn):
            parts.append(c.strings(f"spellings{j}", column.spellings, end=True))
            parts.append(c.table(f"{p}missing{j}", dates.missing_date(column)))
        elif isinstance(column, WordsColumn):
            parts.append(c.strings(f"words{j}", column.words))
            codes = [str(ord(x)) for pair in words.capitals(column).items() for x in pair] + ["0"]
            parts.append(
                f"static const long {p}capitals{j}[{len(codes)}] = {{\n{wrapped(codes)}\n}};\n"
            )
    return parts


def _classes(classes: Sequence[Label], c: C) -> str:
    """Return the table of a classifier's labels: numbers if all are numbers, else strings."""
    kinds = {type(label) for label in classes}
    if kinds == {int} and all(abs(label) < 2**31 for label in classes):  # type: ignore[arg-type]
        kind = "long"
    elif kinds <= {int, float} and all(label == float(label) for label in classes):
        kind = "double"
    else:
        return c.strings("classes", [str(label) for label in classes])
    items = [repr(label if kind == "long" else float(label)) for label in classes]
    return f"static const {kind} {c.prefix}classes[{len(items)}] = {{\n{wrapped(items)}\n}};\n"


def _encoding(d: Description, c: C, names: dict[int, str]) -> list[str]:
    """Return the lines that put a row's cells into a."""
    lines: list[str] = []
    k = 0
    for j, name in names.items():
        column, cell = d.columns[j], f"row->{name}"
        if isinstance(column, NumberColumn):
            fill = "(double)NAN" if column.median is None else _double(column.median)
            values = f"{fill}, {column.shift!r}, {column.scale!r}"
            lines.append(f"if (!{c.prefix}number({cell}, {values}, a + {k})) return {-1 - j};")
            if column.indicator:
                lines.append(f"a[{k + 1}] = ({c.real}){c.prefix}missing({cell});")
        elif isinstance(column, CategoryColumn):
            count = len(column.kinds)
            values = f"{c.prefix}kinds{j}, {count}, {column.fill_index}, {int(column.strict)}"
            lines.append(f"if (!{c.prefix}category({cell}, {values}, a + {k})) return {-1 - j};")
        elif isinstance(column, DateColumn):
            values = f"{c.prefix}spellings{j}, {column.shift!r}, {column.scale!r}"
            values += f", {dates.cycle_bits(column)}, {c.prefix}missing{j}"
            lines.append(f"if (!{c.prefix}date({cell}, {values}, a + {k})) return {-1 - j};")
        elif isinstance(column, WordsColumn):
            values = f"{c.prefix}words{j}, {len(column.words)}, {c.prefix}capitals{j}"
            marked = int(column.indicator)
            lines.append(f"{c.prefix}count_words({cell}, {values}, {marked}, a + {k});")
        k += len(column.feature_names())
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
    return [*lines, result[d.kind]]


def field_names(columns: Sequence[Column]) -> dict[int, str]:
    """Return the field name of each column that is not ignored, by the column's index.

    Names are in lower case, and differ from each other and from reserved words.
    """
    names: dict[int, str] = {}
    reserved = set(_RESERVED.split())
    for j, column in enumerate(columns):
        if isinstance(column, LeftOut):
            continue
        name = base = identifier(column.name.lower(), f"column_{j}")
        count = 1
        while name in reserved or name in names.values():
            count += 1
            name = f"{base}_{count}"
        names[j] = name
    return names


def identifier(text: str, instead: str) -> str:
    """Return a text as a C identifier: other characters become _; `instead` if none is left.

    >>> identifier("petal length (cm)", "x"), identifier("2nd", "x"), identifier("é", "x")
    ('petal_length_cm', 'n2nd', 'x')
    """
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    return f"n{name}" if name[:1].isdigit() else name or instead


def string(text: str) -> str:
    """Return a text as a C string literal, in UTF-8, of characters that mean the same everywhere.

    >>> string('a"?é')
    '"a\\\\"\\\\?\\\\303\\\\251"'
    """
    if "\0" in text:
        raise FormatError(f"a string in C cannot contain a NUL character, got {text[:40]!r}")
    return '"' + "".join(
        f"\\{chr(byte)}" if byte in b'"\\?'
        else chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"
        for byte in text.encode("utf-8", "surrogatepass")
    ) + '"'  # fmt: skip


def shortest_float32(x: float) -> str:
    """Return the nearest float32 in the fewest digits that give it back.

    Raises FormatError for a number beyond float32's range.

    >>> shortest_float32(0.1), shortest_float32(2)
    ('0.1', '2.0')
    """
    try:
        data = struct.pack("<f", x)
    except OverflowError:
        raise FormatError(f'{x!r} does not fit float; use dtype="double"') from None
    (exact,) = struct.unpack("<f", data)
    for digits in range(6, 10):
        literal = f"{exact:.{digits}g}"
        near = float(literal)
        if abs(near) <= 3.4028235677973366e38 and struct.pack("<f", near) == data:
            break
    return literal if "." in literal or "e" in literal else f"{literal}.0"


def _double(x: float) -> str:
    return repr(x) if abs(x) < float("inf") else "-HUGE_VAL"[x > 0 :]
