"""`nn.register`: a caller's own classes are trained, saved and exported like the library's."""

from __future__ import annotations

import copy
import json
import math
import pickle
import random
import re
import shutil
import subprocess
import sys

import pytest
from hypothesis import given, settings, strategies as st

import tinynn as nn
from tinynn.cli import main
from tinynn.engines.choice import ENGINES
from tinynn.errors import EngineError, FormatError, SettingError
from tinynn.export import to_c, to_javascript, to_onnx, to_python
from tinynn.formulas import Each, Largest, Let, Total
from tinynn.formulas.activations import ACTIVATIONS
from tinynn.formulas.losses import LOSSES as LOSS_FORMULAS
from tinynn.lesson import activation_layers, activations, losses, optimizers

X = [[0.3, -0.2], [0.9, 0.5], [-0.7, 0.4], [0.1, 0.8]]
T = [[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]]
CANNOT = {
    "native": ENGINES["native"].unavailable() is not None,
    "packed": sys.implementation.name != "cpython",
}
RUNS = [name for name in ENGINES if not CANNOT.get(name)]
TOLERANCE = {"packed": 1e-3}

pytestmark = pytest.mark.usefixtures("own_classes")


class Squash(nn.Activation):
    low, high = -1.0, 1.0
    function = staticmethod(lambda z: z / (1.0 + abs(z)))
    derivative = staticmethod(lambda z, y: (1.0 - abs(y)) ** 2)


class Cube(nn.Activation):
    """A setting, a power and a condition."""

    def __init__(self, scale=0.5):
        if not isinstance(scale, float):
            raise ValueError(f"Cube needs scale to be a float, got {scale!r}")
        self.scale = scale

    def function(self, z):
        return z if z > 1.0 else self.scale * z**3

    def derivative(self, z, y):
        return 1.0 if z > 1.0 else 3.0 * self.scale * z * z

    def settings(self):
        return {"scale": self.scale}


class Softmin(nn.Layer):
    """The columns of a row depend on one another."""

    def forward(self, X, training=False):
        self.Y = [activations.softmax([-x for x in row]) for row in X]
        return self.Y

    def backward(self, dY, wants_dX=True):
        backward = activations.softmax_backward
        return [[-d for d in backward(y, dy)] for y, dy in zip(self.Y, dY)]


class Scale(nn.Layer):
    """Parameters of its own, so no row program."""

    def __init__(self, columns):
        self.columns, self.factor, self.dfactor = columns, [1.0] * columns, [0.0] * columns

    def forward(self, X, training=False):
        self.X = X
        return [[x * f for x, f in zip(row, self.factor)] for row in X]

    def backward(self, dY, wants_dX=True):
        self.dfactor = [
            sum(row[j] * x[j] for row, x in zip(dY, self.X)) for j in range(self.columns)
        ]
        return [[d * f for d, f in zip(row, self.factor)] for row in dY]

    def parameters(self):
        return {"factor": self.factor}

    def gradients(self):
        return {"factor": self.dfactor}

    def shapes(self):
        return {"factor": (1, self.columns)}

    def settings(self):
        return {"columns": self.columns}


class SmoothAbsolute(nn.Loss):
    name = "smooth_absolute"

    def of_row(self, y, t):
        return sum(math.log(math.cosh(a - b)) for a, b in zip(y, t)) / len(y)

    def row_derivative(self, y, t):
        return [math.tanh(a - b) / len(y) for a, b in zip(y, t)]


class SquaredSum(nn.Loss):
    """A sum over the outputs, not their mean, with a setting."""

    name = "squared_sum"

    def __init__(self, factor=0.5):
        self.factor = factor

    def of_row(self, y, t):
        return sum(self.factor * (a - b) ** 2 for a, b in zip(y, t))

    def row_derivative(self, y, t):
        return [2.0 * self.factor * (a - b) for a, b in zip(y, t)]


class SoftLion(nn.Optimizer):
    name = "soft_lion"

    def __init__(self, learning_rate=0.01, beta=0.9, weight_decay=0.0):
        self.learning_rate, self.beta, self.weight_decay = learning_rate, beta, weight_decay

    def start(self):
        return {"m": 0.0}

    def update(self, w, g, memory, learning_rate, t):
        m = memory["m"]
        m[:] = [self.beta * a + (1.0 - self.beta) * b for a, b in zip(m, g)]
        means = [a / (1.0 - self.beta**t) for a in m]
        return [
            a - learning_rate * (b / (abs(b) + 0.1) + self.weight_decay * a)
            for a, b in zip(w, means)
        ]


class Cycle(nn.schedules.Schedule):
    name = "cycle"

    def __init__(self, learning_rate, length=4, per="epoch"):
        self.learning_rate, self.length, self.per = learning_rate, length, per

    def rate_at(self, position):
        return self.learning_rate / (1 + position % self.length)


class Sparse(nn.initializers.Initializer):
    name = "sparse"

    def __init__(self, share=0.5):
        self.share = share

    def sampler(self, inputs, outputs, rng):
        return lambda: rng.random() if rng.random() < self.share else 0.0


PROGRAMS = {
    Squash: (("z / (1 + abs(z))", "(1 - abs(y)) ** 2"), {}),
    Cube: (
        ("z if z > 1 else scale * z ** 3", "1 if z > 1 else 3 * scale * z ** 2"),
        {},
    ),
    Softmin: (
        (
            [
                Each("minus", "-z"), Largest("top", "minus"), Each("y", "exp(minus - top)"),
                Total("e", "y"), Each("y", "y / e"),
            ],
            [Total("q", "d * y"), Each("d", "-y * (d - q)")],
        ),
        {},
    ),
    SmoothAbsolute: (
        (
            "abs(y - t) + log1p(exp(-2 * abs(y - t))) - 0.6931471805599453",
            "tanh(y - t)",
        ),
        {},
    ),
    SquaredSum: (("factor * (y - t) ** 2", "2 * factor * (y - t)"), {}),
    SoftLion: (
        (),
        {
            "update": [
                Each("m", "beta * m + (1 - beta) * g"),
                Each("mean", "m / right"),
                Each("w", "w - rate * (mean / (abs(mean) + 0.1) + weight_decay * w)"),
            ],
            "once": {"right": "1 - beta ** step"},
        },
    ),
}  # fmt: skip
LAYERS = (Squash, Cube, Softmin)


def registered(kind):
    programs, more = PROGRAMS[kind]
    return nn.register(kind, *programs, **more)


def network(*between):
    return nn.Sequential(nn.Dense(2, 8), *between, nn.Dense(8, 2), seed=1)


def weights(model):
    return [w for parameter in model.parameters() for row in parameter.rows() for w in row]


def trained(engine, layer=None, loss="mse", optimizer=None, epochs=20):
    model = network(layer or nn.Tanh())
    history = nn.fit(
        model, X * 4, T * 4, loss=loss, optimizer=optimizer or nn.SGD(0.05), epochs=epochs,
        engine=engine,
    )  # fmt: skip
    return model, history


def check_engines(**options):
    """All engines, and `auto`, end with the weights of `lists`."""
    wanted = weights(trained("lists", **copy.deepcopy(options))[0])
    for engine in [*RUNS, "auto"]:
        model, history = trained(engine, **copy.deepcopy(options))
        assert history.engine == engine or engine == "auto"
        near = TOLERANCE.get(engine, 1e-9)
        assert max(abs(a - b) for a, b in zip(weights(model), wanted)) < near, engine
    assert history.engine == "unrolled"


# --- With a row program ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", LAYERS)
def test_every_engine_trains_an_own_layer(kind):
    registered(kind)
    layer = Cube(0.3) if kind is Cube else kind()
    assert nn.gradcheck(network(layer), "mse", X, T)
    check_engines(layer=layer)


@pytest.mark.parametrize("loss", [SmoothAbsolute(), SquaredSum(), SquaredSum(0.2)], ids=repr)
def test_every_engine_trains_with_an_own_loss(loss):
    registered(type(loss))
    assert nn.gradcheck(network(nn.Tanh()), loss, X, T)
    check_engines(loss=loss)
    check_engines(loss=loss.name)


@pytest.mark.parametrize(
    "optimizer", [SoftLion(), SoftLion(0.02, 0.5, 0.1), SoftLion(Cycle(0.05), 0.0)], ids=repr
)
def test_every_engine_trains_with_an_own_optimizer(optimizer):
    registered(SoftLion)
    nn.register(Cycle)
    check_engines(optimizer=optimizer)
    check_engines(optimizer=optimizer, layer=nn.LayerNorm(8), loss="huber")


@pytest.mark.parametrize("kind", LAYERS)
def test_every_engine_predicts_with_an_own_layer(kind):
    registered(kind)
    model = network(kind(), nn.Dense(8, 8), kind())
    wanted = model.predict(X)
    for engine in RUNS:
        predict = nn.compile(model, engine=engine)
        for x, y in zip(X, wanted):
            near = 1e-6 if engine == "packed" else 1e-12
            assert predict(x) == pytest.approx(y, abs=near)


@pytest.mark.parametrize("kind", LAYERS)
def test_exports_compute_what_an_own_layer_does(kind, tmp_path):
    registered(kind)
    model = network(kind(), nn.Dense(8, 8), kind())
    wanted = [pytest.approx(y, abs=1e-12) for y in model.predict(X)]
    to_python(model, tmp_path / "made.py")
    space = {}
    exec((tmp_path / "made.py").read_text(encoding="utf-8"), space)
    assert [space["predict"](x) for x in X] == wanted
    to_c(model, tmp_path / "made.h")
    to_javascript(model, tmp_path / "made.mjs")
    rows = ", ".join(f"[{x[0]!r}, {x[1]!r}]" for x in X)
    if shutil.which("node"):
        (tmp_path / "main.mjs").write_text(
            'import { predict } from "./made.mjs";\n'
            f"console.log(JSON.stringify([{rows}].map((x) => predict(x))));\n"
        )
        assert json.loads(run(["node", "main.mjs"], tmp_path)) == wanted
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler:
        (tmp_path / "main.c").write_text(
            '#include <stdio.h>\n#include "made.h"\nint main(void) {\n'
            f"    double x[4][2] = {{{rows.replace('[', '{').replace(']', '}')}}}, y[2];\n"
            "    for (int i = 0; i < 4; i++) { made_predict(x[i], y); "
            'printf("%.17g %.17g\\n", y[0], y[1]); }\n}\n'
        )
        flags = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
        run([compiler, *flags, "main.c", "-o", "main", "-lm"], tmp_path)
        found = run([str(tmp_path / "main")], tmp_path)
        assert [list(map(float, line.split())) for line in found.splitlines()] == wanted


def test_a_class_may_have_a_name_of_the_exported_program(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("needs a C compiler")
    kind = made(Squash, "Predict")
    nn.register(kind, *PROGRAMS[Squash][0])
    to_c(network(kind()), tmp_path / "made.h")
    (tmp_path / "main.c").write_text('#include "made.h"\nint main(void) { return 0; }\n')
    run([compiler, "-std=c99", "main.c", "-o", "main", "-lm"], tmp_path)
    to_python(network(kind()), tmp_path / "made.py")
    space = {}
    exec((tmp_path / "made.py").read_text(encoding="utf-8"), space)
    assert space["predict"](X[0]) == pytest.approx(network(kind()).predict(X)[0], abs=1e-12)


def run(words, folder):
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", LAYERS)
def test_onnx_computes_what_an_own_layer_does(kind, dtype, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    numpy = pytest.importorskip("numpy")
    registered(kind)
    model = network(kind(), nn.Dense(8, 8), kind())
    to_onnx(model, tmp_path / "made.onnx", dtype=dtype)
    session = onnxruntime.InferenceSession(str(tmp_path / "made.onnx"))
    found = session.run(None, {"inputs": numpy.array(X, dtype=dtype)})[0]
    near = 1e-5 if dtype == "float32" else 1e-12
    assert found == pytest.approx(numpy.array(model.predict(X)), abs=near)


def test_onnx_knows_every_function(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    numpy = pytest.importorskip("numpy")

    class Long(nn.Activation):
        function = staticmethod(
            lambda z: math.expm1(-abs(z)) + math.log1p(abs(z)) + math.erfc(z) + math.sqrt(z * z)
            + (max(z, 0.5) / 2.0 if -0.5 <= z < 0.5 else math.tanh(z) - math.log(1.0 + math.exp(z)))
        )  # fmt: skip
        derivative = staticmethod(lambda z, y: 1.0)

    value = (
        "expm1(-abs(z)) + log1p(abs(z)) + erfc(z) + sqrt(z * z) + "
        "(max(z, 0.5) / 2 if -0.5 <= z < 0.5 else tanh(z) - log(1 + exp(z)))"
    )
    nn.register(Long, value, "1 if z > 0 else 1")
    model = network(Long())
    to_onnx(model, tmp_path / "made.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "made.onnx"))
    found = session.run(None, {"inputs": numpy.array(X, dtype="float32")})[0]
    assert found == pytest.approx(numpy.array(model.predict(X)), abs=1e-5)


# --- Copies of the library's own ------------------------------------------------------------------

OURS = [kind for kind in activation_layers.ACTIVATION_LAYERS if kind.__name__ in ACTIVATIONS]


def same_program(statements, setting):
    """Return a program of the library's with the setting's own name instead of c."""
    return [
        type(s)(
            s.to,
            *[re.sub(r"\bc\b", setting or "c", text) for text in (s.value, s.quick) if text],
        )
        for s in statements
    ]


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_a_copy_of_an_activation_has_its_bits_under_each_engine(kind):
    formula = ACTIVATIONS[kind.__name__]
    own = type("Copied", (kind,), {"__module__": __name__})
    nn.register(
        own, same_program(formula.forward, formula.setting),
        same_program(formula.backward, formula.setting),
    )  # fmt: skip
    for engine in RUNS:
        bits = [weights(trained(engine, layer=made(), epochs=5)[0]) for made in (kind, own)]
        predict = [nn.compile(network(made()), engine=engine)(X[1]) for made in (kind, own)]
        if engine == "native" and any(s.quick for s in formula.forward):
            # It knows of some formulas that their quick form is safe there.
            assert bits[0] == pytest.approx(bits[1], abs=1e-12)
            assert predict[0] == pytest.approx(predict[1], abs=1e-12)
        else:
            assert bits[0] == bits[1], engine
            assert predict[0] == predict[1], engine


@pytest.mark.parametrize("name", ["mse", "mae", "huber", "hinge"])
def test_a_copy_of_a_loss_has_its_bits_under_each_engine(name):
    kind, formula = losses.LOSSES[name], LOSS_FORMULAS[name]
    own = type("CopiedLoss", (kind,), {"name": "copied", "__module__": __name__})
    derivative = [
        Each(s.to, s.value.replace("k * r", "2.0 * k * r") if name == "mse" else s.value)
        for s in formula.derivative
    ]
    nn.register(
        own, same_program(formula.loss, formula.setting), same_program(derivative, formula.setting)
    )
    signs = [[2.0 * t - 1.0 for t in row] for row in T]
    for engine in RUNS:
        found = []
        for loss in (kind(), own()):
            model = network(nn.Tanh())
            nn.fit(model, X * 4, signs * 4, loss=loss, epochs=5, engine=engine)
            found.append(weights(model))
        if name == "mse":  # its factor of 2 is elsewhere
            assert found[0] == pytest.approx(found[1], abs=TOLERANCE.get(engine, 1e-12)), engine
        else:
            assert found[0] == found[1], engine


@pytest.mark.parametrize("name", ["adagrad", "rmsprop", "adam", "adamw", "sgd"])
def test_a_copy_of_an_optimizer_has_its_weights_under_each_engine(name):
    kind = optimizers.OPTIMIZERS[name]
    own = type("CopiedRule", (kind,), {"name": "copied", "__module__": __name__})
    programs = {
        "sgd": {"update": "w - rate * g"},
        "adagrad": {
            "update": [
                Each("squares", "squares + g * g"),
                Each("w", "w - rate * g / (sqrt(squares) + eps)"),
            ]
        },
        "rmsprop": {
            "update": [
                Each("v", "alpha * v + (1.0 - alpha) * g * g"),
                Each("w", "w - rate * g / (sqrt(v) + eps)"),
            ]
        },
    }  # fmt: skip
    if name not in programs:  # betas are a pair, which no expression can have
        with pytest.raises(SettingError) as error:
            nn.register(own, update="w - rate * g")
        assert str(error.value) == (
            "CopiedRule needs its setting betas to be a number for a row program, got (0.9, 0.999)"
        )
        nn.register(own)
        assert trained("auto", optimizer=own(0.01))[1].engine == "lists"
        return
    nn.register(own, **programs[name])
    for engine in RUNS:
        found = [
            weights(trained(engine, optimizer=made(0.01), epochs=5)[0]) for made in (kind, own)
        ]
        if name == "sgd":  # whose rate other engines take into the derivatives
            assert found[0] == pytest.approx(found[1], abs=TOLERANCE.get(engine, 1e-12)), engine
        else:
            assert found[0] == found[1], engine


@settings(max_examples=15)
@given(st.integers(0, 2**32))
def test_a_random_expression_is_trained_alike_by_every_engine(seed):
    """Its class is made of the same expression, as Python."""
    rng = random.Random(seed)

    def expression(depth):
        if depth == 0:
            return rng.choice(["z", "z", repr(round(rng.uniform(-2.0, 2.0), 2))])
        kind = rng.randrange(8)
        a, b = expression(depth - 1), expression(depth - 1)
        if kind < 3:
            return f"({a}) {rng.choice('+-*')} ({b})"
        if kind == 3:
            return f"({a}) / (1.5 + abs({b}))"
        if kind == 4:
            return f"({a}) if ({b}) {rng.choice(['<', '<=', '>', '>='])} 0.1 else tanh({b})"
        if kind == 5:
            return f"tanh({a})"
        if kind == 6:
            return f"exp(-abs({a}))"
        return f"log1p(abs({a})) ** 2"

    value, slope = f"tanh(z) + 0.1 * tanh({expression(3)})", f"1 - tanh({expression(2)}) ** 2"
    space = {name: getattr(math, name) for name in ("exp", "log1p", "tanh")}
    made = type(
        "Made", (nn.Activation,), {
            "__module__": __name__,
            "function": staticmethod(eval(f"lambda z: {value}", space)),
            "derivative": staticmethod(eval(f"lambda z, y: {slope} + 0 * z", space)),
        },
    )  # fmt: skip
    nn.register(made, value, f"{slope} + 0 * z")
    wanted = weights(trained("lists", layer=made(), epochs=2)[0])
    for engine in RUNS:
        found = weights(trained(engine, layer=made(), epochs=2)[0])
        assert found == pytest.approx(wanted, abs=TOLERANCE.get(engine, 1e-9)), engine


# --- Known by name --------------------------------------------------------------------------------


def test_own_classes_are_saved_and_loaded(tmp_path):
    for kind in (Squash, Cube, SoftLion, SmoothAbsolute):
        registered(kind)
    for kind in (Scale, Cycle):
        nn.register(kind)
    model = network(Cube(0.25), Scale(8), Squash())
    optimizer = SoftLion(Cycle(0.05), beta=0.5)
    nn.fit(model, X, T, loss="smooth_absolute", optimizer=optimizer, epochs=3)
    assert model.layers[2].factor != [1.0] * 8
    model.save(tmp_path / "x.json", training=True)
    again = nn.load(tmp_path / "x.json")
    assert again.predict(X) == model.predict(X)
    assert again.layers[1].scale == 0.25
    for one in (model, again):
        nn.fit(one, X, T, loss="smooth_absolute", optimizer=optimizer, epochs=2)
    assert weights(again) == weights(model)
    assert again.training["epochs"] == 5
    assert "Cube(scale=0.25)" in model.summary()


def test_own_classes_are_copied_and_pickled():
    registered(Cube)
    for other in (copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))):
        model = network(Cube(0.25))
        assert other(model).predict(X) == model.predict(X)


def test_initializers_and_schedules_are_known_by_name():
    nn.register(Sparse)
    nn.register(Cycle)
    layer = nn.Sequential(nn.Dense(4, 4, initializer="sparse"), seed=0).layers[0]
    assert 0.0 in [w for row in layer.W for w in row]
    rate = {"type": "cycle", "learning_rate": 0.1, "length": 3, "per": "step"}
    assert nn.schedules.from_dict(rate) == Cycle(0.1, 3, "step")


def test_estimators_take_own_names(tmp_path):
    for kind in (Squash, SmoothAbsolute, SoftLion):
        registered(kind)
    rows, numbers = [[x / 8.0] for x in range(24)], [x / 5.0 for x in range(24)]
    model = nn.Regressor(
        4, activation="Squash", loss="smooth_absolute", solver="soft_lion", learning_rate_init=0.05,
        alpha=0.1, max_iter=30, tol=0, random_state=0,
    )  # fmt: skip
    model.fit(rows, numbers)
    assert repr(model.network_) == "Sequential(Dense(1, 4), Squash(), Dense(4, 1))"
    assert model.history_.engine == "unrolled"
    saved = model.network_.training["optimizer"]
    assert saved["type"] == "soft_lion" and saved["learning_rate"] == 0.05
    assert saved["weight_decay"] > 0.0
    model.save(tmp_path / "x.json")
    again = nn.load(tmp_path / "x.json")
    assert again.predict(rows) == model.predict(rows) and again.solver == "soft_lion"
    labels = nn.Classifier(
        4, activation=["Squash"], solver=SoftLion(0.05), max_iter=30, tol=0, random_state=0
    ).fit(rows, ["a" if y < 2 else "b" for y in numbers])
    labels.save(tmp_path / "y.json")
    assert nn.load(tmp_path / "y.json").predict(rows) == labels.predict(rows)


def test_the_command_line_takes_own_names(tmp_path, monkeypatch, capsys):
    for kind in (Squash, SoftLion, SmoothAbsolute):
        registered(kind)
    monkeypatch.chdir(tmp_path)
    lines = ["x,y", *[f"{i / 10},{i % 7 / 3}" for i in range(60)]]
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    words = "train t.csv --target y --hidden 4 --epochs 3 --seed 1 --out m.json --quiet"
    own = "--activation Squash --solver soft_lion --loss smooth_absolute"
    assert main([*words.split(), *own.split()]) == 0
    assert json.loads((tmp_path / "m.json").read_text())["settings"]["solver"] == "soft_lion"
    assert main(["predict", "m.json", "t.csv", "--out", "p.csv", "--quiet"]) == 0
    assert (tmp_path / "p.csv").read_text().count("\n") == 61


def cell(factor, program):
    """Run a cell of a notebook, which defines a class anew each time."""
    space = {"nn": nn, "__name__": "__main__"}
    exec(
        "class Bent(nn.Activation):\n"
        f"    function = staticmethod(lambda z: {factor} * z)\n"
        f"    derivative = staticmethod(lambda z, y: {factor})\n",
        space,
    )
    return nn.register(space["Bent"], *program)


def test_a_cell_that_runs_again_replaces_its_class():
    for factor in (2.0, 3.0):
        bent = cell(factor, (f"{factor} * z", f"{factor} + 0 * z"))
        # Not the code that was made for the first one.
        check_engines(layer=bent())
        for engine in RUNS:
            predict = nn.compile(network(bent()), engine=engine)
            assert predict(X[0]) == pytest.approx(network(bent()).predict(X)[0], abs=1e-6)
    bent = cell(3.0, ())
    assert trained("auto", layer=bent())[1].engine == "lists"  # its program is gone, too


def test_a_program_that_forgets_a_setting_is_found_and_can_be_mended():
    """It agrees where it is registered, at the default."""
    nn.register(Cube, "z if z > 1 else 0.5 * z ** 3", "1 if z > 1 else 1.5 * z ** 2")
    assert trained("auto", layer=Cube())[1].engine == "unrolled"
    history = trained("auto", layer=Cube(0.25))[1]
    assert history.engine == "lists"
    assert "it differs from the lesson in layer 1, Cube(scale=0.25)" in history.engine_reason
    registered(Cube)
    check_engines(layer=Cube(0.25))


def test_an_engine_that_no_longer_agrees_steps_aside():
    registered(Squash)
    assert trained("auto", layer=Squash())[1].engine == "unrolled"

    class Changed(nn.Activation):
        function = staticmethod(lambda z: z)
        derivative = staticmethod(lambda z, y: 1.0)

    nn.register(Changed, "z", "1 + 0 * z")
    Changed.derivative = staticmethod(lambda z, y: 0.5)
    history = trained("auto", layer=Changed())[1]
    assert history.engine == "lists"
    assert "unrolled cannot be used: it differs from the lesson in layer 1, Changed()" in str(
        history.engine_reason
    )


# --- Without a row program ------------------------------------------------------------------------


def test_without_a_row_program_lists_trains_and_others_say_what_to_add(tmp_path):
    nn.register(Squash)
    assert trained("auto", layer=Squash())[1].engine == "lists"
    clause = "it has no formula for layer 1, Squash() (nn.register(Squash, ...) can add one)"
    with pytest.raises(EngineError) as error:
        trained("unrolled", layer=Squash())
    assert str(error.value) == (
        f"the unrolled engine, set by engine='unrolled', cannot be used: {clause}"
    )
    for export in (to_python, to_c, to_javascript):
        with pytest.raises(SettingError) as error:
            export(network(Squash()), tmp_path / "x")
        assert str(error.value) == f"this network cannot be exported: {clause}"
    with pytest.raises(SettingError) as error:
        to_onnx(network(Squash()), tmp_path / "x")
    assert str(error.value) == (
        "to_onnx cannot write Squash(), layer 1: ONNX does not know it; nn.register(Squash, "
        "...) with a row program says what it computes"
    )
    nn.register(SmoothAbsolute)
    nn.register(SoftLion)
    for options, what, who in (
        ({"loss": "smooth_absolute"}, "the loss SmoothAbsolute()", "SmoothAbsolute"),
        ({"optimizer": SoftLion()}, f"the optimizer {SoftLion()!r}", "SoftLion"),
    ):
        for engine in RUNS[1:]:
            with pytest.raises(EngineError) as error:
                trained(engine, **options)
            assert str(error.value).endswith(
                f"it has no formula for {what} (nn.register({who}, ...) can add one)"
            )
        assert trained("auto", **options)[1].engine == "lists"


# --- What is refused ------------------------------------------------------------------------------


class NoRate(nn.Optimizer):
    name = "no_rate"

    def update(self, w, g, memory, learning_rate, t):
        return list(w)


def made(base, called="Mine", **members):
    return type(called, (base,), {"__module__": __name__, **members})


def constructor(*arguments):
    space = {}
    names = ", ".join(arguments)
    stored = "; ".join(f"self.{name.split('=')[0]} = {name.split('=')[0]}" for name in arguments)
    exec(f"def __init__(self, {names}): {stored}", space)
    return space["__init__"]


def nothing(self, *arguments):
    return None


REFUSED = {
    "not a class": (
        lambda: nn.register(Squash()),
        "register needs a class derived from Layer, Loss, Optimizer, Schedule or Initializer, got "
        "Squash(); did you mean Squash, the class itself?",
    ),
    "a callback": (
        lambda: nn.register(nn.EarlyStopping),
        "register needs a class derived from Layer, Loss, Optimizer, Schedule or Initializer, got "
        "<class 'tinynn.training.callbacks.EarlyStopping'>; callbacks and data need no registering",
    ),
    "a base": (
        lambda: nn.register(nn.Layer),
        "register needs a class derived from Layer, Loss, Optimizer, Schedule or Initializer, got "
        "<class 'tinynn.lesson.layer.Layer'>; callbacks and data need no registering",
    ),
    "no function": (
        lambda: nn.register(made(nn.Activation)),
        "Mine needs function, which returns f(z)",
    ),
    "no derivative": (
        lambda: nn.register(made(nn.Activation, function=nothing)),
        "Mine needs derivative, which returns f'(z), given z and y = f(z)",
    ),
    "a function that takes self for z": (
        lambda: nn.register(made(nn.Tanh, function=lambda z: z)),
        "Mine needs function to take z; in a class, write function = staticmethod(...) or let it "
        "take self first",
    ),
    "a derivative of z alone": (
        lambda: nn.register(made(nn.Tanh, derivative=staticmethod(lambda z: 1.0))),
        "Mine needs derivative to take z and y; in a class, write derivative = staticmethod(...) "
        "or let it take self first",
    ),
    "no functions after all": (
        lambda: nn.register(made(nn.Activation, __init__=lambda self: None)),
        "Mine needs function to take z; in a class, write function = staticmethod(...) or let it "
        "take self first",
    ),
    "no backward": (
        lambda: nn.register(made(nn.Layer, forward=nothing)),
        "Mine needs backward, which returns dX for dY",
    ),
    "no gradients": (
        lambda: nn.register(made(nn.Layer, forward=nothing, backward=nothing, parameters=nothing)),
        "Mine needs gradients, because it has parameters",
    ),
    "no shapes": (
        lambda: nn.register(made(nn.Layer, forward=nothing, backward=nothing, buffers=nothing)),
        "Mine needs shapes, because it has buffers",
    ),
    "no settings": (
        lambda: nn.register(
            made(nn.Layer, forward=nothing, backward=nothing, __init__=constructor("slope"))
        ),
        "Mine needs settings, which returns the arguments of its constructor by name: slope",
    ),
    "other settings": (
        lambda: nn.register(
            made(
                nn.Layer, forward=nothing, backward=nothing, __init__=constructor("slope=1"),
                settings=lambda self: {"scale": 1},
            )
        ),
        "Mine needs its settings to be arguments of its constructor, got 'scale'",
    ),
    "no loss of a row": (
        lambda: nn.register(made(nn.Loss, name="mine")),
        "Mine needs of_row, which returns the loss of one sample",
    ),
    "no logits": (
        lambda: nn.register(
            made(nn.Loss, name="mine", of_row=nothing, row_derivative=nothing, partner="Sigmoid")
        ),
        "Mine needs logits_derivative, because it has the partner Sigmoid",
    ),
    "no name": (
        lambda: nn.register(made(nn.Loss, of_row=nothing, row_derivative=nothing)),
        "Mine needs a name, the short one for files: letters, digits and _, such as name = 'mine'; "
        "got ''",
    ),
    "no update": (
        lambda: nn.register(made(nn.Optimizer, name="mine")),
        "Mine needs update, which returns the new row of weights",
    ),
    "no rate": (
        lambda: nn.register(NoRate),
        "NoRate needs learning_rate, a number of at least 0 or a Schedule, got None; set "
        "self.learning_rate in its constructor",
    ),
    "no rate in training": (
        lambda: nn.fit(network(nn.Tanh()), X, T, optimizer=NoRate()),
        "NoRate needs learning_rate, a number of at least 0 or a Schedule, got None; set "
        "self.learning_rate in its constructor",
    ),
    "no update in training": (
        lambda: nn.fit(network(nn.Tanh()), X, T, optimizer=made(nn.Optimizer)()),
        "Mine needs update, which returns the new row of weights",
    ),
    "a start of names": (
        lambda: nn.fit(
            network(nn.Tanh()), X, T,
            optimizer=made(nn.SGD, start=lambda self: ["velocity"])(0.1),
        ),
        "Mine needs start to return the first number of each row of its memory by name, such as "
        "{'velocity': 0.0}, got ['velocity']",
    ),
    "stored under another name": (
        lambda: nn.register(
            made(
                nn.Optimizer, name="mine", update=nothing,
                __init__=lambda self: vars(self).update(learning_rate=0.1),
            )
        ),
        "Mine needs its settings to be arguments of its constructor, got 'learning_rate'; what is "
        "not an argument begins with an underscore",
    ),
    "a constructor that fails": (
        lambda: nn.register(
            made(nn.Loss, name="mine", of_row=nothing, row_derivative=nothing,
                 __init__=lambda self: 1 / 0)
        ),
        "Mine needs a constructor that takes its own defaults, got ZeroDivisionError: division by "
        "zero",
    ),
    "no per": (
        lambda: nn.register(
            made(nn.schedules.Schedule, name="mine", rate_at=nothing, learning_rate=0.1)
        ),
        "Mine needs per, the unit of its position: 'epoch' or 'step'",
    ),
    "no sampler": (
        lambda: nn.register(made(nn.initializers.Initializer, name="mine")),
        "Mine needs sampler, which returns the function that draws one weight",
    ),
    "a layer's name": (
        lambda: nn.register(made(nn.Tanh, "ReLU")),
        "ReLU needs a name of its own: 'ReLU' is taken by tinynn.lesson.activation_layers.ReLU; "
        "rename the class",
    ),
    "a name of ours": (
        lambda: nn.register(made(nn.Tanh, "Affine")),
        "Affine needs a name of its own: 'Affine' is taken by the library; rename the class",
    ),
    "our own class": (
        lambda: nn.register(nn.Tanh),
        "Tanh needs a name of its own: 'Tanh' is taken by tinynn.lesson.activation_layers.Tanh; "
        "rename the class",
    ),
    "a loss's name": (
        lambda: nn.register(made(nn.MeanSquaredError)),
        "Mine needs a name of its own: 'mse' is taken by tinynn.lesson.losses.MeanSquaredError; "
        "give Mine another `name`",
    ),
    "a name of another optimizer": (
        lambda: nn.register(made(nn.SGD, name="lbfgs")),
        "Mine needs a name of its own: 'lbfgs' is taken by the library; give Mine another `name`",
    ),
    "a program for an initializer": (
        lambda: nn.register(Sparse, "z"),
        "register needs no row program for the initializer Sparse, which every engine calls; got "
        "value",
    ),
    "half a program": (
        lambda: nn.register(Squash, "z / (1 + abs(z))"),
        "register needs value and derivative for the row program of the layer Squash, got value",
    ),
    "another's program": (
        lambda: nn.register(SoftLion, "z", "1"),
        "register needs update for the row program of the optimizer SoftLion, got value, "
        "derivative",
    ),
    "parameters": (
        lambda: nn.register(made(Scale, __init__=constructor("columns=2")), "z", "1"),
        "Mine needs no parameters and buffers for a row program, which cannot have any; it can be "
        "trained without one",
    ),
    "arguments without defaults": (
        lambda: nn.register(Scale, "z", "1"),
        "Scale needs a default for each argument of its constructor, so that its row program can "
        "be compared with it",
    ),
    "two settings": (
        lambda: nn.register(
            made(nn.Tanh, __init__=constructor("a=1", "b=2"), settings=lambda self: vars(self)),
            "z", "1",
        ),
        "Mine needs at most one setting for a row program, got a, b; it can be trained without one",
    ),
    "a setting of text": (
        lambda: nn.register(
            made(nn.Tanh, __init__=constructor("a='x'"), settings=lambda self: vars(self)), "z", "1"
        ),
        "Mine needs its setting a to be a number for a row program, got 'x'",
    ),
    "not Python": (
        lambda: nn.register(Squash, "z / (", "1"),
        "the row program of Squash cannot have 'z / (': it is not an expression of Python",
    ),
    "a function": (
        lambda: nn.register(Squash, "sin(z)", "1"),
        "the row program of Squash cannot have 'sin(z)': the functions are exp, expm1, log, "
        "log1p, tanh, erfc, sqrt, abs, max",
    ),
    "a module": (
        lambda: nn.register(Squash, "math.exp(z)", "1"),
        "the row program of Squash cannot have 'math.exp(z)': the functions are exp, expm1, log, "
        "log1p, tanh, erfc, sqrt, abs, max",
    ),
    "one argument too many": (
        lambda: nn.register(Squash, "exp(z, 1)", "1"),
        "the row program of Squash cannot have 'exp(z, 1)': exp takes 1 argument",
    ),
    "a name": (
        lambda: nn.register(Squash, "x / (1 + abs(z))", "1"),
        "the row program of Squash cannot have 'x / (1 + abs(z))': it may use z, n, not x",
    ),
    "no row": (
        lambda: nn.register(Squash, "1.0", "1"),
        "the row program of Squash cannot have '1.0': it needs to use a row: z",
    ),
    "a power": (
        lambda: nn.register(Squash, "z ** 0.5", "1"),
        "the row program of Squash cannot have 'z ** 0.5': an exponent is a whole number from 1 "
        "to 16",
    ),
    "a comparison as a number": (
        lambda: nn.register(Squash, "z * (z > 0)", "1"),
        "the row program of Squash cannot have 'z * (z > 0)': a comparison can only be the test "
        "of `a if test else b`",
    ),
    "equality": (
        lambda: nn.register(Squash, "z if z == 0 else 1", "1"),
        "the row program of Squash cannot have 'z if z == 0 else 1': comparisons are <, <=, > "
        "and >=",
    ),
    "infinity": (
        lambda: nn.register(Squash, "z + 1e999", "1"),
        "the row program of Squash cannot have 'z + 1e999': inf is not a finite number",
    ),
    "a text": (
        lambda: nn.register(Squash, "z + 'a'", "1"),
        "the row program of Squash cannot have \"z + 'a'\": 'a' is not a finite number",
    ),
    "a list": (
        lambda: nn.register(Squash, "[z]", "1"),
        "the row program of Squash cannot have '[z]': it may have numbers, names, + - * / **, "
        "calls of functions, and `a if test else b` with a comparison",
    ),
    "nothing": (
        lambda: nn.register(Squash, " ", "1"),
        "the row program of Squash needs expressions as text, got ''",
    ),
    "a number": (
        lambda: nn.register(Squash, 1.0, "1"),
        "the row program of Squash needs to be a text, or a list of Each, Total, Largest and "
        "Let, got 1.0",
    ),
    "no y": (
        lambda: nn.register(Squash, [Each("x", "z")], "1"),
        "the row program of Squash needs Each('y', …) in its value",
    ),
    "a row as a number": (
        lambda: nn.register(Squash, [Let("a", "z")], "1"),
        "the row program of Squash cannot have 'z': Let is of single numbers, and z is a row",
    ),
    "a name of two kinds": (
        lambda: nn.register(Squash, [Each("a", "z"), Total("a", "a")], "1"),
        "the row program of Squash needs a to stay a row",
    ),
    "the largest of a number": (
        lambda: nn.register(Squash, [Largest("a", "z + 1")], "1"),
        "the row program of Squash needs a row for Largest, got 'z + 1'",
    ),
    "a setting that is assigned": (
        lambda: nn.register(Cube, [Each("scale", "z"), Each("y", "scale")], "1"),
        "the row program of Cube cannot assign its setting scale",
    ),
    "rows that do not fit one array": (
        lambda: nn.register(
            Softmin, [Each("p", "exp(-z)"), Total("e", "p"), Each("y", "z * p / e")], "1"
        ),
        "the row program of Softmin needs rows that can replace one another in one array: the row "
        "z is overwritten before it is used",
    ),
    "another value": (
        lambda: nn.register(Squash, "z / (1 + z)", "(1 - abs(y)) ** 2"),
        "Squash needs a row program that computes what the class does: for z = -20 the program "
        "gives y = 1.052631579, and the class -0.9523809524",
    ),
    "another derivative": (
        lambda: nn.register(Squash, "z / (1 + abs(z))", "1 - abs(y)"),
        "Squash needs a row program that computes what the class does: for z = -20 and dL/dy = 1 "
        "the program gives dL/dz = 0.04761904762, and the class 0.002267573696",
    ),
    "a program that fails": (
        lambda: nn.register(Squash, "log(z)", "1"),
        "Squash needs a row program that computes what the class does: for z = -20 the program "
        "fails (math domain error), and the class does not",
    ),
    "bounds": (
        lambda: nn.register(
            made(nn.Activation, low=0.0, function=staticmethod(lambda z: z),
                 derivative=staticmethod(lambda z, y: 1.0)), "z", "1 + 0 * z",
        ),
        "Mine needs its outputs between low = 0 and high = inf, got -20 for z = -20",
    ),
    "another loss": (
        lambda: nn.register(SmoothAbsolute, "(y - t) ** 2", "tanh(y - t)"),
        "SmoothAbsolute needs a row program that computes what the class does: for "
        "y = [0.3, 0.6, 0.1] and t = [0, 1, 0] the program gives the loss = 0.08666666667, "
        "and the class 0.04242864805",
    ),
    "a loss without loss": (
        lambda: nn.register(SmoothAbsolute, [Each("r", "y - t")], "tanh(y - t)"),
        "the row program of SmoothAbsolute needs Total('loss', …) or Let('loss', …) in its value",
    ),
    "no joint": (
        lambda: nn.register(
            made(nn.BinaryCrossEntropy, name="mine", __init__=constructor("factor=1")), "y", "1"
        ),
        "register needs joint for the row program of Mine, because it has the partner Sigmoid",
    ),
    "another update": (
        lambda: nn.register(SoftLion, update=[Each("m", "m + g"), Each("w", "w - rate * m")]),
        "SoftLion needs a row program that computes what the class does: for w = [0.5, -1, 0.25] "
        "and g = [0.2, -0.4, 0] in update 1 the program gives m = [0.2, -0.4, 0], and the class "
        "[0.02, -0.04, 0]",
    ),
    "no memory": (
        lambda: nn.register(SoftLion, update="w - rate * g"),
        "the row program of SoftLion needs Each('m', …) in its update",
    ),
    "a name in once": (
        lambda: nn.register(SoftLion, update="w", once={"a": "open('x')"}),
        "once['a'] of SoftLion may use rate, step, beta, weight_decay, exp, expm1, log, log1p, "
        "tanh, erfc, sqrt, abs, max, not open",
    ),
    "no expression in once": (
        lambda: nn.register(SoftLion, update="w", once={"a": "1 +"}),
        "once['a'] of SoftLion needs an expression, got '1 +'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_named_with_its_mend(case):
    call, message = REFUSED[case]
    with pytest.raises(SettingError) as error:
        call()
    assert str(error.value) == message


def test_a_refused_class_is_not_known():
    with pytest.raises(SettingError):
        nn.register(Squash, "z", "1 + 0 * z")
    assert "Squash" not in nn.network.KINDS and "Squash" not in ACTIVATIONS


# --- Files ----------------------------------------------------------------------------------------


def test_a_class_that_is_not_registered_is_not_saved(tmp_path):
    with pytest.raises(FormatError) as error:
        network(Squash()).save(tmp_path / "x.json")
    assert str(error.value) == "layer 1, Squash(), needs nn.register to be saved"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"solver": SoftLion()},
         "solver, SoftLion(learning_rate=0.01, beta=0.9, weight_decay=0.0), needs nn.register to "
         "be saved"),
        ({"solver": nn.SGD(Cycle(0.1))},
         "solver, Cycle(learning_rate=0.1, length=4, per='epoch'), needs nn.register to be saved"),
        ({"loss": SmoothAbsolute()}, "loss, SmoothAbsolute(), needs nn.register to be saved"),
    ],
)  # fmt: skip
def test_an_estimator_with_a_class_that_is_not_registered_is_not_saved(settings, message, tmp_path):
    model = nn.Regressor(2, max_iter=200, random_state=0, n_iter_no_change=5, tol=1.0, **settings)
    model.fit(X, [0.0, 1.0, 1.0, 0.0])
    with pytest.raises(FormatError) as error:
        model.save(tmp_path / "x.json")
    assert str(error.value) == message
    for kind in (Cycle, SoftLion, SmoothAbsolute):
        nn.register(kind)
    model.save(tmp_path / "x.json")
    assert nn.load(tmp_path / "x.json").predict(X) == model.predict(X)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("Gate", "x.json: layer 1 is an unknown layer, 'Gate'; if it is your own, call "
         "nn.register(Gate) before loading"),
        ("Squahs", "x.json: layer 1 is an unknown layer, 'Squahs'; did you mean 'Squash'? If "
         "it is your own, call nn.register(Squahs) before loading"),
        ("os.system", "x.json: layer 1 is an unknown layer, 'os.system'; if it is your own, call "
         "nn.register before loading"),
    ],
)  # fmt: skip
def test_an_unknown_class_in_a_file_is_named(kind, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nn.register(Squash)
    network(Squash()).save("x.json")
    text = (tmp_path / "x.json").read_text().replace('"Squash"', json.dumps(kind))
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(FormatError) as error:
        nn.load("x.json")
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ('"scale": "x"', "x.json: layer 1 cannot be built: Cube needs scale to be a float, got "
         "'x'"),
        ('"scail": 1.0', "x.json: layer 1 needs the settings of Cube, got ['scail']"),
    ],
)  # fmt: skip
def test_settings_in_a_file_are_checked_by_the_class(settings, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    registered(Cube)
    network(Cube()).save("x.json")
    text = (tmp_path / "x.json").read_text()
    assert '"scale": 0.5' in text
    (tmp_path / "x.json").write_text(text.replace('"scale": 0.5', settings))
    with pytest.raises(FormatError) as error:
        nn.load("x.json")
    assert str(error.value) == message


def test_an_estimator_with_an_unknown_name_says_what_there_is():
    with pytest.raises(SettingError) as error:
        nn.Regressor(4, activation="Squahs").fit(X, [0, 1, 2, 3])
    assert "got 'Squahs'" in str(error.value)
    registered(Squash)
    with pytest.raises(SettingError) as error:
        nn.Regressor(4, activation="Squahs").fit(X, [0, 1, 2, 3])
    assert str(error.value).endswith("got 'Squahs'; did you mean 'Squash'?")


def test_the_source_of_a_network_has_the_own_formula():
    registered(Cube)
    assert "y = z if z > 1.0 else c * (z * z * z)" in nn.source(network(Cube(0.3)), "mse", "sgd")
