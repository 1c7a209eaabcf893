"""One row for a whole sequence: its last step, or the mean or the largest of all steps."""

from __future__ import annotations

from .layer import Layer, Step
from .matrix import Matrix, Vector, zeros
from .sequences import SequenceLayer


class _Summary(SequenceLayer):
    """A layer that gives one row for each sequence."""

    one_row = True

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        self.X, self.spans = X, self.runs(X)
        return [self.summary(X[start:end]) for start, end in self.spans]

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        dX: Matrix = []
        for (start, end), dy in zip(self.spans, dY):
            dX += self.shares(self.X[start:end], dy)
        return dX

    def stepper(self) -> Step:
        steps: Matrix = []

        def take(x: Vector) -> Vector:
            steps.append(x)
            return self.summary(steps)

        return take

    def summary(self, steps: Matrix) -> list[float]:
        """Return the row for the rows of one sequence."""
        raise NotImplementedError

    def shares(self, steps: Matrix, dy: list[float]) -> Matrix:
        """Return the derivative by each row of a sequence, given that by its one row."""
        raise NotImplementedError


class LastStep(_Summary):
    """The last row of each sequence.

    >>> LastStep().forward([[1.0], [5.0], [3.0]])
    [[3.0]]
    """

    def summary(self, steps: Matrix) -> list[float]:
        return list(steps[-1])

    def shares(self, steps: Matrix, dy: list[float]) -> Matrix:
        return [*zeros(len(steps) - 1, len(dy)), dy]


class MeanSteps(_Summary):
    """The mean of the rows of each sequence.

    >>> MeanSteps().forward([[1.0], [5.0], [3.0]])
    [[3.0]]
    """

    def summary(self, steps: Matrix) -> list[float]:
        return [sum(column) / len(steps) for column in zip(*steps)]

    def shares(self, steps: Matrix, dy: list[float]) -> Matrix:
        return [[d / len(steps) for d in dy] for _ in steps]


class MaxSteps(_Summary):
    """The largest number in each column of each sequence; of equal ones, the first.

    >>> MaxSteps().forward([[1.0], [5.0], [3.0]])
    [[5.0]]
    """

    def summary(self, steps: Matrix) -> list[float]:
        return [max(column) for column in zip(*steps)]

    def shares(self, steps: Matrix, dy: list[float]) -> Matrix:
        dX = zeros(len(steps), len(dy))
        for j, (column, d) in enumerate(zip(zip(*steps), dy)):
            dX[column.index(max(column))][j] = d
        return dX


SUMMARY_LAYERS: tuple[type[Layer], ...] = (LastStep, MeanSteps, MaxSteps)
