"""What all losses have in common: the mean over a batch, and its derivative."""

from __future__ import annotations

from typing import Sequence

from ..checks.settings import Configured
from ..errors import ShapeError
from .matrix import Matrix, Row, Rows, Vector, shape


class Loss(Configured):
    """The base of all losses, which takes the mean over a batch.

    A loss defines `of_row`, the loss of one sample, and `row_derivative`, its derivative by each
    output. `from_logits` is True for a loss that applies the sigmoid or softmax itself. `partner`
    names the layer whose derivative cancels against the loss's (see `logits_derivative`).
    """

    partner: str | None = None
    from_logits = False

    def of_row(self, y: Row, t: Row) -> float:
        """Return the loss of one sample with outputs y and targets t."""
        raise NotImplementedError

    def row_derivative(self, y: Row, t: Row) -> Vector:
        """Return the derivative of `of_row` by each output."""
        raise NotImplementedError

    def logits_derivative(self, p: Row, t: Row) -> Vector:
        """Return the derivative by z where p = partner(z): both derivatives combined."""
        raise NotImplementedError

    def joins(self, layer: object) -> bool:
        """Return whether this loss's derivative can include that of the last layer.

        Then `logits_gradient` replaces `gradient` and the layer's own `backward`.
        """
        return type(layer).__name__ == self.partner and not self.from_logits

    def check_target(self, t: Row) -> tuple[int, str] | None:
        """Return (column, what it needs there) if this loss cannot take the targets t, or None."""
        return None

    def __call__(self, Y: Rows, T: Rows, sample_weight: Row | None = None) -> float:
        """Return the mean loss of outputs Y against targets T, both samples × outputs.

        A sample with weight 0 does not count, even if its loss is infinite.

        Raises ShapeError unless there is a target for each output, and at least one output.
        """
        shares = _shares(Y, T, sample_weight)
        return sum([share * self.of_row(y, t) for share, y, t in zip(shares, Y, T) if share], 0.0)

    def gradient(self, Y: Rows, T: Rows, sample_weight: Row | None = None) -> Matrix:
        """Return dL/dY of the mean loss, in Y's shape."""
        shares = _shares(Y, T, sample_weight)
        return [[share * d for d in self.row_derivative(y, t)] for share, y, t in zip(shares, Y, T)]

    def logits_gradient(self, P: Rows, T: Rows, sample_weight: Row | None = None) -> Matrix:
        """Return dL/dZ where P = partner(Z), as one formula that never divides by P."""
        shares = _shares(P, T, sample_weight)
        return [
            [share * d for d in self.logits_derivative(p, t)] for share, p, t in zip(shares, P, T)
        ]


def _shares(Y: Rows, T: Rows, sample_weight: Row | None) -> Sequence[float]:
    """Return the share of each sample in the mean: 1/n, or its weight over the sum of weights."""
    rows, columns = shape(Y)
    if shape(T) != (rows, columns):
        raise ShapeError(
            f"a loss needs a target for each output, got outputs ({rows}, {columns}) "
            f"and targets {shape(T)}"
        )
    if not (rows and columns):
        raise ShapeError(f"a loss needs at least one row and one output, got ({rows}, {columns})")
    if sample_weight is None:
        return [1.0 / rows] * rows
    if len(sample_weight) != rows:
        raise ShapeError(
            f"a loss needs one sample weight per row, got {len(sample_weight)} for {rows} rows"
        )
    total = sum(sample_weight)
    return [weight / total if total else 0.0 for weight in sample_weight]


def check_shares(t: Row, need: str = "targets between 0 and 1") -> tuple[int, str] | None:
    """Return (column, what is needed) for the first target that is not between 0 and 1."""
    for j, t_j in enumerate(t):
        if not 0.0 <= t_j <= 1.0:
            return j, need
    return None


def check_classes(t: Row) -> tuple[int, str] | None:
    """Return (column, what is needed) for targets that are no probabilities of classes."""
    found = check_shares(t, "probabilities between 0 and 1 (one_hot(classes) makes them)")
    if not found and abs(sum(t) - 1.0) > 1e-6:
        return len(t) - 1, f"targets that sum to 1 in each row, not {sum(t):.6g}"
    return found
