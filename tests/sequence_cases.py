"""Random trainings of networks of sequences that machine code can be compared with `lists` on.

Run as a program it makes as many as it is told, and needs nothing but the standard library:

    python tests/sequence_cases.py 500
"""

from __future__ import annotations

import pathlib
import random
import sys
from functools import partial

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from engine_cases import LOSSES, STEPS, targets, with_settings
from wide_cases import check_closely

import tinynn as nn
from tinynn.engines.native.engine import ENGINE as NATIVE

WIDTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 20, 22, 36]
MOST = 9  # steps
ROWS = [nn.Tanh, nn.ReLU, nn.Softmax, nn.Dropout, nn.RMSNorm, nn.LayerNorm,
        partial(nn.RMSNorm, gain=False)]  # fmt: skip
SUMMARIES = [nn.LastStep, nn.MeanSteps, nn.MaxSteps]


def recurrent(draw, inputs, units, steps="all"):
    """Return a maker of a recurrent layer that the code knows."""
    bias = draw.random() < 0.7
    kind, settings = draw.choice([
        (nn.RNN, {}), (nn.RNN, {"activation": "relu"}), (nn.LSTM, {}), (nn.LSTM, {"cell": False}),
        (nn.GRU, {}),
    ])  # fmt: skip
    return partial(kind, inputs, units, steps=steps, bias=bias, **settings)


def sequence_layers(draw, width):
    """Return makers of some layers that take and give a row for each step, and their width."""
    makers = []
    for _ in range(draw.randint(1, 3)):
        kind = draw.choice(["attention", "recurrent", "residual", "dense", "positions", "row"])
        if kind == "attention":
            heads = draw.choice([n for n in (1, 2, 3, 4) if width % n == 0])
            flags = draw.random() < 0.5, draw.random() < 0.5
            makers.append(partial(nn.MultiHeadAttention, width, heads, *flags))
        elif kind == "recurrent":
            units = draw.choice(WIDTHS)
            makers.append(recurrent(draw, width, units))
            width = units
        elif kind == "residual":
            inner, columns = sequence_layers(draw, width)
            if columns != width:
                inner.append(partial(nn.Dense, columns, width))
            makers.append(lambda inner=inner: nn.Residual(*[make() for make in inner]))
        elif kind == "dense":
            columns = draw.choice(WIDTHS)
            makers.append(partial(nn.Dense, width, columns, bias=draw.random() < 0.5))
            width = columns
        elif kind == "positions":
            makers.append(partial(nn.Positions, MOST, width))
        else:
            makers.append(draw.choice(ROWS))
    return makers, width


def draw_sequence_case(choose):
    """Return a training put together by `choose`, which takes one out of a list."""
    seed = choose(range(1 << 20))
    draw = random.Random(seed)
    kinds, width = choose([0, 2, 5, 20]), choose(WIDTHS)
    inputs = 1 if kinds else width
    layers = [partial(nn.Embedding, kinds, width)] if kinds else [partial(nn.Dense, width, width)]
    more, width = sequence_layers(draw, width)
    layers += more
    one_row = choose([True, False])
    if one_row and choose([True, False]):
        units = choose(WIDTHS)
        layers.append(recurrent(draw, width, units, "last"))
        width = units
    elif one_row:
        layers.append(choose(SUMMARIES))
    outputs = choose([1, 2, 3, 5])
    loss, lasts = choose(LOSSES)
    last = choose(lasts)
    layers += [*choose([[], [nn.Dropout]]), partial(nn.Dense, width, outputs)]
    layers += [last] if last else []
    if not any(make().reads_steps for make in layers):
        layers.insert(0, partial(nn.Positions, MOST, inputs))
    samples = choose([1, 3, 6])
    same = choose([True, False])
    lengths = [choose(range(1, MOST + 1))] * samples
    if not same:
        lengths = [draw.randint(1, MOST) for _ in range(samples)]
    X = [[_step(draw, kinds, inputs) for _ in range(length)] for length in lengths]
    counts = [1 if one_row else length for length in lengths]
    T = [targets(loss(), count, outputs, lambda _: False, draw) for count in counts]
    weights = None
    if choose([False, False, True]):
        weights = [[draw.choice([0.0, 0.5, 1.0, 2.5])] * count for count in counts]
    size = choose([1, 1, 2, 4])
    order = range(samples)
    batches = [[draw.choice(order) for _ in range(size)] for _ in range(STEPS // 4)]
    return with_settings(choose, draw, layers, loss, seed, X, T, weights, batches)


def _step(draw, kinds, inputs):
    if kinds:
        return [float(draw.randrange(kinds))]
    return [draw.uniform(-2.0, 2.0) for _ in range(inputs)]


def main():
    count = int(sys.argv[1])
    compared = 0
    for seed in range(count):
        try:
            compared += check_closely(NATIVE, draw_sequence_case(random.Random(seed).choice))
        except AssertionError as error:
            print(seed, error)
    print(f"native agrees with lists in {compared} random trainings of sequences, of {count}")


if __name__ == "__main__":
    main()
