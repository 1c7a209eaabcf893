"""What an estimator knows after `fit`."""

from __future__ import annotations

from typing import Any

from ..lesson.network import Sequential
from ..preprocessing import TableEncoder
from ..training.history import History
from .parameters import Parameters
from .targets import Targets


class Fitted(Parameters):
    """An estimator and what `fit` leaves in it.

    After `fit`:

    network_, encoder_, history_:  the Sequential, the fitted TableEncoder, the last training
    loss_curve_, loss_:            the loss of each epoch with its penalty, and the last of them;
                                   `best_loss_` is the least
    validation_scores_:            of each epoch with `early_stopping`, and `best_validation_score_`
    n_iter_:                       how many epochs there were
    coefs_, intercepts_:           weights (inputs × outputs) and biases, layer by layer
    n_features_in_:                the table's columns, and `feature_names_in_` if they have names
    n_outputs_, n_layers_:         the network's outputs; its layers of neurons, inputs included
    """

    # Set by fit; declared here for the type checker, absent until then, as scikit-learn expects.
    network_: Sequential
    encoder_: TableEncoder
    history_: History
    loss_curve_: list[float]
    loss_: float
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    n_iter_: int
    n_features_in_: int
    feature_names_in_: Any
    n_outputs_: int
    n_layers_: int
    out_activation_: str
    _targets: Targets
    _seed: int
    _penalty_scale: float
    _arrays: bool

    kind = ""  # the kind of its model files
