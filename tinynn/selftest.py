"""The self-test: what works on this interpreter, how accurately and how fast.

It is the first thing to run on an unfamiliar device, so it is plain code: it needs no pytest, does
without the parts of the standard library that are missing, and runs all checks even if one fails.
"""

from __future__ import annotations

import math
import sys
import time
from typing import Any, Callable, Dict, Iterator, Sequence, Tuple

from .data.iris import load_iris
from .engines.choice import ENGINES
from .engines.contract import Recipe
from .errors import FormatError
from .lesson.activation_layers import Linear, Sigmoid, Softmax, Tanh
from .lesson.adam import Adam
from .lesson.layers import Dense
from .lesson.losses import LOSSES, by_name as loss_by_name
from .lesson.network import KINDS, Sequential, from_dict, load
from .lesson.neural_net import NeuralNet
from .lesson.optimizers import OPTIMIZERS, SGD
from .lesson.parameters import rows_of
from .lesson.random_streams import stream
from .training.gradient_check import gradcheck
from .training.trainer import fit

Say = Callable[[str], None]
Found = Tuple[str, float]  # what a check found, in words, and the largest difference
Speed = Dict[str, Tuple[float, str]]  # for each task, the fewest seconds and the engine

WIDTH = 80
EPSILON = 1.0  # the distance from 1 to the next float: 2.2e-16, or more if floats have 32 bits
while 1.0 + EPSILON / 2.0 > 1.0:
    EPSILON /= 2.0

# The layers of sequences, which are checked together, and three sequences of kinds.
OF_SEQUENCES = (
    "Embedding", "Positions", "Residual", "MultiHeadAttention", "LastStep", "MeanSteps", "MaxSteps",
    "RNN", "LSTM", "GRU",
)  # fmt: skip
# What other layers need to be told, to take four columns.
ARGUMENTS: Any = {
    "Conv1D": ((2, 2), 3, 2, 1, 1), "Conv2D": ((1, 2, 2), 2, 2, 1, 1),
    "DepthwiseConv2D": ((1, 2, 2), 2, 1, 1), "MaxPool1D": ((2, 2), 2), "MaxPool2D": ((1, 2, 2), 2),
    "AveragePool1D": ((2, 2), 2), "AveragePool2D": ((1, 2, 2), 2), "BatchNorm1D": ((2, 2),),
    "BatchNorm2D": ((2, 1, 2),), "Reshape": ((4, 1),),
}  # fmt: skip
SEQUENCES: Any = [[0, 2, 1], [1, 1], [2]]

# The original program. Start and answers come from the published program, with NumPy 1 and 2.
INPUTS, OUTPUTS = [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 1.0]], [[1.0], [0.0], [1.0]]
QUESTION = [1.0, 0.0, 1.0]
START = [-0.165955990594852, 0.4406489868843162, -0.9997712503653102]
ANSWERS = [(10, 0.6598092104791048), (100, 0.8768054053514144), (10000, 0.9897704022243792)]
# Minimising a² + 3b² from (1, −2) in 10 steps with a learning rate of 0.1: PyTorch 2.13, float64.
REACHED = {
    "sgd": [0.004399870600000115, 0.7629287716000003],  # momentum=0.9
    "adagrad": [0.5537312003652513, -1.5239794475107709],
    "rmsprop": [0.0, -0.005264077582061268],
    "adam": [0.07624915560691209, -1.0245868360603605],
    "adamw": [0.07169549708798648, -1.0097272731041311],
    "nadam": [0.3233640194019864, -1.2512507666010064],
    "radam": [0.18753478283965294, 0.8852877424473566],
    "adadelta": [0.9966283440908775, -1.996626598331925],
    "rprop": [0.036867840000000124, 0.07989017599999987],
    "lion": [0.0, -1.0],  # which PyTorch does not have: ten steps of 0.1
}
NATIVE = "native"  # its times are kept apart: it runs only where it is asked for
# The engines' agreement with `lists` after a short training; `packed` computes in fixed point.
TOLERANCE = {"packed": 1e-4}


class Wrong(Exception):
    """A check failed; says what it expected and what it got."""


class Skipped(Exception):
    """A check cannot be made here; says why."""


def check_near(
    what: str, got: Sequence[float], expected: Sequence[float], most: float = 1e-12
) -> float:
    """Return the largest difference between two rows. Raises Wrong for one above `most`."""
    most, off = max(most, 16384.0 * EPSILON), 0.0
    if len(got) != len(expected):
        raise Wrong(f"{what}: expected {len(expected)} numbers, got {len(got)}")
    for i, (a, b) in enumerate(zip(got, expected)):
        if not abs(a - b) <= most:
            raise Wrong(f"{what}[{i}]: expected {b!r}, got {a!r}")
        off = max(off, abs(a - b))
    return off


def original_program(speed: Speed) -> Found:
    """Train the original program, and record its time."""
    net, trained, started = NeuralNet(seed=1), 0, now()
    off = check_near("weights of seed 1", all_numbers(net.synaptic_weights), START)
    for iterations, answer in ANSWERS:
        net.train(INPUTS, OUTPUTS, iterations - trained)
        trained = iterations
        (got,) = net.think([QUESTION])[0]
        off = max(off, check_near(f"answer after {iterations}", [got], [answer], 1e-9))
    note(speed, "original", now() - started, "neural_net")
    return f"{got:.8f} after {trained} iterations", off


def worked_example() -> Found:
    """Train M. Mazur's "A Step by Step Backpropagation Example" (2015) for one step."""
    net = Sequential(
        Dense(2, 2, weights=[[0.15, 0.25], [0.20, 0.30]], bias=[0.35, 0.35]), Sigmoid(),
        Dense(2, 2, weights=[[0.40, 0.50], [0.45, 0.55]], bias=[0.60, 0.60]), Sigmoid(),
    )  # fmt: skip
    off = check_near("first answer", net([0.05, 0.1]), [0.7513650695523157, 0.7729284653214625])
    fit(net, [[0.05, 0.1]], [[0.01, 0.99]], optimizer=SGD(0.5), epochs=1)
    weights = all_numbers(net.parameters()[0].rows())
    first = [0.1497807161327628, 0.24975114363236958, 0.19956143226552567, 0.29950228726473915]
    return "Mazur's network, one step", max(off, check_near("weights", weights, first))


def random_numbers() -> Found:
    """Draw the first weights of a network from a seed."""
    drawn = all_numbers(Sequential(Dense(2, 2), seed=1).parameters()[0].rows())
    first = [-0.8956210336414472, 0.8510353749245803, 0.6461132235897571, -0.5999559091411771]
    return "a seed gives CPython's weights", check_near("weights of seed 1", drawn, first)


def gradients() -> Found:
    """Compare back-propagation through each layer and loss with differences of the loss."""
    if EPSILON > 1e-12:
        raise Skipped("this check needs 64-bit floats")
    X = [[0.3, -1.2, 0.8], [-0.7, 0.4, 1.9], [1.1, 0.6, -0.5]]
    cases = []
    for name, kind in sorted(KINDS.items()):
        if kind is not Dense and name not in OF_SEQUENCES:
            layer = kind(*ARGUMENTS.get(name, ()))
            columns = layer.build(4, stream(1)) or 4
            cases.append((name, Sequential(Dense(3, 4), layer, Dense(columns, 2), seed=1), "mse"))
    for name in sorted(LOSSES):
        last = {"Sigmoid": Sigmoid, "Softmax": Softmax}.get(LOSSES[name].partner or "", Linear)
        cases.append((name, Sequential(Dense(3, 2), last(), seed=1), name))
    if "Embedding" in KINDS:  # a minimal file has no sequences
        kinds: Any = [KINDS[name] for name in OF_SEQUENCES]
        embedding, positions, residual, attention = kinds[:4]
        for name, summary in zip(OF_SEQUENCES[4:7], kinds[4:]):
            mixed = residual(attention(4, 2, causal=True))
            layers = embedding(3, 4), positions(3, 4), mixed, summary(), Dense(4, 2)
            cases.append((name, Sequential(*layers, seed=1), "mse"))
        for name, recurrent in zip(OF_SEQUENCES[7:], kinds[7:]):
            two = recurrent(4, 3), recurrent(3, 4, "last")
            cases.append((name, Sequential(embedding(3, 4), *two, Dense(4, 2), seed=1), "mse"))
    checked, off = 0, 0.0
    for name, net, loss in cases:
        other = -1.0 if loss == "hinge" else 0.0
        T = [[1.0, other], [other, 1.0], [1.0, other]]
        report = gradcheck(net, loss, SEQUENCES if name in OF_SEQUENCES else X, T)
        if not report.ok:
            bad = report.wrong[0]
            where = f"{name}, {bad.name}[{bad.row}][{bad.column}]"
            raise Wrong(f"{where}: expected {bad.numeric:.9g}, got {bad.backward:.9g}")
        checked, off = checked + report.checked, max(off, report.worst.error)
    return f"{checked} derivatives of {len(cases)} layers and losses", off


def optimizers() -> Found:
    """Make ten steps with each optimizer."""
    off = 0.0
    for name in sorted(OPTIMIZERS):
        settings = {"momentum": 0.9} if name == "sgd" else {}
        optimizer = OPTIMIZERS[name](learning_rate=0.1, **settings)
        w = [1.0, -2.0]
        memory = {key: [value, value] for key, value in optimizer.start().items()}
        for t in range(1, 11):
            w = optimizer.update(w, [2.0 * w[0], 6.0 * w[1]], memory, 0.1, t)
        off = max(off, check_near(name, w, REACHED[name]))
    return f"{len(OPTIMIZERS)} optimizers agree with PyTorch", off


def files() -> Found:
    """Save a network, load it, and see that half a file is refused."""
    net = flower_network()
    check_near("a copy's weights", weights_of(from_dict(net.to_dict())), weights_of(net), 0.0)
    try:
        import os

        path = temporary_path()
        net.save(path)
    except (ImportError, AttributeError, OSError) as error:
        raise Skipped(f"files cannot be written here: {error}") from None
    try:
        off = check_near("weights after loading", weights_of(load(path)), weights_of(net), 0.0)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        with open(path, "w", encoding="utf-8") as file:
            file.write(text[: len(text) // 2])
        try:
            load(path)
        except FormatError:
            return "saved and loaded alike; half a file is refused", off
        raise Wrong("half a file: expected a FormatError, got a network")
    finally:
        os.remove(path)


def temporary_path() -> str:
    """Return a path for a temporary file, in the current folder if there is no other."""
    try:
        import tempfile
    except ImportError:
        return "tinynn-selftest.json"
    with tempfile.NamedTemporaryFile(delete=False) as file:
        return file.name


def flowers() -> Found:
    """Train a classifier of iris flowers, and test it on every fifth one."""
    iris = load_iris()
    trained, tested = apart(len(iris.inputs))
    net = flower_network()
    X, t = [iris.inputs[i] for i in trained], [iris.targets[i] for i in trained]
    fit(net, X, t, loss="ce", optimizer=Adam(learning_rate=0.01), epochs=50, batch_size=16)
    answers = net.predict([iris.inputs[i] for i in tested])
    right = sum([y.index(max(y)) == iris.targets[i] for y, i in zip(answers, tested)])
    if right < 27:
        raise Wrong(f"correct flowers: expected at least 27 of {len(tested)}, got {right}")
    return f"{right} of {len(tested)} flowers correct", 0.0


def apart(count: int) -> tuple[list[int], list[int]]:
    """Return the indices of the rows to train on, and of every fifth row, to test with."""
    return [i for i in range(count) if i % 5], list(range(0, count, 5))


def engine(name: str, speed: Speed) -> Found:
    """Compare an engine with `lists` and with the original program; record its times."""
    try:
        runs = ENGINES[name]
    except ImportError:
        raise Skipped("not in this build") from None
    iris = load_iris()
    T = [[float(k == t) for k in range(3)] for t in iris.targets]
    net, peer = flower_network(), flower_network()
    recipe = Recipe(net, loss_by_name("ce"), SGD(learning_rate=0.05, momentum=0.9))
    refusal = runs.refuses(recipe, 16) or runs.refuses_prediction(net)
    if refusal:
        raise Skipped(refusal)
    for trained, by in ((net, name), (peer, "lists")):
        fit(
            trained, iris.inputs, T, loss=recipe.loss, optimizer=recipe.optimizer, epochs=5,
            batch_size=16, engine=by,
        )  # fmt: skip
    most = TOLERANCE.get(name, 1e-9)
    off = check_near("weights", weights_of(net), weights_of(peer), most)
    predict = runs.predictor(peer)
    for x, y in zip(iris.inputs, peer.predict(iris.inputs)):
        off = max(off, check_near("answer", predict(x), y, most))

    # The original program as a network: a mean over 3 rows of squares, so a rate of 3 times ½.
    original = Sequential(Dense(3, 1, bias=False, weights=[[w] for w in START]), Sigmoid())
    program = runs.program(Recipe(original, loss_by_name("mse"), SGD(1.5)), {})
    program.bind(INPUTS, OUTPUTS)
    started = now()
    for done in range(0, 10000, 500):  # in lists short enough for a small memory
        program.train([[0, 1, 2]] * 500, [1.5] * 500, done + 1)
    note(speed, "original", now() - started, name)
    off = max(off, check_near("answer", program.predict([QUESTION])[0], [ANSWERS[-1][1]], most))

    program = runs.program(recipe, {})
    program.bind(iris.inputs, T)
    rows, rates = [[i] for i in range(150)], [0.05] * 150
    program.train(rows, rates, 1)
    note(speed, "sample", seconds(lambda: program.train(rows, rates, 151)) / 150, name)
    note(speed, "row", seconds(lambda: [predict(x) for x in iris.inputs]) / 150, name)
    return "trains and predicts like lists", off


def flower_network() -> Sequential:
    """Return a network for iris."""
    return Sequential(Dense(4, 10), Tanh(), Dense(10, 3), Softmax(), seed=1)


def weights_of(net: Sequential) -> list[float]:
    """Return all weights of a network in one list."""
    return [w for parameter in net.parameters() for w in all_numbers(rows_of(parameter.value))]


def all_numbers(rows: Sequence[Sequence[float]]) -> list[float]:
    """Return the numbers of all rows in one list."""
    return [x for row in rows for x in row]


def now() -> float:
    """Return a time in seconds, from the finest clock there is."""
    clock: Any = time
    return float(clock.perf_counter() if hasattr(clock, "perf_counter") else clock.ticks_us() / 1e6)


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes: the least of five rounds, long enough for a coarse clock."""
    times, rounds, best = 1, 0, math.inf
    while rounds < 5:
        started = now()
        for _ in range(times):
            work()
        taken = now() - started
        if taken < 0.02:  # too short to measure, also later, once a JIT compiler has finished
            times, rounds = 2 * times, 0
        else:
            rounds, best = rounds + 1, min(best, taken / times)
    return best


def note(speed: Speed, what: str, taken: float, name: str) -> None:
    """Record a time if it is the least so far."""
    if what not in speed or taken < speed[what][0]:
        speed[what] = (taken, name)


def here() -> dict[str, Any]:
    """Return what is known about this interpreter, and which optional features it has."""
    kind, numbers_of = sys.implementation.name, list(sys.implementation.version[:3])
    name = {"cpython": "CPython", "pypy": "PyPy", "micropython": "MicroPython"}.get(kind, kind)
    version = ".".join([str(n) for n in numbers_of])
    if "pyodide" in sys.modules:
        name, version = "Pyodide", getattr(sys.modules["pyodide"], "__version__", "")
    return {
        "interpreter": name,
        "version": version,
        "python": ".".join([str(n) for n in list(sys.version_info)[:3]]),
        "platform": machine(),
        "float_bits": 64 if EPSILON < 1e-12 else 32,
        "has": {
            "math.sumprod": hasattr(math, "sumprod"),
            "array": works(lambda: __import__("array")),
            "compiling source": works(lambda: exec("x = 1", {})),
            "threads": works(start_thread),
        },
    }


def machine() -> str:
    """Return the names of the system and the processor."""
    try:
        import platform

        return f"{sys.platform} {platform.machine()}"
    except (ImportError, AttributeError):
        return getattr(sys.implementation, "_machine", sys.platform)


def works(attempt: Callable[[], object]) -> bool:
    """Return whether `attempt` succeeds here."""
    try:
        attempt()
    except Exception:
        return False
    return True


def start_thread() -> None:
    """Start a thread and wait for its end."""
    import threading

    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def memory() -> float:
    """Return how many megabytes this process uses now, or 0 if that is unknown."""
    try:
        with open("/proc/self/status") as status:
            (line,) = [line for line in status if line.startswith("VmRSS:")]
        return int(line.split()[1]) / 1024.0
    except (OSError, ValueError):
        pass
    try:
        import gc

        held: Any = gc
        return float(held.mem_alloc()) / 2**20  # MicroPython
    except AttributeError:
        return 0.0


def steps(found: dict[str, Any], say: Say, version: str) -> Iterator[None]:
    """Make one check per step, say a line about each, and fill `found` with the results.

    Some interpreters can collect garbage only between two steps.
    """
    speed: Speed = {}
    native: Speed = {}
    found.update(here())
    found.update({"tinynn": version, "checks": []})
    python = "" if found["python"] == found["version"] else f" (Python {found['python']})"
    say(f"tinynn {version} on {found['interpreter']} {found['version']}{python}")
    say(f"{found['platform']}, {found['float_bits']}-bit floats")
    say(f"{'':<7} {'':<16} {'off by':>6}")
    checks: list[tuple[str, Callable[[], Found]]] = [
        ("original program", lambda: original_program(speed)),
        ("worked example", worked_example),
        ("random numbers", random_numbers),
        ("gradients", gradients),
        ("optimizers", optimizers),
        ("iris", flowers),
        ("files", files),
    ]
    checks += [
        (f"engine {name}", engine_check(name, native if name == NATIVE else speed))
        for name in ENGINES
    ]
    for name, check in checks:
        made = outcome(name, check)
        found["checks"].append(made)
        off = f"{made['off']:.0e}" if made["state"] == "ok" else ""
        say(clipped(f"{made['state']:<7} {name:<16} {off:>6}  {made['text']}"))
        yield
    found["speed"], found["native_speed"] = in_microseconds(speed), in_microseconds(native)
    found["memory"] = memory()
    found["failed"] = [made["check"] for made in found["checks"] if made["state"] == "FAILED"]
    found["ok"] = not found["failed"]
    for line in summary(found):
        say(clipped(line))


def in_microseconds(speed: Speed) -> dict[str, dict[str, Any]]:
    """Return the times by task, for JSON."""
    return {what: {"microseconds": taken * 1e6, "by": by} for what, (taken, by) in speed.items()}


def engine_check(name: str, speed: Speed) -> Callable[[], Found]:
    """Return the check of one engine."""
    return lambda: engine(name, speed)


def outcome(name: str, check: Callable[[], Found]) -> dict[str, Any]:
    """Return the outcome of a check."""
    state, off = "ok", 0.0
    try:
        text, off = check()
    except Skipped as reason:
        state, text = "skipped", str(reason)
    except Wrong as error:
        state, text = "FAILED", str(error)
    except Exception as error:
        state, text = "FAILED", f"expected no error, got {type(error).__name__}: {error}"
    return {"check": name, "state": state, "text": text, "off": off}


def summary(found: dict[str, Any]) -> list[str]:
    """Return the lines at the end: times, features, and whether all checks passed."""
    lines = []
    for what, words in (
        ("original", "original program, 10,000 iterations"),
        ("sample", "training 4-10-3, each sample"),
        ("row", "predicting with it, each row"),
    ):
        if what in found["speed"]:
            taken, by = found["speed"][what]["microseconds"], found["speed"][what]["by"]
            line = f"{duration(taken):>11} {words} ({by})"
            if what in found["native_speed"]:
                line += f"; native {duration(found['native_speed'][what]['microseconds'])}"
            lines.append(line)
    if found["memory"]:
        lines.append(f"{found['memory']:8.1f} MB of memory")
    for word, wanted in (("available:  ", True), ("unavailable:", False)):
        names = [name for name in sorted(found["has"]) if found["has"][name] is wanted]
        if names:
            lines.append(f"{word} {', '.join(names)}")
    skipped = len([made for made in found["checks"] if made["state"] == "skipped"])
    failed = ", ".join(found["failed"])
    lines.append(
        f"{len(found['checks'])} checks, {skipped} skipped, "
        + (f"{len(found['failed'])} FAILED: {failed}" if failed else "all others passed")
    )
    return lines


def duration(microseconds: float) -> str:
    """Return a time in words."""
    if microseconds >= 1000.0:
        return f"{microseconds / 1000.0:.1f} ms"
    return f"{microseconds:.1f} µs" if microseconds >= 10.0 else f"{microseconds:.2f} µs"


def clipped(line: str) -> str:
    """Return a line cut to fit a narrow screen."""
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


def run(say: Say, version: str) -> dict[str, Any]:
    """Make all checks, say a line about each, and return the results; "ok" sums them up."""
    found: dict[str, Any] = {}
    for _ in steps(found, say, version):
        pass
    return found
