"""The network on the page: built from the settings, compared, shrunk by L1, its weights by name."""

from __future__ import annotations

from typing import Callable, Sequence

from ...checks.words import excerpt
from ...errors import SettingError
from ...lesson.activation_layers import Linear, Sigmoid, Softmax
from ...lesson.layer import Layer
from ...lesson.layers import Dense, Dropout
from ...lesson.matrix import Matrix
from ...lesson.network import Sequential
from ...lesson.optimizer import Optimizer
from .articles import article
from .breaks import layer_or_broken
from .problems import Problem
from .settings import ACTIVATIONS, MOST_WEIGHTS, WHO, Settings, make_optimizer


def build(settings: Settings, found: Problem) -> Sequential:
    """Return a new network for the problem. Raises SettingError if it has too many weights."""
    columns = len(found.train[0][0]) if found.kind == "pictures" else len(settings.features)
    outputs = len(found.classes) if len(found.classes) > 2 else 1
    widths = [columns, *[hidden.units for hidden in settings.layers], outputs]
    count = sum(a * b for a, b in zip(widths, widths[1:]))
    if count > MOST_WEIGHTS:
        raise SettingError(
            f"{WHO} trains at most {MOST_WEIGHTS:,} weights while one watches, and these layers "
            f"have {count:,}; take neurons away"
        )
    dense: Callable[..., Layer] = layer_or_broken(Dense, settings.broken)
    layers: list[Layer] = []
    for inputs, hidden in zip(widths, settings.layers):
        layers.append(dense(inputs, hidden.units))
        layers.append(layer_or_broken(ACTIVATIONS[hidden.activation], settings.broken)())
        if hidden.dropout:
            layers.append(Dropout(hidden.dropout / 100.0))
    layers.append(dense(widths[-2], outputs))
    last = Linear if not found.classes else Sigmoid if outputs == 1 else Softmax
    layers.append(layer_or_broken(last, settings.broken)())
    return Sequential(*layers, seed=settings.seed)


def fresh(settings: Settings, found: Problem) -> tuple[Sequential, str, Optimizer]:
    """Return a new network for the problem, the name of its loss, and its optimizer."""
    if found.kind == "article":
        return article(settings.data)
    return build(settings, found), loss_of(found), make_optimizer(settings)


def loss_of(found: Problem) -> str:
    """Return the loss that fits the problem's targets, by name."""
    return "bce" if len(found.classes) == 2 else "ce" if found.classes else "mse"


def same_shape(a: Sequential, b: Sequential) -> bool:
    """Return whether the weights of one fit the other."""
    return [(p.name, len(p.rows()), len(p.rows()[0])) for p in a.parameters()] == [
        (p.name, len(p.rows()), len(p.rows()[0])) for p in b.parameters()
    ]


def shrink(model: Sequential, amount: float) -> None:
    """Bring each weight nearer to 0 by `amount`, and to 0 at most; biases are left.

    w ← sign(w) max(|w| − amount, 0): the proximal step of the L1 penalty λ Σ|w|, with amount =
    learning rate · λ · updates. Source: I. Daubechies, M. Defrise and C. De Mol, An iterative
    thresholding algorithm (2004).
    """
    for layer in model.layers:
        if isinstance(layer, Dense):
            for row in layer.W:
                row[:] = [max(w - amount, 0.0) if w > 0.0 else min(w + amount, 0.0) for w in row]


def weight_name(parameter: str, row: int, column: int) -> str:
    """Return what a single weight is called: "0.W[1][0]", and a bias "0.b[0]"."""
    return f"{parameter}[{column}]" if parameter.endswith(".b") else f"{parameter}[{row}][{column}]"


def weight_at(model: Sequential, name: object) -> tuple[list[float], int]:
    """Return the row of numbers that a weight is in, and its index there."""
    for parameter in model.parameters():
        for i, row in enumerate(parameter.rows()):
            for j in range(len(row)):
                if name == weight_name(parameter.name, i, j):
                    return row, j
    raise SettingError(f"{WHO} has no weight {excerpt(name)} in this network")


def short(rows: Sequence[Sequence[float]]) -> Matrix:
    """Return numbers with five significant digits, which is more than a picture shows."""
    return [[float(f"{value:.5g}") for value in row] for row in rows]
