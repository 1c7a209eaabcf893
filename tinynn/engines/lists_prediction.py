"""Prediction with the `lists` engine: one row through copies of the lesson's layers."""

from __future__ import annotations

from copy import deepcopy
from functools import partial
from typing import Callable, Sequence

from ..lesson.layer import Layer
from ..lesson.layers import Dense
from ..lesson.matrix import Vector, dot, transpose
from ..lesson.network import Sequential
from .contract import Predictor, output_check


def predictor(network: Sequential) -> Predictor:
    """Return a function of one row that runs copies of the layers, dense ones by their columns."""
    steps: list[Callable[[Vector], Vector]] = []
    for layer in deepcopy(network.layers):
        if type(layer) is Dense:
            columns, b = transpose(layer.W), layer.b or [0.0] * layer.outputs
            steps.append(partial(_dense, list(zip(columns, b))))
        else:
            steps.append(partial(_one_row, layer))

    checked = output_check(network)

    def predict(row: Sequence[float]) -> Vector:
        """Return the network's outputs for one row of numbers."""
        x = list(row)
        for step in steps:
            x = step(x)
        return checked(x)

    return predict


def _dense(columns: list[tuple[Vector, float]], x: Vector) -> Vector:
    return [dot(x, w) + b for w, b in columns]


def _one_row(layer: Layer, x: Vector) -> Vector:
    return layer.forward([x])[0]
