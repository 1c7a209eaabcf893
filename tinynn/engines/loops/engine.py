"""The `loops` engine: writes indexed loops over flat lists for one network, to be run by a JIT.

On PyPy it is the fastest engine for all but the smallest networks, and for wide ones no slower than
NumPy on CPython. On CPython every step of a loop is interpreted: it works, but slowly.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any, Sequence

from ...formulas.caches import cached
from ...lesson.matrix import Matrix, Vector
from ...lesson.network import Sequential
from ..compiled import CompiledProgram, State
from ..contract import Engine, Memory, Predictor, Recipe, most_rows, output_check
from ..optimizer_source import write_loop_clipping, write_step_constants, write_update
from ..plans import LayerPlan, TrainingPlan, frozen, plan_of, unknown_layer, unknown_part
from ..source import Compiled, SourceWriter, compile_source
from .layers import (
    LoopBackward,
    LoopForward,
    list_names,
    loss_rows,
    parameter_names,
    write_loss,
)


class LoopsEngine(Engine):
    """Runs networks of any size with the library's own layers, losses and optimizers."""

    name = "loops"

    def refuses(self, recipe: Recipe, batch_size: int) -> str | None:
        return unknown_part(recipe)

    def program(self, recipe: Recipe, memory: Memory) -> LoopsProgram:
        return LoopsProgram(recipe, memory)

    def source(self, recipe: Recipe, batch_size: int) -> str:
        """Return the source of the training step.

        With a batch size of 1 the weights change after each sample, otherwise after each batch.
        """
        return training_source(plan_of(recipe, recipe.network.inputs or 1), batch_size == 1)

    def refuses_prediction(self, network: Sequential) -> str | None:
        if network.inputs is None:
            return "the network's number of inputs is unknown"
        return unknown_layer(network)

    def predictor(self, network: Sequential) -> Predictor:
        layers = frozen(network)
        lists = {
            f"{letter}{layer.plan.place}": _flat(layer.values[letter])
            for layer in layers
            for letter in layer.plan.letters()
        }
        code = prediction_source(tuple(layer.plan for layer in layers))
        return compile_source(code, "loops prediction", checked=output_check(network), **lists)


class LoopsProgram(CompiledProgram):
    """Trains with functions that work on copies of the flat lists, and return them."""

    def flatten(self, matrices: list[Matrix]) -> State:
        return tuple([_flat(rows) for rows in matrices])

    def unflatten(self, state: State, number: int, matrices: list[Matrix]) -> None:
        for k, rows in enumerate(matrices):
            numbers = state[number * len(matrices) + k]
            for i, row in enumerate(rows):
                row[:] = numbers[i :: len(rows)]

    def rows_bound(self, X: Matrix, T: Matrix, sample_weight: Vector | None) -> None:
        """Do nothing: the rows are lists of floats already."""

    def call(
        self, batches: Sequence[Sequence[int]], rates: Sequence[float], step: int, draws: list[Any]
    ) -> tuple[list[float], State]:
        weights = self._sample_weight
        single = weights is None and most_rows(batches) == 1
        train = self.function(single, lambda: training(self.plan, single))
        losses, state = train(
            self.state, self._X, self._T, weights, batches, rates, step, draws
        )  # fmt: skip
        return losses, state

    def answers(self, X: Matrix) -> Matrix:
        predict = self.function("predict", lambda: prediction(self.plan.layers))
        names = parameter_names(self.plan.layers)
        return [predict(x, *self.state[: len(names)]) for x in X]


def _flat(rows: Matrix) -> list[float]:
    """Return the numbers of a matrix column by column, so that a neuron's weights are adjacent."""
    return [value for column in zip(*rows) for value in column]


@cached(64)
def training(plan: TrainingPlan, single: bool) -> Compiled:
    """Return the compiled training function for a plan; equal plans share it."""
    started = perf_counter()
    code = training_source(plan, single)
    return Compiled(compile_source(code, "loops training"), code, perf_counter() - started)


@cached(64)
def prediction(layers: tuple[LayerPlan, ...]) -> Compiled:
    """Return the compiled function of a row and the lists of parameters."""
    started = perf_counter()
    code = prediction_source(layers, given=False)
    return Compiled(compile_source(code, "loops prediction"), code, perf_counter() - started)


def prediction_source(layers: tuple[LayerPlan, ...], given: bool = True) -> str:
    """Return the source of `predict(row)`; the lists of parameters are defaults if `given`.

    Otherwise they are further arguments, and outputs are not checked.
    """
    names = parameter_names(layers)
    code = SourceWriter()
    arguments = [f"{name}={name}" if given else name for name in names]
    code(f"def predict({', '.join(['x', *arguments])}):")
    code.depth += 1
    held = LoopForward(code, layers, training=False).held
    if given:
        code(f"y = sum({held[-1]})", f"if y - y: return checked({held[-1]})")
    code(f"return {held[-1] if held[-1] != 'x' else 'list(x)'}")
    return str(code)


def training_source(plan: TrainingPlan, single: bool) -> str:
    """Return the source of `train(state, X, T, weights, batches, learning_rates, step, draws)`.

    state: the flat lists of parameters, then each memory's; they are copied, never changed.
    X, T: rows; weights: the samples', or None; draws: a function for each Dropout layer. The
    function returns the batches' mean losses and the new state. `single`: each batch is one row.
    """
    names = parameter_names(plan.layers)
    kept = names + [f"{memory}_{w}" for memory in plan.memories for w in names]
    at_once = single and plan.folds and not plan.setting("weight_decay")
    code = SourceWriter()
    code("def train(state, X, T, weights, batches, learning_rates, step, draws):")
    code.depth += 1
    layers = ", ".join(map(str, plan.layers))
    code('"""Train on batches of row numbers; return their mean losses and the new weights.', "")
    code(f"{layers or 'No layers'}; loss {plan.loss}; optimizer {plan.optimizer}.", '"""')
    if kept:
        code.wrapped(kept, "(", ") = map(list, state)")
    _write_lists(code, plan)
    trained = parameter_names(plan.layers, trained=True)
    if not at_once:
        code(*[f"d{w} = [0.0] * len({w})" for w in trained])
    code("losses = []")
    with code.block("for rate, batch in zip(learning_rates, batches):"):
        code("n = float(len(batch)) if weights is None else sum([weights[i] for i in batch])")
        rate = " * rate" if at_once else ""
        code(f"share = {plan.derivative_scale!r} / n{rate} if n else 0.0", "loss = 0.0")
        with code.block("for row in batch:"):
            code("x = X[row]", "t = T[row]", "weight = 1.0 if weights is None else weights[row]")
            code("k = share * weight")
            forward = LoopForward(code, plan.layers, training=True)
            skipped = write_loss(code, plan, forward.held)
            code("loss += weight * one")
            LoopBackward(forward, skipped, at_once)
        code(f"losses.append({plan.loss_scale!r} / n * loss if n else 0.0)")
        if not at_once:
            _write_updates(code, plan, trained)
    code(f"return losses, ({', '.join(kept)}{',' if kept else ''})")
    return str(code)


def _write_lists(code: SourceWriter, plan: TrainingPlan) -> None:
    """Write the lists that the passes over a sample use."""
    code(f"dY = [0.0] * {plan.outputs}")
    noisy = [f"draw{layer.place}" for layer in plan.layers if layer.kind == "Dropout"]
    if noisy:
        code(f"({', '.join(noisy)},) = draws")
    code(*[f"{row}Y = [0.0] * {plan.outputs}" for row in sorted(loss_rows(plan) - {"d"})])
    for layer in plan.layers:
        code(*[f"{name} = [0.0] * {layer.outputs}" for name in list_names(layer, True)])
        if layer.kind == "Dense":
            code(f"d{layer.place} = [0.0] * {layer.inputs}")


def _write_updates(code: SourceWriter, plan: TrainingPlan, names: list[str]) -> None:
    write_loop_clipping(code, plan, names)
    code.comment(f"update: {plan.optimizer}")
    write_step_constants(code, plan)
    for w in names:
        keep = "keep * " if plan.decays(w) else ""
        with code.block(f"for q in range(len({w})):"):
            if plan.folds:
                code(f"{w}[q] = {keep}{w}[q] - rate * d{w}[q]")
            else:
                write_update(code, plan, f"{w}[q]", f"d{w}[q]")
            code(f"d{w}[q] = 0.0")
    code("step += 1")


ENGINE = LoopsEngine()
