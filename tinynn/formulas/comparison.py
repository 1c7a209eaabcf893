"""A caller's row program compared with the class that it describes, on a few rows of numbers."""

from __future__ import annotations

import math
from typing import Any, Callable, Mapping, Sequence

from ..errors import SettingError
from ..lesson.layer import Layer
from ..lesson.loss import Loss
from ..lesson.matrix import Vector
from ..lesson.optimizer import Optimizer
from .comprehensions import comprehended
from .optimizers import UpdateFormula
from .programs import LayerFormula, LossFormula, Program

TOLERANCE = 1e-9  # as in the comparison of engines: rounding only
POINTS = (-20.0, -3.0, -1.25, -1.0, -0.5, -0.01, 0.0, 0.01, 0.3, 0.75, 1.0, 2.5, 20.0)
ROWS = ((0.3, -1.25, 2.5), (-0.5, 0.0, 0.75, 1.0), (3.0,), (-1.0, 2.0))
OUTPUTS = ((0.3, 0.6, 0.1), (-1.5, 0.4, 2.0), (0.9, 0.2, 0.5))
TARGETS = (
    (0.0, 1.0, 0.0), (0.2, 0.5, 0.3), (-1.0, 1.0, 1.0), (2.0, 3.0, 1.0), (0.3, 0.6, 0.1),
)  # fmt: skip
WEIGHTS, GRADIENTS = (0.5, -1.0, 0.25), ((0.2, -0.4, 0.0), (0.1, 0.3, -2.0), (-0.5, 0.2, 1.0))
_FUNCTIONS: dict[str, Any] = {
    **{name: getattr(math, name) for name in ("exp", "expm1", "log", "log1p", "tanh", "erfc")},
    "sqrt": math.sqrt, "abs": abs, "max": max,
}  # fmt: skip
_UNDEFINED = (ArithmeticError, ValueError)  # outside the domain of a function


def check_layer(layer: Layer, formula: LayerFormula) -> None:
    """Raise SettingError unless a program gives the outputs and derivatives of a layer."""
    who = type(layer).__name__
    number = float(getattr(layer, formula.setting)) if formula.setting else 0.0
    rows = [(z,) for z in POINTS] if formula.elementwise else list(ROWS)
    for z in rows:
        d = [1.0 - 0.25 * j for j in range(len(z))]
        try:
            y = layer.forward([list(z)])[0]
            dX = layer.backward([list(d)])[0]
        except _UNDEFINED:
            continue
        at = f"z = {_shown(z)}"
        _check_bounds(layer, y, at)
        numbers = {"c": number, "n": float(len(z))}
        rows_made = _run(who, at, formula.forward, {"z": z}, numbers, ["y"])
        _same(who, at, "y", y, rows_made["y"])
        program = [*formula.forward, *formula.backward]
        found = _run(who, at, program, {"z": z, "d": d}, numbers, ["d"])
        _same(who, f"{at} and dL/dy = {_shown(d)}", "dL/dz", dX, found["d"])


def _check_bounds(layer: Layer, y: Vector, at: str) -> None:
    # The packed engine relies on these bounds.
    if any(math.isfinite(v) and not layer.low - 1e-9 <= v <= layer.high + 1e-9 for v in y):
        raise SettingError(
            f"{type(layer).__name__} needs its outputs between low = {layer.low:g} and high = "
            f"{layer.high:g}, got {_shown(y)} for {at}"
        )


def check_loss(loss: Loss, formula: LossFormula) -> LossFormula:
    """Return the formula, as a mean or a sum over the outputs, whichever the class computes.

    Raises SettingError if the program gives other losses or derivatives than the class.
    """
    try:
        _check_loss(loss, formula._replace(mean=True))
        return formula._replace(mean=True)
    except SettingError as error:
        try:
            _check_loss(loss, formula._replace(mean=False))
        except SettingError:
            raise error from None
        return formula._replace(mean=False)


def _check_loss(loss: Loss, formula: LossFormula) -> None:
    who = type(loss).__name__
    number = float(getattr(loss, formula.setting)) if formula.setting else 0.0
    for t in TARGETS:
        if loss.check_target(t) is not None:
            continue
        for y in OUTPUTS:
            try:
                value, derivative = loss.of_row(y, t), loss.row_derivative(y, t)
            except _UNDEFINED:
                continue
            at = f"y = {_shown(y)} and t = {_shown(t)}"
            share = 1.0 / len(y) if formula.mean else 1.0
            given = {"y": y, "t": t}
            numbers = {"c": number, "k": share * formula.factor}
            program = [*formula.loss, *formula.derivative]
            found = _run(who, at, program, given, numbers, ["loss", "d"])
            _same(who, at, "the loss", [value], [found["loss"] * share])
            _same(who, at, "dL/dy", derivative, found["d"])
            if formula.joint:
                joint = _run(who, at, [*formula.loss, *formula.joint], given, numbers, ["d"])
                _same(who, at, "dL/dz", loss.logits_derivative(y, t), joint["d"])


def check_update(
    optimizer: Optimizer, formula_of: Callable[[Optimizer], UpdateFormula], rate: float = 0.05
) -> None:
    """Raise SettingError unless a program makes an optimizer's updates: three of them."""
    who, formula = type(optimizer).__name__, formula_of(optimizer)
    w: Sequence[float] = WEIGHTS
    memory = {name: [float(value)] * len(w) for name, value in optimizer.start().items()}
    for step, g in enumerate(GRADIENTS, 1):
        at = f"w = {_shown(w)} and g = {_shown(g)} in update {step}"
        numbers = once(formula.once, rate, step)
        given = {"w": w, "g": g, **memory}
        before = {name: list(row) for name, row in memory.items()}
        found = _run(who, at, formula.program, given, numbers, ["w", *memory])
        memory = before
        w = optimizer.update(list(w), list(g), memory, rate, step)
        for name, row in memory.items():
            _same(who, at, name, row, found[name])
        _same(who, at, "w", w, found["w"])


def once(sources: Sequence[tuple[str, str]], rate: float, step: int) -> dict[str, float]:
    """Return the numbers that an update needs once."""
    space: dict[str, Any] = {**_FUNCTIONS, "rate": rate, "step": step}
    for name, source in sources:
        space[name] = eval(source, {"__builtins__": {}}, space)
    return {name: float(space[name]) for name in ("rate", *[name for name, _ in sources])}


def _run(
    who: str,
    at: str,
    program: Program,
    given: Mapping[str, Sequence[float]],
    numbers: Mapping[str, float],
    wanted: Sequence[str],
) -> dict[str, Any]:
    """Return what a program computes, by name."""
    lines = comprehended(program, list(given), {name: repr(v) for name, v in numbers.items()})
    space: dict[str, Any] = {**_FUNCTIONS, **{name: list(row) for name, row in given.items()}}
    try:
        exec("\n".join(lines), space)
    except _UNDEFINED as error:
        raise SettingError(
            f"{who} needs a row program that computes what the class does: for {at} the program "
            f"fails ({error}), and the class does not"
        ) from None
    return {name: space[name] for name in wanted}


def _same(who: str, at: str, what: str, wanted: Sequence[float], found: Sequence[float]) -> None:
    for a, b in zip(wanted, found):
        near = abs(a - b) <= TOLERANCE * max(1.0, abs(a))
        if not near and math.isfinite(a):
            raise SettingError(
                f"{who} needs a row program that computes what the class does: for {at} the "
                f"program gives {what} = {_shown(found)}, and the class {_shown(wanted)}"
            )


def _shown(row: Sequence[float]) -> str:
    numbers = [f"{value:.10g}" for value in row]
    return numbers[0] if len(numbers) == 1 else f"[{', '.join(numbers)}]"
