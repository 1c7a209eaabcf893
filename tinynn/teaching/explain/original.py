"""The original program explained: one iteration of `NeuralNet.train`, by its own rule."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Any

from ...checks.rows import as_rows
from ...checks.words import counted
from ...errors import SettingError
from ...formulas import LAYER_FORMULAS
from ...lesson.matrix import Matrix
from ...lesson.neural_net import NeuralNet
from .explanation import DIGITS, Explanation, Passage
from .lines import Equation, Operand, constant, joined, named
from .notation import in_row
from .programs import Board


def explain_original(
    net: NeuralNet, inputs: Any, targets: Any, only: object = None, digits: int = DIGITS
) -> Explanation:
    """Return the explanation of one iteration of `net.train`, which changes a copy.

    Raises what `train` raises, and SettingError for `only`.
    """
    if only is not None:
        raise SettingError("explain shows the whole step of a NeuralNet; leave out only=")
    after = deepcopy(net)
    after.train(inputs, targets, 1)
    X = as_rows(inputs, "inputs", net.inputs)
    T = as_rows(targets, "outputs", net.outputs)
    page = _Page(net, after.synaptic_weights, X, T, digits)
    remarks = [
        "Each weight changes by the sum of error · input · slope over all rows: a step of −½ times "
        "the derivative of Σ (target − out)². w1⁺ is what w1 becomes."
    ]
    title = f"One iteration of NeuralNet on {counted(len(X), 'row')}"
    return Explanation(title, page.sections(), remarks)


class _Page:
    """The sections of an iteration."""

    def __init__(self, net: NeuralNet, after: Matrix, X: Matrix, T: Matrix, digits: int) -> None:
        self.net, self.after, self.X, self.T, self.digits = net, after, X, T, digits
        self.Y = net.think(X)
        self.rows = len(X)

    def sections(self) -> list[Passage]:
        """Return the sections: forward, errors and slopes for each row, then the weights."""
        found = []
        for row in range(self.rows):
            title = f"row {row + 1}" if self.rows > 1 else ""
            found.append(Passage(title, "forward", 0, row, self._forward(row)))
        for row in range(self.rows):
            title = f"row {row + 1}" if self.rows > 1 else ""
            found.append(Passage(title, "backward", 0, row, self._backward(row)))
        found.append(Passage("", "update", 0, None, self._update()))
        return found

    def _mark(self, row: int) -> str:
        return in_row(row) if self.rows > 1 else ""

    def _name(self, word: str, j: int, row: int) -> str:
        neuron = f"_o{j + 1}" if self.net.outputs > 1 else ""
        return f"{word}{neuron}{self._mark(row)}"

    def _input(self, i: int, row: int) -> Operand:
        return named(f"i{i + 1}{self._mark(row)}", self.X[row][i])

    def _weight(self, i: int, j: int) -> Operand:
        number = j * self.net.inputs + i + 1
        return named(f"w{number}", self.net.synaptic_weights[i][j])

    def _line(
        self, part: str, j: int, row: int | None, name: str, term: Operand, result: float,
        weight: str = "",
    ) -> Equation:  # fmt: skip
        return Equation(part, 0, j, row, weight, name, term, result, self.digits)

    def _forward(self, row: int) -> list[Equation]:
        lines: list[Equation] = []
        for j in range(self.net.outputs):
            inputs = range(self.net.inputs)
            terms = [joined("*", self._weight(i, j), self._input(i, row)) for i in inputs]
            net = joined("sum", *terms)
            lines.append(self._line("forward", j, row, self._name("net", j, row), net, net.value))

            def emit(name: str, term: Operand, column: int | None, j: int = j) -> None:
                lines.append(self._line("forward", j, row, name, term, self.Y[row][j]))

            board = Board(emit, ["o1"], "", {"y": partial(self._name, "out", row=row)})
            board.rows["z"] = [named(lines[-1].name, net.value)]
            board.run(LAYER_FORMULAS["Sigmoid"].forward)
        return lines

    def _backward(self, row: int) -> list[Equation]:
        lines = []
        for j, (t, y) in enumerate(zip(self.T[row], self.Y[row])):
            target, out = (
                named(self._name("target", j, row), t),
                named(self._name("out", j, row), y),
            )
            error, slope = t - y, y * (1.0 - y)
            for name, term, result in (
                ("error", joined("-", target, out), error),
                ("slope", joined("*", out, joined("-", constant(1.0), out)), slope),
                ("delta", joined("*", named(self._name("error", j, row), error),
                                 named(self._name("slope", j, row), slope)),
                 (t - y) * y * (1.0 - y)),
            ):  # fmt: skip
                lines.append(self._line("backward", j, row, self._name(name, j, row), term, result))
        return lines

    def _update(self) -> list[Equation]:
        lines = []
        for j in range(self.net.outputs):
            for i in range(self.net.inputs):
                w = self._weight(i, j)
                deltas = [(t[j] - y[j]) * y[j] * (1.0 - y[j]) for t, y in zip(self.T, self.Y)]
                terms = [
                    joined("*", self._input(i, row), named(self._name("delta", j, row), delta))
                    for row, delta in enumerate(deltas)
                ]
                change, weight = joined("sum", *terms), f"W[{i}][{j}]"
                name = f"change_{w.tree[1]}"
                lines.append(self._line("update", j, None, name, change, change.value, weight))
                new = joined("+", w, named(name, change.value))
                lines.append(
                    self._line("update", j, None, f"{w.tree[1]}⁺", new, self.after[i][j], weight)
                )
        return lines
