"""Sequences: runs of rows in a batch, one row for each step.

A batch of sequences is the rows of the first, then those of the second, and so on. So all layers
that treat each row by itself serve sequences as they are, of any length, without padding. Only
layers that look at other steps have to know where a sequence begins: they are told the lengths.

Embedding    a row of numbers, which are learned, for each kind of step
Positions    adds a row of numbers, which are learned, for each position in a sequence

Attention is in attention.py, and what makes one row of a whole sequence in step_summaries.py.
"""

from __future__ import annotations

import random
from typing import Sequence

from ..checks.rows import as_rows
from ..checks.settings import integer
from ..errors import ShapeError
from .initializer import Initializer
from .initializers import Normal
from .layer import Layer, Step, Values
from .matrix import Matrix, Rows, Vector, add, shape, zeros
from .random_streams import stream


class SequenceLayer(Layer):
    """The base of layers to which rows are the steps of sequences.

    A network tells them the `lengths` of the sequences in a batch before each forward pass.
    Without lengths, all rows are one sequence. `one_row` is whether one row comes out for each
    sequence, and not one for each step.
    """

    reads_steps = True
    one_row = False
    lengths: Sequence[int] = ()

    def take_lengths(self, lengths: Sequence[int]) -> Sequence[int]:
        self.lengths = lengths
        return [1] * len(lengths) if self.one_row else lengths

    def runs(self, X: Matrix) -> list[tuple[int, int]]:
        """Return where each sequence begins and ends in the rows of X."""
        lengths = self.lengths or [len(X)]
        if sum(lengths) != len(X):
            raise ShapeError(f"{self!r} needs {sum(lengths)} rows, a row per step, got {len(X)}")
        found, start = [], 0
        for length in lengths:
            found.append((start, start + length))
            start += length
        return found


class _Table(SequenceLayer):
    """A layer with a matrix W whose rows are looked up."""

    def __init__(self, rows: int, width: int, initializer: Initializer, weights: Rows | None):
        name = type(self).__name__
        self.width = integer(name, "width", width, least=1)
        self.initializer = initializer
        self.W: Matrix = []
        self.dW: Matrix = []
        self.rows = rows
        if weights is not None:
            self.W = as_rows(weights, "weights")
            if shape(self.W) != (rows, width):
                raise ShapeError(
                    f"{self!r} needs weights of shape ({rows}, {width}), got {shape(self.W)}"
                )
            self.dW = zeros(rows, width)

    def build(self, inputs: int | None, rng: random.Random) -> int:
        wanted = self.width if self.inputs is None else self.inputs
        if inputs not in (None, wanted):
            raise ShapeError(f"{self!r} needs {wanted} columns, got {inputs}")
        if not self.W:
            self.W = self.initializer(self.rows, self.width, rng)
            self.dW = zeros(self.rows, self.width)
        return self.width

    def built(self) -> Matrix:
        """Return W, drawn if it was not given."""
        if not self.W:
            self.build(None, stream(0))
        return self.W

    def parameters(self) -> dict[str, Values]:
        return {"W": self.W}

    def gradients(self) -> dict[str, Values]:
        return {"W": self.dW}

    def shapes(self) -> dict[str, tuple[int, int]]:
        return {"W": (self.rows, self.width)}


class Embedding(_Table):
    """Y = the row of W, kinds × width, with the number that each row of X holds.

    A step of a sequence is one of so many `kinds` (of characters, words, notes), numbered from 0.
    Without `weights` they are drawn from N(0, 1), as torch.nn.Embedding does.
    Source: Bengio, Ducharme, Vincent and Jauvin, A neural probabilistic language model (2003).

    >>> Embedding(3, 2, weights=[[0, 0], [1, 2], [3, 4]]).forward([[2.0], [1.0]])
    [[3.0, 4.0], [1.0, 2.0]]
    """

    inputs = 1

    def __init__(self, kinds: int, width: int, weights: Rows | None = None) -> None:
        self.kinds = integer("Embedding", "kinds", kinds, least=1)
        super().__init__(self.kinds, width, Normal(0.0, 1.0), weights)

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        W = self.built()
        self.found = [int(row[0] + 0.5) for row in X]
        return [list(W[k]) for k in self.found]

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        """Store dW: row k is the sum of dY over the steps of kind k.

        Kinds are no quantities, so the derivative by their numbers is 0.
        """
        self.dW = zeros(self.kinds, self.width)
        for k, dy in zip(self.found, dY):
            self.dW[k] = [a + b for a, b in zip(self.dW[k], dy)]
        return zeros(len(dY), 1) if wants_dX else []

    def settings(self) -> dict[str, object]:
        return {"kinds": self.kinds, "width": self.width}

    def __repr__(self) -> str:
        return f"Embedding({self.kinds}, {self.width})"


class Positions(_Table):
    """Y = X + the rows of W, places × width, in order: step t of a sequence gets row t.

    So layers that treat all steps alike can know where in its sequence a step is; a sequence has
    at `most` so many. Without `weights` they are drawn from N(0, 0.02²), as in GPT-2.
    Source: Gehring, Auli, Grangier, Yarats and Dauphin (2017), section 3.1.

    >>> Positions(2, 1, weights=[[10], [20]]).forward([[1.0], [2.0]])
    [[11.0], [22.0]]
    """

    def __init__(self, most: int, width: int, weights: Rows | None = None) -> None:
        self.most = integer("Positions", "most", most, least=1)
        super().__init__(self.most, width, Normal(0.0, 0.02), weights)

    def take_lengths(self, lengths: Sequence[int]) -> Sequence[int]:
        if max(lengths) > self.most:
            i = next(i for i, length in enumerate(lengths) if length > self.most)
            raise ShapeError(
                f"{self!r} needs sequences of at most {self.most} steps, "
                f"got {lengths[i]} in sequence {i}"
            )
        return super().take_lengths(lengths)

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        W = self.built()
        self.positions = [t for start, end in self.runs(X) for t in range(end - start)]
        return add(X, [W[t] for t in self.positions])

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX = dY; store dW: row t is the sum of dY over the steps at position t."""
        self.dW = zeros(self.most, self.width)
        for t, dy in zip(self.positions, dY):
            self.dW[t] = [a + b for a, b in zip(self.dW[t], dy)]
        return dY

    def stepper(self) -> Step:
        places = iter(self.built())

        def take(x: Vector) -> Vector:
            place = next(places, None)
            if place is None:
                raise ShapeError(f"{self!r} needs sequences of at most {self.most} steps, got more")
            return [a + b for a, b in zip(x, place)]

        return take

    def settings(self) -> dict[str, object]:
        return {"most": self.most, "width": self.width}

    def __repr__(self) -> str:
        return f"Positions({self.most}, {self.width})"


SEQUENCE_LAYERS: tuple[type[Layer], ...] = (Embedding, Positions)
