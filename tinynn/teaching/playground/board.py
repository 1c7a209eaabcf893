"""The arithmetic of the present step, each line beside that of the lesson which computes it."""

from __future__ import annotations

import re
from typing import Any

from ...checks.words import excerpt
from ...errors import SettingError
from ...lesson import activations
from ...lesson.activation_layers import Activation, LogSoftmax, Softmax
from ...lesson.layer import Layer
from ...lesson.layers import Dense, Dropout
from ..explain import Equation, Explanation, explain
from .breaks import BREAKS
from .networks import weight_at
from .session import Answer, Session
from .settings import WHO, whole
from .sources import line_of

MOST_WALKED = 150  # weights: more make a walk that nobody ends


def explained(session: Session, message: dict[str, Any]) -> Answer:
    """Explain a weight, {"only": "0.W[1][0]"}, or a neuron, {"only": "0[2]"}, for one row."""
    row = _row(session, message)
    only = message.get("only")
    neuron = re.fullmatch(r"([0-9]{1,3})\[([0-9]{1,5})\]", only) if isinstance(only, str) else None
    if neuron is None:
        values, at = weight_at(session.model, only)
        found = _explanation(session, row, str(only))
        lines = found.lines
        title, value = f"the weight {only}, {_rows(session, row)}", values[at]
    else:
        layer, column = int(neuron[1]), int(neuron[2])
        dense = session.model.layers[layer] if layer < len(session.model.layers) else None
        if not isinstance(dense, Dense) or column >= dense.outputs:
            raise SettingError(f"{WHO} has no neuron {excerpt(only)} in this network")
        shown = [
            line
            for k in range(layer, _end(session, layer))
            for line in _explanation(session, row, f"layer {k}").lines
            if line.column == column
        ]
        lines = [line for line in shown if line.part == "forward"]
        back = [line for line in shown if line.part == "backward"]
        lines += sorted(back, key=lambda line: -(line.layer or 0))
        title, value = f"neuron {column + 1} of layer {layer}, {_rows(session, row)}", None
    return {"title": title, "value": value, "lines": [_answer(session, line) for line in lines]}


def walked(session: Session, message: dict[str, Any]) -> Answer:
    """Return every number of one row's step, forward and backward, in the order of computing."""
    count = session.model.count_parameters()
    if count > MOST_WALKED:
        raise SettingError(
            f"{WHO} walks through networks of at most {MOST_WALKED} weights and biases, and this "
            f"one has {count}; click a single neuron or weight instead"
        )
    lines = _explanation(session, _row(session, message), None).lines
    return {"lines": [_answer(session, line) for line in lines]}


def _rows(session: Session, row: int) -> str:
    return "for all rows" if session.problem.kind == "article" else f"for row {row} alone"


def _row(session: Session, message: dict[str, Any]) -> int:
    return whole(0, len(session.inputs) - 1)("row", message.get("row", 0))


def _explanation(session: Session, row: int, only: str | None) -> Explanation:
    article = session.problem.kind == "article"  # whose steps are made on all rows together
    rows = slice(None) if article else slice(row, row + 1)
    return explain(
        session.model, session.inputs[rows], session.targets[rows], session.loss,
        session.trainer.recipe.optimizer, only, digits=9 if article else 6,
    )  # fmt: skip


def _end(session: Session, layer: int) -> int:
    """Return the index after the layers that belong to the neurons of a Dense layer."""
    layers = session.model.layers
    return next(
        (k for k in range(layer + 1, len(layers)) if isinstance(layers[k], Dense)), len(layers)
    )


def _answer(session: Session, line: Equation) -> Answer:
    drawn = [k for k, layer in enumerate(session.model.layers) if isinstance(layer, Dense)]
    unit = ""
    if line.layer is not None and line.column is not None:
        unit = f"{sum(k <= line.layer for k in drawn) - 1},{line.column}"
    steps = line.steps()
    return {
        "heading": line.part,
        "formula": f"{line.name} = {steps[0]}",
        "numbers": " = ".join(steps[1:-1]),
        "result": steps[-1] if len(steps) > 1 else "",
        "note": line.note,
        "mark": line.weight,
        "unit": unit,
        "place": _place(session, line),
    }


def _place(session: Session, line: Equation) -> Answer:
    """Return the line of the lesson that computes this number, as `line_of` does."""
    recipe = session.trainer.recipe
    layers = session.model.layers
    layer = None if line.layer is None else layers[line.layer]
    if line.part == "update":
        return line_of(type(recipe.optimizer).update)
    if line.part == "loss":
        return line_of(type(recipe.loss).of_row)
    if line.part == "forward":
        return _forward(layer, line)
    if layer is None or (layer is layers[-1] and recipe.loss.joins(layer)):
        joint = recipe.loss.joins(layers[-1])
        return line_of(
            type(recipe.loss).logits_derivative if joint else type(recipe.loss).row_derivative
        )
    if isinstance(layer, Dense):
        if not line.weight:
            return line_of(Dense.backward)
        found = line_of(
            Dense.backward, r"self\.db = " if line.weight.find(".b") > 0 else r"self\.dW = "
        )
    elif isinstance(layer, Activation):
        found = line_of(_own(layer).derivative)
    else:
        found = line_of(type(layer).backward)
    broken = BREAKS.get(session.settings.broken)
    if broken and found.get("source") == broken.right:
        found = {**found, "broken": broken.wrong}
    return found


def _forward(layer: Layer | None, line: Equation) -> Answer:
    if isinstance(layer, Dense):
        return line_of(Dense.forward, "Z = ")
    if isinstance(layer, Activation):
        # `sigmoid` has a line for numbers from 0 on, and another below.
        own = _own(layer)
        found = line_of(own.function, first=line.result >= 0.5)
        # tanh is of the standard library: the line that says so is the layer's.
        return found or line_of(own if isinstance(own, type) else type(own), "function = ")
    if isinstance(layer, (Softmax, LogSoftmax)):
        name = "softmax" if isinstance(layer, Softmax) else "log_softmax"
        return line_of(getattr(activations, name))
    return line_of(type(layer).forward) if isinstance(layer, Dropout) else {}


def _own(layer: Activation) -> Any:
    """Return the layer, or the lesson's own class of one with a broken derivative."""
    return type(layer).__mro__[1] if type(layer).__module__.endswith(".breaks") else layer
