"""What a file computes of sequences, operation by operation: see arithmetic.py."""

from __future__ import annotations

from math import sqrt
from typing import Any, Callable, Dict, Sequence

from ..engines.plans import Frozen
from ..formulas import LAYER_FORMULAS
from ..formulas.cells import CELLS
from ..formulas.programs import Program
from ..lesson.matrix import Matrix, Vector
from .arithmetic import NumberType, outputs, program_function
from .wiring import RESET, SUMMARY, Wiring

Numbers = Sequence[float]
Memory = Dict[str, Any]  # the rows of a step and of the state; "steps" counts, "kind" is the step's
Operation = Callable[[Memory], None]


def sequence_outputs(
    layers: Sequence[Frozen],
    wiring: Wiring,
    sequences: Sequence[Matrix],
    single: bool,
    mixed: bool = True,
) -> list[Any]:
    """Return the outputs for each sequence, a row for each step or, if `one_row`, the last one.

    The arguments are those of `arithmetic.outputs`.
    """
    operations = [
        _operation(layer, takes, gives, single, mixed)
        for layer, takes, gives in zip(layers, wiring.takes, wiring.gives)
    ]
    number = NumberType(single)
    found: list[Any] = []
    for sequence in sequences:
        memory: Memory = {
            name: [] if name in wiring.growing else number.row([0.0] * size)
            for name, size in wiring.state.items()
        }
        answers = []
        for steps, step in enumerate(sequence):
            memory.update(steps=steps, kind=int(step[0]), a=number.row(step))
            for operation in operations:
                operation(memory)
            answers.append(list(memory[wiring.result]))
        found.append(answers[-1] if wiring.one_row else answers)
    return found


def _operation(layer: Frozen, takes: str, gives: str, single: bool, mixed: bool) -> Operation:
    """Return a function that changes the rows as an operation does."""
    kind, place, number = layer.plan.kind, layer.plan.place, NumberType(single)
    if kind.partition(RESET)[0] in CELLS:
        return _cell(kind, place, takes, number)
    if kind == "Attention":
        return _attention(layer, takes, gives, number)
    if kind in SUMMARY:
        return _summary(kind, f"{SUMMARY[kind]}{place}", takes, number)

    def sums(x: Numbers, y: Numbers) -> Numbers:
        return number.row([v + w for v, w in zip(x, y)])

    plain: dict[str, Callable[[Memory], Numbers]] = {
        "Embedding": lambda memory: number.row(layer.values["W"][memory["kind"]]),
        "Positions": lambda memory: sums(
            memory[takes], number.row(layer.values["W"][memory["steps"]])
        ),
        "Copy": lambda memory: number.row(memory[takes]),
        "Add": lambda memory: sums(memory[gives], memory[takes]),
        "Zeros": lambda memory: number.row([0.0] * layer.plan.outputs),
    }

    def operation(memory: Memory) -> None:
        if kind in plain:
            memory[gives] = plain[kind](memory)
        else:
            (memory[gives],) = outputs([layer], [list(memory[takes])], single, mixed)

    return operation


def _cell(kind: str, place: int, takes: str, number: NumberType) -> Operation:
    """Return what the program of a cell, or of its reset, does."""
    cell, _, _ = kind.partition(RESET)
    formula, is_reset = CELLS[cell], kind != cell
    program: Program = formula.reset if is_reset else formula.program
    wanted = ["m"] if is_reset else list(formula.state)
    sums = [f"{row}_{gate}" for row in "av" for gate in formula.gates]
    function = program_function(program, [*sums, *formula.state], wanted, number)

    def operation(memory: Memory) -> None:
        state = [memory[f"{name}{place}"] for name in formula.state]
        n = len(state[0])
        v = [*memory["v"]]
        if formula.apart:
            v += memory["w"] if not is_reset else [0.0] * n
        parts = [row[k : k + n] for row in (memory[takes], v) for k in range(0, len(row), n)]
        for name, row in zip(wanted, function(*parts, *state)):
            memory["m" if is_reset else f"{name}{place}"] = number.row(row)

    return operation


def _summary(kind: str, kept: str, row: str, number: NumberType) -> Operation:
    def operation(memory: Memory) -> None:
        x, before, steps = memory[row], memory[kept], memory["steps"]
        if kind == "MeanSteps":
            memory[kept] = number.row([v + w for v, w in zip(before, x)])
            memory[row] = number.row([v / (steps + 1) for v in memory[kept]])
        else:
            either = [max(v, w) for v, w in zip(before, x)] if steps else x
            memory[kept] = memory[row] = number.row(either)

    return operation


def _attention(layer: Frozen, takes: str, gives: str, number: NumberType) -> Operation:
    n, place = layer.plan.outputs, layer.plan.place
    d = n // int(layer.plan.number)
    factor = number(1.0 / sqrt(d))
    softmax = program_function(LAYER_FORMULAS["Softmax"].forward, ["z"], ["y"], number)

    def product(x: Numbers, y: Numbers) -> float:
        z = 0.0
        for v, w in zip(x, y):
            z = number(z + number(v * w))
        return z

    def operation(memory: Memory) -> None:
        x, keys, values = memory[takes], memory[f"keys{place}"], memory[f"values{place}"]
        keys.append(x[n : 2 * n])
        values.append(x[2 * n :])
        mixed: Vector = []
        for k in range(0, n, d):
            z = [number(product(x[k : k + d], key[k : k + d]) * factor) for key in keys]
            (shares,) = softmax(z)
            mixed += [product(shares, [row[j] for row in values]) for j in range(k, k + d)]
        memory[gives] = number.row(mixed)

    return operation
