"""One step of training, made on copies of a network, with every number that occurs on the way."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NamedTuple

from ...checks.words import excerpt
from ...errors import SettingError, ShapeError
from ...lesson.layer import Layer
from ...lesson.loss import Loss
from ...lesson.losses import by_name as loss_by_name
from ...lesson.matrix import Matrix
from ...lesson.network import Sequential
from ...lesson.optimizer import Optimizer
from ...lesson.parameters import Parameter
from ...lesson.random_streams import epoch_stream
from ...training.lbfgs import LBFGS, by_name as optimizer_by_name
from ...training.trainer import Trainer
from ...training.training_data import check_pair, data_of_rows


class OneStep(NamedTuple):
    """One step of training: what went in, and what the lesson computed.

    network, after:  copies before and after the update; the layers of `passed` keep their gradients
    outputs:         of each layer, after the inputs: one matrix more than there are layers
    derivatives:     of the loss by each of `outputs`; [] where the lesson computes none
    joint:           whether the loss's derivative includes that of the last layer
    memory:          the optimizer's before the step, and `remembered` after it
    rate, number:    of this update, counted from 1
    loss_after:      the loss of the same rows after the update, as in training
    clip_norm, clip_value: what the gradients are clipped to, or None
    """

    network: Sequential
    passed: Sequential
    after: Sequential
    loss: Loss
    optimizer: Optimizer
    X: Matrix
    T: Matrix
    outputs: list[Matrix]
    derivatives: list[Matrix]
    value: float
    joint: bool
    memory: dict[str, Any]
    remembered: dict[str, Any]
    rate: float
    number: int
    loss_after: float
    clip_norm: float | None = None
    clip_value: float | None = None

    @property
    def layers(self) -> list[Layer]:
        """The layers, with what they kept of this step."""
        return self.passed.layers

    def gradients(self) -> list[Parameter]:
        """Return the parameters, as they were before the step, with their gradients."""
        return self.passed.parameters()


def step_of(
    model: Sequential,
    inputs: Any,
    targets: Any,
    loss: str | Loss,
    optimizer: str | Optimizer,
    clip_norm: float | None = None,
    clip_value: float | None = None,
) -> OneStep:
    """Return the step that `fit` would make with all of these rows as one batch.

    The model is not changed. Raises what `fit` raises.
    """
    if not isinstance(model, Sequential):
        raise SettingError(
            f"explain needs a network, Sequential or NeuralNet, got {excerpt(model)}{_mend(model)}"
        )
    rule = optimizer_by_name(optimizer)
    if isinstance(rule, LBFGS):
        raise SettingError(
            "explain shows one update from one gradient, and LBFGS tries several steps; use "
            "another optimizer, such as SGD"
        )
    before, after = deepcopy(model), deepcopy(model)
    measured = loss_by_name(loss)
    check_pair(before, measured)
    X, T, _ = data_of_rows(before, measured, inputs, targets)
    _check_rows(before, len(X))
    trainer = Trainer(after, loss=loss, optimizer=rule, batch_size=None, shuffle=False,
                      engine="lists", clip_norm=clip_norm, clip_value=clip_value)  # fmt: skip
    trainer.partial_fit(inputs, targets)
    trained = before.training if before.training.get("optimizer") == rule.to_dict() else {}
    passed, again = deepcopy(before), deepcopy(after)
    if any(type(layer).seed_noise is not Layer.seed_noise for layer in passed.layers):
        # As `fit` does before an epoch; the same noise again for the loss after the step.
        noise = epoch_stream(~0, trained.get("epochs", 0)).getrandbits(32)
        passed.seed_noise(noise)
        again.seed_noise(noise)
    outputs, derivatives, joint = _passed(passed, measured, X, T)
    return OneStep(
        before, passed, after, measured, rule, X, T, outputs, derivatives,
        measured(outputs[-1], T), joint, trained.get("memory", {}), after.training["memory"],
        trainer.learning_rate, trained.get("steps", 0) + 1, measured(again.forward(X, True), T),
        clip_norm, clip_value,
    )  # fmt: skip


def _mend(model: object) -> str:
    if isinstance(getattr(model, "network_", None), Sequential):
        return "; did you mean its network, model.network_?"
    if not isinstance(model, str):
        return ""
    where = "tinynn.teaching.explain.examples"
    return f"; the examples are mazur, original and xor: {where}.example({excerpt(model)})"


def _check_rows(network: Sequential, rows: int) -> None:
    """Raise ShapeError if a layer takes means over more rows than there are."""
    for k, layer in enumerate(network.layers):
        if rows < layer.least_rows:
            raise ShapeError(
                f"explain needs at least {layer.least_rows} rows, because layer {k}, {layer!r}, "
                f"computes with all rows of a batch, got {rows}"
            )


def _passed(
    network: Sequential, loss: Loss, X: Matrix, T: Matrix
) -> tuple[list[Matrix], list[Matrix], bool]:
    """Pass rows forward and derivatives backward, layer by layer, as `backpropagate` does."""
    outputs = [X]
    for layer in network.layers:
        outputs.append(_copy(layer.forward(_copy(outputs[-1]), True)))
    joint = loss.joins(network.layers[-1])
    derivatives: list[Matrix] = [[] for _ in outputs]
    dY = (loss.logits_gradient if joint else loss.gradient)(outputs[-1], T)
    last = len(network.layers) - joint
    derivatives[last] = _copy(dY)
    for k in reversed(range(last)):
        dY = network.layers[k].backward(dY, k > 0)
        derivatives[k] = _copy(dY)
    return outputs, derivatives, joint


def _copy(rows: Matrix) -> Matrix:
    return [list(row) for row in rows]
