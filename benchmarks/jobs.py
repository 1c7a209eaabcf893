"""What a benchmark runs: one implementation prepared for one task."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterable, NamedTuple, Sequence

from tinynn.lesson.matrix import Matrix

# How far results may be from the reference. Sums in another order differ in their last bits, and
# training amplifies that; float32 has 24 bits; fixed-point lanes are as precise as their scale.
FLOAT64 = 1e-9
FLOAT32 = 1e-4
FIXED_POINT = 1e-4


class Refused(Exception):
    """An implementation is absent or cannot do a task; the message says why."""


class NotMeant(Refused):
    """An implementation is not made for this kind of task: it gets no row in the table."""


class Sample(NamedTuple):
    """The seconds that one run took."""

    cpu: float
    wall: float


class Job:
    """One implementation prepared for one task.

    `reset` goes back to the starting state, `run` does the work that is measured, `result` returns
    the numbers to compare. `tolerance` is the most that any of them may be off; `note` is for the
    table, and may depend on what ran.
    """

    tolerance = FLOAT64
    note = ""
    whole = False  # whether a part of the task would be done differently from all of it

    def reset(self) -> None:
        """Go back to the starting weights; not measured."""

    def run(self, amount: int) -> None:
        """Do `amount` epochs of training, or `amount` calls."""
        raise NotImplementedError

    def result(self) -> list[float]:
        """Return the weights or outputs after `run`."""
        raise NotImplementedError

    def measure(self, amount: int) -> Sample:
        """Return what one `run` costs in this process, all its threads together."""
        cpu, wall = time.process_time(), time.perf_counter()
        self.run(amount)
        return Sample(time.process_time() - cpu, time.perf_counter() - wall)


class TrainingJob(Job):
    """Training that can be watched: after each epoch a caller may ask for answers, and end it."""

    def train_until(self, enough: Callable[[], bool], most: int) -> None:
        """Train epoch by epoch, `most` at most, until `enough` says so."""
        for _ in range(most):
            self.run(1)
            if enough():
                return

    def answers(self, rows: Matrix) -> list[int]:
        """Return the class that the network, as it is now, sees in each row."""
        raise NotImplementedError


def classes_of(outputs: Iterable[Sequence[float]]) -> list[int]:
    """Return the index of the largest output for each row."""
    return [max(range(len(y)), key=y.__getitem__) for y in outputs]


class PredictionJob(Job):
    """One row in, one row out, again and again: `predict` is called with the `rows` in turn."""

    rows: list[list[float]]
    predict: Callable[[list[float]], Any]

    def run(self, amount: int) -> None:
        predict, rows = self.predict, self.rows
        for k in range(amount):
            predict(rows[k % len(rows)])

    def result(self) -> list[float]:
        return [y for row in self.rows for y in self.predict(row)]
