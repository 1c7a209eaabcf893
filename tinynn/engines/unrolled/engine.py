"""The `unrolled` engine: writes the training step of one network as straight-line Python.

Every weight is a local variable, every sum is written out, and the only loops are over batches and
samples; Python then spends its time on arithmetic alone. That is the fastest way to run a small
network, and, as `source` shows, an explanation of back-propagation without a single index.

The source is written by `functions.py`, `layers.py`, `losses.py` and `../optimizer_source.py`, and
compiled by `../source.py`. Equal plans share one compiled function.
"""

from __future__ import annotations

import sys
from time import perf_counter
from typing import Any, Sequence

from ...formulas.caches import cached
from ...lesson.matrix import Matrix, Vector
from ...lesson.network import Sequential
from ..compiled import CompiledProgram, State, put_rows
from ..contract import Batches, Engine, Memory, Predictor, Program, Recipe, most_rows, output_check
from ..plans import LayerPlan, TrainingPlan, frozen, plan_of, unknown_layer, unknown_part, widest
from ..source import Compiled, compile_source
from .functions import Mode, prediction_source, takes_products, training_source
from .layers import Numbers, parameter_names
from .losses import targets_are_simple

PYPY = sys.implementation.name == "pypy"
SUMPROD = sys.version_info >= (3, 12)  # there `lists` multiplies rows with math.sumprod

# The most parameters to write out. At 64-32-10 (2,410 of them) a sample in a batch of 32 takes
# 155 us against 196 with `lists` on CPython 3.11; on 3.13, with sumprod, 175 against 161, but 67
# against 75 at 16-32-10 (874). PyPy compiles long functions badly: 4-10-3 (83) takes 0.7 us against
# 1.9 with `loops`, 24-16-4 (468) takes 168 against 2.5; in prediction, 32-16-10 (698) takes 2.3 us
# against 3.6 with `loops`, but 16-32-10 (874) 28 against 6.
MAX_TRAINING_PARAMETERS = 150 if PYPY else 3000
MAX_BATCH_PARAMETERS = 150 if PYPY else 1000 if SUMPROD else 3000
MAX_PREDICTION_PARAMETERS = 500 if PYPY else 1000 if SUMPROD else 3000
# The most weights and numbers in the optimizer's memory to write out: writing and compiling take
# 23-36 us for each on CPython 3.11 (64-32-10 with Adam: 0.24 s), 40-70 on 3.13. On PyPy 8-10-5 with
# clipping and three memories (580 numbers) takes 354 us a sample, loops 10.
MAX_NUMBERS = 500 if PYPY else 6000
# Python's compiler gives up on a sum of about 3,000 terms, or fewer if the stack is deep.
MAX_WIDTH = 500
# The most terms (rows times parameters) for which a data set is written into the source, once it
# has been trained on for this many steps per term. A step of the original program (9 terms) then
# takes 0.45 us against 1.4, of XOR 2-4-1 (68) 4.9 against 6.2; writing and compiling take 0.5 and
# 1.9 ms. Larger data sets, and PyPy, gain too little. A step of one row of XOR takes 0.9 us
# against 1.2.
MAX_CONSTANT_TERMS = 0 if PYPY else 100
CONSTANT_STEPS_PER_TERM = 10
CONSTANT_SINGLE_STEPS_PER_TERM = 80
MAX_FIRST_TERMS = 16


class UnrolledEngine(Engine):
    """Runs small networks of the library's own layers, losses and optimizers."""

    name = "unrolled"

    def refuses(self, recipe: Recipe, batch_size: int) -> str | None:
        if recipe.network.reads_steps:
            if PYPY or SUMPROD:
                return "it writes no sequences here, where `lists` is as fast"
            from .sequences import refuses_sequences  # which few trainings need

            return refuses_sequences(recipe.network)
        most = MAX_TRAINING_PARAMETERS if batch_size == 1 else MAX_BATCH_PARAMETERS
        count = recipe.network.count_parameters()
        refusal = unknown_part(recipe) or _too_large(recipe.network, count, most)
        if refusal:
            return refusal
        numbers = count * (1 + len(recipe.optimizer.memory_names))
        if numbers > MAX_NUMBERS:
            return (
                f"the weights and the optimizer's memory hold {numbers:,} numbers, "
                f"and it writes out at most {MAX_NUMBERS:,} here"
            )
        return None

    def program(self, recipe: Recipe, memory: Memory) -> Program:
        if recipe.network.reads_steps:
            from .sequences import SequencesProgram

            return SequencesProgram(recipe, memory)
        return UnrolledProgram(recipe, memory)

    def source(self, recipe: Recipe, batch_size: int) -> str:
        """Return the source of the training step: all of back-propagation, each sum written out.

        With a batch size of 1 the weights change after each sample, otherwise after each batch.
        """
        columns = recipe.network.inputs or 1
        return training_source(plan_of(recipe, columns), Mode(single=batch_size == 1))

    def refuses_prediction(self, network: Sequential) -> str | None:
        if network.inputs is None:
            return "the network's number of inputs is unknown"
        count = network.count_parameters()
        return unknown_layer(network) or _too_large(network, count, MAX_PREDICTION_PARAMETERS)

    def predictor(self, network: Sequential) -> Predictor:
        return _predictor(network)


class UnrolledProgram(CompiledProgram):
    """Trains with functions that hold the weights in local variables."""

    def flatten(self, matrices: list[Matrix]) -> State:
        return (tuple([value for rows in matrices for row in rows for value in row]),)

    def unflatten(self, state: State, number: int, matrices: list[Matrix]) -> None:
        start = 0
        for rows in matrices:
            start = put_rows(state[number], start, rows)

    def rows_bound(self, X: Matrix, T: Matrix, sample_weight: Vector | None) -> None:
        self._rows: list[tuple[float, ...]] = (
            [(*x, *t) for x, t in zip(X, T)]
            if sample_weight is None
            else [(*x, *t, u) for x, t, u in zip(X, T, sample_weight)]
        )
        self._simple = targets_are_simple(self.recipe.loss.name, T)
        self._steps = 0
        self._terms = terms = len(X) * len(self.state[0])
        self._small = 0 < terms <= MAX_CONSTANT_TERMS and (
            sample_weight is None or any(sample_weight)
        )

    def call(
        self, batches: Sequence[Sequence[int]], rates: Sequence[float], step: int, draws: list[Any]
    ) -> tuple[list[float], State]:
        mode = self._mode(batches)
        train = self.function(mode, lambda: training(self.plan, mode))
        if mode.single and isinstance(batches, Batches):
            batches = [batches.rows]  # one after another, as single rows are taken
        if mode.rows and takes_products(self.plan):
            rates = _times(self.plan.derivative_scale / mode.total, rates)
        losses, state = train(self.state, self._rows, batches, rates, step, draws)
        return losses, state

    def _mode(self, batches: Sequence[Sequence[int]]) -> Mode:
        weighted = self._sample_weight is not None
        single = not weighted and most_rows(batches) == 1
        if self._small and (self._known_rows(batches) if single else self._whole(batches)):
            return Mode(single, weighted, self._simple, tuple(self._rows))
        return Mode(single, weighted, self._simple)

    def _whole(self, batches: Sequence[Sequence[int]]) -> bool:
        """Whether each batch is all the rows, in order, and there were enough steps like that.

        Only then does it pay to write the rows into the source.
        """
        if isinstance(batches, Batches) and batches.size == batches.samples:
            alike, first = len(batches.order) == batches.samples, batches.order
        else:
            first = batches[0] if batches else []
            alike = len(first) == len(self._rows) and batches.count(first) == len(batches)
        if not alike or list(first) != list(range(len(self._rows))):
            return False
        self._steps += len(batches)
        return self._steps >= CONSTANT_STEPS_PER_TERM * self._terms or self._is_first()

    def _known_rows(self, batches: Sequence[Sequence[int]]) -> bool:
        """Whether single rows can be written into the source, after enough steps to pay."""
        self._steps += len(batches)
        enough = self._steps >= CONSTANT_SINGLE_STEPS_PER_TERM * self._terms
        return enough and takes_products(self.plan)

    def _is_first(self) -> bool:
        """Whether this is the plan's first data set: a tiny one is then written out at once.

        That saves compiling twice, and costs nothing if the data keep changing.
        """
        if self._terms > MAX_FIRST_TERMS:
            return False
        known = _first_rows(self.plan)
        if not known:
            known.append(self._rows)
        return known[0] == self._rows

    def answers(self, X: Matrix) -> Matrix:
        predict = self.function("predict", lambda: prediction(self.plan.layers, self._columns))
        rows: Matrix = predict(self.state[0], X)
        return rows


@cached(64)
def _first_rows(plan: TrainingPlan) -> list[list[tuple[float, ...]]]:
    """Return a list to hold the first data set trained on with a plan."""
    return []


def _times(factor: float, rates: Sequence[float]) -> Sequence[float]:
    if rates.count(rates[0]) == len(rates):
        return [factor * rates[0]] * len(rates)
    return [factor * rate for rate in rates]


@cached(64)
def training(plan: TrainingPlan, mode: Mode) -> Compiled:
    """Return the compiled training function for a plan; equal plans share it."""
    started = perf_counter()
    code = training_source(plan, mode)
    function = compile_source(code, "unrolled training")
    return Compiled(function, code, perf_counter() - started)


@cached(64)
def prediction(layers: tuple[LayerPlan, ...], inputs: int) -> Compiled:
    """Return the compiled function that predicts from (weights, rows); equal plans share it."""
    started = perf_counter()
    code = prediction_source(layers, inputs, None)
    function = compile_source(code, "unrolled prediction")
    return Compiled(function, code, perf_counter() - started)


def _predictor(network: Sequential) -> Predictor:
    layers, numbers = _numbers(network)
    inputs = network.inputs or 1
    made: list[Predictor] = []

    def careful(row: Sequence[float]) -> list[float]:
        """Predict with formulas that cannot overflow, compiled when they are first needed."""
        if not made:
            code = prediction_source(layers, inputs, numbers, careful=True)
            made.append(compile_source(code, "careful prediction", checked=output_check(network)))
        return made[0](row)

    code = prediction_source(layers, inputs, numbers)
    return compile_source(code, "prediction", careful=careful, checked=output_check(network))


def _numbers(network: Sequential) -> tuple[tuple[LayerPlan, ...], Numbers]:
    """Return the layers that prediction needs, and parameters by their names in the source."""
    layers = frozen(network)
    plans = tuple(layer.plan for layer in layers)
    values = [
        value
        for layer in layers
        for letter in layer.plan.letters()
        for row in layer.values[letter]
        for value in row
    ]
    return plans, dict(zip(parameter_names(plans), values))


def _too_large(network: Sequential, count: int, most: int) -> str | None:
    """Return why the network's `count` numbers cannot be written out in good time, or None."""
    if count > most:
        return f"the network has {count:,} parameters, and it writes out at most {most:,} here"
    width = widest(network)
    if width > MAX_WIDTH:
        return f"a layer has {width:,} columns, and it writes sums of at most {MAX_WIDTH} terms"
    return None


ENGINE = UnrolledEngine()
