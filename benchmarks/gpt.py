"""`python3 -m benchmarks.gpt`: the smallest GPT, in tinynn and in a scalar autograd.

The network, its start, its data and its training are those of microgpt (A. Karpathy, 2026), 4,192
weights, one name a step: with the file names.txt that it downloads (`--names FILE`) the losses are
its own. The rival is a scalar autograd of its kind, written for this page: each number is an object
that knows what it was made of. Both see the same names from the same weights. The loss of each of
the first steps is compared before anything is timed; then they take turns, and the mean losses of
each turn are compared, too.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
from itertools import islice
from operator import mul
from pathlib import Path
from typing import Any, Dict, List, Sequence

import tinynn as nn
from tinynn.lesson.losses import CategoricalCrossEntropy
from tinynn.lesson.matrix import transpose
from tinynn.lesson.schedules import Linear

from .command import say

STEPS = 1000  # of the whole training, by which the learning rate falls to 0
WIDTH, HEADS, PLACES, HIDDEN = 16, 4, 16, 64
RATE, BETAS, EPS = 0.01, (0.85, 0.99), 1e-8
COMPARED = 30  # steps whose losses are compared one by one
Weights = Dict[str, List[List[float]]]
Batch = List[List[int]]


class Value:
    """A number that remembers what it was computed from, and by which derivatives."""

    __slots__ = ("data", "grad", "parts", "slopes")

    def __init__(
        self, data: float, parts: Sequence[Value] = (), slopes: Sequence[float] = ()
    ) -> None:
        self.data, self.grad, self.parts, self.slopes = data, 0.0, parts, slopes

    def __add__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            return Value(self.data + other, (self,), (1.0,))
        return Value(self.data + other.data, (self, other), (1.0, 1.0))

    __radd__ = __add__

    def __mul__(self, other: Value | float) -> Value:
        if not isinstance(other, Value):
            return Value(self.data * other, (self,), (other,))
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, power: float) -> Value:
        return Value(self.data**power, (self,), (power * self.data ** (power - 1),))

    def exp(self) -> Value:
        """Return e to the power of the number."""
        y = math.exp(self.data)
        return Value(y, (self,), (y,))

    def log(self) -> Value:
        """Return the natural logarithm."""
        return Value(math.log(self.data), (self,), (1.0 / self.data,))

    def relu(self) -> Value:
        """Return the number, or 0 if it is negative."""
        return Value(max(0.0, self.data), (self,), (float(self.data > 0.0),))

    def backward(self) -> None:
        """Add the derivative of this number to the `grad` of all that it was made of."""
        order: list[Value] = []
        seen: set[int] = set()
        stack = [(self, False)]
        while stack:
            value, done = stack.pop()
            if done:
                order.append(value)
            elif id(value) not in seen:
                seen.add(id(value))
                stack.append((value, True))
                stack += [(part, False) for part in value.parts]
        self.grad = 1.0
        for value in reversed(order):
            for part, slope in zip(value.parts, value.slopes):
                part.grad += slope * value.grad


Row = List[Value]


def _linear(x: Row, w: list[Row]) -> Row:
    return [sum((w_i * x_i for w_i, x_i in zip(row, x)), start=Value(0.0)) for row in w]


def _softmax(z: Row) -> Row:
    highest = max(value.data for value in z)
    powers = [(value + -highest).exp() for value in z]
    share = sum(powers, start=Value(0.0)) ** -1.0
    return [power * share for power in powers]


def _rms_norm(x: Row) -> Row:
    mean = sum((value * value for value in x), start=Value(0.0)) * (1.0 / len(x))
    scale = (mean + 1e-5) ** -0.5
    return [value * scale for value in x]


class ScalarGPT:
    """The network as objects of single numbers; it trains on one name after another."""

    def __init__(self, weights: Weights) -> None:
        self.w = {
            name: [[Value(number) for number in row] for row in rows]
            for name, rows in weights.items()
        }
        self.parameters = [value for rows in self.w.values() for row in rows for value in row]
        self.m = [0.0] * len(self.parameters)
        self.v = [0.0] * len(self.parameters)
        self.step = 0

    def _scores(self, kind: int, place: int, keys: list[Row], values: list[Row]) -> Row:
        w, size = self.w, WIDTH // HEADS
        x = _rms_norm([a + b for a, b in zip(w["wte"][kind], w["wpe"][place])])
        y = _rms_norm(x)
        query = _linear(y, w["wq"])
        keys.append(_linear(y, w["wk"]))
        values.append(_linear(y, w["wv"]))
        mixed: Row = []
        for c in range(0, WIDTH, size):
            columns = range(c, c + size)
            scores = [
                sum((query[j] * key[j] for j in columns), start=Value(0.0)) * size**-0.5
                for key in keys
            ]
            shares = _softmax(scores)
            mixed += [
                sum((a * v[j] for a, v in zip(shares, values)), start=Value(0.0)) for j in columns
            ]
        x = [a + b for a, b in zip(_linear(mixed, w["wo"]), x)]
        hidden = [value.relu() for value in _linear(_rms_norm(x), w["fc1"])]
        x = [a + b for a, b in zip(_linear(hidden, w["fc2"]), x)]
        return _linear(x, w["lm_head"])

    def train(self, kinds: Sequence[int]) -> float:
        """Train on one name, and return its loss before."""
        keys: list[Row] = []
        values: list[Row] = []
        losses = [
            _softmax(self._scores(kind, place, keys, values))[following].log() * -1.0
            for place, (kind, following) in enumerate(zip(kinds, kinds[1:]))
        ]
        loss = sum(losses, start=Value(0.0)) * (1.0 / len(losses))
        loss.backward()
        self.step += 1
        rate = RATE * (1.0 - (self.step - 1) / STEPS)
        (beta1, beta2), t = BETAS, self.step
        for i, value in enumerate(self.parameters):
            self.m[i] = beta1 * self.m[i] + (1.0 - beta1) * value.grad
            self.v[i] = beta2 * self.v[i] + (1.0 - beta2) * value.grad**2
            m, v = self.m[i] / (1.0 - beta1**t), self.v[i] / (1.0 - beta2**t)
            value.data -= rate * m / (math.sqrt(v) + EPS)
            value.grad = 0.0
        return loss.data


def start(documents: list[Any], kinds: int) -> Weights:
    """Shuffle the documents and return the weights, drawn as microgpt draws them."""
    rng = random.Random(42)
    rng.shuffle(documents)
    shapes = {
        "wte": (kinds, WIDTH), "wpe": (PLACES, WIDTH), "lm_head": (kinds, WIDTH),
        **dict.fromkeys(("wq", "wk", "wv", "wo"), (WIDTH, WIDTH)),
        "fc1": (HIDDEN, WIDTH), "fc2": (WIDTH, HIDDEN),
    }  # fmt: skip
    return {
        name: [[rng.gauss(0, 0.08) for _ in range(columns)] for _ in range(rows)]
        for name, (rows, columns) in shapes.items()
    }


def network(weights: Weights) -> nn.Sequential:
    """Return the network with these weights, each outputs × inputs, by tinynn's public layers."""
    w = {name: transpose(rows) for name, rows in weights.items()}
    kinds = len(weights["wte"])
    attention = nn.MultiHeadAttention(
        WIDTH, HEADS, causal=True, bias=False, weights=[w["wq"], w["wk"], w["wv"], w["wo"]]
    )
    return nn.Sequential(
        nn.Embedding(kinds, WIDTH, weights=weights["wte"]),
        nn.Positions(PLACES, WIDTH, weights=weights["wpe"]),
        nn.RMSNorm(gain=False),
        nn.Residual(nn.RMSNorm(gain=False), attention),
        nn.Residual(
            nn.RMSNorm(gain=False),
            nn.Dense(WIDTH, HIDDEN, bias=False, weights=w["fc1"]),
            nn.ReLU(),
            nn.Dense(HIDDEN, WIDTH, bias=False, weights=w["fc2"]),
        ),
        nn.Dense(WIDTH, kinds, bias=False, weights=w["lm_head"]),
    )


def trainer(model: nn.Sequential, engine: str, losses: list[float] | None = None) -> nn.Trainer:
    """Return microgpt's training of the network; it adds the loss of each step to `losses`."""
    rate = Linear(RATE, 0.0, steps=STEPS)
    watch = [] if losses is None else [
        nn.LambdaCallback(on_batch_end=lambda t: losses.append(t.batch_loss))
    ]  # fmt: skip
    return nn.Trainer(
        model, loss=CategoricalCrossEntropy(from_logits=True), batch_size=1, callbacks=watch,
        optimizer=nn.Adam(learning_rate=rate, betas=BETAS, eps=EPS), shuffle=False, engine=engine,
    )  # fmt: skip


def as_kinds(name: str, characters: str) -> list[int]:
    """Return a name as kinds, between two of the kind for begin and end, cut to the places."""
    end = len(characters)
    return [end, *map(characters.index, name), end][: PLACES + 1]


def made_names(count: int) -> list[str]:
    """Return names out of syllables: for speed, any will do."""
    rng = random.Random(1)
    return [
        "".join(rng.choice("bdklmnrst") + rng.choice("aeiou") for _ in range(rng.randint(2, 4)))
        for _ in range(count)
    ]


class Runner:
    """Trains tinynn's network with an engine, on one batch of names after another.

    Another network sees a name of each length before, since code is written once for each.
    """

    def __init__(self, weights: Weights, engine: str, of_each_length: Batch) -> None:
        self.losses: list[float] = []
        began = time.perf_counter()
        self._fit(trainer(network(weights), engine), of_each_length)
        self.first = time.perf_counter() - began
        model = network(weights)
        self.watched = trainer(model, engine, self.losses)
        self.alone = trainer(model, engine)

    def steps(self, batch: Batch) -> list[float]:
        """Return the loss of each step."""
        self.losses.clear()
        self._fit(self.watched, batch)
        return list(self.losses)

    def turn(self, batch: Batch) -> float:
        """Return the mean loss, in one call of `fit`, as anybody would train."""
        return self._fit(self.alone, batch).loss[-1]

    def _fit(self, made: nn.Trainer, batch: Batch) -> nn.History:
        return made.fit([kinds[:-1] for kinds in batch], [kinds[1:] for kinds in batch], epochs=1)


class ScalarRunner:
    """The same for the rival."""

    def __init__(self, weights: Weights) -> None:
        self.gpt = ScalarGPT(weights)

    def steps(self, batch: Batch) -> list[float]:
        """Return the loss of each step."""
        return [self.gpt.train(kinds) for kinds in batch]

    def turn(self, batch: Batch) -> float:
        """Return the mean loss over all characters."""
        sizes = [len(kinds) - 1 for kinds in batch]
        return math.fsum(map(mul, self.steps(batch), sizes)) / sum(sizes)


def main(words: Sequence[str] | None = None) -> None:
    """Compare losses, then measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python3 -m benchmarks.gpt")
    parser.add_argument("--names", type=Path, help="a file with a name in each line")
    parser.add_argument("--engine", action="append", help="an engine of tinynn; default: auto")
    parser.add_argument("--rounds", type=int, default=3, help="how often they take turns")
    parser.add_argument("--turn", type=int, default=100, help="names of a turn")
    parser.add_argument("--tiny", action="store_true", help="shows that it runs")
    options = parser.parse_args(words)
    rounds, each = (1, 1) if options.tiny else (options.rounds, options.turn)
    names = options.names.read_text("utf-8").split() if options.names else made_names(2000)
    characters = "".join(sorted(set("".join(names))))
    weights = start(names, len(characters) + 1)
    runners: dict[str, Runner | ScalarRunner] = {"scalar autograd": ScalarRunner(weights)}
    lines = [as_kinds(name, characters) for name in names]
    of_each_length = list({len(line): line for line in lines}.values())
    for engine in options.engine or ["auto"]:
        runner = runners[f"tinynn, {engine}"] = Runner(weights, engine, of_each_length)
        say(f"{engine}: {runner.first:.2f} s for a first name of each length")
    documents = iter(lines)

    def some(count: int) -> Batch:
        return list(islice(documents, count))

    first = some(min(each, COMPARED))
    _check({name: one.steps(first) for name, one in runners.items()})
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for number in range(rounds + 1):  # the first, which warms up, is not counted
        batch, found = some(each), {}
        for name, one in runners.items():
            began = time.perf_counter()
            found[name] = [one.turn(batch)]
            if number:
                seconds[name].append((time.perf_counter() - began) / each)
        _check(found)
    base = statistics.median(seconds["scalar autograd"])
    say(f"losses agree to 1e-9: {len(first)} steps, and the means of turns of {each} names")
    print("\n| | ms a step | times as fast |\n|---|---|---|")
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"| {name} | {1000 * median:.3f} | {base / median:.1f} |")


def _check(losses: dict[str, list[float]]) -> None:
    """Leave with a message if losses differ from those of the rival."""
    wanted, *others = losses.values()
    for name, found in zip([*losses][1:], others):
        worst = max(abs(a - b) for a, b in zip(found, wanted))
        if worst > 1e-9 or len(found) != len(wanted):
            raise SystemExit(f"{name}: losses differ by {worst:.1e}: nothing was measured")


if __name__ == "__main__":
    main()
