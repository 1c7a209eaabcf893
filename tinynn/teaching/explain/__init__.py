"""One step of training as it would be written on a board: formulas, the numbers put in, results."""

from __future__ import annotations

from typing import Any

from ...errors import SettingError
from ...lesson.loss import Loss
from ...lesson.network import Sequential
from ...lesson.neural_net import NeuralNet
from ...lesson.optimizer import Optimizer
from .explanation import DIGITS, Explanation, Passage, explain_network
from .lines import Equation
from .original import explain_original

__all__ = ["Equation", "Explanation", "Passage", "explain"]


def explain(
    model: Sequential | NeuralNet,
    inputs: Any,
    targets: Any,
    loss: str | Loss = "mse",
    optimizer: str | Optimizer = "sgd",
    only: str | list[str] | None = None,
    digits: int = DIGITS,
    clip_norm: float | None = None,
    clip_value: float | None = None,
) -> Explanation:
    """Return one step of training, every line with its formula, the numbers in it, and the result.

    It is the step that `fit` would make next with all of these rows as one batch: dropout and batch
    normalization as in training, the optimizer with what it remembers. The model is not changed.

    inputs, targets:  as for `fit`
    only:             what to show: "layer 0", "row 1" (counted from 1), "forward", "loss",
                      "backward", "update", or a weight, "0.W[1][0]"; several in a list or with
                      commas. Without it, what is long is folded
    digits:           decimals of the numbers shown; results keep all of theirs
    clip_norm, clip_value: as in `fit`

    Print the explanation, show it in a notebook, or take its `lines`. A layer, loss or optimizer
    without a known formula is shown by what goes in and what comes out. If a layer computes
    something other than its formula, its line says so.

    Raises what `fit` raises, and SettingError for an `only` that the network does not have.

    >>> import tinynn as nn
    >>> net = nn.Sequential(nn.Dense(1, 1, weights=[[2.0]], bias=[0.5]))
    >>> print(explain(net, [[3.0]], [[6.0]], optimizer=nn.SGD(0.1), only="update").lines[0].numbers)
    2 − 0.1·3
    """
    if isinstance(model, NeuralNet):
        if (loss, optimizer, clip_norm, clip_value) != ("mse", "sgd", None, None):
            raise SettingError(
                "a NeuralNet learns by a rule of its own; leave out loss, optimizer and clipping"
            )
        return explain_original(model, inputs, targets, only, digits)
    return explain_network(
        model, inputs, targets, loss, optimizer, only, digits, False, clip_norm, clip_value
    )
