"""Training: forward, loss, backward and update, for every batch of every epoch.

This is the whole loop, the last page of the lesson; `fit` does the same with more convenience and
speed. Set a breakpoint here, and watch a network learn.
"""

from __future__ import annotations

from math import isfinite

from ..errors import DivergenceError
from .freezing import frozen_names
from .loss import Loss
from .matrix import Matrix, Rows, Vector
from .network import Sequential
from .optimizer import Memory, Optimizer
from .samples import joined


def train(
    network: Sequential,
    inputs: Matrix,
    targets: Rows,
    loss: Loss,
    optimizer: Optimizer,
    epochs: int = 1,
    batch_size: int = 32,
) -> list[float]:
    """Train the network on rows of numbers, in order; return the mean loss of each epoch.

    inputs: samples × inputs; targets: samples × outputs; for sequences, a list of such rows each.
    Except for dropout's noise, the weights are those of `fit(..., engine="lists", shuffle=False)`.

    Raises DivergenceError if a loss is no longer finite.
    """
    memory: dict[str, Memory] = {}
    history: list[float] = []
    step = 0
    for epoch in range(epochs):
        total, rows = 0.0, 0
        for start in range(0, len(inputs), batch_size):
            X, T = inputs[start : start + batch_size], targets[start : start + batch_size]
            if network.reads_steps:
                X, T = joined(X), joined(T)
            total, rows = total + len(T) * backpropagate(network, loss, X, T), rows + len(T)
            update(network, optimizer, memory, optimizer.rate(epoch, step), step + 1)
            step += 1
        history.append(total / rows)
    return history


def backpropagate(
    network: Sequential, loss: Loss, X: Matrix, T: Rows, sample_weight: Vector | None = None
) -> float:
    """Return the mean loss of a batch; the layers store its derivative by each parameter.

    Raises DivergenceError if the loss is not finite.
    """
    Y = network.forward(X, training=True)
    value = loss(Y, T, sample_weight)
    if not isfinite(value):
        raise DivergenceError(f"the loss became {value}")
    joint = loss.joins(network.layers[-1])
    dY = (loss.logits_gradient if joint else loss.gradient)(Y, T, sample_weight)
    network.backward(dY, skip_last=joint)
    return value


def update(
    network: Sequential, optimizer: Optimizer, memory: dict[str, Memory], rate: float, t: int
) -> None:
    """Update all weights from their gradients by the optimizer's rule; t counts updates from 1."""
    frozen = frozen_names(network.layers)
    for parameter in [each for each in network.parameters() if each.name not in frozen]:
        rule = optimizer if parameter.is_matrix else optimizer.for_biases()
        for i, (w, g) in enumerate(zip(parameter.rows(), parameter.gradient_rows())):
            start = {name: [number] * len(w) for name, number in rule.start().items()}
            remembered = memory.setdefault(f"{parameter.name}, row {i}", start)
            w[:] = rule.update(w, g, remembered, rate, t)
