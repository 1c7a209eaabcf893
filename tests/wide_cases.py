"""Random trainings with wide layers, large batches and tables of mostly zeros, against `lists`.

[engine_cases.py](engine_cases.py) draws small networks that every engine can run. The kernels of
`native` come in blocks of rows and of columns: these cases have up to 40 of both, batch
normalization, and batches of changing sizes. Run as a program it makes as many as it is told:

    python tests/wide_cases.py native 500
"""

from __future__ import annotations

import pathlib
import random
import sys
from importlib import import_module
from typing import Sequence

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from engine_cases import (
    HIDDEN,
    LOSSES,
    STEPS,
    Case,
    Choose,
    Result,
    run,
    targets,
    tolerances,
    with_columns,
    with_settings,
)

import tinynn as nn
from tinynn.engines.contract import BatchDivergence, Batches, Engine
from tinynn.engines.lists import ENGINE as LISTS

EXACT = (
    1e-10  # how far numbers may be from those of `lists` after all steps, unless more is derived
)
KINDS = [*HIDDEN, nn.BatchNorm, nn.BatchNorm, nn.ReLU, nn.Tanh]
WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 16, 17, 20, 24, 31, 32, 33, 40]
BATCH_SIZES = [1, 2, 3, 4, 5, 7, 8, 9, 16, 33]


def draw_wide_case(
    choose: Choose, widths: Sequence[int] = WIDTHS, sizes: Sequence[int] = BATCH_SIZES
) -> Case:
    """Return a training put together by `choose`, which takes one out of a list."""
    seed = choose(range(1 << 20))
    draw = random.Random(seed)
    width = inputs = choose(widths)
    layers = [choose(KINDS) for _ in range(choose([0, 0, 0, 1]))]
    for _ in range(choose([0, 1, 1, 2])):
        columns = choose(widths)
        layers.append(_dense(width, columns, choose([True, True, False])))
        width = columns
        layers += [choose(KINDS) for _ in range(choose([0, 1, 1, 2]))]
    loss, lasts = choose(LOSSES)
    last = choose(lasts)
    outputs = choose([1, 2, 3, 5, 10])
    if choose([True, True, True, False]) or last is None:
        layers.append(_dense(width, outputs, choose([True, True, False])))
    else:
        outputs = width
    layers = with_columns(layers + ([last] if last else []), inputs)
    size = choose(sizes)
    least = 1
    if any(isinstance(layer(), nn.BatchNorm) for layer in layers):
        # The variance of two nearly equal numbers is lost in rounding: see `tolerances`.
        least = 2
        size = max(size, least)
    samples = max(least, choose([size, 2 * size + 1, 7]))
    X = [[draw.uniform(-2.0, 2.0) for _ in range(inputs)] for _ in range(samples)]
    share = choose([0.05, 0.2, 0.3, 1.0, 1.0, 1.0])
    X = [[x if draw.random() < share else 0.0 for x in row] for row in X]
    T = targets(loss(), samples, outputs, choose, draw)
    weights = None
    if choose([False, False, True]):
        weights = [draw.choice([0.0, 0.5, 1.0, 2.5]) for _ in range(samples)]
    order = range(samples)
    lengths = [size] * STEPS
    if choose([False, False, True]):  # as in a stream
        lengths = [draw.choice([least, size, draw.randint(least, size)]) for _ in range(STEPS)]
    batches: Sequence[Sequence[int]] = [
        [draw.choice(order) for _ in range(size)] for size in lengths
    ]
    if choose([True, False]) and samples % size >= least * (samples % size > 0):
        # Epochs of a table, whose last batch can be smaller.
        epochs = [number for _ in range(STEPS) for number in draw.sample(order, samples)]
        batches = Batches(epochs, samples, size)[:STEPS]
    return with_settings(choose, draw, layers, loss, seed, X, T, weights, batches)


def _dense(inputs, outputs, bias):
    return lambda: nn.Dense(inputs, outputs, bias=bias)


def check_closely(engine: Engine, case: Case) -> bool:
    """Raise AssertionError unless an engine's numbers are those of `lists` to ten digits, or as
    close as the arithmetic allows. Return whether the training went well, and was compared.
    """
    try:
        expected = run(LISTS, case)
    except BatchDivergence:
        return False
    found = run(engine, case)
    assert found.keys() == expected.keys()
    allowed: Result = {}
    for name, numbers in expected.items():
        assert len(found[name]) == len(numbers), name
        size = max([1.0, *map(abs, numbers)])
        error = max([abs(a - b) for a, b in zip(found[name], numbers)], default=0.0)
        if error <= EXACT * size:
            continue
        try:
            for directions in (2, 16):
                if error > allowed.get(name, 0.0):
                    allowed = tolerances(case, expected, directions)
        except BatchDivergence:
            return False
        assert error <= allowed[name], f"{name} is off by {error}, {allowed[name]} allowed: {case}"
    return True


def main() -> None:
    name, count = sys.argv[1:]
    engine = import_module(f"tinynn.engines.{name}").ENGINE
    compared = 0
    for seed in range(int(count)):
        try:
            compared += check_closely(engine, draw_wide_case(random.Random(seed).choice))
        except AssertionError as error:
            print(seed, error)
    print(f"{engine.name} agrees with lists in {compared} random trainings")


if __name__ == "__main__":
    main()
