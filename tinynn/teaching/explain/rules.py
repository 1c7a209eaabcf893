"""The lines of the update: each weight by the optimizer's rule, with what it remembers."""

from __future__ import annotations

from ...formulas.expressions import names, parsed, simplified
from ...formulas.optimizers import (
    OPTIMIZERS as FORMULAS,
    UpdateFormula,
    clipping_programs,
    numbers_of,
    update_formula,
)
from ...lesson.freezing import frozen_names
from ...lesson.optimizer import Optimizer
from ...lesson.optimizers import OPTIMIZERS
from ...lesson.parameters import Parameter, rows_of
from .layers import Scene, Sheet, Wanted, call
from .lines import Equation, Operand, named, substituted
from .naming import weight_name
from .programs import Board, is_short


def once_lines(scene: Scene) -> list[Equation]:
    """Return the lines of what an update computes once, such as Adam's corrections."""
    sheet = Sheet(scene, "update", None, None)
    _clipped(scene, sheet)
    formula = _formula(scene.step.optimizer)
    if formula:
        _once(scene, formula, sheet)
    return sheet.lines


def update_lines(scene: Scene, k: int, wanted: Wanted = lambda weight: True) -> list[Equation]:
    """Return the lines that update layer k."""
    step = scene.step
    sheet = Sheet(scene, "update", k, None)
    formulas = {
        True: _formula(step.optimizer), False: _formula(step.optimizer.for_biases()),
    }  # fmt: skip
    clipped = _clipped(scene, Sheet(scene, "update", None, None))
    after = {parameter.name: parameter for parameter in step.after.parameters()}
    before = {parameter.name: parameter for parameter in step.network.parameters()}
    frozen = frozen_names(step.network.layers)
    for parameter in step.gradients():
        index, _, letter = parameter.name.partition(".")
        if int(index) != k or parameter.name in frozen:
            continue
        old, new = before[parameter.name], after[parameter.name]
        formula = formulas[parameter.is_matrix]
        rows = old.rows()
        for j in range(len(rows[0])):
            for i in range(len(rows)):
                weight = weight_name(parameter, i, j)
                if wanted(weight):
                    _weight(
                        sheet, formula, letter, (i, j), (old, parameter, new), weight,
                        clipped.get(weight),
                    )  # fmt: skip
    return sheet.lines


def _formula(optimizer: Optimizer) -> UpdateFormula | None:
    if optimizer.name not in FORMULAS or OPTIMIZERS.get(optimizer.name) is not type(optimizer):
        return None
    settings = {name: float(value) for name, value in numbers_of(optimizer)}
    return update_formula(optimizer.name, settings, optimizer.weight_decay > 0.0)


def _clipped(scene: Scene, sheet: Sheet) -> dict[str, Operand]:
    """Return the clipped derivative by each weight; none if nothing is clipped."""
    programs = clipping_programs(scene.step.clip_norm, scene.step.clip_value)
    if not programs:
        return {}
    weights, names_of, rows = [], [], []
    frozen = frozen_names(scene.step.network.layers)
    for parameter in scene.step.gradients():
        if parameter.name in frozen:
            continue
        index, _, letter = parameter.name.partition(".")
        for i, row in enumerate(parameter.gradient_rows()):
            for j, value in enumerate(row):
                weights.append(weight_name(parameter, i, j))
                names_of.append(scene.names.parameter(int(index), letter, i, j))
                rows.append(named(f"∂E/∂{names_of[-1]}", value))

    def emit(name: str, term: Operand, column: int | None) -> None:
        sheet.put(name, term, weight="" if column is None else weights[column])

    board = Board(emit, names_of, "", {})
    board.rows["g"] = rows
    for program in programs:
        board.run(program)
    return dict(zip(weights, board.rows["g"]))


def _once(scene: Scene, formula: UpdateFormula, sheet: Sheet) -> dict[str, Operand]:
    """Return what an update needs once, by its name in the programs; put lines on the sheet."""
    step = scene.step
    terms = {"rate": named("rate", step.rate), "step": named("step", float(step.number))}
    for name, source in formula.once:
        term = substituted(simplified(parsed(source)), terms)
        shown = f"{name}′" if name in terms else name
        sheet.put(shown, term)
        terms[name] = named(shown, term.value)
    return terms


def _weight(
    sheet: Sheet,
    formula: UpdateFormula | None,
    letter: str,
    at: tuple[int, int],
    parameters: tuple[Parameter, Parameter, Parameter],
    weight: str,
    clipped: Operand | None,
) -> None:
    """Put the lines that update one weight on the sheet."""
    scene, k, (i, j) = sheet.scene, sheet.layer, at
    old, passed, new = parameters
    assert k is not None
    w = scene.names.parameter(k, letter, i, j)
    if letter == "b" and scene.names.shared_biases:
        w += f" at {scene.names.neuron(k, j)}"
    gradient = named(f"∂E/∂{w}", passed.gradient_rows()[i][j])
    weight_before = named(w, old.rows()[i][j])
    result = new.rows()[i][j]
    if formula is None:
        kind = type(scene.step.optimizer).__name__
        term = call(f"{kind}.update", [weight_before, gradient])
        sheet.put(f"{w}⁺", term, result, j, weight=weight, opaque=True)
        return
    terms = _once(scene, formula, Sheet(scene, "update", None, None))
    terms.update({"w": weight_before, "g": clipped or gradient})
    start = scene.step.optimizer.start()
    for name, first in start.items():
        kept = scene.step.memory.get(passed.name, {}).get(name)
        terms[name] = named(f"{name}_{w}", rows_of(kept)[i][j] if kept else first)
    for statement in formula.program:
        tree = simplified(parsed(statement.value))
        term = substituted(tree, terms)
        if statement.to == "w":
            sheet.put(f"{w}⁺", term, result, j, weight=weight)
        elif statement.to in start:
            kept = scene.step.remembered[passed.name][statement.to][i][j]
            sheet.put(f"{statement.to}_{w}⁺", term, kept, j, weight=weight)
            terms[statement.to] = named(f"{statement.to}_{w}⁺", kept)
        else:
            terms[statement.to] = _local(sheet, statement.to, w, term, j, weight)


def _local(sheet: Sheet, name: str, w: str, term: Operand, column: int, weight: str) -> Operand:
    """Return what an update computes on the way; on a line of its own if it is long."""
    if is_short(term.tree):
        return term
    shown = f"{name}_{w}"
    while shown in names(term.tree):
        shown += "′"
    sheet.put(shown, term, None, column, weight=weight)
    return named(shown, term.value)
