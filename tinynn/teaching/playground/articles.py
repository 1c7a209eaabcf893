"""The networks of the two articles that stations follow, with the numbers that they print."""

from __future__ import annotations

from ...engines.neural_net import NeuralNet
from ...lesson.activation_layers import Sigmoid
from ...lesson.layers import Dense
from ...lesson.network import Sequential
from ...lesson.optimizer import Optimizer
from ...lesson.optimizers import SGD


def article(name: str) -> tuple[Sequential, str, Optimizer]:
    """Return the network, the loss and the optimizer of "original" or "mazur"."""
    if name == "original":
        # The article adds Xᵀ (error · y (1 − y)). The derivative of the mean of four squares has a
        # factor 2/4 in front of it, and this learning rate takes that away.
        dense = Dense(3, 1, bias=False, weights=NeuralNet(seed=1).synaptic_weights)
        return Sequential(dense, Sigmoid()), "mse", SGD(learning_rate=2.0)
    return (
        Sequential(
            Dense(2, 2, weights=[[0.15, 0.25], [0.20, 0.30]], bias=[0.35, 0.35]),
            Sigmoid(),
            Dense(2, 2, weights=[[0.40, 0.50], [0.45, 0.55]], bias=[0.60, 0.60]),
            Sigmoid(),
        ),
        "mse",  # of two outputs, as the article's sum of ½ (target − output)²
        SGD(learning_rate=0.5),
    )
