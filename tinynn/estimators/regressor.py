"""`Regressor`: predicts numbers from tables."""

from __future__ import annotations

import sys
from typing import Any, Sequence, TypeVar

from ..checks.settings import find, flag
from ..errors import SettingError
from ..lesson.layer import Layer
from ..lesson.loss import Loss
from ..lesson.losses import LOSSES, MeanSquaredError
from ..lesson.matrix import Matrix, Vector
from ..lesson.more_losses import Poisson
from ..lesson.optimizer import Optimizer
from ..metrics import r2_score
from ..preprocessing import TableEncoder
from ..training.callbacks import Callback
from .arrays import in_kind
from .base import Estimator
from .number_targets import Numbers, finite_answers
from .targets import Targets, target_list, weight_list

R = TypeVar("R", bound="Regressor")
NAMES = {"squared_error": "mse", "absolute_error": "mae"}  # scikit-learn's


class Regressor(Estimator):
    """A neural network that predicts one or more numbers for each row of a table.

    X is a table: rows of numbers and text, some of them missing, a NumPy array or a data frame. Its
    text is encoded and its numbers are scaled (see TableEncoder). y has one number or a row of
    numbers per row; the network learns them, and `loss_` measures them, in standard units.
    Predictions are in the units of y; they are lists, or arrays if X is one. See `Parameters` for
    the other parameters.

    loss:  "squared_error" ("mse"), "absolute_error" ("mae"), "huber", "log_cosh", "poisson" (for
           counts: the network learns the logarithm of the mean), or a Loss such as Quantile(0.9);
           scikit-learn uses half the squared error, so with "sgd" its steps are half as long at
           the same rate
    log_target: whether the network learns the logarithm of y, where errors count by their ratio to
           y: for prices, durations and other numbers of at least 0 that span magnitudes. If any y
           is 0, it is log(1 + y). Predictions, `score` and `validation_scores_` are in the units of
           y; a prediction is then typical like a median, and lower than the mean of such y

    >>> X, y = [[1], [2], [3], [4], [5], [6]], [2, 4, 6, 8, 10, 12]
    >>> model = Regressor((), learning_rate_init=0.01, n_iter_no_change=30, random_state=0)
    >>> round(model.fit(X, y).predict([[7]])[0], 1)
    14.0
    """

    kind = "regressor"
    _estimator_type = "regressor"  # for scikit-learn before 1.6
    loss: str | Loss
    log_target: bool
    _targets: Numbers

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str | Sequence[str] = "relu",
        *,
        loss: str | Loss = "squared_error",
        solver: str | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: object = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool | str = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        log_target: bool = False,
        dropout: float | Sequence[float] = 0.0,
        clip_norm: float | None = None,
        encoder: TableEncoder | None = None,
        callbacks: Sequence[Callback] = (),
        engine: str = "auto",
    ) -> None:
        self._take(locals())

    def partial_fit(self: R, X: Any, y: Any, sample_weight: object = None) -> R:
        """Train for one epoch on these rows, which may be new ones.

        The first call fits the encoder and the scale of y to its rows alone. If they are not
        typical, give an `encoder` with `kinds`, or use `fit_stream`, which reads all rows first.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> Any:
        """Return a number for each row, or a row of numbers if y had several per row.

        Raises DataError for a row whose answer is too large for a float.
        """
        outputs = self._outputs(X)
        return in_kind(finite_answers(self._targets.answers(outputs)), X)

    def score(self, X: Any, y: Any, sample_weight: object = None) -> float:
        """Return R², averaged over outputs: 1 if perfect, 0 for predicting the mean."""
        outputs = self._outputs(X)
        answers = self._targets.answers(outputs)
        return r2_score(target_list("Regressor", y), answers, weight_list(sample_weight))

    def _new_targets(self) -> Numbers:
        asked = "log" if flag("Regressor", "log_target", self.log_target) else ""
        if self._counts:
            if asked:
                raise SettingError(
                    "Regressor needs log_target=False for loss='poisson', whose outputs are "
                    "logarithms already"
                )
            asked = "poisson"
        return Numbers(asked=asked)

    @property
    def _counts(self) -> bool:
        return self.loss == Poisson.name or isinstance(self.loss, Poisson)

    def _head(self, targets: Targets) -> tuple[Layer | None, Loss, float]:
        name = self.loss
        if self._counts and isinstance(targets, Numbers):
            # scikit-learn's loss is of the numbers themselves, and summed over the outputs.
            unit = sum(targets.scaler.mean) / targets.outputs
            return None, Poisson(), 1.0 / unit / targets.outputs
        loss = find(Loss, LOSSES, NAMES.get(name, name) if isinstance(name, str) else name)
        # alpha is relative to half the squared error, summed over the outputs, as in scikit-learn.
        scale = 2.0 if isinstance(loss, MeanSquaredError) else 1.0
        return None, loss, scale / targets.outputs

    def _after_targets(self) -> None:
        if self._targets.scaling[2] == "exp" and self._counts:
            self.out_activation_ = "exp"

    def _score_rows(self, T: Matrix, Y: Matrix, weights: Vector | None) -> float:
        if self._targets.link:
            T, Y = self._targets.originals(T), self._targets.answers(Y)
        return r2_score(T, Y, weights)

    def __sklearn_tags__(self) -> Any:
        utils: Any = sys.modules["sklearn.utils"]
        return self._tags("regressor", regressor_tags=utils.RegressorTags())
