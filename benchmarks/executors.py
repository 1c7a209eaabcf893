"""`python3 -m benchmarks.executors`: the same work here and on two workers of several kinds.

Cross-validation, search, an ensemble and training by parts, one after another (the first column)
and on: threads; processes; loky's; a Dask cluster on this machine (a scheduler and two workers, by
TCP on the loopback interface); MPI's processes. Each result is first checked to be equal to that of
the first column, to the last bit. Times are seconds of the wall clock, medians of turns; the pools
are started before. What is not installed is skipped, and the report says so.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
import time
import warnings
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from importlib import import_module
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Callable, Dict, NamedTuple, Sequence

import tinynn as nn

from . import environment
from .command import say
from .peers.contract import version_of
from .results import Results
from .tables import circumstances

WORKERS = 2
NONE = "one after another"
MARK = "results: "
Work = Callable[[Any], Any]  # what is measured: a function of an executor
Executors = Dict[str, Any]


class Sizes(NamedTuple):
    """How much work there is."""

    rows: int
    part_rows: int
    epochs: int
    turns: int


FULL, TINY = Sizes(400, 1000, 4, 3), Sizes(60, 50, 2, 1)


class Moved(NamedTuple):
    """Bytes pickled for the workers, the largest of a task, and for the caller."""

    there: int
    largest: int
    back: int


class Counting(Executor):
    """Counts what an executor would send; it is not measured at the same time."""

    def __init__(self, inner: Executor) -> None:
        self.inner, self.there, self.largest, self.back = inner, 0, 0, 0
        self.num_workers = WORKERS

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        size = len(pickle.dumps((function, arguments)))
        self.there += size
        self.largest = max(self.largest, size)
        future: Future[Any] = self.inner.submit(function, *arguments, **named)
        future.add_done_callback(self._landed)
        return future

    def _landed(self, future: Future[Any]) -> None:
        if not future.cancelled() and future.exception() is None:
            self.back += len(pickle.dumps(future.result()))


def table(rows: int) -> tuple[list[list[Any]], list[str]]:
    """Return rows of numbers and text, and a class for each."""
    rng = Random(1)
    X: list[list[Any]] = []
    y: list[str] = []
    for _ in range(rows):
        row: list[Any] = [rng.gauss(0, 1) for _ in range(9)]
        kind = rng.choice(["north", "south", "east"])
        X.append([*row, kind])
        value = row[0] * row[1] + row[2] + (kind == "north") + rng.gauss(0, 0.3)
        y.append("high" if value > 0.5 else "low" if value < -0.5 else "middle")
    return X, y


def part(k: int, rows: int) -> tuple[list[list[float]], list[list[float]]]:
    """Return part k of a table of numbers: 20 inputs and a number to predict."""
    rng = Random(k)
    X = [[rng.gauss(0, 1) for _ in range(20)] for _ in range(rows)]
    return X, [[x[0] * x[1] + max(x[2], x[3]) - x[4] + rng.gauss(0, 0.1)] for x in X]


def network(seed: int = 0) -> nn.Sequential:
    """Return the network that is trained by parts."""
    return nn.Sequential(nn.Dense(20, 32), nn.ReLU(), nn.Dense(32, 1), seed=seed)


def works(sizes: Sizes) -> dict[str, Work]:
    """Return what is measured, by its title."""
    X, y = table(sizes.rows)
    base = nn.Classifier(
        (16,), learning_rate_init=0.01, max_iter=4 * sizes.epochs, random_state=0, tol=0.0
    )
    space: dict[str, list[Any]] = {"alpha": [0.0, 1e-4, 1e-2], "hidden_layer_sizes": [(8,), (16,)]}
    parts = [partial(part, k, sizes.part_rows) for k in range(4)]

    def trained(executor: Any, **settings: Any) -> Any:
        model = network()
        history = nn.fit_parts(model, parts, epochs=sizes.epochs, executor=executor, **settings)
        return history.loss, model.state()

    return {
        "cross-validation, 8 folds": lambda executor: (
            nn.cross_validate(base, X, y, folds=8, executor=executor).scores
        ),
        "search, 6 candidates in 4 folds": lambda executor: [
            candidate[:2]
            for candidate in nn.search(
                base, X, y, space, folds=4, refit=False, executor=executor
            ).candidates
        ],
        "ensemble of 8 networks": lambda executor: (
            nn.Ensemble(base, 8, random_state=0).fit(X, y, executor=executor).predict_proba(X[:50])
        ),
        "4 parts, averaged after each epoch": trained,
        "4 parts, added for each step of Adam": partial(trained, average="step"),
        "4 parts, added for L-BFGS": partial(trained, average="step", optimizer="lbfgs"),
        "4 parts, averaged, kept by the workers": partial(trained, keep=4),
    }


def digest(result: Any) -> str:
    """Return what tells whether two results are equal to the last bit."""
    return hashlib.sha256(repr(result).encode()).hexdigest()


def here(stack: ExitStack, skipped: list[str]) -> Executors:
    """Return the executors that can be had in this process."""
    found: Executors = {
        NONE: None,
        "threads": stack.enter_context(ThreadPoolExecutor(WORKERS)),
        "processes": stack.enter_context(ProcessPoolExecutor(WORKERS)),
    }
    try:
        loky: Any = import_module("loky")
        found["loky"] = loky.get_reusable_executor(max_workers=WORKERS)
        stack.callback(found["loky"].shutdown)
    except ImportError:
        skipped.append("loky is not installed")
    try:
        distributed: Any = import_module("distributed")
        cluster = stack.enter_context(
            distributed.LocalCluster(
                n_workers=WORKERS,
                threads_per_worker=1,
                processes=True,
                dashboard_address=None,
                silence_logs="CRITICAL",
            )
        )
        found["Dask"] = stack.enter_context(distributed.Client(cluster)).get_executor()
    except ImportError:
        skipped.append("Dask is not installed")
    return found


def measured(sizes: Sizes, executors: Executors) -> dict[str, dict[str, float]]:
    """Return the seconds of each work on each executor, and its digest, after checking it."""
    found: dict[str, dict[str, float]] = {}
    for title, work in works(sizes).items():
        say(title)
        wanted = digest(work(executors[NONE]))
        for name, executor in executors.items():
            if digest(work(executor)) != wanted:
                raise SystemExit(f"{title}: {name} gives another result than {NONE}")
        times: dict[str, list[float]] = {name: [] for name in executors}
        for _ in range(sizes.turns):
            for name, executor in executors.items():
                began = time.perf_counter()
                work(executor)
                times[name].append(time.perf_counter() - began)
        found[title] = {name: median(values) for name, values in times.items()}
    return found


def on_mpi(words: Sequence[str], skipped: list[str]) -> dict[str, dict[str, float]]:
    """Return the times of a program of three MPI processes: one that gives work to two."""
    beside = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
    mpiexec = shutil.which("mpiexec", path=beside)
    if version_of("mpi4py") == "unknown" or mpiexec is None:
        skipped.append("MPI is not installed (mpi4py, and MPICH or Open MPI)")
        return {}
    command = [mpiexec, "-n", str(WORKERS + 1), sys.executable, "-m", "mpi4py.futures", "-m",
               "benchmarks.executors", "--mpi", *words]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment.for_children(), check=False
    )
    for line in done.stdout.splitlines():
        if line.startswith(MARK):
            found: dict[str, dict[str, float]] = json.loads(line[len(MARK) :])
            return found
    raise SystemExit(f"the program on MPI failed:\n{done.stderr}")


def bytes_moved(sizes: Sizes) -> dict[str, Moved]:
    """Return what travels for each work, to and from processes that were there before."""
    found = {}
    for title, work in works(sizes).items():
        with ProcessPoolExecutor(WORKERS) as pool:
            list(pool.map(len, ["abc"] * 8))  # so that none is forked later
            counting = Counting(pool)
            work(counting)
        found[title] = Moved(counting.there, counting.largest, counting.back)
    return found


def losses(sizes: Sizes) -> list[tuple[str, int, float]]:
    """Return the validation loss after as many epochs, by how the parts work together."""
    epochs, count = 4 * sizes.epochs, 4
    parts = [partial(part, k, sizes.part_rows) for k in range(count)]
    X: list[list[float]] = []
    T: list[list[float]] = []
    for one in parts:
        rows, targets = one()
        X += rows
        T += targets
    held_out = part(99, sizes.part_rows)

    def last(train: Callable[[nn.Sequential], Any]) -> float:
        model = network()
        train(model)
        return float(nn.MeanSquaredError()(model.predict(held_out[0]), held_out[1], None))

    def reset(model: nn.Sequential) -> None:
        for epoch in range(epochs):
            model.training = {}
            nn.fit_parts(model, parts, epochs=1, seed=count * epoch)

    updates = -(-sizes.part_rows // 32)
    return [
        ("the whole table, by fit", count * updates * epochs,
         last(lambda m: nn.fit(m, X, T, epochs=epochs))),
        ("networks averaged, and their memory", updates * epochs,
         last(lambda m: nn.fit_parts(m, parts, epochs=epochs))),
        ("networks averaged, memory forgotten", updates * epochs, last(reset)),
        ("one part alone", updates * epochs, last(lambda m: nn.fit(m, *parts[0](), epochs=epochs))),
        ("gradients added, steps of Adam", epochs,
         last(lambda m: nn.fit_parts(m, parts, epochs=epochs, average="step"))),
        ("gradients added, L-BFGS", epochs,
         last(lambda m: nn.fit_parts(
             m, parts, epochs=epochs, average="step", optimizer="lbfgs", keep=count))),
    ]  # fmt: skip


def report(
    times: dict[str, dict[str, float]],
    moved: dict[str, Moved],
    ends: list[tuple[str, int, float]],
    sizes: Sizes,
    skipped: list[str],
    results: Results,
) -> str:
    """Return the page of results."""
    names = list(dict.fromkeys(name for row in times.values() for name in row))
    names = [name for name in names if not name.startswith(NONE)]
    lines = [
        f"# The same work on {WORKERS} workers",
        "",
        f"| work | {NONE} | {' | '.join(names)} |",
        f"|---|{'---|' * (len(names) + 1)}",
    ]
    for title, row in times.items():
        cells = []
        for name in names:
            # MPI is compared with what its own program took without it.
            base = row.get(f"{NONE}, {name}", row[NONE])
            ratio = base / row[name] if name in row else 0.0
            cells.append(f"{row[name]:.2f} s, {ratio:.2f}×" if ratio else "–")
        lines.append(f"| {title} | {row[NONE]:.2f} s | {' | '.join(cells)} |")
    lines += [
        "",
        "How many times as fast as one after another, by the wall clock; every result equal to the "
        f"last bit. {sizes.rows:,} rows of 10 columns; 4 parts of {sizes.part_rows:,} rows of 20, "
        f"20-32-1, {sizes.epochs} epochs, read anew for each epoch unless they are kept (making "
        "the rows takes longer than training on them). Medians of "
        f"{sizes.turns}.",
        "",
        "| work | bytes to the workers | largest task | bytes back |",
        "|---|---|---|---|",
    ]
    for title, one in moved.items():
        lines.append(f"| {title} | {one.there:,} | {one.largest:,} | {one.back:,} |")
    lines += [
        "",
        "Pickled for two processes that had nothing before; the table, or the description of the "
        "training, goes along about once for each.",
        "",
        "| training | updates | mean squared error on other rows |",
        "|---|---|---|",
        *[f"| {title} | {updates:,} | {loss:.4f} |" for title, updates, loss in ends],
        "",
        f"After {4 * sizes.epochs} epochs, with Adam's defaults; the noise alone is 0.01.",
        "",
        *([f"Not measured: {'; '.join(skipped)}.", ""] if skipped else []),
        circumstances(results),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; raises SystemExit if a result is not equal."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.executors", description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="run each once, to show that it works")
    parser.add_argument("--turns", type=int, metavar="N", help="how often each is measured (3)")
    parser.add_argument("--out", type=Path, help="write the tables to this Markdown file")
    parser.add_argument("--mpi", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(words)
    changed = environment.prepare(os.environ)
    sizes = TINY if options.tiny else FULL
    if options.turns:
        sizes = sizes._replace(turns=options.turns)
    warnings.simplefilter("ignore", nn.ConvergenceWarning)
    if options.mpi:
        futures: Any = import_module("mpi4py.futures")
        with futures.MPIPoolExecutor() as executor:
            found = measured(sizes, {NONE: None, "MPI": executor})
        print(MARK + json.dumps(found))
        return 0
    skipped: list[str] = []
    with ExitStack() as stack:
        times = measured(sizes, here(stack, skipped))
    for title, row in on_mpi(words, skipped).items():
        times[title].update({f"{NONE}, MPI": row[NONE], "MPI": row["MPI"]})
    say("bytes and losses")
    moved, ends = bytes_moved(sizes), losses(sizes)
    about = environment.describe(changed, environment.command_line("benchmarks.executors", words))
    for name in ("distributed", "loky", "mpi4py"):
        if version_of(name) != "unknown":
            about["versions"][name] = version_of(name)
    text = report(times, moved, ends, sizes, skipped, Results("executors", about))
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
