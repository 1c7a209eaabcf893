"""What all recurrent layers share: a state that goes along a sequence, and derivatives back.

`RNN`, `LSTM` and `GRU` (rnn.py, lstm.py and gru.py) only say what one step does.
"""

from __future__ import annotations

import random
from math import sqrt
from typing import Any, List, Mapping, Sequence, Tuple

from ..checks.rows import as_list, as_rows, as_vector
from ..checks.settings import integer
from ..checks.words import did_you_mean, excerpt
from ..errors import SettingError, ShapeError
from .initializers import Initializer, Uniform, by_name as initializer_by_name
from .layer import Step, Values
from .matrix import (
    Matrix,
    Row,
    Rows,
    Vector,
    add_row,
    column_sums,
    matmul,
    shape,
    transpose,
    zeros,
)
from .random_streams import stream
from .sequences import SequenceLayer

State = List[Vector]  # the rows that go from step to step, h first
Kept = Tuple[Any, ...]  # what one step keeps for the way back

STEPS = ("all", "last")


class Recurrent(SequenceLayer):
    """The base of layers with a state h, a row of `units` numbers that begins as zeros.

    Each step combines x W + b, from its own row x, with h U, from the state before it. W is
    inputs × (gates · units) and U is units × (gates · units): a layer with several gates has the
    columns of each side by side.

    What comes out is h after each step (`steps="all"`), or only after the "last": one row for the
    whole sequence. With `truncate`, derivatives go back through at most so many steps: a sequence
    is divided, from its end, into pieces of that length, and each takes the state from the one
    before it as given, as by PyTorch's `detach()`.

    `weights` are the two matrices W and U; without them the `initializer` draws each gate's, by
    default from −1/√units to 1/√units as in torch.nn.RNN. `bias` is b, True to start from zeros, or
    False for none.
    """

    gates = 1
    rows_of_state = 1
    usual: Mapping[str, object] = {}  # further settings, which repr leaves out if they are these

    def __init__(
        self,
        inputs: int,
        units: int,
        steps: str = "all",
        truncate: int | None = None,
        bias: bool | Sequence[float] = True,
        initializer: str | Initializer | None = None,
        weights: Sequence[Rows] | None = None,
    ) -> None:
        name = type(self).__name__
        self.inputs: int = integer(name, "inputs", inputs, least=1)
        self.units = integer(name, "units", units, least=1)
        if steps not in STEPS:
            raise SettingError(
                f"{name} needs steps to be 'all' or 'last', got {excerpt(steps)}"
                + (did_you_mean(steps, STEPS) if isinstance(steps, str) else "")
            )
        self.steps, self.one_row = steps, steps == "last"
        self.truncate = None if truncate is None else integer(name, "truncate", truncate, least=1)
        if initializer is None:
            self.initializer: Initializer = Uniform(-1 / sqrt(units), 1 / sqrt(units))
        else:
            self.initializer = initializer_by_name(initializer)
        self.has_bias = bias is not False
        self.W: Matrix = []
        self.U: Matrix = []
        self.b: Vector = []
        self.dW: Matrix = []
        self.dU: Matrix = []
        self.db: Vector = []
        if not isinstance(bias, bool):
            self.b = self.biases(bias, "bias", self.gates * self.units)
        if weights is not None:
            given = as_list(weights, f"the weights of {self!r}")
            if len(given) != 2:
                raise ShapeError(
                    f"{self!r} needs two matrices as weights, W and U, got {len(given)}"
                )
            self.W, self.U = (
                as_rows(rows, f"the rows of {letter}") for rows, letter in zip(given, "WU")
            )
            for letter, rows in (("W", self.W), ("U", self.U)):
                wanted = self.shapes()[letter]
                if shape(rows) != wanted:
                    mend = "; transpose it?" if shape(rows) == wanted[::-1] else ""
                    raise ShapeError(
                        f"{self!r} needs {letter} of shape {wanted}, got {shape(rows)}{mend}"
                    )
            self.build(None, stream(0))

    def biases(self, values: object, name: str, wanted: int) -> Vector:
        """Return a caller's biases as floats. Raises ShapeError unless there are so many."""
        found = as_vector(values, name)
        if len(found) != wanted:
            raise ShapeError(f"{self!r} needs {name} of {wanted} numbers, got {len(found)}")
        return found

    def initial_biases(self) -> Vector:
        """Return the biases to start training from."""
        return [0.0] * (self.gates * self.units)

    def build(self, inputs: int | None, rng: random.Random) -> int:
        if inputs not in (None, self.inputs):
            raise ShapeError(f"{self!r} needs {self.inputs} columns, got {inputs}")
        if not self.W:
            self.W, self.U = self._drawn(self.inputs, rng), self._drawn(self.units, rng)
        if not self.dW:
            columns = self.gates * self.units
            self.dW, self.dU = zeros(self.inputs, columns), zeros(self.units, columns)
            if self.has_bias:
                self.b, self.db = self.b or self.initial_biases(), [0.0] * columns
        return self.units

    def _drawn(self, rows: int, rng: random.Random) -> Matrix:
        gates = [self.initializer(rows, self.units, rng) for _ in range(self.gates)]
        return [[w for part in parts for w in part] for parts in zip(*gates)]

    def first_state(self) -> State:
        """Return the state before the first step of a sequence."""
        return zeros(self.rows_of_state, self.units)

    def sums(self, X: Matrix) -> Matrix:
        """Return A = X W + b: what each step gets from its own row."""
        if not self.W:
            self.build(None, stream(0))
        A = matmul(X, self.W)
        return add_row(A, self.b) if self.has_bias else A

    def forward(self, X: Matrix, training: bool = False) -> Matrix:
        A, spans, columns = self.sums(X), self.runs(X), list(zip(*self.U))
        states: list[State] = []
        before: list[State] = []
        kept: list[Kept] = []
        for start, end in spans:
            state = self.first_state()
            for a in A[start:end]:
                before.append(state)
                state, of_step = self.step(a, state, columns)
                states.append(state)
                kept.append(of_step)
        self.X, self.spans, self.before, self.kept = X, spans, before, kept
        if self.one_row:
            return [states[end - 1][0] for _, end in spans]
        return [state[0] for state in states]

    def backward(self, dY: Matrix, wants_dX: bool = True) -> Matrix:
        """Return dX = dA Wᵀ; store dW = Xᵀ dA, db = the column sums of dA and dU = H₋₁ᵀ dV.

        V are the rows h U and H₋₁ the states before each step, so both pairs are those of a
        `Dense`. A state is used twice: it comes out, and it goes into the next step. So its
        derivative is dY of its step, plus what the next step, dealt with before, hands back.
        """
        dA: list[Row] = [*zeros(len(self.X), self.gates * self.units)]
        dV, dH = list(dA), dY
        if self.one_row:
            dH = [[] for _ in self.X]
            for (_, end), dy in zip(self.spans, dY):
                dH[end - 1] = dy
        for start, end in self.spans:
            state = self.first_state()
            for t in reversed(range(start, end)):
                if self.truncate and t < end - 1 and (end - 1 - t) % self.truncate == 0:
                    state = self.first_state()
                    if self.one_row:
                        break
                if dH[t]:
                    state[0] = [a + b for a, b in zip(state[0], dH[t])]
                dA[t], dV[t], state = self.step_backward(self.kept[t], self.before[t], state)
        self.dW = matmul(transpose(self.X), dA)
        self.dU = self.gradient_of_U(dV)
        if self.has_bias:
            self.db = column_sums(dA)
        return matmul(dA, transpose(self.W)) if wants_dX else []

    def stepper(self) -> Step:
        state = self.first_state()

        def take(x: Vector) -> Vector:
            nonlocal state
            state, _ = self.step(self.sums([x])[0], state, list(zip(*self.U)))
            return state[0]

        return take

    def step(self, a: Row, state: State, columns: Rows) -> tuple[State, Kept]:
        """Return the state after a step, and what `step_backward` needs.

        `a` is the row x W + b of the step, and `columns` are those of U.
        """
        raise NotImplementedError

    def step_backward(self, kept: Kept, before: State, dstate: State) -> tuple[Row, Row, State]:
        """Return the derivatives by a, by h U and by the state before, given that by the state."""
        raise NotImplementedError

    def gradient_of_U(self, dV: Rows) -> Matrix:
        """Return dU for the derivative by h U of each step."""
        return matmul(transpose([state[0] for state in self.before]), dV)

    def parameters(self) -> dict[str, Values]:
        b: dict[str, Values] = {"b": self.b} if self.has_bias else {}
        return {"W": self.W, "U": self.U, **b}

    def gradients(self) -> dict[str, Values]:
        b: dict[str, Values] = {"b": self.db} if self.has_bias else {}
        return {"W": self.dW, "U": self.dU, **b}

    def shapes(self) -> dict[str, tuple[int, int]]:
        columns = self.gates * self.units
        b = {"b": (1, columns)} if self.has_bias else {}
        return {"W": (self.inputs, columns), "U": (self.units, columns), **b}

    def settings(self) -> dict[str, object]:
        return {
            "inputs": self.inputs, "units": self.units, "steps": self.steps,
            "truncate": self.truncate, "bias": self.has_bias,
        }  # fmt: skip

    def __repr__(self) -> str:
        usual = {"steps": "all", "truncate": None, "bias": True, **self.usual}
        changed = [f", {k}={v!r}" for k, v in self.settings().items() if usual.get(k, v) != v]
        return f"{type(self).__name__}({self.inputs}, {self.units}{''.join(changed)})"
