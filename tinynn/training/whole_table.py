"""Training on whole tables: the program that runs LBFGS on top of an engine."""

from __future__ import annotations

from itertools import chain
from math import inf, isfinite
from typing import Any, Iterator, Sequence

from ..engines.contract import BatchDivergence, Batches, Engine, Memory, Program, Recipe
from ..engines.gradient_sum import GradientSum
from ..errors import DataError, DivergenceError, FormatError, SettingError, ShapeError
from ..lesson.freezing import frozen_names
from ..lesson.layer import Layer
from ..lesson.matrix import Matrix, Vector, dot
from .lbfgs import LBFGS, Minimization, checked_saved
from .training_data import divergence

ROWS_AT_ONCE = 256  # the rows of a batch, whose outputs should fit into the processor's cache


def check_whole_table(recipe: Recipe, who: str = "LBFGS", clips: bool = False) -> None:
    """Raise SettingError for a part of a recipe whose loss is no function of weights and rows."""
    if not clips and (recipe.clip_norm is not None or recipe.clip_value is not None):
        raise SettingError("LBFGS needs unclipped gradients; leave out clip_norm and clip_value")
    for layer in recipe.network.layers:
        if layer.reads_steps:
            raise SettingError(f"{who} needs rows, got {layer!r}, which reads sequences")
        if layer.buffers() or type(layer).seed_noise is not Layer.seed_noise:
            raise SettingError(
                f"{who} needs a network that gives a row the same outputs each time, "
                f"got {layer!r}, which depends on chance or on the rest of the batch in training; "
                f"leave it out, or use another {'optimizer' if who == 'LBFGS' else 'average'}"
            )


def no_start(
    what: str, epoch: int, batch: int, learning_rate: float, X: Matrix, history: object
) -> DivergenceError:
    """Return the error of a loss that is not finite before the first step; see `divergence`."""
    error = divergence(what, epoch, batch, learning_rate, X, history)
    size = max(abs(x) for row in X for x in row)
    error.args = (
        f"LBFGS needs a finite loss to begin with: {what}. The network is as it was. The largest "
        f"input is {size:.4g}; scale the inputs",
    )
    return error


class LBFGSProgram(Program):
    """Minimizes the loss of all bound rows; each update is an iteration of L-BFGS.

    engine: makes the program that computes losses and gradients
    recipe: what that program runs, with `GradientSum` as its optimizer

    What it minimizes is the mean loss plus weight_decay / 2 · |w|², over all parameters, or only
    matrices without `decay_biases`. The losses that `train` returns are mean losses after updates.
    """

    def __init__(self, engine: Engine, recipe: Recipe, settings: LBFGS) -> None:
        self.memory: Memory = {}
        self.program, self.recipe = engine.program(recipe, self.memory), recipe
        self.engine = engine.name
        self.tell = getattr(self.program, "tell", no_start)
        self.network, self.settings = recipe.network, settings
        self.task: Minimization | None = None
        self.earlier: dict[str, Any] | None = None  # what `resume` took
        self.decays: Vector = []  # the weight decay of each weight; empty if there is none
        self.trouble = ""
        self.done = []

    @property
    def fallback(self) -> str | None:  # type: ignore[override]
        return self.program.fallback

    @property
    def ended(self) -> str | None:  # type: ignore[override]
        return self.task.ended if self.task else None

    def bind(self, X: Matrix, T: Matrix, sample_weight: Vector | None = None) -> None:
        self.program.bind(X, T, sample_weight)
        rows = len(X)
        self.batches = Batches(range(rows), rows, ROWS_AT_ONCE)
        sizes: Sequence[float] = self.batches.lengths
        if sample_weight is not None:
            sizes = [sum(sample_weight[batch[0] : batch[-1] + 1]) for batch in self.batches]
        self.size = sum(sizes)
        self.shares = [size / (self.size or 1.0) for size in sizes]
        self.task = None

    def saved(self) -> dict[str, Any]:
        task = self.task.saved() if self.task else self.earlier or {}
        return {**task, "engine": self.program.saved()}

    def resume(self, saved: dict[str, Any]) -> None:
        inner = {key: value for key, value in saved.items() if key != "engine"}
        try:
            self.earlier = checked_saved(inner, len(self._weights()))
        except (DataError, SettingError, ShapeError) as error:
            raise FormatError(str(error)) from None
        engine = saved.get("engine", {})
        if not isinstance(engine, dict):
            raise FormatError(f"the state of lbfgs needs an object as engine, got {engine!r:.40}")
        self.program.resume(engine)

    def train(
        self, batches: Sequence[Sequence[int]], learning_rates: Sequence[float], first_step: int
    ) -> list[float]:
        self.done = []
        weights = self._weights()
        if self.task is not None and weights != self.task.at.x:
            self.task = None  # a caller has changed them
        begun = self.task.at.number if self.task else 0
        try:
            if self.task is None:
                self.task = self._begun(weights)
            for _ in batches:
                self.task.iterate()
                self.done.append(self._loss(self.task))
                if self.task.ended:
                    break
        finally:
            try:
                self._settle(weights, begun)
            except KeyboardInterrupt:
                self._settle(weights, begun)
                raise
        return self.done

    def predict(self, X: Matrix) -> Matrix:
        return self.program.predict(X)

    def measure(
        self,
        X: Matrix,
        T: Matrix,
        sample_weight: Vector | None = None,
        outputs: Matrix | None = None,
    ) -> float:
        return self.program.measure(X, T, sample_weight, outputs)

    def write_back(self) -> None:
        self.program.write_back()

    def reload(self) -> None:
        self.program.reload()

    def _begun(self, weights: Vector) -> Minimization:
        decay, parameters = self.settings.weight_decay, self.network.parameters()
        frozen = frozen_names(self.network.layers)
        decays: list[float] = []
        for parameter in parameters if decay else ():
            decayed = parameter.is_matrix or self.settings.decay_biases
            own = decay if decayed and parameter.name not in frozen else 0.0
            decays += [own for row in parameter.rows() for _ in row]
        self.decays = decays
        task = Minimization(self.value, weights, self.settings, self.earlier)
        self.earlier = None
        if not isfinite(task.at.value):
            raise BatchDivergence(0, self.trouble, [])
        return task

    def value(self, x: Vector) -> tuple[float, Vector]:
        """Return the value at x, infinite if it cannot be computed, and its gradient."""
        self._place(x)
        try:
            losses = self.program.train(self.batches, self.shares, 1)
        except BatchDivergence as error:
            self.trouble = error.what
            return inf, []
        self.program.write_back()
        gradient = [*chain.from_iterable(self._sums())]
        if self.decays:
            gradient = [g + d * w for g, d, w in zip(gradient, self.decays, x)]
        return dot(losses, self.shares) + self._penalty(x), gradient

    def _penalty(self, x: Vector) -> float:
        return sum([d * w * w for d, w in zip(self.decays, x)]) / 2.0

    def _loss(self, task: Minimization) -> float:
        """Return the mean loss of all rows, without the penalty."""
        return task.at.value - self._penalty(task.at.x)

    def _settle(self, weights: Vector, begun: int) -> None:
        """Leave the network at the latest whole iteration, and count that."""
        if self.task is None:
            self._place(weights)
            return
        if len(self.done) < self.task.at.number - begun:
            self.done.append(self._loss(self.task))
        self._place(self.task.at.x)

    def _weights(self) -> Vector:
        """Return all the numbers of the network's parameters."""
        rows = [parameter.rows() for parameter in self.network.parameters()]
        return [*chain.from_iterable(chain.from_iterable(rows))]

    def _place(self, x: Vector) -> None:
        """Put weights into the network, and 0 into the sums of gradients."""
        start = 0
        for parameter in self.network.parameters():
            for row in parameter.rows():
                row[:] = x[start : start + len(row)]
                start += len(row)
        for row in self._sums():
            row[:] = [0.0] * len(row)
        self.program.reload()

    def _sums(self) -> Iterator[Vector]:
        for parameter in self.network.parameters():
            yield from self.memory[parameter.name][GradientSum.total]
