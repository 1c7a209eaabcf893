"""Where one engine overtakes another: the measurements behind `tinynn/engines/choice.py`.

`python3 -m benchmarks.cutoffs` trains networks of growing size with each engine, by batch size and
optimizer. It prints the microseconds per row, and how many milliseconds longer the first call
takes, for writing and compiling code; then the time to predict one row. On PyPy it measures the
engines that PyPy has. `native` is left out: it is never chosen, but runs where it is asked for.
"""

from __future__ import annotations

import random
import sys
import time

import tinynn as nn
from tinynn.engines.choice import ENGINES
from tinynn.engines.contract import Recipe
from tinynn.lesson import losses, optimizers
from tinynn.lesson.matrix import Matrix

PYPY = sys.implementation.name == "pypy"
NAMES = ("lists", "unrolled", "loops") if PYPY else ("lists", "unrolled", "packed")
SIZES = (
    (4, 10, 3),
    (8, 16, 4),
    (16, 16, 4),
    (16, 32, 4),
    (32, 32, 10),
    (64, 32, 10),
    (128, 30, 10),
)
BATCHES = (1, 8, 32)
OPTIMIZERS = ("sgd", "adam")
REPEATS = 5


def main() -> None:
    """Print the tables."""
    print("training: us per row (+ extra ms for the first call)\n")
    print("| sizes | parameters | batch | optimizer | inputs not 0 | " + " | ".join(NAMES) + " |")
    print("|---" * (5 + len(NAMES)) + "|")
    for sizes in SIZES:
        for batch, optimizer, density in (
            *((batch, optimizer, 1.0) for batch in BATCHES for optimizer in OPTIMIZERS),
            (32, "sgd", 0.3),
        ):
            print(_training_line(sizes, batch, optimizer, density), flush=True)
    print("\npredicting one row: us\n")
    print("| sizes | parameters | " + " | ".join(NAMES) + " |")
    print("|---" * (2 + len(NAMES)) + "|")
    for sizes in SIZES:
        print(_prediction_line(sizes), flush=True)


def _training_line(sizes: tuple[int, ...], batch: int, optimizer: str, density: float) -> str:
    rng = random.Random(1)
    count = 64 if sizes[0] > 32 else 160
    X = [[rng.random() if rng.random() < density else 0.0 for _ in range(sizes[0])]
         for _ in range(count)]  # fmt: skip
    T = [[float(j == i % sizes[-1]) for j in range(sizes[-1])] for i in range(count)]
    batches = [list(range(i, i + batch)) for i in range(0, count, batch)]
    cells: list[str] = []
    for name in NAMES:
        cells.append(_trained(name, sizes, optimizer, X, T, batches) or "-")
    parameters = _network(sizes).count_parameters()
    return f"| {_dashed(sizes)} | {parameters:,} | {batch} | {optimizer} | {density:.0%} | " + (
        " | ".join(cells) + " |"
    )


def _trained(
    name: str,
    sizes: tuple[int, ...],
    optimizer: str,
    X: Matrix,
    T: Matrix,
    batches: list[list[int]],
) -> str | None:
    recipe = Recipe(_network(sizes), losses.by_name("mse"), optimizers.by_name(optimizer))
    if ENGINES[name].refuses(recipe, len(batches[0])):
        return None
    rates = [0.01] * len(batches)
    started = time.process_time()
    program = ENGINES[name].program(recipe, {})
    program.bind(X, T)
    program.train(batches, rates, 1)
    first = time.process_time() - started
    times: list[float] = []
    for repeat in range(REPEATS * (10 if PYPY else 1)):
        started = time.process_time()
        program.train(batches, rates, 1 + (repeat + 1) * len(batches))
        times.append(time.process_time() - started)
    usual = sorted(times)[len(times) // 2 if not PYPY else 0]
    return f"{usual / len(X) * 1e6:.1f} (+{max(0.0, first - usual) * 1e3:.0f})"


def _prediction_line(sizes: tuple[int, ...]) -> str:
    network = _network(sizes)
    row = [random.Random(1).random() for _ in range(sizes[0])]
    cells: list[str] = []
    for name in NAMES:
        if ENGINES[name].refuses_prediction(network):
            cells.append("-")
            continue
        predict = ENGINES[name].predictor(network)
        calls = max(20, 200_000 // network.count_parameters())
        times: list[float] = []
        for _ in range(REPEATS * (4 if PYPY else 1)):
            started = time.process_time()
            for _ in range(calls):
                predict(row)
            times.append((time.process_time() - started) / calls)
        cells.append(f"{sorted(times)[len(times) // 2 if not PYPY else 0] * 1e6:.1f}")
    return f"| {_dashed(sizes)} | {network.count_parameters():,} | " + " | ".join(cells) + " |"


def _network(sizes: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Layer] = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Dense(inputs, outputs), nn.Sigmoid()]
    return nn.Sequential(*layers, seed=1)


def _dashed(sizes: tuple[int, ...]) -> str:
    return "-".join(map(str, sizes))


if __name__ == "__main__":
    main()
