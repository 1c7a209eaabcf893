"""Exports in float32 of numbers far from zero: only the rounding of the inputs is lost."""

from __future__ import annotations

import math
import random
import shutil
import struct
import subprocess

import pytest
from hypothesis import given, strategies as st

import tinynn as nn
from tinynn.export import float32, to_c, to_onnx, to_safetensors
from tinynn.export.folding import bare
from tinynn.importers import assembly, from_onnx, from_safetensors

PLACES = {"1e7": (1e7, 1.0), "Unix times": (1.75e9, 3600.0), "years": (2000.0, 1.0)}


def rows_of(place):
    base, step = PLACES[place]
    rng = random.Random(1)
    return [[base + step * i, rng.gauss(0, 1)] for i in range(300)]


def network(rows):
    means = [sum(column) / len(rows) for column in zip(*rows)]
    deviations = [
        math.sqrt(sum((x - m) ** 2 for x in column) / len(rows))
        for column, m in zip(zip(*rows), means)
    ]
    scaling = assembly.scaling("x", means, [1 / d for d in deviations], [0.0, 0.0])
    return nn.Sequential(scaling, nn.Dense(2, 8), nn.Tanh(), nn.Dense(8, 1), seed=3)


def rounded(rows):
    return [[float32.nearest_float32(x) for x in row] for row in rows]


def worst(got, wanted):
    return max(abs(a - b) for x, y in zip(got, wanted) for a, b in zip(x, y))


@pytest.mark.parametrize("place", PLACES)
def test_files_lose_only_the_rounding_of_their_inputs(place, tmp_path):
    rows = rows_of(place)
    model = network(rows)
    wanted = model.predict(rows)
    to_safetensors(model, tmp_path / "m.safetensors", dtype="float32")
    assert worst(from_safetensors(tmp_path / "m.safetensors").network.predict(rows), wanted) < 1e-6
    to_onnx(model, tmp_path / "m.onnx")
    assert worst(from_onnx(tmp_path / "m.onnx").network.predict(rows), wanted) < 1e-6


@pytest.mark.parametrize("place", PLACES)
def test_onnxruntime_answers_as_the_model_for_rounded_inputs(place, tmp_path):
    numpy, runtime = pytest.importorskip("numpy"), pytest.importorskip("onnxruntime")
    rows = rows_of(place)
    model = network(rows)
    to_onnx(model, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    (got,) = session.run(None, {"inputs": numpy.array(rows, "float32")})
    assert worst(got.tolist(), model.predict(rounded(rows))) < 1e-6


@pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")
@pytest.mark.parametrize("place", PLACES)
def test_c_answers_as_the_model_for_rounded_inputs(place, tmp_path):
    rows = rows_of(place)
    model = network(rows)
    to_c(model, tmp_path / "net.h", dtype="float")
    (tmp_path / "m.c").write_text(
        '#include <stdio.h>\n#include "net.h"\nint main(void) { float x[2], y[1]; '
        'while (scanf("%f %f", x, x + 1) == 2) { net_predict(x, y); printf("%.9g\\n", y[0]); } '
        "return 0; }\n"
    )
    subprocess.run(["gcc", "-O2", "-o", "m", "m.c", "-lm"], cwd=tmp_path, check=True)
    text = "\n".join(f"{a!r} {b!r}" for a, b in rows)
    out = subprocess.run([tmp_path / "m"], input=text, capture_output=True, text=True, check=True)
    got = [[float(word)] for word in out.stdout.split()]
    assert worst(got, model.predict(rounded(rows))) < 1e-6


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.filterwarnings("ignore")  # three epochs are no training
def test_the_network_of_an_estimator_subtracts_first(place, tmp_path):
    rows = rows_of(place)
    model = nn.Regressor((4,), max_iter=3, random_state=0).fit(rows, [x for _, x in rows])
    found = bare(model)
    assert found.raw and isinstance(found.network.layers[0], nn.BatchNorm)
    wanted = [[y] for y in model.predict(rows)]
    assert worst(found.network.predict(rows), wanted) < 1e-9
    to_onnx(found.network, tmp_path / "m.onnx")
    assert worst(from_onnx(tmp_path / "m.onnx").network.predict(rows), wanted) < 1e-5
    near = [[x - rows[0][0], y] for x, y in rows]
    model = nn.Regressor((4,), max_iter=3, random_state=0).fit(near, [x for _, x in rows])
    assert isinstance(bare(model).network.layers[0], nn.Dense)  # as always, where nothing is lost


@given(
    st.floats(-1e9, 1e9), st.floats(1e-3, 1e3), st.floats(-2, 2), st.floats(-3, 3),
    st.floats(-5, 5),
)  # fmt: skip
def test_rounded_means_and_corrected_shifts_are_the_same_function(mean, deviation, gamma, beta, z):
    layer = assembly.batch_norm("x", [mean], [deviation**2], [gamma], [beta], 0.0)
    found = float32.centred(layer)
    if found is None:
        assert abs(mean) <= float32.FAR * deviation * 1.001
        return
    (near,), (shift,) = found
    assert struct.unpack("<f", struct.pack("<f", near))[0] == near
    x = mean + z * deviation
    wanted = gamma * (x - mean) / deviation + beta
    # What x itself cannot hold is not asked for: 2⁻⁵² of the mean, in standard deviations.
    allowed = 1e-12 * (1 + abs(near - mean) / deviation) + abs(mean) / deviation * 2.0**-50
    assert gamma * (x - near) / deviation + shift == pytest.approx(wanted, abs=allowed * 10)


def test_a_check_fails_without_the_correction(monkeypatch, tmp_path):
    rows = rows_of("1e7")
    model = network(rows)
    monkeypatch.setattr(float32, "FAR", math.inf)
    to_safetensors(model, tmp_path / "m.safetensors", dtype="float32")
    got = from_safetensors(tmp_path / "m.safetensors").network.predict(rows)
    assert worst(got, model.predict(rows)) > 1e-4
