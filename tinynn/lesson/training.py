"""Training: forward, loss, backward and update, for every batch of every epoch.

This is the whole loop, the last page of the lesson. `fit` does the same, with more convenience
(shuffling, validation, callbacks, checks of the data) and more speed (the engines). Set a
breakpoint here, and watch a network learn.
"""

from __future__ import annotations

from math import isfinite

from ..errors import DivergenceError
from .loss import Loss
from .matrix import Matrix, Rows, Vector
from .network import Sequential
from .optimizer import Memory, Optimizer


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

    inputs: samples × inputs; targets: samples × outputs. Except for dropout, whose noise `fit`
    seeds, the weights equal those of `fit(..., engine="lists", shuffle=False)` to the last bit.

    Raises DivergenceError if a loss is no longer finite.
    """
    memory: dict[str, Memory] = {}
    history: list[float] = []
    step = 0
    for epoch in range(epochs):
        total = 0.0
        for start in range(0, len(inputs), batch_size):
            X, T = inputs[start : start + batch_size], targets[start : start + batch_size]
            total += len(X) * backpropagate(network, loss, X, T)
            update(network, optimizer, memory, optimizer.rate(epoch, step), step + 1)
            step += 1
        history.append(total / len(inputs))
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
    for parameter in network.parameters():
        rule = optimizer if parameter.is_matrix else optimizer.for_biases()
        for i, (w, g) in enumerate(zip(parameter.rows(), parameter.gradient_rows())):
            start = {name: [number] * len(w) for name, number in rule.start().items()}
            remembered = memory.setdefault(f"{parameter.name}, row {i}", start)
            w[:] = rule.update(w, g, remembered, rate, t)
