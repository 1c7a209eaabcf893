"""A trained model as one JavaScript module, for Node and for web pages.

`steps.Description` defines how a row becomes an answer; cells are read as `preprocessing.cells`
reads them.
"""

from __future__ import annotations

import json
import os
import re
from typing import Sequence

from ..errors import SettingError
from ..files.atomic import Path, write_bytes
from ..preprocessing.cells import Reader, whole_spelling
from ..preprocessing.columns import CategoryColumn, Column, LeftOut, NumberColumn
from ..preprocessing.date_column import DateColumn
from ..preprocessing.notation import Notation
from ..preprocessing.words_column import WordsColumn
from . import dates, words
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
from .formats import Exported
from .javascript_erfc import erfc_source
from .javascript_stepping import step_functions, usage
from .steps import Description, Label, describe
from .texts import javascript_functions
from .trial import tried

_LARGEST_INTEGER = 2**53 - 1
_LARGEST = "p.reduce((best, x, j) => (x > p[best] ? j : best), 0)"

_SPACE = r"[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"

_CELLS = r"""const AROUND = /^SPACE|SPACE$/g; // what Python's str.strip removes
const NUMERAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The number that a text stands for, or null. */
function numberIn(textPARAMETERS) {
    const plain = text.replace(/[^\0-\x7f]/gu, asciiDigit);
NOTATION    return null;
}

/** A decimal digit of any script as one of 0 to 9: Unicode lists them in tens, from zero on. */
function asciiDigit(letter) {
    const code = letter.codePointAt(0);
    let before = code;
    while (/^\p{Nd}$/u.test(String.fromCodePoint(before))) before--;
    return before < code ? String((code - before - 1) % 10) : letter;
}

/** A cell as a number, a text, or null if it is missing. */
function read(cell, missing) {
    if (cell === null || cell === undefined) return null;
    if (typeof cell === "string") {
        const text = cell.replace(AROUND, "");
        return missing.has(text) ? null : text;
    }
    if (!["number", "boolean", "bigint"].includes(typeof cell)) {
        throw new TypeError(`a cell needs to be a number or text, got ${cell}`);
    }
    const x = Number(cell);
    return x !== x || MISSING_NUMBERS.includes(x) ? null : x;
}

/** Throw an error that says what column j needs. */
function refuse(j, cell, need) {
    const got = typeof cell === "string" ? JSON.stringify(cell) : String(cell);
    throw new RangeError(`column ${JSON.stringify(columns[j])} needs ${need}, got ${got}`);
}

/** Encode the cells of a row into x, the network's input. */
function encode(row, x) {
    const listed = Array.isArray(row) || ArrayBuffer.isView(row);
    if (listed ? row.length !== columns.length : typeof row !== "object" || row === null) {
        throw new TypeError(`a row needs ${columns.length} cells in a list, or cells by name`);
    }
    let k = 0;
    for (let j = 0; j < columns.length; j++) {
        const rule = RULES[j];
        if (!rule) continue;
        if (!listed && !Object.prototype.hasOwnProperty.call(row, columns[j])) {
            throw new RangeError(`a row needs a column ${JSON.stringify(columns[j])}`);
        }
        const raw = row[listed ? j : columns[j]];
        const cell = read(raw, rule.kinds || rule.words ? MISSING_KINDS : MISSING_WORDS);
CASES        const text = typeof cell === "string";
        const value = cell === null ? rule.fill : text ? numberIn(cell, rule) : cell;
        if (typeof value !== "number") refuse(j, raw, "a number");
        x[k] = (value - rule.shift) / rule.scale;
        if (!Number.isFinite(x[k])) refuse(j, raw, "a number that is finite and can be scaled");
        k += 1;
        if (rule.indicator) x[k++] = cell === null ? 1 : 0;
    }
}
""".replace("SPACE", _SPACE)

_PLAIN = r"""    if (NUMERAL.test(plain) && isFinite(plain)) return +plain;
"""
_DRESSED = r"""    const other = decimal === "." ? "," : ".";
    if (unit !== "%" && (decimal === "." || !plain.includes("."))) {
        const point = plain.split(decimal).join(".");
        if (NUMERAL.test(point) && isFinite(point)) return +point;
    }
    if (!dressed) return null;
    let signs = 0, minus = false, needed = unit === "%";
    text = text.replace(/\u2212/g, "-");
    while (text && !(/^[.,\d]/.test(text) && /\d$/.test(text))) {
        const after = text.slice(unit.length);
        if (/^\(.*\)$/.test(text)) {
            [signs, minus, text] = [signs + 1, true, text.slice(1, -1)];
        } else if (/^[+-]/.test(text)) {
            [signs, minus, text] = [signs + 1, text[0] === "-", text.slice(1)];
        } else if (text.endsWith("-")) {
            [signs, minus, text] = [signs + 1, true, text.slice(0, -1)];
        } else if (unit && text.startsWith(unit) && !/^\p{L}[.,]/u.test(unit.slice(-1) + after)) {
            [unit, needed, text] = ["", false, after];
        } else if (unit && text.endsWith(unit)) {
            [unit, needed, text] = ["", false, text.slice(0, -unit.length)];
        } else {
            return null;
        }
        text = text.replace(/^[ \xa0\u2009\u202f]+|[ \xa0\u2009\u202f]+$/g, "");
    }
    if (!text || signs > 1 || needed) return null;
    const halves = text.split(other);
    const two = /^\d+$/.test(halves[0]) && /^\d+$/.test(halves.slice(1).join(other));
    if (two && !grouped) return null;
    let [head, ...tail] = text.split(decimal);
    if (tail.length > 1 || (tail.length && !/^\d+$/.test(tail[0]))) return null;
    if (head && !/^\d+$/.test(head)) {
        const sign = head.replace(/^\d+/, "")[0];
        const groups = head.split(sign);
        const right = (g) => /^\d{3}$/.test(g) || (sign === "," && /^\d\d$/.test(g));
        if (!` \xa0\u2009\u202f'\u2019${other}`.includes(sign)) return null;
        if (!/^[1-9]\d{0,2}$/.test(groups[0]) || !groups.slice(1).every(right)) return null;
        if (groups[groups.length - 1].length !== 3) return null;
        head = groups.join("");
    }
    const x = head || tail.length ? Number(tail.length ? `${head}.${tail[0]}` : head) : NaN;
    if (isFinite(x)) return minus ? -x : x;
"""

_KINDS = r"""/** The name of a cell's category; numbers as Python writes them. */
function kindOf(cell) {
    if (typeof cell === "string") {
        const text = cell.replace(AROUND, "");
        return /^-?\d+\.0$/.test(text) ? text.slice(0, -2) : text; // 3.0 is 3
    }
    if (typeof cell === "boolean") return cell ? "True" : "False";
    if (typeof cell === "bigint") return String(cell);
    if (!Number.isFinite(cell)) return cell > 0 ? "inf" : "-inf";
    const size = Math.abs(cell);
    if (Number.isInteger(cell) && size < 1e16) return String(cell);
    if (size >= 1e-4 && size < 1e16) return String(cell);
    return cell.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}
"""
_CATEGORY = """\
        if (rule.kinds) {
            const kind = cell === null ? rule.fill : rule.kinds.indexOf(kindOf(raw));
            if (kind < 0 && rule.strict) refuse(j, raw, "one of the known categories");
            for (let i = 0; i < rule.count; i++) x[k++] = i === kind ? 1 : 0;
            continue;
        }
"""

_NUMBERS = """\
/** Copy the numbers of a row into x. */
function encode(row, x) {
    if (row.length !== inputs) {
        throw new TypeError(`a row needs ${inputs} numbers, got ${row.length}`);
    }
    for (let j = 0; j < inputs; j++) {
        x[j] = typeof row[j] === "number" || typeof row[j] === "boolean" ? Number(row[j]) : NaN;
        if (!Number.isFinite(x[j])) {
            throw new RangeError(`a row needs finite numbers, got ${row[j]} at index ${j}`);
        }
    }
}
"""


def to_javascript(
    model: object,
    path: Path,
    weights: str = "float",
    rows: object = None,
    targets: object = None,
) -> Exported:
    """Write a network, an estimator or a TextModel as a JavaScript module; return an `Exported`.

    The module exports `predict(row)` and `predictRows(rows)`; for an estimator also `columns`, for
    a classifier `predictProba(row)` and `classes`, for a network `inputs` and `outputs`. A network
    takes and returns arrays of numbers. An estimator takes a raw row, as an array in the order of
    `columns` or as an object with their names, and returns what the model's `predict` does: a label
    or a number, or an array of them. Cells are numbers, strings, true or false; null, undefined,
    NaN and an empty string are missing. A row that the model refuses throws a RangeError or
    TypeError. The module imports nothing, and runs in Node 10 and in browsers since 2020. The file
    is written whole or not at all; equal models give equal bytes.

    For a network of sequences, `predict` takes a whole one, a list of steps: rows of numbers, or
    kinds for an Embedding. It also exports `begin()`, which returns the state before the first
    step, and `predictStep(state, step)`, the answer to the sequence so far; for a TextModel
    `characters` and `sample({ count, temperature, prompt, length, uniform })`.

    With `weights="int8"`, a weight of a Dense layer is a whole number from -127 to 127, and each
    output has a scale: a wide network takes a quarter of the space, with errors of about 1 %.
    Given `rows` to try the module's arithmetic on, its head and the returned `Exported` say how far
    the answers are from the model's; given their `targets`, too, how good they are.

    Raises SettingError for a model or layer that cannot be exported, or other weights;
    NotFittedError before `fit`; FormatError for a weight that is not finite, or a label that is not
    text, a number, True or False; OSError if the file cannot be written.
    """
    if weights not in WEIGHTS:
        raise SettingError(
            f"to_javascript needs weights to be one of {list(WEIGHTS)}, got {weights!r}"
        )
    description, found = describe(model), Exported(0)
    if weights == "int8":
        description = with_bytes(description)
    if rows is not None:
        found = tried(model, description, rows, targets)
    code = _module(description, os.path.basename(os.fsdecode(path)), found)
    data = code.encode("utf-8")
    write_bytes(path, data)
    return found._replace(size=len(data))


def _module(d: Description, file: str, found: Exported) -> str:
    notes = [line for sentence in found.sentences() for line in ("", sentence)]
    code = network(d, CodeLanguage("", digits, _call, _table, _routine, "null"))
    lines = "\n".join(f" * {line}".rstrip() for line in [*head(d), *notes, *_usage(d, file)])
    parts = [f"/*\n{lines}\n */\n", *_names(d)]
    parts += code.definitions
    if any(layer.plan.kind == "GELU" for layer in d.layers):
        parts.append(erfc_source(digits))
    buffers = dict.fromkeys(["a", "b"] if code.two else ["a"], code.width)
    if d.wiring:
        buffers = d.wiring.rows
    parts += ["".join(f"const {x} = new Float64Array({n});\n" for x, n in buffers.items())]
    steps = list(map(_javascript, code.lines))
    if d.wiring:
        parts.append(step_functions(d, d.wiring, steps))
        if d.writing:
            parts.append(javascript_functions(d.writing, _list(d.writing.characters)))
        return "\n".join(parts)
    return "\n".join([*parts, *_answers(d, ["encode(row, a);", *steps], code.result)])


def _names(d: Description) -> list[str]:
    """Return the columns and classes, and the functions that read rows."""
    if d.kind == "network":
        return [
            f"export const inputs = {d.inputs};\nexport const outputs = {d.outputs};\n",
            *[_NUMBERS] * (not d.wiring or not d.wiring.kinds),
        ]
    parts = [f"/** @type {{string[]}} */\nexport const columns = {_list(d.names)};\n"]
    if d.kind == "classifier":
        kind = _types(d.classes)
        parts.append(
            f"/** @type {{Array<{kind}>}} */\nexport const classes = {_list(d.classes)};\n"
        )
    rules = ",\n".join(f"    {_rule(column, d.reader)}" for column in d.columns)
    texts = d.reader.of_texts()
    parts.append(
        f"const RULES = [\n{rules}\n];\n"
        f"const MISSING_WORDS = new Set({_list(sorted(d.reader.missing))});\n"
        f"const MISSING_NUMBERS = {_list(sorted(x for x in d.reader.missing_numbers if x == x))};\n"
        + (
            f"const MISSING_KINDS = new Set({_list(sorted(texts.missing))});\n"
            if texts != d.reader
            else "const MISSING_KINDS = MISSING_WORDS;\n"
        )
    )
    plain = all(
        column.notation(d.reader) == Notation()
        for column in d.columns
        if isinstance(column, NumberColumn)
    )
    cells = _CELLS.replace("NOTATION", _PLAIN if plain else _DRESSED)
    cells = cells.replace("PARAMETERS", "" if plain else ", { decimal, grouped, unit, dressed }")
    cells = cells.replace("numberIn(cell, rule)", "numberIn(cell)") if plain else cells
    used: set[type] = set(map(type, d.columns))
    cases = ""
    parts += [_KINDS] * bool(used & {CategoryColumn, WordsColumn})
    for column_type, source, case in (
        (CategoryColumn, "", _CATEGORY),
        (DateColumn, dates.JAVASCRIPT, dates.JAVASCRIPT_CASE),
        (WordsColumn, words.JAVASCRIPT, words.JAVASCRIPT_CASE),
    ):
        if column_type in used:
            parts.append(source)
            cases += case
    return [*parts, cells.replace("CASES", cases)]


def _rule(column: Column, reader: Reader) -> str:
    if isinstance(column, CategoryColumn):
        kinds = _list(list(map(whole_spelling, column.text_kinds)))
        return (
            f"{{ kinds: {kinds}, count: {len(column.kinds)}, fill: {column.fill_index}, "
            f"strict: {value(column.strict)} }}"
        )
    if isinstance(column, NumberColumn):
        fill = "null" if column.median is None else digits(column.median)
        ways = column.notation(reader)
        notation = "".join(f", {key}: {value(way)}" for key, way in ways._asdict().items())
        return (
            f"{{ shift: {digits(column.shift)}, scale: {digits(column.scale)}, fill: {fill}, "
            f"indicator: {value(column.indicator)}{notation} }}"
        )
    if isinstance(column, DateColumn):
        return (
            f"{{ spellings: {dates.javascript_patterns(column)}, shift: {digits(column.shift)}, "
            f"scale: {digits(column.scale)}, cycles: {_list(dates.days_of(column))}, "
            f"missing: {_list(dates.missing_date(column))}, indicator: {value(column.indicator)} }}"
        )
    if isinstance(column, WordsColumn):
        capitals = ", ".join(f"[{value(a)}, {value(b)}]" for a, b in words.capitals(column).items())
        return (
            f"{{ words: new Map({_list(column.words)}.map((word, i) => [word, i])), "
            f"capitals: new Map([{capitals}]), indicator: {value(column.indicator)} }}"
        )
    return "null"


def _answers(d: Description, body: list[str], result: str) -> list[str]:
    """Return the exported functions; the first one contains the body."""
    row, kind = ("number[]" if d.kind == "network" else "Array|Object"), "number[]"
    answer = f"[\n{wrapped([f'{result}[{j}]' for j in range(d.outputs)])}\n]"
    parts = []
    if d.kind == "regressor":
        begin, end = (f"Math.{d.unlinked}(", ")") if d.unlinked else ("", "")
        scaled = [
            f"{begin}{result}[{j}] * {digits(scale)} + {digits(mean)}{end}"
            for j, (mean, scale) in enumerate(zip(d.means, d.scales))
        ]
        kind, answer = ("number", scaled[0]) if d.flat else (kind, f"[{', '.join(scaled)}]")
    elif d.kind == "classifier":
        single = d.outputs == 1 and not d.multilabel
        outputs = f"[1 - {result}[0], {result}[0]]" if single else answer
        start = _function("The probability of each class.", "predictProba", row, kind)
        parts.append(start + indented([*body, f"return {outputs};"]) + "}\n")
        body = ["const p = predictProba(row);"]
        if d.multilabel:
            answer = "p.map((x) => (x > 0.5 ? 1 : 0))"
        else:
            kind = _types(d.classes)
            largest = "p[1] > 0.5 ? 1 : 0" if single else _LARGEST
            answer = f"classes[{largest}]"
    start = _function("The answer to a row.", "predict", row, kind)
    parts.append(start + indented([*body, f"return {answer};"]) + "}\n")
    start = _function(
        "The answers to rows.", "predictRows", f"Array<{row}>", f"Array<{kind}>", "rows"
    )
    return [*parts, start + "    return Array.from(rows, (row) => predict(row));\n}\n"]


def _function(what: str, name: str, taken: str, kind: str, argument: str = "row") -> str:
    """Return the first lines of a function from the type `taken` to the type `kind`."""
    return (
        f"/**\n * {what}\n * @param {{{taken}}} {argument}\n * @returns {{{kind}}}\n */\n"
        f"export function {name}({argument}) {{\n"
    )


def _usage(d: Description, file: str) -> list[str]:
    """Return an example of use, as lines of a comment."""
    if d.wiring:
        return usage(d, d.wiring, file)
    example = "[" + ", ".join(["0"] * min(d.inputs, 3)) + ", ..." * (d.inputs > 3) + "]"
    if d.columns:
        used = [quoted(column.name) for column in d.columns if not isinstance(column, LeftOut)]
        example = (
            "{ " + ", ".join(f"{name}: ..." for name in used[:3]) + ", ..." * (len(used) > 3) + " }"
        )
    return [
        "",
        "To use it:",
        "",
        f"    import {{ predict }} from {quoted(f'./{file}')};",
        f"    predict({example});",
    ]


def digits(x: float) -> str:
    """Return the exact literal of a number.

    >>> digits(1.0), digits(-0.0), digits(1e-07)
    ('1', '-0', '1e-07')
    """
    if x in (float("inf"), float("-inf")):
        return "Infinity" if x > 0 else "-Infinity"
    literal = repr(float(x))
    return literal[:-2] if literal.endswith(".0") else literal


def value(x: Label) -> str:
    """Return a label or a text as a literal that is also safe in a web page.

    >>> value("</p>"), value(True), value(2**60)
    ('"\\\\u003c/p>"', 'true', '1152921504606846976n')
    """
    if isinstance(x, str):
        return json.dumps(x).replace("<", "\\u003c")
    if isinstance(x, bool):
        return "true" if x else "false"
    if isinstance(x, int):
        return f"{x}n" if abs(x) > _LARGEST_INTEGER else str(x)
    return digits(x)


def _types(labels: Sequence[Label]) -> str:
    names = {'"': "string", "e": "boolean", "n": "bigint"}
    return "|".join(sorted({names.get(value(label)[-1], "number") for label in labels}))


def _list(labels: Sequence[Label]) -> str:
    return f"[{', '.join(map(value, labels))}]"


def _call(name: str, in_double: bool) -> str:
    return (
        "erfc"
        if name == "erfc"
        else {"fabs": "Math.abs", "fmax": "Math.max"}.get(name, f"Math.{name}")
    )


def _table(name: str, numbers: Sequence[float]) -> str:
    return f"const {name} = [\n{wrapped(list(map(digits, numbers)))}\n];\n"


def _routine(name: str, arguments: str, body: str) -> str:
    words = ", ".join(argument.split()[-1].lstrip("*") for argument in arguments.split(","))
    return f"function {name}({words}) {{\n{indented([_javascript(body)])}}}\n"


def _javascript(code: str) -> str:
    """Return a routine in C as JavaScript."""
    code = re.sub(r"\((REAL|double|int)\)", "", code).replace("->", ".")
    code = re.sub(r"const (REAL|double|int) ", "const ", code)
    return re.sub(r"\b(REAL|double|int) ", "let ", code)
