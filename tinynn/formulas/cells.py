"""What a recurrent layer does in one step, as row programs: RNN, LSTM and GRU.

The products are those of Dense layers: a = x W + b and v = h U, of which each gate has its own
columns. From these rows and the state, a program makes the new state. Exports write it in every
language, and `native` in machine code, with the way back.
"""

from __future__ import annotations

from typing import NamedTuple, Sequence

from ..lesson.gru import GRU
from ..lesson.lstm import LSTM
from ..lesson.recurrent import Recurrent
from ..lesson.rnn import RNN
from .activations import ACTIVATIONS
from .expressions import parsed, replaced, written
from .programs import Each, Program


class CellFormula(NamedTuple):
    """One step of a recurrent layer.

    gates:    their names, in the order of the columns of W, U and b
    state:    the rows that go from step to step, the outputs h first
    program:  makes the new state of the old one and, for each gate such as i, the rows a_i and v_i
    apart:    whether the last gate's row v is a product of its own, with biases of its own
    reset:    makes the row m of a, v and h; the product that is apart is then of m, not of h
    backward: makes d_i, for each gate such as i, of d = ∂L/∂h; p is the last row of the state
              before. e is ∂L/∂c, of the new c and then of the one before; without a c, it makes
              an e that ∂L/∂h of the step before begins with. Where the derivative by v_i is not
              that by a_i, it makes u_i, too; empty where nobody needs it
    """

    gates: Sequence[str]
    state: Sequence[str]
    program: Program
    apart: bool = False
    reset: Program = ()
    backward: Program = ()


def _applied(activation: str, z: str) -> str:
    """Return an activation of z as an expression."""
    (only,) = ACTIVATIONS[activation].forward
    return written(replaced(parsed(only.value), {"z": parsed(z)}))


def _slope(activation: str, d: str, y: str, to: str) -> Each:
    """Return how ∂L/∂z follows from the expression d = ∂L/∂y, where y is the activation of z."""
    (only,) = ACTIVATIONS[activation].backward
    return Each(to, written(replaced(parsed(only.value), {"d": parsed(d), "y": parsed(y)})))


def _gate(name: str) -> list[Each]:
    """Return how a gate follows from its sums."""
    return [Each("s", f"a_{name} + v_{name}"), Each(name, _applied("Sigmoid", "s"))]


def _rnn(activation: str) -> CellFormula:
    program = [Each("s", "a_h + v_h"), Each("h", _applied(activation, "s"))]
    kept = {"z": parsed("h")}  # a ReLU's slope is 0 where h is
    slope = _slope(activation, "d", "h", "d_h")
    backward = [Each("d_h", written(replaced(parsed(slope.value), kept)))]
    return CellFormula(("h",), ("h",), program, backward=backward)


def _lstm(state: Sequence[str], kept: str) -> CellFormula:
    program = [
        *_gate("i"), *_gate("f"), *_gate("o"),
        Each("g", "tanh(a_g + v_g)"),
        Each("c", f"f * {kept} + i * g"),
        Each("h", "o * tanh(c)"),
    ]  # fmt: skip
    through = _slope("Tanh", "d * o", "t", "e").value
    backward = [
        Each("t", "tanh(c)"),
        Each("e", f"e + {through}" if len(state) == 2 else through),
        _slope("Sigmoid", "e * g", "i", "d_i"),
        _slope("Sigmoid", "e * p", "f", "d_f"),
        _slope("Tanh", "e * i", "g", "d_g"),
        _slope("Sigmoid", "d * t", "o", "d_o"),
        Each("e", "e * f"),
    ]
    return CellFormula(("i", "f", "g", "o"), state, program, backward=backward)


_RENEWED = Each("h", "(1.0 - z) * n + z * h")

CELLS: dict[str, CellFormula] = {
    "RNN": _rnn("Tanh"),
    "RNN with relu": _rnn("ReLU"),
    "LSTM": _lstm(("h", "c"), "c"),
    "LSTM without cell": _lstm(("h",), "h"),
    "GRU": CellFormula(
        ("r", "z", "n"), ("h",),
        [*_gate("r"), *_gate("z"), Each("n", "tanh(a_n + r * v_n)"), _RENEWED],
        apart=True,
        backward=[
            _slope("Tanh", "d * (1.0 - z)", "n", "d_n"),
            _slope("Sigmoid", "d * (p - n)", "z", "d_z"),
            _slope("Sigmoid", "d_n * v_n", "r", "d_r"),
            Each("u_n", "d_n * r"),
            Each("e", "d * z"),
        ],
    ),
    "GRU with reset before": CellFormula(
        ("r", "z", "n"), ("h",),
        [*_gate("z"), Each("n", "tanh(a_n + v_n)"), _RENEWED],
        apart=True,
        reset=[*_gate("r"), Each("m", "r * h")],
    ),
}  # fmt: skip


def cell_name(layer: Recurrent) -> str:
    """Return the name under which a recurrent layer has a formula: mostly that of its class."""
    name = type(layer).__name__
    if isinstance(layer, RNN) and layer.activation == "relu":
        return f"{name} with relu"
    if isinstance(layer, LSTM) and not layer.cell:
        return f"{name} without cell"
    if isinstance(layer, GRU) and not layer.reset_after:
        return f"{name} with reset before"
    return name
