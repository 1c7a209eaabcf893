"""A listing of machine code: what was written, instruction by instruction, to be read."""

from __future__ import annotations

from ...checks.words import counted
from ..contract import Recipe
from ..plans import plan_of
from ..sequence_plans import sequences_plan
from .layout import Layout
from .machine import LANES, Machine
from .processor import new_machine
from .training import TrainingCode, TrainingShape

_BYTES_SHOWN = 12
STEPS_SHOWN = 4  # of a sequence: each length has code of its own


def training_listing(recipe: Recipe, batch_size: int) -> str:
    """Return the listing of the code that trains a network in batches of that size."""
    if recipe.network.reads_steps:
        plan, steps = sequences_plan(recipe, LANES), STEPS_SHOWN
    else:
        plan, steps = plan_of(recipe, recipe.network.inputs or 1), 1
    machine = new_machine(listed=True)
    code = TrainingCode(TrainingShape(plan, batch_size * steps, steps=steps), machine)
    layers = ", ".join(map(str, plan.layers)) or "no layers"
    rows = counted(batch_size, "row")
    if recipe.network.reads_steps:
        rows = f"{counted(batch_size, 'sequence')} of {counted(steps, 'step')}"
    head = [
        f"; {layers}; loss {plan.loss}; optimizer {plan.optimizer}; batches of {rows}",
        f"; {len(machine.code)} bytes for {machine.name}, called with the address of its numbers:",
        *_pieces(code.layout),
    ]
    return "\n".join([*head, "", *_lines(machine)]) + "\n"


def _pieces(layout: Layout) -> list[str]:
    return [f";   +{piece.offset:<#8x} {piece.name}" for piece in layout.pieces]


def _lines(machine: Machine) -> list[str]:
    lines = []
    for line in machine.lines or ():
        if not line.size:
            lines.append(f"; {line.text}")
            continue
        code = machine.code[line.offset : line.offset + line.size].hex()
        lines.append(f"{line.offset:04x}  {code:{2 * _BYTES_SHOWN}}  {line.text}")
    return lines
