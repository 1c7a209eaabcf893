"""Random trainings that any engine can be held against `lists` with.

`draw_case(choose)` puts a training together out of choices, which hypothesis makes in the tests.
Run as a program it makes them with `random`, and needs nothing but the standard library:

    python tests/engine_cases.py unrolled loops 500
"""

from __future__ import annotations

import pathlib
import platform
import random
import sys
from importlib import import_module
from typing import Any, Callable, Dict, List, NamedTuple, Sequence

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import tinynn as nn
from tinynn.engines.contract import BatchDivergence, Engine, Recipe
from tinynn.engines.gradient_sum import GradientSum
from tinynn.engines.lists import ENGINE as LISTS
from tinynn.engines.sequence_plans import with_parts
from tinynn.lesson.more_losses import Poisson
from tinynn.lesson.parameters import rows_of
from tinynn.lesson.samples import joined

Choose = Callable[[Sequence[Any]], Any]
STEPS = 50
ROUNDING = 2.0**-53

HIDDEN: list[Callable[[], nn.Layer]] = [
    nn.Sigmoid, nn.Tanh, nn.ReLU, nn.LeakyReLU, lambda: nn.LeakyReLU(0.2), nn.ELU,
    lambda: nn.ELU(0.5), nn.SELU, nn.GELU, nn.Softplus, nn.SiLU, nn.Softmax, nn.LogSoftmax,
    nn.Linear, nn.Dropout, lambda: nn.Dropout(0.2), nn.LayerNorm, lambda: nn.LayerNorm(eps=0.1),
    nn.Mish, nn.Hardswish, nn.Hardsigmoid, nn.ReLU6, nn.Clip, lambda: nn.Clip(-0.2, 0.7),
    nn.Softsign, nn.CELU, lambda: nn.CELU(0.5), nn.LogSigmoid, nn.TanhGELU, nn.PReLU,
    lambda: nn.PReLU(initial=0.6),
]  # fmt: skip
# Losses, each with the last layers that it can read; None is a Dense layer with nothing after it.
LOSSES = [
    (nn.MeanSquaredError, [None, *HIDDEN[:14]]),
    (nn.MeanAbsoluteError, [None, nn.Tanh]),
    (nn.Huber, [None, nn.Sigmoid]),
    (lambda: nn.Huber(0.3), [None, nn.ReLU]),
    (nn.BinaryCrossEntropy, [nn.Sigmoid, nn.Softmax]),
    (lambda: nn.BinaryCrossEntropy(from_logits=True), [None, nn.Tanh]),
    (nn.CategoricalCrossEntropy, [nn.Softmax, nn.Sigmoid]),
    (lambda: nn.CategoricalCrossEntropy(from_logits=True), [None, nn.LogSoftmax]),
    (nn.Hinge, [None, nn.Tanh]),
    (Poisson, [None, nn.Tanh]),
    (lambda: nn.Quantile(0.8), [None, nn.Softplus]),
    (nn.LogCosh, [None, nn.Tanh]),
    (nn.BinaryFocal, [nn.Sigmoid, nn.Hardsigmoid]),
    (lambda: nn.BinaryFocal(1.5, from_logits=True), [None, nn.Tanh]),
    (nn.Focal, [nn.Softmax, nn.Sigmoid]),
    (lambda: nn.Focal(1.5, from_logits=True), [None, nn.LogSoftmax]),
    (lambda: nn.CrossEntropy(0.2), [nn.Softmax, nn.Sigmoid]),
    (lambda: nn.CrossEntropy(0.2, from_logits=True), [None, nn.LogSoftmax]),
]
OPTIMIZERS: list[Callable[[], Any]] = [
    nn.SGD,
    nn.NAdam,
    lambda: nn.NAdam(0.05, (0.8, 0.95), 1e-3, 0.1, 0.05, decay_biases=False),
    nn.RAdam,
    lambda: nn.RAdam(0.05, (0.8, 0.9), 1e-3, 0.1),
    nn.Adadelta,
    lambda: nn.Adadelta(0.5, 0.8, 1e-3, 0.1, decay_biases=False),
    lambda: nn.Rprop(step_sizes=(1e-6, 0.02)),  # larger ones soon leave what exp can take
    lambda: nn.Rprop(0.01, (0.3, 1.5), (1e-3, 0.02)),
    nn.Lion,
    lambda: nn.Lion(0.01, (0.8, 0.9), 0.1),
    lambda: nn.Lion(0.01, (0.8, 0.9), 0.1, decay_biases=False),
    lambda: nn.SGD(weight_decay=0.1),
    lambda: nn.SGD(weight_decay=0.1, decay_biases=False),
    lambda: nn.SGD(momentum=0.9),
    lambda: nn.SGD(momentum=0.9, dampening=0.3, weight_decay=0.1),
    lambda: nn.SGD(momentum=0.8, nesterov=True),
    lambda: nn.SGD(momentum=0.8, nesterov=True, weight_decay=0.1),
    nn.Adagrad,
    lambda: nn.Adagrad(lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.1, eps=1e-3),
    nn.RMSprop,
    lambda: nn.RMSprop(alpha=0.9, eps=1e-3, weight_decay=0.1, momentum=0.5, centered=True),
    lambda: nn.RMSprop(centered=True),
    lambda: nn.RMSprop(momentum=0.9, weight_decay=0.1, decay_biases=False),
    nn.Adam,
    lambda: nn.Adam(betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1, amsgrad=True),
    nn.AdamW,
    lambda: nn.AdamW(weight_decay=0.2, amsgrad=True),
    lambda: nn.AdamW(weight_decay=0.2, decay_biases=False),
    GradientSum,
]
CLIPPING = [(None, None), (None, None), (0.2, None), (None, 0.05), (0.1, 0.05), (100.0, 100.0)]


class Case(NamedTuple):
    """A training: how its network is built, what it is trained on, and in which batches."""

    layers: list[Callable[[], nn.Layer]]
    loss: Callable[[], Any]
    optimizer: Callable[[], Any]
    clip_norm: float | None
    clip_value: float | None
    seed: int
    X: list[list[float]]
    T: list[list[float]]
    weights: list[float] | None
    batches: Sequence[Sequence[int]]
    rates: list[float]

    def recipe(self) -> Recipe:
        """Return the recipe with a new network, always the same; its biases are not 0."""
        network = nn.Sequential(*[layer() for layer in self.layers], seed=self.seed)
        draw = random.Random(self.seed + 1).uniform
        for parameter in network.parameters():
            for row in parameter.rows():
                row[:] = [w + draw(-0.3, 0.3) for w in row]
        network.seed_noise(self.seed)
        return Recipe(network, self.loss(), self.optimizer(), self.clip_norm, self.clip_value)

    def __repr__(self) -> str:
        recipe = self.recipe()
        return (
            f"{recipe.network} {recipe.loss} {recipe.optimizer} clipped {self.clip_norm} "
            f"{self.clip_value} weights {self.weights} batches {self.batches[0]}..."
        )


def draw_case(choose: Choose, most_width: int = 5, kinds: Sequence[Any] = HIDDEN) -> Case:
    """Return a training put together by `choose`, which takes one out of a list."""
    seed = choose(range(1000))
    draw = random.Random(seed)
    width = inputs = choose(range(1, most_width))
    layers: list[Callable[[], nn.Layer]] = []

    def dense(columns: int) -> Callable[[], nn.Layer]:
        before, bias = width, choose([True, True, False])
        return lambda: nn.Dense(before, columns, bias=bias)

    for _ in range(choose([0, 0, 1])):  # layers before the first Dense
        layers.append(choose(kinds))
    for _ in range(choose([0, 1, 1, 2])):
        columns = choose(range(1, most_width))
        layers.append(dense(columns))
        width = columns
        layers += [choose(kinds) for _ in range(choose([0, 1, 1, 1, 2]))]
    loss, lasts = choose(LOSSES)
    last = choose(lasts)
    outputs = choose([1, 2, 3])
    if choose([True, True, True, False]) or last is None:
        layers.append(dense(outputs))
    else:
        outputs = width
    layers += [last] if last else []
    layers = with_columns(layers, inputs)
    samples = choose([1, 3, 4, 7])
    X = [[draw.uniform(-2.0, 2.0) for _ in range(inputs)] for _ in range(samples)]
    if choose([True, False]):
        X = [[float(round(x)) for x in row] for row in X]  # truth tables: 0 and 1 among them
    T = targets(loss(), samples, outputs, choose, draw)
    weights = None
    if choose([False, False, True]):
        weights = [draw.choice([0.0, 0.5, 1.0, 2.5]) for _ in range(samples)]
    size = choose([1, 2, None])
    order = list(range(samples))
    if size is None:
        batches = [order] * STEPS
    else:
        batches = [[draw.choice(order) for _ in range(size)] for _ in range(STEPS)]
    return with_settings(choose, draw, layers, loss, seed, X, T, weights, batches)


def with_settings(
    choose: Choose, draw: random.Random, layers: Any, loss: Any, seed: int, X: Any, T: Any,
    weights: Any, batches: Any,
) -> Case:  # fmt: skip
    """Return a training of these, with an optimizer, rates and clipping drawn for it."""
    rates = [choose([0.01, 0.05])] * STEPS
    if choose([True, False]):
        rates = [rate * draw.uniform(0.5, 1.5) for rate in rates]
    clip_norm, clip_value = choose(CLIPPING)
    optimizer = choose(OPTIMIZERS)
    return Case(
        layers, loss, optimizer, clip_norm, clip_value, seed, X, T, weights, batches, rates
    )  # fmt: skip


def with_columns(
    layers: list[Callable[[], nn.Layer]], columns: int
) -> list[Callable[[], nn.Layer]]:
    """Tell each normalization layer how many columns it gets, which a first one cannot know."""
    told = []
    for layer in layers:
        made = layer()
        if type(made) in (nn.LayerNorm, nn.BatchNorm):
            kind, eps = type(made), made.eps
            told.append(lambda kind=kind, columns=columns, eps=eps: kind(columns, eps=eps))
        elif isinstance(made, nn.PReLU):
            told.append(
                lambda columns=columns, made=made: nn.PReLU(columns, made.shared, made.initial)
            )
        else:
            told.append(layer)
            columns = getattr(made, "outputs", columns)
    return told


def targets(
    loss: Any, samples: int, outputs: int, choose: Choose, draw: random.Random
) -> list[list[float]]:
    simple = choose([True, False])
    rows = []
    for _ in range(samples):
        if loss.name == "hinge":
            row = [draw.choice([-1.0, 1.0]) for _ in range(outputs)]
        elif loss.partner == "Softmax" and simple:
            right = draw.randrange(outputs)
            row = [float(j == right) for j in range(outputs)]
        elif loss.partner == "Softmax":
            parts = [draw.random() for _ in range(outputs)]
            row = [part / sum(parts) for part in parts]
        elif loss.partner == "Sigmoid" and simple:
            row = [draw.choice([0.0, 1.0]) for _ in range(outputs)]
        else:
            row = [draw.random() for _ in range(outputs)]
        rows.append(row)
    return rows


Result = Dict[str, List[float]]


def run(
    engine: Engine, case: Case, nudge: float = 0.0, nudge_seed: int = 0, noise: float = 0.0
) -> Result:
    """Return all that a training comes to: losses, outputs, parameters, memory.

    The start weights are moved by up to `nudge`, each its own way; for `noise` see
    `round_otherwise`. Training is in two calls, between which the loss is measured.
    """
    recipe = case.recipe()
    draw = random.Random(nudge_seed)
    if noise:
        round_otherwise(recipe, noise, draw)
    for parameter in recipe.network.parameters():
        for row in parameter.rows():
            row[:] = [w + draw.choice([-nudge, nudge]) for w in row]
    memory: dict[str, dict[str, list[list[float]]]] = {}
    program = engine.program(recipe, memory)
    program.bind(case.X, case.T, case.weights)
    half = len(case.batches) // 3
    losses = program.train(case.batches[:half], case.rates[:half], 1)
    measured = [program.measure(*_rows(case, times)) for times in (1, 12)]
    assert program.done == losses
    losses += program.train(case.batches[half:], case.rates[half:], half + 1)
    outputs = program.predict(_rows(case, 1)[0])
    program.write_back()
    if getattr(program, "replays", 0):
        # An exp without guards may overflow, but not in a training that goes well.
        sizes = [abs(w) for p in recipe.network.parameters() for row in p.rows() for w in row]
        assert max([*sizes, *losses]) > 50.0, "lists did the work without need"
    found = {"losses": losses, "measured": measured, "outputs": [y for row in outputs for y in row]}
    for parameter in recipe.network.parameters():
        found[parameter.name] = [w for row in parameter.rows() for w in row]
        for name, rows in memory[parameter.name].items():
            found[f"{name} of {parameter.name}"] = [v for row in rows for v in row]
    return found


def _rows(case: Case, times: int) -> Any:
    """Return the rows of a case so many times: inputs, targets and weights."""
    X, T, weights = [values and values * times for values in (case.X, case.T, case.weights)]
    if not case.recipe().network.reads_steps:
        return X, T, weights
    return joined(X), joined(T), weights and [w for each in weights for w in each]  # type: ignore


def round_otherwise(recipe: Recipe, noise: float, draw: random.Random) -> None:
    """Let the derivatives of a recipe be off by up to `noise`, relative to their terms.

    A sum is off by that much of its largest term, even where the terms cancel; a slope, such as
    1 - y y, by that much of 1, even where it is flat. A ReLU's slope is exact.
    """

    def some(size: float) -> float:
        return draw.uniform(-noise, noise) * size if size else 0.0

    def largest(rows: Any) -> list[float]:
        return [max(map(abs, column)) for column in zip(*rows)]

    def rounded(layer: Any) -> Callable[..., Any]:
        right = layer.backward

        def backward(dY: Any, wants_dX: bool = True) -> Any:
            dX, d = right(dY, wants_dX), largest(dY)
            if isinstance(layer, nn.Dense):
                x, w = largest(layer.X), largest(zip(*layer.W))
                layer.dW = [
                    [g + some(a * b) for g, b in zip(row, d)] for row, a in zip(layer.dW, x)
                ]
                dX = [[e + some(max(d) * a) for e, a in zip(row, w)] for row in dX]
            elif isinstance(layer, (nn.RNN, nn.LSTM, nn.GRU, nn.MultiHeadAttention)):
                # Attention's derivatives by queries and keys are differences, often of equals.
                attends = isinstance(layer, nn.MultiHeadAttention)
                read = layer.parts["query"].X if attends else layer.X
                size = max(d) * max([1.0, *largest(read)])
                for gradient in layer.gradients().values():
                    for row in rows_of(gradient):
                        row[:] = [g + some(size) for g in row]
                return dX
            elif len(dX) == len(dY) and not isinstance(
                layer, (nn.ReLU, nn.LeakyReLU, nn.Linear, nn.Dropout)
            ):
                dX = [[e + some(max(map(abs, row))) for e in es] for es, row in zip(dX, dY)]
            for name in ("db", "dgamma", "dbeta"):
                if getattr(layer, name, None):
                    setattr(layer, name, [g + some(b) for g, b in zip(getattr(layer, name), d)])
            return dX

        return backward

    def logits_gradient(Y: Any, *others: Any) -> Any:
        return [[d + some(1.0 / len(Y)) for d in row] for row in at_once(Y, *others)]

    loss: Any = recipe.loss
    at_once, loss.logits_gradient = loss.logits_gradient, logits_gradient
    for layer in with_parts(recipe.network.layers):
        layer.backward = rounded(layer)  # type: ignore[method-assign]


def tolerances(case: Case, expected: Result, directions: int = 2) -> dict[str, float]:
    """Return how far an engine's numbers may be from those of `lists`, from the arithmetic.

    Another order of a sum of n terms changes it by less than n u of its terms' size, u = 2**-53.
    That is as if its weights had been moved by n u; over the steps of a training such moves add up.
    What a move of the start weights by all of that does to the results, `lists` itself tells, in
    two random directions; 16 times it is the tolerance, so that an unlucky direction does not fail.
    Rprop's steps know only the sign of a derivative, and jump: more directions find more jumps.

    Where the terms of a derivative cancel, or an activation is flat, nothing is left of it but
    rounding, n u of the terms' size. SGD makes steps as small as that. Other optimizers divide by
    the size of derivatives, so that their steps are up to rate / eps times n u, or as large as any.
    So for these, `lists` trains with such noise in its derivatives.
    """
    terms = 16 + max([len(case.X), *map(len, case.X)])
    nudge = len(case.batches) * terms * ROUNDING
    noise = 0.0 if case.optimizer().name == "sgd" else terms * ROUNDING
    moved = [run(LISTS, case, nudge, seed, noise) for seed in range(1, directions + 1)]
    found = {}
    for name, numbers in expected.items():
        size = max([1.0, *map(abs, numbers)])
        change = max(
            [abs(a - b) for other in moved for a, b in zip(numbers, other[name])], default=0.0
        )
        found[name] = 16.0 * (change + nudge * size)
    return found


def check(engine: Engine, case: Case) -> float | None:
    """Raise AssertionError unless an engine trains as `lists` does.

    Return the largest tolerance, relative to the numbers' size: how much the check was worth.

    Where `lists` diverges, the engine needs to say so for the same batch; None is returned then.
    """
    try:
        expected = run(LISTS, case)
        allowed = tolerances(case, expected)
    except BatchDivergence:
        return None
    found = run(engine, case)
    assert found.keys() == expected.keys()
    for name, numbers in expected.items():
        assert len(found[name]) == len(numbers), name
        error = max([abs(a - b) for a, b in zip(found[name], numbers)], default=0.0)
        if error > allowed[name]:
            allowed = tolerances(case, expected, directions=16)
        assert error <= allowed[name], f"{name} is off by {error}, {allowed[name]} allowed: {case}"
    sizes = {name: max([1.0, *map(abs, numbers)]) for name, numbers in expected.items()}
    return max(allowed[name] / sizes[name] for name in expected)


def gradients(engine: Engine, case: Case) -> Result:
    """Return the derivative by each parameter for the first batch: a step of plain SGD, rate 1."""
    recipe = case.recipe()._replace(optimizer=nn.SGD(1.0), clip_norm=None, clip_value=None)
    before = {p.name: [w for row in p.rows() for w in row] for p in recipe.network.parameters()}
    program = engine.program(recipe, {})
    program.bind(case.X, case.T, case.weights)
    program.train(case.batches[:1], [1.0], 1)
    program.write_back()
    return {
        p.name: [a - b for a, b in zip(before[p.name], [w for row in p.rows() for w in row])]
        for p in recipe.network.parameters()
    }


def check_gradients(engine: Engine, case: Case) -> None:
    """Raise AssertionError unless the gradients are those of `lists` to 13 digits."""
    expected, found = gradients(LISTS, case), gradients(engine, case)
    for name, numbers in expected.items():
        size = max([1.0, *map(abs, numbers)])
        for a, b in zip(numbers, found[name]):
            assert abs(a - b) <= 1e-13 * size, f"{name}: {a} and {b}: {case}"


def main() -> None:
    *names, count = sys.argv[1:]
    engines = [import_module(f"tinynn.engines.{name}").ENGINE for name in names]
    for engine in engines:
        checked = []
        for seed in range(int(count)):
            case = draw_case(random.Random(seed).choice)
            tolerance = check(engine, case)
            check_gradients(engine, case)
            checked += [tolerance] if tolerance is not None else []
        checked.sort()
        middle, most = checked[len(checked) // 2], checked[len(checked) * 9 // 10]
        print(
            f"{sys.implementation.name} {platform.python_version()}: {engine.name} agrees with "
            f"lists in {len(checked)} random trainings; tolerances: {middle:.0e} in the middle, "
            f"below {most:.0e} in nine of ten"
        )


if __name__ == "__main__":
    main()
