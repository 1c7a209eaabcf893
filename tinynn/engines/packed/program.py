"""Training in lanes: the program of the packed engine."""

from __future__ import annotations

from itertools import chain
from math import frexp, isfinite, ldexp
from typing import Any, NamedTuple, Sequence

from ...lesson.layers import Dense, Dropout
from ...lesson.matrix import Matrix, Vector
from ...lesson.optimizers import SGD
from ..contract import (
    Memory,
    Program,
    Recipe,
    start_memory,
)
from ..lists import ListsProgram
from .between import Between, Goal
from .inputs import Inputs, training_inputs
from .lanes import whole_numbers
from .layer import MOMENTUM_BITS, ROOM, LaneOverflow, PackedDense, Rule, cut_rows
from .saved import checked_state, layouts_of, take_layouts

INPUT_BITS_TRIED = (18, 14, 12)  # of inexact inputs: the first that fit into lanes
HIDDEN_BITS_TRIED = (18, 16, 14)  # of an activation up to its limit; the step is at least 2^-16
HIDDEN_LIMIT = 16.0  # the limit first assumed for activations without a bound
RATE_JUMP = 16.0  # if the rate changes by less, a velocity is rescaled in lanes, else in floats
PATIENCE = 3  # batches in a row that need `lists` before it takes over for good


def needs_floats(recipe: Recipe) -> str | None:
    """Return the part of a recipe that cannot be done in lanes, or None."""
    if type(recipe.optimizer) is not SGD:
        return type(recipe.optimizer).__name__
    if recipe.clip_norm is not None or recipe.clip_value is not None:
        return "clipping"
    for layer in recipe.network.layers:
        if layer.parameters() and type(layer) is not Dense:
            return type(layer).__name__
        if layer.frozen:
            return "a frozen layer"
    return None


class _FloatSteps(ListsProgram):
    """The `lists` engine's update, with gradients computed in lanes."""

    def __init__(self, recipe: Recipe, memory: Memory, packed: PackedProgram) -> None:
        super().__init__(recipe, memory)
        self.packed = packed

    def gradients(self, X: Matrix, T: Matrix, weights: Vector | None = None) -> float:
        return self.packed.leave_gradients()


class _Pass(NamedTuple):
    """What a batch's forward pass keeps: each dense layer's inputs, and the outputs after it."""

    xs: list[Sequence[Any]]
    outputs: list[Vector]


class PackedProgram(Program):
    """Holds the weights in lanes; the network's lists are out of date until `write_back`.

    fallback: why `lists` has taken over, or None
    """

    def __init__(self, recipe: Recipe, memory: Memory) -> None:
        self.recipe, self.memory = recipe, memory
        start_memory(recipe, memory)
        self.lists = ListsProgram(recipe, memory)
        self.floats = _FloatSteps(recipe, memory, self) if needs_floats(recipe) else None
        self._programs = [program for program in (self.lists, self.floats) if program]
        self.fallback: str | None = None
        self.inputs: Inputs | None = None
        self.rate: float | None = None  # the optimizer's memory is −velocity / rate
        self.stale = True  # the network's lists are newer than the lanes
        self.changed = False  # the lanes are newer than the network's lists
        self._troubles = 0
        self._resumed: dict[str, Any] = {}  # the state that a stream goes on from
        self._seen: Any = None
        self._predicted: tuple[Any, Inputs | None] = (None, None)
        layers = recipe.network.layers
        optimizer = recipe.optimizer
        self.places = [i for i, layer in enumerate(layers) if isinstance(layer, Dense)]
        self.dense: list[PackedDense] = []
        self.between: list[Between] = []
        self.limits: list[float] = []
        fused = recipe.loss.joins(layers[-1])
        for i, after in zip(self.places, [*self.places[1:], len(layers)]):
            layer = layers[i]
            assert isinstance(layer, Dense)
            sgd = optimizer if isinstance(optimizer, SGD) and self.floats is None else None
            self.dense.append(
                PackedDense(
                    layer.inputs,
                    layer.outputs,
                    bias=bool(layer.b),
                    first=i == 0,
                    narrow=i == 0 and self.floats is None,
                    momentum=sgd is not None and sgd.momentum > 0.0,
                    decay=sgd is not None and sgd.weight_decay > 0.0,
                )
            )
            last = after == len(layers)
            self.between.append(Between(layers[i + 1 : after], layer.outputs, fused and last))
            self.limits.append(self.between[-1].limit or HIDDEN_LIMIT)
        self.goal = Goal(recipe.loss, fused, self.dense[-1].m)
        self._noisy = [layer for layer in layers if isinstance(layer, Dropout)]
        self._buffered = [layer for layer in layers if layer.buffers()]

    # What the trainer calls.

    def bind(self, X: Matrix, T: Matrix, sample_weight: Vector | None = None) -> None:
        """Take the data, with inputs as integers; `lists` takes over if these are too coarse.

        An inexact input is off by at most half a step of 1 / `Inputs.scale`.
        """
        self.write_back()
        for program in self._programs:
            program.bind(X, T, sample_weight)
        self.goal.bind(T, sample_weight)
        self._predicted = (None, None)
        for most_bits in INPUT_BITS_TRIED:
            inputs = training_inputs(X, most_bits)
            if inputs.coarse:
                self._give_up(inputs.coarse)
                return
            self.inputs = inputs
            try:
                self._lay_out()
                return
            except LaneOverflow as error:
                reason = str(error)
        self._give_up(reason)

    def train(
        self, batches: Sequence[Sequence[int]], learning_rates: Sequence[float], first_step: int
    ) -> list[float]:
        self.done = []
        for number, (batch, rate) in enumerate(zip(batches, learning_rates)):
            if self.fallback:
                self._by_lists(batches[number:], learning_rates[number:], first_step + number)
                break
            kept = self._keep()
            try:
                if self.stale:
                    self._lay_out()
                self._step(batch, rate, first_step + number)
                self._troubles = 0
            except (LaneOverflow, ArithmeticError) as error:
                self._restore(kept)
                self._troubles += 1
                if isinstance(error, LaneOverflow) or self._troubles == PATIENCE:
                    self._give_up(str(error))
                self._by_lists([batch], [rate], first_step + number)
            except BaseException:
                if len(self.done) == number:
                    self._restore(kept)
                raise
        return self.done

    def predict(self, X: Matrix) -> Matrix:
        """Return the outputs for the rows of X, as exact as in training.

        Rows that do not fit into lanes go through the network's own layers.
        """
        if self.fallback or self.inputs is None or not X:
            self.write_back()
            return self.lists.predict(X)
        try:
            if self.stale:
                self._lay_out()
            inputs = self._inputs_like_those_bound(X)
            outputs = self._forward(inputs.rows, inputs.sparse, training=False).outputs[-1]
        except (LaneOverflow, OverflowError):
            self.write_back()
            return self.lists.predict(X)
        rows: Matrix = cut_rows(outputs, self.dense[-1].m)
        return rows

    def write_back(self) -> None:
        for program in self._programs:
            program.write_back()
        if not self.changed:
            return
        for i, dense in zip(self.places, self.dense):
            C = dense.weights()
            _put(self._lists_of(i), C)
            if dense.momentum and self.rate is not None:
                share = -1.0 / self.rate
                V = [[v * share for v in row] for row in dense.velocities()]
                _put(self._velocities_of(i), V)
        self._seen = self._image()
        self.changed = False

    def reload(self) -> None:
        for program in self._programs:
            program.reload()
        if self._seen != self._image():
            self.stale = True

    def saved(self) -> dict[str, Any]:
        if self.fallback:
            return {"fallback": self.fallback}
        if self.inputs is None:
            return self._resumed
        return {
            **layouts_of(self.dense), "limits": list(self.limits), "rate": self.rate,
            "stale": self.stale, "troubles": self._troubles,
        }  # fmt: skip

    def resume(self, saved: dict[str, Any]) -> None:
        if self.fallback or not saved:
            return
        if isinstance(saved.get("fallback"), str):
            self._give_up(saved["fallback"])
            return
        kept = checked_state(saved, self.dense)
        scale, norm, top = kept["inputs"].values()
        for most_bits in INPUT_BITS_TRIED:
            if self.inputs and self.inputs.scale != scale:
                self.inputs = training_inputs(self.lists.X, most_bits)
        limits, inputs = self.limits, self.inputs
        fits = not inputs or (inputs.scale == scale and inputs.norm <= norm and inputs.top <= top)
        self.limits = kept["limits"]
        weights = [self._weights_of(k) for k in range(len(self.dense))]
        if fits and take_layouts(self.dense, kept, self.limits, weights):
            self._resumed = saved
            self.rate, self.stale, self._troubles = kept["rate"], kept["stale"], kept["troubles"]
            self._seen = self._image()
            return
        # The data or the weights are others now.
        self.limits, self.stale = limits, True
        for dense in self.dense:
            dense.laid_out, dense.room = 0, ROOM
        if inputs:
            self.bind(self.lists.X, self.lists.T, self.lists.sample_weight)

    # Between lists and lanes.

    def _lists_of(self, i: int) -> list[Vector]:
        """Return the live rows of layer i: its weights, and its bias."""
        layer = self.recipe.network.layers[i]
        assert isinstance(layer, Dense)
        return [*layer.W, layer.b] if layer.b else layer.W

    def _weights_of(self, k: int) -> Matrix:
        """Return the weights of dense layer number k, with a last row of zeros for no bias."""
        C, dense = self._lists_of(self.places[k]), self.dense[k]
        return C if dense.bias else [*C, [0.0] * dense.m]

    def _velocities_of(self, i: int) -> list[Vector]:
        kept = [self.memory[f"{i}.W"]["velocity"]]
        if f"{i}.b" in self.memory:
            kept.append(self.memory[f"{i}.b"]["velocity"])
        return [row for rows in kept for row in rows]

    def _image(self) -> list[Matrix]:
        """Return copies of everything that the lanes are filled from."""
        image = []
        for i, dense in zip(self.places, self.dense):
            image.append([list(row) for row in self._lists_of(i)])
            if dense.momentum:
                image.append([list(row) for row in self._velocities_of(i)])
        return image

    def _lay_out(self) -> None:
        """Fill the lanes from the network's lists; velocities follow at the next step."""
        assert self.inputs is not None
        for k, dense in enumerate(self.dense):
            C = self._weights_of(k)
            if k:
                if not (dense.laid_out and dense.fill(C)):
                    self._lay_out_hidden(k, C)
                continue
            scale, norm, top = self.inputs.scale, self.inputs.norm, self.inputs.top
            like = dense.laid_out and scale == dense.scale
            if not (like and norm <= dense.norm_in and top <= dense.top_in and dense.fill(C)):
                dense.take_inputs(scale, norm, top)
                dense.lay_out(C)
        self.rate = None
        self._seen = self._image()
        self.stale = False

    def _lay_out_hidden(self, k: int, C: Matrix, V: Matrix | None = None) -> None:
        """Lay out dense layer number k, for inputs in steps as fine as its lanes can hold.

        An activation is off by half a step: 2^-(bits + 1) of the limit, or 2^-17 if that is more.
        """
        dense, limit = self.dense[k], self.limits[k - 1]
        for bits in HIDDEN_BITS_TRIED:
            fraction = min(16, bits - frexp(limit)[1] + 1)
            if fraction < 0:
                continue
            dense.take_hidden_inputs(1 << fraction, limit)
            try:
                dense.lay_out(C, V)
                return
            except LaneOverflow as error:
                reason = str(error)
        raise LaneOverflow(reason if fraction >= 0 else f"an activation is beyond {limit:.3g}")

    def _widen(self, k: int, largest: float) -> None:
        """Make room for outputs up to `largest` after dense layer number k."""
        if not isfinite(largest):
            raise LaneOverflow("an activation is not finite")
        self.limits[k] = ldexp(1.0, frexp(largest)[1] + 1)
        after = self.dense[k + 1]
        V = after.velocities() if after.momentum else None
        self._lay_out_hidden(k + 1, after.weights(), V)

    def _keep(self) -> Any:
        """Return everything that a step may change, except the network's lists: they come last."""
        return (
            [dense.kept() for dense in self.dense] if not self.stale else self.dense,
            self.rate, self.changed, self.stale, list(self.limits),
            [layer.rng.getstate() for layer in self._noisy],
            [[list(v) for v in layer.buffers().values()] for layer in self._buffered],
        )  # fmt: skip

    def _restore(self, kept: Any) -> None:
        self.dense, self.rate, self.changed, self.stale, self.limits, noise, buffers = kept
        for layer, state in zip(self._noisy, noise):
            layer.rng.setstate(state)
        for buffered, values in zip(self._buffered, buffers):
            for own, old in zip(buffered.buffers().values(), values):
                own[:] = old

    def _give_up(self, reason: str) -> None:
        """Hand all further work over to `lists`."""
        self.write_back()
        self.fallback = reason

    def _by_lists(
        self, batches: Sequence[Sequence[int]], rates: Sequence[float], first_step: int
    ) -> None:
        """Train on batches with `lists`."""
        self.write_back()
        self.stale = True
        self.lists.train_for(self, batches, rates, first_step)

    # A step.

    def _step(self, batch: Sequence[int], rate: float, t: int) -> None:
        if self.floats is not None:
            self.batch = batch
            self.stale = True
            self.floats.train_for(self, [batch], [rate], t)
            return
        rule = self._rule(rate, t)
        if rule is None:
            self._by_lists([batch], [rate], t)
            return
        self.changed = True
        value, passed, d = self._loss(batch)
        factor, samples = rule.factor, len(batch)
        for k in range(len(self.dense) - 1, -1, -1):
            dense = self.dense[k]
            e = dense.admit(_sizes(d, dense.m), samples, rule)
            D, raw = dense.quantise(d, factor, e)
            if k:
                d = self._back(k, raw, factor, e, passed)
            dense.update(passed.xs[k], D, e, rule, self._sparse(k))
        self.done.append(value)

    def leave_gradients(self) -> float:
        """Return the loss of the current batch, and store all gradients in the layers."""
        value, passed, d = self._loss(self.batch)
        layers = self.recipe.network.layers
        for k in range(len(self.dense) - 1, -1, -1):
            dense, layer = self.dense[k], layers[self.places[k]]
            assert isinstance(layer, Dense)
            e, _ = dense.scale_step(_sizes(d, dense.m), len(self.batch), 1.0, fresh=True)
            D, raw = dense.quantise(d, 1.0, e)
            if k:
                d = self._back(k, raw, 1.0, e, passed)
            *layer.dW, db = dense.gradients(passed.xs[k], D, e, self._sparse(k))
            if layer.b:
                layer.db = db
        return value

    def _sparse(self, k: int) -> bool:
        return k == 0 and self.inputs is not None and self.inputs.sparse

    def _loss(self, batch: Sequence[int]) -> tuple[float, _Pass, Vector]:
        """Return a batch's loss, its forward pass, and ∂L/∂Z of the last dense layer."""
        assert self.inputs is not None
        rows = self.inputs.rows
        passed = self._forward([rows[i] for i in batch], self.inputs.sparse)
        value, d = self.goal(passed.outputs[-1], batch)
        if not isfinite(value):
            raise OverflowError("the loss is not finite")
        return value, passed, self.between[-1].backward(d, passed.outputs[-1], 1.0)

    def _forward(self, xs: Sequence[Any], sparse: bool, training: bool = True) -> _Pass:
        passed = _Pass([xs], [])
        for k, between in enumerate(self.between):
            dense = self.dense[k]
            raw = dense.sums(passed.xs[k], sparse and k == 0)
            z = list(chain.from_iterable(map(dense.read_z, raw)))
            outputs = between.forward(z, dense.unit_read, training)
            passed.outputs.append(outputs)
            if k + 1 < len(self.dense):
                if between.limit is None:
                    largest = max(max(outputs), -min(outputs))
                    if not (largest <= self.limits[k] and isfinite(sum(outputs))):
                        self._widen(k, largest)
                    self.dense[k + 1].expect(largest)
                whole = whole_numbers(outputs, self.dense[k + 1].scale)
                passed.xs.append(cut_rows(whole, dense.m))
        return passed

    def _back(self, k: int, raw: bytes, factor: float, e: int, passed: _Pass) -> Vector:
        """Return ∂L/∂Z of the dense layer before number k, from the D' of number k."""
        dense = self.dense[k]
        unit = ldexp(dense.unit_back, -dense.fd - e) / factor
        return self.between[k - 1].backward(dense.backward(raw), passed.outputs[k - 1], unit)

    def _rule(self, rate: float, t: int) -> Rule | None:
        """Return how to update in lanes, or None for a step that lanes cannot make.

        The velocity is stored as −rate · the optimizer's: the length of a step. So when the rate
        changes, the share that it keeps changes, too: momentum · rate / previous rate.
        """
        optimizer = self.recipe.optimizer
        assert isinstance(optimizer, SGD)
        momentum = optimizer.momentum
        fresh = 1.0 - optimizer.dampening if momentum and t > 1 else 1.0
        decay = rate * fresh * optimizer.weight_decay
        if not rate * fresh > 0.0 or decay > 1.0:
            return None
        if not momentum:
            return Rule(-rate, decay=decay, biases=optimizer.decay_biases)
        if self.rate is None or not 1.0 / RATE_JUMP < rate / self.rate < RATE_JUMP:
            self._take_velocities(rate)
        assert self.rate is not None
        keep, self.rate = _multiple(momentum * (rate / self.rate)), rate
        nesterov = _multiple(momentum) if optimizer.nesterov else 0.0
        return Rule(-rate * fresh, keep, nesterov, decay, optimizer.decay_biases)

    def _take_velocities(self, rate: float) -> None:
        """Put the velocities from the optimizer's memory into lanes, as steps at this rate."""
        self.write_back()
        for i, dense in zip(self.places, self.dense):
            V = [[-rate * v for v in row] for row in self._velocities_of(i)]
            if not dense.bias:
                V.append([0.0] * dense.m)
            dense.fill_velocity(V)
        self.rate = rate

    def _inputs_like_those_bound(self, X: Matrix) -> Inputs:
        """Return X as integers at the scale of the training; the latest X is remembered."""
        bound = self.inputs
        assert bound is not None
        if X is self.lists.X:
            return bound
        if self._predicted[0] is not X:
            inputs = Inputs(X, bound.scale)
            fit = not inputs.coarse and inputs.error <= bound.error
            self._predicted = (X, inputs if fit else None)
        inputs_or_none = self._predicted[1]
        if inputs_or_none is None or not self.dense[0].bears(inputs_or_none.norm):
            raise LaneOverflow("the inputs differ too much from those in training")
        return inputs_or_none


def _put(rows: list[Vector], numbers: Matrix) -> None:
    for row, new in zip(rows, numbers):
        row[:] = new


def _sizes(d: Vector, columns: int) -> Vector:
    """Return the sum of the sizes of the derivatives in each column."""
    if len(d) == columns:
        return list(map(abs, d))
    return [sum(map(abs, d[j::columns])) for j in range(columns)]


def _multiple(value: float) -> float:
    """Return the nearest multiple of 2^-`MOMENTUM_BITS`."""
    return ldexp(round(ldexp(value, MOMENTUM_BITS)), -MOMENTUM_BITS)
