"""Models written as C and JavaScript: compiled, run, and held against what they were written from.

Many models go into one program, since starting compilers and node is what takes the time. gcc, g++
and node are looked for on PATH; where one is missing, its tests are skipped with the reason.
"""

from __future__ import annotations

import json
import math
import random
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import exported_models as em
import pytest
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.cli import main
from tinynn.errors import FormatError, SettingError
from tinynn.export import javascript, to_c, to_javascript
from tinynn.export.c import C
from tinynn.export.c_family import quoted
from tinynn.export.c_literals import field_names, shortest_float32, string
from tinynn.export.formats import Exported
from tinynn.export.steps import describe
from tinynn.preprocessing import NumberColumn, TableEncoder
from tinynn.preprocessing.cells import key_of

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.browser import FLAGS, MISSING, find_browser

STRICT = [
    "-Wall", "-Wextra", "-pedantic", "-Werror", "-Wconversion", "-Wdouble-promotion", "-Wshadow",
    "-Wcast-qual", "-Wwrite-strings", "-Wundef",
]  # fmt: skip
DOUBLE, FLOAT = (2.0**-53, 5e-324, 1.7e308), (2.0**-24, 2e-45, 3.4e38)
# The ways to write C: a letter for the names, the type of numbers, and of weights, and what that
# comes to. Sums with whole numbers of up to 127 as weights end before those with the weights do.
WAYS = [
    ("d", "double", "float", DOUBLE),
    ("f", "float", "float", FLOAT),
    ("b", "float", "int8", (*FLOAT[:2], FLOAT[2] / 128)),
]


def tool(name):
    """Return the path of a program, or skip the test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on PATH")
    return found


def run(command, **options):
    """Return what a command prints; fail with all that it says if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", **options)
    assert done.returncode == 0, f"{command[0]}: {done.stderr[-3000:]}"
    return done.stdout


def make_cases(seed, networks, estimators, rows):
    """Return random models, each with rows to ask it."""
    rng = random.Random(seed)
    model = nn.Sequential(nn.LayerNorm(3), nn.Dropout(0.5), nn.Softmax())
    cases = [
        em.spaced(),
        em.numbered(),
        em.in_notations(),
        (model, em.network_rows(rng, model, rows)),
    ]
    for i in range(networks):
        model = em.network(rng, [em.KINDS[i]] if i < len(em.KINDS) else None)
        cases.append((model, em.network_rows(rng, model, rows)))
    for _ in range(estimators):
        model, kinds = em.estimator(rng)
        cases.append((model, em.table_rows(rng, kinds, rows)))
    return cases


# What is expected


def unchanged(d):
    return d


def in_bytes(d):
    """Return a description with the weights that bytes leave: 127 steps to the largest."""

    def rounded(column):
        step = max(map(abs, column)) / 127
        return [step * math.floor(w / step + 0.5) if step else 0.0 for w in column]

    layers = []
    for layer in d.layers:
        values = dict(layer.values)
        if "W" in values:
            values["W"] = list(zip(*map(rounded, zip(*values["W"]))))
        layers.append(layer._replace(values=values))
    return d._replace(layers=layers)


def expected(model, row, precision, change=unchanged):
    """Return (the column that refuses or None, intervals of the outputs or None, [the answer]).

    Nothing is expected where sums leave the floats: the model itself may then refuse its outputs.
    `change` is what the writer does to the description; then the model's answer is not the file's.
    """
    d = change(describe(model))
    if d.kind == "network":
        return None, em.reach(d, row, *precision), None
    column = em.refused(model, row, 3.4e38 if precision[0] > 1e-10 else math.inf)
    if column is not None:
        return column, None, None
    encoded = model.encoder_.encode([row]).rows[0]
    ends = em.reach(d, encoded, *precision)
    if ends is None:
        return None, None, []
    # Not `predict`, which refuses an answer beyond the floats: a file gives infinity there.
    outputs = model.network_.predict([encoded])
    answer = model.targets_.answers(outputs) if change is unchanged else []
    if d.kind == "regressor":
        pairs = list(zip(d.scales, d.means))
        ends = [[y * s + m for y, (s, m) in zip(end, pairs)] for end in ends]
        sizes = [abs(y) + 2 * abs(m) for y, (_, m) in zip(ends[1], pairs)]
        if precision[0] > 1e-10 and max(sizes) > 3.3e38:
            return None, None, []
        ends = [
            [y + sign * 8 * precision[0] * size for y, size in zip(end, sizes)]
            for sign, end in zip((-1, 1), ends)
        ]
        if d.unlinked:
            if max(map(abs, [*ends[0], *ends[1]])) > (88.0 if precision[0] > 1e-10 else 709.0):
                return None, None, []
            function = getattr(math, d.unlinked)
            ends = em.widened(*[list(map(function, end)) for end in ends], 16 * precision[0], 1e-37)
        for own in answer:  # the model's own answer, too
            check_outputs("the model", [own] if d.flat else own, ends)
    elif d.outputs == 1 and not d.multilabel:
        (low,), (high,) = ends
        off = 2 * precision[0]  # the rounding of 1 - p
        ends = [1 - high - off, low], [1 - low + off, high]
    return None, ends, answer


def check_outputs(where, got, ends):
    """Hold the numbers of a program against their intervals."""
    if ends is not None:
        for y, low, high in zip(got, *ends):
            assert low <= y <= high, f"{where}: {y!r} is not between {low!r} and {high!r}"


def check_answer(where, d, got, ends, answer):
    """Hold an answer against the model's, where rounding cannot decide between two of them.

    The model's is left out of account where its weights were changed on the way.
    """
    if ends is None:
        return
    lows, highs = ends
    if d.multilabel:
        sure = [i for i in range(len(lows)) if highs[i] < 0.5 or lows[i] > 0.5]
        right = [int(lows[i] > 0.5) for i in sure]
        found = [[given[i] for i in sure] for given in (got, *answer)]
    else:
        right = [i for i, high in enumerate(highs) if high >= max(lows)]
        if len(right) > 1:
            return
        right = d.classes[right[0]]
        found = [got, *answer]
    assert all(one == right for one in found), f"{where}: {found} instead of {right!r}"


# C

READER = """\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char line[20000];

static inline double number(void)
{
    if (scanf("%19999s", line) != 1) exit(1);
    return strtod(line, NULL);
}

/* A text in hexadecimal, after an x; or - for none at all. */
static inline const char *text(void)
{
    char *made;
    size_t n;
    if (scanf("%19999s", line) != 1) exit(1);
    if (line[0] == '-') return NULL;
    n = strlen(line + 1) / 2;
    made = (char *)malloc(n + 1);
    for (size_t i = 0; i < n; i++) {
        char pair[3] = {line[2 * i + 1], line[2 * i + 2], 0};
        made[i] = (char)strtol(pair, NULL, 16);
    }
    made[n] = 0;
    return made;
}
"""


def c_function(name, d, real):
    """Return a function that reads rows, asks the model called `name`, and prints the answers."""
    if d.kind == "network":
        body = f"""\
        {real} x[{d.inputs}], y[{d.outputs}];
        for (int j = 0; j < {d.inputs}; j++) x[j] = ({real})number();
        {name}_predict(x, y);
        for (int j = 0; j < {d.outputs}; j++) printf("%.17g ", (double)y[j]);
        printf("\\n");"""
    else:
        kinds = {
            j: "number" if isinstance(c, NumberColumn) else "text" for j, c in enumerate(d.columns)
        }
        reads = "".join(
            f"        row.{field} = {kinds[j]}();\n" for j, field in field_names(d.columns).items()
        )
        count = len(d.classes) or d.outputs
        y = ", ".join(["0"] * count)
        ask = f"{name}_predict(&row, y)" if d.kind == "regressor" else f"{name}_proba(&row, y)"
        body = f"        {name}_row row;\n{reads}        {real} y[{count}] = {{{y}}};\n"
        body += f'        printf("%d ", {ask});\n'
        body += f'        for (int j = 0; j < {count}; j++) printf("%.17g ", (double)y[j]);\n'
        if d.multilabel:
            body += f"        int flags[{count}] = {{{y}}};\n        {name}_predict(&row, flags);\n"
            body += f'        for (int j = 0; j < {count}; j++) printf("%d ", flags[j]);\n'
        elif d.kind == "classifier":
            body += f'        printf("%d", {name}_predict(&row));\n'
        body += '        printf("\\n");'
    return (
        f"static void ask_{name}(void)\n{{\n"
        f"    for (int rows = (int)number(); rows > 0; rows--) {{\n{body}\n    }}\n}}\n"
    )


def c_cells(model, row):
    """Return a row as C takes it, in words that `READER` reads; None if it cannot be said there.

    In a column of numbers that is a text, also of a number if that number would be missing.
    """
    words = []
    for cell, column in zip(row, model.encoder_.columns):
        if isinstance(column, NumberColumn):
            value = model.encoder_.reader.read(cell)
            number = isinstance(value, float) and value == value
            if isinstance(cell, str) and value is not None:
                number = number and value not in model.encoder_.reader.missing_numbers
            if value is not None and not number:
                return None
            words.append("nan" if value is None else repr(value))
        elif column.feature_names():
            missing = model.encoder_.reader.read(cell) is None and not isinstance(cell, str)
            text = cell if isinstance(cell, str) else key_of(cell)
            words.append("-" if missing else "x" + text.encode("utf-8").hex())
    return " ".join(words)


def c_program(folder, cases, gcc):
    """Compile all models into one program, from two files that both include all of them."""
    names = [f"m{i}{letter}" for letter, *_ in WAYS for i in range(len(cases))]
    functions = []
    for letter, dtype, weights, _ in WAYS:
        for i, (model, _) in enumerate(cases):
            to_c(model, folder / f"m{i}{letter}.h", dtype=dtype, weights=weights)
            functions.append(c_function(f"m{i}{letter}", describe(model), dtype))
    headers = "".join(f'#include "{name}.h"\n' for name in names)
    calls = "".join(f"    ask_{name}();\n" for name in names)
    main = f"int main(void)\n{{\n{calls}    return 0;\n}}\n"
    (folder / "main.c").write_text(headers + READER + "\n".join(functions) + main)
    (folder / "other.c").write_text(headers + "int other(void);\nint other(void) { return 0; }\n")
    run([gcc, "-std=c99", *STRICT, "main.c", "other.c", "-o", "program", "-lm"], cwd=folder)
    return folder / "program"


def check_c(folder, cases):
    program = c_program(folder, cases, tool("gcc"))
    asked = []
    for model, rows in cases:
        if describe(model).kind == "network":
            asked.append([(row, " ".join(map(repr, row))) for row in rows])
        else:
            pairs = [(row, c_cells(model, row)) for row in rows]
            asked.append([(row, words) for row, words in pairs if words is not None])
    text = "".join(
        f"{len(pairs)}\n" + "".join(f"{words}\n" for _, words in pairs)
        for _ in WAYS
        for pairs in asked
    )
    lines = iter(run([str(program)], input=text).splitlines())
    for letter, _, weights, precision in WAYS:
        change = in_bytes if weights == "int8" else unchanged
        for i, ((model, _), pairs) in enumerate(zip(cases, asked)):
            d = describe(model)
            for row, _ in pairs:
                where = f"m{i}{letter}, {model}, row {row!r}"
                got = list(map(float, next(lines).split()))
                column, ends, answer = expected(model, row, precision, change)
                if d.kind == "network":
                    check_outputs(where, got, ends)
                    continue
                refusal = 0 if column is None else -1 - column
                assert got.pop(0) == refusal, where
                if column is not None:
                    continue
                count = len(d.classes) or d.outputs
                check_outputs(where, got[:count], ends)
                if d.multilabel:
                    check_answer(where, d, got[count:], ends, answer)
                elif d.kind == "classifier":
                    check_answer(where, d, d.classes[int(got[count])], ends, answer)
    assert next(lines, None) is None


def test_c_gives_what_the_model_gives(tmp_path):
    check_c(tmp_path, make_cases(1, 24, 14, 12))


# JavaScript

ASK = """\
import { readFileSync } from "node:fs";
const cases = JSON.parse(readFileSync("cases.json", "utf8"));
const plain = ([kind, text]) =>
    kind === "n" ? Number(text) : kind === "i" ? BigInt(text) : kind === "u" ? undefined : text;
const told = (x) =>
    Array.isArray(x) ? x.map(told)
    : typeof x === "number" ? ["n", Object.is(x, -0) ? "-0" : String(x)]
    : typeof x === "bigint" ? ["i", String(x)] : ["v", x];
const answers = [];
for (const [name, rows] of cases) {
    const model = await import(`./${name}`);
    answers.push(rows.map((row, i) => {
        const listed = row.map(plain), names = model.columns;
        const named = names && i % 2;
        const given = named ? Object.fromEntries(listed.map((x, j) => [names[j], x])) : listed;
        try {
            const one = told(model.predict(given));
            const many = told(model.predictRows([given]));
            if (JSON.stringify(many) !== JSON.stringify([one])) return "predictRows differs";
            return [one, model.predictProba ? told(model.predictProba(given)) : []];
        } catch (error) {
            return `${error.name}: ${error.message}`;
        }
    }));
}
console.log(JSON.stringify(answers));
"""


def told(cell, number):
    """Return a cell as `ASK` takes it; every second missing one is undefined instead of null."""
    if isinstance(cell, (bool, str)):
        return ["v", cell]
    if cell is None:
        return ["u", None] if number % 2 else ["v", None]
    if isinstance(cell, int) and abs(cell) >= 2**53:
        return ["i", str(cell)]
    return ["n", repr(cell).replace("inf", "Infinity")]


def plain(answer):
    """Return an answer of `ASK` as it would be in Python."""
    if not answer or isinstance(answer[0], list):
        return list(map(plain, answer))
    kind, value = answer
    return float(value) if kind == "n" else int(value) if kind == "i" else value


def check_javascript(folder, cases):
    node = tool("node")
    asked = []
    for i, (model, rows) in enumerate(cases):
        to_javascript(model, folder / f"m{i}.mjs")
        asked.append([f"m{i}.mjs", [list(map(told, row, range(i, i + 99))) for row in rows]])
    (folder / "cases.json").write_text(json.dumps(asked))
    (folder / "ask.mjs").write_text(ASK)
    answers = json.loads(run([node, "ask.mjs"], cwd=folder))
    for i, ((model, rows), found) in enumerate(zip(cases, answers)):
        d = describe(model)
        for row, got in zip(rows, found):
            where = f"m{i}, JavaScript, {model}, row {row!r}"
            column, ends, answer = expected(model, row, DOUBLE)
            if column is not None:
                name = json.dumps(d.columns[column].name, ensure_ascii=False)
                assert isinstance(got, str) and got.startswith(f"RangeError: column {name} "), where
                continue
            assert isinstance(got, list), f"{where}: {got}"
            one, proba = map(plain, got)
            if d.kind == "classifier":
                check_outputs(where, proba, ends)
                check_answer(where, d, one, ends, answer)
            else:
                check_outputs(where, [one] if d.flat else one, ends)


def test_javascript_gives_what_the_model_gives(tmp_path):
    check_javascript(tmp_path, make_cases(2, 24, 20, 16))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 16))
def test_many_models_give_the_same_in_c_and_javascript(tmp_path, seed):
    cases = make_cases(seed, 60, 40, 30)
    check_c(tmp_path, cases)
    check_javascript(tmp_path, cases)


# C++, and compilers' other modes


def test_cxx_takes_the_headers_in_each_of_its_standards(tmp_path):
    gxx = tool("g++")
    models = [em.estimator(random.Random(3))[0], em.spaced()[0]]
    models += [em.network(random.Random(0), em.KINDS)]
    text = ""
    for letter, dtype, weights, _ in WAYS:
        for i, model in enumerate(models):
            to_c(model, tmp_path / f"m{i}{letter}.h", dtype=dtype, weights=weights)
            text += f'#include "m{i}{letter}.h"\n' * 2
    (tmp_path / "main.cpp").write_text(text + "int main() { return m0d_missing(0.0); }\n")
    for standard in ("c++11", "c++20"):
        run([gxx, f"-std={standard}", "-fsyntax-only", *STRICT, "main.cpp"], cwd=tmp_path)


def test_fast_mathematics_is_refused_where_missing_numbers_count(tmp_path):
    gcc = tool("gcc")
    to_c(em.estimator(random.Random(3))[0], tmp_path / "model.h")
    command = [gcc, "-ffast-math", "-fsyntax-only", "model.h"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode and "missing numbers are NAN" in done.stderr


# Names and texts


WORDS = st.sampled_from([*em.WORDS, "Int", "X", "x", "x_2"])


@given(st.lists(st.text(max_size=8) | WORDS, max_size=9))
def test_fields_differ_and_are_names_of_c(names):
    columns = [NumberColumn(name, "", 0.0, 0.0, 1.0, 0.0, 0.0, False, 0, 1) for name in names]
    found = field_names(columns)
    assert list(found) == list(range(len(names)))
    assert len(set(found.values())) == len(names)
    for name in found.values():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert name not in ("int", "class", "new", "linux", "errno", "near")


@given(st.text(st.characters(blacklist_characters="\0")))
def test_texts_of_c_are_read_as_they_were(text):
    inside = string(text)[1:-1]
    assert all(" " <= letter <= "~" for letter in inside)
    assert not re.search(r'(?<!\\)(\\\\)*["?]', inside)
    data, rest = b"", inside
    while rest:
        found = re.match(r"\\([0-7]{3})|\\(.)|(.)", rest)
        octal, escaped, plain = found.groups()
        data += bytes([int(octal, 8)]) if octal else (escaped or plain).encode()
        rest = rest[found.end() :]
    assert data.decode("utf-8", "surrogatepass") == text


@given(st.text())
def test_comments_end_where_they_should(text):
    inside = quoted(text)
    assert all(" " <= letter <= "~" for letter in inside)
    for trap in ("*/", "/*", "//", "??", "<"):
        assert trap not in inside


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_are_read_as_they_were(x):
    for text in (javascript.digits(x), C("m_", "double").number(x)):
        assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?", text)
        assert struct.pack("<d", float(text)) == struct.pack("<d", x)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_floats_of_c_are_read_as_they_were(x):
    text = shortest_float32(x)
    assert re.fullmatch(r"-?\d+(\.\d+)?(e[+-]\d+)?", text) and ("." in text or "e" in text)
    assert struct.pack("<f", float(text)) == struct.pack("<f", x)


def hostile():
    """Return a classifier, all of whose words try to be more than words."""
    rows = [["*/ int x; /*", 1.0, "a"], ['";alert(1)//', 2.0, "b"], ["</script>", 3.0, "a"]] * 3
    words = ['"; import os #', "*/", "</script><!--\n"]
    encoder = TableEncoder(names=words, kinds={0: "category"}, missing=("??/\n", "`${x}`"))
    model = nn.Classifier((2,), max_iter=2, random_state=0, encoder=encoder)
    return em.quietly(model.fit, rows, ['*/ "', "\\", "</script>"] * 3)


def test_words_cannot_leave_their_places(tmp_path):
    model = hostile()
    to_c(model, tmp_path / "bad ?\\ name.h", prefix="m")
    to_javascript(model, tmp_path / "m.mjs")
    head, _, rest = (tmp_path / "bad ?\\ name.h").read_text().partition("*/")
    assert rest.startswith("\n#ifndef TINYNN_m_H\n") and "import os #" in head
    page = (tmp_path / "m.mjs").read_text()
    assert "</script" not in page and "<!--" not in page
    for name, text in (("C", rest), ("JavaScript", page)):
        without = re.sub(r'"(\\.|[^"\\\n])*"|/\*(?s:.*?)\*/', "", text)
        for word in ("import os", "alert", "int x"):
            assert word not in without, name


def test_equal_models_give_equal_bytes(tmp_path):
    for _ in range(2):
        to_c(hostile(), tmp_path / "a.h")
        to_javascript(hostile(), tmp_path / "a.mjs")
        files = [(tmp_path / name).read_bytes() for name in ("a.h", "a.mjs")]
    to_c(hostile(), tmp_path / "a.h", prefix="a")
    to_javascript(hostile(), tmp_path / "a.mjs")
    assert files == [(tmp_path / name).read_bytes() for name in ("a.h", "a.mjs")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h", "a.mjs"]


# What is refused


def plain_model(weight=1.0):
    return nn.Sequential(nn.Dense(1, 1, weights=[[weight]], bias=[0.0]))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"dtype": "half"}, SettingError,
         "to_c needs dtype to be one of ['double', 'float'], got 'half'"),
        ({"weights": "int4"}, SettingError,
         "to_c needs weights to be one of ['float', 'int8'], got 'int4'"),
        ({"prefix": "2x"}, SettingError, "to_c needs a prefix that is a C identifier, got '2x'"),
        ({"prefix": "a b"}, SettingError, "to_c needs a prefix that is a C identifier, got 'a b'"),
        ({"dtype": "float", "weight": 3.5e38}, FormatError,
         '3.5e+38 does not fit float; use dtype="double"'),
        ({"label": "a\0b"}, FormatError,
         "a string in C cannot contain a NUL character, got 'a\\x00b'"),
    ],
    ids=["dtype", "weights", "prefix", "space", "float", "zero"],
)  # fmt: skip
def test_c_refuses_what_it_cannot_write(tmp_path, arguments, error, message):
    arguments = dict(arguments)
    model = plain_model(arguments.pop("weight", 1.0))
    if "label" in arguments:
        model = hostile()
        model._targets.classes[0] = arguments.pop("label")
    with pytest.raises(error) as caught:
        to_c(model, tmp_path / "m.h", **arguments)
    assert str(caught.value) == message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("write", [to_c, to_javascript])
def test_other_models_are_refused(tmp_path, write):
    with pytest.raises(SettingError) as caught:
        write("a model", tmp_path / "m")
    assert (
        str(caught.value)
        == "an export needs a Sequential, Classifier, Regressor or TextModel, got str"
    )


@pytest.mark.parametrize(
    ("name", "prefix"), [("iris.h", "iris"), ("2 b-c.d.h", "n2_b_c_d"), ("é.h", "model")]
)
def test_the_prefix_is_the_name_of_the_file(tmp_path, name, prefix):
    to_c(plain_model(), tmp_path / name)
    assert f"static inline void {prefix}_predict(" in (tmp_path / name).read_text()


# The examples at the heads, and what is told there


def test_the_example_at_the_head_of_c_runs(tmp_path):
    gcc = tool("gcc")
    model = hostile()
    to_c(model, tmp_path / "m.h")
    to_c(plain_model(), tmp_path / "n.h")
    parts = []
    for name in ("m.h", "n.h"):
        head = (tmp_path / name).read_text().partition("*/")[0]
        example = re.findall(r"^ \*     (?! )(.*)$", head[head.index("To use it") :], re.M)
        assert example.pop(0) == f'#include "{name}"'
        parts.append("    {\n        " + "\n        ".join(example))
    parts[0] += '\n        printf("%s\\n", m_classes[k]);\n    }\n'
    parts[1] += '\n        printf("%g\\n", y[0]);\n    }\n'
    text = '#include <stdio.h>\n#include "m.h"\n#include "n.h"\nint main(void)\n{\n' + "".join(
        parts
    )
    (tmp_path / "main.c").write_text(text + "    return 0;\n}\n")
    run([gcc, "-std=c99", *STRICT, "main.c", "-o", "main", "-lm"], cwd=tmp_path)
    said, zero = run([str(tmp_path / "main")]).splitlines()
    assert said in model.classes_ and zero == "0"


def test_bytes_are_told_and_cost_little(tmp_path):
    flowers = nn.load_iris()
    X = flowers.inputs
    model = nn.Classifier((10,), max_iter=60, learning_rate_init=0.02, random_state=0)
    em.quietly(model.fit, X, flowers.targets)
    whole = to_c(model, tmp_path / "whole.h", dtype="float")
    small = to_c(model, tmp_path / "small.h", dtype="float", weights="int8", rows=X)
    assert whole == Exported(len((tmp_path / "whole.h").read_bytes()))
    assert small.size == len((tmp_path / "small.h").read_bytes()) < whole.size
    assert 0.0 < small.difference < 0.1 and small.changed < 0.02
    head = (tmp_path / "small.h").read_text().partition("*/")[0]
    # 4-10-3: 70 weights and 13 biases; with bytes, 13 scales more
    assert "The layers' tables take 332 bytes" in (tmp_path / "whole.h").read_text()
    assert "The layers' tables take 174 bytes" in head
    assert (
        f"On the rows tried, its numbers are off by at most {small.difference:.3g}. "
        f"{small.changed:.2%} of the rows get another label."
    ) in head
    assert "Dense 4 -> 10 with int8 weights, ReLU, Dense 10 -> 3 with int8 weights, Softmax" in head


def test_small_models_are_small_files(tmp_path):
    flowers = nn.load_iris()
    model = nn.Classifier((10,), max_iter=2, random_state=0)
    em.quietly(model.fit, flowers.inputs, flowers.targets)
    to_javascript(model, tmp_path / "m.mjs")
    assert to_c(model, tmp_path / "m.h").size <= 8192
    assert (tmp_path / "m.mjs").stat().st_size <= 8192


def test_the_command_tries_bytes_on_a_table(tmp_path, capsys):
    model, out = tmp_path / "model.json", tmp_path / "small.h"
    nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 1), seed=1).save(model)
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n-0.5,0.25\n")
    arguments = ["--weights", "int8", "--data", str(tmp_path / "rows.csv"), "--json"]
    assert main(["export", str(model), "--out", str(out), *arguments]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["to"] == "c" and told["rows"] == 2 and 0.0 < told["difference"] < 0.05
    assert f"its numbers are off by at most {told['difference']:.3g}." in out.read_text()


# The error function of the JavaScript


def test_erfc_of_javascript_is_exact_to_its_last_digits(tmp_path):
    node = tool("node")
    model = nn.Sequential(nn.Dense(1, 1), nn.GELU())
    to_javascript(model, tmp_path / "m.mjs")
    rng = random.Random(0)
    xs = [rng.uniform(-6.5, 26.5) for _ in range(20000)]
    xs += [rng.choice([-1, 1]) * 10.0 ** rng.uniform(-300, 0) for _ in range(2000)]
    xs += [0.0, -0.0, 0.46875, 4.0, 26.6, 27.0, 27.3, 30.0, 31.0, 1e300, -5.9, -1e300, 1.7e308]
    text = (tmp_path / "m.mjs").read_text()
    text += f"\nconsole.log(JSON.stringify({json.dumps(xs)}.map(erfc)));\n"
    text += "console.log(erfc(Infinity), erfc(-Infinity), erfc(NaN));\n"
    (tmp_path / "asked.mjs").write_text(text)
    values, ends = run([node, "asked.mjs"], cwd=tmp_path).splitlines()
    for x, y in zip(xs, json.loads(values)):
        assert abs(y - math.erfc(x)) <= 1e-15 * math.erfc(x) + 5e-323, x
    assert ends == "0 2 NaN"


# Digits


@pytest.mark.slow
def test_a_classifier_of_digits_gives_the_same_on_a_thousand_rows(tmp_path):
    datasets = pytest.importorskip("sklearn.datasets")
    gcc, node = tool("gcc"), tool("node")
    digits = datasets.load_digits()
    X, y = digits.data.tolist(), digits.target.tolist()
    model = nn.Classifier((32,), max_iter=15, learning_rate_init=0.005, random_state=0)
    em.quietly(model.fit, X[:797], y[:797])
    rows = X[797:]
    assert len(rows) == 1000 and model.score(rows, y[797:]) > 0.85
    labels, probabilities = model.predict(rows), model.predict_proba(rows)
    d = describe(model)
    to_c(model, tmp_path / "m0d.h")
    main = READER + '#include "m0d.h"\n' + c_function("m0d", d, "double")
    (tmp_path / "main.c").write_text(main + "int main(void) { ask_m0d(); return 0; }\n")
    run([gcc, "-std=c99", *STRICT, "-O2", "main.c", "-o", "main", "-lm"], cwd=tmp_path)
    words = f"{len(rows)}\n" + "\n".join(c_cells(model, row) for row in rows)
    lines = run([str(tmp_path / "main")], input=words).splitlines()
    to_javascript(model, tmp_path / "m.mjs")
    (tmp_path / "cases.json").write_text(
        json.dumps([["m.mjs", [[told(c, 0) for c in r] for r in rows]]])
    )
    (tmp_path / "ask.mjs").write_text(ASK)
    (answers,) = json.loads(run([node, "ask.mjs"], cwd=tmp_path))
    worst = 0.0
    for line, answer, label, proba in zip(lines, answers, labels, probabilities):
        in_c = list(map(float, line.split()))
        in_javascript, p = map(plain, answer)
        assert (in_c[0], d.classes[int(in_c[11])], in_javascript) == (0, label, label)
        for a, b, wanted in zip(in_c[1:11], p, proba):
            worst = max(worst, abs(a - wanted) / wanted, abs(b - wanted) / wanted)
    assert worst < 1e-12, worst


@pytest.mark.slow
def test_the_module_runs_in_a_page(tmp_path):
    """It stands in the page itself, where the first </script> in it would be the end of it."""
    chromium = find_browser()
    if not chromium:
        pytest.skip(MISSING)
    model = hostile()
    to_javascript(model, tmp_path / "m.mjs")
    rows = [["*/ int x; /*", 1.0, "a"], ["</script>", None, "b"], ["new", 2.5, "a"]]
    code = (tmp_path / "m.mjs").read_text()
    asked = json.dumps(rows).replace("<", "\\u003c")
    code += f"document.body.textContent = JSON.stringify({asked}.map(predictProba));"
    page = tmp_path / "page.html"
    page.write_text(f'<!DOCTYPE html><body><script type="module">{code}</script></body>')
    command = [
        chromium, *FLAGS, "--virtual-time-budget=5000",
        f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    shown = re.search(r"<body>(.*)</body>", run(command, timeout=120))
    wanted = model.predict_proba(rows)
    assert shown and json.loads(shown.group(1)) == [pytest.approx(p, rel=1e-12) for p in wanted]
