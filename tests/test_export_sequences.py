"""Networks of sequences, exported: each file predicts what the network does, whole or by step."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given, settings, strategies as st
from random_networks import MOST_STEPS, random_sequence_network, random_sequences
from test_export_code import STRICT, run, tool

import tinynn as nn
from tinynn.export import to_c, to_javascript
from tinynn.export.c_family import with_bytes
from tinynn.export.python import python_source
from tinynn.export.sequence_arithmetic import sequence_outputs
from tinynn.export.steps import describe
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
    rng = random.Random(21)
    found = []
    for _ in range(COUNT):
        model = random_sequence_network(rng)
        X = random_sequences(model, rng, 3)
        found.append((model, X, model.predict(X)))
    return found


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
