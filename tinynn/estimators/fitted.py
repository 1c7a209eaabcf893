"""The attributes of an estimator after `fit`."""

from __future__ import annotations

from typing import Any

from ..lesson.network import Sequential
from ..preprocessing import TableEncoder
from ..training.history import History
from .parameters import Parameters
from .targets import Targets


class Fitted(Parameters):
    """An estimator with the attributes that `fit` sets.

    network_, encoder_:     the trained Sequential and the fitted TableEncoder
    history_:               the History of the last training
    loss_curve_, loss_:     the loss of each epoch since the network was made, with the penalty, and
                            of the last one; `best_loss_` is the smallest
    validation_scores_:     the score of each epoch on the validation rows, if `early_stopping`;
                            `best_validation_score_` is the highest
    n_iter_:                the number of epochs of the last training
    t_:                     how many rows the solver has been shown, in all epochs since the network
                            was made; 0 for "lbfgs"
    coefs_, intercepts_:    the weights (inputs × outputs) and biases of each layer
    n_features_in_:         the number of the table's columns
    feature_names_in_:      the names of the columns, if they have any
    n_outputs_, n_layers_:  the number of outputs, and of layers including the inputs
    out_activation_:        the name of the output activation
    """

    # Declared for the type checker only: scikit-learn expects these to be absent before `fit`.
    network_: Sequential
    encoder_: TableEncoder
    history_: History
    loss_curve_: list[float]
    loss_: float
    best_loss_: float | None
    validation_scores_: list[float] | None
    best_validation_score_: float | None
    n_iter_: int
    t_: int
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
