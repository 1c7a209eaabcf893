"""The lines of each layer, forward and backward; formulas come from the row programs."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, NamedTuple, Sequence

from ...engines.image_plans import does_nothing
from ...formulas import LAYER_FORMULAS, formula_name
from ...formulas.expressions import parsed, replaced, simplified
from ...formulas.normalizations import BATCH_NORMALIZATION
from ...formulas.programs import LayerFormula, Program
from ...lesson.activation_layers import Activation
from ...lesson.images import BatchNorm2D, ImageLayer
from ...lesson.layer import Layer
from ...lesson.layers import Dense, Dropout
from ...lesson.normalization import BatchNorm, GroupNorm
from ...lesson.parameters import Parameter, rows_of
from ...lesson.prelu import PReLU
from .lines import Equation, Operand, constant, joined, named
from .naming import BoardNames, weight_name
from .notation import in_row
from .programs import Board
from .step import OneStep

Wanted = Callable[[str], bool]  # takes the library's name of a weight
MOST_ARGUMENTS = 6  # of a function without a known formula


class Scene(NamedTuple):
    """What all lines are made from: the step, the names on the board, and how many decimals."""

    step: OneStep
    names: BoardNames
    digits: int

    def output(self, layer: int, column: int, row: int) -> Operand:
        """Return an output of a layer; an input of the network for layer −1."""
        value = self.step.outputs[layer + 1][row][column]
        return named(self.names.output(layer, column, row), value)

    def derivative(self, layer: int, column: int, row: int) -> Operand:
        """Return the loss's derivative by an output of a layer."""
        value = self.step.derivatives[layer + 1][row][column]
        return named(self.names.derivative(layer, column, row), value)

    def parameter(self, layer: int, letter: str, i: int, j: int) -> Operand:
        """Return a number that is trained, as it was before the step."""
        value = rows_of(self.step.network.layers[layer].parameters()[letter])[i][j]
        return named(self.names.parameter(layer, letter, i, j), value)

    def width(self, layer: int) -> int:
        """Return how many columns come out of a layer."""
        return len(self.step.outputs[layer + 1][0])


class Sheet:
    """Collects the lines of a part of an explanation; `row` is None for what concerns all rows."""

    def __init__(self, scene: Scene, part: str, layer: int | None, row: int | None) -> None:
        self.scene, self.part, self.layer, self.row = scene, part, layer, row
        self.lines: list[Equation] = []

    def put(
        self,
        name: str,
        term: Operand,
        result: float | None = None,
        column: int | None = None,
        row: int | None = None,
        weight: str = "",
        opaque: bool = False,
    ) -> None:
        """Add a line; without a `result`, it is what the formula gives."""
        self.lines.append(
            Equation(
                self.part, self.layer, column, self.row if row is None else row, weight, name,
                term, term.value if result is None else result, self.scene.digits, opaque,
            )
        )  # fmt: skip


def mixes_rows(layer: Layer) -> bool:
    """Return whether a layer's outputs for one row may depend on the other rows of the batch."""
    return _by_columns(layer) or (_formula(layer) is None and not _each_row(layer))


def _by_columns(layer: Layer) -> bool:
    """Return whether a layer normalizes each column of the batch."""
    return isinstance(layer, BatchNorm) and not isinstance(layer, BatchNorm2D)


def forward_lines(scene: Scene, k: int, row: int | None) -> list[Equation]:
    """Return the lines of layer k for one row; for all rows if `row` is None."""
    layer, names = scene.step.layers[k], scene.names
    sheet = Sheet(scene, "forward", k, row)
    rows = range(names.rows) if row is None else [row]
    if isinstance(layer, BatchNorm) and _by_columns(layer):
        _batch_normalized(sheet, k, layer)
        return sheet.lines
    for r in rows:
        if type(layer) is Dense:
            _weighted_sums(sheet, k, r)
        elif type(layer) is Dropout:
            _dropped(sheet, k, layer, r)
        elif _formula(layer):
            _by_formula(sheet, k, layer, r)
        elif does_nothing(layer):
            _passed_on(sheet, k, r)
        else:
            _unknown(sheet, k, layer, r)
    return sheet.lines


def _formula(layer: Layer) -> LayerFormula | None:
    if _by_columns(layer):
        return BATCH_NORMALIZATION
    found = LAYER_FORMULAS.get(formula_name(layer))
    return None if found and found.in_groups else found


def _each_row(layer: Layer) -> bool:
    return (
        isinstance(layer, Activation)
        or type(layer) in (Dense, Dropout, GroupNorm)
        or (isinstance(layer, ImageLayer) or does_nothing(layer))
    )


def _weighted_sums(sheet: Sheet, k: int, row: int) -> None:
    """z = Σ w x + b, for each neuron."""
    scene = sheet.scene
    has_bias = "b" in scene.step.network.layers[k].parameters()
    inputs = [scene.output(k - 1, i, row) for i in range(scene.width(k - 1))]
    for j in range(scene.width(k)):
        terms = [joined("*", scene.parameter(k, "W", i, j), x) for i, x in enumerate(inputs)]
        terms += [scene.parameter(k, "b", 0, j)] if has_bias else []
        z = scene.output(k, j, row)
        sheet.put(z.tree[1], joined("sum", *terms), z.value, j, row)


def _dropped(sheet: Sheet, k: int, layer: Dropout, row: int) -> None:
    scene = sheet.scene
    for j, factor in enumerate(layer.factors[row]):
        y = scene.output(k, j, row)
        term = joined("*", scene.output(k - 1, j, row), _keep(scene, k, j, row, factor))
        sheet.put(y.tree[1], term, y.value, j, row)


def _keep(scene: Scene, k: int, column: int, row: int, factor: float) -> Operand:
    """Return what dropout multiplies by: 0, or 1 / (1 − rate)."""
    names = scene.names
    return named(f"keep_{names.neuron(k, column)}{names.mark(row)}", factor)


def _row_board(sheet: Sheet, k: int, layer: Layer, row: int, shows: bool) -> Board:
    """Return a board for one row, with the layer's inputs and numbers on it."""
    scene, names = sheet.scene, sheet.scene.names
    outputs = {names.output(k, j, row): j for j in range(scene.width(k))}

    def emit(name: str, term: Operand, column: int | None) -> None:
        j = outputs.get(name)
        result = None if j is None else scene.step.outputs[k + 1][row][j]
        if shows:
            sheet.put(name, term, result, column, row)

    neurons = [names.neuron(k, j) + names.mark(row) for j in range(scene.width(k - 1))]
    board = Board(emit, neurons, names.mark(row), {"y": lambda j: names.output(k, j, row)})
    board.rows["z"] = [scene.output(k - 1, j, row) for j in range(len(neurons))]
    _settings(board, layer, len(neurons))
    for letter in layer.parameters():
        columns = [0 if _shares(layer) else j for j in range(len(neurons))]
        board.rows[letter] = [scene.parameter(k, letter, 0, j) for j in columns]
    return board


def _shares(layer: Layer) -> bool:
    """Return whether all columns have the same parameters."""
    return type(layer) is PReLU and layer.shared


def _settings(board: Board, layer: Layer, n: int) -> None:
    formula = _formula(layer)
    board.scalars["n"] = constant(float(n))
    if formula and formula.setting:
        board.scalars["c"] = constant(float(getattr(layer, formula.setting)))
    if formula and formula.second:
        board.scalars["c2"] = constant(float(getattr(layer, formula.second)))


def _by_formula(sheet: Sheet, k: int, layer: Layer, row: int) -> None:
    formula = _formula(layer)
    if formula:
        _row_board(sheet, k, layer, row, shows=True).run(formula.forward)
        if not sheet.lines or sheet.lines[-1].name != sheet.scene.names.output(
            k, sheet.scene.width(k) - 1, row
        ):  # Linear: an empty program
            _passed_on(sheet, k, row)


def _passed_on(sheet: Sheet, k: int, row: int) -> None:
    scene = sheet.scene
    for j in range(scene.width(k)):
        y = scene.output(k, j, row)
        sheet.put(y.tree[1], scene.output(k - 1, j, row), y.value, j, row)


def _unknown(sheet: Sheet, k: int, layer: Layer, row: int) -> None:
    scene, kind = sheet.scene, type(layer).__name__
    inputs = [scene.output(k - 1, i, row) for i in range(scene.width(k - 1))]
    for j in range(scene.width(k)):
        y = scene.output(k, j, row)
        given = [inputs[j]] if isinstance(layer, Activation) else inputs
        opaque = not (kind == "Linear" and isinstance(layer, Activation))
        term = call(kind, given) if opaque else inputs[j]
        sheet.put(y.tree[1], term, y.value, j, row, opaque=opaque)


def call(name: str, given: Sequence[Operand]) -> Operand:
    """Return a function without a known formula, of the first few of its arguments."""
    few = joined("sum", constant(0.0), *given[:MOST_ARGUMENTS])
    more = [("call", "…")] if len(given) > MOST_ARGUMENTS else []
    return Operand(("call", name, *few.tree[2:], *more), few.values)


def _column_board(sheet: Sheet, k: int, layer: BatchNorm, j: int, shows: bool) -> Board:
    """Return a board for one column of the batch, in which rows are what columns are elsewhere."""
    scene, names = sheet.scene, sheet.scene.names
    n, neuron = names.rows, names.neuron(k, j)
    outputs = {names.output(k, j, r): r for r in range(n)}
    shown = {name: f"{name.replace('_', ' ')}_{neuron}" for name in layer.buffers()}
    running = {f"{word}⁺": name for name, word in shown.items()}

    def emit(name: str, term: Operand, column: int | None) -> None:
        result = None
        if name in outputs:
            result = scene.step.outputs[k + 1][outputs[name]][j]
        elif name in running:
            result = getattr(layer, running[name])[j]
        if shows:
            sheet.put(name, term, result, j, outputs.get(name))

    results: dict[str, Any] = {"y": lambda r: names.output(k, j, r)}
    results.update({name: partial(_fixed, word) for word, name in running.items()})
    board = Board(emit, [neuron + in_row(r) for r in range(n)], f"_{neuron}", results)
    board.rows["z"] = [scene.output(k - 1, j, r) for r in range(n)]
    _settings(board, layer, n)
    before = scene.step.network.layers[k].buffers()
    board.scalars["momentum"] = constant(layer.momentum)
    for name in running.values():
        board.scalars[name] = named(shown[name], rows_of(before[name])[0][j])
    for letter in layer.parameters():
        board.scalars[letter] = scene.parameter(k, letter, 0, j)
    return board


def _fixed(name: str, column: int) -> str:
    return name


def _batch_normalized(sheet: Sheet, k: int, layer: BatchNorm) -> None:
    for j in range(sheet.scene.width(k)):
        _column_board(sheet, k, layer, j, shows=True).run(BATCH_NORMALIZATION.forward)


# --- backward -------------------------------------------------------------------------------------


def backward_lines(scene: Scene, k: int, wanted: Wanted = lambda weight: True) -> list[Equation]:
    """Return the lines of layer k from ∂E/∂outputs to ∂E/∂inputs, and of its gradients."""
    layer, sheet = scene.step.layers[k], Sheet(scene, "backward", k, None)
    if type(layer) is Dense:
        _dense_backward(sheet, k, wanted)
        return sheet.lines
    gradients: dict[str, list[list[Operand]]] = {}
    if isinstance(layer, BatchNorm) and _by_columns(layer):
        for j in range(scene.width(k)):
            _collect(gradients, _column_backward(sheet, k, layer, j), j)
    elif _formula(layer):
        for row in range(scene.names.rows):
            board = _formula_backward(sheet, k, layer, row)
            for j in range(scene.width(k)):
                _collect_row(gradients, board, j, 0 if _shares(layer) else j)
    elif k > 0:
        for row in range(scene.names.rows):
            _other_backward(sheet, k, layer, row)
    _gradient_lines(sheet, k, layer, gradients)
    return sheet.lines


def _dense_backward(sheet: Sheet, k: int, wanted: Wanted) -> None:
    scene, names = sheet.scene, sheet.scene.names
    outputs = range(scene.width(k))
    for row in range(names.rows) if k > 0 else ():
        for i in range(scene.width(k - 1)):
            terms = [
                joined("*", scene.derivative(k, j, row), scene.parameter(k, "W", i, j))
                for j in outputs
            ]
            dx = scene.derivative(k - 1, i, row)
            sheet.put(dx.tree[1], joined("sum", *terms), dx.value, i, row)
    for parameter in scene.step.gradients():
        index, _, letter = parameter.name.partition(".")
        if int(index) == k:
            for j in outputs:
                for i in range(len(parameter.rows())):
                    if wanted(weight_name(parameter, i, j)):
                        _dense_gradient(sheet, k, parameter, letter, i, j)


def _dense_gradient(
    sheet: Sheet, k: int, parameter: Parameter, letter: str, i: int, j: int
) -> None:
    """∂E/∂w = Σ x ∂E/∂z and ∂E/∂b = Σ ∂E/∂z, over the rows."""
    scene, names = sheet.scene, sheet.scene.names
    terms = []
    for row in range(names.rows):
        dz = scene.derivative(k, j, row)
        terms.append(joined("*", dz, scene.output(k - 1, i, row)) if letter == "W" else dz)
    name = f"∂E/∂{names.parameter(k, letter, i, j)}"
    if letter == "b" and names.shared_biases:
        name += f" at {names.neuron(k, j)}"
    result = parameter.gradient_rows()[i][j]
    weight = weight_name(parameter, i, j)
    sheet.put(name, joined("sum", *terms), result, j, weight=weight)


def _formula_backward(sheet: Sheet, k: int, layer: Layer, row: int) -> Board:
    scene = sheet.scene
    formula = _formula(layer)
    assert formula
    board = _row_board(sheet, k, layer, row, shows=False)
    board.run(formula.forward)
    board.rows["d"] = [scene.derivative(k, j, row) for j in range(scene.width(k))]
    single = len(formula.backward) == 1 and formula.elementwise
    if k > 0 and single:
        tree = replaced(parsed(formula.backward[0].value), {"d": ("number", 1.0)})
        board.emit = lambda name, term, column: None
        for j in range(scene.width(k)):
            terms = {name: rows[j] for name, rows in board.rows.items()}
            slope = board.filled(simplified(tree), {**board.scalars, **terms})
            _chain(sheet, k, layer, row, j, slope)
        return board
    cells = [(j, row) for j in range(scene.width(k - 1))]
    _run_backward(sheet, k, board, formula.backward, cells, row)
    return board


def _chain(
    sheet: Sheet, k: int, layer: Layer, row: int, j: int, slope: Operand, opaque: bool = False
) -> None:
    """∂y/∂x, and ∂E/∂x = ∂E/∂y · ∂y/∂x."""
    scene = sheet.scene
    x, y = scene.output(k - 1, j, row), scene.output(k, j, row)
    result = layer.derivative(x.value, y.value) if isinstance(layer, Activation) else None
    name = f"∂{y.tree[1]}/∂{x.tree[1]}"
    sheet.put(name, slope, result, j, row, opaque=opaque)
    dx = scene.derivative(k - 1, j, row)
    term = joined("*", scene.derivative(k, j, row), named(name, sheet.lines[-1].result))
    sheet.put(dx.tree[1], term, dx.value, j, row)


def _column_backward(sheet: Sheet, k: int, layer: BatchNorm, j: int) -> Board:
    scene, names = sheet.scene, sheet.scene.names
    board = _column_board(sheet, k, layer, j, shows=False)
    board.run(BATCH_NORMALIZATION.forward)
    board.rows["d"] = [scene.derivative(k, j, r) for r in range(names.rows)]
    cells = [(j, r) for r in range(names.rows)]
    _run_backward(sheet, k, board, BATCH_NORMALIZATION.backward, cells)
    return board


def _run_backward(
    sheet: Sheet,
    k: int,
    board: Board,
    program: Program,
    cells: Sequence[tuple[int, int]],
    row: int | None = None,
) -> None:
    """Put the lines of a backward program; its results are ∂E/∂x in cells: columns and rows.

    If all cells are in one `row`, the other lines are in it, too; else in their column.
    """
    names, derivatives = sheet.scene.names, sheet.scene.step.derivatives
    known = {names.derivative(k - 1, *cell): cell for cell in cells}

    def emit(name: str, term: Operand, index: int | None) -> None:
        j, at = known.get(name, (None, None))
        result = None if j is None or at is None else derivatives[k][at][j]
        if k > 0 and row is not None:
            sheet.put(name, term, result, index, row)
        elif k > 0:
            sheet.put(name, term, result, cells[0][0], at)

    board.emit, board.before = emit, "∂"
    board.results = {"d": lambda i: names.derivative(k - 1, *cells[i])}
    board.run(program)


def _other_backward(sheet: Sheet, k: int, layer: Layer, row: int) -> None:
    """Dropout, a marked output, and layers without a known formula."""
    scene, kind = sheet.scene, type(layer).__name__
    derivatives = [scene.derivative(k, j, row) for j in range(scene.width(k))]
    for i in range(scene.width(k - 1)):
        dx = scene.derivative(k - 1, i, row)
        if type(layer) is Dropout:
            keep = _keep(scene, k, i, row, layer.factors[row][i])
            sheet.put(dx.tree[1], joined("*", derivatives[i], keep), dx.value, i, row)
        elif does_nothing(layer) or (kind == "Linear" and isinstance(layer, Activation)):
            sheet.put(dx.tree[1], derivatives[i], dx.value, i, row)
        elif isinstance(layer, Activation):
            slope = call(f"{kind}.derivative", [scene.output(k - 1, i, row)])
            _chain(sheet, k, layer, row, i, slope, opaque=True)
        else:
            term = call(f"{kind}.backward", derivatives)
            sheet.put(dx.tree[1], term, dx.value, i, row, opaque=True)


def _collect(gradients: dict[str, list[list[Operand]]], board: Board, column: int) -> None:
    """Keep the terms of a column's gradients, one per row."""
    for letter in ("gamma", "beta"):
        gradients.setdefault(letter, []).append(list(board.rows[f"d{letter}"]))


def _collect_row(
    gradients: dict[str, list[list[Operand]]], board: Board, column: int, place: int
) -> None:
    """Keep a row's terms of a column's gradients, at their place, if the layer has any."""
    for letter in ("gamma", "beta", "slope"):
        if f"d{letter}" in board.rows:
            columns = gradients.setdefault(letter, [])
            if len(columns) <= place:
                columns.append([])
            columns[place].append(board.rows[f"d{letter}"][column])


def _gradient_lines(
    sheet: Sheet, k: int, layer: Layer, gradients: dict[str, list[list[Operand]]]
) -> None:
    scene, names = sheet.scene, sheet.scene.names
    for parameter in scene.step.gradients():
        index, _, letter = parameter.name.partition(".")
        if int(index) != k:
            continue
        for i, row in enumerate(parameter.gradient_rows()):
            for j, result in enumerate(row):
                known = letter in gradients
                term = joined("sum", *gradients[letter][j]) if known else _opaque(layer, scene, k)
                name = f"∂E/∂{names.parameter(k, letter, i, j)}"
                weight = weight_name(parameter, i, j)
                sheet.put(name, term, result, j, weight=weight, opaque=not known)


def _opaque(layer: Layer, scene: Scene, k: int) -> Operand:
    rows = range(scene.names.rows)
    given = [scene.derivative(k, j, row) for row in rows for j in range(scene.width(k))]
    return call(f"{type(layer).__name__}.backward", given)
