"""The lines of the loss, and of its derivatives by the outputs; formulas come from row programs."""

from __future__ import annotations

from ...formulas.expressions import parsed, simplified
from ...formulas.losses import loss_formula
from ...formulas.programs import LossFormula, Total, value_of
from ...lesson.losses import LOSSES
from ...lesson.matrix import Row
from .layers import Scene, Sheet, call
from .lines import Equation, Operand, constant, joined, named
from .programs import Board

_SHORT = 6  # characters of a factor that is written as one number


def loss_lines(scene: Scene, row: int) -> list[Equation]:
    """Return the lines of the loss of one row."""
    step, names = scene.step, scene.names
    sheet = Sheet(scene, "loss", None, row)
    formula, outputs, targets = _formula(scene), _outputs(scene, row), _targets(scene, row)
    name = row_name(scene, row)
    result = step.loss.of_row(step.outputs[-1][row], step.T[row])
    if formula is None:
        term = call(type(step.loss).__name__, [*outputs, *targets])
        sheet.put(name, term, result, row=row, opaque=True)
        return sheet.lines
    board = _board(scene, row, sheet)
    if not formula.mean:
        board.results = {"loss": lambda _: name}
        board.run(formula.loss)
        sheet.lines[-1] = sheet.lines[-1]._replace(result=result)
        return sheet.lines
    board.run(formula.loss[:-1])
    total = formula.loss[-1]
    assert isinstance(total, Total)
    terms = []
    for j in range(len(outputs)):
        tree = simplified(parsed(value_of(total)))
        term = board.filled(tree, {**board.scalars, **{n: r[j] for n, r in board.rows.items()}})
        if len(outputs) > 1:
            term = joined("/", term, constant(float(len(outputs))))
            own = f"E_{names.neuron(len(step.layers) - 1, j)}{names.mark(row)}"
            value = _of_one(scene, step.outputs[-1][row][j], step.T[row][j]) / len(outputs)
            sheet.put(own, term, value, j, row)
            term = named(own, value)
        terms.append(term)
    sheet.put(name, joined("sum", *terms), result, row=row)
    return sheet.lines


def mean_lines(scene: Scene) -> list[Equation]:
    """Return the line of the batch's loss: the mean over the rows."""
    sheet = Sheet(scene, "loss", None, None)
    step, n = scene.step, scene.names.rows
    rows = [
        named(row_name(scene, row), step.loss.of_row(step.outputs[-1][row], step.T[row]))
        for row in range(n)
    ]
    sheet.put("E_total", joined("/", joined("sum", *rows), constant(float(n))), step.value)
    return sheet.lines


def derivative_lines(scene: Scene, row: int) -> list[Equation]:
    """Return the lines of the loss's derivatives by what the network, or its last layer, gets."""
    step, names = scene.step, scene.names
    sheet = Sheet(scene, "backward", None, row)
    formula = _formula(scene)
    layer = len(step.layers) - 1 - step.joint
    columns = range(len(step.T[row]))
    if formula is None or (step.joint and not formula.joint):
        kind = type(step.loss).__name__
        given = [*_outputs(scene, row), *_targets(scene, row)]
        for j in columns:
            d = scene.derivative(layer, j, row)
            sheet.put(d.tree[1], call(f"{kind}.derivative", given), d.value, j, row, opaque=True)
        return sheet.lines
    board = _board(scene, row, Sheet(scene, "loss", None, row))
    board.run(formula.loss)
    known = {names.derivative(layer, j, row): j for j in columns}

    def emit(name: str, term: Operand, column: int | None) -> None:
        j = known.get(name)
        result = None if j is None else step.derivatives[layer + 1][row][j]
        sheet.put(name, term, result, column, row)

    board.emit = emit
    board.results = {"d": lambda j: names.derivative(layer, j, row)}
    board.scalars["k"] = _factor(formula, len(columns), names.rows)
    board.run(formula.joint if step.joint else formula.derivative)
    return sheet.lines


def row_name(scene: Scene, row: int) -> str:
    """Return the name of the loss of one row."""
    mark = scene.names.mark(row)
    return f"E{mark}" if mark else "E_total"


def _formula(scene: Scene) -> LossFormula | None:
    loss = scene.step.loss
    if LOSSES.get(loss.name) is not type(loss):
        return None
    return loss_formula(loss.name, loss.from_logits)


def _outputs(scene: Scene, row: int) -> list[Operand]:
    last = len(scene.step.layers) - 1
    return [scene.output(last, j, row) for j in range(scene.width(last))]


def _targets(scene: Scene, row: int) -> list[Operand]:
    return [named(scene.names.target(j, row), t) for j, t in enumerate(scene.step.T[row])]


def _board(scene: Scene, row: int, sheet: Sheet) -> Board:
    """Return a board with the outputs, the targets and the loss's setting on it."""
    names, loss = scene.names, scene.step.loss
    last = len(scene.step.layers) - 1
    neurons = [names.neuron(last, j) + names.mark(row) for j in range(scene.width(last))]

    def emit(name: str, term: Operand, column: int | None) -> None:
        sheet.put(name, term, None, column, row)

    board = Board(emit, neurons, names.mark(row), {})
    board.rows["y"], board.rows["t"] = _outputs(scene, row), _targets(scene, row)
    formula = _formula(scene)
    if formula and formula.setting:
        board.scalars["c"] = constant(float(getattr(loss, formula.setting)))
    return board


def _factor(formula: LossFormula, outputs: int, rows: int) -> Operand:
    """Return the factor of a sample's derivatives: its share in the means over rows and outputs."""
    parts = float(rows * (outputs if formula.mean else 1))
    whole = formula.factor / parts
    if len(repr(whole)) <= _SHORT:
        return constant(whole)
    return joined("/", constant(formula.factor), constant(parts))


def _of_one(scene: Scene, y: float, t: float) -> float:
    one: tuple[Row, Row] = ([y], [t])
    return scene.step.loss.of_row(*one)
