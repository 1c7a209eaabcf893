"""What a training uses belongs to its thread: others are refused, and the training is as ever."""

from __future__ import annotations

import contextlib
import copy
import gc
import locale
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import threading
import warnings

import pytest

import tinynn as nn
from tinynn.engines.choice import ENGINES
from tinynn.engines.native.engine import ENGINE as NATIVE
from tinynn.errors import SettingError

WORDS = (
    "this network is being trained in another thread; wait for it, use a copy.deepcopy(network) "
    "made before, or predict with a function of nn.compile(network) made before"
)
NAMES = [name for name in ENGINES if name != "native" or not NATIVE.unavailable()]

draw = random.Random(1)
X = [[draw.gauss(0, 1) for _ in range(6)] for _ in range(48)]
T = [[float(sum(row) > 0)] for row in X]


def network():
    return nn.Sequential(
        nn.Dense(6, 8), nn.Tanh(), nn.Dropout(0.1), nn.Dense(8, 1), nn.Sigmoid(), seed=1
    )


def train(model, engine="lists", **settings):
    return nn.fit(
        model, X, T, loss="bce", optimizer=nn.Adam(0.01), batch_size=8, engine=engine,
        **{"epochs": 40, **settings},
    )  # fmt: skip


@pytest.fixture
def often():
    """Switch between threads as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


class Pause(nn.Callback):
    """Lets another thread look at the network in the middle of a training."""

    def __init__(self, look):
        self.look, self.found = look, []

    def on_epoch_end(self, trainer):
        if trainer.epoch == 2:
            thread = threading.Thread(target=self._try, args=[trainer.model])
            thread.start()
            thread.join()

    def _try(self, model):
        try:
            self.found.append(self.look(model))
        except nn.TinynnError as error:
            self.found.append(error)


LOOKS = {
    "predict": lambda m: m.predict(X[:1]),
    "call": lambda m: m(X[0]),
    "forward": lambda m: m.forward(X[:1]),
    "state": lambda m: m.state(),
    "restore": lambda m: m.restore(network().state()),
    "parameters": lambda m: m.parameters(),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": pickle.dumps,
    "to_dict": lambda m: m.to_dict(),
    "save": lambda m: m.save(os.devnull),
    "compile": nn.compile,
    "native": lambda m: nn.compile(m, engine="loops"),
    "fit": train,
    "trainer": lambda m: nn.Trainer(m, loss="bce"),
    "seed_noise": lambda m: m.seed_noise(1),
    "gradcheck": lambda m: nn.gradcheck(m, "bce", X[:3], T[:3]),
    "export": lambda m: nn.export.to_python(m, os.devnull),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("engine", ["lists", "unrolled"])
def test_another_thread_is_refused(look, engine):
    pause, alone = Pause(look), network()
    train(alone, engine)
    model = network()
    train(model, engine, callbacks=[pause])
    (refusal,) = pause.found
    assert isinstance(refusal, SettingError) and str(refusal) == WORDS
    assert model.state() == alone.state()
    assert type(model) is nn.Sequential
    look(model)  # the training has ended


def test_what_a_debugger_shows_is_not_refused():
    pause, model = Pause(repr), network()
    train(model, callbacks=[pause])
    assert pause.found == [repr(model)]


class Look(nn.Callback):
    """Does in the training thread what others may not."""

    def on_epoch_end(self, trainer):
        model = trainer.model
        if trainer.epoch != 2:
            return
        self.copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model)), copy.copy(model)]
        self.answers = [model.predict(X), nn.compile(model, engine="unrolled").rows(X)]
        self.state = model.state()


@pytest.mark.parametrize("engine", NAMES)
def test_callbacks_of_the_training_thread_may_do_everything(engine):
    look, model = Look(), network()
    train(model, engine, callbacks=[look], epochs=3)
    for twin in look.copies[:2]:
        assert type(twin) is nn.Sequential
        assert twin.state() == look.state
        assert twin.predict(X) == look.answers[0]
        twin.layers.append(nn.Linear())
    assert type(look.copies[2]) is nn.Sequential
    assert look.answers[1] == [pytest.approx(row) for row in look.answers[0]]
    assert len(model.layers) == 5


def test_the_layers_are_the_same_objects_afterwards():
    model = network()
    layers, listed, W = list(model.layers), model.layers, model.layers[0].W
    train(model)
    assert model.layers is listed and model.layers == layers and model.layers[0].W is W
    assert model.parameters()[0].gradient is layers[0].dW
    assert any(map(any, layers[0].dW))


class Small(nn.Sequential):
    """A network with a method of its own, and a slot."""

    __slots__ = ("note",)

    def __init__(self):
        super().__init__(nn.Dense(6, 1), nn.Sigmoid(), seed=1)
        self.note = "kept"

    def forward(self, X, training=False):
        return super().forward(X, training)


def test_networks_of_other_classes_too():
    pause, model = Pause(copy.deepcopy), Small()
    train(model, callbacks=[pause])
    assert str(pause.found[0]) == WORDS and type(model) is Small and model.note == "kept"


def test_after_an_error_the_network_is_free():
    class Broken(nn.Callback):
        def on_epoch_end(self, trainer):
            raise KeyError("planted")

    pause = Pause(lambda m: m.predict(X[:1]))
    model = network()
    with pytest.raises(KeyError):
        train(model, callbacks=[Broken()])
    pause._try(model)
    assert type(model) is nn.Sequential and isinstance(pause.found[0], list)


def test_a_training_in_a_callback_of_the_same_thread():
    class Nested(nn.Callback):
        def on_train_begin(self, trainer):
            train(trainer.model, epochs=1)

    pause, model = Pause(lambda m: m.predict(X[:1])), network()
    train(model, callbacks=[Nested(), pause])
    assert str(pause.found[0]) == WORDS and type(model) is nn.Sequential


def test_one_early_stopping_for_two_trainings():
    shared = nn.EarlyStopping(patience=50)
    pause = Pause(lambda m: train(network(), callbacks=[shared]))
    train(network(), callbacks=[shared, pause])
    assert str(pause.found[0]) == (
        "this EarlyStopping is used by a training in another thread; make one for each training"
    )
    train(network(), callbacks=[shared])


@pytest.mark.parametrize("engine", NAMES)
def test_predicting_all_the_time_changes_no_training(engine, often):
    alone = network()
    train(alone, engine)
    for _ in range(3):
        model, stop, found = network(), [], set()

        def look(model=model, stop=stop, found=found):
            while not stop:
                try:
                    found.update(map(len, model.predict(X[:3])))
                except SettingError as error:
                    found.add(str(error))

        thread = threading.Thread(target=look)
        thread.start()
        try:
            train(model, engine)
        finally:
            stop.append(1)
            thread.join()
        assert found <= {1, WORDS}
        assert model.state() == alone.state()


@pytest.mark.parametrize("engine", NAMES)
def test_eight_threads_train_at_once(engine, often):
    """With one optimizer, one loss and one schedule."""
    optimizer = nn.Adam(nn.schedules.Exponential(0.01, 0.9))
    loss = nn.BinaryCrossEntropy()

    def one(results):
        model = network()
        nn.fit(model, X, T, loss=loss, optimizer=optimizer, batch_size=8, epochs=20, engine=engine)
        results.append(model.state())

    results: list[object] = []
    threads = [threading.Thread(target=one, args=[results]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    alone: list[object] = []
    one(alone)
    assert results == alone * 8


@pytest.mark.parametrize("engine", NAMES)
def test_eight_threads_call_one_compiled_function(engine, often):
    model = nn.Sequential(
        nn.Dense(6, 8), nn.LayerNorm(), nn.ReLU(), nn.BatchNorm(), nn.Dense(8, 3), nn.Softmax(),
        seed=1,
    )  # fmt: skip
    predict = nn.compile(model, engine=engine)
    wanted = predict.rows(X)
    wrong = []

    def ask():
        for _ in range(20):
            wrong.extend(i for i, row in enumerate(X) if predict(row) != wanted[i])

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# The state of the interpreter


def everything():
    """Return all of the interpreter's state that a library could change."""
    return {
        "random": random.getstate(), "locale": locale.setlocale(locale.LC_ALL),
        "warnings": list(warnings.filters), "signals": [signal.getsignal(s) for s in (2, 15)],
        "switches": sys.getswitchinterval(), "recursion": sys.getrecursionlimit(),
        "gc": (gc.isenabled(), gc.get_threshold()), "environment": dict(os.environ),
        "folder": os.getcwd(), "paths": list(sys.path), "streams": (sys.stdin, sys.stdout),
        "hooks": (sys.excepthook, threading.excepthook, sys.gettrace(), sys.getprofile()),
        "decimals": __import__("decimal").getcontext().copy().__reduce__(),
        "threads": threading.active_count(), "arguments": list(sys.argv),
    }  # fmt: skip


def estimate():
    model = nn.Classifier((4,), max_iter=3, random_state=0).fit(X, [t for (t,) in T])
    model.predict(X)
    model.predict_proba(X)
    return model


def main(words):
    from tinynn.cli import main as run

    return run(words)


ENTRIES = {
    **{f"fit {name}": lambda name=name: train(network(), name, epochs=3) for name in NAMES},
    **{f"compile {name}": lambda name=name: nn.compile(network(), name)(X[0]) for name in NAMES},
    "predict": lambda: network().predict(X),
    "gradcheck": lambda: nn.gradcheck(network(), "bce", X[:3], T[:3]),
    "original": lambda: nn.NeuralNet().train([[0, 1, 1], [1, 0, 0]], [[1], [0]], 300),
    "estimators": estimate,
    "data": nn.load_iris,
    "export": lambda: nn.export.to_python(network(), os.devnull),
    "command demo": lambda: main(["demo", "--quiet"]),
    "command selftest": lambda: main(["selftest"]),
    "command help": lambda: main([]),
    "command error": lambda: main(["train", "nowhere.csv"]),
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
@pytest.mark.filterwarnings("ignore")
def test_nothing_global_is_touched(entry, capsys):
    before = everything()
    with contextlib.suppress(SystemExit):
        entry()
    assert everything() == before


def test_compiled_source_does_not_pile_up():
    import linecache

    def kept():
        gc.collect()
        return sum(name.startswith("<tinynn") for name in linecache.cache)

    nn.compile(network(), "unrolled")
    before = kept()
    for _ in range(20):
        nn.compile(network(), "unrolled")
    assert kept() <= before


# Other interpreters

SEVERAL_THREADS = """
import sys, threading
import tinynn as nn

def network():
    return nn.Sequential(nn.Dense(2, 8), nn.Tanh(), nn.Dense(8, 1), nn.Sigmoid(), seed=1)

def train(model, engine):
    X, T = [[0, 0], [0, 1], [1, 0], [1, 1]] * 4, [[0], [1], [1], [0]] * 4
    nn.fit(model, X, T, loss="bce", epochs=30, engine=engine)
    return model.state()

def all_at_once(work):
    threads = [threading.Thread(target=work) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

for engine in sys.argv[1:] or ["lists", "unrolled", "packed", "loops"]:
    alone, found, model, refused = train(network(), engine), [], network(), []
    all_at_once(lambda: found.append(train(network(), engine)))
    assert found == [alone] * 8, engine
    predict = nn.compile(model, engine)
    wanted, answers = predict([0, 1]), []
    all_at_once(lambda: answers.extend(predict([0, 1]) == wanted for _ in range(200)))
    assert answers == [True] * 1600, engine
    def look():
        for _ in range(300):
            try:
                model.predict([[0, 1]])
            except nn.SettingError:
                refused.append(1)
    threads = [threading.Thread(target=look) for _ in range(4)]
    [thread.start() for thread in threads]
    assert train(model, engine) == alone, engine
    [thread.join() for thread in threads]
print("as alone")
"""


def run(python, source, *words):
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    result = subprocess.run(
        [python, "-c", source, *words], capture_output=True, text=True, cwd=folder, check=False,
        env={**os.environ, "PYTHONPATH": folder},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.slow
def test_without_the_global_lock():
    names = [os.environ.get("TINYNN_FREE_THREADED"), "python3.14t", "python3.13t"]
    python = next(filter(None, map(shutil.which, filter(None, names))), None)
    if python is None:
        pytest.skip("no free-threaded Python: python3.14t on PATH, or TINYNN_FREE_THREADED")
    assert "False" in run(python, "import sys; print(sys._is_gil_enabled())")
    assert run(python, SEVERAL_THREADS) == "as alone\n"


@pytest.mark.slow
def test_the_program_for_free_threaded_pythons_runs_here():
    assert run(sys.executable, SEVERAL_THREADS) == "as alone\n"


SUBINTERPRETER = """
import sys
source = {source!r}
name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
interpreters = __import__(name)
one = interpreters.create()
failure = interpreters.run_string(one, source)
assert failure is None, failure
interpreters.destroy(one)
"""


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="CPython has subinterpreters")
def test_in_a_subinterpreter():
    source = (
        "import sys; sys.argv = ['']\nimport tinynn as nn\n"
        + SEVERAL_THREADS[SEVERAL_THREADS.index("def network") : SEVERAL_THREADS.index("def all")]
        + "for engine in ['lists', 'unrolled', 'packed', 'loops']: train(network(), engine)\n"
        "print(nn.compile(network())([0, 1])[0] > 0.0)\n"
    )
    assert run(sys.executable, SUBINTERPRETER.format(source=source)) == "True\n"
