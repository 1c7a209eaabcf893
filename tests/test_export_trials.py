"""What exports say about the rows that they are tried on: one kind of result in every language."""

from __future__ import annotations

import random
import struct

import exported_models as em
import pytest
from test_export_code import DOUBLE, FLOAT, in_bytes, make_cases, run, tool, unchanged

import tinynn as nn
from tinynn import export
from tinynn.errors import SettingError
from tinynn.export import arithmetic, to_c, to_javascript, to_onnx, to_python, to_safetensors
from tinynn.export.c_family import with_bytes
from tinynn.export.float32 import nearest_float32
from tinynn.export.formats import FORMATS, Exported
from tinynn.export.steps import describe

WAYS = [
    (to_python, {}), (to_python, {"weights": "packed"}), (to_python, {"weights": "int8"}),
    (to_c, {}), (to_c, {"dtype": "float"}), (to_c, {"dtype": "float", "weights": "int8"}),
    (to_javascript, {}), (to_javascript, {"weights": "int8"}),
    (to_onnx, {}), (to_onnx, {"dtype": "float64"}),
    (to_safetensors, {}), (to_safetensors, {"dtype": "float32"}),
]  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore::tinynn.ConvergenceWarning")


def off(settings):
    """Return how far an export with these settings may be off."""
    if settings.get("weights") == "int8":
        return 0.1
    single = "float" in settings.get("dtype", "") and settings["dtype"] != "float64"
    return 1e-5 if single or settings.get("weights") == "packed" else 1e-11


def models():
    """Yield models of each kind with rows and targets."""
    flowers = nn.load_iris()
    X, rng = flowers.inputs, random.Random(0)
    words = [[*row, rng.choice(["red", "blue", None])] for row in X]
    settings = {"max_iter": 15, "learning_rate_init": 0.02, "random_state": 0}
    labels = [flowers.target_names[t] for t in flowers.targets]
    for rows in (X, words):
        yield nn.Classifier((5,), **settings).fit(rows, labels), rows, labels
    two = [t == 1 for t in flowers.targets]
    yield nn.Classifier((5,), activation="gelu", **settings).fit(X, two), X, two
    many = [[int(row[0] > 6), int(row[1] > 3), 0] for row in X]
    yield nn.Classifier((5,), **settings).fit(X, many), X, many
    length = [row[2] for row in X]
    yield nn.Regressor((5,), **settings).fit(words, length), words, length
    yield nn.Regressor((5,), log_target=True, **settings).fit(X, length), X, length
    pairs = [row[1:3] for row in X]
    yield nn.Regressor((5,), **settings).fit(X, pairs), X, pairs


@pytest.fixture(scope="module")
def every_model():
    return list(models())


@pytest.mark.parametrize(("write", "settings"), WAYS)
def test_every_export_is_tried_and_scored(every_model, tmp_path, write, settings):
    for model, rows, targets in every_model:
        settings_here = dict(settings)
        if write is to_onnx and settings.get("dtype") is None:
            settings_here["dtype"] = "float32"
        found = write(model, tmp_path / "m", rows=rows, targets=targets, **settings_here)
        assert type(found) is Exported
        assert found.size == (tmp_path / "m").stat().st_size
        scale = max(abs(y) for y in [1, *(v for v in targets if isinstance(v, float))])
        assert 0.0 <= found.difference <= off(settings_here) * scale * 10
        assert found.model_score == model.score(rows, targets)
        assert found.score == pytest.approx(found.model_score, abs=0.1)
        if isinstance(model, nn.Classifier):
            assert abs(found.score - found.model_score) <= found.changed <= 0.05
        else:
            assert found.changed is None
        untried = write(model, tmp_path / "m", **settings_here)
        assert untried[1:] == (None,) * 4 and abs(untried.size - found.size) < 200


def test_every_format_offers_it():
    for name, known in FORMATS.items():
        assert {"rows", "targets"} <= set(known.settings), name


@pytest.mark.parametrize("name", FORMATS)
def test_networks_are_tried_without_targets(tmp_path, name):
    write = getattr(export, f"to_{name}")
    model = nn.Sequential(nn.Dense(2, 3), nn.Tanh(), nn.Dense(3, 2), seed=1)
    rows = [[1.0, 2.0], [-0.5, 0.25]]
    found = write(model, tmp_path / "m", rows=rows)
    assert found.difference < 1e-6 and found[2:] == (None, None, None)
    with pytest.raises(SettingError) as caught:
        write(model, tmp_path / "m", rows=rows, targets=[1, 2])
    assert str(caught.value) == (
        "an export takes targets for a Classifier or Regressor, not a network"
    )
    with pytest.raises(SettingError) as caught:
        write("a model", tmp_path / "m")
    needed = "Classifier, Regressor or TextModel"
    if FORMATS[name].network:
        needed = "Classifier or Regressor"
    assert str(caught.value) == f"an export needs a Sequential, {needed}, got str"


# The arithmetic


@pytest.mark.parametrize(
    ("single", "precision", "change"),
    [
        (False, DOUBLE, unchanged), (True, FLOAT, unchanged),
        (True, (*FLOAT[:2], FLOAT[2] / 128), in_bytes),
    ],
)  # fmt: skip
def test_arithmetic_is_within_what_rounding_allows(single, precision, change):
    rng = random.Random(5)
    for kind in em.KINDS * 2:
        model = em.network(rng, [kind])
        d = describe(model)
        layers = (with_bytes(d) if change is in_bytes else d).layers
        for row in em.network_rows(rng, model, 8):
            ends = em.reach(change(d), row, *precision)
            (got,) = arithmetic.outputs(layers, [row], single)
            for y, low, high in zip(got, *(ends or ((), ()))):
                assert low <= y <= high, (kind, row)


def test_float32_is_computed_as_a_compiler_does(tmp_path):
    """Of + - * / and comparisons, every bit is the same; C may not contract products and sums."""
    gcc, rng = tool("gcc"), random.Random(7)
    calls, wanted, who = "", [], []
    for i, kind in enumerate([nn.ReLU, nn.LeakyReLU, nn.Hardswish, nn.Softsign, nn.PReLU] * 2):
        model = em.network(rng, [kind])
        weights = "int8" if i > 4 else "float"
        to_c(model, tmp_path / f"m{i}.h", dtype="float", weights=weights)
        d = describe(model)
        layers = (with_bytes(d) if weights == "int8" else d).layers
        rows = [[rng.gauss(0, 3) for _ in range(d.inputs)] for _ in range(4)]
        found = [y for row in arithmetic.outputs(layers, rows, True) for y in row]
        wanted += found
        who += [(kind.__name__, str(model))] * len(found)
        for row in rows:
            numbers = ", ".join(f"(float){x!r}" for x in row)
            calls += f"    {{ float x[] = {{{numbers}}}, y[{d.outputs}]; m{i}_predict(x, y);\n"
            calls += f'      for (int j = 0; j < {d.outputs}; j++) printf("%.9g\\n", y[j]); }}\n'
    includes = "".join(f'#include "m{i}.h"\n' for i in range(10))
    main = f"#include <stdio.h>\n{includes}int main(void)\n{{\n{calls}    return 0;\n}}\n"
    (tmp_path / "main.c").write_text(main)
    run([gcc, "-std=c99", "-O1", "-ffp-contract=off", "main.c", "-o", "main", "-lm"], cwd=tmp_path)
    got = list(map(float, run([str(tmp_path / "main")]).split()))
    for model, y, right in zip(who, got, wanted):
        assert struct.pack("<f", y) == struct.pack("<f", right), model
    assert len(got) == len(wanted)


def test_compiled_headers_answer_what_was_said(tmp_path):
    """The distance that float32 costs is what a compiled header shows."""
    gcc = tool("gcc")
    flowers = nn.load_iris()
    X = [[1e6 + 1000 * x for x in row] for row in flowers.inputs]
    model = nn.Regressor((6,), max_iter=20, random_state=0).fit(X, [row[2] for row in X])
    found = to_c(model, tmp_path / "m.h", dtype="float", rows=X)
    calls = "".join(
        f"    {{ m_row row = {{{', '.join(map(repr, row))}}}; float y[1]; m_predict(&row, y); "
        'printf("%.9g\\n", y[0]); }\n'
        for row in X
    )
    main = f'#include <stdio.h>\n#include "m.h"\nint main(void)\n{{\n{calls}    return 0;\n}}\n'
    (tmp_path / "main.c").write_text(main)
    run([gcc, "-std=c99", "-ffp-contract=off", "main.c", "-o", "main", "-lm"], cwd=tmp_path)
    got = [nearest_float32(float(word)) for word in run([str(tmp_path / "main")]).split()]
    worst = max(abs(a - b) for a, b in zip(got, model.predict(X)))
    assert worst == found.difference > 0.01


def test_onnxruntime_answers_what_was_said(tmp_path):
    numpy, runtime = pytest.importorskip("numpy"), pytest.importorskip("onnxruntime")
    flowers = nn.load_iris()
    X = [[1e6 + 1000 * x for x in row] for row in flowers.inputs]
    labels = [flowers.target_names[t] for t in flowers.targets]
    model = nn.Classifier((6,), max_iter=20, random_state=0).fit(X, labels)
    found = to_onnx(model, tmp_path / "m.onnx", rows=X, targets=labels)
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    (got,) = session.run(None, {"inputs": numpy.array(X, "float32")})
    proba = model.predict_proba(X)
    worst = max(abs(a - b) for x, y in zip(got.tolist(), proba) for a, b in zip(x, y))
    assert found.difference / 2 < worst < found.difference * 2 and worst > 1e-8
    answers = [model.classes_[int(row.argmax())] for row in got]
    assert found.score == sum(map(str.__eq__, answers, labels)) / 150


def test_javascript_with_bytes_computes_with_bytes(tmp_path):
    node = tool("node")
    for i, (model, rows) in enumerate(make_cases(9, 6, 0, 4)[3:]):
        found = to_javascript(model, tmp_path / f"m{i}.mjs", weights="int8")
        assert found.size < to_javascript(model, tmp_path / "whole.mjs").size + 400
        layers, asked = with_bytes(describe(model)).layers, [row for row in rows if max(row) < 1e6]
        ask = f"import {{ predict }} from './m{i}.mjs';\n"
        ask += f"for (const row of {asked}) console.log(predict(row).map(String).join(' '));\n"
        (tmp_path / "ask.mjs").write_text(ask)
        lines = run([node, "ask.mjs"], cwd=tmp_path).splitlines()
        for line, wanted in zip(lines, arithmetic.outputs(layers, asked, False)):
            assert list(map(float, line.split())) == pytest.approx(wanted, rel=1e-9, abs=1e-300)
    with pytest.raises(SettingError) as caught:
        to_javascript(model, tmp_path / "m.mjs", weights="packed")
    assert str(caught.value) == (
        "to_javascript needs weights to be one of ['float', 'int8'], got 'packed'"
    )


@pytest.mark.parametrize("write", [to_c, to_javascript])
def test_the_head_says_how_good_the_file_is(every_model, tmp_path, write):
    model, rows, labels = every_model[0]
    found = write(model, tmp_path / "m", weights="int8", rows=rows, targets=labels)
    head = (tmp_path / "m").read_text().partition("*/")[0]
    assert (
        f"Its accuracy on them is {found.score:.2%}, the model's {found.model_score:.2%}." in head
    )
    assert f"On the rows tried, its numbers are off by at most {found.difference:.3g}. " in head
    model, rows, numbers = every_model[5]
    found = write(model, tmp_path / "m", weights="int8", rows=rows, targets=numbers)
    said = f"Its R squared on them is {found.score:.4f}, the model's {found.model_score:.4f}."
    assert said in (tmp_path / "m").read_text().partition("*/")[0]
