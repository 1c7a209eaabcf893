"""Edited copies of the package: what a change reaches, and how many files an addition takes."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

import tinynn
from tinynn.engines.choice import ENGINES
from tinynn.lesson.losses import LOSSES as KINDS_OF_LOSS

HERE = Path(tinynn.__file__).parent


def run(folder, program, *arguments):
    """Run a program with the package in a folder, and return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=environment, cwd=str(folder), capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def tool(name):
    """Return the path of a program, or skip the test."""
    return shutil.which(name) or pytest.skip(f"{name} is not on PATH")


@pytest.fixture
def copied(tmp_path):
    """Return a folder with a copy of the package in it."""
    shutil.copytree(HERE, tmp_path / "tinynn", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


# --- A derivative that is broken ------------------------------------------------------------------

ACTIVATIONS, LAYERS = "lesson/activations.py", "lesson/layers.py"
LOSSES, NORMALIZATION = "lesson/losses.py", "lesson/normalization.py"
MORE_LOSSES, CLASS_LOSSES = "lesson/more_losses.py", "lesson/class_losses.py"
# What is broken: its file, and a network and a loss that use it.
BROKEN = {
    "linear_derivative": (ACTIVATIONS, "Linear()", "mse"),
    "sigmoid_derivative": (ACTIVATIONS, "Sigmoid()", "mse"),
    "tanh_derivative": (ACTIVATIONS, "Tanh()", "mse"),
    "relu_derivative": (ACTIVATIONS, "ReLU()", "mse"),
    "leaky_relu_derivative": (ACTIVATIONS, "LeakyReLU()", "mse"),
    "elu_derivative": (ACTIVATIONS, "ELU()", "mse"),
    "selu_derivative": (ACTIVATIONS, "SELU()", "mse"),
    "gelu_derivative": (ACTIVATIONS, "GELU()", "mse"),
    "softplus_derivative": (ACTIVATIONS, "Softplus()", "mse"),
    "silu_derivative": (ACTIVATIONS, "SiLU()", "mse"),
    "softmax_backward": (ACTIVATIONS, "Softmax()", "mse"),
    "log_softmax_backward": (ACTIVATIONS, "LogSoftmax()", "mse"),
    "LayerNorm.backward": (NORMALIZATION, "LayerNorm(8)", "mse"),
    "_standardized_backward": (NORMALIZATION, "LayerNorm(8)", "mse"),
    "Dense.backward": (LAYERS, "Tanh()", "mse"),
    "Dropout.backward": (LAYERS, "Dropout(0.5)", "mse"),
    "MeanSquaredError.row_derivative": (LOSSES, "Tanh()", "mse"),
    "MeanAbsoluteError.row_derivative": (LOSSES, "Tanh()", "mae"),
    "Huber.row_derivative": (LOSSES, "Tanh()", "huber"),
    "Hinge.row_derivative": (LOSSES, "Tanh()", "hinge"),
    "BinaryCrossEntropy.row_derivative": (LOSSES, "Sigmoid(), nn.Softmax()", "bce"),
    "BinaryCrossEntropy.logits_derivative": (LOSSES, "Tanh(), nn.Sigmoid()", "bce"),
    "CategoricalCrossEntropy.row_derivative": (LOSSES, "Sigmoid()", "ce"),
    "CategoricalCrossEntropy.logits_derivative": (LOSSES, "Softmax()", "ce"),
    "PReLU.backward": ("lesson/prelu.py", "PReLU(8)", "mse"),
    "GroupNorm.backward": (NORMALIZATION, "GroupNorm(2, 8)", "mse"),
    "Quantile.row_derivative": (MORE_LOSSES, "Tanh()", "quantile"),
    "LogCosh.row_derivative": (MORE_LOSSES, "Tanh()", "log_cosh"),
    "Poisson.row_derivative": (MORE_LOSSES, "Tanh()", "poisson"),
    "BinaryFocal.row_derivative": (CLASS_LOSSES, "Sigmoid(), nn.Softmax()", "binary_focal"),
    "BinaryFocal.logits_derivative": (CLASS_LOSSES, "Tanh(), nn.Sigmoid()", "binary_focal"),
    "Focal.row_derivative": (CLASS_LOSSES, "Sigmoid()", "focal"),
    "Focal.logits_derivative": (CLASS_LOSSES, "Softmax()", "focal"),
    "CrossEntropy.row_derivative": (CLASS_LOSSES, "Sigmoid()", "cross_entropy"),
    "CrossEntropy.logits_derivative": (CLASS_LOSSES, "Softmax()", "cross_entropy"),
}
# The end of the file: every number that the function returns is another one.
BREAK = """

def _wrong(right):
    def changed(value):
        return [changed(v) for v in value] if isinstance(value, list) else 0.5 * value + 0.03

    return lambda *arguments, **settings: changed(right(*arguments, **settings))


{name} = _wrong({name})
"""
TRAIN = """
import sys
import tinynn as nn
from tinynn.engines.choice import ENGINES

layers, loss = sys.argv[1:]
high, low = 1.0, -1.0 if loss == "hinge" else 0.0
X = [[0.3, -0.2], [0.9, 0.5], [-0.7, 0.4], [0.1, 0.8]]
T = [[high, low], [low, high], [low, high], [high, low]]
for engine in [*ENGINES, "auto"]:
    middle = eval(f"[nn.{layers}]")
    last = [middle.pop()] if nn.losses.LOSSES[loss].partner else []
    model = nn.Sequential(nn.Dense(2, 8), *middle, nn.Dense(8, 2), *last, seed=1)
    try:
        history = nn.fit(model, X, T, loss=loss, optimizer=nn.SGD(0.02), epochs=300, engine=engine)
    except nn.EngineError as error:
        print(engine, error, "", "", sep=" | ")
    else:
        print(engine, history.engine, history.engine_reason, model.state(), sep=" | ")
"""


@lru_cache(maxsize=None)
def trained(folder, layers, loss):
    """Return for each engine: the one that served, or an error; the reason; all numbers learned."""
    found = {}
    for line in run(folder, TRAIN, layers, loss).splitlines():
        engine, served, reason, state = line.split(" | ")
        found[engine] = (
            served,
            reason,
            [float(v) for v in re.findall(r"-?\d\.\d+(?:e-?\d+)?", state)],
        )
    return found


def distance(some, others):
    return max(abs(a - b) for a, b in zip(some, others))


# Each runs two processes; the long tests break all of them.
FEW = ("tanh_derivative", "softmax_backward", "LayerNorm.backward", "Dense.backward",
       "MeanSquaredError.row_derivative", "PReLU.backward")  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in FEW else pytest.mark.slow) for n in BROKEN]
)
def test_a_broken_derivative_shows_under_every_engine(copied, name):
    path, layers, loss = BROKEN[name]
    right = trained(HERE.parent, layers, loss)
    with (copied / "tinynn" / path).open("a", encoding="utf-8") as file:
        file.write(BREAK.format(name=name))
    broken = trained(copied, layers, loss)
    lesson = broken["lists"][2]
    effect = distance(lesson, right["lists"][2])
    assert effect > 1e-2
    differs = "cannot be used: it differs from the lesson in "
    for engine in ("unrolled", "loops", "packed", "auto"):
        served, _, learned = broken[engine]
        if served in ENGINES:
            # The lesson's own layer runs there, or `auto` has turned to one where it does.
            assert distance(learned, lesson) < 0.02 * effect
        elif right[engine][0] == engine:
            assert served.startswith(f"the {engine} engine, set by engine={engine!r}, {differs}")
    assert broken["unrolled"][0] not in ENGINES and broken["loops"][0] not in ENGINES
    assert f"{right['auto'][0]} {differs}" in broken["auto"][1]


def test_every_derivative_of_the_lesson_is_among_the_broken_ones():
    activations = (HERE / ACTIVATIONS).read_text(encoding="utf-8")
    names = re.findall(r"^def (\w+_(?:derivative|backward))\(", activations, re.MULTILINE)
    names += [
        f"{kind.__name__}.row_derivative"
        for kind in KINDS_OF_LOSS.values()
        if kind.__module__.endswith(".losses")
    ]
    assert set(names) <= set(BROKEN)


# --- An activation that is added ------------------------------------------------------------------

# By the rows of the table in tests/README.md: the files that an addition takes, and what they get.
ADDED = {
    "activation": {
        ACTIVATIONS: '''

def squash(z: float) -> float:
    return z / (1.0 + abs(z))


def squash_derivative(z: float, y: float) -> float:
    return (1.0 - abs(y)) ** 2
''',
        "lesson/activation_layers.py": '''

class Squash(Activation):
    low, high = -1.0, 1.0
    function = staticmethod(activations.squash)
    derivative = staticmethod(activations.squash_derivative)


ACTIVATION_LAYERS = (*ACTIVATION_LAYERS, Squash)
''',
        "formulas/activations.py": '''
ACTIVATIONS["Squash"] = LayerFormula(
    [Each("y", "z / (1.0 + abs(z))")],
    [Each("d", "d * (1.0 - abs(y)) * (1.0 - abs(y))")],
)
''',
    },
    "loss": {
        LOSSES: '''

class LogCosine(Loss):
    name = "logcosh"

    def of_row(self, y: Row, t: Row) -> float:
        return sum(abs(a - b) + log1p(exp(-2.0 * abs(a - b))) for a, b in zip(y, t)) / len(y)

    def row_derivative(self, y: Row, t: Row) -> Vector:
        return [(1.0 - 2.0 / (1.0 + exp(2.0 * (a - b)))) / len(y) for a, b in zip(y, t)]


LOSSES["logcosh"] = LogCosine
''',
        "formulas/losses.py": '''
LOSSES["logcosh"] = LossFormula(
    [Each("r", "y - t"), Total("loss", "abs(r) + log1p(exp(-2.0 * abs(r)))")],
    [Each("d", "k * tanh(r)")],
)
''',
    },
    "layer": {
        NORMALIZATION: '''

class SizeNorm(Layer):
    def __init__(self, eps: float = 1e-5) -> None:
        self.eps = eps

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        self.inverses = [1.0 / sqrt(sum(v * v for v in x) / len(x) + self.eps) for x in X]
        self.Y = [[v * i for v in x] for x, i in zip(X, self.inverses)]
        return self.Y

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        dX = []
        for y, dy, i in zip(self.Y, dY, self.inverses):
            mean = sum(a * b for a, b in zip(y, dy)) / len(y)
            dX.append([(b - a * mean) * i for a, b in zip(y, dy)])
        return dX

    def settings(self) -> dict[str, object]:
        return {"eps": self.eps}


NORMALIZATION_LAYERS = (*NORMALIZATION_LAYERS, SizeNorm)
''',
        "formulas/normalizations.py": '''
NORMALIZATIONS["SizeNorm"] = LayerFormula(
    [Total("v", "z * z"), Let("i", "1.0 / sqrt(v / n + c)"), Each("y", "z * i")],
    [Total("s", "d * y"), Let("s", "s / n"), Each("d", "(d - y * s) * i")],
    setting="eps",
)
''',
    },
}  # fmt: skip
USE = """
import json
import sys
import tinynn as nn
from tinynn.engines.choice import ENGINES
from tinynn.export import to_c, to_javascript, to_python
from tinynn.lesson.network import KINDS, load

layer, loss = sys.argv[1:]

X = [[0.3, -0.2], [0.9, 0.5], [-0.7, 0.4], [0.1, 0.8]]
T = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]

def network():
    return nn.Sequential(nn.Dense(2, 8), KINDS[layer](), nn.Dense(8, 2), seed=1)

assert nn.gradcheck(network(), loss, X, T)
learned = {}
for engine in [*ENGINES, "auto"]:
    model = network()
    settings = {"loss": loss, "optimizer": nn.SGD(0.02), "epochs": 80, "engine": engine}
    history = nn.fit(model, X * 4, T * 4, **settings)
    assert (history.engine == engine) == (engine != "auto"), history
    learned[engine] = [v for p in model.parameters() for row in p.rows() for v in row]
assert history.engine == "unrolled"
wanted = model.predict(X)
for engine in ["lists", "unrolled", "loops", "packed"]:
    predict = nn.compile(model, engine=engine)
    assert predict.engine == engine
    assert all(abs(a - b) < 1e-12 for x, y in zip(X, wanted) for a, b in zip(predict(x), y))
model.save("model.json")
assert load("model.json").predict(X) == wanted
to_python(model, "exported.py")
to_c(model, "exported.h")
to_javascript(model, "exported.mjs")
print(json.dumps([learned, X, wanted]))
"""
MAIN = """\
#include <stdio.h>
#include "exported.h"
int main(void)
{
    double x[2], y[2];
    while (scanf("%lf %lf", x, x + 1) == 2) {
        exported_predict(x, y);
        printf("%.17g %.17g\\n", y[0], y[1]);
    }
    return 0;
}
"""


NETWORKS = {
    "activation": ("Squash", "mse"),
    "loss": ("Tanh", "logcosh"),
    "layer": ("SizeNorm", "mse"),
}


@pytest.fixture
def added(copied, request):
    """Return a folder with a package that has something more, and what `USE` printed there."""
    for path, more in ADDED[request.param].items():
        with (copied / "tinynn" / path).open("a", encoding="utf-8") as file:
            file.write(more)
    return copied, json.loads(run(copied, USE, *NETWORKS[request.param]))


each = pytest.mark.parametrize("added", ADDED, indirect=True)
each_layer = pytest.mark.parametrize("added", ["activation", "layer"], indirect=True)


@each
def test_engines_and_python_know_what_was_added(added):
    folder, (learned, X, wanted) = added
    for engine, numbers in learned.items():
        near = 1e-3 if engine == "packed" else 1e-9
        assert distance(numbers, learned["lists"]) < near, engine
    asked = f"import exported\nprint([exported.predict(x) for x in {X}])"
    assert json.loads(run(folder, asked)) == [pytest.approx(y, abs=1e-14) for y in wanted]


@each_layer
def test_c_knows_what_was_added(added):
    folder, (_, X, wanted) = added
    (folder / "main.c").write_text(MAIN)
    subprocess.run([tool("gcc"), "main.c", "-o", "main", "-lm"], cwd=str(folder), check=True)
    rows = "\n".join(" ".join(map(repr, x)) for x in X)
    done = subprocess.run([str(folder / "main")], input=rows, capture_output=True, text=True)
    found = [list(map(float, line.split())) for line in done.stdout.splitlines()]
    assert found == [pytest.approx(y, abs=1e-5) for y in wanted]  # weights are floats there


@each_layer
def test_javascript_knows_what_was_added(added):
    folder, (_, X, wanted) = added
    program = f"""
        import {{ predict }} from "./exported.mjs";
        console.log(JSON.stringify({X}.map((x) => Array.from(predict(x)))));
    """
    done = subprocess.run(
        [tool("node"), "--input-type=module", "-e", program],
        cwd=str(folder), capture_output=True, text=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == [pytest.approx(y, abs=1e-14) for y in wanted], done.stderr


@pytest.mark.parametrize("what", ADDED)
def test_the_table_of_files_to_touch_is_right(what):
    page = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| {what} \| (\d) \| (.*) \|$", page, re.MULTILINE)
    assert int(row[1]) == len(ADDED[what])
    assert re.findall(r"`([\w/]+\.py)`", row[2].partition(";")[0]) == list(ADDED[what])
