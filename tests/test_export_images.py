"""Networks for images, exported: each file predicts what the network does."""

from __future__ import annotations

import json
import random
import re

import pytest
from random_networks import random_image_network
from test_export_code import STRICT, run, tool

import tinynn as nn
from tinynn.export import to_c, to_javascript, to_onnx, to_python

COUNT = 24


@pytest.fixture(scope="module")
def cases():
    """Return networks, each with rows and what it makes of them."""
    rng = random.Random(8)
    found = []
    for _ in range(COUNT):
        model = random_image_network(rng)
        X = [[rng.gauss(0, 1) for _ in range(model.inputs)] for _ in range(3)]
        found.append((model, X, model.predict(X)))
    return found


def close(model, wanted, got, tolerance=1e-12):
    assert len(wanted) == len(got)
    for t, y in zip(wanted, got):
        assert y == pytest.approx(t, rel=tolerance, abs=tolerance), model


def of_source(path):
    space = {"__name__": "exported"}
    exec(path.read_text(), space)
    return space


@pytest.mark.parametrize(("weights", "off"), [("float", 1e-12), ("packed", 1e-5), ("int8", 0.2)])
def test_python(cases, tmp_path, weights, off):
    for model, X, T in cases:
        to_python(model, tmp_path / "m.py", weights)
        close(model, T, of_source(tmp_path / "m.py")["predict_rows"](X), off)


def test_python_tells_how_far_off_bytes_are(cases, tmp_path):
    model, X, T = cases[0]
    found = to_python(model, tmp_path / "m.py", "int8", rows=X)
    got = of_source(tmp_path / "m.py")["predict_rows"](X)
    assert found.difference == max(abs(a - b) for t, y in zip(T, got) for a, b in zip(t, y))


PRINTED = """\
static void case_{k}(void)
{{
    for (int n = 0; n < 3; n++) {{
        {T} x[m{k}_inputs], y[m{k}_outputs];
        for (int i = 0; i < m{k}_inputs; i++) {{
            double v;
            if (scanf("%lf", &v) != 1) return;
            x[i] = ({T})v;
        }}
        m{k}_predict(x, y);
        for (int i = 0; i < m{k}_outputs; i++) printf("%.17g ", (double)y[i]);
        puts("");
    }}
}}
"""


@pytest.mark.parametrize(
    ("dtype", "weights", "off"),
    [("double", "float", 1e-12), ("float", "float", 1e-3), ("double", "int8", 0.2)],
)
def test_c(cases, tmp_path, dtype, weights, off):
    compiler = tool("gcc")
    lines = ["#include <stdio.h>"]
    for k, (model, _, _) in enumerate(cases):
        to_c(model, tmp_path / f"m{k}.h", dtype, weights=weights)
        assert "malloc" not in (tmp_path / f"m{k}.h").read_text()
        lines += [f'#include "m{k}.h"', PRINTED.format(k=k, T=dtype)]
    calls = " ".join(f"case_{k}();" for k in range(COUNT))
    (tmp_path / "main.c").write_text("\n".join([*lines, f"int main(void) {{ {calls} return 0; }}"]))
    program = str(tmp_path / "program")
    run([compiler, "-std=c99", *STRICT, "-O1", str(tmp_path / "main.c"), "-o", program, "-lm"])
    numbers = " ".join(repr(x) for _, X, _ in cases for row in X for x in row)
    answers = [
        list(map(float, line.split())) for line in run([program], input=numbers).splitlines()
    ]
    for k, (model, _, T) in enumerate(cases):
        close(model, T, answers[3 * k : 3 * k + 3], off)


@pytest.mark.parametrize(("dtype", "weights"), [("float", "float"), ("double", "int8")])
def test_c_is_as_far_off_as_it_is_said_to_be(cases, tmp_path, dtype, weights):
    """The arithmetic of the file is followed in Python: see export/arithmetic.py."""
    compiler = tool("gcc")
    for model, X, T in cases[:4]:
        found = to_c(model, tmp_path / "m0.h", dtype, weights=weights, rows=X)
        lines = ["#include <stdio.h>", '#include "m0.h"', PRINTED.format(k=0, T=dtype)]
        lines.append("int main(void) { case_0(); return 0; }")
        (tmp_path / "main.c").write_text("\n".join(lines))
        program = str(tmp_path / "program")
        run(
            [
                compiler,
                "-std=c99",
                "-ffp-contract=off",
                str(tmp_path / "main.c"),
                "-o",
                program,
                "-lm",
            ]
        )
        printed = run([program], input=" ".join(repr(x) for row in X for x in row)).splitlines()
        got = [list(map(float, line.split())) for line in printed]
        off = max(abs(a - b) for t, y in zip(T, got) for a, b in zip(t, y))
        assert found.difference == pytest.approx(off, rel=0.05, abs=1e-7)


@pytest.mark.parametrize(("weights", "off"), [("float", 1e-12), ("int8", 0.2)])
def test_javascript(cases, tmp_path, weights, off):
    node = tool("node")
    lines = []
    for k, (model, X, _) in enumerate(cases):
        to_javascript(model, tmp_path / f"m{k}.mjs", weights=weights)
        lines.append(f"import * as m{k} from './m{k}.mjs';")
        lines.append(f"console.log(JSON.stringify(m{k}.predictRows({json.dumps(X)})));")
    (tmp_path / "main.mjs").write_text("\n".join(lines))
    answers = run([node, str(tmp_path / "main.mjs")]).splitlines()
    for (model, _, T), line in zip(cases, answers):
        close(model, T, json.loads(line), off)


def test_onnxruntime(cases, tmp_path):
    numpy, runtime = pytest.importorskip("numpy"), pytest.importorskip("onnxruntime")
    runtime.set_default_logger_severity(4)
    for model, X, T in cases:
        to_onnx(model, tmp_path / "m.onnx")
        session = runtime.InferenceSession(
            str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"]
        )
        (got,) = session.run(None, {"inputs": numpy.array(X, "float32")})
        close(model, T, got.tolist(), 1e-3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_onnx_checker_and_reference(cases, tmp_path, dtype):
    numpy, onnx = pytest.importorskip("numpy"), pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    for model, X, T in cases:
        to_onnx(model, tmp_path / "m.onnx", dtype)
        onnx.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
        if any(
            type(layer) is nn.MaxPool1D and any(layer.windows.padding[1]) for layer in model.layers
        ):
            continue  # the evaluator reads beyond the image
        session = reference.ReferenceEvaluator(str(tmp_path / "m.onnx"))
        (got,) = session.run(None, {"inputs": numpy.array(X, dtype)})
        close(model, T, got.tolist(), 1e-12 if dtype == "float64" else 1e-3)


def test_what_the_files_say():
    """A depthwise network, as small devices have it: tables once, a routine for each kind."""
    model = nn.Sequential(
        nn.Conv2D((1, 8, 8), 4, 3, stride=2, padding=1), nn.BatchNorm2D((4, 4, 4)), nn.ReLU6(),
        nn.DepthwiseConv2D((4, 4, 4), 3, padding=1), nn.ReLU6(), nn.Conv2D((4, 4, 4), 8, 1),
        nn.AveragePool2D((8, 4, 4), 4), nn.Flatten(), nn.Dense(8, 2), nn.Softmax(), seed=1,
    )  # fmt: skip
    from tinynn.export.c import C, _header
    from tinynn.export.formats import Exported
    from tinynn.export.steps import describe

    header = _header(describe(model), C("m_", "float"), "m.h", Exported(0))
    names = re.findall(r"inline void m_(\w+)\(", header)
    assert names == ["softmax", "relu6", "dense", "conv", "average_pool", "predict"]
    assert "Layers: Conv 1x8x8 -> 4x4x4, ReLU6, Conv 4x4x4 -> 4x4x4" in header
    assert "The layers' tables take 552 bytes; a call needs 1024 bytes of stack" in header


def test_a_check_fails_on_a_wrong_weight(cases, tmp_path):
    model, X, T = cases[1]
    to_python(model, tmp_path / "m.py")
    source = (tmp_path / "m.py").read_text()
    wrong = re.sub(r"(_W\d+(?:_0)? = \[\n\s+\()", r"\g<1>1.0 + ", source, count=1)
    assert wrong != source
    (tmp_path / "m.py").write_text(wrong)
    with pytest.raises(AssertionError):
        close(model, T, of_source(tmp_path / "m.py")["predict_rows"](X))
