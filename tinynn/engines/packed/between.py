"""What comes between and after the dense layers of the packed engine: activations and the loss.

Numbers here are floats, with the rows of a whole batch in one flat list, for speed. An elementwise
activation is a function compiled from its row program; any other layer runs its own `forward` and
`backward` on rows.
"""

from __future__ import annotations

from math import inf
from typing import Any, Callable, NamedTuple, Sequence, Tuple

from ...formulas.activations import ACTIVATIONS
from ...formulas.caches import cached
from ...formulas.comprehensions import as_expression, comprehended
from ...formulas.expressions import Tree, most_uses, names, parsed, replaced, turned, written
from ...formulas.losses import loss_formula
from ...formulas.programs import Each, Largest, LossFormula, Program
from ...lesson.activation_layers import Linear
from ...lesson.layer import Layer
from ...lesson.loss import Loss
from ...lesson.losses import LOSSES
from ...lesson.matrix import Matrix, Vector
from ...lesson.network import KINDS
from ..image_plans import does_nothing
from ..plans import layer_numbers, loss_number
from ..source import compile_source
from ..unrolled.losses import targets_are_simple
from .layer import cut_rows

Numbers = Sequence[float]  # floats, or the integers of lanes
# From outputs, targets and k to the loss and its derivatives, all flat lists.
FlatLoss = Callable[[Vector, Vector, float], Tuple[float, Vector]]


class FlatFunction(NamedTuple):
    """An activation on flat lists: outputs a from z · unit, and dZ from g · unit and a."""

    forward: Callable[[Numbers, float], Vector]
    backward: Callable[[Numbers, Vector, float], Vector]


_LINEAR = FlatFunction(lambda z, u: [v * u for v in z], lambda g, a, u: [v * u for v in g])


@cached(64)
def flat_function(kind: str, numbers: tuple[float, float]) -> FlatFunction | None:
    """Return an activation on flat lists, or None if its backward pass needs more than outputs."""
    formula = ACTIVATIONS.get(kind)
    if formula is None or not formula.elementwise or len(formula.backward) != 1:
        return None
    back = parsed(formula.backward[0].value)
    if formula.letters or not set(names(back)) <= {"d", "y", "c", "c2"}:
        return None
    known: dict[str, Tree] = {"c": ("number", numbers[0]), "c2": ("number", numbers[1])}
    quick, careful = (
        _scaled(replaced(as_expression(formula, quick), known)) for quick in (True, False)
    )
    forward = (
        "def forward(z, unit):\n    try:\n"
        f"        return {quick}\n"
        "    except OverflowError:\n"
        f"        return {careful}\n"
    )
    d = written(replaced(back, known), sources={"d": "v * unit"})
    backward = f"def backward(g, a, unit):\n    return [{d} for v, y in zip(g, a)]\n"
    return FlatFunction(
        compile_source(forward, "packed activation"), compile_source(backward, "packed activation")
    )


def _scaled(tree: Tree) -> str:
    """Return the source of a list: an expression of z for each v in z, with z = v · unit there."""
    minus = turned(tree, "z")
    if minus and most_uses(minus, "z") == 1:
        return f"[{written(minus, sources={'z': 'v * u'})} for u in (-unit,) for v in z]"
    tree = _compared_unscaled(tree)
    if most_uses(tree, "z") == 1:
        return f"[{written(tree, sources={'z': 'v * unit'})} for v in z]"
    return f"[{written(tree, sources={'v': 'z'})} for z in [v * unit for v in z]]"


def _compared_unscaled(tree: Tree) -> Tree:
    """Return a tree that compares v with 0 instead of z, which is the same for a unit above 0."""
    if tree[0] == "compare" and tree[1] == ("name", "z") and tree[3:] == (("number", 0.0),):
        return ("compare", ("name", "v"), *tree[2:])
    return tuple(_compared_unscaled(part) if isinstance(part, tuple) else part for part in tree)


@cached(8)
def _row_function(kind: str, numbers: tuple[float, float]) -> Callable[[Vector], Vector]:
    """Return a layer without parameters as a function of one row."""
    known = {"c": repr(numbers[0]), "c2": repr(numbers[1]), "n": "float(len(z))"}
    lines = comprehended(ACTIVATIONS[kind].forward, ["z"], known)
    source = "\n    ".join(["def forward(z):", *lines, "return y"])
    function: Callable[[Vector], Vector] = compile_source(source + "\n", "packed activation")
    return function


class Between:
    """The layers from one dense layer to the next, or to the loss.

    `fused`: the loss gives the derivative by the last layer's inputs, so the backward pass leaves
    that layer out. `limit` is the largest size an output can have, or None if there is no bound.
    """

    def __init__(self, layers: list[Layer], columns: int, fused: bool = False) -> None:
        layers = [layer for layer in layers if not does_nothing(layer)]
        self.layers, self.columns, self.fused = layers, columns, fused
        self.function: FlatFunction | None = None
        self.row_function: Callable[[Vector], Vector] | None = None
        if not layers or (len(layers) == 1 and type(layers[0]) is Linear):
            self.function = _LINEAR
        elif len(layers) == 1:
            kind = type(layers[0]).__name__
            if KINDS.get(kind) is type(layers[0]):
                self.function = flat_function(kind, layer_numbers(layers[0]))
                formula = ACTIVATIONS.get(kind)
                if fused and not self.function and formula and not formula.letters:
                    self.row_function = _row_function(kind, layer_numbers(layers[0]))
        self.limit: float | None = None
        if layers:
            limit = max(-layers[-1].low, layers[-1].high)
            self.limit = limit if limit < inf else None

    def forward(self, z: Numbers, unit: float, training: bool = True) -> Vector:
        """Return the outputs for the numbers z · unit."""
        if self.function:
            return self.function.forward(z, unit)
        X = cut_rows([v * unit for v in z], self.columns)
        if self.row_function:
            return flat(map(self.row_function, X))
        for layer in self.layers:
            X = layer.forward(X, training)
        return flat(X)

    def backward(self, g: Numbers, a: Vector, unit: float) -> Vector:
        """Return ∂L/∂Z from g · unit, the derivative by the outputs a of the last `forward`."""
        if self.function and not self.fused:
            return self.function.backward(g, a, unit)
        d = [v * unit for v in g]
        layers = self.layers[:-1] if self.fused else self.layers
        if not layers:
            return d
        dY = cut_rows(d, self.columns)
        for layer in reversed(layers):
            dY = layer.backward(dY)
        return flat(dY)


def flat(rows: Any) -> Vector:
    """Return the numbers of all rows in one list."""
    return [value for row in rows for value in row]


class Goal:
    """The loss of a batch and its derivative: by the outputs or, if fused, the last layer's inputs.

    Without sample weights and sums over a row, both come from one function on flat lists, compiled
    from the loss's row program.
    """

    def __init__(self, loss: Loss, fused: bool, columns: int) -> None:
        self.loss, self.fused, self.columns = loss, fused, columns
        self.formula: LossFormula | None = None
        if type(loss) is LOSSES.get(loss.name):
            self.formula = loss_formula(loss.name, loss.from_logits)

    def bind(self, T: Matrix, weights: Vector | None) -> None:
        """Take the targets and sample weights that batches pick from."""
        self.T, self.weights = T, weights
        self.usable: FlatLoss | None = None
        formula = self.formula
        if weights is not None or formula is None:
            return
        given = all(sum(t) == 1.0 for t in T)  # then the sum of a row's targets is known
        simple = formula.mean and targets_are_simple(self.loss.name, T)
        loss, derivative = formula.parts(self.fused, simple)
        if is_flat([*loss, *derivative], ["right"] if given else []):
            name, from_logits = self.loss.name, self.loss.from_logits
            self.usable = _flat_loss(name, from_logits, simple, self.fused, loss_number(self.loss))
            self.share = 1.0 if formula.mean else float(self.columns)
            self.factor = formula.factor

    def __call__(self, Y: Vector, batch: Sequence[int]) -> tuple[float, Vector]:
        """Return the mean loss, and its derivative, for the outputs Y of a batch."""
        if self.usable:
            share = self.share / len(Y)
            T = [value for i in batch for value in self.T[i]]
            value, d = self.usable(Y, T, share * self.factor)
            return value * share, d
        rows_of_targets = [self.T[i] for i in batch]
        weights = self.weights and [self.weights[i] for i in batch]
        rows = cut_rows(Y, self.columns)
        gradient = self.loss.logits_gradient if self.fused else self.loss.gradient
        return (
            self.loss(rows, rows_of_targets, weights),
            flat(gradient(rows, rows_of_targets, weights)),
        )


def is_flat(program: Program, given: Sequence[str]) -> bool:
    """Return whether a program can run on many samples in one list: no row depends on a sum."""
    sums = {s.to for s in program if not isinstance(s, Each) and s.to not in given}
    used = {name for s in program if isinstance(s, Each) for name in names(parsed(s.value))}
    return not sums & used and not any(isinstance(s, Largest) for s in program)


@cached(64)
def _flat_loss(name: str, from_logits: bool, simple: bool, fused: bool, number: float) -> FlatLoss:
    loss, derivative = loss_formula(name, from_logits).parts(fused, simple)
    program = [*loss, *derivative]
    lines = comprehended(program, ["y", "t"], {"c": repr(number), "right": "1.0"}, ["right"])
    source = "\n    ".join(["def goal(y, t, k):", *lines, "return loss, d"])
    goal: FlatLoss = compile_source(source + "\n", "packed loss")
    return goal
