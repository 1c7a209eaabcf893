"""The native engine as users meet it: `fit`, `Classifier`, `compile` and `source`.

Whatever `fit` offers gives the numbers of `lists`, odd networks and odd tables among them.
"""

from __future__ import annotations

import copy
import random
import re
import shutil
import subprocess
import sys

import pytest
from hypothesis import assume, given, settings, strategies as st
from random_networks import OF_ROWS, random_layers, with_random_numbers
from test_native_encoders import misread

import tinynn as nn
from tinynn.engines import agreement
from tinynn.engines.contract import Recipe
from tinynn.engines.native import prediction, processor, program as native_program
from tinynn.engines.native.engine import ENGINE as NATIVE
from tinynn.engines.native.layout import MOST_DRAWS
from tinynn.engines.native.products import Products
from tinynn.engines.native.row_vectors import RowProgram
from tinynn.engines.native.training import TrainingCode, TrainingShape
from tinynn.engines.plans import plan_of
from tinynn.errors import EngineError, SettingError
from tinynn.lesson.schedules import Cosine, ReduceOnPlateau

pytestmark = pytest.mark.skipif(bool(NATIVE.unavailable()), reason=f"{NATIVE.unavailable()}")

draw = random.Random(5)
X = [[draw.uniform(-2, 2) for _ in range(3)] for _ in range(23)]
T = [[float(sum(x) > 0), float(x[0] > x[1])] for x in X]


@pytest.fixture(autouse=True)
def no_engine_named(monkeypatch):
    monkeypatch.delenv("TINYNN_ENGINE", raising=False)


def network(*layers, seed=1):
    layers = layers or (
        nn.Dense(3, 7, bias=False), nn.BatchNorm(), nn.Tanh(), nn.Dropout(0.2), nn.Dense(7, 2),
        nn.Sigmoid(),
    )  # fmt: skip
    return nn.Sequential(*copy.deepcopy(layers), seed=seed)


def everything(model):
    """Return the network's numbers, those of its training, and the state of its random streams."""
    streams = [layer.rng.getstate() for layer in model.layers if isinstance(layer, nn.Dropout)]
    training = {key: model.training[key] for key in model.training if key != "engine"}
    return [model.state(), training], streams


def close(found, expected, rel=1e-9):
    """Raise AssertionError unless two documents are the same, except for rounding."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key in expected:
            close(found[key], expected[key], rel)
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for a, b in zip(found, expected):
            close(a, b, rel)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=rel, abs=1e-12)
    else:
        assert found == expected


def both(train, make=network):
    """Compare a training by native with that by lists; return the native model."""
    models = []
    for engine in ("lists", "native"):
        model = make()
        history = train(model, engine)
        models.append((model, history))
    (expected, expected_history), (model, history) = models
    assert history.engine == "native"
    for name in ("loss", "validation_loss", "learning_rate", "metrics", "stopped_by"):
        close(getattr(history, name), getattr(expected_history, name))
    numbers, streams = everything(model)
    wanted, wanted_streams = everything(expected)
    close(numbers, wanted)
    assert streams == wanted_streams
    return model


# What `fit` offers


class Reloader(nn.Callback):
    """Changes the weights, a running statistic and a setting in the middle of training."""

    def __init__(self):
        self.batches = 0

    def on_batch_end(self, trainer):
        self.batches += 1
        model = trainer.model
        if self.batches == 3:
            model.layers[0].W[0][1] += 0.5
            model.layers[1].running_mean[0] = 0.25
        if self.batches == 5:
            model.restore({**model.state(), "4.b": [0.1, 0.2]})
        if self.batches == 7:
            model.layers[3].rate = 0.4


class Decay(nn.Callback):
    """Changes the optimizer, which needs other code."""

    def on_epoch_end(self, trainer):
        trainer.recipe.optimizer.weight_decay = 0.1


SETTINGS = {
    "plain": {},
    "every row on its own": {"layers": "no batches", "batch_size": 1},
    "all rows at once": {"batch_size": None},
    "more rows than there are": {"batch_size": 100},
    "a short last batch": {"batch_size": 7},
    "validation": {"validation": (X[:5], T[:5]), "batch_size": 4},
    "validation split": {"validation_split": 0.3, "metrics": [nn.metrics.mean_squared_error]},
    "sample weights": {"sample_weight": [float(k % 3) for k in range(23)], "batch_size": 4},
    "batches whose weights are all 0": {
        "sample_weight": [0.0] * 12 + [1.0, 2.0, 0.0] + [0.0] * 8, "batch_size": 4,
        "shuffle": False,
    },
    "clipping": {"clip_norm": 0.05, "clip_value": 0.02},
    "a schedule": {"optimizer": lambda: nn.SGD(Cosine(0.5, 12), momentum=0.9)},
    "a schedule that listens": {
        "optimizer": lambda: nn.SGD(ReduceOnPlateau(0.5, patience=1, factor=0.3)),
        "validation": (X[:5], T[:5]),
    },
    "early stopping": {
        "callbacks": lambda: [nn.EarlyStopping(patience=1, restore_best=True)], "epochs": 40,
        "validation": (X[:5], [t[::-1] for t in T[:5]]), "optimizer": lambda: nn.Adam(0.1),
    },
    "changed weights": {"callbacks": lambda: [Reloader()], "batch_size": 4},
    "changed settings": {"callbacks": lambda: [Decay()], "optimizer": lambda: nn.SGD(0.1)},
    "a threshold": {"loss_threshold": 0.6, "epochs": 200},
    "no shuffling": {"shuffle": False, "batch_size": 5},
}  # fmt: skip


@pytest.mark.parametrize("words", SETTINGS)
def test_fit_with_everything_it_offers_is_that_of_lists(words):
    given = dict(SETTINGS[words])
    layers = (nn.Dense(3, 7), nn.GELU(), nn.Dense(7, 2), nn.Sigmoid())
    chosen = layers if given.pop("layers", None) else ()

    def train(model, engine):
        made = {key: value() if callable(value) else value for key, value in given.items()}
        made = {"epochs": 6, "loss": "bce", "batch_size": 6, **made}
        return nn.fit(model, X, T, engine=engine, **made)

    both(train, lambda: network(*chosen))


def test_streams_of_batches_of_many_sizes():
    def batches():
        for start, stop in ((0, 5), (5, 6), (6, 23), (0, 2), (0, 1), (3, 20)):
            yield X[start:stop], T[start:stop], [1.0 + k for k in range(stop - start)]

    layers = (nn.Dense(3, 5), nn.SiLU(), nn.Dropout(0.3), nn.Dense(5, 2), nn.Sigmoid())
    model = both(
        lambda model, engine: nn.fit(model, batches, loss="bce", epochs=4, engine=engine),
        lambda: network(*layers),
    )
    assert model.training["steps"] == 24


def test_partial_fit_with_other_rows_each_time():
    def train(model, engine):
        trainer = nn.Trainer(model, loss="bce", batch_size=4, engine=engine)
        losses = [trainer.partial_fit(X[k : k + 6 + k % 5], T[k : k + 6 + k % 5]) for k in range(9)]
        trainer.history.loss = losses
        return trainer.history

    both(train, lambda: network(nn.Dense(3, 4), nn.ReLU(), nn.Dense(4, 2), nn.Sigmoid()))


def test_training_goes_on_from_a_file_and_from_other_engines(tmp_path):
    whole, parts = network(), network()
    options = {"loss": "bce", "batch_size": 5, "optimizer": nn.Adam(0.05)}
    nn.fit(whole, X, T, epochs=9, engine="lists", **options)
    checkpoint = nn.Checkpoint(tmp_path / "model.json")
    nn.fit(parts, X, T, epochs=3, engine="native", callbacks=[checkpoint], **options)
    again = nn.load(tmp_path / "model.json")
    nn.fit(again, X, T, epochs=3, engine="lists", **options)
    nn.fit(again, X, T, epochs=3, engine="native", **options)
    close(everything(again)[0], everything(whole)[0], rel=1e-8)


@pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 3.0, "b": 1.0}])
def test_estimators_train_with_it(class_weight):
    labels = ["a" if t[0] else "b" for t in T]
    found = []
    for engine in ("lists", "native"):
        model = nn.Classifier(
            hidden_layer_sizes=(6,), max_iter=20, random_state=1, class_weight=class_weight,
            engine=engine, dropout=0.1, early_stopping=True,
        )  # fmt: skip
        model.fit(X, labels)
        found.append([model.history_.loss, model.history_.validation_loss, model.coefs_])
    assert model.history_.engine == "native"
    close(found[1], found[0])
    assert copy.deepcopy(model).predict(X) == model.predict(X)


# Odd networks and tables


@pytest.mark.parametrize(
    "optimizer",
    [nn.SGD(), nn.Adam(), nn.AdamW(), nn.RMSprop(centered=True), nn.Adagrad()],
    ids=repr,
)
@pytest.mark.parametrize("outputs", [1, 7])
def test_rounding_that_optimizers_amplify_is_no_reason_to_refuse(optimizer, outputs):
    """The derivative by a bias before batch normalization is 0: what is computed is rounding."""
    agreement._found.clear()
    for before in ([], [nn.LayerNorm()], [nn.Dense(7, 7), nn.BatchNorm()]):
        model = network(
            nn.Dense(3, 7),
            *before,
            nn.Dense(7, outputs),
            nn.BatchNorm(),
            nn.Tanh(),
            nn.Dense(outputs, 1),
        )
        recipe = Recipe(model, nn.MeanSquaredError(), optimizer)
        assert agreement.disagreement(NATIVE, recipe) is None
    agreement._found.clear()


ODD = {
    "one input, one output": [nn.Dense(1, 1)],
    "no bias": [nn.Dense(1, 1, bias=False)],
    "an activation alone": [nn.Tanh()],
    "activations": [nn.Softplus(), nn.Tanh(), nn.Softmax()],
    "nothing that changes": [nn.Linear()],
    "dropout alone": [nn.Dropout(0.5)],
    "no parameters, with columns": [nn.Tanh(), nn.Linear(), nn.Dropout(0.5), nn.ReLU()],
    "dropout first": [nn.Dropout(0.4), nn.Dense(3, 2)],
    "dropout last": [nn.Dense(3, 2), nn.Dropout(0.4)],
    "dropout that drops nothing": [nn.Dense(3, 2), nn.Dropout(0.0)],
    "dropout twice": [nn.Dropout(0.4), nn.Dropout(0.3), nn.Dense(3, 5), nn.Dropout(0.2)],
    "layer norm first": [nn.LayerNorm(3), nn.Dense(3, 2)],
    "layer norm alone": [nn.LayerNorm(3)],
    "layer norm of one column": [nn.Dense(3, 1), nn.LayerNorm(1), nn.Dense(1, 1)],
    "batch norm first": [nn.BatchNorm(3), nn.Dense(3, 2)],
    "batch norm last": [nn.Dense(3, 2, bias=False), nn.BatchNorm(2)],
    "softmax of one": [nn.Dense(3, 1), nn.Softmax()],
    "softmax between": [nn.Dense(3, 5), nn.Softmax(), nn.Dense(5, 2)],
    "logits": [nn.Dense(3, 5), nn.LogSoftmax(), nn.LogSoftmax()],
    "deep": [nn.Dense(3, 3) if k % 2 else nn.SELU() for k in range(40)],
    "wide": [nn.Dense(3, 131), nn.ReLU(), nn.Dense(131, 65), nn.ReLU(), nn.Dense(65, 1)],
}  # fmt: skip


@pytest.mark.parametrize("optimizer", [nn.SGD(0.05), nn.Adam(0.01), nn.SGD(0.05, weight_decay=0.1)])
@pytest.mark.parametrize("words", ODD)
def test_odd_networks_train_as_with_lists(words, optimizer):
    layers = ODD[words]
    columns = network(*layers).inputs or 3
    outputs = network(*layers).outputs or columns
    rows = [row[:columns] for row in X[:16]]
    low = -1.0 if isinstance(layers[-1], nn.LogSoftmax) else 0.0  # within what the last layer gives
    targets = [[low + abs(row[k % 3]) / 2.0 for k in range(outputs)] for row in X[:16]]
    both(
        lambda model, engine: nn.fit(
            model, rows, targets, epochs=3, batch_size=5 if "batch" not in words else 4,
            optimizer=optimizer, engine=engine,
        ),
        lambda: network(*layers),
    )  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [
        [[0.0] * 20] * 6,
        [[0.0] * 20, [1.0] * 20, [0.0] * 20, [0.0] * 19 + [2.0], [-0.0] * 20, [3.0] + [0.0] * 19],
        [[float(i == j) for j in range(20)] for i in range(6)],
    ],
    ids=["zeros", "a full row", "one each"],
)
@pytest.mark.parametrize("batch_size", [1, 4, 6])
@pytest.mark.parametrize("optimizer", [nn.SGD(0.1), nn.Adam(0.1)], ids=["sgd", "adam"])
def test_tables_of_mostly_zeros(rows, batch_size, optimizer):
    both(
        lambda model, engine: nn.fit(
            model, rows, X[:6], epochs=5, batch_size=batch_size, optimizer=optimizer, engine=engine
        ),
        lambda: network(nn.Dense(20, 17), nn.Tanh(), nn.Dense(17, 3)),
    )


def test_more_layers_of_dropout_than_there_is_room_for_are_refused():
    def model(count):
        return nn.Sequential(nn.Dense(3, 2), *[nn.Dropout(0.01) for _ in range(count)], seed=1)

    both(lambda m, engine: nn.fit(m, X, T, epochs=2, engine=engine), lambda: model(MOST_DRAWS))
    with pytest.raises(EngineError) as error:
        nn.fit(model(MOST_DRAWS + 1), X, T, engine="native")
    assert str(error.value) == (
        "the native engine, set by engine='native', cannot be used: it has room for "
        f"{MOST_DRAWS} layers of Dropout, and the network has {MOST_DRAWS + 1}"
    )
    assert nn.compile(model(MOST_DRAWS + 1), engine="native").engine == "native"


def test_too_many_different_settings_are_refused():
    model = nn.Sequential(nn.Dense(3, 2), *[nn.LeakyReLU(0.001 * k) for k in range(300)], seed=1)
    before = model.state()
    with pytest.raises(EngineError) as error:
        nn.fit(model, X, T, engine="native")
    assert str(error.value) == (
        "the native engine has room for 256 constants, and this network has more different "
        "settings; use another engine"
    )
    assert model.state() == before


def test_more_numbers_than_there_are_addresses_for_are_refused():
    recipe = Recipe(network(), nn.MeanSquaredError(), nn.SGD())
    with pytest.raises(EngineError) as error:
        TrainingCode(TrainingShape(plan_of(recipe, 3), 10_000_000), processor.new_machine())
    assert str(error.value) == (
        "the native engine has room for 2 GiB of numbers, and this network and one batch need "
        "more; use smaller batches or another engine"
    )


# Predictions


# GroupNorm is for the other engines, and so is a slope that all columns share.
KNOWN = [name for name in OF_ROWS if name != "GroupNorm"]


@given(st.lists(st.sampled_from(KNOWN), min_size=1, max_size=6), st.integers(0, 10**6))
@settings(max_examples=60)
def test_compiled_networks_of_all_layers_predict_what_the_network_does(names, seed):
    rng = random.Random(seed)
    width = rng.choice([1, 2, 3, 4, 5, 8, 17, 33])
    model = nn.Sequential(
        nn.Dense(width, width), *random_layers(names, width, rng), seed=rng.randrange(99)
    )
    with_random_numbers(model, rng)
    assume(not any(getattr(layer, "shared", False) for layer in model.layers))
    rows = [[rng.uniform(-3, 3) for _ in range(width)] for _ in range(3)]
    predict = nn.compile(model, engine="native")
    expected = model.predict(rows)
    for found in (predict.rows(rows), [predict(tuple(row)) for row in rows]):
        for row, wanted in zip(found, expected):
            assert row == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    model.layers[0].W[0][0] += 1.0  # it is frozen
    assert predict.rows(rows) == found
    assert (predict.engine, predict.source) == ("native", None)


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (nn.GroupNorm(2), "normalizes parts of a row, and its vectors do not"),
        (nn.PReLU(shared=True), "has one slope for all columns, not one for each"),
    ],
    ids=repr,
)
def test_layers_without_machine_code_are_named(layer, why):
    model = nn.Sequential(nn.Dense(2, 4), layer, nn.Dense(4, 1), seed=1)
    with pytest.raises(EngineError) as error:
        nn.compile(model, engine="native")
    assert str(error.value) == (
        f"the native engine, set by engine='native', cannot be used: layer 1, {layer!r}, {why}"
    )
    assert nn.compile(model)([1.0, 2.0]) == pytest.approx(model([1.0, 2.0]), rel=1e-12)


@pytest.mark.parametrize("row", [[], [1.0], [1.0] * 3, ["x", 1.0], [None, 1.0], 7, None])
def test_a_wrong_row_is_an_error_and_later_rows_are_right(row):
    model = nn.Sequential(nn.Dense(2, 5), nn.Tanh(), nn.Dense(5, 2), seed=1)
    predict = nn.compile(model, engine="native")
    right = predict([0.5, -0.5])
    for _ in range(3):
        with pytest.raises(Exception):  # noqa: B017  # what it is, is up to the engine
            predict(row)
        assert predict([0.5, -0.5]) == right == pytest.approx(model([0.5, -0.5]), rel=1e-12)


def test_predictors_refuse_what_they_cannot_know():
    with pytest.raises(EngineError) as error:
        nn.compile(nn.Sequential(nn.Tanh()), engine="native")
    assert str(error.value) == (
        "the native engine, set by engine='native', cannot be used: the network's number of "
        "inputs is unknown"
    )


def test_pypy_trains_and_predicts_with_it():
    pypy = shutil.which("pypy3")
    if not pypy:
        pytest.skip("pypy3 is not on PATH")
    code = (
        "import tinynn as nn\n"
        "from tinynn.engines.native.engine import ENGINE\n"
        "print(ENGINE.unavailable())\n"
        "models = [nn.Sequential(nn.Dense(2, 5), nn.ELU(), nn.Dense(5, 1), seed=1) for _ in 'ab']\n"
        "for model, engine in zip(models, ('native', 'lists')):\n"
        "    nn.fit(model, [[0, 1], [1, 1], [1, 0]], [1, 0, 1], epochs=50, engine=engine)\n"
        "predict = nn.compile(models[0], engine='native')\n"
        "print(abs(predict([0, 1])[0] - models[1]([0, 1])[0]) < 1e-9)\n"
    )
    root = nn.__file__.rpartition("/tinynn/")[0]
    done = subprocess.run(
        [pypy, "-c", code], cwd=root, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("None\nTrue\n", "")


# The listing

LISTED = [
    ([nn.Dense(3, 7), nn.BatchNorm(), nn.Tanh(), nn.Dropout(0.2), nn.Dense(7, 2), nn.Sigmoid()],
     "bce", "sgd", 4),
    ([nn.Dense(20, 5), nn.GELU(), nn.LayerNorm(), nn.Dense(5, 3), nn.Softmax()], "ce", "adam", 1),
    ([nn.Dense(33, 40), nn.ReLU(), nn.Dense(40, 10)], "mse", nn.RMSprop(momentum=0.5), 16),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "loss", "optimizer", "batch_size"), LISTED)
def test_each_line_of_the_source_is_what_a_disassembler_reads(layers, loss, optimizer, batch_size):
    model = network(*layers)
    text = nn.source(model, loss, optimizer, batch_size, engine="native")
    recipe = Recipe(model, nn.losses.by_name(loss), nn.optimizers.by_name(optimizer))
    machine = processor.new_machine(listed=True)
    TrainingCode(TrainingShape(plan_of(recipe, model.inputs), batch_size), machine)
    assert misread(machine) == []
    shown = [line.split("  ", 2) for line in text.splitlines() if re.match(r"[0-9a-f]{4,}  ", line)]
    instructions = [line for line in machine.lines if line.size]
    assert len(shown) == len(instructions)
    for (offset, code, words), line in zip(shown, instructions):
        assert int(offset, 16) == line.offset
        assert bytes.fromhex(code) == machine.code[line.offset : line.offset + line.size]
        assert words.strip() == line.text
    dense = "W = W - x^T d" if optimizer == "sgd" else "dW = x^T d"
    for words in ("forward through Dense", dense, f"loss {loss}, and its derivatives"):
        assert words in text
    assert text.startswith("; " + ", ".join(map(str, plan_of(recipe, model.inputs).layers)))


def test_engines_that_write_nothing_say_so_and_others_write():
    model = nn.Sequential(nn.Dense(2, 9), nn.Tanh(), seed=1)
    for engine in ("lists", "packed"):
        with pytest.raises(EngineError) as error:
            nn.source(model, engine=engine)
        assert str(error.value) == (
            f"the {engine} engine, set by engine={engine!r}, writes no program; unrolled, loops "
            "and native do"
        )
    assert "def train" in nn.source(model, engine="loops")
    assert (
        nn.source(model) == nn.source(model, engine="unrolled") == nn.source(model, engine="auto")
    )
    with pytest.raises(SettingError) as error:
        nn.source(model, engine="warp")
    assert str(error.value) == (
        "an engine needs to be one of auto, lists, unrolled, packed, loops, native, got 'warp' "
        "(set by engine='warp')"
    )


# Agreement with the lesson


@pytest.fixture
def fresh_code(monkeypatch):
    """Let nothing that is compiled or compared in the test be used elsewhere, nor the reverse."""

    def forget():
        agreement._found.clear()
        native_program.training.cache_clear()
        prediction.prediction.cache_clear()

    forget()
    yield monkeypatch
    monkeypatch.undo()
    forget()


def last_row_left_out(monkeypatch):
    right = Products.update

    def update(self, W, inputs, D, into, add):
        fewer = Products(self.machine, max(1, self.rows - 1))
        right(fewer, W, inputs, D, into, add)

    monkeypatch.setattr(Products, "update", update)


def sign_turned(monkeypatch, part):
    """Turn the sign of what programs compute whose formula has this part."""
    right = RowProgram.write

    def write(self, statements):
        turned = [type(s)(s.to, s.value.replace(part, f"-({part})"), s.quick) for s in statements]
        return right(self, turned)

    monkeypatch.setattr(RowProgram, "write", write)


@pytest.mark.parametrize(
    ("break_it", "where"),
    [
        (last_row_left_out, "layer 0, Dense(3, 4)"),
        (lambda patch: sign_turned(patch, "tanh(z)"), "layer 1, Tanh()"),
        (lambda patch: sign_turned(patch, "k * h"), "the loss Huber(delta=1.0)"),
        (
            lambda patch: sign_turned(patch, "rate * m"),
            "the optimizer Adam(learning_rate=0.001, betas=(0.9, 0.999), eps=1e-08, "
            "weight_decay=0.0, amsgrad=False)",
        ),
    ],
    ids=["product", "activation", "loss", "optimizer"],
)
def test_a_wrong_kernel_differs_from_the_lesson_and_is_not_used(fresh_code, break_it, where):
    break_it(fresh_code)
    model = nn.Sequential(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 2), seed=1)
    recipe = Recipe(model, nn.Huber(), nn.Adam())
    assert agreement.disagreement(NATIVE, recipe) == f"it differs from the lesson in {where}"
    before = model.state()
    with pytest.raises(EngineError) as error:
        nn.fit(model, X, T, loss="huber", engine="native")
    assert str(error.value) == (
        "the native engine, set by engine='native', cannot be used: it differs from the lesson in "
        f"{where}"
    )
    assert model.state() == before


def test_a_wrong_kernel_of_prediction_is_not_used(fresh_code):
    sign_turned(fresh_code, "tanh(z)")
    model = nn.Sequential(nn.Dense(3, 4), nn.Tanh(), nn.Dense(4, 2), seed=1)
    with pytest.raises(EngineError, match=re.escape("in layer 1, Tanh()")):
        nn.compile(model, engine="native")


def test_it_is_loaded_only_where_it_is_asked_for():
    code = (
        "import sys, tinynn as nn\n"
        "model = nn.Sequential(nn.Dense(2, 1), seed=1)\n"
        "nn.fit(model, [[0, 1]] * 9, [[1]] * 9, epochs=300)\n"
        "nn.compile(model)\n"
        "print([name for name in sys.modules if 'native' in name or name == 'ctypes'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300,
        cwd=nn.__file__.rpartition("/tinynn/")[0],
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("[]\n", "")
