"""Networks of sequences, exported: each file predicts what the network does, whole or by step."""

from __future__ import annotations

import json
import math
import random
import re
import sys

import pytest
from hypothesis import given, settings, strategies as st
from random_networks import MOST_STEPS, random_sequence_network, random_sequences
from test_export_avr import run_on_avr
from test_export_code import STRICT, run, tool
from test_export_python import OLD_AND_SMALL, there

import tinynn as nn
from tinynn.errors import FormatError, SettingError
from tinynn.export import to_c, to_javascript, to_python
from tinynn.export.c_family import with_bytes
from tinynn.export.c_sequences import ROUTINES
from tinynn.export.python import python_source
from tinynn.export.sequence_arithmetic import sequence_outputs
from tinynn.export.steps import describe
from tinynn.export.wiring import RESET
from tinynn.formulas import Each
from tinynn.formulas.cells import CELLS
from tinynn.lesson.samples import as_sequences, one_row_each

COUNT = 32


def flat(answer):
    """Return all numbers of an answer: of a row for each step, or of one row."""
    return [y for row in answer for y in row] if isinstance(answer[0], list) else answer


def close(model, wanted, got, off):
    assert len(wanted) == len(got)
    for t, y in zip(wanted, got):
        assert flat(y) == pytest.approx(flat(t), rel=off, abs=off), model


def by_step(model, sequence):
    """Return the outputs of a network after each step of a sequence."""
    step = model.stepper()
    return [step(x) for x in sequence]


def of_source(source):
    space = {"__name__": "exported"}
    exec(source, space)
    return space


@pytest.fixture(scope="module")
def cases():
    """Return networks, each with sequences and what it makes of them."""
    rng = random.Random(9)
    found = []
    models = [random_sequence_network(rng) for _ in range(COUNT)]
    for model in [small_gpt(MOST_STEPS), spotter(), *models]:
        X = random_sequences(model, rng, 3)
        found.append((model, X, model.predict(X)))
    return found


def test_the_cases_have_every_operation(cases):
    descriptions = [describe(model) for model, _, _ in cases]
    kinds = {layer.plan.kind for d in descriptions for layer in d.layers}
    resets = {cell + RESET for cell, formula in CELLS.items() if formula.reset}
    assert kinds >= {*CELLS, *resets, *ROUTINES, "Attention"}
    assert any("kept_" in d.wiring.rows for d in descriptions)  # Residual in a Residual


def of_bytes(model, X):
    """Return what a network with bytes for weights makes of sequences."""
    d = with_bytes(describe(model))
    return sequence_outputs(d.layers, d.wiring, as_sequences(model.layers, model.inputs, X), False)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["float", "packed", "int8"]), st.booleans())
def test_python(seed, weights, native):
    rng = random.Random(seed)
    model = random_sequence_network(rng)
    X = random_sequences(model, rng, 3)
    space = of_source(python_source(describe(model), weights, native=native))
    got = space["predict_rows"](X)
    T = of_bytes(model, X) if weights == "int8" else model.predict(X)
    close(model, T, got, 1e-5 if weights == "packed" else 1e-12)
    state = space["begin"]()
    steps = [space["predict_step"](state, x) for x in X[0]]
    assert got[0] == (steps[-1] if one_row_each(model.layers) else steps)
    if weights == "float":
        close(model, by_step(model, X[0]), steps, 1e-12)


PRINTED = """\
static void case_{k}(void)
{{
    long steps;
    while (scanf("%ld", &steps) == 1 && steps) {{
        {X} x[{most} * m{k}_inputs];
        {T} y[{most} * m{k}_outputs];
        m{k}_state state;
        for (int i = 0; i < steps * m{k}_inputs; i++) {{
            double v;
            if (scanf("%lf", &v) != 1) return;
            x[i] = ({X})v;
        }}
        if (m{k}_predict(x, steps, y)) return;
        for (int i = 0; i < {rows} * m{k}_outputs; i++) printf("%.17g ", (double)y[i]);
        puts("");
        m{k}_begin(&state);
        for (long t = 0; t < steps; t++) {{
            if (m{k}_predict_step(&state, {x}, y)) return;
            for (int i = 0; i < m{k}_outputs; i++) printf("%.17g ", (double)y[i]);
        }}
        puts("");
    }}
}}
"""


def printed(tmp_path, cases, dtype, flags=(), **options):
    """Return what headers of these cases make of them: of whole sequences, and of each step."""
    lines = ["#include <stdio.h>"]
    numbers = []
    for k, (model, X, _) in enumerate(cases):
        to_c(model, tmp_path / f"m{k}.h", dtype, **options)
        kinds = isinstance(model.layers[0], nn.Embedding)
        source = PRINTED.format(
            k=k, T=dtype, X="int" if kinds else dtype, most=MOST_STEPS,
            x="x[t]" if kinds else f"x + t * m{k}_inputs",
            rows="1" if one_row_each(model.layers) else "steps",
        )  # fmt: skip
        lines += [f'#include "m{k}.h"', source]
        for sequence in X:
            numbers += [len(sequence), *(sequence if kinds else flat(sequence))]
        numbers.append(0)
    calls = " ".join(f"case_{k}();" for k in range(len(cases)))
    (tmp_path / "main.c").write_text("\n".join([*lines, f"int main(void) {{ {calls} return 0; }}"]))
    program = str(tmp_path / "program")
    run([tool("gcc"), "-std=c99", *flags, str(tmp_path / "main.c"), "-o", program, "-lm"])
    found = run([program], input=" ".join(map(repr, numbers))).splitlines()
    answers = [list(map(float, line.split())) for line in found]
    return iter(zip(answers[::2], answers[1::2]))


@pytest.mark.parametrize(
    ("dtype", "weights", "off"),
    [("double", "float", 1e-12), ("float", "float", 1e-3), ("double", "int8", 1e-12)],
)
def test_c(cases, tmp_path, dtype, weights, off):
    got = printed(tmp_path, cases, dtype, [*STRICT, "-O1"], weights=weights)
    for k, (model, X, T) in enumerate(cases):
        assert "malloc" not in (tmp_path / f"m{k}.h").read_text()
        wanted = of_bytes(model, X) if weights == "int8" else T
        for sequence, t in zip(X, wanted):
            whole, steps = next(got)
            assert whole == pytest.approx(flat(t), rel=off, abs=off), model
            n = len(whole)
            assert whole == (steps[-n:] if one_row_each(model.layers) else steps)
            if weights == "float":
                assert steps == pytest.approx(flat(by_step(model, sequence)), rel=off, abs=off)


@pytest.mark.parametrize(("dtype", "weights"), [("float", "float"), ("double", "int8")])
def test_c_is_as_far_off_as_it_is_said_to_be(cases, tmp_path, dtype, weights):
    """The arithmetic of the file is followed in Python: see export/sequence_arithmetic.py."""
    some = cases[:8]
    got = printed(tmp_path, some, dtype, ["-ffp-contract=off"], weights=weights)
    for k, (model, X, T) in enumerate(some):
        said = to_c(model, tmp_path / f"m{k}.h", dtype, weights=weights, rows=X).difference
        off = max(abs(a - b) for t in T for a, b in zip(flat(t), next(got)[0]))
        assert said == pytest.approx(off, rel=0.05, abs=2e-7), model


@pytest.mark.parametrize("weights", ["float", "int8"])
def test_javascript(cases, tmp_path, weights):
    lines = []
    for k, (model, X, _) in enumerate(cases):
        to_javascript(model, tmp_path / f"m{k}.mjs", weights=weights)
        lines += [
            f"import * as m{k} from './m{k}.mjs';",
            f"const X{k} = {json.dumps(X)}, state{k} = m{k}.begin();",
            f"const steps{k} = X{k}[0].map((x) => m{k}.predictStep(state{k}, x));",
            f"console.log(JSON.stringify([m{k}.predictRows(X{k}), steps{k}]));",
        ]
    (tmp_path / "main.mjs").write_text("\n".join(lines))
    answers = run([tool("node"), str(tmp_path / "main.mjs")]).splitlines()
    for (model, X, T), line in zip(cases, answers):
        got, steps = json.loads(line)
        close(model, of_bytes(model, X) if weights == "int8" else T, got, 1e-12)
        assert got[0] == (steps[-1] if one_row_each(model.layers) else steps)
        if weights == "float":
            close(model, by_step(model, X[0]), steps, 1e-12)


# Elsewhere


@pytest.mark.parametrize("name", OLD_AND_SMALL)
def test_other_pythons(cases, tmp_path, name):
    interpreter = there(name)
    lines = ["import sys", "sys.path.insert(0, '.')"]
    for k, (model, X, _) in enumerate(cases):
        to_python(model, tmp_path / f"m{k}.py", native=k % 2 == 1 and name == "python2.7")
        lines += [f"import m{k}", f"print(repr(m{k}.predict_rows({X})))"]
    (tmp_path / "main.py").write_text("\n".join(lines) + "\n")
    answers = run([*interpreter.command, "main.py"], cwd=tmp_path).splitlines()
    for (model, _, T), line in zip(cases, answers):
        close(model, T, eval(line), 1e-12 if name == "python2.7" else 1e-9)


def test_cxx(cases, tmp_path):
    text = ""
    for k, (model, _, _) in enumerate(cases):
        to_c(model, tmp_path / f"m{k}.h", weights=("float", "int8")[k % 2])
        text += f'#include "m{k}.h"\n' * 2
    (tmp_path / "main.cpp").write_text(text + "int main() { return 0; }\n")
    run([tool("g++"), "-std=c++11", "-fsyntax-only", *STRICT, "main.cpp"], cwd=tmp_path)


def spotter():
    """Return a small network that recognizes words by their sound."""
    return nn.Sequential(nn.GRU(4, 6, steps="last"), nn.Dense(6, 3), nn.Softmax(), seed=1)


def small_gpt(most=4):
    """Return a network of three kinds with attention."""
    return nn.Sequential(
        nn.Embedding(3, 4), nn.Positions(most, 4),
        nn.Residual(nn.RMSNorm(gain=False), nn.MultiHeadAttention(4, 2, causal=True)),
        nn.Dense(4, 3), nn.Softmax(), seed=1,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["float", "int8"])
def test_avr(tmp_path, weights):
    """A step after another in simavr, the tables in flash: RAM holds what the program has."""
    for model in (spotter(), small_gpt()):
        (X,) = random_sequences(model, random.Random(2), 1)
        X = (X * 4)[:4]
        kinds = isinstance(model.layers[0], nn.Embedding)
        given = [str(x) if kinds else f"(float[]){{{', '.join(map(repr, x))}}}" for x in X]
        body = f"    m_state state; float y[{model.outputs}]; m_begin(&state);\n"
        for x in given:
            body += f'    printf("= %d", m_predict_step(&state, {x}, y));\n'
            body += f'    for (int j = 0; j < {model.outputs}; j++) show(y[j]); puts("");\n'
        to_c(model, tmp_path / "m.h", "float", "m", weights)
        lines, ram = run_on_avr(tmp_path, body)
        wanted = of_bytes(model, [X]) if weights == "int8" else [by_step(model, X)]
        wanted = wanted[0] if isinstance(wanted[0][0], list) else wanted
        for t, (refused, *y) in zip(wanted[::-1], lines[::-1]):
            assert refused == "0" and y == pytest.approx(t, rel=1e-4, abs=1e-5)
        assert ram < 1000


# What is refused, and how


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [nn.Dense(2, 2), nn.MultiHeadAttention(2, 1)],
            "layer 1: MultiHeadAttention(2, 1) attends to later steps, so it cannot take them one "
            "by one; causal=True",
        ),
        (
            [nn.Dense(2, 1), nn.Embedding(2, 3), nn.LastStep()],
            "layer 1, Embedding(2, 3), is not the first layer",
        ),
    ],
)
def test_layers_without_steps_in_other_languages(tmp_path, layers, message):
    model = nn.Sequential(*layers, seed=1)
    for export in (to_python, to_c, to_javascript):
        with pytest.raises(SettingError) as raised:
            export(model, tmp_path / "never")
        assert str(raised.value) == f"this network cannot be exported: {message}"
    assert not (tmp_path / "never").exists()


class Doubled(nn.GRU):
    """A layer of a caller's own."""


class Twice(nn.Linear):
    """A layer of rows of a caller's own."""


def test_own_layers_are_refused_by_name(tmp_path):
    for layer, message in (
        (
            Doubled(2, 2),
            "layer 1, Doubled(2, 2), is none of the layers of sequences that an export knows: RNN, "
            "LSTM, GRU, Embedding, Positions, LastStep, MeanSteps, MaxSteps, Residual, "
            "MultiHeadAttention",
        ),
        (
            nn.Residual(nn.GRU(2, 2), Twice()),
            "it has no formula for layer 1 of layer 1, Twice() "
            "(nn.register(Twice, ...) can add one)",
        ),
    ):
        with pytest.raises(SettingError) as raised:
            to_python(nn.Sequential(nn.LSTM(2, 2), layer), tmp_path / "never")
        assert str(raised.value) == f"this network cannot be exported: {message}"


def test_attention_needs_a_bound_in_c(tmp_path):
    model = nn.Sequential(nn.Dense(2, 2), nn.MultiHeadAttention(2, 1, causal=True), seed=1)
    with pytest.raises(SettingError) as raised:
        to_c(model, tmp_path / "never.h")
    assert str(raised.value) == (
        "to_c needs to know how many steps a sequence has at most, for the keys and values that "
        "attention keeps of them, and this network has no Positions(most, width), which would say "
        "it"
    )
    X = [[[1.0, 2.0], [0.5, -1.0]] * 4]
    space = of_source(python_source(describe(model)))
    close(model, model.predict(X), space["predict_rows"](X), 1e-12)


def test_a_weight_that_is_not_finite(tmp_path):
    model = spotter()
    model.layers[0].U[1][2] = float("inf")
    with pytest.raises(FormatError) as raised:
        to_c(model, tmp_path / "never.h")
    assert str(raised.value) == "an export needs finite weights, got inf in U of layer 0"


PYTHON_ERRORS = [
    (small_gpt, [3], "a step needs to be a whole number from 0 to 2, got 3"),
    (small_gpt, [1, 0.5], "a step needs to be a whole number from 0 to 2, got 0.5"),
    (small_gpt, [1] * 5, "a sequence needs to have at most 4 steps"),
    (small_gpt, [], "a sequence needs at least one step"),
    (spotter, [[1.0, 2.0]], "a row needs 4 numbers, got 2"),
    (spotter, [[1.0, 2.0, 3.0, float("inf")]], "a row needs finite numbers, got inf"),
]


@pytest.mark.parametrize(("make", "sequence", "message"), PYTHON_ERRORS)
def test_sequences_that_python_refuses(make, sequence, message):
    space = of_source(python_source(describe(make())))
    with pytest.raises(ValueError) as raised:
        space["predict"](sequence)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    "layers",
    [[nn.Dense(1, 2), nn.GRU(2, 2)], [nn.Embedding(3, 2)], [nn.MeanSteps(), nn.Dense(1, 1)]],
)
def test_answers_are_the_callers_own(layers):
    model = nn.Sequential(*layers, seed=1)
    space = of_source(python_source(describe(model)))
    state = space["begin"]()
    for step, y in zip([1, 2, 1], by_step(model, [1, 2, 1])):
        got = space["predict_step"](state, step)
        assert got == pytest.approx(y, rel=1e-12)
        got[:] = [99.0] * len(got)


def test_sequences_that_javascript_refuses(tmp_path):
    to_javascript(small_gpt(), tmp_path / "gpt.mjs")
    to_javascript(spotter(), tmp_path / "spotter.mjs")
    lines = [
        "import * as gpt from './gpt.mjs'; import * as spotter from './spotter.mjs';",
        "const say = (f) => { try { console.log(f()); } catch (e) { console.log(String(e)); } };",
    ]
    for make, sequence, _ in PYTHON_ERRORS:
        given = json.dumps(sequence)
        lines.append(f"say(() => {'gpt' if make is small_gpt else 'spotter'}.predict({given}));")
    (tmp_path / "main.mjs").write_text("\n".join(lines))
    assert run([tool("node"), str(tmp_path / "main.mjs")]).splitlines() == [
        "RangeError: a step needs to be a whole number from 0 to 2, got 3",
        "RangeError: a step needs to be a whole number from 0 to 2, got 0.5",
        "RangeError: a sequence needs to have at most 4 steps",
        "RangeError: a sequence needs at least one step",
        "TypeError: a row needs 4 numbers, got 2",
        "RangeError: a row needs finite numbers, got Infinity at index 3",
    ]


def test_sequences_that_c_refuses(tmp_path):
    to_c(small_gpt(), tmp_path / "m.h")
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "m.h"\n'
        "int main(void) { const int x[] = {1, 0, 2, 1, 1, 3}; double y[18];\n"
        'printf("%d %d %d %d %d", m_predict(x, 4, y), m_predict(x, 5, y), m_predict(x, 0, y), '
        "m_predict(x + 4, 2, y), m_predict(x, -1, y)); return 0; }\n"
    )
    program = str(tmp_path / "program")
    run([tool("gcc"), "-std=c99", *STRICT, str(tmp_path / "main.c"), "-o", program, "-lm"])
    assert run([program]) == "0 -2 -2 -1 -2"


# What the files say


def test_what_the_header_says(tmp_path):
    to_c(spotter(), tmp_path / "spot.h", "float")
    text = (tmp_path / "spot.h").read_text()
    assert text.startswith(
        f"""\
/*
 * Made by tinynn {nn.__version__} from a network of sequences: 4 numbers in, each step, 3 out, 225 weights.
 * Layers: GRU(4, 6, steps='last'), Dense(6, 3), Softmax().
 *
 * Numbers are of type float. The layers' tables take 900 bytes; a call needs 160 bytes of stack for its numbers, no other memory; the state of a sequence takes 24 bytes.
 *
 * To use it:
 *
 *     #include "spot.h"
 *     spot_state state;
 *     float y[spot_outputs];
 *     float x[spot_inputs] = {{0}};
 *     spot_begin(&state);
 *     spot_predict_step(&state, x, y);
 *
 * for each step of a sequence; y is the answer to the steps so far.
 */
"""  # noqa: E501
    )
    names = re.findall(r"inline \w+ spot_(\w+)\(", text)
    assert names == [
        "get_double", "softmax", "dense", "gru", "begin", "predict_step", "predict"
    ]  # fmt: skip


class Hostile(nn.Activation):
    """A layer whose name for people would leave a comment, and whose programs use short names."""

    function = staticmethod(math.tanh)
    derivative = staticmethod(lambda z, y: 1.0 - y * y)

    def __repr__(self):
        return '*/ #error "\\n\n#error ??/\u2028é'


@pytest.mark.usefixtures("own_classes")
def test_hostile_names_stay_in_their_comments(tmp_path):
    program = [Each("a", "tanh(z)"), Each("kept", "a"), Each("state", "kept"), Each("y", "state")]
    nn.register(Hostile, program, [Each("d", "d * (1.0 - y * y)")])
    model = nn.Sequential(nn.LSTM(2, 2), nn.Residual(Hostile()), nn.GRU(2, 3), Hostile(), seed=1)
    X = random_sequences(model, random.Random(1), 2)
    T = model.predict(X)
    close(model, T, of_source(python_source(describe(model)))["predict_rows"](X), 1e-12)
    got = printed(tmp_path, [(model, X, T)], "double", STRICT)
    for t in T:
        assert next(got)[0] == pytest.approx(flat(t), rel=1e-12)
    to_javascript(model, tmp_path / "m.mjs")
    run([tool("node"), str(tmp_path / "m.mjs")])


def test_sizes_of_a_keyword_spotter(tmp_path):
    """13 numbers for each step, 24 units, 4 words: what the README says of it."""
    model = nn.Sequential(nn.GRU(13, 24, steps="last"), nn.Dense(24, 4), nn.Softmax(), seed=0)
    to_c(model, tmp_path / "spot.h", "float", weights="int8")
    said = "The layers' tables take 3752 bytes; a call needs 628 bytes of stack for its numbers"
    text = (tmp_path / "spot.h").read_text()
    assert said in text and "the state of a sequence takes 96 bytes." in text


def test_the_command_takes_a_table_as_one_sequence(tmp_path):
    model = spotter()
    to_python(model, tmp_path / "spot.py")
    steps = [[0.5, 1.0, -1.0, 2.0], [1.5, 0.0, 0.25, -2.0]]
    lines = ["a,b,c,d", *(",".join(map(str, row)) for row in steps)]
    (tmp_path / "sound.csv").write_text("\n".join(lines) + "\n")
    said = run([sys.executable, "spot.py", "sound.csv"], cwd=tmp_path).splitlines()
    assert said[0] == "a,b,c,d,output_0,output_1,output_2"
    for line, step, y in zip(said[1:], steps, by_step(model, steps)):
        assert list(map(float, line.split(","))) == pytest.approx([*step, *y], rel=1e-12)


def test_a_check_fails_on_a_wrong_weight(tmp_path):
    model = spotter()
    X = random_sequences(model, random.Random(4), 2)
    source = python_source(describe(model))
    close(model, model.predict(X), of_source(source)["predict_rows"](X), 1e-12)
    for table in ("_W0", "_W1"):  # of the inputs and of the state
        wrong = re.sub(rf"({table} = \[\n\s+\()", r"\g<1>1.0 + ", source, count=1)
        with pytest.raises(AssertionError):
            close(model, model.predict(X), of_source(wrong)["predict_rows"](X), 1e-12)
