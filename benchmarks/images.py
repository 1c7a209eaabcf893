"""`python3 -m benchmarks.images`: a small convolutional network, beside PyTorch on one thread.

Handwritten digits of 8 × 8 pixels come with scikit-learn; those of 28 × 28 are found as in
`benchmarks.digits` (`--data DIR`, the variable TINYNN_MNIST, or the cache). Both networks start
from the same weights, see the same rows in the same order and make the same updates by SGD. The
losses of the first updates are compared before anything is timed; then they take turns, with some
rows each. Last, both train for some epochs, and how many of the other digits each reads is printed.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Sequence

import tinynn as nn
from tinynn.lesson.losses import CategoricalCrossEntropy
from tinynn.lesson.matrix import Matrix

from .command import own_folder, say
from .tasks import mnist

RATE = 0.05
COMPARED = 16  # updates whose losses are compared
BATCHES = (1, 8, 32)


class Digits(NamedTuple):
    """Images to train on and others, with their digits; `side` is how many pixels they are wide."""

    side: int
    images: Matrix
    digits: list[int]
    others: Matrix
    digits_of_others: list[int]


def small_digits() -> Digits:
    """Return scikit-learn's 1,797 digits, 297 of them apart."""
    load_digits = import_module("sklearn.datasets").load_digits

    bunch = load_digits()
    images = [[x / 16.0 for x in row] for row in bunch.data.tolist()]
    digits = [int(digit) for digit in bunch.target]
    order = random.Random(1).sample(range(len(images)), len(images))
    images, digits = [images[i] for i in order], [digits[i] for i in order]
    return Digits(8, images[:1500], digits[:1500], images[1500:], digits[1500:])


def large_digits(folder: Path) -> Digits:
    """Return 8,000 digits of MNIST, and 2,000 others; raise NoDigits if they are not there."""
    found = mnist.load(folder)
    digits = [row.index(1.0) for row in found.training.targets]
    return Digits(28, found.training.inputs, digits, found.held_out, found.classes)


def network(side: int) -> nn.Sequential:
    """Return the network for images of a size: two convolutions, a pooling after each."""
    half, quarter = side // 2, side // 4
    return nn.Sequential(
        nn.Conv2D((1, side, side), 8, 3, padding="same"), nn.ReLU(),
        nn.MaxPool2D((8, side, side), 2),
        nn.Conv2D((8, half, half), 16, 3, padding="same"), nn.ReLU(),
        nn.MaxPool2D((16, half, half), 2),
        nn.Flatten(), nn.Dense(16 * quarter * quarter, 10), seed=1,
    )  # fmt: skip


class Tinynn:
    """Trains tinynn's network with an engine."""

    def __init__(self, side: int, engine: str) -> None:
        self.model = network(side)
        self.engine = engine
        self.loss = CategoricalCrossEntropy(from_logits=True)

    def train(self, rows: Matrix, digits: list[int], batch: int) -> float:
        """Return the mean loss of one epoch, in order."""
        history = nn.fit(
            self.model, rows, digits, loss=self.loss, optimizer=nn.SGD(RATE), epochs=1,
            batch_size=batch, shuffle=False, engine=self.engine,
        )  # fmt: skip
        return history.loss[-1]

    def answers(self, rows: Matrix) -> list[int]:
        """Return the digit that each image is taken for."""
        return [row.index(max(row)) for row in self.model.predict(rows)]


class Torch:
    """The same for PyTorch, in float64, from the weights of tinynn's network."""

    def __init__(self, start: nn.Sequential, torch: Any) -> None:
        self.torch = torch
        side, layers = start.layers[0].settings()["shape"][2], torch.nn  # type: ignore[index]
        self.model = layers.Sequential(
            layers.Conv2d(1, 8, 3, padding="same"), layers.ReLU(), layers.MaxPool2d(2),
            layers.Conv2d(8, 16, 3, padding="same"), layers.ReLU(), layers.MaxPool2d(2),
            layers.Flatten(), layers.Linear(16 * (side // 4) ** 2, 10),
        ).double()  # fmt: skip
        ours = [p.rows() for p in start.parameters()]
        for number, parameter in enumerate(self.model.parameters()):
            values = torch.tensor(ours[number], dtype=torch.float64)
            if parameter.dim() > 1:
                values = values.T  # outputs first
            parameter.data = values.reshape(parameter.shape).contiguous()
        self.rule = torch.optim.SGD(self.model.parameters(), RATE)
        self.side = side

    def _images(self, rows: Matrix) -> Any:
        values = self.torch.tensor(rows, dtype=self.torch.float64)
        return values.reshape(len(rows), 1, self.side, self.side)

    def train(self, rows: Matrix, digits: list[int], batch: int) -> float:
        """Return the mean loss of one epoch, in order."""
        X, T = self._images(rows), self.torch.tensor(digits)
        total = 0.0
        for begin in range(0, len(rows), batch):
            self.rule.zero_grad()
            x, t = X[begin : begin + batch], T[begin : begin + batch]
            loss = self.torch.nn.functional.cross_entropy(self.model(x), t)
            loss.backward()
            self.rule.step()
            total += float(loss.detach()) * len(x)
        return total / len(rows)

    def answers(self, rows: Matrix) -> list[int]:
        """Return the digit that each image is taken for."""
        with self.torch.no_grad():
            found: list[int] = self.model(self._images(rows)).argmax(1).tolist()
        return found


def main(words: Sequence[str] | None = None) -> None:
    """Compare losses, then measure, and print a table for each size of images."""
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.images")
    parser.add_argument("--data", type=Path, help="the folder of the large digits")
    parser.add_argument("--engine", default="native", help="the engine of tinynn (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="how often they take turns")
    parser.add_argument("--epochs", type=int, default=5, help="epochs before others are read")
    parser.add_argument("--tiny", action="store_true", help="shows that it runs")
    options = parser.parse_args(words)
    try:
        import torch
    except ImportError:
        raise SystemExit("skipped: PyTorch is not installed (pip install torch)") from None
    torch.set_num_threads(1)
    sets = [small_digits()]
    try:
        sets.append(
            large_digits(mnist.chosen_folder(options.data, os.environ, own_folder().parent))
        )
    except mnist.NoDigits as error:
        say(f"28 × 28 skipped: {error}")
    for data in sets:
        _measure(data, options, torch)


def _measure(data: Digits, options: argparse.Namespace, torch: Any) -> None:
    print(f"\n{data.side} × {data.side}: {network(data.side).count_parameters():,} weights\n")
    print("| batch | tinynn, µs a row | PyTorch, µs a row | times as long |\n|---|---|---|---|")
    for batch in BATCHES:
        ours = Tinynn(data.side, options.engine)
        runners: dict[str, Tinynn | Torch] = {"ours": ours, "torch": Torch(ours.model, torch)}
        count = 64 if options.tiny else min(len(data.images), 500 if batch == 1 else 1500)
        rows, digits = data.images[:count], data.digits[:count]
        _check(runners, rows[: COMPARED * batch], digits[: COMPARED * batch], batch)
        seconds: dict[str, list[float]] = {name: [] for name in runners}
        for number in range(1 + (1 if options.tiny else options.rounds)):
            for name, runner in runners.items():  # the first round, which warms up, does not count
                began = time.perf_counter()
                runner.train(rows, digits, batch)
                if number:
                    seconds[name].append((time.perf_counter() - began) / count)
        us, them = (1e6 * statistics.median(seconds[name]) for name in runners)
        print(f"| {batch} | {us:.1f} | {them:.1f} | {them / us:.1f} |", flush=True)
    ours = Tinynn(data.side, options.engine)
    both: dict[str, Tinynn | Torch] = {"tinynn": ours, "PyTorch": Torch(ours.model, torch)}
    count = 64 if options.tiny else len(data.images)
    for name, runner in both.items():
        began = time.perf_counter()
        for _ in range(1 if options.tiny else options.epochs):
            runner.train(data.images[:count], data.digits[:count], 8)
        spent = time.perf_counter() - began
        right = sum(map(int.__eq__, runner.answers(data.others), data.digits_of_others))
        share = right / len(data.others)
        print(
            f"\n{name}: {options.epochs} epochs in {spent:.2f} s, {share:.1%} of others read right"
        )


def _check(runners: dict[str, Tinynn | Torch], rows: Matrix, digits: list[int], batch: int) -> None:
    """Leave with a message if the losses of the first updates differ."""
    for begin in range(0, len(rows), batch):
        part = slice(begin, begin + batch)
        a, b = (runner.train(rows[part], digits[part], batch) for runner in runners.values())
        if abs(a - b) > 1e-9 * max(1.0, abs(b)):
            raise SystemExit(
                f"losses differ by {abs(a - b):.1e} in batches of {batch}: not measured"
            )


if __name__ == "__main__":
    main()
