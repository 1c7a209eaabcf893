"""What the native engine does in Pyodide, for test_native_wasm.py, which runs this:

    TINYNN_PYODIDE=FOLDER node tests/runners/pyodide.mjs tests/native_in_pyodide.py [TRAININGS]

The last line printed is a JSON object: `wrong` says what went wrong; times are in microseconds.
"""

from __future__ import annotations

import gc
import json
import math
import random
import sys
import time

import __main__

sys.path.insert(0, __main__.__file__.rpartition("/")[0] + "/..")

import engine_cases

import tinynn as nn
from tinynn.engines.choice import ENGINES
from tinynn.engines.contract import Recipe
from tinynn.engines.native import web_memory
from tinynn.engines.native.host import Arena, executable
from tinynn.engines.native.processor import new_machine, unavailable

INF, NAN = math.inf, math.nan
# As `math` has them; where that raises an error, a pair of argument and value.
FUNCTIONS = {
    "exp": (math.exp, [(710.0, INF), (INF, INF), (-INF, 0.0), (NAN, NAN), (-746.0, 0.0)]),
    "expm1": (math.expm1, [(710.0, INF), (-0.0, -0.0), (NAN, NAN), (-INF, -1.0)]),
    "log": (math.log, [(0.0, -INF), (-1.0, NAN), (5e-324, math.log(5e-324)), (INF, INF)]),
    "log1p": (math.log1p, [(-1.0, -INF), (-2.0, NAN), (-0.0, -0.0), (INF, INF)]),
    "tanh": (math.tanh, [(INF, 1.0), (-INF, -1.0), (-0.0, -0.0), (NAN, NAN)]),
    "erfc": (math.erfc, [(INF, 0.0), (-INF, 2.0), (NAN, NAN), (28.0, 0.0)]),
}


def values(name, numbers):
    """Return an elementary function of numbers, four at a time."""
    from array import array

    from tinynn.engines.native.constants import Constants
    from tinynn.engines.native.elementary import FUNCTIONS, SCRATCH_NEEDED
    from tinynn.engines.native.machine import ARENA, At

    m, constants = new_machine(), Constants(64)
    m.begin()
    m.vload(0, At(ARENA, 0))
    FUNCTIONS[name](m, constants, 0, list(range(1, 15))[: SCRATCH_NEEDED[name]])
    m.vstore(At(ARENA, 32), 0)
    m.end()
    arena = Arena(64 + 32 * len(constants.values))
    arena.restore(64, b"".join(constants.values))
    call, found = executable(bytes(m.code)), []
    for k in range(0, len(numbers), 4):
        four = [*numbers[k : k + 4], 0.5, 0.5, 0.5][:4]
        arena.write(0, array("d", four))
        call(arena.address)
        found += arena.read(32, 4)
    return found[: len(numbers)]


def functions():
    """Yield what is wrong with elementary functions, compared with `math`."""
    draw = random.Random(1)
    for name, (function, edges) in FUNCTIONS.items():
        low, high = {"log": (1e-3, 50.0), "log1p": (-0.9, 50.0)}.get(name, (-20.0, 20.0))
        cases = [(x, function(x)) for x in (draw.uniform(low, high) for _ in range(200))] + edges
        for (x, expected), y in zip(cases, values(name, [x for x, _ in cases])):
            if math.isnan(expected):
                alike = math.isnan(y)
            elif expected == 0.0 or math.isinf(expected):
                alike = repr(y) == repr(expected)
            else:
                alike = abs(y - expected) <= 1e-15 * abs(expected)
            if not alike:
                yield f"{name}({x!r}) is {y!r}, math's is {expected!r}"


def predictions():
    """Yield what is wrong with functions of one row."""
    draw = random.Random(2)
    for layers in ([nn.Dense(3, 5), nn.GELU(), nn.Dense(5, 2), nn.Softmax()], [nn.Dense(3, 1)]):
        model = nn.Sequential(*layers, seed=1)
        predict = nn.compile(model, engine="native")
        for _ in range(20):
            row = [draw.uniform(-2, 2) for _ in range(3)]
            expected, found = model.predict([row])[0], predict(row)
            if max(abs(a - b) for a, b in zip(expected, found)) > 1e-14:
                yield f"{found} is predicted for {row}, not {expected}"


def trainings(count):
    """Return how many random trainings were compared with `lists`, and what was wrong."""
    compared, wrong = 0, []
    for seed in range(count):
        case = engine_cases.draw_case(random.Random(seed).choice)
        try:
            compared += engine_cases.check(ENGINES["native"], case) is not None
            engine_cases.check_gradients(ENGINES["native"], case)
        except AssertionError as error:
            wrong.append(str(error))
    return compared, wrong


def program(sizes, rows, engine):
    """Return a program that trains layers with sigmoids, and what it is bound to."""
    draw = random.Random(1)
    X = [[draw.random() for _ in range(sizes[0])] for _ in range(rows)]
    T = [[draw.random() for _ in range(sizes[-1])] for _ in range(rows)]
    layers = [layer for pair in zip(sizes, sizes[1:]) for layer in (nn.Dense(*pair), nn.Sigmoid())]
    recipe = Recipe(nn.Sequential(*layers, seed=1), nn.MeanSquaredError(), nn.SGD())
    made = ENGINES[engine].program(recipe, {})
    made.bind(X, T, None)
    return made


def grown():
    """Return by how many bytes the memory has grown in trainings that are over."""

    def train():
        program((50, 30, 10), 200, "native").train([list(range(200))], [0.1], 1)

    def kept():
        gc.collect()
        heap = web_memory._heap()
        return heap.size - sum(end - start for start, end in heap.free)

    train()
    before = kept()
    for _ in range(20):
        train()
    return kept() - before


def microseconds(sizes, rows, batch, engine, seconds=2.0):
    """Return the least time of a sample in training."""
    trained, order = program(sizes, rows, engine), list(range(rows))
    batches = [order[k : k + batch] for k in range(0, rows, batch)]
    best, end = INF, time.perf_counter() + seconds
    while best == INF or time.perf_counter() < end:
        started = time.perf_counter()
        trained.train(batches, [0.01] * len(batches), 1)
        best = min(best, time.perf_counter() - started)
    return round(best / rows * 1e6, 3)


def main():
    found = {"wrong": [f"it cannot run: {unavailable()}"] if unavailable() else []}
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 120
    if not found["wrong"]:
        found["trainings"], wrong = trainings(count)
        found["wrong"] = [*wrong, *functions(), *predictions()]
        found["grown"] = grown()
        found["times"] = {
            f"{'-'.join(map(str, sizes))} in {batch}, {engine}": microseconds(
                sizes, rows, batch, engine
            )
            for sizes, rows, batch, engines in (
                ((4, 10, 3), 1600, 16, ("native", "unrolled")),
                ((784, 30, 10), 200, 10, ("native", "packed")),
            )
            for engine in engines
        }
    print(json.dumps(found))


main()
