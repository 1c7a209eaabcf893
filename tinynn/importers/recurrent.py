"""Recurrent layers made of another framework's numbers, whose gates are in another order."""

from __future__ import annotations

from typing import Any, Sequence

from ..checks.words import counted
from ..lesson.gru import GRU
from ..lesson.lstm import LSTM
from ..lesson.matrix import Matrix, Vector
from ..lesson.recurrent import Recurrent
from ..lesson.rnn import RNN
from . import assembly

# tinynn's own order of gates, a letter each: see lstm.py and gru.py.
GATES: dict[type[Recurrent], str] = {RNN: "h", LSTM: "ifgo", GRU: "rzn"}


def recurrent(
    place: str,
    kind: type[Recurrent],
    W: Matrix,
    U: Matrix,
    biases: Sequence[Vector],
    order: str = "",
    **options: Any,
) -> Recurrent:
    """Return a recurrent layer with the numbers given, whose gates are in the `order` given.

    W is inputs × (gates · units), U is units × (gates · units). `biases` are none, one, or two: the
    second is added to h U, so that it is a part of the first but where a GRU resets after.
    Raises FormatError, naming the place, for numbers that do not fit each other.
    """
    units, wanted = len(U), GATES[kind]
    blocks = [(order or wanted).index(gate) * units for gate in wanted]
    columns = [block + j for block in blocks for j in range(units)]

    def ordered(row: Vector) -> Vector:
        if len(row) != len(columns):
            raise assembly.misfit(
                place, f"{counted(len(columns), 'column')} for {counted(units, 'unit')}", len(row)
            )
        return [row[j] for j in columns]

    found = [ordered(b) for b in biases]
    bias: Any = bool(found) and found[0]
    if len(found) == 2:
        bias = [a + b for a, b in zip(*found)]
        if kind is GRU and options.get("reset_after", True):
            n = 2 * units
            bias[n:], options["recurrent_bias"] = found[0][n:], found[1][n:]
    weights = [[ordered(row) for row in matrix] for matrix in (W, U)]
    return assembly.built(place, lambda: kind(len(W), units, bias=bias, weights=weights, **options))
