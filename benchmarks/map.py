"""The map: which trains faster, tinynn or NumPy, and by how much, by parameters and batch size.

`python3 -m benchmarks.map` measures it with the engines that tinynn chooses, or with one of them by
`--engine NAME`; the files' names then say so. On PyPy, which has no NumPy, `--against FILE` takes
NumPy's figures from the JSON file of CPython's map on the same machine.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import sys
from functools import lru_cache
from pathlib import Path
from typing import Sequence

from tinynn.engines.choice import ENGINES

from . import environment
from .command import own_folder, say, write_files
from .measure import Plan, run_task
from .peers.numpy_peer import NumpyPeer
from .peers.tinynn_peer import TinynnPeer
from .results import Results, Row, TaskResult, read
from .tables import times
from .tasks.kinds import Data, Training

NETWORKS: tuple[tuple[int, ...], ...] = (
    (2, 4, 1), (4, 10, 3), (2, 16, 16, 1), (16, 32, 10), (64, 32, 10), (128, 64, 10),
    (784, 30, 10), (784, 128, 10),
)  # fmt: skip
BATCH_SIZES = (1, 4, 16, 64, 256)
MOST_ROWS = 20_000  # that a cell trains on; native always trains on as many
LEAST_ROWS = 32  # in the data of a cell, so that there are several small batches
TINY = Plan("map-tiny", 1, 1, 0.0, 0.0)
QUICK = Plan("map-quick", 3, 5, 0.5, 0.05)
FULL = Plan("map", 5, 15, 4.0, 0.3)


def parameters(sizes: Sequence[int]) -> int:
    """Return how many weights and biases a network of these sizes has."""
    return sum((n + 1) * m for n, m in zip(sizes, sizes[1:]))


def cell(sizes: tuple[int, ...], batch_size: int, density: float, engine: str = "auto") -> Training:
    """Return the task of one cell: sigmoid layers, mean squared error, plain SGD."""
    shown = MOST_ROWS if engine == "native" else _rows_shown(sizes)
    rows = -(-LEAST_ROWS // batch_size) * batch_size
    return Training(
        _name(sizes, batch_size),
        f"{'-'.join(map(str, sizes))}, batches of {batch_size}",
        unit="sample",
        amount=-(-shown // rows),
        sizes=sizes,
        batch_size=batch_size,
        data=lambda: _data(sizes[0], sizes[-1], rows, density),
    )


def grid(tiny: bool = False) -> list[tuple[tuple[int, ...], int]]:
    """Return all pairs of networks and batch sizes, networks by their parameters."""
    networks = NETWORKS[:2] if tiny else NETWORKS
    sizes = BATCH_SIZES[:2] if tiny else BATCH_SIZES
    return [(network, size) for network in sorted(networks, key=parameters) for size in sizes]


def table(results: Results) -> str:
    """Return the map as Markdown: a row for each network, a column for each batch size."""
    networks, sizes, cells = _cells(results)
    rows = f"; {MOST_ROWS:,} rows in each cell" if _engine(results) == "native" else ""
    behind = "; behind it the engine that ran" if _engine(results) == "auto" else ""
    lines = [
        f"{_who(results)} against NumPy, {results.about['interpreter']}, CPU time to train on a "
        f"sample; {_plain_density(results)}{rows}. Slower in bold{behind}.",
        "",
        "| network | parameters | " + " | ".join(f"batch {size}" for size in sizes) + " |",
        "|---|---" + "|---" * len(sizes) + "|",
    ]
    for network in networks:
        texts = [_text(cells.get((network, size)), _row(results)) for size in sizes]
        shown = "-".join(map(str, network))
        lines.append(f"| {shown} | {parameters(network):,} | " + " | ".join(texts) + " |")
    return "\n".join(lines) + "\n"


def picture(results: Results) -> str:
    """Return the map as SVG. Raises ValueError if no cell was measured with both."""
    from tinynn.view import heat_map

    networks, sizes, cells = _cells(results)
    mine = _row(results)
    ratios = [[_ratio(cells.get((network, size)), mine) for size in sizes] for network in networks]
    logs = [[None if r is None else math.log2(r) for r in row] for row in ratios]
    known = [abs(value) for row in logs for value in row if value is not None]
    if not known:
        raise ValueError(
            f"a map needs at least one cell measured with both {_who(results)} and NumPy, got none"
        )
    reach = max(1.0, *known)
    return heat_map(
        logs,
        title=f"{_who(results)} or NumPy: who trains faster? ({results.about['interpreter']})",
        row_names=[
            f"{'-'.join(map(str, network))}: {parameters(network):,}" for network in networks
        ],
        column_names=[str(size) for size in sizes],
        x_label="batch size",
        y_label="network: parameters",
        value_label=f"{_who(results)} faster: log₂ of the ratio",
        palette="diverging",
        low=-reach,
        high=reach,
        cell_text=[["" if r is None else _short(r) for r in row] for row in ratios],
        width=760,
        plot_height=440,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the map and write it; return an exit code like `benchmarks`."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(words)
    try:
        other = read(options.against) if options.against else None
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    changed = environment.prepare(os.environ)
    if arguments is None:
        changed = environment.restart_if_late(changed, words, "benchmarks.map")
    plan = TINY if options.tiny else FULL if options.full else QUICK
    if options.engine != "auto":  # the mode is a part of the files' names
        plan = plan._replace(mode=plan.mode.replace("map", f"map-{options.engine}"))
    results = Results(plan.mode, {})
    pairs = grid(options.tiny)
    for number, (network, size) in enumerate(pairs, 1):
        task = cell(network, size, options.density, options.engine)
        say(f"[{number}/{len(pairs)}] {task.title}")
        results.tasks.append(run_task(task, [TinynnPeer(options.engine), NumpyPeer()], plan, say))
    command = environment.command_line("benchmarks.map", words)
    results.about = environment.describe(changed, command)
    results.about.update({"density": options.density, "engine": options.engine})
    try:
        if other is not None:
            results.take("numpy", other)
        texts = {".json": results.to_json(), ".md": table(results), ".svg": picture(results)}
    except ValueError as error:
        print(error, file=sys.stderr)
        texts = {".json": results.to_json(), ".md": table(results)}
    print(texts[".md"])
    if options.out or not options.tiny:
        write_files(results, options.out or own_folder(), texts)
    for trouble in results.wrong:
        print(f"WRONG: {trouble}", file=sys.stderr)
    return 1 if results.wrong or ".svg" not in texts else 0


def _rows_shown(sizes: tuple[int, ...]) -> int:
    """Return how many rows a pure engine trains on in a cell: as many as time allows."""
    return max(1024, min(MOST_ROWS, 4_000_000 // parameters(sizes)))


@lru_cache(maxsize=None)
def _data(columns: int, outputs: int, rows: int, density: float) -> Data:
    draw = random.Random(3).random
    inputs = [
        [0.1 + 0.9 * draw() if draw() < density else 0.0 for _ in range(columns)]
        for _ in range(rows)
    ]
    targets = [[float(i % max(2, outputs) == j) for j in range(outputs)] for i in range(rows)]
    return Data(inputs, targets)


def _name(sizes: Sequence[int], batch_size: int) -> str:
    return f"{'-'.join(map(str, sizes))}/{batch_size}"


def _cells(
    results: Results,
) -> tuple[list[tuple[int, ...]], list[int], dict[tuple[tuple[int, ...], int], TaskResult]]:
    """Return the networks by parameters, the batch sizes, and the task of each pair."""
    cells: dict[tuple[tuple[int, ...], int], TaskResult] = {}
    for task in results.tasks:
        network, size = task.name.split("/")
        cells[tuple(map(int, network.split("-"))), int(size)] = task
    networks = sorted({network for network, _ in cells}, key=parameters)
    return networks, sorted({size for _, size in cells}), cells


def _engine(results: Results) -> str:
    return str(results.about.get("engine", "auto"))


def _row(results: Results) -> str:
    """Return the name of tinynn's row in each task."""
    return TinynnPeer(_engine(results)).name


def _who(results: Results) -> str:
    engine = _engine(results)
    return "tinynn" if engine == "auto" else f"tinynn {engine}"


def _ratio(task: TaskResult | None, mine: str) -> float | None:
    return None if task is None else task.ratio(mine, "numpy")


def _text(task: TaskResult | None, mine: str) -> str:
    ratio = _ratio(task, mine)
    if task is None or ratio is None:
        return "–"
    row: Row | None = task.row(mine)
    engine = f" ({row.note})" if row and row.note else ""
    return f"{times(ratio)}{engine}" if ratio > 0.95 else f"**{times(ratio)}**{engine}"


def _short(ratio: float) -> str:
    shown = ratio if ratio >= 1.0 else 1.0 / ratio
    digits = f"{shown:,.0f}" if shown >= 9.95 else f"{shown:.1f}"
    return f"{digits}×" if ratio >= 1.0 else f"1/{digits}"


def _plain_density(results: Results) -> str:
    density = results.about.get("density", 1.0)
    return "no input 0" if density >= 1.0 else f"{density:.0%} of the inputs not 0"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks.map",
        description="Map which trains faster, tinynn or NumPy, by parameters and batch size.",
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--tiny", action="store_true", help="four cells, to show that it runs")
    mode.add_argument("--full", action="store_true", help="more repeats, longer runs")
    parser.add_argument(
        "--engine",
        choices=("auto", *ENGINES),
        default="auto",
        help="measure tinynn with this engine (auto)",
    )
    parser.add_argument(
        "--density",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="share of the inputs that are not 0 (default 1)",
    )
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FILE",
        help="take NumPy's figures from this map of the same machine",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write JSON, Markdown and SVG there (without it, all but a tiny map go to a folder in "
        "your cache directory; the path is printed)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
