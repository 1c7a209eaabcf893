"""The program of a network that reads sequences: batches of rows that belong together.

The rows of all sequences lie one after another. A batch whose sequences are all of one length is as
a batch of rows, only that the code knows how many belong together. One of different lengths is put
together: for each sequence the code of its length adds derivatives, and then one code updates.
"""

from __future__ import annotations

from array import array
from itertools import accumulate, chain
from math import fsum, inf, isfinite
from typing import Any, Sequence

from ...lesson.matrix import Matrix
from ..plans import SUMMARIES, LayerPlan, TrainingPlan
from ..sequence_plans import sequences_plan
from . import layout as at, program
from .calls import Call
from .host import Lent
from .machine import LANES
from .prediction import LoadedCode
from .training import TrainingShape


class NativeSequences(program.NativeProgram):
    """Trains on sequences: X, T and the weights have a list for each."""

    def _plan(self) -> TrainingPlan:
        return sequences_plan(self.recipe, LANES)

    def bind(self, X: Any, T: Any, sample_weight: Any = None) -> None:
        self._lengths = lengths = list(map(len, X))
        self._starts = [0, *accumulate(lengths)]
        self._load()
        targets, weights = T, sample_weight
        if self.plan.one_row:  # the targets of a sequence stand beside its last row
            beside = [[0.0] * self.plan.outputs]
            targets = [beside * (length - 1) + list(t) for length, t in zip(lengths, T)]
            if weights is not None:
                weights = [[0.0] * (n - 1) + list(w) for n, w in zip(lengths, weights)]
        super().bind(_flat(X), _flat(targets), None if weights is None else _flat(weights))
        self._given = X, T, sample_weight

    def _rows_and_runs(self, batches: Sequence[Sequence[int]]) -> tuple[array[int], list[Call]]:
        self._batches = batches
        starts, lengths = self._starts, self._lengths
        rows = array("q")
        runs: list[Call] = []
        for number, batch in enumerate(batches):
            begin = len(rows)
            for i in batch:
                rows.extend(range(starts[i], starts[i + 1]))
            steps = lengths[batch[0]]
            alike = all(lengths[i] == steps for i in batch)
            call = Call(number, begin, 1, 1, len(rows) - begin, 0, steps if alike else 0)
            last = runs[-1] if runs else call
            if runs and alike and (last.length, last.steps) == (call.length, call.steps):
                runs[-1] = last._replace(batches=last.batches + 1)
            else:
                runs.append(call)
        return rows, runs

    def _samples(self, call: Call) -> Sequence[int]:
        return self._batches[call.first]

    def _rows_through(self, layer: LayerPlan, call: Call) -> int:
        ended = next((k.place for k in self.plan.layers if k.kind in SUMMARIES), inf)
        if layer.place < ended:
            return call.rows
        return call.rows // call.steps if call.steps else len(self._samples(call))

    def _shape(self, bound: Any, call: Call, measures: bool = False) -> TrainingShape:
        shape = super()._shape(bound, call, measures)
        return shape if call.steps else shape._replace(rows=1, sparse=False, part="update", steps=1)

    def _run(self, ready: LoadedCode, call: Call) -> None:
        if call.steps:
            super()._run(ready, call)
            return
        # The header, with the numbers of the update, is for `ready`; each sequence gets its own.
        update = [self._arena.read_integer(place) for place in range(at.EPOCHS, at.LOSSES, 8)]
        weights, batch = self._bound.sample_weight, self._samples(call)
        start = self._order.address + 8 * call.row
        share: float = len(batch) if self.plan.one_row else call.rows
        if weights is not None:
            share = fsum([weights[i] for i in self._order.numbers[call.row : call.row + call.rows]])
        losses = Lent(array("d", bytes(8 * len(batch))))
        self._arena.restore(ready.code.gradients, bytes(ready.code.parameters.size))
        whole = super()._shape(self._bound, call)
        for k, i in enumerate(batch):
            steps = self._lengths[i]
            part = program.training(whole._replace(rows=steps, steps=steps, part="sums"))
            self._use(part)
            numbers = Lent(part.code.numbers([0.0], 1, share or inf))
            self._set(at.EPOCHS, 1, 1, start, numbers.address, losses.address + 8 * k)
            part.call(self._arena.address)
            if self._arena.read_integer(at.EPOCHS):
                return
            start += 8 * steps
        loss = fsum(losses.first(len(batch)))
        self._losses.replace(call.first, loss)
        self._use(ready)
        ended = self._losses.address + 8 * (call.first + 1)
        self._set(at.EPOCHS, *update, ended)
        if isfinite(loss):
            ready.call(self._arena.address)

    def predict(self, X: Matrix) -> Matrix:
        outputs: Matrix = []
        if X and len(X[0]) != self._columns:
            self.write_back()
            return self.recipe.network.forward(X)
        self._load()
        start, one_row = 0, self.plan.one_row
        for steps in getattr(X, "lengths", [len(X)]) if X else ():
            part = X[start : start + steps]
            ready = self._prediction(steps, steps)
            outputs += self._outputs(ready, part, 1 if one_row else steps)
            start += steps
        return outputs


def _flat(lists: Any) -> list[Any]:
    return [*chain.from_iterable(lists)]
